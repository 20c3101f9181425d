"""Find what the single cells of one patient are and which antigens they have lost."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from aftercar.contracts.sequencing import CLONES, GENOTYPES
from aftercar.contracts.specimen import INPUT_FILES
from aftercar.io.cell_tables import (
    UnreadableLabels,
    read_matrix_and_labels,
    read_panels,
    write_annotated_specimen,
)
from aftercar.io.contigs import UnreadableContigs, read_contigs
from aftercar.io.joblog import start_log
from aftercar.io.matrices import UnreadableMatrix
from aftercar.io.provenance import matrix_files
from aftercar.io.tables import concatenate_tables, write_table
from aftercar.io.unchanged_inputs import InputWatch
from aftercar.singlecell.cells import Panels
from aftercar.singlecell.patient import measure_patient, patient_tables

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

if __name__ == "__main__":
    log = start_log(snakemake.log[0])
    given, files = snakemake.params, snakemake.output
    watch = InputWatch(given.samples, matrix_files)
    genotypes, clones = (snakemake.input.get(name) or [] for name in ("genotypes", "clones"))
    Path(files.h5ad).mkdir(parents=True, exist_ok=True)
    panels = Panels(**read_panels(given.panels))
    found = measure_patient(
        given.samples,
        read_matrix_and_labels,
        (UnreadableMatrix, UnreadableLabels, UnreadableContigs),
        concatenate_tables(GENOTYPES, genotypes),
        concatenate_tables(CLONES, clones),
        settings=given.settings,
        panels=panels,
        disease=given.disease,
        keep=partial(write_annotated_specimen, files.h5ad),
        read_contigs=read_contigs,
    )
    for specimen in found:
        log.info("%s", specimen.summary())
    watch.refuse_changes()
    write_table(INPUT_FILES, INPUT_FILES.frame(watch.rows), files.inputs)
    for name, (contract, frame) in patient_tables(found, panels.clonotypes["history"]).items():
        write_table(contract, frame, files[name])
