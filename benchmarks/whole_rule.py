"""The rule gate_patient itself, on one file: every check, table and gate file that it writes."""

import runpy
import tempfile
from pathlib import Path

from benchmarks.samples import PANEL, ROOT, settings

TABLES = ("populations", "ratios", "cuts", "concordance", "quality", "inputs")


class Named(dict):
    """Files of a rule by name, as Snakemake hands them to a script."""

    __getattr__ = dict.__getitem__


class Job:
    """What a script finds under the name snakemake."""

    def __init__(self, fcs: str, folder: str) -> None:
        """Describe a patient with one marrow."""
        cytometry = settings()["cytometry"]
        panels = {name: str(ROOT / path) for name, path in cytometry["panels"].items()}
        row = {"sample_id": "S1", "patient_id": "P1", "day": "28", "specimen": "BM", "batch": ""}
        row |= {"panel": PANEL, "path": fcs, "workspace": ""}
        sheets: dict[str, list] = {"infusions": [], "labs": []}
        self.params = Named(
            panels=panels, settings=cytometry, sheets=sheets, specimens=[row], code=""
        )
        self.input = Named()
        self.output = Named({name: f"{folder}/{name}.tsv" for name in TABLES})
        self.output |= {"views": f"{folder}/views.parquet", "gates": f"{folder}/gates"}
        self.log = [f"{folder}/log"]


def prepare() -> None:
    """Nothing: all that the rule reads is part of the run."""


def run(prepared: None, path: str) -> dict[str, int]:
    """Return counts by reported population."""
    from aftercar.contracts.cytometry import POPULATIONS
    from aftercar.io.tables import read_table

    with tempfile.TemporaryDirectory() as folder:
        job = Job(path, folder)
        script = str(ROOT / "scripts/gate_patient.py")
        runpy.run_path(script, init_globals={"snakemake": job}, run_name="__main__")
        if not list(Path(job.output.gates).glob("*.xml")):
            raise SystemExit(Path(job.log[0]).read_text())
        rows = read_table(POPULATIONS, job.output.populations)
    return {r["population"]: int(r["count"]) for r in rows.to_dict("records") if r["count"] >= 0}
