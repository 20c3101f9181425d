"""What the cells are: from labels, from genotypes, else from lineage markers of clusters."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from aftercar.singlecell.embedding import column_sums, row_sums
from aftercar.singlecell.genes import GeneIndex

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

LINEAGE_OF_IDENTITY = {
    "leukemic_b": "b",
    "normal_b": "b",
    "b_unresolved": "b",
    "leukemic_t": "t",
    "normal_t": "t",
    "normal_nk": "nk",
    "leukemic_myeloid": "myeloid",
    "normal_myeloid": "myeloid",
    "normal_progenitor": "progenitor",
    "plasma": "plasma",
}
LEUKEMIC_OF_LINEAGE = {"b": "leukemic_b", "t": "leukemic_t", "myeloid": "leukemic_myeloid"}


@dataclass(frozen=True, eq=False)
class Identities:
    """What each cell is, what that rests on, its stage (precursor or mature), and remarks."""

    identity: np.ndarray
    evidence: np.ndarray
    stage: np.ndarray
    flags: dict[str, str]  # identity -> what a reader must know


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
        *(rule for name, rule in programmes.items() if name in LEUKEMIC_OF_LINEAGE),
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
        if name in LEUKEMIC_OF_LINEAGE
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


def somatic_carriers(
    mutant: dict[str, np.ndarray], lineages: list[ClusterLineage], clusters: np.ndarray
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Return the variants that T and NK cells do not share, and a remark for each that they do.

    A variant that is at least a quarter as frequent in T and NK cells as in all others is germline
    or an artefact: it says nothing of leukemia.
    """
    of_others = np.array([found.name in ("t", "nk") for found in lineages])[clusters]
    kept, remarks = {}, []
    for name, mask in mutant.items():
        inside = mask[of_others].mean() if of_others.any() else 0.0
        outside = mask[~of_others].mean() if (~of_others).any() else 0.0
        if mask[of_others].sum() >= 2 and inside >= 0.25 * outside:
            remarks.append(
                f"{name} is seen in T or NK cells as well: not used to tell leukemic cells"
            )
        else:
            kept[name] = mask
    return kept, remarks


def _carrier_clusters(
    lineages: list[ClusterLineage], clusters: np.ndarray, mutant: np.ndarray, minimum_cells: int
) -> np.ndarray:
    """Return which clusters carry a variant beyond what ambient molecules explain.

    Enough cells show it, at least a fifth as often as in the cluster that shows it most, and four
    times as often as T and NK cells, in which it can only be ambient.
    """
    number = len(lineages)
    cells = np.bincount(clusters, minlength=number)
    carriers = np.bincount(clusters, weights=mutant, minlength=number)
    share = carriers / np.maximum(cells, 1)
    without = np.array([found.name in ("t", "nk") for found in lineages])
    ambient = carriers[without].sum() / max(cells[without].sum(), 1)
    return (carriers >= minimum_cells) & (share >= 0.2 * share.max()) & (share >= 4 * ambient)


def identities_of_cells(
    lineages: list[ClusterLineage],
    clusters: np.ndarray,
    *,
    specimen: str,
    panel: dict,
    labels: np.ndarray | None,
    mutant: np.ndarray,
    minimum_mutant_cells: int,
) -> Identities:
    """Return what each cell is, by the strongest evidence at hand.

    `labels` holds a label or an empty text per cell, or is None. A label wins. A cluster with at
    least `minimum_mutant_cells` cells that carry a loss-of-function variant (`mutant`), more than
    ambient RNA explains, is leukemic by genotype. Without either, a B- or T-lineage cluster is
    called leukemic only when it shows the precursor programme and such cells make up more of the
    specimen than normal precursors do; other B cells stay unresolved. Myeloid cells are never
    called leukemic by their markers.
    """
    flags: dict[str, str] = {}
    identity = np.full(len(clusters), "other", dtype=object)
    evidence = np.full(len(clusters), "none", dtype=object)
    stage = np.full(len(clusters), "mature", dtype=object)
    share_of_precursors = {
        lineage: sum(
            float((clusters == number).mean())
            for number, found in enumerate(lineages)
            if found.name == lineage and found.precursor
        )
        for lineage in ("b", "t")
    }
    by_genotype = _carrier_clusters(lineages, clusters, mutant, minimum_mutant_cells)
    bar = panel["precursor_programme"]["minimum_share"][specimen]
    for number, found in enumerate(lineages):
        inside = clusters == number
        if not found.name:
            continue
        name = panel["identity"][found.name]
        if found.precursor:
            stage[inside] = "precursor"
            if share_of_precursors[found.name] >= bar:
                name = LEUKEMIC_OF_LINEAGE[found.name]
                flags[name] = (
                    "leukemic by a precursor programme alone, which normal precursors share: "
                    "confirm by label, genotype or clonotype"
                )
            elif found.name == "b":
                flags[name] = (
                    f"B precursors are {share_of_precursors['b']:.3g} of the cells, no more than "
                    "normal precursors can be: not called leukemic"
                )
        if {"b", "t"} <= set(found.shown) or {"t", "myeloid"} <= set(found.shown):
            name = "other"  # two lineages at once: doublets
            flags["other"] = "some clusters show two lineages at once (doublets)"
        identity[inside] = name
        evidence[inside] = "marker_score"
        if by_genotype[number] and found.name in LEUKEMIC_OF_LINEAGE:
            identity[inside] = LEUKEMIC_OF_LINEAGE[found.name]
            evidence[inside] = "genotype"
    if labels is not None:
        given = labels != ""
        # with labels at hand, nothing else may add leukemic cells
        guessed = ~given & np.isin(identity, list(LEUKEMIC_OF_LINEAGE.values()))
        for name, plain in (
            ("leukemic_b", "b_unresolved"),
            ("leukemic_t", "normal_t"),
            ("leukemic_myeloid", "normal_myeloid"),
        ):
            identity[guessed & (identity == name)] = plain
        identity[given] = labels[given]
        evidence[given] = "label"
        flags = {}
    return Identities(identity, evidence, stage, flags)
