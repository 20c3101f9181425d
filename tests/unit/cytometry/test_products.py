"""What a product does to the antigen of its own cells is said, product by product."""

import pytest
from tests.unit.cytometry.test_specimens import (
    BLOOD,
    CAR_PANEL,
    T_PANEL,
    gated,
    one,
    spilled,
)

BOTH = [
    {"infusion_no": "1", "day": "0", "targets": "CD7", "antigen_blockade": "er_retention"},
    {"infusion_no": "2", "day": "20", "targets": "CD5", "antigen_blockade": "knock_out"},
    {"infusion_no": "3", "day": "90", "targets": "CD7", "antigen_blockade": "negative_selection"},
]


@pytest.fixture
def flags(draw, templates, settings):
    def run(infusions, role="cd7_negative_t", markers=T_PANEL, panel="t_lineage"):
        events, _ = draw(BLOOD, markers, seed=4, spill=spilled)
        tables = gated(events, panel, templates, settings, infusions=infusions)
        return one(tables["populations"], role=role)["flags"], tables["ratios"]

    return run


@pytest.mark.parametrize(
    ("blockade", "words"),
    [
        ("knock_out", "CD7 is knocked out of its CAR T cells"),
        ("er_retention", "CD7 is kept inside its CAR T cells"),
        ("natural_selection", "CD7 on them is masked by the CAR or lacking"),
        ("negative_selection", "T cells selected to lack CD7"),
        ("none", "CD7 may be masked by the CAR"),
        ("unknown", "is not stated (column antigen_blockade)"),
        ("", "is not stated (column antigen_blockade)"),
    ],
)
def test_the_caveat_is_that_of_the_product(flags, blockade, words):
    given = {"infusion_no": "1", "day": "0", "targets": "CD7", "antigen_blockade": blockade}
    told, _ = flags([given])
    assert "infusion 1: " in told
    assert words in told


def test_each_antigen_is_told_of_the_products_against_it_given_until_the_day(flags):
    told, ratios = flags(BOTH)
    assert "infusion 1: CD7 is kept inside" in told
    assert "infusion 2" not in told
    assert "infusion 3" not in told
    ratio = one(ratios, ratio_name="CD7+/CD5+", scope="all_t")["flags"]
    assert "infusion 1: CD7 is kept inside" in ratio
    assert "infusion 2: CD5 is knocked out" in ratio
    assert "infusion 2: CD5 is knocked out" in flags(BOTH, role="cd5_negative_t")[0]


def test_a_product_against_another_antigen_masks_nothing(flags):
    given = {"infusion_no": "1", "day": "0", "targets": "CD19", "antigen_blockade": "knock_out"}
    assert flags([given])[0] == ""


@pytest.mark.parametrize(("source", "told"), [("universal", True), ("autologous", False)])
def test_a_universal_product_may_lack_the_cd3_by_which_it_is_counted(flags, source, told):
    given = {"infusion_no": "1", "day": "0", "targets": "CD19", "source": source}
    words, _ = flags([given], role="car_t", markers=CAR_PANEL, panel="car_t_persistence")
    assert ("without surface CD3" in words) is told
