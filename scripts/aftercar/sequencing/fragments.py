"""From reads to fragments: each DNA or cDNA molecule counts once, whatever covers it."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from aftercar.contracts.growing_columns import GrowingColumns
from aftercar.contracts.reads import (
    ALIGNED,
    CONSUMES_QUERY,
    CONSUMES_REFERENCE,
    REVERSE,
    SKIP,
    AlignedReads,
)
from aftercar.sequencing.genes import Gene, ReferenceWindow

BASES = "ACGT"
CODE = np.full(256, 4, dtype=np.uint8)  # 4: any other letter
CODE[np.frombuffer(BASES.encode(), dtype=np.uint8)] = np.arange(4)
FORWARD_ONLY, REVERSE_ONLY, BOTH_STRANDS = range(3)

# An unspliced end of at most this many nt past an exon edge is an overhang of a spliced molecule;
# the last bases of RNA reads are left out (knowledge of the assay; both are conventions).
RNA_OVERHANG_NT = 8
RNA_READ_END_NT = 5
_CHUNK_BASES = 400_000  # arrays of this size stay in the cache of a core
CHUNK_READS = 200_000  # looked at together


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

    @cached_property
    def fragment(self) -> np.ndarray:
        """Number of the fragment of each segment."""
        return self.reads.fragment[self.read]

    @cached_property
    def reverse(self) -> np.ndarray:
        """Whether each segment is aligned to the reverse strand."""
        return (self.reads.flag[self.read] & REVERSE) > 0

    @cached_property
    def stratum(self) -> np.ndarray:
        """Strand class of each segment: forward, reverse, or both strands of a molecule."""
        if self.reads.strand is None:
            return self.reverse.astype(np.uint8)
        return self.reads.strand[self.read]

    @cached_property
    def aligned_ops(self) -> tuple[np.ndarray, np.ndarray]:
        """Operations that align bases, in order, and where those of each segment begin."""
        size = self.read.dtype
        ops = np.flatnonzero(ALIGNED[self.reads.op]).astype(size)
        owner, first = self.op_segment[ops], np.empty(len(self.read) + 1, dtype=size)
        for begin in range(0, len(first), CHUNK_READS):
            places = np.arange(begin, min(begin + CHUNK_READS, len(first)), dtype=size)
            first[begin : begin + len(places)] = np.searchsorted(owner, places)
        return ops, first

    def aligned_ops_of(self, chosen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Operations that align bases of the chosen segments, and the place of each in `chosen`."""
        ops, first = self.aligned_ops
        count = first[chosen + 1] - first[chosen]
        begin = np.repeat(first[chosen] - (np.cumsum(count) - count), count)
        return ops[begin + np.arange(len(begin))], np.repeat(np.arange(len(chosen)), count)


def split_segments(reads: AlignedReads, gene: Gene | None = None) -> Segments:
    """Cut reads at introns; with `gene` (RNA), leave out overhangs past exons and read ends."""
    size = np.int32 if len(reads.base) < np.iinfo(np.int32).max else np.int64
    ops, most = len(reads.op), len(reads) + int((reads.op == SKIP).sum())
    filled = [np.empty(most if column < 5 else ops, dtype=size) for column in range(9)]
    done = 0
    for first in range(0, len(reads), CHUNK_READS):
        end = min(first + CHUNK_READS, len(reads))
        block = _split_block(reads, first, end)
        block[-1] += done
        op_first = int(reads.op_offset[first])
        for column, values in enumerate(block):
            at = done if column < 5 else op_first
            filled[column][at : at + len(values)] = values
        done += len(block[0])
    segments = Segments(reads, *(values[:done] for values in filled[:5]), *filled[5:])
    return segments if gene is None else _without_overhangs(segments, gene)


def _split_block(reads: AlignedReads, first_read: int, end_read: int) -> list[np.ndarray]:
    """Return the arrays of Segments for some reads, segments numbered from 0."""
    offset = reads.op_offset[first_read : end_read + 1]
    codes, lengths = (values[offset[0] : offset[-1]] for values in (reads.op, reads.op_length))
    op_read = np.repeat(np.arange(first_read, end_read), np.diff(offset))
    of_read = offset - offset[0]
    on_query, on_reference = CONSUMES_QUERY[codes], CONSUMES_REFERENCE[codes]
    op_query = _running(lengths * on_query, op_read - first_read, of_read)
    op_query += reads.base_offset[op_read]
    op_ref = _running(lengths * on_reference, op_read - first_read, of_read)
    op_ref += reads.start[op_read]

    skip = codes == SKIP
    first_of_read = np.zeros(len(codes), dtype=bool)
    first_of_read[of_read[:-1]] = True
    after_skip = np.concatenate([[False], skip[:-1]]) if len(skip) else skip
    op_segment = np.cumsum(first_of_read | after_skip) - 1
    n = int(op_segment[-1]) + 1 if len(op_segment) else 0

    aligned = ALIGNED[codes]
    big = np.iinfo(np.int64).max
    ref_start, ref_end = np.full(n, big), np.full(n, -1)
    query_start, query_end = np.full(n, big), np.full(n, -1)
    used = on_query & ~skip
    np.minimum.at(ref_start, op_segment[aligned], op_ref[aligned])
    np.maximum.at(ref_end, op_segment[aligned], (op_ref + lengths)[aligned])
    np.minimum.at(query_start, op_segment[used], op_query[used])
    np.maximum.at(query_end, op_segment[used], (op_query + lengths)[used])
    read = np.zeros(n, dtype=np.int64)
    read[op_segment] = op_read
    empty = ref_end < 0
    ref_start[empty], ref_end[empty] = 0, 0
    query_start[query_end < 0] = 0
    query_end[query_end < 0] = 0
    return [
        read, ref_start, ref_end, query_start, query_end, op_read, op_ref, op_query, op_segment
    ]  # fmt: skip


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
    ops, row = segments.aligned_ops_of(which)
    offset = position[row] - segments.op_ref[ops]
    begun = offset >= 0  # operations run from left to right: the last one that has begun counts
    offset = np.minimum(offset, segments.reads.op_length[ops] - 1)
    found[row[begun]] = (segments.op_query[ops] + offset)[begun]
    return found


@dataclass(frozen=True, eq=False)
class Pileup:
    """Fragments by strand class, base and position of one window.

    counts[s, b, i]: fragments that show base b (A, C, G, T) at window position i, read on the
    forward strand, the reverse strand or both. The mismatch_* arrays list each fragment that
    differs from the reference; the raw_* arrays list each base that does, before mates are joined:
    its segment, window index and place in `reads.base`. `start` is the 1-based position of index 0.
    """

    start: int
    counts: np.ndarray
    mismatch_fragment: np.ndarray
    mismatch_index: np.ndarray
    mismatch_base: np.ndarray
    mismatch_stratum: np.ndarray
    raw_segment: np.ndarray
    raw_index: np.ndarray
    raw_query: np.ndarray

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
    counts = np.zeros(12 * size, dtype=np.int64)
    reference = CODE[np.frombuffer(window.sequence.encode(), dtype=np.uint8)]
    codes = segments.reads.codes(min_base_quality)
    kept = GrowingColumns(
        mismatch_fragment=segments.fragment.dtype, mismatch_index=np.int32,
        mismatch_base=np.uint8, mismatch_stratum=np.uint8,
    )  # fmt: skip
    raw = GrowingColumns(
        raw_segment=segments.read.dtype, raw_index=np.int32, raw_query=segments.query_start.dtype
    )
    mates = _find_mates(segments)
    for chosen in chunks(segments):
        segment, index, query = aligned_bases(segments, chosen, window, wanted)
        base = codes(query)
        good = base < 4
        if not good.all():
            segment, index, query, base = segment[good], index[good], query[good], base[good]
        differs = np.flatnonzero(base != reference[index])
        raw.add(raw_segment=segment[differs], raw_index=index[differs], raw_query=query[differs])
        for fragment, where, letter, stratum in _observations(
            segments, mates, segment, index, base, window
        ):
            counts += np.bincount(
                (stratum.astype(np.int64) * 4 + letter) * size + where, minlength=12 * size
            )
            differs = np.flatnonzero(letter != reference[where])
            kept.add(
                mismatch_fragment=fragment[differs], mismatch_index=where[differs],
                mismatch_base=letter[differs], mismatch_stratum=stratum[differs],
            )  # fmt: skip
    return Pileup(window.start, counts.reshape(3, 4, size), **kept.arrays(), **raw.arrays())


def chunks(segments: Segments) -> list[np.ndarray]:
    """Return segments in groups of whole fragments with a bounded number of bases."""
    order = _by_fragment(segments)
    if not len(order):
        return []
    bases = np.cumsum((segments.query_end - segments.query_start)[order])
    bases //= _CHUNK_BASES
    group = bases.astype(np.int32)
    del bases
    fragment = segments.fragment[order]
    # a fragment goes with its first segment
    group[1:][fragment[1:] == fragment[:-1]] = 0
    np.maximum.accumulate(group, out=group)
    return np.split(order, np.flatnonzero(np.diff(group)) + 1)


@dataclass(frozen=True, eq=False)
class _Mates:
    """Which segments overlap another one of their fragment.

    `pair` numbers, by segment, the pairs that overlap and are all of their fragment (-1: no such
    pair); row p of `segments` holds the two, low and high their overlap, 0-based half-open.
    `several` marks the segments of fragments with more than two.
    """

    pair: np.ndarray
    several: np.ndarray
    segments: np.ndarray
    low: np.ndarray
    high: np.ndarray


def _by_fragment(segments: Segments) -> np.ndarray:
    return np.argsort(segments.fragment, kind="stable").astype(segments.read.dtype)


def _find_mates(segments: Segments) -> _Mates:
    order = _by_fragment(segments)
    fragment = segments.fragment[order]
    first = np.flatnonzero(np.concatenate([[True], fragment[1:] != fragment[:-1]])[: len(order)])
    count = np.diff(np.append(first, len(order)))
    two = first[count == 2]
    pairs = np.stack([order[two], order[two + 1]], axis=1)
    low = segments.ref_start[pairs].max(axis=1)
    high = segments.ref_end[pairs].min(axis=1)
    overlap = high > low
    pairs, low, high = pairs[overlap], low[overlap], high[overlap]
    pair = np.full(len(order), -1, dtype=order.dtype)
    pair[pairs] = np.arange(len(low))[:, None]
    several = np.zeros(len(order), dtype=bool)
    several[order] = np.repeat(count > 2, count)
    return _Mates(pair, several, pairs, low, high)


def _observations(
    segments: Segments,
    mates: _Mates,
    segment: np.ndarray,
    index: np.ndarray,
    base: np.ndarray,
    window: ReferenceWindow,
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """Yield fragment, window index, base and strand class of observations, in three lots.

    Bases that no other segment of their fragment can cover; those of pairs that overlap; those of
    fragments with more than two segments.
    """
    pair, crowded = mates.pair[segment], mates.several[segment]
    position = index + (window.start - 1)
    both = np.flatnonzero(pair >= 0)
    within = position[both] >= mates.low[pair[both]]
    within &= position[both] < mates.high[pair[both]]
    both = both[within]
    joined = crowded.copy()
    joined[both] = True
    alone = np.flatnonzero(~joined)
    owner = segment[alone]
    yield segments.fragment[owner], index[alone], base[alone], segments.stratum[owner]
    if len(both):
        yield _of_pairs(segments, mates, window, segment[both], position[both], base[both])
    crowd = np.flatnonzero(crowded)
    if len(crowd):
        owner = segment[crowd]
        yield _of_many(
            segments.fragment[owner],
            index[crowd],
            base[crowd],
            segments.stratum[owner],
        )


def _of_pairs(
    segments: Segments,
    mates: _Mates,
    window: ReferenceWindow,
    segment: np.ndarray,
    position: np.ndarray,
    base: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Join the bases of two segments over the stretch that both cover."""
    pair = mates.pair[segment]
    begin, end = int(pair.min()), int(pair.max()) + 1  # pairs are numbered by fragment
    pair -= begin
    pairs, low, high = mates.segments[begin:end], mates.low[begin:end], mates.high[begin:end]
    width = high - low
    before = np.cumsum(width) - width
    cells = int(width.sum())
    shown = np.full((2, cells), 4, dtype=np.uint8)
    shown[(segment == pairs[pair, 1]).astype(np.int8), before[pair] + position - low[pair]] = base
    first, second = shown
    letter, most = np.minimum(first, second), np.maximum(first, second)
    agree = np.flatnonzero((letter < 4) & ((letter == most) | (most == 4)))
    owner = np.repeat(np.arange(len(width)), width)[agree]
    own = segments.stratum[pairs]
    strands = np.where(own[:, 0] == own[:, 1], own[:, 0], BOTH_STRANDS)
    # by who shows the base: only the second, only the first, both
    strands = np.stack([own[:, 1], own[:, 0], strands], axis=1).astype(np.uint8)
    who = np.where(first[agree] == 4, 0, np.where(second[agree] == 4, 1, 2))
    shift = low - (window.start - 1) - before
    return (
        segments.fragment[pairs[:, 0]][owner],
        agree + shift[owner],
        letter[agree],
        strands[owner, who],
    )


def _of_many(
    fragment: np.ndarray, index: np.ndarray, base: np.ndarray, stratum: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Join the bases that any number of segments of a fragment show at a position."""
    order = np.lexsort((index, fragment))
    f, i, b, s = fragment[order], index[order], base[order], stratum[order]
    first = np.flatnonzero(np.concatenate([[True], (f[1:] != f[:-1]) | (i[1:] != i[:-1])]))
    agree = np.minimum.reduceat(b, first) == np.maximum.reduceat(b, first)
    low, high = np.minimum.reduceat(s, first), np.maximum.reduceat(s, first)
    joined = np.where(low == high, low, BOTH_STRANDS).astype(np.uint8)
    return f[first][agree], i[first][agree], b[first][agree], joined[agree]


def aligned_bases(
    segments: Segments, chosen: np.ndarray, window: ReferenceWindow, wanted: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Segment, window index and index into reads.base of each aligned base that may be used."""
    ops, row = segments.aligned_ops_of(chosen)
    owner = chosen[row]
    op_ref, op_query = segments.op_ref[ops], segments.op_query[ops]
    first = np.maximum(segments.ref_start[owner], window.start - 1)
    first = np.maximum(np.maximum(first - op_ref, segments.query_start[owner] - op_query), 0)
    last = np.minimum(segments.ref_end[owner], window.end) - op_ref
    last = np.minimum(last, segments.query_end[owner] - op_query)
    last = np.minimum(last, segments.reads.op_length[ops])
    some = last > first
    owner, op_ref, op_query = owner[some], op_ref[some] - (window.start - 1), op_query[some]
    first, last = first[some], last[some]
    # cut to the first and last wanted position within
    places = np.flatnonzero(wanted)
    next_place = np.append(places, len(wanted))[np.searchsorted(places, op_ref + first)]
    last_place = np.append(-1, places)[np.searchsorted(places, op_ref + last)]
    first, last = next_place - op_ref, last_place + 1 - op_ref
    length = np.maximum(last - first, 0)
    step = np.arange(int(length.sum()))
    begin = first - (np.cumsum(length) - length)
    index = np.repeat(op_ref + begin, length) + step
    query = np.repeat(op_query + begin, length) + step
    segment = np.repeat(owner, length)
    keep = wanted[index]
    if keep.all():
        return segment, index, query
    return segment[keep], index[keep], query[keep]
