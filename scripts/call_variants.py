"""Call antigen and TP53 variants in bulk DNA and RNA of one patient, and say what could be seen."""

from functools import partial
from typing import TYPE_CHECKING

from aftercar.contracts.specimen import INPUT_FILES
from aftercar.io.alignments import (
    AlignmentFileError,
    read_alignments,
    read_gene_models,
    read_references,
)
from aftercar.io.isoforms import read_isoforms
from aftercar.io.joblog import start_log
from aftercar.io.provenance import input_row
from aftercar.io.tables import write_table
from aftercar.io.variants import read_variants, reference_contigs, write_variants
from aftercar.sequencing.genes import ReferenceWindow, build_genes
from aftercar.sequencing.lookback import add_known_variants
from aftercar.sequencing.specimens import TABLES, call_specimen, stretches, unassessed_specimen
from aftercar.sequencing.splice_comparison import add_comparisons
from aftercar.sequencing.variants import CallSettings

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

if __name__ == "__main__":
    log = start_log(snakemake.log[0])
    given, config, files = snakemake.params, snakemake.params.settings, snakemake.output
    genes = build_genes(*read_gene_models(given.models), config["genes"])
    settings = CallSettings(**{name: config[name] for name in CallSettings.__dataclass_fields__})
    isoforms = read_isoforms(given.isoforms)
    found, inputs, listed = [], [], {}
    for row in given.samples:
        sample, path = row["sample_id"], row["path"]
        fasta = given.references.get(row["reference"] or given.default)
        fetch = partial(read_alignments, path, min_mapping_quality=config["min_mapping_quality"])
        refuse = partial(unassessed_specimen, row, genes, target_vaf=settings.target_vaf)
        if not path:
            found.append(refuse(status="NOT_ASSESSED", reason="no file was given"))
            continue
        inputs.append(input_row(sample, row["patient_id"], "data", path))
        try:
            listed[sample] = read_variants(row["variants"])
            read = read_references(path, fasta, stretches(genes))
            windows = {name: ReferenceWindow(*part) for name, part in read.items()}
            found.append(call_specimen(row, genes, windows, fetch, settings, isoforms))
        except AlignmentFileError as error:
            found.append(refuse(status="FAILED", reason=str(error)))
        log.info("%s: %d variants", sample, len(found[-1].rows["variants"]))
    add_known_variants(found, listed, settings)
    add_comparisons([row for findings in found for row in findings.rows["splicing"]], [])
    for name, contract in TABLES.items():
        rows = [row for findings in found for row in findings.rows[name]]
        write_table(contract, contract.frame(rows), files[name])
    write_table(INPUT_FILES, INPUT_FILES.frame(inputs), files.inputs)
    rows = [row for findings in found for row in findings.rows["variants"]]
    samples = [row["sample_id"] for row in given.samples]
    write_variants(files.vcf, rows, samples, reference_contigs(given.references))
