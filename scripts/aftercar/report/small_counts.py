"""Small counts of patients: none is shown, nor one that follows from the others by subtraction."""

SECOND = "not shown"
COUNTS = (
    "patients", "at_risk", "events", "censored", "seen", "not_attributable", "unknown",
    "not_applicable", "visits",
)  # fmt: skip
# An estimate over so few patients tells their number.
GROUPS = ("patients", "at_risk")
ESTIMATES = (
    "survival", "incidence", "probability", "share", "patient_months", "visits_per_month", "median",
    "hazard_ratio",
)  # fmt: skip


def shown_count(count: int, suppress_below: int) -> str:
    """Return a count of patients; a small one only as smaller than the limit."""
    return f"< {suppress_below}" if 0 < count < suppress_below else str(count)


def shown_parts(counts: list[int], suppress_below: int) -> list[str]:
    """Return the counts of all parts of a known whole, so that no small one can be computed.

    Where the small ones follow from the whole and the others (there is one, or their sum leaves
    but one possibility), the next larger count is not shown either.
    """
    shown = [shown_count(count, suppress_below) for count in counts]
    hidden = [n for n, count in enumerate(counts) if 0 < count < suppress_below]
    total = sum(counts[n] for n in hidden)
    if hidden and (len(hidden) == 1 or total in (len(hidden), len(hidden) * (suppress_below - 1))):
        others = [n for n in range(len(counts)) if n not in hidden]
        # one without patients only where there is no other
        if others:
            shown[min(others, key=lambda n: (counts[n] == 0, counts[n]))] = SECOND
    return shown


def shown_groups(counts: list[int], suppress_below: int) -> list[str]:
    """Return the counts of groups whose sum is a count that is shown by the same rule."""
    if sum(counts) < suppress_below:
        return [shown_count(count, suppress_below) for count in counts]
    return shown_parts(counts, suppress_below)


def suppressed_table(table: str, suppress_below: int) -> str:
    """Return a tab-separated table of the cohort with small counts as "< n", for handing on.

    Estimates over fewer patients than that are left empty.
    """
    head, *rows = table.rstrip("\n").split("\n")
    names = head.split("\t")
    lines = []
    for row in rows:
        cells = dict(zip(names, row.split("\t"), strict=True))
        few = any(_is_small(cells.get(name, ""), suppress_below) for name in GROUPS)
        for name, cell in cells.items():
            if name in COUNTS and _is_small(cell, suppress_below):
                cells[name] = f"< {suppress_below}"
            elif few and name.startswith(ESTIMATES):
                cells[name] = ""
        lines.append("\t".join(cells.values()))
    return "\n".join([head, *lines]) + "\n"


def _is_small(cell: str, suppress_below: int) -> bool:
    return cell.isdigit() and 0 < int(cell) < suppress_below
