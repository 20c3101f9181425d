"""Drift of the cuts: a lane per batch, outliers by name, small for hundreds of files."""

import math
import re
from functools import cache

import numpy as np
import pytest
from tests.unit.report.made_up import quality_tables
from tests.unit.report.made_up_rows import MADE_WITH

from aftercar.contracts.cytometry import CUT_DENSITIES, CUTS
from aftercar.report.drift import drift_figures, drift_of_cuts
from aftercar.report.numbers import plain_rows
from aftercar.report.pages import render_quality
from aftercar.report.quality import quality_content, quality_figures


@cache
def shares(centre):
    """A bell of 64 bins around a place in e-folds."""
    ends = np.linspace(-2.6, 10.2, 65)
    bell = np.exp(-0.5 * (((ends[:-1] + ends[1:]) / 2 - centre) / 0.5) ** 2)
    return " ".join(str(round(1000 * height)) for height in bell / bell.sum())


def made_up(specimens, *, gates=("b_cells",), markers=("CD19",), panel="b_cell_recovery"):
    """CUTS and CUT_DENSITIES of specimens given as (sample, batch, cut, centre in e-folds)."""
    cuts, densities = [], []
    for sample, batch, cut, centre in specimens:
        shared = {"sample_id": sample, "patient_id": "P", "batch": batch, "panel": panel}
        for marker in markers:
            cuts += [
                shared
                | {"gate": gate, "marker": marker, "channel": "D", "cut": cut, "source": "INTERNAL"}
                for gate in gates
            ]
            densities.append(
                shared
                | {
                    "cut_name": marker, "marker": marker, "cut": cut, "source": "INTERNAL",
                    "population": "t_bright", "events": 900, "scale": "arcsinh", "unit": 150.0,
                    "centre": centre, "shares": "" if centre is None else shares(centre),
                }
            )  # fmt: skip
    return CUTS.frame(cuts), CUT_DENSITIES.frame(densities)


def quiet(number, batch, cut=1000.0, centre=0.6):
    return [(f"{batch}-{n}", batch, cut, centre) for n in range(number)]


def figure(specimens, **more):
    figures = drift_figures(drift_of_cuts(*made_up(specimens, **more)))
    return str(figures["drift"][0]["svg"]), figures["drift"][0]["note"], figures["medians"]


def test_a_cut_that_several_gates_share_counts_once():
    _, _, medians = figure(quiet(3, "b1"), gates=("b_lineage", "t_cells", "b_cells"))
    assert [row[2] for row in medians["rows"]] == ["3"]


def test_limits_around_beads_are_no_cut_of_a_marker():
    cuts, densities = made_up(quiet(3, "b1"))
    beads = cuts.assign(gate="no_beads", marker="FL1-A", cut=90_000.0, source="DATA")
    drift = drift_of_cuts(CUTS.frame([*plain_rows(cuts), *plain_rows(beads)]), densities)
    assert [item["marker"] for item in drift] == ["CD19"]


def test_each_batch_has_its_lane_and_each_of_few_specimens_its_curve():
    svg, _, _ = figure(quiet(2, "b1") + quiet(3, "b2"))
    assert re.findall(r">(b[12])</text>", svg) == ["b1", "b2"]
    assert len(re.findall(r'fill="none" stroke="#0072B2"', svg)) == 5


def test_many_specimens_of_a_batch_become_a_band_with_its_median():
    svg, _, _ = figure(quiet(30, "b1"))
    assert len(re.findall(r'fill="#0072B2"', svg)) == 1
    assert len(re.findall(r'fill="none" stroke="#0072B2"', svg)) == 1


def test_a_cut_is_a_tick_at_its_place_on_the_arcsinh_axis():
    svg, _, _ = figure(quiet(1, "b1", cut=1000.0))
    place = 68 + 190 * (math.asinh(1000 / 150) + 2.6) / (8.2 + 2.6)
    assert f"M{place:.1f} 37v-7" in svg


@pytest.mark.parametrize("odd", [("late", "b1", 4000.0, 0.6), ("late", "b1", 1000.0, 1.6)])
def test_a_specimen_whose_cut_or_negatives_moved_is_named(odd):
    svg, note, _ = figure([*quiet(8, "b1"), odd])
    assert "apart from their batch: late" in note
    assert svg.count('stroke="#D55E00"') == 1


def test_specimens_of_one_kind_are_not_apart():
    _, note, _ = figure(quiet(8, "b1"))
    assert note == ["cells: t bright"]


def test_specimens_with_too_few_cells_are_named_and_have_no_curve():
    svg, note, _ = figure([*quiet(2, "b1"), ("thin", "b1", 1000.0, None)])
    assert "too few cells for a curve: thin" in note
    assert len(re.findall(r'fill="none" stroke="#0072B2"', svg)) == 2


def test_a_batch_without_any_curve_keeps_its_lane_and_its_cuts():
    svg, note, _ = figure([*quiet(2, "b1"), ("thin", "b2", 1000.0, None)])
    assert re.findall(r">(b[12])</text>", svg) == ["b1", "b2"]
    assert len(re.findall(r"M[0-9.]+ [0-9.]+v-7", svg)) == 2
    assert "too few cells for a curve: thin" in note


def test_of_many_batches_the_drifted_ones_keep_their_lane():
    specimens = [row for n in range(40) for row in quiet(2, f"b{n:02}")]
    svg, _, _ = figure([*specimens, *quiet(2, "b99", cut=5000.0)])
    lanes = re.findall(r">([^<>]+)</text>", svg)
    assert "b99" in lanes
    assert "32 more" in lanes


def test_six_hundred_specimens_in_fifty_batches_stay_below_a_megabyte():
    markers = [f"CD{n}" for n in range(45)]
    rng = np.random.default_rng(1)
    specimens = [
        (f"s{n}", f"b{n % 50}", float(rng.uniform(700, 1400)), float(rng.choice([0.4, 0.6, 0.8])))
        for n in range(600)
    ]
    plots = drift_figures(drift_of_cuts(*made_up(specimens, markers=markers)))["drift"]
    assert len(plots) == 45
    assert len(str(plots)) < 1_000_000


def test_the_quality_page_shows_the_curves():
    content = quality_content(
        *quality_tables(), versions=MADE_WITH["versions"], code="x", cohort="c",
        densities=made_up(quiet(3, "b1"))[1],
    )  # fmt: skip
    page = render_quality(content, quality_figures(content))
    assert "Drift of CD19, b cell recovery" in page
    assert "<script" not in page
