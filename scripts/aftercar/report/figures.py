"""All drawings of a patient page, from its content and the events and cells of its specimens."""

import pandas as pd

from aftercar.report.course import course_chart
from aftercar.report.domains import CUT_WORDS
from aftercar.report.genes import gene_chart
from aftercar.report.numbers import day_text, percent
from aftercar.report.pictures import IDENTITY_COLOURS, embedding, gate_plot
from aftercar.report.words import population_title

# What all gate plots of a page may weigh; the latest specimens come first.
GATE_BYTES = 420_000
CELL_BYTES = 160_000


def patient_figures(
    content: dict, views: pd.DataFrame, cells: pd.DataFrame, genes: dict[str, dict]
) -> dict[str, object]:
    """Return the SVG drawings of a page: timeline, courses, gates, genes, cells.

    `views` is GATE_VIEWS, `cells` CELLS (both may be empty); `genes` maps a symbol to its exons
    and domains, as genes.gene_chart takes them (empty: no picture).
    """
    landmarks = [row["landmark_day"] for row in content["data"]["risk"]]
    landmarks = sorted(set(landmarks))
    name = content["patient_id"]
    gates, left_out = _gates(content, views)
    return {
        "timeline": course_chart(
            content["first_page_panels"],
            content["infusions"],
            content["events"],
            landmarks,
            title=f"Course of {name}",
            description="CAR-T cells, normal cells with the target, leukemia and therapy over days "
            "since the first infusion. All values stand in the tables of curves.",
            panel_height=44.0,
        ),
        "courses": {
            group["name"]: course_chart(
                group["panels"],
                content["infusions"],
                content["events"],
                landmarks,
                title=f"{group['title']} of {name}",
                description="Each value stands in the table below.",
                panel_height=84.0,
                therapy=False,
            )
            if group["panels"]
            else ""
            for group in content["courses"]
        },
        "gates": gates,
        "gates_left_out": left_out,
        "genes": _genes(content, genes),
        "cells": _cells(content, cells),
    }


def _gates(content: dict, views: pd.DataFrame) -> tuple[list[dict], int]:
    """Return the plots of each specimen, latest first, as long as the page stays small."""
    populations = content["data"].get("populations", [])
    where = {r["sample_id"]: r for r in populations}
    names = sorted(
        set(views["sample_id"]),
        key=lambda s: (
            -(where[s]["day"] or 0) if s in where and where[s]["day"] is not None else 0,
            s,
        ),
    )
    tubes, used = [], 0
    for sample_id in names:
        mine = views[views["sample_id"] == sample_id]
        plots = [
            _gate(sample_id, view, content)
            for _, view in mine.groupby("view", sort=True)
            if (view["kind"] == "event").any()
        ]
        weight = sum(len(str(plot["svg"])) for plot in plots)
        if used + weight > GATE_BYTES:
            break
        used += weight
        row = where.get(sample_id)
        panel = f", {row['panel'].replace('_', ' ')}" if row else ""
        day = f"{day_text(row['day'])} " if row else ""
        tubes.append({"title": f"Gates of {day}{sample_id}{panel}", "plots": plots})
    return tubes, len(names) - len(tubes)


def _gate(sample_id: str, view: pd.DataFrame, content: dict) -> dict[str, str]:
    gate, parent = view["gate"].iloc[0], view["parent"].iloc[0]
    caption = _gate_caption(content, sample_id, gate)
    svg = gate_plot(
        view,
        title=f"{sample_id}: {gate} of {parent}",
        description=f"{view['x_label'].iloc[0]} against {view['y_label'].iloc[0]}. {caption}",
    )
    return {
        "gate": f"{population_title(gate)} of {population_title(parent)}",
        "caption": caption,
        "svg": svg,
    }


def _gate_caption(content: dict, sample_id: str, gate: str) -> str:
    """Return counts of all events and where the cut came from."""
    said = []
    for row in content["data"].get("populations", []):
        if row["sample_id"] == sample_id and row["population"] == gate and row["count"] is not None:
            share = "" if row["fraction"] is None else f", {percent(row['fraction'])}"
            said.append(f"{row['count']:,} events{share} of {population_title(row['denominator'])}")
            break
    sources = {
        CUT_WORDS[row["source"]]
        for row in content["data"].get("cuts", [])
        if row["sample_id"] == sample_id and row["gate"] == gate
    }
    said += [f"cut from {', '.join(sorted(sources))}"] if sources else []
    return "; ".join(said) or "count not listed"


def _genes(content: dict, genes: dict[str, dict]) -> list[dict[str, str]]:
    """Return a picture per gene of the latest specimen in which it was looked at."""
    data = content["data"]
    callability = data.get("callability", [])
    pictures = []
    for symbol in sorted(genes):
        rows = [r for r in callability if r["gene"] == symbol and r["assay"] in ("dna", "rna")]
        if not rows:
            continue
        latest = max(rows, key=lambda r: (r["day"] is not None, r["day"] or 0, r["sample_id"]))
        sample = latest["sample_id"]
        variants = [
            v
            for v in data.get("variants", [])
            if v["gene"] == symbol and v["sample_id"] == sample and v["filter"] == "PASS"
        ]
        caption = (
            f"{symbol} in {sample} ({day_text(latest['day'])}), the latest specimen. Filled "
            f"exons could be "
            "called at the target VAF; dashed exons could not, so nothing is known of them. "
            "Heads stand at "
            "the VAF; filled: tier T1 or T2."
        )
        svg = gene_chart(
            symbol,
            genes[symbol],
            variants,
            [r for r in rows if r["sample_id"] == sample],
            description=caption,
        )
        pictures.append({"svg": svg, "caption": caption})
    return pictures


def _cells(content: dict, cells: pd.DataFrame) -> list[dict[str, object]]:
    """Return the embedding of each specimen with the number of cells per identity."""
    where = {r["sample_id"]: r for r in content["data"].get("cell_populations", [])}
    plots: list[dict[str, object]] = []
    used = 0
    for sample_id, mine in cells.groupby("sample_id", sort=True):
        day = where[sample_id]["day"] if sample_id in where else None
        counts = mine["identity"].value_counts()
        caption = (
            f"{sample_id}, {day_text(day)}: {len(mine):,} cells, a point each; no axis has a unit."
        )
        svg = embedding(mine, title=f"Single cells of {sample_id}", description=caption)
        if used + len(svg) > CELL_BYTES:
            break
        used += len(svg)
        key = [
            {
                "colour": IDENTITY_COLOURS[identity],
                "label": f"{identity.replace('_', ' ')} {count:,}",
            }
            for identity, count in zip(map(str, counts.index), counts.tolist(), strict=True)
        ]
        plots.append({"svg": svg, "caption": caption, "key": key})
    return plots
