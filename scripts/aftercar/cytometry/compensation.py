"""Undo spillover, or say by name why that is not possible."""

import re
from dataclasses import dataclass

import numpy as np

# A matrix whose condition number is above this amplifies rounding and noise beyond use.
MAX_CONDITION = 1e4
BLOCK_EVENTS = 1 << 13  # events compensated at a time: they fit the cache
DIAGONAL_TOLERANCE = 0.1  # FCS 3.1: what a dye sends into its own detector is 1
MAX_SPILL = 10.0
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
    if not np.isfinite(values).all():
        raise CompensationError("the matrix holds values that are not finite (NaN or infinite)")
    index = [_channel(part, names) for part in parts[1 : 1 + size]]
    if len(set(index)) < size:
        raise CompensationError("the matrix names a detector twice")
    matrix = values.reshape(size, size)
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

    Values of a detector with a range of 2^16 or more that all stay under 6,000 were put on a
    display scale before export; a matrix still attached must not be applied again.
    """
    if not fluorescence:
        return False, 0.0
    largest = float(max(values[:, n].max() for n in fluorescence))
    wide = max(full_scale[n] for n in fluorescence) >= 65_536
    return bool(wide and len(values) >= 500 and largest < TRANSFORMED_MAXIMUM), largest
