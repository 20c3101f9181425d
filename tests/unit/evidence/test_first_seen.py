"""Since when a variant is there is told from what earlier specimens could have shown."""

import pandas as pd
import pytest
from tests.unit.evidence.test_collect import clone, variant

from aftercar.contracts.sequencing import CLONES, VARIANT_HISTORY, VARIANTS
from aftercar.evidence.first_seen import variant_history


def called(day, vaf=0.3, **more):
    return variant(sample_id=f"d{day}", day=day, vaf=vaf, known_from_day=day, **more)


def looked_for(day, status, known=190, **more):
    row = {"filter": "looked_for", "status": status, "vaf": 0.0, "alt_fragments": 0}
    sample = more.pop("sample_id", f"d{day}")
    return variant(sample_id=sample, day=day, known_from_day=known, **(row | more))


def history(*rows, clones=(), assays=None, purity="1"):
    assays = {row["sample_id"]: "dna" for row in [*rows, *clones]} | (assays or {})
    days = {row["sample_id"]: str(row["day"]) for row in [*rows, *clones]}
    found = variant_history(
        VARIANTS.frame(list(rows)),
        CLONES.frame(list(clones)),
        [
            {"sample_id": name, "assay": assays[name], "patient_id": "p", "day": days[name],
             "specimen": "BM", "control_for": "", "purity": purity}
            for name in assays
        ],
    )  # fmt: skip
    return VARIANT_HISTORY.frame(found).to_dict("records")


def test_the_first_specimen_that_shows_a_variant_is_stated_also_where_it_was_only_looked_for():
    (row,) = history(
        called(190),
        looked_for(28, "DETECTED_BELOW_LLOQ", vaf=0.004),
        looked_for(-12, "NOT_DETECTED", detectable_vaf=0.008),
        looked_for(60, "INDETERMINATE"),
    )
    assert (row["called_day"], row["called_sample"]) == (190, "d190")
    assert (row["first_seen_day"], row["first_seen_sample"]) == (28, "d28")
    assert row["first_seen_fraction"] == 0.004
    assert (row["last_negative_day"], row["last_negative_limit"]) == (-12, 0.008)
    assert row["verdict"] == "NOT_DETECTED_BEFORE"
    assert "fractions of the leukemia below 0.008 before the infusion are possible" in row["flags"]
    assert "looked for in 3 bulk specimen(s) up to then, one test at 0.001 each" in row["flags"]


@pytest.mark.parametrize("day", [-12, 0])
def test_what_a_specimen_of_the_day_of_infusion_or_before_shows_is_pre_existing(day):
    (row,) = history(called(190), looked_for(day, "DETECTED_BELOW_LLOQ", vaf=0.003))
    assert (row["verdict"], row["first_seen_day"]) == ("PRE_EXISTING", day)
    (row,) = history(called(day), called(190))
    assert (row["verdict"], row["called_day"]) == ("PRE_EXISTING", day)
    (row,) = history(called(190), looked_for(1, "DETECTED_BELOW_LLOQ", vaf=0.003))
    assert row["verdict"] == "NOT_ASSESSABLE"


@pytest.mark.parametrize(
    "earlier",
    [
        [],
        [looked_for(-12, "INDETERMINATE")],
        [looked_for(-12, "NOT_ASSESSED", vaf=None, detectable_vaf=None)],
        [looked_for(-12, "FAILED", vaf=None, detectable_vaf=None)],
        [looked_for(-12, "INDETERMINATE", assay="rna")],
        [looked_for(-12, "NOT_DETECTED", assay="rna")],  # an allele need not be transcribed
        [looked_for(5, "NOT_DETECTED")],  # after the infusion
    ],
)
def test_without_an_adequate_specimen_before_the_infusion_nothing_is_said_of_before(earlier):
    (row,) = history(called(190), *earlier)
    assert row["verdict"] == "NOT_ASSESSABLE"
    assert pd.isna(row["limit_before_infusion"])


def test_an_artefact_of_an_earlier_specimen_is_not_the_first_sight():
    strand = called(-5, filter="strand_bias", status="INDETERMINATE")
    (row,) = history(called(190), strand)
    assert (row["first_seen_day"], row["verdict"]) == (190, "NOT_ASSESSABLE")


def test_polymorphisms_silent_changes_and_variants_that_nobody_calls_have_no_history():
    assert history(called(28, tier="POLYMORPHISM"), called(60, tier="NONE", pos=7)) == []
    assert history(looked_for(-12, "NOT_DETECTED")) == []
    assert variant_history(pd.DataFrame(), pd.DataFrame(), []) == []


def test_single_cells_show_a_variant_and_single_cell_dna_can_lack_it():
    cells = {"sample_id": "c", "day": -12, "fraction": 0.01, "known_from_day": 190}
    seen = clone("CD19 c.300dup", status="DETECTED_BELOW_LLOQ", **cells)
    (row,) = history(called(190), clones=[seen], assays={"c": "scrna"})
    assert (row["verdict"], row["first_seen_assay"]) == ("PRE_EXISTING", "scrna")
    silent = clone("CD19 c.300dup", status="NOT_DETECTED", **cells | {"fraction": 0.0})
    for assay, verdict in (("scrna", "NOT_ASSESSABLE"), ("scdna", "NOT_DETECTED_BEFORE")):
        (row,) = history(called(190), clones=[silent], assays={"c": assay})
        assert row["verdict"] == verdict
    other = clone("CD19 c.999del", status="QUANTIFIED", **cells)
    (row,) = history(called(190), clones=[other], assays={"c": "scdna"})
    assert row["verdict"] == "NOT_ASSESSABLE"


def test_later_specimens_change_no_row_that_was_known_before():
    rows = [
        called(60),
        called(60, pos=5, hgvs_c="c.5del"),
        looked_for(-12, "NOT_DETECTED", known=60),
        looked_for(-12, "NOT_DETECTED", known=60, pos=5, hgvs_c="c.5del"),
        called(190, vaf=0.8),
        called(190, pos=9, hgvs_c="c.9del"),
        looked_for(60, "DETECTED_BELOW_LLOQ", pos=9, hgvs_c="c.9del"),
        looked_for(-12, "NOT_DETECTED", pos=9, hgvs_c="c.9del"),
    ]
    whole = history(*rows)
    cut = history(*(row for row in rows if row["known_from_day"] <= 60))
    assert [row for row in whole if row["known_from_day"] <= 60] == cut
    assert len(cut) == 2
    assert len(whole) == 3


def before(limit=0.008, **more):
    return looked_for(-12, "NOT_DETECTED", detectable_vaf=limit, **more)


def test_a_specimen_excludes_as_much_of_the_leukemia_as_it_holds():
    (row,) = history(called(190), before(), purity="0.1")
    assert (row["verdict"], row["limit_before_infusion"]) == ("NOT_DETECTED_BEFORE", 0.08)
    assert row["last_negative_limit"] == 0.08
    assert "fractions of the leukemia below 0.08 before the infusion" in row["flags"]
    (row,) = history(called(190), before(), purity="0.005")  # a remission
    assert (row["verdict"], row["last_negative_sample"]) == ("NOT_ASSESSABLE", "")
    assert "only 0.005 of d-12 is leukemia: nothing excluded" in row["flags"]


def test_a_specimen_in_which_nothing_speaks_for_leukemia_excludes_nothing():
    (row,) = history(called(190), before(), purity="")
    assert row["verdict"] == "NOT_ASSESSABLE"
    assert pd.isna(row["limit_before_infusion"])
    assert "nothing speaks for leukemic cells in d-12: it excludes nothing" in row["flags"]
    for origin in ("POSSIBLY_GERMLINE", "GERMLINE"):  # in half of all cells, leukemic or not
        other = called(-12, 0.5, pos=9, hgvs_c="c.9del", vaf_low=0.4, origin=origin)
        rows = history(called(190), before(), other, purity="")
        assert next(r for r in rows if r["called_day"] == 190)["verdict"] == "NOT_ASSESSABLE"


def test_another_variant_of_the_leukemia_tells_how_much_of_it_a_specimen_holds():
    other = called(-12, 0.25, pos=9, hgvs_c="c.9del", vaf_low=0.2)
    rows = history(called(190), before(), other, purity="")
    row = next(r for r in rows if r["called_day"] == 190)
    assert (row["verdict"], row["limit_before_infusion"]) == ("NOT_DETECTED_BEFORE", 0.04)
    assert "purity of d-12 is not stated: at least 0.2 by CD19 c.9del" in row["flags"]
    cells = {"sample_id": "c", "day": -12, "known_from_day": 190, "detectable_fraction": 0.01}
    silent = clone("CD19 c.300dup", status="NOT_DETECTED", fraction=0.0, **cells)
    found = clone("CD19 c.9del", status="QUANTIFIED", fraction=0.6, fraction_low=0.5, **cells)
    second = called(190, pos=9, hgvs_c="c.9del")
    rows = history(called(190), second, clones=[silent, found], assays={"c": "scdna"}, purity="")
    row = next(r for r in rows if r["hgvs_c"] == "c.300dup")
    assert (row["verdict"], row["limit_before_infusion"]) == ("NOT_DETECTED_BEFORE", 0.02)


def test_the_purity_of_a_specimen_holds_for_its_cells_and_not_for_a_normal_sorted_from_it():
    tube = {"patient_id": "p", "day": "-12", "specimen": "BM", "control_for": "", "purity": ""}
    silent = clone("CD19 c.300dup", sample_id="c", day=-12, status="NOT_DETECTED", fraction=0.0,
                   detectable_fraction=0.01, known_from_day=190)  # fmt: skip
    for stated, expected in (("", "NOT_DETECTED_BEFORE"), ("matched_normal", "NOT_ASSESSABLE")):
        samples = [
            tube | {"sample_id": "c", "assay": "scdna"},
            tube | {"sample_id": "b", "assay": "dna", "purity": "0.5", "control_for": stated},
        ]
        (row,) = variant_history(VARIANTS.frame([called(190)]), CLONES.frame([silent]), samples)
        assert row["verdict"] == expected


def test_what_was_inherited_is_no_clone_that_was_there_before_the_infusion():
    for day in (-12, 190):
        (row,) = history(called(day, 0.5, origin="GERMLINE"))
        assert row["verdict"] == "INHERITED"
        assert "in all cells, no clone of the leukemia" in row["flags"]
    (row,) = history(called(-12, 0.5, origin="POSSIBLY_GERMLINE"))
    assert row["verdict"] == "POSSIBLY_INHERITED"
    assert "inherited, or a clone that was there before the infusion" in row["flags"]
    (row,) = history(called(190, 0.5, origin="POSSIBLY_GERMLINE"))
    assert row["verdict"] == "NOT_ASSESSABLE"
