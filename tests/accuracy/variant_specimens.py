"""CD19 specimens of simulated reads, as the caller judges them."""

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import yaml
from tests.accuracy.sequenced_reads import Genome, Reads, Variant, draw_reads, genome_of

from aftercar.contracts.reads import AlignedReads
from aftercar.io.alignments import read_gene_models, read_reference
from aftercar.sequencing.fragments import split_segments
from aftercar.sequencing.genes import Gene, ReferenceWindow, build_genes
from aftercar.sequencing.specimens import Findings, call_specimen, stretches
from aftercar.sequencing.variants import CallSettings

ROOT = Path(__file__).parents[2]
PUBLIC = ROOT.parent / "shared/data/sequencing"
FASTA = "reference/chr16_Npad_CD19.fa.gz"
SPAN = (28931371, 28939842)  # the gene with 500 nt on both sides
MARGIN_NT = 10  # captured on both sides of the coding part of an exon
EXONS_2_AND_3 = (2, 3)
# Names of the rows of the public truth table that are notes, by HGVS on NM_001770.6.
NOTES = {28932613: "355+1G>A", 28932614: "355+2T>G", 28933075: "520C>G"}


@dataclass(frozen=True, order=True)
class Truth:
    """A variant with its published name, stop codon and loss of the transmembrane part."""

    name: str
    pos: int
    ref: str
    alt: str
    stop_codon: str
    loses_transmembrane: str  # yes, no, or nothing where the table does not say

    @property
    def variant(self) -> Variant:
        """Position and letters."""
        return self.pos, self.ref, self.alt


@cache
def gene() -> Gene:
    """Return the model of CD19."""
    return build_genes(*read_gene_models(), ["CD19"])["CD19"]


@cache
def window() -> ReferenceWindow:
    """Return the reference as the pipeline reads it."""
    (_, first, last) = stretches({"CD19": gene()})["CD19"]
    return ReferenceWindow(*read_reference(PUBLIC / FASTA, "chr16", first, last))


@cache
def genome() -> Genome:
    """Return what is sequenced: the public CD19 reference, its unknown letters made up."""
    contig, first, sequence = read_reference(PUBLIC / FASTA, "chr16", *SPAN)
    return genome_of(contig, 28_940_000, first, sequence)


@cache
def settings() -> CallSettings:
    """Return the thresholds as delivered."""
    given = yaml.safe_load((ROOT / "config/config.yaml").read_text())["sequencing"]
    return CallSettings(**{name: given[name] for name in CallSettings.__dataclass_fields__})


@cache
def published() -> tuple[Truth, ...]:
    """Return the rows of the public truth table, notes included: all are variants."""
    with open(PUBLIC / "truth/cd19_loss_variants_dev.tsv", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return tuple(
        Truth(
            NOTES.get(int(row["pos"]), row["hgvs_c_source"].split(":c.")[-1]),
            int(row["pos"]), row["ref"], row["alt"], row["ptc_codon"], row["trunc_before_TM(292)"],
        )
        for row in rows
    )  # fmt: skip


def targets(exons: tuple[int, ...] = ()) -> list[tuple[int, int]]:
    """Return the captured stretches: all coding exons, or those of the given numbers."""
    return [
        (exon.cds_start - MARGIN_NT, exon.cds_end + MARGIN_NT)
        for exon in gene().exons
        if exon.cds_start and exon.cds_end and (not exons or exon.number in exons)
    ]


def specimen(
    clones: list[tuple[float, list[Variant]]], depth: float, seed: list[int],
    exons: tuple[int, ...] = (),
) -> Reads:  # fmt: skip
    """Return reads of a specimen."""
    random = np.random.default_rng(seed)
    return draw_reads(genome(), clones, depth, random, targets=targets(exons))


def handed_over(reads: Reads, intervals: list[tuple[int, int]]) -> AlignedReads:
    """Return reads as the reader of BAM files hands them to the analysis."""
    wanted = np.zeros(len(reads.start), dtype=bool)
    end = reads.end
    for first, last in intervals:
        wanted |= (reads.start < last) & (end >= first)
    rows = np.flatnonzero(wanted & ((reads.flag & 0x400) == 0))
    kept = reads.chosen(rows)
    none = np.full(len(rows), -1, dtype=np.int64)
    length = kept.base.shape[1]
    return AlignedReads(
        start=kept.start, flag=kept.flag,
        fragment=np.unique(kept.fragment, return_inverse=True)[1].astype(np.int64),
        base=kept.base.ravel(), quality=kept.quality.ravel(),
        base_offset=np.arange(len(rows) + 1, dtype=np.int64) * length,
        op=kept.op, op_length=kept.op_length, op_offset=kept.op_offset,
        cell=none, molecule=none, dropped={},
    )  # fmt: skip


COLUMNS = (
    "sample_id", "patient_id", "day", "specimen", "assay", "path", "panel", "batch", "control_for",
    "infusion_no", "workspace", "reference", "barcodes", "bam", "variants", "labels", "chemistry",
)  # fmt: skip
SHEET_ROW = dict.fromkeys(COLUMNS, "") | {
    "sample_id": "S1", "patient_id": "P1", "day": "28", "specimen": "BM", "assay": "dna",
}  # fmt: skip


def findings_of(reads: Reads, *, unknown_letters: bool = True) -> Findings:
    """Return all tables of a specimen, with the public reference or without its unknown letters."""
    known = ReferenceWindow("chr16", genome().first, genome().letters.tobytes().decode())
    return call_specimen(
        SHEET_ROW, {"CD19": gene()}, {"CD19": window() if unknown_letters else known},
        lambda chrom, intervals: handed_over(reads, intervals), settings(),
    )  # fmt: skip


def written(row: dict) -> str:
    """Return a called row in a few words."""
    return f"{row['pos']} {row['ref']}>{row['alt']} ({row['alt_fragments']}/{row['depth']})"


def segments_of(reads: Reads):
    """Return all usable reads of the captured stretches, cut at introns."""
    return split_segments(handed_over(reads, [SPAN]))
