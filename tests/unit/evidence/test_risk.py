import pytest
from tests.unit.evidence.patients import (
    absent,
    aplasia,
    b_cells,
    car,
    event,
    infusion,
    judged,
    no_car,
    patient,
    recovered,
    risk_at,
    rule_at,
    value,
)

NO_NGS = absent(88, "ngs_mrd_fraction", 1e-6, "BM", stream="lab")
NGS = value(88, "ngs_mrd_fraction", 2e-5, "BM", stream="lab")
RECOVERED = [*aplasia(28), *recovered(63), *recovered(88)]
KMT2A = {"facts": patient(kmt2a_rearranged="yes")}
T_ALL = {"facts": patient("T-ALL"), "infusions": [infusion(targets="CD7")]}

# mechanism -> (history, evidence that is exactly the minimum set of negative tests)
MINIMUM = {
    "M1": ({}, [*aplasia(63), *aplasia(88), car(88, 900)]),
    "M2": ({}, [NO_NGS]),
    "M3": (KMT2A, [NO_NGS, absent(88, "myeloid_blast_fraction", 0.001, "BM")]),
    "M4": (
        T_ALL,
        [absent(88, "flow_mrd_fraction", 2e-5, "BM"), value(88, "cd7_positive_t_fraction", 0.01)],
    ),
}


@pytest.mark.parametrize("mechanism", MINIMUM)
def test_the_minimum_set_of_negative_tests_gives_no_signal(mechanism):
    history, evidence = MINIMUM[mechanism]
    row = risk_at(judged(evidence, **history), mechanism)
    assert row["category"] == "NO_SIGNAL", row
    assert row["tests_done"] == row["tests_due"]
    assert row["missing_tests"] == row["stale_tests"] == ""


@pytest.mark.parametrize(
    ("mechanism", "dropped"),
    [
        ("M1", "b_cells"),
        ("M1", "car"),
        ("M2", "ngs"),
        ("M3", "ngs"),
        ("M3", "myeloid"),
        ("M4", "flow"),
        ("M4", "cd7"),
    ],
)
def test_one_test_less_is_not_assessable_and_named(mechanism, dropped):
    history, evidence = MINIMUM[mechanism]
    rest = [row for row in evidence if not row["measure"].startswith(dropped)]
    assert len(rest) < len(evidence)
    row = risk_at(judged(rest, **history), mechanism)
    assert row["category"] == "NOT_ASSESSABLE"
    assert row["missing_tests"] != ""
    assert (row["if_missing_negative"], row["if_missing_positive"]) == ("NO_SIGNAL", "SIGNAL")


@pytest.mark.parametrize("mechanism", ["M5", "M6", "M7"])
def test_mechanisms_without_a_named_minimum_never_say_no_signal(mechanism):
    evidence = [
        absent(88, "flow_mrd_fraction", 2e-5, "BM"),
        absent(88, "flow_mrd_fraction", 1e-4, "CSF"),
        value(88, "cd4_t_per_ul", 500),
        absent(88, "virus_copies", 100, target="EBV"),
        value(88, "cd7_positive_t_fraction", 0.01),
    ]
    row = risk_at(judged(evidence, **T_ALL), mechanism)
    assert row["category"] == "NOT_ASSESSABLE"
    assert row["if_missing_negative"] == "NOT_ASSESSABLE"


def test_one_aplastic_specimen_is_not_a_confirmed_rule():
    row = risk_at(judged([*aplasia(88), car(88, 900)]), "M1")
    assert row["category"] == "NOT_ASSESSABLE"
    assert "confirmed" in row["missing_tests"]


def test_rules_of_one_information_group_are_one_driver():
    lost = [car(14, 9000), no_car(63), no_car(88)]
    row = risk_at(judged([*RECOVERED, *lost]), "M1")
    assert row["category"] == "SIGNAL"
    assert " | " not in row["drivers"]
    assert "same information, one driver" in row["drivers"]
    assert row["reason"].startswith("1 independent sign of 2 rules")


def test_recovery_adds_nothing_once_month_three_clonotype_disease_is_known():
    for known in (NGS, NO_NGS):
        row = risk_at(judged([*RECOVERED, known]), "M1")
        assert "adds no independent information here (EV005)" in row["drivers"]
        assert "EV005" in row["evidence_ids"].split(";")
    assert "adds no independent" not in risk_at(judged(RECOVERED), "M1")["drivers"]


def test_clonotype_disease_without_recovery_is_a_signal_and_recovery_stays_absent():
    assessed = judged([*aplasia(63), *aplasia(88), car(88, 900), NGS])
    assert risk_at(assessed, "M1")["category"] == "SIGNAL"
    assert rule_at(assessed, "BCR_CONFIRMED")["status"] == "ABSENT"


def test_the_clonotype_is_graded_b_early_and_c_from_month_three():
    early = value(27, "ngs_mrd_fraction", 2e-5, "BM", stream="lab")
    assert rule_at(judged([early]), "NGS_MRD_POS", 28, mechanism="M1")["grade"] == "B"
    assert rule_at(judged([NGS]), "NGS_MRD_POS", 90, mechanism="M1")["grade"] == "C"


def test_recovery_by_one_rule_only_is_conflicting():
    evidence = [*b_cells(63, 0.02, 30), *b_cells(88, 0.02, 30), car(88, 900)]
    row = risk_at(judged(evidence), "M1")
    assert row["category"] == "SIGNAL_CONFLICTING"
    assert "BCR_CONFIRMED" in row["conflicts"]


def test_below_the_limit_with_aplasia_is_not_a_lost_car():
    evidence = [
        car(14, 9000),
        value(
            63,
            "car_copies",
            30,
            target="CD19",
            stream="lab",
            lloq=50,
            limit=10,
            status="DETECTED_BELOW_LLOQ",
        ),
        value(
            88,
            "car_copies",
            20,
            target="CD19",
            stream="lab",
            lloq=50,
            limit=10,
            status="DETECTED_BELOW_LLOQ",
        ),
        *aplasia(63),
        *aplasia(88),
    ]
    assessed = judged(evidence)
    assert rule_at(assessed, "CAR_LOST_BEFORE_LM")["status"] == "ABSENT"
    assert rule_at(assessed, "CAR_BLQ_WITH_BCA")["status"] == "PRESENT"
    assert risk_at(assessed, "M1")["category"] == "NO_SIGNAL"


def test_undetected_twice_while_aplasia_holds_is_contested():
    row = risk_at(judged([car(14, 9000), no_car(63), no_car(88), *aplasia(63), *aplasia(88)]), "M1")
    assert row["category"] == "SIGNAL_CONFLICTING"
    assert "aplasia holds" in row["conflicts"]


def test_recovery_after_a_transplant_says_nothing_about_the_car():
    row = risk_at(judged([*RECOVERED, car(28, 900)], events=[event(50, "hct")]), "M1")
    assert row["category"] == "NOT_ASSESSABLE"
    assert "hct on day 50" in row["missing_tests"]
    assert row["if_missing_negative"] == "NOT_ASSESSABLE"


def test_each_target_has_its_own_row_and_dual_products_have_two():
    assessed = judged([NGS], infusions=[infusion(targets="CD19;CD22")])
    rows = [row for row in assessed.risk if row["mechanism"] == "M2" and row["landmark_day"] == 90]
    assert {row["target"] for row in rows} == {"CD19", "CD22"}
    assert {row["category"] for row in rows} == {"SIGNAL"}


def test_a_gate_free_of_cd19_says_nothing_about_the_absence_of_cd22():
    assessed = judged(
        [absent(88, "flow_mrd_fraction", 2e-5, "BM")], infusions=[infusion(targets="CD19;CD22")]
    )
    assert risk_at(assessed, "M2", target="CD19")["category"] == "NO_SIGNAL"
    assert risk_at(assessed, "M2", target="CD22")["category"] == "NOT_ASSESSABLE"


def test_loss_of_one_target_does_not_signal_for_the_other():
    evidence = [
        NGS | {"value": None, "status": "NOT_DETECTED", "limit": 1e-6},
        value(88, "lof_variant_vaf", 0.3, "BM", target="CD22", item="p.X", stream="sequencing"),
    ]
    assessed = judged(evidence, infusions=[infusion(targets="CD19;CD22")])
    assert risk_at(assessed, "M2", target="CD22")["category"] == "SIGNAL"
    assert risk_at(assessed, "M2", target="CD19")["category"] == "NO_SIGNAL"


def test_a_predisposition_is_named_but_does_not_make_a_signal():
    history, evidence = MINIMUM["M3"]
    row = risk_at(judged(evidence, **history), "M3")
    assert row["category"] == "NO_SIGNAL"
    assert "KMT2A" in row["reason"]
    assert row["drivers"] == ""


def test_opposite_signs_of_burden_stay_in_their_own_rows():
    """High burden speaks for antigen-negative relapse (EV010) and never for M1."""
    assessed = judged([], facts=patient(baseline_mrd="0.3"))
    assert risk_at(assessed, "M2")["category"] == "SIGNAL"
    assert risk_at(assessed, "M1")["category"] == "NOT_ASSESSABLE"
    assert risk_at(assessed, "M1")["drivers"] == ""


def test_the_bounds_enclose_the_category():
    order = ["NOT_APPLICABLE", "NO_SIGNAL", "NOT_ASSESSABLE", "SIGNAL_CONFLICTING", "SIGNAL"]
    for history, evidence in MINIMUM.values():
        for keep in range(len(evidence) + 1):
            for row in judged(evidence[:keep], **history).risk:
                low, here, high = (
                    order.index(row[name])
                    for name in ("if_missing_negative", "category", "if_missing_positive")
                )
                assert low <= here <= high or here == low, row


def test_a_signal_stays_when_all_missing_tests_are_negative():
    row = risk_at(judged([NGS]), "M1")
    assert row["if_missing_negative"] == "SIGNAL"


def test_not_a_single_number_of_risk_is_printed():
    for row in judged([*RECOVERED, NGS]).risk:
        assert "%" not in row["drivers"] + row["reason"]


def test_a_car_that_vanishes_after_a_transplant_is_not_lost_by_itself():
    evidence = [car(14, 9000), no_car(63), no_car(88)]
    assert rule_at(judged(evidence), "CAR_LOST_BEFORE_LM")["status"] == "PRESENT"
    found = rule_at(judged(evidence, events=[event(50, "hct")]), "CAR_LOST_BEFORE_LM")
    assert found["status"] == "INDETERMINATE"
    assert "hct on day 50" in found["reason"]


def test_a_marrow_after_lymphodepletion_does_not_erase_a_high_burden():
    before = value(-20, "flow_mrd_fraction", 0.2, "BM")
    after = value(-1, "flow_mrd_fraction", 0.001, "BM")
    depleted = [event(-5, "lymphodepletion", end_day=-3)]
    dated = judged([before, after], landmarks=[28], events=depleted)
    assert rule_at(dated, "BURDEN_HIGH_PRE_LD", 28)["status"] == "PRESENT"
    assert rule_at(dated, "BURDEN_LOW_PRE_LD", 28)["status"] == "ABSENT"
    only_after = judged([after], landmarks=[28], events=depleted)
    assert rule_at(only_after, "BURDEN_LOW_PRE_LD", 28)["status"] == "NOT_ASSESSED"


def test_a_burden_without_a_day_of_lymphodepletion_says_so_in_the_driver():
    found = judged([value(-20, "flow_mrd_fraction", 0.2, "BM")], landmarks=[28])
    said = "may be after lymphodepletion: none is recorded"
    assert said in risk_at(found, "M2", 28)["drivers"]
