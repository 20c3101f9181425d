import re
import zlib
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.report.made_up_rows import CD19, embedding_cells, gate_views

from aftercar.report.course import course_chart, sparkline
from aftercar.report.gate_plots import gate_plot
from aftercar.report.genes import coding_lengths, coding_position, gene_chart, picture_models
from aftercar.report.numbers import plain_rows
from aftercar.report.outcomes import shown_part
from aftercar.report.pictures import embedding
from aftercar.report.raster import png
from aftercar.report.svg import DayAxis, LogAxis, place, text


def point(day, value, status="QUANTIFIED", **more):
    blank = dict.fromkeys(("low", "high", "limit", "lloq"))
    return {"day": day, "value": value, "status": status} | blank | more


def panel(points, **more):
    series = [{"label": "CD19", "points": points}] if points else []
    return {
        "title": "CAR",
        "unit": "copies/ug",
        "unit_words": "copies",
        "series": series,
        "missing": "not tested",
    } | more


def chart(panels, infusions=(), events=()):
    return course_chart(panels, list(infusions), list(events), [28, 90], title="t", description="d")


def test_a_question_without_a_test_says_so_in_the_chart():
    assert ">not tested<" in chart([panel([])])


def test_a_non_detect_has_its_own_sign_at_its_limit():
    drawn = chart([panel([point(10, 100.0), point(60, None, "NOT_DETECTED", limit=10.0)])])
    assert len(re.findall("<circle", drawn)) == 1
    assert len(re.findall(r"<path d=\"M[0-9. ]+h9l-4.5 7z", drawn)) == 1


def test_a_value_below_lloq_is_hollow():
    drawn = chart([panel([point(10, 30.0, "DETECTED_BELOW_LLOQ", lloq=50.0)])])
    assert re.search(r"<circle [^>]*fill=\"#fff\"", drawn)
    assert ">LLOQ<" in drawn


@pytest.mark.parametrize(
    ("status", "glyph"),
    [
        ("FAILED", "\N{MULTIPLICATION SIGN}"),
        ("INDETERMINATE", "?"),
        ("NOT_ASSESSED", "\N{EN DASH}"),
    ],
)
def test_unusable_tests_keep_their_place_on_the_axis(status, glyph):
    assert f">{glyph}</text>" in chart([panel([point(10, 5.0), point(28, None, status)])])


def test_turning_points_and_therapy_are_named():
    events = [
        {"day": 60, "end_day": None, "event": "hct", "grade": ""},
        {"day": 4, "end_day": 8, "event": "crs", "grade": "2"},
    ]
    drawn = chart(
        [panel([point(1, 1.0)])], [{"day": 0, "infusion_no": 1, "targets": "CD19"}], events
    )
    for words in ("HCT", "CRS", "G2", "CAR-T 1 (CD19)"):
        assert f">{words}</text>" in drawn


@given(st.lists(st.tuples(st.floats(0, 100), st.floats(1, 30)), max_size=12))
def test_labels_in_one_row_never_overlap(spans):
    lengths = sorted((left, left + width) for left, width in spans)
    rows = place(lengths)
    for row in set(rows):
        mine = [span for span, r in zip(lengths, rows, strict=True) if r == row]
        assert all(b[0] >= a[1] for a, b in pairwise(mine))


@given(st.integers(-60, 0), st.integers(30, 2000), st.data())
def test_the_day_axis_keeps_the_order_of_days(first, last, data):
    axis = DayAxis(first, last, 0, 100)
    a, b = sorted(data.draw(st.tuples(st.integers(first, last), st.integers(first, last))))
    assert axis(a) <= axis(b)
    assert 0 <= axis(a) <= 100


def test_a_logarithmic_axis_ends_at_whole_decades():
    axis = LogAxis([3.0, 4000.0], 100, 0)
    assert (axis.low, axis.high) == (0, 4)
    assert axis(0) == 100


def test_text_of_a_drawing_is_escaped():
    assert text(0, 0, "<script>") == '<text x="0" y="0">&lt;script&gt;</text>'


def test_a_picture_of_points_is_a_valid_png():
    picture = png(np.array([[0, 1], [2, 0]], dtype=np.uint8), ("#ffffff", "#000000", "#ff0000"))
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    start = picture.index(b"IDAT") + 4
    length = int.from_bytes(picture[start - 8 : start - 4], "big")
    assert zlib.decompress(picture[start : start + length]) == b"\x00\x00\x01\x00\x02\x00"


def test_a_gate_plot_of_thousands_of_events_is_light():
    view = plain_rows(gate_views("S", 1, gates=1, events=4000))
    assert len(gate_plot(view, title="t", description="d")) < 12_000


def test_cells_are_drawn_in_the_colour_of_their_identity():
    assert "data:image/png" in embedding(embedding_cells("S"), title="t", description="d")


def test_coding_lengths_of_cd19_add_up_to_its_protein():
    exons = coding_lengths(CD19)
    assert len(exons) == 14
    assert exons[-1][2] == 3 * 557  # 556 amino acids and the stop, UniProt P15391


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("c.143dup", 143),
        ("c.52-2A>G", 52),
        ("c.-12C>T", 1),
        ("c.*5del", 1671),
        ("c.(10_20)del", 10),
        ("", None),
    ],
)
def test_a_variant_stands_at_its_coding_base(name, base):
    assert coding_position(name, 1671) == base


def test_an_exon_that_could_not_be_called_is_dashed_even_without_a_row():
    drawn = gene_chart("CD19", CD19, [], [{"exon": "1", "status": "NOT_DETECTED"}], description="d")
    assert drawn.count("stroke-dasharray") == 13


def test_pictures_need_exons_but_not_domains():
    exons = [{"gene": "X", "exon": "2"}, {"gene": "X", "exon": "1"}]
    models = picture_models({"genes": {"X": {}}}, exons, ["X", "Y"])
    assert [e["exon"] for e in models["X"]["exons"]] == ["1", "2"]
    assert list(models) == ["X"]


def test_curves_end_where_too_few_are_at_risk():
    steps = [
        (0, 12, 1.0, None, None),
        (30, 11, 0.9, 0.7, 1.0),
        (60, 9, 0.8, 0.5, 0.9),
        (90, 8, 0.7, 0.4, 0.9),
    ]
    assert [step[0] for step in shown_part(steps, least_at_risk=10)] == [0, 30]


def test_a_single_value_is_no_curve():
    assert sparkline([point(1, 3.0)]) == ""
    assert sparkline([point(1, 3.0), point(9, None, "NOT_DETECTED", limit=1.0)]).startswith("M")
