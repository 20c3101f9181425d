"""What was planted, as tables beside the data."""

import numpy as np

from aftercar.simulate.cells import MUTANT_MOLECULES, CellCounts
from aftercar.simulate.expectations import clock_end
from aftercar.simulate.genome import (
    PLANTED,
    POLYMORPHISMS,
    Gene,
    Locus,
    coding_sequence,
    left_aligned,
    translate,
)
from aftercar.simulate.plan import Cells, Patient, Reads, recovery_days
from aftercar.simulate.sheets import sample_id


def patient_row(patient: Patient, courses: dict[str, list]) -> dict[str, object]:
    """Return the story of one patient and when its curves turn."""
    given = sorted(
        (start, name, course) for name, all_ in courses.items() for start, course in all_
    )
    recovered = recovery_days(patient, courses) if patient.disease != "T-ALL" else []
    end = clock_end(patient)
    return {
        "patient_id": patient.patient_id,
        "story": patient.story,
        "edge_cases": ";".join(map(str, patient.edge_cases)),
        "b_cells_return_from_day": ";".join(map(str, recovered)),
        "clock_end_day": "" if end is None else end,
        "peak_copies_per_ug": ";".join(
            f"{name}@{start}:{course.peak:.4g}" for start, name, course in given
        ),
        "days_to_peak": ";".join(
            f"{name}@{start}:{course.days_to_peak:.3g}" for start, name, course in given
        ),
    }


def variant_rows(
    patient: Patient, library: Reads | Cells, genes: dict[str, Gene], loci: dict[str, Locus]
) -> list[dict[str, object]]:
    """Return the variants of a bulk library with the allele fraction that was asked for."""
    if isinstance(library, Cells):
        return []
    who = {"sample_id": sample_id(patient, library), "patient_id": patient.patient_id}
    rows = []
    for name, share in library.planted.items():
        gene, position, reference, alternative = planted_change(name, loci)
        rows.append(who | {
            "kind": "planted", "name": name, "gene": gene, "chrom": genes[gene].contig,
            "pos": position, "ref": reference, "alt": alternative, "true_vaf": share,
            "depth": library.depth[gene], "protein_length": _protein_length(name, genes, loci),
        })  # fmt: skip
    for name, share in library.snps.items():
        contig, position, reference, alternative = POLYMORPHISMS[name]
        gene = next(g.name for g in genes.values() if g.contig == contig)
        rows.append(who | {
            "kind": "polymorphism", "name": name, "gene": gene, "chrom": contig, "pos": position,
            "ref": reference, "alt": alternative, "true_vaf": share, "depth": library.depth[gene],
            "protein_length": "",
        })  # fmt: skip
    return rows


def planted_change(name: str, loci: dict[str, Locus]) -> tuple[str, int, str, str]:
    """Return gene, position, reference and alternative of a planted variant, left-aligned."""
    gene, first, last, replacement = PLANTED[name]
    return gene, *left_aligned(loci[gene], first, last, replacement)


def _protein_length(name: str, genes: dict[str, Gene], loci: dict[str, Locus]) -> int:
    """Return how many residues remain before the first stop."""
    gene, first, last, replacement = PLANTED[name]
    changed = dict.fromkeys(range(first, last + 1), "") | (
        {first: replacement} if replacement else {}
    )
    return len(translate(coding_sequence(genes[gene], loci[gene], changed)))


def library_row(patient: Patient, library: Reads) -> dict[str, object]:
    """Return what else a bulk library shows: skipped exon 2, loss of heterozygosity."""
    heterozygous = [share for share in library.snps.values() if share < 1]
    skewed = any(share > 0.6 for share in heterozygous)
    return {
        "sample_id": sample_id(patient, library),
        "assay": library.assay,
        "cd19_exon2_skipping": library.exon2_skipping if library.assay == "rna" else "",
        "cd19_loh": ("LOH" if skewed else "NO_LOH") if heterozygous else "NOT_INFORMATIVE",
        "snp_allele_fraction": max(heterozygous, default=""),
    }


def cell_rows(name: str, cells: CellCounts, mutant: np.ndarray) -> list[dict[str, object]]:
    """Return the identity of each cell, its clone and its molecules with the planted variant."""
    return [
        {
            "sample_id": name, "barcode": barcode, "identity": identity, "population": population,
            "cd19_umis": int(own + soup), "mutant_umis": int(umis),
        }
        for barcode, identity, population, own, soup, umis in zip(
            cells.barcodes, cells.identities(), cells.populations, cells.own_cd19,
            cells.ambient_cd19, mutant, strict=True,
        )
    ]  # fmt: skip


def clone_rows(patient: Patient, library: Cells, cells: CellCounts) -> list[dict[str, object]]:
    """Return the size of each population among all cells and among leukemic ones."""
    identity = np.array(cells.identities())
    good = identity != "low_quality"
    leukemic = np.char.startswith(identity, "leukemic").sum()
    rows: list[dict[str, object]] = []
    for population in library.populations:
        number = int((cells.populations == population).sum())
        inside = population.startswith("leukemic") and leukemic
        rows.append({
            "sample_id": sample_id(patient, library), "population": population,
            "mutant": "yes" if population in MUTANT_MOLECULES else "no",
            "mutant_share_of_cd19_molecules": MUTANT_MOLECULES.get(population, 0.0),
            "antigen_status": "LOST" if population == "leukemic_b_lost" else "",
            "cells": number, "cells_of_good_quality": int(good.sum()),
            "fraction_of_leukemic": f"{number / leukemic:.6g}" if inside else "",
        })  # fmt: skip
    return rows
