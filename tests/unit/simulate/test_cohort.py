"""The cohort holds every story it must, and its sheets and demanded risks keep to the rules."""

from collections import Counter

import pytest

from aftercar.contracts.vocabulary import MECHANISMS, RISK_CATEGORY
from aftercar.io.sheets import read_sheets
from aftercar.simulate.blood import tube
from aftercar.simulate.cohort import COHORT, CONTROLS
from aftercar.simulate.expectations import LANDMARKS, clock_end, risk_rows
from aftercar.simulate.plan import CAR_LOD, Flow, recovery_days
from aftercar.simulate.sheets import events, infusions, labs, patients, samples
from aftercar.simulate.tubes import generator

PANELS = {"b_cell_recovery", "car_t_persistence", "t_lineage", "b_all_mrd"}


def courses_of(patient):
    return patient.courses(generator(f"course {patient.patient_id}"))


@pytest.fixture(scope="module")
def sheets():
    courses = {p.patient_id: courses_of(p) for p in COHORT}
    randoms = {p.patient_id: generator(f"labs {p.patient_id}") for p in COHORT}
    return {
        "patients": patients(COHORT),
        "infusions": infusions(COHORT),
        "samples": samples(COHORT, CONTROLS),
        "labs": labs(COHORT, courses, randoms),
        "events": events(COHORT),
    }


def test_the_sheets_are_accepted_without_a_problem(sheets, root, tmp_path):
    for name, table in sheets.items():
        table.to_csv(tmp_path / f"{name}.tsv", sep="\t", index=False, quoting=3)
    _, problems = read_sheets(
        {name: str(tmp_path / f"{name}.tsv") for name in sheets},
        {name: root / f"workflow/schemas/{name}.schema.yaml" for name in sheets},
        dict.fromkeys(PANELS, ()), {"demo"}, look_for_files=False,
    )  # fmt: skip
    assert problems == []


def test_there_are_twelve_patients_and_about_sixty_specimens(sheets):
    assert len(sheets["patients"]) == 12
    controls = (sheets["samples"]["control_for"] != "").sum()
    assert 55 <= len(sheets["samples"]) - controls <= 70
    assert controls == 8


def test_every_edge_case_has_a_patient():
    told = {number for patient in COHORT for number in patient.edge_cases}
    # 20, duplicate and swapped specimens, is refused at the door: tests of the sheets
    assert told == set(range(1, 25)) - {20}


def test_about_a_fifth_of_the_planned_visits_was_missed(sheets):
    p01 = sheets["labs"].query("patient_id == 'P01' and analyte == 'car_copies'")
    assert 13 <= len(p01) <= 20  # of 20 planned


def test_hostile_text_reaches_the_sheets_unchanged(sheets):
    note = sheets["patients"].set_index("patient_id").loc["P12", "note"]
    assert note.startswith('P1"><script>alert(1)</script>')
    details = set(sheets["events"]["detail"])
    assert {'=HYPERLINK("http://x","y")', "<img src=x onerror=alert(1)>"} <= details


def test_one_patient_has_nothing_but_a_row(sheets):
    mine = {name: table[table["patient_id"] == "P11"] for name, table in sheets.items()}
    assert {name: len(rows) for name, rows in mine.items()} == {
        "patients": 1, "infusions": 1, "samples": 1, "labs": 0, "events": 0,
    }  # fmt: skip
    assert mine["samples"]["path"].item() == mine["infusions"]["day"].item() == ""


def test_one_patient_has_flow_only(sheets):
    assert set(sheets["samples"].query("patient_id == 'P10'")["assay"]) == {"flow"}
    assert "P10" not in set(sheets["labs"]["patient_id"])


def test_the_late_car_of_p09_is_detected_below_the_limit_of_quantification(sheets):
    late = sheets["labs"].query("patient_id == 'P09' and analyte == 'car_copies'")
    late = late[late["day"].astype(int) >= 60]
    assert set(late["status"]) == {"DET_BLQ"}


def test_the_lost_car_of_p02_is_not_detected_on_its_key_days(sheets):
    mine = sheets["labs"].query("patient_id == 'P02' and analyte == 'car_copies'")
    status = dict(zip(mine["day"].astype(int), mine["status"], strict=True))
    assert {status[day] for day in (60, 76, 88)} == {"NOT_DET"}


def test_b_cells_return_when_the_stories_say(patient):
    turned = {p.patient_id: recovery_days(p, courses_of(p)) for p in COHORT if p.disease == "B-ALL"}
    assert [name for name, days in turned.items() if days] == ["P02", "P08", "P10"]
    assert 62 < turned["P02"][0] < 76
    assert turned["P08"][0] > 60  # after the transplant


def test_shares_of_every_tube_sum_to_one():
    for p in COHORT:
        for flow in p.specimens:
            if isinstance(flow, Flow) and not flow.path_empty:
                shares = tube(p, flow, courses_of(p))
                assert sum(shares.values()) == pytest.approx(1)
                assert min(shares.values()) > 0


@pytest.mark.parametrize("p", COHORT, ids=lambda p: p.patient_id)
def test_every_landmark_and_mechanism_is_either_demanded_or_open(p):
    certain, uncertain = risk_rows(p)
    keys = Counter((row["landmark"], row["mechanism"]) for row in certain + uncertain)
    assert set(keys) == {(f"D{day}", m) for day in LANDMARKS for m in MECHANISMS}
    assert set(keys.values()) == {1}
    assert {row["category"] for row in certain} <= set(RISK_CATEGORY)


def newest(days, landmark, oldest):
    return sorted((d for d in days if d <= landmark and landmark - d <= oldest), reverse=True)


@pytest.mark.parametrize("p", COHORT, ids=lambda p: p.patient_id)
def test_no_signal_is_demanded_only_after_the_minimum_tests(p, sheets):
    """M1: two samples without B cells and a CAR level; M2: MRD to 1e-4; none too old."""
    blood = [s for s in p.specimens if isinstance(s, Flow) and s.panel == "b_cell_recovery"]
    empty = [s.day for s in blood if "b" not in tube(p, s, courses_of(p)) and s.events > 5000]
    rows = sheets["labs"].query("patient_id == @p.patient_id")
    levels = rows.query("analyte == 'car_copies' and status != 'NOT_DET'")["day"].astype(int)
    car_tubes = [
        s.day for s in p.specimens if isinstance(s, Flow) and s.panel == "car_t_persistence"
    ]
    mrd = rows.query("analyte == 'flow_mrd' and status == 'NOT_DET'")
    mrd_days = mrd[mrd["lod"].astype(float) <= 1e-4]["day"].astype(int)
    for row in risk_rows(p)[0]:
        landmark = int(row["landmark"][1:])
        if row["category"] == "NO_SIGNAL" and row["mechanism"] == "M1":
            assert len(newest(empty, landmark, 35)) >= 2
            assert newest([*levels, *car_tubes], landmark, 35)
        elif row["category"] == "NO_SIGNAL":
            assert row["mechanism"] == "M2"
            assert newest(mrd_days, landmark, 45)


@pytest.mark.parametrize("p", COHORT, ids=lambda p: p.patient_id)
def test_after_relapse_or_death_only_the_relapse_outside_the_marrow_is_still_said(p):
    end = clock_end(p)
    outside = any(event.event == "extramedullary_relapse" for event in p.events)
    for row in risk_rows(p)[0]:
        if end is not None and int(row["landmark"][1:]) >= end:
            direct = outside and row["mechanism"] == "M7"
            assert row["category"] == ("SIGNAL" if direct else "NOT_APPLICABLE")


def test_the_limit_of_the_laboratory_is_the_one_in_the_sheets(sheets):
    limits = sheets["labs"].query("analyte == 'car_copies'")["lod"].astype(float)
    assert set(limits) == {CAR_LOD}
