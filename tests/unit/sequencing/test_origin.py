"""Inherited, acquired, or not to be told: never guessed from too little, never hidden."""

from dataclasses import replace

import numpy as np
import pytest

from aftercar.sequencing.alleles import Allele, left_align
from aftercar.sequencing.consequence import predict
from aftercar.sequencing.genes import Polymorphism
from aftercar.sequencing.lookback import add_known_variants
from aftercar.sequencing.matched_normals import compare_with_normals
from aftercar.sequencing.origin import compare_with_normal, inherited_factor
from aftercar.sequencing.variants import CallSettings, Evidence

SETTINGS = CallSettings(20, 4, 1e-6, 0.02)
SUBSTITUTE = {"A": "C", "C": "A", "G": "T", "T": "G"}


def normal_counts(alternative, depth):
    """Evidence of normal cells for a variant, on one strand class."""
    seen, total = np.array([alternative, 0, 0]), np.array([depth, 0, 0])
    return Evidence(Allele(5, "A", "C"), seen, total, np.full(3, 3e-4), 2e-5)


def verdicts(rng, depth, fraction, balance=0.0, runs=2000):
    own = np.full(runs, fraction)
    if balance:
        spread = 1 / balance - 1
        own = rng.beta(fraction * spread, (1 - fraction) * spread, runs)
    counts, drawn = np.unique(rng.binomial(depth, own), return_counts=True)
    found: dict[str, float] = {}
    for n, times in zip(counts.tolist(), drawn.tolist(), strict=True):
        word = compare_with_normal(normal_counts(n, depth))
        found[word] = found.get(word, 0) + times / runs
    return found


@pytest.mark.parametrize("fraction", [3e-4, 0.02, 0.1, 0.2])
@pytest.mark.parametrize("depth", [8, 30, 100, 500])
def test_what_leukemia_leaves_in_normal_cells_is_never_taken_for_inherited(depth, fraction):
    found = verdicts(np.random.default_rng(3), depth, fraction)
    assert found.get("INHERITED", 0) <= 1e-3


@pytest.mark.parametrize("fraction", [0.5, 0.995])
@pytest.mark.parametrize("depth", [4, 8, 15, 30, 100, 500])
def test_an_inherited_variant_is_never_called_absent(depth, fraction):
    balance = 0.004 if fraction == 0.5 else 0.0
    found = verdicts(np.random.default_rng(4), depth, fraction, balance)
    assert found.get("ABSENT", 0) + found.get("TRACE", 0) <= 1e-3


def test_a_deep_normal_decides():
    rng = np.random.default_rng(5)
    assert verdicts(rng, 300, 0.5, 0.004)["INHERITED"] > 0.95
    assert verdicts(rng, 300, 0.995)["INHERITED"] > 0.99
    assert verdicts(rng, 300, 3e-4)["ABSENT"] > 0.99
    assert verdicts(rng, 300, 0.05)["TRACE"] > 0.99


def test_a_normal_of_five_fragments_decides_nothing():
    for alternative in range(5):  # five of five are no trace
        assert compare_with_normal(normal_counts(alternative, 5)) in (
            "MAYBE_INHERITED",
            "UNDECIDED",
        )
    assert compare_with_normal(normal_counts(0, 0)) == "UNDECIDED"


@pytest.mark.parametrize(("alternative", "total"), [(0, 20), (7, 20), (19, 20), (90, 200)])
def test_the_factor_agrees_with_the_beta_binomials_of_scipy(alternative, total):
    from scipy.stats import betabinom, binom

    def chance(fraction):
        spread = 1 / 0.004 - 1
        return betabinom.pmf(alternative, total, fraction * spread, (1 - fraction) * spread)

    traces = np.mean([chance(f) for f in np.linspace(0.0015, 0.2985, 100)])
    inherited = (chance(0.5) + chance(0.99)) / 2
    other = (binom.pmf(alternative, total, 3e-4) + traces) / 2
    found = inherited_factor(alternative, total, 3e-4, 0.0)
    assert found == pytest.approx(inherited / other, rel=1e-6)


# On simulated reads of a patient and his normal cells


@pytest.fixture
def deletion(toy):
    """A frameshift in exon 1: four bases lost."""
    _, window = toy
    at = window.start + 449
    ref = window.bases(at, at + 4)
    return at, ref, ref[0]


def judged(found, normals):
    add_known_variants(found, {}, SETTINGS)
    compare_with_normals(found, normals, SETTINGS)
    return [row for findings in found for row in findings.rows["variants"]]


def test_a_variant_that_a_deep_normal_lacks_is_somatic_with_the_normals_limit(examine, deletion):
    (row,) = judged([examine("r", 90, [([deletion], 0.3)])], [examine("t_cells", 5, [])])
    assert row["origin"] == "SOMATIC"
    assert "absent from matched normal t_cells (0 of " in row["flags"]
    assert "and more would show" in row["flags"]
    assert (row["normal_alt_fragments"], row["normal_depth"] > 400) == (0, True)


def test_a_loss_of_function_in_half_of_the_normal_is_germline_shown_and_flagged(examine, deletion):
    normal = examine("skin", -9, [([deletion], 0.5)], purity="0")
    (row,) = judged([examine("r", 90, [([deletion], 0.5)])], [normal])
    assert (row["origin"], row["tier"], row["filter"]) == ("GERMLINE", "T1", "PASS")
    assert "an inherited loss of function: was there before the leukemia" in row["flags"]


@pytest.mark.parametrize("purity", ["", "0.31"])
def test_a_loss_in_a_normal_that_may_be_leukemia_is_not_called_inherited(examine, deletion, purity):
    normal = examine("remission", 28, [([deletion], 0.5)], depth=200, purity=purity)
    (row,) = judged([examine("r", 90, [([deletion], 0.5)], depth=150)], [normal])
    assert (row["origin"], row["tier"]) == ("POSSIBLY_GERMLINE", "T1")
    assert "nothing says that it is free of leukemia" in row["flags"]
    assert "no escape from therapy" not in row["flags"]


def test_a_second_specimen_that_leukemia_cannot_explain_makes_a_loss_inherited(examine, deletion):
    def normal(name, day, **sheet):
        return examine(name, day, [([deletion], 0.5)], depth=150, **sheet)

    marrow = normal("remission", 28)
    (row,) = judged([normal("r", 90)], [marrow, normal("skin", 5, specimen="tissue")])
    assert row["origin"] == "GERMLINE"
    rows = judged([normal("r", 91), normal("early", 5, purity="0.1")], [marrow])
    assert [row["origin"] for row in rows if row["sample_id"] == "r"] == ["GERMLINE"]
    rows = judged([normal("r", 92), normal("early", 6, purity="0.8")], [marrow])
    assert {row["origin"] for row in rows if row["sample_id"] == "r"} == {"POSSIBLY_GERMLINE"}


def test_other_changes_than_losses_of_function_need_no_purity_of_the_normal(examine, toy):
    gene, window = toy
    places = range(gene.exons[0].start + 60, gene.exons[0].end - 60)
    changes = [(p, window.bases(p, p), SUBSTITUTE[window.bases(p, p)]) for p in places]
    change = next(c for c in changes if predict(gene, Allele(*c), window).tier in ("T3", "T4"))
    normal = examine("remission", 28, [([change], 0.5)], depth=150)
    (row,) = judged([examine("r", 90, [([change], 0.5)], depth=150)], [normal])
    assert row["origin"] == "GERMLINE"


def test_residual_leukemia_in_the_normal_does_not_make_its_variant_inherited(examine, deletion):
    normal = examine("remission", 28, [([deletion], 0.06)])
    (row,) = judged([examine("r", 90, [([deletion], 0.4)])], [normal])
    assert row["origin"] == "NOT_DETERMINED"
    assert "too little to be inherited; leukemia left in the normal" in row["flags"]


def test_a_shallow_normal_is_said_to_be_too_shallow(examine, deletion):
    (row,) = judged([examine("r", 90, [([deletion], 0.2)])], [examine("n", 5, [], depth=4)])
    assert row["origin"] == "NOT_DETERMINED"
    assert "is too shallow to tell" in row["flags"]


@pytest.mark.parametrize(
    ("share", "origin", "flag"),
    [
        (1.0, "POSSIBLY_GERMLINE", "more often inherited than a clonal loss"),
        (0.5, "POSSIBLY_GERMLINE", "near 50 % may be inherited (weak"),
        (0.2, "NOT_DETERMINED", "no matched normal was compared"),
    ],
)
def test_without_a_normal_the_fraction_alone_decides_nothing(
    examine, deletion, share, origin, flag
):
    (row,) = judged([examine("r", 90, [([deletion], share)])], [])
    assert row["origin"] == origin
    assert "no matched normal was compared" in row["flags"]
    assert flag in row["flags"]


def test_half_of_the_fragments_are_not_inherited_where_an_earlier_specimen_lacks_them(
    examine, deletion
):
    found = [examine("r", 90, [([deletion], 0.5)]), examine("early", -5, [])]
    rows = judged(found, [])
    assert {row["origin"] for row in rows} == {"NOT_DETERMINED"}
    assert "not inherited, unless from a donor: 0 of " in rows[0]["flags"]


def test_a_relapse_declared_as_normal_is_contradicted_by_a_specimen_without_the_variant(
    examine, deletion
):
    normal = examine("n", 80, [([deletion], 0.5)])
    found = [examine("r", 90, [([deletion], 0.5)]), examine("early", -5, [])]
    row = judged(found, [normal])[0]
    assert row["origin"] == "NOT_DETERMINED"
    assert "leukemia in the normal, or cells of two people" in row["flags"]


def test_a_normal_of_a_later_day_is_not_looked_ahead_at(examine, deletion):
    normal = examine("late", 120, [([deletion], 0.5)])
    (row,) = judged([examine("r", 90, [([deletion], 0.5)])], [normal])
    assert row["origin"] == "POSSIBLY_GERMLINE"
    assert "late not used: it was collected later" in row["flags"]
    timeless = examine("skin", 7, [([deletion], 0.5)], purity="0")
    timeless.sample["day"] = ""
    (row,) = judged([examine("r", -3, [([deletion], 0.5)])], [timeless])
    assert row["origin"] == "GERMLINE"


@pytest.mark.parametrize(("mine", "its"), [(1.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)])
def test_a_normal_of_another_person_is_not_used_and_said(examine, deletion, toy, mine, its):
    _, window = toy
    common = (window.start + 629, "C", "G")
    found = examine("r", 90, [([deletion, common], 0.2 * mine), ([common], 0.8 * mine),
                              ([deletion], 0.2 * (1 - mine))])  # fmt: skip
    rows = judged([found], [examine("n", 5, [([common], its)])])
    row = next(row for row in rows if row["tier"] == "T1")
    assert row["origin"] == "NOT_DETERMINED"
    assert "n not used: it does not fit this specimen" in row["flags"]
    (check,) = [c for c in found.rows["quality"] if c["check"] == "matched_normal:n"]
    assert check["verdict"] == "FLAG"
    assert "the normal lacks an allele of rs1 that the specimen has" in check["message"]


def test_a_normal_that_does_not_fit_one_specimen_is_used_for_none(examine, deletion, toy):
    """Whose the normal is, is one question: an answer for each specimen would be two patients."""
    _, window = toy
    common = (window.start + 629, "C", "G")
    early = examine("early", 5, [([deletion], 0.5)])
    late = examine("late", 90, [([deletion, common], 0.5), ([common], 0.5)])
    rows = judged([early, late], [examine("n", -9, [([], 1.0)], purity="0")])
    assert {row["origin"] for row in rows if row["tier"] == "T1"} <= {
        "NOT_DETERMINED", "POSSIBLY_GERMLINE"
    }  # fmt: skip
    for findings in (early, late):
        (check,) = [c for c in findings.rows["quality"] if c["check"] == "matched_normal:n"]
        assert check["verdict"] == "FLAG"
        assert "not used for any specimen of the patient" in check["message"]
        assert ("late of this patient" in check["message"]) == (findings is early)


@pytest.mark.parametrize(("mine", "its"), [(0.5, 0.5), (0.95, 0.5), (0.05, 0.5), (1.0, 1.0)])
def test_a_lost_allele_of_the_leukemia_does_not_make_the_normal_another_person(
    examine, toy, mine, its
):
    _, window = toy
    common = (window.start + 629, "C", "G")
    found = examine("r", 90, [([common], mine)])
    judged([found], [examine("n", 5, [([common], its)])])
    (check,) = [c for c in found.rows["quality"] if c["check"] == "matched_normal:n"]
    assert check["verdict"] == "PASS"


def test_a_normal_that_could_not_be_measured_is_named(examine, deletion, toy, sheet_row):
    from aftercar.sequencing.specimens import unassessed_specimen

    broken = unassessed_specimen(
        sheet_row("n", 1), {"CD19": toy[0]}, "FAILED", "a truncated BAM file", 0.02
    )
    (row,) = judged([examine("r", 90, [([deletion], 0.2)])], [broken])
    assert "matched normal n was not measured at this gene" in row["flags"]


def test_a_polymorphism_is_one_with_or_without_a_normal(examine, toy):
    _, window = toy
    common = (window.start + 629, "C", "G")
    normal = examine("n", 5, [([common], 0.5)])
    (row,) = judged([examine("r", 90, [([common], 0.9)])], [normal])
    assert (row["origin"], row["tier"]) == ("POLYMORPHISM", "POLYMORPHISM")
    (row,) = judged([examine("r", 90, [([common], 0.9)])], [])
    assert row["origin"] == "POLYMORPHISM"


def test_a_lost_allele_is_told_by_positions_of_the_normal_that_the_leukemia_has_lost(examine, toy):
    _, window = toy
    at = window.start + 700
    private = (at, window.bases(at, at), SUBSTITUTE[window.bases(at, at)])
    normal = examine("n", 5, [([private], 0.5)])
    alone, compared, early = (examine("r", day, [([private], 0.96)]) for day in (90, 91, 3))
    judged([alone], [])
    judged([compared, early], [normal])
    assert alone.rows["loh"][0]["state"] == "NOT_INFORMATIVE"  # looks homozygous
    (row,) = compared.rows["loh"]
    assert (row["state"], row["informative_snps"]) == ("LOH", 1)
    assert "matched normal n" in row["flags"]
    assert early.rows["loh"][0]["state"] == "NOT_INFORMATIVE"  # the normal did not exist yet


def with_polymorphism(gene, allele, frequency):
    known = Polymorphism("rs2", allele.pos, allele.ref, allele.alt, frequency, "")
    return replace(gene, polymorphisms=(known,))


def test_an_indel_polymorphism_is_recognised_however_it_is_spelled(toy):
    gene, window = toy
    at = next(p for p in range(gene.exons[0].start, gene.exons[0].end)
              if window.bases(p, p) == window.bases(p + 1, p + 1))  # fmt: skip
    rightmost = Allele(at, window.bases(at, at + 1), window.bases(at, at))  # the second of the run
    called = left_align(rightmost, window)
    assert called != rightmost
    found = predict(with_polymorphism(gene, rightmost, 0.02), called, window)
    assert (found.effect, found.tier) == ("frameshift", "POLYMORPHISM")
    other = left_align(Allele(at, window.bases(at, at + 2), window.bases(at, at)), window)
    assert predict(with_polymorphism(gene, rightmost, 0.02), other, window).tier == "T1"


def test_a_rare_allele_is_no_polymorphism_and_a_common_one_is_named_as_the_usual_base(toy):
    gene, window = toy
    at = gene.exons[0].start + 50
    allele = Allele(at, window.bases(at, at), SUBSTITUTE[window.bases(at, at)])
    assert predict(with_polymorphism(gene, allele, 1e-3), allele, window).tier != "POLYMORPHISM"
    found = predict(with_polymorphism(gene, allele, 0.83), allele, window)
    assert found.tier == "POLYMORPHISM"
    assert f"{allele.alt} is the common allele, the reference base the minor one" in found.flags


def test_a_patient_with_the_reference_base_at_a_minor_reference_site_has_no_finding(examine, toy):
    (row,) = examine("common", 5, [([(toy[1].start + 629, "C", "G")], 1.0)]).rows["variants"]
    assert row["tier"] == "POLYMORPHISM"
    assert examine("reference", 6, []).rows["variants"] == []
