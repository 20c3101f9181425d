"""Genotypes of single cells: molecules with and without a variant, and the clone they make."""

from dataclasses import dataclass

import numpy as np

from aftercar.contracts.reads import AlignedReads
from aftercar.sequencing.alleles import Allele
from aftercar.sequencing.fragments import CODE, Segments, aligned_bases, split_segments
from aftercar.sequencing.genes import Gene, ReferenceWindow
from aftercar.sequencing.realign import (
    DECISIVE,
    MAX_QUALITY,
    haplotypes,
    likelihoods,
    region_of,
)
from aftercar.stats.beta_binomial import log_probability
from aftercar.stats.intervals import clopper_pearson_interval

MOLECULE_POSTERIOR = 0.9  # a molecule below this tells neither allele
MOLECULE_ERROR = 1e-3  # errors of the PCR and of the reverse transcription per molecule
# Share of variant molecules in a cell that carries the variant: bursts of transcription, decay and
# loss of the other copy make anything possible, so all shares are equally likely.
CARRIER_MEAN, CARRIER_DISPERSION = 0.5, 1 / 3
CELL_POSTERIOR = 0.95
CHI2_95 = 3.841  # 95 % point of the chi-squared distribution with one degree of freedom
MIN_MUTANT_CELLS = 3  # fewer mutant cells are detected, but their share is not quantified


@dataclass(frozen=True, eq=False)
class CellCounts:
    """Molecules and reads of each cell, in the order of the barcodes."""

    ref_umis: np.ndarray
    alt_umis: np.ndarray
    ambiguous_umis: np.ndarray
    ref_reads: np.ndarray
    alt_reads: np.ndarray

    @property
    def informative(self) -> np.ndarray:
        """Molecules that tell the alleles apart."""
        return self.ref_umis + self.alt_umis


@dataclass(frozen=True, eq=False)
class Clone:
    """Probability that each cell carries the variant, and the share of cells that do."""

    posterior: np.ndarray
    fraction: float
    low: float
    high: float
    detectable_fraction: float | None


def barcode_numbers(barcodes: list[str]) -> tuple[dict[str, int], list[str], list[str]]:
    """Return all spellings of the barcodes with their number, the barcodes once each, and repeats.

    A missing or additional suffix "-1" is tolerated unless that spelling is itself listed.
    """
    once = list(dict.fromkeys(barcodes))
    repeated = (
        sorted({barcode for barcode in barcodes if barcodes.count(barcode) > 1})
        if len(once) < len(barcodes)
        else []
    )
    numbers = {barcode: number for number, barcode in enumerate(once)}
    for number, barcode in enumerate(once):
        other = barcode.removesuffix("-1") if barcode.endswith("-1") else f"{barcode}-1"
        if "-" not in barcode or barcode.endswith("-1"):
            numbers.setdefault(other, number)
    return numbers, once, repeated


def count_molecules(
    reads: AlignedReads,
    window: ReferenceWindow,
    allele: Allele,
    gene: Gene | None,
    cells: int,
    *,
    min_base_quality: int,
) -> CellCounts:
    """Return the molecules of each of `cells` cells for and against an allele.

    All reads of a molecule vote with their likelihoods; what stays below a posterior of 0.9 is
    ambiguous. Substitutions are read at their base, other changes by realignment to both alleles.
    With `gene`, overhangs of spliced reads past its exons are left out.
    """
    segments = split_segments(reads, gene)
    if allele.is_snv:
        segment, ln_ratio, verdict = _by_base(segments, window, allele, min_base_quality)
    else:
        segment, ln_ratio, verdict = _by_haplotype(segments, window, allele)
    read = segments.read[segment]
    cell, molecule = reads.cell[read], reads.molecule[read]
    ref_reads = np.bincount(cell[verdict < 0], minlength=cells)
    alt_reads = np.bincount(cell[verdict > 0], minlength=cells)
    ids, where = np.unique(molecule, return_inverse=True)
    owner = np.zeros(len(ids), dtype=np.int64)
    owner[where] = cell
    summed = np.bincount(where, weights=ln_ratio, minlength=len(ids)) if len(ids) else np.zeros(0)
    sure = np.log(MOLECULE_POSTERIOR / (1 - MOLECULE_POSTERIOR))
    return CellCounts(
        np.bincount(owner[summed <= -sure], minlength=cells),
        np.bincount(owner[summed >= sure], minlength=cells),
        np.bincount(owner[np.abs(summed) < sure], minlength=cells),
        ref_reads,
        alt_reads,
    )


def _by_base(
    segments: Segments, window: ReferenceWindow, allele: Allele, min_base_quality: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Segments with a base at the position, their ln likelihood ratio and what each one shows."""
    wanted = np.zeros(len(window.sequence), dtype=bool)
    wanted[allele.pos - window.start] = True
    segment, _, query = aligned_bases(segments, np.arange(len(segments.read)), window, wanted)
    base = CODE[segments.reads.base[query]]
    quality = segments.reads.quality[query].astype(float)
    error = 10 ** (-np.clip(quality, 2, MAX_QUALITY) / 10)
    weight = np.log((1 - error) / (error / 3))
    sign = np.where(
        base == CODE[ord(allele.alt)], 1, np.where(base == CODE[ord(allele.ref)], -1, 0)
    )
    sign = np.where(quality >= min_base_quality, sign, 0)
    return segment, sign * weight, sign


def _by_haplotype(
    segments: Segments, window: ReferenceWindow, allele: Allele
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    region = region_of([allele], window)
    overlap, scores, fits = likelihoods(segments, region, haplotypes([allele], region, window))
    ratio = np.where(fits, scores[:, 1] - scores[:, 0], 0.0) if len(overlap) else np.zeros(0)
    verdict = np.where(ratio >= DECISIVE, 1, np.where(ratio <= -DECISIVE, -1, 0))
    return overlap, np.where(verdict != 0, ratio, 0.0), verdict


def infer_clone(counts: CellCounts) -> Clone:
    """Return posteriors of the cells and the share of covered cells that carry the variant.

    Mixture of carriers (any share of variant molecules) and others (errors only); the share by
    expectation maximisation, its interval by profile likelihood (95 %). `detectable_fraction` is
    the share of carriers among these cells that would have shown one with 95 % probability.
    """
    total, alt = counts.informative, counts.alt_umis
    carrier = log_probability(alt, total, CARRIER_MEAN, CARRIER_DISPERSION)
    other = log_probability(alt, total, MOLECULE_ERROR, 1e-6)
    covered = total > 0
    grid = np.concatenate([[0.0], np.logspace(-6, 0, 1201)])
    if not covered.any():
        return Clone(np.zeros(len(total)), float("nan"), 0.0, 1.0, None)
    ratio = np.exp(np.clip(carrier[covered] - other[covered], -700, 700))
    likelihood = np.array([np.log1p(np.maximum(f * (ratio - 1), -1 + 1e-300)).sum() for f in grid])
    best = int(likelihood.argmax())
    inside = grid[2 * (likelihood[best] - likelihood) <= CHI2_95]
    # with few cells the profile is too narrow: never narrower than the exact binomial interval
    carriers = int((covered & (alt > 0) & (carrier > other)).sum())
    exact = clopper_pearson_interval(carriers, int(covered.sum()))
    fraction = float(grid[best])
    odds = fraction * np.exp(np.clip(carrier - other, -700, 700))
    posterior = odds / (odds + (1 - fraction)) if fraction < 1 else np.ones(len(total))
    posterior = np.where(covered, posterior, fraction)
    seen = total[covered] / (total[covered] + 1)  # at least one variant molecule, all shares alike
    low, high = min(float(inside[0]), exact[0]), max(float(inside[-1]), exact[1])
    return Clone(posterior, fraction, min(low, fraction), max(high, fraction), _detectable(seen))


def _detectable(seen: np.ndarray) -> float | None:
    """Smallest share of carriers of which one shows with 95 % probability; None: not even all."""
    shares = np.logspace(-5, 0, 2001)
    missed = np.array([np.log1p(-np.minimum(share * seen, 1 - 1e-15)).sum() for share in shares])
    enough = np.flatnonzero(missed <= np.log(0.05))
    return float(shares[enough[0]]) if len(enough) else None


def cell_states(counts: CellCounts, clone: Clone, seen: np.ndarray) -> np.ndarray:
    """Return the state of each cell; `seen` marks the barcodes that the file carries at all."""
    state = np.full(len(seen), "NO_COVERAGE", dtype=object)
    state[~seen] = "ABSENT_FROM_FILE"
    some = counts.informative + counts.ambiguous_umis > 0
    state[some] = "AMBIGUOUS"
    state[(counts.ref_umis > 0) & (counts.alt_umis == 0)] = "REFERENCE_ONLY"
    state[(counts.alt_umis > 0) & (clone.posterior >= CELL_POSTERIOR)] = "MUTANT"
    return state


def clone_status(mutant: int, clone: Clone, covered: int, adequate: float) -> tuple[str, str]:
    """Return the status of a clone and what to add; `adequate` is the fraction asked for."""
    limit = clone.detectable_fraction
    if not covered:
        return "NOT_ASSESSED", "no molecule of the listed cells covers the position"
    if mutant >= MIN_MUTANT_CELLS:
        return "QUANTIFIED", "share of the covered cells, of all identities"
    if mutant:
        return "DETECTED_BELOW_LLOQ", f"{mutant} mutant cell(s): too few for a share"
    if limit is not None and limit <= adequate:
        return "NOT_DETECTED", f"clones of {limit:.2g} and more would show"
    shown = "none" if limit is None else f"{limit:.2g}"
    return "INDETERMINATE", f"too few covered cells: smallest clone shown {shown}"
