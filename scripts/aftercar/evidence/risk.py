"""One row per mechanism, target and landmark. Nothing is summed across mechanisms."""

from typing import NamedTuple

from aftercar.evidence.landmarks import (
    Standing,
    applies,
    targets_asked,
    transplants_since_infusion,
    without_day,
)
from aftercar.evidence.predicates import evaluate
from aftercar.evidence.rulebook import Mechanism, Rulebook
from aftercar.evidence.rules import Result
from aftercar.evidence.timeline import View
from aftercar.evidence.verdicts import NOT_ATTRIBUTABLE, Verdict, agreement

SIGNS = ("PRESENT", "CONFLICTING")
OPEN = ("NOT_ASSESSED", "INDETERMINATE")
TEXTS = ("drivers", "conflicts", "evidence_grade", "missing_tests", "stale_tests", "evidence_ids")
EMPTY = dict.fromkeys(TEXTS, "")


class DueTest(NamedTuple):
    """A test of the minimum set at a landmark."""

    name: str
    verdict: Verdict
    state: bool

    @property
    def disease(self) -> bool:
        """Say whether the answer is a finding, which is no proof of absence of anything."""
        return not self.state and self.verdict.status in SIGNS

    @property
    def done(self) -> bool:
        """Say whether the test gave an adequate answer, positive or negative."""
        return self.verdict.status in ("PRESENT", "ABSENT", "CONFLICTING")


def risk_rows(
    patient_id: str, rulebook: Rulebook, view: View, standing: Standing, results: list[Result]
) -> list[dict[str, object]]:
    """Return rows of RISK for every mechanism at one landmark (M1, M2, M4, M5: per target)."""
    rows = []
    for mechanism in rulebook.mechanisms.values():
        mine = [r for r in results if r.rule.mechanism == mechanism.name]
        for target in targets_asked(mechanism, view):
            asked = [r for r in mine if not mechanism.per_target or r.target in ("", target)]
            row = _row(rulebook, mechanism, target, view, standing, asked)
            rows.append(
                {
                    "patient_id": patient_id,
                    "landmark": f"D{view.day}",
                    "landmark_day": view.day,
                    "mechanism": mechanism.name,
                    "target": target,
                }
                | EMPTY
                | row
            )
    return rows


def _row(
    rulebook: Rulebook,
    mechanism: Mechanism,
    target: str,
    view: View,
    standing: Standing,
    results: list[Result],
) -> dict[str, object]:
    signs = [r for r in results if r.rule.role == "driver" and r.verdict.status in SIGNS]
    if standing.clock == "ENDED":
        after = mechanism.after_relapse and signs
        return _signal_row(signs, [], results) if after else _not_applicable(standing.reason)
    if view.targets and not applies(mechanism.applies_if, view) and not signs:
        return _not_applicable(mechanism.not_applicable_reason)
    gene = rulebook.genes.get(target, "")
    tests = [
        DueTest(
            test.name,
            agreement(
                [evaluate(node, view, target, gene, rulebook.recovery) for node in test.any_of]
            ),
            test.state,
        )
        for test in mechanism.tests
    ]
    if standing.clock == "UNKNOWN":
        return _without_clock(standing, tests, signs)
    transplants = transplants_since_infusion(view, rulebook.recovery)
    if signs:
        return _with_remarks(_signal_row(signs, tests, results), transplants)
    disease = mechanism.disease_found and evaluate(
        mechanism.disease_found, view, target, gene, rulebook.recovery
    )
    bars = [
        *_findings(mechanism, tests, disease or None),
        *_silent_rules(results, view.day),
        *without_day(target, view),
    ]
    return _with_remarks(_row_without_signal(mechanism, tests, results, bars), transplants)


def _findings(mechanism: Mechanism, tests: list[DueTest], disease: Verdict | None) -> list[str]:
    """Return in words each finding that no rule turns into a sign, but that forbids NO_SIGNAL."""
    if not mechanism.no_signal:
        return []
    found = [f"found by {t.name}: {'; '.join(t.verdict.values)}" for t in tests if t.disease]
    if disease is not None and (disease.status in SIGNS or disease.found):
        found.append(f"disease was found: {'; '.join(disease.values)}")
    return found


def _silent_rules(results: list[Result], day: int) -> list[str]:
    silent = [
        f"{r.rule.id} speaks of landmarks from day {r.rule.first_day} to day {r.rule.last_day} only"
        for r in results
        if r.rule.role == "driver" and not r.rule.first_day <= day <= r.rule.last_day
    ]
    return list(dict.fromkeys(silent))


def _with_remarks(row: dict[str, object], remarks: list[str]) -> dict[str, object]:
    return row | {"reason": "; ".join([str(row["reason"]), *remarks])}


def _not_applicable(reason: str) -> dict[str, object]:
    return {
        "category": "NOT_APPLICABLE",
        "if_missing_negative": "NOT_APPLICABLE",
        "if_missing_positive": "NOT_APPLICABLE",
        "tests_done": 0,
        "tests_due": 0,
        "reason": reason,
    }


def _test_columns(tests: list[DueTest], results: list[Result]) -> dict[str, object]:
    missing = [t for t in tests if not t.done and not t.verdict.stale]
    stale = [f"{t.name} ({_first_value(t.verdict)})" for t in tests if t.verdict.stale]
    stale += [f"{r.rule.id} ({_first_value(r.verdict)})" for r in results if r.verdict.stale]
    return {
        "missing_tests": "; ".join(f"{t.name} ({t.verdict.reason})" for t in missing),
        "stale_tests": "; ".join(dict.fromkeys(stale)),
        "tests_done": sum(t.done for t in tests),
        "tests_due": len(tests),
    }


def _first_value(verdict: Verdict) -> str:
    return ", ".join([*verdict.values[:1], verdict.reason])


def _without_clock(
    standing: Standing, tests: list[DueTest], signs: list[Result]
) -> dict[str, object]:
    found = f"; found all the same: {_drivers(signs)}" if signs else ""
    return _test_columns(tests, []) | {
        "category": "NOT_ASSESSABLE",
        "if_missing_negative": "NOT_ASSESSABLE",
        "if_missing_positive": "SIGNAL",
        "missing_tests": "; ".join(["day of the infusion", *(t.name for t in tests if not t.done)]),
        "reason": f"{standing.reason}{found}",
        "evidence_ids": _evidence(signs),
    }


def _signal_row(
    signs: list[Result], tests: list[DueTest], results: list[Result]
) -> dict[str, object]:
    clean = [r for r in signs if r.verdict.status == "PRESENT" and not r.conflict]
    conflicts = [f"{r.rule.id}: {r.conflict}" for r in signs if r.conflict]
    category = "SIGNAL" if clean else "SIGNAL_CONFLICTING"
    present = [r for r in signs if r.verdict.status == "PRESENT"]
    # what conflicts is still shown with its values
    shown = present or signs
    more = any(r.verdict.status in OPEN for r in results if r.rule.role == "driver")
    grade = min((r.grade for r in shown), default="")
    groups = len({r.rule.information_group for r in signs})
    told = (
        f"{groups} independent sign{'s' if groups > 1 else ''} of {len(signs)} rule"
        f"{'s' if len(signs) > 1 else ''}{'' if clean else ', all of them contested'}"
    )
    return _test_columns(tests, results) | {
        "category": category,
        "drivers": _drivers(shown),
        "conflicts": " | ".join(dict.fromkeys(conflicts)),
        "evidence_grade": grade,
        "if_missing_negative": category,
        "if_missing_positive": "SIGNAL" if more else category,
        "reason": "; ".join([told, *_predisposed(results)]),
        "evidence_ids": _evidence(signs),
    }


def _row_without_signal(
    mechanism: Mechanism, tests: list[DueTest], results: list[Result], bars: list[str]
) -> dict[str, object]:
    """Return the row of a mechanism without a sign; each of `bars` forbids NO_SIGNAL by itself."""
    drivers = [r for r in results if r.rule.role == "driver"]
    unjudged = [r for r in drivers if r.verdict.status in OPEN and r.verdict.found]
    barred = bool(bars or unjudged)
    undone = [t for t in tests if not t.done]
    assessed = mechanism.no_signal and not undone and not barred
    category = "NO_SIGNAL" if assessed else "NOT_ASSESSABLE"
    gated = any(t.verdict.reason.startswith(NOT_ATTRIBUTABLE) for t in undone)
    negative = "NO_SIGNAL" if mechanism.no_signal and not gated and not barred else category
    positive = bool(undone) or barred or any(r.verdict.status in OPEN for r in drivers)
    if assessed:
        reason = "no sign in the minimum set of adequate tests"
    elif undone:
        reason = f"{len(undone)} of {len(tests)} needed tests without an adequate answer"
    elif mechanism.no_signal:
        reason = "the needed tests were done, but they do not show absence"
    else:
        reason = "no sign found, but no set of tests is known that would show absence"
    unclear = [
        f"{r.rule.id} {r.verdict.status} ({_first_value(r.verdict)})"
        if r in unjudged
        else f"{r.rule.id} INDETERMINATE ({r.verdict.reason})"
        for r in drivers
        if r.verdict.status == "INDETERMINATE" or r in unjudged
    ]
    return _test_columns(tests, results) | {
        "category": category,
        "if_missing_negative": negative,
        "if_missing_positive": "SIGNAL" if positive else category,
        "reason": "; ".join(dict.fromkeys([reason, *bars, *unclear, *_predisposed(results)])),
        "evidence_ids": _evidence(
            [
                r
                for r in results
                if r.rule.role == "predisposition" and r.verdict.status == "PRESENT"
            ]
        ),
    }


def _predisposed(results: list[Result]) -> list[str]:
    return [
        f"predisposition: {r.rule.raw['title']}"
        for r in results
        if r.rule.role == "predisposition" and r.verdict.status == "PRESENT"
    ]


def _drivers(signs: list[Result]) -> str:
    """Return the drivers, one per information group: rules of one group share their information."""
    groups: dict[str, list[Result]] = {}
    for result in signs:
        groups.setdefault(result.rule.information_group, []).append(result)
    return " | ".join(_driver(group) for group in groups.values())


def _driver(group: list[Result]) -> str:
    first, *others = sorted(
        group, key=lambda r: (r.verdict.status != "PRESENT", r.grade, r.rule.id)
    )
    values = dict.fromkeys(text for r in (first, *others) for text in r.verdict.values)
    name = first.rule.id if not first.target else f"{first.rule.id} ({first.target})"
    same = ", ".join(r.rule.id for r in others)
    notes = dict.fromkeys(r.note for r in (first, *others) if r.note)
    return "".join(
        (
            name,
            f" with {same} (same information, one driver)" if same else "",
            f": {'; '.join(values)}" if values else "",
            f" [{'; '.join(notes)}]" if notes else "",
        )
    )


def _evidence(results: list[Result]) -> str:
    return ";".join(dict.fromkeys(name for r in results for name in r.evidence_ids))
