"""Aligned reads as plain arrays: what the reader of BAM files hands to the analysis."""

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

# Codes of CIGAR operations in a BAM file (SAM specification, section 4.2).
MATCH, INSERTION, DELETION, SKIP, SOFT_CLIP, HARD_CLIP, PADDING, EQUAL, MISMATCH = range(9)

CONSUMES_QUERY = np.zeros(16, dtype=bool)
CONSUMES_QUERY[[MATCH, INSERTION, SOFT_CLIP, EQUAL, MISMATCH]] = True
CONSUMES_REFERENCE = np.zeros(16, dtype=bool)
CONSUMES_REFERENCE[[MATCH, DELETION, SKIP, EQUAL, MISMATCH]] = True
ALIGNED = CONSUMES_QUERY & CONSUMES_REFERENCE

REVERSE = 0x10  # flag bit: aligned to the reverse strand

BEST_QUALITY = 62  # qualities above are kept as this one
ASSUMED_QUALITY = 30  # for files without base qualities
UNKNOWN_LETTER = 0xFF  # packed: any letter but A, C, G, T


@dataclass(frozen=True, eq=False)
class PackedLetters:
    """One of two views on packed bases: `packed[i]` is base << 6 | quality, `table` what it means.

    Bases A, C, G, T are 0 to 3; 0xFF is any other letter. Deep files need half the memory so.
    Indexing gives plain arrays of ASCII codes or Phred qualities, as if they were stored.
    """

    packed: np.ndarray
    table: np.ndarray

    def __getitem__(self, key: slice | np.ndarray) -> np.ndarray:
        """Return the values at an index, a mask or a slice."""
        return self.table[self.packed[key]]

    def __len__(self) -> int:
        """Return the number of bases."""
        return len(self.packed)


_PACKED = np.arange(256)
_LETTER_OF = np.frombuffer(b"ACGT", dtype=np.uint8)[_PACKED >> 6].copy()
_QUALITY_OF = (_PACKED & 63).astype(np.uint8)
_LETTER_OF[UNKNOWN_LETTER], _QUALITY_OF[UNKNOWN_LETTER] = ord("N"), 0


_CODE_OF = np.full(256, 4, dtype=np.uint8)
_CODE_OF[np.frombuffer(b"ACGT", dtype=np.uint8)] = np.arange(4)


def letters_and_qualities(packed: np.ndarray) -> tuple[PackedLetters, PackedLetters]:
    """Return the two views on packed bases."""
    return PackedLetters(packed, _LETTER_OF), PackedLetters(packed, _QUALITY_OF)


@dataclass(frozen=True, eq=False)
class AlignedReads:
    """Reads of one stretch of one contig, one entry per read, their bases and operations joined.

    `start` is 0-based. Bases are upper-case ASCII codes, qualities Phred values; those of read i
    stand at base_offset[i]:base_offset[i + 1], its CIGAR operations at
    op_offset[i]:op_offset[i + 1]. Reads with the same `fragment` come from one DNA or cDNA
    molecule (same name, or same molecular barcode). `cell` and `molecule` number cell barcodes
    and molecules, -1 without.
    `dropped` counts the reads left out, by reason.
    `strand`, where it says more than the flag, is 0 forward, 1 reverse, 2 for the consensus of both
    strands of a molecule. `barcode` holds the molecular barcodes of bulk reads (bytes, empty
    without one) and `barcode_tag` the tag that they come from: MI names the molecule, RX the bases
    of its barcode. Reads marked as duplicates are then among the reads. `notes` are check, verdict
    and message of what a reader must know about the file.
    """

    start: np.ndarray
    flag: np.ndarray
    fragment: np.ndarray
    base: np.ndarray | PackedLetters
    quality: np.ndarray | PackedLetters
    base_offset: np.ndarray
    op: np.ndarray
    op_length: np.ndarray
    op_offset: np.ndarray
    cell: np.ndarray
    molecule: np.ndarray
    dropped: dict[str, int]
    strand: np.ndarray | None = None
    barcode: np.ndarray | None = None
    barcode_tag: str = ""
    notes: tuple[tuple[str, str, str], ...] = ()

    def __len__(self) -> int:
        """Return the number of reads."""
        return len(self.start)

    def codes(self, min_quality: int) -> Callable[[np.ndarray], np.ndarray]:
        """Return a function from places in `base` to 0-3 for A, C, G, T; 4 where nothing is sure.

        Nothing is sure of another letter or of a base below `min_quality`.
        """
        base, quality = self.base, self.quality
        if isinstance(base, PackedLetters):
            meaning = _CODE_OF[base.table].copy()
            meaning[min_quality > _QUALITY_OF] = 4
            packed = base.packed
            return lambda query: meaning[packed[query]]
        return lambda query: np.where(quality[query] >= min_quality, _CODE_OF[base[query]], 4)

    def take(self, which: np.ndarray) -> "AlignedReads":
        """Return the reads with these numbers (sorted), renumbered from 0."""
        bases, base_offset = _parts(self.base_offset, which)
        ops, op_offset = _parts(self.op_offset, which)
        return AlignedReads(
            start=self.start[which],
            flag=self.flag[which],
            fragment=self.fragment[which],
            base=self.base[bases],
            quality=self.quality[bases],
            base_offset=base_offset,
            op=self.op[ops],
            op_length=self.op_length[ops],
            op_offset=op_offset,
            cell=self.cell[which],
            molecule=self.molecule[which],
            dropped=self.dropped,
            strand=None if self.strand is None else self.strand[which],
            barcode=None if self.barcode is None else self.barcode[which],
            barcode_tag=self.barcode_tag,
            notes=self.notes,
        )


def _parts(offsets: np.ndarray, which: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Index of everything that belongs to some reads, and the offsets among it."""
    length = np.diff(offsets)[which]
    new = np.concatenate([[0], np.cumsum(length)]).astype(np.int64)
    index = np.repeat(offsets[:-1][which] - new[:-1], length) + np.arange(new[-1])
    return index, new


def joined_reads(parts: list[AlignedReads]) -> AlignedReads:
    """Return the reads of cells in several files as one; fragments and molecules stay apart."""
    if not parts:
        none, offset = np.zeros(0, dtype=np.int64), np.zeros(1, dtype=np.int64)
        letters = none.astype(np.uint8)
        return AlignedReads(
            none, none, none, letters, letters, offset, letters, none, offset, none, none, {}
        )
    dropped: dict[str, int] = {}
    for part in parts:
        for reason, count in part.dropped.items():
            dropped[reason] = dropped.get(reason, 0) + count

    def apart(numbers: list[np.ndarray]) -> np.ndarray:
        size = np.cumsum([0, *(int(n.max(initial=-1)) + 1 for n in numbers)])
        return np.concatenate([n + s for n, s in zip(numbers, size, strict=False)])

    def offsets(each: list[np.ndarray]) -> np.ndarray:
        return np.concatenate([[0], np.cumsum(np.concatenate([np.diff(o) for o in each]))])

    return AlignedReads(
        start=np.concatenate([part.start for part in parts]),
        flag=np.concatenate([part.flag for part in parts]),
        fragment=apart([part.fragment for part in parts]),
        base=np.concatenate([part.base[:] for part in parts]),
        quality=np.concatenate([part.quality[:] for part in parts]),
        base_offset=offsets([part.base_offset for part in parts]),
        op=np.concatenate([part.op for part in parts]),
        op_length=np.concatenate([part.op_length for part in parts]),
        op_offset=offsets([part.op_offset for part in parts]),
        cell=np.concatenate([part.cell for part in parts]),
        molecule=apart([part.molecule for part in parts]),
        dropped=dict(sorted(dropped.items())),
        notes=tuple(dict.fromkeys(note for part in parts for note in part.notes)),
    )


def barcode_kind(barcode: str) -> str:
    """Say what a barcode looks like: letters, length and suffix, not the barcode itself."""
    stem, _, suffix = barcode.partition("-")
    letters = "nt" if re.fullmatch("[ACGTN]+", stem) else "characters"
    return f"{len(stem)} {letters} {f'with suffix -{suffix}' if suffix else 'without suffix'}"


@dataclass(frozen=True)
class BarcodeSearch:
    """Which listed cells a file holds at all, and what was searched to tell.

    `seen` holds numbers of cells. Unless `complete`, a cell that is not in it may still be in the
    file. `searched` says in words what was looked at; `tags` what the tags of the reads look like
    in kind, `problems` what is wrong with single cells.
    """

    seen: frozenset[int]
    complete: bool
    searched: str
    tags: str = ""
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class PanelReads:
    """Reads of the cells of a targeted DNA panel at some of its variants.

    `variants` are all of the file (contig without chr, position, ref, alt) and `amplicons` their
    amplicons; `covered` are contig, first and last position of each amplicon. `calls` counts the
    cells by genotype of the file (reference, heterozygous, homozygous, missing) for each variant.
    `alt`, `depth` and `genotype` are cells by `chosen` variants; missing genotypes have depth 0.
    `build` is the genome of the coordinates. `remarks` say what a reader of the file must know.
    """

    barcodes: list[str]
    build: str
    variants: list[tuple[str, int, str, str]]
    amplicons: list[str]
    covered: list[tuple[str, int, int]]
    calls: np.ndarray
    chosen: list[int]
    alt: np.ndarray
    depth: np.ndarray
    genotype: np.ndarray
    remarks: tuple[str, ...] = ()
