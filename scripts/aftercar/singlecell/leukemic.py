"""What the cells are: from labels, genotypes, receptors, copy number, else from markers."""

from dataclasses import dataclass

import numpy as np

from aftercar.contracts.singlecell import LEUKEMIC
from aftercar.singlecell.clonal_cells import SWITCH, Calls, Clonal, call_by_clonotype
from aftercar.singlecell.lineages import ClusterLineage

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
    flags: dict[tuple[str, str], str]  # identity, evidence -> what a reader must know


def somatic_carriers(
    mutant: dict[str, np.ndarray], of_others: np.ndarray
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Return the variants that T and NK cells do not share, and a remark for each that they do.

    A variant that is at least a quarter as frequent in T and NK cells (`of_others`) as in all
    others is germline or an artefact: it says nothing of leukemia.
    """
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
    copy_number: np.ndarray | None = None,
    clonal: Clonal | None = None,
) -> Identities:
    """Return what each cell is, by the strongest evidence at hand.

    In order: `labels` (a label or an empty text per cell, or None); genotype: a cluster with at
    least `minimum_mutant_cells` cells that carry a loss-of-function variant (`mutant`), more than
    ambient RNA explains; receptors (`clonal`); `copy_number` (labels by copy-number calls of
    another tool); markers. By markers alone a B- or T-lineage cluster is called leukemic only when
    it shows the precursor programme and such cells make up more of the specimen than normal
    precursors do; other B cells stay unresolved. Myeloid cells are never called leukemic by their
    markers, normal progenitors and plasma cells by nothing but a label.
    """
    calls, stage = _by_markers(lineages, clusters, panel, specimen)
    if copy_number is not None and (copy_number != "").any():
        _without_guesses(calls, copy_number == "")
        calls.call(copy_number != "", "", "copy_number")
        calls.identity[copy_number != ""] = copy_number[copy_number != ""]
    if clonal is not None:
        call_by_clonotype(calls, clonal, lineages, clusters)
    _by_genotype(calls, lineages, clusters, mutant, minimum_mutant_cells)
    if labels is not None and (labels != "").any():
        given = labels != ""
        # with labels at hand, guesses may add no leukemic cells; genotype and clonotype prove them
        _without_guesses(calls, ~given)
        calls.identity[given] = labels[given]
        calls.evidence[given] = "label"
    flags = {key: "; ".join(said) for key, said in calls.flags.items()}
    return Identities(calls.identity, calls.evidence, stage, flags)


def _by_markers(
    lineages: list[ClusterLineage], clusters: np.ndarray, panel: dict, specimen: str
) -> tuple[Calls, np.ndarray]:
    """Return what the clusters' markers tell, and the stage of each cell."""
    calls = Calls(
        np.full(len(clusters), "other", dtype=object),
        np.full(len(clusters), "none", dtype=object),
        {},
    )
    stage = np.full(len(clusters), "mature", dtype=object)
    share_of_precursors = {
        lineage: sum(
            float((clusters == number).mean())
            for number, found in enumerate(lineages)
            if found.name == lineage and found.precursor
        )
        for lineage in ("b", "t")
    }
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
                calls.remark(
                    name, "marker_score",
                    "leukemic by a precursor programme alone, which normal precursors share: "
                    "confirm by label, genotype or clonotype",
                )  # fmt: skip
            elif found.name == "b":
                calls.remark(
                    name, "marker_score",
                    f"B precursors are {share_of_precursors['b']:.3g} of the cells, no more than "
                    "normal precursors can be: not called leukemic",
                )  # fmt: skip
        if {"b", "t"} <= set(found.shown) or {"t", "myeloid"} <= set(found.shown):
            name = "other"
            calls.remark(name, "marker_score", "some clusters show two lineages at once (doublets)")
        calls.call(inside, name, "marker_score")
    return calls, stage


def _by_genotype(
    calls: Calls,
    lineages: list[ClusterLineage],
    clusters: np.ndarray,
    mutant: np.ndarray,
    minimum_cells: int,
) -> None:
    """Call clusters leukemic that carry a variant, but not cells that are normal by clonotype."""
    carriers = _carrier_clusters(lineages, clusters, mutant, minimum_cells)
    names = {found.name for number, found in enumerate(lineages) if carriers[number]}
    for number, found in enumerate(lineages):
        if not carriers[number] or found.name not in LEUKEMIC_OF_LINEAGE:
            continue
        identity = LEUKEMIC_OF_LINEAGE[found.name]
        spared = (calls.evidence == "clonotype") & ~np.isin(calls.identity, LEUKEMIC) & ~mutant
        calls.call((clusters == number) & ~spared, identity, "genotype")
        if found.name == "myeloid" and "b" in names:
            calls.remark(identity, "genotype", SWITCH.format("genotype"))
        elif found.name == "myeloid":
            calls.remark(
                identity, "genotype",
                "the variant is not seen in cells of another lineage: clonal haematopoiesis can "
                "carry it as well",
            )  # fmt: skip


def _without_guesses(calls: Calls, cells: np.ndarray) -> None:
    """Take back what markers or copy number called leukemic among these cells."""
    cells = cells & np.isin(calls.evidence, ("marker_score", "copy_number"))
    for name, plain in (
        ("leukemic_b", "b_unresolved"),
        ("leukemic_t", "normal_t"),
        ("leukemic_myeloid", "normal_myeloid"),
    ):
        calls.identity[cells & (calls.identity == name)] = plain
