"""All measurements of one patient as rows of EVIDENCE; no specimen is lost."""

from dataclasses import dataclass, field

import pandas as pd

from aftercar.contracts.cytometry import POPULATIONS, RATIOS
from aftercar.contracts.sequencing import CALLABILITY, CLONES, LOH, SPLICING, VARIANTS
from aftercar.contracts.singlecell import ANTIGEN_LOSS, CELL_POPULATIONS
from aftercar.contracts.specimen import QUALITY
from aftercar.evidence.collect_cytometry import population_evidence, ratio_evidence
from aftercar.evidence.collect_laboratory import laboratory_evidence
from aftercar.evidence.collect_sequencing import (
    callability_evidence,
    clone_evidence,
    loh_evidence,
    splicing_evidence,
    variant_evidence,
)
from aftercar.evidence.collect_singlecell import antigen_loss_evidence, cell_population_evidence
from aftercar.evidence.evidence_rows import evidence_row
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
    "clones": CLONES,
    "antigen_loss": ANTIGEN_LOSS,
    "cell_populations": CELL_POPULATIONS,
    "quality": QUALITY,
}


@dataclass(frozen=True, eq=False)
class StreamTables:
    """What the streams found in one patient; a stream that his assays do not need is empty."""

    populations: pd.DataFrame = field(default_factory=POPULATIONS.empty)
    ratios: pd.DataFrame = field(default_factory=RATIOS.empty)
    variants: pd.DataFrame = field(default_factory=VARIANTS.empty)
    callability: pd.DataFrame = field(default_factory=CALLABILITY.empty)
    splicing: pd.DataFrame = field(default_factory=SPLICING.empty)
    loh: pd.DataFrame = field(default_factory=LOH.empty)
    clones: pd.DataFrame = field(default_factory=CLONES.empty)
    antigen_loss: pd.DataFrame = field(default_factory=ANTIGEN_LOSS.empty)
    cell_populations: pd.DataFrame = field(default_factory=CELL_POPULATIONS.empty)
    quality: pd.DataFrame = field(default_factory=QUALITY.empty)


def collect_evidence(
    sheets: dict[str, list[dict[str, str]]], tables: StreamTables
) -> list[dict[str, object]]:
    """Return the rows of EVIDENCE of one patient, in the order of the contract's key.

    `sheets` holds his rows of patients, infusions, samples, labs and events as text. A specimen of
    samples.tsv without any measurement has a row of measure `specimen`: FAILED with the reason
    where a quality check failed, else NOT_ASSESSED.
    """
    infusions = sorted(map(infusion_of, sheets["infusions"]), key=lambda i: i.number)
    rows = [
        *population_evidence(tables.populations, infusions),
        *ratio_evidence(tables.ratios),
        *variant_evidence(tables.variants),
        *callability_evidence(tables.callability),
        *splicing_evidence(tables.splicing),
        *loh_evidence(tables.loh),
        *clone_evidence(tables.clones, tables.variants),
        *antigen_loss_evidence(tables.antigen_loss),
        *cell_population_evidence(tables.cell_populations),
        *laboratory_evidence(sheets["labs"], infusions),
    ]
    rows += _specimens_without_value(sheets["samples"], rows, tables.quality)
    return sorted(rows, key=_key)


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
    for check in quality.to_dict("records"):
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
