"""Whether the tables of shards belong together, and to the run that joins them."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from aftercar.contracts.table import ContractError

# Settings that only the steps after the join use: tables of patients do not rest on them.
OF_THE_COHORT = ("evidence/outcome_model", "evidence/kinetic_model")
# Python itself changes no number of a table; its packages can.
OF_THE_MACHINE = ("python",)
NAMED = 10  # patients that a message names
REMEDY = (
    "To mend it: name all shards in key shards, and give them and this run the same code, packages "
    "and configuration, and the sheets the same rows; what then differs in a shard is run again "
    "there"
)


def refuse_other_shards(shards: Mapping[str, list[dict]], joining: Mapping[str, Any]) -> None:
    """Raise ContractError with all reasons why tables of shards must not be joined.

    `shards` holds by name of a shard the provenance of each of its tables, as `shard_provenance`
    returns it; `joining` what the joined tables will state: `code`, `settings`, `versions`, `rules`
    (digest of the code by rule) and `sheets` (digest of the rows by patient). Tables must be those
    that their provenance was written with, made by the same code, packages, settings and files of
    the configuration, and each patient of the sheets must be in one shard, with the same rows.
    """
    joining = json.loads(json.dumps(joining))  # as provenance is: names of settings are text
    problems = [
        problem
        for shard, tables in shards.items()
        for problem in dict.fromkeys(_differences(shard, tables, joining))
    ]
    if shards:
        patients = {
            shard: {patient for told in tables for patient in told.get("sheets", ())}
            for shard, tables in shards.items()
        }
        problems += _twice(patients)
        problems += _other_files(shards.values(), joining["settings"])
        problems += _coverage(set().union(*patients.values()), joining["sheets"])
    if problems:
        raise ContractError("\n  ".join(["The shards cannot be joined:", *problems, REMEDY]))


def refuse_other_patients(found: Collection[str], sheets: Collection[str]) -> None:
    """Raise ContractError where the joined tables have other patients than patients.tsv."""
    if problems := list(_coverage(found, sheets)):
        raise ContractError("\n  ".join(["Tables and sheets differ:", *problems, REMEDY]))


def _coverage(found: Collection[str], sheets: Collection[str]) -> Iterator[str]:
    """Yield the patients that only the sheets know, and those that only the tables know."""
    if lacking := sorted(set(sheets) - set(found)):
        yield f"found no table of {_named(lacking)}, expected all patients of patients.tsv"
    if more := sorted(set(found) - set(sheets)):
        yield f"found tables of {_named(more)}, expected patients of patients.tsv alone"


def _differences(
    shard: str, tables: Iterable[Mapping[str, Any]], joining: Mapping[str, Any]
) -> Iterator[str]:
    expected = _made_with(joining)
    for told in tables:
        if not told["whole"]:
            yield (
                f"{shard}, {told['table']}: found another table than its provenance is of, "
                "expected the table as it was written: the copy is not whole, or was changed"
            )
        found = _made_with(told)
        for name in sorted(expected.keys() | found.keys()):
            # a rule that nobody in the shard needs has made nothing of it
            if name.startswith("code of rule") and not {name} <= found.keys() & expected.keys():
                continue
            if found.get(name) != expected.get(name):
                yield (
                    f"{shard}: found {name} {found.get(name, 'not stated')}, expected "
                    f"{expected.get(name, 'none')} as in this run"
                )
        if "assess_patient" not in told.get("rules", {}):
            yield f"{shard}: found no code of assess_patient, expected tables of this version"
        rows = told.get("sheets", {})
        other = sorted(p for p in rows if joining["sheets"].get(p, rows[p]) != rows[p])
        if other:
            yield f"{shard}: found other rows of {_named(other)} than in the sheets of this run"


def _made_with(told: Mapping[str, Any]) -> dict[str, object]:
    """Return what must agree, by its name in words; settings by their key in config.yaml."""
    settings = {
        f"{part}/{name}": value
        for part, values in told["settings"].items()
        for name, value in values.items()
    }
    return {
        "code of merge_tables": told["code"],
        **{f"code of rule {name}": code for name, code in told.get("rules", {}).items()},
        **{
            f"version of {name}": version
            for name, version in told["versions"].items()
            if name not in OF_THE_MACHINE
        },
        **{f"key {name}": value for name, value in settings.items() if name not in OF_THE_COHORT},
    }


def _twice(patients: Mapping[str, Collection[str]]) -> Iterator[str]:
    """Yield the patients that two shards hold."""
    first: dict[str, str] = {}
    for shard, mine in patients.items():
        twice: dict[str, list[str]] = {}
        for patient in sorted(mine):
            if patient in first:
                twice.setdefault(first[patient], []).append(patient)
            first.setdefault(patient, shard)
        for other, names in twice.items():
            yield f"{shard}: found {_named(names)}, as in {other}, expected each in one shard"


def _other_files(shards: Iterable[list[dict]], settings: Mapping[str, Any]) -> Iterator[str]:
    """Yield the files of the configuration of which shards on other machines had other contents."""
    rows = [row for tables in shards for told in tables for row in told["inputs"]]
    sequencing = settings.get("sequencing", {})
    for role, key, named in (
        ("reference", "references", len(sequencing.get("references", {}))),
        ("panel_of_normals", "panel_of_normals", 1),
        ("isoform_catalogue", "isoform_catalogue", 1),
    ):
        contents = {row["sha256"] for row in rows if row["role"] == role and row.get("sha256")}
        if len(contents) > named:
            yield (
                f"found {len(contents)} contents of files of key sequencing/{key} in the inputs of "
                f"all shards, expected {named}: the same files in each"
            )


def _named(patients: list[str]) -> str:
    more = len(patients) - NAMED
    return ", ".join(patients[:NAMED]) + (f" and {more} more" if more > 0 else "")
