"""All drawings of a patient page, from its content and the events and cells of its specimens."""

import pandas as pd

from aftercar.contracts.singlecell import ANTIGEN_CELLS
from aftercar.report.cell_figures import cell_figures
from aftercar.report.course import course_chart
from aftercar.report.gate_plots import tube_plots
from aftercar.report.genes import gene_chart
from aftercar.report.numbers import day_text
from aftercar.report.page_timelines import page_timelines
from aftercar.report.words import ASSAY_WORDS


def patient_figures(
    content: dict,
    views: pd.DataFrame,
    cells: pd.DataFrame,
    genes: dict[str, dict],
    antigen_cells: pd.DataFrame | None = None,
) -> dict[str, object]:
    """Return the SVG drawings of a page: timelines of page 1, courses, gates, genes, cells.

    `views` is GATE_VIEWS, `cells` CELLS (both may be empty); `genes` maps a symbol to its exons
    and domains, as genes.gene_chart takes them (empty: no picture). `antigen_cells` is
    ANTIGEN_CELLS; without it no map is drawn by antigen.
    """
    landmarks = [row["landmark_day"] for row in content["data"]["risk"]]
    landmarks = sorted(set(landmarks))
    name = content["patient_id"]
    gates, left_out = tube_plots(content, views)
    drawn, undrawn = cell_figures(
        content, cells, ANTIGEN_CELLS.empty() if antigen_cells is None else antigen_cells
    )
    return {
        "timelines": page_timelines(
            content,
            landmarks,
            description="CAR-T cells, normal cells with the target, leukemia and therapy over days "
            "since the first infusion. All values stand in the tables of curves.",
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
        "cells": drawn,
        "cells_left_out": undrawn,
    }


def _genes(content: dict, genes: dict[str, dict]) -> list[dict[str, str]]:
    """Return a picture per gene of the latest specimen in which it was looked at."""
    data = content["data"]
    callability = data.get("callability", [])
    pictures = []
    for symbol in sorted(genes):
        rows = [r for r in callability if r["gene"] == symbol and r["assay"] in ("dna", "rna")]
        if not rows:
            continue
        # of one day, DNA: RNA lacks alleles that decay, and its silence fills no exon
        latest = max(
            rows,
            key=lambda r: (
                r["day"] is not None,
                r["day"] or 0,
                r["assay"] == "dna",
                r["sample_id"],
            ),
        )
        sample = latest["sample_id"]
        variants = [
            v
            for v in data.get("variants", [])
            if v["gene"] == symbol and v["sample_id"] == sample and v["filter"] == "PASS"
        ]
        caption = (
            f"{symbol} in {sample} ({ASSAY_WORDS[latest['assay']]}, {day_text(latest['day'])}), "
            "the latest specimen. Filled "
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
