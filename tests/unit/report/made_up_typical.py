"""A synthetic patient who loses the CAR, whose B cells return, and who relapses."""

import pandas as pd
from tests.unit.report.made_up_rows import (
    clear,
    embedding_cells,
    gate_views,
    population,
    quality,
    risk_rows,
    sheet,
    summary,
    value,
)

from aftercar.contracts.cytometry import (
    CONCORDANCE,
    CUTS,
    POPULATIONS,
    RATIOS,
)
from aftercar.contracts.evidence import (
    EVIDENCE,
    KINETICS,
    RECOVERY,
    RULE_RESULTS,
)
from aftercar.contracts.sequencing import BIALLELIC, CALLABILITY, CLONES, LOH, SPLICING, VARIANTS
from aftercar.contracts.singlecell import ANTIGEN_LOSS, CELL_POPULATIONS
from aftercar.contracts.specimen import INPUT_FILES, QUALITY

CAR_COURSE = (
    (4, 300),
    (7, 9000),
    (10, 24000),
    (14, 16000),
    (21, 5200),
    (28, 1900),
    (60, 300),
    (76, None),
    (88, None),
)


def typical():
    """A patient who loses the CAR, whose B cells return, and who relapses with CD19."""
    patient = "S01"
    rows = [
        value(
            patient,
            day,
            "PB",
            f"labs:{i}",
            "car_copies",
            "copies/ug",
            number,
            "NOT_DETECTED" if number is None else "QUANTIFIED",
            target="CD19",
            limit=10.0,
            lloq=50.0,
        )
        for i, (day, number) in enumerate(CAR_COURSE, start=1)
    ]
    rows += [
        value(
            patient,
            day,
            "PB",
            f"S01-d{day}-b",
            "b_cells_per_ul",
            "cells/uL",
            number,
            status,
            limit=0.5,
            lloq=1.2,
            low=number and number * 0.8,
            high=number and number * 1.25,
            stream="cytometry",
            count=int((number or 0) * 9),
            total=9000,
        )
        for day, number, status in (
            (-6, 180.0, "QUANTIFIED"),
            (28, None, "NOT_DETECTED"),
            (62, 0.9, "DETECTED_BELOW_LLOQ"),
            (76, 61.0, "QUANTIFIED"),
            (88, 118.0, "QUANTIFIED"),
            (175, 210.0, "QUANTIFIED"),
        )
    ]
    rows += [
        value(
            patient,
            day,
            "BM",
            f"labs:{20 + i}",
            "flow_mrd_fraction",
            "fraction",
            number,
            "QUANTIFIED" if number else "NOT_DETECTED",
            limit=1e-5,
            lloq=3e-5,
        )
        for i, (day, number) in enumerate(((-6, 0.31), (27, None), (88, None), (210, 0.55)))
    ]
    rows += [
        value(
            patient,
            88,
            "BM",
            "labs:30",
            "ngs_mrd_fraction",
            "fraction",
            None,
            "NOT_DETECTED",
            limit=1e-6,
            lloq=5e-6,
        ),
        value(
            patient,
            28,
            "PB",
            "S01-d28-c",
            "car_t_fraction",
            "fraction",
            None,
            "FAILED",
            target="CD19",
            stream="cytometry",
        ),
        value(
            patient,
            85,
            "PB",
            "labs:31",
            "virus_copies",
            "copies/mL",
            None,
            "NOT_DETECTED",
            target="ebv",
            limit=150.0,
            lloq=500.0,
        ),
    ]
    driver = (
        "BCR_CONFIRMED: b_cells_per_ul=61 [48.8, 76.2] cells/uL, PB S01-d76-b, day 76; "
        "b_cells_per_ul=118 [94.4, 148] cells/uL, PB S01-d88-b, day 88"
    )
    signal = {
        "category": "SIGNAL",
        "drivers": driver,
        "evidence_grade": "B",
        "tests_done": 2,
        "missing_tests": "",
        "if_missing_negative": "SIGNAL",
        "if_missing_positive": "SIGNAL",
        "reason": "1 driver is present",
        "evidence_ids": "EV001",
    }
    categories = {
        (28, "M1"): clear(),
        (63, "M1"): clear(
            category="NOT_ASSESSABLE", stale_tests="B-cell aplasia by one confirmed rule"
        ),
        (90, "M1"): signal,
        (90, "M2"): clear(),
        (90, "M6"): clear(),
        (180, "M1"): signal
        | {
            "drivers": driver
            + " | CAR_LOST_BEFORE_LM: car_copies (CD19) NOT_DETECTED (limit 10 copies/ug), "
            "PB labs:9, day 88"
        },
        (180, "M2"): {
            "category": "SIGNAL_CONFLICTING",
            "conflicts": "flow_mrd_fraction NOT_DETECTED (limit 1e-05 fraction), BM labs:22, "
            "day 88 against cd19_dim_fraction (FMC63)=0.35 fraction, BM labs:40, day 128",
            "evidence_grade": "D",
            "reason": "adequate tests disagree",
            "missing_tests": "",
        },
        (180, "M6"): clear(),
    }
    risk = risk_rows(patient, categories, 215)
    rules = [
        {
            "patient_id": patient,
            "landmark": f"D{day}",
            "landmark_day": day,
            "mechanism": mechanism,
            "rule_id": rule,
            "rule_version": "1.0",
            "status": status,
            "stale": stale,
            "direction": direction,
            "grade": grade,
            "values": values,
            "reason": reason,
            "evidence_ids": ids,
            "target": target,
        }
        for day in (28, 63, 90, 180)
        for mechanism, rule, status, stale, direction, grade, values, reason, ids, target in (
            (
                "M1",
                "BCR_CONFIRMED",
                "PRESENT" if day >= 90 else "ABSENT",
                "no",
                "harm",
                "B",
                "b_cells_per_ul=118 [94.4, 148] cells/uL, PB S01-d88-b, day 88"
                if day >= 90
                else "",
                "two consecutive specimens above the limit",
                "EV001",
                "",
            ),
            (
                "M2",
                "CD19_LOF_VARIANT",
                "NOT_ASSESSED",
                "yes" if day == 180 else "no",
                "harm",
                "D",
                "",
                "no reads of CD19 within the maximum age",
                "EV050",
                "CD19",
            ),
            (
                "M2",
                "FLOW_MRD_POS",
                "CONFLICTING" if day == 180 else "ABSENT",
                "no",
                "harm",
                "D",
                "",
                "limit 1e-5",
                "",
                "CD19",
            ),
            (
                "M4",
                "CD7_NEG_BLAST_DURING_CAR7",
                "NOT_APPLICABLE",
                "no",
                "harm",
                "D",
                "",
                "",
                "",
                "CD7",
            ),
        )
    ]
    samples = [
        ("S01-d-6-b", -6, "PB", "flow", "b_cell_recovery", "yes"),
        ("S01-d28-c", 28, "PB", "flow", "car_t_persistence", "yes"),
        ("S01-d76-b", 76, "PB", "flow", "b_cell_recovery", "yes"),
        ("S01-d88-b", 88, "PB", "flow", "b_cell_recovery", "yes"),
        ("S01-d210-dna", 210, "BM", "dna", "", "yes"),
        ("S01-d210-sc", 210, "BM", "scrna", "", "yes"),
        ("S01-d212-b", 212, "PB", "flow", "b_cell_recovery", ""),
    ]
    who = {"sample_id": "S01-d210-dna", "patient_id": patient, "day": 210, "specimen": "BM"}
    cells_of = {"sample_id": "S01-d210-sc", "patient_id": patient, "day": 210, "specimen": "BM"}
    tables = {
        "evidence": EVIDENCE.frame(rows),
        "kinetics": KINETICS.frame(
            [
                {
                    "patient_id": patient,
                    "infusion_no": 1,
                    "infusion_day": 0,
                    "measure": "car_copies",
                    "target": "CD19",
                    "unit": "copies/ug",
                    "samples": 9,
                    "sampling_grade": "A",
                    "cmax_observed": 24000.0,
                    "tmax_observed_day": 10,
                    "auc0_28": 171800.0,
                    "auc_extrapolated_fraction": 0.0,
                    "tlast_day": 60,
                    "loss_after_day": 60,
                    "loss_until_day": 76,
                    "loss_status": "PRESENT",
                    "flags": "",
                }
            ]
        ),
        "recovery": RECOVERY.frame(
            [
                {
                    "patient_id": patient,
                    "lineage": "b_cells",
                    "rule_id": rule,
                    "definition": text,
                    "status": status,
                    "recovered_after_day": after,
                    "recovered_until_day": until,
                    "attribution": "attributable" if status == "PRESENT" else "not asked",
                    "values": "b_cells_per_ul=61 [48.8, 76.2] cells/uL, PB S01-d76-b, day 76",
                    "evidence_ids": "EV001",
                }
                for rule, text, status, after, until in (
                    ("BCA-ABS50", "aplasia: below 50 cells/uL", "PRESENT", 62, 76),
                    ("BCA-FELIX20", "aplasia: below 20 cells/uL", "PRESENT", 62, 76),
                    (
                        "BCA-CCHMC",
                        "recovery: CD19+ above 1 % or 100 cells/uL, confirmed",
                        "ABSENT",
                        88,
                        None,
                    ),
                )
            ]
        ),
        "rules": RULE_RESULTS.frame(rules),
        "risk": risk,
        "summary": summary(
            patient,
            "D180",
            215,
            risk=risk,
            car_t_last="car_copies (CD19) NOT_DETECTED (limit 10 copies/ug), PB labs:9, day 88",
            b_cells_last="b_cells_per_ul=210 [168, 262] cells/uL, PB S01-d175-b, day 175",
            outcome="relapse (antigen_positive, CD19) on day 210",
            specimens=7,
            specimens_failed=1,
        ),
        "populations": POPULATIONS.frame(
            [
                *(
                    population(patient, d, "PB", s, "b_cells", c, 9000)
                    for d, s, c in (
                        (-6, "S01-d-6-b", 1080),
                        (76, "S01-d76-b", 366),
                        (88, "S01-d88-b", 708),
                    )
                ),
                population(
                    patient,
                    28,
                    "PB",
                    "S01-d28-c",
                    "car_t",
                    None,
                    None,
                    status="FAILED",
                    cut_source="NONE",
                    target="CD19",
                    flags="the specimen failed quality",
                ),
            ]
        ),
        "ratios": RATIOS.empty(),
        "cuts": CUTS.frame(
            [
                {
                    "sample_id": "S01-d88-b",
                    "patient_id": patient,
                    "batch": "b1",
                    "panel": "b_cell_recovery",
                    "gate": f"gate_{i}",
                    "marker": "CD19",
                    "channel": "PE-A",
                    "cut": 1200.0,
                    "source": "CONTROL",
                    "control_sample_id": "ctl-b1",
                }
                for i in range(1, 7)
            ]
        ),
        "concordance": CONCORDANCE.frame(
            [
                {
                    "sample_id": "S01-d88-b",
                    "patient_id": patient,
                    "population": "B cells",
                    "gate_path": "root/B cells",
                    "count_workspace_stored": 702,
                    "count_workspace_gates": 702,
                    "difference_percent": 0.0,
                    "agreement": "AGREES",
                    "count_automated": 708,
                    "f1": 0.984,
                }
            ]
        ),
        "variants": VARIANTS.frame(
            [
                who
                | {
                    "assay": "dna",
                    "gene": "CD19",
                    "transcript": "NM_001770.6",
                    "chrom": "chr16",
                    "pos": 28932400,
                    "ref": "A",
                    "alt": "AG",
                    "exon": "2",
                    "hgvs_c": "c.143dup",
                    "hgvs_p": "p.T49fs",
                    "consequence": "frameshift",
                    "stop_codon": 71,
                    "nmd_candidate": "yes",
                    "loses_transmembrane": "yes",
                    "tier": "T1",
                    "origin": "NOT_DETERMINED",
                    "alt_fragments": 120,
                    "depth": 500,
                    "vaf": 0.24,
                    "vaf_low": 0.2,
                    "vaf_high": 0.28,
                    "detectable_vaf": 0.012,
                    "known_from_day": 210,
                    "status": "QUANTIFIED",
                    "filter": "PASS",
                },
                who
                | {
                    "assay": "dna",
                    "gene": "CD19",
                    "transcript": "NM_001770.6",
                    "chrom": "chr16",
                    "pos": 28933075,
                    "ref": "C",
                    "alt": "G",
                    "exon": "3",
                    "hgvs_c": "c.520C>G",
                    "hgvs_p": "p.L174V",
                    "consequence": "missense",
                    "loses_transmembrane": "no",
                    "nmd_candidate": "no",
                    "tier": "POLYMORPHISM",
                    "origin": "POLYMORPHISM",
                    "alt_fragments": 260,
                    "depth": 510,
                    "vaf": 0.51,
                    "vaf_low": 0.47,
                    "vaf_high": 0.55,
                    "known_from_day": 210,
                    "status": "QUANTIFIED",
                    "filter": "PASS",
                },
            ]
        ),
        "callability": CALLABILITY.frame(
            [
                who
                | {
                    "assay": "dna",
                    "gene": "CD19",
                    "exon": e,
                    "cds_bases": 100,
                    "depth": 480.0 if e != "9" else 12.0,
                    "depth_min": 300 if e != "9" else 2,
                    "detectable_vaf": 0.012 if e != "9" else None,
                    "target_vaf": 0.02,
                    "callable_fraction": {"9": 0.0, "all": 0.937}.get(e, 1.0),
                    "status": "QUANTIFIED" if e != "9" else "INDETERMINATE",
                }
                for e in ["all", *map(str, range(1, 15))]
            ]
        ),
        "splicing": SPLICING.empty(),
        "loh": LOH.frame(
            [
                who
                | {
                    "gene": "CD19",
                    "informative_snps": 0,
                    "state": "NOT_INFORMATIVE",
                    "status": "INDETERMINATE",
                    "flags": "no heterozygous SNP",
                }
            ]
        ),
        "biallelic": BIALLELIC.frame(
            [
                who
                | {
                    "gene": "CD19",
                    "basis": "dna",
                    "hits": "c.201del 50 % (45 to 55)",
                    "state": "NOT_DETERMINED",
                    "cells_fraction_low": 0.0,
                    "cells_fraction_high": 0.55,
                    "status": "INDETERMINATE",
                    "flags": "one copy is hit; loss of the other copy is not excluded",
                }
            ]
        ),
        "clones": CLONES.frame(
            [
                cells_of
                | {
                    "clone": "c.143dup",
                    "gene": "CD19",
                    "basis": "genotype",
                    "cells_listed": 1500,
                    "cells_covered": 420,
                    "cells_mutant": 310,
                    "fraction": 0.738,
                    "fraction_low": 0.694,
                    "fraction_high": 0.778,
                    "detectable_fraction": 0.007,
                    "known_from_day": 210,
                    "status": "QUANTIFIED",
                }
            ]
        ),
        "antigen_loss": ANTIGEN_LOSS.frame(
            [
                cells_of
                | {
                    "population": p,
                    "identity": "leukemic_b",
                    "identity_evidence": "genotype",
                    "antigen": "CD19",
                    "basis": "rna",
                    "reference": "normal B cells",
                    "cells": n,
                    "umis": u,
                    "expected_umis": 900.0,
                    "relative_expression": u / 900,
                    "relative_expression_low": u / 1000,
                    "relative_expression_high": u / 800,
                    "p_value": 0.001,
                    "q_value": 0.002,
                    "status": s,
                    "fraction_of_leukemic": f,
                    "fraction_of_leukemic_low": f - 0.02,
                    "fraction_of_leukemic_high": f + 0.02,
                    "detectable_fraction": 0.03,
                }
                for p, n, u, s, f in (
                    ("leukemic_b 1", 900, 20, "LOST", 0.7),
                    ("leukemic_b 2", 400, 810, "RETAINED", 0.3),
                )
            ]
        ),
        "cell_populations": CELL_POPULATIONS.frame(
            [
                cells_of
                | {
                    "population": i,
                    "identity": i,
                    "identity_evidence": "marker_score",
                    "cells": n,
                    "total_cells": 1500,
                    "fraction": n / 1500,
                    "fraction_low": n / 1600,
                    "fraction_high": n / 1400,
                    "status": "QUANTIFIED",
                }
                for i, n in (("leukemic_b", 900), ("normal_t", 400), ("normal_myeloid", 200))
            ]
        ),
        "quality": QUALITY.frame(
            [
                quality(
                    patient,
                    "S01-d28-c",
                    28,
                    "readable",
                    "FAIL",
                    "the file ends within its DATA segment: found 12,000 of 20,000 events. "
                    "Send the file again, or acquire a new tube",
                    value=None,
                    unit="",
                ),
                quality(
                    patient,
                    "S01-d88-b",
                    88,
                    "time_anomaly",
                    "FLAG",
                    "31 % of the events lie in a clog and were left out",
                ),
                *(
                    quality(patient, s, d, "margin", "PASS")
                    for s, d in (("S01-d-6-b", -6), ("S01-d76-b", 76), ("S01-d88-b", 88))
                ),
                quality(patient, "S01-d210-dna", 210, "contigs", "PASS", assay="dna"),
                quality(patient, "S01-d210-sc", 210, "cells", "PASS", assay="scrna"),
            ]
        ),
        "inputs": INPUT_FILES.frame(
            [
                {
                    "sample_id": s,
                    "patient_id": patient,
                    "role": "data",
                    "bytes": 1_048_576,
                    "sha256": f"{place:02x}" * 32,
                }
                for place, (s, *_) in enumerate(samples[:6])
            ]
        ),
    }
    events = [
        {"day": "-5", "end_day": "-3", "event": "lymphodepletion"},
        {"day": "3", "end_day": "6", "event": "crs", "grade": "2", "grading_system": "ASTCT"},
        {"day": "4", "event": "tocilizumab"},
        {"day": "28", "event": "complete_remission"},
        {
            "day": "120",
            "end_day": "160",
            "event": "infection",
            "grade": "3",
            "grading_system": "CTCAE",
            "detail": "CMV",
        },
        {
            "day": "210",
            "event": "relapse",
            "phenotype": "antigen_positive",
            "antigen": "CD19",
            "site": "marrow",
        },
    ]
    rows = sheet(patient, samples=samples, events=events, age_group="child", kmt2a_rearranged="no")
    views = pd.concat(
        [gate_views(s, i) for i, (s, *_) in enumerate(samples[:4]) if s != "S01-d28-c"]
    )
    return tables, rows, views, embedding_cells("S01-d210-sc")
