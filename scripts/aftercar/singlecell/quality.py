"""Which barcodes are usable cells, and how much ambient RNA a specimen carries."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from aftercar.contracts.expression import ExpressionMatrix
from aftercar.singlecell.embedding import column_sums, row_sums

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


@dataclass(frozen=True, eq=False)
class CellQuality:
    """Depth, genes and mitochondrial share of each barcode, and which barcodes are used."""

    depth: np.ndarray
    genes: np.ndarray
    mitochondrial_fraction: np.ndarray
    usable: np.ndarray
    min_genes: int
    has_mitochondrial_genes: bool


def judge_cells(
    matrix: ExpressionMatrix,
    mitochondrial: np.ndarray,
    *,
    min_genes: int,
    max_mitochondrial_fraction: float,
    panel_share: float,
) -> CellQuality:
    """Return the usable barcodes: enough genes, not too many mitochondrial molecules.

    A targeted panel cannot show `min_genes`: there the threshold is `panel_share` of its genes.
    Without mitochondrial genes in the file that share is NaN and not judged.
    """
    depth = row_sums(matrix.counts)
    genes = np.diff(matrix.counts.indptr).astype(np.int64)
    threshold = min(min_genes, max(1, int(panel_share * matrix.counts.shape[1])))
    if len(mitochondrial):
        own = row_sums(matrix.counts[:, mitochondrial])
        share = np.divide(own, depth, out=np.zeros_like(own), where=depth > 0)
        clean = share <= max_mitochondrial_fraction
    else:
        share = np.full(len(depth), np.nan)
        clean = np.full(len(depth), True)
    usable = clean & (genes >= threshold)
    return CellQuality(depth, genes, share, usable, threshold, len(mitochondrial) > 0)


def ambient_share(
    counts: "csr_matrix",
    depth: np.ndarray,
    lineage_of_cell: np.ndarray,
    markers: dict[str, list[int]],
    carriers: dict[str, tuple[str, ...]],
    soup: np.ndarray | None = None,
) -> tuple[float, int]:
    """Return the ambient share of a cell's molecules, and how many molecules it rests on.

    A marker of one lineage found in cells of another is ambient or a trace of own expression, and
    ambient RNA is a diluted copy of the specimen (Young & Behjati 2020,
    10.1093/gigascience/giaa151): the share is (level in foreign cells) / (level of the specimen),
    the median over markers with at least 100 molecules. `carriers` names the lineages that
    may carry the markers of a lineage; `markers` names columns of `counts`. `soup` holds the shares
    of these columns in empty droplets; where it is not known, the specimen stands for it. NaN where
    no marker allows it.
    """
    shares, molecules = [], []
    for lineage, columns in markers.items():
        foreign = ~np.isin(lineage_of_cell, carriers[lineage])
        if not columns or foreign.sum() < 20:
            continue
        part = counts[:, columns]
        everywhere, outside = column_sums(part), column_sums(part[foreign])
        level = everywhere / depth.sum() if soup is None else soup[columns]
        for total, found, ambient in zip(everywhere, outside, level, strict=True):
            if total >= 100 and ambient > 0:
                shares.append(found / depth[foreign].sum() / ambient)
                molecules.append(found)
    if not shares:
        return float("nan"), 0
    return float(np.median(shares)), int(sum(molecules))
