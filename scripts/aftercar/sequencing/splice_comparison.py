"""Splicing events against earlier specimens of the patient and against healthy controls."""

from collections.abc import Sequence

import numpy as np

from aftercar.contracts.sequencing import ARTEFACT_EVENT
from aftercar.sequencing.splicing import effective_counts
from aftercar.stats.beta_binomial import log_probability
from aftercar.stats.negative_binomial import difference_interval

# Controls from which the spread between healthy libraries is estimated.
MIN_CONTROLS_FOR_SPREAD = 3

Row = dict[str, object]
Counts = Sequence[tuple[float, float]]


def add_comparisons(rows: list[Row], controls: list[Row]) -> None:
    """Compare each event with the patient's earlier specimen and with the controls, in place.

    `rows` are rows of SPLICING of one patient, `controls` those of control specimens. The earlier
    specimen is the last one before the first infusion (day 0 or before), or, for a specimen that
    was itself taken by then, the last one before it; later specimens change nothing. Without both,
    the row says that no comparison is possible.
    """
    for row in rows:
        if row["event"] == ARTEFACT_EVENT or row["status"] not in ("QUANTIFIED", "INDETERMINATE"):
            continue
        if row["status"] == "INDETERMINATE":
            row["flags"] = f"{row['flags']}; no comparison possible: not quantified here"
            continue
        same = [r for r in rows if _identity(r) == _identity(row)]
        earlier, why_not = _earlier(row, rows, same)
        notes = []
        if earlier is not None:
            found = compare([row], [earlier])
            row["earlier_sample"] = earlier["sample_id"]
            row |= {f"earlier_{name}": value for name, value in found.items()}
            if earlier["specimen"] != row["specimen"]:
                notes.append(f"compared {row['specimen']} with {earlier['specimen']}")
        healthy = [
            c for c in controls if _identity(c) == _identity(row) and c["status"] == "QUANTIFIED"
        ]
        if healthy:
            found = compare([row], healthy)
            row["control_samples"] = ";".join(sorted(str(c["sample_id"]) for c in healthy))
            row |= {f"control_{name}": value for name, value in found.items()}
            if len(healthy) < MIN_CONTROLS_FOR_SPREAD:
                notes.append(f"{len(healthy)} control(s): their spread is not known")
        if earlier is None and not healthy:
            notes.append(f"no comparison possible: {why_not}, and no control was measured")
        row["flags"] = "; ".join([str(row["flags"]), *notes])


def compare(these: list[Row], those: list[Row]) -> dict[str, float]:
    """Return difference of the event's fraction (these - those) with 95 % limits, and p.

    The interval recovers the variances of both (Zou & Donner 2008, 10.1002/sim.3095). p comes from
    the likelihood ratio of beta-binomial counts with one or two fractions, each library on its
    own; for fractions from which a background was subtracted, from the width of the interval.
    """
    rows = [*these, *those]
    if str(these[0]["event"]).endswith("retention"):
        low_high = difference_interval(_mean(these), _mean(those))
        return _named(*low_high, _p_of_interval(*low_high))
    dispersion = max(float(str(row["overdispersion"])) for row in rows)
    first, second = _counts(these), _counts(those)
    if len(second) >= MIN_CONTROLS_FOR_SPREAD:
        dispersion = max(dispersion, spread_between(second))
    found = difference_interval(pooled(first, dispersion), pooled(second, dispersion))
    return _named(*found, likelihood_ratio_p(first, second, dispersion))


def likelihood_ratio_p(these: Counts, those: Counts, dispersion: float) -> float:
    """Return p that two groups of libraries have one fraction; counts are (event, other).

    Twice the ln likelihood ratio of beta-binomial counts with fixed dispersion against chi-squared
    with one degree of freedom.
    """
    from scipy.special import chdtrc

    apart = _best(these, dispersion) + _best(those, dispersion)
    together = _best([*these, *those], dispersion)
    return float(chdtrc(1, max(2 * (apart - together), 0.0)))


def spread_between(counts: Counts) -> float:
    """Return the intra-class correlation of libraries around their common fraction (moments)."""
    event = np.array([e for e, _ in counts])
    total = np.array([e + o for e, o in counts])
    share = event.sum() / total.sum()
    if not 0 < share < 1:
        return 0.0
    squares = ((event - share * total) ** 2 / (share * (1 - share) * total)).sum()
    free = len(counts) - 1
    excess = squares / free - 1
    return float(min(max(excess / max((total - 1).mean(), 1.0), 0.0), 1.0))


def pooled(counts: Counts, dispersion: float) -> tuple[float, float, float]:
    """Return the common fraction of libraries with its 95 % Jeffreys interval."""
    from scipy.special import betaincinv

    worth = [effective_counts(event, other, dispersion) for event, other in counts]
    a, b = sum(part[0] for part in worth), sum(part[1] for part in worth)
    fraction = a / (a + b)
    low = 0.0 if a == 0 else float(betaincinv(a + 0.5, b + 0.5, 0.025))
    high = 1.0 if b == 0 else float(betaincinv(a + 0.5, b + 0.5, 0.975))
    return fraction, min(low, fraction), max(high, fraction)


def _best(counts: Counts, dispersion: float) -> float:
    """Return the highest ln likelihood over all fractions."""
    from scipy.optimize import minimize_scalar

    event = np.array([e for e, _ in counts])
    total = np.array([e + o for e, o in counts])

    def cost(logit: float) -> float:
        fraction = 1 / (1 + np.exp(-logit))
        return -float(log_probability(event, total, fraction, dispersion).sum())

    # the limits stand for fractions of 0 and 1
    return -float(minimize_scalar(cost, bounds=(-12, 12), method="bounded").fun)


def _identity(row: Row) -> tuple[object, ...]:
    return row["gene"], row["event"], row["junction"]


def _counts(rows: list[Row]) -> list[tuple[float, float]]:
    return [
        (float(str(row["event_fragments"])), float(str(row["canonical_fragments"]))) for row in rows
    ]


def _mean(rows: list[Row]) -> tuple[float, float, float]:
    """Return the mean fraction of independent libraries, with limits from their limits."""
    names = ("event_fraction", "event_fraction_low", "event_fraction_high")
    value, low, high = (np.array([float(str(row[name])) for row in rows]) for name in names)
    mean, n = float(value.mean()), len(rows)
    below, above = (float(np.sqrt((side**2).sum())) / n for side in (value - low, high - value))
    return mean, mean - below, mean + above


def _p_of_interval(difference: float, low: float, high: float) -> float:
    from scipy.special import ndtr

    half = difference - low if difference > 0 else high - difference
    return float(2 * ndtr(-1.96 * abs(difference) / half)) if half > 0 else 1.0


def _named(difference: float, low: float, high: float, p: float) -> dict[str, float]:
    return {
        "difference": difference,
        "difference_low": max(low, -1.0),
        "difference_high": min(high, 1.0),
        "p": p,
    }


def _earlier(row: Row, rows: list[Row], same: list[Row]) -> tuple[Row | None, str]:
    """Return the row to compare with, or None and why there is none."""
    if row["day"] is None:
        return None, "the day of the specimen is not known"
    day = int(str(row["day"]))
    older = [
        r
        for r in rows
        if r["gene"] == row["gene"] and r["day"] is not None and int(str(r["day"])) < day
    ]
    if not older:
        return None, "no earlier RNA of the patient"
    before = [r for r in older if int(str(r["day"])) <= 0] if day > 0 else []
    usable = [r for r in same if r["status"] == "QUANTIFIED" and r in older]
    for pool in (before, older):
        fitting = [r for r in usable if r in pool]
        if fitting:
            return max(fitting, key=lambda r: (int(str(r["day"])), str(r["sample_id"]))), ""
    return None, "the earlier RNA of the patient does not show the event's fraction"
