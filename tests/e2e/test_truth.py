"""The demo's tables against the truth that the simulator planted."""

import pandas as pd
import pytest
from tests.e2e.workflow_run import DEMO

from aftercar.contracts.cytometry import POPULATIONS
from aftercar.contracts.evidence import RISK
from aftercar.contracts.sequencing import VARIANTS
from aftercar.contracts.singlecell import CLONE_HISTORY
from aftercar.io.tables import read_table

pytestmark = pytest.mark.e2e


def truth(name):
    numbers = {"true_fraction": [""], "true_vaf": [""]}
    return pd.read_csv(
        DEMO / f"truth/{name}.tsv", sep="\t", keep_default_na=False, na_values=numbers
    )


def test_the_risk_table_says_what_was_planted_row_by_row(finished):
    risk = read_table(RISK, finished / "results/risk/relapse_risk.tsv")
    key = ["patient_id", "landmark", "mechanism", "target"]
    planted = truth("risk")
    both = planted.merge(risk, on=key, how="left", suffixes=("_planted", "_found"))
    wrong = both[both["category_planted"] != both["category_found"]]
    assert wrong.empty, wrong[
        [*key, "category_planted", "category_found", "because", "reason"]
    ].to_string()
    assert set(planted["patient_id"]) == set(risk["patient_id"])
    assert len(planted) >= 0.9 * len(risk), "too few rows of the table have a planted truth"


def test_every_patient_has_every_landmark_and_mechanism(finished):
    risk = read_table(RISK, finished / "results/risk/relapse_risk.tsv")
    per_patient = risk.groupby("patient_id")[["landmark", "mechanism"]].apply(
        lambda rows: len(rows.drop_duplicates())
    )
    assert set(per_patient) == {6 * 7}


def test_population_fractions_cover_the_planted_ones(finished):
    """Counting error only is in the interval; gates add theirs, hence the tolerance of 0.02."""
    found = read_table(POPULATIONS, finished / "results/cytometry/populations.tsv")
    planted = truth("populations")
    both = planted.merge(found, on=["sample_id", "role", "target", "denominator"], how="left")
    assert len(both) == len(planted)
    measured = both[both["status"].isin(["QUANTIFIED", "DETECTED_BELOW_LLOQ", "NOT_DETECTED"])]
    assert len(measured) > 0.9 * len(both), both[~both.index.isin(measured.index)].to_string()
    slack = 0.02 + 0.05 * measured["true_fraction"]
    inside = (measured["true_fraction"] >= measured["fraction_low"] - slack) & (
        measured["true_fraction"] <= measured["fraction_high"] + slack
    )
    assert inside.mean() >= 0.95, measured[~inside].to_string()


def test_nothing_that_was_not_planted_is_quantified(finished):
    found = read_table(POPULATIONS, finished / "results/cytometry/populations.tsv")
    both = truth("populations").merge(found, on=["sample_id", "role", "target", "denominator"])
    empty = both[(both["true_count"] == 0) & both["role"].isin(["b_cells", "car_t"])]
    assert len(empty) >= 3
    assert "QUANTIFIED" not in set(empty["status"]), empty.to_string()


def test_planted_variants_are_found_and_named_and_no_other_loss_is_called(finished):
    found = read_table(VARIANTS, finished / "results/sequencing/variants.tsv")
    called = found[
        (found["filter"] == "PASS") & found["status"].isin(["QUANTIFIED", "DETECTED_BELOW_LLOQ"])
    ]
    planted = truth("variants")
    key = ["sample_id", "gene", "chrom", "pos", "ref", "alt"]
    both = planted.merge(called, on=key, how="left")
    assert not both["vaf"].isna().any(), both[key].to_string()
    assert both["true_vaf"].between(both["vaf_low"] - 0.01, both["vaf_high"] + 0.01).all()
    losses = called[called["tier"].isin(["T1", "T2"])]
    extra = losses.merge(planted[key], on=key, how="left", indicator=True)
    assert (extra["_merge"] == "both").all(), extra.to_string()


def test_the_clone_that_lost_cd19_is_matched_with_the_marrow_before_the_infusion(finished):
    history = read_table(CLONE_HISTORY, finished / "results/singlecell/clone_history.tsv")
    mine = history[(history["patient_id"] == "P03") & (history["antigen"] == "CD19")]
    assert set(mine["basis"]) == {"genotype", "clonotype"}
    assert set(mine["first_seen_sample"]) == {"P03-Dm012-BM-scrna"}
    assert set(mine["first_negative_sample"]) == {"P03-D190-BM-scrna"}
    # the first hit was there before, in cells that still had CD19
    assert set(mine["clone_before_infusion"]) == {"YES"}
    assert "YES" not in set(mine["negative_before_infusion"])
    clone = mine.set_index("basis").loc["clonotype"]
    lost = truth("clones").set_index(["sample_id", "population"])
    planted = float(lost.loc[("P03-D190-BM-scrna", "leukemic_b_lost"), "fraction_of_leukemic"])
    assert (
        clone["latest_negative_fraction_low"] <= planted <= clone["latest_negative_fraction_high"]
    )


def test_rows_that_the_written_rules_leave_open_are_not_what_they_must_not_be(finished):
    risk = read_table(RISK, finished / "results/risk/relapse_risk.tsv")
    key = ["patient_id", "landmark", "mechanism"]
    both = truth("risk_open").merge(risk, on=key, suffixes=("_planted", "_found"))
    forbidden = [
        found in never.split(";")
        for found, never in zip(both["category"], both["must_not_be"], strict=True)
    ]
    assert not any(forbidden), both[forbidden].to_string()
    rows = len(risk.drop_duplicates(key))
    assert len(truth("risk")) + len(truth("risk_open")) == rows
