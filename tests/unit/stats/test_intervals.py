"""An interval contains the estimate, narrows with data, and knows nothing without."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftercar.stats.intervals import clopper_pearson_interval, poisson_interval, wilson_interval

COUNTS = st.integers(1, 100_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
INTERVALS = pytest.mark.parametrize("interval", [wilson_interval, clopper_pearson_interval])


@INTERVALS
@given(counts=COUNTS)
def test_interval_contains_the_estimate(interval, counts):
    count, total = counts
    low, high = interval(count, total)
    assert 0 <= low <= count / total <= high <= 1


@INTERVALS
@given(counts=COUNTS)
def test_ten_times_the_cells_narrow_the_interval(interval, counts):
    count, total = counts
    low, high = interval(count, total)
    narrow_low, narrow_high = interval(10 * count, 10 * total)
    assert low <= narrow_low <= narrow_high <= high


@pytest.mark.parametrize(
    ("count", "total", "low_percent", "high_percent"),
    [
        (0, 1_000, 0, 0.383),
        (0, 10_000, 0, 0.0384),
        (1, 10_000, 0.0018, 0.0566),
        (5, 10_000, 0.0214, 0.117),
        (20, 10_000, 0.130, 0.309),
        (50, 10_000, 0.379, 0.659),
        (100, 10_000, 0.823, 1.215),
        (20, 500_000, 0.0026, 0.0062),
    ],
)
def test_wilson_agrees_with_the_published_table(count, total, low_percent, high_percent):
    low, high = wilson_interval(count, total)
    assert 100 * low == pytest.approx(low_percent, rel=0.03)
    assert 100 * high == pytest.approx(high_percent, rel=0.01)


@pytest.mark.parametrize(
    ("count", "total", "low", "high"),
    [(0, 10, 0.0, 0.3085), (10, 10, 0.6915, 1.0), (3, 10, 0.0667, 0.6525)],
    ids=["none", "all", "some"],
)
def test_clopper_pearson_agrees_with_exact_binomial_tables(count, total, low, high):
    assert clopper_pearson_interval(count, total) == pytest.approx((low, high), abs=1e-4)


@pytest.mark.parametrize(
    ("count", "low", "high"),
    [
        (0, 0, 3.69),
        (1, 0.03, 5.57),
        (5, 1.62, 11.7),
        (10, 4.80, 18.4),
        (20, 12.2, 30.9),
        (50, 37.1, 65.9),
        (100, 81.4, 121.6),
        (400, 361.8, 441.2),
    ],
)
def test_poisson_agrees_with_exact_tables(count, low, high):
    assert poisson_interval(count) == pytest.approx((low, high), abs=0.05)


def test_the_one_sided_limit_of_no_event_is_three():
    assert poisson_interval(0, confidence=0.90)[1] == pytest.approx(3.00, abs=0.005)


@INTERVALS
def test_no_cells_means_no_knowledge(interval):
    assert interval(0, 0) == (0.0, 1.0)


@INTERVALS
def test_impossible_counts_are_refused(interval):
    with pytest.raises(ValueError, match="got 5 of 3"):
        interval(5, 3)
