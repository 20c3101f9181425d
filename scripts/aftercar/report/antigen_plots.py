"""Drawings of the antigen test on single cells: ratios with their intervals, and what would show.

A comparison that was not possible is hatched: it is never drawn as a zero or as a level.
"""

from aftercar.contracts.singlecell import SHARED_LOSS_HIDDEN
from aftercar.report.numbers import count_text, number, percent
from aftercar.report.svg import (
    BLUE,
    GREY,
    INK,
    ORANGE,
    PALE,
    VERMILLION,
    LogAxis,
    drawing,
    element,
    line,
    text,
    text_width,
)
from aftercar.report.words import ANTIGEN_WORDS

# Sign and word of RETAINED where cells were compared with each other only: no clear answer.
EACH_OTHER = "EACH_OTHER"
PLOT_WORDS = {status: words for status, (words, _) in ANTIGEN_WORDS.items()} | {
    EACH_OTHER: "Like each other"
}
WIDTH, NAME_ENDS, CELLS_END, MOLECULES_END, AXIS_LEFT, AXIS_RIGHT = 760.0, 214, 272, 378, 398, 634
ROW = 20.0
COLOURS = {"LOST": VERMILLION, "REDUCED": ORANGE, "RETAINED": BLUE, "NOT_EVALUABLE": GREY}
# How a clone would show -> words, colour, dashes, sign at each point.
DESIGNS = {
    "labelled_lost": ("called LOST", VERMILLION, None, "triangle"),
    "labelled_reduced": ("REDUCED or LOST", "#8a5f00", "7 3", "square"),
    "unlabelled_screen": ("hidden, by screen", BLUE, "2 3", "circle"),
    "sampling": ("5 of its cells drawn", GREY, "10 3 2 3", "cross"),
}
SURE = 0.95


def forest_plot(
    rows: list[dict],
    *,
    lost_below: float | None,
    retained_above: float | None,
    title: str,
    description: str,
) -> str:
    """Return expression relative to the reference of sub-populations x antigens, with intervals.

    `rows` are rows of ANTIGEN_LOSS of one specimen, in the order of drawing; each antigen gets a
    heading. `lost_below` and `retained_above` are the bounds of the test (None: not drawn).
    """
    ends = [
        value
        for row in rows
        for value in (row["relative_expression_low"], row["relative_expression_high"])
        if value
    ]
    kept = [min(max(value, 0.01), 100.0) for value in [*ends, (lost_below or 1.0) / 2, 1.5]]
    axis = LogAxis(kept, AXIS_LEFT, AXIS_RIGHT)
    body, y, antigen = [], 44.0, ""
    for row in rows:
        if row["antigen"] != antigen:
            antigen = row["antigen"]
            body.append(text(0, y + 4, antigen, font_size=12.5, font_weight=700, fill=INK))
            y += ROW
        body.append(_comparison(row, axis, y))
        y += ROW
    bottom = y - 8
    return drawing(
        WIDTH,
        bottom + 22,
        _frame(axis, bottom, lost_below, retained_above) + "".join(body),
        title=title,
        description=description,
    )


def _frame(
    axis: LogAxis, bottom: float, lost_below: float | None, retained_above: float | None
) -> str:
    """Draw heads of columns, the axis, and the bounds of the test."""
    small = {"font_size": 10.5, "fill": GREY}
    body = [
        text(0, 26, "Sub-population", **small),
        text(CELLS_END, 26, "Cells", text_anchor="end", **small),
        text(MOLECULES_END, 26, "Found / expected", text_anchor="end", **small),
        text(AXIS_RIGHT + 16, 26, "Status", **small),
    ]
    for value in axis.ticks(5):
        body.append(line(axis(value), 32, axis(value), bottom, stroke=PALE, stroke_width=1))
        body.append(
            text(
                axis(value), bottom + 16, f"{number(value)}\N{MULTIPLICATION SIGN}",
                text_anchor="middle", font_size=10.5, fill=INK,
            )
        )  # fmt: skip
    for bound, words, anchor, colour in (
        (lost_below, "lost below", "end", VERMILLION),
        (retained_above, "retained above", "start", BLUE),
    ):
        if bound is None:
            continue
        x = axis(bound)
        body.append(line(x, 18, x, bottom, stroke=colour, stroke_width=1.2, stroke_dasharray="5 3"))
        shift = -4 if anchor == "end" else 4
        words += f" {number(bound)}"
        body.append(text(x + shift, 26, words, text_anchor=anchor, font_size=10.0, fill=INK))
    return "".join(body)


def _comparison(row: dict, axis: LogAxis, y: float) -> str:
    """Draw one row: name, numbers, interval or hatching, sign and word of its status."""
    status = _shown_status(row)
    counts = (
        "not counted"
        if row["umis"] is None
        else f"{count_text(row['umis'])} / "
        + ("?" if row["expected_umis"] is None else number(row["expected_umis"]))
    )
    small = {"font_size": 11.0, "fill": INK}
    body = [
        text(8, y + 4, _fitting(row["population"].replace("_", " ")), **small),
        text(CELLS_END, y + 4, count_text(row["cells"]), text_anchor="end", **small),
        text(MOLECULES_END, y + 4, counts, text_anchor="end", **small),
        mark(status, AXIS_RIGHT + 23, y),
        text(AXIS_RIGHT + 36, y + 4, PLOT_WORDS[status], **small),
    ]
    if row["relative_expression"] is None:
        body.append(_hatched(y))
    else:
        body.append(_interval(row, axis, y, COLOURS.get(status, GREY)))
    return "".join(body)


def like_each_other(row: dict) -> bool:
    """Return whether cells are RETAINED only against other leukemic cells of the specimen."""
    return row["status"] == "RETAINED" and SHARED_LOSS_HIDDEN in row["flags"]


def _shown_status(row: dict) -> str:
    return EACH_OTHER if like_each_other(row) else row["status"]


def _fitting(name: str) -> str:
    """Shorten a name that would run into the numbers."""
    most = int((NAME_ENDS - 8) / text_width("x", 11))
    return name if len(name) <= most else name[: most - 1] + "\N{HORIZONTAL ELLIPSIS}"


def _hatched(y: float) -> str:
    strokes = "".join(f"M{x} {y + 6:g}l8 -12" for x in range(AXIS_LEFT + 2, AXIS_RIGHT - 8, 9))
    return element(
        "rect", x=float(AXIS_LEFT), y=y - 7, width=float(AXIS_RIGHT - AXIS_LEFT), height=14.0,
        fill="#fff", stroke=GREY, stroke_dasharray="3 2",
    ) + element("path", d=strokes, stroke="#b9c0c8", stroke_width=1, fill="none")  # fmt: skip


def _interval(row: dict, axis: LogAxis, y: float, colour: str) -> str:
    """Draw an interval; an arrow says that an end, or the ratio, lies beyond the axis."""
    least, most = 10.0**axis.low, 10.0**axis.high
    ratio, low, high = (row[f"relative_expression{end}"] for end in ("", "_low", "_high"))
    low, high = 0.0 if low is None else low, float("inf") if high is None else high
    dashes = "3 2" if row["status"] == "NOT_EVALUABLE" else None
    left, right = axis(low), axis(min(high, most))
    body = [line(left, y, right, y, stroke=colour, stroke_width=2.4, stroke_dasharray=dashes)]
    for beyond, x, way in ((low < least, left, 1), (high > most, right, -1)):
        if beyond:
            body.append(
                element("path", d=f"M{x:.1f} {y:g}l{way * 6} -4v8z", fill=colour, stroke="none")
            )
        else:
            body.append(line(x, y - 4, x, y + 4, stroke=colour, stroke_width=1.6))
    if least <= ratio <= most:
        body.append(mark(_shown_status(row), axis(ratio), y))
    return "".join(body)


def mark(status: str, x: float, y: float) -> str:
    """Return the sign of a status, which differs from the others in shape as well as in colour."""
    if status == "LOST":
        return element("path", d=f"M{x:.1f} {y - 6:g}l6 11h-12z", fill=VERMILLION, stroke="#8a3c00")
    if status == "REDUCED":
        return element("path", d=f"M{x:.1f} {y - 6:g}l6 6l-6 6l-6 -6z", fill=ORANGE, stroke=INK)
    if status == "RETAINED":
        return element("circle", cx=x, cy=y, r=4.6, fill="#fff", stroke=BLUE, stroke_width=2)
    if status == EACH_OTHER:
        return element(
            "circle", cx=x, cy=y, r=4.6, fill="#fff", stroke=INK, stroke_dasharray="2.6 2"
        ) + text(x, y + 3.6, "=", text_anchor="middle", font_size=10.0, font_weight=700, fill=INK)
    box = {"x": x - 5.5, "y": y - 5.5, "width": 11.0, "height": 11.0, "stroke_dasharray": "2.6 2"}
    return element("rect", fill="#fff", stroke=INK, **box) + text(
        x, y + 3.6, "?", text_anchor="middle", font_size=10.0, font_weight=700, fill=INK
    )


def power_plot(rows: list[dict], *, title: str, description: str) -> str:
    """Return for one antigen the probability that a clone without it shows, by its size.

    `rows` are rows of ANTIGEN_POWER of one specimen and antigen. A design whose power could not be
    computed has no curve; its name says so.
    """
    left, right, top, bottom = 44.0, 236.0, 12.0, 142.0
    axis = LogAxis([row["clone_fraction"] for row in rows], left, right)

    def height(share: float) -> float:
        return bottom - share * (bottom - top)

    body = []
    for share in (0.0, 0.5, SURE):
        sure = share == SURE
        body.append(
            line(
                left, height(share), right, height(share), stroke=GREY if sure else PALE,
                stroke_width=1, stroke_dasharray="4 3" if sure else None,
            )
        )  # fmt: skip
        body.append(
            text(
                left - 5, height(share) + 3.5, percent(share), text_anchor="end", font_size=10.0,
                fill=INK,
            )
        )  # fmt: skip
    for value in axis.ticks():
        body.append(line(axis(value), bottom, axis(value), bottom + 4, stroke=INK))
        body.append(
            text(
                axis(value), bottom + 16, percent(value), text_anchor="middle", font_size=10.0,
                fill=INK,
            )
        )  # fmt: skip
    body.append(
        text((left + right) / 2, bottom + 30, "size of the clone", text_anchor="middle",
             font_size=10.0, fill=GREY)
    )  # fmt: skip
    names: list[tuple[float, str, str]] = []
    for design, (words, colour, dashes, sign) in DESIGNS.items():
        mine = sorted(
            (r for r in rows if r["design"] == design), key=lambda row: row["clone_fraction"]
        )
        known = [(axis(r["clone_fraction"]), height(r["power"])) for r in mine
                 if r["power"] is not None]  # fmt: skip
        if not known:
            if mine:
                names.append((bottom, f"{words}: not known", GREY))
            continue
        path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in known)
        body.append(
            element("path", d=path, fill="none", stroke=colour, stroke_width=1.8,
                    stroke_dasharray=dashes)
        )  # fmt: skip
        body += [_sign(sign, x, y, colour) for x, y in known]
        names.append((known[-1][1], words, colour))
    body += _names(names, right + 8, top, bottom, axis)
    return drawing(right + 176, bottom + 36, "".join(body), title=title, description=description)


def _names(
    names: list[tuple[float, str, str]], x: float, top: float, bottom: float, axis: LogAxis
) -> list[str]:
    """Write the name of each curve beside its end, moved apart where they would overlap."""
    body, last = [], top - 14.0
    names = sorted(names, key=lambda name: name[0])
    room = bottom - 13.0 * (len(names) - 1)
    for place, (y, words, colour) in enumerate(names):
        at = min(max(y, last + 13), room + 13.0 * place)
        last = at
        sign = next((s for w, _, _, s in DESIGNS.values() if w == words), None)
        if sign:
            body.append(_sign(sign, x + 4, at, colour))
        body.append(text(x + 13, at + 3.5, words, font_size=10.0, fill=INK))
    return body


def _sign(kind: str, x: float, y: float, colour: str) -> str:
    if kind == "triangle":
        return element("path", d=f"M{x:.1f} {y - 4:.1f}l4 7h-8z", fill=colour)
    if kind == "square":
        return element("rect", x=x - 3, y=y - 3, width=6.0, height=6.0, fill=colour)
    if kind == "circle":
        return element("circle", cx=x, cy=y, r=3.0, fill="#fff", stroke=colour, stroke_width=1.6)
    return element(
        "path", d=f"M{x - 3:.1f} {y - 3:.1f}l6 6m0 -6l-6 6", stroke=colour, stroke_width=1.6,
        fill="none",
    )  # fmt: skip
