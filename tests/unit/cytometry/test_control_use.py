"""A control that places no cut, or serves no specimen, is seen and not passed over."""

import pytest

from aftercar.contracts.specimen import QUALITY
from aftercar.cytometry.specimen import place_batch, thresholds

PANEL = "car_t_persistence"
MARKERS = ("CD45", "CD3", "CD4", "CD8", "CAR")
BLOOD = {"t4": 3000, "t8": 3000, "myeloid": 4000}


@pytest.fixture
def used(draw, templates, settings):
    """What is told of each control by its sample_id."""

    def told(*controls, served=(PANEL,)):
        rows = [
            (
                {
                    "sample_id": name, "patient_id": "", "day": "", "specimen": "control",
                    "panel": PANEL, "control_for": kind,
                },
                draw(cells, MARKERS)[0],
            )
            for name, kind, cells in controls
        ]  # fmt: skip
        _, quality = place_batch("X", rows, templates, thresholds(settings), served=served)
        table = QUALITY.frame(quality)
        return table[table["check"] == "control_use"].set_index("sample_id")

    return told


def test_a_control_that_places_a_cut_names_it(used):
    found = used(("F1", "fmo:CAR", BLOOD)).loc["F1"]
    assert (found["verdict"], found["message"], found["value"]) == ("PASS", "places CAR", 1)


def test_a_control_that_was_asked_and_placed_no_cut_is_flagged_with_the_reason(used):
    found = used(("F1", "fmo:CAR", {"t4": 5, "myeloid": 4000})).loc["F1"]
    assert found["verdict"] == "FLAG"
    assert found["message"].startswith("asked, but placed no cut (CAR: only ")


def test_a_second_control_that_nobody_needed_is_no_fault(used):
    found = used(("F1", "fmo:CAR", BLOOD), ("F2", "fmo:CAR", BLOOD))
    assert found.loc["F2", "verdict"] == "PASS"
    assert found.loc["F2", "message"].startswith("not asked: other controls of the batch")


@pytest.mark.parametrize("served", [(), ("nk",)], ids=["no specimen", "another panel"])
def test_a_control_of_a_batch_and_panel_without_specimens_is_flagged(used, served):
    found = used(("F1", "fmo:CAR", BLOOD), served=served).loc["F1"]
    assert found["verdict"] == "FLAG"
    assert found["message"].startswith(f"no flow specimen of this batch has panel {PANEL}")
