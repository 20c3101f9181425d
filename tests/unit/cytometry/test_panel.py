"""Markers are found by name, and what is not found is told with candidates."""

import pytest

from aftercar.cytometry.panel import map_panel, panel_problems

T_LINEAGE = [
    ("FSC-A", ""), ("SSC-A", ""), ("FL1-A", "CD3 FITC"), ("FL2-A", "CD7 PE"),
    ("FL3-A", "CD5 PerCP"), ("FL5-A", "CD45 V500"), ("FL6-A", "Viability 7-AAD"),
]  # fmt: skip


def changed(old, new):
    return [new if channel == old else channel for channel in T_LINEAGE]


def test_a_complete_panel_has_no_problems(templates):
    assert panel_problems(T_LINEAGE, templates["t_lineage"].source) == []


@pytest.mark.parametrize(
    ("old", "new", "marker"),
    [
        (("FSC-A", ""), ("fsc-a", ""), "FSC-A"),
        (("SSC-A", ""), ("SSC1-A", ""), "SSC-A"),
        (("FL5-A", "CD45 V500"), ("FL5-A", "PTPRC V500"), "CD45"),
        (("FL1-A", "CD3 FITC"), ("CD3", ""), "CD3"),
        (("FL1-A", "CD3 FITC"), ("FJComp-CD3-A", ""), "CD3"),
        (("FL6-A", "Viability 7-AAD"), ("FL6-A", "Live/ Dead"), "Viability"),
    ],
    ids=[
        "lower case",
        "other scatter name",
        "gene name",
        "in the name",
        "compensated",
        "live dead",
    ],
)
def test_other_names_of_a_marker_are_understood(templates, old, new, marker):
    channels = changed(old, new)
    assert map_panel(channels, templates["t_lineage"].source).channel[marker] == channels.index(new)


def test_swapped_detectors_are_followed_by_marker(templates):
    swapped = [*T_LINEAGE[:2], ("FL1-A", "CD7 PE"), ("FL2-A", "CD3 FITC"), *T_LINEAGE[4:]]
    found = map_panel(swapped, templates["t_lineage"].source).channel
    assert (found["CD7"], found["CD3"]) == (2, 3)


def test_cd3_is_not_found_in_cd38_nor_cd45_in_cd45ra(templates):
    channels = changed(("FL1-A", "CD3 FITC"), ("FL1-A", "CD38"))
    channels = [("FL5-A", "CD45RA") if c == ("FL5-A", "CD45 V500") else c for c in channels]
    problems = panel_problems(channels, templates["t_lineage"].source)
    assert [problem.split()[1] for problem in problems] == ["CD45", "CD3"]


def test_a_missing_marker_is_told_with_the_free_channels(templates):
    channels = changed(("FL2-A", "CD7 PE"), ("FL2-A", "CD2 PE"))
    (problem,) = panel_problems(channels, templates["t_lineage"].source)
    assert problem.startswith("marker CD7 is in none of the 7 channels")
    assert "FL2-A (CD2)" in problem


def test_a_marker_on_two_areas_is_ambiguous(templates):
    (problem,) = panel_problems([*T_LINEAGE, ("FL9-A", "CD7")], templates["t_lineage"].source)
    assert problem == "marker CD7 is on several channels: FL2-A, FL9-A"


def test_the_area_is_taken_where_a_marker_has_area_and_height(templates):
    channels = [("FL2-H", "CD7 PE"), *T_LINEAGE]
    assert map_panel(channels, templates["t_lineage"].source).channel["CD7"] == 4


def test_free_text_of_a_label_never_stands_in_a_message(templates):
    channels = changed(("FL2-A", "CD7 PE"), ("FL2-A", "Jane Doe-Nobody"))
    assert "Doe" not in " ".join(panel_problems(channels, templates["t_lineage"].source))
