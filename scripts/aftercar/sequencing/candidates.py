"""Alleles that reads propose: insertions, deletions and neighbouring changes on the same read."""

import numpy as np

from aftercar.contracts.reads import DELETION, INSERTION
from aftercar.sequencing.alleles import Allele, left_align
from aftercar.sequencing.fragments import CODE, Pileup, Segments
from aftercar.sequencing.genes import ReferenceWindow

# Changes on one read that are this close are one change: within a codon for substitutions; further
# around an insertion or deletion, because aligners spread one replacement over several operations.
SUBSTITUTION_GAP_NT = 2
INDEL_GAP_NT = 6


def propose(
    segments: Segments,
    window: ReferenceWindow,
    wanted: np.ndarray,
    pileup: Pileup,
    *,
    min_base_quality: int,
) -> dict[Allele, set[int]]:
    """Return alleles that are no single substitutions, each with the fragments that show it.

    A joined change is proposed beside its parts: which of them explains the reads is decided by
    aligning the reads to all of them. Left-aligned; only changes that touch `wanted` positions.
    `pileup` is that of the same segments, positions and quality.
    """
    found: dict[Allele, set[int]] = {}
    events = _events(segments, window, wanted, pileup)
    segment, first, last, query_first, query_last, is_indel = events
    if not len(segment):
        return found
    order = np.lexsort((query_first, first, segment))
    segment, first, last = segment[order], first[order], last[order]
    query_first, query_last, is_indel = query_first[order], query_last[order], is_indel[order]
    gap = np.where(is_indel[1:] | is_indel[:-1], INDEL_GAP_NT, SUBSTITUTION_GAP_NT)
    joined = (segment[1:] == segment[:-1]) & (first[1:] - last[:-1] <= gap)
    group = np.concatenate([[0], np.cumsum(~joined)])
    size = np.bincount(group)
    has_indel = np.bincount(group, weights=is_indel) > 0
    starts = np.flatnonzero(np.concatenate([[True], ~joined]))
    cache: dict[tuple[int, int, bytes], Allele | None] = {}
    fragments = segments.fragment
    for number in np.flatnonzero((size > 1) | has_indel):
        members = range(starts[number], starts[number] + size[number])
        spans = [(members[0], members[-1])] if size[number] > 1 else []
        spans += [(i, i) for i in members if is_indel[i]]
        for a, b in spans:
            allele = _allele(
                segments, window, (int(first[a]), int(last[b])),
                (int(query_first[a]), int(query_last[b])), min_base_quality, cache,
            )  # fmt: skip
            if allele is not None:
                found.setdefault(allele, set()).add(int(fragments[segment[a]]))
    return found


def _events(
    segments: Segments, window: ReferenceWindow, wanted: np.ndarray, pileup: Pileup
) -> tuple[np.ndarray, ...]:
    """Segment, reference span, read span and kind of every difference; spans 0-based, half-open."""
    reads = segments.reads
    known = CODE[np.frombuffer(window.sequence.encode(), dtype=np.uint8)][pileup.raw_index] < 4
    segment, query = pileup.raw_segment[known], pileup.raw_query[known]
    position = pileup.raw_index[known] + window.start - 1
    ops = np.flatnonzero(np.isin(reads.op, (INSERTION, DELETION)))
    owner = segments.op_segment[ops]
    start = segments.op_ref[ops]
    deleted = np.where(reads.op[ops] == DELETION, reads.op_length[ops], 0)
    inserted = np.where(reads.op[ops] == INSERTION, reads.op_length[ops], 0)
    inside = (
        (start > segments.ref_start[owner])
        & (start + deleted < segments.ref_end[owner])
        & (segments.op_query[ops] > segments.query_start[owner])
        & (segments.op_query[ops] + inserted < segments.query_end[owner])
        & (start >= window.start)
        & (start + deleted < window.end)
    )
    low = np.clip(start - (window.start - 1) - 1, 0, len(wanted) - 1)
    high = np.clip(start + deleted - (window.start - 1), 0, len(wanted) - 1)
    covered = np.concatenate([[0], np.cumsum(wanted)])
    inside &= covered[high + 1] > covered[low]
    ops, owner, start = ops[inside], owner[inside], start[inside]
    deleted, inserted = deleted[inside], inserted[inside]
    read_start = segments.op_query[ops]
    return (
        np.concatenate([segment, owner]),
        np.concatenate([position, start]),
        np.concatenate([position + 1, start + deleted]),
        np.concatenate([query, read_start]),
        np.concatenate([query + 1, read_start + inserted]),
        np.concatenate([np.zeros(len(segment), bool), np.ones(len(owner), bool)]),
    )


def _allele(
    segments: Segments,
    window: ReferenceWindow,
    span: tuple[int, int],
    query: tuple[int, int],
    min_base_quality: int,
    cache: dict[tuple[int, int, bytes], Allele | None],
) -> Allele | None:
    """Return the left-aligned allele of one stretch of one read; None if its bases are unsure."""
    read = segments.reads
    if (read.quality[query[0] : query[1]] < min_base_quality).any():
        return None
    alternative = read.base[query[0] : query[1]].tobytes()
    key = (*span, alternative)
    if key not in cache:
        ref = window.bases(span[0] + 1, span[1])
        alt = alternative.decode()
        known = set(ref + alt) <= set("ACGT") and ref != alt
        cache[key] = left_align(Allele(span[0] + 1, ref, alt), window) if known else None
        if cache[key] is not None and "N" in cache[key].ref + cache[key].alt:  # type: ignore[union-attr]
            cache[key] = None
    return cache[key]
