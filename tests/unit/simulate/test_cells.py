"""The matrices hold the planted populations, for readers that are not ours."""

import numpy as np
import pytest

from aftercar.io.contigs import read_contigs
from aftercar.simulate.cells import (
    cells_needed,
    draw_cells,
    gene_ids,
    gene_names,
    write_10x,
    write_h5ad,
)
from aftercar.simulate.receptors import contig_table
from aftercar.simulate.sequencer import barcodes_of

POPULATIONS = {"leukemic_b": 100, "leukemic_b_lost": 300, "normal_t": 100, "normal_progenitor": 50}


@pytest.fixture(scope="module")
def cells():
    random = np.random.default_rng(8)
    return draw_cells(POPULATIONS, barcodes_of(cells_needed(POPULATIONS), random), random)


def mean_of(cells, gene, population):
    return cells.counts[cells.populations == population, cells.genes.index(gene)].mean()


def test_ids_are_the_known_ones_or_clearly_synthetic():
    ids = dict(zip(gene_names(), gene_ids(gene_names()), strict=True))
    assert ids["CD19"] == "ENSG00000177455"
    assert ids["MS4A1"] == "ENSG00000156738"
    assert ids["VPREB1"].startswith("ENSG90000")
    assert len(set(ids.values())) == len(ids) == len(gene_names())


def test_the_lost_population_has_less_than_a_tenth_of_cd19_and_keeps_its_lineage(cells):
    lost, kept = (mean_of(cells, "CD19", p) for p in ("leukemic_b_lost", "leukemic_b"))
    assert 0 < lost < 0.1 * kept
    lineage = [mean_of(cells, "CD79A", p) for p in ("leukemic_b_lost", "leukemic_b")]
    assert lineage[0] == pytest.approx(lineage[1], rel=0.2)


def test_normal_progenitors_have_cd34_and_no_cd19_of_their_own(cells):
    assert mean_of(cells, "CD34", "normal_progenitor") > 1
    assert cells.own_cd19[cells.populations == "normal_progenitor"].sum() == 0


def test_counts_are_overdispersed_and_ambient_rna_is_everywhere(cells):
    t = cells.counts[cells.populations == "normal_t"]
    gene = cells.genes.index("EEF1A1")
    assert t[:, gene].var() > 2 * t[:, gene].mean()
    assert t[:, cells.genes.index("CD74")].sum() > 0


def test_mutant_molecules_occur_in_the_mutant_clone_and_as_soup_only(cells):
    plain, mutant = cells.cd19_alleles(np.random.default_rng(1))
    np.testing.assert_array_equal(plain + mutant, cells.own_cd19 + cells.ambient_cd19)
    clone = cells.populations == "leukemic_b_lost"
    assert mutant[clone].sum() > 0.9 * cells.own_cd19[clone].sum()
    assert mutant[~clone].sum() <= cells.ambient_cd19[~clone].sum()


def test_low_quality_cells_are_few_and_poor(cells):
    poor = np.array(cells.identities()) == "low_quality"
    assert poor.sum() == round(0.03 * 550)
    assert np.median(cells.counts[poor].sum(1)) < 0.2 * np.median(cells.counts[~poor].sum(1))


def test_the_10x_file_has_the_layout_of_version_3_and_the_counts(cells, tmp_path):
    h5py = pytest.importorskip("h5py")
    from scipy.sparse import csc_matrix

    write_10x(cells, str(tmp_path / "a.h5"))
    with h5py.File(tmp_path / "a.h5") as file:
        matrix = file["matrix"]
        read = csc_matrix((matrix["data"], matrix["indices"], matrix["indptr"]), matrix["shape"][:])
        names = [name.decode() for name in matrix["features/name"]]
        kinds = set(matrix["features/feature_type"][:])
        barcodes = [barcode.decode() for barcode in matrix["barcodes"]]
    assert names == list(cells.genes)
    assert kinds == {b"Gene Expression"}
    assert barcodes == list(cells.barcodes)
    np.testing.assert_array_equal(read.toarray(), cells.counts.T)


def test_the_same_counts_give_the_same_bytes(cells, tmp_path):
    for name in ("a", "b"):
        write_10x(cells, str(tmp_path / f"{name}.h5"))
        write_h5ad(cells, str(tmp_path / f"{name}.h5ad"))
    for kind in ("h5", "h5ad"):
        assert (tmp_path / f"a.{kind}").read_bytes() == (tmp_path / f"b.{kind}").read_bytes()


def test_leukemic_cells_share_a_heavy_chain_and_normal_cells_have_their_own(tmp_path):
    kinds = {"leukemic_b": 200, "normal_b": 100, "normal_t": 100, "normal_myeloid": 50}
    random = np.random.default_rng(9)
    drawn = draw_cells(kinds, barcodes_of(cells_needed(kinds), random), random)
    contig_table(drawn, random).to_csv(tmp_path / "contigs.csv", index=False)
    contigs = read_contigs(tmp_path / "contigs.csv")
    population = dict(zip(drawn.barcodes.astype(str), drawn.populations, strict=True))
    of = contigs["barcode"].map(population)
    heavy = contigs["chain"] == "IGH"
    assert contigs.loc[of == "leukemic_b", "cdr3_nt"].nunique() == 1
    assert contigs.loc[(of == "normal_b") & heavy, "cdr3_nt"].is_unique
    assert set(of) == {"leukemic_b", "normal_b", "normal_t"}
    assert contigs.loc[of == "leukemic_b", "barcode"].nunique() == pytest.approx(140, abs=25)
