"""What the page of a patient says, on hand-made tables."""

import json
import re
import xml.etree.ElementTree

import pytest
from tests.unit.report.made_up import (
    PATIENTS_MADE_UP,
    all_failed,
    content_of,
    hostile,
    nothing_but_a_row,
    page_of,
    t_lineage,
    typical,
)
from tests.unit.report.made_up_rows import EVIDENCE_BASE

from aftercar.report.pages import render_patient
from aftercar.report.patient import content_hash, content_json
from aftercar.report.svg import inert
from aftercar.report.words import RISK_WORDS

MAKERS = [*PATIENTS_MADE_UP.values(), hostile]


@pytest.fixture(scope="module")
def pages():
    return {make.__name__: page_of(make) for make in MAKERS}


def text_of(page):
    return re.sub(r"\s+", " ", re.sub(r"<style>.*?</style>|<[^>]+>", " ", page, flags=re.DOTALL))


@pytest.mark.parametrize("name", [make.__name__ for make in MAKERS])
class TestEveryPage:
    def test_holds_no_script_and_no_outside_address(self, pages, name):
        page = pages[name]
        assert not re.search(
            r"<script|javascript:|\son[a-z]+=|<iframe|<form|\sstyle=", page, re.IGNORECASE
        )
        assert not re.search(r"""(src|href)=["'](?!data:|#)""", page)

    def test_says_that_it_is_preliminary_or_failed_and_for_research(self, pages, name):
        assert "Research use only" in pages[name]
        assert re.search("PRELIMINARY|FAILED", pages[name])

    def test_never_prints_a_missing_value(self, pages, name):
        shown = re.sub(r"base64,[^\"]+", "", pages[name])
        assert not re.search(r"\b(nan|NaN|NaT|None|<NA>|undefined)\b", shown)

    def test_is_small(self, pages, name):
        assert len(pages[name].encode()) < 1_000_000

    def test_gives_no_advice_and_no_percentage_of_risk(self, pages, name):
        said = text_of(pages[name]).lower()
        assert not re.search(
            r"\b(should|recommend|consider|we advise|start|stop) (treat|therap|hct|trans)", said
        )
        assert not re.search(r"risk (of relapse )?(is|of) \d", said)

    def test_every_drawing_has_a_title_and_a_description(self, pages, name):
        for plot in re.findall(r"<svg [^>]*role=\"img\".*?</svg>", pages[name], re.DOTALL):
            assert re.search(r"<title>[^<]+</title><desc>[^<]+</desc>", plot)
            xml.etree.ElementTree.fromstring(plot)

    def test_tables_have_captions_and_scopes(self, pages, name):
        for table in re.findall(r"<table.*?</table>", pages[name], re.DOTALL):
            assert "<caption>" in table
            assert not re.search(r"<th(?! scope=)[ >]", table)

    def test_is_the_same_when_drawn_again(self, pages, name):
        maker = next(make for make in MAKERS if make.__name__ == name)
        assert page_of(maker) == pages[name]


def test_the_policy_names_the_hash_of_the_style(pages):
    import base64
    import hashlib

    page = pages["typical"]
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]+)"', page)[1]
    assert f"'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'")
    assert "script-src" not in policy


def test_the_answer_comes_first(pages):
    page = pages["typical"]
    lead = "D180: signal for antigen-positive relapse (CD19)"
    assert page.index(lead) < page.index("<table")


def test_drivers_stand_with_value_specimen_day_and_age(pages):
    said = text_of(pages["typical"])
    assert "B cells 118 cells/µL (94.4 to 148), blood S01-d88-b, D88, 92 d old" in said


def test_what_was_not_tested_is_said_and_never_shown_as_negative(pages):
    page = pages["nothing_but_a_row"]
    before_the_legend = page.split("How to read")[0]
    assert RISK_WORDS["NO_SIGNAL"][0] not in before_the_legend
    assert "No signal" not in before_the_legend
    assert "Not detected" not in before_the_legend
    assert before_the_legend.count("not tested") >= 5
    assert "Not assessable" in before_the_legend


def test_a_failed_specimen_stands_on_page_one_with_reason_and_remedy(pages):
    first = text_of(pages["typical"]).split("Risk by mechanism over all landmarks")[0]
    assert "1 specimen FAILED" in first
    assert "Send the file again" in first


def test_a_patient_whose_specimens_all_failed_gets_a_failed_page(pages):
    content, _, _ = content_of(all_failed)
    assert content["report_status"]["status"] == "FAILED"
    assert "nothing below is a finding" in pages["all_failed"]


def test_missing_and_stale_tests_are_named_with_the_mechanisms_that_need_them():
    content, _, _ = content_of(typical)
    tests = {test["test"]: test for test in content["due_tests"]}
    assert tests["CAR-T level in blood"]["for"] == ["M3", "M7"]
    assert tests["CAR-T level in blood"]["state"] == "not done"


def test_a_landmark_after_the_last_data_is_not_reached():
    content, _, _ = content_of(typical)
    by_row = {row["mechanism"]: row["cells"] for row in content["landmarks"]["rows"]}
    assert [cell["text"] for cell in by_row["M1"]][-2:] == ["not reached", "not reached"]


def test_after_a_relapse_the_page_speaks_of_the_landmark_before():
    tables, rows, views, cells = typical()
    risk = tables["risk"].copy()
    ended = risk["landmark_day"] >= 270
    risk.loc[ended, "category"] = "NOT_APPLICABLE"
    risk.loc[ended, "reason"] = "relapse on day 210 ended the clock of this CAR"
    summary = tables["summary"].assign(landmark="D270", last_day=280)
    content, _, _ = content_of(
        lambda: (tables | {"risk": risk, "summary": summary}, rows, views, cells)
    )
    assert content["landmark"] == "D180"
    assert content["headline"].startswith(
        "Relapsed (antigen positive, CD19) on day 210. Before that, at D180: signal"
    )
    m1 = next(row for row in content["landmarks"]["rows"] if row["mechanism"] == "M1")
    assert [cell["text"] for cell in m1["cells"]][-2:] == ["ended", "ended"]


def test_units_never_share_a_panel():
    content, _, _ = content_of(typical)
    for group in content["courses"]:
        for panel in group["panels"]:
            rows = [r for r in content["data"]["evidence"] if r["measure"] == panel["measure"]]
            assert panel["unit"] in {r["unit"] for r in rows}
        assert len({(p["measure"], p["unit"]) for p in group["panels"]}) == len(group["panels"])


def test_each_plot_has_its_values_in_a_table():
    content, _, _ = content_of(t_lineage)
    for group in content["courses"]:
        drawn = sum(len(s["points"]) for p in group["panels"] for s in p["series"])
        assert len(group["table"]["rows"]) >= drawn


def test_hostile_text_is_inert(pages):
    page = pages["hostile"]
    assert "&lt;script&gt;" in page
    assert "<script" not in page.lower()
    assert "onload=" not in page
    assert "onerror=" not in page


def test_research_profile_leaves_free_text_out():
    content, _, _ = content_of(hostile, profile="research")
    assert "alert" not in json.dumps(
        {k: v for k, v in content.items() if k not in ("data", "cytometry")}
    )


def test_the_json_holds_the_content_and_is_inert():
    content, _, _ = content_of(hostile)
    written = content_json(content)
    assert not re.search("[<>&\u2028\u2029]", written)
    assert json.loads(written) == content
    rest = {k: v for k, v in content.items() if k != "content_sha256"}
    assert content["content_sha256"] == content_hash(rest)


def test_a_template_refuses_to_print_a_missing_value():
    content, _, _ = content_of(nothing_but_a_row)
    content["header"]["disease"] = None
    figures = {
        "timelines": [],
        "courses": {},
        "gates": [],
        "gates_left_out": 0,
        "genes": [],
        "cells": [],
    }
    with pytest.raises(ValueError, match=r"missing value|disease"):
        render_patient(content | {"landmark_before": None, "cohort": None}, figures)


def test_evidence_known_from_memory_shows_no_number():
    content, _, _ = content_of(typical)
    cards = {card["id"]: card for card in content["evidence_cards"]}
    assert cards["EV001"]["estimate"] == "HR univariable 4.5 (95 % 2.03 to 9.97)"
    assert EVIDENCE_BASE[1]["certainty"] == "from_memory_must_check"
    if "EV050" in cards:
        assert "no number" in cards["EV050"]["estimate"]


def test_an_unknown_evidence_id_is_said_to_be_unknown():
    content, _, _ = content_of(typical, evidence_base=[])
    assert "not in the evidence base" in content["evidence_cards"][0]["title"]


def test_text_is_escaped_even_where_it_is_marked_safe():
    from markupsafe import Markup

    assert inert(Markup("<b>")) == "&lt;b&gt;"


def test_a_population_that_was_not_detected_is_below_its_limit_not_zero():
    tables, rows, views, cells = typical()
    populations = tables["populations"].copy()
    here = populations["sample_id"] == "S01-d88-b"
    populations.loc[here, ["count", "fraction", "fraction_low", "cells_per_ul"]] = 0
    populations.loc[here, "status"] = "NOT_DETECTED"
    content, _, _ = content_of(lambda: (tables | {"populations": populations}, rows, views, cells))
    found = next(
        row for row in content["cytometry"]["populations"]["rows"] if "S01-d88-b" in row[0]
    )
    assert "< 0.22 % of lymphocytes" in found
    assert any(str(cell).startswith("at most") for cell in found)


def test_a_specimen_stands_with_what_was_measured_its_stains_and_its_limits():
    content, _, _ = content_of(typical)
    place = [c["label"] for c in content["specimens"]["columns"]].index(
        "Measured, stains, limits of detection"
    )
    told = {row[0]: row[place] for row in content["specimens"]["rows"]}
    assert "stains: CD19 PE-A" in told["S01-d88-b"]
    assert "limit B cells: 0.5 cells/µL" in told["S01-d88-b"]
