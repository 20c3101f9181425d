"""Limits and words of counts, against published and tabulated figures."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftercar.cytometry.counts import (
    BeadTube,
    Limits,
    bead_tube,
    detectable_mean,
    dual_platform,
    judge,
    limit_of_blank,
    single_platform,
)
from aftercar.stats.intervals import poisson_interval

LIMITS = Limits(lod_events=20, lloq_events=50, minimum_denominator_events=1000)


@pytest.mark.parametrize(
    ("blank", "lob", "needed"),
    [
        (0, 0, 3.0),
        (0.5, 2, 6.3),
        (1, 3, 7.8),
        (2, 5, 10.5),
        (5, 9, 15.7),
        (10, 15, 23),
        (14, 20, 29),
        (40, 51, 64),
    ],
)
def test_limit_of_blank_and_detectable_mean_are_those_of_poisson_tables(blank, lob, needed):
    assert limit_of_blank(blank) == lob
    assert detectable_mean(lob) == pytest.approx(needed, abs=0.5 if needed > 20 else 0.05)


@pytest.mark.parametrize(
    ("count", "total", "background", "status"),
    [
        (50, 10_000, 0, "QUANTIFIED"),
        (49, 10_000, 0, "DETECTED_BELOW_LLOQ"),
        (20, 10_000, 0, "DETECTED_BELOW_LLOQ"),
        (19, 10_000, 0, "NOT_DETECTED"),
        (0, 10_000, 0, "NOT_DETECTED"),
        (0, 1000, None, "NOT_DETECTED"),
        (0, 999, None, "INDETERMINATE"),
        (0, 0, None, "INDETERMINATE"),
        (60, 500, None, "QUANTIFIED"),
        # enough events to be cells, and the blank could be all of them: neither found nor excluded
        (60, 10_000, 60, "INDETERMINATE"),
        (19, 10_000, 60, "NOT_DETECTED"),
        (80, 10_000, 60, "DETECTED_BELOW_LLOQ"),
        (200, 10_000, 60, "QUANTIFIED"),
    ],
)
def test_the_word_follows_events_denominator_and_blank(count, total, background, status):
    assert judge(count, total, background, LIMITS).status == status


def test_zero_events_have_an_upper_limit_and_a_printed_limit_of_detection():
    found = judge(0, 10_000, 0, LIMITS)
    # Wilson 95 % for 0 of 10,000: 0 to 0.0384 %
    assert found.high == pytest.approx(0.000384, abs=1e-6)
    assert found.lod_fraction == pytest.approx(0.002)


@pytest.mark.parametrize("count", [5, 20, 50, 100, 400])
def test_the_limits_of_rare_events_are_those_of_exact_poisson(count):
    found = judge(count, 1_000_000, 0, LIMITS)
    low, high = poisson_interval(count)
    # within one event of each other
    assert (found.low * 1e6, found.high * 1e6) == pytest.approx((low, high), abs=1)


@given(total=st.integers(1, 10**6), data=st.data(), background=st.floats(0, 100))
def test_the_interval_holds_the_estimate_and_a_high_blank_never_raises_a_status(
    total, data, background
):
    count = data.draw(st.integers(0, total))
    found = judge(count, total, background, LIMITS)
    assert found.low <= found.fraction <= found.high
    order = ("INDETERMINATE", "NOT_DETECTED", "DETECTED_BELOW_LLOQ", "QUANTIFIED")
    clean = judge(count, total, 0, LIMITS)
    assert order.index(found.status) <= order.index(clean.status)


def lab(analyte, day, value, specimen="PB"):
    return {
        "analyte": analyte, "day": str(day), "value": str(value), "unit": "cells/uL",
        "specimen": specimen,
    }  # fmt: skip


def test_cells_per_ul_are_the_share_of_the_very_denominator_that_was_counted():
    found = dual_platform(
        100, {"leukocytes": 10_000, "lymphocytes": 2500}, [lab("wbc", 28, 5000)], day=28
    )
    assert found.value == pytest.approx(50)
    assert "wbc" in found.basis
    by_alc = dual_platform(
        100, {"leukocytes": 10_000, "lymphocytes": 2500}, [lab("alc", 28, 1000)], day=28
    )
    assert by_alc.value == pytest.approx(40)
    assert found.low < found.value < found.high


@pytest.mark.parametrize(
    "row",
    [lab("wbc", 29, 5000), lab("wbc", 26, 5000), lab("wbc", 28, 5000, "BM")],
    ids=["a later day would be look-ahead", "too old", "marrow"],
)
def test_a_blood_count_of_another_time_or_place_is_not_used(row):
    assert dual_platform(100, {"leukocytes": 10_000}, [row], day=28).value is None


TUBE = BeadTube(beads=50_000, sample_volume_ul=50, dilution=1, dilution_stated=False)


def test_fifty_cells_beside_five_thousand_beads_have_the_worked_interval():
    found = single_platform(50, 5000, TUBE, lot_cv=0.03)
    # 50 / 5,000 x 50,000 / 50 uL
    assert found.value == pytest.approx(10)
    # CV 14.5 %, limits x/ 1.33
    assert found.high / found.value == pytest.approx(1.33, abs=0.005)
    assert found.value / found.low == pytest.approx(1.33, abs=0.005)
    assert np.log(found.high / found.value) / 1.96 == pytest.approx(0.145, abs=0.0005)
    assert found.basis == (
        "beads: 50,000 per tube, 5,000 counted, lot CV 3 %; 50 uL of specimen, dilution 1 (none "
        "stated); pipetting error not included"
    )


def test_few_cells_have_the_exact_poisson_limits_widened_by_the_beads():
    found = single_platform(5, 5000, TUBE, lot_cv=0.03)
    # 5 events: 1.62 to 11.7 by exact Poisson; sqrt(1 / 5,000 + 0.03^2) x 1.96 = 0.065
    assert found.low == pytest.approx(1.62 * 0.2 / 1.067, rel=0.005)
    assert found.high == pytest.approx(11.67 * 0.2 * 1.067, rel=0.005)


def test_no_cell_has_an_upper_limit_alone():
    found = single_platform(0, 5000, TUBE, lot_cv=0.0)
    assert (found.value, found.low) == (0.0, 0.0)
    # 3.69 events by exact Poisson x 0.2 cells per uL and event, widened by 5,000 beads
    assert found.high == pytest.approx(3.69 * 0.2 * np.exp(1.96 / 5000**0.5), rel=0.001)


@pytest.mark.parametrize("cells", [0, 10, 19, 20, 50, 500])
def test_fewer_beads_or_a_worse_lot_never_narrow_the_interval(cells):
    def width(beads, lot_cv):
        found = single_platform(cells, beads, TUBE, lot_cv=lot_cv)
        per_event = 1000 / beads
        return found.low / per_event, found.high / per_event

    low, high = width(5000, 0.03)
    for beads, lot_cv in ((200, 0.03), (5000, 0.1)):
        wider_low, wider_high = width(beads, lot_cv)
        assert wider_low <= low
        assert wider_high > high


@pytest.mark.parametrize("mean", [0.5, 2, 10, 19, 50, 500])
def test_the_interval_covers_the_true_count_in_94_of_100_tubes(mean):
    """The true number of beads differs from the stated one by the lot, and both are counted."""
    random, runs, lot_cv = np.random.default_rng(int(10 * mean)), 4000, 0.03
    lots = np.exp(random.normal(0, lot_cv, runs))
    cells = random.poisson(mean, runs)
    beads = random.poisson(2000 * lots)
    true = mean / 2000 * 1000
    assert mean > 2 or (cells == 0).any()
    covered = [
        found.low <= true <= found.high
        for found in (
            single_platform(int(c), int(b), TUBE, lot_cv=lot_cv)
            for c, b in zip(cells, beads, strict=True)
        )
    ]
    assert np.mean(covered) >= 0.94


def stated(**columns):
    return {
        "beads_per_tube": "", "bead_volume_ul": "50", "beads_per_ul": "1000",
        "sample_volume_ul": "100", "dilution": "",
    } | columns  # fmt: skip


@pytest.mark.parametrize(
    ("columns", "times"),
    [
        ({"bead_volume_ul": "100"}, 2),
        ({"beads_per_ul": "500"}, 0.5),
        ({"sample_volume_ul": "50"}, 2),
        ({"dilution": "3"}, 3),
        ({"dilution": "1"}, 1),
        ({"bead_volume_ul": "", "beads_per_ul": "", "beads_per_tube": "50000"}, 1),
    ],
    ids=["bead volume", "bead concentration", "sample volume", "diluted", "undiluted", "per tube"],
)
def test_every_volume_and_the_dilution_change_the_count(columns, times):
    def value(row):
        found = single_platform(40, 2000, bead_tube(row), lot_cv=0.03)
        return np.array([found.value, found.low, found.high])

    # 40 / 2,000 x 50 uL x 1,000 per uL / 100 uL
    assert value(stated())[0] == pytest.approx(10)
    assert value(stated(**columns)) == pytest.approx(times * value(stated()))


def test_a_row_without_bead_columns_has_no_bead_tube():
    assert bead_tube({"sample_id": "S1"}) is None
    assert bead_tube(dict.fromkeys(stated(), "")) is None
