"""Tables of the cells of one specimen: genotypes by cell and variant, clones, quality."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from aftercar.contracts.reads import AlignedReads, BarcodeSearch
from aftercar.contracts.sequencing import GENOTYPES
from aftercar.contracts.specimen import quality_row
from aftercar.sequencing.alleles import Allele, AlleleError, check_reference, left_align
from aftercar.sequencing.carriers import measured_dropout
from aftercar.sequencing.cell_rows import (
    Candidate,
    CellSettings,
    CellTables,
    assume,
    barcode_quality,
    clone_row,
    clone_tables,
    gene_at,
    no_candidates,
    unassessed_cells,
)
from aftercar.sequencing.cells import barcode_numbers, molecule_error, read_error
from aftercar.sequencing.consequence import predict
from aftercar.sequencing.fragments import split_segments
from aftercar.sequencing.genes import Gene, ReferenceWindow
from aftercar.sequencing.molecules import GAP_NEAR_NT, CellCounts, count_molecules

WINDOW_NT = 250  # reference on both sides of a variant
TOGETHER_NT = 100_000  # variants nearer than this to the next are read in one go

FetchCells = Callable[[str, list[tuple[int, int]], dict[str, int]], AlignedReads]
ReadReference = Callable[[str, int, int], tuple[str, int, str]]


def genotype_specimen(
    sample: dict[str, str],
    barcodes: list[str],
    search_barcodes: Callable[[dict[str, int]], BarcodeSearch],
    candidates: list[Candidate],
    genes: dict[str, Gene],
    fetch: FetchCells,
    read_reference: ReadReference,
    settings: CellSettings,
    heterozygous: list[Candidate] | None = None,
) -> CellTables:
    """Return genotypes and clones of all candidates in all listed cells of one specimen.

    Dropout of alleles in DNA is measured at the `heterozygous` sites of the patient's germline.
    """
    numbers, once, repeated = barcode_numbers(barcodes)
    search = search_barcodes(numbers)
    quality = barcode_quality(sample, once, repeated, search, settings)
    if quality[-1]["verdict"] == "FAIL":
        failed = unassessed_cells(sample, candidates, "FAILED", str(quality[-1]["message"]))
        return CellTables(failed.genotypes, failed.clones, quality[-1:])
    if not candidates:
        quality.append(no_candidates(sample))
    seen = np.full(len(once), not search.complete)
    seen[sorted(search.seen)] = True
    cells = _Cells(sample, once, seen, numbers, genes, fetch, settings)
    placed, clones = _placed(sample, candidates, read_reference)
    known_sites, _ = _placed(sample, heterozygous or [], read_reference)
    counted, nameless, notes = _count_all(cells, placed + known_sites)
    sites = [counted[id(site)] for site in known_sites]
    measured = measured_dropout(
        [(c.alt_umis, c.informative) for c in sites], settings.priors["dna"]
    )
    tables = []
    for site in placed:
        counts = counted[id(site)]
        error = molecule_error(counts, site.allele, site.window)
        if sample["assay"] == "scdna":
            error = max(error, read_error(counts))
        assumptions = assume(sample, settings, error, measured)
        named = _named(site.candidate, site.allele, site.window, genes)
        table, row = clone_tables(sample, once, seen, named, counts, assumptions, settings)
        tables.append(table)
        clones.append(row)
    for check in dict.fromkeys(note[0] for note in notes):
        mine = [note for note in notes if note[0] == check]
        text = "; ".join(message for _, _, message in mine)
        quality.append(quality_row(sample, check, None, "", mine[0][1], text))
    if nameless:
        text = f"{nameless} reads without UB: each read name counts as one molecule"
        quality.append(quality_row(sample, "molecular_barcodes", nameless, "reads", "FLAG", text))
    genotypes = pd.concat(tables, ignore_index=True) if tables else GENOTYPES.empty()
    return CellTables(GENOTYPES.check(genotypes), clones, quality)


@dataclass(frozen=True, eq=False)
class _Cells:
    sample: dict[str, str]
    barcodes: list[str]
    seen: np.ndarray
    numbers: dict[str, int]
    genes: dict[str, Gene]
    fetch: FetchCells
    settings: CellSettings


@dataclass(frozen=True, eq=False)
class _Placed:
    """A candidate on the reference, left-aligned."""

    candidate: Candidate
    allele: Allele
    window: ReferenceWindow


def _placed(
    sample: dict[str, str], candidates: list[Candidate], read_reference: ReadReference
) -> tuple[list[_Placed], list[dict[str, object]]]:
    """Candidates that fit the reference; clone rows of those that do not."""
    placed, failed = [], []
    for candidate in candidates:
        first, last = candidate.pos - WINDOW_NT, candidate.pos + len(candidate.ref) + WINDOW_NT
        window = ReferenceWindow(*read_reference(candidate.chrom, first, last))
        allele = Allele(candidate.pos, candidate.ref, candidate.alt)
        try:
            check_reference(allele, window)
        except AlleleError as error:
            reason = f"variant {candidate.label}: {error}"
            failed.append(clone_row(sample, candidate) | {"status": "FAILED", "flags": reason})
            continue
        placed.append(_Placed(candidate, left_align(allele, window), window))
    return placed, failed


def _count_all(
    cells: _Cells, placed: list[_Placed]
) -> tuple[dict[int, CellCounts], int, list[tuple[str, str, str]]]:
    """Molecules at each variant, with the reads of neighbouring variants read in one go.

    Also the number of reads without molecular barcode, and what is odd about the reads.
    """
    counted: dict[int, CellCounts] = {}
    nameless, notes = 0, dict[tuple[str, str, str], None]()
    for group in _neighbours(placed):
        spans = [(p.allele.pos - 1, p.allele.end + 1) for p in group]
        reads = cells.fetch(group[0].candidate.chrom, _merged(spans), cells.numbers)
        nameless += reads.dropped.get("without molecular barcode, kept", 0)
        notes |= dict.fromkeys(reads.notes)
        segments = split_segments(reads)
        for site, (first, last) in zip(group, spans, strict=True):
            near = (segments.ref_start <= last + GAP_NEAR_NT) & (
                segments.ref_end >= first - GAP_NEAR_NT
            )
            is_rna = cells.sample["assay"] != "scdna"
            counted[id(site)] = count_molecules(
                reads.take(np.unique(segments.read[near])),
                site.window,
                site.allele,
                gene_at(cells.genes, site.candidate) if is_rna else None,
                len(cells.barcodes),
                min_base_quality=cells.settings.min_base_quality,
            )
    return counted, nameless, list(notes)


def _neighbours(placed: list[_Placed]) -> list[list[_Placed]]:
    groups: list[list[_Placed]] = []
    for site in sorted(placed, key=lambda p: (p.candidate.chrom, p.allele)):
        before = groups[-1][-1] if groups else None
        if (
            before
            and before.candidate.chrom == site.candidate.chrom
            and site.allele.pos - before.allele.end <= TOGETHER_NT
        ):
            groups[-1].append(site)
        else:
            groups.append([site])
    return groups


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Sorted intervals without overlap."""
    merged: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(merged[-1][1], last))
        else:
            merged.append((first, last))
    return merged


def _named(
    candidate: Candidate, allele: Allele, window: ReferenceWindow, genes: dict[str, Gene]
) -> Candidate:
    """Return the candidate as written in the tables; one that a list names gets its gene."""
    symbol, name = candidate.gene, candidate.hgvs_c
    gene = gene_at(genes, candidate)
    if not symbol and gene is not None:
        symbol, name = gene.symbol, predict(gene, allele, window).hgvs_c
    return Candidate(
        window.contig, allele.pos, allele.ref, allele.alt, symbol, name, candidate.known_from_day
    )
