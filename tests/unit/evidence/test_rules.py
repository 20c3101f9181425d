"""Every rule: found, not found, not tested, tested too long ago, adequate tests that disagree."""

import re

import pytest
from tests.unit.evidence.patients import (
    absent,
    aplasia,
    car,
    event,
    infusion,
    judged,
    no_car,
    patient,
    recovered,
    risk_at,
    rule_at,
    rulebook,
    value,
)
from tests.unit.evidence.patients import b_cells as some_b_cells

POSITIVE, NEGATIVE, MISSING, STALE, CONFLICTING = (
    "positive",
    "negative",
    "missing",
    "stale",
    "conflicting",
)
KMT2A = {"facts": patient(kmt2a_rearranged="yes")}
T_ALL = {"facts": patient("T-ALL"), "infusions": [infusion(targets="CD7")]}
NGS, FLOW = "ngs_mrd_fraction", "flow_mrd_fraction"


def ngs(day, found=2e-5):
    return value(day, NGS, found, "BM", stream="lab")


def no_ngs(day):
    return absent(day, NGS, 1e-6, "BM", stream="lab")


def flow(day, found=3e-3, specimen="BM", **more):
    return value(day, FLOW, found, specimen, low=found * 0.9, high=found * 1.1, **more)


def no_flow(day, limit=2e-5, specimen="BM", **more):
    return absent(day, FLOW, limit, specimen, **more)


def negative_blasts(day, found=0.9, antigen="CD19", item="", **more):
    more = {"low": found * 0.95, "high": min(1.0, found * 1.05)} | more
    return value(
        day, "antigen_negative_blast_fraction", found, "BM", target=antigen, item=item, **more
    )


def antigen_kept(day, antigen="CD19", **more):
    return absent(day, "antigen_negative_blast_fraction", 0.01, "BM", target=antigen, **more)


def variant(day, measure="lof_variant_vaf", found=0.2, gene="CD19", **more):
    more = {
        "item": "p.R100fs",
        "stream": "sequencing",
        "low": found * 0.8,
        "high": found * 1.2,
    } | more
    return value(day, measure, found, "BM", target=gene, **more)


def callable_gene(day, gene="CD19", limit=0.02, **more):
    more = {"status": "NOT_DETECTED", "limit": limit, "item": "dna", "stream": "sequencing"} | more
    return value(day, "gene_callability", 0.99, "BM", target=gene, **more)


def both_copies(day, found=1.0, gene="CD19", **more):
    return value(day, "biallelic_loss", found, "BM", target=gene, stream="sequencing", **more)


def spliced(day, measure, found):
    return value(
        day,
        measure,
        found,
        "BM",
        target="CD19",
        stream="sequencing",
        low=max(found - 0.05, 0),
        high=min(found + 0.05, 1),
    )


def lost_cells(day, found=0.3, antigen="CD19", **more):
    return value(
        day,
        "antigen_lost_cell_fraction",
        found,
        "BM",
        target=antigen,
        stream="singlecell",
        low=found * 0.8,
        high=min(1, found * 1.2),
        **({"flags": "blasts LOST; identity by genotype"} | more),
    )


def no_lost_cells(day, limit=0.02, antigen="CD19"):
    return absent(
        day, "antigen_lost_cell_fraction", limit, "BM", target=antigen, stream="singlecell"
    )


def shared(day, found=1.0, **more):
    return value(day, "clonotype_shared_with_diagnosis", found, "BM", stream="lab", **more)


def fusion(day, found=1e-3, **more):
    return value(day, "fusion_transcript", found, "BM", stream="lab", target="KMT2A::AFF1", **more)


def myeloid(day, found=0.3, **more):
    return value(
        day, "myeloid_blast_fraction", found, "BM", low=found * 0.9, high=found * 1.1, **more
    )


def two(day, function, **more):
    """The same measurement by the pipeline and by another laboratory."""
    return [function(day, **more), function(day, stream="lab", sample_id="other", **more)]


# (mechanism, rule) -> case -> (history, evidence, status at day 90)
CASES = {
    ("M1", "BCR_CONFIRMED"): {
        POSITIVE: ({}, [*aplasia(28), *recovered(63), *recovered(88)], "PRESENT"),
        NEGATIVE: ({}, [*aplasia(63), *aplasia(88)], "ABSENT"),
        MISSING: ({}, [car(88, 900)], "NOT_ASSESSED"),
        STALE: ({}, [*recovered(28), *recovered(40)], "NOT_ASSESSED"),
        CONFLICTING: (
            {},
            [*some_b_cells(63, 0.02, 30), *some_b_cells(88, 0.02, 30)],
            "CONFLICTING",
        ),
    },
    ("M1", "CAR_LOST_BEFORE_LM"): {
        POSITIVE: (
            {},
            [car(14, 9000), no_car(63), no_car(88), *recovered(63), *recovered(88)],
            "PRESENT",
        ),
        NEGATIVE: ({}, [car(14, 9000), car(88, 300)], "ABSENT"),
        MISSING: ({}, [*aplasia(88)], "NOT_ASSESSED"),
        STALE: ({}, [car(14, 9000), no_car(28), no_car(40)], "NOT_ASSESSED"),
        CONFLICTING: (
            {},
            [car(14, 9000), car(88, 300)]
            + [value(14, "car_t_fraction", 0.3, target="CD19")]
            + [absent(d, "car_t_fraction", 0.001, target="CD19") for d in (63, 88)],
            "CONFLICTING",
        ),
    },
    ("M1", "HEMATOGONES_BACK"): {
        POSITIVE: (
            {},
            [value(85, "hematogones_fraction", 0.02, "BM", low=0.015, high=0.03)],
            "PRESENT",
        ),
        NEGATIVE: ({}, [absent(85, "hematogones_fraction", 0.0002, "BM")], "ABSENT"),
        MISSING: ({}, [*recovered(85)], "NOT_ASSESSED"),
        STALE: ({}, [value(30, "hematogones_fraction", 0.02, "BM")], "NOT_ASSESSED"),
    },
    ("M1", "CAR_BLQ_WITH_BCA"): {
        POSITIVE: ({}, [car(14, 9000), no_car(88), *aplasia(63), *aplasia(88)], "PRESENT"),
        NEGATIVE: ({}, [car(14, 9000), car(88, 500), *aplasia(63), *aplasia(88)], "ABSENT"),
        MISSING: ({}, [no_car(88)], "NOT_ASSESSED"),
        STALE: ({}, [no_car(40), *aplasia(28), *aplasia(40)], "NOT_ASSESSED"),
        CONFLICTING: (
            {},
            [
                no_car(88),
                value(88, "car_t_fraction", 0.1, target="CD19"),
                *aplasia(63),
                *aplasia(88),
            ],
            "CONFLICTING",
        ),
    },
    ("M1", "BURDEN_LOW_PRE_LD"): {
        POSITIVE: ({"facts": patient(baseline_mrd="0.0005")}, [], "PRESENT"),
        NEGATIVE: ({"facts": patient(baseline_mrd="0.2")}, [], "ABSENT"),
        MISSING: ({"facts": patient(baseline_mrd="unknown")}, [], "NOT_ASSESSED"),
    },
    ("M1", "NGS_MRD_POS"): {
        POSITIVE: ({}, [ngs(85)], "PRESENT"),
        NEGATIVE: ({}, [no_ngs(85)], "ABSENT"),
        MISSING: ({}, [flow(85)], "NOT_ASSESSED"),
        STALE: ({}, [ngs(28)], "NOT_ASSESSED"),
        CONFLICTING: (
            {},
            [no_ngs(85), value(85, NGS, 2e-5, "BM", sample_id="other")],
            "CONFLICTING",
        ),
    },
    ("M1", "ANTIGEN_POSITIVE_MRD"): {
        POSITIVE: ({}, [flow(85), antigen_kept(85)], "PRESENT"),
        NEGATIVE: ({}, [flow(85), negative_blasts(85)], "ABSENT"),
        MISSING: ({}, [flow(85)], "NOT_ASSESSED"),
        STALE: ({}, [flow(28), antigen_kept(28)], "NOT_ASSESSED"),
        CONFLICTING: ({}, [flow(85), no_ngs(85), antigen_kept(85)], "CONFLICTING"),
    },
    ("M2", "FLOW_MRD_POS"): {
        POSITIVE: ({}, [flow(85)], "PRESENT"),
        NEGATIVE: ({}, [no_flow(85)], "ABSENT"),
        MISSING: ({}, [ngs(85)], "NOT_ASSESSED"),
        STALE: ({}, [flow(28)], "NOT_ASSESSED"),
        CONFLICTING: ({}, [flow(85), no_ngs(85)], "CONFLICTING"),
    },
    ("M2", "BURDEN_HIGH_PRE_LD"): {
        POSITIVE: ({"facts": patient(baseline_mrd="0.01")}, [], "PRESENT"),
        NEGATIVE: ({"facts": patient(baseline_mrd="0.009")}, [], "ABSENT"),
        MISSING: ({}, [], "NOT_ASSESSED"),
    },
    ("M2", "BLASTS_HIGH_PRE_LD"): {
        POSITIVE: ({}, [value(-7, "marrow_blasts", 0.6, "BM", stream="lab")], "PRESENT"),
        NEGATIVE: ({"facts": patient(baseline_burden="0.2")}, [], "ABSENT"),
        MISSING: ({"facts": patient(baseline_mrd="0.2")}, [], "NOT_ASSESSED"),
    },
    ("M2", "BLINA_NONRESPONSE"): {
        POSITIVE: ({"facts": patient(prior_blinatumomab="no_response")}, [], "PRESENT"),
        NEGATIVE: ({"facts": patient(prior_blinatumomab="response")}, [], "ABSENT"),
        MISSING: ({"facts": patient(prior_blinatumomab="unknown")}, [], "NOT_ASSESSED"),
    },
    ("M2", "TP53_PATH"): {
        POSITIVE: ({}, [variant(-7, "tp53_pathogenic_vaf", gene="TP53")], "PRESENT"),
        NEGATIVE: ({}, [callable_gene(85, "TP53")], "ABSENT"),
        MISSING: ({}, [callable_gene(85, "CD19")], "NOT_ASSESSED"),
        STALE: ({}, [callable_gene(28, "TP53")], "NOT_ASSESSED"),
        CONFLICTING: (
            {"facts": patient(tp53_status="wild_type")},
            [variant(85, "tp53_pathogenic_vaf", gene="TP53")],
            "CONFLICTING",
        ),
    },
    ("M2", "CD19_LOF_VARIANT"): {
        POSITIVE: ({}, [variant(85)], "PRESENT"),
        NEGATIVE: ({}, [callable_gene(85)], "ABSENT"),
        MISSING: ({}, [callable_gene(85, "TP53")], "NOT_ASSESSED"),
        STALE: ({}, [callable_gene(28)], "NOT_ASSESSED"),
    },
    ("M2", "LOF_BOTH_COPIES"): {
        POSITIVE: ({}, [both_copies(85)], "PRESENT"),
        NEGATIVE: ({}, [both_copies(85, 0.0)], "ABSENT"),
        MISSING: ({}, [both_copies(85, gene="TP53")], "NOT_ASSESSED"),
        STALE: ({}, [both_copies(28, 0.0)], "NOT_ASSESSED"),
    },
    ("M2", "CD19_LOH"): {
        POSITIVE: (
            {},
            [value(85, "loh", 1.0, "BM", target="CD19", stream="sequencing")],
            "PRESENT",
        ),
        NEGATIVE: ({}, [value(85, "loh", 0.0, "BM", target="CD19", stream="sequencing")], "ABSENT"),
        MISSING: (
            {},
            [value(85, "loh", 1.0, "BM", target="TP53", stream="sequencing")],
            "NOT_ASSESSED",
        ),
        STALE: (
            {},
            [value(28, "loh", 0.0, "BM", target="CD19", stream="sequencing")],
            "NOT_ASSESSED",
        ),
    },
    ("M2", "UNCERTAIN_VARIANT"): {
        POSITIVE: ({}, [variant(85, "uncertain_variant_vaf")], "PRESENT"),
        MISSING: ({}, [callable_gene(85)], "NOT_ASSESSED"),
    },
    **{
        ("M2", rule): {
            POSITIVE: ({}, [spliced(85, measure, 0.6)], "PRESENT"),
            NEGATIVE: ({}, [spliced(85, measure, 0.02)], "ABSENT"),
            MISSING: ({}, [], "NOT_ASSESSED"),
            STALE: ({}, [spliced(28, measure, 0.6)], "NOT_ASSESSED"),
        }
        for rule, measure in (
            ("EXON2_SKIPPING", "exon2_skipping_fraction"),
            ("INTRON2_RETENTION", "intron2_retention_fraction"),
            ("EXON56_SKIPPING", "exon5_6_skipping_fraction"),
        )
    },
    ("M2", "CD19_DIM_FRACTION"): {
        POSITIVE: (
            {},
            [
                value(85, "cd19_dim_fraction", 0.4, "BM", target=c, stream="lab")
                for c in ("FMC63", "J3-119")
            ],
            "PRESENT",
        ),
        NEGATIVE: (
            {},
            [
                absent(85, "cd19_dim_fraction", 0.01, "BM", target=c, stream="lab")
                for c in ("FMC63", "J3-119")
            ],
            "ABSENT",
        ),
        MISSING: ({}, [], "NOT_ASSESSED"),
        STALE: (
            {},
            [value(28, "cd19_dim_fraction", 0.4, "BM", target="FMC63", stream="lab")],
            "NOT_ASSESSED",
        ),
        CONFLICTING: (
            {},
            [
                value(85, "cd19_dim_fraction", 0.9, "BM", target="FMC63", stream="lab"),
                absent(85, "cd19_dim_fraction", 0.01, "BM", target="J3-119", stream="lab"),
            ],
            "CONFLICTING",
        ),
    },
    ("M2", "ANTIGEN_NEGATIVE_BLASTS"): {
        POSITIVE: ({}, [negative_blasts(85), ngs(85)], "PRESENT"),
        NEGATIVE: ({}, [antigen_kept(85)], "ABSENT"),
        MISSING: ({}, [ngs(85)], "NOT_ASSESSED"),
        STALE: ({}, [negative_blasts(28), ngs(28)], "NOT_ASSESSED"),
        CONFLICTING: ({}, [negative_blasts(85), no_ngs(85)], "CONFLICTING"),
    },
    ("M2", "ANTIGEN_LOST_CELLS"): {
        POSITIVE: ({}, [lost_cells(85)], "PRESENT"),
        NEGATIVE: ({}, [no_lost_cells(85)], "ABSENT"),
        MISSING: ({}, [], "NOT_ASSESSED"),
        STALE: ({}, [lost_cells(28)], "NOT_ASSESSED"),
    },
    ("M3", "KMT2A_R_OR_MPAL"): {
        POSITIVE: (KMT2A, [], "PRESENT"),
        NEGATIVE: ({"facts": patient(kmt2a_rearranged="no")}, [], "NOT_APPLICABLE"),
        MISSING: ({"facts": patient(kmt2a_rearranged="unknown")}, [], "NOT_ASSESSED"),
    },
    ("M3", "NGS_MRD_POS"): {
        POSITIVE: (KMT2A, [ngs(85)], "PRESENT"),
        NEGATIVE: (KMT2A, [no_ngs(85)], "ABSENT"),
        MISSING: (KMT2A, [], "NOT_ASSESSED"),
        STALE: (KMT2A, [ngs(28)], "NOT_ASSESSED"),
        CONFLICTING: (
            KMT2A,
            [no_ngs(85), value(85, NGS, 2e-5, "BM", sample_id="other")],
            "CONFLICTING",
        ),
    },
    ("M3", "FUSION_MRD_POS"): {
        POSITIVE: (KMT2A, [fusion(85)], "PRESENT"),
        NEGATIVE: (KMT2A, [absent(85, "fusion_transcript", 1e-5, "BM", stream="lab")], "ABSENT"),
        MISSING: (KMT2A, [], "NOT_ASSESSED"),
        STALE: (KMT2A, [fusion(28)], "NOT_ASSESSED"),
        CONFLICTING: (
            KMT2A,
            [
                value(85, "fusion_transcript", 1e-3, "BM"),
                absent(85, "fusion_transcript", 1e-5, "BM", stream="lab", sample_id="other"),
            ],
            "CONFLICTING",
        ),
    },
    ("M3", "MYELOID_BLASTS_SHARED_CLONE"): {
        POSITIVE: (KMT2A, [myeloid(85), shared(85)], "PRESENT"),
        NEGATIVE: (
            KMT2A,
            [absent(85, "myeloid_blast_fraction", 0.001, "BM"), shared(85)],
            "ABSENT",
        ),
        MISSING: (KMT2A, [shared(85)], "NOT_ASSESSED"),
        STALE: (KMT2A, [myeloid(28), shared(28)], "NOT_ASSESSED"),
        CONFLICTING: (KMT2A, [myeloid(85), shared(85, 0.0)], "CONFLICTING"),
    },
    ("M3", "MYELOID_LEUKEMIC_CELLS"): {
        POSITIVE: (
            KMT2A,
            [value(85, "myeloid_leukemic_cell_fraction", 0.2, "BM", stream="singlecell")],
            "PRESENT",
        ),
        NEGATIVE: (
            KMT2A,
            [absent(85, "myeloid_leukemic_cell_fraction", 0.001, "BM", stream="singlecell")],
            "ABSENT",
        ),
        MISSING: (KMT2A, [], "NOT_ASSESSED"),
        STALE: (
            KMT2A,
            [value(28, "myeloid_leukemic_cell_fraction", 0.2, "BM", stream="singlecell")],
            "NOT_ASSESSED",
        ),
    },
    ("M4", "CD7_NEG_BLAST_DURING_CAR7"): {
        POSITIVE: (
            T_ALL,
            [value(85, "car_t_fraction", 0.2, target="CD7")]
            + [
                negative_blasts(85, antigen="CD7", item=clone, stream="lab")
                for clone in ("M-T701", "cytoplasmic")
            ],
            "PRESENT",
        ),
        NEGATIVE: (
            T_ALL,
            [value(85, "car_t_fraction", 0.2, target="CD7"), antigen_kept(85, "CD7")],
            "ABSENT",
        ),
        MISSING: (T_ALL, [value(85, "car_t_fraction", 0.2, target="CD7")], "NOT_ASSESSED"),
        STALE: (
            T_ALL,
            [value(28, "car_t_fraction", 0.2, target="CD7"), negative_blasts(28, antigen="CD7")],
            "NOT_ASSESSED",
        ),
        CONFLICTING: (
            T_ALL,
            [
                value(85, "car_t_fraction", 0.2, target="CD7"),
                negative_blasts(85, antigen="CD7", item="M-T701", stream="lab"),
                antigen_kept(85, "CD7", item="cytoplasmic", stream="lab", sample_id="other"),
            ],
            "CONFLICTING",
        ),
    },
    ("M4", "TARGET_NEG_T_BLASTS"): {
        POSITIVE: (
            T_ALL,
            [
                negative_blasts(85, antigen="CD7", item=clone, stream="lab")
                for clone in ("M-T701", "cytoplasmic")
            ],
            "PRESENT",
        ),
        NEGATIVE: (T_ALL, [antigen_kept(85, "CD7")], "ABSENT"),
        MISSING: (T_ALL, [], "NOT_ASSESSED"),
        STALE: (T_ALL, [negative_blasts(28, antigen="CD7")], "NOT_ASSESSED"),
        CONFLICTING: (
            T_ALL,
            [
                negative_blasts(85, antigen="CD7", item="M-T701"),
                antigen_kept(85, "CD7", item="cy", sample_id="other"),
            ],
            "CONFLICTING",
        ),
    },
    ("M5", "TARGET_POS_T_BLASTS"): {
        POSITIVE: (T_ALL, [flow(85), antigen_kept(85, "CD7")], "PRESENT"),
        NEGATIVE: (T_ALL, [no_flow(85)], "ABSENT"),
        MISSING: (T_ALL, [flow(85)], "NOT_ASSESSED"),
        STALE: (T_ALL, [flow(28), antigen_kept(28, "CD7")], "NOT_ASSESSED"),
        CONFLICTING: (
            T_ALL,
            [flow(85), no_flow(85, stream="lab", sample_id="other"), antigen_kept(85, "CD7")],
            "CONFLICTING",
        ),
    },
    ("M6", "TCELL_APLASIA_WITH_VIREMIA"): {
        POSITIVE: (
            T_ALL,
            [value(85, "cd4_t_per_ul", 40), value(85, "virus_copies", 5000, target="EBV")],
            "PRESENT",
        ),
        NEGATIVE: (
            T_ALL,
            [value(85, "cd4_t_per_ul", 400), value(85, "virus_copies", 5000, target="EBV")],
            "ABSENT",
        ),
        MISSING: (T_ALL, [value(85, "cd4_t_per_ul", 40)], "NOT_ASSESSED"),
        STALE: (
            T_ALL,
            [value(28, "cd4_t_per_ul", 40), value(28, "virus_copies", 5000, target="EBV")],
            "NOT_ASSESSED",
        ),
    },
    ("M7", "EXTRAMEDULLARY_EVENT"): {
        POSITIVE: (
            {"events": [event(80, "extramedullary_relapse", site="extramedullary")]},
            [],
            "PRESENT",
        ),
        NEGATIVE: ({"events": [event(80, "infection")]}, [], "NOT_ASSESSED"),
        MISSING: ({}, [], "NOT_ASSESSED"),
    },
    ("M7", "CSF_OR_TISSUE_BLASTS"): {
        POSITIVE: ({}, [flow(85, 0.02, "CSF")], "PRESENT"),
        NEGATIVE: ({}, [no_flow(85, 1e-3, "CSF")], "ABSENT"),
        MISSING: ({}, [flow(85, 0.02, "BM")], "NOT_ASSESSED"),
        STALE: ({}, [flow(28, 0.02, "CSF")], "NOT_ASSESSED"),
    },
    ("M7", "EXTRAMEDULLARY_NOT_CLEARED"): {
        POSITIVE: ({"facts": patient(extramedullary="yes")}, [], "INDETERMINATE"),
        NEGATIVE: (
            {
                "facts": patient(extramedullary="yes"),
                "events": [event(60, "extramedullary_cleared")],
            },
            [],
            "ABSENT",
        ),
        MISSING: ({}, [], "NOT_ASSESSED"),
    },
}
CASES["M2", "NGS_MRD_POS"] = CASES["M1", "NGS_MRD_POS"]

BASELINE = "a fact from before the infusion does not expire and has one source"
ONE_SOURCE = "each finding is its own; another specimen without it does not contradict it"
EXEMPT = {
    **{
        (rule, case): BASELINE
        for case in (STALE, CONFLICTING)
        for rule in (
            "BURDEN_LOW_PRE_LD",
            "BURDEN_HIGH_PRE_LD",
            "BLASTS_HIGH_PRE_LD",
            "BLINA_NONRESPONSE",
            "KMT2A_R_OR_MPAL",
            "EXTRAMEDULLARY_EVENT",
            "EXTRAMEDULLARY_NOT_CLEARED",
        )
    },
    **{
        (rule, CONFLICTING): ONE_SOURCE
        for rule in (
            "HEMATOGONES_BACK",
            "CD19_LOF_VARIANT",
            "LOF_BOTH_COPIES",
            "CD19_LOH",
            "EXON2_SKIPPING",
            "INTRON2_RETENTION",
            "EXON56_SKIPPING",
            "ANTIGEN_LOST_CELLS",
            "MYELOID_LEUKEMIC_CELLS",
            "CSF_OR_TISSUE_BLASTS",
            "UNCERTAIN_VARIANT",
            "TCELL_APLASIA_WITH_VIREMIA",
        )
    },
    ("UNCERTAIN_VARIANT", NEGATIVE): "shown only where found",
    ("UNCERTAIN_VARIANT", STALE): "shown only where found",
}
EACH = [
    pytest.param(mechanism, rule, *case, id=f"{mechanism} {rule} {name}")
    for (mechanism, rule), cases in CASES.items()
    for name, case in cases.items()
]


def test_every_rule_has_all_five_cases_or_a_reason():
    for rule in rulebook().rules:
        told = set(CASES[rule.mechanism, rule.id])
        told |= {case for name, case in EXEMPT if name == rule.id}
        assert told == {POSITIVE, NEGATIVE, MISSING, STALE, CONFLICTING}, rule.id


@pytest.mark.parametrize(("mechanism", "rule", "history", "evidence", "status"), EACH)
def test_a_rule_answers(mechanism, rule, history, evidence, status):
    found = rule_at(judged(evidence, landmarks=[90], **history), rule, mechanism=mechanism)
    assert found["status"] == status, found["reason"]


@pytest.mark.parametrize(
    ("mechanism", "rule"),
    [key for key, cases in CASES.items() if STALE in cases],
    ids=lambda key: str(key),
)
def test_a_test_that_is_too_old_is_named_as_stale(mechanism, rule):
    history, evidence, _ = CASES[mechanism, rule][STALE]
    assessed = judged(evidence, landmarks=[90], **history)
    found = rule_at(assessed, rule, mechanism=mechanism)
    assert found["stale"] == "yes"
    assert "STALE" in found["reason"]
    assert any(rule in row["stale_tests"] for row in assessed.risk if row["mechanism"] == mechanism)


@pytest.mark.parametrize(
    ("mechanism", "rule"),
    [
        (r.mechanism, r.id)
        for r in rulebook().rules
        if r.role == "driver" and r.id != "EXTRAMEDULLARY_NOT_CLEARED"
    ],
)
def test_a_driver_makes_a_signal_that_names_value_specimen_and_day(mechanism, rule):
    history, evidence, _ = CASES[mechanism, rule][POSITIVE]
    row = risk_at(judged(evidence, landmarks=[90], **history), mechanism)
    assert row["category"] in ("SIGNAL", "SIGNAL_CONFLICTING")
    assert rule in row["drivers"]
    assert ("day" in row["drivers"]) or ("patients.tsv" in row["drivers"])
    assert row["evidence_grade"] in tuple("ABCD")


@pytest.mark.parametrize("key", [k for k, c in CASES.items() if CONFLICTING in c], ids=str)
def test_what_conflicts_is_said_and_never_a_plain_absence(key):
    history, evidence, _ = CASES[key][CONFLICTING]
    assessed = judged(evidence, landmarks=[90], **history)
    role = next(r.role for r in rulebook().rules if (r.mechanism, r.id) == key)
    if role == "driver":
        row = risk_at(assessed, key[0])
        assert row["category"] in ("SIGNAL", "SIGNAL_CONFLICTING")
        assert key[1] in row["conflicts"]


def test_absent_prints_the_sensitivity_of_the_test():
    for (mechanism, rule), cases in CASES.items():
        history, evidence, status = cases.get(NEGATIVE, ({}, [], ""))
        measured = [row for row in evidence if row["status"] == "NOT_DETECTED"]
        if status != "ABSENT" or not measured:
            continue
        found = rule_at(judged(evidence, landmarks=[90], **history), rule, mechanism=mechanism)
        assert found["values"], rule
        assert any(word in found["values"] for word in ("limit", "detectable", "=")), rule


def test_a_limit_that_is_too_high_is_indeterminate_and_not_absent():
    found = rule_at(judged([no_flow(85, limit=1e-3)]), "FLOW_MRD_POS")
    assert found["status"] == "INDETERMINATE"
    assert "limit" in found["reason"]


def test_residual_disease_between_detection_and_threshold_is_not_negative():
    assert rule_at(judged([flow(85, 4e-5)]), "FLOW_MRD_POS")["status"] == "INDETERMINATE"


def test_a_thin_coverage_does_not_exclude_a_variant():
    found = rule_at(judged([callable_gene(85, limit=0.3)]), "CD19_LOF_VARIANT")
    assert found["status"] == "INDETERMINATE"
    assert "thin" in found["reason"]


def test_a_negative_dna_test_lists_what_it_cannot_see():
    found = rule_at(judged([callable_gene(85)]), "CD19_LOF_VARIANT")
    assert "exon skipping" in found["reason"]
    assert "EV054" in found["reason"]


def test_blood_cannot_show_the_absence_of_residual_disease():
    found = rule_at(judged([no_flow(85, specimen="PB")]), "FLOW_MRD_POS")
    assert found["status"] == "INDETERMINATE"


def test_a_failed_specimen_is_not_assessed_and_named():
    failed = value(85, FLOW, None, "BM", status="FAILED")
    found = rule_at(judged([failed]), "FLOW_MRD_POS")
    assert (found["status"], found["stale"]) == ("NOT_ASSESSED", "no")
    assert "FAILED" in found["reason"]


def test_one_antibody_clone_is_not_enough_to_call_an_antigen_lost():
    """A CAR on CD7 masks it, FMC63 misses some CD19 (EV055, EV105)."""
    evidence = [value(85, "car_t_fraction", 0.2, target="CD7"), negative_blasts(85, antigen="CD7")]
    found = rule_at(judged(evidence, **T_ALL), "CD7_NEG_BLAST_DURING_CAR7")
    assert found["status"] == "INDETERMINATE"
    assert "masked" in found["reason"]


def test_rna_counts_as_the_second_method():
    evidence = [
        value(85, "car_t_fraction", 0.2, target="CD7"),
        negative_blasts(85, antigen="CD7"),
        lost_cells(85, antigen="CD7"),
    ]
    found = rule_at(judged(evidence, **T_ALL), "CD7_NEG_BLAST_DURING_CAR7")
    assert found["status"] == "PRESENT"


def test_antigen_negative_progenitors_need_leukemic_proof():
    found = rule_at(judged([negative_blasts(85), flow(85, 2e-3)]), "ANTIGEN_NEGATIVE_BLASTS")
    assert found["status"] == "INDETERMINATE"
    assert "leukemic" in found["reason"]


def test_a_clone_found_before_the_infusion_is_contested_evidence():
    row = risk_at(judged([variant(-7, found=0.02)]), "M2")
    assert row["category"] == "SIGNAL_CONFLICTING"
    assert "EV050" in row["conflicts"]
    assert {"EV050", "EV052", "EV053"} <= set(row["evidence_ids"].split(";"))


def test_a_variant_found_later_in_an_old_specimen_is_not_known_earlier():
    found_later = variant(-7, found=0.02, known_from_day=200)
    coverage = callable_gene(85, status="QUANTIFIED")
    assessed = judged([found_later, coverage])
    assert rule_at(assessed, "CD19_LOF_VARIANT", 90)["status"] == "ABSENT"
    assert rule_at(assessed, "CD19_LOF_VARIANT", 270)["status"] == "PRESENT"


def test_a_trace_of_a_variant_is_not_an_absence():
    evidence = [variant(85, found=0.004), callable_gene(85)]
    assert rule_at(judged(evidence), "CD19_LOF_VARIANT")["status"] == "INDETERMINATE"


def test_the_reference_of_exon_skipping_must_lie_below_the_whole_interval():
    assert (
        rule_at(judged([spliced(85, "exon2_skipping_fraction", 0.22)]), "EXON2_SKIPPING")["status"]
        == "INDETERMINATE"
    )


def test_pre_infusion_residual_disease_is_no_residual_disease_after_car():
    assert rule_at(judged([flow(-5)]), "FLOW_MRD_POS", 28)["status"] == "NOT_ASSESSED"


def test_viremia_alone_is_graded_lower_where_it_was_not_studied():
    evidence = [value(85, "cd4_t_per_ul", 40), value(85, "virus_copies", 5000, target="EBV")]
    assert risk_at(judged(evidence, **T_ALL), "M6")["evidence_grade"] == "C"
    assert risk_at(judged(evidence), "M6")["evidence_grade"] == "D"


def test_hits_that_may_lie_in_different_cells_are_not_a_loss_of_both_copies():
    found = rule_at(
        judged([both_copies(85, None, status="INDETERMINATE", flags="subclonal alternatives")]),
        "LOF_BOTH_COPIES",
    )
    assert found["status"] == "INDETERMINATE"


def test_both_copies_and_the_variant_are_one_driver():
    row = risk_at(judged([variant(85), both_copies(85)]), "M2")
    assert row["drivers"].count("|") == 0
    assert "CD19_LOF_VARIANT (CD19) with LOF_BOTH_COPIES (same information" in row["drivers"]


def test_a_rearrangement_names_what_is_contested_about_it():
    found = rule_at(judged([], **KMT2A), "KMT2A_R_OR_MPAL")
    assert "EV026 against EV030" in found["reason"]


def test_titles_are_phrases_that_a_clinician_understands():
    """No identifier, no file or field name, no number in powers of ten; one title, one rule."""
    titles = {}
    for rule in rulebook().rules:
        title = rule.raw["title"]
        assert len(title) <= 80, title
        assert not re.search(r"[A-Z0-9]+_|_|\de-\d|=|\bLM\b|\bLOF\b|\bBCR\b", title), title
        assert titles.setdefault((rule.mechanism, title), rule.id) == rule.id
    assert len(titles) == len(rulebook().rules)
