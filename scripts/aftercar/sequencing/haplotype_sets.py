"""Haplotypes of alleles, alone and two on one molecule, and what reads say of each."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from aftercar.sequencing.alleles import Allele, trimmed
from aftercar.sequencing.fragments import Segments
from aftercar.sequencing.genes import ReferenceWindow
from aftercar.sequencing.realign import (
    DECISIVE,
    FLANK_NT,
    Region,
    Support,
    by_fragment,
    crossing,
    likelihoods,
    region_of,
)

MAX_PAIRS = 12
MIN_SHARED_FRAGMENTS = 2

Pair = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Told:
    """What the reads over a region say of each haplotype of its alleles.

    `sets[h]` are the numbers of the alleles that haplotype h carries, scores[:, h] the ln
    likelihoods of the segments `overlap`; `sizes` are the lengths of the haplotypes.
    """

    region: Region
    sets: list[tuple[int, ...]]
    sizes: np.ndarray
    overlap: np.ndarray
    scores: np.ndarray
    fits: np.ndarray


@dataclass(frozen=True, eq=False)
class AlleleSupport:
    """Fragments for and against an allele; `leaning` holds those that fit it better, if little."""

    support: Support
    leaning: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))


def pairs_on_molecules(alleles: Sequence[Allele], shown: Sequence[set[int]]) -> list[Pair]:
    """Return pairs of alleles that fragments show together, those with most fragments first."""
    found = []
    for a in range(len(alleles)):
        for b in range(a + 1, len(alleles)):
            shared = len(shown[a] & shown[b])
            if shared >= MIN_SHARED_FRAGMENTS and fit_together(alleles[a], alleles[b]):
                found.append((-shared, (a, b)))
    return [pair for _, pair in sorted(found)[:MAX_PAIRS]]


def near(a: Allele, b: Allele) -> bool:
    """Whether two alleles lie within the flanks of one another: the same reads tell both."""
    return a.pos <= b.end + FLANK_NT and b.pos <= a.end + FLANK_NT


def fit_together(a: Allele, b: Allele) -> bool:
    """Whether two alleles change different bases, so that one molecule can carry both."""
    first, second = sorted((trimmed(a), trimmed(b)), key=lambda change: (change.start, change.end))
    return first.end < second.start and first.start < second.start


def tell(
    segments: Segments,
    window: ReferenceWindow,
    alleles: Sequence[Allele],
    pairs: Sequence[Pair],
) -> Told:
    """Lay all segments on the reference, on each allele, and on each pair of alleles."""
    region = region_of(list(alleles), window)
    sets: list[tuple[int, ...]] = [(), *((n,) for n in range(len(alleles))), *pairs]
    sequences = [_written([alleles[n] for n in members], region, window) for members in sets]
    overlap, scores, fits = likelihoods(segments, region, sequences)
    return Told(region, sets, np.array([len(s) for s in sequences]), overlap, scores, fits)


def _written(alleles: list[Allele], region: Region, window: ReferenceWindow) -> str:
    sequence = window.bases(region.window_start + 1, region.window_end)
    for change in sorted((trimmed(allele) for allele in alleles), key=lambda c: -c.start):
        offset = change.start - 1 - region.window_start
        sequence = sequence[:offset] + change.inserted + sequence[offset + change.deleted :]
    return sequence


def said_of(told: Told, number: int, kept: set[int]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return by segment what it says of allele `number`, how surely, and its best haplotype.

    1 speaks for the allele, -1 against, 0 for neither: the best haplotype with it must beat the
    best one without it, be it alone or beside another change of the same molecule. Haplotypes are
    made of the `kept` alleles. The second array is the ln likelihood ratio.
    """
    allowed = [h for h, members in enumerate(told.sets) if set(members) <= kept]
    carrying = [h for h in allowed if number in told.sets[h]]
    lacking = [h for h in allowed if number not in told.sets[h]]
    having, missing = told.scores[:, carrying], told.scores[:, lacking]
    ratio = having.max(axis=1) - missing.max(axis=1)
    verdict = np.where(ratio >= DECISIVE, 1, np.where(ratio <= -DECISIVE, -1, 0))
    best = np.where(
        ratio > 0,
        np.array(carrying)[having.argmax(axis=1)],
        np.array(lacking)[missing.argmax(axis=1)],
    )
    return np.where(told.fits, verdict, 0).astype(np.int8), ratio, best


def support_of(
    segments: Segments, told: Told, number: int, kept: set[int], ends: tuple[int, int]
) -> AlleleSupport:
    """Return the fragments for and against allele `number`, of those that the `kept` ones explain.

    `ends` (0-based) are where its spellings leave the reference: only reads that cross them count.
    """
    verdict, ratio, best = said_of(told, number, kept)
    crossed = crossing(segments, told.overlap, told.region, told.sizes[best], *ends)
    counted = by_fragment(segments, told.overlap, np.where(crossed, verdict, 0))
    return AlleleSupport(counted, np.unique(segments.fragment[told.overlap[ratio > 0]]))
