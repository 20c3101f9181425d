"""The scale on which cuts are placed and plots are drawn; counts need none of it."""

from dataclasses import dataclass

import numpy as np

DECADE_UNIT = 1 / np.log(10)  # an e-fold in decades
CHANNEL_UNIT = 4096 / (4.5 * np.log(10))  # an e-fold in channels of a 4.5-decade display


@dataclass(frozen=True)
class Scale:
    """Turns stored values into e-folds and back.

    arcsinh(x / cofactor) for linear data: e-folds for bright signals, linear near zero
    (Finak 2010, 10.1186/1471-2105-11-546, compares such scales). `linear` holds data that were
    exported on a display scale already: x / unit, where a unit is about one e-fold.
    """

    cofactor: float
    linear: bool = False

    def forward(self, values: np.ndarray | float) -> np.ndarray:
        """Return e-folds, as precise as the values are."""
        share = np.asarray(values) / self.cofactor
        return share if self.linear else np.arcsinh(share)

    def back(self, place: float) -> float:
        """Return the stored unit of a place, with 6 digits: what tables and gates then share."""
        value = place if self.linear else float(np.sinh(np.clip(place, -40, 40)))
        return float(f"{value * self.cofactor:.6g}")


def scale_of(full_scale: float, largest: float, *, share: float, transformed: bool) -> Scale:
    """Return the scale of a channel from its range and largest value.

    `share` of the range is the arcsinh cofactor. Values on a display scale are decades (up to some
    4.5) or channels (up to some 4,100, 4.5 decades): the unit makes an e-fold of either, whatever
    the brightest event of the file is.
    """
    if transformed:
        return Scale(DECADE_UNIT if largest < 20 else CHANNEL_UNIT, linear=True)
    return Scale(max(full_scale, largest, 1.0) * share)
