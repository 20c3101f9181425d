"""Splicing of simulated libraries: intervals hold the truth, equal specimens differ by chance only.

The reads are drawn from transcripts that are written down here; no code of the analysis is used.
"""

import numpy as np
import pytest

from aftercar.contracts.reads import AlignedReads
from aftercar.io.alignments import read_gene_models
from aftercar.sequencing.genes import ReferenceWindow, build_genes
from aftercar.sequencing.splice_comparison import add_comparisons, compare
from aftercar.sequencing.splicing import measure_splicing

# CD19 on GRCh38, first and last position of the exons of NM_001770.6
EXONS = (
    (28931971, 28932088), (28932346, 28932612), (28932911, 28933114), (28933234, 28933509),
    (28935444, 28935554), (28936153, 28936201), (28936512, 28936600), (28937023, 28937136),
    (28937271, 28937375), (28937455, 28937523), (28937624, 28937680), (28937769, 28937825),
    (28938676, 28938768), (28938872, 28938978), (28939141, 28939342),
)  # fmt: skip
FULL = np.concatenate([np.arange(a, b + 1) for a, b in EXONS])
NO_EXON_2 = np.concatenate([np.arange(a, b + 1) for a, b in EXONS[:1] + EXONS[2:]])
INTRON_2_KEPT = np.concatenate(
    [np.arange(a, b + 1) for a, b in (EXONS[0], (28932346, 28933114), *EXONS[3:])]
)
UNSPLICED = np.arange(EXONS[0][0], EXONS[-1][1] + 1)


@pytest.fixture(scope="module")
def genes():
    return build_genes(*read_gene_models(), ["CD19", "CD22", "CD33", "CD7"])


def library(rng, parts, *, length=100, insert=250, end_only=0):
    """Read pairs of transcripts, given as (positions of the bases, fragments), as a BAM has them.

    With `end_only` fragments begin within that distance of the 3' end.
    """
    blocks = []
    for bases, count in parts:
        whole = np.maximum(rng.normal(insert, 30, count).astype(int), length)
        latest = len(bases) - whole
        earliest = len(bases) - end_only if end_only else 0
        firsts = rng.integers(np.minimum(earliest, latest), latest + 1)
        at = np.stack([firsts, firsts + whole - length], axis=1).ravel()  # both mates
        blocks.append(bases[at[:, None] + np.arange(length)])
    covered = np.concatenate(blocks)
    read, last = np.nonzero(np.diff(covered) > 1)  # the last bases in front of introns
    introns = np.bincount(read, minlength=len(covered))
    offset = np.concatenate([[0], np.cumsum(2 * introns + 1)])
    op, size = np.zeros(offset[-1], dtype=np.uint8), np.zeros(offset[-1], dtype=np.int64)
    at = 2 * np.arange(len(read)) + read + 1  # of each intron among the operations
    op[at] = 3
    size[at] = covered[read, last + 1] - covered[read, last] - 1
    # operations between introns are aligned: what is left of the read
    edge = np.full(offset[-1], length)
    edge[at - 1] = edge[at] = last + 1
    aligned = op == 0
    size[aligned] = edge[aligned]
    size[at + 1] -= last + 1
    start, flag = covered[:, 0] - 1, np.tile([0, 16], len(covered) // 2)
    fragment = np.arange(len(covered)) // 2
    n = len(start)
    return AlignedReads(
        np.array(start, dtype=np.int64), np.array(flag, dtype=np.int64), np.array(fragment),
        np.zeros(0, dtype=np.uint8), np.zeros(0, dtype=np.uint8), np.zeros(n + 1, dtype=np.int64),
        np.array(op, dtype=np.uint8), np.array(size, dtype=np.int64),
        np.array(offset, dtype=np.int64), np.full(n, -1), np.full(n, -1), {},
    )  # fmt: skip


def event(gene, reads, name):
    window = ReferenceWindow(gene.chrom, gene.start, "N" * (gene.end - gene.start + 1))
    rows, _ = measure_splicing(gene, reads, window, [])
    return next(row for row in rows if row["event"] == name)


def held(rows, truth):
    return np.mean([r["event_fraction_low"] <= truth <= r["event_fraction_high"] for r in rows])


@pytest.mark.parametrize("skipped", [0.05, 0.5])
def test_the_interval_of_exon_2_skipping_holds_the_share_of_molecules(genes, skipped):
    rng, rows = np.random.default_rng(3), []
    for _ in range(120):
        # fragments fall on a transcript by its length
        share = skipped * len(NO_EXON_2) / (skipped * len(NO_EXON_2) + (1 - skipped) * len(FULL))
        short = rng.binomial(400, share)
        reads = library(rng, [(FULL, 400 - short), (NO_EXON_2, short)])
        rows.append(event(genes["CD19"], reads, "exon2_skipping"))
    assert 0.90 <= held(rows, skipped) <= 1
    # and says something: some 40 fragments lie on the junctions
    widths = [row["event_fraction_high"] - row["event_fraction_low"] for row in rows]
    assert np.median(widths) < 0.4


def counted(rng, share, fragments, dispersion):
    """A count of one library, overdispersed: the fraction itself varies between libraries."""
    scale = 1 / dispersion - 1
    p = rng.beta(share * scale, (1 - share) * scale)
    count = int(rng.binomial(fragments, p))
    return {
        "event": "exon2_skipping", "event_fragments": count,
        "canonical_fragments": float(fragments - count), "overdispersion": dispersion,
        "event_fraction": count / fragments,
    }  # fmt: skip


def uneven_library(rng, skipped, fragments, spread):
    """Junction reads whose number differs from junction to junction: uneven coverage."""
    counts = {}
    for k in range(1, 15):
        expected = fragments * np.exp(rng.normal(0, spread))
        counts[(EXONS[k - 1][1], EXONS[k][0])] = expected * ((1 - skipped) if k in (1, 2) else 1)
    counts[(EXONS[0][1], EXONS[2][0])] = fragments * skipped * np.exp(rng.normal(0, spread))
    start, size = [], []
    for (left, right), expected in counts.items():
        anchor = rng.integers(10, 40, rng.poisson(expected))
        start += (left - anchor).tolist()
        gap = np.full(len(anchor), right - left - 1)
        size += np.stack([anchor, gap, 50 - anchor], axis=1).ravel().tolist()
    n = len(start)
    op, offset = [0, 3, 0] * n, 3 * np.arange(n + 1)
    return AlignedReads(
        np.array(start, dtype=np.int64), np.zeros(n, dtype=np.int64), np.arange(n),
        np.zeros(0, dtype=np.uint8), np.zeros(0, dtype=np.uint8), np.zeros(n + 1, dtype=np.int64),
        np.array(op, dtype=np.uint8), np.array(size, dtype=np.int64),
        np.array(offset, dtype=np.int64), np.full(n, -1), np.full(n, -1), {},
    )  # fmt: skip


def test_uneven_libraries_widen_their_own_intervals(genes):
    rng = np.random.default_rng(5)
    rows = [
        event(genes["CD19"], uneven_library(rng, 0.4, 150, 0.5), "exon2_skipping")
        for _ in range(150)
    ]
    assert np.median([row["overdispersion"] for row in rows]) > 0.05
    assert 0.90 <= held(rows, 0.4) <= 1
    even = event(genes["CD19"], uneven_library(rng, 0.4, 150, 0.0), "exon2_skipping")
    assert even["overdispersion"] == 0.005


def test_unspliced_rna_and_dna_are_no_retention(genes):
    rng, rows = np.random.default_rng(7), []
    for _ in range(60):
        # 150 fragments of unspliced molecules: every intron is "retained" in about 5 %
        reads = library(rng, [(FULL, 700), (UNSPLICED, 150)])
        rows.append(event(genes["CD19"], reads, "intron2_retention"))
    assert held(rows, 0.0) >= 0.95


def test_retention_is_found_above_what_other_introns_show(genes):
    rng, rows = np.random.default_rng(8), []
    for _ in range(60):
        reads = library(rng, [(FULL, 560), (INTRON_2_KEPT, 280), (UNSPLICED, 100)])
        rows.append(event(genes["CD19"], reads, "intron2_retention"))
    # molecules: fragments by length, so 280 of the longer transcript are fewer molecules
    full, kept = 560 / len(FULL), 280 / len(INTRON_2_KEPT)
    assert held(rows, kept / (full + kept)) >= 0.85
    assert np.mean([row["event_fraction_low"] > 0 for row in rows]) > 0.95


@pytest.mark.parametrize("share", [0.05, 0.4])
def test_two_specimens_with_one_fraction_differ_by_chance_only(share):
    rng = np.random.default_rng(11)
    p = np.array([
        compare([counted(rng, share, 120, 0.005)], [counted(rng, share, 80, 0.005)])["p"]
        for _ in range(600)
    ])  # fmt: skip
    assert (p < 0.05).mean() <= 0.075
    assert (p < 0.01).mean() <= 0.02


def test_a_shift_is_found_as_often_as_the_arcsine_formula_says():
    # 100 independent-looking fragments are worth 100 / (1 + 99 * 0.005) = 67: from 10 %, 28.5 %
    # is found with 80 % power at alpha 0.05 (Cohen 1988, h = 2.80 / sqrt(67 / 2))
    rng = np.random.default_rng(13)
    found = [
        compare([counted(rng, 0.285, 100, 0.005)], [counted(rng, 0.10, 100, 0.005)])
        for _ in range(400)
    ]
    assert 0.72 <= np.mean([f["p"] < 0.05 for f in found]) <= 0.88
    truth = [f["difference_low"] <= 0.185 <= f["difference_high"] for f in found]
    assert 0.92 <= np.mean(truth) <= 0.99


def row(sample, day, count, other, **more):
    fraction = count / (count + other)
    return {
        "sample_id": sample, "day": day, "specimen": "BM", "gene": "CD19",
        "event": "exon2_skipping", "junction": "1-2", "event_fragments": count,
        "canonical_fragments": float(other), "overdispersion": 0.005, "event_fraction": fraction,
        "event_fraction_low": fraction, "event_fraction_high": fraction,
        "status": "QUANTIFIED", "flags": "",
    } | more  # fmt: skip


def test_a_relapse_is_compared_with_the_last_specimen_before_the_infusion():
    rows = [row("late", 90, 60, 40), row("day30", 30, 55, 45), row("before", -5, 10, 90),
            row("long_before", -60, 50, 50)]  # fmt: skip
    add_comparisons(rows, [])
    assert rows[0]["earlier_sample"] == "before"
    assert rows[0]["earlier_difference"] == pytest.approx(0.5)
    assert rows[0]["earlier_p"] < 1e-6
    assert rows[2]["earlier_sample"] == "long_before"
    assert "no comparison possible" in rows[3]["flags"]
    assert "earlier_sample" not in rows[3]


def test_later_specimens_change_no_comparison():
    early = [row("before", -5, 10, 90), row("day30", 30, 55, 45)]
    cut = [dict(r) for r in early]
    add_comparisons(cut, [])
    add_comparisons(all_rows := [*early, row("late", 90, 60, 40)], [])
    assert all_rows[:2] == cut


def test_controls_that_differ_from_each_other_make_a_difference_less_sure():
    def p_of(counts):
        patient = row("patient", 5, 30, 70)
        controls = [row(f"c{i}", None, n, 100 - n) for i, n in enumerate(counts)]
        add_comparisons([patient], controls)
        assert patient["control_samples"] == "c0;c1;c2;c3"
        return patient["control_p"]

    assert p_of([15, 15, 15, 15]) < p_of([2, 5, 18, 35])
    assert p_of([15, 15, 15, 15]) < 0.01


def test_a_specimen_that_was_not_quantified_is_compared_with_nothing():
    rows = [row("late", 90, 3, 2, status="INDETERMINATE"), row("before", -5, 10, 90)]
    add_comparisons(rows, [])
    assert "earlier_p" not in rows[0]
    assert "no comparison possible" in rows[0]["flags"]


def test_a_library_of_3_prime_ends_cannot_evaluate_exon_2_and_says_so_from_its_coverage(genes):
    rng = np.random.default_rng(17)
    gene = genes["CD19"]
    window = ReferenceWindow(gene.chrom, gene.start, "N" * (gene.end - gene.start + 1))
    ends = library(rng, [(FULL, 600)], end_only=450)
    rows, reach = measure_splicing(gene, ends, window, [])
    assert {r["status"] for r in rows} == {"NOT_ASSESSED"}
    assert all("not evaluable: reads lie at the 3' end only" in r["flags"] for r in rows)
    assert reach.ratio < 0.1
    whole, reach = measure_splicing(gene, library(rng, [(FULL, 600)]), window, [])
    assert whole[0]["status"] == "QUANTIFIED"
    assert 0.6 < reach.ratio < 1.6


def test_named_events_of_cd22_and_cd33_say_what_they_do_to_the_protein(genes):
    gene = genes["CD22"]
    exons = [(e.start, e.end) for e in gene.exons]
    rng = np.random.default_rng(19)
    parts = [
        np.concatenate([np.arange(a, b + 1) for i, (a, b) in enumerate(exons, 1) if i not in out])
        for out in ((), (2,), (5, 6))
    ]
    reads = library(rng, [(parts[0], 2000), (parts[1], 1500), (parts[2], 1500)])
    start = event(gene, reads, "exon2_skipping")
    assert start["consequence"] == "no start codon"
    # some 30 % of the molecules; near the 5' end fewer fragments reach across exon 2
    assert 0.15 < start["event_fraction"] < 0.4
    five_six = event(gene, reads, "exon5_6_skipping")
    assert 0.25 < five_six["event_fraction"] < 0.45
    assert [e["event"] for e in genes["CD33"].splice_events] == ["exon2_skipping"]
