"""Share of a clone and what cells carry: dropout, doublets, errors, and what could not be seen."""

from dataclasses import replace

import numpy as np
import pytest

from aftercar.io.cell_reads import read_genotyping_priors
from aftercar.sequencing.carriers import (
    Clone,
    dna_assumptions,
    infer_clone,
    measured_dropout,
    rna_assumptions,
)
from aftercar.sequencing.cells import cell_genotypes, cell_states, clone_status, stated_limit
from aftercar.sequencing.molecules import CellCounts

PRIORS = read_genotyping_priors()


def rna(doublets=0.0, error=1e-3):
    return rna_assumptions(PRIORS["rna"], error, doublets)


def dna(measured=None, doublets=0.0, error=5e-3):
    return dna_assumptions(PRIORS["dna"], error, doublets, measured)


def counts(alt, total):
    alt, total = np.asarray(alt), np.asarray(total)
    none = np.zeros(len(alt), dtype=np.int64)
    return CellCounts(total - alt, alt, none, none, total - alt, alt)


def cells_of_rna(rng, cells, fraction, coverage, share, doublets=0.0, error=1e-3):
    """Variant and all molecules; `share` draws the share of variant molecules of carriers."""
    shown = [
        np.where(rng.random(cells) < fraction, share(rng, cells), error) for _ in range(2)
    ]  # fmt: skip
    double = rng.random(cells) < doublets
    mean = np.where(double, (shown[0] + shown[1]) / 2, shown[0])
    total = rng.poisson(coverage, cells)
    return rng.binomial(total, mean), total


def cells_of_dna(rng, cells, fraction, depth, dropout, doublets=0.0, error=5e-3, hom=False):
    """Reads of two alleles, each lost with probability `dropout`, unevenly amplified."""
    alt, ref = np.zeros((2, cells)), np.zeros((2, cells))
    for number in range(2):
        carrier = rng.random(cells) < fraction
        part = rng.beta(9.5, 9.5, cells)
        kept = rng.random((2, cells)) >= dropout
        alt[number] = np.where(carrier, 1.0 if hom else part * kept[0], 0)
        ref[number] = np.where(carrier, 0.0 if hom else (1 - part) * kept[1], 1)
    double = rng.random(cells) < doublets
    alt = np.where(double, alt.sum(axis=0), alt[0])
    ref = np.where(double, ref.sum(axis=0), ref[0])
    total = np.where(alt + ref > 0, rng.poisson(depth, cells), 0)
    mean = np.clip(alt / np.maximum(alt + ref, 1e-9), error, 1 - error)
    return rng.binomial(total, mean), total


SHARES = {
    "all alike": lambda rng, n: rng.random(n),
    "one half": lambda rng, n: np.full(n, 0.5),
    "decay": lambda rng, n: rng.beta(1, 2, n),
    "other copy lost": lambda rng, n: np.full(n, 0.999),
}


@pytest.mark.parametrize("share", SHARES)
def test_the_interval_of_a_clone_in_rna_holds_its_share(share):
    hits, repeats = 0, 20
    rng = np.random.default_rng(list(SHARES).index(share))
    for _ in range(repeats):
        alt, total = cells_of_rna(rng, 300, 0.2, 1.0, SHARES[share], doublets=0.05)
        clone = infer_clone(alt, total, rna(doublets=0.05))
        hits += clone.low <= 0.2 <= clone.high
    assert hits >= 17  # 16 or fewer have a chance of 1.6 % at 95 %


@pytest.mark.parametrize("known", [True, False], ids=["dropout measured", "not measured"])
def test_the_interval_of_a_clone_in_dna_holds_its_share_whatever_drops_out(known):
    hits, repeats, rng = 0, 10, np.random.default_rng(5)
    for _ in range(repeats):
        alt, total = cells_of_dna(rng, 250, 0.3, 25, dropout=0.1, doublets=0.05)
        site = cells_of_dna(rng, 250, 1.0, 25, dropout=0.1)
        measured = measured_dropout([site], PRIORS["dna"]) if known else None
        clone = infer_clone(alt, total, dna(measured, doublets=0.05))
        hits += clone.low <= 0.3 <= clone.high
    assert hits >= 8  # 7 or fewer have a chance of 1 % at 95 %


def test_cells_that_lost_the_variant_are_part_of_the_clone():
    rng = np.random.default_rng(2)
    alt, total = cells_of_dna(rng, 3000, 0.4, 40, dropout=0.2)
    clone = infer_clone(alt, total, dna((0.2, 0.18, 0.22, 3)))
    states = cell_states(counts(alt, total), clone, np.ones(3000, bool), is_dna=True)
    assert (states == "MUTANT").mean() < 0.36  # a fifth of the carriers show no variant
    assert clone.fraction == pytest.approx(0.4, abs=0.03)


def test_dropout_is_the_rarer_kind_of_homozygous_cells_at_heterozygous_sites():
    rng = np.random.default_rng(3)
    site = cells_of_dna(rng, 2000, 1.0, 40, dropout=0.08)
    lost_copy = cells_of_dna(rng, 300, 1.0, 40, dropout=0, hom=True)
    with_loss = tuple(np.concatenate(pair) for pair in zip(site, lost_copy, strict=True))
    _, low, high, sites = measured_dropout([with_loss], PRIORS["dna"])
    # one allele of two is lost: 0.08 of the 2000, cells that lost both have no reads
    assert low < 0.08 * 0.92 * 2000 / 2280 < high
    assert sites == 1
    homozygous = cells_of_dna(rng, 2000, 1.0, 40, dropout=0, hom=True)
    assert measured_dropout([homozygous], PRIORS["dna"]) is None


def test_doublets_do_not_enlarge_the_clone():
    rng = np.random.default_rng(6)
    alt, total = cells_of_rna(rng, 4000, 0.2, 12, SHARES["other copy lost"], doublets=0.25)
    assert infer_clone(alt, total, rna(doublets=0.25)).fraction == pytest.approx(0.2, abs=0.02)
    assert infer_clone(alt, total, rna()).fraction > 0.225


def test_a_clone_at_the_stated_limit_is_detected_as_often_as_promised():
    rng = np.random.default_rng(7)
    total = rng.poisson(0.8, 1500)
    limit = infer_clone(np.zeros(1500, int), total, rna()).detectable_fraction
    found = 0
    for _ in range(25):
        carrier = rng.random(1500) < limit
        alt = rng.binomial(total, np.where(carrier, rng.random(1500), 1e-3))
        clone = infer_clone(alt, total, rna())
        found += clone.showing.sum() >= clone.needed
    assert found >= 21  # 20 or fewer have a chance of 0.7 % at 95 %


def statement(alt, total, assumed):
    """Status, remark and stated limit of a clone."""
    clone = infer_clone(alt, total, assumed)
    states = cell_states(
        counts(alt, total), clone, np.ones(len(total), bool), is_dna=assumed.is_dna
    )
    covered = int((total > 0).sum())
    said = clone_status(clone, covered, states, adequate=0.04, is_dna=assumed.is_dna)
    return *said, stated_limit(clone, states)


@pytest.mark.parametrize(("cells", "coverage"), [(3000, 0.3), (3000, 20)], ids=["thin", "deep"])
def test_cells_of_rna_never_exclude_a_clone_and_those_of_dna_may(cells, coverage):
    rng = np.random.default_rng(9)
    total = rng.poisson(coverage, cells)
    status, said, limit = statement(np.zeros(cells, int), total, rna())
    assert status == "INDETERMINATE"
    assert limit is not None
    if coverage > 1:
        assert "RNA excludes no clone: its allele may not be transcribed, or decay" in said
        assert f"clones of {limit:.2g} and more would show if it is expressed as usual" in said
        assert statement(np.zeros(cells, int), total, dna(error=1e-3))[0] == "NOT_DETECTED"


def test_a_decaying_allele_of_a_clone_at_the_stated_limit_is_seen_as_often_as_promised():
    rng = np.random.default_rng(10)
    total = rng.poisson(1.0, 1000)
    limit = infer_clone(np.zeros(1000, int), total, rna()).detectable_fraction
    found = 0
    for _ in range(12):
        carrier = rng.random(1000) < limit
        alt = rng.binomial(total, np.where(carrier, rng.beta(0.4, 1.6, 1000), 1e-3))
        clone = infer_clone(alt, total, rna())
        found += clone.showing.sum() >= clone.needed
    assert found >= 9  # 8 or fewer have a chance of 0.02 % at 95 %


def test_the_limit_of_a_clone_that_was_not_seen_is_not_below_its_interval():
    nothing, states = np.zeros(50), np.full(50, "REFERENCE_ONLY", dtype=object)
    silent = Clone(nothing, nothing, nothing > 0, 2, 0.0, 0.0, 0.09, 0.01)
    assert stated_limit(silent, states) == 0.09
    assert clone_status(silent, 50, states, adequate=0.04, is_dna=True)[0] == "INDETERMINATE"
    seen = replace(silent, showing=np.ones(50) > 0)
    assert stated_limit(seen, states) == 0.01


def test_errors_alone_are_called_a_clone_in_at_most_one_of_a_hundred():
    rng = np.random.default_rng(8)
    total = rng.poisson(0.8, 1500)
    needed = infer_clone(np.zeros(1500, int), total, rna()).needed
    alt = rng.binomial(total, 1e-3, (4000, 1500))
    showing = ((alt > 0) & (alt * 2 >= total)).sum(axis=1)
    assert (showing >= needed).mean() <= 0.012


def test_three_prime_coverage_of_exon_three_is_not_evaluable():
    # 1,000 cells, a clone of 5 %, 0.05 covering molecules a cell: 1.25 variant molecules
    total = np.random.default_rng(1).poisson(0.05, 1000)
    clone = infer_clone(np.zeros(1000, int), total, rna())
    assert clone.detectable_fraction > 0.05
    states = np.full(1000, "REFERENCE_ONLY", dtype=object)
    status, flags = clone_status(clone, int((total > 0).sum()), states, adequate=0.04, is_dna=False)
    assert status == "INDETERMINATE"
    assert "too few covered cells" in flags
    assert (clone.low, clone.high > 0.05) == (0, True)


def test_four_reference_molecules_are_no_wild_type_and_rna_has_no_zygosity():
    alt = np.array([0] * 300 + [0, 9, 0])
    total = np.array([10] * 300 + [4, 9, 0])
    given = counts(alt, total)
    clone = infer_clone(alt, total, rna())
    states = cell_states(given, clone, np.ones(303, bool))
    called = cell_genotypes(given, clone, states, rna())
    assert set(called[:300]) == {"wild_type"}
    assert called[300:].tolist() == ["", "mutant", ""]
    assert states[302] == "NO_COVERAGE"
    assert clone.posterior[302] > 0  # a cell without a molecule may carry it


def test_zygosity_is_told_from_dna_unless_dropout_explains_it_too():
    alt = np.array([20] * 60 + [0] * 60 + [40] * 60)
    total = np.full(180, 40)
    given = counts(alt, total)
    for measured, expected in (
        ((0.01, 0.001, 0.02, 4), "homozygous"),
        ((0.4, 0.3, 0.45, 4), "mutant"),
    ):
        assumed = dna(measured, error=1e-3)
        clone = infer_clone(alt, total, assumed)
        states = cell_states(given, clone, np.ones(180, bool), is_dna=True)
        called = cell_genotypes(given, clone, states, assumed)
        assert called[0] == "heterozygous"
        assert called[150] == expected


def test_nothing_covered_says_nothing():
    clone = infer_clone(np.zeros(3, int), np.zeros(3, int), rna())
    assert clone.posterior.tolist() == [0.5, 0.5, 0.5]
    assert clone_status(clone, 0, np.full(3, "NO_COVERAGE"), 0.04, is_dna=False)[0] == (
        "NOT_ASSESSED"
    )
