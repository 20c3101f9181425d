"""CAR-T kinetics of simulated patients: a slice of the page of validation."""

import pytest
from tests.accuracy.kinetic_experiments import losses, sampled


@pytest.fixture(scope="module")
def without_noise():
    return sampled(150, noise=False).groupby("schedule")


def test_denser_sampling_comes_nearer_to_the_peak_and_never_above_it(without_noise):
    """Medians over patients near those of the typical curve: -23, -24 and -52 %."""
    error = without_noise["peak_error"].median()
    assert (without_noise["peak_error"].max().dropna() <= 1e-9).all()
    assert error["11 visits"] > error["8 visits"] > error["weekly"]
    assert error["11 visits"] == pytest.approx(-0.19, abs=0.08)
    assert error["weekly"] == pytest.approx(-0.45, abs=0.12)


def test_grade_c_gives_neither_maximum_nor_area(without_noise):
    few = without_noise.get_group("fortnightly")
    assert set(few["grade"]) == {"C"}
    assert few[["peak_error", "peak_day_error", "area_error"]].isna().all(axis=None)
    dense = without_noise.get_group("11 visits")
    assert set(dense["grade"]) == {"A"}
    assert dense["peak_error"].notna().all()


def test_the_interval_of_loss_holds_the_truth_at_every_limit_and_spacing_of_visits():
    found = losses(60, noise=False)
    told = found[found["told"]]
    assert set(told["limits"]) == set(found["limits"])
    assert len(told) > 60
    assert told["covered"].all()
