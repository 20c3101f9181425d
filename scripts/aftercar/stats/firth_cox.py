"""Cox regression with Firth's penalty: finite also where all events are in one group."""

from math import exp
from typing import NamedTuple

import numpy as np

CHI_SQUARED_95 = 3.841458820694124  # one degree of freedom
FURTHEST = 30.0  # log hazard ratio beyond which a limit counts as infinite
MOST_STEPS = 200
TOLERANCE = 1e-6  # of a limit, on the scale of the log
SMALL = 1e-9


class Effect(NamedTuple):
    """A hazard ratio with 95 % limits of the profile likelihood; None: no finite limit."""

    hazard_ratio: float
    low: float | None
    high: float | None


class _Fit(NamedTuple):
    beta: np.ndarray
    likelihood: float


def firth_cox(times: np.ndarray, events: np.ndarray, covariates: np.ndarray) -> list[Effect]:
    """Return the effect of each covariate (Heinze & Schemper 2001, Biometrics 57:114).

    `times`: n days, `events`: n booleans (False: censored), `covariates`: n x k numbers. Maximises
    the partial likelihood (ties by Breslow) times the root of the determinant of its information.
    Limits are those of the penalised profile likelihood: Wald limits mislead under separation.
    ValueError without an event or with covariates that do not vary; ArithmeticError without
    convergence.
    """
    times, events = np.asarray(times, dtype=float), np.asarray(events, dtype=bool)
    covariates = np.asarray(covariates, dtype=float)
    if not events.any():
        raise ValueError("no event: nothing can be estimated")
    centred = covariates - covariates.mean(axis=0)
    if np.linalg.matrix_rank(centred) < covariates.shape[1]:
        raise ValueError("the covariates do not vary, or one is a sum of others")
    model = _Likelihood(times, events, centred)
    free = np.arange(centred.shape[1])
    best = model.maximise(np.zeros(len(free)), free)
    return [
        Effect(
            exp(best.beta[j]),
            *(
                None if limit is None else exp(limit)
                for limit in (_limit(model, best, j, -1), _limit(model, best, j, 1))
            ),
        )
        for j in range(len(free))
    ]


class _Likelihood:
    """The penalised partial likelihood with score and information."""

    def __init__(self, times: np.ndarray, events: np.ndarray, x: np.ndarray) -> None:
        self.days, deaths = np.unique(times[events], return_counts=True)
        self.deaths = deaths.astype(float)
        # patients with the same covariates share their terms: few patterns stand for thousands
        self.x, pattern = np.unique(x, axis=0, return_inverse=True)
        self.at_risk = np.empty((len(self.days), len(self.x)))  # patients at risk per pattern
        for place in range(len(self.x)):
            mine = np.sort(times[pattern.ravel() == place])
            self.at_risk[:, place] = len(mine) - np.searchsorted(mine, self.days, side="left")
        self.total = x[events].sum(axis=0)

    def value(self, beta: np.ndarray) -> float:
        """Return the penalised log likelihood."""
        likelihood, _, information, _ = self._moments(beta, third=False)
        sign, log_determinant = np.linalg.slogdet(information)
        return likelihood + 0.5 * log_determinant if sign > 0 else -np.inf

    def _moments(
        self, beta: np.ndarray, *, third: bool
    ) -> tuple[float, np.ndarray, np.ndarray, np.ndarray]:
        linear = self.x @ beta
        shift = linear.max()
        weights = self.at_risk * np.exp(linear - shift)
        sums = weights.sum(axis=1)
        weights /= sums[:, None]
        means = weights @ self.x  # days x k
        likelihood = float(self.total @ beta - self.deaths @ (np.log(sums) + shift))
        score = self.total - self.deaths @ means
        # gaps from the mean of each day, not moments about 0: those cancel under separation
        size = len(beta)
        gaps = (self.x[None, :, :] - means[:, None, :]).reshape(-1, size)
        masses = (weights * self.deaths[:, None]).reshape(-1, 1)
        information = (gaps * masses).T @ gaps
        slopes = np.zeros((size, size, size))
        if third:
            for c in range(size):
                slopes[:, :, c] = (gaps * masses * gaps[:, [c]]).T @ gaps
        return likelihood, score, information, slopes

    def maximise(self, start: np.ndarray, free: np.ndarray) -> _Fit:
        """Return the maximum over the `free` coefficients; the others stay as in `start`."""
        beta = start.copy()
        now = self.value(beta)
        for _ in range(MOST_STEPS):
            if not len(free):
                return _Fit(beta, now)
            _, score, information, slopes = self._moments(beta, third=True)
            penalised = score + 0.5 * np.einsum("ab,abc->c", np.linalg.inv(information), slopes)
            step = np.linalg.solve(information[np.ix_(free, free)], penalised[free])
            step *= min(1.0, 3.0 / max(np.abs(step).max(), SMALL))
            while True:
                proposed = beta.copy()
                proposed[free] += step
                value = self.value(proposed)
                if value >= now - 1e-12 or np.abs(step).max() < SMALL:
                    break
                step /= 2
            moved = np.abs(step).max()
            beta, now = proposed, max(value, now)
            if moved < 1e-7:
                return _Fit(beta, now)
        raise ArithmeticError(f"Firth's Cox regression did not converge in {MOST_STEPS} steps")


def _limit(model: _Likelihood, best: _Fit, j: int, side: int) -> float | None:
    """Return where the profile likelihood has fallen by half the quantile of chi-squared."""
    target = best.likelihood - CHI_SQUARED_95 / 2
    others = np.array([i for i in range(len(best.beta)) if i != j], dtype=int)
    inside, start, width = float(best.beta[j]), best.beta.copy(), 0.5
    while True:
        outside = inside + side * width
        if abs(outside) > FURTHEST:
            return None
        start[j] = outside
        found = model.maximise(start, others)
        if found.likelihood < target:
            break
        inside, start, width = outside, found.beta.copy(), width * 1.5
    while abs(outside - inside) > TOLERANCE:
        middle = (inside + outside) / 2
        start[j] = middle
        found = model.maximise(start, others)
        start = found.beta.copy()
        if found.likelihood < target:
            outside = middle
        else:
            inside = middle
    return (inside + outside) / 2
