"""Loss of heterozygosity: power, false positives, bounds, and answers that are no answers."""

from dataclasses import fields

import numpy as np
import pytest

from aftercar.sequencing.fragments import Pileup
from aftercar.sequencing.loh import (
    ALPHA,
    DepthRatio,
    Het,
    allele_balance,
    depth_ratio,
    hets_of_normal,
    judge,
    measure_loh,
)


def drawn(rng, share, fragments, *, bias=0.5):
    """Alt fragments and fragments of positions; at each, chance decides which copy carries alt."""
    counts = []
    for n in fragments:
        major = share if rng.random() < 0.5 else 1 - share
        odds = major / (1 - major) * bias / (1 - bias)
        counts.append((int(rng.binomial(n, odds / (1 + odds))), n, bias))
    return counts


def found(share, fragments, dispersion, draws=400, seed=1):
    rng = np.random.default_rng(seed)
    p = [allele_balance(drawn(rng, share, fragments), dispersion)[3] for _ in range(draws)]
    return np.mean(np.array(p) < ALPHA)


def test_75_fragments_tell_three_quarters_from_one_half():
    # 71 (one-sided) to 78 (two-sided) fragments give a power of 0.9 at alpha 1e-3: binomial
    # sample size, (z_alpha * 0.5 + z_beta * sqrt(3) / 4)^2 / 0.25^2
    assert 0.84 <= found(0.75, [75], dispersion=0.0) <= 0.95
    assert found(0.75, [40], dispersion=0.0) < 0.7
    assert found(0.75, [100], dispersion=0.001) >= 0.9


@pytest.mark.parametrize("fragments", [[60], [200, 200], [2000, 1500, 900, 400]])
def test_even_copies_are_called_uneven_no_more_often_than_stated(fragments):
    rng = np.random.default_rng(2)
    p = np.array([allele_balance(drawn(rng, 0.5, fragments))[3] for _ in range(1000)])
    assert (p < 0.05).mean() <= 0.065
    assert (p < 0.001).mean() <= 0.004


@pytest.mark.parametrize("share", [0.6, 0.75, 0.9])
def test_the_interval_holds_the_share_of_the_major_copy(share):
    rng = np.random.default_rng(3)
    limits = [allele_balance(drawn(rng, share, [150, 120, 90]))[1:3] for _ in range(300)]
    assert 0.92 <= np.mean([low <= share <= high for low, high in limits]) <= 0.99


def test_reference_bias_that_the_normal_shows_is_no_loss():
    # a position at which the alternative allele shows in 40 % of the fragments without any loss
    rng = np.random.default_rng(4)
    biased = [drawn(rng, 0.5, [2000], bias=0.40)[0] for _ in range(200)]
    corrected = np.array([allele_balance([count])[3] for count in biased])
    ignored = np.array([allele_balance([(a, n, 0.5)])[3] for a, n, _ in biased])
    assert (corrected < ALPHA).mean() <= 0.01
    assert (ignored < ALPHA).mean() > 0.9


def pileup_of(window, shown):
    counts = np.zeros((3, 4, len(window.sequence)), dtype=np.int64)
    for pos, bases in shown.items():
        for base, n in bases.items():
            counts[0, "ACGT".index(base), pos - window.start] = n
    no_mismatch = [np.zeros(0, dtype=np.int64)] * (len(fields(Pileup)) - 2)
    return Pileup(window.start, counts, *no_mismatch)


@pytest.fixture
def positions(toy):
    """Three positions of the toy gene far from each other, with their reference bases."""
    _, window = toy
    return [(window.start + i, window.sequence[i]) for i in (410, 720, 1050)]


def other(base):
    return {"A": "C", "C": "A", "G": "T", "T": "G"}[base]


def test_hets_of_the_matched_normal_make_a_gene_informative(toy, positions):
    gene, window = toy
    normal = pileup_of(window, {p: {r: 110, other(r): 90} for p, r in positions[:2]})
    tumour = pileup_of(window, {p: {r: 180, other(r): 20} for p, r in positions[:2]})
    wanted = np.ones(len(window.sequence), dtype=bool)
    hets = hets_of_normal(gene, window, normal, wanted)
    assert [(h.pos, h.ref, h.alt) for h in hets] == [(p, r, other(r)) for p, r in positions[:2]]
    row = measure_loh(gene, window, tumour, hets=hets)
    assert (row["state"], row["status"], row["informative_snps"]) == ("LOH", "QUANTIFIED", 2)
    # nine tenths on one copy: a deletion in 1 / (2 - c) = 0.9, c = 89 %; copy-neutral in 80 %
    assert row["affected_fraction_low"] < 0.80 < 0.89 < row["affected_fraction_high"]
    assert "purity is not known" in row["flags"]
    assert "depth not informative" in row["flags"]


def test_without_a_heterozygous_position_nothing_is_said(toy, positions):
    gene, window = toy
    pos, ref = positions[0]
    homozygous = pileup_of(window, {pos: {other(ref): 500}})
    for hets in ([], None):
        row = measure_loh(gene, window, homozygous, hets=hets)
        assert (row["state"], row["status"]) == ("NOT_INFORMATIVE", "INDETERMINATE")
        assert "not the same as no loss" in row["flags"]


def test_positions_on_the_same_fragments_count_once(toy, positions):
    gene, window = toy
    near = [Het(positions[0][0] + i, window.sequence[410 + i], other(window.sequence[410 + i]))
            for i in (0, 40, 90)]  # fmt: skip
    shown = pileup_of(window, {h.pos: {h.ref: 60, h.alt: 40} for h in near})
    assert measure_loh(gene, window, shown, hets=near)["informative_snps"] == 1


def test_an_even_gene_is_no_loss_only_as_far_as_the_reads_exclude_it(toy, positions):
    gene, window = toy
    hets = [Het(p, r, other(r)) for p, r in positions]
    deep = pileup_of(window, {p: {r: 500, other(r): 500} for p, r in positions})
    row = measure_loh(gene, window, deep, hets=hets, purity=0.8)
    assert (row["state"], row["status"]) == ("NO_LOH", "QUANTIFIED")
    # one statement in the row: 95 % limit of 3,000 fragments at one half, sd 1.6 % with dispersion
    excluded = row["affected_fraction_high"]
    assert 2 - 1 / (0.5 + 1.5 * 0.016) < excluded < 2 - 1 / (0.5 + 3 * 0.016)
    assert f"more than {100 * excluded:.3g} % of all cells is excluded" in row["flags"]
    assert f"{100 * excluded / 0.8:.3g} % of the leukemic cells" in row["flags"]
    shallow = pileup_of(window, {p: {r: 15, other(r): 15} for p, r in positions})
    assert measure_loh(gene, window, shallow, hets=hets)["state"] == "NOT_INFORMATIVE"
    # few leukemic cells: their loss would hardly move the share
    assert measure_loh(gene, window, deep, hets=hets, purity=0.05)["state"] == "NOT_INFORMATIVE"


def test_even_copies_clear_no_leukemic_cell_where_purity_is_not_known(toy, positions):
    # 5 % blasts that all lost a copy: major copy 1 / (2 - 0.05) = 0.513, hidden in the noise
    gene, window = toy
    hets = [Het(p, r, other(r)) for p, r in positions]
    mrd = pileup_of(window, {p: {r: 513, other(r): 487} for p, r in positions})
    row = measure_loh(gene, window, mrd, hets=hets)
    assert row["status"] == "INDETERMINATE"
    assert row["affected_fraction_high"] > 0.05
    assert "may all have lost an allele" in row["flags"]


def test_a_loss_in_most_of_the_cells_is_excluded_before_both_copies_are_called_there():
    # all cells leukemic: a deletion in all would give 1.0; 0.65 is a loss in nearly half of them
    assert judge(0.5, 0.65, 0.4, 1.0, None)[0] == "NOT_INFORMATIVE"


def depth(ratio, half=0.1):
    return DepthRatio(ratio, ratio - half, ratio + half, "3 normals and their spread")


@pytest.mark.parametrize(
    ("share", "ratio", "state", "mechanism"),
    [
        # purity 0.8: deletion 1 / 1.2 = 0.83 at depth 0.6; copy-neutral 0.9 at depth 1
        ((0.80, 0.86), 0.60, "LOH", "deletion"),
        ((0.87, 0.93), 1.00, "LOH", "copy_neutral"),
        # gain in 80 % of the cells: 1.8 / 2.8 = 0.643 at depth 1.4
        ((0.62, 0.66), 1.40, "IMBALANCE", "gain"),
        ((0.62, 0.66), 0.77, "LOH", "deletion"),
    ],
)
def test_depth_tells_deletion_copy_neutral_loss_and_gain(share, ratio, state, mechanism):
    assert judge(*share, 1e-9, 0.8, depth(ratio))[:2] == (state, mechanism)


def test_a_gain_is_not_called_a_loss_without_depth():
    # two thirds is what one gained copy in all cells gives
    assert judge(0.58, 0.66, 1e-9, None, None)[0] == "IMBALANCE"
    assert judge(0.70, 0.80, 1e-9, None, None)[:2] == ("LOH", "not_determined")


def test_even_copies_at_half_the_depth_are_not_called_intact():
    assert judge(0.5, 0.55, 0.4, 0.9, depth(0.3))[0] == "NOT_INFORMATIVE"


def test_the_depth_of_one_other_gene_tells_nothing():
    normal = {"CD19": 900.0, "TP53": 1000.0}
    assert depth_ratio("CD19", {"CD19": 450.0, "TP53": 1000.0}, [normal]) is None
    many = {"CD22": 1000.0, "CD7": 800.0, "CD5": 700.0}
    ratio = depth_ratio("CD19", {"CD19": 450.0, "TP53": 1000.0} | many, [normal | many])
    assert ratio.ratio == pytest.approx(0.5)
    assert ratio.low < 0.4 < 0.7 < ratio.high
