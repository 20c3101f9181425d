"""Cohort page: outcomes by what the table said at each landmark, recovery, and visits."""

import pandas as pd

from aftercar.contracts.cohort import (
    ALL,
    BEFORE_LANDMARKS,
    CAUSE_OF_MECHANISM,
    CAUSES,
    STRATUM_CATEGORIES,
    TOTALS,
    UNDATED,
)
from aftercar.contracts.vocabulary import MECHANISMS
from aftercar.report.cohort_tables import (
    LEAST_AT_RISK,
    cause_words,
    estimate_at,
)
from aftercar.report.numbers import number, percent, plain_rows
from aftercar.report.outcomes import shown_part
from aftercar.report.small_counts import shown_count, shown_groups
from aftercar.report.tabulate import NOTHING, table
from aftercar.report.words import RISK_SHORT

DAYS_ON = (180, 365)  # days after a landmark, and after the infusion, that tables print
RECOVERY_DAYS = (90, 180, 365)
STRATUM_WORDS = RISK_SHORT | {UNDATED: "Rests on an undated entry"}
LINEAGES = {
    "b_cells": "B-cell recovery",
    "hematogones": "Hematogone recovery",
    "t_cells": "T-cell recovery",
    "cd4_t_cells": "CD4+ T-cell recovery",
    "nk_cells": "NK-cell recovery",
    "neutrophils": "Neutrophil recovery",
    "platelets": "Platelet recovery",
    "car_loss": "Loss of CAR-T",
}


def strata_parts(strata: pd.DataFrame, suppress_below: int) -> list[dict]:
    """Return per mechanism and target the curves by category at each landmark, and their table.

    Groups of fewer than 10 patients have no curve and no estimate, and the table says so; a curve
    ends where fewer than 10 are at risk. No test is made: there would be many.
    """
    parts = []
    asked = strata[strata["mechanism"].isin(list(MECHANISMS))]
    for (mechanism, target), mine in asked.groupby(["mechanism", "target"], sort=True):
        cause = CAUSE_OF_MECHANISM[str(mechanism)]
        panels, rows = [], []
        for _, here in mine.groupby("landmark_day", sort=True):
            landmark = str(here["landmark"].iloc[0])
            lines = []
            groups = {
                category: group
                for category in STRATUM_CATEGORIES
                if len(group := here[here["category"] == category])
            }
            # over all categories the counts stand in the table of every patient
            patients = shown_groups(
                [int(g["patients"].max()) for g in groups.values()], suppress_below
            )
            events = shown_groups(
                [int(g.loc[g["cause"] == cause, "events"].sum()) for g in groups.values()],
                suppress_below,
            )
            for (category, group), *counts in zip(groups.items(), patients, events, strict=True):
                place = STRATUM_CATEGORIES.index(category)
                curve = group[group["cause"] == cause]
                said = STRATUM_WORDS[category]
                rows.append((landmark, said, *counts, *_estimates(group, curve)))
                line = _line(curve)
                if len(line) > 1:
                    lines.append({"label": said, "points": line, "style": place})
            if lines:
                panels.append({"title": f"from {landmark}", "lines": lines})
        parts.append(
            {
                "title": " ".join(p for p in (str(mechanism), MECHANISMS[str(mechanism)]) if p)
                + (f" ({target})" if target else ""),
                "cause": _cause(cause),
                "panels": panels,
                "missing": ""
                if panels
                else f"Not drawn: every group has fewer than {LEAST_AT_RISK} patients at risk.",
                "table": table(
                    f"{mechanism}{f' {target}' if target else ''}: {_cause(cause)} after the "
                    "landmark, among patients free of an event and watched at it",
                    (
                        "Landmark",
                        "Said at the landmark",
                        "#Patients",
                        "#Events",
                        *(f"#{_cause(cause)}, {day} days on" for day in DAYS_ON),
                        *(f"#Any event, {day} days on" for day in DAYS_ON),
                    ),
                    rows,
                    empty="no patient",
                    grouped=True,
                ),
            }
        )
    return parts


def landmark_part(strata: pd.DataFrame, suppress_below: int) -> dict:
    """Return survival from each landmark on over every patient free of an event at it."""
    everybody = strata[strata["mechanism"] == ALL]
    panels, rows = [], []
    for _, here in everybody.groupby("landmark_day", sort=True):
        landmark = str(here["landmark"].iloc[0])
        curves = {cause: here[here["cause"] == cause] for cause in (*TOTALS, *CAUSES)}
        lines = [
            {"label": _cause(cause), "points": line}
            for cause in TOTALS
            if len(line := _line(curves[cause])) > 1
        ]
        if lines:
            panels.append({"title": f"from {landmark}", "lines": lines})
        for cause, curve in curves.items():
            rows.append(
                (
                    landmark,
                    _cause(cause),
                    shown_count(int(here["patients"].max()), suppress_below),
                    shown_count(int(curve["events"].sum()), suppress_below),
                    *(estimate_at(curve, day) for day in DAYS_ON),
                )
            )
    return {
        "panels": panels,
        "missing": ""
        if panels
        else f"Not drawn: fewer than {LEAST_AT_RISK} patients at risk at every landmark.",
        "table": table(
            "From each landmark on, over every patient free of an event and watched at it",
            ("Landmark", "Event", "#Patients", "#Events", *(f"#{day} days on" for day in DAYS_ON)),
            rows,
            empty="no landmark, or no patient with an outcome",
            grouped=True,
        ),
    }


def _cause(cause: str) -> str:
    phenotype = cause in ("antigen_positive", "antigen_negative")
    return f"{cause_words(cause)} relapse" if phenotype else cause_words(cause)


def _estimates(group: pd.DataFrame, curve: pd.DataFrame) -> list[str]:
    any_event = group[group["cause"] == "any_event"]
    return [estimate_at(steps, day) for steps in (curve, any_event) for day in DAYS_ON]


def _line(curve: pd.DataFrame) -> list[list[float | None]]:
    points = plain_rows(curve.sort_values("day"))
    steps = [
        (p["day"], p["at_risk"], p["incidence"], p["incidence_low"], p["incidence_high"])
        for p in points
    ]
    return shown_part(steps, least_at_risk=LEAST_AT_RISK)


def recovery_part(curves: pd.DataFrame, suppress_below: int) -> dict:
    """Return the interval-censored curves of each outcome and the table under them.

    The line is what was seen by a day, the band how much more may have happened by it unseen.
    """
    panels, rows = [], []
    for outcome, mine in curves.groupby("outcome", sort=True):
        lines = []
        for (rule, target), rule_rows in mine.groupby(["rule_id", "target"], sort=True):
            masses = plain_rows(rule_rows.sort_values("after_day"))
            first = masses[0]
            name = f"{rule}{f' ({target})' if target else ''}".replace("_", " ")
            few = first["patients"] < LEAST_AT_RISK
            rows.append(
                (
                    LINEAGES[str(outcome)],
                    name,
                    *(
                        shown_count(first[key], suppress_below)
                        for key in ("patients", "seen", "not_attributable", "unknown")
                    ),
                    *(
                        f"fewer than {LEAST_AT_RISK} patients" if few else share_by(masses, day)
                        for day in RECOVERY_DAYS
                    ),
                )
            )
            points = [] if few else _recovery_line(masses)
            if len(points) > 1:
                lines.append({"label": name, "points": points})
        panels.append(
            {
                "title": LINEAGES[str(outcome)],
                "lines": lines,
            }
        )
    return {
        "panels": panels,
        "table": table(
            "Recovery and loss, interval-censored (Turnbull): what was seen by a day to what may "
            "have happened by it between specimens. Unknown: it could not be told; not in the "
            "curve. No interval of confidence: none is accepted for this estimate.",
            (
                "Outcome",
                "Rule or measure",
                "#Patients",
                "#Seen",
                "#Not attributable",
                "#Unknown",
                *(f"#By D{day}" for day in RECOVERY_DAYS),
            ),
            rows,
            empty="no patient in whom recovery or loss was looked for",
            grouped=True,
        ),
    }


def share_by(masses: list[dict], day: int) -> str:
    """Return the share by a day as text: least to most; words where too few were still watched.

    `masses`: rows of RECOVERY_CURVES of one rule as plain dictionaries in order of days.
    """
    # Beyond the day up to which patients are watched nothing is known, not even a bound.
    watched = [m for m in masses if m["after_day"] < day and m["until_day"] is not None]
    unseen = [m for m in masses if m["until_day"] is None and m["after_day"] < day]
    if unseen or any(m["at_risk"] < LEAST_AT_RISK for m in watched):
        return f"fewer than {LEAST_AT_RISK} at risk"
    least = sum(m["probability"] for m in watched if m["until_day"] <= day)
    most = sum(m["probability"] for m in watched)
    return f"{percent(least)} to {percent(most)}"


def _recovery_line(masses: list[dict]) -> list[list[float | None]]:
    kept = []
    for mass in masses:
        if mass["until_day"] is None or mass["at_risk"] < LEAST_AT_RISK:
            break
        kept.append(mass)
    days = sorted({0, *(m["after_day"] for m in kept), *(m["until_day"] for m in kept)})
    return [
        [
            day,
            (least := sum(m["probability"] for m in kept if m["until_day"] <= day)),
            least,
            min(sum(m["probability"] for m in kept if m["after_day"] <= day), 1.0),
        ]
        for day in days
    ]


def model_table(model: pd.DataFrame, suppress_below: int) -> dict:
    """Return the optional model: hazard ratios against no signal, or why there is none."""
    rows = []
    for row in plain_rows(model):
        names = ("patients", "not_applicable", "events")
        patients, left_out, events = (shown_count(row[name], suppress_below) for name in names)
        ratio = row["status"].lower().replace("_", " ")
        if row["hazard_ratio"] is not None:
            limits = (number(row[f"hazard_ratio_{end}"]) for end in ("low", "high"))
            ratio = f"{number(row['hazard_ratio'])} ({' to '.join(limits)})"
        rows.append(
            (
                f"{row['mechanism']} {row['target']}".strip(),
                STRATUM_WORDS[row["category"]] if row["category"] else "every category",
                patients,
                left_out,
                f"{events} / {row['parameters']}",
                ratio,
                row["reason"] or NOTHING,
            )
        )
    first = model.iloc[0] if len(model) else None
    about = "" if first is None else f" of {_cause(str(first['cause']))} from {first['landmark']}"
    return table(
        f"Cox model{about} with Firth's penalty, against no signal: hazard ratio with 95 % limits "
        "of the profile likelihood. For development only: not to be used for a patient.",
        (
            "Covariate",
            "Category",
            "#Patients",
            "#Not applicable",
            "#Events / coefficients",
            "#Hazard ratio",
            "Remarks",
        ),
        rows,
        empty="no model is configured",
        grouped=True,
    )


def visits_table(visit_rates: pd.DataFrame, suppress_below: int) -> dict:
    """Return how often patients were looked at while in each category."""
    rows = []
    for row in plain_rows(visit_rates):
        few = row["patients"] < suppress_below
        hidden = f"fewer than {suppress_below} patients"
        name = MECHANISMS[row["mechanism"]]
        target = f" ({row['target']})" if row["target"] else ""
        category = row["category"]
        rows.append(
            (
                f"{row['mechanism']} {name}{target}",
                "before the first landmark"
                if category == BEFORE_LANDMARKS
                else RISK_SHORT[category],
                shown_count(row["patients"], suppress_below),
                hidden if few else number(row["patient_months"]),
                hidden if few else f"{row['visits']}",
                hidden if few else number(row["visits_per_month"]),
            )
        )
    return table(
        "Days with a specimen or laboratory value, by the category at the latest landmark passed. "
        "Who is looked at more often has more chances of a finding: a finding and a rate of visits "
        "are not independent.",
        ("Mechanism", "Latest category", "#Patients", "#Patient-months", "#Visits", "#Per month"),
        rows,
        empty="no patient",
        grouped=True,
    )
