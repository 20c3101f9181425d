"""Join the tables of all patients and write beside each what it was made from."""

from typing import TYPE_CHECKING

from aftercar.contracts.specimen import INPUT_FILES
from aftercar.evidence.merge import COHORT_TABLES
from aftercar.io.joblog import start_log
from aftercar.io.provenance import write_provenance
from aftercar.io.tables import concatenate_tables, write_table

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

if __name__ == "__main__":
    log = start_log(snakemake.log[0])
    inputs = concatenate_tables(INPUT_FILES, snakemake.input.inputs).astype(object)
    records = inputs.where(inputs.notna(), None).to_dict("records")
    for name, contract in COHORT_TABLES.items():
        table = concatenate_tables(contract, snakemake.input[name])
        write_table(contract, table, snakemake.output[name])
        by = "sample_id" if "sample_id" in table and name != "evidence" else "patient_id"
        known = set(table[by])
        used = [row for row in records if row[by] in known]
        write_provenance(
            snakemake.output[name],
            settings=snakemake.params.settings,
            code=snakemake.params.code,
            inputs=used,
        )
        log.info("%s: %d rows of %d tables", name, len(table), len(snakemake.input[name]))
