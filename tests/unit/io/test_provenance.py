"""What a result was made from is written down, without any path."""

import hashlib
import json

import pytest

from aftercar.contracts.specimen import INPUT_FILES
from aftercar.contracts.table import ContractError
from aftercar.io.provenance import (
    bulk_files,
    file_rows,
    input_row,
    read_provenance,
    sha256_of,
    versions,
    write_provenance,
)


@pytest.fixture
def file_with_a_name(tmp_path):
    path = tmp_path / "Jane_Doe.fcs"
    path.write_bytes(b"abc")
    return path


def test_the_digest_is_that_of_the_content(file_with_a_name):
    assert sha256_of(file_with_a_name) == hashlib.sha256(b"abc").hexdigest()


def test_a_row_of_an_input_tells_content_and_size_but_not_the_name(file_with_a_name):
    row = input_row("A-1", "A", "data", file_with_a_name)
    assert row["bytes"] == 3
    assert "Jane" not in str(row)
    assert len(INPUT_FILES.frame([row])) == 1


def test_a_folder_changes_its_digest_with_any_of_its_files(tmp_path, file_with_a_name):
    before = input_row("A-1", "A", "data", tmp_path)["sha256"]
    file_with_a_name.write_bytes(b"abd")
    assert input_row("A-1", "A", "data", tmp_path)["sha256"] != before


def test_an_absent_input_has_no_digest(tmp_path):
    row = input_row("A-1", "A", "data", tmp_path / "absent.fcs")
    assert INPUT_FILES.frame([row])["sha256"].iloc[0] == ""


def test_provenance_comes_back_and_is_the_same_twice(file_with_a_name):
    told = {"settings": {"lod_events": 20}, "code": "1a2b", "inputs": []}
    write_provenance(file_with_a_name, **told)
    first = (file_with_a_name.parent / "Jane_Doe.fcs.provenance.json").read_bytes()
    write_provenance(file_with_a_name, **told)
    assert (file_with_a_name.parent / "Jane_Doe.fcs.provenance.json").read_bytes() == first
    assert read_provenance(file_with_a_name)["settings"] == {"lod_events": 20}
    assert json.loads(first)["versions"] == versions()


def test_a_table_without_provenance_says_what_to_do(file_with_a_name):
    with pytest.raises(ContractError, match="missing; run the rule"):
        read_provenance(file_with_a_name)


ROLES = ("data", "variants", "reference", "panel_of_normals", "run_background", "isoform_catalogue")


@pytest.mark.parametrize(
    ("assay", "lacking"),
    [("dna", {"isoform_catalogue"}), ("rna", {"panel_of_normals", "run_background"})],
)
def test_every_file_that_calls_in_reads_rest_on_is_a_row(tmp_path, assay, lacking):
    paths = {role: tmp_path / f"{role}.x" for role in ROLES} | {
        "run_background": tmp_path / "run1.background.tsv"
    }
    for role, path in paths.items():
        path.write_text(role)
    given = {role: str(path) for role, path in paths.items()}
    shared = {
        "references": {"other": "", "GRCh38": given["reference"]}, "default": "GRCh38",
        "panel": [given["panel_of_normals"]],
        "backgrounds": [str(tmp_path / "run2.background.tsv"), given["run_background"]],
        "isoforms": given["isoform_catalogue"],
    }  # fmt: skip
    row = {"patient_id": "A", "assay": assay, "batch": "run1", "variants": given["variants"]}
    row["reference"] = ""
    samples = [row | {"sample_id": name, "path": given["data"]} for name in ("A-1", "A-2")]
    samples.append(row | {"sample_id": "A-3", "path": ""})  # not measured
    rows = file_rows(samples, lambda sample: bulk_files(sample, **shared))
    assert {r["sample_id"] for r in rows} == {"A-1", "A-2"}
    for name in ("A-1", "A-2"):
        told = {r["role"]: r["sha256"] for r in rows if r["sample_id"] == name}
        expected = {role: hashlib.sha256(role.encode()).hexdigest() for role in ROLES}
        assert told == {role: digest for role, digest in expected.items() if role not in lacking}
    assert len(INPUT_FILES.frame(rows)) == len(rows)


def test_what_is_not_configured_has_no_row(file_with_a_name):
    row = dict.fromkeys(("variants", "batch", "reference"), "") | {"assay": "dna"}
    row |= {"sample_id": "A-1", "patient_id": "A", "path": str(file_with_a_name)}
    rows = file_rows([row], lambda r: bulk_files(r, references={}, default=""))
    assert [r["role"] for r in rows] == ["data"]
