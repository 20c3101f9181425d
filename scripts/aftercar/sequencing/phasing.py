"""Whether molecules that cover two variants carry both, one of them, or none."""

import numpy as np

from aftercar.sequencing.alleles import Allele, placements
from aftercar.sequencing.fragments import CODE, Segments, aligned_bases
from aftercar.sequencing.genes import ReferenceWindow
from aftercar.sequencing.haplotype_sets import fit_together, near, said_of, tell


def alleles_of_fragments(
    segments: Segments,
    window: ReferenceWindow,
    allele: Allele,
    *,
    min_base_quality: int,
    beside: Allele | None = None,
) -> dict[int, bool]:
    """Return for each fragment that tells it whether it shows the allele or the reference.

    `beside` is another change that the same molecules may carry.

    Fragments whose reads disagree, or that show a third allele, are left out.
    """
    if allele.is_snv:
        fragment, shows = _substitution(segments, window, allele, min_base_quality)
    else:
        alleles = [allele]
        if beside is not None and not beside.is_snv and near(allele, beside):
            alleles.append(beside)
        together = len(alleles) == 2 and fit_together(*alleles)
        answers = tell(segments, window, alleles, [(0, 1)] if together else [])
        verdict, _, _ = said_of(answers, 0, set(range(len(alleles))))
        overlap = answers.overlap
        # a read that begins inside the change speaks for one of both only by chance
        crosses = segments.ref_start[overlap] < placements(allele, window)[0].start - 1
        told = (verdict != 0) & crosses
        fragment, shows = segments.fragment[overlap][told], verdict[told] > 0
    found: dict[int, bool] = {}
    conflicting = set()
    for number, says in zip(fragment.tolist(), shows.tolist(), strict=True):
        if found.setdefault(number, says) != says:
            conflicting.add(number)
    return {number: says for number, says in found.items() if number not in conflicting}


def _substitution(
    segments: Segments, window: ReferenceWindow, allele: Allele, min_base_quality: int
) -> tuple[np.ndarray, np.ndarray]:
    wanted = np.zeros(len(window.sequence), dtype=bool)
    wanted[allele.pos - window.start] = True
    everything = np.arange(len(segments.read))
    segment, _, query = aligned_bases(segments, everything, window, wanted)
    base = CODE[segments.reads.base[query]]
    reference, alternative = CODE[ord(allele.ref)], CODE[ord(allele.alt)]
    told = segments.reads.quality[query] >= min_base_quality
    told &= (base == reference) | (base == alternative)
    return segments.fragment[segment[told]], base[told] == alternative


def count_together(first: dict[int, bool], second: dict[int, bool]) -> tuple[int, int, int]:
    """Return molecules with both variants, with the first only and with the second only.

    The arguments are results of alleles_of_fragments on the same reads; a molecule counts only if
    it tells both.
    """
    shared = first.keys() & second.keys()
    return (
        sum(first[n] and second[n] for n in shared),
        sum(first[n] and not second[n] for n in shared),
        sum(second[n] and not first[n] for n in shared),
    )
