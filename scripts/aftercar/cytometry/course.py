"""All flow specimens of one patient in order of time; a later one never changes an earlier one."""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from aftercar.contracts.cytometry import (
    CONCORDANCE,
    CUT_DENSITIES,
    CUTS,
    GATE_VIEWS,
    POPULATIONS,
    RATIOS,
)
from aftercar.contracts.events import FlowEvents
from aftercar.contracts.shown_names import shown_gates
from aftercar.contracts.specimen import INPUT_FILES, QUALITY
from aftercar.contracts.table import Table
from aftercar.cytometry.controls import control_cuts, earlier_cuts, pre_infusion_cuts
from aftercar.cytometry.cuts import ControlCut
from aftercar.cytometry.gates import Gating
from aftercar.cytometry.manual import (
    ManualGate,
    concordance_rows,
    hidden_names,
    manual_rows,
    other_file_named,
    stored_counts_differ,
    unmatched_roles,
)
from aftercar.cytometry.populations import Specimen
from aftercar.cytometry.setup import Setup, same_detector, setup_after, setup_change, setup_of
from aftercar.cytometry.specimen import (
    Findings,
    analyse,
    events_check,
    fail,
    not_measured,
    quality_row,
    thresholds,
)
from aftercar.cytometry.template import Template


class LabGate(Protocol):
    """A gate of a laboratory's workspace as the reader of workspaces gives it."""

    @property
    def path(self) -> tuple[str, ...]:
        """Return the names of the gates from the root to this one."""

    @property
    def mask(self) -> np.ndarray:
        """Return which events lie inside."""

    @property
    def stored_count(self) -> int | None:
        """Return the count that the workspace stores."""

    @property
    def other_file(self) -> bool:
        """Return whether the workspace names another file, whose stored counts agree."""


class Course:
    """Collects the tables of one patient, specimen by specimen in order of day."""

    def __init__(
        self, templates: dict[str, Template], batch_cuts: list[dict], settings: dict
    ) -> None:
        """Start with the templates by panel, the rows of BATCH_CUTS and the cytometry settings."""
        self.templates = templates
        self.batch_cuts = batch_cuts
        self.thresholds = thresholds(settings)
        self.roles: dict[str, str] = settings["workspace_roles"]
        self.findings = Findings()
        self.inputs: list[dict[str, object]] = []
        self._setup: dict[str, Setup] = {}
        self._car_free: dict[str, dict[str, ControlCut]] = {}
        self._earlier: dict[str, dict[str, ControlCut]] = {}
        self._tubes: dict[str, Setup] = {}  # by specimen

    def not_measured(self, specimen: Specimen) -> None:
        """Add a specimen that was collected but has no file."""
        not_measured(self.findings, self.templates.get(specimen.panel), specimen)

    def fail(self, specimen: Specimen, message: str) -> None:
        """Add a specimen that cannot be used, with the reason."""
        fail(self.findings, self.templates.get(specimen.panel), specimen, message)

    def add(self, specimen: Specimen, events: FlowEvents, gates: Sequence[LabGate]) -> tuple | None:
        """Gate a specimen; return the arguments of `write_gates`, None without gates to write.

        With gates of the laboratory those give the populations; the template, if one is named,
        is only compared with them.
        """
        shown = shown_gates([gate.path for gate in gates], self.roles)
        manual = [ManualGate(shown[gate.path], gate.mask, gate.stored_count) for gate in gates]
        if hidden := sum(shown[gate.path] != gate.path for gate in gates):
            self.findings.quality.append(quality_row(specimen, hidden_names(hidden)))
        if any(gate.other_file for gate in gates):
            self.findings.quality.append(quality_row(specimen, other_file_named()))
        template = self.templates.get(specimen.panel)
        if template is None:
            checks = [events_check(events), *events.checks]
            self.findings.quality += [quality_row(specimen, check) for check in checks]
            self._add_manual(specimen, manual, None)
            return None
        panel, found = specimen.panel, Findings() if manual else self.findings
        before, now = self._setup.get(panel), setup_of(events, template.source)
        change = setup_change(before, now)
        if change is not None:
            self.findings.quality.append(quality_row(specimen, change))
        controls = self._fitting(
            self._car_free, template, panel, now, unknown_fits=True
        ) | control_cuts(self.batch_cuts, specimen.batch, panel)
        export, gating = analyse(
            events, specimen, template, controls, self.thresholds, found,
            earlier=self._fitting(self._earlier, template, panel, now, unknown_fits=False),
        )  # fmt: skip
        if gating is not None:  # a FAILED specimen is no measure for the next one
            self._setup[panel] = setup_after(before, now)
            self._tubes[specimen.sample_id] = now
            if gating.ready.trusted:  # nor are cuts in values that were not compensated
                self._remember(specimen, gating, found)
        if manual:
            self.findings.quality += [row for row in found.quality if row["verdict"] != "FAIL"]
            self.findings.cuts += found.cuts
            self.findings.densities += found.densities
            self.findings.views += found.views
            self._add_manual(specimen, manual, gating)
        return None if export is None else tuple(vars(export).values())

    def _fitting(
        self,
        known: dict[str, dict[str, ControlCut]],
        template: Template,
        panel: str,
        now: Setup,
        *,
        unknown_fits: bool,
    ) -> dict[str, ControlCut]:
        """Return the cuts of earlier specimens whose detector is set as it was.

        Where the files do not say: those that are checked against the specimen's negatives.
        """
        fitting = {}
        for name, cut in known.get(panel, {}).items():
            tube, marker = self._tubes[cut.control_sample_id], template.cuts[name].marker
            same = same_detector(tube, now, marker)
            if same or (same is None and unknown_fits):
                fitting[name] = cut
        return fitting

    def _remember(self, specimen: Specimen, gating: Gating, found: Findings) -> None:
        """Keep what this specimen says about the cuts of later ones.

        Only cells in which this very specimen shows no CAR are cells without it.
        """
        name, day = specimen.sample_id, specimen.day
        cars = {
            row["status"]
            for row in found.populations
            if row["sample_id"] == name and row["role"] == "car_t"
        }
        before = day < 0 and not specimen.products and not specimen.undated_infusion
        if before and cars == {"NOT_DETECTED"}:
            self._car_free[specimen.panel] = self._car_free.get(
                specimen.panel, {}
            ) | pre_infusion_cuts(gating, name, day, self.thresholds.control_quantile)
        self._earlier[specimen.panel] = self._earlier.get(specimen.panel, {}) | earlier_cuts(
            gating, name, day
        )

    def _add_manual(self, specimen: Specimen, manual: list[ManualGate], gating) -> None:
        if absent := unmatched_roles(manual, self.roles):
            self.findings.quality.append(quality_row(specimen, absent))
        self.findings.populations += manual_rows(
            manual, specimen, self.roles, self.thresholds.limits, self.thresholds.bead_lot_cv
        )
        found = concordance_rows(manual, specimen, self.roles, gating)
        self.findings.concordance += found
        if (differ := stored_counts_differ(found)) is not None:
            self.findings.quality.append(quality_row(specimen, differ))

    def tables(self) -> dict[str, tuple[Table, list[dict]]]:
        """Return contract and rows of every table of the patient, by name of the rule's output."""
        found = self.findings
        return {
            "populations": (POPULATIONS, found.populations),
            "ratios": (RATIOS, found.ratios),
            "cuts": (CUTS, found.cuts),
            "densities": (CUT_DENSITIES, found.densities),
            "concordance": (CONCORDANCE, found.concordance),
            "quality": (QUALITY, found.quality),
            "inputs": (INPUT_FILES, self.inputs),
            "views": (GATE_VIEWS, found.views),
        }
