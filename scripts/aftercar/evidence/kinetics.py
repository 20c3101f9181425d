"""The course of CAR-T after each infusion: observed maximum, area, persistence and its loss."""

from itertools import pairwise
from math import exp, log
from typing import NamedTuple

from aftercar.evidence.measured import ROUNDING
from aftercar.evidence.timeline import Infusion, Value, View
from aftercar.evidence.verdicts import NOT_ATTRIBUTABLE, Verdict

TESTED = ("QUANTIFIED", "DETECTED_BELOW_LLOQ", "NOT_DETECTED", "INDETERMINATE")


class Curve(NamedTuple):
    """Values of one measure and target after one infusion, one per day, and the infusion."""

    infusion: Infusion
    measure: str
    target: str
    values: tuple[Value, ...]


class Loss(NamedTuple):
    """Persistence was lost after `after_day` and not later than `until_day`, days of the sheets."""

    verdict: Verdict
    after_day: int | None
    until_day: int | None


def curves_of(view: View, settings: dict) -> list[Curve]:
    """Return the curve of each infusion, measure and target; measures (units) are never mixed.

    A curve ends where the next infusion binds one of the same antigens. CAR-T cells of an earlier
    product found after a later infusion form a curve of their own there, so that re-expansion
    shows.
    """
    if "curves" in view.memory:
        return view.memory["curves"]  # type: ignore[return-value]
    curves = []
    for index, infusion in enumerate(view.infusions):
        later = view.infusions[index + 1 :]
        for measure in settings["measures"]:
            by_target: dict[str, list[Value]] = {}
            for value in view.values.get(measure, ()):
                if value.specimen == settings["specimen"] and value.status in TESTED:
                    by_target.setdefault(value.target, []).append(value)
            for target in sorted(by_target):
                antigens = set(target.split(";")) if target else set(infusion.targets)
                own = bool(antigens & set(infusion.targets))
                given = {a for i in view.infusions[: index + 1] for a in i.targets}
                if not own and not antigens & given:
                    continue
                ends = [i.day for i in later if not own or set(i.targets) & antigens]
                start, end = _day(infusion), min([e for e in ends if e is not None], default=None)
                values = [
                    v for v in by_target[target] if v.day > start and (end is None or v.day <= end)
                ]
                if own or values:
                    curves.append(Curve(infusion, measure, target, _one_per_day(values)))
    view.memory["curves"] = curves
    return curves


def _day(infusion: Infusion) -> int:
    if infusion.day is None:
        raise ValueError(f"infusion {infusion.number} has no day")
    return infusion.day


def _one_per_day(values: list[Value]) -> tuple[Value, ...]:
    """Keep the highest value of each day."""
    best: dict[int, Value] = {}
    for value in values:
        if value.day not in best or _height(value) > _height(best[value.day]):
            best[value.day] = value
    return tuple(best[day] for day in sorted(best))


def _height(value: Value) -> tuple[int, float]:
    rank = {"QUANTIFIED": 3, "DETECTED_BELOW_LLOQ": 2, "NOT_DETECTED": 1}.get(value.status, 0)
    return rank, value.value or 0.0


def is_evaluable(value: Value, adequate_limit: float) -> bool:
    """Say whether a CAR value can tell; not detected counts only with an adequate limit."""
    if value.status == "NOT_DETECTED":
        return value.limit is not None and value.limit <= adequate_limit * ROUNDING
    return value.status in ("QUANTIFIED", "DETECTED_BELOW_LLOQ")


def loss_of(curve: Curve, adequate_limit: float) -> Loss:
    """Return whether persistence was lost: quantified before, then not detected twice in a row.

    Below the limit of quantification is not lost. `adequate_limit`: see `is_evaluable`.
    """
    telling = [v for v in curve.values if is_evaluable(v, adequate_limit)]
    if not telling:
        status = "INDETERMINATE" if curve.values else "NOT_ASSESSED"
        reason = "no specimen with an adequate limit" if curve.values else "CAR-T was not measured"
        texts = tuple(v.text for v in curve.values[-1:])
        return Loss(Verdict(status, texts, (), reason), None, None)
    found = [v for v in telling if v.status != "NOT_DETECTED"]
    negative = [v for v in telling if not found or v.day > found[-1].day]
    quantified = [v for v in telling if v.status == "QUANTIFIED"]
    if not negative:
        text, day = telling[-1].text, telling[-1].day
        return Loss(Verdict("ABSENT", (text,), (day,), "CAR-T detected"), day, None)
    values = tuple(v.text for v in [*quantified[-1:], *negative[:2]])
    days = tuple(v.day for v in negative)
    if not quantified:
        reason = "CAR-T was never quantified, so its loss cannot be told"
        return Loss(Verdict("INDETERMINATE", values, days, reason), None, None)
    if len(negative) < 2:
        reason = "not detected once, not yet confirmed by a second specimen"
        return Loss(Verdict("INDETERMINATE", values, days, reason), found[-1].day, None)
    reason = f"lost after day {found[-1].day}, by day {negative[0].day}"
    return Loss(Verdict("PRESENT", values, days, reason), found[-1].day, negative[0].day)


def sampling_grade(days: list[int], settings: dict) -> str:
    """Return A, B or C from the days after the infusion on which the CAR was measured."""
    inside = sum(settings["first_day"] <= day <= settings["last_day"] for day in days)
    if inside >= settings["a_at_least"]:
        return "A"
    return "B" if inside >= settings["b_at_least"] else "C"


def observed_maximum(points: list[tuple[int, float | None]]) -> tuple[float, int] | None:
    """Return the highest value and its day; `points`: (day after infusion, value; None: BLQ)."""
    known = [(value, -day) for day, value in points if value is not None]
    if not known:
        return None
    value, negative_day = max(known)
    return value, -negative_day


def area_until(points: list[tuple[int, float | None]], last_day: int) -> tuple[float, float] | None:
    """Return the area from day 0 to `last_day` (linear up, log down) and its extrapolated share.

    Below quantification counts as 0 before the maximum, as missing between quantified values, and
    ends the area after the last of them. Without a later specimen the last decline goes on to
    `last_day`; where there is none to go on with, there is no area (None). Day 0 counts as 0.
    Method: Gabrielsson & Weiner, non-compartmental analysis; conventions in
    resources/rules/recovery_rules.yaml.
    """
    top = observed_maximum(points)
    if top is None:
        return None
    curve = {0: 0.0}
    for day, value in points:
        if value is not None:
            curve[day] = value
        elif day < top[1]:
            curve[day] = 0.0
    days = sorted(curve)
    last_quantified = days[-1]
    inside = [day for day in days if day <= last_day]
    area = sum(_segment_area(a, curve[a], b, curve[b]) for a, b in pairwise(inside))
    if inside[-1] == last_day:
        return area, 0.0
    if last_quantified > last_day:
        a, b = inside[-1], days[len(inside)]
        at_end = _between(a, curve[a], b, curve[b], last_day)
        return area + _segment_area(a, curve[a], last_day, at_end), 0.0
    if any(day > last_quantified for day, _ in points):
        return area, 0.0
    before = inside[-2] if len(inside) > 1 else None
    if before is None or not 0 < curve[last_quantified] < curve[before]:
        return None
    slope = log(curve[before] / curve[last_quantified]) / (last_quantified - before)
    at_end = curve[last_quantified] * exp(-slope * (last_day - last_quantified))
    tail = _segment_area(last_quantified, curve[last_quantified], last_day, at_end)
    return area + tail, tail / (area + tail)


def _segment_area(day: float, value: float, next_day: float, next_value: float) -> float:
    if 0 < next_value < value:
        return (next_day - day) * (value - next_value) / log(value / next_value)
    return (next_day - day) * (value + next_value) / 2


def _between(day: float, value: float, next_day: float, next_value: float, at: float) -> float:
    share = (at - day) / (next_day - day)
    if 0 < next_value < value:
        return value * exp(-share * log(value / next_value))
    return value + share * (next_value - value)


def kinetics_rows(
    patient_id: str, view: View, settings: dict, transplant_events: list[str]
) -> list[dict[str, object]]:
    """Return rows of KINETICS (section `kinetics` of the recovery rules: `settings`).

    A loss that one of `transplant_events` came before is INDETERMINATE: conditioning and graft
    clear CAR-T as well, so persistence was watched to the last specimen with CAR-T only.
    """
    curves = curves_of(view, settings)
    return [
        _kinetics_row(patient_id, curve, view, settings, curves, transplant_events)
        for curve in curves
        if curve.values
    ]


def _unless_transplanted(loss: Loss, curve: Curve, view: View, names: list[str]) -> Loss:
    if loss.verdict.status != "PRESENT":
        return loss
    start, confirmed = _day(curve.infusion), loss.verdict.days[1]
    given = [e for e in view.events if e.event in names and start < e.day <= confirmed]
    if not given:
        return loss
    reason = (
        f"{NOT_ATTRIBUTABLE}{given[0].event} on day {given[0].day}; not detected since, last found "
        f"on day {loss.after_day}"
    )
    verdict = loss.verdict._replace(status="INDETERMINATE", reason=reason)
    return Loss(verdict, loss.after_day, None)


def _kinetics_row(
    patient_id: str,
    curve: Curve,
    view: View,
    settings: dict,
    curves: list[Curve],
    transplant_events: list[str],
) -> dict[str, object]:
    start = _day(curve.infusion)
    points = [
        (v.day - start, v.value if v.status == "QUANTIFIED" else None)
        for v in curve.values
        if v.status != "INDETERMINATE"
    ]
    grade = sampling_grade([day for day, _ in points], settings["sampling_grade"])
    loss = loss_of(curve, settings["adequate_limits"][curve.measure])
    loss = _unless_transplanted(loss, curve, view, transplant_events)
    quantified = [day for day, value in points if value is not None]
    row: dict[str, object] = {
        "patient_id": patient_id,
        "infusion_no": curve.infusion.number,
        "infusion_day": start,
        "measure": curve.measure,
        "target": curve.target,
        "unit": curve.values[0].unit,
        "samples": len(points),
        "sampling_grade": grade,
        "tlast_day": quantified[-1] if quantified else None,
        "loss_after_day": loss.after_day,
        "loss_until_day": loss.until_day,
        "loss_status": loss.verdict.status,
    }
    flags = [loss.verdict.reason] if loss.verdict.reason else []
    top = observed_maximum(points)
    if grade == "C":
        flags.append("too few specimens around the peak: no maximum, no area")
    elif top is not None:
        flags.append("observed maximum, the peak may lie between specimens")
        row |= {"cmax_observed": top[0], "tmax_observed_day": top[1]}
        area = area_until(points, settings["auc_last_day"])
        if area is None:
            flags.append("area not given: the curve ends before it declines")
        else:
            row |= {"auc0_28": area[0], "auc_extrapolated_fraction": area[1]}
    row["flags"] = "; ".join([*flags, *_context_flags(curve, view, settings, curves)])
    return row


def _context_flags(curve: Curve, view: View, settings: dict, curves: list[Curve]) -> list[str]:
    flags = []
    antigens = set(curve.target.split(";")) if curve.target else set()
    if antigens and not antigens & set(curve.infusion.targets):
        flags.append(_re_expansion(curve, curves))
    transplants = [e.day for e in view.events if e.event == "hct" and e.day > _day(curve.infusion)]
    found = [v for v in curve.values if v.status in ("QUANTIFIED", "DETECTED_BELOW_LLOQ")]
    if transplants and any(v.day > transplants[0] for v in found):
        flags.append(f"CAR-T still found after the transplant of day {transplants[0]}")
    if curve.infusion.number > 1:
        residual = _residual_at(curve, view)
        if residual:
            flags.append(residual)
    dominance = dominant_car(view, settings)
    if dominance and antigens & {settings["dominance"]["first"], settings["dominance"]["second"]}:
        flags.append(dominance)
    return flags


def _re_expansion(curve: Curve, curves: list[Curve]) -> str:
    """Say how the CAR of an earlier product changed after this infusion."""
    start = _day(curve.infusion)
    before = [
        v
        for c in curves
        if c.measure == curve.measure and c.target == curve.target
        for v in c.values
        if v.day <= start and v.status == "QUANTIFIED"
    ]
    after = [v.value for v in curve.values if v.status == "QUANTIFIED" and v.value is not None]
    if not before or not after or not before[-1].value:
        return "CAR of an earlier infusion"
    rise = max(after) / before[-1].value
    return f"CAR of an earlier infusion, {rise:.2g} times its last value before"


def _residual_at(curve: Curve, view: View) -> str:
    """Say if the CAR of an earlier infusion was still found when this one was given."""
    start = _day(curve.infusion)
    earlier = [
        v
        for v in view.values.get(curve.measure, ())
        if v.day <= start
        and v.target != curve.target
        and v.status in ("QUANTIFIED", "DETECTED_BELOW_LLOQ", "NOT_DETECTED")
        and start - v.day <= view.max_age_days[v.specimen]
        and v.specimen == "PB"
    ]
    if earlier and earlier[-1].status != "NOT_DETECTED":
        return f"residual CAR at this infusion: {earlier[-1].text}"
    return ""


def dominant_car(view: View, settings: dict) -> str:
    """Say which of two CARs dominates: its share of both lies beyond the bound at enough visits."""
    rule = settings["dominance"]
    for measure in settings["measures"]:
        by_day: dict[int, dict[str, float]] = {}
        for value in view.values.get(measure, ()):
            if value.specimen == settings["specimen"] and value.target in (
                rule["first"],
                rule["second"],
            ):
                height = value.value if value.status == "QUANTIFIED" else None
                if value.status in ("NOT_DETECTED", "DETECTED_BELOW_LLOQ"):
                    height = 0.0
                if height is not None:
                    by_day.setdefault(value.day, {})[value.target] = height
        shares = [
            (day, found[rule["first"]] / sum(found.values()))
            for day, found in sorted(by_day.items())
            if len(found) == 2 and sum(found.values()) > 0
        ]
        sides = [(day, "first" if share > rule["above"] else "second") for day, share in shares
                 if share > rule["above"] or share < rule["below"]]  # fmt: skip
        told = []
        for side in ("second", "first"):
            days = [day for day, which in sides if which == side]
            if len(days) >= rule["visits"]:
                told.append((days[0], f"{rule[side]} CAR dominates from day {days[0]}"))
        if told:
            return f"{measure}: " + ", then ".join(text for _, text in sorted(told))
    return ""


def car_states(view: View, settings: dict, targets: tuple[str, ...]) -> list[tuple[Curve, Loss]]:
    """Return the curves of the latest infusion of each measure and target that binds `targets`."""
    latest: dict[tuple[str, str], Curve] = {}
    for curve in curves_of(view, settings):
        antigens = set(curve.target.split(";")) if curve.target else set(curve.infusion.targets)
        if antigens & set(targets) and antigens & set(curve.infusion.targets) and curve.values:
            latest[curve.measure, curve.target] = curve
    return [
        (curve, loss_of(curve, settings["adequate_limits"][curve.measure]))
        for curve in latest.values()
    ]
