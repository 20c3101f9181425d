"""Write simulated reads as BAM, record by record in one piece of memory (SAM specification 4.2)."""

import struct
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from tests.accuracy.sequenced_reads import Genome, Reads

_BLOCK = 64_000
_FOUR_BITS = np.zeros(256, dtype=np.uint8)
_FOUR_BITS[np.frombuffer(b"ACGTN", dtype=np.uint8)] = (1, 2, 4, 8, 15)
_END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
_GROUP = b"RGZs1\0"
_NAME_NT = 10  # "f" and nine digits


def write_bam(
    path: Path, genome: Genome, reads: Reads | Iterable[Reads], tags: np.ndarray | None = None
) -> Path:
    """Write reads (or parts of them that follow each other) with an index; return the path.

    `tags` (reads, width) are encoded tags, for reads that are given in one part.
    """
    import pysam

    text = (
        "@HD\tVN:1.6\tSO:coordinate\n"
        f"@SQ\tSN:{genome.contig}\tLN:{genome.contig_nt}\n@RG\tID:s1\tSM:s1\n"
    ).encode()
    name = genome.contig.encode() + b"\0"
    header = b"BAM\1" + struct.pack("<i", len(text)) + text
    header += struct.pack("<ii", 1, len(name)) + name + struct.pack("<i", genome.contig_nt)
    with open(path, "wb") as file:
        _write_blocks(file, header)
        for part in [reads] if isinstance(reads, Reads) else reads:
            _write_blocks(file, records(part, tags))
        file.write(_END)
    pysam.index(str(path))
    return path


def _write_blocks(file, content: bytes) -> None:
    view = memoryview(content)
    for start in range(0, len(view), _BLOCK):
        part = view[start : start + _BLOCK]
        squeeze = zlib.compressobj(1, zlib.DEFLATED, -15)
        packed = squeeze.compress(part) + squeeze.flush()
        file.write(
            struct.pack("<4BI2BH2BHH", 31, 139, 8, 4, 0, 0, 255, 6, 66, 67, 2, len(packed) + 25)
        )
        file.write(packed)
        file.write(struct.pack("<II", zlib.crc32(part), len(part)))


def records(reads: Reads, tags: np.ndarray | None = None) -> bytes:
    """Return the records of reads, all of the read group s1, with further encoded tags."""
    count, length = reads.base.shape
    operations = np.diff(reads.op_offset)
    packed = (length + 1) // 2
    group = np.broadcast_to(np.frombuffer(_GROUP, dtype=np.uint8), (count, len(_GROUP)))
    if tags is not None:
        group = np.concatenate([group, tags], axis=1)
    fixed = 36 + _NAME_NT + 1 + packed + length + group.shape[1]
    size = fixed + 4 * operations
    offset = np.concatenate([[0], np.cumsum(size)])
    content = np.zeros(int(offset[-1]), dtype=np.uint8)
    head = np.zeros(
        count,
        dtype=[
            ("block", "<i4"), ("contig", "<i4"), ("pos", "<i4"), ("name", "u1"), ("mapq", "u1"),
            ("bin", "<u2"), ("cigars", "<u2"), ("flag", "<u2"), ("length", "<i4"),
            ("next", "<i4"), ("next_pos", "<i4"), ("span", "<i4"),
        ],
    )  # fmt: skip
    head["block"], head["pos"], head["name"], head["mapq"] = size - 4, reads.start, _NAME_NT + 1, 60
    head["bin"] = _bins(reads.start, reads.end)
    head["cigars"], head["flag"], head["length"] = operations, reads.flag, length
    paired = reads.mate_start >= 0
    head["next"], head["next_pos"] = np.where(paired, 0, -1), reads.mate_start
    span = np.where(paired, np.abs(reads.mate_start - reads.start) + length, 0)
    head["span"] = np.where(reads.flag & 0x10, -span, span)
    digits = (reads.fragment[:, None] // 10 ** np.arange(_NAME_NT - 2, -1, -1)) % 10
    names = np.zeros((count, _NAME_NT + 1), dtype=np.uint8)
    names[:, 0], names[:, 1:-1] = ord("f"), ord("0") + digits
    code = _FOUR_BITS[reads.base]
    if length % 2:
        code = np.concatenate([code, np.zeros((count, 1), dtype=np.uint8)], axis=1)
    tail = [(code[:, ::2] << 4) | code[:, 1::2], reads.quality, group]
    front = np.concatenate([head.view(np.uint8).reshape(count, -1), names], axis=1)
    back = np.concatenate(tail, axis=1)
    for number in np.unique(operations):
        rows = np.flatnonzero(operations == number)
        at = reads.op_offset[rows][:, None] + np.arange(number)
        cigar = (reads.op_length[at].astype("<u4") << 4) | reads.op[at]
        cigar = np.ascontiguousarray(cigar.astype("<u4")).view(np.uint8).reshape(len(rows), -1)
        whole = np.concatenate([front[rows], cigar, back[rows]], axis=1)
        content[offset[rows][:, None] + np.arange(whole.shape[1])] = whole
    return content.tobytes()


def _bins(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Return the bin of the index (SAM specification, 5.3)."""
    last = np.maximum(end, start + 1) - 1
    found = np.zeros(len(start), dtype=np.int64)
    for shift, first in ((26, 1), (23, 9), (20, 73), (17, 585), (14, 4681)):
        same = start >> shift == last >> shift
        found = np.where(same, first + (start >> shift), found)
    return found
