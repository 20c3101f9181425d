"""Clones over time, as a page tells them: a negative stands with its limit."""

from tests.unit.report.made_up_cells import clone

from aftercar.contracts.singlecell import CLONE_HISTORY
from aftercar.report.clone_words import clone_history_table
from aftercar.report.numbers import plain_rows
from aftercar.report.words import clone_title

SPECIMENS = {"A": "BM", "B": "PB", "C": "BM"}


def told(**more):
    """What is told of one clone, by column."""
    row = clone(**more)
    shown = clone_history_table(plain_rows(CLONE_HISTORY.frame([row])), SPECIMENS)
    names = [column["label"] for column in shown["columns"]]
    return dict(zip(names, shown["rows"][0], strict=True))


def test_first_and_latest_specimen_are_told_with_cells_and_shares():
    assert told()["The clone"] == [
        "First seen on D\N{MINUS SIGN}12 in marrow A: 15 cells, 4.1 % (2.5 % to 6.7 %)",
        "There before the infusion",
        "Latest on D210 in marrow C: 130 cells, 28 % (24 % to 32 %)",
    ]


def test_specimens_before_the_loss_stand_with_their_limit_or_cannot_say():
    assert told()["Its cells without the antigen"] == [
        "CD19 LOST: first on D210 in marrow C: 120 cells, 25.5 %",
        "A (day -12): not seen, limit 2.1 %",
        "B (day 30): cannot say below 21 %",
    ]


def test_cells_without_the_antigen_in_a_later_specimen_are_counted():
    later = told(first_negative_day=100, first_negative_sample="B", latest_negative_cells=0)
    assert "D210 C: 0 of its 130 cells" in later["Its cells without the antigen"]


def test_not_seen_before_the_infusion_is_never_said_without_what_may_be_missed():
    before = told()["Antigen-negative before the infusion"]
    assert before["text"] == "Not detected before the infusion; less than 2.1 % may be missed"
    unknown = told(negative_before_infusion="UNKNOWN", limit_before_infusion=None)
    assert unknown["Antigen-negative before the infusion"]["kind"] == "unknown"
    there = told(negative_before_infusion="YES", limit_before_infusion=None)
    assert there["Antigen-negative before the infusion"]["text"] == "Present before the infusion"


def test_a_clone_found_by_looking_back_says_since_when_it_is_known():
    said = told(first_seen_known_from_day=210)["The clone"]
    assert said[-1] == "Known from D210 on, not before"


def test_a_clone_that_keeps_the_antigen_is_not_called_lost():
    kept = told(
        first_negative_day=None, first_negative_sample="", first_negative_cells=None,
        first_negative_fraction=None,
    )  # fmt: skip
    assert kept["Its cells without the antigen"][0] == "CD19 not called LOST in any specimen"


def test_growth_has_its_interval_and_none_is_made_up():
    grown = told(fold_per_30_days=1.28, fold_per_30_days_low=1.19, fold_per_30_days_high=1.37)
    assert grown["Growth"] == "1.28-fold in 30 days (1.19 to 1.37)"
    assert told()["Growth"] == "\N{EN DASH}"


def test_a_clone_of_which_nothing_is_known_before_the_infusion_is_not_said_to_be_absent():
    said = told(clone_before_infusion="UNKNOWN")["The clone"]
    assert "Not known whether it was there before the infusion" in said


def test_a_long_receptor_is_named_by_its_ends_and_length():
    assert clone_title("IGH:" + "TGTGCGAGAG" + "A" * 20 + "GACTACTGG") == (
        "IGH TGTGCGAG…TACTGG (39 nt)"
    )
    assert clone_title("CD19 c.271_277del") == "CD19 c.271_277del"
