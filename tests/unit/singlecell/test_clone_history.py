"""Clones over time: facts with the day from which each was known; silence only with a limit."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from tests.unit.singlecell.drawn_cells import PANELS, draw, measure, mixed, sample
from tests.unit.singlecell.drawn_receptors import drawn

from aftercar.contracts.sequencing import CLONES, GENOTYPES
from aftercar.contracts.singlecell import ANTIGEN_LOSS, CLONE_HISTORY, SHARED_LOSS_HIDDEN
from aftercar.evidence.collect_singlecell import clone_history_evidence
from aftercar.singlecell.clone_history import SpecimenCells, clone_history, variant_cells

RULE = PANELS.clonotypes["history"]
KEY = frozenset({"IGH:TGTGCGTGG"})
NAME = "IGH:TGTGCGTGG"


def loss_row(name, day, population, status, *, flags="", limit=0.02, antigen="CD19", cells=10):
    row = {
        "sample_id": name, "patient_id": "P", "day": day, "specimen": "BM",
        "population": population, "identity": "leukemic_b", "identity_evidence": "marker_score",
        "antigen": antigen, "basis": "rna", "cells": cells, "status": status, "flags": flags,
    }  # fmt: skip
    return row | ({"detectable_fraction": limit} if limit else {})


def specimen(name, day, lost=0, kept=100, *, others=0, receptors=True, clones=None, named=False,
             limit=0.02, flags="", kind="BM", identity="leukemic_b"):  # fmt: skip
    """`lost` cells of the clone in a population called LOST, `kept` in one RETAINED, `others`."""
    total = lost + kept + others
    population = np.array(["gone"] * lost + ["there"] * (kept + others), dtype=object)
    own = [KEY] * (lost + kept) + [frozenset({"IGH:OTHER"})] * others
    rows = [loss_row(name, day, "there", "RETAINED", limit=limit, flags=flags)] * (
        kept + others > 0
    ) + [loss_row(name, day, "gone", "LOST", limit=limit)] * (lost > 0)
    return SpecimenCells(
        sample_id=name, patient_id="P", day=day, specimen=kind,
        identity=np.full(total, identity, dtype=object), population=population,
        named=np.array(["rel-1"] * (lost + kept) + ["big"] * others) if named else None,
        receptors=own if receptors else None,
        clones=({NAME: KEY} if lost + kept else {}) if clones is None else clones,
        mutant={}, covered={}, variants_from={}, loss=rows if identity == "leukemic_b" else [],
        scattered_limit={"CD19": 0.02},
    )  # fmt: skip


def history(*specimens):
    table = CLONE_HISTORY.frame(clone_history(specimens, RULE))
    return table.set_index(["antigen", "clone"])


def one(*specimens):
    return history(*specimens).loc["CD19", NAME]


def test_first_specimen_of_the_clone_and_first_one_without_the_antigen_are_told_apart():
    row = one(specimen("A", -10), specimen("B", 28, others=5), specimen("C", 90, lost=40, kept=60))
    assert (row["first_seen_sample"], row["first_seen_day"]) == ("A", -10)
    assert (row["first_negative_sample"], row["first_negative_day"]) == ("C", 90)
    assert row["first_negative_cells"] == 40
    assert row["first_negative_fraction"] == pytest.approx(0.4)
    assert row["basis"] == "clonotype"
    assert row["status"] == "QUANTIFIED"
    assert row["latest_negative_fraction"] == pytest.approx(0.4)
    assert row["clone_before_infusion"] == "YES"
    assert row["negative_before_infusion"] == "NOT_SEEN"
    assert row["limit_before_infusion"] == pytest.approx(0.02)
    assert row["not_seen_before"] == (
        "A (day -10): not seen, limit 0.02; B (day 28): not seen, limit 0.02"
    )


@pytest.mark.parametrize(
    "earlier",
    [specimen("A", -10, limit=None), specimen("A", -10, limit=0.3),
     specimen("A", -10, flags=SHARED_LOSS_HIDDEN), specimen("A", -10, identity="b_unresolved")],
    ids=["no limit", "a limit that is too high", "compared with each other", "no leukemic cell"],
)  # fmt: skip
def test_a_specimen_without_an_adequate_limit_is_not_said_to_be_negative(earlier):
    row = one(earlier, specimen("C", 90, lost=40))
    assert row["negative_before_infusion"] == "UNKNOWN"
    assert pd.isna(row["limit_before_infusion"])
    assert row["not_seen_before"].startswith("A (day -10): cannot say")
    assert "could have shown" in row["flags"]


def test_without_a_specimen_before_the_infusion_nothing_is_known_of_it():
    row = one(specimen("C", 90, lost=40))
    assert (row["negative_before_infusion"], row["clone_before_infusion"]) == ("UNKNOWN", "UNKNOWN")
    assert "no single cells were examined before the infusion" in row["flags"]


def test_negative_cells_before_the_infusion_are_pre_existing():
    row = one(specimen("A", -10, lost=4, kept=96), specimen("C", 90, lost=80, kept=20))
    assert row["negative_before_infusion"] == "YES"
    assert row["negative_before_known_from_day"] == -10


def test_what_relapse_tells_of_an_older_specimen_is_known_from_the_relapse_on():
    before = specimen("A", -10, lost=4, kept=96, clones={})
    row = one(before, specimen("C", 90, lost=80, kept=20))
    assert (row["first_seen_day"], row["first_seen_known_from_day"]) == (-10, 90)
    assert (row["first_negative_day"], row["first_negative_known_from_day"]) == (-10, 90)
    assert row["negative_before_known_from_day"] == 90
    assert "since day 90 told of it" in row["flags"]


def test_a_later_specimen_changes_no_fact_that_was_known_before():
    early = [specimen("A", -10, lost=1), specimen("B", 28, lost=12)]
    facts = [
        name for name in CLONE_HISTORY.columns
        if name.startswith(("first_", "clone_before", "negative_before", "not_seen", "limit_"))
    ]  # fmt: skip
    first, second = one(*early), one(*early, specimen("C", 90, lost=90))
    pd.testing.assert_series_equal(first[facts], second[facts], check_names=False)


def test_one_cell_of_a_clonotype_is_not_seen_and_two_are():
    late = specimen("C", 90, lost=50)
    for cells, day in ((1, 90), (2, -10)):
        row = one(specimen("A", -10, kept=cells, others=200, clones={}), late)
        assert row["first_seen_day"] == day


def test_a_clone_that_was_not_seen_has_a_limit_from_the_cells_with_a_receptor():
    """4.75 cells are expected where two or more show with 95 % probability (Poisson)."""
    late = specimen("C", 90, lost=50)
    enough = one(specimen("A", -10, kept=0, others=200), late)
    assert enough["clone_before_infusion"] == "NOT_SEEN"
    assert one(specimen("A", -10, kept=0, others=60), late)["clone_before_infusion"] == "UNKNOWN"
    blind = specimen("A", -10, kept=0, others=200, receptors=False)
    assert one(blind, late)["clone_before_infusion"] == "UNKNOWN"
    assert 1 - np.exp(-4.75) * (1 + 4.75) == pytest.approx(0.95, abs=0.002)


def test_clones_of_users_are_matched_by_name_and_never_by_number_of_a_cluster():
    table = history(
        specimen("A", -10, others=50, named=True, receptors=False, clones={}),
        specimen("C", 90, lost=50, others=50, named=True, receptors=False, clones={}),
    )
    assert set(table.index) == {("CD19", "rel-1"), ("CD19", "big")}
    assert table.loc[("CD19", "rel-1"), "first_negative_sample"] == "C"
    unnamed = [
        specimen(name, day, lost=20, receptors=False, clones={})
        for name, day in (("A", 1), ("B", 2))
    ]  # fmt: skip
    assert history(*unnamed).empty


def test_growth_covers_the_truth_and_needs_the_same_kind_of_specimen():
    """Share 5 % then 30 % sixty days later: the fold per 30 days is the root of six."""
    random = np.random.default_rng(1)
    covered = []
    for _ in range(300):
        cells = random.binomial([400, 300], [0.05, 0.3])
        specimens = [
            specimen("A", -10, kept=int(cells[0]), others=400 - int(cells[0])),
            specimen("C", 50, kept=int(cells[1]), others=300 - int(cells[1])),
        ]
        (row,) = clone_history(specimens, RULE)
        covered.append(row["fold_per_30_days_low"] <= 6**0.5 <= row["fold_per_30_days_high"])
    assert np.mean(covered) >= 0.93
    row = one(specimen("A", -10), specimen("C", 50))
    assert row["fold_per_30_days_low"] < 1 < row["fold_per_30_days_high"]
    row = one(specimen("A", -10), specimen("C", 50, kind="PB"))
    assert pd.isna(row["fold_per_30_days"])
    assert "no growth: BM and PB" in row["flags"]


def test_the_order_of_specimens_changes_nothing():
    found = [specimen("A", -10), specimen("B", 28, lost=5), specimen("C", 90, lost=40)]
    pd.testing.assert_frame_equal(history(*found), history(*found[::-1]))


def genotype(barcode, state, *, sample="A", umis=(0, 2)):
    return dict.fromkeys(GENOTYPES.columns, 0) | {
        "sample_id": sample, "patient_id": "P", "barcode": barcode, "gene": "CD19",
        "chrom": "chr16", "pos": 28932529, "ref": "T", "alt": "TG", "hgvs_c": "c.278dup",
        "ref_umis": umis[0], "alt_umis": umis[1], "state": state, "genotype": "",
    }  # fmt: skip


def test_a_genotype_is_looked_up_whenever_known_and_its_silence_in_rna_excludes_nothing():
    clone = {
        "sample_id": "A", "patient_id": "P", "day": -10, "specimen": "BM", "gene": "CD19",
        "clone": "CD19 c.278dup", "basis": "genotype", "known_from_day": 90, "status": "QUANTIFIED",
    }  # fmt: skip
    rows = [genotype(f"C{n}", "MUTANT") for n in range(5)]
    rows += [genotype(f"C{n}-1", "REFERENCE_ONLY", umis=(1, 0)) for n in range(5, 20)]
    barcodes = np.array([f"C{n}-1" for n in range(100)], dtype=object)
    mutant, covered, since = variant_cells(
        GENOTYPES.frame(rows), CLONES.frame([clone]), {"sample_id": "A"}, barcodes
    )
    assert mutant["CD19 c.278dup"].sum() == 5
    assert covered["CD19 c.278dup"].sum() == 20
    assert since == {"CD19 c.278dup": 90}
    silent = replace(
        specimen("A", -10, clones={}), mutant={"V": np.zeros(100, bool)},
        covered={"V": np.ones(100, bool)}, variants_from={"V": 90},
    )  # fmt: skip
    found = replace(
        specimen("C", 90, lost=100, kept=0, clones={}), mutant={"V": np.ones(100, bool)},
        covered={"V": np.ones(100, bool)}, variants_from={"V": 90},
    )  # fmt: skip
    row = history(silent, found).loc["CD19", "V"]
    assert row["clone_before_infusion"] == "UNKNOWN"
    early = replace(silent, mutant={"V": np.arange(100) < 40})
    row = history(early, found).loc["CD19", "V"]
    assert (row["clone_before_infusion"], row["clone_before_known_from_day"]) == ("YES", 90)
    assert row["first_seen_fraction_low"] > 0.3
    assert pd.isna(row["first_seen_fraction_high"]), "a share of carriers that show it is a bound"
    assert pd.isna(row["fold_per_30_days"])


def test_rules_see_a_negative_clone_before_the_infusion_from_the_day_it_was_known():
    before = specimen("A", -10, lost=4, kept=96, clones={})
    table = CLONE_HISTORY.frame(clone_history([before, specimen("C", 90, lost=80, kept=20)], RULE))
    losses = ANTIGEN_LOSS.frame(before.loss)
    (row,) = clone_history_evidence(table, losses)
    assert (row["day"], row["known_from_day"], row["item"]) == (-10, 90, NAME)
    assert (row["target"], row["status"], row["count"], row["total"]) == (
        "CD19",
        "QUANTIFIED",
        4,
        100,
    )
    assert "identity by clonotype" in row["flags"]
    firm = ANTIGEN_LOSS.frame([r | {"identity_evidence": "clonotype"} for r in before.loss])
    assert clone_history_evidence(table, firm) == []


def test_a_variant_that_t_cells_of_any_specimen_share_marks_no_clone():
    everyone = {"V": np.ones(100, bool)}
    early = replace(
        specimen("A", -10, clones={}), mutant=everyone, covered=everyone, variants_from={"V": 90}
    )
    late = replace(specimen("C", 90, lost=100, kept=0, clones={}), inherited=frozenset({"V"}))
    assert history(early, late).empty
    assert not history(early, replace(late, inherited=frozenset())).empty


def test_two_alleles_of_one_clone_are_one_row_whichever_names_it():
    both = frozenset({NAME, "IGH:TGTACGTGG"})
    one_allele = specimen("A", -10, clones={"IGH:TGTACGTGG": both})
    other = specimen("B", -10, lost=40, clones={NAME: KEY})
    table = history(one_allele, other)
    assert len(table) == 1
    assert table.iloc[0]["first_negative_sample"] == "B"


def with_others(lost, *, receptor=True, status="LOST", name="A", day=-10, identity="leukemic_b"):
    """A specimen whose clone keeps CD19, with `lost` cells of another or no known one."""
    base = specimen(name, day, kept=100, others=lost)
    cells = np.arange(100 + lost) >= 100
    return replace(
        base,
        population=np.where(cells, "gone", "there").astype(object),
        identity=np.where(cells, identity, "leukemic_b").astype(object),
        receptors=[KEY] * 100 + [frozenset({"IGH:OTHER"}) if receptor else None] * lost,
        loss=[*base.loss, loss_row(name, day, "gone", status) | {"identity": identity}],
    )  # fmt: skip


def test_lost_cells_that_may_be_of_the_clone_forbid_a_limit_and_those_of_another_do_not():
    late = specimen("C", 90, lost=40)
    row = one(with_others(30, receptor=False), late)
    assert row["negative_before_infusion"] == "UNKNOWN"
    assert row["not_seen_before"] == "A (day -10): cannot say"
    assert (
        "A: 30 cells in a sub-population called LOST for CD19 are not shown to belong to another "
        "clone" in row["flags"]
    )
    assert "could have shown" not in row["flags"]
    assert one(with_others(30, receptor=False))["status"] == "INDETERMINATE"
    row = one(with_others(30), late)
    assert row["negative_before_infusion"] == "NOT_SEEN"
    assert "cells of this clone without CD19 that are 0.02 of the leukemic cells" in row["flags"]


@pytest.mark.parametrize("status", ["REDUCED", "NOT_EVALUABLE"])
def test_leukemic_cells_that_did_not_keep_the_antigen_forbid_a_limit(status):
    row = one(with_others(30, status=status), specimen("C", 90, lost=40))
    assert row["negative_before_infusion"] == "UNKNOWN"
    assert f"A: CD19 is {status} in leukemic cells" in row["flags"]
    latest = one(with_others(30, status=status, day=60))
    assert latest["status"] == "INDETERMINATE"
    assert f"unknown in A: CD19 is {status} in leukemic cells" in latest["flags"]


def test_leukemic_cells_of_a_lineage_that_is_not_judged_forbid_a_limit():
    switched = with_others(30, receptor=False, status="NOT_APPLICABLE", identity="leukemic_myeloid")
    row = one(switched, specimen("C", 90, lost=40))
    assert row["negative_before_infusion"] == "UNKNOWN"
    assert (
        "A: 30 leukemic cells of another lineage (leukemic_myeloid) are not judged for CD19"
        in row["flags"]
    )
    assert one(switched)["status"] == "INDETERMINATE"


@pytest.mark.parametrize(("in_t_cells", "before"), [(0, "YES"), (1, "UNKNOWN")])
def test_carriers_no_more_frequent_than_in_t_cells_do_not_show_that_the_clone_was_there(
    in_t_cells, before
):
    """Three of 100 B cells; one of 30 T cells is as many."""
    carriers = np.isin(np.arange(130), [0, 1, 2, *range(100, 100 + in_t_cells)])
    early = replace(
        specimen("A", -10, lost=10, kept=120, clones={}),
        identity=np.array(["leukemic_b"] * 100 + ["normal_t"] * 30, dtype=object),
        mutant={"V": carriers}, covered={"V": np.ones(130, bool)}, variants_from={"V": 90},
    )  # fmt: skip
    everyone = {"V": np.ones(100, bool)}
    late = replace(
        specimen("C", 90, lost=100, kept=0, clones={}), mutant=everyone, covered=everyone,
        variants_from={"V": 90},
    )  # fmt: skip
    row = history(early, late).loc["CD19", "V"]
    assert row["clone_before_infusion"] == before
    assert row["negative_before_infusion"] == before
    assert row["first_seen_sample"] == ("C" if in_t_cells else "A")


def test_a_quarter_of_hidden_negative_cells_leaves_no_limit_before_the_infusion():
    """CD19 is absent from 90 of 360 blasts that are alike in all else."""
    kinds = mixed(mature_b=("mature_b", 80)) | {"blast": ("blast", 270), "hidden": ("blast", 90)}
    matrix, label = draw(kinds, 1, antigen={"hidden": {"CD19": 0}})
    clone = {"blast": NAME[4:], "hidden": NAME[4:]}
    contigs = drawn(matrix.barcode, label, clone, 1, polyclonal={"mature_b": "IGH"})
    result = measure(matrix, contigs=contigs, row=sample("A", "-10"))
    row = one(result.memory)
    assert row["negative_before_infusion"] == "UNKNOWN"
    assert "A: leukemic cells of unlike level of CD19, may be hidden negative" in row["flags"]
    assert row["status"] == "INDETERMINATE"


@pytest.mark.parametrize(
    ("scattered", "expected"), [({"CD19": 0.04}, 0.04), ({"CD19": 0.2}, None), ({}, None)]
)
def test_the_limit_of_a_clone_that_no_label_sets_apart_is_that_of_the_screen(scattered, expected):
    late = specimen("C", 90, lost=40, named=True)
    table = history(
        replace(specimen("A", -10, named=True), scattered_limit=scattered), late
    ).xs("CD19")  # fmt: skip
    for name, limit in ((NAME, expected), ("rel-1", 0.02)):
        row = table.loc[name]
        assert row["negative_before_infusion"] == ("NOT_SEEN" if limit else "UNKNOWN")
        assert limit is None or row["limit_before_infusion"] == pytest.approx(limit)
    assert scattered or "scattered among others could have shown" in table.loc[NAME, "flags"]
