"""The timeline of page 1 loses curves before it loses type, and never a gap."""

import pytest
from tests.unit.report.made_up import content_of
from tests.unit.report.made_up_crowded import crowded

from aftercar.report.page_timelines import page_timelines, print_rules


@pytest.fixture(scope="module")
def content():
    return content_of(crowded)[0]


def drawings(content):
    return page_timelines(content, [28, 90, 180], description="a course")


def test_what_is_left_out_is_named_and_leukemia_stays_longest(content):
    tallest, *_, smallest = drawings(content)
    assert "Not drawn here" not in tallest
    assert "Not drawn here, see Curves and therapy: CAR transgene, PCR, B cells" in smallest
    assert ">MRD, flow</text>" in smallest


def test_a_question_that_no_test_answered_stays_in_every_drawing(content):
    untested = {
        "measure": "", "title": "B cells", "unit": "", "unit_words": "", "series": [],
        "missing": "not tested",
    }  # fmt: skip
    panels = [*content["first_page_panels"], untested]
    assert all("not tested" in one for one in drawings(content | {"first_page_panels": panels}))


def test_paper_has_room_for_the_smallest_drawing_in_type_of_five_and_a_half_points(content):
    *_, smallest = made = drawings(content)
    high = float(smallest.split('viewBox="0 0 760 ')[1].split('"')[0])
    least = float(print_rules(made).split("min-height:")[1].split("mm")[0])
    # 9 units of type on a sheet scaled by (room in mm) / (units); a point is 25.4 / 72 mm
    assert 9 * (least / high) / (25.4 / 72) >= 5.5
