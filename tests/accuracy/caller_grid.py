"""Sensitivity and false calls of AfterCAR and of other callers over the same simulated grid."""

import tempfile
from functools import cache
from pathlib import Path

import pandas as pd
from tests.accuracy.bam_writer import write_bam
from tests.accuracy.peer_callers import SAME_OUTPUT, TOOLS, called_by, write_bed, write_reference
from tests.accuracy.sequenced_reads import Reads, Variant
from tests.accuracy.variant_specimens import findings_of, genome, specimen, targets
from tests.accuracy.written_alleles import aligned_left, false_calls, is_found

OURS = "AfterCAR"
FRACTIONS = (0.005, 0.01, 0.02, 0.05, 0.5)
DEPTHS = (200, 500, 1000, 2000, 5000, 10_000)
SUBSTITUTION, ONE, RUN = "substitution", "1 nt off runs", "1 nt in a run of six"
INSERTION, DELETION, REPLACED = "insertion of 5 to 8", "deletion of 20 to 40", "20 replaced by 5"


@cache
def planted() -> tuple[dict[Variant, str], dict[Variant, str]]:
    """Return variants with their class on two clones; those of one clone lie far apart."""
    first = {
        (28932529, "T", "TG"): RUN,
        (28932975, "C", "CT"): ONE,
        _deletion(28933380, 40): DELETION,
        (28935456, "G", "A"): SUBSTITUTION,
        _insertion(28936560, "ACTGGATA"): INSERTION,
        _replacement(28937080, 20, "GATCA"): REPLACED,
        (28938723, "C", "T"): SUBSTITUTION,
    }
    second = {
        (28932412, "G", "A"): SUBSTITUTION,
        (28933043, "G", "T"): SUBSTITUTION,
        _deletion(28933434, 1): ONE,
        _insertion(28935500, "TCAGA"): INSERTION,
        (28937050, "TG", "T"): RUN,
        _deletion(28937300, 20): DELETION,
        _replacement(28938890, 20, "TGACC"): REPLACED,
    }
    return first, second


def _deletion(first: int, size: int) -> Variant:
    text = genome().text(first - 1, first + size - 1)
    return aligned_left(genome(), (first - 1, text, text[0]))


def _insertion(after: int, letters: str) -> Variant:
    text = genome().text(after, after)
    return aligned_left(genome(), (after, text, text + letters))


def _replacement(first: int, size: int, letters: str) -> Variant:
    return aligned_left(genome(), (first, genome().text(first, first + size - 1), letters))


def grid_specimen(fraction: float, depth: float, seed: int) -> Reads:
    """Return a specimen with all variants of the grid, each in the given share of molecules."""
    clones = [(fraction, sorted(variants)) for variants in planted()]
    return specimen(clones, depth, [5, round(fraction * 1e4), round(depth), seed])


def ours(reads: Reads) -> list[Variant]:
    """Return the alleles that AfterCAR calls."""
    rows = findings_of(reads, unknown_letters=False).rows["variants"]
    return [(row["pos"], row["ref"], row["alt"]) for row in rows if row["filter"] == "PASS"]


def grid(
    fractions: tuple[float, ...] = FRACTIONS, depths: tuple[float, ...] = DEPTHS,
    seeds: int = 1, tools: tuple[str, ...] = (OURS, *TOOLS),
) -> pd.DataFrame:  # fmt: skip
    """Return a row for each tool, specimen and planted variant, and one for its false calls.

    A variant is found where the called alleles, alone or together, make of the gene what it makes.
    Of false calls the parts count that lie more than 10 nt from every planted variant.
    """
    variants = planted()[0] | planted()[1]
    rows: list[dict] = []
    with tempfile.TemporaryDirectory(prefix="aftercar_grid_") as folder:
        fasta = write_reference(genome(), Path(folder) / "reference.fa")
        bed = write_bed(genome(), targets(), Path(folder) / "targets.bed")
        for depth in depths:
            for fraction in fractions:
                for seed in range(seeds):
                    reads = grid_specimen(fraction, depth, seed)
                    bam = write_bam(Path(folder) / "reads.bam", genome(), reads)
                    outputs: dict[str, str] = {}
                    for tool in tools:
                        source = SAME_OUTPUT.get(tool, tool)
                        if tool == OURS:
                            called = ours(reads)
                        else:
                            if source not in outputs:
                                outputs[source] = TOOLS[source](bam, fasta, bed)
                            called = called_by(tool, outputs[source])
                        about = {"tool": tool, "fraction": fraction, "depth": depth, "seed": seed}
                        rows += [
                            about
                            | {"class": kind, "found": is_found(genome(), variant, called)}
                            | {"variant": "{} {}>{}".format(*variant)}
                            for variant, kind in variants.items()
                        ]
                        wrong = false_calls(genome(), list(variants), called)
                        rows.append(about | {"class": "", "false": len(wrong)})
    return pd.DataFrame(rows)
