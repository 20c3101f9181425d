"""The folder of signed reports: one audit of all signatures, a snapshot of each content."""

import fcntl
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import yaml

from aftercar.contracts.signatures import (
    SignatureError,
    audit_lines,
    next_line,
    verified_content,
)

AUDIT = "audit.jsonl"
TOLD_WITHIN = 65_536  # bytes of a page, of which the status is told near the top


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


def page_hash(folder: str | Path, patient: str) -> str:
    """Return the SHA-256 of the page of a patient if it is the one that its JSON was written with.

    The JSON states the hash of the page beside it; the hash of the content does not cover that.
    """
    page, beside = (Path(folder) / f"patients/{patient}.{ending}" for ending in ("html", "json"))
    written = json.loads(beside.read_text(encoding="utf-8"))
    found = page.read_bytes() if page.exists() else b""
    digest = hashlib.sha256(found).hexdigest()
    if digest != written.get("page_sha256") or written["content_sha256"].encode() not in found:
        raise SignatureError(
            f"{page}: found another page than the one written with {beside.name} (or none), "
            "expected the same: it was changed, or comes from another run. To mend it: remove both "
            "and run the workflow again"
        )
    return digest


def verify_reports(folder: str | Path, lines: list[dict]) -> int:
    """Return how many reports have the content, the page and only signatures of the audit.

    Raise SignatureError for the first that was changed, or that states a signature that is not
    among the lines: then the end of the audit was removed.
    """
    known = {line["line_sha256"] for line in lines}
    paths = sorted(Path(folder).glob("patients/*.json"))
    for path in paths:
        read_content(path)
        page_hash(folder, path.stem)
        sign_off = json.loads(path.read_text(encoding="utf-8")).get("sign_off", {})
        for shown in sign_off.get("signatures", []):
            if shown["line_sha256"] not in known:
                raise SignatureError(
                    f"{path}: found a signature of {shown['signed_at']} that {AUDIT} does not "
                    "hold, expected all of them: lines were removed. To mend it: restore the "
                    "folder of signed reports from a backup"
                )
    return len(paths)


def refuse_lost_audit(folder: str | Path, lines: list[dict]) -> None:
    """Raise SignatureError where pages say that they are signed and no signature exists at all."""
    for path in () if lines else sorted(Path(folder).glob("patients/*.html")):
        with path.open("rb") as page:
            start = page.read(TOLD_WITHIN)
        if b"FINAL: reviewed and signed" in start or b"AMENDED, signed on" in start:
            raise SignatureError(
                f"{path}: found a signed page, but no signature in {AUDIT}. To mend it: restore "
                "the folder of signed reports (report/signed) from a backup; if the page was meant "
                "to be unsigned, remove it and its JSON"
            )


def signed_folder(config: str | Path) -> str:
    """Return report/signed of a config.yaml, `signed` where it says nothing or does not exist."""
    try:
        settings = yaml.safe_load(Path(config).read_text(encoding="utf-8")) or {}
        return str((settings.get("report") or {}).get("signed", "signed"))
    except FileNotFoundError:
        return "signed"
    except (AttributeError, UnicodeDecodeError, yaml.YAMLError):
        raise SignatureError(
            f"{config}: found no readable settings, expected a YAML file with report/signed. "
            "To mend it: name the folder of signed reports by --signed"
        ) from None


def verify_all(folder: str | Path, head: str = "") -> list[dict]:
    """Return the lines of the audit if every snapshot, too, has the content that it names.

    `head` is the hash of a line that was noted elsewhere: it must still be there.
    """
    lines = read_audit(folder)
    if head and head not in {line["line_sha256"] for line in lines}:
        raise SignatureError(
            f"{Path(folder) / AUDIT}: found no line with the hash {head[:16]}, expected the head "
            "that was noted: lines were removed or made anew. To mend it: restore the folder from "
            "a backup"
        )
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
    page_sha256: str = "",
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
        line = next_line(
            lines,
            content,
            reviewer=reviewer,
            signed_at=signed_at,
            snapshot=snapshot,
            page_sha256=page_sha256,
        )
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
