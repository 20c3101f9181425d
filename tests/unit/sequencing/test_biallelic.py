"""Two hits count on one cell only where reads, cells or sums of fractions show it."""

import numpy as np
import pandas as pd
import pytest

from aftercar.contracts.sequencing import BIALLELIC, GENOTYPES, LOH, VARIANTS
from aftercar.io.alignments import read_alignments
from aftercar.sequencing.biallelic import Hit, judge_bulk, phase_of_molecules
from aftercar.sequencing.cell_pairs import pair_of_variants, pair_rows
from aftercar.sequencing.gene_copies import add_gene_copies
from aftercar.sequencing.specimens import call_specimen
from aftercar.sequencing.variants import CallSettings

SETTINGS = CallSettings(20, 4, 1e-6, 0.02)
INTACT = {"state": "NO_LOH", "affected_fraction_high": 0.1}
UNKNOWN = {"state": "NOT_INFORMATIVE"}
APART = {frozenset(("a", "b")): "NOT_CIS"}


def hit(name, vaf, *, half=0.03, somatic=True):
    return Hit(name, vaf, max(vaf - half, 0), vaf + half, somatic)


def judged(*hits, phases=None, loh=UNKNOWN, purity=None, detectable=0.01):
    return judge_bulk(
        hits, phases or {}, loh, purity=purity, detectable=detectable, target_vaf=0.02
    )


def test_frameshifts_of_two_subclones_are_not_added_up_on_one_cell():
    # exons 2 and 4, together half of the copies (Asnani 2020): one per cell is enough
    found = judged(hit("a", 0.26), hit("b", 0.22), phases=APART, purity=0.95)
    assert found.state == "SUBCLONAL_ALTERNATIVES"
    # both in one cell: at most twice the rarer one
    assert (found.low, found.high) == (0, pytest.approx(0.5))
    # nor does a gene without loss of heterozygosity make them one
    assert judged(hit("a", 0.26), hit("b", 0.22), phases=APART, loh=INTACT).state == found.state


def test_variants_on_two_copies_of_more_cells_than_there_are_are_in_the_same_cells():
    found = judged(hit("a", 0.45), hit("b", 0.44), phases=APART, purity=0.95)
    assert found.state == "BIALLELIC"
    # (0.42 + 0.41) * 2 - 0.95
    assert found.low == pytest.approx(0.71)


def test_without_phase_the_same_cells_are_not_two_copies():
    assert judged(hit("a", 0.45), hit("b", 0.44), purity=0.95).state == "SAME_CELLS_PHASE_UNKNOWN"


def test_two_variants_on_one_copy_are_one_hit():
    phases = {frozenset(("a", "b")): "CIS"}
    found = judged(hit("a", 0.45), hit("b", 0.44), phases=phases, loh=INTACT, purity=0.95)
    assert found.state == "MONOALLELIC"


def test_the_purity_of_the_leukemia_bounds_only_acquired_variants():
    # half of all copies: an inherited variant shows so in any specimen
    inherited = judged(hit("a", 0.5, somatic=False), purity=0.6)
    assert inherited.state == "NOT_DETERMINED"
    acquired = judged(hit("a", 0.5), purity=0.6)
    assert (acquired.state, acquired.low) == ("BIALLELIC", pytest.approx(0.34))


def test_a_fraction_above_half_contradicts_intact_copies():
    assert judged(hit("a", 0.7), loh=INTACT).state == "NOT_DETERMINED"


def test_a_subclonal_variant_beside_a_clonal_loss_is_in_cells_with_the_loss():
    loh = {"state": "LOH", "affected_fraction_low": 0.88}
    found = judged(hit("a", 0.30), loh=loh, purity=0.95)
    assert (found.state, found.low) == ("BIALLELIC", pytest.approx(0.20))
    # a loss in a third of the cells need not be in those with the variant
    loh = {"state": "LOH", "affected_fraction_low": 0.33}
    assert judged(hit("a", 0.30), loh=loh, purity=0.95).state == "NOT_DETERMINED"


def test_one_copy_is_said_to_be_there_only_if_it_was_read_and_not_lost():
    assert judged(hit("a", 0.3), loh=INTACT).state == "MONOALLELIC"
    assert judged(hit("a", 0.3), loh=INTACT, detectable=None).state == "NOT_DETERMINED"
    assert judged(hit("a", 0.3), loh=UNKNOWN).state == "NOT_DETERMINED"
    # a clone of 4 %: its loss of the other copy would hardly move the allele shares
    assert judged(hit("a", 0.02, half=0.005), loh=INTACT).state == "NOT_DETERMINED"
    assert judged(loh=INTACT, purity=0.8).state == "NO_HIT"
    # without purity, a few leukemic cells may all lack the copy that the others have
    assert judged(loh=INTACT).state == "NOT_DETERMINED"
    assert judged(loh=UNKNOWN).state == "NOT_DETERMINED"
    assert judged(loh=INTACT, detectable=0.05).state == "NOT_DETERMINED"


@pytest.mark.parametrize(
    ("counts", "state"),
    [
        ((40, 0, 1), "CIS"),
        ((0, 30, 25), "NOT_CIS"),
        ((1, 30, 25), "NOT_CIS"),
        ((0, 30, 2), "NOT_DETERMINED"),
        ((15, 30, 20), "NOT_DETERMINED"),
        ((0, 0, 0), "NOT_DETERMINED"),
    ],
)
def test_molecules_tell_phase_only_in_numbers(counts, state):
    assert phase_of_molecules(*counts) == state


# From reads to rows


@pytest.fixture
def changes(toy):
    """A frameshift in each exon and the gene's polymorphism."""
    _, window = toy

    def lost(offset, size):
        at = window.start + offset
        ref = window.bases(at, at + size)
        return at, ref, ref[0]

    return lost(449, 4), lost(730, 2), (window.start + 629, "C", "G")


@pytest.fixture
def copies(toy, sheet_row, specimen_bam):
    gene, window = toy

    def make(clones, name="s1", **sheet):
        bam = specimen_bam(
            window.sequence, window.start, clones, depth=700,
            span=(window.start + 300, window.start + 960), name=f"{name}.bam", seed=4,
        )  # fmt: skip

        def fetch(chrom, intervals):
            return read_alignments(bam, chrom, intervals, min_mapping_quality=20)

        row = sheet_row(name, 30, path="x") | sheet
        found = call_specimen(row, {"CD19": gene}, {"CD19": window}, fetch, SETTINGS)
        for variant in found.rows["variants"]:
            variant["origin"] = "SOMATIC"
        add_gene_copies([found], SETTINGS)
        rows = BIALLELIC.frame(found.rows["biallelic"]).to_dict("records")
        by_basis = {r["basis"]: r for r in rows}
        return by_basis["dna"], by_basis.get("molecules"), found

    return make


def test_reads_of_two_subclones_give_alternatives(copies, changes):
    first, second, _ = changes
    gene, pair, _ = copies([([first], 0.24), ([second], 0.22)])
    assert (pair["state"], pair["both"]) == ("NOT_CIS", 0)
    assert min(pair["first_only"], pair["second_only"]) > 5
    assert (gene["state"], gene["status"]) == ("SUBCLONAL_ALTERNATIVES", "INDETERMINATE")
    assert gene["hits"].count("%") == 2


def test_reads_of_a_compound_heterozygote_in_trans_give_both_copies(copies, changes):
    first, second, _ = changes
    gene, pair, _ = copies([([first], 0.47), ([second], 0.47)])
    assert pair["state"] == "NOT_CIS"
    assert (gene["state"], gene["status"]) == ("BIALLELIC", "QUANTIFIED")
    assert gene["cells_fraction_low"] > 0.5


def test_reads_with_both_variants_on_one_copy_give_one_hit(copies, changes):
    first, second, _ = changes
    gene, pair, _ = copies([([first, second], 0.45)])
    assert pair["state"] == "CIS"
    assert gene["state"] != "BIALLELIC"


def test_a_frameshift_beside_a_deleted_copy_gives_both_copies(copies, changes):
    first, _, snp = changes
    # purity 0.8, one copy deleted in the leukemia: 0.8 of 1.2 copies carry the frameshift
    gene, _, found = copies([([first, snp], 0.8 / 1.2), ([snp], 0.2 / 1.2)], purity="0.8")
    loh = LOH.frame(found.rows["loh"]).to_dict("records")[0]
    assert loh["state"] == "LOH"
    assert loh["affected_fraction_low"] < 0.8 < loh["affected_fraction_high"]
    assert (gene["state"], gene["status"]) == ("BIALLELIC", "QUANTIFIED")
    assert "loss of heterozygosity" in gene["hits"]


# Single cells


def table(rng, classes, *, depth, pos, dropout=0.05, doublets=0.04):
    """Rows of GENOTYPES of one variant: heterozygous cells that lose a copy now and then."""
    n = len(classes)
    partner = rng.permutation(n)
    double = rng.random(n) < doublets
    carrier = classes | np.where(double, classes[partner], False)
    total = rng.poisson(depth, n)
    share = np.where(carrier, 0.5, 0.003)
    share = np.where(carrier & double & ~(classes & classes[partner]), 0.25, share)
    lost = rng.random(n)
    share = np.where(carrier & (lost < dropout), 0.003, share)
    share = np.where(carrier & (lost > 1 - dropout), 0.997, share)
    alt = rng.binomial(total, share)
    state = np.where(alt >= 2, "MUTANT", np.where(total > 0, "REFERENCE_ONLY", "NO_COVERAGE"))
    return pd.DataFrame({
        "sample_id": "c1", "barcode": [f"b{i}" for i in range(n)], "gene": "CD19",
        "chrom": "chr16", "pos": pos, "ref": "C", "alt": "CT", "hgvs_c": f"c.{pos}dup",
        "ref_umis": total - alt, "alt_umis": alt, "state": state,
    })  # fmt: skip


def drawn(rng, shares, cells=400, depth=12):
    """Tables of two variants for cells with (none, first, second, both) in these shares."""
    what = rng.choice(4, size=cells, p=shares)
    kept = np.random.default_rng(int(rng.integers(1 << 30)))
    seed = int(kept.integers(1 << 30))
    first = table(np.random.default_rng(seed), np.isin(what, (1, 3)), depth=depth, pos=201)
    # the same doublets: the generator starts alike
    second = table(np.random.default_rng(seed), np.isin(what, (2, 3)), depth=depth, pos=421)
    return first, second


def test_cells_of_two_subclones_are_alternatives():
    rng = np.random.default_rng(21)
    states = [
        pair_of_variants(*drawn(rng, (0.3, 0.4, 0.3, 0.0)), "NOT_CIS").state for _ in range(30)
    ]
    assert states.count("SUBCLONAL_ALTERNATIVES") >= 27
    assert "BIALLELIC" not in states


def test_cells_with_both_variants_in_trans_have_both_copies_hit():
    rng = np.random.default_rng(22)
    found = [pair_of_variants(*drawn(rng, (0.4, 0.1, 0.0, 0.5)), "NOT_CIS") for _ in range(30)]
    assert [pair.state for pair in found].count("BIALLELIC") >= 28
    assert np.mean([pair.low <= 0.5 <= pair.high for pair in found]) >= 0.85
    # what one molecule does not tell stays open
    pair = pair_of_variants(*drawn(rng, (0.4, 0.1, 0.0, 0.5)))
    assert pair.state == "SAME_CELLS_PHASE_UNKNOWN"


def test_shallow_cells_of_two_small_subclones_are_never_called_one_clone():
    rng = np.random.default_rng(6)
    found = [
        pair_of_variants(*drawn(rng, (0.9, 0.05, 0.05, 0.0), cells=800, depth=2), "NOT_CIS")
        for _ in range(15)
    ]
    assert "BIALLELIC" not in [pair.state for pair in found]


def test_few_cells_tell_nothing():
    rng = np.random.default_rng(23)
    pair = pair_of_variants(*drawn(rng, (0.3, 0.4, 0.3, 0.0), cells=10, depth=1))
    assert pair.state == "NOT_DETERMINED"


def test_a_missing_genotype_is_not_wild_type():
    rng = np.random.default_rng(24)
    first, second = drawn(rng, (0.3, 0.4, 0.3, 0.0))
    second = second.assign(ref_umis=0, alt_umis=0, state="NO_COVERAGE")
    pair = pair_of_variants(first, second)
    assert (pair.covered, pair.first_only, pair.state) == (0, 0, "NOT_DETERMINED")


def test_rows_of_cells_keep_the_contract_and_know_their_day(sheet_row):
    rng = np.random.default_rng(25)
    first, second = drawn(rng, (0.4, 0.1, 0.0, 0.5))
    genotypes = pd.concat([first, second])
    blank = {n: "" if c.dtype == "string" else None for n, c in VARIANTS.columns.items()}
    variants = pd.DataFrame([
        blank | {"gene": "CD19", "chrom": "chr16", "pos": pos, "ref": "C", "alt": "CT",
                 "hgvs_c": f"c.{pos}dup", "tier": "T1", "filter": "PASS", "known_from_day": day}
        for pos, day in ((201, 90), (421, 60))
    ])  # fmt: skip
    bulk = BIALLELIC.frame([{
        "sample_id": "d1", "patient_id": "p1", "day": 120, "specimen": "BM", "gene": "CD19",
        "basis": "molecules", "first": "c.421dup", "second": "c.201dup", "state": "NOT_CIS",
        "known_from_day": 120, "status": "QUANTIFIED",
    }])  # fmt: skip
    rows = pair_rows([sheet_row("c1", 30, "scrna")], genotypes, variants, bulk)
    row = BIALLELIC.frame(rows).to_dict("records")[0]
    assert (row["state"], row["known_from_day"]) == ("BIALLELIC", 120)
    rows = pair_rows([sheet_row("c1", 30, "scrna")], genotypes, variants, BIALLELIC.empty())
    assert (rows[0]["state"], rows[0]["known_from_day"]) == ("SAME_CELLS_PHASE_UNKNOWN", 90)
    assert set(rows[0]) <= set(BIALLELIC.columns)
    assert {"barcode", "ref_umis", "alt_umis", "state"} <= set(GENOTYPES.columns)
