"""Gate plots say what they show: numbers, borders, sources, and what is empty or was not made."""

import base64
import math
import re
import zlib
from functools import cache

import numpy as np
import pandas as pd
import pytest
from tests.unit.report.made_up import content_of, page_of
from tests.unit.report.made_up_rows import gate_views, layer, population
from tests.unit.report.made_up_typical import typical

from aftercar.contracts.cytometry import CUTS, GATE_VIEWS, POPULATIONS
from aftercar.report.gate_axes import GateAxis
from aftercar.report.gate_plots import gate_plot, tube_plots
from aftercar.report.numbers import plain_rows

LEFT, TOP, SIDE = 44, 16, 150  # of the frame, in units of the drawing
ARCSINH = GateAxis("CD19", "arcsinh", 150.0, -1000.0, 262_144.0)
SEEN = {(10, 10): 5, (80, 90): 2}


def rows_of(*layers):
    return plain_rows(GATE_VIEWS.frame(list(layers)))


def plot(*layers):
    return str(gate_plot(rows_of(*layers), title="t", description="d"))


def tubes(*layers, populations=(), cuts=()):
    content = {
        "data": {
            "populations": plain_rows(POPULATIONS.frame(list(populations))),
            "cuts": plain_rows(CUTS.frame(list(cuts))),
        }
    }
    return tube_plots(content, GATE_VIEWS.frame(list(layers)))[0]


def cut(marker, value, source, control=""):
    return {
        "sample_id": "S", "patient_id": "P", "batch": "b", "panel": "b_cell_recovery",
        "gate": "b_cells", "marker": marker, "channel": "D1-A", "cut": value, "source": source,
        "control_sample_id": control,
    }  # fmt: skip


def pixels_of(svg):
    """Palette index of each pixel of the picture, and the palette."""
    data = base64.b64decode(re.search(r'base64,([^"]+)"', svg)[1])
    held = data.index(b"IDAT")
    size = int.from_bytes(data[held - 4 : held], "big")
    rows = np.frombuffer(zlib.decompress(data[held + 4 : held + 4 + size]), np.uint8)
    start = data.index(b"PLTE")
    colours = int.from_bytes(data[start - 4 : start], "big")
    palette = [data[start + 4 + n : start + 7 + n].hex() for n in range(0, colours, 3)]
    return rows.reshape(100, 101)[:, 1:], palette


def many(level=3):
    return {(row, column): level for row in range(40, 60) for column in range(40, 60)}


def test_a_plot_says_parent_gate_count_fraction_and_that_all_events_are_drawn():
    tube = tubes(layer(0, "lymphocytes", 1200, SEEN, beyond=7), layer(1, "b_cells", 88, SEEN))[0]
    shown = tube["plots"][0]
    assert shown["gate"] == "B cells of lymphocytes"
    assert shown["lines"][0] == "88 of 1,200 events, 7.3 %"
    assert "drawn: all 1,200 events, 7 of them beyond the axes" in shown["lines"]
    assert "88 of 1,200 events, 7.3 %</text>" in shown["svg"]
    assert "CD19 (arcsinh of linear units) against SSC-A (linear)" in shown["svg"]


def test_each_cut_stands_with_its_source_and_its_control():
    tube = tubes(
        layer(0, "lymphocytes", 1200, SEEN), layer(1, "b_cells", 88, SEEN),
        cuts=[
            cut("CD19", 1830.0, "CONTROL", "ctl-1"), cut("CD20", 307.0, "REFINED", "ctl-1"),
            cut("CD10", 743.0, "INTERNAL"), cut("CD34", 387.0, "INTERNAL"),
        ],
    )[0]  # fmt: skip
    assert {
        "CONTROL ctl-1: CD19 1,830",
        "REFINED ctl-1: CD20 307",
        "INTERNAL: CD10 743, CD34 387",
    } <= set(tube["plots"][0]["lines"])


def test_an_empty_gate_is_drawn_as_empty_and_not_absent():
    tube = tubes(layer(0, "lymphocytes", 1200, SEEN), layer(1, "b_cells", 0, {}))[0]
    assert tube["plots"][0]["lines"][0] == "0 of 1,200 events"
    assert "0 of 1,200 events</text>" in tube["plots"][0]["svg"]
    assert tube["undrawn"] == []


def test_an_empty_parent_is_drawn_as_an_empty_frame():
    svg = plot(layer(0, "b_lineage", 0, {}), layer(1, "b_cells", 0, {}))
    assert ">no events</text>" in svg
    assert not pixels_of(svg)[0].any()


def test_a_gate_that_was_not_made_is_named_with_the_reason_and_has_no_picture():
    why = "needs CD38: not in the file"
    tube = tubes(layer(0, "b_lineage", None), layer(1, "hematogones", None, remark=why))[0]
    assert tube["plots"] == []
    assert tube["undrawn"] == [f"hematogones ({why})"]


def test_a_cut_that_could_not_be_placed_leaves_the_parent_drawn_without_a_gate():
    why = "no cut for CD38: no valley"
    tube = tubes(
        layer(0, "b_lineage", 900, SEEN), layer(1, "hematogones", None, remark=why)
    )[0]  # fmt: skip
    assert tube["plots"][0]["lines"][:2] == ["gate not made", why]
    assert "gate not made</text>" in tube["plots"][0]["svg"]


def test_a_gate_with_one_bound_is_one_line_at_the_cut():
    svg = plot(layer(0, "t", 9, SEEN), layer(1, "g", 3, SEEN, outline="1000 - - -"))
    low, high, at = (math.asinh(v / 150) for v in (-1000, 262_144, 1000))
    place = LEFT + SIDE * (at - low) / (high - low)
    borders = re.search(r'<path d="([^"]+)" fill="none" stroke="#D55E00"', svg)[1]
    assert borders == f"M{place:.1f} {TOP + SIDE:.1f}V{TOP:.1f}"


def test_each_alternative_of_a_gate_has_its_outline():
    outline = "1000 - - -;- - 50000 90000"
    tube = tubes(
        layer(0, "t", 9, SEEN), layer(1, "g", 3, SEEN, outline=outline, elsewhere="CD22, CD24")
    )[0]["plots"][0]  # fmt: skip
    borders = re.search(r'<path d="([^"]+)" fill="none" stroke="#D55E00"', tube["svg"])[1]
    assert borders.count("M") == 3
    assert (
        "any of 2 outlines; no rectangle in this plane: also bounded by CD22, CD24" in tube["lines"]
    )


def test_a_gate_without_a_border_in_the_plane_says_so():
    tube = tubes(layer(0, "t", 9, SEEN), layer(1, "g", 3, SEEN, elsewhere="CD3"))[0]
    assert any(line.startswith("no border in this plane") for line in tube["plots"][0]["lines"])


@pytest.mark.parametrize(
    ("axis", "labels"),
    [
        (ARCSINH, ["\N{MINUS SIGN}10³", "0", "10³", "10⁴", "10⁵"]),
        (GateAxis("SSC-A", "linear", 1.0, 0.0, 250_000.0), ["0", "100k", "200k"]),
        (GateAxis("CD3", "display", 1 / math.log(10), -0.2, 4.5), ["0", "2", "4"]),
    ],
)
def test_ticks_are_decades_on_fluorescence_and_round_numbers_on_scatter(axis, labels):
    assert [label for _, label in axis.ticks()] == labels


def test_a_tick_stands_where_arcsinh_puts_it():
    low, high = math.asinh(-1000 / 150), math.asinh(262_144 / 150)
    shares = {label: share for share, label in ARCSINH.ticks()}
    assert shares["10⁴"] == pytest.approx((math.asinh(10_000 / 150) - low) / (high - low))


def test_events_inside_the_gate_are_drawn_over_denser_events_outside():
    svg = plot(
        layer(0, "t", 9000, many(5) | {(0, 0): 1}),
        layer(1, "g", 60, dict.fromkeys(list(many())[:60], 1)),
    )
    pixels, palette = pixels_of(svg)
    assert palette[pixels[40, 40]] == "a9cfe8"  # blue, the palest
    assert palette[pixels[59, 59]] == "545d69"  # grey, the darkest
    assert palette[pixels[0, 0]] == "d9dde2"
    assert pixels[99, 99] == 0


def test_a_few_events_are_dots_that_an_eye_finds():
    svg = plot(layer(0, "t", 9000, many()), layer(1, "g", 3, {(40, 40): 5, (2, 97): 1}))
    dots = re.search(r'<path d="([^"]+)"[^>]*stroke-linecap="round"', svg)[1]
    places = sorted(re.findall(r"M([0-9.]+) ([0-9.]+)h0", dots))
    assert places == sorted(
        (f"{LEFT + (c + 0.5) * 1.5:.1f}", f"{TOP + (r + 0.5) * 1.5:.1f}")
        for r, c in ((40, 40), (2, 97))
    )


def test_back_gating_names_each_population_with_its_count_even_if_it_is_empty():
    shared = {"purpose": "back_gating"}
    tube = tubes(
        layer(0, "viable", 9000, many(), **shared),
        layer(1, "lymphocytes", 2000, many(), role="lymphocytes", **shared),
        layer(2, "b_cells", 0, {}, role="b_cells", **shared),
        layer(3, "car7_t", 41, SEEN, role="car_t", **shared),
        layer(4, "car5_t", None, role="car_t", remark="needs CAR5: not in the file", **shared),
        layer(5, "blasts", None, role="blasts", remark="no cut for CD38: " + "why " * 30, **shared),
    )[0]["plots"][0]  # fmt: skip
    assert [item["label"] for item in tube["key"]] == [
        "lymphocytes 2,000", "B cells 0", "CAR-T cells (CAR7 T) 41",
        "CAR-T cells (CAR5 T): needs CAR5: not in the file", "blasts: not made",
    ]  # fmt: skip
    assert tube["gate"] == "Back-gating: CD19, SSC-A"


def test_gates_beside_a_workspace_are_said_to_be_for_comparison_only():
    mine = population("P", 28, "PB", "S", "b_cells", 80, 1000, cut_source="WORKSPACE")
    drawn = [layer(0, "lymphocytes", 1200, SEEN), layer(1, "b_cells", 88, SEEN)]
    assert "for comparison only" in tubes(*drawn, populations=[mine])[0]["title"]
    assert "comparison" not in tubes(*drawn)[0]["title"]


def test_a_damaged_raster_is_refused():
    broken = layer(0, "t", 9, SEEN) | {"raster": base64.b64encode(zlib.compress(b"12")).decode()}
    with pytest.raises(ValueError, match=r"holds 2 pixels .* expected 10000"):
        plot(broken, layer(1, "g", 3, SEEN))


@cache
def twelve_visits_of_five_panels():
    """A patient with 60 tubes: seven plots, eight populations and fifteen cuts each."""
    tables, rows, _, cells = typical()
    panels = ("b_cell_recovery", "car_t_persistence", "t_lineage", "b_all_mrd", "nk_cells")
    tubes_of = [
        (f"S01-d{30 * n}-{panel[:5]}", 30 * n, panel) for n in range(1, 13) for panel in panels
    ]
    populations, cuts, views = [], [], []
    for number, (sample, day, panel) in enumerate(tubes_of):
        populations += [
            population(
                "S01", day, "PB", sample, role, 640, 8000, panel=panel, gate_path=f"root/{role}"
            )
            for role in (
                "lymphocytes", "t_cells", "b_cells", "hematogones", "cd4_t", "cd8_t", "car_t",
                "nk_cells",
            )
        ]  # fmt: skip
        cuts += [
            cut(f"CD{n}", 1200.0 + n, "CONTROL", "ctl-b1")
            | {"sample_id": sample, "panel": panel, "gate": f"gate_{1 + n % 7}"}
            for n in range(15)
        ]
        drawn = (
            views[number % 5] if number >= 5 else gate_views(sample, number, gates=7, events=6000)
        )
        views.append(drawn.assign(sample_id=sample, panel=panel))
    tables |= {"populations": POPULATIONS.frame(populations), "cuts": CUTS.frame(cuts)}
    return tables, rows, pd.concat(views, ignore_index=True), cells


@cache
def content_of_twelve_visits():
    return content_of(twelve_visits_of_five_panels)


def test_sixty_tubes_fit_on_a_page_below_a_megabyte_and_name_what_is_left_out():
    page = page_of(twelve_visits_of_five_panels)
    assert len(page.encode()) < 1_000_000
    content, views, _ = content_of_twelve_visits()
    shown, left_out = tube_plots(content, views)
    assert len(shown) + len(left_out) == 60
    assert len(shown) >= 10
    assert f"Gate plots of {len(left_out)} older specimens are left out" in page
    assert left_out[0] in page.split("are left out")[1].split("</p>")[0]


def test_the_latest_tube_of_each_panel_is_drawn_and_open():
    content, views, _ = content_of_twelve_visits()
    shown, _ = tube_plots(content, views)
    opened = [tube["title"] for tube in shown if tube["open"]]
    assert len(opened) == 5
    assert all("D360" in title for title in opened)


def test_an_old_tube_of_a_panel_that_has_no_later_one_is_drawn_before_all_others():
    content, views, _ = content_of_twelve_visits()
    alone = views["sample_id"] == "S01-d30-b_all"
    views = views.assign(panel=views["panel"].where(alone, "t_lineage"))
    shown, left_out = tube_plots(content, views)
    assert left_out
    old = [tube for tube in shown if "S01-d30-b_all, b all mrd" in tube["title"]]
    assert [tube["open"] for tube in old] == [True]


def test_a_rare_population_is_drawn_over_a_frequent_one():
    shared = {"purpose": "back_gating"}
    svg = plot(
        layer(0, "viable", 9000, many(), **shared),
        layer(1, "car_t", 60, dict.fromkeys(list(many())[:60], 1), role="car_t", **shared),
        layer(2, "b_cells", 900, many(), role="b_cells", **shared),
    )
    pixels, palette = pixels_of(svg)
    assert palette[pixels[40, 40]] == "f4b38a"  # the palest of CAR-T cells
    assert palette[pixels[59, 59]] == "3f92c8"


def test_the_same_tables_give_the_same_bytes():
    assert page_of(typical) == page_of(typical)
