"""Down to zero cells: the called count is right within Poisson and blank, or the flag is up."""

import pytest
from tests.accuracy.dilution import (
    CAR_SHARES,
    PLANTED_B_CELLS,
    SHIFTS,
    b_cell_draws,
    car_draws,
)


@pytest.mark.real
@pytest.mark.parametrize("planted", PLANTED_B_CELLS)
def test_real_b_cells_diluted_to_zero_are_counted_within_poisson_and_blank(shared_data, planted):
    draws = b_cell_draws(shared_data / "cytometry", planted)
    assert len(draws) == 50
    assert draws["right"].mean() >= 0.9
    if planted >= 200:
        assert (draws["status"] == "QUANTIFIED").all()
    if planted <= 5:
        assert not (draws["status"] == "QUANTIFIED").any()
    if planted == 0:
        assert draws["exceeds_lob"].mean() <= 0.05


@pytest.mark.parametrize("shift", SHIFTS)
@pytest.mark.parametrize("share", CAR_SHARES)
def test_car_cells_are_counted_within_poisson_and_blank_or_the_shift_is_flagged(share, shift):
    draws = car_draws(share, shift)
    assert len(draws) == 50
    wrong = draws[~draws["right"]]
    assert len(wrong) <= 5 or wrong["shift_flag"].all()
    if shift >= 0.2:
        assert draws["shift_flag"].mean() >= 0.9
    if share == 0:
        assert draws["exceeds_lob"].mean() <= 0.05
        assert not (draws["status"] == "QUANTIFIED").any()
    if share == 0.01:
        assert (draws["status"] == "QUANTIFIED").all()


def test_a_thousandth_of_the_t_cells_is_detected_and_not_lost_in_the_blank():
    draws = car_draws(0.001, 0.0)
    planted = draws["planted"] >= 25
    assert planted.sum() >= 10
    assert (draws.loc[planted, "status"] != "NOT_DETECTED").mean() >= 0.9
    assert draws["lob"].median() <= 10
