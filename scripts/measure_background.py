"""Count, site by site, the errors of the healthy DNA controls of one sequencing run."""

from functools import partial
from typing import TYPE_CHECKING

from aftercar.contracts.sequencing import BACKGROUND
from aftercar.contracts.specimen import INPUT_FILES, QUALITY
from aftercar.io.alignments import (
    AlignmentFileError,
    read_alignments,
    read_gene_models,
    read_references,
)
from aftercar.io.joblog import start_log
from aftercar.io.provenance import bulk_files
from aftercar.io.tables import write_table
from aftercar.io.unchanged_inputs import InputWatch
from aftercar.sequencing.genes import build_genes
from aftercar.sequencing.run_background import background_rows
from aftercar.sequencing.specimens import examine_specimen, stretches
from aftercar.sequencing.variants import CallSettings

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

if __name__ == "__main__":
    log = start_log(snakemake.log[0])
    given, config, files = snakemake.params, snakemake.params.settings, snakemake.output
    genes = build_genes(*read_gene_models(given.models), config["genes"])
    settings = CallSettings(**{name: config[name] for name in CallSettings.__dataclass_fields__})
    reads = partial(read_alignments, min_mapping_quality=config["min_mapping_quality"])
    measured = [row for row in given.samples if row["path"]]
    named = {"references": given.references, "default": given.default}
    watch = InputWatch(measured, partial(bulk_files, **named))

    def read_bases(row):
        fasta = given.references.get(row["reference"] or given.default)
        return read_references(row["path"], fasta, stretches(genes))

    controls = [
        examine_specimen(row, genes, read_bases, reads, AlignmentFileError, settings)
        for row in measured
    ]
    rows = background_rows(controls, settings)
    log.info("%d controls, %d alleles with errors", len(controls), len(rows))
    quality = [row for findings in controls for row in findings.rows["quality"]]
    watch.refuse_changes()
    write_table(BACKGROUND, BACKGROUND.frame(rows), files.background)
    write_table(QUALITY, QUALITY.frame(quality), files.quality)
    write_table(INPUT_FILES, INPUT_FILES.frame(watch.rows), files.inputs)
