"""Tests that a mechanism needs and does not have: not done, FAILED, cannot tell, too old."""

import re

from aftercar.report.numbers import parts, unique
from aftercar.report.statements import readable

# In the order in which page 1 lists them; a test that failed or cannot tell was done.
STATES = ("FAILED", "cannot tell", "too old", "not done")
# What the rules say where there is nothing to judge; any other reason is that of a test.
NOT_DONE = re.compile(r"(.* )?(was|were) not measured( after the infusion)?|no event .* recorded|")
LONGEST_REASON = 60  # characters; a longer one stands in the details only


def lacking_tests(missing: str, stale: str, titles: dict[str, str]) -> list[dict[str, str]]:
    """Return each missing or stale test of a row of RISK as {test, state, note}.

    `missing` and `stale` are the cells of the row, `titles` the titles of rules by id. `note` is
    what a reader must know: the age of the specimen, or why the test does not count.
    """
    found = []
    for statement in parts(missing, ";"):
        name, reason = _split(statement)
        state = _state(reason)
        note = {"FAILED": "see specimens", "cannot tell": readable(reason)}.get(state, "")
        note = note if len(note) <= LONGEST_REASON else "see the details"
        found.append({"test": titled(name, titles), "state": state, "note": note})
    for statement in parts(stale, ";"):
        name, reason = _split(statement)
        age = re.search(r"(\d+) days old", reason)
        note = f"{age[1]} d old" if age else ""
        found.append({"test": titled(name, titles), "state": "too old", "note": note})
    return sorted(found, key=lambda test: STATES.index(test["state"]))


def _split(statement: str) -> tuple[str, str]:
    name, _, reason = statement.partition(" (")
    return name.strip(), reason.removesuffix(")").strip()


def _state(reason: str) -> str:
    if re.search(r"\bspecimen FAILED\b", reason):
        return "FAILED"
    if all(NOT_DONE.fullmatch(part) for part in parts(reason, ";") or [""]):
        return "not done"
    return "not done" if reason == "specimen NOT_ASSESSED" else "cannot tell"


def by_state(tests: list[dict[str, str]]) -> list[dict[str, object]]:
    """Return a line per state for the row of a mechanism: {state, tests}."""
    return [
        {"state": state[:1].upper() + state[1:], "tests": unique(mine)}
        for state in STATES
        if (mine := [test["test"] for test in tests if test["state"] == state])
    ]


def due_tests(mechanisms: list[dict]) -> list[dict[str, object]]:
    """Return each missing or stale test once, with the mechanisms that need it."""
    tests: dict[tuple[str, str], dict] = {}
    for mechanism in mechanisms:
        for test in mechanism["lacking"]:
            row = tests.setdefault((test["state"], test["test"]), {**test, "for": []})
            row["for"] = unique([*row["for"], mechanism["mechanism"]])
    return sorted(tests.values(), key=lambda test: STATES.index(test["state"]))


def rule_titles(relapse_rules: dict) -> dict[str, str]:
    """Return the title of each rule by its id, from the document of the relapse rules."""
    return {rule["id"]: rule["title"] for rule in relapse_rules["rules"]}


def titled(text: str, titles: dict[str, str]) -> str:
    """Return text with the title of each rule in place of its id; unknown ids stay."""
    if not titles:
        return text
    ids = "|".join(map(re.escape, sorted(titles, key=len, reverse=True)))
    return re.sub(rf"\b({ids})\b", lambda found: titles[found[1]], text)
