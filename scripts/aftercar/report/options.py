"""What the review names for a mechanism, with its preconditions; statements, never advice."""

from aftercar.report.answer import mechanism_title
from aftercar.report.numbers import day_text, parts
from aftercar.report.statements import readable
from aftercar.report.tabulate import NOTHING, table

# A precondition that holds is no good news by itself: none of these has the sign of a clear answer.
OPTION_WORDS = {
    "PRESENT": ("Preconditions shown", "present"),
    "ABSENT": ("A precondition is not met", "na"),
    "INDETERMINATE": ("Cannot tell", "cannot"),
    "NOT_ASSESSED": ("Not assessed", "unknown"),
    "NOT_APPLICABLE": ("Does not concern this patient", "na"),
    "CONFLICTING": ("Tests disagree", "conflict"),
}
PRECONDITION_WORDS = {
    "PRESENT": "shown",
    "ABSENT": "not met",
    "INDETERMINATE": "cannot tell",
    "NOT_ASSESSED": "not assessed",
    "NOT_APPLICABLE": "does not apply",
    "CONFLICTING": "tests disagree",
}
NOTE = (
    "Statements of a review (Pan 2023, 10.31547/bct-2023-028), not advice and not ordered by "
    "benefit. A precondition that was not tested stays open: the statement is then not shown to be "
    "available."
)


def option_table(options: list[dict]) -> dict:
    """Return the options that concern the patient, those of an observed mechanism first."""
    mine = [row for row in options if row["status"] != "NOT_APPLICABLE"]
    day = next((row["as_of_day"] for row in mine), None)
    return table(
        "What the review names, and what the data say of its preconditions"
        + (f", as known on {day_text(day)}" if day is not None else ""),
        (
            "Named in the review", "For", "Seen in this patient", "Preconditions",
            "Each precondition", "Disagreement", "Evidence",
        ),
        [
            (
                row["statement"].removeprefix("named in the review: "),
                ", ".join(
                    f"{name} {mechanism_title({'mechanism': name, 'target': ''})}"
                    for name in parts(row["mechanisms"], ";")
                ),
                [readable(text) for text in parts(row["observed"], ";")]
                or "nothing on record, which is not the same as absent",
                option_chip(row["status"]),
                [_precondition(text) for text in parts(row["preconditions"], " | ")],
                parts(row["conflicts"], " | ") or NOTHING,
                ", ".join([*parts(row["evidence_ids"], ";"), *filter(None, [row["literature"]])]),
            )
            for row in sorted(mine, key=lambda r: (not r["observed"], r["option_id"]))
        ],
        empty="no statement of the review concerns this patient, or none was checked",
        note=NOTE,
    )  # fmt: skip


def option_chip(status: str) -> dict[str, str]:
    """Return the status of all preconditions together as pages show it."""
    text, kind = OPTION_WORDS[status]
    return {"status": status, "text": text, "kind": kind}


def _precondition(text: str) -> str:
    """Write `name: STATUS (values)` with the word for the status and readable values."""
    name, _, rest = text.partition(": ")
    status, _, why = rest.partition(" ")
    return f"{name}: {PRECONDITION_WORDS[status]} {readable(why)}".strip()
