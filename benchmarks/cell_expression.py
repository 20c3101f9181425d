"""Expression of single cells: from a 10x file to antigen calls, beside a plain run of scanpy."""

import os
import statistics
from pathlib import Path

from benchmarks.expressed import GENES, draw_10x
from benchmarks.expression_rule import AGAIN
from benchmarks.results import result, runs
from benchmarks.tools import Tool, started

CELLS, FEWER_CELLS = 100_000, 10_000
REPEATS = 3
SCANPY = "scanpy 1.11.5"


def run(folder: Path) -> list[dict]:
    """Return the entries of this part."""
    large = draw_10x(folder / "large.h5", CELLS)
    small = draw_10x(folder / "small.h5", FEWER_CELLS)
    with started(Tool("AfterCAR", "expression_rule", all_cores=True)) as ours:
        ours.run(small)  # warms up
        few = statistics.median(ours.run(small)["seconds"] for _ in range(REPEATS))
        turns = [ours.run(large) for _ in range(REPEATS)]
        again = statistics.median(ours.run(Path(AGAIN))["seconds"] for _ in range(REPEATS))
    with started(Tool(SCANPY, "with_scanpy", all_cores=True)) as peer:
        peer.run(small)
        peer_few = statistics.median(peer.run(small)["seconds"] for _ in range(REPEATS))
        usual = [peer.run(large) for _ in range(REPEATS)]
    whole = turns[0]
    seconds = statistics.median(turn["seconds"] for turn in turns)
    peer_seconds = statistics.median(turn["seconds"] for turn in usual)
    if not whole["counts"]["lost_cells"]:
        raise SystemExit("the clone without CD19 was not called LOST: the work was not done")
    what = f"From a 10x .h5 of {CELLS:,} cells x {GENES:,} genes to antigen calls, with doublets"
    how = (
        f"{whole['counts']['cells']:,} cells are left after quality and doublets, "
        f"{whole['counts']['lost_cells']:,} of them in clones called LOST for CD19; scanpy from "
        "the same file to Leiden clusters of 2,000 variable genes, which is the faster usual way; "
        f"{os.cpu_count()} cores"
    )
    return [
        result(
            "cell_expression.seconds", what, f"{how}; {runs(REPEATS)}", "s", seconds,
            peers={SCANPY: peer_seconds}, target={"at_most_times": {SCANPY: 1.5}},
        ),
        result(
            "cell_expression.memory", what, f"{how}; peak of the whole process, first run", "MB",
            whole["peak_mb"], peers={SCANPY: usual[0]["peak_mb"]}, target={"at_most": 6000},
        ),
        result(
            "cell_expression.antigens.seconds",
            f"Comparison of six antigens over the sub-populations of these {CELLS:,} cells",
            f"Kinds and sub-populations of the cells are known; {runs(REPEATS)}", "s",
            again, target={"at_most": 5},
        ),
        result(
            "cell_expression.growth",
            f"Time for {CELLS:,} cells relative to that for {FEWER_CELLS:,}",
            f"As above; {FEWER_CELLS:,} cells take {few:.1f} s (scanpy: {peer_few:.1f} s), "
            f"{runs(REPEATS)}", "times", seconds / few,
            peers={SCANPY: peer_seconds / peer_few}, target={"at_most": CELLS // FEWER_CELLS},
        ),
    ]  # fmt: skip
