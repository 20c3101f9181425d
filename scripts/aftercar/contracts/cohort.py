"""Tables about the whole cohort: follow-up, strata, recovery, visits, and the causes they name."""

from aftercar.contracts.evidence import SURVIVAL
from aftercar.contracts.table import Column, Table

CAUSES = (
    "antigen_positive",
    "antigen_negative",
    "lineage_switch",
    "unknown_phenotype",
    "non_relapse_death",
    "no_remission",
)
# What a transplant counts as where it competes; one without a recorded remission is not guessed.
TRANSPLANTS = ("transplant_in_remission", "transplant_remission_unknown")
INCIDENCE_ESTIMANDS = {
    "treatment_policy": CAUSES,
    "hct_competing": CAUSES + TRANSPLANTS,
}
# How relapses of unknown phenotype are counted: the causes that have a row then (none: all).
UNKNOWN_COUNTED_AS: dict[str, tuple[str, ...]] = {
    "own_cause": (),
    "as_antigen_positive": ("antigen_positive", "antigen_negative"),
    "as_antigen_negative": ("antigen_positive", "antigen_negative"),
}

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
            "transplants ignored, or events that compete",
            allowed=tuple(INCIDENCE_ESTIMANDS),
        ),
        "unknown_phenotype": Column(
            "string",
            "how relapses of unknown phenotype are counted; as_ rows are bounds, not estimates",
            allowed=tuple(UNKNOWN_COUNTED_AS),
        ),
        "cause": Column("string", "competing event", allowed=CAUSES + TRANSPLANTS),
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
