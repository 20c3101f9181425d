"""Evaluate a template on a specimen: cuts are placed when a gate first needs them."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from aftercar.cytometry.cuts import ControlCut, Cut, place_cut
from aftercar.cytometry.density import quantile
from aftercar.cytometry.prepare import Bound, PlacedGate, Prepared
from aftercar.cytometry.template import CLEANED, GateRule, Template


@dataclass(frozen=True, eq=False)
class Gated:
    """The events of a gate, or why there are none.

    `mask` is None when the gate could not be made: `missing` names stains that the file lacks,
    otherwise a cut could not be placed and `flags` say why.
    """

    mask: np.ndarray | None
    path: str
    missing: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    cuts: tuple[str, ...] = ()
    placed: PlacedGate | None = None

    @property
    def count(self) -> int | None:
        """Return the events inside, None if the gate could not be made."""
        return None if self.mask is None else int(np.count_nonzero(self.mask))


class Populations:
    """Reference populations of a cut, (gate, ascending e-folds) in order; made when asked for."""

    def __init__(
        self, gating: "Gating", gates: tuple[str, ...], channel: int, most: int | None = None
    ) -> None:
        """Name the gates, the channel that is looked at, and at how many events at the most."""
        self.gating, self.gates, self.channel, self.most = gating, gates, channel, most
        self.known: dict[str, np.ndarray] = {}

    def __iter__(self) -> Iterator[tuple[str, np.ndarray]]:
        """Yield those that could be gated."""
        for gate in self.gates:
            mask = self.gating.gate(gate).mask
            if mask is None:
                continue
            if gate not in self.known:
                self.known[gate] = self.gating.ready.ordered_folds(self.channel, mask, self.most)
            yield gate, self.known[gate]


class Gating:
    """All gates and cuts of one specimen under one template."""

    def __init__(
        self,
        ready: Prepared,
        template: Template,
        controls: dict[str, ControlCut],
        *,
        control_quantile: float,
        earlier: dict[str, ControlCut] | None = None,
    ) -> None:
        """Start with the cleaned events; `controls` are the cuts of the batch by cut name.

        `earlier` are the cuts of the patient's last specimen, for what cannot be placed here.
        """
        self.ready = ready
        self.template = template
        self.controls = controls
        self.earlier = earlier or {}
        self.control_quantile = control_quantile
        self.cuts: dict[str, Cut | None] = {}
        self.gates: dict[str, Gated] = {}
        self.order: list[str] = []
        self._open: list[str] = []
        self._add_cleaned()

    def _add_cleaned(self) -> None:
        inside, path = np.ones(len(self.ready.values), dtype=bool), "root"
        self.gates["root"] = Gated(inside, path)
        made = {gate.name: gate for gate in self.ready.gates}
        last = "root"
        for name in CLEANED:
            if name in made:
                inside, path, last = inside & self._events(made[name]), f"{path}/{name}", name
                self.gates[name] = Gated(inside, path, placed=made[name])
                self.order.append(name)
            else:  # a step that was not possible lets all events through
                self.gates[name] = self.gates[last]

    def _events(self, gate: PlacedGate) -> np.ndarray:
        if gate.name == "no_beads" and self.ready.bead_mask is not None:
            return ~self.ready.bead_mask  # its bounds are on values before compensation
        return gate.inside(self.ready.values)

    def gate(self, name: str) -> Gated:
        """Return a gate of the template, made on first use."""
        if name not in self.gates:
            if name in self._open:
                raise ValueError(f"gates and cuts of the template need each other: {self._open}")
            self._open.append(name)
            self.gates[name] = self._make(self.template.gates[name])
            self._open.pop()
            if self.gates[name].placed is not None:
                self.order.append(name)
        return self.gates[name]

    def cut(self, name: str) -> Cut | None:
        """Return a cut, placed on first use; None when the file lacks the stain."""
        if name in self.cuts:
            return self.cuts[name]
        rule, ready = self.template.cuts[name], self.ready
        channel = ready.panel.channel.get(rule.marker)
        if channel is None:
            self.cuts[name] = None
            return None
        # where a few cells decide, all are looked at; elsewhere enough to tell the shape
        most = None if rule.endpoint else self.template.source["placement"]["shape_events"]
        populations = Populations(self, rule.references, channel, most)
        within = self.gate(rule.within).mask
        if within is None:
            within = np.zeros(len(ready.values), dtype=bool)
        cut = place_cut(
            rule,
            channel,
            ready.ordered_folds(channel, within, most),
            populations,
            self.controls.get(name),
            ready.scales[channel],
            max(ready.full_scale[channel], 1.0),
            control_quantile=self.control_quantile,
            placement=self.template.source["placement"],
            earlier=self.earlier.get(name),
        )
        if cut.value is not None:
            cut = replace(cut, value=ready.settled(channel, cut.value))
        self.cuts[name] = cut
        return cut

    def _bounds(self, where: dict[str, str]) -> tuple[list[Bound], list[str], list[str], list[str]]:
        """Return bounds, missing stains, flags of cuts that could not be placed, and cuts used."""
        bounds: list[Bound] = []
        missing: list[str] = []
        unplaced: list[str] = []
        used: list[str] = []
        for name, side in where.items():
            cut = self.cut(name)
            if cut is None:
                missing.append(self.template.cuts[name].marker)
                continue
            used.append(name)
            if cut.value is None:
                unplaced += cut.flags
            elif side == "above":
                bounds.append(Bound(cut.channel, low=cut.value))
            else:
                bounds.append(Bound(cut.channel, high=cut.value))
        return bounds, missing, unplaced, used

    def _make(self, rule: GateRule) -> Gated:
        parent = self.gate(rule.parent)
        path = f"{parent.path}/{rule.name}"
        if parent.mask is None:
            return Gated(None, path, parent.missing, parent.flags, parent.cuts)
        shared, missing, unplaced, used = self._bounds(rule.where)
        flags = list(parent.flags)
        present = {
            name: side for name, side in rule.if_present.items() if self.cut(name) is not None
        }
        absent = [self.template.cuts[n].marker for n in rule.if_present if n not in present]
        more, _, not_placed, also = self._bounds(present)
        shared, unplaced, used = shared + more, unplaced + not_placed, used + also
        if rule.needs_one_of and not set(rule.needs_one_of) & set(present):
            missing += list(rule.needs_one_of)
        elif absent and not rule.helper:
            flags.append(f"{rule.name} without {', '.join(absent)}, not stained")
        alternatives = [tuple(shared)]
        if rule.any_of and not missing:
            found = self._alternatives(rule, shared)
            alternatives, lost, unplaced_too, also, told = found
            missing, unplaced, used = missing + lost, unplaced + unplaced_too, used + also
            flags += told
        cuts = (*parent.cuts, *used)
        if missing:
            return Gated(None, path, tuple(dict.fromkeys(missing)), tuple(flags), cuts)
        if unplaced:
            return Gated(None, path, (), tuple(dict.fromkeys([*flags, *unplaced])), cuts)
        own = [flag for name in used for flag in self._told(name)]
        mask = parent.mask & self._events(PlacedGate(rule.name, rule.parent, tuple(alternatives)))
        for shares, top in ((rule.top_share, True), (rule.bottom_share, False)):
            for marker, share in shares.items():
                mask = mask & self._share(mask, marker, share, top)
        placed = None
        if not rule.helper:
            placed = PlacedGate(rule.name, rule.parent, tuple(alternatives))
        return Gated(mask, path, (), tuple(dict.fromkeys([*flags, *own])), cuts, placed)

    def _told(self, name: str) -> list[str]:
        """Return what readers of a count must know about a cut; how it was found stands in CUTS."""
        cut = self.cuts[name]
        loud = (
            "control moved", "LARGE SHIFT", "control is off", "control stands", "cut kept from",
            "no control and no reference", "shift against the control not checked",
            "a population beyond a valley",
        )  # fmt: skip
        if cut is None:
            return []
        return [f"{name}: {flag}" for flag in cut.flags if flag.startswith(loud)]

    def _alternatives(self, rule: GateRule, shared: list[Bound]):
        made: list[tuple[Bound, ...]] = []
        used: list[str] = []
        missing: list[str] = []
        unplaced: list[str] = []
        for where in rule.any_of:
            bounds, lost, failed, also = self._bounds(where)
            missing += lost
            if lost:
                continue
            if failed:
                unplaced += failed
                continue
            made.append(tuple(shared + bounds))
            used += also
        told = []
        awaited = dict.fromkeys(name for name in missing if name not in self.template.optional)
        if awaited and (made or rule.fallback):
            told.append(f"{rule.name} without {', '.join(awaited)}, not stained")
        if not made and rule.fallback and not unplaced:
            bounds, lost, failed, also = self._bounds(rule.fallback)
            return [tuple(shared + bounds)], lost, failed, also, told
        if made:
            return made, [], [], used, [*told, *unplaced]
        return [tuple(shared)], ([] if unplaced else missing), unplaced, used, told

    def _share(self, mask: np.ndarray, marker: str, share: float, top: bool) -> np.ndarray:
        channel = self.ready.panel.channel[marker]
        lowest = self.lowest(mask, channel, 1 - share if top else share)
        return ~lowest if top else lowest

    def lowest(self, mask: np.ndarray, channel: int, share: float) -> np.ndarray:
        """Return which events lie below the quantile `share` of the events in `mask`."""
        column = self.ready.values[:, channel]
        own = column.take(self.ready.places(mask))
        if not len(own):
            return mask
        own.sort()
        return column < quantile(own, share)

    def placed(self) -> list[PlacedGate]:
        """All gates with borders, parents before children, with the parent's real name."""
        result = []
        for name in self.order:
            gate = self.gates[name].placed
            if gate is None:
                continue
            steps = self.gates[name].path.split("/")
            # steps that were not possible are not in the path
            result.append(PlacedGate(name, steps[-2] if len(steps) > 2 else "", gate.alternatives))
        return result
