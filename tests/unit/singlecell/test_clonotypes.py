"""Repertoires: what is one clone, and what polyclonal cells never show."""

import numpy as np
import pytest
from tests.unit.singlecell.drawn_cells import PANELS
from tests.unit.singlecell.drawn_receptors import contig, junction, table

from aftercar.singlecell.clonotypes import repertoire_of_cells

RULE = PANELS.clonotypes
CLONE = "TGTGCGAGAGATCGGTACTACTTTGACTACTGG"


def repertoire(rows, cells, lineage="b"):
    contigs = table(rows)
    return repertoire_of_cells(contigs.assign(row=contigs["barcode"]), cells, lineage, RULE)


def polyclonal(cells, seed, *, start=0):
    random = np.random.default_rng(seed)
    return [contig(start + row, cdr3=junction(random)) for row in range(cells)]


def test_polyclonal_cells_have_no_expanded_clone_over_seeds():
    """Memory B cells too: clone sizes 1 to 4 in a library, in shares as in a Zipf law."""
    for seed in range(40):
        random = np.random.default_rng(seed)
        cells = int(random.integers(20, 1500))
        sizes = np.minimum(random.zipf(2.5, cells), 4)
        of_cell = np.repeat(np.arange(cells), sizes)[:cells]
        names = [junction(random) for _ in range(of_cell.max() + 1)]
        found = repertoire([contig(r, cdr3=names[c]) for r, c in enumerate(of_cell)], cells)
        assert not found.expanded.any(), seed


@pytest.mark.parametrize(("size", "of", "expected"), [(4, 4, False), (5, 5, True), (40, 300, True)])
def test_a_clone_is_expanded_from_five_cells_and_a_sure_share_on(size, of, expected):
    rows = [contig(row, cdr3=CLONE) for row in range(size)]
    found = repertoire(rows + polyclonal(of - size, 1, start=size), of)
    assert found.expanded.any() == expected
    if expected:
        (number,) = np.flatnonzero(found.expanded)
        assert found.names[number] == f"IGH:{CLONE}"
        assert list(np.flatnonzero(found.clone == number)) == list(range(size))


def test_a_small_share_of_many_cells_is_not_expanded():
    rows = [contig(row, cdr3=CLONE) for row in range(6)]
    assert not repertoire(rows + polyclonal(600, 2, start=6), 606).expanded.any()


def test_two_rearrangements_of_the_same_cells_are_one_clone():
    """Both alleles rearranged, one of them unproductive, as often in B-precursor leukemia."""
    other = junction(np.random.default_rng(5))
    rows = [contig(row, cdr3=CLONE) for row in range(20)]
    rows += [contig(row, cdr3=other, productive=False) for row in range(10, 30)]
    found = repertoire(rows, 30)
    assert found.expanded.sum() == 1
    assert len(set(found.clone)) == 1
    assert found.rearrangements[found.clone[0]] == {f"IGH:{CLONE}", f"IGH:{other}"}
    assert not found.doublet.any()


def test_v_replacement_keeps_the_clone_by_its_dj_stem():
    stem = junction(np.random.default_rng(6), 42)[3:]
    rows = [contig(row, cdr3="TGTGCGAGAGGG" + stem) for row in range(10)]
    rows += [contig(row, cdr3="TGTGTCACCTTA" + stem) for row in range(10, 20)]
    assert len(set(repertoire(rows, 20).clone)) == 1
    short = [contig(row, cdr3="TGTGCGAGAGGG" + stem[-20:]) for row in range(10)]
    short += [contig(row, cdr3="TGTGTCACCTTA" + stem[-20:]) for row in range(10, 20)]
    assert len(set(repertoire(short, 20).clone)) == 2, "the end of a J segment is no stem"


def test_doublets_of_two_clones_do_not_join_them():
    other = junction(np.random.default_rng(7))
    rows = [contig(row, cdr3=CLONE) for row in range(100)]
    rows += [contig(row, cdr3=other) for row in range(94, 194)]
    found = repertoire(rows, 194)
    assert len(set(found.clone) - {-1}) == 2
    assert list(np.flatnonzero(found.doublet)) == list(range(94, 100))
    assert (found.clone[94:100] == -1).all()


def test_an_unproductive_allele_beside_makes_no_doublet():
    random = np.random.default_rng(8)
    rows = [contig(row, cdr3=junction(random)) for row in range(50)]
    rows += [contig(row, cdr3=junction(random), productive=False) for row in range(20)]
    found = repertoire(rows, 50)
    assert not found.doublet.any()
    assert len(set(found.clone)) == 50


def test_a_weak_or_single_molecule_is_ambient():
    rows = [contig(0, cdr3=CLONE, umis=1), *polyclonal(1, 9, start=1)]
    rows.append(contig(1, cdr3=CLONE, umis=2) | {"umis": 2})
    rows[1]["umis"] = 40
    found = repertoire(rows, 2)
    assert found.clone[0] == -1
    assert f"IGH:{CLONE}" not in found.names


def test_a_light_chain_alone_names_a_cell_but_is_never_expanded():
    """Light chains of few nucleotides are shared by unrelated cells."""
    rows = [contig(row, "IGK", "TGTCAGCAGTATGGTAGCTCACCTTGGACGTTC") for row in range(50)]
    found = repertoire(rows, 50)
    assert set(found.clone) == {0}
    assert not found.expanded.any()
    assert not found.evaluable.any()


def test_t_cells_are_named_by_beta_and_kept_apart_from_b_cells():
    rows = [contig(row, "TRB", CLONE) for row in range(9)] + polyclonal(9, 10, start=9)
    assert list(np.flatnonzero(repertoire(rows, 18, "t").evaluable)) == list(range(9))
    assert list(np.flatnonzero(repertoire(rows, 18, "b").evaluable)) == list(range(9, 18))


def test_no_contig_is_no_clone():
    found = repertoire([], 10)
    assert (found.clone == -1).all()
    assert found.names == []


def test_the_order_of_contigs_changes_nothing():
    rows = [contig(row, cdr3=CLONE) for row in range(20)] + polyclonal(50, 11, start=20)
    one, other = repertoire(rows, 70), repertoire(rows[::-1], 70)
    assert one.names == other.names
    assert (one.clone == other.clone).all()
