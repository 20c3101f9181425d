"""Tables under the outcome plots say what is unknown, what is a bound and what is too few."""

import pandas as pd
from tests.unit.report.made_up import follow_up, outcome_steps

from aftercar.report.cohort_tables import bounds_table, estimate_at, follow_up_table


def curve(*steps):
    """Steps of one incidence: (day, at risk, estimate)."""
    return pd.DataFrame(
        [
            {
                "day": day,
                "at_risk": at_risk,
                "incidence": share,
                "incidence_low": share / 2,
                "incidence_high": min(2 * share, 1.0),
            }
            for day, at_risk, share in steps
        ]
    )


def test_an_incidence_is_told_with_its_limits():
    steps = curve((0, 40, 0.0), (50, 40, 0.1), (120, 30, 0.2))
    assert estimate_at(steps, 90) == "10 % (5 % to 20 %)"


def test_an_incidence_is_not_told_where_fewer_than_ten_are_at_risk():
    steps = curve((0, 40, 0.0), (50, 40, 0.1), (120, 9, 0.2))
    assert estimate_at(steps, 90) == "fewer than 10 at risk"
    assert estimate_at(steps, 365) == "fewer than 10 at risk"
    assert estimate_at(curve((0, 9, 0.0), (50, 9, 0.1)), 90) == "fewer than 10 patients"


def test_bounds_of_unknown_phenotypes_are_called_bounds():
    rows = bounds_table(outcome_steps(40, False))["rows"]
    said = [row[1] for row in rows]
    assert [row[0] for row in rows] == ["antigen-positive"] * 3 + ["antigen-negative"] * 3
    assert said[:3] == [
        "unknown apart (estimate)",
        "bound: all unknown antigen-positive",
        "bound: all unknown antigen-negative",
    ]


def test_a_median_that_is_not_reached_is_said_in_words_and_a_small_cohort_has_none():
    rows = follow_up_table(follow_up(40), 5)["rows"]
    assert rows[0][4:] == ["300 d (250 d to not reached)", "not reached"]
    small = follow_up_table(follow_up(4), 5)["rows"]
    assert small[0][2:] == ["< 5", "0", "fewer than 10 patients", "fewer than 10 patients"]
