"""Files that promise or unpack to far more than they hold, or that point elsewhere, are refused.

Packed tables and matrices of cells hold some 3 to 10 times their size of text, never 50 times; an
array of HDF5 packed by deflate cannot exceed 1032 times (zlib's technical notes, Gailly and Adler).
"""

import gzip
import io
from pathlib import Path
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from h5py import File

# Conventions: what small files may unpack to whatever their size, and the ratios of larger ones.
FREE_BYTES = 16 << 20
MOST_TEXT_RATIO, MOST_ARRAY_RATIO = 50, 1032
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


def unsafe_part(file: "File") -> str:
    """Return what must not be read in an HDF5 file, in words; empty if there is nothing.

    That is a link into another file, an array whose values lie in other files, and an array that
    promises more than its stored bytes can hold.
    """
    import h5py

    def wrong_link(name: str, link: object) -> str | None:
        return "a link into another file" if isinstance(link, h5py.ExternalLink) else None

    def wrong_array(name: str, item: object) -> str | None:
        if not isinstance(item, h5py.Dataset):
            return None
        if item.is_virtual or item.external:
            return "an array whose values lie in another file"
        stored = item.id.get_storage_size()
        if item.nbytes > max(FREE_BYTES, MOST_ARRAY_RATIO * stored):
            return f"an array of {item.size:.3g} values that holds {stored} bytes"
        return None

    return str(file.visititems_links(wrong_link) or file.visititems(wrong_array) or "")
