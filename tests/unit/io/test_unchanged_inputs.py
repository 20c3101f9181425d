"""An input that somebody replaces while a job reads it stops the job, by its cell of the sheet."""

import os

import pytest

from aftercar.io.sheets import FILE_COLUMNS
from aftercar.io.unchanged_inputs import ChangedInputError, InputWatch

EMPTY = dict.fromkeys(FILE_COLUMNS, "")


@pytest.fixture
def row(tmp_path):
    path = tmp_path / "Jane_Doe.fcs"
    path.write_bytes(b"before")
    return EMPTY | {"sample_id": "P01-D010", "path": str(path), "compensation": "compensated"}


def renamed_over(path):
    other = path.with_name("other")
    other.write_bytes(path.read_bytes())
    os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    other.replace(path)


def written_in_place_with_its_old_time(path):
    before = path.stat()
    path.write_bytes(b"beford")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


CHANGES = {
    "other content in place, the time put back": written_in_place_with_its_old_time,
    "longer": lambda path: path.write_bytes(b"before and after"),
    "other content of equal size": lambda path: path.write_bytes(b"beford"),
    "an equal one moved over it": renamed_over,
    "gone": lambda path: path.unlink(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_changed_file_is_refused_by_specimen_and_column_without_its_name(row, tmp_path, change):
    path = tmp_path / "Jane_Doe.fcs"
    os.utime(path, ns=(10**18, 10**18))  # written long ago
    watch = InputWatch([row])
    change(path)
    with pytest.raises(ChangedInputError, match=r"P01-D010, column path.*To mend it") as told:
        watch.refuse_changes()
    assert "Jane" not in str(told.value)


def test_unchanged_files_pass_also_when_they_were_read(row, tmp_path):
    watch = InputWatch([row], {"GRCh38": str(tmp_path / "absent.fa")})
    (tmp_path / "Jane_Doe.fcs").read_bytes()
    watch.refuse_changes()


def test_a_file_that_joins_a_folder_of_an_input_is_a_change(row, tmp_path):
    folder = tmp_path / "matrix"
    folder.mkdir()
    (folder / "matrix.mtx").write_text("1")
    watch = InputWatch([row | {"path": str(folder)}])
    (folder / "barcodes.tsv").write_text("AAA")
    with pytest.raises(ChangedInputError, match="column path"):
        watch.refuse_changes()


def test_a_changed_reference_is_named(row, tmp_path):
    fasta = tmp_path / "reference.fa"
    fasta.write_text(">chr1\nACGT\n")
    watch = InputWatch([row], {"GRCh38": str(fasta)})
    fasta.write_text(">chr1\nACGTA\n")
    with pytest.raises(ChangedInputError, match="reference GRCh38"):
        watch.refuse_changes()


@pytest.mark.parametrize("index", ["P01.bam.bai", "P01.bai", "P01.bam.csi"])
def test_another_index_of_the_reads_is_a_change(row, tmp_path, index):
    (tmp_path / "P01.bam").write_bytes(b"reads")
    (tmp_path / index).write_bytes(b"index")
    watch = InputWatch([row | {"path": str(tmp_path / "P01.bam")}])
    (tmp_path / index).write_bytes(b"a foreign index")
    with pytest.raises(ChangedInputError, match="column path"):
        watch.refuse_changes()


def test_what_a_file_server_keeps_of_a_deleted_file_is_no_change(row, tmp_path):
    folder = tmp_path / "matrix"
    folder.mkdir()
    (folder / "matrix.mtx").write_text("1")
    watch = InputWatch([row | {"path": str(folder)}])
    (folder / ".nfs0001").write_text("kept")
    watch.refuse_changes()
