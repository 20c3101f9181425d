"""Whether an index belongs to its BAM file (SAM specification, 5.2; CSI specification)."""

import gzip
import struct
import zlib
from pathlib import Path

from aftercar.io.safe_sizes import FREE_BYTES, MOST_TEXT_RATIO

_END_OF_FILE_BYTES = 28  # the empty block that ends a BAM file
_LARGEST_BLOCK = 1 << 16
_DEEPEST = 20  # levels of a CSI index: enough for 2^74 bases


def index_problem(bam: str | Path, contigs: int, first_record: int) -> str:
    """Return what shows that the index beside a BAM file is not its own; empty if nothing does.

    `contigs` is the number in the header, `first_record` the virtual offset behind the header. An
    index names the places of the first and the last read of its file.
    """
    path = Path(bam)
    names = [Path(f"{path}.csi"), path.with_suffix(".csi"), Path(f"{path}.bai")]
    index = next((name for name in (*names, path.with_suffix(".bai")) if name.exists()), None)
    if index is None:
        return ""
    try:
        number, first, last, unplaced = _read_index(index)
    except (struct.error, OSError, EOFError, zlib.error):
        return "the index cannot be read"
    size = path.stat().st_size
    if number != contigs:
        return f"it lists {number} contigs, the header {contigs}"
    if first is None or last is None:
        return ""
    if first != first_record:
        return "its first read lies elsewhere"
    end = last >> 16
    if end > size:
        return "its last read lies behind the end of the file"
    if unplaced == 0 and end < size - _END_OF_FILE_BYTES - _LARGEST_BLOCK:
        return "the file goes on behind its last read"
    return ""


def _read_index(path: Path) -> tuple[int, int | None, int | None, int | None]:
    """Contigs, virtual offsets of the first read and behind the last one, reads without place."""
    data = path.read_bytes()
    if data[:2] == b"\x1f\x8b":
        most = max(FREE_BYTES, MOST_TEXT_RATIO * len(data))
        with gzip.open(path) as file:
            data = file.read(most + 1)
        if len(data) > most:
            raise struct.error("it unpacks to far more than it holds")
    if data[:4] == b"CSI\1":
        depth, extra = struct.unpack_from("<2i", data, 8)
        if not (0 <= depth <= _DEEPEST and extra >= 0):
            raise struct.error("not of a CSI index")
        at, bin_head = 16 + extra, struct.Struct("<IQi")
        statistics = ((1 << 3 * (depth + 1)) - 1) // 7 + 1
    elif data[:4] == b"BAI\1":
        at, bin_head, statistics = 4, struct.Struct("<Ii"), 37450
    else:
        raise struct.error("neither BAI nor CSI")
    (contigs,) = struct.unpack_from("<i", data, at)
    at += 4
    first: int | None = None
    last: int | None = None
    for _ in range(contigs):
        (bins,) = struct.unpack_from("<i", data, at)
        at += 4
        for _ in range(bins):
            number, *_, chunks = bin_head.unpack_from(data, at)
            at += bin_head.size
            if number != statistics and chunks:
                places = struct.unpack_from(f"<{2 * chunks}Q", data, at)
                first = places[0] if first is None else min(first, *places)
                last = places[-1] if last is None else max(last, *places)
            at += 16 * chunks
        if bin_head.size == 8:  # BAI: the linear index
            at += 4 + 8 * int(struct.unpack_from("<i", data, at)[0])
    unplaced = struct.unpack_from("<Q", data, at)[0] if at + 8 <= len(data) else None
    return contigs, first, last, unplaced
