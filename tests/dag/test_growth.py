"""How the plan of a cohort grows with its patients, by dry runs."""

import resource
import sys
from collections import Counter

import pytest
from tests.e2e.workflow_run import ROOT, due_jobs

from benchmarks.commands import measured
from benchmarks.large_cohort import write_plan

pytestmark = pytest.mark.dag
VISITS = 6
# The goal for 1,000 patients x 6 visits, in equal parts: 60 s and 1 GB, of which Snakemake itself
# takes 190 MB before the first patient.
SECONDS_PER_PATIENT, MB_PER_PATIENT = 0.06, 0.81


def planned(folder, patients):
    """Processor seconds and peak memory of a dry run of all streams, and its jobs."""
    write_plan(folder, patients, VISITS)
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
    profile = str(ROOT / "workflow/profiles/default")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    found = measured(
        [[*command, "--directory", str(folder), "--workflow-profile", profile, "--dry-run"]],
        folder / "said",
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    worked = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return worked, found["peak_mb"], due_jobs((folder / "said").read_text())


def test_a_hundred_patients_are_planned_in_their_share_of_a_minute_and_of_a_gigabyte(tmp_path):
    few, many = 2, 102
    base_seconds, base_mb, _ = planned(tmp_path / "few", few)
    seconds, mb, jobs = planned(tmp_path / "many", many)
    assert seconds - base_seconds <= SECONDS_PER_PATIENT * (many - few)
    assert mb - base_mb <= MB_PER_PATIENT * (many - few)
    counts = Counter(rule for rule, _ in jobs)
    assert counts == {
        "gate_patient": many, "call_variants": many, "genotype_cells": many,
        "compare_hits_in_cells": many, "test_antigen_loss": many, "assess_patient": many,
        "render_patient": many, "place_batch_cuts": 3, "check_inputs": 1, "merge_tables": 1,
        "estimate_outcomes": 1, "render_cohort": 1, "render_quality": 1,
    }  # fmt: skip
