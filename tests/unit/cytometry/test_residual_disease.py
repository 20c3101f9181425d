"""Blasts of unusual make-up are found, or the tube says up to where it cannot exclude them."""

import copy

import pytest
from tests.unit.cytometry.test_specimens import MRD_PANEL, gated, one

from aftercar.contracts.cytometry import ROLES
from aftercar.cytometry.template_check import template_problems

MARROW = {"t4": 3000, "t8": 3000, "b": 400, "nk": 1500, "myeloid": 12_000, "monocyte": 1600}


@pytest.fixture
def found(draw, templates, settings):
    """Draw a marrow with more cells in it and return the truth and its populations."""

    def run(markers=MRD_PANEL, **more):
        events, truth = draw(MARROW | more, markers, seed=11)
        return truth, gated(events, "b_all_mrd", templates, settings, specimen="BM")["populations"]

    return run


@pytest.mark.parametrize("blasts", [1500, 200])
def test_pro_b_blasts_without_cd10_and_cd24_are_blasts(found, blasts):
    truth, table = found(pro_b_blast=blasts)
    row = one(table, role="blasts")
    assert row["status"] == "QUANTIFIED"
    assert row["count"] == pytest.approx((truth == "pro_b_blast").sum(), rel=0.05)


def test_a_marrow_without_blasts_is_negative_to_its_conventional_limit(found):
    _, table = found()
    for role in ("blasts", "myeloid_blasts"):
        row = one(table, role=role)
        assert row["status"] == "NOT_DETECTED"
        assert row["lod_fraction"] < 0.005


def test_progenitors_without_cd19_are_no_blasts_but_blasts_of_that_look_are_not_excluded(found):
    truth, table = found(cd34_cd22=600)
    row, alike = one(table, role="blasts"), one(table, population="cd34_cd22_cells")
    share = (truth == "cd34_cd22").sum() / row["denominator_count"]
    assert row["status"] == "NOT_DETECTED"
    assert alike["fraction"] == pytest.approx(share, rel=0.05)
    assert row["lod_fraction"] >= alike["fraction"]
    assert row["lod_fraction"] <= row["lloq_fraction"]
    assert "be told from" in row["flags"]


def test_antigen_negative_blasts_are_not_excluded_beside_cells_of_their_look(found):
    _, table = found(blast=1500, cd34_cd22=1200)
    row = one(table, role="antigen_negative_blasts")
    assert row["status"] == "NOT_DETECTED"
    assert row["lod_fraction"] > 0.5
    assert one(table, role="blasts")["status"] == "QUANTIFIED"


def test_monoblasts_without_cd34_are_no_negative_myeloid_gate(found):
    truth, table = found(monoblast=3000)
    row = one(table, role="myeloid_blasts")
    share = (truth == "monoblast").sum() / row["denominator_count"]
    assert row["status"] == "NOT_DETECTED"
    assert row["lod_fraction"] > 0.95 * share > 0.05
    assert "CD34- CD33+" in row["flags"]


def test_normal_monocytes_are_no_myeloid_blasts(found):
    _, table = found(monocyte=4000)
    row = one(table, role="myeloid_blasts")
    assert row["status"] == "NOT_DETECTED"


def test_myeloblasts_stay_counted_beside_cells_that_may_be_more_of_them(found):
    truth, table = found(myeloblast=900, monoblast=900)
    row = one(table, role="myeloid_blasts")
    assert row["status"] == "QUANTIFIED"
    assert row["count"] == pytest.approx((truth == "myeloblast").sum(), rel=0.05)
    assert "be told from" in row["flags"]


def test_without_cd22_all_progenitors_without_cd19_count_as_not_told_apart(found):
    truth, table = found(markers=tuple(m for m in MRD_PANEL if m != "CD22"), cd34_cd22=600)
    row = one(table, role="blasts")
    share = (truth == "cd34_cd22").sum() / row["denominator_count"]
    assert row["status"] == "NOT_DETECTED"
    assert row["lod_fraction"] > 0.95 * share


def test_a_template_names_a_gate_that_exists_as_not_told_apart(templates):
    source = copy.deepcopy(templates["b_all_mrd"].source)
    source["report"][0]["unresolved"] = "nowhere"
    (told,) = template_problems(source, ROLES)
    assert told.startswith("report of blasts, unresolved: found gate nowhere, which is not there")
