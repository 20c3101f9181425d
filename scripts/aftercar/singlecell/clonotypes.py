"""Clones of B and T cells from the rearranged receptors of single cells."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from aftercar.stats.intervals import wilson_interval

# The chain that names a clone, and the one that names it in a cell without.
NAMING = {"b": ("IGH",), "t": ("TRB", "TRD")}
PARTNER = {"b": ("IGK", "IGL"), "t": ("TRA", "TRG")}


@dataclass(frozen=True, eq=False)
class Repertoire:
    """Clones of one lineage (b or t); arrays run over the cells of the specimen.

    `clone` is the number of a cell's clone or -1; `names` and `rearrangements` (chain:CDR3) are by
    number. A clone that is `anchored` has a heavy (beta, delta) chain; one named by a light (alpha,
    gamma) chain alone does not, and unrelated cells may share it. `productive` are cells whose
    naming chain is productive; `doublet` those with naming chains of two clones.
    """

    lineage: str
    clone: np.ndarray
    names: list[str]
    rearrangements: list[frozenset[str]]
    anchored: np.ndarray
    productive: np.ndarray
    doublet: np.ndarray
    expanded: np.ndarray

    @property
    def evaluable(self) -> np.ndarray:
        """Cells with a heavy (beta, delta) chain of one clone."""
        return (self.clone >= 0) & self._by_clone(self.anchored)

    def members(self, clones: np.ndarray) -> np.ndarray:
        """Return the cells of the clones that a mask names."""
        return (self.clone >= 0) & self._by_clone(clones)

    def _by_clone(self, of_clone: np.ndarray) -> np.ndarray:
        return np.append(of_clone, False)[self.clone]


def repertoire_of_cells(
    contigs: pd.DataFrame, cells: int, lineage: str, settings: dict
) -> Repertoire:
    """Return the clones among `cells` cells.

    `contigs` holds row (of the cell), chain, j_gene, productive, cdr3_nt and umis; `settings` is
    the content of resources/singlecell/clonotypes.yaml. Rearrangements that occur in the same
    cells, or that share a DJ stem (V replacement), are one clone.
    """
    own = _own_contigs(contigs, (*NAMING[lineage], *PARTNER[lineage]), settings["contigs"])
    naming = own[own["chain"].isin(NAMING[lineage])]
    group = _grouped(naming, settings["same_clone"])
    naming = naming.assign(group=naming["key"].map(group))
    clone_of_cell, productive, doublet = _clone_of_cells(naming, settings["expanded"]["cells"])
    partner = own[own["chain"].isin(PARTNER[lineage]) & ~own["row"].isin(set(naming["row"]))]
    partner = partner[partner["productive"].astype(bool)].sort_values(
        ["row", "umis", "key"], ascending=[True, False, True], kind="stable"
    )
    strongest = partner.drop_duplicates("row")
    light: dict[int, str] = dict(
        zip(strongest["row"].tolist(), strongest["key"].tolist(), strict=True)
    )
    clone = np.full(cells, -1, dtype=np.int64)
    keys_of: dict[str, frozenset[str]] = {}
    for key, first in sorted(group.items()):
        keys_of[first] = keys_of.get(first, frozenset()) | {key}
    # a clone bears the name of its rearrangement that most cells carry
    often = naming.groupby("key")["row"].nunique()
    names: list[str] = []
    rearrangements: list[frozenset[str]] = []
    anchored: list[bool] = []
    number_of: dict[str, int] = {}
    for anchor in sorted(keys_of):
        keys = keys_of[anchor]
        number_of[anchor] = len(names)
        names.append(min(keys, key=lambda key: (-int(often[key]), key)))
        rearrangements.append(keys)
        anchored.append(True)
    for key in sorted(set(light.values())):
        number_of[key] = len(names)
        names.append(key)
        rearrangements.append(frozenset([key]))
        anchored.append(False)
    for row, found in (*clone_of_cell.items(), *light.items()):
        clone[row] = number_of[found]
    result = Repertoire(
        lineage, clone, names, rearrangements, np.array(anchored, dtype=bool),
        _mask(productive, cells), _mask(doublet, cells), np.zeros(len(names), dtype=bool),
    )  # fmt: skip
    result.expanded[:] = _expanded(result, settings["expanded"])
    return result


def _mask(rows: list[int], cells: int) -> np.ndarray:
    mask = np.zeros(cells, dtype=bool)
    mask[rows] = True
    return mask


def _own_contigs(contigs: pd.DataFrame, chains: tuple[str, ...], rule: dict) -> pd.DataFrame:
    """Return the contigs that are a cell's own, each rearrangement once, with its key."""
    own = contigs[contigs["chain"].isin(chains) & (contigs["umis"] >= rule["minimum_umis"])]
    strongest = own.groupby(["row", "chain"])["umis"].transform("max")
    own = own[own["umis"] >= rule["share_of_strongest"] * strongest]
    own = own.assign(key=own["chain"] + ":" + own["cdr3_nt"])
    order = ["row", "key", "productive", "umis"]
    return own.sort_values(order, ascending=[True, True, False, False]).drop_duplicates(
        ["row", "key"]
    )


def _grouped(naming: pd.DataFrame, rule: dict) -> dict[str, str]:
    """Return for each rearrangement the first one of its clone."""
    parent = {key: key for key in sorted(set(naming["key"]))}

    def root(key: str) -> str:
        while parent[key] != key:
            key = parent[key]
        return key

    def join(one: str, other: str) -> None:
        first, second = sorted((root(one), root(other)))
        parent[second] = first

    cells = naming.groupby("key")["row"].nunique()
    pairs = naming.merge(naming, on="row", suffixes=("", "_other"))
    pairs = pairs[pairs["key"] < pairs["key_other"]]
    both = pairs.groupby(["key", "key_other"]).size().reset_index(name="together")
    for one, other, together in zip(both["key"], both["key_other"], both["together"], strict=True):
        rarer = min(cells[one], cells[other])
        if together >= rule["cells"] and together >= rule["share"] * rarer:
            join(one, other)
    stems = naming.drop_duplicates("key")
    stems = stems[(stems["chain"] == "IGH") & (stems["j_gene"] != "")]
    length = np.where(
        stems["j_gene"].str.upper().str.startswith("IGHJ6"),
        rule["stem_nucleotides_ighj6"],
        rule["stem_nucleotides"],
    )
    ends: dict[tuple[str, str], str] = {}
    for key, junction, segment, number in zip(
        stems["key"], stems["cdr3_nt"], stems["j_gene"], length, strict=True
    ):
        if len(junction) < number:
            continue
        stem = (segment, junction[-number:])
        if stem in ends:
            join(ends[stem], key)
        ends.setdefault(stem, key)
    return {key: root(key) for key in parent}


def _clone_of_cells(
    naming: pd.DataFrame, known_size: int
) -> tuple[dict[int, str], list[int], list[int]]:
    """Return the clone of each cell, the cells with a productive chain and the doublets.

    A cell's productive chain tells its clone; normal cells often have an unproductive one beside.
    Productive chains of two clones, or one beside an unproductive one of a large clone, are
    those of two cells.
    """
    size = naming.groupby("group")["row"].nunique().to_dict()
    of_cell: dict[int, tuple[set[str], set[str]]] = {}
    for cell, is_sound, group in zip(
        naming["row"].tolist(), naming["productive"].tolist(), naming["group"].tolist(), strict=True
    ):
        of_cell.setdefault(cell, (set(), set()))[0 if is_sound else 1].add(group)
    clone: dict[int, str] = {}
    productive, doublet = [], []
    for cell, (sound, others) in sorted(of_cell.items()):
        broken = others - sound
        if sound:
            productive.append(cell)
        large = [group for group in broken if size[group] >= known_size]
        if len(sound) > 1 or (sound and large):
            doublet.append(cell)
            continue
        candidates = sound or broken
        clone[cell] = min(candidates, key=lambda group: (-int(size[group]), group))
    return clone, productive, doublet


def _expanded(found: Repertoire, rule: dict) -> np.ndarray:
    """Return which clones are larger than those of polyclonal cells; only anchored ones can be."""
    evaluable = found.evaluable
    total = int(evaluable.sum())
    size = np.bincount(found.clone[evaluable], minlength=len(found.names))
    return np.array(
        [
            bool(anchored and number >= rule["cells"])
            and wilson_interval(int(number), total)[0] > rule["share"]
            for anchored, number in zip(found.anchored, size, strict=True)
        ],
        dtype=bool,
    )
