"""What a specimen could not show is never called negative; nothing looks ahead."""

from dataclasses import replace

import numpy as np
import pytest

from aftercar.contracts.sequencing import CALLABILITY, CALLABLE_BASES, LOH, SPLICING, VARIANTS
from aftercar.contracts.specimen import QUALITY
from aftercar.io.alignments import read_alignments
from aftercar.sequencing.callability import BaseLimits, limits_by_base
from aftercar.sequencing.callability_rows import callability_rows
from aftercar.sequencing.genes import ReferenceWindow
from aftercar.sequencing.lookback import add_known_variants
from aftercar.sequencing.specimens import call_specimen, tables_of, unassessed_specimen
from aftercar.sequencing.variants import CallSettings

SETTINGS = CallSettings(20, 4, 1e-6, 0.02)
TABLES = {
    "variants": VARIANTS,
    "callability": CALLABILITY,
    "splicing": SPLICING,
    "loh": LOH,
    "quality": QUALITY,
}


def rows_of(findings, table="variants"):
    return TABLES[table].frame([row for f in findings for row in f.rows[table]]).to_dict("records")


def test_all_tables_keep_their_contracts(examine, deletion):
    found = [examine("a", 10, [([deletion], 0.1)]), examine("b", -5, [])]
    add_known_variants(found, {}, SETTINGS)
    for name, contract in TABLES.items():
        contract.frame([row for f in found for row in f.rows[name]])


def test_a_deep_specimen_without_the_variant_says_not_detected_with_its_limit(examine, deletion):
    found = [examine("late", 100, [([deletion], 0.3)]), examine("early", -10, [])]
    add_known_variants(found, {}, SETTINGS)
    early = next(row for row in rows_of(found) if row["sample_id"] == "early")
    assert early["status"] == "NOT_DETECTED"
    assert 0 < early["detectable_vaf"] <= 0.02
    # what was found at relapse is known from the relapse on
    assert early["known_from_day"] == 100
    assert early["filter"] == "looked_for"


def test_a_shallow_specimen_without_the_variant_is_indeterminate(examine, deletion):
    found = [examine("late", 100, [([deletion], 0.3)]), examine("early", -10, [], depth=40)]
    add_known_variants(found, {}, SETTINGS)
    early = next(row for row in rows_of(found) if row["sample_id"] == "early")
    assert early["status"] == "INDETERMINATE"


def test_a_trace_below_the_limit_of_calling_is_detected_when_looked_for(examine, deletion):
    early = examine("early", -7, [([deletion], 0.01)], depth=300)
    assert early.rows["variants"] == []
    found = [examine("late", 100, [([deletion], 0.3)]), early]
    add_known_variants(found, {}, SETTINGS)
    row = next(row for row in rows_of(found) if row["sample_id"] == "early")
    assert row["status"] == "DETECTED_BELOW_LLOQ"


def test_a_specimen_that_was_not_measured_is_not_negative(examine, deletion, toy, sheet_row):
    gene, _ = toy
    refused = unassessed_specimen(
        sheet_row("broken", 20), {"CD19": gene}, "FAILED", "a truncated BAM file", 0.02
    )
    found = [examine("late", 100, [([deletion], 0.3)]), refused]
    add_known_variants(found, {}, SETTINGS)
    row = next(row for row in rows_of(found) if row["sample_id"] == "broken")
    assert (row["status"], row["depth"], row["known_from_day"]) == ("FAILED", 0, 100)
    assert {r["status"] for r in refused.rows["callability"]} == {"FAILED"}
    assert [r["verdict"] for r in refused.rows["quality"]] == ["FAIL"]


def test_removing_later_specimens_changes_only_rows_that_were_known_later(examine, deletion, toy):
    _, window = toy
    at = window.start + 700
    second = (
        at,
        window.bases(at, at),
        {"A": "C", "C": "A", "G": "T", "T": "G"}[window.bases(at, at)],
    )

    def course():
        return [
            examine("day0", 0, [([deletion], 0.03)]),
            examine("day50", 50, []),
            examine("day90", 90, [([deletion], 0.2), ([second], 0.2)]),
        ]

    whole, cut = course(), course()[:2]
    add_known_variants(whole, {}, SETTINGS)
    add_known_variants(cut, {}, SETTINGS)
    known = [row for row in rows_of(whole) if row["known_from_day"] <= 50]
    assert known == rows_of(cut)
    assert len(known) == 2


def test_a_listed_variant_is_looked_for_and_a_wrong_one_is_named(examine, toy):
    _, window = toy
    right = (
        window.contig,
        window.start + 500,
        window.bases(window.start + 500, window.start + 500),
        "N",
    )
    alt = "A" if right[2] != "A" else "C"
    wrong = (window.contig, window.start + 501, "ACGTACGTACGT", "A")
    found = [examine("a", 10, [])]
    add_known_variants(found, {"a": [(*right[:3], alt), wrong]}, SETTINGS)
    assert [row["status"] for row in rows_of(found)] == ["NOT_DETECTED"]
    flags = [row for row in rows_of(found, "quality") if row["verdict"] == "FLAG"]
    assert len(flags) == 1
    assert "the reference has" in flags[0]["message"]


@pytest.mark.parametrize(
    ("depth", "status"),
    [(700, "NOT_DETECTED"), (60, "INDETERMINATE")],
    ids=["deep", "shallow"],
)
def test_no_loss_is_said_only_where_the_depth_would_show_it(examine, depth, status):
    rows = rows_of([examine("a", 1, [], depth=depth)], "callability")
    assert {row["exon"]: row["status"] for row in rows}["all"] == status


def test_a_gene_is_only_clean_if_each_of_its_exons_is(examine, toy):
    """An exon of 15 bases among 360 without reads: 96 % of the gene is covered, it is not."""
    gene, window = toy
    first, second = gene.exons
    cut = second.cds_end - 14
    parts = (first, replace(second, cds_end=cut - 1), replace(second, number=3, cds_start=cut))
    pieces = replace(gene, exons=parts)
    found = examine("a", 1, [])
    calls = found.genes["CD19"].calls
    bare = replace(calls.pileup, counts=calls.pileup.counts.copy())
    bare.counts[:, :, cut - window.start : second.cds_end - window.start + 1] = 0
    limits = limits_by_base(pieces, window, replace(calls, pileup=bare), SETTINGS)
    rows = callability_rows({"assay": "dna"}, pieces, limits, [], SETTINGS)
    of_exon = {row["exon"]: row for row in rows}
    assert {exon: row["status"] for exon, row in of_exon.items()} == {
        "1": "NOT_DETECTED", "2": "NOT_DETECTED", "3": "NOT_ASSESSED", "all": "INDETERMINATE",
    }  # fmt: skip
    assert of_exon["all"]["detectable_vaf"] is None
    assert "exon 3" in of_exon["all"]["flags"]
    assert of_exon["all"]["callable_fraction"] > 0.95


def test_bases_that_hide_a_loss_are_named_beside_the_statement(toy):
    gene, _ = toy
    position = np.sort(np.array(gene.cds_positions()))
    enough, hidden = np.full(len(position), 0.005), np.full(len(position), 0.005)
    hidden[10:16] = 0.03  # a run of equal bases: c.11 to c.16
    limits = BaseLimits(position, np.full(len(position), 2000), enough, hidden)
    rows = callability_rows({"assay": "dna"}, gene, limits, [], SETTINGS)
    assert rows[-1]["status"] == "NOT_DETECTED"
    assert "not for bases c.11_16" in rows[-1]["flags"]
    assert rows[-1]["callable_fraction"] == pytest.approx(1 - 6 / len(position))


def test_each_coding_base_of_what_was_measured_has_one_row(examine, toy):
    gene, _ = toy
    tables = tables_of([examine("a", 1, []), examine("b", 2, [])], [])
    bases = CALLABLE_BASES.check(tables["bases"])
    assert len(bases) == 2 * len(gene.cds_positions())
    assert sorted(bases.loc[bases["sample_id"] == "a", "coding_position"]) == list(range(1, 361))


def removed(window, first, last):
    """The allele that lacks the window's bases first to last (1-based offsets)."""
    bases = window.bases(window.start + first - 2, window.start + last - 1)
    return (window.start + first - 2, bases, bases[0])


def test_an_exon_lost_between_two_introns_is_told_by_clipped_ends(examine, toy):
    _, window = toy
    variant = removed(window, 621, 900)  # exon 2 is 681 to 860
    (row,) = rows_of([examine("a", 1, [([variant], 0.1)], edge=76)])
    assert (row["consequence"], row["tier"], row["filter"]) == ("exon_deletion", "T2", "PASS")
    # molecules of 320 begin at 920 places, those of the shorter allele at 280 fewer
    expected = 0.1 * 920 / 640 / (0.1 * 920 / 640 + 0.9)
    assert row["vaf_low"] <= expected <= row["vaf_high"]


def test_copies_without_an_intron_are_no_deletion_of_the_gene(examine, toy):
    _, window = toy
    variant = removed(window, 581, 680)
    (row,) = rows_of([examine("a", 1, [([variant], 0.2)], edge=76)])
    assert (row["status"], row["filter"]) == ("INDETERMINATE", "spliced")


def test_rna_that_shows_nothing_does_not_exclude_anything(examine):
    rows = rows_of([examine("a", 1, [], assay="rna")], "callability")
    assert {row["status"] for row in rows} == {"INDETERMINATE"}
    assert all("expression" in row["flags"] for row in rows)


def test_a_found_frameshift_marks_its_exon_and_the_gene(examine, deletion):
    rows = rows_of([examine("a", 1, [([deletion], 0.1)])], "callability")
    assert {row["exon"]: row["status"] for row in rows} == {
        "1": "QUANTIFIED", "2": "NOT_DETECTED", "all": "QUANTIFIED",
    }  # fmt: skip


def test_a_polymorphism_is_no_loss_and_makes_loh_informative(examine, toy):
    gene, _ = toy
    known = gene.polymorphisms[0]
    snp = (known.pos, known.ref, known.alt)
    found = examine("a", 1, [([snp], 0.5)])
    (row,) = rows_of([found])
    assert (row["tier"], row["status"]) == ("POLYMORPHISM", "QUANTIFIED")
    assert {r["status"] for r in rows_of([found], "callability")} == {"NOT_DETECTED"}
    (loh,) = rows_of([found], "loh")
    assert (loh["state"], loh["informative_snps"]) == ("NO_LOH", 1)


def test_one_allele_gone_in_most_cells_is_loh(examine, toy):
    gene, _ = toy
    known = gene.polymorphisms[0]
    found = examine("a", 2, [([(known.pos, known.ref, known.alt)], 0.8)], depth=400)
    (loh,) = rows_of([found], "loh")
    assert loh["state"] == "LOH"
    assert loh["allele_fraction_low"] <= 0.8 <= loh["allele_fraction_high"]


def test_without_a_heterozygous_position_loh_is_not_informative(examine):
    (loh,) = rows_of([examine("a", 1, [])], "loh")
    assert (loh["state"], loh["status"]) == ("NOT_INFORMATIVE", "INDETERMINATE")


def test_another_reference_fails_the_gene_and_says_why(examine, toy):
    _, window = toy
    other = ReferenceWindow("chr16", window.start + 3, window.sequence)
    found = examine("a", 1, [], depth=100, reference=other)
    assert {row["status"] for row in found.rows["callability"]} == {"FAILED"}
    assert any("not GRCh38" in row["message"] for row in found.rows["quality"])


def test_reads_that_do_not_fit_the_reference_fail_the_gene(examine, toy):
    gene, window = toy
    # same start, stop and splice sites, other codons: the gene model agrees, the reads do not
    letters = list(window.sequence)
    for position in gene.cds_positions()[5:-4:6]:
        index = position - window.start
        if 585 > index > 574 or 690 > index > 674:
            continue
        letters[index] = {"A": "G", "G": "A", "C": "T", "T": "C"}[letters[index]]
    other = ReferenceWindow("chr16", window.start, "".join(letters))
    found = examine("a", 1, [], depth=100, reference=other)
    if {row["status"] for row in found.rows["callability"]} == {"FAILED"}:
        assert any(
            "differ from the reference" in row["message"] or "not GRCh38" in row["message"]
            for row in found.rows["quality"]
        )
    else:
        pytest.fail("reads of another sequence were analysed")


def test_a_contig_that_the_reference_lacks_is_not_assessed(toy, sheet_row):
    gene, _ = toy
    found = call_specimen(sheet_row("a", 1), {"CD19": gene}, {}, None, SETTINGS)
    assert {row["status"] for row in found.rows["callability"]} == {"NOT_ASSESSED"}


def test_no_reads_at_all_is_not_assessed(toy, sheet_row, tmp_path):
    import pysam

    gene, window = toy
    bam = tmp_path / "empty.bam"
    header = pysam.AlignmentHeader.from_references(["chr16"], [40_000_000])
    pysam.AlignmentFile(str(bam), "wb", header=header).close()
    pysam.index(str(bam))

    def fetch(chrom, intervals):
        return read_alignments(bam, chrom, intervals, min_mapping_quality=20)

    found = call_specimen(
        sheet_row("a", 1, "rna"), {"CD19": gene}, {"CD19": window}, fetch, SETTINGS
    )
    assert {row["status"] for row in found.rows["callability"]} == {"NOT_ASSESSED"}
    rows_of([found], "callability")


def test_a_long_deletion_within_an_exon_is_an_artefact_in_rna_and_a_finding_in_dna(examine, toy):
    _, window = toy
    at = window.start + 449
    ref = window.bases(at, at + 100)
    for assay, filtered in (("rna", "cdna_artefact"), ("dna", "PASS")):
        (row,) = rows_of([examine(assay, 1, [([(at, ref, ref[0])], 0.3)], depth=300, assay=assay)])
        assert row["filter"] == filtered
