"""Write pages and their JSON so that only their owner can read them."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from aftercar.io.whole_files import whole_file


def write_page(path: str | Path, content: str) -> None:
    """Write text as UTF-8 with mode 0600: pages hold what is known of patients."""
    with whole_file(path, mode=0o600) as part:
        part.write_text(content, encoding="utf-8")


# What may stand in the path of an address as it is (RFC 3986); all else is written as %XX.
ENCODED = re.compile(rb"[^A-Za-z0-9._~/-]")


def addresses_from(page: str | Path, others: Mapping[str, str]) -> dict[str, str]:
    """Return the addresses of other pages, by the same names, as links of `page` need them."""
    folder = Path(page).parent
    found = {name: os.path.relpath(other, folder) for name, other in others.items()}
    return {
        name: ENCODED.sub(lambda byte: b"%%%02X" % ord(byte[0]), os.fsencode(path)).decode("ascii")
        for name, path in found.items()
    }
