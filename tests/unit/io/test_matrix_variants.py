"""Files of other programs and versions, unfiltered matrices, and arrays that promise too much."""

import gzip

import h5py
import numpy as np
import pytest
from scipy.sparse import csc_matrix, csr_matrix
from tests.unit.io.test_matrices import CELLS, COUNTS, IDS, NAMES, write_10x, write_folder
from tests.unit.io.test_matrices import write_h5ad as write_usual_h5ad

from aftercar.io.matrices import UnreadableMatrix, matrix_problems, read_matrix


def written(path, x):
    """An h5ad with X as given."""
    import anndata
    import pandas as pd

    data = anndata.AnnData(
        X=x, obs=pd.DataFrame(index=pd.Index(CELLS, dtype=object)),
        var=pd.DataFrame({"gene_ids": IDS}, index=pd.Index(NAMES, dtype=object)),
    )  # fmt: skip
    data.write_h5ad(path)
    return path


@pytest.mark.parametrize(
    "form",
    [csr_matrix, csc_matrix, np.asarray],
    ids=["by row", "by column", "dense"],
)
@pytest.mark.parametrize("kind", ["float32", "int64", "uint16"])
def test_counts_of_an_h5ad_are_the_same_in_every_form(tmp_path, form, kind):
    found = read_matrix(written(tmp_path / "x.h5ad", form(COUNTS.astype(kind))))
    assert found.counts.toarray().tolist() == COUNTS.tolist()
    assert found.counts.dtype == np.int32
    assert list(found.gene_id) == IDS


def test_an_h5ad_of_older_programs_is_read(tmp_path):
    """Names of the index as bytes, categories behind a reference, shapes by their old names."""
    path = write_usual_h5ad(tmp_path / "x.h5ad", var={"gene_ids": IDS})
    with h5py.File(path, "a") as file:
        for frame in ("obs", "var"):
            file[frame].attrs["_index"] = np.bytes_(file[frame].attrs["_index"])
        del file["X"].attrs["shape"], file["X"].attrs["encoding-type"]
        file["X"].attrs["h5sparse_format"] = np.bytes_(b"csr")
        file["X"].attrs["h5sparse_shape"] = COUNTS.shape
        del file["var/gene_ids"]
        file["var/__categories/gene_ids"] = np.array(IDS, dtype="S")
        file["var/gene_ids"] = np.arange(3, dtype=np.int8)
        file["var/gene_ids"].attrs["categories"] = file["var/__categories/gene_ids"].ref
    found = read_matrix(path)
    assert found.counts.toarray().tolist() == COUNTS.tolist()
    assert (list(found.gene_id), list(found.barcode)) == (IDS, CELLS)


def test_an_h5ad_of_compound_arrays_says_how_to_renew_it(tmp_path):
    path = write_usual_h5ad(tmp_path / "x.h5ad")
    with h5py.File(path, "a") as file:
        del file["var"]
        file["var"] = np.array([(b"CD19",)], dtype=[("index", "S8")])
    ((found, _, remedy),) = matrix_problems(path)
    assert "before 0.7" in found
    assert "write it again" in remedy


def huge(path, place, size):
    """The same file, with an array that promises more values than there are."""
    with h5py.File(path, "a") as file:
        kind = file[place].dtype
        del file[place]
        file.create_dataset(place, (size,), kind, chunks=(1024,), compression="gzip")
    return path


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda p: huge(p, "matrix/data", 10**13), "1e\\+13 values"),
        (lambda p: huge(p, "matrix/barcodes", 10**12), "1e\\+12 values"),
        (lambda p: huge(p, "matrix/indices", 10**6), "do not fit the counts"),
    ],
    ids=["counts", "barcodes", "indices"],
)
def test_arrays_that_promise_too_much_are_refused_before_they_are_read(tmp_path, change, found):
    with pytest.raises(UnreadableMatrix, match=found):
        read_matrix(change(write_10x(tmp_path / "x.h5")))


@pytest.mark.parametrize(
    ("place", "values"),
    [("indices", [1, 2, 0, 0, 1, 99]), ("indices", [1, 2, 0, 0, 1, -1]), ("indptr", [0, 4, 2, 6])],
    ids=["beyond", "before", "backwards"],
)
def test_places_outside_the_matrix_are_refused(tmp_path, place, values):
    path = write_10x(tmp_path / "x.h5")
    with h5py.File(path, "a") as file:
        file[f"matrix/{place}"][...] = values
    with pytest.raises(UnreadableMatrix, match="do not fit the counts"):
        read_matrix(path)


def test_a_text_without_an_end_of_line_is_refused(tmp_path):
    folder = write_folder(tmp_path / "x")
    (folder / "barcodes.tsv.gz").write_bytes(gzip.compress(b"A" * 10**6))
    with pytest.raises(UnreadableMatrix, match="lines of 10000 letters"):
        read_matrix(folder)


def test_a_folder_with_more_counts_than_places_is_refused(tmp_path):
    folder = write_folder(tmp_path / "x")
    text = "%%MatrixMarket matrix coordinate integer general\n3 3 4000000000\n1 1 1\n"
    (folder / "matrix.mtx.gz").write_bytes(gzip.compress(text.encode()))
    with pytest.raises(UnreadableMatrix, match="4000000000 counts in a matrix of 3 x 3"):
        read_matrix(folder)


EMPTY, REAL, FEATURES = 11_000, 40, 400


def unfiltered():
    """Features as rows: 40 barcodes with 60 features, 11,000 with one molecule, spread among."""
    random = np.random.default_rng(1)
    counts = np.zeros((EMPTY + REAL, FEATURES), dtype=np.int32)
    cells = np.sort(random.choice(EMPTY + REAL, REAL, replace=False))
    for cell in cells:
        counts[cell, random.choice(FEATURES, 60, replace=False)] = random.integers(1, 9, 60)
    outside = np.setdiff1d(np.arange(EMPTY + REAL), cells)
    counts[outside, random.integers(0, FEATURES, EMPTY)] = 1
    return counts, cells


@pytest.mark.parametrize("kind", ["10x", "h5ad by row", "h5ad by column"])
def test_an_unfiltered_matrix_keeps_its_cells_and_tells_what_empty_droplets_hold(tmp_path, kind):
    counts, cells = unfiltered()
    names = [f"B{n}-1" for n in range(len(counts))]
    genes = [
        (f"ENSG{n:011d}", f"G{n}", "Gene Expression", "GRCh38") for n in range(counts.shape[1])
    ]
    path = tmp_path / "x"
    if kind == "10x":
        write_10x(path, genes, counts, names)
    else:
        ids = [gene[0] for gene in genes]
        write_usual_h5ad(path, counts, names=ids, cells=names)
        if kind == "h5ad by column":
            import anndata

            data = anndata.read_h5ad(path)
            data.X = csc_matrix(data.X)
            data.write_h5ad(path)
    found = read_matrix(path)
    assert list(found.barcode) == [names[cell] for cell in cells]
    assert (found.counts.toarray() == counts[cells]).all()
    outside = np.setdiff1d(np.arange(len(counts)), cells)
    assert found.empty_droplets.tolist() == counts[outside].sum(axis=0).tolist()
    assert any(f"unfiltered matrix: {EMPTY} barcodes" in note for note in found.notes)


def test_a_filtered_matrix_of_many_cells_keeps_them_all(tmp_path):
    random = np.random.default_rng(2)
    counts = random.poisson(0.5, (10_500, 60)).astype(np.int32)
    names = [f"B{n}-1" for n in range(len(counts))]
    genes = [(f"ENSG{n:011d}", f"G{n}", "Gene Expression", "GRCh38") for n in range(60)]
    found = read_matrix(write_10x(tmp_path / "x.h5", genes, counts, names))
    assert len(found) == 10_500
    assert found.empty_droplets is None
    assert (found.counts.toarray() == counts).all()


def test_empty_droplets_give_the_ambient_share():
    """T cells burst: the soup holds five times their share. It is a tenth of each cell."""
    from dataclasses import replace

    from tests.unit.singlecell.drawn_cells import PROGRAMMES, draw, measure, mixed

    from aftercar.contracts.specimen import QUALITY

    matrix, _ = draw(mixed(), 4, ambient=0.0)
    random = np.random.default_rng(4)
    soup = np.asarray(matrix.counts.sum(axis=0)).ravel().astype(float)
    soup[[list(matrix.symbol).index(name) for name in PROGRAMMES["t"]]] *= 5
    depth = np.asarray(matrix.counts.sum(axis=1)).ravel()
    added = random.poisson(np.outer(depth, soup / soup.sum()) / 9)  # a tenth of the molecules
    empty = random.multinomial(200_000, soup / soup.sum()).astype(float)
    mixed_up = replace(
        matrix, counts=csr_matrix(matrix.counts + csr_matrix(added.astype(np.int32))),
        empty_droplets=empty,
    )  # fmt: skip
    row = QUALITY.frame(measure(mixed_up).quality).set_index("check").loc["ambient_share"]
    assert row["value"] == pytest.approx(0.1, rel=0.25)
