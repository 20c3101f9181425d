"""A synthetic reference: real exon coordinates, lengths and proteins; invented nucleotides.

The coding sequence is a seeded back-translation of the real protein, introns and untranslated
regions are random (introns begin GT and end AG). Nothing outside the genes is known: N. It is no
human sequence and must never be used on a patient.
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd

BASES = "ACGT"
COMPLEMENT = str.maketrans("ACGTN", "TGCAN")
CONTIG_LENGTHS = {"chr16": 28_940_000, "chr17": 7_690_000}
FLANK = 600  # random bases around a gene
_ORDER, _AMINO = "TCAG", "FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG"
CODONS = [a + b + c for a in _ORDER for b in _ORDER for c in _ORDER]
AMINO_ACID = dict(zip(CODONS, _AMINO, strict=True))
# plus-strand bases that known polymorphisms and the planted TP53 mutation need (GRCh38)
FIXED_BASES = {
    "chr16": {28933075: "C", 28933379: "G", 28939111: "C", 28932883: "C", 28938730: "G"},
    "chr17": {7676154: "G", 7674221: "G", 7674220: "C", 7674219: "C"},
}
# name -> contig, position, reference, alternative
POLYMORPHISMS = {
    "rs2904880": ("chr16", 28933075, "C", "G"),
    "rs35979293": ("chr16", 28933379, "G", "T"),
    "rs79018922": ("chr16", 28932883, "C", "G"),
    "rs2070962": ("chr16", 28939111, "C", "T"),
    "rs1042522": ("chr17", 7676154, "G", "C"),
}
# planted variants: gene, first and last reference base that is replaced, replacement
PLANTED = {
    "cd19_exon2_frameshift": ("CD19", 28932528, 28932534, ""),  # c.271_277del
    "tp53_r248q": ("TP53", 7674220, 7674220, "T"),  # c.743G>A, p.R248Q
}


@dataclass(frozen=True)
class Gene:
    """Exons (number, start, end, CDS start, CDS end; 1-based, inclusive; CDS 0: none)."""

    name: str
    contig: str
    strand: str
    exons: tuple[tuple[int, int, int, int, int], ...]
    protein: str

    def coding_positions(self) -> np.ndarray:
        """Return the positions of the coding bases in the order of the transcript."""
        parts = [
            np.arange(first, last + 1)[:: 1 if self.strand == "+" else -1]
            for _, _, _, first, last in self.exons
            if first
        ]
        return np.concatenate(parts)


@dataclass(frozen=True)
class Locus:
    """The known stretch of one contig; `start` is the position of its first base."""

    contig: str
    start: int
    sequence: str

    def bases(self, first: int, last: int) -> str:
        """Return the plus strand from `first` to `last`, 1-based and inclusive."""
        return self.sequence[first - self.start : last + 1 - self.start]


def genes_from(exons: pd.DataFrame, proteins: dict[str, str]) -> dict[str, Gene]:
    """Return the genes that have a protein here, from a table of their exons (text)."""
    genes = {}
    for name, protein in proteins.items():
        rows = exons[exons["gene"] == name]
        numbers = rows[["exon", "start", "end", "cds_start", "cds_end"]]
        listed = sorted([int(value or 0) for value in row] for row in numbers.to_numpy().tolist())
        first = rows.iloc[0]
        known = tuple((n, start, end, low, high) for n, start, end, low, high in listed)
        genes[name] = Gene(name, first["chrom"], first["strand"], known, protein)
    return genes


def synthesise(gene: Gene, random: np.random.Generator) -> Locus:
    """Return the invented sequence of a gene's locus.

    Raises ValueError if the protein does not fit the coding bases.
    """
    start = min(exon[1] for exon in gene.exons) - FLANK
    end = min(max(exon[2] for exon in gene.exons) + FLANK, CONTIG_LENGTHS[gene.contig])
    bases = np.array(list(BASES))[random.integers(0, 4, end - start + 1)]
    forward = gene.strand == "+"
    fixed = FIXED_BASES[gene.contig]
    for position, base in fixed.items():
        bases[position - start] = base
    bounds = sorted((exon[1], exon[2]) for exon in gene.exons)
    for (_, left), (right, _) in pairwise(bounds):
        bases[left + 1 - start : left + 3 - start] = list("GT" if forward else "CT")
        bases[right - 2 - start : right - start] = list("AG" if forward else "AC")
    coding = gene.coding_positions()
    amino = gene.protein + "*"
    if len(coding) != 3 * len(amino):
        raise ValueError(f"{gene.name}: {len(coding)} coding bases for {len(amino)} codons")
    for number, residue in enumerate(amino):
        places = coding[3 * number : 3 * number + 3]
        fitting = [
            plus
            for plus in (
                codon if forward else codon.translate(COMPLEMENT)
                for codon in CODONS
                if AMINO_ACID[codon] == residue
            )
            if all(fixed.get(int(p), b) == b for p, b in zip(places, plus, strict=True))
        ]
        chosen = fitting[int(random.integers(len(fitting)))]
        bases[places - start] = list(chosen)
    return Locus(gene.contig, start, "".join(bases.tolist()))


def coding_sequence(gene: Gene, locus: Locus, changed: dict[int, str] | None = None) -> str:
    """Return the coding sequence; `changed` maps a position to what stands there instead."""
    changed = changed or {}
    plus = "".join if gene.strand == "+" else lambda parts: "".join(parts).translate(COMPLEMENT)
    return plus(
        changed.get(int(p), locus.sequence[int(p) - locus.start]) for p in gene.coding_positions()
    )


def translate(coding: str) -> str:
    """Return the protein up to and without the first stop."""
    residues = (AMINO_ACID[coding[i : i + 3]] for i in range(0, len(coding) - 2, 3))
    return "".join(residues).split("*", maxsplit=1)[0]


def left_aligned(locus: Locus, first: int, last: int, replacement: str) -> tuple[int, str, str]:
    """Return position, reference and alternative of a change as a VCF writes it.

    A deletion takes the base before it along and is moved as far left as the sequence allows.
    """
    if replacement:
        return first, locus.bases(first, last), replacement
    while locus.bases(first - 1, first - 1) == locus.bases(last, last):
        first, last = first - 1, last - 1
    return first - 1, locus.bases(first - 1, last), locus.bases(first - 1, first - 1)


def fasta_pieces(loci: list[Locus], line: int = 60) -> list[bytes]:
    """Return the text of the FASTA in pieces of whole lines, one contig after the other."""
    pieces = []
    for locus in loci:
        length = CONTIG_LENGTHS[locus.contig]
        header = (
            f">{locus.contig} SYNTHETIC sequence for tests: real exon coordinates and protein, "
            "invented nucleotides, N elsewhere, shorter than the real contig\n"
        )
        pieces.append(header.encode())
        before = (locus.start - 1) // line * line  # whole lines of N
        block = 1000 * line
        lines = (b"N" * line + b"\n") * 1000
        pieces += [lines] * (before // block)
        rest = (
            "N" * (before % block + locus.start - 1 - before)
            + locus.sequence
            + "N" * (length - locus.start + 1 - len(locus.sequence))
        )
        pieces.append(
            "".join(rest[i : i + line] + "\n" for i in range(0, len(rest), line)).encode()
        )
    return pieces
