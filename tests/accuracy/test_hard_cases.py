"""Where a gate can be firmly wrong, it is right or says its doubt; silence is told from absence."""

from functools import cache

import pytest
from tests.accuracy.hard_cases import (
    ACTIVATED,
    EASY,
    FEW_DIM,
    OF_THE_CONTROL,
    VERDICTS,
    cases,
    experiment,
    verdict,
)

STRATA = list(dict.fromkeys(case.stratum for case in cases()))
# What is not held stands in the table of docs/validation.md: few dim CAR-T cells are partly missed;
# more of them, and those with much side scatter, are counted too low without a word.
HARD = [stratum for stratum in STRATA if stratum not in (EASY, FEW_DIM)]
UNTOLD = (ACTIVATED, "1 dim CAR")


@cache
def drawn(stratum):
    return experiment(stratum)


def populations(stratum):
    """Each population apart: what is easily counted must not make up for what is not."""
    for _, rows in drawn(stratum).groupby("population"):
        found = rows["verdict"].value_counts(normalize=True).reindex(VERDICTS, fill_value=0.0)
        wrong = rows[~rows["verdict"].isin(["RIGHT", "HONEST"])]
        yield found, wrong.drop(columns=["stratum", "of", "flags"]).to_string()


@pytest.mark.parametrize("stratum", HARD)
def test_no_hard_case_hides_cells_behind_a_clean_not_detected(stratum):
    assert len(drawn(stratum)) >= 16
    for found, told in populations(stratum):
        assert found[["BLIND", "FALSE_NEGATIVE"]].sum() <= 0.05, told


@pytest.mark.parametrize("stratum", HARD)
def test_no_hard_case_makes_cells_that_are_not_there(stratum):
    for found, told in populations(stratum):
        assert found["FALSE_POSITIVE"] <= 0.05, told


@pytest.mark.parametrize("stratum", [name for name in HARD if name not in UNTOLD])
def test_a_hard_case_is_right_or_says_its_doubt(stratum):
    for found, told in populations(stratum):
        assert found[["RIGHT", "HONEST"]].sum() >= 0.9, told


def test_doubt_is_no_habit_easy_tubes_are_counted_right():
    draws = drawn(EASY)
    assert (draws["verdict"] == "RIGHT").mean() >= 0.9
    present = draws[draws["true"] >= 100]
    assert len(present) >= 30
    assert (present["status"] == "QUANTIFIED").all()


def test_activated_car_cells_with_nearly_twice_the_side_scatter_are_not_lost():
    draws = drawn(ACTIVATED)
    draws = draws[draws["case"].str.startswith("SSC x 1.8")]
    assert len(draws) >= 8
    assert (draws["count"] / draws["true"]).min() >= 0.85


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        # status, count, LOB, LOD in events, flags, true cells
        (("NOT_DETECTED", 3, 2, 20, "", 12), "RIGHT"),
        (("NOT_DETECTED", 3, 2, 20, "", 20), "FALSE_NEGATIVE"),
        (("NOT_DETECTED", 0, 2, 20, "not told apart from", 20), "FALSE_NEGATIVE"),
        (("NOT_DETECTED", 239, 304, 334, "", 240), "BLIND"),
        (("NOT_DETECTED", 239, 304, 334, "LARGE SHIFT", 240), "BLIND"),
        (("NOT_DETECTED", 239, 304, 334, "LARGE SHIFT", 240, OF_THE_CONTROL), "HONEST"),
        (("NOT_DETECTED", 239, 304, 334, "", 0), "RIGHT"),
        (("INDETERMINATE", 239, 304, 334, "", 240), "HONEST"),
        (("FAILED", None, 0, 0, "nothing readable", 240), "HONEST"),
        # 100 cells: Poisson 81.4 to 121.6, with losses 74.9 to 131.3
        (("QUANTIFIED", 100, 0, 20, "", 76), "RIGHT"),
        (("QUANTIFIED", 100, 0, 20, "", 131), "RIGHT"),
        (("QUANTIFIED", 100, 0, 20, "", 74), "FALSE_POSITIVE"),
        (("QUANTIFIED", 100, 5, 20, "", 70), "MISCOUNTED"),
        (("QUANTIFIED", 100, 90, 120, "", 0), "MISCOUNTED"),
        (("QUANTIFIED", 100, 0, 20, "", 132), "MISCOUNTED"),
        (("QUANTIFIED", 100, 0, 20, "not told apart from b", 300), "HONEST"),
        (("QUANTIFIED", 100, 0, 20, "not told apart from b", 0), "FALSE_POSITIVE"),
        (("DETECTED_BELOW_LLOQ", 25, 2, 20, "", 0), "FALSE_POSITIVE"),
    ],
)
def test_a_row_is_worth_what_its_words_say_of_the_truth(row, expected):
    assert verdict(*row) == expected
