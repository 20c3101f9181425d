"""What is wrong with an acquisition: time, margins, debris, doublets, viability."""

from typing import NamedTuple

import numpy as np

from aftercar.contracts.events import Check
from aftercar.cytometry.density import ascending, guarded_valley, lowest_peak, quantile

SHAPE_EVENTS = 50_000  # events that tell centre and spread of a channel well enough


class Kept(NamedTuple):
    """What a cleaning step keeps: half-open intervals [low, high) of a value; None is no limit."""

    intervals: tuple[tuple[float | None, float | None], ...]
    check: Check


def time_anomalies(
    time: np.ndarray | None,
    levels: dict[str, np.ndarray],
    placement: dict,
    *,
    max_share: float,
    step: int = 1,
) -> Kept | None:
    """Find clogs and bursts: bins in order of acquisition whose rate or signal stands out.

    `time` never falls; `levels` are channels in e-folds, of every `step`-th event. A bin is an
    anomaly when its rate differs from the median bin by `time_rate_factor` and by `time_spreads`
    MAD, or its mean signal in a channel by `time_level_shift` and `time_spreads` MAD (bins by
    order: PeacoQC, Emmaneel 2022, 10.1002/cyto.a.24501). Its neighbours are, too, where they differ
    half as much. None when the file has no usable time. The intervals are in units of `time`.
    """
    if time is None:
        return None
    size = max(int(placement["time_bin_events"]), len(time) // int(placement["time_bins"]) + 1)
    if len(time) < 10 * size:
        check = Check(
            "time_anomaly", None, "fraction", "NOT_POSSIBLE",
            f"{len(time)} events are too few to look for clogs and bursts",
        )  # fmt: skip
        return Kept(((None, None),), check)
    starts = np.arange(0, len(time) - size + 1, size)
    ends = np.append(starts[1:], len(time))
    span = np.maximum(np.append(time[starts[1:]], time[-1]) - time[starts], 1e-9)
    bad = np.zeros(len(starts), dtype=bool)
    ticks = np.median(np.diff(np.unique(time[:: max(1, len(time) // 5000)])))
    if np.median(span) >= 3 * ticks:  # else time is too coarse for a rate
        rate = np.log((ends - starts) / span)
        bad |= _outlying(rate, placement["time_spreads"], np.log(placement["time_rate_factor"]))
    for values in levels.values():
        # means, not medians: where two populations are equally large, a median jumps between them
        ordered = ascending(values[:: max(1, len(values) // SHAPE_EVENTS)])
        clipped = np.clip(values, quantile(ordered, 0.005), quantile(ordered, 0.995))
        first = -(-starts // step)  # a bin holds at least one of every `step` events
        means = np.add.reduceat(clipped, first) / np.diff(first, append=len(clipped))
        limits = placement["time_spreads"], placement["time_level_shift"]
        alone = _outlying(means, *limits)
        # a mean of neighbours is steadier: it shows where a detector with two populations dims;
        # what a bin shows alone must not spread into its neighbours
        rest = np.where(alone, np.median(means), means)
        bad |= alone | _outlying(_moving_mean(rest, int(placement["time_smooth_bins"])), *limits)
    bad = _without_short_runs(bad, int(placement["time_short_run_bins"]))
    intervals = _intervals(time, starts, bad)
    kept = within_intervals(time, intervals)
    share = 1 - float(kept.mean())
    verdict = "FAIL" if share > max_share else "FLAG" if share > 0 else "PASS"
    message = (
        f"{share:.1%} of events were acquired during a clog, burst or shift and were left out"
        if share
        else f"rate and signal are steady over {len(starts)} parts of the acquisition"
    )
    if len(starts) < placement["time_least_bins"]:
        message += f"; only {len(starts)} parts: a clog shorter than one of them would not be seen"
        verdict = "NOT_POSSIBLE" if verdict == "PASS" else verdict
    if verdict == "FAIL":
        message += f"; more than {max_share:.0%}: acquire the specimen again"
    return Kept(intervals, Check("time_anomaly", share, "fraction", verdict, message))


def _moving_mean(values: np.ndarray, width: int) -> np.ndarray:
    """Return the mean of `width` neighbours around each value, of fewer at the ends."""
    window = np.ones(min(width, len(values)))
    return np.convolve(values, window, "same") / np.convolve(np.ones(len(values)), window, "same")


def _outlying(values: np.ndarray, spreads: float, least: float) -> np.ndarray:
    distance = np.abs(values - np.median(values))
    limit = max(spreads * 1.4826 * float(np.median(distance)), least)
    bad = distance > limit
    while True:  # the bins at the borders of a clog hold some of it
        beside = np.append(bad[1:], False) | np.append(False, bad[:-1])
        grown = bad | (beside & (distance > limit / 2))
        if (grown == bad).all():
            return bad
        bad = grown


def _without_short_runs(bad: np.ndarray, shortest: int) -> np.ndarray:
    """Call good bins bad too in runs shorter than `shortest` between bad ones."""
    result, start = bad.copy(), 0
    while start < len(bad):
        end = start
        while end < len(bad) and bad[end] == bad[start]:
            end += 1
        inside = start > 0 and end < len(bad)
        if not bad[start] and inside and end - start < shortest:
            result[start:end] = True
        start = end
    return result


def _intervals(
    time: np.ndarray, starts: np.ndarray, bad: np.ndarray
) -> tuple[tuple[float | None, float | None], ...]:
    """Turn good bins into intervals of time with borders halfway between two times."""
    if not bad.any():
        return ((None, None),)
    borders: list[float | None] = []
    for start in starts[1:]:
        later = np.searchsorted(time, time[start], side="left")
        before = time[later - 1] if later else time[start] - 1
        borders.append(float(f"{(before + time[start]) / 2:.9g}"))
    edges = [None, *borders, None]
    result: list[tuple[float | None, float | None]] = []
    for n in np.flatnonzero(~bad):
        low, high = edges[n], edges[n + 1]
        if result and result[-1][1] is not None and result[-1][1] == low:
            result[-1] = (result[-1][0], high)
        else:
            result.append((low, high))
    return tuple(result)


def within_intervals(
    values: np.ndarray, intervals: tuple[tuple[float | None, float | None], ...]
) -> np.ndarray:
    """Return which values lie in one of the half-open intervals."""
    inside = np.zeros(len(values), dtype=bool)
    for low, high in intervals:
        part = np.ones(len(values), dtype=bool)
        if low is not None:
            part &= values >= low
        if high is not None:
            part &= values < high
        inside |= part
    return inside


def margin_checks(
    values: np.ndarray, markers: dict[str, int], full_scale: list[float], *, max_share: float
) -> list[Check]:
    """Return the share of events at the ceiling of each detector; nothing is removed.

    Blind removal loses granulocytes and blasts; the share says how far to trust a gate there.
    """
    checks = []
    for marker, channel in sorted(markers.items()):
        if marker == "Time":
            continue
        column = values[:, channel]
        top = float(column.max())
        ceiling = full_scale[channel] - 1 if full_scale[channel] > 1 else top
        at_ceiling = int((column >= min(ceiling, top)).sum()) if top >= 0.98 * ceiling else 0
        # a single largest value is no ceiling
        share = at_ceiling / len(column) if at_ceiling > 1 else 0.0
        checks.append(
            Check(
                f"margin:{marker}", share, "fraction", "FLAG" if share > max_share else "PASS",
                f"{share:.2%} of events stand at the ceiling of the detector; they were kept",
            )
        )  # fmt: skip
    return checks


def debris_cut(fsc: np.ndarray, placement: dict) -> tuple[float | None, str]:
    """Return the forward scatter (log units of `fsc`) below which events are debris, or None.

    Only a valley well below the main peak is used: one population is never cut in two.
    """
    mode = lowest_peak(fsc, peak_height=0.5)
    high = mode + np.log(placement["debris_share_of_mode"])
    return guarded_valley(fsc, float(fsc.min()), float(high), **valley_rules(placement))


def doublet_limit(area: np.ndarray, height: np.ndarray, placement: dict) -> float:
    """Return the ratio of area to height above which an event is a doublet: median + 4 MAD.

    Of many events every so-many-th is enough for both.
    """
    step = max(1, len(area) // SHAPE_EVENTS)
    area, height = area[::step].astype(np.float64), height[::step]
    ratio = ascending(area[height > 0] / height[height > 0])
    centre = quantile(ratio, 0.5)
    spread = 1.4826 * quantile(ascending(np.abs(ratio - centre)), 0.5)
    return float(f"{centre + placement['doublet_spreads'] * spread:.6g}")


def valley_rules(placement: dict) -> dict:
    """Return the arguments of `guarded_valley` from the placement settings."""
    return {
        "depth": placement["valley_depth"],
        "events": placement["valley_events"],
        "standard_errors": placement["valley_standard_errors"],
    }


def lymphosum_check(counts: dict[str, int]) -> Check:
    """Say whether T + B + NK make up the lymphocytes: an alarm for wrong gates."""
    needed = ("t_cells", "b_cells", "nk_cells", "lymphocytes")
    if any(name not in counts for name in needed) or not counts["lymphocytes"]:
        return Check(
            "lymphosum", None, "fraction", "NOT_POSSIBLE",
            "T, B and NK cells of one tube are needed for their sum",
        )  # fmt: skip
    share = sum(counts[name] for name in needed[:3]) / counts["lymphocytes"]
    good = 0.9 <= share <= 1.1
    return Check(
        "lymphosum", share, "fraction", "PASS" if good else "FLAG",
        f"T + B + NK are {share:.0%} of lymphocytes, expected 90 to 110 %"
        + ("" if good else "; look at the gates before using the counts"),
    )  # fmt: skip
