"""Files whose names are commands are read like any other, and run nothing."""

import shutil

import pytest
from tests.e2e.workflow_run import DEMO, edit_sheet, snakemake, working_copy

from aftercar.contracts.cytometry import POPULATIONS
from aftercar.contracts.sequencing import VARIANTS
from aftercar.io.tables import read_table

pytestmark = pytest.mark.e2e
NAMES = (
    "$(touch pwned)", "`touch pwned`", "a;touch pwned;", "a|touch pwned", "'; touch pwned #",
    '" && touch pwned "', "-rf", "blank  ü=1&[*]?%s",
)  # fmt: skip


def test_files_whose_names_are_commands_are_read_and_run_nothing(tmp_path):
    workdir = working_copy(tmp_path / "cohort", ["P02"])
    (workdir / "files").mkdir()
    names = iter(NAMES * 3)
    used = []

    def renamed(path):
        if not path:
            return path
        new = f"files/{next(names)}{len(used)}{path[path.rindex('.') :]}"
        shutil.copy(DEMO / path, workdir / new)
        if path.endswith(".bam"):
            shutil.copy(DEMO / f"{path}.bai", workdir / f"{new}.bai")
        used.append(new)
        return new

    edit_sheet(workdir, "samples", lambda sheet: sheet.assign(path=sheet["path"].map(renamed)))
    tables = {
        "results/cytometry/patients/P02.populations.tsv": POPULATIONS,
        "results/sequencing/patients/P02.variants.tsv": VARIANTS,
    }
    status, said = snakemake(workdir, *tables)
    assert status == 0, said
    assert len(used) >= len(NAMES)
    for path, contract in tables.items():
        found = read_table(contract, workdir / path)
        assert "QUANTIFIED" in set(found["status"])
        assert "FAILED" not in set(found["status"])
    assert not [path for path in tmp_path.rglob("*pwned") if path.name == "pwned"]
