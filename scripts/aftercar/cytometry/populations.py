"""Rows of POPULATIONS, CUTS and RATIOS of one specimen."""

from dataclasses import dataclass, replace

import numpy as np

from aftercar.contracts.cytometry import BEAD_GATE
from aftercar.contracts.shown_names import shown_channel
from aftercar.cytometry.beads import Beads
from aftercar.cytometry.blanks import blank_of
from aftercar.cytometry.counts import (
    AbsoluteCount,
    BeadTube,
    Counted,
    CountingBasis,
    Limits,
    absolute_count,
    judge,
    upper_count,
)
from aftercar.cytometry.gates import Gating
from aftercar.cytometry.products import Product, masking_flags, product_flags
from aftercar.cytometry.ratios import Quadrants, Ratio, cd7_to_cd5, positive_to_negative
from aftercar.cytometry.template import ReportRule, Template

# from the firmest to the weakest
SOURCES = ("WORKSPACE", "CONTROL", "REFINED", "INTERNAL", "REFERENCE", "DATA", "NONE")
PERIPHERAL = ("PB",)  # specimens whose cells per uL are those of the blood count


@dataclass(frozen=True)
class Specimen:
    """Who and when, and what is known of the patient by then."""

    sample_id: str
    patient_id: str
    day: int
    specimen: str
    batch: str
    panel: str
    targets: tuple[str, ...] = ()  # antigens of the infusion in force
    products: tuple[Product, ...] = ()  # all infusions up to the day
    labs: tuple[dict[str, str], ...] = ()
    bead_tube: BeadTube | None = None
    undated_infusion: bool = False  # then nobody knows what came before it

    @property
    def who(self) -> dict[str, object]:
        """Return the columns that name the specimen."""
        return {
            "sample_id": self.sample_id,
            "patient_id": self.patient_id,
            "day": self.day,
            "specimen": self.specimen,
        }


def counting_basis(specimen: Specimen, beads: Beads | None, bead_lot_cv: float) -> CountingBasis:
    """Return what cells per uL of the specimen can rest on; `beads` are those found in the file."""
    tube, counted, why = specimen.bead_tube, None, "no gate of the workspace has the role beads"
    if beads is not None:
        counted, why = beads.counted, beads.message
    if tube is not None and counted is not None and counted > tube.beads:
        why = f"{counted:,} were counted, more than the {tube.beads:,.0f} of the tube"
        counted = None
    return CountingBasis(
        tube, counted, why, bead_lot_cv, specimen.labs, specimen.day,
        peripheral=specimen.specimen in PERIPHERAL,
    )  # fmt: skip


def rule_path(template: Template, name: str) -> str:
    """Return the path of a gate as the template has it, for specimens without gates."""
    steps = [name]
    while steps[0] in template.gates:
        steps.insert(0, template.gates[steps[0]].parent)
    return "/".join(["root", *(("time", "cells", "singlets")), *steps])


def role_or_gate(template: Template, gate: str) -> str:
    """Return the role of a gate, or its name if it has none."""
    return next((rule.role for rule in template.report if rule.gate == gate and rule.role), gate)


def target_of(rule: ReportRule, specimen: Specimen) -> str:
    """Return the antigen that a population is about."""
    return ";".join(specimen.targets) if rule.target == "infusion" else rule.target


def blank_rows(
    template: Template, specimen: Specimen, status: str, message: str
) -> list[dict[str, object]]:
    """Return a row per reported population of a specimen that gave no counts (FAILED, ...)."""
    return [
        specimen.who
        | {
            "panel": template.panel,
            "population": rule.gate,
            "role": rule.role,
            "target": target_of(rule, specimen),
            "gate_path": rule_path(template, rule.gate),
            "denominator": denominator_name(template, rule.of),
            "status": status,
            "cut_source": "NONE",
            "flags": message,
        }
        for rule in template.report
        if not rule.when_stained
    ]


def denominator_name(template: Template, gate: str) -> str:
    """Return what the denominator is called: leukocytes by name, else the role of the gate."""
    return gate if gate == "leukocytes" else role_or_gate(template, gate)


def with_unresolved(judged: Counted, gating: Gating, rule: ReportRule, total: int) -> Counted:
    """Return a count that says how many cells beside its gate may be of the same population.

    Nothing detected then means: nothing beyond the share of these cells, so both limits rise by
    it. Where they could not be looked for, nothing detected tells nothing.
    """
    if not rule.unresolved:
        return judged
    alike = gating.gate(rule.unresolved)
    if alike.mask is None and gating.template.optional.intersection(alike.missing):
        return judged
    if alike.mask is None:
        told = f"{rule.unresolved} not looked for: {', '.join((*alike.missing, *alike.flags))}"
        status = "INDETERMINATE" if judged.status == "NOT_DETECTED" else judged.status
        return replace(judged, status=status, flags=(*judged.flags, told))
    events = int(alike.mask.sum())
    if not events:
        return judged
    note = gating.template.notes.get(rule.unresolved, "")
    told = f"{events} events of {rule.unresolved} beside the gate: {note}"
    if judged.status != "NOT_DETECTED" or not total:
        return replace(judged, flags=(*judged.flags, told))
    lod, lloq = (
        min(1.0, limit + events / total)
        for limit in (judged.lod_fraction or 0.0, judged.lloq_fraction or 0.0)
    )
    told += "; the limits include them"
    return replace(judged, lod_fraction=lod, lloq_fraction=lloq, flags=(*judged.flags, told))


def population_rows(
    gating: Gating, specimen: Specimen, limits: Limits, bead_lot_cv: float
) -> list[dict[str, object]]:
    """Return a row of POPULATIONS for each population that the template reports."""
    totals = {name: gating.gate(name).count for name in _counting_gates(gating.template)}
    basis = counting_basis(specimen, gating.ready.beads, bead_lot_cv)
    return [
        _population_row(gating, rule, specimen, limits, totals, basis)
        for rule in gating.template.report
        if not (
            rule.when_stained and (gating.gate(rule.gate).missing or gating.gate(rule.of).missing)
        )
    ]


def _counting_gates(template: Template) -> list[str]:
    return [name for name in ("leukocytes", "lymphocytes") if name in template.gates]


def _population_row(
    gating: Gating, rule: ReportRule, specimen: Specimen, limits: Limits,
    totals: dict[str, int | None], basis: CountingBasis,
) -> dict[str, object]:  # fmt: skip
    template, ready = gating.template, gating.ready
    gated, whole = gating.gate(rule.gate), gating.gate(rule.of)
    row: dict[str, object] = specimen.who | {
        "panel": template.panel,
        "population": rule.gate,
        "role": rule.role,
        "target": target_of(rule, specimen),
        "gate_path": gated.path,
        "denominator": denominator_name(template, rule.of),
        "cut_source": _weakest(gating, rule.gate),
    }
    note = [template.notes[rule.gate]] if rule.gate in template.notes else []
    if gated.mask is None or whole.mask is None:
        missing = gated.missing or whole.missing
        told = [f"needs {', '.join(missing)}: not in the file"] if missing else []
        status = "NOT_ASSESSED" if missing else "INDETERMINATE"
        return row | {
            "status": status,
            "cut_source": "NONE",
            "flags": _joined([*told, *ready.flags, *gated.flags, *note]),
        }
    count, total = int(np.count_nonzero(gated.mask & whole.mask)), int(np.count_nonzero(whole.mask))
    own = int(np.count_nonzero(gated.mask))
    inside = count == own
    if not inside:  # the gate is no part of its denominator: its own count, of the denominator
        count = min(own, total)
    blank = blank_of(gating, rule)
    expected = blank.mean
    if expected is not None:
        # What was counted holds all of the background: a blank far beyond the count does not fit,
        # and the count excludes by itself what the blank could have hidden.
        expected = min(expected, upper_count(count))
    judged = with_unresolved(
        judge(count, total, expected, limits, background_seen=blank.seen), gating, rule, total
    )
    flags = [*ready.flags, *gated.flags, *judged.flags, *blank.flags, blank.unclear]
    status = judged.status
    if not ready.trusted or (blank.unclear and count) or _doubted(gating, rule, status):
        status = "INDETERMINATE"
    if rule.role.startswith(("cd7_", "cd5_")):
        flags += masking_flags(rule.target, specimen.products)
    flags += product_flags(rule.role, specimen.products)
    absolute = AbsoluteCount()
    if status != "INDETERMINATE":
        absolute, told_of_count = absolute_count(count, totals, basis)
        flags += told_of_count
    return row | {
        "count": count,
        "denominator_count": total,
        "fraction": judged.fraction,
        "fraction_low": judged.low,
        "fraction_high": judged.high,
        "cells_per_ul": absolute.value,
        "cells_per_ul_low": absolute.low,
        "cells_per_ul_high": absolute.high,
        "count_basis": absolute.basis,
        "lob_events": judged.lob_events,
        "lod_fraction": judged.lod_fraction,
        "lloq_fraction": judged.lloq_fraction,
        "status": status,
        "flags": _joined([*flags, *note]),
    }


def _doubted(gating: Gating, rule: ReportRule, status: str) -> bool:
    """Whether a doubt about a cut of the population unsettles what is said of it.

    A cut that may stand too high misses positives and swells the negatives below it.
    """
    asked = gating.template.gates.get(rule.gate)
    if asked is None:
        return False
    sides = [(name, "above") for name in rule.background]
    for where in (asked.where, asked.if_present, *asked.any_of):
        sides += where.items()
    for name, side in sides:
        cut = gating.cut(name)
        if cut is None or not cut.doubt:
            continue
        if cut.doubt == "ALL" or (status == "NOT_DETECTED") == (side == "above"):
            return True
    return False


def _weakest(gating: Gating, gate: str) -> str:
    """Return the weakest source among the cuts that tell positive from negative cells.

    They are those of the gate and its ancestors. Where none does, it is that of the gate's own
    cuts, or of those of its nearest ancestor that has some: a distant limit such as that of CD45
    says nothing of them.
    """
    used, rules = gating.gate(gate).cuts, gating.template.cuts
    telling = [n for n in used if rules[n].method in ("above_negatives", "above_quantile")]
    while not telling and gate in gating.template.gates:
        parent = gating.template.gates[gate].parent
        telling = list(gating.gate(gate).cuts[len(gating.gate(parent).cuts) :])
        gate = parent
    sources = [cut.source for name in telling if (cut := gating.cut(name)) is not None]
    return max(sources, key=SOURCES.index) if sources else "DATA"


def _joined(flags: list[str]) -> str:
    return "; ".join(dict.fromkeys(flag for flag in flags if flag))


def cut_rows(gating: Gating, specimen: Specimen) -> list[dict[str, object]]:
    """Return a row of CUTS for each border of each gate that was made."""
    shared = {
        "sample_id": specimen.sample_id,
        "patient_id": specimen.patient_id,
        "batch": specimen.batch,
        "panel": gating.template.panel,
    }
    rows: dict[tuple[str, str], dict[str, object]] = {}
    for gate in gating.ready.gates:
        if gate.name == BEAD_GATE:
            for (bound,) in gate.alternatives:
                name = shown_channel(gating.ready.names[bound.channel][0], bound.channel)
                rows[gate.name, name] = {
                    "gate": gate.name,
                    "marker": name,
                    "channel": name,
                    "cut": bound.high,
                    "source": "DATA",
                    "flags": "not compensated; beads reach the cut in every detector of this gate",
                }
            continue
        bound = gate.alternatives[0][0]
        marker = {"time": "Time", "cells": "FSC-A", "viable": "Viability"}.get(gate.name, "")
        over = "" if bound.over is None else f"/{gating.ready.names[bound.over][0]}"
        name = gating.ready.names[bound.channel][0]
        value = bound.high if gate.name in ("singlets", "viable") else bound.low
        value = None if gate.name == "time" else value
        rows[gate.name, marker or name + over] = {
            "gate": gate.name,
            "marker": marker or name + over,
            "channel": name,
            "cut": value,
            "source": "DATA",
            "flags": "kept intervals stand in the gate file" if gate.name == "time" else "",
        }
    for name, gated in list(gating.gates.items()):
        rule = gating.template.gates.get(name)
        if rule is None or rule.helper:
            continue
        for where in (rule.where, rule.if_present, *rule.any_of):
            for used in where:
                cut = gating.cut(used)
                if cut is None or used not in gated.cuts:
                    continue
                rows[name, used] = {
                    "gate": name,
                    "marker": used,
                    "channel": gating.ready.names[cut.channel][0],
                    "cut": cut.value,
                    "source": cut.source,
                    "control_sample_id": cut.control_sample_id,
                    "flags": _joined(list(cut.flags)),
                }
    return [shared | row for row in rows.values()]


def ratio_rows(gating: Gating, specimen: Specimen, limits: Limits) -> list[dict[str, object]]:
    """Return three ratios (CD7+/CD5+, CD7+/CD7-, CD5+/CD5-) per scope that the template names."""
    template = gating.template
    if not template.ratio_cuts:
        return []
    masked = [
        flag for name in template.ratio_cuts for flag in masking_flags(name, specimen.products)
    ]
    rows = []
    for scope, gate in template.ratio_scopes.items():
        gated = gating.gate(gate)
        cuts = [gating.cut(name) for name in template.ratio_cuts]
        flags = [*gating.ready.flags, *gated.flags, *masked]
        if gated.mask is None or any(cut is None or cut.value is None for cut in cuts):
            missing = gated.missing
            told = [f"needs {' or '.join(missing)}: not in the file"] if missing else []
            told += [flag for cut in cuts if cut and cut.value is None for flag in cut.flags]
            status = "NOT_ASSESSED" if missing else "INDETERMINATE"
            rows += blank_ratio_rows(specimen, scope, status, _joined([*told, *flags]))
            continue
        inside = np.flatnonzero(gated.mask)
        seven, five = (
            gating.ready.values[:, cut.channel].take(inside) >= cut.value for cut in cuts if cut
        )
        quadrants = Quadrants(*(int(np.count_nonzero(part)) for part in _parts(seven, five)))
        rows += _three_ratios(specimen, scope, quadrants, limits, flags, gating.ready.trusted)
    return rows


def _parts(seven: np.ndarray, five: np.ndarray) -> tuple[np.ndarray, ...]:
    return seven & five, seven & ~five, ~seven & five, ~seven & ~five


RATIO_NAMES = {
    "CD7+/CD5+": ("cd7_positive_t", "cd5_positive_t"),
    "CD7+/CD7-": ("cd7_positive_t", "cd7_negative_t"),
    "CD5+/CD5-": ("cd5_positive_t", "cd5_negative_t"),
}


def blank_ratio_rows(
    specimen: Specimen, scope: str, status: str, message: str
) -> list[dict[str, object]]:
    """Return the ratios of a scope that could not be counted."""
    return [
        specimen.who
        | {
            "ratio_name": name,
            "scope": scope,
            "numerator": numerator,
            "denominator": denominator,
            "status": status,
            "flags": message,
        }
        for name, (numerator, denominator) in RATIO_NAMES.items()
    ]


def _three_ratios(
    specimen: Specimen, scope: str, quadrants: Quadrants, limits: Limits, flags: list[str],
    trusted: bool,
) -> list[dict[str, object]]:  # fmt: skip
    both, seven_only, five_only, neither = quadrants
    seven, five = both + seven_only, both + five_only
    counts = {
        "CD7+/CD5+": (seven, five, cd7_to_cd5(quadrants, limits)),
        "CD7+/CD7-": (seven, five_only + neither, None),
        "CD5+/CD5-": (five, seven_only + neither, None),
    }
    rows = []
    for name, (above, below, ratio) in counts.items():
        found: Ratio = ratio or positive_to_negative(above, below, limits)
        numerator, denominator = RATIO_NAMES[name]
        rows.append(
            specimen.who
            | {
                "ratio_name": name,
                "scope": scope,
                "numerator": numerator,
                "denominator": denominator,
                "numerator_count": above,
                "denominator_count": below,
                "cd7pos_cd5pos": both,
                "cd7pos_cd5neg": seven_only,
                "cd7neg_cd5pos": five_only,
                "cd7neg_cd5neg": neither,
                "ratio": found.value,
                "ratio_low": found.low,
                "ratio_high": found.high,
                "log10_ratio": found.log10,
                "status": found.status if trusted else "INDETERMINATE",
                "flags": _joined([*flags, *found.flags]),
            }
        )
    return rows
