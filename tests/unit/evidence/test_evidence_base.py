import pandas as pd
import pytest
from tests.unit.evidence.patients import ROOT, document, evidence_base

from aftercar.evidence.evidence_base import (
    EvidenceBaseError,
    citable_evidence,
    evidence_base_findings,
)
from aftercar.io.documents import DocumentError, read_document


def with_row(**changes):
    row = evidence_base().query("id == 'EV001'").iloc[[0]].assign(**changes)
    return evidence_base_findings(pd.concat([row], ignore_index=True))


def test_one_printed_ratio_points_the_wrong_way_and_is_not_displayed():
    assert evidence_base_findings(evidence_base())["orientation"] == ["EV041"]
    assert evidence_base().set_index("id").loc["EV041", "display"] == "no"


def test_three_printed_percentages_contradict_their_counts():
    assert evidence_base_findings(evidence_base())["percentage"] == ["EV006", "EV059", "EV120"]


def test_exactly_half_a_unit_of_the_last_digit_is_rounding():
    """15 of 40 is 37.5 % and printed as 38."""
    row = evidence_base().set_index("id").loc["EV080"]
    assert (row["numerator"], row["denominator"], row["printed_percent"]) == (15, 40, "38")


def test_no_number_known_from_memory_is_kept():
    assert evidence_base_findings(evidence_base())["from_memory"] == []
    assert (evidence_base()["certainty"] == "from_memory_must_check").sum() == 7


def test_counts_and_intervals_are_possible():
    found = evidence_base_findings(evidence_base())
    assert found["counts"] == found["interval"] == []


def test_citations_to_complete_are_flagged():
    assert len(evidence_base_findings(evidence_base())["citation"]) == 20


@pytest.mark.parametrize(
    ("check", "changes"),
    [
        ("orientation", {"estimate": 0.5}),
        ("orientation", {"direction": "protective"}),
        ("interval", {"estimate": 12.0}),
        ("from_memory", {"certainty": "from_memory_must_check"}),
        ("percentage", {"numerator": 23, "denominator": 25, "printed_percent": "88"}),
        ("counts", {"numerator": 26, "denominator": 25}),
        ("citation", {"citation": "to_complete"}),
    ],
    ids=[
        "harm below 1",
        "protection above 1",
        "outside its limits",
        "number from memory",
        "percentage against counts",
        "more than all",
        "citation",
    ],
)
def test_a_planted_fault_is_found(check, changes):
    assert with_row(**changes)[check] == ["EV001"]


def test_exact_limits_of_proportions_are_those_of_the_counts():
    from aftercar.stats.intervals import clopper_pearson_interval

    rows = evidence_base().query("estimate_type == 'proportion'").dropna(subset=["numerator"])
    for row in rows.itertuples():
        low, high = clopper_pearson_interval(int(row.numerator), int(row.denominator))
        assert (row.ci_low, row.ci_high) == (
            pytest.approx(low, abs=2e-4),
            pytest.approx(high, abs=2e-4),
        ), row.id


def test_rules_only_cite_evidence_and_never_the_reversed_row():
    cited = {name for rule in document("relapse_rules")["rules"] for name in rule["evidence_ids"]}
    assert cited <= set(evidence_base()["id"])
    assert "EV041" not in cited


def test_protective_and_descriptive_rows_never_make_a_rule_harmful():
    """EV036, EV066 and the like speak for transplants: no rule of harm may rest on them."""
    direction = evidence_base().set_index("id")["direction"]
    for rule in document("relapse_rules")["rules"]:
        if rule["direction"] == "harm":
            assert "protective" not in {direction[name] for name in rule["evidence_ids"]}, rule[
                "id"
            ]


@pytest.mark.parametrize("name", ["review", "conflicts", "options"])
def test_documents_beside_the_evidence_are_what_their_schema_asks_for(name):
    schema = ROOT / f"workflow/schemas/{name}.schema.yaml"
    assert read_document(ROOT / f"resources/evidence/{name}.yaml", schema)["version"]


def test_a_day_of_review_that_is_no_day_is_refused(tmp_path):
    text = (ROOT / "resources/evidence/review.yaml").read_text()
    (tmp_path / "review.yaml").write_text(text.replace("2027-11-23", "2027-13-23"))
    with pytest.raises(DocumentError, match="review_by"):
        read_document(tmp_path / "review.yaml", ROOT / "workflow/schemas/review.schema.yaml")


def changed(name, **changes):
    base = evidence_base().set_index("id", drop=False)
    for column, value in changes.items():
        base.loc[name, column] = value
    return base.reset_index(drop=True)


def test_the_delivered_evidence_base_may_be_cited():
    assert citable_evidence(evidence_base(), "evidence.tsv") == set(evidence_base()["id"])


@pytest.mark.parametrize(
    ("name", "changes", "told"),
    [
        ("EV041", {"display": "yes"}, "row EV041, column estimate: found estimate 0.235"),
        ("EV006", {"note": ""}, "row EV006, column printed_percent: found printed_percent 88"),
        ("EV006", {"printed_percent": "92 %", "note": ""}, "found printed_percent 92 %"),
        ("EV120", {"denominator": 0}, "row EV120, column numerator"),
        ("EV041", {"estimate": 0.9}, "row EV041, column estimate: found estimate 0.9, ci_low"),
        ("EV001", {"certainty": "from_memory_must_check"}, "row EV001, column certainty"),
    ],
)
def test_an_edited_row_that_misleads_is_named_with_its_remedy(name, changes, told):
    with pytest.raises(EvidenceBaseError) as refused:
        citable_evidence(changed(name, **changes), "my_evidence.tsv")
    assert "my_evidence.tsv" in str(refused.value)
    assert told in str(refused.value)
    assert "To mend it: " in str(refused.value)
