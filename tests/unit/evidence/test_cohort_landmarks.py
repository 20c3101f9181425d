"""No look-ahead in whole cohorts: the sheets cut at a landmark give the same rows until then."""

import pandas as pd
import pytest
from numpy.random import default_rng
from tests.unit.evidence.patients import LANDMARKS, event, infusion, rulebook
from tests.unit.evidence.test_landmarks import EVENTS, cut

from aftercar.contracts.cytometry import POPULATIONS
from aftercar.evidence.assess import assess
from aftercar.evidence.collect import StreamTables, collect_evidence
from aftercar.simulate.cohort_courses import draw_true_course
from aftercar.simulate.cohort_visits import observe

COHORTS = 200


def drawn_cohort(seed):
    """Two to three patients of the simulator, with further events and infusions at random."""
    rng = default_rng([seed, 7])
    patients = []
    for number in range(int(rng.integers(2, 4))):
        one = observe(draw_true_course(f"S{number}", rng), seed)
        for _ in range(int(rng.integers(0, 4))):
            day = int(rng.integers(-20, 400))
            more = {"end_day": day + int(rng.integers(0, 200))} if rng.random() < 0.7 else {}
            one.sheets["events"].append(event(day, str(rng.choice(EVENTS)), **more))
        if rng.random() < 0.3:
            again = infusion(int(rng.integers(30, 350)), str(rng.choice(["CD19", "CD22"])), 2)
            one.sheets["infusions"].append(again)
        named = {"patient_id": one.truth.patient_id}
        for name in ("events", "infusions"):
            one.sheets[name][:] = [row | named for row in one.sheets[name]]
        patients.append((one.sheets, one.populations))
    return patients


def cut_sheets(sheets, day):
    infusions, events, _ = cut(sheets["infusions"], sheets["events"], [], day)
    labs = [row for row in sheets["labs"] if int(row["day"]) <= day]
    return sheets | {"infusions": infusions, "events": events, "labs": labs}


def rows_until(patients, landmark_day):
    """Rows of RISK and RULE_RESULTS of the cohort until a landmark."""
    risk, rules = [], []
    for sheets, populations in patients:
        flow = pd.DataFrame(populations, columns=list(POPULATIONS.columns))
        evidence = collect_evidence(sheets, StreamTables(populations=flow))
        assessed = assess(
            sheets,
            evidence,
            rulebook(),
            landmarks=LANDMARKS,
            max_age_blood_days=35,
            max_age_marrow_days=45,
        )
        risk += [row for row in assessed.risk if row["landmark_day"] <= landmark_day]
        rules += [row for row in assessed.rules if row["landmark_day"] <= landmark_day]
    return risk, rules


@pytest.mark.parametrize("seeds", [range(n, n + 50) for n in range(0, COHORTS, 50)], ids=str)
def test_cutting_the_sheets_of_a_cohort_at_a_landmark_leaves_earlier_rows_identical(seeds):
    for seed in seeds:
        patients = drawn_cohort(seed)
        landmark = LANDMARKS[seed % len(LANDMARKS)]
        then = [
            (cut_sheets(sheets, landmark), [row for row in flow if row["day"] <= landmark])
            for sheets, flow in patients
        ]
        assert rows_until(patients, landmark) == rows_until(then, landmark), (seed, landmark)
