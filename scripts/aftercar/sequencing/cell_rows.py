"""Rows about the cells of one specimen: genotypes, clones, quality; and what marks a clone."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from aftercar.contracts.reads import BarcodeSearch, barcode_kind
from aftercar.contracts.sequencing import GENOTYPES
from aftercar.contracts.specimen import quality_row, who_when
from aftercar.sequencing.carriers import (
    Assumptions,
    Clone,
    dna_assumptions,
    infer_clone,
    rna_assumptions,
)
from aftercar.sequencing.cells import (
    cell_genotypes,
    cell_states,
    clone_status,
    dropout_remark,
    stated_limit,
)
from aftercar.sequencing.genes import Gene
from aftercar.sequencing.molecules import CellCounts


@dataclass(frozen=True, order=True)
class Candidate:
    """A variant that may mark a clone; `known_from_day` is None for one that a list names."""

    chrom: str
    pos: int
    ref: str
    alt: str
    gene: str = ""
    hgvs_c: str = ""
    known_from_day: int | None = None

    @property
    def label(self) -> str:
        """Name of the clone."""
        return (
            f"{self.gene} {self.hgvs_c}"
            if self.gene
            else (f"{self.chrom}:{self.pos} {self.ref}>{self.alt}")
        )


@dataclass(frozen=True, eq=False)
class CellTables:
    """Genotypes as a table, clones and quality as rows."""

    genotypes: pd.DataFrame
    clones: list[dict[str, object]]
    quality: list[dict[str, object]]


@dataclass(frozen=True)
class CellSettings:
    """Thresholds of the configuration (sequencing/...) and priors (genotyping.yaml)."""

    min_base_quality: int
    min_barcode_match: float
    target_vaf: float
    expected_doublet_rate: float
    priors: dict


def gene_at(genes: dict[str, Gene], candidate: Candidate) -> Gene | None:
    """Return the gene that a candidate lies in, if it is one of `genes`."""
    chrom = candidate.chrom.removeprefix("chr")
    for gene in genes.values():
        if gene.chrom.removeprefix("chr") == chrom and gene.start <= candidate.pos <= gene.end:
            return gene
    return None


def unassessed_cells(
    sample: dict[str, str], candidates: list[Candidate], status: str, reason: str
) -> CellTables:
    """Return a clone row without numbers for each candidate, and the reason."""
    verdict = "FAIL" if status == "FAILED" else "NOT_POSSIBLE"
    return CellTables(
        GENOTYPES.empty(),
        [
            clone_row(sample, candidate) | {"status": status, "flags": reason}
            for candidate in candidates
        ],
        [quality_row(sample, "readable", None, "", verdict, reason)],
    )


def assume(
    sample: dict[str, str],
    settings: CellSettings,
    error: float,
    measured: tuple[float, float, float, int] | None,
) -> Assumptions:
    """Return what carriers of a variant are taken to show in the assay of a specimen."""
    doublets = settings.expected_doublet_rate
    if sample["assay"] == "scdna":
        return dna_assumptions(settings.priors["dna"], error, doublets, measured)
    return rna_assumptions(settings.priors["rna"], error, doublets)


def clone_tables(
    sample: dict[str, str],
    barcodes: list[str],
    seen: np.ndarray,
    named: Candidate,
    counts: CellCounts,
    assumptions: Assumptions,
    settings: CellSettings,
) -> tuple[pd.DataFrame, dict[str, object]]:
    """Return the genotypes of all cells at one variant, and the row of its clone."""
    clone = infer_clone(counts.alt_umis, counts.informative, assumptions)
    states = cell_states(counts, clone, seen, is_dna=assumptions.is_dna)
    called = cell_genotypes(counts, clone, states, assumptions)
    table = _genotype_table(sample, barcodes, named, counts, clone, states, called)
    row = _measured_clone(sample, named, counts, clone, states, settings, assumptions.is_dna)
    if (row["fraction"] is not None) and (remark := dropout_remark(clone, states, assumptions)):
        row["flags"] = f"{row['flags']}; {remark}"
    return table, row


def barcode_quality(
    sample: dict[str, str],
    once: list[str],
    repeated: list[str],
    search: BarcodeSearch,
    settings: CellSettings,
) -> list[dict[str, object]]:
    """Return rows about the barcodes; the last one tells whether enough of them were found."""
    match = len(search.seen) / len(once) if once else 0.0
    rows = [quality_row(sample, "readable", None, "", "PASS", "")]
    if repeated:
        text = f"{len(repeated)} barcode(s) listed more than once, used once: " + ", ".join(
            repeated[:5]
        )
        rows.append(
            quality_row(sample, "repeated_barcodes", len(repeated), "barcodes", "FLAG", text)
        )
    if search.problems:
        text = f"{len(search.problems)} cell(s) without usable reads; " + "; ".join(
            search.problems[:3]
        )
        rows.append(
            quality_row(sample, "unusable_cells", len(search.problems), "cells", "FLAG", text)
        )
    if not search.complete:
        text = f"{search.searched} were searched for barcodes: none is called absent"
        rows.append(quality_row(sample, "barcode_search", None, "", "FLAG", text))
    if match < settings.min_barcode_match or not once:
        kinds = ", ".join(dict.fromkeys(barcode_kind(barcode) for barcode in once[:1000]))
        reason = (
            f"{match:.1%} of the {len(once)} listed barcodes are in the file, expected at least "
            f"{settings.min_barcode_match:.0%}; the file has {search.tags}, the list has "
            f"{kinds or 'no barcode'} ({search.searched} searched); give the barcode list of this "
            "library and the BAM file with its corrected barcodes"
        )
        verdict, message = "FAIL", reason
    else:
        absent = len(once) - len(search.seen)
        verdict, message = "PASS", f"{absent} of {len(once)} listed barcodes are not in the file"
        if not search.complete:
            message = f"{absent} of {len(once)} listed barcodes were not met in the sample"
    rows.append(quality_row(sample, "barcode_match", match, "fraction", verdict, message))
    return rows


def _genotype_table(
    sample: dict[str, str],
    barcodes: list[str],
    candidate: Candidate,
    counts: CellCounts,
    clone: Clone,
    states: np.ndarray,
    called: np.ndarray,
) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "sample_id": sample["sample_id"],
            "patient_id": sample["patient_id"],
            "barcode": barcodes,
            "gene": candidate.gene,
            "chrom": candidate.chrom,
            "pos": candidate.pos,
            "ref": candidate.ref,
            "alt": candidate.alt,
            "hgvs_c": candidate.hgvs_c,
            "ref_umis": counts.ref_umis,
            "alt_umis": counts.alt_umis,
            "other_umis": counts.other_umis,
            "ambiguous_umis": counts.ambiguous_umis,
            "ref_reads": counts.ref_reads,
            "alt_reads": counts.alt_reads,
            "posterior_mutant": clone.posterior,
            "state": states,
            "genotype": called,
        }
    )


def clone_row(sample: dict[str, str], candidate: Candidate) -> dict[str, object]:
    """Return the row of CLONES that names a variant, without numbers."""
    days = [int(sample["day"])] if sample["day"] else []
    if candidate.known_from_day is not None:
        days.append(candidate.known_from_day)
    return who_when(sample) | {
        "clone": candidate.label,
        "gene": candidate.gene,
        "basis": "genotype",
        "known_from_day": max(days) if days else None,
    }


def _measured_clone(
    sample: dict[str, str],
    candidate: Candidate,
    counts: CellCounts,
    clone: Clone,
    states: np.ndarray,
    settings: CellSettings,
    is_dna: bool,
) -> dict[str, object]:
    covered = int((counts.informative > 0).sum())
    mutant = int((states == "MUTANT").sum())
    # a clone of cells with one changed copy has twice the fraction of its variant
    status, flags = clone_status(
        clone, covered, states, adequate=2 * settings.target_vaf, is_dna=is_dna
    )
    row = clone_row(sample, candidate) | {
        "cells_listed": len(states),
        "cells_covered": covered,
        "cells_mutant": mutant,
        "fraction": None,
        "detectable_fraction": stated_limit(clone, states) if covered else None,
        "status": status,
        "flags": flags,
    }
    if covered:
        row |= {
            "fraction": clone.fraction,
            "fraction_low": clone.low,
            "fraction_high": clone.high,
        }
    return row


def no_candidates(sample: dict[str, str]) -> dict[str, object]:
    """Return the row of QUALITY of cells for which no variant is known that marks a clone."""
    return quality_row(
        sample, "candidate_variants", 0, "variants", "NOT_POSSIBLE",
        "no variant marks a clone: no list was given, and bulk reads give none (there are none, "
        "they could not be used, or nothing was called in them: their own rows tell which)",
    )  # fmt: skip
