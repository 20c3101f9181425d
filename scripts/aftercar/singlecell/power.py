"""The chance that a clone without an antigen would have shown in a specimen, by design."""

from collections.abc import Callable

from aftercar.contracts.specimen import who_when
from aftercar.singlecell.cells import Panels
from aftercar.singlecell.comparison import Thresholds, reduced_below
from aftercar.singlecell.limits import CloneSearch
from aftercar.singlecell.rows import Row
from aftercar.singlecell.specimen import Assessed, carriers

DESIGNS = ("labelled_lost", "labelled_reduced", "unlabelled_screen", "sampling")


def unknown_power_rows(
    sample: dict[str, str],
    antigens: list[str],
    reason: str,
    methods: dict,
    designs: tuple[str, ...] = DESIGNS,
    cells: int = 0,
) -> list[Row]:
    """Return rows of ANTIGEN_POWER without a figure, with the reason."""
    return [
        who_when(sample)
        | {
            "antigen": antigen,
            "design": design,
            "clone_fraction": fraction,
            "cells": cells,
            "flags": reason,
        }
        for antigen in antigens
        for design in designs
        for fraction in methods["limits"]["clone_fractions"]
    ]


def power_rows(
    sample: dict[str, str], found: Assessed, *, settings: dict, panels: Panels
) -> list[Row]:
    """Return the rows of ANTIGEN_POWER of a specimen, for every antigen and design.

    `settings` is the section singlecell of the configuration.
    """
    thresholds = Thresholds(
        settings["lost_below"], settings["retained_above"], settings["false_discovery_rate"]
    )
    rows: list[Row] = []
    for antigen in found.screened:
        inside = carriers(panels.antigens["antigens"][antigen], found.cells.identities.identity)
        if not inside.any():
            rows += unknown_power_rows(
                sample, [antigen], "no leukemic and no unresolved B cells that carry it",
                panels.methods,
            )  # fmt: skip
            continue
        names = set(found.cells.population[inside])
        searches = sorted(
            {
                search.basis: search
                for (of, population, _), search in found.searches.items()
                if of == antigen and population in names
            }.values(),
            key=lambda search: search.basis,
        )
        for design, bound in (
            ("labelled_lost", lambda search: thresholds.lost_below),
            ("labelled_reduced", lambda search: reduced_below(search, thresholds)),
        ):
            if searches:
                rows += _labelled(sample, antigen, design, searches, bound, panels.methods)
            else:
                rows += unknown_power_rows(
                    sample, [antigen], _why(found, antigen, names), panels.methods, (design,),
                    int(inside.sum()),
                )  # fmt: skip
        rows += _screen(sample, antigen, found, int(inside.sum()), panels.methods)
        rows += _sampling(sample, antigen, int(inside.sum()), panels.methods)
    return rows


def _why(found: Assessed, antigen: str, names: set[str]) -> str:
    said = [
        flag
        for one in found.compared
        if one.antigen == antigen and one.population in names
        for flag in one.flags[:1]
    ]
    return "; ".join(dict.fromkeys(said)) or "nothing to compare with"


def _labelled(
    sample: dict[str, str],
    antigen: str,
    design: str,
    searches: list[CloneSearch],
    bound_of: Callable[[CloneSearch], float],
    methods: dict,
) -> list[Row]:
    """Return the power of the comparison; with RNA and antibody, that of the better of both."""
    minimum = methods["clustering"]["minimum_cells"]
    sensitivity = methods["test"]["sensitivity"]
    cells = searches[0].cells
    sizes = [
        size
        for search in searches
        if (
            size := search.smallest(
                bound_of(search), minimum_cells=minimum, sensitivity=sensitivity
            )
        )
    ]
    flags = [f"by {' or '.join(search.basis for search in searches)}"]
    if not sizes:
        flags.append("no share would have been called with 95 % probability")
    if not all(search.stage_matched for search in searches):
        flags.append("against a reference of another stage only LOST is said")
    rows = []
    for fraction in methods["limits"]["clone_fractions"]:
        number = round(fraction * cells)
        power = (
            max(search.power(number, bound_of(search)) for search in searches)
            if number >= minimum
            else 0.0
        )
        few = f"{number} cells: a sub-population has at least {minimum}"
        rows.append(
            who_when(sample)
            | {
                "antigen": antigen,
                "design": design,
                "clone_fraction": fraction,
                "power": round(power, 4),
                "cells": cells,
                "molecules_per_cell": searches[-1].level[0] * searches[-1].mean_exposure,
                "detectable_fraction": min(sizes) / cells if sizes else None,
                "flags": "; ".join(flags if number >= minimum else [*flags, few]),
            }
        )
    return rows


def _screen(
    sample: dict[str, str], antigen: str, found: Assessed, cells: int, methods: dict
) -> list[Row]:
    screened, reason = found.screened[antigen]
    if screened is None:
        return unknown_power_rows(
            sample, [antigen], reason or "no cells outside the sub-populations called LOST",
            methods, ("unlabelled_screen",), cells,
        )  # fmt: skip
    return [
        who_when(sample)
        | {
            "antigen": antigen,
            "design": "unlabelled_screen",
            "clone_fraction": fraction,
            "power": round(power, 4),
            "cells": screened.cells,
            "molecules_per_cell": screened.molecules / screened.cells / (1 - screened.share),
            "detectable_fraction": screened.detectable,
            "flags": "a screen: no basis for LOST",
        }
        for fraction, power in screened.power.items()
    ]


def _sampling(sample: dict[str, str], antigen: str, cells: int, methods: dict) -> list[Row]:
    """Return the chance that enough cells of a clone are among the cells (binomial)."""
    from scipy.special import betainc, betaincinv

    wanted, sensitivity = methods["limits"]["sampled_cells"], methods["test"]["sensitivity"]
    enough = cells >= wanted
    # P(X >= k) of a binomial count is the incomplete beta function of its share
    return [
        who_when(sample)
        | {
            "antigen": antigen,
            "design": "sampling",
            "clone_fraction": fraction,
            "power": round(float(betainc(wanted, cells - wanted + 1, fraction)), 4)
            if enough
            else 0.0,
            "cells": cells,
            "detectable_fraction": float(betaincinv(wanted, cells - wanted + 1, sensitivity))
            if enough
            else None,
            "flags": f"chance that {wanted} of its cells were measured, whatever they show",
        }
        for fraction in methods["limits"]["clone_fractions"]
    ]
