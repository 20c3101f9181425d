"""Write one kind of file in children that the kernel kills, or refuses, after so many bytes.

python -m tests.unit.io.killed_writer KIND FOLDER prints what was left after each child, as JSON.
"""

import json
import os
import resource
import signal
import sys
from functools import partial
from pathlib import Path

from aftercar.contracts.specimen import INPUT_FILES
from aftercar.io.pages import write_page
from aftercar.io.provenance import write_provenance
from aftercar.io.tables import write_table

# stops per file: before the first byte, then along its length
PARTS = {"cells.h5ad": 4}
USUAL_PARTS = 12
FORMER = b"what stood here before"


def rows_of(path: Path):
    rows = [
        {"sample_id": f"S{n}", "patient_id": "P", "role": "data", "bytes": n, "sha256": "a" * 64}
        for n in range(80)
    ]
    return partial(write_table, INPUT_FILES, INPUT_FILES.frame(rows), path)


def provenance_of(path: Path):
    beside = path.with_name(path.name.removesuffix(".provenance.json"))
    beside.write_text("table")
    return partial(write_provenance, beside, settings={"n": [1] * 1000}, code="", inputs=[])


def gates_of(path: Path):
    from aftercar.cytometry.prepare import Bound, PlacedGate
    from aftercar.io.workspace import write_gates

    gates = [PlacedGate(f"g{n}", "", ((Bound(0, low=1.0),),)) for n in range(40)]
    return partial(write_gates, path, gates, ["X-A"], None, None)


def calls_of(path: Path):
    from aftercar.io.variants import write_variants

    return partial(write_variants, path, {"S": []}, {f"chr{n}": 1000 for n in range(400)})


def cells_of(path: Path):
    from tests.unit.singlecell.drawn_cells import draw, measure, mixed, sample

    from aftercar.io.cell_tables import write_annotated_specimen

    matrix, _ = draw(mixed(), 1)
    found = measure(matrix, None)
    return partial(write_annotated_specimen, path.parent, sample(path.stem), matrix, found)


WRITERS = {
    "table.tsv": rows_of,
    "table.parquet": rows_of,
    "page.html": lambda path: partial(write_page, path, "é" * 4000),
    "table.tsv.provenance.json": provenance_of,
    "gates.xml": gates_of,
    "calls.vcf": calls_of,
    "cells.h5ad": cells_of,
}


def in_child(work, limit: int | None = None, *, killed: bool = False) -> tuple[int, str]:
    """Return the signal that ended a child doing `work` within so many bytes, and its error."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        told = ""
        try:
            if limit is not None:
                signal.signal(signal.SIGXFSZ, signal.SIG_DFL if killed else signal.SIG_IGN)
                resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
                resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
            work()
        except Exception as error:  # noqa: BLE001 - any error is what the test wants to see
            told = f"{type(error).__name__}: {error}"
        os.write(writing, told.encode()[:4000])
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        told = pipe.read()
    return os.WTERMSIG(os.waitpid(child, 0)[1]), told


def main(kind: str, folder: Path) -> list[dict]:
    """Return what stood in the folder after each child that was stopped."""
    path = folder / kind
    write = WRITERS[kind](path)
    in_child(write)
    whole = path.read_bytes()
    path.write_bytes(FORMER)
    found = []
    parts = PARTS.get(kind, USUAL_PARTS)
    for killed in (True, False):
        for limit in sorted({len(whole) * part // parts for part in range(parts)}):
            number, told = in_child(write, limit, killed=killed)
            left = [p.name for p in folder.iterdir() if p.name.startswith(".part-")]
            found.append(
                {"killed": killed, "signal": number, "told": told, "left": left}
                | {"former": path.read_bytes() == FORMER}
            )
    in_child(write)
    found.append({"finished": path.read_bytes() == whole and not list(folder.glob(".part-*"))})
    return found


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], Path(sys.argv[2]))))
