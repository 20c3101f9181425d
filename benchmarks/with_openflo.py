"""OpenFlo with the same gates in its own form."""

import json
from pathlib import Path

from openflo.derived import add_to_sample
from openflo.gating import population_stats
from openflo.pipeline import FlowSample, transform_values

OPEN = 1e30  # a side without border
AXES = {"method": "logicle", "t": 262_144, "m": 4.5, "w": 0.5, "a": 0}


def prepare(table: str, logicle: bool) -> dict:
    """Return gates as OpenFlo holds them, in order, and the ratios that they need.

    A gate has at most two dimensions there, so one of more is a chain; alternatives are chains
    that a Boolean gate joins. Every chain ends in a gate of the given name.
    """
    content = json.loads(Path(table).read_text())
    on_axis = set(content["detectors"]) if logicle else set()
    ratios: dict[str, str] = {}
    gates: dict[str, dict] = {}

    def border(value: float | None, channel: str, beyond: float) -> float:
        if value is None:
            return beyond
        if channel not in on_axis:
            return value
        return float(transform_values([value], **AXES)[0])

    def side(bound: dict) -> tuple[str, float, float]:
        channel = bound["channel"]
        if bound["over"] is not None:
            ratios[f"{channel} over {bound['over']}"] = f"[{channel}] / [{bound['over']}]"
            channel = f"D:{channel} over {bound['over']}"
        low, high = border(bound["low"], channel, -OPEN), border(bound["high"], channel, OPEN)
        return channel, low, high

    def chain(name: str, parent: str | None, bounds: list[dict]) -> None:
        sides = [side(bound) for bound in bounds]
        pairs = [sides[n : n + 2] for n in range(0, len(sides), 2)]
        for n, pair in enumerate(pairs, 1):
            this = name if n == len(pairs) else f"{name}, step {n}"
            gates[this] = {"parent_id": parent, "label": this} | _shape(pair)
            parent = this

    for gate in content["gates"]:
        parent = gate["parent"] or None
        if len(gate["alternatives"]) == 1:
            chain(gate["name"], parent, gate["alternatives"][0])
            continue
        parts = [f"{gate['name']}, part {n}" for n in range(1, len(gate["alternatives"]) + 1)]
        for part, bounds in zip(parts, gate["alternatives"], strict=True):
            chain(part, parent, bounds)
        either = {"kind": "boolean", "op": "or", "operands": parts}
        gates[gate["name"]] = {"parent_id": parent, "label": gate["name"]} | either
    return {"gates": gates, "ratios": ratios, "logicle": logicle}


def _shape(sides: list[tuple[str, float, float]]) -> dict:
    if len(sides) == 2:
        (x, x0, x1), (y, y0, y1) = sides
        ends = {"x0": x0, "x1": x1, "y0": y0, "y1": y1}
        return {"kind": "rect", "x_channel": x, "y_channel": y} | ends
    channel, low, high = sides[0]
    if high == OPEN:
        return {"kind": "threshold", "channel": channel, "value": low}
    return {"kind": "interval", "channel": channel, "lo": low, "hi": high}


def run(prepared: dict, path: str) -> dict[str, int]:
    """Return counts by gate."""
    sample = FlowSample(path)
    sample.auto_compensate()
    if prepared["logicle"]:
        sample.apply_transform(**AXES)
    for name, formula in prepared["ratios"].items():
        add_to_sample(sample, name, formula)
    gates = prepared["gates"]
    rows = population_stats(
        sample.name, sample.data, gates, list(gates), sample.channel_labels, [],
        {"Count", "%Parent"}, set(),
    )  # fmt: skip
    return {row["__gid__"]: int(row["Count"]) for row in rows}
