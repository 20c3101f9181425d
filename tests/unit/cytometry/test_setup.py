"""What changed at the instrument between the visits of a patient is told."""

from dataclasses import replace

import pytest
from tests.unit.cytometry.test_specimens import one, row

from aftercar.contracts.specimen import QUALITY
from aftercar.cytometry.course import Course
from aftercar.cytometry.specimen import describe

MARKERS = ("CD45", "CD3", "CD7", "CD5", "CD4", "CD8")
CELLS = {"t4": 800, "myeloid": 800}


@pytest.fixture
def told(draw, templates, settings):
    """Add visits to a course and return the settings check of the last one."""

    def run(*changes, panel="t_lineage"):
        course = Course(templates, [], settings)
        for day, change in enumerate(changes, 1):
            events, _ = draw(CELLS, MARKERS, seed=3)
            course.add(describe(row(panel, f"S{day}", day), [], []), change(events), [])
        quality = QUALITY.frame(course.findings.quality)
        return one(quality, check="settings", sample_id=f"S{len(changes)}")

    return run


def same(events):
    return events


def relabelled(**names):
    """Give the stains other labels, in place: a detector then carries another marker."""

    def change(events):
        channels = (replace(c, label=names.get(c.label, c.label)) for c in events.channels)
        return replace(events, channels=tuple(channels))

    return change


def every(**values):
    def change(events):
        return replace(events, channels=tuple(replace(c, **values) for c in events.channels))

    return change


SWAPPED = relabelled(CD3="CD7", CD7="CD3")
WITHOUT_CD3 = relabelled(CD3="CD2")


def test_the_same_setup_is_told_as_the_same(told):
    assert told(same, same)["verdict"] == "PASS"


def test_two_markers_that_swapped_their_detectors_are_flagged(told):
    check = told(same, SWAPPED)
    assert check["verdict"] == "FLAG"
    assert "CD3 moved to another detector; CD7 moved to another detector" in check["message"]


def test_a_swap_is_flagged_across_a_failed_visit(told):
    check = told(same, WITHOUT_CD3, SWAPPED)
    assert "CD3 moved to another detector" in check["message"]


def test_a_failed_visit_is_no_measure_for_the_next_one(told):
    failed = relabelled(CD3="CD2", CD4="CD8", CD8="CD4")
    assert "CD4 moved" in told(same, failed)["message"]
    assert told(same, failed, same)["verdict"] == "PASS"


def test_a_failed_visit_is_told_what_it_lacks(told):
    assert "CD3 no longer in the file" in told(same, WITHOUT_CD3)["message"]


def test_a_detector_is_remembered_over_a_visit_without_the_stain(told):
    without, moved = relabelled(CD4="none"), relabelled(CD4="CD8", CD8="CD4")
    assert told(same, without, same)["verdict"] == "PASS"
    assert "CD4 moved to another detector" in told(same, without, moved)["message"]


def test_a_stain_left_out_is_told_once(told):
    without = relabelled(CD4="none")
    assert "CD4 no longer in the file" in told(same, without)["message"]
    assert told(same, without, without)["verdict"] == "PASS"


def test_a_marker_that_comes_anew_is_told(told):
    assert "CD4 is new" in told(relabelled(CD4="none"), same)["message"]


@pytest.mark.parametrize(("name", "values"), [("voltage", (400.0, 450.0)), ("gain", (1.0, 4.0))])
def test_another_voltage_or_gain_is_flagged(told, name, values):
    check = told(*(every(**{name: value}) for value in values))
    assert f"{name} of CD3 {values[0]:g} -> {values[1]:g}" in check["message"]


def test_without_voltage_and_gain_nobody_can_say_that_the_setup_is_the_same(told):
    check = told(every(voltage=None), every(voltage=None))
    assert check["verdict"] == "NOT_POSSIBLE"
    assert "hold no voltage or gain to compare" in check["message"]
    # of one visit alone there is nothing to compare either; a gain in both is enough
    assert told(same, every(voltage=None))["verdict"] == "NOT_POSSIBLE"
    assert told(*[every(voltage=None, gain=1.0)] * 2)["verdict"] == "PASS"


def test_another_set_of_colours_in_the_matrix_is_flagged(told):
    def colours(*names):
        size = len(names)
        matrix = ["1" if i % (size + 1) == 0 else "0" for i in range(size * size)]
        return lambda events: replace(events, spill=",".join([str(size), *names, *matrix]))

    check = told(colours("D1-A", "D2-A"), colours("D1-A", "D3-A"))
    assert "matrix has other detectors (1 new, 1 gone)" in check["message"]
    assert told(colours("D1-A", "D2-A"), colours("D2-A", "D1-A"))["verdict"] == "PASS"


def test_another_instrument_is_flagged(told):
    def on(model):
        return lambda events: replace(events, instrument=model)

    assert "another instrument" in told(on("A"), on("B"))["message"]
