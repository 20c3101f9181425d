"""Reads of one molecule are one observation, and families lower the error rate."""

from functools import cache

import numpy as np
import pytest

from aftercar.io.alignments import read_alignments
from aftercar.sequencing.families import join_families
from aftercar.sequencing.fragments import pile_up, split_segments
from aftercar.sequencing.specimens import call_specimen
from aftercar.sequencing.variants import CallSettings

SETTINGS = CallSettings(20, 4, 1e-6, 0.005)
DUPLICATE = 0x400


def quality(findings, check):
    return next(row for row in findings.rows["quality"] if row["check"] == check)


@pytest.fixture
def examine(toy, sheet_row):
    gene, window = toy

    def make(bam):
        def fetch(chrom, intervals):
            return read_alignments(bam, chrom, intervals, min_mapping_quality=20)

        return call_specimen(
            sheet_row("s", 1, path="x"), {"CD19": gene}, {"CD19": window}, fetch, SETTINGS
        )

    return make


@pytest.fixture(scope="module")
def copied(conftest_reads):
    """Copies of molecules with sequencing errors of 1e-3 each; the first one is no duplicate."""

    def make(rng, molecules, copies, tags):
        """`molecules` are (name, read); `tags` gives the tags of a molecule by its name."""
        for name, (start, cigar, bases, _, reverse, mate) in molecules:
            for copy in range(copies):
                read, scores = bases.copy(), np.full(len(bases), 37, dtype=np.uint8)
                wrong = np.flatnonzero(rng.random(len(read)) < 1e-3)
                for i in wrong:
                    read[i] = rng.choice([b for b in b"ACGT" if b != read[i]])
                flag = {"flag": DUPLICATE} if copy else {}
                yield (
                    f"{name}c{copy}",
                    (start, cigar, read, scores, reverse, mate),
                    flag | tags(name),
                )

    return make


@cache
def barcode_of(name, length=10):
    """The molecular barcode of a molecule, from its name."""
    rng = np.random.default_rng(abs(hash_of(name)))
    return "".join(rng.choice(list("ACGT"), length))


def hash_of(text):
    value = 7
    for letter in text.encode():
        value = (value * 31 + letter) % (2**31)
    return value


@pytest.fixture(scope="module")
def half_percent(toy, conftest_reads, copied, tmp_path_factory):
    """A BAM of 2,600 molecules over a base of which 0.5 % carry a substitution, 4 reads each.

    With the molecular barcode in `tag`, or without one; each is written once.
    """
    _, window = toy
    folder = tmp_path_factory.mktemp("families")

    @cache
    def make(seed, tag=None):
        def tags(name):
            return {tag: barcode_of(name)} if tag else {}

        rng = np.random.default_rng(seed)
        at = window.start + 499
        ref = window.bases(at, at)
        alt = "ACGT"[("ACGT".index(ref) + 1) % 4]
        molecules = []
        for label, variants, count in (("r", [], 2985), ("a", [(at, ref, alt)], 15)):
            haplotype, where = conftest_reads.edited(window.sequence, window.start, variants)
            drawn = conftest_reads.draw_reads(
                rng, haplotype, where, count, span=(at - 20, at + 20), insert=(180, 15), error=2e-6
            )
            molecules += [(f"{label}{number}", read) for number, read in drawn]
        reads = list(copied(rng, molecules, 4, tags))
        return conftest_reads.write_bam(folder / f"{tag}{seed}.bam", reads), (at, ref, alt)

    return make


@pytest.mark.parametrize(("tag", "seed"), [("RX", 1), ("MI", 2)])
def test_a_half_percent_variant_of_families_is_the_only_call(examine, half_percent, tag, seed):
    bam, variant = half_percent(seed, tag)
    found = examine(bam)
    assert [(r["pos"], r["ref"], r["alt"]) for r in found.rows["variants"]] == [variant]
    row = found.rows["variants"][0]
    assert row["vaf_low"] <= 0.005 <= row["vaf_high"]
    assert 13 <= row["alt_fragments"] <= 15  # molecules, not their 60 reads
    molecules = quality(found, "molecules:CD19")
    assert molecules["value"] == pytest.approx(3000, abs=10)
    assert "8.0 reads each" in molecules["message"]


def test_without_barcodes_marked_duplicates_are_left_out(examine, half_percent):
    bam, _ = half_percent(1)
    found = examine(bam)
    assert quality(found, "usable_reads:CD19")["message"] == "left out: duplicate 18000"
    assert max(row["depth"] for row in found.rows["callability"]) <= 3000


def test_the_background_of_families_is_below_that_of_single_reads(toy, half_percent):
    _, window = toy
    wanted = np.ones(len(window.sequence), dtype=bool)

    def rate(*tag):
        bam, _ = half_percent(1, *tag)
        reads = read_alignments(bam, "chr16", [(window.start, window.end)], min_mapping_quality=20)
        pileup = pile_up(
            split_segments(join_families(reads)[0]), window, wanted, min_base_quality=20
        )
        return len(pileup.mismatch_index) / pileup.counts.sum()

    assert rate("RX") < 0.1 * rate()


# Small cases, by hand


LETTERS = "ACGTTGCAAC" * 6


def one_read(letters, start=100, reverse=False, mate=0, cigar=None, scores=30):
    bases = np.frombuffer(letters.encode(), dtype=np.uint8)
    return start, cigar or [(0, len(bases))], bases, np.full(len(bases), scores), reverse, mate


@pytest.fixture
def joined(conftest_reads, tmp_path):
    def make(reads):
        bam = conftest_reads.write_bam(tmp_path / "few.bam", reads)
        found = read_alignments(bam, "chr16", [(1, 10_000)], min_mapping_quality=20)
        return join_families(found)

    return make


def changed(at, letter="G"):
    return LETTERS[:at] + letter + LETTERS[at + 1 :]


@pytest.mark.parametrize(
    ("copies", "shown"),
    [((0, 1), "N"), ((0, 0, 1), "N"), ((0, 0, 0, 1), "A"), ((1, 1, 1), "G"), ((1,), "G")],
)
def test_a_base_counts_where_three_quarters_of_its_family_agree(joined, copies, shown):
    texts = [changed(20) if copy else LETTERS for copy in copies]
    reads = [(f"r{i}", one_read(text), {"MI": "7"}) for i, text in enumerate(texts)]
    consensus, summary = joined(reads)
    assert len(consensus) == summary.molecules == 1
    assert chr(consensus.base[20:21][0]) == shown
    # four reads of quality 30, three for and one against: 60
    if len(copies) == 4:
        assert consensus.quality[20:21][0] == 60


def test_a_better_read_outvotes_a_poor_one(joined):
    reads = [
        ("a", one_read(LETTERS, scores=37), {"MI": "7"}),
        ("b", one_read(changed(20), scores=12), {"MI": "7"}),
    ]
    consensus, _ = joined(reads)
    assert (chr(consensus.base[20:21][0]), consensus.quality[20:21][0]) == ("A", 25)


def test_a_gap_of_one_read_of_a_family_is_no_observation_and_one_of_all_is(joined):
    gap = [(0, 30), (2, 1), (0, 30)]
    plain = ("a", one_read(LETTERS), {"MI": "1"})
    lost = ("b", one_read(LETTERS, cigar=gap), {"MI": "1"})
    consensus, summary = joined([plain, lost])
    assert (len(consensus), summary.disagreeing) == (0, 1)
    consensus, summary = joined([lost, ("c", one_read(LETTERS, cigar=gap), {"MI": "1"})])
    assert consensus.op.tolist() == [0, 2, 0]


def test_reads_are_laid_on_each_other_from_the_end_that_was_read_first(joined):
    # a reverse read trimmed on its left still ends at the same base; so does a clipped one
    whole = ("a", one_read(LETTERS, reverse=True), {"MI": "1"})
    trimmed = ("b", one_read(LETTERS[7:], start=107, reverse=True), {"MI": "1"})
    clipped = ("c", one_read(LETTERS, reverse=True, cigar=[(0, 50), (4, 10)]), {"MI": "1"})
    consensus, summary = joined([whole, trimmed, clipped])
    assert (len(consensus), summary.disagreeing) == (1, 0)
    assert consensus.base[:].tobytes().decode() == LETTERS
    assert consensus.quality[0:1][0] == 60  # two reads of 30
    assert consensus.quality[30:31][0] == 62  # three, at the cap


def test_barcodes_one_mismatch_apart_join_the_frequent_one_of_their_position_only(joined):
    def family(name, barcode, copies, start=100):
        return [
            (f"{name}{i}", one_read(LETTERS, start=start), {"RX": barcode}) for i in range(copies)
        ]

    reads = family("a", "AAAAAA", 5) + family("b", "AAAAAT", 3)  # 5 >= 2 x 3 - 1
    assert joined(reads)[1].molecules == 1
    reads = family("a", "AAAAAA", 4) + family("b", "AAAAAT", 3)  # 4 < 5
    assert joined(reads)[1].molecules == 2
    reads = family("a", "AAAAAA", 9) + family("b", "AAAATT", 1)  # two mismatches
    assert joined(reads)[1].molecules == 2
    # a chain: each goes with the next larger one
    reads = family("a", "AAAAAA", 9) + family("b", "AAAAAT", 3) + family("c", "AAAATT", 1)
    assert joined(reads)[1].molecules == 1
    reads = family("a", "AAAAAA", 5) + family("b", "AAAAAA", 3, start=101)
    assert joined(reads)[1].molecules == 2


def test_both_ends_and_the_barcode_make_a_molecule(joined):
    def pair(name, right):
        return [
            (name, one_read(LETTERS), {"RX": "ACGTAC"}),
            (name, one_read(LETTERS, start=right, reverse=True, mate=1), {"RX": "ACGTAC"}),
        ]

    reads = pair("a", 300) + pair("b", 300) + pair("c", 310)
    consensus, summary = joined(reads)
    assert (summary.molecules, len(consensus)) == (2, 4)
    # a read whose mate was left out goes with the molecule that has its end and barcode
    consensus, summary = joined([*reads, pair("d", 300)[1]])
    assert summary.molecules == 2


def test_both_strands_of_a_molecule_are_one_fragment_of_both_strands(joined):
    top = [("t", one_read(LETTERS), {"MI": "3/A"})]
    bottom = [("b", one_read(LETTERS, mate=1), {"MI": "3/B"})]
    consensus, summary = joined(top + bottom)
    assert (summary.molecules, summary.of_both_strands) == (1, 1)
    assert consensus.strand.tolist() == [2]
    consensus, summary = joined([*top, ("u", one_read(LETTERS), {"MI": "3/A"})])
    assert (summary.of_both_strands, consensus.strand.tolist()) == (0, [0])
    # the two halves of a dual barcode swap between the strands
    consensus, summary = joined(
        [
            ("t", one_read(LETTERS), {"RX": "ACA-TTG"}),
            ("b", one_read(LETTERS, mate=1), {"RX": "TTG-ACA"}),
        ]
    )
    assert (summary.molecules, summary.of_both_strands) == (1, 1)


def test_too_short_barcodes_are_told(joined):
    reads = [
        (f"r{a}{b}", one_read(LETTERS), {"RX": a + b}) for a in "ACGT" for b in ("AC", "GT", "CA")
    ]
    _, summary = joined(reads)
    assert summary.crowded
    assert "underestimated" in str(summary)


def test_reads_without_a_barcode_stay_and_duplicates_among_them_do_not(joined):
    reads = [(f"r{i}", one_read(LETTERS), {"MI": str(i)}) for i in range(4)]
    reads += [("x", one_read(LETTERS)), ("y", one_read(LETTERS), {"flag": DUPLICATE})]
    consensus, summary = joined(reads)
    assert (len(consensus), summary.molecules) == (5, 5)
    assert consensus.dropped == {"duplicate": 1}
