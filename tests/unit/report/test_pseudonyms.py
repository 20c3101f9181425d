"""Keyed pseudonyms in exports for research: no byte of an original identifier is handed on."""

import hashlib
import json
import os
import re
import runpy
import subprocess
import sys

import pytest
from tests.unit.report.made_up import all_failed, content_of, typical

from aftercar.contracts.signatures import content_hash
from aftercar.contracts.specimen import QUALITY
from aftercar.io.research_export import ExportError, read_key
from aftercar.report.patient import content_json
from aftercar.report.pseudonyms import (
    DECLARED,
    PseudonymError,
    check_no_original,
    pseudonyms,
    renamed_content,
    replaced,
    replaced_table,
    research_content,
)
from aftercar.report.sign_off import with_sign_off

KEY, OTHER = b"k" * 32, b"o" * 32


def test_the_same_key_gives_the_same_pseudonym_and_another_key_another_one():
    first, again = (pseudonyms(["P1"], ["P1-d28"], KEY) for _ in range(2))
    other = pseudonyms(["P1"], ["P1-d28"], OTHER)
    assert first == again
    assert not set(first.values()) & set(other.values())


def test_a_pseudonym_is_the_keyed_hash_of_rfc_2104_and_not_a_plain_one():
    # HMAC by its definition: H((key ^ opad) + H((key ^ ipad) + message))
    padded = KEY + bytes(32)
    inner = hashlib.sha256(bytes(b ^ 0x36 for b in padded) + b"pt:P1").digest()
    outer = hashlib.sha256(bytes(b ^ 0x5C for b in padded) + inner).hexdigest()
    letters = "".join("abcdefghijkmnpqr"[int(digit, 16)] for digit in outer[:16])
    assert pseudonyms(["P1"], [], KEY) == {"P1": f"pt-{letters}"}


def test_identifiers_are_replaced_as_whole_words_only():
    names = {"P1": "Rx", "P1-d28": "Sy"}
    said = "P1, P1-d28: P12 P1. (P1-d28) [P1-d28, P1-d281] labs:P1"
    assert replaced(said, names) == "Rx, Sy: P12 Rx. (Sy) [Sy, P1-d281] labs:Rx"


def test_an_identifier_that_is_left_within_a_word_is_refused():
    with pytest.raises(PseudonymError, match="1 original identifier"):
        check_no_original("xP1x", ["P1"], [])


def test_a_clinical_report_is_not_exported():
    with pytest.raises(PseudonymError, match="report/profile to research"):
        research_content(content_of(typical)[0])


def test_the_hash_is_that_of_the_renamed_content():
    content = research_content(content_of(typical, profile="research")[0])
    renamed = renamed_content(content, {"S01": "Rx"})
    rest = {key: value for key, value in renamed.items() if key != "content_sha256"}
    assert renamed["content_sha256"] == content_hash(rest)
    assert content_of(typical, profile="research")[0]["content_sha256"] not in json.dumps(renamed)


def signed_line(content, **changed):
    """A line of the audit; its hashes are those of the original."""
    return {
        "reviewer": "NN", "signed_at": "2026-03-04T10:00:00Z", "supersedes": "",
        "content_sha256": content["content_sha256"], "line_sha256": "ab" * 32,
    } | changed  # fmt: skip


@pytest.mark.parametrize("changed", [{}, {"content_sha256": "cd" * 32}], ids=["signed", "amended"])
def test_a_copy_is_never_signed_and_shows_no_date_or_hash_of_the_original(changed):
    content = content_of(typical, profile="research")[0]
    original = with_sign_off(content, [signed_line(content, **changed)], [content | changed])
    original["page_sha256"] = "ef" * 32
    assert "2026-03-04" in original["report_status"]["text"]
    copy = renamed_content(research_content(original), pseudonyms(["S01"], [], KEY))
    assert copy["report_status"]["status"] == "PRELIMINARY"
    assert copy["report_status"]["text"] == "PRELIMINARY: exported copy, not signed"
    text = json.dumps({name: part for name, part in copy.items() if name != "content_sha256"})
    assert "2026-03-04" not in text
    assert not re.findall(r"[0-9a-f]{64}", text)
    assert content["content_sha256"][:16] not in text


def test_a_failed_report_stays_failed_in_its_copy():
    content = content_of(all_failed, profile="research")[0]
    copy = research_content(with_sign_off(content, [signed_line(content)], [content]))
    assert copy["report_status"]["status"] == "FAILED"
    assert copy["report_status"]["text"].endswith("exported copy, not signed")


def test_dates_and_hashes_are_left_out_of_text_but_days_and_doi_stay():
    said = f"drawn 2025-12-31, {'0a' * 32}, D28, 10.1182/blood.2019-01-02"
    told = "drawn [date left out], [hash left out], D28, 10.1182/blood.2019-01-02"
    assert replaced(said, {}) == told


def test_a_cohort_and_its_batches_have_pseudonyms_in_a_copy():
    original = content_of(typical, profile="research")[0] | {"cohort": "Hospital of X"}
    row = {"label": "Batch"}, {"label": "Assay"}
    original["quality"] = {"columns": list(row), "rows": [["flow", "flow"], ["run-2", "run-2"]]}
    names = pseudonyms(["S01"], [], KEY, ["flow", "run-2"], ["Hospital of X"])
    copy = renamed_content(research_content(original), names)
    assert copy["cohort"] == names["Hospital of X"]
    assert copy["cohort"].startswith("co-")
    # a batch that is called like a word of the field is replaced in its column only
    assert copy["quality"]["rows"] == [
        [names["flow"], "flow"], [names["run-2"], names["run-2"]],
    ]  # fmt: skip


def test_a_specimen_called_like_a_number_changes_no_number_and_no_word_of_the_contract():
    row = dict.fromkeys(QUALITY.columns, "") | {"sample_id": "28", "day": "28", "batch": "28"}
    row |= {"assay": "flow", "patient_id": "flow", "check": "tube 28 of 128"}
    table = "\n".join("\t".join(part) for part in (row, row.values()))
    names = pseudonyms(["flow"], ["28"], KEY)
    lines = replaced_table(table, names).splitlines()
    after = dict(zip(*(line.split("\t") for line in lines), strict=True))
    assert after["day"] == "28"
    assert after["assay"] == "flow"
    assert after["sample_id"] == after["batch"] == names["28"]
    assert after["patient_id"] == names["flow"]
    assert after["check"] == f"tube {names['28']} of 128"


@pytest.fixture
def folder(tmp_path):
    """Reports of profile research with their tables, and a key beside the working directory."""
    work = tmp_path / "work"
    for name in ("config", "reports/patients", "results/risk", "results/evidence"):
        (work / name).mkdir(parents=True)
    (work / "config/config.yaml").write_text("report: {suppress_below: 5}\n")
    for make in (typical, all_failed):
        content = content_of(make, profile="research")[0]
        path = work / f"reports/patients/{content['patient_id']}.json"
        path.write_text(content_json(content))
    tables = typical()[0]
    for name, place in (("risk", "risk/relapse_risk"), ("evidence", "evidence/evidence")):
        tables[name].to_csv(work / f"results/{place}.tsv", sep="\t", index=False)
    (tmp_path / "key").write_bytes(KEY)
    (tmp_path / "key").chmod(0o600)
    return work


def export(root, folder, out="../out", key="../key"):
    return subprocess.run(
        [sys.executable, str(root / "scripts/export_research.py"), out, "--key", key],
        cwd=folder, capture_output=True, text=True, check=False, env=os.environ,
    )  # fmt: skip


def test_no_original_identifier_is_in_any_byte_or_name_of_an_export(root, folder):
    done = export(root, folder)
    assert done.returncode == 0, done.stderr
    out = folder.parent / "out"
    files = [path for path in out.rglob("*") if path.is_file()]
    assert len(files) == 4
    samples = {row["sample_id"] for row in typical()[1]["samples"]}
    for path in files:
        written = str(path.relative_to(out)).encode() + path.read_bytes()
        assert path.stat().st_mode & 0o777 == 0o600
        for original in ("S01", "S03", *samples):
            assert original.encode() not in written, (path, original)
        assert KEY not in written
    assert KEY.decode() not in done.stdout + done.stderr
    known = pseudonyms(["S01"], [], KEY)["S01"]
    assert json.loads((out / f"patients/{known}.json").read_text())["patient_id"] == known


def test_small_counts_of_the_cohort_are_not_exported(root, folder):
    (folder / "results/cohort").mkdir()
    head = "cause\tday\tpatients\tat_risk\tevents\tincidence\n"
    rows = "any_event\t30\t12\t12\t2\t0.17\nany_event\t60\t12\t3\t1\t0.44\n"
    (folder / "results/cohort/strata.tsv").write_text(head + rows)
    done = export(root, folder)
    assert done.returncode == 0, done.stderr
    written = (folder.parent / "out/cohort/strata.tsv").read_text()
    told = "any_event\t30\t12\t12\t< 5\t0.17\nany_event\t60\t12\t< 5\t< 5\t\n"
    assert written == head + told


def test_an_export_without_its_settings_is_refused(root, folder):
    (folder / "config/config.yaml").unlink()
    done = export(root, folder)
    assert done.returncode == 1
    assert "report/suppress_below" in done.stderr


def test_an_export_is_never_written_over_another_one(root, folder):
    assert export(root, folder).returncode == 0
    again = export(root, folder)
    assert again.returncode == 1
    assert "empty or absent folder" in again.stderr


@pytest.mark.parametrize(
    ("mode", "content", "told"),
    [
        (0o640, KEY, "found mode 0640, expected 0600"),
        (0o600, b"short secret", "found 12 bytes, expected 32"),
    ],
    ids=["readable by others", "too short"],
)
def test_an_unsafe_key_is_refused_and_never_repeated(tmp_path, mode, content, told):
    (tmp_path / "key").write_bytes(content)
    (tmp_path / "key").chmod(mode)
    with pytest.raises(ExportError, match=told) as refused:
        read_key(tmp_path / "key", not_within=())
    assert "secret" not in str(refused.value)


def test_a_key_within_the_working_directory_is_refused(tmp_path):
    (tmp_path / "key").write_bytes(KEY)
    (tmp_path / "key").chmod(0o600)
    with pytest.raises(ExportError, match="outside of it"):
        read_key(tmp_path / "key", not_within=(tmp_path,))


def test_the_columns_of_every_documented_table_are_known(root):
    """The numbers of an unknown table would be read as text, and an identifier sought in them."""
    documented = runpy.run_path(str(root / "docs/write_reference.py"))["FILES"]
    tables = {path: table for path, table in documented.items() if path.endswith(".tsv")}
    assert len(tables) > 20
    unknown = [path for path, table in tables.items() if tuple(table.columns) not in DECLARED]
    assert unknown == []
