"""What a patient's earlier specimens say about the cuts of later ones, and never the reverse."""

from dataclasses import replace

import numpy as np
import pytest

from aftercar.cytometry.course import Course
from aftercar.cytometry.populations import Specimen

CAR = ("CD45", "CD3", "CD4", "CD8", "CAR")
B = ("CD45", "CD3", "CD19")
BLOOD = {"t4": 4000, "t8": 5000, "nk": 1500, "b": 300, "myeloid": 4000}


def course(templates, settings, visits, panel):
    """Rows of CUTS and POPULATIONS after visits of (day, events), by sample."""
    patient = Course(templates, [], settings)
    for day, events in visits:
        who = Specimen(f"S{day}", "P1", day, "PB", "unbatched", panel)
        patient.add(who, events, [])
    return patient


def cut_of(patient, sample, gate, marker):
    (row,) = [
        row
        for row in patient.findings.cuts
        if (row["sample_id"], row["gate"], row["marker"]) == (sample, gate, marker)
    ]
    return row


def test_cells_from_before_the_infusion_place_the_cut_of_the_car(draw, templates, settings):
    before, _ = draw(BLOOD, CAR, seed=1)
    after, truth = draw({**BLOOD, "car8": 60}, CAR, seed=2)
    patient = course(templates, settings, [(-7, before), (14, after)], "car_t_persistence")
    cut = cut_of(patient, "S14", "car_t", "CAR")
    assert cut["control_sample_id"] == "S-7"
    assert cut["source"] == "REFERENCE"
    assert "day -7, before the infusion" in cut["flags"]
    (row,) = [
        row
        for row in patient.findings.populations
        if (row["sample_id"], row["population"]) == ("S14", "car_t")
    ]
    planted = int((truth == "car8").sum())
    assert planted - 3 <= row["count"] <= planted + row["lob_events"]


def test_a_specimen_from_before_the_infusion_that_shows_a_car_is_no_reference(
    draw, templates, settings
):
    before, _ = draw({**BLOOD, "car8": 500}, CAR, seed=1)
    after, truth = draw({**BLOOD, "car8": 300}, CAR, seed=2)
    patient = course(templates, settings, [(-7, before), (14, after)], "car_t_persistence")
    assert cut_of(patient, "S14", "car_t", "CAR")["control_sample_id"] == ""
    (row,) = [
        row
        for row in patient.findings.populations
        if (row["sample_id"], row["population"]) == ("S14", "car_t")
    ]
    assert row["status"] == "QUANTIFIED"
    assert row["count"] == pytest.approx(int((truth == "car8").sum()), rel=0.05)


def test_a_specimen_after_the_infusion_is_no_car_free_reference(draw, templates, settings):
    first, _ = draw({**BLOOD, "car8": 3000}, CAR, seed=3)
    second, _ = draw({**BLOOD, "car8": 3000}, CAR, seed=4)
    patient = course(templates, settings, [(14, first), (28, second)], "car_t_persistence")
    assert cut_of(patient, "S28", "car_t", "CAR")["control_sample_id"] == ""


def test_a_later_specimen_changes_nothing_of_an_earlier_one(draw, templates, settings):
    visits = [(day, draw({**BLOOD, "car8": 20 + 5 * day}, CAR, seed=day)[0]) for day in (7, 14, 28)]
    alone = course(templates, settings, visits[:2], "car_t_persistence").findings
    whole = course(templates, settings, visits, "car_t_persistence").findings
    for rows, all_rows in ((alone.cuts, whole.cuts), (alone.populations, whole.populations)):
        assert rows == [row for row in all_rows if row["sample_id"] != "S28"]


def at_voltage(events, volts):
    """The same events with the voltage of every detector stated."""
    channels = tuple(replace(channel, voltage=volts) for channel in events.channels)
    return replace(events, channels=channels, values=np.asfortranarray(events.values))


@pytest.fixture
def only_b_cells(draw):
    """A tube without a negative population: nothing in it tells where CD19 begins."""
    return draw({"b": 4000}, B, seed=6)[0]


def test_a_tube_without_negatives_keeps_the_cut_of_the_last_visit(
    draw, templates, settings, only_b_cells
):
    usual, _ = draw({**BLOOD, "b": 800}, B, seed=5)
    visits = [(28, at_voltage(usual, 450.0)), (56, at_voltage(only_b_cells, 450.0))]
    patient = course(templates, settings, visits, "b_cell_recovery")
    cut = cut_of(patient, "S56", "b_lineage", "CD19")
    earlier = cut_of(patient, "S28", "b_lineage", "CD19")
    assert (cut["source"], cut["control_sample_id"]) == ("REFERENCE", "S28")
    assert cut["cut"] == pytest.approx(earlier["cut"], rel=1e-4)
    assert "kept from the patient's specimen of day 28" in cut["flags"]


def test_a_cut_is_not_kept_over_a_change_of_voltage(draw, templates, settings, only_b_cells):
    usual, _ = draw({**BLOOD, "b": 800}, B, seed=5)
    visits = [(28, at_voltage(usual, 450.0)), (56, at_voltage(only_b_cells, 600.0))]
    patient = course(templates, settings, visits, "b_cell_recovery")
    sources = {row["source"] for row in patient.findings.cuts if row["sample_id"] == "S56"}
    assert "REFERENCE" not in sources
    words = {
        row["status"]
        for row in patient.findings.populations
        if row["sample_id"] == "S56" and row["role"] == "b_cells"
    }
    assert words == {"INDETERMINATE"}


def test_a_colour_added_in_between_costs_no_reference(draw, templates, settings):
    before, _ = draw(BLOOD, CAR, seed=1)
    after, _ = draw({**BLOOD, "car8": 60}, (*CAR, "CCR7"), seed=2)
    patient = course(templates, settings, [(-7, before), (14, after)], "car_t_persistence")
    assert cut_of(patient, "S14", "car_t", "CAR")["control_sample_id"] == "S-7"


def test_another_voltage_of_the_car_detector_costs_the_reference(draw, templates, settings):
    before, _ = draw(BLOOD, CAR, seed=1)
    after, _ = draw({**BLOOD, "car8": 60}, CAR, seed=2)
    visits = [(-7, at_voltage(before, 450.0)), (14, at_voltage(after, 600.0))]
    patient = course(templates, settings, visits, "car_t_persistence")
    assert cut_of(patient, "S14", "car_t", "CAR")["control_sample_id"] == ""
