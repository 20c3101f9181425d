"""Alleles too long for the aligner: deletions, insertions and duplications told by soft clips."""

from dataclasses import replace

import numpy as np

from aftercar.contracts.reads import SOFT_CLIP
from aftercar.sequencing.alleles import Allele, left_align, placements
from aftercar.sequencing.fragments import Segments
from aftercar.sequencing.genes import ReferenceWindow
from aftercar.sequencing.haplotype_sets import AlleleSupport
from aftercar.sequencing.realign import (
    DECISIVE,
    DECISIVE_END_NT,
    FLANK_NT,
    Region,
    Support,
    by_fragment,
    likelihoods,
    reaches_over,
)

# A clipped end must be long enough to have one place only in some ten thousand bases; shorter ends
# go with longer ones at the same breakpoint (conventions).
MIN_CLIP_NT = 16
# Two facing clipped ends further apart than this on the reference tell no common insertion.
MAX_APART_NT = 120
MIN_OVERLAP_NT = 12  # of the two clipped ends inside an insertion
MIN_CLIPPED_FRAGMENTS = 2
AGREEMENT = 0.75  # share of the clipped bases that must agree in each column of their consensus
MIN_AGREEING_SHARE = 0.9  # share of a clipped end that agrees with the consensus of its breakpoint

# Alleles that change more bases than this are counted at their breakpoints: few reads, or none,
# reach over both sides of them (a convention).
LONG_CHANGE_NT = 100
# A breakpoint that fewer fragments cross than this share of those around it lies off target (a
# convention).
MIN_CROSSING_SHARE = 0.5
BESIDE_NT = 400
# Aligners report no read with fewer aligned bases (bwa mem -T): what an insertion leaves of a read
# must be as long, and reads without it are held to the same.
MIN_ALIGNED_NT = 30
UNCOVERED = "fraction not known: few fragments without the variant could cover its breakpoints"

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
    for between in range(len(bases) - MIN_CLIP_NT + 1):
        offset = _places(window.sequence, bases[between : between + MIN_CLIP_NT])
        if offset is not None:
            return _joined(window, at, bases[:between], offset + window.start - 1)
    return None


def _continued_before(window: ReferenceWindow, at: int, bases: str) -> Allele | None:
    """Allele of a read that is aligned from `at` (0-based) on and has `bases` before it."""
    for between in range(len(bases) - MIN_CLIP_NT + 1):
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
    """Alleles of facing clipped ends that overlap, and may reach past the insertion.

    Each end goes with that partner only which most fragments show, if that holds the other way
    round too: one that also fits by chance is no second insertion.
    """
    fitting: dict[tuple[int, int], Allele] = {}
    for i, (leaves, head, _) in enumerate(right):
        for j, (returns, tail, _) in enumerate(left):
            if abs(returns - leaves) > MAX_APART_NT:
                continue
            before = window.bases(leaves - len(tail) + 1, leaves)
            after = window.bases(returns + 1, returns + len(head))
            joined = _overlapped(before + head, tail + after, len(head) + len(tail) - 1)
            inserted = joined[len(before) : len(joined) - len(after)]
            allele = _joined(window, leaves, inserted, returns) if joined else None
            if allele is not None:
                fitting[i, j] = allele
    found: list[tuple[Allele, set[int]]] = []
    for (i, j), allele in fitting.items():
        partner = max((b for a, b in fitting if a == i), key=lambda b: (len(left[b][2]), -b))
        back = max((a for a, b in fitting if b == j), key=lambda a: (len(right[a][2]), -a))
        if (back, partner) == (i, j):
            found.append((allele, right[i][2] | left[j][2]))
    return found


def _overlapped(head: str, tail: str, longest: int) -> str:
    """Join two stretches by the longest end of the first that begins the second."""
    for size in range(longest, MIN_OVERLAP_NT - 1, -1):
        if head.endswith(tail[:size]):
            return head + tail[size:]
    return ""


def is_long(allele: Allele) -> bool:
    """Whether an allele is counted at its breakpoints."""
    return max(len(allele.ref), len(allele.alt)) > LONG_CHANGE_NT


def count_at_breakpoints(
    segments: Segments, window: ReferenceWindow, allele: Allele, shown: AlleleSupport
) -> AlleleSupport:
    """Return `shown` with the fragments of a long allele counted by `breakpoint_support`."""
    support = breakpoint_support(segments, window, allele)
    return replace(shown, support=support, leaning=np.union1d(shown.leaning, support.fragments))


def breakpoint_support(segments: Segments, window: ReferenceWindow, allele: Allele) -> Support:
    """Return the fragments for and against a long allele, counted where it leaves the reference.

    A breakpoint is read from the left (where the haplotype leaves the reference) and from the right
    (where it comes back); the one that more fragments without the allele cross is compared with.
    Where one of them is not covered as what lies around it, off target, what was captured depends
    on the allele and the fraction is not known. Both edges of a copy stand in molecules with it
    too: fragments over an edge are all, those over the junction of the copies have the allele.
    """
    places = placements(allele, window)
    first, last = places[0], places[-1]
    moves, inserted = len(places) - 1, len(first.inserted)
    is_copy = not first.deleted and moves >= FLANK_NT
    # places where either side of one junction can be written
    slack = max(moves - inserted, 0) if is_copy else moves
    reach = 2 * FLANK_NT
    leave, back = last.start - 1, first.end
    before = window.bases(leave - reach + 1, leave)
    after = window.bases(back + 1, back + reach)
    on_left = before + (last.inserted + window.bases(last.end + 1, last.end + reach))[:reach]
    on_right = (window.bases(first.start - reach, first.start - 1) + first.inserted)[-reach:]
    # two junctions with reads of their own, of which none has to reach over both
    is_double = inserted - min(moves, inserted) > DECISIVE_END_NT
    near = MIN_ALIGNED_NT if is_double else DECISIVE_END_NT
    with_it, across, without = [], [], []
    for at, haplotype, from_left in ((leave, on_left, True), (back, on_right + after, False)):
        event = (at - slack, at) if from_left else (at, at + slack)
        region = Region(*event, at - reach, at + reach)
        sequences = [window.bases(at - reach + 1, at + reach), haplotype]
        overlap, scores, fits = likelihoods(segments, region, sequences)
        ratio = scores[:, 1] - scores[:, 0]
        verdict = np.where(fits & (np.abs(ratio) >= DECISIVE), np.sign(ratio), 0).astype(np.int8)
        told = reaches_over(segments, overlap, region, near, DECISIVE_END_NT, from_left=from_left)
        over = reaches_over(
            segments, overlap, region, DECISIVE_END_NT, inserted + near, from_left=from_left
        )
        # without the allele a read is aligned on both sides
        aligned = segments.ref_start[overlap] <= event[0] - DECISIVE_END_NT
        aligned &= segments.ref_end[overlap] >= event[1] + DECISIVE_END_NT
        with_it.append((overlap, np.where(told, np.maximum(verdict, 0), 0)))
        across.append((overlap, np.where(over, np.maximum(verdict, 0), 0)))
        against = (overlap, np.where(told & aligned, np.minimum(verdict, 0), 0))
        without.append(_joined_support(segments, [against]).total)
    most = max(without, key=lambda edge: int(edge.sum()))
    both = _joined_support(segments, with_it)
    alternative = both.alternative
    if is_double:
        # the haplotype has both junctions: what has one of them only is another
        alternative = min(
            (
                _joined_support(segments, [with_it[0], across[1]]).alternative,
                _joined_support(segments, [with_it[1], across[0]]).alternative,
            ),
            key=lambda count: int(count.sum()),
        )
    total = np.maximum(most, alternative) if is_copy else most + alternative
    beside = _usual_fragments(segments, min(leave, back) - BESIDE_NT, max(leave, back) + BESIDE_NT)
    least = min(int(edge.sum()) for edge in without) + (0 if is_copy else int(alternative.sum()))
    known = least >= MIN_CROSSING_SHARE * beside
    return Support(alternative, total, both.fragments, "" if known else UNCOVERED)


def _joined_support(segments: Segments, views: list[tuple[np.ndarray, np.ndarray]]) -> Support:
    overlap, verdict = (np.concatenate(part) for part in zip(*views, strict=True))
    return by_fragment(segments, overlap, verdict)


def _usual_fragments(segments: Segments, low: int, high: int) -> int:
    """Fragments at a usual base of a stretch (0-based): half of its bases lie no deeper."""
    size = high - low
    start, end = (
        np.clip(segments.ref_start - low, 0, size),
        np.clip(segments.ref_end - low, 0, size),
    )
    change = np.bincount(start, minlength=size + 1) - np.bincount(end, minlength=size + 1)
    depth = np.cumsum(change)[:size]
    if not depth.any():
        return 0
    order = np.argsort(depth, kind="stable")
    running = np.cumsum(depth[order])
    usual = order[np.searchsorted(running, running[-1] / 2)]
    here = (start <= usual) & (end > usual)
    return len(np.unique(segments.fragment[here]))
