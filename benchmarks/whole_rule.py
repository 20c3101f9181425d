"""The rule gate_patient itself, on one file: every check, table and gate file that it writes."""

import runpy
import tempfile
from pathlib import Path

import yaml

from aftercar.cytometry.course import Course
from benchmarks.samples import PANEL, ROOT, settings

IN_PARQUET = ("views", "densities")


class Named(dict):
    """Files of a rule by name, as Snakemake hands them to a script."""

    __getattr__ = dict.__getitem__


class Job:
    """What a script finds under the name snakemake."""

    def __init__(self, fcs: str, folder: str) -> None:
        """Describe a patient with one marrow."""
        cytometry = settings()["cytometry"]
        panels = {name: str(ROOT / path) for name, path in cytometry["panels"].items()}
        sheet = yaml.safe_load((ROOT / "workflow/schemas/samples.schema.yaml").read_text())
        row = dict.fromkeys(sheet["properties"], "")
        row |= {"sample_id": "S1", "patient_id": "P1", "day": "28", "specimen": "BM"}
        row |= {"assay": "flow", "panel": PANEL, "path": fcs}
        sheets: dict[str, list] = {"infusions": [], "labs": []}
        self.params = Named(
            panels=panels, settings=cytometry, sheets=sheets, specimens=[row], code=""
        )
        self.input = Named()
        tables = Course({}, [], cytometry).tables()
        kinds = {name: "parquet" if name in IN_PARQUET else "tsv" for name in tables}
        self.output = Named({name: f"{folder}/{name}.{kind}" for name, kind in kinds.items()})
        self.output["gates"] = f"{folder}/gates"
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
