"""Who signed which report: read once, checked, and handed to the rule that renders the page."""

from aftercar.contracts.signatures import SignatureError
from aftercar.io.signatures import read_audit, refuse_lost_audit


def signatures():
    """The signatures of each patient, oldest first; an audit that was changed is refused."""
    found = {}
    try:
        lines = read_audit(config["report"]["signed"])
        refuse_lost_audit("reports", lines)
        for line in lines:
            found.setdefault(line["patient_id"], []).append(line)
    except SignatureError as error:
        raise WorkflowError(str(error)) from None
    return found


SIGNATURES = signatures()


def signed_snapshots(wildcards):
    """The contents that the two newest signatures of a patient are of."""
    return [
        f"{config['report']['signed']}/{line['snapshot']}"
        for line in SIGNATURES.get(wildcards.patient, [])[-2:]
    ]
