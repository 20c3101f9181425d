"""Run the workflow as a user does."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "tests/demo"
DATED_SHEETS = ("samples", "labs", "events", "infusions")


def snakemake(workdir, *arguments, snakefile=ROOT / "Snakefile", env=None):
    """Return the exit status and everything that Snakemake said."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(snakefile), "--cores", "2"]
    profile = ["--workflow-profile", str(ROOT / "workflow/profiles/default")]
    run = subprocess.run(
        [*command, *profile, "--directory", str(workdir), *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | (env or {}),
    )
    return run.returncode, run.stdout + run.stderr


def working_copy(folder: Path, patients=None) -> Path:
    """A working directory with the demo's sheets (of some patients only) and links to its data."""
    shutil.copytree(DEMO / "config", folder / "config")
    (folder / "data").symlink_to(DEMO / "data")
    if patients is not None:
        for name in ("patients", *DATED_SHEETS):
            keep = [*patients, ""] if name == "samples" else patients
            edit_sheet(folder, name, lambda sheet, keep=keep: sheet[sheet["patient_id"].isin(keep)])
    return folder


def due_jobs(said: str) -> set[tuple[str, str]]:
    """Rule and wildcard (patient, batch or run; else empty) of each job that a dry run told."""
    blocks = re.split(r"^(?:local)?rule (\w+):\n", said, flags=re.MULTILINE)[1:]
    jobs = set()
    for rule, block in zip(blocks[::2], blocks[1::2], strict=True):
        value = re.search(r"^    wildcards: \w+=(\S+)$", block.split("\n\n")[0], re.MULTILINE)
        jobs.add((rule, value.group(1) if value else ""))
    return jobs - {("all", "")}


def all_but(patient: str, finished: Path, folder: Path) -> Path:
    """A copy of a finished run that lacks the files of a patient and the merged tables.

    `patient` can be a pattern for several, such as P0[27].
    """
    workdir = shutil.copytree(finished, folder, symlinks=True)
    mine = workdir.glob(f"results/*/*/{patient}*")
    merged = [
        path
        for path in workdir.glob("results/*/*.*")
        if path.parent.name not in ("cohort", "multiqc") and path.stem != "input_checks"
    ]
    for path in [*mine, *merged]:
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return workdir


def edit_sheet(workdir: Path, name: str, change) -> None:
    """Rewrite a sheet with what `change` makes of its rows, all text."""
    path = workdir / f"config/{name}.tsv"
    sheet = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False, quoting=3)
    change(sheet).to_csv(path, sep="\t", index=False, quoting=3)


def cut_at(workdir: Path, landmark_day: int) -> None:
    """Remove from the sheets all that happened after a landmark."""

    def before(sheet):
        sheet = sheet[(sheet["day"] == "") | (pd.to_numeric(sheet["day"]) <= landmark_day)].copy()
        if "end_day" in sheet:
            later = pd.to_numeric(sheet["end_day"]) > landmark_day
            sheet.loc[later, "end_day"] = ""
        return sheet

    for name in DATED_SHEETS:
        edit_sheet(workdir, name, before)


def final_tables(workdir: Path) -> dict[str, bytes]:
    """Content of every final table by its path."""
    results = workdir / "results"
    return {
        str(path.relative_to(results)): path.read_bytes()
        for pattern in ("*/*.tsv", "*/*.parquet")
        for path in sorted(results.glob(pattern))
    }
