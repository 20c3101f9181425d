"""Counts whose probability varies from site to site: the beta-binomial distribution."""

import numpy as np
from numpy.typing import ArrayLike

_NO_DISPERSION = 1e-7


def log_probability(
    count: ArrayLike, total: ArrayLike, mean: ArrayLike, dispersion: ArrayLike
) -> np.ndarray:
    """Return ln P(count) of a beta-binomial with `mean` and intra-class correlation `dispersion`.

    The beta distribution has a = mean (1/dispersion - 1), b = (1 - mean) (1/dispersion - 1);
    below a dispersion of 1e-7 it is taken for a point (binomial counts).
    """
    from scipy.special import betaln, xlog1py, xlogy

    k, n, p, rho = np.broadcast_arrays(
        np.asarray(count, dtype=float),
        np.asarray(total, dtype=float),
        np.asarray(mean, dtype=float),
        np.asarray(dispersion, dtype=float),
    )
    p = np.clip(p, 1e-12, 1 - 1e-12)
    ways = -np.log1p(n) - betaln(n - k + 1, k + 1)
    if (rho < _NO_DISPERSION).all():
        return ways + xlogy(k, p) + xlog1py(n - k, -p)
    precision = 1 / np.maximum(rho, _NO_DISPERSION) - 1
    a, b = p * precision, (1 - p) * precision
    return ways + betaln(k + a, n - k + b) - betaln(a, b)


def upper_tail(count: int, total: int, mean: float, dispersion: float) -> float:
    """Return P(X >= count)."""
    if count <= 0:
        return 1.0
    if count > total * mean + 1:
        k = np.arange(count, min(total, count + 2000) + 1)
        return float(min(np.exp(log_probability(k, total, mean, dispersion)).sum(), 1.0))
    k = np.arange(count)
    return float(max(1 - np.exp(log_probability(k, total, mean, dispersion)).sum(), 0.0))


def smallest_significant(
    total: np.ndarray, mean: np.ndarray, dispersion: ArrayLike, alpha: float, floor: int
) -> np.ndarray:
    """Return for each total the smallest count >= `floor` with P(X >= count) <= alpha.

    Where no possible count is that rare, total + 1 is returned.
    """
    total = np.asarray(total, dtype=np.int64)
    mean = np.broadcast_to(np.asarray(mean, dtype=float), total.shape)
    needed = total + 1
    open_ = total >= floor
    below = np.zeros(total.shape)
    count = 0
    while open_.any():
        reached = open_ & (count >= floor) & (1 - below <= alpha)
        needed = np.where(reached, count, needed)
        open_ = open_ & ~reached & (count <= total)
        if not open_.any():
            break
        # beyond the total there is nothing left to add
        here = np.minimum(count, total)
        step = np.exp(log_probability(here, total, mean, dispersion))
        below = np.where(open_, below + step, below)
        count += 1
    return needed
