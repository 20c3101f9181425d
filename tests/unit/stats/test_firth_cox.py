"""Firth's Cox regression against an independent optimisation, and over many cohorts."""

import numpy as np
import pytest

from aftercar.stats.firth_cox import firth_cox


def one_group(beta, times, events, x):
    """Penalised log likelihood of one 0/1 covariate, straight from the formula."""
    value, information = 0.0, 0.0
    for time, event, mine in zip(times, events, x, strict=True):
        if event:
            risk = times >= time
            weight = np.exp(beta * x[risk]).sum()
            share = np.exp(beta * x[risk])[x[risk] == 1].sum() / weight
            value += beta * mine - np.log(weight)
            information += share * (1 - share)
    return value + 0.5 * np.log(information)


def expected(times, events, x):
    """Maximum and limits by scipy on that formula."""
    from scipy.optimize import brentq, minimize_scalar

    found = minimize_scalar(
        lambda b: -one_group(b, times, events, x),
        bounds=(-12, 12),
        method="bounded",
        options={"xatol": 1e-10},
    )

    def fallen(b):
        return one_group(b, times, events, x) + found.fun + 3.841458820694124 / 2

    return [np.exp(b) for b in (found.x, brentq(fallen, -15, found.x), brentq(fallen, found.x, 25))]


def separated(patients=20):
    """Half of the patients have all events, one after the other; no event in the other half."""
    half = patients // 2
    times = np.concatenate([np.arange(1, half + 1), np.full(half, half + 5)]).astype(float)
    return times, np.arange(patients) < half, (np.arange(patients) < half).astype(float)


def test_all_events_in_one_arm_give_a_finite_ratio_and_profile_limits():
    times, events, x = separated()
    found = firth_cox(times, events, x[:, None])[0]
    ratio, low, high = expected(times, events, x)
    assert found.hazard_ratio == pytest.approx(ratio, rel=1e-5)
    assert (found.low, found.high) == (pytest.approx(low, rel=1e-4), pytest.approx(high, rel=1e-4))
    # in the range of the published case of separation (n = 20): about 50, from 5 to 7,000
    assert 40 < ratio < 80
    assert 5 < low < 8
    assert 5_000 < high < 9_000


@pytest.mark.parametrize("seed", range(4))
def test_estimates_and_limits_are_those_of_an_independent_optimisation(seed):
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 2, 40).astype(float)
    times = np.ceil(rng.exponential(50, 40) / (1 + x))
    events = rng.random(40) < 0.6
    found = firth_cox(times, events, x[:, None])[0]
    assert list(found) == pytest.approx(expected(times, events, x), rel=1e-4)


def test_interleaved_separation_has_a_closed_form():
    """Each event is followed by a censored patient of the other arm, so both are equal at risk.

    With share p at every event the penalised likelihood is p^n (n p (1 - p))^(1/2): largest at
    p / (1 - p) = 2 n + 1, here 21.
    """
    times = np.concatenate([np.arange(1, 20, 2), np.arange(2, 21, 2)]).astype(float)
    events = np.arange(20) < 10
    found = firth_cox(times, events, events.astype(float)[:, None])[0]
    assert found.hazard_ratio == pytest.approx(21, rel=1e-4)


def test_two_covariates_maximise_the_penalised_likelihood():
    from scipy.optimize import minimize

    rng = np.random.default_rng(3)
    x = rng.integers(0, 2, (60, 2)).astype(float)
    times = np.ceil(rng.exponential(100, 60) * np.exp(-0.8 * x[:, 0]))
    events = rng.random(60) < 0.7

    def negative(beta):
        value, information = 0.0, np.zeros((2, 2))
        for time in np.unique(times[events]):
            risk = times >= time
            died = (times == time) & events
            weight = np.exp(x[risk] @ beta)
            mean = weight @ x[risk] / weight.sum()
            value += (x[died] @ beta).sum() - died.sum() * np.log(weight.sum())
            gap = x[risk] - mean
            information += died.sum() * (gap * (weight / weight.sum())[:, None]).T @ gap
        return -(value + 0.5 * np.linalg.slogdet(information)[1])

    best = minimize(negative, [0, 0], method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-10})
    found = firth_cox(times, events, x)
    assert [e.hazard_ratio for e in found] == pytest.approx(np.exp(best.x), rel=1e-4)


def simulated(seed, ratio, patients=60):
    rng = np.random.default_rng(seed)
    x = (np.arange(patients) % 2).astype(float)
    death = rng.exponential(300, patients) / ratio**x
    end = rng.uniform(100, 700, patients)
    return np.ceil(np.minimum(death, end)), death <= end, x[:, None]


@pytest.mark.parametrize("ratio", [1.0, 3.0])
def test_limits_cover_the_true_ratio_and_the_mean_is_hardly_biased(ratio):
    """200 cohorts of 60; at a ratio of 1 the complement is the rate of false positives."""
    hits, logs = 0, []
    for seed in range(200):
        found = firth_cox(*simulated(seed, ratio))[0]
        logs.append(np.log(found.hazard_ratio))
        hits += (found.low or 0) <= ratio <= (found.high or np.inf)
    assert 0.92 <= hits / 200 <= 0.985
    assert np.exp(np.mean(logs)) == pytest.approx(ratio, rel=0.08)


def test_without_events_or_variation_nothing_is_estimated():
    with pytest.raises(ValueError, match="no event"):
        firth_cox(np.arange(1, 5), np.zeros(4, bool), np.eye(4)[:, :1])
    with pytest.raises(ValueError, match="do not vary"):
        firth_cox(np.arange(1, 5), np.ones(4, bool), np.ones((4, 1)))
