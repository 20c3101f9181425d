"""Peaks and valleys of one channel, with the tests that keep them honest. All in e-folds."""

from typing import NamedTuple

import numpy as np

STEP = 0.02  # e-folds of a bin
# Two peaks are one population unless the density between them falls below this share of the
# smaller one, by more than this many Poisson standard errors: ripples are no populations.
DISTINCT_DEPTH, DISTINCT_ERRORS = 0.7, 3.0


class Density(NamedTuple):
    """Smoothed events per bin of `STEP` e-folds, at bin centres `at`."""

    at: np.ndarray
    height: np.ndarray
    width: float  # standard deviation of the kernel, e-folds


class Population(NamedTuple):
    """Centre of a population and its spread to the left and right (robust standard deviations)."""

    centre: float
    left: float
    right: float
    events: int


def density(values: np.ndarray) -> Density:
    """Return the smoothed histogram of `values` (e-folds); at least one value is needed."""
    low, high = np.quantile(values, [0.0005, 0.9995])
    low, high = low - 0.6, high + 0.6
    bins = max(8, min(2000, int(np.ceil((high - low) / STEP))))
    counts, edges = np.histogram(values, bins=bins, range=(low, high))
    step = edges[1] - edges[0]
    quartiles = np.quantile(values, [0.25, 0.75])
    sd = min(float(values.std()), float(quartiles[1] - quartiles[0]) / 1.349) or 0.1
    # nrd0 (Silverman 1986), bounded: a wide mixture must not smooth its own valleys away
    width = float(np.clip(0.9 * sd * len(values) ** -0.2, 0.06, 0.16))
    reach = int(np.ceil(4 * width / step))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) * step / width) ** 2)
    height = np.convolve(counts, kernel / kernel.sum(), mode="full")[reach : reach + bins]
    return Density((edges[:-1] + edges[1:]) / 2, height, width)


def lowest_peak(values: np.ndarray, *, peak_height: float) -> float:
    """Return the lowest peak that is at least `peak_height` of the tallest one."""
    curve = density(values)
    return float(curve.at[_peaks(curve, peak_height)[0]])


def _peaks(curve: Density, peak_height: float) -> np.ndarray:
    height = np.concatenate([[-1.0], curve.height, [-1.0]])
    tops = np.flatnonzero((height[1:-1] > height[:-2]) & (height[1:-1] >= height[2:]))
    tall = tops[curve.height[tops] >= peak_height * curve.height.max()]
    if not len(tall):
        return np.array([int(curve.height.argmax())])
    distinct = [int(tall[0])]
    for top in tall[1:].tolist():
        last = distinct[-1]
        floor = float(curve.height[last : top + 1].min())
        smaller = float(min(curve.height[last], curve.height[top]))
        if floor < DISTINCT_DEPTH * smaller and not _chance(curve, smaller, floor, DISTINCT_ERRORS):
            distinct.append(top)
        elif curve.height[top] > curve.height[last]:
            distinct[-1] = top
    return np.array(distinct)


def _chance(curve: Density, peak: float, floor: float, standard_errors: float) -> bool:
    """Whether peak and floor (events per bin) could differ by chance alone (Poisson)."""
    bins = curve.width * np.sqrt(2 * np.pi) / (curve.at[1] - curve.at[0])
    return (peak - floor) * bins < standard_errors * np.sqrt((peak + floor) * bins)


def population(values: np.ndarray, *, peak_height: float, highest: bool = False) -> Population:
    """Return centre and spreads of the lowest (or highest) peak of `values` (e-folds).

    The spread of each side is 1.4826 x the median distance from the centre on that side, among
    the events before the next peak: another population there does not widen it.
    """
    curve = density(values)
    tops = _peaks(curve, peak_height)
    centre = float(curve.at[tops[-1 if highest else 0]])
    low, high = _own_range(curve, tops, highest)
    own = values[(values >= low) & (values <= high)]
    # the top of a smoothed histogram wanders; the median of the events around it does not
    reach = 1.5 * min(
        _half_spread(centre - own[own < centre]), _half_spread(own[own > centre] - centre)
    )
    core = own[np.abs(own - centre) <= reach]
    if len(core):
        centre = float(np.median(core))
    left = _half_spread(centre - own[own < centre])
    right = _half_spread(own[own >= centre] - centre)
    return Population(centre, left, right, len(values))


def _own_range(curve: Density, tops: np.ndarray, highest: bool) -> tuple[float, float]:
    """Where the peak's own events lie: up to the lowest point before the next peak."""
    if len(tops) < 2:
        return -np.inf, np.inf
    first, second = (tops[-2], tops[-1]) if highest else (tops[0], tops[1])
    border = float(curve.at[first + int(curve.height[first : second + 1].argmin())])
    return (border, np.inf) if highest else (-np.inf, border)


def _half_spread(distance: np.ndarray) -> float:
    return 1.4826 * float(np.median(distance)) if len(distance) else 0.0


def guarded_valley(
    values: np.ndarray,
    low: float,
    high: float,
    *,
    depth: float,
    events: int,
    standard_errors: float,
) -> tuple[float | None, str]:
    """Return the valley of `values` between `low` and `high`, or None and why there is none.

    A valley counts only between two peaks, if it is lower than `depth` times the smaller one, if
    that peak has at least `events` events, and if the difference is no chance (`standard_errors`
    of Poisson counts). So a single population is never cut in two.
    """
    if len(values) < 2 * events:
        return None, "too few events to look for a valley"
    curve = density(values)
    inside = np.flatnonzero((curve.at >= low) & (curve.at <= high))
    if not len(inside):
        return None, "no event near the reference cut"
    left = np.maximum.accumulate(curve.height)
    right = np.maximum.accumulate(curve.height[::-1])[::-1]
    peak = np.minimum(left, right)  # the smaller of the tallest peaks on either side
    drop = (peak - curve.height)[inside]
    best = int(drop.argmax())
    # a gap without events has no lowest bin: take its middle
    first = last = best
    while first > 0 and drop[first - 1] >= 0.98 * drop[best]:
        first -= 1
    while last + 1 < len(drop) and drop[last + 1] >= 0.98 * drop[best]:
        last += 1
    bottom = int(inside[(first + last) // 2])
    smaller, lowest = float(peak[bottom]), float(curve.height[bottom])
    if smaller <= 0 or lowest >= depth * smaller:
        return None, "no valley deep enough near the reference cut"
    above = values >= curve.at[bottom]
    side = values[above if right[bottom] < left[bottom] else ~above]
    if len(side) < events:
        return None, f"only {len(side)} events on the smaller side"
    if _chance(curve, smaller, lowest, standard_errors):
        return None, "the valley could be chance"
    return float(curve.at[bottom]), ""
