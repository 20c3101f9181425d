"""Genotypes of the cells of a targeted DNA panel (Tapestri), from the counts of its file."""

import numpy as np
import pandas as pd

from aftercar.contracts.reads import BarcodeSearch, PanelReads
from aftercar.contracts.sequencing import GENOTYPES
from aftercar.contracts.specimen import quality_row
from aftercar.sequencing.alleles import Allele, trimmed
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
)
from aftercar.sequencing.cells import MOLECULE_ERROR, barcode_numbers, read_error
from aftercar.sequencing.genes import Gene
from aftercar.sequencing.molecules import CellCounts

BUILD = "GRCh38"  # of the gene models and of the variants of all other assays
_MISSING = 3
_BASES = set("ACGT")


def panel_loci(candidates: list[Candidate]) -> set[tuple[str, int, str, str]]:
    """Return the variants as a panel's file writes them: contigs without chr."""
    return {(c.chrom.removeprefix("chr"), c.pos, c.ref, c.alt) for c in candidates}


def genotype_panel(
    sample: dict[str, str],
    panel: PanelReads,
    barcodes: list[str],
    own: list[Candidate],
    listed: list[Candidate],
    genes: dict[str, Gene],
    settings: CellSettings,
) -> CellTables:
    """Return genotypes and clones of the candidates in the cells of a panel.

    `own` are the patient's variants (GRCh38), `listed` those that the specimen's list names, which
    are in the coordinates of the panel's file. Coordinates of another genome are never converted:
    `own` is then NOT_ASSESSED, and what is listed is named with its genome. With `barcodes`, only
    these cells are used, and each of them is accounted for.
    """
    numbers, once, repeated = barcode_numbers(barcodes or panel.barcodes)
    place = {numbers[cell]: n for n, cell in enumerate(panel.barcodes) if cell in numbers}
    search = BarcodeSearch(
        frozenset(place), True, f"all {len(panel.barcodes)} cells", "names of cells"
    )
    quality = barcode_quality(sample, once, repeated, search, settings)
    quality += _panel_quality(sample, panel)
    seen = np.zeros(len(once), dtype=bool)
    seen[sorted(place)] = True
    same_build = panel.build == BUILD
    have = {_key(c.chrom, c.pos, c.ref, c.alt) for c in own} if same_build else set()
    wanted = [*own] if same_build else []
    wanted += [c for c in listed if _key(c.chrom, c.pos, c.ref, c.alt) not in have]
    columns = {_key(*panel.variants[n]): i for i, n in enumerate(panel.chosen)}
    rows = np.array([place.get(number, -1) for number in range(len(once))])
    tables = []
    clones = [] if same_build else [_other_build(sample, c, panel.build) for c in own]
    for candidate in wanted:
        named = _named(candidate, panel.build, genes)
        column = columns.get(_key(candidate.chrom, candidate.pos, candidate.ref, candidate.alt))
        if column is None:
            clones.append(_not_in_file(sample, named, candidate, panel))
            continue
        counts = _counts(panel, column, rows)
        error = max(MOLECULE_ERROR, read_error(counts))
        dropout = _dropout(panel, column, settings.priors["dna"])
        table, row = clone_tables(
            sample, once, seen, named, counts, assume(sample, settings, error, dropout), settings
        )
        tables.append(table)
        clones.append(row)
    if not own and not listed:
        quality.append(no_candidates(sample))
    genotypes = pd.concat(tables, ignore_index=True) if tables else GENOTYPES.empty()
    return CellTables(GENOTYPES.check(genotypes), clones, quality)


def _key(chrom: str, pos: int, ref: str, alt: str) -> tuple:
    """One spelling for a variant, whatever bases both alleles share."""
    chrom = chrom.removeprefix("chr")
    if not set(ref + alt) <= _BASES:
        return chrom, pos, ref, alt
    change = trimmed(Allele(pos, ref, alt))
    return chrom, change.start, change.deleted, change.inserted


def _counts(panel: PanelReads, column: int, rows: np.ndarray) -> CellCounts:
    depth = np.where(rows < 0, 0, panel.depth[rows, column])
    alt = np.where(rows < 0, 0, panel.alt[rows, column])
    none = np.zeros(len(rows), dtype=np.int64)
    return CellCounts(depth - alt, alt, none, none, depth - alt, alt)


def _dropout(panel: PanelReads, column: int, prior: dict) -> tuple[float, float, float, int] | None:
    """Dropout at other sites of the same amplicon, else at all other sites."""
    amplicon = panel.amplicons[panel.chosen[column]]
    others = [i for i in range(len(panel.chosen)) if i != column]
    near = [i for i in others if amplicon and panel.amplicons[panel.chosen[i]] == amplicon]
    for sites in (near, others):
        found = measured_dropout([(panel.alt[:, i], panel.depth[:, i]) for i in sites], prior)
        if found is not None:
            return found
    return None


def _named(candidate: Candidate, build: str, genes: dict[str, Gene]) -> Candidate:
    """Return the candidate as written in the tables; of another genome, with its name."""
    if build != BUILD:
        chrom = candidate.chrom.removeprefix("chr")
        return Candidate(f"{build}_chr{chrom}", candidate.pos, candidate.ref, candidate.alt)
    gene = None if candidate.gene else gene_at(genes, candidate)
    if gene is None:
        return candidate
    return Candidate(
        candidate.chrom, candidate.pos, candidate.ref, candidate.alt, gene.symbol, "",
        candidate.known_from_day,
    )  # fmt: skip


def _other_build(sample: dict[str, str], candidate: Candidate, build: str) -> dict[str, object]:
    reason = (
        f"the file's coordinates are {build}, the variant's {BUILD}, and are not converted; name "
        f"in column variants a VCF with the variant in coordinates of {build}"
    )
    return clone_row(sample, candidate) | {"status": "NOT_ASSESSED", "flags": reason}


def _not_in_file(
    sample: dict[str, str], named: Candidate, candidate: Candidate, panel: PanelReads
) -> dict[str, object]:
    chrom = candidate.chrom.removeprefix("chr")
    covered = any(c == chrom and a <= candidate.pos <= b for c, a, b in panel.covered)
    reason = (
        "an amplicon covers it, but the file lists only variants that its pipeline called: what "
        "cells without a call carry is not known"
        if covered
        else "no amplicon of the panel covers it"
    )
    return clone_row(sample, named) | {
        "status": "NOT_ASSESSED",
        "flags": f"the file does not list this variant: {reason}",
    }


def _panel_quality(sample: dict[str, str], panel: PanelReads) -> list[dict[str, object]]:
    cells, variants = len(panel.barcodes), len(panel.variants)
    missing = int(panel.calls[:, _MISSING].sum())
    share = missing / max(cells * variants, 1)
    rows = [
        quality_row(
            sample, "panel_genotypes", share, "fraction", "PASS",
            f"{cells} cells x {variants} variants; {missing} genotypes are missing and count as "
            "no coverage, not as reference",
        )
    ]  # fmt: skip
    if panel.build != BUILD:
        text = f"coordinates of {panel.build}: variants of {BUILD} cannot be looked up in this file"
        rows.append(quality_row(sample, "genome_build", None, "", "FLAG", text))
    unwritten = [
        v for v in panel.variants if not set(v[2] + v[3]) <= _BASES or not v[2] or not v[3]
    ]
    if unwritten:
        text = f"{len(unwritten)} variant(s) without REF or ALT as bases: cannot be matched"
        rows.append(
            quality_row(sample, "unnamed_variants", len(unwritten), "variants", "FLAG", text)
        )
    if panel.remarks:
        rows.append(quality_row(sample, "layers", None, "", "FLAG", "; ".join(panel.remarks)))
    text = "no molecular barcodes: reads are counted, in columns *_umis too"
    return [*rows, quality_row(sample, "molecular_barcodes", None, "", "FLAG", text)]
