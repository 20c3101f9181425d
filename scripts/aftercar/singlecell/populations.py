"""Sub-populations of cells of one kind, found without the genes that are tested."""

from typing import TYPE_CHECKING

import numpy as np

from aftercar.singlecell.embedding import (
    joined_small_clusters,
    leiden_clusters,
    principal_components,
    renumbered,
    variable_genes,
)
from aftercar.singlecell.leukemic import Identities
from aftercar.singlecell.neighbours import nearest_neighbours, neighbour_graph

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

# Compartments that are clustered anew, because clusters of all cells are too coarse for them.
CLUSTERED_ANEW = ("leukemic_b", "leukemic_t", "leukemic_myeloid", "normal_b", "b_unresolved")


def name_populations(
    found: Identities,
    clusters: np.ndarray,
    counts: "csr_matrix",
    depth: np.ndarray,
    excluded: np.ndarray,
    *,
    given: np.ndarray | None,
    settings: dict,
    seed: int,
) -> np.ndarray:
    """Return the name of each cell's sub-population; each one lies within one identity and stage.

    `given` holds a name per cell from the user's labels, or empty texts; it wins. All others are
    clustered on genes outside `excluded`, or keep the clusters of the specimen. Cells are never
    split by a variant seen in their RNA: to show a variant of an antigen a cell must express it.
    """
    names = np.full(len(clusters), "", dtype=object)
    for identity in sorted(set(found.identity)):
        everyone = found.identity == identity
        stages = sorted(set(found.stage[everyone]))
        # labels say what leukemic cells are, whatever their stage
        split = len(stages) > 1 and not identity.startswith("leukemic")
        for stage in stages if split else [""]:
            inside = everyone & (found.stage == stage) if stage else everyone.copy()
            prefix = f"{identity} {stage}" if stage == "precursor" else identity
            named = inside & (given != "") if given is not None else np.zeros_like(inside)
            if given is not None:
                names[named] = [f"{identity}: {name}" for name in given[named]]
            _number(
                names, inside & ~named, prefix, identity, clusters, counts, depth, excluded,
                settings, seed,
            )  # fmt: skip
    return names


def _number(
    names: np.ndarray,
    inside: np.ndarray,
    prefix: str,
    identity: str,
    clusters: np.ndarray,
    counts: "csr_matrix",
    depth: np.ndarray,
    excluded: np.ndarray,
    settings: dict,
    seed: int,
) -> None:
    """Write `prefix` and a number, by size, into `names` for the cells inside."""
    if not inside.any():
        return
    if identity in CLUSTERED_ANEW and inside.sum() >= settings["subpopulation_minimum_cells"]:
        part = cluster_again(counts[inside], depth[inside], excluded, settings=settings, seed=seed)
    elif identity.startswith("normal") and identity not in CLUSTERED_ANEW:
        part = renumbered(clusters[inside])
        part[np.isin(part, np.flatnonzero(np.bincount(part) < settings["minimum_cells"]))] = 0
        part = renumbered(part)
    else:
        part = np.zeros(int(inside.sum()), dtype=np.int64)
    single = part.max() == 0
    names[inside] = [prefix if single else f"{prefix} {number + 1}" for number in part]


def cluster_again(
    counts: "csr_matrix", depth: np.ndarray, excluded: np.ndarray, *, settings: dict, seed: int
) -> np.ndarray:
    """Return clusters within some cells, from the genes that vary among these."""
    columns = variable_genes(counts, depth, ~excluded, settings["variable_genes"])
    if len(columns) < 3:
        return np.zeros(len(depth), dtype=np.int64)
    points = principal_components(counts, depth, columns, number=settings["components"])
    graph = neighbour_graph(nearest_neighbours(points, settings["neighbours"])[1])
    found = leiden_clusters(graph, resolution=settings["subpopulation_resolution"], seed=seed)
    return joined_small_clusters(found, points, settings["minimum_cells"])
