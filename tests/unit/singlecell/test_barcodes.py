"""Barcodes of other files and the cells that they name."""

import numpy as np
import pandas as pd
import pytest
from tests.unit.singlecell.drawn_cells import PANELS, draw, measure, mixed, sample

from aftercar.singlecell.barcodes import rows_of_barcodes
from aftercar.singlecell.cells import known_cells
from aftercar.singlecell.clone_history import variant_cells
from aftercar.singlecell.patient import labels_of_another_library
from aftercar.singlecell.rows import genotype_row, label_row

CELLS = np.array(["A-1", "C-1", "C-2", "G"], dtype=object)


@pytest.mark.parametrize(
    ("listed", "rows", "refused"),
    [
        (["A-1", "C-2", "G"], {"A-1": 0, "C-2": 2, "G": 3}, 0),
        (["A", "G-1"], {"A": 0, "G-1": 3}, 0),
        (["A-2"], {}, 0),
        (["C"], {}, 0),
        (["A", "A-1"], {"A-1": 0}, 1),
        (["G-1", "G-2"], {}, 2),
    ],
    ids=["as written", "one has no suffix", "another library", "two cells", "two rows", "which"],
)
def test_two_suffixes_are_two_libraries_and_one_cell_has_one_row(listed, rows, refused):
    assert rows_of_barcodes(listed, CELLS) == (rows, refused)


def test_labels_of_a_second_library_change_no_cell_of_this_one_and_are_flagged():
    labels = pd.DataFrame(
        {"barcode": ["A-1", "A-2", "A"], "label": ["leukemic_b", "normal_t", "normal_t"]}
    )
    known = known_cells(CELLS, labels, {"v": {"A-2", "C-1"}})
    assert known.label.tolist() == ["leukemic_b", "", "", ""]
    assert known.mutant["v"].tolist() == [False, True, False, False]
    row = label_row(sample(), known)
    assert row["verdict"] == "FLAG"
    assert row["message"] == (
        "1 of 3 labelled barcodes are in the matrix; "
        "1 more were not used: another barcode names the same cell"
    )


def test_the_history_takes_no_variant_from_another_library():
    genotypes = pd.DataFrame(
        {
            "sample_id": "S", "barcode": ["A-1", "C-3"], "gene": "TP53", "hgvs_c": "c.1A>T",
            "state": "MUTANT", "ref_umis": 0, "alt_umis": 2,
        }
    )  # fmt: skip
    clones = pd.DataFrame(
        {"sample_id": ["S"], "basis": "genotype", "clone": "c.1A>T", "known_from_day": 0}
    )
    mutant, covered, _ = variant_cells(genotypes, clones, sample(), CELLS[:2])
    assert mutant["c.1A>T"].tolist() == covered["c.1A>T"].tolist() == [True, False]


@pytest.mark.parametrize(
    ("own", "strangers", "fails"),
    [(2, 3000, True), (30, 0, False), (400, 9000, False), (40, 3000, True)],
    ids=["chance", "few cells labelled", "libraries in one file", "still chance"],
)
def test_labels_that_match_by_chance_fail_the_specimen(own, strangers, fails):
    names = np.array([f"CELL{row}-1" for row in range(500)], dtype=object)
    listed = [*names[:own], *(f"OTHER{row}-1" for row in range(strangers))]
    known = known_cells(names, pd.DataFrame({"barcode": listed, "label": "normal_t"}), {})
    told = labels_of_another_library(known, len(names), PANELS.methods["quality"])
    assert bool(told) == fails
    assert f"{own} of {own + strangers} labelled barcodes" in told or not fails


def test_labels_of_another_library_take_no_leukemia_away():
    matrix, _ = draw(mixed(), 3)
    listed = [*matrix.barcode[400:402], *(f"OTHER{row}-1" for row in range(3000))]
    found = measure(matrix, pd.DataFrame({"barcode": listed, "label": "normal_t"}))
    assert {row["status"] for row in found.populations} == {"FAILED"}
    assert {row["status"] for row in found.loss} == {"NOT_EVALUABLE"}


def test_a_file_that_labels_no_cell_counts_as_none_and_says_so():
    matrix, kind = draw(mixed(), 3)
    names = np.where(kind == "blast", "mine", "")
    labels = pd.DataFrame({"barcode": matrix.barcode, "label": "", "subpopulation": names})
    found, without = measure(matrix, labels), measure(matrix)
    assert found.cells["identity"].tolist() == without.cells["identity"].tolist()
    assert (found.cells["identity"] == "leukemic_b").sum() > 300
    assert "leukemic_b: mine" in set(found.cells["population"])
    (row,) = (row for row in found.quality if row["check"] == "labels_matched")
    assert row["verdict"] == "FLAG"
    assert "none of them has a label" in row["message"]


@pytest.mark.parametrize(
    ("carriers", "verdict", "text"),
    [
        ({"A-1", "C-1"}, "PASS", "2 of 2 barcodes with a variant are in the matrix"),
        ({"A-2", "X-1", "Y-1"}, "FLAG", "0 of 3 barcodes with a variant are in the matrix: the "),
    ],
)
def test_genotypes_of_another_library_are_flagged(carriers, verdict, text):
    row = genotype_row(sample(), known_cells(CELLS, None, {"v": carriers}))
    assert (row["check"], row["verdict"]) == ("genotypes_matched", verdict)
    assert row["message"].startswith(text)


def test_genotypes_that_match_no_cell_have_a_row_of_quality():
    matrix, _ = draw({"blast": ("blast", 80), "t": ("t", 80)}, 3)
    found = measure(matrix, mutants={"v": {f"OTHER{row}-1" for row in range(200)}})
    (row,) = (row for row in found.quality if row["check"] == "genotypes_matched")
    assert row["verdict"] == "FLAG"
