"""The optional model: off, refused, warned, not estimable, or a ratio with its limits."""

import numpy as np
import pytest
from tests.unit.evidence.test_strata import course, said

from aftercar.contracts.cohort import OUTCOME_MODEL
from aftercar.evidence.outcome_model import outcome_model_rows

MODEL = {
    "landmark": 90,
    "cause": "antigen_positive",
    "covariates": [{"mechanism": "M1", "target": "CD19"}],
    "events_refused_below": 5,
    "events_few_below": 10,
    "largest_hazard_ratio": 50,
    "largest_limit_ratio": 100,
}


def cohort(groups, seed=1, end=600):
    """Courses and risk: `groups` holds (category, patients, mean days to relapse or None)."""
    rng = np.random.default_rng(seed)
    courses, risk = {}, []
    for category, patients, mean in groups:
        for _ in range(patients):
            name = f"P{len(courses)}"
            day = None if mean is None else 91 + int(rng.exponential(mean))
            courses[name] = course(relapse=day if day and day <= end else None, last=end)
            risk.append(said(name, 90, category))
    return courses, risk


def rows_of(groups, seed=1, **changed):
    rows = outcome_model_rows(*cohort(groups, seed), MODEL | changed)
    OUTCOME_MODEL.frame(rows)
    return rows


def test_without_a_configured_model_there_is_no_row():
    for off in ({}, MODEL | {"covariates": []}):
        assert outcome_model_rows(*cohort([("SIGNAL", 30, 100)]), off) == []
    assert len(OUTCOME_MODEL.frame([])) == 0


def test_fewer_than_five_events_per_coefficient_are_refused_with_the_numbers():
    row = rows_of([("SIGNAL", 4, 50), ("NO_SIGNAL", 30, None)])[0]
    assert row["status"] == "REFUSED"
    assert row["reason"] == "fewer than 5 events per coefficient (1 coefficients)"
    assert (row["events"], row["parameters"]) == (4, 1)
    assert "hazard_ratio" not in row


def test_fewer_than_ten_events_per_coefficient_are_warned_of():
    rows = rows_of([("SIGNAL", 10, 400), ("NO_SIGNAL", 10, 1500)], seed=4)
    assert 5 <= rows[0]["events"] < 10
    assert rows[0]["status"] == "FEW_EVENTS"
    assert "fewer than 10 events" in rows[0]["reason"]


def test_separation_is_not_estimable_and_prints_no_ratio():
    row = rows_of([("SIGNAL", 10, 40), ("NO_SIGNAL", 10, None)])[0]
    assert row["status"] == "NOT_ESTIMABLE"
    assert "hazard_ratio" not in row


def test_harm_is_a_ratio_above_one_with_limits_around_it():
    row = rows_of([("SIGNAL", 60, 150), ("NO_SIGNAL", 60, 600)])[0]
    assert row["status"] == "ESTIMATED"
    assert 2 < row["hazard_ratio"] < 8
    assert 1 < row["hazard_ratio_low"] < row["hazard_ratio"] < row["hazard_ratio_high"]
    assert row["use"] == "development only"


def test_patients_not_assessable_are_a_group_of_their_own_and_no_finding():
    rows = rows_of([("SIGNAL", 40, 150), ("NO_SIGNAL", 40, 400), ("NOT_ASSESSABLE", 40, 200)])
    found = {r["category"]: r for r in rows}
    assert set(found) == {"SIGNAL", "NOT_ASSESSABLE"}
    assert found["SIGNAL"]["patients"] == 120
    assert "not a finding" in found["NOT_ASSESSABLE"]["reason"]


def test_patients_whom_a_covariate_does_not_apply_to_are_counted():
    rows = rows_of([("SIGNAL", 30, 150), ("NO_SIGNAL", 30, 400), ("NOT_APPLICABLE", 7, 200)])
    assert (rows[0]["patients"], rows[0]["not_applicable"]) == (60, 7)


@pytest.mark.parametrize(
    ("groups", "changed", "reason"),
    [
        ([("SIGNAL", 30, 100)], {}, "no patient with NO_SIGNAL in M1 CD19"),
        ([("NO_SIGNAL", 30, 100)], {}, "every patient has NO_SIGNAL in M1 CD19"),
        ([("SIGNAL", 9, 99), ("NO_SIGNAL", 9, 99)], {"landmark": 91}, "D91 is not one of"),
    ],
    ids=["no reference", "no contrast", "no landmark"],
)
def test_a_model_that_cannot_be_is_refused_with_the_reason(groups, changed, reason):
    row = rows_of(groups, **changed)[0]
    assert row["status"] == "REFUSED"
    assert row["reason"].startswith(reason)


def test_a_category_without_effect_is_rarely_called_one():
    """150 cohorts of 80 with one hazard: limits that leave out 1 are false positives."""
    wrong = 0
    for seed in range(150):
        row = rows_of([("SIGNAL", 40, 400), ("NO_SIGNAL", 40, 400)], seed=seed)[0]
        wrong += not row["hazard_ratio_low"] <= 1 <= row["hazard_ratio_high"]
    assert 0.01 <= wrong / 150 <= 0.10
