"""The sections on toxicity and on what the review names, as a reader sees them."""

import re

from tests.unit.evidence.patients import (
    absent,
    car,
    event,
    infusion,
    judged,
    no_car,
    patient,
    recovered,
    value,
)
from tests.unit.evidence.test_options import TREATMENT_VERBS
from tests.unit.report.made_up import page_of, typical

from aftercar.contracts.clinical import OPTIONS, TOXICITY
from aftercar.report.numbers import plain_rows
from aftercar.report.options import NOTE, option_table
from aftercar.report.toxicity import toxicity_tables

COURSE = {
    "facts": patient(age_group="child", baseline_mrd="0.2"),
    "infusions": [infusion(scfv_origin="murine")],
    "events": [
        event(-30, "blinatumomab", end_day=-10),
        event(3, "crs", end_day=6, grade=3, grading_system="Penn",
              components="fever=yes;hypotension=none;oxygen=none"),
        event(5, "icans", end_day=6, grade=1, grading_system="ASTCT",
              components="capd=9;consciousness=awake;seizure=none;motor=none;edema=none"),
        event(4, "tocilizumab"),
        event(80, "infection", end_day=90, grade=3, grading_system="CTCAE"),
    ],
}  # fmt: skip
LOST = [car(14, 9000), no_car(63), no_car(88), *recovered(63), *recovered(88)]


def context(evidence=LOST, **course):
    assessed = judged(evidence, landmarks=[90], **COURSE | course)
    return (
        plain_rows(TOXICITY.frame(assessed.toxicity)),
        plain_rows(OPTIONS.frame(assessed.options)),
    )


def cells(table, first):
    """The row of a table that begins with this, by column."""
    row = next(row for row in table["rows"] if row[0] == first)
    return dict(zip((c["label"] for c in table["columns"]), row, strict=True))


def test_a_grade_of_another_system_stands_with_its_system_and_is_not_compared():
    row = cells(toxicity_tables(context()[0])["grades"], "CRS")
    assert row["Entered"] == "3 (Penn)"
    assert row["From components"] == "1"
    assert row["Agreement"]["text"] == "Not comparable"
    assert any("not converted" in text for text in row["Remarks"])


def test_a_disagreement_of_grade_and_components_has_the_sign_of_a_conflict():
    row = cells(toxicity_tables(context()[0])["grades"], "ICANS")
    assert (row["Entered"], row["From components"]) == ("1 (ASTCT)", "3")
    assert row["Agreement"]["kind"] == "conflict"
    assert "CAPD: 9" in row["Components"]


def test_no_event_is_not_said_to_be_no_toxicity():
    told = toxicity_tables([])
    assert "not the same as none" in told["grades"]["empty"]
    for table in told.values():
        assert table["rows"] == []
        assert not re.search(r"\b(no|without) (crs|icans|toxicity)\b", table["empty"].lower())


def test_a_virus_that_nobody_looked_for_is_not_said_to_be_absent():
    said = "infections: none entered; virus in blood: not tested"
    assert toxicity_tables([])["episodes"]["empty"] == said
    infected = toxicity_tables(context()[0])["episodes"]
    assert infected["rows"][0][0] == "infection"
    assert infected["note"] == "virus in blood: not tested"


def test_a_failed_virus_test_is_no_test_that_found_nothing():
    copies = ("virus_copies", None)
    failed = value(50, *copies, target="CMV", stream="lab", status="FAILED")
    episodes = toxicity_tables(context([failed], events=[])[0])["episodes"]
    row = cells(episodes, "CMV, tests")
    assert row["Measured"] == "FAILED 1 time, nothing is known from it; days: 50"
    assert episodes["note"] == "infections: none entered"
    fluid = value(50, "virus_copies", 900.0, "CSF", target="HHV6", stream="lab", limit=150.0)
    episodes = toxicity_tables(context([fluid], events=[])[0])["episodes"]
    assert episodes["rows"][0][0] == "HHV6 in CSF"
    assert episodes["note"].endswith("virus in blood: not tested")


def test_burden_and_bridging_stand_with_definition_and_days():
    before = toxicity_tables(context()[0])["before"]
    assert cells(before, "residual disease")["Found"] == "high: 20 % as entered"
    assert cells(before, "blinatumomab")["Found"] == "ended 10 days before the first infusion"


def test_an_observed_mechanism_stands_first_and_an_untested_precondition_is_not_assessed():
    table = option_table(context()[1])
    first = table["rows"][0]
    assert first[0] == "a human or humanised binder after failure of a murine one"
    assert first[2] == ["M1: signal (CD19) at D90"]
    assert first[3]["text"] == "Preconditions shown"
    other = cells(table, "another target, CD22 for CD19")
    assert other["Preconditions"]["text"] == "Not assessed"
    assert other["Each precondition"][0].startswith("CD22 kept on the blasts: not assessed")


def test_an_option_after_a_relapse_of_unknown_phenotype_is_not_called_unseen():
    relapse = event(80, "relapse", phenotype="unknown", site="marrow")
    rows = option_table(context(events=[relapse])[1])["rows"]
    for row in rows:
        assert any("phenotype not known" in text for text in row[2]), row
    unseen = option_table(context([car(88, 500)], events=[], facts=patient())[1])["rows"][0]
    assert unseen[2] == "nothing on record, which is not the same as absent"


def test_no_option_ever_has_the_sign_of_a_clear_answer():
    kept = absent(85, "antigen_negative_blast_fraction", 0.01, "BM", target="CD22")
    rows = option_table(context([*LOST, kept])[1])["rows"]
    assert {row[3]["kind"] for row in rows} <= {"present", "na", "cannot", "unknown", "conflict"}
    assert "present" in {row[3]["kind"] for row in rows}


def test_the_section_holds_no_treatment_verb():
    table = option_table(context()[1])
    text = " ".join([table["caption"], *(str(row[:3]) for row in table["rows"])])
    assert not TREATMENT_VERBS.search(text.replace("not advice", ""))
    assert "not advice" in NOTE


def test_the_page_shows_both_sections():
    def with_context():
        tables, *others = typical()
        toxicity, options = context()
        more = {"toxicity": TOXICITY.frame(toxicity), "options": OPTIONS.frame(options)}
        return tables | more, *others

    page = page_of(with_context)
    assert "Toxicity and therapy context" in page
    assert "3 (Penn)" in page
    assert "a human or humanised binder after failure of a murine one" in page
