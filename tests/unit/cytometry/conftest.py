"""Small tubes drawn from first principles: log-normal stains on a noisy background."""

import numpy as np
import pytest

from aftercar.contracts.cytometry import ROLES
from aftercar.contracts.events import Channel, FlowEvents
from aftercar.cytometry.template import parse_template
from aftercar.cytometry.template_check import template_problems
from aftercar.io.templates import read_template

PANELS = ("b_cell_recovery", "car_t_persistence", "t_lineage", "b_all_mrd", "nk", "aml")
NOISE = 70.0

# population -> median brightness of its markers; scatter is (forward, side)
CELLS = {
    "t4": {"CD45": 22_000, "CD3": 8000, "CD4": 9000, "CD7": 6000, "CD5": 11_000},
    "t8": {"CD45": 22_000, "CD3": 8000, "CD8": 12_000, "CD7": 6000, "CD5": 11_000},
    "t_cd7neg": {"CD45": 22_000, "CD3": 8000, "CD4": 9000, "CD5": 11_000},
    "car8": {"CD45": 22_000, "CD3": 8000, "CD8": 12_000, "CD7": 6000, "CD5": 11_000, "CAR": 5000},
    "nk": {"CD45": 22_000, "CD7": 8000, "CD38": 2500, "CD16+CD56": 9000, "CD56": 4000},
    "t_naive": {"CD45": 22_000, "CD3": 8000, "CD4": 9000, "CD45RA": 8000, "CD62L": 6000},
    "t_temra": {"CD45": 22_000, "CD3": 8000, "CD4": 9000, "CD45RA": 8000},
    "t_central": {"CD45": 22_000, "CD3": 8000, "CD4": 9000, "CD62L": 6000},
    "t_all_blast": {"CD45": 8000, "CD7": 12_000, "CD5": 1200},
    "b": {"CD45": 20_000, "CD19": 7000, "CD20": 14_000, "CD22": 4000, "CD24": 7000},
    "myeloid": {"CD45": 8000, "CD24": 5000, "CD33": 3000, "CD62L": 7000, "CD16+CD56": 15_000},
    "blast": {"CD45": 1900, "CD19": 8000, "CD22": 3500, "CD24": 8000, "CD10": 20_000, "CD34": 6000},
    "blast_cd19dim": {"CD45": 1900, "CD19": 450, "CD22": 3500, "CD24": 8000, "CD10": 20_000},
    "blast_cd19neg": {"CD45": 1900, "CD22": 3500, "CD24": 8000, "CD10": 20_000, "CD34": 6000},
    # pro-B, as with KMT2A rearranged: neither CD10 nor CD24, CD22 dim
    "pro_b_blast": {"CD45": 1900, "CD19": 8000, "CD22": 900, "CD34": 6000},
    "cd34_cd22": {"CD45": 1900, "CD22": 3500, "CD34": 6000},  # a progenitor, or a pro-B blast
    "myeloblast": {"CD45": 1900, "CD33": 9000, "CD34": 6000},
    "monoblast": {"CD45": 2500, "CD33": 12_000},
    "monocyte": {"CD45": 14_000, "CD33": 12_000},
}  # fmt: skip
SIDE = {"myeloid": 120_000.0, "monocyte": 55_000.0}


def tube(numbers, markers, *, seed=0, gain=1.0, dead=0.05, doublets=0.04, debris=0.06, spill=None):
    """Events in random order, the true population of each ('dead', 'doublet', 'debris' too)."""
    random = np.random.default_rng(seed)
    kinds = np.repeat(np.array(list(numbers), dtype=object), list(numbers.values()))
    total = len(kinds)
    forward = random.normal(60_000, 5000, total)
    side = np.array([SIDE.get(kind, 17_000.0) for kind in kinds]) * random.lognormal(0, 0.2, total)
    stains = {
        marker: np.array([CELLS[kind].get(marker, 0.0) for kind in kinds])
        * random.lognormal(0, 0.3, total)
        + random.normal(100, NOISE, total) * np.where(kinds == "myeloid", 2.0, 1.0)
        for marker in markers
    }
    stains["Viability"] = random.normal(150, NOISE, total)
    alive = random.random(total) >= dead
    stains["Viability"] = np.where(alive, stains["Viability"], random.lognormal(10, 0.3, total))
    truth = np.where(alive, kinds, "dead")
    height = forward / 1.2 * random.lognormal(0, 0.02, total)
    # a doublet has the area of two cells and the height of one
    pairs = random.random(total) < doublets
    forward = np.where(pairs, 2 * forward, forward)
    truth = np.where(pairs, "doublet", truth)
    small = random.random(total) < debris
    forward, height = np.where(small, 6000, forward), np.where(small, 5000, height)
    forward = forward + np.where(small, random.normal(0, 800, total), 0)
    for marker in stains:
        stains[marker] = np.where(small, random.normal(50, NOISE, total), stains[marker])
    truth = np.where(small, "debris", truth)
    order = random.permutation(total)
    signal = np.column_stack(list(stains.values()))[order] * gain
    matrix = np.eye(len(stains)) if spill is None else spill(len(stains))
    observed = signal @ matrix
    time = np.sort(random.uniform(0, 100, total))
    values = np.column_stack([time, forward[order], height[order], side[order], observed])
    names = ["Time", "FSC-A", "FSC-H", "SSC-A", *(f"D{n}-A" for n in range(1, len(stains) + 1))]
    labels = ["", "", "", "", *stains]
    text = ",".join(
        [str(len(stains)), *names[4:], *(repr(float(value)) for value in matrix.ravel())]
    )
    channels = tuple(Channel(n, m, 262_144.0, 400.0) for n, m in zip(names, labels, strict=True))
    events = FlowEvents(channels, np.asfortranarray(values), text)
    return events, truth[order].astype(str)


@pytest.fixture(scope="session")
def draw():
    """The drawing function above."""
    return tube


@pytest.fixture(scope="session")
def templates(root):
    """The shipped templates, parsed."""
    found = {}
    for panel in PANELS:
        source = read_template(root / f"resources/gating/{panel}.yaml")
        assert template_problems(source, ROLES, panel) == []
        found[panel] = parse_template(source)
    return found


@pytest.fixture(scope="session")
def settings():
    """The cytometry section of the configuration, as shipped."""
    return {
        "lod_events": 20, "lloq_events": 50, "minimum_denominator_events": 1000,
        "control_quantile": 0.999, "max_margin_fraction": 0.05, "max_time_anomaly_fraction": 0.3,
        "bead_lot_cv": 0.03,
        "workspace_roles": {},
    }  # fmt: skip
