"""A picture of how often variants at the stated limit of detection are found."""

from pathlib import Path

import pandas as pd

from aftercar.stats.intervals import wilson_interval

WIDTH, HEIGHT, LEFT, TOP, GAP = 430, 270, 58, 46, 48
LEGEND_HEIGHT = 78
# Okabe & Ito: told apart by the colour-blind; each class also has its own shape.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#000000")
SHAPES = ("circle", "square", "diamond", "up", "down", "cross")
TITLES = {"exon": "at the limit of the exon", "variant": "at the limit of the variant itself"}


def write_chart(rows: pd.DataFrame, path: Path) -> None:
    """Write an SVG with one panel for each kind of limit: share found by depth and class."""
    classes = list(dict.fromkeys(rows["class"]))
    depths = sorted(set(rows["depth"]))
    width = LEFT + 2 * WIDTH + GAP + 16
    height = TOP + HEIGHT + 52 + LEGEND_HEIGHT
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" font-family="sans-serif" font-size="12" '
        'role="img" aria-label="Share of planted variants found at the stated limit, by depth">',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for number, (basis, title) in enumerate(TITLES.items()):
        left = LEFT + number * (WIDTH + GAP)
        parts += _panel(rows[rows["basis"] == basis], classes, depths, left, title)
    for number, name in enumerate(classes):
        x = LEFT + (number % 3) * 260
        y = TOP + HEIGHT + 66 + (number // 3) * 24
        parts += [
            _shape(number, x, y),
            f'<text x="{x + 12}" y="{y + 4}">{name}</text>',
        ]
    path.write_text("\n".join([*parts, "</svg>"]) + "\n")


def _panel(
    rows: pd.DataFrame, classes: list[str], depths: list[float], left: int, title: str
) -> list[str]:
    def y_of(share: float) -> float:
        return round(TOP + (1 - share) * HEIGHT, 1)

    column = WIDTH / len(depths)
    parts = [
        f'<text x="{left}" y="{TOP - 16}" font-size="13" font-weight="bold">Found {title}</text>',
        f'<rect x="{left}" y="{y_of(1)}" width="{WIDTH}" height="{y_of(0.9) - y_of(1):g}" '
        'fill="#e8f1e4"/>',
    ]
    for tenth in range(0, 11, 2):
        y = y_of(tenth / 10)
        parts += [
            f'<line x1="{left}" x2="{left + WIDTH}" y1="{y}" y2="{y}" stroke="#d0d0d0"/>',
            f'<text x="{left - 6}" y="{y + 4:g}" text-anchor="end">{10 * tenth} %</text>',
        ]
    for number, depth in enumerate(depths):
        middle = left + (number + 0.5) * column
        parts.append(
            f'<text x="{middle:.1f}" y="{TOP + HEIGHT + 18}" text-anchor="middle">{depth:,}</text>'
        )
        for which, name in enumerate(classes):
            own = rows[(rows["class"] == name) & (rows["depth"] == depth)]
            if own.empty or not int(own["draws"].iloc[0]):
                continue
            found, draws = int(own["found"].iloc[0]), int(own["draws"].iloc[0])
            low, high = wilson_interval(found, draws)
            x = round(middle + (which - (len(classes) - 1) / 2) * column / (len(classes) + 1), 1)
            parts += [
                f'<line x1="{x}" x2="{x}" y1="{y_of(low)}" y2="{y_of(high)}" '
                f'stroke="{COLOURS[which]}"/>',
                _shape(which, x, y_of(found / draws)),
            ]
    parts.append(
        f'<text x="{left + WIDTH / 2:g}" y="{TOP + HEIGHT + 36}" text-anchor="middle">'
        "fragments per base</text>"
    )
    return parts


def _shape(which: int, x: float, y: float) -> str:
    fill = f'fill="{COLOURS[which]}"'
    match SHAPES[which]:
        case "circle":
            return f'<circle cx="{x:g}" cy="{y:g}" r="4" {fill}/>'
        case "square":
            return f'<rect x="{x - 3.5:g}" y="{y - 3.5:g}" width="7" height="7" {fill}/>'
        case "diamond":
            corners = ((0, -5), (5, 0), (0, 5), (-5, 0))
        case "up":
            corners = ((0, -5), (5, 4), (-5, 4))
        case "down":
            corners = ((0, 5), (5, -4), (-5, -4))
        case _:
            corners = (
                (-4, -1), (-1, -1), (-1, -4), (1, -4), (1, -1), (4, -1),
                (4, 1), (1, 1), (1, 4), (-1, 4), (-1, 1), (-4, 1),
            )  # fmt: skip
    points = " ".join(f"{x + a:g},{y + b:g}" for a, b in corners)
    return f'<polygon points="{points}" {fill}/>'
