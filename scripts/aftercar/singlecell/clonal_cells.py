"""What receptors tell of cells: clones of the leukemia, normal cells, doublets, lineage switch."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from aftercar.contracts.singlecell import LEUKEMIC
from aftercar.singlecell.clonotypes import Repertoire, repertoire_of_cells
from aftercar.singlecell.lineages import ClusterLineage
from aftercar.stats.intervals import wilson_interval

BENIGN_B = (
    "clonal B cells of mature programme: leukemia, or a benign clone (monoclonal B lymphocytosis)"
)
BENIGN_T = "benign clones are common (CAR-T cells, virus, old age): never leukemic by that alone"
SWITCH = "myeloid programme with the {} of the B-lineage leukemia: lineage switch"


@dataclass(frozen=True, eq=False)
class Clonal:
    """Receptors of a specimen's cells and what they tell; `leukemic` is a mask of clones each."""

    b: Repertoire
    t: Repertoire
    leukemic_b: np.ndarray
    leukemic_t: np.ndarray
    remarks: tuple[tuple[str, str, str], ...]  # identity, evidence, what a reader must know
    settings: dict


@dataclass(eq=False)
class Calls:
    """What each cell is and what that rests on, while evidence is being added."""

    identity: np.ndarray
    evidence: np.ndarray
    flags: dict[tuple[str, str], list[str]]

    def call(self, cells: np.ndarray, identity: str, evidence: str) -> None:
        """Name cells."""
        self.identity[cells] = identity
        self.evidence[cells] = evidence

    def remark(self, identity: str, evidence: str, text: str) -> None:
        """Add what a reader of cells of this identity and evidence must know."""
        said = self.flags.setdefault((identity, evidence), [])
        if text not in said:
            said.append(text)


def clonal_cells(
    contigs: pd.DataFrame,
    lineages: list[ClusterLineage],
    clusters: np.ndarray,
    *,
    disease: str,
    earlier: frozenset[str],
    settings: dict,
) -> Clonal:
    """Return the receptors of cells and which of their clones are the leukemia's.

    `contigs` holds row (index of the cell in `clusters`), chain, j_gene, productive, cdr3_nt and
    umis. `earlier` are rearrangements of the leukemia in earlier specimens of the patient.
    """
    b, t = (repertoire_of_cells(contigs, len(clusters), name, settings) for name in ("b", "t"))
    leukemic_b, said = _leukemic_b(b, lineages, clusters, disease, earlier, settings)
    leukemic_t = _leukemic_t(t, lineages, clusters, settings)
    benign = t.expanded & ~leukemic_t
    if benign.any():
        number, total = int(t.members(benign).sum()), int(t.evaluable.sum())
        said.append(
            (
                "normal_t",
                "marker_score",
                f"expanded T-cell clones ({number} of {total} cells with a receptor): {BENIGN_T}",
            )
        )
    return Clonal(b, t, leukemic_b, leukemic_t, tuple(said), settings)


def _leukemic_b(
    b: Repertoire,
    lineages: list[ClusterLineage],
    clusters: np.ndarray,
    disease: str,
    earlier: frozenset[str],
    settings: dict,
) -> tuple[np.ndarray, list[tuple[str, str, str]]]:
    """Return which B-cell clones are the leukemia's, and remarks."""
    is_b, precursor, other = (
        np.array(mask)[clusters]
        for mask in (
            [found.name == "b" for found in lineages],
            [found.name == "b" and found.precursor for found in lineages],
            [found.name in ("t", "nk") for found in lineages],
        )
    )
    size = np.bincount(clusters, minlength=len(lineages))
    leukemic = np.zeros(len(b.names), dtype=bool)
    said = []
    for number in range(len(b.names)):
        known = bool(b.rearrangements[number] & earlier) and bool(b.anchored[number])
        if not (known or b.expanded[number]):
            continue
        members = b.clone == number
        best = (np.bincount(clusters[members], minlength=len(lineages)) / np.maximum(size, 1)).max()
        outside = members[other].mean() if other.any() else 0.0
        if members[other].sum() >= 2 and outside >= settings["other_lineage"] * best:
            text = f"{short_name(b.names[number])} is as frequent in T or NK cells: not used"
            said.append(("b_unresolved", "marker_score", text))
        elif known:
            leukemic[number] = True
        elif not members[is_b].any():
            continue
        elif 2 * members[precursor].sum() >= members[is_b].sum():
            leukemic[number] = True
        elif disease in settings["b_lineage_diseases"]:
            leukemic[number] = True
            said.append(("leukemic_b", "clonotype", BENIGN_B))
        else:
            text = f"{BENIGN_B}: not called leukemic in {disease or 'this disease'}"
            said.append(("b_unresolved", "marker_score", text))
    return leukemic, said


def _leukemic_t(
    t: Repertoire, lineages: list[ClusterLineage], clusters: np.ndarray, settings: dict
) -> np.ndarray:
    """Return which T-cell clones are the leukemia's: expanded, most of it with the programme."""
    precursor = np.array([found.name == "t" and found.precursor for found in lineages])[clusters]
    member = t.clone >= 0
    cells = np.bincount(t.clone[member], minlength=len(t.names))
    with_programme = np.bincount(t.clone[member & precursor], minlength=len(t.names))
    return t.expanded & (2 * with_programme >= cells)


def short_name(name: str) -> str:
    """Return the chain and the first nucleotides of a clonotype, for sentences."""
    chain, _, junction = name.partition(":")
    return f"clonotype {chain} {junction[:12]}{'…' if len(junction) > 12 else ''}"


def call_by_clonotype(
    calls: Calls, clonal: Clonal, lineages: list[ClusterLineage], clusters: np.ndarray
) -> None:
    """Add to `calls` what receptors tell of the cells of each cluster; see clonotypes.yaml."""
    for identity, evidence, text in clonal.remarks:
        calls.remark(identity, evidence, text)
    of_leukemia = clonal.b.members(clonal.leukemic_b)
    for number, found in enumerate(lineages):
        inside = clusters == number
        if calls.identity[inside][0] == "other":
            continue  # two lineages at once
        if found.name == "b":
            _call_b_cluster(calls, clonal, inside, of_leukemia, found)
        elif found.name == "t" and found.precursor:
            _call_precursor_t(calls, clonal, inside)
        elif found.name == "myeloid" and of_leukemia.any():
            others = np.array([other.name in ("t", "nk") for other in lineages])[clusters]
            _call_myeloid(
                calls, clonal.settings["lineage_switch"], inside, of_leukemia, others, found
            )
    doublet = clonal.b.doublet | clonal.t.doublet | (
        (clonal.b.clone >= 0) & clonal.b.productive & (clonal.t.clone >= 0) & clonal.t.productive
    )  # fmt: skip
    doublet &= np.isin(calls.identity, [*LEUKEMIC, "normal_b", "b_unresolved", "normal_t"])
    if doublet.any():
        calls.call(doublet, "other", "clonotype")
        text = "productive receptors of two clones in one cell: taken for doublets and left out"
        calls.remark("other", "clonotype", text)


def _call_b_cluster(
    calls: Calls, clonal: Clonal, inside: np.ndarray, of_leukemia: np.ndarray, found: ClusterLineage
) -> None:
    b, rule = clonal.b, clonal.settings
    size = np.bincount(b.clone[b.clone >= 0], minlength=len(b.names))
    small = b.anchored & (size <= rule["normal"]["largest_clone_cells"]) & ~clonal.leukemic_b
    diverse = b.members(small) & b.productive & inside
    own, others = int((of_leukemia & inside).sum()), int(diverse.sum())
    bar = rule["leukemic_cluster"]
    if own >= bar["cells"] and own >= bar["share"] * (b.evaluable & inside).sum():
        calls.call(inside, "leukemic_b", "clonotype")
        calls.call(diverse, "normal_b", "clonotype")
    else:
        by_markers = calls.evidence[inside][0] == "marker_score"
        called = by_markers and calls.identity[inside][0] == "leukemic_b"
        bar = rule["diverse_cluster"]
        many = others >= bar["cells"] and others >= bar["share"] * inside.sum()
        if called and many:
            calls.call(inside, "b_unresolved", "marker_score")
            calls.remark(
                "b_unresolved", "marker_score",
                f"precursor programme, but {others} of {int(inside.sum())} cells have heavy chains "
                "of their own: normal precursors rather than leukemia, not called leukemic",
            )  # fmt: skip
        elif called and not (b.evaluable & inside).any():
            calls.remark(
                "leukemic_b", "marker_score", "no receptor: clonotype not evaluable"
            )  # fmt: skip
        if clonal.leukemic_b.any() or not found.precursor or (called and many):
            # mature cells without a receptor follow a cluster of normal ones
            whole = many and not found.precursor and own == 0
            whole = whole and others >= bar["share_of_evaluable"] * (b.evaluable & inside).sum()
            calls.call(inside if whole else diverse, "normal_b", "clonotype")
        calls.call(of_leukemia & inside, "leukemic_b", "clonotype")


def _call_precursor_t(calls: Calls, clonal: Clonal, inside: np.ndarray) -> None:
    t, bar = clonal.t, clonal.settings["leukemic_cluster"]
    own = int((t.members(clonal.leukemic_t) & inside).sum())
    evaluable = int((t.evaluable & inside).sum())
    if own >= bar["cells"] and own >= bar["share"] * evaluable:
        calls.call(inside, "leukemic_t", "clonotype")
    elif not evaluable and (calls.identity[inside] == "leukemic_t").any():
        calls.remark("leukemic_t", "marker_score", "no receptor: clonotype not evaluable")


def _call_myeloid(
    calls: Calls,
    rule: dict,
    inside: np.ndarray,
    of_leukemia: np.ndarray,
    others: np.ndarray,
    found: ClusterLineage,
) -> None:
    """Call myeloid cells leukemic that carry the clonotype beyond ambient and doublets."""
    cells, carriers = int(inside.sum()), int((of_leukemia & inside).sum())
    if carriers < rule["cells"]:
        return
    low = wilson_interval(carriers, cells)[0]
    ambient = float(of_leukemia[others].mean()) if others.any() else 0.0
    if low <= max(rule["share"], rule["times_ambient"] * ambient):
        calls.remark(
            "normal_myeloid", "marker_score",
            f"{carriers} of {cells} cells carry the clonotype of the leukemia, as doublets or "
            "ambient molecules can: not called leukemic",
        )  # fmt: skip
    elif "b" in found.shown:
        calls.call(inside, "other", "marker_score")
        calls.remark(
            "other", "marker_score",
            "B and myeloid lineage with the clonotype of the leukemia: doublets or mixed phenotype",
        )  # fmt: skip
    else:
        calls.call(inside, "leukemic_myeloid", "clonotype")
        calls.remark("leukemic_myeloid", "clonotype", SWITCH.format("clonotype"))


def clones_of_leukemia(clonal: Clonal, identity: np.ndarray) -> Iterator[tuple[str, int]]:
    """Yield lineage and number of each clone that is the leukemia's by the final identities.

    That is a clone with enough cells, most of them leukemic whatever that rests on.
    """
    leukemic = np.isin(identity, LEUKEMIC)
    least = clonal.settings["leukemic_cluster"]["cells"]
    for found, judged in ((clonal.b, clonal.leukemic_b), (clonal.t, clonal.leukemic_t)):
        member = found.clone >= 0
        cells = np.bincount(found.clone[member], minlength=len(found.names))
        own = np.bincount(found.clone[member & leukemic], minlength=len(found.names))
        of_leukemia = found.anchored & (own > 0) & (2 * own >= cells) & (judged | (own >= least))
        for number in np.flatnonzero(of_leukemia):
            yield found.lineage, int(number)
