"""What the self-test demands of each stream, and whether the tables of a run keep to it."""

import math
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from itertools import pairwise

import pandas as pd
from tests.selftest.planted import DOSES, NEGATIVE, SWAPPED, TITRATION

FOUND = ("QUANTIFIED", "DETECTED_BELOW_LLOQ")
# A figure of another version of Python or of a library may differ from the reference by this share.
TOLERANCE = 0.02
COLUMNS = ("stream", "patient", "value", "low", "high", "limit", "status")
Truth = Mapping[tuple[str, str], float]  # stream, patient whose file it is -> planted


@dataclass(frozen=True)
class Stream:
    """A measure of the evidence table that follows what is planted in the files of an assay.

    `specimen` is the end of the sample_id, `negatives` holds the status words that may stand where
    nothing is planted.
    """

    name: str
    assay: str  # of samples.tsv; empty: a row of labs.tsv
    specimen: str
    measured_by: str  # column `stream` of the evidence
    measure: str
    target: str = ""
    negatives: tuple[str, ...] = ("NOT_DETECTED",)


STREAMS = (
    Stream("flow: blasts of leukocytes", "flow", "BM-mrd", "cytometry", "flow_mrd_fraction"),
    Stream(
        "flow: CD7+ of T cells", "flow", "PB-tline", "cytometry", "cd7_positive_t_fraction", "CD7"
    ),
    Stream("DNA: CD19 frameshift, VAF", "dna", "BM-dna", "sequencing", "lof_variant_vaf", "CD19"),
    Stream(
        "RNA: CD19 exon 2 skipping", "rna", "BM-rna", "sequencing", "exon2_skipping_fraction",
        "CD19",
        # molecules are counted, and none of them is a number with an interval from 0
        ("NOT_DETECTED", "QUANTIFIED"),
    ),
    Stream(
        "cells: genotype, mutant share", "scrna", "PB-scrna", "sequencing", "mutant_cell_fraction",
        "CD19",
        # RNA of cells never excludes a clone
        ("NOT_DETECTED", "INDETERMINATE"),
    ),
    Stream(
        "cells: CD19 lost in expression", "scrna", "BM-scrna", "singlecell",
        "antigen_lost_cell_fraction", "CD19",
        # leukemic cells that are only compared with each other exclude no loss that all share
        ("NOT_DETECTED", "INDETERMINATE"),
    ),
    Stream("laboratory: CAR copies", "", "", "lab", "car_copies", "CD19"),
)  # fmt: skip


def figures(evidence: pd.DataFrame, streams: tuple[Stream, ...]) -> pd.DataFrame:
    """Return one row per stream and patient: value, interval, limit and status, all as text.

    A stream without a row of evidence has the status "no row", with several "<n> rows".
    """
    rows = []
    for stream in streams:
        mine = evidence[
            (evidence["stream"] == stream.measured_by)
            & (evidence["measure"] == stream.measure)
            & (evidence["target"] == stream.target)
            & evidence["sample_id"].str.endswith(stream.specimen)
        ]
        for patient in DOSES:
            found = mine[mine["patient_id"] == patient].to_dict("records")
            row = found[0] if len(found) == 1 else {"status": f"{len(found) or 'no'} row(s)"}
            rows.append(
                {"stream": stream.name, "patient": patient}
                | {name: str(row.get(name, "")) for name in COLUMNS[2:]}
            )
    return pd.DataFrame(rows, columns=list(COLUMNS), dtype=str)


def judge(
    measured: pd.DataFrame, truth: Truth, streams: tuple[Stream, ...]
) -> Iterator[tuple[str, str, str, str, bool]]:
    """Yield stream, control, what is expected, what was found, and whether it is as expected.

    `truth` is by the patient whose file it is; the files of the swapped patients stand in each
    other's rows.
    """
    rows = {(row["stream"], row["patient"]): row for row in measured.to_dict("records")}
    for stream in streams:
        row = rows[stream.name, NEGATIVE]
        yield (
            stream.name, "negative control", "nothing found", shown(row), _absent(row, stream)
        )  # fmt: skip
        doses = [rows[stream.name, name] for name in TITRATION]
        planted = [truth[stream.name, name] for name in TITRATION]
        for name, row, expected in zip(TITRATION, doses, planted, strict=True):
            yield (
                stream.name, f"titration {DOSES[name]:g}x", f"{expected:.3g} in the interval",
                shown(row), _present(row, expected),
            )  # fmt: skip
        values = [_number(row["value"]) for row in doses]
        rising = all(low < high for low, high in pairwise(values))
        yield (
            stream.name, "titration", "0.5x < 1x < 2x",
            " < ".join(f"{value:.3g}" for value in values) if rising else
            ", ".join(f"{value:.3g}" for value in values), rising,
        )  # fmt: skip
        said, other = SWAPPED  # the sheet says that the first has the disease and the second not
        yield (
            stream.name, "swapped label", f"{said}: nothing, as in its file",
            shown(rows[stream.name, said]), _absent(rows[stream.name, said], stream),
        )  # fmt: skip
        expected = truth[stream.name, said]
        yield (
            stream.name, "swapped label", f"{other}: {expected:.3g}, as in its file",
            shown(rows[stream.name, other]), _present(rows[stream.name, other], expected),
        )  # fmt: skip


def judge_risk(risk: pd.DataFrame) -> Iterator[tuple[str, str, str, str, bool]]:
    """Yield the same for the risk of antigen-negative relapse at the first landmark."""
    rows = risk[(risk["mechanism"] == "M2") & (risk["landmark"] == "D28")]
    found = dict(zip(rows["patient_id"], rows["category"], strict=True))
    said, other = SWAPPED
    for patient in DOSES:
        planted = DOSES[{said: other, other: said}.get(patient, patient)] > 0
        control = "swapped label" if patient in SWAPPED else "titration"
        control = "negative control" if patient == NEGATIVE else control
        category = found.get(patient, "no row")
        # the tests that show absence are among the files: not assessable is no answer here
        expected = "SIGNAL" if planted else "NO_SIGNAL"
        yield (
            "risk: M2 at D28", control, f"{patient}: {expected}", category, category == expected,
        )  # fmt: skip


def judge_inputs(
    inputs: pd.DataFrame, given: Set[tuple[str, str]]
) -> Iterator[tuple[str, str, str, str, bool]]:
    """Yield whether the list of inputs names, for each swapped row, the file that was given.

    `given` holds sample_id and SHA-256 of the file that stands in each of these rows.
    """
    listed = set(zip(inputs["sample_id"], inputs["sha256"], strict=True))
    seen = len(listed & given)
    yield (
        "inputs.tsv", "swapped label", f"{len(given)} exchanged files by their SHA-256",
        f"{seen} of {len(given)}", seen == len(given) > 0,
    )  # fmt: skip


def judge_reference(
    measured: pd.DataFrame, reference: pd.DataFrame, *, same_versions: bool
) -> Iterator[tuple[str, str, str, str, bool]]:
    """Yield whether the figures are those of the reference: the same text, else within TOLERANCE.

    The same text is demanded where Python and libraries have the versions of the reference.
    """
    keys = ["stream", "patient"]
    known = reference[reference["stream"].isin(set(measured["stream"]))]
    both = measured.merge(known, on=keys, how="outer", suffixes=("", "_reference"), validate="1:1")
    away = []
    for row in both.to_dict("records"):
        pairs = [(row[name], row[f"{name}_reference"]) for name in COLUMNS[2:]]
        same = all(found == stated for found, stated in pairs)
        close = not same_versions and all(_close(found, stated) for found, stated in pairs)
        if not same and not close:
            away.append(f"{row['stream']}, {row['patient']}")
    expected = "the same text" if same_versions else f"within {TOLERANCE:.0%} (other versions)"
    found = f"{len(both) - len(away)} of {len(both)}"
    yield (
        "reference", "figures", expected, "; ".join([found, *away[:3]]), not away and len(both) > 0
    )  # fmt: skip


def shown(row: Mapping[str, str]) -> str:
    """Return a figure as one reads it."""
    if not row["value"]:
        return row["status"]
    interval = f" [{row['low']}, {row['high']}]" if row["low"] else ""
    return f"{row['value']}{interval} {row['status']}"


def _absent(row: Mapping[str, str], stream: Stream) -> bool:
    nothing = not row["value"] if not row["low"] else _number(row["low"]) == 0
    return row["status"] in stream.negatives and nothing


def _present(row: Mapping[str, str], expected: float) -> bool:
    """Tell whether something was found, and that what is planted lies in its interval."""
    if row["status"] not in FOUND:
        return False
    low, high = (_number(row[name] or row["value"]) for name in ("low", "high"))
    return low > 0 and low <= expected * (1 + 1e-5) and expected * (1 - 1e-5) <= high


def _close(found: object, stated: object) -> bool:
    if found == stated:
        return True
    numbers = _number(found), _number(stated)
    return math.isclose(*numbers, rel_tol=TOLERANCE)


def _number(text: object) -> float:
    try:
        return float(str(text))
    except ValueError:
        return math.nan
