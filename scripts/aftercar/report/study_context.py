"""How far a study speaks for this patient, what contradicts it, and how old the collection is."""

from typing import Any

YOUNG, ADULT = ("infant", "child", "adolescent"), ("adult", "older_adult")
AGES = {"young": ("children and young adults", YOUNG), "adult": ("adults", ADULT)}


def indirectness(row: dict, facts: dict[str, str], infusions: list[dict[str, str]]) -> list[str]:
    """Return in words each way in which a row of EVIDENCE_BASE is about other patients.

    `facts` is the patient's row of patients.tsv, `infusions` those of infusions.tsv. What the row
    or the sheets do not state is not compared.
    """
    told = []
    if row["diseases"] and facts["disease"] not in row["diseases"].split(";"):
        told.append(f"from another disease ({_listed(row['diseases'])}, not {facts['disease']})")
    targets = {target for infusion in infusions for target in infusion["targets"].split(";")}
    if row["targets"] == "none":
        told.append(f"not about CAR-T ({row['product']})")
    elif row["targets"] and targets and not targets & set(row["targets"].split(";")):
        mine = _listed(";".join(sorted(targets)))
        told.append(f"from another construct (CAR on {_listed(row['targets'])}, not {mine})")
    given = {i.get("costimulation", "") for i in infusions} - {"", "unknown"}
    if row["costimulation"] and given and row["costimulation"] not in given:
        mine = _listed(";".join(sorted(given)))
        told.append(f"from another construct ({row['costimulation']}, not {mine})")
    if row["ages"]:
        studied, groups = AGES[row["ages"]]
        age_group = facts.get("age_group", "")
        if age_group and age_group not in groups:
            told.append(f"from another age group ({studied}, not {age_group.replace('_', ' ')})")
    return told


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
