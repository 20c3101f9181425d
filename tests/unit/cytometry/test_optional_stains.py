"""Stains that a laboratory may use or leave out: used when there, quiet or told when not."""

import copy

import pytest
import yaml
from tests.unit.cytometry.test_specimens import B_PANEL, BLOOD, T_PANEL, gated, one, spilled

from aftercar.contracts.cytometry import ROLES
from aftercar.cytometry.template_check import template_problems

MEMORY_BLOOD = BLOOD | {"t_naive": 1500, "t_central": 900, "t_temra": 600}


@pytest.fixture
def counted(draw, templates, settings):
    def run(cells, markers, panel):
        events, truth = draw(cells, markers, seed=21, spill=spilled)
        return truth, gated(events, panel, templates, settings)["populations"]

    return run


def test_cd62l_stands_in_for_ccr7(counted):
    markers = ("CD45", "CD3", "CD4", "CD8", "CAR", "CD45RA", "CD62L")
    truth, table = counted(MEMORY_BLOOD, markers, "car_t_persistence")
    for kind, gate in (
        ("t_naive", "naive"), ("t_central", "central_memory"), ("t_temra", "temra"),
        ("t4", "effector_memory"),
    ):  # fmt: skip
        found = one(table, population=f"cd4_{gate}_t")
        assert found["count"] == pytest.approx((truth == kind).sum(), rel=0.05)


def test_cd16_and_cd56_in_one_colour_count_nk_cells(counted):
    markers = ("CD45", "CD3", "CD19", "CD16+CD56")
    truth, table = counted(BLOOD | {"b": 500}, markers, "nk")
    found = one(table, role="nk_cells", denominator="lymphocytes")
    assert found["count"] == pytest.approx((truth == "nk").sum(), rel=0.03)
    assert "not stained" not in found["flags"]


def test_without_cd16_and_cd56_nk_cells_and_their_sum_are_not_assessed(draw, templates, settings):
    events, _ = draw(BLOOD | {"b": 500}, ("CD45", "CD3", "CD19"), seed=22)
    tables = gated(events, "nk", templates, settings)
    nk = tables["populations"].query("role == 'nk_cells'")
    assert set(nk["status"]) == {"NOT_ASSESSED"}
    assert one(tables["quality"], check="lymphosum")["verdict"] == "NOT_POSSIBLE"


def test_cd56_leaves_nk_cells_out_of_the_cells_that_look_like_t_all(counted):
    cells = BLOOD | {"t_all_blast": 300, "b": 500}
    truth, table = counted(cells, (*T_PANEL, "CD56"), "t_lineage")
    both = (truth == "t_all_blast").sum() + (truth == "nk").sum()
    assert one(table, population="cd3_negative_cd7_cells")["count"] == pytest.approx(both, rel=0.05)
    alone = one(table, population="cd3_negative_cd7_cells_without_cd56")
    assert alone["count"] == pytest.approx((truth == "t_all_blast").sum(), rel=0.05)


def test_without_cd56_only_all_cells_that_look_like_t_all_are_counted(counted):
    _, table = counted(BLOOD, T_PANEL, "t_lineage")
    assert "cd3_negative_cd7_cells_without_cd56" not in set(table["population"])


def test_b_cells_without_cd20_are_told_so_and_hidden_ones_are_not_assessed(counted):
    markers = tuple(marker for marker in B_PANEL if marker != "CD20")
    _, table = counted(BLOOD | {"b": 500}, markers, "b_cell_recovery")
    found = one(table, role="b_cells", denominator="lymphocytes")
    assert "b_lineage without CD20, not stained" in found["flags"]
    assert one(table, population="cd19_negative_b_cells")["status"] == "NOT_ASSESSED"


def test_an_optional_stain_that_is_not_there_needs_no_word(counted):
    _, table = counted(BLOOD | {"b": 500}, B_PANEL, "b_cell_recovery")
    assert one(table, role="b_cells", denominator="lymphocytes")["flags"] == ""


def test_one_car_stain_has_no_share(counted):
    _, table = counted(BLOOD, (*T_PANEL, "CAR7"), "t_lineage")
    assert one(table, population="car7_t")["denominator"] == "t_cells"
    assert "car7_or_car5_t" not in set(table["denominator"])


def test_a_background_is_one_cut_or_several_that_exist(templates):
    source = copy.deepcopy(templates["nk"].source)
    source["report"][2]["background"] = ["CD19", "CD99"]
    (told,) = template_problems(source, ROLES)
    assert told.startswith("report of b_cells, background: found cut CD99, which is not there")


def test_the_population_that_the_guide_adds_to_a_copy_is_accepted(templates, root):
    example = (root / "docs/guide.md").read_text().split("```yaml")[1].split("```")[0]
    added = yaml.safe_load(example)
    source = copy.deepcopy(templates["nk"].source)
    source["gates"] += added["gates"]
    source["report"] += added["report"]
    assert template_problems(source, ROLES) == []
    source["gates"][-1]["where"] = {"CD57": "above"}
    (told,) = template_problems(source, ROLES)
    assert told.startswith("gate nk_cd56_only, where: found cut CD57, which is not there")
