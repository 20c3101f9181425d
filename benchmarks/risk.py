"""A cohort of 2,000 patients judged at six landmarks by all rules, and its tables joined."""

import os
import statistics
from pathlib import Path

from benchmarks.results import result, runs
from benchmarks.tools import Tool, started

PATIENTS, FEWER_PATIENTS = 2000, 200
REPEATS = 3


def run(folder: Path) -> list[dict]:
    """Return the entries of this part."""
    with started(Tool("AfterCAR", "risk_rules")) as ours:
        ours.run(Path(str(FEWER_PATIENTS)))  # warms up
        few = _seconds([ours.run(Path(str(FEWER_PATIENTS))) for _ in range(REPEATS)], "judging")
    with started(Tool("AfterCAR", "risk_rules")) as ours:
        turns = [ours.run(Path(str(PATIENTS))) for _ in range(REPEATS)]
    judging, counts = _seconds(turns, "judging"), turns[0]["counts"]
    what = f"{PATIENTS:,} patients x 6 landmarks x all rules, from sheet rows to rows of risk"
    how = (
        f"Simulated patients (`simulate/cohort_courses.py`), {counts['evidence']:,} measurements; "
        f"{counts['rules']:,} rows of rules, {counts['risk']:,} of risk; the sheets are drawn "
        f"before; {runs(REPEATS)}, 1 thread of {os.cpu_count()} cores"
    )
    return [
        result("risk.seconds", what, how, "s", judging, target={"at_most": 20}),
        result(
            "risk.memory", what, f"{how}; peak of the process, all tables held, first run", "MB",
            turns[0]["peak_mb"], target={"at_most": 1000},
        ),
        result(
            "risk.tables.seconds",
            f"Rows of {PATIENTS:,} patients checked by their contracts and joined per cohort",
            f"Six tables of these patients, {counts['rows']:,} rows; the work of rule merge_tables "
            f"in memory; {runs(REPEATS)}", "s", _seconds(turns, "joining"),
        ),
        result(
            "risk.growth",
            f"Time for {PATIENTS:,} patients relative to that for {FEWER_PATIENTS:,}",
            f"Judging alone; {FEWER_PATIENTS:,} patients take {few:.2f} s; {runs(REPEATS)}",
            "times", judging / few,
        ),
    ]  # fmt: skip


def _seconds(turns: list[dict], work: str) -> float:
    return statistics.median(turn["counts"][f"{work}_ms"] for turn in turns) / 1000
