"""A file that a killed or refused writer leaves is the former one, never a half of the new one."""

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.conftest import ROOT, own_namespace
from tests.unit.io.killed_writer import WRITERS, in_child

from aftercar.io import whole_files
from aftercar.io.pages import write_page
from aftercar.io.research_export import report_paths, tables
from aftercar.io.whole_files import (
    UnwritableFileError,
    folders_of,
    remove_left_parts,
    unwritable_folders,
    whole_file,
)

NEW_WRITER = """
import sys
from aftercar.io.whole_files import whole_file
with whole_file(sys.argv[1]) as part:
    with part.open("w") as out:
        out.write("new\\n")
        out.flush()
        print("half", flush=True)
        sys.stdin.readline()
        out.write("new\\n" * 99)
"""


@pytest.fixture(scope="module", params=sorted(WRITERS))
def stopped(request, tmp_path_factory):
    """What stood after writers of one kind of file were stopped at many places along it."""
    folder = tmp_path_factory.mktemp("stopped")
    run = subprocess.run(
        [sys.executable, "-m", "tests.unit.io.killed_writer", request.param, str(folder)],
        cwd=ROOT, env=os.environ | {"PYTHONPATH": "scripts:."}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def test_a_killed_writer_leaves_the_former_file_whole(stopped):
    kills = [found for found in stopped if found.get("killed")]
    assert len(kills) >= 4
    assert all(found["signal"] for found in kills), "no kill came midway"
    assert all(found["former"] for found in kills)


def test_a_writer_without_room_says_so_and_leaves_the_former_file_whole(stopped):
    refused = [found for found in stopped if found.get("killed") is False]
    assert len(refused) >= 4
    for found in refused:
        assert found["former"]
        assert not found["left"]
        assert "UnwritableFileError" in found["told"]
        assert os.strerror(errno.EFBIG) in found["told"]
        assert "To mend it: raise the limit" in found["told"]


def test_the_next_writer_finishes_what_a_kill_left(stopped):
    assert stopped[-1]["finished"]


@pytest.fixture(scope="module")
def full_disk(tmp_path_factory):
    """What writers of each kind of file found and left on a disk that became full."""
    folder = tmp_path_factory.mktemp("disk")
    mount = f'mount -t tmpfs -o size=16m tmpfs {folder} && exec "$@"'
    writers = [sys.executable, "-m", "tests.unit.io.full_disk", str(folder)]
    run = subprocess.run(
        [*own_namespace("--mount"), "sh", "-c", mount, "sh", *writers], cwd=ROOT,
        env=os.environ | {"PYTHONPATH": "scripts:."}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


@pytest.mark.parametrize("kind", sorted(WRITERS))
def test_a_writer_on_a_full_disk_says_so_and_the_next_one_with_room_finishes(full_disk, kind):
    found = full_disk[kind]
    assert f"{kind}: found {os.strerror(errno.ENOSPC)!r} while writing" in found["told"]
    assert "To mend it: free space on this disk" in found["told"]
    assert found["left"] == []
    assert found["former"]
    assert found["finished"]


def test_an_old_writer_never_gives_its_name_to_the_half_of_a_new_one(tmp_path):
    """As when a killed launcher is started again while its job still runs."""
    path = tmp_path / "table.tsv"
    new = subprocess.Popen(
        [sys.executable, "-c", NEW_WRITER, str(path)], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, text=True, env=os.environ | {"PYTHONPATH": "scripts"}, cwd=ROOT,
    )  # fmt: skip
    with whole_file(path) as part:
        part.write_text("old\n" * 100)
        assert new.stdout.readline() == "half\n"
    assert path.read_text() == "old\n" * 100
    new.communicate("go on\n", timeout=30)
    assert new.returncode == 0
    assert path.read_text() == "new\n" * 100
    assert [found.name for found in tmp_path.iterdir()] == ["table.tsv"]


def test_what_a_writer_of_another_machine_writes_is_left_to_it_for_a_day(tmp_path):
    theirs = tmp_path / ".part-00000000-1-table.tsv"
    theirs.write_text("half")
    remove_left_parts(tmp_path)
    assert theirs.exists()
    os.utime(theirs, (0, 0))
    remove_left_parts(tmp_path)
    assert not theirs.exists()


def test_a_reader_of_a_folder_never_takes_a_half_for_a_result(tmp_path):
    """As when the writer was killed, and no other one has come yet."""
    for name in (*WRITERS, "report.json"):
        with whole_file(tmp_path / name) as part:
            part.write_text("half")
            for ending in ("tsv", "parquet", "html", "json", "xml", "vcf", "h5ad"):
                assert list(tmp_path.glob(f"*.{ending}")) == []
        (tmp_path / name).unlink()


def left_half(path: Path) -> Path:
    """What a writer leaves that is killed midway."""

    def killed():
        with whole_file(path) as part:
            part.write_text("half")
            os._exit(0)

    in_child(killed)
    return next(path.parent.glob(".part-*"))


def test_an_export_hands_on_no_half_that_a_writer_of_another_host_has_left(tmp_path, monkeypatch):
    monkeypatch.setattr(whole_files, "_HOST", "0" * 8)
    parts = [left_half(tmp_path / name) for name in ("risk/risk.tsv", "patients/P01.json")]
    monkeypatch.undo()
    write_page(tmp_path / "risk/risk.tsv", "whole")
    write_page(tmp_path / "patients/P01.json", "{}")
    assert all(part.exists() for part in parts)
    assert list(tables(tmp_path)) == [("risk/risk.tsv", "whole")]
    assert report_paths(tmp_path) == [tmp_path / "patients/P01.json"]


def test_a_part_that_may_not_be_removed_keeps_nobody_from_writing(tmp_path, monkeypatch):
    """As in a folder for all (mode 1777) that holds the part of another account."""
    left = left_half(tmp_path / "table.tsv")
    unlink = Path.unlink

    def unlink_own(path, missing_ok=False):
        if path == left:
            raise PermissionError(errno.EPERM, "Operation not permitted", str(path))
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", unlink_own)
    write_page(tmp_path / "table.tsv", "whole")
    assert (tmp_path / "table.tsv").read_text() == "whole"
    assert left.exists()


def test_a_container_of_the_same_host_name_does_not_judge_our_writers_by_their_numbers(tmp_path):
    """The writer that lives here has a number that no process has in there."""
    container = own_namespace("--pid", "--fork", "--mount-proc")
    path = tmp_path / "table.tsv"
    code = (
        "from pathlib import Path; from aftercar.io.whole_files import remove_left_parts\n"
        f"remove_left_parts(Path({str(tmp_path)!r}))"
    )
    with whole_file(path) as part:
        part.write_text("of a living writer")
        subprocess.run(
            [*container, sys.executable, "-c", code], cwd=ROOT,
            env=os.environ | {"PYTHONPATH": "scripts"}, check=True,
        )  # fmt: skip
    assert path.read_text() == "of a living writer"


def test_a_page_is_at_no_time_readable_for_others(tmp_path):
    with whole_file(tmp_path / "page.html", mode=0o600) as part:
        assert part.stat().st_mode & 0o077 == 0
        part.write_text("secret")
    assert (tmp_path / "page.html").stat().st_mode & 0o777 == 0o600


def test_a_folder_that_is_no_folder_is_told_with_a_remedy(tmp_path):
    (tmp_path / "results").write_text("a file where a folder should be")
    with pytest.raises(UnwritableFileError, match=r"found 'File exists' .*To mend it"):
        write_page(tmp_path / "results/page.html", "never")


def test_a_fault_of_our_own_keeps_its_words_and_leaves_nothing(tmp_path):
    def write():
        with whole_file(tmp_path / "table.tsv") as part:
            part.write_text("half")
            raise ValueError("ours")

    with pytest.raises(ValueError, match="ours"):
        write()
    assert list(tmp_path.iterdir()) == []


def test_a_fault_is_told_on_the_terminal_where_the_log_cannot_be_written(tmp_path):
    code = (
        "from aftercar.io.joblog import start_log\n"
        "from aftercar.io.pages import write_page\n"
        f"start_log('/dev/full')\n"
        f"write_page({str(tmp_path / 'page.html/x')!r}, 'text')\n"
    )
    (tmp_path / "page.html").write_text("no folder")
    run = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(ROOT / "scripts")},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert run.returncode != 0
    assert "found 'File exists' while writing" in run.stderr


def test_folders_without_the_right_to_write_are_all_named_before_a_run(tmp_path, monkeypatch):
    refused = [tmp_path / "results/cytometry/patients", tmp_path / "reports"]
    for folder in refused:
        folder.mkdir(parents=True)
    (tmp_path / "results/risk").mkdir()
    archive = tmp_path / "results/archive_2025"
    archive.mkdir()
    asked = os.access

    def access(path, how):
        return str(path) not in map(str, [*refused, archive]) and asked(path, how)

    monkeypatch.setattr(os, "access", access)
    written = ["results/cytometry/patients", "results/risk", "reports/patients/new", "logs"]
    assert unwritable_folders(tmp_path / name for name in written) == sorted(map(str, refused))


def test_the_folder_of_an_output_ends_before_the_first_wildcard():
    outputs = [
        "r/risk/risk.tsv",
        "r/flow/{patient}.tsv",
        "r/gates/{patient}/{sample}.xml",
        "r/g/{p}",
    ]
    assert folders_of(outputs) == {Path(name) for name in ("r/risk", "r/flow", "r/gates", "r/g")}
