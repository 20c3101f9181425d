"""Tables that join all streams: measurements, kinetics, recovery, rules, risk, outcomes."""

from aftercar.contracts.specimen import DAY, KNOWN_FROM_DAY, PATIENT_ID
from aftercar.contracts.table import Column, Table
from aftercar.contracts.vocabulary import (
    MEASUREMENT_STATUS,
    MECHANISMS,
    RISK_CATEGORY,
    RULE_STATUS,
    SPECIMENS,
)

STREAMS = ("cytometry", "sequencing", "singlecell", "lab")

# measure: (unit, what it is). `target` of a row names the antigen, gene, transgene or virus.
MEASURES = {
    "car_t_fraction": ("fraction", "CAR+ T cells of T cells, by flow; target: antigen bound"),
    "car_t_per_ul": ("cells/uL", "CAR+ T cells, by flow; target: antigen bound"),
    "car_copies": ("copies/ug", "CAR transgene by qPCR or ddPCR; target: antigen bound"),
    "car_copies_per_genome": ("copies/genome", "CAR transgene per diploid genome; target: antigen"),
    "b_cells_fraction": ("fraction", "normal B cells of lymphocytes"),
    "b_cells_of_leukocytes_fraction": ("fraction", "normal B cells of leukocytes"),
    "b_cells_per_ul": ("cells/uL", "normal B cells"),
    "hematogones_fraction": ("fraction", "B-cell precursors of marrow leukocytes"),
    "t_cells_per_ul": ("cells/uL", "T cells"),
    "cd4_t_per_ul": ("cells/uL", "CD4+ T cells"),
    "cd8_t_per_ul": ("cells/uL", "CD8+ T cells"),
    "nk_cells_per_ul": ("cells/uL", "NK cells"),
    "cd7_cd5_ratio_all_t": ("ratio", "CD7+/CD5+ of all T cells"),
    "cd7_cd5_ratio_car_negative_t": ("ratio", "CD7+/CD5+ of CAR-negative T cells"),
    "cd7_positive_t_fraction": ("fraction", "CD7+ of T cells"),
    "cd5_positive_t_fraction": ("fraction", "CD5+ of T cells"),
    "cd7_negative_t_per_ul": ("cells/uL", "CD7-negative T cells"),
    "flow_mrd_fraction": ("fraction", "blasts by a gate free of the CAR's target, of leukocytes"),
    "ngs_mrd_fraction": ("fraction", "informative IG/TR clonotype, of cells"),
    "antigen_negative_blast_fraction": ("fraction", "antigen-negative of blasts; target: antigen"),
    "myeloid_blast_fraction": ("fraction", "myeloid blasts of leukocytes"),
    "clonotype_shared_with_diagnosis": ("yes=1", "relapse cells carry the diagnostic clonotype"),
    "lof_variant_vaf": ("fraction", "loss-of-function variant (tier T1, T2); target: gene"),
    "uncertain_variant_vaf": ("fraction", "variant of tier T3 or T4; target: gene"),
    "inherited_variant_vaf": ("fraction", "inherited variant of tier T1 to T4; target: gene"),
    "tp53_pathogenic_vaf": ("fraction", "TP53 variant of tier T1 to T3"),
    "gene_callability": ("fraction", "share of the CDS callable at the target VAF; target: gene"),
    "exon2_skipping_fraction": ("fraction", "transcripts without exon 2; target: gene"),
    "exon5_6_skipping_fraction": ("fraction", "transcripts without exons 5 and 6; target: gene"),
    "intron2_retention_fraction": ("fraction", "transcripts with intron 2; target: gene"),
    "loh": ("yes=1", "loss of heterozygosity over the gene; target: gene"),
    "biallelic_loss": ("yes=1", "both copies of the gene hit in the same cells; target: gene"),
    "mutant_cell_fraction": ("fraction", "cells with a loss-of-function variant; target: gene"),
    "antigen_lost_cell_fraction": (
        "fraction",
        "leukemic cells in sub-populations called LOST or REDUCED; target: antigen",
    ),
    "leukemic_cell_fraction": ("fraction", "leukemic of single cells that passed quality"),
    "myeloid_leukemic_cell_fraction": ("fraction", "leukemic cells with a myeloid programme"),
    "wbc": ("cells/uL", "leukocytes, blood count"),
    "alc": ("cells/uL", "lymphocytes, blood count"),
    "anc": ("cells/uL", "neutrophils, blood count"),
    "platelets": ("cells/uL", "platelets, blood count"),
    "hemoglobin": ("g/dL", "hemoglobin"),
    "ldh": ("U/L", "lactate dehydrogenase"),
    "marrow_blasts": ("fraction", "blasts by morphology"),
    "fusion_transcript": ("ratio", "fusion transcript / reference gene; target: fusion"),
    "chimerism_donor": ("fraction", "donor cells"),
    "virus_copies": ("copies/mL", "virus in blood; target: virus"),
    "ice_score": ("score", "ICE score, 0 to 10"),
    "tp53_altered": ("yes=1", "TP53 mutation or del17p reported by another laboratory"),
    "cd19_dim_fraction": ("fraction", "antigen-dim blasts as reported; target: antibody clone"),
    "specimen": ("", "the whole specimen: used only when it FAILED or was NOT_ASSESSED"),
}

_ID = Column("string", "identifier")
_TEXT = Column("string", "text")
_VALUE = Column("float64", "value in `unit`", nullable=True)
_DAY = Column("int64", "days since the first infusion", nullable=True)
_MECHANISM = Column("string", "mechanism of relapse or harm", allowed=tuple(MECHANISMS))
_TARGET = Column("string", "antigen, gene, transgene or virus that the row is about, or empty")
_LANDMARK = Column("string", "name of the landmark", pattern=r"D\d+")
_LANDMARK_DAY = Column("int64", "day of the landmark", minimum=0)

EVIDENCE = Table(
    name="evidence",
    key=("patient_id", "day", "measure", "target", "sample_id", "item"),
    columns={
        "patient_id": PATIENT_ID,
        "day": DAY,
        "specimen": Column("string", "what was collected, or empty", allowed=("", *SPECIMENS)),
        "sample_id": Column(
            "string",
            "row of samples.tsv, or labs:<day>:<specimen>:<analyte> for a laboratory value",
        ),
        "stream": Column("string", "where the value was measured", allowed=STREAMS),
        "measure": Column("string", "what was measured", allowed=tuple(MEASURES)),
        "target": _TARGET,
        "item": Column("string", "what tells rows of one measure apart (a variant, a clone)"),
        "value": _VALUE,
        "low": Column("float64", "lower 95 % limit", nullable=True),
        "high": Column("float64", "upper 95 % limit", nullable=True),
        "unit": Column("string", "unit of value, low, high and limit"),
        "limit": Column("float64", "limit of detection of this very measurement", nullable=True),
        "lloq": Column("float64", "lower limit of quantification", nullable=True),
        "count": Column("int64", "events, fragments or cells counted", minimum=0, nullable=True),
        "total": Column("int64", "events, fragments or cells looked at", minimum=0, nullable=True),
        "status": Column("string", "measurement status", allowed=MEASUREMENT_STATUS),
        "known_from_day": KNOWN_FROM_DAY,
        "source": Column("string", "table and row the value came from"),
        "flags": Column("string", "what a reader must know about the value, separated by '; '"),
    },
)

KINETICS = Table(
    name="CAR-T kinetics",
    key=("patient_id", "infusion_no", "measure", "target"),
    columns={
        "patient_id": PATIENT_ID,
        "infusion_no": Column("int64", "infusion", minimum=1),
        "infusion_day": _DAY,
        "measure": Column("string", "measure and so unit of the curve"),
        "target": _TARGET,
        "unit": Column("string", "unit of cmax_observed"),
        "samples": Column("int64", "specimens that assessed the CAR", minimum=0),
        "sampling_grade": Column(
            "string", "A, B or C (C: no Cmax, Tmax, AUC)", allowed=("A", "B", "C")
        ),
        "cmax_observed": Column("float64", "observed maximum, not the peak", nullable=True),
        "tmax_observed_day": Column("int64", "days after this infusion", nullable=True),
        "auc0_28": Column("float64", "unit x day, linear up, log down", nullable=True),
        "auc_extrapolated_fraction": Column("float64", "share not observed", nullable=True),
        "tlast_day": Column("int64", "last quantified, days after this infusion", nullable=True),
        "loss_after_day": Column(
            "int64", "last positive (exclusive), days since the first infusion", nullable=True
        ),
        "loss_until_day": Column(
            "int64",
            "first confirmed negative (inclusive), days since the first infusion",
            nullable=True,
        ),
        "loss_status": Column(
            "string",
            "rule status of loss of persistence; INDETERMINATE where a transplant came before it",
            allowed=RULE_STATUS,
        ),
        "flags": _TEXT,
    },
)

RECOVERY = Table(
    name="recovery",
    key=("patient_id", "lineage", "rule_id"),
    columns={
        "patient_id": PATIENT_ID,
        "lineage": Column(
            "string",
            "what recovers",
            allowed=(
                "b_cells",
                "hematogones",
                "t_cells",
                "cd4_t_cells",
                "nk_cells",
                "neutrophils",
                "platelets",
            ),
        ),
        "rule_id": _ID,
        "definition": Column("string", "the rule in words, with its thresholds"),
        "status": Column("string", "state by the latest specimens", allowed=RULE_STATUS),
        "recovered_after_day": Column(
            "int64",
            "first confirmed recovery, also if lost again (see remarks): last not recovered before "
            "it (exclusive), days since the first infusion",
            nullable=True,
        ),
        "recovered_until_day": Column(
            "int64",
            "first specimen of that recovery (inclusive), days since the first infusion",
            nullable=True,
        ),
        "since_day": Column(
            "int64", "day of the infusion since which it is looked for", nullable=True
        ),
        "not_recovered_day": Column(
            "int64", "last day seen not recovered before it, or so far", nullable=True
        ),
        "timing": Column(
            "string",
            "early (before 6 months after the infusion), not early, not known (the interval spans "
            "6 months), or empty: not recovered",
            allowed=("", "early", "not early", "not known"),
        ),
        "attribution": Column(
            "string",
            "attributable, or the gates that failed up to the specimen that settled it, separated "
            "by '; '",
        ),
        "values": Column("string", "values that decided, with day and specimen"),
        "remarks": Column("string", "what was not shown, separated by '; '"),
        "evidence_ids": Column("string", "rows of resources/evidence, separated by ';'"),
    },
)

RULE_RESULTS = Table(
    name="rules at landmarks",
    key=("patient_id", "landmark_day", "mechanism", "rule_id", "target"),
    columns={
        "patient_id": PATIENT_ID,
        "landmark": _LANDMARK,
        "landmark_day": _LANDMARK_DAY,
        "mechanism": _MECHANISM,
        "target": _TARGET,
        "rule_id": _ID,
        "rule_version": Column("string", "version of the rule"),
        "status": Column("string", "rule status", allowed=RULE_STATUS),
        "stale": Column("string", "yes: done, but too old", allowed=("yes", "no")),
        "direction": Column("string", "harm, protective, conflicting or none"),
        "grade": Column("string", "A to D"),
        "values": Column(
            "string", "the exact values used: measure=value [low, high] unit, specimen, day"
        ),
        "reason": Column("string", "why this status"),
        "evidence_ids": Column("string", "rows of resources/evidence, separated by ';'"),
        "information_group": Column("string", "rules of one group are one driver"),
    },
)

RISK = Table(
    name="relapse risk by mechanism and landmark",
    key=("patient_id", "landmark_day", "mechanism", "target"),
    columns={
        "patient_id": PATIENT_ID,
        "landmark": _LANDMARK,
        "landmark_day": _LANDMARK_DAY,
        "mechanism": _MECHANISM,
        "target": _TARGET,
        "category": Column("string", "never summed over mechanisms", allowed=RISK_CATEGORY),
        "drivers": Column(
            "string", "rules PRESENT with value, specimen and day, separated by ' | '"
        ),
        "conflicts": Column("string", "what disagrees, separated by ' | '"),
        "evidence_grade": Column("string", "best grade of the drivers, A to D, or empty"),
        "missing_tests": Column("string", "due tests that were not done, separated by '; '"),
        "stale_tests": Column("string", "done, but too old for this landmark, separated by '; '"),
        "tests_done": Column("int64", "adequate tests", minimum=0),
        "tests_due": Column("int64", "tests that this mechanism needs", minimum=0),
        "if_missing_negative": Column(
            "string", "category if all missing tests were negative", allowed=RISK_CATEGORY
        ),
        "if_missing_positive": Column(
            "string", "category if all missing tests were positive", allowed=RISK_CATEGORY
        ),
        "reason": Column("string", "why this category, in one sentence"),
        "evidence_ids": Column("string", "rows of resources/evidence, separated by ';'"),
    },
)

PATIENTS = Table(
    name="patients at their latest landmark",
    key=("patient_id",),
    columns={
        "patient_id": PATIENT_ID,
        "disease": _TEXT,
        "targets": Column("string", "antigens of all infusions, separated by ;"),
        "last_day": Column(
            "int64", "latest day of any specimen, laboratory value or event", nullable=True
        ),
        "landmark": Column("string", "latest landmark with data, or empty", pattern=r"(D\d+)?"),
        **{
            m: Column("string", f"category of {m}: {what}", allowed=RISK_CATEGORY)
            for m, what in MECHANISMS.items()
        },
        "car_t_last": Column("string", "last CAR-T value with its day, or not assessed"),
        "b_cells_last": Column("string", "last B-cell value with its day, or not assessed"),
        "outcome": Column("string", "relapse, death or transplant so far, with day"),
        "specimens": Column("int64", "specimens", minimum=0),
        "specimens_failed": Column("int64", "specimens that FAILED", minimum=0),
    },
)

SURVIVAL = Table(
    name="Kaplan-Meier curves",
    key=("endpoint", "estimand", "day"),
    columns={
        "endpoint": Column("string", "OS, EFS or RFS", allowed=("OS", "EFS", "RFS")),
        "estimand": Column(
            "string",
            "how transplants, and further infusions in remission, are handled",
            allowed=("treatment_policy", "censored_at_hct_or_therapy"),
        ),
        "day": Column("int64", "days since origin", minimum=0),
        "at_risk": Column("int64", "patients at risk just before the day", minimum=0),
        "events": Column("int64", "events on the day", minimum=0),
        "censored": Column("int64", "patients censored on the day", minimum=0),
        "survival": Column("float64", "estimate", minimum=0, maximum=1, nullable=True),
        "survival_low": Column("float64", "log-log 95 %", minimum=0, maximum=1, nullable=True),
        "survival_high": Column("float64", "log-log 95 %", minimum=0, maximum=1, nullable=True),
    },
)
