from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import vstack
from tests.unit.singlecell import drawn_cells
from tests.unit.singlecell.drawn_cells import draw, measure, mixed

from aftercar.contracts.singlecell import CELL_POPULATIONS
from aftercar.contracts.specimen import QUALITY
from aftercar.singlecell.doublets import doublet_probability, library_of, valley_of

KINDS = mixed(
    blast=("blast", 700), t=("t", 300), nk=("nk", 80), monocyte=("monocyte", 200),
    mature_b=("mature_b", 100),
)  # fmt: skip
# about as often as the kinds of cells meet
PLANTED = (("mature_b", "t", 5), ("blast", "t", 25), ("blast", "monocyte", 25))


@pytest.fixture
def whole_transcriptome(monkeypatch):
    """Enough genes that the matrix is no targeted panel."""
    monkeypatch.setattr(drawn_cells, "FILLERS", 2400)


def with_pairs(seed, planted=PLANTED, kinds=KINDS):
    """Cells, and droplets that hold two of them; the barcode tells what is inside."""
    matrix, label = draw(kinds, seed)
    random = np.random.default_rng(seed)
    counts, names = [matrix.counts], [f"{kind}_{row}-1" for row, kind in enumerate(label)]
    for one, other, number in planted:
        rows = [
            random.choice(np.flatnonzero(label == kind), number, replace=False)
            for kind in (one, other)
        ]
        counts.append(matrix.counts[rows[0]] + matrix.counts[rows[1]])
        names += [f"{one}+{other}_{row}-1" for row in range(number)]
    barcode = np.array(names, dtype=object)
    return replace(matrix, counts=vstack(counts).tocsr(), barcode=barcode)


def checks(result):
    return QUALITY.frame(result.quality).set_index("check")


def test_pairs_of_unlike_cells_are_left_out_and_never_make_a_loss(whole_transcriptome):
    found, lost_cells = [], []
    for seed in range(3):
        matrix = with_pairs(seed)
        result = measure(matrix)
        kept = set(result.cells["barcode"])
        pairs = [name for name in matrix.barcode if "+" in name]
        single = [name for name in matrix.barcode if "+" not in name]
        found.append(1 - len(kept.intersection(pairs)) / len(pairs))
        lost_cells.append(1 - len(kept.intersection(single)) / len(single))
        assert not {row["status"] for row in result.loss} & {"LOST", "REDUCED"}
        row = CELL_POPULATIONS.frame(result.populations).set_index("population").loc["doublets"]
        called = len(matrix) - len(kept)
        assert (row["identity"], row["cells"], row["status"]) == (
            "low_quality", called, "NOT_APPLICABLE",
        )  # fmt: skip
        quality = checks(result).loc["doublets"]
        assert quality["value"] == pytest.approx(called / len(matrix))
        assert quality["message"].startswith(f"{called} of {len(matrix)} cells are left out")
    assert np.mean(found) > 0.9
    assert np.mean(lost_cells) < 0.06


def test_cells_of_one_kind_have_no_doublets_that_could_be_told(whole_transcriptome):
    row = checks(measure(with_pairs(1, (), {"t": ("t", 500)}))).loc["doublets"]
    assert row["verdict"] == "FLAG"
    assert row["value"] < 0.02
    assert "doublets of like cells cannot be told" in row["message"]


def test_every_library_is_judged_alone(whole_transcriptome):
    matrix = with_pairs(2)
    second = np.char.replace(matrix.barcode[:100].astype(str), "-1", "-2")
    barcode = np.concatenate([second, matrix.barcode[100:]]).astype(object)
    rows = checks(measure(replace(matrix, barcode=barcode)))
    assert rows.loc["doublets:1", "verdict"] != "NOT_POSSIBLE"
    assert rows.loc["doublets:2", "verdict"] == "NOT_POSSIBLE"
    assert "100 cells, too few to tell pairs (at least 200)" in rows.loc["doublets:2", "message"]


def test_a_targeted_panel_says_that_doublets_cannot_be_looked_for():
    row = checks(measure(draw(mixed(), 3)[0])).loc["doublets"]
    assert (row["verdict"], row["message"]) == (
        "NOT_POSSIBLE", "a targeted panel has too few genes to tell pairs of cells",
    )  # fmt: skip


def test_a_label_does_not_keep_a_doublet(whole_transcriptome):
    import pandas as pd

    matrix = with_pairs(0)
    words = {"t": "normal_t", "nk": "normal_nk", "monocyte": "normal_myeloid"}
    labels = pd.DataFrame(
        {
            "barcode": matrix.barcode,
            "label": [words.get(name.split("_")[0], "leukemic_b") for name in matrix.barcode],
            "subpopulation": "",
        }
    )
    result = measure(matrix, labels)
    kept = set(result.cells["barcode"])
    called = len(matrix) - len(kept)
    assert sum("+" in name for name in kept) < 55 / 4
    assert (
        f"{called} doublets of the specimen carry a label"
        in checks(result).loc["doublets", "message"]
    )


def test_the_library_stands_behind_the_barcode():
    names = np.array(["ACGT-1", "ACGT-12", "ACGT", "P1-ACGT", "A-B-2"], dtype=object)
    assert list(library_of(names)) == ["1", "12", "", "", "2"]


def test_the_score_is_that_of_the_publication():
    """0.5 x 0.1 / 2 over 1 - 0.1 - 0.5 (1 - 0.1 - 0.1 / 2), by hand."""
    assert doublet_probability(np.array(0.5), 0.1, 2.0) == pytest.approx(0.025 / 0.475)


def test_the_valley_lies_between_two_modes_and_one_mode_has_none():
    random = np.random.default_rng(1)
    low, high = random.normal(0.3, 0.05, 3000), random.normal(0.8, 0.05, 2000)
    assert 0.42 < valley_of(np.concatenate([low, high])) < 0.68
    assert valley_of(low) is None
