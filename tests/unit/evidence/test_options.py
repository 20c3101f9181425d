"""What the review names: statements with preconditions that data show, leave open or contradict."""

import copy
import re

import pytest
import yaml
from tests.unit.evidence.patients import (
    ROOT,
    absent,
    car,
    clinical,
    document,
    event,
    evidence_base,
    infusion,
    judged,
    no_car,
    patient,
    recovered,
    value,
)

from aftercar.contracts.clinical import OPTIONS
from aftercar.evidence.options import check_conflicts, options_of
from aftercar.evidence.rulebook import RuleError
from aftercar.io.documents import DocumentError, read_document

# Words of a physician who decides: none of them may stand in a statement or a precondition.
TREATMENT_VERBS = re.compile(
    r"\b(recommend\w*|should|must|consider\w*|advise\w*|suggest\w*|treat|treats|treated|give|gives|"
    r"given|administer\w*|start|starts|stop|stops|switch to|use|prefer\w*|indicated|proceed|refer|"
    r"need|needs|eligible|candidate|best|better|benefit)\b",
    re.IGNORECASE,
)
MURINE = [infusion(scfv_origin="murine")]
T_ALL = {"facts": patient("T-ALL", prior_hct="no"), "infusions": [infusion(targets="CD7")]}


def kept(day, antigen):
    return absent(day, "antigen_negative_blast_fraction", 0.01, "BM", target=antigen)


def lost(day, antigen):
    return value(
        day, "antigen_negative_blast_fraction", 0.9, "BM", target=antigen, low=0.85, high=0.95
    )


def relapse_of(antigen, phenotype, day=80):
    return event(day, "relapse", phenotype=phenotype, antigen=antigen, site="marrow")


LOST_CAR = [car(14, 9000), no_car(63), no_car(88), *recovered(63), *recovered(88)]
CLEAN = [
    absent(85, "flow_mrd_fraction", 2e-5, "BM"),
    absent(85, "ngs_mrd_fraction", 1e-6, "BM", stream="lab"),
]
INTACT = value(
    85, "gene_callability", 0.99, "BM", target="CD19", item="dna", stream="sequencing",
    status="NOT_DETECTED", limit=0.02,
)  # fmt: skip
# option -> case -> (history, evidence, status)
CASES = {
    "OTHER_TARGET_CD22": {
        "kept": ({}, [kept(85, "CD22")], "PRESENT"),
        "lost": ({}, [lost(85, "CD22")], "ABSENT"),
        "only before the infusion": ({}, [kept(-10, "CD22"), car(20, 500)], "NOT_ASSESSED"),
        "only before the relapse": (
            {"events": [relapse_of("CD19", "antigen_negative")]},
            [kept(70, "CD22")],
            "NOT_ASSESSED",
        ),
        "at the relapse": (
            {"events": [relapse_of("CD19", "antigen_negative")]},
            [kept(80, "CD22")],
            "PRESENT",
        ),
        "relapse without it beside a specimen with it": (
            {"events": [relapse_of("CD22", "antigen_negative")]},
            [kept(85, "CD22")],
            "CONFLICTING",
        ),
        "dim at relapse": ({"events": [relapse_of("CD22", "antigen_dim")]}, [], "ABSENT"),
        "mixed at relapse": ({"events": [relapse_of("CD22", "mixed")]}, [], "ABSENT"),
        "targeted before": (
            {"infusions": [infusion(), infusion(40, "CD22", 2)]},
            [kept(85, "CD22")],
            "ABSENT",
        ),
        "another antigen tested": ({}, [kept(85, "CD20")], "NOT_ASSESSED"),
        "tested long ago": ({}, [kept(10, "CD22"), car(88, 500)], "NOT_ASSESSED"),
        "reagents disagree": (
            {},
            [kept(85, "CD22"), lost(85, "CD22") | {"item": "other", "sample_id": "other"}],
            "CONFLICTING",
        ),
    },
    "OTHER_TARGET_CD5": {
        "kept": (
            T_ALL,
            [kept(85, "CD5"), value(85, "cd5_positive_t_fraction", 0.9, low=0.88, high=0.92)],
            "PRESENT",
        ),
        "state of the T cells unknown": (T_ALL, [kept(85, "CD5")], "NOT_ASSESSED"),
        "lost": (T_ALL, [lost(85, "CD5")], "ABSENT"),
        "kept before the infusion only": (
            T_ALL,
            [kept(-10, "CD5"), value(25, "cd5_positive_t_fraction", 0.9, low=0.88, high=0.92)],
            "NOT_ASSESSED",
        ),
    },
    "RESIDUAL_CAR7": {
        "still there": (T_ALL, [value(85, "car_t_fraction", 0.2, target="CD7")], "PRESENT"),
        "gone": (T_ALL, [absent(85, "car_t_fraction", 0.001, target="CD7")], "ABSENT"),
        "not tested": (T_ALL, [], "NOT_ASSESSED"),
    },
    "HUMAN_BINDER": {
        "murine and lost": ({"infusions": MURINE}, LOST_CAR, "PRESENT"),
        "humanised": ({"infusions": [infusion(scfv_origin="humanised")]}, LOST_CAR, "ABSENT"),
        "origin not known": ({}, LOST_CAR, "NOT_ASSESSED"),
        "not lost": ({"infusions": MURINE}, [car(14, 9000), car(88, 300)], "ABSENT"),
    },
    "OTHER_EPITOPE": {
        "kept, gene intact": (
            {},
            [kept(85, "CD19"), INTACT],
            "PRESENT",
        ),
        "kept, gene not read": ({}, [kept(85, "CD19")], "NOT_ASSESSED"),
        "kept by one reagent and dim by another": (
            {},
            [kept(85, "CD19"), INTACT, value(85, "cd19_dim_fraction", 0.5, "BM", target="FMC63")],
            "CONFLICTING",
        ),
        "lost": ({}, [lost(85, "CD19")], "ABSENT"),
        "relapse that names no antigen, without what the CAR binds": (
            {"events": [relapse_of("", "antigen_negative")]},
            [kept(70, "CD19"), INTACT],
            "ABSENT",
        ),
        "before the relapse only": (
            {"events": [relapse_of("CD19", "unknown")]},
            [kept(70, "CD19"), INTACT],
            "NOT_ASSESSED",
        ),
    },
    "TWO_TARGETS": {
        "one of two kept": ({}, [lost(85, "CD19"), kept(85, "CD22")], "PRESENT"),
        "both lost": ({}, [lost(85, "CD19"), lost(85, "CD22")], "ABSENT"),
        "both targeted before": (
            {"infusions": [infusion(targets="CD19;CD22")]},
            [kept(85, "CD19")],
            "ABSENT",
        ),
        "one lost, the other not tested": ({}, [lost(85, "CD19")], "NOT_ASSESSED"),
    },
    "TRANSPLANT": {
        "remission": (T_ALL, [*CLEAN], "PRESENT"),
        "residual disease": (
            T_ALL,
            [value(85, "flow_mrd_fraction", 0.01, "BM", low=0.009, high=0.011)],
            "ABSENT",
        ),
        "lineage switch that a B-lineage gate cannot see": (
            {
                "facts": patient(kmt2a_rearranged="yes", prior_hct="no"),
                "events": [event(80, "lineage_switch", phenotype="lineage_switch")],
            },
            [*CLEAN, value(85, "myeloid_blast_fraction", 0.6, "BM", low=0.5, high=0.7)],
            "ABSENT",
        ),
        "only a gate of myeloid cells is clean": (
            T_ALL,
            [absent(85, "myeloid_blast_fraction", 1e-3, "BM")],
            "NOT_ASSESSED",
        ),
        "few blasts by morphology, blood by an insensitive test": (
            T_ALL,
            [value(85, "marrow_blasts", 0.02, "BM"), absent(85, "flow_mrd_fraction", 1e-2)],
            "INDETERMINATE",
        ),
        "traces by flow beside clean NGS": (
            T_ALL,
            [value(85, "flow_mrd_fraction", 5e-5, "BM", low=1e-5, high=9e-5), CLEAN[1]],
            "INDETERMINATE",
        ),
        "NGS below its limit of quantification beside clean flow": (
            T_ALL,
            [
                CLEAN[0],
                value(
                    85, "ngs_mrd_fraction", None, "BM", stream="lab", status="DETECTED_BELOW_LLOQ"
                ),
            ],
            "CONFLICTING",
        ),
        "flow and NGS disagree": (
            T_ALL,
            [CLEAN[0], value(85, "ngs_mrd_fraction", 1e-5, "BM", stream="lab")],
            "CONFLICTING",
        ),
        "fusion transcript beside clean flow": (
            T_ALL,
            [CLEAN[0], value(85, "fusion_transcript", 1e-3, "BM", stream="lab")],
            "ABSENT",
        ),
        "myeloid blasts beside clean flow": (
            T_ALL,
            [*CLEAN, value(85, "myeloid_blast_fraction", 0.6, "BM", low=0.5, high=0.7)],
            "ABSENT",
        ),
        "fusion transcript that was not looked for again": (
            T_ALL,
            [CLEAN[0], value(20, "fusion_transcript", 1e-3, "BM", stream="lab")],
            "INDETERMINATE",
        ),
        "mutant cells beside clean flow": (
            T_ALL,
            [*CLEAN, value(85, "lof_variant_vaf", 0.02, "BM", target="CD7", stream="sequencing")],
            "INDETERMINATE",
        ),
        "fusion transcript that was cleared": (
            T_ALL,
            [
                CLEAN[0],
                value(20, "fusion_transcript", 1e-3, "BM", stream="lab"),
                absent(85, "fusion_transcript", 1e-5, "BM", stream="lab"),
            ],
            "PRESENT",
        ),
        "only blood is clean": (T_ALL, [absent(85, "flow_mrd_fraction", 2e-5)], "INDETERMINATE"),
        "earlier transplant not known": (
            T_ALL | {"facts": patient("T-ALL")},
            [*CLEAN],
            "NOT_ASSESSED",
        ),
        "marrow not tested": (T_ALL, [], "NOT_ASSESSED"),
        "already done": (T_ALL | {"events": [event(60, "hct")]}, [*CLEAN], "ABSENT"),
    },
    "SURVEILLANCE": {
        "all known": (
            T_ALL,
            [
                value(85, "car_t_fraction", 0.2, target="CD7"),
                value(85, "cd7_positive_t_fraction", 0.1, low=0.09, high=0.11),
                value(85, "cd5_positive_t_fraction", 0.9, low=0.88, high=0.92),
            ],
            "PRESENT",
        ),
        "no CAR-T level": (
            T_ALL,
            [value(85, "cd7_positive_t_fraction", 0.1, low=0.09, high=0.11)],
            "NOT_ASSESSED",
        ),
    },
}


def option(name, evidence, **history):
    rows = judged(evidence, landmarks=[90], **history).options
    OPTIONS.frame(rows)
    return next(row for row in rows if row["option_id"] == name)


@pytest.mark.parametrize(
    ("name", "history", "evidence", "status"),
    [
        pytest.param(name, *case, id=f"{name} {title}")
        for name, cases in CASES.items()
        for title, case in cases.items()
    ],
)
def test_preconditions_say_what_the_data_show(name, history, evidence, status):
    found = option(name, evidence, **history)
    assert found["status"] == status, found["preconditions"]


def test_every_option_has_cases_and_one_that_stays_open():
    for raw in clinical("options")["options"]:
        assert "NOT_ASSESSED" in {status for _, _, status in CASES[raw["id"]].values()}, raw["id"]


def test_without_any_test_no_option_has_its_preconditions_shown():
    for history in ({}, T_ALL, {"facts": patient("MPAL")}, {"facts": patient("AML")}):
        rows = judged([], landmarks=[90], **history).options
        assert "PRESENT" not in {row["status"] for row in rows}


def test_each_precondition_stands_with_its_status_and_values():
    found = option("HUMAN_BINDER", LOST_CAR, infusions=MURINE)
    assert (
        "the earlier product has a murine binder: PRESENT (binder murine, infusion 1 as"
        in (found["preconditions"])
    )
    assert (
        "car_copies (CD19) NOT_DETECTED (limit 10 copies/ug), PB PB88, day 88"
        in (found["preconditions"])
    )


def test_an_earlier_infusion_against_the_other_target_is_named():
    given = [infusion(), infusion(40, "CD22", 2)]
    told = option("OTHER_TARGET_CD22", [kept(85, "CD22")], infusions=given)["preconditions"]
    assert "no earlier infusion against CD22: ABSENT (infusion 2 (CD22) on day 40)" in told


def test_a_specimen_that_is_too_early_to_speak_is_named():
    told = option("OTHER_TARGET_CD22", [kept(-10, "CD22"), car(20, 500)])["preconditions"]
    assert "was not measured after the infusion and since the relapse" in told
    assert "BM BM-10, day -10" in told
    assert "no event" not in told


def test_an_option_for_another_product_does_not_concern_the_patient():
    assert option("OTHER_TARGET_CD5", [kept(85, "CD5")])["status"] == "NOT_APPLICABLE"
    assert option("OTHER_TARGET_CD22", [kept(85, "CD22")], **T_ALL)["status"] == "NOT_APPLICABLE"


def test_the_observed_mechanism_is_named_from_signal_and_relapse():
    relapse = event(80, "relapse", phenotype="antigen_negative", antigen="CD19")
    seen = option("OTHER_TARGET_CD22", [kept(85, "CD22")], events=[relapse])["observed"]
    assert seen == "M2: relapse (antigen_negative, CD19) on day 80"
    shown = option("HUMAN_BINDER", LOST_CAR, infusions=MURINE)["observed"]
    assert shown == "M1: signal (CD19) at D90"
    assert option("OTHER_TARGET_CD22", [kept(85, "CD22")])["observed"] == ""


@pytest.mark.parametrize(
    ("name", "more", "mechanisms"),
    [
        ("relapse", {"phenotype": "unknown"}, "M1 M2 M3"),
        ("relapse", {"phenotype": ""}, "M1 M2 M3"),
        ("relapse", {"phenotype": "mixed", "antigen": "CD19"}, "M1 M2"),
        ("relapse", {"phenotype": "antigen_positive", "site": "CNS"}, "M1 M7"),
        ("extramedullary_relapse", {"phenotype": "antigen_negative", "antigen": "CD19"}, "M2 M7"),
        ("extramedullary_relapse", {"phenotype": "unknown"}, "M1 M2 M3 M7"),
        ("lineage_switch", {"phenotype": "lineage_switch"}, "M3"),
    ],
)
def test_a_relapse_stands_with_each_mechanism_that_it_is_or_may_be(name, more, mechanisms):
    history = {"facts": patient(extramedullary="yes"), "events": [event(80, name, **more)]}
    found = option("TRANSPLANT", [value(85, "b_cells_fraction", 0.1)], **history)["observed"]
    assert " ".join(sorted({part.split(":")[0] for part in found.split("; ")})) == mechanisms
    assert ("phenotype not known" in found) == (more["phenotype"] in ("", "unknown"))


def test_a_relapse_without_antigen_after_both_kinds_of_car_may_be_of_either_lineage():
    history = {"infusions": [infusion(targets="CD7"), infusion(40, "CD19", 2)]}
    relapse = event(80, "relapse", phenotype="antigen_negative")
    found = option("TRANSPLANT", [kept(85, "CD5")], **history | {"events": [relapse]})["observed"]
    assert [part.split(":")[0] for part in found.split("; ")] == ["M2", "M4"]


def test_a_negative_relapse_after_a_cd7_car_is_of_the_t_lineage():
    relapse = event(80, "relapse", phenotype="antigen_negative", antigen="CD7")
    found = option("OTHER_TARGET_CD5", [kept(85, "CD5")], **T_ALL | {"events": [relapse]})
    assert found["observed"].startswith("M4: relapse")
    of_all = option("TRANSPLANT", [kept(85, "CD5")], **T_ALL | {"events": [relapse]})["observed"]
    assert "M4: relapse" in of_all
    assert "M2" not in of_all


def test_what_came_later_than_the_last_data_is_not_asked():
    assert option("TRANSPLANT", CLEAN, **T_ALL)["as_of_day"] == 85


def test_no_statement_holds_a_treatment_verb():
    for raw in clinical("options")["options"]:
        for text in (raw["statement"], *(one["name"] for one in raw["preconditions"])):
            said = text.removeprefix("named in the review: ")
            assert not TREATMENT_VERBS.search(said), said
    for conflict in clinical("conflicts")["conflicts"]:
        for text in (conflict["question"], *(claim["says"] for claim in conflict["claims"])):
            assert not TREATMENT_VERBS.search(text), text


def test_the_list_of_verbs_would_catch_advice():
    for advice in ("give CD22 CAR", "transplant should follow", "is recommended", "consider HCT"):
        assert TREATMENT_VERBS.search(advice)


def test_options_that_cite_what_does_not_exist_are_refused_with_all_problems():
    broken = copy.deepcopy(clinical("options"))
    broken["options"][0]["evidence_ids"] = ["EV999"]
    broken["options"][1]["conflicts"] = ["nothing"]
    broken["options"][2]["preconditions"][0]["predicate"] = {"use": "nowhere"}
    broken["options"][3]["literature"] = ""
    known = set(evidence_base()["id"])
    with pytest.raises(RuleError) as error:
        options_of(broken, clinical("conflicts"), document("relapse_rules"), known)
    for told in ("no evidence EV999", "no conflict nothing", "no shared predicate nowhere"):
        assert told in str(error.value)
    assert "RESIDUAL_CAR7: cites neither" in str(error.value)


def test_all_six_conflicts_have_two_sides_and_cite_rows_that_exist():
    """The list of the knowledge base: which rows contradict which."""
    told = {
        conflict["id"]: [set(claim["evidence_ids"]) for claim in conflict["claims"]]
        for conflict in clinical("conflicts")["conflicts"]
    }
    assert told == {
        "preexisting_negative_cells": [{"EV050"}, {"EV052", "EV053"}],
        "extramedullary_disease": [set(), {"EV060"}],
        "transplant": [{"EV066", "EV070"}, {"EV071"}, {"EV072", "EV073"}],
        "anti_car_immunity": [{"EV083"}, {"EV084", "EV085"}],
        "cd22_loss": [{"EV117"}, {"EV119"}],
        "kmt2a_relapse": [{"EV026"}, {"EV030"}],
    }
    cited = {name for sides in told.values() for side in sides for name in side}
    assert cited <= set(evidence_base()["id"])


def directions():
    base = evidence_base()
    return dict(zip(base["id"], base["direction"], strict=True))


def test_claims_say_what_their_rows_say():
    check_conflicts(clinical("conflicts"), directions())


@pytest.mark.parametrize(
    ("row", "said", "told"),
    [
        ("EV072", "none", "EV072 has the direction conflicting"),
        ("EV066", "harm", "EV066 has the direction protective"),
        ("EV073", "none", "no cited row has the direction none"),
        ("EV071", None, "EV071 has the direction none in evidence.tsv, its claim has none stated"),
    ],
)
def test_a_claim_against_the_direction_of_its_rows_is_refused(row, said, told):
    broken = copy.deepcopy(clinical("conflicts"))
    claim = broken["conflicts"][2]["claims"][0]
    claim["evidence_ids"] = [row]
    claim.pop("direction")
    if said:
        claim["direction"] = said
    with pytest.raises(RuleError, match=told):
        check_conflicts(broken, directions())


def test_evidence_against_transplant_is_not_called_no_difference():
    """Sandhu 2025: 28 % of 18 in remission after transplant, 49 % of 81 without one."""
    (conflict,) = (c for c in clinical("conflicts")["conflicts"] if c["id"] == "transplant")
    (against,) = (c for c in conflict["claims"] if "EV072" in c["evidence_ids"])
    for words in ("fewer", "28 % of 18", "49 % of 81", "counts not printed"):
        assert words in against["says"]
    (none,) = (c for c in conflict["claims"] if "EV071" in c["evidence_ids"])
    assert "n=34" in none["says"]
    assert "before the CAR" in none["says"]


def set_disease(option):
    option["applies_if"] = [{"diseases": ["B-ALLL"], "targets": ["CD19"]}]


def set_fact(option):
    option["applies_if"] = [{"facts": {"extramedulary": ["yes"]}}]


def set_word(option):
    option["applies_if"] = [{"facts": {"extramedullary": ["Yes"]}}]


def set_target(option):
    option["target"] = "CD77"


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (set_disease, "B-ALLL"), (set_fact, "extramedulary"), (set_word, "Yes"),
        (set_target, "CD77"),
    ],
)  # fmt: skip
def test_a_mistyped_word_of_an_option_is_refused(change, word, tmp_path):
    options = copy.deepcopy(clinical("options"))
    change(options["options"][1])
    (tmp_path / "options.yaml").write_text(yaml.safe_dump(options))
    with pytest.raises(DocumentError, match=f"'{word}'"):
        read_document(tmp_path / "options.yaml", ROOT / "workflow/schemas/options.schema.yaml")


def test_options_know_the_words_of_the_sheets():
    schemas = {
        name: yaml.safe_load((ROOT / f"workflow/schemas/{name}.schema.yaml").read_text())
        for name in ("options", "patients", "infusions")
    }
    option = schemas["options"]["properties"]["options"]["items"]["properties"]
    condition = option["applies_if"]["items"]["properties"]
    sheet = schemas["patients"]["properties"]
    assert condition["diseases"]["items"]["enum"] == sheet["disease"]["enum"]
    known = {n: [v for v in c["enum"] if v] for n, c in sheet.items() if "enum" in c}
    del known["disease"]
    facts = condition["facts"]["properties"]
    assert {name: part["items"]["enum"] for name, part in facts.items()} == known
    pattern = schemas["infusions"]["properties"]["targets"]["pattern"]
    antigens = re.match(r"\^\(([^)]*)\)", pattern)[1].split("|")
    assert condition["targets"]["items"]["enum"] == antigens
    assert option["target"]["enum"] == ["", *antigens]


def test_an_option_or_conflict_that_stands_twice_is_refused():
    options, conflicts = (copy.deepcopy(clinical(n)) for n in ("options", "conflicts"))
    options["options"].append(options["options"][0])
    conflicts["conflicts"].append(conflicts["conflicts"][0])
    with pytest.raises(RuleError) as refused:
        options_of(options, conflicts, document("relapse_rules"), set(evidence_base()["id"]))
    assert "TRANSPLANT: option stands twice" in str(refused.value)
    assert f"{conflicts['conflicts'][0]['id']}: conflict stands twice" in str(refused.value)
