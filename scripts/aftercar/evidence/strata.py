"""Does the risk table separate patients? Outcomes from each landmark on, by what it said there.

Groups are formed at the landmark from what was known then, among patients still free of an event
and still watched. Groups of what ever happened ("ever recovered", "ever transplanted") would give
the wait before it to the group as time without events; there is no function that forms them.
"""

from collections import defaultdict
from collections.abc import Iterable

from aftercar.contracts.cohort import (
    ALL,
    BEFORE_LANDMARKS,
    CAUSE_OF_MECHANISM,
    CAUSES,
    OTHER_ANTIGEN,
    STRATUM_CATEGORIES,
    UNDATED,
    UNDATED_FACTS,
)
from aftercar.evidence.outcomes import (
    CENSORED,
    Course,
    Step,
    aalen_johansen,
    first_event,
    kaplan_meier,
)

# A row on each of these days lets a reader look up numbers at risk between events.
PRINTED_DAYS = (0, 90, 180, 365, 730)
UNDATED_TEXTS = tuple(f"{fact}=" for fact in UNDATED_FACTS)
DAYS_PER_MONTH = 30.4375


def from_landmark(course: Course, landmark_day: int, endpoint: str) -> tuple[int, str] | None:
    """Return the days from a landmark to the first event and its cause, or (days, CENSORED).

    None for a patient with an event of EFS up to the landmark or not watched up to it: neither
    belongs to a landmark analysis. Transplants are ignored.
    """
    day, cause = first_event(course, "EFS", censor_at_hct=False) or (-1, CENSORED)
    if day < landmark_day or (day == landmark_day and cause != CENSORED):
        return None
    if endpoint != "EFS":
        day, cause = first_event(course, endpoint, censor_at_hct=False) or (day, CENSORED)
    return day - landmark_day, cause


def stratum_of(row: dict) -> str:
    """Return the group of a plain row of RISK: its category, or UNDATED.

    UNDATED: without an entry of UNDATED_FACTS, whose day nobody knows, there would be no sign, or
    only contested ones. It may have been learned at relapse, which then seems to follow it.
    """
    signs = [sign for sign in (row.get("drivers") or "").split(" | ") if sign]
    contested = {text.partition(":")[0] for text in (row.get("conflicts") or "").split(" | ")}
    dated = [sign for sign in signs if not _rests_on_undated(sign)]
    if len(dated) == len(signs):
        return str(row["category"])
    if row["category"] == "SIGNAL":
        dated = [sign for sign in dated if sign.split(" ")[0].rstrip(":") not in contested]
    return str(row["category"]) if dated else UNDATED


def _rests_on_undated(sign: str) -> bool:
    """Say whether all values of a driver are undated: `RULE (target): value; value [note]`."""
    values = sign.partition(": ")[2]
    if values.endswith("]"):
        values = values.rpartition(" [")[0]
    return all(value.startswith(UNDATED_TEXTS) for value in values.split("; "))


def strata_rows(courses: dict[str, Course], risk: Iterable[dict]) -> list[dict[str, object]]:
    """Return rows of STRATA from the courses by patient and plain rows of RISK.

    A row stands on each day with an event of its cause, on PRINTED_DAYS and on the last day
    watched. NOT_ASSESSABLE is a group of its own, and so is UNDATED; patients
    whom a mechanism does not apply to are not in its groups.
    """
    members: dict[tuple, dict[str, str]] = defaultdict(dict)
    landmarks: dict[int, str] = {}
    for row in risk:
        landmarks[row["landmark_day"]] = row["landmark"]
        if row["patient_id"] in courses and row["category"] in STRATUM_CATEGORIES:
            group = (row["landmark_day"], row["mechanism"], row["target"], stratum_of(row))
            members[group][row["patient_id"]] = row["category"]
    times: dict[tuple[str, int, str], tuple[int, str] | None] = {
        (patient, day, endpoint): from_landmark(course, day, endpoint)
        for patient, course in courses.items()
        for day in landmarks
        for endpoint in ("EFS", "OS")
    }
    groups = [((day, ALL, "", ALL), list(courses)) for day in landmarks]
    groups += [(group, list(patients)) for group, patients in members.items()]
    rows = []
    for (day, mechanism, target, category), patients in sorted(groups):
        found = {
            endpoint: [(p, t) for p in patients if (t := times[p, day, endpoint]) is not None]
            for endpoint in ("EFS", "OS")
        }
        firsts, deaths = [t for _, t in found["EFS"]], [t for _, t in found["OS"]]
        causes: tuple[str, ...] = CAUSES
        if target and CAUSE_OF_MECHANISM[mechanism] == "antigen_negative":
            causes = (*CAUSES, OTHER_ANTIGEN)
            firsts = [_of_target(courses[p], day, target, t) for p, t in found["EFS"]]
        stratum: dict[str, object] = {
            "landmark": landmarks[day],
            "landmark_day": day,
            "mechanism": mechanism,
            "target": target,
            "category": category,
            "patients": len(firsts),
        }
        rows += [stratum | row for row in _curve_rows(firsts, deaths, causes)]
    return rows


def _of_target(
    course: Course, landmark_day: int, target: str, first: tuple[int, str]
) -> tuple[int, str]:
    """Return the first event, renamed if it is recorded to have lost other antigens than this."""
    days, cause = first
    lost = dict(course.lost_antigens).get(landmark_day + days)
    if cause == "antigen_negative" and lost and target not in lost:
        return days, OTHER_ANTIGEN
    return first


def _curve_rows(
    first_events: list[tuple[int, str]], deaths: list[tuple[int, str]], causes: tuple[str, ...]
) -> list[dict[str, object]]:
    curves = aalen_johansen(first_events, causes)
    curves["any_event"] = _complement(kaplan_meier(first_events))
    curves["death_any_cause"] = _complement(kaplan_meier(deaths))
    return [
        {
            "cause": cause,
            "day": step.day,
            "at_risk": step.at_risk,
            "events": step.events,
            "incidence": step.estimate if step.at_risk else None,
            "incidence_low": step.low,
            "incidence_high": step.high,
        }
        for cause, steps in curves.items()
        for step in _printed(steps)
    ]


def _complement(steps: list[Step]) -> list[Step]:
    """Return 1 - survival with its limits changed over."""
    return [
        step._replace(
            estimate=1 - step.estimate,
            low=None if step.high is None else 1 - step.high,
            high=None if step.low is None else 1 - step.low,
        )
        for step in steps
    ]


def _printed(steps: list[Step]) -> list[Step]:
    """Return the steps with events, the last one, and one on each printed day while watched."""
    kept = {step.day: step for step in steps if step.events or step is steps[-1]}
    for day in PRINTED_DAYS:
        later = next((step for step in steps if step.day >= day), None)
        if later is None or day in kept:
            continue
        before = [step for step in steps if step.day <= day]
        now = before[-1] if before else later
        if now.day < day:
            now = now._replace(day=day, at_risk=later.at_risk, events=0, censored=0)
        kept[day] = now
    return [kept[day] for day in sorted(kept)]


def visit_rate_rows(
    visit_days: dict[str, list[int]], courses: dict[str, Course], risk: Iterable[dict]
) -> list[dict[str, object]]:
    """Return rows of VISIT_RATES: how often patients are looked at while in each category.

    `visit_days`: days with a specimen or laboratory value by patient. Each time between landmarks,
    up to the last day watched, belongs to the category at the landmark before it: who is looked at
    more often has more chances of a finding.
    """
    by_question: dict[tuple[str, str], dict[str, dict[int, str]]] = defaultdict(
        lambda: defaultdict(dict)
    )
    for row in risk:
        if row["patient_id"] in courses:
            question = by_question[row["mechanism"], row["target"]]
            question[row["patient_id"]][row["landmark_day"]] = row["category"]
    rows = []
    for (mechanism, target), patients in sorted(by_question.items()):
        people: dict[str, set[str]] = defaultdict(set)
        days: dict[str, int] = defaultdict(int)
        visits: dict[str, int] = defaultdict(int)
        for patient, categories in patients.items():
            starts = sorted(categories)
            ends = [*starts, courses[patient].last_day]
            named = [BEFORE_LANDMARKS, *(categories[day] for day in starts)]
            for start, end, category in zip([0, *starts], ends, named, strict=True):
                until = min(end, courses[patient].last_day)
                if until <= start:
                    continue
                people[category].add(patient)
                days[category] += until - start
                visits[category] += sum(start < day <= until for day in visit_days[patient])
        rows += [
            {
                "mechanism": mechanism,
                "target": target,
                "category": category,
                "patients": len(people[category]),
                "patient_months": days[category] / DAYS_PER_MONTH,
                "visits": visits[category],
                "visits_per_month": visits[category] * DAYS_PER_MONTH / days[category],
            }
            for category in sorted(people)
        ]
    return rows
