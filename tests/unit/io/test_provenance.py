"""What a result was made from is written down, without any path."""

import hashlib
import json

import pytest

from aftercar.contracts.specimen import INPUT_FILES
from aftercar.contracts.table import ContractError
from aftercar.io.provenance import (
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
