"""Large cohorts, for measuring how the pipeline grows: python -m benchmarks.large_cohort FOLDER ...

The sheets are complete and pass every check. The files that they name are hard links: empty ones,
which is all that a dry run asks of a file, or small FCS files that run through.
"""

import argparse
import csv
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DAYS = (14, 28, 60, 90, 180, 270)
BATCH_PATIENTS = 50  # one batch of controls serves the flow specimens of this many patients
SHEETS = ("patients", "samples", "infusions", "labs", "events")
# assay -> columns of samples.tsv that name a file, with the ending of the file
FILES = {
    "flow": {"path": ".fcs"},
    "dna": {"path": ".bam"},
    "rna": {"path": ".bam"},
    "scrna": {"path": ".h5", "bam": ".cells.bam", "barcodes": ".barcodes.tsv"},
}
SPECIMENS = {
    "flow_b": {"assay": "flow", "specimen": "PB", "panel": "b_cell_recovery"},
    "flow_mrd": {"assay": "flow", "specimen": "BM", "panel": "b_all_mrd"},
    "dna": {"assay": "dna", "specimen": "BM"},
    "rna": {"assay": "rna", "specimen": "BM"},
    "scrna": {"assay": "scrna", "specimen": "BM"},
}


def write_cohort(
    folder: Path,
    patients: int,
    visits: int,
    *,
    streams: Sequence[str] = tuple(SPECIMENS),
    tubes: Sequence[Path] = (),
) -> list[str]:
    """Write configuration, sheets and files of a working directory; return the patients' names.

    Each patient has `visits` (at most six) with one specimen per member of `streams` (keys of
    SPECIMENS), CAR copies and B cells of the laboratory, one infusion and one event. Flow specimens
    are links to `tubes` in turn; without tubes all files are empty, controls are declared (one
    unstained tube per batch of fifty patients and panel), and the cohort is for dry runs only.
    """
    (folder / "config").mkdir(parents=True)
    (folder / "data").mkdir()
    delivered = (ROOT / "config/config.yaml").read_text()
    (folder / "config/config.yaml").write_text(
        delivered if tubes else delivered.replace("references: {}", "references: {g: data/empty}")
    )
    empty = folder / "data/empty"
    empty.touch()
    rows: dict[str, list[dict]] = {sheet: [] for sheet in SHEETS}
    names = [f"P{number:05}" for number in range(patients)]
    for number, patient in enumerate(names):
        batch = "" if tubes else f"b{number // BATCH_PATIENTS}"
        _add_course(rows, patient, visits)
        for visit, day in enumerate(DAYS[:visits]):
            source = tubes[(number * visits + visit) % len(tubes)] if tubes else empty
            for stream in streams:
                row = {"sample_id": f"{patient}-D{day:03}-{stream}", "patient_id": patient}
                row |= {"day": day, "batch": batch} | SPECIMENS[stream]
                rows["samples"].append(_with_files(folder, row, source))
    if not tubes:
        for batch in sorted({row["batch"] for row in rows["samples"]}):
            for stream in (name for name in streams if SPECIMENS[name]["assay"] == "flow"):
                row = {"sample_id": f"{batch}-{stream}", "batch": batch} | SPECIMENS[stream]
                row |= {"specimen": "control", "control_for": "unstained"}
                rows["samples"].append(_with_files(folder, row, empty))
    for sheet in SHEETS:
        write_sheet(folder / f"config/{sheet}.tsv", sheet, rows[sheet])
    return names


def _add_course(rows: dict[str, list[dict]], patient: str, visits: int) -> None:
    of = {"patient_id": patient}
    rows["patients"].append(of | {"disease": "B-ALL"})
    rows["infusions"].append(of | {"infusion_no": 1, "day": 0, "targets": "CD19"})
    rows["events"].append(of | {"day": 400, "event": "last_contact"})
    for visit, day in enumerate(DAYS[:visits]):
        blood = of | {"day": day, "specimen": "PB"}
        rows["labs"] += [
            blood
            | {"analyte": "car_copies", "value": round(1e5 * 0.25**visit), "unit": "copies/ug"}
            | {"lloq": 50, "lod": 10},
            blood | {"analyte": "b_cells_per_ul", "value": 2 + 20 * visit, "unit": "cells/uL"},
        ]


def _with_files(folder: Path, row: dict, source: Path) -> dict:
    for column, ending in FILES[row["assay"]].items():
        path = folder / f"data/{row['sample_id']}{ending}"
        path.hardlink_to(source)
        row[column] = f"data/{path.name}"
    return row


def write_sheet(path: Path, sheet: str, rows: list[dict]) -> None:
    """Write rows under the delivered header of a sheet; what is not given stays empty."""
    columns = (ROOT / f"config/{sheet}.tsv").read_text().splitlines()[0].split("\t")
    with open(path, "w", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="", delimiter="\t", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Write a large cohort of empty files.")
    parser.add_argument("folder", type=Path, help="a folder that does not exist yet")
    parser.add_argument("--patients", type=int, default=1000)
    parser.add_argument("--visits", type=int, default=6, choices=range(1, len(DAYS) + 1))
    asked = parser.parse_args()
    write_cohort(asked.folder, asked.patients, asked.visits)
