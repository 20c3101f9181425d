"""Strata, recovery and visits on the cohort page: small groups are said, never drawn."""

import re

import pytest
from tests.unit.report.made_up import (
    cohort_page,
    outcome_model,
    recovery_curves,
    strata,
    visit_rates,
)
from tests.unit.report.test_left_out import content_of

from aftercar.contracts.evidence import RECOVERY
from aftercar.report.cohort import cohort_figures
from aftercar.report.outcomes import step_chart
from aftercar.report.strata import (
    LINEAGES,
    landmark_part,
    model_table,
    recovery_part,
    share_by,
    strata_parts,
    visits_table,
)


def test_a_group_of_fewer_than_ten_is_told_and_not_drawn():
    """Of 40 patients 20 have a signal, 13 none, 6 are not assessable."""
    part = strata_parts(strata(40), 5)[0]
    assert {line["label"] for line in part["panels"][0]["lines"]} == {"Signal", "No signal"}
    rows = [row for row in part["table"]["rows"] if row[:2] == ["D28", "Not assessable"]]
    assert rows == [["D28", "Not assessable", "6", "5", *["fewer than 10 patients"] * 4]]


def test_counts_below_the_limit_are_hidden_in_strata_and_visits():
    rows = strata_parts(strata(18), 5)[0]["table"]["rows"]
    # 6 is left out, too: 18 - 9 - 6 would be the small one
    assert [r[2] for r in rows[:3]] == ["9", "not shown", "< 5"]
    hidden = visits_table(visit_rates(8), 5)["rows"][0]
    assert hidden[2:] == ["< 5", *["fewer than 5 patients"] * 3]


def test_every_category_with_patients_has_a_row_at_every_landmark():
    rows = strata_parts(strata(60), 5)[0]["table"]["rows"]
    assert [r[1] for r in rows[:3]] == ["Signal", "No signal", "Not assessable"]
    assert len(rows) == 3 * 6


def test_a_category_keeps_its_colour_where_another_is_missing():
    both = strata_parts(strata(60), 5)[0]["panels"][0]["lines"]
    styles = {line["label"]: line["style"] for line in both}
    alone = strata_parts(strata(60).query("category != 'SIGNAL'"), 5)[0]["panels"][0]["lines"]
    assert [line["style"] for line in alone] == [styles[line["label"]] for line in alone]
    first = step_chart(alone[:1], title="t", description="d")
    assert "#0072B2" not in first.replace("#0072b2", "#0072B2")  # the colour of the first style


def test_an_estimate_of_a_stratum_is_that_of_its_table():
    table = strata(40)
    signal = table.query("landmark_day == 90 and mechanism == 'M1' and category == 'SIGNAL'")
    curve = signal.query("cause == 'antigen_positive'")
    row = next(r for r in strata_parts(table, 5)[0]["table"]["rows"] if r[:2] == ["D90", "Signal"])
    assert int(row[3]) == curve["events"].sum()
    assert row[4] == "fewer than 10 at risk"  # the made-up group is gone by day 76


MASSES = [
    {"after_day": 28, "until_day": 60, "probability": 0.2, "at_risk": 40},
    {"after_day": 80, "until_day": 120, "probability": 0.3, "at_risk": 30},
    {"after_day": 300, "until_day": None, "probability": 0.5, "at_risk": 12},
]


@pytest.mark.parametrize(
    ("day", "text"),
    [
        (28, "0 % to 0 %"),
        (59, "0 % to 20 %"),
        (60, "20 % to 20 %"),
        (90, "20 % to 50 %"),
        (180, "50 % to 50 %"),
        (365, "fewer than 10 at risk"),
    ],
)
def test_a_share_between_specimens_is_a_range(day, text):
    assert share_by(MASSES, day) == text


def test_recovery_of_few_is_told_with_how_many_are_unknown():
    part = recovery_part(recovery_curves(8), 5)
    assert part["table"]["rows"][0][2:6] == ["8", "< 5", "< 5", "7"]
    assert all(not panel["lines"] for panel in part["panels"])


def test_no_curve_goes_on_where_fewer_than_ten_are_watched():
    """Of 40 patients fewer than 10 are left from the 17th step (day 364) on."""
    points = recovery_part(recovery_curves(40), 5)["panels"][0]["lines"][0]["points"]
    assert points[-1][0] <= 28 + 21 * 17
    assert all(low <= high for _, _, low, high in points)


def test_a_page_says_that_groups_are_formed_at_the_landmark_and_makes_no_test():
    page = cohort_page(30)
    assert "Does the table separate patients?" in page
    assert "No one is grouped by what happened later" in page
    assert "p = 0" not in page
    assert "p-value" not in page
    assert "Cox model (development only)" in page


def test_a_model_is_shown_for_development_only_and_says_what_it_cannot_tell():
    made = model_table(outcome_model(60), 5)
    assert "development only" in made["caption"].lower()
    assert [row[5] for row in made["rows"]] == ["not estimable", "2.5 (1.2 to 5.1)"]
    assert made["rows"][0][6] == "limits more than 100-fold apart"
    assert made["rows"][0][2:5] == ["60", "< 5", "20 / 2"]


def test_every_plot_of_strata_has_a_title_and_a_table_under_it():
    content = content_of(60)
    plots = cohort_figures(content)["strata"]
    assert [len(part) for part in plots] == [6] * 5
    assert all(part["table"]["rows"] for part in content["strata"])


def test_a_cohort_without_strata_or_recovery_renders_words():
    empty = [make(4).iloc[:0] for make in (strata, recovery_curves, visit_rates)]
    assert strata_parts(empty[0], 5) == []
    assert recovery_part(empty[1], 5)["table"]["rows"] == []
    assert visits_table(empty[2], 5)["rows"] == []


def test_every_patient_of_a_landmark_stands_before_the_groups():
    part = landmark_part(strata(40), 5)
    assert [line["label"] for line in part["panels"][0]["lines"]] == [
        "any event",
        "death any cause",
    ]
    assert [row[:3] for row in part["table"]["rows"][:2]] == [
        ["D28", "any event", "40"],
        ["D28", "death any cause", "40"],
    ]
    assert len(part["table"]["rows"]) == 6 * 9
    assert landmark_part(strata(8), 5)["missing"].startswith("Not drawn")


def test_every_lineage_that_may_recover_has_a_title():
    assert set(RECOVERY.columns["lineage"].allowed) | {"car_loss"} == set(LINEAGES)


def test_eight_causes_look_different_and_days_do_not_touch_on_a_long_axis():
    causes = [
        {"label": str(n), "points": [[0, 0.0, None, None], [3000, 0.1, None, None]]}
        for n in range(8)
    ]
    chart = step_chart(causes, title="t", description="d")
    curves = re.findall(r"<path[^>]*fill=\"none\"[^>]*>", chart)
    looks = {
        (re.findall(r'stroke="([^"]+)"', c)[0], *re.findall(r'stroke-dasharray="([^"]+)"', c))
        for c in curves
    }
    assert len(looks) == 8
    assert ">D90<" not in chart
    assert ">D365<" in chart
