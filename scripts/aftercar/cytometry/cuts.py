"""Where a cut comes from: a control, else the specimen's own negatives; refined only when safe."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from aftercar.cytometry.density import (
    Population,
    ascending,
    guarded_valley,
    population,
    quantile,
)
from aftercar.cytometry.quality import valley_rules
from aftercar.cytometry.scale import Scale
from aftercar.cytometry.template import CutRule


@dataclass(frozen=True)
class Cut:
    """A placed cut. `value` is linear (None: could not be placed, `flags` say why).

    `background` is the share of negatives that is expected above the cut, None if unknown, and
    `background_seen` how many reference events above the cut that share rests on.
    """

    name: str
    marker: str
    channel: int
    value: float | None
    source: str
    control_sample_id: str = ""
    background: float | None = None
    background_seen: int = 0
    flags: tuple[str, ...] = ()
    doubt: str = ""  # NEGATIVE: positives may be missed; ALL: neither side is firm


@dataclass(frozen=True)
class ControlCut:
    """What another tube says about a cut: a control of the batch, a row of BATCH_CUTS.

    Or an earlier specimen of the patient; then `source` is REFERENCE.
    """

    value: float
    control_sample_id: str
    background: float | None
    reference: str  # gate of the negatives, present in control and specimen
    centre: float | None  # of those negatives in the control, e-folds
    spread: float | None
    flags: tuple[str, ...] = ()
    background_seen: int = 0
    source: str = "CONTROL"


class Background(NamedTuple):
    """Share of negatives expected above a cut, and the reference events seen there."""

    share: float
    seen: int


@dataclass(frozen=True)
class Reference:
    """Reference events of a cut, in e-folds, and the gate that they come from."""

    gate: str
    events: np.ndarray
    shape: Population


def spread_upwards(shape: Population) -> float:
    """Spread towards the positives, within reason of the other side's.

    Near zero the arcsinh scale is linear, so the noise of negatives is narrower above their centre
    than below it; a few positives must not widen it.
    """
    return float(np.clip(shape.right, 0.5 * shape.left, 1.6 * shape.left))


def expected_background(seen: int, events: int, shape: Population, place: float) -> Background:
    """Return the share of negatives expected above a cut from what lies above it in a reference.

    Where some were seen, their share with half an event added (Jeffreys). Where none was seen the
    normal tail of the reference, with its centre and spread two standard errors to the worse side,
    and not more than the half event.
    """
    counted = (seen + 0.5) / (events + 1)
    if seen or events < 10:
        return Background(counted, seen)
    errors = 2 / np.sqrt(events)
    spread = max(spread_upwards(shape), 1e-9) * (1 + errors / np.sqrt(2))
    tail = upper_tail(shape._replace(centre=shape.centre + errors * spread, right=spread), place)
    return Background(min(counted, tail), seen)


def background_above(reference: "Reference", place: float) -> Background:
    """Return what the negatives let expect above a cut, without what is clearly positive."""
    shape = reference.shape
    limit = max(place, shape.centre + 5 * spread_upwards(shape))
    ordered = ascending(reference.events)
    clean, below = (int(np.searchsorted(ordered, value)) for value in (limit, place))
    return expected_background(clean - below, clean, shape, place)


def upper_tail(shape: Population, place: float) -> float:
    """Share of a normal population with this centre and upward spread that lies above `place`."""
    from scipy.special import ndtr

    spread = max(spread_upwards(shape), 1e-9)
    return float(ndtr((shape.centre - place) / spread))


def crossing_tail(shape: Population, place: float) -> float:
    """Share of a normal population that lies beyond `place`, seen from its centre.

    Each side has its own spread; a centre beyond the cut has most of its cells there.
    """
    from scipy.special import ndtr

    spread = max(shape.left if place < shape.centre else shape.right, 1e-9)
    return float(ndtr(-abs(shape.centre - place) / spread))


def normal_spreads(quantile: float) -> float:
    """Spreads above the centre of a normal distribution that leave 1 - quantile above them."""
    from scipy.special import ndtri

    return float(ndtri(quantile))


def quantile_of(rule: CutRule, control_quantile: float, placement: dict) -> float:
    """Return the share of negatives below a cut: higher for what can be absent altogether.

    A thousandth of many negatives hides a population of a few cells.
    """
    return (
        max(control_quantile, placement["endpoint_quantile"]) if rule.endpoint else control_quantile
    )


def choose_reference(
    rule: CutRule,
    populations: Iterable[tuple[str, np.ndarray]],
    scale: Scale,
    full_scale: float,
    placement: dict,
) -> tuple[Reference | None, list[str]]:
    """Return the first usable reference population, and why earlier ones were not used.

    `populations` are (gate, e-folds) in the order of the rule. A population of negatives whose
    centre lies far above autofluorescence is none: then nothing would be called positive.
    """
    told = []
    for gate, events in populations:
        if len(events) < placement["minimum_reference_events"]:
            told.append(f"{gate}: only {len(events)} events")
            continue
        shape = population(events, peak_height=placement["peak_height"], highest=rule.highest)
        centre = scale.back(shape.centre)
        limit = placement["compensated_offset_share"] * full_scale
        if rule.method == "above_negatives" and not scale.linear and full_scale and centre > limit:
            told.append(f"{gate}: too bright to be negative")
            continue
        if max(shape.left, shape.right) > placement["maximum_reference_spread"]:
            told.append(f"{gate}: too wide to be one population")
            continue
        return Reference(gate, events, shape), told
    return None, told


def reference_cut(rule: CutRule, reference: Reference, quantile_below: float) -> float:
    """Return the cut in e-folds that the rule places beside its reference population."""
    shape = reference.shape
    if rule.method == "above_quantile":
        return quantile(ascending(reference.events), rule.quantile or quantile_below)
    spreads = rule.spreads if rule.spreads is not None else normal_spreads(quantile_below)
    if rule.method == "below_positives":
        return shape.centre - spreads * max(shape.right, min(shape.left, 1.6 * shape.right))
    return shape.centre + spreads * spread_upwards(shape)


def control_cut(
    events: np.ndarray, quantile_below: float, placement: dict, *, tail_quantile: float = 0.999
) -> tuple[float, Background, bool]:
    """Return the cut in e-folds that a control without the stain places, its background, and doubt.

    At the quantile's normal distance, stretched within reason where the tail is longer than the
    normal one; what lies beyond is background. Where a population of its own lies beyond a valley,
    it is left out and the third value is True: the control may be mislabelled.
    """
    ordered = ascending(events)
    shape = population(ordered, peak_height=placement["peak_height"])
    spread = spread_upwards(shape)
    beyond = shape.centre + normal_spreads(tail_quantile) * spread
    valley, _ = guarded_valley(ordered, beyond, float(ordered[-1]), **valley_rules(placement))
    clean = ordered if valley is None else ordered[: int(np.searchsorted(ordered, valley))]
    # a tail longer than the normal one stretches the distance of the farther quantile too
    supported = min(tail_quantile, quantile_below)
    stretch = (quantile(clean, supported) - shape.centre) / max(
        normal_spreads(supported) * spread, 1e-9
    )
    stretch = float(np.clip(stretch, 1.0, placement["maximum_tail_stretch"]))
    cut = shape.centre + normal_spreads(quantile_below) * spread * stretch
    if quantile_below <= tail_quantile:  # the control has the events to tell this quantile itself
        cut = max(cut, quantile(clean, quantile_below))
    # a farther one is not carried beyond that stretch, where a few positives would take it
    seen = len(ordered) - int(np.searchsorted(ordered, cut))
    return cut, expected_background(seen, len(ordered), shape, cut), valley is not None


def fit_control(
    control: ControlCut,
    rule: CutRule,
    populations: Iterable[tuple[str, np.ndarray]],
    scale: Scale,
    placement: dict,
) -> tuple[float | None, float, list[str]]:
    """Return the control's cut in e-folds fitted to the specimen, the move, and what to tell.

    The same negatives are looked at in control and specimen: when their centre and spread differ
    by more than noise, the cut moves with them (a gain moves all signals of a detector alike). A
    control that is off by more than `max_shift` does not fit: None.
    """  # fmt: skip
    place = float(scale.forward(control.value))
    mine = next((found for gate, found in populations if gate == control.reference), None)
    if control.centre is None or not control.spread or mine is None:
        return place, 0.0, ["shift against the control not checked"]
    if len(mine) < placement["minimum_reference_events"]:
        return place, 0.0, ["shift against the control not checked: too few negatives"]
    shape = population(mine, peak_height=placement["peak_height"], highest=rule.highest)
    stretch = float(np.clip(spread_upwards(shape) / control.spread, 0.7, 1.4))
    fitted = shape.centre + (place - control.centre) * stretch
    move = fitted - place
    if abs(move) <= placement["shift_noise"]:
        return place, 0.0, []
    decades = move / np.log(10)
    if abs(move) > placement["max_shift"]:
        return None, move, [f"control is off by {decades:+.2f} decades and was not used"]
    told = [f"control moved by {decades:+.2f} decades with the specimen's own negatives"]
    if abs(move) > placement["shift_flag"]:
        told.append("LARGE SHIFT between control and specimen: check the instrument's settings")
    return fitted, move, told


def refined(place: float, rule: CutRule, within: np.ndarray, placement: dict) -> tuple[float, bool]:
    """Return the cut moved to a valley near it, if one passes the tests; else the cut itself."""
    reach = rule.max_move if rule.max_move is not None else placement["max_move"]
    if not rule.refine or not len(within):
        return place, False
    valley, _ = guarded_valley(within, place - reach, place + reach, **valley_rules(placement))
    if valley is None or abs(valley - place) < 0.05:
        return place, False
    return valley, True


def nearer_cut(
    place: float,
    reference: Reference,
    within: np.ndarray,
    near_quantile: float,
    far_quantile: float,
    placement: dict,
) -> float | None:
    """Return the cut at the nearer quantile if dim positives lie between it and `place`, else None.

    Only where positives are there for certain: enough events beyond the far cut, and more between
    the cuts than the negatives explain by three standard errors. So nothing is gained from noise
    where nothing is positive.
    """
    ordered, shape = ascending(within), reference.shape
    steps = normal_spreads(far_quantile) - normal_spreads(near_quantile)
    near = place - steps * spread_upwards(shape)
    far_count = len(ordered) - int(np.searchsorted(ordered, place))
    between = len(ordered) - int(np.searchsorted(ordered, near)) - far_count
    share = max(background_above(reference, near).share, 1 - near_quantile)
    noise = share * len(ordered)
    far_noise = background_above(reference, place).share * len(ordered)
    if far_count < max(placement["valley_events"], 5 * far_noise):
        return None
    return near if between - noise > 3 * np.sqrt(between + noise) else None


def place_cut(
    rule: CutRule,
    channel: int,
    within: np.ndarray,
    populations: Iterable[tuple[str, np.ndarray]],
    control: ControlCut | None,
    scale: Scale,
    full_scale: float,
    *,
    control_quantile: float,
    placement: dict,
    earlier: ControlCut | None = None,
) -> Cut:
    """Return the cut of a rule; `within` are the e-folds of the population that it divides.

    In order: control of the batch, the specimen's own reference population, the cut of the
    patient's `earlier` specimen, then a valley that passes every test; else none. A single
    population is never called positive for want of another.
    """
    unplaced = Cut(rule.name, rule.marker, channel, None, "NONE")
    if rule.method == "decades_below":
        return _decades_below(rule, unplaced, within, scale, placement)
    below = quantile_of(rule, control_quantile, placement)
    place, source, flags = None, "", []
    backgrounds: list[Background] = []
    if control is not None and rule.controls:
        place, move, told = fit_control(control, rule, populations, scale, placement)
        flags += [*control.flags, *told]
        source = control.source if not move else "REFINED"
        if place is not None and control.background is not None:
            backgrounds.append(Background(control.background, control.background_seen))
    doubt = "ALL" if source and place is None else ""  # the control's negatives lie elsewhere
    reference, skipped = choose_reference(rule, populations, scale, full_scale, placement)
    # cells of another kind glow differently: they tell no background of those that are cut
    alike = reference is not None and reference.gate == rule.references[0]
    if place is not None and reference is not None and alike and control:
        # the specimen's own negatives may spread further than the control's
        backgrounds.append(background_above(reference, place))
        own = reference_cut(rule, reference, below)
        if place > own + placement["control_gap"]:
            doubt = "NEGATIVE"
            flags.append(
                f"control stands {(place - own) / np.log(10):.2f} decades above the border of "
                "the specimen's own negatives: positives may be missed"
            )
    bare = control is not None and not control.reference
    if place is not None and reference and bare and reference_cut(rule, reference, below) > place:
        # an unstained tube lacks the spread that other stains add: never below the negatives
        place = None
        flags.append("the unstained control lies within the specimen's negatives: not used")
    if place is None and reference is not None:
        place, source = reference_cut(rule, reference, below), "INTERNAL"
        limit = placement["maximum_cut_share"] * full_scale
        if rule.method == "above_negatives" and not scale.linear and scale.back(place) > limit:
            place = None
            skipped = [*skipped, f"{reference.gate}: its border lies too high for negatives"]
    if place is not None and source == "INTERNAL" and reference is not None:
        flags.append(
            f"cut beside {reference.gate} of the specimen itself ({reference.shape.events})"
        )
        backgrounds = [background_above(reference, place)]
    if place is None and earlier is not None:
        place, source = float(scale.forward(earlier.value)), "REFERENCE"
        flags += [*skipped, *earlier.flags]
        if earlier.background is not None:
            backgrounds = [Background(earlier.background, earlier.background_seen)]
    if place is None:
        return _from_data(rule, unplaced, within, scale, placement, skipped)
    nearer = None
    if rule.dim_positives and reference is not None and alike and place is not None:
        nearer = nearer_cut(place, reference, within, control_quantile, below, placement)
    if nearer is not None:
        flags.append(
            f"dim positives: the cut stands {(place - nearer) / np.log(10):.2f} decades nearer to "
            "the negatives"
        )
        place, below = nearer, control_quantile
        backgrounds = [background_above(reference, place)] if reference else []
    moved, was_moved = refined(place, rule, within, placement)
    if was_moved:
        flags.append(
            f"moved by {(moved - place) / np.log(10):+.2f} decades to the valley beside it"
        )
        place, source, doubt = moved, "REFINED", ""
        backgrounds = [background_above(reference, place)] if reference and alike else []
    # by construction of the cut, this share of a normal population lies above it
    backgrounds.append(Background(1 - below, 0))
    other = earlier if source == "REFERENCE" and reference is None else control
    background = max(backgrounds) if rule.method == "above_negatives" and backgrounds else None
    return replace(
        unplaced, value=scale.back(place), source=source, flags=tuple(flags), doubt=doubt,
        background=background.share if background else None,
        background_seen=background.seen if background else 0,
        control_sample_id=other.control_sample_id if other and source != "INTERNAL" else "",
    )  # fmt: skip


def _decades_below(
    rule: CutRule, unplaced: Cut, within: np.ndarray, scale: Scale, placement: dict
) -> Cut:
    """Place a lower limit far below the bright cells, so that dim cells stay in."""
    if len(within) < placement["minimum_reference_events"]:
        return replace(unplaced, flags=(f"only {len(within)} events to place the cut",))
    bright = quantile(ascending(within), 0.95)
    decades = rule.decades or 0.0
    if scale.linear:
        floor = bright - decades * np.log(10)
    else:
        floor = float(scale.forward(scale.back(bright) / 10**decades))
    valley, _ = guarded_valley(within, floor - 1.0, floor + 0.7, **valley_rules(placement))
    if valley is not None:
        flags = (f"valley near {decades:g} decades below the bright cells",)
        return replace(unplaced, value=scale.back(valley), source="DATA", flags=flags)
    flags = (f"{decades:g} decades below the bright cells: no valley there",)
    return replace(unplaced, value=scale.back(floor), source="DATA", flags=flags)


def _from_data(
    rule: CutRule, unplaced: Cut, within: np.ndarray, scale: Scale, placement: dict,
    skipped: list[str],
) -> Cut:  # fmt: skip
    if len(within) >= placement["minimum_reference_events"]:
        ordered = ascending(within)
        low, high = quantile(ordered, 0.002), quantile(ordered, 0.998)
        valley, why = guarded_valley(ordered, low, high, **valley_rules(placement))
        if valley is not None:
            flags = ("no control and no reference population: cut at the valley of the data",)
            return replace(unplaced, value=scale.back(valley), source="DATA", flags=flags)
        skipped = [*skipped, why]
    else:
        skipped = [*skipped, f"only {len(within)} events to divide"]
    return replace(unplaced, flags=(f"no cut for {rule.marker}: {'; '.join(skipped)}",))
