"""Estimates of CAR-T kinetics on simulated patients of Stein's model (10.1002/psp4.12388).

The curves come from `aftercar.simulate.kinetics`, which shares no code with the analysis.
"""

from dataclasses import replace

import numpy as np
import pandas as pd
from tests.unit.evidence.patients import car, judged, no_car, value

from aftercar.evidence.kinetic_model import fitted_quantities, points_of
from aftercar.simulate.kinetics import RESIDUAL_SD, Course, car_copies, draw_course

# Days after the infusion of the schedules whose error for the typical curve is known.
SCHEDULES = {
    "11 visits": (0, 1, 3, 5, 7, 9, 11, 14, 17, 21, 28),
    "8 visits": (0, 2, 4, 7, 11, 14, 21, 28),
    "weekly": (0, 7, 14, 28),
    "fortnightly": (0, 14, 28),
}
LIMITS = {"LLOQ 25, LOD 5": (25.0, 5.0), "LLOQ 50, LOD 10": (50.0, 10.0),
          "LLOQ 250, LOD 50": (250.0, 50.0)}  # copies/ug  # fmt: skip
LATE_VISITS = {"every 4 weeks": 28, "every 8 weeks": 56, "every 12 weeks": 84}
LAST_VISIT = 1100


def drawn_course(seed: int) -> Course:
    """Return a patient drawn with the published variances."""
    return draw_course(np.random.default_rng([seed, 41]), {})


def measured_car(
    course: Course, days: list[int], seed: int, *, noise: bool, lloq: float = 50.0, lod: float = 10
) -> list[dict[str, object]]:
    """Return rows of EVIDENCE of the CAR on the days, with the model's residual error or none."""
    random = np.random.default_rng([seed, 42])
    levels = car_copies(course, np.array(days))
    if noise:
        levels = levels * np.exp(random.normal(0, RESIDUAL_SD, len(days)))
    rows = []
    for day, level in zip(days, levels, strict=True):
        if level >= lloq:
            rows.append(car(day, float(level)) | {"lloq": lloq, "limit": lod})
        elif level >= lod:
            rows.append(
                value(day, "car_copies", float(level), target="CD19", stream="lab", lloq=lloq,
                      limit=lod, status="DETECTED_BELOW_LLOQ")
            )  # fmt: skip
        else:
            rows.append(no_car(day, limit=lod))
    return rows


def sampled(patients: int, *, noise: bool) -> pd.DataFrame:
    """Return a row per patient and schedule: grade and errors of the observed maximum and area."""
    rows = []
    fine = np.linspace(0, 28, 2801)
    for seed in range(patients):
        course = drawn_course(seed)
        true_area = float(np.trapezoid(car_copies(course, fine), fine))
        for name, days in SCHEDULES.items():
            evidence = measured_car(course, [d for d in days if d > 0], seed, noise=noise)
            (row,) = judged(evidence, landmarks=[28]).kinetics
            peak, area = row.get("cmax_observed"), row.get("auc0_28")
            rows.append(
                {
                    "schedule": name,
                    "grade": row["sampling_grade"],
                    "peak_error": None if peak is None else peak / course.peak - 1,
                    "peak_day_error": None
                    if peak is None
                    else row["tmax_observed_day"] - course.days_to_peak,
                    "area_error": None if area is None else area / true_area - 1,
                }
            )
    return pd.DataFrame(rows)


def losses(patients: int, *, noise: bool) -> pd.DataFrame:
    """Return a row per patient, spacing of visits and limits: was the loss told, is it covered.

    The truth is the first day past the peak on which the error-free curve lies below the limit of
    detection.
    """
    rows = []
    for seed in range(patients):
        course = drawn_course(seed)
        later = np.arange(int(np.ceil(course.days_to_peak)), LAST_VISIT + 1)
        levels = car_copies(course, later)
        jitter = np.random.default_rng([seed, 43])
        for spacing, step in LATE_VISITS.items():
            planned = np.arange(28 + step, LAST_VISIT - 7, step)
            moved = planned + jitter.integers(-7, 8, len(planned))
            late = moved[jitter.random(len(planned)) > 0.2]
            for limits, (lloq, lod) in LIMITS.items():
                below = np.flatnonzero(levels < lod)
                gone = int(later[below[0]]) if len(below) else None
                days = [7, 11, 14, 21, 28, *late.tolist()]
                evidence = measured_car(course, days, seed, noise=noise, lloq=lloq, lod=lod)
                (row,) = judged(evidence, landmarks=[28]).kinetics
                told = row["loss_status"] == "PRESENT"
                after, until = row["loss_after_day"], row["loss_until_day"]
                rows.append(
                    {
                        "spacing": spacing,
                        "limits": limits,
                        "told": told,
                        "covered": told and gone is not None and after < gone <= until,
                        "width_days": until - after if told else None,
                        "decline_half_life_days": half_life_at(course, gone),
                    }
                )
    return pd.DataFrame(rows)


def half_life_at(course: Course, day: int | None) -> float | None:
    """Return the days in which the error-free curve halves, around a day."""
    if day is None:
        return None
    before, after = car_copies(replace(course), np.array([day - 1.0, day + 1.0]))
    return None if before <= after else float(2 * np.log(2) / np.log(before / after))


MONTHLY = tuple(range(56, 365, 28))
FIT_VISITS = {
    "35 visits": (*range(1, 13), 14, 16, 18, 21, 24, 28, 35, 42, *range(56, 141, 14),
                  *range(168, 365, 28)),
    "11 visits, then monthly": (*SCHEDULES["11 visits"][1:], *MONTHLY),
    "weekly, then monthly": (7, 14, 21, 28, *MONTHLY),
    "five visits": (7, 14, 28, 90, 180),
}  # fmt: skip


def fit(schedule: str, seed: int) -> list[dict[str, object]]:
    """Return a row per quantity of the curve fitted to one patient: told, covered, error."""
    course, days = drawn_course(seed), np.array(FIT_VISITS[schedule])
    random = np.random.default_rng([seed, 44])
    levels = car_copies(course, days) * np.exp(random.normal(0, RESIDUAL_SD, len(days)))
    points = points_of(
        [(int(d), max(float(v), 50.0), bool(v < 50)) for d, v in zip(days, levels, strict=True)]
    )
    fine = np.linspace(0, 28, 2801)
    truth = {
        "cmax": course.peak,
        "half_life_fast_days": np.log(2) / course.fast_decline,
        "half_life_slow_days": np.log(2) / course.slow_decline,
        "auc0_28": float(np.trapezoid(car_copies(course, fine), fine)),
    }
    return [
        {
            "schedule": schedule,
            "quantity": one.quantity,
            "told": one.identifiable,
            "fitted": "needed" not in one.reason,
            "covered": (one.low or 0) <= truth[one.quantity] <= (one.high or np.inf),
            "error": one.value / truth[one.quantity] - 1 if one.value is not None else None,
            "times": one.high / one.low if one.value is not None else None,
        }
        for one in fitted_quantities(points)
    ]
