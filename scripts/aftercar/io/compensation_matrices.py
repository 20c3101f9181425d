"""Compensation matrices that a laboratory names: tables, FlowJo workspaces and GatingML files."""

from dataclasses import replace
from pathlib import Path

from aftercar.contracts.events import FlowEvents, StatedMatrix
from aftercar.contracts.sheets import named_file
from aftercar.io.fcs import read_fcs
from aftercar.io.workspace import UnusableWorkspace, matrix_of_workspace

TABLES = (".csv", ".tsv", ".txt")
WORKSPACES = {".wsp": "the FlowJo workspace", ".xml": "the GatingML file"}
MAX_BYTES = 1_000_000  # a matrix of 60 detectors has some 40,000


def read_specimen(row: dict[str, str]) -> FlowEvents:
    """Return the events of a row of samples.tsv with what the row states of their compensation.

    Raises UnreadableFile for the FCS file. What is wrong with the matrix is told by the matrix:
    the specimen then has events, but no compensation.
    """
    events = read_fcs(row["path"])
    if not row["compensation"]:
        return events
    if not named_file(row, "compensation"):
        return replace(events, stated=StatedMatrix("samples.tsv", compensated=True))
    return replace(events, stated=read_matrix(row["compensation"], row["path"]))


def read_matrix(path: str | Path, fcs_path: str | Path) -> StatedMatrix:
    """Return the matrix of a file as text; of a workspace, that of the sample `fcs_path`."""
    kind = Path(path).suffix.lower()
    if kind in WORKSPACES:
        try:
            return StatedMatrix(WORKSPACES[kind], matrix_of_workspace(fcs_path, path))
        except UnusableWorkspace as error:
            return StatedMatrix(WORKSPACES[kind], problem=str(error))
    source = "the table"
    if kind not in TABLES:
        expected = ", ".join((*TABLES, *WORKSPACES))
        return StatedMatrix(source, problem=f"its name ends in none of {expected}")
    try:
        if Path(path).stat().st_size > MAX_BYTES:
            return StatedMatrix(source, problem=f"it is larger than {MAX_BYTES:,} bytes")
        return StatedMatrix(source, Path(path).read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError:
        return StatedMatrix(source, problem="it is not UTF-8 text")
    except OSError as error:
        return StatedMatrix(source, problem=f"it cannot be opened ({type(error).__name__})")
