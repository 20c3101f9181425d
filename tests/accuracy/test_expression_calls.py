"""Antigen loss in real and drawn cells: slices of the page of validation."""

import pytest
from tests.accuracy.expression_experiments import (
    AMBIENT,
    CASES,
    LOW,
    innocent,
    knock_out,
    leukemia,
    permutation,
    ratio_draws,
    stated_limits,
)


@pytest.mark.real
def test_real_b_cells_without_cd19_are_seen_at_the_stated_limit_and_not_far_below(shared_data):
    """CD19: 0.25 molecules per cell. A labelled clone of some 60 of 351 cells, never LOST."""
    stated = stated_limits("CD19")
    assert stated["lost"] is None
    assert stated["reduced"] <= 0.2 * stated["cells"]
    found = [knock_out("CD19", stated["reduced"], AMBIENT, seed) for seed in range(20)]
    assert sum(one["status"] in LOW for one in found) >= 17  # 19 are expected, 0.3 % are below
    assert not any(one["others_low"] for one in found)
    few = [knock_out("CD19", stated["reduced"] // 4, AMBIENT, seed)["status"] for seed in range(5)]
    assert not set(few) & set(LOW)


@pytest.mark.real
def test_real_b_cells_with_labels_at_random_have_lost_nothing(shared_data):
    assert [permutation(seed)["lost"] + permutation(seed)["reduced"] for seed in range(8)] == [
        0
    ] * 8


def test_the_interval_of_the_negative_share_holds_the_truth_by_label_cluster_and_screen():
    rows = [row for seed in range(3) for row in leukemia(seed, False, (1000, 2000))]
    assert {row["design"] for row in rows} == {"labelled", "clusters", "hidden"}
    missed = [row for row in rows if not row["low"] <= row["truth"] <= row["high"]]
    assert len(missed) <= 1  # 95 % intervals, nine of them
    assert not [row for row in missed if row["design"] == "labelled"]
    assert all(row["high"] - row["low"] < 0.3 for row in rows)


@pytest.mark.parametrize("case", [case for case in CASES if case != "another depth before"])
def test_clusters_of_other_cells_have_lost_nothing(case):
    found = innocent(case, 3)
    assert (found["lost"], found["reduced"]) == (0, 0), found["flags"]


@pytest.mark.parametrize("ratio", [1.0, 0.5, 0.25, 0.0])
def test_the_ratio_is_covered_and_no_state_is_said_too_soon(ratio):
    found = ratio_draws(1.2, ratio, 100, draws=120)
    assert found["covered"] >= 0.9
    assert (found["LOST"] >= 0.9) == (ratio == 0)
    assert (found["RETAINED"] >= 0.9) == (ratio == 1)
    if ratio >= 0.25:
        assert found["LOST"] <= 0.01
    if ratio <= 0.5:
        assert found["RETAINED"] <= 0.07  # 2.5 % at one half
