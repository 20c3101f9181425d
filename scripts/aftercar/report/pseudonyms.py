"""Keyed pseudonyms of patients and specimens, and their place in text that is handed on.

HMAC-SHA-256 (RFC 2104): without the key nobody can try names or hospital numbers, as could be done
with a plain hash. The same key gives the same pseudonyms, so that exports can be joined.
"""

import hashlib
import hmac
import re
from collections.abc import Iterable, Iterator
from typing import Any

from aftercar.contracts.signatures import content_hash

# Identifiers as sheets allow them: letters, digits, dots, underscores and hyphens.
IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
DIGITS = 16  # hexadecimal digits of a pseudonym: 64 bits
# Written as letters, a pseudonym never holds a number that is somebody's identifier.
LETTERS = str.maketrans("0123456789abcdef", "abcdefghijkmnpqr")
# What would let somebody join an export to the original: hashes of files and signatures.
LEFT_OUT = ("sign_off", "content_sha256")


class PseudonymError(ValueError):
    """What cannot be handed on without an original identifier."""


def pseudonyms(patients: Iterable[str], samples: Iterable[str], key: bytes) -> dict[str, str]:
    """Return the pseudonym of each patient (pt-...) and specimen (sp-...), by its identifier.

    Raise PseudonymError where one identifier names both.
    """
    patients, samples = sorted(set(patients)), sorted(set(samples))
    both = set(patients) & set(samples)
    if both:
        raise PseudonymError(
            f"found {len(both)} identifiers of a patient that name a specimen, too, expected "
            "different ones. To mend it: rename the specimens in samples.tsv"
        )
    names = {name: _pseudonym("pt", name, key) for name in patients}
    return names | {name: _pseudonym("sp", name, key) for name in samples}


def _pseudonym(kind: str, name: str, key: bytes) -> str:
    digest = hmac.new(key, f"{kind}:{name}".encode(), hashlib.sha256).hexdigest()
    return f"{kind}-{digest[:DIGITS].translate(LETTERS)}"


def report_identifiers(content: dict) -> Iterator[tuple[str, str]]:
    """Yield (kind, identifier) from a report, of specimens that were not measured, too."""
    yield from identifiers(content)
    yield from (("sample_id", row[0]) for row in content["specimens"]["rows"])


def identifiers(content: object) -> Iterator[tuple[str, str]]:
    """Yield (kind, identifier) from named fields: kind is patient_id or sample_id."""
    if isinstance(content, dict):
        for name, value in content.items():
            kind = next((k for k in ("patient_id", "sample_id") if name.endswith(k)), "")
            if kind and isinstance(value, str):
                if value and not value.startswith("labs:"):
                    yield kind, value
            else:
                yield from identifiers(value)
    elif isinstance(content, list):
        for value in content:
            yield from identifiers(value)


def table_identifiers(table: str) -> Iterator[tuple[str, str]]:
    """Yield (kind, identifier) from the columns of a tab-separated table that hold identifiers."""
    head, *rows = table.rstrip("\n").split("\n")
    names = head.split("\t")
    wanted = [n for n, name in enumerate(names) if name.endswith(("patient_id", "sample_id"))]
    for row in rows:
        cells = row.split("\t")
        yield from identifiers({names[n]: cells[n] for n in wanted})


def replaced(text: str, names: dict[str, str]) -> str:
    """Return text in which every identifier that stands as a word of its own is a pseudonym."""

    def pseudonym(found: re.Match[str]) -> str:
        word = found[0]
        bare = word.rstrip("._-")
        return names.get(word) or names.get(bare, bare) + word[len(bare) :]

    return IDENTIFIER.sub(pseudonym, text)


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
        return {replaced(key, names): _renamed(item, names) for key, item in value.items()}
    return value


def sorted_lines(table: str) -> str:
    """Return a table whose rows stand in the order of their pseudonyms, not of the originals."""
    head, *rows = table.rstrip("\n").split("\n")
    return "\n".join([head, *sorted(rows)]) + "\n"


def check_no_original(text: str, patients: Iterable[str], samples: Iterable[str]) -> None:
    """Raise PseudonymError if an identifier is left: of a patient even within another word."""
    words = {word.rstrip("._-") for word in IDENTIFIER.findall(text)}
    left = sum(name in text for name in patients) + len(words & set(samples))
    if left:
        raise PseudonymError(
            f"found {left} original identifiers, expected none. To mend it: give patients "
            "identifiers that are no part of other words or numbers"
        )
