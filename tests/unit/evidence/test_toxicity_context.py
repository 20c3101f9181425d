"""CRS and ICANS from components, infections, drugs, disease and therapy before the infusion."""

import pytest
from tests.unit.evidence.patients import absent, event, infusion, judged, patient, value

from aftercar.contracts.clinical import TOXICITY
from aftercar.evidence.toxicity import CapdBounds, icans_grade

CALM = "consciousness=awake;seizure=none;motor=none;edema=none"


def rows(evidence=(), **history):
    found = judged(list(evidence), landmarks=[90], **history).toxicity
    TOXICITY.frame(found)
    return found


def one(kind, evidence=(), **history):
    found = [row for row in rows(evidence, **history) if row["kind"] == kind]
    assert len(found) == 1, found
    return found[0]


def graded(name, components, grade="", system="", day=3, facts=None, more=(), end_day=6):
    entered = event(
        day, name, end_day=end_day, grade=grade, grading_system=system, components=components
    )
    return one("toxicity", facts=facts or patient(age_group="adult"), events=[entered, *more])


def test_the_astct_grade_stands_beside_the_entered_one_that_agrees():
    found = graded("crs", "fever=yes;hypotension=no_pressor;oxygen=none", "2", "ASTCT")
    assert (found["grade_entered"], found["grade_astct"], found["status"]) == (2, 2, "QUANTIFIED")
    assert found["agreement"] == "agrees"


def test_a_disagreement_of_grade_and_components_is_said():
    found = graded("crs", "fever=yes;hypotension=one_pressor;oxygen=none", "2", "ASTCT")
    assert (found["grade_entered"], found["grade_astct"]) == (2, 3)
    assert found["agreement"] == "disagrees"
    assert "entered ASTCT grade 2, components give 3" in found["flags"]


@pytest.mark.parametrize("system", ["Penn", "Lee2014", "CTCAE", "other", ""])
def test_a_grade_of_another_system_is_never_converted_or_compared(system):
    found = graded("crs", "fever=yes;hypotension=none;oxygen=none", "3", system)
    assert (found["grade_entered"], found["grade_astct"]) == (3, 1)
    assert found["grading_system"] == system
    assert found["agreement"] == "not comparable"
    assert "not converted" in found["flags"]


def test_without_components_no_grade_is_computed_even_from_an_entered_one():
    found = graded("crs", "", "2", "ASTCT")
    assert found["status"] == "NOT_ASSESSED"
    assert not {"grade_astct", "agreement"} & set(found)


def test_a_missing_component_gives_a_lower_bound_that_may_contradict_the_entered_grade():
    low = graded("crs", "fever=yes;hypotension=one_pressor", "2", "ASTCT")
    assert (low["grade_astct"], low["status"], low["agreement"]) == (
        3,
        "INDETERMINATE",
        "disagrees",
    )
    assert "components give at least 3" in low["flags"]
    open_ = graded("crs", "fever=yes;hypotension=none", "2", "ASTCT")
    assert (open_["grade_astct"], open_["agreement"]) == (1, "not comparable")


def test_after_tocilizumab_of_this_infusion_fever_is_not_needed():
    cold = "fever=no;hypotension=one_pressor;oxygen=none"
    assert graded("crs", cold)["grade_astct"] == 0
    given = event(4, "tocilizumab")
    assert graded("crs", cold, more=[given])["grade_astct"] == 3
    later = event(40, "tocilizumab")
    assert graded("crs", cold, more=[later])["grade_astct"] == 0


@pytest.mark.parametrize(
    ("end_day", "grade", "status"), [(5, 3, "QUANTIFIED"), (-1, 0, "INDETERMINATE")]
)
def test_a_steroid_from_before_the_infusion_counts_while_it_is_going_on(end_day, grade, status):
    steroid = event(-3, "steroid", end_day=end_day)
    found = graded("crs", "fever=no;hypotension=one_pressor;oxygen=none", more=[steroid])
    assert (found["grade_astct"], found["status"]) == (grade, status)


@pytest.mark.parametrize("name", ["crs", "icans"])
@pytest.mark.parametrize(("death", "end_day", "told"), [(5, 6, True), (9, 6, False), (9, "", True)])
def test_death_within_an_episode_leaves_its_grade_a_lower_bound(name, death, end_day, told):
    components = (
        "fever=yes;hypotension=one_pressor;oxygen=none" if name == "crs" else f"ice=2;{CALM}"
    )
    more = [event(death, "death")]
    found = graded(name, components, "3", "ASTCT", more=more, end_day=end_day)
    assert found["grade_astct"] == 3
    assert found["status"] == ("INDETERMINATE" if told else "QUANTIFIED")
    assert ("grade 5 (ASTCT) if" in found["flags"]) == told


def test_a_death_entered_in_another_system_is_no_astct_grade_but_is_said():
    found = graded("crs", "fever=yes;hypotension=none;oxygen=none", "5", "CTCAE")
    assert (found["grade_astct"], found["status"]) == (1, "INDETERMINATE")
    assert "grade 5 (ASTCT)" in found["flags"]


def test_a_drug_of_the_first_infusion_does_not_hide_the_fever_of_the_second():
    second = event(70, "crs", end_day=72, components="fever=no;hypotension=one_pressor;oxygen=none")
    found = one(
        "toxicity",
        infusions=[infusion(), infusion(66, "CD22", 2)],
        events=[event(5, "tocilizumab"), second],
    )
    assert (found["grade_astct"], found["infusion_no"], found["onset_days"]) == (0, 2, 4)


def test_onset_counts_from_the_infusion_and_both_days_belong_to_the_duration():
    found = graded("crs", "", day=4, end_day=8)
    assert (found["infusion_no"], found["onset_days"], found["duration_days"]) == (1, 4, 5)


def test_an_event_without_end_has_no_duration_and_says_so():
    found = one("exposure", events=[event(5, "ruxolitinib")])
    assert found["duration_days"] is None
    assert "end not entered" in found["flags"]


def test_icans_is_graded_by_the_worst_component():
    found = graded("icans", f"ice=8;{CALM}", "1", "ASTCT")
    assert (found["grade_astct"], found["agreement"]) == (1, "agrees")
    assert (
        graded("icans", "ice=8;consciousness=awake;seizure=resolved;motor=none;edema=none")[
            "grade_astct"
        ]
        == 3
    )


@pytest.mark.parametrize("age_group", ["infant", "child"])
@pytest.mark.parametrize(
    ("components", "grade", "status"),
    [
        (f"capd=0;{CALM}", 0, "QUANTIFIED"),
        (f"capd=8;{CALM}", 1, "QUANTIFIED"),
        ("capd=8;consciousness=voice;seizure=none;motor=none;edema=none", 2, "QUANTIFIED"),
        (f"capd=9;{CALM}", 3, "QUANTIFIED"),
        (f"ice=2;{CALM}", 0, "INDETERMINATE"),
    ],
)
def test_below_twelve_capd_takes_the_place_of_ice(age_group, components, grade, status):
    found = graded("icans", components, facts=patient(age_group=age_group))
    assert (found["grade_astct"], found["status"]) == (grade, status)
    if "capd" in components:
        assert "convention" in found["flags"]
    else:
        assert "CAPD takes its place" in found["flags"]


def test_capd_of_an_adult_is_not_used():
    found = graded("icans", f"capd=20;{CALM}")
    assert (found["grade_astct"], found["status"]) == (0, "INDETERMINATE")
    assert "below the age of 12 only" in found["flags"]


def test_an_impossible_capd_score_is_refused():
    with pytest.raises(ValueError, match="between 0 and 32"):
        icans_grade(capd=33, capd_bounds=CapdBounds(1, 9))


def test_an_entered_death_is_grade_five_whatever_the_components():
    found = graded("crs", "fever=yes;hypotension=none;oxygen=none", "5", "ASTCT")
    assert (found["grade_astct"], found["agreement"]) == (5, "agrees")


def virus(day, copies):
    return value(day, "virus_copies", copies, target="CMV", stream="lab", limit=150.0)


def no_virus(day):
    return absent(day, "virus_copies", 150.0, target="CMV", stream="lab")


def test_an_episode_of_a_virus_lasts_until_it_is_not_found():
    found = [
        row
        for row in rows([virus(20, 900.0), virus(30, 5000.0), no_virus(40), virus(80, 700.0)])
        if row["kind"] == "virus"
    ]
    assert [(r["day"], r["end_day"], r["duration_days"]) for r in found] == [
        (20, 30, 11),
        (80, None, None),
    ]
    assert "=5e+03 copies/mL" in found[0]["value"]
    assert "not detected on day 40" in found[0]["flags"]
    assert "no later specimen" in found[1]["flags"]


def test_a_virus_that_was_never_found_is_no_episode():
    assert not [row for row in rows([no_virus(20)]) if row["kind"] == "virus"]


def virus_found(found):
    return [r for r in found if r["kind"] in ("virus", "virus_test")]


def test_specimens_far_apart_are_not_one_episode_of_a_virus():
    found = virus_found(rows([virus(10, 500.0), virus(320, 600.0), no_virus(350), no_virus(360)]))
    assert [(r["kind"], r["day"], r["end_day"], r["duration_days"]) for r in found] == [
        ("virus", 10, None, None),
        ("virus", 320, 320, 1),
        ("virus_test", 350, 360, 11),
    ]
    assert "end not known" in found[0]["flags"]
    assert "found again) on day 320" in found[0]["flags"]


def test_a_negative_long_after_does_not_tell_when_an_episode_ended():
    found = virus_found(rows([virus(10, 500.0), no_virus(310)]))[0]
    assert (found["end_day"], found["duration_days"]) == (None, None)
    assert "(not detected) on day 310" in found["flags"]


@pytest.mark.parametrize("status", ["FAILED", "INDETERMINATE"])
def test_a_virus_test_that_failed_is_said_and_is_no_negative(status):
    failed = value(50, "virus_copies", None, target="CMV", stream="lab", status=status)
    (found,) = virus_found(rows([failed]))
    assert (found["kind"], found["status"]) == ("virus_test", status)
    assert found["value"].startswith(f"{status} 1 time")


def test_a_virus_that_was_looked_for_in_vain_stands_with_its_limit():
    (found,) = virus_found(rows([no_virus(20), no_virus(30)]))
    assert found["status"] == "NOT_DETECTED"
    assert found["value"] == "tested 2 times, not found (limit 150 copies/mL); days: 20, 30"


def test_a_virus_in_another_specimen_than_blood_is_named_with_it():
    csf = value(50, "virus_copies", 5000.0, "CSF", target="HHV6", stream="lab", limit=150.0)
    assert virus_found(rows([csf]))[0]["name"] == "HHV6 in CSF"


@pytest.mark.parametrize(
    "components",
    [
        "fever=no;hypotension=several_pressors;oxygen=positive_pressure",
        "fever=no;hypotension=several_pressors",
        "fever=no;oxygen=low_flow",
    ],
)
def test_low_pressure_or_oxygen_without_fever_or_treatment_is_left_open(components):
    found = graded("crs", components, "4", "ASTCT")
    assert (found["grade_astct"], found["status"]) == (0, "INDETERMINATE")
    assert found["agreement"] == "not comparable"
    assert "by definition no CRS, or treatment missing" in found["flags"]
    calm = graded("crs", "fever=no;hypotension=none;oxygen=none")
    assert (calm["grade_astct"], calm["status"]) == (0, "QUANTIFIED")


def test_burden_has_its_definition_and_is_not_assessed_without_a_value():
    found = {
        r["name"]: r for r in rows(facts=patient(baseline_mrd="0.01")) if r["kind"] == "burden"
    }
    assert found["residual_disease"]["value"] == "high: 1 % as entered"
    assert "1 % or more before lymphodepletion (EV010)" in found["residual_disease"]["flags"]
    assert found["marrow_blasts"]["status"] == "NOT_ASSESSED"
    below = {r["name"]: r for r in rows(facts=patient(baseline_mrd="0.009"))}
    assert below["residual_disease"]["value"].startswith("not high")


def test_therapy_before_the_infusion_says_how_long_before():
    found = one("before_infusion", events=[event(-40, "blinatumomab", end_day=-12)])
    assert found["value"] == "ended 12 days before the first infusion"
    assert found["duration_days"] == 29
    assert "apheresis is not entered" in found["flags"]


def test_the_same_drug_after_the_infusion_is_not_bridging():
    assert "before_infusion" not in {r["kind"] for r in rows(events=[event(30, "blinatumomab")])}


LYMPHODEPLETION = event(-5, "lymphodepletion", end_day=-3)


def residual_disease(evidence, events=()):
    found = rows(evidence, events=list(events))
    return next(r for r in found if r["name"] == "residual_disease")


def test_burden_is_read_before_lymphodepletion_and_not_after_it():
    before, after = (
        value(day, "flow_mrd_fraction", share, "BM") for day, share in ((-20, 0.2), (-1, 0.001))
    )
    found = residual_disease([before, after], [LYMPHODEPLETION])
    assert (found["day"], found["value"].split(":")[0]) == (-20, "high")
    only_after = residual_disease([after], [LYMPHODEPLETION])
    assert only_after["status"] == "NOT_ASSESSED"


def test_without_a_day_of_lymphodepletion_the_burden_may_be_of_after_it():
    found = residual_disease([value(-20, "flow_mrd_fraction", 0.2, "BM")])
    assert "may be after lymphodepletion: none is recorded" in found["flags"]
    dated = residual_disease([value(-20, "flow_mrd_fraction", 0.2, "BM")], [LYMPHODEPLETION])
    assert "may be after" not in dated["flags"]


@pytest.mark.parametrize(
    ("limit", "said", "status"),
    [(1e-5, "not high", "QUANTIFIED"), (0.05, "cannot tell", "INDETERMINATE")],
)
def test_a_newer_negative_marrow_takes_the_place_of_an_older_burden(limit, said, status):
    old = value(-60, "flow_mrd_fraction", 0.62, "BM")
    found = residual_disease([old, absent(-8, "flow_mrd_fraction", limit, "BM")], [LYMPHODEPLETION])
    assert (found["day"], found["status"]) == (-8, status)
    assert found["value"].startswith(f"{said}: ")
