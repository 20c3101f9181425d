"""Which of several haplotypes a read supports, by comparing likelihoods over a window."""

from dataclasses import dataclass

import numpy as np

from aftercar.contracts.reads import DELETION, EQUAL, INSERTION, MATCH, MISMATCH
from aftercar.sequencing.alleles import Allele, placements
from aftercar.sequencing.fragments import BOTH_STRANDS, Segments
from aftercar.sequencing.genes import ReferenceWindow

FLANK_NT = 40
# ln likelihood ratio that a read must give before it counts: two good bases, so that no single
# sequencing error decides. Base qualities are capped: errors of the PCR are not in them.
DECISIVE = 9.2
MAX_QUALITY = 30
# A read that differs more than this from the best haplotype belongs to none.
MAX_MISMATCH_SHARE = 0.15
# Share of reads that end in letters of an adapter or of another place: a clipped end speaks for a
# haplotype only as far as that explains it better than random letters do (a convention).
FOREIGN_END_SHARE = 0.01
RANDOM_LETTER = float(np.log(0.25))
# Clipped bases that outweigh a foreign end: DECISIVE and the rarity of such ends by the letter.
DECISIVE_END_NT = int(np.ceil((DECISIVE + np.log(FOREIGN_END_SHARE)) / -RANDOM_LETTER))
OTHER_GAP = float(np.log(1e-4))  # a gap that no haplotype has: an error of the polymerase
_CHUNK_READS = 10_000


@dataclass(frozen=True)
class Region:
    """Where haplotypes differ: 0-based half-open event span, and the window around it."""

    event_start: int
    event_end: int
    window_start: int
    window_end: int


def region_of(alleles: list[Allele], window: ReferenceWindow) -> Region:
    """Return the span of all placements of all alleles, and a window with flanks around it."""
    starts, ends = [], []
    for allele in alleles:
        places = placements(allele, window)
        starts.append(places[0].start - 1)
        ends.append(max(places[-1].end, places[-1].start - 1))
    first, last = min(starts), max(ends)
    return Region(
        first,
        last,
        max(first - FLANK_NT, window.start - 1),
        min(last + FLANK_NT, window.end),
    )


def haplotypes(alleles: list[Allele], region: Region, window: ReferenceWindow) -> list[str]:
    """Return the reference and each allele, written over the window of the region."""
    reference = window.bases(region.window_start + 1, region.window_end)
    written = [reference]
    for allele in alleles:
        offset = allele.pos - 1 - region.window_start
        written.append(reference[:offset] + allele.alt + reference[offset + len(allele.ref) :])
    return written


def likelihoods(
    segments: Segments, region: Region, sequences: list[str]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the segments over the region, their ln likelihoods by haplotype, and whether they fit.

    Each segment is laid without gaps on each haplotype, anchored at the aligned base next to the
    event on its left or on its right, whichever fits better. Soft-clipped bases take part. `fits`
    marks segments that differ little from their best haplotype. Errors: Phred, a third per base.
    """
    overlap = np.flatnonzero(
        (segments.ref_start <= region.event_end) & (segments.ref_end >= region.event_start)
    )
    found, fits = [], []
    for start in range(0, len(overlap), _CHUNK_READS):
        part = overlap[start : start + _CHUNK_READS]
        scores, good = _score(segments, part, region, sequences)
        found.append(scores)
        fits.append(good)
    if not found:
        return overlap, np.zeros((0, len(sequences))), np.zeros(0, dtype=bool)
    return overlap, np.concatenate(found), np.concatenate(fits)


def _anchors(
    segments: Segments, part: np.ndarray, region: Region
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Aligned position and read index next to the event, left and right; position -1: none."""
    ops, rows = _aligned_ops(segments, part)
    start = np.maximum(segments.op_ref[ops], segments.ref_start[part][rows])
    end = np.minimum(
        segments.op_ref[ops] + segments.reads.op_length[ops], segments.ref_end[part][rows]
    )
    left = np.full(len(part), -1, dtype=np.int64)
    left_query = np.zeros(len(part), dtype=np.int64)
    right, right_query = left.copy(), left_query.copy()
    # operations run from left to right: the last one that begins before the event is nearest
    # and beyond the window, behind another gap, there is nothing to lay it on
    usable = (start < end) & (start < region.event_start) & (end > region.window_start)
    position = np.minimum(end, region.event_start)[usable] - 1
    left[rows[usable]] = position
    left_query[rows[usable]] = (segments.op_query[ops] - segments.op_ref[ops])[usable] + position
    usable = (start < end) & (end > region.event_end) & (start < region.window_end)
    usable = np.flatnonzero(usable)[::-1]
    position = np.maximum(start, region.event_end)[usable]
    right[rows[usable]] = position
    right_query[rows[usable]] = (segments.op_query[ops] - segments.op_ref[ops])[usable] + position
    return left, left_query, right, right_query


def _ops(segments: Segments, part: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """CIGAR operations of the segments `part`, left to right, and the row of each."""
    first = np.searchsorted(segments.op_segment, part)
    count = np.searchsorted(segments.op_segment, part, side="right") - first
    rows = np.repeat(np.arange(len(part)), count)
    return np.repeat(first - (np.cumsum(count) - count), count) + np.arange(len(rows)), rows


def _aligned_ops(segments: Segments, part: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    ops, rows = _ops(segments, part)
    aligned = np.isin(segments.reads.op[ops], (MATCH, EQUAL, MISMATCH))
    return ops[aligned], rows[aligned]


def _score(
    segments: Segments, part: np.ndarray, region: Region, sequences: list[str]
) -> tuple[np.ndarray, np.ndarray]:
    left, left_query, right, right_query = _anchors(segments, part, region)
    width = region.window_end - region.window_start
    longest = max(len(sequence) for sequence in sequences)
    low, high = segments.query_start[part], segments.query_end[part]
    from_left = left_query - (left - region.window_start)
    from_right = right_query + (region.window_end - right)
    # without an anchor on one side the read ends there, or is clipped
    first = np.where(left >= 0, from_left, np.where(right >= 0, from_right - longest, high))
    last = np.where(right >= 0, from_right, np.where(left >= 0, from_left + longest, low))
    first, last = np.maximum(first, low), np.minimum(last, high)
    last = np.minimum(last, first + 2 * longest + width)
    size = np.maximum(last - first, 0)
    steps = np.arange(int(size.max()) if len(size) else 0)
    query = first[:, None] + steps
    inside = steps < size[:, None]
    query = np.where(inside, query, 0)
    base = segments.reads.base[query]
    quality = np.minimum(segments.reads.quality[query], MAX_QUALITY).astype(np.float32)
    error = np.power(np.float32(10), -np.maximum(quality, 2) / 10)
    matched, missed = np.log1p(-error), np.log(error / 3)
    ends = _clipped_ends(segments, part, query)
    scores = np.full((len(part), len(sequences)), -np.inf)
    mismatches = np.full((len(part), len(sequences)), np.inf)
    for number, sequence in enumerate(sequences):
        letters = np.frombuffer(sequence.encode(), dtype=np.uint8)
        for has, index in (
            (left >= 0, query - from_left[:, None]),
            (right >= 0, query - from_right[:, None] + len(letters)),
        ):
            on = inside & (index >= 0) & (index < len(letters)) & has[:, None]
            letter = letters[np.clip(index, 0, len(letters) - 1)]
            on &= (letter != ord("N")) & (base != ord("N"))
            same = letter == base
            gain = np.where(on, np.where(same, matched, missed), 0)
            score, compared = gain.sum(axis=1), on.sum(axis=1)
            wrong = (on & ~same).sum(axis=1)
            for rows, clipped in ends:
                there = on[rows] & clipped
                own, size = np.where(clipped, gain[rows], 0).sum(axis=1), there.sum(axis=1)
                foreign = size * RANDOM_LETTER + np.log(FOREIGN_END_SHARE)
                is_foreign = (size > 0) & (foreign > own)
                score[rows] += np.where(is_foreign, foreign - own, 0)
                compared[rows] -= np.where(is_foreign, size, 0)
                wrong[rows] -= np.where(is_foreign, (there & ~same[rows]).sum(axis=1), 0)
            better = has & (score > scores[:, number])
            scores[better, number] = score[better]
            mismatches[better, number] = (wrong / np.maximum(compared, 1))[better]
    anchored = (left >= 0) | (right >= 0)
    scores[~anchored] = 0
    best = mismatches[np.arange(len(part)), scores.argmax(axis=1)]
    elsewhere = _explained_elsewhere(segments, part, region, scores.max(axis=1), sequences[0])
    return scores, anchored & (best <= MAX_MISMATCH_SHARE) & ~elsewhere


def _explained_elsewhere(
    segments: Segments, part: np.ndarray, region: Region, best: np.ndarray, reference: str
) -> np.ndarray:
    """Say which segments carry another gap, which explains them better than any haplotype does.

    A read that lost a base beside an event is shifted from there on: laid on a haplotype with the
    event it may differ less than on the reference, and yet it is no proof of the event.
    """
    ops, rows = _ops(segments, part)
    reads = segments.reads
    code, length = reads.op[ops], reads.op_length[ops]
    start = segments.op_ref[ops]
    gap = np.isin(code, (INSERTION, DELETION))
    gap &= (start >= region.window_start) & (start <= region.window_end)
    gapped = np.unique(rows[gap])
    found = np.zeros(len(part), dtype=bool)
    if not len(gapped):
        return found
    score = np.full(len(part), 0.0)
    np.add.at(score, rows[gap], OTHER_GAP)
    inserted = gap & (code == INSERTION)
    np.add.at(score, rows[inserted], length[inserted] * RANDOM_LETTER)
    letters = np.frombuffer(reference.encode(), dtype=np.uint8)
    chosen = np.isin(rows, gapped) & np.isin(code, (MATCH, EQUAL, MISMATCH))
    for op, row in zip(ops[chosen], rows[chosen], strict=True):
        low = max(int(segments.op_ref[op]), region.window_start)
        high = min(int(segments.op_ref[op] + reads.op_length[op]), region.window_end)
        if high <= low:
            continue
        at = int(segments.op_query[op]) + low - int(segments.op_ref[op])
        base, quality = reads.base[at : at + high - low], reads.quality[at : at + high - low]
        expected = letters[low - region.window_start : high - region.window_start]
        wrong = (base != expected) & (base != ord("N")) & (expected != ord("N"))
        error = np.power(10.0, -np.clip(quality[wrong], 2, MAX_QUALITY).astype(float) / 10)
        score[row] += float(np.log(error / 3).sum())
    found[gapped] = score[gapped] > best[gapped] + DECISIVE
    return found


def _clipped_ends(
    segments: Segments, part: np.ndarray, query: np.ndarray
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Rows with a clipped end and which of their `query` bases are clipped, left and right end."""
    ops, rows = _aligned_ops(segments, part)
    start, stop = segments.query_start[part].copy(), segments.query_end[part].copy()
    aligned = segments.op_query[ops]
    start[rows[::-1]] = aligned[::-1]  # the first operation of a row is written last
    stop[rows] = aligned + segments.reads.op_length[ops]
    left = np.flatnonzero(start > segments.query_start[part])
    right = np.flatnonzero(stop < segments.query_end[part])
    return [
        (left, query[left] < start[left][:, None]),
        (right, query[right] >= stop[right][:, None]),
    ]


@dataclass(frozen=True, eq=False)
class Support:
    """Fragments for and against one allele by strand class, and which fragments show it.

    `not_a_fraction` says why the two cannot be compared, if so.
    """

    alternative: np.ndarray
    total: np.ndarray
    fragments: np.ndarray
    not_a_fraction: str = ""


def crossing(
    segments: Segments,
    overlap: np.ndarray,
    region: Region,
    size: np.ndarray,
    first: int,
    last: int,
) -> np.ndarray:
    """Say which segments tell an event on a haplotype of `size` nt from both of its sides.

    `first` and `last` (0-based) are where its spellings leave the reference. A read may begin
    inside a deleted stretch only on the reference and inside an inserted one only on the variant,
    and short ends beyond an event are clipped: fractions are fair between reads that reach equally
    far to both sides.
    """
    left, left_query, right, right_query = _anchors(segments, overlap, region)
    from_right = right - right_query + region.window_start + size - region.window_end
    begin = segments.query_start[overlap] + np.where(left >= 0, left - left_query, from_right)
    end = begin + (segments.query_end - segments.query_start)[overlap]
    anchored = (left >= 0) | (right >= 0)
    return anchored & (begin <= first - DECISIVE_END_NT) & (end >= last + DECISIVE_END_NT)


def reaches_over(
    segments: Segments, overlap: np.ndarray, region: Region, near: int, far: int, *, from_left: bool
) -> np.ndarray:
    """Say which segments reach `near` bases over this side of an event and `far` behind it.

    They are laid without gaps from the aligned base on the left of the event, or on the right;
    that is this side.
    """
    left, left_query, right, right_query = _anchors(segments, overlap, region)
    here, query = (left, left_query) if from_left else (right, right_query)
    begin = here - (query - segments.query_start[overlap])
    end = here + (segments.query_end[overlap] - query)
    before, after = (near, far) if from_left else (far, near)
    reaches = (begin <= region.event_start - before) & (end >= region.event_end + after)
    return (here >= 0) & reaches


def by_fragment(segments: Segments, overlap: np.ndarray, verdict: np.ndarray) -> Support:
    """Join the verdicts of the segments of each fragment: for, against, or neither on conflict."""
    informative = verdict != 0
    fragment = segments.fragment[overlap][informative]
    says = verdict[informative]
    strand = segments.stratum[overlap][informative].astype(np.int64)
    alternative, total = np.zeros(3, dtype=np.int64), np.zeros(3, dtype=np.int64)
    if not len(fragment):
        return Support(alternative, total, np.zeros(0, dtype=np.int64))
    order = np.argsort(fragment, kind="stable")
    fragment, says, strand = fragment[order], says[order], strand[order]
    first = np.flatnonzero(np.concatenate([[True], fragment[1:] != fragment[:-1]]))
    low, high = np.minimum.reduceat(says, first), np.maximum.reduceat(says, first)
    weakest, strongest = np.minimum.reduceat(strand, first), np.maximum.reduceat(strand, first)
    stratum = np.where(weakest == strongest, weakest, BOTH_STRANDS)
    agree = low == high
    total += np.bincount(stratum[agree], minlength=3)
    shows = agree & (high == 1)
    alternative += np.bincount(stratum[shows], minlength=3)
    return Support(alternative, total, fragment[first][shows])
