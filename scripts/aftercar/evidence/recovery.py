"""Recovery of a lineage under every named rule, confirmed on a second specimen."""

from collections.abc import Sequence
from typing import NamedTuple

from aftercar.evidence.attribution import blasts_counted, failed_gates, recovery_segment
from aftercar.evidence.measured import ROUNDING, UNUSABLE
from aftercar.evidence.timeline import Value, View
from aftercar.evidence.verdicts import NOT_ATTRIBUTABLE, Verdict

Visit = tuple[int, bool | None, list[str]]  # day, recovered or undecided, values as text

B_LINEAGE = ("b_cells", "hematogones")  # lineages whose recovery speaks of a CAR on B cells
NO_BLAST_COUNT = (
    "no blasts were counted since the infusion: that the cells are normal rests on the gate alone"
)


class FirstRecovery(NamedTuple):
    """The first confirmed recovery, whatever came later.

    It lies after `after_day` (last day seen not recovered before it, None: none was seen) and until
    `until_day`; the specimen of `confirmed_day` confirmed it. `dip_days`: seen not recovered later.
    """

    after_day: int | None
    until_day: int
    confirmed_day: int
    dip_days: tuple[int, ...]


class Recovery(NamedTuple):
    """One lineage by one rule on one day: what the latest specimens say.

    The lineage recovered after `after_day` (last day seen not recovered, None: none was seen) and
    until `until_day` (first day of the confirmed recovery). `confirmed`: evaluable specimens in a
    row agree, the last of them long enough after the first. `first` is the first recovery, also
    one that was lost again.
    """

    status: str
    after_day: int | None
    until_day: int | None
    confirmed: bool
    verdict: Verdict
    first: FirstRecovery | None = None


def recovery_by_rule(
    rule: dict, view: View, start: int, *, min_days_apart: int, check_age: bool
) -> Recovery:
    """Return what one recovery rule says of the specimens after day `start`.

    All specimens of one day count as one visit; visits confirm each other if they are at least
    `min_days_apart`. With `check_age` a latest visit older than allowed
    makes the answer NOT_ASSESSED and stale; the visit that it confirms may be older.
    """
    visits, seen = _visits(rule, view, start)
    states = [(day, state) for day, state, _ in visits if state is not None]
    found = _latest_state(rule, view, visits, seen, min_days_apart, check_age)
    return found._replace(first=first_confirmed(states, min_days_apart))


def first_confirmed(
    states: Sequence[tuple[int, bool]], min_days_apart: int
) -> FirstRecovery | None:
    """Return the first recovery that a later specimen in the same row confirmed, else None.

    `states`: day and whether recovered, in order of days.
    """
    after: int | None = None
    begun: int | None = None
    for day, recovered in states:
        if not recovered:
            after, begun = day, None
        elif begun is None:
            begun = day
        elif day - begun >= min_days_apart:
            dips = tuple(later for later, state in states if later > day and not state)
            return FirstRecovery(after, begun, day, dips)
    return None


def _latest_state(
    rule: dict, view: View, visits: list[Visit], seen: bool, min_days_apart: int, check_age: bool
) -> Recovery:
    states = [(day, state) for day, state, _ in visits if state is not None]
    texts = {day: texts for day, _, texts in visits}
    if not states:
        reason = _why_undecided(rule, view) if seen else "was not measured"
        status = "INDETERMINATE" if visits else "NOT_ASSESSED"
        values = tuple(text for _, _, shown in visits for text in shown)
        return Recovery(status, None, None, False, Verdict(status, values, (), reason))
    last_day, last = states[-1]
    run = _run(states)
    first, earlier = run[0], states[-len(run) - 1][0] if len(run) < len(states) else None
    confirmed = len(run) > 1 and last_day - first >= min_days_apart
    used = [day for day, _ in states[-2:]]
    values = tuple(text for day in used for text in texts[day])
    if check_age and not _any_fresh(rule, view, last_day):
        reason = f"STALE: latest specimen {view.day - last_day} days old"
        verdict = Verdict("NOT_ASSESSED", values[-1:], (last_day,), reason, stale=True)
        return Recovery("NOT_ASSESSED", None, None, False, verdict)
    if last and confirmed:
        return Recovery(
            "PRESENT", earlier, first, True,
            Verdict("PRESENT", values, tuple(used), f"recovered, {_interval(earlier, first)}"),
        )  # fmt: skip
    if last:
        reason = (
            f"first recovered specimen on day {first}, not yet confirmed by a second one at least "
            f"{min_days_apart} days later"
        )
        verdict = Verdict("INDETERMINATE", values, tuple(used), reason)
        return Recovery("INDETERMINATE", earlier, None, False, verdict)
    before = _run(states[: -len(run)])
    if not confirmed and len(before) > 1 and before[-1] - before[0] >= min_days_apart:
        reason = "recovered and confirmed before, not recovered in the latest specimen"
        verdict = Verdict("INDETERMINATE", values, tuple(used), reason)
        return Recovery("INDETERMINATE", None, None, False, verdict)
    reason = "not recovered in two specimens" if confirmed else "not recovered in one specimen"
    if len(run) > 1 and not confirmed:
        reason = f"not recovered in specimens less than {min_days_apart} days apart"
    return Recovery(
        "ABSENT", last_day, None, confirmed, Verdict("ABSENT", values, tuple(used), reason)
    )


def _run(states: list[tuple[int, bool]]) -> list[int]:
    """Return the days of the latest visits that all say the same."""
    days: list[int] = []
    for day, state in reversed(states):
        if state != states[-1][1]:
            break
        days.insert(0, day)
    return days


def _why_undecided(rule: dict, view: View) -> str:
    missing = [c["measure"] for c in criteria_of(rule) if c["measure"] not in view.values]
    if "all" in rule["recovered"] and missing:
        return f"no evaluable specimen: {', '.join(missing)} was not measured"
    return "no evaluable specimen"


def _interval(after: int | None, until: int) -> str:
    return (
        f"by day {until} at the latest" if after is None else f"after day {after}, by day {until}"
    )


def _any_fresh(rule: dict, view: View, day: int) -> bool:
    return any(view.day - day <= view.max_age_days[name] for name in rule["specimens"])


def criteria_of(rule: dict) -> list[dict]:
    """Return the thresholds of a recovery rule."""
    return rule["recovered"].get("any") or rule["recovered"]["all"]


def _visits(rule: dict, view: View, start: int) -> tuple[list[Visit], bool]:
    """Return (day, recovered or None, values) of each day with a value, and if any was seen."""
    join = any if "any" in rule["recovered"] else all
    criteria = criteria_of(rule)
    by_day: dict[int, list[list[tuple[bool | None, Value]]]] = {}
    for criterion in criteria:
        per_day: dict[int, list[tuple[bool | None, Value]]] = {}
        for value in view.values.get(criterion["measure"], ()):
            if value.day <= start or value.specimen not in rule["specimens"]:
                continue
            if value.status not in UNUSABLE:
                per_day.setdefault(value.day, []).append((_reaches(value, criterion), value))
        for day, found in per_day.items():
            by_day.setdefault(day, []).append(found)
    visits: list[Visit] = []
    for day in sorted(by_day):
        answers = [_one_answer([state for state, _ in found]) for found in by_day[day]]
        texts = [value.text for found in by_day[day] for _, value in found]
        # a criterion that cannot tell leaves the visit open, and so does one that was not measured
        # where all are needed; where any is enough, one that was not measured is left out
        decided = [answer for answer in answers if answer is not None]
        deciding = join is any
        if deciding in decided:
            state: bool | None = deciding
        else:
            needed = len(criteria) if join is all else len(answers)
            state = None if len(decided) < needed else join(decided)
        visits.append((day, state, texts))
    return visits, bool(by_day)


def _one_answer(states: list[bool | None]) -> bool | None:
    """Return the answer of several values of one measure on one day; None if they disagree."""
    known = {state for state in states if state is not None}
    return known.pop() if len(known) == 1 else None


def _reaches(value: Value, criterion: dict) -> bool | None:
    threshold = float(criterion["at_least"] if "at_least" in criterion else criterion["above"])
    if value.status == "QUANTIFIED" and value.value is not None:
        return value.value >= threshold if "at_least" in criterion else value.value > threshold
    below = {"DETECTED_BELOW_LLOQ": value.lloq, "NOT_DETECTED": value.limit}.get(value.status)
    return False if below is not None and below <= threshold * ROUNDING else None


def applicable_rules(rules: list[dict], view: View, lineage: str) -> list[dict]:
    """Return the enabled rules of a lineage that apply to this patient on this day."""
    return [
        rule
        for rule in rules
        if rule["lineage"] == lineage and rule["enabled"] and _applies(rule, view)
    ]


def _applies(rule: dict, view: View) -> bool:
    condition = rule.get("applies_if", {})
    diseases = condition.get("diseases", [view.facts["disease"]])
    return view.facts["disease"] in diseases and view.day >= condition.get("from_day", view.day)


def b_cell_recovery(view: View, settings: dict) -> tuple[Verdict, bool]:
    """Return what all enabled rules together say of B-cell recovery, and if that is confirmed.

    Rules that disagree are CONFLICTING. A failed attribution gate makes the answer INDETERMINATE.
    """
    if "b_cells" in view.memory:
        return view.memory["b_cells"]  # type: ignore[return-value]
    answer = _b_cell_recovery(view, settings)
    view.memory["b_cells"] = answer
    return answer


def _b_cell_recovery(view: View, settings: dict) -> tuple[Verdict, bool]:
    segment = recovery_segment(view, tuple(settings["attribution"]["b_lineage_targets"]))
    if segment is None or segment.day is None:
        return Verdict("NOT_ASSESSED", reason="no dated infusion binds a B-cell antigen"), False
    apart = settings["confirmation"]["min_days_apart"]
    by_rule = {
        rule["id"]: recovery_by_rule(rule, view, segment.day, min_days_apart=apart, check_age=True)
        for rule in applicable_rules(settings["rules"], view, "b_cells")
    }
    together = _all_rules(by_rule)
    if together.status == "NOT_ASSESSED":
        return together, False
    confirmed = any(r.confirmed for r in by_rule.values()) and together.status != "INDETERMINATE"
    first_day = min(together.days, default=view.day)
    gates = failed_gates(view, segment, first_day, settings["attribution"])
    if view.undated:
        gates.append(f"day of infusion {view.undated[0].number} is not known")
    if gates:
        reason = f"{NOT_ATTRIBUTABLE}{'; '.join(gates)}"
        return together._replace(status="INDETERMINATE", reason=reason), False
    return together, confirmed


def _all_rules(by_rule: dict[str, Recovery]) -> Verdict:
    said = {name: r for name, r in by_rule.items() if r.status != "NOT_ASSESSED"}
    if not said:
        stale = next((r.verdict for r in by_rule.values() if r.verdict.stale), None)
        return stale or Verdict(
            "NOT_ASSESSED", reason="B cells were not measured after the infusion"
        )
    statuses = {r.status for r in said.values()}
    if {"PRESENT", "ABSENT"} <= statuses:
        status = "CONFLICTING"
    elif "PRESENT" in statuses:
        status = "PRESENT"
    elif any(r.status == "INDETERMINATE" and r.verdict.days for r in said.values()):
        status = "INDETERMINATE"
    else:
        status = "ABSENT" if "ABSENT" in statuses else "INDETERMINATE"
    values = tuple(dict.fromkeys(text for r in said.values() for text in r.verdict.values))
    days = tuple(sorted({day for r in said.values() for day in r.verdict.days}))
    by_reason: dict[str, list[str]] = {}
    for name, found in said.items():
        by_reason.setdefault(found.verdict.reason, []).append(name)
    reason = "; ".join(f"{', '.join(names)}: {why}" for why, names in by_reason.items())
    return Verdict(status, values, days, reason)


def recovery_rows(patient_id: str, view: View, settings: dict) -> list[dict[str, object]]:
    """Return rows of RECOVERY: each rule of each lineage since the latest infusion."""
    rows = []
    for rule in settings["rules"]:
        row = {
            "patient_id": patient_id,
            "lineage": rule["lineage"],
            "rule_id": rule["id"],
            "definition": rule["definition"],
            "evidence_ids": ";".join(rule["evidence_ids"]),
        }
        rows.append(row | _row_of_rule(rule, view, settings))
    return rows


def _row_of_rule(rule: dict, view: View, settings: dict) -> dict[str, object]:
    if not rule["enabled"]:
        return {"status": "NOT_APPLICABLE", "attribution": "rule not enabled in this laboratory"}
    if not _applies(rule, view):
        return {"status": "NOT_APPLICABLE", "attribution": "does not apply to this patient yet"}
    b_cells = rule["lineage"] in B_LINEAGE
    targets = tuple(settings["attribution"]["b_lineage_targets"])
    segment = recovery_segment(view, targets if b_cells else view.targets)
    if segment is None or segment.day is None:
        why = "no dated infusion binds a B-cell antigen" if b_cells else "no dated infusion"
        return {"status": "NOT_APPLICABLE" if b_cells else "NOT_ASSESSED", "attribution": why}
    apart = settings["confirmation"]["min_days_apart"]
    found = recovery_by_rule(rule, view, segment.day, min_days_apart=apart, check_age=False)
    first = found.first
    attribution, remarks = "not asked: speaks of no CAR target", _dip(found)
    if b_cells:
        days = found.verdict.days if first is None else (first.until_day, first.confirmed_day)
        # what came after the specimens that settled it does not undo it
        gates = failed_gates(
            view,
            segment,
            min(days, default=view.day),
            settings["attribution"],
            until=max(days, default=view.day),
        )
        attribution = f"{NOT_ATTRIBUTABLE}{'; '.join(gates)}" if gates else "attributable"
        # the gate alone says that they are normal
        if not blasts_counted(view, segment.day):
            remarks.append(NO_BLAST_COUNT)
    return {
        "status": found.status,
        "since_day": segment.day,
        "not_recovered_day": found.after_day if first is None else first.after_day,
        "recovered_after_day": None if first is None else first.after_day,
        "recovered_until_day": None if first is None else first.until_day,
        "timing": _timing(first, segment.day, settings["early_before_day"]),
        "attribution": attribution,
        "values": "; ".join([*found.verdict.values, found.verdict.reason]),
        "remarks": "; ".join(remarks),
    }


def _dip(found: Recovery) -> list[str]:
    """Say if a confirmed recovery was followed by specimens without it."""
    first = found.first
    if first is None or not first.dip_days:
        return []
    days = ", ".join(str(day) for day in first.dip_days)
    now = {
        "PRESENT": "recovered again",
        "ABSENT": "lost again",
    }.get(found.status, "whether it still holds is not settled")
    return [
        f"first recovery {_interval(first.after_day, first.until_day)}, then not recovered on day "
        f"{days}, now {now}"
    ]


def _timing(first: FirstRecovery | None, start: int, early_before_day: int) -> str:
    """Say whether the interval of the first recovery lies before the bound or after it."""
    if first is None:
        return ""
    bound = start + early_before_day
    if first.until_day < bound:
        return "early"
    return "not early" if first.after_day is not None and first.after_day >= bound else "not known"
