"""The embedding of single cells as a picture."""

import numpy as np
import pandas as pd

from aftercar.report.raster import data_address, pixel_indices, png
from aftercar.report.svg import PALE, drawing, element

IDENTITY_COLOURS = {
    "leukemic_b": "#D55E00",
    "leukemic_t": "#B03A00",
    "leukemic_myeloid": "#8C2D04",
    "normal_b": "#0072B2",
    "plasma": "#56B4E9",
    "b_unresolved": "#E69F00",
    "normal_t": "#009E73",
    "normal_nk": "#66C2A5",
    "normal_myeloid": "#CC79A7",
    "normal_progenitor": "#8A6FB0",
    "other": "#9AA3AD",
    "low_quality": "#D5DAE0",
}


def _span(values: pd.Series) -> tuple[float, float]:
    """Return the range that is drawn: all values, with 3 % on both sides."""
    low, high = float(values.min()), float(values.max())
    margin = 0.03 * (high - low) or 0.5
    return low - margin, high + margin


def embedding(cells: pd.DataFrame, *, title: str, description: str, side: float = 300.0) -> str:
    """Return the cells of one specimen (CELLS), coloured by identity, rare identities on top."""
    pixels_per_side = 220
    x_range, y_range = _span(cells["x"]), _span(cells["y"])
    order = cells["identity"].value_counts().index.tolist()
    pixels = np.zeros((pixels_per_side, pixels_per_side), dtype=np.uint8)
    palette = ["#ffffff"]
    for identity in order:
        palette.append(IDENTITY_COLOURS[identity])
        members = cells[cells["identity"] == identity]
        row, column = pixel_indices(
            members["x"].to_numpy(), members["y"].to_numpy(), x_range, y_range, pixels_per_side - 1
        )
        for down in (0, 1):
            for right in (0, 1):
                pixels[row + down, column + right] = len(palette) - 1
    body = element(
        "image", href=data_address(png(pixels, palette)), x=1.0, y=1.0, width=side, height=side
    )
    body += element(
        "rect", x=1.0, y=1.0, width=side, height=side, fill="none", stroke=PALE, stroke_width=1
    )
    return drawing(side + 2, side + 2, body, title=title, description=description)
