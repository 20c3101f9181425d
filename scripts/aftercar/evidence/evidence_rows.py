"""Make rows of EVIDENCE, with the unit checked where the value comes in."""

from aftercar.contracts.evidence import EVIDENCE, MEASURES

BLANK = {name: "" if c.dtype == "string" else None for name, c in EVIDENCE.columns.items()}
NUMBERS = ("value", "low", "high", "limit", "lloq")


def evidence_row(**columns: object) -> dict[str, object]:
    """Return a row of EVIDENCE; what is left out is empty, the unit is that of the measure.

    A row without `known_from_day` is known from its day of collection. Not-a-number becomes
    missing. Raises KeyError for a measure that is not declared.
    """
    row = BLANK | {"unit": MEASURES[str(columns["measure"])][0]} | columns
    for name in (*NUMBERS, "count", "total", "day", "known_from_day"):
        row[name] = number_or_none(row[name])
    for name in ("count", "total", "day", "known_from_day"):
        row[name] = None if row[name] is None else int(str(row[name]).partition(".")[0])
    if row["known_from_day"] is None:
        row["known_from_day"] = row["day"]
    return row


def number_or_none(value: object) -> object:
    """Return None for what pandas calls missing."""
    return None if value is None or value != value or str(value) == "<NA>" else value


def who_when(row: dict) -> dict[str, object]:
    """Return the columns that name the specimen of a stream's row."""
    return {
        "patient_id": row["patient_id"],
        "day": number_or_none(row["day"]),
        "specimen": row["specimen"],
        "sample_id": row["sample_id"],
    }


def wrong_unit(measure: str, unit: str) -> str:
    """Return what is wrong with the unit of a value, or an empty text."""
    expected = MEASURES[measure][0]
    if unit == expected:
        return ""
    return f"unit {unit} refused: {measure} is in {expected}; convert the value before entering it"


def told_apart(rows: list[dict[str, object]], names: list[str]) -> list[dict[str, object]]:
    """Return rows whose `item` tells apart what would otherwise have the same key.

    `names` are the names to use, one per row. Rows that are alone keep an empty item.
    """
    key = ("patient_id", "day", "measure", "target", "sample_id", "item")
    seen: dict[tuple, int] = {}
    for row in rows:
        identity = tuple(row[k] for k in key)
        seen[identity] = seen.get(identity, 0) + 1
    return [
        row | {"item": name} if seen[tuple(row[k] for k in key)] > 1 else row
        for row, name in zip(rows, names, strict=True)
    ]
