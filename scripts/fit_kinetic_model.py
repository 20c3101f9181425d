"""Fit the curve of Stein 2019 to the CAR copies of every patient."""

from typing import TYPE_CHECKING

from aftercar.contracts.evidence import EVIDENCE
from aftercar.contracts.kinetic_model import KINETIC_MODEL
from aftercar.evidence.assess import LATEST
from aftercar.evidence.evidence_rows import number_or_none
from aftercar.evidence.kinetic_model import kinetic_model_rows
from aftercar.evidence.timeline import timeline_of
from aftercar.io.documents import read_document
from aftercar.io.joblog import start_log
from aftercar.io.provenance import sha256_of, write_provenance
from aftercar.io.tables import read_table, write_table

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

if __name__ == "__main__":
    log = start_log(snakemake.log[0])
    given, settings = snakemake.params, snakemake.params.settings
    recovery = read_document(*given.recovery_rules)
    evidence: dict[str, list[dict]] = {}
    for row in read_table(EVIDENCE, snakemake.input.evidence).to_dict("records"):
        known = {str(name): number_or_none(value) for name, value in row.items()}
        evidence.setdefault(row["patient_id"], []).append(known)
    rows = []
    for patient_id, sheets in given.sheets.items():
        timeline = timeline_of(
            sheets["patients"][0],
            sheets["infusions"],
            sheets["events"],
            evidence.get(patient_id, []),
            max_age_blood_days=settings["max_age_blood_days"],
            max_age_marrow_days=settings["max_age_marrow_days"],
        )
        rows += kinetic_model_rows(patient_id, timeline.until(LATEST), recovery)
    told = sum(row["identifiable"] == "yes" for row in rows)
    log.info("%d of %d quantities of the fitted curves are identifiable", told, len(rows))
    write_table(KINETIC_MODEL, KINETIC_MODEL.frame(rows), snakemake.output.curves)
    write_provenance(
        snakemake.output.curves,
        settings=settings,
        code=given.code,
        inputs=[{"table": "evidence.tsv", "sha256": sha256_of(snakemake.input.evidence)}],
    )
