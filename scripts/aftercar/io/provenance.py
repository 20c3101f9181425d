"""What a result was made from: versions, settings, and the content of every input."""

import hashlib
import json
import platform
from collections.abc import Callable, Iterable, Mapping
from importlib import metadata
from pathlib import Path

from aftercar.contracts.sheets import named_file
from aftercar.contracts.table import ContractError
from aftercar.io.whole_files import whole_file

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


def files_in(path: Path) -> list[Path]:
    """Return the files of a folder in order of name, or the file itself."""
    if not path.is_dir():
        return [path]
    # a file server keeps what was deleted while open as .nfs...: nobody's input
    return [f for f in sorted(path.rglob("*")) if not f.name.startswith(".nfs") and f.is_file()]


def input_row(sample_id: str, patient_id: str, role: str, path: str | Path) -> dict[str, object]:
    """Return a row of INPUT_FILES; a folder is hashed over its files in order of name.

    The path is left out on purpose: file names can carry a patient's name.
    """
    path = Path(path)
    if not path.exists():
        return {"sample_id": sample_id, "patient_id": patient_id, "role": role, "bytes": None}
    files = files_in(path)
    hashes = [sha256_of(file) for file in files]
    digest = hashes[0] if path.is_file() else hashlib.sha256("".join(hashes).encode()).hexdigest()
    return {
        "sample_id": sample_id,
        "patient_id": patient_id,
        "role": role,
        "bytes": sum(file.stat().st_size for file in files),
        "sha256": digest,
    }


def file_rows(
    samples: Iterable[dict[str, str]], files_of: Callable[[dict[str, str]], Mapping[str, str]]
) -> list[dict[str, object]]:
    """Return a row of INPUT_FILES for each file that `files_of` names, by role, for each sample.

    A role without a path has no row. A file that many share, such as a reference, is read once.
    """
    known: dict[str, dict[str, object]] = {}
    rows = []
    for sample in samples:
        for role, path in files_of(sample).items():
            if not path:
                continue
            who = {"sample_id": sample["sample_id"], "patient_id": sample["patient_id"]}
            if path not in known:
                known[path] = input_row("", "", role, path)
            rows.append(known[path] | who | {"role": role})
    return rows


def bulk_files(
    sample: dict[str, str],
    *,
    references: Mapping[str, str],
    default: str,
    panel: Iterable[str] = (),
    backgrounds: Iterable[str] = (),
    isoforms: str = "",
) -> dict[str, str]:
    """Return by role the files that calls in bulk reads of a row of samples.tsv rest on.

    `references` are paths by name, `default` the name for a row that names none; `panel` and
    `backgrounds` (of runs, named by batch) are for DNA, `isoforms` for RNA. A row without reads has
    no file.
    """
    if not sample["path"]:
        return {}
    dna = sample["assay"] == "dna"
    return {
        "data": sample["path"],
        "variants": sample["variants"],
        "reference": references.get(sample["reference"] or default, ""),
        "panel_of_normals": next(iter(panel), "") if dna else "",
        "run_background": next(iter(of_batch(sample, backgrounds)), "") if dna else "",
        "isoform_catalogue": "" if dna else isoforms,
    }


def flow_files(sample: dict[str, str], *, workspace: bool = True) -> dict[str, str]:
    """Return by role the files that gates and cuts of a row of samples.tsv rest on.

    A row without events has no file; a control of a batch is gated by no workspace.
    """
    if not sample["path"]:
        return {}
    gated = {"workspace": sample["workspace"]} if workspace else {}
    return {"data": sample["path"], **gated, "compensation": named_file(sample, "compensation")}


def matrix_files(sample: dict[str, str]) -> dict[str, str]:
    """Return by role the files that the cells of a row of samples.tsv rest on."""
    return {"data": sample["path"], "labels": sample["labels"], "contigs": sample["contigs"]}


def cell_files(
    sample: dict[str, str], *, references: Mapping[str, str], default: str
) -> dict[str, str]:
    """Return by role the files that genotypes of the cells of a row of samples.tsv rest on.

    The matrix of scrna is no such file: another rule reads it.
    """
    columns = ("path", "bam", "barcodes", "variants")
    named = {name: sample[name] for name in columns if name != "path" or sample["assay"] == "scdna"}
    return named | {"reference": references.get(sample["reference"] or default, "")}


def of_batch(sample: dict[str, str], tables: Iterable[str]) -> list[str]:
    """Return those of the tables, each named by a batch, that are of the batch of the sample."""
    return [path for path in tables if Path(path).name == f"{sample['batch']}.background.tsv"]


def versions() -> dict[str, str]:
    """Return the version of AfterCAR, Python and each package that can change a number."""
    return {
        "aftercar": VERSION,
        "python": platform.python_version(),
        **{name: metadata.version(name) for name in PACKAGES},
    }


def write_provenance(
    table: str | Path,
    *,
    settings: dict,
    code: str,
    inputs: list[dict[str, object]],
    **joined: Mapping[str, str],
) -> None:
    """Write `<table>.provenance.json` beside a final table; no dates, so reruns are identical.

    `joined` is what tables that were joined rest on: digests of `rules` and of rows of `sheets`.
    """
    content = {
        **joined,
        "table": Path(table).name,
        "sha256": sha256_of(table),
        "versions": versions(),
        "code": code,
        "settings": settings,
        "inputs": inputs,
    }
    with whole_file(f"{table}.provenance.json") as part:
        part.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")


def read_provenance(table: str | Path) -> dict:
    """Return what `write_provenance` wrote beside `table`."""
    path = Path(f"{table}.provenance.json")
    if not path.exists():
        raise ContractError(f"{path}: missing; run the rule that writes {Path(table).name} again")
    return json.loads(path.read_text())


def shard_provenance(tables: Iterable[str | Path]) -> list[dict]:
    """Return the provenance of each table of a shard; `whole` says that it is the table of then."""
    found = ((table, read_provenance(table)) for table in tables)
    return [told | {"whole": sha256_of(table) == told["sha256"]} for table, told in found]
