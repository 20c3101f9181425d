"""Write each kind of file to a disk that has room for half of it.

python -m tests.unit.io.full_disk FOLDER, a small disk of its own; prints what was found, as JSON.
"""

import json
import os
import sys
from pathlib import Path

from tests.unit.io.killed_writer import FORMER, WRITERS


def fill(folder: Path, room_bytes: int) -> Path:
    """Return the file that leaves no more than so many bytes of the disk."""
    disk = os.statvfs(folder)
    taken = max(0, disk.f_bavail - room_bytes // disk.f_bsize) * disk.f_bsize
    filler = folder / "filler"
    with filler.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, taken)
    return filler


def stopped(folder: Path, kind: str) -> dict:
    """What stands in the folder after a writer without room, and after the next one with room."""
    path = folder / kind
    write = WRITERS[kind](path)
    write()
    whole = path.read_bytes()
    path.write_bytes(FORMER)
    beside = {entry.name for entry in folder.iterdir()}
    filler = fill(folder, len(whole) // 2)
    told = ""
    try:
        write()
    except Exception as error:  # noqa: BLE001 - any error is what the test wants to see
        told = f"{type(error).__name__}: {error}"
    filler.unlink()
    left = {entry.name for entry in folder.iterdir()} - beside
    former = path.read_bytes() == FORMER
    write()
    return {
        "told": told,
        "left": sorted(left),
        "former": former,
        "finished": path.read_bytes() == whole,
    }


if __name__ == "__main__":
    print(json.dumps({kind: stopped(Path(sys.argv[1]), kind) for kind in sorted(WRITERS)}))
