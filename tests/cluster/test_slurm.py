"""The workflow on a real SLURM that runs on this machine alone, also while parts of it fail.

What a test tells takes SLURM a minute of waiting: all runs go on side by side.
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.cluster.private_slurm import PrivateSlurm, absent_programs
from tests.conftest import skip_or_fail
from tests.e2e.workflow_run import ROOT, all_but, final_tables, working_copy

pytestmark = pytest.mark.cluster
PATIENT = "P12"
MERGED = "results/risk/relapse_risk.tsv"
PATIENCE = 400  # seconds


@pytest.fixture(scope="module")
def slurm():
    if absent := absent_programs():
        skip_or_fail(f"no SLURM here: {', '.join(absent)} not found")
    # the socket of a job step takes 108 characters at most: pytest's own folders are too deep
    with tempfile.TemporaryDirectory(prefix="slurm_") as folder:
        cluster = PrivateSlurm(Path(folder) / "slurm")
        try:
            cluster.start()
            yield cluster
        finally:
            cluster.stop()


def command(workdir: Path, *arguments: str, partition: str = "short") -> list[str]:
    """The profile as a site uses it, with the waits and the partition of the test's SLURM."""
    return [
        sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"),
        "--workflow-profile", str(ROOT / "workflow/profiles/slurm"), "--directory", str(workdir),
        "--slurm-status-command", "squeue", "--slurm-no-account", "--latency-wait", "5",
        "--slurm-init-seconds-before-status-checks", "2", *arguments,
        "--default-resources", f"slurm_partition={partition}", "mem_mb=1000", "runtime=10",
    ]  # fmt: skip


def jobs_of(slurm: PrivateSlurm, workdir: Path) -> list[dict[str, str]]:
    """What SLURM knows of the jobs of a working directory, oldest first."""
    lines = slurm.run("scontrol", "-o", "show", "jobs").stdout.splitlines()
    told = [dict(re.findall(r"(\w+)=(\S*)", line)) for line in lines]
    return [job for job in told if job.get("WorkDir") == str(workdir)]


def start_and_wait_until_it_gates(slurm: PrivateSlurm, workdir: Path, *arguments, **options):
    """Start the workflow; return its process and the job of SLURM that has begun to gate."""
    log = workdir / f"logs/gate_patient/{PATIENT}.log"
    log.unlink()
    with open(workdir / "said.txt", "w") as said:
        launcher = subprocess.Popen(
            command(workdir, *arguments, **options), env=slurm.environment, start_new_session=True,
            stdout=said, stderr=said,
        )  # fmt: skip
    deadline = time.monotonic() + PATIENCE
    while not log.exists():
        assert launcher.poll() is None, (workdir / "said.txt").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return launcher, jobs_of(slurm, workdir)[-1]


def run_it_all(slurm, workdir):
    # as docs/cluster.md advises for small patients
    return slurm.run(*command(workdir, "--group-components", "patient=4"), timeout=PATIENCE)


def run_with_too_little_memory(slurm, workdir):
    little = [f"{rule}:mem_mb=150*attempt**2" for rule in ("gate_patient", "assess_patient")]
    return slurm.run(*command(workdir, MERGED, "--set-resources", *little), timeout=PATIENCE)


def run_while_a_node_dies(slurm, workdir):
    launcher, job = start_and_wait_until_it_gates(slurm, workdir, MERGED, partition="frail")
    slurm.kill_node(job["NodeList"])
    return job["NodeList"], launcher.wait(PATIENCE)


def run_again_after_the_launcher_was_killed(slurm, workdir):
    launcher, orphan = start_and_wait_until_it_gates(slurm, workdir, MERGED)
    slurm.run("scontrol", "suspend", orphan["JobId"])  # in the middle of its work, for a while
    os.killpg(launcher.pid, signal.SIGKILL)
    launcher.wait()
    assert not (workdir / MERGED).exists()
    unlocked = slurm.run(*command(workdir, "--unlock"))
    assert unlocked.returncode == 0, unlocked.stderr
    launcher, second = start_and_wait_until_it_gates(slurm, workdir, MERGED)
    slurm.run("scontrol", "resume", orphan["JobId"])  # so both write the same files
    return orphan["JobId"] != second["JobId"], launcher.wait(PATIENCE)


@pytest.fixture(scope="module")
def runs(slurm, finished, tmp_path_factory):
    """All runs by name: working directory, and what is told once it has ended."""
    folder = tmp_path_factory.mktemp("runs")
    workdirs = {"whole": working_copy(folder / "whole")} | {
        name: all_but(PATIENT, finished, folder / name) for name in ("memory", "node", "launcher")
    }
    work = {
        "node": run_while_a_node_dies,  # which waits longest
        "launcher": run_again_after_the_launcher_was_killed,
        "memory": run_with_too_little_memory,
        "whole": run_it_all,
    }
    with ThreadPoolExecutor(len(work)) as pool:
        yield {
            name: (workdirs[name], pool.submit(part, slurm, workdirs[name]))
            for name, part in work.items()
        }


def test_the_whole_demo_gets_the_tables_of_a_run_without_cluster(runs, finished):
    workdir, future = runs["whole"]
    run = future.result()
    assert run.returncode == 0, run.stdout + run.stderr
    pages = [path.relative_to(finished) for path in finished.glob("reports/**/*.html")]
    assert len(pages) > 12
    assert all((workdir / page).exists() for page in pages)
    tables = [path.relative_to(finished) for path in finished.glob("results/*/*/P*.*")]
    assert len(tables) > 200
    for path in tables:
        assert (workdir / path).read_bytes() == (finished / path).read_bytes(), path
    assert final_tables(workdir) == final_tables(finished)


def test_all_steps_of_four_patients_are_one_job_with_a_log_per_rule_and_patient(runs, slurm):
    workdir, future = runs["whole"]
    future.result()
    asked = [job["Comment"] for job in jobs_of(slurm, workdir)]
    rules = ("rule_place_batch_cuts", "rule_measure_background")
    controls = [comment for comment in asked if comment.startswith(rules)]
    of_patients = [comment for comment in asked if comment not in controls]
    assert all(comment.startswith("rule_patient_assess_patient_") for comment in of_patients)
    assert len(of_patients) == 3
    for rule in ("gate_patient", "call_variants", "test_antigen_loss", "assess_patient"):
        assert (workdir / f"logs/{rule}/P03.log").exists()


def test_a_job_killed_for_memory_is_tried_again_with_more(runs, slurm, finished):
    workdir, future = runs["memory"]
    run = future.result()
    assert run.returncode == 0, run.stdout + run.stderr
    first, *others = jobs_of(slurm, workdir)
    assert first["JobState"] in ("FAILED", "OUT_OF_MEMORY")
    assert others[-1]["JobState"] == "COMPLETED"
    asked = [int(job["MinMemoryNode"].removesuffix("M")) for job in (first, *others)]
    assert asked == [150, 600, 1350][: len(asked)]
    logs = "".join(p.read_text() for p in (workdir / ".snakemake/slurm_logs").rglob("*.log"))
    assert "exceeded memory limit" in logs
    assert final_tables(workdir) == final_tables(finished)


def test_a_job_whose_node_dies_is_done_by_another_node(runs, slurm, finished):
    workdir, future = runs["node"]
    dead, status = future.result()
    assert status == 0, (workdir / "said.txt").read_text()
    first, last = jobs_of(slurm, workdir)
    assert (first["JobState"], first["NodeList"]) == ("NODE_FAIL", dead)
    assert last["JobState"] == "COMPLETED"
    assert last["NodeList"] != dead
    assert final_tables(workdir) == final_tables(finished)


def test_a_killed_launcher_is_started_again_while_its_job_still_runs(runs, slurm, finished):
    workdir, future = runs["launcher"]
    both_ran, status = future.result()
    assert status == 0, (workdir / "said.txt").read_text()
    assert both_ran
    assert len(jobs_of(slurm, workdir)) >= 2  # a disturbed attempt is tried again
    assert final_tables(workdir) == final_tables(finished)
