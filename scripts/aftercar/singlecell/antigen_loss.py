"""Has a sub-population lost an antigen? Rates of molecules against antigen-positive cells.

A single cell is never judged: in healthy blood four of five B cells show no molecule of CD19. The
molecules of a whole sub-population are compared with those of reference cells, with the depth of
each cell as offset, ambient RNA as background and an overdispersion taken from genes of similar
level.
"""

from dataclasses import dataclass

import numpy as np

from aftercar.stats.negative_binomial import (
    difference_interval,
    negative_binomial_cdf,
    negative_binomial_interval,
    ratio_interval,
)

Interval = tuple[float, float, float]
NOTHING: Interval = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Rate:
    """Molecules found in a group of cells, its exposure (depth / 10,000) and overdispersion.

    The sum over cells with one rate and overdispersion a is treated as one negative-binomial count
    of overdispersion a * sum(s ** 2) / sum(s) ** 2, which has the variance of the sum.
    """

    count: int
    exposure: float
    overdispersion: float
    cells: int

    def interval(self) -> Interval:
        """Return the rate per 10,000 molecules with its exact 95 % limits."""
        if self.exposure <= 0:
            return (float("nan"), 0.0, float("inf"))
        low, high = negative_binomial_interval(self.count, self.overdispersion)
        return self.count / self.exposure, low / self.exposure, high / self.exposure


@dataclass(frozen=True)
class Reference:
    """Levels above background that a sub-population is compared with, and where they come from.

    `level` and `controls` are rates per 10,000 molecules with limits. `stage_matched` is False
    where the reference cells may be more mature than what is compared: then a lower level proves
    little.
    """

    name: str
    level: Interval
    controls: dict[str, Interval]
    stage_matched: bool
    count: int


@dataclass(frozen=True)
class Finding:
    """The comparison of one sub-population with its reference; p_value is NaN without one.

    `control` is the median relative level of the control genes, `controls_low` the share of them
    that are surely below half.
    """

    umis: int
    expected: float
    ratio: Interval
    control: float
    p_value: float
    reference: str
    stage_matched: bool
    reason: str
    controls_low: float = 0.0


def rate_of(molecules: np.ndarray, exposure: np.ndarray, overdispersion: float) -> Rate:
    """Return the rate of a group of cells from each cell's molecules and exposure."""
    total = float(exposure.sum())
    shrink = float((exposure**2).sum()) / total**2 if total > 0 else 1.0
    return Rate(int(molecules.sum()), total, overdispersion * shrink, len(molecules))


def joined(rates: list[Rate]) -> Rate:
    """Return the rate of several groups together."""
    exposure = sum(rate.exposure for rate in rates)
    if exposure <= 0:
        return Rate(0, 0.0, 0.0, 0)
    spread = sum(rate.overdispersion * rate.exposure**2 for rate in rates) / exposure**2
    return Rate(
        sum(rate.count for rate in rates), exposure, spread, sum(rate.cells for rate in rates)
    )


def above_background(rate: Rate, background: Interval) -> Interval:
    """Return the rate without ambient molecules, with limits."""
    return difference_interval(rate.interval(), background)


def background_rate(
    molecules: np.ndarray, exposure: np.ndarray, without: np.ndarray, alpha: float, settings: dict
) -> tuple[Interval, str]:
    """Return the ambient rate with limits and a remark.

    `without` marks cells whose lineage does not carry the gene. With too few of these the rate is
    only bounded: between nothing and the allowed ambient share of the specimen's level.
    """
    if without.sum() >= settings["background_cells"]:
        return rate_of(molecules[without], exposure[without], alpha).interval(), ""
    bound = settings["ambient_bound"] * float(molecules.sum()) / max(float(exposure.sum()), 1e-9)
    return (0.0, 0.0, bound), "too few cells without the antigen: ambient RNA is only bounded"


def loss_p_value(rate: Rate, level: Interval, background: Interval, fraction: float) -> float:
    """Return P(so few molecules) if the level were `fraction` of the reference level.

    The uncertainty of the reference adds to the overdispersion (a gamma-distributed level).
    """
    mean = (fraction * level[0] + background[0]) * rate.exposure
    if mean <= 0:
        return 1.0
    spread = max(level[2] - level[1], 0.0) / (2 * 1.959964)
    relative = (fraction * spread * rate.exposure / mean) ** 2
    return negative_binomial_cdf(rate.count, mean, rate.overdispersion + relative)


def is_expressed(level: Interval, background: Interval, settings: dict) -> bool:
    """Tell whether reference cells carry the gene clearly: above nothing and well above ambient."""
    return level[1] > 0 and background[0] < settings["background_of_reference"] * level[0]


def antigen_positive(
    rates: dict[str, Rate], background: Interval, half: float, settings: dict
) -> list[str]:
    """Return the sub-populations with the antigen: the surest one and all not below half of it.

    The surest is the one with the highest lower limit. Empty where none is above background.
    """
    levels = {name: above_background(rate, background) for name, rate in rates.items()}
    expressed = [name for name in sorted(rates) if is_expressed(levels[name], background, settings)]
    if not expressed:
        return []
    best = max(expressed, key=lambda name: levels[name][1])
    return [
        name
        for name in sorted(rates)
        if name == best
        or loss_p_value(rates[name], levels[best], background, half) > settings["reference_p_value"]
    ]


def widened(level: Interval, variation: float) -> Interval:
    """Return the level with the extra uncertainty of another library (coefficient of variation)."""
    extra = 1.959964 * variation * level[0]
    return (
        level[0],
        max(level[0] - float(np.hypot(level[0] - level[1], extra)), 0.0),
        level[0] + float(np.hypot(level[2] - level[0], extra)),
    )


def control_ratio(
    rates: dict[str, Rate],
    reference: dict[str, Interval],
    background: dict[str, Interval],
    settings: dict,
) -> tuple[float, float]:
    """Return the median relative level of the control genes and the share surely below half.

    The median is NaN with fewer than two genes to compare. A gene is compared when the reference
    carries it clearly and enough molecules are expected.
    """
    ratios, low = [], 0
    for gene, rate in rates.items():
        level = reference.get(gene, NOTHING)
        expected = level[0] * rate.exposure
        if expected < settings["control_molecules"] or not is_expressed(
            level, background[gene], settings
        ):
            continue
        ratio, _, high = ratio_interval(above_background(rate, background[gene]), level)
        ratios.append(min(ratio, 2.0))
        low += high < settings["controls_kept"]
    if len(ratios) < 2:
        return float("nan"), 0.0
    return float(np.median(ratios)), low / len(ratios)


def compare(
    rate: Rate,
    controls: dict[str, Rate],
    reference: Reference,
    background: Interval,
    control_background: dict[str, Interval],
    settings: dict,
) -> Finding:
    """Return how a sub-population's level compares with its reference.

    The p-value is that of an unchanged level: how far the level is below is told by the ratio's
    limits.
    """
    control, low = control_ratio(controls, reference.controls, control_background, settings)
    return Finding(
        umis=rate.count,
        expected=(reference.level[0] + background[0]) * rate.exposure,
        ratio=ratio_interval(above_background(rate, background), reference.level),
        control=control,
        p_value=loss_p_value(rate, reference.level, background, 1.0),
        reference=reference.name,
        stage_matched=reference.stage_matched,
        reason="",
        controls_low=low,
    )


def judge(
    finding: Finding,
    q_value: float,
    *,
    lost_below: float,
    retained_above: float,
    false_discovery_rate: float,
    settings: dict,
) -> tuple[str, str]:
    """Return the status of a comparison and the reason where it is not plain.

    LOST and REDUCED need an upper limit (97.5 %, one-sided) below their bound, also after allowing
    for control genes that are lower, a q-value that rules out an unchanged level, and control genes
    that are kept. RETAINED needs a lower limit above its bound.
    """
    _, low, high = finding.ratio
    if not np.isfinite(finding.p_value):
        return "NOT_EVALUABLE", finding.reason
    if low > retained_above:
        return "RETAINED", ""
    allowance = min(1.0, finding.control) if np.isfinite(finding.control) else 1.0
    below = high < retained_above * allowance and q_value < false_discovery_rate
    if not below:
        if np.isfinite(finding.control) and finding.control < settings["controls_kept"]:
            return "NOT_EVALUABLE", _programme_low(finding.control)
        return "NOT_EVALUABLE", (
            f"{finding.umis} molecules where {finding.expected:.3g} are expected: too few to tell "
            "lost from retained"
            if high >= 1 or finding.expected < 20
            else "between reduced and retained"
        )
    if not np.isfinite(finding.control):
        return "NOT_EVALUABLE", "lower, but too few molecules of control genes to tell why"
    if finding.control < settings["controls_kept"]:
        return "NOT_EVALUABLE", _programme_low(finding.control)
    if finding.controls_low > settings["controls_low"]:
        return "NOT_EVALUABLE", (
            f"{finding.controls_low:.0%} of the control genes are below half of the reference as "
            "well: poor cells or another programme, not the loss of one antigen"
        )
    if high < lost_below * allowance:
        return "LOST", ""
    if not finding.stage_matched:
        return "NOT_EVALUABLE", "lower than a reference of another stage, which may be normal"
    return "REDUCED", ""


def _programme_low(control: float) -> str:
    return (
        f"control genes are at {control:.2g} of the reference as well: poor cells or another "
        "programme (lineage switch, plasma cells), not the loss of one antigen"
    )
