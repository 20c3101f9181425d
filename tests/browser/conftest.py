"""A headless Chromium that cannot reach any network, and pages of synthetic patients."""

import shutil

import pytest
from tests.browser.axe_core import axe_source
from tests.conftest import skip_or_fail
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

QUIET = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # every address but files resolves to nothing
    "--host-resolver-rules=MAP * ~NOTFOUND",
]


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


@pytest.fixture(scope="session")
def browser():
    """One Chromium for all tests."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        skip_or_fail("Chromium is absent: pages are not opened")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=QUIET)
        yield chromium
        chromium.close()


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


@pytest.fixture
def axe_tab(browser):
    """A page in which axe-core runs although the page itself forbids scripts."""
    try:
        source = axe_source()
    except FileNotFoundError:
        skip_or_fail("axe-core is absent (make test fetches it with npm): pages are not checked")
    context = browser.new_context(bypass_csp=True, viewport={"width": 1280, "height": 1000})
    context.add_init_script(source)
    yield context.new_page()
    context.close()


def axe_findings(page) -> list[str]:
    """Return what axe-core objects to, of any impact, with all that is folded opened."""
    page.evaluate("document.querySelectorAll('details').forEach((part) => (part.open = true))")
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{rule['impact']} {rule['id']}: {node['html'][:160]} {node['failureSummary'][:300]}"
        for rule in found["violations"]
        for node in rule["nodes"][:3]
    ]
