"""The specimens of a patient and what became of each: used, used with flags, FAILED, not tested."""

from aftercar.report.numbers import number
from aftercar.report.tabulate import NOTHING, dash, table
from aftercar.report.words import ASSAY_WORDS, SPECIMEN_WORDS, chip

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


def specimen_table(rows: list[dict]) -> dict:
    """Return the specimens with what was found and what to do about it."""
    from aftercar.report.numbers import day_text

    return table(
        "Specimens; those that FAILED first",
        (
            "Specimen",
            "Day",
            "What",
            "Assay",
            "Panel",
            "Batch",
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
                r["fate"],
                [*r["failed"], *r["flagged"]] or NOTHING,
            )
            for r in rows
        ],
        empty="no specimen was entered",
    )


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
