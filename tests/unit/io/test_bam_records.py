"""Records decoded in bulk are what pysam reads one by one."""

import array

import numpy as np
import pysam
import pytest

from aftercar.io.alignments import AlignmentFileError, read_alignments
from aftercar.io.bam_records import raw_record, record_batches

OPERATIONS = {
    60: [[(0, 60)], [(4, 7), (0, 53)], [(0, 20), (2, 5), (0, 30), (4, 10)], [(7, 30), (8, 30)]],
    61: [[(0, 30), (3, 900), (0, 31)], [(5, 9), (0, 60), (1, 1)]],
    7: [[(0, 7)]],
}


def write_reads(path, number=400, contigs=2, step=10):
    """Reads of many shapes: odd lengths, every letter, missing qualities, tags of all types."""
    rng = np.random.default_rng(5)
    header = pysam.AlignmentHeader.from_references(["chr1", "chr2"], [1_000_000, 1_000_000])
    with pysam.AlignmentFile(str(path), "wb", header=header) as bam:
        for contig in range(contigs):
            for i in range(number):
                length = int(rng.choice([60, 61, 7]))
                read = pysam.AlignedSegment(header)
                read.query_name = f"read{contig}:{i // 2}" + "x" * (i % 13)
                letters = "ACGTN" if i % 3 else "ACGTRYKM"
                read.query_sequence = "".join(rng.choice(list(letters), length))
                if i % 10:
                    values = rng.integers(2, 60, length).astype(np.uint8)
                    read.query_qualities = array.array("B", values.tobytes())
                read.reference_id = contig
                read.reference_start = 1000 + i * step + (100_000 if 2 * i > number else 0)
                shapes = OPERATIONS[length]
                read.cigartuples = shapes[i % len(shapes)]
                read.mapping_quality = int(rng.choice([0, 19, 20, 60]))
                read.flag = int(rng.choice([0, 16, 99, 147, 0x400, 0x100, 0x800, 0x200, 1040]))
                read.set_tag("NM", int(rng.integers(0, 100_000)))
                read.set_tag("XA", "A", "A")
                read.set_tag("XF", 0.5)
                read.set_tag("ZB", array.array("i", [1, 0, 3]))
                if i % 2:
                    read.set_tag("CB", f"CELL{i % 4}-1")
                if i % 4:
                    read.set_tag("UB", "ACGT" * (i % 3) + "A")
                bam.write(read)
    return path


@pytest.fixture
def bam(tmp_path):
    path = write_reads(tmp_path / "reads.bam")
    pysam.index(str(path))
    return path


# touching, overlapping, empty, and so far apart that the index is asked again
INTERVALS = [(1, 1500), (1400, 1700), (2301, 2310), (90_000, 90_010), (103_100, 104_400)]


def expected_reads(path, contig, intervals, min_quality, unused):
    with pysam.AlignmentFile(str(path)) as file:
        for read in file.fetch(contig):
            here = any(
                read.reference_start < b and read.reference_end > a - 1 for a, b in intervals
            )
            if here and not read.flag & unused and read.mapping_quality >= min_quality:
                yield read


@pytest.mark.parametrize("contig", ["chr1", "chr2"])
def test_reads_are_those_of_pysam(bam, contig):
    found = read_alignments(bam, contig, sorted(INTERVALS), min_mapping_quality=20)
    expected = list(expected_reads(bam, contig, INTERVALS, 20, 0xF04))
    assert len(found) == len(expected) > 40
    names = {}
    for i, read in enumerate(expected):
        bases = slice(found.base_offset[i], found.base_offset[i + 1])
        ops = slice(found.op_offset[i], found.op_offset[i + 1])
        assert found.start[i] == read.reference_start
        assert found.flag[i] == read.flag
        assert found.fragment[i] == names.setdefault(read.query_name, len(names))
        assert list(zip(found.op[ops], found.op_length[ops], strict=True)) == read.cigartuples
        letters = "".join(c if c in "ACGT" else "N" for c in read.query_sequence)
        assert found.base[bases].tobytes().decode() == letters
        qualities = read.query_qualities or [30] * len(letters)
        assert found.quality[bases].tolist() == [
            0 if c == "N" else q for c, q in zip(letters, qualities, strict=True)
        ]


def test_reads_left_out_are_counted_by_reason(bam):
    found = read_alignments(bam, "chr1", [(1, 1_000_000)], min_mapping_quality=20)
    expected = {}
    with pysam.AlignmentFile(str(bam)) as file:
        for read in file.fetch("chr1"):
            if read.flag & 0xB04:
                reason = "not primary"
            elif read.is_duplicate:
                reason = "duplicate"
            else:
                reason = "low mapping quality" if read.mapping_quality < 20 else ""
            if reason:
                expected[reason] = expected.get(reason, 0) + 1
    assert found.dropped == expected
    assert len(found) + sum(expected.values()) == 400


def test_cells_and_molecules_are_those_of_the_tags(bam):
    cells = {"CELL1-1": 0, "CELL3": 1}
    found = read_alignments(bam, "chr1", [(1, 1_000_000)], min_mapping_quality=20, barcodes=cells)
    expected = []
    for read in expected_reads(bam, "chr1", [(1, 1_000_000)], 20, 0xB04):
        if read.has_tag("CB") and read.get_tag("CB") in cells:
            molecule = read.get_tag("UB") if read.has_tag("UB") else "name:" + read.query_name
            expected.append((cells[read.get_tag("CB")], molecule))
    assert found.cell.tolist() == [cell for cell, _ in expected]
    numbers = {}
    assert found.molecule.tolist() == [numbers.setdefault(m, len(numbers)) for m in expected]


def test_a_read_written_as_bytes_is_the_record_of_the_file(bam):
    with pysam.AlignmentFile(str(bam)) as file:
        offset = file.tell()
        raw = b"".join(raw_record(read, ("CB", "UB")) for read in file)
        end = file.tell()
    ours, theirs = (
        list(record_batches(bam, at, before)) for at, before in ((end, raw), (offset, b""))
    )
    for a, b in zip(ours, theirs, strict=True):
        for field in ("contig", "start", "mapping_quality", "flag", "length", "template_length"):
            assert a.fixed[field].tolist() == b.fixed[field].tolist()
        assert a.letters().tolist() == b.letters().tolist()
        assert a.name_hashes()[0].tolist() == b.name_hashes()[0].tolist()
        for tag in ("CB", "UB"):
            assert a.texts(*a.text_tags((tag,))[tag]) == b.texts(*b.text_tags((tag,))[tag])


def test_the_index_of_another_file_is_refused_where_it_points_at_no_record(bam, tmp_path):
    other = write_reads(tmp_path / "other.bam", number=5000)
    pysam.index(str(other))
    bam.with_suffix(".bam.bai").write_bytes(other.with_suffix(".bam.bai").read_bytes())
    with pytest.raises(AlignmentFileError, match="its own index"):
        read_alignments(bam, "chr2", [(150_000, 250_000)], min_mapping_quality=20)


def test_a_damaged_block_is_refused_and_closing_the_file_raises_nothing_else(bam):
    damaged = bytearray(bam.read_bytes())
    damaged[len(damaged) // 2] ^= 0xFF
    bam.write_bytes(bytes(damaged))
    with pytest.raises(AlignmentFileError, match="breaks off"):
        read_alignments(bam, "chr2", [(1, 1_000_000)], min_mapping_quality=20)
