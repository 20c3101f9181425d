"""Undo spillover, or say by name why that is not possible."""

import csv
import re
from dataclasses import dataclass

import numpy as np

from aftercar.contracts.events import Check, StatedMatrix
from aftercar.contracts.shown_names import shown_channel

# A matrix whose condition number is above this amplifies rounding and noise beyond use.
MAX_CONDITION = 1e4
BLOCK_EVENTS = 1 << 13  # events compensated at a time: they fit the cache
DIAGONAL_TOLERANCE = 0.1  # FCS 3.1: what a dye sends into its own detector is 1
MAX_SPILL = 10.0
TRANSFORMED_MEDIAN = (
    0.25  # of the 99.9 % quantile: 0.41 to 0.56 in public exports on display scales
)
TRANSFORMED_MAXIMUM = 6000.0  # linear 18-bit data reach 262143; transformed ones 4.5 or 4,100


@dataclass(frozen=True, eq=False)
class Spill:
    """Spillover: row i is what dye i sends into each detector; `index` are channels of the file."""

    names: tuple[str, ...]
    index: tuple[int, ...]
    matrix: np.ndarray


class CompensationError(ValueError):
    """Why the matrix of a file cannot be used."""


def parse_spill(text: str, names: list[str]) -> Spill:
    """Return the matrix that the compensation keyword holds, with channels found by name.

    Channel numbers and the prefixes Comp- and FJComp- are mapped. Raises CompensationError
    naming what is wrong.
    """
    parts = [part.strip() for part in re.split(r"[,\t]", text.strip())]
    if not re.fullmatch(r"[0-9]{1,3}", parts[0]) or not 1 <= int(parts[0]) <= 500:
        raise CompensationError("the matrix does not start with its size")
    size = int(parts[0])
    if len(parts) < 1 + size + size * size:
        raise CompensationError(
            f"the matrix is incomplete: {size} detectors need {size * size} values, "
            f"found {max(0, len(parts) - 1 - size)}"
        )
    if any(parts[1 + size + size * size :]):
        raise CompensationError("the matrix has more values than its size allows")
    try:
        if "_" in "".join(parts[1 + size :]):  # Python reads 1_0 as 10
            raise ValueError
        values = np.array([float(part) for part in parts[1 + size : 1 + size + size * size]])
    except ValueError:
        raise CompensationError("the matrix holds values that are not numbers") from None
    index = [_channel(part, names) for part in parts[1 : 1 + size]]
    return _spill(index, values.reshape(size, size), names)


def _spill(index: list[int], matrix: np.ndarray, names: list[str]) -> Spill:
    """Return the matrix of the channels `index`, or say what cannot be inverted."""
    size = len(index)
    if not np.isfinite(matrix).all():
        raise CompensationError("the matrix holds values that are not finite (NaN or infinite)")
    if len(set(index)) < size:
        raise CompensationError("the matrix names a detector twice")
    sized = matrix / (np.abs(matrix).max() or 1.0)
    if np.linalg.cond(sized) > MAX_CONDITION:
        rank = int(np.linalg.matrix_rank(sized))
        raise CompensationError(f"the matrix is singular (rank {rank} of {size})")
    if not np.allclose(np.diag(matrix), 1, atol=DIAGONAL_TOLERANCE):
        raise CompensationError(
            "the diagonal of the matrix is not 1: it holds percent, or no spillover"
        )
    if np.abs(matrix).max() > MAX_SPILL:
        raise CompensationError(
            f"the matrix lets a dye spill more than {MAX_SPILL:.0f} times its own signal"
        )
    return Spill(tuple(names[n] for n in index), tuple(index), matrix)


def parse_matrix(text: str, names: list[str]) -> tuple[Spill, bool]:
    """Return the matrix of a table as FlowJo exports it, and whether it was in percent.

    A header of detectors, then a row per dye, with or without the dye's name in front; separated
    by tabs, commas or semicolons. Row i is what dye i sends into each detector, 1 (or 100: percent)
    on the diagonal. `names` are the channels of the file. Raises CompensationError naming what is
    wrong; a matrix whose rows are in another order than its columns is refused.
    """
    lines = [line for line in text.lstrip("\ufeff").splitlines() if line.strip()]
    if len(lines) < 2:
        raise CompensationError("the table of the matrix has no rows below its header")
    separator = next((mark for mark in "\t;," if mark in lines[0]), ",")
    table = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=separator)]
    header, rows = table[0], table[1:]
    named = not _is_number(rows[0][0])
    if named and len(header) == len(rows[0]):
        header = header[1:]  # the corner over the names of the rows
    columns = [_detector(cell) for cell in header]
    for number, row in enumerate(rows, start=1):
        if len(row) - named != len(columns):
            raise CompensationError(
                f"row {number} of the matrix has {len(row) - named} values, the header names "
                f"{len(columns)} detectors"
            )
    if len(rows) != len(columns):
        raise CompensationError(
            f"the matrix is not square: {len(rows)} rows, {len(columns)} detectors in the header"
        )
    _same_order([_detector(row[0]) for row in rows] if named else columns, columns)
    try:
        matrix = np.array([[float(cell) for cell in row[named:]] for row in rows])
    except ValueError:
        raise CompensationError(
            "the matrix holds values that are not numbers; write them with a decimal point"
        ) from None
    index = []
    for place, name in enumerate(columns):
        try:
            index.append(_channel(name, names))
        except CompensationError as error:
            raise CompensationError(f"{error}: {shown_channel(name, place)!r}") from None
    if not np.isfinite(matrix).all():
        raise CompensationError("the matrix holds values that are not finite (NaN or infinite)")
    percent = bool(np.allclose(np.diag(matrix), 100, rtol=DIAGONAL_TOLERANCE))
    if percent:
        matrix = matrix / 100
    elif not np.allclose(np.diag(matrix), 1, rtol=DIAGONAL_TOLERANCE):
        raise CompensationError(
            "the diagonal of the matrix is neither 1 (fractions) nor 100 (percent) throughout"
        )
    return _spill(index, matrix, names), percent


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _detector(cell: str) -> str:
    """Return the detector of a heading such as `Comp-PE-A :: CD19`."""
    return cell.partition(" :: ")[0].strip()


def _same_order(rows: list[str], columns: list[str]) -> None:
    if rows == columns:
        return
    first = next(n for n, pair in enumerate(zip(rows, columns, strict=True)) if pair[0] != pair[1])
    shown = [shown_channel(names[first], first) for names in (rows, columns)]
    raise CompensationError(
        f"rows and columns of the matrix are not in the same order: row {first + 1} is "
        f"{shown[0]!r}, column {first + 1} is {shown[1]!r}"
    )


def stated_compensation(
    stated: StatedMatrix, names: list[str], *, embedded: bool, transformed: bool
) -> tuple[Spill | None, Check]:
    """Return the matrix that the laboratory states and the check that tells its source.

    None where it cannot be used: then nothing else takes its place, neither the matrix of the
    file (`embedded`) nor none, and no count is firm.
    """
    try:
        if stated.problem:
            raise CompensationError(stated.problem)
        if already_compensated(names):
            place = [already_compensated([name]) for name in names].index(True)
            raise CompensationError(
                f"channel {shown_channel(names[place], place)!r} is compensated already by its "
                "name, and would be again"
            )
        if transformed:
            raise CompensationError(
                "fluorescence values are on a display scale, compensated before export"
            )
        spill, percent = parse_matrix(stated.text, names)
    except CompensationError as error:
        message = (
            f"{stated.source} of column compensation cannot be used: {error}; values are not "
            "compensated and no count of this specimen is firm. Correct the file, or empty the "
            "cell to use the matrix of the FCS file"
        )
        return None, Check("compensation", None, "", "FLAG", message)
    told = f"compensated by {stated.source} of column compensation ({len(spill.names)} detectors)"
    if embedded:
        told += ", not by the matrix of the FCS file"
    if percent:
        told += "; its values are percent and were divided by 100"
    most = float(np.abs(spill.matrix - np.diag(np.diag(spill.matrix))).max(initial=0.0))
    if most > 1:
        told += f"; it states a spillover of {most:.0%}: are its values percent?"
    if is_identity(spill):
        told += "; it states no spillover"
    loud = percent or most > 1 or is_identity(spill)
    size = float(len(spill.names))
    return spill, Check("compensation", size, "detectors", "FLAG" if loud else "PASS", told)


def _channel(name: str, names: list[str]) -> int:
    folded = [known.strip().casefold() for known in names]
    bare = re.sub(r"^(FJComp|Comp)-", "", name, flags=re.IGNORECASE).strip("<>[] ").casefold()
    for wanted in (name.casefold(), bare):
        if folded.count(wanted) == 1:
            return folded.index(wanted)
        if folded.count(wanted) > 1:
            raise CompensationError("the matrix names a detector that several channels share")
    if re.fullmatch(r"[0-9]{1,4}", bare) and 1 <= int(bare) <= len(names):
        return int(bare) - 1
    raise CompensationError("the matrix names a detector that the file does not have")


def compensate(values: np.ndarray, spill: Spill) -> np.ndarray:
    """Return a copy of `values` (events x channels) with true dye signals in the spill's channels.

    observed = true @ matrix, so true = observed @ inverse(matrix). Computed in double precision,
    block by block, and stored as precisely as the values are.
    """
    index = list(spill.index)
    inverse = np.ascontiguousarray(np.linalg.inv(spill.matrix).T)
    done = np.empty(values.shape, dtype=values.dtype, order="F")
    for channel in set(range(values.shape[1])) - set(index):
        done[:, channel] = values[:, channel]
    columns = np.empty((len(index), BLOCK_EVENTS))
    for first in range(0, len(values), BLOCK_EVENTS):
        last = min(first + BLOCK_EVENTS, len(values))
        part = columns[:, : last - first]
        for row, channel in zip(part, index, strict=True):
            row[:] = values[first:last, channel]
        for row, channel in zip(inverse @ part, index, strict=True):
            done[first:last, channel] = row
    return done


def is_identity(spill: Spill) -> bool:
    """Whether the matrix states no spillover at all."""
    return bool(np.array_equal(spill.matrix, np.eye(len(spill.names))))


def already_compensated(names: list[str]) -> bool:
    """Whether channel names say that the file was exported after compensation."""
    return any(re.match(r"(FJComp|Comp)-", name, re.IGNORECASE) for name in names)


def looks_transformed(
    values: np.ndarray, fluorescence: list[int], full_scale: list[float]
) -> tuple[bool, float]:
    """Return whether fluorescence is no longer linear, and its largest value.

    Values of a detector with a range of 2^16 or more that all stay under 6,000 and whose median
    lies well up the scale were put on a display scale before export; a matrix still attached must
    not be applied again. Linear values of an unstained tube stay as low, but crowd near zero.
    """
    if not fluorescence:
        return False, 0.0
    largest = float(max(values[:, n].max() for n in fluorescence))
    wide = max(full_scale[n] for n in fluorescence) >= 65_536
    if not wide or len(values) < 500 or largest >= TRANSFORMED_MAXIMUM:
        return False, largest
    middle, top = np.quantile(values[:, fluorescence], [0.5, 0.999], axis=0)
    return bool(np.median(middle / np.maximum(top, 1e-9)) > TRANSFORMED_MEDIAN), largest
