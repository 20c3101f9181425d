"""The FCS files of the cohort: each tube and control from its row of the plan."""

import zlib

import numpy as np

from aftercar.simulate.blood import healthy_blood, true_counts, tube
from aftercar.simulate.cytometer import (
    DETECTORS,
    PANELS,
    Acquisition,
    acquire,
    fcs_bytes,
    shifts,
)
from aftercar.simulate.plan import Flow, Patient
from aftercar.simulate.sheets import control_id, sample_id

SEED = 20231204
CONTROL_EVENTS = 12_000
DONOR_SD, BATCH_SD = 0.04, 0.08  # decades
# The donors of the cohort were drawn by these panels; markers of later ones are drawn apart.
FIRST_PANELS = ("b_cell_recovery", "car_t_persistence", "t_lineage", "b_all_mrd")
MARKERS = tuple(sorted({marker for panel in PANELS.values() for _, marker in panel.values()}))
FIRST_MARKERS = tuple(
    sorted({marker for name in FIRST_PANELS for _, marker in PANELS[name].values()})
)
LATER_MARKERS = tuple(sorted(set(MARKERS) - set(FIRST_MARKERS)))
# An invented name and markup where instruments put names; all of it must be inert or gone.
HOSTILE_KEYWORDS = {
    "$SRC": "SYNTHETIC Doe-Nobody<script>alert(1)</script>",
    "$FIL": "Doe-Nobody_Jane.fcs",
    "$OP": '=HYPERLINK("http://x","y")',
    "$CELLS": "<img src=x onerror=alert(1)>",
    "&10PATIENT ID": "Jane Doe-Nobody'; DROP TABLE patients; --",
}


def generator(name: str) -> np.random.Generator:
    """Return the random numbers of one named thing: independent of what else is drawn."""
    return np.random.default_rng([SEED, zlib.crc32(name.encode())])


def batch_shift(batch: str) -> dict[str, float]:
    """Return the shift of each detector of a batch, in decades."""
    return shifts(generator(f"batch {batch}"), DETECTORS, BATCH_SD)


def donor_shift(donor: str) -> dict[str, float]:
    """Return the shift of each marker of a donor, in decades."""
    later = shifts(generator(f"donor {donor}, later markers"), LATER_MARKERS, DONOR_SD)
    return shifts(generator(f"donor {donor}"), FIRST_MARKERS, DONOR_SD) | later


def acquire_specimen(patient: Patient, flow: Flow) -> Acquisition:
    """Return the events of one tube of a patient."""
    courses = patient.courses(generator(f"course {patient.patient_id}"))
    return acquire(
        tube(patient, flow, courses), flow.panel, flow.events, generator(sample_id(patient, flow)),
        donor_shift=donor_shift(patient.patient_id), batch_shift=batch_shift(patient.batch),
        clog=flow.clog,
    )  # fmt: skip


def specimen_tube(patient: Patient, flow: Flow) -> tuple[bytes, list[dict]]:
    """Return the bytes of the FCS file of one tube and its rows of the truth."""
    name, acquisition = sample_id(patient, flow), acquire_specimen(patient, flow)
    keywords = HOSTILE_KEYWORDS if patient.patient_id == "P12" else {"$FIL": f"{name}.fcs"}
    target = next((i.targets for i in patient.infusions), "")
    return fcs_bytes(acquisition, keywords), true_counts(
        name, flow.panel, target, acquisition.counts()
    )


def control_tube(batch: str, panel: str, control_for: str) -> bytes:
    """Return the bytes of the FCS file of a control: a healthy donor without one or all stains."""
    name = control_id(batch, panel, control_for)
    left_out = frozenset(MARKERS) if control_for == "unstained" else frozenset({control_for[4:]})
    acquisition = acquire(
        healthy_blood(), panel, CONTROL_EVENTS, generator(name), donor_shift=donor_shift(name),
        batch_shift=batch_shift(batch), without=left_out,
    )  # fmt: skip
    return fcs_bytes(acquisition, {"$FIL": f"{name}.fcs"})
