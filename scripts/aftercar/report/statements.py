"""Statements of the rules in the words of a reader: units, percentages, age of each specimen."""

import re

from aftercar.contracts.evidence import MEASURES
from aftercar.contracts.vocabulary import MEASUREMENT_STATUS, RISK_CATEGORY, RULE_STATUS, SPECIMENS
from aftercar.report.numbers import day_text, number, parts, percent, quantity, with_interval
from aftercar.report.words import (
    MEASUREMENT_WORDS,
    RISK_WORDS,
    RULE_WORDS,
    SPECIMEN_WORDS,
    lower_first,
    measure_title,
)

_NUMBER = r"-?\d+(?:\.\d+)?(?:e[-+]?\d+)?"
_UNITS = sorted({re.escape(unit) for unit, _ in MEASURES.values() if unit}, key=len, reverse=True)
# A value as rules print it: measure (target)=value [low, high] unit STATUS item, PB sample, day 88
_MEASURE = "|".join(sorted(MEASURES, key=len, reverse=True))
_UNIT = "|".join(_UNITS)
VALUE = re.compile(
    rf"\b(?P<measure>{_MEASURE})(?: \((?P<target>[^()]*)\))?"
    rf"(?:=(?P<value>{_NUMBER})(?: \[(?P<low>{_NUMBER}), (?P<high>{_NUMBER})\])?"
    rf"(?: (?P<unit>{_UNIT}))?)?"
    rf"(?: (?P<status>{'|'.join(MEASUREMENT_STATUS)}))?"
    rf"(?: \(limit (?P<limit>{_NUMBER}|unknown)(?: (?P<limit_unit>{_UNIT}))?\))?"
    rf"(?: (?P<item>[^,;|]*?))?"
    rf", (?P<specimen>{'|'.join(SPECIMENS)}|) ?(?P<sample>[A-Za-z0-9][\w.:-]*), day (?P<day>-?\d+)"
)
# Words of the sheets that may stand inside a sentence of a rule.
_SHEET_WORDS = {
    word: word.replace("_", " ")
    for word in (
        "antigen_positive",
        "antigen_negative",
        "antigen_dim",
        "lineage_switch",
        "extramedullary_relapse",
        "extramedullary_cleared",
        "complete_remission",
        "no_remission",
        "kmt2a_rearranged",
        "tp53_status",
        "cns_status",
        "prior_blinatumomab",
        "prior_inotuzumab",
        "prior_hct",
        "wild_type",
        "no_response",
    )
} | {
    "baseline_burden": "marrow blasts before lymphodepletion",
    "baseline_mrd": "MRD before lymphodepletion",
    "patients.tsv": "as entered",
    "hct": "HCT",
    "crs": "CRS",
    "icans": "ICANS",
    "gvhd": "GVHD",
}
SHEET_WORD = re.compile(rf"\b({'|'.join(map(re.escape, _SHEET_WORDS))})\b")
# Words of the tables that may stand inside a sentence of a rule.
_TABLE_WORDS = {
    word: text
    for vocabulary, words in (
        (MEASUREMENT_STATUS, MEASUREMENT_WORDS),
        (RISK_CATEGORY, RISK_WORDS),
        (RULE_STATUS, RULE_WORDS),
    )
    for word in vocabulary
    if "_" in word
    for text, _ in [words[word]]
}
TABLE_WORD = re.compile(rf"\b({'|'.join(sorted(_TABLE_WORDS, key=len, reverse=True))})\b")
# A share of patients.tsv, which rules print without its unit.
SHARE_AS_ENTERED = re.compile(rf"\b(baseline_burden|baseline_mrd)=({_NUMBER})")
MEASURE_WORD = re.compile(
    rf"\b({'|'.join(sorted((m for m in MEASURES if '_' in m), key=len, reverse=True))})\b"
)


def readable(statement: str, landmark_day: int | None = None) -> str:
    """Return a statement of a rule with its values written for readers.

    `b_cells_fraction=0.041 [0.039, 0.043] fraction, PB P2-d88, day 88` becomes `B cells of
    lymphocytes 4.1 % (3.9 % to 4.3 %), blood P2-d88, D88`; with a landmark, the specimen's age
    is added. What does not have this form is left as it is.
    """
    written = VALUE.sub(lambda found: _value(found, landmark_day), statement)
    written = SHARE_AS_ENTERED.sub(lambda found: f"{found[1]} {percent(float(found[2]))}", written)
    written = MEASURE_WORD.sub(lambda found: measure_title(found[1]), written)
    written = SHEET_WORD.sub(lambda found: _SHEET_WORDS[found[1]], written)
    return TABLE_WORD.sub(lambda found: lower_first(_TABLE_WORDS[found[1]]), written)


def _value(found: re.Match[str], landmark_day: int | None) -> str:
    title = measure_title(found["measure"], found["target"] or "")
    day = int(found["day"])
    age = f", {landmark_day - day} d old" if landmark_day is not None and landmark_day > day else ""
    item = f" {found['item']}" if found["item"] else ""
    sample = "" if found["sample"].startswith("labs:") else f" {found['sample']}"
    where = f"{SPECIMEN_WORDS[found['specimen']]}{sample}, {day_text(day)}{age}"
    return f"{title}{_result(found)}{item}, {where}"


def short_value(statement: str) -> str:
    """Return only result and day of a value, for narrow cells; other text as `readable` has it."""
    found = VALUE.fullmatch(statement.strip())
    if found is None:
        return readable(statement)
    return f"{_result(found).strip()}, {day_text(int(found['day']))}"


def _result(found: re.Match[str]) -> str:
    unit = found["unit"] or ""
    status = found["status"] or "QUANTIFIED"
    if found["value"] is not None:
        low, high = (float(found[k]) if found[k] else None for k in ("low", "high"))
        result = f" {with_interval(float(found['value']), low, high, unit)}"
        return (
            result
            if status == "QUANTIFIED"
            else f"{result} ({lower_first(MEASUREMENT_WORDS[status][0])})"
        )
    if found["limit"] and found["limit"] != "unknown":
        limit, limit_unit = float(found["limit"]), found["limit_unit"]
        shown = quantity(limit, limit_unit) if limit_unit else number(limit)
        return f" < {shown} ({lower_first(MEASUREMENT_WORDS[status][0])})"
    return f" {lower_first(MEASUREMENT_WORDS[status][0])}"


def driver(statement: str, landmark_day: int | None) -> dict[str, str]:
    """Split `RULE_ID: values` into the rule and what it rests on, written for readers.

    `text` has all values with their remarks. `brief` is for page 1: the first in full, the second
    without its specimen, how many more; `briefest` has the first one only.
    """
    found = re.fullmatch(r"([A-Z][A-Z0-9_-]{2,}[^:]*): (.*)", statement.strip(), re.DOTALL)
    rule, rest = (found[1], found[2]) if found else ("", statement)
    values = parts(re.sub(r" \[[a-z][^\]]*\]", "", rest), ";")
    return {
        "rule": re.sub(r" \(same information, one driver\)", "", rule),
        "text": readable(rest.strip(), landmark_day),
        "brief": _brief(values, landmark_day),
        "briefest": readable(values[0], landmark_day) if values else "",
    }


def _brief(values: list[str], landmark_day: int | None) -> str:
    told = [readable(text, landmark_day) for text in values[:1]]
    told += [_without_specimen(text) for text in values[1:2]]
    more = len(values) - 2
    if more > 0:
        told.append(f"{more} more value{'s' if more > 1 else ''} on page 2")
    return "; ".join(told)


def _without_specimen(statement: str) -> str:
    found = VALUE.search(statement)
    if found is None:
        return readable(statement)
    title = measure_title(found["measure"], found["target"] or "")
    return f"{title}{_result(found)}, {day_text(int(found['day']))}"
