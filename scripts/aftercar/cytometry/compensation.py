"""Undo spillover, or say by name why that is not possible."""

import csv
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from aftercar.contracts.events import Check, FlowEvents, StatedMatrix
from aftercar.contracts.shown_names import shown_channel

# A matrix whose condition number is above this amplifies rounding and noise beyond use.
MAX_CONDITION = 1e4
BLOCK_EVENTS = 1 << 13  # events compensated at a time: they fit the cache
DIAGONAL_TOLERANCE = 0.1  # FCS 3.1: what a dye sends into its own detector is 1
MAX_SPILL = 10.0
DIGITAL_RANGE = 65_536.0  # 16 bits or more: linear values that software has to compensate
DECADES_MAXIMUM = 20.0  # decades end near 4.5 in public exports; noise alone has a deviation of 70
TRANSFORMED_MAXIMUM = 6000.0  # linear 18-bit data reach 262143; transformed ones 4.5 or 4,100
# of the 99.9 % quantile: 0.41 to 0.56 in public exports on display scales
TRANSFORMED_MEDIAN = 0.25
# 0.00 to 0.05 in public linear tubes; 0.14 in simulated unstained ones, which reach 5,000 to 6,000
LINEAR_MEDIAN = 0.1
CHANNELS_MAXIMUM = (3000.0, 4300.0)  # where files end that were exported in 4,096 channels
UNSPILLED = "states no spillover"
REMEDY = (
    "give the matrix in column compensation of samples.tsv, or write `none` there if the values "
    "were compensated or unmixed before export"
)


@dataclass(frozen=True, eq=False)
class Spill:
    """Spillover: row i is what dye i sends into each detector; `index` are channels of the file."""

    names: tuple[str, ...]
    index: tuple[int, ...]
    matrix: np.ndarray


class ValueScale(NamedTuple):
    """What fluorescence values are: on a display scale, or `doubtful`, or linear (neither)."""

    transformed: bool
    largest: float
    doubtful: bool = False


@dataclass(frozen=True, eq=False)
class Compensated:
    """Values (events x channels) with the matrix that was undone, and what is told of it.

    `flag` goes to every population; not `trusted`: no count is firm.
    """

    values: np.ndarray
    spill: Spill | None
    trusted: bool
    check: Check
    flag: str = ""


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


def _refuse_compensated(names: list[str]) -> None:
    if already_compensated(names):
        place = [already_compensated([name]) for name in names].index(True)
        raise CompensationError(
            f"channel {shown_channel(names[place], place)!r} is compensated already by its name, "
            "and would be again"
        )


def matrix_problem(stated: StatedMatrix, names: list[str]) -> str:
    """Say why the matrix that the laboratory states does not fit the channels of a file.

    Empty if it does, as far as that can be told without events.
    """
    try:
        _refuse_compensated(names)
        if not stated.problem:
            parse_matrix(stated.text, names)
    except CompensationError as error:
        return str(error)
    return stated.problem


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
        _refuse_compensated(names)
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
        told += f"; it {UNSPILLED}"
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
) -> ValueScale:
    """Return whether fluorescence is no longer linear, and its largest value.

    A detector with a range of 2^16 or more whose values all stay under 20 holds decades. Those
    that stay under 6,000 and whose median lies well up the scale were put on a display scale
    before export, too; a matrix still attached must not be applied again. Linear values of an
    unstained tube stay as low, but crowd near zero. Where display scales of 4,096 channels end, a
    median between those of linear and of displayed values leaves it open.
    """
    if not fluorescence:
        return ValueScale(False, 0.0)
    largest = float(max(values[:, n].max() for n in fluorescence))
    wide = max(full_scale[n] for n in fluorescence) >= DIGITAL_RANGE
    if wide and 0 < largest < DECADES_MAXIMUM:
        return ValueScale(True, largest)
    if not wide or len(values) < 500 or largest >= TRANSFORMED_MAXIMUM:
        return ValueScale(False, largest)
    middle, top = np.quantile(values[:, fluorescence], [0.5, 0.999], axis=0)
    place = float(np.median(middle / np.maximum(top, 1e-9)))
    low, high = CHANNELS_MAXIMUM
    doubtful = low <= largest <= high and LINEAR_MEDIAN <= place <= TRANSFORMED_MEDIAN
    return ValueScale(place > TRANSFORMED_MEDIAN, largest, doubtful)


def compensated(events: FlowEvents, stained: list[int], scale: ValueScale) -> Compensated:
    """Return the values of `events` without spillover, or as they are and why.

    Counts are trusted where a matrix was undone, or where the values say that it was done before
    (names, display scale), the laboratory says so, one detector alone is stained, or the range is
    that of an instrument that compensates its signals before they are stored.
    """
    names = [channel.name for channel in events.channels]
    raw, stated = events.values, events.stated

    def as_they_are(message: str, flag: str = "", *, trusted: bool = True) -> Compensated:
        verdict = "FLAG" if flag or not trusted else "PASS"
        check = Check("compensation", None, "", verdict, message)
        return Compensated(raw, None, trusted, check, flag)

    if scale.doubtful:
        message = (
            f"the largest fluorescence value is {scale.largest:.0f}: values may be on a display "
            "scale, or linear and dim; they are taken as they are and no count of this specimen "
            "is firm. Export the file with linear values"
        )
        return as_they_are(message, "values may be on a display scale", trusted=False)
    if stated is not None and stated.compensated:
        flag = "taken as compensated: samples.tsv says so"
        but = "; the matrix of the FCS file is not applied" if events.spill else ""
        return as_they_are(f"values are {flag} in column compensation{but}", flag)
    if stated is not None:
        spill, check = stated_compensation(
            stated, names, embedded=bool(events.spill), transformed=scale.transformed
        )
        if spill is None:
            flag = "not compensated: the matrix that samples.tsv names cannot be used"
            return Compensated(raw, None, False, check, flag)
        check = _with_outside(check, stained, spill)
        flag = f"the matrix that samples.tsv names {UNSPILLED}" if is_identity(spill) else ""
        return Compensated(compensate(raw, spill), spill, True, check, flag)
    if scale.transformed or already_compensated(names):
        by_name = "carry names of compensated channels"
        why = "are on a display scale" if scale.transformed else by_name
        message = f"fluorescence values {why}: compensated before export, not again"
        return Compensated(raw, None, True, Check("compensation", None, "", "FLAG", message))
    if not events.spill:
        return _without_matrix(events, stained, as_they_are)
    try:
        spill = parse_spill(events.spill, names)
    except CompensationError as error:
        message = (
            f"{error}; values are not compensated and no count of this specimen is firm. "
            f"Export the file with a valid matrix, or {REMEDY}"
        )
        flag = "not compensated: the matrix of the file cannot be used"
        return as_they_are(message, flag, trusted=False)
    if is_identity(spill):
        message = f"the matrix of the file {UNSPILLED}: values are taken as they are"
        return as_they_are(message, f"the file's matrix {UNSPILLED}")
    message = f"compensated by the matrix of the file ({len(spill.names)} detectors)"
    check = Check("compensation", float(len(spill.names)), "detectors", "PASS", message)
    return Compensated(compensate(raw, spill), spill, True, _with_outside(check, stained, spill))


def _without_matrix(
    events: FlowEvents, stained: list[int], as_they_are: Callable[..., Compensated]
) -> Compensated:
    message = "the file holds no compensation matrix: values are taken as they are"
    if len(stained) < 2:
        return as_they_are(message)
    # a range that is not stated is as large as the values tell
    widest = max(events.channels[n].full_scale or events.values[:, n].max() for n in stained)
    if widest < DIGITAL_RANGE:
        return as_they_are(message, "no matrix in the file")
    told = f"{message}, and no count of this specimen is firm. To mend it, {REMEDY}"
    return as_they_are(told, "not compensated: no matrix in the file", trusted=False)


def _with_outside(check: Check, stained: list[int], spill: Spill) -> Check:
    outside = [n for n in stained if n not in spill.index]
    if not outside:
        return check
    message = f"{check.message}; {len(outside)} stained detectors are not in it"
    return check._replace(verdict="FLAG", message=message)
