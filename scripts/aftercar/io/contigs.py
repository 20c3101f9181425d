"""Read the receptor contigs of single cells: Cell Ranger's table or AIRR rearrangements."""

import re
from pathlib import Path

import pandas as pd

from aftercar.io.count_arrays import FAULTS_OF_READING
from aftercar.io.tables import read_text_columns

COLUMNS = ("barcode", "chain", "v_gene", "j_gene", "productive", "cdr3_nt", "umis")
CHAINS = ("IGH", "IGK", "IGL", "TRA", "TRB", "TRD", "TRG")
# Names of our columns in each format, the first that the file has; AIRR Community 2018,
# 10.3389/fimmu.2018.02206. Cell Ranger's CDR3 runs from C to W or F, as AIRR's junction does.
CELL_RANGER = {name: (name,) for name in COLUMNS}
AIRR = {
    "barcode": ("cell_id",),
    "chain": ("locus", "v_call", "j_call"),
    "v_gene": ("v_call",),
    "j_gene": ("j_call",),
    "productive": ("productive",),
    "cdr3_nt": ("junction",),
    "umis": ("umi_count", "duplicate_count", "consensus_count"),
}
NEEDED = ("barcode", "chain", "productive", "cdr3_nt", "umis")
_TRUE, _FALSE = ("true", "t", "1"), ("false", "f", "0", "none", "")
_NOTHING = ("", "none")
_EXPECTED = (
    "filtered_contig_annotations.csv of Cell Ranger, or an AIRR table (.tsv) of rearrangements"
)


class UnreadableContigs(ValueError):  # noqa: N818 - the name says what happened to the file
    """The contigs cannot be used; `findings` hold found, expected and remedy of all problems."""

    def __init__(self, findings: list[tuple[str, str, str]]) -> None:
        """Join the findings into one message."""
        self.findings = findings
        super().__init__(
            "; ".join(
                f"found {found}, expected {expected}. To mend it: {remedy}"
                for found, expected, remedy in findings
            )
        )


def contig_problems(path: str | Path) -> list[tuple[str, str, str]]:
    """Return (found, expected, remedy) for what is wrong with a file of contigs."""
    try:
        read_contigs(path)
    except UnreadableContigs as error:
        return error.findings
    return []


def read_contigs(path: str | Path) -> pd.DataFrame:
    """Return a row per contig of a cell: barcode, chain, v_gene, j_gene, productive, cdr3_nt, umis.

    Contigs that the file calls no cell's or of low confidence, chains other than IGH, IGK, IGL,
    TRA, TRB, TRD and TRG, and contigs without a CDR3 are left out; unproductive ones are kept.
    Raises UnreadableContigs, which tells all problems at once.
    """
    frame = _text(path)
    names = AIRR if "cell_id" in frame.columns else CELL_RANGER
    found = {
        ours: next((name for name in theirs if name in frame.columns), None)
        for ours, theirs in names.items()
    }
    if missing := [names[ours][0] for ours in NEEDED if found[ours] is None]:
        raise UnreadableContigs(
            [(f"no column {', '.join(missing)} in the contigs", _EXPECTED, "name the right file")]
        )
    wrong = _wrong_cells(frame, found)
    if wrong:
        raise UnreadableContigs(wrong)
    table = pd.DataFrame(
        {ours: frame[theirs] if theirs else "" for ours, theirs in found.items()}, columns=COLUMNS
    )
    table["productive"] = frame[found["productive"]].str.lower().isin(_TRUE)
    if "v_call" in frame.columns:  # Cell Ranger's AIRR table has no locus
        table["chain"] = table["chain"].where(table["chain"] != "", frame["v_call"])
    table["chain"] = table["chain"].str.upper().str[:3]
    for name in ("v_gene", "j_gene"):
        table[name] = table[name].str.split("*").str[0]  # without the allele
    table["cdr3_nt"] = table["cdr3_nt"].str.upper()
    table["umis"] = pd.to_numeric(table["umis"].replace("", "0")).astype("int64")
    keep = table["chain"].isin(CHAINS) & ~table["cdr3_nt"].str.lower().isin(_NOTHING)
    keep &= table["barcode"] != ""
    for name in ("is_cell", "high_confidence"):
        if name in frame.columns:
            keep &= ~frame[name].str.lower().isin(("false", "f"))
    return table[keep].reset_index(drop=True)


def _text(path: str | Path) -> pd.DataFrame:
    separator = "\t" if Path(path).name.removesuffix(".gz").endswith(".tsv") else ","
    try:
        frame = read_text_columns(path, separator)
    except FAULTS_OF_READING:
        raise UnreadableContigs(
            [("no table in the contigs", _EXPECTED, "name the file that the pipeline wrote")]
        ) from None
    return frame.apply(lambda column: column.str.strip())


def _wrong_cells(frame: pd.DataFrame, found: dict[str, str | None]) -> list[tuple[str, str, str]]:
    """Return what is wrong with values, by column."""
    rules = (
        ("productive", lambda text: text.lower() in (*_TRUE, *_FALSE), "true or false"),
        ("umis", lambda text: bool(re.fullmatch(r"\d{0,9}(\.0)?", text)), "a whole number"),
        (
            "cdr3_nt",
            lambda text: text.lower() in _NOTHING or bool(re.fullmatch("[ACGTNacgtn]+", text)),
            "letters A, C, G and T",
        ),
    )
    told = []
    for ours, allowed, expected in rules:
        name = str(found[ours])
        bad = ~frame[name].map(allowed).astype(bool)
        if bad.any():
            row = int(bad.to_numpy().argmax())
            told.append(
                (
                    f"{frame[name].iloc[row][:30]!r} in row {row + 1}, column {name} of the "
                    f"contigs ({int(bad.sum())} such rows)",
                    expected,
                    "export the table again, without editing it by hand",
                )
            )
    return told
