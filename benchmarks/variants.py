"""Variants in bulk reads beside freebayes and bcftools: time, memory, and what each one finds."""

import os
import statistics
from pathlib import Path

from benchmarks.commands import measured
from benchmarks.results import result, runs
from benchmarks.sequenced import (
    amplicon_set,
    amplicons,
    captured,
    references,
)
from benchmarks.tools import Tool, peak_above, started

REPEATS = 3
DEPTH, AMPLICON_FRAGMENTS = 5000, 100_000
GRID_FRACTIONS, GRID_DEPTH, GRID_SEEDS = (0.005, 0.01, 0.02, 0.05), 2000, 2
PILEUP = ["bcftools", "mpileup", "-d", "1000000", "-L", "1000000", "-q", "20", "-Q", "20"]


def commands(fasta: Path, bed: Path) -> dict[str, list[list[str]]]:
    """Return the command lines of the other callers; the BAM file comes last in the first step."""
    from tests.accuracy.peer_callers import BCFTOOLS, FREEBAYES, FREEBAYES_2

    freebayes = ["freebayes", "-f", str(fasta), "-t", str(bed), "-C", "3", "--pooled-continuous"]
    pileup = [*PILEUP, "-a", "AD,ADF,ADR,DP", "-f", str(fasta), "-R", str(bed), "-Ou"]
    return {
        FREEBAYES: [[*freebayes, "-m", "20", "-q", "20", "-F", "0.005"]],
        FREEBAYES_2: [[*freebayes, "-m", "20", "-q", "20", "-F", "0.02"]],
        BCFTOOLS: [pileup, ["bcftools", "call", "-mv"]],
    }


def run(folder: Path) -> list[dict]:
    """Return the entries of this part."""
    fasta, bed = references(folder)
    return [*_captured(folder, fasta, bed), *_amplicons(folder, fasta, bed), *_grid()]


def ours(fasta: Path) -> Tool:
    """Return the rule call_variants on one specimen of DNA."""
    options = {"rule": "call_variants", "fasta": str(fasta), "row": {"assay": "dna"}}
    return Tool("AfterCAR", "sequencing_rule", options=options)


def _peers(
    folder: Path, commands: dict[str, list[list[str]]], bam: Path, repeats: int
) -> tuple[dict[str, float], dict[str, float]]:
    seconds, memory = {}, {}
    for name, (first, *others) in commands.items():
        turns = [measured([[*first, str(bam)], *others], folder / "calls") for _ in range(repeats)]
        seconds[name] = statistics.median(turn["seconds"] for turn in turns)
        memory[name] = max(turn["peak_mb"] for turn in turns)
    return seconds, memory


def _captured(folder: Path, fasta: Path, bed: Path) -> list[dict]:
    from tests.accuracy.peer_callers import BCFTOOLS, FREEBAYES, FREEBAYES_2

    bam, reads = captured(folder / "captured.bam", DEPTH, 0)
    with started(ours(fasta)) as rule:
        rule.run(bam)  # warms up
        turns = [rule.run(bam) for _ in range(REPEATS)]
    seconds, memory = _peers(folder, commands(fasta, bed), bam, REPEATS)
    what = f"All variants of the CD19 coding exons at {DEPTH:,} fragments per base"
    how = f"{reads:,} reads of 150 nt, from the BAM file to all tables or to VCF"
    return [
        result(
            "variants.captured.seconds", what, f"{how}; {_of_cores(REPEATS)}", "s",
            statistics.median(turn["seconds"] for turn in turns), peers=seconds,
            target={
                "times_less_than": {FREEBAYES: 1, FREEBAYES_2: 1},
                "at_most_times": {BCFTOOLS: 3},
            },
        ),
        result(
            "variants.captured.memory", what, f"{how}; peak of the whole process", "MB",
            max(turn["peak_mb"] for turn in turns), peers=memory,
        ),
    ]  # fmt: skip


def _amplicons(folder: Path, fasta: Path, bed: Path) -> list[dict]:
    from tests.accuracy.peer_callers import BCFTOOLS

    small, _ = amplicon_set(folder / "small.bam", 200, 1)
    bam, reads = amplicon_set(folder / "amplicons.bam", AMPLICON_FRAGMENTS, 0)
    turns = [peak_above(ours(fasta), small, bam) for _ in range(REPEATS)]
    bcftools = {BCFTOOLS: commands(fasta, bed)[BCFTOOLS]}
    seconds, memory = _peers(folder, bcftools, bam, 1)
    what = f"All variants of {len(amplicons())} CD19 amplicons of {AMPLICON_FRAGMENTS:,} fragments"
    how = (
        f"{reads:,} reads of 150 nt, file of {bam.stat().st_size / 1e6:.0f} MB, from the BAM file "
        "to all tables or to VCF; freebayes was not measured on this file"
    )
    return [
        result(
            "variants.amplicons.seconds", what,
            f"{how}; {_of_cores(REPEATS)} (bcftools {runs(1)})", "s",
            statistics.median(turn["seconds"] for turn in turns), peers=seconds,
            target={"at_most": 90},
        ),
        result(
            "variants.amplicons.memory", what, f"{how}; peak of the whole process", "MB",
            max(turn["peak_mb"] for turn in turns), peers=memory, target={"at_most": 1000},
        ),
    ]  # fmt: skip


def _grid() -> list[dict]:
    from tests.accuracy.caller_grid import OURS, grid, planted
    from tests.accuracy.peer_callers import FREEBAYES

    rows = grid(GRID_FRACTIONS, (GRID_DEPTH,), GRID_SEEDS)
    variants = rows[rows["class"] != ""]
    missed = 100 * (1 - variants["found"].astype(float).groupby(variants["tool"]).mean())
    specimens = rows[rows["class"] == ""]
    wrong = specimens["false"].astype(float).groupby(specimens["tool"]).mean()
    shares = ", ".join(f"{100 * fraction:g}" for fraction in GRID_FRACTIONS)
    what = f"{len(planted()[0] | planted()[1])} variants of six classes in one specimen"
    how = (
        f"{shares} % of the molecules, {GRID_DEPTH:,} fragments per base of 150-nt reads, "
        f"{GRID_SEEDS} specimens each (docs/validation.md has the whole grid)"
    )

    def entry(name: str, text: str, unit: str, values, target: dict) -> dict:
        peers = {tool: value for tool, value in values.items() if tool != OURS}
        return result(
            f"variants.grid.{name}", f"{text}: {what}", how, unit, values[OURS], peers=peers,
            target=target,
        )  # fmt: skip

    everyone = {tool: 1 for tool in missed.index if tool != OURS}
    return [
        entry("missed", "Variants that are missed", "%", missed, {"at_most_times": everyone}),
        entry("false", "False calls in a specimen", "calls", wrong,
              {"at_most_times": {FREEBAYES: 1}}),
    ]  # fmt: skip


def _of_cores(repeats: int) -> str:
    return f"{runs(repeats)}, 1 thread of {os.cpu_count()} cores"
