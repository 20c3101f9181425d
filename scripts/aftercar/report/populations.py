"""Populations of flow cytometry and their cuts: every row of a specimen, none left out unsaid."""

import re
from collections.abc import Iterable

from aftercar.report.domains import specimen_title
from aftercar.report.numbers import count_text, fraction_text, percent, quantity, with_interval
from aftercar.report.tabulate import NOTHING, Cell, dash, table
from aftercar.report.words import chip, population_title

CUT_WORDS = {
    "WORKSPACE": "the lab's workspace",
    "CONTROL": "control of the batch",
    "INTERNAL": "negative cells of the same tube",
    "REFERENCE": "earlier specimen of the patient",
    "REFINED": "control, negative cells or earlier specimen, moved on the data",
    "DATA": "valley of the data",
    "NONE": "no cut",
}
COLUMNS = (
    "Specimen",
    "Population",
    "#Events",
    "Fraction",
    "Absolute",
    "LOD / LLOQ",
    "Status",
    "Cut from",
    "Remarks",
)
UNMEASURED = ("FAILED", "NOT_ASSESSED")
FURTHER_ROWS = 300  # of the folded table; a page stays below one megabyte
NO_BREAK = "\N{NO-BREAK SPACE}"


def population_table(populations: list[dict], cuts: list[dict]) -> dict:
    """Return the populations that rules use, by specimen; counts come first, then the fraction.

    A specimen of which nothing was measured has one line, one without any role says where its
    gates stand. `populations` are rows of POPULATIONS, `cuts` of CUTS.
    """
    bases = sorted({r["count_basis"] for r in populations if r["role"] and r["count_basis"]})
    names, moved = _gate_names(populations), _moved_cuts(cuts)
    lines: list[tuple[Cell, ...]] = []
    for rows in _by_tube(populations):
        named = [r for r in rows if r["role"]]
        if _unmeasured(rows):
            lines.append(_unmeasured_line(rows, names))
        elif named:
            lines += [_line(r, names, moved) for r in named]
        else:
            said = f"{len(rows)} gates, none with a role"
            where = "no rule uses them: see the further populations below"
            lines.append((_tube_title(rows[0]), said, *[NOTHING] * 6, where))
    return table(
        "Populations by flow cytometry, with counts, 95 % Wilson intervals and limits",
        COLUMNS,
        lines,
        empty="flow cytometry: not tested",
        note=f"Absolute counts rest on: {' | '.join(bases)}." if bases else "",
        grouped=True,
    )


def further_table(populations: list[dict], cuts: list[dict]) -> dict:
    """Return the populations that no rule uses, with their notes; the latest ones if they are many.

    They are measured like the others: subsets, cells that an antigen loss or a second disease
    would show in, gates of a laboratory without a role.
    """
    names, moved = _gate_names(populations), _moved_cuts(cuts)
    rows = [
        r for mine in _by_tube(populations) if not _unmeasured(mine) for r in mine if not r["role"]
    ]
    hidden, shown = rows[:-FURTHER_ROWS], rows[-FURTHER_ROWS:]
    older = ", ".join(dict.fromkeys(r["sample_id"] for r in hidden))
    return table(
        "Further populations by flow cytometry. No rule uses them; their remarks say what they can "
        "mean.",
        COLUMNS,
        [_line(r, names, moved) for r in shown],
        empty="no further populations",
        grouped=True,
        note=f"{len(hidden)} rows of older specimens ({older}) stand in "
        "results/cytometry/populations.tsv."
        if hidden
        else "",
    )


def _by_tube(populations: list[dict]) -> list[list[dict]]:
    """Return the rows of each specimen and panel, in order of time."""
    tubes: dict[tuple, list[dict]] = {}
    for r in populations:
        tubes.setdefault((r["day"] is None, r["day"] or 0, r["sample_id"], r["panel"]), []).append(
            r
        )
    return [tubes[key] for key in sorted(tubes)]


def _tube_title(row: dict) -> str:
    return f"{specimen_title(row)}, {row['panel'].replace('_', ' ')}"


def _unmeasured(rows: list[dict]) -> bool:
    """Whether nothing of a specimen was counted, for one and the same reason."""
    shared = {(r["status"], r["flags"]) for r in rows}
    return (
        len(shared) == 1
        and rows[0]["status"] in UNMEASURED
        and all(r["count"] is None for r in rows)
    )


def _unmeasured_line(rows: list[dict], names: list[str]) -> tuple[Cell, ...]:
    """Return the one line of a specimen without counts: what it would have shown, and why not."""
    titles = list(dict.fromkeys(_population(r) for r in rows))
    if [r["gate_path"] for r in rows] == ["root"]:
        titles = ["all gates of the workspace"]
    status = chip("measurement", rows[0]["status"])
    said = f"Not measured: {'; '.join(titles)}"
    remarks = dash(_readable(rows[0]["flags"], names))
    return (
        _tube_title(rows[0]), said, "not counted", "not measured", "not measured", NOTHING, status,
        CUT_WORDS["NONE"], remarks,
    )  # fmt: skip


def _line(row: dict, names: list[str], moved: dict) -> tuple[Cell, ...]:
    denominator = population_title(row["denominator"])
    counted = row["count"] is not None
    return (
        _tube_title(row),
        _population(row),
        f"{count_text(row['count'])} of {count_text(row['denominator_count'])}"
        if counted
        else "not counted",
        f"{_share(row)} of {denominator}" if counted else f"no value (of {denominator})",
        _absolute(row),
        _population_limits(row),
        chip("measurement", row["status"]),
        _cut_from(row, moved),
        dash(_readable(row["flags"], names)),
    )


def _population(row: dict) -> str:
    title = population_title(row["role"] or row["population"])
    return f"{title} ({row['target']})" if row["target"] else title


def _share(row: dict) -> str:
    """Write the fraction; what was not detected is below its limit, not zero."""
    if row["status"] == "NOT_DETECTED" and row["lod_fraction"] is not None:
        return f"< {percent(row['lod_fraction'])}"
    return fraction_text(row)


def _absolute(row: dict) -> str:
    if row["cells_per_ul"] is None:
        return "no count basis"
    if row["status"] == "NOT_DETECTED":
        high = row["cells_per_ul_high"]
        return "not detected" if high is None else f"at most {quantity(high, 'cells/uL')}"
    return with_interval(
        row["cells_per_ul"], row["cells_per_ul_low"], row["cells_per_ul_high"], "cells/uL"
    )


def _population_limits(row: dict) -> str:
    """Write both limits, each on one line: a number never stands apart from its sign."""
    limits = [row["lod_fraction"], row["lloq_fraction"]]
    if limits == [None, None]:
        return "not stated"
    said = ("not stated" if limit is None else percent(limit) for limit in limits)
    return f"{NO_BREAK}/ ".join(text.replace(" ", NO_BREAK) for text in said)


def _gate_names(populations: list[dict]) -> list[str]:
    """Return the gates of templates that remarks may name, longest first."""
    found = {name for r in populations for name in (r["denominator"], *r["gate_path"].split("/"))}
    own = {name for name in found if re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)+", name)}
    return sorted(own, key=lambda name: (-len(name), name))


def _readable(flags: str, names: list[str]) -> str:
    """Write remarks with the titles of gates in place of their names in the template."""
    for name in names:
        flags = re.sub(rf"(?<![\w/]){name}(?![\w/])", population_title(name), flags)
    return flags


def _moved_cuts(cuts: Iterable[dict]) -> dict[tuple[str, str, str], list[dict]]:
    """Return the REFINED cuts by specimen, panel and gate."""
    found: dict[tuple[str, str, str], list[dict]] = {}
    for r in cuts:
        if r["source"] == "REFINED":
            found.setdefault((r["sample_id"], r["panel"], r["gate"]), []).append(r)
    return found


def _cut_from(row: dict, moved: dict) -> Cell:
    """Return where the weakest cut came from; of moved ones also what was moved, by marker.

    They are those of the gate, else of its nearest ancestor. How they moved stands with the cuts.
    """
    mine: list[dict] = []
    if row["cut_source"] == "REFINED":
        path = reversed(row["gate_path"].split("/"))
        keys = ((row["sample_id"], row["panel"], gate) for gate in path)
        mine = next((moved[key] for key in keys if key in moved), [])
    by_base: dict[str, list[str]] = {}
    for r in mine:
        by_base.setdefault(_base(r), []).append(r["marker"].replace("_", " "))
    lines = [f"{base}, moved: {', '.join(names)}" for base, names in by_base.items() if base]
    return lines or CUT_WORDS[row["cut_source"]]


def _base(cut: dict) -> str:
    """Return what a REFINED cut was before it was moved on the data, empty if that is not known."""
    if "of the specimen itself" in cut["flags"]:
        return CUT_WORDS["INTERNAL"]
    if re.search("the patient's (specimen|own cells) of day", cut["flags"]):
        return CUT_WORDS["REFERENCE"]
    return CUT_WORDS["CONTROL"] if cut["control_sample_id"] else ""


def moved_cut(cut: dict) -> str:
    """Return what a REFINED cut was before it was moved on the data, and how it was moved."""
    base, flags, how = _base(cut), cut["flags"], []
    if not base:
        return CUT_WORDS["REFINED"]
    if "control moved by" in flags and base != CUT_WORDS["INTERNAL"]:
        how.append("with the negatives of this tube")
    if "to the valley beside it" in flags:
        how.append("to the valley beside it")
    return f"{base}, moved {' and '.join(how) or 'on the data'}"


def cut_table(cuts: list[dict]) -> dict:
    """Return the cuts of each gate and where they came from."""
    return table(
        "Cuts of the gates (compensated, linear units of the detector)",
        ("Specimen", "Gate", "Marker", "#Cut", "From", "Control", "Remarks"),
        [
            (
                r["sample_id"],
                r["gate"].replace("_", " "),
                r["marker"],
                "no cut" if r["cut"] is None else quantity(r["cut"], "score"),
                moved_cut(r) if r["source"] == "REFINED" else CUT_WORDS[r["source"]],
                dash(r["control_sample_id"]),
                dash(r["flags"]),
            )
            for r in cuts
        ],
        empty="no gates",
        grouped=True,
    )
