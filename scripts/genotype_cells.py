"""Count molecules with each variant of one patient in each listed cell, and size the clones."""

from functools import partial
from typing import TYPE_CHECKING

import pandas as pd

from aftercar.contracts.sequencing import CLONES, GENOTYPES, VARIANTS
from aftercar.contracts.specimen import INPUT_FILES, QUALITY
from aftercar.io.alignments import (
    AlignmentFileError,
    barcodes_in,
    read_barcodes,
    read_cells,
    read_gene_models,
    read_reference,
)
from aftercar.io.joblog import start_log
from aftercar.io.provenance import input_row
from aftercar.io.tables import concatenate_tables, write_table
from aftercar.io.variants import read_variants
from aftercar.sequencing.cell_tables import (
    CellSettings,
    collect_candidates,
    genotype_specimen,
    missing_input,
    unassessed_cells,
)
from aftercar.sequencing.genes import build_genes
from aftercar.sequencing.listed_names import resolve_names

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

if __name__ == "__main__":
    start_log(snakemake.log[0])
    given, config, files = snakemake.params, snakemake.params.settings, snakemake.output
    genes = build_genes(*read_gene_models(given.models), config["genes"])
    settings = CellSettings(**{name: config[name] for name in CellSettings.__dataclass_fields__})
    own = concatenate_tables(VARIANTS, snakemake.input.get("variants") or [])
    found, inputs = [], []
    for row in given.samples:
        path, roles = row["bam"], [role for role in ("bam", "barcodes", "variants") if row[role]]
        fasta = given.references.get(row["reference"] or given.default)
        bases = partial(read_reference, fasta)
        fetch = partial(read_cells, path, min_mapping_quality=config["min_mapping_quality"])
        inputs += [input_row(row["sample_id"], row["patient_id"], r, row[r]) for r in roles]
        try:
            wanted = collect_candidates(own, read_variants(row["variants"], resolve_names, fasta))
            if reason := missing_input(row):
                found.append(unassessed_cells(row, wanted, "NOT_ASSESSED", reason))
                continue
            cells = read_barcodes(row["barcodes"]), partial(barcodes_in, path)
            found.append(genotype_specimen(row, *cells, wanted, genes, fetch, bases, settings))
        except AlignmentFileError as error:
            found.append(unassessed_cells(row, collect_candidates(own, []), "FAILED", str(error)))
    write_table(GENOTYPES, pd.concat([f.genotypes for f in found]), files.genotypes)
    write_table(CLONES, CLONES.frame([row for f in found for row in f.clones]), files.clones)
    write_table(QUALITY, QUALITY.frame([row for f in found for row in f.quality]), files.quality)
    write_table(INPUT_FILES, INPUT_FILES.frame(inputs), files.inputs)
