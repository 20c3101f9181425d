"""States of a patient that several values together tell: CAR level, CAR loss, B-cell aplasia."""

from aftercar.evidence.kinetics import Curve, Loss, car_states, is_evaluable
from aftercar.evidence.recovery import b_cell_recovery
from aftercar.evidence.timeline import View
from aftercar.evidence.verdicts import NOT_ATTRIBUTABLE, Verdict, agreement, negation


def state_verdict(name: str, view: View, target: str, settings: dict) -> Verdict:
    """Return the verdict of a `state` predicate.

    `settings` is the document of recovery rules. With a `target` only CARs that bind it count.
    """
    if name == "b_cell_recovery":
        return b_cell_recovery(view, settings)[0]
    if name == "b_cell_aplasia":
        return negation(b_cell_recovery(view, settings)[0])
    if name == "b_cell_state_confirmed":
        verdict, confirmed = b_cell_recovery(view, settings)
        if confirmed or verdict.status in ("NOT_ASSESSED", "INDETERMINATE"):
            return verdict
        return verdict._replace(status="INDETERMINATE", reason="one specimen, not confirmed")
    car = {
        "car_level": _level,
        "car_detected": _detected,
        "car_below_limit": _below_limit,
        "car_lost": _lost,
    }
    return car[name](view, target, settings)


def _states(view: View, target: str, settings: dict) -> list[tuple[Curve, Loss]]:
    key = f"car {target}"
    if key not in view.memory:
        targets = (target,) if target else view.targets
        view.memory[key] = car_states(view, settings["kinetics"], targets)
    return view.memory[key]  # type: ignore[return-value]


def _latest_values(view: View, target: str, settings: dict) -> list[Verdict]:
    """Return, per curve, PRESENT (CAR found), ABSENT (not detected, adequate limit) or why not."""
    limits = settings["kinetics"]["adequate_limits"]
    verdicts = []
    for curve, _ in _states(view, target, settings):
        telling = [v for v in curve.values if is_evaluable(v, limits[curve.measure])]
        if not telling:
            texts = tuple(v.text for v in curve.values[-1:])
            verdicts.append(Verdict("INDETERMINATE", texts, (), "limit of detection not adequate"))
            continue
        last = telling[-1]
        if not view.is_fresh(last):
            reason = f"STALE: {view.day - last.day} days old"
            verdicts.append(Verdict("NOT_ASSESSED", (last.text,), (last.day,), reason, stale=True))
            continue
        status = "ABSENT" if last.status == "NOT_DETECTED" else "PRESENT"
        verdicts.append(Verdict(status, (last.text,), (last.day,), last.status))
    return verdicts or [Verdict("NOT_ASSESSED", reason="CAR-T was not measured")]


def _detected(view: View, target: str, settings: dict) -> Verdict:
    verdicts = _latest_values(view, target, settings)
    found = [v for v in verdicts if v.status == "PRESENT"]
    # cells in blood and copies in DNA differ in sensitivity: found by one is found
    return found[0] if found else agreement(verdicts)


def _level(view: View, target: str, settings: dict) -> Verdict:
    """Any adequate answer will do: the question is whether the CAR was measured."""
    verdicts = _latest_values(view, target, settings)
    told = [v for v in verdicts if v.status in ("PRESENT", "ABSENT")]
    return told[0] if told else agreement(verdicts)


def _below_limit(view: View, target: str, settings: dict) -> Verdict:
    verdicts = [
        v._replace(status="ABSENT" if v.reason == "QUANTIFIED" else "PRESENT")
        if v.status in ("PRESENT", "ABSENT")
        else v
        for v in _latest_values(view, target, settings)
    ]
    return agreement(verdicts)


def _lost(view: View, target: str, settings: dict) -> Verdict:
    """Loss over all assays; not detected twice while B-cell aplasia holds is CONFLICTING."""
    verdicts = []
    for curve, loss in _states(view, target, settings):
        last = curve.values[-1]
        verdict = loss.verdict
        if verdict.status in ("PRESENT", "ABSENT") and not view.is_fresh(last):
            reason = f"STALE: {view.day - last.day} days old"
            verdict = Verdict("NOT_ASSESSED", (last.text,), (last.day,), reason, stale=True)
        verdicts.append(verdict)
    together = (
        agreement(verdicts)
        if verdicts
        else Verdict("NOT_ASSESSED", reason="CAR-T was not measured")
    )
    if together.status == "ABSENT" or together.status not in ("PRESENT", "CONFLICTING"):
        return together
    if gate := _transplant_since_infusion(view, settings):
        reason = f"{NOT_ATTRIBUTABLE}{gate}"
        return together._replace(status="INDETERMINATE", reason=reason)
    b_cells, _ = b_cell_recovery(view, settings)
    if together.status == "PRESENT" and b_cells.status == "ABSENT":
        return together._replace(
            status="CONFLICTING",
            values=(*together.values, *b_cells.values),
            reason="CAR-T not detected twice while B-cell aplasia holds",
        )
    return together


def _transplant_since_infusion(view: View, settings: dict) -> str:
    names = settings["attribution"]["transplant_events"]
    start = view.segment_start
    given = [e for e in view.events if e.event in names and start is not None and e.day > start]
    return f"{given[0].event} on day {given[0].day}" if given else ""
