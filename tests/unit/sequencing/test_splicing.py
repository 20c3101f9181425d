"""Named events are counted, never called present or absent."""

import dataclasses

import numpy as np
import pytest

from aftercar.contracts.reads import AlignedReads
from aftercar.io.alignments import read_gene_models
from aftercar.io.isoforms import IsoformCatalogueError, read_isoforms
from aftercar.sequencing.genes import ReferenceWindow, build_genes
from aftercar.sequencing.splicing import fraction_interval, measure_splicing


@pytest.fixture(scope="module")
def cd19():
    return build_genes(*read_gene_models(), ["CD19"])["CD19"]


def measure(gene, reads, isoforms=()):
    """Rows of the gene on a reference of unknown bases."""
    window = ReferenceWindow(gene.chrom, gene.start, "N" * (gene.end - gene.start + 1))
    return measure_splicing(gene, reads, window, list(isoforms))[0]


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
    rows = measure(cd19, reads_of(across(*J12, 30) + across(*J23, 50) + across(*J13, 40)))
    row = event(rows, "exon2_skipping")
    assert (row["event_fragments"], row["canonical_fragments"]) == (40, 40)
    assert row["event_fraction"] == pytest.approx(0.5)
    assert row["event_fraction_low"] < 0.4 < 0.6 < row["event_fraction_high"]
    assert row["status"] == "QUANTIFIED"


def test_nothing_seen_in_many_fragments_is_a_fraction_with_a_limit_not_an_absence(cd19):
    row = event(measure(cd19, reads_of(across(*J12, 50) + across(*J23, 50))), "exon2_skipping")
    assert (row["status"], row["event_fraction"]) == ("QUANTIFIED", 0)
    assert row["event_fraction_high"] > 0.03


@pytest.mark.parametrize(
    "reads",
    [across(*J12, 2) + across(*J23, 2) + across(*J13, 3), [across(*J13, 1)[0]] * 30],
    ids=["few fragments", "one start only"],
)
def test_few_or_identical_fragments_are_indeterminate(cd19, reads):
    assert event(measure(cd19, reads_of(reads)), "exon2_skipping")["status"] == "INDETERMINATE"


def test_a_short_anchor_does_not_count(cd19):
    reads = across(*J12, 30) + across(*J23, 30) + across(*J13, 30, anchor=7)
    row = event(measure(cd19, reads_of(reads)), "exon2_skipping")
    # anchors are 7 on the right; only those
    assert row["event_fragments"] == 0


def test_a_neighbouring_junction_is_another_event(cd19):
    reads = across(*J12, 30) + across(*J23, 30) + across(J13[0], J13[1] + 1, 30)
    assert event(measure(cd19, reads_of(reads)), "exon2_skipping")["event_fragments"] == 0


def test_uneven_junctions_are_flagged(cd19):
    row = event(measure(cd19, reads_of(across(*J12, 10) + across(*J23, 60))), "exon2_skipping")
    assert "uneven" in row["flags"]


def test_retention_needs_both_borders_and_subtracts_what_other_introns_show(cd19):
    body = [(28932560 + 20 * i, [(0, 100)]) for i in range(16)] * 3
    spliced = across(*J12, 60) + across(*J23, 30)
    row = event(measure(cd19, reads_of(spliced + body)), "intron2_retention")
    assert row["status"] == "QUANTIFIED"
    assert row["event_fraction"] == pytest.approx(
        row["event_fragments"] / (row["event_fragments"] + 30), abs=0.02
    )
    one_border = [(28932560 + i, [(0, 100)]) for i in range(20)]
    row = event(measure(cd19, reads_of(spliced + one_border)), "intron2_retention")
    assert row["status"] == "INDETERMINATE"


def test_a_file_without_spliced_reads_cannot_show_splicing(cd19):
    rows = measure(cd19, reads_of([(28932400, [(0, 100)])] * 50))
    assert {row["status"] for row in rows} == {"NOT_ASSESSED"}


def test_no_reads_at_all_is_not_assessed(cd19):
    assert {row["status"] for row in measure(cd19, reads_of([]))} == {"NOT_ASSESSED"}


def test_the_interval_holds_the_fraction_and_is_everything_without_counts():
    fraction, low, high = fraction_interval(3, 7)
    assert low < fraction == 0.3 < high
    assert fraction_interval(0, 0)[1:] == (0, 1)


PARTIAL_EXON_2 = (28932089, 28932527)  # cryptic acceptor inside exon 2
GAPS_OF_EXON_2 = [(28932418, 28932527, 110), (28932413, 28932527, 115)]


@pytest.mark.parametrize("operation", [2, 3], ids=["deletion", "intron"])
@pytest.mark.parametrize(("first", "last", "size"), GAPS_OF_EXON_2)
def test_a_gap_within_exon_2_is_an_artefact_and_no_finding(cd19, operation, first, last, size):
    gap = [
        (first - 30 - i % 5, [(0, 30 + i % 5), (operation, last - first + 1), (0, 40)])
        for i in range(40)
    ]
    rows = measure(cd19, reads_of(across(*J12, 30) + across(*J23, 30) + gap))
    row = event(rows, "gap_within_exon")
    assert (row["junction"], row["event_fragments"]) == (f"{first}-{last}", 40)
    assert row["status"] == "NOT_APPLICABLE"
    assert row["structure"].startswith(f"{size} nt missing within exon 2")
    assert "reverse transcription artefact" in row["flags"]
    assert not row.get("event_fraction")
    assert not [r for r in rows if r["event"] == "other_junction"]
    assert event(rows, "exon2_skipping")["event_fragments"] == 0


@pytest.mark.parametrize(
    ("junction", "structure"),
    [
        (PARTIAL_EXON_2, "exon 2 partial, acceptor at c.271"),
        ((28933510, 28936152), "exon 5 skipped"),
        ((28932613, 28932943), "exon 3 partial, acceptor at c.389"),
        ((28932738, 28932910), "donor at c.355+125, in an intron"),
        ((28932089, 28933233), "exons 2 and 3 skipped"),
    ],
)
def test_junctions_without_a_name_are_described_by_exons(cd19, junction, structure):
    rows = measure(cd19, reads_of(across(*J12, 30) + across(*J23, 30) + across(*junction, 12)))
    row = event(rows, "other_junction")
    assert (row["structure"], row["event_fragments"]) == (structure, 12)


def test_a_junction_of_few_fragments_has_no_row(cd19):
    rows = measure(cd19, reads_of(across(*J12, 30) + across(*J23, 30) + across(*PARTIAL_EXON_2, 9)))
    assert not [r for r in rows if r["event"] == "other_junction"]


def test_a_catalogue_names_the_junction_that_is_the_only_unusual_one_of_its_isoform(cd19, tmp_path):
    table = tmp_path / "isoforms.tsv"
    table.write_text(
        "isoform_id\tintrons_GRCh38_first_last\tclass\n"
        "A1\tchr16:28932089-28932527;chr16:28932613-28932910\talternative_acceptor\n"
        "A2\tchr16:28932089-28932527;chr16:28932613-28932943\ttwo_changes\n"
    )
    reads = reads_of(across(*J12, 30) + across(*J23, 30) + across(*PARTIAL_EXON_2, 12))
    row = event(measure(cd19, reads, read_isoforms(str(table))), "other_junction")
    assert "in the catalogue of isoforms: A1 (alternative acceptor)" in row["flags"]
    assert "A2" not in row["flags"]


def test_a_broken_catalogue_is_refused_with_all_its_faults(tmp_path):
    table = tmp_path / "isoforms.tsv"
    table.write_text(
        "isoform_id\tintrons_GRCh38_first_last\nA1\tchr16:5-2\nA2\tnone\nA3\tchr1:2-5\nA3\tchr1:2-6\n"
    )
    with pytest.raises(IsoformCatalogueError, match=r"row 1(.|\n)*row 2(.|\n)*row 4"):
        read_isoforms(str(table))
    table.write_text("name\tintrons\nA1\tchr1:2-5\n")
    with pytest.raises(IsoformCatalogueError, match="found no column isoform_id"):
        read_isoforms(str(table))


def test_a_pair_of_reads_over_one_junction_is_one_fragment(cd19):
    reads = reads_of(across(*J12, 40) + across(*J23, 40) + across(*J13, 40))
    reads = dataclasses.replace(reads, fragment=np.arange(120) // 2)
    row = event(measure(cd19, reads), "exon2_skipping")
    assert (row["event_fragments"], row["canonical_fragments"]) == (20, 20)


def test_retention_without_other_introns_is_not_told_from_dna(cd19):
    body = [(28932560 + 20 * i, [(0, 100)]) for i in range(16)] * 3
    row = event(measure(cd19, reads_of(across(*J23, 30) + body)), "intron2_retention")
    assert row["status"] == "INDETERMINATE"
    assert "cannot be told apart" in row["flags"]
