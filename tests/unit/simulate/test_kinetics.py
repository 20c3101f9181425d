"""The curves follow the published model: figures from Stein 2019 and arithmetic on its table."""

from dataclasses import replace

import numpy as np
import pytest

from aftercar.simulate.kinetics import (
    b_cell_recovery_day,
    b_cell_share,
    car_copies,
    draw_course,
    total_copies,
    typical_course,
)


def test_the_typical_curve_peaks_where_and_as_high_as_published():
    days = np.linspace(0, 60, 6001)
    copies = car_copies(typical_course(), days)
    assert days[copies.argmax()] == pytest.approx(9.3, abs=0.02)
    assert copies.max() == pytest.approx(24_000, rel=1e-3)


def test_the_typical_area_over_28_days_is_the_published_one():
    days = np.linspace(0, 28, 28_001)
    area = np.trapezoid(car_copies(typical_course(), days), days)
    assert area == pytest.approx(171_800, rel=0.01)


def test_copies_double_every_0_78_days_before_the_peak():
    first, second = car_copies(typical_course(), np.array([3.0, 3.78]))
    assert second / first == pytest.approx(2, rel=0.01)


@pytest.mark.parametrize(("day", "share"), [(90, 0.15), (180, 0.30), (365, 0.50)])
def test_the_share_of_patients_below_50_copies_is_the_published_one(day, share):
    random = np.random.default_rng(1)
    levels = [car_copies(draw_course(random, {}), np.array([day]))[0] for _ in range(3000)]
    assert np.mean(np.array(levels) < 50) == pytest.approx(share, abs=0.05)


@pytest.mark.parametrize(
    ("name", "variance"),
    [("fold_expansion", 2.4), ("days_to_peak", 0.38), ("peak", 0.65), ("slow_decline", 0.86)],
)
def test_patients_vary_as_published(name, variance):
    random = np.random.default_rng(2)
    drawn = [np.log(getattr(draw_course(random, {}), name)) for _ in range(3000)]
    assert np.var(drawn) == pytest.approx(variance, rel=0.1)
    assert np.median(np.exp(drawn)) == pytest.approx(getattr(typical_course(), name), rel=0.1)


def test_there_is_no_car_before_the_infusion():
    assert car_copies(typical_course(), np.array([-1.0]))[0] == 0


def test_a_second_infusion_adds_to_the_first():
    course = typical_course()
    both = total_copies([(0, course), (100, course)], np.array([109.3]))[0]
    assert both == pytest.approx(24_000 + car_copies(course, np.array([109.3]))[0], rel=1e-6)


def test_b_cells_return_a_lag_after_the_car_fell_and_never_while_it_stays():
    days = np.arange(0, 300)
    lost = replace(typical_course(), lost_from=30.0)
    day = b_cell_recovery_day(car_copies(lost, days), 0, killing_level=25, lag=38)
    fell = days[(car_copies(lost, days) < 25) & (days > 10)][0]
    assert day == fell + 38
    stays = replace(typical_course(), slow_share=0.1)
    assert b_cell_recovery_day(car_copies(stays, days), 0, killing_level=25, lag=38) is None


def test_an_aplastic_patient_has_exactly_no_b_cells():
    assert b_cell_share(50, [0], [], before=0.1, after=0.1) == 0
    assert b_cell_share(-3, [0], [], before=0.1, after=0.1) == 0.1
    assert b_cell_share(103, [0], [100], before=0.1, after=0.1) == pytest.approx(0.05)
