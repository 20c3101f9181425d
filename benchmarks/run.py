"""Measure all parts, or the named ones: python -m benchmarks.run [part ...]."""

import datetime
import importlib
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.needs import message, missing
from benchmarks.page import write_page
from benchmarks.results import clauses, merge, read_results, result, write_results

ROOT = Path(__file__).resolve().parents[1]
PARTS = [
    "gating", "batch", "residual_disease", "variants", "cell_variants", "cell_expression", "risk",
]  # fmt: skip
LONG = ["scale"]  # measured by name only: alone it takes as long as all others
WHOLE = "bench"  # the run itself, written when all parts were measured in one run
WHOLE_TARGET_S = 1800


def measure(parts: list[str]) -> None:
    """Run parts one after another; write results.json and the page after each."""
    begin, measured = time.perf_counter(), commit_and_day()
    for part in parts:
        print(f"{part} ...", flush=True)
        start = time.perf_counter()
        with tempfile.TemporaryDirectory(prefix="aftercar_bench_") as folder:
            new = importlib.import_module(f"benchmarks.{part}").run(Path(folder))
        _keep(new, measured)
        print(f"  took {time.perf_counter() - start:.0f} s", flush=True)
    if parts == PARTS:
        _keep([whole_run(time.perf_counter() - begin)], measured)


def _keep(new: list[dict], measured: str) -> None:
    new = [entry | {"measured": measured} for entry in new]
    entries = merge(read_results(), new, [*PARTS, *LONG, WHOLE])
    write_results(entries)
    write_page(entries)
    for entry in new:
        others = entry["peers"] | ({"floor": entry["floor"]} if entry["floor"] else {})
        beside = ", ".join(f"{name} {value:g}" for name, value in others.items())
        print(f"  {entry['id']}: {entry['ours']:g} {entry['unit']} ({beside})")
        for asked, found, met in clauses(entry):
            print(f"    {'met' if met else 'MISSED'}: {asked}; found {found}")


def whole_run(seconds: float) -> dict:
    """Return the entry of a run of all parts, with the machine that it ran on."""
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return result(
        f"{WHOLE}.seconds",
        f"All parts but {', '.join(LONG)}, one after another, with drawing all data",
        f"All events, reads, cells and patients of this page; one run on {os.cpu_count()} cores of "
        f"{processor()}, {memory_gb:.0f} GB, {platform.system()}, "
        f"Python {platform.python_version()}", "s", seconds, target={"at_most": WHOLE_TARGET_S},
    )  # fmt: skip


def commit_and_day() -> str:
    """Return the commit that is measured, whether the files differ from it, and the day."""
    asked = f"git -C {ROOT} describe --always --dirty --exclude=*".split()
    try:
        commit = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):  # an archive without its history, or no git
        commit = "unknown"
    return f"{datetime.date.today()}, commit {commit}"


def processor() -> str:
    """Return the name of the processor (Linux), else its architecture."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


if __name__ == "__main__":
    if unknown := set(sys.argv[1:]) - {*PARTS, *LONG}:
        known = ", ".join([*PARTS, *LONG])
        raise SystemExit(f"no part {', '.join(sorted(unknown))}; there are {known}")
    asked = [part for part in [*PARTS, *LONG] if part in sys.argv[1:]] or PARTS
    if absent := missing(asked):
        raise SystemExit(message(absent, asked))
    measure(asked)
