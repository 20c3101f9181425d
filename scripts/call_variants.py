"""Call antigen and TP53 variants in bulk DNA and RNA of one patient, and say what could be seen."""

from functools import partial
from typing import TYPE_CHECKING

from aftercar.contracts.sequencing import BACKGROUND
from aftercar.contracts.specimen import INPUT_FILES
from aftercar.io.alignments import (
    AlignmentFileError,
    read_alignments,
    read_gene_models,
    read_references,
)
from aftercar.io.isoforms import read_isoforms
from aftercar.io.joblog import start_log
from aftercar.io.provenance import bulk_files, of_batch
from aftercar.io.tables import concatenate_tables, write_table
from aftercar.io.unchanged_inputs import InputWatch
from aftercar.io.variants import read_variants, reference_contigs, write_variants
from aftercar.sequencing.background import backgrounds_of
from aftercar.sequencing.genes import build_genes
from aftercar.sequencing.listed_names import resolve_names
from aftercar.sequencing.patient_findings import complete_findings
from aftercar.sequencing.specimens import TABLES, examine_specimen, stretches, tables_of
from aftercar.sequencing.variants import CallSettings

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

if __name__ == "__main__":
    log = start_log(snakemake.log[0])
    given, config, files = snakemake.params, snakemake.params.settings, snakemake.output
    shared = {name: snakemake.input[name] for name in ("panel", "backgrounds")}
    named = {"references": given.references, "default": given.default, "isoforms": given.isoforms}
    watch = InputWatch([*given.controls, *given.samples], partial(bulk_files, **named, **shared))
    genes, listed = build_genes(*read_gene_models(given.models), config["genes"]), {}
    settings = CallSettings(**{name: config[name] for name in CallSettings.__dataclass_fields__})
    fetch = partial(read_alignments, min_mapping_quality=config["min_mapping_quality"])

    def bases(row):
        fasta = given.references.get(row["reference"] or given.default)
        listed[row["sample_id"]] = read_variants(row["variants"], resolve_names, fasta)
        return read_references(row["path"], fasta, stretches(genes))

    def examined(row):
        sources = shared["panel"], of_batch(row, shared["backgrounds"])
        tables = [concatenate_tables(BACKGROUND, paths) for paths in sources]
        more = read_isoforms(given.isoforms), backgrounds_of([t.to_dict("records") for t in tables])
        return examine_specimen(row, genes, bases, fetch, AlignmentFileError, settings, *more)

    controls, found = ([examined(row) for row in part] for part in (given.controls, given.samples))
    complete_findings(found, controls, listed, settings)
    contigs = reference_contigs(given.references)
    watch.refuse_changes()
    for name, frame in tables_of(found, controls).items():
        write_table(TABLES[name], frame, files[name])
    write_table(INPUT_FILES, INPUT_FILES.frame(watch.rows), files.inputs)
    variants = {findings.sample["sample_id"]: findings.rows["variants"] for findings in found}
    log.info("%d variants", sum(map(len, variants.values())))
    write_variants(files.vcf, variants, contigs)
