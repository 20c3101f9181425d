"""Prove that an installation gives what it should: planted truth through the whole pipeline.

PYTHONPATH=scripts:. python -m tests.selftest.run [--keep FOLDER] [--assays flow dna rna scrna]

Writes the patients of `planted`, runs the workflow on them, and holds the tables against what was
planted and against the figures in reference.tsv. Exit status 1 if anything is not as expected.
"""

import argparse
import hashlib
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pandas as pd
from tests.demo.make_data import make_folders, write_files, write_sheets, write_tsv
from tests.selftest import planted
from tests.selftest.judge import (
    STREAMS,
    Stream,
    Truth,
    figures,
    judge,
    judge_inputs,
    judge_reference,
    judge_risk,
)

from aftercar.simulate.cells import MUTANT_MOLECULES

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = Path(__file__).with_name("reference.tsv")
LIBRARIES = ("numpy", "scipy", "pandas", "pysam", "scanpy", "h5py", "numba")
LISTED = "config/looked_for.tsv"  # the variant that is looked for in every patient
LISTED_TEXT = "gene\ttranscript\thgvs_c\nCD19\tNM_001770.6\tc.271_277del\n"
FILES = ("path", "bam", "barcodes", "labels")
LOOKED_FOR_IN = ("dna", "scrna")
OUTPUTS = ("results/evidence/evidence.tsv", "results/risk/relapse_risk.tsv")
Verdict = tuple[str, str, str, str, bool]


def versions() -> str:
    """Return Python and the libraries that the figures rest on, with their versions."""
    names = [f"{name} {version(name)}" for name in LIBRARIES]
    return ", ".join([f"python {platform.python_version()}", platform.machine(), *names])


def read(path: Path, remarks: int = 0) -> pd.DataFrame:
    """Return a table below so many lines of remarks as text."""
    return pd.read_csv(
        path, sep="\t", dtype=str, keep_default_na=False, quoting=3, skiprows=remarks
    )


def write_cohort(folder: Path, assays: tuple[str, ...]) -> Truth:
    """Write sheets, raw files and configuration; return what is planted in the files of whom."""
    make_folders(folder)
    cohort = tuple(planted.patient(name, assays) for name in planted.DOSES)
    controls = planted.CONTROLS if "flow" in assays else {}
    write_sheets(folder, cohort, controls)
    made = write_files(folder, cohort, controls)
    shutil.copy(ROOT / "tests/demo/config/config.yaml", folder / "config")
    (folder / LISTED).write_text(LISTED_TEXT)
    samples = read(folder / "config/samples.tsv")
    samples["variants"] = samples["assay"].map(
        lambda assay: LISTED if assay in LOOKED_FOR_IN else ""
    )
    samples.loc[samples["sample_id"].str.endswith("PB-scrna"), "path"] = ""  # reads alone
    write_tsv(exchanged(samples), folder / "config/samples.tsv")
    labs = read(folder / "config/labs.tsv")
    first, second = planted.SWAPPED
    copies = labs["analyte"] == "car_copies"
    labs.loc[copies, "patient_id"] = labs.loc[copies, "patient_id"].replace(
        {first: second, second: first}
    )
    write_tsv(labs, folder / "config/labs.tsv")
    return truth_of(made)


def exchanged(samples: pd.DataFrame) -> pd.DataFrame:
    """Return the sheet with the files of the two swapped patients in each other's rows."""
    rows = [samples["patient_id"] == name for name in planted.SWAPPED]
    table = samples.copy()
    for mine, other in (rows, reversed(rows)):
        for column in set(FILES) & set(samples):
            table.loc[mine, column] = samples.loc[other, column].to_numpy()
    return table


def truth_of(made: dict[str, list[dict]]) -> Truth:
    """Return what is planted, by the name of the stream and the patient whose file it is."""
    blasts, cd7, vaf, skipping, genotype, lost, copies = (stream.name for stream in STREAMS)
    truth = {}
    for name, dose in planted.DOSES.items():
        cells = planted.LOST_CELLS * dose
        truth[vaf, name] = planted.VARIANT * dose
        truth[skipping, name] = planted.SKIPPING * dose
        truth[lost, name] = cells / (planted.B_BLASTS + cells)
        truth[copies, name] = planted.COPIES * dose
        reads = f"{name}-D{planted.DAY:03d}-PB-scrna"
        covered = [r for r in made.get("cells", []) if r["sample_id"] == reads and r["cd19_umis"]]
        mutant = sum(row["population"] in MUTANT_MOLECULES for row in covered)
        truth[genotype, name] = mutant / max(len(covered), 1)
    for row in made.get("populations", []):
        stream = {"blasts": blasts, "cd7_positive_t": cd7}.get(row["role"])
        if stream:
            truth[stream, row["sample_id"].split("-D0")[0]] = float(row["true_fraction"] or 0)
    return truth


def run_pipeline(folder: Path) -> None:
    """Run the workflow on the cohort in `folder`; raise SystemExit with its words if it fails."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile")]
    command += ["--workflow-profile", str(ROOT / "workflow/profiles/default"), "--cores", "2"]
    run = subprocess.run(
        [*command, "--directory", str(folder), *OUTPUTS],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if run.returncode:
        raise SystemExit(f"The pipeline stopped:\n{run.stdout[-3000:]}{run.stderr[-3000:]}")


def write_reference(folder: Path) -> None:
    """Make the figures of a finished run the reference, after a change that means to move them."""
    REFERENCE.write_text(f"# {versions()}\n" + (folder / "figures.tsv").read_text())


def verdicts(folder: Path, truth: Truth, streams: tuple[Stream, ...]) -> list[Verdict]:
    """Return all verdicts on the tables of a run, and write its figures into the folder."""
    measured = figures(read(folder / "results/evidence/evidence.tsv"), streams)
    write_tsv(measured, folder / "figures.tsv")
    found = list(judge(measured, truth, streams))
    if {stream.assay for stream in streams} >= set(planted.ASSAYS):
        found += judge_risk(read(folder / "results/risk/relapse_risk.tsv"))
    samples = read(folder / "config/samples.tsv")
    swapped = samples[samples["patient_id"].isin(planted.SWAPPED)]
    given = {
        (row["sample_id"], hashlib.sha256((folder / row[column]).read_bytes()).hexdigest())
        for row in swapped.to_dict("records")
        for column in FILES
        if row.get(column)
    }
    found += judge_inputs(read(folder / "results/quality/inputs.tsv"), given)
    stated = REFERENCE.read_text().splitlines()[0].removeprefix("# ")
    same = stated == versions()
    found += judge_reference(measured, read(REFERENCE, remarks=1), same_versions=same)
    return found


def self_test(
    folder: Path,
    assays: tuple[str, ...] = planted.ASSAYS,
    change: Callable[[Path], None] = lambda folder: None,
) -> list[Verdict]:
    """Return all verdicts; `change` may spoil the working directory before the run."""
    truth = write_cohort(folder, assays)
    change(folder)
    run_pipeline(folder)
    return verdicts(folder, truth, tuple(s for s in STREAMS if s.assay in (*assays, "")))


def report(found: list[Verdict]) -> str:
    """Return the table of verdicts as text of fixed width, and the sum in the last line."""
    lines = [("stream", "control", "expected", "found", "")]
    lines += [(*row[:4], "PASS" if row[4] else "FAIL") for row in found]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    text = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    ]
    failed = sum(not row[4] for row in found)
    return "\n".join([*text, "", f"{len(found) - failed} PASS, {failed} FAIL"])


def main() -> int:
    """Run the self-test; return the exit status."""
    options = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    options.add_argument("--keep", type=Path, help="a new folder for data and results")
    options.add_argument("--assays", nargs="+", choices=planted.ASSAYS, default=planted.ASSAYS)
    given = options.parse_args()
    begun = time.monotonic()
    if given.keep and given.keep.exists():
        options.error(f"{given.keep} exists; name a new folder")
    folder = given.keep or Path(tempfile.mkdtemp(prefix="aftercar-selftest-"))
    folder.mkdir(parents=True, exist_ok=True)
    found = self_test(folder, tuple(given.assays))
    print(report(found), f"in {time.monotonic() - begun:.0f} s; {versions()}")
    passed = all(row[4] for row in found)
    if not given.keep and passed:
        shutil.rmtree(folder)
    elif not passed:
        print(f"data, tables and logs: {folder}", file=sys.stderr)
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main())
