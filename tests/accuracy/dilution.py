"""Known numbers of cells, from many to none, among negatives: what is called, with which limits."""

import copy
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from tests.accuracy.tubes import (
    BATCH_DECADES,
    DONOR_DECADES,
    SETTINGS,
    Tube,
    analysed,
    control,
    events_of,
    filled,
    markers_of_panels,
    template,
)

from aftercar.contracts.cytometry import ROLES
from aftercar.contracts.events import Channel, FlowEvents
from aftercar.cytometry.populations import Specimen
from aftercar.cytometry.specimen import Findings, analyse
from aftercar.cytometry.template import Template, parse_template
from aftercar.cytometry.template_check import template_problems
from aftercar.simulate.blood import LEUKOCYTES
from aftercar.simulate.cytometer import DETECTORS, acquire, shifts
from aftercar.stats.intervals import poisson_interval

PLANTED_B_CELLS = (5000, 1000, 200, 50, 20, 5, 0)
CAR_SHARES = (0.01, 0.001, 0.0001, 0.0)
SHIFTS = (0.0, 0.1, 0.2, 0.3)  # decades between control and specimen
NEGATIVES = 20_000
DRAWS = 50
T_RICH = {"t_cd4": 0.25, "t_cd8": 0.35, "b": 0.02, "nk": 0.08, "monocyte": 0.08}


def judged(planted: int, row: dict, **about: object) -> dict:
    """Return a draw: planted and called cells, limits, status, and whether the count is right.

    Right is a count within the exact Poisson 95 % interval of the planted cells, widened by LOB.
    """
    low, high = poisson_interval(planted)
    lob = row["lob_events"] or 0
    return about | {
        "planted": planted,
        "called": row["count"],
        "lob": lob,
        "lod": row["lod_fraction"] * row["denominator_count"],
        "status": row["status"],
        "right": low - lob <= row["count"] <= high + lob,
        "exceeds_lob": row["count"] > lob,
        "shift_flag": any(word in row["flags"] for word in ("SHIFT", "control ")),
    }


def real_b_cells(folder: Path) -> tuple[Template, tuple[Channel, ...], np.ndarray, dict]:
    """Return template, channels, values and cells of the public B-cell file (others, b_cells).

    Its panel has no CD45: the template is ours without what needs it. The negatives are defined by
    the gate of the file's makers.
    """
    stored = np.load(folder / "gated/lyoplate_bcell/Lyoplate_Bcell_C01.npz")
    source = copy.deepcopy(template("b_cell_recovery").source)
    source["markers"] = {"required": ["FSC-A", "SSC-A", "CD3", "CD19"], "expected": ["CD20"]}
    kept = {
        "leukocytes": {}, "high_scatter": None, "t_bright": None, "cd3_negative": None,
        "lymphocytes": {"SSC-A": "below"}, "t_cells": None,
        "b_lineage": {"CD3": "below", "SSC-A": "below", "CD19": "above"},
    }  # fmt: skip
    source["gates"] = [copy.deepcopy(gate) for gate in source["gates"] if gate["name"] in kept]
    for gate in source["gates"]:
        if (where := kept[gate["name"]]) is not None:
            for key in ("any_of", "fallback", "if_present", "needs_one_of"):
                gate.pop(key, None)
            gate["where"] = where
    source["cuts"] = {name: source["cuts"][name] for name in ("CD3", "SSC-A", "CD19")}
    source["report"] = [
        {"gate": "b_lineage", "role": "b_cells", "of": "lymphocytes", "background": "CD19"}
    ]
    source["views"], source["notes"] = [], {}
    if problems := template_problems(source, ROLES):
        raise ValueError("; ".join(problems))
    events = int(stored["n_events"])
    member = np.unpackbits(stored["membership"], axis=1)[:, :events].astype(bool)
    population = dict(zip(stored["population"], member, strict=True))
    channels = tuple(
        Channel(str(m) if m.startswith(("FSC", "SSC")) else str(d), str(m), 262_144.0)
        for d, m in zip(stored["detector"], stored["marker"], strict=True)
    )
    cells = {
        "b_cells": np.flatnonzero(population["CD19"]),
        "others": np.flatnonzero(population["Live"] & ~population["CD19"]),
    }
    return parse_template(source), channels, stored["x"], cells


def b_cell_draws(folder: Path, planted: int, draws: int = DRAWS) -> pd.DataFrame:
    """Return mixtures of real negatives with `planted` real B cells, as our gates call them."""
    gates, channels, values, cells = real_b_cells(folder)
    found = []
    for draw in range(draws):
        random = np.random.default_rng([planted, draw])
        chosen = np.concatenate(
            [
                random.choice(cells["others"], NEGATIVES, replace=False),
                random.choice(cells["b_cells"], planted, replace=False),
            ]
        )
        events = FlowEvents(channels, np.asfortranarray(values[np.sort(chosen)]))
        findings = Findings()
        who = Specimen("S", "P", 28, "PB", "B", gates.panel)
        analyse(events, who, gates, {}, SETTINGS, findings)
        found.append(judged(planted, findings.populations[0]))
    return pd.DataFrame(found)


@cache
def car_draws(
    share: float, shift: float, draws: int = DRAWS, *, control_for: str = "fmo:CAR"
) -> pd.DataFrame:
    """Return simulated tubes with a share of CAR+ T cells whose detector is shifted, as called.

    The control of the batch has the detector as it was; `shift` are decades.
    """
    panel, found = "car_t_persistence", []
    for draw in range(draws):
        random = np.random.default_rng([draw, round(share * 1e6), round(shift * 100)])
        donor = shifts(random, markers_of_panels(), DONOR_DECADES)
        batch = shifts(random, DETECTORS, BATCH_DECADES)
        left_out = {control_for.removeprefix("fmo:")}
        before = acquire(
            filled(T_RICH), panel, 30_000, random, donor_shift={}, batch_shift=batch,
            without=frozenset(left_out),
        )  # fmt: skip
        shares = filled(T_RICH)
        shares["car_cd8"] = share * (shares["t_cd4"] + shares["t_cd8"])
        shares["t_cd8"] -= shares["car_cd8"]
        shares = {name: shares[name] for name in LEUKOCYTES if shares.get(name, 0) > 0}
        moved = batch | {"PE-A": batch["PE-A"] + shift}
        acquired = acquire(shares, panel, 45_000, random, donor_shift=donor, batch_shift=moved)
        controls = [control(panel, control_for, events_of(before))] if control_for else []
        row = next(
            row
            for row in analysed(Tube(panel, "PB", acquired, controls, [])).populations
            if row["population"] == "car_t"
        )
        found.append(judged(acquired.counts().get("car_cd8", 0), row, share=share, shift=shift))
    return pd.DataFrame(found)
