"""Strands of a true variant differ a little; those of an artefact differ manifold."""

import numpy as np
import pytest

from aftercar.sequencing.alleles import Allele
from aftercar.sequencing.variants import Evidence, strand_verdict


def verdict(forward, reverse, depth):
    alternative, total = np.array([forward, reverse, 0]), np.array([depth, depth, 0])
    allele = Allele(100, "A", "G")
    return strand_verdict(Evidence(allele, alternative, total, np.full(3, 1e-3), 1e-4))


def test_an_inherited_variant_of_50_and_46_percent_is_no_artefact():
    assert verdict(2500, 2300, 5000) == ""
    assert verdict(5000, 4500, 5000) == ""


@pytest.mark.parametrize("fraction", [0.01, 0.05, 0.5, 0.95])
@pytest.mark.parametrize("depth", [500, 5000])
def test_strands_whose_odds_differ_as_in_capture_are_not_filtered(fraction, depth):
    rng = np.random.default_rng(4)
    odds = np.log(fraction / (1 - fraction)) + rng.normal(0, 0.2, (1000, 2))
    shown = rng.binomial(depth, 1 / (1 + np.exp(-odds)))
    biased = sum(verdict(*pair, depth) == "strand_bias" for pair in shown.tolist())
    assert biased <= 1


@pytest.mark.parametrize(
    ("forward", "reverse", "depth"), [(20, 0, 2000), (120, 15, 2000), (300, 20, 1000)]
)
def test_an_artefact_of_one_strand_is_filtered(forward, reverse, depth):
    assert verdict(forward, reverse, depth) == "strand_bias"
    assert verdict(reverse, forward, depth) == "strand_bias"
