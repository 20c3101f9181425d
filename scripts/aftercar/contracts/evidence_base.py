"""The published evidence that rules cite: one row per effect, with source and certainty."""

from aftercar.contracts.table import Column, Table

DIRECTIONS = ("harm", "protective", "none", "conflicting", "")
CERTAINTY = ("seen_in_abstract", "computed", "conflicting", "from_memory_must_check")
# Estimates that are oriented effect_of / relative_to: 1 is no effect.
RATIO_TYPES = (
    "HR",
    "HR_univariable",
    "HR_multivariable",
    "HR_pooled",
    "SHR",
    "median_ratio",
)

AGES = ("", "young", "adult")

_TEXT = Column("string", "text")
_NUMBER = Column("float64", "as printed or computed, see certainty", nullable=True)
_COUNT = Column("int64", "patients", minimum=0, nullable=True)
_YES_NO = Column("string", "yes or no", allowed=("yes", "no"))

EVIDENCE_BASE = Table(
    name="evidence base",
    key=("id",),
    columns={
        "id": Column("string", "identifier that rules cite", pattern=r"EV\d{3}"),
        "mechanism": Column("string", "M1 to M7, ANY, KIN (kinetics) or DEF (definition)"),
        "factor": Column("string", "what was studied"),
        "effect_of": Column("string", "group that the estimate speaks of"),
        "relative_to": Column("string", "comparison group, or empty"),
        "direction": Column("string", "empty: descriptive, no contrast", allowed=DIRECTIONS),
        "landmark": Column("string", "when the factor was known or the outcome counted"),
        "outcome": Column("string", "what the effect is on"),
        "estimate_type": Column("string", "kind of estimate"),
        "estimate": _NUMBER,
        "ci_low": _NUMBER,
        "ci_high": _NUMBER,
        "p": Column("string", "as printed"),
        "n": _COUNT,
        "numerator": _COUNT,
        "denominator": _COUNT,
        "printed_percent": Column("string", "as printed, for comparison with the counts"),
        "population": _TEXT,
        "product": _TEXT,
        "diseases": Column("string", "diseases studied, separated by ;, or empty: any"),
        "targets": Column(
            "string",
            "antigens that the CAR bound, separated by ;; none: no CAR-T; empty: any",
            pattern=r"|none|CD\d+(;CD\d+)*",
        ),
        "costimulation": Column(
            "string",
            "of the product, or empty: several or not stated",
            allowed=("", "4-1BB", "CD28"),
        ),
        "ages": Column(
            "string",
            "children and young adults, adults, or empty: both or not stated",
            allowed=AGES,
        ),
        "design": _TEXT,
        "source": Column("string", "first author, year, journal"),
        "doi": Column("string", "DOI or PMCID, or empty"),
        "citation": Column("string", "state of the citation", allowed=("complete", "to_complete")),
        "certainty": Column("string", "how the row is known", allowed=CERTAINTY),
        "indirect": Column("string", "other drug, disease or age", allowed=("yes", "no")),
        "joint_model": Column("string", "rows fitted together share a name"),
        "cohort_overlap": Column("string", "rows from overlapping patients share a name"),
        "display": _YES_NO,
        "note": _TEXT,
    },
)
