"""Alleles too long for an aligner are found by the clipped ends that they leave."""

import numpy as np
import pytest

from aftercar.contracts.sequencing import VARIANTS
from aftercar.evidence.collect_sequencing import variant_evidence
from aftercar.io.alignments import read_alignments
from aftercar.io.variants import write_variants
from aftercar.report.domains import variant_table
from aftercar.report.numbers import measurement
from aftercar.sequencing.alleles import Allele, left_align
from aftercar.sequencing.fragments import split_segments
from aftercar.sequencing.gene_copies import add_gene_copies
from aftercar.sequencing.genes import ReferenceWindow
from aftercar.sequencing.matched_normals import compare_with_normals
from aftercar.sequencing.specimens import call_specimen
from aftercar.sequencing.variants import CallSettings, call_variants

FIRST = 1_000_001
RNG = np.random.default_rng(31)
REFERENCE = "".join(RNG.choice(list("ACGT"), 3000))
NOVEL = "".join(RNG.choice(list("ACGT"), 130))
SETTINGS = CallSettings(20, 4, 1e-6, 0.02)
SPAN = (FIRST + 600, FIRST + 2400)
LONG = {
    "a deletion of 80": (1000, REFERENCE[1000:1081], REFERENCE[1000]),
    "a deletion of 400": (1000, REFERENCE[1000:1401], REFERENCE[1000]),
    "a deletion of 1300": (800, REFERENCE[800:2101], REFERENCE[800]),
    "a deletion with eight new bases": (900, REFERENCE[900:1301], REFERENCE[900] + "TTGACCAG"),
    "an insertion of 45": (1200, REFERENCE[1200], REFERENCE[1200] + NOVEL[:45]),
    "an insertion of 130": (1200, REFERENCE[1200], REFERENCE[1200] + NOVEL),
    # written behind the copy, as aligners do, which place the first copy on the reference
    "a tandem duplication of 90": (1290, REFERENCE[1290], REFERENCE[1290] + REFERENCE[1201:1291]),
}


def window():
    return ReferenceWindow("chr16", FIRST, REFERENCE)


def wanted():
    mask = np.zeros(len(REFERENCE), dtype=bool)
    mask[1000:1400] = True
    mask[2000:2200] = True
    return mask


def called(path, **options):
    reads = read_alignments(path, "16", [(FIRST, FIRST + 2999)], min_mapping_quality=20)
    return call_variants(split_segments(reads), window(), wanted(), SETTINGS, **options).found


@pytest.mark.parametrize("name", LONG)
def test_a_long_change_whose_reads_are_clipped_is_the_only_call(specimen_bam, name):
    pos, ref, alt = LONG[name]
    planted = (FIRST + pos, ref, alt)
    path = specimen_bam(REFERENCE, FIRST, [([planted], 0.05)], depth=800, span=SPAN, edge=76)
    calls = called(path)
    assert [c.allele for c in calls] == [left_align(Allele(*planted), window())]
    # fragments of a shorter molecule lie more densely, those of a longer one less
    size = SPAN[1] - SPAN[0] + 300
    density = 0.05 * size / (size + len(alt) - len(ref))
    expected = density / (density + 0.95)
    error = (expected * (1 - expected) / calls[0].depth) ** 0.5
    assert calls[0].vaf == pytest.approx(expected, abs=3 * error)


def test_clipped_ends_of_spliced_reads_make_no_deletion_of_introns(specimen_bam):
    planted = (FIRST + 1000, REFERENCE[1000:1401], REFERENCE[1000])
    path = specimen_bam(REFERENCE, FIRST, [([planted], 0.5)], depth=300, span=SPAN, edge=76)
    assert called(path)
    assert called(path, spliced=True) == []


def test_adapters_at_the_ends_of_reads_are_no_insertion(specimen_bam, conftest_reads, tmp_path):
    rng = np.random.default_rng(3)
    adapter = np.frombuffer(b"AGATCGGAAGAGCACACGTCTGAACTCCAGTCAC", dtype=np.uint8)
    haplotype = np.frombuffer(REFERENCE.encode(), dtype=np.uint8)
    reads = []
    for number in range(1500):
        start = 900 + int(rng.integers(0, 400))
        aligned = 150 - int(rng.integers(0, 34))
        bases = np.concatenate([haplotype[start : start + aligned], adapter[: 150 - aligned]])
        cigar = [(0, aligned)] + ([(4, 150 - aligned)] if aligned < 150 else [])
        quality = np.full(150, 37, dtype=np.uint8)
        reads.append((f"f{number}", (FIRST + start - 1, cigar, bases, quality, False, 0)))
    path = conftest_reads.write_bam(tmp_path / "adapters.bam", reads)
    assert called(path) == []


LONGER = "".join(np.random.default_rng(32).choice(list("ACGT"), 200))


@pytest.mark.parametrize("size", [125, 140, 200])
def test_an_insertion_about_as_long_as_a_read_is_called_with_its_fraction(specimen_bam, size):
    planted = (FIRST + 1200, REFERENCE[1200], REFERENCE[1200] + LONGER[:size])
    span = (FIRST + 900, FIRST + 1500)
    path = specimen_bam(REFERENCE, FIRST, [([planted], 0.4)], depth=200, span=span, edge=76)
    calls = called(path)
    assert [c.allele for c in calls] == [left_align(Allele(*planted), window())]
    # fragments of 320 begin at 860 places, on the longer haplotype at more
    molecules = 0.4 * 860 / (860 + size)
    low, high = calls[0].interval
    assert low <= molecules / (molecules + 0.6) <= high


def test_a_copy_longer_than_a_read_is_counted_at_its_junction(conftest_reads, tmp_path):
    first, last = 1151, 1330  # 180 nt that stand twice
    haplotype = REFERENCE[: last + 1] + REFERENCE[first:]
    where = np.concatenate([np.arange(last + 1), np.arange(first, len(REFERENCE))])
    rng = np.random.default_rng(33)
    reads = []
    for number in range(3240):
        copied = number < 1140  # of 3 in 10 molecules, which are longer
        start = int(rng.integers(900, 1780 if copied else 1600))
        bases = np.frombuffer((haplotype if copied else REFERENCE).encode(), dtype=np.uint8)
        bases = bases[start : start + 150]
        at = where[start : start + 150] if copied else np.arange(start, start + 150)
        broken = np.flatnonzero(np.diff(at) != 1)
        kept = int(broken[0]) + 1 if len(broken) else 150
        cigar = [(0, 150)]
        begin = int(at[0])
        if kept < 75:  # an aligner clips the shorter side
            cigar, begin = [(4, kept), (0, 150 - kept)], int(at[kept])
        elif kept < 150:
            cigar = [(0, kept), (4, 150 - kept)]
        quality = np.full(150, 37, dtype=np.uint8)
        reads.append(
            (f"f{number}", (FIRST - 1 + begin, cigar, bases, quality, bool(number % 2), 0))
        )
    calls = called(conftest_reads.write_bam(tmp_path / "copy.bam", reads))
    planted = Allele(FIRST + first - 1, REFERENCE[first - 1], REFERENCE[first - 1 : last + 1])
    assert [c.allele for c in calls] == [left_align(planted, window())]
    low, high = calls[0].interval
    assert low <= 0.3 <= high


@pytest.fixture
def lost_exon(toy, sheet_row, conftest_reads, tmp_path):
    """Findings of captured exons, a tenth of the molecules without exon 2, which end off target."""
    gene, known = toy
    gone = known.start + 630, known.start + 1150
    ref = known.bases(gone[0] - 1, gone[1])
    rng, reads = np.random.default_rng(34), []
    for copies, variants in ((1800, []), (200, [(gone[0] - 1, ref, ref[0])])):
        haplotype, where = conftest_reads.edited(known.sequence, known.start, variants)
        span = (known.start + 1, known.start + 1298)
        drawn = list(conftest_reads.draw_reads(rng, haplotype, where, copies, span=span, edge=76))
        targets = [(known.start + 390, known.start + 590), (known.start + 670, known.start + 870)]
        captured = {
            number
            for number, (start, cigar, *_) in drawn
            for low, high in targets
            if start < high and start + sum(n for op, n in cigar if op in (0, 2, 3)) > low
        }
        reads += [(f"f{copies}:{n}", read) for n, read in drawn if n in captured]
    path = conftest_reads.write_bam(tmp_path / "captured.bam", reads)

    def fetch(chrom, intervals):
        return read_alignments(path, chrom, intervals, min_mapping_quality=20)

    row = sheet_row("S1", 28, path="x")
    return call_specimen(row, {"CD19": gene}, {"CD19": known}, fetch, SETTINGS)


def test_no_fraction_is_told_of_a_lost_exon_whose_breakpoint_lies_off_target(lost_exon):
    (row,) = (row for row in lost_exon.rows["variants"] if len(row["ref"]) > 100)
    assert row["filter"] == "PASS"
    assert row["alt_fragments"] >= 4
    assert row["status"] == "DETECTED_BELOW_LLOQ"
    assert "fraction not known" in row["flags"]
    told = ("vaf", "vaf_low", "vaf_high", "detectable_vaf")
    assert [row[name] for name in told] == [None] * 4


def test_a_call_without_fraction_passes_all_readers(lost_exon, tmp_path):
    compare_with_normals([lost_exon], [], SETTINGS)
    add_gene_copies([lost_exon], SETTINGS)
    (row,) = (row for row in lost_exon.rows["variants"] if len(row["ref"]) > 100)
    assert row["origin"] == "NOT_DETERMINED"
    assert lost_exon.rows["biallelic"][0]["state"] == "NOT_DETERMINED"
    table = VARIANTS.frame(lost_exon.rows["variants"])
    (shown,) = (e for e in variant_evidence(table) if e["measure"] == "lof_variant_vaf")
    assert shown["status"] == "DETECTED_BELOW_LLOQ"
    text = measurement(shown | {"value": None, "limit": None, "unit": "fraction", "lloq": None})
    assert text == "detected, fraction not known"
    (written,) = variant_table([row | {"specimen": "BM"}], tested=True)["rows"]
    assert "no value" in written
    write_variants(tmp_path / "all.vcf", {"S1": [row]}, {"chr16": 40_000_000})
    assert ":DETECTED_BELOW_LLOQ" in (tmp_path / "all.vcf").read_text()
