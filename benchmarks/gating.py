"""One file: the same tree and the same counts by every tool; and our tree with every cut placed."""

import os
from pathlib import Path

from benchmarks.results import result, runs
from benchmarks.samples import CHANNELS, EVENTS, draw, place_gates
from benchmarks.tools import PEERS, Tool, median_seconds, peak_above

REPEATS = 7
FLOWKIT, CACHED = "FlowKit 1.3.2", "FlowKit 1.3.2, cache_events"
OPENFLO, GIVEN = "OpenFlo 2.8.0", "AfterCAR, gates given"
PLACING = "AfterCAR, placing"
AXES = ("logicle", "linear")
AXES_TEXT = {
    "logicle": "borders of stains on logicle axes, as laboratories draw them",
    "linear": "borders in linear units, as AfterCAR exports them",
}
PLACED = "Every cut placed on the data, cleaning and checks included, to counts with intervals"


def tools(gates: dict[str, str]) -> dict[str, Tool]:
    """Return every tool by a short name; a peer's name ends with its axes."""
    table = {"table": gates["table"]}
    found = {
        "ours": Tool(GIVEN, "ours_fixed", options=table),
        "placing": Tool(PLACING, "ours_placing"),
        "floor": Tool("floor", "floor", options=table),
    }
    for axes in AXES:
        for name, cached in ((FLOWKIT, False), (CACHED, True)):
            options = {"gates": gates[axes], "cache_events": cached}
            found[f"{name}|{axes}"] = Tool(f"{name}|{axes}", "with_flowkit", PEERS, options)
        options = table | {"logicle": axes == "logicle"}
        found[f"{OPENFLO}|{axes}"] = Tool(f"{OPENFLO}|{axes}", "with_openflo", PEERS, options)
    return found


def run(folder: Path) -> list[dict]:
    """Return the entries of this part."""
    fcs = draw(folder / "tube.fcs", EVENTS, seed=0)
    small = draw(folder / "small.fcs", 20_000, seed=1)
    all_tools = tools(place_gates(fcs, folder))
    seconds, counts = median_seconds(list(all_tools.values()), fcs, REPEATS)
    same_counts(counts)
    file_mb = fcs.stat().st_size / 1e6
    peak = {
        name: max(0.0, peak_above(tool, small, fcs)["added_mb"] - file_mb)
        for name, tool in all_tools.items()
    }
    return [*_given(seconds, peak, len(counts[GIVEN])), *_placing(seconds, peak)]


def same_counts(counts: dict[str, dict[str, int]]) -> None:
    """Stop unless every tool gives our count for every gate, exactly."""
    expected = counts[GIVEN]
    for name, found in counts.items():
        # our tables report populations, not every gate on the way to them
        shared = set(expected) & set(found) if name == PLACING else set(expected)
        if not shared:
            raise SystemExit(
                f"{name} reports none of the gates: nothing shows that it did the work"
            )
        for gate in sorted(shared):
            if found[gate] != expected[gate]:
                raise SystemExit(
                    f"{name} counts {found[gate]} events in gate {gate}, AfterCAR {expected[gate]}:"
                    " the tools do not do the same work and are not compared"
                )


def _how(text: str) -> str:
    return f"{EVENTS:,} events x {CHANNELS} channels, {text}; 1 thread of {os.cpu_count()} cores"


def _given(seconds: dict, peak: dict, gates: int) -> list[dict]:
    entries = []
    for axes in AXES:
        what = f"{gates} given gates, from opening the file to counts; {AXES_TEXT[axes]}"
        named = {name: f"{name}|{axes}" for name in (FLOWKIT, CACHED, OPENFLO)}
        targets: dict = {
            "times_less_than": {FLOWKIT: 15, OPENFLO: 5},
            "at_most_times": {"floor": 3},
        }
        entries.append(
            result(
                f"gating.given.{axes}.seconds", what, _how(runs(REPEATS)), "s",
                seconds[GIVEN], peers={name: seconds[key] for name, key in named.items()},
                floor=seconds["floor"], target=targets,
            )
        )  # fmt: skip
        entries.append(
            result(
                f"gating.given.{axes}.memory", what, _how("peak above size of the file"), "MB",
                peak["ours"], peers={name: peak[key] for name, key in named.items()},
                floor=peak["floor"], target={"at_most": 300},
            )
        )  # fmt: skip
    return entries


def _placing(seconds: dict, peak: dict) -> list[dict]:
    return [
        result(
            "gating.placing.seconds", PLACED, _how(runs(REPEATS)), "s",
            seconds[PLACING], peers={GIVEN: seconds[GIVEN]}, floor=seconds["floor"],
            # as much again as the tree takes, and as much again as it may take
            target={"at_most_times": {GIVEN: 2, "floor": 6}},
        ),
        result(
            "gating.placing.memory", PLACED, _how("peak above size of the file"), "MB",
            peak["placing"], peers={GIVEN: peak["ours"]}, target={"at_most": 300},
        ),
    ]  # fmt: skip
