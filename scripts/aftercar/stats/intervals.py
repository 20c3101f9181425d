"""Intervals of counts and fractions."""


def wilson_interval(count: int, total: int, confidence: float = 0.95) -> tuple[float, float]:
    """Return the Wilson score interval of `count` out of `total` (Wilson 1927, 10.2307/2276774).

    Without any observation nothing is known: (0, 1). Raises ValueError for impossible counts.
    """
    _refuse_impossible(count, total)
    if total == 0:
        return 0.0, 1.0
    from scipy.special import ndtri

    z = float(ndtri(0.5 + confidence / 2))
    share, spread = count / total, z * z / total
    centre = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * (share * (1 - share) / total + spread / (4 * total)) ** 0.5
    # At the ends the limit is exact; rounding must not push it past the estimate.
    low = 0.0 if count == 0 else min(centre - half, share)
    high = 1.0 if count == total else max(centre + half, share)
    return low, high


def clopper_pearson_interval(
    count: int, total: int, confidence: float = 0.95
) -> tuple[float, float]:
    """Return the exact binomial interval (Clopper & Pearson 1934, 10.1093/biomet/26.4.404)."""
    _refuse_impossible(count, total)
    from scipy.special import betaincinv

    tail = (1 - confidence) / 2
    low = 0.0 if count == 0 else float(betaincinv(count, total - count + 1, tail))
    high = 1.0 if count == total else float(betaincinv(count + 1, total - count, 1 - tail))
    return low, high


def poisson_interval(count: float, confidence: float = 0.95) -> tuple[float, float]:
    """Return the exact interval of a Poisson mean (Garwood 1936, 10.1093/biomet/28.3-4.437)."""
    if count < 0:
        raise ValueError(f"a count cannot be negative: got {count}")
    from scipy.special import gammaincinv

    tail = (1 - confidence) / 2
    low = 0.0 if count == 0 else float(gammaincinv(count, tail))
    return low, float(gammaincinv(count + 1, 1 - tail))


def _refuse_impossible(count: int, total: int) -> None:
    if not 0 <= count <= total:
        raise ValueError(f"a count lies between 0 and the total: got {count} of {total}")
