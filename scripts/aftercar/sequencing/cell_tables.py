"""Tables of the cells of one specimen: genotypes by cell and variant, clones, quality."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from aftercar.contracts.reads import AlignedReads
from aftercar.contracts.sequencing import GENOTYPES
from aftercar.sequencing.alleles import Allele, AlleleError, check_reference, left_align
from aftercar.sequencing.cells import (
    CellCounts,
    Clone,
    barcode_numbers,
    cell_states,
    clone_status,
    count_molecules,
    infer_clone,
)
from aftercar.sequencing.consequence import predict
from aftercar.sequencing.genes import Gene, ReferenceWindow
from aftercar.sequencing.specimens import naming

WINDOW_NT = 250  # reference on both sides of a variant
MARKING_TIERS = ("T1", "T2", "T3", "T4")

FetchCells = Callable[[str, list[tuple[int, int]], dict[str, int]], AlignedReads]
ReadReference = Callable[[str, int, int], tuple[str, int, str]]


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
    """Thresholds of the configuration (sequencing/...)."""

    min_base_quality: int
    min_barcode_match: float
    target_vaf: float


def collect_candidates(
    variants: pd.DataFrame, listed: list[tuple[str, int, str, str]]
) -> list[Candidate]:
    """Return the patient's called variants that may mark a clone, then those that a list names.

    Each called variant counts from the first day on which a specimen showed it.
    """
    called = variants[
        (variants["filter"] == "PASS")
        & variants["tier"].isin(MARKING_TIERS)
        & (variants["origin"] != "GERMLINE")  # in all cells
        & (variants["status"] == "QUANTIFIED")
    ].sort_values(["chrom", "pos", "ref", "alt", "known_from_day"], kind="stable")
    own = [
        Candidate(
            **{name: row[name] for name in ("chrom", "ref", "alt", "gene", "hgvs_c")},
            pos=int(row["pos"]),
            known_from_day=None if pd.isna(row["known_from_day"]) else int(row["known_from_day"]),
        )
        for row in called.drop_duplicates(["chrom", "pos", "ref", "alt"]).to_dict("records")
    ]
    have = {(c.chrom.removeprefix("chr"), c.pos, c.ref, c.alt) for c in own}
    return own + [
        Candidate(chrom, pos, ref, alt)
        for chrom, pos, ref, alt in dict.fromkeys(listed)
        if (chrom.removeprefix("chr"), pos, ref, alt) not in have
    ]


def missing_input(sample: dict[str, str]) -> str:
    """Say what a specimen lacks for genotypes of its cells; nothing if it lacks nothing."""
    if sample["assay"] == "scdna" and not sample["bam"]:
        return "single-cell DNA is genotyped from a BAM file with CB tags; none was given"
    if not sample["bam"]:
        return "genotypes need a BAM file with CB and UB tags; none was given"
    if not sample["barcodes"]:
        return "genotypes need the list of cell barcodes; none was given"
    return ""


def unassessed_cells(
    sample: dict[str, str], candidates: list[Candidate], status: str, reason: str
) -> CellTables:
    """Return a clone row without numbers for each candidate, and the reason."""
    verdict = "FAIL" if status == "FAILED" else "NOT_POSSIBLE"
    return CellTables(
        GENOTYPES.empty(),
        [
            _clone_row(sample, candidate) | {"status": status, "flags": reason}
            for candidate in candidates
        ],
        [_quality(sample, "readable", None, "", verdict, reason)],
    )


def genotype_specimen(
    sample: dict[str, str],
    barcodes: list[str],
    find_barcodes: Callable[[dict[str, int]], tuple[set[int], bool]],
    candidates: list[Candidate],
    genes: dict[str, Gene],
    fetch: FetchCells,
    read_reference: ReadReference,
    settings: CellSettings,
) -> CellTables:
    """Return genotypes and clones of all candidates in all listed cells of one specimen."""
    numbers, once, repeated = barcode_numbers(barcodes)
    seen_numbers, complete = find_barcodes(numbers)
    match = len(seen_numbers) / len(once) if once else 0.0
    quality = [_quality(sample, "readable", None, "", "PASS", "")]
    if repeated:
        text = f"{len(repeated)} barcode(s) listed more than once, used once: {repeated[0]}"
        quality.append(
            _quality(sample, "repeated_barcodes", len(repeated), "barcodes", "FLAG", text)
        )
    if not complete:
        text = "only the first reads were searched for barcodes: none is called absent"
        quality.append(_quality(sample, "barcode_search", None, "", "FLAG", text))
    if match < settings.min_barcode_match:
        reason = (
            f"{match:.1%} of the {len(once)} listed barcodes are in the file, expected at least "
            f"{settings.min_barcode_match:.0%}; give the barcode list of this library"
        )
        failed = unassessed_cells(sample, candidates, "FAILED", reason)
        row = _quality(sample, "barcode_match", match, "fraction", "FAIL", reason)
        return CellTables(failed.genotypes, failed.clones, [row])
    message = f"{len(once) - len(seen_numbers)} of {len(once)} listed barcodes are not in the file"
    quality.append(_quality(sample, "barcode_match", match, "fraction", "PASS", message))
    if not candidates:
        text = "no variant marks a clone: none was called in bulk reads and no list was given"
        quality.append(_quality(sample, "candidate_variants", 0, "variants", "NOT_POSSIBLE", text))
    seen = np.full(len(once), not complete)
    seen[sorted(seen_numbers)] = True
    tables, clones, molecules_missing = [], [], 0
    for candidate in candidates:
        window = ReferenceWindow(
            *read_reference(candidate.chrom, candidate.pos - WINDOW_NT, candidate.pos + WINDOW_NT)
        )
        gene = _gene_at(genes, candidate)
        try:
            check_reference(Allele(candidate.pos, candidate.ref, candidate.alt), window)
        except AlleleError as error:
            reason = f"variant {candidate.label}: {error}"
            clones.append(_clone_row(sample, candidate) | {"status": "FAILED", "flags": reason})
            continue
        allele = left_align(Allele(candidate.pos, candidate.ref, candidate.alt), window)
        reads = fetch(candidate.chrom, [(allele.pos - 1, allele.end + 1)], numbers)
        molecules_missing += reads.dropped.get("without molecular barcode, kept", 0)
        counts = count_molecules(
            reads, window, allele, gene, len(once), min_base_quality=settings.min_base_quality
        )
        clone = infer_clone(counts)
        states = cell_states(counts, clone, seen)
        named = _named(candidate, allele, window, genes)
        tables.append(_genotype_table(sample, once, named, counts, clone, states))
        clones.append(_measured_clone(sample, named, counts, clone, states, settings))
    if molecules_missing:
        text = f"{molecules_missing} reads without UB: each read name counts as one molecule"
        quality.append(
            _quality(sample, "molecular_barcodes", molecules_missing, "reads", "FLAG", text)
        )
    genotypes = pd.concat(tables, ignore_index=True) if tables else GENOTYPES.empty()
    return CellTables(GENOTYPES.check(genotypes), clones, quality)


def _gene_at(genes: dict[str, Gene], candidate: Candidate) -> Gene | None:
    chrom = candidate.chrom.removeprefix("chr")
    for gene in genes.values():
        if gene.chrom.removeprefix("chr") == chrom and gene.start <= candidate.pos <= gene.end:
            return gene
    return None


def _named(
    candidate: Candidate, allele: Allele, window: ReferenceWindow, genes: dict[str, Gene]
) -> Candidate:
    """Return the candidate as written in the tables; one that a list names gets its gene."""
    symbol, name = candidate.gene, candidate.hgvs_c
    gene = _gene_at(genes, candidate)
    if not symbol and gene is not None:
        symbol, name = gene.symbol, predict(gene, allele, window).hgvs_c
    return Candidate(
        window.contig, allele.pos, allele.ref, allele.alt, symbol, name, candidate.known_from_day
    )


def _genotype_table(
    sample: dict[str, str],
    barcodes: list[str],
    candidate: Candidate,
    counts: CellCounts,
    clone: Clone,
    states: np.ndarray,
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
            "ambiguous_umis": counts.ambiguous_umis,
            "ref_reads": counts.ref_reads,
            "alt_reads": counts.alt_reads,
            "posterior_mutant": clone.posterior,
            "state": states,
        }
    )


def _clone_row(sample: dict[str, str], candidate: Candidate) -> dict[str, object]:
    days = [int(sample["day"])] if sample["day"] else []
    if candidate.known_from_day is not None:
        days.append(candidate.known_from_day)
    return naming(sample) | {
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
) -> dict[str, object]:
    covered = int((counts.informative > 0).sum())
    mutant = int((states == "MUTANT").sum())
    # a clone of cells with one changed copy has twice the fraction of its variant
    status, flags = clone_status(mutant, clone, covered, adequate=2 * settings.target_vaf)
    row = _clone_row(sample, candidate) | {
        "cells_listed": len(states),
        "cells_covered": covered,
        "cells_mutant": mutant,
        "detectable_fraction": clone.detectable_fraction,
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


def _quality(
    sample: dict[str, str], check: str, value: float | None, unit: str, verdict: str, message: str
) -> dict[str, object]:
    who = naming(sample)
    return {name: who[name] for name in ("sample_id", "patient_id", "day")} | {
        "assay": sample["assay"],
        "batch": sample["batch"],
        "check": check,
        "value": value,
        "unit": unit,
        "verdict": verdict,
        "message": message,
    }
