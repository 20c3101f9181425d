"""AfterCAR with gates given: from opening the file to counts with intervals."""

import json
from pathlib import Path

from aftercar.cytometry.compensation import parse_spill
from aftercar.cytometry.fixed_gates import count_gates
from aftercar.cytometry.prepare import Bound, PlacedGate
from aftercar.io.fcs import read_fcs


def prepare(table: str) -> list[dict]:
    """Return the gates."""
    return json.loads(Path(table).read_text())["gates"]


def run(gates: list[dict], path: str) -> dict[str, int]:
    """Return counts by gate."""
    events = read_fcs(path)
    names = [channel.name for channel in events.channels]

    def bound(one: dict) -> Bound:
        over = None if one["over"] is None else names.index(one["over"])
        return Bound(names.index(one["channel"]), one["low"], one["high"], over)

    placed = [
        PlacedGate(
            gate["name"],
            gate["parent"],
            tuple(tuple(map(bound, part)) for part in gate["alternatives"]),
        )
        for gate in gates
    ]
    counted = count_gates(events, placed, parse_spill(events.spill, names))
    return {gate.name: gate.count for gate in counted}
