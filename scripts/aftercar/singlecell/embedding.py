"""Cells as points: normalised expression, principal components, neighbours, clusters, a map."""

import random
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

# Above this many cells a tree in many dimensions is slower than scikit-learn's blocked search.
_TREE_CELLS = 20_000
_BLOCK_CELLS = 4096


def column_sums(counts: "csr_matrix", *, squared: bool = False) -> np.ndarray:
    """Return the sum of each gene over the cells, or of its squares, as float64."""
    values = counts.data.astype(np.float64)
    weights = values * values if squared else values
    return np.bincount(counts.indices, weights=weights, minlength=counts.shape[1])


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
    for start in range(0, cells, 20_000):
        part = counts[start : start + 20_000]
        rows = np.repeat(depth[start : start + 20_000], np.diff(part.indptr))
        expected = np.maximum(rows * share[part.indices], 1e-12)
        variance = expected + 0.01 * expected**2
        residual = np.minimum((part.data - expected) / np.sqrt(variance), limit)
        gain = residual**2 - expected**2 / variance  # the zero that stands there otherwise
        total += np.bincount(part.indices, weights=gain, minlength=genes)
    for group in np.array_split(np.sort(depth), min(64, cells)):
        expected = group.mean() * share[usable]
        total[usable] += len(group) * expected / (1 + 0.01 * expected)
    best = np.argsort(-total[usable], kind="stable")[:number]
    return np.sort(usable[best])


def principal_components(
    counts: "csr_matrix", depth: np.ndarray, columns: np.ndarray, *, number: int
) -> np.ndarray:
    """Return cells x components of log(1 + counts per median depth), centred.

    `depth` is the number of molecules by which each cell is normalised. Exact: eigenvectors of the
    covariance of the genes, summed over blocks of cells, so that nothing large is made dense.
    """
    from scipy.linalg import eigh
    from scipy.sparse import diags

    scale = np.median(depth) / np.maximum(depth, 1.0)
    values = (diags(scale.astype(np.float32)) @ counts[:, columns].astype(np.float32)).tocsr()
    np.log1p(values.data, out=values.data)
    cells, genes = values.shape
    number = min(number, cells - 1, genes - 1)
    if number < 1:
        return np.zeros((cells, 1))
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
    return values @ directions - mean @ directions


def nearest_neighbours(points: np.ndarray, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (distances, indices) of the nearest other cells of each cell, both cells x number."""
    number = min(number, len(points) - 1)
    if len(points) <= _TREE_CELLS:
        from scipy.spatial import cKDTree

        distance, index = cKDTree(points).query(points, number + 1)
    else:
        from sklearn.neighbors import NearestNeighbors

        search = NearestNeighbors(n_neighbors=number + 1, algorithm="brute")
        distance, index = search.fit(points.astype(np.float32)).kneighbors()
    # a cell is its own nearest neighbour unless another lies on the same point
    itself = index == np.arange(len(points))[:, None]
    itself[~itself.any(axis=1), -1] = True
    keep = ~itself
    shape = (len(points), index.shape[1] - 1)
    return distance[keep].reshape(shape), index[keep].reshape(shape)


def neighbour_graph(index: np.ndarray) -> Any:
    """Return the undirected graph of neighbours; edges are weighted by shared neighbours (Jaccard).

    As in PhenoGraph (Levine 2015, 10.1016/j.cell.2015.05.047).
    """
    from igraph import Graph
    from scipy.sparse import csr_matrix, triu

    cells, number = index.shape
    origin = np.repeat(np.arange(cells), number)
    ones = np.ones(cells * (number + 1), dtype=np.float32)
    rows = np.concatenate([origin, np.arange(cells)])
    columns = np.concatenate([index.ravel(), np.arange(cells)])
    near = csr_matrix((ones, (rows, columns)), shape=(cells, cells))
    shared = triu((near @ near.T).multiply(near.maximum(near.T)), k=1).tocoo()
    # linked cells without any common neighbour are kept, with the smallest weight
    links = triu(near.maximum(near.T), k=1).tocoo()
    weight = np.asarray(shared.tocsr()[links.row, links.col]).ravel()
    weight = np.maximum(weight, 1)
    graph = Graph(n=cells, edges=np.column_stack([links.row, links.col]))
    graph.es["weight"] = (weight / (2 * (number + 1) - weight)).tolist()
    return graph


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

    Starts from the first two components; distances between far groups mean nothing.
    """
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
