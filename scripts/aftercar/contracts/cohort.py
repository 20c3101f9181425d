"""Tables about the whole cohort: follow-up, strata, recovery, visits, and the causes they name."""

from aftercar.contracts.evidence import RISK, SURVIVAL
from aftercar.contracts.table import Column, Table
from aftercar.contracts.vocabulary import MECHANISMS, RISK_CATEGORY

CAUSES = (
    "antigen_positive",
    "antigen_negative",
    "lineage_switch",
    "unknown_phenotype",
    "non_relapse_death",
    "death_without_recorded_remission",
    "no_remission",
)
# What a transplant counts as where it competes; one without a recorded remission is not guessed.
TRANSPLANTS = ("transplant_in_remission", "transplant_remission_unknown")
# A further product in remission changes the course as a transplant does.
COMPETING_THERAPIES = (*TRANSPLANTS, "other_therapy_in_remission")
INCIDENCE_ESTIMANDS = {
    "treatment_policy": CAUSES,
    "hct_or_therapy_competing": CAUSES + COMPETING_THERAPIES,
}
# How relapses of unknown phenotype are counted: the causes that have a row then (none: all).
UNKNOWN_COUNTED_AS: dict[str, tuple[str, ...]] = {
    "own_cause": (),
    "as_antigen_positive": ("antigen_positive", "antigen_negative"),
    "as_antigen_negative": ("antigen_positive", "antigen_negative"),
}
# Events of any cause, and death with or without relapse, beside the causes that compete.
TOTALS = ("any_event", "death_any_cause")
# In the strata of an antigen: an antigen-negative relapse of which another antigen is recorded.
OTHER_ANTIGEN = "other_antigen_negative"
# The cause that each mechanism speaks of. Extramedullary relapse is no cause of its own, nor is
# death without relapse the whole of M6: what a mechanism is held against is named on the page.
CAUSE_OF_MECHANISM = {
    "M1": "antigen_positive",
    "M2": "antigen_negative",
    "M3": "lineage_switch",
    "M4": "antigen_negative",
    "M5": "antigen_positive",
    "M6": "non_relapse_death",
    "M7": "any_event",
}
ALL = "ALL"  # every patient of a landmark, whatever the table says
BEFORE_LANDMARKS = "BEFORE_FIRST_LANDMARK"
# Entries of patients.tsv that may be younger than the landmark: nothing says when they were known.
# baseline_* and prior_* are from before the infusion by definition, kmt2a_rearranged is inborn to
# the disease, extramedullary is asked as before the first infusion; TP53 is sequenced when it is.
UNDATED_FACTS = ("tp53_status",)
UNDATED = "RESTS_ON_UNDATED_ENTRY"
STRATUM_CATEGORIES = (*(word for word in RISK_CATEGORY if word != "NOT_APPLICABLE"), UNDATED)

_PATIENTS = Column("int64", "patients", minimum=0)
_EVENTS = Column("int64", "events", minimum=0)


def _share(description: str) -> Column:
    return Column("float64", description, minimum=0, maximum=1, nullable=True)


def _days(description: str) -> Column:
    return Column("int64", description, minimum=0, nullable=True)


INCIDENCE = Table(
    name="cumulative incidence by cause (Aalen-Johansen)",
    key=("estimand", "unknown_phenotype", "cause", "day"),
    columns={
        "estimand": Column(
            "string",
            "transplants and further infusions in remission ignored, or events that compete",
            allowed=tuple(INCIDENCE_ESTIMANDS),
        ),
        "unknown_phenotype": Column(
            "string",
            "how relapses of unknown phenotype are counted; as_ rows are bounds, not estimates",
            allowed=tuple(UNKNOWN_COUNTED_AS),
        ),
        "cause": Column("string", "competing event", allowed=CAUSES + COMPETING_THERAPIES),
        "day": Column("int64", "days since the first infusion", minimum=0),
        "at_risk": Column("int64", "patients at risk just before the day", minimum=0),
        "events": Column("int64", "events of the cause on the day", minimum=0),
        "incidence": _share("estimate"),
        "incidence_low": _share("95 %"),
        "incidence_high": _share("95 %"),
    },
)

FOLLOW_UP = Table(
    name="follow-up by reverse Kaplan-Meier, and median time free of the event",
    key=("endpoint", "estimand"),
    columns={
        "endpoint": SURVIVAL.columns["endpoint"],
        "estimand": SURVIVAL.columns["estimand"],
        "patients": _PATIENTS,
        "events": _EVENTS,
        "median_follow_up_days": _days("median follow-up; missing: not reached"),
        "median_follow_up_low_days": _days("lower 95 % limit"),
        "median_follow_up_high_days": _days("upper 95 % limit; missing: not reached"),
        "median_event_free_days": _days("median time to the event; missing: not reached"),
        "median_event_free_low_days": _days("lower 95 % limit"),
        "median_event_free_high_days": _days("upper 95 % limit; missing: not reached"),
    },
)

STRATA = Table(
    name="incidence from each landmark on, by what the rules said at it",
    key=("landmark_day", "mechanism", "target", "category", "cause", "day"),
    columns={
        "landmark": RISK.columns["landmark"],
        "landmark_day": RISK.columns["landmark_day"],
        "mechanism": Column("string", "mechanism asked, or ALL", allowed=(*MECHANISMS, ALL)),
        "target": RISK.columns["target"],
        "category": Column(
            "string",
            "what the table said at the landmark, from data up to it; RESTS_ON_UNDATED_ENTRY: a "
            "sign that only tp53_status of patients.tsv gives, which may have been learned later, "
            "even at relapse; ALL: every patient",
            allowed=(*STRATUM_CATEGORIES, ALL),
        ),
        "cause": Column(
            "string",
            "competing event (Aalen-Johansen), any_event or death_any_cause (1 - Kaplan-Meier)",
            allowed=(*CAUSES, OTHER_ANTIGEN, *TOTALS),
        ),
        "day": Column("int64", "days since the landmark", minimum=0),
        "patients": Column(
            "int64", "patients free of an event and watched at the landmark", minimum=0
        ),
        "at_risk": Column("int64", "patients at risk just before the day", minimum=0),
        "events": Column("int64", "events of the cause on the day", minimum=0),
        "incidence": _share("estimate"),
        "incidence_low": _share("log-log 95 %"),
        "incidence_high": _share("log-log 95 %"),
    },
)

RECOVERY_CURVES = Table(
    name="interval-censored recovery and loss of CAR-T (Turnbull)",
    key=("outcome", "rule_id", "target", "after_day"),
    columns={
        "outcome": Column("string", "lineage that recovers, or car_loss"),
        "rule_id": Column("string", "recovery rule, or measure of the CAR"),
        "target": Column("string", "antigen that the CAR binds, or empty"),
        "after_day": Column(
            "int64", "the probability lies after this day since the infusion", minimum=0
        ),
        "until_day": Column(
            "int64", "and up to this one; missing: beyond the last specimens", nullable=True
        ),
        "probability": _share("probability of the interval; where in it cannot be known"),
        "share": _share("probability up to until_day; missing: beyond the last specimens"),
        "at_risk": Column(
            "int64", "patients not known to have got there by after_day, still watched", minimum=0
        ),
        "patients": _PATIENTS,
        "seen": Column("int64", "of them seen to get there, in an interval", minimum=0),
        "not_attributable": Column(
            "int64",
            "of them recovered or watched after a transplant or drug that removes or restores the "
            "lineage, or without CAR-T after a transplant: watched to their last specimen not "
            "recovered (with CAR-T), never counted as recovered (lost)",
            minimum=0,
        ),
        "unknown": Column("int64", "further patients in whom it could not be told", minimum=0),
    },
)

VISIT_RATES = Table(
    name="visits per patient-month by the latest category",
    key=("mechanism", "target", "category"),
    columns={
        "mechanism": RISK.columns["mechanism"],
        "target": RISK.columns["target"],
        "category": Column(
            "string",
            "category at the latest landmark passed; before the first one its own state",
            allowed=(BEFORE_LANDMARKS, *RISK_CATEGORY),
        ),
        "patients": _PATIENTS,
        "patient_months": Column("float64", "time in this category, months of 30.4375 days"),
        "visits": Column("int64", "days with a specimen or laboratory value", minimum=0),
        "visits_per_month": Column("float64", "visits / patient_months", nullable=True),
    },
)

MODEL_STATUS = ("ESTIMATED", "FEW_EVENTS", "NOT_ESTIMABLE", "REFUSED")

OUTCOME_MODEL = Table(
    name="cause-specific Cox model with Firth's penalty (optional)",
    key=("landmark_day", "cause", "mechanism", "target", "category"),
    columns={
        "landmark": RISK.columns["landmark"],
        "landmark_day": RISK.columns["landmark_day"],
        "cause": Column("string", "event; all other causes censor", allowed=CAUSES + TOTALS[:1]),
        "mechanism": RISK.columns["mechanism"],
        "target": RISK.columns["target"],
        "category": Column(
            "string",
            "category at the landmark, against NO_SIGNAL; empty: the whole covariate",
            allowed=("", *STRATUM_CATEGORIES),
        ),
        "patients": Column("int64", "patients in the model", minimum=0),
        "not_applicable": Column(
            "int64", "free of an event at the landmark, but a covariate does not apply", minimum=0
        ),
        "events": Column("int64", "events of the cause after the landmark", minimum=0),
        "parameters": Column("int64", "coefficients of the model", minimum=0),
        "status": Column(
            "string",
            "FEW_EVENTS: below 10 per coefficient; REFUSED: below 5; NOT_ESTIMABLE: hazard ratio "
            "beyond 50 (or 1/50) or limits more than 100-fold apart",
            allowed=MODEL_STATUS,
        ),
        "hazard_ratio": Column("float64", "against NO_SIGNAL", nullable=True),
        "hazard_ratio_low": Column("float64", "95 %, penalised profile likelihood", nullable=True),
        "hazard_ratio_high": Column("float64", "95 %, penalised profile likelihood", nullable=True),
        "reason": Column("string", "why there is no hazard ratio, or what to beware of"),
        "use": Column("string", "development only", allowed=("development only",)),
    },
)
