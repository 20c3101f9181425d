"""Evaluate the small declarative language of the rules: data in, verdict out, no code in rules."""

from aftercar.evidence.measured import measured
from aftercar.evidence.states import state_verdict
from aftercar.evidence.timeline import Event, View
from aftercar.evidence.verdicts import (
    Verdict,
    agreement,
    all_of,
    any_of,
    excluded,
    first_assessed,
    negation,
    proven,
)

JOINS = {"all": all_of, "any": any_of, "agree": agreement, "first": first_assessed}
PRODUCT_WORDS = {"scfv_origin": "binder"}  # columns of infusions.tsv that predicates may ask
KINDS = (
    *JOINS,
    "not",
    "excluded",
    "finding",
    "measure",
    "fact",
    "event",
    "state",
    "product",
    "given",
)


def evaluate(node: dict, view: View, target: str, gene: str, settings: dict) -> Verdict:
    """Return what a predicate says on the day of the view.

    Kinds: all, any, agree (tests of one thing), first (assessed), not; excluded (with unless_found
    and unless_ever_found); finding (with proof or contradicted_by); measure, fact (of
    patients.tsv), event, state, product, given (of infusions.tsv). `target` is the antigen asked
    about, `gene` its gene, `settings` the document of recovery rules.
    Raises ValueError for another kind.
    """
    for kind, join in JOINS.items():
        if kind in node:
            return join([evaluate(part, view, target, gene, settings) for part in node[kind]])
    if "measure" in node:
        return measured(node, view, target, gene)
    if "fact" in node:
        return _fact(node, view)
    if "state" in node:
        return state_verdict(node["state"], view, target, settings)
    if "event" in node:
        return _event(node, view, target)
    if "product" in node:
        return _product(node, view, target)
    if "given" in node:
        return _given(node["given"], view)
    if "not" in node:
        return negation(evaluate(node["not"], view, target, gene, settings))
    if "excluded" in node:
        return excluded(
            *(
                [evaluate(part, view, target, gene, settings) for part in node.get(name, [])]
                for name in ("excluded", "unless_found", "unless_ever_found")
            )
        )
    if "finding" in node:
        finding = evaluate(node["finding"], view, target, gene, settings)
        if finding.status != "PRESENT":
            return finding
        proof, contradiction = (
            evaluate(node[name], view, target, gene, settings) if name in node else None
            for name in ("proof", "contradicted_by")
        )
        return proven(finding, proof, contradiction)
    raise ValueError(f"a predicate has one of {', '.join(KINDS)}; got {', '.join(map(str, node))}")


def _fact(node: dict, view: View) -> Verdict:
    name = node["fact"]
    found = view.facts.get(name, "")
    # a fact has no day of its own: nothing says when it was known
    text = (f"{name}={found}, patients.tsv, undated",)
    if "present" in node:
        if found in node["present"]:
            return Verdict("PRESENT", text)
        if found in node["absent"]:
            return Verdict("ABSENT", text, reason=f"{name} is {found}")
        return Verdict("NOT_ASSESSED", reason=f"{name} is not known")
    if found in ("", "unknown"):
        return Verdict("NOT_ASSESSED", reason=f"{name} is not known")
    number = float(found)
    holds = number >= node["at_least"] if "at_least" in node else number < node["below"]
    return Verdict("PRESENT" if holds else "ABSENT", text, reason=f"{name} is {found}")


def _product(node: dict, view: View, target: str) -> Verdict:
    """Answer from the latest dated product against the target, as infusions.tsv describes it."""
    mine = [i for i in view.infusions if not target or target in i.targets]
    if not mine:
        return Verdict("NOT_ASSESSED", reason=f"no dated infusion against {target or 'a target'}")
    found = getattr(mine[-1], node["product"])
    name = PRODUCT_WORDS[node["product"]]
    text = f"{name} {found}, infusion {mine[-1].number} as entered"
    for status, words in (("PRESENT", node["present"]), ("ABSENT", node["absent"])):
        if found in words:
            return Verdict(status, (text,), (mine[-1].day or 0,))
    return Verdict("NOT_ASSESSED", reason=f"{name} of the product is not known")


def _given(targets: list[str], view: View) -> Verdict:
    """Say whether each of the targets was that of an infusion; one without a date counts too."""
    given = [i for i in (*view.infusions, *view.undated) if set(targets) & set(i.targets)]
    texts = tuple(
        f"infusion {i.number} ({', '.join(i.targets)}) "
        + ("without a date" if i.day is None else f"on day {i.day}")
        for i in given
    )
    days = tuple(i.day for i in given if i.day is not None)
    if set(targets) <= {target for i in given for target in i.targets}:
        return Verdict("PRESENT", texts, days)
    return Verdict("ABSENT", texts, days)


def _event(node: dict, view: View, target: str) -> Verdict:
    start = view.infusions[0].day if view.infusions else None
    found = [
        event
        for event in view.events
        if event.event in node["event"]
        and (start is None or event.day >= start)
        and _site_fits(event.event, event.site, node)
        and _phenotype_fits(event, node, view, target)
    ]
    if found:
        texts = tuple(event.text for event in found)
        status = node.get("recorded", "PRESENT")
        return Verdict(status, texts, tuple(event.day for event in found), "recorded event")
    names = ", ".join(node["event"])
    # that no relapse of a phenotype is on record says nothing of the cells
    reason = "" if "phenotypes" in node else f"no event {names} recorded"
    return Verdict(node.get("not_recorded", "NOT_ASSESSED"), reason=reason)


def _phenotype_fits(event: Event, node: dict, view: View, target: str) -> bool:
    """Say whether a relapse is of the antigen; one that names none is of what the CAR binds."""
    if "phenotypes" not in node:
        return True
    wanted = target if node["antigen"] == "car" else node["antigen"]
    of = (event.antigen,) if event.antigen else view.targets
    return event.phenotype in node["phenotypes"] and wanted in of


def _site_fits(event: str, site: str, node: dict) -> bool:
    if event not in node.get("sites_needed_for", ()):
        return True
    return site in node["sites"]
