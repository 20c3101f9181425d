import json
import re

import pytest
from tests.unit.report.made_up import (
    cohort_of,
    cohort_page,
    quality_page,
    quality_tables,
)
from tests.unit.report.made_up_rows import MADE_WITH
from tests.unit.report.made_up_typical import typical

from aftercar.report.cohort import cohort_content
from aftercar.report.multiqc import multiqc_tables
from aftercar.report.quality import quality_content
from aftercar.report.small_counts import shown_count, shown_parts


def content_of_cohort(tables, suppress_below=5):
    return cohort_content(
        *tables,
        versions=MADE_WITH["versions"],
        code="x",
        cohort="c",
        suppress_below=suppress_below,
        left_out=[],
    )


def test_the_page_of_joined_shards_links_to_pages_that_stand_there_and_names_all_others():
    pages = {
        "patients": {"S01": "../a/S01.html", "S03": "../b/S03.html"},
        "quality": {"shards/a": "../a/quality.html"},
    }
    page = cohort_page(4, pages=pages)
    assert set(re.findall(r'href="([^"]+)"', page)) == {
        "../a/S01.html", "../b/S03.html", "../a/quality.html",
    }  # fmt: skip
    assert '<a href="../a/quality.html">quality by batch in shards/a</a>' in page
    assert '<th scope="row">S02</th>' in page
    assert '<th scope="row">S04</th>' in page


def test_the_cohort_page_links_every_patient_and_allows_only_its_own_script():
    page = cohort_page(4)
    assert all(f'href="patients/S{n:02}.html"' in page for n in range(1, 5))
    assert '<a href="quality.html">quality by batch</a>' in page
    assert len(re.findall("<script", page)) == 1
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)[1]
    assert re.search(r"script-src 'sha256-[A-Za-z0-9+/=]+'", policy)
    assert "unsafe" not in policy
    assert not re.search(r"\b(nan|NaN|None|<NA>)\b", page)


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0"), (1, "< 5"), (4, "< 5"), (5, "5"), (12, "12")]
)
def test_small_counts_of_patients_are_not_shown(count, text):
    assert shown_count(count, 5) == text


@pytest.mark.parametrize(
    ("counts", "shown"),
    [
        ([12, 2, 7, 0], ["12", "< 5", "not shown", "0"]),  # 2 would be 21 - 12 - 7
        ([12, 2, 3, 0], ["12", "< 5", "< 5", "0"]),
        ([12, 1, 1, 0], ["not shown", "< 5", "< 5", "0"]),  # 14 - 12: one each
        ([12, 4, 4, 0], ["not shown", "< 5", "< 5", "0"]),  # 20 - 12: four each
        ([0, 3], ["not shown", "< 5"]),
        ([12, 7, 0], ["12", "7", "0"]),
    ],
)
def test_a_small_count_cannot_be_had_by_subtraction(counts, shown):
    assert shown_parts(counts, 5) == shown


def test_columns_of_several_units_cannot_be_sorted():
    heads = re.findall(r"<th scope=\"col\"( data-unsorted)?>([^<]+)</th>", cohort_page(4))
    assert [name for unsorted, name in heads if unsorted] == ["CAR-T", "B cells"]


def test_no_count_below_the_limit_reaches_the_cohort_page():
    content = content_of_cohort(cohort_of(8))
    counts = [cell for row in content["counts"]["rows"] for cell in row[1:]]
    assert {"1", "2", "3", "4"}.isdisjoint(counts)
    assert "< 5" in counts


def test_curves_of_few_patients_are_replaced_by_words():
    page = cohort_page(8)
    assert page.count("Not drawn: fewer than 10 patients at risk.") == 5 + 2  # outcomes, recovery
    assert "Not drawn" not in cohort_page(30)


def test_a_patient_without_data_is_not_assessable_in_every_applicable_mechanism():
    content = content_of_cohort(cohort_of(4))
    row = next(p for p in content["patients"] if p["patient_id"] == "S02")
    assert {c["text"] for c in row["categories"]} == {"Not assessable", "n/a"}
    assert row["car_last"] == "not assessed"
    assert row["landmark"] == "no data"


def test_after_a_relapse_the_cohort_shows_the_landmark_before():
    summary, risk, *others = cohort_of(1)
    risk = risk.copy()
    risk.loc[risk["landmark_day"] >= 270, "category"] = "NOT_APPLICABLE"
    mechanisms = {f"M{n}": "NOT_APPLICABLE" for n in range(1, 8)}
    summary = summary.assign(landmark="D270", **mechanisms)
    row = content_of_cohort((summary, risk, *others))["patients"][0]
    assert row["landmark"] == "D180, before"
    assert row["categories"][0]["text"] == "Signal"


def test_two_thousand_patients_fit_into_five_megabytes():
    assert len(cohort_page(2000).encode()) < 5_000_000


def test_failed_specimens_come_first_on_the_quality_page_with_a_remedy():
    page = quality_page()
    assert page.index("FAILED specimens") < page.index("Drift")
    assert "Send the file again" in page
    assert "<script" not in page


def test_a_batch_whose_cuts_moved_is_marked():
    content = quality_content(
        *quality_tables(), versions=MADE_WITH["versions"], code="x", cohort="c"
    )
    drifted = {b["batch"]: b["drifted"] for b in content["drift"][0]["batches"]}
    assert drifted == {"b1": False, "b2": False, "b3": True}


def test_multiqc_tables_have_headers_and_no_empty_cell():
    quality, _, _, _, samples = quality_tables()
    for name, text in multiqc_tables(quality, typical()[0]["populations"], samples).items():
        lines = text.splitlines()
        header = [line for line in lines if line.startswith("# ")]
        assert header[0] == f'# id: "aftercar_{name}"'
        assert '# plot_type: "table"' in header
        rows = [line.split("\t") for line in lines if not line.startswith("#")]
        assert {len(row) for row in rows} == {len(rows[0])}
        assert all(cell for row in rows for cell in row)
        json.loads(header[2].removeprefix("# description: "))


def test_multiqc_never_shows_a_failed_specimen_as_a_number():
    quality, _, _, _, samples = quality_tables()
    text = multiqc_tables(quality, typical()[0]["populations"], samples)["populations"]
    failed = next(line for line in text.splitlines() if line.startswith("S01-d28-c"))
    assert "FAILED" in failed
    assert "not tested" in failed
