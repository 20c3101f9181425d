"""The same gates with cuts by the usual automatic methods, for comparison only.

Each is written from its description: a two-component Gaussian mixture, cut where both components
are equally likely; and the lowest density between the two highest peaks of a kernel estimate
(mindensity: kernel of twice the nrd0 width, 512 points; with one peak, the lowest point).
"""

import numpy as np

from aftercar.cytometry.cuts import Cut
from aftercar.cytometry.gates import Gating

MIXTURE_EVENTS = 20_000  # that a mixture is fitted to, evenly taken


def mixture_cut(values: np.ndarray) -> float:
    """Return where two fitted normal distributions are equally likely, between their centres."""
    from sklearn.mixture import GaussianMixture

    sample = values[:: max(1, len(values) // MIXTURE_EVENTS)].astype(np.float64)[:, None]
    model = GaussianMixture(2, random_state=0).fit(sample)
    low, high = np.sort(model.means_.ravel())
    between = np.linspace(low, high, 500)
    upper = int(model.means_.ravel().argmax())
    share = model.predict_proba(between[:, None])[:, upper]
    return float(between[int((share >= 0.5).argmax())])


def lowest_density_cut(values: np.ndarray) -> float:
    """Return the lowest point of a kernel density between its two highest peaks."""
    quartiles = np.subtract(*np.quantile(values, [0.75, 0.25])) / 1.349
    width = 2 * 0.9 * min(values.std(), quartiles or values.std()) * len(values) ** -0.2
    width = max(float(width), 1e-3)
    at = np.linspace(values.min() - 3 * width, values.max() + 3 * width, 512)
    step = at[1] - at[0]
    counts = np.bincount(((values - at[0]) / step).astype(int).clip(0, 511), minlength=512)
    reach = int(np.ceil(4 * width / step))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) * step / width) ** 2)
    height = np.convolve(counts, kernel, mode="same")
    inner = (height[1:-1] > height[:-2]) & (height[1:-1] >= height[2:])
    peaks = np.flatnonzero(inner) + 1
    if len(peaks) < 2:
        return float(at[int(height.argmin())])
    first, second = np.sort(peaks[np.argsort(height[peaks])[-2:]])
    return float(at[first + int(height[first : second + 1].argmin())])


class UsualGating(Gating):
    """The gates of a template with every cut above negatives placed by one of these methods."""

    method = staticmethod(mixture_cut)

    def cut(self, name: str) -> Cut | None:
        """Return a cut placed on the population that it divides, whatever controls say."""
        rule = self.template.cuts[name]
        channel = self.ready.panel.channel.get(rule.marker)
        if name in self.cuts or channel is None or not rule.method.startswith("above_"):
            return super().cut(name)
        if rule.method == "above_positives":
            return super().cut(name)
        within = self.gate(rule.within).mask
        values = self.ready.ordered_folds(channel, within) if within is not None else np.empty(0)
        if len(values) < 20:
            self.cuts[name] = Cut(name, rule.marker, channel, None, "NONE", flags=("too few",))
        else:
            place = self.ready.scales[channel].back(self.method(values))
            self.cuts[name] = Cut(name, rule.marker, channel, place, "DATA")
        return self.cuts[name]


class LowestDensityGating(UsualGating):
    """Cuts at density minima."""

    method = staticmethod(lowest_density_cut)
