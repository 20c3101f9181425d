"""Sign the report of a patient after review: a snapshot, and a line in the audit of signatures."""

import argparse
import sys
from datetime import UTC, datetime

from aftercar.contracts.signatures import SignatureError, reviewer_name
from aftercar.io import signatures
from aftercar.report.patient import content_json


def sign(patient: str, reviewer: str, reports: str, signed: str) -> str:
    """Sign the report of a patient as it stands, and return what to tell the reviewer."""
    line = signatures.add_signature(
        signed,
        signatures.read_report(reports, patient),
        reviewer=reviewer_name(reviewer),
        signed_at=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        written=content_json,
        page_sha256=signatures.page_hash(reports, patient),
    )
    instead = f", superseding {line['supersedes'][:16]}" if line["supersedes"] else ""
    return (
        f"{patient}: signed content {line['content_sha256']}{instead}. Run the workflow again to "
        f"see it on the page.\nHead of the audit, to be noted elsewhere: {line['line_sha256']}"
    )


def verify(signed: str, reports: str, head: str) -> str:
    """Check the audit, every snapshot, report and page, and return what was found."""
    lines = signatures.verify_all(signed, head)
    pages = signatures.verify_reports(reports, lines)
    return (
        f"{len(lines)} signatures, audit and snapshots unchanged; {pages} reports and pages as "
        f"written. Head of the audit: {lines[-1]['line_sha256'] if lines else 'none'}"
    )


if __name__ == "__main__":
    ask = argparse.ArgumentParser(description=__doc__)
    ask.add_argument("patient", nargs="?", help="patient_id of the report to sign")
    ask.add_argument("--reviewer", help="who has reviewed the page")
    ask.add_argument("--reports", default="reports", help="folder of the pages")
    ask.add_argument("--config", default="config/config.yaml", help="its report/signed is used")
    ask.add_argument("--signed", help="folder of signed reports, if not that of --config")
    ask.add_argument("--verify", action="store_true", help="only check signatures and pages")
    ask.add_argument("--head", default="", help="hash noted after signing: must still be there")
    given = ask.parse_args()
    if not given.verify and not (given.patient and given.reviewer):
        ask.error("expected a patient and --reviewer, or --verify")
    try:
        folder = given.signed or signatures.signed_folder(given.config)
        if given.verify:
            print(verify(folder, given.reports, given.head))
        else:
            print(sign(given.patient, given.reviewer, given.reports, folder))
    except SignatureError as error:
        sys.exit(f"Refused. {error}")
