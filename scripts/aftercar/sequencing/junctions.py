"""Introns and long deletions in RNA reads: who shows them, and what they are in exons."""

from dataclasses import dataclass

import numpy as np

from aftercar.contracts.isoforms import Isoform
from aftercar.contracts.reads import DELETION, EQUAL, MATCH, MISMATCH, SKIP, AlignedReads
from aftercar.sequencing.genes import Gene
from aftercar.sequencing.hgvs import coding_position

MIN_ANCHOR_NT = 8  # aligned bases on both sides of a junction


@dataclass(frozen=True, eq=False)
class Introns:
    """One entry per N operation: first and last position (1-based), anchors, fragment, start."""

    first: np.ndarray
    last: np.ndarray
    left_anchor: np.ndarray
    right_anchor: np.ndarray
    fragment: np.ndarray
    read_start: np.ndarray


def introns_of(reads: AlignedReads) -> Introns:
    """Return the introns that reads skip; an anchor reaches to the next intron or the end."""
    return _jumps(reads, reads.op == SKIP)


def long_deletions_of(reads: AlignedReads, min_length: int) -> Introns:
    """Return the deletions (D operations) of at least `min_length` nt, in the shape of introns."""
    return _jumps(reads, (reads.op == DELETION) & (reads.op_length >= min_length))


def _jumps(reads: AlignedReads, jump: np.ndarray) -> Introns:
    count = np.diff(reads.op_offset)
    owner = np.repeat(np.arange(len(reads)), count)
    on_reference = np.isin(reads.op, (MATCH, DELETION, SKIP, EQUAL, MISMATCH))
    step = reads.op_length * on_reference
    before = np.cumsum(step) - step
    position = before - (before[reads.op_offset[:-1]] - reads.start)[owner] if len(step) else before
    # an anchor ends at the next intron or long deletion
    gap = jump | (reads.op == SKIP)
    first_of_read = np.zeros(len(reads.op), dtype=bool)
    first_of_read[reads.op_offset[:-1]] = True
    after_gap = np.concatenate([[False], gap[:-1]]) if len(gap) else gap
    block = np.cumsum(first_of_read | after_gap) - 1
    size = np.bincount(block, weights=np.where(gap, 0, step)) if len(block) else np.zeros(0)
    ops = np.flatnonzero(jump)
    return Introns(
        position[ops] + 1,
        position[ops] + reads.op_length[ops],
        size[block[ops]].astype(np.int64),
        size[np.minimum(block[ops] + 1, len(size) - 1)].astype(np.int64),
        reads.fragment[owner[ops]],
        reads.start[owner[ops]],
    )


def joined(a: Introns, b: Introns) -> Introns:
    """Return the entries of both."""
    return Introns(
        *(
            np.concatenate([getattr(a, name), getattr(b, name)])
            for name in Introns.__dataclass_fields__
        )
    )


def junction_reads(
    introns: Introns, *, min_anchor: int, min_length: int, max_length: int
) -> dict[tuple[int, int], int]:
    """Return reads by intron, for introns of which at least one read has long enough anchors.

    Either anchor counts by its largest value over the reads of the intron (as regtools does).
    """
    length = introns.last - introns.first + 1
    counts: dict[tuple[int, int], int] = {}
    best: dict[tuple[int, int], list[int]] = {}
    for i in np.flatnonzero((length >= min_length) & (length <= max_length)):
        key = (int(introns.first[i]), int(introns.last[i]))
        counts[key] = counts.get(key, 0) + 1
        sides = best.setdefault(key, [0, 0])
        sides[0] = max(sides[0], int(introns.left_anchor[i]))
        sides[1] = max(sides[1], int(introns.right_anchor[i]))
    return {key: n for key, n in sorted(counts.items()) if min(best[key]) >= min_anchor}


def count_junction(introns: Introns, intron: tuple[int, int]) -> tuple[int, int]:
    """Return fragments that skip exactly this intron, and at how many positions they begin."""
    hit = (
        (introns.first == intron[0])
        & (introns.last == intron[1])
        & (np.minimum(introns.left_anchor, introns.right_anchor) >= MIN_ANCHOR_NT)
    )
    return len(np.unique(introns.fragment[hit])), len(np.unique(introns.read_start[hit]))


def annotated_introns(gene: Gene) -> dict[int, tuple[int, int]]:
    """Return first and last position of each intron of the transcript, by the exon before it."""
    return {
        a.number: gene.intron(a.number, b.number)
        for a, b in zip(gene.exons, gene.exons[1:], strict=False)
    }


def seen_junctions(introns: Introns, gene: Gene) -> list[tuple[int, int]]:
    """Return each junction within the gene that reads with long enough anchors show, in order."""
    good = np.minimum(introns.left_anchor, introns.right_anchor) >= MIN_ANCHOR_NT
    good &= (introns.first > gene.start) & (introns.last < gene.end)
    pairs = zip(introns.first[good].tolist(), introns.last[good].tolist(), strict=True)
    return sorted(set(pairs))


def inside_exon(gene: Gene, junction: tuple[int, int]) -> int | None:
    """Return the number of the exon that holds both ends of a gap and bases around it, or None."""
    for exon in gene.exons:
        if exon.start < junction[0] and junction[1] < exon.end:
            return exon.number
    return None


def skipped_exons(gene: Gene, junction: tuple[int, int]) -> tuple[int, ...]:
    """Return the exons that lie within a gap as a whole, in the order of the transcript."""
    return tuple(e.number for e in gene.exons if junction[0] <= e.start and e.end <= junction[1])


def joins_exon_edges(gene: Gene, junction: tuple[int, int]) -> bool:
    """Whether both ends of a gap are annotated exon edges."""
    return junction[0] - 1 in {e.end for e in gene.exons} and junction[1] + 1 in {
        e.start for e in gene.exons
    }


def describe_junction(gene: Gene, junction: tuple[int, int]) -> str:
    """Say in exon numbers what a gap makes of the transcript, such as "exon 2 skipped".

    A donor or acceptor that is no exon edge is named by the HGVS coordinate of the base that is
    kept: "exon 2 partial, acceptor at c.271".
    """
    number = inside_exon(gene, junction)
    if number is not None:
        ends = [coding_position(gene, position) for position in junction]
        if gene.strand == "-":
            ends.reverse()
        named = f"c.{ends[0]}_{ends[1]}"
        return f"{junction[1] - junction[0] + 1} nt missing within exon {number}, {named}"
    left, right = junction[0] - 1, junction[1] + 1  # the bases that are kept
    donor, acceptor = (left, right) if gene.strand == "+" else (right, left)
    parts = []
    if skipped := skipped_exons(gene, junction):
        listed = " and ".join(map(str, skipped)) if len(skipped) < 3 else (
            f"{skipped[0]} to {skipped[-1]}"
        )  # fmt: skip
        parts.append(f"exon{'s' if len(skipped) > 1 else ''} {listed} skipped")
    for kind, position, edges in (
        ("donor", donor, {e.end if gene.strand == "+" else e.start for e in gene.exons}),
        ("acceptor", acceptor, {e.start if gene.strand == "+" else e.end for e in gene.exons}),
    ):
        if position in edges:
            continue
        exon = gene.exon_at(position)
        where = f"{kind} at c.{coding_position(gene, position)}"
        parts.append(f"exon {exon.number} partial, {where}" if exon else f"{where}, in an intron")
    return "; ".join(parts)


def catalogue_names(gene: Gene, isoforms: list[Isoform]) -> dict[tuple[int, int], str]:
    """Return names of junctions by the isoforms whose only unusual intron each of them is."""
    usual = set(annotated_introns(gene).values())
    named: dict[tuple[int, int], list[str]] = {}
    for isoform in isoforms:
        unusual = isoform.introns - usual
        if isoform.chrom.removeprefix("chr") == gene.chrom.removeprefix("chr") and (
            len(unusual) == 1
        ):
            label = f"{isoform.name} ({isoform.kind})" if isoform.kind else isoform.name
            named.setdefault(next(iter(unusual)), []).append(label)
    return {junction: ", ".join(sorted(labels)) for junction, labels in named.items()}
