"""A core facility's day: 200 files through the pipeline on two cores, beside a loop in FlowKit."""

import os
import shutil
import statistics
import subprocess
import time
from pathlib import Path

from benchmarks.gating import FLOWKIT
from benchmarks.large_cohort import write_sheet
from benchmarks.results import result, runs
from benchmarks.samples import CHANNELS, EVENTS, PANEL, ROOT, draw, place_gates
from benchmarks.tools import PEERS, Tool, started

PATIENTS, VISITS, DISTINCT, CORES = 50, 4, 10, 2
FILES = PATIENTS * VISITS
REPEATS = 3
DAYS = (14, 28, 60, 90)


def run(folder: Path) -> list[dict]:
    """Return the entry of this part."""
    drawn = [draw(folder / f"{n}.fcs", EVENTS, seed=100 + n) for n in range(DISTINCT)]
    targets = make_cohort(folder, drawn)
    gates = place_gates(drawn[0], folder)
    options = {"gates": gates["logicle"], "cache_events": False}
    ours, loop = [], []
    with started(Tool(FLOWKIT, "with_flowkit", PEERS, options)) as flowkit:
        flowkit.run(drawn[0])  # warms up
        for _ in range(REPEATS):
            ours.append(run_cohort(folder, targets))
            check(folder)
            shutil.rmtree(folder / "results")
            loop.append(sum(flowkit.run(path)["seconds"] for path in drawn) * FILES / DISTINCT)
    name = f"loop with {FLOWKIT}"
    return [
        result(
            "batch.seconds",
            f"{FILES} files through Snakemake, every cut placed, beside a loop that applies given "
            "gates on logicle axes",
            f"{PATIENTS} patients x {VISITS} visits of {EVENTS:,} events x {CHANNELS} channels "
            f"({DISTINCT} different files, hard links of them); {runs(REPEATS)}; ours: {CORES} of "
            f"{os.cpu_count()} cores with the start of Snakemake; loop: one process, measured on "
            f"{DISTINCT} files and scaled to {FILES}, without its import",
            "s", statistics.median(ours), peers={name: statistics.median(loop)},
            target={"at_most": 120, "times_less_than": {name: 5}},
        )
    ]  # fmt: skip


def run_cohort(folder: Path, targets: list[str]) -> float:
    """Return the seconds that Snakemake takes to gate every patient, from nothing."""
    start = time.perf_counter()
    done = subprocess.run(
        [
            ROOT / ".venv/bin/snakemake", "--snakefile", ROOT / "Snakefile", "--directory", folder,
            "--workflow-profile", ROOT / "workflow/profiles/default", "--cores", str(CORES),
            "--quiet", "all", "--", *targets,
        ],
        check=False, cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    seconds = time.perf_counter() - start
    if done.returncode:  # else nobody needs to read of 190 links to the same files
        raise SystemExit(done.stdout + done.stderr)
    return seconds


def make_cohort(folder: Path, drawn: list[Path]) -> list[str]:
    """Write configuration, sheets and files of a working directory; return the rule's tables."""
    (folder / "config").mkdir()
    (folder / "data").mkdir()
    shutil.copy(ROOT / "config/config.yaml", folder / "config/config.yaml")
    patients, samples = [], []
    for patient in range(PATIENTS):
        identifier = f"P{patient:02}"
        patients.append({"patient_id": identifier, "disease": "B-ALL"})
        for visit, day in enumerate(DAYS):
            path = folder / f"data/{identifier}_{visit}.fcs"
            path.hardlink_to(drawn[(patient * VISITS + visit) % DISTINCT])
            samples.append(
                {
                    "sample_id": f"{identifier}_{visit}",
                    "patient_id": identifier,
                    "day": day,
                    "specimen": "BM",
                    "assay": "flow",
                    "path": f"data/{path.name}",
                    "panel": PANEL,
                }
            )
    for sheet, rows in (("patients", patients), ("samples", samples)):
        write_sheet(folder / f"config/{sheet}.tsv", sheet, rows)
    for sheet in ("infusions", "labs", "events"):
        write_sheet(folder / f"config/{sheet}.tsv", sheet, [])
    return [f"results/cytometry/patients/{row['patient_id']}.populations.tsv" for row in patients]


def check(folder: Path) -> None:
    """Stop unless every file was gated."""
    gated = list((folder / "results/cytometry/gates").glob("*/*.xml"))
    if len(gated) != FILES:
        raise SystemExit(f"only {len(gated)} of {FILES} files were gated: nothing to compare")
