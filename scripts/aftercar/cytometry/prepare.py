"""One specimen made ready for gating: mapped, compensated, cleaned, each step accounted for."""

from dataclasses import dataclass, field

import numpy as np

from aftercar.contracts.events import Check, FlowEvents
from aftercar.cytometry.beads import Beads, bead_check, beads_nobody_named, search_beads
from aftercar.cytometry.compensation import Spill, compensated, looks_transformed
from aftercar.cytometry.density import guarded_valley, lowest_peak
from aftercar.cytometry.panel import PanelMap, map_panel, markers_of, panel_problems
from aftercar.cytometry.quality import (
    Kept,
    debris_cut,
    doublet_limit,
    margin_checks,
    time_anomalies,
    valley_rules,
)
from aftercar.cytometry.scale import Scale, scale_of

RECENT_MASKS = 3  # whose event numbers are kept: neighbouring cuts ask for the same populations
BORDER = 1e-5  # of a cut: nearer events could fall on either side by rounding


@dataclass(frozen=True)
class Bound:
    """low <= value < high of a channel, or of its ratio to the channel `over`.

    `raw`: of the value before compensation; only the gate that leaves out beads asks for it.
    """

    channel: int
    low: float | None = None
    high: float | None = None
    over: int | None = None
    raw: bool = False

    def inside(self, values: np.ndarray) -> np.ndarray:
        """Return which events of `values` (events x channels) lie within the bound."""
        column = values[:, self.channel]
        if self.over is not None:
            with np.errstate(divide="ignore", invalid="ignore"):
                column = column / values[:, self.over].astype(np.float64)
        if self.low is None and self.high is None:
            return np.ones(len(column), dtype=bool)
        if self.low is None:
            return column < self.high
        inside = column >= self.low
        return inside if self.high is None else inside & (column < self.high)


@dataclass(frozen=True)
class PlacedGate:
    """A gate with its borders: any of `alternatives`, each of which asks for all its bounds."""

    name: str
    parent: str  # empty: all events
    alternatives: tuple[tuple[Bound, ...], ...]

    def inside(self, values: np.ndarray) -> np.ndarray:
        """Return which events of `values` lie within any alternative, whatever the parent holds."""
        inside = np.zeros(len(values), dtype=bool)
        for bounds in self.alternatives:
            part = np.ones(len(values), dtype=bool)
            for bound in bounds:
                part &= bound.inside(values)
            inside |= part
        return inside


@dataclass(eq=False)
class Prepared:
    """A specimen ready for gating.

    `values` are compensated, linear; `gates` the cleaning steps that were possible, in order;
    `problems` are reasons why the specimen FAILED; `flags` go to every population.
    """

    panel: PanelMap
    values: np.ndarray
    names: list[tuple[str, str]]
    spill: Spill | None
    scales: dict[int, Scale]
    full_scale: list[float]
    transformed: bool
    trusted: bool  # False: fluorescence could not be compensated though it should be
    gates: list[PlacedGate] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    recent: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)
    beads: Beads | None = None  # None: samples.tsv names none
    bead_mask: np.ndarray | None = None  # events that are left out of all cell gates

    def folds(
        self, channel: int, inside: np.ndarray | None = None, most: int | None = None
    ) -> np.ndarray:
        """Return a channel in e-folds, of the events `inside` (a mask) or of all, in order.

        Of more than `most` events every so-many-th is taken.
        """
        column = self.values[:, channel]
        if inside is not None:
            places = self.places(inside)
            step = 1 if most is None else max(1, len(places) // most)
            column = column.take(places[::step])
        return self.scales[channel].forward(column)

    def places(self, inside: np.ndarray) -> np.ndarray:
        """Return the numbers of the events in a mask; of the last masks asked for without work."""
        for mask, places in self.recent:
            if mask is inside:
                return places
        places = np.flatnonzero(inside)
        self.recent = [(inside, places), *self.recent[: RECENT_MASKS - 1]]
        return places

    def ordered_folds(
        self, channel: int, inside: np.ndarray, most: int | None = None
    ) -> np.ndarray:
        """Return a channel of the events `inside` in e-folds, ascending; thinned as by `folds`."""
        folds = self.folds(channel, inside, most)
        folds.sort()
        return folds

    def settled(self, channel: int, cut: float) -> float:
        """Return the cut, moved off the events by a millionth or so.

        An event on the border would be counted or not by the rounding of the program that reads
        the gate: the cut goes to the middle of the widest gap around it.
        """
        column, reach = self.values[:, channel], max(abs(cut), 1.0) * BORDER
        close = (column > cut - reach) & (column < cut + reach)
        if not close.any():
            return cut
        near = np.sort(column[close].astype(np.float64))
        edges = np.concatenate([[cut - reach], near, [cut + reach]])
        widest = int(np.diff(edges).argmax())
        return float(f"{(edges[widest] + edges[widest + 1]) / 2:.9g}")


def prepare(
    events: FlowEvents,
    template: dict,
    *,
    max_margin: float,
    max_time_anomaly: float,
    beads_added: bool = False,
) -> Prepared:
    """Return `events` mapped, compensated and cleaned as `template` asks.

    What was impossible is a NOT_POSSIBLE check; what went wrong is in `problems`. With
    `beads_added`, counting beads are looked for and left out of all gates.
    """
    panel = map_panel(events.names, template)
    full_scale = [channel.full_scale for channel in events.channels]
    markers = markers_of(template, "required", "expected", "optional")
    scatter = template["synonyms"]["scatter"]
    stained = [panel.channel[m] for m in markers if m in panel.channel and m not in scatter]
    found = looks_transformed(events.values, stained, full_scale)
    transformed, largest = found.transformed, found.largest
    done = compensated(events, stained, found)
    values = done.values
    share = template["placement"]["cofactor_share"]
    scales = {
        n: scale_of(
            full_scale[n], largest if n in stained and transformed else float(values[:, n].max()),
            share=share, transformed=transformed and n in stained,
        )
        for n in range(len(full_scale))
    }  # fmt: skip
    ready = Prepared(
        panel, values, events.names, done.spill, scales, full_scale, transformed, done.trusted,
        checks=[*events.checks, done.check], problems=panel_problems(events.names, template),
    )  # fmt: skip
    if transformed:
        ready.flags.append("values were on a display scale in the file")
    if done.flag:
        ready.flags.append(done.flag)
    ready.checks += _panel_checks(panel, template)
    if not ready.problems:
        _leave_out_beads(ready, events.values, template, stained, beads_added)
        cells = events.values if ready.bead_mask is None else events.values[~ready.bead_mask]
        ready.checks += margin_checks(cells, panel.channel, full_scale, max_share=max_margin)
        _clean(ready, template["placement"], max_time_anomaly)
        _count_beads(ready, template)
    return ready


def _leave_out_beads(
    ready: Prepared, raw: np.ndarray, template: dict, stained: list[int], added: bool
) -> None:
    """Find the beads; if they were added, make the gate that holds everything else."""
    found = search_beads(
        raw, [name for name, _ in ready.names], ready.panel.channel, stained, ready.full_scale,
        template, transformed=ready.transformed,
    )  # fmt: skip
    if added:
        ready.beads = found
        if found.mask is not None:
            ready.bead_mask = found.mask
            below = tuple((Bound(n, high=limit, raw=True),) for n, limit in found.limits)
            ready.gates.append(PlacedGate("no_beads", "", below))
    elif found.mask is not None:
        ready.checks.append(beads_nobody_named(found))
        ready.flags.append("possible counting beads among the cells")


def _count_beads(ready: Prepared, template: dict) -> None:
    """Keep the beads of the time that cells are counted in, and say how many they are."""
    if ready.beads is None:
        return
    for gate in ready.gates:
        if gate.name == "time":
            ready.beads = ready.beads.within(gate.inside(ready.values))
    ready.checks.append(bead_check(ready.beads, template))


def _panel_checks(panel: PanelMap, template: dict) -> list[Check]:
    checks = [
        Check(
            f"marker:{marker}", None, "", "NOT_POSSIBLE",
            f"{marker} is not in the file; gates that need it are not made; {panel.free}",
        )
        for marker in markers_of(template, "expected")
        if marker in panel.missing
    ]  # fmt: skip
    checks += [
        Check(
            f"marker:{marker}", None, "", "FLAG",
            f"{marker} is on several channels ({', '.join(channels)}) and was not used",
        )
        for marker, channels in panel.ambiguous.items()
        if marker not in markers_of(template, "required")
    ]  # fmt: skip
    if panel.changed:
        checks.append(Check("channel_names", None, "", "FLAG", "; ".join(panel.changed)))
    return checks


def _clean(ready: Prepared, placement: dict, max_time_anomaly: float) -> None:
    """Add the gates time, cells, singlets and viable, as far as the file allows."""
    channel, values = ready.panel.channel, ready.values
    inside = np.ones(len(values), dtype=bool) if ready.bead_mask is None else ~ready.bead_mask

    def add(name: str, alternatives: tuple[tuple[Bound, ...], ...]) -> None:
        nonlocal inside
        parent = ready.gates[-1].name if ready.gates else ""
        ready.gates.append(PlacedGate(name, parent, alternatives))
        inside = inside & ready.gates[-1].inside(values)

    def told(name: str, before: np.ndarray, message: str) -> None:
        share = 1 - int(np.count_nonzero(inside)) / max(1, int(np.count_nonzero(before)))
        ready.checks.append(
            Check(name, float(share), "fraction", "PASS", message.format(share=share))
        )

    kept = _time_kept(ready, placement, max_time_anomaly)
    if kept is None:
        ready.checks.append(
            Check("time_anomaly", None, "fraction", "NOT_POSSIBLE", "no usable time channel")
        )
    else:
        ready.checks.append(kept.check)
        if kept.check.verdict == "FAIL":
            ready.problems.append(kept.check.message)
        if kept.intervals != ((None, None),):
            add("time", tuple((Bound(channel["Time"], *pair),) for pair in kept.intervals))

    before, fsc = inside, channel["FSC-A"]
    cut, why = debris_cut(ready.ordered_folds(fsc, inside), placement)
    if cut is None:
        ready.checks.append(Check("debris", 0.0, "fraction", "PASS", f"nothing removed: {why}"))
    else:
        add("cells", ((Bound(fsc, low=ready.settled(fsc, ready.scales[fsc].back(cut))),),))
        told("debris", before, "{share:.1%} of events lie below the forward scatter of cells")

    before = inside
    kept_events = ready.places(inside)
    signal: dict[str, np.ndarray] = {
        name: values[:, channel[name]].take(kept_events)
        for name in ("FSC-H", "FSC-W")
        if name in channel
    }
    other = next((name for name, column in signal.items() if (column > 0).any()), "")
    if other:
        area, over = (fsc, channel["FSC-H"]) if other == "FSC-H" else (channel["FSC-W"], None)
        if other == "FSC-H":
            limit = doublet_limit(values[:, fsc].take(kept_events), signal[other], placement)
        else:
            limit = doublet_limit(signal[other], np.ones_like(signal[other]), placement)
        add("singlets", ((Bound(area, low=0.0, high=limit, over=over),),))
        told("doublets", before, "{share:.1%} of cells are doublets by " + f"FSC-A and {other}")
    else:
        ready.checks.append(
            Check(
                "doublets",
                None,
                "fraction",
                "NOT_POSSIBLE",
                "no FSC-H or FSC-W with a signal: singlets not done",
            )
        )
        ready.flags.append("doublets not removed")

    if "Viability" not in channel:
        ready.checks.append(
            Check("viability", None, "fraction", "NOT_POSSIBLE", "no viability dye in the file")
        )
        ready.flags.append("dead cells not removed")
        return
    before, dye = inside, channel["Viability"]
    folds, bright = ready.ordered_folds(dye, inside), _bright_dye(ready, placement)
    cut, why = viability_cut(folds, placement, bright=bright)
    if cut is None and nearly_all_dead(folds, placement, bright=bright):
        message = (
            "nearly all events take up the viability dye: dead or overstained; stain a fresh "
            "specimen, or titrate the dye"
        )
        ready.checks.append(Check("viability", None, "fraction", "FAIL", message))
        ready.problems.append(message)
    elif cut is None:
        message = f"nothing removed: no dead cells were seen or no dye was added ({why})"
        ready.checks.append(Check("viability", 1.0, "fraction", "PASS", message))
    else:
        add("viable", ((Bound(dye, high=ready.settled(dye, ready.scales[dye].back(cut))),),))
        share = int(np.count_nonzero(inside)) / max(1, int(np.count_nonzero(before)))
        verdict = "FLAG" if share < 0.5 else "PASS"
        ready.checks.append(
            Check("viability", share, "fraction", verdict, f"{share:.1%} of singlets are viable")
        )


def _time_kept(ready: Prepared, placement: dict, max_share: float) -> Kept | None:
    channel = ready.panel.channel
    if "Time" not in channel:
        return None
    time = ready.values[:, channel["Time"]].astype(np.float64)
    if time[0] == time[-1] or (time[1:] < time[:-1]).any():
        return None
    if float((time == time.max()).mean()) > 0.05:
        return None
    step = max(1, len(time) // int(placement["time_bins"] * placement["time_level_events"]))
    levels = {
        marker: ready.scales[n].forward(ready.values[::step, n])
        for marker, n in channel.items()
        if marker != "Time"
    }
    return time_anomalies(time, levels, placement, max_share=max_share, step=step)


def _bright_dye(ready: Prepared, placement: dict) -> float:
    """Return above which place in e-folds the dye is too bright for live cells, if that is known.

    Unknown (infinite) without a stated range, on a display scale, and where the other stains may
    spill into the dye's detector.
    """
    dye = ready.panel.channel["Viability"]
    full_scale, scale = ready.full_scale[dye], ready.scales[dye]
    if not ready.trusted or scale.linear or not full_scale:
        return np.inf
    return float(scale.forward(placement["compensated_offset_share"] * full_scale))


def viability_cut(
    dye: np.ndarray, placement: dict, *, bright: float = np.inf
) -> tuple[float | None, str]:
    """Return the cut between viable and dead cells in e-folds, or None and why there is none.

    Dead cells take up the dye: the cut is the valley above the lowest peak. If that peak is
    above `bright`, most cells are dead, and a much smaller peak below it is that of live cells.
    A single population is never cut in two.
    """
    if len(dye) < 2 * placement["valley_events"]:
        return None, "too few events"
    live = lowest_peak(dye, peak_height=placement["peak_height"])
    if live > bright:
        live = min(live, lowest_peak(dye, peak_height=placement["viability_peak_height"]))
    return guarded_valley(dye, live + 0.3, float(dye.max()), **valley_rules(placement))


def nearly_all_dead(dye: np.ndarray, placement: dict, *, bright: float) -> bool:
    """Whether a dye that `viability_cut` could not divide is taken up by nearly all events."""
    if len(dye) < 2 * placement["valley_events"]:
        return False
    return lowest_peak(dye, peak_height=placement["peak_height"]) > bright
