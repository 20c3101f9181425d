"""A category stands beside what it rests on and what disagrees, and no p-value is shown."""

import re
import xml.etree.ElementTree

import pytest
from tests.unit.report.made_up import PATIENTS_MADE_UP, hostile, page_of, typical

from aftercar.contracts.specimen import INPUT_FILES

MAKERS = [*PATIENTS_MADE_UP.values(), hostile]


@pytest.fixture(scope="module")
def pages():
    return {make.__name__: page_of(make) for make in MAKERS}


def said(markup):
    return re.sub(
        r"\s+", " ", re.sub(r"<svg.*?</svg>|<[^>]+>", " ", markup, flags=re.DOTALL)
    ).strip()


def mechanism_cells(page):
    """The cells of each row of the table of page 1, by the words of its header."""
    table = re.search(r'<table class="mechanisms">.*?</table>', page, re.DOTALL)[0]
    head = [said(cell) for cell in re.findall(r"<th scope=\"col\">(.*?)</th>", table)]
    for row in re.findall(r"<tr>(?!<th scope=\"col\")(.*?)</tr>", table, re.DOTALL):
        cells = [said(c) for c in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)]
        if len(cells) == len(head):
            yield dict(zip(head, cells, strict=True))


@pytest.mark.parametrize("name", [make.__name__ for make in MAKERS])
def test_no_page_of_a_patient_holds_a_p_value(pages, name):
    words = re.sub(r"<style>.*?</style>|<svg.*?</svg>|<[^>]+>", " ", pages[name], flags=re.DOTALL)
    assert not re.search(r"\bp\s*(=|&lt;|<|≤)\s*[\d.]|\bp[- ]values?\b", words, re.IGNORECASE)
    assert not re.search(r"\bsignificant(ly)?\b", words, re.IGNORECASE)


@pytest.mark.parametrize("name", ["typical", "t_lineage"])
def test_a_category_never_stands_without_what_it_rests_on(pages, name):
    rows = list(mechanism_cells(pages[name]))
    assert rows
    for row in rows:
        assert len(row["What it rests on, and what is missing"]) > 10, row


def test_disagreement_stands_in_the_row_of_the_category():
    def contested():
        tables, *others = typical()
        risk = tables["risk"].copy()
        here = (risk["mechanism"] == "M2") & (risk["category"] != "NOT_APPLICABLE")
        risk.loc[here, "category"] = "SIGNAL_CONFLICTING"
        risk.loc[here, "conflicts"] = "FLOW_MRD_POS: adequate tests disagree"
        return tables | {"risk": risk}, *others

    rows = [row for row in mechanism_cells(page_of(contested)) if row["Mechanism"].startswith("M2")]
    assert rows
    for row in rows:
        assert "adequate tests disagree" in row["What it rests on, and what is missing"]


def test_the_drawings_of_a_page_hold_no_p_value(pages):
    for page in pages.values():
        for plot in re.findall(r"<svg [^>]*role=\"img\".*?</svg>", page, re.DOTALL):
            text = " ".join(xml.etree.ElementTree.fromstring(plot).itertext())
            assert not re.search(r"\bp\s*[=<]", text)


def test_one_file_under_two_specimens_stands_on_page_one():
    def repeated(barcodes=""):
        tables, rows, *others = typical()
        file = {"patient_id": "S01", "role": "data", "bytes": 9, "sha256": "a" * 64}
        names = [sample["sample_id"] for sample in rows["samples"]][:2]
        inputs = INPUT_FILES.frame([file | {"sample_id": name} for name in names])
        samples = [s | {"barcodes": barcodes} for s in rows["samples"]]
        return tables | {"inputs": inputs}, rows | {"samples": samples}, *others

    names = [sample["sample_id"] for sample in typical()[1]["samples"]][:2]
    first = page_of(repeated).split('<table class="mechanisms">')[0]
    assert "One data file stands under several specimens" in first
    assert ", ".join(sorted(names)) in first
    assert "One data file" not in page_of(lambda: repeated("yes"))
    assert "One data file" not in page_of(typical)
