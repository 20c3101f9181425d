"""A signature makes one page final and renders no other one."""

import re
import shutil
import subprocess
import sys

import pytest
from tests.e2e.workflow_run import ROOT, snakemake

pytestmark = pytest.mark.e2e


def test_a_signature_makes_exactly_its_own_page_final(finished, tmp_path):
    workdir = tmp_path / "demo"
    shutil.copytree(finished, workdir, symlinks=True)
    subprocess.run(
        [sys.executable, str(ROOT / "scripts/sign_report.py"), "P03", "--reviewer", "R. Viewer"],
        cwd=workdir,
        check=True,
    )
    status, said = snakemake(workdir)
    assert status == 0, said
    assert re.findall(r"^(?:local)?rule (\w+):", said, re.MULTILINE) == ["render_patient", "all"]
    assert "FINAL: reviewed and signed" in (workdir / "reports/patients/P03.html").read_text()
    assert "PRELIMINARY" in (workdir / "reports/patients/P04.html").read_text()
