"""Read the five sheets as text and list all that is wrong with them at once."""

import io
import re
from collections.abc import Collection, Mapping
from pathlib import Path

import pandas as pd
import yaml

from aftercar.contracts.sheets import (
    SHEETS,
    Problem,
    column_problems,
    cross_problems,
    named_file,
    row_problems,
)
from aftercar.io.templates import SAFE

# Characters that end a line or a cell for some programs only, so that two would read two tables.
ODD_CHARACTER = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x85\u2028\u2029]")
# Columns of samples.tsv that name files -> what becomes of a specimen whose cell is empty.
FILE_COLUMNS = {
    "path": "the specimen is then shown as NOT_ASSESSED",
    "workspace": "the template of column panel then gates the specimen",
    "compensation": "the matrix of the FCS file is then used",
    "barcodes": "the cells of the BAM are then not genotyped (NOT_ASSESSED)",
    "bam": "the cells of the matrix are then not genotyped",
    "variants": "only variants of other sources are then looked for",
    "labels": "cells are then named by what they express",
    "contigs": "no clonotype is then known of the cells",
}


def read_sheets(
    paths: dict[str, str],
    schemas: dict[str, Path],
    panels: Mapping[str, Collection[str]],
    references: set[str],
    *,
    look_for_files: bool = True,
) -> tuple[dict[str, pd.DataFrame], list[Problem]]:
    """Return each sheet with all columns of its schema as text, and every problem found.

    `panels` holds the markers of each panel whose cuts a control may place; none where they are
    not known. An optional sheet that is absent has no rows. Where there are problems, the sheets
    must not be used. `look_for_files` also checks that the files which samples.tsv names exist.
    """
    sheets, problems = {}, []
    for name in SHEETS:
        schema = yaml.load(schemas[name].read_text(), Loader=SAFE)
        frame, unreadable = _read_text(name, paths.get(name, ""))
        problems += unreadable
        if frame is None:
            frame = pd.DataFrame(columns=list(schema["properties"]), dtype=str)
        elif columns := list(column_problems(name, frame, schema)):
            problems += columns
            frame = frame.loc[:, ~frame.columns.duplicated()]
        else:
            problems += row_problems(name, frame, schema)
        # a column that the header lacks is empty
        sheets[name] = frame.reindex(columns=list(schema["properties"]), fill_value="")
    if all(problem.row for problem in problems):
        # rows that are wrong in themselves are left out, so that all else is told at once
        wrong = {(problem.sheet, problem.row - 1) for problem in problems}
        sound = {
            name: frame[[(name, index) not in wrong for index in frame.index]]
            for name, frame in sheets.items()
        }
        problems += cross_problems(sound | {"patients": sheets["patients"]}, panels, references)
    if not problems and sheets["samples"].empty:
        problems.append(
            Problem("samples", 0, "", "no rows", "one row per specimen and assay", "add your files")
        )
    if look_for_files:
        problems += _missing_files(sheets["samples"])
    return sheets, problems


def _read_text(name: str, path: str) -> tuple[pd.DataFrame | None, list[Problem]]:
    required = name in ("patients", "samples")
    if not path or not Path(path).exists():
        missing = Problem(name, 0, "", f"no file {path!r}", "a tab-separated file", "create it")
        return None, [missing] if required else []
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        found = f"bytes that are not UTF-8 at position {error.start}"
        return None, [Problem(name, 0, "", found, "a UTF-8 text file", "save it as UTF-8 text")]
    if odd := ODD_CHARACTER.search(text):
        row = text.count("\n", 0, odd.start())
        found = f"the invisible character U+{ord(odd.group()):04X} in line {row + 1}"
        return None, [Problem(name, 0, "", found, "text of visible characters", "delete it")]
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if not lines:
        return None, [Problem(name, 0, "", "an empty file", "a header line", "add the header")]
    width = lines[0].count("\t")
    uneven = [
        Problem(
            name, row, "", f"{line.count(chr(9)) + 1} cells",
            f"at most {width + 1}, as in the header", "remove the extra tabs",
        )
        for row, line in enumerate(lines[1:], start=1)
        if line.count("\t") > width
    ]  # fmt: skip
    if uneven:
        return None, uneven
    frame = pd.read_csv(
        io.StringIO("\n".join(lines)), sep="\t", dtype=str, keep_default_na=False, quoting=3
    )
    return frame.fillna("").apply(lambda column: column.str.strip()), []


def _missing_files(samples: pd.DataFrame) -> list[Problem]:
    named = [
        (row, column, without, path)
        for row, sample in enumerate(samples.to_dict("records"), start=1)
        for column, without in FILE_COLUMNS.items()
        if (path := named_file(sample, column))
    ]
    absent = [
        Problem(
            "samples", row, column, f"no file {path!r}",
            "an existing file, given relative to the working directory",
            f"correct the path, or empty the cell: {without}",
        )
        for row, column, without, path in named
        if not Path(path).exists()
    ]  # fmt: skip
    return absent + [
        Problem(
            "samples", row, column, f"braces in {path!r}", "a path without { and }",
            "rename the file or folder: Snakemake takes what stands in braces for a wildcard",
        )
        for row, column, _, path in named
        if Path(path).exists() and set(path) & set("{}")
    ]  # fmt: skip


def problem_text(problems: list[Problem], paths: dict[str, str]) -> str:
    """Return all problems as one message, by file."""
    lines = []
    for name in SHEETS:
        mine = sorted(problem for problem in problems if problem.sheet == name)
        if mine:
            lines += [
                f"Please correct {paths.get(name, name + '.tsv')}:",
                *(f"  {p}" for p in mine),
            ]
    return "\n".join(lines)
