"""What a result was made from: versions, settings, and the content of every input."""

import hashlib
import json
import platform
from importlib import metadata
from pathlib import Path

from aftercar.contracts.table import ContractError

VERSION = "0.1.0"
# Packages whose version can change a number.
PACKAGES = (
    "numpy",
    "scipy",
    "pandas",
    "flowio",
    "flowutils",
    "flowkit",
    "pysam",
    "scanpy",
    "anndata",
)


def sha256_of(path: str | Path) -> str:
    """Return the SHA-256 of a file's content, read in blocks."""
    content = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            content.update(block)
    return content.hexdigest()


def input_row(sample_id: str, patient_id: str, role: str, path: str | Path) -> dict[str, object]:
    """Return a row of INPUT_FILES; a folder is hashed over its files in order of name.

    The path is left out on purpose: file names can carry a patient's name.
    """
    path = Path(path)
    files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
    if not path.exists():
        return {"sample_id": sample_id, "patient_id": patient_id, "role": role, "bytes": None}
    hashes = [sha256_of(file) for file in files]
    digest = hashes[0] if path.is_file() else hashlib.sha256("".join(hashes).encode()).hexdigest()
    return {
        "sample_id": sample_id,
        "patient_id": patient_id,
        "role": role,
        "bytes": sum(file.stat().st_size for file in files),
        "sha256": digest,
    }


def data_rows(samples: list[dict[str, str]]) -> list[dict[str, object]]:
    """Return a row of INPUT_FILES for each row of samples.tsv that names a file in path."""
    return [
        input_row(sample["sample_id"], sample["patient_id"], "data", sample["path"])
        for sample in samples
        if sample["path"]
    ]


def versions() -> dict[str, str]:
    """Return the version of AfterCAR, Python and each package that can change a number."""
    return {
        "aftercar": VERSION,
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in PACKAGES},
    }


def write_provenance(
    table: str | Path, *, settings: dict, code: str, inputs: list[dict[str, object]]
) -> None:
    """Write `<table>.provenance.json` beside a final table; no dates, so reruns are identical."""
    content = {
        "table": Path(table).name,
        "sha256": sha256_of(table),
        "versions": versions(),
        "code": code,
        "settings": settings,
        "inputs": inputs,
    }
    Path(f"{table}.provenance.json").write_text(
        json.dumps(content, indent=1, sort_keys=True) + "\n"
    )


def read_provenance(table: str | Path) -> dict:
    """Return what `write_provenance` wrote beside `table`."""
    path = Path(f"{table}.provenance.json")
    if not path.exists():
        raise ContractError(f"{path}: missing; run the rule that writes {Path(table).name} again")
    return json.loads(path.read_text())
