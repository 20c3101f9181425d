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


def history(*rows, clones=(), assays=None):
    found = variant_history(
        VARIANTS.frame(list(rows)),
        CLONES.frame(list(clones)),
        [{"sample_id": name, "assay": assay} for name, assay in (assays or {}).items()],
    )
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
    assert "a fraction below 0.008 before the infusion is not excluded" in row["flags"]
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
