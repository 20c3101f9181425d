"""Shards are joined only if they belong together, and to the run that joins them."""

import json

import pytest

from aftercar.contracts.table import ContractError
from aftercar.evidence.shards import refuse_other_patients, refuse_other_shards

JOINING = {
    "code": "m0",
    "settings": {
        "evidence": {"landmarks": [28, 90], "outcome_model": {}},
        "sequencing": {"q": 20, "references": {38: "a.fa"}},
    },
    "versions": {"aftercar": "1", "python": "3.11.4", "numpy": "2.0"},
    "rules": {"assess_patient": "a0", "gate_patient": "g0", "call_variants": "v0"},
    "sheets": {"A": "1", "B": "2", "C": "3"},
}
# as they are read from a provenance: names are text
SETTINGS = json.loads(json.dumps(JOINING["settings"]))


def shards(**changed):
    """Provenance of two tables of two shards that fit; `changed` is laid over that of shard y."""
    made = {}
    for shard, patients in (("x", "A"), ("y", "BC")):
        told = json.loads(json.dumps(JOINING)) | {"whole": True, "table": "risk.tsv"}
        told["inputs"] = [{"role": role, "sha256": role} for role in ("data", "reference")]
        told["sheets"] = {patient: JOINING["sheets"][patient] for patient in patients}
        made[shard] = [told, told | {"table": "evidence.tsv"}]
    made["y"][1] = made["y"][1] | changed
    return made


def test_shards_of_one_code_and_configuration_that_hold_all_patients_are_joined():
    refuse_other_shards(shards(), JOINING)


def test_a_run_without_shards_is_never_refused_for_what_it_was_made_with():
    refuse_other_shards({}, JOINING)


@pytest.mark.parametrize(
    "changed",
    [
        {"rules": {"assess_patient": "a0"}},
        {"versions": JOINING["versions"] | {"python": "3.11.9"}},
        {"settings": {**SETTINGS, "evidence": {"landmarks": [28, 90]}}},
        {"settings": {**SETTINGS, "evidence": {"landmarks": [28, 90],
                                               "outcome_model": {"landmark": 90}}}},
        {"inputs": [{"role": "data", "sha256": "another specimen"}]},
    ],
    ids=["a stream that nobody in the shard needs", "another Python", "no model", "another model",
         "other specimens"],
)  # fmt: skip
def test_what_no_table_of_a_patient_rests_on_may_differ(changed):
    refuse_other_shards(shards(**changed), JOINING)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"code": "m1"}, "y: found code of merge_tables m1, expected m0"),
        (
            {"rules": JOINING["rules"] | {"gate_patient": "g1"}},
            "y: found code of rule gate_patient g1, expected g0",
        ),
        ({"rules": {}}, "y: found no code of assess_patient"),
        (
            {"versions": JOINING["versions"] | {"numpy": "1.9"}},
            "y: found version of numpy 1.9, expected 2.0",
        ),
        (
            {"settings": {**SETTINGS, "evidence": {"landmarks": [28]}}},
            "y: found key evidence/landmarks [28], expected [28, 90]",
        ),
        (
            {"settings": {"evidence": SETTINGS["evidence"]}},
            "y: found key sequencing/q not stated, expected 20",
        ),
        ({"sheets": {"B": "2", "C": "0"}}, "y: found other rows of C than in the sheets"),
        ({"sheets": {"A": "1", "B": "2"}}, "y: found A, as in x, expected each in one shard"),
        ({"sheets": {"D": "4"}}, "found tables of D, expected patients of patients.tsv alone"),
        (
            {"inputs": [{"role": "reference", "sha256": "another assembly"}]},
            "found 2 contents of files of key sequencing/references in the inputs of all shards, "
            "expected 1",
        ),
        ({"whole": False}, "y, evidence.tsv: found another table than its provenance is of"),
    ],
)
def test_a_shard_that_differs_is_refused_with_what_differs(changed, told):
    with pytest.raises(ContractError) as refused:
        refuse_other_shards(shards(**changed), JOINING)
    assert told in str(refused.value)
    assert "To mend it" in str(refused.value)


def test_all_that_differs_is_told_at_once_and_each_once():
    made = shards(code="m1", sheets={"A": "0"})
    made["y"][0] = made["y"][1]
    with pytest.raises(ContractError) as refused:
        refuse_other_shards(made, JOINING)
    said = str(refused.value)
    for part in ("merge_tables m1", "other rows of A", "as in x", "no table of B, C"):
        assert said.count(part) == 1, part


def test_a_shard_that_is_not_named_leaves_nobody_out_in_silence():
    made = shards()
    del made["y"]
    with pytest.raises(ContractError, match="found no table of B, C, expected all patients"):
        refuse_other_shards(made, JOINING)


@pytest.mark.parametrize(
    ("found", "told"),
    [("AB", "found no table of C"), ("ABCD", "found tables of D"), ("", "no table of A, B, C")],
)
def test_tables_of_other_patients_than_the_sheets_name_are_refused(found, told):
    with pytest.raises(ContractError, match=told):
        refuse_other_patients(set(found), JOINING["sheets"])


def test_many_patients_are_named_up_to_ten():
    sheets = {f"P{n:02}": "" for n in range(1, 16)}
    with pytest.raises(ContractError, match="P09, P10 and 5 more, expected"):
        refuse_other_patients((), sheets)
