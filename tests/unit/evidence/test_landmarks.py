"""No look-ahead: what happened after a landmark does not change its rows."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.random import default_rng
from tests.unit.evidence.patients import (
    LANDMARKS,
    absent,
    aplasia,
    car,
    event,
    infusion,
    judged,
    patient,
    recovered,
    risk_at,
    rule_at,
    value,
)

from aftercar.contracts.evidence import MEASURES, RISK, RULE_RESULTS

EVENTS = (
    "blinatumomab",
    "rituximab",
    "chemotherapy",
    "hct",
    "relapse",
    "lineage_switch",
    "extramedullary_relapse",
    "extramedullary_cleared",
    "death",
    "infection",
)
TARGETS = ("CD19", "CD22", "CD7", "CD5", "CD19;CD22", "")


def random_patient(seed):
    """A patient with random sheets and measurements, days and known-from days."""
    rng = default_rng(seed)
    diseases = ("B-ALL", "T-ALL", "MPAL", "AML", "B-NHL")
    facts = patient(
        str(rng.choice(diseases)),
        kmt2a_rearranged=str(rng.choice(["yes", "no", "unknown", ""])),
        tp53_status=str(rng.choice(["altered", "wild_type", ""])),
        extramedullary=str(rng.choice(["yes", "no", ""])),
        baseline_mrd=str(rng.choice(["0.2", "0.0001", "unknown"])),
    )
    days = sorted({0, *(int(d) for d in rng.integers(20, 380, rng.integers(0, 3)))})
    infusions = [
        infusion(day, str(rng.choice(TARGETS[:5])), number)
        for number, day in enumerate(days, start=1)
    ]
    if rng.random() < 0.1:
        infusions[-1]["day"] = ""
    events = []
    for _ in range(rng.integers(0, 6)):
        day = int(rng.integers(-30, 400))
        more = {"end_day": day + int(rng.integers(0, 120))} if rng.random() < 0.5 else {}
        events.append(
            event(day, str(rng.choice(EVENTS)), site=str(rng.choice(["", "CNS", "marrow"])), **more)
        )
    evidence = []
    names = [name for name in MEASURES if name != "specimen"]
    for n in range(rng.integers(10, 120)):
        measure, day = str(rng.choice(names)), int(rng.integers(-20, 400))
        status = str(
            rng.choice(
                ["QUANTIFIED", "NOT_DETECTED", "DETECTED_BELOW_LLOQ", "INDETERMINATE", "FAILED"],
                p=[0.5, 0.25, 0.1, 0.1, 0.05],
            )
        )
        number = (
            float(10 ** rng.uniform(-5, 3))
            if status in ("QUANTIFIED", "DETECTED_BELOW_LLOQ")
            else None
        )
        evidence.append(
            value(
                day,
                measure,
                number,
                str(rng.choice(["PB", "BM", "CSF"])),
                status=status,
                target=str(rng.choice(TARGETS)),
                limit=float(10 ** rng.uniform(-6, -2)),
                sample_id=f"S{n}",
                known_from_day=day + int(rng.choice([0, 0, 0, 90])),
            )
        )
    return facts, infusions, events, evidence


def cut(infusions, events, evidence, day):
    """The inputs as they were on a day: later rows are gone, later ends are open."""
    return (
        [row for row in infusions if row["day"] == "" or int(row["day"]) <= day],
        [
            row | ({"end_day": ""} if row["end_day"] and int(row["end_day"]) > day else {})
            for row in events
            if int(row["day"]) <= day
        ],
        [row for row in evidence if row["day"] <= day and row["known_from_day"] <= day],
    )


@pytest.mark.parametrize("seeds", [range(n, n + 25) for n in range(0, 200, 25)], ids=str)
def test_cutting_the_inputs_at_any_landmark_leaves_earlier_rows_identical(seeds):
    for seed in seeds:
        facts, infusions, events, evidence = random_patient(seed)
        whole = judged(evidence, facts=facts, infusions=infusions, events=events)
        for landmark in LANDMARKS:
            then = cut(infusions, events, evidence, landmark)
            before = judged(then[2], facts=facts, infusions=then[0], events=then[1])
            for name in ("risk", "rules"):
                seen = [
                    [row for row in getattr(assessed, name) if row["landmark_day"] <= landmark]
                    for assessed in (whole, before)
                ]
                assert seen[0] == seen[1], (seed, landmark)


@settings(max_examples=20)
@given(st.integers(0, 10_000))
def test_every_random_patient_has_all_rows_and_they_keep_the_contract(seed):
    facts, infusions, events, evidence = random_patient(seed)
    assessed = judged(evidence, facts=facts, infusions=infusions, events=events)
    risk = RISK.frame(assessed.risk)
    RULE_RESULTS.frame(assessed.rules)
    pairs = risk[["landmark_day", "mechanism"]].drop_duplicates()
    assert len(pairs) == len(LANDMARKS) * 7
    assert (risk["tests_done"] <= risk["tests_due"]).all()
    quiet = risk[risk["category"] == "NO_SIGNAL"]
    assert (quiet["tests_done"] == quiet["tests_due"]).all()
    assert (quiet["tests_due"] > 0).all()
    assert (risk["reason"] != "").all()
    loud = risk[risk["category"].isin(["SIGNAL", "SIGNAL_CONFLICTING"])]
    assert (loud["drivers"] != "").all()
    assert (loud["evidence_grade"] != "").all()


@settings(max_examples=20)
@given(st.integers(0, 2_000), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(seed, random):
    facts, infusions, events, evidence = random_patient(seed)
    whole = judged(evidence, facts=facts, infusions=infusions, events=events)
    shuffled = list(evidence)
    random.shuffle(shuffled)
    again = judged(shuffled, facts=facts, infusions=infusions, events=events)
    assert RISK.frame(whole.risk).equals(RISK.frame(again.risk))


def test_a_relapse_ends_the_clock_of_all_but_extramedullary_findings():
    assessed = judged(
        [], events=[event(80, "relapse", phenotype="antigen_positive", site="marrow")]
    )
    assert {row["category"] for row in assessed.risk if row["landmark_day"] >= 90} == {
        "NOT_APPLICABLE"
    }
    assert "relapse" in risk_at(assessed, "M1", 90)["reason"]
    assert risk_at(assessed, "M1", 63)["category"] == "NOT_ASSESSABLE"


def test_an_extramedullary_relapse_is_shown_where_the_other_clocks_have_ended():
    assessed = judged([], events=[event(80, "extramedullary_relapse", site="CNS")])
    assert risk_at(assessed, "M7", 90)["category"] == "SIGNAL"
    assert risk_at(assessed, "M2", 90)["category"] == "NOT_APPLICABLE"


def test_after_death_nothing_applies():
    events = [event(70, "extramedullary_relapse", site="CNS"), event(80, "death")]
    assessed = judged([], events=events)
    assert {row["category"] for row in assessed.risk if row["landmark_day"] >= 90} == {
        "NOT_APPLICABLE"
    }


def test_a_new_car_after_a_relapse_opens_a_segment():
    assessed = judged(
        [],
        infusions=[infusion(), infusion(150, "CD22", 2)],
        events=[event(100, "relapse", phenotype="antigen_negative")],
    )
    assert risk_at(assessed, "M1", 90)["category"] == "NOT_ASSESSABLE"
    assert {
        row["target"]
        for row in assessed.risk
        if row["landmark_day"] == 90 and row["mechanism"] == "M2"
    } == {"CD19"}
    assert {
        row["target"]
        for row in assessed.risk
        if row["landmark_day"] == 180 and row["mechanism"] == "M2"
    } == {"CD19", "CD22"}
    assert risk_at(assessed, "M1", 180, target="CD22")["category"] == "NOT_ASSESSABLE"


def test_a_relapse_before_the_infusion_ends_nothing():
    assessed = judged([], events=[event(-40, "relapse")])
    assert risk_at(assessed, "M1", 28)["category"] == "NOT_ASSESSABLE"


def test_without_the_day_of_the_infusion_nothing_can_be_placed():
    evidence = [value(85, "ngs_mrd_fraction", 1e-4, "BM", stream="lab")]
    assessed = judged(evidence, infusions=[infusion(None)])
    rows = [row for row in assessed.risk if row["category"] != "NOT_APPLICABLE"]
    assert {row["category"] for row in rows} == {"NOT_ASSESSABLE"}
    assert all("day of infusion 1 is not known" in row["reason"] for row in rows)
    assert all("day of the infusion" in row["missing_tests"] for row in rows)


def test_without_any_infusion_nothing_is_assessable():
    assessed = judged([*aplasia(88)], infusions=[])
    assert {row["category"] for row in assessed.risk} == {"NOT_ASSESSABLE"}


def test_the_end_of_an_event_after_the_landmark_is_not_known():
    course = [event(60, "blinatumomab", end_day=200)]
    open_course = [event(60, "blinatumomab")]
    evidence = [*aplasia(28), *recovered(63), *recovered(88)]
    ended, going_on = (
        rule_at(judged(evidence, events=events), "BCR_CONFIRMED", 90)
        for events in (course, open_course)
    )
    assert ended == going_on
    assert ended["status"] == "INDETERMINATE"


def test_a_specimen_of_the_landmark_day_counts_and_one_of_the_next_day_does_not():
    for day, status in ((90, "PRESENT"), (91, "NOT_ASSESSED")):
        evidence = [value(day, "ngs_mrd_fraction", 1e-4, "BM", stream="lab")]
        assert rule_at(judged(evidence), "NGS_MRD_POS", 90, mechanism="M1")["status"] == status


@pytest.mark.parametrize(
    ("specimen", "measure", "rule", "oldest"),
    [
        ("PB", "flow_mrd_fraction", "FLOW_MRD_POS", 35),
        ("BM", "flow_mrd_fraction", "FLOW_MRD_POS", 45),
    ],
    ids=["blood", "marrow"],
)
def test_a_specimen_speaks_until_its_maximum_age(specimen, measure, rule, oldest):
    for age, status in ((oldest, "PRESENT"), (oldest + 1, "NOT_ASSESSED")):
        found = rule_at(judged([value(90 - age, measure, 0.01, specimen)]), rule, 90)
        assert found["status"] == status


def test_mechanisms_that_do_not_concern_the_patient_are_not_applicable():
    b_all = judged([], facts=patient(kmt2a_rearranged="no"))
    t_all = judged([], facts=patient("T-ALL"), infusions=[infusion(targets="CD7")])
    aml = judged([], facts=patient("AML"), infusions=[infusion(targets="CD33")])
    missing = {
        name: {row["mechanism"] for row in assessed.risk if row["category"] == "NOT_APPLICABLE"}
        for name, assessed in (("b_all", b_all), ("t_all", t_all), ("aml", aml))
    }
    assert missing == {
        "b_all": {"M3", "M4", "M5"},
        "t_all": {"M1", "M2", "M3"},
        "aml": {"M3", "M4", "M5"},
    }
    assert rule_at(aml, "BCR_CONFIRMED", 90)["status"] == "NOT_APPLICABLE"
    assert rule_at(aml, "CAR_LOST_BEFORE_LM", 90)["status"] == "NOT_ASSESSED"


def test_a_lineage_switch_counts_even_without_a_known_predisposition():
    evidence = [
        value(85, "myeloid_blast_fraction", 0.4, "BM", low=0.38, high=0.42),
        value(85, "clonotype_shared_with_diagnosis", 1.0, "BM", stream="lab"),
    ]
    assert (
        risk_at(judged(evidence, facts=patient(kmt2a_rearranged="no")), "M3")["category"]
        == "SIGNAL"
    )


def test_an_undated_second_infusion_makes_recovery_not_attributable():
    assessed = judged(
        [*aplasia(28), *recovered(63), *recovered(88), car(14, 900)],
        infusions=[infusion(), infusion(None, "CD22", 2)],
    )
    found = rule_at(assessed, "BCR_CONFIRMED", 90)
    assert found["status"] == "INDETERMINATE"
    assert "infusion 2 is not known" in found["reason"]


def test_negative_tests_of_another_landmark_do_not_help():
    evidence = [absent(88, "ngs_mrd_fraction", 1e-6, "BM", stream="lab")]
    assessed = judged(evidence)
    assert risk_at(assessed, "M2", 90)["category"] == "NO_SIGNAL"
    assert risk_at(assessed, "M2", 63)["category"] == "NOT_ASSESSABLE"
    late = risk_at(assessed, "M2", 180)
    assert late["category"] == "NOT_ASSESSABLE"
    assert "92 days old" in late["stale_tests"]
