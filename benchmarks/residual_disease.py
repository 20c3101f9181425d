"""A tube for minimal residual disease: ten million events in one file, by the rule itself."""

import os
import statistics
from pathlib import Path

from benchmarks.results import result, runs
from benchmarks.samples import CHANNELS, draw, draw_long
from benchmarks.tools import Tool, peak_above

PARTS, PART_EVENTS, DISTINCT = 20, 500_000, 4
REPEATS = 3


def run(folder: Path) -> list[dict]:
    """Return the entries of this part."""
    small = draw(folder / "small.fcs", 20_000, seed=1)
    long = draw_long(folder / "long.fcs", PARTS, PART_EVENTS, DISTINCT)
    turns = [peak_above(Tool("AfterCAR", "whole_rule"), small, long) for _ in range(REPEATS)]
    what = f"{PARTS * PART_EVENTS:,} events x {CHANNELS} channels through rule gate_patient"
    how = (
        f"{DISTINCT} different acquisitions of {PART_EVENTS:,} events, repeated, one blast in "
        f"10,000 leukocytes; file of {long.stat().st_size / 1e6:.0f} MB; {runs(REPEATS)}, each "
        f"in a fresh process, 1 thread of {os.cpu_count()} cores"
    )
    return [
        result(
            "residual_disease.memory", what, f"{how}; peak of the whole process", "MB",
            max(turn["peak_mb"] for turn in turns), target={"at_most": 2000},
        ),
        result(
            "residual_disease.seconds", what, how, "s",
            statistics.median(turn["seconds"] for turn in turns),
        ),
    ]  # fmt: skip
