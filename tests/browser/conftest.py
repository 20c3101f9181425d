"""Pages of synthetic patients, and a tab that records what they ask for."""

import pytest
from tests.unit.report.made_up import (
    PATIENTS_MADE_UP,
    cohort_page,
    hostile,
    page_of,
    quality_page,
    signed_page,
)
from tests.unit.report.made_up_cells import WITH_BOUNDS, antigen_cells, cells, single_cells
from tests.unit.report.made_up_crowded import crowded_page


@pytest.fixture(scope="session")
def reports(tmp_path_factory):
    """A folder with the three kinds of pages, as the workflow lays them out."""
    folder = tmp_path_factory.mktemp("reports")
    (folder / "patients").mkdir()
    for name, make in (PATIENTS_MADE_UP | {"hostile": hostile}).items():
        (folder / f"patients/{name}.html").write_text(page_of(make), encoding="utf-8")
    for name, changed in (("final", False), ("amended", True)):
        page = signed_page(changed=changed)
        (folder / f"patients/{name}.html").write_text(page, encoding="utf-8")
    (folder / "patients/crowded.html").write_text(crowded_page(), encoding="utf-8")
    page = page_of(single_cells, antigen_cells(cells()), settings=WITH_BOUNDS)
    (folder / "patients/single_cells.html").write_text(page, encoding="utf-8")
    (folder / "cohort.html").write_text(cohort_page(4), encoding="utf-8")
    (folder / "quality.html").write_text(quality_page(), encoding="utf-8")
    return folder


@pytest.fixture
def tab(browser):
    """A new page that records what it asks for and what it complains about."""
    context = browser.new_context(viewport={"width": 1280, "height": 1000})
    page = context.new_page()
    page.asked, page.complaints = [], []
    page.on("request", lambda request: page.asked.append(request.url))
    page.on("console", lambda message: page.complaints.append(message.text))
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    yield page
    context.close()
