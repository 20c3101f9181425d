"""Aligned reads as plain arrays: what the reader of BAM files hands to the analysis."""

from dataclasses import dataclass

import numpy as np

# Codes of CIGAR operations in a BAM file (SAM specification, section 4.2).
MATCH, INSERTION, DELETION, SKIP, SOFT_CLIP, HARD_CLIP, PADDING, EQUAL, MISMATCH = range(9)

REVERSE = 0x10  # flag bit: aligned to the reverse strand


@dataclass(frozen=True, eq=False)
class AlignedReads:
    """Reads of one stretch of one contig, one entry per read, their bases and operations joined.

    `start` is 0-based. Bases are upper-case ASCII codes, qualities Phred values; those of read i
    stand at base_offset[i]:base_offset[i + 1], its CIGAR operations at
    op_offset[i]:op_offset[i + 1]. Reads with the same `fragment` come from one DNA or cDNA
    molecule (same name, or same molecular barcode). `cell` and `molecule` number cell barcodes
    and molecules, -1 without.
    `dropped` counts the reads left out, by reason.
    """

    start: np.ndarray
    flag: np.ndarray
    fragment: np.ndarray
    base: np.ndarray
    quality: np.ndarray
    base_offset: np.ndarray
    op: np.ndarray
    op_length: np.ndarray
    op_offset: np.ndarray
    cell: np.ndarray
    molecule: np.ndarray
    dropped: dict[str, int]

    def __len__(self) -> int:
        """Return the number of reads."""
        return len(self.start)
