"""Named events are counted, never called present or absent."""

import numpy as np
import pytest

from aftercar.contracts.reads import AlignedReads
from aftercar.io.alignments import read_gene_models
from aftercar.sequencing.genes import build_genes
from aftercar.sequencing.splicing import fraction_interval, measure_splicing


@pytest.fixture(scope="module")
def cd19():
    return build_genes(*read_gene_models(), ["CD19"])["CD19"]


def reads_of(spliced):
    """Reads without bases: (1-based start, operations), one fragment each."""
    ops = [op for _, operations in spliced for op in operations]
    counts = [len(operations) for _, operations in spliced]
    n = len(spliced)
    return AlignedReads(
        start=np.array([start - 1 for start, _ in spliced], dtype=np.int64),
        flag=np.zeros(n, dtype=np.int64),
        fragment=np.arange(n),
        base=np.zeros(0, dtype=np.uint8),
        quality=np.zeros(0, dtype=np.uint8),
        base_offset=np.zeros(n + 1, dtype=np.int64),
        op=np.array([op for op, _ in ops], dtype=np.uint8),
        op_length=np.array([length for _, length in ops], dtype=np.int64),
        op_offset=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        cell=np.full(n, -1),
        molecule=np.full(n, -1),
        dropped={},
    )


def across(first, last, n, anchor=30):
    """`n` reads that skip the intron first-last, from different starts."""
    return [
        (first - anchor - i % 7, [(0, anchor + i % 7), (3, last - first + 1), (0, anchor)])
        for i in range(n)
    ]


J12, J23, J13 = (28932089, 28932345), (28932613, 28932910), (28932089, 28932910)


def event(rows, name):
    return next(row for row in rows if row["event"] == name)


def test_exon_2_skipping_is_counted_against_the_mean_of_its_two_junctions(cd19):
    rows = measure_splicing(cd19, reads_of(across(*J12, 30) + across(*J23, 50) + across(*J13, 40)))
    row = event(rows, "exon2_skipping")
    assert (row["event_fragments"], row["canonical_fragments"]) == (40, 40)
    assert row["event_fraction"] == pytest.approx(0.5)
    assert row["event_fraction_low"] < 0.4 < 0.6 < row["event_fraction_high"]
    assert row["status"] == "QUANTIFIED"


def test_nothing_seen_in_many_fragments_is_a_fraction_with_a_limit_not_an_absence(cd19):
    row = event(
        measure_splicing(cd19, reads_of(across(*J12, 50) + across(*J23, 50))), "exon2_skipping"
    )
    assert (row["status"], row["event_fraction"]) == ("QUANTIFIED", 0)
    assert row["event_fraction_high"] > 0.03


@pytest.mark.parametrize(
    "reads",
    [across(*J12, 2) + across(*J23, 2) + across(*J13, 3), [across(*J13, 1)[0]] * 30],
    ids=["few fragments", "one start only"],
)
def test_few_or_identical_fragments_are_indeterminate(cd19, reads):
    assert (
        event(measure_splicing(cd19, reads_of(reads)), "exon2_skipping")["status"]
        == "INDETERMINATE"
    )


def test_a_short_anchor_does_not_count(cd19):
    reads = across(*J12, 30) + across(*J23, 30) + across(*J13, 30, anchor=7)
    row = event(measure_splicing(cd19, reads_of(reads)), "exon2_skipping")
    # anchors are 7 on the right; only those
    assert row["event_fragments"] == 0


def test_a_neighbouring_junction_is_another_event(cd19):
    reads = across(*J12, 30) + across(*J23, 30) + across(J13[0], J13[1] + 1, 30)
    assert event(measure_splicing(cd19, reads_of(reads)), "exon2_skipping")["event_fragments"] == 0


def test_uneven_junctions_are_flagged(cd19):
    row = event(
        measure_splicing(cd19, reads_of(across(*J12, 10) + across(*J23, 60))), "exon2_skipping"
    )
    assert "uneven" in row["flags"]


def test_retention_needs_both_borders_and_subtracts_what_other_introns_show(cd19):
    body = [(28932560 + 20 * i, [(0, 100)]) for i in range(16)] * 3
    spliced = across(*J12, 60) + across(*J23, 30)
    row = event(measure_splicing(cd19, reads_of(spliced + body)), "intron2_retention")
    assert row["status"] == "QUANTIFIED"
    assert row["event_fraction"] == pytest.approx(
        row["event_fragments"] / (row["event_fragments"] + 30), abs=0.02
    )
    one_border = [(28932560 + i, [(0, 100)]) for i in range(20)]
    row = event(measure_splicing(cd19, reads_of(spliced + one_border)), "intron2_retention")
    assert row["status"] == "INDETERMINATE"


def test_a_file_without_spliced_reads_cannot_show_splicing(cd19):
    rows = measure_splicing(cd19, reads_of([(28932400, [(0, 100)])] * 50))
    assert {row["status"] for row in rows} == {"NOT_ASSESSED"}


def test_no_reads_at_all_is_not_assessed(cd19):
    assert {row["status"] for row in measure_splicing(cd19, reads_of([]))} == {"NOT_ASSESSED"}


def test_the_interval_holds_the_fraction_and_is_everything_without_counts():
    fraction, low, high = fraction_interval(3, 7)
    assert low < fraction == 0.3 < high
    assert fraction_interval(0, 0)[1:] == (0, 1)
