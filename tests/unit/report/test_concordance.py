"""The lab's workspace against its stored counts and against the automated gates."""

import pytest

from aftercar.contracts.cytometry import CONCORDANCE
from aftercar.report.concordance import concordance_by_gate, concordance_table, disagreements
from aftercar.report.numbers import plain_rows


def gate(name, stored, recomputed, automated=None, f1=None, *, sample="S1", agreement="AGREES"):
    off = None if not stored else 100 * (recomputed - stored) / stored
    return {
        "sample_id": sample, "patient_id": "P1", "population": name, "gate_path": f"root/{name}",
        "count_workspace_stored": stored, "count_workspace_gates": recomputed,
        "difference_percent": off, "agreement": agreement if stored is not None else "NOT_STORED",
        "count_automated": automated, "f1": f1,
    }  # fmt: skip


def rows(*given):
    return plain_rows(CONCORDANCE.frame(list(given)))


def cells(table):
    names = [column["label"] for column in table["columns"]]
    return [dict(zip(names, row, strict=True)) for row in table["rows"]]


def test_both_counts_stand_with_their_difference_and_the_score_per_event():
    found = cells(concordance_table(rows(gate("B", 266, 267, automated=300, f1=0.9412))))[0]
    assert (found["Stored"], found["Recomputed"], found["Difference"]) == ("266", "267", "+0.38 %")
    assert found["Stored count"] == "agrees"
    assert (found["Automated"], found["Against recomputed"]) == ("300", "+12 %")
    assert found["F1"] == "0.941"


def test_a_difference_beyond_tolerance_is_marked():
    found = cells(concordance_table(rows(gate("B", 1000, 994, agreement="DIFFERS"))))[0]
    assert found["Stored count"]["status"] == "DIFFERS"
    assert found["Difference"] == "\N{MINUS SIGN}0.6 %"


def test_what_was_not_stored_is_not_said_to_agree():
    found = cells(concordance_table(rows(gate("B", None, 994))))[0]
    assert (found["Stored"], found["Stored count"]) == ("not stored", "no stored count")
    assert found["Automated"] == "no counterpart"


def test_without_a_workspace_there_is_no_table_on_the_patients_page():
    assert concordance_table([]) is None


def test_over_specimens_the_worst_gate_comes_first_with_its_specimen():
    found = cells(
        concordance_by_gate(
            rows(
                gate("B", 100, 100, 100, 0.99, sample="S1"),
                gate("B", 100, 100, 90, 0.80, sample="S2"),
                gate("T", 100, 109, 100, 0.97, sample="S1", agreement="DIFFERS"),
                gate("T", None, 109, 100, 0.98, sample="S2"),
            )
        )
    )
    assert [row["Gate of the workspace"] for row in found] == ["T", "B"]
    assert found[0]["With a stored count"] == "1"
    assert found[0]["Stored count off by more than 3 events and 0.5 %"] == "1"
    assert found[1]["Lowest F1"] == "0.8 in S2"
    assert found[1]["Median F1 of the automated gate"] == "0.895"


def test_disagreements_are_listed_by_size():
    found = disagreements(
        rows(
            gate("B", 1000, 1010, agreement="DIFFERS"),
            gate("T", 1000, 900, agreement="DIFFERS"),
            gate("N", 1000, 1001),
        )
    )
    assert [row["Gate of the workspace"] for row in cells(found)] == ["T", "B"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([gate("B", 10, 10)], "No stored count differs"),
        ([gate("B", None, 10)], "No stored count could be compared."),
    ],
)
def test_nothing_to_list_is_said_in_words(given, words):
    assert disagreements(rows(*given))["empty"].startswith(words)


def test_hundreds_of_disagreements_are_cut_off_with_a_count():
    given = [gate("B", 100, 200, sample=f"S{n}", agreement="DIFFERS") for n in range(230)]
    found = disagreements(rows(*given))
    assert len(found["rows"]) == 200
    assert found["note"].startswith("30 more")
