"""Turnbull's estimate by hand, against Kaplan-Meier, another algorithm and the likelihood."""

import numpy as np
import pytest

from aftercar.stats.interval_censored import innermost, turnbull


def masses(observations):
    return {(m.after, m.until): m.probability for m in turnbull(observations)}


def test_innermost_intervals_by_hand():
    """Turnbull 1976: a left end followed by a right end; on one day the right end comes first."""
    assert innermost([(0, 4), (2, 6), (6, 9), (4, None)]) == [(2, 4), (4, 6), (6, 9)]
    assert innermost([(0, 5), (5, 9)]) == [(0, 5), (5, 9)]


def test_intervals_that_meet_share_no_day():
    """(0, 5] and (5, 9] are disjoint: half each; closed, all mass would lie on day 5."""
    assert masses([(0, 5), (5, 9)]) == pytest.approx({(0, 5): 0.5, (5, 9): 0.5})


def test_overlapping_intervals_by_hand():
    """(0,2], (1,3], (2,4]: p in (1,2], 1 - p in (2,3]; L = p * (1 - p) is largest at 1/2."""
    assert masses([(0, 2), (1, 3), (2, 4)]) == pytest.approx({(1, 2): 0.5, (2, 3): 0.5})


def test_a_right_censored_patient_shares_the_mass_that_comes_later():
    """Kaplan-Meier by hand: of three, an event on day 1, a censoring, an event on day 3."""
    assert masses([(0, 1), (1, None), (2, 3)]) == pytest.approx({(0, 1): 1 / 3, (2, 3): 2 / 3})


def test_what_nobody_was_seen_to_reach_lies_beyond_the_last_visit():
    assert masses([(10, None), (30, None)]) == pytest.approx({(30, None): 1.0})
    assert turnbull([]) == []


def test_an_empty_interval_is_refused_with_its_ends():
    with pytest.raises(ValueError, match=r"\(5, 5\] is empty"):
        turnbull([(5, 5)])


@pytest.mark.parametrize("seed", range(3))
def test_exact_days_give_kaplan_meier(seed):
    from sksurv.nonparametric import kaplan_meier_estimator

    rng = np.random.default_rng(seed)
    days, seen = rng.integers(1, 60, 120), rng.random(120) < 0.6
    found = turnbull(
        [(int(d) - 1, int(d)) if e else (int(d), None) for d, e in zip(days, seen, strict=True)]
    )
    unique, survival = kaplan_meier_estimator(seen, days)
    for day, expected in zip(unique, survival, strict=True):
        mine = 1 - sum(m.probability for m in found if m.until is not None and m.until <= day)
        assert mine == pytest.approx(expected, abs=1e-6)


def drawn(rng, patients):
    """Exponential times (mean 120 days) seen at visits of one's own, followed up to 300 days."""
    observations = []
    for time in rng.exponential(120, patients):
        visits = np.cumsum(rng.integers(10, 60, 12))
        visits = visits[visits <= 300]
        after = int(max([0, *visits[visits < time]]))
        later = visits[visits >= time]
        observations.append((after, int(later[0]) if len(later) else None))
    return observations


def likelihood(observations, found):
    return sum(
        np.log(
            sum(
                m.probability
                for m in found
                if m.after >= a and (u is None or (m.until is not None and m.until <= u))
            )
        )
        for a, u in observations
    )


@pytest.mark.parametrize("seed", range(2))
def test_the_estimate_is_that_of_plain_expectation_maximisation_over_all_days(seed):
    """An independent way: mass on every day and beyond, 8,000 rounds, no innermost intervals."""
    observations = drawn(np.random.default_rng(seed), 60)
    days = np.arange(1, 302)
    ends = np.array([np.inf if u is None else u for _, u in observations])[:, None]
    days = np.where(days == 301, 1e9, days)
    inside = (np.array([a for a, _ in observations])[:, None] < days) & (days <= ends)
    p = np.full(len(days), 1 / len(days))
    for _ in range(8_000):
        p *= (inside / (inside @ p)[:, None]).mean(axis=0)
    share = 0.0
    for mass in turnbull(observations):
        share += mass.probability
        until = 1e10 if mass.until is None else mass.until
        assert share == pytest.approx(p[days <= until].sum(), abs=2e-4)


def test_no_move_of_mass_raises_the_likelihood():
    rng = np.random.default_rng(4)
    observations = drawn(rng, 200)
    found = turnbull(observations)
    best = likelihood(observations, found)
    for _ in range(200):
        moved = np.array([m.probability for m in found]) * rng.uniform(0.7, 1.3, len(found))
        changed = [
            m._replace(probability=p) for m, p in zip(found, moved / moved.sum(), strict=True)
        ]
        assert likelihood(observations, changed) <= best + 1e-6


def test_the_curve_is_unbiased_over_cohorts():
    """Share by day 120 over 60 cohorts of 100: 1 - exp(-1) within the band that visits leave."""
    low, high = [], []
    for seed in range(60):
        found = turnbull(drawn(np.random.default_rng(seed), 100))
        low.append(sum(m.probability for m in found if m.until is not None and m.until <= 120))
        high.append(sum(m.probability for m in found if m.after < 120))
    assert np.mean(low) - 0.02 <= 1 - np.exp(-1) <= np.mean(high) + 0.02
    assert np.mean(high) - np.mean(low) < 0.06


def test_two_thousand_patients_take_less_than_three_seconds():
    from time import process_time

    observations = drawn(np.random.default_rng(1), 2000)
    began = process_time()
    turnbull(observations)
    assert process_time() - began < 3
