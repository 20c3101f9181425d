"""Cells as points: normalised expression, principal components, neighbours, clusters, a map."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from aftercar.singlecell.neighbours import nearest_among, nearest_neighbours, neighbour_graph

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

_BLOCK_CELLS = 4096
_BLOCK_COUNTS = 250_000  # of such blocks the intermediate values stay in the processor's cache
_MAP_CELLS = 20_000


def column_sums(counts: "csr_matrix") -> np.ndarray:
    """Return the sum of each gene over the cells as float64."""
    total = np.zeros(counts.shape[1])
    for start in range(0, counts.nnz, 4 * _BLOCK_COUNTS):
        part = slice(start, start + 4 * _BLOCK_COUNTS)
        total += np.bincount(
            counts.indices[part], weights=counts.data[part], minlength=counts.shape[1]
        )
    return total


def blocks_of_cells(counts: "csr_matrix") -> Iterator[tuple[slice, slice]]:
    """Yield (cells, counts): slices of some hundred thousand counts, of whole cells."""
    cells, start = counts.shape[0], 0
    while start < cells:
        bar = counts.indptr[start] + _BLOCK_COUNTS
        stop = int(np.searchsorted(counts.indptr, bar, side="right")) - 1
        stop = min(max(stop, start + 1), cells)
        yield slice(start, stop), slice(counts.indptr[start], counts.indptr[stop])
        start = stop


def row_sums(counts: "csr_matrix") -> np.ndarray:
    """Return the molecules of each cell as float64."""
    return np.asarray(counts.sum(axis=1, dtype=np.float64)).ravel()


def variable_genes(
    counts: "csr_matrix", depth: np.ndarray, allowed: np.ndarray, number: int
) -> np.ndarray:
    """Return the columns of the allowed genes that vary most beyond sampling, in order of column.

    Ranked by the variance of analytic Pearson residuals with overdispersion 0.01, clipped at the
    square root of the number of cells (Lause 2021, 10.1186/s13059-021-02451-7); genes seen in
    fewer than three molecules are left out. The zeros are summed over 64 groups of like depth.
    """
    cells, genes = counts.shape
    sums = column_sums(counts)
    usable = np.flatnonzero(allowed & (sums >= 3))
    if len(usable) <= number:
        return usable
    share = sums / depth.sum()
    limit = np.sqrt(cells)
    total = np.zeros(genes)
    for inside, part in blocks_of_cells(counts):
        genes_of, found = counts.indices[part], counts.data[part]
        rows = np.repeat(depth[inside], np.diff(counts.indptr[inside.start : inside.stop + 1]))
        expected = np.maximum(rows * share[genes_of], 1e-12)
        variance = expected + 0.01 * expected**2
        residual = np.minimum((found - expected) / np.sqrt(variance), limit)
        gain = residual**2 - expected**2 / variance  # the zero that stands there otherwise
        total += np.bincount(genes_of, weights=gain, minlength=genes)
    for group in np.array_split(np.sort(depth), min(64, cells)):
        expected = group.mean() * share[usable]
        total[usable] += len(group) * expected / (1 + 0.01 * expected)
    best = np.argsort(-total[usable], kind="stable")[:number]
    return np.sort(usable[best])


@dataclass(frozen=True, eq=False)
class Axes:
    """Principal axes of log(1 + counts per typical depth) of some genes."""

    typical_depth: float
    centre: np.ndarray  # of the axes, components
    directions: np.ndarray  # genes x components

    def place(self, chosen: "csr_matrix", depth: np.ndarray) -> np.ndarray:
        """Return cells x components of cells with counts of these genes and these depths."""
        return log_normalised(chosen, depth, self.typical_depth) @ self.directions - self.centre


def log_normalised(chosen: "csr_matrix", depth: np.ndarray, typical_depth: float) -> "csr_matrix":
    """Return log(1 + counts per typical depth) in single precision, sparse."""
    from scipy.sparse import csr_matrix

    scale = (typical_depth / np.maximum(depth, 1.0)).astype(np.float32)
    values = chosen.data.astype(np.float32)
    values *= np.repeat(scale, np.diff(chosen.indptr))
    return csr_matrix((np.log1p(values, out=values), chosen.indices, chosen.indptr), chosen.shape)


def principal_axes(chosen: "csr_matrix", depth: np.ndarray, *, number: int) -> Axes:
    """Return the principal axes of cells with counts of some genes.

    `depth` is the number of molecules by which each cell is normalised. Exact: eigenvectors of the
    covariance of the genes, summed over blocks of cells, so that nothing large is made dense.
    """
    from scipy.linalg import eigh

    typical = float(np.median(depth))
    values = log_normalised(chosen, depth, typical)
    cells, genes = values.shape
    number = min(number, cells - 1, genes - 1)
    if number < 1:
        return Axes(typical, np.zeros(1), np.zeros((genes, 1)))
    mean = column_sums(values) / cells
    products = np.zeros((genes, genes))
    for start in range(0, cells, _BLOCK_CELLS):
        block = values[start : start + _BLOCK_CELLS].toarray()
        products += block.T @ block
    covariance = products / cells - np.outer(mean, mean)
    _, directions = eigh(covariance, subset_by_index=[genes - number, genes - 1])
    directions = directions[:, ::-1]
    # the sign of a direction is arbitrary: its largest loading is made positive
    largest = directions[np.abs(directions).argmax(axis=0), np.arange(number)]
    directions = directions * np.where(largest < 0, -1.0, 1.0)
    return Axes(typical, mean @ directions, directions)


def principal_components(
    counts: "csr_matrix", depth: np.ndarray, columns: np.ndarray, *, number: int
) -> np.ndarray:
    """Return cells x components of the genes in `columns`, centred; see `principal_axes`."""
    chosen = counts[:, columns]
    return principal_axes(chosen, depth, number=number).place(chosen, depth)


def leiden_clusters(graph: Any, *, resolution: float, seed: int) -> np.ndarray:
    """Return the cluster of each cell, 0 the largest; the same seed gives the same clusters.

    Leiden algorithm (Traag 2019, 10.1038/s41598-019-41695-z).
    """
    from igraph import set_random_number_generator

    set_random_number_generator(random.Random(seed))
    found = graph.community_leiden(
        objective_function="modularity", weights="weight", resolution=resolution, n_iterations=-1
    )
    return renumbered(np.array(found.membership))


def renumbered(membership: np.ndarray) -> np.ndarray:
    """Return clusters numbered by size, the largest 0; ties by their first cell."""
    names, first, sizes = np.unique(membership, return_index=True, return_counts=True)
    order = np.lexsort((first, -sizes))
    rank = np.empty(len(names), dtype=np.int64)
    rank[order] = np.arange(len(names))
    return rank[np.searchsorted(names, membership)]


def joined_small_clusters(
    membership: np.ndarray, points: np.ndarray, minimum_cells: int
) -> np.ndarray:
    """Return clusters of which each has at least `minimum_cells`: small ones join the nearest."""
    membership = renumbered(membership)
    sizes = np.bincount(membership)
    large = np.flatnonzero(sizes >= minimum_cells)
    if len(large) == 0:
        return np.zeros(len(membership), dtype=np.int64)
    centres = np.array([points[membership == name].mean(axis=0) for name in large])
    result = membership.copy()
    for name in np.flatnonzero(sizes < minimum_cells):
        inside = membership == name
        gap = ((centres - points[inside].mean(axis=0)) ** 2).sum(axis=1)
        result[inside] = large[gap.argmin()]
    return renumbered(result)


def cell_map(graph: Any, components: np.ndarray, *, seed: int) -> np.ndarray:
    """Return two coordinates per cell: neighbours attract, all others repel (Fruchterman-Reingold).

    Starts from the first two components; distances between far groups mean nothing. Of more than
    20,000 cells as many are laid out, and each other cell lies in the middle of its five nearest.
    """
    cells = len(components)
    if cells <= _MAP_CELLS:
        return _laid_out(graph, components, seed=seed)
    shown = np.unique(np.linspace(0, cells - 1, _MAP_CELLS).astype(np.int64))
    own = components[shown]
    places = np.empty((cells, 2))
    graph = neighbour_graph(nearest_neighbours(own, 15)[1])
    places[shown] = _laid_out(graph, own, seed=seed)
    others = np.setdiff1d(np.arange(cells), shown)
    near = nearest_among(own, components[others], 5)[1]
    places[others] = places[shown][near].mean(axis=1)
    return places


def _laid_out(graph: Any, components: np.ndarray, *, seed: int) -> np.ndarray:
    from igraph import set_random_number_generator

    two = components[:, :2] if components.shape[1] > 1 else np.repeat(components, 2, axis=1)
    spread = np.abs(two).max(axis=0) + 1e-9
    start = two / spread * np.sqrt(len(two))
    set_random_number_generator(random.Random(seed))
    places = graph.layout_fruchterman_reingold(
        weights="weight",
        niter=50,
        seed=start.tolist(),
        grid="auto",
        start_temp=len(two) ** 0.5 / 20,
    )
    return np.array(places.coords, dtype=np.float64)
