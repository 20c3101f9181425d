"""What is known of each cell, for the annotated matrix of a specimen."""

import numpy as np
import pandas as pd

from aftercar.singlecell.rows import Row
from aftercar.singlecell.specimen import Assessed

# What the annotated matrix says of itself.
HOW_TO_READ = {
    "X": "raw counts of the genes in use only: take the depth of a cell from obs/umis",
    "X_map": "force-directed layout of the neighbour graph, no UMAP: distances have no unit",
    "doublet_score": "of simulated pairs of cells; cells called doublets are left out",
    "status": "obs/<antigen>_status is the status of the sub-population, never of the cell",
    "negative_probability": "for pictures: no single cell is called negative; empty: not known",
}


def observations(found: Assessed) -> pd.DataFrame:
    """Return what is known of each usable cell, indexed by barcode, for the annotated matrix."""
    quality, rows, doublets = found.cells.quality, found.cells.rows, found.cells.doublets
    return pd.DataFrame(
        {
            "population": found.cells.population,
            "identity": found.cells.identities.identity,
            "identity_evidence": found.cells.identities.evidence,
            "stage": found.cells.identities.stage,
            "clonotype": _clonotypes(found),
            "umis": quality.depth[rows].astype(np.int64),
            "genes": quality.genes[rows],
            "mitochondrial_fraction": quality.mitochondrial_fraction[rows],
            "doublet_score": doublets.score[~doublets.called],
        },
        index=pd.Index(found.cells.molecules.matrix.barcode.astype(str), name="barcode"),
    )


def with_antigens(cells: pd.DataFrame, loss: list[Row], chances: pd.DataFrame) -> pd.DataFrame:
    """Return the cells with `<antigen>_status` and `<antigen>_negative_probability`.

    `cells` is indexed by barcode and has a column population; `chances` is ANTIGEN_CELLS. A cell of
    which nothing is known has no probability (NaN).
    """
    statuses: dict[str, dict[str, str]] = {}
    for row in loss:
        statuses.setdefault(str(row["antigen"]), {})[str(row["population"])] = str(row["status"])
    found = cells.copy()
    for antigen, of_population in sorted(statuses.items()):
        found[f"{antigen}_status"] = (
            cells["population"].map(of_population).fillna("NOT_EVALUABLE").to_numpy()
        )
        mine = chances[chances["antigen"] == antigen].set_index("barcode")["negative_probability"]
        if len(mine):
            own = mine.reindex(cells.index).to_numpy(dtype=np.float32)
            found[f"{antigen}_negative_probability"] = own
    return found


def _clonotypes(found: Assessed) -> list[str]:
    """Return the clonotype of each cell by its heavy (beta, delta) chain, or nothing."""
    clonal = found.cells.clonal
    if clonal is None:
        return [""] * len(found.cells.rows)
    names = [""] * len(found.cells.rows)
    for part in (clonal.t, clonal.b):
        for row in np.flatnonzero(part.evaluable):
            names[row] = part.names[part.clone[row]]
    return names
