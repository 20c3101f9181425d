"""The tables of a patient's single cells, as the rule writes them."""

import re

from tests.unit.singlecell.drawn_cells import PANELS, draw, measure, mixed, sample

from aftercar.singlecell.patient import patient_tables

RULE = PANELS.clonotypes["history"]


def test_every_table_is_an_output_of_the_rule_and_the_other_way_round(root):
    text = (root / "workflow/rules/singlecell.smk").read_text()
    outputs = text.split("    output:\n")[1].split("    log:\n")[0]
    named = set(re.findall(r"^        (\w+)=", outputs, re.MULTILINE))
    assert set(patient_tables([], RULE)) == named - {"h5ad", "inputs"}


def test_specimens_stand_side_by_side_in_every_table():
    matrix, _ = draw(mixed(), 3)
    found = [measure(matrix, row=sample(name, day)) for name, day in (("A", "-5"), ("B", "60"))]
    tables = {name: frame for name, (_, frame) in patient_tables(found, RULE).items()}
    for name in ("antigen_loss", "antigen_power", "antigen_cells", "populations", "cells"):
        assert set(tables[name]["sample_id"]) == {"A", "B"}, name
    carried = set(tables["antigen_cells"]["barcode"])
    assert carried <= set(tables["cells"]["barcode"])
    assert set(tables["antigen_power"]["antigen"]) >= {"CD19", "CD22"}
