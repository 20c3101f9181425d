"""What the review names for a mechanism, with preconditions checked from data; never advice."""

from collections.abc import Iterator
from typing import NamedTuple

from aftercar.evidence.landmarks import applies
from aftercar.evidence.predicates import evaluate
from aftercar.evidence.rulebook import Rulebook, RuleError, resolved_predicate
from aftercar.evidence.timeline import Event, View
from aftercar.evidence.verdicts import Verdict, all_of

SIGNS = ("SIGNAL", "SIGNAL_CONFLICTING")
# What a relapse of this phenotype is, by lineage of the antigens that the CAR binds.
RELAPSES = {
    "antigen_positive": ("M1", "M5"),
    "antigen_negative": ("M2", "M4"),
    "antigen_dim": ("M2", "M4"),
    "mixed": ("M1", "M2", "M4", "M5"),
    "lineage_switch": ("M3",),
}
NOT_KNOWN = ("M1", "M2", "M3", "M4", "M5")  # what a relapse of unknown phenotype may be
T_LINEAGE_TARGETS, T_LINEAGE_RELAPSES = {"CD7", "CD5"}, ("M4", "M5")
OUTSIDE_MARROW = ("CNS", "extramedullary", "combined")
NOT_CONCERNED = "does not concern this patient"


class Precondition(NamedTuple):
    """What has to be known before an option can be spoken of; the predicate is resolved."""

    name: str
    predicate: dict


class Option(NamedTuple):
    """One option with its preconditions; `conflicts` are questions in words."""

    id: str
    statement: str
    mechanisms: tuple[str, ...]
    applies_if: tuple[dict, ...]
    target: str
    preconditions: tuple[Precondition, ...]
    evidence_ids: tuple[str, ...]
    literature: str
    conflicts: tuple[str, ...]


def options_of(
    options: dict, conflicts: dict, relapse: dict, evidence_ids: set[str]
) -> tuple[Option, ...]:
    """Return the options of resources/evidence/options.yaml, or raise RuleError with all problems.

    `conflicts` is the document conflicts.yaml, `relapse` that of the relapse rules, whose shared
    predicates the preconditions may use; `evidence_ids` are the rows that may be cited.
    """
    problems: list[str] = []
    questions = {conflict["id"]: conflict["question"] for conflict in conflicts["conflicts"]}
    for conflict in conflicts["conflicts"]:
        cited = [name for claim in conflict["claims"] for name in claim["evidence_ids"]]
        problems += [f"{conflict['id']}: no evidence {n}" for n in cited if n not in evidence_ids]
    for kind, entries in (("option", options["options"]), ("conflict", conflicts["conflicts"])):
        names = [entry["id"] for entry in entries]
        repeated = sorted({name for name in names if names.count(name) > 1})
        problems += [f"{name}: {kind} stands twice" for name in repeated]
    read = []
    for raw in options["options"]:
        problems += [
            f"{raw['id']}: no evidence {n}" for n in raw["evidence_ids"] if n not in evidence_ids
        ]
        problems += [
            f"{raw['id']}: no conflict {n}" for n in raw["conflicts"] if n not in questions
        ]
        if not raw["evidence_ids"] and not raw.get("literature"):
            problems.append(f"{raw['id']}: cites neither evidence nor literature")
        read.append(
            Option(
                raw["id"],
                raw["statement"],
                tuple(raw["mechanisms"]),
                tuple(raw["applies_if"]),
                raw.get("target", ""),
                tuple(
                    Precondition(
                        one["name"],
                        resolved_predicate(
                            one["predicate"], relapse["predicates"], raw["id"], problems
                        ),
                    )
                    for one in raw["preconditions"]
                ),
                tuple(raw["evidence_ids"]),
                raw.get("literature", ""),
                tuple(questions.get(name, "") for name in raw["conflicts"]),
            )
        )
    if problems:
        raise RuleError("; ".join(problems))
    return tuple(read)


def check_conflicts(conflicts: dict, direction_of: dict[str, str]) -> None:
    """Raise RuleError with all claims of conflicts.yaml that say another thing than their rows.

    `direction_of` is the direction of each row of EVIDENCE_BASE; a descriptive row has none and
    may only stand beside one that has.
    """
    problems = []
    for conflict in conflicts["conflicts"]:
        for claim in conflict["claims"]:
            said = claim.get("direction", "")
            cited = {n: direction_of[n] for n in claim["evidence_ids"] if n in direction_of}
            problems += [
                f"{conflict['id']}: {name} has the direction {found} in evidence.tsv, its claim "
                f"has {said or 'none stated'}; correct the claim"
                for name, found in cited.items()
                if found and found != said
            ]
            if said and said not in cited.values():
                problems.append(f"{conflict['id']}: no cited row has the direction {said}")
    if problems:
        raise RuleError("; ".join(problems))


def option_rows(
    patient_id: str,
    options: tuple[Option, ...],
    rulebook: Rulebook,
    view: View,
    risk: list[dict[str, object]],
) -> list[dict[str, object]]:
    """Return a row of OPTIONS for each option, as known on the day of `view`.

    `risk` are the patient's rows of RISK at the latest landmark with data. An option that does not
    concern the patient is NOT_APPLICABLE; one with an untested precondition stays open.
    """
    seen = observed_mechanisms(view, risk)
    rows = []
    for option in options:
        checked = [
            (one.name, evaluate(one.predicate, view, option.target, gene, rulebook.recovery))
            for one in option.preconditions
            for gene in [rulebook.genes.get(option.target, "")]
        ]
        concerned = applies(option.applies_if, view)
        status = all_of([verdict for _, verdict in checked]).status
        rows.append(
            {
                "patient_id": patient_id,
                "option_id": option.id,
                "statement": option.statement,
                "as_of_day": view.day,
                "mechanisms": ";".join(option.mechanisms),
                "observed": "; ".join(
                    f"{name}: {why}" for name in option.mechanisms for why in seen.get(name, ())
                ),
                "status": status if concerned else "NOT_APPLICABLE",
                "preconditions": " | ".join(_told(name, verdict) for name, verdict in checked)
                if concerned
                else NOT_CONCERNED,
                "evidence_ids": ";".join(option.evidence_ids),
                "literature": option.literature,
                "conflicts": " | ".join(option.conflicts),
            }
        )
    return rows


def observed_mechanisms(view: View, risk: list[dict[str, object]]) -> dict[str, list[str]]:
    """Return by mechanism what was seen of it: a signal at the landmark, or a relapse."""
    seen: dict[str, list[str]] = {}
    for row in risk:
        if row["category"] in SIGNS:
            target = f" ({row['target']})" if row["target"] else ""
            word = "signal" if row["category"] == "SIGNAL" else "contested signal"
            seen.setdefault(str(row["mechanism"]), []).append(
                f"{word}{target} at {row['landmark']}"
            )
    for event in view.events:
        for name, text in _mechanisms_of(event, view):
            seen.setdefault(name, []).append(text)
    return seen


def _mechanisms_of(event: Event, view: View) -> Iterator[tuple[str, str]]:
    """Yield each mechanism that a relapse shows, or that it may be where its phenotype is open."""
    if event.event == "lineage_switch":
        yield "M3", event.text
    if event.event not in ("relapse", "extramedullary_relapse"):
        return
    if event.event == "extramedullary_relapse" or event.site in OUTSIDE_MARROW:
        yield "M7", event.text
    told = "" if event.phenotype in RELAPSES else ", phenotype not known, may be of this mechanism"
    lineages = {
        t in T_LINEAGE_TARGETS for t in ([event.antigen] if event.antigen else view.targets)
    }
    for name in RELAPSES.get(event.phenotype, NOT_KNOWN):
        if name == "M3" or (name in T_LINEAGE_RELAPSES) in lineages:
            yield name, f"{event.text}{told}"


def _told(name: str, verdict: Verdict) -> str:
    rests = "; ".join([*verdict.values, verdict.reason]).strip("; ")
    return f"{name}: {verdict.status}{f' ({rests})' if rests else ''}"
