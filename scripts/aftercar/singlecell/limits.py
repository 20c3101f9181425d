"""How large a clone without an antigen must be to show in a specimen, from its cells and depth."""

import math
from dataclasses import dataclass

import numpy as np

from aftercar.singlecell.antigen_loss import Interval
from aftercar.stats.negative_binomial import (
    negative_binomial_cdfs,
    negative_binomial_upper_limits,
    upper_limits_of_ratio,
)

_Z_95 = 1.959964
# Middles of nine equally likely parts of the standard normal distribution.
_REFERENCE_DRAWS = np.array([-1.593, -0.967, -0.589, -0.282, 0.0, 0.282, 0.589, 0.967, 1.593])
# Points and weights that give the first five moments of the standard normal distribution.
_CONTROL_DRAWS = np.array([-1.732051, 0.0, 1.732051])
_CONTROL_WEIGHTS = np.array([1 / 6, 2 / 3, 1 / 6])
_COUNTS = 64
_SIZES_PER_DECADE = 12


@dataclass(frozen=True)
class CloneSearch:
    """What decides whether a clone without the antigen would be called in cells of one kind.

    `level` and `background` are rates per unit of exposure with limits; `controls` holds molecules
    per cell and overdispersion of the control genes that the reference carries. It rests on
    `reference_cells` of the `cells` (`reference_within`), which dwindle as the clone grows, or on
    others. `p_value` is what a comparison must reach after allowing for all of the specimen.
    """

    cells: int
    mean_exposure: float
    overdispersion: float
    level: Interval
    background: Interval
    controls: tuple[tuple[Interval, float], ...]
    reference_within: bool
    reference_cells: int
    stage_matched: bool
    p_value: float
    depth_variation: float  # squared coefficient of variation of the exposure of a cell
    control_molecules: float
    controls_kept: float
    basis: str = "rna"

    def power(self, number: int, bound: float) -> float:
        """Return the chance that a clone of `number` cells is called below `bound`.

        Its molecules are ambient RNA alone. The chance is an average over what the level of the
        reference and the control genes of the clone may turn out to be.
        """
        left = max(self.cells - number, 1) if self.reference_within else self.reference_cells
        wider = (self.reference_cells / left) ** 0.5
        exposure = number * self.mean_exposure
        of_controls = self._control_spread(number) if number else math.inf
        if self.level[0] <= 0 or not math.isfinite(of_controls):
            return 0.0
        allowance = np.minimum(1.0, 1 + _CONTROL_DRAWS * of_controls)
        level, low, high = self.level
        spread = wider * (high - low) / (2 * _Z_95 * level)
        # a clone of deep or shallow cells makes as much difference as a reference that is off
        around = math.hypot(spread, (self.depth_variation / number) ** 0.5)
        drawn = np.maximum(level * (1 + _REFERENCE_DRAWS * around), 0.0)
        # few molecules make a short lower arm: both arms follow what was drawn
        drawn_low = drawn - wider * (level - low) * np.sqrt(drawn / level)
        alpha = self.overdispersion * (1 + self.depth_variation) / number
        mean = self.background[0] * exposure
        top = int(mean + 6 * math.sqrt(mean + alpha * mean**2) + 10)
        counts = np.unique(np.linspace(0, top, _COUNTS).astype(np.int64))
        called = self._called(counts, exposure, alpha, drawn, drawn_low, spread, bound * allowance)
        kept = (allowance >= self.controls_kept)[None, :]
        largest = np.where(called, counts[:, None, None], -1).max(axis=0)
        chance = np.where(
            (largest >= 0) & kept,
            negative_binomial_cdfs(np.maximum(largest, 0), np.array(max(mean, 1e-12)), alpha),
            0.0,
        )
        return float(chance.mean(axis=0) @ _CONTROL_WEIGHTS)

    def _called(
        self,
        counts: np.ndarray,
        exposure: float,
        alpha: float,
        level: np.ndarray,
        level_low: np.ndarray,
        spread: float,
        bounds: np.ndarray,
    ) -> np.ndarray:
        """Return for each count, level and bound whether the clone is called."""
        ambient, ambient_low, _ = self.background
        rate = counts / exposure
        rate_high = negative_binomial_upper_limits(counts, alpha) / exposure
        above = np.maximum(rate - ambient, 0.0)
        above_high = rate - ambient + np.hypot(rate_high - rate, ambient - ambient_low)
        sure = level_low > 0
        ratio = upper_limits_of_ratio(
            above[:, None], np.maximum(above_high, 0.0)[:, None], level[None, :],
            np.where(sure, level_low, 1.0)[None, :],
        )  # fmt: skip
        means = (level + ambient) * exposure
        extra = alpha + (spread * level * exposure / np.maximum(means, 1e-12)) ** 2
        p_values = negative_binomial_cdfs(
            counts[:, None], np.maximum(means, 1e-12)[None, :], extra[None, :]
        )
        low = sure[None, :] & (p_values < self.p_value)
        return low[:, :, None] & (np.asarray(ratio)[:, :, None] < bounds[None, None, :])

    def _control_spread(self, number: int) -> float:
        """Return the standard error of the median control ratio; infinite if it needs more cells.

        That of the median is 1.25 times that of the mean.
        """
        variances = [
            1 / (level[0] * number)
            + alpha / number
            + ((level[2] - level[1]) / (2 * _Z_95 * level[0])) ** 2
            for level, alpha in self.controls
            if level[0] * number >= self.control_molecules
        ]
        if len(variances) < 2:
            return math.inf
        return 1.2533 * math.sqrt(sum(variances)) / len(variances)

    def smallest(self, bound: float, *, minimum_cells: int, sensitivity: float) -> int | None:
        """Return the smallest clone that is called below `bound` with the chance `sensitivity`.

        None: not even the best size. The chance first rises with the size and falls again where
        hardly any reference cells are left.
        """
        if self.cells < minimum_cells:
            return None
        number = max(2, int(_SIZES_PER_DECADE * math.log10(max(self.cells / minimum_cells, 1.1))))
        sizes = np.unique(np.geomspace(minimum_cells, self.cells, number + 2).astype(int))
        low = minimum_cells - 1
        for size in sizes:
            if self.power(int(size), bound) >= sensitivity:
                high = int(size)
                break
            low = int(size)
        else:
            return None
        low += 1
        while low < high:
            middle = (low + high) // 2
            enough = self.power(middle, bound) >= sensitivity
            low, high = (low, middle) if enough else (middle + 1, high)
        return low
