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


def ascending(values: np.ndarray) -> np.ndarray:
    """Return the values in ascending order, themselves if they are already.

    One sort makes every quantile, median and histogram of this module a look-up; whoever asks
    for several of them passes sorted values.
    """
    if bool((values[1:] >= values[:-1]).all()):
        return values
    return np.sort(values)


def quantile(ordered: np.ndarray, share: float) -> float:
    """Return a quantile of ascending values, linear between two of them."""
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    low, high = float(ordered[below]), float(ordered[above])
    return low + (high - low) * (place - below)


def density(values: np.ndarray) -> Density:
    """Return the smoothed histogram of `values` (e-folds); at least one value is needed."""
    ordered = ascending(values)
    low, high = quantile(ordered, 0.0005) - 0.6, quantile(ordered, 0.9995) + 0.6
    bins = max(8, min(2000, int(np.ceil((high - low) / STEP))))
    edges = np.linspace(low, high, bins + 1)
    counts = np.diff(np.searchsorted(ordered, edges.astype(ordered.dtype)))
    step = edges[1] - edges[0]
    quartiles = quantile(ordered, 0.75) - quantile(ordered, 0.25)
    # every so-many-th of ascending values is the same distribution: enough for a deviation
    even = ordered[:: max(1, len(ordered) // 4096)].astype(np.float64)
    sd = min(float(even.std()), quartiles / 1.349) or 0.1
    # nrd0 (Silverman 1986), bounded: a wide mixture must not smooth its own valleys away
    width = float(np.clip(0.9 * sd * len(ordered) ** -0.2, 0.06, 0.16))
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
    ordered = ascending(values)
    curve = density(ordered)
    tops = _peaks(curve, peak_height)
    centre = float(curve.at[tops[-1 if highest else 0]])
    own = _between(ordered, *_own_range(curve, tops, highest))
    # the top of a smoothed histogram wanders; the median of the events around it does not
    reach = 1.5 * min(_half_spreads(own, centre))
    core = _between(own, centre - reach, centre + reach)
    if len(core):
        centre = quantile(core, 0.5)
    left, right = _half_spreads(own, centre)
    return Population(centre, left, right, len(ordered))


def _between(ordered: np.ndarray, low: float, high: float) -> np.ndarray:
    first, last = np.searchsorted(ordered, low), np.searchsorted(ordered, high, side="right")
    return ordered[first:last]


def _half_spreads(ordered: np.ndarray, centre: float) -> tuple[float, float]:
    """Return 1.4826 x the median distance from the centre on either side, 0 without events."""
    middle = int(np.searchsorted(ordered, centre))
    left = centre - quantile(ordered[:middle], 0.5) if middle else 0.0
    right = quantile(ordered[middle:], 0.5) - centre if middle < len(ordered) else 0.0
    return 1.4826 * left, 1.4826 * right


def _own_range(curve: Density, tops: np.ndarray, highest: bool) -> tuple[float, float]:
    """Where the peak's own events lie: up to the lowest point before the next peak."""
    if len(tops) < 2:
        return -np.inf, np.inf
    first, second = (tops[-2], tops[-1]) if highest else (tops[0], tops[1])
    border = float(curve.at[first + int(curve.height[first : second + 1].argmin())])
    return (border, np.inf) if highest else (-np.inf, border)


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
    ordered = ascending(values)
    curve = density(ordered)
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
    below = int(np.searchsorted(ordered, curve.at[bottom]))
    side = len(ordered) - below if right[bottom] < left[bottom] else below
    if side < events:
        return None, f"only {side} events on the smaller side"
    if _chance(curve, smaller, lowest, standard_errors):
        return None, "the valley could be chance"
    return float(curve.at[bottom]), ""
