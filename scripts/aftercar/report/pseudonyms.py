"""Keyed pseudonyms of patients, specimens and batches, and their place in what is handed on.

HMAC-SHA-256 (RFC 2104): without the key nobody can try names or hospital numbers, as could be done
with a plain hash. The same key gives the same pseudonyms, so that exports can be joined.
"""

import hashlib
import hmac
import re
from collections.abc import Iterable, Iterator
from typing import Any

from aftercar.contracts import (
    clinical,
    cohort,
    cytometry,
    evidence,
    kinetic_model,
    sequencing,
    singlecell,
    specimen,
)
from aftercar.contracts.signatures import NOT_HASHED, content_hash
from aftercar.contracts.table import Table
from aftercar.report.patient import content_json
from aftercar.report.small_counts import suppressed_table
from aftercar.report.tabulate import NOTHING

# Identifiers as sheets allow them: letters, digits, dots, underscores and hyphens.
IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
DIGITS = 16  # hexadecimal digits of a pseudonym: 64 bits
# Written as letters, a pseudonym never holds a number that is somebody's identifier.
LETTERS = str.maketrans("0123456789abcdef", "abcdefghijkmnpqr")
# What would let somebody join an export to the original: hashes of files and signatures.
LEFT_OUT = NOT_HASHED
HASH = re.compile(r"(?<![0-9A-Za-z])[0-9a-f]{64}(?![0-9A-Za-z])")
DATE = re.compile(
    r"(?<![0-9A-Za-z.-])(?:19|20)\d\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])"
    r"(?:T[0-9:.]+(?:Z|[+-][0-9:]+)?)?(?![0-9A-Za-z-])"
)
EXPORTED = "exported copy, not signed"
KINDS = ("patient_id", "sample_id")
GROUPS = ("batch", "cohort")  # named in a column of their own, and in text where they stand out
DECLARED = {
    tuple(contract.columns): contract
    for module in (
        clinical, cohort, cytometry, evidence, kinetic_model, sequencing, singlecell, specimen,
    )
    for contract in vars(module).values()
    if isinstance(contract, Table)
}  # fmt: skip


class PseudonymError(ValueError):
    """What cannot be handed on without an original identifier."""


def exported(
    contents: list[dict], tables: dict[str, str], key: bytes, *, suppress_below: int
) -> tuple[dict[str, str], int]:
    """Return the text of each file of an export by its path, and how many specimens it renames.

    `contents` are reports, `tables` tab-separated texts by path. Raise PseudonymError for a report
    of another profile than research, or where an original identifier would be left.
    """
    contents = [research_content(content) for content in contents]
    tables = {
        path: suppressed_table(text, suppress_below) if path.startswith("cohort/") else text
        for path, text in tables.items()
    }
    found = {pair for content in contents for pair in report_identifiers(content)}
    for text in tables.values():
        found |= set(table_identifiers(text))
    patients, samples, batches, cohorts = (
        {name for kind, name in found if kind == one} for one in (*KINDS, *GROUPS)
    )
    names = pseudonyms(patients, samples, key, batches, cohorts)
    written = {path: sorted_lines(replaced_table(text, names)) for path, text in tables.items()}
    open_text = [f"{path}\n{free_text(table)}" for path, table in written.items()]
    for content in contents:
        told = renamed_content(content, names)
        written[f"patients/{told['patient_id']}.json"] = content_json(told)
        open_text += strings(told)
    check_no_original("\n".join(open_text), patients, samples, batches)
    return written, len(samples)


def pseudonyms(
    patients: Iterable[str],
    samples: Iterable[str],
    key: bytes,
    batches: Iterable[str] = (),
    cohorts: Iterable[str] = (),
) -> dict[str, str]:
    """Return the pseudonym of each patient (pt-), specimen (sp-), batch (bt-) and cohort (co-).

    Raise PseudonymError where one identifier names both.
    """
    patients, samples = sorted(set(patients)), sorted(set(samples))
    both = set(patients) & set(samples)
    if both:
        raise PseudonymError(
            f"found {len(both)} identifiers of a patient that name a specimen, too, expected "
            "different ones. To mend it: rename the specimens in samples.tsv"
        )
    # a batch that is called like its only specimen has the pseudonym of the specimen
    return {
        name: _pseudonym(kind, name, key)
        for kind, given in (("co", cohorts), ("bt", batches), ("sp", samples), ("pt", patients))
        for name in given
    }


def _pseudonym(kind: str, name: str, key: bytes) -> str:
    digest = hmac.new(key, f"{kind}:{name}".encode(), hashlib.sha256).hexdigest()
    return f"{kind}-{digest[:DIGITS].translate(LETTERS)}"


def report_identifiers(content: dict) -> Iterator[tuple[str, str]]:
    """Yield (kind, identifier) from a report, of specimens that were not measured, too."""
    yield from identifiers(content)
    yield from (("sample_id", row[0]) for row in content["specimens"]["rows"])


def identifiers(content: object) -> Iterator[tuple[str, str]]:
    """Yield (kind, identifier) from named fields: patient_id, sample_id, batch or cohort."""
    if isinstance(content, dict):
        for name, value in content.items():
            kind = _kind(name)
            if kind and isinstance(value, str):
                if value and not value.startswith("labs:"):
                    yield kind, value
            else:
                yield from identifiers(value)
        for place in _batch_places(content):
            for row in content["rows"]:
                if isinstance(row[place], str) and row[place] not in ("", NOTHING):
                    yield "batch", row[place]
    elif isinstance(content, list):
        for value in content:
            yield from identifiers(value)


def _kind(name: str) -> str:
    return next((k for k in KINDS if name.endswith(k)), name if name in GROUPS else "")


def _batch_places(content: dict) -> list[int]:
    """Return which columns of a table of a report name batches."""
    columns = content.get("columns")
    if not isinstance(columns, list) or "rows" not in content:
        return []
    return [n for n, c in enumerate(columns) if isinstance(c, dict) and c.get("label") == "Batch"]


def table_identifiers(table: str) -> Iterator[tuple[str, str]]:
    """Yield (kind, identifier) from the columns of a tab-separated table that hold identifiers."""
    head, *rows = table.rstrip("\n").split("\n")
    names = head.split("\t")
    for row in rows:
        yield from identifiers(
            {n: cell for n, cell in zip(names, row.split("\t"), strict=True) if _kind(n)}
        )


def replaced(text: str, names: dict[str, str]) -> str:
    """Return text in which every identifier that stands as a word of its own is a pseudonym.

    Calendar dates and hashes of files are left out.
    """

    def pseudonym(found: re.Match[str]) -> str:
        word = found[0]
        bare = word.rstrip("._-")
        return _told(word, names) or (_told(bare, names) or bare) + word[len(bare) :]

    return DATE.sub("[date left out]", HASH.sub("[hash left out]", IDENTIFIER.sub(pseudonym, text)))


def _told(word: str, names: dict[str, str]) -> str | None:
    known = names.get(word)
    # a batch "2" or "blood" is replaced in its column only: in text it is a number or a word
    if known and known[:3] in ("bt-", "co-") and not stands_out(word):
        return None
    return known


def stands_out(name: str) -> bool:
    """Say whether a name of a batch or cohort can be told from a number or word of a text."""
    return not name.isdigit() and any(character.isdigit() for character in name)


def replaced_table(table: str, names: dict[str, str]) -> str:
    """Return a tab-separated table with pseudonyms, its rows in their order.

    Columns of identifiers and batches are replaced by the whole cell, free text by words; numbers
    and words of a fixed vocabulary, by the contract of the table, stay as they are.
    """
    head, *rows = table.rstrip("\n").split("\n")
    columns = head.split("\t")
    fixed = _fixed_columns(columns)

    def cell(name: str, value: str) -> str:
        if _kind(name):
            return names.get(value) or replaced(value, names)
        return value if name in fixed else replaced(value, names)

    lines = [
        "\t".join(cell(n, v) for n, v in zip(columns, row.split("\t"), strict=True)) for row in rows
    ]
    return "\n".join([head, *lines]) + "\n"


def _fixed_columns(columns: list[str]) -> set[str]:
    contract = DECLARED.get(tuple(columns))
    if contract is None:
        return set()
    return {
        name
        for name, column in contract.columns.items()
        if not _kind(name) and (column.dtype != "string" or column.allowed)
    }


def free_text(table: str) -> str:
    """Return the cells of a table that may hold an identifier: no numbers, no fixed vocabulary."""
    head, *rows = table.rstrip("\n").split("\n")
    columns = head.split("\t")
    fixed = _fixed_columns(columns)
    return "\n".join(
        "\t".join(v for n, v in zip(columns, row.split("\t"), strict=True) if n not in fixed)
        for row in rows
    )


def strings(value: object) -> Iterator[str]:
    """Yield every string of a report; its numbers are none."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from strings(item)


def research_content(content: dict) -> dict:
    """Return a report without what joins it to the original, its hash taken anew.

    Raise PseudonymError for a report of another profile than research: it may hold free text.
    """
    if content["profile"] != "research":
        raise PseudonymError(
            f"found a report of profile {content['profile']!r}, expected 'research'. To mend it: "
            "set report/profile to research in config.yaml and run the workflow again"
        )
    kept = {name: value for name, value in content.items() if name not in LEFT_OUT}
    # A signature is one of the original: the copy has another content, which nobody signed.
    unsigned = content.get("sign_off", {}).get("unsigned_status", content["report_status"])
    told = unsigned["text"] if unsigned["status"] == "FAILED" else unsigned["status"]
    between = "; " if unsigned["status"] == "FAILED" else ": "
    kept["report_status"] = unsigned | {"text": f"{told}{between}{EXPORTED}"}
    kept["provenance"] = content["provenance"] | {
        "inputs": content["provenance"]["inputs"] | {"rows": []}
    }
    return kept


def renamed_content(content: dict, names: dict[str, str]) -> dict:
    """Return a report with pseudonyms in all of its text, and the hash of what it now holds."""
    renamed = _renamed(content, names)
    return renamed | {"content_sha256": content_hash(renamed)}


def _renamed(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, str):
        return replaced(value, names)
    if isinstance(value, list):
        return [_renamed(item, names) for item in value]
    if isinstance(value, dict):
        places = _batch_places(value)
        return {name: _renamed_part(name, item, names, places) for name, item in value.items()}
    return value


def _renamed_part(name: str, value: Any, names: dict[str, str], places: list[int]) -> Any:
    if _kind(name) and isinstance(value, str) and value in names:
        return names[value]
    if name == "rows" and places:
        return [
            [
                names.get(cell, cell) if n in places else _renamed(cell, names)
                for n, cell in enumerate(row)
            ]
            for row in value
        ]
    return _renamed(value, names)


def sorted_lines(table: str) -> str:
    """Return a table whose rows stand in the order of their pseudonyms, not of the originals."""
    head, *rows = table.rstrip("\n").split("\n")
    return "\n".join([head, *sorted(rows)]) + "\n"


def check_no_original(
    text: str, patients: Iterable[str], samples: Iterable[str], batches: Iterable[str] = ()
) -> None:
    """Raise PseudonymError if an identifier is left: of a patient even within another word."""
    words = {word.rstrip("._-") for word in IDENTIFIER.findall(text)}
    others = {*samples, *(name for name in batches if stands_out(name))}
    left = sum(name in text for name in patients) + len(words & others)
    if left:
        raise PseudonymError(
            f"found {left} original identifiers, expected none. To mend it: give patients "
            "identifiers that are no part of other words or numbers"
        )
