"""What joins finished shards instead of measuring (key `shards`). No rules in this file."""

import json

from aftercar.contracts.evidence import PATIENTS as PATIENT_ROWS
from aftercar.io.tables import read_table


def tables_to_join(final, **own):
    """Tables to join by name: `own`, or with shards the `final` ones of each and their provenance."""
    if not SHARDS:
        return own
    there = {
        name: [path.replace("<results>", f"{shard}/results") for shard in SHARDS]
        for name, path in final.items()
    }
    tables = [path for paths in there.values() for path in paths]
    return there | {"provenance": [f"{path}.provenance.json" for path in tables]}


def code_of_tables():
    """Digest of the code behind the joined tables, by rule; none of a rule that nobody needs."""
    needed = {
        "place_batch_cuts": BATCHES,
        "gate_patient": cohort_tables("", CYTOMETRY),
        "measure_background": RUNS,
        "call_variants": cohort_tables("", SEQUENCING),
        "genotype_cells": cohort_tables("", GENOTYPES),
        "compare_hits_in_cells": cohort_tables("", GENOTYPES),
        "test_antigen_loss": cohort_tables("", SINGLECELL),
        "assess_patient": PATIENTS,
    }
    return {
        name: getattr(rules, name).params.code
        for name, users in needed.items()
        if users
    }


def digests_of_rows():
    """Digest of the rows that each patient has in the five sheets, whatever their order and paths.

    Two shards, and the run that joins them, have the same digest where they saw the same rows.
    """
    found = {}
    for patient in PATIENTS:
        rows = sheet_rows(patient, *SHEETS)
        rows["samples"] = without_paths(rows["samples"])
        text = sorted(json.dumps([name, row]) for name in rows for row in rows[name])
        found[patient] = hashlib.sha256("\n".join(text).encode()).hexdigest()[:12]
    return found


def own_pages():
    """The pages that this run makes beside that of the cohort: with shards they stand there."""
    if SHARDS:
        return []
    patients = collect("<reports>/patients/{patient}.html", patient=PATIENTS)
    return ["<reports>/quality.html", *patients]


def pages_of_shards():
    """Pages that stand in the shards: of patients by name, on quality by shard; without shards None.

    A page of a patient whose tables the shard does not hold is left from an earlier run of it.
    """
    if not SHARDS:
        return None
    pages = {
        name: f"{shard}/reports/patients/{name}.html"
        for shard in SHARDS
        for name in read_table(
            PATIENT_ROWS, f"{shard}/results/risk/patients.tsv"
        ).patient_id
    }
    quality = {shard: f"{shard}/reports/quality.html" for shard in SHARDS}
    return {
        kind: {name: page for name, page in named.items() if Path(page).exists()}
        for kind, named in (("patients", pages), ("quality", quality))
    }
