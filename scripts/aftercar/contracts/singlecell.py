"""Tables of the single-cell expression stream."""

from aftercar.contracts.specimen import WHO_WHEN
from aftercar.contracts.table import Column, Table
from aftercar.contracts.vocabulary import ANTIGEN_STATUS, MEASUREMENT_STATUS

IDENTITIES = (
    "leukemic_b",
    "leukemic_t",
    "leukemic_myeloid",
    "normal_b",
    "normal_t",
    "normal_nk",
    "normal_myeloid",
    "normal_progenitor",
    "plasma",
    "b_unresolved",  # B lineage, not known whether leukemic or normal
    "other",
    "low_quality",
)
LEUKEMIC = ("leukemic_b", "leukemic_t", "leukemic_myeloid")
# From the firmest to the weakest.
IDENTITY_EVIDENCE = ("label", "genotype", "clonotype", "copy_number", "marker_score", "none")
# Flag of leukemic cells whose only reference is each other.
SHARED_LOSS_HIDDEN = (
    "compared with other leukemic cells of this specimen: a loss that all of them share would not "
    "show"
)
# Flag of cells among which the screen sees a mixture, followed by its figures.
HIDDEN_NEGATIVE = "cells of unlike level, may be hidden negative cells"
# Flag of a specimen of B-ALL without leukemic B cells, but with cells that may be the leukemia.
LINEAGE_SWITCH_HIDDEN = (
    "said of B-lineage cells alone: a lineage-switched leukemia looks like normal myeloid or "
    "progenitor cells"
)

_FRACTION = Column("float64", "fraction, 0 to 1", minimum=0, maximum=1, nullable=True)
_RATIO = Column("float64", "expression relative to the reference cells", minimum=0, nullable=True)
_FLAGS = Column("string", "what a reader must know about the value, separated by '; '")
_POPULATION = Column("string", "sub-population of cells")
_IDENTITY = Column("string", "what the cells are", allowed=IDENTITIES)
_EVIDENCE = Column("string", "what the identity rests on", allowed=IDENTITY_EVIDENCE)
_ANTIGEN = Column("string", "CD19, CD22, MS4A1 (CD20), CD7, CD5, CD33")

ANTIGEN_LOSS = Table(
    name="antigen loss",
    key=("sample_id", "population", "antigen"),
    columns=WHO_WHEN
    | {
        "population": _POPULATION,
        "identity": _IDENTITY,
        "identity_evidence": _EVIDENCE,
        "antigen": _ANTIGEN,
        "basis": Column(
            "string", "what was counted", allowed=("rna", "protein", "rna+protein", "none")
        ),
        "reference": Column("string", "cells that expression is compared with"),
        "cells": Column("int64", "cells of the sub-population", minimum=0),
        "umis": Column("int64", "molecules of the antigen found", minimum=0, nullable=True),
        "expected_umis": Column(
            "float64", "molecules expected at reference level", minimum=0, nullable=True
        ),
        "relative_expression": _RATIO,
        "relative_expression_low": _RATIO,
        "relative_expression_high": _RATIO,
        "control_expression": Column(
            "float64", "the same ratio for the positive-control genes", minimum=0, nullable=True
        ),
        "p_value": Column("float64", "one-sided", minimum=0, maximum=1, nullable=True),
        "q_value": Column("float64", "Benjamini-Hochberg", minimum=0, maximum=1, nullable=True),
        "status": Column("string", "never a single cell's", allowed=ANTIGEN_STATUS),
        "fraction_of_leukemic": _FRACTION,
        "fraction_of_leukemic_low": _FRACTION,
        "fraction_of_leukemic_high": _FRACTION,
        "detectable_fraction": Column(
            "float64",
            "smallest share of the leukemic cells that would have been called LOST (95 %)",
            minimum=0,
            maximum=1,
            nullable=True,
        ),
        "detectable_reduced_fraction": Column(
            "float64",
            "smallest share of the leukemic cells without the antigen that would have been called "
            "REDUCED or LOST (95 %)",
            minimum=0,
            maximum=1,
            nullable=True,
        ),
        "detectable_hidden_fraction": Column(
            "float64",
            "smallest share of the leukemic cells that the mixture screen would have shown if they "
            "were without the antigen and scattered among the others (95 %)",
            minimum=0,
            maximum=1,
            nullable=True,
        ),
        "flags": _FLAGS,
    },
)

ANTIGEN_POWER = Table(
    name="antigen power",
    key=("sample_id", "antigen", "design", "clone_fraction"),
    columns=WHO_WHEN
    | {
        "antigen": _ANTIGEN,
        "design": Column(
            "string",
            "how a clone without the antigen would show: labelled_lost: a sub-population known by "
            "label, genotype or clusters is called LOST; labelled_reduced: it is called REDUCED or "
            "LOST; unlabelled_screen: hidden among the other cells, the mixture screen shows it; "
            "sampling: five of its cells are among the cells at all",
            allowed=("labelled_lost", "labelled_reduced", "unlabelled_screen", "sampling"),
        ),
        "clone_fraction": Column(
            "float64", "share of the leukemic cells that lack the antigen", minimum=0, maximum=1
        ),
        "power": Column(
            "float64",
            "probability that such a clone would show; empty: could not be computed, see flags",
            minimum=0,
            maximum=1,
            nullable=True,
        ),
        "cells": Column("int64", "cells that carry the antigen by their identity", minimum=0),
        "molecules_per_cell": Column(
            "float64",
            "mean molecules of the antigen in a cell that has it",
            minimum=0,
            nullable=True,
        ),
        "detectable_fraction": Column(
            "float64",
            "smallest share that shows with 95 % probability; empty: none would",
            minimum=0,
            maximum=1,
            nullable=True,
        ),
        "flags": _FLAGS,
    },
)

ANTIGEN_CELLS = Table(
    name="antigen of single cells",
    key=("sample_id", "barcode", "antigen"),
    columns={
        "sample_id": WHO_WHEN["sample_id"],
        "barcode": Column("string", "as in the matrix"),
        "antigen": _ANTIGEN,
        "molecules": Column("int64", "molecules of the antigen in the cell", minimum=0),
        "negative_probability": Column(
            "float64",
            "probability that the cell lacks the antigen, given its molecules, its depth and the "
            "share of such cells in its sub-population; for pictures, never a call on one cell",
            minimum=0,
            maximum=1,
        ),
    },
)

CELL_POPULATIONS = Table(
    name="cell populations",
    key=("sample_id", "population"),
    columns=WHO_WHEN
    | {
        "population": _POPULATION,
        "identity": _IDENTITY,
        "identity_evidence": _EVIDENCE,
        "cells": Column("int64", "cells of the population", minimum=0, nullable=True),
        "total_cells": Column("int64", "cells that passed quality", minimum=0, nullable=True),
        "fraction": _FRACTION,
        "fraction_low": _FRACTION,
        "fraction_high": _FRACTION,
        "detectable_fraction": Column(
            "float64",
            "smallest share of leukemic cells that would have shown as such (95 %): one labelled "
            "cell, or without complete labels as many cells as a cluster of their own needs",
            minimum=0,
            maximum=1,
            nullable=True,
        ),
        "status": Column("string", "measurement status", allowed=MEASUREMENT_STATUS),
        "flags": _FLAGS,
    },
)

CELLS = Table(
    name="cells of the embedding",
    key=("sample_id", "barcode"),
    columns={
        "sample_id": WHO_WHEN["sample_id"],
        "barcode": Column("string", "as in the matrix"),
        "x": Column("float64", "first coordinate of the embedding"),
        "y": Column("float64", "second coordinate of the embedding"),
        "population": _POPULATION,
        "identity": _IDENTITY,
        "umis": Column("int64", "molecules of the cell", minimum=0),
    },
)

_BEFORE = ("YES", "NOT_SEEN", "UNKNOWN")
_DAY = Column("int64", "its day", nullable=True)
_KNOWN_FROM = Column(
    "int64", "first day on which that could be known: later than its own if looked for afterwards",
    nullable=True,
)  # fmt: skip
_FOLD = Column("float64", "interval of the fold (95 %)", minimum=0, nullable=True)

CLONE_HISTORY = Table(
    name="clones over time",
    key=("patient_id", "antigen", "clone"),
    columns={
        "patient_id": WHO_WHEN["patient_id"],
        "antigen": _ANTIGEN,
        "clone": Column(
            "string", "variant, clonotype (chain and CDR3) or the user's name of a sub-population"
        ),
        "basis": Column(
            "string",
            "what the clone of two specimens is matched by, never the number of a cluster",
            allowed=("genotype", "clonotype", "label"),
        ),
        "first_seen_day": Column("int64", "day of the first specimen with cells of the clone"),
        "first_seen_sample": Column("string", "that specimen"),
        "first_seen_cells": Column("int64", "its cells of the clone", minimum=0),
        "first_seen_fraction": _FRACTION,
        "first_seen_fraction_low": _FRACTION,
        "first_seen_fraction_high": _FRACTION,
        "first_seen_known_from_day": _KNOWN_FROM,
        "first_negative_day": Column(
            "int64",
            "day of the first specimen with cells of the clone in sub-populations called LOST",
            nullable=True,
        ),
        "first_negative_sample": Column("string", "that specimen, or empty: there is none"),
        "first_negative_cells": Column("int64", "such cells in it", minimum=0, nullable=True),
        "first_negative_fraction": _FRACTION,
        "first_negative_known_from_day": _KNOWN_FROM,
        "not_seen_before": Column(
            "string",
            "earlier specimens: which share of leukemic cells without the antigen each would have "
            "shown, or that it cannot say",
        ),
        "clone_before_infusion": Column(
            "string",
            "YES: a specimen of day 0 or before holds cells of the clone; NOT_SEEN: one could have "
            "shown them and did not; UNKNOWN: none could",
            allowed=_BEFORE,
        ),
        "clone_before_known_from_day": _KNOWN_FROM,
        "negative_before_infusion": Column(
            "string",
            "the same for cells of the clone in sub-populations called LOST",
            allowed=_BEFORE,
        ),
        "negative_before_known_from_day": _KNOWN_FROM,
        "limit_before_infusion": Column(
            "float64",
            "smallest share of the leukemic cells that a specimen of day 0 or before would have "
            "shown without the antigen, where negative_before_infusion is NOT_SEEN",
            minimum=0,
            maximum=1,
            nullable=True,
        ),
        "latest_day": _DAY,
        "latest_sample": Column("string", "the latest specimen whose cells could show the clone"),
        "latest_cells": Column("int64", "its cells of the clone", minimum=0, nullable=True),
        "latest_fraction": _FRACTION,
        "latest_fraction_low": _FRACTION,
        "latest_fraction_high": _FRACTION,
        "latest_negative_cells": Column(
            "int64", "its cells of the clone in sub-populations called LOST", minimum=0
        ),
        "latest_negative_fraction": _FRACTION,
        "latest_negative_fraction_low": _FRACTION,
        "latest_negative_fraction_high": _FRACTION,
        "fold_per_30_days": Column(
            "float64",
            "growth of the clone's share of the leukemic cells from first to latest specimen; none "
            "by genotype",
            minimum=0,
            nullable=True,
        ),
        "fold_per_30_days_low": _FOLD,
        "fold_per_30_days_high": _FOLD,
        "status": Column(
            "string",
            "of the clone's cells without the antigen in the latest specimen",
            allowed=MEASUREMENT_STATUS,
        ),
        "flags": _FLAGS,
    },
)
