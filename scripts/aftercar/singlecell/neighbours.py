"""Which cells lie nearest to each other, and the graph of neighbours."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

# Up to this many cells every pair counts; above it a search in groups takes a fraction of the time.
_EXACT_CELLS = 5000
_GROUP_CELLS, _MOST_GROUPS, _GROUPS_SEARCHED = 100, 2000, 20
_GROUPED_BY_CELLS = 20_000
_BLOCK = 4096


def in_threads(work: Callable[..., Any], parts: Iterable[Any]) -> list[Any]:
    """Return the work on each part, in their order, done by as many threads as there are cores.

    Parts must not depend on each other: then the number of threads changes no byte.
    """
    from joblib import cpu_count

    with ThreadPoolExecutor(cpu_count()) as pool:  # of those that this job may use
        return list(pool.map(work, parts))


def nearest_neighbours(points: np.ndarray, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (distances, indices) of the nearest other cells of each cell, both cells x number.

    Exact up to 5,000 cells; above that as `nearest_among`. The same points give the same bytes.
    """
    number = min(number, len(points) - 1)
    if len(points) <= _EXACT_CELLS:
        from scipy.spatial import cKDTree

        distance, index = cKDTree(points).query(points, number + 1)
    else:
        distance, index = nearest_among(points, points, number + 1)
    # a cell is its own nearest neighbour unless another lies on the same point
    itself = index == np.arange(len(points))[:, None]
    itself[~itself.any(axis=1), -1] = True
    keep = ~itself
    shape = (len(points), index.shape[1] - 1)
    return distance[keep].reshape(shape), index[keep].reshape(shape)


def nearest_among(
    points: np.ndarray, queries: np.ndarray, number: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return (distances, indices) of the points nearest to each query, both queries x number.

    Points are gathered in groups of some hundred around centres, and each query looks into the
    groups of the twenty centres that are nearest to it (an inverted file, Sivic & Zisserman 2003,
    10.1109/ICCV.2003.1238663): nearly all true neighbours, in time that grows with the cells, not
    with their square. Ties are broken by position.
    """
    number = min(number, len(points))
    small = np.ascontiguousarray(points, dtype=np.float32)
    asked = small if queries is points else np.ascontiguousarray(queries, dtype=np.float32)
    centres = _centres(small, min(len(small) // _GROUP_CELLS + 1, _MOST_GROUPS))
    group = _nearest_centres(small, centres, 1)[:, 0]
    members = np.argsort(group, kind="stable")
    bounds = np.searchsorted(group[members], np.arange(len(centres) + 1))
    sizes = np.diff(bounds)
    # enough groups that even the smallest of them hold as many points as are asked for
    least = np.searchsorted(np.cumsum(np.sort(sizes[sizes > 0])), number) + 1 + (sizes == 0).sum()
    searched = min(max(_GROUPS_SEARCHED, int(least)), len(centres))
    probes = _nearest_centres(asked, centres, searched)
    gap = np.full((len(asked), searched, number), np.inf, dtype=np.float32)
    found = np.zeros((len(asked), searched, number), dtype=np.int32)
    by_group = np.argsort(probes.ravel(), kind="stable")
    starts = np.searchsorted(probes.ravel()[by_group], np.arange(len(centres) + 1))

    def look(names: np.ndarray) -> None:
        for name in names:
            inside = members[bounds[name] : bounds[name + 1]]
            query, slot = np.divmod(by_group[starts[name] : starts[name + 1]], searched)
            squared = _squared_distances(asked[query], small[inside])
            kept = min(number, len(inside))
            if kept < len(inside):
                best = np.argpartition(squared, kept - 1, axis=1)[:, :kept]
                squared = np.take_along_axis(squared, best, axis=1)
                inside = inside[best]
            gap[query, slot, :kept] = squared
            found[query, slot, :kept] = inside

    groups = np.flatnonzero(sizes)
    in_threads(look, [groups[start : start + 50] for start in range(0, len(groups), 50)])
    return _nearest_of_candidates(
        points, queries, gap.reshape(len(asked), -1), found.reshape(len(asked), -1), number
    )


def _nearest_of_candidates(
    points: np.ndarray, queries: np.ndarray, gap: np.ndarray, found: np.ndarray, number: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the nearest of the candidates by exact distances, nearest first."""
    spare = min(number + 4, gap.shape[1])  # single precision may have swapped the last ones
    distance = np.empty((len(queries), number))
    index = np.empty((len(queries), number), dtype=np.int64)
    block = max(1, _BLOCK * 20 // spare)

    def choose(start: int) -> None:
        part = slice(start, start + block)
        rows = found[part]
        if spare < gap.shape[1]:
            best = np.argpartition(gap[part], spare - 1, axis=1)[:, :spare]
            far = np.isinf(np.take_along_axis(gap[part], best, axis=1))
            rows = np.take_along_axis(rows, best, axis=1)
        else:
            far = np.isinf(gap[part])
        exact = ((points[rows] - queries[part, None, :]) ** 2).sum(axis=2)
        exact[far] = np.inf
        order = np.lexsort((rows, exact), axis=1)[:, :number]
        distance[part] = np.sqrt(np.take_along_axis(exact, order, axis=1))
        index[part] = np.take_along_axis(rows, order, axis=1)

    in_threads(choose, range(0, len(queries), block))
    return distance, index


def _centres(points: np.ndarray, number: int) -> np.ndarray:
    """Return centres of groups of like size: k-means of some of the points, a few rounds."""
    random = np.random.default_rng(0)
    some = points
    if len(points) > _GROUPED_BY_CELLS:
        some = points[np.sort(random.choice(len(points), _GROUPED_BY_CELLS, replace=False))]
    centres = some[np.sort(random.choice(len(some), number, replace=False))]
    for _ in range(5):
        group = _nearest_centres(some, centres, 1)[:, 0]
        size = np.bincount(group, minlength=number)
        sums = np.column_stack(
            [np.bincount(group, weights=column, minlength=number) for column in some.T]
        )
        moved = sums / np.maximum(size, 1)[:, None]
        centres = np.where(size[:, None] > 0, moved, centres).astype(np.float32)
    return centres


def _nearest_centres(points: np.ndarray, centres: np.ndarray, number: int) -> np.ndarray:
    """Return the nearest centres of each point, points x number."""
    found = np.empty((len(points), number), dtype=np.int64)

    def look(start: int) -> None:
        squared = _squared_distances(points[start : start + _BLOCK], centres)
        if number == 1:
            best = squared.argmin(axis=1)[:, None]
        elif number < len(centres):
            best = np.argpartition(squared, number - 1, axis=1)[:, :number]
        else:
            best = np.broadcast_to(np.arange(number), squared.shape)
        found[start : start + _BLOCK] = best

    in_threads(look, range(0, len(points), _BLOCK))
    return found


def _squared_distances(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    squared = one @ other.T
    squared *= -2
    squared += np.einsum("ij,ij->i", other, other)
    squared += np.einsum("ij,ij->i", one, one)[:, None]
    return squared


def neighbour_graph(index: np.ndarray) -> Any:
    """Return the undirected graph of neighbours; edges are weighted by shared neighbours (Jaccard).

    As in PhenoGraph (Levine 2015, 10.1016/j.cell.2015.05.047).
    """
    from igraph import Graph

    cells, number = index.shape
    near = np.column_stack([np.arange(cells), index]).astype(np.int32)
    origin = np.repeat(np.arange(cells, dtype=np.int64), number)
    low, high = np.minimum(origin, index.ravel()), np.maximum(origin, index.ravel())
    low, high = np.divmod(np.unique(low * cells + high), cells)
    # linked cells share at least the nearer of the two
    shared = np.empty(len(low), dtype=np.int64)

    def share(start: int) -> None:
        part = slice(start, start + _BLOCK)
        same = near[low[part]][:, :, None] == near[high[part]][:, None, :]
        shared[part] = np.count_nonzero(same.reshape(len(same), -1), axis=1)

    in_threads(share, range(0, len(low), _BLOCK))
    graph = Graph(n=cells, edges=np.column_stack([low, high]))
    graph.es["weight"] = (shared / (2 * (number + 1) - shared)).tolist()
    return graph
