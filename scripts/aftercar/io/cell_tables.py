"""Read what is known of single cells beside their counts, and write the annotated matrix."""

import io
import re
from pathlib import Path
from typing import Protocol

import numpy as np
import pandas as pd
import yaml

from aftercar.contracts.expression import ExpressionMatrix
from aftercar.contracts.singlecell import IDENTITIES
from aftercar.io.count_arrays import FAULTS_OF_READING
from aftercar.io.matrices import read_matrix
from aftercar.io.provenance import versions
from aftercar.io.safe_sizes import open_text_bytes
from aftercar.io.tables import read_text_columns
from aftercar.io.whole_files import whole_file

_BLOCK = 10_000  # cells
LABEL_COLUMNS = ["barcode", "label", "subpopulation", "evidence"]
LABEL_EVIDENCE = ("label", "copy_number")  # empty: label
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._+-]{0,63}")


class Annotated(Protocol):
    """What is written into the annotated matrix of one specimen."""

    @property
    def kept_genes(self) -> np.ndarray:
        """Columns of the matrix that are written."""

    def observations(self) -> pd.DataFrame:
        """Return what is known of each cell, indexed by barcode."""

    def points(self) -> dict[str, np.ndarray]:
        """Return the places of the cells."""

    def facts(self) -> dict[str, pd.DataFrame | dict]:
        """Return tables and single facts (by name, of plain values) about the specimen."""


class UnreadableLabels(ValueError):  # noqa: N818 - the name says what happened to the file
    """The labels file cannot be used; says what was found, expected and to do."""


def label_problems(path: str | Path) -> list[tuple[str, str, str]]:
    """Return (found, expected, remedy) for what is wrong with a labels file."""
    try:
        read_labels(path)
    except UnreadableLabels as error:
        told, _, remedy = str(error).partition(". To mend it: ")
        found, _, expected = told.removeprefix("found ").partition(", expected ")
        return [(found, expected, remedy)]
    return []


def read_labels(path: str | Path) -> pd.DataFrame:
    """Return columns barcode, label, subpopulation and evidence as text; empty without one.

    The file is tab- or comma-separated with a header; further columns are ignored. Raises
    UnreadableLabels for missing columns, unknown labels or words of evidence, repeated barcodes
    and unsafe names.
    """
    try:
        with io.TextIOWrapper(open_text_bytes(path), encoding="utf-8-sig") as file:
            separator = "\t" if "\t" in file.readline() else ","
        frame = read_text_columns(path, separator)
    except FAULTS_OF_READING:
        raise UnreadableLabels(
            "found no table in the labels file, expected columns barcode and label. "
            "To mend it: save it as tab-separated UTF-8 text with a header"
        ) from None
    if missing := {"barcode", "label"} - set(frame.columns):
        raise UnreadableLabels(
            f"found no column {' and '.join(sorted(missing))} in the labels file, expected columns "
            "barcode and label. To mend it: add the header"
        )
    frame = frame.reindex(columns=LABEL_COLUMNS, fill_value="")
    frame = frame.apply(lambda column: column.str.strip())
    if unknown := sorted(set(frame["label"]) - {"", *IDENTITIES}):
        shown = ", ".join(repr(text[:30]) for text in unknown[:3])
        raise UnreadableLabels(
            f"found {len(unknown)} unknown labels ({shown}), expected {', '.join(IDENTITIES)} or "
            "nothing. To mend it: translate your labels into these"
        )
    if strange := sorted(set(frame["evidence"]) - {"", *LABEL_EVIDENCE}):
        raise UnreadableLabels(
            f"found {strange[0][:30]!r} in column evidence of the labels file, expected "
            f"{', '.join(LABEL_EVIDENCE)} or nothing. To mend it: say what each label rests on"
        )
    if repeated := int(frame["barcode"].duplicated().sum()):
        raise UnreadableLabels(
            f"found {repeated} repeated barcodes in the labels file, expected every barcode once. "
            "To mend it: keep one row per cell"
        )
    unsafe = [text for text in set(frame["subpopulation"]) if text and not _NAME.fullmatch(text)]
    if unsafe:
        raise UnreadableLabels(
            f"found {len(unsafe)} names of sub-populations that are not plain text, expected "
            "letters, digits, spaces and . _ + -. To mend it: rename them"
        )
    return frame


def read_panels(folder: str | Path) -> dict[str, dict]:
    """Return the contents of resources/singlecell by name of the file."""
    names = ("genes", "lineages", "antigens", "methods", "clonotypes")
    return {name: yaml.safe_load((Path(folder) / f"{name}.yaml").read_text()) for name in names}


def read_matrix_and_labels(
    sample: dict[str, str],
) -> tuple[ExpressionMatrix, pd.DataFrame | None]:
    """Return the counts and, where given, the labels of a row of samples.tsv.

    Raises UnreadableMatrix or UnreadableLabels.
    """
    labels = read_labels(sample["labels"]) if sample["labels"] else None
    return read_matrix(sample["path"]), labels


def write_annotated_specimen(
    folder: str | Path, sample: dict[str, str], matrix: ExpressionMatrix, found: Annotated
) -> None:
    """Write <folder>/<sample_id>.h5ad: raw counts of the genes in use, with our calls.

    Cells become obs, places obsm, tables and facts uns. The file opens in scanpy; identical input
    gives identical bytes.
    """
    from anndata import AnnData
    from anndata.io import write_elem
    from h5py import File
    from scipy.sparse import csr_matrix, vstack

    columns, cells = found.kept_genes, found.observations()
    path = Path(folder) / f"{sample['sample_id']}.h5ad"
    row_of = {barcode: row for row, barcode in enumerate(matrix.barcode)}
    rows = np.array([row_of[barcode] for barcode in cells.index], dtype=np.int64)
    symbols = pd.Series(matrix.symbol[columns]).astype(str)
    # two genes with one symbol: the second gets its column as suffix, so that names are unique
    twice = symbols.duplicated(keep="first")
    names = symbols.where(~twice, symbols + "." + pd.Series(columns).astype(str))
    obs = cells.copy()
    for name in obs.columns[[pd.api.types.is_object_dtype(obs[name]) for name in obs.columns]]:
        obs[name] = pd.Categorical(obs[name].astype(str))
    for name in obs.columns[[pd.api.types.is_float_dtype(obs[name]) for name in obs.columns]]:
        obs[name] = obs[name].astype(np.float32)
    obs.index = pd.Index(obs.index.astype(str), name="barcode")
    # in blocks: a selection of rows holds all genes for a while
    blocks = [
        csr_matrix(matrix.counts[rows[start : start + _BLOCK]][:, columns], dtype=np.float32)
        for start in range(0, len(rows), _BLOCK)
    ]
    data = AnnData(
        obs=obs,
        var=pd.DataFrame(
            {
                "gene_ids": matrix.gene_id[columns].astype(str),
                "feature_types": pd.Categorical(["Gene Expression"] * len(columns)),
            },
            index=pd.Index(names.to_numpy(dtype=object), name="symbol"),
        ),
        obsm={name: places.astype(np.float32) for name, places in found.points().items()},
        uns={
            name: _plain(fact) if isinstance(fact, pd.DataFrame) else fact
            for name, fact in found.facts().items()
        }
        | {"versions": versions()},
    )
    with whole_file(path) as part:
        data.write_h5ad(part, compression="gzip", compression_opts=1)
        with File(part, "r+") as file:
            # shuffled, bytes of one place stand side by side: the columns of counts take less room
            packed = {"compression": "gzip", "compression_opts": 1, "shuffle": True}
            write_elem(file, "X", vstack(blocks, format="csr"), dataset_kwargs=packed)


def _plain(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table with text and float columns only, which every version of AnnData can store."""
    plain = pd.DataFrame(index=pd.Index([str(row) for row in range(len(table))]))
    for name in table.columns:
        if pd.api.types.is_numeric_dtype(table[name]):
            plain[name] = table[name].astype("float64").to_numpy()
        else:
            plain[name] = table[name].astype(str).to_numpy(dtype=object)
    return plain
