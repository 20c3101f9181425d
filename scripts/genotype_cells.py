"""Count molecules with each variant of one patient in each listed cell, and size the clones."""

from functools import partial
from typing import TYPE_CHECKING

import pandas as pd

from aftercar.contracts.sequencing import CLONES, GENOTYPES, VARIANTS
from aftercar.contracts.specimen import INPUT_FILES, QUALITY
from aftercar.io.alignments import AlignmentFileError, read_gene_models, read_reference
from aftercar.io.cell_reads import open_cells, read_barcodes, read_genotyping_priors
from aftercar.io.joblog import start_log
from aftercar.io.provenance import cell_files
from aftercar.io.tables import concatenate_tables, write_table
from aftercar.io.tapestri import read_panel
from aftercar.io.unchanged_inputs import InputWatch
from aftercar.io.variants import read_variants
from aftercar.sequencing.cell_specimens import CellSettings, genotype_row
from aftercar.sequencing.genes import build_genes
from aftercar.sequencing.listed_names import resolve_names

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

if __name__ == "__main__":
    start_log(snakemake.log[0])
    given, config, files = snakemake.params, snakemake.params.settings, snakemake.output
    named = {"references": given.references, "default": given.default}
    watch = InputWatch(given.samples, partial(cell_files, **named))
    genes = build_genes(*read_gene_models(given.models), config["genes"])
    names = ("min_base_quality", "min_barcode_match", "target_vaf", "expected_doublet_rate")
    settings = CellSettings(*(config[n] for n in names), read_genotyping_priors(given.priors))
    called = concatenate_tables(VARIANTS, snakemake.input.get("variants") or [])
    readers = {
        "read_barcodes": read_barcodes,
        "read_panel": read_panel,
        "open_cells": partial(open_cells, min_mapping_quality=config["min_mapping_quality"]),
        "unreadable": AlignmentFileError,
    }
    found = []
    for row in given.samples:
        fasta = given.references.get(row["reference"] or given.default)
        readers["read_reference"] = partial(read_reference, fasta)
        readers["read_list"] = partial(read_variants, resolve=resolve_names, fasta_path=fasta)
        found.append(genotype_row(row, called, genes, settings, **readers))
    watch.refuse_changes()
    write_table(GENOTYPES, pd.concat([f.genotypes for f in found]), files.genotypes)
    write_table(CLONES, CLONES.frame([row for f in found for row in f.clones]), files.clones)
    write_table(QUALITY, QUALITY.frame([row for f in found for row in f.quality]), files.quality)
    write_table(INPUT_FILES, INPUT_FILES.frame(watch.rows), files.inputs)
