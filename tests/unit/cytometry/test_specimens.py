"""Specimens from events to tables: right counts, honest words, no look-ahead."""

import numpy as np
import pytest

from aftercar.contracts.cytometry import (
    BATCH_CUTS,
    CUT_DENSITIES,
    CUTS,
    GATE_VIEWS,
    POPULATIONS,
    RATIOS,
)
from aftercar.contracts.specimen import QUALITY
from aftercar.cytometry.course import Course
from aftercar.cytometry.specimen import describe, place_batch, thresholds

B_PANEL = ("CD45", "CD3", "CD19", "CD20", "CD10", "CD34", "CD38")
T_PANEL = ("CD45", "CD3", "CD7", "CD5", "CD4", "CD8")
CAR_PANEL = ("CD45", "CD3", "CD4", "CD8", "CAR")
MRD_PANEL = ("CD45", "CD19", "CD22", "CD24", "CD10", "CD34", "CD38", "CD33", "CD3")
BLOOD = {"t4": 3000, "t8": 3000, "nk": 1500, "myeloid": 9000}
WBC = {"analyte": "wbc", "day": "28", "value": "4000", "unit": "cells/uL", "specimen": "PB"}
CAR19 = {"infusion_no": "1", "day": "0", "targets": "CD19"}
CAR7 = {"infusion_no": "1", "day": "0", "targets": "CD7"}


def row(panel, sample_id="S1", day=28, specimen="PB", batch="X"):
    return {
        "sample_id": sample_id, "patient_id": "P1", "day": str(day), "specimen": specimen,
        "batch": batch, "panel": panel, "infusion_no": "",
    }  # fmt: skip


def gated(events, panel, templates, settings, *, infusions=(CAR19,), labs=(), cuts=(), **where):
    course = Course(templates, list(cuts), settings)
    course.add(describe(row(panel, **where), list(infusions), list(labs)), events, [])
    return {name: contract.frame(rows) for name, (contract, rows) in course.tables().items()}


def one(table, **wanted):
    found = table
    for name, value in wanted.items():
        found = found[found[name] == value]
    assert len(found) == 1, found.to_string()
    return found.iloc[0]


@pytest.mark.parametrize("b_cells", [3000, 300, 60])
def test_b_cells_are_counted_within_their_interval(draw, templates, settings, b_cells):
    events, truth = draw(BLOOD | {"b": b_cells}, B_PANEL, seed=b_cells)
    tables = gated(events, "b_cell_recovery", templates, settings, labs=[WBC])
    found = one(tables["populations"], role="b_cells", denominator="lymphocytes")
    true = int((truth == "b").sum())
    lymphocytes = int(np.isin(truth, ["t4", "t8", "nk", "b"]).sum())
    slack = 0.02 * true / lymphocytes + 5 / lymphocytes
    assert found["fraction_low"] - slack <= true / lymphocytes <= found["fraction_high"] + slack
    assert found["status"] in ("QUANTIFIED", "DETECTED_BELOW_LLOQ")
    leukocytes = one(tables["populations"], role="b_cells", denominator="leukocytes")
    assert leukocytes["cells_per_ul"] == pytest.approx(4000 * leukocytes["fraction"])


def test_without_b_cells_they_are_not_detected_with_a_limit(draw, templates, settings):
    events, _ = draw(BLOOD, B_PANEL, seed=1)
    found = one(
        gated(events, "b_cell_recovery", templates, settings)["populations"],
        role="b_cells", denominator="lymphocytes",
    )  # fmt: skip
    assert found["status"] == "NOT_DETECTED"
    assert found["count"] <= max(found["lob_events"], 19)
    assert 0 < found["lod_fraction"] < 0.01


def test_few_events_are_indeterminate_and_never_negative(draw, templates, settings):
    few = {name: number // 20 for name, number in BLOOD.items()}
    events, _ = draw(few, B_PANEL, seed=2)
    table = gated(events, "b_cell_recovery", templates, settings)["populations"]
    assert set(table[table["role"] == "b_cells"]["status"]) == {"INDETERMINATE"}


def test_car_t_cells_carry_the_target_of_the_infusion_in_force(draw, templates, settings):
    events, truth = draw(BLOOD | {"car8": 500}, CAR_PANEL, seed=3)
    found = one(
        gated(events, "car_t_persistence", templates, settings)["populations"], role="car_t"
    )
    assert (found["target"], found["denominator"]) == ("CD19", "t_cells")
    assert found["count"] == pytest.approx((truth == "car8").sum(), rel=0.05)
    assert found["cut_source"] in ("INTERNAL", "REFINED")


def test_cd7_negative_t_cells_give_the_ratio_and_the_masking_flag(draw, templates, settings):
    events, truth = draw(BLOOD | {"t_cd7neg": 2000}, T_PANEL, seed=4)
    tables = gated(events, "t_lineage", templates, settings, infusions=[CAR7])
    ratio = one(tables["ratios"], ratio_name="CD7+/CD5+", scope="all_t")
    positive, all_t = (
        int(np.isin(truth, kinds).sum()) for kinds in (["t4", "t8"], ["t4", "t8", "t_cd7neg"])
    )
    assert ratio["ratio"] == pytest.approx(positive / all_t, rel=0.03)
    parts = ["cd7pos_cd5pos", "cd7pos_cd5neg", "cd7neg_cd5pos", "cd7neg_cd5neg"]
    t_cells = one(tables["populations"], role="t_cells")
    assert ratio[parts].sum() == t_cells["count"]
    assert "CD7 may be masked" in ratio["flags"]
    negative = one(tables["ratios"], ratio_name="CD7+/CD5+", scope="car_negative_t")
    assert negative["status"] == "NOT_ASSESSED"


def test_cd19_negative_blasts_are_seen_without_cd19(draw, templates, settings):
    marrow = BLOOD | {"blast": 2000, "blast_cd19neg": 1500}
    events, truth = draw(marrow, MRD_PANEL, seed=5)
    table = gated(events, "b_all_mrd", templates, settings, specimen="BM")["populations"]
    blasts = one(table, role="blasts")
    assert blasts["count"] == pytest.approx(np.char.startswith(truth, "blast").sum(), rel=0.03)
    negative = one(table, role="antigen_negative_blasts")
    assert negative["target"] == "CD19"
    assert negative["fraction"] == pytest.approx(1500 / 3500, abs=0.03)
    assert np.isnan(float(blasts["cells_per_ul"])) or blasts["count_basis"] == ""


def test_every_cut_names_its_source_and_every_table_keeps_its_contract(draw, templates, settings):
    events, _ = draw(BLOOD | {"b": 500}, B_PANEL, seed=6)
    tables = gated(events, "b_cell_recovery", templates, settings)
    assert (tables["cuts"]["source"] != "").all()
    for name, contract in (
        ("populations", POPULATIONS), ("ratios", RATIOS), ("cuts", CUTS), ("quality", QUALITY),
        ("views", GATE_VIEWS), ("densities", CUT_DENSITIES),
    ):  # fmt: skip
        contract.check(tables[name])
    views = tables["views"]
    assert (views.groupby("view")["layer"].max() >= 1).all()
    assert views["view"].nunique() >= 4


def test_a_missing_stain_makes_its_gates_not_assessed_and_the_rest_goes_on(
    draw, templates, settings
):
    events, _ = draw(BLOOD, T_PANEL[:4], seed=7)
    table = gated(events, "t_lineage", templates, settings)["populations"]
    assert one(table, role="cd4_t")["status"] == "NOT_ASSESSED"
    assert "CD4" in one(table, role="cd4_t")["flags"]
    assert one(table, role="cd7_positive_t")["status"] == "QUANTIFIED"


def test_a_specimen_without_a_required_marker_fails_with_the_reason(draw, templates, settings):
    events, _ = draw(BLOOD, ("CD45", "CD3"), seed=8)
    tables = gated(events, "b_cell_recovery", templates, settings)
    assert set(tables["populations"]["status"]) == {"FAILED"}
    failed = tables["quality"][tables["quality"]["verdict"] == "FAIL"]
    assert "marker CD19 is in none" in failed["message"].iloc[0]


def spilled(size):
    matrix = np.eye(size)
    matrix[0, 1:] = 0.08
    matrix[2, 0] = 0.15
    return matrix


def test_spillover_is_undone_before_gating(draw, templates, settings):
    events, truth = draw(BLOOD | {"b": 500}, B_PANEL, seed=9, spill=spilled)
    found = one(
        gated(events, "b_cell_recovery", templates, settings)["populations"],
        role="b_cells", denominator="lymphocytes",
    )  # fmt: skip
    assert found["count"] == pytest.approx((truth == "b").sum(), rel=0.03)


def test_values_that_could_not_be_compensated_are_never_firm(draw, templates, settings):
    events, _ = draw(BLOOD | {"b": 500}, B_PANEL, seed=9, spill=spilled)
    size = len(B_PANEL) + 1
    names = events.spill.split(",")[1 : size + 1]
    broken = type(events)(
        events.channels, events.values, ",".join([str(size), *names, *(["1"] * size * size)])
    )
    tables = gated(broken, "b_cell_recovery", templates, settings)
    assert set(tables["populations"]["status"]) <= {"INDETERMINATE", "NOT_ASSESSED"}
    assert tables["populations"]["flags"].str.contains("not compensated").all()
    assert "singular" in one(tables["quality"], check="compensation")["message"]


def control(control_for, sample_id):
    return row("car_t_persistence", sample_id) | {"control_for": control_for, "day": ""}


def test_a_stain_minus_one_tube_places_the_cut_of_its_batch_only(draw, templates, settings):
    without, _ = draw(BLOOD, CAR_PANEL, seed=10)
    cuts, quality = place_batch(
        "X", [(control("fmo:CAR", "F1"), without)], templates, thresholds(settings)
    )
    rows = BATCH_CUTS.frame(cuts)
    car = one(rows, marker="CAR")
    assert (car["source"], car["control_sample_id"]) == ("CONTROL", "F1")
    assert set(rows[rows["marker"] != "CAR"]["source"]) == {"NONE"}
    QUALITY.frame(quality)
    specimen, _ = draw(BLOOD | {"car8": 200}, CAR_PANEL, seed=11)
    table = {
        batch: gated(
            specimen, "car_t_persistence", templates, settings, cuts=rows.to_dict("records"),
            batch=batch,
        )["cuts"]
        for batch in ("X", "Y")
    }  # fmt: skip
    assert one(table["X"], gate="car_t", marker="CAR")["control_sample_id"] == "F1"
    assert one(table["Y"], gate="car_t", marker="CAR")["control_sample_id"] == ""


def test_a_later_specimen_changes_nothing_of_an_earlier_one(draw, templates, settings):
    early, _ = draw(BLOOD | {"b": 100}, B_PANEL, seed=12)
    late, _ = draw(BLOOD | {"b": 4000}, B_PANEL, seed=13, gain=1.5)
    tables = []
    for specimens in ([(1, early)], [(1, early), (60, late)]):
        course = Course(templates, [], settings)
        for day, events in specimens:
            sample = row("b_cell_recovery", f"S{day}", day)
            course.add(describe(sample, [CAR19], []), events, [])
        frame = POPULATIONS.frame(course.findings.populations)
        tables.append(frame[frame["sample_id"] == "S1"].reset_index(drop=True))
    assert tables[0].equals(tables[1])


def test_a_change_of_voltage_between_visits_is_flagged(draw, templates, settings):
    events, _ = draw(BLOOD, B_PANEL, seed=14)
    course = Course(templates, [], settings)
    for day, voltage in ((1, 400.0), (30, 450.0)):
        channels = tuple(type(c)(c.name, c.label, c.full_scale, voltage) for c in events.channels)
        sample = describe(row("b_cell_recovery", f"S{day}", day), [], [])
        course.add(sample, type(events)(channels, events.values), [])
    quality = QUALITY.frame(course.findings.quality)
    change = one(quality, check="settings")
    assert (change["sample_id"], change["verdict"]) == ("S30", "FLAG")
    assert "voltage of CD3 400 -> 450" in change["message"]


def test_a_specimen_without_file_is_not_assessed(templates, settings):
    course = Course(templates, [], settings)
    course.not_measured(describe(row("t_lineage"), [CAR7], []))
    assert {r["status"] for r in course.findings.populations} == {"NOT_ASSESSED"}
    assert {r["scope"] for r in course.findings.ratios} == {"all_t", "car_negative_t"}
    POPULATIONS.frame(course.findings.populations)
    RATIOS.frame(course.findings.ratios)


def test_a_population_says_data_only_where_a_cut_came_from_the_data(draw, templates, settings):
    events, _ = draw(BLOOD | {"b": 300}, B_PANEL, seed=3)
    tables = gated(events, "b_cell_recovery", templates, settings)
    cuts = tables["cuts"].set_index(["gate", "marker"])["source"]
    assert set(cuts["lymphocytes"]) == {"INTERNAL"}  # CD45_bright and SSC-A, beside T cells
    assert cuts["leukocytes", "CD45"] == "DATA"
    assert one(tables["populations"], role="lymphocytes")["cut_source"] == "INTERNAL"
