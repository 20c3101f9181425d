"""Decode the records of a BAM file in bulk: arrays of many reads, no object per read.

Layout of a record: SAM specification, section 4.2.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from aftercar.contracts.reads import (
    ASSUMED_QUALITY,
    BEST_QUALITY,
    CONSUMES_QUERY,
    CONSUMES_REFERENCE,
    UNKNOWN_LETTER,
)

_FIXED = np.dtype(
    [
        ("contig", "<i4"), ("start", "<i4"), ("name_length", "u1"), ("mapping_quality", "u1"),
        ("bin", "<u2"), ("operations", "<u2"), ("flag", "<u2"), ("length", "<i4"),
        ("mate_contig", "<i4"), ("mate_start", "<i4"), ("template_length", "<i4"),
    ]
)  # fmt: skip
_LETTERS = "=ACMGRSVTWYHKDBN"
_NO_QUALITY = 255
_BYTES = 4_000_000  # decompressed bytes decoded at once
_LONGEST_RECORD = 1 << 28
# Bytes of a value by the type of a tag; Z and H end with a zero, B says its own size.
_TAG_SIZE = np.zeros(256, dtype=np.int64)
for _letter, _size in zip("AcCsSiIf", (1, 1, 1, 2, 2, 4, 4, 4), strict=True):
    _TAG_SIZE[ord(_letter)] = _size
_CODE = np.full(16, UNKNOWN_LETTER, dtype=np.uint8)
for _number, _letter in enumerate("ACGT"):
    _CODE[_LETTERS.index(_letter)] = _number << 6
# two letters of a byte as their two packed codes
_PAIR = np.stack([np.repeat(_CODE, 16), np.tile(_CODE, 16)], axis=1).copy().view(np.uint16)[:, 0]
_QUALITY = np.minimum(np.arange(256), BEST_QUALITY).astype(np.uint8)
_QUALITY[_NO_QUALITY] = ASSUMED_QUALITY


class BrokenRecordsError(ValueError):
    """Bytes that are no BAM records: a damaged file, or an index of another file."""


def raw_record(read, tags: tuple[str, ...]) -> bytes:  # type: ignore[no-untyped-def]
    """Return a pysam read as the bytes of its record, with the named text tags only."""
    sequence = read.query_sequence or ""
    codes = [_LETTERS.index(letter) for letter in sequence.upper()] + [0] * (len(sequence) % 2)
    qualities = read.query_qualities
    name = read.query_name.encode() + b"\0"
    cigar = read.cigartuples or []
    body = struct.pack(
        "<iiBBHHHiiii", read.reference_id, read.reference_start, len(name), read.mapping_quality, 0,
        len(cigar), read.flag, len(sequence), read.next_reference_id, read.next_reference_start,
        read.template_length,
    )  # fmt: skip
    body += name + b"".join(struct.pack("<I", length << 4 | op) for op, length in cigar)
    body += bytes(a << 4 | b for a, b in zip(codes[::2], codes[1::2], strict=True))
    body += bytes([_NO_QUALITY]) * len(sequence) if qualities is None else bytes(qualities)
    for tag in tags:
        if read.has_tag(tag):
            body += f"{tag}Z{read.get_tag(tag)}".encode() + b"\0"
    return struct.pack("<i", len(body)) + body


def record_batches(path: str | Path, offset: int, before: bytes = b"") -> Iterator["Records"]:
    """Yield the records from a virtual offset on, after those of the bytes `before`.

    Raises OSError where the file breaks off and BrokenRecordsError where it holds no records.
    """
    import pysam

    with pysam.BGZFile(str(path), "rb", None) as file:
        file.seek(offset)
        rest = before
        while True:
            block = file.read(_BYTES)
            data = rest + block
            starts, end = _record_starts(data)
            if starts:
                at = np.array(starts)
                yield Records(np.frombuffer(data, dtype=np.uint8), at, np.append(at[1:] - 4, end))
            rest = data[end:]
            if not block:
                if rest:
                    raise BrokenRecordsError("the last record is cut")
                return


def _record_starts(data: bytes) -> tuple[list[int], int]:
    """Offsets behind the size of each whole record, and where the last one ends."""
    starts, at, size_at = [], 0, struct.Struct("<i").unpack_from
    while at + 4 <= len(data):
        (size,) = size_at(data, at)
        if not _FIXED.itemsize < size < _LONGEST_RECORD:
            raise BrokenRecordsError(f"a record of {size} bytes")
        if at + 4 + size > len(data):
            break
        starts.append(at + 4)
        at += 4 + size
    return starts, at


@dataclass(frozen=True, eq=False)
class Records:
    """Records in a buffer: the offset of each, behind its size, and the offset behind it."""

    buffer: np.ndarray
    at: np.ndarray
    stop: np.ndarray

    @cached_property
    def fixed(self) -> np.ndarray:
        """The fields of fixed size: one structured entry per record."""
        found = sliding_window_view(self.buffer, _FIXED.itemsize)[self.at].view(_FIXED)[:, 0]
        sizes = self.stop - self.at
        bases = found["length"].astype(np.int64)
        needed = _FIXED.itemsize + found["name_length"] + 4 * found["operations"].astype(np.int64)
        needed += (bases + 1) // 2 + bases
        if (bases < 0).any() or (needed > sizes).any() or (found["name_length"] == 0).any():
            raise BrokenRecordsError("a record that is shorter than it says")
        return found

    def take(self, which: np.ndarray) -> "Records":
        """Return some of the records (numbers or a mask); they share the buffer."""
        chosen = Records(self.buffer, self.at[which], self.stop[which])
        chosen.__dict__["fixed"] = self.fixed[which]
        return chosen

    @cached_property
    def _cigar_at(self) -> np.ndarray:
        return self.at + _FIXED.itemsize + self.fixed["name_length"]

    @cached_property
    def _sequence_at(self) -> np.ndarray:
        return self._cigar_at + 4 * self.fixed["operations"].astype(np.int64)

    @cached_property
    def _tags_at(self) -> np.ndarray:
        bases = self.fixed["length"].astype(np.int64)
        return self._sequence_at + (bases + 1) // 2 + bases

    @cached_property
    def operations(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Code and length of all CIGAR operations, and the record that each belongs to."""
        count = self.fixed["operations"].astype(np.int64)
        raw = np.zeros(4 * int(count.sum()), dtype=np.uint8)
        offsets = np.cumsum(count) - count
        for size, rows in _by_size(count):
            raw_rows = sliding_window_view(self.buffer, 4 * size)[self._cigar_at[rows]]
            sliding_window_view(raw, 4 * size, writeable=True)[4 * offsets[rows]] = raw_rows
        words = raw.view("<u4")
        owner = np.repeat(np.arange(len(count)), count)
        return (words & 15).astype(np.uint8), (words >> 4).astype(np.int64), owner

    @cached_property
    def reference_length(self) -> np.ndarray:
        """Reference bases that each record spans."""
        op, length, owner = self.operations
        steps = np.where(CONSUMES_REFERENCE[op], length, 0)
        return np.bincount(owner, weights=steps, minlength=len(self.at)).astype(np.int64)

    @cached_property
    def query_length(self) -> np.ndarray:
        """Read bases that the operations of each record speak of."""
        op, length, owner = self.operations
        steps = np.where(CONSUMES_QUERY[op], length, 0)
        return np.bincount(owner, weights=steps, minlength=len(self.at)).astype(np.int64)

    def letters(self) -> np.ndarray:
        """Packed base and quality of all bases of all records, joined (see PackedLetters)."""
        bases = self.fixed["length"].astype(np.int64)
        offsets = np.cumsum(bases) - bases
        packed = np.zeros(int(bases.sum()), dtype=np.uint8)
        for size, rows in _by_size(bases):
            half, at = (size + 1) // 2, self._sequence_at[rows]
            letters = _PAIR[sliding_window_view(self.buffer, half)[at]].view(np.uint8)[:, :size]
            letters |= _QUALITY[sliding_window_view(self.buffer, size)[at + half]]
            if len(rows) == len(bases):
                return letters.reshape(-1)
            sliding_window_view(packed, size, writeable=True)[offsets[rows]] = letters
        return packed

    def without_qualities(self) -> np.ndarray:
        """Mark records that have no base qualities."""
        at = self._tags_at - self.fixed["length"]
        return (self.fixed["length"] > 0) & (self.buffer[at] == _NO_QUALITY)

    def name_hashes(self) -> tuple[np.ndarray, np.ndarray]:
        """Return 64-bit hashes of the names, without /1 and /2 of mates, and who has no name (*).

        Two of a million names meet once in 10^7 files.
        """
        at = self.at + _FIXED.itemsize
        length = self.fixed["name_length"].astype(np.int64) - 1
        last, before = self.buffer[at + length - 1], self.buffer[at + length - 2]
        mate = (length > 2) & (before == ord("/")) & ((last == ord("1")) | (last == ord("2")))
        found = text_hashes(self.buffer, at, length - 2 * mate)
        nameless = (length == 0) | ((length == 1) & (last == ord("*")))
        return found, nameless

    def texts(self, at: np.ndarray, length: np.ndarray) -> list[str]:
        """Return the text at offsets of the buffer, none where the length is negative."""
        data = self.buffer.tobytes()
        ends = (at + np.maximum(length, 0)).tolist()
        return [
            data[a:b].decode("ascii", "replace") for a, b in zip(at.tolist(), ends, strict=True)
        ]

    def text_column(self, at: np.ndarray, length: np.ndarray) -> np.ndarray:
        """Return the bytes at offsets of the buffer as one array of fixed width."""
        width = max(int(length.max(initial=0)), 1)
        table = np.zeros((len(at), width), dtype=np.uint8)
        for size, rows in _by_size(length):
            table[rows, :size] = sliding_window_view(self.buffer, size)[at[rows]]
        return table.view(f"S{width}")[:, 0]

    def text_tags(self, wanted: tuple[str, ...]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Return offset and length of the value of text tags by record; length -1 without it."""
        n = len(self.at)
        found = {tag: (np.zeros(n, np.int64), np.full(n, -1, np.int64)) for tag in wanted}
        keys = {ord(tag[0]) | ord(tag[1]) << 8: tag for tag in wanted}
        zeros = np.flatnonzero(self.buffer == 0)
        row, at, buffer = np.arange(n), self._tags_at.copy(), self.buffer
        while len(row):
            inside = at + 3 < self.stop[row]
            row, at = row[inside], at[inside]
            if not len(row):
                break
            kind = buffer[at + 2]
            key = buffer[at].astype(np.int64) | buffer[at + 1].astype(np.int64) << 8
            at = at + 3
            step = _TAG_SIZE[kind]
            text = (kind == ord("Z")) | (kind == ord("H"))
            if text.any():
                where = np.minimum(np.searchsorted(zeros, at[text]), len(zeros) - 1)
                step[text] = zeros[where] - at[text] + 1
            lists = np.flatnonzero(kind == ord("B"))
            if len(lists):
                count = sliding_window_view(buffer, 4)[at[lists] + 1].copy().view("<u4")[:, 0]
                step[lists] = 5 + _TAG_SIZE[buffer[at[lists]]] * count.astype(np.int64)
            if (step < 1).any():
                raise BrokenRecordsError("a tag of unknown type")
            for code, tag in keys.items():
                here = text & (key == code)
                found[tag][0][row[here]] = at[here]
                found[tag][1][row[here]] = step[here] - 1
            at = at + step
        return found


def _by_size(sizes: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Yield each positive size with the entries that have it."""
    for size in np.unique(sizes).tolist():
        if size > 0:
            yield size, np.flatnonzero(sizes == size)


def text_hashes(buffer: np.ndarray, at: np.ndarray, length: np.ndarray) -> np.ndarray:
    """Return a 64-bit hash of the bytes at each offset (multiply and shift, eight bytes a step)."""
    found = length.astype(np.uint64)
    for size, rows in _by_size(length):
        words = np.zeros((len(rows), -(-size // 8) * 8), dtype=np.uint8)
        words[:, :size] = sliding_window_view(buffer, size)[at[rows]]
        mixed = found[rows]
        for word in words.view("<u8").T:
            mixed = (mixed ^ word) * np.uint64(0x9E3779B97F4A7C15)
            mixed ^= mixed >> np.uint64(29)
            mixed *= np.uint64(0xBF58476D1CE4E5B9)
            mixed ^= mixed >> np.uint64(32)
        found[rows] = mixed
    return found
