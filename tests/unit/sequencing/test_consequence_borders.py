"""Changes at borders of exons, codons and transcripts, on a gene with untranslated ends.

CCATGGCTG gtaagcag AACTTGAC gttgaggag AAACG gtccccag TTATTAACCC
ATG GCT GAA CTT GAC AAA CGT TAT TAA, c.1-7 | c.8-15 | c.16-20 | c.21-27
"""

import pytest
from tests.unit.sequencing.test_transcript import FIRST, gene_of

from aftercar.sequencing.alleles import Allele, left_align
from aftercar.sequencing.consequence import MAY_ALTER_SPLICING, predict
from aftercar.sequencing.genes import ReferenceWindow, reverse_complement

FLANKS = ("TCTCT", "GAGAG")


def judged(strand, at, ref, alt, **model):
    """What becomes of a change at a 0-based place of the gene, read along its own strand."""
    gene, window = gene_of(strand, **model)
    sequence = window.sequence if strand == "+" else reverse_complement(window.sequence)
    whole = FLANKS[0] + sequence + FLANKS[1]
    assert whole[5 + at : 5 + at + len(ref)] == ref
    if strand == "-":
        at = len(sequence) - at - len(ref)
        whole, ref, alt = (reverse_complement(part) for part in (whole, ref, alt))
    window = ReferenceWindow("chr16", FIRST - 5, whole)
    before = window.bases(FIRST + at - 1, FIRST + at - 1)
    allele = left_align(Allele(FIRST + at - 1, before + ref, before + alt), window)
    return predict(gene, allele, window)


@pytest.mark.parametrize("strand", ["+", "-"])
@pytest.mark.parametrize(
    ("at", "ref", "alt", "hgvs_c", "hgvs_p", "effect", "stop", "tier"),
    [
        # exons 1 and 2 become one: ATG GTG ACA AAC GTT ATT AAC CC
        (6, "CTGGTAAGCAGAACT", "", "c.5_11del", "p.A2Vfs*?", "frameshift", None, "T1"),
        (25, "GTTGAGGAG", "", "c.15+1_16-1del", "", "synonymous", None, "NONE"),
        # ATG GCT GAA ACG TTA TTA ACC C
        (12, "AGCAGAACTTGACGTTG", "", "c.8-3_16-4del", "p.L4Tfs*?", "exon_deletion", None, "T2"),
        (23, "ACGT", "", "c.14_15+2del", "", "splice_donor", None, "T1"),
        (26, "T", "A", "c.15+2T>A", "", "splice_donor", None, "T1"),
        (32, "AGAA", "", "c.16-1_18del", "", "splice_acceptor", None, "T1"),
        (19, "", "TAG", "c.9_10insTAG", "p.L4*", "stop_gained", 4, "T1"),
        (19, "CTT", "CCCTAA", "c.11_12delinsCCTAA", "p.L4delinsP*", "stop_gained", 5, "T1"),
        (22, "", "CTT", "c.10_12dup", "p.L4dup", "inframe_insertion", None, "T4"),
        (22, "", "CCC", "c.12_13insCCC", "p.L4_D5insP", "inframe_insertion", None, "T4"),
        (19, "CTTGAC", "", "c.10_15del", "p.L4_D5del", "inframe_deletion", None, "T4"),
        # GAA CTT GAC becomes GAG GAC, then GAC TAC
        (18, "ACTT", "G", "c.9_12delinsG", "p.L4del", "inframe_deletion", None, "T4"),
        (18, "ACTTG", "CT", "c.9_13delinsCT", "p.E3_D5delinsDY", "inframe_indel", None, "T4"),
        # a frameshift within the stop codon is an extension: TAT AAC CC
        (51, "T", "", "c.25del", "p.*9Next*?", "stop_lost", None, "T4"),
        (52, "A", "C", "c.26A>C", "p.*9Sext*?", "stop_lost", None, "T4"),
        (53, "A", "G", "c.27A>G", "", "synonymous", None, "NONE"),
        (54, "C", "G", "c.*1C>G", "", "utr", None, "NONE"),
        (0, "C", "G", "c.-2C>G", "", "utr", None, "NONE"),
        (1, "CA", "", "c.-1_1del", "p.M1?", "start_lost", None, "T2"),
        (2, "", "T", "c.-1_1insT", "", "utr", None, "NONE"),
        (12, "A", "T", "c.7+4A>T", "", "intron", None, "T4"),
        (29, "A", "C", "c.15+5A>C", "", "intron", None, "T4"),  # the middle of nine bases
        (-3, "T", "A", "", "", "outside_transcript", None, "NONE"),
    ],
)
def test_changes_at_borders_are_named_by_hand(
    strand, at, ref, alt, hgvs_c, hgvs_p, effect, stop, tier
):
    found = judged(strand, at, ref, alt)
    if hgvs_c:
        assert found.hgvs_c == hgvs_c
    else:
        assert found.hgvs_c.startswith("g.")
    assert (found.hgvs_p, found.effect) == (hgvs_p, effect)
    assert (found.stop_codon, found.tier) == (stop, tier)


@pytest.mark.parametrize("strand", ["+", "-"])
@pytest.mark.parametrize(
    ("at", "ref", "alt", "effect", "grown", "tier"),
    [
        (25, "", "A", "splice_donor", "1 nt longer", "T1"),
        (25, "", "ATA", "splice_donor", "3 nt longer", "T4"),
        (34, "", "T", "splice_acceptor", "1 nt longer", "T1"),
        (34, "", "TCC", "splice_acceptor", "3 nt longer", "T4"),
        (24, "CGT", "GTA", "splice_donor", "1 nt shorter", "T1"),
        (32, "AGA", "CAG", "splice_acceptor", "1 nt shorter", "T1"),
        (22, "GACGT", "GTA", "splice_donor", "3 nt shorter", "T1"),
    ],
)
def test_a_site_that_stands_again_beside_the_change_is_told(
    strand, at, ref, alt, effect, grown, tier
):
    found = judged(strand, at, ref, alt)
    assert (found.effect, found.tier) == (effect, tier)
    assert f"the site stands again, with an exon {grown}" in found.flags


@pytest.mark.parametrize("strand", ["+", "-"])
def test_an_indel_that_leaves_the_two_bases_of_a_site_is_no_loss_of_the_site(strand):
    # gttgag: one more t behind the donor reads gtttgag
    found = judged(strand, 26, "", "T")
    assert (found.effect, found.hgvs_c) == ("intron", "c.15+3dup")
    assert found.flags == [MAY_ALTER_SPLICING]


@pytest.mark.parametrize("strand", ["+", "-"])
@pytest.mark.parametrize(
    ("at", "ref", "alt", "hgvs_c", "exon", "tier", "may"),
    [
        (8, "G", "C", "c.7G>C", "1", "T4", True),  # missense on the last base of exon 1
        (24, "C", "T", "c.15C>T", "2", "T4", True),  # GAC, GAT: silent, on the last base of exon 2
        (16, "G", "C", "c.8-1G>C", "2", "T1", False),  # the site itself is lost
        (27, "T", "C", "c.15+3T>C", "2", "T4", True),
        (31, "G", "C", "c.16-3G>C", "2-3", "T4", True),  # an intron of nine bases
        (18, "A", "G", "c.9A>G", "2", "T4", True),  # GAA, GAG: silent, next to the acceptor
        (21, "T", "C", "c.12T>C", "2", "NONE", False),  # CTT, CTC: far from both ends
        (50, "T", "C", "c.24T>C", "4", "NONE", False),  # TAT, TAC
    ],
)
def test_a_change_in_the_motif_of_a_splice_site_is_not_silent(
    strand, at, ref, alt, hgvs_c, exon, tier, may
):
    found = judged(strand, at, ref, alt)
    assert (found.hgvs_c, found.exon, found.tier) == (hgvs_c, exon, tier)
    assert (MAY_ALTER_SPLICING in found.flags) == may


@pytest.mark.parametrize("strand", ["+", "-"])
def test_deletions_beyond_the_transcript_have_genomic_names(strand):
    gene_length = 57
    sequence = "CCATGGCTGGTAAGCAGAACTTGACGTTGAGGAGAAACGGTCCCCAGTTATTAACCC"
    assert len(sequence) == gene_length
    whole = judged(strand, -2, "CT" + sequence + "G", "")
    assert (whole.effect, whole.exon, whole.hgvs_p) == ("exon_deletion", "1-4", "p.0")
    assert (whole.tier, whole.flags) == ("T2", ["the whole gene"])
    assert whole.hgvs_c.startswith("g.")
    start = judged(strand, -2, "CT" + sequence[:12], "")
    assert (start.effect, start.exon, start.hgvs_p, start.tier) == (
        "exon_deletion", "1", "p.0?", "T2",
    )  # fmt: skip
    part = judged(strand, -2, "CT" + sequence[:4], "")
    assert (part.exon, part.flags) == ("1", ["the start of the transcript is deleted"])
    end = judged(strand, 44, sequence[44:] + "GA", "")
    assert (end.effect, end.exon, end.hgvs_p) == ("exon_deletion", "4", "p.?")
    assert end.flags == ["the end of the transcript is deleted too"]


MEMBRANE = {"items": [{"name": "transmembrane", "start": a, "end": b} for a, b in ((2, 3), (5, 6))]}


@pytest.mark.parametrize(
    ("at", "alt", "lost", "flag"),
    [
        (5, "TAG", "yes", "all of the transmembrane part is lost"),
        (19, "TAG", "yes", "part of the transmembrane part is lost"),
        (48, "TAG", "no", None),
    ],
)
def test_a_protein_that_spans_the_membrane_twice_can_lose_part_of_it(at, alt, lost, flag):
    # stops in place of codons 2, 4 and 8
    found = judged("+", at, "", alt, domains=MEMBRANE)
    assert (found.effect, found.loses_transmembrane) == ("stop_gained", lost)
    assert found.flags == ([] if flag is None else [flag])
    # out of frame from codon 2 on all of it goes; an exchanged residue takes nothing
    shifted = judged("+", 6, "CTGGTAAGCAGAACT", "", domains=MEMBRANE)
    assert "all of the transmembrane part is lost" in shifted.flags
    assert judged("+", 6, "C", "A", domains=MEMBRANE).loses_transmembrane == "no"
    # without a sourced domain nothing is claimed
    assert judged("+", at, "", alt).loses_transmembrane == ""


def test_decay_is_claimed_only_for_a_stop_that_is_known_and_far_before_the_last_junction():
    assert judged("+", 19, "", "TAG").nmd_candidate == "yes"
    assert judged("+", 48, "", "TAG").nmd_candidate == "no"  # last exon
    assert judged("+", 6, "CTGGTAAGCAGAACT", "").nmd_candidate == ""  # no stop is known
    assert judged("+", 1, "CA", "").nmd_candidate == ""


def test_an_insertion_in_frame_is_no_loss_even_in_an_exon_whose_loss_counts():
    model = {"inframe_loss_exons": [2], "epitope_exons": [2]}
    assert judged("+", 19, "CTTGAC", "", **model).tier == "T2"
    assert judged("+", 22, "", "CCC", **model).tier == "T3"
    assert judged("+", 22, "G", "CCCC", **model).hgvs_p == "p.D5delinsPH"
    assert judged("+", 22, "G", "CCCC", **model).tier == "T3"
