"""Screen for a hidden share of antigen-negative cells that no label and no cluster sets apart.

A mixture of cells with and without the antigen is fitted to the molecules of all cells. It is a
screen: cells that differ in level for other reasons resemble a mixture, so it never makes a
sub-population LOST, and its power is stated with every result.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

_STEP = 0.01
_SHARES = np.arange(0, 0.955, _STEP)
_DEPTH_GROUPS = 24
_LEVELS = 161  # steps of 2 %
_EXPECTED_LEVELS = 41
# Half the 95 % quantile of chi-squared with one degree of freedom.
_DROP_95 = 1.920729


@dataclass(frozen=True)
class Screened:
    """Estimated antigen-negative share with its profile-likelihood interval, p-value and power.

    `shown`: the p-value is small enough to say that cells are of unlike level. `power` maps a true
    share to the probability that the screen would have shown it; `detectable` is the smallest share
    that it would have shown with the stated sensitivity, or None.
    """

    share: float
    low: float
    high: float
    p_value: float
    shown: bool
    power: dict[float, float]
    detectable: float | None
    cells: int
    molecules: int

    @property
    def figures(self) -> str:
        """What was found, for a remark."""
        return (
            f"share {self.share:.2f} ({self.low:.2f} to {self.high:.2f}) of {self.cells} cells "
            f"with {self.molecules} molecules, p {self.p_value:.2g}"
        )


def screen_mixture(
    molecules: np.ndarray,
    exposure: np.ndarray,
    background: float,
    overdispersion: float,
    *,
    p_value: float,
    fractions: list[float],
    sensitivity: float,
) -> Screened:
    """Return the fit of y ~ share * NB(s b) + (1 - share) * NB(s (level + b)) to the cells.

    `exposure` s is depth / 10,000 and `background` b the ambient rate. The p-value is that of
    share = 0
    (half a chi-squared distribution: the share lies on its border). Power comes from the likelihood
    ratio at the expected counts (the Asimov data of Cowan 2011, 10.1140/epjc/s10052-011-1554-0).
    """
    from scipy.special import ndtr, ndtri

    count, depth, weight = grouped_cells(molecules, exposure)
    mean = float(molecules.sum()) / float(exposure.sum())
    # the level of positive cells lies between the mean of all cells and that of few carriers
    levels = mean * np.geomspace(0.5, 25, _LEVELS)
    profile = _profile(count, depth, weight, levels, background, overdispersion, _SHARES)
    best = int(profile.argmax())
    ratio = max(2 * (profile[best] - profile[0]), 0.0)
    inside = np.flatnonzero(profile >= profile[best] - _DROP_95)
    threshold = float(ndtri(1 - p_value))
    level = mean / (1 - float(_SHARES[best]))  # that of the cells which have it

    def power(fraction: float) -> float:
        expected = _expected(depth, weight, level, background, overdispersion, fraction)
        # all cells alike have a level between those of the mean and of the positive cells
        levels = level * np.geomspace(0.9 * (1 - fraction), 1.1, _EXPECTED_LEVELS)
        none, true = _profile(
            *expected, levels, background, overdispersion, np.array([0.0, fraction])
        )
        return float(ndtr(max(2 * (true - none), 0.0) ** 0.5 - threshold))

    stated = {fraction: power(fraction) for fraction in fractions}
    reached = float(0.5 if best == 0 else 1 - ndtr(ratio**0.5))
    return Screened(
        share=float(_SHARES[best]),
        low=max(float(_SHARES[inside[0]]) - _STEP, 0.0),
        high=min(float(_SHARES[inside[-1]]) + _STEP, 1.0),
        p_value=reached,
        shown=reached < p_value,
        power=stated,
        detectable=_smallest(power, stated, sensitivity),
        cells=len(molecules),
        molecules=int(molecules.sum()),
    )


def _smallest(
    power: Callable[[float], float], stated: dict[float, float], sensitivity: float
) -> float | None:
    """Return the smallest share with enough power, to a relative precision of 3 %."""
    low = max((share for share, chance in stated.items() if chance < sensitivity), default=0.001)
    high = min((share for share, chance in stated.items() if chance >= sensitivity), default=0.9)
    if high == 0.9 and power(high) < sensitivity:
        return None
    while high > 1.03 * low:
        middle = (low * high) ** 0.5
        low, high = (low, middle) if power(middle) >= sensitivity else (middle, high)
    return high


def grouped_cells(
    molecules: np.ndarray, exposure: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (count, exposure, weight) of cells that are alike: same count, like depth."""
    groups = min(_DEPTH_GROUPS, len(exposure))
    edges = np.quantile(exposure, np.linspace(0, 1, groups + 1)[1:-1])
    group = np.searchsorted(edges, exposure)
    middle = np.bincount(group, weights=exposure, minlength=groups) / np.maximum(
        np.bincount(group, minlength=groups), 1
    )
    pairs, weight = np.unique(
        np.column_stack([group, molecules.astype(np.int64)]), axis=0, return_counts=True
    )
    return pairs[:, 1].astype(np.float64), middle[pairs[:, 0]], weight.astype(np.float64)


def log_probability(count: np.ndarray, mean: np.ndarray, overdispersion: float) -> np.ndarray:
    """Return the logarithm of the negative-binomial probability of each count."""
    from scipy.special import gammaln, xlogy

    size = 1 / overdispersion
    return (
        gammaln(count + size)
        - gammaln(size)
        - gammaln(count + 1)
        - size * np.log1p(mean / size)
        + xlogy(count, mean / (size + mean))
    )


def _profile(
    count: np.ndarray,
    depth: np.ndarray,
    weight: np.ndarray,
    levels: np.ndarray,
    background: float,
    overdispersion: float,
    shares: np.ndarray,
) -> np.ndarray:
    """Return the log-likelihood of each share, with the best level of the positive cells."""
    positive = log_probability(
        count[None, :], depth * (levels[:, None] + background), overdispersion
    )
    lowest = max(background, 1e-6 * float(levels[0]))
    negative = log_probability(count, depth * lowest, overdispersion)
    # relative to the larger of both, so that nothing underflows
    larger = np.maximum(positive, negative[None, :])
    offset = larger @ weight
    has, lacks = np.exp(positive - larger), np.exp(negative[None, :] - larger)
    best = np.empty(len(shares))
    for index, share in enumerate(shares):
        if share == 0:
            best[index] = _peak(positive @ weight)
            continue
        together = (1 - share) * has
        together += share * lacks
        best[index] = _peak(np.log(together) @ weight + offset)
    return best


def _peak(values: np.ndarray) -> float:
    """Return the top of the parabola through the highest value and its neighbours."""
    top = int(values.argmax())
    if top in (0, len(values) - 1):
        return float(values[top])
    left, middle, right = values[top - 1 : top + 2]
    bend = left - 2 * middle + right
    return float(middle if bend >= 0 else middle - (right - left) ** 2 / (8 * bend))


def _expected(
    depth: np.ndarray,
    weight: np.ndarray,
    mean: float,
    background: float,
    overdispersion: float,
    fraction: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the expected cells of each count and depth where `fraction` of them are negative.

    The positive cells keep the level that they have now.
    """
    places, where = np.unique(depth, return_inverse=True)
    cells = np.bincount(where, weights=weight)
    top = int(6 * (mean + background) * places.max() * (1 + overdispersion) + 12)
    count = np.arange(top + 1, dtype=np.float64)
    positive = np.exp(
        log_probability(count[None, :], places[:, None] * (mean + background), overdispersion)
    )
    negative = np.exp(
        log_probability(
            count[None, :], places[:, None] * max(background, 1e-6 * mean), overdispersion
        )
    )
    number = cells[:, None] * ((1 - fraction) * positive + fraction * negative)
    shape = number.shape
    return (
        np.broadcast_to(count, shape).ravel(),
        np.broadcast_to(places[:, None], shape).ravel(),
        number.ravel(),
    )
