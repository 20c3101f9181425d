"""Join the tables of all patients and write beside each what it was made from."""

from typing import TYPE_CHECKING

from aftercar.contracts.evidence import PATIENTS
from aftercar.contracts.specimen import INPUT_FILES
from aftercar.evidence.merge import COHORT_TABLES
from aftercar.evidence.shards import refuse_other_patients, refuse_other_shards
from aftercar.io.joblog import start_log
from aftercar.io.provenance import shard_provenance, versions, write_provenance
from aftercar.io.tables import concatenate_tables, write_table

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

if __name__ == "__main__":
    log = start_log(snakemake.log[0])
    given, found = snakemake.params, snakemake.input
    made_with = {name: given[name] for name in ("settings", "code", "rules", "sheets")}
    shards = {
        shard: shard_provenance(found[name][number] for name in COHORT_TABLES)
        for number, shard in enumerate(given.shards)
    }
    refuse_other_shards(shards, made_with | {"versions": versions()})
    patients = concatenate_tables(PATIENTS, found.patients)["patient_id"]
    refuse_other_patients(set(patients), given.sheets)
    inputs = concatenate_tables(INPUT_FILES, found.inputs).astype(object)
    records = inputs.where(inputs.notna(), None).to_dict("records")
    for name, contract in COHORT_TABLES.items():
        table = concatenate_tables(contract, found[name])
        write_table(contract, table, snakemake.output[name])
        by = "sample_id" if "sample_id" in table and name != "evidence" else "patient_id"
        known = set(table[by])
        used = [row for row in records if row[by] in known]
        write_provenance(snakemake.output[name], inputs=used, **made_with)
        log.info("%s: %d rows of %d tables", name, len(table), len(found[name]))
