"""Measure all parts, or the named ones: python -m benchmarks.run [part ...]."""

import importlib
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.page import PAGE, page
from benchmarks.results import clauses, merge, read_results, write_results

PARTS = [
    "gating", "batch", "residual_disease", "variants", "cell_variants", "cell_expression", "risk",
]  # fmt: skip


def measure(parts: list[str]) -> None:
    """Run parts one after another; write results.json and the page after each."""
    for part in parts:
        print(f"{part} ...", flush=True)
        start = time.perf_counter()
        with tempfile.TemporaryDirectory(prefix="aftercar_bench_") as folder:
            new = importlib.import_module(f"benchmarks.{part}").run(Path(folder))
        entries = merge(read_results(), new, PARTS)
        write_results(entries)
        PAGE.write_text(page(entries))
        for entry in new:
            others = entry["peers"] | ({"floor": entry["floor"]} if entry["floor"] else {})
            beside = ", ".join(f"{name} {value:g}" for name, value in others.items())
            print(f"  {entry['id']}: {entry['ours']:g} {entry['unit']} ({beside})")
            for asked, found, met in clauses(entry):
                print(f"    {'met' if met else 'MISSED'}: {asked}; found {found}")
        print(f"  took {time.perf_counter() - start:.0f} s", flush=True)


if __name__ == "__main__":
    if unknown := set(sys.argv[1:]) - set(PARTS):
        raise SystemExit(f"no part {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    measure(sys.argv[1:] or PARTS)
