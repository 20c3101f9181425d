"""Events and borders for the gate plots: few enough for a page, the same in every run."""

import numpy as np

from aftercar.cytometry.gates import Gating

MOST_EVENTS = 1500


def view_rows(gating: Gating, sample_id: str) -> list[dict[str, object]]:
    """Return rows of GATE_VIEWS: at most 1,500 events and the outline of the gate per plot.

    A plot whose markers or gates the file cannot give is left out. Scatter is linear / 1000,
    fluorescence in arcsinh units.
    """
    rows: list[dict[str, object]] = []
    number = 0
    channel = gating.ready.panel.channel
    for view in gating.template.views:
        parent, gate = gating.gate(view["parent"]), gating.gate(view["gate"])
        if view["x"] not in channel or view["y"] not in channel:
            continue
        if parent.mask is None or gate.mask is None or not parent.mask.any():
            continue
        number += 1
        axes = [_axis(gating, view[key]) for key in ("x", "y")]
        index = np.flatnonzero(parent.mask)
        shown = index[np.unique(np.linspace(0, len(index) - 1, MOST_EVENTS).astype(int))]
        shared = {
            "sample_id": sample_id,
            "view": number,
            "gate": view["gate"],
            "parent": view["parent"],
            "x_label": view["x"],
            "y_label": view["y"],
        }
        x, y = (axis[shown] for axis in axes)
        rows += [
            shared | {"kind": "event", "x": float(a), "y": float(b), "inside": int(c)}
            for a, b, c in zip(x, y, gate.mask[shown], strict=True)
        ]
        rows += [
            shared | {"kind": "outline", "x": a, "y": b, "inside": 0}
            for a, b in _outline(gating, view, x, y)
        ]
    return rows


def _axis(gating: Gating, marker: str) -> np.ndarray:
    channel = gating.ready.panel.channel[marker]
    if marker.startswith(("FSC", "SSC", "Time")):
        return gating.ready.values[:, channel] / 1000
    return gating.ready.folds(channel)


def _outline(
    gating: Gating, view: dict[str, str], x: np.ndarray, y: np.ndarray
) -> list[tuple[float, float]]:
    """Corners of the rectangle that the gate cuts out of the plot; none without one rectangle."""
    placed = gating.gate(view["gate"]).placed
    if placed is None or len(placed.alternatives) != 1:
        return []
    limits = []
    for marker, shown in ((view["x"], x), (view["y"], y)):
        low, high = float(shown.min()), float(shown.max())
        channel = gating.ready.panel.channel[marker]
        for bound in placed.alternatives[0]:
            if bound.channel == channel and bound.over is None:
                low = low if bound.low is None else _place(gating, marker, bound.low)
                high = high if bound.high is None else _place(gating, marker, bound.high)
        limits.append((low, high))
    (left, right), (bottom, top) = limits
    return [(left, bottom), (right, bottom), (right, top), (left, top), (left, bottom)]


def _place(gating: Gating, marker: str, value: float) -> float:
    if marker.startswith(("FSC", "SSC", "Time")):
        return value / 1000
    return float(gating.ready.scales[gating.ready.panel.channel[marker]].forward(value))
