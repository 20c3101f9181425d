"""Counts of a matrix file, in blocks: sizes first, whole numbers only, empty droplets apart."""

import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from h5py import Dataset, Group
    from scipy.sparse import csr_matrix

EXPORT_AGAIN = "export the filtered count matrix again"
MOST_COUNTS, MOST_NAMES, LONGEST_NAME = 2**31 - 1, 20_000_000, 10_000
# An unfiltered matrix: so many barcodes, most of them with fewer features than any cell has.
_UNFILTERED_BARCODES, _EMPTY_BELOW_FEATURES, _EMPTY_BELOW_SHARE = 10_000, 100, 0.05
_BLOCK_COUNTS = 4_000_000
# What h5py, zlib, pandas and numpy raise where the bytes of a file are not what it promises.
FAULTS_OF_READING = (
    OSError, EOFError, zlib.error, LookupError, TypeError, ValueError, AttributeError,
    ArithmeticError, RuntimeError,
)  # fmt: skip


class UnreadableMatrix(ValueError):  # noqa: N818
    """The file is no matrix of human molecule counts; says what was found, expected and to do."""

    def __init__(self, found: str, expected: str, remedy: str) -> None:
        """Keep the three parts of the message apart."""
        super().__init__(f"found {found}, expected {expected}. To mend it: {remedy}")
        self.finding = (found, expected, remedy)


@dataclass(frozen=True, eq=False)
class Counted:
    """Counts of the barcodes that may be cells; which these are, and what the others hold.

    `kept` and `empty` (molecules of each feature in empty droplets) are None for a matrix that was
    filtered already.
    """

    counts: "csr_matrix"
    kept: np.ndarray | None = None
    empty: np.ndarray | None = None


def read_compressed(group: "Group", shape: tuple[int, int]) -> Counted:
    """Return the counts of a group with data, indices and indptr, one row after another.

    `shape` is rows x columns. Raises UnreadableMatrix for arrays that do not fit together.
    """
    from scipy.sparse import csr_matrix

    data, indices, indptr = (group[name] for name in ("data", "indices", "indptr"))
    rows, columns = shape
    require_size(data, MOST_COUNTS)
    if data.shape != indices.shape or indptr.shape != (rows + 1,):
        raise _misfit()
    ends = indptr[:].astype(np.int64)
    sizes = np.diff(ends)
    if ends[0] != 0 or ends[-1] != data.shape[0] or (sizes < 0).any() or (sizes > columns).any():
        raise _misfit()
    kept = _droplets_with_cells(sizes, columns)
    room = int(ends[-1] if kept is None else sizes[kept].sum())
    values, places = np.empty(room, dtype=np.int32), np.empty(room, dtype=np.int32)
    empty, filled, row = np.zeros(columns), 0, 0
    while row < rows:
        stop = int(np.searchsorted(ends, ends[row] + _BLOCK_COUNTS, side="right")) - 1
        stop = min(max(stop, row + 1), rows)
        some, where = data[ends[row] : ends[stop]], indices[ends[row] : ends[stop]]
        refuse_fractions(some)
        if len(where) and not 0 <= where.min() <= where.max() < columns:
            raise _misfit()
        if kept is not None:
            inside = np.repeat(kept[row:stop], sizes[row:stop])
            empty += np.bincount(where[~inside], weights=some[~inside], minlength=columns)
            some, where = some[inside], where[inside]
        values[filled : filled + len(some)] = some
        places[filled : filled + len(some)] = where
        filled, row = filled + len(some), stop
    if kept is None:
        return Counted(csr_matrix((values, places, ends), shape=shape))
    bounds = np.concatenate([[0], np.cumsum(sizes[kept])])
    counts = csr_matrix((values, places, bounds), shape=(len(bounds) - 1, columns))
    return Counted(counts, kept, empty)


def read_h5ad_counts(place: Any, shape: tuple[int, int]) -> Counted:
    """Return the counts of X or a layer of an h5ad: sparse by row or column, or dense."""
    import h5py
    from scipy.sparse import csr_matrix, vstack

    if not isinstance(place, h5py.Group):
        require_size(place, MOST_COUNTS * 8)
        if place.shape != shape:
            raise _misfit()
        block = max(1, _BLOCK_COUNTS // max(shape[1], 1))
        parts = []
        for start in range(0, shape[0], block):
            values = place[start : start + block]
            refuse_fractions(values)
            parts.append(csr_matrix(values.astype(np.int32)))
        return empty_set_apart(vstack(parts, format="csr"))
    form = place.attrs.get("encoding-type", place.attrs.get("h5sparse_format", "csr"))
    form = form.decode() if isinstance(form, bytes) else str(form)
    stated = place.attrs.get("shape", place.attrs.get("h5sparse_shape", shape))
    if tuple(int(number) for number in stated) != shape:
        raise _misfit()
    if not form.startswith("csc"):
        return read_compressed(place, shape)
    by_column = read_compressed(place, (shape[1], shape[0]))
    if by_column.kept is not None:
        raise _misfit()
    return empty_set_apart(csr_matrix(by_column.counts.T))


def empty_set_apart(counts: "csr_matrix") -> Counted:
    """Return the counts of the barcodes that may be cells, and what empty droplets hold."""
    kept = _droplets_with_cells(np.diff(counts.indptr), counts.shape[1])
    if kept is None:
        return Counted(counts)
    empty = np.asarray(counts[~kept].sum(axis=0, dtype=np.float64)).ravel()
    return Counted(counts[kept], kept, empty)


def _droplets_with_cells(features_seen: np.ndarray, features: int) -> np.ndarray | None:
    """Return which barcodes may be cells, or None where the matrix was filtered already."""
    bar = min(_EMPTY_BELOW_FEATURES, _EMPTY_BELOW_SHARE * features)
    kept = features_seen >= bar
    if len(kept) < _UNFILTERED_BARCODES or kept.mean() > 0.5 or not kept.any():
        return None
    return kept


def require_size(dataset: "Dataset", most: int) -> None:
    """Refuse an array that is larger than any matrix, before any of it is read."""
    size = int(np.prod(dataset.shape, dtype=np.float64))
    if size > most or dataset.dtype.itemsize > LONGEST_NAME:
        raise UnreadableMatrix(
            f"an array of {size:.3g} values of {dataset.dtype.itemsize} bytes",
            f"at most {most:.3g} values",
            EXPORT_AGAIN,
        )


def refuse_fractions(values: np.ndarray) -> None:
    """Refuse anything but whole numbers from 0 that are no larger than counts can be."""
    if not whole(values) or (len(values) and values.max() > MOST_COUNTS):
        raise UnreadableMatrix(
            "values that are not whole numbers from 0", "raw molecule counts", EXPORT_AGAIN
        )


def whole(values: np.ndarray) -> bool:
    """Tell whether all values are whole numbers from 0."""
    if values.dtype.kind in "iub":
        return bool((values >= 0).all())
    return bool(np.isfinite(values).all() and (values >= 0).all() and (values % 1 == 0).all())


def _misfit() -> UnreadableMatrix:
    return UnreadableMatrix(
        "index arrays that do not fit the counts", "a complete file", EXPORT_AGAIN
    )
