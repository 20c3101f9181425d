"""What a page says of the antigen test on single cells: silence is never negative."""

import pandas as pd
import pytest
from tests.unit.report.made_up_cells import loss, losses, powers

from aftercar.contracts.singlecell import (
    ANTIGEN_LOSS,
    ANTIGEN_POWER,
    CELL_POPULATIONS,
    HIDDEN_NEGATIVE,
    LINEAGE_SWITCH_HIDDEN,
    SHARED_LOSS_HIDDEN,
)
from aftercar.report.antigens import answer_table, antigens_of_interest, power_table
from aftercar.report.domains import cell_population_table
from aftercar.report.numbers import plain_rows

RATIO = (0.9, 0.8, 1.0)


def answers(rows, power=(), targets=("CD19",), evidence=()):
    """Antigen -> (sign, what is said, what would not have been seen)."""
    frame = rows if isinstance(rows, pd.DataFrame) else ANTIGEN_LOSS.frame(rows)
    known = plain_rows(power) if len(power) else []
    found = answer_table(plain_rows(frame), known, set(targets), list(evidence))
    return {row[1]: row[2:] for row in found["rows"]}


def test_a_loss_is_said_with_its_share_of_the_leukemic_cells():
    sign, said, _ = answers(losses())["CD19"]
    assert (sign["text"], sign["kind"]) == ("LOST in a sub-population", "signal")
    assert said[0] == (
        "CD19: LOST in 1 of 3 leukemic sub-populations (18 %, 14.4 % to 21.6 % of leukemic cells)"
    )
    assert said[1].startswith("CD19: REDUCED in 1 of 3 leukemic sub-populations (22 %")
    assert said[2].startswith("CD19: RETAINED in 1 of 3 leukemic sub-populations (60 %")


def test_an_antigen_without_a_comparison_is_not_evaluable_with_its_reason():
    sign, said, _ = answers(losses())["MS4A1 (CD20)"]
    assert "negative" not in said[0].replace("antigen-positive", "")
    assert sign["kind"] == "unknown"
    assert len(said) == 1
    assert said[0].startswith("MS4A1 (CD20): not evaluable in 3 of 3 leukemic sub-populations")
    assert said[0].endswith(": no antigen-positive cells")


def test_an_antigen_that_no_leukemic_cell_should_carry_is_not_listed_unless_it_is_the_target():
    rows = [loss("leukemic_b 1", "CD19", "RETAINED", ratio=RATIO),
            loss("leukemic_b 1", "CD7", "NOT_APPLICABLE"),
            loss("normal_t", "CD7", "RETAINED", ratio=RATIO, identity="normal_t")]  # fmt: skip
    assert set(answers(rows)) == {"CD19"}
    sign, said, _ = answers(rows, targets=("CD7",))["CD7"]
    assert sign["kind"] == "unknown"
    assert said == ["CD7: no leukemic cell was identified that should carry it: not tested"]


def test_a_target_named_by_its_protein_is_found_by_its_gene():
    rows = plain_rows(ANTIGEN_LOSS.frame([loss("normal_b", "MS4A1", "RETAINED", ratio=RATIO)]))
    assert antigens_of_interest(rows, {"CD20"}) == ["MS4A1"]


def test_only_a_full_comparison_gets_the_sign_of_a_clear_answer():
    clear = [loss("leukemic_b 1", "CD19", "RETAINED", ratio=RATIO)]
    open_ones = [*clear, loss("leukemic_b 2", "CD19", "NOT_EVALUABLE", flags="too few molecules")]
    each_other = [clear[0] | {"flags": SHARED_LOSS_HIDDEN}]
    unresolved = [clear[0] | {"identity": "b_unresolved"}]
    kinds = [answers(r)["CD19"][0]["kind"] for r in (clear, open_ones, each_other, unresolved)]
    assert kinds == ["clear", "cannot", "cannot", "cannot"]
    assert "a loss that all of them share would not show" in answers(each_other)["CD19"][1][-1]
    assert "not known which cells are leukemic" in answers(unresolved)["CD19"][0]["text"]


def test_retained_cells_that_the_screen_finds_of_unlike_level_are_no_clear_sign():
    seen = f"{HIDDEN_NEGATIVE}: share 0.27 (0.22 to 0.31) of 800 cells with 1481 molecules, p 0"
    sign, said, _ = answers([loss("leukemic_b 1", "CD19", "RETAINED", 800, RATIO, flags=seen)])[
        "CD19"
    ]
    assert (sign["text"], sign["kind"]) == ("Retained; may hide negative cells", "cannot")
    assert said[-1].startswith("Cells of unlike level")
    assert "0.27" in said[-1]


def test_a_specimen_that_failed_is_not_evaluable_and_says_why():
    row = loss("all cells", "CD19", "NOT_EVALUABLE", 0, identity="other", flags="the file is empty")
    sign, said, missed = answers([row])["CD19"]
    assert sign["kind"] == "unknown"
    assert said == ["CD19: not evaluable: the file is empty"]
    assert missed == ["No limit can be stated: a CD19-negative clone of any size may be missed"]


def test_the_clone_that_would_not_have_been_seen_is_said_for_each_design():
    _, _, missed = answers(losses(), powers())["CD19"]
    assert missed == [
        "A CD19-negative clone below 5.5 % of the leukemic cells that should carry it would not "
        "reliably have been seen (REDUCED or LOST)",
        "One below 19 % of the leukemic cells that should carry it would not reliably have been "
        "called LOST",
        "Hidden among the others, without label, genotype or cluster of its own, one of any size "
        "would not reliably have been seen",
    ]
    _, _, missed = answers(losses(), powers())["MS4A1 (CD20)"]
    assert missed == [
        "Not known from what size a MS4A1 (CD20)-negative clone would have been seen: no "
        "antigen-positive cells"
    ]


def test_power_is_never_rounded_to_certainty():
    rows = plain_rows(powers())
    mine = [r for r in rows if r["antigen"] == "CD19" and r["design"] == "labelled_lost"]
    for row, power in zip(mine, (0.004, 0.3, 0.9951, 0.5, 0.0, 1.0), strict=True):
        row["power"] = power
    shown = power_table(mine)["rows"][0]
    assert shown[3:10] == ["< 1 %", "30 %", "> 99 %", "50 %", "0 %", "100 %", "19 %"]


def test_a_power_that_was_not_computed_is_not_known_and_no_zero():
    rows = plain_rows(ANTIGEN_POWER.check(powers()[lambda t: t["antigen"] == "MS4A1"]))
    for row in power_table(rows)["rows"]:
        assert row[3:10] == ["not known"] * 7


def test_several_losses_are_named_each_with_its_share():
    rows = [loss("leukemic_b 1", "CD19", "LOST", 100, (0, 0, 0.05)),
            loss("leukemic_b 2", "CD19", "LOST", 200, (0, 0, 0.05)),
            loss("leukemic_b 3", "CD19", "RETAINED", 700, RATIO),
            loss("leukemic_b 4", "CD19", "RETAINED", 1000, RATIO)]  # fmt: skip
    lost, kept = answers(rows)["CD19"][1]
    assert "LOST in 2 of 4 leukemic sub-populations (together 15 % of leukemic cells: " in lost
    assert "leukemic b 1, 5 %, 4 % to 6 %; leukemic b 2, 10 %, 8 % to 12 %)" in lost
    assert kept.endswith(
        "RETAINED in 2 of 4 leukemic sub-populations (together 85 % of leukemic cells)"
    )


def test_the_share_of_all_lost_cells_is_that_of_the_evidence_with_its_interval():
    row = {
        "sample_id": "S01-d210-sc",
        "measure": "antigen_lost_cell_fraction",
        "target": "CD20",
        "value": 0.4,
        "low": 0.31,
        "high": 0.52,
    }
    said = answers(losses(), evidence=[row])
    assert said["MS4A1 (CD20)"][1][-1] == (
        "LOST or REDUCED in all: 40 % (31 % to 52 %) of the leukemic cells that could be judged"
    )
    assert not any("in all" in text for text in said["CD19"][1])


@pytest.mark.parametrize(
    ("status", "kind", "sign"),
    [
        ("NOT_EVALUABLE", "cannot", "Retained; not evaluable in further B cells"),
        ("LOST", "signal", "LOST in B cells, leukemic or not"),
        ("REDUCED", "conflict", "REDUCED in B cells, leukemic or not"),
    ],
)
def test_b_cells_beside_leukemic_ones_that_may_be_leukemic_are_named(status, kind, sign):
    ratio = None if status == "NOT_EVALUABLE" else (0.02, 0.01, 0.05)
    rows = [loss("leukemic_b 1", "CD19", "RETAINED", 300, RATIO),
            loss("b_unresolved", "CD19", status, 300, ratio, identity="b_unresolved",
                 flags="no reference")]  # fmt: skip
    found, said, _ = answers(rows)["CD19"]
    assert found["kind"] == kind
    assert found["text"].startswith(sign)
    assert any("further B-cell sub-population that may be leukemic (300 cells)" in t for t in said)
    kept = [rows[0], rows[1] | {"status": "RETAINED", "relative_expression": 1.0}]
    assert answers(kept)["CD19"][0]["kind"] == "clear"


def test_no_leukemic_b_cell_gets_no_clear_sign_where_the_leukemia_may_look_myeloid():
    row = {"sample_id": "s", "patient_id": "p", "day": 1, "specimen": "BM", "cells": 0,
           "population": "leukemic cells", "identity": "leukemic_b", "total_cells": 500,
           "identity_evidence": "marker_score", "status": "NOT_DETECTED"}  # fmt: skip
    for flags, kind in (("", "clear"), (LINEAGE_SWITCH_HIDDEN, "cannot")):
        made = plain_rows(CELL_POPULATIONS.frame([row | {"flags": flags}]))
        assert cell_population_table(made)["rows"][0][6]["kind"] == kind


def test_what_could_not_be_judged_is_said_before_what_is_retained():
    rows = [loss("leukemic_b 1", "CD19", "NOT_EVALUABLE", 990, flags="too few molecules"),
            loss("leukemic_b 2", "CD19", "RETAINED", 10, RATIO)]  # fmt: skip
    sign, said, _ = answers(rows)["CD19"]
    assert sign["text"] == "Not evaluable in 99 % of leukemic cells, retained in the others"
    assert sign["kind"] == "cannot"
    assert said[0].startswith("CD19: not evaluable in 1 of 2")


def test_a_specimen_that_failed_is_named_for_each_antigen_asked_of_the_patient():
    unread = {"sample_id": "broken", "identity": "other", "flags": "damaged"}
    failed = [
        loss("all cells", antigen, "NOT_EVALUABLE", 0) | unread
        for antigen in ("CD19", "CD22", "CD7")
    ]
    kept = loss("leukemic_b 1", "CD19", "RETAINED", ratio=RATIO)
    rows = plain_rows(ANTIGEN_LOSS.frame([kept, *failed]))
    named = [row[:2] for row in answer_table(rows, [], set(), [])["rows"]]
    assert [antigen for specimen, antigen in named if "broken" in specimen] == ["CD19"]
    alone = answer_table(plain_rows(ANTIGEN_LOSS.frame(failed)), [], set(), [])["rows"]
    assert [row[1] for row in alone] == ["CD19", "CD22", "CD7"]
    assert {row[2]["kind"] for row in alone} == {"unknown"}
    assert alone[0][3] == ["CD19: not evaluable: damaged"]
