"""Markers are found by name, and what is not found is told with candidates."""

import numpy as np
import pytest

from aftercar.cytometry.panel import map_panel, markers_in, panel_problems, synonym_clashes
from aftercar.cytometry.prepare import prepare

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


def test_a_missing_expected_marker_is_told_with_the_free_channels_too(templates, draw, settings):
    events, _ = draw({"t4": 300, "myeloid": 300}, ("CD45", "CD3", "CD19", "CD2"))
    ready = prepare(
        events, templates["b_cell_recovery"].source, max_margin=0.05, max_time_anomaly=0.3
    )
    told = {check.check: check.message for check in ready.checks}["marker:CD20"]
    assert "channels without a marker of this panel: D4-A (CD2)" in told


def test_an_expected_marker_on_two_areas_is_told_with_both(templates, draw):
    events, _ = draw({"t4": 300, "myeloid": 300}, ("CD45", "CD3", "CD19", "CD20"))
    channels = (*events.channels, type(events.channels[0])("D9-A", "CD20 APC", 262_144.0))
    values = np.column_stack([events.values, events.values[:, -2]])
    twice = type(events)(channels, np.asfortranarray(values))
    ready = prepare(
        twice, templates["b_cell_recovery"].source, max_margin=0.05, max_time_anomaly=0.3
    )
    told = {check.check: check.message for check in ready.checks}["marker:CD20"]
    assert "CD20 is on several channels (D4-A, D9-A)" in told


@pytest.fixture(scope="module")
def synonyms(templates):
    return templates["nk"].source["synonyms"]


def test_no_name_belongs_to_two_markers(synonyms):
    assert synonym_clashes(synonyms["markers"]) == []
    shared = synonyms["markers"] | {"CD45X": ["cd45 ra"]}
    assert synonym_clashes(shared) == ["CD45RA and CD45X share cd45ra"]


@pytest.mark.parametrize(
    "label", ["{}", "{} PE-Cy7", "FITC {}", "anti-{}-APC", "{}_BV421", "{} (clone 7)"]
)
def test_every_name_finds_its_own_marker_and_no_other(synonyms, label):
    wrong = {
        name: found
        for marker, names in synonyms["markers"].items()
        for name in (*names, *(name.lower() for name in names))
        if (found := markers_in(label.format(name), synonyms["markers"])) != (marker,)
    }
    assert wrong == {}


@pytest.mark.parametrize(
    ("label", "markers"),
    [
        ("CD3 FITC", ["CD3"]),
        ("FITC CD3", ["CD3"]),
        ("CD3-FITC-A", ["CD3"]),
        ("CD45-KrO", ["CD45"]),
        ("CD45 RA PB", ["CD45RA"]),
        ("CD45_RO", ["CD45RO"]),
        ("anti-CD19-APC", ["CD19"]),
        ("CD19 (HIB19) PE-Cy7", ["CD19"]),
        ("CD19 CAR PE", ["CAR"]),
        ("CAR (CD19) PE", ["CAR"]),
        ("anti-FMC63 CD19 idiotype", ["CAR"]),
        ("CD19CAR", ["CAR"]),
        ("CD7-CAR-T APC", ["CAR7"]),
        ("CAR5 BV786", ["CAR5"]),
        ("CD197 (CCR7) BV605", ["CCR7"]),
        ("CD62 L", ["CD62L"]),
        ("HLADR", ["HLA-DR"]),
        ("cyCD3 PB", ["cyCD3"]),
        ("cytoplasmic CD3", ["cyCD3"]),
        ("surface CD3", ["CD3"]),
        ("LIVE/DEAD Fixable Aqua", ["Viability"]),
        ("FVS780", ["Viability"]),
        ("7AAD", ["Viability"]),
        ("CD80 PE", ["CD80"]),
        ("CD38", ["CD38"]),
        ("CD8a", ["CD8"]),
        ("CD16+CD56 PE", ["CD16", "CD56"]),
        ("CD16/56", ["CD16", "CD56"]),
        ("CD45/7-AAD", ["CD45", "Viability"]),
        ("CD14 CD19 dump", ["CD14", "CD19"]),
        ("CD300 PE", []),
        ("APC-Cy7-A", []),
        ("TBNK Kit", []),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_labels_as_laboratories_type_them_are_read(synonyms, label, markers):
    assert list(markers_in(label, synonyms["markers"])) == markers


def test_a_channel_of_two_markers_is_neither(templates):
    channels = changed(("FL2-A", "CD7 PE"), ("FL2-A", "CD7/CD14 PE"))
    (problem,) = panel_problems(channels, templates["t_lineage"].source)
    assert problem.startswith("marker CD7 is in none")
    assert "FL2-A (CD7 + CD14)" in problem


NK = [("FSC-A", ""), ("SSC-A", ""), ("FL1-A", "CD3"), ("FL2-A", "CD16+CD56 PE"), ("FL3-A", "CD45")]


def test_cd16_and_cd56_in_one_colour_stand_for_either(templates):
    channel = map_panel(NK, templates["nk"].source).channel
    assert (channel["CD16"], channel["CD56"]) == (3, 3)


def test_a_marker_of_its_own_goes_before_one_in_common(templates):
    panel = map_panel([*NK, ("FL9-A", "CD56 APC")], templates["nk"].source)
    assert panel.channel["CD56"] == 5
    assert "CD16" in panel.missing
