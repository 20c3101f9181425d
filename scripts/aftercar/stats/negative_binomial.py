"""Rates of overdispersed counts, their differences and ratios, with intervals."""

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

# Below this the negative binomial is a Poisson distribution for all our purposes.
_POISSON = 1e-7


def negative_binomial_cdf(count: int, mean: float, overdispersion: float) -> float:
    """Return P(Y <= count) for variance = mean + overdispersion * mean ** 2."""
    from scipy.special import betainc, gammaincc

    if count < 0:
        return 0.0
    if mean <= 0:
        return 1.0
    if overdispersion < _POISSON:
        return float(gammaincc(count + 1, mean))
    size = 1 / overdispersion
    return float(betainc(size, count + 1, size / (size + mean)))


def negative_binomial_cdfs(
    counts: "np.ndarray", means: "np.ndarray", overdispersion: "np.ndarray | float"
) -> "np.ndarray":
    """Return P(Y <= count) for counts not below 0 and means above 0, of shapes that fit."""
    import numpy as np
    from scipy.special import betainc

    size = 1 / np.maximum(overdispersion, _POISSON)
    return betainc(size, counts + 1, size / (size + means))


def negative_binomial_upper_limits(
    counts: "np.ndarray", overdispersion: float, confidence: float = 0.95
) -> "np.ndarray":
    """Return the upper ends of `negative_binomial_interval` of many counts."""
    import numpy as np
    from scipy.special import betaincinv

    size = 1 / max(overdispersion, _POISSON)
    share = np.maximum(betaincinv(size, counts + 1, (1 - confidence) / 2), 1e-300)
    return size * (1 - share) / share


def negative_binomial_interval(
    count: int, overdispersion: float, confidence: float = 0.95
) -> tuple[float, float]:
    """Return the exact interval of the mean of one negative-binomial count.

    Both tails are inverted as Garwood (1936, 10.1093/biomet/28.3-4.437) does for a Poisson count;
    without overdispersion the limits are his.
    """
    from scipy.special import betaincinv, gammaincinv

    if count < 0 or overdispersion < 0:
        raise ValueError(f"counts and overdispersion are not negative: {count}, {overdispersion}")
    tail = (1 - confidence) / 2
    if overdispersion < _POISSON:
        low = 0.0 if count == 0 else float(gammaincinv(count, tail))
        return low, float(gammaincinv(count + 1, 1 - tail))
    size = 1 / overdispersion

    def mean_of(share: float) -> float:
        return math.inf if share <= 0 else size * (1 - share) / share

    low = 0.0 if count == 0 else mean_of(float(betaincinv(size, count, 1 - tail)))
    return low, mean_of(float(betaincinv(size, count + 1, tail)))


def difference_interval(
    first: tuple[float, float, float], second: tuple[float, float, float]
) -> tuple[float, float, float]:
    """Return (estimate, low, high) of first - second, each given as (estimate, low, high).

    Method of variance estimates recovery (Zou & Donner 2008, 10.1002/sim.3095).
    """
    (a, a_low, a_high), (b, b_low, b_high) = first, second
    estimate = a - b
    return (
        estimate,
        estimate - math.hypot(a - a_low, b_high - b),
        estimate + math.hypot(a_high - a, b - b_low),
    )


def ratio_interval(
    first: tuple[float, float, float], second: tuple[float, float, float]
) -> tuple[float, float, float]:
    """Return (estimate, low, high) of first / second, each given as (estimate, low, high).

    Method of variance estimates recovery for ratios (Donner & Zou 2012, 10.1177/0962280210383082).
    Where the denominator may be zero the upper limit is infinite. Negative parts count as zero.
    """
    a, a_low, a_high = (max(part, 0.0) for part in first)
    b, b_low, b_high = (max(part, 0.0) for part in second)
    if b <= 0:
        return math.nan, 0.0, math.inf
    estimate = a / b
    # Written for the quotient a/b with its roots; 2b - limit stays positive for the lower limit.
    low = 0.0
    if math.isfinite(b_high) and 2 * b > b_high:
        root = (a * b) ** 2 - a_low * b_high * (2 * a - a_low) * (2 * b - b_high)
        low = (a * b - math.sqrt(max(root, 0.0))) / (b_high * (2 * b - b_high))
    elif math.isfinite(b_high):
        # the denominator is too uncertain for the recovery of variances: worst case of both limits
        low = a_low / b_high
    if b_low <= 0 or not math.isfinite(a_high):
        return estimate, max(low, 0.0), math.inf
    high = float(upper_limits_of_ratio(a, a_high, b, b_low))
    return estimate, min(max(low, 0.0), estimate), max(high, estimate)


def upper_limits_of_ratio(
    first: "np.ndarray | float",
    first_high: "np.ndarray | float",
    second: "np.ndarray | float",
    second_low: "np.ndarray | float",
) -> "np.ndarray | float":
    """Return the upper limits of `ratio_interval` of many ratios; `second_low` is above 0."""
    product = first * second
    # not negative: the upper limit of the numerator lies above it, the lower one of the other below
    root = product**2 - first_high * second_low * (2 * first - first_high) * (
        2 * second - second_low
    )
    return (product + abs(root) ** 0.5) / (second_low * (2 * second - second_low))


def benjamini_hochberg(p_values: list[float]) -> list[float]:
    """Return the adjusted p-values in the same order (Benjamini & Hochberg 1995)."""
    total = len(p_values)
    order = sorted(range(total), key=p_values.__getitem__, reverse=True)
    adjusted, smallest = [0.0] * total, 1.0
    for rank, index in zip(range(total, 0, -1), order, strict=True):
        smallest = min(smallest, p_values[index] * total / rank)
        adjusted[index] = smallest
    return adjusted
