"""What the selection of rows and files hands to the rules, without running one."""

import os
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from aftercar.contracts.sheets import named_file
from aftercar.io.sheets import FILE_COLUMNS


@pytest.fixture
def selection(root, tmp_path):
    """The names of selection.smk, for one panel whose template lies in a folder of its own."""
    shutil.copy(root / "resources/gating/nk.yaml", tmp_path)
    rows = [{"sample_id": "A-1", "day": "1", **dict.fromkeys(FILE_COLUMNS, "a/path")}]
    names = {
        "config": {
            "cytometry": {"panels": {"nk": str(tmp_path / "nk.yaml")}},
            "evidence": {"rules": "r", "recovery_rules": "s"},
        },
        "resource": lambda path: path,
        "named_file": named_file,
        "specimens": lambda patient, *assays: rows,
        "sheet_rows": lambda patient, *sheets: {name: [] for name in sheets},
    }

    def read():
        exec((root / "workflow/rules/selection.smk").read_text(), names)
        return names

    return read


def test_a_page_gets_no_path_of_any_file(selection):
    wildcards = type("Wildcards", (), {"patient": "A"})
    (row,) = selection()["page_rows"](wildcards)["samples"]
    assert {row[name] for name in FILE_COLUMNS} == {"yes"}
    assert "compensation" in FILE_COLUMNS


def test_copies_beside_a_template_are_watched_by_the_rules_that_read_them(selection, tmp_path):
    for name in ("markers.yaml", "placement.yaml"):
        path = tmp_path / name
        assert str(path) not in selection()["GATING_RESOURCES"]
        path.write_text("{}")
        found = selection()
        assert str(path) in found["GATING_RESOURCES"]
        assert str(path) in found["HEADER_RESOURCES"]


def test_a_batch_serves_the_panels_of_its_flow_specimens(selection):
    names = selection()
    names["PATIENTS"] = ["A"]
    names["specimens"] = lambda patient, *assays: [
        {"batch": "X", "panel": "nk"}, {"batch": "Y", "panel": "aml"}, {"batch": "", "panel": "t"}
    ]  # fmt: skip
    assert names["panels_of_batch"]("X") == ["nk"]
    assert names["panels_of_batch"]("unbatched") == ["t"]


def test_a_folder_that_no_rule_writes_into_stops_no_run(selection, tmp_path, monkeypatch):
    def rule(output, log):
        return SimpleNamespace(output=[tmp_path / output], log=[tmp_path / log])

    merge = rule("results/risk/relapse_risk.tsv", "logs/merge_tables/all.log")
    gate = rule("results/cytometry/patients/{patient}.tsv", "logs/gate_patient/{patient}.log")
    foreign = rule("elsewhere/{patient}.tsv", "elsewhere/{patient}.log")
    page = SimpleNamespace(page=tmp_path / "reports/cohort.html")
    named = SimpleNamespace(output=SimpleNamespace(risk=merge.output[0]), log=merge.log)
    names = selection()
    names |= {
        "Path": Path,
        "WorkflowError": ValueError,
        "workflow": SimpleNamespace(rules=[merge, gate, foreign]),
        "rules": SimpleNamespace(merge_tables=named, render_cohort=SimpleNamespace(output=page)),
    }
    names_of = ("results/lost+found", "results/cytometry/patients", "elsewhere", "results/risk")
    lost, written, elsewhere, _ = folders = [tmp_path / name for name in names_of]
    for folder in folders:
        folder.mkdir(parents=True)
    refused = [lost, elsewhere]
    monkeypatch.setattr(os, "access", lambda path, how: Path(path) not in refused)
    names["refuse_unwritable_folders"]()
    refused.append(written)
    with pytest.raises(ValueError, match=f"^{written}: found no right to write"):
        names["refuse_unwritable_folders"]()
