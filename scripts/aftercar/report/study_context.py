"""How far a study speaks for this patient, what contradicts it, and how old the collection is."""

import re
from typing import Any

YOUNG, ADULT = ("infant", "child", "adolescent"), ("adult", "older_adult")
AGES = {"young": ("children and young adults", YOUNG), "adult": ("adults", ADULT)}

BINDER = re.compile(r"\b(murine|humani[sz]ed|human|camelid)\b", re.IGNORECASE)


def indirectness(row: dict, facts: dict[str, str], infusions: list[dict[str, str]]) -> list[str]:
    """Return in words each way in which a row of EVIDENCE_BASE is about other patients.

    `facts` is the patient's row of patients.tsv, `infusions` those of infusions.tsv. What the row
    or the sheets do not state is not compared.
    """
    told = []
    if row["diseases"] and facts["disease"] not in row["diseases"].split(";"):
        told.append(f"from another disease ({_listed(row['diseases'])}, not {facts['disease']})")
    if row["targets"] == "none":
        told.append(f"not about CAR-T ({row['product']})")
    elif row["targets"]:
        told += _constructs(f"CAR on {_listed(_sorted(row['targets']))}", _products(infusions))
    for studied, column, what in (
        (row["costimulation"], "costimulation", ""),
        (_binder(row["product"]), "scfv_origin", " binder"),
    ):
        if studied:
            given = {i["infusion_no"]: i.get(column, "") for i in infusions}
            known = {n: f"{word}{what}" for n, word in given.items() if word not in ("", "unknown")}
            told += _constructs(f"{studied}{what}", known)
    if row["ages"]:
        studied, groups = AGES[row["ages"]]
        age_group = facts.get("age_group", "")
        if age_group and age_group not in groups:
            told.append(f"from another age group ({studied}, not {age_group.replace('_', ' ')})")
    return told


def _products(infusions: list[dict[str, str]]) -> dict[str, str]:
    """Return in words what the CAR of each infusion binds; those of one day are one product."""
    together: dict[str, list[dict[str, str]]] = {}
    for infusion in infusions:
        together.setdefault(infusion["day"] or f"no {infusion['infusion_no']}", []).append(infusion)
    return {
        " and ".join(i["infusion_no"] for i in given): "CAR on "
        + _listed(_sorted(";".join(i["targets"] for i in given)))
        for given in together.values()
    }


def _constructs(studied: str, given: dict[str, str]) -> list[str]:
    """Say that a study is about another construct than some or all of the infusions.

    `given` is by number of infusion what was given, in the words of `studied`.
    """
    other = {number: mine for number, mine in given.items() if mine != studied}
    if not other:
        return []
    which = "" if len(other) == len(given) else f" than infusion {' and '.join(other)}"
    mine = " or ".join(dict.fromkeys(text.removeprefix("CAR on ") for text in other.values()))
    return [f"from another construct{which} ({studied}, not {mine})"]


def _binder(product: str) -> str:
    """Return the origin of the binder where the words for the product state it, else nothing."""
    found = BINDER.search(product)
    return found[1].lower().replace("z", "s") if found else ""


def _sorted(names: str) -> str:
    return ";".join(sorted(set(names.split(";"))))


def contradictions(name: str, conflicts: list[dict]) -> list[str]:
    """Return each question of conflicts.yaml in which a row takes a side, with all sides."""
    return [
        f"{conflict['question']} {_sides(conflict['claims'])}; not settled"
        for conflict in conflicts
        if any(name in claim["evidence_ids"] for claim in conflict["claims"])
    ]


def with_other_sides(ids: list[str], conflicts: list[dict]) -> list[str]:
    """Return ids with those of every claim that contradicts one of them, sorted."""
    sides = [
        {name for claim in conflict["claims"] for name in claim["evidence_ids"]}
        for conflict in conflicts
    ]
    return sorted({*ids, *(name for side in sides if side & set(ids) for name in side)})


def _sides(claims: list[dict]) -> str:
    return " against ".join(
        claim["says"] + (f" ({', '.join(claim['evidence_ids'])})" if claim["evidence_ids"] else "")
        for claim in claims
    )


def _listed(names: str) -> str:
    return names.replace(";", " and ")


def review_notice(review: dict, issued_on: str) -> dict[str, Any]:
    """Return how the day of issue stands to the day by which the evidence is to be reviewed.

    Days are text like 2027-11-23. `caution` holds a sentence for page 1 only if the page was issued
    later; without a day of issue `text` says that nobody compared. Pages have no clock of their
    own.
    """
    if not review:
        return {"caution": [], "text": "evidence base without a day of review"}
    by = f"evidence of {review['compiled_on']}, review by {review['review_by']}"
    if not issued_on:
        return {"caution": [], "text": f"{by}; not compared: no day of issue is stated"}
    caution = [
        f"The published evidence is overdue for review (by {review['review_by']}, issued "
        f"{issued_on}): newer studies may contradict it."
    ]
    late = issued_on > review["review_by"]
    told = f"OVERDUE on the day of issue, {issued_on}" if late else f"issued on {issued_on}"
    return {"caution": caution if late else [], "text": f"{by}; {told}"}
