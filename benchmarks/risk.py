"""A cohort of 2,000 patients judged at six landmarks by all rules, and its tables joined."""

import os
from pathlib import Path

from benchmarks.results import result
from benchmarks.tools import Tool, started

PATIENTS, FEWER_PATIENTS = 2000, 200


def run(folder: Path) -> list[dict]:
    """Return the entries of this part."""
    with started(Tool("AfterCAR", "risk_rules")) as ours:
        ours.run(Path(str(FEWER_PATIENTS)))  # warms up
        few = ours.run(Path(str(FEWER_PATIENTS)))
    with started(Tool("AfterCAR", "risk_rules")) as ours:
        whole = ours.run(Path(str(PATIENTS)))
    counts = whole["counts"]
    what = f"{PATIENTS:,} patients x 6 landmarks x all rules, from sheet rows to rows of risk"
    how = (
        f"Simulated patients (`simulate/cohort_courses.py`), {counts['evidence']:,} measurements; "
        f"{counts['rules']:,} rows of rules, {counts['risk']:,} of risk; the sheets are drawn "
        f"before; one run, 1 thread of {os.cpu_count()} cores"
    )
    return [
        result(
            "risk.seconds", what, how, "s", counts["judging_ms"] / 1000, target={"at_most": 20}
        ),
        result(
            "risk.memory", what, f"{how}; peak of the process, all tables held", "MB",
            whole["peak_mb"], target={"at_most": 1000},
        ),
        result(
            "risk.tables.seconds",
            f"Rows of {PATIENTS:,} patients checked by their contracts and joined per cohort",
            f"Six tables of these patients, {counts['rows']:,} rows; the work of rule merge_tables "
            "in memory", "s",
            counts["joining_ms"] / 1000,
        ),
        result(
            "risk.growth",
            f"Time for {PATIENTS:,} patients relative to that for {FEWER_PATIENTS:,}",
            f"Judging alone; {FEWER_PATIENTS:,} patients take "
            f"{few['counts']['judging_ms'] / 1000:.2f} s", "times",
            counts["judging_ms"] / few["counts"]["judging_ms"],
        ),
    ]  # fmt: skip
