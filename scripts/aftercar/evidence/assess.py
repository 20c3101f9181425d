"""From the measurements of one patient to kinetics, recovery, rules, risk and summary."""

from typing import NamedTuple

from aftercar.evidence.kinetics import kinetics_rows
from aftercar.evidence.landmarks import standing_at
from aftercar.evidence.options import Option, option_rows
from aftercar.evidence.recovery import recovery_rows
from aftercar.evidence.risk import risk_rows
from aftercar.evidence.rulebook import Rulebook
from aftercar.evidence.rules import results_at, rule_rows
from aftercar.evidence.summary import summary_row
from aftercar.evidence.timeline import timeline_of
from aftercar.evidence.toxicity_context import toxicity_rows

LATEST = 1_000_000  # a day after every day of the sheets


class Assessment(NamedTuple):
    """Rows of KINETICS, RECOVERY, RULE_RESULTS, RISK, TOXICITY and OPTIONS; row of PATIENTS."""

    kinetics: list[dict[str, object]]
    recovery: list[dict[str, object]]
    rules: list[dict[str, object]]
    risk: list[dict[str, object]]
    summary: dict[str, object]
    toxicity: list[dict[str, object]]
    options: list[dict[str, object]]


def assess(
    sheets: dict[str, list[dict[str, str]]],
    evidence: list[dict[str, object]],
    rulebook: Rulebook,
    *,
    options: tuple[Option, ...] = (),
    landmarks: list[int],
    max_age_blood_days: int,
    max_age_marrow_days: int,
) -> Assessment:
    """Return what the evidence of one patient says at every landmark.

    `sheets`: his rows of the five sheets as text; `evidence`: his rows of EVIDENCE. Each landmark
    sees only what was collected and known by then. Kinetics, recovery, toxicity and the
    preconditions of `options` (those of options.yaml, or none) look at the whole course.
    """
    patient = sheets["patients"][0]
    patient_id = patient["patient_id"]
    timeline = timeline_of(
        patient,
        sheets["infusions"],
        sheets["events"],
        evidence,
        max_age_blood_days=max_age_blood_days,
        max_age_marrow_days=max_age_marrow_days,
    )
    rules, risk = [], []
    for landmark in sorted(landmarks):
        view = timeline.until(landmark)
        standing = standing_at(view)
        results = results_at(rulebook, view, standing)
        rules += rule_rows(patient_id, landmark, results)
        risk += risk_rows(patient_id, rulebook, view, standing, results)
    whole = timeline.until(LATEST)
    failed = {str(row["sample_id"]) for row in evidence if row["status"] == "FAILED"}
    summary = summary_row(timeline, landmarks, risk, sheets["samples"], failed)
    latest = [row for row in risk if row["landmark"] == summary["landmark"]]
    last_day = summary["last_day"]
    return Assessment(
        kinetics_rows(
            patient_id,
            whole,
            rulebook.recovery["kinetics"],
            rulebook.recovery["attribution"]["transplant_events"],
        ),
        recovery_rows(patient_id, whole, rulebook.recovery),
        rules,
        risk,
        summary,
        toxicity_rows(patient_id, whole, rulebook.recovery["toxicity"]),
        option_rows(
            patient_id,
            options,
            rulebook,
            timeline.until(last_day if isinstance(last_day, int) else 0),
            latest,
        ),
    )
