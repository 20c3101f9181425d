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
    genotype_specimen,
    listed_variants,
    marking_variants,
    unassessed_cells,
)
from aftercar.sequencing.genes import build_genes

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

if __name__ == "__main__":
    log = start_log(snakemake.log[0])
    given, config, files = snakemake.params, snakemake.params.settings, snakemake.output
    genes = build_genes(*read_gene_models(given.models), config["genes"])
    settings = CellSettings(**{name: config[name] for name in CellSettings.__dataclass_fields__})
    own = marking_variants(concatenate_tables(VARIANTS, snakemake.input.get("variants") or []))
    found, inputs = [], []
    for row in given.samples:
        sample, path = row["sample_id"], row["bam"]
        fasta = given.references.get(row["reference"] or next(iter(given.references), ""))
        fetch = partial(read_cells, path, min_mapping_quality=config["min_mapping_quality"])
        try:
            roles = [role for role in ("bam", "barcodes", "variants") if row[role]]
            inputs += [input_row(sample, row["patient_id"], role, row[role]) for role in roles]
            listed = listed_variants(read_variants(row["variants"]) if row["variants"] else [], own)
            if not path or not row["barcodes"]:
                reason = "genotypes need a BAM file with CB and UB tags and a list of barcodes"
                found.append(unassessed_cells(row, own + listed, "NOT_ASSESSED", reason))
                continue
            barcodes, search = read_barcodes(row["barcodes"]), partial(barcodes_in, path)
            sequence = partial(read_reference, fasta)
            tables = genotype_specimen(
                row, barcodes, search, own + listed, genes, fetch, sequence, settings
            )
            found.append(tables)
        except AlignmentFileError as error:
            found.append(unassessed_cells(row, own, "FAILED", str(error)))
    cells = pd.concat([GENOTYPES.empty(), *(tables.genotypes for tables in found)])
    write_table(GENOTYPES, cells, files.genotypes)
    write_table(CLONES, CLONES.frame([row for f in found for row in f.clones]), files.clones)
    write_table(QUALITY, QUALITY.frame([row for f in found for row in f.quality]), files.quality)
    write_table(INPUT_FILES, INPUT_FILES.frame(inputs), files.inputs)
