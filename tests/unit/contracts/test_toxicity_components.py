"""The grammar of components: what is wrong is told with what would be right."""

import pytest

from aftercar.contracts.toxicity_components import components_of, faults


@pytest.mark.parametrize(
    ("event", "text"),
    [
        ("crs", ""),
        ("relapse", ""),
        ("crs", "fever=yes;hypotension=several_pressors;oxygen=positive_pressure"),
        ("icans", "ice=0; consciousness=unarousable"),
        ("icans", "capd=32;motor=deep_focal;edema=diffuse;seizure=prolonged"),
    ],
)
def test_what_follows_the_grammar_has_no_fault(event, text):
    assert list(faults(event, text)) == []


@pytest.mark.parametrize(
    ("event", "text", "found", "expected"),
    [
        ("relapse", "fever=yes", "components with event relapse", "only crs and icans"),
        ("crs", "fever", "'fever'", "name=value with one of fever, hypotension, oxygen"),
        ("crs", "ice=7", "'ice=7'", "one of fever, hypotension, oxygen for crs"),
        ("icans", "fever=yes", "'fever=yes'", "for icans"),
        ("crs", "fever=39", "'fever=39'", "fever= with one of yes, no"),
        ("crs", "oxygen=low", "'oxygen=low'", "none, low_flow, high_flow, positive_pressure"),
        ("icans", "ice=11", "'ice=11'", "a whole number from 0 to 10"),
        ("icans", "capd=-1", "'capd=-1'", "a whole number from 0 to 32"),
        ("crs", "fever=yes;fever=no", "fever twice", "each component once"),
        ("crs", "fever=yes;", "''", "name=value"),
    ],
)
def test_a_fault_is_told_with_what_was_expected(event, text, found, expected):
    told = list(faults(event, text))
    assert len(told) == 1
    assert told[0][0] == found
    assert expected in told[0][1]


def test_components_are_read_by_name_and_spaces_do_not_matter():
    assert components_of("fever=yes; oxygen=low_flow") == {"fever": "yes", "oxygen": "low_flow"}
