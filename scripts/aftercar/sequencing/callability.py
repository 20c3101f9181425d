"""What could have been seen: the smallest variant fraction that each coding base would show."""

import numpy as np
from numpy.typing import ArrayLike

from aftercar.sequencing.alleles import Allele
from aftercar.sequencing.errors import ErrorModel, contexts
from aftercar.sequencing.fragments import BASES, CODE, Pileup
from aftercar.sequencing.genes import Gene, ReferenceWindow
from aftercar.sequencing.length_changes import length_change_errors
from aftercar.sequencing.variants import Calls, CallSettings, detectable_fraction

# The stated limit holds on this share of the coding bases (contract CALLABILITY).
COVERED_SHARE = 0.95


def measure_callability(
    gene: Gene, window: ReferenceWindow, calls: Calls, settings: CallSettings
) -> list[dict[str, object]]:
    """Return depth and limits by exon and for the gene ("all"): rows without names and status.

    The limit of a base holds for an exchange and for a loss or gain of a base: most losses of an
    antigen are changes of length, and runs of equal bases show them later. The limit of the gene
    is that of its worst exon: a short exon without reads is few bases, but a variant in it loses
    the antigen all the same.
    """
    parts = {
        str(exon.number): np.arange(exon.cds_start, exon.cds_end + 1)
        for exon in gene.exons
        if exon.cds_start is not None and exon.cds_end is not None
    }
    parts["all"] = np.concatenate(list(parts.values()))
    pileup, errors = calls.pileup, calls.errors
    depth = pileup.depth()
    known = CODE[np.frombuffer(window.sequence.encode(), dtype=np.uint8)] < 4
    limits = np.full(len(window.sequence), np.nan)
    index = parts["all"] - window.start
    index = index[(index >= 0) & (index < len(depth)) & known[np.clip(index, 0, len(depth) - 1)]]
    rates = base_error_rates(window, pileup, errors, index)
    limits[index] = _limits(depth[index], rates, errors.dispersion, settings)
    for at, rate, dispersion in _noisy_sites(window, errors, index, rates):
        limits[at] = _limits(depth[[at]], np.array([rate]), dispersion, settings)[0]
    rates, correlations = length_change_errors(window, errors, depth, index)
    by_length = _limits(calls.spanning[index], rates, correlations, settings)
    limits[index] = np.maximum(limits[index], by_length)  # NaN, no limit at all, stays
    rows = [
        {"exon": name, **_summary(positions - window.start, depth, limits, settings.target_vaf)}
        for name, positions in parts.items()
    ]
    of_exons = [row["detectable_vaf"] for row in rows[:-1]]
    shown = [float(str(limit)) for limit in of_exons if limit is not None]
    rows[-1]["detectable_vaf"] = max(shown) if len(shown) == len(of_exons) else None
    return rows


def _limits(
    depth: np.ndarray, rates: np.ndarray, dispersion: ArrayLike, settings: CallSettings
) -> np.ndarray:
    return detectable_fraction(
        depth, rates, dispersion, settings.false_calls_per_base, settings.min_alt_fragments
    )


def _noisy_sites(
    window: ReferenceWindow, errors: ErrorModel, index: np.ndarray, rates: np.ndarray
) -> list[tuple[int, float, float]]:
    """Return window index, rate and correlation where controls show errors: of the worst base."""
    noisy = errors.background.substitution_positions() if errors.background else set()
    found = []
    for row in np.flatnonzero(np.isin(index + window.start, sorted(noisy))):
        at, rate = int(index[row]), np.full(3, rates[row])
        alleles = [Allele(window.start + at, window.sequence[at], base) for base in BASES]
        sites = [errors.at_site(allele, rate, errors.dispersion) for allele in alleles]
        found.append((at, *max((float(r.mean()), dispersion) for r, dispersion in sites)))
    return found


def shallow_exons(rows: list[dict[str, object]], target_vaf: float) -> list[str]:
    """Return the exons of `measure_callability` in which `target_vaf` would not be seen."""
    limits = {str(row["exon"]): row["detectable_vaf"] for row in rows if row["exon"] != "all"}
    return [
        exon for exon, limit in limits.items() if limit is None or float(str(limit)) > target_vaf
    ]


def _summary(
    index: np.ndarray, depth: np.ndarray, limits: np.ndarray, target_vaf: float
) -> dict[str, object]:
    inside = (index >= 0) & (index < len(depth))
    here = np.where(inside, depth[np.clip(index, 0, len(depth) - 1)], 0)
    limit = np.where(inside, limits[np.clip(index, 0, len(depth) - 1)], np.nan)
    ranked = np.sort(np.where(np.isnan(limit), np.inf, limit))
    worst = ranked[int(np.ceil(COVERED_SHARE * len(ranked))) - 1]
    return {
        "cds_bases": len(index),
        "depth": float(np.median(here)),
        "depth_min": int(here.min()),
        "detectable_vaf": None if np.isinf(worst) else float(worst),
        "target_vaf": target_vaf,
        "callable_fraction": float((ranked <= target_vaf).mean()),
    }


def base_error_rates(
    window: ReferenceWindow, pileup: Pileup, errors: ErrorModel, index: np.ndarray
) -> np.ndarray:
    """Return the error rate of the likeliest wrong base at each window index."""
    context = contexts(window)
    none = np.zeros(3)
    depth = pileup.counts.sum(axis=1)
    rates = {
        c: np.stack([errors.substitution_rate(c, alt, none, none) for alt in range(4)])
        for c in np.unique(context[index]).tolist()
    }
    found = np.zeros(len(index))
    for row, i in enumerate(index):
        weight = depth[:, i] / max(depth[:, i].sum(), 1)
        table = rates[int(context[i])]
        wrong = [alt for alt in range(4) if "ACGT"[alt] != window.sequence[i]]
        mixed = table @ weight if weight.sum() else table.mean(axis=1)
        found[row] = mixed[wrong].max()
    return found
