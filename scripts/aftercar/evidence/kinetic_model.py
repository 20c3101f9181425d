"""The curve of Stein 2019 (10.1002/psp4.12388) fitted to the CAR copies after one infusion.

Exponential growth to a peak, then a fast and a slow decline. Maximum likelihood with log-normal
error; a value below the limit of quantification is known to lie below it (never half of it). No
prior: what the specimens do not tell is not identifiable and has no estimate.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import exp, inf, log
from typing import NamedTuple

import numpy as np

from aftercar.contracts.kinetic_model import CURVE_QUANTITIES
from aftercar.evidence.kinetics import Curve, curves_of
from aftercar.evidence.timeline import View

# Growth (ln of the fold expansion), then ln of days to the peak, of the peak and of the fast
# decline, logit of the share of the slow phase, ln of the slow decline, ln of the residual SD.
GROWTH, PEAK_DAY, PEAK, FAST, SHARE, SLOW, SPREAD = range(7)
PARAMETERS = 7
HELD = {"cmax": PEAK, "half_life_fast_days": FAST, "half_life_slow_days": SLOW}
AREA_DAYS = 28
# How far the search goes; a limit of an interval that is not met before is open.
FOLD_EXPANSION = (1.5, 1e7)
PEAK_BEYOND_HIGHEST = (0.02, 1000.0)  # times the highest value seen
HALF_LIVES_DAYS = {"fast": (0.2, 300.0), "slow": (2.0, 20_000.0)}
RESIDUAL_SD = (0.03, 3.0)  # ln scale
SLOW_AT_MOST = 0.5  # of the fast rate: two equal rates cannot be told apart
WIDEST = 100.0  # upper to lower limit; what spans more is not called an estimate (convention)
HIGHER = 0.01  # ln likelihood; a smaller gain moves no limit
FIRST_STEP, STEP_GROWTH, TOLERANCE = 0.1, 1.8, 0.02  # ln scale of the quantity
# The model was published for copies; shares and counts of cells follow another course.
MEASURES = ("car_copies", "car_copies_per_genome")
UNITS = {"half_life_fast_days": "days", "half_life_slow_days": "days"}


@dataclass(frozen=True)
class Points:
    """Days after the infusion with ln of the value, or of the limit it lies below (`below`)."""

    days: np.ndarray
    logs: np.ndarray
    below: np.ndarray

    @property
    def quantified(self) -> int:
        """The number of values at or above the limit of quantification."""
        return int((~self.below).sum())


class Estimate(NamedTuple):
    """A quantity with its 95 % interval; None: not told. `reason` says why."""

    quantity: str
    value: float | None
    low: float | None
    high: float | None
    reason: str

    @property
    def identifiable(self) -> bool:
        """Say whether the interval is closed on both sides and not too wide."""
        return self.value is not None


def points_of(values: Sequence[tuple[int, float, bool]]) -> Points:
    """Return points from (days after the infusion, value or limit, below the limit).

    The day of the infusion is left out: the model has cells there that no assay can see.
    """
    kept = sorted((day, log(value), below) for day, value, below in values if day > 0 and value > 0)
    return Points(
        np.array([day for day, _, _ in kept], dtype=float),
        np.array([value for _, value, _ in kept], dtype=float),
        np.array([below for _, _, below in kept], dtype=bool),
    )


def fitted_quantities(points: Points) -> list[Estimate]:
    """Return cmax (unit of the values), both half-lives (days) and auc0_28 (unit x day).

    Intervals are profile likelihoods with the small-sample threshold n ln(1 + t^2 / (n - 6)) of
    normal regression (Bates & Watts 1988), n: quantified values. A quantity whose interval is open
    or wider than WIDEST, and any with fewer than one value more than parameters, is not
    identifiable.
    """
    needed = PARAMETERS + 1
    if points.quantified < needed:
        reason = f"{points.quantified} quantified values, {needed} needed"
        return [Estimate(name, None, None, None, reason) for name in CURVE_QUANTITIES]
    problem = _Problem(points)
    best, height = problem.best()
    while True:
        estimates = [_profiled(problem, name, best, height) for name in CURVE_QUANTITIES]
        # the profile may meet a higher point than the starts led to: the maximum lies above it
        higher = problem.above_profile(height)
        if higher is None:
            return estimates
        best, height = higher


def kinetic_model_rows(patient_id: str, view: View, recovery: dict) -> list[dict[str, object]]:
    """Return rows of KINETIC_MODEL (`recovery`: the document of recovery rules).

    A curve ends at a transplant. It is not fitted where an earlier infusion bound the same antigen:
    the model starts from the cells of one infusion.
    """
    rows = []
    for curve in curves_of(view, recovery["kinetics"]):
        if curve.measure in MEASURES and curve.values:
            points = _curve_points(curve, view, recovery["attribution"]["transplant_events"])
            earlier = _earlier_infusion(curve, view)
            estimates = (
                [Estimate(name, None, None, None, earlier) for name in CURVE_QUANTITIES]
                if earlier
                else fitted_quantities(points)
            )
            rows += [_row(patient_id, curve, points, estimate) for estimate in estimates]
    return rows


def _curve_points(curve: Curve, view: View, transplants: list[str]) -> Points:
    start = curve.infusion.day or 0
    ends = [e.day for e in view.events if e.event in transplants and e.day > start]
    values = []
    for value in curve.values:
        below = value.status in ("DETECTED_BELOW_LLOQ", "NOT_DETECTED")
        limit = value.lloq if value.lloq is not None else value.limit
        known = limit if below else value.value
        usable = below or value.status == "QUANTIFIED"
        if usable and known is not None and value.day <= min(ends, default=value.day):
            values.append((value.day - start, known, below))
    return points_of(values)


def _earlier_infusion(curve: Curve, view: View) -> str:
    antigens = set(curve.target.split(";")) if curve.target else set(curve.infusion.targets)
    numbers = [
        infusion.number
        for infusion in view.infusions
        if infusion.number < curve.infusion.number and antigens & set(infusion.targets)
    ]
    return f"CAR-T of infusion {numbers[0]} may be among the cells" if numbers else ""


def _row(patient_id: str, curve: Curve, points: Points, found: Estimate) -> dict[str, object]:
    unit = curve.values[0].unit
    if found.quantity == "auc0_28":
        unit = f"{unit} x day"
    return {
        "patient_id": patient_id,
        "infusion_no": curve.infusion.number,
        "infusion_day": curve.infusion.day,
        "measure": curve.measure,
        "target": curve.target,
        "quantity": found.quantity,
        "estimate": found.value,
        "low": found.low,
        "high": found.high,
        "unit": UNITS.get(found.quantity, unit),
        "quantified": points.quantified,
        "below_lloq": len(points.days) - points.quantified,
        "identifiable": "yes" if found.identifiable else "no",
        "reason": found.reason,
    }


def log_likelihood(vector: np.ndarray, points: Points) -> tuple[float, np.ndarray]:
    """Return the censored log-likelihood (without constants) and its gradient."""
    from scipy.special import log_ndtr

    logs, slopes = _curve(vector, points.days)
    spread = exp(vector[SPREAD])
    z = (points.logs - logs) / spread
    at, below = ~points.below, points.below
    mills = np.exp(-0.5 * z[below] ** 2 - 0.5 * log(2 * np.pi) - log_ndtr(z[below]))
    value = float(log_ndtr(z[below]).sum() - 0.5 * (z[at] ** 2).sum() - at.sum() * vector[SPREAD])
    weight = np.empty(len(z))
    weight[at], weight[below] = z[at] / spread, -mills / spread
    gradient = slopes @ weight
    gradient[SPREAD] = (z[at] ** 2 - 1).sum() - (mills * z[below]).sum()
    return value, gradient


def _curve(vector: np.ndarray, days: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return ln of the level on `days` and its derivatives, shape (parameters, days)."""
    growth, peak_day = vector[GROWTH], exp(vector[PEAK_DAY])
    fast, slow = exp(vector[FAST]), exp(vector[SLOW])
    share = 1 / (1 + exp(-vector[SHARE]))
    slopes = np.zeros((PARAMETERS, len(days)))
    slopes[PEAK] = 1
    rising = days < peak_day
    done = days[rising] / peak_day
    slopes[GROWTH, rising] = done - 1
    slopes[PEAK_DAY, rising] = -growth * done
    after = days[~rising] - peak_day
    quick, lasting = np.exp(-fast * after), np.exp(-slow * after)
    level = (1 - share) * quick + share * lasting
    slopes[PEAK_DAY, ~rising] = (
        peak_day * (fast * (1 - share) * quick + slow * share * lasting) / level
    )
    slopes[FAST, ~rising] = -fast * after * (1 - share) * quick / level
    slopes[SLOW, ~rising] = -slow * after * share * lasting / level
    slopes[SHARE, ~rising] = share * (1 - share) * (lasting - quick) / level
    logs = np.empty(len(days))
    logs[rising] = vector[PEAK] + growth * (done - 1)
    logs[~rising] = vector[PEAK] + np.log(level)
    return logs, slopes


def log_area_per_peak(vector: np.ndarray) -> float:
    """Return ln of the area from day 0 to AREA_DAYS for a peak of one."""
    growth, peak_day = vector[GROWTH], exp(vector[PEAK_DAY])
    rate = growth / peak_day
    if peak_day >= AREA_DAYS:
        return log((exp(rate * AREA_DAYS - growth) - exp(-growth)) / rate)
    fast, slow = exp(vector[FAST]), exp(vector[SLOW])
    share, left = 1 / (1 + exp(-vector[SHARE])), AREA_DAYS - peak_day
    falling = (1 - share) * (1 - exp(-fast * left)) / fast + share * (1 - exp(-slow * left)) / slow
    return log((1 - exp(-growth)) / rate + falling)


class _Problem:
    """A curve to fit: bounds, starts and the search with one quantity held or none."""

    def __init__(self, points: Points) -> None:
        self.points = points
        highest = float(points.logs[~points.below].max())
        top = points.days[~points.below][int(points.logs[~points.below].argmax())]
        rates = {
            name: (log(log(2) / longest), log(log(2) / shortest))
            for name, (shortest, longest) in HALF_LIVES_DAYS.items()
        }
        self.bounds = [(0.0, 0.0)] * PARAMETERS
        self.bounds[GROWTH] = (log(FOLD_EXPANSION[0]), log(FOLD_EXPANSION[1]))
        self.bounds[PEAK_DAY] = (log(1.0), log(max(points.days[-1], 2.0)))
        self.bounds[PEAK] = (
            highest + log(PEAK_BEYOND_HIGHEST[0]),
            highest + log(PEAK_BEYOND_HIGHEST[1]),
        )
        self.bounds[FAST], self.bounds[SLOW] = rates["fast"], rates["slow"]
        self.bounds[SHARE] = (-12.0, 6.0)
        self.bounds[SPREAD] = (log(RESIDUAL_SD[0]), log(RESIDUAL_SD[1]))
        self.highest, self.top_day = highest, float(top)
        self.seen: tuple[np.ndarray, float] | None = None  # the highest held point so far

    def best(self) -> tuple[np.ndarray, float]:
        """Return the highest likelihood that was found and where; the peak starts in every gap."""
        days = self.points.days
        inner = [self.top_day, *((days[1:] + days[:-1]) / 2)]
        near = sorted(inner, key=lambda day: abs(log(day / self.top_day)))[:6]
        starts = [self._start(day, half_life) for day in near for half_life in (2.0, 6.0)]
        found = [self._climb(start, None, 0.0) for start in starts]
        return max(found, key=lambda one: one[1])

    def _start(self, peak_day: float, half_life: float) -> np.ndarray:
        start = np.zeros(PARAMETERS)
        start[GROWTH], start[PEAK_DAY], start[PEAK] = log(1000.0), log(peak_day), self.highest
        start[FAST], start[SLOW] = log(log(2) / half_life), log(log(2) / 150)
        start[SHARE], start[SPREAD] = -4.0, log(0.4)
        return start

    def _climb(self, start: np.ndarray, held: str | None, at: float) -> tuple[np.ndarray, float]:
        from scipy.optimize import minimize

        bounds = list(self.bounds)
        index = HELD.get(held or "")
        start = start.copy()
        if index is not None:
            fixed = at if index == PEAK else log(log(2)) - at
            bounds[index], start[index] = (fixed, fixed), fixed
        area = held == "auc0_28"
        if area:  # the peak follows from the area and the shape
            bounds[PEAK], start[PEAK] = (0.0, 0.0), 0.0

        def fall(vector: np.ndarray) -> tuple[float, np.ndarray]:
            if area:
                vector = vector.copy()
                vector[PEAK] = at - log_area_per_peak(vector)
            value, gradient = log_likelihood(vector, self.points)
            if area:
                gradient = gradient - gradient[PEAK] * _slope(log_area_per_peak, vector)
            excess = max(vector[SLOW] - vector[FAST] - log(SLOW_AT_MOST), 0.0)
            gradient = gradient.copy()
            gradient[SLOW] -= 200 * excess
            gradient[FAST] += 200 * excess
            return 100 * excess**2 - value, -gradient

        low, high = np.array(bounds).T
        found = minimize(fall, np.clip(start, low, high), jac=True, method="L-BFGS-B",
                         bounds=bounds, options={"maxiter": 300})  # fmt: skip
        vector = found.x.copy()
        if area:
            vector[PEAK] = at - log_area_per_peak(vector)
        return vector, -float(found.fun)

    def held_at(
        self, quantity: str, at: float, starts: Sequence[np.ndarray]
    ) -> tuple[np.ndarray, float]:
        """Return the highest likelihood with ln of a quantity held."""
        found = [self._climb(start, quantity, at) for start in starts]
        highest = max(found, key=lambda one: one[1])
        if self.seen is None or highest[1] > self.seen[1]:
            self.seen = highest
        return highest

    def above_profile(self, height: float) -> tuple[np.ndarray, float] | None:
        """Return the maximum above the highest held point if it exceeds `height`."""
        if self.seen is None or self.seen[1] <= height + HIGHER:
            return None
        found = self._climb(self.seen[0], None, 0.0)
        return found if found[1] > height + HIGHER else None

    def limits(self, quantity: str) -> tuple[float, float]:
        """Return how far ln of a quantity is searched."""
        if quantity in ("cmax", "auc0_28"):
            low, high = self.bounds[PEAK]
            return (low, high) if quantity == "cmax" else (low - 3.0, high + 3.0)
        shortest, longest = HALF_LIVES_DAYS["fast" if "fast" in quantity else "slow"]
        return log(shortest), log(longest)


def _slope(function: Callable[[np.ndarray], float], vector: np.ndarray) -> np.ndarray:
    step = 1e-5
    slope = np.zeros(len(vector))
    for n in (GROWTH, PEAK_DAY, FAST, SHARE, SLOW):
        moved = vector.copy()
        moved[n] += step
        above = function(moved)
        moved[n] -= 2 * step
        slope[n] = (above - function(moved)) / (2 * step)
    return slope


def log_quantity(quantity: str, vector: np.ndarray) -> float:
    """Return ln of a quantity of the fitted curve."""
    if quantity == "cmax":
        return float(vector[PEAK])
    if quantity == "auc0_28":
        return float(vector[PEAK]) + log_area_per_peak(vector)
    return log(log(2)) - float(vector[FAST if "fast" in quantity else SLOW])


def _profiled(problem: _Problem, quantity: str, best: np.ndarray, height: float) -> Estimate:
    from scipy.special import stdtrit

    n = problem.points.quantified
    free = n - (PARAMETERS - 1)
    drop = n * log(1 + float(stdtrit(free, 0.975)) ** 2 / free) / 2
    centre = log_quantity(quantity, best)
    ends = [
        _crossing(problem, quantity, centre, best, height - drop, direction)
        for direction in (-1, 1)
    ]
    low, high = (None if end is None else exp(end) for end in ends)
    if low is None or high is None:
        open_side = "both sides" if low is None and high is None else (
            "below" if low is None else "above"
        )  # fmt: skip
        return Estimate(quantity, None, low, high, f"interval open {open_side}")
    if high > WIDEST * low:
        return Estimate(quantity, None, low, high, f"interval wider than {WIDEST:g} times")
    return Estimate(quantity, exp(centre), low, high, "")


def _crossing(
    problem: _Problem,
    quantity: str,
    centre: float,
    best: np.ndarray,
    level: float,
    direction: int,
) -> float | None:
    """Return where the profile falls below `level`, None if it does not before the limit."""
    end = problem.limits(quantity)[0 if direction < 0 else 1]
    inside, step, vector = centre, FIRST_STEP, best
    outside = inf
    while outside == inf:
        at = inside + direction * step
        last = (at - end) * direction >= 0
        at = end if last else at
        found, value = problem.held_at(quantity, at, (vector, best))
        if value < level:
            outside = at
        elif last:
            return None
        else:
            inside, vector, step = at, found, step * STEP_GROWTH
    while abs(outside - inside) > TOLERANCE:
        middle = (inside + outside) / 2
        found, value = problem.held_at(quantity, middle, (vector, best))
        if value < level:
            outside = middle
        else:
            inside, vector = middle, found
    return outside
