"""Read single-cell count matrices: 10x HDF5 (v2, v3), 10x folders of text files, h5ad.

Genes are told by Ensembl identifier and feature type, so that an antibody that is named like its
gene cannot stand in for it. A file that holds symbols only is read, and says so in its notes.
"""

import io
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from aftercar.contracts.expression import ExpressionMatrix
from aftercar.io.count_arrays import (
    EXPORT_AGAIN,
    FAULTS_OF_READING,
    LONGEST_NAME,
    MOST_NAMES,
    Counted,
    UnreadableMatrix,
    empty_set_apart,
    read_compressed,
    read_h5ad_counts,
    refuse_fractions,
    require_size,
    whole,
)
from aftercar.io.hdf5_safety import unsafe_part
from aftercar.io.safe_sizes import MOST_TEXT_RATIO, open_text_bytes

if TYPE_CHECKING:
    from h5py import File, Group

GENE_TYPE = "Gene Expression"
MOST_REMARKS = 1000  # lines of remarks above the size of a text matrix
ANTIBODY_TYPE = "Antibody Capture"
HASHTAG = re.compile(r"hash|^hto", re.IGNORECASE)
HUMAN_GENE = re.compile(r"ENSG\d{11}(\.\d+)?")
MOUSE_GENE = re.compile(r"ENSMUSG\d{11}(\.\d+)?")
HUMAN_GENOME = re.compile(r"GRCh\d\d|hg\d\d|human", re.IGNORECASE)
MOUSE_GENOME = re.compile(r"GRCm\d\d|mm\d+|mouse", re.IGNORECASE)
ID_COLUMNS = ("gene_ids", "gene_id", "ensembl_id", "ensembl", "feature_id", "id")
SYMBOL_COLUMNS = ("feature_name", "gene_symbols", "gene_symbol", "gene_name", "symbol")
TYPE_COLUMNS = ("feature_types", "feature_type")


def matrix_problems(path: str | Path) -> list[tuple[str, str, str]]:
    """Return (found, expected, remedy) for what the header shows to be wrong."""
    try:
        _read(Path(path), header_only=True)
    except UnreadableMatrix as error:
        return [error.finding]
    return []


def read_matrix(path: str | Path) -> ExpressionMatrix:
    """Return the raw counts of human genes, and of antibodies where the file has them.

    Raises UnreadableMatrix for a damaged file, normalised values, no cells, no human genes and
    repeated barcodes.
    """
    matrix = _read(Path(path), header_only=False)
    if matrix is None:
        raise UnreadableMatrix("only a header", "counts", EXPORT_AGAIN)
    return matrix


def _read(path: Path, *, header_only: bool) -> ExpressionMatrix | None:
    try:
        return _read_any(path, header_only)
    except UnreadableMatrix:
        raise
    except FAULTS_OF_READING as error:
        raise UnreadableMatrix(
            f"a damaged or incomplete file ({type(error).__name__})",
            "a 10x .h5, an .h5ad, or a folder with matrix.mtx.gz, features.tsv.gz, barcodes.tsv.gz",
            "copy the file again; if that does not help, " + EXPORT_AGAIN,
        ) from None


def _read_any(path: Path, header_only: bool) -> ExpressionMatrix | None:
    if path.is_dir():
        return _read_folder(path, header_only)
    with _hdf5(path) as file:
        if "X" in file or "layers" in file:
            return _read_h5ad(file, header_only)
        return _read_10x(file, header_only)


@contextmanager
def _hdf5(path: Path) -> Iterator["File"]:
    import h5py

    try:
        file = h5py.File(path, "r")
    except OSError:
        raise UnreadableMatrix(
            "a file that is not HDF5, or is cut off",
            "a 10x .h5, an .h5ad, or a folder with matrix.mtx.gz, features.tsv.gz, barcodes.tsv.gz",
            "copy the file again; text matrices belong in a folder",
        ) from None
    with file:
        try:
            if unsafe := unsafe_part(file):
                raise UnreadableMatrix(unsafe, "all values in the file itself", EXPORT_AGAIN)
            yield file
        except (KeyError, OSError) as error:
            raise UnreadableMatrix(
                f"a damaged or incomplete HDF5 file ({type(error).__name__})",
                "all parts of a 10x or AnnData file",
                EXPORT_AGAIN,
            ) from None


# 10x HDF5 ---------------------------------------------------------------------------------------


def _read_10x(file: "File", header_only: bool) -> ExpressionMatrix | None:
    if "matrix" in file:
        group = file["matrix"]
        features = group["features"]
        ids, names, kinds = (_texts(features[part]) for part in ("id", "name", "feature_type"))
        genomes = _texts(features["genome"]) if "genome" in features else np.full(len(ids), "")
        notes: list[str] = []
    else:
        group, notes = _v2_genome(file)
        ids, names = _texts(group["genes"]), _texts(group["gene_names"])
        kinds = np.full(len(ids), GENE_TYPE)
        genomes = np.full(len(ids), "")
    barcodes = _names(group["barcodes"])
    plan = _plan(ids, names, kinds, genomes, barcodes, notes)
    n_features, n_cells = (int(n) for n in group["shape"][:])
    if (n_features, n_cells) != (len(ids), len(barcodes)):
        raise UnreadableMatrix(
            f"a matrix of {n_features} x {n_cells} with {len(ids)} features and "
            f"{len(barcodes)} barcodes",
            "names for every row and column",
            EXPORT_AGAIN,
        )
    refuse_fractions(group["data"][:10_000])
    if header_only:
        return None
    # features x cells by column is cells x features by row
    return _assemble(read_compressed(group, (n_cells, n_features)), barcodes, plan)


def _v2_genome(file: "File") -> tuple["Group", list[str]]:
    import h5py

    genomes = [
        name for name in file if isinstance(file[name], h5py.Group) and "genes" in file[name]
    ]
    human = [name for name in genomes if not MOUSE_GENOME.search(name)]
    preferred = [name for name in human if HUMAN_GENOME.search(name)] or human
    if len(preferred) != 1:
        raise UnreadableMatrix(
            f"the genomes {', '.join(genomes) or 'none'}",
            "one human genome (10x .h5 with a group matrix, or a group named after the genome)",
            "align to GRCh38, or export the human cells alone",
        )
    left_out = sorted(set(genomes) - set(preferred))
    return file[preferred[0]], [f"genome {name} was left out" for name in left_out]


# h5ad -------------------------------------------------------------------------------------------


def _read_h5ad(file: "File", header_only: bool) -> ExpressionMatrix | None:
    place, var_place = _raw_counts(file)
    var, obs = (_frame(file, place) for place in (var_place, "obs"))
    names, barcodes = (_column(frame, _index_name(frame)) for frame in (var, obs))
    candidates = [*_columns(var, ID_COLUMNS), names]
    ids = next(
        (values for values in candidates if _share(values, HUMAN_GENE, MOUSE_GENE) > 0.5),
        np.full(len(names), ""),
    )
    symbols = next(_columns(var, SYMBOL_COLUMNS), names)
    kinds = next(_columns(var, TYPE_COLUMNS), None)
    notes = [] if place == "X" else [f"raw counts were taken from {place}"]
    if kinds is None:
        kinds = np.full(len(names), GENE_TYPE)
        notes.append("the file has no feature types: all features were taken for genes")
    if "obsm" in file and any("protein" in name.lower() for name in file["obsm"]):
        notes.append("antibody values in obsm are not raw counts of this matrix and were not used")
    plan = _plan(ids, symbols, kinds, next(_columns(var, ("genome",)), None), barcodes, notes)
    if header_only:
        return None
    counted = read_h5ad_counts(file[place], (len(barcodes), len(names)))
    return _assemble(counted, barcodes, plan)


def _frame(file: "File", place: str) -> "Group":
    import h5py

    if not isinstance(file[place], h5py.Group):
        raise UnreadableMatrix(
            f"{place} as one compound array: written by AnnData before 0.7",
            "an .h5ad of AnnData 0.7 or later",
            "open it with anndata.read_h5ad and write it again",
        )
    return file[place]


def _index_name(frame: "Group") -> str:
    name = frame.attrs["_index"]
    return name.decode() if isinstance(name, bytes) else str(name)


def _raw_counts(file: "File") -> tuple[str, str]:
    """Return where in an h5ad whole numbers stand, and the table of their features."""
    import h5py

    places = [("layers/counts", "var"), ("X", "var"), ("raw/X", "raw/var")]
    found = []
    for place, var in places:
        if place not in file:
            continue
        found.append(place)
        item = file[place]
        values = item["data"][:10_000] if isinstance(item, h5py.Group) else item[:50]
        if whole(np.asarray(values)):
            return place, var
    raise UnreadableMatrix(
        f"no whole numbers in {', '.join(found) or 'X'}: normalised or logarithmic values",
        "raw molecule counts in X, layers/counts or raw/X",
        'store the raw counts, for example adata.layers["counts"] = raw, before normalising',
    )


def _column(group: "Group", name: str) -> np.ndarray:
    """Return a column of a data frame in an h5ad as text; categories are spelled out."""
    import h5py

    item = group[name]
    if isinstance(item, h5py.Group) and "mask" in item:  # text that may be missing
        return np.where(item["mask"][:], "", _texts(item["values"]))
    if isinstance(item, h5py.Group):
        codes, categories = item["codes"], item["categories"]
    elif isinstance(item.attrs.get("categories"), h5py.Reference):  # AnnData 0.7
        codes, categories = item, group.file[item.attrs["categories"]]
    else:
        return _texts(item)
    require_size(codes, MOST_NAMES)
    spelled = np.append(_texts(categories), "")
    return spelled[codes[:]]  # a missing value has the code -1


def _columns(group: "Group", names: tuple[str, ...]) -> Iterator[np.ndarray]:
    yield from (_column(group, name) for name in names if name in group)


# folders ----------------------------------------------------------------------------------------


def _read_folder(folder: Path, header_only: bool) -> ExpressionMatrix | None:
    matrix, features, barcodes = (
        _one_file(folder, names)
        for names in (("matrix.mtx",), ("features.tsv", "genes.tsv"), ("barcodes.tsv",))
    )
    try:
        rows = [line.rstrip("\r\n").split("\t") for line in _lines(features)]
        barcode = np.array([line.split("\t")[0].strip() for line in _lines(barcodes)], dtype=object)
        first = islice(_lines(matrix), MOST_REMARKS)
        size = next(line for line in first if not line.startswith("%")).split()
        n_features, n_cells, n_counts = (int(text) for text in size[:3])
    except UnreadableMatrix:
        raise
    except (OSError, EOFError, zlib.error, StopIteration, ValueError, IndexError):
        raise UnreadableMatrix(
            "a damaged text file in the folder", "a complete 10x folder", "copy the folder again"
        ) from None
    if (n_features, n_cells) != (len(rows), len(barcode)):
        raise UnreadableMatrix(
            f"a matrix of {n_features} x {n_cells} with {len(rows)} features and "
            f"{len(barcode)} barcodes",
            "files of one and the same export",
            "copy the three files of one export into one folder",
        )
    width = min(map(len, rows), default=0)
    ids = np.array([row[0] for row in rows], dtype=object)
    names = np.array([row[1] if width > 1 else row[0] for row in rows], dtype=object)
    kinds = np.array([row[2] if width > 2 else GENE_TYPE for row in rows], dtype=object)
    plan = _plan(ids, names, kinds, None, barcode, [])
    if header_only:
        return None
    from scipy.io import mmread
    from scipy.sparse import csr_matrix

    most = min(n_features * n_cells, MOST_TEXT_RATIO * matrix.stat().st_size)
    if n_counts > most:
        raise UnreadableMatrix(
            f"{n_counts} counts in a matrix of {n_features} x {n_cells} and a file of "
            f"{matrix.stat().st_size} bytes",
            "at most one count per feature and cell, and no more than the file can hold",
            "copy the folder again",
        )
    try:
        with open_text_bytes(matrix) as text:
            counts = mmread(text).T
    except (OSError, EOFError, zlib.error, ValueError):
        raise UnreadableMatrix(
            "a damaged matrix file", "a complete Matrix Market file", "copy the folder again"
        ) from None
    refuse_fractions(counts.data)
    return _assemble(empty_set_apart(csr_matrix(counts, dtype=np.int32)), barcode, plan)


def _one_file(folder: Path, names: tuple[str, ...]) -> Path:
    found = [
        file
        for name in names
        for end in ("", ".gz")
        for file in sorted(folder.glob(f"*{name}{end}"))
    ]
    if len(found) != 1:
        raise UnreadableMatrix(
            f"{len(found)} files named {' or '.join(names)} (.gz) in the folder",
            "one",
            "put the three files of one specimen into a folder of their own",
        )
    return found[0]


def _lines(path: Path) -> Iterator[str]:
    with io.TextIOWrapper(open_text_bytes(path)) as file:
        for _ in range(MOST_NAMES):
            line = file.readline(LONGEST_NAME)
            if not line:
                return
            if len(line) == LONGEST_NAME:
                break
            yield line
    raise UnreadableMatrix(
        f"{path.name} with lines of {LONGEST_NAME} letters or more than {MOST_NAMES} lines",
        "a line per barcode or feature",
        "copy the folder again",
    )


# what all formats share -------------------------------------------------------------------------


def _plan(
    ids: np.ndarray,
    names: np.ndarray,
    kinds: np.ndarray,
    genomes: np.ndarray | None,
    barcodes: np.ndarray,
    notes: list[str],
) -> dict[str, Any]:
    """Return which features are human genes and antibodies, or raise what is wrong with them."""
    if len(barcodes) == 0 or len(ids) == 0:
        raise UnreadableMatrix(
            f"{len(barcodes)} cells x {len(ids)} features", "at least one cell", EXPORT_AGAIN
        )
    if repeated := _repeated(barcodes):
        raise UnreadableMatrix(
            f"repeated barcodes: {repeated}",
            "every barcode once",
            "give one file per library, or make barcodes unique before joining libraries",
        )
    is_gene = kinds == GENE_TYPE
    if not is_gene.any():
        raise UnreadableMatrix(
            f"feature types {', '.join(sorted(set(kinds)))}",
            f"features of type {GENE_TYPE}",
            "export the matrix with gene expression",
        )
    mouse = np.array([bool(MOUSE_GENE.search(text)) for text in ids])
    if genomes is not None:
        mouse |= np.array([bool(MOUSE_GENOME.search(text)) for text in genomes])
    bare = np.array([re.sub(r"^(GRCh\d\d|hg\d\d)_+", "", text) for text in ids], dtype=object)
    has_ensembl = _share(bare[is_gene & ~mouse], HUMAN_GENE) > 0.5
    if not has_ensembl and _looks_like_mouse(names[is_gene & ~mouse]):
        mouse |= is_gene
    genes = np.flatnonzero(is_gene & ~mouse)
    if len(genes) == 0:
        raise UnreadableMatrix(
            "mouse genes only", "human genes", "align to GRCh38; mouse data cannot be analysed"
        )
    if (is_gene & mouse).any():
        notes = [*notes, f"{int((is_gene & mouse).sum())} mouse genes were left out"]
    symbol = np.array([re.sub(r"^(GRCh\d\d|hg\d\d)_+", "", text) for text in names], dtype=object)
    gene_id = np.array([text.split(".")[0] for text in bare[genes]], dtype=object)
    if not has_ensembl:
        gene_id = np.full(len(genes), "", dtype=object)
        notes = [*notes, "the file has no Ensembl identifiers: genes were found by symbol alone"]
    elif repeated := _repeated(gene_id):
        notes = [*notes, f"repeated Ensembl identifiers: {repeated}; the first one was used"]
    if repeated := _repeated(symbol[genes]):
        notes = [*notes, f"repeated symbols: {repeated}"]
    antibodies = np.flatnonzero(
        (kinds == ANTIBODY_TYPE) & np.array([not HASHTAG.search(text) for text in names])
    )
    tags = int((kinds == ANTIBODY_TYPE).sum()) - len(antibodies)
    if tags:
        notes = [*notes, f"{tags} hashtags were kept apart from antibodies"]
    return {
        "genes": genes,
        "gene_id": gene_id,
        "symbol": symbol[genes],
        "has_ensembl": has_ensembl,
        "antibodies": antibodies,
        "protein_name": names[antibodies],
        "notes": tuple(notes),
    }


def _assemble(counted: Counted, barcodes: np.ndarray, plan: dict[str, Any]) -> ExpressionMatrix:
    counts, notes = counted.counts, plan["notes"]
    if counts.nnz == 0 or counts.data.max() == 0:
        raise UnreadableMatrix("no molecule in any cell", "counts", EXPORT_AGAIN)
    genes, antibodies = plan["genes"], plan["antibodies"]
    protein = counts[:, antibodies] if len(antibodies) else None
    if counted.kept is not None:
        barcodes = barcodes[counted.kept]
        notes = (
            *notes,
            f"an unfiltered matrix: {int((~counted.kept).sum())} barcodes with next to nothing "
            "were taken for empty droplets, and their molecules for ambient RNA; the filtered "
            "matrix of the same run tells cells from empty droplets better",
        )
    return ExpressionMatrix(
        counts=counts if len(genes) == counts.shape[1] else counts[:, genes],
        barcode=np.array([_text(name) for name in barcodes], dtype=object),
        gene_id=plan["gene_id"],
        symbol=plan["symbol"],
        has_ensembl=plan["has_ensembl"],
        protein=protein,
        protein_name=plan["protein_name"],
        notes=notes,
        empty_droplets=None if counted.empty is None else counted.empty[genes],
    )


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _names(dataset: Any) -> np.ndarray:
    """Return texts as the file stores them: millions of barcodes need not become objects."""
    require_size(dataset, MOST_NAMES)
    return dataset[:]


def _texts(dataset: Any) -> np.ndarray:
    return np.array([_text(value) for value in _names(dataset)], dtype=object)


def _share(values: np.ndarray, *patterns: re.Pattern[str]) -> float:
    """Return the share of values that are of the form of any pattern."""
    some = values[:2000]
    fits = [any(pattern.fullmatch(text) for pattern in patterns) for text in some]
    return sum(fits) / len(some) if len(some) else 0.0


def _looks_like_mouse(symbols: np.ndarray) -> bool:
    """Tell mouse symbols (Cd19, Actb) from human ones (CD19, ACTB)."""
    letters = [text for text in symbols[:5000] if len(text) > 2 and text[0].isalpha()]
    lower = sum(text[1:].lower() == text[1:] and text[1:].upper() != text[1:] for text in letters)
    return len(letters) > 0 and lower / len(letters) > 0.5


def _repeated(values: np.ndarray) -> str:
    """Name up to three values that occur more than once; an empty text if none does."""
    column = pd.Series(values)
    repeated = sorted(_text(value) for value in column[column.duplicated()].unique())
    more = f" and {len(repeated) - 3} more" if len(repeated) > 3 else ""
    return ", ".join(repeated[:3]) + more
