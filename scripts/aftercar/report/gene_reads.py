"""What reads of a gene allow to say: one statement per specimen, and the limits behind it."""

import math
from collections.abc import Callable, Sequence

from aftercar.report.domains import specimen_title
from aftercar.report.numbers import count_text, fraction_text, number, percent, percentages
from aftercar.report.tabulate import dash, table
from aftercar.report.words import chip


def answer_table(callability: list[dict], variants: list[dict]) -> dict:
    """Return per gene and specimen what its reads say of loss of function, negatives with limits.

    The statement comes from the row of all exons: a VAF, and the share of the coding sequence on
    which it would have shown.
    """
    return table(
        "Loss of function by small variants, per gene and specimen. A VAF is a share of all "
        "copies in the specimen: where few cells are leukemic, all of them may carry a variant "
        "that is too rare to be seen.",
        ("Specimen", "Gene", "Finding", "What the reads say", "Remarks"),
        [
            (
                specimen_title(r),
                r["gene"],
                chip("callability", r["status"]),
                _statement(r, variants),
                dash(percentages(r["flags"])),
            )
            for r in sorted(callability, key=_order)
            if r["exon"] == "all"
        ],
        empty="loss of function: not tested (it needs DNA reads)",
    )


def _statement(row: dict, variants: list[dict]) -> str:
    status, share = row["status"], row["callable_fraction"]
    vaf = percent(row["target_vaf"])
    bases = None if share is None else _rounded_down(share)
    limit = row["detectable_vaf"]
    larger = ""
    if limit is not None and limit > row["target_vaf"]:
        larger = f", one of {percent(limit)} on at least 95 % of each exon"
    would_show = (
        f"a VAF of {vaf} would show on {bases} of the coding sequence (CDS){larger}"
        if bases
        else "on which bases a variant would show is not known"
    )
    if status == "QUANTIFIED":
        named = [_named(v) for v in variants if _is_the_loss(v, row)]
        return f"Found: {'; '.join(named) or 'see the variants'}. Others: {would_show}"
    if status == "NOT_DETECTED" and bases:
        return (
            f"No {row['gene']} loss of function by a small variant with a VAF of {vaf} or more "
            f"over {bases} of the coding sequence (CDS)"
        )
    if status in ("NOT_ASSESSED", "NOT_APPLICABLE", "FAILED"):
        return f"Nothing is known of {row['gene']} from this specimen"
    silent = "; silence of RNA is no absence" if row["assay"] == "rna" else ""
    return f"Cannot tell, see the remarks{silent}; {would_show}"


def _rounded_down(share: float) -> str:
    """Write a share as a percentage that is never too high: 99.97 % of the bases are not all."""
    return percent(math.floor(1000 * share + 1e-6) / 1000)


def _is_the_loss(variant: dict, row: dict) -> bool:
    """Whether a row of VARIANTS is a called loss of function of this specimen and gene."""
    same = all(variant[name] == row[name] for name in ("sample_id", "gene"))
    loss = variant["tier"] in ("T1", "T2") or "pathogenic hotspot" in (variant["flags"] or "")
    return same and loss and variant["filter"] == "PASS"


def _named(variant: dict) -> str:
    name = f"{variant['hgvs_c']} {variant['hgvs_p']}".strip()
    if variant["vaf"] is None:
        return f"{name}, fraction not known"
    return f"{name}, VAF {fraction_text(variant, 'vaf')}"


def callability_table(callability: list[dict]) -> dict:
    """Return per gene which VAF would have been seen; too shallow is not clean.

    Exons of one specimen that share status and remark share a row.
    """
    shown = [
        r
        for r in sorted(callability, key=_order)
        if r["exon"] == "all" or r["status"] in ("INDETERMINATE", "NOT_ASSESSED", "FAILED")
    ]
    alike: dict[tuple, list[dict]] = {}
    for r in shown:
        unseen = r["detectable_vaf"] is None
        alike.setdefault(
            (r["sample_id"], r["gene"], r["exon"] == "all", r["status"], r["flags"], unseen), []
        ).append(r)
    return table(
        "What the reads could show: the smallest VAF detectable (95 %) on at least 95 % of "
        "the coding bases",
        (
            "Specimen",
            "Gene, exon",
            "#Median depth",
            "#Lowest depth",
            "#Detectable VAF",
            "#Callable at target VAF",
            "Status",
            "Remarks",
        ),
        [
            (
                specimen_title(rows[0]),
                f"{rows[0]['gene']}, {_exons([r['exon'] for r in rows])}",
                _span(rows, "depth", number, "no coverage"),
                _span(rows, "depth_min", count_text, "not counted"),
                _span(rows, "detectable_vaf", percent, _not_on_enough(rows[0])),
                _callable(rows),
                chip("callability", rows[0]["status"]),
                dash(percentages(rows[0]["flags"])),
            )
            for rows in alike.values()
        ],
        empty="sequencing: not tested",
        grouped=True,
        note="Exons that are fully callable are summed up in the row of all exons.",
    )


def _order(row: dict) -> tuple:
    """Sort by specimen in order of days, gene, all exons before each, and exons by number."""
    exon = row["exon"]
    place = -1 if exon == "all" else int(exon) if exon.isdigit() else math.inf
    return row["day"] is None, row["day"] or 0, row["sample_id"], row["gene"], place, exon


def _exons(names: Sequence[str]) -> str:
    """Write exons 2, 3, 4 and 7 as `exons 2 to 4, 7`."""
    if len(names) == 1:
        return "all exons" if names[0] == "all" else f"exon {names[0]}"
    runs: list[list[str]] = []
    for name in names:
        if runs and name.isdigit() and runs[-1][-1] == str(int(name) - 1):
            runs[-1].append(name)
        else:
            runs.append([name])
    said = (
        ", ".join(run) if len(run) < 3 else f"{run[0]} to {run[-1]}"  # "2, 3" needs no range
        for run in runs
    )
    return f"exons {', '.join(said)}"


def _span(rows: list[dict], column: str, write: Callable[[float], str], missing: str) -> str:
    """Write the least and the largest value of a column, or once where they read alike."""
    values = [row[column] for row in rows if row[column] is not None]
    if not values:
        return missing
    least, most = write(min(values)), write(max(values))
    return least if least == most else f"{least} to {most}"


def _not_on_enough(row: dict) -> str:
    """Say that no VAF shows on 95 % of the bases: some of them may be callable all the same."""
    return "not on 95 % of the bases" if row["depth"] else "none: no coverage"


def _callable(rows: list[dict]) -> str:
    said = _span(rows, "callable_fraction", _rounded_down, "")
    return f"{said} at {percent(rows[0]['target_vaf'])}" if said else "not known"
