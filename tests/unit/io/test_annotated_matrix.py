"""The annotated matrix of a specimen, as scanpy and a reader of its calls meet it."""

import numpy as np
import pandas as pd
import pytest
from tests.unit.singlecell.drawn_cells import SETTINGS, draw, measure, mixed, sample

from aftercar.io.cell_tables import write_annotated_specimen
from aftercar.io.matrices import read_matrix


@pytest.fixture(scope="module")
def specimen():
    """Counts and results of a marrow in which a labelled clone has lost CD19."""
    matrix, kind = draw(
        mixed(clone=("blast", 90)), 4, antigen={"clone": {"CD19": 0}}, shifted=("clone",)
    )
    blast = np.isin(kind, ("blast", "clone"))
    labels = pd.DataFrame(
        {
            "barcode": matrix.barcode,
            "label": np.where(blast, "leukemic_b", ""),
            "subpopulation": np.where(kind == "clone", "c1", np.where(blast, "main", "")),
        }
    )
    return matrix, measure(matrix, labels)


@pytest.fixture(scope="module")
def path(specimen, tmp_path_factory):
    folder = tmp_path_factory.mktemp("h5ad")
    write_annotated_specimen(folder, sample("S1"), *specimen)
    return folder / "S1.h5ad"


@pytest.mark.filterwarnings("ignore")
def test_scanpy_opens_and_draws_it(path):
    import matplotlib as mpl

    mpl.use("Agg")
    import scanpy

    data = scanpy.read_h5ad(path)
    figure = scanpy.pl.embedding(
        data, basis="map", color=["population", "CD19_status"], show=False, return_fig=True
    )
    titles = {axes.get_title() for axes in figure.axes}
    assert {"population", "CD19_status"} <= titles
    assert "X_umap" not in data.obsm  # the map is none
    assert data.obsm["X_pca"].shape[1] == 20


def test_the_calls_of_the_tables_stand_at_the_cells(path, specimen):
    import anndata

    data = anndata.read_h5ad(path)
    called = {row["population"]: row["status"] for row in specimen[1].loss
              if row["antigen"] == "CD19"}  # fmt: skip
    assert called["leukemic_b: c1"] == "LOST"
    assert data.obs["CD19_status"].astype(str).tolist() == [
        called[name] for name in data.obs["population"]
    ]
    chance = data.obs["CD19_negative_probability"]
    mean = chance.groupby(data.obs["population"], observed=True).mean()
    assert mean["leukemic_b: c1"] > 0.9
    assert mean["leukemic_b: main"] < 0.1
    # nothing is known of cells that do not carry it, and that is no zero
    assert chance[data.obs["identity"].str.startswith("normal_")].isna().all()
    assert "no single cell is called negative" in data.uns["how_to_read"]["negative_probability"]
    assert data.uns["thresholds"]["lost_below"] == SETTINGS["lost_below"]
    assert set(data.uns["antigen_power"]["design"]) >= {"labelled_lost", "unlabelled_screen"}
    assert data.uns["versions"]["aftercar"]


def test_our_own_reader_finds_raw_counts_and_identifiers_in_it(path, specimen):
    matrix, found = specimen
    again = read_matrix(path)
    assert again.has_ensembl
    assert set(again.barcode) == set(found.observations().index)
    column = {gene: index for index, gene in enumerate(matrix.gene_id)}
    row = {barcode: index for index, barcode in enumerate(matrix.barcode)}
    same = matrix.counts[[row[b] for b in again.barcode]][:, [column[g] for g in again.gene_id]]
    assert abs(again.counts - same).sum() == 0


def test_identical_input_gives_identical_bytes(path, specimen, tmp_path):
    write_annotated_specimen(tmp_path, sample("S1"), *specimen)
    assert (tmp_path / "S1.h5ad").read_bytes() == path.read_bytes()
