"""What `check` says of matrices and workspaces, before anything is gated."""

import numpy as np
import pytest
import yaml
from tests.unit.io.test_damaged_workspaces import WORKSPACE
from tests.unit.io.test_fcs import fcs
from tests.unit.io.test_matrices import write_10x

from aftercar.contracts.sequencing import BACKGROUND
from aftercar.cytometry.beads import detector_problems
from aftercar.cytometry.compensation import matrix_problem
from aftercar.cytometry.panel import panel_problems
from aftercar.io.cell_tables import read_panels
from aftercar.io.preflight import (
    configured_antigen_problems,
    configured_table_problems,
    header_problems,
)
from aftercar.io.tables import write_table
from aftercar.io.templates import SHARED

NAMES = ["FSC-A", "A-A", "B-A"]
MATRIX = "A-A,B-A\n1,0.1\n0.2,1\n"
GATING_ML = '<gating:Gating-ML xmlns:gating="http://www.isac-net.org/std/Gating-ML/v2.0/gating"/>'


@pytest.fixture
def told(tmp_path):
    """What is told of a tube with a file of this name and content in a column."""
    (tmp_path / "tube.fcs").write_bytes(fcs(np.ones((9, 3)), NAMES))

    def problems(column, name, content, names=None, path=None):
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
        if names:
            (tmp_path / "tube.fcs").write_bytes(fcs(np.ones((9, 3)), names))
        row = dict.fromkeys(("workspace", "compensation", "panel", "bam"), "")
        row |= {"sample_id": "A-1", "assay": "flow", "path": str(tmp_path / "tube.fcs")}
        return header_problems(
            [row | {column: path or str(tmp_path / name)}],
            panels={}, references={}, genes=[], name_problems={},
            panel_problems=panel_problems, matrix_problem=matrix_problem,
            detector_problems=detector_problems,
        )  # fmt: skip

    return problems


@pytest.mark.parametrize(
    ("column", "name", "content"),
    [
        ("compensation", "m.csv", MATRIX),
        ("compensation", "m.wsp", WORKSPACE),
        ("workspace", "w.wsp", WORKSPACE),
        ("workspace", "w.wsp", WORKSPACE.replace(b"tube.fcs", b"TUBE.FCS")),
        ("workspace", "w.xml", GATING_ML),
    ],
)
def test_what_fits_the_file_has_no_problem(told, column, name, content):
    assert told(column, name, content) == []


def test_values_that_need_no_matrix_name_no_file(told, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "none").write_text("a file of this name is not meant")
    assert told("compensation", "none", "not a matrix", path="none") == []


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("m.csv", MATRIX.replace("B-A", "X-A"), "names a detector that the file does not have"),
        ("m.csv", "A-A,B-A\n1,1\n1,1\n", "the matrix is singular"),
        ("m.csv", "A-A,B-A\n1,0.1\n", "the matrix is not square"),
        ("m.pdf", MATRIX, "its name ends in none of"),
        ("m.wsp", "no XML", "not well-formed XML"),
    ],
)
def test_a_matrix_that_does_not_fit_the_channels_is_told(told, name, content, found):
    (row,) = told("compensation", name, content)
    assert row["problem"].startswith("in column compensation: ")
    assert found in row["problem"]
    assert "otherwise no count of this specimen is firm" in row["remedy"]


def test_a_matrix_for_values_that_are_compensated_already_is_told(told):
    (row,) = told("compensation", "m.csv", MATRIX, names=["FSC-A", "Comp-A-A", "B-A"])
    assert "compensated already by its name" in row["problem"]


@pytest.mark.parametrize(
    ("column", "content", "found"),
    [
        ("labels", "barcode\tlabel\nA-1\tblast\n", "1 unknown labels ('blast')"),
        ("labels", "cell\ttype\nA-1\tB\n", "no column barcode and label in the labels file"),
        ("labels", "barcode\tlabel\nA-1\tnormal_t\nB-1\t\n", ""),
        ("contigs", "clonotype_id,frequency\nc1,5\n", "no column barcode, chain"),
    ],
)
def test_labels_and_contigs_are_opened(tmp_path, column, content, found):
    write_10x(tmp_path / "cells.h5")
    (tmp_path / "table.tsv").write_text(content.replace(",", "\t"))
    row = {"sample_id": "A-1", "assay": "scrna", "path": str(tmp_path / "cells.h5"), "bam": ""}
    told = header_problems(
        [row | {column: str(tmp_path / "table.tsv")}],
        panels={}, references={}, genes=[], name_problems={},
        panel_problems=panel_problems, matrix_problem=matrix_problem,
        detector_problems=detector_problems,
    )  # fmt: skip
    assert [line["problem"].startswith(f"in column {column}: {found}") for line in told] == (
        [True] if found else []
    )
    assert all(line["expected"] and "or empty the cell" in line["remedy"] for line in told)


TWO = WORKSPACE.replace(
    b"</SampleList>", b'<Sample><SampleNode name="two.fcs"/></Sample></SampleList>'
).replace(b"tube.fcs", b"one.fcs")


@pytest.mark.parametrize(
    ("name", "content", "found"),
    [
        ("w.wsp", WORKSPACE[:900], "not well-formed XML"),
        ("w.wsp", b"<!DOCTYPE x [<!ENTITY a 'b'>]>" + WORKSPACE[39:], "document type definition"),
        ("w.wsp", TWO, "holds 2 samples and none has the name of the FCS file"),
        ("w.wsp", GATING_ML, "holds 0 samples"),
        ("w.xml", WORKSPACE, "not valid GatingML 2.0"),
    ],
    ids=["cut short", "unsafe", "another sample", "another kind", "no gate file"],
)
def test_a_workspace_that_does_not_fit_the_file_is_told(told, name, content, found):
    (row,) = told("workspace", name, content)
    assert row["problem"].startswith("in column workspace: ")
    assert found in row["problem"]
    assert "one.fcs" not in str(row)  # names inside a workspace may be those of persons


@pytest.mark.parametrize(("volume", "lines"), [("50", 1), ("", 0)], ids=["beads", "no beads"])
def test_a_detector_for_beads_that_the_file_lacks_is_told_where_beads_were_added(
    tmp_path, volume, lines
):
    template = (SHARED / "nk.yaml").read_text() + "beads: {detectors: [X1-A, CD3]}\n"
    (tmp_path / "nk.yaml").write_text(template)
    names = ["FSC-A", "SSC-A", "CD45", "CD3"]
    (tmp_path / "tube.fcs").write_bytes(fcs(np.ones((9, 4)), names))
    row = dict.fromkeys(("workspace", "compensation", "bam"), "") | {"panel": "nk"}
    row |= {"sample_id": "A-1", "assay": "flow", "path": str(tmp_path / "tube.fcs")}
    found = header_problems(
        [row | {"sample_volume_ul": volume}],
        panels={"nk": str(tmp_path / "nk.yaml")}, references={}, genes=[], name_problems={},
        panel_problems=panel_problems, matrix_problem=matrix_problem,
        detector_problems=detector_problems,
    )  # fmt: skip
    assert len(found) == lines
    told = "X1-A, a detector for beads, is in none of the channels"
    assert all(row["problem"] == told for row in found)


@pytest.mark.parametrize("key", ["panel_of_normals", "isoform_catalogue"])
@pytest.mark.parametrize(
    ("content", "found"),
    [
        (None, "no file"),
        (b"", "a table that cannot be used"),
        (b"gene\tpos\nCD19\tx\n", "a table that cannot be used"),
        (b"\xff\xfe\x00", "a table that cannot be used"),
    ],
    ids=["absent", "empty", "other columns", "no text"],
)
def test_a_table_of_the_configuration_that_cannot_be_used_is_one_line(
    tmp_path, key, content, found
):
    if content is not None:
        (tmp_path / "t.tsv").write_bytes(content)
    (line,) = configured_table_problems({key: str(tmp_path / "t.tsv")})
    assert line.startswith(f"key sequencing/{key}: found {found}")
    assert "To mend it: " in line
    assert "\n" not in line or "Please correct" in line


def test_tables_of_the_configuration_that_are_as_asked_or_absent_are_no_problem(tmp_path):
    write_table(BACKGROUND, BACKGROUND.empty(), tmp_path / "panel.tsv")
    (tmp_path / "isoforms.tsv").write_text(
        "isoform_id\tintrons_GRCh38_first_last\nA1\tchr16:5-20\n"
    )
    names = {"panel_of_normals": "panel.tsv", "isoform_catalogue": "isoforms.tsv"}
    assert configured_table_problems({k: str(tmp_path / v) for k, v in names.items()}) == []
    assert configured_table_problems(dict.fromkeys(names, "")) == []


def test_an_antigen_without_a_rule_is_told_before_the_run(root):
    rules = read_panels(root / "resources/singlecell")["antigens"]["antigens"]
    config = yaml.safe_load((root / "config/config.yaml").read_text())
    assert configured_antigen_problems(config["singlecell"]["antigens"], rules) == []
    by_protein, unknown = configured_antigen_problems(["CD19", "CD20", "CD123"], rules)
    assert "found 'CD20', expected CD19, " in by_protein
    assert by_protein.endswith("To mend it: write MS4A1, the gene of CD20")
    assert "found 'CD123'" in unknown
    assert unknown.endswith("To mend it: correct or remove the name")
