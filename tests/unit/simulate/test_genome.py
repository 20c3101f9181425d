"""The synthetic reference codes for the real proteins at the real coordinates."""

import gzip
import itertools

import numpy as np
import pytest

from aftercar.simulate.bgzf import compress
from aftercar.simulate.genome import (
    PLANTED,
    POLYMORPHISMS,
    Locus,
    coding_sequence,
    fasta_pieces,
    left_aligned,
    synthesise,
    translate,
)


@pytest.mark.parametrize(("name", "length"), [("CD19", 556), ("TP53", 393)])
def test_the_coding_sequence_gives_the_real_protein(genes, loci, proteins, name, length):
    coding = coding_sequence(genes[name], loci[name])
    assert len(coding) == 3 * (length + 1)
    assert translate(coding) == proteins[name]


@pytest.mark.parametrize("name", ["CD19", "TP53"])
def test_introns_begin_gt_and_end_ag_on_the_strand_of_the_gene(genes, loci, name):
    gene, locus = genes[name], loci[name]
    exons = sorted((exon[1], exon[2]) for exon in gene.exons)
    for (_, end), (start, _) in itertools.pairwise(exons):
        ends = locus.bases(end + 1, end + 2), locus.bases(start - 2, start - 1)
        assert ends == (("GT", "AG") if gene.strand == "+" else ("CT", "AC"))


def test_reference_alleles_of_polymorphisms_are_the_real_ones(loci):
    by_contig = {locus.contig: locus for locus in loci.values()}
    for contig, position, reference, _ in POLYMORPHISMS.values():
        assert by_contig[contig].bases(position, position) == reference


def test_the_planted_tp53_variant_is_r248q(genes, loci):
    _, first, last, replacement = PLANTED["tp53_r248q"]
    before = translate(coding_sequence(genes["TP53"], loci["TP53"]))
    after = translate(coding_sequence(genes["TP53"], loci["TP53"], {first: replacement}))
    assert first == last == 7674220
    changed = [(a, i, b) for i, (a, b) in enumerate(zip(before, after, strict=True), 1) if a != b]
    assert changed == [("R", 248, "Q")]


def test_the_planted_frameshift_ends_before_the_transmembrane_part(genes, loci):
    _, first, last, _ = PLANTED["cd19_exon2_frameshift"]
    mutant = coding_sequence(genes["CD19"], loci["CD19"], dict.fromkeys(range(first, last + 1), ""))
    assert (last - first + 1) % 3
    assert 89 <= len(translate(mutant)) < 291


@pytest.mark.parametrize(
    ("sequence", "first", "last", "expected"),
    [
        ("GATTTACG", 12, 14, (11, "ATTT", "A")),  # TTT right of A: anchor is the A
        ("GATTTACG", 14, 14, (11, "AT", "A")),  # one T of a run moves to its left end
        ("CAGAGAGT", 15, 16, (10, "CAG", "C")),  # a repeat unit moves as a unit
    ],
)
def test_deletions_are_left_aligned_with_the_base_before(sequence, first, last, expected):
    assert left_aligned(Locus("chr16", 10, sequence), first, last, "") == expected


def test_a_protein_that_does_not_fit_is_refused(genes):
    from dataclasses import replace

    with pytest.raises(ValueError, match="coding bases"):
        synthesise(replace(genes["CD19"], protein="MA"), np.random.default_rng(1))


def test_the_fasta_has_the_locus_at_its_coordinates_and_says_that_it_is_synthetic(loci):
    locus = loci["CD19"]
    text = b"".join(fasta_pieces([locus])).decode()
    header, *lines = text.splitlines()
    assert header.startswith(">chr16 SYNTHETIC")
    assert {len(line) for line in lines[:-1]} == {60}
    sequence = "".join(lines)
    assert len(sequence) == 28_940_000
    assert sequence[locus.start - 1 : locus.start - 1 + len(locus.sequence)] == locus.sequence
    assert set(sequence[: locus.start - 1]) == {"N"}


def test_blocked_gzip_is_gzip_and_repeats():
    pieces = [b"one" * 100_000, b"two"]
    assert gzip.decompress(compress(pieces)) == b"".join(pieces)
    assert compress(pieces) == compress(pieces)
