"""Compare our time check with PeacoQC on tubes whose bad seconds are known, and on clean ones.

    PYTHONPATH=scripts:. .venv/bin/python -m tests.accuracy.acquisition_over_time PYTHON

PYTHON is an interpreter that has peacoqc-rs; without it only our columns are printed.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tests.accuracy.tubes import ROOT

from aftercar.cytometry.quality import time_anomalies, within_intervals
from aftercar.io.fcs import read_fcs
from aftercar.io.templates import read_template
from aftercar.simulate.cytometer import acquire

DATA = ROOT.parent / "shared/data/cytometry"
PLACEMENT = read_template(ROOT / "resources/gating/b_cell_recovery.yaml")["placement"]
SHARES = {"granulocyte": 0.5, "monocyte": 0.08, "b": 0.05, "nk": 0.05, "blast": 0.02,
          "t_cd4": 0.18, "t_cd8": 0.12}  # fmt: skip
EVENTS = {3000: 10, 20_000: 10, 100_000: 10, 300_000: 3}
PUBLIC = {
    "facs_diva_test": "clinical/facs_diva_test.fcs",
    "fake_large": "hostile/fake_large_fcs.fcs",
    "cytek_xp5": "hostile/cytek_xp5_24bit.fcs",
    "accuri_c6": "hostile/accuri_c6.fcs",
    "flowsom_68983": "gated/flowsom_68983/68983.fcs",
    "CellCounts4L-NY071-1": "gated/luciernaga_counts/CellCounts4L-NY071-1.fcs",
}
PEER = """
import sys, time, numpy, polars, peacoqc
folds = numpy.load(sys.argv[1])
frame = polars.DataFrame({f"c{n}": column for n, column in enumerate(folds.T)})
ranges = {f"c{n}": (float(c.min()), float(c.max())) for n, c in enumerate(folds.T)}
begun = time.perf_counter()
good = numpy.array(peacoqc.run_qc(frame, channels=list(ranges), channel_ranges=ranges).good_cells)
print(time.perf_counter() - begun)
numpy.save(sys.argv[2], good)
"""


class Case(NamedTuple):
    """Events in order of time; `bad` were acquired wrongly, `good` rightly, others are unknown."""

    name: str
    time: np.ndarray
    folds: np.ndarray
    bad: np.ndarray
    good: np.ndarray


def _folds(values: np.ndarray, full_scale: np.ndarray) -> np.ndarray:
    cofactor = (
        np.maximum(np.maximum(full_scale, values.max(axis=0)), 1) * PLACEMENT["cofactor_share"]
    )
    return np.arcsinh(values / cofactor)


def simulated(kind: str, events: int, draw: int) -> Case:
    """Return a tube of 100 s: clean, or with a clog, a bubble, or one detector that dims."""
    random = np.random.default_rng([events, draw, 7])
    made = acquire(SHARES, "b_cell_recovery", events, random, donor_shift={}, batch_shift={},
                   clog=kind == "clog")  # fmt: skip
    values = made.events.astype(np.float64)
    borders = {"clog": (42, 49), "one detector dims": (60, 72), "bubble": (20, 23)}
    first, last = borders.get(kind, (-2, -1))
    inside = (values[:, 0] > 100 * first) & (values[:, 0] < 100 * last)
    if kind == "one detector dims":
        values[inside, made.names.index("PE-Cy7-A")] *= 0.4
    if kind == "bubble":  # five times the rate, a fifth of the scatter
        extra = values[random.choice(np.flatnonzero(inside), 4 * inside.sum())].copy()
        extra[:, 1:4] *= 0.2
        extra[:, 0] = np.floor(random.uniform(100 * first, 100 * last, len(extra)))
        values = np.vstack([values, extra])
        values = values[np.argsort(values[:, 0], kind="stable")]
    bad = (values[:, 0] > 100 * first) & (values[:, 0] < 100 * last)
    folds = _folds(values[:, 1:], np.full(values.shape[1] - 1, 262_144.0))
    return Case(f"{kind}, {events:,} events", values[:, 0], folds, bad, ~bad)


def cases() -> Iterator[list[Case]]:
    """Yield the repeats of each case."""
    stored = np.load(DATA / "qc/flowAI_Bcells1.npz")
    names = [str(name) for name in stored["pnn"]]
    values, clock = stored["x"].astype(np.float64), names.index("Time")
    moment = values[:, clock]
    folds = _folds(np.delete(values, clock, axis=1), np.full(len(names) - 1, 262_144.0))
    yield [Case("flowAI Bcells1", moment, folds, moment > 2690, moment < 2600)]
    for name, path in PUBLIC.items():
        events = read_fcs(DATA / path)
        clock = next(n for n, c in enumerate(events.channels) if c.name.lower() == "time")
        used = [
            n for n, column in enumerate(events.values.T)
            if n != clock and column.min() < column.max() and events.channels[n].name != "Width"
        ]  # fmt: skip
        values = events.values.astype(np.float64)
        scales = np.array([events.channels[n].full_scale for n in used])
        nothing = np.zeros(len(values), dtype=bool)
        yield [Case(name, values[:, clock], _folds(values[:, used], scales), nothing, ~nothing)]
    for kind in ("clean", "clog", "bubble", "one detector dims"):
        for events, draws in EVENTS.items():
            yield [simulated(kind, events, draw) for draw in range(draws)]


def ours(case: Case) -> tuple[np.ndarray, float, str]:
    """Return which events are kept, the seconds it took, and the verdict."""
    begun = time.perf_counter()
    step = max(1, len(case.time) // (PLACEMENT["time_bins"] * PLACEMENT["time_level_events"]))
    levels = {str(n): column for n, column in enumerate(np.asfortranarray(case.folds[::step]).T)}
    found = time_anomalies(case.time, levels, PLACEMENT, max_share=1.0, step=step)
    kept = within_intervals(case.time, found.intervals)
    return kept, time.perf_counter() - begun, found.check.verdict


def peer(python: str, case: Case) -> tuple[np.ndarray, float]:
    """Return the same of PeacoQC with its defaults, on the same channels and scale."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [str(Path(folder) / name) for name in ("folds.npy", "good.npy")]
        np.save(paths[0], case.folds)
        run = subprocess.run([python, "-c", PEER, *paths], check=True, capture_output=True)
        return np.load(paths[1]), float(run.stdout)


def cells(results: list[tuple], repeats: list[Case]) -> list[str]:
    """Return the share of bad events removed, of good ones lost, and the milliseconds."""
    shares = []
    for which in ("bad", "good"):
        removed = [
            float((~kept[getattr(case, which)]).mean())
            for (kept, *_), case in zip(results, repeats, strict=True)
            if getattr(case, which).any()
        ]
        shares.append(f"{100 * np.mean(removed):.1f} %" if removed else "")
    return [*shares, f"{1000 * np.median([one[1] for one in results]):.0f}"]


if __name__ == "__main__":
    for repeats in cases():
        found = [ours(case) for case in repeats]
        line = [repeats[0].name, str(len(repeats)), *cells(found, repeats)]
        verdicts = [one[2] for one in found]
        line.append(", ".join(f"{verdicts.count(v)} {v}" for v in sorted(set(verdicts))))
        if len(sys.argv) > 1:
            line += cells([peer(sys.argv[1], case) for case in repeats], repeats)
        print(f"| {' | '.join(line)} |", flush=True)
