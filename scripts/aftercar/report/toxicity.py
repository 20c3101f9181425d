"""Toxicity, infections, drugs and disease before the infusion, as the patient's page shows them."""

from aftercar.report.numbers import day_text, parts
from aftercar.report.statements import readable
from aftercar.report.tabulate import NOTHING, table
from aftercar.report.words import event_title

AGREEMENT_WORDS = {
    "agrees": ("Agrees", "clear"),
    "disagrees": ("Disagrees", "conflict"),
    "not comparable": ("Not comparable", "unknown"),
}


def toxicity_tables(rows: list[dict]) -> dict[str, dict]:
    """Return the tables `grades`, `episodes`, `drugs` and `before` from rows of TOXICITY."""
    kinds: dict[str, list[dict]] = {}
    for row in sorted(rows, key=lambda r: (r["day"] is not None, r["day"] or 0, r["name"])):
        kinds.setdefault(row["kind"], []).append(row)
    return {
        "grades": _grades(kinds.get("toxicity", [])),
        "episodes": _episodes(
            kinds.get("infection", []), [*kinds.get("virus", []), *kinds.get("virus_test", [])]
        ),
        "drugs": _drugs(kinds.get("exposure", [])),
        "before": _before([*kinds.get("burden", []), *kinds.get("before_infusion", [])]),
    }


def _grades(rows: list[dict]) -> dict:
    return table(
        "CRS and ICANS: the grade as entered, and the ASTCT grade that the components give "
        "(Lee 2019). Nothing is converted.",
        ("Event", "From", "To", "After infusion", "Lasted", "Entered", "From components",
         "Agreement", "Components", "Remarks"),
        [
            (
                event_title(r["name"]), day_text(r["day"]), _end(r), _onset(r), _lasted(r),
                _entered(r), _astct(r), _agreement(r["agreement"]),
                [_component(text) for text in parts(r["value"], ";")] or NOTHING,
                parts(r["flags"], ";") or NOTHING,
            )
            for r in rows
        ],
        empty="CRS and ICANS: no event was entered; that is not the same as none",
    )  # fmt: skip


def _episodes(infections: list[dict], viruses: list[dict]) -> dict:
    # a test in another specimen than blood is named so: "HHV6 in CSF"
    in_blood = any(" in " not in row["name"] for row in viruses)
    not_seen = [
        "" if infections else "infections: none entered",
        "" if in_blood else "virus in blood: not tested",
    ]
    note = "; ".join(part for part in not_seen if part)
    return table(
        "Infections as entered, and tests for viruses: episodes in which one was found (specimens "
        "in a row), and tests that did not find it or FAILED",
        ("What", "From", "To", "After infusion", "Lasted", "Grade", "Measured", "Remarks"),
        [
            (
                _name(r), day_text(r["day"]), _end(r), _onset(r),
                NOTHING if r["kind"] == "virus_test" else _lasted(r),
                _entered(r) if r["grade_entered"] is not None else NOTHING,
                readable(r["value"]) or "as entered", parts(r["flags"], ";") or NOTHING,
            )
            for r in (*infections, *viruses)
        ],
        empty=note,
        note=note,
    )  # fmt: skip


def _drugs(rows: list[dict]) -> dict:
    return table(
        "Drugs that act on CAR-T cells, on toxicity or on infection",
        ("Drug", "From", "To", "After infusion", "Days", "Remarks"),
        [
            (event_title(r["name"]), day_text(r["day"]), _end(r), _onset(r), _lasted(r),
             parts(r["flags"], ";") or NOTHING)
            for r in rows
        ],
        empty="steroid, tocilizumab, ruxolitinib: none was entered",
    )  # fmt: skip


def _before(rows: list[dict]) -> dict:
    return table(
        "Before the first infusion: disease and therapy",
        ("What", "Day", "Found", "Definition or remark"),
        [
            (
                event_title(r["name"]),
                NOTHING if r["day"] is None else day_text(r["day"]),
                readable(r["value"]),
                parts(r["flags"], ";") or NOTHING,
            )
            for r in rows
        ],
        empty="disease and therapy before the infusion: not assessed",
    )


def _component(text: str) -> str:
    name, _, found = text.partition("=")
    title = name.upper() if name in ("ice", "capd") else name
    return f"{title}: {found.replace('_', ' ')}" if found else text


def _name(row: dict) -> str:
    if row["kind"] == "virus_test":
        return f"{row['name']}, tests"
    return row["name"] if row["kind"] == "virus" else event_title(row["name"])


def _end(row: dict) -> str:
    return "not entered" if row["end_day"] is None else day_text(row["end_day"])


def _onset(row: dict) -> str:
    if row["onset_days"] is None:
        return "before any infusion"
    return f"day {row['onset_days']} of infusion {row['infusion_no']}"


def _lasted(row: dict) -> str:
    days = row["duration_days"]
    return "not known" if days is None else f"{days} day{'s' if days > 1 else ''}"


def _entered(row: dict) -> str:
    if row["grade_entered"] is None:
        return "no grade entered"
    return f"{row['grade_entered']} ({row['grading_system'] or 'system not stated'})"


def _astct(row: dict) -> str:
    if row["grade_astct"] is None:
        return "not assessed"
    more = " or higher" if row["status"] == "INDETERMINATE" else ""
    return f"{row['grade_astct']}{more}"


def _agreement(word: str) -> str | dict[str, str]:
    if word not in AGREEMENT_WORDS:
        return NOTHING
    text, kind = AGREEMENT_WORDS[word]
    return {"status": word, "text": text, "kind": kind}
