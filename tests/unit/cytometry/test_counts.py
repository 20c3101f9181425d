"""Limits and words of counts, against published and tabulated figures."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftercar.cytometry.counts import (
    Limits,
    detectable_mean,
    dual_platform,
    judge,
    limit_of_blank,
)

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
        (60, 10_000, 60, "NOT_DETECTED"),
    ],
)
def test_the_word_follows_events_denominator_and_blank(count, total, background, status):
    assert judge(count, total, background, LIMITS).status == status


def test_zero_events_have_an_upper_limit_and_a_printed_limit_of_detection():
    found = judge(0, 10_000, 0, LIMITS)
    # Wilson 95 % for 0 of 10,000: 0 to 0.0384 %
    assert found.high == pytest.approx(0.000384, abs=1e-6)
    assert found.lod_fraction == pytest.approx(0.002)


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
