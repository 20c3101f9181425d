"""What receptors tell of cells, and what they must never tell."""

import numpy as np
import pandas as pd
import pytest
from tests.unit.singlecell.drawn_cells import PANELS, SETTINGS, draw, measure, mixed, sample
from tests.unit.singlecell.drawn_receptors import contig, drawn, table

from aftercar.contracts.sequencing import CLONES, GENOTYPES
from aftercar.contracts.singlecell import ANTIGEN_LOSS, CELL_POPULATIONS, LEUKEMIC
from aftercar.contracts.specimen import QUALITY
from aftercar.singlecell.clonal_cells import clonal_cells
from aftercar.singlecell.leukemic import identities_of_cells
from aftercar.singlecell.lineages import ClusterLineage
from aftercar.singlecell.patient import measure_patient

CLONE = "TGTGCGAGAGATCGGTACTACTTTGACTACTGG"
KINDS = {
    "precursor_b": ClusterLineage("b", ("b",), True),
    "mature_b": ClusterLineage("b", ("b",), False),
    "t": ClusterLineage("t", ("t",), False),
    "precursor_t": ClusterLineage("t", ("t",), True),
    "nk": ClusterLineage("nk", ("nk",), False),
    "monocyte": ClusterLineage("myeloid", ("myeloid",), False),
    "monocyte_with_b_genes": ClusterLineage("myeloid", ("myeloid", "b"), False),
    "plasma": ClusterLineage("plasma", ("plasma",), False),
    "progenitor": ClusterLineage("progenitor", ("progenitor",), False),
}


def told(cells, rows, *, disease="B-ALL", earlier=frozenset(), mutant=(), labels=None, copy=None):
    """Return identity and evidence by kind, and the flags; one cluster per kind in `cells`.

    `rows` maps a kind to a function from the number of a cell in it to its contigs.
    """
    clusters = np.repeat(np.arange(len(cells)), list(cells.values()))
    lineages = [KINDS[kind] for kind in cells]
    contigs, start = [], 0
    for kind, number in cells.items():
        for place in range(number):
            contigs += [one | {"row": start + place} for one in rows.get(kind, lambda _: [])(place)]
        start += number
    contigs = table(contigs).assign(row=[one["row"] for one in contigs])
    clonal = clonal_cells(
        contigs, lineages, clusters, disease=disease, earlier=earlier, settings=PANELS.clonotypes
    )
    carriers = np.isin(np.array(list(cells), dtype=object)[clusters], mutant)
    found = identities_of_cells(
        lineages, clusters, specimen="BM", panel=PANELS.lineages, labels=labels, mutant=carriers,
        minimum_mutant_cells=3, copy_number=copy, clonal=clonal,
    )  # fmt: skip
    frame = pd.DataFrame(
        {"kind": np.array(list(cells))[clusters], "identity": found.identity,
         "evidence": found.evidence}
    )  # fmt: skip
    return frame, found.flags


def counts(frame, kind):
    return frame[frame["kind"] == kind].groupby(["identity", "evidence"]).size().to_dict()


def own(seed):
    random = np.random.default_rng(seed)
    return lambda place: [contig("", cdr3="TGT" + "".join(random.choice(list("ACGT"), 42)) + "TGG")]


def some(cells, contigs):
    """The first `cells` cells of a kind have these contigs."""
    return lambda place: contigs if place < cells else []


def test_an_expanded_clone_of_precursors_is_leukemic_and_other_heavy_chains_are_normal():
    random = own(1)
    frame, _ = told(
        {"precursor_b": 100, "t": 100},
        {"precursor_b": lambda n: [contig("", cdr3=CLONE)] if n < 60 else random(n) * (n < 80)},
    )
    assert counts(frame, "precursor_b") == {
        ("leukemic_b", "clonotype"): 80,  # twenty of them without a receptor follow their cluster
        ("normal_b", "clonotype"): 20,
    }


def test_precursors_with_heavy_chains_of_their_own_are_not_leukemic_however_many():
    for seed in range(15):
        random = own(seed)
        frame, flags = told(
            {"precursor_b": 300, "t": 100}, {"precursor_b": lambda n, r=random: r(n) * (n % 3 == 0)}
        )
        assert not set(frame["identity"]) & set(LEUKEMIC)
    assert "normal precursors rather than leukemia" in flags["b_unresolved", "marker_score"]


def test_without_a_receptor_the_clonotype_is_not_evaluable_and_never_negative():
    frame, flags = told({"precursor_b": 100, "t": 100}, {})
    assert counts(frame, "precursor_b") == {("leukemic_b", "marker_score"): 100}
    assert "no receptor: clonotype not evaluable" in flags["leukemic_b", "marker_score"]


@pytest.mark.parametrize(
    ("disease", "expected"),
    [("B-ALL", ("leukemic_b", "clonotype")), ("B-NHL", ("leukemic_b", "clonotype")),
     ("T-ALL", ("b_unresolved", "marker_score")), ("AML", ("b_unresolved", "marker_score"))],
)  # fmt: skip
def test_clonal_mature_b_cells_are_leukemic_in_a_b_lineage_disease_only(disease, expected):
    frame, flags = told(
        {"mature_b": 50, "t": 100}, {"mature_b": some(40, [contig("", cdr3=CLONE)])},
        disease=disease,
    )  # fmt: skip
    assert set(counts(frame, "mature_b")) == {expected}
    assert "clonal B cells" in flags[expected]
    assert "benign clone" in flags[expected]


def test_an_expanded_t_cell_clone_alone_is_never_leukemic():
    """As in CAR-T products and large granular lymphocytes, up to nine tenths of the T cells."""
    for seed in range(30):
        random = np.random.default_rng(seed)
        size, disease = int(random.integers(10, 180)), random.choice(["B-ALL", "T-ALL", "AML"])
        frame, flags = told(
            {"t": 200, "monocyte": 50}, {"t": some(size, [contig("", "TRB", CLONE)])},
            disease=disease,
        )  # fmt: skip
        assert set(counts(frame, "t")) == {("normal_t", "marker_score")}
        assert "benign clones are common" in flags["normal_t", "marker_score"]


def test_an_expanded_t_cell_clone_with_the_precursor_programme_is_leukemic_by_clonotype():
    frame, _ = told(
        {"precursor_t": 60, "t": 200}, {"precursor_t": some(40, [contig("", "TRB", CLONE)])},
        disease="T-ALL",
    )  # fmt: skip
    assert counts(frame, "precursor_t") == {("leukemic_t", "clonotype"): 60}


def leukemia(**more):
    return {"precursor_b": some(80, [contig("", cdr3=CLONE)])} | more


def test_myeloid_cells_with_the_clonotype_of_the_leukemia_are_a_lineage_switch():
    frame, flags = told(
        {"precursor_b": 100, "t": 200, "monocyte": 60},
        leukemia(monocyte=some(30, [contig("", cdr3=CLONE)])),
    )
    assert counts(frame, "monocyte") == {("leukemic_myeloid", "clonotype"): 60}
    assert flags["leukemic_myeloid", "clonotype"] == (
        "myeloid programme with the clonotype of the B-lineage leukemia: lineage switch"
    )


@pytest.mark.parametrize(
    ("monocytes", "t_cells"),
    [(6, 0), (12, 0), (30, 30)],
    ids=["a tenth, as doublets", "a fifth of few cells", "hardly more often than in T cells"],
)
def test_doublets_and_ambient_heavy_chains_in_monocytes_are_no_lineage_switch(monocytes, t_cells):
    receptor = [contig("", cdr3=CLONE)]
    frame, flags = told(
        {"precursor_b": 100, "t": 200, "monocyte": 60},
        leukemia(monocyte=some(monocytes, receptor), t=some(t_cells, receptor)),
    )
    assert counts(frame, "monocyte") == {("normal_myeloid", "marker_score"): 60}
    assert "as doublets or ambient molecules can" in flags["normal_myeloid", "marker_score"]
    assert counts(frame, "t") == {("normal_t", "marker_score"): 200}


def test_a_cluster_of_doublets_of_monocytes_and_blasts_is_neither():
    frame, _ = told(
        {"precursor_b": 100, "t": 200, "monocyte_with_b_genes": 40},
        leukemia(monocyte_with_b_genes=some(36, [contig("", cdr3=CLONE)])),
    )
    assert set(counts(frame, "monocyte_with_b_genes")) == {("other", "marker_score")}


def test_myeloid_cells_with_the_genotype_of_the_leukemia_are_a_lineage_switch():
    cells = {"precursor_b": 100, "t": 200, "monocyte": 60}
    frame, flags = told(cells, {}, mutant=["precursor_b", "monocyte"])
    assert counts(frame, "monocyte") == {("leukemic_myeloid", "genotype"): 60}
    assert "with the genotype of the B-lineage leukemia" in flags["leukemic_myeloid", "genotype"]
    _, flags = told(cells, {}, mutant=["monocyte"])
    assert "clonal haematopoiesis" in flags["leukemic_myeloid", "genotype"]


def test_a_clone_as_frequent_in_t_cells_is_not_used():
    receptor = [contig("", cdr3=CLONE)]
    frame, flags = told(
        {"mature_b": 50, "t": 50}, {"mature_b": some(40, receptor), "t": some(30, receptor)}
    )
    assert not set(frame["identity"]) & set(LEUKEMIC)
    assert "as frequent in T or NK cells: not used" in flags["b_unresolved", "marker_score"]


def test_plasma_cells_and_progenitors_are_never_leukemic_by_a_receptor():
    receptor = [contig("", cdr3=CLONE)]
    frame, _ = told(
        {"precursor_b": 100, "t": 100, "plasma": 30, "progenitor": 30},
        leukemia(plasma=some(30, receptor), progenitor=some(5, receptor)),
    )
    assert set(frame.loc[frame["kind"] == "plasma", "identity"]) == {"plasma"}
    assert set(frame.loc[frame["kind"] == "progenitor", "identity"]) == {"normal_progenitor"}


def test_a_known_clonotype_tells_two_cells_where_nothing_is_expanded():
    random = own(3)
    rows = {"mature_b": lambda n: [contig("", cdr3=CLONE)] if n < 2 else random(n)}
    cells = {"mature_b": 200, "t": 100}
    frame, _ = told(cells, rows, earlier=frozenset({f"IGH:{CLONE}"}))
    assert counts(frame, "mature_b") == {
        ("leukemic_b", "clonotype"): 2, ("normal_b", "clonotype"): 198,
    }  # fmt: skip
    frame, _ = told(cells, rows)
    assert not set(frame["identity"]) & set(LEUKEMIC)


def test_productive_receptors_of_two_clones_are_those_of_doublets():
    random = own(4)
    both = [contig("", cdr3=CLONE), contig("", "TRB", CLONE)]
    frame, flags = told(
        {"precursor_b": 100, "t": 100},
        {
            "precursor_b": lambda n: (
                both if n < 7 else [contig("", cdr3=CLONE)] + random(n) * (n < 9)
            )
        },
    )
    assert counts(frame, "precursor_b")["other", "clonotype"] == 9
    assert "taken for doublets" in flags["other", "clonotype"]


def test_evidence_ranks_label_genotype_clonotype_copy_number_markers():
    cells = {"precursor_b": 100, "t": 100}
    nothing = np.full(200, "", dtype=object)
    b = np.arange(200) < 100
    copy, label = nothing.copy(), nothing.copy()
    copy[b] = label[b] = "leukemic_b"
    clone = leukemia()
    ranks = [
        ("marker_score", told(cells, {})),
        ("copy_number", told(cells, {}, copy=copy)),
        ("clonotype", told(cells, clone, copy=copy)),
        ("genotype", told(cells, clone, copy=copy, mutant=["precursor_b"])),
        ("label", told(cells, clone, copy=copy, mutant=["precursor_b"], labels=label)),
    ]
    for word, (frame, _) in ranks:
        assert counts(frame, "precursor_b") == {("leukemic_b", word): 100}


def test_copy_number_calls_that_name_normal_cells_overrule_markers_but_not_the_clonotype():
    copy = np.full(200, "", dtype=object)
    copy[:100] = "normal_b"
    cells = {"precursor_b": 100, "t": 100}
    assert counts(told(cells, {}, copy=copy)[0], "precursor_b") == {
        ("normal_b", "copy_number"): 100
    }
    by_clone = counts(told(cells, leukemia(), copy=copy)[0], "precursor_b")
    assert by_clone == {("leukemic_b", "clonotype"): 100}


# From counts to rows


def test_the_clonotype_of_blasts_reaches_the_tables():
    matrix, label = draw(mixed(mature_b=("mature_b", 60)), 21)
    contigs = drawn(
        matrix.barcode, label, {"blast": CLONE}, 21, polyclonal={"mature_b": "IGH", "t": "TRB"}
    )
    result = measure(matrix, contigs=contigs)
    rows = CELL_POPULATIONS.frame(result.populations)
    blasts = rows[rows["identity"] == "leukemic_b"]
    assert set(blasts["identity_evidence"]) == {"clonotype"}
    assert blasts["cells"].sum() == pytest.approx(350, abs=5)
    assert rows.loc[rows["identity"] == "normal_b", "cells"].sum() == 60
    loss = ANTIGEN_LOSS.frame(result.loss)
    cd20 = loss[(loss["antigen"] == "MS4A1") & (loss["identity"] == "leukemic_b")]
    # these blasts never had CD20: normal B cells, which have it, do not prove that it was lost
    assert set(cd20["status"]) == {"NOT_EVALUABLE"}
    clone = CLONES.frame(result.clones).set_index("clone").loc[f"IGH:{CLONE}"]
    carriers = contigs[contigs["cdr3_nt"] == CLONE]["barcode"].nunique()
    assert clone["cells_mutant"] == carriers
    assert (clone["basis"], clone["status"]) == ("clonotype", "QUANTIFIED")
    assert clone["flags"].endswith("clonotype of the leukemia")
    quality = QUALITY.frame(result.quality).set_index("check").loc["receptors_matched"]
    assert (quality["value"], quality["verdict"]) == (1, "PASS")


def test_a_lineage_switch_is_told_from_monocytes_with_ambient_receptors():
    """Heavy chains in 40 % of myeloid blasts, ambient ones in 4 % of monocytes, 2 % of T cells."""
    kinds = {
        "blast": ("blast", 120), "switched": ("myeloid_blast", 120), "monocyte": ("monocyte", 120),
        "t": ("t", 120),
    }  # fmt: skip
    seen = {"blast": 0.7, "switched": 0.4, "monocyte": 0.04, "t": 0.02}
    for seed in range(2):
        matrix, label = draw(kinds, 500 + seed)
        random = np.random.default_rng(seed)
        carriers = [
            barcode
            for barcode, kind in zip(matrix.barcode, label, strict=True)
            if random.random() < seen[kind]
        ]
        result = measure(matrix, contigs=table([contig(one, cdr3=CLONE) for one in carriers]))
        identity = pd.DataFrame(result.cells).set_index("barcode")["identity"]
        identity = identity.reindex(matrix.barcode).groupby(label, sort=True)
        named = identity.agg(lambda values: values.mode()[0]).to_dict()
        assert named == {
            "blast": "leukemic_b", "switched": "leukemic_myeloid", "monocyte": "normal_myeloid",
            "t": "normal_t",
        }  # fmt: skip
        rows = CELL_POPULATIONS.frame(result.populations)
        switched = rows[rows["identity"] == "leukemic_myeloid"]
        assert set(switched["identity_evidence"]) == {"clonotype"}
        assert switched["flags"].str.contains("lineage switch").all()


def test_contigs_of_another_library_fail_the_specimen_and_none_are_said_to_be_none():
    matrix, _ = draw(mixed(), 22)
    strange = measure(matrix, contigs=table([contig("STRANGER-1")]))
    assert {row["status"] for row in strange.populations} == {"FAILED"}
    assert "contigs of this very library" in strange.populations[0]["flags"]
    empty = measure(matrix, contigs=table([]))
    row = QUALITY.frame(empty.quality).set_index("check").loc["receptors_matched"]
    assert row["verdict"] == "NOT_POSSIBLE"
    assert "not polyclonal" in row["message"]


def test_normal_cells_without_cd19_are_never_leukemic_and_never_a_negative_clone():
    """Progenitors and plasma cells do not carry CD19; a sixth of the cells each, over seeds."""
    kinds = {
        "blast": ("blast", 150), "t": ("t", 80), "progenitor": ("progenitor", 80),
        "plasma": ("plasma", 70),
    }  # fmt: skip
    for seed in range(4):
        matrix, label = draw(kinds, 300 + seed)
        contigs = drawn(matrix.barcode, label, {"blast": CLONE}, seed, polyclonal={"plasma": "IGH"})
        result = measure(matrix, contigs=contigs)
        loss = ANTIGEN_LOSS.frame(result.loss)
        assert not loss["status"].isin(["LOST", "REDUCED"]).any()
        kind = dict(zip(matrix.barcode, label, strict=True))
        cells = pd.DataFrame(result.cells)
        normal = cells[cells["barcode"].map(kind).isin(["progenitor", "plasma"])]
        assert normal["identity"].isin(LEUKEMIC).mean() < 0.01


def test_normal_precursors_are_not_compared_with_mature_b_cells():
    """Immature B cells carry clearly less CD19: a third here, which is no loss."""
    kinds = {
        "mature_b": ("mature_b", 200), "precursor": ("blast", 60), "t": ("t", 250),
        "monocyte": ("monocyte", 100),
    }  # fmt: skip
    for seed in range(3):
        matrix, _ = draw(kinds, 400 + seed, antigen={"precursor": {"CD19": 0.25}})
        loss = ANTIGEN_LOSS.frame(measure(matrix).loss)
        own_rows = loss[(loss["antigen"] == "CD19") & loss["identity"].eq("b_unresolved")]
        assert len(own_rows) >= 2
        assert not own_rows["status"].isin(["LOST", "REDUCED"]).any()


def patient(specimens):
    """Tables of specimens given as (sample, matrix, contigs)."""
    matrices = {row["sample_id"]: matrix for row, matrix, _ in specimens}
    contigs = {row["sample_id"]: found for row, _, found in specimens}
    return measure_patient(
        [row | {"contigs": row["sample_id"]} for row, _, _ in specimens],
        lambda row: (matrices[row["sample_id"]], None), (ValueError,), GENOTYPES.empty(),
        CLONES.empty(), settings=SETTINGS, panels=PANELS, disease="B-ALL",
        keep=lambda *_: None, read_contigs=contigs.__getitem__,
    )  # fmt: skip


def test_the_clonotype_of_an_earlier_specimen_tells_residual_cells_and_never_the_reverse():
    first, first_label = draw(mixed(), 23)
    late, late_label = draw(
        {"t": ("t", 250), "monocyte": ("monocyte", 100), "mature_b": ("mature_b", 150)}, 24
    )
    at_first = drawn(first.barcode, first_label, {"blast": CLONE}, 23)
    later = drawn(late.barcode, late_label, {}, 24, polyclonal={"mature_b": "IGH", "t": "TRB"})
    few = np.flatnonzero(late_label == "mature_b")[:3]
    residual = table([contig(late.barcode[row], cdr3=CLONE) for row in few])
    later = pd.concat([later[~later["barcode"].isin(residual["barcode"])], residual])
    _, after = patient([(sample("A", "-10"), first, at_first), (sample("B", "90"), late, later)])
    cells = pd.DataFrame(after.cells).set_index("barcode")
    assert set(cells.loc[residual["barcode"], "identity"]) == {"leukemic_b"}
    row = CLONES.frame(after.clones).set_index("clone").loc[f"IGH:{CLONE}"]
    assert (row["cells_mutant"], row["status"]) == (3, "DETECTED_BELOW_LLOQ")
    # the same residual cells in a specimen before: what is found later must not name them
    early, last = patient([(sample("B", "-90"), late, later), (sample("A", "10"), first, at_first)])
    assert not pd.DataFrame(early.cells)["identity"].isin(LEUKEMIC).any()
    assert last.clonotypes


def test_labels_of_some_cells_take_back_guesses_and_no_lineage_switch_that_a_clonotype_proves():
    cells = {"precursor_b": 100, "precursor_t": 60, "t": 200, "monocyte": 60}
    labels = np.full(420, "", dtype=object)
    labels[:100] = "leukemic_b"
    frame, flags = told(cells, leukemia(monocyte=some(30, [contig("", cdr3=CLONE)])), labels=labels)
    assert counts(frame, "precursor_b") == {("leukemic_b", "label"): 100}
    assert counts(frame, "precursor_t") == {("normal_t", "marker_score"): 60}
    assert counts(frame, "monocyte") == {("leukemic_myeloid", "clonotype"): 60}
    assert "lineage switch" in flags["leukemic_myeloid", "clonotype"]
    frame, flags = told(cells, {}, labels=labels, mutant=["precursor_b", "monocyte"])
    assert counts(frame, "monocyte") == {("leukemic_myeloid", "genotype"): 60}
    assert "lineage switch" in flags["leukemic_myeloid", "genotype"]
