"""The folder of signed reports: one audit of all signatures, a snapshot of each content."""

import fcntl
import json
import os
from collections.abc import Callable
from pathlib import Path

from aftercar.contracts.signatures import (
    SignatureError,
    audit_lines,
    next_line,
    verified_content,
)

AUDIT = "audit.jsonl"


def read_audit(folder: str | Path) -> list[dict]:
    """Return the lines of the audit, oldest first; none where nobody has signed yet.

    Raise SignatureError where a line was edited, or where snapshots and lines do not belong
    together. What the snapshots hold is checked by `read_content`.
    """
    folder = Path(folder)
    audit = folder / AUDIT
    try:
        lines = audit_lines(audit.read_text(encoding="utf-8")) if audit.exists() else []
    except (SignatureError, UnicodeDecodeError) as error:
        raise SignatureError(f"{audit}: {error}") from None
    told = {line["snapshot"] for line in lines}
    kept = {path.name for path in folder.glob("*.json")}
    for name in sorted(told - kept):
        raise SignatureError(
            f"{folder / name}: found no file, expected the snapshot that {AUDIT} names. "
            "To mend it: restore it from a backup"
        )
    for name in sorted(kept - told):
        raise SignatureError(
            f"{folder / name}: found a snapshot without a line in {AUDIT}: a line was removed, or "
            "signing was interrupted. To mend it: restore the audit from a backup; after an "
            "interruption remove this snapshot and sign again"
        )
    return lines


def read_content(path: str | Path) -> dict:
    """Return the content of a report or snapshot as it was before any signature, verified."""
    path = Path(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SignatureError(
            f"{path}: found no file, expected the JSON beside a patient's page. To mend it: run "
            "the workflow first, and name the patient as in patients.tsv"
        ) from None
    except ValueError:
        content = None
    if not isinstance(content, dict) or "patient_id" not in content:
        raise SignatureError(
            f"{path}: found something else than a patient report, expected the JSON beside a "
            "page. To mend it: render the report again"
        )
    return verified_content(content, str(path))


def read_report(folder: str | Path, patient: str) -> dict:
    """Return the verified content of the report of a patient in a folder of pages."""
    path = Path(folder) / f"patients/{patient}.json"
    content = read_content(path)
    if content["patient_id"] != patient:
        raise SignatureError(
            f"{path}: found the report of {content['patient_id']}, expected that of {patient}. "
            "To mend it: render the report again"
        )
    return content


def verify_all(folder: str | Path) -> list[dict]:
    """Return the lines of the audit if every snapshot, too, has the content that it names."""
    lines = read_audit(folder)
    for line in lines:
        path = Path(folder) / line["snapshot"]
        if read_content(path)["content_sha256"] != line["content_sha256"]:
            raise SignatureError(
                f"{path}: found another content than {AUDIT} names in line {line['number']}. "
                "To mend it: restore the snapshot from a backup"
            )
    return lines


def add_signature(
    folder: str | Path,
    content: dict,
    *,
    reviewer: str,
    signed_at: str,
    written: Callable[[dict], str],
) -> dict:
    """Store a snapshot that is never overwritten and append the line to the audit; return it.

    `written` turns a content into the text of its snapshot. Two who sign at once wait for each
    other. Nothing is written if the audit was tampered with or the content cannot be signed.
    """
    folder = Path(folder)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        lines = read_audit(folder)
        digest = content["content_sha256"]
        snapshot = f"{content['patient_id']}.{len(lines) + 1:06}.{digest[:16]}.json"
        line = next_line(lines, content, reviewer=reviewer, signed_at=signed_at, snapshot=snapshot)
        _append(folder / snapshot, written(content), os.O_EXCL, 0o400)
        _append(folder / AUDIT, json.dumps(line, sort_keys=True) + "\n", os.O_APPEND, 0o600)
    finally:
        os.close(handle)  # which unlocks
    return line


def _append(path: Path, text: str, how: int, mode: int) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | how, mode), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
