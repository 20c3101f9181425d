"""Run the accuracy experiments and write their tables into docs/validation.md."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from tests.accuracy.dilution import (
    CAR_SHARES,
    DRAWS,
    PLANTED_B_CELLS,
    SHIFTS,
    b_cell_draws,
    car_draws,
)
from tests.accuracy.simulated_files import EVENTS, experiment, summary
from tests.accuracy.tubes import ROOT
from tests.accuracy.usual_methods import LowestDensityGating, UsualGating

from aftercar.cytometry.gates import Gating
from aftercar.io.workspace import gate_with_workspace

PAGE = ROOT / "docs/validation.md"
BEGIN, END = (
    "<!-- written by tests/accuracy/write_validation.py -->",
    "<!-- end of the written part -->",
)
FILES = 200
METHODS = {
    "AfterCAR": Gating,
    "two-component mixture": UsualGating,
    "density minimum": LowestDensityGating,
}


def table(header: tuple[str, ...], rows: list[tuple[object, ...]]) -> str:
    """Return a table in Markdown."""
    lines = [header, ("---",) * len(header), *rows]
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines)


def _percent(share: float, digits: int = 1) -> str:
    return f"{100 * share:.{digits}f} %"


def _statuses(draws: pd.DataFrame) -> str:
    counts = draws["status"].value_counts()
    return ", ".join(f"{counts[status]} {status}" for status in sorted(counts.index))


def _draw_cells(draws: pd.DataFrame) -> tuple[str, ...]:
    low, high = draws["called"].quantile([0.05, 0.95])
    return (
        f"{draws['called'].median():g} ({low:g} to {high:g})",
        f"{draws['lob'].median():g}",
        f"{draws['lod'].median():.0f}",
        _percent(draws["right"].mean(), 0),
        _percent(draws["exceeds_lob"].mean(), 0),
        _statuses(draws),
    )


def b_cell_section(folder: Path) -> Iterator[str]:
    """Yield the dilution of real B cells."""
    yield "### Real B cells diluted to none"
    yield (
        f"{DRAWS} draws each: k real B cells among 20,000 real cells without CD19 of one public "
        "tube (Lyoplate B-cell panel, compensated and transformed). No control was used. Right: "
        "the called count lies within the exact Poisson 95 % interval of k widened by the limit of "
        "blank. One donor, one day; the negatives are those of the makers' own gate."
    )
    yield table(
        (
            "k",
            "called, median (5 to 95 %)",
            "LOB",
            "LOD",
            "right",
            "above LOB",
            "status of the draws",
        ),
        [(k, *_draw_cells(b_cell_draws(folder, k))) for k in PLANTED_B_CELLS],
    )


def car_section() -> Iterator[str]:
    """Yield the dilution of simulated CAR+ cells with a shifted detector."""
    yield "### Simulated CAR+ T cells, with a shift between control and specimen"
    yield (
        f"{DRAWS} synthetic tubes each of about 24,000 T cells, with a stain-minus-one control of "
        "the same batch; the detector of the CAR is then shifted in the specimen. Flagged: the row "
        "says that the control was moved, did not fit or was shifted."
    )
    rows = []
    for shift in SHIFTS:
        for share in CAR_SHARES:
            draws = car_draws(share, shift)
            planted = f"{draws['planted'].median():g}"
            cells = _draw_cells(draws)
            flagged = _percent(draws["shift_flag"].mean(), 0)
            rows.append((f"{shift:g}", _percent(share, 2), planted, *cells[:5], flagged, cells[5]))
    yield table(
        (
            "shift, decades", "CAR+ of T", "planted, median", "called, median (5 to 95 %)", "LOB",
            "LOD", "right", "above LOB", "flagged", "status of the draws",
        ),
        rows,
    )  # fmt: skip


def file_section() -> Iterator[str]:
    """Yield the comparison on simulated files, by method and by population."""
    yield f"### {FILES} simulated files"
    yield (
        f"Files of {EVENTS:,} events of four panels, each of another donor, batch and composition, "
        "a third each without control, with a stain-minus-one tube and with a healthy donor. The "
        "same gates with their cuts placed by three methods. Error: relative, of populations above "
        "1 % of their parent. Rare right: share of all other populations whose true count lies in "
        "the Poisson 95 % interval of the called one, widened downwards by the limit of blank."
    )
    results = {name: experiment(FILES, kind) for name, kind in METHODS.items()}
    found = {name: summary(rows) for name, rows in results.items()}
    yield table(
        ("cuts by", "above 1 %", "median error", "95th percentile", "rare", "rare right"),
        [
            (
                name, one["common"], _percent(one["median_error"], 2), _percent(one["error_95"], 1),
                one["rare"], _percent(one["rare_inside"], 1),
            )
            for name, one in found.items()
        ],
    )  # fmt: skip
    yield "By population, AfterCAR:"
    rows = []
    for (panel, population, parent), part in results["AfterCAR"].groupby(
        ["panel", "population", "parent"], sort=True
    ):
        one = summary(part) if part["common"].any() else None
        rare = part[~part["common"]]
        rows.append(
            (
                panel, f"{population} of {parent}", int(part["common"].sum()),
                _percent(one["median_error"], 2) if one else "",
                _percent(one["error_95"]) if one else "",
                len(rare), _percent(rare["inside"].mean(), 0) if len(rare) else "",
            )
        )  # fmt: skip
    yield table(
        (
            "panel",
            "population",
            "above 1 %",
            "median error",
            "95th percentile",
            "rare",
            "rare right",
        ),
        rows,
    )
    absent = results["AfterCAR"]
    absent = absent[(absent["true"] == 0) & ~absent["common"]]
    yield (
        f"Of {len(absent)} populations that were not there at all, "
        f"{int((absent['status'] == 'QUANTIFIED').sum())} were called QUANTIFIED and "
        f"{int((absent['status'] == 'DETECTED_BELOW_LLOQ').sum())} DETECTED_BELOW_LLOQ."
    )


def workspace_section(folder: Path) -> Iterator[str]:
    """Yield gates of a public FlowJo workspace and of GatingML vectors, against what is stored."""
    gated = folder / "gated/flowsom_68983"
    stored = pd.read_csv(gated / "counts.tsv", sep="\t").set_index("gate")
    labels = [line.strip().strip('"') for line in open(gated / "gatingResult.csv")]
    rows = []
    for gate in gate_with_workspace(gated / "68983.fcs", gated / "gating.wsp"):
        name, count = gate.path[-1], int(gate.mask.sum())
        flowjo = int(stored.loc[name, "count_stored_by_flowjo"])
        own = np.array([_folded(label) == _folded(name) for label in labels])
        f1 = 2 * int((own & gate.mask).sum()) / (int(own.sum()) + count) if own.any() else None
        difference = f"{count - flowjo:+d} ({_percent(count / flowjo - 1, 2)})"
        rows.append((name, flowjo, count, difference, "" if f1 is None else f"{f1:.4f}"))
    yield "### Gates of a public FlowJo workspace"
    yield (
        "FlowJo bins polygons on a 256 x 256 grid; here raw events are tested. F1: per event, "
        "against the labels that the file's makers publish."
    )
    yield table(("gate", "stored by FlowJo", "counted", "difference", "F1 to the labels"), rows)
    vectors = folder / "gated/gatingml"
    truth = pd.read_csv(vectors / "counts.tsv", sep="\t")
    equal = 0
    for gate_file, expected in truth.groupby("gate_file"):
        found = {
            g.path[-1]: g.mask
            for g in gate_with_workspace(vectors / "data1.fcs", vectors / gate_file)
        }
        for row in expected.itertuples():
            vector = np.loadtxt(vectors / row.truth_file, dtype=int).astype(bool)
            equal += int(np.array_equal(found[row.gate_id], vector))
    yield f"GatingML 2.0 truth vectors: {equal} of {len(truth)} gates equal in every event."


def _folded(name: str) -> str:
    return name.lower().replace(" ", "").replace("cells", "")


def main() -> None:
    """Write the page; its other sections stay as they are."""
    public = ROOT.parent / "shared/data/cytometry"
    parts = ["## Counts down to zero", *b_cell_section(public), *car_section()]
    parts += ["## Counts of many files", *file_section()]
    parts += ["## A laboratory's own gates", *workspace_section(public)]
    written = "\n\n".join([BEGIN, *parts, END])
    page = PAGE.read_text() if PAGE.exists() else f"# Validation\n\n{BEGIN}\n{END}\n"
    before, _, rest = page.partition(BEGIN)
    after = rest.partition(END)[2]
    PAGE.write_text(f"{before}{written}{after or chr(10)}")


if __name__ == "__main__":
    main()
