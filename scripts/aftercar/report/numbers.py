"""Numbers as a clinician reads them: three digits, units, intervals, and limits of non-detects."""

import math
import re
from collections.abc import Iterable
from typing import Any

import pandas as pd

UNIT_WORDS = {
    "cells/uL": "cells/µL",
    "copies/ug": "copies/µg DNA",
    "copies/genome": "copies/genome",
    "copies/mL": "copies/mL",
    "fraction": "%",
    "ratio": "",
    "yes=1": "",
    "score": "",
}
MINUS, TIMES = "\N{MINUS SIGN}", "\N{MULTIPLICATION SIGN}"
# fractions in remarks: "a variant fraction of 0.02", "frequency 0.83"
SHARE_IN_WORDS = re.compile(
    r"\b((?:fractions?|clones) of|frequency) (\d?\.\d+(?:e-\d+)?)(?!\d| ?%)"
)
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def plain_rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows with Python's own numbers; what is missing is None."""
    columns = {
        name: [None if pd.isna(value) else value for value in frame[name].tolist()]
        for name in frame.columns
    }
    return [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]


def number(value: float, digits: int = 3) -> str:
    """Write 12345.6 as 12,300 and 0.01234 as 0.0123; below 1e-4 as a power of ten."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else "unlimited"
    magnitude = math.floor(math.log10(abs(value)))
    if magnitude < -4:
        return _power_of_ten(value, magnitude, digits)
    rounded = round(value, digits - 1 - magnitude)
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(rounded))))
    text = f"{rounded:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _power_of_ten(value: float, magnitude: int, digits: int) -> str:
    mantissa = round(value / 10.0**magnitude, digits - 1)
    if abs(mantissa) >= 10:
        mantissa, magnitude = mantissa / 10, magnitude + 1
    front = "" if mantissa == 1 else f"{mantissa:g} {TIMES} "
    return f"{front}10{str(magnitude).translate(SUPERSCRIPTS)}"


def percent(share: float, digits: int = 2) -> str:
    """Write 0.0312 as 3.1 % and 0.624 as 62.4 %; below 0.001 % as a power of ten."""
    if share == 0:
        return "0 %"
    if share < 1e-5:
        return number(share, digits)
    return f"{number(100 * share, max(digits, 3 if share >= 0.1 else digits))} %"


def percentages(text: str) -> str:
    """Write fractions that a remark of a table names as percentages, as the rest of its row."""
    return SHARE_IN_WORDS.sub(lambda found: f"{found[1]} {percent(float(found[2]))}", text)


def quantity(value: float, unit: str) -> str:
    """Write a value with its unit; fractions as percentages, yes=1 as yes or no."""
    if unit == "fraction":
        return percent(value)
    if unit == "yes=1":
        return "yes" if value == 1 else "no" if value == 0 else number(value)
    word = UNIT_WORDS.get(unit, unit)
    return f"{number(value)} {word}".strip()


def with_interval(value: float, low: float | None, high: float | None, unit: str) -> str:
    """Write a value with its unit and, where there is one, its 95 % interval."""
    text = quantity(value, unit)
    if low is None or high is None:
        return text
    if unit == "fraction":
        return f"{text} ({percent(low)} to {percent(high)})"
    return f"{text} ({number(low)} to {number(high)})"


def measurement(row: dict) -> str:
    """Write a row of EVIDENCE: value with interval, < limit, or in words why there is no value."""
    status, unit = row["status"], row["unit"]
    value, limit = row["value"], row["limit"]
    if status == "QUANTIFIED" and value is not None:
        return with_interval(value, row["low"], row["high"], unit)
    if status == "DETECTED_BELOW_LLOQ" and value is None and "fraction not known" in row["flags"]:
        return "detected, fraction not known"
    if status == "DETECTED_BELOW_LLOQ":
        below = (
            f"below LLOQ {quantity(row['lloq'], unit)}" if row["lloq"] is not None else "below LLOQ"
        )
        found = f"{quantity(value, unit)}, " if value is not None else ""
        return f"{found}detected, {below}"
    if status == "NOT_DETECTED":
        if limit is None:
            return "not detected, limit not stated"
        return f"< {quantity(limit, unit)} (not detected)"
    return {
        "QUANTIFIED": "quantified, value not stated",
        "INDETERMINATE": "cannot tell",
        "NOT_ASSESSED": "not tested",
        "NOT_APPLICABLE": "does not apply",
        "FAILED": "FAILED",
    }[status]


def fraction_text(row: dict, prefix: str = "fraction") -> str:
    """Write `<prefix>` of a row with its Wilson interval, or in words that there is no value."""
    value = row[prefix]
    if value is None:
        return "no value"
    return with_interval(value, row[f"{prefix}_low"], row[f"{prefix}_high"], "fraction")


def count_text(value: float | None) -> str:
    """Write a count with thousands separated; a missing one in words."""
    return "not counted" if value is None else f"{int(value):,}"


def day_text(day: float | None) -> str:
    """Write day 28 as D28 and 5 days before the infusion as D-5, with a minus sign."""
    return "day not stated" if day is None else f"D{int(day)}".replace("-", MINUS)


def interval_of_days(after: float | None, until: float | None) -> str:
    """Write the interval (after, until] of an event that was looked for at visits."""
    if after is None and until is None:
        return "no interval can be given"
    if until is None:
        return f"not seen up to {day_text(after)}"
    if after is None:
        return f"by {day_text(until)}"
    return f"after {day_text(after)}, by {day_text(until)}"


def parts(text: object, separator: str) -> list[str]:
    """Split a cell that lists several things, but not within its parentheses or brackets."""
    found, depth = [""], 0
    for piece in re.split(f"({re.escape(separator)}|[()\\[\\]])", str(text or "")):
        depth += (piece in ("(", "[")) - (piece in (")", "]"))
        if piece == separator and depth <= 0:
            found.append("")
        else:
            found[-1] += piece
    return [part.strip() for part in found if part.strip()]


def unique(items: Iterable[str]) -> list[str]:
    """Return each item once, in order of first appearance."""
    return list(dict.fromkeys(items))
