"""The status of a report by its signatures: preliminary, final, amended, FAILED."""

from aftercar.contracts.signatures import SignatureError
from aftercar.report.amendments import KINDS, amendments
from aftercar.report.tabulate import table

LINES = 3  # of changes on page 1


def with_sign_off(content: dict, signatures: list[dict], signed: list[dict]) -> dict:
    """Return the content with its status by signatures, which the content hash does not cover.

    `signatures` are the lines of the audit on this patient, oldest first; `signed` the contents of
    their snapshots, as many as there are, newest last (at least the last two where there are two).
    A FAILED report stays FAILED whatever was signed before. Raise SignatureError where a snapshot
    has another content than its line names.
    """
    for line, snapshot in zip(signatures[::-1], signed[::-1], strict=False):
        if line["content_sha256"] != snapshot["content_sha256"]:
            raise SignatureError(
                f"{line['snapshot']}: found content {snapshot['content_sha256'][:16]}, expected "
                f"{line['content_sha256'][:16]}, which the audit names in line {line['number']}: "
                "snapshots were exchanged. To mend it: restore them from a backup"
            )
    newest = signatures[-1] if signatures else None
    is_signed = newest is not None and newest["content_sha256"] == content["content_sha256"]
    base = signed[-2:-1] if is_signed else signed[-1:]
    found = [change for before in base for change in amendments(before, content)]
    status = content["report_status"]
    if status["status"] != "FAILED" and newest is not None:
        status = _status(newest, is_signed=is_signed)
    private = content["profile"] != "clinical"
    return content | {
        "report_status": status,
        "sign_off": {
            "unsigned_status": content["report_status"],
            "signatures": [
                {
                    "reviewer": "left out in this profile" if private else line["reviewer"],
                    "signed_at": line["signed_at"],
                    "content_sha256": line["content_sha256"],
                    "supersedes": line["supersedes"],
                    "line_sha256": line["line_sha256"],
                }
                for line in signatures
            ],
            "amendments": found,
            "lines": _lines(found, newest, is_signed=is_signed),
            "table": table(
                "What changed since the report that was signed before",
                ("Part", "Change"),
                [(KINDS[change["kind"]], change["text"]) for change in found],
                empty="Nothing was signed before: there is no earlier report to compare with.",
                grouped=True,
            ),
        },
    }


def _status(newest: dict, *, is_signed: bool) -> dict[str, str]:
    by = newest["signed_at"][:10]
    if not is_signed:
        return {
            "status": "AMENDED, not signed",
            "kind": "conflict",
            "text": f"AMENDED, not signed: changed since the report signed on {by}",
        }
    if newest["supersedes"]:
        return {
            "status": "AMENDED",
            "kind": "present",
            "text": f"AMENDED, signed on {by}: supersedes {newest['supersedes'][:16]}",
        }
    return {"status": "FINAL", "kind": "present", "text": f"FINAL: reviewed and signed on {by}"}


def _lines(found: list[dict], newest: dict | None, *, is_signed: bool) -> list[str]:
    """Return the three lines of page 1 on what changed."""
    if newest is None or not found:
        return []
    since = newest["supersedes"] if is_signed else newest["content_sha256"]
    lines = [f"{KINDS[change['kind']]}: {change['text']}" for change in found]
    if len(lines) > LINES:
        lines = [*lines[: LINES - 1], f"and {len(lines) - LINES + 1} more, see amendments"]
    lines[0] = f"Since the signed report {since[:16]}: {lines[0]}"
    return lines
