"""Disks, folders and inputs that fail in the middle of a run, and a second launch beside it.

After each fault: no partial file is taken for whole, the reason is told, the next run completes,
and the final tables are those of an undisturbed run.
"""

import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time

import pytest
from tests.conftest import own_namespace
from tests.e2e.workflow_run import ROOT, all_but, edit_sheet, final_tables, snakemake

pytestmark = pytest.mark.e2e
PATIENT = "P12"
MERGED = "results/risk/relapse_risk.tsv"
GATED = "results/cytometry/patients"
COMMAND = [
    sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--cores", "2",
    "--workflow-profile", str(ROOT / "workflow/profiles/default"), MERGED, "--directory",
]  # fmt: skip
# a table of this patient is larger, no file of Snakemake is
ROOM_BYTES = 24_000


@pytest.fixture
def unfinished(finished, tmp_path):
    """A finished run of the demo that lacks one patient and the merged tables."""
    return all_but(PATIENT, finished, tmp_path / "demo")


def files_of_patient(workdir):
    return sorted(path.name for path in workdir.glob(f"results/*/*/*{PATIENT}*"))


def completes_as_if_undisturbed(workdir, finished):
    status, said = snakemake(workdir, MERGED)
    assert status == 0, said
    return final_tables(workdir) == final_tables(finished)


def test_a_full_disk_is_told_and_leaves_no_half_table(unfinished, finished):
    def little_room():
        resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM_BYTES, resource.RLIM_INFINITY))

    run = subprocess.run(
        [*COMMAND, unfinished], capture_output=True, text=True, check=False, preexec_fn=little_room
    )
    assert run.returncode != 0
    assert f"{GATED}/{PATIENT}.views.parquet: found 'File too large'" in run.stdout + run.stderr
    assert "To mend it: raise the limit" in run.stdout + run.stderr
    assert files_of_patient(unfinished) == []
    assert not (unfinished / MERGED).exists()
    assert completes_as_if_undisturbed(unfinished, finished)


def test_a_disk_that_becomes_full_leaves_no_half_table(unfinished, finished):
    """A real one, below the tables of the patient's flow specimens; then it gets room."""
    begin = own_namespace("--mount")
    steps = (
        f'tables={GATED} && cd {unfinished} && mount -t tmpfs -o size=16k tmpfs "$tables"; "$@"; '
        'echo "status $?"; echo "left:" $(ls -A "$tables"); '
        'mount -o remount,size=16m tmpfs "$tables"; "$@" && cp -r "$tables" whole'
    )
    command = [part if part != MERGED else f"{GATED}/{PATIENT}.views.parquet" for part in COMMAND]
    run = subprocess.run(
        [*begin, "sh", "-c", steps, "sh", *command, unfinished], stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout
    assert re.search(rf"{GATED}/{PATIENT}\S+: found 'No space left on device' while", run.stdout)
    assert "To mend it: free space on this disk" in run.stdout
    assert "status 1" in run.stdout
    assert "left:\n" in run.stdout
    tables = sorted((unfinished / "whole").iterdir())
    assert len(tables) > 5
    for path in tables:
        assert path.read_bytes() == (finished / GATED / path.name).read_bytes(), path.name


def test_a_read_only_folder_is_told_by_name(unfinished, finished):
    folder = unfinished / GATED
    command = [*COMMAND, unfinished]
    if os.geteuid() == 0:  # whom permissions do not stop: a mount that only this command sees
        mounts = f"mount --bind {folder} {folder} && mount -o remount,ro,bind {folder}"
        command = ["unshare", "-m", "sh", "-c", f'{mounts} && exec "$@"', "sh", *command]
    folder.chmod(0o500)
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    folder.chmod(0o700)
    assert run.returncode != 0
    said = run.stdout + run.stderr
    assert f"{GATED}: found no right to write" in said
    assert "To mend it: give yourself that right" in said
    assert "Traceback" not in said
    assert not (unfinished / MERGED).exists()
    assert completes_as_if_undisturbed(unfinished, finished)


def test_an_input_replaced_while_it_is_read_gives_no_result(unfinished, finished):
    own = unfinished / "own"
    own.mkdir()

    def moved(sheet):
        for row in sheet.index[(sheet["patient_id"] == PATIENT) & (sheet["path"] != "")]:
            path = own / sheet.loc[row, "path"].rsplit("/", 1)[1]
            shutil.copy(unfinished / sheet.loc[row, "path"], path)
            sheet.loc[row, "path"] = f"own/{path.name}"
        return sheet

    edit_sheet(unfinished, "samples", moved)
    log = unfinished / f"logs/gate_patient/{PATIENT}.log"
    log.unlink()
    run = subprocess.Popen(
        [*COMMAND, unfinished], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    last = max(own.iterdir())
    while run.poll() is None and "Error" not in (log.read_text() if log.exists() else ""):
        if log.exists():  # so the job has begun: its last tube is now another file all the time
            shutil.copy(last, unfinished / "new.fcs")
            (unfinished / "new.fcs").replace(last)
        time.sleep(0.02)
    said = run.communicate(timeout=120)[0]
    assert run.returncode != 0
    assert f"ChangedInputError: samples.tsv: {last.stem}, column path: found another file" in said
    assert files_of_patient(unfinished) == []
    assert not (unfinished / MERGED).exists()
    assert completes_as_if_undisturbed(unfinished, finished)


def test_an_interrupted_launch_leaves_no_half_table(unfinished, finished):
    log = unfinished / f"logs/gate_patient/{PATIENT}.log"
    log.unlink()
    run = subprocess.Popen(
        [*COMMAND, unfinished], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    )  # fmt: skip
    while run.poll() is None and not log.exists():
        time.sleep(0.02)
    os.killpg(run.pid, signal.SIGINT)  # as Ctrl-C does: to the launcher and its jobs
    said = run.communicate(timeout=120)[0]
    assert run.returncode != 0, said
    assert files_of_patient(unfinished) == []
    assert not (unfinished / MERGED).exists()
    assert completes_as_if_undisturbed(unfinished, finished)


def test_a_second_launch_in_one_folder_is_refused_and_harms_nothing(unfinished, finished):
    first = subprocess.Popen(
        [*COMMAND, unfinished], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    deadline = time.monotonic() + 60
    while not list(unfinished.glob(".snakemake/locks/*")):
        assert time.monotonic() < deadline
        assert first.poll() is None
        time.sleep(0.05)
    status, said = snakemake(unfinished, MERGED)
    assert status != 0
    assert "cannot be locked" in said
    told = first.communicate(timeout=120)[0]
    assert first.returncode == 0, told
    assert final_tables(unfinished) == final_tables(finished)
