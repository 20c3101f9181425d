"""Whether two variants are in the same single cells or in different ones."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd

from aftercar.contracts.specimen import who_when
from aftercar.sequencing.callability_rows import is_loss_of_function

# Errors make this share of a cell's molecules show the other allele (knowledge of the assays:
# PCR errors of 1e-3 to 1e-4 and ambient molecules; a convention on the high side).
ERROR = 0.01
# What carriers show, of which the specimen's likeliest is taken (conventions that span what assays
# do): the chance that all molecules of one copy are lost, and the spread of the share of variant
# molecules around one half as intra-class correlation; 1/3 makes all shares alike (bursts of RNA).
DROPOUTS = (0.01, 0.05, 0.1, 0.2, 0.3)
DISPERSIONS = (0.01, 0.05, 0.15, 1 / 3)
# Barcodes that hold two cells (a convention: about 0.8 % per 1,000 cells loaded on droplets).
DOUBLETS = 0.08
ALPHA = 1e-3
MIN_CELLS = 5  # cells that show each variant, before anything is said
# Below this share of the rarer variant's cells, cells with both are no clone of their own.
ALTERNATIVES_BELOW = 0.2
_ROUNDS = 100
_GRID = 40
_CHI2_95 = 3.841


@dataclass(frozen=True)
class Pair:
    """Cells by what they show, the share of cells with both variants, and the state.

    both, first_only, second_only: cells that show the variants; *_only cells show the reference at
    the other. `fraction` is the share of all covered cells that carry both, dropout considered,
    with 95 % limits; `p` that doublets alone explain it.
    """

    both: int
    first_only: int
    second_only: int
    covered: int
    fraction: float | None
    low: float | None
    high: float | None
    p: float | None
    state: str
    reasons: list[str]


def pair_of_variants(first: pd.DataFrame, second: pd.DataFrame, phase: str = "") -> Pair:
    """Return what the cells of one specimen tell of two variants.

    `first` and `second` are rows of GENOTYPES of one variant each, for the same barcodes. `phase`
    is what molecules tell (phase_of_molecules): CIS variants are one hit, whatever the cells show.
    """
    columns = ["barcode", "ref_umis", "alt_umis", "state"]
    joint = first[columns].merge(second[columns], on="barcode", suffixes=("_a", "_b"))
    seen = joint[["ref_umis_a", "alt_umis_a"]].sum(axis=1) > 0
    seen &= joint[["ref_umis_b", "alt_umis_b"]].sum(axis=1) > 0
    joint = joint[seen]
    a, b = joint["state_a"] == "MUTANT", joint["state_b"] == "MUTANT"
    counts = (int((a & b).sum()), int((a & ~b).sum()), int((b & ~a).sum()))
    if min(counts[0] + counts[1], counts[0] + counts[2]) < MIN_CELLS:
        reason = f"fewer than {MIN_CELLS} cells that cover both positions show each variant"
        return Pair(*counts, len(joint), None, None, None, None, "NOT_DETERMINED", [reason])
    cells = _best_cells(joint)
    fit = _fit(cells)
    expected = 2 * DOUBLETS * fit[1] * fit[2]
    grid = np.unique(np.concatenate([np.linspace(0, 1, _GRID), [fit[3], expected]]))
    profile = np.array([_log_likelihood(cells, _fit(cells, share)) for share in grid])
    best = float(profile.max())
    low, high = _limits(grid, profile, best)
    from scipy.special import chdtrc

    ratio = max(2 * (best - float(profile[grid == expected][0])), 0.0)
    p = 0.5 * float(chdtrc(1, ratio)) if fit[3] > expected else 1.0
    if counts[0] < MIN_CELLS:
        p = 1.0  # what no cell shows is not inferred from shares
    state, reasons = _judge(fit, low, high, expected, p, phase)
    # barcodes of two cells are taken off where they matter: from the lower limit
    least = max(low - expected, 0.0)
    return Pair(*counts, len(joint), float(fit[3]), least, high, p, state, reasons)


def _limits(grid: np.ndarray, profile: np.ndarray, best: float) -> tuple[float, float]:
    """Return where the profile falls by the 95 % point, interpolated between grid points."""
    drop = 2 * (best - profile) - _CHI2_95
    inside = np.flatnonzero(drop <= 0)
    first, last = int(inside[0]), int(inside[-1])
    low, high = float(grid[first]), float(grid[last])
    if first:
        low = float(np.interp(0, drop[[first, first - 1]], grid[[first, first - 1]]))
    if last < len(grid) - 1:
        high = float(np.interp(0, drop[[last, last + 1]], grid[[last, last + 1]]))
    return low, high


def _judge(
    fit: np.ndarray, low: float, high: float, expected: float, p: float, phase: str
) -> tuple[str, list[str]]:
    rarer = min(fit[1], fit[2]) + fit[3]
    if phase == "CIS":
        return "CIS", ["molecules carry both variants: one hit on one copy"]
    if p < ALPHA and low > expected and high >= ALTERNATIVES_BELOW * rarer:
        if phase == "NOT_CIS":
            return "BIALLELIC", ["cells show both variants, molecules show them on two copies"]
        return "SAME_CELLS_PHASE_UNKNOWN", [
            "cells show both variants; whether on one copy or on both is not known"
        ]
    if high < max(ALTERNATIVES_BELOW * rarer, expected):
        return "SUBCLONAL_ALTERNATIVES", [
            "cells show one variant or the other; both only as doublets would"
        ]
    return "NOT_DETERMINED", ["too few cells tell whether both variants are in the same ones"]


@dataclass(frozen=True, eq=False)
class _Cells:
    """Likelihood of counts by class (none, first only, second only, both), and cells with them."""

    likelihood: np.ndarray
    cells: np.ndarray


def _best_cells(joint: pd.DataFrame) -> _Cells:
    """Return the cells under the dropout and dispersion that make them likeliest."""
    columns = ["alt_umis_a", "ref_umis_a", "alt_umis_b", "ref_umis_b"]
    counts, cells = np.unique(joint[columns].to_numpy(dtype=float), axis=0, return_counts=True)
    candidates = []
    for dropout, dispersion in product(DROPOUTS, DISPERSIONS):
        (carrier_a, not_a), (carrier_b, not_b) = (
            _carrier_and_not(counts[:, i], counts[:, i + 1], dropout, dispersion) for i in (0, 2)
        )
        candidates.append(
            _Cells(
                np.stack(
                    [not_a * not_b, carrier_a * not_b, not_a * carrier_b, carrier_a * carrier_b],
                    axis=1,
                ),
                cells,
            )
        )
    return max(candidates, key=lambda found: _log_likelihood(found, _fit(found)))


def _carrier_and_not(
    alt: np.ndarray, ref: np.ndarray, dropout: float, dispersion: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the likelihood of molecules in a carrier of the variant and in another cell.

    The binomial coefficient is the same in all classes and left out.
    """
    from scipy.special import betaln

    half = 0.5 * (1 / dispersion - 1)
    even = np.exp(betaln(alt + half, ref + half) - betaln(half, half))
    none = ERROR**alt * (1 - ERROR) ** ref
    all_of = ERROR**ref * (1 - ERROR) ** alt
    return (1 - 2 * dropout) * even + dropout * (none + all_of), none


def _fit(found: _Cells, both: float | None = None) -> np.ndarray:
    """Return the shares of the four classes by expectation maximisation; `both` fixes the last."""
    shares = np.full(4, 0.25)
    if both is not None:
        shares = np.array([*np.full(3, (1 - both) / 3), both])
    total = found.cells.sum()
    for _ in range(_ROUNDS):
        weight = found.likelihood * shares
        weight /= np.maximum(weight.sum(axis=1, keepdims=True), 1e-300)
        new = (weight * found.cells[:, None]).sum(axis=0) / total
        if both is not None:
            rest = new[:3].sum()
            new = np.array([*(new[:3] * (1 - both) / rest if rest > 0 else shares[:3]), both])
        if np.abs(new - shares).max() < 1e-6:
            return new
        shares = new
    return shares


def _log_likelihood(found: _Cells, shares: np.ndarray) -> float:
    likely = np.maximum((found.likelihood * shares).sum(axis=1), 1e-300)
    return float((np.log(likely) * found.cells).sum())


def pairs_of_specimen(
    genotypes: pd.DataFrame, names: Mapping[tuple[str, int, str, str], tuple[str, str]]
) -> list[tuple[str, str, str, pd.DataFrame, pd.DataFrame]]:
    """Return gene, both names and both tables of each pair of variants of one gene.

    `names` gives gene and name of the variants to look at, by contig, position, ref and alt.
    """
    tables: dict[str, list[tuple[str, pd.DataFrame]]] = {}
    for key, rows in genotypes.groupby(["chrom", "pos", "ref", "alt"], sort=True):
        if key in names:
            gene, name = names[key]  # type: ignore[index]
            tables.setdefault(gene, []).append((name, rows))
    return [
        (gene, first[0], second[0], first[1], second[1])
        for gene, found in sorted(tables.items())
        for i, first in enumerate(found)
        for second in found[i + 1 :]
    ]


def pair_rows(
    samples: list[dict[str, str]],
    genotypes: pd.DataFrame,
    variants: pd.DataFrame,
    bulk: pd.DataFrame,
) -> list[dict[str, object]]:
    """Return rows of BIALLELIC, basis cells: each pair of losses of one gene in each specimen.

    `variants` tell which variants are losses of function, `bulk` (BIALLELIC of the patient's DNA)
    what molecules tell of a pair. A row is known from the day on which all of this is.
    """
    losses: dict[tuple[str, int, str, str], tuple[str, str, float]] = {}
    for row in variants.to_dict("records"):
        if is_loss_of_function({str(name): value for name, value in row.items()}):
            key = (row["chrom"], row["pos"], row["ref"], row["alt"])
            day = _day(row["known_from_day"])
            if key not in losses or day < losses[key][2]:
                losses[key] = (row["gene"], row["hgvs_c"], day)
    names = {key: (gene, name) for key, (gene, name, _) in losses.items()}
    known = {(gene, name): day for gene, name, day in losses.values()}
    rows = []
    for sample in samples:
        who = who_when(sample)
        own = genotypes[genotypes["sample_id"] == sample["sample_id"]]
        for gene, first, second, a, b in pairs_of_specimen(own, names):
            phase, phase_day = _phase(bulk, gene, {first, second})
            pair = pair_of_variants(a, b, phase)
            days = [_day(who["day"]), known[gene, first], known[gene, second], phase_day]
            latest = max(days)
            rows.append(
                who
                | {
                    "gene": gene,
                    "basis": "cells",
                    "first": first,
                    "second": second,
                    "hits": f"{first}; {second}",
                    "both": pair.both,
                    "first_only": pair.first_only,
                    "second_only": pair.second_only,
                    "state": pair.state,
                    "cells_fraction_low": pair.low,
                    "cells_fraction_high": pair.high,
                    "p_value": pair.p,
                    "known_from_day": None if latest == -np.inf else int(latest),
                    "status": "QUANTIFIED"
                    if pair.state in ("BIALLELIC", "SUBCLONAL_ALTERNATIVES", "CIS")
                    else "INDETERMINATE",
                    "flags": "; ".join([*pair.reasons, f"{pair.covered} cells cover both"]),
                }
            )
    return rows


def _phase(bulk: pd.DataFrame, gene: str, names: set[str]) -> tuple[str, float]:
    """Return what molecules of the patient tell of a pair, and from which day on."""
    for row in bulk.sort_values("known_from_day").to_dict("records"):
        same = row["gene"] == gene and {row["first"], row["second"]} == names
        if same and row["basis"] == "molecules" and row["state"] in ("CIS", "NOT_CIS"):
            return row["state"], _day(row["known_from_day"])
    return "", -np.inf


def _day(value: object) -> float:
    return -np.inf if value is None or pd.isna(value) else float(str(value))  # type: ignore[call-overload]
