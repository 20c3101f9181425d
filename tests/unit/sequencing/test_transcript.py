"""Skipped exons and kept introns of a gene that is written out here, base by base."""

import pytest

from aftercar.sequencing.genes import (
    GeneModelError,
    ReferenceWindow,
    build_genes,
    reverse_complement,
)
from aftercar.sequencing.transcript import retain_intron, skip_exons

# UTR and ATG GCT G | AA CTT GAC | AAA CG | T TAT TAA and UTR
EXONS = ("CCATGGCTG", "AACTTGAC", "AAACG", "TTATTAACCC")
INTRONS = ("GTAAGCAG", "GTTGAGGAG", "GTCCCCAG")
# normal: ATG GCT GAA CTT GAC AAA CGT TAT TAA
PROTEIN = "MAELDKRY"
FIRST = 1001


def gene_of(strand, **model):
    sequence, rows = "", []
    for number, exon in enumerate(EXONS, start=1):
        rows.append([number, FIRST + len(sequence), FIRST + len(sequence) + len(exon) - 1])
        sequence += exon + (INTRONS[number - 1] if number <= len(INTRONS) else "")
    last = FIRST + len(sequence) - 1
    coding = [FIRST + 2, last - 3]
    if strand == "-":
        rows = [[n, FIRST + last - b, FIRST + last - a] for n, a, b in rows]
        coding = [FIRST + last - position for position in reversed(coding)]
        sequence = reverse_complement(sequence)
    exons = [
        {
            "gene": "TOY", "transcript": "NM_1.1", "ensembl_gene": "ENSG1", "chrom": "chr16",
            "strand": strand, "exon": str(n), "start": str(a), "end": str(b),
            "cds_start": str(max(a, coding[0])), "cds_end": str(min(b, coding[1])),
        }
        for n, a, b in rows
    ]  # fmt: skip
    models = {"genes": {"TOY": {"role": "antigen"} | model}, "nmd_distance_nt": 2}
    return build_genes(models, exons, ["TOY"])["TOY"], ReferenceWindow("chr16", FIRST, sequence)


@pytest.mark.parametrize("strand", ["+", "-"])
def test_a_skipped_exon_that_shifts_the_frame_names_the_first_stop(strand):
    # ATG GCT GAA ACG TTA TTA ACC C: no stop is left; exons 2 and 3: ATG GCT GTT ATT AAC CC
    product = skip_exons(*gene_of(strand), [2])
    assert (product.protein, product.stop_codon) == ("MAETLLT", None)
    assert (product.length_change_nt, product.in_frame) == (-8, False)
    assert product.lost_codons == (4, 8)
    # exon 3 alone: ATG GCT GAA CTT GAC TTA TTA ACC C
    assert skip_exons(*gene_of(strand), [3]).protein == "MAELDLLT"


@pytest.mark.parametrize("strand", ["+", "-"])
def test_a_retained_intron_is_read_to_its_first_stop(strand):
    # intron 1: ATG GCT GGT AAG CAG AAC TTG ACA AAC GTT ATT AAC CC
    assert retain_intron(*gene_of(strand), 1).protein == "MAGKQNLTNVIN"
    # intron 2: ATG GCT GAA CTT GAC GTT GAG GAG AAA CGT TAT TAA: in frame, three residues more
    product = retain_intron(*gene_of(strand), 2)
    assert (product.protein, product.in_frame, product.stop_codon) == ("MAELDVEEKRY", True, 12)
    assert (product.length_change_nt, product.lost_codons) == (9, None)


def test_skipping_the_exon_with_the_start_codon_abolishes_the_protein(models):
    # CD22: exon 2 holds the ATG (Zheng 2022, Blood Cancer Discov 3:103); 847 residues
    gene = build_genes(*models, ["CD22"])["CD22"]
    window = ReferenceWindow("chr19", gene.start, "N" * (gene.end - gene.start + 1))
    product = skip_exons(gene, window, [2])
    assert (product.start_lost, product.protein, product.lost_codons) == (True, "", (1, 847))
    assert product.stop_codon is None


@pytest.mark.parametrize("strand", ["+", "-"])
def test_first_and_last_exon_and_those_that_do_not_exist_cannot_be_skipped(strand):
    gene, window = gene_of(strand)
    for numbers in ([1], [4], [1, 2], [], [7]):
        with pytest.raises(GeneModelError, match="can be skipped"):
            skip_exons(gene, window, numbers)
    with pytest.raises(GeneModelError, match="no intron behind exon 4"):
        retain_intron(gene, window, 4)


@pytest.mark.parametrize(
    ("domain", "loss"), [((4, 5), "all"), ((3, 6), "part"), ((1, 3), "no"), (None, "")]
)
def test_the_membrane_is_lost_in_all_in_part_not_or_nobody_knows(domain, loss):
    # the change of the frame begins at codon 4
    items = [{"name": "transmembrane", "start": domain[0], "end": domain[1]}] if domain else []
    gene, window = gene_of("+", domains={"items": items})
    assert skip_exons(gene, window, [2]).loses_transmembrane == loss


def test_unknown_bases_before_a_stop_leave_the_stop_unknown():
    gene, window = gene_of("+")
    masked = window.sequence.replace("GTTGAGGAG", "GTTNNNGAG")
    product = retain_intron(gene, ReferenceWindow("chr16", FIRST, masked), 2)
    assert (product.protein, product.stop_codon, product.in_frame) == ("MAELDV", None, False)
    assert product.nmd_candidate == ""
