"""Does a change of B cells speak of the CAR? The gates that must all pass."""

from dataclasses import replace

from aftercar.evidence.timeline import Infusion, View

BLAST_MEASURES = ("flow_mrd_fraction", "marrow_blasts")


def recovery_segment(view: View, targets: tuple[str, ...]) -> Infusion | None:
    """Return the latest dated infusion that binds one of `targets`: its segment is looked at."""
    for infusion in reversed(view.infusions):
        if set(infusion.targets) & set(targets):
            return infusion
    return None


def failed_gates(
    view: View, segment: Infusion, first_day: int, settings: dict, *, until: int | None = None
) -> list[str]:
    """Return in words each gate that failed between `first_day` and `until`.

    `until` is the day that settled the change (missing: the day of the view); what came later says
    nothing about it. `settings` is the section `attribution` of the recovery rules. A drug whose
    end is not known on the day of the view counts as still given. An empty list means that the
    change is attributable to the CAR.
    """
    if until is not None and until < view.day:
        view = _up_to(view, until)
    start = segment.day if segment.day is not None else 0
    return [
        *_transplants(view, start, settings["transplant_events"]),
        *_drugs(view, start, first_day, settings),
        *_other_products(view, segment, settings["other_car_targets"]),
        *_blasts(view, start, settings["blast_fraction"]),
    ]


def _up_to(view: View, day: int) -> View:
    """Return the view without what happened after `day`; what was learned later stays."""
    return replace(
        view,
        day=day,
        infusions=tuple(i for i in view.infusions if i.day is not None and i.day <= day),
        events=tuple(event for event in view.events if event.day <= day),
        values={
            measure: [value for value in values if value.day <= day]
            for measure, values in view.values.items()
        },
        memory={},
    )


def _transplants(view: View, start: int, names: list[str]) -> list[str]:
    given = [event for event in view.events if event.event in names and event.day > start]
    return [f"{event.event} on day {event.day}" for event in given]


def _drugs(view: View, start: int, first_day: int, settings: dict) -> list[str]:
    since = max(start + 1, first_day - settings["drug_lookback_days"])
    failed = []
    for event in view.events:
        if event.event not in settings["drug_events"]:
            continue
        if event.end_day is None:
            # a course that began before the infusion and has no end is bridging, not a later drug
            if event.day > start:
                failed.append(f"{event.event} from day {event.day}, end not known")
        elif event.end_day >= since:
            failed.append(f"{event.event} on days {event.day} to {event.end_day}")
    return failed


def _other_products(view: View, segment: Infusion, targets: list[str]) -> list[str]:
    others = [
        infusion
        for infusion in (*view.infusions, *view.undated)
        if infusion.number != segment.number
        and set(infusion.targets) & set(targets)
        and infusion.targets != segment.targets
    ]
    return [f"infusion {i.number} ({';'.join(i.targets)}) also removes B cells" for i in others]


def blasts_counted(view: View, start: int) -> bool:
    """Say whether leukemic cells were looked for after day `start`, with an answer."""
    answers = ("QUANTIFIED", "DETECTED_BELOW_LLOQ", "NOT_DETECTED")
    return any(
        value.day > start and value.status in answers
        for measure in BLAST_MEASURES
        for value in view.values.get(measure, ())
    )


def _blasts(view: View, start: int, fraction: float) -> list[str]:
    counted = [
        value
        for measure in BLAST_MEASURES
        for value in view.values.get(measure, ())
        if value.day > start and view.is_fresh(value) and value.value is not None
    ]
    if not counted:
        return []
    # a later specimen of the same kind replaces an earlier one; a clear fluid clears no marrow
    latest = {(value.measure, value.specimen): value for value in counted}
    most = max(latest.values(), key=lambda value: value.value or 0.0)
    if most.value is None or most.value < fraction:
        return []
    return [f"blasts could be counted as B cells: {most.text}"]
