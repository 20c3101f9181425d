"""CAR-T and B-cell levels over time in a patient who does not exist.

CAR copies follow the model of Stein 2019 (CPT Pharmacometrics Syst Pharmacol, 10.1002/psp4.12388):
exponential growth to a peak, then a fast and a slow decline. B cells return a lag after the CAR
has fallen below a level that still kills them; this second part is a convention of the simulator.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

RESIDUAL_SD = 0.56  # ln scale, Stein 2019
# typical value and variance (log-normal) of each parameter, Stein 2019
TYPICAL = {
    "fold_expansion": (3900.0, 2.4),
    "days_to_peak": (9.3, 0.38),
    "peak": (24000.0, 0.65),
    "fast_decline": (0.16, 0.91),
    "slow_share": (0.0079, 0.80),
    "slow_decline": (0.0032, 0.86),
}


@dataclass(frozen=True)
class Course:
    """The parameters of one infusion: copies/ug, days, and rates per day.

    `lost_from` (days after the infusion) starts a further loss with the given half-life, as by
    rejection or conditioning: an addition to the published model, for the stories of the cohort.
    """

    fold_expansion: float
    days_to_peak: float
    peak: float
    fast_decline: float
    slow_share: float
    slow_decline: float
    lost_from: float | None = None
    lost_half_life: float = 3.0


def typical_course() -> Course:
    """Return the typical patient of Stein 2019."""
    return Course(**{name: value for name, (value, _) in TYPICAL.items()})


def draw_course(random: np.random.Generator, fixed: dict[str, float]) -> Course:
    """Return a patient drawn with the published variances; `fixed` values tell a story instead.

    The share of the slow phase is capped at 1, as a share must be.
    """
    drawn = {
        name: value * float(np.exp(random.normal(0.0, variance**0.5)))
        for name, (value, variance) in TYPICAL.items()
    }
    drawn["slow_share"] = min(drawn["slow_share"], 1.0)
    return replace(Course(**drawn), **fixed)  # type: ignore[arg-type]


def car_copies(course: Course, days: np.ndarray) -> np.ndarray:
    """Return CAR copies/ug on `days` after the infusion; 0 before it."""
    t = np.asarray(days, dtype=float)
    growth = np.log(course.fold_expansion) / course.days_to_peak
    after = t - course.days_to_peak
    rise = course.peak / course.fold_expansion * np.exp(growth * np.minimum(t, course.days_to_peak))
    fall = course.peak * (
        (1 - course.slow_share) * np.exp(-course.fast_decline * np.maximum(after, 0))
        + course.slow_share * np.exp(-course.slow_decline * np.maximum(after, 0))
    )
    level = np.where(after < 0, rise, fall)
    if course.lost_from is not None:
        level = level * 0.5 ** (np.maximum(t - course.lost_from, 0) / course.lost_half_life)
    return np.where(t < 0, 0.0, level)


def total_copies(courses: Sequence[tuple[int, Course]], days: np.ndarray) -> np.ndarray:
    """Return the copies/ug of several infusions (day, course) of one transgene together."""
    days = np.asarray(days, dtype=float)
    return np.sum([car_copies(course, days - start) for start, course in courses], axis=0)


def car_share_of_t_cells(copies: np.ndarray) -> np.ndarray:
    """Return CAR+ of T cells for copies/ug: about 0.2 at the typical peak, never above 0.45.

    A saturating convention of the simulator; flow and PCR disagree in real patients.
    """
    copies = np.asarray(copies, dtype=float)
    return 0.45 * copies / (copies + 25_000.0)


def b_cell_recovery_day(
    copies: np.ndarray, first_day: int, *, killing_level: float, lag: int
) -> int | None:
    """Return the day on which B cells start to return, or None.

    `copies` holds one value a day from `first_day` on. B cells return `lag` days after the first
    day past the peak on which the level fell below `killing_level` copies/ug.
    """
    peak = int(np.argmax(copies))
    below = np.flatnonzero(copies[peak:] < killing_level)
    return None if len(below) == 0 else first_day + peak + int(below[0]) + lag


def b_cell_share(
    day: float,
    infusion_days: Sequence[int],
    recovery_days: Sequence[int],
    *,
    before: float,
    after: float,
) -> float:
    """Return B cells of lymphocytes on `day`.

    `before` is the share before the first infusion. Each infusion empties the compartment from
    its day 6 on; after each recovery day it refills towards `after` with a half-time of 3 days.
    """
    past = [d for d in infusion_days if d + 6 <= day]
    if not past:
        return before
    started = [d for d in recovery_days if max(past) < d < day]
    return after * (1 - 0.5 ** ((day - max(started)) / 3.0)) if started else 0.0
