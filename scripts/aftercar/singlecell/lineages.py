"""Lineages of clusters of cells, from markers that are not tested for loss."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from aftercar.singlecell.embedding import column_sums, row_sums
from aftercar.singlecell.genes import GeneIndex

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


@dataclass(frozen=True)
class ClusterLineage:
    """Lineages whose markers a cluster shows; `name` is the strongest one or empty."""

    name: str
    shown: tuple[str, ...]
    precursor: bool


def markers_on(
    markers: "csr_matrix", depth: np.ndarray, clusters: np.ndarray, on: dict[str, float]
) -> np.ndarray:
    """Return clusters x genes: which genes are on.

    On: enough molecules in the cluster, and a level that ambient RNA cannot explain because ambient
    RNA is a diluted copy of the specimen. `markers` holds the counts of these genes, `depth` all
    molecules of each cell.
    """
    level = column_sums(markers) / depth.sum()
    bar = np.maximum(on["of_specimen_level"] * level, 1e-12)
    number = int(clusters.max()) + 1
    found = np.zeros((number, markers.shape[1]))
    ratio = np.zeros((number, markers.shape[1]))
    for cluster in range(number):
        inside = clusters == cluster
        sums = column_sums(markers[inside])
        found[cluster] = sums
        ratio[cluster] = sums / max(depth[inside].sum(), 1.0) / bar
    return (found >= on["molecules"]) & (ratio >= 1)


def cluster_lineages(
    counts: "csr_matrix", clusters: np.ndarray, genes: GeneIndex, panel: dict
) -> list[ClusterLineage]:
    """Return the lineage of each cluster from the markers of resources/singlecell/lineages.yaml.

    A lineage is shown when enough of its markers are on and enough of the cluster's cells carry at
    least two molecules of these; the strongest is the one carried by most cells. `panel` is the
    content of that file.
    """
    number = int(clusters.max()) + 1
    depth = row_sums(counts)
    programmes = panel["precursor_programme"]
    rules = [
        *panel["lineages"].values(),
        *(rule for name, rule in programmes.items() if name != "minimum_share"),
    ]
    columns = sorted({c for rule in rules for c in genes.markers(rule["markers"]).values()})
    small = counts[:, columns]

    def share_of_cells(rule: dict, needed: int) -> np.ndarray:
        own = [columns.index(column) for column in genes.markers(rule["markers"]).values()]
        if not own:
            return np.zeros(number)
        return _share_of_cells(small[:, own], depth, clusters, needed, panel["marker_is_on"])

    share = {
        name: share_of_cells(rule, min(rule["needed"], len(genes.markers(rule["markers"]))))
        for name, rule in panel["lineages"].items()
    }
    least = panel["marker_is_on"]["share_of_cells"]
    precursor = {
        name: share_of_cells(rule, rule["needed"])
        for name, rule in programmes.items()
        if name != "minimum_share"
    }
    result = []
    for cluster in range(number):
        shown = [lineage for lineage in share if share[lineage][cluster] >= least]
        for rule in panel["precedence"]:
            if rule["shown"] in shown:
                shown = [lineage for lineage in shown if lineage not in rule["over"]]
        shown.sort(key=lambda lineage: -share[lineage][cluster])
        name = shown[0] if shown else ""
        is_precursor = bool(name in precursor and precursor[name][cluster] >= least)
        result.append(ClusterLineage(name, tuple(shown), is_precursor))
    return result


def _share_of_cells(
    markers: "csr_matrix",
    depth: np.ndarray,
    clusters: np.ndarray,
    needed: int,
    on: dict[str, float],
) -> np.ndarray:
    """Return per cluster the share of cells with two molecules of its markers that are on."""
    share = np.zeros(int(clusters.max()) + 1)
    shown = markers_on(markers, depth, clusters, on)
    for cluster in np.flatnonzero(shown.sum(axis=1) >= needed):
        found = markers[clusters == cluster][:, np.flatnonzero(shown[cluster])]
        share[cluster] = (row_sums(found) >= 2).mean()
    return share
