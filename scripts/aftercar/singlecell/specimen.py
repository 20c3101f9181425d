"""Which antigens the sub-populations of one specimen have lost."""

from dataclasses import dataclass

import numpy as np

from aftercar.contracts.singlecell import LEUKEMIC
from aftercar.singlecell.antigen_loss import background_rate
from aftercar.singlecell.bases import combine_bases
from aftercar.singlecell.cells import IdentifiedCells, Panels
from aftercar.singlecell.comparison import (
    Compared,
    EarlierLevel,
    Thresholds,
    compare_antigen,
    with_status,
)
from aftercar.singlecell.limits import CloneSearch
from aftercar.singlecell.screen import Screened, screen_mixture


@dataclass(frozen=True, eq=False)
class Assessed:
    """The cells of one specimen and what was found of their antigens."""

    cells: IdentifiedCells
    compared: list[Compared]
    screened: dict[str, tuple[Screened | None, str]]  # by antigen: the fit, or why there is none
    levels: list[EarlierLevel]
    # by antigen, sub-population and basis (rna, protein), before both are judged together
    searches: dict[tuple[str, str, str], CloneSearch]


def compare_antigens(
    cells: IdentifiedCells,
    *,
    sample_id: str,
    day: int,
    settings: dict,
    panels: Panels,
    earlier: list[EarlierLevel],
) -> Assessed:
    """Return the antigen comparisons of cells whose identities are known.

    `settings` is the section singlecell of the configuration. `earlier` holds the levels of
    specimens collected before this one.
    """
    methods, tested = panels.methods, panels.antigens["antigens"]
    rule = methods["clustering"]
    thresholds = Thresholds(
        settings["lost_below"], settings["retained_above"], settings["false_discovery_rate"]
    )
    compared: list[Compared] = []
    levels: list[EarlierLevel] = []
    antigens = [name for name in settings["antigens"] if name in tested]
    tests = sum(
        int(cells.populations["identity"].isin(tested[name]["carried_by"]).sum())
        for name in antigens
    )
    for antigen in antigens:
        one, own = compare_antigen(
            antigen, tested[antigen], cells.populations, cells.population,
            cells.identities.identity, cells.molecules, earlier, thresholds,
            methods["test"], minimum_cells=rule["minimum_cells"], tests=tests,
        )  # fmt: skip
        compared += one
        levels += [
            EarlierLevel(sample_id, day, identity, stage, antigen, reference)
            for identity, stage, reference in own
            if identity in LEUKEMIC
        ]
    final = combine_bases(with_status(compared, thresholds, methods["test"]))
    screened = {
        antigen: _screened(antigen, tested[antigen], final, cells, methods) for antigen in antigens
    }
    searches = {
        (one.antigen, one.population, one.basis): one.search
        for one in compared
        if one.search is not None
    }
    return Assessed(cells, final, screened, levels, searches)


def carriers(rule: dict, identity: np.ndarray) -> np.ndarray:
    """Return which cells should carry an antigen: the leukemic ones, else unresolved B cells."""
    leukemic = np.isin(identity, [name for name in rule["carried_by"] if name in LEUKEMIC])
    if leukemic.any() or "b_unresolved" not in rule["carried_by"]:
        return leukemic
    return identity == "b_unresolved"


def _screened(
    antigen: str,
    rule: dict,
    compared: list[Compared],
    cells: IdentifiedCells,
    methods: dict,
) -> tuple[Screened | None, str]:
    """Return the screen for hidden antigen-negative cells, or None and why there is none.

    The reason is empty where there are no cells to look at.
    It looks at leukemic cells (else at unresolved B cells) outside the sub-populations called LOST.
    """
    identity, molecules = cells.identities.identity, cells.molecules
    gone = [one.population for one in compared if one.antigen == antigen and one.status == "LOST"]
    inside = carriers(rule, identity) & ~np.isin(cells.population, gone)
    if not inside.any():
        return None, ""
    column, missing = molecules.genes.antigen(antigen)
    if column is None:
        return None, missing
    counts = molecules.of(antigen, column)
    if counts[inside].sum() < methods["screen"]["minimum_molecules"]:
        return None, f"{int(counts[inside].sum())} molecules in {int(inside.sum())} leukemic cells"
    without = np.isin(identity, rule["background"])
    alpha = molecules.overdispersion(antigen, column, inside, f"screen of {antigen}")
    ambient, _ = background_rate(counts, molecules.exposure, without, alpha, methods["test"])
    result = screen_mixture(
        counts[inside], molecules.exposure[inside], ambient[0], alpha,
        p_value=methods["screen"]["p_value"], fractions=methods["limits"]["clone_fractions"],
        sensitivity=methods["test"]["sensitivity"],
    )  # fmt: skip
    return result, ""
