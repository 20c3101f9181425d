"""Signatures of patient reports: what is hashed, what a line of the audit holds, how lines chain.

The chain has no key: it shows edits, lost lines and another order, not a writer who makes all
lines anew. Keep the hash that signing prints somewhere else to notice that, too.
"""

import hashlib
import json
import re

NO_LINE = "0" * 64  # what the first line calls its predecessor
# Added to a content after its hash was taken: a signature must not change what it signs.
NOT_HASHED = ("content_sha256", "sign_off", "page_sha256")
FIELDS = (
    "number", "patient_id", "content_sha256", "page_sha256", "supersedes", "reviewer",
    "signed_at", "software", "snapshot", "previous", "line_sha256",
)  # fmt: skip


class SignatureError(ValueError):
    """A report that cannot be signed, or an audit that was changed."""


def reviewer_name(text: str) -> str:
    """Return a name that can stand on a page and in the audit, or raise SignatureError."""
    name = " ".join(text.split())
    if not re.fullmatch(r"[\w.,'() -]{2,80}", name):
        raise SignatureError(
            f"reviewer: found {text!r}, expected 2 to 80 letters, digits, spaces and . , ' ( ) -"
        )
    return name


def canonical(content: dict) -> str:
    """Return the one way to write a structure that a hash is taken of."""
    return json.dumps(content, sort_keys=True, ensure_ascii=True, allow_nan=False)


def content_hash(content: dict) -> str:
    """Return the SHA-256 of the content, which a signature refers to."""
    return hashlib.sha256(canonical(content).encode("ascii")).hexdigest()


def verified_content(content: dict, name: str) -> dict:
    """Return a content as it was before any signature, if it still has the hash that it states.

    `name` is what a SignatureError calls it.
    """
    hashed = {key: value for key, value in content.items() if key not in NOT_HASHED}
    if "sign_off" in content:
        hashed["report_status"] = content["sign_off"]["unsigned_status"]
    found, stated = content_hash(hashed), content.get("content_sha256", "none")
    if found != stated:
        raise SignatureError(
            f"{name}: found content with SHA-256 {found[:16]}, expected the stated {stated[:16]}: "
            "the file was changed after it was written. To mend it: render the report again"
        )
    return hashed | {"content_sha256": stated}


def next_line(
    lines: list[dict],
    content: dict,
    *,
    reviewer: str,
    signed_at: str,
    snapshot: str,
    page_sha256: str = "",
) -> dict:
    """Return the line that signs a verified content after the lines of an audit.

    `page_sha256` is that of the page that was reviewed. Signing renders it again, as FINAL.
    Raise SignatureError for a FAILED report and one whose newest signature is of this content.
    """
    patient, digest = content["patient_id"], content["content_sha256"]
    if content["report_status"]["status"] == "FAILED":
        raise SignatureError(
            f"{patient}: found a FAILED report, expected one with a usable specimen: it says "
            "nothing that could be signed. To mend it: send usable specimens and render it again"
        )
    before = [line["content_sha256"] for line in lines if line["patient_id"] == patient]
    if before and before[-1] == digest:
        raise SignatureError(
            f"{patient}: this content ({digest[:16]}) is already signed; nothing was changed"
        )
    line = {
        "number": len(lines) + 1,
        "patient_id": patient,
        "content_sha256": digest,
        "page_sha256": page_sha256,
        "supersedes": before[-1] if before else "",
        "reviewer": reviewer,
        "signed_at": signed_at,
        "software": content["provenance"]["versions"]["aftercar"],
        "snapshot": snapshot,
        "previous": lines[-1]["line_sha256"] if lines else NO_LINE,
    }
    return line | {"line_sha256": content_hash(line)}


def audit_lines(text: str) -> list[dict]:
    """Return the lines of an audit, oldest first, or raise SignatureError at the first bad one."""
    lines: list[dict] = []
    newest: dict[str, str] = {}
    for number, written in enumerate(text.splitlines(), 1):
        problem, line = _line_problem(written, number, lines, newest)
        if problem:
            raise SignatureError(
                f"audit of signatures, line {number}: found {problem}. Signatures are not "
                "trusted until the audit is restored from a backup"
            )
        newest[line["patient_id"]] = line["content_sha256"]
        lines.append(line)
    return lines


def _line_problem(
    written: str, number: int, lines: list[dict], newest: dict[str, str]
) -> tuple[str, dict]:
    try:
        line = json.loads(written)
    except json.JSONDecodeError:
        return "text that is not JSON, expected one line per signature", {}
    # the first audits had no hash of the page
    if not isinstance(line, dict) or set(line) | {"page_sha256"} != set(FIELDS):
        return f"other fields than expected: {', '.join(FIELDS)}", {}
    rest = {key: value for key, value in line.items() if key != "line_sha256"}
    if content_hash(rest) != line["line_sha256"]:
        return "fields that do not have the hash of the line: it was edited", line
    if line["previous"] != (lines[-1]["line_sha256"] if lines else NO_LINE):
        return "another predecessor than the line above: a line was removed, added or moved", line
    if line["number"] != number or line["supersedes"] != newest.get(line["patient_id"], ""):
        return "a number or superseded report that does not follow from the lines above", line
    return "", line
