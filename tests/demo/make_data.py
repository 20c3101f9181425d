"""Write the synthetic cohort into a folder: sheets, raw files and the truth behind them.

Usage: python tests/demo/make_data.py [FOLDER]      (scripts/ on PYTHONPATH; default: tests/demo)
"""

import sys
from multiprocessing import get_context
from pathlib import Path

import pandas as pd

from aftercar.simulate.cohort import COHORT, CONTROLS
from aftercar.simulate.plan import Flow, Patient
from aftercar.simulate.sheets import (
    control_id,
    events,
    infusions,
    labs,
    patients,
    sample_id,
    samples,
)
from aftercar.simulate.tubes import control_tube, generator, specimen_tube

PROCESSES = 2


def make_tube(folder: Path, patient: Patient, flow: Flow) -> dict[str, list[dict]]:
    """Write the FCS file of one specimen; return its truth."""
    content, truth = specimen_tube(patient, flow)
    (folder / f"data/flow/{sample_id(patient, flow)}.fcs").write_bytes(content)
    return {"populations": truth}


def make_control(folder: Path, batch: str, panel: str, control_for: str) -> dict[str, list[dict]]:
    """Write the FCS file of one control."""
    path = folder / f"data/flow/{control_id(batch, panel, control_for)}.fcs"
    path.write_bytes(control_tube(batch, panel, control_for))
    return {}


def run(job: tuple) -> dict[str, list[dict]]:
    """Do one job: a function and its arguments."""
    function, *arguments = job
    return function(*arguments)


def write_tsv(table: pd.DataFrame, path: Path) -> None:
    """Write a table as it stands: hostile text must reach the analysis unchanged."""
    lines = ["\t".join(table.columns), *("\t".join(map(str, row)) for row in table.to_numpy())]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_sheets(folder: Path) -> None:
    """Write the five sheets."""
    randoms = {p.patient_id: generator(f"labs {p.patient_id}") for p in COHORT}
    courses = {p.patient_id: p.courses(generator(f"course {p.patient_id}")) for p in COHORT}
    sheets = {
        "patients": patients(COHORT),
        "infusions": infusions(COHORT),
        "samples": samples(COHORT, CONTROLS),
        "labs": labs(COHORT, courses, randoms),
        "events": events(COHORT),
    }
    for name, table in sheets.items():
        write_tsv(table, folder / f"config/{name}.tsv")


def make(folder: Path) -> None:
    """Write everything into `folder`."""
    for part in ("config", "data/flow", "data/reads", "data/cells", "data/reference", "truth"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    write_sheets(folder)
    jobs: list[tuple] = [
        (make_tube, folder, patient, specimen)
        for patient in COHORT
        for specimen in patient.specimens
        if isinstance(specimen, Flow) and not specimen.path_empty
    ]
    jobs += [
        (make_control, folder, batch, *tube) for batch, tubes in CONTROLS.items() for tube in tubes
    ]
    truth: dict[str, list[dict]] = {}
    with get_context("fork").Pool(PROCESSES) as pool:
        for done in pool.imap(run, jobs):
            for name, rows in done.items():
                truth.setdefault(name, []).extend(rows)
    for name, rows in truth.items():
        write_tsv(pd.DataFrame(rows), folder / f"truth/{name}.tsv")


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
