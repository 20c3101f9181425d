"""Signals in a small simulated cohort: a slice of the page of validation."""

import numpy as np
import pandas as pd
import pytest
import yaml
from tests.accuracy.risk_experiments import (
    CAR_FUNCTION,
    SIGNALS,
    at_landmark,
    hazard_ratio,
    judged_cohort,
    lead_days,
    log_errors_from_one,
    observed_cohort,
)

from aftercar.contracts.sheets import SHEETS, cross_problems, row_problems

PATIENTS, SEED = 600, 20240229


@pytest.fixture(scope="module")
def rows():
    return judged_cohort(PATIENTS, SEED)


def test_the_cohort_is_the_same_again_and_another_seed_gives_another():
    first, again, other = (observed_cohort(5, seed) for seed in (1, 1, 2))
    assert first == again
    assert [one.sheets for one in first] != [one.sheets for one in other]


# The lowest ratio that is clear of 1 by far more than the 95 % interval of this cohort is wide.
@pytest.mark.parametrize(
    "signal", ["M1", CAR_FUNCTION, "M2", "M3", "M4", "M6, B lineage", "M6, T lineage"]
)
def test_a_signal_precedes_the_event_of_its_mechanism(rows, signal):
    _, event, _ = SIGNALS[signal]
    ratio = hazard_ratio(rows[rows["signal"] == signal], event)
    assert ratio.interval()[0] > 1.3, (signal, ratio)


def test_a_signal_does_not_speak_of_events_that_it_is_not_linked_to():
    """Of 5 % outside the 95 % interval; one table in a thousand has a pair beyond 4.2."""
    distances = log_errors_from_one(PATIENTS, SEED)
    assert len(distances) >= 8
    assert np.abs(distances).max() < 4.2
    assert (np.abs(distances) > 1.96).sum() <= 4  # 1 in 1,000 tables of 17 has more


def test_no_signal_of_antigen_negative_relapse_is_followed_by_one_less_often(rows):
    mine = rows[rows["signal"] == "M2"]
    found = at_landmark(mine, 90, "antigen_negative", 182)
    assert found["no_signal"] > 100
    assert found["cases_in_no_signal"] / found["no_signal"] < 0.05
    assert found["signal_in_cases"] / found["cases"] > 0.75  # 0.90 in 2,000 patients, some 40 cases


def test_the_first_signal_comes_before_the_event(rows):
    for signal in ("M1", "M2", "M4"):
        days, cases = lead_days(rows[rows["signal"] == signal], SIGNALS[signal][1])
        assert (days > 0).all()
        assert len(days) / cases > 0.4, signal
        assert np.median(days) > 20, signal


def test_ratios_are_those_computed_by_hand():
    """Day 40: 1 of 2 exposed has it beside 2 others; day 50: 1 of 2 others beside 1 exposed."""
    small = pd.DataFrame(
        [
            ("A", 28, 40, "SIGNAL", "x", 40),
            ("B", 28, 60, "SIGNAL", "", 700),
            ("C", 28, 50, "NO_SIGNAL", "x", 50),
            ("D", 28, 60, "NOT_ASSESSABLE", "", 700),
            ("E", 28, 60, "NOT_APPLICABLE", "x", 60),
        ],
        columns=["patient", "landmark", "until", "category", "event", "event_day"],
    )
    ratio = hazard_ratio(small, "x")
    # above: 1 * 2/4 + 0; below: 0 + 1 * 1/3; variance: 1*2*2/16 + 1*1*2/9
    assert ratio.estimate == pytest.approx((1 / 2) / (1 / 3))
    assert ratio.log_error == pytest.approx(((1 / 4 + 2 / 9) / (1 / 6)) ** 0.5)


def test_nobody_is_called_clean_by_a_test_that_was_not_done(rows):
    """M3 needs tests in the marrow; for M6 no set of tests is known that would show absence."""
    asked = rows[rows["category"] != "NOT_APPLICABLE"]
    share = (asked["category"] == "NOT_ASSESSABLE").groupby(asked["signal"]).mean()
    assert share["M3"] > 0.2
    assert not (asked["category"] == "NO_SIGNAL")[asked["signal"].str.startswith("M6")].any()


def test_a_fifth_of_the_planned_blood_is_missing():
    """Months to day 700 of patients without an event: 0.9 of the visits, 0.89 of the tests."""
    whole = [one for one in observed_cohort(150, 5) if one.truth.event == ""]
    days = [
        row for one in whole for row in one.sheets["labs"]
        if row["analyte"] == "cmv" and 21 < int(row["day"]) <= 700
    ]  # fmt: skip
    planned = 24 * len(whole)
    assert len(days) / planned == pytest.approx(0.8, abs=3 * (0.16 / planned) ** 0.5 + 0.02)


def test_the_sheets_of_the_cohort_would_pass_the_check_of_the_inputs(root):
    cohort = observed_cohort(8, 9)
    frames, problems = {}, []
    for name in SHEETS:
        schema = yaml.safe_load((root / f"workflow/schemas/{name}.schema.yaml").read_text())
        rows = [row for one in cohort for row in one.sheets[name]]
        # columns that a sheet leaves out are empty, as when it is read
        frames[name] = pd.DataFrame(rows).reindex(columns=list(schema["properties"])).fillna("")
        problems += row_problems(name, frames[name], schema)
    assert [*problems, *cross_problems(frames, {}, set())] == []
    assert all(len(frames[name]) for name in ("patients", "infusions", "labs", "events"))
