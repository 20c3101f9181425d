"""What the pages of the demo show."""

import json
import re
import subprocess

import pandas as pd
import pytest
from tests.browser.axe_core import axe_findings
from tests.browser.test_pages import SMALLEST_DRAWN
from tests.e2e.workflow_run import ROOT

from aftercar.simulate.tubes import HOSTILE_KEYWORDS

pytestmark = pytest.mark.e2e
NAME = "Doe-Nobody"
PATIENTS = [f"P{number:02}" for number in range(1, 13)]


@pytest.mark.parametrize("patient", PATIENTS)
def test_a_patient_page_is_one_inert_file_below_one_megabyte(finished, patient):
    path = finished / f"reports/patients/{patient}.html"
    page = path.read_text()
    assert path.stat().st_size < 1_000_000
    assert not re.search(r"<script|javascript:|\son[a-z]+=|<iframe|<form", page, re.IGNORECASE)
    assert not re.search(r"""(src|href)=["'](?!data:|#|\.\.?/)""", page)
    assert "Content-Security-Policy" in page
    assert "esearch use only" in page
    assert "synthetic" in page.lower()
    assert not re.search(r"\b(nan|NaN|NaT|None|<NA>)\b", re.sub(r"base64,[^\"]+", "", page))


def test_hostile_text_is_inert(finished):
    page = (finished / "reports/patients/P12.html").read_text()
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    for path in finished.glob("results/*/*.tsv"):
        for line in path.read_text().splitlines():
            assert not any(cell.startswith(("=", "+", "@")) for cell in line.split("\t")), path


def test_names_in_file_headers_reach_no_output(finished):
    assert NAME in " ".join(HOSTILE_KEYWORDS.values())
    assert any(NAME.encode() in path.read_bytes() for path in (finished / "data/flow").glob("P12*"))
    written = [
        path
        for folder in ("results", "reports", "logs")
        for path in (finished / folder).rglob("*")
        if path.is_file()
    ]
    assert len(written) > 100
    for path in written:
        assert NAME.encode() not in path.read_bytes(), path


def test_what_was_not_tested_is_not_shown_as_negative(finished):
    page = (finished / "reports/patients/P11.html").read_text()
    assert "not assessable" in page.lower()
    assert "NO SIGNAL" not in page.upper().replace("_", " ").split("HOW TO READ")[0]


def test_the_json_behind_a_page_says_the_same(finished):
    for patient in PATIENTS:
        content = json.loads((finished / f"reports/patients/{patient}.json").read_text())
        page = (finished / f"reports/patients/{patient}.html").read_text()
        assert content["patient_id"] == patient
        assert patient in page


def test_the_cohort_page_links_every_patient(finished):
    page = (finished / "reports/cohort.html").read_text()
    assert all(f'href="patients/{patient}.html"' in page for patient in PATIENTS)


def test_the_readme_prints_what_the_demo_prints(finished):
    import runpy

    risk = pd.read_csv(finished / "results/risk/relapse_risk.tsv", sep="\t", keep_default_na=False)
    excerpt = runpy.run_path(str(ROOT / "tests/demo/show_results.py"))["excerpt"](risk, 12)
    assert excerpt in (ROOT / "README.md").read_text(), excerpt


@pytest.mark.parametrize("name", ["cohort", "quality", "patients/P03"])
def test_axe_finds_nothing(finished, axe_tab, name):
    axe_tab.goto(f"file://{finished / f'reports/{name}.html'}")
    assert axe_findings(axe_tab) == []


@pytest.mark.parametrize("patient", PATIENTS)
def test_type_of_the_printed_timeline_has_five_and_a_half_points(finished, browser, patient):
    context = browser.new_context(viewport={"width": 680, "height": 1000})  # A4 without margins
    page = context.new_page()
    page.emulate_media(media="print")
    page.goto(f"file://{finished / f'reports/patients/{patient}.html'}")
    shown, points = page.evaluate(SMALLEST_DRAWN)
    context.close()
    assert (shown, points >= 5.5) == (1, True), points


@pytest.mark.parametrize("patient", ["P03", "P07"])
def test_the_first_page_is_one_sheet_of_paper(finished, browser, tmp_path, patient):
    page = browser.new_page()
    page.goto(f"file://{finished / f'reports/patients/{patient}.html'}")
    page.pdf(path=tmp_path / "page.pdf", prefer_css_page_size=True, print_background=True)
    page.close()
    second = subprocess.check_output(
        ["pdftotext", "-f", "2", "-l", "2", "-layout", tmp_path / "page.pdf", "-"], text=True
    )
    assert second.strip().startswith("Risk by mechanism over all landmarks")
