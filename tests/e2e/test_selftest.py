"""The self-test on the workflow itself, with a stream that is broken."""

import pytest
from tests.selftest.run import self_test

pytestmark = pytest.mark.e2e


def test_a_reader_that_sees_no_reads_fails_the_controls_of_its_stream_alone(tmp_path):
    """That nothing was found must not pass for the negative control either."""

    def broken(folder):
        path = folder / "config/config.yaml"
        text = path.read_text()
        assert "min_mapping_quality: 20" in text
        path.write_text(text.replace("min_mapping_quality: 20", "min_mapping_quality: 61"))

    found = self_test(tmp_path / "broken", ("dna",), broken)
    failed = {(row[0], row[1]) for row in found if not row[4]}
    name = "DNA: CD19 frameshift, VAF"
    controls = {"negative control", "titration 1x", "swapped label"}
    assert failed >= {("reference", "figures"), *((name, control) for control in controls)}
    assert {stream for stream, _ in failed} == {"reference", name}
