"""A tube under two names is told, whatever its file is called."""

import shutil

import pytest

from aftercar.io.repeated_files import repeated_files

ROW = {"bam": "", "barcodes": "", "control_for": ""}


@pytest.fixture
def row(tmp_path):
    (tmp_path / "a.fcs").write_bytes(b"FCS3.1 a" + bytes(200_000))
    (tmp_path / "b.fcs").write_bytes(b"FCS3.1 b" + bytes(200_000))

    def make(sample_id, file, **more):
        return ROW | {"sample_id": sample_id, "path": str(tmp_path / file)} | more

    return make


def test_a_renamed_copy_is_told_for_both_rows(row, tmp_path):
    shutil.copy(tmp_path / "a.fcs", tmp_path / "renamed.fcs")
    found = repeated_files([row("A", "a.fcs"), row("B", "b.fcs"), row("C", "renamed.fcs")])
    assert set(found) == {"A", "C"}
    assert "same content as that of C (row 3)" in found["A"][0][0]
    assert "same content as that of A (row 1)" in found["C"][0][0]


def test_files_of_equal_size_that_differ_in_one_byte_in_the_middle_are_two_files(row, tmp_path):
    content = bytearray((tmp_path / "a.fcs").read_bytes())
    content[100_000] = 1
    (tmp_path / "other.fcs").write_bytes(content)
    assert repeated_files([row("A", "a.fcs"), row("B", "other.fcs")]) == {}


def test_a_control_that_is_also_a_specimen_is_told_but_two_controls_may_share_a_file(row):
    control = {"control_for": "unstained"}
    assert repeated_files([row("A", "a.fcs", **control), row("B", "a.fcs", **control)]) == {}
    assert set(repeated_files([row("A", "a.fcs"), row("C", "a.fcs", **control)])) == {"A", "C"}


def test_a_pool_whose_cells_are_told_apart_by_barcodes_is_no_repeat(row):
    pool = [row("A", "a.fcs", barcodes="one.txt"), row("B", "a.fcs", barcodes="two.txt")]
    assert repeated_files(pool) == {}


def test_empty_and_absent_files_are_the_business_of_other_checks(row, tmp_path):
    (tmp_path / "empty.fcs").touch()
    rows = [
        row("A", "empty.fcs"),
        row("B", "empty.fcs"),
        row("C", "none.fcs"),
        row("D", "none.fcs"),
    ]
    assert repeated_files(rows) == {}
