"""Clouds of points as small PNG pictures: thousands of events in a few kilobytes."""

import base64
import struct
import zlib
from collections.abc import Sequence

import numpy as np


def png(pixels: np.ndarray, palette: Sequence[str]) -> bytes:
    """Return an indexed PNG without metadata; `pixels` (rows from the top) index `palette`.

    Index 0 is transparent. Colours are written #rrggbb.
    """
    height, width = pixels.shape
    rows = np.zeros((height, width + 1), dtype=np.uint8)  # each row starts with filter 0
    rows[:, 1:] = pixels
    colours = b"".join(bytes.fromhex(colour.lstrip("#")) for colour in palette)
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        [
            _chunk(b"IHDR", header),
            _chunk(b"PLTE", colours),
            _chunk(b"tRNS", b"\x00"),
            _chunk(b"IDAT", zlib.compress(rows.tobytes(), 9)),
            _chunk(b"IEND", b""),
        ]
    )


def _chunk(kind: bytes, content: bytes) -> bytes:
    return (
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )


def data_address(picture: bytes) -> str:
    """Return the picture as an address that a page holds in itself."""
    return "data:image/png;base64," + base64.b64encode(picture).decode("ascii")


def pixel_indices(
    x: np.ndarray,
    y: np.ndarray,
    x_range: tuple[float, float],
    y_range: tuple[float, float],
    size: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Return row (from the top) and column of each point; points outside sit on the border."""
    column = np.clip((x - x_range[0]) / (x_range[1] - x_range[0]) * size, 0, size - 1).astype(int)
    row = np.clip((y_range[1] - y) / (y_range[1] - y_range[0]) * size, 0, size - 1).astype(int)
    return row, column
