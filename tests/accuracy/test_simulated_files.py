"""Two hundred simulated files of all panels against their truth, beside the usual methods."""

import pytest
from tests.accuracy.simulated_files import experiment, summary
from tests.accuracy.usual_methods import LowestDensityGating, UsualGating

from aftercar.cytometry.gates import Gating


@pytest.fixture(scope="module")
def ours():
    return experiment(200)


def test_populations_above_one_per_cent_are_within_two_per_cent_and_rare_ones_in_their_interval(
    ours,
):
    found = summary(ours)
    assert found["common"] >= 500
    assert found["rare"] >= 200
    assert found["median_error"] <= 0.02
    assert found["error_95"] <= 0.08
    assert found["rare_inside"] >= 0.9


def test_what_is_absent_is_never_quantified(ours):
    absent = ours[(ours["true"] == 0) & ~ours["common"]]
    assert len(absent) >= 40
    assert (absent["status"] == "QUANTIFIED").mean() <= 0.05


@pytest.mark.parametrize("method", [UsualGating, LowestDensityGating])
def test_the_usual_methods_do_worse_where_populations_are_rare(method):
    usual, same = summary(experiment(24, method)), summary(experiment(24, Gating))
    assert usual["rare_inside"] < same["rare_inside"]
    assert usual["error_95"] > same["error_95"]
