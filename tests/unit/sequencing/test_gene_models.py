"""The gene models and what they refuse as reference."""

import csv
import itertools
import random
import re
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from aftercar.sequencing.genes import (
    ReferenceWindow,
    build_genes,
    reference_faults,
    reverse_complement,
)
from aftercar.sequencing.specimens import MAX_REFERENCE_FAULTS

ROOT = Path(__file__).parents[3]
# Residues of the proteins, as published with the MANE transcripts.
RESIDUES = {
    "CD19": 556, "CD22": 847, "CD7": 240, "CD5": 495, "CD33": 364, "MS4A1": 297, "TP53": 393,
    "CD81": 236, "CD79A": 226, "CD38": 300, "IL3RA": 378, "TNFRSF17": 184,
}  # fmt: skip
every_gene = pytest.mark.parametrize("symbol", sorted(RESIDUES))


@pytest.fixture(scope="module")
def genes(models):
    return build_genes(*models, list(RESIDUES))


def made_up_reference(gene, seed=5):
    """A random sequence that has of the gene its codons' frame, start, stop and splice sites."""
    rng = random.Random(seed)
    first, last = gene.start - 50, gene.end + 50
    letters = [rng.choice("ACGT") for _ in range(last - first + 1)]
    coding = gene.cds_positions()
    codons = [a + b + c for a in "ACGT" for b in "ACGT" for c in "ACGT"]
    codons = [codon for codon in codons if codon not in ("TAA", "TAG", "TGA")]
    text = "ATG" + "".join(rng.choice(codons) for _ in range(len(coding) // 3 - 2)) + "TGA"
    flip = str.maketrans("ACGT", "TGCA")
    for position, base in zip(coding, text, strict=True):
        letters[position - first] = base if gene.strand == "+" else base.translate(flip)
    for up, down in zip(gene.exons, gene.exons[1:], strict=False):
        low, high = gene.intron(up.number, down.number)
        left, right = ("GT", "AG") if gene.strand == "+" else ("CT", "AC")
        letters[low - first : low - first + 2] = left
        letters[high - 1 - first : high + 1 - first] = right
    return ReferenceWindow(gene.chrom, first, "".join(letters))


def test_every_model_keeps_to_the_schema(models):
    schema = yaml.safe_load((ROOT / "workflow/schemas/genes.schema.yaml").read_text())
    assert not list(Draft202012Validator(schema).iter_errors(models[0]))
    assert set(models[0]["genes"]) == set(RESIDUES) == {row["gene"] for row in models[1]}


@every_gene
def test_the_coding_sequence_is_as_long_as_the_protein_and_its_stop(genes, symbol):
    assert genes[symbol].coding_length == 3 * (RESIDUES[symbol] + 1)


def test_proteins_are_as_long_as_their_models_say(genes):
    records = (ROOT / "resources/genes/proteins.fa").read_text().split(">")[1:]
    for record in records:
        title, _, letters = record.partition("\n")
        symbol = title.split()[0]
        assert len("".join(letters.split())) == RESIDUES[symbol]
        assert f"{RESIDUES[symbol]} aa" in title


@every_gene
def test_domains_follow_each_other_and_fill_the_protein(models, symbol):
    domains = models[0]["genes"][symbol].get("domains")
    if domains is None:
        return
    parts = domains["items"]
    assert re.search(r"UniProt [A-Z0-9]{6}", domains["source"])
    assert parts[0]["start"] == 1
    assert parts[-1]["end"] == RESIDUES[symbol]
    for before, after in itertools.pairwise(parts):
        assert after["start"] == before["end"] + 1


@every_gene
def test_a_reference_of_the_gene_is_accepted(genes, symbol):
    assert reference_faults(genes[symbol], made_up_reference(genes[symbol])) == []


@pytest.mark.parametrize("symbol", ["CD19", "TP53"])
def test_a_stop_within_the_coding_sequence_is_a_fault(genes, symbol):
    gene, window = genes[symbol], made_up_reference(genes[symbol])
    letters = list(window.sequence)
    for position, base in zip(gene.cds_positions()[30:33], "TAG", strict=True):
        flipped = base if gene.strand == "+" else base.translate(str.maketrans("ACGT", "TGCA"))
        letters[position - window.start] = flipped
    spoilt = ReferenceWindow(window.contig, window.start, "".join(letters))
    assert reference_faults(gene, spoilt) == [f"{symbol}: a stop codon within the coding sequence"]


@every_gene
@pytest.mark.parametrize("shift", [1, -1, 2])
def test_a_reference_shifted_by_a_base_is_refused_for_every_gene(genes, symbol, shift):
    window = made_up_reference(genes[symbol])
    shifted = ReferenceWindow(window.contig, window.start + shift, window.sequence)
    assert len(reference_faults(genes[symbol], shifted)) > MAX_REFERENCE_FAULTS


@every_gene
def test_the_other_strand_and_another_build_are_refused_for_every_gene(genes, symbol):
    gene = genes[symbol]
    window = made_up_reference(gene)
    other = ReferenceWindow(window.contig, window.start, reverse_complement(window.sequence))
    assert len(reference_faults(gene, other)) > MAX_REFERENCE_FAULTS
    rng = random.Random(8)
    build = "".join(rng.choice("ACGT") for _ in window.sequence)
    elsewhere = ReferenceWindow(window.contig, window.start, build)
    assert len(reference_faults(gene, elsewhere)) > MAX_REFERENCE_FAULTS


@every_gene
def test_a_patch_with_a_few_bases_more_within_the_gene_is_refused(genes, symbol):
    gene = genes[symbol]
    window = made_up_reference(gene)
    at = (gene.exons[0].end if gene.strand == "+" else gene.exons[-1].end) + 5 - window.start
    patched = window.sequence[:at] + "ACG" + window.sequence[at:]
    faults = reference_faults(gene, ReferenceWindow(window.contig, window.start, patched))
    assert len(faults) > MAX_REFERENCE_FAULTS


def test_exons_do_not_overlap_and_follow_the_strand(genes):
    for gene in genes.values():
        starts = [exon.start for exon in gene.exons]
        assert starts == sorted(starts, reverse=gene.strand == "-")
        assert [exon.number for exon in gene.exons] == list(range(1, len(gene.exons) + 1))
        for a, b in zip(gene.exons, gene.exons[1:], strict=False):
            assert a.end < b.start if gene.strand == "+" else b.end < a.start


def test_the_exon_table_has_one_row_per_exon():
    with open(ROOT / "resources/genes/exons.tsv", newline="") as file:
        rows = [(row["gene"], row["exon"]) for row in csv.DictReader(file, delimiter="\t")]
    assert len(rows) == len(set(rows))


@pytest.mark.parametrize(
    ("symbol", "exons", "length_nt"),
    [("CD22", (2,), 56), ("CD22", (5, 6), 531), ("CD22", (12,), 119), ("CD33", (2,), 381)],
)
def test_published_exon_events_concern_exons_of_the_stated_length(genes, symbol, exons, length_nt):
    gene = genes[symbol]
    assert exons in [known for known, _ in gene.known_events]
    sizes = [exon.end - exon.start + 1 for exon in gene.exons if exon.number in exons]
    assert sum(sizes) == length_nt


def test_the_isoform_that_counts_otherwise_is_stated_for_cd19(genes):
    (isoform,) = genes["CD19"].other_isoforms
    assert isoform.names == ("ENST00000324662", "NM_001178098")
    # exon 13 begins with c.1487 of ours
    assert (isoform.from_c, isoform.shift_nt) == (1487, 3)
