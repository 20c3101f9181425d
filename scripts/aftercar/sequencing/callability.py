"""What could have been seen: the smallest variant fraction that each coding base would show."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from aftercar.sequencing.alleles import Allele
from aftercar.sequencing.errors import ErrorModel, contexts
from aftercar.sequencing.fragments import BASES, CODE, Pileup
from aftercar.sequencing.genes import Gene, ReferenceWindow
from aftercar.sequencing.length_changes import length_change_errors
from aftercar.sequencing.variants import Calls, CallSettings, detectable_fraction

# The stated limit holds on this share of the coding bases (contract CALLABILITY).
COVERED_SHARE = 0.95
# Bases of an exon whose changes of length reads that end at its edge do not show (convention).
EXON_EDGE_NT = 10
MAX_STRETCHES = 6  # hidden stretches that are named; further ones are counted


@dataclass(frozen=True, eq=False)
class BaseLimits:
    """What each coding base of a gene would show, in genomic order; NaN: no fraction at all.

    `substitution` and `length_change` are the smallest fractions of an exchanged base, and of a
    lost or gained one, that would be called with 95 % probability.
    """

    position: np.ndarray
    depth: np.ndarray
    substitution: np.ndarray
    length_change: np.ndarray

    @property
    def worst(self) -> np.ndarray:
        """The limit of a base: most losses of an antigen are changes of length."""
        return np.maximum(self.substitution, self.length_change)  # NaN stays


def limits_by_base(
    gene: Gene, window: ReferenceWindow, calls: Calls, settings: CallSettings
) -> BaseLimits:
    """Return the limits of all coding bases; bases that the reference does not know have none."""
    position = np.sort(np.array(gene.cds_positions(), dtype=np.int64))
    depth_all, index = calls.pileup.depth(), position - window.start
    letters = np.frombuffer(window.sequence.encode(), dtype=np.uint8)
    inside = (index >= 0) & (index < len(letters))
    inside[inside] = CODE[letters[index[inside]]] < 4
    known, errors = index[inside], calls.errors
    rates = base_error_rates(window, calls.pileup, errors, known)
    limits = _limits(depth_all[known], rates, errors.correlation(rates), settings)
    for row, rate, dispersion in _noisy_sites(window, errors, known, rates):
        limits[row] = _limits(depth_all[known[[row]]], np.array([rate]), dispersion, settings)[0]
    rates, correlations = length_change_errors(window, errors, depth_all, known)
    by_length = _limits(calls.spanning[known], rates, correlations, settings)
    depth = np.zeros(len(position), dtype=np.int64)
    substitution, length_change = np.full((2, len(position)), np.nan)
    depth[inside], substitution[inside], length_change[inside] = depth_all[known], limits, by_length
    return BaseLimits(position, depth, substitution, length_change)


def measure_callability(
    gene: Gene, found: BaseLimits, settings: CallSettings
) -> list[dict[str, object]]:
    """Return depth and limits by exon and for the gene ("all"): rows without names and status.

    The limit of the gene is that of its worst exon: a short exon without reads is few bases, but a
    variant in it loses the antigen all the same.
    """
    rows: list[dict[str, object]] = [
        {"exon": name, **_summary(found.depth[part], found.worst[part], settings.target_vaf)}
        for name, part in _parts(gene, found).items()
    ]
    of_exons = [row["detectable_vaf"] for row in rows[:-1]]
    shown = [float(str(limit)) for limit in of_exons if limit is not None]
    rows[-1]["detectable_vaf"] = max(shown) if len(shown) == len(of_exons) else None
    return rows


def _parts(gene: Gene, found: BaseLimits) -> dict[str, np.ndarray]:
    """Return which bases each coding exon holds, in genomic order, and "all"."""
    parts = {
        str(exon.number): (found.position >= exon.cds_start) & (found.position <= exon.cds_end)
        for exon in gene.exons
        if exon.cds_start is not None and exon.cds_end is not None
    }
    return parts | {"all": np.ones(len(found.position), dtype=bool)}


def callable_bases(gene: Gene, window: ReferenceWindow, found: BaseLimits) -> pd.DataFrame:
    """Return CALLABLE_BASES without the columns that name the specimen."""
    coding = {position: number for number, position in enumerate(gene.cds_positions(), start=1)}
    exons = [gene.exon_at(position) for position in found.position.tolist()]
    return pd.DataFrame(
        {
            "gene": gene.symbol,
            "exon": ["" if exon is None else str(exon.number) for exon in exons],
            "chrom": window.contig,
            "pos": found.position,
            "coding_position": [coding[position] for position in found.position.tolist()],
            "depth": found.depth,
            "detectable_vaf_substitution": found.substitution,
            "detectable_vaf_length_change": found.length_change,
        }
    )


def hidden_stretches(gene: Gene, found: BaseLimits, target_vaf: float, exon: str = "all") -> str:
    """Name the coding bases in which `target_vaf` would not be seen, such as c.273_278."""
    coding = {position: number for number, position in enumerate(gene.cds_positions(), start=1)}
    hidden = ~(found.worst <= target_vaf) & _parts(gene, found)[exon]
    numbers = sorted(coding[position] for position in found.position[hidden].tolist())
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    names = [f"c.{a}" if a == b else f"c.{a}_{b}" for a, b in spans]
    more = len(names) - MAX_STRETCHES
    return ", ".join(names[:MAX_STRETCHES]) + (f" and {more} more" if more > 0 else "")


def hidden_at_edges_only(gene: Gene, found: BaseLimits, target_vaf: float, exon: str) -> bool:
    """Whether reads show `target_vaf` throughout an exon but for changes of length at its edges.

    Reads of RNA end at the edges of exons, so they do not show both sides of a change there.
    """
    part = _parts(gene, found)[exon]
    edges = [edge for e in gene.exons for edge in (e.start, e.end)]
    away = np.abs(found.position[part][:, None] - np.array(edges)).min(axis=1)
    hidden = ~(found.worst[part] <= target_vaf)
    shown = found.substitution[part] <= target_vaf
    return bool(hidden.any() and (away[hidden] < EXON_EDGE_NT).all() and shown[hidden].all())


def _limits(
    depth: np.ndarray, rates: np.ndarray, dispersion: ArrayLike, settings: CallSettings
) -> np.ndarray:
    return detectable_fraction(
        depth, rates, dispersion, settings.false_calls_per_base, settings.min_alt_fragments
    )


def _noisy_sites(
    window: ReferenceWindow, errors: ErrorModel, index: np.ndarray, rates: np.ndarray
) -> list[tuple[int, float, float]]:
    """Return row of `index`, rate and correlation where controls show errors: of the worst base."""
    noisy = errors.background.substitution_positions() if errors.background else set()
    found = []
    for row in np.flatnonzero(np.isin(index + window.start, sorted(noisy))):
        at, rate = int(index[row]), np.full(3, rates[row])
        alleles = [Allele(window.start + at, window.sequence[at], base) for base in BASES]
        usual = float(errors.correlation(rates[row]))
        sites = [errors.at_site(allele, rate, usual) for allele in alleles]
        found.append((int(row), *max((float(r.mean()), dispersion) for r, dispersion in sites)))
    return found


def shallow_exons(rows: list[dict[str, object]], target_vaf: float) -> list[str]:
    """Return the exons of `measure_callability` in which `target_vaf` would not be seen."""
    limits = {str(row["exon"]): row["detectable_vaf"] for row in rows if row["exon"] != "all"}
    return [
        exon for exon, limit in limits.items() if limit is None or float(str(limit)) > target_vaf
    ]


def _summary(depth: np.ndarray, limit: np.ndarray, target_vaf: float) -> dict[str, object]:
    ranked = np.sort(np.where(np.isnan(limit), np.inf, limit))
    worst = ranked[int(np.ceil(COVERED_SHARE * len(ranked))) - 1]
    return {
        "cds_bases": len(depth),
        "depth": float(np.median(depth)),
        "depth_min": int(depth.min()),
        "detectable_vaf": None if np.isinf(worst) else float(worst),
        "target_vaf": target_vaf,
        "callable_fraction": float((ranked <= target_vaf).mean()),
    }


def base_error_rates(
    window: ReferenceWindow, pileup: Pileup, errors: ErrorModel, index: np.ndarray
) -> np.ndarray:
    """Return the error rate of the likeliest wrong base at each window index."""
    none = np.zeros(3)
    seen, which = np.unique(contexts(window)[index], return_inverse=True)
    rates = np.array(
        [[errors.substitution_rate(c, alt, none, none) for alt in range(4)] for c in seen.tolist()]
    ).reshape(-1, 4, 3)[which]
    depth = pileup.counts[:, :, index].sum(axis=1)
    total = depth.sum(axis=0)
    weight = np.where(total > 0, depth / np.maximum(total, 1), 1 / 3)
    mixed = (rates @ weight.T[:, :, None])[:, :, 0]
    letters = np.frombuffer(window.sequence.encode(), dtype=np.uint8)[index]
    mixed[letters[:, None] == np.frombuffer(BASES.encode(), dtype=np.uint8)] = 0
    return mixed.max(axis=1)
