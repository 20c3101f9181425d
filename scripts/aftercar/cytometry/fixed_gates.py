"""Count the events inside gates whose borders are given."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aftercar.contracts.events import FlowEvents
from aftercar.cytometry.compensation import Spill, compensate
from aftercar.cytometry.prepare import PlacedGate
from aftercar.stats.intervals import wilson_interval

BLOCK_EVENTS = 16_384  # values and masks of a block stay in the processor's cache


@dataclass(frozen=True)
class GateCount:
    """Events inside a gate and all its parents, and their share of the parent (95 % Wilson)."""

    name: str
    count: int
    parent_count: int
    fraction_low: float
    fraction_high: float


def count_gates(
    events: FlowEvents, gates: Sequence[PlacedGate], spill: Spill | None
) -> list[GateCount]:
    """Return the count of each gate, in the given order: parents stand before their children.

    Bounds refer to linear values, compensated by `spill` unless it is None. Borders drawn on a
    logicle or arcsinh axis are monotone, so they are given as the linear values they stand for.
    Memory does not grow with the number of events.
    """
    bounds = {bound for gate in gates for part in gate.alternatives for bound in part}
    counts = {"": len(events)} | {gate.name: 0 for gate in gates}
    for start in range(0, len(events), BLOCK_EVENTS):
        values = events.values[start : start + BLOCK_EVENTS]
        if spill is not None:
            values = compensate(values, spill)
        met = {bound: bound.inside(values) for bound in bounds}
        inside = {"": np.ones(len(values), dtype=bool)}
        for gate in gates:
            either = [
                np.logical_and.reduce([met[bound] for bound in part]) for part in gate.alternatives
            ]
            inside[gate.name] = inside[gate.parent] & np.logical_or.reduce(either)
            counts[gate.name] += int(np.count_nonzero(inside[gate.name]))
    return [
        GateCount(
            gate.name,
            counts[gate.name],
            counts[gate.parent],
            *wilson_interval(counts[gate.name], counts[gate.parent]),
        )
        for gate in gates
    ]
