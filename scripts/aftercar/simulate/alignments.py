"""Reads that know where they come from, and the bytes of a sorted BAM file that holds them."""

from dataclasses import dataclass

import numpy as np

from aftercar.simulate.bgzf import compress

CODE_OF = np.zeros(256, dtype=np.uint8)
for _letter, _code in zip(b"ACGTN", (1, 2, 4, 8, 15), strict=True):
    CODE_OF[_letter] = _code
NUCLEOTIDES = np.frombuffer(b"ACGT", dtype=np.uint8)
MATCH, DELETION, SKIP, SOFT_CLIP = 0, 2, 3, 4
SHORTEST_INTRON = 21  # a shorter jump is a deletion in RNA as well


@dataclass(frozen=True)
class Template:
    """A molecule to read from: letters, the reference position of each (0-based), the contig.

    `gap` is how a long jump between neighbouring positions is written: DELETION or SKIP (intron).
    """

    letters: np.ndarray
    positions: np.ndarray
    contig: int
    gap: int = SKIP

    def breaks(self) -> np.ndarray:
        """Return the indices whose predecessor is not the neighbour on the reference."""
        return np.flatnonzero(np.diff(self.positions) != 1) + 1


@dataclass(frozen=True)
class Batch:
    """Reads of one length with aligned columns; `tags` are fixed-width bytes, one row per read."""

    contig: np.ndarray
    position: np.ndarray
    end: np.ndarray
    letters: np.ndarray
    qualities: np.ndarray
    cigars: np.ndarray  # operations as BAM packs them, padded with -1
    flags: np.ndarray
    mate_position: np.ndarray
    insert: np.ndarray
    names: np.ndarray  # fixed-width bytes
    tags: np.ndarray


def align(
    template: Template, starts: np.ndarray, length: int, shortest_anchor: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return reference position, reference end and CIGAR (padded with -1) of reads.

    A read that reaches less than `shortest_anchor` bases past a jump is not aligned across it:
    past a deletion the bases are clipped, past an intron they run on unspliced, as real aligners
    do. Jumps must be further apart than a read has short anchors.
    """
    breaks = template.breaks()
    low = np.searchsorted(breaks, starts, side="right")
    high = np.searchsorted(breaks, starts + length, side="left")
    padded = np.append(breaks, 10**9)
    left = np.where(high > low, padded[np.minimum(low, len(breaks))] - starts, 0)
    left = np.where(left < shortest_anchor, left, 0)
    low = low + (left > 0)
    right = np.where(high > low, starts + length - padded[np.maximum(high, 1) - 1], 0)
    right = np.where(right < shortest_anchor, right, 0)
    high = high - (right > 0)
    clipped = template.gap == DELETION
    first = template.positions[starts + left] - (0 if clipped else left)
    last = template.positions[starts + length - 1 - right] + (0 if clipped else right)
    jumps = high - low
    cigar = np.full((len(starts), 2 * int(jumps.max(initial=0)) + 3), -1, dtype=np.int64)
    for number in np.unique(jumps):
        rows = np.flatnonzero(jumps == number)
        inner = low[rows, None] + np.arange(number)
        cuts = padded[inner] if number else np.empty((len(rows), 0), dtype=np.int64)
        begin, finish = starts[rows] + left[rows], starts[rows] + length - right[rows]
        edges = np.column_stack([begin, cuts, finish])
        matches = np.diff(edges, axis=1)
        if not clipped:
            matches[:, 0] += left[rows]
            matches[:, -1] += right[rows]
        operations = np.empty((len(rows), 2 * number + 1), dtype=np.int64)
        operations[:, 0::2] = matches << 4 | MATCH
        if number:
            gaps = template.positions[cuts] - template.positions[cuts - 1] - 1
            kind = np.where(gaps < SHORTEST_INTRON, DELETION, template.gap)
            operations[:, 1::2] = gaps << 4 | kind
        cigar[rows, 1 : 2 * number + 2] = operations
        if clipped:
            cigar[rows, 0] = np.where(left[rows] > 0, left[rows] << 4 | SOFT_CLIP, -1)
            cigar[rows, 2 * number + 2] = np.where(
                right[rows] > 0, right[rows] << 4 | SOFT_CLIP, -1
            )
    return first, last + 1, cigar


def read_letters(
    template: Template, starts: np.ndarray, length: int, random: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return letters and base qualities; errors are as frequent as the qualities say."""
    letters = template.letters[starts[:, None] + np.arange(length)]
    draw = random.random(letters.shape, dtype=np.float32)
    late = (np.arange(length) / length) ** 2
    qualities = np.where(draw < 0.01 + 0.03 * late, 12, np.where(draw < 0.06 + 0.06 * late, 25, 37))
    qualities = qualities.astype(np.uint8)
    wrong = random.random(letters.shape, dtype=np.float32) < 10.0 ** (qualities / -10.0)
    letters[wrong] = NUCLEOTIDES[random.integers(0, 4, int(wrong.sum()))]
    return letters, qualities


def bam_bytes(
    contigs: dict[str, int], read_group: str, batches: list[Batch], program: str
) -> bytes:
    """Return a coordinate-sorted BAM; the read group carries the pseudonym only."""
    text = "@HD\tVN:1.6\tSO:coordinate\n"
    text += "".join(f"@SQ\tSN:{name}\tLN:{length}\n" for name, length in contigs.items())
    text += (
        f"@RG\tID:{read_group}\tSM:{read_group}\tPL:SYNTHETIC\n@PG\tID:{program}\tPN:{program}\n"
    )
    header = b"BAM\1" + len(text).to_bytes(4, "little") + text.encode()
    header += len(contigs).to_bytes(4, "little")
    for name, length in contigs.items():
        header += (len(name) + 1).to_bytes(4, "little") + name.encode() + b"\0"
        header += length.to_bytes(4, "little")
    records: list[bytes] = []
    keys: list[np.ndarray] = []
    for batch in batches:
        for rows, content in _records(batch):
            size = content.shape[1]
            raw = content.tobytes()
            records += [raw[i : i + size] for i in range(0, len(raw), size)]
            keys.append(batch.contig[rows].astype(np.int64) << 32 | batch.position[rows])
    joined = np.concatenate(keys) if keys else np.empty(0, dtype=np.int64)
    order = np.argsort(joined, kind="stable")
    return compress([header, b"".join([records[i] for i in order])])


def _records(batch: Batch):
    """Yield rows and their BAM records, one group for each number of CIGAR operations."""
    used = (batch.cigars >= 0).sum(axis=1)
    length = batch.letters.shape[1]
    name_size = batch.names.dtype.itemsize + 1
    for number in np.unique(used):
        rows = np.flatnonzero(used == number)
        layout = np.dtype([
            ("block_size", "<i4"), ("contig", "<i4"), ("position", "<i4"), ("name_size", "u1"),
            ("mapping_quality", "u1"), ("bin", "<u2"), ("operations", "<u2"), ("flag", "<u2"),
            ("length", "<i4"), ("mate_contig", "<i4"), ("mate_position", "<i4"), ("insert", "<i4"),
            ("name", f"S{name_size}"), ("cigar", "<u4", (int(number),)),
            ("letters", "u1", ((length + 1) // 2,)), ("qualities", "u1", (length,)),
            ("tags", f"V{batch.tags.dtype.itemsize}"),
        ])  # fmt: skip
        table = np.zeros(len(rows), dtype=layout)
        table["block_size"] = layout.itemsize - 4
        table["contig"], table["position"] = batch.contig[rows], batch.position[rows]
        table["name_size"], table["mapping_quality"] = name_size, 60
        table["bin"] = _bin(batch.position[rows], batch.end[rows])
        table["operations"], table["flag"], table["length"] = number, batch.flags[rows], length
        paired = batch.flags[rows] & 1 > 0
        table["mate_contig"] = np.where(paired, batch.contig[rows], -1)
        table["mate_position"] = np.where(paired, batch.mate_position[rows], -1)
        table["insert"] = batch.insert[rows]
        table["name"] = batch.names[rows]
        present = batch.cigars[rows] >= 0
        table["cigar"] = batch.cigars[rows][present].reshape(len(rows), number)
        codes = CODE_OF[batch.letters[rows]]
        if length % 2:
            codes = np.column_stack([codes, np.zeros(len(rows), dtype=np.uint8)])
        table["letters"] = codes[:, 0::2] << 4 | codes[:, 1::2]
        table["qualities"] = batch.qualities[rows]
        table["tags"] = batch.tags[rows].view(f"V{batch.tags.dtype.itemsize}")
        yield rows, table.view(np.uint8).reshape(len(rows), layout.itemsize)


def _bin(begin: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Return the bin of the BAI index that a read lies in (SAM specification, section 5.3)."""
    last = end - 1
    answer = np.zeros(len(begin), dtype=np.int64)
    settled = np.zeros(len(begin), dtype=bool)
    for shift, offset in ((14, 4681), (17, 585), (20, 73), (23, 9), (26, 1)):
        same = (begin >> shift == last >> shift) & ~settled
        answer[same] = offset + (begin[same] >> shift)
        settled |= same
    return answer
