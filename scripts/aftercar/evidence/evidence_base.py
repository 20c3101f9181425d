"""Check the published evidence: orientation of harm, printed percentages, numbers from memory."""

from decimal import Decimal

import pandas as pd

from aftercar.contracts.evidence_base import RATIO_TYPES

NUMBERS = ("estimate", "ci_low", "ci_high", "n", "numerator", "denominator")


def evidence_base_findings(evidence: pd.DataFrame) -> dict[str, list[str]]:
    """Return, by check, the ids of rows (EVIDENCE_BASE) that fail it.

    orientation: a ratio below 1 for harm, or above 1 for protection. percentage: the printed
    percentage differs from numerator / denominator by more than half a unit of its last digit
    (exactly half is allowed). interval: the estimate lies outside its limits. from_memory: a number
    in a row whose certainty is from memory. counts: a numerator above its denominator. citation:
    authors, year or journal are to be completed. Rows with display `no` are checked too.
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
    printed = Decimal(row["printed_percent"])
    # decimal arithmetic: 37.5 must count as exactly half a unit away from 38
    half_unit = Decimal(5) * Decimal(10) ** (int(printed.as_tuple().exponent) - 1)
    exact = Decimal(100) * int(row["numerator"]) / int(row["denominator"])
    return abs(exact - printed) > half_unit


def _outside_interval(row: dict) -> bool:
    low, value, high = row["ci_low"], row["estimate"], row["ci_high"]
    return (not pd.isna(low) and value < low) or (not pd.isna(high) and value > high)


def _number_from_memory(row: dict) -> bool:
    if row["certainty"] != "from_memory_must_check":
        return False
    text = row["p"] + row["printed_percent"] + row["note"]
    return any(not pd.isna(row[name]) for name in NUMBERS) or any(c.isdigit() for c in text)


def _impossible_counts(row: dict) -> bool:
    return not pd.isna(row["numerator"]) and row["numerator"] > row["denominator"]
