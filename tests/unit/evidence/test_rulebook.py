from copy import deepcopy

import pytest
from tests.unit.evidence.patients import ROOT, document, evidence_base, rulebook

from aftercar.evidence.rulebook import RuleError, rulebook_of
from aftercar.io.documents import DocumentError, read_document

DOCUMENTS = {"relapse_rules": "rules", "recovery_rules": "recovery_rules"}


def changed(change, **recovery):
    relapse = deepcopy(document("relapse_rules"))
    change(relapse)
    with pytest.raises(RuleError) as caught:
        rulebook_of(
            relapse, deepcopy(document("recovery_rules")) | recovery, set(evidence_base()["id"])
        )
    return str(caught.value)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_delivered_rules_are_what_their_schema_asks_for(name):
    schema = ROOT / f"workflow/schemas/{DOCUMENTS[name]}.schema.yaml"
    assert read_document(ROOT / f"resources/rules/{name}.yaml", schema) == document(name)


def test_a_misspelt_key_is_named_with_its_place(tmp_path):
    path = tmp_path / "recovery_rules.yaml"
    path.write_text(
        (ROOT / "resources/rules/recovery_rules.yaml")
        .read_text()
        .replace("enabled:", "enabeld:", 1)
    )
    with pytest.raises(DocumentError, match=r"rules/0.*enabeld"):
        read_document(path, ROOT / "workflow/schemas/recovery_rules.schema.yaml")


def test_a_file_that_is_no_yaml_is_named(tmp_path):
    path = tmp_path / "rules.yaml"
    path.write_text("rules: [")
    with pytest.raises(DocumentError, match=r"rules.yaml: not readable as YAML"):
        read_document(path, ROOT / "workflow/schemas/rules.schema.yaml")


def test_every_mechanism_has_rules_and_minimum_tests():
    found = {rule.mechanism for rule in rulebook().rules}
    assert found == set(rulebook().mechanisms) == {f"M{n}" for n in range(1, 8)}
    assert all(mechanism.tests for mechanism in rulebook().mechanisms.values())


def test_all_problems_are_reported_at_once():
    def spoil(relapse):
        relapse["rules"][0]["predicate"] = {"measure": "gut_feeling", "detected": True}
        relapse["rules"][1]["evidence_ids"] = ["EV999"]
        relapse["rules"][2]["predicate"] = {"use": "nothing"}

    told = changed(spoil)
    assert "no measure gut_feeling" in told
    assert "no evidence EV999" in told
    assert "no shared predicate nothing" in told


def test_predicates_that_refer_in_a_circle_are_refused():
    def circle(relapse):
        relapse["predicates"]["fusion"] = {"use": "fusion"}

    assert "in a circle" in changed(circle)


def test_a_rule_without_any_source_is_refused():
    def unsourced(relapse):
        relapse["rules"][0]["evidence_ids"] = []

    assert "cites neither" in changed(unsourced)


def test_a_conflicting_rule_must_say_what_conflicts():
    def silent(relapse):
        relapse["rules"][0]["direction"] = "conflicting"

    assert "what conflicts" in changed(silent)


def test_a_predicate_of_two_kinds_is_refused():
    def two(relapse):
        relapse["rules"][0]["predicate"] = {"state": "car_lost", "fact": "disease"}

    assert "exactly one of" in changed(two)


def test_thresholds_that_nobody_checked_say_so():
    rules = {rule["id"]: rule for rule in document("recovery_rules")["rules"]}
    for name in ("BCA-ABS50", "BCA-ELIANA"):
        assert rules[name]["basis"] == "convention"
        assert "not checked" in rules[name]["definition"]
    published = [rule for rule in rules.values() if rule["basis"] == "published"]
    assert all(rule["evidence_ids"] for rule in published)
