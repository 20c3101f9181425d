"""What happens to real transcripts: CD19 on chr16, TP53 on chr17."""

import pytest

from aftercar.io.alignments import read_gene_models, read_reference
from aftercar.sequencing.genes import ReferenceWindow, build_genes
from aftercar.sequencing.transcript import retain_intron, skip_exons

pytestmark = pytest.mark.real
FASTA = {"CD19": "chr16_Npad_CD19.fa.gz", "TP53": "GRCh38_chr17_1-7843138.fa.gz"}


@pytest.fixture(scope="module")
def located(shared_data):
    """Gene model and reference of CD19 and TP53."""
    genes = build_genes(*read_gene_models(), list(FASTA))

    def locate(symbol):
        gene, fasta = genes[symbol], shared_data / "sequencing/reference" / FASTA[symbol]
        part = read_reference(fasta, gene.chrom, gene.start - 500, gene.end + 500)
        return gene, ReferenceWindow(*part)

    return {symbol: locate(symbol) for symbol in FASTA}


@pytest.mark.parametrize(
    ("skipped", "residues", "lost", "membrane"),
    [
        # 267 nt are 89 residues; the codon that the new junction makes spells the old E again
        ([2], 467, (30, 118), "no"),
        ([3], 488, (119, 186), "no"),
        ([4], 464, (187, 278), "no"),
        ([2, 3], 399, (30, 186), "no"),
        ([5], 519, (279, 315), "all"),
    ],
)
def test_cd19_without_an_exon_keeps_its_frame(located, skipped, residues, lost, membrane):
    product = skip_exons(*located["CD19"], skipped)
    assert (len(product.protein), product.lost_codons) == (residues, lost)
    assert (product.in_frame, product.loses_transmembrane) == (True, membrane)
    assert product.nmd_candidate == "no"


def test_cd19_without_exons_5_and_6_stops_before_the_membrane(located):
    product = skip_exons(*located["CD19"], [5, 6])
    assert (product.length_change_nt, product.stop_codon) == (-160, 283)
    assert product.protein.endswith("HLEITARPDSSK")
    assert (product.in_frame, product.loses_transmembrane) == (False, "all")
    assert product.nmd_candidate == "yes"


def test_each_retained_intron_of_cd19_stops_where_it_was_counted(located):
    kept = {number: retain_intron(*located["CD19"], number) for number in range(1, 10)}
    assert [product.stop_codon for product in kept.values()] == [
        45, 160, 208, 302, 334, 333, 371, 402, 469,
    ]  # fmt: skip
    # up to intron 4 the frame is left before codon 292, behind it the membrane part is complete
    assert [kept[n].loses_transmembrane for n in range(1, 10)] == ["all"] * 4 + ["no"] * 5
    assert {product.nmd_candidate for product in kept.values()} == {"yes"}
    # the reference does not know intron 10
    assert retain_intron(*located["CD19"], 10).stop_codon is None
