import pandas as pd
import pytest
from tests.unit.evidence.patients import infusion, lab, patient, sheets

from aftercar.contracts.cytometry import POPULATIONS, RATIOS
from aftercar.contracts.evidence import EVIDENCE
from aftercar.contracts.sequencing import BIALLELIC, CALLABILITY, CLONES, LOH, SPLICING, VARIANTS
from aftercar.contracts.singlecell import (
    ANTIGEN_LOSS,
    CELL_POPULATIONS,
    HIDDEN_NEGATIVE,
    LINEAGE_SWITCH_HIDDEN,
    SHARED_LOSS_HIDDEN,
)
from aftercar.contracts.specimen import QUALITY
from aftercar.contracts.table import ContractError
from aftercar.evidence.collect import StreamTables, collect_evidence
from aftercar.evidence.collect_laboratory import MEASURE_OF_ANALYTE, measurement_status
from aftercar.evidence.merge import joined_table

WHO = {"sample_id": "S1", "patient_id": "P1", "day": 28, "specimen": "BM"}


def collected(tables=None, **history):
    rows = collect_evidence(sheets(**history), StreamTables(**(tables or {})))
    return EVIDENCE.frame(rows)


def one(tables=None, **history):
    frame = collected(tables, **history)
    assert len(frame) == 1, frame[["measure", "target", "item"]].to_string()
    return frame.iloc[0]


def population(**columns):
    row = {
        "panel": "b_cell_recovery",
        "population": "b cells",
        "role": "b_cells",
        "gate_path": "root/b",
        "count": 60,
        "denominator": "lymphocytes",
        "denominator_count": 10_000,
        "fraction": 0.006,
        "fraction_low": 0.0047,
        "fraction_high": 0.0077,
        "lod_fraction": 0.002,
        "lloq_fraction": 0.005,
        "status": "QUANTIFIED",
        "cut_source": "CONTROL",
    }
    return WHO | row | columns


def variant(**columns):
    row = {
        "assay": "dna",
        "gene": "CD19",
        "chrom": "16",
        "pos": 28932700,
        "ref": "A",
        "alt": "AT",
        "hgvs_c": "c.300dup",
        "hgvs_p": "p.R100fs",
        "consequence": "frameshift",
        "tier": "T1",
        "origin": "SOMATIC",
        "alt_fragments": 20,
        "depth": 100,
        "vaf": 0.2,
        "vaf_low": 0.13,
        "vaf_high": 0.29,
        "detectable_vaf": 0.03,
        "known_from_day": 28,
        "status": "QUANTIFIED",
        "filter": "PASS",
    }
    return WHO | row | columns


@pytest.mark.parametrize(
    ("role", "denominator", "measure"),
    [
        ("b_cells", "lymphocytes", "b_cells_fraction"),
        ("b_cells", "leukocytes", "b_cells_of_leukocytes_fraction"),
        ("hematogones", "leukocytes", "hematogones_fraction"),
        ("blasts", "leukocytes", "flow_mrd_fraction"),
        ("antigen_negative_blasts", "blasts", "antigen_negative_blast_fraction"),
        ("antigen_negative_blasts", "myeloid_blasts", "antigen_negative_blast_fraction"),
        ("myeloid_blasts", "leukocytes", "myeloid_blast_fraction"),
        ("cd7_positive_t", "t_cells", "cd7_positive_t_fraction"),
        ("car_t", "t_cells", "car_t_fraction"),
    ],
)
def test_a_role_and_its_denominator_name_the_measure(role, denominator, measure):
    frame = POPULATIONS.frame([population(role=role, denominator=denominator)])
    row = one({"populations": frame})
    assert (row["measure"], row["value"], row["limit"], row["count"], row["total"]) == (
        measure,
        0.006,
        0.002,
        60,
        10_000,
    )


def test_a_role_of_another_denominator_is_no_measure():
    frame = POPULATIONS.frame([population(role="car_t", denominator="leukocytes")])
    assert collected({"populations": frame}).empty


def test_absolute_counts_carry_the_limit_on_their_own_scale():
    frame = POPULATIONS.frame(
        [
            population(
                specimen="PB",
                cells_per_ul=12.0,
                cells_per_ul_low=9,
                cells_per_ul_high=16,
                count_basis="beads",
            )
        ]
    )
    row = collected({"populations": frame}).set_index("measure").loc["b_cells_per_ul"]
    assert (row["value"], row["limit"]) == (12.0, pytest.approx(4.0))


@pytest.mark.parametrize("specimen", ["CSF", "BM", "product"])
def test_beads_count_other_fluids_too_but_rules_know_blood_alone(specimen):
    def measures(where):
        row = population(specimen=where, cells_per_ul=12.0, count_basis="beads: 50,000 per tube")
        return set(collected({"populations": POPULATIONS.frame([row])})["measure"])

    assert measures("PB") == {"b_cells_fraction", "b_cells_per_ul"}
    assert measures(specimen) == {"b_cells_fraction"}


def test_without_any_cell_the_limit_per_ul_is_that_of_the_events():
    # 10,000 events of the denominator in 10 uL: a limit of 20 events is 2 per uL
    row = population(
        specimen="PB", count=0, fraction=0.0, fraction_low=0.0, fraction_high=0.000384,
        cells_per_ul=0.0, cells_per_ul_low=0.0, cells_per_ul_high=0.369, lod_fraction=0.002,
        status="NOT_DETECTED",
    )  # fmt: skip
    frame = collected({"populations": POPULATIONS.frame([row])}).set_index("measure")
    assert frame.loc["b_cells_per_ul"]["limit"] == pytest.approx(2, rel=0.05)
    assert frame.loc["b_cells_per_ul"]["lloq"] == pytest.approx(5, rel=0.05)


def test_an_absolute_count_of_two_denominators_is_one_row():
    rows = [
        population(specimen="PB", denominator=d, cells_per_ul=12.0)
        for d in ("lymphocytes", "leukocytes")
    ]
    frame = collected({"populations": POPULATIONS.frame(rows)})
    assert (frame["measure"] == "b_cells_per_ul").sum() == 1


def test_a_car_without_a_target_binds_what_the_infusion_in_force_binds():
    def row(day):
        return population(
            role="car_t", denominator="t_cells", target="", day=day, sample_id=f"S{day}"
        )

    infusions = [infusion(targets="CD7"), infusion(100, "CD5", 2)]
    frame = collected(
        {"populations": POPULATIONS.frame([row(-3), row(28), row(120)])}, infusions=infusions
    )
    assert list(frame["target"]) == ["", "CD7", "CD5"]


def test_a_failed_specimen_stays_as_a_row():
    failed = population(
        status="FAILED",
        count=None,
        fraction=None,
        denominator_count=None,
        fraction_low=None,
        fraction_high=None,
        flags="clog",
    )
    row = one({"populations": POPULATIONS.frame([failed])})
    assert (row["status"], row["flags"]) == ("FAILED", "clog")
    assert pd.isna(row["value"])


def test_a_specimen_without_any_row_is_not_lost():
    sample = {
        "sample_id": "S9",
        "patient_id": "P1",
        "day": "28",
        "specimen": "PB",
        "assay": "flow",
        "control_for": "",
    }
    assert one(samples=[sample])["status"] == "NOT_ASSESSED"
    check = {
        "sample_id": "S9",
        "patient_id": "P1",
        "day": 28,
        "assay": "flow",
        "check": "readable",
        "verdict": "FAIL",
        "message": "truncated file",
    }
    row = one({"quality": QUALITY.frame([check])}, samples=[sample])
    assert (row["measure"], row["status"], row["flags"]) == ("specimen", "FAILED", "truncated file")


def test_a_control_is_no_specimen_of_the_patient():
    sample = {
        "sample_id": "C1",
        "patient_id": "P1",
        "day": "",
        "specimen": "control",
        "assay": "flow",
        "control_for": "unstained",
    }
    assert collected(samples=[sample]).empty


@pytest.mark.parametrize(
    ("gene", "tier", "measure"),
    [
        ("CD19", "T1", "lof_variant_vaf"),
        ("CD19", "T2", "lof_variant_vaf"),
        ("CD19", "T3", "uncertain_variant_vaf"),
        ("CD19", "T4", "uncertain_variant_vaf"),
        ("TP53", "T1", "tp53_pathogenic_vaf"),
        ("TP53", "T3", "tp53_pathogenic_vaf"),
        ("TP53", "T4", "uncertain_variant_vaf"),
        ("TP53", "POLYMORPHISM", None),
        ("CD19", "NONE", None),
    ],
)
def test_only_truncating_variants_are_a_loss_of_function(gene, tier, measure):
    frame = collected({"variants": VARIANTS.frame([variant(gene=gene, tier=tier)])})
    assert list(frame["measure"]) == ([measure] if measure else [])


@pytest.mark.parametrize(
    ("gene", "tier", "measure"),
    [
        ("CD19", "T1", "inherited_variant_vaf"),
        ("CD22", "T4", "inherited_variant_vaf"),
        ("TP53", "T3", "tp53_pathogenic_vaf"),  # inherited TP53 mutations are in the leukemia too
        ("CD19", "NONE", None),
    ],
)
def test_an_inherited_variant_of_an_antigen_is_shown_but_is_no_loss(gene, tier, measure):
    inherited = variant(gene=gene, tier=tier, origin="GERMLINE", flags="inherited: skin")
    frame = collected({"variants": VARIANTS.frame([inherited])})
    assert list(frame["measure"]) == ([measure] if measure else [])
    assert all("inherited: skin" in flags for flags in frame["flags"])


@pytest.mark.parametrize("origin", ["SOMATIC", "POSSIBLY_GERMLINE", "NOT_DETERMINED"])
def test_a_loss_counts_unless_it_was_certainly_inherited(origin):
    frame = collected({"variants": VARIANTS.frame([variant(origin=origin)])})
    assert list(frame["measure"]) == ["lof_variant_vaf"]


def test_cells_with_an_inherited_variant_are_no_clone_that_lost_the_antigen():
    tables = {"clones": CLONES.frame([clone("c.300dup")]), "variants": VARIANTS.frame([variant()])}
    assert "mutant_cell_fraction" in set(collected(tables)["measure"])
    tables["variants"] = VARIANTS.frame([variant(origin="GERMLINE")])
    assert "mutant_cell_fraction" not in set(collected(tables)["measure"])


def test_a_variant_keeps_the_day_from_which_it_was_known():
    row = one({"variants": VARIANTS.frame([variant(day=-5, known_from_day=200)])})
    assert (row["day"], row["known_from_day"]) == (-5, 200)
    assert "p.R100fs" in row["item"]


def test_callability_is_the_row_of_all_exons_with_its_detectable_vaf():
    rows = [
        WHO
        | {
            "assay": "dna",
            "gene": "CD19",
            "exon": exon,
            "cds_bases": 1671,
            "detectable_vaf": vaf,
            "target_vaf": 0.02,
            "callable_fraction": 0.97,
            "status": "NOT_DETECTED",
        }
        for exon, vaf in (("2", 0.01), ("all", 0.019))
    ]
    row = one({"callability": CALLABILITY.frame(rows)})
    assert (row["measure"], row["value"], row["limit"]) == ("gene_callability", 0.97, 0.019)


def test_not_informative_is_not_the_absence_of_loss():
    def row(state, status="QUANTIFIED"):
        return one({"loh": LOH.frame([WHO | {"gene": "CD19", "state": state, "status": status}])})

    assert row("NOT_INFORMATIVE")["status"] == "INDETERMINATE"
    assert (row("NO_LOH")["value"], row("LOH")["value"]) == (0.0, 1.0)
    assert row("NOT_INFORMATIVE", "FAILED")["status"] == "FAILED"


def test_even_copies_without_purity_are_no_negative_and_with_purity_have_a_limit():
    def row(status):
        told = {"gene": "CD19", "state": "NO_LOH", "status": status, "affected_fraction_high": 0.2}
        return one({"loh": LOH.frame([WHO | told])})

    unknown, known = row("INDETERMINATE"), row("QUANTIFIED")
    assert unknown["status"] == "INDETERMINATE"
    assert pd.isna(unknown["value"])
    assert (known["value"], known["limit"]) == (0.0, 0.2)


def test_artefacts_and_unnamed_junctions_are_no_evidence():
    base = WHO | {"gene": "CD19", "junction": "1-2", "event_fragments": 40}
    rows = [
        base | {"event": "gap_within_exon", "status": "NOT_APPLICABLE"},
        base | {"event": "other_junction", "status": "QUANTIFIED", "event_fraction": 0.4},
    ]
    measures = set(collected({"splicing": SPLICING.frame(rows)})["measure"])
    assert not {m for m in measures if "skipping" in m or "retention" in m}


def test_hits_are_one_loss_only_where_they_are_in_the_same_cells():
    def row(state, status="QUANTIFIED", basis="dna"):
        told = {"gene": "CD19", "basis": basis, "state": state, "status": status}
        return collected({"biallelic": BIALLELIC.frame([WHO | told])}).query(
            "measure == 'biallelic_loss'"
        )

    assert row("BIALLELIC")["value"].tolist() == [1.0]
    assert row("MONOALLELIC")["value"].tolist() == [0.0]
    for state in ("SUBCLONAL_ALTERNATIVES", "SAME_CELLS_PHASE_UNKNOWN", "NOT_DETERMINED"):
        assert row(state)["status"].tolist() == ["INDETERMINATE"]
        assert row(state)["value"].isna().all()
    assert row("NOT_CIS", basis="molecules").empty


def test_splicing_without_an_event_has_its_upper_limit_as_limit():
    event = WHO | {
        "gene": "CD19",
        "event": "exon2_skipping",
        "event_fragments": 0,
        "canonical_fragments": 60.0,
        "event_fraction": 0.0,
        "event_fraction_low": 0.0,
        "event_fraction_high": 0.06,
        "status": "NOT_DETECTED",
    }
    row = one({"splicing": SPLICING.frame([event])})
    assert (row["measure"], row["limit"], row["total"]) == ("exon2_skipping_fraction", 0.06, 60)


def clone(name, **columns):
    row = {
        "clone": name,
        "gene": "CD19",
        "basis": "genotype",
        "cells_listed": 500,
        "cells_covered": 200,
        "cells_mutant": 20,
        "fraction": 0.1,
        "fraction_low": 0.07,
        "fraction_high": 0.15,
        "detectable_fraction": 0.015,
        "known_from_day": 28,
        "status": "QUANTIFIED",
    }
    return WHO | row | columns


@pytest.mark.parametrize(
    "name", ["c.300dup", "CD19:c.300dup", "CD19 p.R100fs", "16:28932700:A>AT", "16:28932700A>AT"]
)
def test_a_clone_counts_if_its_variant_is_a_loss_of_function(name):
    tables = {"clones": CLONES.frame([clone(name)]), "variants": VARIANTS.frame([variant()])}
    frame = collected(tables).set_index("measure")
    assert frame.loc["mutant_cell_fraction", "status"] == "QUANTIFIED"
    missense = {
        "clones": tables["clones"],
        "variants": VARIANTS.frame([variant(tier="T4", consequence="missense")]),
    }
    assert "mutant_cell_fraction" not in set(collected(missense)["measure"])


def test_a_clone_of_unknown_effect_is_no_loss():
    row = one({"clones": CLONES.frame([clone("c.999A>T")])})
    assert row["status"] == "INDETERMINATE"
    assert "effect of the variant is not known" in row["flags"]


def population_of_cells(
    name, status, cells, share, identity="leukemic_b", detectable=0.03, **columns
):
    row = {
        "population": name,
        "identity": identity,
        "identity_evidence": "label",
        "antigen": "CD19",
        "basis": "rna",
        "reference": "normal_b",
        "cells": cells,
        "status": status,
        "fraction_of_leukemic": share,
        "fraction_of_leukemic_low": share * 0.8,
        "fraction_of_leukemic_high": min(1.0, share * 1.2),
        # REDUCED counts as gone: its limit is the one that evidence states
        "detectable_fraction": None if detectable is None else min(1.0, 3 * detectable),
        "detectable_reduced_fraction": detectable,
        "detectable_hidden_fraction": detectable,
    }
    return WHO | row | columns


def test_lost_and_reduced_sub_populations_add_up():
    rows = [
        population_of_cells("c1", "LOST", 30, 0.1),
        population_of_cells("c2", "REDUCED", 60, 0.2),
        population_of_cells("c3", "RETAINED", 210, 0.7),
    ]
    row = one({"antigen_loss": ANTIGEN_LOSS.frame(rows)})
    assert (row["value"], row["count"], row["total"], row["status"]) == (0.3, 90, 300, "QUANTIFIED")
    assert row["low"] < 0.3 < row["high"]


def test_the_interval_of_a_loss_allows_for_subpopulations_that_are_not_pure():
    """By hand: 1,000 of 4,000 cells, Wilson 0.23684 to 0.26366; impurities of 0.02 and 0.0375."""
    rows = [
        population_of_cells(
            "a", "LOST", 1000, 0.25, relative_expression_low=0.0, relative_expression_high=0.08
        ),
        population_of_cells(
            "b", "RETAINED", 3000, 0.75, relative_expression_low=0.95, relative_expression_high=1.1
        ),
    ]
    row = losses(*rows)
    assert row["low"] == pytest.approx(0.25 - (0.01316**2 + 0.02**2) ** 0.5, abs=2e-4)
    assert row["high"] == pytest.approx(0.25 + (0.01366**2 + 0.0375**2) ** 0.5, abs=2e-4)


def test_normal_cells_without_the_antigen_are_no_antigen_loss():
    rows = [
        population_of_cells("n", "LOST", 300, 0.0, identity="normal_t"),
        population_of_cells("c3", "RETAINED", 210, 1.0),
    ]
    row = one({"antigen_loss": ANTIGEN_LOSS.frame(rows)})
    assert (row["status"], row["limit"]) == ("NOT_DETECTED", 0.03)


def test_without_an_evaluable_leukemic_population_nothing_is_said():
    rows = [population_of_cells("c", "NOT_EVALUABLE", 10, 1.0)]
    assert one({"antigen_loss": ANTIGEN_LOSS.frame(rows)})["status"] == "INDETERMINATE"
    rows = [population_of_cells("n", "RETAINED", 100, 0.0, identity="normal_b")]
    row = one({"antigen_loss": ANTIGEN_LOSS.frame(rows)})
    assert row["status"] == "INDETERMINATE"
    assert "no leukemic cells" in row["flags"]


def losses(*rows):
    return one({"antigen_loss": ANTIGEN_LOSS.frame(list(rows))})


def test_cells_that_could_not_be_judged_are_not_counted_as_without_loss():
    row = losses(
        population_of_cells("a", "RETAINED", 200, 0.4),
        population_of_cells("b", "NOT_EVALUABLE", 300, 0.6, flags="too few molecules"),
    )
    assert (row["status"], row["total"]) == ("INDETERMINATE", 200)
    assert pd.isna(row["value"])
    assert "300 of 500 leukemic cells could not be judged" in row["flags"]
    assert "too few molecules" in row["flags"]


def test_a_loss_is_a_share_of_the_cells_that_could_be_judged():
    row = losses(
        population_of_cells("a", "LOST", 50, 0.1),
        population_of_cells("b", "RETAINED", 150, 0.3),
        population_of_cells("c", "NOT_EVALUABLE", 300, 0.6),
    )
    assert (row["status"], row["value"], row["count"], row["total"]) == (
        "QUANTIFIED", 0.25, 50, 200,
    )  # fmt: skip
    assert row["low"] < 0.25 < row["high"]
    assert "300 of 500" in row["flags"]


def test_cells_that_do_not_carry_the_antigen_do_not_lower_the_limit():
    """10 of 40 B blasts would have been seen; 750 myeloid blasts say nothing of CD19."""
    row = losses(
        population_of_cells("b", "RETAINED", 40, 40 / 790, detectable=10 / 790),
        population_of_cells(
            "m", "NOT_APPLICABLE", 750, 750 / 790, "leukemic_myeloid", None, basis="none"
        ),
    )
    assert row["total"] == 40
    assert row["limit"] == pytest.approx(0.25)
    # they may be the leukemia that escapes a CAR against CD19
    assert row["status"] == "INDETERMINATE"
    assert row[["value", "high", "count"]].isna().all()
    assert "750 of 790 leukemic cells (leukemic_myeloid)" in row["flags"]


def test_a_loss_beside_leukemic_cells_of_another_lineage_names_them():
    row = losses(
        population_of_cells("a", "LOST", 50, 0.1),
        population_of_cells("b", "RETAINED", 150, 0.3),
        population_of_cells(
            "m", "NOT_APPLICABLE", 300, 0.6, "leukemic_myeloid", None, basis="none"
        ),
    )
    assert (row["status"], row["value"]) == ("QUANTIFIED", 0.25)
    assert "300 of 500 leukemic cells (leukemic_myeloid)" in row["flags"]


def test_b_cells_that_may_be_leukemic_and_are_not_retained_exclude_no_loss():
    kept = population_of_cells("b", "RETAINED", 300, 1.0)
    for status in ("LOST", "REDUCED", "NOT_EVALUABLE"):
        row = losses(kept, population_of_cells("u", status, 250, 0.0, "b_unresolved", None))
        assert row["status"] == "INDETERMINATE"
        assert pd.isna(row["value"])
        assert f"u {status}: 250 B cells that may be leukemic" in row["flags"]
    row = losses(kept, population_of_cells("u", "RETAINED", 250, 0.0, "b_unresolved", None))
    assert row["status"] == "NOT_DETECTED"


def test_leukemic_cells_compared_only_with_each_other_exclude_no_loss():
    alone = {"reference": "a", "flags": SHARED_LOSS_HIDDEN}
    kept = population_of_cells("b", "RETAINED", 200, 0.5, **alone)
    row = losses(kept, population_of_cells("a", "RETAINED", 200, 0.5, **alone))
    assert row["status"] == "INDETERMINATE"
    assert row["flags"].count(SHARED_LOSS_HIDDEN) == 1
    row = losses(kept, population_of_cells("a", "LOST", 200, 0.5, **alone))
    assert (row["status"], row["value"]) == ("QUANTIFIED", 0.5)


def test_what_the_screen_sees_among_retained_cells_forbids_to_exclude_a_loss():
    seen = f"{HIDDEN_NEGATIVE}: share 0.27 (0.22 to 0.31) of 800 cells with 1481 molecules, p 0"
    row = losses(population_of_cells("a", "RETAINED", 800, 1.0, flags=seen))
    assert row["status"] == "INDETERMINATE"
    assert row[["value", "high", "count"]].isna().all()
    assert row["flags"] == seen
    rest = population_of_cells("a", "RETAINED", 600, 0.75, flags=seen)
    row = losses(rest, population_of_cells("b", "LOST", 200, 0.25))
    assert (row["status"], row["value"]) == ("QUANTIFIED", 0.25)
    assert seen in row["flags"]


def test_a_limit_holds_for_cells_that_stand_apart_and_for_scattered_ones():
    row = losses(
        population_of_cells("a", "RETAINED", 800, 1.0, "leukemic_b", 0.0125,
                            detectable_hidden_fraction=0.066)
    )  # fmt: skip
    assert (row["status"], row["limit"]) == ("NOT_DETECTED", 0.066)
    assert "from 0.013 of the leukemic cells on if they stand apart, from 0.066" in row["flags"]
    row = losses(
        population_of_cells("a", "RETAINED", 800, 1.0, detectable_hidden_fraction=None)
    )  # fmt: skip
    assert row["status"] == "INDETERMINATE"
    assert pd.isna(row["limit"])
    assert "scattered among the others would not show" in row["flags"]


def test_where_no_loss_is_found_the_interval_still_allows_for_impure_subpopulations():
    """By hand: 800 cells, Wilson up to 0.00478; (300 * 0.17 + 500 * 0.08) / 800 = 0.11375."""
    row = losses(
        population_of_cells("a", "RETAINED", 300, 0.375, relative_expression_low=0.83),
        population_of_cells("b", "RETAINED", 500, 0.625, relative_expression_low=0.92),
    )
    assert row["status"] == "NOT_DETECTED"
    assert row["high"] == pytest.approx((0.00478**2 + 0.11375**2) ** 0.5, abs=2e-4)


@pytest.mark.parametrize(
    ("evidence", "said"),
    [
        (("label", "label"), "label"),
        (("label", "genotype"), "genotype"),
        (("clonotype", "genotype"), "clonotype"),
        (("marker_score", "genotype"), "marker_score"),
    ],
)
def test_a_loss_names_the_weakest_proof_that_its_cells_are_leukemic(evidence, said):
    first, second = evidence
    row = losses(
        population_of_cells("a", "LOST", 50, 0.25, identity_evidence=first),
        population_of_cells("b", "REDUCED", 50, 0.25, identity_evidence=second),
        population_of_cells("c", "RETAINED", 100, 0.5, identity_evidence="marker_score"),
    )
    assert f"identity by {said}" in row["flags"].split("; ")


def test_a_matrix_that_could_not_be_read_is_failed_and_not_merely_untested():
    loss = population_of_cells("all cells", "NOT_EVALUABLE", 0, 0.0, "other", None)
    cells = WHO | {"population": "all cells", "identity": "other", "status": "FAILED"}
    cells |= {"identity_evidence": "none", "flags": "not HDF5"}
    tables = {
        "antigen_loss": ANTIGEN_LOSS.frame([loss]),
        "cell_populations": CELL_POPULATIONS.frame([cells]),
    }
    assert set(collected(tables)["status"]) == {"FAILED"}
    only = collected({"cell_populations": tables["cell_populations"]}).set_index("measure")
    assert set(only.index) == {"leukemic_cell_fraction", "myeloid_leukemic_cell_fraction"}
    assert (only["flags"] == "not HDF5").all()
    assert only["value"].isna().all()


def test_the_gene_of_cd20_becomes_the_antigen():
    rows = [population_of_cells("c", "LOST", 50, 1.0, antigen="MS4A1")]
    assert one({"antigen_loss": ANTIGEN_LOSS.frame(rows)})["target"] == "CD20"


def test_leukemic_and_myeloid_shares_of_the_cells():
    def cells(name, identity, number):
        return WHO | {
            "population": name,
            "identity": identity,
            "identity_evidence": "genotype",
            "cells": number,
            "total_cells": 1000,
            "fraction": number / 1000,
            "status": "QUANTIFIED",
        }

    frame = CELL_POPULATIONS.frame(
        [
            cells("a", "leukemic_b", 100),
            cells("b", "leukemic_myeloid", 50),
            cells("c", "normal_t", 850),
        ]
    )
    found = collected({"cell_populations": frame}).set_index("measure")["value"]
    assert dict(found) == {"leukemic_cell_fraction": 0.15, "myeloid_leukemic_cell_fraction": 0.05}


def none_leukemic(status, **columns):
    row = {
        "population": "leukemic cells",
        "identity": "leukemic_myeloid",
        "identity_evidence": "marker_score",
        "cells": 0,
        "total_cells": 860,
        "status": status,
        "flags": "look like normal ones",
    }
    return collected({"cell_populations": CELL_POPULATIONS.frame([WHO | row | columns])})


def test_no_leukemic_b_cell_excludes_no_lineage_switched_leukemia():
    columns = {"identity": "leukemic_b", "fraction": 0.0, "detectable_fraction": 0.02}
    row = none_leukemic("NOT_DETECTED", **columns).iloc[0]
    assert (row["status"], row["limit"]) == ("NOT_DETECTED", 0.02)
    row = none_leukemic("NOT_DETECTED", **columns, flags=LINEAGE_SWITCH_HIDDEN).iloc[0]
    assert row["status"] == "INDETERMINATE"
    assert pd.isna(row["value"])
    assert pd.isna(row["limit"])
    assert LINEAGE_SWITCH_HIDDEN in row["flags"]


def test_cells_that_may_be_leukemic_unseen_stay_indeterminate_without_any_limit():
    rows = none_leukemic("INDETERMINATE").set_index("measure")
    for measure in ("leukemic_cell_fraction", "myeloid_leukemic_cell_fraction"):
        assert rows.loc[measure, "status"] == "INDETERMINATE"
        assert rows.loc[measure, ["value", "low", "high", "limit", "count"]].isna().all()
        assert "look like normal ones" in rows.loc[measure, "flags"]


def test_the_absence_of_leukemic_cells_has_the_limit_that_the_stream_states():
    rows = none_leukemic("NOT_DETECTED", detectable_fraction=0.0182)
    assert set(rows["status"]) == {"NOT_DETECTED"}
    assert set(rows["limit"]) == set(rows["high"]) == {0.0182}


def test_ratios_are_those_of_cd7_and_cd5():
    def ratio(name, scope):
        return WHO | {
            "ratio_name": name,
            "scope": scope,
            "numerator": "CD7+",
            "denominator": "CD5+",
            "ratio": 0.2,
            "numerator_count": 20,
            "denominator_count": 100,
            "status": "QUANTIFIED",
        }

    rows = [
        ratio("CD7+/CD5+", "all_t"),
        ratio("CD7+/CD5+", "car_negative_t"),
        ratio("CD7+/CD7-", "all_t"),
    ]
    assert set(collected({"ratios": RATIOS.frame(rows)})["measure"]) == {
        "cd7_cd5_ratio_all_t",
        "cd7_cd5_ratio_car_negative_t",
    }


@pytest.mark.parametrize(
    ("value", "lod", "lloq", "stated", "status"),
    [
        (900.0, 10.0, 50.0, "", "QUANTIFIED"),
        (50.0, 10.0, 50.0, "", "QUANTIFIED"),
        (30.0, 10.0, 50.0, "", "DETECTED_BELOW_LLOQ"),
        (10.0, 10.0, 50.0, "", "DETECTED_BELOW_LLOQ"),
        (5.0, 10.0, 50.0, "", "NOT_DETECTED"),
        (0.0, 10.0, None, "", "NOT_DETECTED"),
        (0.0, None, None, "", "INDETERMINATE"),
        (0.0, None, 50.0, "", "INDETERMINATE"),
        (7.0, None, None, "", "QUANTIFIED"),
        (None, 10.0, None, "NOT_DET", "NOT_DETECTED"),
        (None, None, None, "NOT_DET", "INDETERMINATE"),
        (None, None, None, "NOT_TESTED", "NOT_ASSESSED"),
        (None, None, None, "FAILED", "FAILED"),
        (5.0, 10.0, 50.0, "QUANT", "QUANTIFIED"),
        (30.0, None, None, "DET_BLQ", "DETECTED_BELOW_LLOQ"),
        (0.0, None, None, "QUANT", "INDETERMINATE"),
        (0.0, 10.0, None, "QUANT", "INDETERMINATE"),
        (0.05, 1e-6, None, "NOT_DET", "INDETERMINATE"),
        (5.0, 10.0, None, "NOT_DET", "NOT_DETECTED"),
    ],
)
def test_the_status_of_a_laboratory_value_follows_from_its_limits(value, lod, lloq, stated, status):
    assert measurement_status(value, lod, lloq, stated, plain=False)[0] == status


def test_zero_neutrophils_are_an_answer():
    assert measurement_status(0.0, None, None, "", plain=True)[0] == "QUANTIFIED"


def test_a_value_in_another_unit_is_refused_and_not_converted():
    row = one(labs=[lab(28, "car_copies", 0.4, "copies/genome", lod=0.001)])
    assert row["status"] == "FAILED"
    assert pd.isna(row["value"])
    assert "copies/genome refused" in row["flags"]
    assert row["unit"] == "copies/ug"


def test_both_units_of_one_day_stay_as_rows():
    labs = [lab(28, "car_copies", 0.4, "copies/genome"), lab(28, "car_copies", 900, "copies/ug")]
    assert set(collected(labs=labs)["status"]) == {"FAILED", "QUANTIFIED"}


def test_a_transgene_becomes_the_antigens_of_its_infusion():
    infusions = [infusion(transgene="tisa"), infusion(60, "CD22", 2, transgene="m971")]
    labs = [
        lab(90, "car_copies", 10, "copies/ug", transgene=name)
        for name in ("tisa", "m971", "CD5", "")
    ]
    found = collected(labs=labs, infusions=infusions).set_index("sample_id")["target"]
    assert dict(found) == {
        "labs:d90:PB:car_copies:tisa": "CD19",
        "labs:d90:PB:car_copies:m971": "CD22",
        "labs:d90:PB:car_copies:CD5": "CD5",
        "labs:d90:PB:car_copies": "CD22",
    }


@pytest.mark.parametrize(
    ("infusions", "written", "target", "item"),
    [
        ([infusion()], "", "CD19", ""),
        ([infusion(targets="CD19;CD22")], "", "", ""),
        ([infusion(targets="CD19;CD22")], "CD22:HIB22", "CD22", "HIB22"),
        ([infusion(), infusion(60, "CD22", 2)], "", "", ""),
        ([infusion(), infusion(None, "CD22", 2)], "", "", ""),
        ([infusion(), infusion(60, "CD19", 2)], "", "CD19", ""),
        ([infusion(), infusion(120, "CD22", 2)], "", "CD19", ""),
        ([], "", "", ""),
    ],
)
def test_which_antigen_is_missing_is_not_guessed_among_several(infusions, written, target, item):
    labs = [lab(90, "antigen_negative_blasts", 0.4, "fraction", "BM", transgene=written)]
    row = one(labs=labs, infusions=infusions)
    assert (row["target"], row["item"]) == (target, item)
    assert ("antigen not named" in row["flags"]) == (target == "")


def test_a_laboratory_row_keeps_its_name_when_other_rows_are_removed():
    labs = [lab(90, "alc", 900, "cells/uL"), lab(28, "alc", 400, "cells/uL")]
    both, cut = collected(labs=labs), collected(labs=labs[1:])
    assert cut["sample_id"].iloc[0] in set(both["sample_id"])


def test_viruses_are_told_apart():
    labs = [lab(28, name, 900, "copies/mL") for name in ("ebv", "cmv")]
    assert set(collected(labs=labs)["target"]) == {"EBV", "CMV"}


def test_a_missing_ice_component_is_said():
    row = one(labs=[lab(7, "ice_score", 4, "score")])
    assert "ICANS grade 2 or higher" in row["flags"]


def test_every_analyte_of_the_sheet_has_a_measure(root):
    import yaml

    from aftercar.contracts.evidence import MEASURES

    schema = yaml.safe_load((root / "workflow/schemas/labs.schema.yaml").read_text())
    for analyte in schema["properties"]["analyte"]["enum"]:
        assert MEASURE_OF_ANALYTE.get(analyte, analyte) in MEASURES, analyte


def test_two_streams_that_report_one_file_share_the_row():
    row = {
        "sample_id": "S1",
        "patient_id": "P1",
        "day": 28,
        "assay": "scrna",
        "check": "readable",
        "verdict": "PASS",
    }
    one_table = QUALITY.frame([row])
    assert len(joined_table(QUALITY, [one_table, one_table.copy(), QUALITY.empty()])) == 1
    other = QUALITY.frame([row | {"verdict": "FAIL"}])
    with pytest.raises(ContractError, match="not unique"):
        joined_table(QUALITY, [one_table, other])
    assert joined_table(QUALITY, []).empty


def test_free_text_of_events_and_patients_reaches_no_table():
    hostile = "<script>alert(1)</script>"
    history = {
        "facts": patient(note=hostile),
        "events": [
            {
                **dict.fromkeys(
                    (
                        "patient_id",
                        "end_day",
                        "grade",
                        "grading_system",
                        "phenotype",
                        "antigen",
                        "site",
                    ),
                    "",
                ),
                "day": "5",
                "event": "other",
                "detail": hostile,
            }
        ],
    }
    assert collected(**history).empty
