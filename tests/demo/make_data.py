"""Write the synthetic cohort into a folder: sheets, raw files and the truth behind them.

Usage: python tests/demo/make_data.py [FOLDER]      (scripts/ on PYTHONPATH; default: tests/demo)
"""

import sys
from multiprocessing import get_context
from pathlib import Path

import pandas as pd
import pysam

from aftercar.simulate.bgzf import compress
from aftercar.simulate.cells import cells_needed, draw_cells, write_10x, write_h5ad
from aftercar.simulate.cohort import COHORT, CONTROLS
from aftercar.simulate.expectations import risk_rows
from aftercar.simulate.genome import Gene, Locus, fasta_pieces, genes_from, synthesise
from aftercar.simulate.plan import Cells, Flow, Patient, Reads
from aftercar.simulate.receptors import contig_table
from aftercar.simulate.sequencer import barcodes_of, bulk_bam, cell_bam
from aftercar.simulate.sheets import (
    control_id,
    events,
    infusions,
    labs,
    patients,
    sample_id,
    samples,
)
from aftercar.simulate.truth import cell_rows, clone_rows, library_row, patient_row, variant_rows
from aftercar.simulate.tubes import control_tube, generator, specimen_tube

PROCESSES = 2
GENES = Path(__file__).resolve().parents[2] / "resources/genes"
REFERENCE_NOTE = """SYNTHETIC REFERENCE. demo.fa.gz is no human sequence.

CD19 and TP53 have the exon coordinates and lengths of GRCh38 and code for the real proteins. The
codons are drawn among synonyms, introns and untranslated regions are random, all else is N, and
both contigs end soon after the gene. Give your own GRCh38 FASTA for real data.
"""

Truth = dict[str, list[dict]]


def reference() -> tuple[dict[str, Gene], dict[str, Locus]]:
    """Return the genes and their synthetic loci."""
    exons = pd.read_csv(GENES / "exons.tsv", sep="\t", dtype=str, keep_default_na=False)
    proteins: dict[str, str] = {}
    for record in (GENES / "proteins.fa").read_text().split(">")[1:]:
        head, *lines = record.splitlines()
        proteins[head.split()[0]] = "".join(lines)
    genes = genes_from(exons, {name: proteins[name] for name in ("CD19", "TP53")})
    return genes, {name: synthesise(gene, generator(name)) for name, gene in genes.items()}


def make_tube(folder: Path, patient: Patient, flow: Flow) -> Truth:
    """Write the FCS file of one specimen; return its truth."""
    content, truth = specimen_tube(patient, flow)
    (folder / f"data/flow/{sample_id(patient, flow)}.fcs").write_bytes(content)
    return {"populations": truth}


def make_control(folder: Path, batch: str, panel: str, control_for: str) -> Truth:
    """Write the FCS file of one control."""
    path = folder / f"data/flow/{control_id(batch, panel, control_for)}.fcs"
    path.write_bytes(control_tube(batch, panel, control_for))
    return {}


def make_reads(folder: Path, patient: Patient, library: Reads) -> Truth:
    """Write the BAM file of one bulk library; return its truth."""
    genes, loci = reference()
    name = sample_id(patient, library)
    path = folder / f"data/reads/{name}.bam"
    path.write_bytes(bulk_bam(genes, loci, library, name, generator(name)))
    pysam.index(str(path))
    return {
        "variants": variant_rows(patient, library, genes, loci),
        "libraries": [library_row(patient, library)],
    }


def make_cells(folder: Path, patient: Patient, library: Cells) -> Truth:
    """Write the matrix of one single-cell library, its BAM and labels; return its truth."""
    name = sample_id(patient, library)
    random = generator(name)
    stem = folder / f"data/cells/{name}"
    barcodes = barcodes_of(cells_needed(library.populations), random)
    cells = draw_cells(library.populations, barcodes, random)
    plain, mutant = cells.cd19_alleles(random)
    if library.file_format == "h5":
        write_10x(cells, f"{stem}.h5")
    else:
        write_h5ad(cells, f"{stem}.h5ad")
    if library.planted:
        genes, loci = reference()
        content = cell_bam(
            genes["CD19"], loci["CD19"], library.planted, barcodes, plain, mutant, name, random
        )
        Path(f"{stem}.bam").write_bytes(content)
        pysam.index(f"{stem}.bam")
        Path(f"{stem}.barcodes.tsv").write_text("\n".join(barcodes) + "\n")
    if library.contigs:
        contigs = contig_table(cells, generator(f"receptors {name}"))
        contigs.to_csv(f"{stem}.contigs.csv", index=False, lineterminator="\n")
    if library.labels:
        table = pd.DataFrame({"barcode": barcodes, "label": cells.identities()})
        write_tsv(table, Path(f"{stem}.labels.tsv"))
    return {
        "cells": cell_rows(name, cells, mutant),
        "clones": clone_rows(patient, library, cells),
    }


def make_reference(folder: Path) -> Truth:
    """Write the reference with its indices."""
    _, loci = reference()
    path = folder / "data/reference/demo.fa.gz"
    path.write_bytes(compress(fasta_pieces(list(loci.values())), level=6))
    pysam.faidx(str(path))
    (folder / "data/reference/README.txt").write_text(REFERENCE_NOTE)
    return {}


def run(job: tuple) -> Truth:
    """Do one job: a function and its arguments."""
    function, *arguments = job
    return function(*arguments)


def write_tsv(table: pd.DataFrame, path: Path) -> None:
    """Write a table as it stands: hostile text must reach the analysis unchanged."""
    lines = ["\t".join(table.columns), *("\t".join(map(str, row)) for row in table.to_numpy())]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_sheets(
    folder: Path, cohort: tuple[Patient, ...], controls: dict[str, tuple]
) -> dict[str, dict[str, list]]:
    """Write the five sheets; return the courses of the patients."""
    randoms = {p.patient_id: generator(f"labs {p.patient_id}") for p in cohort}
    courses = {p.patient_id: p.courses(generator(f"course {p.patient_id}")) for p in cohort}
    sheets = {
        "patients": patients(cohort),
        "infusions": infusions(cohort),
        "samples": samples(cohort, controls),
        "labs": labs(cohort, courses, randoms),
        "events": events(cohort),
    }
    for name, table in sheets.items():
        write_tsv(table, folder / f"config/{name}.tsv")
    return courses


MAKERS = {Flow: make_tube, Reads: make_reads, Cells: make_cells}


def write_files(
    folder: Path, cohort: tuple[Patient, ...], controls: dict[str, tuple]
) -> dict[str, list[dict]]:
    """Write the raw files of all specimens and controls; return what is true of them."""
    truth: dict[str, list[dict]] = {}
    jobs: list[tuple] = [
        (MAKERS[type(specimen)], folder, patient, specimen)
        for patient in cohort
        for specimen in patient.specimens
        if not (isinstance(specimen, Flow) and specimen.path_empty)
    ]
    jobs += [
        (make_control, folder, batch, *tube) for batch, tubes in controls.items() for tube in tubes
    ]
    jobs.append((make_reference, folder))
    with get_context("fork").Pool(PROCESSES) as pool:
        for done in pool.imap(run, jobs):
            for name, rows in done.items():
                truth.setdefault(name, []).extend(rows)
    return truth


def make_folders(folder: Path) -> None:
    """Make the folders that sheets, raw files and truth go into."""
    for part in ("config", "data/flow", "data/reads", "data/cells", "data/reference", "truth"):
        (folder / part).mkdir(parents=True, exist_ok=True)


def make(folder: Path) -> None:
    """Write everything into `folder`."""
    make_folders(folder)
    courses = write_sheets(folder, COHORT, CONTROLS)
    risk = [risk_rows(patient) for patient in COHORT]
    truth: dict[str, list[dict]] = {
        "patients": [patient_row(patient, courses[patient.patient_id]) for patient in COHORT],
        "risk": [row for certain, _ in risk for row in certain],
        "risk_open": [row for _, uncertain in risk for row in uncertain],
    }
    truth |= write_files(folder, COHORT, CONTROLS)
    for name, rows in truth.items():
        write_tsv(pd.DataFrame(rows), folder / f"truth/{name}.tsv")


if __name__ == "__main__":
    make(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent)
