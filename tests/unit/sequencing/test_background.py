"""Controls tell the errors of a site from variants; one that carries the variant is none."""

import numpy as np
import pytest

from aftercar.contracts.sequencing import BACKGROUND
from aftercar.io.alignments import read_alignments
from aftercar.sequencing.alleles import Allele
from aftercar.sequencing.background import (
    SiteBackground,
    SiteCounts,
    backgrounds_of,
    site_counts,
    site_rates,
)
from aftercar.sequencing.callability import limits_by_base, measure_callability
from aftercar.sequencing.fragments import split_segments
from aftercar.sequencing.run_background import background_rows
from aftercar.sequencing.specimens import unassessed_specimen, wanted_positions
from aftercar.sequencing.variants import CallSettings, call_variants
from aftercar.stats.beta_binomial import smallest_significant

CONTEXT = np.full(3, 3e-4)
DISPERSION = 2e-5


def drawn(rng, rate, variation, depth):
    """Error counts of one library per depth: its own rate is gamma about `rate`."""
    own = rng.gamma(1 / variation, rate * variation, len(depth))
    return rng.binomial(depth, np.minimum(own, 1))


def all_needed(controls, depth):
    """Fragments that make a call at a site of `depth`, for each (errors, totals) of controls."""
    found = [site_rates(site_counts(*counts, 3e-4), CONTEXT, DISPERSION) for counts in controls]
    rate, dispersion = (np.array(part) for part in zip(*found, strict=True))
    return smallest_significant(np.full(len(rate), depth), rate[:, 0], dispersion, 1e-6, 4)


def needed(errors, total, depth):
    """Fragments that make a call at a site of `depth`, with these controls."""
    return int(all_needed([(errors, total)], depth)[0])


@pytest.mark.parametrize("rate", [0.01, 0.03])
def test_an_error_of_all_controls_is_no_call_in_the_next_library_but_ten_times_as_much_is(rate):
    rng = np.random.default_rng(5)
    controls, seen, variant = [], [], []
    alone = int(smallest_significant(np.array([1500]), CONTEXT[:1], DISPERSION, 1e-6, 4)[0])
    for _ in range(300):
        depth = rng.integers(500, 3000, 6)
        controls.append((drawn(rng, rate, 0.15, depth), depth))
        seen.append(drawn(rng, rate, 0.15, np.array([1500]))[0])
        variant.append(rng.binomial(1500, 10 * rate))
    threshold = all_needed(controls, 1500)
    assert (np.array(seen) >= alone).sum() > 250  # the context alone calls it nearly always
    assert (np.array(seen) >= threshold).sum() == 0
    assert (np.array(variant) >= threshold).sum() >= 285


def test_controls_without_errors_of_their_own_do_not_cost_sensitivity():
    rng = np.random.default_rng(6)
    alone = int(smallest_significant(np.array([1500]), CONTEXT[:1], DISPERSION, 1e-6, 4)[0])
    controls = []
    for _ in range(500):
        depth = rng.integers(500, 3000, 6)
        controls.append((rng.binomial(depth, 3e-4), depth))
    assert (all_needed(controls, 1500) > alone + 1).sum() <= 5


@pytest.mark.parametrize("fraction", [0.02, 0.1, 0.5, 1.0])
def test_one_control_that_carries_the_variant_does_not_blind_the_site(fraction):
    rng = np.random.default_rng(7)
    controls = []
    for _ in range(200):
        depth = rng.integers(1000, 3000, 5)
        controls.append((rng.binomial(depth, [3e-4, 3e-4, 3e-4, 3e-4, fraction]), depth))
    assert (all_needed(controls, 1500) > 12).sum() <= 4


def test_two_carriers_of_six_controls_do_not_blind_the_site():
    counts = site_counts([0, 1, 0, 1, 60, 45], [2000] * 6, 3e-4)
    assert (counts.errors, counts.controls, counts.left_out) == (2, 4, 2)


def test_an_error_that_most_controls_show_is_never_taken_for_a_variant_of_theirs():
    counts = site_counts([20, 42, 25, 61, 33], [2000] * 5, 3e-4)
    assert (counts.errors, counts.controls, counts.showing, counts.left_out) == (181, 5, 5, 0)


def test_sites_without_a_control_keep_the_rate_of_their_context():
    assert site_counts([], [], 3e-4) is None
    assert site_counts([0, 900], [0, 1000], 3e-4) is None  # not covered, and a carrier
    allele = Allele(5, "A", "C")
    rate, dispersion = SiteBackground(({},)).rates(allele, CONTEXT, DISPERSION)
    assert rate is CONTEXT
    assert dispersion == DISPERSION


def test_of_the_run_and_the_panel_the_one_that_shows_more_errors_counts():
    allele = Allele(5, "A", "C")
    quiet = SiteCounts(1, 20_000, 10, 1, 0, 0.25)
    loud = SiteCounts(120, 6000, 3, 3, 0, 0.25)
    for sources in (({allele: quiet}, {allele: loud}), ({allele: loud}, {allele: quiet})):
        rate, _ = SiteBackground(sources).rates(allele, CONTEXT, DISPERSION)
        assert rate == pytest.approx(np.full(3, 0.0185), rel=0.05)


def test_fewer_controls_demand_more_of_a_variant():
    assert needed([40], [2000], 1500) > needed([40] * 2, [2000] * 2, 1500)
    assert needed([40] * 2, [2000] * 2, 1500) > needed([40] * 8, [2000] * 8, 1500)


def test_the_limit_of_detection_grows_where_controls_show_an_error(toy, specimen_bam):
    gene, window = toy
    bam = specimen_bam(window.sequence, window.start, [], depth=700,
                       span=(window.start + 300, window.start + 960))  # fmt: skip
    segments = split_segments(
        read_alignments(bam, "chr16", [(window.start, window.end)], min_mapping_quality=20)
    )
    settings = CallSettings(20, 4, 1e-6, 0.02)
    noisy = {}
    for pos in range(gene.exons[0].start, gene.exons[0].start + 30):
        base = window.bases(pos, pos)
        allele = Allele(pos, base, "ACGT"[("ACGT".index(base) + 1) % 4])
        noisy[allele] = SiteCounts(200, 10_000, 5, 5, 0, 0.2)
    limits = []
    for background in (None, SiteBackground((noisy,))):
        calls = call_variants(
            segments, window, wanted_positions(gene, window), settings, background
        )
        bases = limits_by_base(gene, window, calls, settings)
        rows = measure_callability(gene, bases, settings)
        limits.append([row["detectable_vaf"] for row in rows])
    assert limits[0][0] < 0.03
    assert 0.05 < limits[1][0] < 0.2
    assert limits[1][1] == limits[0][1]  # exon 2 has no such site
    assert limits[1][2] == limits[1][0]  # the gene is as blind as its worst exon


def test_an_error_that_all_controls_of_a_run_show_is_no_call_and_ten_times_as_much_is(examine, toy):
    gene, window = toy
    at = gene.exons[0].start + 60
    base = window.bases(at, at)
    artefact = (at, base, "ACGT"[("ACGT".index(base) + 1) % 4])
    lost = (at + 45, window.bases(at + 45, at + 47), window.bases(at + 45, at + 45))
    settings = CallSettings(20, 4, 1e-6, 0.02)
    controls = [
        examine(f"h{i}", i, [([artefact], share), ([lost], share)], depth=900)
        for i, share in enumerate((0.018, 0.022, 0.03, 0.024))
    ]
    rows = BACKGROUND.frame(background_rows(controls, settings)).to_dict("records")
    for change in (artefact, lost):
        (site,) = [row for row in rows if (row["pos"], row["ref"], row["alt"]) == change]
        assert (site["controls"], site["controls_showing"], site["controls_left_out"]) == (4, 4, 0)
        assert 0.018 < site["error_fragments"] / site["fragments"] < 0.03

    def called(clones, backgrounds):
        found = examine("s", 20, clones, depth=900, backgrounds=backgrounds)
        return {(row["pos"], row["ref"], row["alt"]) for row in found.rows["variants"]}

    backgrounds = backgrounds_of([rows])
    noise = [([artefact], 0.025), ([lost], 0.025)]
    assert called(noise, None) == {artefact, lost}
    assert called(noise, backgrounds) == set()
    assert called([([artefact], 0.25)], backgrounds) == {artefact}
    assert called([([lost], 0.25)], backgrounds) == {lost}
    # of another run, the same specimen is read without them
    assert called(noise, backgrounds_of([[]])) == {artefact, lost}


def test_a_control_that_could_not_be_read_is_left_out_of_the_background(examine, toy, sheet_row):
    gene, _ = toy
    broken = unassessed_specimen(sheet_row("h", 1), {"CD19": gene}, "FAILED", "truncated", 0.02)
    rows = background_rows([examine("h2", 2, []), broken], CallSettings(20, 4, 1e-6, 0.02))
    assert {row["controls"] for row in rows} == {1}
    assert background_rows([broken], CallSettings(20, 4, 1e-6, 0.02)) == []
