"""Spillover is undone by the inverse, or the reason why not is named."""

from dataclasses import replace

import numpy as np
import pytest
from tests.unit.cytometry.test_specimens import gated

from aftercar.contracts.events import Channel, FlowEvents, StatedMatrix
from aftercar.cytometry.compensation import (
    CompensationError,
    compensate,
    looks_transformed,
    parse_matrix,
    parse_spill,
)
from aftercar.cytometry.course import Course
from aftercar.cytometry.prepare import prepare
from aftercar.cytometry.specimen import describe, place_batch, thresholds
from aftercar.simulate.cytometer import PANELS, acquire

NAMES = ["Time", "A-A", "B-A", "C-A"]
ASYMMETRIC = np.array([[1, 0.2, 0.05], [0.01, 1, 0.3], [0.0, 0.02, 1]])


def text(matrix, names=NAMES[1:]):
    return ",".join([str(len(matrix)), *names, *(repr(float(v)) for v in np.ravel(matrix))])


def test_true_signals_come_back_and_those_of_the_transposed_matrix_do_not():
    true = np.random.default_rng(0).lognormal(7, 1, (500, 3))
    observed = np.asfortranarray(np.column_stack([np.arange(500.0), true @ ASYMMETRIC]))
    done = compensate(observed, parse_spill(text(ASYMMETRIC), NAMES))
    assert np.allclose(done[:, 1:], true)
    assert np.array_equal(done[:, 0], observed[:, 0])
    transposed = compensate(observed, parse_spill(text(ASYMMETRIC.T), NAMES))
    assert not np.allclose(transposed[:, 1:], true, rtol=0.05)


@pytest.mark.parametrize(
    "names",
    [
        ["C-A", "A-A", "B-A"],
        ["4", "2", "3"],
        ["FJComp-C-A", "Comp-A-A", "B-A"],
        ["c-a", "a-a", "b-a"],
    ],
    ids=["other order", "channel numbers", "prefixes", "lower case"],
)
def test_detectors_are_found_by_name_number_or_prefixed_name(names):
    assert parse_spill(text(np.eye(3), names), NAMES).index == (3, 1, 2)


@pytest.mark.parametrize(
    ("keyword", "reason"),
    [
        (text(np.ones((3, 3))), "singular"),
        (text([[1, 0, 0], [0, 1, np.nan], [0, 0, 1]]), "not finite"),
        (text(np.eye(3))[:-4], "incomplete"),
        (text(np.eye(3)) + ",5", "more values"),
        (text(np.eye(3)).replace("1.0", "one", 1), "not numbers"),
        (text(np.eye(3), ["A-A", "B-A", "X-A"]), "does not have"),
        (text(np.eye(3), ["A-A", "B-A", "A-A"]), "twice"),
        ("spill", "does not start with its size"),
    ],
    ids=["singular", "nan", "cut", "too long", "words", "unknown detector", "twice", "no size"],
)
def test_a_bad_matrix_is_refused_by_name(keyword, reason):
    with pytest.raises(CompensationError, match=reason):
        parse_spill(keyword, NAMES)


def test_data_on_a_display_scale_are_noticed():
    random = np.random.default_rng(1)
    linear = random.lognormal(8, 1.5, (2000, 2))
    shown = random.uniform(0, 4.4, (2000, 2))
    assert looks_transformed(shown, [0, 1], [262_144.0] * 2)[0]
    assert not looks_transformed(linear, [0, 1], [262_144.0] * 2)[0]
    assert not looks_transformed(shown, [0, 1], [1024.0] * 2)[0]


def test_a_linear_tube_without_stains_is_not_taken_for_one_on_a_display_scale():
    # autofluorescence and noise only: dim, but crowded near zero as linear values are
    random = np.random.default_rng(2)
    unstained = random.lognormal(5, 0.6, (4000, 2)) + random.normal(0, 60, (4000, 2))
    assert unstained.max() < 6000
    assert not looks_transformed(unstained, [0, 1], [262_144.0] * 2)[0]


@pytest.mark.parametrize("positive", [0.0, 0.01, 0.3])
def test_decades_are_on_a_display_scale_however_few_cells_are_positive(positive):
    random = np.random.default_rng(7)
    high = random.random((4000, 2)) < positive
    decades = np.where(high, random.normal(2.9, 0.1, (4000, 2)), random.normal(0.2, 0.1, (4000, 2)))
    assert decades.max() < 4
    found = looks_transformed(decades, [0, 1], [262_144.0] * 2)
    assert (found.transformed, found.doubtful) == (True, False)


def channels_of_a_display(events=4000):
    """Values of a 4,096-channel display in which 1 % of the cells are positive."""
    random = np.random.default_rng(8)
    high = random.random((events, 6)) < 0.01
    return np.where(
        high, random.normal(3800, 80, (events, 6)), random.normal(640, 130, (events, 6))
    )


def test_between_linear_and_displayed_values_the_scale_is_left_open():
    found = looks_transformed(channels_of_a_display(), [0, 1], [262_144.0] * 6)
    assert (found.transformed, found.doubtful) == (False, True)
    # brighter than a display of 4,096 channels: linear
    found = looks_transformed(1.4 * channels_of_a_display(), [0, 1], [262_144.0] * 6)
    assert (found.transformed, found.doubtful) == (False, False)


def test_a_simulated_unstained_tube_is_linear():
    shares = {"t_cd4": 0.3, "t_cd8": 0.2, "granulocyte": 0.5}
    stains = [marker for _, marker in PANELS["car_t_persistence"].values()]
    drawn = acquire(
        shares, "car_t_persistence", 60_000, np.random.default_rng(3), donor_shift={},
        batch_shift={}, without=frozenset(stains),
    )  # fmt: skip
    light = range(4, drawn.events.shape[1])
    found = looks_transformed(drawn.events, list(light), [262_144.0] * drawn.events.shape[1])
    assert (found.transformed, found.doubtful) == (False, False)


def table(matrix, columns=NAMES[1:], rows=None, separator=",", corner=""):
    """A matrix as FlowJo exports it: a header of detectors, the dye in front of each row."""
    lines = [separator.join(([corner] if rows else []) + list(columns))]
    for n, values in enumerate(np.asarray(matrix)):
        name = [rows[n]] if rows else []
        lines.append(separator.join([*name, *(repr(float(v)) for v in values)]))
    return "\n".join(lines) + "\n"


FLOWJO = [f"Comp-{name} :: CD{n}" for n, name in enumerate(NAMES[1:])]


@pytest.mark.parametrize(
    "text_of",
    [
        lambda m: table(m, FLOWJO, FLOWJO),
        lambda m: table(m),
        lambda m: table(m, separator="\t"),
        lambda m: table(m, separator=";", rows=NAMES[1:], corner="dye"),
        lambda m: "\ufeff" + table(m, rows=NAMES[1:]).replace("\n", "\r\n"),
        lambda m: table(100 * m, rows=NAMES[1:]),
    ],
    ids=["FlowJo", "header alone", "tabs", "semicolons", "Windows", "percent"],
)
def test_a_stated_table_gives_back_true_signals_and_its_transpose_does_not(text_of):
    true = np.random.default_rng(0).lognormal(7, 1, (500, 3))
    observed = np.asfortranarray(np.column_stack([np.arange(500.0), true @ ASYMMETRIC]))
    spill, _ = parse_matrix(text_of(ASYMMETRIC), NAMES)
    assert np.allclose(compensate(observed, spill)[:, 1:], true)
    transposed, _ = parse_matrix(text_of(ASYMMETRIC.T), NAMES)
    assert not np.allclose(compensate(observed, transposed)[:, 1:], true, rtol=0.05)


def test_percent_is_told_apart_from_fractions():
    assert parse_matrix(table(ASYMMETRIC), NAMES)[1] is False
    assert parse_matrix(table(100 * ASYMMETRIC), NAMES)[1] is True


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (table(ASYMMETRIC, ["A-A", "B-A", "PE-A"]), "does not have: 'PE-A'"),
        (table(ASYMMETRIC, ["A-A", "B-A", "Jane Doe"]), "does not have: 'channel 3'"),
        (table(ASYMMETRIC[:2]), "not square: 2 rows, 3 detectors"),
        (table(ASYMMETRIC) + "0.1,0.2\n", "row 4 of the matrix has 2 values"),
        (table([[1, 0, 0], [0, 1, np.nan], [0, 0, 1]]), "not finite"),
        (table([[1, 1, 1], [1, 1, 1], [1, 1, 1]]), "singular"),
        (
            table(ASYMMETRIC, rows=["B-A", "A-A", "C-A"]),
            "not in the same order: row 1 is 'B-A', column 1 is 'A-A'",
        ),
        (table(ASYMMETRIC, ["A-A", "B-A", "A-A"]), "twice"),
        (table(ASYMMETRIC).replace("0.2", "0;2"), "not numbers"),
        (table(0.5 * ASYMMETRIC), "neither 1"),
        (table(ASYMMETRIC * [[100], [1], [1]]), "neither 1"),
        ("", "no rows"),
        ("A-A,B-A,C-A\n", "no rows"),
    ],
    ids=[
        "unknown detector", "a name", "a row lacks", "ragged", "nan", "singular", "other order",
        "twice", "no number", "half", "one row in percent", "empty", "header alone",
    ],
)  # fmt: skip
def test_a_bad_stated_table_is_refused_by_name(text, reason):
    with pytest.raises(CompensationError, match=reason):
        parse_matrix(text, NAMES)


T_PANEL = ("CD45", "CD3", "CD4", "CD8", "CAR")
STAINS = [f"D{n}-A" for n in range(1, 7)]


def spilled(size):
    matrix = np.eye(size)
    matrix[0, 1:] = 0.08
    matrix[2, 0] = 0.15
    return matrix


def prepared(events, templates, stated):
    told = FlowEvents(events.channels, events.values, events.spill, stated=stated)
    ready = prepare(
        told, templates["car_t_persistence"].source, max_margin=0.05, max_time_anomaly=0.3
    )
    return ready, next(check for check in ready.checks if check.check == "compensation")


@pytest.fixture
def tube(draw):
    return draw({"t4": 1500, "t8": 1500, "car8": 200, "myeloid": 2000}, T_PANEL, spill=spilled)[0]


CELLS = {"t4": 2500, "t8": 2500, "myeloid": 3000}
WITHOUT_MATRIX = "not compensated: no matrix in the file"


def into_car(size):
    """The CAR detector (the fifth) gets 30 % of the light of CD3."""
    matrix = np.eye(size)
    matrix[1, 4] = 0.3
    return matrix


def car_rows(events, templates, settings):
    found = gated(events, "car_t_persistence", templates, settings)["populations"]
    return found[found["role"].str.startswith("car_")]


def test_a_digital_tube_without_a_matrix_has_no_firm_count(draw, templates, settings):
    tube, _ = draw(CELLS, T_PANEL, spill=into_car)
    rows = car_rows(replace(tube, spill=""), templates, settings)
    assert (rows["fraction"] > 0.9).any()  # spillover alone
    assert set(rows["status"]) <= {"INDETERMINATE", "NOT_ASSESSED"}
    assert rows["flags"].str.contains(WITHOUT_MATRIX).all()
    _, check = prepared(replace(tube, spill=""), templates, None)
    assert check.verdict == "FLAG"
    assert "column compensation of samples.tsv" in check.message
    assert "write `none`" in check.message


def test_values_said_to_be_compensated_are_taken_so_and_every_population_says_it(
    draw, templates, settings
):
    tube, truth = draw(CELLS | {"car8": 200}, T_PANEL)
    said = StatedMatrix("samples.tsv", compensated=True)
    rows = car_rows(replace(tube, spill="", stated=said), templates, settings)
    found = rows[rows["role"] == "car_t"].iloc[0]
    assert found["count"] == pytest.approx((truth == "car8").sum(), rel=0.05)
    assert found["status"] == "QUANTIFIED"
    assert rows["flags"].str.contains("taken as compensated: samples.tsv says so").all()
    spilling, _ = draw(CELLS, T_PANEL, spill=into_car)
    ready, check = prepared(spilling, templates, said)
    assert np.array_equal(ready.values, spilling.values)
    assert (check.verdict, "is not applied" in check.message) == ("FLAG", True)


def test_a_matrix_without_spillover_is_told_at_every_population(draw, templates, settings):
    tube, _ = draw(CELLS | {"car8": 200}, T_PANEL)
    rows = car_rows(tube, templates, settings)
    assert "QUANTIFIED" in set(rows["status"])
    assert rows["flags"].str.contains("the file's matrix states no spillover").all()
    stated = StatedMatrix("the table", table(np.eye(6), STAINS))
    ready, _ = prepared(tube, templates, stated)
    assert "the matrix that samples.tsv names states no spillover" in ready.flags


@pytest.mark.parametrize(
    ("full_scale", "trusted", "flag"),
    [
        (1024.0, True, "no matrix in the file"),  # log-amplified: compensated by the instrument
        (65_536.0, False, WITHOUT_MATRIX),
        (0.0, False, WITHOUT_MATRIX),  # not stated: the values themselves reach 65,536
    ],
)
def test_what_is_missing_without_a_matrix_depends_on_the_range(
    draw, templates, full_scale, trusted, flag
):
    tube, _ = draw(CELLS, T_PANEL)
    channels = tuple(replace(c, full_scale=full_scale) for c in tube.channels)
    ready, _ = prepared(replace(tube, channels=channels, spill=""), templates, None)
    assert ready.trusted is trusted
    assert flag in ready.flags


def test_one_stained_detector_needs_no_matrix(draw, templates):
    tube, _ = draw(CELLS, T_PANEL)
    labels = (c.label if c.label in ("", "CD3") else "empty" for c in tube.channels)
    channels = tuple(
        replace(c, label=label) for c, label in zip(tube.channels, labels, strict=True)
    )
    ready, check = prepared(replace(tube, channels=channels, spill=""), templates, None)
    assert (ready.trusted, check.verdict) == (True, "PASS")


def test_values_that_may_be_on_a_display_scale_are_not_trusted(tube, templates):
    values = tube.values.copy(order="F")
    values[:, 4:] = channels_of_a_display(len(values))
    for said in (None, StatedMatrix("samples.tsv", compensated=True)):
        ready, check = prepared(replace(tube, values=values), templates, said)
        assert not ready.trusted
        assert "values may be on a display scale" in ready.flags
        assert "linear values" in check.message


def test_a_stated_matrix_replaces_that_of_the_file_and_says_so(tube, templates):
    other = np.eye(6)
    other[0, 1] = 0.5
    ready, check = prepared(tube, templates, StatedMatrix("the table", table(other, STAINS)))
    assert ready.trusted
    assert check.verdict == "PASS"
    assert (
        "by the table of column compensation (6 detectors), not by the matrix of" in check.message
    )
    raw = tube.values
    assert np.allclose(ready.values[:, 5], raw[:, 5] - 0.5 * raw[:, 4])
    percent = StatedMatrix("the table", table(100 * other, STAINS))
    ready, check = prepared(tube, templates, percent)
    assert np.allclose(ready.values[:, 5], raw[:, 5] - 0.5 * raw[:, 4])
    assert (check.verdict, "percent" in check.message) == ("FLAG", True)
    odd = np.eye(6)
    odd[0, 1] = 2
    _, check = prepared(tube, templates, StatedMatrix("the table", table(odd, STAINS)))
    assert (check.verdict, "are its values percent?" in check.message) == ("FLAG", True)


@pytest.mark.parametrize(
    "stated",
    [
        StatedMatrix("the table", table(np.ones((6, 6)), STAINS)),
        StatedMatrix("the table", problem="it is not UTF-8 text"),
    ],
    ids=["singular", "unreadable"],
)
def test_a_stated_matrix_that_fails_is_replaced_by_nothing(tube, templates, stated):
    ready, check = prepared(tube, templates, stated)
    assert not ready.trusted
    assert ready.spill is None
    assert "no count of this specimen is firm" in check.message
    assert any("samples.tsv names cannot be used" in flag for flag in ready.flags)


def test_a_stated_matrix_for_channels_that_are_compensated_already_is_refused(tube, templates):
    channels = tuple(
        Channel(f"Comp-{c.name}" if c.name == "D2-A" else c.name, c.label, c.full_scale)
        for c in tube.channels
    )
    stated = StatedMatrix("the table", table(np.eye(6), STAINS))
    ready, check = prepared(FlowEvents(channels, tube.values), templates, stated)
    assert not ready.trusted
    assert "'Comp-D2-A' is compensated already" in check.message


def test_a_control_that_could_not_be_compensated_places_no_cut(tube, templates, settings):
    row = {
        "sample_id": "C1", "patient_id": "", "day": "", "specimen": "control", "batch": "X",
        "panel": "car_t_persistence", "control_for": "fmo:CAR",
    }  # fmt: skip
    for stated, source in ((None, "CONTROL"), (StatedMatrix("the table", problem="x"), "NONE")):
        events = FlowEvents(tube.channels, tube.values, tube.spill, stated=stated)
        cuts, _ = place_batch("X", [(row, events)], templates, thresholds(settings))
        assert next(cut for cut in cuts if cut["marker"] == "CAR")["source"] == source


def test_a_specimen_that_could_not_be_compensated_places_no_cut_of_a_later_one(
    draw, templates, settings
):
    blood = {"t4": 2500, "t8": 2500, "myeloid": 2000}
    before, after = (draw(blood, T_PANEL, seed=seed, spill=spilled)[0] for seed in (1, 2))
    row = {"patient_id": "P1", "specimen": "PB", "batch": "X", "panel": "car_t_persistence"}
    used = {}
    for stated in (None, StatedMatrix("the table", problem="it is not UTF-8 text")):
        course = Course(templates, [], settings)
        for day, events, matrix in ((-5, before, stated), (28, after, None)):
            sample = row | {"sample_id": f"S{day}", "day": str(day), "infusion_no": ""}
            told = FlowEvents(events.channels, events.values, events.spill, stated=matrix)
            course.add(describe(sample, [], []), told, [])
        used[stated is None] = {
            cut["control_sample_id"]
            for cut in course.findings.cuts
            if cut["sample_id"] == "S28" and cut["marker"] == "CAR"
        }
    assert used == {True: {"S-5"}, False: {""}}
