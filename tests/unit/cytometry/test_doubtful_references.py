"""Controls and neighbours that cannot be what they are said to be settle nothing."""

import pytest

from aftercar.cytometry.controls import control_cuts
from aftercar.cytometry.populations import Specimen
from aftercar.cytometry.specimen import Findings, analyse, place_batch, thresholds

CAR = ("CD45", "CD3", "CD4", "CD8", "CAR")
MRD = ("CD45", "CD19", "CD10", "CD34", "CD22", "CD24", "CD38", "CD33", "CD3")
BLOOD = {"t4": 4000, "t8": 5000, "nk": 1500, "b": 600, "myeloid": 4000}


@pytest.fixture
def called(templates, settings):
    """A function that calls a tube with the controls of its batch: cuts of the batch, rows."""

    def call(panel, events, controls=()):
        rows = [
            (
                {"sample_id": f"C-{kind}", "patient_id": "", "day": "", "specimen": "control"}
                | {"panel": panel, "control_for": kind},
                control,
            )
            for kind, control in controls
        ]
        cuts, _ = place_batch("B", rows, {panel: templates[panel]}, thresholds(settings))
        found = Findings()
        analyse(
            events, Specimen("S", "P", 28, "BM", "B", panel), templates[panel],
            control_cuts(cuts, "B", panel), thresholds(settings), found,
        )  # fmt: skip
        by_marker = {row["marker"]: row for row in cuts}
        return by_marker, {row["population"]: row for row in found.populations}

    return call


@pytest.mark.parametrize("stained", [8000, 3000], ids=["nearly all CAR+", "a third CAR+"])
def test_a_stain_minus_one_tube_that_is_stained_hides_no_cells(draw, called, stained):
    wrong, _ = draw({**BLOOD, "t4": 8000 - stained, "t8": 1000, "car8": stained}, CAR, seed=1)
    events, truth = draw({**BLOOD, "car8": 300}, CAR, seed=2)
    cuts, rows = called("car_t_persistence", events, [("fmo:CAR", wrong)])
    row = rows["car_t"]
    assert row["status"] in ("QUANTIFIED", "INDETERMINATE")
    if row["status"] == "QUANTIFIED":
        assert row["count"] == pytest.approx(int((truth == "car8").sum()), rel=0.1)
    if stained == 8000:
        assert cuts["CAR"]["source"] == "NONE"
        assert "stained or mislabelled" in cuts["CAR"]["flags"] or "bright" in cuts["CAR"]["flags"]


def test_a_control_with_a_few_stained_cells_does_not_carry_the_cut_into_them(draw, called):
    some, _ = draw({**BLOOD, "car8": 60}, CAR, seed=3)
    events, truth = draw({**BLOOD, "car8": 300}, CAR, seed=4)
    _, rows = called("car_t_persistence", events, [("fmo:CAR", some)])
    assert rows["car_t"]["count"] == pytest.approx(int((truth == "car8").sum()), rel=0.1)


def test_a_right_control_leaves_no_doubt(draw, called):
    right, _ = draw(BLOOD, CAR, seed=5)
    events, _ = draw(BLOOD, CAR, seed=6)
    cuts, rows = called("car_t_persistence", events, [("fmo:CAR", right)])
    assert cuts["CAR"]["source"] == "CONTROL"
    assert rows["car_t"]["status"] == "NOT_DETECTED"


def test_dim_blasts_are_not_split_into_antigen_negative_ones(draw, called):
    cells = {"t4": 3000, "t8": 3000, "myeloid": 6000, "blast": 0}
    events, _ = draw({**cells, "blast_cd19dim": 2000}, MRD, seed=7)
    _, rows = called("b_all_mrd", events)
    assert rows["blasts"]["status"] == "QUANTIFIED"
    assert rows["cd19_negative_blasts"]["status"] != "QUANTIFIED"


def test_negative_blasts_beside_bright_ones_are_quantified(draw, called):
    cells = {"t4": 3000, "t8": 3000, "myeloid": 6000, "blast": 1500}
    events, truth = draw({**cells, "blast_cd19neg": 500}, MRD, seed=8)
    _, rows = called("b_all_mrd", events)
    row = rows["cd19_negative_blasts"]
    assert row["status"] == "QUANTIFIED"
    assert row["count"] == pytest.approx(int((truth == "blast_cd19neg").sum()), rel=0.05)
