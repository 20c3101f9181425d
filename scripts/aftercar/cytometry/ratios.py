"""CD7+/CD5+ of T cells: quadrants, ratio and paired interval. No published standard; ours."""

import math
from typing import NamedTuple

from aftercar.cytometry.counts import Limits, upper_count


class Quadrants(NamedTuple):
    """T cells by CD7 and CD5."""

    both: int
    cd7_only: int
    cd5_only: int
    neither: int


class Ratio(NamedTuple):
    """A ratio of two counts with its 95 % interval; None where it is undefined."""

    value: float | None
    low: float | None
    high: float | None
    log10: float | None
    status: str
    flags: tuple[str, ...]


def paired_log_variance(quadrants: Quadrants) -> float:
    """Return var(ln R) of R = N(CD7+) / N(CD5+), which share the cells that carry both.

    (b + c) / ((a + b)(a + c)) with a both, b CD7 only, c CD5 only; 0.5 is added to b and c when
    both are 0. The formula for independent samples (Katz 1978) would be several times too wide.
    """
    a, b, c = float(quadrants.both), float(quadrants.cd7_only), float(quadrants.cd5_only)
    if b == 0 and c == 0:
        b = c = 0.5
    return (b + c) / ((a + b) * (a + c))


def cd7_to_cd5(quadrants: Quadrants, limits: Limits) -> Ratio:
    """Return N(CD7+) / N(CD5+), undefined where either count is below quantification."""
    numerator = quadrants.both + quadrants.cd7_only
    denominator = quadrants.both + quadrants.cd5_only
    return _ratio(
        numerator, denominator, sum(quadrants), limits,
        lambda: paired_log_variance(quadrants), plus_half=False,
    )  # fmt: skip


def positive_to_negative(positive: int, negative: int, limits: Limits) -> Ratio:
    """Return N(+) / N(-) of one marker; log10 has 0.5 added to both counts and always exists."""
    return _ratio(
        positive, negative, positive + negative, limits,
        lambda: 1 / positive + 1 / negative, plus_half=True,
    )  # fmt: skip


def _ratio(numerator, denominator, total, limits, log_variance, *, plus_half) -> Ratio:
    log10 = math.log10((numerator + 0.5) / (denominator + 0.5)) if plus_half and total else None
    if total < limits.minimum_denominator_events:
        told = f"{total} T cells are fewer than {limits.minimum_denominator_events}"
        return Ratio(None, None, None, None, "INDETERMINATE", (told,))
    if min(numerator, denominator) >= limits.lloq_events:
        ratio = numerator / denominator
        reach = math.exp(1.959964 * math.sqrt(log_variance()))
        logarithm = log10 if plus_half else math.log10(ratio)
        return Ratio(ratio, ratio / reach, ratio * reach, logarithm, "QUANTIFIED", ())
    few = f"counts {numerator} and {denominator}, {limits.lloq_events} are needed in both"
    if denominator >= limits.lloq_events:
        status = "DETECTED_BELOW_LLOQ" if numerator >= limits.lod_events else "NOT_DETECTED"
        return Ratio(None, None, upper_count(numerator) / denominator, log10, status, (few,))
    return Ratio(None, None, None, log10, "INDETERMINATE", (few,))
