"""The five sheets of the synthetic cohort."""

import numpy as np
import pandas as pd

from aftercar.simulate.kinetics import RESIDUAL_SD, total_copies
from aftercar.simulate.plan import CAR_LLOQ, CAR_LOD, Cells, Flow, Patient, Reads

COLUMNS = {
    "patients": (
        "patient_id",
        "disease",
        "age_group",
        "kmt2a_rearranged",
        "tp53_status",
        "extramedullary",
        "cns_status",
        "baseline_burden",
        "baseline_mrd",
        "prior_blinatumomab",
        "prior_inotuzumab",
        "prior_hct",
        "note",
    ),
    "infusions": (
        "patient_id",
        "infusion_no",
        "day",
        "targets",
        "transgene",
        "scfv_origin",
        "costimulation",
        "source",
        "antigen_blockade",
    ),
    "samples": (
        "sample_id",
        "patient_id",
        "day",
        "specimen",
        "assay",
        "path",
        "panel",
        "batch",
        "control_for",
        "infusion_no",
        "reference",
        "barcodes",
        "bam",
        "labels",
        "contigs",
        "chemistry",
    ),
    "labs": (
        "patient_id",
        "day",
        "specimen",
        "analyte",
        "transgene",
        "value",
        "unit",
        "lloq",
        "lod",
        "status",
    ),
    "events": (
        "patient_id",
        "day",
        "end_day",
        "event",
        "grade",
        "grading_system",
        "phenotype",
        "antigen",
        "site",
        "detail",
        "components",
    ),
}
SERIES = (1, 3, 7, 10, 14, 21, 28, 42, 60, 75, 90, 120, 150, 180, 210, 240, 270, 300, 330, 360)
MISSED = 0.2  # share of planned visits that do not take place
SHORT = {
    "b_cell_recovery": "bcell",
    "car_t_persistence": "cart",
    "t_lineage": "tline",
    "b_all_mrd": "mrd",
    "nk": "nk",
    "aml": "aml",
}


def sample_id(patient: Patient, specimen: Flow | Reads | Cells) -> str:
    """Return the name of a specimen, which is also the stem of its files."""
    if isinstance(specimen, Flow):
        what = SHORT[specimen.panel]
    else:
        what = specimen.assay if isinstance(specimen, Reads) else "scrna"
    day = f"{'m' if specimen.day < 0 else ''}{abs(specimen.day):03d}"
    return f"{patient.patient_id}-D{day}-{specimen.specimen}-{what}"


def control_id(batch: str, panel: str, control_for: str) -> str:
    """Return the name of a control of a batch."""
    return f"{batch}-{SHORT[panel]}-{control_for.replace(':', '-')}"


def frame(sheet: str, rows: list[dict[str, object]]) -> pd.DataFrame:
    """Return rows as text in the columns of a sheet; None and absent are empty."""
    texts = [
        {key: "" if value is None else str(value) for key, value in row.items()} for row in rows
    ]
    return pd.DataFrame(texts, columns=list(COLUMNS[sheet])).fillna("")


def patients(cohort: tuple[Patient, ...]) -> pd.DataFrame:
    """Return patients.tsv."""
    return frame(
        "patients", [{"patient_id": p.patient_id, "disease": p.disease, **p.sheet} for p in cohort]
    )


def infusions(cohort: tuple[Patient, ...]) -> pd.DataFrame:
    """Return infusions.tsv."""
    names = (
        "day",
        "targets",
        "transgene",
        "scfv_origin",
        "costimulation",
        "source",
        "antigen_blockade",
    )
    return frame(
        "infusions",
        [
            {"patient_id": p.patient_id, "infusion_no": n}
            | {name: getattr(given, name) for name in names}
            for p in cohort
            for n, given in enumerate(p.infusions, start=1)
        ],
    )


def events(cohort: tuple[Patient, ...]) -> pd.DataFrame:
    """Return events.tsv."""
    return frame(
        "events", [{"patient_id": p.patient_id} | vars(event) for p in cohort for event in p.events]
    )


def samples(cohort: tuple[Patient, ...], controls: dict[str, tuple]) -> pd.DataFrame:
    """Return samples.tsv; paths are relative to the working directory."""
    rows = []
    for patient in cohort:
        for specimen in patient.specimens:
            name = sample_id(patient, specimen)
            given = [
                n
                for n, i in enumerate(patient.infusions, 1)
                if i.day is not None and i.day <= specimen.day
            ]
            rows.append(
                {
                    "sample_id": name,
                    "patient_id": patient.patient_id,
                    "day": specimen.day,
                    "specimen": specimen.specimen,
                    "infusion_no": max(given) if given else "",
                }
                | _files(name, patient, specimen)
            )
    for batch, tubes in controls.items():
        for panel, control_for in tubes:
            name = control_id(batch, panel, control_for)
            rows.append(
                {
                    "sample_id": name,
                    "specimen": "control",
                    "assay": "flow",
                    "panel": panel,
                    "batch": batch,
                    "control_for": control_for,
                    "path": f"data/flow/{name}.fcs",
                }
            )
    return frame("samples", rows)


def _files(name: str, patient: Patient, specimen: Flow | Reads | Cells) -> dict[str, str]:
    if isinstance(specimen, Flow):
        path = "" if specimen.path_empty else f"data/flow/{name}.fcs"
        return {"assay": "flow", "path": path, "panel": specimen.panel, "batch": patient.batch}
    if isinstance(specimen, Reads):
        return {"assay": specimen.assay, "path": f"data/reads/{name}.bam", "reference": "demo"}
    stem = f"data/cells/{name}"
    row = {"assay": "scrna", "path": f"{stem}.{specimen.file_format}", "chemistry": "5prime"}
    if specimen.planted:
        row |= {"bam": f"{stem}.bam", "barcodes": f"{stem}.barcodes.tsv", "reference": "demo"}
    row |= {"contigs": f"{stem}.contigs.csv"} if specimen.contigs else {}
    return row | ({"labels": f"{stem}.labels.tsv"} if specimen.labels else {})


def labs(cohort: tuple[Patient, ...], courses: dict[str, dict], randoms: dict) -> pd.DataFrame:
    """Return labs.tsv: what the plan names, blood counts with each blood tube, and CAR copies.

    CAR copies are drawn on jittered days of a series of which a fifth is missed; key days of the
    plan are never missed and carry little noise, because the stories rest on them.
    """
    rows: list[dict[str, object]] = []
    for patient in cohort:
        rows += [{"patient_id": patient.patient_id} | vars(lab) for lab in patient.labs]
        rows += _blood_counts(patient)
        for transgene, given in courses[patient.patient_id].items():
            if patient.pcr_series:
                rows += _copies(patient, transgene, given, randoms[patient.patient_id])
    for row in rows:
        for name in ("value", "lloq", "lod"):
            if isinstance(row.get(name), float):
                row[name] = f"{row[name]:.6g}"
    table = frame("labs", rows)
    table["order"] = table["day"].astype(int)
    return table.sort_values(["patient_id", "order", "analyte", "transgene"], kind="stable").drop(
        columns="order"
    )


def _blood_counts(patient: Patient) -> list[dict[str, object]]:
    if not patient.labs_with_blood:
        return []
    days = sorted({s.day for s in patient.specimens if isinstance(s, Flow) and s.specimen == "PB"})
    counts = {"wbc": patient.wbc, "alc": patient.wbc * patient.lymphocytes}
    return [
        {
            "patient_id": patient.patient_id,
            "day": day,
            "specimen": "PB",
            "analyte": analyte,
            "value": float(round(value)),
            "unit": "cells/uL",
            "lloq": 50,
            "lod": 10,
            "status": "QUANT",
        }
        for day in days
        for analyte, value in counts.items()
    ]


def _copies(
    patient: Patient, transgene: str, given: list, random: np.random.Generator
) -> list[dict[str, object]]:
    days: dict[int, float] = {}
    first = given[0][0]
    for start, _ in given:
        planned = np.array([d for d in SERIES if start + d < patient.follow_up])
        jitter = np.where(
            planned <= 28,
            random.integers(-1, 2, len(planned)),
            random.integers(-4, 5, len(planned)),
        )
        taken = random.random(len(planned)) >= MISSED
        days |= dict.fromkeys(
            (start + np.maximum(planned + jitter, 1))[taken].tolist(), RESIDUAL_SD
        )
    key = [day for day in patient.pcr_days if day > first]
    # a routine visit close to a key day was that visit
    days = {day: sd for day, sd in days.items() if all(abs(day - k) > 5 for k in key)}
    days |= dict.fromkeys(key, 0.1)
    rows = []
    for day in sorted(days):
        truth = float(total_copies(given, np.array([day]))[0])
        value = truth * float(np.exp(random.normal(0, days[day])))
        status = "QUANT" if value >= CAR_LLOQ else "DET_BLQ" if value >= CAR_LOD else "NOT_DET"
        rows.append(
            {
                "patient_id": patient.patient_id,
                "day": day,
                "specimen": "PB",
                "analyte": "car_copies",
                "transgene": transgene,
                "value": None if status == "NOT_DET" else value,
                "unit": "copies/ug",
                "lloq": CAR_LLOQ,
                "lod": CAR_LOD,
                "status": status,
            }
        )
    return rows
