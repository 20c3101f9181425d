"""A laboratory's catalogue of isoforms: a table that names what unusual junctions make."""

import csv
import re

from aftercar.contracts.isoforms import Isoform

ID, INTRONS, KIND = "isoform_id", "introns_GRCh38_first_last", "class"
_INTRON = re.compile(r"([A-Za-z0-9_.]+):([1-9][0-9]*)-([1-9][0-9]*)")


class IsoformCatalogueError(ValueError):
    """A catalogue of isoforms that cannot be read, with all that is wrong with it."""


def read_isoforms(path: str) -> list[Isoform]:
    """Return the isoforms of a tab-separated table; none without a path.

    Columns: isoform_id (unique), introns_GRCh38_first_last (contig:first-last, 1-based, several
    separated by ;) and, optionally, class in words. Further columns are not read. Raises
    IsoformCatalogueError that names every fault.
    """
    if not path:
        return []
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise IsoformCatalogueError(
            f"{path}: found no readable table ({error}), expected a tab-separated catalogue of "
            "isoforms. To mend it: correct sequencing/isoform_catalogue in config.yaml"
        ) from error
    missing = [name for name in (ID, INTRONS) if rows and name not in rows[0]]
    if missing or not rows:
        raise IsoformCatalogueError(
            f"{path}: found {'no column ' + ', '.join(missing) if missing else 'no rows'}, "
            f"expected columns {ID} and {INTRONS}. To mend it: add them, separated by tabs"
        )
    isoforms: list[Isoform] = []
    problems = []
    for number, row in enumerate(rows, start=1):
        parts = [_INTRON.fullmatch(part) for part in (row[INTRONS] or "").split(";")]
        known = [part for part in parts if part is not None]
        contigs = {part[1] for part in known}
        spans = [(int(part[2]), int(part[3])) for part in known]
        if len(known) < len(parts) or len(contigs) > 1 or any(a > b for a, b in spans):
            problems.append(
                f"row {number}, column {INTRONS}: found {row[INTRONS]!r}, expected introns of one "
                "contig such as chr16:28932089-28932910, separated by ;"
            )
        elif not row[ID] or row[ID] in {isoform.name for isoform in isoforms}:
            problems.append(f"row {number}, column {ID}: found {row[ID]!r}, expected a unique name")
        else:
            kind = (row.get(KIND) or "").replace("_", " ")
            isoforms.append(Isoform(row[ID], kind, contigs.pop(), frozenset(spans)))
    if problems:
        raise IsoformCatalogueError(
            "\n  ".join([f"{path}: cannot be used. Please correct:", *problems])
        )
    return isoforms
