"""Addresses of pages that stand in other folders."""

import pytest

from aftercar.io.pages import addresses_from


@pytest.mark.parametrize(
    ("other", "address"),
    [
        ("shards/a/reports/patients/P1.html", "../shards/a/reports/patients/P1.html"),
        ("reports/patients/P1.html", "patients/P1.html"),
        ("a b/100%#1?/\u00e9/P1.html", "../a%20b/100%25%231%3F/%C3%A9/P1.html"),
        ("javascript:alert(1)", "../javascript%3Aalert%281%29"),
    ],
)
def test_an_address_leads_from_one_page_to_another_whatever_the_folders_are_called(other, address):
    """Expected by hand, from RFC 3986."""
    assert addresses_from("reports/cohort.html", {"x": other}) == {"x": address}
