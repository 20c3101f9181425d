"""Other callers of variants on the same BAM file, with the options that find rare variants."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
from tests.accuracy.sequenced_reads import Genome, Variant

FREEBAYES = "freebayes 1.3.6 -F 0.005"
# at these depths six reads leave it about as few false calls as ours has
FREEBAYES_MANY = "freebayes 1.3.6 -F 0.005, of 6 reads or more"
FREEBAYES_2 = "freebayes 1.3.6 -F 0.02"
BCFTOOLS = "bcftools 1.16 mpileup + call"
BCFTOOLS_DEPTH = "bcftools 1.16 mpileup, AD >= 4 and 0.5 %"
MIN_ALT, MIN_SHARE = 4, 0.005
MANY_READS = 6
_MPILEUP = (
    "bcftools", "mpileup", "-d", "1000000", "-L", "1000000", "-q", "20", "-Q", "20",
    "-a", "AD,ADF,ADR,DP",
)  # fmt: skip


def write_reference(genome: Genome, path: Path) -> Path:
    """Write the genome as an indexed FASTA, N around it; every tool reads the same letters."""
    letters = np.full(genome.contig_nt, ord("N"), dtype=np.uint8)
    letters[genome.first - 1 : genome.first - 1 + len(genome.letters)] = genome.letters
    width = 10_000
    with open(path, "wb") as file:
        file.write(f">{genome.contig}\n".encode())
        for start in range(0, len(letters), width):
            file.write(letters[start : start + width].tobytes() + b"\n")
    subprocess.run(["samtools", "faidx", path], check=True)
    return path


def write_bed(genome: Genome, targets: list[tuple[int, int]], path: Path) -> Path:
    """Write stretches (1-based inclusive) as BED."""
    lines = (f"{genome.contig}\t{first - 1}\t{last}\n" for first, last in targets)
    path.write_text("".join(lines))
    return path


def _output(command: list[object]) -> str:
    return subprocess.run(
        [str(word) for word in command], check=True, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, text=True,
    ).stdout  # fmt: skip


def freebayes(bam: Path, fasta: Path, bed: Path, share: float) -> str:
    """Return the VCF of freebayes for a mixture of cells."""
    options = ["-F", share, "-C", 3, "--pooled-continuous", "-m", 20, "-q", 20]
    return _output(["freebayes", "-f", fasta, "-t", bed, *options, bam])


def bcftools_call(bam: Path, fasta: Path, bed: Path) -> str:
    """Return the VCF of bcftools' own caller, without its limits of depth."""
    pileup = subprocess.Popen(
        [*_MPILEUP, "-f", fasta, "-R", bed, "-Ou", bam],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    with pileup:
        called = subprocess.run(
            ["bcftools", "call", "-mv"], check=True, stdin=pileup.stdout, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
    return called.stdout


def bcftools_depth(bam: Path, fasta: Path, bed: Path) -> str:
    """Return the VCF of all alleles that bcftools sees, indels of rare reads included."""
    return _output([*_MPILEUP, "-F", "0.002", "-m", "3", "-f", fasta, "-R", bed, bam])


TOOLS: dict[str, Callable[[Path, Path, Path], str]] = {
    FREEBAYES: lambda *files: freebayes(*files, share=0.005),
    FREEBAYES_MANY: lambda *files: freebayes(*files, share=0.005),
    FREEBAYES_2: lambda *files: freebayes(*files, share=0.02),
    BCFTOOLS: bcftools_call,
    BCFTOOLS_DEPTH: bcftools_depth,
}
# tools that differ in what they take from the same output
SAME_OUTPUT = {FREEBAYES_MANY: FREEBAYES}


def called_by(tool: str, vcf: str) -> list[Variant]:
    """Return the alleles that a tool calls; of the pileup those with enough reads."""
    found = []
    for line in vcf.splitlines():
        if line.startswith("#"):
            continue
        _, pos, _, ref, alts, _, _, _, keys, values = line.split("\t")
        sample = dict(zip(keys.split(":"), values.split(":"), strict=True))
        depths = [int(n) if n != "." else 0 for n in sample.get("AD", "0").split(",")]
        for number, alt in enumerate(alts.split(","), start=1):
            if not set(alt) <= set("ACGT"):
                continue
            if tool == BCFTOOLS_DEPTH:
                enough = depths[number] >= max(MIN_ALT, MIN_SHARE * sum(depths))
            elif tool == BCFTOOLS:
                enough = str(number) in sample["GT"].replace("|", "/").split("/")
            elif tool == FREEBAYES_MANY:
                enough = depths[number] >= MANY_READS
            else:
                # freebayes lists what passes -F and -C; its genotypes are those of a pool
                enough = True
            if enough:
                found.append((int(pos), ref, alt))
    return found
