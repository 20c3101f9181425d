"""Write pages and their JSON so that only their owner can read them."""

from pathlib import Path

from aftercar.io.whole_files import whole_file


def write_page(path: str | Path, content: str) -> None:
    """Write text as UTF-8 with mode 0600: pages hold what is known of patients."""
    with whole_file(path, mode=0o600) as part:
        part.write_text(content, encoding="utf-8")
