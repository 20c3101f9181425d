"""A template whose names point nowhere, or in a circle, is told with place and remedy."""

import copy

import pytest

from aftercar.contracts.cytometry import ROLES
from aftercar.cytometry.template_check import controlled_markers, template_problems


@pytest.fixture
def told(templates):
    """What is told of nk.yaml after a change."""

    def problems(change, panel="nk"):
        source = copy.deepcopy(templates["nk"].source)
        change(source)
        return template_problems(source, ROLES, panel)

    return problems


def gate(source, name):
    return next(rule for rule in source["gates"] if rule["name"] == name)


MISTAKES = {
    "cut, marker": (
        lambda s: s["cuts"]["CD19"].update(marker="CD99"),
        "cut CD19: found marker CD99",
    ),
    "cut, within": (
        lambda s: s["cuts"]["CD19"].update(within="nowhere"),
        "cut CD19, within: found gate nowhere",
    ),
    "cut, negatives": (
        lambda s: s["cuts"]["CD19"].update(negatives=["nowhere"]),
        "cut CD19, negatives: found gate nowhere",
    ),
    "cut, positives": (
        lambda s: s["cuts"]["SSC-A"].update(positives=["nowhere"]),
        "cut SSC-A, positives: found gate nowhere",
    ),
    "cut without its number": (
        lambda s: s["cuts"]["CD45"].pop("decades"),
        "cut CD45: found method decades_below alone, expected decades beside it",
    ),
    "parent": (
        lambda s: gate(s, "t_cells").update(parent="nowhere"),
        "gate t_cells, parent: found gate nowhere",
    ),
    "where": (
        lambda s: gate(s, "t_cells").update(where={"CD99": "above"}),
        "gate t_cells, where: found cut CD99",
    ),
    "any_of": (
        lambda s: gate(s, "nk_cells").update(any_of=[{"CD99": "above"}]),
        "gate nk_cells, any_of: found cut CD99",
    ),
    "fallback": (
        lambda s: gate(s, "nk_cells").update(fallback={"CD99": "above"}),
        "gate nk_cells, fallback: found cut CD99",
    ),
    "if_present": (
        lambda s: gate(s, "t_cells").update(if_present={"CD99": "below"}),
        "gate t_cells, if_present: found cut CD99",
    ),
    "needs_one_of": (
        lambda s: gate(s, "other_lymphocytes").update(needs_one_of=["CD99"]),
        "gate other_lymphocytes, needs_one_of: found CD99",
    ),
    "top_share": (
        lambda s: gate(s, "high_scatter").update(top_share={"CD99": 0.2}),
        "gate high_scatter, top_share: found required marker CD99",
    ),
    "bottom_share of a stain that may be absent": (
        lambda s: gate(s, "high_scatter").update(bottom_share={"CD56": 0.2}),
        "gate high_scatter, bottom_share: found required marker CD56",
    ),
    "a gate twice": (
        lambda s: s["gates"].append(gate(s, "t_cells")),
        "gates: found gate t_cells twice",
    ),
    "a gate that every panel has": (
        lambda s: s["gates"].append({"name": "viable", "parent": "singlets"}),
        "gates: found gate viable, which is made for every panel",
    ),
    "report, gate": (
        lambda s: s["report"][0].update(gate="nowhere"),
        "report of nowhere: found gate nowhere",
    ),
    "report of a cleaning step": (
        lambda s: s["report"][0].update(gate="viable"),
        "report of viable: found gate viable",
    ),
    "report, of": (
        lambda s: s["report"][1].update(of="nowhere"),
        "report of t_cells, of: found gate nowhere",
    ),
    "report, role": (
        lambda s: s["report"][1].update(role="t-cells"),
        "report of t_cells, role: found t-cells, expected one of leukocytes, lymphocytes",
    ),
    "report, neighbours": (
        lambda s: s["report"][1].update(neighbours={"nowhere": "CD3"}),
        "report of t_cells, neighbours: found gate nowhere",
    ),
    "report, cut between neighbours": (
        lambda s: s["report"][1].update(neighbours={"nk_cells": "CD99"}),
        "report of t_cells, neighbours: found cut CD99",
    ),
    "view, parent": (
        lambda s: s["views"][1].update(parent="nowhere"),
        "view 2, parent: found gate nowhere",
    ),
    "view, gate": (
        lambda s: s["views"][1].update(gate="nowhere"),
        "view 2, gate: found gate nowhere",
    ),
    "view, axis": (lambda s: s["views"][1].update(x="CD99"), "view 2, x: found marker CD99"),
    "notes": (lambda s: s["notes"].update(nowhere="a word"), "notes: found gate nowhere"),
    "ratio of a cut": (
        lambda s: s.update(ratios={"cuts": ["CD3", "CD99"], "scopes": {}}),
        "ratios, cuts: found cut CD99",
    ),
    "ratio of a gate": (
        lambda s: s.update(ratios={"cuts": ["CD3", "CD19"], "scopes": {"all": "nowhere"}}),
        "ratios, scope all: found gate nowhere",
    ),
    "marker twice": (
        lambda s: s["markers"]["optional"].append("CD3"),
        "markers: found CD3 twice",
    ),
    "marker without names": (
        lambda s: s["markers"]["optional"].append("CD999"),
        "markers: found CD999, which has no names in markers.yaml",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("change", "message"), MISTAKES.values(), ids=MISTAKES)
def test_a_name_that_points_nowhere_is_told_with_place_and_remedy(told, change, message):
    (line,) = [line for line in told(change) if line.startswith(message)]
    assert ", expected " in line
    assert ". To mend it: " in line


CIRCLES = {
    "parent": lambda s: gate(s, "leukocytes").update(parent="t_cells"),
    "where": lambda s: gate(s, "leukocytes").update(where={"CD19": "above"}),
    "any_of": lambda s: gate(s, "leukocytes").update(any_of=[{"CD19": "above"}]),
    "fallback": lambda s: gate(s, "leukocytes").update(fallback={"CD19": "above"}),
    "if_present": lambda s: gate(s, "leukocytes").update(if_present={"CD19": "above"}),
    "within": lambda s: s["cuts"]["CD45"].update(within="leukocytes"),
    "negatives": lambda s: s["cuts"]["CD3"].update(negatives=["t_bright"]),
    "positives": lambda s: s["cuts"]["CD45_bright"].update(positives=["lymphocytes"]),
}


@pytest.mark.parametrize("change", CIRCLES.values(), ids=CIRCLES)
def test_a_gate_and_a_cut_that_need_each_other_are_told(told, change):
    lines = told(change)
    assert lines
    assert all("found a circle: " in line and " -> " in line for line in lines)


def test_a_circle_names_its_steps_from_one_to_itself(told):
    (line,) = told(CIRCLES["within"])
    assert "a circle: gate leukocytes -> cut CD45 -> gate leukocytes, expected" in line


def test_all_mistakes_of_a_template_are_told_at_once(told):
    def change(source):
        gate(source, "t_cells").update(parent="nowhere")
        source["views"][1].update(x="CD99")
        source["report"][1].update(role="t-cells")

    assert len(told(change)) == 3


def test_the_name_in_the_file_is_that_of_the_configuration(told):
    (line,) = told(lambda source: None, panel="ours")
    assert line.startswith("panel: found nk, expected ours, the name of this file")


def test_controls_may_place_the_cuts_above_negatives_that_do_not_forbid_it(templates):
    # by reading nk.yaml: CD45 has controls: false, SSC-A lies above positives
    assert controlled_markers(templates["nk"].source) == ["CD16", "CD19", "CD20", "CD3", "CD56"]
