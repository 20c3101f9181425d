"""The key of pseudonyms, and the files of an export for research."""

import stat
from collections.abc import Iterator
from pathlib import Path

import yaml

KEY_BYTES = 32
# Final tables of patients and specimens; hashes of inputs and checks of file headers stay here.
TABLES = (
    "risk/*.tsv",
    "evidence/*.tsv",
    "cohort/*.tsv",
    "cytometry/*.tsv",
    "sequencing/*.tsv",
    "singlecell/*.tsv",
    "quality/quality.tsv",
)


class ExportError(ValueError):
    """A key or folder that an export must not use."""


def read_key(path: str | Path, *, not_within: tuple[str | Path, ...]) -> bytes:
    """Return the key, if only its owner can read it and it lies outside of the given folders.

    The error never repeats what the file holds.
    """
    path = Path(path).resolve()
    make = "To mend it: head -c 32 /dev/urandom > FILE; chmod 600 FILE, outside of this folder"
    if not path.is_file():
        raise ExportError(f"key: found no file {path.name}, expected a file. {make}")
    for folder in not_within:
        if path.is_relative_to(Path(folder).resolve()):
            raise ExportError(f"key: found in {folder}, expected outside of it. {make}")
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise ExportError(
            f"key: found mode {mode:04o}, expected 0600: others could read it. "
            f"To mend it: chmod 600 {path.name}"
        )
    key = path.read_bytes()
    if len(key) < KEY_BYTES:
        raise ExportError(f"key: found {len(key)} bytes, expected {KEY_BYTES} or more. {make}")
    return key


def read_suppress_below(path: str | Path) -> int:
    """Return report/suppress_below of a config.yaml: counts below it are not handed on."""
    try:
        report = (yaml.safe_load(Path(path).read_text(encoding="utf-8")) or {})["report"]
        return int(report["suppress_below"])
    except (OSError, KeyError, TypeError, ValueError, yaml.YAMLError):
        raise ExportError(
            f"{path}: found no readable report/suppress_below, expected a number of patients. "
            "To mend it: name the config.yaml of the run by --config"
        ) from None


def report_paths(reports: str | Path) -> list[Path]:
    """Return the JSON of every patient's report."""
    found = sorted(Path(reports).glob("patients/*.json"))
    if not found:
        raise ExportError(
            f"{reports}: found no patients/*.json, expected reports. To mend it: run the "
            "workflow first, and name its folder of reports"
        )
    return found


def tables(results: str | Path) -> Iterator[tuple[str, str]]:
    """Yield path and text of each final table."""
    for pattern in TABLES:
        for path in sorted(Path(results).glob(pattern)):
            yield str(path.relative_to(results)), path.read_text(encoding="utf-8")


def empty_folder(path: str | Path) -> Path:
    """Make a folder of mode 0700; one that holds anything is refused."""
    folder = Path(path)
    if folder.exists() and any(folder.iterdir()):
        raise ExportError(f"{folder}: found files in it, expected an empty or absent folder")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder
