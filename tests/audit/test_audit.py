"""What the audit of the pins says: a pin that nobody answered for is never clean."""

import pytest
from tests.audit import audit_pins
from tests.audit.audit_pins import CLEAN, UNKNOWN, WEAK, first_pin, judge

SOUND = {"name": "numpy", "version": "2.4.6", "vulns": []}
WEAKNESS = {"id": "PYSEC-2024-1", "fix_versions": ["3.1.6"], "aliases": [], "description": ""}
FAULTY = {"name": "jinja2", "version": "3.1.2", "vulns": [WEAKNESS]}
SKIPPED = {"name": "pysam", "skip_reason": "Dependency not found on PyPI and could not be audited"}


@pytest.mark.parametrize(
    ("found", "status", "said"),
    [
        ([SOUND], CLEAN, "1 pins were answered for; weaknesses known: 0."),
        ([SOUND, FAULTY], WEAK, "jinja2 3.1.2: PYSEC-2024-1, mended in 3.1.6"),
        ([SOUND, SKIPPED], UNKNOWN, "NOT AUDITED, unknown to the service: pysam."),
        ([SOUND, FAULTY, SKIPPED], WEAK, "NOT AUDITED, unknown to the service: pysam."),
        ([SKIPPED], UNKNOWN, "NOT AUDITED: no service"),
        ([], UNKNOWN, "NOT AUDITED: no service"),
    ],
    ids=["clean", "weak", "one unknown", "weak and unknown", "all unknown", "no answer"],
)
def test_only_pins_that_were_answered_for_are_called_clean(found, status, said):
    lines, found_status = judge(found)
    assert found_status == status
    assert said in "\n".join(lines)


@pytest.mark.parametrize(
    ("answers", "allowed", "status"),
    [
        ({}, True, CLEAN),
        ({}, False, UNKNOWN),
        ({"osv": [SOUND, SKIPPED]}, True, UNKNOWN),
        ({"osv": [SOUND]}, False, CLEAN),
        ({"pypi": [FAULTY], "osv": [SOUND]}, True, WEAK),
    ],
    ids=["out of reach in CI", "out of reach", "one pin unknown", "second service", "first first"],
)
def test_ci_passes_without_any_service_but_says_so(monkeypatch, capsys, answers, allowed, status):
    monkeypatch.setattr(audit_pins, "ask", lambda service, files: answers.get(service, []))
    assert audit_pins.main(allowed) == status
    assert ("NOT AUDITED" in capsys.readouterr().out) == (not answers or SKIPPED in answers["osv"])


def test_every_file_of_pins_is_audited_and_one_pin_is_asked_about_first(root):
    levels = ("requirements*.txt", "*/requirements*.txt", "*/*/requirements*.txt")
    written = {str(path.relative_to(root)) for level in levels for path in root.glob(level)}
    assert set(audit_pins.FILES) == {name for name in written if "/." not in f"/{name}"}
    probe = first_pin((root / "requirements.txt").read_text())
    assert probe.count("==") == 1
    assert "--hash=sha256:" in probe
