"""Simulated tubes with known truth, from 0 to many cells of each population."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from aftercar.contracts.events import Channel, FlowEvents
from aftercar.cytometry.controls import control_cuts
from aftercar.cytometry.populations import Specimen
from aftercar.cytometry.specimen import Findings, analyse, place_batch, thresholds
from aftercar.cytometry.template import Template, parse_template
from aftercar.io.templates import read_template
from aftercar.simulate.blood import LEUKOCYTES, true_counts
from aftercar.simulate.cytometer import DETECTORS, Acquisition, acquire, shifts
from aftercar.simulate.tubes import FIRST_MARKERS

ROOT = Path(__file__).parents[2]
SETTINGS = thresholds(
    {
        "lod_events": 20, "lloq_events": 50, "minimum_denominator_events": 1000,
        "control_quantile": 0.999, "max_margin_fraction": 0.05, "max_time_anomaly_fraction": 0.3,
        "bead_lot_cv": 0.03,
    }
)  # fmt: skip
DONOR_DECADES, BATCH_DECADES = 0.04, 0.08  # standard deviation of the brightness of a marker
CONTROL_EVENTS = 30_000
HEALTHY = {"t_cd4": 0.16, "t_cd8": 0.14, "b": 0.04, "nk": 0.06, "monocyte": 0.10}


@cache
def template(panel: str) -> Template:
    """Return a shipped gating template."""
    return parse_template(read_template(ROOT / f"resources/gating/{panel}.yaml"))


def events_of(acquired: Acquisition) -> FlowEvents:
    """Return an acquisition as the reader would give it."""
    spill = [str(len(acquired.fluorescent)), *acquired.fluorescent]
    spill += [repr(float(value)) for value in acquired.spill.ravel()]
    channels = tuple(
        Channel(name, label, 262_144.0)
        for name, label in zip(acquired.names, acquired.labels, strict=True)
    )
    return FlowEvents(channels, np.asfortranarray(acquired.events), ",".join(spill), "", 0.01)


def filled(shares: dict[str, float]) -> dict[str, float]:
    """Return shares of leukocytes that sum to 1: granulocytes are the rest."""
    rest = 1 - sum(shares.values())
    whole = {**shares, "granulocyte": rest}
    return {name: whole[name] for name in LEUKOCYTES if whole.get(name, 0) > 0}


def markers_of_panels() -> tuple[str, ...]:
    """Return all markers of the panels that are drawn here; later ones do not change the draws."""
    return FIRST_MARKERS


@dataclass(frozen=True, eq=False)
class Tube:
    """A specimen, the controls of its batch and what a perfect gate would count."""

    panel: str
    specimen: str
    acquired: Acquisition
    controls: list[tuple[dict[str, str], FlowEvents]]
    truth: list[dict]


def control(panel: str, control_for: str, events: FlowEvents) -> tuple[dict[str, str], FlowEvents]:
    """Return a control as a row of samples.tsv with its events."""
    row = {"sample_id": f"C-{control_for}", "patient_id": "", "day": "", "specimen": "control"}
    return row | {"panel": panel, "control_for": control_for}, events


def analysed(tube: Tube, *, with_matrix: bool = True) -> Findings:
    """Return what the analysis says of a tube and its controls, with or without their matrices."""
    events, controls = events_of(tube.acquired), tube.controls
    if not with_matrix:
        events = replace(events, spill="")
        controls = [(row, replace(others, spill="")) for row, others in controls]
    cuts, _ = place_batch("B", controls, {tube.panel: template(tube.panel)}, SETTINGS)
    findings = Findings()
    analyse(
        events, Specimen("S", "P", 28, tube.specimen, "B", tube.panel),
        template(tube.panel), control_cuts(cuts, "B", tube.panel), SETTINGS, findings,
    )  # fmt: skip
    return findings


def _share(random: np.random.Generator, low: float, high: float, none: float = 0.15) -> float:
    """Return a share between two, even on the log scale, or 0 with the probability `none`."""
    if random.random() < none:
        return 0.0
    return float(np.exp(random.uniform(np.log(low), np.log(high))))


def composition(panel: str, random: np.random.Generator, *, marrow: bool) -> dict[str, float]:
    """Return shares of leukocytes of a patient after CAR-T therapy, drawn anew for each tube."""
    lymphocytes = random.uniform(0.1, 0.5)
    nk = lymphocytes * random.uniform(0.05, 0.3)
    b = lymphocytes * _share(random, 2e-4, 0.3)
    t = lymphocytes - nk - b
    mixed: dict[str, float] = {"t": 1.0}
    if panel == "car_t_persistence":
        car = _share(random, 2e-4, 0.6)
        mixed = {"t": 1 - car, "car": car}
    if panel == "t_lineage":
        kinds = ("car7", "car5", "cd7neg_cd5pos", "cd7neg_cd5neg", "cd7pos_cd5neg")
        mixed = {kind: _share(random, 1e-3, 0.15, 0.3) for kind in kinds}
        mixed["t"] = 1 - sum(mixed.values())
    cd4 = random.uniform(0.25, 0.65)
    shares = {"nk": nk, "b": b, "monocyte": random.uniform(0.04, 0.15)}
    for kind, share in mixed.items():
        shares |= {f"{kind}_cd4": t * share * cd4, f"{kind}_cd8": t * share * (1 - cd4)}
    if marrow:
        shares["hematogone"] = _share(random, 3e-4, 0.05)
        shares["progenitor"] = 0.005
    if panel == "b_all_mrd":
        blasts, negative = _share(random, 3e-4, 0.3), _share(random, 0.01, 0.9, 0.4)
        shares |= {"blast": blasts * (1 - negative), "blast_cd19neg": blasts * negative}
    scale = min(1.0, 0.9 / sum(shares.values()))
    return filled({name: share * scale for name, share in shares.items()})


def controls_of(panel: str, random: np.random.Generator, batch: dict[str, float]) -> list:
    """Return the controls of a batch: none, stain-minus-one tubes or a healthy donor."""
    kind = random.choice(["none", "fmo", "healthy"])
    if kind == "none":
        return []
    markers = {"b_cell_recovery": ("CD19",), "car_t_persistence": ("CAR",)}
    left_out = markers.get(panel, ()) if kind == "fmo" else ("",)
    return [
        control(
            panel,
            f"fmo:{marker}" if marker else "healthy",
            events_of(
                acquire(
                    filled(HEALTHY), panel, CONTROL_EVENTS, random, donor_shift={},
                    batch_shift=batch, without=frozenset({marker}),
                )
            ),
        )
        for marker in left_out
    ]  # fmt: skip


def tubes(number: int, *, seed: int, panels: tuple[str, ...], events: int) -> Iterator[Tube]:
    """Yield simulated tubes of the panels in turn, each of another donor, batch and composition."""
    for n in range(number):
        random = np.random.default_rng([seed, n])
        panel = panels[n % len(panels)]
        marrow = panel == "b_all_mrd" or random.random() < 0.3
        batch = shifts(random, DETECTORS, BATCH_DECADES)
        donor = shifts(random, markers_of_panels(), DONOR_DECADES)
        shares = composition(panel, random, marrow=marrow)
        acquired = acquire(shares, panel, events, random, donor_shift=donor, batch_shift=batch)
        target = "CD19" if panel == "car_t_persistence" else ""
        truth = true_counts("S", panel, target, acquired.counts())
        specimen = "BM" if marrow else "PB"
        yield Tube(panel, specimen, acquired, controls_of(panel, random, batch), truth)
