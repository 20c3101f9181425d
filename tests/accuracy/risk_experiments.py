"""Does a SIGNAL precede the event that its mechanism stands for, and no other? Simulated truth.

Courses come from `aftercar.simulate.cohort_courses`, which shares no code with the analysis.
"""

from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import numpy as np
import pandas as pd
from tests.unit.evidence.patients import LANDMARKS, rulebook

from aftercar.contracts.cytometry import POPULATIONS
from aftercar.evidence.assess import Assessment, assess
from aftercar.evidence.collect import StreamTables, collect_evidence
from aftercar.simulate.cohort_courses import EVENTS, draw_cohort
from aftercar.simulate.cohort_visits import SimulatedPatient, observe

HORIZON_DAYS = 182
AGES = {"max_age_blood_days": 35, "max_age_marrow_days": 45}
CAR_FUNCTION, BURDEN = "M1: CAR function alone", "M2: burden before alone"
# Signal -> (lineage of the disease, the event it stands for, further events that are linked to it
# by construction): residual disease of any clone is a driver of M1, M2, M3 and M5; CAR function
# and T cells with viruses have drivers of their own.
SIGNALS = {
    "M1": ("B", "antigen_positive", ("antigen_negative", "lineage_switch")),
    CAR_FUNCTION: ("B", "antigen_positive", ()),
    "M2": ("B", "antigen_negative", ("antigen_positive", "lineage_switch")),
    BURDEN: ("B", "antigen_negative", ()),
    "M3": ("B", "lineage_switch", ("antigen_positive", "antigen_negative")),
    "M6, B lineage": ("B", "non_relapse_death", ()),
    "M4": ("T", "antigen_negative", ()),
    "M5": ("T", "antigen_positive", ("antigen_negative",)),
    "M6, T lineage": ("T", "non_relapse_death", ()),
}  # fmt: skip
LINEAGE_EVENTS = {"B": EVENTS, "T": tuple(e for e in EVENTS if e != "lineage_switch")}
ORDER = ("SIGNAL", "SIGNAL_CONFLICTING", "NOT_ASSESSABLE", "NO_SIGNAL", "NOT_APPLICABLE")


class Ratio(NamedTuple):
    """A ratio of hazards with the 95 % interval; NaN where one side has no event."""

    estimate: float
    log_error: float
    events: int

    def interval(self, z: float = 1.96) -> tuple[float, float]:
        """Return the limits at `z` standard errors."""
        spread = np.exp(z * self.log_error)
        return self.estimate / spread, self.estimate * spread


def observed_cohort(patients: int, seed: int) -> list[SimulatedPatient]:
    """Return the sheets and the truth of a simulated cohort."""
    return [observe(truth, seed) for truth in draw_cohort(patients, seed)]


def populations_of(cohort: list[SimulatedPatient]) -> dict[str, pd.DataFrame]:
    """Return the POPULATIONS of each patient who has any."""
    rows = [row for one in cohort for row in one.populations]
    return dict(list(POPULATIONS.frame(rows).groupby("patient_id"))) if rows else {}


def assess_one(one: SimulatedPatient, populations: pd.DataFrame | None) -> Assessment:
    """Return what the analysis says of one simulated patient at the six landmarks."""
    tables = StreamTables() if populations is None else StreamTables(populations=populations)
    evidence = collect_evidence(one.sheets, tables)
    return assess(one.sheets, evidence, rulebook(), landmarks=LANDMARKS, **AGES)


@cache
def judged_cohort(patients: int, seed: int) -> pd.DataFrame:
    """Return a row per patient, landmark before his event and signal, with what happened later."""
    cohort = observed_cohort(patients, seed)
    populations = populations_of(cohort)
    rows: list[dict[str, object]] = []
    for one in cohort:
        assessed = assess_one(one, populations.get(one.truth.patient_id))
        rows += _rows(one, assessed)
    return pd.DataFrame(rows)


def _rows(one: SimulatedPatient, assessed: Assessment) -> Iterator[dict[str, object]]:
    truth = one.truth
    for at, landmark in enumerate(LANDMARKS):
        if landmark >= truth.event_day:
            return
        later = [*LANDMARKS, LANDMARKS[-1] + HORIZON_DAYS][at + 1]
        for signal, (lineage, _, _) in SIGNALS.items():
            if lineage == truth.lineage:
                yield {
                    "patient": truth.patient_id,
                    "landmark": landmark,
                    "until": min(later, truth.event_day),
                    "signal": signal,
                    "category": _category(assessed, landmark, signal),
                    "event": truth.event,
                    "event_day": truth.event_day,
                }


def _category(assessed: Assessment, landmark: int, signal: str) -> str:
    if signal in (CAR_FUNCTION, BURDEN):
        group = "car_function" if signal == CAR_FUNCTION else "burden"
        found = {
            row["status"]
            for row in assessed.rules
            if row["landmark_day"] == landmark
            and row["information_group"] == group
            and row["rule_id"] in ("BCR_CONFIRMED", "CAR_LOST_BEFORE_LM", "BURDEN_HIGH_PRE_LD")
        }
        tested = found & {"ABSENT", "PRESENT"}
        return "SIGNAL" if "PRESENT" in found else "NO_SIGNAL" if tested else "NOT_ASSESSABLE"
    found = {
        row["category"]
        for row in assessed.risk
        if row["landmark_day"] == landmark and row["mechanism"] == signal[:2]
    }
    return next(category for category in ORDER if category in found)


def hazard_ratio(rows: pd.DataFrame, event: str) -> Ratio:
    """Return the ratio of hazards of an event after SIGNAL, relative to all that is not SIGNAL.

    The category of a landmark stands until the next (until HORIZON_DAYS after the last), so that
    no day of a patient counts twice. Mantel-Haenszel over days, variance of Greenland & Robins
    (1985, 10.2307/2530643); whoever has another event leaves on its day.
    """
    applicable = rows[rows["category"] != "NOT_APPLICABLE"]
    start, stop = applicable["landmark"].to_numpy(), applicable["until"].to_numpy()
    exposed = (applicable["category"] == "SIGNAL").to_numpy()
    happened = ((applicable["event"] == event) & (applicable["event_day"] == stop)).to_numpy()
    above = below = variance = 0.0
    for day in np.unique(stop[happened]):
        at_risk = (start < day) & (stop >= day)
        ours = exposed & at_risk
        n, n1 = at_risk.sum(), ours.sum()
        now = happened & (stop == day)
        d, d1 = now.sum(), (now & ours).sum()
        above += d1 * (n - n1) / n
        below += (d - d1) * n1 / n
        variance += d * n1 * (n - n1) / n**2
    if not above or not below:
        return Ratio(np.nan, np.nan, int(happened.sum()))
    return Ratio(above / below, float((variance / (above * below)) ** 0.5), int(happened.sum()))


def at_landmark(rows: pd.DataFrame, landmark: int, event: str, horizon: int) -> dict[str, int]:
    """Count SIGNAL among patients with and without the event in the next `horizon` days."""
    here = rows[(rows["landmark"] == landmark) & (rows["category"] != "NOT_APPLICABLE")]
    case = (here["event"] == event) & (here["event_day"] <= landmark + horizon)
    signal = here["category"] == "SIGNAL"
    return {
        "cases": int(case.sum()),
        "signal_in_cases": int((case & signal).sum()),
        "others": int((~case).sum()),
        "silent_in_others": int((~case & ~signal).sum()),
        "not_assessable": int((here["category"] == "NOT_ASSESSABLE").sum()),
        "conflicting": int((here["category"] == "SIGNAL_CONFLICTING").sum()),
        "no_signal": int((here["category"] == "NO_SIGNAL").sum()),
        "cases_in_no_signal": int((case & (here["category"] == "NO_SIGNAL")).sum()),
    }


def lead_days(rows: pd.DataFrame, event: str) -> tuple[np.ndarray, int]:
    """Return days from the first SIGNAL to the event, and the patients with it who could have one.

    Could: event-free at a landmark at which the mechanism applies.
    """
    cases = rows[(rows["event"] == event) & (rows["category"] != "NOT_APPLICABLE")]
    first = cases[cases["category"] == "SIGNAL"].groupby("patient")[["landmark", "event_day"]].min()
    return (first["event_day"] - first["landmark"]).to_numpy(), cases["patient"].nunique()


def unrelated_pairs() -> list[tuple[str, str]]:
    """Return the pairs of signal and event that have no link by construction."""
    return [
        (signal, event)
        for signal, (lineage, own, linked) in SIGNALS.items()
        for event in LINEAGE_EVENTS[lineage]
        if event != own and event not in linked
    ]


def log_errors_from_one(patients: int, seed: int) -> np.ndarray:
    """Return how many standard errors the log ratio of each unrelated pair lies from 0.

    Pairs without events on both sides are left out.
    """
    rows = judged_cohort(patients, seed)
    ratios = [
        hazard_ratio(rows[rows["signal"] == signal], event) for signal, event in unrelated_pairs()
    ]
    return np.array([np.log(r.estimate) / r.log_error for r in ratios if r.estimate > 0])
