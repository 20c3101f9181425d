"""Which cells carry a variant, and the share of cells that do: dropout, doublets, errors."""

from dataclasses import dataclass
from itertools import product

import numpy as np

from aftercar.stats.beta_binomial import log_probability
from aftercar.stats.intervals import clopper_pearson_interval

# Share of variant reads up to which a cell shows one allele only, and from which only the other
# (defaults of missionbio mosaic: vaf_ref, vaf_hom).
HOMOZYGOUS_SHARES = (0.05, 0.95)
MAX_DROPOUT = 0.45  # beyond it one allele is lost more often than both are seen
CHI2_95 = 3.841  # 95 % point of the chi-squared distribution with one degree of freedom
SHOWN_RATIO = 20.0  # likelihood ratio from which a cell by itself shows the variant: 95 % at evens
# Chance that errors alone make as many cells show a variant as are asked for to detect a clone.
FALSE_CLONE = 0.01
DETECTED = 0.95
# The limit holds for all hypotheses but the tenth of which carriers show least (by the priors).
LEAST_VISIBLE = 0.1
_NO_DISPERSION = 0.0
_SHARES = np.concatenate([[0.0], np.logspace(-5, np.log10(0.05), 120), np.linspace(0.055, 1, 190)])
HYPOTHESES = 140  # combinations of properties that the second look compares
NARROW = 1e-4  # hypotheses less likely than this, beside the best one, are left out
_DEPTHS_TRIED = 40  # different depths for which it is worked out what a cell would show
_NEGLIGIBLE = 1e-7  # posterior weights below this add nothing that is printed


@dataclass(frozen=True, eq=False)
class Axis:
    """Values that one property of carriers may have, with their density before the data."""

    values: np.ndarray
    density: np.ndarray

    def around(self, weights: np.ndarray, points: int) -> "Axis":
        """Return the axis narrowed to where `weights` lie, with evenly spaced points."""
        near = np.flatnonzero(weights > NARROW * weights.max())
        low = self.values[max(near[0] - 1, 0)]
        high = self.values[min(near[-1] + 1, len(self.values) - 1)]
        values = np.linspace(low, high, points)
        return Axis(values, np.interp(values, self.values, self.density))

    @property
    def weights(self) -> np.ndarray:
        """Probability of each value before the data."""
        spread = np.gradient(self.values) if len(self.values) > 1 else np.ones(1)
        return self.density * spread / (self.density * spread).sum()


@dataclass(frozen=True, eq=False)
class Assumptions:
    """What cells show of what they carry; see resources/singlecell/genotyping.yaml.

    `axes` span the ways in which carriers may behave: for RNA mean share and dispersion, for DNA
    dropout, dispersion and share of homozygous carriers. `error` is the chance that a reference
    molecule shows the variant, `doublets` the share of barcodes that hold two cells. `dropout` was
    measured at `dropout_sites`; None: not measured.
    """

    axes: tuple[Axis, ...]
    error: float
    doublets: float
    is_dna: bool
    min_wild_type: int
    depth_used: int | None = None
    dropout: float | None = None
    dropout_sites: int = 0


@dataclass(frozen=True, eq=False)
class Clone:
    """What each cell carries (probabilities), and the share of cells that carry the variant.

    `posterior` is the probability that a barcode holds a cell with the variant, `homozygous` that
    all its cells lost the reference allele (DNA only, else zeros). `showing` marks the cells that
    show the variant by themselves, `needed` is how many of them errors do not explain.
    """

    posterior: np.ndarray
    homozygous: np.ndarray
    showing: np.ndarray
    needed: int
    fraction: float
    low: float
    high: float
    detectable_fraction: float | None


def rna_assumptions(prior: dict, error: float, doublets: float) -> Assumptions:
    """Return the assumptions for molecules of RNA from the `rna` part of the priors."""
    axes = (_axis(prior["alternative_share"]), _axis(prior["dispersion"]))
    return Assumptions(axes, error, doublets, False, prior["min_molecules_wild_type"]["value"])


def dna_assumptions(
    prior: dict, error: float, doublets: float, measured: tuple[float, float, float, int] | None
) -> Assumptions:
    """Return the assumptions for reads of DNA from the `dna` part of the priors.

    `measured` is the dropout of an allele at heterozygous sites of the same file with its interval
    and the number of sites; None: the values of the priors are all possible.
    """
    dropout = _axis(prior["dropout"])
    if measured is not None:
        points = np.linspace(measured[1], measured[2], len(dropout.values))
        dropout = Axis(points, np.ones(len(points)))
    return Assumptions(
        (dropout, _axis(prior["dispersion"]), _axis(prior["homozygous_share"])),
        error,
        doublets,
        True,
        prior["min_depth_wild_type"]["value"],
        prior["depth_used"]["value"],
        None if measured is None else measured[0],
        0 if measured is None else measured[3],
    )


def _axis(prior: dict) -> Axis:
    return Axis(np.array(prior["values"], float), np.array(prior["weights"], float))


def _grid(axes: tuple[Axis, ...]) -> tuple[list[tuple[float, ...]], np.ndarray]:
    """Every combination of values, and its probability before the data."""
    hypotheses = list(product(*(axis.values.tolist() for axis in axes)))
    weights = np.array([float(np.prod(w)) for w in product(*(axis.weights for axis in axes))])
    return hypotheses, weights


def measured_dropout(
    sites: list[tuple[np.ndarray, np.ndarray]], prior: dict
) -> tuple[float, float, float, int] | None:
    """Return the dropout of one allele with its interval, and the number of sites it rests on.

    `sites` are variant and all reads of each cell at sites that may be heterozygous in the
    germline; used are those that most cells show as heterozygous. The rarer of both homozygous
    kinds is all dropout; the other one may be a loss of heterozygosity. None: no such site.
    """
    low_share, high_share = HOMOZYGOUS_SHARES
    found = []
    for alt, total in sites:
        deep = total >= prior["min_depth_wild_type"]["value"]
        share = alt[deep] / total[deep]
        cells = len(share)
        reference, homozygous = int((share <= low_share).sum()), int((share >= high_share).sum())
        wanted = prior["heterozygous_site"]
        heterozygous = cells - reference - homozygous
        if cells >= max(wanted["min_cells"], 1) and (
            heterozygous >= wanted["min_heterozygous_cells"] * cells
        ):
            found.append((min(reference, homozygous), cells))
    if not found:
        return None
    rates = [clopper_pearson_interval(lost, cells) for lost, cells in found]
    lost, cells = (sum(part) for part in zip(*found, strict=True))
    # sites differ in dropout: the interval holds the usual site, not the mean
    low, high = min(rate[0] for rate in rates), max(rate[1] for rate in rates)
    return lost / cells, low, min(high, MAX_DROPOUT), len(found)


def infer_clone(alt: np.ndarray, total: np.ndarray, assumptions: Assumptions) -> Clone:
    """Return what each cell carries, from its variant molecules (or reads) and all of them.

    Every barcode holds one cell, or two at the expected rate of doublets; a cell carries the
    variant with the probability that is sought. The likelihood of that share is averaged over all
    hypotheses; its maximum is the share and the points within 1.92 of it are the 95 % interval.
    Het by dropout D, per-allele: (1 - 2D) BetaBin(1/2) + D Bin(error) + D Bin(1 - error).
    """
    covered = total > 0
    nothing = np.zeros(len(total))
    if not covered.any():  # all shares are alike: one half
        return Clone(nothing + 0.5, nothing, covered, 1, float("nan"), 0.0, 1.0, None)
    used = np.stack([alt[covered], total[covered]])
    if assumptions.depth_used:
        share = np.minimum(assumptions.depth_used / used[1], 1)
        used = np.round(used * share).astype(np.int64)
    pairs, cell = np.unique(used, axis=1, return_inverse=True)
    cell = cell.ravel()
    times = np.bincount(cell)
    first = _explain(pairs, times, assumptions, assumptions.axes, _SHARES[::4])
    showing = first.weights @ first.carrier >= SHOWN_RATIO * first.reference
    needed, detectable = _detection(pairs[1], times, assumptions)
    # a second, finer look at the hypotheses that the data leave
    shape = [len(axis.values) for axis in assumptions.axes]
    left = np.exp(first.ln_joint - first.ln_joint.max()).max(axis=1).reshape(shape)
    points = round(HYPOTHESES ** (1 / len(shape)))
    axes = tuple(
        axis.around(left.max(axis=tuple(n for n in range(len(shape)) if n != number)), points)
        for number, axis in enumerate(assumptions.axes)
    )
    found = _explain(pairs, times, assumptions, axes, _SHARES)
    joint = np.exp(found.ln_joint - found.ln_joint.max())
    profile = np.log(np.maximum(joint.sum(axis=0), 1e-300))
    best = int(profile.argmax())
    low, high = _interval(2 * (profile[best] - profile) - CHI2_95, best)
    # all shares from 0 to 1 alike before the data: the points lie unevenly
    joint *= np.gradient(_SHARES)
    joint /= joint.sum()
    posterior, hom = _posteriors(joint, found, assumptions.doublets)
    everywhere = [nothing.copy() for _ in range(3)]
    for values, known in zip(everywhere, (posterior, hom, showing), strict=True):
        values[covered] = known[cell]
    middle = float(joint.sum(axis=0) @ _SHARES)
    everywhere[0][~covered] = middle
    return Clone(
        everywhere[0],
        everywhere[1],
        everywhere[2] > 0,
        needed,
        float(_SHARES[best]),
        low,
        high,
        detectable,
    )


@dataclass(frozen=True, eq=False)
class _Explained:
    """Likelihoods by hypothesis (rows) and pair, up to a factor by pair; ln_joint by share."""

    weights: np.ndarray
    reference: np.ndarray
    carrier: np.ndarray
    mixed: np.ndarray
    homozygous: np.ndarray
    ln_joint: np.ndarray


def _explain(
    pairs: np.ndarray,
    times: np.ndarray,
    assumptions: Assumptions,
    axes: tuple[Axis, ...],
    shares: np.ndarray,
) -> _Explained:
    hypotheses, weights = _grid(axes)
    ln_reference, ln_carrier, ln_mixed, homozygous = _likelihoods(pairs, assumptions, hypotheses)
    # relative to what explains each pair best, so that nothing underflows
    top = np.maximum(ln_reference, np.maximum(ln_carrier, ln_mixed).max(axis=0))
    reference, carrier = np.exp(ln_reference - top), np.exp(ln_carrier - top)
    mixed = np.exp(ln_mixed - top)
    ln_joint = np.empty((len(weights), len(shares)))
    for number in range(len(weights)):
        cells = _mixture(
            shares[:, None], reference, carrier[number], mixed[number], assumptions.doublets
        )
        ln_joint[number] = np.log(np.maximum(cells, 1e-300)) @ times + np.log(weights[number])
    return _Explained(weights, reference, carrier, mixed, homozygous, ln_joint)


def _interval(excess: np.ndarray, best: int) -> tuple[float, float]:
    """Find where `excess` crosses zero on both sides of the best share, between the points."""
    limits = []
    for side in (slice(best, None, -1), slice(best, None)):
        shares, values = _SHARES[side], excess[side]
        outside = np.flatnonzero(values > 0)
        if not len(outside):
            limits.append(float(shares[-1]))
            continue
        at = int(outside[0])
        part = values[at] / (values[at] - values[at - 1])
        limits.append(float(shares[at] + part * (shares[at - 1] - shares[at])))
    return limits[0], limits[1]


def _mixture(
    share: np.ndarray,
    reference: np.ndarray,
    carrier: np.ndarray,
    mixed: np.ndarray,
    doublets: float,
) -> np.ndarray:
    """Likelihood of barcodes by share of carriers: one cell, or two of equal or unequal kind."""
    one = share * carrier + (1 - share) * reference
    two = share**2 * carrier + 2 * share * (1 - share) * mixed + (1 - share) ** 2 * reference
    return (1 - doublets) * one + doublets * two


def _likelihoods(
    pairs: np.ndarray, assumptions: Assumptions, hypotheses: list[tuple[float, ...]]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return ln likelihoods of a reference cell, of a carrier and of a doublet of both.

    The reference by pair, the others by hypothesis and pair; last the probability that a carrier is
    homozygous.
    """
    alt, total = pairs
    error = assumptions.error
    reference = log_probability(alt, total, error, _NO_DISPERSION)
    carrier, mixed, homozygous = [], [], []
    if not assumptions.is_dna:
        for mean, dispersion in hypotheses:
            carrier.append(log_probability(alt, total, mean, dispersion))
            mixed.append(log_probability(alt, total, mean / 2, dispersion))
        return reference, np.array(carrier), np.array(mixed), np.zeros((len(carrier), len(alt)))
    lost = log_probability(alt, total, error, _NO_DISPERSION)
    only = log_probability(alt, total, 1 - error, _NO_DISPERSION)
    shares = {(m, r): log_probability(alt, total, m, r)
              for m in (1 / 4, 1 / 3, 1 / 2)
              for r in {hypothesis[1] for hypothesis in hypotheses}}  # fmt: skip
    for dropout, r, hom in hypotheses:
        het = _sum((1 - 2 * dropout, shares[1 / 2, r]), (dropout, lost), (dropout, only))
        # of the four alleles of a doublet one is the variant, and one may be lost
        beside_het = _sum(
            (1 - 2 * dropout, shares[1 / 4, r]), (dropout, lost), (dropout, shares[1 / 3, r])
        )
        either = _sum((1 - hom, het), (hom, only))
        carrier.append(either)
        mixed.append(_sum((1 - hom, beside_het), (hom, shares[1 / 2, r])))
        homozygous.append(np.exp(np.log(max(hom, 1e-300)) + only - either))
    return reference, np.array(carrier), np.array(mixed), np.array(homozygous)


def _sum(*parts: tuple[float, np.ndarray]) -> np.ndarray:
    """Ln of a sum of weighted likelihoods that are given as ln."""
    terms = np.array([np.log(max(weight, 1e-300)) + ln for weight, ln in parts])
    top = terms.max(axis=0)
    return top + np.log(np.exp(terms - top).sum(axis=0))


def _posteriors(
    joint: np.ndarray, found: _Explained, doublets: float
) -> tuple[np.ndarray, np.ndarray]:
    """Probability of each pair to hold a carrier, and only homozygous carriers."""
    mutant, all_hom = np.zeros(len(found.reference)), np.zeros(len(found.reference))
    for number in np.flatnonzero(joint.sum(axis=1) > _NEGLIGIBLE):
        points = np.flatnonzero(joint[number] > _NEGLIGIBLE)
        share, weight = _SHARES[points][:, None], joint[number, points][:, None]
        carrier = found.carrier[number]
        whole = _mixture(share, found.reference, carrier, found.mixed[number], doublets)
        alone = (1 - doublets) * share + doublets * share**2
        none = (1 - doublets) * (1 - share) + doublets * (1 - share) ** 2
        mutant += (weight * (1 - none * found.reference / whole)).sum(axis=0)
        all_hom += (weight * alone * carrier * found.homozygous[number] / whole).sum(axis=0)
    return np.clip(mutant, 0, 1), np.clip(all_hom, 0, 1)


def _detection(
    totals: np.ndarray, times: np.ndarray, assumptions: Assumptions
) -> tuple[int, float | None]:
    """Cells that must show the variant, and the smallest share at which so many do (95 %).

    Carriers are taken to show it as seldom as the least visible tenth of the hypotheses: an average
    would promise what a decaying transcript does not keep. A cell shows it or not by itself
    (`SHOWN_RATIO`); their number is Poisson, which is more spread than it is, so the limit errs on
    the side of caution. None: not even if all cells carry it.
    """
    from scipy.special import gammainc, gammaincinv

    hypotheses, weights = _grid(assumptions.axes)
    depths, cells = np.unique(totals, return_inverse=True)
    if len(depths) > _DEPTHS_TRIED:  # rounded down, which shows less
        steps = np.quantile(totals, np.linspace(0, 1, _DEPTHS_TRIED), method="lower")
        steps = np.unique(steps)
        rounded = steps[np.searchsorted(steps, totals, side="right") - 1]
        depths, cells = np.unique(rounded, return_inverse=True)
    number = np.bincount(cells.ravel(), weights=times)
    # every count that a cell of each depth can show
    pairs = np.concatenate(
        [np.stack([np.arange(n + 1), np.full(n + 1, n)]) for n in depths.tolist()], axis=1
    )
    ln_reference, ln_carrier, _, _ = _likelihoods(pairs, assumptions, hypotheses)
    average = _sum(*zip(weights, ln_carrier, strict=True))
    shows = average - ln_reference >= np.log(SHOWN_RATIO)
    of_depth = number[np.searchsorted(depths, pairs[1])]
    false = float((of_depth * np.exp(ln_reference))[shows].sum())
    true = _lower_quantile((of_depth * np.exp(ln_carrier))[:, shows].sum(axis=1), weights)
    needed = 1
    while gammainc(needed, false) > FALSE_CLONE:  # P(Poisson >= needed)
        needed += 1
    # the mean at which a Poisson number reaches `needed` in 95 %
    mean = float(gammaincinv(needed, DETECTED))
    share = (mean - false) / (true - false) if true > false else np.inf
    return needed, share if share <= 1 else None


def _lower_quantile(values: np.ndarray, weights: np.ndarray) -> float:
    """Smallest value that at least `LEAST_VISIBLE` of the weight does not exceed."""
    order = np.argsort(values)
    reached = np.cumsum(weights[order]) >= LEAST_VISIBLE * weights.sum()
    return float(values[order][reached.argmax()])
