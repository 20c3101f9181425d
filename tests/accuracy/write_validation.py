"""Run the accuracy experiments and write their tables into docs/validation.md.

python -m tests.accuracy.write_validation [cytometry] [variants] [expression] [risk]
"""

import sys
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
from tests.accuracy.expression_sections import expression_sections
from tests.accuracy.hard_cases import ACTIVATED, VERDICTS
from tests.accuracy.hard_cases import DRAWS as HARD_DRAWS
from tests.accuracy.hard_cases import EVENTS as HARD_EVENTS
from tests.accuracy.hard_cases import experiment as hard_experiment
from tests.accuracy.readme_power import with_power
from tests.accuracy.risk_sections import risk_sections
from tests.accuracy.simulated_files import EVENTS, experiment, summary
from tests.accuracy.tubes import ROOT
from tests.accuracy.usual_methods import LowestDensityGating, UsualGating
from tests.accuracy.variant_sections import variant_sections

from aftercar.cytometry.gates import Gating
from aftercar.io.workspace import gate_with_workspace

PAGE = ROOT / "docs/validation.md"
README = ROOT / "README.md"
MARKS = {
    "cytometry": (
        "<!-- written by tests/accuracy/write_validation.py -->",
        "<!-- end of the written part -->",
    ),
    "variants": ("<!-- variants, written likewise -->", "<!-- end of the variants -->"),
    "expression": ("<!-- expression, written likewise -->", "<!-- end of the expression -->"),
    "risk": ("<!-- risk, written likewise -->", "<!-- end of the risk -->"),
}
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
    ours = results["AfterCAR"]
    yield _small_parents(ours)
    absent = ours[(ours["true"] == 0) & ~ours["common"]]
    yield (
        f"Populations that were not there at all: {len(absent)}. QUANTIFIED: "
        f"{int((absent['status'] == 'QUANTIFIED').sum())}; DETECTED_BELOW_LLOQ: "
        f"{int((absent['status'] == 'DETECTED_BELOW_LLOQ').sum())}."
    )


def _small_parents(ours: pd.DataFrame) -> str:
    """Say how many cells the parents hold whose antigen-negative share has a large error."""
    shares = ours[ours["population"].str.startswith("antigen_negative") & ours["common"]]
    large = shares["error"].astype(float) > 0.1
    parents, others = (shares.loc[which, "parent_events"] for which in (large, ~large))
    if parents.empty:
        return "No share of antigen-negative blasts has an error above 10 %."
    return (
        "The large errors of antigen_negative_blasts are those of small parents: where the error "
        f"is above 10 % ({len(parents)} files) the tube holds {parents.min()} to {parents.max()} "
        f"blasts, median {parents.median():g}; in the other {len(others)} the median is "
        f"{others.median():,.0f}. A few cells of another kind among some tens of blasts change "
        "the share much."
    )


def hard_section() -> Iterator[str]:
    """Yield what is said of tubes in which a gate can be firmly wrong."""
    yield (
        f"{HARD_DRAWS} synthetic tubes of {HARD_EVENTS:,} events of each case, each of another "
        "donor and instrument. A wide limit of blank excuses nothing here. Each draw is one of:"
    )
    yield "\n".join(
        (
            "- RIGHT: the truth lies in the Poisson 95 % interval of the count (not widened by "
            "LOB; 8 % of the cells may be lost at earlier gates), or NOT_DETECTED of fewer than "
            "50 cells.",
            "- HONEST: INDETERMINATE or FAILED; or a loud flag on a row that would else be BLIND "
            "or MISCOUNTED.",
            "- BLIND: NOT_DETECTED of 50 cells or more but fewer than the printed limit of "
            "detection.",
            "- MISCOUNTED: detected, but the interval misses the truth.",
            "- FALSE_NEGATIVE: NOT_DETECTED of at least as many cells as the printed limit of "
            "detection.",
            "- FALSE_POSITIVE: detected, and the truth lies below the interval even when that is "
            "widened by LOB.",
        )
    )
    draws = hard_experiment()
    rows = []
    for (stratum, case, population, parent), part in draws.groupby(
        ["stratum", "case", "population", "of"], sort=False
    ):
        counts = part["count"].dropna().astype(float)
        counted = (
            f"{counts.median():g} ({counts.min():g} to {counts.max():g})" if len(counts) else ""
        )
        verdicts = (int((part["verdict"] == verdict).sum()) or "" for verdict in VERDICTS)
        rows.append(
            (
                stratum, case, f"{population} of {parent}", f"{part['true'].median():g}", counted,
                f"{part['lod'].median():.0f}", *verdicts, _statuses(part),
            )
        )  # fmt: skip
    yield table(
        (
            "stratum", "case", "population", "true, median", "counted, median (range)", "LOD",
            *VERDICTS, "status of the draws",
        ),
        rows,
    )  # fmt: skip
    good = draws["verdict"].isin(["RIGHT", "HONEST"])
    shares = good.groupby([draws["stratum"], draws["population"]], sort=False).mean()
    yield (
        "Fewer than 90 % of the draws are RIGHT or HONEST in: "
        + (
            "; ".join(
                f"{stratum}, {population} ({_percent(share, 0)})"
                for (stratum, population), share in shares[shares < 0.9].items()
            )
            or "none"
        )
        + "."
    )
    activated = draws[draws["stratum"] == ACTIVATED]
    kept = (activated["count"] / activated["true"]).groupby(activated["case"], sort=False).mean()
    yield (
        "Activated CAR-T cells that are kept: "
        + "; ".join(f"{case}: {_percent(share, 0)}" for case, share in kept.items())
        + ". Those with more side scatter leave the gate of lymphocytes."
    )
    yield "\n".join(
        (
            "Not simulated, and so not known from this table:",
            "",
            "- spillover that differs between the matrix and the tube, dyes that break down "
            "(tandems), and stain carried over between wells;",
            "- drift of the instrument between the controls and the specimen in more than one "
            "detector at once;",
            "- non-specific binding of the CAR reagent to B cells, monocytes or dead cells, and "
            "dead cells that take up little dye;",
            "- antigen masked by the product, and antigen lost in part or in a rare subclone of a "
            "bright population;",
            "- blasts that mimic hematogones in every marker, and abnormal combinations that the "
            "templates do not name;",
            "- several faults in one tube; each case has one.",
        )
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


def cytometry_sections() -> Iterator[str]:
    """Yield all sections on cells and gates."""
    public = ROOT.parent / "shared/data/cytometry"
    yield from ("## Counts down to zero", *b_cell_section(public), *car_section())
    yield from ("## Counts of many files", *file_section())
    yield from ("## Hard cases", *hard_section())
    yield from ("## A laboratory's own gates", *workspace_section(public))


SECTIONS = {
    "cytometry": cytometry_sections,
    "variants": variant_sections,
    "expression": expression_sections,
    "risk": risk_sections,
}


def main(parts: list[str]) -> None:
    """Write the named parts of the page, or all; everything else stays as it is."""
    for part in parts or list(SECTIONS):
        begin, end = MARKS[part]
        written = "\n\n".join([begin, *SECTIONS[part](), end])
        page = PAGE.read_text() if PAGE.exists() else "# Validation\n"
        before, _, rest = page.partition(begin)
        after = rest.partition(end)[2]
        PAGE.write_text(f"{before.rstrip()}\n\n{written}\n\n{after.lstrip()}".rstrip() + "\n")
        README.write_text(with_power(README.read_text(), PAGE.read_text()))


if __name__ == "__main__":
    if unknown := set(sys.argv[1:]) - set(SECTIONS):
        raise SystemExit(f"no part {', '.join(sorted(unknown))}; there are {', '.join(SECTIONS)}")
    main(sys.argv[1:])
