"""What shows the drift of a cut: the density of its reference population, specimen by specimen."""

import numpy as np

from aftercar.contracts.cytometry import DENSITY_BINS, DENSITY_RANGE
from aftercar.cytometry.gates import Gating
from aftercar.cytometry.populations import Specimen
from aftercar.cytometry.scale import Scale

SAMPLED = 20_000  # events, evenly over the file, that are enough for a density of a few dozen bins
CLEANING = {"cells": ("FSC-A", "root"), "viable": ("Viability", "singlets")}


def density_rows(gating: Gating, specimen: Specimen) -> list[dict[str, object]]:
    """Return rows of CUT_DENSITIES: one per cut that a gate has used, and per step of cleaning.

    The events are those of the cut's first reference population (its negatives or positives);
    without one, those of the population that the cut divides.
    """
    ready = gating.ready
    shared = {
        "sample_id": specimen.sample_id,
        "patient_id": specimen.patient_id,
        "batch": specimen.batch,
        "panel": gating.template.panel,
    }
    rows = []
    for gate in ready.gates:
        if gate.name in CLEANING:
            marker, parent = CLEANING[gate.name]
            if parent == "root" and ready.bead_mask is not None:
                parent = "no_beads"
            bound = gate.alternatives[0][0]
            cut = bound.low if bound.high is None else bound.high
            told = {"cut_name": marker, "marker": marker, "cut": cut, "source": "DATA"}
            rows.append(shared | told | _density(gating, parent, bound.channel))
    for name, placed in gating.cuts.items():
        if placed is None:
            continue
        rule = gating.template.cuts[name]
        found = [gate for gate in rule.references if gating.gate(gate).mask is not None]
        told = {
            "cut_name": name,
            "marker": placed.marker,
            "cut": placed.value,
            "source": placed.source,
        }
        rows.append(shared | told | _density(gating, (*found, rule.within)[0], placed.channel))
    return rows


def _density(gating: Gating, gate: str, channel: int) -> dict[str, object]:
    """Return population, scale, median and shares of the events of a gate on one channel."""
    ready = gating.ready
    mask, scale = gating.gate(gate).mask, ready.scales[channel]
    row: dict[str, object] = {
        "population": gate,
        "scale": "display" if scale.linear else "arcsinh",
        "unit": scale.cofactor,
    }
    if mask is None:
        return row
    events = np.flatnonzero(mask)
    row["events"] = len(events)
    if len(events) < gating.template.source["placement"]["minimum_reference_events"]:
        return row
    values = ready.values[events[:: -(-len(events) // SAMPLED)], channel]
    return row | _shares(scale, values)


def _shares(scale: Scale, values: np.ndarray) -> dict[str, object]:
    place = scale.forward(values)
    low, high = DENSITY_RANGE
    bins = np.clip((place - low) * (DENSITY_BINS / (high - low)), 0, DENSITY_BINS - 1).astype(int)
    counts = np.bincount(bins, minlength=DENSITY_BINS)
    shares = np.round(1000 * counts / len(values)).astype(int)
    return {
        "centre": float(f"{float(np.median(place)):.6g}"),
        "shares": " ".join(map(str, shares.tolist())),
    }
