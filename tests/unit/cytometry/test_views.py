"""Pictures of gates: all events, counts of the tables, empty gates kept, small and repeatable."""

import base64
import tracemalloc
import zlib
from dataclasses import replace

import numpy as np
import pytest

from aftercar.contracts.cytometry import CUT_DENSITIES, CUTS, GATE_VIEWS, POPULATIONS
from aftercar.contracts.events import FlowEvents
from aftercar.cytometry.counts import Limits
from aftercar.cytometry.drift import density_rows
from aftercar.cytometry.gates import Gating
from aftercar.cytometry.manual import stored_agreement
from aftercar.cytometry.populations import Specimen, cut_rows, population_rows
from aftercar.cytometry.prepare import prepare
from aftercar.cytometry.views import view_rows

LIMITS = Limits(20, 50, 1000)
BLOOD = {"t4": 2000, "t8": 2000, "nk": 900, "myeloid": 6000, "b": 400}
STAINS = {
    "b_cell_recovery": ("CD45", "CD3", "CD19", "CD20", "CD10", "CD34", "CD38"),
    "t_lineage": ("CD45", "CD3", "CD7", "CD5", "CD4", "CD8"),
    "car_t_persistence": ("CD45", "CD3", "CD4", "CD8", "CAR"),
    "b_all_mrd": ("CD45", "CD19", "CD22", "CD24", "CD10", "CD34", "CD38", "CD33", "CD3"),
}


def specimen(panel):
    return Specimen("S1", "P1", 28, "PB", "X", panel)


def gating_of(events, panel, templates):
    template = templates[panel]
    ready = prepare(events, template.source, max_margin=0.05, max_time_anomaly=0.3)
    return Gating(ready, template, {}, control_quantile=0.999)


def views_of(gating):
    return GATE_VIEWS.frame(view_rows(gating, "S1"))


def levels(row):
    held = np.frombuffer(zlib.decompress(base64.b64decode(row["raster"])), dtype=np.uint8)
    return held.reshape(100, 100)


@pytest.mark.parametrize("panel", STAINS)
def test_the_counts_on_the_plots_are_those_of_the_table(draw, templates, panel):
    events, _ = draw(BLOOD | {"car8": 90, "blast": 150}, STAINS[panel], seed=3)
    gating = gating_of(events, panel, templates)
    table = POPULATIONS.frame(population_rows(gating, specimen(panel), LIMITS, 0.03))
    table = table[table["count"].notna()]
    counted = dict(zip(table["gate_path"], table["count"], strict=True))
    views = views_of(gating)
    shown = views[views["gate_path"].isin(counted) & views["events"].notna()]
    assert len(shown) >= 3
    assert (shown["events"] == shown["gate_path"].map(counted)).all()


@pytest.mark.parametrize("panel", STAINS)
def test_the_outline_has_the_numbers_of_the_table_of_cuts(draw, templates, panel):
    events, _ = draw(BLOOD | {"car8": 90, "blast": 150}, STAINS[panel], seed=3)
    gating = gating_of(events, panel, templates)
    views = views_of(gating)
    cuts = CUTS.frame(cut_rows(gating, specimen(panel)))
    gates = views[(views["layer"] == 1) & (views["outline"] != "")]
    assert len(gates) >= 3
    for row in gates.to_dict("records"):
        known = {f"{cut:.6g}" for cut in cuts[cuts["gate"] == row["population"]]["cut"]}
        drawn = {n for n in row["outline"].replace(";", " ").split() if n != "-"}
        assert drawn <= known, row["population"]


@pytest.mark.parametrize("panel", STAINS)
def test_the_outline_holds_exactly_the_events_of_a_gate_with_no_other_border(
    draw, templates, panel
):
    events, _ = draw(BLOOD | {"car8": 90, "blast": 150}, STAINS[panel], seed=3)
    gating = gating_of(events, panel, templates)
    views = views_of(gating)
    values, channel = gating.ready.values, gating.ready.panel.channel
    parents = views[views["layer"] == 0].set_index("view")["population"]
    gates = views[(views["layer"] == 1) & (views["purpose"] == "gate") & (views["raster"] != "")]
    gates = gates[gates["elsewhere"] == ""]
    assert len(gates) >= 2
    for row in gates.to_dict("records"):
        inside = np.zeros(len(values), dtype=bool)
        for rectangle in row["outline"].split(";"):
            left, right, bottom, top = (
                default if end == "-" else float(end)
                for end, default in zip(rectangle.split(), (-np.inf, np.inf) * 2, strict=True)
            )
            x, y = values[:, channel[row["x"]]], values[:, channel[row["y"]]]
            inside |= (x >= left) & (x < right) & (y >= bottom) & (y < top)
        parent = gating.gate(parents[row["view"]]).mask
        assert row["events"] == (inside & parent).sum(), row["population"]


def test_every_event_of_the_parent_is_in_the_picture(draw, templates):
    events, _ = draw(BLOOD, STAINS["b_cell_recovery"], seed=4)
    gating = gating_of(events, "b_cell_recovery", templates)
    views = views_of(gating)
    row = views[(views["x"] == "CD3") & (views["y"] == "CD19") & (views["layer"] == 0)].iloc[0]
    mask = gating.gate("leukocytes").mask
    places = []
    for name in ("x", "y"):
        channel = gating.ready.panel.channel[row[name]]
        low, high = (
            np.arcsinh(row[f"{name}_{end}"] / row[f"{name}_unit"]) for end in ("low", "high")
        )
        place = np.arcsinh(gating.ready.values[mask, channel] / row[f"{name}_unit"])
        places.append(np.clip((place - low) / (high - low), 0, 1 - 1e-9))
    counts, _, _ = np.histogram2d(*places, bins=100, range=[[0, 1], [0, 1]])
    expected = counts.T[::-1] > 0
    found = levels(row) > 0
    # the picture's single precision may put an event of a pixel's edge into its neighbour
    assert (found != expected).sum() <= 0.01 * expected.sum()
    assert row["events"] == mask.sum()


def test_a_single_rare_event_is_in_the_picture(draw, templates):
    events, _ = draw(
        BLOOD | {"b": 1}, STAINS["b_cell_recovery"], seed=9, dead=0, doublets=0, debris=0
    )
    views = views_of(gating_of(events, "b_cell_recovery", templates))
    row = views[views["population"] == "b_cells"].iloc[0]
    assert (row["events"], np.count_nonzero(levels(row))) == (1, 1)


def test_an_event_of_absurd_size_is_counted_and_breaks_no_picture(draw, templates):
    events, _ = draw(BLOOD, STAINS["b_cell_recovery"], seed=9, dead=0, doublets=0, debris=0)
    values = events.values.copy()
    values[100, -3:-1] = 3e38, -3e38
    gating = gating_of(FlowEvents(events.channels, values, ""), "b_cell_recovery", templates)
    views = views_of(gating)
    assert views[views["layer"] == 0]["events"].max() == gating.gate("viable").count


def test_an_empty_gate_keeps_its_plot(draw, templates):
    events, _ = draw(BLOOD | {"b": 0}, STAINS["b_cell_recovery"], seed=5)
    views = views_of(gating_of(events, "b_cell_recovery", templates))
    assert sorted(set(views["view"])) == [1, 2, 3, 4, 5, 6, 7]
    row = views[views["population"] == "hematogones"].iloc[0]
    assert row["events"] == 0
    assert not levels(row).any()
    assert row["remark"] == ""


def test_a_gate_whose_stain_is_missing_is_kept_with_the_reason(draw, templates):
    stains = tuple(s for s in STAINS["b_cell_recovery"] if s != "CD38")
    events, _ = draw(BLOOD, stains, seed=6)
    views = views_of(gating_of(events, "b_cell_recovery", templates))
    row = views[views["population"] == "hematogones"].iloc[0]
    assert row["raster"] == ""
    assert row["remark"] == "needs CD38: not in the file"


def test_where_a_cut_has_no_place_the_parent_is_drawn_with_the_cause_alone(draw, templates):
    events, _ = draw(BLOOD, STAINS["b_cell_recovery"], seed=6)
    gating = gating_of(events, "b_cell_recovery", templates)
    gating.gates["b_cells"] = replace(
        gating.gate("b_cells"), mask=None, placed=None,
        flags=("leukocytes without CD8, not stained", "no cut for CD34: no valley"),
    )  # fmt: skip
    views = views_of(gating)
    row = views[views["population"] == "b_cells"].iloc[0]
    assert (row["purpose"], row["remark"]) == ("gate", "no cut for CD34: no valley")
    parent = views[(views["view"] == row["view"]) & (views["layer"] == 0)].iloc[0]
    assert levels(parent).any()


def test_an_axis_that_is_not_stained_gives_way_to_side_scatter(draw, templates):
    stains = tuple(s for s in STAINS["car_t_persistence"] if s != "CD8")
    events, truth = draw(BLOOD | {"car8": 300}, stains, seed=7)
    views = views_of(gating_of(events, "car_t_persistence", templates))
    row = views[(views["population"] == "car_t") & (views["purpose"] == "gate")].iloc[0]
    assert (row["x"], row["y"]) == ("CAR", "SSC-A")
    assert row["events"] == pytest.approx((truth == "car8").sum(), rel=0.1)


@pytest.mark.parametrize(
    ("panel", "population"),
    [("b_cell_recovery", "b_cells"), ("car_t_persistence", "car_t"), ("b_all_mrd", "blasts")],
)
def test_back_gating_shows_the_population_on_both_planes(draw, templates, panel, population):
    events, _ = draw(BLOOD | {"car8": 200, "blast": 150}, STAINS[panel], seed=8)
    views = views_of(gating_of(events, panel, templates))
    back = views[views["purpose"] == "back_gating"]
    shown = back[back["population"] == population]
    assert set(zip(shown["x"], shown["y"], strict=True)) == {("FSC-A", "SSC-A"), ("CD45", "SSC-A")}
    assert (shown["events"] > 50).all()
    assert set(back[back["layer"] == 0]["population"]) == {"viable"}


def test_scatter_is_linear_and_fluorescence_is_arcsinh_in_every_plot(draw, templates):
    events, _ = draw(BLOOD, STAINS["b_all_mrd"], seed=8)
    views = views_of(gating_of(events, "b_all_mrd", templates))
    for name in ("x", "y"):
        scatter = views[name].str.contains("SC-")
        assert set(views[scatter][f"{name}_scale"]) <= {"linear"}
        assert set(views[~scatter][f"{name}_scale"]) <= {"arcsinh"}


def test_pictures_are_the_same_in_every_run_and_small(draw, templates):
    events, _ = draw(BLOOD, STAINS["b_all_mrd"], seed=10)
    first, second = (view_rows(gating_of(events, "b_all_mrd", templates), "S1") for _ in range(2))
    assert first == second
    assert sum(len(str(row.get("raster", ""))) for row in first) < 20_000


def test_pictures_need_little_memory(draw, templates):
    events, _ = draw(
        {name: 10 * n for name, n in BLOOD.items()}, STAINS["b_cell_recovery"], seed=11
    )
    gating = gating_of(events, "b_cell_recovery", templates)
    view_rows(gating, "S1")  # gates are made
    tracemalloc.start()
    view_rows(gating, "S1")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40 * len(events) + 3_000_000  # bytes; the file itself has 13 x 8 per event


def densities_of(gating):
    return CUT_DENSITIES.frame(density_rows(gating, specimen(gating.template.panel)))


def test_a_density_is_that_of_the_reference_of_its_cut(draw, templates):
    events, _ = draw(BLOOD, STAINS["b_cell_recovery"], seed=12)
    gating = gating_of(events, "b_cell_recovery", templates)
    population_rows(gating, specimen("b_cell_recovery"), LIMITS, 0.03)
    row = densities_of(gating).set_index("cut_name").loc["CD19"]
    assert row["population"] == "t_bright"
    mask = gating.gate("t_bright").mask
    place = np.arcsinh(gating.ready.values[mask, gating.ready.panel.channel["CD19"]] / row["unit"])
    assert row["events"] == mask.sum()
    assert row["centre"] == pytest.approx(float(np.median(place)), abs=1e-4)
    expected, _ = np.histogram(place, bins=64, range=(-2.6, 10.2))
    found = np.array(row["shares"].split(), dtype=int)
    assert np.abs(found - 1000 * expected / mask.sum()).max() <= 0.51


def test_every_cut_of_the_table_has_its_density(draw, templates):
    events, _ = draw(BLOOD, STAINS["t_lineage"], seed=13)
    gating = gating_of(events, "t_lineage", templates)
    population_rows(gating, specimen("t_lineage"), LIMITS, 0.03)
    cuts = CUTS.frame(cut_rows(gating, specimen("t_lineage")))
    found = densities_of(gating).set_index("cut_name")
    placed = cuts[~cuts["gate"].isin(["singlets", "time"])]
    for row in placed.to_dict("records"):
        assert found.loc[row["marker"], "cut"] == row["cut"]


def test_too_few_reference_events_have_no_curve_and_are_not_flat(draw, templates):
    few = {"t4": 40, "t8": 20, "nk": 900, "myeloid": 6000}
    events, _ = draw(few, STAINS["b_cell_recovery"], seed=14, debris=0)
    gating = gating_of(events, "b_cell_recovery", templates)
    population_rows(gating, specimen("b_cell_recovery"), LIMITS, 0.03)
    row = densities_of(gating).set_index("cut_name").loc["CD19"]
    assert (row["population"], row["shares"]) == ("t_bright", "")
    assert 0 < row["events"] < 100
    assert np.isnan(row["centre"])


def test_a_shifted_stain_moves_its_curve(draw, templates):
    centres = []
    for gain in (1.0, 2.0):
        events, _ = draw(BLOOD, STAINS["b_cell_recovery"], seed=15, gain=gain)
        gating = gating_of(events, "b_cell_recovery", templates)
        population_rows(gating, specimen("b_cell_recovery"), LIMITS, 0.03)
        centres.append(densities_of(gating).set_index("cut_name").loc["CD45_bright", "centre"])
    assert centres[1] - centres[0] == pytest.approx(np.log(2), abs=0.05)


@pytest.mark.parametrize(
    ("stored", "recomputed", "percent", "word"),
    [
        (266, 267, 100 / 266, "AGREES"),
        (10, 13, 30.0, "AGREES"),  # three events
        (10, 14, 40.0, "DIFFERS"),
        (1000, 1005, 0.5, "AGREES"),  # half a percent
        (1000, 994, -0.6, "DIFFERS"),
        (0, 3, None, "AGREES"),
        (0, 50, None, "DIFFERS"),  # the stored count was lost or the gate moved
    ],
)
def test_a_stored_count_agrees_within_three_events_or_half_a_percent(
    stored, recomputed, percent, word
):
    found = stored_agreement(stored, recomputed)
    assert found["agreement"] == word
    assert found["difference_percent"] == (None if percent is None else pytest.approx(percent))


def test_values_on_a_display_scale_are_drawn_in_decades(draw, templates):
    events, _ = draw(BLOOD, STAINS["b_cell_recovery"], seed=16)
    values = events.values.copy()
    values[:, 4:] = np.log10(np.clip(values[:, 4:], 1, None))
    gating = gating_of(
        FlowEvents(events.channels, np.asfortranarray(values), ""), "b_cell_recovery", templates
    )
    views = views_of(gating)
    assert set(views[views["y"] == "CD19"]["y_scale"]) == {"display"}
    assert views[views["y"] == "CD19"]["y_high"].iloc[0] == pytest.approx(4.5, abs=0.1)
