"""Write files whole or not at all: a job killed midway leaves no half that looks like a result."""

import errno
import hashlib
import os
import platform
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path

_ENDING = ".part"  # which no reader looks for: a folder's *.tsv or *.json are whole files
_PART = re.compile(r"\.part-(?P<host>[0-9a-f]{8})-(?P<process>[0-9]+)-")
_DAY = 86_400  # seconds
# Libraries in C tell the number of the system's error in their text only.
_NUMBER = re.compile(r"errno\s*[=:]?\s*(\d+)", re.IGNORECASE)
_REMEDY = {
    errno.ENOSPC: "free space on this disk",
    errno.EDQUOT: "free space within your quota, or ask for more",
    errno.EFBIG: "raise the limit of file sizes (ulimit -f, or the quota)",
    errno.EROFS: "mount the folder for writing, or choose another working directory",
    errno.EACCES: "give yourself the right to write there, or choose another working directory",
    errno.EPERM: "give yourself the right to write there, or choose another working directory",
}


class UnwritableFileError(OSError):
    """An output that could not be written; nothing of it is left."""


def _numbered_by() -> str:
    """Return eight hex digits for where processes are numbered: one start of a host, one container.

    The name of the host alone does not tell: containers on its network share it, and so do
    machines that nobody named. Where the system tells no more (macOS), the name has to do.
    """
    told = [platform.node()]
    with suppress(OSError):
        told.append(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii"))
    with suppress(OSError):
        told.append(str(Path("/proc/self/ns/pid").stat().st_ino))
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:8]


_HOST = _numbered_by()


@contextmanager
def whole_file(path: str | Path, *, mode: int | None = None) -> Iterator[Path]:
    """Yield the path to write to; what was written takes the place of `path` at the end, at once.

    The file lies beside `path`; its name begins with `.part-` and tells the writer, so that two
    writers of one path never share a file, and ends with `.part`, so that no reader of a folder
    takes it for a result. What a kill has left stays until another process writes into the same
    folder, see `remove_left_parts`. The content is on disk before it gets its name. With `mode`,
    nobody else can read it at any time. Folders are made. Where the system refuses to write, raises
    UnwritableFileError, which says why and what to do.
    """
    path = Path(path)
    part = path.with_name(f".part-{_HOST}-{os.getpid()}-{path.name}{_ENDING}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _tidy(path.parent)
        part.unlink(missing_ok=True)
        if mode is not None:
            os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode))
        yield part
        # a full disk of a file server may be told only now
        with part.open("rb+") as written:
            os.fsync(written.fileno())
        part.replace(path)
    except BaseException as error:
        _remove(part)
        if isinstance(error, Exception) and (number := _system_error(error)):
            raise UnwritableFileError(number, _told(path, number)) from None
        raise


def remove_left_parts(folder: Path) -> None:
    """Remove unfinished files whose writer is gone.

    A writer is gone if no process has its number any more; that is known only of writers in this
    container since this start of the machine. A part of any other one (another node, another
    container, before a reboot) is removed once nobody has written to it for a day. What may not be
    removed stays, and is no error.
    """
    # tidying must never keep from writing: in a folder for all (sticky) parts of others stay
    with suppress(OSError):
        for entry in os.scandir(folder):
            if found := _PART.match(entry.name):
                with suppress(OSError):  # or its writer finishes at this moment
                    _remove_if_left(entry, found["host"], int(found["process"]))


def _remove_if_left(entry: os.DirEntry[str], host: str, process: int) -> None:
    here = host == _HOST
    if not _runs(process) if here else time.time() - entry.stat().st_mtime > _DAY:
        Path(entry.path).unlink()


# Once per process: a folder of a large cohort has thousands of entries.
_tidy = lru_cache(maxsize=64)(remove_left_parts)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # another account's
    return True


def folders_of(patterns: Iterable[str | Path]) -> set[Path]:
    """Return the folders of paths; of one with wildcards ({patient}) the last before the first."""
    return {next(p for p in Path(path).parents if "{" not in str(p)) for path in patterns}


def unwritable_folders(folders: Iterable[str | Path]) -> list[str]:
    """Return those of the folders that cannot be written to.

    Of a folder that does not exist yet, the nearest one above it counts. To be asked before a run:
    Snakemake itself stops all work, without a remedy, at the first such folder.
    """
    asked = {
        next((p for p in [folder, *folder.parents] if p.exists()), folder)
        for folder in map(Path, folders)
    }
    return sorted(str(folder) for folder in asked if not os.access(folder, os.W_OK | os.X_OK))


def _remove(part: Path) -> None:
    try:
        part.unlink(missing_ok=True)
    except OSError:
        return  # a folder that cannot be written to: the first error says more


def _system_error(error: Exception) -> int:
    """Return the number of the system's error behind an exception, 0 if there is none."""
    if isinstance(error, OSError) and error.errno:
        return error.errno
    found = _NUMBER.search(str(error)) if isinstance(error, OSError | RuntimeError) else None
    return int(found[1]) if found else 0


def _told(path: Path, number: int) -> str:
    remedy = _REMEDY.get(number, "look after the disk or the folder")
    return (
        f"{path}: found {os.strerror(number)!r} while writing, expected a file that can be "
        f"written. Nothing of it is left. To mend it: {remedy}, then start the workflow again"
    )
