"""What is measured of a simulated course: rows of the sheets, with limits, noise and gaps.

Visits are planned days before each month and each marrow landmark, and jittered. A fifth of all
measurements is missing at random: visits that did not take place, and tests that were not done.
"""

from typing import NamedTuple

import numpy as np

from aftercar.contracts.cytometry import POPULATIONS
from aftercar.simulate.cohort_courses import LAST_DAY, TrueCourse
from aftercar.simulate.kinetics import RESIDUAL_SD, b_cell_share, car_copies
from aftercar.simulate.sheets import COLUMNS

EARLY_BLOOD = (3, 7, 10, 14, 21)
BLOOD = (*EARLY_BLOOD, *range(25, LAST_DAY, 28))
MARROW = (23, 85, 175, 265, 360)
JITTER_DAYS = 4
VISIT_MISSED, TEST_MISSED = 0.1, 1 - 0.8 / 0.9  # together a fifth
CAR_LLOQ, CAR_LOD = 50.0, 10.0  # copies/ug
FLOW_CELLS, FLOW_LOD_CELLS, FLOW_LLOQ_CELLS = 500_000, 20, 50
NGS_CELLS, NGS_LOD, NGS_LLOQ = 1_000_000, 3e-6, 1e-5
FUSION_LOD = 1e-5
VIRUS_LOD, VIRUS_LLOQ = 200.0, 500.0  # copies/mL
PHENOTYPED_FROM = 2e-4  # residual disease with enough blasts to tell their antigens
LYMPHOCYTES_PER_UL = 1500.0


class SimulatedPatient(NamedTuple):
    """Rows of the sheets as text, rows of POPULATIONS (for what only flow reports), and truth."""

    sheets: dict[str, list[dict[str, str]]]
    populations: list[dict[str, object]]
    truth: TrueCourse


def observe(truth: TrueCourse, seed: int) -> SimulatedPatient:
    """Return what the sheets say of a course; the same seed gives the same rows."""
    random = np.random.default_rng([seed, int(truth.patient_id[1:])])
    labs: list[dict[str, str]] = []
    populations: list[dict[str, object]] = []
    for day in _visits(random, BLOOD, truth.event_day):
        labs += _kept(random, _blood(random, truth, day))
        if truth.lineage == "T" and day > EARLY_BLOOD[-1] and random.random() > TEST_MISSED:
            populations.append(_cd7_state(random, truth, day))
    for day in _visits(random, MARROW, truth.event_day):
        labs += _kept(random, _marrow(random, truth, day))
    target = "CD7" if truth.lineage == "T" else "CD19"
    known = ("yes" if truth.kmt2a else "no") if truth.kmt2a_known else "unknown"
    patient = {
        "disease": "T-ALL" if truth.lineage == "T" else "B-ALL",
        "kmt2a_rearranged": known,
        "extramedullary": "no",
        "baseline_mrd": f"{truth.baseline_mrd:.2e}",
        "prior_blinatumomab": "none",
    }
    infusion = {"infusion_no": "1", "day": "0", "targets": target, "transgene": f"CAR{target[2:]}"}
    rows = {
        "patients": [patient],
        "infusions": [infusion],
        "samples": [],
        "labs": labs,
        "events": _events(truth, target),
    }
    sheets = {
        name: [dict.fromkeys(COLUMNS[name], "") | {"patient_id": truth.patient_id} | row
               for row in given]
        for name, given in rows.items()
    }  # fmt: skip
    return SimulatedPatient(sheets, populations, truth)


def _visits(random: np.random.Generator, planned: tuple[int, ...], end: int) -> list[int]:
    """Return the days, jittered by up to JITTER_DAYS (a day in the first three weeks)."""
    days = set()
    for day in planned:
        most = 1 if day in EARLY_BLOOD else JITTER_DAYS
        moved = day + int(random.integers(-most, most + 1))
        if random.random() > VISIT_MISSED and moved < end:
            days.add(moved)
    return sorted(days)


def _kept(random: np.random.Generator, tests: list[list[dict[str, str]]]) -> list[dict[str, str]]:
    """Return the rows of the tests that were done; the rows of one test stay together."""
    return [row for rows in tests if random.random() > TEST_MISSED for row in rows]


def _lab(
    day: int, specimen: str, analyte: str, unit: str, value: float | None, *,
    lod: float | None = None, lloq: float | None = None, transgene: str = "",
) -> dict[str, str]:  # fmt: skip
    """Return a row of labs.tsv; below `lod` it is not detected, below `lloq` not quantified."""
    status, shown = "", "" if value is None else f"{value:.4g}"
    if lod is not None and (value is None or value < lod):
        status, shown = "NOT_DET", ""
    elif lloq is not None and value is not None and value < lloq:
        status = "DET_BLQ"
    return {
        "day": str(day), "specimen": specimen, "analyte": analyte, "transgene": transgene,
        "value": shown, "unit": unit, "lod": "" if lod is None else f"{lod:g}",
        "lloq": "" if lloq is None else f"{lloq:g}", "status": status,
    }  # fmt: skip


def _blood(random: np.random.Generator, truth: TrueCourse, day: int) -> list[list[dict[str, str]]]:
    level = float(car_copies(truth.car, np.array([day]))[0])
    if truth.hct_day is not None and day > truth.hct_day:
        level *= 0.5 ** ((day - truth.hct_day) / 3)  # conditioning
    level *= float(np.exp(random.normal(0, RESIDUAL_SD)))
    transgene = "CAR7" if truth.lineage == "T" else "CAR19"
    tests = [[_lab(day, "PB", "car_copies", "copies/ug", level, lod=CAR_LOD, lloq=CAR_LLOQ,
                   transgene=transgene)]]  # fmt: skip
    if day > EARLY_BLOOD[-1]:
        if truth.lineage == "B":
            tests.append(_b_cells(random, truth, day))
        cd4 = 80.0 if day < truth.cd4_recovery_day else 420
        cd4 *= float(np.exp(random.normal(0, 0.25)))
        tests.append([_lab(day, "PB", "cd4_t_per_ul", "cells/uL", cd4)])
        tests.append([_virus(random, truth, day)])
    return tests


def _b_cells(random: np.random.Generator, truth: TrueCourse, day: int) -> list[dict[str, str]]:
    recovery = [] if truth.b_recovery_day is None else [truth.b_recovery_day]
    share = b_cell_share(day, [0], recovery, before=0.08, after=0.08)
    share *= float(np.exp(random.normal(0, 0.3)))
    cells = int(random.poisson(share * 20_000))
    lod, lloq = 20 / 20_000, 50 / 20_000
    fraction = cells / 20_000
    scale = LYMPHOCYTES_PER_UL
    return [
        _lab(day, "PB", "b_cells_fraction", "fraction", fraction, lod=lod, lloq=lloq),
        _lab(day, "PB", "b_cells_per_ul", "cells/uL", fraction * scale, lod=lod * scale,
             lloq=lloq * scale),
    ]  # fmt: skip


def _virus(random: np.random.Generator, truth: TrueCourse, day: int) -> dict[str, str]:
    copies = sum(height for first, last, height in truth.viruses if first <= day <= last)
    copies *= float(np.exp(random.normal(0, 0.4)))
    return _lab(day, "PB", "cmv", "copies/mL", copies, lod=VIRUS_LOD, lloq=VIRUS_LLOQ)


def _marrow(random: np.random.Generator, truth: TrueCourse, day: int) -> list[list[dict[str, str]]]:
    size = {clone.kind: clone.share(day) for clone in truth.clones}
    switched = size.get("lineage_switch", 0.0)
    negative, positive = size.get("antigen_negative", 0.0), size.get("antigen_positive", 0.0)
    blasts = random.poisson((negative + positive) * FLOW_CELLS)
    flow = _lab(
        day, "BM", "flow_mrd", "fraction", blasts / FLOW_CELLS,
        lod=FLOW_LOD_CELLS / FLOW_CELLS, lloq=FLOW_LLOQ_CELLS / FLOW_CELLS,
    )  # fmt: skip
    tests = [[flow]]
    if blasts >= PHENOTYPED_FROM * FLOW_CELLS:
        tests.append(_antigen(random, truth, day, int(blasts), negative / (negative + positive)))
    whole = negative + positive + switched
    if truth.clonotype:
        cells = random.poisson(whole * NGS_CELLS) / NGS_CELLS
        tests.append([_lab(day, "BM", "ngs_mrd", "fraction", cells, lod=NGS_LOD, lloq=NGS_LLOQ)])
    if truth.kmt2a and truth.kmt2a_known:
        ratio = whole * float(np.exp(random.normal(0, 0.4)))
        tests.append([_lab(day, "BM", "fusion_transcript", "ratio", ratio, lod=FUSION_LOD,
                           transgene="KMT2A")])  # fmt: skip
        myeloid = random.poisson(switched * FLOW_CELLS) / FLOW_CELLS
        tests.append([_lab(day, "BM", "myeloid_blasts", "fraction", myeloid,
                           lod=FLOW_LLOQ_CELLS / FLOW_CELLS)])  # fmt: skip
    return tests


def _antigen(
    random: np.random.Generator, truth: TrueCourse, day: int, blasts: int, negative: float
) -> list[dict[str, str]]:
    """Return the antigen-negative share of the blasts by two antibody clones."""
    antigen = "CD7" if truth.lineage == "T" else "CD19"
    return [
        _lab(day, "BM", "antigen_negative_blasts", "fraction",
             random.binomial(blasts, negative) / blasts, lod=min(5 / blasts, 1.0),
             transgene=f"{antigen}:{clone}")
        for clone in ("clone1", "clone2")
    ]  # fmt: skip


def _cd7_state(random: np.random.Generator, truth: TrueCourse, day: int) -> dict[str, object]:
    """Return CD7+ of T cells by flow: few as long as the CAR kills them."""
    killed = truth.killing_lost_day is None or day < truth.killing_lost_day
    cells, positive = 5000, int(random.binomial(5000, 0.03 if killed else 0.7))
    blank = dict.fromkeys(POPULATIONS.columns)
    return blank | {
        "sample_id": f"{truth.patient_id}-D{day:03d}-PB-tline", "patient_id": truth.patient_id,
        "day": day, "specimen": "PB", "panel": "t_lineage", "population": "cd7_positive_t",
        "role": "cd7_positive_t", "target": "CD7", "gate_path": "t_cells/cd7_positive_t",
        "count": positive, "denominator": "t_cells", "denominator_count": cells,
        "fraction": positive / cells, "lod_fraction": 20 / cells, "lloq_fraction": 50 / cells,
        "status": "QUANTIFIED", "count_basis": "", "cut_source": "DATA", "flags": "",
    }  # fmt: skip


def _events(truth: TrueCourse, target: str) -> list[dict[str, str]]:
    events = [{"day": "28", "event": "complete_remission"}] if truth.event_day > 28 else []
    if truth.hct_day is not None:
        events.append({"day": str(truth.hct_day), "event": "hct"})
    end = {"day": str(truth.event_day)}
    if truth.event == "":
        events.append(end | {"event": "last_contact"})
    elif truth.event == "non_relapse_death":
        events.append(end | {"event": "death"})
    elif truth.event == "lineage_switch":
        events.append(end | {"event": "lineage_switch", "phenotype": "lineage_switch"})
    else:
        events.append(
            end | {"event": "relapse", "phenotype": truth.event, "antigen": target,
                   "site": "marrow"}
        )  # fmt: skip
    return events
