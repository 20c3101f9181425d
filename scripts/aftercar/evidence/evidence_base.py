"""Check the published evidence: orientation of harm, printed percentages, numbers from memory."""

from decimal import Decimal, InvalidOperation

import pandas as pd

from aftercar.contracts.evidence_base import RATIO_TYPES

# Check -> column, what is expected, remedy. Printed values that contradict themselves may stay if
# the note says so; a citation that is to be completed is a state of its own, not a mistake.
EXPECTED = {
    "orientation": (
        "estimate",
        "above 1 for harm and below 1 for protection (effect_of against relative_to)",
        "turn the ratio and its limits, or correct direction; a ratio printed the wrong way round "
        "stays with display no and a note on what is printed",
    ),
    "percentage": (
        "printed_percent",
        "numerator / denominator as a number of percent, within half a unit of its last digit",
        "correct the counts or the percentage; one that is printed wrongly stays with a note on "
        "what is printed",
    ),
    "interval": (
        "estimate",
        "within ci_low and ci_high",
        "correct the estimate or its limits from the source",
    ),
    "from_memory": (
        "certainty",
        "no number in a row that is known from memory only",
        "look the number up and correct certainty, or delete it from every column and the note",
    ),
    "counts": (
        "numerator",
        "at most the denominator, which is above 0",
        "correct numerator or denominator from the source",
    ),
}
NUMBERS = ("estimate", "ci_low", "ci_high", "n", "numerator", "denominator")


class EvidenceBaseError(ValueError):
    """Rows of the evidence base that would mislead a reader."""


def citable_evidence(evidence: pd.DataFrame, name: str) -> set[str]:
    """Return the ids of the evidence base (EVIDENCE_BASE), which rules may cite.

    Raise EvidenceBaseError with every row that fails a check, by column.

    `name` is the file. Allowed are citations to complete, and printed values that contradict
    themselves where the note speaks of what is printed (a wrong orientation only undisplayed).
    """
    rows = {row["id"]: row for row in evidence.to_dict("records")}
    problems = [
        f"row {found}, column {column}: found {_shown(rows[found], check)}, expected {expected}. "
        f"To mend it: {remedy}"
        for check, (column, expected, remedy) in EXPECTED.items()
        for found in evidence_base_findings(evidence)[check]
        if not _is_documented(rows[found], check)
    ]
    if problems:
        raise EvidenceBaseError("\n  ".join([f"Please correct {name}:", *problems]))
    return set(rows)


def _is_documented(row: dict, check: str) -> bool:
    told = "print" in row["note"].lower()
    return told and (check == "percentage" or (check == "orientation" and row["display"] == "no"))


def _shown(row: dict, check: str) -> str:
    names = {
        "orientation": ("estimate", "direction"),
        "percentage": ("printed_percent", "numerator", "denominator"),
        "interval": ("estimate", "ci_low", "ci_high"),
        "from_memory": ("certainty",),
        "counts": ("numerator", "denominator"),
    }[check]
    return ", ".join(f"{name} {'empty' if pd.isna(row[name]) else row[name]}" for name in names)


def evidence_base_findings(evidence: pd.DataFrame) -> dict[str, list[str]]:
    """Return, by check, the ids of rows (EVIDENCE_BASE) that fail it.

    orientation: a ratio below 1 for harm, or above 1 for protection. percentage: the printed
    percentage differs from numerator / denominator by more than half a unit of its last digit
    (exactly half is allowed), or is no number. interval: the estimate lies outside its limits.
    from_memory: a number in a row whose certainty is from memory. counts: a numerator above its
    denominator, or a denominator of 0. citation: authors, year or journal are to be completed.
    Rows with display `no` are checked too.
    """
    checks = {
        "orientation": _wrong_orientation,
        "percentage": _wrong_percentage,
        "interval": _outside_interval,
        "from_memory": _number_from_memory,
        "counts": _impossible_counts,
        "citation": lambda row: row["citation"] == "to_complete",
    }
    rows = evidence.to_dict("records")
    return {name: [row["id"] for row in rows if check(row)] for name, check in checks.items()}


def _wrong_orientation(row: dict) -> bool:
    if row["estimate_type"] not in RATIO_TYPES or pd.isna(row["estimate"]):
        return False
    harm, protective = row["direction"] == "harm", row["direction"] == "protective"
    return (harm and row["estimate"] < 1) or (protective and row["estimate"] > 1)


def _wrong_percentage(row: dict) -> bool:
    if row["printed_percent"] == "" or pd.isna(row["numerator"]) or pd.isna(row["denominator"]):
        return False
    try:
        printed = Decimal(row["printed_percent"])
    except InvalidOperation:
        return True
    if not printed.is_finite() or row["denominator"] == 0:
        return not printed.is_finite()
    # decimal arithmetic: 37.5 must count as exactly half a unit away from 38
    half_unit = Decimal(5) * Decimal(10) ** (int(printed.as_tuple().exponent) - 1)
    exact = Decimal(100) * int(row["numerator"]) / int(row["denominator"])
    return abs(exact - printed) > half_unit


def _outside_interval(row: dict) -> bool:
    low, value, high = row["ci_low"], row["estimate"], row["ci_high"]
    if pd.isna(value):
        return False
    return (not pd.isna(low) and value < low) or (not pd.isna(high) and value > high)


def _number_from_memory(row: dict) -> bool:
    if row["certainty"] != "from_memory_must_check":
        return False
    text = row["p"] + row["printed_percent"] + row["note"]
    return any(not pd.isna(row[name]) for name in NUMBERS) or any(c.isdigit() for c in text)


def _impossible_counts(row: dict) -> bool:
    numerator, denominator = row["numerator"], row["denominator"]
    if pd.isna(denominator):
        return False
    return denominator == 0 or (not pd.isna(numerator) and numerator > denominator)
