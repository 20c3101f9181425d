"""One flow specimen from its events to rows of every table of the stream."""

from collections.abc import Collection
from dataclasses import dataclass, field

from aftercar.contracts.events import Check, FlowEvents
from aftercar.cytometry.compensation import Spill
from aftercar.cytometry.controls import Control, batch_cut_rows, control_use
from aftercar.cytometry.counts import Limits, bead_tube
from aftercar.cytometry.cuts import ControlCut
from aftercar.cytometry.drift import density_rows
from aftercar.cytometry.gates import Gating
from aftercar.cytometry.populations import (
    Specimen,
    blank_ratio_rows,
    blank_rows,
    cut_rows,
    population_rows,
    ratio_rows,
)
from aftercar.cytometry.prepare import PlacedGate, Prepared, prepare
from aftercar.cytometry.products import product_of
from aftercar.cytometry.quality import lymphosum_check
from aftercar.cytometry.template import Template
from aftercar.cytometry.views import view_rows


@dataclass(eq=False)
class Findings:
    """Rows of the tables of the stream, gathered over specimens."""

    populations: list[dict] = field(default_factory=list)
    ratios: list[dict] = field(default_factory=list)
    cuts: list[dict] = field(default_factory=list)
    densities: list[dict] = field(default_factory=list)
    concordance: list[dict] = field(default_factory=list)
    quality: list[dict] = field(default_factory=list)
    views: list[dict] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class GateFile:
    """What the GatingML file of a specimen needs."""

    gates: list[PlacedGate]
    names: list[str]
    spill: Spill | None
    time_step_seconds: float | None


@dataclass(frozen=True)
class Thresholds:
    """The cytometry settings of the configuration that the analysis uses."""

    limits: Limits
    control_quantile: float
    max_margin_fraction: float
    max_time_anomaly_fraction: float
    bead_lot_cv: float


def thresholds(settings: dict) -> Thresholds:
    """Return the settings of the section cytometry of config.yaml."""
    return Thresholds(
        Limits(
            settings["lod_events"], settings["lloq_events"], settings["minimum_denominator_events"]
        ),
        settings["control_quantile"],
        settings["max_margin_fraction"],
        settings["max_time_anomaly_fraction"],
        settings["bead_lot_cv"],
    )


def describe(row: dict[str, str], infusions: list[dict], labs: list[dict]) -> Specimen:
    """Return a specimen from its row of samples.tsv; only infusions up to its day are in force.

    Before the first infusion a CAR reagent is read as that of the first product: it shows the
    background of the stain.
    """
    day = int(row["day"])
    dated = [i for i in infusions if i["day"] != ""]
    past = sorted((i for i in dated if int(i["day"]) <= day), key=lambda i: int(i["day"]))
    named = [i for i in infusions if row.get("infusion_no") == i["infusion_no"] != ""]
    first = sorted(infusions, key=lambda i: int(i["infusion_no"]))[:1]
    force = (named or past[-1:] or first)[-1:]
    return Specimen(
        row["sample_id"],
        row["patient_id"],
        day,
        row["specimen"],
        row["batch"] or "unbatched",
        row["panel"],
        tuple(force[0]["targets"].split(";")) if force else (),
        tuple(product_of(infusion) for infusion in past),
        tuple(labs),
        bead_tube(row),
        len(dated) < len(infusions),
    )


def fail(findings: Findings, template: Template | None, specimen: Specimen, message: str) -> None:
    """Add the rows of a specimen that could not be read or used: FAILED, with the reason."""
    findings.quality.append(quality_row(specimen, Check("readable", None, "", "FAIL", message)))
    _blank(findings, template, specimen, "FAILED", message)


def not_measured(findings: Findings, template: Template | None, specimen: Specimen) -> None:
    """Add the rows of a specimen that was collected but has no file."""
    message = "no file in samples.tsv: collected, not measured"
    check = Check("readable", None, "", "NOT_POSSIBLE", message)
    findings.quality.append(quality_row(specimen, check))
    _blank(findings, template, specimen, "NOT_ASSESSED", message)


def _blank(
    findings: Findings, template: Template | None, specimen: Specimen, status: str, message: str
) -> None:
    if template is None:
        findings.populations.append(
            specimen.who
            | {
                "panel": "workspace",
                "population": "all",
                "gate_path": "root",
                "denominator": "root",
            }
            | {"status": status, "cut_source": "NONE", "flags": message}
        )
        return
    findings.populations += blank_rows(template, specimen, status, message)
    for scope in template.ratio_scopes:
        findings.ratios += blank_ratio_rows(specimen, scope, status, message)


def quality_row(specimen: Specimen, check: Check) -> dict[str, object]:
    """Return a row of QUALITY."""
    return {
        "sample_id": specimen.sample_id,
        "patient_id": specimen.patient_id,
        "day": specimen.day,
        "assay": "flow",
        "batch": specimen.batch,
        "check": check.check,
        "value": None if check.value is None else float(f"{check.value:.6g}"),
        "unit": check.unit,
        "verdict": check.verdict,
        "message": check.message,
    }


def events_check(events: FlowEvents) -> Check:
    """Say that the file was read."""
    return Check("readable", float(len(events)), "events", "PASS", f"{len(events)} events read")


def analyse(
    events: FlowEvents,
    specimen: Specimen,
    template: Template,
    controls: dict[str, ControlCut],
    settings: Thresholds,
    findings: Findings,
    *,
    earlier: dict[str, ControlCut] | None = None,
) -> tuple[GateFile | None, Gating | None]:
    """Gate one specimen and add its rows; return its gates for export, None if it FAILED.

    `controls` are the cuts that controls give by name, `earlier` those of the patient's last
    specimen, kept where nothing else places one.
    """
    ready = _ready(events, template, settings, beads_added=specimen.bead_tube is not None)
    if ready.problems:
        checks = [check for check in ready.checks if check.verdict != "FAIL"]
        findings.quality += [quality_row(specimen, check) for check in checks]
        fail(findings, template, specimen, ". ".join(ready.problems))
        return None, None
    gating = Gating(
        ready, template, controls, control_quantile=settings.control_quantile, earlier=earlier
    )
    findings.populations += population_rows(gating, specimen, settings.limits, settings.bead_lot_cv)
    findings.ratios += ratio_rows(gating, specimen, settings.limits)
    findings.views += view_rows(gating, specimen.sample_id)
    findings.cuts += cut_rows(gating, specimen)
    findings.densities += density_rows(gating, specimen)
    checks = [events_check(events), *ready.checks]
    counted = {
        rule.role: gating.gate(rule.gate).count or 0
        for rule in template.report
        if rule.role and gating.gate(rule.gate).mask is not None
    }
    if any(rule.role == "nk_cells" for rule in template.report):
        checks.append(lymphosum_check(counted))
    checks += _cut_checks(gating)
    findings.quality += [quality_row(specimen, check) for check in checks]
    names = [channel.name for channel in events.channels]
    if len(set(names)) < len(names):  # a gate file could not tell the channels apart
        return None, gating
    return GateFile(gating.placed(), names, ready.spill, events.time_step_seconds), gating


def _ready(
    events: FlowEvents, template: Template, settings: Thresholds, *, beads_added: bool
) -> Prepared:
    return prepare(
        events,
        template.source,
        max_margin=settings.max_margin_fraction,
        max_time_anomaly=settings.max_time_anomaly_fraction,
        beads_added=beads_added,
    )


def _cut_checks(gating: Gating) -> list[Check]:
    """Return a check for each cut that could not be placed or whose control was shifted."""
    checks = []
    for name, cut in sorted(gating.cuts.items()):
        if cut is None:
            continue
        loud = [f for f in cut.flags if f.startswith(("LARGE SHIFT", "control is off", "no cut"))]
        if cut.value is None or loud:
            checks.append(Check(f"cut:{name}", None, "", "FLAG", "; ".join(loud or cut.flags)))
    return checks


def place_batch(
    batch: str,
    controls: list[tuple[dict[str, str], FlowEvents]],
    templates: dict[str, Template],
    settings: Thresholds,
    *,
    served: Collection[str] | None = None,
) -> tuple[list[dict], list[dict]]:
    """Return rows of BATCH_CUTS and QUALITY for the readable controls of a batch.

    `served` are the panels of the batch's flow specimens, None if they are not known.
    """
    cuts: list[dict] = []
    quality: list[dict] = []
    ready: dict[str, list[Control]] = {}
    for row, events in controls:
        template = templates[row["panel"]]
        specimen = control_specimen(row, batch)
        prepared = _ready(events, template, settings, beads_added=bead_tube(row) is not None)
        checks = [events_check(events), *prepared.checks]
        if prepared.problems:
            checks = [Check("readable", None, "", "FAIL", ". ".join(prepared.problems))]
        else:
            control = Control(row["sample_id"], row["control_for"], prepared)
            ready.setdefault(row["panel"], []).append(control)
        quality += [quality_row(specimen, check) for check in checks]
    for panel in sorted(ready):
        cuts += batch_cut_rows(
            batch, templates[panel], ready[panel], control_quantile=settings.control_quantile
        )
    used = {control.sample_id for controls in ready.values() for control in controls}
    for row, _ in controls:
        if row["sample_id"] in used:
            of_panel = [cut for cut in cuts if cut["panel"] == row["panel"]]
            check = control_use(row["sample_id"], of_panel, row["panel"], served)
            quality.append(quality_row(control_specimen(row, batch), check))
    return cuts, quality


def control_specimen(row: dict[str, str], batch: str) -> Specimen:
    """Return a control as a specimen without patient; its day may be unknown."""
    day = int(row["day"]) if row["day"] else None
    return Specimen(
        row["sample_id"], row["patient_id"], day, row["specimen"], batch, row["panel"]  # type: ignore[arg-type]
    )  # fmt: skip
