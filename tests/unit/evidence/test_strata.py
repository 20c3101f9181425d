"""Outcomes by what the table said at a landmark: by hand, and without immortal time."""

import numpy as np
import pytest
from tests.unit.evidence.patients import judged, patient, risk_at, value

from aftercar.contracts.cohort import STRATA, VISIT_RATES
from aftercar.evidence.outcomes import CENSORED, Course
from aftercar.evidence.strata import from_landmark, strata_rows, stratum_of, visit_rate_rows


def course(relapse=None, death=None, last=400, cause="antigen_positive", hct=()):
    relapses = () if relapse is None else ((relapse, cause),)
    return Course(relapses, None, 28, tuple(hct), death, last if death is None else death)


def said(patient, day, category, mechanism="M1", target="CD19"):
    return {
        "patient_id": patient,
        "landmark": f"D{day}",
        "landmark_day": day,
        "mechanism": mechanism,
        "target": target,
        "category": category,
    }


def stratum(rows, category, cause="antigen_positive", day=90, mechanism="M1"):
    return [
        r
        for r in rows
        if (r["category"], r["cause"], r["landmark_day"], r["mechanism"])
        == (category, cause, day, mechanism)
    ]


def test_incidence_from_the_landmark_by_hand():
    """SIGNAL: relapse 40 days on, one watched; NO_SIGNAL: nothing happens; days since day 90."""
    courses = {"A": course(relapse=130), "B": course(), "C": course(), "D": course()}
    risk = [said(p, 90, c) for p, c in zip("ABCD", ["SIGNAL"] * 2 + ["NO_SIGNAL"] * 2, strict=True)]
    rows = strata_rows(courses, risk)
    STRATA.frame(rows)
    signal = {r["day"]: r for r in stratum(rows, "SIGNAL")}
    assert (signal[40]["incidence"], signal[40]["at_risk"], signal[40]["events"]) == (0.5, 2, 1)
    assert signal[90]["at_risk"] == 1
    assert stratum(rows, "NO_SIGNAL")[-1]["incidence"] == 0
    everybody = stratum(rows, "ALL", mechanism="ALL")[-1]
    assert (everybody["patients"], everybody["incidence"]) == (4, 0.25)


def test_an_event_up_to_the_landmark_or_a_course_that_ends_before_it_is_not_in_the_analysis():
    assert from_landmark(course(relapse=90), 90, "EFS") is None
    assert from_landmark(course(relapse=50), 90, "EFS") is None
    assert from_landmark(course(relapse=50, death=200), 90, "OS") is None
    assert from_landmark(course(last=89), 90, "EFS") is None
    assert from_landmark(course(last=90), 90, "EFS") == (0, CENSORED)
    assert from_landmark(course(relapse=91), 90, "EFS") == (1, "antigen_positive")


def test_not_assessable_is_a_group_of_its_own_and_not_applicable_is_none():
    courses = {"A": course(), "B": course(), "C": course()}
    risk = [
        said("A", 90, "NOT_ASSESSABLE"),
        said("B", 90, "NOT_APPLICABLE"),
        said("C", 90, "SIGNAL_CONFLICTING"),
    ]
    rows = strata_rows(courses, risk)
    groups = {(r["mechanism"], r["category"], r["patients"]) for r in rows}
    assert groups == {
        ("ALL", "ALL", 3),
        ("M1", "NOT_ASSESSABLE", 1),
        ("M1", "SIGNAL_CONFLICTING", 1),
    }


def test_what_is_said_at_a_later_landmark_changes_nothing_at_an_earlier_one():
    courses = {"A": course(relapse=300), "B": course()}
    early = [said("A", 90, "NO_SIGNAL"), said("B", 90, "NO_SIGNAL")]
    late = [said("A", 180, "SIGNAL"), said("B", 180, "NO_SIGNAL")]
    both = [r for r in strata_rows(courses, early + late) if r["landmark_day"] == 90]
    assert both == strata_rows(courses, early)


def test_death_and_any_event_stand_beside_the_causes():
    courses = {"A": course(relapse=130, death=200), "B": course(death=250), "C": course()}
    rows = strata_rows(courses, [])
    ends = {
        cause: stratum(rows, "ALL", cause, mechanism="ALL")
        for cause in ("any_event", "death_any_cause")
    }
    assert ends == {"any_event": [], "death_any_cause": []}  # no landmark was configured
    rows = strata_rows(courses, [said(p, 90, "NO_SIGNAL") for p in courses])
    for cause, expected in (
        ("any_event", 2 / 3),
        ("death_any_cause", 2 / 3),
        ("antigen_positive", 1 / 3),
        ("non_relapse_death", 1 / 3),
    ):
        assert stratum(rows, "ALL", cause, mechanism="ALL")[-1]["incidence"] == pytest.approx(
            expected
        )


def test_a_relapse_that_lost_another_antigen_is_none_of_the_antigen_asked():
    """CD22-negative on day 130, an unnamed antigen on day 150, two watched; 4 patients each."""
    lost = course(relapse=130, cause="antigen_negative")._replace(lost_antigens=((130, ("CD22",)),))
    unnamed = course(relapse=150, cause="antigen_negative")
    courses = {"A": lost, "B": unnamed, "C": course(), "D": course()}
    risk = [said(p, 90, "SIGNAL", "M2", t) for p in courses for t in ("CD19", "CD22")]
    rows = strata_rows(courses, risk)
    STRATA.frame(rows)
    ends = {
        (r["target"], r["cause"]): r["incidence"]
        for r in rows
        if r["mechanism"] == "M2" and r["day"] == 60
    }
    assert ends["CD19", "antigen_negative"] == pytest.approx(0.25)
    assert ends["CD19", "any_event"] == pytest.approx(0.5)
    assert ends["CD22", "antigen_negative"] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("facts", "evidence", "group"),
    [
        ({}, [], "RESTS_ON_UNDATED_ENTRY"),
        ({"baseline_mrd": "0.1"}, [], "SIGNAL"),
        ({}, [value(60, "tp53_pathogenic_vaf", 0.3, "BM", low=0.2, high=0.4)], "SIGNAL"),
        ({"tp53_status": "unknown"}, [], "NOT_ASSESSABLE"),
    ],
    ids=["undated only", "a sign from before the infusion", "sequenced on day 60", "no sign"],
)
def test_a_sign_that_only_an_undated_entry_gives_is_a_group_of_its_own(facts, evidence, group):
    found = judged(evidence, landmarks=[90], facts=patient(**{"tp53_status": "altered"} | facts))
    row = risk_at(found, "M2", 90)
    assert stratum_of(row) == group
    rows = strata_rows({"P1": course()}, [row])
    STRATA.frame(rows)
    assert {r["category"] for r in rows} == {"ALL", group}


def test_contested_signs_beside_an_undated_entry_do_not_make_the_signal_a_dated_one():
    signs = ["LATE (CD19): car=1, PB S1, day 90", "TP53_PATH (CD19): tp53_status=altered, undated"]
    row = said("A", 90, "SIGNAL", "M2") | {"drivers": " | ".join(signs), "conflicts": ""}
    assert stratum_of(row) == "SIGNAL"
    assert stratum_of(row | {"conflicts": "LATE: contested"}) == "RESTS_ON_UNDATED_ENTRY"


def cumulative_hazards_ratio(ever, never):
    return np.log(1 - ever) / np.log(1 - never)


def test_a_state_without_effect_has_no_effect_at_a_landmark_though_ever_seems_to_protect():
    """Immortal time: 60 patients, true hazard ratio 1, 200 cohorts.

    Relapse is exponential (mean 400 days), transplant comes independently (mean 300 days), if
    relapse leaves time for it. Comparing who was ever transplanted with who never was gives a rate
    ratio far below 1; the strata of the landmark give 1.
    """
    naive, landmark = [], []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        relapse = np.ceil(rng.exponential(400, 60)).astype(int)
        hct = np.ceil(rng.exponential(300, 60)).astype(int)
        end = 1500
        time, event = np.minimum(relapse, end), relapse <= end
        ever = hct < time
        rate = [event[group].sum() / time[group].sum() for group in (ever, ~ever)]
        naive.append(rate[0] / rate[1])
        courses = {
            f"P{n}": course(relapse=int(relapse[n]) if event[n] else None, last=end)
            for n in range(60)
        }
        risk = [said(f"P{n}", 180, "SIGNAL" if hct[n] <= 180 else "NO_SIGNAL") for n in range(60)]
        rows = strata_rows(courses, risk)
        at_year = [
            [r["incidence"] for r in stratum(rows, word, day=180) if r["day"] <= 365][-1]
            for word in ("SIGNAL", "NO_SIGNAL")
        ]
        if min(at_year) > 0 and max(at_year) < 1:
            landmark.append(cumulative_hazards_ratio(*at_year))
    assert np.median(naive) < 0.6
    assert 0.85 < np.exp(np.mean(np.log(landmark))) < 1.15


def test_limits_of_a_stratum_cover_the_truth():
    """Exponential relapse, mean 300 days from the landmark; 300 cohorts of 40; share at a year."""
    truth, hits = 1 - np.exp(-365 / 300), 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        relapse = 90 + np.ceil(rng.exponential(300, 40)).astype(int)
        end = 90 + rng.integers(200, 900, 40)
        courses = {
            f"P{n}": course(
                relapse=int(relapse[n]) if relapse[n] <= end[n] else None, last=int(end[n])
            )
            for n in range(40)
        }
        rows = strata_rows(courses, [said(p, 90, "SIGNAL") for p in courses])
        row = [r for r in stratum(rows, "SIGNAL") if r["day"] <= 365][-1]
        hits += row["incidence_low"] <= truth <= row["incidence_high"]
    assert 0.915 <= hits / 300 <= 0.98


def test_two_thousand_patients_and_six_landmarks_take_less_than_ten_seconds():
    from time import process_time

    rng = np.random.default_rng(1)
    words = ["SIGNAL", "NO_SIGNAL", "NOT_ASSESSABLE"]
    courses = {
        f"P{n}": course(relapse=int(rng.integers(20, 2000)) if n % 2 else None, last=2000)
        for n in range(2000)
    }
    risk = [
        said(p, day, words[int(rng.integers(3))], f"M{m}", "")
        for p in courses
        for day in (28, 63, 90, 180, 270, 365)
        for m in (1, 2, 3, 6, 7)
    ]
    began = process_time()
    strata_rows(courses, risk)
    assert process_time() - began < 10


def test_visits_per_month_by_hand():
    """Before day 90: 2 visits in 90 days; SIGNAL from 90 to the end on day 151: 4 in 61 days."""
    rows = visit_rate_rows(
        {"A": [0, 28, 90, 100, 110, 120, 151]}, {"A": course(last=151)}, [said("A", 90, "SIGNAL")]
    )
    VISIT_RATES.frame(rows)
    found = {r["category"]: (r["visits"], r["patient_months"] * 30.4375) for r in rows}
    assert found == {"BEFORE_FIRST_LANDMARK": (2, 90.0), "SIGNAL": (4, 61.0)}
    signal = next(r for r in rows if r["category"] == "SIGNAL")
    assert signal["visits_per_month"] == pytest.approx(4 / 61 * 30.4375)


def test_a_landmark_after_the_end_of_the_course_adds_no_time():
    rows = visit_rate_rows(
        {"A": [28]}, {"A": course(last=60)}, [said("A", 90, "NO_SIGNAL"), said("A", 28, "SIGNAL")]
    )
    assert [(r["category"], r["visits"]) for r in rows] == [
        ("BEFORE_FIRST_LANDMARK", 1),
        ("SIGNAL", 0),
    ]
