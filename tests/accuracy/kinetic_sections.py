"""The sections of docs/validation.md on CAR-T kinetics."""

from collections.abc import Iterator

import pandas as pd
from tests.accuracy.kinetic_experiments import FIT_VISITS, fit, losses, sampled
from tests.accuracy.variant_sections import in_parallel, markdown_table, percent

from aftercar.stats.intervals import wilson_interval

PATIENTS, LOSS_PATIENTS, FIT_PATIENTS = 1000, 500, 120
SLOW_DAYS = 60  # half-life above which the residual error moves a crossing by months


def kinetic_sections() -> Iterator[str]:
    """Yield all sections."""
    yield "## CAR-T kinetics on simulated patients of Stein's model"
    yield from sampling_section()
    yield from loss_section()
    yield from fit_section()


def _spread(values: pd.Series, *, share: bool = True) -> str:
    known = values.dropna().astype(float)
    if known.empty:
        return "not given"
    middle, low, high = known.median(), *known.quantile([0.05, 0.95])
    if share:
        return f"{percent(middle)} ({percent(low)} to {percent(high)})"
    return f"{middle:+.1f} ({low:+.1f} to {high:+.1f})"


def sampling_section() -> Iterator[str]:
    """Yield errors by schedule and so by sampling grade."""
    yield "### Error by sampling grade"
    yield (
        f"{PATIENTS:,} patients drawn with the variances of the model (Stein 2019), each on four "
        "schedules, LLOQ 50 copies/ug; once without and once with the residual error of the model "
        "(0.56 on the ln scale). Median error and 5 to 95 % over patients. With residual error the "
        "highest of several values is high by chance, which hides that the peak was missed: the "
        "row without it shows what sampling alone does. Grade C gives no maximum and no area."
    )
    rows = []
    for noise in (False, True):
        for schedule, part in sampled(PATIENTS, noise=noise).groupby("schedule", sort=False):
            rows.append(
                (
                    schedule, "/".join(sorted(set(part["grade"]))), "yes" if noise else "no",
                    _spread(part["peak_error"]), _spread(part["peak_day_error"], share=False),
                    _spread(part["area_error"]), percent(part["area_error"].isna().mean()),
                )
            )  # fmt: skip
    yield markdown_table(
        (
            "schedule", "grade", "residual error", "observed maximum", "its day", "AUC0-28",
            "no area",
        ),
        rows,
    )  # fmt: skip


def loss_section() -> Iterator[str]:
    """Yield the coverage of the interval in which persistence was lost."""
    yield "### The interval in which CAR-T was lost"
    yield (
        f"{LOSS_PATIENTS} patients followed for three years, a fifth of the late visits missing "
        "and all moved by up to a week. Covered: of the losses that are told, how many intervals "
        "(last positive, first confirmed negative] hold the day on which the error-free curve "
        "falls below the limit of detection. "
        "Without residual error that is a matter of logic and must be all. With it, what is lost "
        "is the detection: where the curve halves in months, the error moves the day of the "
        "crossing by months, and the interval is that of the measurements, not of the curve: read "
        "it as last detected and first not detected. (The residual error of the model holds more "
        "than the error of the assay, so this is the worst case.)"
    )
    rows = []
    without, with_noise = (losses(LOSS_PATIENTS, noise=noise) for noise in (False, True))
    for (spacing, limits), part in without.groupby(["spacing", "limits"], sort=False):
        noisy = with_noise[(with_noise["spacing"] == spacing) & (with_noise["limits"] == limits)]
        slow = noisy["decline_half_life_days"].astype(float) > SLOW_DAYS
        rows.append(
            (
                spacing, limits, _covered(part), f"{part['width_days'].median():.0f}",
                _covered(noisy[~slow]), _covered(noisy[slow]),
            )
        )  # fmt: skip
    yield markdown_table(
        (
            "late visits", "copies/ug", "covered, no residual error", "width, median days",
            "covered, with it, fast decline", f"covered, with it, half-life above {SLOW_DAYS} days",
        ),
        rows,
    )  # fmt: skip


def fit_section() -> Iterator[str]:
    """Yield how often the fitted curve tells a quantity and how often its interval is right."""
    yield "### The fitted curve"
    yield (
        f"{FIT_PATIENTS} patients per schedule with the residual error of the model, LLOQ 50 "
        "copies/ug; `evidence/kinetic_model` fits without prior and with values below the LLOQ "
        "censored. Told: the interval is closed and spans at most 100 times; else there is no "
        "estimate. Covered: 95 % intervals that hold the truth, of those told. Limits: those "
        "of all patients with enough values, told or not, an open side reaching as far as it may. "
        "The slow half-life is told mostly where it is short or looks so, and its estimates are "
        "too low for that reason: read its limits. In real patients the model itself may be wrong, "
        "which no interval here includes."
    )
    jobs = [(schedule, seed) for schedule in FIT_VISITS for seed in range(FIT_PATIENTS)]
    found = pd.DataFrame([row for rows in in_parallel(fit, jobs) for row in rows])
    table = []
    for (schedule, quantity), part in found.groupby(["schedule", "quantity"], sort=False):
        told = part[part["told"]]
        spans = told["times"].astype(float)
        table.append(
            (
                schedule, quantity, percent(part["told"].mean()), _covered(part),
                _covered(part.assign(told=part["fitted"])),
                _spread(told["error"]), f"{spans.median():.1f}" if len(told) else "",
            )
        )  # fmt: skip
    yield markdown_table(
        (
            "schedule", "quantity", "told", "covered", "limits that hold it",
            "error, median (5 to 95 %)",
            "upper / lower limit, median",
        ),
        table,
    )  # fmt: skip


def _covered(part: pd.DataFrame) -> str:
    told, covered = int(part["told"].sum()), int((part["covered"] & part["told"]).sum())
    if not told:
        return "none"
    low, high = wilson_interval(covered, told)
    return f"{covered} of {told} ({percent(low, 1)} to {percent(high, 1)})"
