"""Reads that nobody here made, and published variants on the real CD19 sequence."""

import csv
import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from aftercar.io.alignments import (
    AlignmentFileError,
    alignment_problems,
    read_alignments,
    read_gene_models,
    read_reference,
    read_references,
)
from aftercar.io.cell_reads import TaggedCells, read_barcodes, read_genotyping_priors
from aftercar.io.tapestri import read_panel
from aftercar.io.variants import read_variants
from aftercar.sequencing.alleles import Allele, left_align
from aftercar.sequencing.cell_rows import Candidate, CellSettings
from aftercar.sequencing.cell_tables import genotype_specimen
from aftercar.sequencing.consequence import predict
from aftercar.sequencing.fragments import pile_up, split_segments
from aftercar.sequencing.genes import ReferenceWindow, build_genes
from aftercar.sequencing.junctions import introns_of, junction_reads
from aftercar.sequencing.listed_names import resolve_names
from aftercar.sequencing.panel_cells import genotype_panel, panel_loci
from aftercar.sequencing.specimens import call_specimen, stretches
from aftercar.sequencing.variants import CallSettings

pytestmark = pytest.mark.real
SETTINGS = CallSettings(20, 4, 1e-6, 0.02)
TRUTH = (
    "201del", "248dup", "259_260insGGGGC", "267_293del", "271_277del", "272_303delinsAGACGT",
    "278dup", "421dup", "488G>T", "515_516insTC", "518_519dup",
)  # fmt: skip


COLUMNS = (
    "sample_id", "patient_id", "day", "specimen", "assay", "path", "panel", "batch", "control_for",
    "infusion_no", "workspace", "reference", "barcodes", "bam", "variants", "labels", "chemistry",
)  # fmt: skip


def sheet_row(**values):
    known = {"sample_id": "s1", "patient_id": "p1", "day": "3", "specimen": "BM", "assay": "dna"}
    return {name: str((known | values).get(name, "")) for name in COLUMNS}


@pytest.fixture(scope="module")
def data(shared_data):
    return shared_data / "sequencing"


@pytest.fixture(scope="module")
def genes():
    return build_genes(*read_gene_models(), ["CD19", "TP53"])


@pytest.fixture(scope="module")
def simulated():
    """The read generator of the unit tests."""
    path = Path(__file__).parents[1] / "unit/sequencing/conftest.py"
    spec = importlib.util.spec_from_file_location("simulated_reads", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def call(genes, bam, fasta, **sheet):
    windows = {
        name: ReferenceWindow(*part)
        for name, part in read_references(bam, fasta, stretches(genes)).items()
    }

    def fetch(chrom, intervals):
        return read_alignments(bam, chrom, intervals, min_mapping_quality=20)

    return call_specimen(sheet_row(**sheet), genes, windows, fetch, SETTINGS)


def truth_rows(data):
    with open(data / "truth/cd19_loss_variants_dev.tsv", newline="") as file:
        return {
            row["hgvs_c_source"].split(":c.")[-1]: row
            for row in csv.DictReader(file, delimiter="\t")
        }


@pytest.fixture(scope="module")
def cd19(data, genes):
    fasta = data / "reference/chr16_Npad_CD19.fa.gz"
    gene = genes["CD19"]
    part = read_reference(fasta, gene.chrom, gene.start - 500, gene.end + 500)
    return gene, ReferenceWindow(*part)


# TP53 RNA


def test_tp53_rna_shows_one_pathogenic_variant_and_one_polymorphism(data, genes):
    found = call(
        genes, data / "tp53_rna/recalibrated.bam",
        data / "reference/GRCh38_chr17_1-7843138.fa.gz", assay="rna",
    )  # fmt: skip
    rows = {row["hgvs_p"]: row for row in found.rows["variants"]}
    assert set(rows) == {"p.E285K", "p.P72R"}
    assert rows["p.E285K"]["tier"] == "T3"
    assert "pathogenic hotspot" in rows["p.E285K"]["flags"]
    assert rows["p.P72R"]["tier"] == "POLYMORPHISM"
    assert {row["filter"] for row in rows.values()} == {"PASS"}
    # CD19 lies on a contig that this reference lacks: not assessed, not negative
    status = {r["status"] for r in found.rows["callability"] if r["gene"] == "CD19"}
    assert status == {"NOT_ASSESSED"}
    # the file was split at introns: it cannot show splicing
    assert {row["status"] for row in found.rows["splicing"]} == {"NOT_ASSESSED"}


@pytest.mark.parametrize(
    ("position", "letter", "quality", "fragments", "of"),
    [(7673767, "T", 20, 64, 64), (7676154, "C", 0, 86, 94), (7676154, "C", 20, 76, 79)],
)
def test_fragments_of_tp53_are_those_counted_by_hand(
    data, genes, position, letter, quality, fragments, of
):
    gene = genes["TP53"]
    fasta = data / "reference/GRCh38_chr17_1-7843138.fa.gz"
    window = ReferenceWindow(*read_reference(fasta, gene.chrom, gene.start, gene.end))
    reads = read_alignments(
        data / "tp53_rna/recalibrated.bam", "17", [(gene.start, gene.end)], min_mapping_quality=20
    )
    everywhere = np.ones(len(window.sequence), dtype=bool)
    pileup = pile_up(split_segments(reads), window, everywhere, min_base_quality=quality)
    here = pileup.counts[:, :, position - window.start].sum(axis=0)
    assert (here["ACGT".index(letter)], here.sum()) == (fragments, of)


# CD19: published variants on the real sequence


@pytest.mark.parametrize("name", TRUTH)
def test_a_published_variant_gets_its_published_name_and_stop(data, cd19, name):
    gene, window = cd19
    row = truth_rows(data)[name]
    allele = Allele(int(row["pos"]), row["ref"], row["alt"])
    assert left_align(allele, window) == allele
    found = predict(gene, allele, window)
    assert found.hgvs_c == f"c.{name}"
    assert str(found.stop_codon or "") == row["ptc_codon"]
    assert (found.loses_transmembrane == "yes") == (row["trunc_before_TM(292)"] == "yes")
    if row["class"] == "frameshift":
        assert found.effect == "frameshift"
        assert found.hgvs_p[3:].startswith(row["first_changed_codon"])
        assert (found.tier, found.nmd_candidate) == ("T1", "yes")


def csq(data, tmp_path, alleles):
    """Class and stop codon by bcftools csq, an independent program, for each allele."""
    lines = ["##fileformat=VCFv4.2", "##contig=<ID=chr16,length=28940000>"]
    lines += ["#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO"]
    lines += [f"chr16\t{a.pos}\t.\t{a.ref}\t{a.alt}\t.\t.\t." for a in sorted(alleles)]
    vcf = tmp_path / "alleles.vcf"
    vcf.write_text("\n".join(lines) + "\n")
    folder = data / "reference"
    # a process of its own: bcftools keeps state between two calls
    code = "import sys, pysam.bcftools; print(pysam.bcftools.csq(*sys.argv[1:]))"
    fasta, gff = folder / "chr16_Npad_CD19.fa.gz", folder / "CD19_ENST00000538922.gff3"
    command = [
        sys.executable,
        "-c",
        code,
        "--local-csq",
        "-f",
        str(fasta),
        "-g",
        str(gff),
        str(vcf),
    ]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = {}
    for line in output.splitlines():
        if line and not line.startswith("#"):
            _, pos, _, ref, alt, _, _, info = line.split("\t")[:8]
            after = info.rsplit(">", 2)[-2].split("|")[0] if info.count(">") > 1 else ""
            stop = None
            if after.endswith("*"):
                digits = "".join(letter for letter in after if letter.isdigit())
                stop = int(digits) + len(after) - len(digits) - 1
            found[Allele(int(pos), ref, alt)] = (info, stop)
    return found


def test_bcftools_csq_gives_every_published_variant_the_same_class(data, cd19, tmp_path):
    gene, window = cd19
    alleles = [Allele(int(r["pos"]), r["ref"], r["alt"]) for r in truth_rows(data).values()]
    found = csq(data, tmp_path, alleles)
    assert len(found) == 14
    for allele, (theirs, stop) in found.items():
        ours = predict(gene, allele, window)
        assert ours.effect in theirs
        assert ours.stop_codon == stop


def test_bcftools_csq_agrees_on_three_hundred_random_changes(data, cd19, tmp_path):
    gene, window = cd19
    rng = np.random.default_rng(7)
    positions = [
        p for p in gene.cds_positions()[6:-30] if (gene.exon_at(p - 6) == gene.exon_at(p + 30))
    ]
    alleles = set()
    while len(alleles) < 300:
        pos = int(rng.choice(positions))
        ref = window.bases(pos, pos + int(rng.choice([0, 0, 1, 2, 3, 6, 11])))
        new = "".join(rng.choice(list("ACGT"), int(rng.choice([1, 1, 2, 3, 4]))))
        if "N" in ref or ref == new:
            continue
        allele = left_align(Allele(pos, ref, new), window)
        # csq loses a base where several are replaced by one: TTC TTA AAA CTC with c.186_188delinsG
        # is TTC TTG ACT C by hand, a stop at codon 62 for csq
        if len(allele.ref) == 1 or len(allele.alt) > 1 or allele.alt == allele.ref[0]:
            alleles.add(allele)
    found = csq(data, tmp_path, alleles)
    assert set(found) == alleles
    for allele, (theirs, stop) in found.items():
        ours = predict(gene, allele, window)
        told = (allele, theirs[:90], ours)
        if ours.effect in ("frameshift", "stop_gained"):
            assert ours.effect in theirs or "stop_gained" in theirs, told
            assert ours.stop_codon == stop, told
        elif ours.effect.startswith("inframe"):
            # csq calls a replacement of several bases feature_truncation or feature_elongation
            assert "inframe" in theirs or "feature_" in theirs, told
            assert stop is None, told
        else:
            assert ours.effect in theirs, told


# RNA overhang


@pytest.mark.parametrize(("assay", "called"), [("rna", False), ("dna", True)])
def test_the_overhang_artefact_is_called_in_dna_and_not_in_spliced_rna(
    data, cd19, simulated, tmp_path, assay, called
):
    gene, window = cd19
    rng = np.random.default_rng(5)
    if assay == "dna":
        haplotype, where = simulated.edited(window.sequence, window.start, [(28932614, "T", "G")])
        drawn = simulated.draw_reads(rng, haplotype, where, 600, span=(28932400, 28932900))
        reads = [(f"f{number}", read) for number, read in drawn]
    else:
        # spliced molecules of exons 2 and 3, whose last bases the aligner left in the intron
        exon2, exon3 = window.bases(28932346, 28932612), window.bases(28932911, 28933114)
        spliced = np.frombuffer((exon2 + exon3).encode(), dtype=np.uint8)
        where = np.concatenate([np.arange(28932346, 28932613), np.arange(28932911, 28933115)])
        reads = []
        for number in range(600):
            past = int(rng.integers(1, 9))  # bases behind the donor, drawn from exon 3
            start = 267 - 100 + past
            bases, quality = spliced[start : start + 100], np.full(100, 37, dtype=np.uint8)
            if number % 3:
                place = (int(where[start]) - 1, [(0, 100)])
            else:
                start = 200
                bases = spliced[start : start + 100]
                place = simulated.cigar_of(where[start : start + 100])
            reads.append((f"f{number}", (*place, bases, quality, False, 0)))
    bam = simulated.write_bam(tmp_path / "reads.bam", reads)
    found = call({"CD19": gene}, bam, data / "reference/chr16_Npad_CD19.fa.gz", assay=assay)
    assert [r["hgvs_c"] for r in found.rows["variants"]] == (["c.355+2T>G"] if called else [])


# Junctions


@pytest.mark.parametrize(("anchor", "junctions"), [(8, 25), (30, 23)])
def test_junction_counts_equal_the_published_ones(data, anchor, junctions):
    folder = data / "junctions"
    reads = read_alignments(
        folder / "test_hcc1395.bam", "1", [(22_300_000, 22_500_000)],
        min_mapping_quality=0, unfiltered=True,
    )  # fmt: skip
    found = junction_reads(introns_of(reads), min_anchor=anchor, min_length=70, max_length=500_000)
    expected = {}
    for line in (folder / f"expected_XS_anchor{anchor}.bed").read_text().splitlines():
        fields = line.split("\t")
        sizes = [int(size) for size in fields[10].split(",")]
        first, last = int(fields[1]) + sizes[0] + 1, int(fields[2]) - sizes[-1]
        expected[first, last] = expected.get((first, last), 0) + int(fields[4])
    assert len(expected) == junctions
    assert found == expected


# Cells


def test_the_vartrix_file_gives_its_published_matrices(data):
    folder = data / "vartrix"
    barcodes = read_barcodes(folder / "barcodes.tsv")
    listed = read_variants(folder / "test.vcf", resolve_names, None)
    reader = TaggedCells(folder / "test.bam", 20)

    tables = genotype_specimen(
        sheet_row(assay="scrna"), barcodes, reader.search,
        [Candidate(*variant) for variant in listed], {}, reader.fetch,
        lambda chrom, first, last: read_reference(folder / "test.fa", chrom, first, last),
        CellSettings(20, 0.1, 0.02, 0.05, read_genotyping_priors()),
    )  # fmt: skip
    cells = tables.genotypes
    assert len(cells) == 4 * 20  # every listed barcode is accounted for
    order = [(chrom, pos) for chrom, pos, _, _ in listed]
    for name, column in (
        ("coverage", "alt_reads"),
        ("coverage_ref", "ref_reads"),
        ("coverage_umi", "alt_umis"),
        ("coverage_ref_umi", "ref_umis"),
    ):
        lines = (folder / f"test_{name}.mtx").read_text().splitlines()[3:]
        expected = {(int(v), int(c)): int(n) for v, c, n in map(str.split, lines) if int(n)}
        found = {
            (order.index((r["chrom"], r["pos"])) + 1, barcodes.index(r["barcode"]) + 1): r[column]
            for r in cells.to_dict("records")
            if r[column]
        }
        assert found == expected
    # consensus codes: 1 reference, 2 alternative, 3 both
    lines = (folder / "test_consensus.mtx").read_text().splitlines()[3:]
    expected = {(int(v), int(c)): int(n) for v, c, n in map(str.split, lines) if int(n)}
    found = {
        (order.index((r["chrom"], r["pos"])) + 1, barcodes.index(r["barcode"]) + 1): code
        for r in cells.to_dict("records")
        if (code := (r["ref_umis"] > 0) + 2 * (r["alt_umis"] > 0))
    }
    assert found == expected
    states = cells[cells["state"] == "MUTANT"]
    assert [(r.chrom, r.barcode) for r in states.itertuples()] == [("2", barcodes[17])]


def test_the_tapestri_file_has_its_published_genotypes(data):
    path = data / "tapestri/Tapestri-1.h5"
    p72r = Candidate("chr17", 7579472, "G", "C")
    panel = read_panel(path, panel_loci([p72r]), 0.7)
    assert (len(panel.barcodes), len(panel.variants), len(panel.covered)) == (1648, 87, 118)
    assert panel.calls.sum(axis=0).tolist() == [69_809, 47_025, 25_424, 1_118]
    number = panel.variants.index(("17", 7579472, "G", "C"))
    assert panel.calls[number].tolist() == [66, 1_097, 485, 0]
    assert panel.build == "GRCh37"
    assert any("DP is 30" in remark for remark in panel.remarks)

    priors = read_genotyping_priors()
    found = genotype_panel(
        sheet_row(assay="scdna"), panel, [], [Candidate("chr16", 28932529, "T", "TG")], [p72r], {},
        CellSettings(20, 0.1, 0.02, 0.05, priors),
    )  # fmt: skip
    # GRCh38 variants are not looked for in coordinates of hg19
    assert [row["status"] for row in found.clones] == ["NOT_ASSESSED", "QUANTIFIED"]
    cells = found.genotypes
    assert len(cells) == 1648
    column = panel.chosen.index(number)
    agrees = {1: ("heterozygous", "mutant"), 2: ("homozygous", "mutant")}
    for genotype, names in agrees.items():
        same = cells["genotype"][panel.genotype[:, column] == genotype].isin(names)
        assert same.mean() > 0.97


# Headers


def test_headers_tell_build_contigs_and_index(data, tmp_path):
    folder = data / "reference"
    assert (
        alignment_problems(
            data / "tp53_rna/recalibrated.bam", folder / "GRCh38_chr17_1-7843138.fa.gz", ["TP53"]
        )
        == []
    )
    (build,) = alignment_problems(data / "junctions/test_hcc1395.bam", None, ["CD19"])
    assert "GRCh37" in build[0]
    (contig,) = alignment_problems(data / "vartrix/test.bam", None, ["CD22"])
    assert "none named like chr19" in contig[0]
    copy = tmp_path / "copy.bam"
    copy.write_bytes((data / "vartrix/test.bam").read_bytes())
    assert "without index" in alignment_problems(copy, None, [])[0][0]
    copy.write_bytes((data / "tp53_rna/recalibrated.bam").read_bytes()[:200_000])
    assert "truncated" in alignment_problems(copy, None, [])[0][0]
    with pytest.raises(AlignmentFileError, match="not BAM"):
        read_alignments(data / "MANIFEST.tsv", "17", [(1, 2)], min_mapping_quality=0)


def test_no_message_names_the_file(data, tmp_path):
    copy = tmp_path / "patient_name.bam"
    copy.write_bytes((data / "tp53_rna/recalibrated.bam").read_bytes()[:200_000])
    for parts in alignment_problems(copy, None, ["TP53"]):
        assert "patient_name" not in " ".join(parts)
