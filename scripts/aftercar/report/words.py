"""The words, and the kind of sign, in which pages say what a table's status word means."""

import re

# Kind of sign -> what it looks like is in templates/signs.svg.j2 and the style sheet. Every sign
# differs from the others in shape as well as in colour, so that it survives a grey-scale printer.
RISK_WORDS = {
    "SIGNAL": ("Signal present", "signal"),
    "SIGNAL_CONFLICTING": ("Signal present, evidence conflicting", "conflict"),
    "NO_SIGNAL": ("No signal in adequate tests", "clear"),
    "NOT_ASSESSABLE": ("Not assessable", "unknown"),
    "NOT_APPLICABLE": ("Not applicable", "na"),
}
RISK_SHORT = {
    "SIGNAL": "Signal",
    "SIGNAL_CONFLICTING": "Conflicting",
    "NO_SIGNAL": "No signal",
    "NOT_ASSESSABLE": "Not assessable",
    "NOT_APPLICABLE": "n/a",
}
# What the category would be if the missing tests were known; never the words of a real category.
BOUND_WORDS = {
    "SIGNAL": "a signal",
    "SIGNAL_CONFLICTING": "a conflicting signal",
    "NO_SIGNAL": "free of a signal",
    "NOT_ASSESSABLE": "still not assessable",
    "NOT_APPLICABLE": "not applicable",
}
RULE_WORDS = {
    "PRESENT": ("Present", "present"),
    "ABSENT": ("Absent, adequate test", "clear"),
    "INDETERMINATE": ("Cannot tell", "cannot"),
    "NOT_ASSESSED": ("Not tested", "unknown"),
    "NOT_APPLICABLE": ("Does not apply", "na"),
    "CONFLICTING": ("Conflicting", "conflict"),
}
# What is present or absent in these two tables is the loss and the recovery, not the cells.
LOSS_WORDS = RULE_WORDS | {
    "PRESENT": ("Lost", "present"),
    "ABSENT": ("No loss seen", "clear"),
}
RECOVERY_WORDS = RULE_WORDS | {
    "PRESENT": ("Recovered", "present"),
    "ABSENT": ("Not recovered, adequate test", "clear"),
}
MEASUREMENT_WORDS = {
    "QUANTIFIED": ("Quantified", "present"),
    "DETECTED_BELOW_LLOQ": ("Detected below LLOQ", "trace"),
    "NOT_DETECTED": ("Not detected", "clear"),
    "INDETERMINATE": ("Cannot tell", "cannot"),
    "NOT_ASSESSED": ("Not tested", "unknown"),
    "NOT_APPLICABLE": ("Does not apply", "na"),
    "FAILED": ("FAILED", "failed"),
}
# Of the coding bases of a gene: what is found or not is a loss of function.
CALLABILITY_WORDS = MEASUREMENT_WORDS | {
    "QUANTIFIED": ("Loss of function found", "present"),
    "NOT_DETECTED": ("None found where callable", "clear"),
}
ANTIGEN_WORDS = {
    "LOST": ("Lost", "signal"),
    "REDUCED": ("Reduced", "conflict"),
    "RETAINED": ("Retained", "clear"),
    "NOT_EVALUABLE": ("Not evaluable", "unknown"),
    "NOT_APPLICABLE": ("Does not apply", "na"),
}
VERDICT_WORDS = {
    "PASS": ("Pass", "clear"),
    "FLAG": ("Flag", "conflict"),
    "FAIL": ("FAILED", "failed"),
    "NOT_POSSIBLE": ("Not possible", "unknown"),
}
ORIGIN_WORDS = {
    "SOMATIC": "acquired",
    "GERMLINE": "inherited",
    "POLYMORPHISM": "common in the population",
    "POSSIBLY_GERMLINE": "possibly inherited",
    "NOT_DETERMINED": "not determined",
}
# What a remark excludes, where the origin itself stays open.
ORIGIN_EXCLUDED = (
    ("NOT_DETERMINED", "not inherited, unless from a donor", "not inherited, unless from a donor"),
    ("NOT_DETERMINED", "too little to be inherited", "not inherited: a trace in the normal"),
    ("POLYMORPHISM", "not inherited", "common in the population, but not in the matched normal"),
)
HISTORY_WORDS = {
    "PRE_EXISTING": ("Present before the infusion", "present"),
    "INHERITED": ("Inherited: in all cells", "na"),
    "POSSIBLY_INHERITED": ("Present before the infusion, possibly inherited", "present"),
    "NOT_DETECTED_BEFORE": ("Not detected before the infusion", "clear"),
    "NOT_ASSESSABLE": ("Not assessable", "unknown"),
}
LOH_WORDS = {
    "LOH": ("Allele lost", "signal"),
    "NO_LOH": ("No loss seen", "cannot"),
    "IMBALANCE": ("Uneven alleles: loss or gain", "conflict"),
    "NOT_INFORMATIVE": ("Not informative", "unknown"),
}
COPY_WORDS = {
    "BIALLELIC": ("Both copies hit", "signal"),
    "MONOALLELIC": ("One copy hit", "conflict"),
    "NO_HIT": ("No hit found", "clear"),
    "SUBCLONAL_ALTERNATIVES": ("Alternatives: not added up", "conflict"),
    "SAME_CELLS_PHASE_UNKNOWN": ("Same cells, copies not told", "conflict"),
    "CIS": ("On one copy", "conflict"),
    "NOT_CIS": ("Not on one copy", "conflict"),
    "NOT_DETERMINED": ("Not determined", "unknown"),
}
STATUS_WORDS = {
    "risk": RISK_WORDS,
    "rule": RULE_WORDS,
    "loss": LOSS_WORDS,
    "recovery": RECOVERY_WORDS,
    "measurement": MEASUREMENT_WORDS,
    "callability": CALLABILITY_WORDS,
    "antigen": ANTIGEN_WORDS,
    "verdict": VERDICT_WORDS,
    "loh": LOH_WORDS,
    "history": HISTORY_WORDS,
    "copies": COPY_WORDS,
}

SPECIMEN_WORDS = {
    "PB": "blood",
    "BM": "marrow",
    "CSF": "CSF",
    "tissue": "tissue",
    "product": "product",
    "control": "control",
    "": "specimen not stated",
}
ASSAY_WORDS = {
    "flow": "flow cytometry",
    "dna": "DNA reads",
    "rna": "RNA reads",
    "scrna": "single-cell RNA",
    "scdna": "single-cell DNA",
}
EVENT_WORDS = {
    "hct": "transplant (HCT)",
    "crs": "CRS",
    "icans": "ICANS",
    "gvhd": "GVHD",
    "tki": "kinase inhibitor",
    "immunoglobulin": "immunoglobulin",
    "lineage_switch": "lineage switch",
    "extramedullary_relapse": "extramedullary relapse",
    "extramedullary_cleared": "extramedullary cleared",
    "complete_remission": "remission (CR)",
    "no_remission": "no remission",
    "last_contact": "last contact",
}
LINEAGE_WORDS = {
    "b_cells": "B cells",
    "hematogones": "hematogones",
    "t_cells": "T cells",
    "cd4_t_cells": "CD4+ T cells",
    "nk_cells": "NK cells",
    "neutrophils": "neutrophils",
    "platelets": "platelets",
}
ROLE_WORDS = {
    "leukocytes": "leukocytes",
    "lymphocytes": "lymphocytes",
    "b_cells": "B cells",
    "hematogones": "hematogones",
    "plasma_cells": "plasma cells",
    "t_cells": "T cells",
    "cd4_t": "CD4+ T cells",
    "cd8_t": "CD8+ T cells",
    "car_t": "CAR-T cells",
    "nk_cells": "NK cells",
    "cd7_positive_t": "CD7+ T cells",
    "cd7_negative_t": "CD7-negative T cells",
    "cd5_positive_t": "CD5+ T cells",
    "cd5_negative_t": "CD5-negative T cells",
    "blasts": "blasts",
    "antigen_negative_blasts": "antigen-negative blasts",
    "myeloid_blasts": "myeloid blasts",
    "beads": "counting beads",
}
MEASURE_TITLES = {
    "car_t_fraction": "CAR-T of T cells, flow",
    "car_t_per_ul": "CAR-T in blood, flow",
    "car_copies": "CAR transgene, PCR",
    "car_copies_per_genome": "CAR transgene, PCR",
    "b_cells_fraction": "B cells of lymphocytes",
    "b_cells_of_leukocytes_fraction": "B cells of leukocytes",
    "b_cells_per_ul": "B cells",
    "hematogones_fraction": "Hematogones of marrow leukocytes",
    "t_cells_per_ul": "T cells",
    "cd4_t_per_ul": "CD4+ T cells",
    "cd8_t_per_ul": "CD8+ T cells",
    "nk_cells_per_ul": "NK cells",
    "cd7_cd5_ratio_all_t": "CD7+/CD5+, all T cells",
    "cd7_cd5_ratio_car_negative_t": "CD7+/CD5+, CAR-negative T cells",
    "cd7_positive_t_fraction": "CD7+ of T cells",
    "cd5_positive_t_fraction": "CD5+ of T cells",
    "cd7_negative_t_per_ul": "CD7-negative T cells",
    "flow_mrd_fraction": "MRD, flow",
    "ngs_mrd_fraction": "MRD, NGS clonotype",
    "antigen_negative_blast_fraction": "Antigen-negative of blasts",
    "myeloid_blast_fraction": "Myeloid blasts of leukocytes",
    "marrow_blasts": "Blasts by morphology",
    "fusion_transcript": "Fusion transcript",
    "virus_copies": "Virus in blood",
    "wbc": "Leukocytes",
    "alc": "Lymphocytes",
    "anc": "Neutrophils",
    "platelets": "Platelets",
    "chimerism_donor": "Donor chimerism",
    "cd19_dim_fraction": "Antigen-dim blasts, as reported",
    "lof_variant_vaf": "Loss-of-function variant, VAF",
    "uncertain_variant_vaf": "Variant of uncertain effect, VAF",
    "inherited_variant_vaf": "Inherited variant, VAF",
    "tp53_pathogenic_vaf": "TP53 pathogenic variant, VAF",
    "gene_callability": "Callable share of the gene",
    "exon2_skipping_fraction": "Exon 2 skipping",
    "exon5_6_skipping_fraction": "Exon 5-6 skipping",
    "intron2_retention_fraction": "Intron 2 retention",
    "loh": "Loss of heterozygosity",
    "biallelic_loss": "Both copies of the gene hit",
    "mutant_cell_fraction": "Cells with a loss-of-function variant",
    "antigen_lost_cell_fraction": "Leukemic cells that lost the antigen",
    "leukemic_cell_fraction": "Leukemic of single cells",
    "myeloid_leukemic_cell_fraction": "Myeloid leukemic cells",
    "clonotype_shared_with_diagnosis": "Diagnostic clonotype shared",
    "tp53_altered": "TP53 altered, as reported",
    "hemoglobin": "Hemoglobin",
    "ldh": "LDH",
    "ice_score": "ICE score",
}
# What a curve's axis is in; fractions are drawn as percentages.
UNIT_SUBTITLES = {
    "cells/uL": "cells/µL",
    "copies/ug": "copies/µg DNA",
    "fraction": "% of the named cells",
    "ratio": "ratio",
}
# Panels of one page, in order: measures whose course is drawn together under one heading.
COURSE_GROUPS = (
    (
        "car",
        "CAR-T cells",
        ("car_copies", "car_copies_per_genome", "car_t_per_ul", "car_t_fraction"),
    ),
    (
        "b_cells",
        "B cells",
        (
            "b_cells_per_ul",
            "b_cells_fraction",
            "b_cells_of_leukocytes_fraction",
            "hematogones_fraction",
        ),
    ),
    (
        "mrd",
        "Leukemia",
        (
            "flow_mrd_fraction",
            "ngs_mrd_fraction",
            "fusion_transcript",
            "marrow_blasts",
            "myeloid_blast_fraction",
            "antigen_negative_blast_fraction",
        ),
    ),
    (
        "t_cells",
        "T cells and their CD7 and CD5",
        (
            "cd4_t_per_ul",
            "t_cells_per_ul",
            "cd8_t_per_ul",
            "cd7_negative_t_per_ul",
            "cd7_positive_t_fraction",
            "cd5_positive_t_fraction",
            "cd7_cd5_ratio_all_t",
            "cd7_cd5_ratio_car_negative_t",
        ),
    ),
    ("virus", "Viruses", ("virus_copies",)),
)


def measure_title(measure: str, target: str = "") -> str:
    """Return what a reader calls the measure, with its antigen, gene or virus."""
    title = MEASURE_TITLES.get(measure, measure.replace("_", " "))
    return f"{title} ({target})" if target else title


def event_title(event: str) -> str:
    """Return what a reader calls the event."""
    return EVENT_WORDS.get(event, event.replace("_", " "))


def chip(vocabulary: str, word: str) -> dict[str, str]:
    """Return a status as pages show it: the word of the table, words for readers, kind of sign."""
    text, kind = STATUS_WORDS[vocabulary][word]
    return {"status": word, "text": text, "kind": kind}


def origin_title(origin: str, remarks: str) -> str:
    """Return where a variant comes from; what the remarks exclude is not called undetermined."""
    told = (words for known, sign, words in ORIGIN_EXCLUDED if known == origin and sign in remarks)
    return next(told, ORIGIN_WORDS[origin])


def lower_first(words: str) -> str:
    """Return words for the middle of a sentence; acronyms stay as they are."""
    return words if words[:2].isupper() else words[:1].lower() + words[1:]


def population_title(name: str) -> str:
    """Return what a reader calls a role or gate."""
    if name == "root":
        return "all events"
    words = name.replace("_", " ")
    return ROLE_WORDS.get(name, re.sub(r"\b(cd(?=\d)|(car\d?|t|b|nk)\b)", _upper, words))


def _upper(found: re.Match[str]) -> str:
    return found[0].upper()


_LONG_RECEPTOR = re.compile(r"([A-Z]{3}):([ACGTN]{18,})")


def clone_title(name: str) -> str:
    """Return a clone's name for a narrow column: of a long receptor its ends and its length.

    The whole name stands in results/singlecell/clones.tsv.
    """
    found = _LONG_RECEPTOR.fullmatch(name)
    if not found:
        return name
    chain, letters = found.groups()
    return f"{chain} {letters[:8]}…{letters[-6:]} ({len(letters)} nt)"
