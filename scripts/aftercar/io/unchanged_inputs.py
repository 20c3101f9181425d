"""Refuse results of inputs that somebody replaced or was still writing while they were read."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from aftercar.contracts.sheets import named_file
from aftercar.io.sheets import FILE_COLUMNS

INDICES = (".bai", ".csi", ".crai", ".fai", ".gzi", ".tbi")


class ChangedInputError(RuntimeError):
    """An input is not the file any more that it was when the job began."""


class InputWatch:
    """The input files of a job as they are when the job begins.

    Of each file that rows of samples.tsv name, of each reference (paths by name), and of the
    indices beside them, it knows the name, size, times of change and inode; of a folder those of
    each file in it. Nothing is read.
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
                f"samples.tsv: {'; '.join(changed)}: found another file, index, size or time of "
                "change than when this job began, expected inputs that stay as they are during a "
                "run. No table of it was written. To mend it: wait until every copy is complete, "
                "then start the workflow again"
            )


def _stamps(path: Path) -> list[tuple[str, int, int, int, int]]:
    if path.is_dir():
        # a file server keeps what was deleted while open as .nfs...: nobody's input
        files = [
            f for f in sorted(path.rglob("*")) if not f.name.startswith(".nfs") and f.is_file()
        ]
    else:
        files = [path, *(Path(f"{path}{end}") for end in INDICES), path.with_suffix(".bai")]
    return [
        (file.name, found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)
        for file in files
        if file.exists()
        for found in [file.stat()]
    ]
