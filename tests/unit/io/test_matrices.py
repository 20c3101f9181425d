import gzip

import h5py
import numpy as np
import pandas as pd
import pytest
from scipy.io import mmwrite
from scipy.sparse import csc_matrix, csr_matrix

from aftercar.io.cell_tables import UnreadableLabels, read_labels
from aftercar.io.matrices import UnreadableMatrix, matrix_problems, read_matrix

CELLS = ["AAAC-1", "AAAG-1", "AACC-1"]
IDS = ["ENSG00000177455", "ENSG00000105369", "ENSG00000156738"]
NAMES = ["CD19", "CD79A", "MS4A1"]
COUNTS = np.array([[0, 4, 1], [2, 0, 0], [1, 7, 3]], dtype=np.int32)  # cells x genes
GENES = [(i, n, "Gene Expression", "GRCh38") for i, n in zip(IDS, NAMES, strict=True)]


def write_10x(path, features=GENES, counts=COUNTS, cells=CELLS):
    by_cell = csc_matrix(np.asarray(counts).T)
    with h5py.File(path, "w") as file:
        group = file.create_group("matrix")
        for name in ("data", "indices", "indptr"):
            group[name] = getattr(by_cell, name)
        group["shape"] = np.array(by_cell.shape)
        group["barcodes"] = np.array(cells, dtype="S")
        for place, part in enumerate(("id", "name", "feature_type", "genome")):
            group[f"features/{part}"] = np.array([row[place] for row in features], dtype="S")
    return path


def write_v2(path, genomes):
    with h5py.File(path, "w") as file:
        for name in genomes:
            by_cell = csc_matrix(COUNTS.T)
            group = file.create_group(name)
            for part in ("data", "indices", "indptr"):
                group[part] = getattr(by_cell, part)
            group["shape"] = np.array(by_cell.shape)
            group["barcodes"] = np.array(CELLS, dtype="S")
            group["genes"] = np.array(
                [i.replace("ENSG", "ENSMUSG") if name == "mm10" else i for i in IDS], dtype="S"
            )
            group["gene_names"] = np.array(NAMES, dtype="S")
    return path


def write_folder(
    folder, names=("matrix.mtx.gz", "features.tsv.gz", "barcodes.tsv.gz"), cells=CELLS
):
    folder.mkdir()
    mmwrite(str(folder / "matrix.mtx"), csr_matrix(COUNTS.T))
    lines = {
        names[0]: (folder / "matrix.mtx").read_bytes(),
        names[1]: "\n".join("\t".join(row[:3]) for row in GENES).encode() + b"\n",
        names[2]: "\n".join(cells).encode() + b"\n",
    }
    (folder / "matrix.mtx").unlink()
    for name, content in lines.items():
        packed = gzip.compress(content) if name.endswith(".gz") else content
        (folder / name).write_bytes(packed)
    return folder


def write_h5ad(path, x=COUNTS, layer=None, raw=None, var=None, names=NAMES, cells=CELLS):
    from anndata import AnnData

    frame = pd.DataFrame(var or {}, index=pd.Index(names, dtype=object))
    obs = pd.DataFrame(index=pd.Index(cells, dtype=object))
    data = AnnData(X=csr_matrix(np.asarray(x, dtype=np.float32)), obs=obs, var=frame)
    if layer is not None:
        data.layers["counts"] = csr_matrix(np.asarray(layer, dtype=np.float32))
    if raw is not None:
        data.raw = AnnData(X=csr_matrix(np.asarray(raw, dtype=np.float32)), obs=obs, var=frame)
    data.write_h5ad(path)
    return path


@pytest.mark.parametrize("kind", ["10x v3", "10x v2", "folder", "old folder", "h5ad"])
def test_every_format_gives_the_same_counts(tmp_path, kind):
    path = tmp_path / "x"
    if kind == "10x v3":
        write_10x(path)
    elif kind == "10x v2":
        write_v2(path, ["GRCh38"])
    elif kind == "folder":
        write_folder(path)
    elif kind == "old folder":
        write_folder(path, ("matrix.mtx", "genes.tsv", "barcodes.tsv"))
    else:
        write_h5ad(path, var={"gene_ids": IDS, "feature_types": "Gene Expression"})
    found = read_matrix(path)
    assert matrix_problems(path) == []
    assert found.counts.toarray().tolist() == COUNTS.tolist()
    assert list(found.barcode) == CELLS
    assert (list(found.gene_id), list(found.symbol)) == (IDS, NAMES)
    assert found.has_ensembl
    assert found.notes == ()


def test_an_antibody_named_like_its_gene_stays_apart(tmp_path):
    antibody = ("CD19", "CD19", "Antibody Capture", "")
    tag = ("HTO1", "Hashtag_1", "Antibody Capture", "")
    counts = np.column_stack([[900, 800, 700], COUNTS, [5, 5, 5]])
    found = read_matrix(write_10x(tmp_path / "x.h5", [antibody, *GENES, tag], counts))
    assert found.counts.toarray().tolist() == COUNTS.tolist()
    assert found.protein.toarray().ravel().tolist() == [900, 800, 700]
    assert list(found.protein_name) == ["CD19"]
    assert any("1 hashtags" in note for note in found.notes)


def test_symbols_alone_are_a_declared_fallback(tmp_path):
    found = read_matrix(write_h5ad(tmp_path / "x.h5ad"))
    assert not found.has_ensembl
    assert any("found by symbol alone" in note for note in found.notes)


def test_repeated_symbols_are_named(tmp_path):
    features = [*GENES[:2], (IDS[2], "CD19", "Gene Expression", "GRCh38")]
    found = read_matrix(write_10x(tmp_path / "x.h5", features))
    assert any("repeated symbols: CD19" in note for note in found.notes)


@pytest.mark.parametrize(
    ("place", "arguments"),
    [
        ("layers/counts", {"x": np.log1p(COUNTS), "layer": COUNTS}),
        ("raw/X", {"x": np.log1p(COUNTS), "raw": COUNTS}),
    ],
)
def test_raw_counts_are_found_beside_normalised_values(tmp_path, place, arguments):
    found = read_matrix(write_h5ad(tmp_path / "x.h5ad", **arguments))
    assert found.counts.toarray().tolist() == COUNTS.tolist()
    assert f"raw counts were taken from {place}" in found.notes


def test_counts_that_are_stored_dense_are_read_and_logarithms_refused(tmp_path):
    from anndata import AnnData

    obs, var = pd.DataFrame(index=CELLS), pd.DataFrame({"gene_ids": IDS}, index=NAMES)
    AnnData(COUNTS.astype("float32"), obs, var).write_h5ad(tmp_path / "raw.h5ad")
    AnnData(np.log1p(COUNTS).astype("float32"), obs, var).write_h5ad(tmp_path / "log.h5ad")
    assert matrix_problems(tmp_path / "raw.h5ad") == []
    assert read_matrix(tmp_path / "raw.h5ad").counts.toarray().tolist() == COUNTS.tolist()
    assert "no whole numbers in X" in matrix_problems(tmp_path / "log.h5ad")[0][0]


def test_text_that_may_be_missing_is_read(tmp_path):
    path = write_h5ad(tmp_path / "x.h5ad", var={"gene_ids": IDS})
    with h5py.File(path, "a") as file:
        for place, values in (("obs/_index", CELLS), ("var/gene_ids", [*IDS[:2], "nothing"])):
            del file[place]
            group = file.create_group(place)
            group.attrs["encoding-type"] = "nullable-string-array"
            group["values"], group["mask"] = values, [text == "nothing" for text in values]
    found = read_matrix(path)
    assert list(found.barcode) == CELLS
    assert list(found.gene_id) == [*IDS[:2], ""]


def _with_parts_of_another_kind(path):
    write_10x(path)
    with h5py.File(path, "a") as file:
        del file["matrix/features"]
        file["matrix/features"] = np.arange(3)


def _with_three_dimensions(path):
    write_10x(path)
    with h5py.File(path, "a") as file:
        del file["matrix/shape"]
        file["matrix/shape"] = np.array([3, 3, 3])


def _with_a_damaged_stream(path):
    write_folder(path)
    packed = bytearray((path / "matrix.mtx.gz").read_bytes())
    packed[25:40] = b"\xff" * 15
    (path / "matrix.mtx.gz").write_bytes(packed)


@pytest.mark.parametrize(
    "write", [_with_parts_of_another_kind, _with_three_dimensions, _with_a_damaged_stream]
)
def test_whatever_is_wrong_within_a_file_is_said_of_that_file(tmp_path, write):
    write(tmp_path / "x")
    ((found, _, _),) = matrix_problems(tmp_path / "x")
    assert "damaged" in found
    assert "(error)" not in found  # the name of zlib's fault says nothing
    with pytest.raises(UnreadableMatrix, match="damaged"):
        read_matrix(tmp_path / "x")


MOUSE = [(f"ENSMUSG000000{n:05d}", n, "Gene Expression", "mm10") for n in range(3)]


@pytest.mark.parametrize(
    ("write", "found", "remedy"),
    [
        (
            lambda p: write_h5ad(p, x=np.log1p(COUNTS)),
            "no whole numbers in X",
            "before normalising",
        ),
        (lambda p: write_h5ad(p, x=COUNTS - 1.0), "no whole numbers", "raw"),
        (lambda p: write_10x(p, cells=["A-1", "A-1", "B-1"]), "repeated barcodes: A-1", "unique"),
        (
            lambda p: write_10x(p, [(i, str(n), k, g) for i, n, k, g in MOUSE]),
            "mouse genes only",
            "GRCh38",
        ),
        (lambda p: write_v2(p, ["mm10"]), "the genomes mm10", "GRCh38"),
        (
            lambda p: write_10x(p, [(i, n, "Antibody Capture", "") for i, n, _, _ in GENES]),
            "feature types Antibody",
            "gene expression",
        ),
        (
            lambda p: write_10x(p, counts=np.zeros((0, 3)), cells=[]),
            "0 cells x 3 features",
            "export",
        ),
        (lambda p: write_10x(p, cells=CELLS[:2]), "with 3 features and 2 barcodes", "export"),
        (lambda p: p.write_bytes(b"no matrix at all"), "not HDF5", "copy the file again"),
        (lambda p: write_folder(p, cells=CELLS[:2]), "2 barcodes", "one export"),
        (lambda p: p.mkdir(), "0 files named matrix.mtx", "folder of their own"),
        (lambda p: h5py.File(p, "w").close(), "the genomes none", "GRCh38"),
    ],
    ids=[
        "logarithms",
        "negative",
        "repeated barcodes",
        "mouse genes",
        "mouse genome",
        "antibodies only",
        "no cells",
        "names missing",
        "no HDF5",
        "uneven folder",
        "empty folder",
        "empty HDF5",
    ],
)
def test_what_is_no_matrix_is_refused_by_the_header_and_by_the_reader(
    tmp_path, write, found, remedy
):
    path = tmp_path / "x"
    write(path)
    ((problem, expected, advice),) = matrix_problems(path)
    assert found in problem
    assert expected
    assert remedy in advice
    with pytest.raises(UnreadableMatrix, match=found.split(":")[0]):
        read_matrix(path)


def test_a_truncated_file_is_refused(tmp_path):
    path = write_10x(tmp_path / "x.h5")
    path.write_bytes(path.read_bytes()[:3000])
    assert matrix_problems(path)
    with pytest.raises(UnreadableMatrix):
        read_matrix(path)


def test_an_empty_matrix_is_refused(tmp_path):
    path = write_10x(tmp_path / "x.h5", counts=np.zeros((3, 3), dtype=np.int32))
    with pytest.raises(UnreadableMatrix, match="no molecule in any cell"):
        read_matrix(path)


def test_only_human_genes_of_two_genomes_are_read(tmp_path):
    mouse = ("mm10___ENSMUSG00000030724", "mm10___Cd19", "Gene Expression", "mm10")
    human = [(f"GRCh38_{i}", f"GRCh38_{n}", k, g) for i, n, k, g in GENES]
    counts = np.column_stack([COUNTS, [9, 9, 9]])
    found = read_matrix(write_10x(tmp_path / "x.h5", [*human, mouse], counts))
    assert list(found.gene_id) == IDS
    assert list(found.symbol) == NAMES
    both = read_matrix(write_v2(tmp_path / "v2.h5", ["GRCh38", "mm10"]))
    assert both.counts.toarray().tolist() == COUNTS.tolist()
    assert any("mm10" in note for note in both.notes)


def labels(path, text):
    path.write_text(text)
    return path


def test_labels_are_read_with_and_without_subpopulation(tmp_path):
    plain = read_labels(labels(tmp_path / "a.csv", "barcode,label\nA-1,leukemic_b\nB-1,\n"))
    assert plain["label"].tolist() == ["leukemic_b", ""]
    assert plain["subpopulation"].tolist() == ["", ""]
    more = read_labels(
        labels(tmp_path / "b.tsv", "barcode\tlabel\tsubpopulation\nA-1\tnormal_t\tx\n")
    )
    assert more["subpopulation"].tolist() == ["x"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cell\tkind\nA\tB\n", "found no column barcode and label"),
        ("barcode\tlabel\nA-1\tblast\n", "found 1 unknown labels"),
        ("barcode\tlabel\nA-1\tnormal_t\nA-1\tnormal_t\n", "found 1 repeated barcodes"),
        ("barcode\tlabel\tsubpopulation\nA-1\tnormal_t\t<b>\n", "not plain text"),
        ("", "found no table"),
    ],
    ids=["columns", "words", "repeated", "markup", "empty"],
)
def test_labels_that_cannot_be_used_say_why(tmp_path, text, message):
    with pytest.raises(UnreadableLabels, match=message):
        read_labels(labels(tmp_path / "x.tsv", text))


def test_the_annotated_matrix_opens_with_calls_and_raw_counts(tmp_path):
    import anndata
    from tests.unit.singlecell.drawn_cells import draw, measure, mixed, sample

    from aftercar.io.cell_tables import write_annotated_specimen

    matrix, _ = draw(mixed(), 1)
    found = measure(matrix)
    write_annotated_specimen(tmp_path / "h5ad", sample("S1"), matrix, found)
    data = anndata.read_h5ad(tmp_path / "h5ad/S1.h5ad")
    assert data.n_obs == len(found.cells)
    assert {"population", "identity", "umis"} <= set(data.obs.columns)
    assert set(data.uns["antigen_loss"]["status"]) == {row["status"] for row in found.loss}
    column = list(matrix.symbol).index("CD19")
    rows = [list(matrix.barcode).index(barcode) for barcode in data.obs_names]
    expected = matrix.counts[rows][:, [column]].toarray().ravel()
    assert data[:, "CD19"].X.toarray().ravel().tolist() == expected.tolist()
