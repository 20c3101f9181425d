import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aftercar.report.numbers import (
    interval_of_days,
    measurement,
    number,
    parts,
    percent,
    plain_rows,
    with_interval,
)
from aftercar.report.statements import driver, readable, short_value


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (12345.6, "12,300"),
        (0.01234, "0.0123"),
        (999.6, "1,000"),
        (1.0, "1"),
        (0, "0"),
        (1e-6, "10⁻⁶"),
        (2.5e-7, "2.5 \N{MULTIPLICATION SIGN} 10⁻⁷"),
        (-3.14159, "-3.14"),
    ],
)
def test_numbers_have_three_digits(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0312, "3.1 %"),
        (0.6243, "62.4 %"),
        (1.0, "100 %"),
        (0.0001, "0.01 %"),
        (1e-6, "10⁻⁶"),
        (0, "0 %"),
    ],
)
def test_shares_are_percentages_until_they_are_tiny(share, text):
    assert percent(share) == text


@given(st.floats(min_value=1e-9, max_value=1e9))
def test_a_written_number_is_within_half_a_percent(value):
    text = number(value).replace(",", "")
    if "10" in text and any(c in text for c in "⁻⁶⁷⁸⁹"):
        front, _, power = text.rpartition("10")
        power = power.translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789"))
        front = front.replace(" \N{MULTIPLICATION SIGN} ", "") or "1"
        text = f"{front}e{power}"
    assert float(text) == pytest.approx(value, rel=0.0051)


def row(status, value=None, **more):
    blank = dict.fromkeys(("low", "high", "limit", "lloq"))
    return {"status": status, "value": value, "unit": "fraction"} | blank | more


def test_what_was_not_detected_is_below_its_limit():
    assert measurement(row("NOT_DETECTED", limit=2e-4)) == "< 0.02 % (not detected)"
    assert "limit not stated" in measurement(row("NOT_DETECTED"))


def test_a_value_below_its_lloq_is_not_shown_as_quantified():
    text = measurement(row("DETECTED_BELOW_LLOQ", 3e-4, lloq=5e-4))
    assert text == "0.03 %, detected, below LLOQ 0.05 %"


@pytest.mark.parametrize(
    ("status", "said"),
    [("NOT_ASSESSED", "not tested"), ("INDETERMINATE", "cannot tell"), ("FAILED", "FAILED")],
)
def test_without_a_value_the_reason_is_said(status, said):
    assert measurement(row(status)) == said


def test_intervals_stand_beside_their_value():
    assert with_interval(0.05, 0.0308, 0.0762, "fraction") == "5 % (3.1 % to 7.6 %)"
    assert with_interval(61.0, 48.8, 76.2, "cells/uL") == "61 cells/µL (48.8 to 76.2)"


def test_an_interval_of_days_shows_both_ends_never_a_midpoint():
    assert interval_of_days(62, 76) == "after D62, by D76"
    assert interval_of_days(88, None) == "not seen up to D88"
    assert interval_of_days(None, None) == "no interval can be given"


def test_lists_are_not_split_within_parentheses():
    assert parts("a (b; c); d [e; f]", ";") == ["a (b; c)", "d [e; f]"]
    assert parts("x | y", " | ") == ["x", "y"]
    assert parts("", ";") == []


def test_missing_values_become_none():
    frame = pd.DataFrame({"a": pd.array([1, None], dtype="Int64"), "b": [float("nan"), 2.0]})
    assert plain_rows(frame) == [{"a": 1, "b": None}, {"a": None, "b": 2.0}]


RULE_VALUE = "b_cells_fraction=0.0412 [0.0391, 0.0433] fraction, PB P2-d88, day 88"


def test_values_of_rules_are_written_for_readers_with_the_age_of_the_specimen():
    assert readable(RULE_VALUE, 90) == (
        "B cells of lymphocytes 4.1 % (3.9 % to 4.3 %), blood P2-d88, D88, 2 d old"
    )


def test_what_rules_did_not_detect_keeps_its_limit():
    said = readable(
        "ngs_mrd_fraction NOT_DETECTED (limit 1e-06 fraction), BM labs:d88:BM:ngs_mrd, day 88"
    )
    assert said == "MRD, NGS clonotype < 10⁻⁶ (not detected), marrow, D88"


def test_a_sentence_of_another_form_is_left_as_it_is():
    assert readable("a sentence, with 3 commas, day") == "a sentence, with 3 commas, day"


def test_a_sample_id_is_never_rewritten():
    assert "hct_like-1" in readable(RULE_VALUE.replace("P2-d88", "hct_like-1"))


def test_drivers_name_rule_and_values():
    found = driver(f"BCR_CONFIRMED (CD19): {RULE_VALUE}; {RULE_VALUE}; {RULE_VALUE}", 90)
    assert found["rule"] == "BCR_CONFIRMED (CD19)"
    assert found["text"].count("4.1 %") == 3
    assert found["brief"].count("4.1 %") == 2
    assert found["brief"].count("P2-d88") == 1
    assert found["brief"].endswith("1 more value on page 2")


def test_values_have_short_forms():
    assert short_value(RULE_VALUE) == "4.1 % (3.9 % to 4.3 %), D88"
