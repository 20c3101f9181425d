import pytest
from tests.unit.evidence.patients import (
    absent,
    aplasia,
    b_cells,
    event,
    infusion,
    judged,
    patient,
    recovered,
    rule_at,
    value,
)

from aftercar.contracts.evidence import RECOVERY


def rows(evidence, **history):
    found = judged(evidence, landmarks=[90], **history).recovery
    RECOVERY.frame(found)
    return {row["rule_id"]: row for row in found}


def test_all_enabled_rules_answer_side_by_side():
    found = rows([*aplasia(28), *recovered(63), *recovered(90)])
    for rule in ("BCA-CCHMC", "BCA-FELIX20", "BCA-ABS50", "BCA-ELIANA"):
        assert found[rule]["status"] == "PRESENT"
        assert (found[rule]["recovered_after_day"], found[rule]["recovered_until_day"]) == (28, 63)
        assert found[rule]["attribution"] == "attributable"


def test_a_rule_without_a_local_threshold_is_not_computed():
    found = rows(recovered(63))
    assert found["BCA-PRWCC"]["status"] == "NOT_APPLICABLE"
    assert "not enabled" in found["BCA-PRWCC"]["attribution"]


def test_the_lymphoma_rule_is_for_lymphoma():
    evidence = [*recovered(200), *recovered(230)]
    assert rows(evidence)["BCA-MOFFITT"]["status"] == "NOT_APPLICABLE"
    assert rows(evidence, facts=patient("B-NHL"))["BCA-MOFFITT"]["status"] == "PRESENT"


def test_the_first_recovered_specimen_waits_for_the_second():
    found = rows([*aplasia(28), *recovered(63)])
    assert found["BCA-FELIX20"]["status"] == "INDETERMINATE"
    assert "not yet confirmed" in found["BCA-FELIX20"]["values"]


def test_aplasia_between_two_recovered_specimens_confirms_nothing():
    found = rows([*recovered(40), *aplasia(63), *recovered(88)])
    assert found["BCA-FELIX20"]["status"] == "INDETERMINATE"


def test_rules_differ_where_definitions_differ():
    found = rows([*b_cells(63, 0.02, 30), *b_cells(88, 0.02, 30)])
    assert {name: row["status"] for name, row in found.items() if name.startswith("BCA")} == {
        "BCA-CCHMC": "PRESENT",
        "BCA-MOFFITT": "NOT_APPLICABLE",
        "BCA-PRWCC": "NOT_APPLICABLE",
        "BCA-FELIX20": "PRESENT",
        "BCA-ABS50": "ABSENT",
        "BCA-ELIANA": "ABSENT",
    }


def test_no_b_cells_among_too_few_cells_is_not_aplasia():
    """0 of 900 cells: the upper limit is 0.3 %, yet the test could not have found 20 per uL."""
    few = value(
        63,
        "b_cells_fraction",
        0.0,
        status="INDETERMINATE",
        low=0.0,
        high=0.0042,
        count=0,
        total=900,
    )
    found = rows([few, {**few, "day": 88, "known_from_day": 88, "sample_id": "S88"}])
    assert found["BCA-CCHMC"]["status"] == "INDETERMINATE"


def test_a_limit_above_the_threshold_cannot_show_aplasia():
    found = rows([absent(63, "b_cells_per_ul", 40), absent(88, "b_cells_per_ul", 40)])
    assert found["BCA-FELIX20"]["status"] == "INDETERMINATE"
    assert found["BCA-ABS50"]["status"] == "ABSENT"


def test_b_cells_before_the_infusion_are_no_recovery():
    assert rows([*recovered(-5), *recovered(-3)])["BCA-FELIX20"]["status"] == "NOT_ASSESSED"


def test_two_specimens_of_one_day_do_not_confirm_each_other():
    again = [row | {"sample_id": "other"} for row in recovered(63)]
    assert rows([*recovered(63), *again])["BCA-FELIX20"]["status"] == "INDETERMINATE"


def test_specimens_of_neighbouring_days_do_not_confirm_each_other():
    found = rows([*aplasia(28), *recovered(63), *recovered(69)])
    assert found["BCA-FELIX20"]["status"] == "INDETERMINATE"
    assert "at least 7 days later" in found["BCA-FELIX20"]["values"]
    found = rows([*aplasia(28), *recovered(63), *recovered(69), *recovered(70)])
    assert (found["BCA-FELIX20"]["status"], found["BCA-FELIX20"]["recovered_until_day"]) == (
        "PRESENT", 63,
    )  # fmt: skip


def test_two_close_specimens_without_b_cells_do_not_undo_a_confirmed_recovery():
    seen = [*recovered(40), *recovered(60), *aplasia(88)]
    assert rows([*seen, *aplasia(89)])["BCA-FELIX20"]["status"] == "INDETERMINATE"
    assert rows([*seen, *aplasia(95)])["BCA-FELIX20"]["status"] == "ABSENT"


def of_lymphocytes(day, fraction):
    return value(day, "b_cells_fraction", fraction)


def test_a_rule_that_needs_all_criteria_is_open_while_one_was_not_measured():
    """ELIANA needs the share of leukocytes and that of lymphocytes."""
    found = rows([of_lymphocytes(63, 0.05), of_lymphocytes(88, 0.05)])["BCA-ELIANA"]
    assert found["status"] == "INDETERMINATE"
    assert "b_cells_of_leukocytes_fraction was not measured" in found["values"]
    half = rows([*recovered(40), *recovered(60), of_lymphocytes(88, 0.05)])["BCA-ELIANA"]
    assert (half["status"], half["recovered_until_day"]) == ("PRESENT", 40)


def test_one_criterion_that_is_not_met_decides_a_rule_that_needs_all():
    found = rows([of_lymphocytes(63, 0.02), of_lymphocytes(88, 0.02)])["BCA-ELIANA"]
    assert found["status"] == "ABSENT"


def test_two_values_of_one_day_that_disagree_decide_nothing():
    other = value(63, "b_cells_per_ul", 5, sample_id="other", stream="lab")
    found = rows([*aplasia(28), value(63, "b_cells_per_ul", 60), other])
    assert found["BCA-FELIX20"]["status"] == "ABSENT"
    assert found["BCA-FELIX20"]["recovered_after_day"] is None


GATES = {
    "transplant": ({"events": [event(50, "hct")]}, [], "hct on day 50"),
    "rituximab": ({"events": [event(40, "rituximab", end_day=50)]}, [], "rituximab"),
    "blinatumomab": ({"events": [event(30, "blinatumomab", end_day=58)]}, [], "blinatumomab"),
    "inotuzumab still given": ({"events": [event(30, "inotuzumab")]}, [], "inotuzumab"),
    "chemotherapy": ({"events": [event(60, "chemotherapy", end_day=64)]}, [], "chemotherapy"),
    "another CAR on B cells": (
        {"infusions": [infusion(), infusion(20, "CD22", 2)]},
        [],
        "also removes B cells",
    ),
    "blasts": ({}, [value(85, "flow_mrd_fraction", 0.2, "BM")], "blasts"),
}


@pytest.mark.parametrize("gate", GATES)
@pytest.mark.parametrize("course", ["recovery", "aplasia"])
def test_a_failed_gate_makes_the_answer_indeterminate_and_is_named(gate, course):
    history, more, name = GATES[gate]
    evidence = [*aplasia(28), *recovered(63), *recovered(88)]
    if course == "aplasia":
        evidence = [*aplasia(28), *aplasia(63), *aplasia(88)]
    found = rule_at(judged([*evidence, *more], **history), "BCR_CONFIRMED", 90)
    assert found["status"] == "INDETERMINATE"
    assert name in found["reason"]


@pytest.mark.parametrize(
    "history",
    [
        {"events": [event(-30, "rituximab", end_day=-20)]},
        {"events": [event(-30, "blinatumomab")]},
        {"events": [event(5, "chemotherapy", end_day=6)]},
        {"events": [event(-200, "hct")]},
        {"infusions": [infusion(targets="CD19;CD22")]},
    ],
    ids=["before the infusion", "bridging", "long ended", "old transplant", "one dual product"],
)
def test_what_lies_outside_the_window_does_not_fail_the_gates(history):
    found = rule_at(
        judged([*aplasia(28), *recovered(63), *recovered(88)], **history), "BCR_CONFIRMED", 90
    )
    assert found["status"] == "PRESENT", found["reason"]


def test_recovery_before_a_second_infusion_does_not_count_after_it():
    evidence = [*recovered(40), *recovered(60), *aplasia(88)]
    found = rows(evidence, infusions=[infusion(), infusion(70, "CD19", 2)])
    assert found["BCA-FELIX20"]["status"] == "ABSENT"


@pytest.mark.parametrize(
    ("rule", "measure", "low", "high"),
    [
        ("CD4-200", "cd4_t_per_ul", 200, 201),
        ("CD3-500", "t_cells_per_ul", 499, 500),
        ("NK-100", "nk_cells_per_ul", 99, 100),
        ("ANC-500", "anc", 499, 500),
        ("PLT-20000", "platelets", 19999, 20000),
    ],
)
def test_other_lineages_recover_at_their_thresholds(rule, measure, low, high):
    evidence = [value(20, measure, low), value(40, measure, high), value(60, measure, high)]
    row = rows(evidence)[rule]
    assert (row["status"], row["recovered_after_day"], row["recovered_until_day"]) == (
        "PRESENT",
        20,
        40,
    )
    assert rows([value(20, measure, low), value(40, measure, low)])[rule]["status"] == "ABSENT"


def hematogones(day, fraction):
    return value(day, "hematogones_fraction", fraction, "BM")


def test_hematogones_recover_in_the_marrow_and_speak_of_the_car_as_b_cells_do():
    evidence = [hematogones(28, 0.0005), hematogones(63, 0.002), hematogones(88, 0.01)]
    found = rows(evidence)["HEMATOGONES"]
    assert (found["status"], found["recovered_after_day"], found["recovered_until_day"]) == (
        "PRESENT", 28, 63,
    )  # fmt: skip
    assert found["attribution"] == "attributable"
    after = rows(evidence, events=[event(40, "hct")])["HEMATOGONES"]
    assert "hct on day 40" in after["attribution"]


@pytest.mark.parametrize(
    ("days", "timing"),
    [
        ((100, 150, 179), "early"),
        ((100, 179, 190), "early"),
        ((100, 180, 190), "not known"),
        ((180, 200, 220), "not early"),
        ((179, 200, 220), "not known"),
    ],
)
def test_recovery_is_early_before_six_months_and_not_known_where_the_interval_spans_them(
    days, timing
):
    last, first, second = days
    evidence = [*aplasia(last), *recovered(first), *recovered(second)]
    assert rows(evidence)["BCA-FELIX20"]["timing"] == timing


def test_early_counts_from_the_infusion_that_the_recovery_follows():
    evidence = [*aplasia(190), *recovered(220), *recovered(240)]
    found = rows(evidence, infusions=[infusion(), infusion(100, "CD19", 2)])
    assert found["BCA-FELIX20"]["timing"] == "early"


def test_what_has_not_recovered_has_no_timing():
    assert rows([*aplasia(60), *aplasia(90)])["BCA-FELIX20"]["timing"] == ""


def test_b_cells_without_any_blast_count_are_normal_by_their_gate_alone():
    evidence = [*aplasia(28), *recovered(63), *recovered(90)]
    assert "no blasts were counted" in rows(evidence)["BCA-FELIX20"]["remarks"]
    looked = absent(85, "flow_mrd_fraction", 2e-5, "BM")
    assert rows([*evidence, looked])["BCA-FELIX20"]["remarks"] == ""
    before = absent(-5, "flow_mrd_fraction", 2e-5, "BM")
    assert "no blasts were counted" in rows([*evidence, before])["BCA-FELIX20"]["remarks"]


@pytest.mark.parametrize(
    "later",
    [
        [event(150, "hct")],
        [event(140, "conditioning")],
        [event(150, "relapse"), event(160, "chemotherapy", end_day=170)],
        [event(160, "blinatumomab")],
    ],
)
def test_what_comes_after_the_confirmation_does_not_undo_a_recovery(later):
    """Recovery in (28, 63], confirmed on day 90; the row is made from the whole course."""
    evidence = [*aplasia(28), *recovered(63), *recovered(90)]
    found = rows(evidence, events=later)["BCA-FELIX20"]
    assert (found["recovered_until_day"], found["attribution"]) == (63, "attributable")


def test_another_product_or_blasts_after_the_confirmation_do_not_undo_a_recovery():
    evidence = [*aplasia(28), *recovered(63), *recovered(90)]
    blasts = value(150, "flow_mrd_fraction", 0.2, "BM")
    assert rows([*evidence, blasts])["BCA-FELIX20"]["attribution"] == "attributable"
    before = value(85, "flow_mrd_fraction", 0.2, "BM")
    assert "blasts" in rows([*evidence, before])["BCA-FELIX20"]["attribution"]


@pytest.mark.parametrize(
    ("later", "status", "said"),
    [
        ([*aplasia(170), *recovered(200), *recovered(230)], "PRESENT", "recovered again"),
        ([*aplasia(170), *aplasia(190)], "ABSENT", "lost again"),
        (aplasia(170), "INDETERMINATE", "not settled"),
    ],
)
def test_a_confirmed_recovery_keeps_its_days_when_b_cells_dip_later(later, status, said):
    found = rows([*aplasia(30), *recovered(60), *recovered(90), *later])["BCA-FELIX20"]
    assert (found["recovered_after_day"], found["recovered_until_day"]) == (30, 60)
    assert (found["not_recovered_day"], found["timing"]) == (30, "early")
    assert found["status"] == status
    assert "not recovered on day 170" in found["remarks"]
    assert said in found["remarks"]
