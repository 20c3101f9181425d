"""What ended the course of a CAR: a relapse or death, told before any answer of a landmark."""

import re

from aftercar.report.statements import readable

# Clock-ending events as the summary prints them, and the words a headline begins with.
ENDS = {
    "relapse": "relapsed",
    "lineage_switch": "lineage switch",
    "extramedullary_relapse": "extramedullary relapse",
    "death": "died",
}
EVENT = re.compile(
    rf"(?P<event>{'|'.join(ENDS)})(?: \((?P<known>[^()]*)\))? on day (?P<day>-?\d+)(?!\d)"
)


def course_end(risk: list[dict], summary: dict, landmark_day: int | None) -> dict:
    """Return the events that ended the clock, as text, and whether all lie after the landmark.

    An event after the landmark shown leads whether or not a later landmark has data; one at or
    before it only where a row of RISK at this landmark says that it ended the clock: a new CAR
    starts a new one. Without a landmark every event since the first infusion leads.
    """
    reasons = [row["reason"] for row in risk if row["landmark_day"] == landmark_day]
    told, later = [], True
    for found in EVENT.finditer(summary["outcome"]):
        day = int(found["day"])
        if day > (-1 if landmark_day is None else landmark_day):
            told.append(_words(found))
        elif any(reason.startswith(f"{found[0]} ended the clock") for reason in reasons):
            told.append(_words(found))
            later = False
    text = ", ".join(told)
    return {"text": f"{text[:1].upper()}{text[1:]}", "later": bool(told) and later}


def course_text(outcome: str) -> str:
    """Return the outcome of a patient in words, for a cell or a line; transplants included."""
    told = [
        _words(found) if (found := EVENT.fullmatch(part)) else readable(part)
        for part in outcome.split("; ")
    ]
    text = ", ".join(told)
    return f"{text[:1].upper()}{text[1:]}"


def _words(found: re.Match[str]) -> str:
    """Return `relapsed (antigen negative, CD19, marrow) on day 190`."""
    known = [part for part in (found["known"] or "").split(", ") if part != found["event"]]
    shown = ", ".join("phenotype unknown" if part == "unknown" else part for part in known if part)
    event = ENDS[found["event"]]
    return f"{event}{f' ({readable(shown)})' if shown else ''} on day {found['day']}"
