"""Molecular barcodes: the reads of one molecule become one read before anything is counted."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from aftercar.contracts.reads import (
    ALIGNED,
    BEST_QUALITY,
    CONSUMES_REFERENCE,
    DELETION,
    HARD_CLIP,
    INSERTION,
    REVERSE,
    SKIP,
    SOFT_CLIP,
    UNKNOWN_LETTER,
    AlignedReads,
    letters_and_qualities,
)

# A base (by quality) or an alignment (by reads) that fewer of the reads of a molecule agree on is
# no observation: two of three are not enough, three of four are. A convention.
MIN_AGREEMENT = 0.7
LONGEST_BARCODE_NT = 30
# Molecules of a position that use more of all barcodes meet by chance in one of 20 or more.
CROWDED_SHARE = 0.1
_PAIRED, _READ_1 = 0x1, 0x40
_CHUNK_BASES = 1_000_000
_NO_END = -1


@dataclass(frozen=True)
class FamilySummary:
    """How reads were joined.

    `disagreeing` counts the sides of molecules (their reads on one strand) that were left out
    because their reads are aligned differently. `space_used` is the largest share of all possible
    barcodes that the molecules of one position use; None where another program named the molecules.
    """

    reads: int
    molecules: int
    of_both_strands: int
    disagreeing: int
    space_used: float | None

    def __str__(self) -> str:
        """Return what was joined, in words."""
        said = f"{self.reads} reads of {self.molecules} molecules"
        said += f", {self.reads / max(self.molecules, 1):.1f} reads each"
        if self.of_both_strands:
            said += f"; both strands of {self.of_both_strands} were read"
        if self.disagreeing:
            said += f"; {self.disagreeing} sides left out whose reads are aligned differently"
        if self.crowded:
            said += (
                f"; the molecules of one position use {self.space_used:.0%} of all barcodes: "
                "different molecules may be counted as one, depth is underestimated"
            )
        return said

    @property
    def crowded(self) -> bool:
        """Whether barcodes are too short for the molecules of a position."""
        return self.space_used is not None and self.space_used > CROWDED_SHARE


def join_families(reads: AlignedReads) -> tuple[AlignedReads, FamilySummary | None]:
    """Return one consensus read per molecule and strand of alignment; None without barcodes.

    MI names the molecule, with /A and /B its two strands; reads with RX are of one molecule where
    both ends and the barcode are the same, barcodes of one mismatch joined by directional adjacency
    (Smith 2017, 10.1101/gr.209601.116). A consensus base has the summed quality for it less that
    against it; what fewer than MIN_AGREEMENT agree on shows nothing. `fragment` numbers the
    molecules, `strand` is 2 where both strands of a molecule were read. Reads without barcode stay.
    """
    if reads.barcode is None or not len(reads):
        return reads, None
    five_prime = _five_prime(reads)
    if reads.barcode_tag == "MI":
        molecule, bottom = _named_molecules(reads)
        space_used = None
    else:
        molecule, bottom, space_used = _grouped_molecules(reads, five_prime)
    reverse = (reads.flag & REVERSE) > 0
    # reads of a side that begin at the same base and have the same gaps can be laid on each other
    side = _numbers(molecule, reverse)
    same = _numbers(side, five_prime, _gap_hashes(reads))
    size, first_read = _sizes_and_first(same)
    side_of = side[first_read]
    order = np.lexsort((first_read, -size, side_of))
    ranked = side_of[order]
    best = order[np.concatenate([[True], ranked[1:] != ranked[:-1]])]
    agreeing = best[size[best] >= MIN_AGREEMENT * np.bincount(side)[side_of[best]]]
    agreeing = agreeing[np.argsort(first_read[agreeing])]
    read_from = np.zeros((2, len(size)), dtype=bool)
    read_from[bottom.astype(np.int64), same] = True
    both = (read_from[0] & read_from[1])[agreeing]
    joined = _consensus(reads, same, agreeing)
    of = molecule[first_read[agreeing]]
    strand = np.where(both, 2, reverse[first_read[agreeing]]).astype(np.uint8)
    summary = FamilySummary(
        len(reads),
        int(molecule.max()) + 1,
        len(np.unique(of[both])),
        len(best) - len(agreeing),
        space_used,
    )
    return replace(joined, fragment=of, strand=strand), summary


def _numbers(*columns: np.ndarray) -> np.ndarray:
    """Return a number for each different row of some columns, in the order of the rows."""
    number = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        values, rank = np.unique(column, return_inverse=True)
        number = np.unique(number * len(values) + rank, return_inverse=True)[1]
    return number


def _sizes_and_first(group: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    _, first, size = np.unique(group, return_index=True, return_counts=True)
    return size, first


def _owner(offsets: np.ndarray) -> np.ndarray:
    return np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))


def _five_prime(reads: AlignedReads) -> np.ndarray:
    """Position (0-based) of the first base that was read, soft-clipped ones included."""
    steps = np.where(CONSUMES_REFERENCE[reads.op], reads.op_length, 0)
    owner = _owner(reads.op_offset)
    span = np.bincount(owner, weights=steps, minlength=len(reads)).astype(np.int64)
    first, last = reads.op_offset[:-1].copy(), reads.op_offset[1:] - 1
    first += (reads.op[first] == HARD_CLIP) & (first < last)
    last -= (reads.op[last] == HARD_CLIP) & (first < last)
    lead = np.where(reads.op[first] == SOFT_CLIP, reads.op_length[first], 0)
    trail = np.where(reads.op[last] == SOFT_CLIP, reads.op_length[last], 0)
    reverse = (reads.flag & REVERSE) > 0
    return np.where(reverse, reads.start + span + trail - 1, reads.start - lead)


def _gap_hashes(reads: AlignedReads) -> np.ndarray:
    """Return a number that reads share that have the same insertions, deletions and introns."""
    steps = np.where(CONSUMES_REFERENCE[reads.op], reads.op_length, 0)
    owner = _owner(reads.op_offset)
    before = np.cumsum(steps) - steps
    gaps = np.flatnonzero(np.isin(reads.op, (INSERTION, DELETION, SKIP)))
    at = reads.start[owner[gaps]] + before[gaps] - before[reads.op_offset[:-1]][owner[gaps]]
    value = at.astype(np.uint64) << np.uint64(4) | reads.op[gaps].astype(np.uint64)
    value = (value * np.uint64(0x9E3779B97F4A7C15)) ^ reads.op_length[gaps].astype(np.uint64)
    value = (value ^ value >> np.uint64(29)) * np.uint64(0xBF58476D1CE4E5B9)
    found = np.zeros(len(reads), dtype=np.uint64)
    np.add.at(found, owner[gaps], value ^ value >> np.uint64(32))
    return found


def _named_molecules(reads: AlignedReads) -> tuple[np.ndarray, np.ndarray]:
    """Molecule of each read by its MI tag, and whether it was read from the second strand (/B)."""
    assert reads.barcode is not None
    names, which = np.unique(reads.barcode, return_inverse=True)
    stems = np.array([name.removesuffix(b"/A").removesuffix(b"/B") for name in names.tolist()])
    bottom = np.array([name.endswith(b"/B") for name in names.tolist()])
    _, stem = np.unique(stems, return_inverse=True)
    named = (names != b"")[which]
    molecule = _numbers(named, np.where(named, stem[which], reads.fragment))
    return molecule, bottom[which]


def _grouped_molecules(
    reads: AlignedReads, five_prime: np.ndarray
) -> tuple[np.ndarray, np.ndarray, float | None]:
    """Molecule of each read by position and RX, whether from the second strand, and space used."""
    assert reads.barcode is not None
    fragments = int(reads.fragment.max()) + 1
    reverse = (reads.flag & REVERSE) > 0
    first_mate = (reads.flag & _READ_1 > 0) | (reads.flag & _PAIRED == 0)
    left, right = np.full(fragments, _NO_END), np.full(fragments, _NO_END)
    left[reads.fragment[~reverse]] = five_prime[~reverse]
    right[reads.fragment[reverse]] = five_prime[reverse]
    top = np.zeros(fragments, dtype=bool)
    top[reads.fragment] = first_mate != reverse
    text = np.zeros(fragments, dtype=reads.barcode.dtype)
    text[reads.fragment] = reads.barcode
    code, length, dual = _encoded(text, top)
    # the halves of a dual barcode tell the strands of a molecule apart, a single one does not
    facing = np.where(dual, 2, top)
    own = np.where(code < 0, np.arange(fragments), _NO_END)  # barcodes that cannot be compared
    group = _numbers(left, right, facing, own)
    root, space_used = _directional(group, code, length)
    root_code = code[root]
    for end, missing in ((left, right), (right, left)):
        root = _with_orphans(root, root_code, end, missing, facing, own)
    molecule = np.unique(root, return_inverse=True)[1]
    return molecule[reads.fragment], (dual & ~top)[reads.fragment], space_used


def _encoded(text: np.ndarray, top: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Barcodes as numbers, two bits a base behind a leading 1 (-1: not readable), and lengths.

    Those of two parts (ACG-TTA) are marked; where the second strand was read the parts swap.
    """
    names, which = np.unique(text, return_inverse=True)
    both = []
    for name in names.tolist():
        parts = name.replace(b"+", b"-").split(b"-")
        both.append((b"".join(parts), b"".join(parts[::-1]), len(parts) == 2))
    digits = bytes.maketrans(b"ACGT", b"0123")

    def number(letters: bytes) -> int:
        usable = letters and len(letters) <= LONGEST_BARCODE_NT and not letters.strip(b"ACGT")
        return 1 << 2 * len(letters) | int(letters.translate(digits), 4) if usable else -1

    forward = np.array([number(a) for a, _, _ in both], dtype=np.int64)
    swapped = np.array([number(b) for _, b, _ in both], dtype=np.int64)
    length = np.array([len(a) for a, _, _ in both], dtype=np.int64)
    dual = np.array([d for _, _, d in both], dtype=bool)[which]
    return np.where(dual & ~top, swapped[which], forward[which]), length[which], dual


def _directional(
    group: np.ndarray, code: np.ndarray, length: np.ndarray
) -> tuple[np.ndarray, float | None]:
    """Return the fragment that stands for the molecule of each fragment, and the space used.

    A barcode goes with one a mismatch away in its group that has at least twice its fragments less
    one, and with whatever that one goes with.
    """
    codes, rank = np.unique(code, return_inverse=True)
    keys, first, node, count = np.unique(
        group * len(codes) + rank, return_index=True, return_inverse=True, return_counts=True
    )
    own_group, own_code, own_length = group[first], code[first], length[first]
    parent, best = np.arange(len(keys)), count.copy()
    for place in range(int(own_length.max(initial=0))):
        for change in (1, 2, 3):
            near = own_code ^ (change << 2 * place)
            at = np.minimum(np.searchsorted(codes, near), len(codes) - 1)
            there = np.minimum(np.searchsorted(keys, own_group * len(codes) + at), len(keys) - 1)
            known = (codes[at] == near) & (keys[there] == own_group * len(codes) + at)
            known &= (place < own_length) & (own_code >= 0)
            larger = (count[there] > count) | ((count[there] == count) & (there < parent))
            taken = known & larger & (count[there] >= 2 * count - 1) & (count[there] >= best)
            parent[taken], best[taken] = there[taken], count[there][taken]
    while (parent[parent] != parent).any():
        parent = parent[parent]
    usable = np.flatnonzero(own_code >= 0)
    if not len(usable):
        return first[parent[node]], None
    per_group = np.bincount(own_group[usable])
    share = per_group[own_group[usable]] / 4.0 ** own_length[usable]
    return first[parent[node]], float(share.max())


def _with_orphans(
    root: np.ndarray,
    root_code: np.ndarray,
    end: np.ndarray,
    missing: np.ndarray,
    facing: np.ndarray,
    own: np.ndarray,
) -> np.ndarray:
    """Give fragments of which one mate is missing to the molecule with their end and barcode."""
    place = _numbers(end, facing, own, root_code)
    whole = np.flatnonzero((end != _NO_END) & (missing != _NO_END))
    molecule_at = np.full(int(place.max()) + 1, -1)
    molecule_at[place[whole[::-1]]] = root[whole[::-1]]  # the first one stays
    orphan = (missing == _NO_END) & (molecule_at[place] >= 0)
    return np.where(orphan, molecule_at[place], root)


def _consensus(reads: AlignedReads, group: np.ndarray, chosen: np.ndarray) -> AlignedReads:
    """Return one read per chosen group, with the alignment of its longest aligned read."""
    lengths = np.diff(reads.base_offset)
    op_owner = _owner(reads.op_offset)
    steps = np.where(ALIGNED[reads.op], reads.op_length, 0)
    aligned = np.bincount(op_owner, weights=steps, minlength=len(reads))
    number = np.full(int(group.max()) + 1, -1)
    number[chosen] = np.arange(len(chosen))
    member = np.flatnonzero(number[group] >= 0)
    order = np.lexsort((-lengths[member], -aligned[member], number[group[member]]))
    member = member[order]
    owner = number[group[member]]
    template = member[np.searchsorted(owner, np.arange(len(chosen)))]
    width = lengths[template]
    offsets = np.concatenate([[0], np.cumsum(width)]).astype(np.int64)
    packed = np.zeros(int(offsets[-1]), dtype=np.uint8)
    for part in _parts(owner, lengths[member]):
        low, high = int(owner[part.start]), int(owner[part.stop - 1]) + 1
        cells = offsets[low : high + 1] - offsets[low]
        packed[offsets[low] : offsets[high]] = _voted(
            reads, member[part], owner[part] - low, width[low:high], cells
        )
    op_count = np.diff(reads.op_offset)[template]
    op_offset = np.concatenate([[0], np.cumsum(op_count)]).astype(np.int64)
    ops = np.repeat(reads.op_offset[template] - op_offset[:-1], op_count) + np.arange(op_offset[-1])
    base, quality = letters_and_qualities(packed)
    return AlignedReads(
        start=reads.start[template],
        flag=reads.flag[template],
        fragment=reads.fragment[template],
        base=base,
        quality=quality,
        base_offset=offsets,
        op=reads.op[ops],
        op_length=reads.op_length[ops],
        op_offset=op_offset,
        cell=reads.cell[template],
        molecule=reads.molecule[template],
        dropped=reads.dropped,
        notes=reads.notes,
    )


def _parts(owner: np.ndarray, size: np.ndarray) -> Iterator[slice]:
    """Yield stretches of whole groups with a bounded number of bases."""
    starts = np.flatnonzero(np.concatenate([[True], owner[1:] != owner[:-1]])[: len(owner)])
    chunk = (np.cumsum(size) // _CHUNK_BASES)[starts]
    cuts = starts[np.concatenate([[True], chunk[1:] != chunk[:-1]])[: len(starts)]].tolist()
    for a, b in itertools.pairwise([*cuts, len(owner)]):
        yield slice(a, b)


def _voted(
    reads: AlignedReads,
    member: np.ndarray,
    owner: np.ndarray,
    width: np.ndarray,
    cells: np.ndarray,
) -> np.ndarray:
    """Packed consensus of some groups: `width` bases each, laid out from `cells` on."""
    length = np.diff(reads.base_offset)[member]
    row = np.repeat(np.arange(len(member)), length)
    step = np.arange(len(row)) - np.repeat(np.cumsum(length) - length, length)
    reverse = ((reads.flag[member] & REVERSE) > 0)[row]
    query = reads.base_offset[member][row] + step
    # reads are laid on each other from the end that was read first
    column = np.where(reverse, width[owner][row] - length[row] + step, step)
    code = reads.codes(0)(query)
    used = np.flatnonzero((column >= 0) & (column < width[owner][row]) & (code < 4))
    cell = cells[owner][row[used]] + column[used]
    weight = reads.quality[query[used]].astype(float)
    total_cells = int(cells[-1])
    votes = np.bincount(cell * 4 + code[used], weights=weight, minlength=4 * total_cells)
    votes = votes.reshape(total_cells, 4)
    most, total = votes.max(axis=1), votes.sum(axis=1)
    quality = np.minimum(2 * most - total, BEST_QUALITY).astype(np.uint8)
    letter = votes.argmax(axis=1).astype(np.uint8) << 6
    agreed = (most > 0) & (most >= MIN_AGREEMENT * total)
    return np.where(agreed, letter | quality, np.uint8(UNKNOWN_LETTER))
