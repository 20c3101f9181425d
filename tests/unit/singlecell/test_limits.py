"""The power that a specimen states, and the antigen on single cells."""

import numpy as np
import pandas as pd
import pytest
from tests.unit.singlecell.drawn_cells import PANELS, draw, measure, mixed, sample
from tests.unit.singlecell.test_antigen_loss import NAMES, clone_search, labels_of

from aftercar.contracts.singlecell import ANTIGEN_LOSS, ANTIGEN_POWER
from aftercar.singlecell.patient import unmeasured_specimen
from aftercar.singlecell.posterior import negative_probability

FRACTIONS = PANELS.methods["limits"]["clone_fractions"]


@pytest.fixture(scope="module")
def marrow():
    """350 blasts, 100 of them without CD19 by label; the labelled cells of other kinds are 230."""
    matrix, label = draw(
        mixed(blast=("blast", 250), lost=("blast", 100)), 31, antigen={"lost": {"CD19": 0}}
    )
    return measure(matrix, labels_of(matrix, label, NAMES, subpopulations=True)), matrix, label


def powers(result):
    return ANTIGEN_POWER.frame(result.power)


def test_every_antigen_and_design_states_its_power_or_why_not(marrow):
    table = powers(marrow[0])
    assert len(table) == 6 * 4 * len(FRACTIONS)
    unknown = table["power"].isna()
    assert set(table.loc[unknown, "antigen"]) >= {"CD7", "CD5", "CD33"}
    assert (table.loc[unknown, "flags"] != "").all()
    known = table[(table["antigen"] == "CD19")]
    assert known["power"].notna().all()


def test_power_grows_with_the_clone_and_passes_95_percent_at_the_stated_share(marrow):
    table = powers(marrow[0])
    for design in ("labelled_lost", "labelled_reduced", "unlabelled_screen", "sampling"):
        part = table[(table["antigen"] == "CD19") & (table["design"] == design)]
        part = part.sort_values("clone_fraction")
        assert part["power"].is_monotonic_increasing, design
        stated = part["detectable_fraction"].iloc[0]
        above = part["clone_fraction"] >= stated
        assert (part.loc[above, "power"] >= 0.95).all(), design
        assert (part.loc[part["clone_fraction"] < 0.8 * stated, "power"] < 0.95).all(), design


def test_reduced_is_seen_in_smaller_clones_than_lost_as_the_loss_table_says_too(marrow):
    table = powers(marrow[0]).query("antigen == 'CD19'").set_index("design")
    lost, reduced = (
        table.loc[name, "detectable_fraction"].iloc[0]
        for name in ("labelled_lost", "labelled_reduced")
    )
    assert reduced < 0.7 * lost
    loss = ANTIGEN_LOSS.frame(marrow[0].loss)
    blasts = loss[(loss["antigen"] == "CD19") & (loss["identity"] == "leukemic_b")]
    assert blasts["detectable_fraction"].to_numpy() == pytest.approx(lost)
    assert blasts["detectable_reduced_fraction"].to_numpy() == pytest.approx(reduced)


def test_five_cells_of_a_clone_are_among_350_at_a_share_of_9_2_of_350(marrow):
    """9.2 / N for five or more cells with 95 %: quantile of the Poisson distribution."""
    part = powers(marrow[0]).query("antigen == 'CD19' and design == 'sampling'")
    assert part["detectable_fraction"].to_numpy() == pytest.approx(9.2 / 350, rel=0.02)


@pytest.mark.parametrize(
    ("mean", "cells", "most"),
    [(0.26, 2000, 45), (1.2, 500, 14), (3, 500, 9)],
    ids=["0.26 molecules", "1.2 molecules", "3 molecules"],
)
def test_the_cells_needed_are_near_those_that_a_sure_reference_would_need(mean, cells, most):
    """27 to 29, 9 and 4 cells at 0.001 without ambient RNA and with a known level; never fewer."""
    search = clone_search(cells, mean / 0.319, 1e-4)
    fewest = {0.26: 27, 1.2: 6, 3: 3}[mean]
    assert fewest <= search.smallest(0.5, minimum_cells=1, sensitivity=0.95) <= most


def test_without_control_genes_no_clone_would_be_called():
    search = clone_search(2000, 10, 0.1, controls=())
    assert search.power(1000, 0.5) == 0
    assert search.smallest(0.5, minimum_cells=10, sensitivity=0.95) is None


def test_a_specimen_without_counts_states_no_power():
    rows = ANTIGEN_POWER.frame(unmeasured_specimen(sample(), ["CD19"], PANELS.methods).power)
    assert len(rows) == 4 * len(FRACTIONS)
    assert rows["power"].isna().all()
    assert set(rows["flags"]) == {"no count matrix was given"}


def test_the_cells_of_a_lost_subpopulation_look_negative_and_the_others_do_not(marrow):
    result, matrix, label = marrow
    table = result.antigen_cells[result.antigen_cells["antigen"] == "CD19"]
    kind = table["barcode"].map(dict(zip(matrix.barcode, label, strict=True)))
    assert set(kind) == {"blast", "lost"}
    probability = table["negative_probability"].groupby(kind).mean()
    assert probability["lost"] > 0.9
    assert probability["blast"] < 0.1


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_the_probabilities_of_hidden_negative_cells_add_up_to_their_number(share):
    random = np.random.default_rng(8)
    search = clone_search(1000, 5, 0.1)
    exposure = np.exp(random.normal(0, 0.35, 1000)) * 0.3
    negative = np.arange(1000) < 1000 * share
    noise = random.gamma(1 / 0.3, 0.3, 1000)
    counts = random.poisson(exposure * np.where(negative, 0.1, 5.1 * noise))
    probability = negative_probability(counts.astype(float), exposure, search)
    assert probability.sum() == pytest.approx(negative.sum(), abs=60)
    likely = probability > 0.5
    assert pd.Series(negative[likely]).mean() == pytest.approx(probability[likely].mean(), abs=0.12)
    assert np.corrcoef(probability, counts)[0, 1] < 0
