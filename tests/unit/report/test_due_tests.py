"""What a page says of tests that a mechanism lacks, and of rules by their titles."""

import pytest

from aftercar.report.due_tests import by_state, due_tests, lacking_tests, rule_titles, titled
from aftercar.report.statements import driver

TITLES = rule_titles(
    {
        "rules": [
            {"id": "BCR_CONFIRMED", "title": "B-cell recovery, confirmed"},
            {"id": "FLOW_MRD_POS", "title": "residual blasts"},
            {"id": "NGS_MRD_POS", "title": "IG/TR clonotype in the marrow"},
        ]
    }
)


@pytest.mark.parametrize(
    ("reason", "state", "note"),
    [
        ("virus_copies was not measured", "not done", ""),
        ("ngs_mrd_fraction was not measured; flow_mrd_fraction was not measured", "not done", ""),
        ("no event extramedullary_cleared recorded", "not done", ""),
        ("specimen NOT_ASSESSED", "not done", ""),
        ("specimen FAILED", "FAILED", "see specimens"),
        ("ngs_mrd_fraction was not measured; specimen FAILED", "FAILED", None),
        ("one specimen, not confirmed", "cannot tell", "one specimen, not confirmed"),
        ("limit of detection not adequate", "cannot tell", "limit of detection not adequate"),
        ("a reason that is far too long for the first page of a report, " * 2, "cannot tell", None),
    ],
)
def test_a_missing_test_is_called_what_became_of_it(reason, state, note):
    (found,) = lacking_tests(f"a test ({reason})", "", {})
    assert (found["test"], found["state"]) == ("a test", state)
    assert note is None or found["note"] == note


def test_a_test_without_a_reason_was_not_done():
    (found,) = lacking_tests("day of the infusion", "", {})
    assert found["state"] == "not done"


def test_stale_rules_are_named_by_title_with_the_age_of_their_specimen():
    stale = "BCR_CONFIRMED (b_cells_per_ul=5 cells/uL, PB S1-d88, day 88, STALE: 92 days old)"
    (found,) = lacking_tests("", stale, TITLES)
    assert found == {
        "test": "B-cell recovery, confirmed",
        "state": "too old",
        "note": "92 d old",
    }


def test_what_failed_is_listed_before_what_was_not_done():
    rows = lacking_tests("a (x was not measured); b (specimen FAILED)", "c (9 days old)", {})
    assert [line["state"] for line in by_state(rows)] == ["FAILED", "Too old", "Not done"]


def test_a_test_stands_once_with_all_mechanisms_that_need_it():
    mechanisms = [
        {"mechanism": name, "lacking": lacking_tests("a (specimen FAILED)", "", {})}
        for name in ("M1", "M2", "M1")
    ]
    assert [(test["test"], test["for"]) for test in due_tests(mechanisms)] == [("a", ["M1", "M2"])]


def test_ids_of_rules_become_titles_and_unknown_ids_stay():
    rule = driver("NGS_MRD_POS (CD19) with FLOW_MRD_POS: x", None)["rule"]
    assert titled(rule, TITLES) == "IG/TR clonotype in the marrow (CD19) with residual blasts"
    assert titled("OWN_RULE: x", TITLES) == "OWN_RULE: x"
    assert titled("NGS_MRD_POSITIVE", TITLES) == "NGS_MRD_POSITIVE"
