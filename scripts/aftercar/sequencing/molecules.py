"""What each molecule of each cell shows at a variant: reference, alternative or a third allele."""

from collections import Counter
from dataclasses import dataclass

import numpy as np

from aftercar.contracts.reads import DELETION, INSERTION, AlignedReads
from aftercar.sequencing.alleles import Allele, left_align
from aftercar.sequencing.fragments import BASES, CODE, Segments, aligned_bases, split_segments
from aftercar.sequencing.genes import Gene, ReferenceWindow
from aftercar.sequencing.realign import (
    MAX_QUALITY,
    Region,
    haplotypes,
    likelihoods,
    region_of,
)

MOLECULE_POSTERIOR = 0.9  # a molecule below this tells no allele
GAP_NEAR_NT = 10  # a gap this near to a substitution may have moved its base in the alignment
# A gap that a larger share of the reads shows may hide in the others as mismatches.
FREQUENT_GAP = 0.005
MAX_GAPS = 6  # different gaps that are tried at a site, the most frequent ones
# ln likelihood of a read base for an allele that lacks the position: two wrong base calls.
_NO_BASE = 2 * np.log(1e-3 / 3)


@dataclass(frozen=True, eq=False)
class CellCounts:
    """Molecules and reads of each cell, in the order of the barcodes."""

    ref_umis: np.ndarray
    alt_umis: np.ndarray
    other_umis: np.ndarray
    ambiguous_umis: np.ndarray
    ref_reads: np.ndarray
    alt_reads: np.ndarray

    @property
    def informative(self) -> np.ndarray:
        """Molecules that tell the alleles apart."""
        return self.ref_umis + self.alt_umis + self.other_umis


@dataclass(frozen=True, eq=False)
class Shown:
    """What reads show: read number and ln likelihood of (reference, alternative, others...)."""

    read: np.ndarray
    scores: np.ndarray


def count_molecules(
    reads: AlignedReads,
    window: ReferenceWindow,
    allele: Allele,
    gene: Gene | None,
    cells: int,
    *,
    min_base_quality: int,
) -> CellCounts:
    """Return the molecules of each of `cells` cells for, against and beside an allele.

    All reads of a molecule vote with their likelihoods (Phred, capped at 30 because errors of the
    PCR are not in it); what stays below a posterior of 0.9 is ambiguous. Substitutions are read at
    their base, where no gap lies near; other changes by realignment to the reference, the
    alternative and the gaps that reads show there. With `gene`, overhangs of spliced reads past its
    exons are left out.
    """
    segments = split_segments(reads, gene)
    if allele.is_snv:
        parts = _substitution(segments, window, allele, gene, min_base_quality)
    else:
        parts = [_change(segments, window, allele)]
    width = max(part.scores.shape[1] for part in parts)
    read = np.concatenate([part.read for part in parts])
    scores = np.concatenate([_widened(part.scores, width) for part in parts])
    return _tally(reads, read, scores, cells)


def _widened(scores: np.ndarray, width: int) -> np.ndarray:
    """Add columns for alleles that a part of the reads was not compared with."""
    worst = scores.min(axis=1, keepdims=True) if scores.size else np.zeros((len(scores), 1))
    return np.concatenate([scores, np.repeat(worst, width - scores.shape[1], axis=1)], axis=1)


def _tally(reads: AlignedReads, read: np.ndarray, scores: np.ndarray, cells: int) -> CellCounts:
    cell, molecule = reads.cell[read], reads.molecule[read]
    best_other = scores[:, 2:].max(axis=1) if scores.shape[1] > 2 else np.full(len(read), -np.inf)
    sure = np.log(MOLECULE_POSTERIOR / (1 - MOLECULE_POSTERIOR))
    says_ref = scores[:, 0] - np.maximum(scores[:, 1], best_other) >= sure
    says_alt = scores[:, 1] - np.maximum(scores[:, 0], best_other) >= sure
    if not len(read):
        none = np.zeros(cells, dtype=np.int64)
        return CellCounts(none, none, none, none, none, none)
    ids, where = np.unique(molecule, return_inverse=True)
    owner = np.zeros(len(ids), dtype=np.int64)
    owner[where] = cell
    summed = np.stack(
        [
            np.bincount(where, weights=scores[:, column], minlength=len(ids))
            for column in range(scores.shape[1])
        ],
        axis=1,
    ).reshape(len(ids), scores.shape[1])
    share = np.exp(summed - summed.max(axis=1, keepdims=True))
    share /= share.sum(axis=1, keepdims=True)
    ref, alt = share[:, 0] >= MOLECULE_POSTERIOR, share[:, 1] >= MOLECULE_POSTERIOR
    other = share[:, 2:].sum(axis=1) >= MOLECULE_POSTERIOR
    return CellCounts(
        ref_umis=np.bincount(owner[ref], minlength=cells),
        alt_umis=np.bincount(owner[alt], minlength=cells),
        other_umis=np.bincount(owner[other], minlength=cells),
        ambiguous_umis=np.bincount(owner[~ref & ~alt & ~other], minlength=cells),
        ref_reads=np.bincount(cell[says_ref], minlength=cells),
        alt_reads=np.bincount(cell[says_alt], minlength=cells),
    )


def _substitution(
    segments: Segments,
    window: ReferenceWindow,
    allele: Allele,
    gene: Gene | None,
    min_base_quality: int,
) -> list[Shown]:
    near, gaps = _gaps(segments, window, allele.pos - GAP_NEAR_NT, allele.pos + GAP_NEAR_NT)
    by_base = _bases(segments, window, allele, min_base_quality)
    if not gaps:
        return [by_base]
    frequent = gaps[0][1] > max(1, FREQUENT_GAP * len(by_base.read))
    again = np.union1d(by_base.read, near) if frequent else near
    keep = np.zeros(len(segments.reads), dtype=bool)
    keep[again] = True
    chosen = split_segments(segments.reads.take(again), gene)
    realigned = _among_gaps(chosen, window, allele, [gap for gap, _ in gaps])
    left = ~keep[by_base.read]
    return [
        Shown(by_base.read[left], by_base.scores[left]),
        Shown(again[realigned.read], realigned.scores),
    ]


def _bases(
    segments: Segments, window: ReferenceWindow, allele: Allele, min_base_quality: int
) -> Shown:
    """Read the base at the position; one below the quality asked for tells nothing."""
    wanted = np.zeros(len(window.sequence), dtype=bool)
    wanted[allele.pos - window.start] = True
    over = (segments.ref_start < allele.pos) & (segments.ref_end >= allele.pos)
    segment, _, query = aligned_bases(segments, np.flatnonzero(over), window, wanted)
    base = CODE[segments.reads.base[query]]
    quality = segments.reads.quality[query].astype(float)
    error = 10 ** (-np.clip(quality, 2, MAX_QUALITY) / 10)
    columns = [CODE[ord(letter)] for letter in _letters(allele)]
    told = (quality >= min_base_quality) & (base < len(BASES))
    scores = np.where(
        base[:, None] == np.array(columns), np.log1p(-error)[:, None], np.log(error / 3)[:, None]
    )
    scores = np.concatenate([scores, np.full((len(scores), 1), _NO_BASE)], axis=1)
    return Shown(segments.read[segment], np.where(told[:, None], scores, 0.0))


def _letters(allele: Allele) -> list[str]:
    """Return reference, alternative and the two other bases."""
    return [allele.ref, allele.alt, *(b for b in BASES if b not in (allele.ref, allele.alt))]


def _among_gaps(
    segments: Segments, window: ReferenceWindow, allele: Allele, gaps: list[Allele]
) -> Shown:
    """Compare reads with each base, with and without each gap; and with gaps over the position."""
    region = region_of([allele, *gaps], window)
    letters = _letters(allele)
    beside = [g for g in gaps if not g.pos < allele.pos <= g.end]
    written, column = [], []
    for number, letter in enumerate(letters):
        base = Allele(allele.pos, allele.ref, letter)
        for gap in (None, *beside):
            written.append(_written([base] if gap is None else [base, gap], region, window))
            column.append(number)
    for gap in gaps:
        if gap not in beside:
            written.append(_written([gap], region, window))
            column.append(len(letters))
    overlap, scores, fits = likelihoods(segments, region, written)
    best = np.full((len(overlap), len(letters) + 1), -np.inf)
    for position, number in enumerate(column):
        best[:, number] = np.maximum(best[:, number], scores[:, position])
    if len(letters) not in column:
        best[:, -1] = scores.min(axis=1, initial=0) if len(overlap) else 0
    return Shown(segments.read[overlap], np.where(fits[:, None], best, 0.0))


def _written(alleles: list[Allele], region: Region, window: ReferenceWindow) -> str:
    """Return the bases of the region's window with several changes that do not overlap."""
    text = window.bases(region.window_start + 1, region.window_end)
    for allele in sorted(alleles, reverse=True):
        at = allele.pos - 1 - region.window_start
        text = text[:at] + allele.alt + text[at + len(allele.ref) :]
    return text


def _change(segments: Segments, window: ReferenceWindow, allele: Allele) -> Shown:
    span = region_of([allele], window)
    _, gaps = _gaps(segments, window, span.event_start, span.event_end + 1)
    others = [gap for gap, _ in gaps if gap != allele]
    region = region_of([allele, *others], window)
    written = list(dict.fromkeys(haplotypes([allele, *others], region, window)))
    overlap, scores, fits = likelihoods(segments, region, written)
    return Shown(segments.read[overlap], np.where(fits[:, None], scores, 0.0))


def _gaps(
    segments: Segments, window: ReferenceWindow, first: int, last: int
) -> tuple[np.ndarray, list[tuple[Allele, int]]]:
    """Find reads with a gap between two 1-based positions, and the gaps, most frequent first."""
    reads = segments.reads
    at = np.flatnonzero((reads.op == INSERTION) | (reads.op == DELETION))
    end = segments.op_ref[at] + np.where(reads.op[at] == DELETION, reads.op_length[at], 0)
    at = at[(segments.op_ref[at] <= last) & (end >= first - 1)]
    inside = (segments.op_ref[at] >= window.start) & (
        segments.op_ref[at] + reads.op_length[at] < window.end
    )
    at = at[inside]
    found: Counter[Allele] = Counter()
    for op in at:
        anchor, length = int(segments.op_ref[op]), int(reads.op_length[op])
        before = window.bases(anchor, anchor)
        if reads.op[op] == DELETION:
            gap = Allele(anchor, window.bases(anchor, anchor + length), before)
        else:
            query = int(segments.op_query[op])
            inserted = reads.base[query : query + length].tobytes().decode()
            gap = Allele(anchor, before, before + inserted)
        if "N" not in gap.ref + gap.alt:
            found[gap] += 1
    aligned: Counter[Allele] = Counter()
    for gap, count in found.items():
        aligned[left_align(gap, window)] += count
    ordered = sorted(aligned.items(), key=lambda item: (-item[1], item[0]))[:MAX_GAPS]
    return np.unique(segments.op_read[at]), ordered
