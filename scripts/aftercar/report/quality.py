"""The page on quality: what FAILED and why, checks by batch, drift of the cuts."""

import numpy as np
import pandas as pd

from aftercar.report.numbers import day_text, number, plain_rows
from aftercar.report.patient import RESEARCH_USE
from aftercar.report.specimens import check_title, check_value, specimen_rows
from aftercar.report.svg import BLUE, GREY, INK, PALE, VERMILLION, drawing, element, line, text
from aftercar.report.tabulate import NOTHING, dash, table
from aftercar.report.words import ASSAY_WORDS, chip

VERDICTS = ("FAIL", "FLAG", "NOT_POSSIBLE", "PASS")
# A batch whose median cut differs by more than this factor from the median of all is marked; a
# convention of this project, to look closer, not a limit of quality.
DRIFT_FACTOR = 2.0


def quality_content(
    quality: pd.DataFrame,
    checks: pd.DataFrame,
    cuts: pd.DataFrame,
    batch_cuts: pd.DataFrame,
    samples: list[dict[str, str]],
    *,
    versions: dict[str, str],
    code: str,
    cohort: str,
) -> dict:
    """Return what the quality page shows, from QUALITY, INPUT_CHECKS, CUTS and BATCH_CUTS.

    `samples` are all rows of samples.tsv, controls too, with `yes` in the columns of files.
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
        "drift": _drift(cuts),
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


def _drift(cuts: pd.DataFrame) -> list[dict]:
    """Return per panel and marker the cuts of all specimens by batch, with the median of all."""
    known = cuts[cuts["cut"].notna()]
    found = []
    pairs = sorted(set(zip(known["panel"], known["marker"], strict=True)))
    for panel, marker in pairs:
        mine = known[(known["panel"] == panel) & (known["marker"] == marker)]
        overall = float(mine["cut"].median())
        batches = []
        for batch, members in mine.groupby("batch", sort=True):
            median = float(members["cut"].median())
            same_sign = median > 0 and overall > 0
            ratio = median / overall if same_sign else float("inf") if median != overall else 1.0
            batches.append(
                {
                    "batch": batch or "unbatched",
                    "cuts": [float(cut) for cut in sorted(members["cut"])],
                    "median": median,
                    "drifted": ratio > DRIFT_FACTOR or ratio < 1 / DRIFT_FACTOR,
                }
            )
        found.append(
            {
                "panel": panel.replace("_", " "),
                "marker": marker,
                "median": overall,
                "batches": batches,
            }
        )
    return found


def quality_figures(content: dict) -> dict[str, object]:
    """Return the plots of drift, and the table of the same medians."""
    plots = [
        {"title": f"{item['panel']}: {item['marker']}", "svg": _drift_chart(item)}
        for item in content["drift"]
        if len(item["batches"]) > 1
    ]
    rows = [
        (
            f"{item['panel']}: {item['marker']}",
            batch["batch"],
            str(len(batch["cuts"])),
            number(batch["median"]),
            number(item["median"]),
            {"status": "DRIFT", "text": f"more than {DRIFT_FACTOR:g}-fold off", "kind": "conflict"}
            if batch["drifted"]
            else NOTHING,
        )
        for item in content["drift"]
        for batch in item["batches"]
    ]
    medians = table(
        f"Median cut of each batch (linear units of the detector) against the median of all "
        f"specimens. More than {DRIFT_FACTOR:g}-fold "
        "is marked: a convention, to look closer.",
        ("Marker", "Batch", "#Specimens", "#Median of the batch", "#Median of all", "Drift"),
        rows,
        empty="No cut was placed.",
    )
    return {"drift": plots, "medians": medians}


def _drift_chart(item: dict) -> str:
    """Draw each specimen's cut by batch on an inverse hyperbolic sine scale."""
    width, height, left, top, bottom = 230.0, 130.0, 46.0, 8.0, 106.0
    values = np.arcsinh(np.array([c for batch in item["batches"] for c in batch["cuts"]]) / 150)
    low, high = float(values.min()) - 0.4, float(values.max()) + 0.4

    def y(cut: float) -> float:
        return bottom - (float(np.arcsinh(cut / 150)) - low) / (high - low) * (bottom - top)

    step = (width - left - 8) / len(item["batches"])
    body = [
        line(
            left,
            y(item["median"]),
            width - 8,
            y(item["median"]),
            stroke=GREY,
            stroke_width=1,
            stroke_dasharray="4 3",
        ),
        text(
            left - 5,
            y(item["median"]) + 3.5,
            number(item["median"]),
            text_anchor="end",
            font_size=10.0,
            fill=GREY,
        ),
        line(left, bottom, width - 8, bottom, stroke=PALE, stroke_width=1),
    ]
    labels = max(1, int(48 // step)) if step < 48 else 1
    for index, batch in enumerate(item["batches"]):
        x = left + (index + 0.5) * step
        colour = VERMILLION if batch["drifted"] else BLUE
        for cut in batch["cuts"]:
            body.append(
                line(x - 4, y(cut), x + 4, y(cut), stroke=colour, stroke_width=1.6, opacity=0.7)
            )
        if batch["drifted"]:
            body.append(element("path", d=f"M{x:.1f} {top:.1f}l4.5 8h-9z", fill=VERMILLION))
        if index % labels == 0:
            body.append(
                text(
                    x,
                    bottom + 14,
                    batch["batch"][:8],
                    text_anchor="middle",
                    font_size=10.0,
                    fill=INK,
                )
            )
    return drawing(
        width, height, "".join(body), title=f"Cuts of {item['marker']}, {item['panel']}",
        description=(
            "Each dash is the cut of a specimen, by batch; the dashed line is the median of "
            "all. Medians stand in the table below."
        ),
    )  # fmt: skip
