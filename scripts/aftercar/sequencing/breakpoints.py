"""Alleles too long for the aligner: deletions, insertions and duplications told by soft clips."""

import numpy as np

from aftercar.contracts.reads import SOFT_CLIP
from aftercar.sequencing.alleles import Allele, left_align
from aftercar.sequencing.fragments import Segments
from aftercar.sequencing.genes import ReferenceWindow

# A clipped end must be long enough to have one place only in some ten thousand bases; shorter ends
# go with longer ones at the same breakpoint (conventions).
MIN_CLIP_NT = 16
# Bases of unknown origin between the two sides of a breakpoint, at most.
MAX_BETWEEN_NT = 120
MIN_OVERLAP_NT = 12  # of the two clipped ends inside an insertion
MIN_CLIPPED_FRAGMENTS = 2
AGREEMENT = 0.75  # share of the clipped bases that must agree in each column of their consensus
MIN_AGREEING_SHARE = 0.9  # share of a clipped end that agrees with the consensus of its breakpoint

Clip = tuple[int, str, set[int]]  # 0-based breakpoint, consensus of the clipped bases, fragments


def propose_from_clips(
    segments: Segments, window: ReferenceWindow, wanted: np.ndarray, *, min_base_quality: int
) -> dict[Allele, set[int]]:
    """Return left-aligned alleles that clipped ends of reads tell, with the fragments that do.

    The clipped bases of one breakpoint are joined to a consensus and looked for in the window; two
    facing breakpoints whose clipped ends overlap make an insertion. Only changes that touch
    `wanted` positions, and only where the place is unique.
    """
    right = _consensus_ends(segments, min_base_quality, at_right=True)
    left = _consensus_ends(segments, min_base_quality, at_right=False)
    found: dict[Allele, set[int]] = {}
    proposals: list[tuple[Allele, set[int]]] = []
    new_right: list[Clip] = []  # ends whose bases the window does not hold
    new_left: list[Clip] = []
    for clips, place, unplaced in (
        (right, _continued, new_right),
        (left, _continued_before, new_left),
    ):
        for clip in clips:
            allele = place(window, clip[0], clip[1])
            if allele is None:
                unplaced.append(clip)
            else:
                proposals.append((allele, clip[2]))
    proposals += _insertions(window, new_right, new_left)
    for allele, names in proposals:
        allele = left_align(allele, window)
        first = max(allele.pos - window.start, 0)
        touches = wanted[first : allele.end - window.start + 2].any()
        if touches and "N" not in allele.ref + allele.alt:
            found.setdefault(allele, set()).update(names)
    return found


def _consensus_ends(segments: Segments, min_base_quality: int, *, at_right: bool) -> list[Clip]:
    """Breakpoints with enough clipped fragments, and what the clipped ends agree on.

    At the right the consensus begins at the breakpoint; at the left it ends there.
    """
    reads = segments.reads
    ends = reads.op_offset[1:] - 1 if at_right else reads.op_offset[:-1]
    ends = ends[np.diff(reads.op_offset) > 1]
    ends = ends[(reads.op[ends] == SOFT_CLIP)]
    ends = ends[reads.op_length[ends] > 0]
    owner = segments.op_segment[ends]
    begin = np.maximum(segments.op_query[ends], segments.query_start[owner])
    stop = np.minimum(segments.op_query[ends] + reads.op_length[ends], segments.query_end[owner])
    at = segments.ref_end[owner] if at_right else segments.ref_start[owner]
    usable = stop > begin
    begin, stop, at, owner = begin[usable], stop[usable], at[usable], owner[usable]
    long_enough = stop - begin >= MIN_CLIP_NT
    made: list[Clip] = []
    fragment = segments.fragment
    order = np.argsort(at, kind="stable")
    for here in np.split(order, np.flatnonzero(np.diff(at[order])) + 1):
        if len(here) < MIN_CLIPPED_FRAGMENTS or not long_enough[here].any():
            continue
        width = int((stop[here] - begin[here]).max())
        steps = np.arange(width)
        query = begin[here][:, None] + steps if at_right else stop[here][:, None] - 1 - steps
        inside = steps < (stop - begin)[here][:, None]
        query = np.where(inside, query, 0)
        sure = inside & (reads.quality[query] >= min_base_quality)
        base = reads.base[query]
        votes = np.stack([(sure & (base == ord(letter))).sum(axis=0) for letter in "ACGT"])
        total = votes.sum(axis=0)
        agreed = (votes.max(axis=0) >= AGREEMENT * total) & (total > 0)
        length = width if agreed.all() else int(agreed.argmin())
        if length < MIN_CLIP_NT:
            continue
        consensus = np.frombuffer(b"ACGT", dtype=np.uint8)[votes.argmax(axis=0)][:length]
        same = (sure[:, :length] & (base[:, :length] == consensus)).sum(axis=1)
        known = np.maximum(sure[:, :length].sum(axis=1), 1)
        names = set(fragment[owner[here[same >= MIN_AGREEING_SHARE * known]]].tolist())
        if len(names) < MIN_CLIPPED_FRAGMENTS:
            continue
        text = consensus.tobytes().decode()
        made.append((int(at[here[0]]), text if at_right else text[::-1], names))
    return made


def _places(reference: str, bases: str) -> int | None:
    """0-based offset of the only place of `bases` in the reference; None if none or several."""
    first = reference.find(bases)
    return first if first >= 0 and reference.find(bases, first + 1) < 0 else None


def _continued(window: ReferenceWindow, at: int, bases: str) -> Allele | None:
    """Allele of a read that is aligned up to `at` (0-based) and goes on with `bases`."""
    for between in range(min(MAX_BETWEEN_NT, len(bases) - MIN_CLIP_NT) + 1):
        offset = _places(window.sequence, bases[between : between + MIN_CLIP_NT])
        if offset is not None:
            return _joined(window, at, bases[:between], offset + window.start - 1)
    return None


def _continued_before(window: ReferenceWindow, at: int, bases: str) -> Allele | None:
    """Allele of a read that is aligned from `at` (0-based) on and has `bases` before it."""
    for between in range(min(MAX_BETWEEN_NT, len(bases) - MIN_CLIP_NT) + 1):
        stop = len(bases) - between
        offset = _places(window.sequence, bases[stop - MIN_CLIP_NT : stop])
        if offset is not None:
            return _joined(window, offset + MIN_CLIP_NT + window.start - 1, bases[stop:], at)
    return None


def _joined(window: ReferenceWindow, left: int, between: str, right: int) -> Allele | None:
    """Allele of a haplotype that leaves the reference before `left` and comes back at `right`.

    Where it comes back before it left, what lies between stands there twice.
    """
    if right >= left:
        ref, alt = window.bases(left + 1, right), between
    else:
        ref, alt = "", between + window.bases(right + 1, left)
    if ref == alt:
        return None
    anchor = window.bases(left, left)
    return Allele(left, anchor + ref, anchor + alt)


def _insertions(
    window: ReferenceWindow, right: list[Clip], left: list[Clip]
) -> list[tuple[Allele, set[int]]]:
    """Alleles of facing clipped ends that overlap within an insertion."""
    found: list[tuple[Allele, set[int]]] = []
    for leaves, head, names in right:
        for returns, tail, others in left:
            if abs(returns - leaves) > MAX_BETWEEN_NT:
                continue
            inserted = _overlapped(head, tail)
            allele = _joined(window, leaves, inserted, returns) if inserted else None
            if allele is not None:
                found.append((allele, names | others))
    return found


def _overlapped(head: str, tail: str) -> str:
    """Join two stretches by the longest end of the first that begins the second."""
    for size in range(min(len(head), len(tail)), MIN_OVERLAP_NT - 1, -1):
        if head.endswith(tail[:size]):
            return head + tail[size:]
    return ""
