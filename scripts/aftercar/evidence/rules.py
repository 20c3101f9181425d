"""Every rule at a landmark: a status with the exact values used."""

from typing import NamedTuple

from aftercar.evidence.landmarks import Standing, applies, targets_asked, targets_of_rule
from aftercar.evidence.predicates import evaluate
from aftercar.evidence.rulebook import Mechanism, Rule, Rulebook
from aftercar.evidence.timeline import View
from aftercar.evidence.verdicts import Verdict

GRADES = "ABCD"
NO_SUCH_TARGET = "the rule does not speak of the antigens that the infusions target"


class Result(NamedTuple):
    """One rule for one target at one landmark; `note` says what else a reader must know."""

    rule: Rule
    target: str
    verdict: Verdict
    grade: str
    direction: str
    conflict: str
    note: str
    evidence_ids: tuple[str, ...]


def results_at(rulebook: Rulebook, view: View, standing: Standing) -> list[Result]:
    """Return the result of each rule, for each target that it is asked about.

    A rule that cannot apply (disease, product, landmark, ended clock) still has a row:
    NOT_APPLICABLE with the reason.
    """
    results = []
    asked_by = {name: targets_asked(m, view) for name, m in rulebook.mechanisms.items()}
    refused = {
        name: bool(view.targets) and not applies(m.applies_if, view)
        for name, m in rulebook.mechanisms.items()
    }
    for rule in rulebook.rules:
        mechanism = rulebook.mechanisms[rule.mechanism]
        why_not = _why_not_applicable(rule, mechanism, refused[rule.mechanism], view, standing)
        targets = () if why_not else targets_of_rule(rule, view)
        if not targets:
            verdict = Verdict("NOT_APPLICABLE", reason=why_not or NO_SUCH_TARGET)
            asked = asked_by[rule.mechanism] if rule.per_target else ("",)
            results += [_result(rule, target, verdict, view) for target in asked]
            continue
        if rule.per_target and mechanism.per_target:
            verdict = Verdict("NOT_APPLICABLE", reason=NO_SUCH_TARGET)
            others = set(asked_by[rule.mechanism]) - {*targets, ""}
            results += [_result(rule, other, verdict, view) for other in sorted(others)]
        for target in targets:
            gene = rulebook.genes.get(target, "")
            verdict = evaluate(rule.predicate, view, target, gene, rulebook.recovery)
            results.append(_result(rule, target, verdict, view))
    return _with_superseded(results, view.day)


def _why_not_applicable(
    rule: Rule, mechanism: Mechanism, refused: bool, view: View, standing: Standing
) -> str:
    if standing.end is not None:
        counts_after = rule.raw.get("after_relapse", False) and standing.end.event != "death"
        if not counts_after:
            return standing.reason
    if not rule.first_day <= view.day <= rule.last_day:
        return f"speaks of landmarks from day {rule.first_day} to day {rule.last_day}"
    if refused and not (mechanism.applies_if_found and rule.raw.get("direct", False)):
        return mechanism.not_applicable_reason
    if view.targets and "applies_if" in rule.raw and not applies((rule.raw["applies_if"],), view):
        return NO_SUCH_TARGET
    return ""


def _result(rule: Rule, target: str, verdict: Verdict, view: View) -> Result:
    direction, conflict, cited = rule.direction, "", list(rule.evidence_ids)
    if verdict.status in ("PRESENT", "CONFLICTING"):
        conflict = rule.raw.get("conflict", "") if direction == "conflicting" else ""
        before = rule.raw.get("before_infusion")
        first_day = view.infusions[0].day if view.infusions else None
        if before and verdict.days and first_day is not None and max(verdict.days) <= first_day:
            direction, conflict = "conflicting", before["note"]
            cited += [name for name in before["evidence_ids"] if name not in cited]
        if verdict.status == "CONFLICTING" and not conflict:
            conflict = verdict.reason
    notes = [rule.raw.get("caveat", "")] if verdict.status in ("PRESENT", "ABSENT") else []
    if verdict.status == "PRESENT" and "size_grade" in rule.raw:
        notes.append(f"the size of the effect has grade {rule.raw['size_grade']} only")
    note = "; ".join(part for part in notes if part)
    return Result(
        rule, target, verdict, _grade(rule, view), direction, conflict, note, tuple(cited)
    )


def _grade(rule: Rule, view: View) -> str:
    grade = rule.raw["grade"]
    if isinstance(grade, list):
        grade = next(part["grade"] for part in grade if view.day <= part["until_day"])
    studied = rule.raw.get("indirect_unless_targets")
    if studied and not set(studied) & set(view.targets):
        grade = GRADES[min(GRADES.index(grade) + 1, len(GRADES) - 1)]
    return grade


def _with_superseded(results: list[Result], day: int) -> list[Result]:
    """Add to each rule that a better test stands beside what that means for it."""
    notes: dict[str, tuple[str, tuple[str, ...]]] = {}
    for result in results:
        if result.verdict.status not in ("PRESENT", "ABSENT"):
            continue
        for other in result.rule.raw.get("supersedes", []):
            first, last = other["landmarks"]
            if first <= day <= last:
                notes[other["rule"]] = other["note"], tuple(other["evidence_ids"])
    return [
        result._replace(
            note="; ".join(part for part in (result.note, notes[result.rule.id][0]) if part),
            evidence_ids=tuple(dict.fromkeys(result.evidence_ids + notes[result.rule.id][1])),
        )
        if result.rule.id in notes and result.verdict.status in ("PRESENT", "ABSENT", "CONFLICTING")
        else result
        for result in results
    ]


def rule_rows(patient_id: str, landmark_day: int, results: list[Result]) -> list[dict[str, object]]:
    """Return rows of RULE_RESULTS."""
    return [
        {
            "patient_id": patient_id,
            "landmark": f"D{landmark_day}",
            "landmark_day": landmark_day,
            "mechanism": result.rule.mechanism,
            "target": result.target,
            "rule_id": result.rule.id,
            "rule_version": result.rule.version,
            "status": result.verdict.status,
            "stale": "yes" if result.verdict.stale else "no",
            "direction": result.direction,
            "grade": result.grade,
            "values": "; ".join(result.verdict.values),
            "reason": "; ".join(
                p for p in (result.verdict.reason, result.note, result.conflict) if p
            ),
            "evidence_ids": ";".join(result.evidence_ids),
            "information_group": result.rule.information_group,
        }
        for result in results
    ]
