"""AfterCAR as it gates a specimen: every cut placed on the data, every table's rows made."""

from aftercar.io.fcs import read_fcs
from benchmarks.samples import course, specimen


def prepare() -> None:
    """Nothing: templates are part of the run."""


def run(prepared: None, path: str) -> dict[str, int]:
    """Return counts by reported population."""
    patient = course()
    if patient.add(specimen(), read_fcs(path), []) is None:
        raise SystemExit("the specimen FAILED")
    _, rows = patient.tables()["populations"]
    return {row["population"]: row["count"] for row in rows if row["count"] is not None}
