"""The spliced transcript of a gene, with exons skipped or introns kept, and what it codes for."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache

from aftercar.sequencing.genes import (
    Gene,
    GeneModelError,
    ReferenceWindow,
    reverse_complement,
    translate,
)

# Genes times references whose transcripts are kept; more are simply spliced again.
_KEPT = 64
STOPS = ("TAA", "TAG", "TGA")


@dataclass(frozen=True)
class Transcript:
    """A spliced transcript from 5' to 3'.

    `coding_start` is the 0-based index of the gene's start codon and `coding_end` the one behind
    its stop codon, None where the codon is not complete; `junctions` are the 0-based indices of
    the first base behind each junction.
    """

    sequence: str
    coding_start: int | None
    coding_end: int | None
    junctions: tuple[int, ...]


@dataclass(frozen=True)
class Product:
    """What a changed transcript codes for, if it does not decay; codons count from 1.

    `protein` ends before the first stop and is empty without start codon. `length_change_nt` is
    that of the transcript; `in_frame` says whether the normal stop codon is used. `stop_codon` is
    None where no stop is met, or where unknown bases come before it. `lost_codons` are first and
    last codon of the normal protein that are missing or replaced, None where none is.
    `loses_transmembrane` is all, part, no, or empty where the gene model has no such domain;
    `nmd_candidate` is yes, no, or empty where the stop is unknown.
    """

    protein: str
    length_change_nt: int
    in_frame: bool
    start_lost: bool
    stop_codon: int | None
    lost_codons: tuple[int, int] | None
    loses_transmembrane: str
    nmd_candidate: str


def skip_exons(gene: Gene, window: ReferenceWindow, numbers: Collection[int]) -> Product:
    """Return what the transcript of `gene` without the exons `numbers` codes for.

    Raises GeneModelError for an exon that the gene lacks, and for the first and the last one,
    which are not skipped but replaced.
    """
    inner = {exon.number for exon in gene.exons[1:-1]}
    if not numbers or not set(numbers) <= inner:
        named = ", ".join(str(n) for n in sorted(set(numbers)))
        raise GeneModelError(f"{gene.symbol}: exons that can be skipped are not {named or 'none'}")
    return product_of(gene, window, spliced(gene, window, skipped=frozenset(numbers)))


def retain_intron(gene: Gene, window: ReferenceWindow, number: int) -> Product:
    """Return what the transcript that keeps the intron behind exon `number` codes for.

    Raises GeneModelError for an intron that the gene lacks.
    """
    if number not in {exon.number for exon in gene.exons[:-1]}:
        raise GeneModelError(f"{gene.symbol}: no intron behind exon {number}")
    return product_of(gene, window, spliced(gene, window, retained=frozenset({number})))


@lru_cache(maxsize=_KEPT)
def spliced(
    gene: Gene,
    window: ReferenceWindow,
    *,
    skipped: frozenset[int] = frozenset(),
    retained: frozenset[int] = frozenset(),
) -> Transcript:
    """Return the transcript without `skipped` exons and with the introns behind `retained` ones."""
    oriented = str if gene.strand == "+" else reverse_complement
    coding = gene.cds_positions()
    first, last = set(coding[:3]), set(coding[-3:])
    index_of: dict[int, int] = {}  # of the bases of both codons
    pieces: list[str] = []
    junctions: list[int] = []
    length = 0
    joined = True  # what comes next follows without junction
    for exon in gene.exons:
        if exon.number not in skipped:
            if not joined:
                junctions.append(length)
            edge = exon.start if gene.strand == "+" else exon.end
            for position in first | last:
                if exon.start <= position <= exon.end:
                    index_of[position] = length + abs(position - edge)
            pieces.append(oriented(window.bases(exon.start, exon.end)))
            length += len(pieces[-1])
            joined = False
        if exon.number in retained:
            pieces.append(oriented(window.bases(*gene.intron(exon.number, exon.number + 1))))
            length += len(pieces[-1])
            joined = True
    return Transcript(
        "".join(pieces),
        index_of[coding[0]] if first <= index_of.keys() else None,
        index_of[coding[-1]] + 1 if last <= index_of.keys() else None,
        tuple(junctions),
    )


def edited(transcript: Transcript, first: int, deleted: int, inserted: str) -> Transcript:
    """Return the transcript whose `deleted` bases from the 0-based index `first` are `inserted`.

    Junctions within the deleted bases vanish. The start codon stays where it is spelt as before;
    the normal stop codon stays where a stop codon is left at its place.
    """
    beyond, shift = first + deleted, len(inserted) - deleted
    sequence = transcript.sequence[:first] + inserted + transcript.sequence[beyond:]
    start, end = transcript.coding_start, transcript.coding_end
    if start is not None:
        if beyond <= start:
            start += shift
        elif first < start or (first < start + 3 and sequence[start : start + 3] != "ATG"):
            start = None
    if end is not None and first < end:
        if beyond <= end - 3 or sequence[end + shift - 3 : end + shift] in STOPS:
            end = end + shift if beyond <= end else None
        else:
            end = None
    junctions = [j if j <= first else j + shift for j in transcript.junctions]
    kept = [not first < j < beyond for j in transcript.junctions]
    return Transcript(
        sequence, start, end, tuple(j for j, keep in zip(junctions, kept, strict=True) if keep)
    )


def reading_frame(sequence: str) -> tuple[str, bool]:
    """Return the amino acids before the first stop, and whether this stop is certain.

    An unknown base ends what is known: the protein stops before its codon and no stop is certain.
    """
    protein = translate(sequence)
    known = protein.split("X", 1)[0]
    return known.removesuffix("*"), known.endswith("*")


def product_of(gene: Gene, window: ReferenceWindow, changed: Transcript) -> Product:
    """Return what `changed` codes for, compared with the normal transcript of the gene."""
    normal = spliced(gene, window)
    length_change = len(changed.sequence) - len(normal.sequence)
    if changed.coding_start is None:
        everything = (1, len(gene.cds_positions()) // 3 - 1)
        return Product(
            "", length_change, False, True, None, everything,
            membrane_loss(gene, everything), "",
        )  # fmt: skip
    reference, _ = reading_frame(normal.sequence[normal.coding_start :])
    protein, stopped = reading_frame(changed.sequence[changed.coding_start :])
    stop_end = changed.coding_start + 3 * (len(protein) + 1)
    in_frame = stopped and stop_end == changed.coding_end
    lost = lost_codons(reference, protein, in_frame=in_frame)
    return Product(
        protein=protein,
        length_change_nt=length_change,
        in_frame=in_frame,
        start_lost=False,
        stop_codon=len(protein) + 1 if stopped else None,
        lost_codons=lost,
        loses_transmembrane=membrane_loss(gene, lost),
        nmd_candidate=nmd_candidate(gene, stop_end, changed.junctions) if stopped else "",
    )


def lost_codons(reference: str, protein: str, *, in_frame: bool) -> tuple[int, int] | None:
    """Return first and last residue of `reference` that `protein` lacks or replaces, from 1.

    Out of frame, all that follows the first change is lost, whatever it happens to spell.
    """
    if protein == reference:
        return None
    first, old, _ = differing(reference, protein)
    last = first + len(old) if in_frame else len(reference)
    return (first + 1, last) if first < last else None


def differing(reference: str, mutant: str) -> tuple[int, str, str]:
    """Return the 0-based index of the first difference, and what differs on either side."""
    room = min(len(reference), len(mutant))
    first = next((i for i in range(room) if reference[i] != mutant[i]), room)
    tail = 0
    while tail < room - first and reference[-1 - tail] == mutant[-1 - tail]:
        tail += 1
    return first, reference[first : len(reference) - tail], mutant[first : len(mutant) - tail]


def membrane_loss(gene: Gene, lost: tuple[int, int] | None) -> str:
    """Say how much of the transmembrane parts the codons `lost` are: all, part, no.

    Empty where the gene model has no transmembrane domain: then nothing is known.
    """
    if not gene.membrane:
        return ""
    if lost is None:
        return "no"
    gone = sum(lost[0] <= first and lost[1] >= last for first, last in gene.membrane)
    hit = sum(lost[0] <= last and lost[1] >= first for first, last in gene.membrane)
    if not hit:
        return "no"
    return "all" if gone == len(gene.membrane) else "part"


def nmd_candidate(gene: Gene, stop_end: int, junctions: tuple[int, ...]) -> str:
    """Say whether a stop that ends at the 0-based index `stop_end` may make the transcript decay.

    It may where the last junction lies further downstream than the 50-55 nt of the gene models
    (Nagy & Maquat 1998, 10.1016/S0968-0004(98)01208-0).
    """
    return "yes" if junctions and junctions[-1] - stop_end > gene.nmd_distance_nt else "no"
