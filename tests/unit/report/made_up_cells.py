"""Synthetic single-cell results of one patient: losses, power, maps, and gaps in them."""

import numpy as np
import pandas as pd
from tests.unit.report.made_up_rows import MADE_WITH
from tests.unit.report.made_up_typical import typical

from aftercar.contracts.singlecell import (
    ANTIGEN_CELLS,
    ANTIGEN_LOSS,
    ANTIGEN_POWER,
    CELLS,
    CLONE_HISTORY,
    SHARED_LOSS_HIDDEN,
)

# As delivered in config/config.yaml.
WITH_BOUNDS = MADE_WITH["settings"] | {
    "singlecell/lost_below": 0.1,
    "singlecell/retained_above": 0.5,
}
SIZES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.4)
# Power of each design by size, and the smallest share that shows with 95 %.
POWERS = {
    "labelled_lost": ((0, 0, 0.05, 0.41, 0.96, 1), 0.19),
    "labelled_reduced": ((0.1, 0.4, 0.93, 1, 1, 1), 0.055),
    "unlabelled_screen": ((0.01, 0.02, 0.05, 0.2, 0.45, 0.85), None),
    "sampling": ((0.99, 1, 1, 1, 1, 1), 0.0046),
}


def loss(population, antigen, status, cells=400, ratio=None, sample="S01-d210-sc", **more):
    """A row of ANTIGEN_LOSS; `ratio` is (estimate, low, high) or None."""
    low, high = (None, None) if ratio is None else ratio[1:]
    share = cells / 2000
    leukemic = population.startswith("leukemic")
    return {
        "sample_id": sample,
        "patient_id": "S01",
        "day": 210,
        "specimen": "BM",
        "population": population,
        "identity": "leukemic_b" if leukemic else "normal_b",
        "identity_evidence": "label" if leukemic else "marker_score",
        "antigen": antigen,
        "basis": "none" if ratio is None else "rna",
        "reference": "" if ratio is None else "leukemic_b 2",
        "cells": cells,
        "umis": None if ratio is None else round(ratio[0] * 300),
        "expected_umis": None if ratio is None else 300.0,
        "relative_expression": None if ratio is None else ratio[0],
        "relative_expression_low": low,
        "relative_expression_high": high,
        "status": status,
        "fraction_of_leukemic": share if leukemic else None,
        "fraction_of_leukemic_low": share * 0.8 if leukemic else None,
        "fraction_of_leukemic_high": min(share * 1.2, 1) if leukemic else None,
    } | more


def losses():
    """Lost, reduced, retained and not evaluable; no antigen of T cells is tested."""
    return ANTIGEN_LOSS.frame(
        [
            loss("leukemic_b 1", "CD19", "LOST", 360, (0.0, 0.0, 0.013)),
            loss("leukemic_b 2", "CD19", "RETAINED", 1200, (1.0, 0.92, 1.09)),
            loss("leukemic_b: clone of diagnosis", "CD19", "REDUCED", 440, (0.3, 0.24, 0.37)),
            loss("normal_b", "CD19", "RETAINED", 60, (1.3, 0.8, 2.1)),
            loss(
                "leukemic_b 1", "CD22", "RETAINED", 360, (0.9, 0.78, 1.04),
                flags=SHARED_LOSS_HIDDEN,
            ),
            loss("leukemic_b 2", "CD22", "RETAINED", 1200, (1.05, 0.97, 1.14)),
            loss(
                "leukemic_b: clone of diagnosis", "CD22", "NOT_EVALUABLE", 440, (0.6, 0.1, 3.6),
                flags="the interval is too wide",
            ),
            *(
                loss(name, "MS4A1", "NOT_EVALUABLE", cells, flags="no antigen-positive cells")
                for name, cells in (
                    ("leukemic_b 1", 360),
                    ("leukemic_b 2", 1200),
                    ("leukemic_b: clone of diagnosis", 440),
                )
            ),
            loss("leukemic_b 1", "CD7", "NOT_APPLICABLE", 360),
        ]
    )  # fmt: skip


def powers():
    """What would have shown for CD19 and CD22; nothing is known of MS4A1."""
    who = {"sample_id": "S01-d210-sc", "patient_id": "S01", "day": 210, "specimen": "BM"}
    rows = [
        who
        | {
            "antigen": antigen,
            "design": design,
            "clone_fraction": size,
            "power": chance if antigen != "MS4A1" else None,
            "cells": 2000,
            "molecules_per_cell": 1.2 if antigen != "MS4A1" else None,
            "detectable_fraction": smallest if antigen != "MS4A1" else None,
            "flags": "" if antigen != "MS4A1" else "no antigen-positive cells",
        }
        for antigen in ("CD19", "CD22", "MS4A1")
        for design, (chances, smallest) in POWERS.items()
        for size, chance in zip(SIZES, chances, strict=True)
    ]
    return ANTIGEN_POWER.frame(rows)


def cells(sample="S01-d210-sc", scale=1, seed=2):
    """Cells on a map: three leukemic sub-populations and normal cells; `scale` multiplies them."""
    random = np.random.default_rng(seed)
    groups = (
        ("leukemic_b 1", "leukemic_b", 360, (-2, 0)),
        ("leukemic_b 2", "leukemic_b", 1200, (0.5, 0.4)),
        ("leukemic_b: clone of diagnosis", "leukemic_b", 440, (0.5, -2.4)),
        ("normal_b", "normal_b", 60, (3, 4)),
        ("normal_t 1", "normal_t", 400, (7, 3)),
        ("normal_t 2", "normal_t", 150, (8.4, 2)),
        ("normal_myeloid", "normal_myeloid", 200, (3, -6)),
    )
    frames = []
    for population, identity, count, centre in groups:
        places = random.normal(centre, 0.9, (count * scale, 2))
        frames.append(
            pd.DataFrame(
                {
                    "sample_id": sample,
                    "barcode": [f"{population}-{i:06d}" for i in range(count * scale)],
                    "x": places[:, 0],
                    "y": places[:, 1],
                    "population": population,
                    "identity": identity,
                    "umis": 1000,
                }
            )
        )
    return CELLS.check(pd.concat(frames, ignore_index=True))


def antigen_cells(drawn, antigens=("CD19", "CD22"), seed=3):
    """CD19 is gone in the first sub-population, everything else is there."""
    random = np.random.default_rng(seed)
    leukemic = drawn[drawn["identity"] == "leukemic_b"]
    frames = []
    for antigen in antigens:
        gone = (leukemic["population"] == "leukemic_b 1") & (antigen == "CD19")
        frames.append(
            pd.DataFrame(
                {
                    "sample_id": leukemic["sample_id"],
                    "barcode": leukemic["barcode"],
                    "antigen": antigen,
                    "molecules": np.where(gone, 0, random.poisson(1.2, len(leukemic))),
                    "negative_probability": np.where(
                        gone, random.uniform(0.85, 1, len(leukemic)),
                        random.beta(1, 6, len(leukemic)),
                    ),
                }
            )
        )  # fmt: skip
    return ANTIGEN_CELLS.check(pd.concat(frames, ignore_index=True))


def clone(**more):
    """A row of CLONE_HISTORY: there before the infusion, without CD19 at relapse."""
    return {
        "patient_id": "S01",
        "antigen": "CD19",
        "clone": "IGH:TGTGCG",
        "basis": "clonotype",
        "first_seen_day": -12,
        "first_seen_sample": "A",
        "first_seen_cells": 15,
        "first_seen_fraction": 0.041,
        "first_seen_fraction_low": 0.025,
        "first_seen_fraction_high": 0.067,
        "first_seen_known_from_day": -12,
        "first_negative_day": 210,
        "first_negative_sample": "C",
        "first_negative_cells": 120,
        "first_negative_fraction": 0.255,
        "first_negative_known_from_day": 210,
        "not_seen_before": "A (day -12): not seen, limit 0.021; B (day 30): cannot say below 0.21",
        "clone_before_infusion": "YES",
        "negative_before_infusion": "NOT_SEEN",
        "limit_before_infusion": 0.021,
        "latest_day": 210,
        "latest_sample": "C",
        "latest_cells": 130,
        "latest_negative_cells": 120,
        "latest_fraction": 0.28,
        "latest_fraction_low": 0.24,
        "latest_fraction_high": 0.32,
        "status": "QUANTIFIED",
        "flags": "",
    } | more


def single_cells():
    """The typical patient with single cells of whom much is known."""
    tables, rows, views, _ = typical()
    known = {
        "antigen_loss": losses(),
        "antigen_power": powers(),
        "clone_history": CLONE_HISTORY.frame([clone()]),
    }
    return tables | known, rows, views, cells()
