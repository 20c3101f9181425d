"""Reads carry what was planted; htslib is the reader."""

import itertools
from collections import Counter

import numpy as np
import pytest

from aftercar.simulate.plan import Reads
from aftercar.simulate.sequencer import barcodes_of, bulk_bam, cell_bam

pysam = pytest.importorskip("pysam")


def opened(tmp_path, content, name="x.bam"):
    path = tmp_path / name
    path.write_bytes(content)
    pysam.index(str(path))
    return pysam.AlignmentFile(str(path))


def library(**changes):
    settings = {"planted": {}, "snps": {}, "exon2_skipping": 0.0} | changes
    return Reads(0, "BM", settings.pop("assay", "dna"), {"CD19": 600, "TP53": 300}, **settings)


def bam(genes, loci, seed=1, **changes):
    return bulk_bam(genes, loci, library(**changes), "P99-x", np.random.default_rng(seed))


def alleles_at(file, contig, position):
    columns = file.count_coverage(contig, position - 1, position, quality_threshold=20)
    return {base: column[0] for base, column in zip("ACGT", columns, strict=True)}


def test_htslib_finds_the_file_sorted_paired_and_under_a_pseudonym(tmp_path, genes, loci):
    file = opened(tmp_path, bam(genes, loci))
    assert file.header.to_dict()["RG"] == [{"ID": "P99-x", "SM": "P99-x", "PL": "SYNTHETIC"}]
    reads = list(file.fetch("chr16"))
    positions = [read.reference_start for read in reads]
    assert positions == sorted(positions)
    mates = {(r.query_name, r.is_read1): r for r in reads}
    for (name, first), read in list(mates.items())[:500]:
        mate = mates[name, not first]
        assert read.next_reference_start == mate.reference_start
        assert read.is_reverse != mate.is_reverse
        assert read.template_length == -mate.template_length
    assert all(read.get_tag("RG") == "P99-x" for read in reads)


def test_every_coding_base_has_about_the_depth_that_was_asked_for(tmp_path, genes, loci):
    file = opened(tmp_path, bam(genes, loci))
    for _, _, _, first, last in genes["CD19"].exons:
        if not first:
            continue
        names = [set() for _ in range(first, last + 1)]
        for read in file.fetch("chr16", first - 1, last):
            start = read.reference_start + 1
            for position in range(max(start, first), min(start + 99, last) + 1):
                names[position - first].add(read.query_name)
        depth = np.array([len(found) for found in names])
        assert 450 < depth.mean() < 700
        assert depth.min() > 350


def test_reads_equal_the_reference_except_for_errors_as_rare_as_their_qualities(
    tmp_path, genes, loci
):
    file, locus = opened(tmp_path, bam(genes, loci)), loci["CD19"]
    wrong = expected = total = 0
    for read in file.fetch("chr16", 28932346, 28932612):
        for inside, outside in read.get_aligned_pairs(matches_only=True):
            wrong += read.query_sequence[inside] != locus.sequence[outside + 1 - locus.start]
            expected += 0.75 * 10 ** (-read.query_qualities[inside] / 10)
            total += 1
    assert total > 100_000
    assert wrong == pytest.approx(expected, rel=0.15)


def test_a_deletion_is_as_frequent_as_planted_and_stands_at_its_place(tmp_path, genes, loci):
    planted = {"cd19_exon2_frameshift": 0.3}
    file = opened(tmp_path, bam(genes, loci, planted=planted, snps={"rs2904880": 0.5}))
    spanning = {}
    for read in file.fetch("chr16", 28932520, 28932540):
        if read.reference_start < 28932515 and read.reference_end > 28932545:
            gaps = [(read.reference_start, n) for op, n in read.cigartuples if op == 2]
            spanning[read.query_name] = spanning.get(read.query_name, False) or bool(gaps)
            if gaps:
                deleted = set(range(28932527, 28932534))
                assert deleted == deleted - set(read.get_reference_positions())
    share = np.mean(list(spanning.values()))
    assert share == pytest.approx(0.3, abs=4 * (0.21 / len(spanning)) ** 0.5)


def test_loss_of_the_other_allele_skews_the_polymorphisms(tmp_path, genes, loci):
    snps = {"rs2904880": 0.875, "rs35979293": 0.875}
    planted = {"cd19_exon2_frameshift": 0.75}
    file = opened(tmp_path, bam(genes, loci, planted=planted, snps=snps))
    counts = alleles_at(file, "chr16", 28933075)
    assert counts["G"] / (counts["C"] + counts["G"]) == pytest.approx(0.875, abs=0.05)


def test_a_homozygous_polymorphism_has_no_reference_reads(tmp_path, genes, loci):
    counts = alleles_at(
        opened(tmp_path, bam(genes, loci, snps={"rs2904880": 1.0})), "chr16", 28933075
    )
    assert counts["G"] > 300
    assert counts["C"] <= 2


def test_tp53_variant_lies_on_the_plus_strand_of_the_contig(tmp_path, genes, loci):
    file = opened(tmp_path, bam(genes, loci, planted={"tp53_r248q": 0.3}))
    counts = alleles_at(file, "chr17", 7674220)
    assert counts["T"] / (counts["C"] + counts["T"]) == pytest.approx(0.3, abs=0.08)


def junctions(file):
    found = Counter()
    for read in file.fetch("chr16"):
        at = read.reference_start
        for operation, length in read.cigartuples:
            if operation == 3:
                found[at + 1, at + length] += 1
            if operation in (0, 2, 3):
                at += length
    return found


@pytest.mark.parametrize(("skipped", "low", "high"), [(0.0, 0.0, 0.0), (0.7, 0.6, 0.8)])
def test_rna_uses_the_junctions_of_the_gene_and_skips_exon_2_as_planted(
    tmp_path, genes, loci, skipped, low, high
):
    found = junctions(opened(tmp_path, bam(genes, loci, assay="rna", exon2_skipping=skipped)))
    exons = [(exon[1], exon[2]) for exon in genes["CD19"].exons]
    real = {(end + 1, start - 1) for (_, end), (start, _) in itertools.pairwise(exons)}
    skip = (28932089, 28932910)
    assert set(found) <= real | {skip}
    included = (found[28932089, 28932345] + found[28932613, 28932910]) / 2
    assert low <= found[skip] / (found[skip] + included) <= high


def test_molecules_of_cells_carry_barcode_umi_and_allele(tmp_path, genes, loci):
    random = np.random.default_rng(2)
    barcodes = barcodes_of(3, random)
    content = cell_bam(
        genes["CD19"], loci["CD19"], "cd19_exon2_frameshift", barcodes,
        np.array([40, 0, 0]), np.array([0, 30, 0]), "P99-cells", random,
    )  # fmt: skip
    umis = {}
    for read in opened(tmp_path, content).fetch():
        deletion = (2, 7) in read.cigartuples
        umis.setdefault(read.get_tag("CB"), {}).setdefault(read.get_tag("UB"), []).append(deletion)
    assert {cell: len(found) for cell, found in umis.items()} == {barcodes[0]: 40, barcodes[1]: 30}
    assert not any(any(seen) for seen in umis[barcodes[0]].values())
    assert sum(any(seen) for seen in umis[barcodes[1]].values()) > 15


def test_the_same_seed_gives_the_same_bytes(genes, loci):
    assert bam(genes, loci, seed=4) == bam(genes, loci, seed=4)
    assert bam(genes, loci, seed=4) != bam(genes, loci, seed=5)
