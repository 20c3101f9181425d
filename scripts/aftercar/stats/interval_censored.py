"""Distribution of a time that is known only to lie between two visits."""

from itertools import pairwise
from typing import NamedTuple

import numpy as np

TOLERANCE = 1e-7  # of the gradient, relative to the number of observations
MOST_ROUNDS = 500


class Mass(NamedTuple):
    """Probability that the time lies in (`after`, `until`]; where inside cannot be known."""

    after: int
    until: int | None
    probability: float


def turnbull(observations: list[tuple[int, int | None]]) -> list[Mass]:
    """Return the non-parametric maximum likelihood estimate (Turnbull 1976) of a distribution.

    `observations`: half-open (after, until] per patient, until None where it was not seen to
    happen. An exact day d is (d - 1, d]; the estimate then is Kaplan-Meier. Mass lies on the
    innermost intervals only. Found by steps of expectation-maximisation and constrained Newton
    steps (Wang 2007, JRSS B 69:185): non-negative least squares on the quadratic approximation
    with a line search. It ends when mass on no interval could raise the likelihood. ValueError on
    an empty interval; ArithmeticError if it does not converge.
    """
    if not observations:
        return []
    for after, until in observations:
        if until is not None and until <= after:
            raise ValueError(f"({after}, {until}] is empty: until must lie after the first day")
    distinct: dict[tuple[int, int | None], int] = {}
    for observation in sorted(observations, key=lambda o: (o[0], o[1] is None, o[1] or 0)):
        distinct[observation] = distinct.get(observation, 0) + 1
    supports = innermost(list(distinct))
    lower = np.array([after for after, _ in supports], dtype=float)
    upper = np.array([np.inf if until is None else until for _, until in supports])
    starts = np.array([after for after, _ in distinct], dtype=float)[:, None]
    ends = np.array([np.inf if until is None else until for _, until in distinct])[:, None]
    inside = ((starts <= lower) & (upper <= ends)).astype(float)
    counts = np.array(list(distinct.values()), dtype=float)
    probabilities = _maximise(inside, counts)
    return [
        Mass(after, until, float(p))
        for (after, until), p in zip(supports, probabilities, strict=True)
        if p > 0
    ]


def innermost(observations: list[tuple[int, int | None]]) -> list[tuple[int, int | None]]:
    """Return the intervals that can hold mass: a left end whose next end of any kind is a right.

    On one day a right end comes before a left one, since intervals are open on the left.
    """
    ends = sorted(
        {(after, 1, after) for after, _ in observations}
        | {(np.inf if until is None else until, 0, until) for _, until in observations},
        key=lambda end: end[:2],
    )
    return [
        (int(first[0]), second[2])
        for first, second in pairwise(ends)
        if first[1] == 1 and second[1] == 0
    ]


def _maximise(inside: np.ndarray, counts: np.ndarray) -> np.ndarray:
    from scipy.optimize import nnls

    total = counts.sum()
    p = np.full(inside.shape[1], 1 / inside.shape[1])
    roots = np.sqrt(counts)

    def likelihood(q: np.ndarray) -> float:
        fitted = inside @ q
        return float(counts @ np.log(fitted)) if (fitted > 0).all() else -np.inf

    for _ in range(MOST_ROUNDS):
        slopes = inside / (inside @ p)[:, None]
        gradient = counts @ slopes / total
        # the likelihood is concave: at the maximum no gradient exceeds 1 (Gentleman & Geyer 1994)
        if gradient.max() <= 1 + TOLERANCE:
            return np.where(p < 1e-12, 0.0, p) / p[p >= 1e-12].sum()
        p = p * gradient  # one step of expectation-maximisation never lowers it
        slopes = inside / (inside @ p)[:, None]
        system = np.vstack([roots[:, None] * slopes, np.full(len(p), total)])
        target = np.append(2 * roots, total)
        proposed, _ = nnls(system, target)
        if proposed.sum() <= 0:
            continue
        proposed /= proposed.sum()
        now, step = likelihood(p), 1.0
        while step > 1e-6 and likelihood(p + step * (proposed - p)) <= now:
            step /= 2
        if step > 1e-6:
            p = p + step * (proposed - p)
    raise ArithmeticError(f"Turnbull's estimate did not converge in {MOST_ROUNDS} rounds")
