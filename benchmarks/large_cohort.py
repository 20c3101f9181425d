"""Large cohorts, for measuring how the pipeline grows: python -m benchmarks.large_cohort FOLDER ...

The sheets are complete and pass every check. The files that they name are links to an empty file,
which is all that a dry run asks of a file, or small FCS files that run through.
"""

import argparse
import csv
from collections.abc import Callable, Sequence
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


def write_plan(folder: Path, patients: int, visits: int) -> None:
    """Write the working directory of a cohort of all streams whose files are empty: for dry runs.

    Each visit has every specimen of SPECIMENS; one unstained tube per panel serves fifty patients.
    """
    rows = _rows(patients, visits, tuple(SPECIMENS))
    for number, row in enumerate(rows["samples"]):
        row["batch"] = f"b{number // (BATCH_PATIENTS * visits * len(SPECIMENS))}"
    for batch in sorted({row["batch"] for row in rows["samples"]}):
        for stream in ("flow_b", "flow_mrd"):
            row = {"sample_id": f"{batch}-{stream}", "batch": batch} | SPECIMENS[stream]
            rows["samples"].append(row | {"specimen": "control", "control_for": "unstained"})
    (folder / "data").mkdir(parents=True)
    empty = folder / "data/empty"
    empty.touch()
    _write(folder, rows, lambda path, number: path.symlink_to(empty.name))
    settings = folder / "config/config.yaml"
    settings.write_text(
        settings.read_text().replace("references: {}", "references: {g: data/empty}")
    )


def write_light(
    folder: Path, patients: int, visits: int, draw_tube: Callable[[Path, int], object]
) -> None:
    """Write the working directory of a cohort with one tube of residual disease per visit.

    `draw_tube` writes the FCS file of a path and a number that is unlike that of all others.
    """
    (folder / "data").mkdir(parents=True)
    _write(folder, _rows(patients, visits, ("flow_mrd",)), draw_tube)


def _rows(patients: int, visits: int, streams: Sequence[str]) -> dict[str, list[dict]]:
    rows: dict[str, list[dict]] = {sheet: [] for sheet in SHEETS}
    for number in range(patients):
        of = {"patient_id": f"P{number:05}"}
        rows["patients"].append(of | {"disease": "B-ALL"})
        rows["infusions"].append(of | {"infusion_no": 1, "day": 0, "targets": "CD19"})
        rows["events"].append(of | {"day": 400, "event": "last_contact"})
        for visit, day in enumerate(DAYS[:visits]):
            blood = of | {"day": day, "specimen": "PB"}
            copies = {"value": round(1e5 * 0.25**visit), "unit": "copies/ug", "lloq": 50, "lod": 10}
            b_cells = {"value": 2 + 20 * visit, "unit": "cells/uL"}
            rows["labs"].append(blood | {"analyte": "car_copies"} | copies)
            rows["labs"].append(blood | {"analyte": "b_cells_per_ul"} | b_cells)
            for stream in streams:
                name = {"sample_id": f"{of['patient_id']}-D{day:03}-{stream}"}
                rows["samples"].append(of | name | {"day": day} | SPECIMENS[stream])
    return rows


def _write(
    folder: Path, rows: dict[str, list[dict]], write_file: Callable[[Path, int], object]
) -> None:
    (folder / "config").mkdir(parents=True)
    delivered = (ROOT / "config/config.yaml").read_text()
    (folder / "config/config.yaml").write_text(delivered)
    for number, row in enumerate(rows["samples"]):
        for column, ending in FILES[row["assay"]].items():
            row[column] = f"data/{row['sample_id']}{ending}"
            write_file(folder / row[column], number)
    for sheet in SHEETS:
        write_sheet(folder / f"config/{sheet}.tsv", sheet, rows[sheet])


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
    write_plan(asked.folder, asked.patients, asked.visits)
