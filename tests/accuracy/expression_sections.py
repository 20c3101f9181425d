"""The sections of docs/validation.md on antigens in single-cell expression."""

from collections.abc import Iterator

import pandas as pd
from tests.accuracy.expression_experiments import (
    AMBIENT,
    ANTIBODY_FILE,
    B_ANTIGENS,
    BLOOD,
    CASES,
    GROUP_SIZES,
    LOW,
    MEANS,
    NOTHING,
    RATIOS,
    TENTH,
    healthy_draw,
    innocent,
    knock_out,
    leukemia,
    permutation,
    ratio_draws,
    stated_limits,
)
from tests.accuracy.variant_sections import in_parallel, markdown_table, percent

from aftercar.stats.intervals import wilson_interval

HEALTHY_SEEDS = 50
KNOCK_OUT_SHARES = (0.01, 0.05, 0.1, 0.2, 0.4)
KNOCK_OUT_DRAWS = 10
LIMIT_DRAWS = 40
PERMUTATIONS = 500
LEUKEMIAS = 200
MIXED_UP = 40
CASE_SEEDS = 20


def expression_sections() -> Iterator[str]:
    """Yield all sections."""
    yield "## Antigens in single-cell expression"
    yield (
        "Real cells: 2,700 blood cells of a healthy donor (10x Genomics PBMC 3k) and 250 cells "
        "with antibodies of another. Drawn cells: `tests/unit/singlecell/drawn_cells.py`, counts "
        "of negative-binomial distributions with ambient RNA; it shares no code with the analysis "
        "but its family of distributions. Settings are the delivered ones. Clones are known by "
        "label unless stated. LOST needs less than a tenth of the antigen with 97.5 % confidence, "
        "REDUCED less than half; both need an unchanged level ruled out at a false discovery rate "
        "of 1 % over all sub-populations and antigens of the specimen."
    )
    yield from healthy_section()
    yield from knock_out_section()
    yield from leukemia_section()
    yield from innocent_section()
    yield from ratio_section()


def _of(count: int, total: int) -> str:
    low, high = wilson_interval(count, total)
    return f"{count} of {total} ({percent(low, 1)} to {percent(high, 1)})"


def healthy_section() -> Iterator[str]:
    """Yield what is called in healthy donors, and under labels at random."""
    files = ((BLOOD, "PB"), (ANTIBODY_FILE, "BM"))
    jobs = [(*file, seed) for file in files for seed in range(HEALTHY_SEEDS)]
    draws = pd.DataFrame(in_parallel(healthy_draw, jobs))
    yield "### Healthy donors"
    yield (
        f"{HEALTHY_SEEDS} runs from the counts to the calls, each with another seed of the "
        "clusters and with 100, 70 or 50 % of the molecules. Rows: sub-populations of B cells "
        "times CD19, CD22 and CD20."
    )
    yield markdown_table(
        ("cells", "runs", "rows of B cells", "LOST", "REDUCED", "T cells asked for CD19"),
        [
            (
                "blood" if file == BLOOD else "cells with antibodies", len(part),
                int(part["b_rows"].sum()), int(part["lost"].sum()),
                int((part["low"] - part["lost"]).sum()), int(part["t_asked"].sum()),
            )
            for file, part in draws.groupby("file", sort=False)
        ],
    )  # fmt: skip
    shuffled = pd.DataFrame(in_parallel(permutation, [(seed,) for seed in range(PERMUTATIONS)]))
    lost, reduced = (int((shuffled[name] > 0).sum()) for name in ("lost", "reduced"))
    yield (
        f"Labels at random within five strata of depth, 5 to 50 % of the real B cells, "
        f"{PERMUTATIONS} permutations, three antigens each. With a false LOST: "
        f"{_of(lost, PERMUTATIONS)}; with a false REDUCED: {_of(reduced, PERMUTATIONS)}."
    )


def knock_out_section() -> Iterator[str]:
    """Yield the power on real B cells, beside the stated limits."""
    limits = {antigen: stated_limits(antigen) for antigen in B_ANTIGENS}
    jobs = []
    for antigen, stated in limits.items():
        shares = {round(share * stated["cells"]): KNOCK_OUT_DRAWS for share in KNOCK_OUT_SHARES}
        at_limit = {stated[name]: LIMIT_DRAWS for name in ("reduced", "lost") if stated[name]}
        jobs += [
            (antigen, number, left, seed)
            for number, draws in (shares | at_limit).items()
            for left in (NOTHING, AMBIENT, TENTH)
            for seed in range(draws)
        ]
    draws = pd.DataFrame(in_parallel(knock_out, jobs))
    yield "### An antigen taken out of real B cells"
    yield (
        "B cells of the blood, some of them drawn at random and labelled as one sub-population; of "
        "their molecules of the antigen nothing is left, or as much as ambient RNA leaves in T and "
        f"NK cells, or each with a chance of a tenth. {KNOCK_OUT_DRAWS} draws of each row, "
        f"{LIMIT_DRAWS} at a stated limit (bold). The limits are stated for cells that hold "
        "ambient RNA only. CD79A is not among the antigens that the pipeline tests."
    )
    rows = []
    for (antigen, cells), part in draws.groupby(["antigen", "cells"], sort=False):
        stated = limits[antigen]
        shown = [name for name in ("reduced", "lost") if stated[name] == cells]
        share = percent(cells / stated["cells"], 1)
        powers: list[object] = []
        for left in (AMBIENT, NOTHING, TENTH):
            status = part.loc[part["left"] == left, "status"]
            powers += [percent((status == "LOST").mean()), percent(status.isin(LOW).mean())]
        rows.append(
            (
                antigen, f"{stated['molecules']:.2f}",
                f"**{cells} ({share}): stated limit of {' and '.join(shown).upper()}**"
                if shown
                else f"{cells} ({share})",
                *powers,
            )
        )  # fmt: skip
    rows.sort(key=lambda row: (row[0], int(str(row[2]).lstrip("*").split()[0])))
    yield markdown_table(
        (
            "antigen", "molecules per cell", "cells without it", "LOST, ambient RNA left",
            "LOST or REDUCED", "LOST, nothing left", "LOST or REDUCED", "LOST, a tenth left",
            "LOST or REDUCED",
        ),
        rows,
    )  # fmt: skip
    out_of_reach = [name for name, stated in limits.items() if not stated["lost"]]
    if out_of_reach:
        yield (
            f"{' and '.join(out_of_reach)}: no share of these cells would have been called LOST "
            "with 95 % probability, and the tables say so; REDUCED is within reach."
        )
    yield (
        f"Calls of LOST or REDUCED on the other sub-population or antigens of these {len(draws):,} "
        f"draws: {int(draws['others_low'].sum())}."
    )


def leukemia_section() -> Iterator[str]:
    """Yield how often the interval of the antigen-negative share covers the truth."""
    jobs = [(seed, False) for seed in range(LEUKEMIAS)]
    jobs += [(1000 + seed, True) for seed in range(MIXED_UP)]
    found = pd.DataFrame([row for rows in in_parallel(leukemia, jobs) for row in rows])
    found["covered"] = (found["low"] <= found["truth"]) & (found["truth"] <= found["high"])
    found["width"] = (found["high"] - found["low"]).astype(float)
    yield "### The antigen-negative share of drawn leukemias"
    yield (
        f"{LEUKEMIAS} marrows of 1,000 to 20,000 cells (log-uniform), 50 to 90 % blasts, 2 to "
        "60 % of these without CD19 and with genes of their own; 1,200 to 6,000 molecules per "
        "cell, 1 to 10 % ambient RNA. By label and by clusters: the interval of the evidence "
        "table. Hidden: the screen, which knows neither. Mixed up "
        f"({MIXED_UP} more marrows): up to a fifth of the negative cells look like the others, and "
        "up to a tenth as many positive cells look like the clone. Covered: runs whose 95 % "
        "interval holds the true share, of the runs with a figure; a run without a figure is "
        "INDETERMINATE."
    )
    rows = []
    for (mixed_up, design), part in found.groupby(["mixed_up", "design"], sort=False):
        given = part[part["value"].notna()]
        rows.append(
            (
                design + (", mixed up" if mixed_up else ""), len(part), len(given),
                _of(int(given["covered"].sum()), len(given)),
                f"{given['width'].median():.3f}",
                f"{(given['value'] - given['truth']).abs().median():.3f}",
            )
        )  # fmt: skip
    yield markdown_table(
        (
            "the clone is known", "runs", "with a figure", "covered", "median width",
            "median error",
        ),
        rows,
    )  # fmt: skip


def innocent_section() -> Iterator[str]:
    """Yield the clusters that have lost nothing."""
    draws = pd.DataFrame(
        in_parallel(innocent, [(case, seed) for case in CASES for seed in range(CASE_SEEDS)])
    )
    yield "### Clusters that have lost nothing"
    yield (
        f"{CASE_SEEDS} drawn marrows each. Low-quality cells (a quarter of the depth, half of the "
        "programme gone with CD19), doublets and cycling cells are labelled as a leukemic "
        "sub-population, the hardest case."
    )
    yield markdown_table(
        ("cluster", "runs", "with a LOST", "with a REDUCED"),
        [
            (case, len(part), int((part["lost"] > 0).sum()), int((part["reduced"] > 0).sum()))
            for case, part in draws.groupby("case", sort=False)
        ],
    )


def ratio_section() -> Iterator[str]:
    """Yield the calibration of the relative expression and its states."""
    jobs = [(mean, ratio, cells) for mean in MEANS for ratio in RATIOS for cells in GROUP_SIZES]
    found = pd.DataFrame(in_parallel(ratio_draws, jobs))
    yield "### Relative expression and its states"
    yield (
        "Groups of 20 to 500 cells with a known true ratio to 600 reference cells, 300 draws each, "
        "p-values as among twelve tests. Covered: the 95 % interval holds the true ratio, lowest "
        "and highest of the five sizes. The states are shares of the draws for groups of "
        f"{', '.join(map(str, GROUP_SIZES))} cells."
    )
    rows = []
    for (mean, ratio), part in found.groupby(["mean", "ratio"], sort=False):
        part = part.sort_values("cells")
        states = (
            ", ".join(percent(value) for value in part[state])
            for state in ("LOST", "REDUCED", "RETAINED")
        )
        covered = f"{percent(part['covered'].min(), 1)} to {percent(part['covered'].max(), 1)}"
        rows.append((f"{mean:g}", f"{ratio:g}", covered, *states))
    yield markdown_table(
        ("molecules per cell", "true ratio", "covered", "LOST", "REDUCED", "RETAINED"), rows
    )
