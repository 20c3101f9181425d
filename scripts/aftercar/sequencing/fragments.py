"""From reads to fragments: each DNA or cDNA molecule counts once, whatever covers it."""

from dataclasses import dataclass

import numpy as np

from aftercar.contracts.reads import (
    DELETION,
    EQUAL,
    INSERTION,
    MATCH,
    MISMATCH,
    REVERSE,
    SKIP,
    SOFT_CLIP,
    AlignedReads,
)
from aftercar.sequencing.genes import Gene, ReferenceWindow

BASES = "ACGT"
CODE = np.full(256, 4, dtype=np.uint8)  # 4: any other letter
CODE[np.frombuffer(BASES.encode(), dtype=np.uint8)] = np.arange(4)
FORWARD_ONLY, REVERSE_ONLY, BOTH_STRANDS = range(3)
STRATA = ("forward", "reverse", "both strands")

# An unspliced end of at most this many nt past an exon edge is an overhang of a spliced molecule;
# the last bases of RNA reads are left out (knowledge of the assay; both are conventions).
RNA_OVERHANG_NT = 8
RNA_READ_END_NT = 5
_CHUNK_BASES = 2_000_000


@dataclass(frozen=True, eq=False)
class Segments:
    """Stretches of reads between introns (N operations), one entry per stretch.

    ref_start and ref_end are 0-based, end exclusive, of the aligned part that may be used;
    query_start and query_end index `reads.base` and include soft-clipped ends that may be used.
    op_first and op_last (exclusive) index the CIGAR operations.
    """

    reads: AlignedReads
    read: np.ndarray
    ref_start: np.ndarray
    ref_end: np.ndarray
    query_start: np.ndarray
    query_end: np.ndarray
    op_read: np.ndarray
    op_ref: np.ndarray
    op_query: np.ndarray
    op_segment: np.ndarray

    @property
    def fragment(self) -> np.ndarray:
        """Number of the fragment of each segment."""
        return self.reads.fragment[self.read]

    @property
    def reverse(self) -> np.ndarray:
        """Whether each segment is aligned to the reverse strand."""
        return (self.reads.flag[self.read] & REVERSE) > 0


def split_segments(reads: AlignedReads, gene: Gene | None = None) -> Segments:
    """Cut reads at introns; with `gene` (RNA), leave out overhangs past exons and read ends."""
    count = np.diff(reads.op_offset)
    op_read = np.repeat(np.arange(len(reads)), count)
    on_query = np.isin(reads.op, (MATCH, INSERTION, SOFT_CLIP, EQUAL, MISMATCH))
    on_reference = np.isin(reads.op, (MATCH, DELETION, SKIP, EQUAL, MISMATCH))
    op_query = _running(reads.op_length * on_query, op_read, reads.op_offset)
    op_query += reads.base_offset[op_read]
    op_ref = _running(reads.op_length * on_reference, op_read, reads.op_offset)
    op_ref += reads.start[op_read]

    skip = reads.op == SKIP
    first_of_read = np.zeros(len(reads.op), dtype=bool)
    first_of_read[reads.op_offset[:-1]] = True
    after_skip = np.concatenate([[False], skip[:-1]]) if len(skip) else skip
    op_segment = np.cumsum(first_of_read | after_skip) - 1
    n = int(op_segment[-1]) + 1 if len(op_segment) else 0

    aligned = np.isin(reads.op, (MATCH, EQUAL, MISMATCH))
    big = np.iinfo(np.int64).max
    ref_start, ref_end = np.full(n, big), np.full(n, -1)
    query_start, query_end = np.full(n, big), np.full(n, -1)
    used = on_query & ~skip
    np.minimum.at(ref_start, op_segment[aligned], op_ref[aligned])
    np.maximum.at(ref_end, op_segment[aligned], (op_ref + reads.op_length)[aligned])
    np.minimum.at(query_start, op_segment[used], op_query[used])
    np.maximum.at(query_end, op_segment[used], (op_query + reads.op_length)[used])
    read = np.zeros(n, dtype=np.int64)
    read[op_segment] = op_read
    empty = ref_end < 0
    ref_start[empty], ref_end[empty] = 0, 0
    query_start[query_end < 0] = 0
    query_end[query_end < 0] = 0
    segments = Segments(
        reads, read, ref_start, ref_end, query_start, query_end,
        op_read, op_ref, op_query, op_segment,
    )  # fmt: skip
    return segments if gene is None else _without_overhangs(segments, gene)


def _running(steps: np.ndarray, owner: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Sum of the steps before each one, from the start of its owner."""
    before = np.cumsum(steps) - steps
    return before - before[offsets[:-1]][owner] if len(steps) else before


def _without_overhangs(segments: Segments, gene: Gene) -> Segments:
    """Narrow segments of RNA: no overhang past an exon edge, not the last bases of a read."""
    start, end = segments.ref_start.copy(), segments.ref_end.copy()
    query_start, query_end = segments.query_start.copy(), segments.query_end.copy()
    for exon in gene.exons:
        edge = exon.end  # 0-based, end exclusive
        past = segments.ref_end - edge
        cut = (segments.ref_start < edge) & (past > 0) & (past <= RNA_OVERHANG_NT)
        end[cut] = np.minimum(end[cut], edge)
        edge = exon.start - 1
        before = edge - segments.ref_start
        cut = (segments.ref_end > edge) & (before > 0) & (before <= RNA_OVERHANG_NT)
        start[cut] = np.maximum(start[cut], edge)
    # what was cut on the reference is cut on the read, with the clipped bases beyond
    cut = start > segments.ref_start
    query_start[cut] = _query_at(segments, np.flatnonzero(cut), start[cut])
    cut = end < segments.ref_end
    query_end[cut] = _query_at(segments, np.flatnonzero(cut), end[cut] - 1) + 1
    reads = segments.reads
    first = reads.base_offset[segments.read]
    last = reads.base_offset[segments.read + 1]
    reverse = segments.reverse
    query_start = np.where(reverse, np.maximum(query_start, first + RNA_READ_END_NT), query_start)
    query_end = np.where(reverse, query_end, np.minimum(query_end, last - RNA_READ_END_NT))
    return Segments(
        reads, segments.read, start, end, query_start, query_end,
        segments.op_read, segments.op_ref, segments.op_query, segments.op_segment,
    )  # fmt: skip


def _query_at(segments: Segments, which: np.ndarray, position: np.ndarray) -> np.ndarray:
    """Index of the base aligned to `position`, or to the nearest aligned one before it."""
    found = segments.query_start[which].copy()
    wanted = dict(zip(which.tolist(), range(len(which)), strict=True))
    aligned = np.flatnonzero(np.isin(segments.reads.op, (MATCH, EQUAL, MISMATCH)))
    for op in aligned[np.isin(segments.op_segment[aligned], which)]:
        row = wanted[int(segments.op_segment[op])]
        offset = int(position[row]) - int(segments.op_ref[op])
        if offset >= 0:
            offset = min(offset, int(segments.reads.op_length[op]) - 1)
            found[row] = segments.op_query[op] + offset
    return found


@dataclass(frozen=True, eq=False)
class Pileup:
    """Fragments by strand class, base and position of one window.

    counts[s, b, i]: fragments that show base b (A, C, G, T) at window position i, read on the
    forward strand, the reverse strand or both. The mismatch_* arrays list each fragment that
    differs from the reference. `start` is the 1-based position of index 0.
    """

    start: int
    counts: np.ndarray
    mismatch_fragment: np.ndarray
    mismatch_index: np.ndarray
    mismatch_base: np.ndarray
    mismatch_stratum: np.ndarray

    def depth(self) -> np.ndarray:
        """Fragments with a base at each position."""
        return self.counts.sum(axis=(0, 1))


def pile_up(
    segments: Segments,
    window: ReferenceWindow,
    wanted: np.ndarray,
    *,
    min_base_quality: int,
) -> Pileup:
    """Count fragments by base at the `wanted` positions (a mask over the window).

    Overlapping mates that agree are one observation, on both strands; where they disagree the
    fragment shows nothing.
    """
    size = len(window.sequence)
    counts = np.zeros((3, 4, size), dtype=np.int64)
    reference = CODE[np.frombuffer(window.sequence.encode(), dtype=np.uint8)]
    kept: list[tuple[np.ndarray, ...]] = []
    for chosen in chunks(segments):
        fragment, index, base, stratum = _observations(
            segments, chosen, window, wanted, min_base_quality
        )
        flat = (stratum.astype(np.int64) * 4 + base) * size + index
        counts += np.bincount(flat, minlength=12 * size).reshape(3, 4, size)
        differs = base != reference[index]
        kept.append((fragment[differs], index[differs], base[differs], stratum[differs]))
    joined = [np.concatenate([k[i] for k in kept]) if kept else np.zeros(0, int) for i in range(4)]
    return Pileup(window.start, counts, *joined)


def chunks(segments: Segments) -> list[np.ndarray]:
    """Return segments in groups of whole fragments with a bounded number of bases."""
    order = np.argsort(segments.fragment, kind="stable")
    if not len(order):
        return []
    bases = np.cumsum((segments.query_end - segments.query_start)[order])
    fragment = segments.fragment[order]
    starts_fragment = np.concatenate([[True], fragment[1:] != fragment[:-1]])
    group = bases // _CHUNK_BASES
    # a fragment goes with its first segment
    group = np.maximum.accumulate(np.where(starts_fragment, group, 0))
    return np.split(order, np.flatnonzero(np.diff(group)) + 1)


def _observations(
    segments: Segments,
    chosen: np.ndarray,
    window: ReferenceWindow,
    wanted: np.ndarray,
    min_base_quality: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Fragment, window index, base and strand class of each observation."""
    segment, index, query = aligned_bases(segments, chosen, window, wanted)
    reads = segments.reads
    base = CODE[reads.base[query]]
    good = (reads.quality[query] >= min_base_quality) & (base < 4)
    segment, index, base = segment[good], index[good], base[good]
    fragment = segments.fragment[segment]
    stratum = segments.reverse[segment].astype(np.uint8)
    shared = _sharing(segments, chosen)[segment]
    if not shared.any():
        return fragment, index, base, stratum
    f, i, b, s = fragment[shared], index[shared], base[shared], stratum[shared]
    key = f * np.int64(len(window.sequence)) + i
    order = np.argsort(key, kind="stable")
    key, f, i, b, s = key[order], f[order], i[order], b[order], s[order]
    first = np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]]))
    agree = np.minimum.reduceat(b, first) == np.maximum.reduceat(b, first)
    low, high = np.minimum.reduceat(s, first), np.maximum.reduceat(s, first)
    joined = np.where(low == high, low, BOTH_STRANDS).astype(np.uint8)
    alone = ~shared
    return (
        np.concatenate([fragment[alone], f[first][agree]]),
        np.concatenate([index[alone], i[first][agree]]),
        np.concatenate([base[alone], b[first][agree]]),
        np.concatenate([stratum[alone], joined[agree]]),
    )


def aligned_bases(
    segments: Segments, chosen: np.ndarray, window: ReferenceWindow, wanted: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Segment, window index and index into reads.base of each aligned base that may be used."""
    reads = segments.reads
    is_chosen = np.zeros(len(segments.read), dtype=bool)
    is_chosen[chosen] = True
    ops = np.flatnonzero(
        np.isin(reads.op, (MATCH, EQUAL, MISMATCH)) & is_chosen[segments.op_segment]
    )
    owner = segments.op_segment[ops]
    shift = np.maximum(
        np.maximum(segments.ref_start[owner], window.start - 1) - segments.op_ref[ops],
        segments.query_start[owner] - segments.op_query[ops],
    )
    shift = np.maximum(shift, 0)
    stop = np.minimum(
        np.minimum(segments.ref_end[owner], window.end) - segments.op_ref[ops],
        segments.query_end[owner] - segments.op_query[ops],
    )
    stop = np.minimum(stop, reads.op_length[ops])
    length = np.maximum(stop - shift, 0)
    total = int(length.sum())
    within = (
        np.arange(total) - np.repeat(np.cumsum(length) - length, length) + np.repeat(shift, length)
    )
    index = np.repeat(segments.op_ref[ops] - (window.start - 1), length) + within
    keep = wanted[index]
    index = index[keep]
    segment = np.repeat(owner, length)[keep]
    query = (np.repeat(segments.op_query[ops], length) + within)[keep]
    return segment, index, query


def _sharing(segments: Segments, chosen: np.ndarray) -> np.ndarray:
    """Mark the segments that overlap another one of the same fragment."""
    marked = np.zeros(len(segments.read), dtype=bool)
    order = chosen[np.lexsort((segments.ref_start[chosen], segments.fragment[chosen]))]
    if len(order) < 2:
        return marked
    fragment, start = segments.fragment[order], segments.ref_start[order]
    end = segments.ref_end[order]
    same = fragment[1:] == fragment[:-1]
    # the furthest end so far within the fragment
    span = np.int64(1) << 40
    furthest = np.maximum.accumulate(end + fragment * span) - fragment * span
    hit = same & (start[1:] < furthest[:-1])
    marked[order[1:][hit]] = True
    # who reaches beyond the next start overlaps it
    marked[order[:-1][same & (start[1:] < end[:-1])]] = True
    return marked
