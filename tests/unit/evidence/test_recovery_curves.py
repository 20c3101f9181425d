"""Recovery and loss of the cohort: who counts, who is only watched, who is unknown."""

import pandas as pd
import pytest
from tests.unit.evidence.patients import aplasia, car, event, judged, no_car, recovered

from aftercar.contracts.cohort import RECOVERY_CURVES
from aftercar.contracts.evidence import RECOVERY
from aftercar.evidence.recovery_curves import recovery_curve_rows


def recovery(status, last=None, until=None, attribution="attributable", since=0, **more):
    return {
        "lineage": "b_cells",
        "rule_id": "BCA-FELIX20",
        "status": status,
        "since_day": since,
        "not_recovered_day": last,
        "recovered_until_day": until,
        "attribution": attribution,
    } | more


def loss(status, after=None, until=None, number=1, start=0):
    return {
        "infusion_no": number,
        "infusion_day": start,
        "measure": "car_copies",
        "target": "CD19",
        "loss_status": status,
        "loss_after_day": after,
        "loss_until_day": until,
        "flags": "",
    }


def curve(recoveries=(), losses=()):
    return RECOVERY_CURVES.frame(recovery_curve_rows(recoveries, losses)).to_dict("records")


def test_recovery_by_hand():
    """(28, 60], (28, 90] and one watched to day 90: a third each way out of what is known.

    Mass on (28, 60] and beyond 90: p of the first two, so L = p * p * (1 - p), largest at 2/3.
    """
    rows = curve([recovery("PRESENT", 28, 60), recovery("PRESENT", 28, 90), recovery("ABSENT", 90)])
    assert [r["after_day"] for r in rows] == [28, 90]
    assert [pd.isna(r["until_day"]) for r in rows] == [False, True]
    assert rows[0]["until_day"] == 60
    assert [r["probability"] for r in rows] == pytest.approx([2 / 3, 1 / 3])
    assert rows[0]["share"] == pytest.approx(2 / 3)
    assert (rows[0]["patients"], rows[0]["seen"], rows[0]["at_risk"]) == (3, 2, 3)


def test_recovery_after_a_transplant_is_watched_and_never_counted_as_recovered():
    gate = "not attributable to the CAR: hct on day 40"
    rows = curve([recovery("PRESENT", 30, 90, gate), recovery("ABSENT", 180)])
    assert {r["seen"] for r in rows} == {0}
    assert {r["not_attributable"] for r in rows} == {1}
    assert [r["probability"] for r in rows] == [1.0]


def test_patients_in_whom_it_cannot_be_told_are_counted_and_not_applicable_ones_are_not():
    rows = curve(
        [
            recovery("ABSENT", 90),
            recovery("NOT_ASSESSED"),
            recovery("INDETERMINATE"),
            recovery("NOT_APPLICABLE"),
        ]
    )
    assert [(r["patients"], r["unknown"]) for r in rows] == [(1, 2)]


def test_a_cohort_of_unknown_patients_has_a_row_that_says_so():
    rows = curve([recovery("NOT_ASSESSED")])
    assert [(r["patients"], r["unknown"]) for r in rows] == [(0, 1)]
    assert curve() == []


def test_an_unconfirmed_recovery_is_watched_up_to_the_last_specimen_without_it():
    rows = curve([recovery("INDETERMINATE", 60), recovery("PRESENT", 90, 120)])
    assert rows[0]["patients"] == 2
    assert rows[0]["seen"] == 1


def test_days_count_from_the_infusion_that_the_row_is_about():
    rows = curve([recovery("PRESENT", 228, 260, since=200)])
    assert [(r["after_day"], r["until_day"]) for r in rows] == [(28, 60)]


def test_loss_of_the_car_is_that_of_the_first_infusion():
    rows = curve((), [loss("PRESENT", 29, 60), loss("ABSENT", 358), loss("PRESENT", 9, 10, 2, 0)])
    assert rows[0]["outcome"] == "car_loss"
    assert (rows[0]["patients"], rows[0]["seen"]) == (2, 1)
    assert (rows[0]["after_day"], rows[0]["until_day"]) == (29, 60)
    assert rows[0]["probability"] == pytest.approx(0.5)


def test_recovery_of_real_rows_gives_the_last_day_not_recovered():
    """Aplasia on days 28 and 63 (watched to 63); one recovered specimen on 90 confirms nothing."""
    for evidence, expected in (
        ([*aplasia(28), *aplasia(63)], (63, "ABSENT")),
        ([*aplasia(28), *aplasia(63), *recovered(90)], (63, "INDETERMINATE")),
        ([*aplasia(28), *recovered(63), *recovered(90)], (28, "PRESENT")),
    ):
        row = next(r for r in judged(evidence).recovery if r["rule_id"] == "BCA-FELIX20")
        assert (row["not_recovered_day"], row["status"]) == expected
        assert row["since_day"] == 0
        made = recovery_curve_rows([RECOVERY.frame([row]).to_dict("records")[0]], [])
        assert made[0]["patients"] == 1


def test_a_recovery_that_was_lost_again_happened_and_later_therapy_does_not_censor_it():
    """Recovery in (28, 60] and (28, 90]; then aplasia, or a transplant on day 150."""
    lost = [*aplasia(28), *recovered(60), *recovered(90), *aplasia(150), *aplasia(180)]
    moved = [*aplasia(28), *recovered(60), *recovered(90)]
    made = []
    for evidence, events in ((lost, []), (moved, [event(150, "hct")])):
        found = judged(evidence, events=events).recovery
        row = next(r for r in found if r["rule_id"] == "BCA-FELIX20")
        made.append(RECOVERY.frame([row]).astype(object).where(lambda f: f.notna(), None))
    plain = [frame.to_dict("records")[0] for frame in made]
    rows = recovery_curve_rows(plain, [])
    assert [(r["after_day"], r["until_day"], r["seen"], r["not_attributable"]) for r in rows] == [
        (28, 60, 2, 0)
    ]


def test_car_t_cells_that_a_transplant_cleared_are_watched_and_not_lost():
    evidence = [car(14, 9000), car(60, 3000), no_car(90), no_car(120)]
    events = [event(70, "conditioning"), event(72, "hct")]
    need = (*loss("PRESENT"), "flags")
    (row,) = judged(evidence, events=events).kinetics
    rows = recovery_curve_rows([], [{key: row.get(key) for key in need}])
    assert [(r["after_day"], r["until_day"], r["seen"], r["not_attributable"]) for r in rows] == [
        (60, None, 0, 1)
    ]
