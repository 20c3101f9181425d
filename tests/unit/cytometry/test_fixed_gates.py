import numpy as np
import pytest

from aftercar.contracts.events import Channel, FlowEvents
from aftercar.cytometry import fixed_gates
from aftercar.cytometry.compensation import Spill
from aftercar.cytometry.fixed_gates import count_gates
from aftercar.cytometry.prepare import Bound, PlacedGate


def events_of(rows):
    channels = tuple(Channel(name) for name in ("FSC-A", "FSC-H", "PE-A"))
    return FlowEvents(channels, np.asfortranarray(rows, dtype=np.float32))


# FSC-A, FSC-H, PE-A: a doublet by its ratio, an event on the border, one below it
FIVE = [[100, 90, 5], [200, 90, 5], [100, 95, 10], [100, 95, 9.5], [50, 49, 40]]
TREE = [
    PlacedGate("singlets", "", ((Bound(0, low=0.0, high=1.5, over=1),),)),
    PlacedGate("large", "singlets", ((Bound(0, low=60.0),),)),
    PlacedGate("bright", "large", ((Bound(2, low=10.0),),)),
]


def test_a_gate_counts_what_its_parents_let_through_and_a_border_belongs_to_the_side_above():
    counted = count_gates(events_of(FIVE), TREE, None)
    assert [(gate.name, gate.count, gate.parent_count) for gate in counted] == [
        ("singlets", 4, 5), ("large", 3, 4), ("bright", 1, 3)
    ]  # fmt: skip


def test_any_of_the_alternatives_is_enough_and_nobody_is_counted_twice():
    either = PlacedGate("either", "", ((Bound(0, high=60.0),), (Bound(2, low=10.0),)))
    assert count_gates(events_of(FIVE), [either], None)[0].count == 2


def test_borders_refer_to_compensated_values():
    # half of the signal of FSC-A spills into PE-A: PE-A is truly 0 except in the last event
    spill = Spill(("FSC-A", "PE-A"), (0, 2), np.array([[1, 0.5], [0, 1]]))
    rows = [[100, 0, 50], [40, 0, 20], [100, 0, 80]]
    gate = PlacedGate("stained", "", ((Bound(2, low=25.0),),))
    assert count_gates(events_of(rows), [gate], spill)[0].count == 1
    assert count_gates(events_of(rows), [gate], None)[0].count == 2


def test_the_interval_is_that_of_wilson_around_the_share_of_the_parent():
    # 10 of 100: 0.0552 to 0.1744 (Wilson, e.g. Brown 2001, 10.1214/ss/1009213286, formula 4)
    rows = [[100, 90, 20]] * 10 + [[100, 90, 0]] * 90
    (counted,) = count_gates(
        events_of(rows), [PlacedGate("bright", "", TREE[2].alternatives)], None
    )
    assert (counted.fraction_low, counted.fraction_high) == pytest.approx(
        (0.0552, 0.1744), abs=5e-5
    )


def test_counts_do_not_depend_on_where_a_block_ends(monkeypatch):
    whole = count_gates(events_of(FIVE * 7), TREE, None)
    monkeypatch.setattr(fixed_gates, "BLOCK_EVENTS", 4)
    assert count_gates(events_of(FIVE * 7), TREE, None) == whole
    assert [gate.count for gate in whole] == [28, 21, 7]


def test_a_file_without_events_gives_zero_of_zero_and_knows_nothing():
    empty = count_gates(events_of(np.empty((0, 3))), TREE, None)
    assert [(gate.count, gate.fraction_low, gate.fraction_high) for gate in empty] == [
        (0, 0, 1)
    ] * 3
