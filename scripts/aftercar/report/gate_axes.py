"""Axes of gate plots: where a linear value stands, and which ticks say so."""

import math
from dataclasses import dataclass

from aftercar.report.numbers import SUPERSCRIPTS

DECADES = (-1e4, -1e3, 0.0, 1e3, 1e4, 1e5, 1e6, 1e7)


@dataclass(frozen=True)
class GateAxis:
    """An axis of GATE_VIEWS or CUT_DENSITIES: scale, its unit, and both ends in linear units."""

    label: str
    scale: str
    unit: float
    low: float
    high: float

    @classmethod
    def of(cls, row: dict, name: str) -> "GateAxis":
        """Return the axis `name` (x or y) of a row of GATE_VIEWS."""
        return cls(row[name], *(row[f"{name}_{part}"] for part in ("scale", "unit", "low", "high")))

    def place(self, value: float) -> float:
        """Return a linear value in units of the axis."""
        share = value / self.unit
        return math.asinh(share) if self.scale == "arcsinh" else share

    def share(self, value: float) -> float:
        """Return where a linear value stands, from 0 (low end) to 1; beyond the ends: the end."""
        low, high = self.place(self.low), self.place(self.high)
        return min(max((self.place(value) - low) / (high - low), 0.0), 1.0)

    def inside(self, value: float) -> bool:
        """Return whether a linear value lies between the ends."""
        return self.low <= value <= self.high

    def ticks(self) -> list[tuple[float, str]]:
        """Return (share, label): 0, 10³, 10⁴, 10⁵ on an arcsinh axis, round steps on others."""
        if self.scale == "arcsinh":
            values = self._apart([v for v in DECADES if self.inside(v)])
            return [(self.share(value), _decade(value)) for value in values]
        step = _round_step((self.high - self.low) / 3)
        first = math.ceil(self.low / step - 1e-9)
        values = [n * step for n in range(first, math.floor(self.high / step + 1e-9) + 1)]
        return [(self.share(value), _short(value)) for value in values]

    def _apart(self, values: list[float]) -> list[float]:
        """Leave out ticks that stand so close to the one before that labels would touch."""
        kept: list[float] = []
        for value in sorted(values, key=lambda v: (v != 0, v < 0, abs(v))):
            if all(abs(self.share(value) - self.share(other)) > 0.12 for other in kept):
                kept.append(value)
        return sorted(kept)

    @property
    def scale_words(self) -> str:
        """Return what kind of axis it is, in words."""
        return {
            "arcsinh": "arcsinh of linear units",
            "linear": "linear",
            "display": "display scale of the file",
        }[self.scale]


def _decade(value: float) -> str:
    if value == 0:
        return "0"
    sign = "\N{MINUS SIGN}" if value < 0 else ""
    return f"{sign}10{str(round(math.log10(abs(value)))).translate(SUPERSCRIPTS)}"


def _round_step(span: float) -> float:
    power = 10.0 ** math.floor(math.log10(span))
    return next(s for s in (1, 2, 2.5, 5, 10) if s * power >= span * 0.999) * power


def _short(value: float) -> str:
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{letter}".replace("-", "\N{MINUS SIGN}")
    return f"{value:g}".replace("-", "\N{MINUS SIGN}")
