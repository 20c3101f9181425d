"""A contract refuses what it does not promise, and names all faults at once."""

import pandas as pd
import pytest

from aftercar.contracts import cytometry, evidence, sequencing, singlecell, specimen
from aftercar.contracts.table import Column, ContractError, Table
from aftercar.io.tables import concatenate_tables, read_table, write_table

TABLE = Table(
    name="cells",
    key=("sample_id",),
    columns={
        "sample_id": Column("string", "specimen", pattern=r"[A-Za-z0-9-]+"),
        "count": Column("int64", "cells", minimum=0, nullable=True),
        "fraction": Column("float64", "share", minimum=0, maximum=1, nullable=True),
        "status": Column("string", "status", allowed=("GOOD", "BAD")),
        "note": Column("string", "free text"),
    },
)
ALL_TABLES = [
    value
    for module in (cytometry, evidence, sequencing, singlecell, specimen)
    for value in vars(module).values()
    if isinstance(value, Table)
]


def row(**values):
    return {"sample_id": "A", "count": 1, "fraction": 0.5, "status": "GOOD"} | values


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"count": -1}, "column count, row 1: -1 is below 0"),
        ({"count": 9.5}, "9.5 is not a whole number"),
        ({"count": "many"}, "'many' is not a number"),
        ({"fraction": 1.5}, "1.5 is above 1"),
        ({"status": "negative"}, "'negative' is not one of GOOD, BAD"),
        ({"sample_id": "../A"}, r"is not of the form"),
        ({"sample_id": None}, "column sample_id, row 1: None is missing"),
        ({"colour": "red"}, r"has no columns \['colour'\]"),
    ],
)
def test_a_broken_promise_is_refused(values, fault):
    with pytest.raises(ContractError, match=fault):
        TABLE.frame([row(**values)])


def test_all_faults_are_named_at_once():
    with pytest.raises(ContractError, match=r"count.*fraction.*status"):
        TABLE.frame([row(count=-1, fraction=2, status="x")])


def test_a_repeated_key_is_refused():
    with pytest.raises(
        ContractError, match=r"row 2: key \('sample_id',\) = \('A',\) is not unique"
    ):
        TABLE.frame([row(), row()])


def test_other_columns_or_another_order_are_refused():
    with pytest.raises(ContractError, match=r"has columns .* needs"):
        TABLE.check(TABLE.frame([row()])[["count", "sample_id", "fraction", "status", "note"]])


def test_rows_come_out_in_the_order_of_the_key():
    rows = TABLE.frame([row(sample_id=name) for name in "CAB"])
    assert list(rows["sample_id"]) == ["A", "B", "C"]


@pytest.mark.parametrize("suffix", ["tsv", "parquet"])
@pytest.mark.parametrize("name", ["007", "NA", "1e5", "nan", "None", "TRUE"])
def test_identifiers_survive_a_round_trip_as_text(tmp_path, suffix, name):
    path = tmp_path / f"table.{suffix}"
    written = TABLE.frame([row(sample_id=name, count=None, fraction=None)])
    write_table(TABLE, written, path)
    pd.testing.assert_frame_equal(read_table(TABLE, path), written)


@pytest.mark.parametrize(
    "text", ["=1+1", "+cmd|'/C calc'!A0", "-2", "@SUM(A1)", "'=x", "''-", 'a"b', "it's", "' x"]
)
def test_text_that_a_spreadsheet_would_run_is_made_inert_and_comes_back_unchanged(tmp_path, text):
    path = tmp_path / "table.tsv"
    write_table(TABLE, TABLE.frame([row(note=text)]), path)
    cell = path.read_text().splitlines()[1].split("\t")[-1]
    assert cell[0] not in "=+-@"
    assert read_table(TABLE, path)["note"].iloc[0] == text


def test_tabs_and_line_breaks_in_text_do_not_break_the_table(tmp_path):
    path = tmp_path / "table.tsv"
    write_table(TABLE, TABLE.frame([row(note="a\tb\nc")]), path)
    assert read_table(TABLE, path)["note"].iloc[0] == "a b c"


def test_the_same_rows_in_another_order_give_the_same_bytes(tmp_path):
    rows = [row(sample_id=name, fraction=1 / 3) for name in "BCA"]
    write_table(TABLE, TABLE.frame(rows), tmp_path / "1.tsv")
    write_table(TABLE, TABLE.frame(rows[::-1]), tmp_path / "2.tsv")
    assert (tmp_path / "1.tsv").read_bytes() == (tmp_path / "2.tsv").read_bytes()


def test_the_error_names_the_file(tmp_path):
    path = tmp_path / "A.tsv"
    path.write_text("sample_id\nA\n")
    with pytest.raises(ContractError, match=r"A\.tsv: cells: has columns"):
        read_table(TABLE, path)


def test_tables_of_several_files_become_one(tmp_path):
    paths = [tmp_path / f"{name}.tsv" for name in "BA"]
    for path in paths:
        write_table(TABLE, TABLE.frame([row(sample_id=path.stem)]), path)
    write_table(TABLE, TABLE.empty(), tmp_path / "empty.tsv")
    joined = concatenate_tables(TABLE, [*paths, tmp_path / "empty.tsv"])
    assert list(joined["sample_id"]) == ["A", "B"]


@pytest.mark.parametrize("fault", ["2.5", "NA", "many"])
def test_of_many_tables_the_one_that_breaks_the_contract_is_named(tmp_path, fault):
    paths = [tmp_path / f"{name}.tsv" for name in "ABC"]
    for path in paths:
        write_table(TABLE, TABLE.frame([row(sample_id=path.stem)]), path)
    whole = paths[1].read_text()
    paths[1].write_text(whole.replace("\t0.5", f"\t{fault}"))
    assert paths[1].read_text() != whole
    with pytest.raises(ContractError, match=r"B\.tsv: cells: column fraction, row 1"):
        concatenate_tables(TABLE, paths)


def test_a_row_of_two_tables_counts_once_and_two_rows_of_one_key_are_refused(tmp_path):
    one, two = tmp_path / "1.tsv", tmp_path / "2.tsv"
    write_table(TABLE, TABLE.frame([row(fraction=0.25)]), one)
    assert len(concatenate_tables(TABLE, [one, one])) == 1
    write_table(TABLE, TABLE.frame([row(fraction=0.75)]), two)
    with pytest.raises(ContractError, match="not unique"):
        concatenate_tables(TABLE, [one, two])


def test_the_rows_of_a_table_without_a_last_line_break_are_not_joined_with_the_next(tmp_path):
    paths = [tmp_path / "1.tsv", tmp_path / "2.tsv"]
    for path in paths:
        write_table(TABLE, TABLE.frame([row(sample_id=path.stem)]), path)
    paths[0].write_text(paths[0].read_text().rstrip("\n"))
    assert list(concatenate_tables(TABLE, paths)["sample_id"]) == ["1", "2"]


@pytest.mark.parametrize("table", ALL_TABLES, ids=lambda table: table.name)
def test_every_table_survives_empty_and_explains_its_columns(tmp_path, table):
    write_table(table, table.empty(), tmp_path / "empty.tsv")
    assert list(read_table(table, tmp_path / "empty.tsv").columns) == list(table.columns)
    assert set(table.key) <= set(table.columns)
    assert all(column.description for column in table.columns.values())
