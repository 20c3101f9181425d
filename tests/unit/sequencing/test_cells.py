"""Molecules, cells and clones: a missing molecule is not wild type."""

import numpy as np
import pytest

from aftercar.contracts.sequencing import CLONES
from aftercar.contracts.specimen import QUALITY
from aftercar.io.cell_reads import TaggedCells, read_genotyping_priors
from aftercar.sequencing.carriers import infer_clone, rna_assumptions
from aftercar.sequencing.cell_rows import Candidate, CellSettings
from aftercar.sequencing.cell_specimens import collect_candidates
from aftercar.sequencing.cell_tables import genotype_specimen
from aftercar.sequencing.cells import barcode_numbers, cell_states
from aftercar.sequencing.molecules import CellCounts

PRIORS = read_genotyping_priors()
SETTINGS = CellSettings(20, 0.1, 0.02, 0.05, PRIORS)


def counts(ref, alt, ambiguous=None):
    ref, alt = np.array(ref), np.array(alt)
    none = np.zeros(len(ref), int) if ambiguous is None else np.array(ambiguous)
    return CellCounts(ref, alt, np.zeros(len(ref), int), none, ref, alt)


def clone_of(cells, error=1e-3, doublets=0.0):
    return infer_clone(
        cells.alt_umis, cells.informative, rna_assumptions(PRIORS["rna"], error, doublets)
    )


@pytest.fixture
def library(conftest_reads, tmp_path, toy, sheet_row):
    """Genotypes of a small library: molecules are (cell, umi, has the variant, reads)."""
    gene, window = toy
    at = window.start + 449
    deletion = (at, window.bases(at, at + 4), window.bases(at, at))

    def make(molecules, barcodes, variants=None, suffix="-1", umi=True, settings=SETTINGS):
        rng = np.random.default_rng(3)
        reads = []
        for number, (cell, tag, mutant, copies) in enumerate(molecules):
            haplotype, where = conftest_reads.edited(
                window.sequence, window.start, [deletion] if mutant else []
            )
            drawn = conftest_reads.draw_reads(
                rng, haplotype, where, copies, span=(at - 60, at + 60), length=100,
                insert=(100, 0), strand_only=False, error=0.0,
            )  # fmt: skip
            for copy, read in drawn:
                tags = {"CB": cell + suffix} | ({"UB": tag} if umi else {})
                reads.append((f"m{number}.{copy}", read, tags))
        bam = conftest_reads.write_bam(tmp_path / "cells.bam", reads)
        cells = TaggedCells(bam, 20)

        listed = [Candidate("chr16", *v, "CD19", "c.x", 200) for v in variants or [deletion]]
        tables = genotype_specimen(
            sheet_row("s", 30, "scrna"), barcodes, cells.search, listed,
            {"CD19": gene}, cells.fetch,
            lambda chrom, a, b: ("chr16", a, window.bases(a, b)), settings,
        )  # fmt: skip
        QUALITY.frame(tables.quality)  # each check once
        return tables

    return make


MOLECULES = [
    ("AAAA", "T1", True, 6),
    ("AAAA", "T2", True, 5),
    ("CCCC", "T1", False, 6),
    ("GGGG", "T1", True, 6),
    ("GGGG", "T2", False, 6),
]
BARCODES = ["AAAA-1", "CCCC-1", "GGGG-1", "TTTT-1"]


def test_reads_of_one_molecule_count_once_and_every_barcode_is_accounted_for(library):
    cells = library(MOLECULES, BARCODES).genotypes.set_index("barcode")
    assert list(cells.index) == BARCODES
    assert list(cells["alt_umis"]) == [2, 0, 1, 0]
    assert list(cells["ref_umis"]) == [0, 1, 1, 0]
    assert cells.loc["AAAA-1", "alt_reads"] > 2
    assert list(cells["state"]) == ["MUTANT", "REFERENCE_ONLY", "MUTANT", "ABSENT_FROM_FILE"]


@pytest.mark.parametrize("listed", [["AAAA", "CCCC", "GGGG", "TTTT"], BARCODES], ids=["bare", "-1"])
@pytest.mark.parametrize("suffix", ["", "-1"], ids=["bare in file", "-1 in file"])
def test_a_missing_suffix_is_tolerated_and_the_barcode_is_echoed_as_listed(library, listed, suffix):
    cells = library(MOLECULES, listed, suffix=suffix).genotypes
    assert list(cells["barcode"]) == listed
    assert cells["alt_umis"].sum() == 3


def test_suffixes_of_two_libraries_are_not_mixed_up():
    numbers, once, repeated = barcode_numbers(["AAAA-1", "AAAA-2", "CCCC", "CCCC-1"])
    assert numbers["AAAA-1"] != numbers["AAAA-2"]
    assert numbers["CCCC"] != numbers["CCCC-1"]
    assert (len(once), repeated) == (4, [])
    assert barcode_numbers(["AAAA", "AAAA"])[2] == ["AAAA"]


def test_too_few_matching_barcodes_fail_the_specimen_with_the_rate(library):
    tables = library(MOLECULES, [f"{i:04d}" for i in range(20)])
    assert tables.genotypes.empty
    assert [row["status"] for row in tables.clones] == ["FAILED"]
    (row,) = tables.quality
    assert (row["check"], row["verdict"], row["value"]) == ("barcode_match", "FAIL", 0.0)


def test_reads_without_molecular_barcode_are_counted_and_said_so(library):
    tables = library(MOLECULES, BARCODES, umi=False)
    assert "molecular_barcodes" in {row["check"] for row in tables.quality}


def test_a_variant_that_the_reference_contradicts_fails_without_stopping_the_others(library, toy):
    _, window = toy
    at = window.start + 449
    good = (at, window.bases(at, at + 4), window.bases(at, at))
    wrong = (at + 50, "ACGTACGTAC", "A")
    tables = library(MOLECULES, BARCODES, variants=[wrong, good])
    assert [row["status"] for row in tables.clones] == ["FAILED", "DETECTED_BELOW_LLOQ"]
    CLONES.frame([tables.clones[1]])


def test_a_clone_is_known_from_the_later_of_its_specimen_and_its_variant(library):
    assert [row["known_from_day"] for row in library(MOLECULES, BARCODES).clones] == [200]


def test_the_share_of_a_clone_lies_in_its_interval_whatever_drops_out():
    rng = np.random.default_rng(8)
    hits = 0
    for _ in range(30):
        carrier = rng.random(300) < 0.1
        covered = rng.poisson(0.8, 300)
        alt = np.where(carrier, rng.binomial(covered, rng.beta(1, 1, 300)), 0)
        clone = clone_of(counts(covered - alt, alt))
        hits += clone.low <= 0.1 <= clone.high
    assert hits >= 26  # 95 % of 30 is 28.5


def test_one_variant_molecule_among_a_thousand_cells_is_no_clone():
    alt = np.zeros(2000, int)
    alt[0] = 1
    clone = clone_of(counts(np.ones(2000, int) - alt, alt))
    states = cell_states(counts(np.ones(2000, int) - alt, alt), clone, np.ones(2000, bool))
    assert "MUTANT" not in set(states)
    assert states[0] == "AMBIGUOUS"


def test_reference_molecules_alone_are_not_called_wild_type():
    given = counts([1, 0, 0], [0, 0, 0], [0, 1, 0])
    states = cell_states(given, clone_of(given), np.array([True, True, False]))
    assert list(states) == ["REFERENCE_ONLY", "AMBIGUOUS", "ABSENT_FROM_FILE"]


def test_a_thousand_cells_without_the_variant_state_what_they_would_have_shown():
    # carriers of a tenth of the hypotheses show a share of 0.15 or less (the priors): 15 % of those
    # with one molecule show it, and 3 / (0.15 * 1000) by the rule of three
    given = counts(np.ones(1000, int), np.zeros(1000, int))
    clone = clone_of(given, error=1e-9)
    assert clone.detectable_fraction == pytest.approx(0.02, rel=0.02)
    assert clone.low == 0
    # one molecule in a thousand is wrong: five cells are asked for (Poisson tables: P(5 or more) is
    # 0.4 % at a mean of 1), and a mean of 9.15 gives five in 95 %
    clone = clone_of(given)
    assert clone.needed == 5
    assert clone.detectable_fraction == pytest.approx((9.15 - 1) / (0.15 * 1000), rel=0.05)


def test_without_coverage_nothing_is_stated():
    clone = clone_of(counts([0, 0], [0, 0]))
    assert clone.detectable_fraction is None
    assert (clone.low, clone.high) == (0, 1)


def test_polymorphisms_inherited_variants_and_unsure_calls_mark_no_clone():
    from aftercar.contracts.sequencing import VARIANTS

    row = {
        "sample_id": "a", "patient_id": "p", "day": 5, "specimen": "BM", "assay": "dna",
        "gene": "CD19", "chrom": "chr16", "ref": "A", "alt": "C", "consequence": "missense",
        "depth": 100, "status": "QUANTIFIED", "filter": "PASS", "known_from_day": 5,
        "origin": "SOMATIC",
    }  # fmt: skip
    variants = VARIANTS.frame(
        [
            row | {"pos": 1, "tier": "T1"},
            row | {"pos": 1, "tier": "T1", "sample_id": "b", "known_from_day": 2},
            row | {"pos": 2, "tier": "POLYMORPHISM"},
            row | {"pos": 3, "tier": "T1", "status": "INDETERMINATE", "filter": "strand_bias"},
            row | {"pos": 4, "tier": "T1", "status": "NOT_DETECTED", "filter": "looked_for"},
            row | {"pos": 5, "tier": "T1", "origin": "GERMLINE"},
        ]
    )
    found = collect_candidates(variants, [("16", 1, "A", "C"), ("16", 9, "A", "C")])
    assert [(c.pos, c.known_from_day) for c in found] == [(1, 2), (9, None)]


def messages(tables, check):
    return " ".join(str(row["message"]) for row in tables.quality if row["check"] == check)


def test_barcodes_that_do_not_match_are_told_apart_by_their_kind_and_never_printed(library):
    tables = library(MOLECULES, ["TTTTTTTT", "GGGGGGGG"])
    told = messages(tables, "barcode_match")
    assert "CB tags of 4 nt with suffix -1" in told
    assert "the list has 8 nt without suffix" in told
    assert "AAAA" not in told


def test_a_file_without_cell_tags_says_so(library, conftest_reads, tmp_path, toy):
    _, window = toy
    bases = np.frombuffer(window.sequence[400:500].encode(), dtype=np.uint8)
    read = (window.start + 399, [(0, 100)], bases, np.full(100, 37, np.uint8), False, 0)
    bam = conftest_reads.write_bam(tmp_path / "bulk.bam", [("r", read, {"CR": "AAAA"})])
    search = TaggedCells(bam, 20).search({"AAAA": 0})
    assert search.tags == "no CB tag in 1 reads (only CR, the uncorrected barcode)"


def test_repeated_barcodes_are_named(library):
    assert "CCCC-1" in messages(library(MOLECULES, [*BARCODES, "CCCC-1"]), "repeated_barcodes")


def test_a_sampled_search_calls_no_barcode_absent(library, monkeypatch):
    monkeypatch.setattr(TaggedCells.search, "__defaults__", (4,))
    tables = library(MOLECULES, BARCODES)
    assert "ABSENT_FROM_FILE" not in set(tables.genotypes["state"])
    assert "none is called absent" in messages(tables, "barcode_search")


def test_a_search_ends_where_all_barcodes_are_found(library, tmp_path):
    library(MOLECULES, BARCODES)
    reader = TaggedCells(tmp_path / "cells.bam", 20)
    search = reader.search({"AAAA-1": 0, "CCCC-1": 1}, limit=20)
    assert (search.seen, search.complete) == ({0, 1}, True)
