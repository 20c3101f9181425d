"""Read and write tables; both directions check the contract and name the file that breaks it."""

import io
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from aftercar.contracts.table import ContractError, Table
from aftercar.io.safe_sizes import open_text_bytes
from aftercar.io.whole_files import whole_file

# A spreadsheet runs a cell that starts so as a formula; a leading apostrophe makes it text.
FORMULA = re.compile(r"^'*[=+\-@\t\r]")


def read_table(contract: Table, path: str | Path) -> pd.DataFrame:
    """Read .parquet or tab-separated text; identifiers such as 007 or NA stay text."""
    parquet = Path(path).suffix == ".parquet"
    return _checked(contract, pd.read_parquet(path) if parquet else _parsed(contract, path), path)


def read_rows(contract: Table, path: str | Path) -> list[dict[str, Any]]:
    """Return the rows of a table as dictionaries; what is missing is None."""
    frame = read_table(contract, path)
    plain = frame.astype("object").where(frame.notna(), None)
    return [{str(name): value for name, value in row.items()} for row in plain.to_dict("records")]


def read_text_columns(path: str | Path, separator: str) -> pd.DataFrame:
    """Return a user's table with a header as text; an empty field behind each row is left out.

    Raises ValueError where rows are longer than the header or the file unpacks to far more than it
    holds, OSError, EOFError or zlib.error for a file that cannot be read.
    """
    with open_text_bytes(path) as file:
        frame = pd.read_csv(
            file, sep=separator, dtype=str, keep_default_na=False, encoding="utf-8-sig"
        )
    if isinstance(frame.index, pd.RangeIndex):
        return frame
    # pandas took the first fields of longer rows for names of the rows
    names = list(frame.columns)
    frame = frame.reset_index()
    if (frame.iloc[:, len(names) :] != "").to_numpy().any():
        raise ValueError("rows are longer than the header")
    return frame.iloc[:, : len(names)].set_axis(names, axis=1)


def write_table(contract: Table, frame: pd.DataFrame, path: str | Path) -> None:
    """Write .parquet or tab-separated text, the same bytes for the same table."""
    frame = _checked(contract, frame, path)
    if Path(path).suffix == ".parquet":
        with whole_file(path) as part:
            frame.to_parquet(part, index=False)
        return
    for name in _text_columns(contract):
        frame[name] = frame[name].map(_inert)
    with whole_file(path) as part:
        frame.to_csv(
            part, sep="\t", index=False, float_format="%.6g", lineterminator="\n", quoting=3
        )


def concatenate_tables(contract: Table, paths: Iterable[str | Path]) -> pd.DataFrame:
    """Return the rows of all files of one contract as one checked table, a row of several once.

    Rows that differ under one key raise ContractError. All rows are checked at once: for the
    thousand small tables of a cohort that takes seconds instead of minutes.
    """
    paths = list(paths)
    if not paths:
        return contract.empty()
    try:
        rows = _rows_of_all(contract, paths)
        return contract.check(rows.drop_duplicates(ignore_index=True))
    except ValueError:
        for path in paths:  # names the file that breaks the contract by itself
            read_table(contract, path)
        raise


def _rows_of_all(contract: Table, paths: list[str | Path]) -> pd.DataFrame:
    if Path(paths[0]).suffix == ".parquet":
        filled = [frame for path in paths if len(frame := pd.read_parquet(path))]
        return pd.concat(filled, ignore_index=True) if filled else contract.empty()
    header = "\t".join(contract.columns) + "\n"
    lines = [header]
    for path in paths:
        text = Path(path).read_text(encoding="utf-8")
        if not text.startswith(header):
            raise ContractError(f"{path}: {contract.name}: the header is not {header!r}")
        lines.append(text[len(header) :])
        if not text.endswith("\n"):
            lines.append("\n")
    return _parsed(contract, io.StringIO("".join(lines)))


def _parsed(contract: Table, source: str | Path | io.StringIO) -> pd.DataFrame:
    text = _text_columns(contract)
    frame = pd.read_csv(
        source,
        sep="\t",
        dtype=dict.fromkeys(text, str),
        keep_default_na=False,
        na_values={name: [""] for name in contract.columns if name not in text},
        quoting=3,
    )
    for name in set(text) & set(frame.columns):
        frame[name] = frame[name].map(_without_apostrophe)
    return frame


def _text_columns(contract: Table) -> list[str]:
    return [name for name, column in contract.columns.items() if column.dtype == "string"]


def _inert(text: str) -> str:
    """Make `text` fit one cell that no spreadsheet runs."""
    text = re.sub(r"[\t\r\n]+", " ", text)
    return f"'{text}" if FORMULA.match(text) else text


def _without_apostrophe(text: str) -> str:
    return text[1:] if text.startswith("'") and FORMULA.match(text) else text


def _checked(contract: Table, frame: pd.DataFrame, path: str | Path) -> pd.DataFrame:
    try:
        return contract.check(frame)
    except ContractError as error:
        raise ContractError(f"{path}: {error}") from None
