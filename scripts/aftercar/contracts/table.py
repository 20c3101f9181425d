"""What a table promises to its readers, and the one error that names a broken promise."""

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

IDENTIFIER = r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}"


class ContractError(ValueError):
    """A table does not keep the promise that its producer made to its consumers."""


@dataclass(frozen=True)
class Column:
    """What the values of one column may be.

    `dtype` is string, int64 or float64. A string is never missing: the empty string says "none".
    A nullable int64 column is read back as pandas' Int64. `description` gives meaning and unit;
    it is printed in the documentation of the outputs.
    """

    dtype: str
    description: str
    minimum: float | None = None
    maximum: float | None = None
    allowed: tuple[str, ...] = ()
    pattern: str = ""
    nullable: bool = False

    @property
    def pandas_dtype(self) -> str:
        """The dtype that the column has in memory."""
        return "Int64" if self.dtype == "int64" and self.nullable else self.dtype

    def violations(self, values: pd.Series) -> list[str]:
        """Say in words what is wrong with `values`; an empty list if nothing is."""
        # arrays, not series: a job checks some thirty tables of a few rows
        missing = values.isna().to_numpy()
        if missing.any() and not self.nullable:
            return [_describe(values, missing, "missing")]
        rules: list[tuple[np.ndarray, str]] = []
        if self.dtype != "string":
            numbers = pd.to_numeric(values, errors="coerce").to_numpy("float64", na_value=np.nan)
            if (unreadable := np.isnan(numbers) & ~missing).any():
                return [_describe(values, unreadable, "not a number")]
            if self.dtype == "int64":
                rules.append((numbers != np.floor(numbers), "not a whole number"))
                rules[-1][0][missing] = False
            if self.minimum is not None:
                rules.append((numbers < self.minimum, f"below {self.minimum}"))
            if self.maximum is not None:
                rules.append((numbers > self.maximum, f"above {self.maximum}"))
        if self.allowed:
            known = values.isin(self.allowed).to_numpy()
            rules.append((~known, f"not one of {', '.join(self.allowed)}"))
        if self.pattern:
            fits = re.compile(self.pattern).fullmatch
            broken = np.array([fits(value) is None for value in values], dtype=bool)
            rules.append((broken, f"not of the form {self.pattern}"))
        return [_describe(values, broken, why) for broken, why in rules if broken.any()]


def _describe(values: pd.Series, broken: np.ndarray, why: str) -> str:
    """Name the first of the broken rows (counted from 1) and how many there are."""
    first = int(broken.argmax())
    more = f" (and {int(broken.sum()) - 1} more)" if broken.sum() > 1 else ""
    value = values.iloc[first]
    shown = repr(value) if isinstance(value, str) else value
    return f"row {first + 1}: {shown} is {why}{more}"


@dataclass(frozen=True)
class Table:
    """Columns in order, the columns that identify a row (none: rows are anonymous), and a name.

    Rows are kept sorted by `key`, so that the same content gives the same bytes.
    """

    name: str
    key: tuple[str, ...]
    columns: dict[str, Column]

    def empty(self) -> pd.DataFrame:
        """Return the table without rows."""
        return pd.DataFrame(
            {name: pd.Series(dtype=column.pandas_dtype) for name, column in self.columns.items()}
        )

    def frame(self, rows: list[dict[str, object]]) -> pd.DataFrame:
        """Return `rows` as a checked table; a column that a row leaves out is missing (or "")."""
        if not rows:
            return self.empty()
        unknown = sorted({name for row in rows for name in row} - set(self.columns))
        if unknown:
            raise ContractError(f"{self.name}: has no columns {unknown}")
        blank = {name: "" if c.dtype == "string" else None for name, c in self.columns.items()}
        records = pd.DataFrame([blank | row for row in rows], columns=list(self.columns))
        return self.check(records)

    def check(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Return `frame` with declared dtypes, sorted by key; an error names all its faults."""
        if list(frame.columns) != list(self.columns):
            raise ContractError(
                f"{self.name}: has columns {list(frame.columns)}, needs {list(self.columns)}"
            )
        if frame.empty:
            return self.empty()
        wrong = [
            f"column {name}, {violation}"
            for name, column in self.columns.items()
            for violation in column.violations(frame[name])
        ]
        if self.key and (repeated := frame.duplicated(list(self.key))).any():
            first = int(repeated.to_numpy().argmax())
            values = tuple(frame[list(self.key)].iloc[first])
            wrong.append(f"row {first + 1}: key {self.key} = {values} is not unique")
        if wrong:
            raise ContractError(f"{self.name}: {'; '.join(wrong)}")
        typed = frame.astype({name: column.pandas_dtype for name, column in self.columns.items()})
        if not self.key or len(typed) < 2:
            return typed.reset_index(drop=True)
        return typed.sort_values(list(self.key), ignore_index=True)
