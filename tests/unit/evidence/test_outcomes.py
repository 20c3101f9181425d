"""Survival and incidence by hand, against scikit-survival, and without immortal time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.evidence.patients import event, infusion

from aftercar.contracts.cohort import CAUSES, COMPETING_THERAPIES, FOLLOW_UP, INCIDENCE
from aftercar.contracts.evidence import SURVIVAL
from aftercar.evidence.outcomes import (
    CENSORED,
    aalen_johansen,
    course_of,
    first_event,
    follow_up_rows,
    incidence_rows,
    kaplan_meier,
    median_days,
    survival_rows,
)
from aftercar.evidence.timeline import event_of, infusion_of

NAMES = {0: CENSORED, 1: "a", 2: "b"}
TIMES = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 2)), min_size=1, max_size=40)


def course(*events, infusions=None, days=(0,)):
    given_infusions = [infusion()] if infusions is None else infusions
    return course_of(
        list(map(infusion_of, given_infusions)), list(map(event_of, events)), list(days)
    )


def last(steps):
    return steps[-1].estimate


def test_a_fixture_by_hand_gives_each_cause_two_fifths():
    """T = 1..6, E = 0, 1, 1, 2, 2, 0: the case in which a known library returns nonsense."""
    times = list(zip(range(1, 7), (NAMES[e] for e in (0, 1, 1, 2, 2, 0)), strict=True))
    curves = aalen_johansen(times, ("a", "b"))
    assert last(curves["a"]) == pytest.approx(0.4)
    assert last(curves["b"]) == pytest.approx(0.4)
    assert last(kaplan_meier(times)) == pytest.approx(0.2)


def test_ties_by_hand():
    """Five patients: on day 2 an a, a b and a censoring, on day 4 an a, on day 5 censored."""
    times = [(2, "a"), (2, "b"), (2, CENSORED), (4, "a"), (5, CENSORED)]
    curves = aalen_johansen(times, ("a", "b"))
    assert [round(s.estimate, 6) for s in curves["a"]] == [0, 0.2, 0.5, 0.5]
    assert [round(s.estimate, 6) for s in curves["b"]] == [0, 0.2, 0.2, 0.2]
    assert [(s.day, s.at_risk, s.events, s.censored) for s in kaplan_meier(times)] == [
        (0, 5, 0, 0),
        (2, 5, 2, 1),
        (4, 2, 1, 0),
        (5, 1, 0, 1),
    ]


@pytest.mark.parametrize(
    "times",
    [[(3, "a"), (5, CENSORED)], [(3, CENSORED), (5, CENSORED)], [(3, "b"), (5, "b")]],
    ids=["only the first cause", "no event", "a cause that never occurs"],
)
def test_causes_without_events_have_a_curve_at_zero(times):
    curves = aalen_johansen(times, ("a", "b"))
    total = sum(last(steps) for steps in curves.values())
    assert total == pytest.approx(1 - last(kaplan_meier(times)))
    assert all(len(steps) == 3 for steps in curves.values())


@settings(max_examples=60)
@given(TIMES)
def test_causes_and_survival_add_up_to_one_on_every_day(drawn):
    times = [(day, NAMES[cause]) for day, cause in drawn]
    survival = {step.day: step.estimate for step in kaplan_meier(times)}
    curves = aalen_johansen(times, ("a", "b"))
    for a, b in zip(curves["a"], curves["b"], strict=True):
        assert a.estimate + b.estimate + survival[a.day] == pytest.approx(1)
        for step in (a, b):
            if step.low is not None:
                assert 0 <= step.low <= step.estimate + 1e-12
                assert step.estimate - 1e-12 <= step.high <= 1


@settings(max_examples=40)
@given(TIMES, st.randoms(use_true_random=False))
def test_the_order_of_patients_does_not_matter(drawn, random):
    times = [(day, NAMES[cause]) for day, cause in drawn]
    shuffled = list(times)
    random.shuffle(shuffled)
    assert aalen_johansen(times, ("a", "b")) == aalen_johansen(shuffled, ("a", "b"))


@pytest.mark.parametrize("seed", range(6))
def test_estimates_and_limits_equal_those_of_scikit_survival(seed):
    from sksurv.nonparametric import cumulative_incidence_competing_risks, kaplan_meier_estimator

    rng = np.random.default_rng(seed)
    days, causes = rng.integers(1, 30, 80), rng.integers(0, 3, 80)
    times = [(int(d), NAMES[int(c)]) for d, c in zip(days, causes, strict=True)]
    x, incidence, limits = cumulative_incidence_competing_risks(
        causes, days, conf_type="log-log", var_type="Aalen"
    )
    curves = aalen_johansen(times, ("a", "b"))
    for number in (1, 2):
        mine = {step.day: step for step in curves[NAMES[number]]}
        assert [mine[int(d)].estimate for d in x] == pytest.approx(incidence[number])
        for day, low, high in zip(x, *limits[number], strict=True):
            step = mine[int(day)]
            if step.low is not None:
                assert (step.low, step.high) == (pytest.approx(low), pytest.approx(high))
    x, survival, limits = kaplan_meier_estimator(causes > 0, days, conf_type="log-log")
    mine = {step.day: step for step in kaplan_meier(times)}
    assert [mine[int(d)].estimate for d in x] == pytest.approx(survival)
    for day, low, high in zip(x, *limits, strict=True):
        step = mine[int(day)]
        if step.low is not None:
            assert (step.low, step.high) == (pytest.approx(low), pytest.approx(high))


def test_the_complement_of_kaplan_meier_is_not_an_incidence():
    """With a competing event, 1 - KM that censors it lies above the incidence."""
    times = [(1, "b"), (2, "b"), (3, "a"), (4, CENSORED)]
    naive = 1 - last(kaplan_meier([(d, CENSORED if c == "b" else c) for d, c in times]))
    assert naive == pytest.approx(0.5)
    assert last(aalen_johansen(times, ("a", "b"))["a"]) == pytest.approx(0.25)


def test_a_relapse_of_unknown_phenotype_is_a_cause_of_its_own():
    found = course(event(100, "relapse"))
    assert first_event(found, "EFS", censor_at_hct=False) == (100, "unknown_phenotype")


@pytest.mark.parametrize(
    ("events", "cause"),
    [
        ([event(100, "relapse", phenotype="antigen_positive")], "antigen_positive"),
        ([event(100, "relapse", phenotype="antigen_dim")], "antigen_negative"),
        ([event(100, "relapse", phenotype="mixed")], "antigen_negative"),
        ([event(100, "lineage_switch")], "lineage_switch"),
        ([event(100, "relapse"), event(100, "lineage_switch")], "lineage_switch"),
        ([event(100, "extramedullary_relapse", phenotype="antigen_positive")], "antigen_positive"),
        ([event(90, "death")], "death_without_recorded_remission"),
        ([event(28, "complete_remission"), event(90, "death")], "non_relapse_death"),
        ([event(28, "no_remission"), event(90, "death")], "no_remission"),
        (
            [event(80, "relapse", phenotype="antigen_positive"), event(80, "death")],
            "antigen_positive",
        ),
    ],
    ids=lambda found: found if isinstance(found, str) else "",
)
def test_the_first_event_names_its_cause(events, cause):
    assert first_event(course(*events), "EFS", censor_at_hct=False)[1] == cause


def test_transplant_is_ignored_or_censored_but_never_an_event():
    found = course(event(50, "hct"), event(100, "relapse", phenotype="antigen_positive"))
    assert first_event(found, "EFS", censor_at_hct=False) == (100, "antigen_positive")
    assert first_event(found, "EFS", censor_at_hct=True) == (50, CENSORED)


def test_a_transplant_after_the_event_changes_nothing():
    found = course(event(50, "relapse"), event(100, "hct"))
    assert first_event(found, "EFS", censor_at_hct=True) == (50, "unknown_phenotype")


def test_relapse_free_survival_starts_at_remission_and_needs_one():
    found = course(event(28, "complete_remission"), event(128, "relapse"))
    assert first_event(found, "RFS", censor_at_hct=False) == (100, "unknown_phenotype")
    assert first_event(course(event(128, "relapse")), "RFS", censor_at_hct=False) is None


@pytest.mark.parametrize("failure", ["relapse", "no_remission"])
def test_a_remission_after_failure_starts_no_relapse_free_survival(failure):
    """Another treatment reached that remission; event-free survival had ended before."""
    found = course(
        event(40, failure),
        event(90, "complete_remission"),
        event(200, "relapse", phenotype="antigen_negative"),
        event(300, "last_contact"),
    )
    assert first_event(found, "EFS", censor_at_hct=False)[0] == 40
    assert first_event(found, "RFS", censor_at_hct=False) is None


def test_who_was_transplanted_before_remission_is_not_in_hypothetical_relapse_free_survival():
    found = course(
        event(20, "hct"),
        event(28, "complete_remission"),
        event(200, "hct"),
        event(250, "relapse"),
    )
    assert first_event(found, "RFS", censor_at_hct=True) is None
    assert first_event(found, "RFS", censor_at_hct=False) == (222, "unknown_phenotype")
    assert first_event(found, "EFS", censor_at_hct=True) == (20, CENSORED)


def test_a_transplant_that_is_the_last_record_competes_and_death_on_its_day_comes_first():
    """10 of 20 transplanted, nothing recorded after it: half, not none."""
    moved = course(event(28, "complete_remission"), event(100, "hct"), days=(100,))
    cohort = [moved] * 10 + [course(event(28, "complete_remission"), days=(365,))] * 10
    estimand = {"estimand": "hct_or_therapy_competing"}
    rows = incidence_rows(cohort)
    assert final(rows, "transplant_in_remission", **estimand) == pytest.approx(0.5)
    died = course(event(28, "complete_remission"), event(100, "hct"), event(100, "death"))
    found = first_event(died, "EFS", censor_at_hct=False, hct_competes=True)
    assert found == (100, "non_relapse_death")


@pytest.mark.parametrize(
    ("remission", "competing", "censored"),
    [(28, (90, "other_therapy_in_remission"), (90, CENSORED)), (120, (300, CENSORED), None)],
)
def test_a_further_infusion_in_remission_competes_or_ends_the_watch(remission, competing, censored):
    products = [infusion(), infusion(90, "CD22", 2)]
    found = course(event(remission, "complete_remission"), infusions=products, days=(300,))
    assert first_event(found, "EFS", censor_at_hct=False, hct_competes=True) == competing
    assert first_event(found, "EFS", censor_at_hct=True) == (censored or (300, CENSORED))
    assert first_event(found, "EFS", censor_at_hct=False) == (300, CENSORED)


def test_the_antigens_that_a_relapse_lost_are_those_of_its_negative_rows():
    found = course(
        event(200, "relapse", phenotype="antigen_negative", antigen="CD22"),
        event(200, "relapse", phenotype="antigen_positive", antigen="CD19"),
        event(300, "relapse", phenotype="antigen_negative"),
    )
    assert found.lost_antigens == ((200, ("CD22",)),)


@pytest.mark.parametrize("first", ["antigen_positive", "antigen_negative"])
def test_relapses_of_one_day_that_differ_are_mixed_in_any_order(first):
    both = ["antigen_positive", "antigen_negative"]
    events = [event(100, "relapse", phenotype=p) for p in sorted(both, key=lambda p: p != first)]
    assert first_event(course(*events), "EFS", censor_at_hct=False) == (100, "antigen_negative")


def test_a_known_phenotype_of_the_day_outweighs_an_unknown_one():
    found = course(event(100, "relapse"), event(100, "relapse", phenotype="antigen_positive"))
    assert first_event(found, "EFS", censor_at_hct=False) == (100, "antigen_positive")


def test_overall_survival_ignores_relapse():
    found = course(event(50, "relapse"), event(200, "last_contact"))
    assert first_event(found, "OS", censor_at_hct=False) == (200, CENSORED)


def test_specimens_show_that_a_patient_was_alive():
    assert first_event(course(days=(0, 28, 180)), "OS", censor_at_hct=False) == (180, CENSORED)


def test_events_before_the_infusion_do_not_count():
    assert first_event(course(event(-90, "relapse"), days=(60,)), "EFS", censor_at_hct=False) == (
        60,
        CENSORED,
    )


def test_without_a_dated_infusion_a_patient_is_left_out():
    assert course(event(50, "relapse"), infusions=[infusion(None)]) is None
    assert course(event(50, "relapse"), infusions=[]) is None


def test_tables_keep_their_contracts_and_a_cohort_may_be_empty():
    cohort = [
        course(
            event(28, "complete_remission"),
            event(100, "relapse", phenotype="antigen_negative"),
            event(150, "death"),
        ),
        course(event(28, "complete_remission"), event(60, "hct"), days=(400,)),
        course(event(28, "no_remission"), event(90, "death")),
    ]
    survival = SURVIVAL.frame(survival_rows(cohort))
    incidence = INCIDENCE.frame(incidence_rows(cohort))
    assert set(incidence["cause"]) == set(CAUSES + COMPETING_THERAPIES)
    incidence = incidence.query(
        "estimand == 'treatment_policy' and unknown_phenotype == 'own_cause'"
    )
    assert set(incidence["cause"]) == set(CAUSES)
    efs = survival.query("endpoint == 'EFS' and estimand == 'treatment_policy'").iloc[-1]
    final = incidence.sort_values("day").groupby("cause")["incidence"].last().sum()
    assert final + efs["survival"] == pytest.approx(1)
    assert survival_rows([]) == []
    assert incidence_rows([]) == []


def test_ever_and_never_transplanted_are_not_compared_by_the_pipeline():
    """Patients who live long enough to be transplanted seem to live longer (immortal time).

    With no effect at all, a naive split by `ever transplanted` shows a large one; two groups of a
    coin that is known on day 0 agree.
    """
    rng = np.random.default_rng(7)
    courses, coins, ever = [], [], []
    for _ in range(600):
        death, hct = int(rng.exponential(300)) + 1, int(rng.exponential(300)) + 1
        events = [event(death, "death")] + ([event(hct, "hct")] if hct < death else [])
        courses.append(course(*events))
        coins.append(bool(rng.integers(0, 2)))
        ever.append(hct < death)

    def alive_at_year(flags, wanted):
        times = [
            first_event(c, "OS", censor_at_hct=False)
            for c, f in zip(courses, flags, strict=True)
            if f is wanted
        ]
        return [s.estimate for s in kaplan_meier(times) if s.day <= 365][-1]

    assert alive_at_year(ever, True) - alive_at_year(ever, False) > 0.2
    assert abs(alive_at_year(coins, True) - alive_at_year(coins, False)) < 0.1


def aalen_limits_by_pairs(times, cause, other):
    """Limits on every day from the published double sum, one visit per pair of days."""
    days = sorted({day for day, _ in times})
    at_risk, survival, incidence, past, found = len(times), 1.0, 0.0, [], []
    for day in days:
        mine = sum(t == (day, cause) for t in times)
        events = mine + sum(t == (day, other) for t in times)
        incidence += survival * mine / at_risk
        past.append((at_risk, events, mine, survival, incidence))
        variance = 0.0
        for n, d, m, s, f in past:
            gap = incidence - f
            if n > 1 and d:
                variance += s**2 * m * (n - m) / (n**2 * (n - 1))
                if d < n:
                    variance += gap**2 * d / ((n - 1) * (n - d))
                    variance -= 2 * gap * s * m * (n - m) / (n * (n - d) * (n - 1))
        if 0 < incidence < 1:
            half = 1.959963984540054 * max(variance, 0) ** 0.5
            half /= incidence * abs(np.log(incidence))
            found.append((incidence ** np.exp(half), incidence ** np.exp(-half)))
        else:
            found.append((None, None))
        survival *= 1 - events / at_risk
        at_risk -= sum(day == t for t, _ in times)
    return found


@pytest.mark.parametrize(("seed", "patients", "last_day"), [(1, 60, 12), (2, 300, 400)])
def test_running_sums_give_the_variance_of_the_double_sum(seed, patients, last_day):
    rng = np.random.default_rng(seed)
    times = [
        (int(day), NAMES[int(cause)])
        for day, cause in zip(
            rng.integers(1, last_day, patients), rng.integers(0, 3, patients), strict=True
        )
    ]
    expected = aalen_limits_by_pairs(times, "a", "b")
    steps = aalen_johansen(times, ("a", "b"))["a"][1:]
    for step, (low, high) in zip(steps, expected, strict=True):
        if low is None:
            assert step.low is None
        else:
            assert step.low == pytest.approx(low, abs=1e-12)
            assert step.high == pytest.approx(high, abs=1e-12)


def test_two_thousand_patients_take_well_under_a_second():
    from time import process_time

    rng = np.random.default_rng(3)
    cohort = [(int(d), NAMES[int(c)]) for d, c in zip(
        rng.integers(1, 2500, 2000), rng.integers(0, 3, 2000), strict=True
    )]  # fmt: skip
    began = process_time()
    aalen_johansen(cohort, ("a", "b", "c", "d", "e", "f"))
    assert process_time() - began < 0.5


def test_a_cause_code_that_is_skipped_has_a_curve_at_zero():
    curves = aalen_johansen([(1, "a"), (2, "c"), (3, CENSORED)], ("a", "b", "c"))
    assert [last(curves[cause]) for cause in "abc"] == pytest.approx([1 / 3, 0, 1 / 3])


def test_ties_give_the_same_bytes_twice():
    rng = np.random.default_rng(5)
    cohort = [
        course(event(int(d), "relapse", phenotype="antigen_positive"), event(int(d) + 9, "death"))
        for d in rng.integers(1, 20, 60)
    ]
    texts = {
        INCIDENCE.frame(incidence_rows(order)).to_csv(index=False)
        for order in (cohort, cohort, cohort[::-1])
    }
    assert len(texts) == 1


def final(rows, cause, **chosen):
    chosen = {"estimand": "treatment_policy", "unknown_phenotype": "own_cause"} | chosen
    mine = [r for r in rows if r["cause"] == cause and all(r[k] == v for k, v in chosen.items())]
    return mine[-1]["incidence"]


def test_bounds_count_all_unknown_phenotypes_as_one_or_the_other():
    """Four patients, nobody censored: one relapse of each phenotype, one unknown, one alive."""
    cohort = [
        course(event(50, "relapse", phenotype="antigen_positive")),
        course(event(60, "relapse", phenotype="antigen_negative")),
        course(event(70, "relapse")),
        course(days=(300,)),
    ]
    rows = incidence_rows(cohort)
    assert final(rows, "unknown_phenotype") == pytest.approx(0.25)
    for counted, positive, negative in (
        ("own_cause", 0.25, 0.25),
        ("as_antigen_positive", 0.5, 0.25),
        ("as_antigen_negative", 0.25, 0.5),
    ):
        assert final(rows, "antigen_positive", unknown_phenotype=counted) == pytest.approx(positive)
        assert final(rows, "antigen_negative", unknown_phenotype=counted) == pytest.approx(negative)


def test_a_transplant_competes_under_its_own_name_in_the_second_estimand():
    cohort = [
        course(event(28, "complete_remission"), event(60, "hct"), event(200, "relapse")),
        course(event(60, "hct"), days=(300,)),
        course(event(28, "complete_remission"), event(90, "relapse"), event(120, "hct")),
        course(days=(400,)),
    ]
    rows = incidence_rows(cohort)
    competing = {"estimand": "hct_or_therapy_competing"}
    assert final(rows, "transplant_in_remission", **competing) == pytest.approx(0.25)
    assert final(rows, "transplant_remission_unknown", **competing) == pytest.approx(0.25)
    assert final(rows, "unknown_phenotype", **competing) == pytest.approx(0.25)
    assert final(rows, "unknown_phenotype") == pytest.approx(0.25 + 0.5 * 0.5)
    assert not any(
        r["cause"] in COMPETING_THERAPIES for r in rows if r["estimand"] == "treatment_policy"
    )


def test_follow_up_by_hand_counts_the_dead_as_still_watched():
    """Deaths on days 10 and 20; seen last on days 100, 200 and 300: the median watched is 200."""
    cohort = [
        course(event(10, "death")),
        course(event(20, "death")),
        *(course(days=(day,)) for day in (100, 200, 300)),
    ]
    row = FOLLOW_UP.frame(follow_up_rows(cohort)).set_index(["endpoint", "estimand"])
    overall = row.loc[("OS", "treatment_policy")]
    assert (overall["patients"], overall["events"]) == (5, 2)
    assert overall["median_follow_up_days"] == 200
    assert row["median_event_free_days"].isna()[("OS", "treatment_policy")]
    assert row.loc[("RFS", "treatment_policy"), "patients"] == 0


def test_the_interval_of_the_median_covers_it():
    """Brookmeyer-Crowley limits over 300 cohorts of 80 with exponential times of median 200."""
    rng = np.random.default_rng(11)
    hits = 0
    for _ in range(300):
        death, end = rng.exponential(200 / np.log(2), 80), rng.uniform(100, 700, 80)
        times = [
            (int(np.ceil(min(d, e))), "a" if d <= e else CENSORED)
            for d, e in zip(death, end, strict=True)
        ]
        _, low, high = median_days(kaplan_meier(times))
        hits += low is not None and low <= 200 and (high is None or high >= 200)
    assert 0.92 <= hits / 300 <= 0.985


@pytest.mark.parametrize("patients", [7, 40, 333])
def test_where_every_patient_has_the_event_the_incidence_is_one_and_has_no_limits(patients):
    """Sums of shares come out a rounding error beside 1: limits there must not overflow."""
    steps = aalen_johansen([(day, "a") for day in range(1, patients + 1)], ("a", "b"))["a"]
    assert steps[-1].estimate == pytest.approx(1)
    assert max(step.estimate for step in steps) <= 1
    assert (steps[-1].low, steps[-1].high) == (None, None)
