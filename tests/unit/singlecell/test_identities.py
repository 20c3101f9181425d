from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from tests.unit.singlecell.drawn_cells import (
    ENSEMBL,
    MITOCHONDRIAL,
    PANELS,
    SETTINGS,
    draw,
    measure,
    mixed,
    sample,
)

from aftercar.contracts.sequencing import CLONES, GENOTYPES
from aftercar.contracts.singlecell import (
    ANTIGEN_LOSS,
    ANTIGEN_POWER,
    CELL_POPULATIONS,
    HIDDEN_NEGATIVE,
    IDENTITIES,
    LINEAGE_SWITCH_HIDDEN,
)
from aftercar.contracts.specimen import QUALITY
from aftercar.singlecell.patient import carriers_of_losses, in_order, measure_patient

EXPECTED = {
    "blast": "leukemic_b", "mature_b": "b_unresolved", "t": "normal_t", "nk": "normal_nk",
    "monocyte": "normal_myeloid", "plasma": "plasma", "progenitor": "normal_progenitor",
}  # fmt: skip


def identity_of(result, label):
    kinds = dict(zip((f"CELL{row:05d}-1" for row in range(len(label))), label, strict=True))
    cells = pd.DataFrame(result.cells)
    return cells["barcode"].map(kinds), cells["identity"]


def populations(result):
    return CELL_POPULATIONS.frame(result.populations).set_index("population")


def test_kinds_of_cells_are_told_apart_by_their_markers():
    matrix, label = draw(
        mixed(mature_b=("mature_b", 120), plasma=("plasma", 50), progenitor=("progenitor", 60)), 1
    )
    kind, identity = identity_of(measure(matrix), label)
    assert (kind.map(EXPECTED) == identity).mean() > 0.98


def test_leukemic_by_markers_alone_is_said_to_be_so():
    rows = populations(measure(draw(mixed(), 2)[0]))
    blasts = rows[rows["identity"] == "leukemic_b"]
    assert set(blasts["identity_evidence"]) == {"marker_score"}
    assert blasts["flags"].str.contains("confirm by label, genotype or clonotype").all()


def test_few_marrow_precursors_are_not_called_leukemic():
    kinds = {
        "t": ("t", 500),
        "nk": ("nk", 100),
        "monocyte": ("monocyte", 300),
        "blast": ("blast", 60),
    }
    rows = populations(measure(draw(kinds, 3)[0]))
    assert not rows["identity"].str.startswith("leukemic").drop("leukemic cells").any()
    assert rows.loc["leukemic cells", "status"] == "INDETERMINATE"


def test_mature_b_cells_are_not_called_leukemic():
    kinds = {"mature_b": ("mature_b", 400), "t": ("t", 300), "monocyte": ("monocyte", 100)}
    kind, identity = identity_of(measure(draw(kinds, 4)[0]), draw(kinds, 4)[1])
    assert set(identity[kind == "mature_b"]) == {"b_unresolved"}


def test_a_marrow_without_b_cells_has_no_leukemic_cell_above_a_limit():
    kinds = {"t": ("t", 300), "monocyte": ("monocyte", 300), "progenitor": ("progenitor", 100)}
    row = populations(measure(draw(kinds, 5)[0])).loc["leukemic cells"]
    assert row["status"] == "NOT_DETECTED"
    # ten cells are among 700 with 95 % probability where 15.7 are expected (Poisson)
    assert row["detectable_fraction"] == pytest.approx(15.7 / 700, rel=0.02)
    assert row["fraction_high"] == pytest.approx(15.7 / 700, rel=0.02)
    assert "a share below 0.022 can be missed" in row["flags"]
    other = populations(measure(draw(kinds, 5)[0], disease="T-ALL")).loc["leukemic cells"]
    assert (other["identity"], other["status"]) == ("leukemic_t", "INDETERMINATE")
    assert other[["fraction", "fraction_high", "detectable_fraction"]].isna().all()


def test_with_a_label_for_every_cell_one_leukemic_cell_is_enough_to_be_seen():
    matrix, kind = draw({"t": ("t", 300), "monocyte": ("monocyte", 300)}, 5)
    of_kind = {"t": "normal_t", "monocyte": "normal_myeloid"}
    labels = pd.DataFrame(
        {"barcode": matrix.barcode, "label": [of_kind[k] for k in kind], "subpopulation": ""}
    )
    row = populations(measure(matrix, labels)).loc["leukemic cells"]
    assert row["status"] == "NOT_DETECTED"
    assert row["detectable_fraction"] == pytest.approx(3 / 600, rel=0.02)  # rule of three


def test_no_leukemic_b_cell_is_said_of_the_b_lineage_alone_where_myeloid_cells_are():
    switched = {"myeloid_blast": ("myeloid_blast", 300), "t": ("t", 120)}
    row = populations(measure(draw(switched, 4)[0])).loc["leukemic cells"]
    assert row["identity"] == "leukemic_b"
    assert LINEAGE_SWITCH_HIDDEN in row["flags"]
    row = populations(measure(draw({"t": ("t", 300), "nk": ("nk", 100)}, 4)[0])).loc[
        "leukemic cells"
    ]
    assert row["status"] == "NOT_DETECTED"
    assert LINEAGE_SWITCH_HIDDEN not in row["flags"]


def test_a_file_with_few_genes_of_b_cells_excludes_none():
    matrix, _ = draw({"t": ("t", 200), "nk": ("nk", 100)}, 4)
    b_genes = [g for g in PANELS.lineages["lineages"]["b"]["markers"] if g in matrix.symbol]
    for held, status in ((0, "INDETERMINATE"), (3, "INDETERMINATE"), (4, "NOT_DETECTED")):
        kept = np.flatnonzero(~np.isin(matrix.symbol, b_genes[held:]))
        part = replace(matrix, counts=matrix.counts[:, kept].tocsr(),
                       gene_id=matrix.gene_id[kept], symbol=matrix.symbol[kept])  # fmt: skip
        row = populations(measure(part)).loc["leukemic cells"]
        assert row["status"] == status
        said = f"the file holds {held} of 8 marker genes of B cells" in row["flags"]
        assert said == (status == "INDETERMINATE")


def test_cells_of_no_lineage_may_be_leukemic():
    matrix, label = draw({"t": ("t", 300), "blast": ("blast", 200)}, 4)
    counts = matrix.counts.tolil()
    named = np.flatnonzero(
        np.isin(matrix.symbol, [*ENSEMBL]) & ~np.isin(matrix.symbol, [*MITOCHONDRIAL])
    )
    counts[np.ix_(np.flatnonzero(label == "blast"), named)] = 0
    row = populations(measure(replace(matrix, counts=counts.tocsr()))).loc["leukemic cells"]
    assert row["status"] == "INDETERMINATE"
    assert "200 cells of no or two lineages may be leukemic" in row["flags"]


def test_myeloid_cells_are_leukemic_only_by_label_or_genotype():
    kinds = {"myeloid_blast": ("myeloid_blast", 300), "t": ("t", 150), "nk": ("nk", 50)}
    matrix, label = draw(kinds, 6)
    kind, identity = identity_of(measure(matrix), label)
    assert "leukemic_myeloid" not in set(identity)
    labels = pd.DataFrame(
        {"barcode": matrix.barcode, "subpopulation": "",
         "label": ["leukemic_myeloid" if k == "myeloid_blast" else "" for k in label]}
    )  # fmt: skip
    kind, identity = identity_of(measure(matrix, labels), label)
    assert set(identity[kind == "myeloid_blast"]) == {"leukemic_myeloid"}
    carriers = {"KRAS c.35G>A": set(matrix.barcode[label == "myeloid_blast"][:40])}
    result = measure(matrix, mutants=carriers)
    kind, identity = identity_of(result, label)
    assert set(identity[kind == "myeloid_blast"]) == {"leukemic_myeloid"}
    rows = populations(result)
    assert "genotype" in set(rows["identity_evidence"])


def test_a_variant_that_t_cells_carry_as_well_makes_nothing_leukemic():
    kinds = {"mature_b": ("mature_b", 200), "t": ("t", 200), "monocyte": ("monocyte", 100)}
    matrix, _ = draw(kinds, 7)
    result = measure(matrix, mutants={"CD19 c.520C>G": set(matrix.barcode[::3])})
    assert not pd.DataFrame(result.cells)["identity"].str.startswith("leukemic").any()
    notes = QUALITY.frame(result.quality).set_index("check")["message"]
    assert "seen in T or NK cells" in notes["file_content"]


def test_doublets_of_two_lineages_are_neither():
    matrix, label = draw(mixed(mature_b=("mature_b", 150)), 8)
    random = np.random.default_rng(0)
    pairs = [
        random.choice(np.flatnonzero(label == kind), 60, replace=False)
        for kind in ("mature_b", "t")
    ]
    from scipy.sparse import vstack

    both = matrix.counts[pairs[0]] + matrix.counts[pairs[1]]
    counts = vstack([matrix.counts, both]).tocsr()
    names = np.concatenate([matrix.barcode, [f"PAIR{n:05d}-1" for n in range(60)]])
    result = measure(replace(matrix, counts=counts, barcode=names))
    cells = pd.DataFrame(result.cells).set_index("barcode")
    pair = cells[cells.index.str.startswith("PAIR")]
    assert (pair["identity"] == "other").mean() > 0.8
    loss = ANTIGEN_LOSS.frame(result.loss)
    assert not set(loss["status"]) & {"LOST", "REDUCED"}


def test_damaged_cells_are_left_out_and_counted():
    matrix, _ = draw(mixed(), 9)
    counts = matrix.counts.tolil()
    damaged = [list(matrix.symbol).index(name) for name in ("MT-ND1", "MT-CO1")]
    counts[:50, damaged] = 2000
    result = measure(replace(matrix, counts=counts.tocsr()))
    assert populations(result).loc["low quality", "cells"] == 50
    assert not {f"CELL{row:05d}-1" for row in range(50)} & set(
        pd.DataFrame(result.cells)["barcode"]
    )


def test_too_few_usable_cells_fail_with_numbers_and_remedy():
    matrix, _ = draw({"t": ("t", 30)}, 10)
    result = measure(matrix)
    failed = QUALITY.frame(result.quality).set_index("check").loc["matrix"]
    assert failed["verdict"] == "FAIL"
    assert "found 30 usable cells among 30" in failed["message"]
    assert {row["status"] for row in result.populations} == {"FAILED"}
    assert {row["status"] for row in result.loss} == {"NOT_EVALUABLE"}


def test_the_ambient_share_is_estimated():
    for ambient in (0.02, 0.15):
        matrix, _ = draw(mixed(), 11, ambient=ambient)
        quality = QUALITY.frame(measure(matrix).quality).set_index("check")
        assert quality.loc["ambient_share", "value"] == pytest.approx(ambient, rel=0.35)


def test_labels_with_and_without_suffix_agree_and_strangers_are_counted():
    matrix, label = draw(mixed(), 12)
    words = {
        "blast": "leukemic_b",
        "t": "normal_t",
        "nk": "normal_nk",
        "monocyte": "normal_myeloid",
    }
    labels = pd.DataFrame(
        {
            "barcode": [b.removesuffix("-1") for b in matrix.barcode],
            "label": [words[k] for k in label],
            "subpopulation": "",
        }
    )
    labels.loc[0, "barcode"] = "STRANGER"
    result = measure(matrix, labels)
    row = QUALITY.frame(result.quality).set_index("check").loc["labels_matched"]
    assert "579 of 580" in row["message"]
    rows = populations(result)
    leukemic = rows[rows["identity"] == "leukemic_b"]
    assert leukemic["cells"].sum() == 349
    assert set(leukemic["identity_evidence"]) == {"label"}


def test_labels_of_another_library_fail_the_specimen():
    matrix, _ = draw(mixed(), 12)
    labels = pd.DataFrame({"barcode": ["X-1"], "label": ["normal_t"], "subpopulation": [""]})
    result = measure(matrix, labels)
    assert {row["status"] for row in result.populations} == {"FAILED"}


def test_the_same_input_gives_the_same_rows():
    matrix, _ = draw(mixed(), 13)
    first, second = measure(matrix), measure(matrix)
    assert first.loss == second.loss
    assert first.cells.equals(second.cells)


def test_order_of_cells_changes_no_call():
    matrix, _ = draw(
        mixed(lost=("blast", 120)), 14, antigen={"lost": {"CD19": 0}}, shifted=("lost",)
    )
    order = np.random.default_rng(1).permutation(len(matrix))
    turned = replace(matrix, counts=matrix.counts[order], barcode=matrix.barcode[order])

    def lost_cells(m):
        rows = ANTIGEN_LOSS.frame(measure(m).loss)
        return rows.loc[rows["status"] == "LOST", "cells"].sum()

    assert lost_cells(matrix) == pytest.approx(lost_cells(turned), abs=6)


def test_a_variant_found_later_says_nothing_of_an_older_specimen():
    cell = dict.fromkeys(GENOTYPES.columns, 0) | {
        "sample_id": "S", "patient_id": "P", "barcode": "A-1", "gene": "CD19", "chrom": "chr16",
        "pos": 28932529, "ref": "T", "alt": "TG", "hgvs_c": "c.278dup", "state": "MUTANT",
        "genotype": "mutant",
    }  # fmt: skip
    genotypes = GENOTYPES.frame([cell])
    for day, expected in ((190, {}), (-12, {"CD19 c.278dup": {"A-1"}})):
        clone = {
            "sample_id": "S",
            "patient_id": "P",
            "day": -12,
            "specimen": "BM",
            "gene": "CD19",
            "clone": "CD19 c.278dup",
            "basis": "genotype",
            "known_from_day": day,
            "status": "QUANTIFIED",
        }
        assert carriers_of_losses(genotypes, CLONES.frame([clone]), sample(day="-12")) == expected


def test_specimens_are_taken_in_order_of_time():
    rows = [sample("A", "90"), sample("B", "-3"), sample("C", ""), sample("D", "5")]
    assert [row["sample_id"] for row in in_order(rows)] == ["B", "D", "A", "C"]


def test_a_specimen_that_cannot_be_read_does_not_stop_the_others():
    good, _ = draw(mixed(), 15)
    kept = []

    def read(row):
        if row["sample_id"] == "BAD":
            raise ValueError("found nonsense, expected counts. To mend it: export again")
        return good, None

    empty = sample("EMPTY", "9") | {"path": ""}
    results = measure_patient(
        [sample("BAD", "1"), empty, sample("GOOD", "2")], read, (ValueError,), GENOTYPES.empty(),
        CLONES.empty(), settings=SETTINGS, panels=PANELS, disease="B-ALL",
        keep=lambda row, matrix, found: kept.append(row["sample_id"]),
    )  # fmt: skip
    status = {
        r.populations[0]["sample_id"]: {row["status"] for row in r.populations} for r in results
    }
    assert status["BAD"] == {"FAILED"}
    assert status["EMPTY"] == {"NOT_ASSESSED"}
    assert "QUANTIFIED" in status["GOOD"]
    assert kept == ["GOOD"]


def test_the_screen_states_share_and_power_and_never_decides():
    matrix, label = draw(mixed(lost=("blast", 150)), 16, antigen={"lost": {"CD19": 0}})
    labels = pd.DataFrame(
        {"barcode": matrix.barcode, "subpopulation": "all",
         "label": ["leukemic_b" if k in ("blast", "lost") else "normal_t" for k in label]}
    )  # fmt: skip
    labels.loc[labels["label"] != "leukemic_b", "subpopulation"] = ""
    result = measure(matrix, labels)
    row = QUALITY.frame(result.quality).set_index("check").loc["hidden_negative_screen:CD19"]
    assert row["verdict"] == "FLAG"
    assert row["value"] == pytest.approx(150 / 500, abs=0.06)
    assert "power to see" in row["message"]
    loss = ANTIGEN_LOSS.frame(result.loss)
    assert "LOST" not in set(loss["status"])
    mine = loss[(loss["antigen"] == "CD19") & (loss["identity"] == "leukemic_b")].iloc[0]
    assert HIDDEN_NEGATIVE in mine["flags"]
    # 95 % power from the table of power; all leukemic cells are screened
    power = ANTIGEN_POWER.frame(result.power)
    power = power[(power["antigen"] == "CD19") & (power["design"] == "unlabelled_screen")]
    assert mine["detectable_hidden_fraction"] == power["detectable_fraction"].iloc[0]
    assert HIDDEN_NEGATIVE not in "; ".join(loss.loc[loss["identity"] != "leukemic_b", "flags"])


def test_panels_name_only_genes_and_identities_that_exist():
    named = {
        gene
        for rule in PANELS.antigens["antigens"].values()
        for gene in (*rule["controls"], *rule["linked"])
    }
    named |= {g for rule in PANELS.lineages["lineages"].values() for g in rule["markers"]}
    named |= {
        gene
        for name, rule in PANELS.lineages["precursor_programme"].items()
        if name != "minimum_share"
        for gene in rule["markers"]
    }
    assert named | set(PANELS.antigens["antigens"]) <= set(ENSEMBL)
    identities = {
        identity
        for rule in PANELS.antigens["antigens"].values()
        for identity in (*rule["carried_by"], *rule["background"])
    }
    assert identities | set(PANELS.lineages["identity"].values()) <= set(IDENTITIES)


def test_no_tested_antigen_and_no_linked_gene_tells_the_lineage():
    tested = {
        gene
        for name, rule in PANELS.antigens["antigens"].items()
        for gene in (name, *rule["linked"])
    }
    used = {g for rule in PANELS.lineages["lineages"].values() for g in rule["markers"]}
    assert not tested & used


def test_identifiers_are_those_of_the_published_gene_list():
    """Identifiers as stated in the method notes (MANE 1.5) and by 10x Genomics for PBMC."""
    assert ENSEMBL["CD19"] == "ENSG00000177455"
    assert ENSEMBL["MS4A1"] == "ENSG00000156738"


def test_a_few_ambient_molecules_of_a_variant_do_not_make_normal_b_cells_leukemic():
    kinds = mixed(mature_b=("mature_b", 200))
    matrix, label = draw(kinds, 17)
    carriers = np.concatenate(
        [np.flatnonzero(label == "blast")[:120], np.flatnonzero(label == "mature_b")[:5]]
    )
    result = measure(matrix, mutants={"CD19 c.278dup": set(matrix.barcode[carriers])})
    kind, identity = identity_of(result, label)
    assert set(identity[kind == "mature_b"]) == {"b_unresolved"}
    rows = populations(result)
    blasts = rows[rows["identity"] == "leukemic_b"]
    assert "genotype" in set(blasts["identity_evidence"])
    by_genotype = blasts[blasts["identity_evidence"] == "genotype"]
    assert not by_genotype["flags"].str.contains("precursor programme alone").any()
    assert by_genotype["flags"].str.contains("CD19 c.278dup seen in").any()
