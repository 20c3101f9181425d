"""The same substitutions in single cells: the same counts, and the time beside cellSNP."""

import gzip
import os
import statistics
from pathlib import Path

from benchmarks.commands import measured
from benchmarks.results import result, runs
from benchmarks.sequenced import CELLS, VARIANTS, cell_set, references
from benchmarks.tools import PEERS, Tool, started

REPEATS = 3
CELLSNP = "cellSNP 0.3.2"
Counts = dict[tuple[str, int], tuple[int, int]]


def run(folder: Path) -> list[dict]:
    """Return the entries of this part."""
    fasta, _ = references(folder)
    bam, barcodes, variants, reads = cell_set(folder, CELLS, 0)
    tables = folder / "tables"
    tables.mkdir()
    row = {"assay": "scrna", "barcodes": str(barcodes), "variants": str(variants)}
    options = {"rule": "genotype_cells", "fasta": str(fasta), "row": row, "keep": str(tables)}
    with started(Tool("AfterCAR", "sequencing_rule", options=options)) as rule:
        rule.run(bam)  # warms up
        turns = [rule.run(bam) for _ in range(REPEATS)]
    output = folder / "cellsnp"
    command = [
        str(PEERS.parent / "cellSNP"), "-s", str(bam), "-b", str(barcodes), "-R", str(variants),
        "-O", str(output), "--UMItag", "UB", "--minMAF", "0", "--minCOUNT", "1", "-p", "1",
    ]  # fmt: skip
    peer = [measured([command], folder / "log") for _ in range(REPEATS)]
    same_counts(our_counts(tables), cellsnp_counts(output))
    what = f"Molecules with and without {VARIANTS} substitutions in {CELLS:,} listed cells"
    how = (
        f"{reads:,} reads with CB and UB, half of them of cells that are not listed; the counts of "
        "both tools are equal for every cell and variant"
    )
    return [
        result(
            "cell_variants.seconds", what,
            f"{how}; {runs(REPEATS)}, 1 process of {os.cpu_count()} cores", "s",
            statistics.median(turn["seconds"] for turn in turns),
            peers={CELLSNP: statistics.median(turn["seconds"] for turn in peer)},
            target={"times_less_than": {CELLSNP: 1}},
        ),
        result(
            "cell_variants.memory", what, f"{how}; peak of the whole process", "MB",
            max(turn["peak_mb"] for turn in turns),
            peers={CELLSNP: max(turn["peak_mb"] for turn in peer)},
        ),
    ]  # fmt: skip


def our_counts(tables: Path) -> Counts:
    """Return molecules with the reference and the other letter, by barcode and position."""
    import pandas as pd

    rows = pd.read_parquet(tables / "genotypes.parquet")
    return {
        (row.barcode, int(row.pos)): (int(row.ref_umis), int(row.alt_umis))
        for row in rows.itertuples()
        if row.ref_umis or row.alt_umis
    }


def cellsnp_counts(output: Path) -> Counts:
    """Return the same of cellSNP, by the names that it writes beside its matrices."""
    barcodes = (output / "cellSNP.samples.tsv").read_text().split()
    with gzip.open(output / "cellSNP.base.vcf.gz", "rt") as file:
        positions = [int(line.split("\t")[1]) for line in file if not line.startswith("#")]
    matrices = {}
    for layer in ("AD", "DP"):
        lines = (output / f"cellSNP.tag.{layer}.mtx").read_text().splitlines()
        rows = [line.split() for line in lines if not line.startswith("%")][1:]
        matrices[layer] = {
            (barcodes[int(column) - 1], positions[int(row) - 1]): int(count)
            for row, column, count in rows
        }
    return {
        place: (depth - matrices["AD"].get(place, 0), matrices["AD"].get(place, 0))
        for place, depth in matrices["DP"].items()
        if depth
    }


def same_counts(ours: Counts, theirs: Counts) -> None:
    """Stop unless both tools count the same molecules in every cell at every variant."""
    if not ours:
        raise SystemExit("AfterCAR counted no molecule: nothing to compare")
    differing = sorted(p for p in ours.keys() | theirs.keys() if ours.get(p) != theirs.get(p))
    if differing:
        place = differing[0]
        raise SystemExit(
            f"{len(differing)} of {len(ours)} counts differ, first in cell {place[0]} at "
            f"{place[1]}: AfterCAR {ours.get(place)}, cellSNP {theirs.get(place)}"
        )
