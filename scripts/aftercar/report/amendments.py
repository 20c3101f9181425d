"""What changed in a patient's report since the content that was signed last."""

from typing import Any

from aftercar.contracts.signatures import canonical
from aftercar.contracts.vocabulary import MECHANISMS
from aftercar.report.numbers import day_text, measurement
from aftercar.report.words import (
    RISK_SHORT,
    SPECIMEN_WORDS,
    event_title,
    lower_first,
    measure_title,
)

ARROW = "\N{RIGHTWARDS ARROW}"
# Kinds of changes in the order in which they are listed; what changes no finding comes last.
KINDS = {
    "category": "Risk by mechanism",
    "value": "Measured values",
    "specimen": "Specimens",
    "infusion": "Infusions",
    "event": "Therapy and events",
    "fact": "Patient facts",
    "caution": "Cautions on page 1",
    "table": "Other tables",
    "version": "Versions, settings, rules",
}
MEASURED = ("value", "low", "high", "unit", "limit", "lloq", "status")
RISK_KEY = ("landmark_day", "landmark", "mechanism", "target")
EVIDENCE_KEY = ("day", "measure", "target", "sample_id", "item")
# Shown from the tables of `data`, so that a change of theirs is told already.
DERIVED = {"evidence", "risk", "summary"}
# Parts of a content that are compared one by one, and such as are not part of what is said.
TOLD = {
    "data", "header", "infusions", "events", "specimens", "cautions", "evidence_cards",
    "provenance", "content_sha256", "sign_off",
}  # fmt: skip
# Parts that say the same as another one in other words: a change of that one is told already.
SHOWN_FROM = {"event_table": "events", "failed_specimens": "specimens", "assays_done": "specimens"}


def amendments(signed: dict, now: dict) -> list[dict[str, str]]:
    """Return what differs between two contents as {kind, text}, findings first, versions last.

    Two contents with different hashes never give an empty list.
    """
    before, after = signed["data"], now["data"]
    found = [
        *_categories(before["risk"], after["risk"]),
        *_values(before["evidence"], after["evidence"]),
        *_listed(signed["infusions"], now["infusions"], "infusion", lambda i: i["title"]),
        *_events(signed["events"], now["events"]),
        *_specimens(signed, now),
        *_listed(signed["cautions"], now["cautions"], "caution", str),
        *_facts(signed, now),
        *_tables(before, after),
        *_versions(signed, now),
        *_other_parts(signed, now),
    ]
    if not found and signed["content_sha256"] != now["content_sha256"]:
        parts = [
            f"{part}: {name}" if part in ("data", "header", "provenance") else part
            for part in sorted(TOLD - {"content_sha256", "sign_off"})
            if signed[part] != now[part]
            for name in (_differing(signed[part], now[part]) or [""])
        ]
        found = [{"kind": "version", "text": f"other content in {', '.join(parts)}"}]
    order = list(KINDS)
    return sorted(found, key=lambda change: order.index(change["kind"]))


def _by(rows: list[dict], key: tuple[str, ...]) -> dict[tuple, dict]:
    return {tuple(row[name] for name in key): row for row in rows}


def _sorted(keys: Any) -> list[tuple]:
    """Return keys in an order that also holds where a day is missing."""
    return sorted(keys, key=lambda key: [(part is None, str(type(part)), part) for part in key])


def _categories(before: list[dict], after: list[dict]) -> list[dict[str, str]]:
    old, new, found = _by(before, RISK_KEY), _by(after, RISK_KEY), []
    for key in reversed(_sorted(old.keys() | new.keys())):
        _, landmark, mechanism, target = key
        name = f"{landmark} {mechanism} {MECHANISMS[mechanism]}{f' ({target})' if target else ''}"
        was, is_now = (
            RISK_SHORT[rows[key]["category"]] if key in rows else "no row" for rows in (old, new)
        )
        if was != is_now:
            found.append(f"{name}: {was} {ARROW} {is_now}")
        elif key in old and key in new and old[key] != new[key]:
            parts = [k.replace("_", " ") for k in old[key] if old[key][k] != new[key].get(k)]
            found.append(f"{name}: still {lower_first(is_now)}; changed: {', '.join(parts)}")
    return [{"kind": "category", "text": text} for text in found]


def _values(before: list[dict], after: list[dict]) -> list[dict[str, str]]:
    old, new, found = _by(before, EVIDENCE_KEY), _by(after, EVIDENCE_KEY), []
    for key in _sorted(old.keys() | new.keys()):
        row = new.get(key) or old[key]
        item = f" {row['item']}" if row["item"] else ""
        sample = "" if row["sample_id"].startswith("labs:") else f" {row['sample_id']}"
        what = measure_title(row["measure"], row["target"]) + item
        where = f"{SPECIMEN_WORDS[row['specimen']]}{sample}, {day_text(row['day'])}"
        if key not in old:
            found.append(f"added: {what}, {where}: {measurement(row)}")
        elif key not in new:
            found.append(f"removed: {what}, {where}: was {measurement(row)}")
        elif any(old[key][name] != row[name] for name in MEASURED):
            was, is_now = measurement(old[key]), measurement(row)
            limits = " (limit or interval)" if was == is_now else ""
            found.append(f"corrected: {what}, {where}: {was} {ARROW} {is_now}{limits}")
        elif old[key] != row:
            found.append(f"remarks or counts changed: {what}, {where}")
    return [{"kind": "value", "text": text} for text in found]


def _listed(before: list[dict], after: list[dict], kind: str, title: Any) -> list[dict[str, str]]:
    """Return rows that came and went; a corrected row is removed once and added once."""
    removed = [row for row in before if row not in after]
    added = [row for row in after if row not in before]
    return [
        *({"kind": kind, "text": f"removed: {title(row)}"} for row in removed),
        *({"kind": kind, "text": f"added: {title(row)}"} for row in added),
    ]


def _events(before: list[dict], after: list[dict]) -> list[dict[str, str]]:
    """Return events that came, went, or stay on their day with something else known of them."""
    gone = [event for event in before if event not in after]
    came = [event for event in after if event not in before]
    found = []
    for event in gone.copy():
        same = [e for e in came if (e["event"], e["day"]) == (event["event"], event["day"])]
        if not same:
            continue
        gone.remove(event)
        came.remove(same[0])
        old, new = (
            {
                name.replace("_", " "): day_text(value) if name == "end_day" else value or "none"
                for name, value in row.items()
            }
            for row in (event, same[0])
        )
        texts = "; ".join(_renewed("", old, new))
        found.append(
            {"kind": "event", "text": f"corrected: {_event(event)}: {texts}"},
        )
    return [*found, *_listed(gone, came, "event", _event)]


def _event(event: dict) -> str:
    known = [event[k] for k in ("phenotype", "antigen", "site", "detail") if event.get(k)]
    grade = f" grade {event['grade']}" if event.get("grade") else ""
    system = f" {event['grading_system']}" if event.get("grading_system") else ""
    until = "" if event["end_day"] is None else f" to {day_text(event['end_day'])}"
    said = f" ({', '.join(known)})" if known else ""
    return f"{event_title(event['event'])}{grade}{system}{said}, {day_text(event['day'])}{until}"


def _specimens(signed: dict, now: dict) -> list[dict[str, str]]:
    """Return specimens that came, went, or of which a column or a file is another one."""
    old, new = (_by_specimen(content["specimens"]) for content in (signed, now))
    texts = []
    for name in sorted(old.keys() | new.keys()):
        if name not in old or name not in new:
            word, columns = ("added", new[name]) if name in new else ("removed", old[name])
            said = ", ".join(columns.get(k, "") for k in ("What", "Assay", "Day"))
            texts.append(f"{word}: {name}, {said}")
        else:
            texts += _renewed(f"{name}, ", old[name], new[name])
    files = [
        {f"{row[0]}, file {row[1]}": row[3] for row in content["provenance"]["inputs"]["rows"]}
        for content in (signed, now)
    ]
    for name in sorted(files[0].keys() | files[1].keys()):
        was, is_now = (names.get(name, "none")[:12] for names in files)
        if files[0].get(name) != files[1].get(name):
            texts.append(f"{name}: content {was} {ARROW} {is_now}")
    return [{"kind": "specimen", "text": text} for text in texts]


def _by_specimen(shown: dict) -> dict[str, dict[str, str]]:
    """Return the columns of the table of specimens by the id of each."""
    labels = [column["label"] for column in shown["columns"]]
    return {row[0]: dict(zip(labels, map(_cell, row), strict=True)) for row in shown["rows"]}


def _cell(cell: Any) -> str:
    if isinstance(cell, dict):
        return str(cell["text"])
    return "; ".join(cell) if isinstance(cell, list) else cell


def _other_parts(signed: dict, now: dict) -> list[dict[str, str]]:
    """Name the other parts that differ where the tables behind them do not explain it."""
    differing = [
        name
        for name in _differing(signed, now)
        if name not in TOLD
        and (name not in SHOWN_FROM or signed[SHOWN_FROM[name]] == now[SHOWN_FROM[name]])
    ]
    short = [n for n in differing if all(isinstance(c.get(n), str) for c in (signed, now))]
    same_data = signed["data"] == now["data"]
    texts = [
        f"{name.replace('_', ' ')}: {signed[name]} {ARROW} {now[name]}"
        for name in short
        if same_data or name in ("cohort", "profile", "intended_use", "evidence_review")
    ]
    rest = [name.replace("_", " ") for name in differing if name not in short]
    if rest and same_data:
        texts.append(f"other words in: {', '.join(rest)}")
    return [{"kind": "version", "text": text} for text in texts]


def _differing(old: Any, new: Any) -> list[str]:
    if not isinstance(old, dict) or not isinstance(new, dict):
        return []
    return [name for name in sorted(old.keys() | new.keys()) if old.get(name) != new.get(name)]


def _facts(signed: dict, now: dict) -> list[dict[str, str]]:
    return [
        {"kind": "fact", "text": text}
        for text in _renewed("", _header_facts(signed), _header_facts(now))
    ]


def _header_facts(content: dict) -> dict[str, str]:
    header = content["header"]
    named = {"Disease": header["disease"], "Laboratory": header["laboratory"]}
    named |= {fact["label"]: fact["text"] for fact in header["facts"]}
    return {
        label: text or "not stated" for label, text in (named | {"Note": header["note"]}).items()
    }


def _tables(before: dict, after: dict) -> list[dict[str, str]]:
    found = []
    for name in sorted((before.keys() | after.keys()) - DERIVED):
        old, new = ({canonical(row) for row in rows.get(name, [])} for rows in (before, after))
        if old != new:
            gone, came = len(old - new), len(new - old)
            found.append(f"{name.replace('_', ' ')}: {came} rows new or changed, {gone} gone")
    return [{"kind": "table", "text": text} for text in found]


def _versions(signed: dict, now: dict) -> list[dict[str, str]]:
    old, new = signed["provenance"], now["provenance"]
    texts = [
        *_renewed("", old["versions"], new["versions"]),
        *_renewed("setting ", _settings(old), _settings(new)),
        *_renewed("rule version ", _rule_versions(signed), _rule_versions(now)),
    ]
    cards = [
        {card["id"]: canonical(card) for card in content["evidence_cards"]}
        for content in (signed, now)
    ]
    for name in sorted(cards[0].keys() | cards[1].keys()):
        if cards[0].get(name) != cards[1].get(name):
            kept = "other text" if name in cards[1] else "no longer cited"
            texts.append(f"published evidence {name}: {kept if name in cards[0] else 'now cited'}")
    texts += _renewed("", {"page code": old["code"]}, {"page code": new["code"]})
    return [{"kind": "version", "text": text} for text in texts]


def _settings(provenance: dict) -> dict[str, str]:
    return {row[0]: row[1] for row in provenance["settings"]["rows"]}


def _rule_versions(content: dict) -> dict[str, str]:
    return {row["rule_id"]: row["rule_version"] for row in content["data"]["rules"]}


def _renewed(word: str, old: dict[str, str], new: dict[str, str]) -> list[str]:
    return [
        f"{word}{name}: {old.get(name, 'none')} {ARROW} {new.get(name, 'none')}"
        for name in {**old, **new}
        if old.get(name) != new.get(name)
    ]
