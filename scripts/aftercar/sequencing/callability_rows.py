"""Rows of CALLABILITY: what a specimen says about losses of a gene, and where it is silent."""

from aftercar.sequencing.callability import (
    BaseLimits,
    hidden_at_edges_only,
    hidden_stretches,
    measure_callability,
    shallow_exons,
)
from aftercar.sequencing.consequence import MAY_ALTER_SPLICING, SPLICE
from aftercar.sequencing.genes import Gene
from aftercar.sequencing.variants import CallSettings

RNA_LIMIT = "RNA: limited by expression; an allele that is not transcribed or decays is not seen"

MAX_DOUBTS = 3  # variants that leave a statement open and are named; further ones are counted
SMALL_VARIANTS = (
    "the limit holds for small variants; the loss of a whole exon or gene is not excluded"
)
NEAR_EDGES = (
    "deep, but reads that end at exon edges do not show changes of length near an exon edge"
)


def is_loss_of_function(row: dict[str, object]) -> bool:
    """Whether a row of VARIANTS is a called loss of function (T1, T2, or a pathogenic hotspot)."""
    hotspot = row["tier"] == "T3" and "pathogenic hotspot" in str(row["flags"])
    return row["filter"] == "PASS" and (row["tier"] in ("T1", "T2") or hotspot)


def doubt(row: dict[str, object]) -> str:
    """Return why a variant that is no called loss of function may be one; empty: nothing says so.

    Its exon is then neither lost nor free of losses.
    """
    if is_loss_of_function(row) or row["tier"] == "POLYMORPHISM":
        return ""
    name, called = row["hgvs_c"], row["filter"] == "PASS"
    if not called:
        doubted = row["tier"] in ("T1", "T2")
        return f"{name} would be a loss but is doubted ({row['filter']})" if doubted else ""
    if row["nmd_candidate"] == "yes":
        return f"{name} ends the protein behind the membrane part, but the transcript may decay"
    if row["consequence"] in SPLICE or MAY_ALTER_SPLICING in str(row["flags"]):
        return f"{name} may alter splicing"
    return ""


def _exons(row: dict[str, object]) -> list[str]:
    """Return the exons that a row of VARIANTS names: 2-4 are three."""
    numbers = [int(part) for part in str(row["exon"]).split("-") if part]
    return [str(n) for n in range(numbers[0], numbers[-1] + 1)] if numbers else []


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
    only of a fraction that would have been seen, of the bases where it would, and where no variant
    leaves it open. `left_out` says why no read at all was used.
    """
    rna, target = who["assay"] == "rna", settings.target_vaf
    parts = measure_callability(gene, limits, settings)
    lost = {exon for row in called if is_loss_of_function(row) for exon in _exons(row)}
    open_questions: dict[str, list[str]] = {str(part["exon"]): [] for part in parts}
    for row in called:
        if why := doubt(row):
            touched = [exon for exon in _exons(row) if exon in open_questions]
            for exon in [*touched, "all"] if touched else []:
                open_questions[exon].append(why)
    shallow = shallow_exons(parts, target)
    reasons = {exon: _why_shallow(gene, limits, exon, target, rna=rna) for exon in shallow}
    covered = any(part["depth"] for part in parts)
    made = []
    for part in parts:
        exon, flags = str(part["exon"]), _first_few(open_questions[str(part["exon"])])
        limit = part["detectable_vaf"]
        if exon == "all":
            short = _by_reason(reasons, whole=len(shallow) == len(parts) - 1)
        else:
            short = [reasons[exon]] if exon in reasons else []
        unread = part["depth"] == 0 and part["callable_fraction"] == 0 and limit is None
        if exon in lost or (exon == "all" and lost):
            status = "QUANTIFIED"
            flags = [*short, *flags] if exon == "all" else []
        elif unread and not flags:
            status = "NOT_ASSESSED"
            why = f"no coverage: all reads left out, {left_out}" if left_out else "no coverage"
            if covered:
                why = (
                    "no coverage, though other exons have reads: lost in all cells or not captured"
                )
            flags = [why]
        elif flags or short:
            status, flags = "INDETERMINATE", [*flags, *short]
        else:
            # silence of RNA is no proof: the allele may not be transcribed
            status = "INDETERMINATE" if rna else "NOT_DETECTED"
            if hidden := hidden_stretches(gene, limits, target, exon):
                edges = ", or near an exon edge" if rna else ""
                flags = [f"not for bases {hidden}: too shallow, or runs of equal bases{edges}"]
            if exon == "all" and not rna:
                flags = [*flags, SMALL_VARIANTS]
        flags = [*flags, RNA_LIMIT] if rna else flags
        made.append(
            who | {"gene": gene.symbol} | part | {"status": status, "flags": "; ".join(flags)}
        )
    return made


def _first_few(doubts: list[str]) -> list[str]:
    more = len(doubts) - MAX_DOUBTS
    return doubts[:MAX_DOUBTS] + ([f"and {more} more such variants"] if more > 0 else [])


def _why_shallow(gene: Gene, limits: BaseLimits, exon: str, target: float, *, rna: bool) -> str:
    if rna and hidden_at_edges_only(gene, limits, target, exon):
        return NEAR_EDGES
    return f"too shallow for a variant fraction of {target:g}"


def _by_reason(reasons: dict[str, str], *, whole: bool) -> list[str]:
    """Return each reason with its exons; of a single reason for all exons none is named."""
    found = []
    for reason in sorted(set(reasons.values()), reverse=True):
        exons = [exon for exon, why in reasons.items() if why == reason]
        everywhere = whole and len(exons) == len(reasons)
        found.append(reason if everywhere else f"{reason} in exon {', '.join(exons)}")
    return found
