"""The fitted curve: its formula, the censored likelihood, and what it refuses to tell."""

from math import exp, log, sqrt

import numpy as np
import pytest
from scipy.stats import norm
from tests.unit.evidence.patients import (
    car,
    document,
    event,
    infusion,
    no_car,
    patient,
    sheets,
    value,
)
from tests.unit.evidence.test_kinetics import ALPHA, BETA, CMAX, FOLD, SHARE, TMAX, stein

from aftercar.contracts.kinetic_model import KINETIC_MODEL
from aftercar.evidence import kinetic_model
from aftercar.evidence.kinetic_model import (
    fitted_quantities,
    kinetic_model_rows,
    log_area_per_peak,
    log_likelihood,
    points_of,
)
from aftercar.evidence.timeline import timeline_of

TYPICAL = np.array(
    [log(FOLD), log(TMAX), log(CMAX), log(ALPHA), log(SHARE / (1 - SHARE)), log(BETA), log(0.5)]
)
DENSE = [*range(2, 15), 16, 18, 21, 24, 28, *range(35, 365, 21)]


def rows_of(evidence, **history):
    given = sheets(**history)
    timeline = timeline_of(
        given["patients"][0], given["infusions"], given["events"], evidence,
        max_age_blood_days=35, max_age_marrow_days=45,
    )  # fmt: skip
    rows = kinetic_model_rows("P1", timeline.until(9999), document("recovery_rules"))
    KINETIC_MODEL.frame(rows)
    return rows


def trace(day, **more):
    return value(
        day, "car_copies", 20, target="CD19", stream="lab", status="DETECTED_BELOW_LLOQ", lloq=50,
        limit=10, **more,
    )  # fmt: skip


def test_the_likelihood_is_that_of_the_published_curve_with_values_below_their_limit_censored():
    points = points_of([(3, 200.0, False), (20, 3000.0, False), (300, 50.0, True)])
    by_hand = sum(
        norm.logpdf((log(level) - log(stein(day))) / 0.5) + 0.5 * log(2 * np.pi) - log(0.5)
        for day, level in ((3, 200.0), (20, 3000.0))
    ) + norm.logcdf((log(50) - log(stein(300))) / 0.5)
    assert log_likelihood(TYPICAL, points)[0] == pytest.approx(by_hand)


@pytest.mark.parametrize("parameter", range(7))
def test_the_gradient_is_the_slope_of_the_likelihood(parameter):
    points = points_of(
        [(3, 200.0, False), (9, 9000.0, False), (20, 3000.0, False), (300, 50.0, True)]
    )
    step = np.zeros(7)
    step[parameter] = 1e-6
    above, below = (log_likelihood(TYPICAL + s, points)[0] for s in (step, -step))
    slope = log_likelihood(TYPICAL, points)[1][parameter]
    assert slope == pytest.approx((above - below) / 2e-6, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("peak_day", [9.3, 40.0], ids=["inside", "after day 28"])
def test_the_area_is_the_integral_of_the_curve(peak_day):
    vector = TYPICAL.copy()
    vector[1] = log(peak_day)
    days = np.linspace(0, 28, 100_001)
    area = np.trapezoid([stein(day, tmax=peak_day) for day in days], days)
    assert CMAX * exp(log_area_per_peak(vector)) == pytest.approx(area, rel=1e-4)


def test_a_curve_without_error_is_found_again():
    found = fitted_quantities(points_of([(day, stein(day), False) for day in DENSE]))
    truth = {"cmax": CMAX, "half_life_fast_days": log(2) / ALPHA,
             "half_life_slow_days": log(2) / BETA, "auc0_28": 171_800}  # fmt: skip
    assert {one.quantity: one.value for one in found} == {
        name: pytest.approx(number, rel=0.05) for name, number in truth.items()
    }
    assert all(one.identifiable and one.low < one.value < one.high for one in found)


def test_seven_values_do_not_tell_seven_parameters():
    rows = rows_of([car(day, stein(day)) for day in (5, 7, 9, 11, 14, 21, 28)])
    assert {row["identifiable"] for row in rows} == {"no"}
    assert {row["reason"] for row in rows} == {"7 quantified values, 8 needed"}
    assert {row["estimate"] for row in rows} == {None}


def test_values_below_quantification_only_give_no_number_and_no_error():
    rows = rows_of([no_car(day) for day in (7, 14, 28, 60)] + [trace(90)])
    assert len(rows) == 4
    assert {(row["estimate"], row["quantified"], row["below_lloq"]) for row in rows} == {
        (None, 0, 5)
    }


def test_without_a_late_specimen_the_slow_half_life_is_open_and_has_no_estimate():
    days = [2, 3, 5, 6, 7, 8, 9, 10, 12, 14, 16, 18, 21]
    error = np.random.default_rng(5).normal(0, 0.3, len(days))
    found = fitted_quantities(
        points_of([(d, stein(d) * exp(e), False) for d, e in zip(days, error, strict=True)])
    )
    slow = next(one for one in found if one.quantity == "half_life_slow_days")
    assert slow.value is None
    assert "interval open" in slow.reason
    assert next(one for one in found if one.quantity == "cmax").identifiable


def test_a_late_value_below_the_limit_shortens_the_slow_half_life():
    """Censoring is information: below 50 at day 700 excludes a curve that stays above it."""
    days, error = DENSE, np.random.default_rng(6).normal(0, 0.2, len(DENSE))
    values = [(d, stein(d) * exp(e), False) for d, e in zip(days, error, strict=True)]
    limits = {}
    for name, more in (("without", []), ("with", [(day, 20.0, True) for day in (500, 600, 700)])):
        found = fitted_quantities(points_of([*values, *more]))
        limits[name] = next(f for f in found if f.quantity == "half_life_slow_days").high
    assert limits["with"] < limits["without"]


def test_what_follows_a_transplant_or_an_earlier_infusion_of_the_antigen_is_not_fitted():
    evidence = [car(day, stein(day)) for day in DENSE]
    whole = rows_of(evidence)
    cut = rows_of(evidence, events=[event(30, "hct")])
    assert whole[0]["quantified"] == len(DENSE)
    assert cut[0]["quantified"] == sum(day <= 30 for day in DENSE)
    again = rows_of(
        [car(50 + day, stein(day)) for day in DENSE],
        infusions=[infusion(), infusion(50, "CD19", 2)],
    )
    assert {row["infusion_no"] for row in again} == {2}
    assert {row["estimate"] for row in again} == {None}
    assert "infusion 1" in again[0]["reason"]


def test_cells_counted_by_flow_are_not_fitted():
    assert rows_of([value(d, "car_t_per_ul", stein(d), target="CD19") for d in DENSE]) == []


def test_rows_of_a_patient_name_the_unit_of_each_quantity():
    rows = rows_of([car(day, stein(day)) for day in DENSE], facts=patient())
    assert {row["quantity"]: row["unit"] for row in rows} == {
        "cmax": "copies/ug",
        "auc0_28": "copies/ug x day",
        "half_life_fast_days": "days",
        "half_life_slow_days": "days",
    }
    assert all(row["low"] < row["estimate"] < row["high"] for row in rows)
    assert sqrt(rows[0]["low"] * rows[0]["high"]) == pytest.approx(CMAX, rel=0.2)


def test_a_higher_point_that_the_profile_meets_becomes_the_maximum(monkeypatch):
    """A simulated patient; 150 random starts find the maximum at 7,082 copies/ug, not at 4,410."""
    monkeypatch.setattr(kinetic_model, "CURVE_QUANTITIES", ("cmax",))
    found = dict(
        zip(
            (3, 5, 7, 9, 11, 14, 17, 21, 28),
            (67.0, 731.9, 5868.7, 1532.3, 1708.6, 1548.7, 337.6, 337.6, 64.8),
            strict=True,
        )
    )
    values = [(day, level, False) for day, level in found.items()]
    values += [(day, 50.0, True) for day in (1, *range(56, 365, 28))]
    (estimate,) = fitted_quantities(points_of(values))
    assert estimate.value == pytest.approx(7082, rel=0.01)
