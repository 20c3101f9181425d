"""The blank of a count: what references and neighbours let expect of cells that do not belong."""

from typing import NamedTuple

import numpy as np

from aftercar.cytometry.cuts import Cut, crossing_tail, upper_tail
from aftercar.cytometry.density import population
from aftercar.cytometry.gates import Gating
from aftercar.cytometry.template import GateRule, ReportRule


class Blank(NamedTuple):
    """Mean count of cells that do not belong and the events it rests on; None: not known.

    `unclear` says why the population cannot be told from a neighbour; empty if it can.
    """

    mean: float | None = None
    seen: float | None = None
    unclear: str = ""
    flags: tuple[str, ...] = ()


def blank_of(gating: Gating, rule: ReportRule) -> Blank:
    """Return what negatives above the limiting cuts and tails of neighbours let expect."""
    cuts = {name: gating.cut(name) for name in rule.background}
    # a cut that could not be placed lets nothing in
    placed = [name for name, cut in cuts.items() if cut is not None and cut.value is not None]
    known = [background_events(gating, rule.gate, name) for name in placed]
    leaks, unclear = neighbour_leaks(gating, rule)
    if None in known:
        without = ", ".join(n for n, blank in zip(placed, known, strict=True) if blank is None)
        return Blank(unclear=unclear, flags=(f"limit of blank not known for {without}",))
    blanks = [*(blank for blank in known if blank is not None), *leaks]
    return Blank(*together(blanks), unclear) if blanks else Blank(unclear=unclear)


def background_events(gating: Gating, gate: str, background: str) -> tuple[float, int] | None:
    """Return how many events of a gate the negatives of one limiting cut account for.

    The second number is the reference events that this rests on.

    The share of reference negatives above the cut, times the events that pass every other bound
    of the gate that asks for the marker and lie below the cut.
    """
    cut = gating.cut(background)
    if cut is None or cut.value is None or cut.background is None:
        return None
    steps = gating.gate(gate).path.split("/")
    for name in reversed(steps):
        asked = gating.template.gates.get(name)
        if asked is None:
            continue
        sides = [asked.where, asked.if_present, *asked.any_of]
        if not any(side.get(background) == "above" for side in sides):
            continue
        inside = _without_bound(gating, asked, background)
        if inside is None:
            return None
        return _expected(gating, cut, cut.background, inside), cut.background_seen
    return None


def _without_bound(gating: Gating, asked: GateRule, left_out: str) -> np.ndarray | None:
    """Return the events of a gate's parent that pass every bound of it but those of one cut."""
    inside = gating.gate(asked.parent).mask
    if inside is None:
        return None
    for name, side in {**asked.where, **asked.if_present}.items():
        bound = gating.cut(name)
        if name == left_out or bound is None or bound.value is None:
            continue
        column = gating.ready.values[:, bound.channel]
        inside = inside & (column >= bound.value if side == "above" else column < bound.value)
    return inside


def neighbour_leaks(gating: Gating, rule: ReportRule) -> tuple[list[tuple[float, int]], str]:
    """Return how many cells of each named neighbour are expected on this side of the cut between.

    The tail of a normal population with the neighbour's centre and spread, as if it rested on few
    events, since a tail is extrapolated: a few per cent of many normal cells must not pass for a
    rare population. The text says which neighbour cannot be told apart; empty if all can.
    """
    placement = gating.template.source["placement"]
    own_gate, inside = gating.template.gates[rule.gate], gating.gate(rule.gate).count or 0
    leaks, unclear = [], []
    for name, between in rule.neighbours.items():
        asked, cut = gating.template.gates[name], gating.cut(between)
        uncut = _without_bound(gating, asked, between)
        if uncut is None or cut is None or cut.value is None:
            continue
        events = gating.ready.ordered_folds(cut.channel, uncut)
        place = float(gating.ready.scales[cut.channel].forward(cut.value))
        beyond = int(np.searchsorted(events, place))
        ours = {**own_gate.where, **own_gate.if_present}
        highest = ours.get(between) == "below"  # then the neighbour lies above the cut
        own = len(events) - beyond if highest else beyond
        if own < placement["minimum_neighbour_events"]:
            continue
        shape = population(events, peak_height=placement["peak_height"], highest=highest)
        if (shape.centre < place) == highest:
            # no peak of its own: small beside ours, or both are one that straddles the cut
            spread = max(shape.right if highest else shape.left, 1e-9)
            near = abs(place - shape.centre) < placement["straddling_spreads"] * spread
            if near or own > inside:
                unclear.append(name)
                continue
            kept = events[beyond:] if highest else events[:beyond]
            shape = population(kept, peak_height=placement["peak_height"], highest=highest)
        share = crossing_tail(shape, place)
        expected = own * share / (1 - share)
        if share > placement["maximum_neighbour_tail"] and expected > 0.5 * inside:
            unclear.append(name)
        leaks.append((expected, min(round(expected), placement["neighbour_tail_events"])))
    told = f"not told apart from {', '.join(unclear)}" if unclear else ""
    return leaks, told


def together(parts: list[tuple[float, int]]) -> tuple[float, float]:
    """Return mean and events seen of a blank made of several, each known from a few events.

    The sum of gamma-distributed means has the sum of their variances, mean^2 / (seen + 0.5).
    """
    mean = sum(expected for expected, _ in parts)
    variance = sum(expected**2 / (seen + 0.5) for expected, seen in parts)
    return mean, (mean**2 / variance if variance else 0.5) - 0.5


def _expected(gating: Gating, cut: Cut, background: float, inside: np.ndarray) -> float:
    """Return the negatives expected above a cut, by the reference or the candidates' own spread.

    Other cells than the reference may be negative too, and wider: the normal tail of the lowest
    peak of the candidates themselves is a second opinion. The larger one counts.
    """
    placement = gating.template.source["placement"]
    place = float(gating.ready.scales[cut.channel].forward(cut.value or 0.0))
    below = inside & (gating.ready.values[:, cut.channel] < (cut.value or 0.0))
    share = min(background, 0.5)
    expected = float(np.count_nonzero(below)) * share / (1 - share)
    if int(np.count_nonzero(below)) >= placement["minimum_reference_events"]:
        candidates = gating.ready.ordered_folds(cut.channel, inside)
        shape = population(candidates, peak_height=placement["peak_height"])
        if shape.centre < place:
            expected = max(expected, float(np.count_nonzero(below)) * upper_tail(shape, place))
    return expected
