"""Another workflow can use this one as a module; Snakemake's own linter is content."""

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


def test_lint(workdir):
    status, said = snakemake(workdir, "--lint")
    assert status == 0, said
    assert "Congratulations" in said, said
