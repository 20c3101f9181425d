"""Grades of Lee 2019 (ASTCT), row by row of the published tables."""

import pytest

from aftercar.evidence.toxicity import crs_grade, icans_grade


@pytest.mark.parametrize(
    ("fever", "hypotension", "oxygen", "grade"),
    [
        (False, "none", "none", 0),
        (True, "none", "none", 1),
        (True, "no_pressor", "none", 2),
        (True, "none", "low_flow", 2),
        (True, "one_pressor", "none", 3),
        (True, "no_pressor", "high_flow", 3),
        (True, "several_pressors", "low_flow", 4),
        (True, "none", "positive_pressure", 4),
    ],
)
def test_crs_is_fever_plus_the_worse_of_pressure_and_oxygen(fever, hypotension, oxygen, grade):
    found = crs_grade(fever=fever, hypotension=hypotension, oxygen=oxygen)
    assert (found.grade, found.status) == (grade, "QUANTIFIED")


def test_after_tocilizumab_fever_is_no_longer_needed():
    cold = crs_grade(fever=False, hypotension="one_pressor", oxygen="none")
    assert (cold.grade, cold.status) == (0, "INDETERMINATE")
    assert crs_grade(fever=False, hypotension="one_pressor", oxygen="none", treated=True).grade == 3


@pytest.mark.parametrize(
    ("fever", "hypotension", "treated", "grade", "status"),
    [
        (None, "none", True, 0, "INDETERMINATE"),
        (None, "one_pressor", True, 3, "QUANTIFIED"),
        (None, "one_pressor", False, 0, "INDETERMINATE"),
        (False, "several_pressors", False, 0, "INDETERMINATE"),
        (False, "none", True, 0, "QUANTIFIED"),
    ],
)
def test_no_crs_is_said_only_if_fever_and_its_treatment_are_known(
    fever, hypotension, treated, grade, status
):
    found = crs_grade(fever=fever, hypotension=hypotension, oxygen="none", treated=treated)
    assert (found.grade, found.status) == (grade, status)


def test_a_missing_component_gives_a_lower_bound():
    found = crs_grade(fever=True, hypotension="no_pressor", oxygen=None)
    assert (found.grade, found.status, found.missing) == (2, "INDETERMINATE", ("oxygen",))
    assert "or higher" in found.text


@pytest.mark.parametrize(
    ("ice", "grade"), [(10, 0), (9, 1), (7, 1), (6, 2), (3, 2), (2, 3), (0, 3)]
)
def test_icans_by_ice_while_awake(ice, grade):
    found = icans_grade(ice=ice, consciousness="awake", seizure="none", motor="none", edema="none")
    assert (found.grade, found.status) == (grade, "QUANTIFIED")


@pytest.mark.parametrize(
    ("component", "finding", "grade"),
    [
        ("consciousness", "voice", 2),
        ("consciousness", "touch", 3),
        ("consciousness", "unarousable", 4),
        ("seizure", "resolved", 3),
        ("seizure", "prolonged", 4),
        ("motor", "deep_focal", 4),
        ("edema", "focal", 3),
        ("edema", "diffuse", 4),
    ],
)
def test_the_worst_component_decides(component, finding, grade):
    calm = {"consciousness": "awake", "seizure": "none", "motor": "none", "edema": "none"}
    assert icans_grade(ice=10, **calm | {component: finding}).grade == grade


def test_without_ice_the_grade_is_a_lower_bound_unless_it_is_four():
    found = icans_grade(consciousness="voice", seizure="none", motor="none", edema="none")
    assert (found.grade, found.status, found.missing) == (2, "INDETERMINATE", ("ICE",))
    worst = icans_grade(consciousness="unarousable")
    assert (worst.grade, worst.status) == (4, "QUANTIFIED")


def test_death_is_grade_five():
    assert crs_grade(fever=None, hypotension=None, oxygen=None, died=True).grade == 5
    assert icans_grade(died=True).grade == 5


def test_an_impossible_score_is_refused():
    with pytest.raises(ValueError, match="between 0 and 10"):
        icans_grade(ice=11)
