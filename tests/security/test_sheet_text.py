"""Whatever stands in a cell of a sheet is refused, or is harmless where it goes."""

import re
import string
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aftercar.contracts.sheets import SHEETS
from aftercar.io.sheets import ODD_CHARACTER, read_sheets

# What a shell, a path, a template, a spreadsheet or a page would take for more than text.
TRICKS = (
    ";touch pwned", "$(touch pwned)", "`touch pwned`", "|sh", "&&sh", ">pwned", "'", '"', "\\",
    "../", "..", "/etc/passwd", "~root", "\x00", "\r", "\u2028", "\u202e", "\x0b", "\x85", "{0}",
    "{wildcards.patient}", "{{7*7}}", "%s", "*", "?", "[a]", "-rf", "=1+1", "<script>", " ", "\xa0",
    "\uff0e\uff0e\uff0f", "\u0430", "A\u0301", "é", "\u0661", ".", "-", "A" * 65, "\ufeff",
)  # fmt: skip
ENDS = {"\t", "\n", "\r"}  # these end a cell or a row
CELLS = st.one_of(
    st.sampled_from(TRICKS),
    st.lists(
        st.one_of(st.sampled_from(TRICKS), st.text(string.ascii_letters + "._-09", max_size=4)),
        max_size=4,
    ).map("".join),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
).filter(lambda text: not set(text) & ENDS and not ODD_CHARACTER.search(text))
SHEETS_OF_CELLS = st.lists(CELLS, min_size=60, max_size=60)
SHEET_ROWS = {
    "patients": {"patient_id": "A", "disease": "B-ALL"},
    "samples": {
        "sample_id": "A-1", "patient_id": "A", "day": "28", "specimen": "PB", "assay": "flow",
        "path": "", "panel": "b_cell_recovery", "batch": "X", "control_for": "", "infusion_no": "1",
        "reference": "", "workspace": "", "labels": "", "variants": "",
    },
    "infusions": {"patient_id": "A", "infusion_no": "1", "day": "0", "targets": "CD19"},
    "labs": {
        "patient_id": "A", "day": "7", "specimen": "PB", "analyte": "wbc", "value": "9",
        "unit": "cells/uL",
    },
    "events": {"patient_id": "A", "day": "90", "event": "relapse", "detail": ""},
}  # fmt: skip
# Columns that file names, wildcards or the lookup of a file are made of.
NAMES = (
    ("patients", "patient_id"), ("samples", "sample_id"), ("samples", "patient_id"),
    ("samples", "batch"), ("samples", "panel"), ("samples", "reference"), ("samples", "day"),
    ("samples", "assay"), ("samples", "specimen"), ("samples", "control_for"),
    ("samples", "infusion_no"), ("infusions", "patient_id"), ("infusions", "infusion_no"),
    ("labs", "analyte"), ("events", "event"),
)  # fmt: skip
FOLDER = Path("/cohort/results")
# fmo:<marker> is the only word with a colon; it goes into no path
HARMLESS = re.compile(r"[A-Za-z0-9._:-]*", re.ASCII)


@pytest.fixture(scope="module")
def read(tmp_path_factory):
    """A function that writes good sheets, one with a row more per cell given, and reads them."""
    root = Path(__file__).resolve().parents[2]
    folder = tmp_path_factory.mktemp("sheets")
    schemas = {name: root / f"workflow/schemas/{name}.schema.yaml" for name in SHEETS}
    paths = {name: str(folder / f"{name}.tsv") for name in SHEETS}

    def run(sheet="", column="", cells=(), **others):
        for name, row in SHEET_ROWS.items():
            more = [row | others | {column: cell} for cell in cells] if name == sheet else []
            if name == "samples" and column != "sample_id":  # a row is known by its own name
                more = [one | {"sample_id": f"A-{n}"} for n, one in enumerate(more, start=2)]
            lines = [list(row), *(list(one.values()) for one in (row, *more))]
            Path(paths[name]).write_bytes("\n".join(map("\t".join, lines)).encode() + b"\n")
        return read_sheets(paths, schemas, {"b_cell_recovery": ["CD19"]}, {"demo"})

    return run


def test_the_sheets_without_a_trick_are_accepted(read):
    assert read()[1] == []


@pytest.mark.parametrize(("sheet", "column"), NAMES, ids=[".".join(name) for name in NAMES])
@settings(max_examples=3, suppress_health_check=[HealthCheck.too_slow])
@given(cells=SHEETS_OF_CELLS)
def test_a_cell_that_names_files_or_rules_is_plain_or_refused(read, sheet, column, cells):
    sheets, problems = read(sheet, column, cells)
    refused = {problem.row for problem in problems if problem.sheet == sheet}
    kept = list(sheets[sheet][column])
    assert len(kept) == len(cells) + 1
    for row, name in enumerate(kept, start=1):
        if row not in refused:
            assert HARMLESS.fullmatch(name), repr(name)
            assert (FOLDER / f"{name}.tsv").resolve().parent == FOLDER
            # as a folder of its own: results/cytometry/gates/<patient>
            assert not name or (FOLDER / name).resolve().parent == FOLDER


@pytest.mark.parametrize(
    "trick", ["..", "../B", "/A", "A/B", "A\\B", "-A", "Ä", "\u0410", "A\u202e"]
)
@pytest.mark.parametrize(
    ("sheet", "column"), [("patients", "patient_id"), ("samples", "sample_id")]
)
def test_an_identifier_that_could_leave_its_folder_is_refused(read, sheet, column, trick):
    _, problems = read(sheet, column, [trick])
    assert any((p.sheet, p.row, p.column) == (sheet, 2, column) for p in problems)


@pytest.mark.parametrize("odd", ["\x00", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\x1b", "\x7f"])
def test_a_character_that_programs_read_differently_is_refused_with_its_line(read, odd):
    """The reader of tables drops a NUL: patient A<NUL> would have become patient A."""
    _, (problem,) = read("patients", "patient_id", [f"B{odd}"])
    assert f"U+{ord(odd):04X} in line 3" in problem.found


@settings(max_examples=3, suppress_health_check=[HealthCheck.too_slow])
@given(cells=SHEETS_OF_CELLS)
def test_a_path_that_is_no_file_is_refused_by_name_and_never_run(read, cells):
    """A path may hold anything: it is only ever opened. What does not exist stops the launch."""
    sheets, problems = read("samples", "path", cells)
    refused = {problem.row for problem in problems if problem.column == "path"}
    for row, path in enumerate(sheets["samples"]["path"], start=1):
        assert row in refused or path == "" or Path(path).exists()


@settings(max_examples=3, suppress_health_check=[HealthCheck.too_slow])
@given(cells=SHEETS_OF_CELLS)
def test_free_text_stays_one_cell_of_its_row(read, cells):
    sheets, problems = read("events", "detail", cells)
    assert problems == []
    assert list(sheets["events"]["detail"]) == ["", *(cell.strip() for cell in cells)]


@pytest.mark.parametrize(
    ("sheet", "column", "name"), [("patients", "patient_id", "a"), ("samples", "sample_id", "a-1")]
)
def test_names_that_are_one_file_on_some_disks_are_refused(read, sheet, column, name):
    """On such a disk the page of the one patient would overwrite that of the other."""
    _, problems = read(sheet, column, [name])
    (problem,) = [one for one in problems if one.column == column]
    assert (problem.sheet, problem.row) == (sheet, 2)
    assert f"{name!r} beside {name.upper()!r}" in problem.found


@pytest.mark.parametrize(
    ("assay", "batches", "refused"),
    [
        ("flow", ["b1", "B1"], True),  # batches/b1.cuts.tsv
        ("dna", ["r1", "R1"], True),  # backgrounds/r1.background.tsv
        ("flow", ["", "unbatched"], True),  # a row without batch is of batches/unbatched.cuts.tsv
        ("flow", ["Unbatched", ""], True),
        ("dna", ["", "unbatched"], False),  # a run without a name has no file
        ("flow", ["b1", "b1"], False),
        ("flow", ["b1", "b2"], False),
    ],
)
def test_batches_that_are_one_file_on_some_disks_are_refused(read, assay, batches, refused):
    """On such a disk the controls of the one batch would place the cuts of the other."""
    _, problems = read("samples", "batch", batches, assay=assay)
    told = [(p.sheet, p.row, p.column, p.found) for p in problems if p.column != "path"]
    found = f"{batches[1]!r} beside {batches[0]!r}"
    assert told == ([("samples", 3, "batch", found)] if refused else [])
