"""Tables as pages and JSON hold them: a caption, columns, and cells that say what they mean."""

from collections.abc import Sequence

# A cell is text, a list of texts (one line each), or a status with its sign (words.chip).
NOTHING = "\N{EN DASH}"  # what a cell shows that has nothing to say
# Columns that are left out where no row has anything to say in them.
OPTIONAL = ("Remarks", "Counted", "Control", "Detail", "Batch", "Panel", "What is known", "Grade")

Cell = str | list[str] | dict[str, str]


def table(
    caption: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[Cell]],
    *,
    empty: str,
    note: str = "",
    grouped: bool = False,
) -> dict[str, object]:
    """Return a table; `empty` is what to say where there are no rows (never only an empty space).

    A column whose name starts with # holds numbers and is aligned right. The first column names
    the row; with `grouped` it names the rows that share it, which then stand under one heading.
    """
    for row in rows:
        if len(row) != len(columns):
            raise ValueError(f"table {caption!r} has {len(columns)} columns, a row has {len(row)}")
    said = [
        not (name.removeprefix("#") in OPTIONAL and all(row[place] == NOTHING for row in rows))
        for place, name in enumerate(columns)
    ]
    if rows:
        columns = [name for name, keep in zip(columns, said, strict=True) if keep]
        rows = [[cell for cell, keep in zip(row, said, strict=True) if keep] for row in rows]
    return {
        "caption": caption,
        "columns": [{"label": c.removeprefix("#"), "numeric": c.startswith("#")} for c in columns],
        "rows": [list(row) for row in rows],
        "empty": empty,
        "note": note,
        "grouped": grouped,
    }


def dash(text: str | None) -> str:
    """Return text, or a dash where a cell has nothing to say."""
    return text or NOTHING
