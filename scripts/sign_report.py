"""Sign the report of a patient after review: a snapshot, and a line in the audit of signatures."""

import argparse
import sys
from datetime import UTC, datetime

from aftercar.contracts.signatures import SignatureError, reviewer_name
from aftercar.io.signatures import add_signature, read_report, verify_all
from aftercar.report.patient import content_json


def sign(patient: str, reviewer: str, reports: str, signed: str) -> str:
    """Sign the report of a patient as it stands, and return what to tell the reviewer."""
    line = add_signature(
        signed,
        read_report(reports, patient),
        reviewer=reviewer_name(reviewer),
        signed_at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        written=content_json,
    )
    instead = f", superseding {line['supersedes'][:16]}" if line["supersedes"] else ""
    return (
        f"{patient}: signed content {line['content_sha256']}{instead}. Run the workflow again to "
        f"see it on the page.\nHead of the audit, to be noted elsewhere: {line['line_sha256']}"
    )


def verify(signed: str) -> str:
    """Check the audit and every snapshot, and return what was found."""
    lines = verify_all(signed)
    head = lines[-1]["line_sha256"] if lines else "none"
    return f"{len(lines)} signatures, audit and snapshots unchanged. Head of the audit: {head}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("patient", nargs="?", help="patient_id of the report to sign")
    parser.add_argument("--reviewer", help="who has reviewed the page")
    parser.add_argument("--reports", default="reports", help="folder of the pages")
    parser.add_argument("--signed", default="signed", help="folder of config key report/signed")
    parser.add_argument("--verify", action="store_true", help="only check all signatures")
    given = parser.parse_args()
    if not given.verify and not (given.patient and given.reviewer):
        parser.error("expected a patient and --reviewer, or --verify")
    try:
        print(
            verify(given.signed)
            if given.verify
            else sign(given.patient, given.reviewer, given.reports, given.signed)
        )
    except SignatureError as error:
        sys.exit(f"Refused. {error}")
