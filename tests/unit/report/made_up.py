"""Hand-made tables of synthetic patients: what pages are tested on without a run of the workflow."""

import numpy as np
import pandas as pd

from aftercar.contracts.cytometry import (
    BATCH_CUTS,
    CONCORDANCE,
    CUTS,
    GATE_VIEWS,
    POPULATIONS,
    RATIOS,
)
from aftercar.contracts.evidence import (
    EVIDENCE,
    INCIDENCE,
    KINETICS,
    PATIENTS,
    RECOVERY,
    RISK,
    RULE_RESULTS,
    SURVIVAL,
)
from aftercar.contracts.sequencing import CALLABILITY, CLONES, LOH, SPLICING, VARIANTS
from aftercar.contracts.singlecell import ANTIGEN_LOSS, CELL_POPULATIONS, CELLS
from aftercar.contracts.specimen import INPUT_CHECKS, INPUT_FILES, QUALITY
from aftercar.contracts.vocabulary import MECHANISMS
from aftercar.report.cohort import cohort_content, cohort_figures
from aftercar.report.figures import patient_figures
from aftercar.report.pages import render_cohort, render_patient, render_quality
from aftercar.report.patient import patient_content
from aftercar.report.quality import quality_content, quality_figures

LANDMARKS = (28, 63, 90, 180, 270, 365)
HOSTILE = "P1\"><script>alert(1)</script> =HYPERLINK(\"http://x\",\"y\") <img src=x onerror=alert(1)>"
MADE_WITH = {
    "evidence_base": (),
    "versions": {"aftercar": "0.1.0", "python": "3.11", "numpy": "2.4.6"},
    "settings": {"cytometry/lod_events": 20, "evidence/landmarks": list(LANDMARKS)},
    "code": "abcdef012345",
    "cohort": "synthetic test cohort",
    "profile": "clinical",
}
CD19 = {
    "transcript": "NM_001770.6",
    "exons": [
        {"exon": number, "cds_start": start, "cds_end": end}
        for number, start, end in (
            (1, 28932001, 28932088), (2, 28932346, 28932612), (3, 28932911, 28933114),
            (4, 28933234, 28933509), (5, 28935444, 28935554), (6, 28936153, 28936201),
            (7, 28936512, 28936600), (8, 28937023, 28937136), (9, 28937271, 28937375),
            (10, 28937455, 28937523), (11, 28937624, 28937680), (12, 28937769, 28937825),
            (13, 28938676, 28938768), (14, 28938872, 28938963),
        )
    ],
    "domains": [
        {"name": "signal", "start": 1, "end": 19},
        {"name": "ectodomain", "start": 20, "end": 291},
        {"name": "transmembrane", "start": 292, "end": 313},
        {"name": "cytoplasmic", "start": 314, "end": 556},
    ],
}  # fmt: skip
EVIDENCE_BASE = [
    {
        "id": "EV001", "mechanism": "ANY", "factor": "B-cell recovery", "effect_of": "B-cell recovery within 12 months",
        "relative_to": "no recovery", "direction": "harm", "landmark": "WITHIN_12M", "outcome": "relapse",
        "estimate_type": "HR_univariable", "estimate": 4.5, "ci_low": 2.03, "ci_high": 9.97, "p": "<0.001", "n": 143,
        "numerator": None, "denominator": None, "printed_percent": "", "population": "children and young adults, r/r B-ALL",
        "product": "tisagenlecleucel", "design": "pooled trial biomarker analysis", "source": "Pulsipher 2022 Blood Cancer Discov 3:66",
        "doi": "10.1158/2643-3230.BCD-21-0095", "citation": "complete", "certainty": "seen_in_abstract", "indirect": "no",
        "joint_model": "", "cohort_overlap": "ELIANA_ENSIGN", "display": "yes", "note": "Univariable. Treat as time-dependent.",
    },
    {
        "id": "EV050", "mechanism": "M2", "factor": "pre-existing clone", "effect_of": "CD19-negative cells before infusion",
        "relative_to": "", "direction": "conflicting", "landmark": "PRE", "outcome": "relapse phenotype", "estimate_type": "association",
        "estimate": None, "ci_low": None, "ci_high": None, "p": "", "n": 12, "numerator": None, "denominator": None,
        "printed_percent": "", "population": "B-ALL", "product": "CD19 CAR", "design": "case series", "source": "made up for tests",
        "doi": "", "citation": "complete", "certainty": "from_memory_must_check", "indirect": "yes", "joint_model": "",
        "cohort_overlap": "", "display": "yes", "note": "",
    },
]  # fmt: skip


def value(patient, day, specimen, sample, measure, unit, value=None, status="QUANTIFIED", **more):
    return {
        "patient_id": patient, "day": day, "specimen": specimen, "sample_id": sample, "measure": measure,
        "unit": unit, "value": value, "status": status, "stream": more.pop("stream", "lab"),
        "known_from_day": day, "source": "made up",
    } | more  # fmt: skip


def risk_rows(patient, categories, last_day, target="CD19", t_lineage=False):
    """Rows for all landmarks; `categories` maps (landmark day, mechanism) to fields of the row."""
    rows = []
    for day in LANDMARKS:
        for mechanism in MECHANISMS:
            fields = categories.get((day, mechanism))
            applies = mechanism not in (("M1", "M2", "M3") if t_lineage else ("M4", "M5"))
            rows.append(
                {
                    "patient_id": patient, "landmark": f"D{day}", "landmark_day": day, "mechanism": mechanism,
                    "target": target if mechanism in ("M1", "M2", "M4", "M5") and applies else "",
                    "category": "NOT_ASSESSABLE" if applies else "NOT_APPLICABLE", "tests_done": 0,
                    "tests_due": 2 if applies else 0,
                    "missing_tests": "CAR-T level in blood; residual disease in marrow, limit 1e-4 or lower" if applies else "",
                    "if_missing_negative": "NO_SIGNAL" if applies else "NOT_APPLICABLE",
                    "if_missing_positive": "SIGNAL" if applies else "NOT_APPLICABLE",
                    "reason": "the minimum tests were not done" if applies else "no infusion targets CD7 or CD5",
                } | (fields or {})
            )  # fmt: skip
    return RISK.frame(rows)


def clear(**more):
    return {
        "category": "NO_SIGNAL", "tests_done": 2, "missing_tests": "", "if_missing_negative": "NO_SIGNAL",
        "if_missing_positive": "NO_SIGNAL", "reason": "all 2 minimum tests are adequate and negative",
    } | more  # fmt: skip


def sheet(patient, disease="B-ALL", targets="CD19", samples=(), events=(), **more):
    blank = dict.fromkeys(
        ("grade", "grading_system", "phenotype", "antigen", "site", "detail", "end_day"), ""
    )
    return {
        "patients": [{"patient_id": patient, "disease": disease} | more],
        "infusions": [
            {"patient_id": patient, "infusion_no": str(i), "day": day, "targets": t, "transgene": "", "scfv_origin": "murine",
             "costimulation": "4-1BB", "source": "autologous", "antigen_blockade": "none"}
            for i, (day, t) in enumerate([("0", targets)] if isinstance(targets, str) else targets, start=1)
        ],
        "samples": [
            {"sample_id": s, "patient_id": patient, "day": str(day), "specimen": specimen, "assay": assay, "panel": panel,
             "batch": "b1", "path": given, "bam": ""}
            for s, day, specimen, assay, panel, given in samples
        ],
        "labs": [],
        "events": [{"patient_id": patient} | blank | event for event in events],
    }  # fmt: skip


def gate_views(sample_id, seed, gates=6, events=1500):
    random = np.random.default_rng(seed)
    frames = []
    for view in range(1, gates + 1):
        crowd = random.normal(1.5, 0.6, (events, 2))
        cluster = random.normal((4.5, 3.8), 0.5, (events // 3, 2))
        points = np.vstack([crowd, cluster])
        inside = (points[:, 0] > 3) & (points[:, 1] > 2.3)
        outline = np.array([(3, 2.3), (6, 2.3), (6, 5.5), (3, 5.5)])
        places = np.vstack([points, outline])
        frames.append(
            pd.DataFrame(
                {
                    "sample_id": sample_id, "view": view, "gate": f"gate_{view}", "parent": "lymphocytes",
                    "x_label": "CD19", "y_label": "SSC-A", "kind": ["event"] * len(points) + ["outline"] * 4,
                    "x": places[:, 0], "y": places[:, 1], "inside": [*inside.astype(int), 0, 0, 0, 0],
                }
            )
        )  # fmt: skip
    return GATE_VIEWS.check(pd.concat(frames, ignore_index=True))


def population(patient, day, specimen, sample, role, count, total, **more):
    share = count / total if total else None
    return {
        "sample_id": sample, "patient_id": patient, "day": day, "specimen": specimen, "panel": "b_cell_recovery",
        "population": role, "role": role, "gate_path": f"root/cells/{role}", "count": count, "denominator": "lymphocytes",
        "denominator_count": total, "fraction": share, "fraction_low": share and share * 0.9,
        "fraction_high": share and min(share * 1.1, 1), "lod_fraction": 20 / total if total else None,
        "lloq_fraction": 50 / total if total else None, "status": "QUANTIFIED", "cut_source": "CONTROL",
        "cells_per_ul": share and share * 1500, "cells_per_ul_low": share and share * 1400,
        "cells_per_ul_high": share and share * 1600, "count_basis": "dual platform: alc" if share else "",
    } | more  # fmt: skip


def quality(patient, sample, day, check, verdict, message="", assay="flow", **more):
    return {
        "sample_id": sample, "patient_id": patient, "day": day, "assay": assay, "batch": "b1", "check": check,
        "value": 0.31, "unit": "fraction", "verdict": verdict, "message": message,
    } | more  # fmt: skip


def summary(patient, landmark, last_day, disease="B-ALL", targets="CD19", risk=None, **more):
    categories = {}
    for mechanism in MECHANISMS:
        mine = risk[(risk["mechanism"] == mechanism) & (risk["landmark"] == (landmark or "D28"))]
        categories[mechanism] = mine["category"].iloc[0]
    return PATIENTS.frame(
        [
            {
                "patient_id": patient, "disease": disease, "targets": targets, "last_day": last_day, "landmark": landmark,
                "car_t_last": "not assessed", "b_cells_last": "not assessed", "specimens": 4, "specimens_failed": 0,
            } | categories | more
        ]
    )  # fmt: skip


CAR_COURSE = ((4, 300), (7, 9000), (10, 24000), (14, 16000), (21, 5200), (28, 1900), (60, 300), (76, None), (88, None))


def typical():
    """A patient who loses the CAR, whose B cells return, and who relapses with CD19."""
    patient = "S01"
    rows = [
        value(patient, day, "PB", f"labs:{i}", "car_copies", "copies/ug", number,
              "NOT_DETECTED" if number is None else "QUANTIFIED", target="CD19", limit=10.0, lloq=50.0)
        for i, (day, number) in enumerate(CAR_COURSE, start=1)
    ]  # fmt: skip
    rows += [
        value(patient, day, "PB", f"S01-d{day}-b", "b_cells_per_ul", "cells/uL", number, status, limit=0.5, lloq=1.2,
              low=number and number * 0.8, high=number and number * 1.25, stream="cytometry", count=int((number or 0) * 9), total=9000)
        for day, number, status in ((-6, 180.0, "QUANTIFIED"), (28, None, "NOT_DETECTED"), (62, 0.9, "DETECTED_BELOW_LLOQ"),
                                    (76, 61.0, "QUANTIFIED"), (88, 118.0, "QUANTIFIED"), (175, 210.0, "QUANTIFIED"))
    ]  # fmt: skip
    rows += [
        value(patient, day, "BM", f"labs:{20 + i}", "flow_mrd_fraction", "fraction", number,
              "QUANTIFIED" if number else "NOT_DETECTED", limit=1e-5, lloq=3e-5)
        for i, (day, number) in enumerate(((-6, 0.31), (27, None), (88, None), (210, 0.55)))
    ]  # fmt: skip
    rows += [
        value(patient, 88, "BM", "labs:30", "ngs_mrd_fraction", "fraction", None, "NOT_DETECTED", limit=1e-6, lloq=5e-6),
        value(patient, 28, "PB", "S01-d28-c", "car_t_fraction", "fraction", None, "FAILED", target="CD19", stream="cytometry"),
        value(patient, 85, "PB", "labs:31", "virus_copies", "copies/mL", None, "NOT_DETECTED", target="ebv", limit=150.0, lloq=500.0),
    ]  # fmt: skip
    driver = (
        "BCR_CONFIRMED: b_cells_per_ul=61 [48.8, 76.2] cells/uL, PB S01-d76-b, day 76; "
        "b_cells_per_ul=118 [94.4, 148] cells/uL, PB S01-d88-b, day 88"
    )
    signal = {
        "category": "SIGNAL", "drivers": driver, "evidence_grade": "B", "tests_done": 2, "missing_tests": "",
        "if_missing_negative": "SIGNAL", "if_missing_positive": "SIGNAL", "reason": "1 driver is present",
        "evidence_ids": "EV001",
    }  # fmt: skip
    categories = {
        (28, "M1"): clear(),
        (63, "M1"): clear(category="NOT_ASSESSABLE", stale_tests="B-cell aplasia by one confirmed rule"),
        (90, "M1"): signal,
        (90, "M2"): clear(),
        (90, "M6"): clear(),
        (180, "M1"): signal | {"drivers": driver + " | CAR_LOST_BEFORE_LM: car_copies (CD19) NOT_DETECTED (limit 10 copies/ug), PB labs:9, day 88"},
        (180, "M2"): {"category": "SIGNAL_CONFLICTING", "conflicts": "flow_mrd_fraction NOT_DETECTED (limit 1e-05 fraction), BM labs:22, day 88 against cd19_dim_fraction (FMC63)=0.35 fraction, BM labs:40, day 128", "evidence_grade": "D", "reason": "adequate tests disagree", "missing_tests": ""},
        (180, "M6"): clear(),
    }  # fmt: skip
    risk = risk_rows(patient, categories, 215)
    rules = [
        {
            "patient_id": patient, "landmark": f"D{day}", "landmark_day": day, "mechanism": mechanism, "rule_id": rule,
            "rule_version": "1.0", "status": status, "stale": stale, "direction": direction, "grade": grade,
            "values": values, "reason": reason, "evidence_ids": ids, "target": target,
        }
        for day in (28, 63, 90, 180)
        for mechanism, rule, status, stale, direction, grade, values, reason, ids, target in (
            ("M1", "BCR_CONFIRMED", "PRESENT" if day >= 90 else "ABSENT", "no", "harm", "B",
             "b_cells_per_ul=118 [94.4, 148] cells/uL, PB S01-d88-b, day 88" if day >= 90 else "", "two consecutive specimens above the limit", "EV001", ""),
            ("M2", "CD19_LOF_VARIANT", "NOT_ASSESSED", "yes" if day == 180 else "no", "harm", "D", "", "no reads of CD19 within the maximum age", "EV050", "CD19"),
            ("M2", "FLOW_MRD_POS", "CONFLICTING" if day == 180 else "ABSENT", "no", "harm", "D", "", "limit 1e-5", "", "CD19"),
            ("M4", "CD7_NEG_BLAST_DURING_CAR7", "NOT_APPLICABLE", "no", "harm", "D", "", "", "", "CD7"),
        )
    ]  # fmt: skip
    samples = [
        ("S01-d-6-b", -6, "PB", "flow", "b_cell_recovery", "yes"), ("S01-d28-c", 28, "PB", "flow", "car_t_persistence", "yes"),
        ("S01-d76-b", 76, "PB", "flow", "b_cell_recovery", "yes"), ("S01-d88-b", 88, "PB", "flow", "b_cell_recovery", "yes"),
        ("S01-d210-dna", 210, "BM", "dna", "", "yes"), ("S01-d210-sc", 210, "BM", "scrna", "", "yes"),
        ("S01-d212-b", 212, "PB", "flow", "b_cell_recovery", ""),
    ]  # fmt: skip
    who = {"sample_id": "S01-d210-dna", "patient_id": patient, "day": 210, "specimen": "BM"}
    cells_of = {"sample_id": "S01-d210-sc", "patient_id": patient, "day": 210, "specimen": "BM"}
    tables = {
        "evidence": EVIDENCE.frame(rows),
        "kinetics": KINETICS.frame([
            {"patient_id": patient, "infusion_no": 1, "infusion_day": 0, "measure": "car_copies", "target": "CD19",
             "unit": "copies/ug", "samples": 9, "sampling_grade": "A", "cmax_observed": 24000.0, "tmax_observed_day": 10,
             "auc0_28": 171800.0, "auc_extrapolated_fraction": 0.0, "tlast_day": 60, "loss_after_day": 60, "loss_until_day": 76,
             "loss_status": "PRESENT", "flags": ""}]),
        "recovery": RECOVERY.frame([
            {"patient_id": patient, "lineage": "b_cells", "rule_id": rule, "definition": text, "status": status,
             "recovered_after_day": after, "recovered_until_day": until, "attribution": "attributable" if status == "PRESENT" else "not asked",
             "values": "b_cells_per_ul=61 [48.8, 76.2] cells/uL, PB S01-d76-b, day 76", "evidence_ids": "EV001"}
            for rule, text, status, after, until in (
                ("BCA-ABS50", "aplasia: below 50 cells/uL", "PRESENT", 62, 76),
                ("BCA-FELIX20", "aplasia: below 20 cells/uL", "PRESENT", 62, 76),
                ("BCA-CCHMC", "recovery: CD19+ above 1 % or 100 cells/uL, confirmed", "ABSENT", 88, None))]),
        "rules": RULE_RESULTS.frame(rules),
        "risk": risk,
        "summary": summary(patient, "D180", 215, risk=risk, car_t_last="car_copies (CD19) NOT_DETECTED (limit 10 copies/ug), PB labs:9, day 88",
                           b_cells_last="b_cells_per_ul=210 [168, 262] cells/uL, PB S01-d175-b, day 175",
                           outcome="relapse on day 210 (antigen positive, CD19)", specimens=7, specimens_failed=1),
        "populations": POPULATIONS.frame([
            *(population(patient, d, "PB", s, "b_cells", c, 9000) for d, s, c in ((-6, "S01-d-6-b", 1080), (76, "S01-d76-b", 366), (88, "S01-d88-b", 708))),
            population(patient, 28, "PB", "S01-d28-c", "car_t", None, None, status="FAILED", cut_source="NONE", target="CD19", flags="the specimen failed quality")]),
        "ratios": RATIOS.empty(),
        "cuts": CUTS.frame([{"sample_id": "S01-d88-b", "patient_id": patient, "batch": "b1", "panel": "b_cell_recovery", "gate": f"gate_{i}", "marker": "CD19", "channel": "PE-A", "cut": 1200.0, "source": "CONTROL", "control_sample_id": "ctl-b1"} for i in range(1, 7)]),
        "concordance": CONCORDANCE.frame([{"sample_id": "S01-d88-b", "patient_id": patient, "population": "B cells", "gate_path": "root/B cells", "count_workspace_stored": 702, "count_workspace_gates": 702, "count_automated": 708, "f1": 0.984}]),
        "variants": VARIANTS.frame([
            who | {"assay": "dna", "gene": "CD19", "transcript": "NM_001770.6", "chrom": "chr16", "pos": 28932400, "ref": "A", "alt": "AG",
                   "exon": "2", "hgvs_c": "c.143dup", "hgvs_p": "p.T49fs", "consequence": "frameshift", "stop_codon": 71, "nmd_candidate": "yes",
                   "loses_transmembrane": "yes", "tier": "T1", "alt_fragments": 120, "depth": 500, "vaf": 0.24, "vaf_low": 0.2, "vaf_high": 0.28,
                   "detectable_vaf": 0.012, "known_from_day": 210, "status": "QUANTIFIED", "filter": "PASS"},
            who | {"assay": "dna", "gene": "CD19", "transcript": "NM_001770.6", "chrom": "chr16", "pos": 28933075, "ref": "C", "alt": "G",
                   "exon": "3", "hgvs_c": "c.520C>G", "hgvs_p": "p.L174V", "consequence": "missense", "loses_transmembrane": "no", "nmd_candidate": "no",
                   "tier": "POLYMORPHISM", "alt_fragments": 260, "depth": 510, "vaf": 0.51, "vaf_low": 0.47, "vaf_high": 0.55, "known_from_day": 210,
                   "status": "QUANTIFIED", "filter": "PASS"}]),
        "callability": CALLABILITY.frame([
            who | {"assay": "dna", "gene": "CD19", "exon": e, "cds_bases": 100, "depth": 480.0 if e != "9" else 12.0, "depth_min": 300 if e != "9" else 2,
                   "detectable_vaf": 0.012 if e != "9" else None, "target_vaf": 0.02, "callable_fraction": 1.0 if e != "9" else 0.0,
                   "status": "QUANTIFIED" if e != "9" else "INDETERMINATE"} for e in ["all", *map(str, range(1, 15))]]),
        "splicing": SPLICING.empty(),
        "loh": LOH.frame([who | {"gene": "CD19", "informative_snps": 0, "state": "NOT_INFORMATIVE", "status": "INDETERMINATE", "flags": "no heterozygous SNP"}]),
        "clones": CLONES.frame([cells_of | {"clone": "c.143dup", "gene": "CD19", "basis": "genotype", "cells_listed": 1500, "cells_covered": 420, "cells_mutant": 310,
                                            "fraction": 0.738, "fraction_low": 0.694, "fraction_high": 0.778, "detectable_fraction": 0.007, "known_from_day": 210, "status": "QUANTIFIED"}]),
        "antigen_loss": ANTIGEN_LOSS.frame([cells_of | {"population": p, "identity": "leukemic_b", "identity_evidence": "genotype", "antigen": "CD19", "basis": "rna", "reference": "normal B cells",
                                                       "cells": n, "umis": u, "expected_umis": 900.0, "relative_expression": u / 900, "relative_expression_low": u / 1000, "relative_expression_high": u / 800,
                                                       "p_value": 0.001, "q_value": 0.002, "status": s, "fraction_of_leukemic": f, "fraction_of_leukemic_low": f - 0.02, "fraction_of_leukemic_high": f + 0.02,
                                                       "detectable_fraction": 0.03} for p, n, u, s, f in (("leukemic_b 1", 900, 20, "LOST", 0.7), ("leukemic_b 2", 400, 810, "RETAINED", 0.3))]),
        "cell_populations": CELL_POPULATIONS.frame([cells_of | {"population": i, "identity": i, "identity_evidence": "marker_score", "cells": n, "total_cells": 1500, "fraction": n / 1500,
                                                               "fraction_low": n / 1600, "fraction_high": n / 1400, "status": "QUANTIFIED"} for i, n in (("leukemic_b", 900), ("normal_t", 400), ("normal_myeloid", 200))]),
        "quality": QUALITY.frame([
            quality(patient, "S01-d28-c", 28, "readable", "FAIL", "the file ends within its DATA segment: found 12,000 of 20,000 events. Send the file again, or acquire a new tube", value=None, unit=""),
            quality(patient, "S01-d88-b", 88, "time_anomaly", "FLAG", "31 % of the events lie in a clog and were left out"),
            *(quality(patient, s, d, "margin", "PASS") for s, d in (("S01-d-6-b", -6), ("S01-d76-b", 76), ("S01-d88-b", 88))),
            quality(patient, "S01-d210-dna", 210, "contigs", "PASS", assay="dna"), quality(patient, "S01-d210-sc", 210, "cells", "PASS", assay="scrna")]),
        "inputs": INPUT_FILES.frame([{"sample_id": s, "patient_id": patient, "role": "data", "bytes": 1_048_576, "sha256": "5f" * 32} for s, *_ in samples[:6]]),
    }  # fmt: skip
    events = [
        {"day": "-5", "end_day": "-3", "event": "lymphodepletion"},
        {"day": "3", "end_day": "6", "event": "crs", "grade": "2", "grading_system": "ASTCT"},
        {"day": "4", "event": "tocilizumab"},
        {"day": "28", "event": "complete_remission"},
        {"day": "120", "end_day": "160", "event": "infection", "grade": "3", "grading_system": "CTCAE", "detail": "CMV"},
        {"day": "210", "event": "relapse", "phenotype": "antigen_positive", "antigen": "CD19", "site": "marrow"},
    ]  # fmt: skip
    rows = sheet(patient, samples=samples, events=events, age_group="child", kmt2a_rearranged="no")
    views = pd.concat([gate_views(s, i) for i, (s, *_) in enumerate(samples[:4]) if s != "S01-d28-c"])
    return tables, rows, views, embedding_cells("S01-d210-sc")


def embedding_cells(sample_id, seed=1):
    random = np.random.default_rng(seed)
    groups = (("leukemic_b", 900, (0, 0)), ("normal_t", 400, (7, 3)), ("normal_myeloid", 200, (3, -6)))
    frames = []
    for identity, count, centre in groups:
        places = random.normal(centre, 1.2, (count, 2))
        frames.append(pd.DataFrame({
            "sample_id": sample_id, "barcode": [f"{identity}-{i}" for i in range(count)], "x": places[:, 0],
            "y": places[:, 1], "population": identity, "identity": identity, "umis": 1000,
        }))  # fmt: skip
    return CELLS.check(pd.concat(frames, ignore_index=True))


def nothing_but_a_row():
    """A patient with one specimen that was never measured and an infusion without a day."""
    patient = "S02"
    risk = risk_rows(patient, {}, None)
    tables = {
        "evidence": EVIDENCE.frame([value(patient, 30, "PB", "S02-d30", "specimen", "", None, "NOT_ASSESSED", stream="cytometry")]),
        "kinetics": KINETICS.empty(),
        "recovery": RECOVERY.frame([{"patient_id": patient, "lineage": "b_cells", "rule_id": "BCA-ABS50", "definition": "aplasia: below 50 cells/uL", "status": "NOT_ASSESSED"}]),
        "rules": RULE_RESULTS.empty(),
        "risk": risk,
        "summary": summary(patient, "", None, risk=risk, specimens=1),
        "populations": POPULATIONS.empty(), "ratios": RATIOS.empty(), "cuts": CUTS.empty(), "concordance": CONCORDANCE.empty(),
        "quality": QUALITY.empty(), "inputs": INPUT_FILES.empty(),
    }  # fmt: skip
    rows = sheet(patient, targets=[("", "CD19")], samples=[("S02-d30", 30, "PB", "flow", "b_cell_recovery", "")])
    return tables, rows, GATE_VIEWS.empty(), CELLS.empty()


def hostile():
    """A patient whose free text tries to be markup, script and formula."""
    tables, rows, views, cells = typical()
    rows["patients"][0]["note"] = HOSTILE
    for event in rows["events"]:
        event["detail"] = HOSTILE
    named = tables["populations"].copy()
    named["population"] = "<svg onload=alert(1)>"  # gate names of a lab's workspace are free text
    views = views.copy()
    views["gate"] = "<svg onload=alert(1)>"
    views["x_label"] = "<script>alert(1)</script>"
    tables["populations"] = named
    return tables, rows, views, cells


def all_failed():
    """A patient none of whose specimens could be read."""
    patient = "S03"
    risk = risk_rows(patient, {}, 60)
    message = "not an FCS file: found a spreadsheet. Export list-mode data from the cytometer and send it again"
    samples = [("S03-d28", 28, "PB", "flow", "b_cell_recovery", "yes"), ("S03-d60", 60, "PB", "flow", "b_cell_recovery", "yes")]
    tables = {
        "evidence": EVIDENCE.frame([value(patient, d, "PB", s, "b_cells_fraction", "fraction", None, "FAILED", stream="cytometry") for s, d, *_ in samples]),
        "kinetics": KINETICS.empty(), "recovery": RECOVERY.empty(), "rules": RULE_RESULTS.empty(), "risk": risk,
        "summary": summary(patient, "", 60, risk=risk, specimens=2, specimens_failed=2),
        "populations": POPULATIONS.frame([population(patient, d, "PB", s, "b_cells", None, None, status="FAILED", cut_source="NONE") for s, d, *_ in samples]),
        "ratios": RATIOS.empty(), "cuts": CUTS.empty(), "concordance": CONCORDANCE.empty(),
        "quality": QUALITY.frame([quality(patient, s, d, "readable", "FAIL", message, value=None, unit="") for s, d, *_ in samples]),
        "inputs": INPUT_FILES.frame([{"sample_id": s, "patient_id": patient, "role": "data", "bytes": None} for s, *_ in samples]),
    }  # fmt: skip
    return tables, sheet(patient, samples=samples), GATE_VIEWS.empty(), CELLS.empty()


def t_lineage():
    """A T-ALL patient with a CD7 and then a CD5 CAR."""
    patient = "S04"
    rows = []
    for target, course in (("CD7", ((7, 0.2), (21, 0.35), (88, 0.08), (148, 0.015), (230, 0.008))), ("CD5", ((130, 0.1), (148, 0.32), (230, 0.1)))):
        rows += [value(patient, d, "PB", f"S04-d{d}-t", "car_t_fraction", "fraction", v, target=target, low=v * 0.9, high=v * 1.1, limit=1e-4, lloq=3e-4, stream="cytometry", count=int(v * 8000), total=8000) for d, v in course]
    rows += [value(patient, d, "PB", f"labs:{d}", "cd4_t_per_ul", "cells/uL", float(v), limit=1.0, lloq=2.0) for d, v in ((20, 30), (60, 41), (88, 45), (148, 25), (228, 60))]
    rows += [value(patient, d, "PB", f"S04-d{d}-t", "cd7_cd5_ratio_car_negative_t", "ratio", v, low=v * 0.7, high=v * 1.4, stream="cytometry") for d, v in ((21, 0.2), (88, 0.1), (148, 2.6), (230, 1.4))]
    rows += [value(patient, d, "PB", f"labs:{900 + i}", "virus_copies", "copies/mL", v, s, target="cmv", limit=150.0, lloq=500.0) for i, (d, v, s) in enumerate(((26, None, "NOT_DETECTED"), (85, 12000.0, "QUANTIFIED")))]
    risk = risk_rows(patient, {(90, "M6"): {"category": "SIGNAL", "drivers": "TCELL_APLASIA_WITH_VIREMIA: cd4_t_per_ul=45 cells/uL, PB labs:88, day 88; virus_copies (cmv)=1.2e+04 copies/mL, PB labs:901, day 85", "evidence_grade": "C", "reason": "1 driver is present", "missing_tests": ""}}, 230, "CD7", t_lineage=True)
    ratios = [
        {"sample_id": f"S04-d{d}-t", "patient_id": patient, "day": d, "specimen": "PB", "ratio_name": "CD7+/CD5+", "scope": scope,
         "numerator": "CD7+ T", "denominator": "CD5+ T", "numerator_count": n, "denominator_count": m, "cd7pos_cd5pos": 300, "cd7pos_cd5neg": 20,
         "cd7neg_cd5pos": 3200, "cd7neg_cd5neg": 80, "ratio": n / m if m else None, "ratio_low": n / m * 0.8 if m else None, "ratio_high": n / m * 1.2 if m else None,
         "log10_ratio": None, "status": "QUANTIFIED" if m else "INDETERMINATE"}
        for d, n, m in ((21, 700, 3300), (88, 320, 3500), (148, 12, 0)) for scope in ("all_t", "car_negative_t")
    ]
    tables = {
        "evidence": EVIDENCE.frame(rows),
        "kinetics": KINETICS.frame([{"patient_id": patient, "infusion_no": i, "infusion_day": day, "measure": "car_t_fraction", "target": t, "unit": "fraction", "samples": 3, "sampling_grade": "C", "loss_status": "ABSENT"} for i, day, t in ((1, 0, "CD7"), (2, 120, "CD5"))]),
        "recovery": RECOVERY.empty(), "rules": RULE_RESULTS.empty(), "risk": risk,
        "summary": summary(patient, "D90", 230, "T-ALL", "CD7;CD5", risk=risk, specimens=4),
        "populations": POPULATIONS.frame([population(patient, 88, "PB", "S04-d88-t", "car_t", 640, 8000, target="CD7", denominator="t_cells", panel="t_lineage")]),
        "ratios": RATIOS.frame(ratios), "cuts": CUTS.empty(), "concordance": CONCORDANCE.empty(), "quality": QUALITY.empty(), "inputs": INPUT_FILES.empty(),
    }  # fmt: skip
    samples = [(f"S04-d{d}-t", d, "PB", "flow", "t_lineage", "yes") for d in (21, 88, 148, 230)]
    events = [
        {"day": "-5", "end_day": "-3", "event": "lymphodepletion"}, {"day": "115", "end_day": "117", "event": "lymphodepletion"},
        {"day": "4", "end_day": "9", "event": "crs", "grade": "2", "grading_system": "ASTCT"}, {"day": "179", "end_day": "184", "event": "conditioning"},
        {"day": "185", "event": "hct", "detail": "haploidentical donor"},
    ]  # fmt: skip
    return tables, sheet(patient, "T-ALL", [("0", "CD7"), ("120", "CD5")], samples, events), gate_views("S04-d88-t", 9), CELLS.empty()


PATIENTS_MADE_UP = {"S01": typical, "S02": nothing_but_a_row, "S03": all_failed, "S04": t_lineage}


def content_of(make, **more):
    """The content of the page of a made-up patient, with its views and cells."""
    tables, rows, views, cells = make()
    settings = MADE_WITH | {"evidence_base": EVIDENCE_BASE} | more
    return patient_content(tables, rows, **settings), views, cells


def page_of(make, **more):
    """The page of a made-up patient."""
    content, views, cells = content_of(make, **more)
    return render_patient(content, patient_figures(content, views, cells, {"CD19": CD19}))


def outcome_steps(patients, endpoints=True):
    """Steps of curves that end with nobody at risk; one event every tenth patient."""
    rows = []
    for step in range(patients):
        at_risk, share = patients - step, 1 - 0.5 * step / patients
        rows.append({"day": 6 * step, "at_risk": at_risk, "events": int(step % 10 == 0 and step > 0), "share": share})
    if endpoints:
        return SURVIVAL.frame([
            {"endpoint": e, "estimand": k, "day": r["day"], "at_risk": r["at_risk"], "events": r["events"], "censored": 0,
             "survival": r["share"], "survival_low": max(r["share"] - 0.1, 0), "survival_high": min(r["share"] + 0.1, 1)}
            for e in ("OS", "EFS", "RFS") for k in ("treatment_policy", "censored_at_hct") for r in rows])  # fmt: skip
    return INCIDENCE.frame([
        {"cause": c, "day": r["day"], "at_risk": r["at_risk"], "events": r["events"], "incidence": (1 - r["share"]) / 2,
         "incidence_low": (1 - r["share"]) / 3, "incidence_high": (1 - r["share"]) / 1.5}
        for c in ("antigen_positive_relapse", "antigen_negative_relapse", "unknown_phenotype", "non_relapse_death") for r in rows])  # fmt: skip


def cohort_of(patients):
    """The tables of a cohort page: copies of the made-up patients under other names."""
    made = [make()[0] for make in PATIENTS_MADE_UP.values()]
    tables = {"summary": [], "risk": [], "evidence": []}
    for index in range(patients):
        source = made[index % len(made)]
        for name, frames in tables.items():
            patient = f"S{index + 1:02}"
            frames.append(source[name].assign(patient_id=pd.array([patient] * len(source[name]), dtype="string")))
    joined = {name: pd.concat(frames, ignore_index=True) for name, frames in tables.items()}
    return (
        joined["summary"], joined["risk"], joined["evidence"], outcome_steps(patients), outcome_steps(patients, False),
    )  # fmt: skip


def cohort_page(patients=4, suppress_below=5):
    """The page of a made-up cohort."""
    content = cohort_content(
        *cohort_of(patients), versions=MADE_WITH["versions"], code="abcdef012345", cohort="synthetic test cohort",
        suppress_below=suppress_below,
    )  # fmt: skip
    return render_cohort(content, cohort_figures(content))


def quality_tables():
    """The tables of a quality page: checks, input problems, cuts of two batches, specimens."""
    tables, rows, _, _ = typical()
    samples = rows["samples"] + [dict(rows["samples"][0], sample_id="ctl-b1", patient_id="", day="", specimen="control")]
    checks = INPUT_CHECKS.frame([{"sample_id": "S01-d28-c", "row": 2, "problem": "a file that ends too early", "expected": "20,000 events", "remedy": "send the file again"}])
    cuts = [
        {"sample_id": f"S{i:02}-x", "patient_id": f"S{i:02}", "batch": f"b{1 + i % 3}", "panel": "b_cell_recovery", "gate": "b_cells",
         "marker": marker, "channel": "PE-A", "cut": 1000.0 * (3 if i % 3 == 2 else 1) + 10 * i, "source": "CONTROL", "control_sample_id": "ctl-b1"}
        for i in range(9) for marker in ("CD19", "CD20", "CD45")
    ]  # fmt: skip
    batch_cuts = BATCH_CUTS.frame([{"batch": "b1", "panel": "b_cell_recovery", "marker": "CD19", "cut": 1000.0, "source": "CONTROL", "control_sample_id": "ctl-b1", "control_events": 9000, "background_events": 9, "background_fraction": 0.001}])
    return tables["quality"], checks, CUTS.frame(cuts), batch_cuts, samples


def quality_page():
    """The quality page of a made-up cohort."""
    content = quality_content(*quality_tables(), versions=MADE_WITH["versions"], code="abcdef012345", cohort="synthetic test cohort")
    return render_quality(content, quality_figures(content))
