"""Text that unpacks to far more than its file holds is refused while it is read.

Packed tables and matrices of cells hold some 3 to 10 times their size of text, never 50 times.
"""

import gzip
import io
from pathlib import Path
from typing import cast

# Conventions: what small files may unpack to whatever their size, and the ratio of larger ones.
FREE_BYTES = 16 << 20
MOST_TEXT_RATIO = 50
LONGEST_LINE_BYTES = 1 << 20


class UnsafeSize(ValueError):  # noqa: N818 - the name says what the file is
    """Why a file is not read on; the message never repeats its content."""


class BoundedBytes(io.RawIOBase):
    """The bytes of a file of text, until they are more than `most_bytes` or a line has no end."""

    def __init__(self, source: io.BufferedIOBase, most_bytes: int) -> None:
        """`source` is closed with this."""
        self.source, self.left, self.line = source, most_bytes, 0

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer) -> int:  # type: ignore[no-untyped-def, override]
        """Fill the buffer; raise UnsafeSize where a bound is passed."""
        some = self.source.read(len(buffer))
        buffer[: len(some)] = some
        self.left -= len(some)
        end = some.rfind(b"\n")
        self.line = self.line + len(some) if end < 0 else len(some) - end - 1
        if self.left < 0:
            raise UnsafeSize(f"it unpacks to more than {MOST_TEXT_RATIO} times its size")
        if self.line > LONGEST_LINE_BYTES:
            raise UnsafeSize(f"a line of more than {LONGEST_LINE_BYTES} bytes")
        return len(some)

    def close(self) -> None:
        """Close the file as well."""
        self.source.close()
        super().close()


def open_text_bytes(path: str | Path) -> io.BufferedReader:
    """Return the bytes of a text file, unpacked if it is gzip, bounded as the module says.

    Reading raises UnsafeSize, a ValueError, for what is too much, and OSError, EOFError or
    zlib.error for a damaged file.
    """
    most = max(FREE_BYTES, MOST_TEXT_RATIO * Path(path).stat().st_size)
    packed = Path(path).suffix == ".gz"
    source = cast(io.BufferedIOBase, gzip.open(path, "rb") if packed else open(path, "rb"))
    return io.BufferedReader(BoundedBytes(source, most), 1 << 20)
