"""The usual run of scanpy: from a 10x file to clusters, with 2,000 variable genes."""

from pynndescent import PyNNDescentTransformer


class Neighbours(PyNNDescentTransformer):
    """The search that scanpy takes by itself, whose result scanpy 1.11 can read.

    pynndescent 0.7 returns a csr_array, which lacks a method that scanpy 1.11 calls.
    """

    def fit_transform(self, X, y=None, **options):  # noqa: N803 - its name in scikit-learn
        """Return the distances to the neighbours as a csr_matrix."""
        from scipy.sparse import csr_matrix

        return csr_matrix(super().fit_transform(X, y, **options))


def prepare() -> None:
    """Nothing is kept between runs."""


def run(_: None, path: str) -> dict[str, int]:
    """Return the numbers of cells and clusters."""
    import scanpy as sc

    cells = sc.read_10x_h5(path)
    cells.var_names_make_unique()
    sc.pp.filter_cells(cells, min_genes=200)
    sc.pp.filter_genes(cells, min_cells=3)
    sc.pp.normalize_total(cells)
    sc.pp.log1p(cells)
    sc.pp.highly_variable_genes(cells, n_top_genes=2000)
    sc.pp.pca(cells, mask_var="highly_variable")
    search = Neighbours(n_neighbors=15, metric="euclidean", random_state=0)
    sc.pp.neighbors(cells, transformer=search)
    sc.tl.leiden(cells, flavor="igraph", n_iterations=2, directed=False)
    return {"cells": cells.n_obs, "clusters": cells.obs["leiden"].nunique()}
