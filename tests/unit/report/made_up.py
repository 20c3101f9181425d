"""Synthetic patients and pages made by hand: no run of the workflow is needed."""

import numpy as np
import pandas as pd
from tests.unit.report.made_up_rows import (
    CD19,
    EVIDENCE_BASE,
    HOSTILE,
    MADE_WITH,
    gate_views,
    population,
    quality,
    risk_rows,
    sheet,
    summary,
    value,
)
from tests.unit.report.made_up_typical import typical

from aftercar.contracts.cohort import (
    CAUSES,
    FOLLOW_UP,
    INCIDENCE,
    INCIDENCE_ESTIMANDS,
    OUTCOME_MODEL,
    RECOVERY_CURVES,
    STRATA,
    STRATUM_CATEGORIES,
    TOTALS,
    UNKNOWN_COUNTED_AS,
    VISIT_RATES,
)
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
    KINETICS,
    RECOVERY,
    RULE_RESULTS,
    SURVIVAL,
)
from aftercar.contracts.signatures import next_line
from aftercar.contracts.singlecell import CELLS
from aftercar.contracts.specimen import INPUT_CHECKS, INPUT_FILES, QUALITY
from aftercar.report.cohort import cohort_content, cohort_figures
from aftercar.report.figures import patient_figures
from aftercar.report.pages import render_cohort, render_patient, render_quality
from aftercar.report.patient import patient_content
from aftercar.report.quality import quality_content, quality_figures
from aftercar.report.sign_off import with_sign_off


def nothing_but_a_row():
    """A patient with one specimen that was never measured and an infusion without a day."""
    patient = "S02"
    risk = risk_rows(patient, {}, None)
    tables = {
        "evidence": EVIDENCE.frame(
            [
                value(
                    patient,
                    30,
                    "PB",
                    "S02-d30",
                    "specimen",
                    "",
                    None,
                    "NOT_ASSESSED",
                    stream="cytometry",
                )
            ]
        ),
        "kinetics": KINETICS.empty(),
        "recovery": RECOVERY.frame(
            [
                {
                    "patient_id": patient,
                    "lineage": "b_cells",
                    "rule_id": "BCA-ABS50",
                    "definition": "aplasia: below 50 cells/uL",
                    "status": "NOT_ASSESSED",
                }
            ]
        ),
        "rules": RULE_RESULTS.empty(),
        "risk": risk,
        "summary": summary(patient, "", None, risk=risk, specimens=1),
        "populations": POPULATIONS.empty(),
        "ratios": RATIOS.empty(),
        "cuts": CUTS.empty(),
        "concordance": CONCORDANCE.empty(),
        "quality": QUALITY.empty(),
        "inputs": INPUT_FILES.empty(),
    }
    rows = sheet(
        patient,
        targets=[("", "CD19")],
        samples=[("S02-d30", 30, "PB", "flow", "b_cell_recovery", "")],
    )
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
    views["population"] = "<svg onload=alert(1)>"
    views["x"] = "<script>alert(1)</script>"
    tables["populations"] = named
    return tables, rows, views, cells


def all_failed():
    """A patient none of whose specimens could be read."""
    patient = "S03"
    risk = risk_rows(patient, {}, 60)
    message = "not an FCS file: found a spreadsheet. Export list-mode data and send it again"
    samples = [
        ("S03-d28", 28, "PB", "flow", "b_cell_recovery", "yes"),
        ("S03-d60", 60, "PB", "flow", "b_cell_recovery", "yes"),
    ]
    tables = {
        "evidence": EVIDENCE.frame(
            [
                value(
                    patient,
                    d,
                    "PB",
                    s,
                    "b_cells_fraction",
                    "fraction",
                    None,
                    "FAILED",
                    stream="cytometry",
                )
                for s, d, *_ in samples
            ]
        ),
        "kinetics": KINETICS.empty(),
        "recovery": RECOVERY.empty(),
        "rules": RULE_RESULTS.empty(),
        "risk": risk,
        "summary": summary(patient, "", 60, risk=risk, specimens=2, specimens_failed=2),
        "populations": POPULATIONS.frame(
            [
                population(
                    patient, d, "PB", s, "b_cells", None, None, status="FAILED", cut_source="NONE"
                )
                for s, d, *_ in samples
            ]
        ),
        "ratios": RATIOS.empty(),
        "cuts": CUTS.empty(),
        "concordance": CONCORDANCE.empty(),
        "quality": QUALITY.frame(
            [
                quality(patient, s, d, "readable", "FAIL", message, value=None, unit="")
                for s, d, *_ in samples
            ]
        ),
        "inputs": INPUT_FILES.frame(
            [
                {"sample_id": s, "patient_id": patient, "role": "data", "bytes": None}
                for s, *_ in samples
            ]
        ),
    }
    return tables, sheet(patient, samples=samples), GATE_VIEWS.empty(), CELLS.empty()


def t_lineage():
    """A T-ALL patient with a CD7 and then a CD5 CAR."""
    patient = "S04"
    rows = []
    for target, course in (
        ("CD7", ((7, 0.2), (21, 0.35), (88, 0.08), (148, 0.015), (230, 0.008))),
        ("CD5", ((130, 0.1), (148, 0.32), (230, 0.1))),
    ):
        rows += [
            value(
                patient,
                d,
                "PB",
                f"S04-d{d}-t",
                "car_t_fraction",
                "fraction",
                v,
                target=target,
                low=v * 0.9,
                high=v * 1.1,
                limit=1e-4,
                lloq=3e-4,
                stream="cytometry",
                count=int(v * 8000),
                total=8000,
            )
            for d, v in course
        ]
    rows += [
        value(
            patient, d, "PB", f"labs:{d}", "cd4_t_per_ul", "cells/uL", float(v), limit=1.0, lloq=2.0
        )
        for d, v in ((20, 30), (60, 41), (88, 45), (148, 25), (228, 60))
    ]
    rows += [
        value(
            patient,
            d,
            "PB",
            f"S04-d{d}-t",
            "cd7_cd5_ratio_car_negative_t",
            "ratio",
            v,
            low=v * 0.7,
            high=v * 1.4,
            stream="cytometry",
        )
        for d, v in ((21, 0.2), (88, 0.1), (148, 2.6), (230, 1.4))
    ]
    rows += [
        value(
            patient,
            d,
            "PB",
            f"labs:{900 + i}",
            "virus_copies",
            "copies/mL",
            v,
            s,
            target="cmv",
            limit=150.0,
            lloq=500.0,
        )
        for i, (d, v, s) in enumerate(((26, None, "NOT_DETECTED"), (85, 12000.0, "QUANTIFIED")))
    ]
    risk = risk_rows(
        patient,
        {
            (90, "M6"): {
                "category": "SIGNAL",
                "drivers": "TCELL_APLASIA_WITH_VIREMIA: cd4_t_per_ul=45 cells/uL, PB labs:88, "
                "day 88; "
                "virus_copies (cmv)=1.2e+04 copies/mL, PB labs:901, day 85",
                "evidence_grade": "C",
                "reason": "1 driver is present",
                "missing_tests": "",
            }
        },
        230,
        "CD7",
        t_lineage=True,
    )
    ratios = [
        {
            "sample_id": f"S04-d{d}-t",
            "patient_id": patient,
            "day": d,
            "specimen": "PB",
            "ratio_name": "CD7+/CD5+",
            "scope": scope,
            "numerator": "CD7+ T",
            "denominator": "CD5+ T",
            "numerator_count": n,
            "denominator_count": m,
            "cd7pos_cd5pos": 300,
            "cd7pos_cd5neg": 20,
            "cd7neg_cd5pos": 3200,
            "cd7neg_cd5neg": 80,
            "ratio": n / m if m else None,
            "ratio_low": n / m * 0.8 if m else None,
            "ratio_high": n / m * 1.2 if m else None,
            "log10_ratio": None,
            "status": "QUANTIFIED" if m else "INDETERMINATE",
        }
        for d, n, m in ((21, 700, 3300), (88, 320, 3500), (148, 12, 0))
        for scope in ("all_t", "car_negative_t")
    ]
    tables = {
        "evidence": EVIDENCE.frame(rows),
        "kinetics": KINETICS.frame(
            [
                {
                    "patient_id": patient,
                    "infusion_no": i,
                    "infusion_day": day,
                    "measure": "car_t_fraction",
                    "target": t,
                    "unit": "fraction",
                    "samples": 3,
                    "sampling_grade": "C",
                    "loss_status": "ABSENT",
                }
                for i, day, t in ((1, 0, "CD7"), (2, 120, "CD5"))
            ]
        ),
        "recovery": RECOVERY.empty(),
        "rules": RULE_RESULTS.empty(),
        "risk": risk,
        "summary": summary(patient, "D90", 230, "T-ALL", "CD7;CD5", risk=risk, specimens=4),
        "populations": POPULATIONS.frame(
            [
                population(
                    patient,
                    88,
                    "PB",
                    "S04-d88-t",
                    "car_t",
                    640,
                    8000,
                    target="CD7",
                    denominator="t_cells",
                    panel="t_lineage",
                )
            ]
        ),
        "ratios": RATIOS.frame(ratios),
        "cuts": CUTS.empty(),
        "concordance": CONCORDANCE.empty(),
        "quality": QUALITY.empty(),
        "inputs": INPUT_FILES.empty(),
    }
    samples = [(f"S04-d{d}-t", d, "PB", "flow", "t_lineage", "yes") for d in (21, 88, 148, 230)]
    events = [
        {"day": "-5", "end_day": "-3", "event": "lymphodepletion"},
        {"day": "115", "end_day": "117", "event": "lymphodepletion"},
        {"day": "4", "end_day": "9", "event": "crs", "grade": "2", "grading_system": "ASTCT"},
        {"day": "179", "end_day": "184", "event": "conditioning"},
        {"day": "185", "event": "hct", "detail": "haploidentical donor"},
    ]
    return (
        tables,
        sheet(patient, "T-ALL", [("0", "CD7"), ("120", "CD5")], samples, events),
        gate_views("S04-d88-t", 9),
        CELLS.empty(),
    )


PATIENTS_MADE_UP = {"S01": typical, "S02": nothing_but_a_row, "S03": all_failed, "S04": t_lineage}


def content_of(make, **more):
    """The content of the page of a made-up patient, with its views and cells."""
    tables, rows, views, cells = make()
    settings = MADE_WITH | {"evidence_base": EVIDENCE_BASE} | more
    return patient_content(tables, rows, **settings), views, cells


def page_of(make, antigen_cells=None, **more):
    """The page of a made-up patient."""
    content, views, cells = content_of(make, **more)
    figures = patient_figures(content, views, cells, {"CD19": CD19}, antigen_cells)
    return render_patient(content, figures)


def signed_page(*, changed):
    """The page of a made-up patient whose report was signed, and changed since or not."""
    before, views, cells = content_of(typical)
    content = content_of(typical, cohort="another cohort")[0] if changed else before
    line = next_line(
        [], before, reviewer="R. Viewer", signed_at="2026-03-01T10:00:00Z", snapshot="S01.json"
    )
    content = with_sign_off(content, [line], [before])
    return render_patient(content, patient_figures(content, views, cells, {"CD19": CD19}, None))


def outcome_steps(patients, endpoints=True):
    """Steps of curves that end with nobody at risk; one event every tenth patient."""
    rows = []
    for step in range(patients):
        at_risk, share = patients - step, 1 - 0.5 * step / patients
        rows.append(
            {
                "day": 6 * step,
                "at_risk": at_risk,
                "events": int(step % 10 == 0 and step > 0),
                "share": share,
            }
        )
    if endpoints:
        return SURVIVAL.frame(
            [
                {
                    "endpoint": e,
                    "estimand": k,
                    "day": r["day"],
                    "at_risk": r["at_risk"],
                    "events": r["events"],
                    "censored": 0,
                    "survival": r["share"],
                    "survival_low": max(r["share"] - 0.1, 0),
                    "survival_high": min(r["share"] + 0.1, 1),
                }
                for e in ("OS", "EFS", "RFS")
                for k in ("treatment_policy", "censored_at_hct_or_therapy")
                for r in rows
            ]
        )
    return INCIDENCE.frame(
        [
            {
                "estimand": k,
                "unknown_phenotype": counted_as,
                "cause": c,
                "day": r["day"],
                "at_risk": r["at_risk"],
                "events": r["events"],
                "incidence": (1 - r["share"]) / 2,
                "incidence_low": (1 - r["share"]) / 3,
                "incidence_high": (1 - r["share"]) / 1.5,
            }
            for k, causes in INCIDENCE_ESTIMANDS.items()
            for counted_as, only in UNKNOWN_COUNTED_AS.items()
            for c in only or causes
            for r in rows
        ]
    )


def follow_up(patients):
    """Follow-up of a cohort in which nobody ever reaches the median time to death."""
    return FOLLOW_UP.frame(
        [
            {
                "endpoint": e,
                "estimand": k,
                "patients": patients,
                "events": patients // 10,
                "median_follow_up_days": 300,
                "median_follow_up_low_days": 250,
                "median_follow_up_high_days": None,
            }
            for e in ("OS", "EFS", "RFS")
            for k in ("treatment_policy", "censored_at_hct_or_therapy")
        ]
    )


def strata(patients):
    """Outcomes by category: half signal, a third without, the rest not assessable."""
    shares = (patients // 2, 0, patients // 3, patients // 6, 0)
    sizes = dict(zip(STRATUM_CATEGORIES, shares, strict=True))
    everybody = {"ALL": patients}
    asked = (("ALL", ""), ("M1", "CD19"), ("M2", "CD19"), ("M3", ""), ("M6", ""), ("M7", ""))
    rows = []
    for day in (28, 63, 90, 180, 270, 365):
        for mechanism, target in asked:
            for category, size in (everybody if mechanism == "ALL" else sizes).items():
                stratum = {
                    "landmark": f"D{day}",
                    "landmark_day": day,
                    "mechanism": mechanism,
                    "target": target,
                    "category": category,
                    "patients": size,
                }
                for cause in CAUSES + TOTALS:
                    for step in range(min(size, 200)):
                        share = 0.4 * step / size
                        rows.append(
                            stratum
                            | {
                                "cause": cause,
                                "day": 4 * step,
                                "at_risk": size - step,
                                "events": int(step > 0),
                                "incidence": share,
                                "incidence_low": share / 1.5 if step else None,
                                "incidence_high": share * 1.5 if step else None,
                            }
                        )
    return STRATA.frame(rows)


def recovery_curves(patients):
    """Two rules of B-cell recovery and the loss of the CAR: a step every three weeks."""
    rows = []
    for outcome, rule, target in (
        ("b_cells", "BCA-FELIX20", ""),
        ("b_cells", "BCA-CCHMC", ""),
        ("car_loss", "car_copies", "CD19"),
    ):
        for step in range(20):
            last = step == 19
            rows.append(
                {
                    "outcome": outcome,
                    "rule_id": rule,
                    "target": target,
                    "after_day": 28 + 21 * step,
                    "until_day": None if last else 49 + 21 * step,
                    "probability": 0.62 if last else 0.02,
                    "share": None if last else 0.02 * (step + 1),
                    "at_risk": patients - patients * step // 20,
                    "patients": patients,
                    "seen": patients // 3,
                    "not_attributable": 1,
                    "unknown": 7,
                }
            )
    return RECOVERY_CURVES.frame(rows)


def visit_rates(patients):
    """Patients with a signal are seen twice as often."""
    return VISIT_RATES.frame(
        [
            {
                "mechanism": mechanism,
                "target": "",
                "category": category,
                "patients": patients // 2,
                "patient_months": 3.5 * patients,
                "visits": visits,
                "visits_per_month": visits / (3.5 * patients),
            }
            for mechanism in ("M1", "M2")
            for category, visits in (
                ("BEFORE_FIRST_LANDMARK", 9),
                ("SIGNAL", 40),
                ("NO_SIGNAL", 20),
            )
        ]
    )


def outcome_model(patients):
    """One effect, one that cannot be estimated."""
    base = {
        "landmark": "D90",
        "landmark_day": 90,
        "cause": "antigen_positive",
        "mechanism": "M1",
        "target": "CD19",
        "patients": patients,
        "not_applicable": 2,
        "events": patients // 3,
        "parameters": 2,
        "use": "development only",
    }
    effect = {"hazard_ratio": 2.5, "hazard_ratio_low": 1.2, "hazard_ratio_high": 5.1}
    why = "limits more than 100-fold apart"
    return OUTCOME_MODEL.frame(
        [
            base | effect | {"category": "SIGNAL", "status": "ESTIMATED"},
            base | {"category": "NOT_ASSESSABLE", "status": "NOT_ESTIMABLE", "reason": why},
        ]
    )


def cohort_of(patients):
    """The tables of a cohort page: copies of the made-up patients under other names."""
    made = [make()[0] for make in PATIENTS_MADE_UP.values()]
    joined = {}
    for name in ("summary", "risk", "evidence"):
        frames = []
        for place, source in enumerate(made):
            names = [f"S{n + 1:02}" for n in range(place, patients, len(made))]
            frame = source[name]
            copies = frame.loc[np.tile(frame.index.to_numpy(), len(names))]
            repeated = pd.array(np.repeat(names, len(frame)), dtype="string")
            frames.append(copies.assign(patient_id=repeated))
        joined[name] = pd.concat(frames, ignore_index=True).sort_values("patient_id", kind="stable")
    return (
        joined["summary"],
        joined["risk"],
        joined["evidence"],
        outcome_steps(patients),
        outcome_steps(patients, False),
        follow_up(patients),
        strata(patients),
        recovery_curves(patients),
        visit_rates(patients),
        outcome_model(patients),
    )


def cohort_page(patients=4, suppress_below=5, left_out=(), pages=None):
    """The page of a made-up cohort."""
    content = cohort_content(
        *cohort_of(patients),
        versions=MADE_WITH["versions"],
        code="abcdef012345",
        cohort="synthetic test cohort",
        suppress_below=suppress_below,
        left_out=list(left_out),
        pages=pages,
    )
    return render_cohort(content, cohort_figures(content))


def quality_tables():
    """The tables of a quality page: checks, input problems, cuts of two batches, specimens."""
    tables, rows, _, _ = typical()
    samples = rows["samples"] + [
        dict(rows["samples"][0], sample_id="ctl-b1", patient_id="", day="", specimen="control")
    ]
    checks = INPUT_CHECKS.frame(
        [
            {
                "sample_id": "S01-d28-c",
                "row": 2,
                "problem": "a file that ends too early",
                "expected": "20,000 events",
                "remedy": "send the file again",
            }
        ]
    )
    cuts = [
        {
            "sample_id": f"S{i:02}-x",
            "patient_id": f"S{i:02}",
            "batch": f"b{1 + i % 3}",
            "panel": "b_cell_recovery",
            "gate": "b_cells",
            "marker": marker,
            "channel": "PE-A",
            "cut": 1000.0 * (3 if i % 3 == 2 else 1) + 10 * i,
            "source": "CONTROL",
            "control_sample_id": "ctl-b1",
        }
        for i in range(9)
        for marker in ("CD19", "CD20", "CD45")
    ]
    batch_cuts = BATCH_CUTS.frame(
        [
            {
                "batch": "b1",
                "panel": "b_cell_recovery",
                "marker": "CD19",
                "cut": 1000.0,
                "source": "CONTROL",
                "control_sample_id": "ctl-b1",
                "control_events": 9000,
                "background_events": 9,
                "background_fraction": 0.001,
            }
        ]
    )
    return tables["quality"], checks, CUTS.frame(cuts), batch_cuts, samples


def quality_page():
    """The quality page of a made-up cohort."""
    content = quality_content(
        *quality_tables(),
        versions=MADE_WITH["versions"],
        code="abcdef012345",
        cohort="synthetic test cohort",
    )
    return render_quality(content, quality_figures(content))
