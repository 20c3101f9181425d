"""Drawings of single cells: maps, ratios of antigens, power."""

import base64
import re
import zlib
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from tests.unit.report.made_up import content_of, page_of
from tests.unit.report.made_up_cells import (
    WITH_BOUNDS,
    antigen_cells,
    cells,
    loss,
    losses,
    powers,
    single_cells,
)

from aftercar.contracts.singlecell import ANTIGEN_LOSS, SHARED_LOSS_HIDDEN
from aftercar.report.antigen_plots import forest_plot, power_plot
from aftercar.report.cell_figures import cell_figures
from aftercar.report.numbers import plain_rows
from aftercar.report.pictures import (
    ELSEWHERE,
    PIXELS,
    PROBABILITY_COLOURS,
    antigen_embedding,
    drawn_cells,
    embedding,
    population_key,
)
from aftercar.report.svg import BLUE

WORDS = {"title": "t", "description": "d"}


def forest(*rows):
    return forest_plot(
        plain_rows(ANTIGEN_LOSS.frame(list(rows))), lost_below=0.1, retained_above=0.5, **WORDS
    )


def pixels_of(svg):
    """The indices of the palette of the picture in a drawing."""
    picture = base64.b64decode(re.search(r"base64,([^\"]+)", svg)[1])
    start = picture.index(b"IDAT") + 4
    length = int.from_bytes(picture[start - 8 : start - 4], "big")
    rows = np.frombuffer(zlib.decompress(picture[start : start + length]), dtype=np.uint8)
    return rows.reshape(PIXELS, PIXELS + 1)[:, 1:]


def lightness(colour):
    """How light a colour is in grey, 0 to 255 (ITU-R BT.601)."""
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return 0.299 * red + 0.587 * green + 0.114 * blue


def test_what_was_not_compared_is_hatched_and_has_no_place_on_the_axis():
    drawn = forest(loss("leukemic_b 1", "CD19", "NOT_EVALUABLE"))
    assert "Not evaluable" in drawn
    assert drawn.count("l8 -12") > 20
    assert "M398.0" not in drawn  # no arrow at the low end
    compared = forest(loss("leukemic_b 1", "CD19", "LOST", ratio=(0.0, 0.0, 0.02)))
    assert "l8 -12" not in compared
    assert "M398.0" in compared


def test_a_ratio_stands_at_its_place_on_a_logarithmic_axis():
    """The axis runs over the decades 0.01 to 10, from 398 to 634: 1 lies at two thirds."""
    drawn = forest(
        loss("leukemic_b 1", "CD19", "RETAINED", ratio=(1.0, 0.8, 1.25)),
        loss("leukemic_b 2", "CD19", "LOST", ratio=(0.02, 0.011, 0.05)),
    )
    assert '<circle cx="555.3"' in drawn
    assert re.search(r'<line x1="476.7"[^>]*stroke-dasharray="5 3"', drawn)  # 0.1: one third


def test_cells_and_molecules_stand_beside_each_ratio():
    drawn = forest(loss("leukemic_b 1", "CD19", "REDUCED", 1234, (0.3, 0.2, 0.4)))
    for words in ("1,234", "90 / 300", "Reduced", "leukemic b 1"):
        assert words in drawn


def test_each_status_has_a_shape_of_its_own():
    shapes = []
    for status in ("LOST", "REDUCED", "RETAINED", "NOT_EVALUABLE"):
        drawn = forest(loss("leukemic_b 1", "CD19", status, ratio=(1.0, 0.9, 1.1)))
        last = re.findall(r"<(?:path|circle|rect) [^>]*>", drawn)[-2:]
        shapes.append(re.sub(r"fill|stroke|#\w+", "", re.sub(r"[MV]?[\d.]+", "", last[-1])))
    assert len(set(shapes)) == 4


def test_cells_compared_with_each_other_only_are_not_drawn_as_retained():
    kept = loss("leukemic_b 1", "CD19", "RETAINED", ratio=(1.0, 0.8, 1.25))
    each_other = kept | {"flags": SHARED_LOSS_HIDDEN}
    drawn = forest(each_other)
    assert "Like each other<" in drawn
    assert "Retained<" not in drawn
    assert f'stroke="{BLUE}" stroke-width="2.4"' in forest(kept)
    assert f'stroke="{BLUE}" stroke-width="2.4"' not in drawn
    tables, rows, views, none = single_cells()
    for row, said in ((kept, False), (each_other, True)):
        made = tables | {"antigen_loss": ANTIGEN_LOSS.frame([row])}
        content, _, _ = content_of(
            lambda made=made: (made, rows, views, none), settings=WITH_BOUNDS
        )
        found, _ = cell_figures(content, none, antigen_cells(none))
        assert (SHARED_LOSS_HIDDEN in found[0]["ratios"]["caption"]) == said
        chips = {r[6]["kind"] for r in content["singlecell"]["antigens"]["rows"]}
        assert chips == {"cannot" if said else "clear"}


def test_a_curve_of_power_is_labelled_and_an_unknown_one_is_not_drawn():
    rows = plain_rows(powers()[lambda t: t["antigen"] == "CD19"])
    drawn = power_plot(rows, **WORDS)
    assert drawn.count('fill="none" stroke') >= 4
    for row in rows:
        if row["design"] == "unlabelled_screen":
            row["power"] = None
    without = power_plot(rows, **WORDS)
    assert "hidden, by screen: not known" in without
    assert 'stroke-dasharray="2 3"' in drawn
    assert 'stroke-dasharray="2 3"' not in without


def test_probabilities_are_told_apart_in_grey():
    levels = [lightness(colour) for colour in (ELSEWHERE, *PROBABILITY_COLOURS)]
    assert all(before - after > 15 for before, after in pairwise(levels))


def test_a_pixel_with_several_cells_shows_their_mean():
    table = pd.DataFrame(
        {
            "barcode": ["a", "b", "c", "d"],
            "x": [0.0, 0.0, 1.0, 1.0],
            "y": [0.0, 0.0, 1.0, 0.0],
            "population": "p",
        }
    )
    drawn = antigen_embedding(table, pd.Series({"a": 0.0, "b": 1.0, "c": 1.0}), **WORDS)
    found = set(np.unique(pixels_of(drawn)).tolist())
    # nothing, other cells, the middle fifth (mean of 0 and 1), the last fifth
    assert found == {0, 1, 2 + 2, 2 + 4}


def test_few_of_very_many_cells_are_drawn_and_rare_ones_stay():
    table = cells(scale=40)
    table.loc[table.index[:300], "population"] = "rare"
    drawn = drawn_cells(table)
    assert len(table) > 110_000
    assert 19_000 < len(drawn) < 21_500
    before, after = table["population"].value_counts(), drawn["population"].value_counts()
    assert set(after.index) == set(before.index)
    assert (before["rare"], after["rare"]) == (300, 200)
    assert after.min() >= 200
    assert after["leukemic_b 2"] / len(drawn) == pytest.approx(1200 / 2810, abs=0.01)


def test_every_sub_population_has_a_letter_a_colour_and_a_word():
    key = population_key(cells())
    assert [item["letter"] for item in key] == list("ABCDEFG")
    assert len({item["colour"] for item in key}) == 7
    assert key[0]["label"] == "leukemic b 2 1,200"
    drawn = embedding(cells(), **WORDS)
    assert re.findall(r">([A-Z])</text>", drawn) == list("ABCDEFG")


def test_a_specimen_with_very_many_names_is_drawn():
    table = cells()
    table["population"] = [f"normal_t {i % 300}" for i in range(len(table))]
    table["identity"] = "normal_t"
    assert population_key(table)[-1]["label"].startswith("260 further sub-populations")
    assert "data:image/png" in embedding(table, **WORDS)


def test_the_caption_of_an_antigen_says_that_no_single_cell_is_called():
    content, _, _ = content_of(single_cells, settings=WITH_BOUNDS)
    found, left_out = cell_figures(content, cells(), antigen_cells(cells()))
    assert left_out == []
    by_name = {plot["name"]: plot for plot in found[0]["maps"]}
    assert list(by_name) == [
        "Cells by sub-population",
        "CD19: probability of lacking it",
        "CD22: probability of lacking it",
    ]
    for name, plot in by_name.items():
        said = "no single cell is called negative" in plot["caption"]
        assert said == (name != "Cells by sub-population")


def test_a_specimen_without_any_cell_has_no_drawing_but_its_answer():
    failed = ANTIGEN_LOSS.frame(
        [loss("all cells", "CD19", "NOT_EVALUABLE", 0, identity="other", flags="empty file")]
    )
    tables, rows, views, none = single_cells()
    del tables["antigen_power"]
    content, _, _ = content_of(
        lambda: (tables | {"antigen_loss": failed}, rows, views, none.iloc[:0])
    )
    assert cell_figures(content, none.iloc[:0], antigen_cells(cells()).iloc[:0]) == ([], [])
    assert content["singlecell"]["answers"]["rows"][0][3] == ["CD19: not evaluable: empty file"]


def test_comparisons_that_find_no_room_are_counted():
    many = [loss(f"leukemic_b {i:02d}", "CD19", "RETAINED", 40, (1.0, 0.8, 1.2)) for i in range(50)]
    tables, rows, views, none = single_cells()
    made = tables | {"antigen_loss": ANTIGEN_LOSS.frame(many)}
    content, _, _ = content_of(lambda: (made, rows, views, none), settings=WITH_BOUNDS)
    found, _ = cell_figures(content, none, antigen_cells(none))
    assert "14 further rows stand in the table only" in found[0]["ratios"]["caption"]
    assert found[0]["ratios"]["svg"].count("Retained") == 36


def four_specimens():
    """The typical patient with four large specimens of single cells, and their antigens."""
    names = [f"S{day}" for day in (10, 20, 30, 40)]
    tables, rows, views, _ = single_cells()
    part = [losses().assign(sample_id=n, day=int(n[1:])) for n in names]
    drawn = pd.concat([cells(sample=n, scale=8, seed=i) for i, n in enumerate(names)])
    parts = pd.concat([antigen_cells(one) for _, one in drawn.groupby("sample_id")])
    made = tables | {"antigen_loss": ANTIGEN_LOSS.check(pd.concat(part, ignore_index=True))}
    return (made, rows, views, drawn), parts


def test_a_page_with_four_large_specimens_stays_below_a_megabyte():
    made, parts = four_specimens()
    page = page_of(lambda: made, parts, settings=WITH_BOUNDS)
    assert len(page) < 1_000_000
    for name in ("S10", "S20", "S30", "S40"):
        assert f"marrow {name}</summary>" in page


def test_where_there_is_no_room_the_latest_specimens_are_drawn_and_the_others_named(monkeypatch):
    monkeypatch.setattr("aftercar.report.cell_figures.CELL_BYTES", 90_000)
    made, parts = four_specimens()
    content, _, _ = content_of(lambda: made, settings=WITH_BOUNDS)
    found, left_out = cell_figures(content, made[3], parts)
    drawn = [one["title"].split()[-1] for one in found]
    assert drawn + left_out == ["S40", "S30", "S20", "S10"]
    assert 0 < len(drawn) < 4
    assert sum(len(str(one)) for one in found) <= 90_000 + 100
