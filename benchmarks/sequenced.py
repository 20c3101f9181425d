"""Reads that are measured, drawn by the simulator of the accuracy experiments."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tests.accuracy.bam_writer import write_bam
from tests.accuracy.peer_callers import write_bed, write_reference
from tests.accuracy.sequenced_reads import Reads, Variant, draw_amplicon
from tests.accuracy.variant_specimens import genome, specimen, targets

PLANTED: list[tuple[float, list[Variant]]] = [
    (0.02, [(28932529, "T", "TG"), (28933043, "G", "T")]),
    (0.05, [(28932975, "C", "CT")]),
]
AMPLICON_NT = 230
CELLS, VARIANTS = 5000, 20
MOLECULES_PER_CELL, FURTHER_READS = 6, 3
CELL_READ_NT, READ_END_NT = 91, 6
CLONE_SHARE = 0.1
LETTERS = np.frombuffer(b"ACGT", dtype=np.uint8)


def references(folder: Path) -> tuple[Path, Path]:
    """Write the genome as FASTA and the captured stretches as BED; return both paths."""
    fasta = write_reference(genome(), folder / "reference.fa")
    return fasta, write_bed(genome(), targets(), folder / "targets.bed")


def captured(path: Path, depth: float, seed: int) -> tuple[Path, int]:
    """Write the coding exons of CD19 at a depth; return path and number of reads."""
    reads = specimen(PLANTED, depth, [6, round(depth), seed])
    return write_bam(path, genome(), reads), len(reads.start)


def amplicons() -> list[tuple[int, int]]:
    """Return amplicons that tile the coding exons with their margins."""
    found = []
    for first, last in targets():
        pieces = -(-(last - first + 1) // AMPLICON_NT)
        edges = np.linspace(first, last + 1, pieces + 1).astype(int)
        for a, b in itertools.pairwise(edges):
            middle = (int(a) + int(b)) // 2
            size = max(int(b) - int(a) + 20, 160)
            found.append((middle - size // 2, middle - size // 2 + size - 1))
    return found


def amplicon_set(path: Path, fragments: int, seed: int) -> tuple[Path, int]:
    """Write all amplicons with `fragments` fragments each; return path and number of reads."""
    random = np.random.default_rng([7, fragments, seed])
    drawn = 0

    def parts() -> Iterator[Reads]:
        nonlocal drawn
        waiting: Reads | None = None
        number = 0
        spans = amplicons()
        for place, span in enumerate(spans):
            reads = draw_amplicon(genome(), PLANTED, span, fragments, random)
            drawn += len(reads.start)
            reads.fragment[:] += number
            number += fragments + 10
            reads = reads if waiting is None else joined(waiting, reads)
            # what the next amplicon may overlap waits for it
            last = place == len(spans) - 1
            border = reads.start[-1] + 1 if last else spans[place + 1][0] - 60
            ready = int(np.searchsorted(reads.start, border))
            yield reads.chosen(np.arange(ready))
            waiting = reads.chosen(np.arange(ready, len(reads.start)))

    return write_bam(path, genome(), parts()), drawn


def joined(one: Reads, other: Reads) -> Reads:
    """Return two sets of reads as one, sorted."""
    names = ("start", "flag", "fragment", "mate_start", "base", "quality", "op", "op_length")
    both = {n: np.concatenate([getattr(one, n), getattr(other, n)]) for n in names}
    offset = np.concatenate([one.op_offset, one.op_offset[-1] + other.op_offset[1:]])
    order = np.argsort(both["start"], kind="stable")
    return Reads(**both, op_offset=offset).chosen(order)


def cell_variants() -> list[Variant]:
    """Return substitutions in exons 2 to 4, evenly spread."""
    found = []
    spans = [(first + 20, last - 20) for first, last in targets((2, 3, 4))]
    positions = np.concatenate([np.arange(first, last) for first, last in spans])
    for pos in positions[np.linspace(5, len(positions) - 5, VARIANTS).astype(int)]:
        ref = genome().text(int(pos), int(pos))
        found.append((int(pos), ref, {"A": "G", "G": "A", "C": "T", "T": "C"}[ref]))
    return found


def cell_set(folder: Path, cells: int, seed: int) -> tuple[Path, Path, Path, int]:
    """Write BAM, list of barcodes and VCF of single cells; return the paths and number of reads.

    As many further cells are not listed. A tenth of the cells has all variants in half of their
    molecules. The letters at the variants are free of errors and more than five from the ends of
    reads, so that counts do not depend on how a tool settles a conflict or treats ends of RNA.
    """
    random = np.random.default_rng([8, cells, seed])
    made = np.unique(random.integers(0, 4**16, 3 * cells))
    codes = random.permutation(made)[: 2 * cells]
    barcodes = LETTERS[(codes[:, None] >> (2 * np.arange(16))) & 3]
    molecules = random.poisson(MOLECULES_PER_CELL, 2 * cells)
    cell = np.repeat(np.arange(2 * cells), molecules)
    mutant = (random.random(2 * cells) < CLONE_SHARE)[cell] & (random.random(len(cell)) < 0.5)
    umi = LETTERS[random.integers(0, 4, (len(cell), 12))]
    spans = targets((2, 3, 4))
    exon = random.choice(len(spans), len(cell), p=_shares(spans))
    low = np.array([first for first, _ in spans])[exon]
    high = np.array([last for _, last in spans])[exon] - CELL_READ_NT + 1
    copies = 1 + random.poisson(FURTHER_READS, len(cell))
    read = np.repeat(np.arange(len(cell)), copies)
    middle = low + (random.random(len(cell)) * (high - low)).astype(int)
    start = middle[read] + random.integers(-20, 21, len(read))
    start = np.clip(start, low[read], high[read]) - genome().first
    kept = np.ones(len(read), dtype=bool)
    for pos, _, _ in cell_variants():
        offset = pos - genome().first - start
        inside = (offset >= 0) & (offset < CELL_READ_NT)
        kept &= ~inside | ((offset >= READ_END_NT) & (offset < CELL_READ_NT - READ_END_NT))
    start, read = start[kept], read[kept]
    index = start[:, None] + np.arange(CELL_READ_NT)
    base = genome().letters[index]
    quality = np.full(base.shape, 37, dtype=np.uint8)
    poor = random.random(base.shape, dtype=np.float32) < 0.05
    quality[poor] = 23
    wrong = random.random(base.shape, dtype=np.float32) < 0.002
    base[wrong] = LETTERS[random.integers(0, 4, int(wrong.sum()))]
    for pos, ref, alt in cell_variants():
        row, column = np.nonzero(index == pos - genome().first)
        base[row, column] = np.where(mutant[read[row]], ord(alt), ord(ref))
        quality[row, column] = 37
    order = np.argsort(start, kind="stable")
    start, read, base, quality = start[order], read[order], base[order], quality[order]
    count = len(read)
    reads = Reads(
        start=start + genome().first - 1, flag=np.where(random.random(count) < 0.5, 16, 0),
        fragment=np.arange(count), mate_start=np.full(count, -1), base=base, quality=quality,
        op=np.zeros(count, dtype=np.uint8), op_length=np.full(count, CELL_READ_NT),
        op_offset=np.arange(count + 1),
    )  # fmt: skip
    tags = np.concatenate(
        [
            _text(b"CBZ", count), barcodes[cell[read]], _text(b"-1\0", count),
            _text(b"UBZ", count), umi[read], _text(b"\0", count),
        ],
        axis=1,
    )  # fmt: skip
    bam = write_bam(folder / "cells.bam", genome(), reads, tags)
    listed = folder / "barcodes.tsv"
    listed.write_text("".join(row.tobytes().decode() + "-1\n" for row in barcodes[:cells]))
    vcf = folder / "variants.vcf"
    lines = ["##fileformat=VCFv4.2", f"##contig=<ID=chr16,length={genome().contig_nt}>"]
    lines.append("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO")
    lines += [f"chr16\t{pos}\t.\t{ref}\t{alt}\t.\t.\t." for pos, ref, alt in cell_variants()]
    vcf.write_text("\n".join(lines) + "\n")
    return bam, listed, vcf, count


def _shares(spans: list[tuple[int, int]]) -> np.ndarray:
    sizes = np.array([last - first + 1 for first, last in spans], dtype=float)
    return sizes / sizes.sum()


def _text(text: bytes, count: int) -> np.ndarray:
    return np.broadcast_to(np.frombuffer(text, dtype=np.uint8), (count, len(text)))
