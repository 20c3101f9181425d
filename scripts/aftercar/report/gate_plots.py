"""Gate plots and back-gating: densities of all events, borders of the gate, and their source."""

import base64
import zlib
from collections.abc import Sequence
from itertools import groupby

import numpy as np
import pandas as pd

from aftercar.contracts.cytometry import PICTURE_LEVELS, PICTURE_PIXELS
from aftercar.report.gate_axes import GateAxis
from aftercar.report.numbers import day_text, number, percent, plain_rows
from aftercar.report.raster import data_address, png
from aftercar.report.svg import GREY, INK, VERMILLION, drawing, element, text
from aftercar.report.words import population_title

# What all gate plots of a page may weigh: the latest specimen of each panel comes first.
GATE_BYTES = 420_000
SIDE, LEFT, TOP = 150.0, 44.0, 16.0
BRIEF = 60  # characters of a reason that a key of colours holds
FEW_PIXELS = 40  # a population on so few pixels is drawn as dots that an eye finds
RAMPS = {
    "below": ("#d9dde2", "#bfc5cc", "#9ea6b0", "#7a8490", "#545d69"),
    "gate": ("#a9cfe8", "#74b3da", "#3f92c8", "#0072b2", "#004d7d"),
    "lymphocytes": ("#cfe9df", "#a8d8c5", "#7fc6aa", "#54b38d", "#2b9e70"),
    "car_t": ("#f4b38a", "#ec915a", "#e27430", "#d55e00", "#a84a00"),
    "b_cells": ("#a9cfe8", "#74b3da", "#3f92c8", "#0072b2", "#004d7d"),
    "blasts": ("#e3b3d1", "#d68fbc", "#c76ba6", "#b04a8d", "#852f68"),
    "myeloid_blasts": ("#f5d48f", "#efc05c", "#e6a92b", "#c88b00", "#966800"),
    "second": ("#c3b1e1", "#a58bd0", "#8765be", "#6a45a8", "#4c2d80"),
}


def gate_plot(layers: list[dict], *, title: str, description: str) -> str:
    """Return one plot of GATE_VIEWS from its rows, the population below first.

    A layer without events is drawn as empty, with its count; density is logarithmic in colour.
    """
    x, y = GateAxis.of(layers[0], "x"), GateAxis.of(layers[0], "y")
    drawn = _on_top_last([row for row in layers if row["raster"]])
    pixels = np.zeros((PICTURE_PIXELS, PICTURE_PIXELS), dtype=np.uint8)
    palette, dots = ["#ffffff"], ""
    for row, ramp in zip(drawn, _ramps(drawn), strict=True):
        levels = _levels(row["raster"])
        if row["layer"] and 0 < np.count_nonzero(levels) <= FEW_PIXELS:
            dots += _dots(levels, ramp[3])
            continue
        pixels = np.where(levels > 0, levels + len(palette) - 1, pixels).astype(np.uint8)
        palette += ramp
    body = element(
        "image", href=data_address(png(pixels, palette)), x=LEFT, y=TOP, width=SIDE, height=SIDE
    )
    body += dots + _frame(x, y) + _outlines(drawn, x, y) + _said(layers)
    return drawing(LEFT + SIDE + 12, TOP + SIDE + 32, body, title=title, description=description)


def _on_top_last(layers: list[dict]) -> list[dict]:
    """Return the layers with rarer populations later, so that a few cells stay visible."""
    return sorted(layers, key=lambda row: (row["layer"] > 0, -row["events"], row["layer"]))


def _ramps(layers: list[dict]) -> Sequence[tuple[str, ...]]:
    """Return five colours per layer: grey below, then by role; blue for the one gate of a plot."""
    found, used = [], set()
    for row in layers:
        name = "below" if row["layer"] == 0 else "gate"
        if row["layer"] and row["purpose"] == "back_gating":
            name = row["role"] if row["role"] in RAMPS and row["role"] not in used else "second"
        used.add(name)
        found.append(RAMPS[name])
    return found


def _levels(raster: str) -> np.ndarray:
    """Return the levels of density that a raster of GATE_VIEWS holds, rows from the top."""
    held = np.frombuffer(zlib.decompress(base64.b64decode(raster)), dtype=np.uint8)
    if len(held) != PICTURE_PIXELS**2 or held.max(initial=0) > PICTURE_LEVELS:
        raise ValueError(
            f"a raster of GATE_VIEWS holds {len(held)} pixels up to level {held.max(initial=0)}, "
            f"expected {PICTURE_PIXELS**2} up to {PICTURE_LEVELS}: gate the patient again"
        )
    return held.reshape(PICTURE_PIXELS, PICTURE_PIXELS)


def _dots(levels: np.ndarray, colour: str) -> str:
    pixel = SIDE / PICTURE_PIXELS
    path = "".join(
        f"M{LEFT + (column + 0.5) * pixel:.1f} {TOP + (row + 0.5) * pixel:.1f}h0"
        for row, column in zip(*(part.tolist() for part in np.nonzero(levels)), strict=True)
    )
    return element("path", d=path, stroke=colour, stroke_width=3.6, stroke_linecap="round")


def _frame(x: GateAxis, y: GateAxis) -> str:
    """Return the frame, ticks with their labels, and the names of the axes."""
    bottom, middle = TOP + SIDE, TOP + SIDE / 2
    path = f"M{LEFT:g} {TOP:g}h{SIDE:g}v{SIDE:g}h-{SIDE:g}z"
    labels = ""
    for share, label in x.ticks():
        place = LEFT + SIDE * share
        path += f"M{place:.1f} {bottom:g}v3"
        labels += text(place, bottom + 12, label, text_anchor="middle")
    for share, label in y.ticks():
        place = bottom - SIDE * share
        path += f"M{LEFT:g} {place:.1f}h-3"
        labels += text(LEFT - 5, place + 3, label, text_anchor="end")
    names = text(LEFT + SIDE / 2, bottom + 26, x.label, text_anchor="middle", font_size=11.0)
    names += text(
        9, middle, y.label, text_anchor="middle", font_size=11.0,
        transform=f"rotate(-90 9 {middle:g})",
    )  # fmt: skip
    return element("path", d=path, fill="none", stroke=GREY) + element(
        "g", labels + names, fill=INK, font_size=9.0
    )


def _outlines(layers: list[dict], x: GateAxis, y: GateAxis) -> str:
    """Return the borders of every rectangle; a gate with one bound is a line across the plot."""
    path = ""
    for outline in sorted({row["outline"] for row in layers if row["outline"]}):
        for rectangle in outline.split(";"):
            path += _rectangle([None if n == "-" else float(n) for n in rectangle.split()], x, y)
    if not path:
        return ""
    return element("path", d=path, fill="none", stroke=VERMILLION, stroke_width=1.6)


def _rectangle(ends: list[float | None], x: GateAxis, y: GateAxis) -> str:
    """Return the sides that are bounds; where there is none the gate is open to the border."""
    left, right = (
        LEFT + SIDE * (open_end if end is None else x.share(end))
        for end, open_end in zip(ends[:2], (0, 1), strict=True)
    )
    bottom, top = (
        TOP + SIDE * (1 - (open_end if end is None else y.share(end)))
        for end, open_end in zip(ends[2:], (0, 1), strict=True)
    )
    sides = (
        (ends[0], f"M{left:.1f} {bottom:.1f}V{top:.1f}"),
        (ends[1], f"M{right:.1f} {bottom:.1f}V{top:.1f}"),
        (ends[2], f"M{left:.1f} {bottom:.1f}H{right:.1f}"),
        (ends[3], f"M{left:.1f} {top:.1f}H{right:.1f}"),
    )
    return "".join(side for end, side in sides if end is not None)


def _said(layers: list[dict]) -> str:
    """Return the count of the gate above the plot, or that the population is empty."""
    said = ""
    if layers[0]["purpose"] == "gate":
        said = text(
            LEFT + SIDE, TOP - 4, count_of(layers), text_anchor="end", font_size=10.5, fill=INK
        )
    if layers[0]["events"] == 0:
        said += text(
            LEFT + SIDE / 2, TOP + SIDE / 2, "no events", text_anchor="middle", font_size=12.0,
            fill=GREY,
        )  # fmt: skip
    return said


def count_of(layers: list[dict]) -> str:
    """Return `88 of 1,200 events, 7.3 %`: the gate of a plot, of its parent; none is no share."""
    parent, gate = layers[0]["events"], layers[1]["events"]
    if gate is None or parent is None:
        return "gate not made"
    share = f", {percent(gate / parent)}" if gate else ""
    return f"{gate:,} of {parent:,} events{share}"


def tube_plots(content: dict, views: pd.DataFrame) -> tuple[list[dict], list[str]]:
    """Return the plots of each specimen, latest first, and the specimens that found no room.

    The latest specimen of each panel comes first in the order of what is drawn, then the latest
    ones, as long as the page stays small. Only the former are open.
    """
    days = {r["sample_id"]: r["day"] for r in content["data"].get("populations", [])}
    cuts: dict[tuple[str, str], list[dict]] = {}
    for row in content["data"].get("cuts", []):
        cuts.setdefault((row["sample_id"], row["gate"]), []).append(row)
    compared = {
        r["sample_id"]
        for r in content["data"].get("populations", [])
        if r["cut_source"] == "WORKSPACE"
    }
    by_sample = {
        sample: list(rows)
        for sample, rows in groupby(plain_rows(views), key=lambda row: row["sample_id"])
    }
    latest_first = sorted(by_sample, key=lambda s: (-_day(days.get(s)), s))
    newest: dict[str, str] = {}
    for sample in latest_first:
        newest.setdefault(by_sample[sample][0]["panel"], sample)
    tubes, used = {}, 0
    for sample in sorted(latest_first, key=lambda s: s not in newest.values()):
        tube = _tube(sample, days.get(sample), by_sample[sample], cuts, sample in compared)
        weight = len(str(tube))
        if used + weight > GATE_BYTES:
            break
        used += weight
        tubes[sample] = tube | {"open": sample in newest.values()}
    left_out = [sample for sample in latest_first if sample not in tubes]
    return [tubes[sample] for sample in latest_first if sample in tubes], left_out


def _day(day: int | None) -> float:
    return float("-inf") if day is None else day


def _tube(
    sample_id: str, day: int | None, rows: list[dict], cuts: dict, compared: bool
) -> dict[str, object]:
    plots, undrawn = [], []
    for _, found in groupby(rows, key=lambda row: row["view"]):
        layers = list(found)
        if not any(row["raster"] for row in layers):
            gate = layers[-1]
            undrawn.append(f"{population_title(gate['population'])} ({gate['remark']})")
        elif layers[0]["purpose"] == "gate":
            plots.append(_gate(sample_id, layers, cuts.get((sample_id, layers[1]["population"]))))
        else:
            plots.append(_back_gating(sample_id, layers))
    when = "" if day is None else f"{day_text(day)} "
    panel = rows[0]["panel"].replace("_", " ")
    title = f"Gates of {when}{sample_id}, {panel}"
    if compared:
        title += ": automated gates, for comparison only; the table counts the laboratory's gates"
    return {"title": title, "plots": plots, "undrawn": undrawn}


def _gate(sample_id: str, layers: list[dict], cuts: list[dict] | None) -> dict[str, object]:
    parent, gate = layers[0], layers[1]
    name = f"{population_title(gate['population'])} of {population_title(parent['population'])}"
    x, y = GateAxis.of(parent, "x"), GateAxis.of(parent, "y")
    lines = [count_of(layers)]
    lines += [gate["remark"]] if gate["remark"] else []
    lines += _borders_in_words(gate)
    lines += _cuts_in_words(cuts or [])
    svg = gate_plot(
        layers,
        title=f"{sample_id}: {name}",
        description=(
            f"{x.label} ({x.scale_words}) against {y.label} ({y.scale_words}); "
            f"{_drawn_in_words(parent)}; {lines[0]}"
        ),
    )
    return {"gate": name, "lines": [*lines, _drawn_in_words(parent)], "key": [], "svg": svg}


def _drawn_in_words(parent: dict) -> str:
    beyond = f", {parent['beyond']:,} of them beyond the axes" if parent["beyond"] else ""
    return f"drawn: all {parent['events']:,} events{beyond}"


def _borders_in_words(gate: dict) -> list[str]:
    """Say where the outline in this plane is not the whole gate."""
    if gate["events"] is None:
        return []
    shapes = gate["outline"].count(";") + 1 if gate["outline"] else 0
    said = []
    if shapes > 1:
        said.append(f"any of {shapes} outlines")
    if not shapes:
        said.append("no border in this plane" if gate["elsewhere"] else "nothing removed")
    if gate["elsewhere"]:
        said.append(f"no rectangle in this plane: also bounded by {gate['elsewhere']}")
    return ["; ".join(said)] if said else []


def _cuts_in_words(cuts: list[dict]) -> list[str]:
    """Return `CONTROL ctl-b1: CD19 747, CD20 307`: cuts in linear units by where they came from."""
    by_source: dict[str, list[str]] = {}
    for row in cuts:
        cut = "no cut" if row["cut"] is None else number(row["cut"])
        source = f"{row['source']} {row['control_sample_id']}".strip()
        by_source.setdefault(source, []).append(f"{row['marker'].replace('_', ' ')} {cut}")
    return [f"{source}: {', '.join(found)}" for source, found in by_source.items()]


def _back_gating(sample_id: str, layers: list[dict]) -> dict[str, object]:
    x, y = layers[0]["x"], layers[0]["y"]
    below = layers[0]
    drawn = _on_top_last([row for row in layers if row["raster"]])
    colours = {row["layer"]: ramp[3] for row, ramp in zip(drawn, _ramps(drawn), strict=True)}
    key = [
        {
            "colour": colours.get(row["layer"], "#ffffff"),
            "label": f"{population_title(row['role'] or row['population'])}"
            + (f" ({population_title(row['population'])})" if _shared_role(row, layers) else "")
            + (
                f" {row['events']:,}"
                if row["events"] is not None
                else f": {_briefly(row['remark'])}"
            ),
        }
        for row in layers[1:]
    ]
    svg = gate_plot(
        layers,
        title=f"{sample_id}: back-gating on {x} and {y}",
        description=f"{x} against {y}; {_drawn_in_words(below)} of {below['population']}; "
        + "; ".join(str(item["label"]) for item in key),
    )
    lines = [_drawn_in_words(below)]
    return {"gate": f"Back-gating: {x}, {y}", "lines": lines, "key": key, "svg": svg}


def _briefly(remark: str) -> str:
    """Return why a population is not drawn, if a few words say it; the gate's own plot says all."""
    return remark if len(remark) <= BRIEF else "not made"


def _shared_role(row: dict, layers: list[dict]) -> bool:
    return sum(other["role"] == row["role"] for other in layers) > 1
