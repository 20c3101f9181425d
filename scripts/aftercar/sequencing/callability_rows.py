"""Rows of CALLABILITY: what a specimen says about losses of a gene, and where it is silent."""

from aftercar.sequencing.callability import (
    BaseLimits,
    hidden_stretches,
    measure_callability,
    shallow_exons,
)
from aftercar.sequencing.genes import Gene
from aftercar.sequencing.variants import CallSettings

RNA_LIMIT = "RNA: limited by expression; an allele that is not transcribed or decays is not seen"


def is_loss_of_function(row: dict[str, object]) -> bool:
    """Whether a row of VARIANTS is a called loss of function (T1, T2, or a pathogenic hotspot)."""
    hotspot = row["tier"] == "T3" and "pathogenic hotspot" in str(row["flags"])
    return row["filter"] == "PASS" and (row["tier"] in ("T1", "T2") or hotspot)


def callability_rows(
    who: dict[str, object],
    gene: Gene,
    limits: BaseLimits,
    called: list[dict[str, object]],
    settings: CallSettings,
    left_out: str = "",
) -> list[dict[str, object]]:
    """Return a row for each coding exon and for the gene, with the statement that it allows.

    `who` names specimen and assay, `called` are its rows of VARIANTS. "No loss of function" is said
    only of a fraction that would have been seen, and of the bases where it would.
    `left_out` says why no read at all was used.
    """
    rna = who["assay"] == "rna"
    lost = {str(row["exon"]) for row in called if is_loss_of_function(row)}
    made = []
    parts = measure_callability(gene, limits, settings)
    shallow = shallow_exons(parts, settings.target_vaf)
    hidden = hidden_stretches(gene, limits, settings.target_vaf)
    where = "" if len(shallow) == len(parts) - 1 else f" in exon {', '.join(shallow)}"
    too_shallow = f"too shallow for a variant fraction of {settings.target_vaf:g}"
    for part in parts:
        exon, flags = str(part["exon"]), [RNA_LIMIT] if rna else []
        limit = part["detectable_vaf"]
        if exon in lost or (exon == "all" and lost):
            status = "QUANTIFIED"
            if exon == "all" and shallow:
                flags.insert(0, too_shallow + where)
        elif part["depth"] == 0 and part["callable_fraction"] == 0 and limit is None:
            status = "NOT_ASSESSED"
            flags.insert(
                0, f"no coverage: all reads left out, {left_out}" if left_out else "no coverage"
            )
        elif limit is not None and float(str(limit)) <= settings.target_vaf:
            # silence of RNA is no proof: the allele may not be transcribed
            status = "INDETERMINATE" if rna else "NOT_DETECTED"
            if exon == "all" and hidden:
                flags.insert(0, f"not for bases {hidden}: too shallow, or runs of equal bases")
        else:
            status = "INDETERMINATE"
            flags.insert(0, too_shallow + (where if exon == "all" else ""))
        made.append(
            who | {"gene": gene.symbol} | part | {"status": status, "flags": "; ".join(flags)}
        )
    return made
