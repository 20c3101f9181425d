"""A second run does nothing, a killed run is finished by the next, an edit reruns its users."""

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
from tests.e2e.workflow_run import ROOT, edit_sheet, final_tables, snakemake, working_copy

pytestmark = pytest.mark.e2e
TABLES = "results/risk/relapse_risk.tsv"


def test_a_second_run_has_nothing_to_do(finished):
    assert "Nothing to be done" in snakemake(finished)[1]


def test_a_killed_run_is_completed_by_the_next_with_identical_tables(finished, workdir):
    command = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--cores", "2"]
    launcher = subprocess.Popen(
        [*command, "--directory", workdir], start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while len(list(workdir.glob("results/*/patients/*.populations.tsv"))) < 3:
        assert time.monotonic() < deadline
        assert launcher.poll() is None
        time.sleep(0.2)
    os.killpg(launcher.pid, signal.SIGKILL)
    launcher.wait()
    assert not (workdir / TABLES).exists()
    assert snakemake(workdir, "--unlock")[0] == 0
    status, said = snakemake(workdir)
    assert status == 0, said
    assert final_tables(workdir) == final_tables(finished)


def test_only_the_users_of_a_changed_library_module_run_again(tmp_path):
    ignore = shutil.ignore_patterns(".*", "__pycache__", "demo", "results", "reports", "logs")
    copy = shutil.copytree(ROOT, tmp_path / "copy", ignore=ignore)
    workdir, snakefile = working_copy(tmp_path / "demo", ["P10"]), copy / "Snakefile"
    status, said = snakemake(workdir, snakefile=snakefile)
    assert status == 0, said

    module = copy / "scripts/aftercar/evidence/risk.py"
    module.touch()
    assert "Nothing to be done" in snakemake(workdir, "--dry-run", snakefile=snakefile)[1]

    module.write_text(module.read_text() + "\n# a change\n")
    said = snakemake(workdir, "--dry-run", snakefile=snakefile)[1]
    assert "rule assess_patient:" in said
    assert "rule gate_patient:" not in said


def test_a_new_specimen_reruns_its_patient_and_the_cohort_only(finished, tmp_path):
    workdir = shutil.copytree(finished, tmp_path / "more", symlinks=True)

    def one_more(sheet):
        row = sheet[(sheet["patient_id"] == "P10") & (sheet["assay"] == "flow")].iloc[[0]].copy()
        row["sample_id"] = "P10-again"
        return type(sheet)(sheet.to_dict("records") + row.to_dict("records"))

    edit_sheet(workdir, "samples", one_more)
    said = snakemake(workdir, "--dry-run")[1]
    assert "wildcards: patient=P10" in said
    assert "wildcards: patient=P01" not in said


def test_a_change_of_a_copy_beside_a_template_reruns_its_users(tmp_path):
    workdir = working_copy(tmp_path / "demo", ["P10"])
    wanted = "results/cytometry/patients/P10.cuts.tsv"
    copies = ("markers.yaml", "placement.yaml")
    for name in ("nk.yaml", *copies):
        shutil.copy(ROOT / "resources/gating" / name, workdir / "config")
    config = workdir / "config/config.yaml"
    config.write_text(config.read_text().replace("nk: resources/gating/", "nk: config/"))
    edit_sheet(workdir, "samples", lambda sheet: sheet[sheet["control_for"] == ""])
    status, said = snakemake(workdir, wanted)
    assert status == 0, said
    assert "Nothing to be done" in snakemake(workdir, "--dry-run", wanted)[1]
    for name in copies:
        before = (workdir / "config" / name).read_text()
        (workdir / "config" / name).write_text(before + "# a change\n")
        assert "rule gate_patient:" in snakemake(workdir, "--dry-run", wanted)[1]
        (workdir / "config" / name).write_text(before)
