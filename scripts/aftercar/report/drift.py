"""Drift of the cuts by batch: densities of the cells beside each cut, overlaid, with the cuts."""

import math

import numpy as np
import pandas as pd

from aftercar.contracts.cytometry import BEAD_GATE, DENSITY_BINS, DENSITY_RANGE
from aftercar.report.gate_axes import GateAxis
from aftercar.report.numbers import number, plain_rows
from aftercar.report.svg import BLUE, GREY, INK, PALE, VERMILLION, drawing, element, text
from aftercar.report.tabulate import NOTHING, table

# A batch whose median cut differs by more than this factor from the median of all is marked, and
# so is a specimen whose cut or reference cells stand so far from the median of its batch.
# Conventions of this project, to look closer, not limits of quality.
DRIFT_FACTOR = 2.0
OUTLIER_REACH = math.log(2.0)  # units of the axis: twofold for signals far from zero
LANES = 10  # batches with a lane of their own; further ones without drift share one
CURVES = 4  # batches of so few specimens show each curve, larger ones a band
NAMED = 4  # outliers that a lane names
TICKS = 60  # cuts that a lane draws one by one


def drift_of_cuts(cuts: pd.DataFrame, densities: pd.DataFrame) -> list[dict]:
    """Return per panel and cut the batches: cuts of all specimens, medians, densities, outliers.

    `cuts` is CUTS, `densities` CUT_DENSITIES (may be empty). A cut that several gates of a
    specimen share counts once. Limits around beads are none of a marker: raw values of all
    detectors, by the lot of the beads.
    """
    marked = cuts["cut"].notna() & (cuts["gate"] != BEAD_GATE)
    known = cuts[marked].drop_duplicates(["sample_id", "panel", "marker"])
    shown: dict[tuple[str, str, str], list[dict]] = {}
    for row in plain_rows(densities):
        shown.setdefault((row["panel"], row["cut_name"], row["batch"]), []).append(row)
    found = []
    for (panel, marker), mine in known.groupby(["panel", "marker"], sort=True):
        overall = float(mine["cut"].median())
        batches = []
        for batch, members in mine.groupby("batch", sort=True):
            median = float(members["cut"].median())
            same_sign = median > 0 and overall > 0
            ratio = median / overall if same_sign else float("inf") if median != overall else 1.0
            specimens = shown.get((str(panel), str(marker), str(batch)), [])
            batches.append(
                {
                    "batch": batch or "unbatched",
                    "cuts": [float(cut) for cut in sorted(members["cut"])],
                    "median": median,
                    "drifted": ratio > DRIFT_FACTOR or ratio < 1 / DRIFT_FACTOR,
                    "specimens": specimens,
                    "outliers": _outliers(specimens),
                }
            )
        found.append(
            {
                "panel": str(panel).replace("_", " "),
                "marker": str(marker),
                "median": overall,
                "batches": batches,
            }
        )
    return found


def _outliers(specimens: list[dict]) -> list[str]:
    """Return specimens whose cut or reference cells stand apart from the median of the batch."""
    centres = {s["sample_id"]: s["centre"] for s in specimens if s["centre"] is not None}
    places = {s["sample_id"]: _place(s) for s in specimens if s["cut"] is not None}
    return sorted(_apart(centres) | _apart(places))


def _apart(places: dict[str, float]) -> set[str]:
    """Return which of at least three places lie further from their median than the convention."""
    if len(places) < 3:
        return set()
    middle = float(np.median(list(places.values())))
    return {name for name, place in places.items() if abs(place - middle) > OUTLIER_REACH}


def _place(row: dict) -> float:
    return GateAxis("", row["scale"], row["unit"], 0.0, 1.0).place(row["cut"])


def drift_figures(drift: list[dict]) -> dict[str, object]:
    """Return a plot per panel and cut, and the table of the same medians."""
    plots = [
        {
            "title": f"{item['panel']}: {item['marker'].replace('_', ' ')}",
            "svg": _chart(item),
            "note": _note(item),
        }
        for item in drift
        if any(batch["specimens"] for batch in item["batches"])
    ]
    rows = [
        (
            f"{item['panel']}: {item['marker'].replace('_', ' ')}",
            batch["batch"],
            str(len(batch["cuts"])),
            number(batch["median"]),
            number(item["median"]),
            {"status": "DRIFT", "text": f"more than {DRIFT_FACTOR:g}-fold off", "kind": "conflict"}
            if batch["drifted"]
            else NOTHING,
        )
        for item in drift
        for batch in item["batches"]
    ]
    medians = table(
        f"Median cut of each batch (linear units of the detector) against the median of all "
        f"specimens. More than {DRIFT_FACTOR:g}-fold "
        "is marked: a convention, to look closer.",
        ("Marker", "Batch", "#Specimens", "#Median of the batch", "#Median of all", "Drift"),
        rows,
        empty="No cut was placed.",
    )
    return {"drift": plots, "medians": medians}


def _lanes(item: dict) -> list[dict]:
    """Return the lanes of a chart: batches that drifted or hold outliers first, the rest pooled."""
    batches = item["batches"]
    if len(batches) <= LANES:
        return batches
    loud = sorted(batches, key=lambda b: (not b["drifted"], -len(b["outliers"]), b["batch"]))
    own = sorted(loud[: LANES - 1], key=lambda b: b["batch"])
    rest = loud[LANES - 1 :]
    pooled = {
        "batch": f"{len(rest)} more",
        "cuts": sorted(cut for b in rest for cut in b["cuts"]),
        "drifted": any(b["drifted"] for b in rest),
        "specimens": [s for b in rest for s in b["specimens"]],
        "outliers": sorted(name for b in rest for name in b["outliers"]),
    }
    return [*own, pooled]


def _chart(item: dict) -> str:
    """Draw a lane per batch: density of the reference cells as curves or band, cuts as ticks."""
    lanes, left, width, top, lane = _lanes(item), 68.0, 190.0, 6.0, 30.0
    units = sorted(s["unit"] for b in item["batches"] for s in b["specimens"])
    scale = next(s["scale"] for b in item["batches"] for s in b["specimens"])
    unit = units[len(units) // 2]
    span = DENSITY_RANGE if scale == "display" else (DENSITY_RANGE[0], 8.2)
    axis = GateAxis("", scale, unit, *(_back(end, scale, unit) for end in span))
    bottom = top + lane * len(lanes)
    body, labels = "", ""
    for share, label in axis.ticks():
        x = left + width * share
        body += element("path", d=f"M{x:.1f} {top:g}V{bottom:g}", stroke=PALE)
        labels += text(x, bottom + 12, label, text_anchor="middle")
    x = left + width * axis.share(item["median"])
    body += element("path", d=f"M{x:.1f} {top:g}V{bottom:g}", stroke=GREY, stroke_dasharray="4 3")
    for index, batch in enumerate(lanes):
        base = top + lane * (index + 1)
        body += _lane(batch, base, lane, left, width, axis)
        labels += text(left - 12, base - 8, batch["batch"][:9], text_anchor="end")
        if batch["drifted"]:
            body += element("path", d=f"M{left - 10:.1f} {base - 7:.1f}h8l-4 -7z", fill=VERMILLION)
    body += element("g", labels, fill=INK, font_size=9.5)
    reference = _cells([s for b in item["batches"] for s in b["specimens"]])
    return drawing(
        left + width + 8, bottom + 18, body, title=f"Drift of {item['marker']}, {item['panel']}",
        description=(
            f"A lane per batch: density of {reference} on the axis of {item['marker']}, the cuts "
            "of its specimens as ticks; the dashed line is the median cut of all. Medians stand "
            "in the table below."
        ),
    )  # fmt: skip


def _back(place: float, scale: str, unit: float) -> float:
    return unit * (math.sinh(place) if scale == "arcsinh" else place)


def _lane(batch: dict, base: float, lane: float, left: float, width: float, axis: GateAxis) -> str:
    low, high = axis.place(axis.low), axis.place(axis.high)
    step = (DENSITY_RANGE[1] - DENSITY_RANGE[0]) / DENSITY_BINS
    kept = round((high - low) / step)

    def x(place: float) -> float:
        return left + width * min(max((place - low) / (high - low), 0.0), 1.0)

    held = [s for s in batch["specimens"] if s["shares"]]
    shares = [float(n) for s in held for n in s["shares"].split()]
    curves = np.array(shares).reshape(len(held), DENSITY_BINS)[:, :kept]
    colour, body = VERMILLION if batch["drifted"] else BLUE, ""
    if len(held):
        ends = np.linspace(low, low + kept * step, kept + 1)
        places = [x(float(place)) for place in (ends[:-1] + ends[1:]) / 2]
        tallest = max(float(curves.max()), 1.0)
        heights = (lane - 9) * curves / tallest
        apart = [s["sample_id"] in batch["outliers"] for s in held]
        if len(held) > CURVES:
            band = np.quantile(heights, [0.05, 0.5, 0.95], axis=0)
            body += element("path", d=_band(places, band, base), fill=colour, opacity=0.25)
            body += _curve(places, band[1], base, colour)
            shown = [h for h, out in zip(heights, apart, strict=True) if out][:NAMED]
            body += "".join(_curve(places, h, base, VERMILLION) for h in shown)
        else:
            for height, out in zip(heights, apart, strict=True):
                body += _curve(places, height, base, VERMILLION if out else colour)
    body += element("path", d=f"M{left:g} {base:g}h{width:g}", stroke=GREY, stroke_width=0.6)
    placed = [_place(s) for s in batch["specimens"] if s["cut"] is not None]
    ticks = sorted({round(x(place), 1) for place in placed or map(axis.place, batch["cuts"])})
    if len(ticks) > TICKS:
        chosen = np.linspace(0, len(ticks) - 1, TICKS).astype(int).tolist()
        ticks = [ticks[n] for n in chosen]
    path = "".join(f"M{tick:g} {base + 1:g}v-7" for tick in ticks)
    return body + (element("path", d=path, stroke=INK, stroke_width=1.2) if path else "")


def _curve(places: list[float], heights: np.ndarray, base: float, colour: str) -> str:
    path = _points(places, heights, base)
    return (
        element("path", d=f"M{path}", fill="none", stroke=colour, stroke_width=1.1) if path else ""
    )


def _points(places: list[float], heights: np.ndarray, base: float, *, back: bool = False) -> str:
    """Return the points of a curve where it stands above its base, and one beside them."""
    above = np.flatnonzero(heights > 0.15)
    if not len(above):
        return ""
    order = range(max(0, above[0] - 1), min(len(places), above[-1] + 2))
    return "L".join(
        f"{places[n]:.0f} {base - heights[n]:.1f}" for n in (reversed(order) if back else order)
    )


def _band(places: list[float], band: np.ndarray, base: float) -> str:
    upper = _points(places, band[2], base)
    lower = _points(places, band[0], base, back=True)
    return f"M{'L'.join(part for part in (upper, lower) if part)}z"


def _cells(specimens: list[dict]) -> str:
    names = sorted({s["population"] for s in specimens})
    return ", ".join("all events" if n == "root" else n.replace("_", " ") for n in names)


def _note(item: dict) -> list[str]:
    """Return what the chart shows, the outliers by name, and specimens that have no curve."""
    specimens = [s for batch in item["batches"] for s in batch["specimens"]]
    said = [f"cells: {_cells(specimens)}"]
    apart = [name for batch in item["batches"] for name in batch["outliers"]]
    if apart:
        more = f" and {len(apart) - NAMED} more" if len(apart) > NAMED else ""
        said.append(f"apart from their batch: {', '.join(apart[:NAMED])}{more}")
    few = [s["sample_id"] for s in specimens if not s["shares"]]
    if few:
        more = f" and {len(few) - NAMED} more" if len(few) > NAMED else ""
        said.append(f"too few cells for a curve: {', '.join(few[:NAMED])}{more}")
    if len({f"{s['unit']:.4g}" for s in specimens}) > 1:
        said.append("detectors of different ranges: curves by share of the range")
    return said
