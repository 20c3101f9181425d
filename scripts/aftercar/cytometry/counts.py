"""What a count can say: limits, status, and cells per uL by beads or by a blood count."""

from dataclasses import dataclass
from math import exp, sqrt

from aftercar.stats.intervals import poisson_interval, wilson_interval


@dataclass(frozen=True)
class Limits:
    """Conventions of the configuration, in events."""

    lod_events: int
    lloq_events: int
    minimum_denominator_events: int


def limit_of_blank(mean: float, seen: float | None = None) -> int:
    """Return the count that a blank with this mean exceeds in at most 5 % of runs.

    Poisson for a known mean. Where the mean was estimated from `seen` background events, the
    predictive negative binomial of shape seen + 0.5, so that a limit from few events is wider.
    """
    from scipy.special import betainc, pdtr

    if mean <= 0:
        return 0
    shape = None if seen is None else seen + 0.5
    low, high = -1, max(8, int(4 * mean + 10))

    def covered(count: int) -> float:
        if shape is None:
            return float(pdtr(count, mean))
        return float(betainc(shape, count + 1, shape / (shape + mean)))

    while covered(high) < 0.95:
        high *= 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if covered(middle) >= 0.95 else (middle, high)
    return high


def detectable_mean(lob: float) -> float:
    """Return the mean count that exceeds the limit of blank in 95 % of runs (Poisson)."""
    from scipy.special import gammaincinv

    return float(gammaincinv(lob + 1, 0.95))


@dataclass(frozen=True)
class Counted:
    """A count of a denominator with everything that a reader needs to judge it."""

    status: str
    fraction: float | None
    low: float | None
    high: float | None
    lob_events: float | None
    lod_fraction: float | None
    lloq_fraction: float | None
    flags: tuple[str, ...]


def judge(
    count: int,
    total: int,
    background_events: float | None,
    limits: Limits,
    *,
    background_seen: float | None = None,
) -> Counted:
    """Return status, Wilson interval and limits of `count` out of `total`.

    `background_events` are the events that negatives are expected to contribute (None: unknown),
    `background_seen` the reference events that this rests on (None: it is known exactly).
    A count that exceeds the limit of blank and has `lod_events` is detected; the printed limit of
    detection is the mean that exceeds the blank in 95 % of tubes, or `lod_events`. Events enough to
    be cells that the blank could explain are neither found nor excluded: INDETERMINATE.
    NOT_DETECTED needs an adequate denominator; with fewer events finding nothing tells nothing.
    Few events above the blank but under the conventional limit of detection are not called
    detected; the flag says that they are there. Of no event the upper limit is two-sided 95 %
    as of every count, 3.84 / N by Wilson (3.69 / N by Poisson; one-sided it would be 3.00 / N).
    """
    flags = []
    lob = None
    if background_events is not None:
        lob = limit_of_blank(background_events, background_seen)
    enough = 0.0 if lob is None else detectable_mean(lob)
    lod, lloq = max(limits.lod_events, enough), max(limits.lloq_events, enough)
    mostly_blank = lob is not None and 2 * lob > count
    if total == 0:
        flags.append("no events in the denominator")
        return Counted("INDETERMINATE", None, None, None, lob, None, None, tuple(flags))
    low, high = wilson_interval(count, total)
    above_blank = lob is None or count > lob
    if above_blank and count >= limits.lloq_events and not mostly_blank:
        status = "QUANTIFIED"
    elif above_blank and count >= limits.lod_events:
        status = "DETECTED_BELOW_LLOQ"
        if count >= limits.lloq_events:
            flags.append(f"most of the {count} events may be background (limit of blank {lob})")
    elif count >= limits.lod_events:
        status = "INDETERMINATE"
        flags.append(
            f"{count} events are enough to be cells and not above the limit of blank ({lob})"
        )
    elif total < limits.minimum_denominator_events:
        status = "INDETERMINATE"
        flags.append(
            f"{total} events in the denominator are fewer than {limits.minimum_denominator_events}"
        )
    else:
        status = "NOT_DETECTED"
        if lob is not None and count > 0 and not above_blank:
            flags.append(f"{count} events are not above the limit of blank ({lob})")
        elif count:
            flags.append(f"{count} events are under the limit of detection")
    return Counted(
        status, count / total, low, high, None if lob is None else float(lob),
        min(1.0, lod / total), min(1.0, lloq / total), tuple(flags),
    )  # fmt: skip


@dataclass(frozen=True)
class AbsoluteCount:
    """Cells per uL with interval and the words that say how it was obtained."""

    value: float | None = None
    low: float | None = None
    high: float | None = None
    basis: str = ""


def dual_platform(
    count: int, denominators: dict[str, int | None], labs: list[dict[str, str]], *, day: int
) -> AbsoluteCount:
    """Return cells per uL from a blood count and the share of that same denominator.

    `denominators` holds the events of leukocytes and lymphocytes. A leukocyte count (wbc) goes
    with leukocytes, else a lymphocyte count (alc) with lymphocytes, of the same day or the day
    before (a later count would be known only later). The interval is that of the events alone.
    """
    for analyte, name in (("wbc", "leukocytes"), ("alc", "lymphocytes")):
        total = denominators.get(name)
        usable = [
            row
            for row in labs
            if row["analyte"] == analyte
            and row["unit"] == "cells/uL"
            and row["specimen"] == "PB"
            and row["value"] not in ("", None)
            and 0 <= day - int(row["day"]) <= 1
        ]
        if not usable or not total or count > total:
            continue
        row = max(usable, key=lambda lab: int(lab["day"]))
        per_ul = float(row["value"])
        low, high = wilson_interval(count, total)
        when = "" if int(row["day"]) == day else f" of day {row['day']}"
        return AbsoluteCount(
            count / total * per_ul, low * per_ul, high * per_ul,
            f"dual platform: {analyte}{when} x share of {name}; counting error only",
        )  # fmt: skip
    return AbsoluteCount()


LEAST_FOR_LOGARITHM = 20  # below it the exact Poisson limits replace the normal ones of ln C
NORMAL_95 = 1.959964


@dataclass(frozen=True)
class BeadTube:
    """What went into a tube: beads, specimen, and how often the specimen was diluted before."""

    beads: float
    sample_volume_ul: float
    dilution: float
    dilution_stated: bool


def bead_tube(row: dict[str, str]) -> BeadTube | None:
    """Return the bead columns of a row of samples.tsv, None where they are empty.

    The number of beads is that of the tube, or volume x concentration of liquid beads.
    """
    if not row.get("sample_volume_ul"):
        return None
    beads = (
        float(row["beads_per_tube"])
        if row["beads_per_tube"]
        else float(row["bead_volume_ul"]) * float(row["beads_per_ul"])
    )
    stated = bool(row["dilution"])
    dilution = float(row["dilution"]) if stated else 1.0
    return BeadTube(beads, float(row["sample_volume_ul"]), dilution, stated)


def single_platform(count: int, beads: int, tube: BeadTube, *, lot_cv: float) -> AbsoluteCount:
    """Return cells per uL of specimen from the cells and beads of one acquisition.

    C = cells / beads x beads per tube / sample uL x dilution, with
    var(ln C) = 1 / cells + 1 / beads + lot_cv^2 (first-order propagation; the method: CDC 2003,
    MMWR 52 RR-2). Below 20 cells the exact Poisson limits, widened by the error of the beads; of
    no cell the upper limit alone. Errors of pipetting are not in it.
    """
    per_cell = tube.beads / beads / tube.sample_volume_ul * tube.dilution
    of_beads = 1 / beads + lot_cv**2
    if count >= LEAST_FOR_LOGARITHM:
        factor = exp(NORMAL_95 * sqrt(1 / count + of_beads))
        low, high = count / factor, count * factor
    else:
        widened = exp(NORMAL_95 * sqrt(of_beads))
        low, high = poisson_interval(count)
        low, high = low / widened, high * widened
    dilution = f"dilution {tube.dilution:g}{'' if tube.dilution_stated else ' (none stated)'}"
    return AbsoluteCount(
        count * per_cell, low * per_cell, high * per_cell,
        f"beads: {tube.beads:,.0f} per tube, {beads:,} counted, lot CV {100 * lot_cv:g} %; "
        f"{tube.sample_volume_ul:g} uL of specimen, {dilution}; pipetting error not included",
    )  # fmt: skip


@dataclass(frozen=True)
class CountingBasis:
    """What cells per uL of a specimen can rest on.

    `tube` is None without beads; `beads` are those counted, None if `why_no_beads` says why there
    are none. `labs` count for blood alone (`peripheral`).
    """

    tube: BeadTube | None
    beads: int | None
    why_no_beads: str
    lot_cv: float
    labs: tuple[dict[str, str], ...]
    day: int
    peripheral: bool


def absolute_count(
    count: int, denominators: dict[str, int | None], basis: CountingBasis
) -> tuple[AbsoluteCount, tuple[str, ...]]:
    """Return cells per uL by beads, else by a blood count, and what a reader must know of it.

    Beads come first. Where they were added but cannot be counted, the flag says so, also on the
    blood count that takes their place.
    """
    flags: tuple[str, ...] = ()
    if basis.tube is not None:
        if basis.beads:
            counted = single_platform(count, basis.beads, basis.tube, lot_cv=basis.lot_cv)
            return counted, ()
        flags = (f"beads were added but give no count: {basis.why_no_beads}",)
    if not basis.peripheral:
        return AbsoluteCount(), flags
    found = dual_platform(count, denominators, list(basis.labs), day=basis.day)
    if found.value is not None and flags:
        flags = (f"{flags[0]}; cells per uL by the blood count instead",)
    return found, flags


def upper_count(count: int) -> float:
    """Return the upper 95 % limit of a small count (Poisson)."""
    return poisson_interval(count)[1]
