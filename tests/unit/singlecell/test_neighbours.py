import os
import subprocess
import sys

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from aftercar.singlecell.dispersion import gene_variation, overdispersion_of_similar_genes
from aftercar.singlecell.embedding import cell_map
from aftercar.singlecell.neighbours import nearest_among, nearest_neighbours, neighbour_graph

SETTINGS = {"dispersion_unknown": 0.5, "dispersion_floor": 0.02, "similar_genes": 60}


def groups_of_cells(cells, seed):
    random = np.random.default_rng(seed)
    middles = random.normal(0, 6, (12, 20))
    return middles[random.integers(0, 12, cells)] + random.normal(0, 1, (cells, 20)) * np.linspace(
        2, 0.3, 20
    )


def true_neighbours(points, rows, number):
    squared = ((points[rows, None, :] - points[None, :, :]) ** 2).sum(axis=2)
    squared[np.arange(len(rows)), rows] = np.inf
    return np.argsort(squared, axis=1)[:, :number]


def test_few_cells_get_their_true_neighbours():
    points = groups_of_cells(300, 1)
    distance, index = nearest_neighbours(points, 15)
    assert (index == true_neighbours(points, np.arange(300), 15)).all()
    assert distance[0, 0] == pytest.approx(np.linalg.norm(points[0] - points[index[0, 0]]))


def test_many_cells_get_nearly_all_their_true_neighbours_each_once_and_never_themselves():
    points = groups_of_cells(12_000, 2)
    distance, index = nearest_neighbours(points, 15)
    rows = np.arange(0, 12_000, 60)
    true = true_neighbours(points, rows, 15)
    shared = [len(set(a) & set(b)) / 15 for a, b in zip(index[rows], true, strict=True)]
    assert np.mean(shared) > 0.95
    assert (index != np.arange(12_000)[:, None]).all()
    assert (np.diff(np.sort(index, axis=1), axis=1) > 0).all()
    assert (np.diff(distance, axis=1) >= 0).all()
    assert (nearest_neighbours(points, 15)[1] == index).all()


def test_as_many_neighbours_are_found_as_asked_for_even_among_repeated_points():
    points = np.repeat(groups_of_cells(60, 3), 100, axis=0)
    distance, index = nearest_among(points, points[:50], 250)
    assert index.shape == (50, 250)
    assert np.isfinite(distance).all()
    assert all(len(set(row)) == 250 for row in index)


def test_edges_weigh_the_shared_share_of_neighbours():
    """Cells 0, 1, 2 are each other's neighbours; 3 knows 0 and 1 and nobody knows it."""
    graph = neighbour_graph(np.array([[1, 2], [0, 2], [0, 1], [0, 1]]))
    weights = {edge.tuple: edge["weight"] for edge in graph.es}
    assert weights == {(0, 1): 1.0, (0, 2): 1.0, (1, 2): 1.0, (0, 3): 0.5, (1, 3): 0.5}


def test_a_large_map_places_every_cell_among_its_neighbours():
    points = groups_of_cells(21_000, 4)
    graph = neighbour_graph(nearest_neighbours(points, 15)[1])
    places = cell_map(graph, points, seed=1)
    assert np.isfinite(places).all()
    near = nearest_neighbours(points, 1)[1][:, 0]
    gap = np.linalg.norm(places - places[near], axis=1)
    random = np.random.default_rng(0).permutation(len(places))
    assert np.median(gap) < np.median(np.linalg.norm(places - places[random], axis=1)) / 10


def test_the_overdispersion_of_drawn_counts_is_found():
    random = np.random.default_rng(5)
    exposure = random.gamma(5, 0.05, 25_000)
    inside = random.random(25_000) < 0.9
    noise = random.gamma(1 / 0.3, 0.3, (25_000, 40))
    level = np.linspace(2, 3, 40)
    counts = random.poisson(exposure[:, None] * level * noise)
    counts[~inside] *= 5  # cells outside must not count
    found = gene_variation(csr_matrix(counts), exposure, np.flatnonzero(inside))
    assert found.rate == pytest.approx(level, rel=0.1)
    alpha = overdispersion_of_similar_genes(found, 2.5, np.ones(40, bool), SETTINGS)
    assert alpha == pytest.approx(0.3, abs=0.03)
    assert overdispersion_of_similar_genes(found, 80, np.ones(40, bool), SETTINGS) == 0.5


def test_any_number_of_threads_gives_the_same_cells(root):
    """In processes of their own: libraries read the number of threads when they are loaded."""
    code = (
        "from tests.unit.singlecell.drawn_cells import draw, measure, mixed\n"
        "found = measure(draw(mixed(), 1)[0])\n"
        "points = found.assessed.cells.components.tobytes().hex()\n"
        "print(points, found.cells.to_csv(), found.loss)\n"
    )
    said = [
        subprocess.run(
            [sys.executable, "-c", code], cwd=root, check=True, capture_output=True,
            env=os.environ
            | {"PYTHONPATH": f"{root}:{root / 'scripts'}"}
            | dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads)),
        ).stdout
        for threads in (1, 2)
    ]  # fmt: skip
    assert len(said[0]) > 10_000
    assert said[0] == said[1]
