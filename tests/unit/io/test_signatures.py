"""Signed reports on disk: snapshots that stay, and an audit that shows what was done to it."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.unit.report.made_up import all_failed, content_of, typical

from aftercar.contracts.signatures import SignatureError
from aftercar.io.pages import write_page
from aftercar.io.signatures import (
    add_signature,
    page_hash,
    read_audit,
    read_report,
    refuse_lost_audit,
    signed_folder,
    verify_all,
    verify_reports,
)
from aftercar.report.patient import content_json
from aftercar.report.sign_off import with_sign_off

ROOT = Path(__file__).parents[3]


@pytest.fixture
def folder(tmp_path):
    """A working directory with the reports of two patients, one of which FAILED."""
    for make in (typical, all_failed):
        content = content_of(make)[0]
        path = tmp_path / f"reports/patients/{content['patient_id']}.json"
        write_report(path, content)
    return tmp_path


def write_report(path, content, more=""):
    """Write a stand-in of a page, which holds the content's hash, and its JSON as the rule does."""
    page = f"<p>{content['content_sha256']}{more}</p>"
    write_page(path.with_suffix(".html"), page)
    digest = hashlib.sha256(page.encode()).hexdigest()
    write_page(path, content_json(content | {"page_sha256": digest}))


def sign(folder, **more):
    content = read_report(folder / "reports", "S01")
    given = {"reviewer": "R. Viewer", "signed_at": "2026-03-01T10:00:00Z", "written": content_json}
    return add_signature(folder / "signed", content, **given | more)


def change_report(folder):
    content = content_of(typical, cohort="a corrected cohort")[0]
    write_report(folder / "reports/patients/S01.json", content)


def test_signing_keeps_a_snapshot_that_nobody_can_write(folder):
    line = sign(folder)
    path = folder / "signed" / line["snapshot"]
    assert path.stat().st_mode & 0o777 == 0o400
    assert json.loads(path.read_text())["content_sha256"] == line["content_sha256"]
    assert (folder / "signed").stat().st_mode & 0o777 == 0o700
    assert (folder / "signed/audit.jsonl").stat().st_mode & 0o777 == 0o600
    assert read_audit(folder / "signed") == [line]


def test_a_second_signature_leaves_the_first_snapshot_as_it_is(folder):
    first = sign(folder)
    kept = (folder / "signed" / first["snapshot"]).read_bytes()
    change_report(folder)
    second = sign(folder)
    assert second["supersedes"] == first["content_sha256"]
    assert (folder / "signed" / first["snapshot"]).read_bytes() == kept
    assert len(verify_all(folder / "signed")) == 2


def test_an_edited_snapshot_is_found(folder):
    path = folder / "signed" / sign(folder)["snapshot"]
    path.chmod(0o600)
    path.write_text(path.read_text().replace("B-ALL", "T-ALL"))
    with pytest.raises(SignatureError, match="changed after it was written"):
        verify_all(folder / "signed")


def test_a_lost_snapshot_and_a_lost_line_are_found(folder):
    path = folder / "signed" / sign(folder)["snapshot"]
    moved = path.rename(folder / "elsewhere")
    with pytest.raises(SignatureError, match="expected the snapshot"):
        read_audit(folder / "signed")
    moved.rename(path)
    (folder / "signed/audit.jsonl").write_text("")
    with pytest.raises(SignatureError, match="without a line"):
        read_audit(folder / "signed")


def test_after_tampering_nothing_more_is_signed(folder):
    sign(folder)
    audit = folder / "signed/audit.jsonl"
    audit.write_text(audit.read_text().replace("R. Viewer", "Nobody Else"))
    change_report(folder)
    with pytest.raises(SignatureError, match="edited"):
        sign(folder)
    assert len(list((folder / "signed").glob("*.json"))) == 1


def test_a_removed_last_signature_is_found_by_the_noted_head_and_by_the_report(folder):
    line = sign(folder)
    assert verify_all(folder / "signed", line["line_sha256"]) == [line]
    content = read_report(folder / "reports", "S01")
    shown = with_sign_off(content, [line], [content])
    write_report(folder / "reports/patients/S01.json", shown, "FINAL: reviewed and signed")
    assert verify_reports(folder / "reports", [line]) == 2
    refuse_lost_audit(folder / "reports", [line])
    (folder / "signed" / line["snapshot"]).unlink()
    (folder / "signed/audit.jsonl").write_text("")
    with pytest.raises(SignatureError, match="expected the head"):
        verify_all(folder / "signed", line["line_sha256"])
    with pytest.raises(SignatureError, match="lines were removed"):
        verify_reports(folder / "reports", read_audit(folder / "signed"))
    with pytest.raises(SignatureError, match="found a signed page, but no signature"):
        refuse_lost_audit(folder / "reports", read_audit(folder / "signed"))


def test_an_edited_page_is_neither_signed_nor_verified(folder):
    assert len(page_hash(folder / "reports", "S01")) == 64
    page = folder / "reports/patients/S01.html"
    page.write_text(page.read_text() + "No signal")
    with pytest.raises(SignatureError, match="found another page"):
        verify_reports(folder / "reports", [])
    refused = command(ROOT, folder, "S01", "--reviewer", "R. Viewer")
    assert "found another page" in refused.stderr
    assert read_audit(folder / "signed") == []


def test_the_folder_of_signed_reports_is_that_of_the_settings(tmp_path):
    config = tmp_path / "config.yaml"
    assert signed_folder(config) == "signed"
    config.write_text("report: {signed: /elsewhere/kept}")
    assert signed_folder(config) == "/elsewhere/kept"
    config.write_text("report: [")
    with pytest.raises(SignatureError, match="no readable settings"):
        signed_folder(config)


def test_nobody_has_signed_where_the_folder_is_absent(tmp_path):
    assert read_audit(tmp_path / "signed") == []


def command(root, folder, *arguments):
    return subprocess.run(
        [sys.executable, str(root / "scripts/sign_report.py"), *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ,
    )


def test_the_command_signs_verifies_and_refuses(root, folder):
    done = command(root, folder, "S01", "--reviewer", "R. Viewer")
    assert (done.returncode, done.stdout[:20]) == (0, "S01: signed content ")
    assert command(root, folder, "--verify").stdout.startswith("1 signatures, audit and snapshots")
    for arguments, told in (
        (("S01", "--reviewer", "R. Viewer"), "already signed"),
        (("S03", "--reviewer", "R. Viewer"), "FAILED report"),
        (("S09", "--reviewer", "R. Viewer"), "found no file"),
    ):
        refused = command(root, folder, *arguments)
        assert refused.returncode == 1
        assert told in refused.stderr
        assert "Traceback" not in refused.stderr
