"""All measurements of one patient as rows of EVIDENCE; no specimen is lost."""

from collections.abc import Callable
from typing import NamedTuple

import pandas as pd

from aftercar.contracts.cytometry import POPULATIONS, RATIOS
from aftercar.contracts.sequencing import BIALLELIC, CALLABILITY, CLONES, LOH, SPLICING, VARIANTS
from aftercar.contracts.singlecell import ANTIGEN_LOSS, CELL_POPULATIONS, CLONE_HISTORY
from aftercar.contracts.specimen import INPUT_FILES, QUALITY
from aftercar.evidence.collect_cytometry import population_evidence, ratio_evidence
from aftercar.evidence.collect_laboratory import laboratory_evidence
from aftercar.evidence.collect_sequencing import (
    biallelic_evidence,
    callability_evidence,
    clone_evidence,
    loh_evidence,
    splicing_evidence,
    variant_evidence,
)
from aftercar.evidence.collect_singlecell import (
    antigen_loss_evidence,
    cell_population_evidence,
    clone_history_evidence,
)
from aftercar.evidence.evidence_rows import evidence_row
from aftercar.evidence.repeated import without_repeats
from aftercar.evidence.timeline import infusion_of

STREAM_OF_ASSAY = {
    "flow": "cytometry",
    "dna": "sequencing",
    "rna": "sequencing",
    "scrna": "singlecell",
    "scdna": "singlecell",
}
# Name of a stream table of one patient -> its contract.
STREAM_TABLES = {
    "populations": POPULATIONS,
    "ratios": RATIOS,
    "variants": VARIANTS,
    "callability": CALLABILITY,
    "splicing": SPLICING,
    "loh": LOH,
    "biallelic": BIALLELIC,
    "clones": CLONES,
    "antigen_loss": ANTIGEN_LOSS,
    "clone_history": CLONE_HISTORY,
    "cell_populations": CELL_POPULATIONS,
    "quality": QUALITY,
    "inputs": INPUT_FILES,
}


# A stream that was not needed; never written to.
NOTHING = pd.DataFrame()


class StreamTables(NamedTuple):
    """What the streams found in one patient; a stream that his assays do not need is empty."""

    populations: pd.DataFrame = NOTHING
    ratios: pd.DataFrame = NOTHING
    variants: pd.DataFrame = NOTHING
    callability: pd.DataFrame = NOTHING
    splicing: pd.DataFrame = NOTHING
    loh: pd.DataFrame = NOTHING
    biallelic: pd.DataFrame = NOTHING
    clones: pd.DataFrame = NOTHING
    antigen_loss: pd.DataFrame = NOTHING
    clone_history: pd.DataFrame = NOTHING
    cell_populations: pd.DataFrame = NOTHING
    quality: pd.DataFrame = NOTHING
    inputs: pd.DataFrame = NOTHING


def collect_evidence(
    sheets: dict[str, list[dict[str, str]]], tables: StreamTables
) -> list[dict[str, object]]:
    """Return the rows of EVIDENCE of one patient, in the order of the contract's key.

    `sheets` holds his rows of patients, infusions, samples, labs and events as text. A specimen of
    samples.tsv without any measurement has a row of measure `specimen`: FAILED with the reason
    where a quality check failed, else NOT_ASSESSED. One data file under two specimens says nothing
    twice: see `without_repeats`.
    """
    infusions = sorted(map(infusion_of, sheets["infusions"]), key=lambda i: i.number)
    rows = [
        *_of(tables.populations, lambda table: population_evidence(table, infusions)),
        *_of(tables.ratios, ratio_evidence),
        *_of(tables.variants, variant_evidence),
        *_of(tables.callability, callability_evidence),
        *_of(tables.splicing, splicing_evidence),
        *_of(tables.loh, loh_evidence),
        *_of(tables.biallelic, biallelic_evidence),
        *_of(tables.clones, lambda table: clone_evidence(table, tables.variants)),
        *_of(
            tables.antigen_loss,
            lambda table: antigen_loss_evidence(table, _failed(tables.cell_populations)),
        ),
        *_of(
            tables.clone_history,
            lambda table: clone_history_evidence(table, tables.antigen_loss),
        ),
        *_of(tables.cell_populations, cell_population_evidence),
        *laboratory_evidence(sheets["labs"], infusions),
    ]
    rows = without_repeats(rows, tables.inputs, sheets["samples"])
    rows += _specimens_without_value(sheets["samples"], rows, tables.quality)
    return sorted(rows, key=_key)


def _failed(populations: pd.DataFrame) -> set[str]:
    """Specimens whose cells could not be read."""
    if populations.empty:
        return set()
    return set(populations.loc[populations["status"] == "FAILED", "sample_id"])


def _of(
    table: pd.DataFrame, collect: Callable[[pd.DataFrame], list[dict[str, object]]]
) -> list[dict[str, object]]:
    return collect(table) if len(table) else []


def _key(row: dict[str, object]) -> tuple:
    day = row["day"]
    return (
        row["patient_id"],
        (day is None, day or 0),
        row["measure"],
        row["target"],
        row["sample_id"],
        row["item"],
    )


def _specimens_without_value(
    samples: list[dict[str, str]], rows: list[dict[str, object]], quality: pd.DataFrame
) -> list[dict[str, object]]:
    measured = {row["sample_id"] for row in rows}
    failures: dict[str, list[str]] = {}
    for check in quality.to_dict("records") if len(quality) else []:
        if check["verdict"] == "FAIL":
            failures.setdefault(check["sample_id"], []).append(check["message"])
    return [
        evidence_row(
            patient_id=sample["patient_id"],
            day=int(sample["day"]),
            specimen=sample["specimen"],
            sample_id=sample["sample_id"],
            stream=STREAM_OF_ASSAY[sample["assay"]],
            measure="specimen",
            item=sample["assay"],
            status="FAILED" if sample["sample_id"] in failures else "NOT_ASSESSED",
            source="samples.tsv",
            flags="; ".join(failures.get(sample["sample_id"], ["no measurement"])),
        )
        for sample in samples
        if sample["sample_id"] not in measured and not sample["control_for"]
    ]
