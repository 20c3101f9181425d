from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from tests.unit.singlecell.drawn_cells import draw, measure, mixed, sample

from aftercar.contracts.singlecell import ANTIGEN_LOSS, CELL_POPULATIONS, SHARED_LOSS_HIDDEN
from aftercar.singlecell.antigen_loss import (
    above_background,
    loss_p_value,
    rate_of,
)
from aftercar.singlecell.limits import CloneSearch
from aftercar.stats.negative_binomial import ratio_interval

WITHOUT_CD19 = {"lost": {"CD19": 0}}


def losses(result, antigen="CD19"):
    found = ANTIGEN_LOSS.frame(result.loss)
    return found[found["antigen"] == antigen].set_index("population")


def populations_of(result, label):
    """Kinds that each sub-population consists of."""
    cells = pd.DataFrame(result.cells)
    kind = dict(zip(result.assessed.cells.molecules.matrix.barcode, label, strict=False))
    return pd.crosstab(cells["population"], cells["barcode"].map(kind))


def labels_of(matrix, label, names, subpopulations=False):
    words = [names[kind] for kind in label]
    return pd.DataFrame(
        {
            "barcode": matrix.barcode,
            "label": words,
            "subpopulation": [
                kind if subpopulations and w == "leukemic_b" else ""
                for kind, w in zip(label, words, strict=True)
            ],
        }
    )


NAMES = {
    "blast": "leukemic_b", "lost": "leukemic_b", "t": "normal_t", "nk": "normal_nk",
    "monocyte": "normal_myeloid", "mature_b": "normal_b",
}  # fmt: skip


@pytest.mark.parametrize("seed", [1, 2])
def test_a_planted_negative_subpopulation_is_lost_and_the_others_are_retained(seed):
    matrix, label = draw(mixed(lost=("blast", 120)), seed, antigen=WITHOUT_CD19, shifted=("lost",))
    result = measure(matrix)
    found, truth = losses(result), populations_of(result, label)
    planted = truth.index[truth["lost"] > 0.5 * truth.sum(axis=1)]
    assert set(found.loc[planted, "status"]) == {"LOST"}
    kept = found[(found["identity"] == "leukemic_b") & ~found.index.isin(planted)]
    assert set(kept["status"]) <= {"RETAINED"}
    lost = found.loc[planted]
    assert (
        lost["fraction_of_leukemic_low"].min()
        <= 120 / 470
        <= lost["fraction_of_leukemic_high"].max()
    )

    found = losses(result, "CD22")
    assert set(found.loc[found["identity"] == "leukemic_b", "status"]) == {"RETAINED"}


def test_a_reduced_subpopulation_is_not_called_lost():
    matrix, label = draw(
        mixed(lost=("blast", 250)), 4, antigen={"lost": {"CD19": 0.25}}, shifted=("lost",)
    )
    labels = labels_of(matrix, label, NAMES, subpopulations=True)
    found = losses(measure(matrix, labels))
    assert found.loc["leukemic_b: lost", "status"] == "REDUCED"
    assert found.loc["leukemic_b: lost", "relative_expression_low"] < 0.25
    assert found.loc["leukemic_b: lost", "relative_expression_high"] > 0.25


@pytest.mark.parametrize("seed", range(4))
def test_nothing_is_lost_or_reduced_where_nothing_was_planted(seed):
    matrix, _ = draw(mixed(mature_b=("mature_b", 120)), seed, depth=1500)
    found = ANTIGEN_LOSS.frame(measure(matrix).loss)
    assert not set(found["status"]) & {"LOST", "REDUCED"}


def test_four_of_five_cells_without_a_molecule_are_no_loss():
    """Shallow cells: the zeros are explained by depth."""
    matrix, label = draw(mixed(blast=("blast", 900)), 5, depth=350)
    column = list(matrix.symbol).index("CD19")
    blasts = label == "blast"
    assert 0.7 < (matrix.counts[blasts][:, [column]].toarray() == 0).mean() < 0.85
    found = losses(measure(matrix, labels_of(matrix, label, NAMES), min_genes=30))
    assert not set(found["status"]) & {"LOST", "REDUCED"}


def test_ambient_rna_does_not_hide_a_loss():
    matrix, label = draw(
        mixed(lost=("blast", 150)), 6, antigen=WITHOUT_CD19, ambient=0.15, shifted=("lost",)
    )
    found = losses(measure(matrix, labels_of(matrix, label, NAMES, subpopulations=True)))
    lost = found.loc["leukemic_b: lost"]
    assert lost["umis"] > 20
    assert lost["status"] == "LOST"


@pytest.mark.parametrize("own", [0.2, 0.0], ids=["lower like the others", "gone"])
def test_cells_without_the_programme_are_not_evaluable(own):
    """All B genes are down to a fifth: another programme, not the loss of one antigen."""
    others = ("CD79A", "CD79B", "CD22", "PAX5", "EBF1", "BLK", "VPREB3")
    down = dict.fromkeys(others, 0.2) | {"CD19": own}
    matrix, label = draw(mixed(lost=("blast", 300)), 7, antigen={"lost": down})
    found = losses(measure(matrix, labels_of(matrix, label, NAMES, subpopulations=True)))
    lost = found.loc["leukemic_b: lost"]
    assert lost["status"] == "NOT_EVALUABLE"
    assert "control genes" in lost["flags"]
    assert lost["control_expression"] < 0.5


def test_shallow_cells_alone_are_not_lost():
    matrix, label = draw(mixed(lost=("blast", 200)), 8, depths={"lost": 600})
    labels = labels_of(matrix, label, NAMES, subpopulations=True)
    found = losses(measure(matrix, labels, min_genes=50))
    assert found.loc["leukemic_b: lost", "status"] not in ("LOST", "REDUCED")


def test_too_few_cells_are_not_evaluable_with_the_numbers():
    matrix, label = draw(mixed(lost=("blast", 3)), 9, antigen=WITHOUT_CD19)
    found = losses(measure(matrix, labels_of(matrix, label, NAMES, subpopulations=True)))
    lost = found.loc["leukemic_b: lost"]
    assert lost["status"] == "NOT_EVALUABLE"
    assert "molecules where" in lost["flags"]


def test_a_loss_shared_by_all_leukemic_cells_is_seen_against_an_earlier_specimen():
    before = measure(draw(mixed(), 10)[0], row=sample("A", "-10"))
    gone = draw(mixed(), 11, antigen={"blast": {"CD19": 0}})[0]
    alone = losses(measure(gone, row=sample("B", "90")))
    alone = alone[alone["identity"] == "leukemic_b"]
    assert set(alone["status"]) == {"NOT_EVALUABLE"}
    assert alone["flags"].str.contains("no antigen-positive reference").all()
    after = losses(measure(gone, row=sample("B", "90"), earlier=before.levels))
    after = after[after["identity"] == "leukemic_b"]
    assert set(after["status"]) == {"LOST"}
    assert after["reference"].str.contains("day -10").all()


def test_blasts_that_are_all_dim_say_that_only_each_other_was_the_reference():
    dim = draw(mixed(), 13, antigen={"blast": {"CD19": 0.15}})[0]
    before = measure(draw(mixed(), 12)[0], row=sample("A", "-10"))
    for earlier, said in (((), True), (before.levels, False)):
        found = losses(measure(dim, row=sample("B", "90"), earlier=earlier))
        blasts = found[found["identity"] == "leukemic_b"]
        assert len(blasts)
        assert set(blasts["flags"].str.contains(SHARED_LOSS_HIDDEN)) == {said}


def test_an_outside_reference_that_proved_nothing_does_not_vouch_for_blasts():
    """All blasts at 0.4 of few normal B cells: not kept, and REDUCED is not said against these."""
    kinds = mixed(mature_b=("mature_b", 40))
    matrix, label = draw(kinds, 2, antigen={"blast": {"CD19": 0.3}})
    found = losses(measure(matrix, labels_of(matrix, label, NAMES)))
    blasts = found[(found["identity"] == "leukemic_b") & (found["status"] == "RETAINED")]
    assert len(blasts)
    assert blasts["flags"].str.contains(SHARED_LOSS_HIDDEN).all()


def test_a_level_that_creeps_down_is_compared_with_the_highest_one_before():
    """1, then 0.45, then 0.15: the last is below the first, but not below the one before it."""
    levels = []
    for seed, (day, level) in enumerate((("0", 1.0), ("100", 0.45), ("200", 0.15))):
        matrix, label = draw(mixed(), 30 + seed, antigen={"blast": {"CD19": level}})
        result = measure(
            matrix, labels_of(matrix, label, NAMES), row=sample(f"D{day}", day), earlier=levels
        )
        levels += result.levels
    found = losses(result)
    blasts = found[found["identity"] == "leukemic_b"]
    assert set(blasts["status"]) == {"REDUCED"}
    assert blasts["reference"].str.contains("day 0").all()


def test_a_later_specimen_is_never_a_reference():
    later = measure(draw(mixed(), 10)[0], row=sample("B", "90"))
    gone = draw(mixed(), 11, antigen={"blast": {"CD19": 0}})[0]
    first = losses(measure(gone, row=sample("A", "-10"), earlier=later.levels))
    assert "LOST" not in set(first["status"])


def test_all_cells_dimmer_than_before_are_not_called_retained():
    before = measure(draw(mixed(), 12)[0], row=sample("A", "-10"))
    dim = draw(mixed(), 13, antigen={"blast": {"CD19": 0.15}})[0]
    found = losses(measure(dim, row=sample("B", "90"), earlier=before.levels))
    found = found[found["identity"] == "leukemic_b"]
    assert set(found["status"]) <= {"REDUCED", "LOST"}


def test_normal_mature_b_cells_do_not_make_dimmer_blasts_reduced():
    """Immature cells carry less CD19 than mature ones: a lower level may be normal."""
    matrix, label = draw(
        {"blast": ("blast", 90)}
        | {k: v for k, v in mixed(mature_b=("mature_b", 200)).items() if k != "blast"},
        14,
        antigen={"blast": {"CD19": 0.25}},
    )
    found = losses(measure(matrix, labels_of(matrix, label, NAMES)))
    blasts = found[found["identity"] == "leukemic_b"]
    assert "REDUCED" not in set(blasts["status"])


@pytest.mark.parametrize(
    ("antigen", "level", "said"), [("CD19", 0.25, "NOT_EVALUABLE"), ("CD19", 0, "LOST"),
                                   ("MS4A1", 1, "NOT_EVALUABLE")],
)  # fmt: skip
def test_blasts_are_not_reduced_beside_a_mature_clone_that_is_called_leukemic(antigen, level, said):
    """Blasts never carried CD20 and carry less CD19; a mature clone may be a benign one."""
    matrix, label = draw(mixed(mature_b=("mature_b", 100)), 5, antigen={"blast": {"CD19": level}})
    labels = labels_of(matrix, label, NAMES | {"mature_b": "leukemic_b"}, subpopulations=True)
    found = losses(measure(matrix, labels), antigen)
    blasts = found.loc["leukemic_b: blast"]
    assert blasts["status"] == said
    assert antigen != "CD19" or blasts["reference"] == "leukemic_b: mature_b"


def test_blasts_are_not_reduced_against_a_mature_clone_of_an_earlier_specimen():
    mature = {"blast": ("mature_b", 200)} | {k: v for k, v in mixed().items() if k != "blast"}
    before = draw(mature, 12)
    first = measure(before[0], labels_of(*before, NAMES), row=sample("A", "-10"))
    matrix, label = draw(mixed(), 13, antigen={"blast": {"CD19": 0.15}})
    labels = labels_of(matrix, label, NAMES)
    later = measure(matrix, labels, row=sample("B", "90"), earlier=first.levels)
    found = losses(later)
    assert "REDUCED" not in set(found.loc[found["identity"] == "leukemic_b", "status"])
    found = losses(later, "MS4A1")
    assert "LOST" not in set(found.loc[found["identity"] == "leukemic_b", "status"])


@pytest.mark.parametrize(("threshold", "depth"), [(0, 600), (1, 1500)])
def test_subpopulations_gated_by_the_counts_of_the_antigen_are_not_judged(threshold, depth):
    matrix, label = draw(mixed(), 24, depth=depth)
    low = matrix.counts[:, [list(matrix.symbol).index("CD19")]].toarray().ravel() <= threshold
    kinds = np.where((label == "blast") & low, "lost", label)
    assert 40 < (kinds == "lost").sum() < 310
    found = losses(measure(matrix, labels_of(matrix, kinds, NAMES, True), min_genes=30))
    blasts = found[found["identity"] == "leukemic_b"]
    assert set(blasts["status"]) == {"NOT_EVALUABLE"}
    assert blasts["flags"].str.contains("drawn by the antigen's own counts").all()


@pytest.mark.parametrize("depth", [600, 4000])
def test_a_true_loss_in_named_subpopulations_is_not_taken_for_gated(depth):
    kinds = mixed(lost=("blast", 200))
    matrix, label = draw(kinds, 1, depth=depth, antigen=WITHOUT_CD19, ambient=0.005)
    labels = labels_of(matrix, label, NAMES, subpopulations=True)
    found = losses(measure(matrix, labels, min_genes=30))
    assert found.loc["leukemic_b: lost", "status"] == "LOST"


def test_a_lineage_that_does_not_carry_an_antigen_is_not_asked_for_it():
    result = measure(draw(mixed(), 15)[0])
    for antigen, identity in (
        ("CD19", "normal_t"), ("CD19", "normal_nk"), ("CD19", "normal_myeloid"),
        ("CD7", "leukemic_b"), ("CD33", "normal_t"),
    ):  # fmt: skip
        found = losses(result, antigen)
        asked = found.loc[found["identity"] == identity, "status"]
        assert set(asked) == {"NOT_APPLICABLE"}, (antigen, identity)


def test_t_cells_are_tested_for_cd7():
    matrix, label = draw(
        mixed(gone=("t", 150)), 16, antigen={"gone": {"CD7": 0}}, shifted=("gone",)
    )
    names = NAMES | {"gone": "normal_t"}
    labels = labels_of(matrix, label, names)
    labels.loc[label == "gone", "subpopulation"] = "gone"
    labels.loc[label == "t", "subpopulation"] = "other"
    found = losses(measure(matrix, labels), "CD7")
    assert found.loc["normal_t: gone", "status"] == "LOST"
    assert found.loc["normal_t: other", "status"] != "LOST"
    assert pd.isna(found.loc["normal_t: gone", "fraction_of_leukemic"])


def test_plasma_cells_and_normal_progenitors_are_not_asked():
    matrix, _ = draw(mixed(plasma=("plasma", 60), progenitor=("progenitor", 60)), 17)
    found = losses(measure(matrix))
    asked = found[found["identity"].isin(["plasma", "normal_progenitor"])]
    assert set(asked["identity"]) == {"plasma", "normal_progenitor"}
    assert set(asked["status"]) == {"NOT_APPLICABLE"}


def test_a_file_without_the_gene_says_so():
    matrix, _ = draw(mixed(), 18)
    keep = np.array([name != "CD19" for name in matrix.symbol])
    cut = replace(
        matrix, counts=matrix.counts[:, np.flatnonzero(keep)], gene_id=matrix.gene_id[keep],
        symbol=matrix.symbol[keep],
    )  # fmt: skip
    found = losses(measure(cut))
    blasts = found[found["identity"] == "leukemic_b"]
    assert set(blasts["status"]) == {"NOT_EVALUABLE"}
    assert blasts["flags"].str.contains("ENSG00000177455").all()


def test_another_gene_with_the_symbol_is_not_taken_for_the_antigen():
    matrix, _ = draw(mixed(), 18)
    ids = matrix.gene_id.copy()
    ids[list(matrix.symbol).index("CD19")] = "ENSG00000999999"
    found = losses(measure(replace(matrix, gene_id=ids)))
    assert set(found.loc[found["identity"] == "leukemic_b", "status"]) == {"NOT_EVALUABLE"}


def called(random, gone, total, level, ambient, alpha, factor=0.0, p_value=0.01 / 12, below=0.1):
    """Whether `gone` of `total` cells with `factor` of the level are called below others."""
    exposure = np.exp(random.normal(0, 0.35, total)) * 0.3

    def rate(cells, mean):
        noise = random.gamma(1 / alpha, alpha, len(cells))
        return rate_of(random.poisson(cells * mean * noise), cells, alpha)

    part = rate(exposure[:gone], factor * level + ambient)
    rest = rate(exposure[gone:], level + ambient)
    soup = rate(np.full(400, 0.3), ambient).interval()
    reference = above_background(rest, soup)
    low = loss_p_value(part, reference, soup, 1.0) < p_value
    return low and ratio_interval(above_background(part, soup), reference)[2] < below


SURE_CONTROLS = (((1e4, 1e4, 1e4), 0.0),) * 8


def clone_search(total, level, ambient, alpha=0.3, controls=SURE_CONTROLS):
    """A search within `total` cells of 3,000 molecules, all of them the reference."""
    exposure = total * 0.3 * np.exp(0.35**2 / 2)
    spread = 1.96 * (level / exposure) ** 0.5
    soup = rate_of(np.full(400, 0.3 * ambient), np.full(400, 0.3), alpha).interval()
    return CloneSearch(
        total, exposure / total, alpha, (level, level - spread, level + spread),
        soup, controls, True, total, True, 0.01 / 12, np.exp(0.35**2) - 1, 5, 0.5,
    )  # fmt: skip


@pytest.mark.parametrize("below", [0.1, 0.5], ids=["LOST", "REDUCED or LOST"])
@pytest.mark.parametrize(
    ("total", "level", "ambient"),
    [(2000, 0.87, 0.02), (500, 4, 0.1), (1000, 10, 0.3)],
    ids=["0.26 molecules per cell", "1.2 molecules per cell", "3 molecules per cell"],
)
def test_the_stated_detectable_fraction_has_its_power(total, level, ambient, below):
    random = np.random.default_rng(5)
    search = clone_search(total, level, ambient)
    number = search.smallest(below, minimum_cells=2, sensitivity=0.95)
    hits = [called(random, number, total, level, ambient, 0.3, below=below) for _ in range(200)]
    assert np.mean(hits) >= 0.90  # 95 % stated; 200 draws
    third = [
        called(random, number // 3, total, level, ambient, 0.3, below=below) for _ in range(100)
    ]
    assert np.mean(third) < 0.6


@pytest.mark.parametrize("factor", [1.0, 0.5, 0.2], ids=["kept", "half", "a fifth"])
def test_false_losses_are_rare(factor):
    random = np.random.default_rng(6)
    false = [called(random, 300, 2000, 4, 0.1, 0.3, factor=factor) for _ in range(500)]
    assert np.mean(false) <= 0.01


def test_permuted_subpopulations_are_not_lost():
    random = np.random.default_rng(3)
    matrix, label = draw(mixed(blast=("blast", 300)), 20, depth=1500)
    for _ in range(3):
        labels = labels_of(matrix, label, NAMES)
        blasts = (label == "blast").nonzero()[0]
        labels.loc[blasts, "subpopulation"] = random.choice(["a", "b", "c", "d", "e"], len(blasts))
        found = ANTIGEN_LOSS.frame(measure(matrix, labels).loss)
        assert not set(found["status"]) & {"LOST", "REDUCED"}


PROTEIN = {
    "CD19_TotalSeqB": {"blast": 60, "lost": 1.5, "t": 1.5, "nk": 1.5, "monocyte": 2},
    "CD7": {"blast": 1, "lost": 1, "t": 80, "nk": 60, "monocyte": 2},
}


@pytest.mark.parametrize(
    ("rna", "protein", "status", "basis"),
    [
        (0, 1.5, "LOST", "rna+protein"),
        (1, 1.5, "LOST", "protein"),
        (0, 60, "NOT_EVALUABLE", "rna+protein"),
        (1, 60, "RETAINED", "rna+protein"),
    ],
    ids=["both lost", "protein lost, RNA kept", "RNA lost, protein kept", "both kept"],
)
def test_rna_and_protein_are_judged_together(rna, protein, status, basis):
    levels = PROTEIN | {"CD19_TotalSeqB": PROTEIN["CD19_TotalSeqB"] | {"lost": protein}}
    matrix, label = draw(
        mixed(lost=("blast", 150)), 21, antigen={"lost": {"CD19": rna}}, proteins=levels
    )
    found = losses(measure(matrix, labels_of(matrix, label, NAMES, subpopulations=True)))
    lost = found.loc["leukemic_b: lost"]
    assert (lost["status"], lost["basis"]) == (status, basis)


@pytest.mark.parametrize("kept", [1.0, 0.0], ids=["kept", "lost"])
def test_cells_that_bound_less_of_every_antibody_have_not_lost_one(kept):
    """A third of all antibodies, as poorly stained cells show; CD19 itself kept or gone."""
    shallow = dict.fromkeys(("blast", "t", "nk", "monocyte"), 1) | {"lost": 1 / 3}
    own = {kind: (60 if kind in ("blast", "lost") else 2) * by for kind, by in shallow.items()}
    proteins = {"CD19_TotalSeqB": own | {"lost": own["lost"] * kept + 0.7}} | {
        f"CD{number}": {kind: 20 * by for kind, by in shallow.items()} for number in range(100, 115)
    }
    matrix, label = draw(mixed(lost=("blast", 150)), 23, depth=600, proteins=proteins)
    labels = labels_of(matrix, label, NAMES, subpopulations=True)
    lost = losses(measure(matrix, labels, min_genes=30)).loc["leukemic_b: lost"]
    assert lost["status"] == ("RETAINED" if kept else "LOST")


def test_shares_of_subpopulations_add_up():
    result = measure(draw(mixed(), 22)[0])
    found = CELL_POPULATIONS.frame(result.populations)
    assert found["fraction"].sum() == pytest.approx(1)
    loss = losses(result)
    assert loss["fraction_of_leukemic"].sum() == pytest.approx(1)
