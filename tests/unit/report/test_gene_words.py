"""What pages say of genes: losses with their limits, and never a negative that was not shown."""

import pytest
from tests.unit.report.made_up_rows import CD19

from aftercar.contracts.sequencing import CALLABILITY, LOH, SPLICING, VARIANTS
from aftercar.report.domains import (
    history_table,
    loh_table,
    polymorphism_table,
    splicing_table,
    variant_table,
)
from aftercar.report.figures import _genes
from aftercar.report.gene_reads import answer_table, callability_table
from aftercar.report.numbers import percentages, plain_rows
from aftercar.report.words import origin_title

WHO = {"sample_id": "S-dna", "patient_id": "S", "day": 30, "specimen": "BM", "gene": "CD19"}


def cells_of(table, row=0):
    labels = [column["label"] for column in table["columns"]]
    return dict(zip(labels, table["rows"][row], strict=True))


def loh(**values):
    told = {"state": "NO_LOH", "status": "QUANTIFIED", "affected_fraction_low": 0.0}
    return cells_of(loh_table(plain_rows(LOH.frame([WHO | told | values]))))


def test_no_loss_stands_with_the_share_of_cells_and_is_clear_only_with_purity():
    known = loh(affected_fraction_high=0.195, purity=0.8)
    assert known["Finding"]["text"] == "No loss in more than 19.5 % of all cells"
    assert known["Finding"]["kind"] == "clear"
    unknown = loh(affected_fraction_high=0.195, status="INDETERMINATE")
    assert "share of leukemic cells not known" in unknown["Finding"]["text"]
    assert unknown["Finding"]["kind"] != "clear"


@pytest.mark.parametrize(
    ("low", "mechanism", "text"),
    [
        (0.0, "", "at most 19.5 %"),
        (0.02, "", "2 % to 19.5 %"),
        (0.02, "deletion", "2 % to 19.5 % (deletion)"),
    ],
)
def test_the_lower_bound_of_cells_with_a_loss_is_never_dropped(low, mechanism, text):
    row = loh(affected_fraction_low=low, affected_fraction_high=0.195, mechanism=mechanism)
    assert row["Cells with the loss"] == text


def callability(*rows):
    base = {"assay": "dna", "exon": "all", "cds_bases": 100, "depth": 500.0, "depth_min": 400,
            "target_vaf": 0.02, "status": "NOT_DETECTED", "callable_fraction": 1.0}  # fmt: skip
    return plain_rows(CALLABILITY.frame([WHO | base | row for row in rows]))


LOSS = {
    "sample_id": "S-dna", "gene": "CD19", "hgvs_c": "c.143dup", "hgvs_p": "p.T49fs", "tier": "T1",
    "vaf": 0.24, "vaf_low": 0.2, "vaf_high": 0.28, "filter": "PASS", "flags": "",
}  # fmt: skip


def test_each_gene_and_specimen_has_a_statement_with_its_limit():
    found = answer_table(
        callability(
            {"callable_fraction": 0.99962},
            {"gene": "CD22", "status": "QUANTIFIED"},
            {
                "gene": "TP53",
                "status": "INDETERMINATE",
                "callable_fraction": 0.416,
                "detectable_vaf": 0.0349,
            },
            {"gene": "CD7", "assay": "rna", "status": "INDETERMINATE", "callable_fraction": 0.9},
            {"gene": "CD5", "status": "NOT_ASSESSED", "callable_fraction": None, "depth": None},
        ),
        [LOSS | {"gene": "CD22"}, LOSS | {"gene": "CD22", "hgvs_c": "c.9A>G", "tier": "T4"}],
    )
    said = {row[1]: row[3] for row in found["rows"]}
    assert said["CD19"] == (
        "No CD19 loss of function by a small variant with a VAF of 2 % or more over 99.9 % of the "
        "coding sequence (CDS)"
    )
    assert said["CD22"].startswith("Found: c.143dup p.T49fs, VAF 24 % (20 % to 28 %). Others: a")
    assert said["TP53"] == (
        "Cannot tell, see the remarks; a VAF of 2 % would show on 41.6 % of the coding sequence "
        "(CDS), one of 3.5 % on at least 95 % of each exon"
    )
    assert said["CD7"].startswith("Cannot tell, see the remarks; silence of RNA is no absence")
    assert said["CD5"] == "Nothing is known of CD5 from this specimen"
    assert not [gene for gene in ("TP53", "CD7", "CD5") if said[gene].startswith("No ")]


def test_exons_with_one_remark_share_a_row_and_stand_by_number():
    remark = {"status": "INDETERMINATE", "flags": "too shallow for a variant fraction of 0.02"}
    rows = [{"exon": e, "depth": 300.0 + int(e), "detectable_vaf": 0.02 + int(e) / 1000} | remark
            for e in ("10", "11", "2", "3", "4", "7")]  # fmt: skip
    lost = {"status": "NOT_ASSESSED", "flags": "no coverage", "depth": None, "depth_min": None,
            "callable_fraction": 0.0}  # fmt: skip
    shown = callability_table(callability(*rows, {"exon": "8"} | lost, {"status": "QUANTIFIED"}))
    names = [row[1] for row in shown["rows"]]
    assert names == ["CD19, all exons", "CD19, exons 2 to 4, 7, 10, 11", "CD19, exon 8"]
    folded = cells_of(shown, 1)
    assert (folded["Median depth"], folded["Detectable VAF"]) == ("302 to 311", "2.2 % to 3.1 %")
    assert folded["Remarks"] == "too shallow for a variant fraction of 2 %"
    assert cells_of(shown, 0)["Status"]["text"] == "Loss of function found"


def test_a_limit_on_too_few_bases_is_not_called_no_limit_at_all():
    (row,) = callability_table(callability({"status": "INDETERMINATE", "callable_fraction": 0.56}))[
        "rows"
    ]
    assert row[4:6] == ["not on 95 % of the bases", "56 % at 2 %"]


@pytest.mark.parametrize(
    ("remark", "written"),
    [
        ("rs2904880, frequency 0.83: in it", "rs2904880, frequency 83 %: in it"),
        ("fractions of 0.0021 and more would show", "fractions of 0.21 % and more would show"),
        ("no loss of 3 exons; T3", "no loss of 3 exons; T3"),
        ("a fraction of 0.5 % of it", "a fraction of 0.5 % of it"),
    ],
)
def test_a_row_names_its_fractions_in_one_unit(remark, written):
    assert percentages(remark) == written


def test_the_picture_of_a_gene_shows_dna_of_the_day_rather_than_rna():
    rows = callability({}, {"sample_id": "S-rna", "assay": "rna", "status": "INDETERMINATE"})
    (picture,) = _genes({"data": {"callability": rows}}, {"CD19": CD19})
    assert "S-dna (DNA reads, D30)" in picture["caption"]
    later = callability({}, {"sample_id": "S-rna", "assay": "rna", "day": 60})
    (picture,) = _genes({"data": {"callability": later}}, {"CD19": CD19})
    assert "S-rna (RNA reads, D60)" in picture["caption"]


@pytest.mark.parametrize(
    ("origin", "remark", "title"),
    [
        ("NOT_DETERMINED", "no matched normal was compared", "not determined"),
        (
            "NOT_DETERMINED",
            "no normal; not inherited, unless from a donor: 0 of 900 fragments in a (day 1)",
            "not inherited, unless from a donor",
        ),
        (
            "NOT_DETERMINED",
            "0.04 in matched normal n: too little to be inherited; leukemia left in the normal",
            "not inherited: a trace in the normal",
        ),
        (
            "POLYMORPHISM",
            "not inherited: matched normal n (0 of 900 fragments)",
            "common in the population, but not in the matched normal",
        ),
        ("POLYMORPHISM", "rs2904880", "common in the population"),
    ],
)
def test_an_origin_never_contradicts_what_the_remark_excludes(origin, remark, title):
    assert origin_title(origin, remark) == title


def test_since_when_and_the_variant_name_one_origin():
    where = {"gene": "CD19", "chrom": "chr16", "pos": 5, "ref": "A", "alt": "AG"}
    named = where | {"hgvs_c": "c.143dup", "hgvs_p": "p.T49fs", "origin": "NOT_DETERMINED"}
    seen = {"called_day": 30, "called_sample": "S-dna", "first_seen_day": 30,
            "first_seen_sample": "S-dna", "first_seen_fraction": 0.2, "last_negative_day": None,
            "verdict": "NOT_ASSESSABLE", "flags": ""}  # fmt: skip
    remark = "not inherited, unless from a donor: 0 of 900 fragments in a (day 1)"
    table = history_table([named | seen], [named | {"sample_id": "S-dna", "flags": remark}])
    assert cells_of(table)["Origin"] == "not inherited, unless from a donor"


def variants(*rows):
    base = {"assay": "dna", "chrom": "chr16", "ref": "A", "alt": "G", "filter": "PASS",
            "consequence": "missense", "status": "QUANTIFIED", "origin": "NOT_DETERMINED",
            "vaf": 0.24, "vaf_low": 0.2, "vaf_high": 0.28, "depth": 100}  # fmt: skip
    return plain_rows(VARIANTS.frame([WHO | base | row for row in rows]))


def test_losses_of_function_come_first_and_polymorphisms_are_folded():
    known = {"gene": "CD10", "pos": 7, "hgvs_c": "c.7A>G", "tier": "POLYMORPHISM",
             "origin": "POLYMORPHISM", "flags": "rs1, frequency 0.83: known"}  # fmt: skip
    rows = variants(
        known,
        known | {"sample_id": "S-2", "day": 60, "vaf": 0.5},
        {"gene": "CD10", "pos": 8, "hgvs_c": "c.8A>G", "tier": "NONE"},
        {"gene": "CD10", "pos": 9, "hgvs_c": "c.9A>G", "tier": "T3"},
        {"gene": "CD19", "pos": 5, "hgvs_c": "c.143dup", "tier": "T1",
         "flags": "absent; fractions of 0.0021 and more would show"},
    )  # fmt: skip
    shown = variant_table(rows, tested=True)
    assert [row[1] for row in shown["rows"]] == ["CD19 c.143dup", "CD10 c.9A>G", "CD10 c.8A>G"]
    assert "of 0.21 % and more" in cells_of(shown)["Remarks"]
    (folded,) = polymorphism_table(rows)["rows"]
    assert folded[0] == "CD10 c.7A>G"
    assert [line.split(":")[0] for line in folded[2]] == ["D30 marrow S-dna", "D60 marrow S-2"]
    assert folded[3] == ["rs1, frequency 83 %: known"]


@pytest.mark.parametrize(
    ("event", "structure", "title"),
    [
        ("exon5_6_skipping", "exons 5 and 6 skipped", "exons 5 and 6 skipped"),
        ("exon5_6_skipping", "", "Exon 5-6 skipping"),
        ("other_junction", "exon 3 to 7", "other junction: exon 3 to 7"),
    ],
)
def test_a_splice_event_is_named_once(event, structure, title):
    row = {"gene": "CD19", "event": event, "structure": structure, "status": "NOT_DETECTED"}
    table = splicing_table(plain_rows(SPLICING.frame([WHO | row])))
    assert cells_of(table)["Event"] == title
