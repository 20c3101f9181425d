"""One file under two specimens: a copy, a renamed file or a swap that no identifier can show."""

import hashlib
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import NamedTuple

from aftercar.io.provenance import sha256_of

BLOCK = 1 << 16  # bytes at either end, which tell nearly all files of equal size apart
Finding = tuple[str, str, str]


class _Row(NamedTuple):
    number: int
    sample_id: str
    file: str
    barcodes: str
    control: bool


def repeated_files(samples: list[dict[str, str]]) -> dict[str, list[Finding]]:
    """Return by sample_id (problem, expected, remedy) where one data file has two names.

    `samples` are all rows of samples.tsv. Compared is the content, so that a renamed copy is found;
    of files of equal size first the two ends are read, others never. Rows that take different cells
    of one file (column barcodes) are no repeat, nor are two controls.
    """
    rows = [
        _Row(number, sample["sample_id"], file, sample.get("barcodes", ""), bool(control))
        for number, sample in enumerate(samples, start=1)
        for file, control in [(sample["path"] or sample["bam"], sample.get("control_for", ""))]
        if file and Path(file).is_file() and Path(file).stat().st_size
    ]
    groups = [rows]
    for same in (lambda row: (row.barcodes, Path(row.file).stat().st_size), _ends, _whole):
        groups = [part for group in groups for part in _parts(group, same)]
    found: dict[str, list[Finding]] = {}
    for group in groups:
        for row in group:
            others = [o for o in group if o is not row and not (o.control and row.control)]
            if others:
                found.setdefault(row.sample_id, []).append(_told(others[0]))
    return found


def _parts(group: list[_Row], same: Callable[[_Row], Hashable]) -> list[list[_Row]]:
    """Return the parts of a group whose rows agree in `same` and that hold more than one row."""
    parts: dict[Hashable, list[_Row]] = {}
    for row in group:
        parts.setdefault(same(row), []).append(row)
    return [part for part in parts.values() if len(part) > 1]


def _ends(row: _Row) -> str:
    with open(row.file, "rb") as file:
        first = file.read(BLOCK)
        file.seek(-len(first), 2)
        return hashlib.sha256(first + file.read()).hexdigest()


def _whole(row: _Row) -> str:
    return sha256_of(row.file)


def _told(other: _Row) -> Finding:
    return (
        f"the data file has the same content as that of {other.sample_id} (row {other.number})",
        "each file under one specimen",
        "correct the path, or delete the row that is a copy: under two days a tube would confirm "
        "itself, under two patients one of them is swapped",
    )
