"""Every known way to mislead has a test that exists; those that no other file holds are here."""

import ast
import re

import pytest
from tests.unit.evidence.patients import ROOT, evidence_base, judged, recovered, rule_at

# The failures of the clinical knowledge base, in words of ours.
FAILURES = (
    "immortal time",
    "look-ahead",
    "double counting",
    "one minus Kaplan-Meier",
    "separation, few patients",
    "inverted direction",
    "printed percentage against counts",
    "swapped denominator",
    "unknown phenotype dropped",
    "normal progenitors in the antigen-negative gate",
    "masked antigen read as loss",
    "recovery after a transplant, or a CAR below the limit, read as loss",
    "mixed units",
    "duplicate, renamed or swapped samples",
    "wrong product",
    "stale evidence",
    "transplant given to patients at high risk",
    "sicker patients sampled more",
    "many rules times many landmarks",
    "automation bias",
    "empty or failed input",
)


def listed():
    """Failure -> names of tests, as the document lists them."""
    lines = (ROOT / "docs/failure_modes.md").read_text().splitlines()
    rows = [line.strip("|").split("|") for line in lines if line.startswith("| ")][1:]
    return {row[0].strip(): re.findall(r"`([^`]+)`", row[2]) for row in rows}


def test_every_failure_of_the_knowledge_base_is_listed_with_a_test():
    told = listed()
    assert set(FAILURES) <= set(told)
    assert all(told.values())


@pytest.mark.parametrize("name", sorted({name for names in listed().values() for name in names}))
def test_each_test_of_the_list_exists(name):
    path, _, function = name.partition("::")
    tree = ast.parse((ROOT / path).read_text())
    assert function in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_both_denominators_of_one_result_are_kept():
    """Pan 2019: 24 of 34 enrolled and 24 of 30 evaluable patients in remission."""
    rows = evidence_base().set_index("id").loc[["EV120", "EV121"]]
    assert rows["numerator"].tolist() == [24, 24]
    assert rows["denominator"].tolist() == [34, 30]
    assert rows["display"].tolist() == ["yes", "yes"]
    assert rows["effect_of"].str.contains("enrolled|evaluable").all()


def test_no_hazard_ratio_of_a_library_is_shown():
    """Without a penalty a separated arm gives 1.9e8, with a ridge whatever the ridge says."""
    sources = [p.read_text() for p in (ROOT / "scripts").rglob("*.py")]
    imported = {
        name
        for source in sources
        for node in ast.walk(ast.parse(source))
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert not {name for name in imported if name.startswith(("lifelines", "sksurv"))}
    assert "pandas" in imported


def test_a_tube_that_is_entered_twice_on_one_day_confirms_nothing():
    again = [row | {"sample_id": f"{row['sample_id']}-copy"} for row in recovered(88)]
    found = rule_at(judged([*recovered(88), *again]), "BCR_CONFIRMED")
    assert found["status"] == "INDETERMINATE"
    assert "not yet confirmed" in found["reason"]
