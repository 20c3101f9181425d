"""The answer of a rule or a part of it, and how answers combine."""

from collections.abc import Sequence
from typing import NamedTuple

NOT_ATTRIBUTABLE = "not attributable to the CAR: "


class Verdict(NamedTuple):
    """A rule status with the exact values it rests on (as text) and their days.

    `stale`: tests were done, but are too old. `reason` says why the status is what it is. `found`:
    a value that is not zero stands behind it, so that it is no negative, whatever the status.
    """

    status: str
    values: tuple[str, ...] = ()
    days: tuple[int, ...] = ()
    reason: str = ""
    stale: bool = False
    found: bool = False


def negation(verdict: Verdict) -> Verdict:
    """Return ABSENT for PRESENT and the reverse; what is unknown stays unknown."""
    swapped = {"PRESENT": "ABSENT", "ABSENT": "PRESENT"}.get(verdict.status, verdict.status)
    return verdict._replace(status=swapped)


def all_of(verdicts: Sequence[Verdict]) -> Verdict:
    """Return the logical and: one ABSENT decides, whatever is unknown."""
    for status in ("ABSENT", "NOT_ASSESSED", "INDETERMINATE", "CONFLICTING"):
        if deciding := [v for v in verdicts if v.status == status]:
            told = _joined(status, deciding)
            if status == "ABSENT":
                return told
            # what was found stays in sight, though the other parts are open
            found = [text for v in verdicts if v.found for text in v.values]
            return told._replace(
                values=tuple(dict.fromkeys([*found, *told.values])),
                found=any(v.found for v in verdicts),
            )
    return _joined("PRESENT", verdicts)


def any_of(verdicts: Sequence[Verdict]) -> Verdict:
    """Return the logical or: ABSENT only if every alternative was tested and is ABSENT."""
    for status in ("PRESENT", "CONFLICTING", "INDETERMINATE", "NOT_ASSESSED"):
        if deciding := [v for v in verdicts if v.status == status]:
            return _joined(status, deciding)
    return _joined("ABSENT", verdicts)


def agreement(verdicts: Sequence[Verdict]) -> Verdict:
    """Return what tests of one and the same thing say: CONFLICTING if adequate ones disagree."""
    by_status = {s: [v for v in verdicts if v.status == s] for s in ("PRESENT", "ABSENT")}
    if by_status["PRESENT"] and by_status["ABSENT"]:
        both = [*by_status["PRESENT"], *by_status["ABSENT"]]
        return _joined("CONFLICTING", both)._replace(reason="adequate tests disagree")
    for status in ("CONFLICTING", "PRESENT", "ABSENT", "INDETERMINATE", "NOT_ASSESSED"):
        if deciding := [v for v in verdicts if v.status == status]:
            return _joined(status, deciding)
    return Verdict("NOT_ASSESSED", reason="no test is due")


def strongest(verdicts: Sequence[Verdict]) -> Verdict:
    """Return what several places or tests say of one thing: found in one of them is found.

    What was found but cannot be judged is not undone by a negative elsewhere; a test that merely
    cannot tell is.
    """
    open_findings = [v for v in verdicts if v.status == "INDETERMINATE" and v.found]
    if open_findings and all(v.status in ("ABSENT", "INDETERMINATE") for v in verdicts):
        return _joined("INDETERMINATE", open_findings)
    telling = [v for v in verdicts if v.status != "INDETERMINATE"]
    return any_of(telling or verdicts)


def excluded(
    tests: Sequence[Verdict], findings: Sequence[Verdict], lasting: Sequence[Verdict]
) -> Verdict:
    """Return PRESENT only if a test of `tests` is adequate and negative and nothing was found.

    A finding of `tests` or `findings` is ABSENT (CONFLICTING if `tests` disagree). Traces, and a
    finding of `lasting` that may be old, leave it INDETERMINATE; a negative of `findings` or
    `lasting` says nothing.
    """
    if found := [v for v in findings if v.status in ("PRESENT", "CONFLICTING")]:
        return _joined("ABSENT", found)._replace(reason="found by another test")
    together = negation(agreement(tests))
    if together.status in ("ABSENT", "CONFLICTING"):
        return together
    if traces := [v for v in (*tests, *findings, *lasting) if v.found]:
        told = "something was found that the negative tests do not exclude"
        return _joined("INDETERMINATE", traces)._replace(reason=told)
    return together


def first_assessed(verdicts: Sequence[Verdict]) -> Verdict:
    """Return the first answer that is one, else what is known of the tests that were not done."""
    for verdict in verdicts:
        if verdict.status != "NOT_ASSESSED":
            return verdict
    return _joined("NOT_ASSESSED", verdicts)


def proven(finding: Verdict, proof: Verdict | None, contradiction: Verdict | None) -> Verdict:
    """Return a finding that needs proof from another test, or that another test may contradict.

    Without proof a finding is INDETERMINATE; against an adequate negative test it is CONFLICTING.
    """
    if finding.status != "PRESENT":
        return finding
    if proof is not None and proof.status == "PRESENT":
        return _joined("PRESENT", [finding, proof])
    if contradiction is not None and contradiction.status == "ABSENT":
        both = _joined("CONFLICTING", [finding, contradiction])
        return both._replace(reason="an adequate test of another kind found nothing")
    if proof is None:
        return finding
    return finding._replace(
        status="INDETERMINATE", reason="no second test proves that the cells are leukemic"
    )


def _joined(status: str, verdicts: Sequence[Verdict]) -> Verdict:
    if len(verdicts) == 1:
        return verdicts[0]._replace(status=status)
    return Verdict(
        status,
        tuple(dict.fromkeys(text for v in verdicts for text in v.values)),
        tuple(sorted({day for v in verdicts for day in v.days})),
        "; ".join(dict.fromkeys(v.reason for v in verdicts if v.reason)),
        status == "NOT_ASSESSED" and any(v.stale for v in verdicts),
        any(v.found for v in verdicts),
    )
