"""How many patients stand behind each curve, and who is left out and why."""

from tests.unit.report.made_up import cohort_of, cohort_page
from tests.unit.report.made_up_rows import MADE_WITH

from aftercar.report.cohort import cohort_content


def content_of(patients, left_out=(), suppress_below=5, *, change=None):
    tables = list(cohort_of(patients))
    if change:
        tables[3] = change(tables[3])
    return cohort_content(
        *tables,
        versions=MADE_WITH["versions"],
        code="x",
        cohort="c",
        suppress_below=suppress_below,
        left_out=list(left_out),
    )


def test_patients_left_out_of_the_curves_are_counted_and_named_with_the_reason():
    said = content_of(30, ["S03", "S07"])["in_curves"]
    assert said[0] == (
        "28 of 30 patients have an outcome here; 2 are left out (S03, S07): no day of the first "
        "infusion, or nothing dated after it."
    )


def test_where_nobody_is_left_out_the_page_says_so():
    assert content_of(30)["in_curves"][0] == "All 30 patients have an outcome here."


def test_many_left_out_are_named_up_to_ten():
    said = content_of(40, [f"S{n:02}" for n in range(1, 16)])["in_curves"][0]
    assert "S10 and 5 more)" in said
    assert "S11" not in said


def test_each_curve_tells_how_many_it_begins_with():
    def fewer(survival):
        later = (survival["endpoint"] == "RFS") & (survival["at_risk"] > 21)
        return survival[~later]

    said = content_of(30, change=fewer)["in_curves"][1]
    assert "Overall survival: 30" in said
    only = "only patients whose dated complete remission came before any event"
    assert f"Relapse-free survival: 21 ({only})" in said
    assert "Cumulative incidence: 30" in said


def test_a_curve_of_few_begins_with_a_number_that_is_not_shown():
    assert "Overall survival: < 5" in content_of(4)["in_curves"][1]


def test_the_page_prints_it_under_the_curves():
    page = cohort_page(8, left_out=["S03"])
    after = page.split("<h2>Outcomes</h2>")[1]
    assert "7 of 8 patients have an outcome here; 1 is left out (S03)" in after
