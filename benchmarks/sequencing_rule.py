"""The rules call_variants and genotype_cells themselves: every table that they write."""

import runpy
import tempfile
from pathlib import Path

import yaml

from benchmarks.samples import ROOT, settings


class Named(dict):
    """Values of a rule by name, as Snakemake hands them to a script."""

    __getattr__ = dict.__getitem__


class Files(Named):
    """Files of a rule, each under its own name in one folder."""

    def __init__(self, folder: str) -> None:
        """Keep the folder."""
        super().__init__()
        self["folder"] = folder

    def __missing__(self, name: str) -> str:
        """Return the path of a file; its ending tells how it is written."""
        ending = {"genotypes": "parquet", "vcf": "vcf"}.get(name, "tsv")
        return f"{self['folder']}/{name}.{ending}"

    __getattr__ = dict.__getitem__


class Job:
    """What a script finds under the name snakemake: a patient with one specimen, no control."""

    def __init__(self, row: dict[str, str], fasta: str, folder: str) -> None:
        """Describe the specimen by the filled columns of its row."""
        sheet = yaml.safe_load((ROOT / "workflow/schemas/samples.schema.yaml").read_text())
        known = {"sample_id": "S1", "patient_id": "P1", "day": "28", "specimen": "BM"}
        config = settings()["sequencing"] | {"genes": ["CD19"]}
        self.params = Named(
            samples=[dict.fromkeys(sheet["properties"], "") | known | row], controls=[],
            references={"simulated": fasta}, default="simulated", isoforms="",
            models=str(ROOT / "resources/genes"),
            priors=str(ROOT / "resources/singlecell/genotyping.yaml"), settings=config, code="",
        )  # fmt: skip
        self.input = Named(backgrounds=[], panel=[])
        self.output = Files(folder)
        self.log = [f"{folder}/log"]


def prepare(rule: str, fasta: str, row: dict[str, str], keep: str = "") -> tuple:
    """Return what a run needs; with `keep`, a folder, its tables stay there."""
    return rule, fasta, row, keep


def run(prepared: tuple, path: str) -> dict[str, int]:
    """Return the number of called variants, or of genotypes."""
    rule, fasta, row, keep = prepared
    with tempfile.TemporaryDirectory() as temporary:
        folder = keep or temporary
        column = "path" if rule == "call_variants" else "bam"
        job = Job(row | {column: path}, fasta, folder)
        script = str(ROOT / f"scripts/{rule}.py")
        runpy.run_path(script, init_globals={"snakemake": job}, run_name="__main__")
        if rule == "call_variants":
            return {"variants": len(Path(job.output.variants).read_text().splitlines()) - 1}
        import pandas as pd

        return {"genotypes": len(pd.read_parquet(job.output.genotypes))}
