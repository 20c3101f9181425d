"""Aligned reads as plain arrays: what the reader of BAM files hands to the analysis."""

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
