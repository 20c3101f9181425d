"""A cut has a source; without positives nothing becomes positive; a shift is seen."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftercar.cytometry.cuts import ControlCut, place_cut
from aftercar.cytometry.density import guarded_valley, population
from aftercar.cytometry.scale import Scale
from aftercar.cytometry.template import CutRule

SCALE = Scale(150.0)
RULE = CutRule("CD19", "CD19", "above_negatives", "cells", ("negatives",))
VALLEY = {"depth": 0.6, "events": 25, "standard_errors": 4}


def negatives(seed=0, events=15_000, centre=0.6, spread=0.4):
    return np.random.default_rng(seed).normal(centre, spread, events)


def placed(within, placement, *, references=(("negatives", None),), control=None, rule=RULE):
    named = [(name, negatives() if events is None else events) for name, events in references]
    return place_cut(
        rule, 5, within, named, control, SCALE, 262_144.0, control_quantile=0.999,
        placement=placement,
    )  # fmt: skip


@pytest.fixture(scope="module")
def placement(templates):
    return templates["b_cell_recovery"].source["placement"]


def positive(cut, within):
    return int((within >= SCALE.forward(cut.value)).sum())


@pytest.mark.parametrize("count", [5000, 1000, 200, 50, 20, 5, 0])
def test_dilution_down_to_zero_never_turns_negatives_positive(placement, count):
    bright = np.random.default_rng(count).normal(4.5, 0.35, count)
    within = np.concatenate([negatives(1), bright])
    cut = placed(within, placement)
    # 15,000 negatives, 1 in 1,000 above the cut by construction; Poisson 97.5 % of 15 is 24
    assert count - 1 <= positive(cut, within) <= count + 24


def test_a_cut_beside_the_specimens_own_negatives_says_so(placement):
    cut = placed(negatives(1), placement)
    assert cut.source == "INTERNAL"
    assert "negatives" in cut.flags[0]
    assert cut.background == pytest.approx(0.001, abs=0.001)


def test_the_first_reference_with_enough_events_is_taken(placement):
    few, other = negatives(2)[:50], negatives(3, centre=1.0)
    cut = placed(negatives(1), placement, references=(("few", few), ("other", other)))
    assert SCALE.forward(cut.value) == pytest.approx(1.0 + 3.09 * 0.4, abs=0.1)


@pytest.mark.parametrize(
    "reference",
    [negatives(4, centre=4.0), np.random.default_rng(5).uniform(-3, 5, 9000), negatives(6)[:20]],
    ids=["too bright", "too wide", "too few"],
)
def test_without_negatives_and_without_valley_there_is_no_cut(placement, reference):
    cut = placed(negatives(7), placement, references=(("reference", reference),))
    assert cut.value is None
    assert cut.source == "NONE"
    assert "no cut for CD19" in cut.flags[0]


def test_without_reference_a_clear_valley_is_taken_and_told(placement):
    within = np.concatenate([negatives(1), negatives(2, 4000, centre=5.0)])
    cut = placed(within, placement, references=())
    assert cut.source == "DATA"
    assert 2 < SCALE.forward(cut.value) < 4.2


def test_a_valley_beside_the_reference_refines_the_cut(placement):
    within = np.concatenate([negatives(1), negatives(2, 4000, centre=3.4, spread=0.3)])
    cut = placed(within, placement)
    assert cut.source == "REFINED"
    assert 1.8 < SCALE.forward(cut.value) < 2.7


def control(cut=1.9, centre=0.6, spread=0.4):
    return ControlCut(SCALE.back(cut), "C1", 0.001, "negatives", centre, spread)


def test_a_control_that_fits_is_used_as_it_is(placement):
    cut = placed(negatives(1), placement, control=control())
    assert cut.source == "CONTROL"
    assert cut.control_sample_id == "C1"
    assert SCALE.forward(cut.value) == pytest.approx(1.9, abs=1e-4)


@pytest.mark.parametrize("decades", [0.1, 0.2, 0.3])
def test_a_shift_between_control_and_specimen_moves_the_cut_and_is_told(placement, decades):
    shift = decades * np.log(10)
    cut = placed(
        negatives(1, centre=0.6 + shift), placement, control=control(),
        references=(("negatives", negatives(2, centre=0.6 + shift)),),
    )  # fmt: skip
    assert cut.source == "REFINED"
    assert SCALE.forward(cut.value) == pytest.approx(1.9 + shift, abs=0.15)
    assert any("control moved" in flag for flag in cut.flags)
    assert any("LARGE SHIFT" in flag for flag in cut.flags) == (decades > 0.15)


def test_a_control_that_is_far_off_is_not_used(placement):
    cut = placed(
        negatives(1, centre=2.2), placement, control=control(),
        references=(("negatives", negatives(2, centre=2.2)),),
    )  # fmt: skip
    assert cut.source == "INTERNAL"
    assert any("control is off" in flag for flag in cut.flags)


def test_an_unstained_control_is_never_used_within_the_specimens_negatives(placement):
    unstained = ControlCut(SCALE.back(0.9), "U1", 0.001, "", None, None)
    cut = placed(negatives(1), placement, control=unstained)
    assert cut.source == "INTERNAL"
    assert SCALE.forward(cut.value) > 1.6


@given(st.integers(0, 10**6), st.integers(60, 20_000))
def test_one_normal_population_has_no_valley(seed, events):
    values = np.random.default_rng(seed).normal(3, 0.5, events)
    assert guarded_valley(values, 1.0, 5.0, **VALLEY)[0] is None


def test_a_few_positives_do_not_move_centre_or_spread_of_the_negatives():
    clean = population(negatives(1), peak_height=0.15)
    mixed = population(
        np.concatenate([negatives(1), negatives(2, 5000, centre=4.5)]), peak_height=0.15
    )
    assert mixed.centre == pytest.approx(clean.centre, abs=0.1)
    assert mixed.right == pytest.approx(clean.right, rel=0.15)


def test_a_dip_that_is_sure_but_shallow_is_no_valley():
    random = np.random.default_rng(8)
    # two normals 2.4 standard deviations apart: the dip between them is 4 % deep
    values = np.concatenate([random.normal(2, 0.5, 200_000), random.normal(3.2, 0.5, 200_000)])
    assert guarded_valley(values, 2.0, 3.2, **VALLEY)[0] is None
    apart = np.concatenate([random.normal(2, 0.5, 200_000), random.normal(5, 0.5, 200_000)])
    assert guarded_valley(apart, 2.0, 5.0, **VALLEY)[0] == pytest.approx(3.5, abs=0.15)
