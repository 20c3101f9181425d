"""Cuts that the controls of a batch place for its specimens."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from aftercar.contracts.events import Check
from aftercar.cytometry.cuts import (
    ControlCut,
    choose_reference,
    control_cut,
    quantile_of,
    spread_upwards,
)
from aftercar.cytometry.density import population
from aftercar.cytometry.gates import Gating, Populations
from aftercar.cytometry.prepare import Prepared
from aftercar.cytometry.template import CutRule, Template

KINDS = ("fmo", "pre_infusion", "healthy", "unstained")  # in order of preference for a marker


@dataclass(frozen=True, eq=False)
class Control:
    """A readable control: what it is for (fmo:CD19 or one of KINDS) and its events."""

    sample_id: str
    control_for: str
    ready: Prepared


def batch_cut_rows(
    batch: str, template: Template, controls: list[Control], *, control_quantile: float
) -> list[dict[str, object]]:
    """Return a row of BATCH_CUTS for each cut of the template that controls may place.

    A fluorescence-minus-one tube is asked first, then a specimen from before the infusion or of a
    healthy donor, then an unstained one.
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


def control_use(
    control: str, rows: list[dict[str, object]], panel: str, served: Collection[str] | None
) -> Check:
    """Say which cuts a control placed, by its name in the rows of BATCH_CUTS of its batch.

    FLAG for one that was asked and placed none, with the reasons, and for one without a flow
    specimen of its batch and panel (`served` are the panels of those; None: not known).
    """
    mine = [str(row["marker"]) for row in rows if row.get("control_sample_id") == control]
    refused = [
        f"{row['marker']}: {part.removeprefix(f'{control}: ')}"
        for row in rows
        for part in str(row["flags"]).split("; ")
        if part.startswith(f"{control}: ")
    ]
    number = float(len(mine))
    if served is not None and panel not in served:
        message = (
            f"no flow specimen of this batch has panel {panel}: the control serves nothing; "
            "correct column batch or panel of the control or of its specimens"
        )
        return Check("control_use", number, "cuts", "FLAG", message)
    if mine:
        return Check("control_use", number, "cuts", "PASS", f"places {', '.join(mine)}")
    if refused:
        message = f"asked, but placed no cut ({'; '.join(refused)})"
        return Check("control_use", number, "cuts", "FLAG", message)
    message = "not asked: other controls of the batch place all cuts that it could"
    return Check("control_use", number, "cuts", "PASS", message)


def _in_order(controls: list[Control], marker: str) -> list[Control]:
    order = {f"fmo:{marker}".casefold(): 0, **{kind: n for n, kind in enumerate(KINDS)}}
    mine = [c for c in controls if c.control_for.casefold() in order]
    return sorted(mine, key=lambda c: (order[c.control_for.casefold()], c.sample_id))


def _one_cut(
    control: Control, gating: Gating, rule: CutRule, control_quantile: float
) -> tuple[dict[str, object], str]:
    if not control.ready.trusted:
        return {}, "it could not be compensated"
    if rule.marker not in control.ready.panel.channel:
        return {}, f"{rule.marker} is not in the file"
    kind = control.control_for.casefold()
    if kind == "unstained":
        row, why = cut_without_stain(gating, rule, _low_scatter(gating), control_quantile)
        if row:
            told = ["unstained: no spread by other stains", str(row["flags"])]
            row["flags"] = "; ".join(filter(None, told))
        return row, why
    if kind.startswith("fmo:") or kind in rule.negative_in:
        row, why = cut_without_stain(gating, rule, gating.gate(rule.within).mask, control_quantile)
    else:
        row, why = _beside_own_negatives(control, gating, rule)
    return (row | reference_of(gating, rule), why) if row else ({}, why)


def _beside_own_negatives(
    control: Control, gating: Gating, rule: CutRule
) -> tuple[dict[str, object], str]:
    cut = gating.cut(rule.name)
    if cut is None or cut.value is None:
        return {}, "its own negatives place no cut"
    return {
        "cut": cut.value,
        "control_events": len(control.ready.values),
        "background_events": None if cut.background is None else cut.background_seen,
        "background_fraction": cut.background,
        "flags": f"{control.control_for} control: cut beside its own negatives",
    }, ""


def cut_without_stain(
    gating: Gating, rule: CutRule, mask: np.ndarray | None, control_quantile: float
) -> tuple[dict[str, object], str]:
    """Return cut and background by events none of which carries the marker, or why there is none.

    The columns are those of BATCH_CUTS.
    """
    ready, placement = gating.ready, gating.template.source["placement"]
    channel = ready.panel.channel[rule.marker]
    if mask is None or np.count_nonzero(mask) < placement["minimum_reference_events"]:
        number = 0 if mask is None else int(np.count_nonzero(mask))
        return {}, f"only {number} events in {rule.within}"
    events = ready.ordered_folds(channel, mask)
    place, background, doubt = control_cut(
        events, quantile_of(rule, control_quantile, placement), placement,
        tail_quantile=control_quantile,
    )  # fmt: skip
    if why := _stained(gating, rule, events):
        return {}, why
    flags = []
    if doubt:
        flags.append("a population beyond a valley was left out: is the tube really without it?")
    if len(events) < 10 / (1 - control_quantile):
        flags.append(f"{len(events)} events for a quantile of {control_quantile:g}")
    return {
        "cut": ready.settled(channel, ready.scales[channel].back(place)),
        "control_events": len(events),
        "background_events": background.seen,
        "background_fraction": background.share,
        "flags": "; ".join(flags),
    }, ""


def _stained(gating: Gating, rule: CutRule, events: np.ndarray) -> str:
    """Say why cells (ascending e-folds) cannot be without the stain; empty if they can."""
    ready, placement = gating.ready, gating.template.source["placement"]
    channel = ready.panel.channel[rule.marker]
    scale, full_scale = ready.scales[channel], max(ready.full_scale[channel], 1.0)
    centre = population(events, peak_height=placement["peak_height"]).centre
    if not scale.linear and scale.back(centre) > placement["compensated_offset_share"] * full_scale:
        return f"its {rule.within} are too bright to be without {rule.marker}"
    negatives = [
        population(found, peak_height=placement["peak_height"]).centre
        for _, found in Populations(gating, rule.references, channel)
        if len(found) >= placement["minimum_reference_events"]
    ]
    if negatives and centre > max(negatives) + placement["control_gap"]:
        decades = (centre - max(negatives)) / np.log(10)
        return (
            f"its {rule.within} are {decades:.1f} decades brighter than its own negatives: stained "
            "or mislabelled"
        )
    return ""


def _low_scatter(gating: Gating) -> np.ndarray | None:
    """Return cells of lowest side scatter: without stains nothing else tells lymphocytes."""
    mask, channel = gating.gates["viable"].mask, gating.ready.panel.channel["SSC-A"]
    if mask is None or not mask.any():
        return None
    share = gating.template.source["placement"]["unstained_share"]
    return mask & gating.lowest(mask, channel, share)


def reference_of(gating: Gating, rule: CutRule) -> dict[str, object]:
    """Return the negatives by which another specimen tells whether it is shifted against this."""
    ready = gating.ready
    channel = ready.panel.channel[rule.marker]
    populations = Populations(gating, rule.references, channel)
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
        row["marker"]: _control_cut(row, _split(row["flags"]), "CONTROL")
        for row in rows
        if row["batch"] == batch and row["panel"] == panel and row["source"] == "CONTROL"
    }


def _split(flags: object) -> tuple[str, ...]:
    return tuple(flag for flag in str(flags or "").split("; ") if flag)


def _control_cut(row: dict, flags: tuple[str, ...], source: str) -> ControlCut:
    return ControlCut(
        float(row["cut"]),
        row["control_sample_id"],
        _number(row["background_fraction"]),
        row.get("reference", ""),
        _number(row.get("reference_centre")),
        _number(row.get("reference_spread")),
        flags,
        int(_number(row["background_events"]) or 0),
        source,
    )


def pre_infusion_cuts(
    gating: Gating, sample_id: str, day: int, control_quantile: float
) -> dict[str, ControlCut]:
    """Return the cuts that a patient's specimen from before the first infusion gives later ones.

    Only of markers that nothing carries before the infusion: the CAR.
    """
    found = {}
    for name, rule in gating.template.cuts.items():
        stained = rule.marker in gating.ready.panel.channel
        if not stained or not rule.controls or "pre_infusion" not in rule.negative_in:
            continue
        mask = gating.gate(rule.within).mask
        row, _ = cut_without_stain(gating, rule, mask, control_quantile)
        if row:
            row |= reference_of(gating, rule) | {"control_sample_id": sample_id}
            told = (
                f"cut by the patient's own cells of day {day}, before the infusion",
                *_split(row["flags"]),
            )
            found[name] = _control_cut(row, told, "REFERENCE")
    return found


def earlier_cuts(gating: Gating, sample_id: str, day: int) -> dict[str, ControlCut]:
    """Return the cuts of a specimen that a later one of the patient keeps when it has no reference.

    Cuts by a valley alone or by an even earlier specimen are not passed on.
    """
    return {
        name: ControlCut(
            cut.value, sample_id, cut.background, "", None, None,
            (f"cut kept from the patient's specimen of day {day}",), cut.background_seen,
            "REFERENCE",
        )
        for name, cut in gating.cuts.items()
        if cut is not None and cut.value is not None
        and cut.source in ("CONTROL", "INTERNAL", "REFINED")
        and gating.template.cuts[name].method == "above_negatives"
    }  # fmt: skip


def _number(value: object) -> float | None:
    number = float("nan") if value is None else float(value)  # type: ignore[arg-type]
    return None if number != number else number
