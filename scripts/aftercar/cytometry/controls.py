"""Cuts that the controls of a batch place for its specimens."""

from dataclasses import dataclass

import numpy as np

from aftercar.cytometry.cuts import (
    ControlCut,
    choose_reference,
    control_cut,
    quantile_of,
    spread_upwards,
)
from aftercar.cytometry.gates import Gating
from aftercar.cytometry.prepare import Prepared
from aftercar.cytometry.template import CutRule, Template

KINDS = ("fmo", "healthy", "unstained")  # in order of preference for a marker


@dataclass(frozen=True, eq=False)
class Control:
    """A readable control: what it is for (fmo:CD19, healthy, unstained) and its events."""

    sample_id: str
    control_for: str
    ready: Prepared


def batch_cut_rows(
    batch: str, template: Template, controls: list[Control], *, control_quantile: float
) -> list[dict[str, object]]:
    """Return a row of BATCH_CUTS for each cut of the template that controls may place.

    A fluorescence-minus-one tube is asked first, then a healthy specimen, then an unstained one.
    """
    gatings = {
        control.sample_id: Gating(control.ready, template, {}, control_quantile=control_quantile)
        for control in controls
    }
    rows: list[dict[str, object]] = []
    for name, rule in template.cuts.items():
        if not rule.controls or rule.method != "above_negatives":
            continue
        row: dict[str, object] = {
            "batch": batch,
            "panel": template.panel,
            "marker": name,
            "source": "NONE",
        }
        told = []
        for control in _in_order(controls, rule.marker):
            found, why = _one_cut(control, gatings[control.sample_id], rule, control_quantile)
            if found:
                row |= found | {"source": "CONTROL", "control_sample_id": control.sample_id}
                break
            told.append(f"{control.sample_id}: {why}")
        row["flags"] = "; ".join([str(row.get("flags", "")), *told]).strip("; ")
        rows.append(row)
    return rows


def _in_order(controls: list[Control], marker: str) -> list[Control]:
    order = {f"fmo:{marker}".casefold(): 0, "healthy": 1, "unstained": 2}
    mine = [c for c in controls if c.control_for.casefold() in order]
    return sorted(mine, key=lambda c: (order[c.control_for.casefold()], c.sample_id))


def _one_cut(
    control: Control, gating: Gating, rule: CutRule, control_quantile: float
) -> tuple[dict[str, object], str]:
    ready, placement = control.ready, gating.template.source["placement"]
    channel = ready.panel.channel.get(rule.marker)
    if channel is None:
        return {}, f"{rule.marker} is not in the file"
    scale = ready.scales[channel]
    unstained = control.control_for == "unstained"
    mask = _low_scatter(gating) if unstained else gating.gate(rule.within).mask
    if control.control_for == "healthy":
        cut = gating.cut(rule.name)
        if cut is None or cut.value is None:
            return {}, "its own negatives place no cut"
        value, background, total = cut.value, cut.background, len(ready.values)
        seen, flags = cut.background_seen, ["healthy control: cut beside its own negatives"]
    else:
        if mask is None or mask.sum() < placement["minimum_reference_events"]:
            number = 0 if mask is None else int(mask.sum())
            return {}, f"only {number} events in {rule.within}"
        events = ready.ordered_folds(channel, mask)
        below = quantile_of(rule, control_quantile, placement)
        place, (background, seen), doubt = control_cut(
            events, below, placement, tail_quantile=control_quantile
        )
        total = len(events)
        value, flags = ready.settled(channel, scale.back(place)), []
        if unstained:
            flags.append("unstained: no spread by other stains")
        if doubt:
            flags.append(
                "a population beyond a valley was left out: is the tube really without it?"
            )
        needed = 10 / (1 - control_quantile)
        if total < needed:
            flags.append(f"{total} events for a quantile of {control_quantile:g}")
    row: dict[str, object] = {
        "cut": value,
        "control_events": total,
        "background_events": None if background is None else seen,
        "background_fraction": background,
        "flags": "; ".join(flags),
    }
    if not unstained:
        row |= _reference_of(control, gating, rule)
    return row, ""


def _low_scatter(gating: Gating) -> np.ndarray | None:
    """Return cells of lowest side scatter: without stains nothing else tells lymphocytes."""
    mask, channel = gating.gates["viable"].mask, gating.ready.panel.channel["SSC-A"]
    if mask is None or not mask.any():
        return None
    share = gating.template.source["placement"]["unstained_share"]
    return mask & gating.lowest(mask, channel, share)


def _reference_of(control: Control, gating: Gating, rule: CutRule) -> dict[str, object]:
    """Return the negatives by which a specimen tells whether it is shifted against the control."""
    ready = control.ready
    channel = ready.panel.channel[rule.marker]
    populations = []
    for gate in rule.references:
        mask = gating.gate(gate).mask
        if mask is not None:
            populations.append((gate, ready.ordered_folds(channel, mask)))
    reference, _ = choose_reference(
        rule, populations, ready.scales[channel], max(ready.full_scale[channel], 1.0),
        gating.template.source["placement"],
    )  # fmt: skip
    if reference is None:
        return {}
    return {
        "reference": reference.gate,
        "reference_centre": float(f"{reference.shape.centre:.6g}"),
        "reference_spread": float(f"{spread_upwards(reference.shape):.6g}"),
    }


def control_cuts(rows: list[dict], batch: str, panel: str) -> dict[str, ControlCut]:
    """Return the cuts of BATCH_CUTS rows that apply to a specimen of this batch and panel."""
    return {
        row["marker"]: ControlCut(
            float(row["cut"]),
            row["control_sample_id"],
            _number(row["background_fraction"]),
            row["reference"],
            _number(row["reference_centre"]),
            _number(row["reference_spread"]),
            tuple(flag for flag in (row["flags"],) if flag),
            int(_number(row["background_events"]) or 0),
        )
        for row in rows
        if row["batch"] == batch and row["panel"] == panel and row["source"] == "CONTROL"
    }


def _number(value: object) -> float | None:
    number = float("nan") if value is None else float(value)  # type: ignore[arg-type]
    return None if number != number else number
