"""Rows and drawn events of synthetic patients, made by hand for tests of pages."""

import base64
import zlib

import numpy as np
import pandas as pd

from aftercar.contracts.cytometry import (
    GATE_VIEWS,
)
from aftercar.contracts.evidence import (
    PATIENTS,
    RISK,
)
from aftercar.contracts.singlecell import CELLS
from aftercar.contracts.vocabulary import MECHANISMS

LANDMARKS = (28, 63, 90, 180, 270, 365)
HOSTILE = 'P1"><script>alert(1)</script> =HYPERLINK("http://x","y") <img src=x onerror=alert(1)>'
MADE_WITH = {
    "evidence_base": (),
    "versions": {"aftercar": "0.1.0", "python": "3.11", "numpy": "2.4.6"},
    "settings": {"cytometry/lod_events": 20, "evidence/landmarks": list(LANDMARKS)},
    "code": "abcdef012345",
    "cohort": "synthetic test cohort",
    "profile": "clinical",
}
CD19 = {
    "transcript": "NM_001770.6",
    "exons": [
        {"exon": number, "cds_start": start, "cds_end": end}
        for number, start, end in (
            (1, 28932001, 28932088),
            (2, 28932346, 28932612),
            (3, 28932911, 28933114),
            (4, 28933234, 28933509),
            (5, 28935444, 28935554),
            (6, 28936153, 28936201),
            (7, 28936512, 28936600),
            (8, 28937023, 28937136),
            (9, 28937271, 28937375),
            (10, 28937455, 28937523),
            (11, 28937624, 28937680),
            (12, 28937769, 28937825),
            (13, 28938676, 28938768),
            (14, 28938872, 28938963),
        )
    ],
    "domains": [
        {"name": "signal", "start": 1, "end": 19},
        {"name": "ectodomain", "start": 20, "end": 291},
        {"name": "transmembrane", "start": 292, "end": 313},
        {"name": "cytoplasmic", "start": 314, "end": 556},
    ],
}
EVIDENCE_BASE = [
    {
        "id": "EV001",
        "mechanism": "ANY",
        "factor": "B-cell recovery",
        "effect_of": "B-cell recovery within 12 months",
        "relative_to": "no recovery",
        "direction": "harm",
        "landmark": "WITHIN_12M",
        "outcome": "relapse",
        "estimate_type": "HR_univariable",
        "estimate": 4.5,
        "ci_low": 2.03,
        "ci_high": 9.97,
        "p": "<0.001",
        "n": 143,
        "numerator": None,
        "denominator": None,
        "printed_percent": "",
        "population": "children and young adults, r/r B-ALL",
        "product": "tisagenlecleucel",
        "design": "pooled trial biomarker analysis",
        "source": "Pulsipher 2022 Blood Cancer Discov 3:66",
        "doi": "10.1158/2643-3230.BCD-21-0095",
        "citation": "complete",
        "certainty": "seen_in_abstract",
        "diseases": "B-ALL",
        "targets": "CD19",
        "costimulation": "4-1BB",
        "ages": "young",
        "indirect": "no",
        "joint_model": "",
        "cohort_overlap": "ELIANA_ENSIGN",
        "display": "yes",
        "note": "Univariable. Treat as time-dependent.",
    },
    {
        "id": "EV050",
        "mechanism": "M2",
        "factor": "pre-existing clone",
        "effect_of": "CD19-negative cells before infusion",
        "relative_to": "",
        "direction": "conflicting",
        "landmark": "PRE",
        "outcome": "relapse phenotype",
        "estimate_type": "association",
        "estimate": None,
        "ci_low": None,
        "ci_high": None,
        "p": "",
        "n": 12,
        "numerator": None,
        "denominator": None,
        "printed_percent": "",
        "population": "B-ALL",
        "product": "CD19 CAR",
        "design": "case series",
        "source": "made up for tests",
        "doi": "",
        "citation": "complete",
        "certainty": "from_memory_must_check",
        "diseases": "B-ALL",
        "targets": "CD19",
        "costimulation": "4-1BB",
        "ages": "young",
        "indirect": "yes",
        "joint_model": "",
        "cohort_overlap": "",
        "display": "yes",
        "note": "",
    },
]


def value(patient, day, specimen, sample, measure, unit, value=None, status="QUANTIFIED", **more):
    return {
        "patient_id": patient,
        "day": day,
        "specimen": specimen,
        "sample_id": sample,
        "measure": measure,
        "unit": unit,
        "value": value,
        "status": status,
        "stream": more.pop("stream", "lab"),
        "known_from_day": day,
        "source": "made up",
    } | more


def risk_rows(patient, categories, last_day, target="CD19", t_lineage=False):
    """Rows for all landmarks; `categories` maps (landmark day, mechanism) to fields of the row."""
    rows = []
    for day in LANDMARKS:
        for mechanism in MECHANISMS:
            fields = categories.get((day, mechanism))
            applies = mechanism not in (("M1", "M2", "M3") if t_lineage else ("M4", "M5"))
            rows.append(
                {
                    "patient_id": patient,
                    "landmark": f"D{day}",
                    "landmark_day": day,
                    "mechanism": mechanism,
                    "target": target if mechanism in ("M1", "M2", "M4", "M5") and applies else "",
                    "category": "NOT_ASSESSABLE" if applies else "NOT_APPLICABLE",
                    "tests_done": 0,
                    "tests_due": 2 if applies else 0,
                    "missing_tests": "CAR-T level in blood; residual disease in marrow"
                    if applies
                    else "",
                    "if_missing_negative": "NO_SIGNAL" if applies else "NOT_APPLICABLE",
                    "if_missing_positive": "SIGNAL" if applies else "NOT_APPLICABLE",
                    "reason": "the minimum tests were not done"
                    if applies
                    else "no infusion targets CD7 or CD5",
                }
                | (fields or {})
            )
    return RISK.frame(rows)


def clear(**more):
    return {
        "category": "NO_SIGNAL",
        "tests_done": 2,
        "missing_tests": "",
        "if_missing_negative": "NO_SIGNAL",
        "if_missing_positive": "NO_SIGNAL",
        "reason": "all 2 minimum tests are adequate and negative",
    } | more


def sheet(patient, disease="B-ALL", targets="CD19", samples=(), events=(), **more):
    blank = dict.fromkeys(
        ("grade", "grading_system", "phenotype", "antigen", "site", "detail", "end_day"), ""
    )
    return {
        "patients": [{"patient_id": patient, "disease": disease} | more],
        "infusions": [
            {
                "patient_id": patient,
                "infusion_no": str(i),
                "day": day,
                "targets": t,
                "transgene": "",
                "scfv_origin": "murine",
                "costimulation": "4-1BB",
                "source": "autologous",
                "antigen_blockade": "none",
            }
            for i, (day, t) in enumerate(
                [("0", targets)] if isinstance(targets, str) else targets, start=1
            )
        ],
        "samples": [
            {
                "sample_id": s,
                "patient_id": patient,
                "day": str(day),
                "specimen": specimen,
                "assay": assay,
                "panel": panel,
                "batch": "b1",
                "path": given,
                "bam": "",
            }
            for s, day, specimen, assay, panel, given in samples
        ],
        "labs": [],
        "events": [{"patient_id": patient} | blank | event for event in events],
    }


AXES = {
    "x": "CD19", "x_scale": "arcsinh", "x_unit": 150.0, "x_low": -1000.0, "x_high": 262_144.0,
    "y": "SSC-A", "y_scale": "linear", "y_unit": 1.0, "y_low": 0.0, "y_high": 250_000.0,
}  # fmt: skip


def raster(pixels):
    """The levels of a plot as GATE_VIEWS holds them; `pixels` maps (row, column) to a level."""
    levels = bytearray(100 * 100)
    for (row, column), level in pixels.items():
        levels[100 * row + column] = level
    return base64.b64encode(zlib.compress(bytes(levels))).decode()


def layer(number, population, events, pixels=None, **more):
    """A row of GATE_VIEWS; without `pixels` the population was not drawn."""
    return {
        "sample_id": "S", "panel": "b_cell_recovery", "view": 1, "purpose": "gate",
        "layer": number, "population": population, "gate_path": f"root/{population}",
        "events": events, "beyond": None if events is None else 0,
        "raster": "" if pixels is None else raster(pixels),
    } | AXES | more  # fmt: skip


def gate_views(sample_id, seed, gates=6, events=1500, **more):
    """Plots of a crowd and a cluster inside a gate, as many pixels as a real tube fills."""
    random = np.random.default_rng(seed)
    rows = []
    for view in range(1, gates + 1):
        places = [
            np.clip(random.normal(centre, spread, (number, 2)), 0, 99).astype(int).tolist()
            for centre, spread, number in ((62, 11, events), (28, 7, events // 3))
        ]
        crowd, inside = ({(r, c): 1 + (r + c) % 5 for r, c in part} for part in places)
        rows += [
            layer(0, "lymphocytes", events + events // 3, crowd | inside),
            layer(1, f"gate_{view}", events // 3, inside, outline="1200 - - 90000"),
        ]
        for row in rows[-2:]:
            row |= {"sample_id": sample_id, "view": view} | more
    return GATE_VIEWS.frame(rows)


def population(patient, day, specimen, sample, role, count, total, **more):
    share = count / total if total else None
    return {
        "sample_id": sample,
        "patient_id": patient,
        "day": day,
        "specimen": specimen,
        "panel": "b_cell_recovery",
        "population": role,
        "role": role,
        "gate_path": f"root/cells/{role}",
        "count": count,
        "denominator": "lymphocytes",
        "denominator_count": total,
        "fraction": share,
        "fraction_low": share and share * 0.9,
        "fraction_high": share and min(share * 1.1, 1),
        "lod_fraction": 20 / total if total else None,
        "lloq_fraction": 50 / total if total else None,
        "status": "QUANTIFIED",
        "cut_source": "CONTROL",
        "cells_per_ul": share and share * 1500,
        "cells_per_ul_low": share and share * 1400,
        "cells_per_ul_high": share and share * 1600,
        "count_basis": "dual platform: alc" if share else "",
    } | more


def quality(patient, sample, day, check, verdict, message="", assay="flow", **more):
    return {
        "sample_id": sample,
        "patient_id": patient,
        "day": day,
        "assay": assay,
        "batch": "b1",
        "check": check,
        "value": 0.31,
        "unit": "fraction",
        "verdict": verdict,
        "message": message,
    } | more


def summary(patient, landmark, last_day, disease="B-ALL", targets="CD19", risk=None, **more):
    categories = {}
    for mechanism in MECHANISMS:
        mine = risk[(risk["mechanism"] == mechanism) & (risk["landmark"] == (landmark or "D28"))]
        categories[mechanism] = mine["category"].iloc[0]
    return PATIENTS.frame(
        [
            {
                "patient_id": patient,
                "disease": disease,
                "targets": targets,
                "last_day": last_day,
                "landmark": landmark,
                "car_t_last": "not assessed",
                "b_cells_last": "not assessed",
                "specimens": 4,
                "specimens_failed": 0,
            }
            | categories
            | more
        ]
    )


def embedding_cells(sample_id, seed=1):
    random = np.random.default_rng(seed)
    groups = (
        ("leukemic_b", 900, (0, 0)),
        ("normal_t", 400, (7, 3)),
        ("normal_myeloid", 200, (3, -6)),
    )
    frames = []
    for identity, count, centre in groups:
        places = random.normal(centre, 1.2, (count, 2))
        frames.append(
            pd.DataFrame(
                {
                    "sample_id": sample_id,
                    "barcode": [f"{identity}-{i}" for i in range(count)],
                    "x": places[:, 0],
                    "y": places[:, 1],
                    "population": identity,
                    "identity": identity,
                    "umis": 1000,
                }
            )
        )
    return CELLS.check(pd.concat(frames, ignore_index=True))
