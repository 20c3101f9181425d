"""An input that somebody replaces while a job reads it stops the job, by its cell of the sheet."""

import hashlib
import os
import shutil
from functools import partial

import pytest

from aftercar.io.provenance import bulk_files, cell_files, flow_files, matrix_files
from aftercar.io.sheets import FILE_COLUMNS
from aftercar.io.unchanged_inputs import ChangedInputError, InputWatch

EMPTY = dict.fromkeys(FILE_COLUMNS, "") | {"patient_id": "P01", "assay": "dna", "batch": "run1"}


@pytest.fixture
def row(tmp_path):
    path = tmp_path / "Jane_Doe.fcs"
    path.write_bytes(b"before")
    os.utime(path, ns=(10**18, 10**18))  # written long ago
    named = {"path": str(path), "compensation": "none", "reference": "GRCh38"}
    return EMPTY | named | {"sample_id": "P01-D010"}


def renamed_over(path, content=b"beford"):
    """As rsync -a does."""
    other = path.with_name("other")
    other.write_bytes(content)
    os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    other.replace(path)


def moved_away_and_back(path):
    path.rename(path.with_name("away"))
    path.with_name("away").rename(path)


def written_in_place_with_its_old_time(path):
    before = path.stat()
    path.write_bytes(b"beford")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


CHANGES = {
    "other content in place, the time put back": (
        written_in_place_with_its_old_time, "of the same size and time",
    ),
    "longer": (lambda path: path.write_bytes(b"before and after"), "of another size"),
    "other content of equal size": (lambda path: path.write_bytes(b"beford"), "of another time"),
    "other content of equal size and time moved over it": (
        renamed_over, "of the same size and time",
    ),
    "a copy moved over it": (
        lambda path: shutil.copy(path, path.with_name("copy")) and
        path.with_name("copy").replace(path), "of another time",
    ),
    "gone": (lambda path: path.unlink(), "files that come or go"),
}  # fmt: skip


@pytest.mark.parametrize(("change", "found"), CHANGES.values(), ids=CHANGES)
def test_a_changed_file_is_refused_by_specimen_and_column_without_its_name(
    row, tmp_path, change, found
):
    watch = InputWatch([row], flow_files)
    change(tmp_path / "Jane_Doe.fcs")
    with pytest.raises(
        ChangedInputError, match=rf"P01-D010, column path: found [a-z, ]*{found}.*To mend it"
    ) as told:
        watch.refuse_changes()
    assert "Jane" not in str(told.value)


HARMLESS = {
    "linked by a backup": lambda path: path.with_name("backup").hardlink_to(path),
    "made read-only": lambda path: path.chmod(0o400),
    "moved away and back": moved_away_and_back,
    "replaced by the same content with its time": partial(renamed_over, content=b"before"),
    "read": lambda path: path.read_bytes(),
}


@pytest.mark.parametrize("change", HARMLESS.values(), ids=HARMLESS)
def test_a_file_whose_content_stays_passes_whatever_happened_to_its_name_and_rights(
    row, tmp_path, change
):
    watch = InputWatch([row], flow_files)
    change(tmp_path / "Jane_Doe.fcs")
    watch.refuse_changes()


def test_a_reference_that_does_not_exist_is_no_change(row, tmp_path):
    given = {"references": {"GRCh38": str(tmp_path / "absent.fa")}, "default": ""}
    watch = InputWatch([row], partial(bulk_files, **given))
    watch.refuse_changes()
    assert [r["bytes"] for r in watch.rows if r["role"] == "reference"] == [None]


def test_what_is_told_as_read_is_what_the_file_held_when_the_job_began(row):
    watch = InputWatch([row], flow_files)
    told = {(r["sample_id"], r["role"], r["sha256"]) for r in watch.rows}
    assert told == {("P01-D010", "data", hashlib.sha256(b"before").hexdigest())}


FOLDER_CHANGES = {
    "one more": lambda folder: (folder / "barcodes.tsv").write_text("AAA"),
    "one longer": lambda folder: (folder / "matrix.mtx").write_text("12"),
    "other content, the time put back": lambda folder: renamed_over(folder / "matrix.mtx", b"2"),
    "another name": lambda folder: (folder / "matrix.mtx").rename(folder / "features.tsv"),
}


@pytest.fixture
def folder_row(row, tmp_path):
    folder = tmp_path / "matrix"
    folder.mkdir()
    (folder / "matrix.mtx").write_text("1")
    return row | {"path": str(folder)}


@pytest.mark.parametrize("change", FOLDER_CHANGES.values(), ids=FOLDER_CHANGES)
def test_a_file_that_joins_or_changes_in_a_folder_of_an_input_is_a_change(
    folder_row, tmp_path, change
):
    watch = InputWatch([folder_row], matrix_files)
    change(tmp_path / "matrix")
    with pytest.raises(ChangedInputError, match="column path"):
        watch.refuse_changes()


def test_a_linked_file_in_a_folder_is_no_change(folder_row, tmp_path):
    watch = InputWatch([folder_row], matrix_files)
    (tmp_path / "backup").hardlink_to(tmp_path / "matrix/matrix.mtx")
    watch.refuse_changes()


def shared_of_bulk(tmp_path):
    names = ("reference", "panel_of_normals", "isoform_catalogue")
    paths = {name: tmp_path / name for name in names} | {
        "run_background": tmp_path / "run1.background.tsv"
    }
    for path in paths.values():
        path.write_text("before")
    given = {role: str(path) for role, path in paths.items()}
    return paths, partial(
        bulk_files, references={"GRCh38": given["reference"]}, default="",
        panel=[given["panel_of_normals"]], backgrounds=[given["run_background"]],
        isoforms=given["isoform_catalogue"],
    )  # fmt: skip


@pytest.mark.parametrize(
    ("role", "assay"),
    [
        ("reference", "dna"),
        ("reference", "rna"),
        ("panel_of_normals", "dna"),
        ("run_background", "dna"),
        ("isoform_catalogue", "rna"),
    ],
)
def test_a_changed_file_that_many_share_is_named(row, tmp_path, role, assay):
    paths, files_of = shared_of_bulk(tmp_path)
    watch = InputWatch([row | {"assay": assay}], files_of)
    paths[role].write_text("before and after")
    with pytest.raises(ChangedInputError, match=f"P01-D010, {role.replace('_', ' ')}: found"):
        watch.refuse_changes()


@pytest.mark.parametrize("index", ["P01.bam.bai", "P01.bai", "P01.bam.csi", "P01.csi"])
@pytest.mark.parametrize("content", [b"foreign", b"a foreign index"], ids=["as long", "longer"])
def test_another_index_of_the_reads_is_a_change(row, tmp_path, index, content):
    (tmp_path / "P01.bam").write_bytes(b"reads")
    (tmp_path / index).write_bytes(b"indices")
    given = {"references": {}, "default": ""}
    named = row | {"path": "", "bam": str(tmp_path / "P01.bam")}
    watch = InputWatch([named], partial(cell_files, **given))
    renamed_over(tmp_path / index, content)
    with pytest.raises(ChangedInputError, match="column bam"):
        watch.refuse_changes()


def test_what_a_file_server_keeps_of_a_deleted_file_is_no_change(folder_row, tmp_path):
    watch = InputWatch([folder_row], matrix_files)
    (tmp_path / "matrix/.nfs0001").write_text("kept")
    (tmp_path / "matrix/matrix.mtx").chmod(0o400)  # so that the content is asked, too
    watch.refuse_changes()


def test_a_script_that_watches_inputs_tells_no_other_ones(root):
    """What is written down as read and what is watched come from one list."""
    watching = [
        text for path in root.glob("scripts/*.py") if "InputWatch" in (text := path.read_text())
    ]
    assert len(watching) == 6
    for text in watching:
        assert "watch.rows" in text
        assert "input_row" not in text
        assert "file_rows" not in text
