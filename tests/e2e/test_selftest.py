"""The self-test on the workflow itself: one stream, sound and broken."""

import pytest
from tests.selftest.run import self_test

pytestmark = pytest.mark.e2e


def test_the_stream_of_dna_passes_and_a_caller_that_is_broken_fails(tmp_path):
    def broken(folder):
        """No variant has so many fragments: the caller finds nothing, and says no word of it."""
        path = folder / "config/config.yaml"
        text = path.read_text()
        assert "min_alt_fragments: 4 " in text
        path.write_text(text.replace("min_alt_fragments: 4 ", "min_alt_fragments: 100000 "))

    sound = self_test(tmp_path / "sound", ("dna",))
    assert len(sound) > 10
    assert [row for row in sound if not row[4]] == []
    found = self_test(tmp_path / "broken", ("dna",), broken)
    failed = {(row[0], row[1]) for row in found if not row[4]}
    name = "DNA: CD19 frameshift, VAF"
    assert {(name, "titration 1x"), (name, "swapped label"), ("reference", "figures")} <= failed
    assert ("laboratory: CAR copies", "titration 1x") not in failed
