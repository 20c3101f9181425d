"""Everything that the page of one patient says, as one plain structure behind HTML and JSON."""

import json

import pandas as pd

from aftercar.contracts.clinical import OPTIONS, TOXICITY
from aftercar.contracts.cytometry import CONCORDANCE, CUTS, POPULATIONS, RATIOS
from aftercar.contracts.evidence import EVIDENCE, KINETICS, RECOVERY, RISK, RULE_RESULTS
from aftercar.contracts.evidence import PATIENTS as SUMMARY
from aftercar.contracts.sequencing import (
    BIALLELIC,
    CALLABILITY,
    CLONES,
    LOH,
    SPLICING,
    VARIANT_HISTORY,
    VARIANTS,
)
from aftercar.contracts.signatures import content_hash
from aftercar.contracts.singlecell import (
    ANTIGEN_LOSS,
    ANTIGEN_POWER,
    CELL_POPULATIONS,
    CLONE_HISTORY,
)
from aftercar.contracts.specimen import INPUT_FILES, QUALITY
from aftercar.contracts.table import Table
from aftercar.report.answer import (
    changes,
    headline,
    landmark_matrix,
    latest_landmark,
    mechanism_rows,
    not_applicable,
)
from aftercar.report.antigens import answer_table as antigen_answers
from aftercar.report.antigens import power_table
from aftercar.report.clone_words import clone_history_table
from aftercar.report.concordance import concordance_table
from aftercar.report.course_end import course_text
from aftercar.report.courses import (
    course_groups,
    first_page_panels,
    kinetics_table,
    recovery_table,
)
from aftercar.report.domains import (
    antigen_table,
    cell_population_table,
    clone_table,
    copies_table,
    history_table,
    loh_table,
    polymorphism_table,
    ratio_table,
    splicing_table,
    variant_table,
)
from aftercar.report.due_tests import due_tests
from aftercar.report.evidence_cards import cited, evidence_cards, rule_matrix, rule_table
from aftercar.report.gene_reads import answer_table, callability_table
from aftercar.report.limits import METHODS, limits_of
from aftercar.report.numbers import day_text, percent, plain_rows
from aftercar.report.options import option_table
from aftercar.report.populations import cut_table, further_table, population_table
from aftercar.report.specimens import (
    quality_table,
    repeated_specimens,
    specimen_rows,
    specimen_table,
)
from aftercar.report.statements import readable
from aftercar.report.study_context import review_notice
from aftercar.report.tabulate import NOTHING, dash, table
from aftercar.report.toxicity import toxicity_tables
from aftercar.report.words import event_title

SCHEMA = "aftercar-patient-report/1"
RESEARCH_USE = "Research use only. Not for diagnosis or choice of therapy."
# Tables that a patient may have; the first eight always exist, a stream that was not done has none.
TABLES: dict[str, Table] = {
    "evidence": EVIDENCE,
    "kinetics": KINETICS,
    "recovery": RECOVERY,
    "rules": RULE_RESULTS,
    "risk": RISK,
    "summary": SUMMARY,
    "toxicity": TOXICITY,
    "options": OPTIONS,
    "populations": POPULATIONS,
    "ratios": RATIOS,
    "cuts": CUTS,
    "concordance": CONCORDANCE,
    "variants": VARIANTS,
    "callability": CALLABILITY,
    "history": VARIANT_HISTORY,
    "splicing": SPLICING,
    "loh": LOH,
    "biallelic": BIALLELIC,
    "clones": CLONES,
    "clone_history": CLONE_HISTORY,
    "antigen_loss": ANTIGEN_LOSS,
    "antigen_power": ANTIGEN_POWER,
    "cell_populations": CELL_POPULATIONS,
    "quality": QUALITY,
    "inputs": INPUT_FILES,
}
FACTS = (
    ("age_group", "Age group"),
    ("kmt2a_rearranged", "KMT2A rearranged"),
    ("tp53_status", "TP53"),
    ("extramedullary", "Extramedullary before infusion"),
    ("cns_status", "CNS status"),
    ("baseline_burden", "Marrow blasts before lymphodepletion"),
    ("baseline_mrd", "MRD before lymphodepletion"),
    ("prior_blinatumomab", "Blinatumomab before"),
    ("prior_inotuzumab", "Inotuzumab before"),
    ("prior_hct", "HCT before"),
)
PRODUCT = ("scfv_origin", "costimulation", "source", "antigen_blockade")


def patient_content(
    tables: dict[str, pd.DataFrame],
    sheets: dict[str, list[dict[str, str]]],
    *,
    evidence_base: list[dict],
    versions: dict[str, str],
    settings: dict[str, object],
    code: str,
    cohort: str,
    profile: str,
    laboratory: str = "",
    evidence_notes: dict | None = None,
    rule_titles: dict[str, str] | None = None,
) -> dict:
    """Return what the page of one patient shows, made of text, numbers, lists and dicts only.

    `tables` are tables of TABLES (absent: the stream was not done), `sheets` the patient's rows of
    the five sheets. `settings` are printed with their digest. `laboratory` is the one that answers
    for the report, `rule_titles` what readers see in place of the ids of rules. `evidence_notes`
    holds the documents `conflicts` and `review` of resources/evidence and the day `issued_on`. In
    profile `research` free text (note, detail) and the laboratory are left out. The content hash
    covers everything but itself.
    """
    rows = {name: plain_rows(tables[name]) if name in tables else [] for name in TABLES}
    summary, facts, notes = rows["summary"][0], sheets["patients"][0], evidence_notes or {}
    latest = latest_landmark(rows["risk"], summary)
    landmark, landmark_day, before = latest["landmark"], latest["day"], latest["before"]
    shown_landmark = (
        landmark
        or min(((r["landmark_day"], r["landmark"]) for r in rows["risk"]), default=(0, ""))[1]
    )
    titles = rule_titles or {}
    review = review_notice(notes.get("review", {}), notes.get("issued_on", ""))
    mechanisms = mechanism_rows(rows["risk"], shown_landmark, landmark_day, before, titles)
    specimens = specimen_rows(sheets["samples"], rows["quality"])
    infusions = _infusions(sheets["infusions"])
    events = _events(sheets["events"], profile)
    targets = {target for infusion in infusions for target in infusion["targets"].split(";")}
    failed = [s for s in specimens if s["fate"]["status"] == "FAIL"]
    measured = [s for s in specimens if s["fate"]["status"] != "NOT_ASSESSED"]
    assays = _assays_done(sheets, rows)
    content = {
        "schema": SCHEMA,
        "patient_id": summary["patient_id"],
        "cohort": cohort,
        "profile": profile,
        "intended_use": RESEARCH_USE,
        "report_status": _report_status(measured, failed),
        "header": {
            "disease": summary["disease"],
            "laboratory": laboratory if profile == "clinical" else "",
            "products": [i["title"] for i in infusions],
            "facts": _facts(facts),
            "note": facts.get("note", "") if profile == "clinical" else "",
            "last_day": summary["last_day"],
            "last_day_text": "no dated data"
            if summary["last_day"] is None
            else day_text(summary["last_day"]),
            "specimens": summary["specimens"],
            "specimens_failed": summary["specimens_failed"],
            "car_t_last": readable(summary["car_t_last"]) or "not assessed",
            "b_cells_last": readable(summary["b_cells_last"]) or "not assessed",
            "outcome": course_text(summary["outcome"]),
        },
        "landmark": landmark,
        "landmark_day": landmark_day,
        "landmark_before": before,
        "ended": latest["ended"],
        "later_data": _later_data(rows["evidence"], landmark_day),
        "headline": headline(mechanisms, landmark, latest["ended"], latest["place"]),
        "changes": [*latest["overlay"], *changes(mechanisms, before, landmark)],
        "mechanisms": mechanisms,
        "not_applicable": not_applicable(rows["risk"], shown_landmark),
        "due_tests": due_tests(mechanisms),
        "failed_specimens": failed,
        "cautions": [
            *review["caution"],
            *repeated_specimens(rows["inputs"], sheets["samples"]),
        ],
        "first_page_panels": first_page_panels(rows["evidence"], targets),
        "infusions": infusions,
        "events": events,
        "event_table": _event_table(events),
        "landmarks": landmark_matrix(rows["risk"], landmark_day, summary["last_day"]),
        "landmark_details": _landmark_details(rows["risk"], landmark_day, titles),
        "courses": course_groups(rows["evidence"]),
        "kinetics": kinetics_table(rows["kinetics"]),
        "recovery": recovery_table(rows["recovery"]),
        "toxicity": toxicity_tables(rows["toxicity"]),
        "options": option_table(rows["options"]),
        "cytometry": {
            "populations": population_table(rows["populations"], rows["cuts"]),
            "further": further_table(rows["populations"], rows["cuts"]),
            "cuts": cut_table(rows["cuts"]),
            "concordance": concordance_table(rows["concordance"]),
            "ratios": ratio_table(rows["ratios"]) if rows["ratios"] else None,
        },
        "sequencing": {
            "answers": answer_table(rows["callability"], rows["variants"]),
            "variants": variant_table(rows["variants"], tested=bool(rows["callability"])),
            "polymorphisms": polymorphism_table(rows["variants"]),
            "callability": callability_table(rows["callability"]),
            "history": history_table(rows["history"], rows["variants"])
            if rows["history"]
            else None,
            "splicing": splicing_table(rows["splicing"]),
            "loh": loh_table(rows["loh"]),
            "copies": copies_table(rows["biallelic"]),
        },
        "singlecell": {
            "targets": sorted(targets),
            "bounds": {
                name: settings.get(f"singlecell/{name}")
                for name in ("lost_below", "retained_above")
            },
            "answers": antigen_answers(
                rows["antigen_loss"], rows["antigen_power"], targets, rows["evidence"]
            ),
            "power": power_table(rows["antigen_power"]),
            "antigens": antigen_table(rows["antigen_loss"]),
            "populations": cell_population_table(rows["cell_populations"]),
            "clones": clone_table(rows["clones"]),
            "history": clone_history_table(
                rows["clone_history"], {s["sample_id"]: s["specimen"] for s in sheets["samples"]}
            ),
        },
        "assays_done": sorted(assays),
        "specimens": specimen_table(specimens, rows["quality"], rows["cuts"], rows["evidence"]),
        "quality": quality_table(rows["quality"]),
        "rules": rule_table(rows["rules"], shown_landmark, landmark_day, titles),
        "rule_matrix": rule_matrix(rows["rules"], titles),
        "evidence_cards": evidence_cards(
            _cited(rows), evidence_base, sheets, notes.get("conflicts", {}).get("conflicts", [])
        ),
        "evidence_review": review["text"],
        "methods": list(METHODS),
        "limits": limits_of(assays),
        "provenance": {
            "versions": versions,
            "code": code,
            "settings": _settings_table(settings),
            "settings_sha256": content_hash(settings),
            "inputs": _input_table(rows["inputs"]),
        },
        "data": {name: rows[name] for name in TABLES if name in tables and name != "inputs"},
    }
    return content | {"content_sha256": content_hash(content)}


def joined(contract: Table, tables: list[pd.DataFrame]) -> pd.DataFrame:
    """Return the rows of all tables of one contract; a row that two streams report stands once."""
    filled = [frame for frame in tables if len(frame)]
    if not filled:
        return contract.empty()
    return contract.check(pd.concat(filled, ignore_index=True).drop_duplicates(ignore_index=True))


def content_json(content: dict) -> str:
    """Return the content as JSON that is inert even where a page embeds it (no < > & or U+2028)."""
    written = json.dumps(content, sort_keys=True, ensure_ascii=True, allow_nan=False, indent=1)
    for character in "<>&":
        written = written.replace(character, f"\\u{ord(character):04x}")
    return written + "\n"


def _report_status(measured: list[dict], failed: list[dict]) -> dict[str, str]:
    """Every page is preliminary until a person signs it; without a usable specimen it FAILED."""
    if measured and len(measured) == len(failed):
        return {
            "status": "FAILED",
            "kind": "failed",
            "text": "FAILED: no specimen passed quality; nothing below is a finding",
        }
    return {
        "status": "PRELIMINARY",
        "kind": "conflict",
        "text": "PRELIMINARY: not reviewed, not signed",
    }


def _facts(facts: dict[str, str]) -> list[dict[str, str]]:
    """Return what is known from before the infusion; an empty cell is unknown, not no."""
    return [
        {"label": label, "text": _fact(name, facts.get(name, "") or "unknown")}
        for name, label in FACTS
    ]


def _fact(name: str, word: str) -> str:
    if name in ("baseline_burden", "baseline_mrd") and word != "unknown":
        return percent(float(word))
    return word.replace("_", " ")


def _whole(word: str) -> int | None:
    return int(word) if word else None


def _infusions(rows: list[dict[str, str]]) -> list[dict]:
    infusions = []
    for row in sorted(rows, key=lambda r: int(r["infusion_no"])):
        day = _whole(row["day"])
        known = [
            row[k].replace("_", " ")
            for k in PRODUCT
            if row.get(k) not in ("", None, "unknown", "none")
        ]
        targets = row["targets"].replace(";", " and ")
        when = "day unknown" if day is None else day_text(day)
        infusions.append(
            {
                "infusion_no": int(row["infusion_no"]),
                "day": day,
                "targets": row["targets"],
                "title": f"CAR-T {row['infusion_no']} against {targets}, {when}"
                + (f" ({', '.join(known)})" if known else ""),
            }
        )
    return infusions


def _events(rows: list[dict[str, str]], profile: str) -> list[dict]:
    return [
        {
            "day": _whole(row["day"]),
            "end_day": _whole(row.get("end_day", "")),
            "event": row["event"],
            "grade": row.get("grade", ""),
            "grading_system": row.get("grading_system", ""),
            "phenotype": row.get("phenotype", "").replace("_", " "),
            "antigen": row.get("antigen", ""),
            "site": row.get("site", ""),
            "detail": row.get("detail", "") if profile == "clinical" else "",
        }
        for row in sorted(rows, key=lambda r: (_whole(r["day"]) or 0, r["event"]))
    ]


def _event_table(events: list[dict]) -> dict:
    return table(
        "Therapy and clinical events",
        ("Event", "From", "To", "Grade", "What is known", "Detail"),
        [
            (
                event_title(e["event"]),
                day_text(e["day"]),
                NOTHING if e["end_day"] is None else day_text(e["end_day"]),
                f"{e['grade']} {e['grading_system']}".strip() if e["grade"] else NOTHING,
                ", ".join(e[k] for k in ("phenotype", "antigen", "site") if e[k]) or NOTHING,
                dash(e["detail"]),
            )
            for e in events
        ],
        empty="no event was entered",
    )


def _later_data(evidence: list[dict], landmark_day: int | None) -> str:
    """Say what was measured after the latest landmark, which its rows do not use."""
    if landmark_day is None:
        return ""
    days = sorted(
        {
            r["day"]
            for r in evidence
            if r["day"] is not None and r["day"] > landmark_day and r["status"] != "NOT_ASSESSED"
        }
    )
    if not days:
        return ""
    listed = ", ".join(day_text(day) for day in days[:6]) + (" and later" if len(days) > 6 else "")
    return f"Measured after this landmark and not used in it: {listed} (see the timeline)."


def _landmark_details(
    risk: list[dict], latest_day: int | None, titles: dict[str, str]
) -> list[dict]:
    """Return the rows of page 1 for every landmark that was reached, latest first."""
    landmarks = sorted(
        {
            (r["landmark_day"], r["landmark"])
            for r in risk
            if latest_day is not None and r["landmark_day"] <= latest_day
        }
    )
    return [
        {"landmark": name, "rows": mechanism_rows(risk, name, day, "", titles)}
        for day, name in reversed(landmarks)
    ]


def _cited(rows: dict[str, list[dict]]) -> list[str]:
    """Return the evidence behind what is said: rules that found something or were adequate."""
    spoken = [r for r in rows["rules"] if r["status"] in ("PRESENT", "ABSENT", "CONFLICTING")]
    recovered = [r for r in rows["recovery"] if r["status"] in ("PRESENT", "ABSENT", "CONFLICTING")]
    return cited(
        [
            *spoken,
            *recovered,
            *(r for r in rows["risk"] if r["category"] != "NOT_APPLICABLE"),
            *(r for r in rows["options"] if r["status"] != "NOT_APPLICABLE"),
        ]
    )


def _assays_done(sheets: dict[str, list[dict[str, str]]], rows: dict[str, list[dict]]) -> set[str]:
    """Return the assays with a file, and `labs` where a laboratory value was entered."""
    done = {s["assay"] for s in sheets["samples"] if s.get("path") or s.get("bam")}
    return done | ({"labs"} if any(r["stream"] == "lab" for r in rows["evidence"]) else set())


def _settings_table(settings: dict[str, object]) -> dict:
    rows = [(name, _setting(value)) for name, value in sorted(settings.items())]
    return table("Settings that numbers rest on", ("Setting", "Value"), rows, empty="no settings")


def _setting(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _input_table(inputs: list[dict]) -> dict:
    return table(
        "Input files by their content (SHA-256); paths are left out, they may hold names",
        ("Specimen", "Role", "#Bytes", "SHA-256"),
        [
            (
                r["sample_id"],
                r["role"],
                "unreadable" if r["bytes"] is None else f"{r['bytes']:,}",
                r["sha256"] or "unreadable",
            )
            for r in inputs
        ],
        empty="no input file was read",
    )
