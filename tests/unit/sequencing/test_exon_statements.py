"""An exon is free of losses only where nothing that was seen leaves it open."""

from dataclasses import replace

import numpy as np
import pytest

from aftercar.sequencing.callability import BaseLimits
from aftercar.sequencing.callability_rows import callability_rows
from aftercar.sequencing.consequence import MAY_ALTER_SPLICING
from aftercar.sequencing.variants import CallSettings

SETTINGS = CallSettings(20, 4, 1e-6, 0.02)
LOSS = {
    "hgvs_c": "c.278dup", "exon": "1", "tier": "T1", "filter": "PASS", "consequence": "frameshift",
    "nmd_candidate": "yes", "flags": "",
}  # fmt: skip


@pytest.fixture
def three(toy):
    """The toy gene with its second exon cut in two: 180, 90 and 90 coding bases."""
    gene, _ = toy
    first, second = gene.exons
    cut = second.cds_start + 90
    parts = (
        first,
        replace(second, end=cut - 1, cds_end=cut - 1),
        replace(second, number=3, start=cut, cds_start=cut),
    )
    return replace(gene, exons=parts)


def limits_of(gene, hide=(), depth=2000):
    """Limits of 0.5 % everywhere; of changes of length 3 % at the indices of `hide`."""
    position = np.sort(np.array(gene.cds_positions()))
    length = np.full(len(position), 0.005)
    length[list(hide)] = 0.03
    return BaseLimits(
        position, np.full(len(position), depth), np.full(len(position), 0.005), length
    )


def told(gene, called=(), limits=None, assay="dna"):
    limits = limits or limits_of(gene)
    rows = callability_rows(
        {"assay": assay}, gene, limits, [LOSS | row for row in called], SETTINGS
    )
    return {row["exon"]: (row["status"], row["flags"]) for row in rows}


def statuses(rows):
    return "".join({"QUANTIFIED": "Q", "NOT_DETECTED": "-", "INDETERMINATE": "?"}[row[0]]
                   for row in rows.values())  # fmt: skip


def test_all_exons_of_a_deletion_of_several_are_lost(three):
    deletion = {"exon": "1-3", "tier": "T2", "consequence": "exon_deletion"}
    assert statuses(told(three, [deletion])) == "QQQQ"
    assert statuses(told(three, [{"exon": "2-3"}])) == "-QQQ"


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"filter": "strand_bias"}, "c.278dup would be a loss but is doubted (strand_bias)"),
        ({"filter": "strand_bias", "tier": "T2"}, "doubted (strand_bias)"),
        ({"tier": "T4"}, "but the transcript may decay"),
        ({"tier": "T4", "nmd_candidate": "", "consequence": "splice_donor"}, "may alter splicing"),
        ({"tier": "T4", "nmd_candidate": "", "flags": MAY_ALTER_SPLICING}, "may alter splicing"),
        (
            {"tier": "T3", "nmd_candidate": "", "flags": f"epitope; {MAY_ALTER_SPLICING}"},
            "splicing",
        ),
    ],
)
def test_what_may_be_a_loss_leaves_its_exon_and_the_gene_open(three, row, said):
    rows = told(three, [row | {"exon": "2"}])
    assert statuses(rows) == "-?-?"
    assert said in rows["2"][1]
    assert said in rows["all"][1]


@pytest.mark.parametrize(
    "row",
    [
        {"tier": "T4", "nmd_candidate": "no", "consequence": "missense"},
        {"tier": "NONE", "nmd_candidate": "", "filter": "strand_bias"},
        {"tier": "POLYMORPHISM", "consequence": "splice_donor"},
        {"tier": "T4", "nmd_candidate": "", "flags": MAY_ALTER_SPLICING, "exon": "9"},
    ],
)
def test_other_variants_leave_nothing_open(three, row):
    assert statuses(told(three, [row])) == "----"


def test_a_found_loss_stands_beside_a_doubted_one_that_is_named_for_the_gene(three):
    rows = told(three, [{}, {"exon": "2", "filter": "strand_bias", "hgvs_c": "c.290del"}])
    assert statuses(rows) == "Q?-Q"
    assert "c.290del" in rows["all"][1]
    many = told(three, [{"filter": "strand_bias", "hgvs_c": f"c.{n}del"} for n in range(8)])
    assert many["1"][1].endswith("and 5 more such variants")


def test_exon_rows_name_their_own_bases_that_hide_a_loss(three):
    rows = told(three, limits=limits_of(three, hide=[10, 11, 200]))
    assert "not for bases c.11_12:" in rows["1"][1]
    assert "not for bases c.201:" in rows["2"][1]
    assert rows["3"] == ("NOT_DETECTED", "")


def test_a_negative_gene_says_that_losses_of_whole_exons_are_not_meant(three):
    assert "the loss of a whole exon or gene is not excluded" in told(three)["all"][1]


def test_an_exon_without_reads_beside_deep_ones_may_be_lost(three):
    found = limits_of(three)
    bare = slice(180, 270)
    for values, none in (
        (found.depth, 0),
        (found.substitution, np.nan),
        (found.length_change, np.nan),
    ):
        values[bare] = none
    rows = told(three, limits=found)
    assert rows["2"][0] == "NOT_ASSESSED"
    assert "lost in all cells or not captured" in rows["2"][1]
    assert rows["all"][0] == "INDETERMINATE"


def test_deep_rna_whose_exon_edges_alone_are_silent_is_not_called_shallow(three):
    edges = [180, 181, 182, 183, 266, 267, 268, 269]  # eight of the 90 bases of exon 2
    rows = told(three, limits=limits_of(three, edges), assay="rna")
    assert "near an exon edge" in rows["2"][1]
    assert "too shallow" not in rows["2"][1] + rows["all"][1]
    few = told(three, limits=limits_of(three, edges[:2]), assay="rna")
    assert "not for bases c.181_182: " in few["2"][1]
    assert "near an exon edge" in few["2"][1]
    middle = told(three, limits=limits_of(three, range(210, 218)), assay="rna")
    assert "too shallow" in middle["2"][1]
    dna = told(three, limits=limits_of(three, edges))
    assert "too shallow" in dna["2"][1]
