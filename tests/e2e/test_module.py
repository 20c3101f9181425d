"""Another workflow can use this one as a module; Snakemake's own linter is content."""

import re
import threading
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pandas as pd
import pytest
from tests.e2e.workflow_run import ROOT, final_tables, snakemake, working_copy

pytestmark = pytest.mark.e2e


def test_usable_as_a_module(tmp_path):
    workdir = working_copy(tmp_path / "demo", ["P10"])
    (workdir / "Snakefile").write_text(
        f"""
module aftercar:
    snakefile: "{ROOT}/workflow/Snakefile"
    config: config
    pathvars:
        results="results/aftercar",

configfile: "config/config.yaml"
use rule * from aftercar as aftercar_*
"""
    )
    target = "results/aftercar/risk/relapse_risk.tsv"
    status, said = snakemake(workdir, target, snakefile=workdir / "Snakefile")
    assert status == 0, said
    assert (workdir / target).read_text().count("P10") >= 42


def halves(table, first, second):
    """Write every second row of a table to one file, the others to another one."""
    for start, path in enumerate((first, second)):
        path.parent.mkdir(parents=True, exist_ok=True)
        if table.suffix == ".parquet":
            pd.read_parquet(table).iloc[start::2].to_parquet(path, index=False)
        else:
            header, *rows = table.read_text().splitlines(keepends=True)
            path.write_text("".join([header, *rows[start::2]]))


def test_shards_are_joined_as_the_page_on_scale_says_and_give_the_tables_of_one_run(
    finished, tmp_path
):
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs/scale.md").read_text(), re.DOTALL)
    workdir = working_copy(tmp_path / "joined")
    (workdir / "Snakefile").write_text(code.replace("/path/to/aftercar", str(ROOT)))
    whole = final_tables(finished)
    for name in whole:
        shards = (workdir / f"shards/{shard}/results/{name}" for shard in "ab")
        halves(finished / "results" / name, *shards)
    status, said = snakemake(workdir, "reports/cohort.html", snakefile=workdir / "Snakefile")
    assert status == 0, said
    assert "gate_patient" not in said
    made = final_tables(workdir)
    assert {"risk/relapse_risk.tsv", "cytometry/cuts.tsv", "cohort/survival.tsv"} <= set(made)
    assert made == {name: whole[name] for name in made}


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format, *arguments):
        """Say nothing."""


def test_a_module_of_single_fetched_files_is_refused_with_what_to_do(tmp_path):
    """The library and the resources are read beside the rules: only a whole clone has them."""
    workdir = working_copy(tmp_path / "demo", ["P10"])
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=ROOT)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        (workdir / "Snakefile").write_text(
            f"""
module aftercar:
    snakefile: "http://127.0.0.1:{server.server_port}/workflow/Snakefile"
    config: config

configfile: "config/config.yaml"
use rule * from aftercar as aftercar_*
"""
        )
        direct = {"no_proxy": "127.0.0.1", "XDG_CACHE_HOME": str(tmp_path / "cache")}
        status, said = snakemake(workdir, "-n", snakefile=workdir / "Snakefile", env=direct)
        server.shutdown()
    assert status == 1
    assert "fetched as single files" in said
    assert "git clone the repository" in said


def test_lint(workdir):
    status, said = snakemake(workdir, "--lint")
    assert status == 0, said
    assert "Congratulations" in said, said


def test_snakemakes_own_report_holds_the_pages(finished, tmp_path):
    status, said = snakemake(finished, "--report", tmp_path / "report.zip")
    assert status == 0, said
    with zipfile.ZipFile(tmp_path / "report.zip") as report:
        names = {name.rsplit("/", 1)[-1] for name in report.namelist()}
    assert {"cohort.html", "quality.html", "P10.html"} <= names
