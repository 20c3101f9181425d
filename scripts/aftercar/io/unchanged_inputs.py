"""Refuse results of inputs that somebody replaced or was still writing while they were read."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from aftercar.contracts.sheets import named_file
from aftercar.io.sheets import FILE_COLUMNS


class ChangedInputError(RuntimeError):
    """An input is not the file any more that it was when the job began."""


class InputWatch:
    """The input files of a job as they are when the job begins.

    Of each file that rows of samples.tsv name, and of each reference (paths by name), it knows the
    name, size, time of change and inode; of a folder those of each file in it. Nothing is read.
    """

    def __init__(
        self, samples: Iterable[dict[str, str]], references: Mapping[str, str] | None = None
    ) -> None:
        """Note how the files are now."""
        self._paths = {
            f"{row['sample_id']}, column {column}": Path(path)
            for row in samples
            for column in FILE_COLUMNS
            if (path := named_file(row, column))
        } | {f"reference {name}": Path(path) for name, path in (references or {}).items()}
        self._before = {cell: _stamps(path) for cell, path in self._paths.items()}

    def refuse_changes(self) -> None:
        """Raise ChangedInputError where a file is another one now, all in one message.

        To be called after the last read and before the first table is written: what a job read
        first, hashed and read last is then one and the same content. The message names no path,
        since file names can carry a patient's name.
        """
        paths = sorted(self._paths.items())
        changed = [cell for cell, path in paths if _stamps(path) != self._before[cell]]
        if changed:
            raise ChangedInputError(
                f"samples.tsv: {'; '.join(changed)}: found another file (size, time or inode) than "
                "when this job began, expected inputs that stay as they are during a run. No table "
                "of it was written. To mend it: wait until every copy is complete, then start the "
                "workflow again"
            )


def _stamps(path: Path) -> list[tuple[str, int, int, int]]:
    inside = sorted(path.rglob("*")) if path.is_dir() else []
    return [
        (file.name, found.st_size, found.st_mtime_ns, found.st_ino)
        for file in [path, *inside]
        if file.exists()
        for found in [file.stat()]
    ]
