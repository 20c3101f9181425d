"""Tables of the clinical context: toxicity and therapy, and what the review names as options."""

from aftercar.contracts.specimen import PATIENT_ID
from aftercar.contracts.table import Column, Table
from aftercar.contracts.vocabulary import MEASUREMENT_STATUS, RULE_STATUS

KINDS_OF_CONTEXT = (
    "burden",  # disease before the infusion, with the definition of its class
    "before_infusion",  # therapy before the first infusion: earlier lines, bridging
    "toxicity",  # crs and icans with the grade that their components give
    "infection",
    "virus",  # days on which a virus was found
    "virus_test",  # tests that did not find it, FAILED or could not tell
    "exposure",  # drugs that act on CAR-T cells or on the toxicity
)
AGREEMENTS = ("", "agrees", "disagrees", "not comparable")

_TEXT = Column("string", "text")
_DAY = Column("int64", "days since the first infusion", nullable=True)
_GRADE = Column("int64", "1 to 5; 0: no sign", minimum=0, maximum=5, nullable=True)

TOXICITY = Table(
    name="toxicity and therapy context",
    key=("patient_id", "kind", "name", "day", "item"),
    columns={
        "patient_id": PATIENT_ID,
        "kind": Column("string", "what the row is about", allowed=KINDS_OF_CONTEXT),
        "name": Column("string", "event, drug, virus or burden"),
        "day": _DAY,
        "item": Column("int64", "tells rows of one name and day apart", minimum=1),
        "end_day": _DAY,
        "infusion_no": Column("int64", "latest infusion on that day", minimum=1, nullable=True),
        "onset_days": Column("int64", "first day, counted from that infusion", nullable=True),
        "duration_days": Column(
            "int64", "first to last day, both counted; empty: end not known", nullable=True
        ),
        "grade_entered": _GRADE,
        "grading_system": Column("string", "system of grade_entered; grades are never converted"),
        "grade_astct": Column(
            "int64",
            "from the components (ASTCT, Lee 2019, Biol Blood Marrow Transplant 25:625); where "
            "status is INDETERMINATE, a lower bound",
            minimum=0,
            maximum=5,
            nullable=True,
        ),
        "status": Column("string", "status of the row's value", allowed=MEASUREMENT_STATUS),
        "agreement": Column(
            "string",
            "entered ASTCT grade against components; not comparable: another system, or a lower "
            "bound that contradicts nothing",
            allowed=AGREEMENTS,
        ),
        "value": Column("string", "components, value or days in words"),
        "flags": Column("string", "what a reader must know, separated by '; '"),
    },
)

OPTIONS = Table(
    name="options that the review names",
    key=("patient_id", "option_id"),
    columns={
        "patient_id": PATIENT_ID,
        "option_id": Column("string", "identifier in resources/evidence/options.yaml"),
        "statement": Column("string", "what the review names; no advice"),
        "as_of_day": Column(
            "int64", "day of the latest data: everything as known then", nullable=True
        ),
        "mechanisms": Column("string", "mechanisms it is named for, separated by ;"),
        "observed": Column(
            "string", "signal or relapse of such a mechanism in this patient, or empty"
        ),
        "status": Column(
            "string",
            "all preconditions together: PRESENT (each shown from data), ABSENT (one shown not to "
            "be met), else open",
            allowed=RULE_STATUS,
        ),
        "preconditions": Column(
            "string", "each with status and values, separated by ' | ': name: STATUS (values)"
        ),
        "evidence_ids": Column("string", "rows of resources/evidence, separated by ';'"),
        "literature": _TEXT,
        "conflicts": Column("string", "what the evidence disagrees on, separated by ' | '"),
    },
)
