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
    '" && touch pwned "', "-rf", "{wildcards.patient}{0}", "blank  ü=1&[*]?",
)  # fmt: skip


def test_names_of_files_that_are_commands_run_nothing_and_give_the_same_tables(tmp_path):
    plain = working_copy(tmp_path / "plain", ["P02"])
    hostile = working_copy(tmp_path / "hostile", ["P02"])
    (hostile / "files").mkdir()
    names = iter(NAMES * 3)
    used = []

    def renamed(path):
        if not path:
            return path
        new = f"files/{next(names)}{len(used)}{path[path.rindex('.') :]}"
        shutil.copy(DEMO / path, hostile / new)
        if path.endswith(".bam"):
            shutil.copy(DEMO / f"{path}.bai", hostile / f"{new}.bai")
        used.append(new)
        return new

    edit_sheet(hostile, "samples", lambda sheet: sheet.assign(path=sheet["path"].map(renamed)))
    tables = [
        "results/cytometry/patients/P02.populations.tsv",
        "results/sequencing/patients/P02.variants.tsv",
    ]
    for folder in (plain, hostile):
        status, said = snakemake(folder, *tables)
        assert status == 0, said
    assert len(used) >= len(NAMES)
    for table, contract in zip(tables, (POPULATIONS, VARIANTS), strict=True):
        assert len(read_table(contract, hostile / table)) > 0
        assert (hostile / table).read_bytes() == (plain / table).read_bytes()
    assert not [path for path in tmp_path.rglob("*pwned") if path.name == "pwned"]
