"""Curves of outcomes: steps with limits, ended where too few patients are at risk."""

from collections.abc import Callable

from markupsafe import Markup

from aftercar.report.numbers import percent
from aftercar.report.svg import GREY, INK, PALE, SERIES, drawing, element, line, text

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 420.0, 250.0, 46.0, 408.0, 10.0, 190.0
TICK_APART = 34.0  # pixels that a label of a day needs
DASHES = (None, "6 3", "2 2", "8 3 2 3", "1 2", "10 4")

Place = Callable[[float], float]
Step = tuple[int, int, float | None, float | None, float | None]


def shown_part(steps: list[Step], *, least_at_risk: int) -> list[list[float | None]]:
    """Return [day, estimate, low, high] of the steps before fewer than the least are at risk."""
    kept: list[list[float | None]] = []
    for day, at_risk, estimate, low, high in steps:
        if at_risk < least_at_risk or estimate is None:
            break
        kept.append([day, estimate, low, high])
    return kept


def step_chart(lines: list[dict], *, title: str, description: str) -> Markup:
    """Return step curves on one axis of days and 0 to 100 %; lines differ in dashes and colour.

    A line has a label and points [day, estimate, low, high]; limits may be missing. `style` (a
    number) keeps the colour and dashes of a line that other charts show too.
    """
    last = max(point[0] for curve in lines for point in curve["points"]) or 1
    ticks = [0]  # a day whose label would touch the one before has none
    for day in (90, 180, 365, 730, 1095, 1825):
        if day <= last and (day - ticks[-1]) / last * (RIGHT - LEFT) >= TICK_APART:
            ticks.append(day)

    def x(day: float) -> float:
        return LEFT + day / last * (RIGHT - LEFT)

    def y(share: float) -> float:
        return BOTTOM - share * (BOTTOM - TOP)

    body = []
    for share in (0.0, 0.25, 0.5, 0.75, 1.0):
        body.append(line(LEFT, y(share), RIGHT, y(share), stroke=PALE, stroke_width=1))
        body.append(
            text(
                LEFT - 6,
                y(share) + 3.5,
                percent(share),
                text_anchor="end",
                font_size=10.0,
                fill=GREY,
            )
        )
    for day in ticks:
        body.append(
            text(x(day), BOTTOM + 14, f"D{day}", text_anchor="middle", font_size=10.0, fill=GREY)
        )
    for index, curve in enumerate(lines):
        style = curve.get("style", index)
        colour = SERIES[style % len(SERIES)]
        dashes = DASHES[(style + style // len(SERIES)) % len(DASHES)]
        points = _by_pixel(curve["points"], x)
        body.append(_band(points, x, y, colour))
        path = _steps([(p[0], p[1]) for p in points], x, y)
        body.append(
            element(
                "path",
                d=f"M{path}",
                fill="none",
                stroke=colour,
                stroke_width=1.8,
                stroke_dasharray=dashes,
            )
        )
        column, row = index % 2, index // 2
        key_x, key_y = LEFT + 186.0 * column, BOTTOM + 30 + 13.0 * row
        body.append(
            line(
                key_x,
                key_y - 3,
                key_x + 22,
                key_y - 3,
                stroke=colour,
                stroke_width=2,
                stroke_dasharray=dashes,
            )
        )
        body.append(text(key_x + 27, key_y, curve["label"], font_size=10.0, fill=INK))
    height = max(HEIGHT, BOTTOM + 40 + 13.0 * ((len(lines) + 1) // 2))
    return drawing(WIDTH, height, "".join(body), title=title, description=description)


def _by_pixel(points: list[list], x: Place) -> list[list]:
    """Return the first point and the last of each pixel: steps closer than that are not seen."""
    kept = points[:1]
    for point in points[1:]:
        if len(kept) > 1 and int(x(point[0])) == int(x(kept[-1][0])):
            kept[-1] = point
        else:
            kept.append(point)
    return kept


def _steps(points: list[tuple[float, float]], x: Place, y: Place) -> str:
    d = f"{x(points[0][0]):.1f} {y(points[0][1]):.1f}"
    for day, share in points[1:]:
        d += f"H{x(day):.1f}V{y(share):.1f}"
    return d


def _band(points: list[list[float | None]], x: Place, y: Place, colour: str) -> str:
    limited = [(p[0] or 0, p[2], p[3]) for p in points if p[2] is not None and p[3] is not None]
    if len(limited) < 2:
        return ""
    lower = [(day, low) for day, low, _ in limited]
    d = _steps([(day, high) for day, _, high in limited], x, y)
    for index in range(len(lower) - 1, -1, -1):
        d += f"V{y(lower[index][1]):.1f}"
        if index:
            d += f"H{x(lower[index][0]):.1f}V{y(lower[index - 1][1]):.1f}"
    return element("path", d=f"M{d}Z", fill=colour, fill_opacity=0.1, stroke="none")
