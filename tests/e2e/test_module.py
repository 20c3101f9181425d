"""Another workflow can use this one as a module; Snakemake's own linter is content."""

import threading
import zipfile
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
from tests.e2e.workflow_run import ROOT, snakemake, working_copy

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
