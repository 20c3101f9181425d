"""All figures of the single cells of a patient page: maps, ratios of antigens, what would show."""

import pandas as pd

from aftercar.contracts.singlecell import LEUKEMIC, SHARED_LOSS_HIDDEN
from aftercar.report.antigen_plots import forest_plot, like_each_other, power_plot
from aftercar.report.antigens import (
    CALLED,
    antigen_title,
    antigens_of_interest,
    drawn_comparisons,
    limit_sentences,
)
from aftercar.report.domains import specimen_title
from aftercar.report.pictures import (
    MOST_POINTS,
    antigen_embedding,
    drawn_cells,
    embedding,
    population_key,
    probability_key,
)

# What all figures of cells of a page may weigh.
CELL_BYTES = 300_000
MOST_COMPARISONS = 36  # rows of a drawing of ratios
MOST_MAPS = 3  # antigens of a specimen that are drawn on its map


def cell_figures(
    content: dict, cells: pd.DataFrame, antigen_cells: pd.DataFrame
) -> tuple[list[dict], list[str]]:
    """Return the figures of each specimen, latest first, and the specimens that found no room.

    `cells` is CELLS, `antigen_cells` ANTIGEN_CELLS; both may be empty.
    """
    data = content["data"]
    losses, power = data.get("antigen_loss", []), data.get("antigen_power", [])
    title_of = {
        row["sample_id"]: (row["day"], specimen_title(row))
        for row in [*losses, *data.get("cell_populations", [])]
    }
    map_of = dict(tuple(cells.groupby("sample_id", sort=True)))
    chances = dict(tuple(antigen_cells.groupby("sample_id", sort=True)))
    latest_first = sorted(
        {*map_of, *(row["sample_id"] for row in losses)},
        key=lambda name: (-_day(title_of.get(name)), name),
    )
    drawn: list[dict] = []
    left_out: list[str] = []
    used = 0
    for name in latest_first:
        mine = [row for row in losses if row["sample_id"] == name]
        antigens = antigens_of_interest(mine, set(content["singlecell"]["targets"]))
        _, title = title_of.get(name, (None, name))
        one = {
            "title": title,
            "maps": _maps(title, map_of.get(name), chances.get(name), antigens),
            "ratios": _ratios(title, mine, antigens, content["singlecell"]["bounds"]),
            "powers": _powers(
                title, mine, [row for row in power if row["sample_id"] == name], antigens
            ),
        }  # fmt: skip
        if not one["maps"] and not one["ratios"] and not one["powers"]:
            continue
        used += len(str(one))
        if used > CELL_BYTES:
            left_out.append(name)
            continue
        drawn.append(one | {"open": not drawn})
    return drawn, left_out


def _day(about: tuple[int | None, str] | None) -> float:
    return float("-inf") if about is None or about[0] is None else about[0]


def _maps(
    title: str, cells: pd.DataFrame | None, chances: pd.DataFrame | None, antigens: list[str]
) -> list[dict]:
    """Return the map by sub-population, then by antigen where leukemic cells should carry it."""
    if cells is None or cells.empty:
        return []
    points = len(drawn_cells(cells))
    said = (
        f"{len(cells):,} cells, a point each"
        if points == len(cells)
        else f"{points:,} of {len(cells):,} cells drawn (about {MOST_POINTS:,} at most)"
    )
    caption = f"Sub-populations: {said}. Neither axis has a unit; near cells are alike."
    maps = [
        {
            "name": "Cells by sub-population",
            "svg": embedding(
                cells, title=f"Single cells of {title} by sub-population", description=caption
            ),
            "caption": caption,
            "key": population_key(cells),
        }
    ]
    if chances is None:
        return maps
    leukemic = set(cells.loc[cells["identity"].isin(LEUKEMIC), "barcode"])
    carried = [
        (antigen, mine)
        for antigen in antigens
        if len(mine := chances[chances["antigen"] == antigen])
        and (not leukemic or mine["barcode"].isin(leukemic).any())
    ]
    for antigen, mine in carried[:MOST_MAPS]:
        shown = antigen_title(antigen)
        caption = (
            f"{shown}: probability that a cell lacks it, given its molecules, its depth and its "
            f"sub-population; {len(mine):,} cells that should carry it. For orientation: no single "
            "cell is called negative."
        )
        maps.append(
            {
                "name": f"{shown}: probability of lacking it",
                "svg": antigen_embedding(
                    cells,
                    mine.set_index("barcode")["negative_probability"],
                    title=f"Single cells of {title} by probability of lacking {shown}",
                    description=caption,
                ),
                "caption": caption,
                "key": probability_key(),
            }
        )
    return maps


def _ratios(title: str, losses: list[dict], antigens: list[str], bounds: dict) -> dict | None:
    rows = drawn_comparisons(losses, antigens)
    if not rows or not any(row["cells"] for row in rows):
        return None
    caption = (
        "Expression of each antigen relative to its reference cells (logarithmic), with 95 % "
        "interval. Arrow: beyond the axis, such as no molecule at all. Hatched: nothing could be "
        "compared, which is no zero. The same values stand in the table."
    )
    if any(like_each_other(row) for row in rows):
        caption += f" Dashed circle, like each other: {SHARED_LOSS_HIDDEN}."
    if more := len(rows) - MOST_COMPARISONS:
        caption += f" {more} further rows stand in the table only." if more > 0 else ""
    return {
        "svg": forest_plot(
            [row | {"antigen": antigen_title(row["antigen"])} for row in rows[:MOST_COMPARISONS]],
            lost_below=bounds["lost_below"],
            retained_above=bounds["retained_above"],
            title=f"Antigens of sub-populations of {title}",
            description=caption,
        ),
        "caption": caption,
    }


def _powers(title: str, losses: list[dict], power: list[dict], antigens: list[str]) -> list[dict]:
    """Return a curve for each antigen of which the power is known for some design."""
    plots = []
    for antigen in antigens:
        mine = [row for row in power if row["antigen"] == antigen]
        if all(row["power"] is None for row in mine if row["design"] in CALLED):
            continue
        shown = antigen_title(antigen)
        caption = (
            f"{shown}: probability that a clone without it would have shown, by its share of the "
            "cells that should carry it. Dashed line: 95 %."
        )
        limits = limit_sentences(shown, [r for r in losses if r["antigen"] == antigen], mine)
        plots.append(
            {
                "svg": power_plot(
                    mine,
                    title=f"Clones without {shown} in {title}",
                    description=". ".join([caption.removesuffix("."), *limits]),
                ),
                "caption": caption,
            }
        )
    return plots
