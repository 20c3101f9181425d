"""500 damaged files from the bytes to the rows: refused by name or analysed, never a crash."""

import time
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.cytometry.conftest import tube
from tests.unit.io.test_fcs import fcs

from aftercar.contracts.cytometry import CUTS, POPULATIONS, RATIOS
from aftercar.contracts.events import FlowEvents
from aftercar.contracts.specimen import QUALITY
from aftercar.cytometry.compensation import CompensationError, parse_spill
from aftercar.cytometry.course import Course
from aftercar.cytometry.populations import Specimen
from aftercar.io.fcs import UnreadableFile, read_fcs

SECONDS = 10  # for one small file; it takes some hundredths
MARKERS = ("CD45", "CD3", "CD19", "CD20", "CD10", "CD34", "CD38", "CD5", "CD7", "CD4", "CD8")
PANELS = ("b_cell_recovery", "t_lineage")


def seeds():
    """Small tubes as floats, doubles, 16-bit and mixed integers, and two data sets."""
    events, _ = tube({"t8": 250, "t4": 150, "myeloid": 250, "b": 100}, MARKERS, spill=np.eye)
    values = events.values
    names = [channel.name for channel in events.channels]
    labels = {f"$P{n}S": c.label for n, c in enumerate(events.channels, 1) if c.label}
    common = labels | {"$TIMESTEP": "0.01", "$SPILLOVER": events.spill, "$NEXTDATA": "0" * 10}
    whole = np.clip(values / 2, 0, 65_535).astype(int)
    decades = whole.copy()  # as a logarithmic amplifier of 4 decades stores them
    decades[:, 4:] = 65_536 / 4 * np.log10(np.clip(values[:, 4:] / 7, 1, 9999))
    ranges = {f"$P{n}R": "65536" for n in range(1, len(names) + 1)}
    logs = {f"$P{n}E": "4,0" for n in range(5, len(names) + 1)}
    wide = np.ascontiguousarray(whole.astype(">u4")).tobytes()
    bits = {f"$P{n}B": "32" for n in range(1, len(names) + 1)}
    return [
        lambda more: fcs(values, names, keywords=common | more),
        lambda more: fcs(values, names, kind="D", keywords=common | more),
        lambda more: fcs(decades, names, kind="I", keywords=common | ranges | logs | more),
        lambda more: fcs(
            whole, names, kind="I", packed=wide,
            keywords=common | ranges | bits | {"$BYTEORD": "4,3,2,1"} | more,
        ),
        lambda more: _twice(whole, names, common | ranges, more),
    ]  # fmt: skip


def _twice(whole, names, keywords, more):
    first = fcs(whole // 64, names, kind="I", keywords=keywords)
    first = first.replace(b"$NEXTDATA/0000000000", f"$NEXTDATA/{len(first):010d}".encode())
    return first + fcs(whole, names, kind="I", keywords=keywords | more)


SEEDS = seeds()
KEYS = [
    "$PAR", "$TOT", "$MODE", "$DATATYPE", "$BYTEORD", "$NEXTDATA", "$TIMESTEP", "$SPILLOVER",
    "$BEGINSTEXT", "$ENDSTEXT", "$CYT", "$DFC1TO2", "$P3DATATYPE",
    *(f"$P{n}{letter}" for n in (1, 2, 4, 6, 14) for letter in "NSBREGV"),
]  # fmt: skip
VALUES = [
    "", "0", "1", "2", "14", "15", "749", "750", "751", "-1", "1e38", "1e999", "9" * 1000, "NaN",
    "inf", "0,0", "4,0", "4,1", "999,1", "1,2", "4,3,2,1", "L", "I", "F", "D", "A", "FSC-A", "Time",
    "CD3", "CD19", "Comp-CD3", "//", "\x00", "²", "٣", "µ", "2,D1-A,D2-A,1,2,2,1", "3,D1-A", "8",
    "16", "24", "32", "64", "1024", "0.0001", "1e-30", "1e30", "100", "58", "800",
]  # fmt: skip
NASTY = [np.nan, np.inf, -np.inf, 3e38, -3e38, 1e30, -1e6, 0.0, 1e-40, 262_143.0]

keyword_changes = st.dictionaries(st.sampled_from(KEYS), st.sampled_from(VALUES), max_size=3)
place = st.floats(0, 1, exclude_max=True)
damage = st.one_of(
    st.tuples(st.just("overwrite"), place, st.binary(min_size=1, max_size=8)),
    st.tuples(st.just("head"), st.integers(0, 57), st.sampled_from([b" ", b"0", b"9" * 8])),
    st.tuples(st.just("insert"), place, st.binary(min_size=1, max_size=64)),
    st.tuples(st.just("delete"), place, st.integers(1, 4000)),
    st.tuples(st.just("truncate"), place, st.just(0)),
    st.tuples(st.just("swap"), place, place),
    st.tuples(st.just("floats"), place, st.tuples(st.sampled_from(NASTY), st.integers(1, 700))),
    st.tuples(st.just("repeat"), place, st.integers(1, 3000)),
)  # fmt: skip


def damaged(content, kind, where, what):
    size = len(content)
    at = where if isinstance(where, int) else 58 + int(where * max(0, size - 58))
    if kind in ("overwrite", "head"):
        return content[:at] + what + content[at + len(what) :]
    if kind == "insert":
        return content[:at] + what + content[at:]
    if kind == "delete":
        return content[:at] + content[at + what :]
    if kind == "truncate":
        return content[:at]
    if kind == "swap":
        first, second = sorted((at, int(what * size)))
        return content[:first] + content[second:] + content[first:second]
    if kind == "repeat":
        return content[:at] + content[at : at + what] * 2 + content[at + what :]
    value, count = what
    numbers = np.full(count, value, dtype="<f4").tobytes()
    at -= at % 4
    return content[:at] + numbers + content[at + len(numbers) :]


@pytest.fixture(scope="module")
def new_course(templates, settings):
    """A function that starts the course of a patient, with the shipped templates."""
    return lambda: Course(templates, [], settings)


def check_rows(course):
    """Every table keeps its contract, and few events never make a firm number."""
    for contract, rows in (
        (POPULATIONS, course.findings.populations), (RATIOS, course.findings.ratios),
        (CUTS, course.findings.cuts), (QUALITY, course.findings.quality),
    ):  # fmt: skip
        contract.check(contract.frame(rows))
    assert course.findings.populations
    for row in course.findings.populations:
        if row["status"] == "QUANTIFIED":
            assert row["count"] >= 50
        if row["status"] == "NOT_DETECTED":
            assert row["denominator_count"] >= 1000


@settings(
    max_examples=500,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    seed=st.integers(0, len(SEEDS) - 1),
    changes=keyword_changes,
    damages=st.lists(damage, max_size=3),
    panel=st.sampled_from(PANELS),
)
def test_a_damaged_file_is_refused_by_name_or_ends_in_valid_rows(
    tmp_path, new_course, seed, changes, damages, panel
):
    content = SEEDS[seed](changes)
    for kind, where, what in damages:
        content = damaged(content, kind, where, what)
    path = tmp_path / "damaged.fcs"
    path.write_bytes(content)
    course = new_course()
    specimen = Specimen("S", "P", 28, "BM", "B", panel)
    begun = time.monotonic()
    try:
        events = read_fcs(path)
    except UnreadableFile:
        return
    course.add(specimen, events, [])
    assert time.monotonic() - begun < SECONDS
    check_rows(course)


@pytest.mark.parametrize("seed", range(len(SEEDS)))
def test_each_file_that_is_damaged_here_is_sound_before(tmp_path, new_course, seed):
    path = tmp_path / "sound.fcs"
    path.write_bytes(SEEDS[seed]({}))
    course = new_course()
    course.add(Specimen("S", "P", 28, "BM", "B", "b_cell_recovery"), read_fcs(path), [])
    counted = {row["population"]: row["count"] for row in course.findings.populations}
    assert counted["b_cells"] > 50


COLUMNS = {
    "same": lambda column: np.full_like(column, column[0]),
    "zero": np.zeros_like,
    "negative": lambda column: -np.abs(column) - 1,
    "huge": lambda column: column * 1e30,
    "tiny": lambda column: column * 1e-12,
    "coarse": lambda column: np.round(column / 30_000),
    "two values": lambda column: np.where(column > np.median(column), 262_143.0, 0.0),
    "one outlier": lambda column: np.append(column[1:], 1e9),
    "falling": lambda column: np.sort(column)[::-1].copy(),
}
WHOLE, _ = tube({"t8": 900, "t4": 400, "myeloid": 900, "b": 300}, MARKERS, spill=np.eye)


@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow])
@given(
    length=st.sampled_from([1, 2, 3, 10, 99, 101, 500, 2000, 2500]),
    changes=st.dictionaries(
        st.integers(0, len(WHOLE.channels) - 1), st.sampled_from(list(COLUMNS)), max_size=5
    ),
    full_scale=st.sampled_from([262_144.0, 0.0, 1024.0, 4.0, 2.0**64]),
    spill=st.booleans(),
    panel=st.sampled_from(PANELS),
)
def test_odd_values_end_in_valid_rows(new_course, length, changes, full_scale, spill, panel):
    values = WHOLE.values[:length].copy(order="F")
    for n, change in changes.items():
        values[:, n] = COLUMNS[change](values[:, n])
    channels = tuple(replace(c, full_scale=full_scale) for c in WHOLE.channels)
    events = FlowEvents(channels, values, WHOLE.spill if spill else "")
    course = new_course()
    begun = time.monotonic()
    course.add(Specimen("S", "P", 28, "BM", "B", panel), events, [])
    assert time.monotonic() - begun < SECONDS
    check_rows(course)


NAMES = ["FSC-A", "D1-A", "D2-A", "D3-A"]


@settings(max_examples=500)
@given(
    st.one_of(
        st.text(max_size=60),
        st.lists(
            st.sampled_from(
                ["1", "2", "3", "²", "D1-A", "D2-A", "Comp-D3-A", "0.1", "1e308", "-1e308",
                 "1e-320", "nan", "inf", "100", "", " ", "0", "1_0", "4", "<D1-A>"]
            ),
            max_size=14,
        ).map(",".join),
    )
)  # fmt: skip
def test_any_text_is_a_usable_matrix_or_refused_by_name(text):
    try:
        spill = parse_spill(text, NAMES)
    except CompensationError:
        return
    inverse = np.linalg.inv(spill.matrix)
    assert np.isfinite(inverse).all()
    assert np.allclose(inverse @ spill.matrix, np.eye(len(spill.names)), atol=1e-6)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("²,D1-A,1", "size"),
        ("2,D1-A,D2-A,100,20,5,100", "percent"),
        ("1,D1-A,1_0", "not numbers"),
        ("2,D1-A,D2-A,1,1e300,1e300,1", "10 times"),
    ],
    ids=["superscript", "percent", "underscore", "huge"],
)
def test_a_matrix_that_would_mislead_is_refused(text, reason):
    with pytest.raises(CompensationError, match=reason):
        parse_spill(text, NAMES)
