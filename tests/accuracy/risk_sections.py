"""The sections of docs/validation.md on risk by mechanism, on simulated courses."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from tests.accuracy.kinetic_sections import kinetic_sections
from tests.accuracy.risk_experiments import (
    BURDEN,
    CAR_FUNCTION,
    HORIZON_DAYS,
    LINEAGE_EVENTS,
    SIGNALS,
    at_landmark,
    hazard_ratio,
    judged_cohort,
    lead_days,
    log_errors_from_one,
    observed_cohort,
    unrelated_pairs,
)
from tests.accuracy.variant_sections import in_parallel, markdown_table, percent

from aftercar.simulate.cohort_courses import EVENTS
from aftercar.stats.intervals import wilson_interval

PATIENTS, SEED = 2000, 1
MORE_SEEDS = range(2, 12)
SHOWN_LANDMARKS = (90, 180)


def risk_sections() -> Iterator[str]:
    """Yield all sections."""
    rows = judged_cohort(PATIENTS, SEED)
    yield from cohort_section()
    yield from separation_section(rows)
    yield from matrix_section(rows)
    yield from kinetic_sections()


def cohort_section() -> Iterator[str]:
    """Yield what the cohort is."""
    truths = [one.truth for one in observed_cohort(PATIENTS, SEED)]
    yield "## Risk by mechanism in a simulated cohort"
    yield (
        f"{PATIENTS:,} patients with a known mechanism, drawn by "
        "`scripts/aftercar/simulate/cohort_courses.py`, which shares no code with the analysis; "
        "then monthly blood and five marrows with noise, limits of detection and a fifth of all "
        "measurements missing (`cohort_visits.py`). CAR copies follow Stein 2019; every other "
        "number is a convention of the simulator. **So nothing here says how well a rule predicts "
        "in patients**: it says how often a sign is seen where its cause is there, in a world "
        "built on the same ideas as the rules. Their literature is on the evidence cards. An "
        "antigen-positive clone sleeps until the CAR is lost; an antigen-negative one grows "
        "whatever the CAR does, and is twice as frequent after a high burden; a myeloid one grows "
        "in KMT2A-rearranged disease; death in remission is frequent with few CD4+ T cells and a "
        "virus; transplants come at random. Nothing else is linked."
    )
    counts = [
        (
            name, sum(t.lineage == lineage for t in truths),
            *(sum(t.lineage == lineage and t.event == event for t in truths)
              for event in (*EVENTS, "")),
        )
        for name, lineage in (("B-ALL, CD19 CAR", "B"), ("T-ALL, CD7 CAR", "T"))
    ]  # fmt: skip
    yield markdown_table(
        ("disease", "patients", *(e.replace("_", " ") for e in EVENTS), "no event in two years"),
        counts,
    )


def separation_section(rows: pd.DataFrame) -> Iterator[str]:
    """Yield sensitivity, specificity and lead time of each signal for its own event."""
    yield "### Does SIGNAL precede the event of its mechanism?"
    yield (
        "Patients without an event at the landmark to whom the mechanism applies. Within: the "
        f"event comes in the next {HORIZON_DAYS} days; ever: within two years. Sensitivity and "
        "specificity count SIGNAL only; not assessable and conflicting rows are not SIGNAL. In "
        "brackets 95 % (Wilson)."
    )
    table = []
    seen: dict[tuple[str, int], str] = {}
    for signal, (_, event, _) in SIGNALS.items():
        mine = rows[rows["signal"] == signal]
        for landmark in SHOWN_LANDMARKS:
            near = at_landmark(mine, landmark, event, HORIZON_DAYS)
            ever = at_landmark(mine, landmark, event, 10_000)
            asked = near["cases"] + near["others"]
            seen[signal, landmark] = f"{near['signal_in_cases']} of {near['cases']}"
            table.append(
                (
                    signal, event.replace("_", " "), f"D{landmark}", asked,
                    _share(near["signal_in_cases"], near["cases"]),
                    _share(near["silent_in_others"], near["others"]),
                    _share(ever["signal_in_cases"], ever["cases"]),
                    _share(ever["silent_in_others"], ever["others"]),
                    percent(near["not_assessable"] / asked),
                    percent(near["conflicting"] / asked),
                    _share(near["cases_in_no_signal"], near["no_signal"]),
                )
            )  # fmt: skip
    yield markdown_table(
        (
            "signal", "event", "landmark", "patients", "sensitivity, within",
            "specificity, within", "sensitivity, ever", "specificity, ever", "not assessable",
            "conflicting", "event within after NO_SIGNAL",
        ),
        table,
    )  # fmt: skip
    yield (
        "Lead: days from the first landmark with SIGNAL to the event, among all patients with the "
        "event who were without it at a landmark."
    )
    leads = []
    for signal, (_, event, _) in SIGNALS.items():
        days, cases = lead_days(rows[rows["signal"] == signal], event)
        quarters = np.percentile(days, [25, 50, 75]) if len(days) else [np.nan] * 3
        leads.append(
            (
                signal, event.replace("_", " "), _share(len(days), cases), f"{quarters[1]:.0f}",
                f"{quarters[0]:.0f} to {quarters[2]:.0f}",
            )
        )  # fmt: skip
    yield markdown_table(
        ("signal", "event", "SIGNAL at some landmark before", "lead, median days", "quartiles"),
        leads,
    )
    yield (
        "**How to read it.** A row says what is there on the day, not what will come: of patients "
        "with NO_SIGNAL for M1 at D90 some relapse within half a year, since their CAR is lost "
        "only later, and the next landmark says so. M2 is SIGNAL in every patient with a high "
        "burden before the infusion, at every landmark: that rule makes it sensitive early and "
        "unspecific; its part is shown alone. A phenotype (M4, M5) needs enough blasts, hence its "
        "short lead. M5, M6 have no tests that could show absence, so they are never NO_SIGNAL. "
        "M6 sees what landmarks catch: a virus between two of them is missed. **Sensitivity is low "
        f"where little can be seen yet**: M1 at D90 is SIGNAL in {seen['M1', 90]} patients with "
        "antigen-positive relapse within half a year, M6 in B lineage at D180 in "
        f"{seen['M6, B lineage', 180]} who die: without SIGNAL nobody is safe. M4 and M5 read the "
        "very clone that is called relapse once it has grown: their specificity is near-circular "
        "and says that a clone is seen early, not that it is predicted. Two kinds of row are "
        "less sensitive on purpose: what a test could not tell is not assessable, and B cells that "
        "return together with blasts are not counted as recovery."
    )


def _share(count: int, total: int) -> str:
    if not total:
        return "none"
    low, high = wilson_interval(count, total)
    return f"{count} of {total} ({percent(low)} to {percent(high)})"


def matrix_section(rows: pd.DataFrame) -> Iterator[str]:
    """Yield the ratio of hazards of every signal and every event."""
    yield "### Every signal against every event"
    yield (
        "Ratio of hazards after SIGNAL relative to all that is not SIGNAL, 95 % interval; the "
        "category of a landmark stands until the next one, so that no day counts twice. **own**: "
        "the event of the mechanism. *linked*: not its own, but a driver (residual disease of any "
        "clone, which keeps or loses the antigen, and the clonotype) shows it as well. All others "
        "are unrelated by construction: their interval should hold 1. None: no event on one side. "
        f"{CAR_FUNCTION.partition(': ')[2]}: BCR_CONFIRMED or CAR_LOST_BEFORE_LM; "
        f"{BURDEN.partition(': ')[2]}: BURDEN_HIGH_PRE_LD."
    )
    table = []
    ratios: dict[tuple[str, str], str] = {}
    for signal, (lineage, own, linked) in SIGNALS.items():
        cells = []
        for event in EVENTS:
            if event not in LINEAGE_EVENTS[lineage]:
                cells.append("")
                continue
            ratio = hazard_ratio(rows[rows["signal"] == signal], event)
            low, high = ratio.interval()
            shown = f"{_short(ratio.estimate)} ({_short(low)} to {_short(high)})"
            text = "none" if np.isnan(ratio.estimate) else shown
            ratios[signal, event] = text
            mark = "own: **{}**" if event == own else "*{}*" if event in linked else "{}"
            cells.append(mark.format(text))
        table.append((signal, *cells))
    yield markdown_table(("signal", *(e.replace("_", " ") for e in EVENTS)), table)
    positive, negative, switch = EVENTS[:3]
    yield (
        "**M1, M2 and M3 do not tell mechanisms apart**, since residual disease of any clone is a "
        f"driver of each. M1 has {ratios['M1', negative]} for antigen-negative relapse beside "
        f"{ratios['M1', positive]} for its own; M2 has {ratios['M2', positive]} for "
        f"antigen-positive relapse beside {ratios['M2', negative]}; M3 has "
        f"{ratios['M3', positive]} for antigen-positive and {ratios['M3', negative]} for "
        f"antigen-negative relapse beside {ratios['M3', switch]}. Only the parts without residual "
        f"disease speak of one: CAR function alone has {ratios[CAR_FUNCTION, negative]} for "
        f"antigen-negative relapse beside {ratios[CAR_FUNCTION, positive]}, burden before alone "
        f"{ratios[BURDEN, positive]} for antigen-positive relapse beside "
        f"{ratios[BURDEN, negative]}. The ratios of M4 and M5 are large since they read the clone "
        "that defines the event (near-circular)."
    )
    here = log_errors_from_one(PATIENTS, SEED)
    more = np.concatenate(in_parallel(log_errors_from_one, [(PATIENTS, s) for s in MORE_SEEDS]))
    yield (
        f"Unrelated pairs: {len(unrelated_pairs())}, of which {len(here)} have events on both "
        f"sides; {int((np.abs(here) < 1.96).sum())} of the 95 % intervals hold 1; the largest "
        f"distance is {np.abs(here).max():.1f} standard errors (one in twenty such tables has "
        f"{_bonferroni(len(here)):.1f} or more). In {len(MORE_SEEDS)} further cohorts of "
        f"{PATIENTS:,}, {_share(int((np.abs(more) < 1.96).sum()), len(more))} hold 1; mean and "
        f"standard deviation of the distance are {more.mean():.2f} and {more.std():.2f}."
    )


def _short(ratio: float) -> str:
    return f"{ratio:.0f}" if ratio >= 100 else f"{ratio:.2g}"


def _bonferroni(pairs: int) -> float:
    from scipy.special import ndtri

    return float(ndtri(1 - 0.025 / pairs))
