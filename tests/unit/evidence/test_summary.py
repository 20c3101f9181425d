from tests.unit.evidence.patients import aplasia, car, event, infusion, judged, value

from aftercar.contracts.evidence import PATIENTS


def summary(evidence, **history):
    return PATIENTS.frame([judged(evidence, **history).summary]).iloc[0]


def test_the_latest_landmark_with_data_is_the_one_that_a_specimen_still_speaks_for():
    assert summary([car(88, 900)])["landmark"] == "D90"
    assert summary([car(60, 900)])["landmark"] == "D90"
    assert summary([car(50, 900)])["landmark"] == "D63"
    assert summary([car(-5, 900)])["landmark"] == ""


def test_without_data_every_mechanism_is_not_assessable_and_never_silent():
    row = summary([])
    assert {row[f"M{n}"] for n in range(1, 8)} == {"NOT_ASSESSABLE"}
    assert row["car_t_last"] == row["b_cells_last"] == "not assessed"


def test_a_failed_specimen_is_no_data_and_is_counted():
    samples = [{"sample_id": "PB88", "day": "88", "control_for": ""}]
    row = summary([value(88, "b_cells_fraction", None, status="FAILED")], samples=samples)
    assert (row["landmark"], row["specimens"], row["specimens_failed"]) == ("", 1, 1)


def test_the_loudest_of_several_targets_is_shown():
    evidence = [
        value(88, "lof_variant_vaf", 0.3, "BM", target="CD22", item="v", stream="sequencing")
    ]
    assert summary(evidence, infusions=[infusion(targets="CD19;CD22")])["M2"] == "SIGNAL"


def test_last_values_and_outcome_carry_their_day():
    events = [
        event(120, "hct"),
        event(200, "relapse", phenotype="antigen_negative", antigen="CD19"),
    ]
    row = summary([car(88, 900), *aplasia(85)], events=events)
    assert row["car_t_last"].startswith("car_copies (CD19)=900 copies/ug")
    assert row["b_cells_last"].endswith("day 85")
    assert row["outcome"] == "hct on day 120; relapse (antigen_negative, CD19) on day 200"
    assert row["last_day"] == 200


def test_a_car_that_was_never_given_is_not_the_last_car_value():
    other = value(95, "car_t_per_ul", None, target="CD5", status="NOT_DETECTED", limit=2.0)
    assert "CD19" in summary([car(88, 900), other])["car_t_last"]


def test_after_a_relapse_the_patient_is_shown_at_the_last_landmark_that_still_applied():
    relapse = event(100, "relapse", phenotype="antigen_negative", antigen="CD19")
    evidence = [value(80, "lof_variant_vaf", 0.3, "BM", target="CD19", item="v",
                      stream="sequencing"), car(80, 900), car(170, 900)]  # fmt: skip
    row = summary(evidence, events=[relapse])
    assert (row["landmark"], row["M2"]) == ("D90", "SIGNAL")
