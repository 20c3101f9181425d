"""A relapse or death that is known leads the page, whatever the landmark shown had said."""

import pytest
from tests.unit.report.made_up import cohort_of, cohort_page, content_of, page_of
from tests.unit.report.made_up_rows import MADE_WITH
from tests.unit.report.made_up_typical import typical

from aftercar.report.answer import headline
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


EXTRAMEDULLARY = "extramedullary_relapse (antigen_positive, CD19, extramedullary) on day 240"


def extramedullary():
    """A patient whose relapse on day 240 closed all mechanisms at D270 but M7, which signals."""
    tables, rows, views, cells = typical()
    risk = tables["risk"].copy()
    risk.loc[(risk["landmark"] == "D180") & (risk["mechanism"] == "M1"), "category"] = (
        "SIGNAL_CONFLICTING"
    )
    after = risk["landmark_day"] >= 270
    m7 = risk["mechanism"] == "M7"
    risk.loc[after & ~m7, "category"] = "NOT_APPLICABLE"
    risk.loc[after & ~m7, "reason"] = f"{EXTRAMEDULLARY} ended the clock of this CAR"
    risk.loc[after & m7, ["category", "reason"]] = ["SIGNAL", "1 driver is present"]
    last = dict.fromkeys(("M1", "M2", "M3", "M4", "M5", "M6"), "NOT_APPLICABLE")
    summary = tables["summary"].assign(
        **last, M7="SIGNAL", landmark="D270", last_day=260, outcome=EXTRAMEDULLARY
    )
    return tables | {"risk": risk, "summary": summary}, rows, views, cells


def test_after_an_extramedullary_relapse_the_last_answer_before_it_stays_on_page_1():
    content = content_of(extramedullary)[0]
    assert content["landmark"] == "D180"
    assert content["headline"].startswith(
        "Extramedullary relapse (antigen positive, CD19, extramedullary) on day 240. "
        "Before that, at D180: conflicting evidence on antigen-positive relapse (CD19)"
    )
    m1 = next(row for row in content["mechanisms"] if row["mechanism"] == "M1")
    assert m1["category"]["status"] == "SIGNAL_CONFLICTING"
    assert content["changes"][0] == "At D270, after that: M7 extramedullary disease: signal"


def test_the_cohort_table_keeps_the_answer_before_an_extramedullary_relapse():
    tables = extramedullary()[0]
    _, _, *others = cohort_of(1)
    content = cohort_content(
        tables["summary"],
        tables["risk"],
        *others,
        versions=MADE_WITH["versions"],
        code="x",
        cohort="c",
        suppress_below=5,
        left_out=[],
    )
    row = content["patients"][0]
    shown = dict(zip(content["mechanisms"], (c["letter"] for c in row["categories"]), strict=True))
    assert row["landmark"] == "D180, before"
    assert (shown["M1"], shown["M7"]) == ("c", "s")


@pytest.mark.parametrize(
    ("categories", "said"),
    [
        (
            ("SIGNAL", "SIGNAL_CONFLICTING", "NOT_ASSESSABLE", "NOT_ASSESSABLE"),
            "Signal for a; conflicting: b; 2 mechanisms are not assessable",
        ),
        (
            ("NO_SIGNAL", "SIGNAL_CONFLICTING", "NOT_ASSESSABLE", "NO_SIGNAL"),
            "Conflicting evidence on b; 1 mechanism is not assessable",
        ),
        (("SIGNAL", "NO_SIGNAL", "NO_SIGNAL", "NO_SIGNAL"), "Signal for a"),
    ],
)
def test_a_headline_also_tells_conflicts_and_what_was_not_assessable(categories, said):
    rows = [
        {"title": title, "category": {"status": word}}
        for title, word in zip("abcd", categories, strict=True)
    ]
    assert headline(rows, "D180") == said
