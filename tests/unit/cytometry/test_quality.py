"""Clogs, margins, debris, doublets and dead cells are found; one population is never cut."""

from dataclasses import replace

import numpy as np
import pytest
from tests.unit.cytometry.test_specimens import gated, one

from aftercar.cytometry.prepare import prepare, viability_cut
from aftercar.cytometry.quality import (
    debris_cut,
    doublet_limit,
    lymphosum_check,
    margin_checks,
    time_anomalies,
    within_intervals,
)

MARKERS = ("CD45", "CD3", "CD19", "CD20", "CD10", "CD34", "CD38")


@pytest.fixture(scope="module")
def placement(templates):
    return templates["b_cell_recovery"].source["placement"]


def steady(seed=0, events=20_000):
    random = np.random.default_rng(seed)
    return np.sort(random.uniform(0, 100, events)), random.normal(6, 0.4, events)


def test_a_steady_acquisition_keeps_every_event(placement):
    time, level = steady()
    kept = time_anomalies(time, {"FSC-A": level}, placement, max_share=0.3)
    assert kept.intervals == ((None, None),)
    assert kept.check.verdict == "PASS"


@pytest.mark.parametrize("what", ["clog", "burst", "shift"])
def test_an_anomaly_is_cut_out_and_the_rest_is_kept(placement, what):
    time, level = steady()
    hit = (time > 40) & (time < 50)
    if what == "clog":
        keep = ~hit | (np.random.default_rng(1).random(len(time)) < 0.15)
        time, level = time[keep], level[keep]
    elif what == "burst":
        extra = np.random.default_rng(1).uniform(40, 50, 12_000)
        order = np.argsort(np.concatenate([time, extra]), kind="stable")
        time = np.concatenate([time, extra])[order]
        level = np.concatenate([level, np.random.default_rng(2).normal(6, 0.4, 12_000)])[order]
    else:
        level = np.where(hit, level + 0.8, level)
    hit = (time > 41) & (time < 49)
    kept = within_intervals(
        time, time_anomalies(time, {"FSC-A": level}, placement, max_share=0.9).intervals
    )
    assert kept[hit].mean() < 0.05
    assert kept[(time < 39) | (time > 51)].mean() > 0.98


def test_the_borders_of_a_clog_go_with_it(placement):
    time, level = steady(events=40_000)
    level = np.where((time > 40.3) & (time < 50.2), level + 0.8, level)
    kept = within_intervals(
        time, time_anomalies(time, {"FSC-A": level}, placement, max_share=0.9).intervals
    )
    assert not kept[(time > 40.3) & (time < 50.2)].any()
    assert kept[(time < 39) | (time > 51.5)].all()


def test_one_detector_that_dims_is_seen_and_sampled_events_suffice(placement):
    time, level = steady(events=60_000)
    dimmed = np.random.default_rng(6).normal(3, 1.5, 60_000)
    dimmed[(time > 60) & (time < 72)] -= 0.9
    for step in (1, 3):
        levels = {"FSC-A": level[::step], "CD19": dimmed[::step]}
        found = time_anomalies(time, levels, placement, max_share=0.9, step=step)
        kept = within_intervals(time, found.intervals)
        assert kept[(time > 60.5) & (time < 71.5)].mean() < 0.05
        assert kept[(time < 59) | (time > 73)].mean() > 0.98


@pytest.mark.parametrize("events", [1, 1000, 3000])
def test_few_events_never_pass_for_a_steady_acquisition(placement, events):
    time, level = steady(events=events)
    found = time_anomalies(time, {"FSC-A": level}, placement, max_share=0.3)
    assert found.check.verdict == "NOT_POSSIBLE"
    assert found.intervals == ((None, None),)


def test_a_clog_of_the_cd19_detector_alone_is_cut_out_of_a_whole_tube(draw, templates):
    events, _ = draw({"t8": 8000, "myeloid": 8000, "b": 20_000}, MARKERS)
    values = events.values.copy(order="F")
    cd19 = [label for _, label in events.names].index("CD19")
    late = (values[:, 0] > 60) & (values[:, 0] < 75)
    values[late, cd19] *= 0.3
    template = templates["b_cell_recovery"].source
    ready = prepare(replace(events, values=values), template, max_margin=0.05, max_time_anomaly=0.3)
    assert ready.gates[0].name == "time"
    inside = ready.gates[0].inside(ready.values)
    assert inside[late].mean() < 0.1
    assert inside[~late].mean() > 0.97


def test_each_cleaning_step_tells_its_share_and_margins_remove_nothing(draw, templates):
    events, truth = draw({"t8": 8000, "myeloid": 8000, "b": 800}, MARKERS)
    values = events.values.copy(order="F")
    side = [name for name, _ in events.names].index("SSC-A")
    granulocytes = (truth == "myeloid") & (np.arange(len(truth)) % 2 == 0)
    values[granulocytes, side] = 262_143.0
    template = templates["b_cell_recovery"].source
    ready = prepare(replace(events, values=values), template, max_margin=0.05, max_time_anomaly=0.3)
    told = {check.check: check for check in ready.checks}
    inside, removed = np.ones(len(values), dtype=bool), {}
    for gate in ready.gates:
        after = inside & gate.inside(ready.values)
        removed[gate.name] = 1 - after.sum() / inside.sum()
        inside = after
    assert told["time_anomaly"].value == 0
    assert told["debris"].value == pytest.approx(removed["cells"])
    assert told["doublets"].value == pytest.approx(removed["singlets"])
    assert told["viability"].value == pytest.approx(1 - removed["viable"])
    # 6 % debris, 4 % doublets of cells, 5 % dead were drawn
    assert removed["cells"] == pytest.approx(0.06, abs=0.01)
    assert removed["singlets"] == pytest.approx(0.04, abs=0.01)
    assert removed["viable"] == pytest.approx(0.05, abs=0.01)
    assert told["margin:SSC-A"].value == pytest.approx(granulocytes.mean(), abs=1e-6)
    assert told["margin:SSC-A"].verdict == "FLAG"
    assert inside[granulocytes].mean() > 0.98


def test_a_specimen_that_loses_too_much_fails_with_the_share(placement):
    time, level = steady()
    level = np.where(time > 60, level + 1.0, level)
    kept = time_anomalies(time, {"FSC-A": level}, placement, max_share=0.3)
    assert kept.check.verdict == "FAIL"
    assert kept.check.value == pytest.approx(0.4, abs=0.03)


def test_margins_are_reported_and_a_single_largest_value_is_none():
    values = np.column_stack([np.full(1000, 262_143.0), np.arange(1000.0)])
    values[:700, 0] = 5
    checks = margin_checks(values, {"SSC-A": 0, "FSC-A": 1}, [262_144.0, 1000.0], max_share=0.05)
    found = {check.check: (check.value, check.verdict) for check in checks}
    assert found["margin:SSC-A"] == (pytest.approx(0.3), "FLAG")
    assert found["margin:FSC-A"] == (0.0, "PASS")


def test_one_population_is_never_bisected_for_debris_or_viability(placement):
    random = np.random.default_rng(3)
    assert debris_cut(random.normal(6, 0.2, 20_000), placement)[0] is None
    assert viability_cut(random.normal(1, 0.5, 20_000), placement)[0] is None


def test_dead_cells_are_cut_off_even_when_most_cells_are_dead(placement):
    random = np.random.default_rng(4)
    dye = np.concatenate([random.normal(1, 0.4, 4000), random.normal(5, 0.4, 16_000)])
    cut, _ = viability_cut(dye, placement)
    assert 2 < cut < 4


@pytest.mark.parametrize("dead", [0.0, 0.5, 0.8, 0.94])
def test_viable_b_cells_are_counted_however_many_cells_are_dead(draw, templates, settings, dead):
    cells = {"t8": 9000, "myeloid": 9000, "b": 2000}
    events, truth = draw(cells, MARKERS, seed=5, dead=dead)
    tables = gated(events, "b_cell_recovery", templates, settings)
    found = one(tables["populations"], role="b_cells", denominator="lymphocytes")
    assert found["count"] == pytest.approx((truth == "b").sum(), rel=0.04)
    check = one(tables["quality"], check="viability")
    assert check["value"] == pytest.approx(1 - dead, abs=0.01)
    assert check["verdict"] == (
        "PASS" if dead < 0.5 else "FLAG" if dead > 0.5 else check["verdict"]
    )


def test_a_tube_without_dead_cells_says_that_none_were_seen_or_no_dye_was_added(draw, templates):
    events, _ = draw({"t8": 3000, "myeloid": 3000}, MARKERS, dead=0.0)
    ready = prepare(
        events, templates["b_cell_recovery"].source, max_margin=0.05, max_time_anomaly=0.3
    )
    check = next(check for check in ready.checks if check.check == "viability")
    assert check.verdict == "PASS"
    assert "no dead cells were seen or no dye was added" in check.message


@pytest.mark.parametrize("dead", [1.0, 0.9995])
def test_a_tube_of_dead_cells_fails(draw, templates, settings, dead):
    events, _ = draw({"t8": 9000, "myeloid": 9000, "b": 2000}, MARKERS, seed=6, dead=dead)
    tables = gated(events, "b_cell_recovery", templates, settings)
    assert set(tables["populations"]["status"]) == {"FAILED"}
    assert tables["populations"]["flags"].str.contains("dead or overstained").all()


def test_few_dim_events_below_live_cells_are_not_taken_for_the_live_ones(placement):
    random = np.random.default_rng(8)
    dye = np.concatenate(
        [random.normal(-3, 0.2, 300), random.normal(1, 0.4, 20_000), random.normal(5, 0.4, 2000)]
    )
    cut, _ = viability_cut(dye, placement, bright=3.0)
    assert 2 < cut < 4
    # nor is anything taken for them where it is not known what is bright
    assert viability_cut(dye[:20_300], placement)[0] is None


def test_doublets_lie_above_median_plus_four_mad(placement):
    random = np.random.default_rng(5)
    height = random.normal(50_000, 5000, 10_000)
    ratio = np.concatenate([random.normal(1.2, 0.03, 9500), random.normal(2.3, 0.1, 500)])
    limit = doublet_limit(height * ratio, height, placement)
    assert limit == pytest.approx(1.2 + 4 * 0.03, abs=0.03)


def test_the_lymphosum_alarm_rings_below_90_percent():
    counts = {"t_cells": 700, "b_cells": 50, "nk_cells": 50, "lymphocytes": 1000}
    assert lymphosum_check(counts).verdict == "FLAG"
    assert lymphosum_check(counts | {"nk_cells": 200}).verdict == "PASS"
    assert lymphosum_check({"t_cells": 1}).verdict == "NOT_POSSIBLE"


def test_what_a_file_lacks_is_not_possible_and_never_passed(draw, templates):
    events, _ = draw({"t8": 3000, "myeloid": 3000, "b": 300}, MARKERS)
    fewer = [n for n, (name, label) in enumerate(events.names) if name not in ("FSC-H", "Time")]
    fewer = [n for n in fewer if events.names[n][1] not in ("Viability", "CD20")]
    channels = tuple(events.channels[n] for n in fewer)
    lacking = type(events)(channels, np.asfortranarray(events.values[:, fewer]))
    ready = prepare(
        lacking, templates["b_cell_recovery"].source, max_margin=0.05, max_time_anomaly=0.3
    )
    verdict = {check.check: check.verdict for check in ready.checks}
    for check in ("doublets", "viability", "time_anomaly", "marker:CD20", "marker:FSC-H"):
        assert verdict[check] == "NOT_POSSIBLE"
    assert {"doublets not removed", "dead cells not removed"} <= set(ready.flags)


def test_cleaning_removes_what_was_planted(draw, templates):
    events, truth = draw({"t8": 8000, "myeloid": 8000, "b": 800}, MARKERS)
    ready = prepare(
        events, templates["b_cell_recovery"].source, max_margin=0.05, max_time_anomaly=0.3
    )
    inside = np.ones(len(events), dtype=bool)
    for gate in ready.gates:
        inside &= np.any([np.all([b.inside(ready.values) for b in alternative], axis=0)
                          for alternative in gate.alternatives], axis=0)  # fmt: skip
    for kind in ("dead", "doublet", "debris"):
        assert inside[truth == kind].mean() < 0.03, kind
    assert inside[~np.isin(truth, ["dead", "doublet", "debris"])].mean() > 0.98
