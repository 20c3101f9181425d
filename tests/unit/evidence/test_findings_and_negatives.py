"""A finding is never undone by a negative of something else, and never reads as no signal."""

import pytest
from tests.unit.evidence.patients import (
    absent,
    aplasia,
    car,
    event,
    infusion,
    judged,
    patient,
    recovered,
    risk_at,
    rule_at,
    value,
)

T_ALL = {"facts": patient("T-ALL"), "infusions": [infusion(targets="CD7")]}
KMT2A = {"facts": patient(kmt2a_rearranged="yes")}
T_BLASTS = [
    value(80, "flow_mrd_fraction", 0.3, "BM", low=0.29, high=0.31),
    value(80, "cd7_positive_t_fraction", 0.02),
    value(80, "car_t_fraction", 0.1, target="CD7"),
]
MYELOID = value(80, "myeloid_blast_fraction", 0.4, "BM")
NO_NGS = absent(60, "ngs_mrd_fraction", 1e-6, "BM", stream="lab")
APLASIA = [*aplasia(63), *aplasia(88), car(88, 900)]


def negative_blasts(day, fraction, specimen="BM", *, target="CD19", **more):
    return value(
        day,
        "antigen_negative_blast_fraction",
        fraction,
        specimen,
        target=target,
        limit=0.01,
        **more,
    )


@pytest.mark.parametrize(
    ("mechanism", "history", "evidence"),
    [
        ("M4", T_ALL, [*T_BLASTS, negative_blasts(80, 0.95, target="CD7")]),
        ("M4", T_ALL, T_BLASTS),
        ("M3", KMT2A, [MYELOID, absent(80, "fusion_transcript", 1e-3, "BM")]),
        ("M3", KMT2A, [MYELOID, absent(80, "ngs_mrd_fraction", 1e-6, "BM")]),
        ("M2", {}, [value(85, "marrow_blasts", 0.6, "BM", stream="lab"), NO_NGS]),
        (
            "M2",
            {},
            [
                value(80, "flow_mrd_fraction", 5e-5, "BM"),
                absent(80, "ngs_mrd_fraction", 1e-4, "BM"),
            ],
        ),
        ("M1", {}, [*APLASIA, value(85, "marrow_blasts", 0.6, "BM", stream="lab")]),
        ("M1", {}, [*APLASIA, value(85, "flow_mrd_fraction", 2e-3, "BM")]),
    ],
    ids=[
        "T blasts negative by one tube",
        "T blasts, target not measured",
        "myeloid blasts, fusion negative",
        "myeloid blasts, clonotype negative",
        "blasts by morphology",
        "traces by flow",
        "blasts by morphology in M1",
        "residual blasts of unknown antigen",
    ],
)
def test_disease_found_by_any_test_is_not_assessable_and_named(mechanism, history, evidence):
    row = risk_at(judged(evidence, **history), mechanism)
    assert row["category"] == row["if_missing_negative"] == "NOT_ASSESSABLE", row
    assert row["if_missing_positive"] == "SIGNAL"
    assert "day 8" in row["reason"]


def test_a_negative_blood_does_not_undo_a_loss_in_the_marrow():
    evidence = [
        negative_blasts(88, 0.6, low=0.5, high=0.7),
        value(88, "flow_mrd_fraction", 0.2, "BM"),
        negative_blasts(88, 0.01, "PB", low=0.005, high=0.02),
    ]
    assessed = judged(evidence)
    assert rule_at(assessed, "ANTIGEN_NEGATIVE_BLASTS")["status"] == "PRESENT"
    assert rule_at(assessed, "ANTIGEN_POSITIVE_MRD")["status"] == "ABSENT"


def test_two_antibody_clones_that_disagree_are_conflicting():
    evidence = [
        value(80, "flow_mrd_fraction", 0.2, "BM", stream="lab"),
        negative_blasts(80, 0.9, item="HIB19", stream="lab"),
        negative_blasts(80, 0.0, item="SJ25C1", stream="lab"),
    ]
    assessed = judged(evidence)
    assert rule_at(assessed, "ANTIGEN_NEGATIVE_BLASTS")["status"] == "CONFLICTING"
    assert rule_at(assessed, "ANTIGEN_POSITIVE_MRD")["status"] == "CONFLICTING"


def test_one_clone_in_two_specimens_is_one_reagent():
    def status(*items):
        places = zip(items, ("BM", "PB"), strict=True)
        return rule_at(
            judged(
                [negative_blasts(80, 0.9, at, target="CD7", item=item) for item, at in places],
                **T_ALL,
            ),
            "TARGET_NEG_T_BLASTS",
        )["status"]

    assert status("4H9", "4H9") == "INDETERMINATE"
    assert status("4H9", "M-T701") == "PRESENT"


def test_clear_cerebrospinal_fluid_does_not_clear_tissue_or_marrow():
    clear = absent(88, "flow_mrd_fraction", 1e-4, "CSF", stream="lab")
    tissue = value(80, "flow_mrd_fraction", 0.3, "tissue", stream="lab")
    assert rule_at(judged([tissue, clear]), "CSF_OR_TISSUE_BLASTS")["status"] == "PRESENT"
    marrow = value(85, "flow_mrd_fraction", 0.4, "BM")
    zero = value(88, "flow_mrd_fraction", 0.0, "CSF", stream="lab")
    found = rule_at(judged([*recovered(70), *recovered(88), marrow, zero]), "BCR_CONFIRMED")
    assert found["status"] == "INDETERMINATE"
    assert "blasts could be counted as B cells" in found["reason"]


def test_a_later_marrow_still_replaces_an_earlier_one():
    evidence = [
        value(60, "flow_mrd_fraction", 0.3, "BM"),
        absent(88, "flow_mrd_fraction", 2e-5, "BM"),
    ]
    assert rule_at(judged(evidence), "FLOW_MRD_POS")["status"] == "ABSENT"


@pytest.mark.parametrize("day", [21, 540])
def test_a_landmark_outside_the_window_of_a_driver_is_not_assessable(day):
    evidence = [
        *recovered(day - 9),
        *recovered(day - 1),
        value(day - 1, "car_t_fraction", 0.01, target="CD19"),
        absent(day - 1, "ngs_mrd_fraction", 1e-6, "BM"),
    ]
    assessed = judged(evidence, landmarks=[day])
    for mechanism in ("M1", "M2"):
        row = risk_at(assessed, mechanism, day)
        assert row["category"] == row["if_missing_negative"] == "NOT_ASSESSABLE"
        assert "speaks of landmarks from day 28 to day 395 only" in row["reason"]


def test_a_variant_that_cannot_be_judged_is_not_undone_by_another_that_is_not_there():
    evidence = [
        value(88, "lof_variant_vaf", 0.3, "BM", target="CD19", item="p.A1*",
              stream="sequencing", status="INDETERMINATE", flags="strand_bias"),
        absent(88, "lof_variant_vaf", 0.005, "BM", target="CD19", item="p.B2*",
               stream="sequencing"),
        value(88, "gene_callability", 1.0, "BM", target="CD19", item="dna", stream="sequencing",
              limit=0.02),
        absent(88, "ngs_mrd_fraction", 1e-6, "BM"),
    ]  # fmt: skip
    assessed = judged(evidence)
    assert rule_at(assessed, "CD19_LOF_VARIANT")["status"] == "INDETERMINATE"
    assert risk_at(assessed, "M2")["category"] == "NOT_ASSESSABLE"


def virus(name, **more):
    return value(80, "virus_copies", None, target=name, stream="lab", **more)


def test_one_virus_that_cannot_be_judged_is_not_undone_by_another_that_is_absent():
    few = value(80, "cd4_t_per_ul", 20)
    cmv = virus("CMV", status="NOT_DETECTED", limit=100)
    low = judged([few, cmv, virus("EBV", status="DETECTED_BELOW_LLOQ", lloq=500)])
    assert rule_at(low, "TCELL_APLASIA_WITH_VIREMIA")["status"] == "INDETERMINATE"
    assert risk_at(low, "M6")["if_missing_positive"] == "SIGNAL"


def test_a_virus_test_without_an_adequate_limit_shows_no_absence():
    few = value(80, "cd4_t_per_ul", 20)
    for limit, status in ((100, "ABSENT"), (50_000, "INDETERMINATE")):
        assessed = judged([few, virus("CMV", status="NOT_DETECTED", limit=limit)])
        assert rule_at(assessed, "TCELL_APLASIA_WITH_VIREMIA")["status"] == status


@pytest.mark.parametrize(
    ("limit", "status"), [(None, "INDETERMINATE"), (1e-3, "INDETERMINATE"), (1e-4, "ABSENT")]
)
def test_zero_is_absent_only_with_an_adequate_limit(limit, status):
    assessed = judged([value(80, "ngs_mrd_fraction", 0.0, "BM", stream="lab", limit=limit)])
    assert rule_at(assessed, "NGS_MRD_POS", mechanism="M2")["status"] == status
    category = "NO_SIGNAL" if status == "ABSENT" else "NOT_ASSESSABLE"
    assert risk_at(assessed, "M2")["category"] == category


def test_an_undated_product_leaves_its_targets_not_assessable():
    negative = absent(88, "ngs_mrd_fraction", 1e-6, "BM", stream="lab")
    assessed = judged([negative], infusions=[infusion(), infusion(None, "CD22", 2)])
    row = risk_at(assessed, "M2", target="CD22")
    assert row["category"] == row["if_missing_negative"] == "NOT_ASSESSABLE"
    assert "the day of infusion 2 (CD22) is not known" in row["reason"]
    assert risk_at(assessed, "M2", target="CD19")["category"] == "NO_SIGNAL"


def test_after_a_transplant_every_reason_says_so():
    negative = absent(88, "ngs_mrd_fraction", 1e-6, "BM", stream="lab")
    given = [event(45, "conditioning"), event(50, "hct")]
    after = risk_at(judged([negative], events=given), "M2")
    said = "after conditioning on day 45 and hct on day 50: not attributable to the CAR"
    assert said in after["reason"]
    before = risk_at(judged([negative], events=[event(-50, "hct")]), "M2")
    assert "hct" not in before["reason"]


def lost_cells(day, identity):
    return value(
        day, "antigen_lost_cell_fraction", 0.3, "BM", target="CD19", stream="singlecell",
        low=0.2, high=0.4, flags=f"blasts LOST; identity by {identity}",
    )  # fmt: skip


@pytest.mark.parametrize("identity", ["genotype", "clonotype", "label"])
def test_lost_cells_of_proven_identity_are_a_sign_by_themselves(identity):
    assert rule_at(judged([lost_cells(80, identity)]), "ANTIGEN_LOST_CELLS")["status"] == "PRESENT"


def test_lost_cells_by_a_marker_score_need_proof_and_can_be_contradicted():
    scored = lost_cells(80, "marker_score")

    def status(*others, rule="ANTIGEN_LOST_CELLS"):
        return rule_at(judged([scored, *others]), rule)["status"]

    assert status() == "INDETERMINATE"
    assert status(absent(80, "ngs_mrd_fraction", 1e-6, "BM")) == "CONFLICTING"
    assert status(value(80, "ngs_mrd_fraction", 1e-3, "BM")) == "PRESENT"
    assert risk_at(judged([scored]), "M2")["category"] == "NOT_ASSESSABLE"
    blasts = negative_blasts(80, 0.9)
    assert status(blasts, rule="ANTIGEN_NEGATIVE_BLASTS") == "INDETERMINATE"


def test_a_fact_of_the_patient_sheet_is_marked_undated():
    assessed = judged([], facts=patient(tp53_status="altered"))
    assert "patients.tsv, undated" in rule_at(assessed, "TP53_PATH")["values"]
