"""A card says how far its study speaks for this patient, and what contradicts it."""

import re

import pytest
from tests.unit.evidence.patients import clinical, evidence_base, infusion, patient
from tests.unit.report.made_up import content_of, page_of, typical

from aftercar.report.evidence_cards import evidence_cards
from aftercar.report.numbers import plain_rows
from aftercar.report.study_context import indirectness, review_notice

CONFLICTS = clinical("conflicts")["conflicts"]
REVIEW = {"compiled_on": "2026-11-23", "review_by": "2027-11-23"}


def card(name, facts=None, infusions=None, conflicts=CONFLICTS):
    sheets = {
        "patients": [facts or patient()],
        "infusions": [infusion()] if infusions is None else infusions,
    }
    cards = evidence_cards([name], plain_rows(evidence_base()), sheets, conflicts)
    return next(found for found in cards if found["id"] == name), [c["id"] for c in cards]


def compared(found):
    return next(
        (f["text"] for f in found["facts"] if f["label"] == "Compared with this patient"), ""
    )


@pytest.mark.parametrize(
    ("name", "facts", "product", "said"),
    [
        ("EV003", patient("AML"), {}, "from another disease (B-ALL, not AML)"),
        ("EV094", patient("T-ALL"), {"targets": "CD5"}, "another construct (CAR on CD7, not CD5)"),
        ("EV035", patient(), {}, "not about CAR-T (blinatumomab (no CAR-T))"),
        ("EV003", patient(), {"costimulation": "CD28"}, "another construct (4-1BB, not CD28)"),
        ("EV003", patient(age_group="adult"), {}, "(children and young adults, not adult)"),
        ("EV076", patient(age_group="child"), {}, "(adults, not child)"),
        ("EV123", patient(), {"targets": "CD7"}, "(CAR on CD19 and CD22, not CD7)"),
        ("EV003", patient(), {"targets": "CD22;CD19"}, "(CAR on CD19, not CD19 and CD22)"),
        ("EV046", patient(), {}, "(CAR on CD19 and CD22, not CD19)"),
        ("EV020", patient(), {"scfv_origin": "humanised"}, "(murine binder, not humanised binder)"),
        ("EV083", patient(), {"scfv_origin": "murine"}, "(humanised binder, not murine binder)"),
    ],
)
def test_a_study_of_others_says_so(name, facts, product, said):
    assert said in compared(card(name, facts, [infusion(**product)])[0])


@pytest.mark.parametrize(
    ("facts", "product"),
    [
        (patient(), {}),
        (patient(age_group="child"), {"costimulation": "4-1BB"}),
        (patient(age_group="adolescent"), {"costimulation": "unknown"}),
        (patient(), {"scfv_origin": "humanised"}),  # the row does not state its binder
    ],
)
def test_a_study_of_the_same_kind_or_what_is_not_stated_is_not_called_another(facts, product):
    assert compared(card("EV003", facts, [infusion(**product)])[0]) == ""


def test_a_study_of_one_of_two_products_names_the_other():
    first = infusion(costimulation="CD28", scfv_origin="murine")
    second = infusion(40, "CD19", 2, costimulation="4-1BB", scfv_origin="humanised")
    found = compared(card("EV003", infusions=[first, second])[0])
    assert found == "from another construct than infusion 1 (4-1BB, not CD28)"
    murine = compared(card("EV020", infusions=[first, second])[0])
    assert murine == "from another construct than infusion 2 (murine binder, not humanised binder)"
    switched = compared(card("EV003", infusions=[infusion(), infusion(40, "CD22", 2)])[0])
    assert switched == "from another construct than infusion 2 (CAR on CD19, not CD22)"


def test_two_products_of_one_day_are_compared_together():
    both = [infusion(), infusion(0, "CD22", 2)]
    assert compared(card("EV123", infusions=both)[0]) == ""
    one_after_the_other = [infusion(), infusion(40, "CD22", 2)]
    assert "(CAR on CD19 and CD22, not CD19 or CD22)" in compared(
        card("EV123", infusions=one_after_the_other)[0]
    )


def test_what_a_row_was_said_to_study_is_what_its_text_says():
    """The columns that are compared, against the words of the source beside them."""
    for row in plain_rows(evidence_base()):
        population, product = row["population"], row["product"]
        diseases, targets = row["diseases"].split(";"), row["targets"].split(";")
        assert ("T-ALL" in diseases) == bool(re.search("T-ALL|T-lineage", population)), row["id"]
        assert ("AML" in diseases) == ("AML" in population), row["id"]
        assert not ("B-ALL" in population and "B-ALL" not in diseases), row["id"]
        for antigen in set(re.findall(r"CD(?:7|5|19|22|33)\b", product)) - {"CD19"}:
            if row["id"] not in ("EV111", "EV112", "EV113"):
                assert antigen in targets, row["id"]
        assert (row["targets"] == "none") == bool(re.match(r"blinatumomab(?!,)", product)), row[
            "id"
        ]
        if "adult" in population and "children" not in population and "young" not in population:
            assert row["ages"] == "adult", row["id"]
        if row["ages"] == "young":
            assert re.search(r"child|age (3-25|1-29)|median age 17", population), row["id"]


def test_the_product_and_disease_of_a_study_of_others_are_not_mistaken_for_missing():
    row = {"diseases": "", "targets": "", "costimulation": "", "ages": "", "product": "any"}
    assert indirectness(row, patient("AML", age_group="adult"), [infusion()]) == []


@pytest.mark.parametrize("conflict", CONFLICTS, ids=lambda c: c["id"])
def test_a_page_that_cites_one_side_shows_all_sides(conflict):
    sides = [name for claim in conflict["claims"] for name in claim["evidence_ids"]]
    for name in sides:
        found, shown = card(name)
        assert set(sides) <= set(shown)
        told = " ".join(found["conflicts"])
        assert conflict["question"] in told
        for claim in conflict["claims"]:
            assert claim["says"] in told
        assert "not settled" in told


def test_a_row_that_nothing_contradicts_has_no_conflict():
    found, shown = card("EV003")
    assert (found["conflicts"], shown) == ([], ["EV003"])


def test_the_page_prints_the_conflict_on_the_card():
    notes = {"conflicts": {"conflicts": CONFLICTS}, "review": REVIEW, "issued_on": ""}

    def one_side():
        tables, *others = typical()
        return tables | {"risk": tables["risk"].assign(evidence_ids="EV050")}, *others

    page = page_of(one_side, evidence_notes=notes)
    assert "Conflicting evidence: Do antigen-negative or dim cells before the infusion" in page


@pytest.mark.parametrize(
    ("issued_on", "overdue", "said"),
    [
        ("", False, "not compared: no day of issue is stated"),
        ("2027-11-22", False, "issued on 2027-11-22"),
        ("2027-11-23", False, "issued on 2027-11-23"),
        ("2027-11-24", True, "OVERDUE on the day of issue, 2027-11-24"),
        ("2030-01-01", True, "OVERDUE"),
    ],
)
def test_evidence_is_overdue_from_the_day_after_its_review(issued_on, overdue, said):
    found = review_notice(REVIEW, issued_on)
    assert bool(found["caution"]) is overdue
    assert said in found["text"]


def test_overdue_evidence_stands_on_page_one_before_the_mechanisms():
    notes = {"conflicts": {"conflicts": []}, "review": REVIEW, "issued_on": "2028-01-01"}
    page = page_of(typical, evidence_notes=notes)
    first = page.split('<table class="mechanisms">')[0]
    assert "The published evidence is overdue for review" in first
    in_time = page_of(typical, evidence_notes=notes | {"issued_on": "2027-01-01"})
    assert "overdue for review" not in in_time
    assert "issued on 2027-01-01" in in_time


def test_the_day_of_issue_is_part_of_the_content_that_is_signed():
    notes = {"conflicts": {"conflicts": []}, "review": REVIEW, "issued_on": "2027-01-01"}
    one, other = (
        content_of(typical, evidence_notes=notes | {"issued_on": day})[0]["content_sha256"]
        for day in ("2027-01-01", "2027-01-02")
    )
    assert one != other
