"""CD7 and CD5: quadrants, ratio, paired interval."""

import math

import numpy as np
import pytest

from aftercar.cytometry.counts import Limits
from aftercar.cytometry.ratios import (
    Quadrants,
    cd7_to_cd5,
    paired_log_variance,
    positive_to_negative,
)

LIMITS = Limits(lod_events=20, lloq_events=50, minimum_denominator_events=1000)


def test_the_ratio_and_its_interval_are_those_of_the_paired_formula():
    # a 800, b 100, c 50, d 50: R = 900 / 850, var = 150 / (900 * 850)
    found = cd7_to_cd5(Quadrants(800, 100, 50, 50), LIMITS)
    reach = math.exp(1.959964 * math.sqrt(150 / 765_000))
    assert found.value == pytest.approx(900 / 850)
    assert (found.low, found.high) == pytest.approx((900 / 850 / reach, 900 / 850 * reach))
    assert found.log10 == pytest.approx(math.log10(900 / 850))


def test_the_interval_covers_the_truth_as_often_as_it_promises():
    random = np.random.default_rng(7)
    shares = np.array([0.7, 0.2, 0.06, 0.04])
    truth = 0.9 / 0.76
    draws = random.multinomial(2000, shares, size=2000)
    inside = [
        found.low <= truth <= found.high
        for draw in draws
        if (found := cd7_to_cd5(Quadrants(*map(int, draw)), LIMITS))
    ]
    assert 0.935 < np.mean(inside) < 0.965


def test_without_discordant_cells_half_a_cell_is_added():
    assert paired_log_variance(Quadrants(1000, 0, 0, 5)) == pytest.approx(1 / 1000.5**2)


@pytest.mark.parametrize(
    ("quadrants", "status"),
    [
        (Quadrants(0, 49, 2000, 0), "DETECTED_BELOW_LLOQ"),
        (Quadrants(0, 3, 2000, 0), "NOT_DETECTED"),
        (Quadrants(0, 2000, 3, 0), "INDETERMINATE"),
        (Quadrants(300, 200, 100, 0), "INDETERMINATE"),
    ],
    ids=["few CD7+", "hardly any CD7+", "hardly any CD5+", "few T cells"],
)
def test_a_ratio_below_quantification_is_undefined(quadrants, status):
    found = cd7_to_cd5(quadrants, LIMITS)
    assert found.value is None
    assert found.status == status


def test_the_logarithm_of_positive_to_negative_always_exists():
    found = positive_to_negative(0, 5000, LIMITS)
    assert found.value is None
    assert found.log10 == pytest.approx(math.log10(0.5 / 5000.5))
