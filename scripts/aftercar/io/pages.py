"""Write pages and their JSON so that only their owner can read them."""

from pathlib import Path


def write_page(path: str | Path, content: str) -> None:
    """Write text as UTF-8 with mode 0600: pages hold what is known of patients."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(content, encoding="utf-8")
    Path(path).chmod(0o600)
