"""Signed reports on disk: snapshots that stay, and an audit that shows what was done to it."""

import json
import os
import subprocess
import sys

import pytest
from tests.unit.report.made_up import all_failed, content_of, typical

from aftercar.contracts.signatures import SignatureError
from aftercar.io.pages import write_page
from aftercar.io.signatures import add_signature, read_audit, read_report, verify_all
from aftercar.report.patient import content_json


@pytest.fixture
def folder(tmp_path):
    """A working directory with the reports of two patients, one of which FAILED."""
    for make in (typical, all_failed):
        content = content_of(make)[0]
        path = tmp_path / f"reports/patients/{content['patient_id']}.json"
        write_page(path, content_json(content))
    return tmp_path


def sign(folder, **more):
    content = read_report(folder / "reports", "S01")
    given = {"reviewer": "R. Viewer", "signed_at": "2026-03-01T10:00:00Z", "written": content_json}
    return add_signature(folder / "signed", content, **given | more)


def change_report(folder):
    content = content_of(typical, cohort="a corrected cohort")[0]
    write_page(folder / "reports/patients/S01.json", content_json(content))


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
