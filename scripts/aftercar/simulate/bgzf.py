"""Blocked gzip, the container of BAM and of indexed FASTA; the same bytes for the same content."""

import struct
import zlib
from collections.abc import Iterable
from functools import lru_cache

BLOCK = 65_280
END = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")


@lru_cache(maxsize=4)
def _block(content: bytes, level: int) -> bytes:
    squeezer = zlib.compressobj(level, zlib.DEFLATED, -15)
    squeezed = squeezer.compress(content) + squeezer.flush()
    head = struct.pack("<4BI2BH2BHH", 31, 139, 8, 4, 0, 0, 255, 6, 66, 67, 2, len(squeezed) + 25)
    return head + squeezed + struct.pack("<II", zlib.crc32(content), len(content))


def compress(pieces: Iterable[bytes], level: int = 1) -> bytes:
    """Return the pieces as one blocked gzip file; a piece begins a new block."""
    blocks = [
        _block(piece[i : i + BLOCK], level) for piece in pieces for i in range(0, len(piece), BLOCK)
    ]
    return b"".join(blocks) + END
