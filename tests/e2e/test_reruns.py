"""A second run does nothing, a killed run is finished by the next, an edit reruns its users."""

import os
import shutil
import signal
import subprocess
import sys
import time

import pytest
from tests.e2e.workflow_run import (
    ROOT,
    all_but,
    due_jobs,
    edit_sheet,
    final_tables,
    snakemake,
    working_copy,
)

pytestmark = pytest.mark.e2e
POPULATIONS = "results/*/patients/*.populations.tsv"
TABLES = "results/risk/relapse_risk.tsv"
# What a new judgement of any patient leads to.
AFTER_JUDGING = {
    (rule, "") for rule in ("merge_tables", "estimate_outcomes", "render_cohort", "render_quality")
}


def test_a_second_run_has_nothing_to_do(finished):
    assert "Nothing to be done" in snakemake(finished)[1]


def test_a_killed_run_is_completed_by_the_next_with_identical_tables(finished, tmp_path):
    workdir = all_but("P0[27]", finished, tmp_path / "killed")
    done = len(list(workdir.glob(POPULATIONS)))
    command = [sys.executable, "-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--cores", "2"]
    launcher = subprocess.Popen(
        [*command, "--directory", workdir, TABLES], start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while len(list(workdir.glob(POPULATIONS))) == done:
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


def test_an_edit_of_the_library_or_of_a_rule_reruns_exactly_its_users(tmp_path):
    ignore = shutil.ignore_patterns(".*", "__pycache__", "demo", "results", "reports", "logs")
    copy = shutil.copytree(ROOT, tmp_path / "copy", ignore=ignore)
    workdir, snakefile = working_copy(tmp_path / "demo", ["P10"]), copy / "Snakefile"
    status, said = snakemake(workdir, snakefile=snakefile)
    assert status == 0, said

    def due():
        return due_jobs(snakemake(workdir, "--dry-run", snakefile=snakefile)[1])

    judging = {("assess_patient", "P10"), ("render_patient", "P10")} | AFTER_JUDGING
    evidence = copy / "scripts/aftercar/evidence"
    (evidence / "risk.py").touch()
    assert due() == set()
    for path, users in (
        (evidence / "risk.py", judging),
        (evidence / "outcomes.py", {("estimate_outcomes", ""), ("render_cohort", "")}),
        (copy / "scripts/aftercar/report/gate_plots.py", {("render_patient", "P10")}),
    ):
        before = path.read_text()
        path.write_text(before + "\n# a change\n")
        assert due() == users, path
        path.write_text(before)

    rules = copy / "resources/rules/relapse_rules.yaml"
    before = rules.read_text()
    rules.write_text(before.replace("at_least: 1.0e-4", "at_least: 2.0e-4", 1))
    assert rules.read_text() != before
    assert due() == judging


def test_a_new_specimen_reruns_its_patient_and_the_cohort_only(finished, tmp_path):
    workdir = shutil.copytree(finished, tmp_path / "more", symlinks=True)

    def one_more(sheet):
        row = sheet[(sheet["patient_id"] == "P10") & (sheet["assay"] == "flow")].iloc[[0]].copy()
        row["sample_id"] = "P10-again"
        return type(sheet)(sheet.to_dict("records") + row.to_dict("records"))

    edit_sheet(workdir, "samples", one_more)
    own = {(rule, "P10") for rule in ("gate_patient", "assess_patient", "render_patient")}
    due = due_jobs(snakemake(workdir, "--dry-run")[1])
    assert due == own | {("check_inputs", "")} | AFTER_JUDGING


def test_another_file_in_the_place_of_an_input_reruns_its_users_even_if_it_is_older(
    finished, tmp_path
):
    workdir = shutil.copytree(finished, tmp_path / "replaced", symlinks=True)
    (workdir / "data").unlink()
    shutil.copytree(finished / "data", workdir / "data")
    assert "Nothing to be done" in snakemake(workdir, "--dry-run")[1]
    users = {
        "flow/P12-Dm008-BM-mrd.fcs": ("gate_patient", "P12"),
        "reads/P08-Dm010-BM-dna.bam": ("call_variants", "P08"),
        "cells/P05-D045-BM-scrna.labels.tsv": ("test_antigen_loss", "P05"),
    }
    for name in users:
        path = workdir / "data" / name
        years_ago = path.stat().st_mtime - 1e8
        os.utime(path, (years_ago, years_ago))
    own = {
        (rule, user[1]) for user in users.values() for rule in ("assess_patient", "render_patient")
    }
    due = due_jobs(snakemake(workdir, "--dry-run")[1])
    assert due == {*users.values(), *own, ("check_inputs", "")} | AFTER_JUDGING


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
