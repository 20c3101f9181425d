"""Tables under the outcome plots: follow-up, and bounds for relapses of unknown phenotype."""

import pandas as pd

from aftercar.report.numbers import percent, plain_rows
from aftercar.report.small_counts import shown_count
from aftercar.report.tabulate import table

AT_RISK_DAYS = (0, 90, 180, 365, 730)
LEAST_AT_RISK = 10
ENDPOINTS = {
    "OS": "Overall survival",
    "EFS": "Event-free survival",
    "RFS": "Relapse-free survival",
}
ESTIMANDS = {
    "treatment_policy": "HCT, other therapy ignored",
    "censored_at_hct_or_therapy": "censored at HCT or other therapy",
    "hct_or_therapy_competing": "HCT, other therapy compete",
}
COUNTED_AS = {
    "own_cause": "unknown apart (estimate)",
    "as_antigen_positive": "bound: all unknown antigen-positive",
    "as_antigen_negative": "bound: all unknown antigen-negative",
}


def cause_words(cause: str) -> str:
    """Return a cause as the page prints it."""
    return (
        cause.replace("_", " ")
        .replace("antigen ", "antigen-")
        .replace("non relapse", "non-relapse")
    )


def estimate_at(steps: pd.DataFrame, day: int) -> str:
    """Return the incidence with 95 % limits on a day, or in words why there is none.

    `steps`: rows of one curve in order of days, with at_risk, incidence and its limits.
    """
    if not len(steps) or int(steps["at_risk"].max()) < LEAST_AT_RISK:
        return f"fewer than {LEAST_AT_RISK} patients"
    # After the last row nobody is watched; before it the next row tells how many still are.
    later = steps.loc[steps["day"] >= day, "at_risk"]
    if not len(later) or int(later.iloc[0]) < LEAST_AT_RISK:
        return f"fewer than {LEAST_AT_RISK} at risk"
    row = plain_rows(steps[steps["day"] <= day].tail(1))[0]
    if row["incidence_low"] is None:
        return f"{percent(row['incidence'])}, no interval"
    low, high = percent(row["incidence_low"]), percent(row["incidence_high"])
    return f"{percent(row['incidence'])} ({low} to {high})"


def bounds_table(incidence: pd.DataFrame) -> dict:
    """Return the incidence of both phenotypes with all unknown ones counted as one or the other."""
    rows = []
    wanted = incidence[incidence["cause"].isin(["antigen_positive", "antigen_negative"])]
    wanted = wanted[wanted["estimand"] == "treatment_policy"]
    for cause in ("antigen_positive", "antigen_negative"):
        for counted_as, said in COUNTED_AS.items():
            mine = wanted[(wanted["cause"] == cause) & (wanted["unknown_phenotype"] == counted_as)]
            if len(mine):
                cells = [estimate_at(mine, day) for day in AT_RISK_DAYS[1:]]
                rows.append((cause_words(cause), said, *cells))
    return table(
        "What relapses of unknown phenotype could change: incidence (95 % limits) if all of them "
        "had been antigen-positive, or all antigen-negative. Bounds are not estimates. "
        "Transplants ignored.",
        ("Relapse", "Unknown phenotype", *(f"#D{day}" for day in AT_RISK_DAYS[1:])),
        rows,
        empty="no outcome is known",
        grouped=True,
    )


def follow_up_table(follow_up: pd.DataFrame, suppress_below: int) -> dict:
    """Return median follow-up and median time to the event, with intervals."""
    rows = []
    for row in plain_rows(follow_up):
        few = row["patients"] < LEAST_AT_RISK
        rows.append(
            (
                ENDPOINTS[row["endpoint"]],
                ESTIMANDS[row["estimand"]],
                shown_count(row["patients"], suppress_below),
                shown_count(row["events"], suppress_below),
                *(
                    f"fewer than {LEAST_AT_RISK} patients" if few else _median(row, name)
                    for name in ("follow_up", "event_free")
                ),
            )
        )
    return table(
        "Follow-up (reverse Kaplan-Meier: how long patients were watched, deaths aside) and time "
        "to the event, median with 95 % limits. Not reached: fewer than half got there.",
        ("Endpoint", "Transplant", "#Patients", "#Events", "#Median follow-up", "#Median to event"),
        rows,
        empty="no outcome is known",
        grouped=True,
    )


def _median(row: dict, name: str) -> str:
    median, low, high = (row[f"median_{name}{part}_days"] for part in ("", "_low", "_high"))
    if median is None:
        return "not reached"
    until = "not reached" if high is None else f"{high} d"
    return f"{median} d ({'unknown' if low is None else f'{low} d'} to {until})"
