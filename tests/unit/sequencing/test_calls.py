"""What is planted is found, once, with the right record; what is not planted is not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftercar.io.alignments import read_alignments
from aftercar.sequencing.alleles import Allele, left_align
from aftercar.sequencing.fragments import pile_up, split_segments
from aftercar.sequencing.genes import ReferenceWindow
from aftercar.sequencing.variants import (
    CallSettings,
    call_variants,
    count_known,
    detectable_fraction,
    strand_verdict,
)

FIRST = 1_000_001
RNG = np.random.default_rng(20)
BASES = "".join(RNG.choice(list("ACGT"), 1200))
# two runs, as in exon 2 of CD19
REFERENCE = BASES[:499] + "A" + "GGGGGG" + "T" + BASES[507:560] + "CCCCCC" + BASES[566:600]
REFERENCE += "A" + BASES[601:660] + "C" + BASES[661:]
SPAN = (FIRST + 400, FIRST + 800)
SETTINGS = CallSettings(20, 4, 1e-6, 0.02)


def window():
    return ReferenceWindow("chr16", FIRST, REFERENCE)


def wanted():
    mask = np.zeros(len(REFERENCE), dtype=bool)
    mask[400:800] = True
    return mask


def read(path, gene=None):
    reads = read_alignments(path, "16", [(FIRST, FIRST + 1199)], min_mapping_quality=20)
    return split_segments(reads, gene)


def called(path):
    return call_variants(read(path), window(), wanted(), SETTINGS)


OTHER = {"A": "C", "C": "A", "G": "T", "T": "G"}
_ref = REFERENCE[600:632]
PLANTED = {
    "substitution": (FIRST + 620, REFERENCE[620], OTHER[REFERENCE[620]]),
    "one base lost in a run": (FIRST + 499, "AG", "A"),
    "one base more in a run": (FIRST + 499, "A", "AG"),
    "seven bases lost": (FIRST + 640, REFERENCE[640:648], REFERENCE[640]),
    "sixty bases lost": (FIRST + 600, REFERENCE[600:661], REFERENCE[600]),
    "thirty-two bases by six": (FIRST + 600, _ref, OTHER[_ref[0]] + "ACGT" + OTHER[_ref[-1]]),
}


@pytest.mark.parametrize("name", PLANTED)
def test_a_variant_of_three_percent_is_the_only_call(specimen_bam, name):
    variant = PLANTED[name]
    path = specimen_bam(REFERENCE, FIRST, [([variant], 0.03)], depth=1500, span=SPAN)
    calls = called(path).found
    assert [c.allele for c in calls] == [Allele(*variant)]
    low, high = calls[0].interval
    assert low <= 0.03 <= high
    assert strand_verdict(calls[0]) == ""


def test_nothing_is_called_in_reads_with_nothing_but_errors(specimen_bam):
    path = specimen_bam(REFERENCE, FIRST, [], depth=1800, span=SPAN, homopolymer_slip=0.003)
    assert called(path).found == []


def test_two_frameshifts_of_two_clones_are_two_calls_with_their_own_fractions(specimen_bam):
    first = PLANTED["one base more in a run"]
    second = (FIRST + 512, REFERENCE[512:517], REFERENCE[512])
    path = specimen_bam(REFERENCE, FIRST, [([first], 0.1), ([second], 0.2)], depth=800, span=SPAN)
    found = {c.allele: c.vaf for c in called(path).found}
    assert found == {
        Allele(*first): pytest.approx(0.1, abs=0.03),
        Allele(*second): pytest.approx(0.2, abs=0.04),
    }


def test_an_inherited_variant_beside_a_frameshift_is_not_joined_to_it(specimen_bam):
    snp = (FIRST + 643, REFERENCE[643], OTHER[REFERENCE[643]])
    shift = (FIRST + 648, REFERENCE[648:651], REFERENCE[648])
    path = specimen_bam(
        REFERENCE, FIRST, [([snp], 0.45), ([snp, shift], 0.05)], depth=800, span=SPAN
    )
    found = {c.allele for c in called(path).found}
    assert Allele(*snp) in found
    assert any(a.is_indel for a in found)


def test_a_change_on_one_strand_only_is_an_artefact_where_both_strands_are_deep(specimen_bam):
    variant = PLANTED["substitution"]
    both = specimen_bam(REFERENCE, FIRST, [], depth=1500, span=SPAN, name="a.bam")
    assert called(both).found == []
    segments_only = specimen_bam(
        REFERENCE, FIRST, [([variant], 0.5)], depth=300, span=SPAN, strand_only=False, name="b.bam"
    )
    calls = called(segments_only).found
    assert [c.allele for c in calls] == [Allele(*variant)]
    assert strand_verdict(calls[0]) == "strand not assessed"


def test_overlapping_mates_that_agree_count_once(specimen_bam):
    path = specimen_bam(
        REFERENCE, FIRST, [], depth=40, span=SPAN, insert=(160, 1), error=0.0, length=150
    )
    segments = read(path)
    pileup = pile_up(segments, window(), wanted(), min_base_quality=0)
    assert pileup.depth().max() <= len(np.unique(segments.fragment))
    # where both mates lie, one observation on both strands
    middle = np.argmax(pileup.counts[2].sum(axis=0))
    assert pileup.counts[2, :, middle].sum() > 0


def test_looking_for_a_variant_elsewhere_gives_the_count_that_calling_gives(specimen_bam):
    for name in ("substitution", "seven bases lost"):
        variant = PLANTED[name]
        path = specimen_bam(REFERENCE, FIRST, [([variant], 0.05)], depth=800, span=SPAN)
        calls = called(path)
        again = count_known(read(path), window(), calls, Allele(*variant), SETTINGS)
        assert again.alt_fragments == calls.found[0].alt_fragments
        assert again.depth == calls.found[0].depth


# Fragments needed to see a fraction, by error rate (binomial, 95 %, alpha 1e-6, at least 4)
@pytest.mark.parametrize(
    ("error", "fraction", "fragments"),
    [
        (1e-3, 0.01, 1550),
        (1e-3, 0.02, 630),
        (1e-3, 0.05, 210),
        (2e-4, 0.01, 1050),
        (5e-5, 0.02, 390),
    ],
)
def test_the_stated_limit_follows_the_published_requirements(error, fraction, fragments):
    limit = detectable_fraction(np.array([fragments]), np.array([error]), 1e-9, 1e-6, 4)[0]
    assert limit == pytest.approx(fraction, rel=0.05)


@given(depth=st.integers(4, 3000), more=st.integers(1, 2000))
def test_more_fragments_never_make_the_limit_much_worse(depth, more):
    both = detectable_fraction(np.array([depth, depth + more]), np.array([1e-3]), 1e-4, 1e-6, 4)
    if not np.isnan(both[0]):
        assert both[1] <= both[0] * 1.35  # whole counts make small steps


def test_without_enough_fragments_no_limit_is_stated():
    assert np.isnan(detectable_fraction(np.array([0, 3]), np.array([1e-3]), 1e-4, 1e-6, 4)).all()


def test_a_replacement_that_the_aligner_spread_over_mismatches_and_a_gap_is_one_call(specimen_bam):
    variant = PLANTED["thirty-two bases by six"]
    path = specimen_bam(REFERENCE, FIRST, [([variant], 0.1)], depth=500, span=SPAN, spread=True)
    assert [c.allele for c in called(path).found] == [Allele(*variant)]


def test_the_fraction_of_a_long_deletion_is_not_diluted_by_reads_inside_it(specimen_bam):
    variant = PLANTED["sixty bases lost"]
    path = specimen_bam(REFERENCE, FIRST, [([variant], 0.4)], depth=1500, span=SPAN)
    (found,) = called(path).found
    # the shorter molecules begin at 60 places fewer, so they lie 720 / 660 as densely
    expected = 0.4 * 720 / 660 / (0.4 * 720 / 660 + 0.6)
    assert found.vaf == pytest.approx(expected, abs=0.025)


def test_frequent_slips_of_a_run_are_its_background_and_no_variant(specimen_bam):
    path = specimen_bam(REFERENCE, FIRST, [], depth=1500, span=SPAN, homopolymer_slip=0.03)
    assert called(path).found == []


def test_overlapping_mates_that_disagree_show_nothing(conftest_reads, tmp_path):
    haplotype = np.frombuffer(REFERENCE.encode(), dtype=np.uint8)
    quality = np.full(100, 37, dtype=np.uint8)
    other = haplotype[550:650].copy()
    other[50] = ord(OTHER[REFERENCE[600]])
    reads = [
        ("f1", (FIRST + 549, [(0, 100)], haplotype[550:650], quality, False, 0)),
        ("f1", (FIRST + 549, [(0, 100)], other, quality, True, 1)),
        ("f2", (FIRST + 549, [(0, 100)], other, quality, False, 0)),
    ]
    path = conftest_reads.write_bam(tmp_path / "mates.bam", reads)
    pileup = pile_up(read(path), window(), wanted(), min_base_quality=20)
    assert pileup.depth()[599] == 2
    assert pileup.depth()[600] == 1
    assert pileup.counts[0, :, 600].sum() == 1  # f2, on the forward strand


def test_a_frameshift_on_the_molecules_of_an_inherited_deletion_keeps_its_fraction(specimen_bam):
    inherited = (FIRST + 640, REFERENCE[640:644], REFERENCE[640])
    shift = PLANTED["one base more in a run"][0], "A", "AG"
    near = (FIRST + 620, REFERENCE[620], REFERENCE[620] + "CATAG")
    for somatic in (near, shift):
        path = specimen_bam(
            REFERENCE, FIRST, [([inherited], 0.44), ([somatic, inherited], 0.06)], depth=900,
            span=SPAN,
        )  # fmt: skip
        found = {c.allele: c.vaf for c in called(path).found}
        by_place = {left_align(a, window()): vaf for a, vaf in found.items()}
        assert by_place[left_align(Allele(*inherited), window())] == pytest.approx(0.5, abs=0.06)
        assert by_place[left_align(Allele(*somatic), window())] == pytest.approx(0.06, abs=0.02)


def test_two_frameshifts_of_one_run_are_not_each_others_slips_without_a_word(specimen_bam):
    clones = [
        ([PLANTED["one base lost in a run"]], 0.03),
        ([PLANTED["one base more in a run"]], 0.03),
    ]
    calls = called(specimen_bam(REFERENCE, FIRST, clones, depth=1500, span=SPAN))
    assert {c.allele for c in (*calls.found, *calls.doubted)} == {
        Allele(*PLANTED["one base lost in a run"]),
        Allele(*PLANTED["one base more in a run"]),
    }
    assert {c.doubt for c in calls.doubted} <= {"run_slippage"}


def test_reads_that_end_beside_a_clonal_frameshift_show_no_second_variant(specimen_bam):
    variant = PLANTED["one base more in a run"]
    for seed in (1, 2):
        path = specimen_bam(REFERENCE, FIRST, [([variant], 1.0)], depth=1500, span=SPAN, seed=seed)
        calls = called(path)
        assert [c.allele for c in (*calls.found, *calls.doubted)] == [Allele(*variant)]
