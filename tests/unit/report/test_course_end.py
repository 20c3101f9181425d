"""A relapse or death that is known leads the page, whatever the landmark shown had said."""

import pytest
from tests.unit.report.made_up import cohort_of, cohort_page, content_of, page_of
from tests.unit.report.made_up_rows import MADE_WITH
from tests.unit.report.made_up_typical import typical

from aftercar.report.cohort import cohort_content
from aftercar.report.course_end import course_end

TWO = "relapse (antigen_negative, CD19, marrow) on day 190; death on day 230"
CLEAR = {"category": "NO_SIGNAL", "if_missing_negative": "NO_SIGNAL", "missing_tests": ""}


def clear_with(outcome, last_day=230):
    """A patient without any signal at his last landmark with data, D180, and this outcome."""

    def make():
        tables, rows, views, cells = typical()
        risk = tables["risk"].copy()
        due = (risk["category"] != "NOT_APPLICABLE") & (risk["landmark_day"] <= 180)
        for name, word in CLEAR.items():
            risk.loc[due, name] = word
        summary = tables["summary"].assign(outcome=outcome, last_day=last_day)
        return tables | {"risk": risk, "summary": summary}, rows, views, cells

    return make


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        (TWO, "Relapsed (antigen negative, CD19, marrow) on day 190, died on day 230"),
        ("death on day 200", "Died on day 200"),
        ("hct on day 185; death on day 200", "Died on day 200"),
        ("relapse (unknown, marrow) on day 190", "Relapsed (phenotype unknown, marrow) on day 190"),
        (
            "lineage_switch (lineage_switch, marrow) on day 190",
            "Lineage switch (marrow) on day 190",
        ),
        ("extramedullary_relapse on day 190", "Extramedullary relapse on day 190"),
    ],
)
def test_an_event_after_the_landmark_shown_leads_the_headline(outcome, said):
    content, _, _ = content_of(clear_with(outcome))
    assert content["headline"].startswith(f"{said}. Before that, at D180: no signal")


@pytest.mark.parametrize("outcome", ["", "hct on day 185", "relapse on day -90"])
def test_without_a_later_relapse_or_death_the_answer_leads(outcome):
    content, _, _ = content_of(clear_with(outcome))
    assert content["headline"].startswith("No signal")


def test_a_page_that_tells_of_a_later_death_is_not_coloured_as_clear():
    assert 'class="answer clear"' in page_of(clear_with(""))
    assert 'class="answer clear"' not in page_of(clear_with("death on day 200"))


def test_an_event_leads_where_no_landmark_has_data():
    found = course_end([], {"outcome": "death on day 20"}, None)
    assert (found["text"], found["later"]) == ("Died on day 20", True)


def test_an_event_that_ended_other_mechanisms_leads_at_its_own_landmark_too():
    event = "extramedullary_relapse (antigen_positive, CD19, extramedullary) on day 240"
    risk = [
        {"landmark_day": 270, "reason": f"{event} ended the clock of this CAR"},
        {"landmark_day": 270, "reason": "1 driver is present"},
    ]
    found = course_end(risk, {"outcome": event}, 270)
    assert found["text"].startswith("Extramedullary relapse (antigen positive, CD19")
    assert not found["later"]


def test_a_relapse_before_a_second_infusion_does_not_lead_its_landmarks():
    risk = [{"landmark_day": 270, "reason": "1 driver is present"}]
    found = course_end(risk, {"outcome": "relapse on day 210"}, 270)
    assert found["text"] == ""


def test_the_cohort_row_leads_with_the_event_before_the_categories():
    summary, *others = cohort_of(1)
    summary = summary.assign(outcome=TWO)
    content = cohort_content(
        summary,
        *others,
        versions=MADE_WITH["versions"],
        code="x",
        cohort="c",
        suppress_below=5,
        left_out=[],
    )
    row = content["patients"][0]
    assert row["outcome"] == "Relapsed (antigen negative, CD19, marrow) on day 190, died on day 230"
    assert row["landmark"] == "D180, before"


def test_the_course_stands_before_the_categories_in_the_cohort_table():
    head = cohort_page(4).split("<thead>")[1].split("</thead>")[0]
    assert head.index(">Course<") < head.index(">Landmark<") < head.index(">M1<")
