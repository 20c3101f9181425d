"""The rules that were evaluated and the published evidence that they rest on."""

from aftercar.report.answer import mechanism_title
from aftercar.report.numbers import number, parts, unique
from aftercar.report.statements import readable
from aftercar.report.study_context import contradictions, indirectness, with_other_sides
from aftercar.report.tabulate import dash, table
from aftercar.report.words import chip


def rule_table(
    rules: list[dict], landmark: str, landmark_day: int | None, titles: dict[str, str]
) -> dict:
    """Return every rule at the landmark with the exact values it used; `titles` by rule id."""
    mine = [r for r in rules if r["landmark"] == landmark and r["status"] != "NOT_APPLICABLE"]
    return table(
        f"Rules at {landmark or 'no landmark'}: status, the values used, and why",
        ("Rule", "Mechanism", "Status", "Values used", "Why", "Grade", "Evidence"),
        [
            (
                [*_title(r["rule_id"], titles), _versioned(r)],
                f"{r['mechanism']} {mechanism_title(r)}",
                rule_chip(r),
                [readable(text, landmark_day) for text in parts(r["values"], ";")] or "no value",
                dash(readable(r["reason"], landmark_day)),
                dash(r["grade"]),
                dash(", ".join(parts(r["evidence_ids"], ";"))),
            )
            for r in sorted(mine, key=lambda r: (r["mechanism"], r["rule_id"], r["target"]))
        ],
        empty="no rule could be evaluated",
    )


def rule_chip(row: dict) -> dict[str, str]:
    """Return the status of a rule; a harmful finding has the sign of a signal, stale says so."""
    found = chip("rule", row["status"])
    if row["status"] == "PRESENT" and row["direction"] == "harm":
        found["kind"] = "signal"
    if row["stale"] == "yes" and row["status"] == "NOT_ASSESSED":
        found["text"] = "Too old"
    return found


def _title(rule_id: str, titles: dict[str, str]) -> list[str]:
    return [titles[rule_id]] if rule_id in titles else []


def _versioned(row: dict) -> str:
    version = f" v{row['rule_version']}" if row["rule_version"] else ""
    return f"{row['rule_id']}{version}"


def rule_matrix(rules: list[dict], titles: dict[str, str]) -> dict:
    """Return the status of each rule over all landmarks; `titles` by rule id."""
    landmarks = sorted({(r["landmark_day"], r["landmark"]) for r in rules})
    cells = {(r["mechanism"], r["rule_id"], r["target"], r["landmark"]): r for r in rules}
    names = sorted({(r["mechanism"], r["rule_id"], r["target"]) for r in rules})
    rows = []
    for mechanism, rule_id, target in names:
        mine = [cells.get((mechanism, rule_id, target, name)) for _, name in landmarks]
        if all(row is None or row["status"] == "NOT_APPLICABLE" for row in mine):
            continue
        statuses = [
            {"status": "", "text": "no row", "kind": "na"} if r is None else rule_chip(r)
            for r in mine
        ]
        name = f"{rule_id}{f' ({target})' if target else ''}"
        rows.append(([*_title(rule_id, titles), name], mechanism, *statuses))
    return table(
        "Rules over all landmarks",
        ("Rule", "Mechanism", *(name for _, name in landmarks)),
        rows,
        empty="no rule could be evaluated",
    )


def cited(rows: list[dict]) -> list[str]:
    """Return the ids of evidence that rows cite, each once, sorted."""
    return sorted(unique(i for row in rows for i in parts(row["evidence_ids"], ";")))


def evidence_cards(
    ids: list[str],
    evidence_base: list[dict],
    sheets: dict[str, list[dict[str, str]]],
    conflicts: list[dict],
) -> list[dict[str, object]]:
    """Return a card per cited row: what it found, in whom, how sure; unknown ids say so.

    `evidence_base` are rows of EVIDENCE_BASE; those from memory show no number. The patient's
    `sheets` tell whether a row is from another disease, construct or age group. A row that
    `conflicts` (of conflicts.yaml) contradict says so, and the other side has its card too.
    """
    by_id = {row["id"]: row for row in evidence_base}
    return [
        _card(name, by_id.get(name), sheets, conflicts)
        for name in with_other_sides(ids, conflicts)
        if by_id.get(name, {}).get("display") != "no"
    ]


def _card(
    name: str, row: dict | None, sheets: dict[str, list[dict[str, str]]], conflicts: list[dict]
) -> dict[str, object]:
    if row is None:
        return {
            "id": name,
            "title": "not in the evidence base of this installation",
            "estimate": "",
            "facts": [],
            "conflicts": contradictions(name, conflicts),
        }
    apart = indirectness(row, sheets["patients"][0], sheets["infusions"])
    compared = f" against {row['relative_to']}" if row["relative_to"] else ""
    memory = row["certainty"] == "from_memory_must_check"
    facts = [
        ("Outcome", row["outcome"].replace("_", " ")),
        (
            "Known at",
            row["landmark"].replace("_", " ").lower()
            if "_" in row["landmark"]
            else row["landmark"],
        ),
        ("Population", row["population"]),
        ("Product", row["product"]),
        ("Compared with this patient", "; ".join(apart)),
        ("Design", row["design"] + ("" if row["n"] is None else f", n = {row['n']}")),
        (
            "Certainty",
            row["certainty"].replace("_", " ") + ("; indirect" if row["indirect"] == "yes" else ""),
        ),
        ("Source", f"{row['source']}{', ' + row['doi'] if row['doi'] else ''}"),
        ("Note", row["note"]),
    ]
    return {
        "id": name,
        "title": f"{row['effect_of']}{compared}",
        "direction": row["direction"] or "descriptive",
        "estimate": "no number: known from memory only" if memory else _estimate(row),
        "facts": [{"label": label, "text": text} for label, text in facts if text],
        "conflicts": contradictions(name, conflicts),
    }


def _estimate(row: dict) -> str:
    if row["estimate"] is None:
        return "no number"
    kind = row["estimate_type"].replace("_", " ")
    counts = f", {row['numerator']} of {row['denominator']}" if row["numerator"] is not None else ""
    limits = (
        "no interval"
        if row["ci_low"] is None
        else f"95 % {number(row['ci_low'])} to {number(row['ci_high'])}"
    )
    return f"{kind} {number(row['estimate'])} ({limits}{counts})"
