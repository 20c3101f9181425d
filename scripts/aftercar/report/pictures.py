"""The map of single cells as pictures: by sub-population, and by what they show of an antigen."""

from collections import Counter

import numpy as np
import pandas as pd

from aftercar.report.raster import data_address, pixel_indices, png
from aftercar.report.svg import INK, PALE, drawing, element, text

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
# Probability that a cell lacks the antigen, in fifths: each darker than the one before, also in
# grey.
PROBABILITY_COLOURS = ("#f4d35e", "#8fbf6f", "#3a9188", "#2b5c8a", "#1a1a40")
ELSEWHERE = "#e3e6ea"
MOST_POINTS = 20_000
FEWEST_POINTS = 200  # of a sub-population that has so many
MOST_NAMED = 40  # sub-populations with a letter of their own
PIXELS, SIDE = 220, 300.0


def drawn_cells(cells: pd.DataFrame) -> pd.DataFrame:
    """Return at most about MOST_POINTS of the cells of one specimen, evenly from each population.

    Sub-populations keep their share, but at least FEWEST_POINTS points (or all their cells).
    """
    if len(cells) <= MOST_POINTS:
        return cells
    size = cells.groupby("population")["barcode"].transform("size").to_numpy()
    rank = cells.groupby("population").cumcount().to_numpy()
    wanted = np.minimum(size, np.maximum(FEWEST_POINTS, size * MOST_POINTS // len(cells)))
    # every n-th cell, counted within its sub-population
    return cells[(rank * wanted) // size != ((rank - 1) * wanted) // size]


def population_key(cells: pd.DataFrame) -> list[dict[str, str]]:
    """Return letter, colour and words of each sub-population, the largest first.

    Sub-populations of one identity share its colour in different lightness; those beyond
    MOST_NAMED are one item without a letter. `cells` is CELLS of one specimen.
    """
    pairs = Counter(zip(cells["population"], cells["identity"], strict=True))
    counted = sorted(((*pair, n) for pair, n in pairs.items()), key=lambda one: (-one[2], one[0]))
    alike = Counter(identity for _, identity, _ in counted)
    seen: Counter[str] = Counter()
    key = []
    for place, (population, identity, count) in enumerate(counted[:MOST_NAMED]):
        named = population if population.startswith(identity) else f"{population} ({identity})"
        key.append(
            {
                "population": population,
                "letter": _letter(place),
                "colour": _shade(IDENTITY_COLOURS[identity], seen[identity], alike[identity]),
                "label": f"{named.replace('_', ' ')} {count:,}",
            }
        )
        seen[identity] += 1
    if rest := counted[MOST_NAMED:]:
        said = f"{len(rest)} further sub-populations {sum(count for *_, count in rest):,}"
        key.append({"population": "", "letter": "", "colour": ELSEWHERE, "label": said})
    return key


def _letter(place: int) -> str:
    """Return A to Z, then AA, AB and so on."""
    first, last = divmod(place, 26)
    return (chr(64 + first) if first else "") + chr(65 + last)


def _shade(colour: str, number: int, of: int) -> str:
    """Return a colour between itself and a paler one, by its number among its like."""
    share = 0.0 if of < 2 else 0.6 * number / (of - 1)
    parts = (int(colour[start : start + 2], 16) for start in (1, 3, 5))
    return "#" + "".join(f"{round(part + share * (255 - part)):02x}" for part in parts)


def embedding(cells: pd.DataFrame, *, title: str, description: str) -> str:
    """Return the cells of one specimen (CELLS) by sub-population, rare ones on top.

    Each sub-population has its letter of population_key in the middle of its cells.
    """
    key = population_key(cells)
    points = drawn_cells(cells)
    x_range, y_range = _span(cells["x"]), _span(cells["y"])
    row, column = _pixels(points, x_range, y_range)
    pixels = np.zeros((PIXELS, PIXELS), dtype=np.uint8)
    place = {item["population"]: index for index, item in enumerate(key, start=1)}
    index_of_cell = points["population"].map(place).fillna(len(key)).to_numpy(dtype=np.int64)
    letters: list[tuple[float, float, str]] = []
    for index, item in enumerate(key, start=1):
        inside = index_of_cell == index
        _dot(pixels, row[inside], column[inside], index)
        if item["letter"]:
            x, y = (SIDE / PIXELS * float(np.median(part[inside]) + 1) for part in (column, row))
            letters.append((x, _free(letters, x, y), item["letter"]))
    written = "".join(
        text(
            x, y + 4, letter, text_anchor="middle", font_size=13.0, font_weight=700, fill=INK,
            stroke="#fff", stroke_width=3, paint_order="stroke",
        )
        for x, y, letter in letters
    )  # fmt: skip
    colours = ["#ffffff", *(item["colour"] for item in key)]
    return _framed(pixels, colours, written, title, description)


def _free(taken: list[tuple[float, float, str]], x: float, y: float) -> float:
    """Return the height nearest to `y` at which a letter hides no other."""
    y = min(max(y, 10.0), SIDE - 6)
    for step in sorted(range(-22, 23), key=abs):
        at = y + 13.0 * step
        if 8 < at < SIDE - 4 and all(abs(x - a) > 18 or abs(at - b) > 14 for a, b, _ in taken):
            return at
    return y


def antigen_embedding(
    cells: pd.DataFrame, probability: pd.Series, *, title: str, description: str
) -> str:
    """Return the cells by the probability that they lack an antigen.

    `probability` is indexed by barcode; cells without a value are pale grey. A pixel with several
    cells shows their mean, so that none hides the others.
    """
    points = drawn_cells(cells)
    x_range, y_range = _span(cells["x"]), _span(cells["y"])
    row, column = _pixels(points, x_range, y_range)
    value = probability.reindex(points["barcode"].to_numpy()).to_numpy(dtype=np.float64)
    known = ~np.isnan(value)
    pixels = np.zeros((PIXELS, PIXELS), dtype=np.uint8)
    _dot(pixels, row[~known], column[~known], 1)
    total = np.zeros((PIXELS, PIXELS))
    number = np.zeros((PIXELS, PIXELS))
    for down in (0, 1):
        for right in (0, 1):
            place = (row[known] + down, column[known] + right)
            np.add.at(total, place, value[known])
            np.add.at(number, place, 1)
    some = number > 0
    classes = len(PROBABILITY_COLOURS)
    fifth = np.minimum(total[some] / number[some] * classes, classes - 1).astype(np.uint8)
    pixels[some] = 2 + fifth
    return _framed(pixels, ["#ffffff", ELSEWHERE, *PROBABILITY_COLOURS], "", title, description)


def probability_key() -> list[dict[str, str]]:
    """Return colour and words of each class of probability, and of all other cells."""
    steps = len(PROBABILITY_COLOURS)
    words = [f"{100 * i // steps} to {100 * (i + 1) // steps} %" for i in range(steps)]
    return [
        *(
            {"colour": c, "letter": "", "label": w}
            for c, w in zip(PROBABILITY_COLOURS, words, strict=True)
        ),
        {"colour": ELSEWHERE, "letter": "", "label": "other cells"},
    ]


def _span(values: pd.Series) -> tuple[float, float]:
    """Return the range that is drawn: all values, with 3 % on both sides."""
    low, high = float(values.min()), float(values.max())
    margin = 0.03 * (high - low) or 0.5
    return low - margin, high + margin


def _pixels(
    points: pd.DataFrame, x_range: tuple[float, float], y_range: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    return pixel_indices(
        points["x"].to_numpy(), points["y"].to_numpy(), x_range, y_range, PIXELS - 1
    )


def _dot(pixels: np.ndarray, row: np.ndarray, column: np.ndarray, index: int) -> None:
    """Set four pixels for each point."""
    for down in (0, 1):
        for right in (0, 1):
            pixels[row + down, column + right] = index


def _framed(
    pixels: np.ndarray, colours: list[str], letters: str, title: str, description: str
) -> str:
    body = element(
        "image", href=data_address(png(pixels, colours)), x=1.0, y=1.0, width=SIDE, height=SIDE
    )
    body += letters
    body += element(
        "rect", x=1.0, y=1.0, width=SIDE, height=SIDE, fill="none", stroke=PALE, stroke_width=1
    )
    return drawing(SIDE + 2, SIDE + 2, body, title=title, description=description)
