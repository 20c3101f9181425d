"""The page of the cohort: patients by mechanism, completeness of tests, outcomes, small numbers."""

from collections.abc import Mapping

import pandas as pd

from aftercar.contracts.cohort import CAUSES, COMPETING_THERAPIES
from aftercar.contracts.evidence import PATIENTS
from aftercar.contracts.vocabulary import AFTER_RELAPSE, MECHANISMS, RISK_CATEGORY
from aftercar.report.cohort_tables import (
    AT_RISK_DAYS,
    ENDPOINTS,
    ESTIMANDS,
    LEAST_AT_RISK,
    bounds_table,
    cause_words,
    follow_up_table,
)
from aftercar.report.course import sparkline
from aftercar.report.course_end import course_end, course_text
from aftercar.report.numbers import day_text, percent, plain_rows
from aftercar.report.outcomes import Step, shown_part, step_chart
from aftercar.report.patient import RESEARCH_USE
from aftercar.report.small_counts import shown_count, shown_parts
from aftercar.report.statements import short_value
from aftercar.report.strata import (
    landmark_part,
    model_table,
    recovery_part,
    strata_parts,
    visits_table,
)
from aftercar.report.tabulate import NOTHING, table
from aftercar.report.words import RISK_SHORT

# The curve of a measure stands for the CAR or the B cells: the first that has two values.
SPARK_MEASURES = {
    "car": ("car_copies", "car_copies_per_genome", "car_t_per_ul", "car_t_fraction"),
    "b_cells": ("b_cells_per_ul", "b_cells_fraction", "b_cells_of_leukocytes_fraction"),
}
POINT = ("day", "value", "low", "high", "limit", "lloq", "status")
# One letter per category keeps a page of 2,000 patients small.
SERIOUS_FIRST = ("SIGNAL", "SIGNAL_CONFLICTING", "NOT_ASSESSABLE", "NO_SIGNAL", "NOT_APPLICABLE")
LETTER = dict(zip(RISK_CATEGORY, "scoun", strict=True))
REMITTED = {"RFS": " (only patients whose dated complete remission came before any event)"}
LOOKS = CAUSES + COMPETING_THERAPIES
INCIDENCE_TITLES = {
    "treatment_policy": "Cumulative incidence, transplants and other therapy ignored",
    "hct_or_therapy_competing": "Cumulative incidence, transplants and other therapy compete",
}
NAMED = 10  # patients left out that are named


def cohort_content(
    patients: pd.DataFrame,
    risk: pd.DataFrame,
    evidence: pd.DataFrame,
    survival: pd.DataFrame,
    incidence: pd.DataFrame,
    follow_up: pd.DataFrame,
    strata: pd.DataFrame,
    recovery_curves: pd.DataFrame,
    visit_rates: pd.DataFrame,
    outcome_model: pd.DataFrame,
    *,
    versions: dict[str, str],
    code: str,
    cohort: str,
    suppress_below: int,
    left_out: list[str],
    pages: Mapping[str, Mapping[str, str]] | None = None,
) -> dict:
    """Return what the cohort page shows, from its tables, in this order.

    Counts of patients from 1 to `suppress_below` - 1 are written `< suppress_below`. `left_out`
    are the patients that the curves could not take in. `pages` are the addresses of the pages of
    `patients` by name and on `quality` by shard, where shards were joined; a patient whose page is
    not among them is named without a link. None: all pages stand beside this one.
    """
    if pages is None:
        own = {name: f"patients/{name}.html" for name in patients["patient_id"]}
        pages = {"patients": own, "quality": {"": "quality.html"}}
    curves = _curves(evidence)
    own_cause = incidence[incidence["unknown_phenotype"] == "own_cause"]
    patients = _before_the_end(patients, risk)
    tests = _tests_at_latest(patients, risk)
    days = dict(zip(risk["landmark"], risk["landmark_day"], strict=True))
    rows = [
        _patient_row(row, curves, tests, days)
        | {"page": pages["patients"].get(row["patient_id"], "")}
        for row in plain_rows(patients)
    ]
    return {
        "cohort": cohort,
        "intended_use": RESEARCH_USE,
        "mechanisms": dict(MECHANISMS),
        "patients": rows,
        "quality_pages": dict(pages["quality"]),
        "specimens": int(patients["specimens"].sum()),
        "specimens_failed": int(patients["specimens_failed"].sum()),
        "diseases": sorted(set(patients["disease"])),
        "categories": [
            {"letter": LETTER[word], "text": RISK_SHORT[word]} for word in RISK_CATEGORY
        ],
        "counts": _category_counts(patients, suppress_below),
        "completeness": _completeness(patients, risk, suppress_below),
        "survival": _outcome(survival, "endpoint", "estimand", "survival"),
        "incidence": _outcome(own_cause, "estimand", "cause", "incidence"),
        "in_curves": in_curves(survival, own_cause, len(patients), left_out, suppress_below),
        "at_risk": [
            *_at_risk_tables(survival, own_cause, suppress_below),
            bounds_table(incidence),
            follow_up_table(follow_up, suppress_below),
        ],
        "landmarks": landmark_part(strata, suppress_below),
        "strata": strata_parts(strata, suppress_below),
        "recovery": recovery_part(recovery_curves, suppress_below),
        "visits": visits_table(visit_rates, suppress_below),
        "model": model_table(outcome_model, suppress_below),
        "suppress_below": suppress_below,
        "versions": versions,
        "code": code,
    }


def _before_the_end(patients: pd.DataFrame, risk: pd.DataFrame) -> pd.DataFrame:
    """Return patients whose clock has ended with the categories of their last landmark before.

    What a mechanism of AFTER_RELAPSE says since then stays.
    """
    closing = [name for name in MECHANISMS if name not in AFTER_RELAPSE]
    ended = (patients[closing] == "NOT_APPLICABLE").all(axis=1)
    theirs = risk[risk["patient_id"].isin(patients.loc[ended, "patient_id"])]
    last = patients[["patient_id", "landmark"]].rename(columns={"landmark": "last"})
    days = dict(zip(risk["landmark"], risk["landmark_day"], strict=True))
    theirs = theirs.merge(last, on="patient_id")
    theirs = theirs[theirs["landmark_day"] < theirs["last"].map(days)]
    theirs = theirs[theirs["category"] != "NOT_APPLICABLE"]
    closable = theirs[~theirs["mechanism"].isin(AFTER_RELAPSE)]
    running = closable.groupby("patient_id")["landmark_day"].max()
    theirs = theirs[theirs["landmark_day"] == theirs["patient_id"].map(running.to_dict())]
    found: dict[str, tuple[str, dict[str, set[str]]]] = {}
    for row in plain_rows(theirs):
        _, categories = found.setdefault(row["patient_id"], (row["landmark"], {}))
        categories.setdefault(row["mechanism"], set()).add(row["category"])
    rows = plain_rows(patients)
    for row in rows:
        if row["patient_id"] in found:
            row["landmark"], categories = found[row["patient_id"]]
            for mechanism in MECHANISMS:
                words = categories.get(mechanism, {"NOT_APPLICABLE"})
                if row[mechanism] == "NOT_APPLICABLE":
                    row[mechanism] = next(word for word in SERIOUS_FIRST if word in words)
    return PATIENTS.frame(rows)


def _curves(evidence: pd.DataFrame) -> dict[str, dict[str, str]]:
    """Return per patient the path of the CAR and of the B-cell curve."""
    wanted = {measure for measures in SPARK_MEASURES.values() for measure in measures}
    rows = evidence[evidence["measure"].isin(wanted)]
    columns = ["patient_id", "measure", "target", *POINT]
    series: dict[tuple[str, str], dict[str, list[dict]]] = {}
    for row in plain_rows(rows[columns].sort_values(["patient_id", "day"], kind="stable")):
        mine = series.setdefault((str(row["patient_id"]), str(row["measure"])), {})
        mine.setdefault(str(row["target"]), []).append(row)
    curves: dict[str, dict[str, str]] = {}
    for patient in {name for name, _ in series}:
        curves[patient] = {
            kind: next(
                (
                    path
                    for measure in measures
                    for _, points in sorted(series.get((patient, measure), {}).items())
                    if (path := sparkline(points))
                ),
                "",
            )
            for kind, measures in SPARK_MEASURES.items()
        }
    return curves


def _tests_at_latest(patients: pd.DataFrame, risk: pd.DataFrame) -> dict[str, tuple[int, int]]:
    """Return per patient the tests done and due at the latest landmark, over all mechanisms."""
    latest = patients[["patient_id", "landmark"]].merge(risk, on=["patient_id", "landmark"])
    sums = latest.groupby("patient_id")[["tests_done", "tests_due"]].sum()
    return {
        str(name): (int(done), int(due))
        for name, done, due in zip(sums.index, sums["tests_done"], sums["tests_due"], strict=True)
    }


def _patient_row(
    row: dict,
    curves: dict[str, dict[str, str]],
    tests: dict[str, tuple[int, int]],
    days: dict[str, int],
) -> dict[str, object]:
    landmark = row["landmark"]
    if landmark and course_end([], row, days[landmark])["later"]:
        landmark = f"{landmark}, before"
    done, due = tests.get(row["patient_id"], (0, 0))
    drawn = curves.get(row["patient_id"], {})
    return {
        "patient_id": row["patient_id"],
        "disease": row["disease"],
        "targets": row["targets"].replace(";", " "),
        "landmark": landmark or "no data",
        "last_day": "no day" if row["last_day"] is None else day_text(row["last_day"]),
        "categories": [{"letter": LETTER[row[m]], "text": RISK_SHORT[row[m]]} for m in MECHANISMS],
        "car": drawn.get("car", ""),
        "car_last": short_value(row["car_t_last"]) or "not assessed",
        "b_cells": drawn.get("b_cells", ""),
        "b_cells_last": short_value(row["b_cells_last"]) or "not assessed",
        "tests": f"{done} of {due}" if due else "no landmark",
        "outcome": course_text(row["outcome"]) or NOTHING,
        "specimens": row["specimens"],
        "failed": row["specimens_failed"],
    }


def _category_counts(patients: pd.DataFrame, suppress_below: int) -> dict:
    """Return how many patients have each category at their latest landmark, by mechanism."""
    rows = [
        (
            f"{mechanism} {title}",
            *shown_parts(
                [int((patients[mechanism] == word).sum()) for word in RISK_CATEGORY],
                suppress_below,
            ),
        )
        for mechanism, title in MECHANISMS.items()
    ]
    return table(
        "Patients by category at their latest landmark",
        ("Mechanism", *(f"#{RISK_SHORT[word]}" for word in RISK_CATEGORY)),
        rows,
        empty="no patient",
    )


def _completeness(patients: pd.DataFrame, risk: pd.DataFrame, suppress_below: int) -> dict:
    """Return the share of due tests that were done, over patients who reached the landmark."""
    last = patients.set_index("patient_id")["last_day"].astype("float64")
    reached = risk[
        (risk["patient_id"].map(last) >= risk["landmark_day"])
        & (risk["category"] != "NOT_APPLICABLE")
    ]
    landmarks = sorted(set(zip(risk["landmark_day"], risk["landmark"], strict=True)))
    rows = []
    for mechanism, title in MECHANISMS.items():
        cells = []
        for _, name in landmarks:
            mine = reached[(reached["mechanism"] == mechanism) & (reached["landmark"] == name)]
            known = mine["patient_id"].nunique()
            done, due = int(mine["tests_done"].sum()), int(mine["tests_due"].sum())
            if not known:
                cells.append("no patient")
            elif known < suppress_below:
                cells.append(f"fewer than {suppress_below} patients")
            else:
                share = f"{percent(done / due)} ({done} of {due})" if due else "no test due"
                cells.append(f"{share}, {known} patients")
        rows.append((f"{mechanism} {title}", *cells))
    return table(
        "Tests done of tests due, over patients with data up to the landmark. Who is tested "
        "more often "
        "is often who looks ill: a share below 100 % is not missing at random.",
        ("Mechanism", *(name for _, name in landmarks)),
        rows,
        empty="no patient",
    )


def _outcome(curves: pd.DataFrame, panel: str, line: str, estimate: str) -> list[dict]:
    """Return per panel the curves as far as enough patients are at risk."""
    panels = []
    for name, mine in curves.groupby(panel, sort=False):
        lines: list[dict] = []
        for label, steps in mine.groupby(line, sort=False):
            points = plain_rows(
                steps[["day", "at_risk", estimate, f"{estimate}_low", f"{estimate}_high"]]
            )
            kept = shown_part(
                [_step(point, estimate) for point in points], least_at_risk=LEAST_AT_RISK
            )
            known = ESTIMANDS.get(str(label), cause_words(str(label)))
            # a cause looks the same in every chart
            style = LOOKS.index(str(label)) if str(label) in LOOKS else len(lines)
            lines.append({"label": known, "points": kept, "style": style})
        panels.append(
            {"title": ENDPOINTS.get(str(name)) or INCIDENCE_TITLES[str(name)], "lines": lines}
        )
    return panels


def _step(point: dict, estimate: str) -> Step:
    limits = point[f"{estimate}_low"], point[f"{estimate}_high"]
    return point["day"], point["at_risk"], point[estimate], *limits


def in_curves(
    survival: pd.DataFrame,
    incidence: pd.DataFrame,
    patients: int,
    left_out: list[str],
    suppress_below: int,
) -> list[str]:
    """Say how many patients are in the curves, who is left out and why, and where each begins."""
    if left_out:
        named = ", ".join(left_out[:NAMED])
        more = f" and {len(left_out) - NAMED} more" if len(left_out) > NAMED else ""
        told = (
            f"{patients - len(left_out)} of {patients} patients have an outcome here; "
            f"{len(left_out)} {'is' if len(left_out) == 1 else 'are'} left out ({named}{more}): "
            "no day of the first infusion, or nothing dated after it."
        )
    else:
        told = f"All {patients} patients have an outcome here."
    begins = [
        (ENDPOINTS[name], survival[survival["endpoint"] == name]["at_risk"], REMITTED.get(name, ""))
        for name in ENDPOINTS
    ]
    begins.append(("Cumulative incidence", incidence["at_risk"], ""))
    numbers = (
        f"{title}: {shown_count(int(at_risk.max()) if len(at_risk) else 0, suppress_below)}{only}"
        for title, at_risk, only in begins
    )
    return [told, f"Patients at the start: {'; '.join(numbers)}."]


def _at_risk_tables(
    survival: pd.DataFrame, incidence: pd.DataFrame, suppress_below: int
) -> list[dict]:
    """Return numbers at risk and events so far under each curve."""
    tables = []
    for caption, frame, names in (
        ("Survival: patients at risk / events so far", survival, ("endpoint", "estimand")),
        ("Competing events: patients at risk / events so far", incidence, ("estimand", "cause")),
    ):
        rows = []
        for _, steps in frame.groupby(list(names), sort=False):
            first = steps.iloc[0]
            label = ", ".join(
                ESTIMANDS.get(str(first[n]), cause_words(str(first[n]))) for n in names
            )
            rows.append((label, *(_at_risk(steps, day, suppress_below) for day in AT_RISK_DAYS)))
        tables.append(
            table(
                caption,
                ("Curve", *(f"#D{day}" for day in AT_RISK_DAYS)),
                rows,
                empty="no outcome is known",
            )
        )
    return tables


def _at_risk(steps: pd.DataFrame, day: int, suppress_below: int) -> str:
    later = steps[steps["day"] >= day]
    at_risk = int(later.iloc[0]["at_risk"]) if len(later) else 0
    events = int(steps.loc[steps["day"] <= day, "events"].sum())
    return f"{shown_count(at_risk, suppress_below)} / {shown_count(events, suppress_below)}"


def cohort_figures(content: dict) -> dict[str, list]:
    """Return the plots of outcomes, of each part of the strata and of recovery.

    Where too few are at risk there are words instead of a curve.
    """
    told = "Estimate with 95 % limits over days; numbers stand in the table below."
    return {
        "outcomes": [
            _plot(panel, panel["title"], told)
            for panel in [*content["survival"], *content["incidence"]]
        ],
        "landmarks": [
            _plot(panel, panel["title"], told) for panel in content["landmarks"]["panels"]
        ],
        "strata": [
            [
                _plot(panel, panel["title"], f"{part['cause']} after the landmark. {told}")
                for panel in part["panels"]
            ]
            for part in content["strata"]
        ],
        "recovery": [
            _plot(
                panel,
                panel["title"],
                "Line: share seen by the day. Band: how much more may have happened between "
                "specimens. Numbers stand in the table below.",
            )
            for panel in content["recovery"]["panels"]
        ],
    }


def _plot(panel: dict, title: str, description: str) -> dict[str, object]:
    drawn = [line for line in panel["lines"] if len(line["points"]) > 1]
    return {
        "title": title,
        "svg": step_chart(drawn, title=title, description=description) if drawn else "",
        "missing": "" if drawn else f"Not drawn: fewer than {LEAST_AT_RISK} patients at risk.",
    }
