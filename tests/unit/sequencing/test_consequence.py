"""Names and effects on a gene that is written out here, base by base."""

import pytest

from aftercar.sequencing.alleles import Allele, AlleleError, left_align
from aftercar.sequencing.consequence import predict
from aftercar.sequencing.genes import (
    ReferenceWindow,
    build_genes,
    reference_faults,
    reverse_complement,
)

# exon 1: ATG AAA CTG GGG GGC | exon 2: TTA GAT TAC | exon 3: TGG TAA
FIRST = 101
EXONS = ("ATGAAACTGGGGGGC", "TTAGATTAC", "TGGTAA")
INTRON = "GTAAGTCCCTTTAG"
SEQUENCE = "CCCCC" + INTRON.join(EXONS) + "CCCCC"


def gene_of(strand):
    """The gene on either strand, with a transmembrane domain in codons 6 to 7."""
    rows, at = [], FIRST + 5
    for number, exon in enumerate(EXONS, start=1):
        rows.append([number, at, at + len(exon) - 1])
        at += len(exon) + len(INTRON)
    sequence = SEQUENCE
    if strand == "-":
        last = FIRST + len(SEQUENCE) - 1
        rows = [[n, FIRST + last - b, FIRST + last - a] for n, a, b in rows]
        sequence = reverse_complement(SEQUENCE)
    exons = [
        {
            "gene": "TOY",
            "transcript": "NM_1.1",
            "ensembl_gene": "ENSG1",
            "chrom": "chr16",
            "strand": strand,
            "exon": str(n),
            "start": str(a),
            "end": str(b),
            "cds_start": str(a),
            "cds_end": str(b),
        }
        for n, a, b in rows
    ]
    model = {
        "role": "antigen",
        "domains": {"items": [{"name": "transmembrane", "start": 6, "end": 7}]},
        "epitope_exons": [1],
        "inframe_loss_exons": [1],
        "polymorphisms": [],
    }
    genes = build_genes({"genes": {"TOY": model}, "nmd_distance_nt": 50}, exons, ["TOY"])
    return genes["TOY"], ReferenceWindow("chr16", FIRST, sequence)


def on_strand(strand, position, ref, alt):
    """An allele given on the coding strand, as a left-aligned record of the plus strand."""
    gene, window = gene_of(strand)
    start = FIRST + 5 + position
    allele = Allele(start, ref, alt)
    if strand == "-":
        last = FIRST + len(SEQUENCE) - 1
        start = FIRST + last - (start + len(ref) - 1)
        allele = Allele(start, reverse_complement(ref), reverse_complement(alt))
    return gene, window, left_align(allele, window)


# position counts from 0 on the genomic sequence of the coding strand; names and stops by hand
CASES = [
    pytest.param(4, "A", "C", "c.5A>C", "p.K2T", "missense", None, "T3", id="missense"),
    pytest.param(3, "A", "T", "c.4A>T", "p.K2*", "stop_gained", 2, "T1", id="nonsense"),
    # ATG AAA CTG GGG GCT TAG
    pytest.param(9, "G", "", "c.14del", "p.G5Afs*2", "frameshift", 6, "T1", id="deletion in a run"),
    # ATG AAA CTG GGG GGG CTT AGA TTA CTG GTA A
    pytest.param(9, "", "G", "c.14dup", "p.D7Rfs*?", "frameshift", None, "T1", id="duplication"),
    pytest.param(3, "AAA", "", "c.4_6del", "p.K2del", "inframe_deletion", None, "T2", id="codon"),
    # ATG AAA AAG GGG GCT TAG
    pytest.param(6, "CTG", "AA", "c.7_9delinsAA", "p.L3Kfs*4", "frameshift", 6, "T1", id="delins"),
    # ATG AAT TAC TGG GGG GCT TAG
    pytest.param(5, "", "TT", "c.5_6insTT", "p.K2Nfs*6", "frameshift", 7, "T1", id="insertion"),
    pytest.param(5, "A", "G", "c.6A>G", "", "synonymous", None, "NONE", id="synonymous"),
    pytest.param(1, "T", "C", "c.2T>C", "p.M1?", "start_lost", None, "T2", id="start lost"),
    pytest.param(15, "G", "A", "c.15+1G>A", "", "splice_donor", None, "T1", id="donor"),
    pytest.param(27, "A", "T", "c.16-2A>T", "", "splice_acceptor", None, "T1", id="acceptor"),
    pytest.param(18, "A", "T", "c.15+4A>T", "", "intron", None, "T4", id="donor motif"),
    pytest.param(23, "C", "T", "c.16-6C>T", "", "intron", None, "NONE", id="intron"),
    pytest.param(54, "G", "A", "c.27G>A", "p.W9*", "stop_gained", 9, "T4", id="behind membrane"),
    pytest.param(55, "T", "C", "c.28T>C", "p.*10Qext*?", "stop_lost", None, "T4", id="stop lost"),
]


@pytest.mark.parametrize("strand", ["+", "-"])
@pytest.mark.parametrize(("at", "ref", "alt", "hgvs_c", "hgvs_p", "effect", "stop", "tier"), CASES)
def test_names_and_effects_are_the_same_on_both_strands(
    strand, at, ref, alt, hgvs_c, hgvs_p, effect, stop, tier
):
    if not ref or not alt:  # a record needs the base in front
        before = SEQUENCE[5 + at - 1]
        at, ref, alt = at - 1, before + ref, before + alt
    gene, window, allele = on_strand(strand, at, ref, alt)
    found = predict(gene, allele, window)
    assert (found.hgvs_c, found.hgvs_p) == (hgvs_c, hgvs_p)
    assert (found.effect, found.stop_codon, found.tier) == (effect, stop, tier)


@pytest.mark.parametrize("strand", ["+", "-"])
def test_a_deletion_that_can_be_written_inside_the_exon_leaves_the_splice_site_intact(strand):
    # exon 2 ends ...TAC, intron GTAAG: deleting "C" or nothing else moves; "AC|GT" does not
    gene, window, allele = on_strand(strand, 36, "ACGT", "A")
    assert predict(gene, allele, window).effect == "splice_donor"
    gene, window, allele = on_strand(strand, 29, "TTA", "TA")  # TT at the start of exon 2
    assert predict(gene, allele, window).effect == "frameshift"


@pytest.mark.parametrize("strand", ["+", "-"])
def test_losing_a_whole_exon_says_whether_the_membrane_part_goes_with_it(strand):
    gene, window, allele = on_strand(strand, 26, SEQUENCE[31:46], SEQUENCE[31])
    found = predict(gene, allele, window)
    assert (found.effect, found.tier) == ("exon_deletion", "T2")
    assert (found.loses_transmembrane, found.exon) == ("yes", "2")


def test_a_reference_of_the_same_gene_agrees_with_its_model():
    for strand in "+-":
        assert reference_faults(*gene_of(strand)) == []


def test_a_reference_shifted_by_one_base_contradicts_every_edge():
    gene, window = gene_of("+")
    shifted = ReferenceWindow("chr16", FIRST + 1, window.sequence)
    assert len(reference_faults(gene, shifted)) >= 5


def test_an_allele_that_is_not_in_the_reference_is_refused():
    gene, window = gene_of("+")
    with pytest.raises(AlleleError, match="the reference has A"):
        predict(gene, Allele(FIRST + 5, "C", "T"), window)


def test_unknown_bases_stop_the_move_to_the_left():
    window = ReferenceWindow("chr16", 1, "NNNNACACAC")
    assert left_align(Allele(8, "CAC", "C"), window) == Allele(4, "NAC", "N")


def test_a_stretch_of_a_gene_names_its_changes_as_the_whole_gene_does(toy):
    gene, whole = toy
    part = ReferenceWindow(whole.contig, whole.start + 380, whole.sequence[380:520])
    for offset, ref_nt, alt in ((430, 1, "A"), (433, 1, "T"), (430, 4, ""), (440, 1, "ACGT")):
        first = whole.bases(whole.start + offset, whole.start + offset + ref_nt - 1)
        allele = Allele(whole.start + offset, first, alt or first[0])
        if allele.ref == allele.alt:
            continue
        found, expected = predict(gene, allele, part), predict(gene, allele, whole)
        assert (found.hgvs_c, found.hgvs_p) == (expected.hgvs_c, expected.hgvs_p)
        assert found.effect == expected.effect
