"""Shards are run apart and joined where no raw file is, as the page on scale says."""

import re
import shutil
from pathlib import Path

import pytest
import yaml
from tests.e2e.workflow_run import ROOT, edit_sheet, final_tables, snakemake

pytestmark = pytest.mark.e2e


def recipe() -> dict:
    """What the page on scale tells to write into config.yaml of the run that joins."""
    (text,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/scale.md").read_text(), re.DOTALL)
    return yaml.safe_load(text)


def shard_of(finished: Path, folder: Path, patients: set[str]) -> Path:
    """A finished run of some patients, and of the controls that their specimens need, alone.

    What one run has measured of them stays, so that little runs again.
    """
    workdir = shutil.copytree(finished, folder, symlinks=True)
    edit_sheet(workdir, "patients", lambda sheet: sheet[sheet["patient_id"].isin(patients)])
    for name in ("infusions", "labs", "events"):
        edit_sheet(workdir, name, lambda sheet: sheet[sheet["patient_id"].isin(patients)])

    def needed(sheet):
        mine = sheet["patient_id"].isin(patients)
        places = ["assay", "batch", "panel"]
        served = set(map(tuple, sheet[mine][places].to_numpy()))
        asked = sheet[places].apply(tuple, axis=1).isin(served)
        return sheet[mine | (sheet["patient_id"].eq("") & asked)]

    edit_sheet(workdir, "samples", needed)
    status, said = snakemake(workdir, "results/risk/relapse_risk.tsv")
    assert status == 0, said
    return workdir


def joining(folder: Path, finished: Path, *shards: Path) -> Path:
    """The sheets of everybody and the configuration of the page on scale, without any raw file."""
    shutil.copytree(finished / "config", folder / "config")
    (folder / "shards").mkdir()
    with (folder / "config/config.yaml").open("a") as config:
        config.write(f"\n{yaml.safe_dump(recipe())}")
    for name, shard in zip(recipe()["shards"], shards, strict=False):
        (folder / name).symlink_to(shard)
    return folder


ELSEWHERE = {"P09", "P10", "P11"}  # of batch b3, as P12 is: its control stands in both shards


@pytest.fixture(scope="module")
def shards(finished, tmp_path_factory):
    """Two runs that hold the patients of the demo between them, each in a folder of its own."""
    patients = {page.stem for page in (finished / "reports/patients").glob("*.html")}
    folder = tmp_path_factory.mktemp("machines")
    parts = {"one": patients - ELSEWHERE, "two": patients & ELSEWHERE}
    return [shard_of(finished, folder / name, mine) for name, mine in parts.items()]


def test_shards_are_joined_without_raw_files_and_give_the_tables_of_one_run(
    finished, shards, tmp_path
):
    workdir = joining(tmp_path / "joined", finished, *shards)
    status, said = snakemake(workdir)
    assert status == 0, said
    assert set(re.findall(r"^(?:local)?rule (\w+):", said, re.MULTILINE)) == {
        "all", "merge_tables", "estimate_outcomes", "render_cohort",
    }  # fmt: skip
    whole, made = final_tables(finished), final_tables(workdir)
    assert {"risk/relapse_risk.tsv", "cytometry/cuts.tsv", "cohort/survival.tsv"} <= set(made)
    assert made == {name: whole[name] for name in made}
    page = workdir / "reports/cohort.html"
    links = re.findall(r'href="([^"#]+)"', page.read_text())
    patients = {path.stem for path in (finished / "reports/patients").glob("*.html")}
    assert {Path(link).stem for link in links} == patients | {"quality"}
    assert all((page.parent / link).is_file() for link in links)
    # pages of the patients of the other shard are left in each: they are not linked
    elsewhere = {Path(link).stem for link in links if "shards/b/reports/patients/" in link}
    assert elsewhere == ELSEWHERE & patients
    assert "Nothing to be done" in snakemake(workdir)[1]
    status, said = snakemake(
        workdir, "check"
    )  # it would find nothing wrong, having looked at nothing
    assert status != 0
    assert "To mend it: check in each shard" in said


def test_what_shards_and_sheets_do_not_agree_on_is_told_at_once_and_nothing_is_joined(
    finished, shards, tmp_path
):
    workdir = joining(tmp_path / "joined", finished, shards[0])
    config = workdir / "config/config.yaml"
    settings = yaml.safe_load(config.read_text())
    config.write_text(yaml.safe_dump(settings | {"shards": ["shards/a", "shards/b", "."]}))
    status, said = snakemake(workdir)
    assert status != 0
    assert "key shards: found no file 'shards/b/results/risk/patients.tsv'" in said
    assert "key shards: found '.', the working directory of this run" in said

    settings["shards"] = ["shards/a"]
    settings["cytometry"]["lod_events"] = 30
    config.write_text(yaml.safe_dump(settings))
    edit_sheet(workdir, "labs", lambda sheet: sheet[sheet["patient_id"] != "P12"])
    (workdir / "shards/a").unlink()
    shutil.copytree(shards[0], workdir / "shards/a", symlinks=True)
    with (workdir / "shards/a/results/evidence/evidence.tsv").open("r+") as copy:
        copy.truncate(5000)
    status, said = snakemake(workdir)
    assert status != 0
    for told in (
        "shards/a: found key cytometry/lod_events 20, expected 30",
        "shards/a: found other rows of P12 than",
        "found no table of P09, P10, P11, expected all patients",
        "shards/a, evidence.tsv: found another table than its provenance is of",
    ):
        assert told in said, told
    assert not list((workdir / "results").glob("*/*.tsv"))
    assert not (workdir / "reports").exists()
