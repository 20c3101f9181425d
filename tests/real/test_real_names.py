"""What happens to real transcripts: CD19 on chr16, TP53 on chr17."""

import csv

import pytest

from aftercar.io.alignments import read_gene_models, read_reference
from aftercar.sequencing.alleles import Allele
from aftercar.sequencing.genes import ReferenceWindow, build_genes, reference_faults
from aftercar.sequencing.listed_names import HgvsError, parse_name
from aftercar.sequencing.specimens import MAX_REFERENCE_FAULTS
from aftercar.sequencing.transcript import retain_intron, skip_exons

pytestmark = pytest.mark.real
FASTA = {"CD19": "chr16_Npad_CD19.fa.gz", "TP53": "GRCh38_chr17_1-7843138.fa.gz"}


def locate(shared_data, symbol):
    """Gene model and reference of CD19 or TP53."""
    gene = build_genes(*read_gene_models(), [symbol])[symbol]
    fasta = shared_data / "sequencing/reference" / FASTA[symbol]
    part = read_reference(fasta, gene.chrom, gene.start - 500, gene.end + 500)
    return gene, ReferenceWindow(*part)


@pytest.fixture(scope="module")
def located(shared_data):
    return {symbol: locate(shared_data, symbol) for symbol in FASTA}


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


def test_published_names_of_cd19_lead_to_their_records(located, shared_data):
    with open(shared_data / "sequencing/truth/cd19_loss_variants_dev.tsv", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    named = [row for row in rows if row["hgvs_c_source"].startswith("NM_001770.6:c.")]
    assert len(named) == 11
    for row in named:
        found = parse_name(row["hgvs_c_source"], "", *located["CD19"])
        assert found == Allele(int(row["pos"]), row["ref"], row["alt"])


def test_an_impossible_name_of_cd19_is_refused(located):
    with pytest.raises(HgvsError, match="base 81 is not the last base of an exon"):
        parse_name("NM_001770.6:c.88+8_81+9delCAinsA", "", *located["CD19"])


def test_a_name_that_counts_by_the_other_isoform_of_cd19_is_recognised(located):
    # rs34763945, p.R514H, is c.1541G>A; with 3 nt more in exon 13 it would be c.1544
    assert parse_name("NM_001770.6:c.1541G>A", "", *located["CD19"]).pos == 28938730
    with pytest.raises(HgvsError) as refused:
        parse_name("NM_001770.6:c.1544G>A", "", *located["CD19"])
    assert "it fits the numbers of ENST00000324662 = NM_001178098" in str(refused.value)
    assert "on NM_001770.6 that would be c.1541G>A" in str(refused.value)
    # before exon 13 both count alike: that c.90 is a G says nothing of c.93, an A
    with pytest.raises(HgvsError) as refused:
        parse_name("NM_001770.6:c.93G>T", "", *located["CD19"])
    assert "it fits" not in str(refused.value)


@pytest.mark.parametrize("symbol", list(FASTA))
def test_the_reference_agrees_with_the_gene_model_and_shifted_it_does_not(located, symbol):
    gene, window = located[symbol]
    assert reference_faults(gene, window) == []
    for shift in (-1, 1, 3):
        moved = ReferenceWindow(window.contig, window.start + shift, window.sequence)
        assert len(reference_faults(gene, moved)) > MAX_REFERENCE_FAULTS


def test_exons_are_those_of_the_table_of_the_mane_transcripts(shared_data):
    path = shared_data / "sequencing/reference/target_gene_exons_MANE_GRCh38.tsv"
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    models, exons = read_gene_models()
    ours = {
        (e["gene"], e["transcript"], e["chrom"], e["strand"], e["exon"], e["start"], e["end"],
         e["cds_start"], e["cds_end"])
        for e in exons
    }  # fmt: skip
    theirs = {
        (r["gene"], r["refseq"], r["chrom"], r["strand"], r["exon"], r["exon_start"], r["exon_end"],
         r["cds_start"], r["cds_end"])
        for r in rows
    }  # fmt: skip
    assert ours == theirs
    assert {r["gene"]: r["enst"] for r in rows} == {
        symbol: model["ensembl_transcript"] for symbol, model in models["genes"].items()
    }
