"""The pages under axe-core, on screen and on paper, with everything unfolded."""

import base64

import pytest
from tests.browser import axe_core
from tests.browser.axe_core import axe_findings

pytestmark = pytest.mark.browser
# S01 is under test as hostile, final and amended; on paper, one page of each kind.
PATIENTS = ("S02", "S03", "S04", "single_cells", "hostile", "final", "amended", "crowded")
SCREEN = ("cohort.html", "quality.html", *(f"patients/{name}.html" for name in PATIENTS))
PAPER = ("cohort.html", "patients/S03.html", "patients/amended.html")


@pytest.mark.parametrize(
    ("name", "medium"),
    [*((name, "screen") for name in SCREEN), *((name, "print") for name in PAPER)],
)
def test_axe_finds_nothing(axe_tab, reports, name, medium):
    axe_tab.goto(f"file://{reports / name}")
    axe_tab.emulate_media(media=medium)
    assert axe_findings(axe_tab) == []


def test_axe_would_find_a_fault(axe_tab, tmp_path):
    path = tmp_path / "faulty.html"
    path.write_text('<!doctype html><html><title>x</title><body><main><img src="data:,"></main>')
    axe_tab.goto(f"file://{path}")
    found = " ".join(axe_findings(axe_tab))
    assert "image-alt" in found
    assert "html-has-lang" in found


def test_another_content_than_the_pinned_one_is_refused():
    with pytest.raises(ValueError, match="not used"):
        axe_core.verified(b"console.log('something else')")
    digest = base64.b64decode(axe_core.PIN["integrity"].removeprefix("sha512-"))
    assert len(digest) == 64
