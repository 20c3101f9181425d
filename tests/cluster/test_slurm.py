"""The workflow on a real SLURM that runs on this machine alone."""

import sys
import tempfile
from pathlib import Path

import pytest
from tests.cluster.private_slurm import PrivateSlurm, absent_programs
from tests.conftest import skip_or_fail
from tests.e2e.workflow_run import ROOT, working_copy

pytestmark = pytest.mark.cluster


@pytest.fixture
def slurm():
    if absent := absent_programs():
        skip_or_fail(f"no SLURM here: {', '.join(absent)} not found")
    # the socket of a job step takes 108 characters at most: pytest's own folders are too deep
    with tempfile.TemporaryDirectory(prefix="slurm_") as folder:
        cluster = PrivateSlurm(Path(folder) / "slurm")
        cluster.start()
        yield cluster
        cluster.stop()


def test_one_patient_runs_through_the_slurm_profile(slurm, tmp_path):
    workdir = working_copy(tmp_path / "demo", ["P10"])
    run = slurm.run(
        sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"),
        "--workflow-profile", str(ROOT / "workflow/profiles/slurm"), "--directory", str(workdir),
        "--slurm-status-command", "squeue", "--slurm-no-account", "--latency-wait", "5",
        "--slurm-init-seconds-before-status-checks", "2",
        "--default-resources", "slurm_partition=short", "mem_mb=1000", "runtime=10",
        timeout=400,
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    assert "SLURM jobid" in run.stdout + run.stderr
    assert (workdir / "reports/patients/P10.html").exists()
