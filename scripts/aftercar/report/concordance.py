"""Automated gates against the gates of the lab's workspace, and its stored counts against both."""

from statistics import median

from aftercar.report.numbers import MINUS, count_text, number
from aftercar.report.tabulate import NOTHING, dash, table

TOLERANCE = "more than 3 events and 0.5 %"
DIFFERS = {"status": "DIFFERS", "text": f"differs by {TOLERANCE}", "kind": "conflict"}
MOST_ROWS = 200  # gates that the quality page lists one by one


def concordance_table(rows: list[dict]) -> dict | None:
    """Return how the gates of each specimen agree (CONCORDANCE), None without a workspace."""
    if not rows:
        return None
    return table(
        "Automated gates against the gates of the lab's workspace. Stored: the count that the "
        "lab's program wrote; recomputed: its gates applied here. Per-event F1: 1 is identical.",
        (
            "Specimen",
            "Gate of the workspace",
            "#Stored",
            "#Recomputed",
            "#Difference",
            "Stored count",
            "#Automated",
            "#Against recomputed",
            "#F1",
            "Remarks",
        ),
        [
            (
                r["sample_id"],
                _path(r),
                "not stored"
                if r["count_workspace_stored"] is None
                else count_text(r["count_workspace_stored"]),
                count_text(r["count_workspace_gates"]),
                _percent(r["difference_percent"]),
                _agreement(r),
                *_automated(r),
                dash(r["flags"]),
            )
            for r in rows
        ],
        empty="no workspace",
        grouped=True,
    )


def _path(row: dict) -> str:
    return row["gate_path"].removeprefix("root/")


def _percent(difference: float | None) -> str:
    if difference is None:
        return NOTHING
    sign = MINUS if difference < 0 else "+"
    return "0 %" if difference == 0 else f"{sign}{number(abs(difference), 2)} %"


def _agreement(row: dict) -> str | dict[str, str]:
    if row["agreement"] == "DIFFERS":
        return DIFFERS
    return "agrees" if row["agreement"] == "AGREES" else "no stored count"


def _automated(row: dict) -> tuple[str, str, str]:
    """Return the automated count, its difference and F1, or that no automated gate answers."""
    automated, counted = row["count_automated"], row["count_workspace_gates"]
    if automated is None:
        return "no counterpart", NOTHING, NOTHING
    difference = _percent(100 * (automated - counted) / counted) if counted else NOTHING
    score = "both empty" if row["f1"] is None else number(row["f1"])
    return count_text(automated), difference, score


def concordance_by_gate(rows: list[dict]) -> dict:
    """Return a row per gate of the workspaces over all specimens, the worst agreement first."""
    gates: dict[str, list[dict]] = {}
    for row in rows:
        gates.setdefault(_path(row), []).append(row)
    lines = []
    for gate, mine in gates.items():
        beyond = sum(r["agreement"] == "DIFFERS" for r in mine)
        stored = sum(r["agreement"] != "NOT_STORED" for r in mine)
        scores = [r for r in mine if r["f1"] is not None]
        worst = min(scores, key=lambda r: (r["f1"], r["sample_id"]), default=None)
        line = (
            gate,
            str(len(mine)),
            f"{stored:,}",
            f"{beyond:,}",
            number(median(r["f1"] for r in scores)) if scores else "no counterpart",
            f"{number(worst['f1'])} in {worst['sample_id']}" if worst else NOTHING,
        )
        lines.append(((-beyond, worst["f1"] if worst else 2.0, gate), line))
    return table(
        "Gates of the laboratories' workspaces over all specimens",
        (
            "Gate of the workspace",
            "#Specimens",
            "#With a stored count",
            f"#Stored count off by {TOLERANCE}",
            "#Median F1 of the automated gate",
            "#Lowest F1",
        ),
        [line for _, line in sorted(lines, key=lambda pair: pair[0])],
        empty="No specimen has a workspace: automated gates are not compared with manual ones.",
    )


def disagreements(rows: list[dict]) -> dict:
    """Return the gates whose recomputed count differs from the stored one, the worst first."""
    off = [r for r in rows if r["agreement"] == "DIFFERS"]
    off.sort(key=lambda r: (-abs(r["difference_percent"] or 1e9), r["sample_id"], r["gate_path"]))
    hidden = len(off) - MOST_ROWS
    return table(
        f"Stored counts that differ from the recomputed ones by {TOLERANCE}",
        ("Specimen", "Gate of the workspace", "#Stored", "#Recomputed", "#Difference"),
        [
            (
                r["sample_id"],
                _path(r),
                count_text(r["count_workspace_stored"]),
                count_text(r["count_workspace_gates"]),
                _percent(r["difference_percent"]),
            )
            for r in off[:MOST_ROWS]
        ],
        empty="No stored count differs from the recomputed one by more than that."
        if any(r["agreement"] == "AGREES" for r in rows)
        else "No stored count could be compared.",
        note=f"{hidden} more stand in results/cytometry/concordance.tsv." if hidden > 0 else "",
    )
