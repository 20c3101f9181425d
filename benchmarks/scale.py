"""How the pipeline grows: a large cohort planned, a light one run through, and then edited."""

import json
import os
import resource
import shutil
import statistics
import subprocess
import time
from pathlib import Path

from tests.e2e.workflow_run import due_jobs

from benchmarks.commands import measured
from benchmarks.large_cohort import write_light, write_plan
from benchmarks.results import result
from benchmarks.samples import ROOT, draw

PATIENTS, VISITS = 1000, 6
LIGHT_PATIENTS, LIGHT_VISITS, EVENTS, CORES = 500, 2, 5_000, 2
PER_PATIENT = ("gate_patient", "assess_patient", "render_patient")
COHORT = {
    ("check_inputs", ""), ("merge_tables", ""), ("estimate_outcomes", ""), ("render_cohort", ""),
    ("render_quality", ""),
}  # fmt: skip


def run(folder: Path) -> list[dict]:
    """Return the entries of this part."""
    return [*plan(folder / "plan"), *light_cohort(folder, LIGHT_PATIENTS)]


def command(workdir: Path, *arguments: str, pipeline: Path = ROOT) -> list[str]:
    """Return the command line of Snakemake for a working directory."""
    profile = str(pipeline / "workflow/profiles/default")
    return [
        str(ROOT / ".venv/bin/snakemake"), "--snakefile", str(pipeline / "Snakefile"),
        "--directory", str(workdir), "--workflow-profile", profile, "--cores", str(CORES),
        *arguments,
    ]  # fmt: skip


def plan(workdir: Path, patients: int = PATIENTS, visits: int = VISITS) -> list[dict]:
    """Return time and memory of a dry run of all streams."""
    write_plan(workdir, patients, visits)
    found = measured([command(workdir, "--dry-run")], workdir / "said")
    jobs = len(due_jobs((workdir / "said").read_text()))
    what = f"Dry run of {patients:,} patients x {visits} visits with all streams"
    how = (
        f"{patients:,} patients, at each visit two flow tubes, DNA, RNA and single cells with "
        f"their reads; {jobs:,} jobs; empty files; from the start of Snakemake to its end, one run"
    )
    return [
        result("scale.plan_seconds", what, how, "s", found["seconds"], target={"at_most": 60}),
        result("scale.plan_memory", what, how, "MB", found["peak_mb"], target={"at_most": 1000}),
    ]


def light_cohort(folder: Path, patients: int) -> list[dict]:
    """Return what a run of small specimens costs, then what edits make it run again."""
    pipeline, workdir = folder / "pipeline", folder / "light"
    for name in ("workflow", "scripts", "resources", "config", "envs"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, pipeline / name, ignore=ignored)
    shutil.copy(ROOT / "Snakefile", pipeline)
    write_light(workdir, patients, LIGHT_VISITS, _tube)
    _take_own_rules(workdir)
    start, worked = time.perf_counter(), _processor_seconds()
    subprocess.run(command(workdir, "--quiet", "all", pipeline=pipeline), check=True)
    whole, worked = time.perf_counter() - start, _processor_seconds() - worked
    spent = job_seconds(workdir)
    jobs = sum(map(len, spent.values()))
    specimens = patients * LIGHT_VISITS
    _nothing_due(workdir, pipeline)
    starts = [start_seconds(rule) for rule in PER_PATIENT]
    between = (whole * CORES - sum(map(sum, spent.values()))) / jobs
    how = (
        f"{patients:,} patients x {LIGHT_VISITS} visits, a tube of {EVENTS:,} events each, all "
        f"different; one run; {jobs:,} jobs on {CORES} of {os.cpu_count()} cores in {whole:.0f} s "
        f"({worked:.0f} s of processor time), of which "
        f"{sum(spent['merge_tables']):.0f} s for the join of all tables; median per job: "
        + ", ".join(f"{rule} {statistics.median(spent[rule]):.2f} s" for rule in PER_PATIENT)
    )
    entries = [
        result("scale.specimen", "A light specimen, from sheet and file to the pages", how, "s",
               whole / specimens),
        result("scale.job_overhead", "What a job costs before and after its work", how
               + f"; core seconds: start of Python and imports {statistics.mean(starts):.2f} s, "
               f"Snakemake's own bookkeeping {between:.2f} s", "s",
               statistics.mean(starts) + between),
    ]  # fmt: skip
    return [*entries, *edits(workdir, pipeline, patients)]


def edits(workdir: Path, pipeline: Path, patients: int) -> list[dict]:
    """Stop unless each edit of a finished cohort makes exactly its users run again."""
    everyone = [f"P{number:05}" for number in range(patients)]
    judged = {(rule, p) for rule in ("assess_patient", "render_patient") for p in everyone}
    after_judging = COHORT - {("check_inputs", "")}

    rules = workdir / "config/relapse_rules.yaml"
    before = rules.read_text()
    rules.write_text(before.replace("at_least: 1.0e-4", "at_least: 2.0e-4", 1))
    _due(workdir, pipeline, "a threshold of a rule", judged | after_judging)
    rules.write_text(before)

    for name, users in (
        ("report/gate_plots", {("render_patient", patient) for patient in everyone}),
        ("evidence/outcomes", {("estimate_outcomes", ""), ("render_cohort", "")}),
    ):
        module = pipeline / f"scripts/aftercar/{name}.py"
        before = module.read_text()
        module.write_text(before + "\n# a change\n")
        _due(workdir, pipeline, f"a function of {name}", users)
        module.write_text(before)

    sheet = workdir / "config/samples.tsv"
    lines = sheet.read_text().splitlines()
    _tube(workdir / "data/one_more.fcs", patients * LIGHT_VISITS)
    row = lines[1].split("\t")
    row[0], row[2], row[5] = "one_more", "180", "data/one_more.fcs"
    sheet.write_text("\n".join([*lines, "\t".join(row)]) + "\n")
    own = {(rule, everyone[0]) for rule in PER_PATIENT}
    _due(workdir, pipeline, "one specimen more", own | COHORT)
    start = time.perf_counter()
    subprocess.run(command(workdir, "--quiet", "all", pipeline=pipeline), check=True)
    seconds = time.perf_counter() - start
    _nothing_due(workdir, pipeline)
    return [
        result("scale.one_more", f"One specimen more in a finished cohort of {patients:,} patients",
               f"{patients:,} patients of small specimens; one run; {len(own | COHORT)} jobs: "
               "those of the patient and those of the cohort; from the start of Snakemake to its "
               "end", "s",
               seconds),
    ]  # fmt: skip


def job_seconds(workdir: Path) -> dict[str, list[float]]:
    """Return how long each job took, by rule, from what Snakemake recorded of its outputs."""
    spent: dict[tuple[str, str], float] = {}
    for path in (workdir / ".snakemake/metadata").rglob("*"):
        if path.is_file():
            record = json.loads(path.read_text())
            job = record["rule"], record["log"][0]
            spent[job] = record["endtime"] - record["starttime"]
    by_rule: dict[str, list[float]] = {}
    for (rule, _), seconds in sorted(spent.items()):
        by_rule.setdefault(rule, []).append(seconds)
    return by_rule


def start_seconds(rule: str, repeats: int = 5) -> float:
    """Return the median time to start Python and import what the script of a rule imports."""
    code = [str(ROOT / ".venv/bin/python"), "-c", f"import snakemake.iocontainers, {rule}"]
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        subprocess.run(code, check=True, env=os.environ | {"PYTHONPATH": str(ROOT / "scripts")})
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _tube(path: Path, number: int) -> None:
    draw(path, EVENTS, seed=10_000 + number)


def _take_own_rules(workdir: Path) -> None:
    shutil.copy(ROOT / "resources/rules/relapse_rules.yaml", workdir / "config")
    settings = workdir / "config/config.yaml"
    settings.write_text(settings.read_text().replace("resources/rules/relapse", "config/relapse"))


def _said(workdir: Path, pipeline: Path) -> str:
    dry = command(workdir, "--dry-run", pipeline=pipeline)
    return subprocess.run(dry, check=True, capture_output=True, text=True).stdout


def _nothing_due(workdir: Path, pipeline: Path) -> None:
    if due := due_jobs(_said(workdir, pipeline)):
        raise SystemExit(f"{len(due)} jobs are still due, as {min(due)}")


def _due(workdir: Path, pipeline: Path, edit: str, wanted: set[tuple[str, str]]) -> None:
    due = due_jobs(_said(workdir, pipeline))
    if due != wanted:
        more, less = sorted(due - wanted), sorted(wanted - due)
        raise SystemExit(
            f"after {edit}: {len(more)} jobs too many {more[:3]}, {len(less)} missing {less[:3]}"
        )
    print(f"  after {edit}: {len(due)} jobs, exactly its users", flush=True)
