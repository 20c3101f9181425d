"""Bad files end as FAILED, NOT_ASSESSED or FLAG with found, expected and remedy; never negative."""

import gzip
import os
import shutil
from pathlib import Path

import numpy as np
import pysam
import pytest

from aftercar.io.alignments import (
    AlignmentFileError,
    read_alignments,
    read_references,
)
from aftercar.sequencing.genes import ReferenceWindow
from aftercar.sequencing.specimens import call_specimen, stretches, unassessed_specimen
from aftercar.sequencing.variants import CallSettings

SETTINGS = CallSettings(20, 4, 1e-6, 0.02)
NEGATIVE = {"NOT_DETECTED", "QUANTIFIED"}


@pytest.fixture
def reference(toy, tmp_path):
    """An indexed FASTA of the toy contig."""
    _, window = toy

    def make(sequence=window.sequence, contig="chr16"):
        path = tmp_path / f"{contig}.fa"
        path.write_text(f">{contig}\n{'N' * (window.start - 1)}{sequence}\n")
        pysam.faidx(str(path))
        return path

    return make


@pytest.fixture(scope="module")
def reads_of(toy, conftest_reads):
    _, window = toy

    def make(fragments=1800, seed=3, sequence=None, **options):
        rng = np.random.default_rng(seed)
        haplotype, where = conftest_reads.edited(window.sequence, window.start, [])
        span = (window.start + 330, window.start + 930)
        drawn = conftest_reads.draw_reads(rng, haplotype, where, fragments, span=span, **options)
        return [(f"f{number}", read) for number, read in drawn]

    return make


@pytest.fixture(scope="module")
def good_once(tmp_path_factory, reads_of, conftest_reads):
    return conftest_reads.write_bam(tmp_path_factory.mktemp("good") / "good.bam", reads_of())


@pytest.fixture
def good(tmp_path, good_once):
    copy = Path(shutil.copy(good_once, tmp_path))
    shutil.copy(f"{good_once}.bai", tmp_path)  # no older than its file
    return copy


@pytest.fixture
def rewritten(tmp_path):
    """A copy of a BAM whose reads went through a function and whose header changed."""

    def make(source, change=lambda read: read, header=None, index=True, mode="wb", name="new.bam"):
        path = tmp_path / name
        with pysam.AlignmentFile(str(source)) as old:
            wanted = pysam.AlignmentHeader.from_dict(old.header.to_dict() | (header or {}))
            with pysam.AlignmentFile(str(path), mode, header=wanted) as new:
                for read in old:
                    changed = change(read)
                    if changed is not None and header:
                        changed = pysam.AlignedSegment.from_dict(changed.to_dict(), wanted)
                    if changed is not None:
                        new.write(changed)
        if index:
            pysam.index(str(path))
        return path

    return make


@pytest.fixture
def examine(toy, sheet_row, reference):
    """What the rule does with one specimen: its findings, FAILED where the file is refused."""
    gene, _ = toy
    genes = {"CD19": gene}

    def make(bam, fasta=None, assay="dna"):
        row = sheet_row("s", 1, assay=assay, path="x")

        def fetch(chrom, intervals):
            return read_alignments(bam, chrom, intervals, min_mapping_quality=20)

        try:
            read = read_references(bam, fasta or reference(), stretches(genes))
            windows = {name: ReferenceWindow(*part) for name, part in read.items()}
            return call_specimen(row, genes, windows, fetch, SETTINGS)
        except AlignmentFileError as error:
            return unassessed_specimen(row, genes, "FAILED", str(error), SETTINGS.target_vaf)

    return make


def statuses(found):
    assert found.rows["callability"]
    return {row["status"] for row in found.rows["callability"]}


def told(found, check):
    rows = [row for row in found.rows["quality"] if row["check"] == check]
    assert len(rows) == 1, [row["check"] for row in found.rows["quality"]]
    return rows[0]["verdict"], rows[0]["message"]


def test_a_good_file_is_negative_and_nothing_is_told(examine, good):
    found = examine(good)
    assert statuses(found) == {"NOT_DETECTED"}
    verdicts = {row["check"]: row["verdict"] for row in found.rows["quality"]}
    assert verdicts.pop("samples_in_file") == "NOT_POSSIBLE"  # it has no read groups
    assert set(verdicts.values()) == {"PASS"}


# Files that are refused


def truncated(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def damaged(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF
    path.write_bytes(bytes(data))


def without_index(path):
    path.with_suffix(".bam.bai").unlink()


def text(path):
    content = pysam.view("-h", str(path), catch_stdout=True)
    path.write_text(content)


def not_bam(path):
    path.write_bytes(gzip.compress(b"nothing of that kind"))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (truncated, "truncated BAM"), (damaged, "breaks off"), (without_index, "samtools index"),
        (text, "text file"), (not_bam, "not BAM"), (os.unlink, "not BAM"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)  # fmt: skip
def test_a_spoilt_file_fails_with_its_reason(examine, good, spoil, message):
    spoil(good)
    found = examine(good)
    assert statuses(found) == {"FAILED"}
    verdict, reason = told(found, "readable")
    assert verdict == "FAIL"
    assert message in reason
    assert "good" not in reason  # no message names the file
    for part in ("found ", "expected ", "to mend it: "):
        assert part in reason


def test_a_cram_file_is_to_be_converted(examine, good, reference, tmp_path):
    cram = tmp_path / "reads.cram"
    pysam.view("-C", "-T", str(reference()), "-o", str(cram), str(good), catch_stdout=False)
    pysam.index(str(cram))
    found = examine(cram)
    assert statuses(found) == {"FAILED"}
    assert "CRAM" in told(found, "readable")[1]
    assert "samtools view -b" in told(found, "readable")[1]


def test_the_index_of_another_file_is_refused(examine, good, reads_of, conftest_reads, tmp_path):
    # same header, other reads: only the places of the reads differ
    for name, fragments in (("fewer", 100), ("more", 6000)):
        other = conftest_reads.write_bam(tmp_path / f"{name}.bam", reads_of(fragments, seed=9))
        good.with_suffix(".bam.bai").write_bytes(other.with_suffix(".bam.bai").read_bytes())
        found = examine(good)
        assert statuses(found) == {"FAILED"}
        assert "index of another BAM" in told(found, "readable")[1]


def test_the_own_index_of_either_kind_is_accepted(examine, good, rewritten):
    pysam.index("-c", str(good))
    good.with_suffix(".bam.bai").unlink()
    assert statuses(examine(good)) == {"NOT_DETECTED"}
    good.with_suffix(".bam.csi").write_bytes(b"CSI\1 and no more")
    assert statuses(examine(good)) == {"FAILED"}


def test_an_unsorted_file_is_to_be_sorted(examine, good, rewritten):
    path = rewritten(good, header={"HD": {"VN": "1.6", "SO": "queryname"}}, index=False)
    found = examine(path)
    assert statuses(found) == {"FAILED"}
    assert "samtools sort" in told(found, "readable")[1]


@pytest.mark.parametrize(
    ("contigs", "message"),
    [
        ([("chr16", 90_354_753)], "GRCh37"), ([("16", 90_354_753)], "GRCh37"),
        ([("NC_000016.10", 90_338_345)], "none named like chr16"),
    ],
)  # fmt: skip
def test_another_build_or_other_names_fail(examine, good, rewritten, contigs, message):
    lines = [{"SN": name, "LN": length} for name, length in contigs]
    found = examine(
        rewritten(good, header={"SQ": lines})
        if contigs[0][0] == "chr16"
        else renamed(good, contigs)
    )
    assert statuses(found) == {"FAILED"}
    assert message in told(found, "readable")[1]


def renamed(source, contigs):
    path = source.with_name("renamed.bam")
    with pysam.AlignmentFile(str(source)) as old:
        lines = [{"SN": name, "LN": length} for name, length in contigs]
        header = pysam.AlignmentHeader.from_dict({"HD": {"VN": "1.6"}, "SQ": lines})
        with pysam.AlignmentFile(str(path), "wb", header=header) as new:
            for read in old:
                new.write(
                    pysam.AlignedSegment.from_dict(
                        read.to_dict() | {"ref_name": contigs[0][0]}, header
                    )
                )
    pysam.index(str(path))
    return path


@pytest.mark.parametrize(("bam", "fasta"), [("16", "chr16"), ("chr16", "16"), ("16", "16")])
def test_contigs_with_and_without_chr_are_the_same(examine, good, reference, bam, fasta):
    path = renamed(good, [(bam, 40_000_000)])
    assert statuses(examine(path, reference(contig=fasta))) == {"NOT_DETECTED"}


def test_reads_of_another_build_without_its_lengths_fail_by_their_bases(
    examine, good, reference, toy
):
    _, window = toy
    rng = np.random.default_rng(8)
    # outside start, stop and splice sites, which are checked by themselves, all bases are others
    letters = list(window.sequence)
    for first, last in ((410, 570), (690, 850)):
        letters[first:last] = rng.choice(list("ACGT"), last - first)
    found = examine(good, reference("".join(letters)))
    assert statuses(found) == {"FAILED"}
    verdict, reason = told(found, "mismatch_rate:CD19")
    assert verdict == "FAIL"
    assert "give the FASTA that the reads were aligned to" in reason
    assert found.rows["variants"] == []


# Files without anything usable


def flagged(read, bit):
    read.flag |= bit
    return read


def with_mapping_quality(read, value):
    read.mapping_quality = value
    return read


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda read: flagged(read, 0x400), "duplicate"),
        (lambda read: with_mapping_quality(read, 0), "low mapping quality"),
        (lambda read: flagged(read, 0x200), "not primary"),
        (lambda read: None, ""),
    ],
    ids=["duplicates", "mapping quality 0", "failed", "no reads"],
)
@pytest.mark.parametrize("assay", ["dna", "rna"])
def test_without_usable_reads_nothing_is_assessed(examine, good, rewritten, change, reason, assay):
    found = examine(rewritten(good, change), assay=assay)
    assert statuses(found) == {"NOT_ASSESSED"}
    if reason:  # DNA: both mates of all 1,600, wherever they lie; RNA: those that touch the gene
        reason += " 3600" if assay == "dna" else " 2"
    verdict, message = told(found, "usable_reads:CD19")
    assert verdict == "FLAG"
    assert reason in message
    assert all(reason in row["flags"] for row in found.rows["callability"])
    assert not {row["status"] for row in found.rows["splicing"]} & NEGATIVE
    assert not {row["status"] for row in found.rows["loh"]} & NEGATIVE


def test_a_mapping_quality_of_255_is_used(examine, good, rewritten):
    found = examine(rewritten(good, lambda read: with_mapping_quality(read, 255)))
    assert statuses(found) == {"NOT_DETECTED"}


def test_few_usable_reads_among_many_are_flagged(examine, good, rewritten):
    found = examine(
        rewritten(good, lambda read: flagged(read, 0x400 if int(read.query_name[1:]) % 20 else 0))
    )
    assert told(found, "usable_reads:CD19")[0] == "FLAG"
    assert not statuses(found) & NEGATIVE


@pytest.mark.parametrize(
    ("first", "status"), [(575, "NOT_DETECTED"), (640, "INDETERMINATE")], ids=["whole", "thin edge"]
)
def test_an_exon_without_reads_is_not_assessed_beside_one_with(
    examine, rewritten, reads_of, conftest_reads, tmp_path, toy, first, status
):
    """Exon 2 begins at 691: without reads that begin before 640 its first bases are shallow."""
    _, window = toy
    edge = window.start + first
    deep = conftest_reads.write_bam(tmp_path / "deep.bam", reads_of(2400))
    found = examine(rewritten(deep, lambda read: read if read.reference_start > edge else None))
    rows = {row["exon"]: row for row in found.rows["callability"]}
    assert rows["1"]["status"] == "NOT_ASSESSED"
    assert rows["2"]["status"] == status
    assert (rows["2"]["detectable_vaf"] <= SETTINGS.target_vaf) == (status == "NOT_DETECTED")
    assert rows["all"]["status"] == "INDETERMINATE"


# Files that are used, with a flag


def test_missing_base_qualities_are_told(examine, good, rewritten):
    def bare(read):
        read.query_qualities = None
        return read

    verdict, message = told(examine(rewritten(good, bare)), "base_qualities")
    assert verdict == "FLAG"
    assert "have no base qualities" in message


def test_reads_of_several_samples_are_told_by_number_not_by_name(examine, good, rewritten):
    groups = [{"ID": str(i), "SM": name} for i, name in enumerate(("Miller", "Smith", "Smith"))]
    verdict, message = told(examine(rewritten(good, header={"RG": groups})), "samples_in_file")
    assert verdict == "FLAG"
    assert "2 samples" in message
    assert "Miller" not in message
    one = rewritten(good, header={"RG": groups[1:]}, name="one.bam")
    assert not [r for r in examine(one).rows["quality"] if r["check"] == "samples_in_file"]


def test_mates_with_a_suffix_are_joined(examine, good, rewritten, toy):
    def suffixed(read):
        read.query_name += "/2" if read.is_read2 else "/1"
        return read

    depth = {row["exon"]: row["depth"] for row in examine(good).rows["callability"]}
    found = examine(rewritten(good, suffixed))
    assert {row["exon"]: row["depth"] for row in found.rows["callability"]} == depth


@pytest.mark.parametrize("nameless", [True, False])
def test_mates_that_do_not_share_a_name_are_told(examine, good, rewritten, nameless):
    def renamed_mate(read):
        read.query_name = "*" if nameless else f"{read.query_name}.{int(read.is_read2)}"
        read.next_reference_id, read.next_reference_start = 0, read.reference_start + 20
        return read

    found = examine(rewritten(good, renamed_mate))
    verdict, message = told(found, "read_names")
    assert verdict == "FLAG"
    assert "counts twice" in message
    assert ("3600 reads without name" in message) == nameless
    # reads without a name are not one fragment
    assert min(row["depth_min"] for row in found.rows["callability"]) > 100
