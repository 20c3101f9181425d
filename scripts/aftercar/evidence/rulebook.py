"""Read rules as data: resolve shared predicates and refuse rules that cannot be evaluated."""

from typing import NamedTuple

from aftercar.contracts.evidence import MEASURES
from aftercar.contracts.vocabulary import MECHANISMS
from aftercar.evidence.predicates import KINDS

STATES = (
    "b_cell_recovery",
    "b_cell_aplasia",
    "b_cell_state_confirmed",
    "car_level",
    "car_detected",
    "car_below_limit",
    "car_lost",
)


class RuleError(ValueError):
    """Rules that name what does not exist, or contradict themselves."""


class Rule(NamedTuple):
    """One rule with its predicate resolved; `raw` keeps every key of the file."""

    id: str
    version: str
    mechanism: str
    role: str
    per_target: bool
    first_day: int
    last_day: int
    predicate: dict
    direction: str
    evidence_ids: tuple[str, ...]
    information_group: str
    raw: dict


class MinimumTest(NamedTuple):
    """A test of the minimum set; one adequate alternative is enough.

    `state`: it asks for a state, so that either answer will do; else only a negative one is clean.
    """

    name: str
    any_of: tuple[dict, ...]
    state: bool


class Mechanism(NamedTuple):
    """When a mechanism applies and which tests allow NO_SIGNAL."""

    name: str
    applies_if: tuple[dict, ...]
    not_applicable_reason: str
    per_target: bool
    no_signal: bool
    applies_if_found: bool
    after_relapse: bool
    tests: tuple[MinimumTest, ...]
    disease_found: dict | None


class Rulebook(NamedTuple):
    """All rules, mechanisms and the recovery rules they ask."""

    rules: tuple[Rule, ...]
    mechanisms: dict[str, Mechanism]
    genes: dict[str, str]
    recovery: dict


def rulebook_of(relapse: dict, recovery: dict, evidence_ids: set[str]) -> Rulebook:
    """Return the rules of both documents, or raise RuleError with every problem found.

    `relapse` and `recovery` are the documents of resources/rules, valid by their schemas;
    `evidence_ids` are the rows of the evidence base that rules may cite.
    """
    problems: list[str] = []
    shared = relapse["predicates"]
    rules = [_rule(raw, shared, problems) for raw in relapse["rules"]]
    mechanisms = {
        name: _mechanism(name, relapse["mechanisms"].get(name), shared, problems)
        for name in MECHANISMS
    }
    seen: set[tuple[str, str]] = set()
    for rule in rules:
        if (rule.mechanism, rule.id) in seen:
            problems.append(f"{rule.id}: twice in {rule.mechanism}")
        seen.add((rule.mechanism, rule.id))
        problems += _unknown_references(rule, {r.id for r in rules}, evidence_ids)
    for rule_data in recovery["rules"]:
        problems += [
            f"{rule_data['id']}: no evidence {name}"
            for name in rule_data["evidence_ids"]
            if name not in evidence_ids
        ]
    for measure in recovery["kinetics"]["measures"]:
        if measure not in recovery["kinetics"]["adequate_limits"]:
            problems.append(f"kinetics: {measure} has no adequate limit")
    if problems:
        raise RuleError("; ".join(problems))
    return Rulebook(tuple(rules), mechanisms, relapse["genes_of_targets"], recovery)


def _rule(raw: dict, shared: dict, problems: list[str]) -> Rule:
    predicate = resolved_predicate(raw["predicate"], shared, raw["id"], problems)
    first, last = raw.get("landmark_window", [0, 99999])
    return Rule(
        id=raw["id"],
        version=raw["version"],
        mechanism=raw["mechanism"],
        role=raw["role"],
        per_target=raw.get("per_target", False),
        first_day=first,
        last_day=last,
        predicate=predicate,
        direction=raw["direction"],
        evidence_ids=tuple(raw["evidence_ids"]),
        information_group=raw["information_group"],
        raw=raw,
    )


def _mechanism(name: str, raw: dict | None, shared: dict, problems: list[str]) -> Mechanism:
    if raw is None:
        problems.append(f"mechanism {name} is not described")
        return Mechanism(name, (), "", False, False, False, False, (), None)
    tests = tuple(
        MinimumTest(
            test["name"],
            tuple(
                resolved_predicate(node, shared, f"{name}: {test['name']}", problems)
                for node in test["any_of"]
            ),
            test.get("state", False),
        )
        for test in raw["minimum_tests"]
    )
    return Mechanism(
        name,
        tuple(raw["applies_if"]),
        raw["not_applicable_reason"],
        raw.get("per_target", False),
        raw["no_signal"],
        raw.get("applies_if_found", False),
        raw.get("after_relapse", False),
        tests,
        resolved_predicate(raw["disease_found"], shared, name, problems)
        if "disease_found" in raw
        else None,
    )


def resolved_predicate(
    node: dict, shared: dict, where: str, problems: list[str], depth: int = 0
) -> dict:
    """Return the predicate with every `use` replaced by what it names."""
    if depth > 20:
        problems.append(f"{where}: predicates refer to each other in a circle")
        return {"state": STATES[0]}
    if "use" in node:
        if node["use"] not in shared:
            problems.append(f"{where}: no shared predicate {node['use']}")
            return {"state": STATES[0]}
        return resolved_predicate(shared[node["use"]], shared, where, problems, depth + 1)
    kinds = [kind for kind in KINDS if kind in node]
    if len(kinds) != 1:
        problems.append(f"{where}: a predicate needs exactly one of {', '.join(KINDS)}")
        return {"state": STATES[0]}
    _check_names(node, where, problems)
    resolved = dict(node)
    for key in ("all", "any", "agree", "first", "excluded", "unless_found", "unless_ever_found"):
        if key in node:
            resolved[key] = [
                resolved_predicate(part, shared, where, problems, depth + 1) for part in node[key]
            ]
    for key in ("not", "finding", "proof", "contradicted_by"):
        if key in node:
            resolved[key] = resolved_predicate(node[key], shared, where, problems, depth + 1)
    return resolved


def _check_names(node: dict, where: str, problems: list[str]) -> None:
    measures = node.get("measure", [])
    for name in measures if isinstance(measures, list) else [measures]:
        if name not in MEASURES:
            problems.append(f"{where}: no measure {name}")
    if "state" in node and node["state"] not in STATES:
        problems.append(f"{where}: no state {node['state']}")


def _unknown_references(rule: Rule, rule_ids: set[str], evidence_ids: set[str]) -> list[str]:
    cited = [*rule.evidence_ids, *rule.raw.get("before_infusion", {}).get("evidence_ids", [])]
    for other in rule.raw.get("supersedes", []):
        cited += other["evidence_ids"]
    problems = [f"{rule.id}: no evidence {name}" for name in cited if name not in evidence_ids]
    problems += [
        f"{rule.id}: supersedes {other['rule']}, which is no rule"
        for other in rule.raw.get("supersedes", [])
        if other["rule"] not in rule_ids
    ]
    if not rule.evidence_ids and not rule.raw.get("literature"):
        problems.append(f"{rule.id}: cites neither evidence nor literature")
    if rule.direction == "conflicting" and not rule.raw.get("conflict"):
        problems.append(f"{rule.id}: does not say what conflicts")
    return problems
