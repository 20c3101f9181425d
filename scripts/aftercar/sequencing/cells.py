"""Barcodes of cells, what each cell is called, and what is said about a clone."""

import numpy as np

from aftercar.sequencing.alleles import Allele
from aftercar.sequencing.carriers import HOMOZYGOUS_SHARES, Assumptions, Clone
from aftercar.sequencing.errors import INDEL_PRIOR, MAX_BACKGROUND_FRACTION, run_length_class
from aftercar.sequencing.genes import ReferenceWindow
from aftercar.sequencing.molecules import CellCounts

MOLECULE_ERROR = 1e-3  # errors of the PCR and of the reverse transcription per molecule
CELL_POSTERIOR = 0.95
MIN_SHOWING_CELLS = 3  # fewer cells are detected, but their share is not quantified


def barcode_numbers(barcodes: list[str]) -> tuple[dict[str, int], list[str], list[str]]:
    """Return all spellings of the barcodes with their number, the barcodes once each, and repeats.

    A missing or additional suffix "-1" is tolerated unless that spelling is itself listed.
    """
    once = list(dict.fromkeys(barcodes))
    known: set[str] = set()
    repeated = sorted({b for b in barcodes if b in known or known.add(b)})  # type: ignore[func-returns-value]
    numbers = {barcode: number for number, barcode in enumerate(once)}
    for number, barcode in enumerate(once):
        other = barcode.removesuffix("-1") if barcode.endswith("-1") else f"{barcode}-1"
        if "-" not in barcode or barcode.endswith("-1"):
            numbers.setdefault(other, number)
    return numbers, once, repeated


def molecule_error(counts: CellCounts, allele: Allele, window: ReferenceWindow) -> float:
    """Return the chance that a molecule without the variant shows it.

    Errors of one position go to all third alleles alike: what they show, unless so frequent that
    they are variants, raises the rate; a run of equal bases begins with the rate of its length.
    """
    rate = MOLECULE_ERROR
    if allele.is_indel:
        rate = max(rate, float(INDEL_PRIOR[run_length_class(allele, window)]))
    total, other = int(counts.informative.sum()), int(counts.other_umis.sum())
    share = other / total if total else 0.0
    ways = 2 if allele.is_snv else 1  # the two other bases
    return max(rate, share / ways) if share <= MAX_BACKGROUND_FRACTION else rate


def read_error(counts: CellCounts) -> float:
    """Return the share of variant reads in cells of DNA that show the reference only.

    Reads are not molecules: index hopping and the PCR add to what one molecule gets wrong.
    """
    total = counts.informative
    low, _ = HOMOZYGOUS_SHARES
    reference = (total > 0) & (counts.alt_umis <= low * total)
    reads = int(total[reference].sum())
    return float(counts.alt_umis[reference].sum()) / reads if reads else 0.0


def cell_states(
    counts: CellCounts, clone: Clone, seen: np.ndarray, *, is_dna: bool = False
) -> np.ndarray:
    """Return the state of each cell; `seen` marks the barcodes that the file carries at all.

    Reads of DNA (`is_dna`) are not molecules: a few variant reads among many are errors.
    """
    state = np.full(len(seen), "NO_COVERAGE", dtype=object)
    state[~seen] = "ABSENT_FROM_FILE"
    some = counts.informative + counts.ambiguous_umis > 0
    state[some] = "AMBIGUOUS"
    few = HOMOZYGOUS_SHARES[0] * counts.informative if is_dna else 0
    reference_only = (counts.ref_umis > 0) & (counts.alt_umis + counts.other_umis <= few)
    state[reference_only] = "REFERENCE_ONLY"
    state[(counts.alt_umis > 0) & (clone.posterior >= CELL_POSTERIOR)] = "MUTANT"
    return state


def cell_genotypes(
    counts: CellCounts, clone: Clone, states: np.ndarray, assumptions: Assumptions
) -> np.ndarray:
    """Return what each cell carries with 95 % probability, empty where that is not known.

    Wild type needs enough molecules or reads, all of the reference. Zygosity is told from DNA only:
    RNA of one allele may fail to be made or may decay.
    """
    genotype = np.full(len(counts.ref_umis), "", dtype=object)
    mutant = states == "MUTANT"
    genotype[mutant] = "mutant"
    if assumptions.is_dna:
        genotype[mutant & (clone.homozygous >= CELL_POSTERIOR)] = "homozygous"
        heterozygous = clone.posterior - clone.homozygous >= CELL_POSTERIOR
        genotype[mutant & heterozygous] = "heterozygous"
    enough = counts.informative >= assumptions.min_wild_type
    reference = states == "REFERENCE_ONLY"
    genotype[enough & reference & (clone.posterior <= 1 - CELL_POSTERIOR)] = "wild_type"
    return genotype


def clone_status(
    clone: Clone, covered: int, states: np.ndarray, adequate: float, *, is_dna: bool
) -> tuple[str, str]:
    """Return the status of a clone and what to add; `adequate` is the fraction asked for.

    Cells of RNA never exclude a clone: its allele may not be transcribed, or decay.
    """
    if not covered:
        return "NOT_ASSESSED", "no molecule of the listed cells covers the position"
    if is_detected(clone, states):
        showing, mutant = int(clone.showing.sum()), int((states == "MUTANT").sum())
        if showing >= max(clone.needed, MIN_SHOWING_CELLS):
            return "QUANTIFIED", "share of the covered cells, of all identities"
        return "DETECTED_BELOW_LLOQ", f"{max(showing, mutant)} mutant cell(s): too few for a share"
    limit, showing = stated_limit(clone, states), int(clone.showing.sum())
    beside = f"; {showing} cell(s) show the variant, as errors alone may do" if showing else ""
    shown = "none" if limit is None else f"{limit:.2g}"
    if limit is None or limit > adequate:
        return "INDETERMINATE", f"too few covered cells: smallest clone shown {shown}{beside}"
    if is_dna:
        return "NOT_DETECTED", f"clones of {shown} and more would show{beside}"
    return "INDETERMINATE", (
        "RNA excludes no clone: its allele may not be transcribed, or decay; clones of "
        f"{shown} and more would show if it is expressed as usual{beside}"
    )


def is_detected(clone: Clone, states: np.ndarray) -> bool:
    """Whether more cells show the variant than errors explain, or one does beyond doubt."""
    return int(clone.showing.sum()) >= clone.needed or bool((states == "MUTANT").any())


def stated_limit(clone: Clone, states: np.ndarray) -> float | None:
    """Return the smallest clone that would have shown, at least what the interval leaves possible.

    A clone that was detected keeps the limit of its coverage.
    """
    limit = clone.detectable_fraction
    return limit if limit is None or is_detected(clone, states) else max(limit, clone.high)


def dropout_remark(clone: Clone, states: np.ndarray, assumptions: Assumptions) -> str:
    """Say how many cells that look like reference carry the variant all the same (DNA)."""
    if not assumptions.is_dna:
        return ""
    hidden = float(clone.posterior[states == "REFERENCE_ONLY"].sum())
    known = (
        "allele dropout not measured (no heterozygous site): all usual rates considered"
        if assumptions.dropout is None
        else f"allele dropout {assumptions.dropout:.2g} measured at "
        f"{assumptions.dropout_sites} heterozygous site(s)"
    )
    return f"{known}; about {hidden:.0f} cell(s) with reference reads only carry it too"
