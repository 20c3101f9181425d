"""Pictures of events and cells: gate plots and the embedding of single cells."""

import numpy as np
import pandas as pd

from aftercar.report.raster import data_address, density_levels, pixel_indices, png
from aftercar.report.svg import GREY, INK, PALE, VERMILLION, drawing, element, text

SIDE, PIXELS = 150.0, 100
LEVELS = 5
OUTSIDE = ("#d0d5db", "#b3bac3", "#939ca7", "#717b88", "#4f5966")
INSIDE = ("#a9cfe8", "#74b3da", "#3f92c8", "#0072b2", "#004d7d")
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


def gate_plot(view: pd.DataFrame, *, title: str, description: str) -> str:
    """Return one plot of GATE_VIEWS: events, blue inside the gate, and its outline."""
    events = view[view["kind"] == "event"]
    outlines = view[view["kind"] == "outline"]
    x_range, y_range = _span(view["x"]), _span(view["y"])
    left, top = 20.0, 4.0
    body = element(
        "image", href=_cloud(events, x_range, y_range), x=left, y=top, width=SIDE, height=SIDE
    )
    body += element(
        "rect", x=left, y=top, width=SIDE, height=SIDE, fill="none", stroke=GREY, stroke_width=1
    )
    for _, corners in outlines.groupby("gate", sort=True):
        places = [
            f"{left + SIDE * _share(x, x_range):.1f},{top + SIDE * (1 - _share(y, y_range)):.1f}"
            for x, y in zip(corners["x"].tolist(), corners["y"].tolist(), strict=True)
        ]
        body += element(
            "polygon", points=" ".join(places), fill="none", stroke=VERMILLION, stroke_width=1.6
        )
    middle = left + SIDE / 2
    body += text(
        middle,
        top + SIDE + 13,
        view["x_label"].iloc[0],
        text_anchor="middle",
        font_size=11.0,
        fill=INK,
    )
    y_middle = top + SIDE / 2
    body += text(
        13, y_middle, view["y_label"].iloc[0], text_anchor="middle", font_size=11.0, fill=INK,
        transform=f"rotate(-90 13 {y_middle:g})",
    )  # fmt: skip
    return drawing(left + SIDE + 4, top + SIDE + 18, body, title=title, description=description)


def _span(values: pd.Series) -> tuple[float, float]:
    """Return the range that is drawn: all values, with 3 % on both sides."""
    low, high = float(values.min()), float(values.max())
    margin = 0.03 * (high - low) or 0.5
    return low - margin, high + margin


def _share(value: float, span: tuple[float, float]) -> float:
    return min(max((value - span[0]) / (span[1] - span[0]), 0.0), 1.0)


def _cloud(events: pd.DataFrame, x_range: tuple[float, float], y_range: tuple[float, float]) -> str:
    row, column = pixel_indices(
        events["x"].to_numpy(), events["y"].to_numpy(), x_range, y_range, PIXELS
    )
    inside = events["inside"].to_numpy() == 1
    pixels = density_levels(row[~inside], column[~inside], PIXELS, LEVELS)
    above = density_levels(row[inside], column[inside], PIXELS, LEVELS)
    pixels = np.where(above > 0, above + LEVELS, pixels).astype(np.uint8)
    return data_address(png(pixels, ("#ffffff", *OUTSIDE, *INSIDE)))


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
