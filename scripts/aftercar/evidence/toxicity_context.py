"""Toxicity, infections, drugs and disease burden around the infusions: rows of TOXICITY."""

from aftercar.contracts.toxicity_components import components_of
from aftercar.evidence.measured import MAY_BE_AFTER_LYMPHODEPLETION, is_before_lymphodepletion
from aftercar.evidence.timeline import Event, Value, View
from aftercar.evidence.toxicity import CapdBounds, Grade, crs_grade, icans_grade
from aftercar.evidence.viruses import FOUND, virus_rows

END_UNKNOWN = "end not entered: one day, or still going on"
APHERESIS = "whether before or after apheresis is not entered"
CAPD = "by CAPD, whose bounds are a convention"
OTHER_AGE = "CAPD is used below the age of 12 only: not graded by it"
OTHER_TOOL = "ICE was entered; below the age of 12 CAPD takes its place"
AGE_UNKNOWN = "age group not known: graded by ICE, as from the age of 12"
GRADE_5 = "grade 5 (ASTCT) if this toxicity was its cause"
FATAL = "entered as grade 5 of another system: death by it is grade 5 (ASTCT)"
Row = dict[str, object]


def toxicity_rows(patient_id: str, view: View, settings: dict) -> list[Row]:
    """Return rows of TOXICITY over the whole course of `view`.

    `settings` is the section `toxicity` of the recovery rules. CRS and ICANS are graded from the
    components that events.tsv holds; a grade of another system stands as it was entered and is
    never converted.
    """
    rows = _burden(view, settings["burden"])
    for event in view.events:
        if event.event in ("crs", "icans"):
            rows.append(_graded(event, view, settings))
        elif event.event == "infection":
            rows.append(_episode("infection", event, view) | _entered(event))
        elif event.event in settings["before_infusion"] and _is_before(event, view):
            rows.append(_before(event, view))
        elif event.event in settings["exposures"]:
            rows.append(_episode("exposure", event, view))
    rows += [
        _episode(kind, event, view) | found
        for kind, event, found in virus_rows(view, settings["virus_gap_days"])
    ]
    numbers: dict[tuple, int] = {}
    for row in rows:
        same = row["kind"], row["name"], row["day"]
        numbers[same] = numbers.get(same, 0) + 1
        row |= {"patient_id": patient_id, "item": numbers[same]}
    return rows


def _episode(kind: str, event: Event, view: View) -> Row:
    """Return the row of something that lasts, with its days since the infusion before it."""
    infusion = next((i for i in reversed(view.infusions) if (i.day or 0) <= event.day), None)
    known = event.end_day is not None
    return {
        "kind": kind,
        "name": event.event,
        "day": event.day,
        "end_day": event.end_day,
        "infusion_no": infusion.number if infusion else None,
        "onset_days": event.day - (infusion.day or 0) if infusion else None,
        "duration_days": event.end_day - event.day + 1 if event.end_day is not None else None,
        "status": "NOT_APPLICABLE",
        "flags": "" if known else END_UNKNOWN,
    }


def _entered(event: Event) -> Row:
    return {
        "grade_entered": int(event.grade) if event.grade else None,
        "grading_system": event.grading_system,
    }


def _graded(event: Event, view: View, settings: dict) -> Row:
    found = components_of(event.components)
    row = _episode("toxicity", event, view) | _entered(event)
    dead = _death(event, view)
    flags = [str(row["flags"]), dead]
    if not found:
        flags.append("components not entered: no ASTCT grade can be computed")
        row |= {"status": "NOT_ASSESSED", "value": "components not entered"}
        if event.grade and event.grading_system != "ASTCT":
            row["agreement"] = "not comparable"
    else:
        died = event.grade == "5" and event.grading_system == "ASTCT"
        if event.event == "crs":
            grade = _crs(event, found, view, settings["treated_by"], died=died)
        else:
            grade, told = _icans(found, view, settings["capd"], died=died)
            flags += told
        if dead:
            missing = (*grade.missing, "cause of death")
            grade = grade._replace(status="INDETERMINATE", missing=missing)
        agreement, why = _agreement(event, grade)
        flags += [grade.text if grade.missing else "", why]
        row |= {
            "grade_astct": grade.grade,
            "status": grade.status,
            "agreement": agreement,
            "value": event.components,
        }
    return row | {"flags": "; ".join(flag for flag in flags if flag)}


def _death(event: Event, view: View) -> str:
    """Say that the patient died within the episode, if grade 5 is not already entered (ASTCT)."""
    if event.grade == "5":
        return "" if event.grading_system == "ASTCT" else FATAL
    for death in view.events:
        if death.event == "death" and death.day >= event.day:
            if event.end_day is None:
                return f"death on day {death.day}, end of the episode not entered: {GRADE_5}"
            if death.day <= event.end_day:
                return f"death on day {death.day} within the episode: {GRADE_5}"
    return ""


def _crs(
    event: Event, found: dict[str, str], view: View, treated_by: list[str], *, died: bool
) -> Grade:
    last = event.day if event.end_day is None else event.end_day
    # a drug of an earlier infusion does not hide the fever of this one, unless it is still going on
    given = [i.day for i in view.infusions if i.day is not None and i.day <= event.day]
    since = max(given, default=event.day)
    treated = any(
        since <= e.day <= last or e.day <= event.day <= (e.end_day or e.day)
        for e in view.events
        if e.event in treated_by
    )
    fever = {"yes": True, "no": False}.get(found.get("fever", ""))
    return crs_grade(
        fever=fever,
        hypotension=found.get("hypotension"),
        oxygen=found.get("oxygen"),
        treated=treated,
        died=died,
    )


def _icans(found: dict[str, str], view: View, capd: dict, *, died: bool) -> tuple[Grade, list[str]]:
    scores = {name: int(found[name]) for name in ("ice", "capd") if name in found}
    group = view.facts.get("age_group", "")
    young = group in capd["age_groups"]
    told = [CAPD] if young and "capd" in scores else []
    if young and "ice" in scores:
        told.append(OTHER_TOOL)
    if not young and "capd" in scores:
        told.append(OTHER_AGE)
    if not group:
        told.append(AGE_UNKNOWN)
    grade = icans_grade(
        ice=scores.get("ice"),
        capd=scores.get("capd"),
        capd_bounds=CapdBounds(capd["grade_1_from"], capd["grade_3_from"]) if young else None,
        consciousness=found.get("consciousness"),
        seizure=found.get("seizure"),
        motor=found.get("motor"),
        edema=found.get("edema"),
        died=died,
    )
    return grade, told


def _agreement(event: Event, grade: Grade) -> tuple[str, str]:
    """Return how the entered grade stands to the components, and why where it does not agree."""
    if not event.grade:
        return "", "no grade was entered"
    if event.grading_system != "ASTCT":
        system = event.grading_system or "no system stated"
        return "not comparable", f"grade {event.grade} ({system}) as entered, not converted"
    entered = int(event.grade)
    if entered < grade.grade or (grade.status == "QUANTIFIED" and entered != grade.grade):
        more = "" if grade.status == "QUANTIFIED" else " at least"
        return "disagrees", f"entered ASTCT grade {entered}, components give{more} {grade.grade}"
    return ("agrees" if grade.status == "QUANTIFIED" else "not comparable"), ""


def _is_before(event: Event, view: View) -> bool:
    return bool(view.infusions) and event.day < (view.infusions[0].day or 0)


def _before(event: Event, view: View) -> Row:
    """Return a therapy before the first infusion; `value` says how long before."""
    first = view.infusions[0].day or 0
    row = _episode("before_infusion", event, view)
    if event.end_day is None:
        value = f"began {first - event.day} days before the first infusion"
    elif event.end_day < first:
        value = f"ended {first - event.end_day} days before the first infusion"
    else:
        value = f"from {first - event.day} days before the first infusion to after it"
    told = [str(row["flags"]), "" if event.event == "lymphodepletion" else APHERESIS]
    return row | {"value": value, "flags": "; ".join(flag for flag in told if flag)}


def _burden(view: View, definitions: list[dict]) -> list[Row]:
    rows = []
    for known in definitions:
        bound = f"{100 * known['high_from']:g} %"
        cited = ", ".join(known["evidence_ids"])
        definition = f"high: {bound} or more before lymphodepletion ({cited})"
        row: Row = {"kind": "burden", "name": known["name"], "day": None, "flags": definition}
        entered = view.facts.get(known["fact"], "")
        measured = _before_lymphodepletion(view, known["measure"])
        if entered not in ("", "unknown"):
            number, text = float(entered), f"{100 * float(entered):.3g} % as entered"
            size = "high" if number >= known["high_from"] else "not high"
        elif measured is not None:
            size, text = _size(measured, known["high_from"]), measured.text
            row["day"] = measured.day
            if view.lymphodepletion_start is None:
                row["flags"] = f"{definition}; {MAY_BE_AFTER_LYMPHODEPLETION}"
        else:
            rows.append(row | {"status": "NOT_ASSESSED", "value": "not assessed"})
            continue
        status = "INDETERMINATE" if size == "cannot tell" else "QUANTIFIED"
        rows.append(row | {"status": status, "value": f"{size}: {text}"})
    return rows


def _size(value: Value, high_from: float) -> str:
    """Say whether a burden is high; what was not detected lies below its limit of detection."""
    if value.status == "QUANTIFIED" and value.value is not None:
        return "high" if value.value >= high_from else "not high"
    limit = value.lloq if value.status == "DETECTED_BELOW_LLOQ" else value.limit
    return "not high" if limit is not None and limit <= high_from else "cannot tell"


def _before_lymphodepletion(view: View, measure: str) -> Value | None:
    """Return the latest marrow result of the time before lymphodepletion, found or not."""
    usable = [
        value
        for value in view.values.get(measure, ())
        if value.specimen == "BM"
        and value.status in (*FOUND, "NOT_DETECTED")
        and is_before_lymphodepletion(value, view)
    ]
    return usable[-1] if usable else None
