"""The sections of docs/validation.md on variants in simulated reads."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pandas as pd
from tests.accuracy.calibration_chart import write_chart
from tests.accuracy.caller_grid import DEPTHS as GRID_DEPTHS
from tests.accuracy.caller_grid import FRACTIONS as GRID_FRACTIONS
from tests.accuracy.caller_grid import OURS, grid, planted
from tests.accuracy.peer_callers import TOOLS
from tests.accuracy.variant_experiments import (
    CLASSES,
    DEPTH,
    DEPTHS,
    FRACTIONS,
    calibration,
    clean_draw,
    truth_draw,
)
from tests.accuracy.variant_specimens import ROOT, published

from aftercar.stats.intervals import clopper_pearson_interval, wilson_interval

CHART = ROOT / "docs/images/detection_limits.svg"
TRUTH_SEEDS = 5
EXONS_2_TO_4 = (2, 3, 4)
CLEAN_SPECIMENS = {500: 20, 2000: 200, 5000: 10, 10_000: 3}
CALIBRATION_DRAWS = 20
GRID_SEEDS = {200: 2, 500: 2, 1000: 1, 2000: 2, 5000: 1, 10_000: 1}


def in_parallel(function: Callable, jobs: list[tuple]) -> list:
    """Return the results of a function for all jobs, in their order."""
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        return [future.result() for future in [pool.submit(function, *job) for job in jobs]]


def markdown_table(header: tuple[str, ...], rows: list[tuple[object, ...]]) -> str:
    """Return a table in Markdown."""
    lines = [header, ("---",) * len(header), *rows]
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines)


def percent(share: float, digits: int = 0) -> str:
    """Return a share as text."""
    return f"{100 * share:.{digits}f} %"


def variant_sections() -> Iterator[str]:
    """Yield all sections."""
    yield "## Variants in simulated reads"
    yield (
        "Reads are drawn by `tests/accuracy/sequenced_reads.py`, which shares no code with the "
        "analysis, from the public CD19 reference: pairs of 150 nt of fragments of 300 nt, "
        "qualities that fall along the read, errors that follow the quality with a factor for each "
        "site and strand, damaged and miscopied molecules, slips in runs of equal letters (5e-4 in "
        "a run of six, more than twice as many with each further letter), gaps where an aligner "
        "puts them, foreign letters at the end of one read in a hundred. The rates are conventions "
        "of ours, not fitted to one instrument; a run with more errors states higher limits and "
        "finds less. Captured are the coding exons with 10 nt on both sides. A call is a row with "
        "filter PASS under the delivered settings."
    )
    yield from truth_section()
    yield from clean_section()
    yield from calibration_section()
    yield from grid_section()


def truth_section() -> Iterator[str]:
    """Yield how the published variants fare."""
    jobs = [
        (truth, fraction, seed, EXONS_2_TO_4)
        for truth in published()
        for fraction in FRACTIONS
        for seed in range(TRUTH_SEEDS)
    ]
    draws = pd.DataFrame(in_parallel(truth_draw, jobs))
    yield "### Published CD19 variants"
    yield (
        f"The rows of the public truth table (Orlando 2018 and three notes), {TRUTH_SEEDS} "
        f"specimens each of {DEPTH:,} fragments per base of exons 2 to 4. Found and named: a call "
        "with the same left-aligned record, c. name, stop codon and loss of the transmembrane "
        "part. Right: the called fraction lies within four binomial standard errors."
    )
    rows = []
    for variant, part in draws.groupby("variant", sort=False):
        cells: list[object] = [f"c.{variant}"]
        for fraction in FRACTIONS:
            own = part[part["fraction"] == fraction]
            good = int((own["found"] & own["named"]).sum())
            called = own["vaf"].dropna().astype(float)
            cells += [
                f"{good} of {len(own)}",
                percent(called.median(), 2) if len(called) else "",
                int((own["inside"] == True).sum()),  # noqa: E712
            ]
        limit = part["detectable_vaf"].dropna().astype(float)
        further = [text for text in part["further"] if text]
        rows.append((*cells, percent(limit.median(), 2), "; ".join(further)))
    yield markdown_table(
        (
            "variant", "2 %: found and named", "called, median", "right", "1 %: found and named",
            "called, median", "right", "stated limit, median", "further calls",
        ),
        rows,
    )  # fmt: skip
    for fraction in FRACTIONS:
        own = draws[draws["fraction"] == fraction]
        good = int((own["found"] & own["named"]).sum())
        yield f"At {percent(fraction)}: {_of(good, len(own))} found and named."


def _of(count: int, total: int) -> str:
    low, high = wilson_interval(count, total)
    return f"{count} of {total} ({percent(count / total, 1)}, {low:.3f} to {high:.3f})"


def clean_section() -> Iterator[str]:
    """Yield what is called in genes without variants."""
    jobs = [(depth, seed) for depth, count in CLEAN_SPECIMENS.items() for seed in range(count)]
    draws = pd.DataFrame(in_parallel(clean_draw, jobs))
    yield "### Genes without variants"
    yield "All coding exons. Doubted: rows with another filter than PASS."
    rows = []
    for depth, part in draws.groupby("depth", sort=True):
        low, high = clopper_pearson_interval(int((part["false"] > 0).sum()), len(part))
        rows.append(
            (
                f"{depth:,}", len(part), int((part["false"] > 0).sum()),
                f"{percent(low, 1)} to {percent(high, 1)}",
                "; ".join(text for text in part["calls"] if text),
                "; ".join(text for text in part["doubted"] if text),
                percent(part["limit"].astype(float).median(), 2),
            )
        )  # fmt: skip
    yield markdown_table(
        (
            "fragments per base", "genes", "with a false call", "95 % interval", "false calls",
            "doubted", "stated limit of the gene, median",
        ),
        rows,
    )  # fmt: skip


def calibration_section() -> Iterator[str]:
    """Yield how often variants at the stated limit are found, with the picture."""
    jobs = [
        (CALIBRATION_DRAWS, (depth,), (name,))
        for depth in sorted(DEPTHS, reverse=True)
        for name in CLASSES
    ]
    rows = pd.concat(in_parallel(calibration, jobs))
    write_chart(rows, CHART)
    yield "### At the stated limit of detection"
    yield (
        f"The fraction is the limit that clean specimens of the same depth state: for the exon "
        "(`callability.tsv`: 95 % of its bases) or for the variant itself (`variants.tsv`). "
        f"{CALIBRATION_DRAWS} specimens each, one variant in each, exons 2 and 3. The limit "
        "promises 95 %; the bars are 95 % intervals."
    )
    yield "![Share found at the stated limit](images/detection_limits.svg)"
    shown = []
    for name in CLASSES:
        for depth in DEPTHS:
            cells: list[object] = [name, f"{depth:,}"]
            for basis in ("exon", "variant"):
                one = rows[
                    (rows["class"] == name) & (rows["depth"] == depth) & (rows["basis"] == basis)
                ].iloc[0]
                limit = one["limit"]
                cells += [
                    "none" if pd.isna(limit) else percent(float(limit), 2),
                    f"{one['found']} of {one['draws']}" if one["draws"] else "",
                ]
            shown.append(tuple(cells))
    yield markdown_table(
        ("class", "fragments per base", "limit of exon", "found", "limit of variant", "found"),
        shown,
    )
    for basis in ("exon", "variant"):
        own = rows[rows["basis"] == basis]
        found = _of(int(own["found"].sum()), int(own["draws"].sum()))
        yield f"All classes and depths, at the limit of the {basis}: {found}."


def grid_section() -> Iterator[str]:
    """Yield the comparison with other callers."""
    jobs = [
        ((fraction,), (depth,), GRID_SEEDS[depth])
        for depth in sorted(GRID_DEPTHS, reverse=True)
        for fraction in GRID_FRACTIONS
    ]
    rows = pd.concat(in_parallel(grid, jobs))
    tools = (OURS, *TOOLS)
    variants, specimens = rows[rows["class"] != ""], rows[rows["class"] == ""]
    yield "### Beside other callers"
    yield (
        f"Specimens with {len(planted()[0] | planted()[1])} variants of six classes, each in the "
        "given share of the molecules, on two clones; all callers read the same BAM file and a "
        "reference without unknown letters. Found: the called alleles, alone or together, make of "
        "the gene what the variant makes, however they are written. False: parts of called alleles "
        "more than 10 nt from everything planted. Each cell: share found / false calls in a "
        "specimen. freebayes: `-C 3 --pooled-continuous -m 20 -q 20`; bcftools: `-d 1000000 -L "
        "1000000 -q 20 -Q 20`, with the filter of allele depth also `-F 0.002 -m 3`. No caller's "
        "quality was filtered on."
    )
    shown = []
    for depth in GRID_DEPTHS:
        for fraction in GRID_FRACTIONS:
            cells: list[object] = [f"{depth:,}", percent(fraction, 1), GRID_SEEDS[depth]]
            for tool in tools:
                here = variants[_at(variants, tool, depth, fraction)]
                wrong = specimens[_at(specimens, tool, depth, fraction)]["false"].astype(float)
                found = here["found"].astype(float).mean()
                cells.append(f"{percent(found)} / {wrong.mean():.2g}")
            shown.append(tuple(cells))
    yield markdown_table(("fragments per base", "share", "specimens", *tools), shown)
    yield "By class, all depths of 1,000 and more, shares of 0.5 to 5 %: share found."
    low = variants[(variants["depth"] >= 1000) & (variants["fraction"] <= 0.05)]
    classes = list(dict.fromkeys((planted()[0] | planted()[1]).values()))
    yield markdown_table(
        ("class", *tools),
        [
            (
                name,
                *(
                    percent(low[(low["class"] == name) & (low["tool"] == tool)]["found"].mean())
                    for tool in tools
                ),
            )
            for name in classes
        ],
    )


def _at(rows: pd.DataFrame, tool: str, depth: float, fraction: float) -> pd.Series:
    return (rows["tool"] == tool) & (rows["depth"] == depth) & (rows["fraction"] == fraction)
