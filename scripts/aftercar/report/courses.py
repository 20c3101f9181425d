"""Measured values over days: panels for the charts and the same values as tables."""

from aftercar.report.numbers import (
    count_text,
    day_text,
    interval_of_days,
    measurement,
    number,
    parts,
    percent,
    quantity,
)
from aftercar.report.statements import readable
from aftercar.report.tabulate import NOTHING, dash, table
from aftercar.report.words import (
    COURSE_GROUPS,
    LINEAGE_WORDS,
    MEASURE_TITLES,
    SPECIMEN_WORDS,
    UNIT_SUBTITLES,
    chip,
    measure_title,
)

POINT = ("day", "value", "low", "high", "limit", "lloq", "status")
DRAWN = ("QUANTIFIED", "DETECTED_BELOW_LLOQ", "NOT_DETECTED")
# On page 1 each question has one row of panels: at most so many measures of a group.
FIRST_PAGE = {"car": 2, "b_cells": 1, "t_cells": 2, "mrd": 2}
FIRST_PAGE_MEASURES = {
    "mrd": ("flow_mrd_fraction", "ngs_mrd_fraction"),
    "t_cells": (
        "cd4_t_per_ul",
        "cd7_cd5_ratio_car_negative_t",
        "cd7_cd5_ratio_all_t",
        "t_cells_per_ul",
    ),
}
T_LINEAGE_TARGETS = {"CD7", "CD5"}


def panels_of(evidence: list[dict], measures: tuple[str, ...]) -> list[dict]:
    """Return a panel per measure and unit (units never share an axis), a series per target."""
    panels = []
    for measure in measures:
        mine = [row for row in evidence if row["measure"] == measure and row["day"] is not None]
        for unit in sorted({row["unit"] for row in mine}):
            rows = [
                row for row in mine if row["unit"] == unit and row["status"] != "NOT_APPLICABLE"
            ]
            if not rows:
                continue
            targets = sorted({row["target"] for row in rows})
            only = targets[0] if len(targets) == 1 else ""
            panels.append(
                {
                    "measure": measure,
                    "title": measure_title(measure),
                    "unit": unit,
                    "unit_words": UNIT_SUBTITLES.get(unit, unit) + (f", {only}" if only else ""),
                    "series": [
                        {
                            "label": target or "target not stated",
                            "points": [
                                {k: r[k] for k in POINT} for r in rows if r["target"] == target
                            ],
                        }
                        for target in targets
                    ],
                    "missing": "",
                }
            )
    return panels


def _drawn(panel: dict) -> int:
    return sum(p["status"] in DRAWN for series in panel["series"] for p in series["points"])


def first_page_panels(evidence: list[dict], targets: set[str]) -> list[dict]:
    """Return the panels of page 1: CAR-T, the normal cells with the target, and leukemia.

    A question that no test answered keeps its place and says so.
    """
    questions = ["car", "mrd"]
    if targets & T_LINEAGE_TARGETS:
        questions.insert(1, "t_cells")
    if not targets or targets - T_LINEAGE_TARGETS:
        questions.insert(1, "b_cells")
    chosen = []
    for name, heading, measures in COURSE_GROUPS:
        if name not in questions:
            continue
        candidates = panels_of(evidence, FIRST_PAGE_MEASURES.get(name, measures))
        known = [panel for panel in candidates if _drawn(panel)]
        chosen += known[: FIRST_PAGE[name]] or [_untested(heading, candidates)]
    return chosen


def _untested(heading: str, candidates: list[dict]) -> dict:
    """Return a panel without points that says why there are none."""
    points = [p["status"] for panel in candidates for s in panel["series"] for p in s["points"]]
    said = (
        "not tested"
        if not set(points) - {"NOT_ASSESSED"}
        else "no usable test: "
        + ", ".join(
            f"{points.count(status)} {words}"
            for status, words in (
                ("FAILED", "FAILED"),
                ("INDETERMINATE", "cannot tell"),
                ("NOT_ASSESSED", "not tested"),
            )
            if status in points
        )
    )
    return {
        "measure": "",
        "title": heading,
        "unit": "",
        "unit_words": "",
        "series": [],
        "missing": said,
    }


def course_groups(evidence: list[dict]) -> list[dict]:
    """Return each group of measures that has rows: its panels and the table of the same values."""
    groups = []
    for name, heading, measures in COURSE_GROUPS:
        rows = [row for row in evidence if row["measure"] in measures]
        if rows:
            panels = [panel for panel in panels_of(evidence, measures) if _drawn(panel)]
            groups.append(
                {
                    "name": name,
                    "title": heading,
                    "panels": panels,
                    "table": value_table(rows, heading),
                }
            )
    grouped = {measure for _, _, measures in COURSE_GROUPS for measure in measures}
    others = [
        row for row in evidence if row["measure"] not in grouped and row["measure"] != "specimen"
    ]
    if others:
        groups.append(
            {
                "name": "other",
                "title": "Other measurements",
                "panels": [],
                "table": value_table(others, "Other measurements"),
            }
        )
    return groups


def value_table(rows: list[dict], heading: str) -> dict:
    """Return measured values by day, each with its limits and its specimen."""
    order = {measure: place for place, measure in enumerate(MEASURE_TITLES)}
    ordered = sorted(
        rows,
        key=lambda r: (
            order.get(r["measure"], 99),
            r["target"],
            r["day"] is None,
            r["day"] or 0,
            r["sample_id"],
            r["item"],
        ),
    )
    return table(
        f"{heading}: values with 95 % intervals and limits",
        ("Measure", "Day", "Specimen", "Result", "LOD / LLOQ", "Counted", "Status", "Remarks"),
        [
            (
                measure_title(r["measure"], r["target"]),
                day_text(r["day"]),
                f"{SPECIMEN_WORDS[r['specimen']]} {sample_title(r['sample_id'])}",
                f"{measurement(r)}{' ' + r['item'] if r['item'] else ''}",
                _limits(r),
                _counted(r),
                chip("measurement", r["status"]),
                dash(r["flags"]),
            )
            for r in ordered
        ],
        empty="not tested",
        grouped=True,
    )


def sample_title(sample_id: str) -> str:
    """Return the specimen's id; a value of labs.tsv has none, its day and measure name it."""
    return "(laboratory value)" if sample_id.startswith("labs:") else sample_id


def _limits(row: dict) -> str:
    """Write both limits in one unit: 10 / 50 copies/µg DNA."""
    lod, lloq, unit = row["limit"], row["lloq"], row["unit"]
    if lod is None and lloq is None:
        return "not stated"
    if unit == "fraction":
        return " / ".join("not stated" if x is None else percent(x) for x in (lod, lloq))
    words = " / ".join("not stated" if x is None else number(x) for x in (lod, lloq))
    return f"{words} {UNIT_SUBTITLES.get(unit, unit)}".strip()


def _counted(row: dict) -> str:
    if row["count"] is None and row["total"] is None:
        return NOTHING
    return f"{count_text(row['count'])} of {count_text(row['total'])}"


def kinetics_table(kinetics: list[dict]) -> dict:
    """Return what the curves say of each infusion; what sparse sampling cannot give is left out."""
    return table(
        "CAR-T kinetics per infusion, antigen and unit. Days count from that infusion. The "
        "observed "
        "maximum is not the peak: weekly sampling misses about half of it (grade B or C).",
        (
            "Infusion",
            "Curve",
            "Sampling",
            "Observed maximum",
            "AUC 0-28",
            "Last quantified",
            "Loss of CAR-T",
            "Status",
            "Remarks",
        ),
        [
            (
                f"{r['infusion_no']} ({day_text(r['infusion_day'])})",
                measure_title(r["measure"], r["target"]),
                f"grade {r['sampling_grade']}, specimens: {r['samples']}",
                _maximum(r),
                _area(r),
                "not quantified" if r["tlast_day"] is None else f"day {r['tlast_day']}",
                interval_of_days(r["loss_after_day"], r["loss_until_day"]),
                chip("loss", r["loss_status"]),
                dash(r["flags"]),
            )
            for r in kinetics
        ],
        empty="CAR-T level: not tested",
    )


def _maximum(row: dict) -> str:
    if row["cmax_observed"] is None:
        return "not given"
    day = "" if row["tmax_observed_day"] is None else f", day {row['tmax_observed_day']}"
    return f"{quantity(row['cmax_observed'], row['unit'])}{day}"


def _area(row: dict) -> str:
    if row["auc0_28"] is None:
        return "not given"
    share = row["auc_extrapolated_fraction"]
    beyond = "" if share is None else f" ({round(100 * share)} % extrapolated)"
    return f"{number(row['auc0_28'])}{beyond}"


def recovery_table(recovery: list[dict]) -> dict:
    """Return recovery by every named rule; rules that disagree stand side by side."""
    return table(
        "Recovery by each named rule. Days are an interval: after the last specimen without, "
        "by the "
        "first confirmed with recovery.",
        (
            "Rule",
            "What recovers",
            "Definition",
            "Status",
            "When",
            "Attributable to the CAR",
            "Values",
            "Remarks",
        ),
        [
            (
                r["rule_id"],
                LINEAGE_WORDS.get(r["lineage"], r["lineage"]),
                r["definition"],
                chip("recovery", r["status"]),
                _recovery_days(r),
                readable(r["attribution"]) or "not asked",
                [readable(value) for value in parts(r["values"], ";")] or NOTHING,
                dash(r["remarks"]),
            )
            for r in sorted(recovery, key=lambda r: (r["lineage"], r["rule_id"]))
        ],
        empty="recovery: not assessed",
    )


def _recovery_days(row: dict) -> str:
    after, until = row["recovered_after_day"], row["recovered_until_day"]
    if after is None and until is None:
        return "not recovered" if row["status"] == "ABSENT" else NOTHING
    timing = {"not known": "early or not: not known"}.get(row["timing"], row["timing"])
    said = [timing] if timing else []
    if row["status"] == "ABSENT":
        said.append("lost again")
    return interval_of_days(after, until) + (f" ({', '.join(said)})" if said else "")
