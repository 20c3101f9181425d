"""Where a patient stands at a landmark: which mechanisms can be asked, and why not."""

from typing import NamedTuple

from aftercar.evidence.rulebook import Mechanism, Rule
from aftercar.evidence.timeline import Event, View


class Standing(NamedTuple):
    """The clock of a patient at a landmark.

    `clock` is RUNNING, ENDED (by `end`) or UNKNOWN; `reason` says why it is not running.
    """

    clock: str
    reason: str = ""
    end: Event | None = None


def standing_at(view: View) -> Standing:
    """Return the clock of the CAR on the day of the view.

    A relapse or death ends it until another CAR is given (never after a death). Without the day of
    the first infusion there is no clock.
    """
    if end := view.clock_end:
        return Standing("ENDED", f"{end.text} ended the clock of this CAR", end)
    if any(infusion.number == 1 for infusion in view.undated):
        return Standing(
            "UNKNOWN", "the day of infusion 1 is not known, so no landmark can be placed"
        )
    if not view.infusions:
        return Standing("UNKNOWN", "no infusion is recorded, so no landmark can be placed")
    return Standing("RUNNING")


def applies(conditions: tuple[dict, ...], view: View) -> bool:
    """Say whether one of the conditions holds (diseases, targets, facts; all parts of one)."""
    return any(_holds(condition, view) for condition in conditions)


def _holds(condition: dict, view: View) -> bool:
    if "diseases" in condition and view.facts["disease"] not in condition["diseases"]:
        return False
    if "targets" in condition and not set(condition["targets"]) & set(view.targets):
        return False
    return all(view.facts.get(name, "") in ok for name, ok in condition.get("facts", {}).items())


def without_day(target: str, view: View) -> list[str]:
    """Return in words each undated infusion against `target`: its tests may precede it."""
    return [
        f"the day of infusion {i.number} ({';'.join(i.targets)}) is not known"
        for i in view.undated
        if target in i.targets
    ]


def transplants_since_infusion(view: View, settings: dict) -> list[str]:
    """Return one remark, or none, on transplants since the latest infusion: they may have acted.

    `settings` is the document of recovery rules.
    """
    start = view.segment_start
    given = [
        f"{event.event} on day {event.day}"
        for event in view.events
        if event.event in settings["attribution"]["transplant_events"]
        and start is not None
        and event.day > start
    ]
    return [f"after {' and '.join(given)}: not attributable to the CAR"] if given else []


def targets_asked(mechanism: Mechanism, view: View) -> tuple[str, ...]:
    """Return the antigens that the mechanism has a row for; one empty name if it has no targets."""
    if not mechanism.per_target:
        return ("",)
    wanted = {target for condition in mechanism.applies_if for target in condition["targets"]}
    return tuple(target for target in view.targets if target in wanted) or ("",)


def targets_of_rule(rule: Rule, view: View) -> tuple[str, ...]:
    """Return the antigens that a rule is evaluated for; one empty name if it has no targets."""
    if not rule.per_target:
        return ("",)
    wanted = rule.raw.get("applies_to_targets", view.targets)
    return tuple(target for target in view.targets if target in wanted)
