"""Optional model of one cause at one landmark: does a category add to the hazard? For development.

Off unless configured. Which covariates are asked is fixed in the configuration before the data are
seen; nothing is selected.
"""

from collections.abc import Iterable

from aftercar.contracts.cohort import STRATUM_CATEGORIES
from aftercar.evidence.outcomes import Course
from aftercar.evidence.strata import from_landmark, stratum_of
from aftercar.stats.firth_cox import Effect, firth_cox

REFERENCE = "NO_SIGNAL"
USE = "development only"
NOT_A_FINDING = "NOT_ASSESSABLE is not a finding: it says how patients fared who were not tested"


def outcome_model_rows(
    courses: dict[str, Course], risk: Iterable[dict], model: dict
) -> list[dict[str, object]]:
    """Return rows of OUTCOME_MODEL, one per category of each covariate; none without a model.

    `model`: the section evidence/outcome_model of the configuration, off without covariates:
    landmark, cause, covariates (mechanism and target), events_refused_below and events_few_below
    (per coefficient), largest_hazard_ratio, largest_limit_ratio. Each category but NO_SIGNAL that
    occurs is one coefficient: patients who were not assessable stay in, as a group of their own,
    and so do UNDATED ones. Patients whom a covariate does not apply to are not in the model and
    are counted.
    """
    if not model.get("covariates"):
        return []
    day = model["landmark"]
    covariates = [(c["mechanism"], c.get("target", "")) for c in model["covariates"]]
    said = {
        (row["patient_id"], row["mechanism"], row["target"]): stratum_of(row)
        for row in risk
        if row["landmark_day"] == day
    }
    times = {
        patient: found
        for patient, course in courses.items()
        if (found := from_landmark(course, day, "EFS")) is not None
    }
    states = {
        patient: [said.get((patient, *covariate), "NOT_APPLICABLE") for covariate in covariates]
        for patient in times
    }
    inside = [p for p in times if all(s in STRATUM_CATEGORIES for s in states[p])]
    any_event = model["cause"] == "any_event"
    events = [
        times[p][1] != "censored" if any_event else times[p][1] == model["cause"] for p in inside
    ]
    terms = [
        (place, category)
        for place in range(len(covariates))
        for category in STRATUM_CATEGORIES
        if category != REFERENCE and any(states[p][place] == category for p in inside)
    ]
    base: dict[str, object] = {
        "landmark": f"D{day}",
        "landmark_day": day,
        "cause": model["cause"],
        "patients": len(inside),
        "not_applicable": len(times) - len(inside),
        "events": sum(events),
        "parameters": len(terms),
        "use": USE,
    }
    reason = f"D{day} is not one of evidence/landmarks, so nothing was said at it"
    if said:
        reason = _refusal(covariates, states, inside, terms, sum(events), model)
    if reason:
        return [
            base | {"mechanism": mechanism, "target": target, "status": "REFUSED", "reason": reason}
            for mechanism, target in covariates
        ]
    matrix = [[float(states[p][place] == category) for place, category in terms] for p in inside]
    few = sum(events) < model["events_few_below"] * len(terms)
    rows = []
    try:
        effects: list[Effect] = _effects([times[p][0] for p in inside], events, matrix)
    except (ValueError, ArithmeticError) as error:
        return [
            base | {"mechanism": m, "target": t, "status": "REFUSED", "reason": str(error)}
            for m, t in covariates
        ]
    for (place, category), effect in zip(terms, effects, strict=True):
        mechanism, target = covariates[place]
        row = base | {"mechanism": mechanism, "target": target, "category": category}
        rows.append(row | _judged(effect, category, few, model))
    return rows


def _effects(days: list[int], events: list[bool], matrix: list[list[float]]) -> list[Effect]:
    import numpy as np

    return firth_cox(np.array(days), np.array(events), np.array(matrix))


def _refusal(
    covariates: list[tuple[str, str]],
    states: dict[str, list[str]],
    inside: list[str],
    terms: list[tuple[int, str]],
    events: int,
    model: dict,
) -> str:
    """Return why the model is not fitted, or nothing."""
    for place, (mechanism, target) in enumerate(covariates):
        found = {states[p][place] for p in inside}
        if REFERENCE not in found:
            return f"no patient with {REFERENCE} in {mechanism} {target}".strip()
        if found == {REFERENCE}:
            return f"every patient has {REFERENCE} in {mechanism} {target}".strip()
    least = model["events_refused_below"]
    if events < least * len(terms):
        return f"fewer than {least} events per coefficient ({len(terms)} coefficients)"
    return ""


def _judged(effect: Effect, category: str, few: bool, model: dict) -> dict[str, object]:
    ratio, low, high = effect
    largest = model["largest_hazard_ratio"]
    reasons = [NOT_A_FINDING] if category == "NOT_ASSESSABLE" else []
    if not 1 / largest <= ratio <= largest:
        reasons.insert(0, f"hazard ratio beyond {largest}-fold: too little is known")
    if low is None or high is None or high / low > model["largest_limit_ratio"]:
        reasons.insert(0, f"limits more than {model['largest_limit_ratio']}-fold apart")
    if len(reasons) > (category == "NOT_ASSESSABLE"):
        return {"status": "NOT_ESTIMABLE", "reason": "; ".join(reasons)}
    if few:
        reasons.insert(0, f"fewer than {model['events_few_below']} events per coefficient")
    return {
        "status": "FEW_EVENTS" if few else "ESTIMATED",
        "hazard_ratio": ratio,
        "hazard_ratio_low": low,
        "hazard_ratio_high": high,
        "reason": "; ".join(reasons),
    }
