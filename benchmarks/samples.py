"""The files that are measured, drawn by the simulator, and the gates that AfterCAR places there."""

import json
from pathlib import Path

import numpy as np
import yaml

from aftercar.cytometry.course import Course
from aftercar.cytometry.specimen import describe
from aftercar.cytometry.template import parse_template
from aftercar.io.fcs import read_fcs
from aftercar.io.templates import read_template
from aftercar.io.workspace import write_gates
from aftercar.simulate.blood import healthy_blood
from aftercar.simulate.cytometer import SECONDS, TICK, Acquisition, acquire, fcs_bytes

ROOT = Path(__file__).resolve().parents[1]
PANEL = "b_all_mrd"
EVENTS, CHANNELS = 300_000, 15
SEED = 20240229


def draw(path: Path, events: int, *, seed: int, blasts: float = 0.01) -> Path:
    """Write an FCS file of the residual-disease panel."""
    shares = healthy_blood() | {"blast": blasts}
    random = np.random.default_rng([SEED, seed])
    tube = acquire(shares, PANEL, events, random, donor_shift={}, batch_shift={})
    assert tube.events.shape == (events, CHANNELS)
    path.write_bytes(fcs_bytes(tube, {}))
    return path


def draw_long(path: Path, parts: int, part_events: int, distinct: int) -> Path:
    """Write `parts` acquisitions one after another as one file; after `distinct` they repeat."""
    shares = healthy_blood() | {"blast": 1e-4}
    tubes = []
    for seed in range(distinct):
        random = np.random.default_rng([SEED, 1000 + seed])
        tubes.append(acquire(shares, PANEL, part_events, random, donor_shift={}, batch_shift={}))
    events = np.concatenate([tubes[n % distinct].events for n in range(parts)])
    for n in range(parts):  # time goes on
        events[n * part_events : (n + 1) * part_events, 0] += n * SECONDS / TICK
    first = tubes[0]
    long = Acquisition(
        first.names, first.labels, events, first.identity, first.spill, first.fluorescent
    )
    path.write_bytes(fcs_bytes(long, {}))
    return path


def settings() -> dict:
    """Return the configuration as delivered."""
    return yaml.safe_load((ROOT / "config/config.yaml").read_text())


def course() -> Course:
    """Return an empty course of a patient with the delivered templates, without controls."""
    cytometry = settings()["cytometry"]
    panels = {
        name: parse_template(read_template(ROOT / path))
        for name, path in cytometry["panels"].items()
    }
    return Course(panels, [], cytometry)


def specimen():
    """Return a marrow of a patient whose product is not known."""
    row = {"sample_id": "S1", "patient_id": "P1", "day": "28", "specimen": "BM"}
    return describe(row | {"batch": "", "panel": PANEL}, [], [])


def place_gates(fcs: Path, folder: Path) -> dict[str, str]:
    """Write the gates that AfterCAR places on a file; return the paths by what they hold.

    `linear` and `logicle` are GatingML 2.0 with borders in linear units and on logicle axes;
    `table` holds names, channels and linear borders as JSON.
    """
    from benchmarks.logicle_axes import on_logicle_axes

    export = course().add(specimen(), read_fcs(fcs), [])
    if export is None:
        raise SystemExit(f"{fcs.name}: the specimen FAILED, there are no gates to measure with")
    gates, names, spill, _ = export
    paths = {"linear": folder / "linear.xml", "logicle": folder / "logicle.xml"}
    paths["table"] = folder / "gates.json"
    write_gates(paths["linear"], *export)
    on_logicle_axes(paths["linear"], paths["logicle"])
    rows = [
        {
            "name": gate.name,
            "parent": gate.parent,
            "alternatives": [
                [
                    {
                        "channel": names[bound.channel],
                        "low": bound.low,
                        "high": bound.high,
                        "over": None if bound.over is None else names[bound.over],
                    }
                    for bound in bounds
                ]
                for bounds in gate.alternatives
            ],
        }
        for gate in gates
    ]
    content = {"gates": rows, "detectors": list(spill.names), "matrix": spill.matrix.tolist()}
    paths["table"].write_text(json.dumps(content))
    return {name: str(path) for name, path in paths.items()}
