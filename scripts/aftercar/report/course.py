"""The course of a patient over days: measured values with their limits, therapy, events."""

from typing import Any

from aftercar.report.numbers import MINUS, TIMES, number, percent
from aftercar.report.svg import (
    GREY,
    INK,
    PALE,
    SERIES,
    VERMILLION,
    DayAxis,
    LogAxis,
    drawing,
    element,
    line,
    place,
    text,
    text_width,
)
from aftercar.report.tabulate import NOTHING
from aftercar.report.words import event_title

WIDTH, GUTTER, EDGE = 760.0, 168.0, 34.0
SMALL, LABEL = 10.0, 11.0
LABEL_WIDTH = 116.0  # of the gutter; the rest is for the numbers of an axis
BOLD = 1.25  # a bold word is wider; fonts that a reader's machine lacks are replaced by wide ones
WANTED_DAYS = (0, 28, 90, 180, 365, 63, 270, 14, 7, -28, 730, 545, 1095, 1825)
# Events of one moment that end or change the course: drawn across all panels.
TURNING_POINTS = {
    "hct": "HCT",
    "relapse": "relapse",
    "lineage_switch": "lineage switch",
    "extramedullary_relapse": "extramedullary relapse",
    "death": "death",
}
NOT_DRAWN = ("last_contact",)
UNKNOWN_GLYPH = {"FAILED": TIMES, "INDETERMINATE": "?", "NOT_ASSESSED": NOTHING}


def course_chart(
    panels: list[dict],
    infusions: list[dict],
    events: list[dict],
    landmarks: list[int],
    *,
    title: str,
    description: str,
    panel_height: float = 58.0,
    therapy: bool = True,
    note: str = "",
) -> str:
    """Return the panels above each other on one axis of days, with therapy bars below.

    A panel is {title, unit, series: [{label, points}]}; a panel without points says `not tested`.
    A point has day, value, low, high, limit, lloq and status, as in EVIDENCE. `infusions` have day
    and targets, `events` day, end_day, event and grade, as numbers or None. `note` is
    written below.
    """
    days = [p["day"] for panel in panels for s in panel["series"] for p in s["points"]]
    days += [e[k] for e in events for k in ("day", "end_day") if e[k] is not None]
    days += [i["day"] for i in infusions if i["day"] is not None]
    axis = DayAxis(
        min([-3, *(d for d in days if d is not None)]) - 2,
        max([30, *(d for d in days if d is not None)]) + 4,
        GUTTER,
        WIDTH - EDGE,
    )
    marks, y = _marks(infusions, events, axis)
    top, body = y, []
    for panel in panels:
        drawn, y = _panel(panel, axis, y + 10, panel_height)
        body.append(drawn)
    if therapy:
        drawn, y = _therapy(events, axis, y + 8)
        body.append(drawn)
    ticks = axis.ticks([*WANTED_DAYS, *landmarks], SMALL)
    grid = [line(axis(d), top + 4, axis(d), y + 4, stroke=PALE, stroke_width=1) for d in ticks]
    below = [
        text(
            axis(d),
            y + 17,
            str(d).replace("-", MINUS),
            text_anchor="middle",
            font_size=SMALL,
            fill=GREY,
        )
        for d in ticks
    ]
    below.append(text(GUTTER - 10, y + 17, "day", text_anchor="end", font_size=SMALL, fill=GREY))
    inside = "".join(grid) + "".join(body) + _mark_lines(marks, axis, y + 4) + "".join(below)
    if note:
        y += 14
        inside += text(0, y + 20, note, font_size=SMALL, font_style="italic", fill=INK)
    return drawing(WIDTH, y + 24, inside, title=title, description=description)


def _marks(infusions: list[dict], events: list[dict], axis: DayAxis) -> tuple[list[dict], float]:
    """Return vertical marks with the row of their label, and where the panels may start."""
    marks = [
        {"day": i["day"], "words": f"CAR-T {i['infusion_no']} ({i['targets']})", "kind": "infusion"}
        for i in infusions
        if i["day"] is not None
    ]
    marks += [
        {"day": e["day"], "words": TURNING_POINTS[e["event"]], "kind": e["event"]}
        for e in events
        if e["event"] in TURNING_POINTS and e["day"] is not None
    ]
    marks.sort(key=lambda mark: (mark["day"], mark["words"]))
    for mark in marks:
        width = BOLD * text_width(mark["words"], LABEL)
        mark["x"] = axis(mark["day"])
        mark["left"] = min(max(mark["x"] - width / 2, GUTTER - 60), WIDTH - 4 - width)
        mark["right"] = mark["left"] + width
    for mark, row in zip(marks, place([(m["left"], m["right"]) for m in marks], 8), strict=True):
        mark["row"] = row
    rows = max((mark["row"] for mark in marks), default=-1) + 1
    return marks, 4 + 14.0 * rows


def _mark_lines(marks: list[dict], axis: DayAxis, bottom: float) -> str:
    drawn = []
    for mark in marks:
        kind = mark["kind"]
        colour = {"infusion": INK, "hct": SERIES[2], "death": INK}.get(kind, VERMILLION)
        dashes = {"infusion": None, "hct": "6 3", "death": None}.get(kind, "2 2")
        baseline = 12 + 14.0 * mark["row"]
        drawn.append(
            line(
                mark["x"], baseline + 3, mark["x"], bottom, stroke=colour, stroke_width=1.4,
                stroke_dasharray=dashes,
            )
        )  # fmt: skip
        # a white rim keeps labels legible where a line of another mark crosses them
        drawn.append(
            text(
                mark["left"], baseline, mark["words"], font_size=LABEL, font_weight=600, fill=INK,
                stroke="#fff", stroke_width=3, paint_order="stroke",
            )
        )  # fmt: skip
    return "".join(drawn)


def _panel(panel: dict, axis: DayAxis, top: float, height: float) -> tuple[str, float]:
    points = [point for series in panel["series"] for point in series["points"]]
    if not points:
        return _empty_panel(panel, top)
    numbers = [
        point[name]
        for point in points
        for name in ("value", "limit", "lloq")
        if point[name] is not None and _is_drawn(point)
    ]
    labels, lowest = _panel_labels(panel, top)
    bottom = max(top + height, lowest + 4)
    height = bottom - top
    scale = LogAxis(numbers, bottom - 12, top + 4)
    body = [
        element(
            "rect", x=axis.left, y=top, width=axis.right - axis.left, height=height, fill="#f6f8fa"
        )
    ]
    body += labels
    if numbers:
        for tick in scale.ticks(4 if height > 50 else 3 if height >= 44 else 2):
            y = scale(tick)
            body.append(line(axis.left, y, axis.right, y, stroke="#fff", stroke_width=1.2))
            words = percent(tick) if panel["unit"] == "fraction" else number(tick)
            body.append(
                text(axis.left - 6, y + 3.5, words, text_anchor="end", font_size=SMALL, fill=GREY)
            )
    body += _lloq_line(points, axis, scale)
    for index, series in enumerate(panel["series"]):
        body.append(
            _series(series["points"], axis, scale, SERIES[index % len(SERIES)], index, bottom)
        )
    return "".join(body), bottom


def _panel_labels(panel: dict, top: float) -> tuple[list[str], float]:
    """Return title, unit and series of a panel, and how far down they reach."""
    body, y = [], top + 1
    for words in _wrapped(panel["title"], BOLD * LABEL):
        y += 12
        body.append(text(0, y, words, font_size=LABEL, font_weight=600, fill=INK))
    for words in _wrapped(panel["unit_words"], SMALL):
        y += 12
        body.append(text(0, y, words, font_size=SMALL, fill=GREY))
    if len(panel["series"]) > 1:
        for index, series in enumerate(panel["series"]):
            colour = SERIES[index % len(SERIES)]
            y += 12
            body.append(_glyph(4, y - 3.5, index, colour, filled=True))
            body.append(text(13, y, series["label"], font_size=SMALL, fill=INK))
    return body, y


def _wrapped(words: str, size: float) -> list[str]:
    """Return words of a size in lines that end before the numbers of an axis; none of no words."""
    lines = [""] if words else []
    for word in words.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and text_width(longer, size) > LABEL_WIDTH:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def _empty_panel(panel: dict, top: float) -> tuple[str, float]:
    height = 22.0
    body = element(
        "rect", x=GUTTER, y=top, width=WIDTH - EDGE - GUTTER, height=height, fill="#fff",
        stroke=GREY, stroke_width=1, stroke_dasharray="3 3",
    )  # fmt: skip
    body += text(0, top + 14, panel["title"], font_size=LABEL, font_weight=600, fill=INK)
    body += text(
        GUTTER + 10, top + 15, panel["missing"], font_size=LABEL, font_style="italic", fill=INK
    )
    return body, top + height


def _is_drawn(point: dict) -> bool:
    return point["status"] in ("QUANTIFIED", "DETECTED_BELOW_LLOQ", "NOT_DETECTED")


def _level(point: dict) -> float | None:
    """Where the sign of a point sits: its value, else its limit of detection."""
    if point["status"] == "NOT_DETECTED":
        return point["limit"]
    if point["value"] is not None:
        return point["value"]
    return point["lloq"] if point["status"] == "DETECTED_BELOW_LLOQ" else None


def _lloq_line(points: list[dict], axis: DayAxis, scale: LogAxis) -> list[str]:
    """Draw the LLOQ across the panel where all points share it, else a dash at each point."""
    limits = {p["lloq"] for p in points if p["lloq"] is not None and _is_drawn(p)}
    if len(limits) == 1:
        y = scale(limits.pop())
        return [
            line(axis.left, y, axis.right, y, stroke=GREY, stroke_width=1, stroke_dasharray="5 3"),
            text(
                axis.right + 4,
                y + 3,
                "LLOQ", font_size=9.0, fill=GREY,
                stroke="#f6f8fa", stroke_width=3, paint_order="stroke",
            ),
        ]  # fmt: skip
    dashes = []
    for point in points:
        if point["lloq"] is not None and point["day"] is not None and _is_drawn(point):
            x, y = axis(point["day"]), scale(point["lloq"])
            dashes.append(
                line(x - 7, y, x + 7, y, stroke=GREY, stroke_width=1, stroke_dasharray="2 1.5")
            )
    return dashes


def _series(
    points: list[dict], axis: DayAxis, scale: LogAxis, colour: str, shape: int, bottom: float
) -> str:
    body, path, signs = [], [], []
    for point in sorted((p for p in points if p["day"] is not None), key=lambda p: p["day"]):
        x, level = axis(point["day"]), _level(point)
        if not _is_drawn(point) or level is None:
            glyph = UNKNOWN_GLYPH.get(point["status"])
            if glyph:
                signs.append(
                    text(
                        x,
                        bottom - 2,
                        glyph,
                        text_anchor="middle",
                        font_size=LABEL,
                        font_weight=700,
                        fill=INK,
                    )
                )
            continue
        y = scale(level)
        path.append(f"{x:.1f},{y:.1f}")
        if point["status"] == "NOT_DETECTED":
            signs.append(
                element(
                    "path",
                    d=f"M{x - 4.5:.1f} {y:.1f}h9l-4.5 7z",
                    fill="#fff",
                    stroke=colour,
                    stroke_width=1.5,
                )
            )
            continue
        if point["low"] is not None and point["high"] is not None:
            body.append(
                line(
                    x, scale(point["low"]), x, scale(point["high"]), stroke=colour, stroke_width=1.3
                )
            )
        signs.append(_glyph(x, y, shape, colour, filled=point["status"] == "QUANTIFIED"))
    if len(path) > 1:
        body.insert(
            0,
            element(
                "polyline",
                points=" ".join(path),
                fill="none",
                stroke=colour,
                stroke_width=1,
                opacity=0.45,
            ),
        )
    return "".join(body + signs)


def _glyph(x: float, y: float, shape: int, colour: str, *, filled: bool) -> str:
    look: dict[str, Any] = {
        "fill": colour if filled else "#fff",
        "stroke": colour,
        "stroke_width": 1.5,
    }
    if shape % 3 == 1:
        return element("rect", x=x - 3.2, y=y - 3.2, width=6.4, height=6.4, **look)
    if shape % 3 == 2:
        return element("path", d=f"M{x:.1f} {y - 4.5:.1f}l4.5 4.5l-4.5 4.5l-4.5 -4.5z", **look)
    return element("circle", cx=x, cy=y, r=3.6, **look)


def _therapy(events: list[dict], axis: DayAxis, top: float) -> tuple[str, float]:
    """Draw one lane per kind of event, in order of first day; grades stand beside their bar."""
    lanes: dict[str, list[dict]] = {}
    for event in sorted(
        events, key=lambda e: (e["day"] if e["day"] is not None else 0, e["event"])
    ):
        single = event["event"] in TURNING_POINTS or event["event"] in NOT_DRAWN
        if event["day"] is not None and not single:
            lanes.setdefault(event["event"], []).append(event)
    body, y = [], top
    for kind, members in lanes.items():
        body.append(text(0, y + 10, event_title(kind), font_size=SMALL, fill=INK))
        body.append(line(axis.left, y + 6.5, axis.right, y + 6.5, stroke=PALE, stroke_width=1))
        for event in members:
            left = axis(event["day"])
            right = axis(event["end_day"]) if event["end_day"] is not None else left
            width = max(right - left, 5.0)
            body.append(
                element("rect", x=left, y=y + 3, width=width, height=7.0, rx=1.5, fill="#4a5562")
            )
            if event["grade"]:
                label = f"G{event['grade']}"
                body.append(
                    text(left + width + 3, y + 10, label, font_size=9.0, fill=INK, stroke="#fff",
                         stroke_width=3, paint_order="stroke")
                )  # fmt: skip
        y += 14.0
    return "".join(body), y


def sparkline(points: list[dict], *, width: int = 90, height: int = 22) -> str:
    """Return the path of a small log-scale curve without axes; "" with fewer than two values."""
    drawn = [p for p in points if p["day"] is not None and _is_drawn(p) and _level(p)]
    if len(drawn) < 2:
        return ""
    axis = DayAxis(min(p["day"] for p in drawn), max(p["day"] for p in drawn), 3, width - 3)
    scale = LogAxis([level for p in drawn if (level := _level(p))], height - 3, 3)
    places = [(round(axis(p["day"])), round(scale(_level(p) or 0))) for p in drawn]
    d = "M" + "L".join(f"{x} {y}" for x, y in places)
    below = "".join(
        f"M{x - 2} {y}h4"
        for (x, y), p in zip(places, drawn, strict=True)
        if p["status"] != "QUANTIFIED"
    )
    return d + below
