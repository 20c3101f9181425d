"""The page on quality: what FAILED and why, checks by batch, drift of the cuts."""

import pandas as pd

from aftercar.contracts.cytometry import CUT_DENSITIES
from aftercar.report.concordance import concordance_by_gate, disagreements
from aftercar.report.drift import drift_figures, drift_of_cuts
from aftercar.report.numbers import day_text, number, plain_rows
from aftercar.report.patient import RESEARCH_USE
from aftercar.report.specimens import check_title, check_value, specimen_rows
from aftercar.report.tabulate import dash, table
from aftercar.report.words import ASSAY_WORDS, chip

VERDICTS = ("FAIL", "FLAG", "NOT_POSSIBLE", "PASS")


def quality_content(
    quality: pd.DataFrame,
    checks: pd.DataFrame,
    cuts: pd.DataFrame,
    batch_cuts: pd.DataFrame,
    samples: list[dict[str, str]],
    *,
    densities: pd.DataFrame | None = None,
    concordance: pd.DataFrame | None = None,
    versions: dict[str, str],
    code: str,
    cohort: str,
) -> dict:
    """Return what the quality page shows, from QUALITY, INPUT_CHECKS, CUTS and BATCH_CUTS.

    `densities` is CUT_DENSITIES, for the curves beside the cuts, `concordance` CONCORDANCE (None:
    no such table). `samples` are all rows of samples.tsv, controls too, with `yes` in the columns
    of files.
    """
    rows = plain_rows(quality)
    fates = specimen_rows([s | {"day": s["day"]} for s in samples], rows)
    failed = [s for s in fates if s["fate"]["status"] == "FAIL"]
    return {
        "cohort": cohort,
        "intended_use": RESEARCH_USE,
        "specimens": len(fates),
        "counts": _fate_counts(fates),
        "failed": table(
            "Specimens that FAILED: nothing is known from them",
            ("Specimen", "Day", "Assay", "Batch", "What was found and what to do"),
            [
                (s["sample_id"], day_text(s["day"]), s["assay"], dash(s["batch"]), s["failed"])
                for s in failed
            ],
            empty="No specimen FAILED.",
        ),
        "input_problems": table(
            "Problems in the headers of input files, found before the analysis",
            ("Specimen", "#Row of samples.tsv", "Found", "Expected", "Remedy"),
            [
                (r["sample_id"], str(r["row"]), r["problem"], r["expected"], r["remedy"])
                for r in plain_rows(checks)
            ],
            empty="No problem was found in the headers of the input files.",
        ),
        "flags": table(
            "Checks that did not simply pass",
            ("Specimen", "Batch", "Assay", "Check", "#Value", "Verdict", "Message"),
            [
                (
                    r["sample_id"],
                    dash(r["batch"]),
                    ASSAY_WORDS[r["assay"]],
                    check_title(r["check"]),
                    check_value(r),
                    chip("verdict", r["verdict"]),
                    dash(r["message"]),
                )
                for r in sorted(
                    rows, key=lambda r: (VERDICTS.index(r["verdict"]), r["batch"], r["sample_id"])
                )
                if r["verdict"] in ("FLAG", "NOT_POSSIBLE")
            ],
            empty="Every check passed." if rows else "No quality check was made.",
        ),
        "batches": _batch_table(rows),
        "drift": drift_of_cuts(cuts, CUT_DENSITIES.empty() if densities is None else densities),
        "concordance": concordance_by_gate([] if concordance is None else plain_rows(concordance)),
        "disagreements": disagreements([] if concordance is None else plain_rows(concordance)),
        "controls": table(
            "Cuts placed by the controls of each batch",
            (
                "Batch",
                "Panel",
                "Marker",
                "#Cut",
                "Source",
                "Control",
                "#Background events",
                "Remarks",
            ),
            [
                (
                    r["batch"],
                    r["panel"].replace("_", " "),
                    r["marker"],
                    "no cut" if r["cut"] is None else number(r["cut"]),
                    r["source"].lower().replace("none", "no usable control"),
                    dash(r["control_sample_id"]),
                    "not counted"
                    if r["background_events"] is None
                    else f"{r['background_events']:,}",
                    dash(r["flags"]),
                )
                for r in plain_rows(batch_cuts)
            ],
            empty="No batch has controls: every cut was placed on the data of its own specimen.",
        ),
        "versions": versions,
        "code": code,
    }


def _fate_counts(fates: list[dict]) -> list[dict[str, object]]:
    """Return how many specimens share each fate, the worst first."""
    counts: dict[str, dict] = {}
    for specimen in fates:
        fate = specimen["fate"]
        counts.setdefault(fate["text"], {"fate": fate, "count": 0})["count"] += 1
    return list(counts.values())


def _batch_table(rows: list[dict]) -> dict:
    """Return checks by batch and verdict."""
    batches = sorted({(r["batch"] or "unbatched", r["assay"]) for r in rows})
    lines = []
    for batch, assay in batches:
        mine = [r for r in rows if (r["batch"] or "unbatched", r["assay"]) == (batch, assay)]
        counts = [sum(r["verdict"] == verdict for r in mine) for verdict in VERDICTS]
        specimens = len({r["sample_id"] for r in mine})
        lines.append((batch, ASSAY_WORDS[assay], str(specimens), *map(str, counts)))
    return table(
        "Checks by batch and assay",
        ("Batch", "Assay", "#Specimens", "#Failed", "#Flagged", "#Not possible", "#Passed"),
        lines,
        empty="No quality check was made.",
    )


def quality_figures(content: dict) -> dict[str, object]:
    """Return the plots of drift, and the table of the same medians."""
    return drift_figures(content["drift"])
