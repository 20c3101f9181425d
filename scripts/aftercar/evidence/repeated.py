"""One data file under several specimens of a patient: it cannot confirm itself, nor count twice."""

import pandas as pd

# A specimen that was not measured, or that FAILED, stays as it is.
MEASURED = ("QUANTIFIED", "DETECTED_BELOW_LLOQ", "NOT_DETECTED", "INDETERMINATE")
DATA_ROLES = ("data", "bam")
NUMBERS = ("value", "low", "high", "limit", "lloq", "count", "total")
Row = dict[str, object]


def same_files(inputs: pd.DataFrame, samples: list[dict[str, str]]) -> dict[str, list[str]]:
    """Return by sample_id the other specimens of the patient whose data file has the same content.

    `inputs` are the patient's rows of INPUT_FILES, `samples` his rows of samples.tsv. Rows that
    take different cells of one file (column barcodes) are no repeat.
    """
    barcodes = {sample["sample_id"]: sample.get("barcodes", "") for sample in samples}
    groups: dict[tuple[str, str], set[str]] = {}
    for row in inputs.to_dict("records") if len(inputs) else []:
        if row["role"] in DATA_ROLES and row["sha256"] and row["sample_id"] in barcodes:
            key = row["sha256"], barcodes[row["sample_id"]]
            groups.setdefault(key, set()).add(row["sample_id"])
    found: dict[str, set[str]] = {}
    for group in groups.values():
        for name in group if len(group) > 1 else ():
            found.setdefault(name, set()).update(group - {name})
    return {name: sorted(others) for name, others in sorted(found.items())}


def without_repeats(
    rows: list[Row], inputs: pd.DataFrame, samples: list[dict[str, str]]
) -> list[Row]:
    """Return rows of EVIDENCE in which a file under two specimens says nothing twice.

    Under two days or kinds of specimen nobody knows which is right: every measurement of the file
    is INDETERMINATE. Within one day and specimen the first specimen by name counts, the same
    measure of the others is NOT_ASSESSED.
    """
    others = same_files(inputs, samples)
    if not others:
        return rows
    place = {s["sample_id"]: (s["day"], s["specimen"]) for s in samples}
    taken = {(row["sample_id"], row["measure"], row["target"], row["item"]) for row in rows}

    def judged(row: Row) -> Row:
        name = str(row["sample_id"])
        same = others.get(name, [])
        if not same or row["status"] not in MEASURED:
            return row
        elsewhere = [other for other in same if place[other] != place[name]]
        if elsewhere:
            flag = f"same file as {', '.join(elsewhere)}: which day or specimen is right is unknown"
            return row | {"status": "INDETERMINATE", "flags": _flags(row, flag)}
        measure = row["measure"], row["target"], row["item"]
        first = next((o for o in same if o < name and (o, *measure) in taken), None)
        if first is None:
            return row
        flag = f"same file as {first}: counted once"
        blank = dict.fromkeys(NUMBERS)
        return row | blank | {"status": "NOT_ASSESSED", "flags": _flags(row, flag)}

    return [judged(row) for row in rows]


def _flags(row: Row, flag: str) -> str:
    return f"{flag}; {row['flags']}" if row["flags"] else flag
