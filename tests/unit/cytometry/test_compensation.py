"""Spillover is undone by the inverse, or the reason why not is named."""

import numpy as np
import pytest

from aftercar.cytometry.compensation import (
    CompensationError,
    compensate,
    looks_transformed,
    parse_spill,
)

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
