"""Survival and cumulative incidence of a cohort, with both ways to handle transplants."""

from itertools import groupby
from math import exp, log, sqrt
from typing import NamedTuple

from aftercar.evidence.timeline import Event, Infusion

CENSORED = "censored"
CAUSES = (
    "antigen_positive",
    "antigen_negative",
    "lineage_switch",
    "unknown_phenotype",
    "non_relapse_death",
    "no_remission",
)
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


class Course(NamedTuple):
    """What happened to one patient after the first infusion, in days; None: did not happen.

    `relapses`: day and cause (of CAUSES) of each, `hct_days`: all transplants, both in order.
    `remission_day`: the first complete remission. `last_day`: last day known alive, or of death.
    """

    relapses: tuple[tuple[int, str], ...]
    no_remission_day: int | None
    remission_day: int | None
    hct_days: tuple[int, ...]
    death_day: int | None
    last_day: int


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
    )


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


def first_event(course: Course, endpoint: str, *, censor_at_hct: bool) -> tuple[int, str] | None:
    """Return the day and cause of the first event of an endpoint, or (day, CENSORED).

    OS: death. EFS: no remission, relapse or death, from the first infusion. RFS: relapse or death,
    from the complete remission, which is day 0 (None without one). On one day a relapse comes
    before death. What happened before day 0 of the endpoint does not count. With `censor_at_hct`
    follow-up ends at a transplant unless the event came first.
    """
    origin = 0
    if endpoint == "RFS":
        if course.remission_day is None:
            return None
        origin = course.remission_day
    causes: list[tuple[int, int, str]] = []
    if course.death_day is not None:
        causes.append((course.death_day, 2, "non_relapse_death"))
    if endpoint != "OS":
        causes += [(day, 0, cause) for day, cause in course.relapses]
    if endpoint == "EFS" and course.no_remission_day is not None:
        causes.append((course.no_remission_day, 1, "no_remission"))
    day, _, cause = min(
        (c for c in causes if c[0] >= origin), default=(course.last_day, 3, CENSORED)
    )
    hct = next((hct for hct in course.hct_days if hct >= origin), None)
    if censor_at_hct and hct is not None and hct < day:
        day, cause = hct, CENSORED
    return max(day - origin, 0), cause


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
    days: list[tuple[int, int, dict[str, int], float]] = []
    steps: dict[str, list[Step]] = {cause: [] for cause in causes}
    incidence = dict.fromkeys(causes, 0.0)
    history: dict[str, list[float]] = {cause: [] for cause in causes}
    ordered = _days(times)
    if not ordered or ordered[0][0] != 0:
        ordered.insert(0, (0, []))
    for day, happened in ordered:
        counts = {cause: happened.count(cause) for cause in causes}
        days.append((day, at_risk, counts, survival))
        if at_risk:
            for cause in causes:
                incidence[cause] += survival * counts[cause] / at_risk
            survival *= 1 - sum(counts.values()) / at_risk
        for cause in causes:
            history[cause].append(incidence[cause])
            variance = _aalen_variance(days, history[cause], cause)
            low, high = _limits(incidence[cause], variance)
            steps[cause].append(
                Step(
                    day,
                    at_risk,
                    counts[cause],
                    happened.count(CENSORED),
                    incidence[cause],
                    low,
                    high,
                )
            )
        at_risk -= len(happened)
    return steps


def _aalen_variance(
    days: list[tuple[int, int, dict[str, int], float]], history: list[float], cause: str
) -> float:
    """Return Aalen's variance of the incidence of `cause` on the last day of `days`."""
    now, total = history[-1], 0.0
    for (_, at_risk, counts, survival), incidence in zip(days, history, strict=True):
        events, mine = sum(counts.values()), counts[cause]
        if not events:
            continue
        gap = now - incidence
        if at_risk > 1:
            total += (
                gap * gap * events / ((at_risk - 1) * (at_risk - events)) if events < at_risk else 0
            )
            total += survival**2 * mine * (at_risk - mine) / (at_risk**2 * (at_risk - 1))
            if events < at_risk:
                total -= (
                    2 * gap * survival * mine * (at_risk - mine)
                    / (at_risk * (at_risk - events) * (at_risk - 1))
                )  # fmt: skip
    return max(total, 0.0)


def _limits(incidence: float, variance: float) -> tuple[float | None, float | None]:
    if not 0 < incidence < 1:
        return None, None
    half = Z95 * sqrt(variance) / (incidence * abs(log(incidence)))
    return incidence ** exp(half), incidence ** exp(-half)


def survival_rows(courses: list[Course]) -> list[dict[str, object]]:
    """Return rows of SURVIVAL: OS, EFS and RFS, transplants ignored and censored."""
    rows: list[dict[str, object]] = []
    for endpoint in ("OS", "EFS", "RFS"):
        for estimand in ("treatment_policy", "censored_at_hct"):
            firsts = [
                first_event(course, endpoint, censor_at_hct=estimand == "censored_at_hct")
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
    """Return rows of INCIDENCE by cause of the first event; transplants do not censor."""
    times = [first_event(course, "EFS", censor_at_hct=False) for course in courses]
    curves = aalen_johansen([time for time in times if time is not None], CAUSES)
    return [
        {
            "cause": cause,
            "day": step.day,
            "at_risk": step.at_risk,
            "events": step.events,
            "incidence": step.estimate,
            "incidence_low": step.low,
            "incidence_high": step.high,
        }
        for cause, steps in curves.items()
        for step in steps
        if step.at_risk
    ]
