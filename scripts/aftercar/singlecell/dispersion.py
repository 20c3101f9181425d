"""How much genes of one level vary between cells beyond chance."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from aftercar.singlecell.embedding import blocks_of_cells

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


_CELLS = 10_000


@dataclass(frozen=True, eq=False)
class GeneVariation:
    """Rate of every gene within some cells, and its excess variance relative to the mean squared.

    `rate` is molecules per 10,000; `excess` is the overdispersion by moments, NaN for a gene
    without molecules.
    """

    rate: np.ndarray
    excess: np.ndarray


def gene_variation(counts: "csr_matrix", exposure: np.ndarray, rows: np.ndarray) -> GeneVariation:
    """Return rate and overdispersion of every gene among some cells.

    `exposure` is the depth of each cell / 10,000. Of more than 10,000 cells as many, evenly spaced,
    are looked at.
    """
    if len(rows) > _CELLS:
        rows = rows[np.unique(np.linspace(0, len(rows) - 1, _CELLS).astype(np.int64))]
    counts, exposure = counts[rows], exposure[rows]
    genes = counts.shape[1]
    sums, squares, with_depth = np.zeros(genes), np.zeros(genes), np.zeros(genes)
    for cells, part in blocks_of_cells(counts):
        number = np.diff(counts.indptr[cells.start : cells.stop + 1])
        found, columns = counts.data[part].astype(np.float64), counts.indices[part]
        sums += np.bincount(columns, weights=found, minlength=genes)
        squares += np.bincount(columns, weights=found * found, minlength=genes)
        found *= np.repeat(exposure[cells], number)
        with_depth += np.bincount(columns, weights=found, minlength=genes)
    total, total_squares = exposure.sum(), (exposure**2).sum()
    rate = sums / max(total, 1e-9)
    spread = squares - 2 * rate * with_depth + rate**2 * total_squares
    scale = rate**2 * total_squares
    excess = np.divide(spread - rate * total, scale, out=np.full(genes, np.nan), where=scale > 0)
    return GeneVariation(rate, excess)


def overdispersion_of_similar_genes(
    found: GeneVariation, level: float, usable: np.ndarray, settings: dict
) -> float:
    """Return the median overdispersion, by moments, of the genes whose level is nearest to `level`.

    `level` is molecules per 10,000. Genes outside `usable` (antigens, clone-specific families) do
    not count. Fewer than ten comparable genes: the stated value for "unknown".
    """
    rate = found.rate
    candidates = np.flatnonzero(usable & (rate > 0.5 * level) & (rate < 2 * level))
    if level <= 0 or len(candidates) < 10:
        return float(settings["dispersion_unknown"])
    gap = np.abs(np.log(rate[candidates] / level))
    chosen = candidates[np.argsort(gap, kind="stable")[: settings["similar_genes"]]]
    return float(max(np.median(found.excess[chosen]), settings["dispersion_floor"]))
