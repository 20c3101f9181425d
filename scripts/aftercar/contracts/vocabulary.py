"""The words that may stand in status columns. Three vocabularies, never mixed."""

MEASUREMENT_STATUS = (
    "QUANTIFIED",  # at or above the lower limit of quantification
    "DETECTED_BELOW_LLOQ",
    "NOT_DETECTED",  # only with an adequate limit of detection, which is printed
    "INDETERMINATE",  # ran, but cannot tell: too few events, reads or cells
    "NOT_ASSESSED",  # not done
    "NOT_APPLICABLE",
    "FAILED",  # the specimen could not be read or did not pass quality
)

RULE_STATUS = (
    "PRESENT",
    "ABSENT",  # only after an adequate test, whose sensitivity is printed
    "INDETERMINATE",
    "NOT_ASSESSED",  # not done, or older than the rule allows (stale)
    "NOT_APPLICABLE",
    "CONFLICTING",
)

RISK_CATEGORY = (
    "SIGNAL",
    "SIGNAL_CONFLICTING",
    "NO_SIGNAL",  # only when the named minimum set of adequate tests was done
    "NOT_ASSESSABLE",
    "NOT_APPLICABLE",
)

ANTIGEN_STATUS = ("LOST", "REDUCED", "RETAINED", "NOT_EVALUABLE", "NOT_APPLICABLE")

CHECK_VERDICT = ("PASS", "FLAG", "FAIL", "NOT_POSSIBLE")

MECHANISMS = {
    "M1": "antigen-positive relapse",
    "M2": "antigen-negative or antigen-dim relapse",
    "M3": "lineage switch",
    "M4": "T-lineage antigen-negative relapse",
    "M5": "T-lineage antigen-positive relapse",
    "M6": "non-relapse mortality, infection, T-cell aplasia",
    "M7": "extramedullary disease",
}
# Mechanisms that a relapse does not close.
AFTER_RELAPSE = ("M7",)

SPECIMENS = ("PB", "BM", "CSF", "tissue", "product", "control")
ASSAYS = ("flow", "dna", "rna", "scrna", "scdna")
YES_NO = ("yes", "no", "unknown")
