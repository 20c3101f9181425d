"""Counts of single cells as plain arrays: what the reader of matrices hands to the analysis."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


@dataclass(frozen=True, eq=False)
class ExpressionMatrix:
    """Molecules of one specimen, cells x genes, sparse; antibodies stand apart from genes.

    `gene_id` holds Ensembl identifiers without version, or empty texts where the file has symbols
    only (`has_ensembl` False). `protein` holds raw antibody counts (cells x antibodies) or is
    None. `notes` say what was taken for granted or left out while reading. `empty_droplets` holds
    the molecules of each gene in barcodes without a cell, where the file has such barcodes.
    """

    counts: "csr_matrix"
    barcode: np.ndarray
    gene_id: np.ndarray
    symbol: np.ndarray
    has_ensembl: bool
    protein: "csr_matrix | None"
    protein_name: np.ndarray
    notes: tuple[str, ...]
    empty_droplets: np.ndarray | None = None

    def __len__(self) -> int:
        """Return the number of cells."""
        return len(self.barcode)
