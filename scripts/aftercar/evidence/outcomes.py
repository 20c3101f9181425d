"""Survival and cumulative incidence of a cohort, with both ways to handle transplants."""

from itertools import groupby
from math import exp, inf, log, sqrt
from typing import NamedTuple

from aftercar.contracts.cohort import (
    COMPETING_THERAPIES,
    INCIDENCE_ESTIMANDS,
    UNKNOWN_COUNTED_AS,
)
from aftercar.evidence.timeline import Event, Infusion, event_of, infusion_of

CENSORED = "censored"
UNKNOWN = "unknown_phenotype"
RELAPSES = ("relapse", "extramedullary_relapse", "lineage_switch")
# A dim or mixed relapse is one without (all of) the antigen.
CAUSE_OF_PHENOTYPE = {
    "antigen_positive": "antigen_positive",
    "antigen_negative": "antigen_negative",
    "antigen_dim": "antigen_negative",
    "mixed": "antigen_negative",
    "lineage_switch": "lineage_switch",
}
Z95 = 1.959963984540054
ROUNDING = 1e-12  # sums of shares that are 1 come out this close to it


class Course(NamedTuple):
    """What happened to one patient after the first infusion, in days; None: did not happen.

    `relapses`: day and cause (of CAUSES) of each, `hct_days`: all transplants, both in order.
    `remission_day`: the first complete remission. `last_day`: last day known alive, or of death.
    `therapy_days`: further infusions. `lost_antigens`: day of a relapse and the antigens recorded
    as lost in it; a relapse of which none is recorded has no entry.
    """

    relapses: tuple[tuple[int, str], ...]
    no_remission_day: int | None
    remission_day: int | None
    hct_days: tuple[int, ...]
    death_day: int | None
    last_day: int
    therapy_days: tuple[int, ...] = ()
    lost_antigens: tuple[tuple[int, tuple[str, ...]], ...] = ()


class Step(NamedTuple):
    """A day on which something happened, for `at_risk` patients just before it."""

    day: int
    at_risk: int
    events: int
    censored: int
    estimate: float
    low: float | None
    high: float | None


def course_of(
    infusions: list[Infusion], events: list[Event], specimen_days: list[int]
) -> Course | None:
    """Return the course of a patient, or None without a dated first infusion or any follow-up.

    Specimens and laboratory values count as seen alive. A relapse without a known phenotype is
    unknown_phenotype: it is never left out.
    """
    if not any(i.number == 1 and i.day is not None for i in infusions):
        return None
    after = sorted((e for e in events if e.day >= 0), key=lambda e: (e.day, e.event))
    seen = [*(e.day for e in after), *(day for day in specimen_days if day >= 0)]
    if not seen:
        return None
    relapse_days = sorted({e.day for e in after if e.event in RELAPSES})
    death = _first_day(after, "death")
    return Course(
        relapses=tuple((day, _cause(day, after)) for day in relapse_days),
        no_remission_day=_first_day(after, "no_remission"),
        remission_day=_first_day(after, "complete_remission"),
        hct_days=tuple(e.day for e in after if e.event == "hct"),
        death_day=death,
        last_day=max(seen) if death is None else death,
        therapy_days=tuple(
            sorted({i.day for i in infusions if i.number > 1 and i.day is not None and i.day > 0})
        ),
        lost_antigens=tuple((day, lost) for day in relapse_days if (lost := _lost(day, after))),
    )


def course_of_rows(infusions: list[dict], events: list[dict], days: list[int]) -> Course | None:
    """Return the course of a patient from sheet rows and the days with a specimen or a value."""
    return course_of(list(map(infusion_of, infusions)), list(map(event_of, events)), days)


def _first_day(events: list[Event], name: str) -> int | None:
    return next((e.day for e in events if e.event == name), None)


def _cause(day: int, events: list[Event]) -> str:
    """Return the cause of a relapse; rows of that day that differ are a mixed relapse."""
    same_day = [e for e in events if e.day == day and e.event in RELAPSES]
    known = {CAUSE_OF_PHENOTYPE[e.phenotype] for e in same_day if e.phenotype in CAUSE_OF_PHENOTYPE}
    if "lineage_switch" in known or any(e.event == "lineage_switch" for e in same_day):
        return "lineage_switch"
    if len(known) > 1:
        return CAUSE_OF_PHENOTYPE["mixed"]
    return known.pop() if known else "unknown_phenotype"


def _lost(day: int, events: list[Event]) -> tuple[str, ...]:
    """Return the antigens that relapses of that day are recorded to have lost."""
    return tuple(
        sorted(
            {
                e.antigen
                for e in events
                if e.day == day
                and e.event in RELAPSES
                and CAUSE_OF_PHENOTYPE.get(e.phenotype) == "antigen_negative"
                and e.antigen
            }
        )
    )


def first_event(
    course: Course, endpoint: str, *, censor_at_hct: bool, hct_competes: bool = False
) -> tuple[int, str] | None:
    """Return the day and cause of the first event of an endpoint, or (day, CENSORED).

    OS: death. EFS: no remission, relapse or death, from the first infusion. RFS: relapse or death,
    from the complete remission, which is day 0; None where none is recorded, or where relapse or
    no remission came before it. On one day a relapse comes before death. With `censor_at_hct`
    follow-up ends at a transplant, or at a further infusion given in remission, unless the event
    came first; who was transplanted before day 0 of RFS is not in it (None). With `hct_competes`
    that therapy is an event of its own (one of COMPETING_THERAPIES).
    """
    origin = 0
    failed = [day for day, _ in course.relapses]
    if course.no_remission_day is not None:
        failed.append(course.no_remission_day)
    if endpoint == "RFS":
        if course.remission_day is None or min(failed, default=inf) < course.remission_day:
            return None
        origin = course.remission_day
    causes: list[tuple[int, int, str]] = []
    if course.death_day is not None:
        remitted = _in_remission(course, course.death_day)
        cause = "non_relapse_death" if remitted else "death_without_recorded_remission"
        causes.append((course.death_day, 2, cause))
    if endpoint != "OS":
        causes += [(day, 0, cause) for day, cause in course.relapses]
    if endpoint == "EFS" and course.no_remission_day is not None:
        causes.append((course.no_remission_day, 1, "no_remission"))
    day, _, cause = min(causes, default=(course.last_day, 3, CENSORED))
    if censor_at_hct or hct_competes:
        therapy = _first_therapy(course)
        if therapy is not None and therapy[0] < origin:
            return None
        # a course may end with the record of the transplant
        if therapy is not None and (therapy[0] < day or (therapy[0] == day and cause == CENSORED)):
            day, cause = therapy[0], therapy[1] if hct_competes else CENSORED
    return max(day - origin, 0), cause


def _in_remission(course: Course, day: int) -> bool:
    return course.remission_day is not None and course.remission_day <= day


def _first_therapy(course: Course) -> tuple[int, str] | None:
    """Return the first transplant, or further infusion given in remission, and its name."""
    hct, unknown, other = COMPETING_THERAPIES
    found = [(day, hct if _in_remission(course, day) else unknown) for day in course.hct_days]
    found += [(day, other) for day in course.therapy_days if _in_remission(course, day)]
    return min(found, default=None)


def _days(times: list[tuple[int, str]]) -> list[tuple[int, list[str]]]:
    """Return each day with what happened on it, in order."""
    ordered = sorted(times)
    return [(day, [c for _, c in group]) for day, group in groupby(ordered, key=lambda t: t[0])]


def kaplan_meier(times: list[tuple[int, str]]) -> list[Step]:
    """Return the Kaplan-Meier estimate (1958) with Greenwood variance and log-log 95 % limits.

    `times`: (day, cause or CENSORED) per patient; any cause is the event. On one day events come
    before censoring. The first step is day 0. Limits are None where they are not defined.
    """
    at_risk, survival, greenwood = len(times), 1.0, 0.0
    steps = [] if any(day == 0 for day, _ in times) else [Step(0, at_risk, 0, 0, 1.0, None, None)]
    for day, happened in _days(times):
        censored = happened.count(CENSORED)
        events = len(happened) - censored
        if events:
            survival *= 1 - events / at_risk
            if events < at_risk:
                greenwood += events / (at_risk * (at_risk - events))
        low, high = _log_log(survival, greenwood)
        steps.append(Step(day, at_risk, events, censored, survival, low, high))
        at_risk -= len(happened)
    return steps


def _log_log(survival: float, greenwood: float) -> tuple[float | None, float | None]:
    if not 0 < survival < 1:
        return None, None
    half = Z95 * sqrt(greenwood) / abs(log(survival))
    return survival ** exp(half), survival ** exp(-half)


def aalen_johansen(times: list[tuple[int, str]], causes: tuple[str, ...]) -> dict[str, list[Step]]:
    """Return the cumulative incidence of each cause (Aalen & Johansen 1978) with log-log limits.

    On one day all causes share the patients at risk just before it, so ties need no order; the
    causes and the survival of any event add up to 1. Variance by Aalen's formula in the form of
    Marubini & Valsecchi 1995. Every cause has a step on every day, also one that never occurs.
    """
    at_risk, survival = len(times), 1.0
    steps: dict[str, list[Step]] = {cause: [] for cause in causes}
    incidence = dict.fromkeys(causes, 0.0)
    variances = {cause: _AalenVariance() for cause in causes}
    ordered = _days(times)
    if not ordered or ordered[0][0] != 0:
        ordered.insert(0, (0, []))
    for day, happened in ordered:
        counts = {cause: happened.count(cause) for cause in causes}
        censored, events = happened.count(CENSORED), sum(counts.values())
        for cause in causes:
            mine = counts[cause]
            if at_risk:
                incidence[cause] = min(incidence[cause] + survival * mine / at_risk, 1.0)
            variance = variances[cause]
            if events and at_risk > 1:
                variance.add(at_risk, events, mine, survival, incidence[cause])
            low, high = _limits(incidence[cause], variance.at(incidence[cause]))
            steps[cause].append(Step(day, at_risk, mine, censored, incidence[cause], low, high))
        if at_risk:
            survival *= 1 - events / at_risk
        at_risk -= len(happened)
    return steps


class _AalenVariance:
    """Aalen's variance of an incidence, as sums that grow by one day at a time.

    The formula holds (F(now) - F(day))^2 and F(now) - F(day), summed over the days; expanded in
    powers of F(now) each sum needs one visit per day instead of one per pair of days.
    """

    def __init__(self) -> None:
        self.square = [0.0, 0.0, 0.0]  # weights of (now - F)^2, times F^0, F^1, F^2
        self.linear = [0.0, 0.0]  # weights of (now - F), times F^0, F^1
        self.own = 0.0

    def add(self, at_risk: int, events: int, mine: int, survival: float, incidence: float) -> None:
        """Take in a day with `events`, `mine` of the cause; `survival` is that just before it."""
        self.own += survival**2 * mine * (at_risk - mine) / (at_risk**2 * (at_risk - 1))
        if events == at_risk:
            return
        weight = events / ((at_risk - 1) * (at_risk - events))
        for power in range(3):
            self.square[power] += weight * incidence**power
        weight = survival * mine * (at_risk - mine)
        weight /= at_risk * (at_risk - events) * (at_risk - 1)
        for power in range(2):
            self.linear[power] += weight * incidence**power

    def at(self, now: float) -> float:
        """Return the variance on the last day taken in, whose incidence is `now`."""
        square = self.square[0] * now**2 - 2 * now * self.square[1] + self.square[2]
        linear = now * self.linear[0] - self.linear[1]
        return max(square + self.own - 2 * linear, 0.0)


def _limits(incidence: float, variance: float) -> tuple[float | None, float | None]:
    if not 0 < incidence < 1 - ROUNDING:
        return None, None
    half = Z95 * sqrt(variance) / (incidence * abs(log(incidence)))
    return incidence ** exp(half), incidence ** exp(-half)


def survival_rows(courses: list[Course]) -> list[dict[str, object]]:
    """Return rows of SURVIVAL: OS, EFS and RFS, transplants and other therapy ignored or not."""
    rows: list[dict[str, object]] = []
    for endpoint in ("OS", "EFS", "RFS"):
        for estimand in ("treatment_policy", "censored_at_hct_or_therapy"):
            firsts = [
                first_event(
                    course, endpoint, censor_at_hct=estimand == "censored_at_hct_or_therapy"
                )
                for course in courses
            ]
            steps = kaplan_meier([first for first in firsts if first is not None])
            rows += [
                {
                    "endpoint": endpoint,
                    "estimand": estimand,
                    "day": step.day,
                    "at_risk": step.at_risk,
                    "events": step.events,
                    "censored": step.censored,
                    "survival": step.estimate,
                    "survival_low": step.low,
                    "survival_high": step.high,
                }
                for step in steps
                if step.at_risk
            ]
    return rows


def incidence_rows(courses: list[Course]) -> list[dict[str, object]]:
    """Return rows of INCIDENCE by cause of the first event, therapy ignored or competing.

    Relapses of unknown phenotype are a cause of their own; beside it stand the incidences of the
    two phenotypes if all of them had been antigen-positive, or all antigen-negative.
    """
    rows: list[dict[str, object]] = []
    for estimand, causes in INCIDENCE_ESTIMANDS.items():
        competes = estimand == "hct_or_therapy_competing"
        firsts = [
            first_event(c, "EFS", censor_at_hct=False, hct_competes=competes) for c in courses
        ]
        times = [first for first in firsts if first is not None]
        for counted_as, known_causes in UNKNOWN_COUNTED_AS.items():
            known = counted_as.removeprefix("as_")
            counted = [(day, known if c == UNKNOWN and known in causes else c) for day, c in times]
            curves = aalen_johansen(counted, causes)
            rows += [
                {
                    "estimand": estimand,
                    "unknown_phenotype": counted_as,
                    "cause": cause,
                    "day": step.day,
                    "at_risk": step.at_risk,
                    "events": step.events,
                    "incidence": step.estimate,
                    "incidence_low": step.low,
                    "incidence_high": step.high,
                }
                for cause in known_causes or causes
                for step in curves[cause]
                if step.at_risk
            ]
    return rows


def follow_up_rows(courses: list[Course]) -> list[dict[str, object]]:
    """Return rows of FOLLOW_UP: per endpoint how long patients were watched and stayed free of it.

    Median follow-up by reverse Kaplan-Meier (Schemper & Smith 1996, doi
    10.1016/0197-2456(96)00075-X): the end of observation is the event, the endpoint censors. A
    median is missing where the curve, or its limit, does not come down to one half.
    """
    rows: list[dict[str, object]] = []
    for endpoint in ("OS", "EFS", "RFS"):
        for estimand in ("treatment_policy", "censored_at_hct_or_therapy"):
            firsts = [
                first_event(c, endpoint, censor_at_hct=estimand == "censored_at_hct_or_therapy")
                for c in courses
            ]
            times = [first for first in firsts if first is not None]
            watched = [(day, CENSORED if c != CENSORED else "watched") for day, c in times]
            row: dict[str, object] = {
                "endpoint": endpoint,
                "estimand": estimand,
                "patients": len(times),
                "events": sum(cause != CENSORED for _, cause in times),
            }
            for name, found in (("follow_up", watched), ("event_free", times)):
                # An exit on the day of an event was still watched through it: events come first.
                steps = kaplan_meier(found)
                for part, value in zip(("", "_low", "_high"), median_days(steps), strict=True):
                    row[f"median_{name}{part}_days"] = value
            rows.append(row)
    return rows


def median_days(steps: list[Step]) -> tuple[int | None, int | None, int | None]:
    """Return the median of a survival curve with its 95 % limits (Brookmeyer & Crowley 1982).

    Each is the first day on which the curve, its lower or its upper limit is at most one half.
    """
    return (
        _first_at_half(steps, "estimate"),
        _first_at_half(steps, "low"),
        _first_at_half(steps, "high"),
    )


def _first_at_half(steps: list[Step], part: str) -> int | None:
    # At survival 0 the log-log limits are not defined; the lower one has come down to 0 as well.
    for step in steps:
        value = getattr(step, part)
        if value is None and part == "low" and step.estimate == 0:
            value = 0.0
        if value is not None and value <= 0.5 + 1e-12:
            return step.day
    return None
