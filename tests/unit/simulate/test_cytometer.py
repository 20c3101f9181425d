"""The FCS files say what was planted, to a reader that is not ours."""

import io
from dataclasses import replace

import numpy as np
import pytest

from aftercar.simulate.cytometer import LOOKS, PANELS, SPILL, acquire, fcs_bytes
from aftercar.simulate.tubes import control_tube, specimen_tube

SHARES = {
    "t_cd4": 0.3,
    "t_cd8": 0.25,
    "car_cd8": 0.05,
    "b": 0.1,
    "monocyte": 0.1,
    "granulocyte": 0.2,
}


def tube(panel="car_t_persistence", events=8000, shares=SHARES, seed=3, **options):
    options = {"donor_shift": {}, "batch_shift": {}} | options
    return acquire(shares, panel, events, np.random.default_rng(seed), **options)


@pytest.fixture(scope="module")
def acquired():
    return tube()


def test_flowio_reads_back_the_events_the_names_and_the_spillover(acquired):
    flowio = pytest.importorskip("flowio")
    file = flowio.FlowData(io.BytesIO(fcs_bytes(acquired, {"$FIL": "x"})))
    assert file.version == "3.1"
    assert tuple(file.pnn_labels) == acquired.names
    assert tuple(file.pns_labels) == acquired.labels
    np.testing.assert_array_equal(file.as_array(preprocess=False), acquired.events)
    assert file.text["spillover"].startswith("6,BV421-A,V500-A,FITC-A,PE-A,APC-A,APC-Cy7-A,1,")


def test_compensation_by_the_inverse_recovers_brightness_and_by_the_transpose_does_not(acquired):
    columns = [acquired.names.index(name) for name in acquired.fluorescent]
    cd4 = acquired.events[acquired.identity == "t_cd4"][:, columns].astype(float)
    pe = acquired.fluorescent.index("PE-A")
    right = np.median((cd4 @ np.linalg.inv(acquired.spill))[:, pe])
    wrong = np.median((cd4 @ np.linalg.inv(acquired.spill.T))[:, pe])
    assert np.median(cd4[:, pe]) > 1000  # CD4 FITC spills into PE
    assert abs(right) < 200
    assert abs(wrong) > 3 * abs(right)


def test_the_spillover_is_asymmetric_and_invertible():
    assert not np.allclose(SPILL, SPILL.T)
    assert np.linalg.cond(SPILL) < 10


def test_shares_are_those_that_were_asked_for(acquired):
    counts = acquired.counts()
    living = sum(counts[name] for name in SHARES)
    for name, share in SHARES.items():
        assert counts[name] / living == pytest.approx(share, abs=4 * (share / living) ** 0.5)
    assert {"dead", "doublet", "debris"} <= set(counts)


def test_time_never_goes_back_and_doublets_have_too_much_area(acquired):
    time, area, height = acquired.events[:, 0], acquired.events[:, 1], acquired.events[:, 2]
    assert (np.diff(time) >= 0).all()
    ratio = area / height
    double = acquired.identity == "doublet"
    assert np.median(ratio[double]) > 1.25 * np.median(ratio[~double])


def test_a_clog_loses_events_for_some_seconds_only():
    clogged = tube(events=20_000, clog=True)
    seconds = np.bincount((clogged.events[:, 0] * 0.01).astype(int), minlength=100)
    assert seconds[43:48].max() < 0.5 * np.median(seconds)
    assert seconds[:40].min() > 0.6 * np.median(seconds)


def test_a_tube_without_car_stain_shows_background_only():
    stained, without = tube(), tube(without=frozenset({"CAR"}))
    pe = stained.names.index("PE-A")
    positive = stained.identity == "car_cd8"
    assert np.median(stained.events[positive, pe]) > 2000
    assert np.quantile(without.events[without.identity == "car_cd8", pe], 0.99) < 1500


def test_beads_are_added_to_a_tube_whose_cells_stay_the_same():
    without, beaded = tube(), tube(beads=400)
    bead = np.char.startswith(beaded.identity, "bead")
    assert bead.sum() == 400
    np.testing.assert_array_equal(beaded.events[~bead], without.events)
    np.testing.assert_array_equal(beaded.identity[~bead], without.identity)
    light = beaded.events[bead][:, 4:].astype(float)
    assert (light > 10_000).all()
    single = beaded.identity[bead] == "bead"
    assert (np.log(light[single]).std(axis=0) < 0.12).all()
    pairs = np.median(light[~single], axis=0) / np.median(light[single], axis=0)
    assert pairs == pytest.approx(2, rel=0.1)
    assert (np.diff(beaded.events[:, 0]) >= 0).all()


@pytest.mark.parametrize("panel", PANELS)
def test_every_panel_has_scatter_time_and_viability(panel):
    made = tube(panel, events=500)
    assert made.names[:4] == ("Time", "FSC-A", "FSC-H", "SSC-A")
    assert "L/D" in made.labels


def test_an_aplastic_tube_holds_no_b_cell_and_the_truth_says_so(patient):
    p10 = patient("P10")
    content, truth = specimen_tube(p10, p10.specimens[0])
    rows = {(row["role"], row["denominator"]): row for row in truth}
    assert rows["b_cells", "leukocytes"]["true_count"] == 0
    assert 850 <= rows["b_cells", "leukocytes"]["true_denominator_count"] <= 950
    assert b"$TOT\x0c1060\x0c" in content


def test_dominance_of_the_second_car_is_planted(patient):
    p07 = patient("P07")
    _, truth = specimen_tube(p07, p07.specimens[2])
    car = {row["target"]: row["true_count"] for row in truth if row["role"] == "car_t"}
    assert car["CD5"] / (car["CD5"] + car["CD7"]) > 0.9
    assert car["CD7"] > 20


def test_cd7_is_masked_on_the_cd7_car_t(patient):
    p06 = patient("P06")
    _, truth = specimen_tube(p06, p06.specimens[0])
    count = {(row["role"], row["target"]): row["true_count"] for row in truth}
    total = next(row for row in truth if row["role"] == "cd7_negative_t")["true_denominator_count"]
    assert count["cd7_negative_t", "CD7"] + count["cd7_positive_t", "CD7"] == total
    assert count["cd7_negative_t", "CD7"] > count["car_t", "CD7"]


def test_hostile_keywords_are_in_the_hostile_file_only(patient):
    p12, p01 = patient("P12"), patient("P01")
    hostile, _ = specimen_tube(p12, p12.specimens[0])
    plain, _ = specimen_tube(p01, p01.specimens[0])
    for text in (b"<script>", b"=HYPERLINK", b"&10PATIENT ID", b"$SRC"):
        assert text in hostile
        assert text not in plain


def test_the_same_tube_twice_is_the_same_bytes(patient):
    p02 = patient("P02")
    assert specimen_tube(p02, p02.specimens[0]) == specimen_tube(p02, p02.specimens[0])
    assert control_tube("b2", "t_lineage", "fmo:CAR7") == control_tube(
        "b2", "t_lineage", "fmo:CAR7"
    )


def test_one_population_can_look_otherwise_and_the_others_stay_as_they_are(acquired):
    dim = replace(LOOKS["car_cd8"], markers={**LOOKS["car_cd8"].markers, "CAR": 900})
    changed = tube(looks={**LOOKS, "car_cd8": dim})
    cars = acquired.identity == "car_cd8"
    others = ~cars & np.isin(acquired.identity, list(SHARES))
    np.testing.assert_array_equal(changed.identity, acquired.identity)
    np.testing.assert_array_equal(changed.events[others], acquired.events[others])
    pe = acquired.names.index("PE-A")
    ratio = np.median(changed.events[cars, pe]) / np.median(acquired.events[cars, pe])
    assert 0.15 < ratio < 0.35  # 900 of 4500, on top of spillover and autofluorescence


def test_the_dead_are_as_many_as_asked_for():
    mostly_dead = tube(events=10_000, dead_share=0.8)
    assert mostly_dead.counts()["dead"] == 8000
    viability = mostly_dead.names.index("APC-Cy7-A")
    dead = mostly_dead.identity == "dead"
    living = np.isin(mostly_dead.identity, list(SHARES))
    bright = mostly_dead.events[:, viability]
    assert np.median(bright[dead]) > 20 * np.median(bright[living])
