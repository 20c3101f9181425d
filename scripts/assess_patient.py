"""Collect all measurements of one patient and judge them at every landmark."""

from typing import TYPE_CHECKING

from aftercar.contracts.clinical import OPTIONS, TOXICITY
from aftercar.contracts.evidence import EVIDENCE, KINETICS, PATIENTS, RECOVERY, RISK, RULE_RESULTS
from aftercar.contracts.evidence_base import EVIDENCE_BASE
from aftercar.contracts.sequencing import VARIANT_HISTORY
from aftercar.evidence.assess import assess
from aftercar.evidence.collect import STREAM_TABLES, StreamTables, collect_evidence
from aftercar.evidence.evidence_base import citable_evidence
from aftercar.evidence.first_seen import variant_history
from aftercar.evidence.merge import joined_table
from aftercar.evidence.options import check_conflicts, options_of
from aftercar.evidence.rulebook import rulebook_of
from aftercar.io.documents import read_document
from aftercar.io.joblog import start_log
from aftercar.io.tables import read_table, write_table

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

if __name__ == "__main__":
    log = start_log(snakemake.log[0])
    given, settings = snakemake.params, snakemake.params.settings
    base = read_table(EVIDENCE_BASE, given.evidence_base)
    known = citable_evidence(base, given.evidence_base)
    read = {name: read_document(*paths) for name, paths in given.documents.items()}
    check_conflicts(read["conflicts"], dict(zip(base["id"], base["direction"], strict=True)))
    rulebook = rulebook_of(read["relapse"], read["recovery"], known)
    tables = StreamTables(
        **{
            name: joined_table(contract, [read_table(contract, p) for p in snakemake.input[name]])
            for name, contract in STREAM_TABLES.items()
        }
    )
    evidence = collect_evidence(given.sheets, tables)
    history = variant_history(tables.variants, tables.clones, given.sheets["samples"])
    assessed = assess(
        given.sheets,
        evidence,
        rulebook,
        options=options_of(read["options"], read["conflicts"], read["relapse"], known),
        landmarks=settings["landmarks"],
        max_age_blood_days=settings["max_age_blood_days"],
        max_age_marrow_days=settings["max_age_marrow_days"],
    )
    log.info("%d measurements, %d rows of risk", len(evidence), len(assessed.risk))
    for contract, rows, path in (
        (EVIDENCE, evidence, snakemake.output.evidence),
        (KINETICS, assessed.kinetics, snakemake.output.kinetics),
        (RECOVERY, assessed.recovery, snakemake.output.recovery),
        (RULE_RESULTS, assessed.rules, snakemake.output.rules),
        (RISK, assessed.risk, snakemake.output.risk),
        (PATIENTS, [assessed.summary], snakemake.output.summary),
        (TOXICITY, assessed.toxicity, snakemake.output.toxicity),
        (OPTIONS, assessed.options, snakemake.output.options),
        (VARIANT_HISTORY, history, snakemake.output.history),
    ):
        write_table(contract, contract.frame(rows), path)
