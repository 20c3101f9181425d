"""Alleles too long for an aligner are found by the clipped ends that they leave."""

import numpy as np
import pytest

from aftercar.io.alignments import read_alignments
from aftercar.sequencing.alleles import Allele, left_align
from aftercar.sequencing.fragments import split_segments
from aftercar.sequencing.genes import ReferenceWindow
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
