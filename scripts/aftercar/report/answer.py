"""The first page: the answer by mechanism, what it rests on, what is missing, what changed."""

from typing import Any

from aftercar.contracts.vocabulary import AFTER_RELAPSE, MECHANISMS
from aftercar.report.course_end import course_end
from aftercar.report.due_tests import by_state, lacking_tests, titled
from aftercar.report.numbers import parts
from aftercar.report.statements import driver, readable
from aftercar.report.words import BOUND_WORDS, RISK_SHORT, chip, lower_first

ORDER = ("SIGNAL", "SIGNAL_CONFLICTING", "NO_SIGNAL", "NOT_ASSESSABLE", "NOT_APPLICABLE")


def mechanism_title(row: dict) -> str:
    """Return `antigen-positive relapse (CD19)`."""
    target = f" ({row['target']})" if row["target"] else ""
    return f"{MECHANISMS[row['mechanism']]}{target}"


def latest_landmark(risk: list[dict], summary: dict) -> dict[str, Any]:
    """Return the landmark that page 1 speaks of, its day, the one before it, and what ended it.

    It is the latest landmark with data at which the clock of the CAR still ran: after a relapse it
    has ended, and what mechanisms of AFTER_RELAPSE say since then is told in `overlay`. `ended`
    says by what (known by then or later), `place` from where the answer speaks. Without data
    `landmark` is empty.
    """
    days = sorted({(row["landmark_day"], row["landmark"]) for row in risk})
    last = next((day for day, name in days if name == summary["landmark"]), None)
    if last is None:
        ended = course_end(risk, summary, None)["text"]
        empty: dict[str, Any] = {"landmark": "", "day": None, "before": "", "place": ""}
        return empty | {"ended": ended, "overlay": []}
    applies = {row["landmark_day"] for row in risk if row["category"] != "NOT_APPLICABLE"}
    running = {
        row["landmark_day"]
        for row in risk
        if row["category"] != "NOT_APPLICABLE" and row["mechanism"] not in AFTER_RELAPSE
    }
    reached = [(day, name) for day, name in days if day <= last]
    open_ones = [(day, name) for day, name in reached if day in running] or [
        (day, name) for day, name in reached if day in applies
    ]
    day, name = open_ones[-1] if open_ones else reached[-1]
    earlier = [other for other_day, other in days if other_day < day]
    still = {
        (row["mechanism"], row["target"])
        for row in risk
        if row["landmark_day"] == day and row["category"] != "NOT_APPLICABLE"
    }
    end = course_end(risk, summary, day)
    closed = [
        row["reason"]
        for row in risk
        if day < last
        and row["landmark_day"] == last
        and row["category"] == "NOT_APPLICABLE"
        and (row["mechanism"], row["target"]) in still
    ]
    return {
        "landmark": name,
        "day": day,
        "before": earlier[-1] if earlier else "",
        "ended": end["text"] or (readable(closed[0]) if closed else ""),
        "place": f"Before that, at {name}" if end["later"] else f"At {name}",
        "overlay": [
            f"At {row['landmark']}, after that: {row['mechanism']} {mechanism_title(row)}: "
            f"{lower_first(RISK_SHORT[row['category']])}"
            for row in sorted(risk, key=lambda r: (r["mechanism"], r["target"]))
            if day < last and row["landmark_day"] == last and row["category"] != "NOT_APPLICABLE"
        ],
    }


def mechanism_rows(
    risk: list[dict],
    landmark: str,
    landmark_day: int | None,
    before: str,
    titles: dict[str, str],
) -> list[dict]:
    """Return what page 1 says of each mechanism at a landmark, applicable ones only.

    `titles` are the titles of rules by id: what a reader sees in place of the id.
    """
    earlier = {
        (r["mechanism"], r["target"]): r["category"] for r in risk if r["landmark"] == before
    }

    def said(text: str) -> str:
        return readable(titled(text, titles), landmark_day)

    lacking = {
        id(row): lacking_tests(row["missing_tests"], row["stale_tests"], titles) for row in risk
    }
    return [
        {
            "mechanism": row["mechanism"],
            "title": mechanism_title(row),
            "target": row["target"],
            "category": chip("risk", row["category"]),
            "before": _before(earlier.get((row["mechanism"], row["target"]))),
            "drivers": [
                _driver(text, landmark_day, titles) for text in parts(row["drivers"], " | ")
            ],
            "conflicts": [said(text) for text in parts(row["conflicts"], " | ")],
            "grade": row["evidence_grade"],
            "missing": [readable(titled(t, titles)) for t in parts(row["missing_tests"], ";")],
            "stale": [readable(titled(t, titles)) for t in parts(row["stale_tests"], ";")],
            "lacking": lacking[id(row)],
            "lack": by_state(lacking[id(row)]),
            "tests": f"{row['tests_done']} of {row['tests_due']}",
            "reason": said(row["reason"]),
            "bounds": bounds(row),
            "evidence_ids": parts(row["evidence_ids"], ";"),
        }
        for row in sorted(risk, key=lambda r: (r["mechanism"], r["target"]))
        if row["landmark"] == landmark and row["category"] != "NOT_APPLICABLE"
    ]


def _driver(text: str, landmark_day: int | None, titles: dict[str, str]) -> dict[str, str]:
    found = driver(text, landmark_day)
    return found | {"title": titled(found["rule"], titles)}


def _before(category: str | None) -> dict[str, str] | None:
    if category is None:
        return None
    return chip("risk", category) | {"text": RISK_SHORT[category]}


def bounds(row: dict) -> str:
    """Say what the category would be if every missing test were known; "" where none is missing."""
    low, high = row["if_missing_negative"], row["if_missing_positive"]
    if low == high == row["category"]:
        return ""
    if low == high:
        return f"whatever the missing tests said: {BOUND_WORDS[low]}"
    negative, positive = BOUND_WORDS[low], BOUND_WORDS[high]
    return f"{negative} if all missing tests were negative, {positive} if all were positive"


def not_applicable(risk: list[dict], landmark: str) -> list[dict[str, str]]:
    """Return the mechanisms that do not apply to the patient, with the reason."""
    return [
        {
            "mechanism": row["mechanism"],
            "title": mechanism_title(row),
            "reason": readable(row["reason"]),
        }
        for row in sorted(risk, key=lambda r: (r["mechanism"], r["target"]))
        if row["landmark"] == landmark and row["category"] == "NOT_APPLICABLE"
    ]


def headline(mechanisms: list[dict], landmark: str, ended: str = "", place: str = "") -> str:
    """Return the answer, the most serious finding first, after what ended the clock.

    Whatever leads, mechanisms with conflicting evidence and those not assessable are told.
    """
    if ended:
        answer = headline(mechanisms, landmark)
        if landmark:
            answer = f"{place}: {lower_first(answer)}"
        return f"{ended[:1].upper()}{ended[1:]}. {answer}"
    if not landmark:
        return "Not assessable: there is no usable test at any landmark"
    if not mechanisms:
        return "Not assessable: no mechanism applies"
    by_category = {
        word: [m["title"] for m in mechanisms if m["category"]["status"] == word] for word in ORDER
    }
    unknown = len(by_category["NOT_ASSESSABLE"])
    conflicting = by_category["SIGNAL_CONFLICTING"]
    rest = f"; {_count(unknown)} not assessable" if unknown else ""
    if by_category["SIGNAL"]:
        also = f"; conflicting: {_listed(conflicting)}" if conflicting else ""
        return f"Signal for {_listed(by_category['SIGNAL'])}{also}{rest}"
    if conflicting:
        return f"Conflicting evidence on {_listed(conflicting)}{rest}"
    if by_category["NO_SIGNAL"] and not unknown:
        return "No signal in the adequate tests of any applicable mechanism"
    if by_category["NO_SIGNAL"]:
        return f"No signal for {_listed(by_category['NO_SIGNAL'])}{rest}"
    return "Not assessable: no applicable mechanism had its minimum tests"


def _count(mechanisms: int) -> str:
    return f"{mechanisms} mechanism{'s are' if mechanisms > 1 else ' is'}"


def _listed(titles: list[str]) -> str:
    return ", ".join(titles[:-1]) + " and " + titles[-1] if len(titles) > 1 else titles[0]


def changes(mechanisms: list[dict], before: str, landmark: str) -> list[str]:
    """Say what changed since the landmark before; three lines at most."""
    if not landmark:
        return []
    if not before:
        return [f"{landmark} is the first landmark: there is nothing to compare with."]
    changed = [
        f"{m['mechanism']} {m['title']}: {m['before']['text']} at {before}, "
        f"now {RISK_SHORT[m['category']['status']]}"
        for m in mechanisms
        if m["before"] is not None and m["before"]["status"] != m["category"]["status"]
    ]
    if not changed:
        return [f"No category changed between {before} and {landmark}."]
    more = [f"and {len(changed) - 2} more, see all landmarks"] if len(changed) > 3 else []
    return changed[: 2 if more else 3] + more


def landmark_matrix(
    risk: list[dict], latest_day: int | None, last_day: int | None
) -> dict[str, object]:
    """Return mechanisms by landmarks; a landmark after the last data is `not reached`."""
    landmarks = sorted({(r["landmark_day"], r["landmark"]) for r in risk})
    names = sorted({(r["mechanism"], r["target"]) for r in risk})
    cells = {(r["mechanism"], r["target"], r["landmark"]): r for r in risk}
    rows = []
    for mechanism, target in names:
        mine = [cells.get((mechanism, target, name)) for _, name in landmarks]
        if all(row is None or row["category"] == "NOT_APPLICABLE" for row in mine):
            continue
        title = mechanism_title({"mechanism": mechanism, "target": target})
        shown = [_matrix_cell(row, latest_day, last_day) for row in mine]
        for place in range(1, len(mine)):
            before, now = mine[place - 1], mine[place]
            was_open = before is not None and before["category"] != "NOT_APPLICABLE"
            closed = now is not None and now["category"] == "NOT_APPLICABLE"
            if closed and (was_open or shown[place - 1]["text"] == "ended"):
                shown[place] |= {"text": "ended", "kind": "later"}
        rows.append({"mechanism": mechanism, "title": title, "cells": shown})
    return {"landmarks": [name for _, name in landmarks], "rows": rows}


def _matrix_cell(row: dict | None, latest_day: int | None, last_day: int | None) -> dict[str, str]:
    if row is None:
        return {"status": "", "text": "no row", "kind": "na"}
    day = row["landmark_day"]
    later = last_day is not None and day > last_day and (latest_day is None or day > latest_day)
    if later and row["category"] == "NOT_ASSESSABLE":
        return chip("risk", row["category"]) | {"text": "not reached", "kind": "later"}
    return chip("risk", row["category"]) | {"text": RISK_SHORT[row["category"]]}
