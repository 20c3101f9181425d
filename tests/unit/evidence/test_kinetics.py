"""Observed maxima, areas and losses against Stein's model (2019, 10.1002/psp4.12388)."""

from math import exp, log

import numpy as np
import pytest
from tests.unit.evidence.patients import (
    absent,
    car,
    document,
    event,
    infusion,
    judged,
    no_car,
    value,
)

from aftercar.evidence.kinetics import area_until, observed_maximum, sampling_grade

SETTINGS = document("recovery_rules")["kinetics"]
FOLD, TMAX, CMAX, ALPHA, SHARE, BETA = 3900, 9.3, 24000, 0.16, 0.0079, 0.0032


def stein(day, *, tmax=TMAX, cmax=CMAX, alpha=ALPHA, share=SHARE, beta=BETA, fold=FOLD):
    """The typical curve, copies per ug."""
    if day < tmax:
        return cmax / fold * exp(log(fold) / tmax * day)
    after = day - tmax
    return cmax * ((1 - share) * exp(-alpha * after) + share * exp(-beta * after))


def true_area(last=28):
    days = np.linspace(0, last, 200_001)
    return float(np.trapezoid([stein(day) for day in days], days))


SCHEDULES = [
    ([0, 1, 3, 5, 7, 9, 11, 14, 17, 21, 28], -0.23, 0.00, "A"),
    ([0, 2, 4, 7, 11, 14, 21, 28], -0.24, -0.08, "B"),
    ([0, 7, 14, 28], -0.52, -0.25, "B"),
    ([0, 14, 28], -0.52, -0.15, "C"),
]


def test_the_typical_area_is_that_of_the_model():
    assert true_area() == pytest.approx(171_800, rel=0.002)


@pytest.mark.parametrize(("days", "peak_error", "area_error", "grade"), SCHEDULES, ids=str)
def test_sampling_errors_are_those_of_the_published_curve(days, peak_error, area_error, grade):
    points = [(day, stein(day)) for day in days]
    assert observed_maximum(points)[0] / CMAX - 1 == pytest.approx(peak_error, abs=0.01)
    area, extrapolated = area_until(points, 28)
    assert area / true_area() - 1 == pytest.approx(area_error, abs=0.012)
    assert extrapolated == 0
    assert sampling_grade(days, SETTINGS["sampling_grade"]) == grade


def curve(evidence, **history):
    rows = judged(evidence, landmarks=[28], **history).kinetics
    assert len(rows) == 1, rows
    return rows[0]


def test_area_by_hand_is_linear_up_and_log_down():
    points = [(10, 100.0), (20, 50.0), (28, 50.0 * 2**-0.8)]
    by_hand = 500 + 10 * 50 / log(2) + 8 * (50 - 50 * 2**-0.8) / log(2**0.8)
    assert area_until(points, 28)[0] == pytest.approx(by_hand)


def test_the_part_after_the_last_specimen_is_named_as_extrapolated():
    area, share = area_until([(10, 100.0), (20, 50.0)], 28)
    tail = 8 * (50 - 50 * 2**-0.8) / log(2**0.8)
    assert share == pytest.approx(tail / area)


def test_a_curve_that_does_not_decline_has_no_area():
    assert area_until([(7, 100.0), (14, 500.0)], 28) is None


def test_below_quantification_ends_the_area_and_is_zero_before_the_maximum():
    assert area_until([(3, None), (7, 100.0), (14, 50.0), (21, None)], 28)[0] == pytest.approx(
        4 * 50 + 7 * 50 / log(2)
    )


def test_below_quantification_between_values_counts_as_missing():
    with_gap = area_until([(7, 100.0), (10, None), (14, 50.0), (28, 10.0)], 28)
    assert with_gap == area_until([(7, 100.0), (14, 50.0), (28, 10.0)], 28)


def test_one_sample_around_the_peak_suppresses_maximum_and_area():
    row = curve([car(14, 9000), car(28, 500), car(60, 80)])
    assert (row["sampling_grade"], row["tlast_day"]) == ("C", 60)
    assert "cmax_observed" not in row
    assert "auc0_28" not in row


def test_loss_lies_between_the_last_positive_and_the_first_confirmed_negative():
    row = curve([car(10, 9000), car(12, 4000), car(40, 70), no_car(63), no_car(90), no_car(120)])
    assert (row["loss_status"], row["loss_after_day"], row["loss_until_day"]) == ("PRESENT", 40, 63)


@pytest.mark.parametrize("name", ["conditioning", "hct"])
def test_a_loss_after_a_transplant_is_not_that_of_the_car_and_says_so(name):
    evidence = [car(10, 9000), car(40, 70), no_car(63), no_car(90)]
    row = curve(evidence, events=[event(50, name)])
    assert (row["loss_status"], row["loss_after_day"]) == ("INDETERMINATE", 40)
    assert row["loss_until_day"] is None
    assert f"not attributable to the CAR: {name} on day 50" in row["flags"]
    for day in (-30, 120):  # before the infusion, after the loss was confirmed
        assert curve(evidence, events=[event(day, name)])["loss_status"] == "PRESENT"


def test_a_single_negative_is_not_yet_a_loss():
    assert curve([car(10, 9000), no_car(63)])["loss_status"] == "INDETERMINATE"


def test_a_positive_after_a_negative_means_that_nothing_was_lost():
    row = curve([car(10, 9000), no_car(40), no_car(63), car(90, 70)])
    assert (row["loss_status"], row["loss_after_day"]) == ("ABSENT", 90)


def test_traces_below_quantification_are_not_a_loss():
    trace = value(
        90,
        "car_copies",
        20,
        target="CD19",
        stream="lab",
        status="DETECTED_BELOW_LLOQ",
        lloq=50,
        limit=10,
    )
    row = curve([car(10, 9000), no_car(63), trace])
    assert row["loss_status"] == "ABSENT"


def test_an_insensitive_test_cannot_show_a_loss():
    row = curve([car(10, 9000), no_car(63, limit=5000), no_car(90, limit=5000)])
    assert row["loss_status"] == "ABSENT"
    assert row["loss_after_day"] == 10


def test_what_was_never_quantified_cannot_be_lost():
    assert curve([no_car(14), no_car(28)])["loss_status"] == "INDETERMINATE"


def test_flow_and_copies_are_never_mixed():
    rows = judged(
        [
            car(10, 9000),
            value(12, "car_t_fraction", 0.4, target="CD19"),
            value(12, "car_t_per_ul", 300, target="CD19"),
            value(12, "car_copies_per_genome", 0.2, target="CD19", stream="lab"),
        ],
        landmarks=[28],
    ).kinetics
    assert {(row["measure"], row["unit"]) for row in rows} == {
        ("car_copies", "copies/ug"),
        ("car_copies_per_genome", "copies/genome"),
        ("car_t_fraction", "fraction"),
        ("car_t_per_ul", "cells/uL"),
    }
    assert all(row["samples"] == 1 for row in rows)


def test_marrow_is_not_part_of_the_blood_curve():
    assert judged([car(10, 9000, specimen="BM")], landmarks=[28]).kinetics == []


def test_a_second_infusion_of_the_same_product_starts_a_new_curve():
    rows = judged(
        [car(10, 9000), no_car(40), no_car(60), car(110, 500)],
        infusions=[infusion(), infusion(100, "CD19", 2)],
        landmarks=[28],
    ).kinetics
    first, second = rows
    assert (first["infusion_no"], first["samples"], first["loss_status"]) == (1, 3, "PRESENT")
    assert (second["infusion_no"], second["samples"], second["tlast_day"]) == (2, 1, 10)


def test_an_earlier_car_that_expands_after_a_second_product_is_shown_with_its_rise():
    rows = judged(
        [
            car(10, 9000),
            car(90, 100),
            car(112, 2000),
            value(112, "car_copies", 8000, target="CD22", stream="lab"),
        ],
        infusions=[infusion(), infusion(100, "CD22", 2)],
        landmarks=[28],
    ).kinetics
    again = next(r for r in rows if r["infusion_no"] == 2 and r["target"] == "CD19")
    assert "20 times" in again["flags"]
    whole = next(r for r in rows if r["infusion_no"] == 1)
    assert whole["samples"] == 3


def test_a_residual_first_car_is_named_at_the_second_infusion():
    rows = judged(
        [
            value(90, "car_copies", 700, target="CD7", stream="lab"),
            value(110, "car_copies", 900, target="CD5", stream="lab"),
        ],
        infusions=[infusion(targets="CD7"), infusion(100, "CD5", 2)],
        landmarks=[28],
    ).kinetics
    assert "residual CAR" in next(r for r in rows if r["target"] == "CD5")["flags"]


def test_dominance_needs_two_visits_beyond_the_bound():
    def both(day, cd5, cd7):
        return [
            value(day, "car_copies", n, target=t, stream="lab")
            for t, n in (("CD5", cd5), ("CD7", cd7))
        ]

    history = {"infusions": [infusion(targets="CD7"), infusion(30, "CD5", 2)], "landmarks": [28]}
    once = judged([*both(40, 10, 5000), *both(60, 5000, 10)], **history).kinetics
    assert not any("dominates" in row["flags"] for row in once)
    course = [*both(35, 10, 5000), *both(40, 20, 5000), *both(60, 5000, 10), *both(80, 900, 3)]
    told = [
        row["flags"] for row in judged(course, **history).kinetics if "dominates" in row["flags"]
    ]
    assert told
    assert "CD7 CAR dominates from day 35, then CD5 CAR dominates from day 60" in told[0]


def test_car_after_a_transplant_is_said():
    row = curve([car(10, 9000), car(150, 90)], events=[event(100, "hct")])
    assert "after the transplant of day 100" in row["flags"]


def test_simulated_losses_are_covered_by_their_interval():
    """Curves with the model's variance, monthly visits: the crossing of the limit is inside."""
    rng = np.random.default_rng(20240229)
    covered = told = 0
    for _ in range(200):
        alpha = ALPHA * exp(rng.normal(0, 0.91**0.5))
        share = min(1.0, SHARE * exp(rng.normal(0, 0.8**0.5)))
        beta = BETA * exp(rng.normal(0, 0.86**0.5))
        cmax = CMAX * exp(rng.normal(0, 0.65**0.5))
        days = [7, 11, 14, 21, 28, *range(56, 900, 28)]
        heights = [stein(day, alpha=alpha, share=share, beta=beta, cmax=cmax) for day in days]
        gone = next(
            (
                day
                for day in range(10, 900)
                if stein(day, alpha=alpha, share=share, beta=beta, cmax=cmax) < 10
            ),
            None,
        )
        evidence = [
            car(day, height)
            if height >= 50
            else value(
                day,
                "car_copies",
                height,
                target="CD19",
                stream="lab",
                status="DETECTED_BELOW_LLOQ",
                limit=10,
            )
            if height >= 10
            else no_car(day)
            for day, height in zip(days, heights, strict=True)
        ]
        row = curve(evidence)
        if row["loss_status"] == "PRESENT":
            told += 1
            covered += row["loss_after_day"] < gone <= row["loss_until_day"]
    assert told > 50
    assert covered == told


def test_not_detected_twice_by_flow_and_copies_found_disagree():
    evidence = [
        car(14, 9000),
        car(88, 300),
        value(14, "car_t_fraction", 0.3, target="CD19"),
        absent(63, "car_t_fraction", 0.001, target="CD19"),
        absent(88, "car_t_fraction", 0.001, target="CD19"),
    ]
    rows = {row["measure"]: row["loss_status"] for row in judged(evidence).kinetics}
    assert rows == {"car_copies": "ABSENT", "car_t_fraction": "PRESENT"}
