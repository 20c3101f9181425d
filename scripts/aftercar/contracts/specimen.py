"""Columns that name a specimen, the checks it went through and the files it came from."""

from aftercar.contracts.table import IDENTIFIER, Column, Table
from aftercar.contracts.vocabulary import ASSAYS, CHECK_VERDICT, SPECIMENS

SAMPLE_ID = Column("string", "specimen and assay, as in samples.tsv", pattern=IDENTIFIER)
PATIENT_ID = Column("string", "patient pseudonym, as in patients.tsv", pattern=IDENTIFIER)
DAY = Column("int64", "day of collection, counted from the first infusion", nullable=True)
SPECIMEN = Column("string", "what was collected", allowed=SPECIMENS)
KNOWN_FROM_DAY = Column(
    "int64",
    "first day on which the value could be known: the latest collection day of all specimens used "
    "to obtain it (a variant found at relapse and looked for in an older specimen is known from "
    "the relapse on)",
    nullable=True,
)

WHO_WHEN = {
    "sample_id": SAMPLE_ID,
    "patient_id": PATIENT_ID,
    "day": DAY,
    "specimen": SPECIMEN,
}


def who_when(sample: dict[str, str]) -> dict[str, object]:
    """Return the columns of WHO_WHEN of a specimen, from its row of samples.tsv."""
    return {
        "sample_id": sample["sample_id"],
        "patient_id": sample["patient_id"],
        "day": int(sample["day"]) if sample["day"] else None,
        "specimen": sample["specimen"],
    }


QUALITY = Table(
    name="quality checks",
    key=("sample_id", "check"),
    columns={
        "sample_id": SAMPLE_ID,
        "patient_id": Column("string", "patient pseudonym; empty for a control of a batch"),
        "day": DAY,
        "assay": Column("string", "kind of assay", allowed=ASSAYS),
        "batch": Column("string", "batch, as in samples.tsv"),
        "check": Column("string", "what was checked", pattern=r"[a-z0-9_]+(:[A-Za-z0-9_.+-]+)?"),
        "value": Column("float64", "what was found", nullable=True),
        "unit": Column("string", "unit of value"),
        "verdict": Column(
            "string",
            "PASS; FLAG: used, but read the message; FAIL: the specimen is FAILED; NOT_POSSIBLE: "
            "the file lacks what the check needs",
            allowed=CHECK_VERDICT,
        ),
        "message": Column("string", "what was found and what to do about it"),
    },
)


def quality_row(
    sample: dict[str, str],
    check: str,
    value: float | None,
    unit: str,
    verdict: str,
    message: str = "",
) -> dict[str, object]:
    """Return a row of QUALITY of a specimen, from its row of samples.tsv."""
    who = who_when(sample)
    del who["specimen"]
    return who | {
        "assay": sample["assay"],
        "batch": sample["batch"],
        "check": check,
        "value": value,
        "unit": unit,
        "verdict": verdict,
        "message": message,
    }


INPUT_FILES = Table(
    name="input files",
    key=("sample_id", "role"),
    columns={
        "sample_id": SAMPLE_ID,
        "patient_id": Column("string", "patient pseudonym; empty for a control of a batch"),
        "role": Column(
            "string",
            "what the file is to the specimen: data, workspace, compensation, bam, barcodes, "
            "variants, reference, panel_of_normals, run_background, isoform_catalogue, labels, "
            "contigs",
        ),
        "bytes": Column("int64", "size", minimum=0, nullable=True),
        "sha256": Column("string", "SHA-256 of the content; empty: unreadable"),
    },
)

INPUT_CHECKS = Table(
    name="problems found in the headers of input files",
    key=("sample_id", "problem"),
    columns={
        "sample_id": SAMPLE_ID,
        "row": Column("int64", "row of samples.tsv, counted from 1 without the header", minimum=1),
        "problem": Column("string", "what is wrong"),
        "expected": Column("string", "what a good file has"),
        "remedy": Column("string", "what to do"),
    },
)
