"""Build patients in a few words: sheet rows as text and measurements as rows of EVIDENCE."""

from functools import cache
from pathlib import Path

import yaml

from aftercar.contracts.evidence import MEASURES
from aftercar.contracts.evidence_base import EVIDENCE_BASE
from aftercar.evidence.assess import Assessment, assess
from aftercar.evidence.evidence_rows import evidence_row
from aftercar.evidence.options import Option, options_of
from aftercar.evidence.rulebook import Rulebook, rulebook_of
from aftercar.io.tables import read_table

ROOT = Path(__file__).parents[3]
LANDMARKS = [28, 63, 90, 180, 270, 365]
FACTS = [
    "age_group",
    "kmt2a_rearranged",
    "tp53_status",
    "extramedullary",
    "cns_status",
    "baseline_burden",
    "baseline_mrd",
    "prior_blinatumomab",
    "prior_inotuzumab",
    "prior_hct",
    "note",
]
INFUSION = dict.fromkeys(
    ["transgene", "scfv_origin", "costimulation", "source", "antigen_blockade"], ""
)
EVENT = dict.fromkeys(
    ["end_day", "grade", "grading_system", "phenotype", "antigen", "site", "detail", "components"],
    "",
)
LAB = dict.fromkeys(["transgene", "value", "lloq", "lod", "status"], "")


@cache
def document(name):
    return yaml.safe_load((ROOT / f"resources/rules/{name}.yaml").read_text())


@cache
def evidence_base():
    return read_table(EVIDENCE_BASE, ROOT / "resources/evidence/evidence.tsv")


@cache
def rulebook() -> Rulebook:
    known = set(evidence_base()["id"])
    return rulebook_of(document("relapse_rules"), document("recovery_rules"), known)


@cache
def clinical(name):
    """A document of resources/evidence."""
    return yaml.safe_load((ROOT / f"resources/evidence/{name}.yaml").read_text())


@cache
def options() -> tuple[Option, ...]:
    known = set(evidence_base()["id"])
    given = clinical("options"), clinical("conflicts")
    return options_of(*given, document("relapse_rules"), known)


def patient(disease="B-ALL", **facts):
    return {"patient_id": "P1", "disease": disease} | dict.fromkeys(FACTS, "") | facts


def infusion(day=0, targets="CD19", number=1, **more):
    return (
        {
            "patient_id": "P1",
            "infusion_no": str(number),
            "day": "" if day is None else str(day),
            "targets": targets,
        }
        | INFUSION
        | more
    )


def event(day, name, **more):
    more = {key: str(value) for key, value in more.items()}
    return {"patient_id": "P1", "day": str(day), "event": name} | EVENT | more


def lab(day, analyte, value, unit, specimen="PB", **more):
    more = {key: str(found) for key, found in more.items()}
    return (
        {
            "patient_id": "P1",
            "day": str(day),
            "specimen": specimen,
            "analyte": analyte,
            "unit": unit,
        }
        | LAB
        | {"value": str(value)}
        | more
    )


def value(day, measure, number, specimen="PB", *, target="", item="", status="QUANTIFIED", **more):
    """A measurement; its specimen is named after specimen and day."""
    return evidence_row(
        patient_id="P1",
        day=day,
        specimen=specimen,
        sample_id=more.pop("sample_id", f"{specimen}{day}"),
        stream=more.pop("stream", "cytometry"),
        measure=measure,
        target=target,
        item=item,
        value=number,
        status=status,
        source="test",
        **more,
    )


def absent(day, measure, limit, specimen="PB", **more):
    """A negative test with its limit of detection."""
    return value(day, measure, None, specimen, status="NOT_DETECTED", limit=limit, **more)


def sheets(facts=None, infusions=None, events=(), samples=(), labs=()):
    return {
        "patients": [facts or patient()],
        "infusions": [infusion()] if infusions is None else list(infusions),
        "samples": list(samples),
        "labs": list(labs),
        "events": list(events),
    }


def judged(evidence, *, landmarks=LANDMARKS, rules=None, **history) -> Assessment:
    return assess(
        sheets(**history),
        sorted(evidence, key=lambda row: (row["day"], row["measure"])),
        rules or rulebook(),
        options=options(),
        landmarks=list(landmarks),
        max_age_blood_days=35,
        max_age_marrow_days=45,
    )


def rule_at(assessment, rule_id, day=90, *, mechanism=None, target=None):
    """The one row of a rule at a landmark."""
    found = [
        row
        for row in assessment.rules
        if row["rule_id"] == rule_id
        and row["landmark_day"] == day
        and mechanism in (None, row["mechanism"])
        and target in (None, row["target"])
    ]
    assert len(found) == 1, (rule_id, [(row["mechanism"], row["target"]) for row in found])
    return found[0]


def risk_at(assessment, mechanism, day=90, *, target=None):
    """The one row of a mechanism at a landmark."""
    found = [
        row
        for row in assessment.risk
        if row["mechanism"] == mechanism
        and row["landmark_day"] == day
        and target in (None, row["target"])
    ]
    assert len(found) == 1, (mechanism, [row["target"] for row in found])
    return found[0]


def measure_unit(measure):
    return MEASURES[measure][0]


# Often needed: aplasia and recovery of B cells under every enabled rule, by flow.
def b_cells(day, fraction, per_ul, **more):
    return [
        value(day, "b_cells_fraction", fraction, **more),
        value(day, "b_cells_of_leukocytes_fraction", fraction / 2, **more),
        value(day, "b_cells_per_ul", per_ul, **more),
    ]


def aplasia(day):
    return [
        absent(day, "b_cells_fraction", 0.0005),
        absent(day, "b_cells_of_leukocytes_fraction", 0.0002),
        absent(day, "b_cells_per_ul", 1),
    ]


def recovered(day):
    return b_cells(day, 0.08, 180)


def car(day, copies, **more):
    return value(day, "car_copies", copies, target="CD19", stream="lab", lloq=50, limit=10, **more)


def no_car(day, limit=10, **more):
    return absent(day, "car_copies", limit, target="CD19", stream="lab", **more)
