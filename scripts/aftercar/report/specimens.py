"""The specimens of a patient and what became of each: used, used with flags, FAILED, not tested."""

from aftercar.report.numbers import count_text, day_text, number, quantity
from aftercar.report.tabulate import NOTHING, dash, table
from aftercar.report.words import ASSAY_WORDS, SPECIMEN_WORDS, chip, measure_title

# Checks whose value is how much was measured.
ACQUIRED = ("readable", "usable_cells", "usable_reads")
# Measures whose absence answers a question: their limits stand beside the specimen.
LIMITS_SHOWN = (
    "flow_mrd_fraction",
    "ngs_mrd_fraction",
    "b_cells_fraction",
    "b_cells_per_ul",
    "car_t_fraction",
    "car_t_per_ul",
    "car_copies",
    "lof_variant_vaf",
    "antigen_lost_cell_fraction",
    "antigen_negative_blast_fraction",
)

UNUSED = {"status": "NOT_ASSESSED", "text": "Not tested", "kind": "unknown"}
USED = {"status": "PASS", "text": "Used", "kind": "clear"}
FLAGGED = {"status": "FLAG", "text": "Used, with flags", "kind": "conflict"}
UNCHECKED = {"status": "", "text": "No quality check recorded", "kind": "cannot"}


def specimen_rows(samples: list[dict], quality: list[dict]) -> list[dict]:
    """Return each specimen of samples.tsv with its fate; FAILED ones first.

    `samples` are rows of the sheet in which `path` and `bam` are "yes" where a file was given.
    """
    checks: dict[str, list[dict]] = {}
    for row in quality:
        checks.setdefault(row["sample_id"], []).append(row)
    rows = []
    for sample in samples:
        mine = checks.get(sample["sample_id"], [])
        failed = [c["message"] or c["check"] for c in mine if c["verdict"] == "FAIL"]
        flagged = [c["message"] or c["check"] for c in mine if c["verdict"] == "FLAG"]
        fate = _fate(sample, mine)
        rows.append(
            {
                "sample_id": sample["sample_id"],
                "day": int(sample["day"]) if sample["day"] else None,
                "specimen": SPECIMEN_WORDS[sample["specimen"]],
                "assay": ASSAY_WORDS[sample["assay"]],
                "panel": sample.get("panel", ""),
                "batch": sample.get("batch", ""),
                "fate": fate,
                "failed": failed,
                "flagged": flagged,
            }
        )
    worst = {"FAIL": 0, "FLAG": 1, "": 2, "NOT_ASSESSED": 3, "PASS": 4}
    return sorted(
        rows,
        key=lambda r: (worst[r["fate"]["status"]], r["day"] is None, r["day"] or 0, r["sample_id"]),
    )


def _fate(sample: dict, checks: list[dict]) -> dict[str, str]:
    verdicts = {check["verdict"] for check in checks}
    if "FAIL" in verdicts:
        return chip("verdict", "FAIL")
    if not sample.get("path") and not sample.get("bam"):
        return UNUSED
    if not verdicts:
        return UNCHECKED
    return FLAGGED if "FLAG" in verdicts else USED


def specimen_table(
    rows: list[dict], quality: list[dict], cuts: list[dict], evidence: list[dict]
) -> dict:
    """Return the specimens: how much was measured, with what stains, how little would be seen.

    `rows` are those of `specimen_rows`, the others tables of the patient.
    """
    return table(
        "Specimens; those that FAILED first",
        (
            "Specimen",
            "Day",
            "What",
            "Assay",
            "Panel",
            "Batch",
            "Measured, stains, limits of detection",
            "Status",
            "What was found and what to do",
        ),
        [
            (
                r["sample_id"],
                day_text(r["day"]),
                r["specimen"],
                r["assay"],
                dash(r["panel"].replace("_", " ")),
                dash(r["batch"]),
                [
                    *_amounts(r["sample_id"], quality),
                    *_stains(r["sample_id"], cuts),
                    *_sensitivity(r["sample_id"], evidence),
                ]
                or NOTHING,
                r["fate"],
                [*r["failed"], *r["flagged"]] or NOTHING,
            )
            for r in rows
        ],
        empty="no specimen was entered",
    )


def _amounts(sample_id: str, quality: list[dict]) -> list[str]:
    """Return what was acquired: events, usable cells, usable reads of each gene."""
    return [
        f"{count_text(row['value'])} {row['unit']}{' of ' + gene if gene else ''}"
        f"{' usable' if check != 'readable' else ' acquired'}"
        for row in quality
        if row["sample_id"] == sample_id and row["value"] is not None
        for check, _, gene in [row["check"].partition(":")]
        if check in ACQUIRED and row["unit"] in ("events", "cells", "reads")
    ]


def _stains(sample_id: str, cuts: list[dict]) -> list[str]:
    """Return the markers with their detectors, as labelled in the file, where cuts were placed."""
    mine = {(c["marker"], c["channel"]) for c in cuts if c["sample_id"] == sample_id}
    told = [f"{marker} {channel}".strip() for marker, channel in sorted(mine)]
    return [f"stains: {', '.join(told)}"] if told else []


def _sensitivity(sample_id: str, evidence: list[dict]) -> list[str]:
    """Return the limit of detection that each measure of a specimen reached."""
    return [
        f"limit {measure_title(row['measure'], row['target'])}: "
        f"{quantity(row['limit'], row['unit'])}"
        for row in evidence
        if row["sample_id"] == sample_id
        and row["limit"] is not None
        and row["measure"] in LIMITS_SHOWN
        and row["unit"] != "yes=1"
    ]


def quality_table(quality: list[dict]) -> dict:
    """Return all checks that did not simply pass, and how many did."""
    shown = [row for row in quality if row["verdict"] != "PASS"]
    passed = len(quality) - len(shown)
    order = {"FAIL": 0, "FLAG": 1, "NOT_POSSIBLE": 2}
    return table(
        "Quality checks that did not simply pass",
        ("Specimen", "Check", "#Value", "Verdict", "Message"),
        [
            (
                r["sample_id"],
                check_title(r["check"]),
                check_value(r),
                chip("verdict", r["verdict"]),
                dash(r["message"]),
            )
            for r in sorted(shown, key=lambda r: (order[r["verdict"]], r["sample_id"], r["check"]))
        ],
        empty="every check passed" if quality else "no quality check was made",
        note=f"{passed} further checks passed." if passed and shown else "",
    )


def check_title(check: str) -> str:
    """Return the name of a check in words."""
    return check.replace("_", " ").replace(":", ": ")


def check_value(row: dict) -> str:
    """Return what a check found, with its unit."""
    return "no value" if row["value"] is None else f"{number(row['value'])} {row['unit']}".strip()


def repeated_specimens(inputs: list[dict], samples: list[dict[str, str]]) -> list[str]:
    """Return a sentence on each data file of this patient that stands under several specimens.

    `inputs` are rows of INPUT_FILES. A pool whose cells are told apart by barcodes is no repeat.
    """
    pooled = {sample["sample_id"] for sample in samples if sample.get("barcodes")}
    names: dict[str, list[str]] = {}
    for row in inputs:
        if row["role"] == "data" and row["sha256"] and row["sample_id"] not in pooled:
            known = names.setdefault(row["sha256"], [])
            if row["sample_id"] not in known:
                known.append(row["sample_id"])
    repeated = [sorted(same) for same in names.values() if len(same) > 1]
    return [
        f"One data file stands under several specimens ({_some(same)}): they confirm each other in "
        "appearance only."
        for same in repeated
    ]


def _some(names: list[str]) -> str:
    return ", ".join(names[:2]) + (f" and {len(names) - 2} more" if len(names) > 2 else "")
