"""docs/benchmarks.md and its pictures, made of results.json."""

import re
from pathlib import Path

from benchmarks.plots import PICTURES, pictures
from benchmarks.results import clauses

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs/benchmarks.md"
IMAGES = ROOT / "docs/images"
INTRODUCTION = """\
# Speed and memory

`make bench` measures AfterCAR beside other tools in one run and writes this page, its pictures and
`benchmarks/results.json`. One part alone: `make bench BENCH=gating`. Less is better everywhere. A
target that is not reached is written here as missed. Seconds are medians of as many runs as each
table says.

Cells and gates (`gating`, `batch`, `residual_disease`):

- **Data** are drawn by our simulator (`scripts/aftercar/simulate/cytometer.py`): the B-ALL
  residual-disease panel, 11 dyes with spillover, 32-bit floats.
- **Same tree, same counts**: the gates that AfterCAR placed on the file are handed to every tool in
  its own form. The run stops unless all tools give exactly the same count for every gate.
- **Time** starts with opening the file and ends with the counts (ours with Wilson intervals).
  Reading the gate file is outside the time of every tool. Each tool runs in its own process, on one
  thread; a first turn warms it up and is not counted; the tools take turns.
- **Memory** is the peak of resident memory in a fresh process while it works on the file, minus
  what was resident after a first run on a small file, minus the size of the file.
- **The floor** is plain numpy: memory map, one matrix product, one comparison per border, in blocks
  that stay in the cache. It checks nothing.
- **Two kinds of axes.** Laboratories draw gates on logicle axes, so FlowKit and OpenFlo transform
  events before they test them. The transformation is monotone: AfterCAR places and tests the same
  borders in linear units. The same gates with linear borders, which no tool needs to transform,
  have the same targets; there the floor leaves little room. (Gates of a laboratory's own workspace
  are applied through FlowKit, at its speed; that is not measured here.)
- **Given gates** are counted by `cytometry/fixed_gates.py`. The pipeline places its cuts anew for
  every file: what its users wait for is `gating.placing` and `batch`.
- FlowKit runs with its defaults (`Sample`, `gate_sample`, `report`) and, as a second column, with
  `cache_events=True`. OpenFlo runs `FlowSample`, `auto_compensate`, `apply_transform` (logicle axes
  only) and `population_stats`; a gate of more than two dimensions is a chain of its rectangles.

Variants in reads (`variants`, `cell_variants`):

- **Data** are drawn from the public CD19 reference by the simulator of the accuracy experiments
  (`tests/accuracy/sequenced_reads.py`); its unknown letters are made up, for every tool alike.
- **Ours** is the rule itself (`call_variants`, `genotype_cells`) with all its checks and tables; it
  runs once before it is timed, so that the import of libraries, some two seconds, is not counted.
  The other tools are whole processes that write VCF or matrices.
- freebayes runs with `-C 3 --pooled-continuous -m 20 -q 20`, bcftools mpileup with `-d 1000000
  -L 1000000 -q 20 -Q 20`, followed by `bcftools call -mv`; cellSNP with `--UMItag UB --minMAF 0
  --minCOUNT 1`.
- **Same counts**: the run stops unless our counts of molecules and those of cellSNP are equal in
  every cell at every variant. cellSNP counts substitutions only; ours count insertions and
  deletions as well.
- **Found and false** (`variants.grid`): how it is judged stands in [validation.md](validation.md).
- **Memory** is the peak of resident memory of the whole process, of a pipe the sum of its
  processes.

Single-cell expression (`cell_expression`):

- **Data** are drawn by `benchmarks/expressed.py`, not by our simulator: 30,000 genes, cells of
  eight kinds with a clone of blasts without CD19, one in twenty barcodes with two cells, libraries
  of 10,000 cells in one 10x .h5.
- **Ours** is what the rule `test_antigen_loss` does between its files: reading, quality, doublets
  of every library, clusters, identities, sub-populations, map, antigen comparisons and rows. It
  uses one core whatever it is given, so that every number of cores gives the same cells.
- **scanpy** only reads, filters, normalises, takes logarithms, chooses 2,000 variable genes (the
  faster usual way), and finds components, neighbours and Leiden clusters, on all cores. Its search
  for neighbours is wrapped to return the kind of matrix that it can read (`with_scanpy.py`).
- Both tools work on 10,000 cells first, which is not counted: compiled code is ready then.

Evidence and risk of a cohort (`risk`):

- **Data** are drawn by our simulator of courses (`scripts/aftercar/simulate/cohort_visits.py`):
  monthly blood, five marrows, a fifth of the measurements missing.
- **Ours** is what the rules `assess_patient` and `merge_tables` do between their files. There is no
  other tool to compare with.

Large cohorts (`scale`), measured by name only (`make bench BENCH=scale`):

- **Data** are sheets of `benchmarks/large_cohort.py`: empty files for a dry run, small tubes of our
  simulator for the light cohort. The run stops unless each edit of the finished cohort makes
  exactly its users run again.

This page is written by `benchmarks/page.py`; do not edit it by hand.
"""


def versions() -> str:
    """Return the versions of what is measured, from the pins."""
    pins: dict[str, str] = {}
    for path in ("requirements.txt", "benchmarks/requirements.txt"):
        pins |= dict(re.findall(r"^([a-z0-9-]+)==([^ ;\\]+)", (ROOT / path).read_text(), re.M))
    names = {
        "numpy": "numpy", "flowkit": "FlowKit", "openflo": "OpenFlo", "snakemake": "Snakemake",
        "pysam": "pysam", "cellsnp": "cellSNP", "scanpy": "scanpy",
    }  # fmt: skip
    shown = [f"{name} {pins[package]}" for package, name in names.items()]
    told = "AfterCAR of the commit that each table names"
    return f"Versions: {told}, {', '.join(shown)}.\n"


def page(entries: list[dict]) -> str:
    """Return docs/benchmarks.md."""
    lines = [INTRODUCTION, versions(), *_overview(entries)]
    for entry in entries:
        lines += [
            f"## {entry['id']}",
            "",
            f"{entry['what']}.",
            "",
            f"{entry['how']}.",
            "",
            f"Measured {entry['measured']}.",
            "",
        ]
        lines += [f"| tool | {entry['unit']} | times ours |", "|---|---|---|"]
        lines.append(f"| **AfterCAR** | **{entry['ours']:g}** | |")
        others = dict(entry["peers"])
        if entry["floor"] is not None:
            others["floor (numpy)"] = entry["floor"]
        lines += [
            f"| {name} | {value:g} | {value / entry['ours']:.2g} |" if entry["ours"] else
            f"| {name} | {value:g} | |"
            for name, value in others.items()
        ]  # fmt: skip
        lines.append("")
        if entry["target"] is None:
            lines.append("No target is set.")
        else:
            lines += ["| target | found | |", "|---|---|---|"]
            lines += [
                f"| {asked} | {found} | {'met' if met else '**missed**'} |"
                for asked, found, met in clauses(entry)
            ]
        lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _overview(entries: list[dict]) -> list[str]:
    """Return the pictures and one row for each benchmark, missed targets first said in words."""
    aimed = [entry for entry in entries if entry["met"] is not None]
    missed = [f"`{entry['id']}`" for entry in aimed if not entry["met"]]
    told = f"Missed: {', '.join(missed)}." if missed else "None is missed."
    lines = ["## All at once", "", f"{len(aimed) - len(missed)} of {len(aimed)} targets are met."]
    lines += [told, ""]
    for name in pictures(entries):
        lines += [f"![{PICTURES[name][0]}](images/{name})", ""]
    lines += ["| benchmark | unit | AfterCAR | best other tool | target |", "|---|---|---|---|---|"]
    words = {True: "met", False: "**missed**", None: "none is set"}
    for entry in entries:
        peers = {n: v for n, v in entry["peers"].items() if not n.startswith("AfterCAR")}
        best = min(peers, key=peers.__getitem__, default=None)
        other = "" if best is None else f"{peers[best]:g} ({best})"
        name = f"[{entry['id']}](#{entry['id'].replace('.', '')})"
        lines.append(
            f"| {name} | {entry['unit']} | {entry['ours']:g} | {other} | {words[entry['met']]} |"
        )
    return [*lines, ""]


def write_page(entries: list[dict]) -> None:
    """Write the page and its pictures; a picture of which nothing is measured is removed."""
    PAGE.write_text(page(entries))
    drawn = pictures(entries)
    for name in PICTURES:
        if name in drawn:
            (IMAGES / name).write_text(drawn[name])
        else:
            (IMAGES / name).unlink(missing_ok=True)
