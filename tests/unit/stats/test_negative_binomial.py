import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import nbinom, poisson

from aftercar.stats.negative_binomial import (
    benjamini_hochberg,
    difference_interval,
    negative_binomial_cdf,
    negative_binomial_interval,
    ratio_interval,
)


@pytest.mark.parametrize(("count", "mean", "alpha"), [(0, 3, 0.5), (7, 12.5, 0.1), (40, 30, 2)])
def test_the_distribution_is_scipys(count, mean, alpha):
    expected = nbinom.cdf(count, 1 / alpha, 1 / (1 + alpha * mean))
    assert negative_binomial_cdf(count, mean, alpha) == pytest.approx(expected)
    assert negative_binomial_cdf(count, mean, 0) == pytest.approx(poisson.cdf(count, mean))


def test_without_overdispersion_the_limits_are_garwoods():
    """Garwood 1936: 0 events 3.689; 10 events 4.795 to 18.39."""
    assert negative_binomial_interval(0, 0) == pytest.approx((0, 3.6889), abs=1e-4)
    assert negative_binomial_interval(10, 0) == pytest.approx((4.7954, 18.3904), abs=1e-4)


@given(count=st.integers(0, 500), alpha=st.floats(1e-4, 2))
def test_limits_hold_the_estimate_and_leave_the_tails_outside(count, alpha):
    low, high = negative_binomial_interval(count, alpha)
    assert low <= count <= high
    if math.isfinite(high) and high < 1e6:
        assert negative_binomial_cdf(count, high, alpha) == pytest.approx(0.025, rel=1e-4)
    if count:
        assert 1 - negative_binomial_cdf(count - 1, low, alpha) == pytest.approx(0.025, rel=1e-4)


def test_difference_and_ratio_hold_the_truth_at_their_rate():
    random = np.random.default_rng(1)
    inside = 0
    for _ in range(600):
        rates = []
        for mean, exposure in ((30.0, 20.0), (90.0, 30.0), (6.0, 60.0)):
            count = int(random.poisson(mean))
            low, high = negative_binomial_interval(count, 0)
            rates.append((count / exposure, low / exposure, high / exposure))
        first, second = (difference_interval(rate, rates[2]) for rate in rates[:2])
        _, low, high = ratio_interval(first, second)
        inside += low <= (1.5 - 0.1) / (3 - 0.1) <= high
    assert inside / 600 > 0.935


def test_a_denominator_that_may_be_zero_has_no_upper_limit():
    assert ratio_interval((1, 0.5, 2), (0.2, -0.1, 0.5))[2] == math.inf
    assert math.isnan(ratio_interval((1, 0.5, 2), (0, 0, 1))[0])


def test_benjamini_hochberg_by_hand():
    """1995 paper's scheme: p * m / rank, made monotone from the largest."""
    assert benjamini_hochberg([0.04, 0.01, 0.03]) == pytest.approx([0.04, 0.03, 0.04])
    assert benjamini_hochberg([]) == []


def test_impossible_counts_are_refused():
    with pytest.raises(ValueError, match="not negative"):
        negative_binomial_interval(-1, 0.1)
