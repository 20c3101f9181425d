"""Tables of the cytometry stream."""

from aftercar.contracts.specimen import WHO_WHEN
from aftercar.contracts.table import Column, Table
from aftercar.contracts.vocabulary import MEASUREMENT_STATUS

ROLES = (
    "",
    "leukocytes",
    "lymphocytes",
    "b_cells",
    "hematogones",
    "plasma_cells",
    "t_cells",
    "cd4_t",
    "cd8_t",
    "car_t",  # `target` names the antigen that the CAR binds
    "nk_cells",
    "cd7_positive_t",
    "cd7_negative_t",
    "cd5_positive_t",
    "cd5_negative_t",
    "blasts",  # leukemic blasts by a backbone that does not use the CAR's target
    "antigen_negative_blasts",  # `target` names the antigen
    "myeloid_blasts",
    "beads",  # counting beads of a laboratory's own gates; no cells
)
# INTERNAL: beside negatives of the specimen itself; REFINED: a control's or internal cut, moved to
# a valley or with the specimen's negatives; DATA: a valley alone
CUT_SOURCES = ("WORKSPACE", "CONTROL", "REFERENCE", "INTERNAL", "REFINED", "DATA", "NONE")
BEAD_GATE = "no_beads"  # what lies below the beads in some detector; its limits are of no marker
AGREEMENTS = ("AGREES", "DIFFERS", "NOT_STORED")
# A recomputed count agrees with the one that a workspace stores within the larger of these: what
# two respected programs may differ by at the border of a polygon.
STORED_EVENTS, STORED_SHARE = 3, 0.005
RATIO_SCOPES = ("all_t", "car_negative_t")

_COUNT = Column("int64", "events", minimum=0, nullable=True)
_FRACTION = Column("float64", "fraction, 0 to 1", minimum=0, maximum=1, nullable=True)
_PER_UL = Column("float64", "cells per uL", minimum=0, nullable=True)
_FLAGS = Column("string", "what a reader must know about the value, separated by '; '")
_STATUS = Column("string", "measurement status", allowed=MEASUREMENT_STATUS)

POPULATIONS = Table(
    name="populations",
    key=("sample_id", "gate_path", "denominator"),
    columns=WHO_WHEN
    | {
        "panel": Column("string", "gating template or workspace"),
        "population": Column("string", "name of the gate"),
        "role": Column("string", "what the population stands for in the rules", allowed=ROLES),
        "target": Column("string", "antigen that the role is about (CD19, CD7, ...) or empty"),
        "gate_path": Column("string", "gates from the root to this one, separated by /"),
        "count": _COUNT,
        "denominator": Column("string", "population that the fraction is of"),
        "denominator_count": _COUNT,
        "fraction": _FRACTION,
        "fraction_low": Column(
            "float64", "lower 95 % limit (Wilson)", minimum=0, maximum=1, nullable=True
        ),
        "fraction_high": Column(
            "float64",
            "upper 95 % limit (Wilson, two-sided; 3.84 / N for no event)",
            minimum=0,
            maximum=1,
            nullable=True,
        ),
        "cells_per_ul": _PER_UL,
        "cells_per_ul_low": _PER_UL,
        "cells_per_ul_high": _PER_UL,
        "count_basis": Column(
            "string",
            "how cells_per_ul was obtained, of the specimen named, and with which error "
            "(beads: per tube, counted, lot CV; dual platform: blood count of a day) or empty",
        ),
        "lob_events": Column(
            "float64",
            "limit of blank, the 95 % limit of the events that background alone gives",
            minimum=0,
            nullable=True,
        ),
        "lod_fraction": Column(
            "float64",
            "limit of detection, fraction: lod_events, a convention (a mean of 28 events reaches "
            "20 in 95 % of tubes), or the mean that exceeds the limit of blank in 95 % of tubes, "
            "if that is more",
            minimum=0,
            maximum=1,
            nullable=True,
        ),
        "lloq_fraction": Column(
            "float64",
            "lower limit of quantification, fraction",
            minimum=0,
            maximum=1,
            nullable=True,
        ),
        "status": _STATUS,
        "cut_source": Column("string", "where the cut came from", allowed=CUT_SOURCES),
        "flags": _FLAGS,
    },
)

RATIOS = Table(
    name="ratios",
    key=("sample_id", "ratio_name", "scope"),
    columns=WHO_WHEN
    | {
        "ratio_name": Column("string", "CD7+/CD5+, CD7+/CD7- or CD5+/CD5-"),
        "scope": Column("string", "T cells that were counted", allowed=RATIO_SCOPES),
        "numerator": Column("string", "population above the line"),
        "denominator": Column("string", "population below the line"),
        "numerator_count": _COUNT,
        "denominator_count": _COUNT,
        "cd7pos_cd5pos": _COUNT,
        "cd7pos_cd5neg": _COUNT,
        "cd7neg_cd5pos": _COUNT,
        "cd7neg_cd5neg": _COUNT,
        "ratio": Column("float64", "numerator / denominator", minimum=0, nullable=True),
        "ratio_low": Column("float64", "lower 95 % limit", minimum=0, nullable=True),
        "ratio_high": Column("float64", "upper 95 % limit", minimum=0, nullable=True),
        "log10_ratio": Column(
            "float64", "log10 of the ratio; 0.5 added to both counts of a +/- ratio", nullable=True
        ),
        "status": _STATUS,
        "flags": _FLAGS,
    },
)

BATCH_CUTS = Table(
    name="cuts placed by the controls of a batch",
    key=("batch", "panel", "marker"),
    columns={
        "batch": Column("string", "batch, as in samples.tsv"),
        "panel": Column("string", "gating template"),
        "marker": Column("string", "marker of the panel"),
        "cut": Column("float64", "compensated, linear units of the detector", nullable=True),
        "source": Column("string", "CONTROL, or NONE: no usable control", allowed=CUT_SOURCES),
        "control_sample_id": Column("string", "the control, or empty"),
        "control_events": _COUNT,
        "background_events": _COUNT,
        "background_fraction": _FRACTION,
        "reference": Column("string", "gate of the negatives that tell a shift, or empty"),
        "reference_centre": Column("float64", "of those negatives, e-folds", nullable=True),
        "reference_spread": Column(
            "float64", "of those negatives, e-folds", minimum=0, nullable=True
        ),
        "flags": _FLAGS,
    },
)

CUTS = Table(
    name="cuts used for each specimen",
    key=("sample_id", "gate", "marker"),
    columns={
        "sample_id": WHO_WHEN["sample_id"],
        "patient_id": WHO_WHEN["patient_id"],
        "batch": Column("string", "batch, as in samples.tsv"),
        "panel": Column("string", "gating template or workspace"),
        "gate": Column("string", "name of the gate"),
        "marker": Column("string", "marker or scatter parameter"),
        "channel": Column("string", "detector of the file that carries the marker"),
        "cut": Column("float64", "compensated, linear units of the detector", nullable=True),
        "source": Column("string", "where the cut came from", allowed=CUT_SOURCES),
        "control_sample_id": Column("string", "the control that placed it, or empty"),
        "flags": _FLAGS,
    },
)

# linear: as stored; arcsinh: asinh(value / unit); display: value / unit, for files exported on a
# display scale. A unit of the latter two is one e-fold for bright signals.
AXIS_SCALES = ("linear", "arcsinh", "display")
VIEW_PURPOSES = ("gate", "back_gating")
PICTURE_PIXELS = 100  # per side of a plot
PICTURE_LEVELS = 5  # of density
DENSITY_BINS = 64
DENSITY_RANGE = (-2.6, 10.2)  # units of the axis

_LINEAR = "compensated, linear units of the detector"
_AXIS = Column("string", "scale of the axis", allowed=(*AXIS_SCALES, ""))
_UNIT = Column("float64", "unit of the scale, linear units of the detector", nullable=True)
_END = Column("float64", f"end of the axis, {_LINEAR}", nullable=True)

GATE_VIEWS = Table(
    name="populations drawn in the gate plots",
    key=("sample_id", "view", "layer"),
    columns={
        "sample_id": WHO_WHEN["sample_id"],
        "panel": Column("string", "gating template"),
        "view": Column("int64", "number of the plot within the specimen", minimum=1),
        "purpose": Column(
            "string",
            "gate: a gate over its parent; back_gating: populations over viable events",
            allowed=VIEW_PURPOSES,
        ),
        "layer": Column("int64", "0: what lies below; higher ones are drawn on top", minimum=0),
        "population": Column("string", "name of the gate"),
        "role": Column("string", "what the population stands for", allowed=ROLES),
        "gate_path": Column("string", "gates from the root to this one, separated by /"),
        "events": Column("int64", "events, all of which are drawn", minimum=0, nullable=True),
        "beyond": Column(
            "int64", "of these, beyond the axes: on the border", minimum=0, nullable=True
        ),
        "x": Column("string", "marker or scatter parameter on x"),
        "x_scale": _AXIS,
        "x_unit": _UNIT,
        "x_low": _END,
        "x_high": _END,
        "y": Column("string", "marker or scatter parameter on y"),
        "y_scale": _AXIS,
        "y_unit": _UNIT,
        "y_low": _END,
        "y_high": _END,
        "outline": Column(
            "string",
            "rectangles as `x_low x_high y_low y_high` in linear units, - without such a bound, "
            "separated by ;",
        ),
        "elsewhere": Column("string", "markers off the axes that bound the gate too"),
        "raster": Column(
            "string",
            f"{PICTURE_PIXELS} x {PICTURE_PIXELS} levels of density from the top left, 0 (no "
            f"event) to {PICTURE_LEVELS}, a byte each; zlib, base64; empty: not drawn",
        ),
        "remark": Column("string", "why the population could not be drawn, or empty"),
    },
)

CUT_DENSITIES = Table(
    name="densities on the axis of each cut",
    key=("sample_id", "cut_name"),
    columns={
        "sample_id": WHO_WHEN["sample_id"],
        "patient_id": WHO_WHEN["patient_id"],
        "batch": Column("string", "batch, as in samples.tsv"),
        "panel": Column("string", "gating template"),
        "cut_name": Column("string", "name of the cut in the template, or of the step of cleaning"),
        "marker": Column("string", "marker or scatter parameter"),
        "cut": Column("float64", _LINEAR, nullable=True),
        "source": Column("string", "where the cut came from", allowed=CUT_SOURCES),
        "population": Column("string", "gate whose events are shown: the reference of the cut"),
        "events": _COUNT,
        "scale": _AXIS,
        "unit": _UNIT,
        "centre": Column("float64", "median of the events, units of the axis", nullable=True),
        "shares": Column(
            "string",
            f"events per mille in {DENSITY_BINS} bins from {DENSITY_RANGE[0]} to "
            f"{DENSITY_RANGE[1]} units of the axis, separated by blanks; empty: too few events",
        ),
    },
)

CONCORDANCE = Table(
    name="automated gates against the lab's workspace",
    key=("sample_id", "gate_path"),
    columns={
        "sample_id": WHO_WHEN["sample_id"],
        "patient_id": WHO_WHEN["patient_id"],
        "population": Column("string", "name of the gate in the workspace"),
        "gate_path": Column("string", "gates from the root to this one, separated by /"),
        "count_workspace_stored": _COUNT,
        "count_workspace_gates": _COUNT,
        "difference_percent": Column(
            "float64", "recomputed against stored count, % of the stored one", nullable=True
        ),
        "agreement": Column(
            "string",
            "of recomputed and stored count; DIFFERS: by more than 3 events and 0.5 %",
            allowed=AGREEMENTS,
        ),
        "count_automated": _COUNT,
        "f1": Column("float64", "per-event F1, automated against workspace", nullable=True),
        "flags": _FLAGS,
    },
)
