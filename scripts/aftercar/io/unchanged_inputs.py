"""Refuse results of inputs that somebody replaced or was still writing while they were read."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from aftercar.io.provenance import file_rows, files_in, input_row, sha256_of
from aftercar.io.sheets import FILE_COLUMNS

# htslib looks for the first ones behind the whole name and in the place of its ending, too
MOVING_INDICES = (".bai", ".csi", ".crai")
INDICES = (*MOVING_INDICES, ".fai", ".gzi", ".tbi")


class ChangedInputError(RuntimeError):
    """An input is not the file any more that it was when the job began."""


class _Stamp(NamedTuple):
    name: str
    size_bytes: int
    changed_ns: int  # the content, as far as it is told: cp -p and touch set it
    inode_changed_ns: int  # also name, links and rights: nobody can set it
    inode: int


class InputWatch:
    """The input files of a job as they are when the job begins.

    `rows` are those of INPUT_FILES: a hash of each file that `files_of` names by role for the rows
    of samples.tsv, as in `file_rows`. So what is written down as read is what is watched. Of each
    file and the indices beside it, and of each file in a folder, the watch knows the name, size,
    times of change, inode and content.
    """

    def __init__(
        self,
        samples: Iterable[dict[str, str]],
        files_of: Callable[[dict[str, str]], Mapping[str, str]],
    ) -> None:
        """Note how the files are now: each is read once, for its hash."""
        samples = list(samples)
        named = [
            (path, f"{sample['sample_id']}, {_told(role)}")
            for sample in samples
            for role, path in files_of(sample).items()
            if path
        ]
        self._labels = dict(reversed(named))  # a file of many is told by the first one
        self._before = {path: _stamps(Path(path)) for path in self._labels}
        indices = {path: _hashes(_indices(Path(path))) for path in self._labels}
        self.rows = file_rows(samples, files_of)
        self._content = {
            path: (row.get("sha256"), indices[path])
            for (path, _), row in zip(named, self.rows, strict=True)
        }

    def refuse_changes(self) -> None:
        """Raise ChangedInputError where a file is another one now, all in one message.

        To be called after the last read and before the first table is written: what a job hashed
        first and read last is then one and the same content. A file of the same size and time that
        was linked, moved away and back, or given other rights is read again: its content decides.
        Another content that was there in between and is gone, size and time put back, is not seen.
        The message names no path, since file names can carry a patient's name.
        """
        changed = [
            f"{label}: found {found}"
            for path, label in sorted(self._labels.items(), key=lambda item: item[1])
            if (found := self._change(path))
        ]
        if changed:
            raise ChangedInputError(
                f"samples.tsv: {'; '.join(changed)}; expected inputs that stay as they were when "
                "this job began. No table of it was written. To mend it: look what wrote to them "
                "or replaced them (a copy, a download, a synchronisation); once that has ended, "
                "start the workflow again"
            )

    def _change(self, path: str) -> str:
        """Return what is another file, size, time or content now; empty if nothing is."""
        before, now = self._before[path], _stamps(Path(path))
        if now == before:
            return ""
        if [stamp.name for stamp in now] != [stamp.name for stamp in before]:
            return "files that come or go (itself, in its folder, or an index beside it)"
        for was, stamp in zip(before, now, strict=True):
            # not by the inode: a file in its place may get that of the one it replaces
            if was.size_bytes != stamp.size_bytes:
                return "another file or content, of another size"
            if was.changed_ns != stamp.changed_ns:
                return "another file or content, of another time"
        try:
            content = input_row("", "", "", path)["sha256"], _hashes(_indices(Path(path)))
        except (OSError, KeyError):
            return "files that come or go"
        if content == self._content[path]:
            return ""
        return "another file or content, of the same size and time"


def _told(role: str) -> str:
    column = "path" if role == "data" else role
    return f"column {column}" if column in FILE_COLUMNS else column.replace("_", " ")


def _indices(path: Path) -> list[Path]:
    if path.is_dir():
        return []
    behind = [Path(f"{path}{ending}") for ending in INDICES]
    instead = [path.with_suffix(ending) for ending in MOVING_INDICES]
    return [index for index in (*behind, *instead) if index.exists()]


def _hashes(files: Iterable[Path]) -> list[str]:
    return [sha256_of(file) for file in files]


def _stamps(path: Path) -> list[_Stamp]:
    return [
        _Stamp(file.name, found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)
        for file in (*files_in(path), *_indices(path))
        if file.exists()
        for found in [file.stat()]
    ]
