"""Sub-populations of a labels file that were drawn by the very counts that are to be tested."""

import numpy as np

from aftercar.stats.negative_binomial import negative_binomial_cdfs

DRAWN_BY_COUNTS = (
    "the sub-populations look drawn by the antigen's own counts: fewer of the other cells show as "
    "little of it than their depth makes expected. Draw them without this antigen"
)


def drawn_by_counts(
    counts: np.ndarray,
    exposure: np.ndarray,
    name_of_cell: np.ndarray,
    populations: list[str],
    identity: str,
    overdispersion: float,
    settings: dict,
) -> bool:
    """Tell whether sub-populations named by labels were drawn by the counts of an antigen.

    Who gates the cells without a molecule leaves no such cell among the others, however shallow
    they are. For each named sub-population the other cells with no more molecules than its highest
    cell has are counted; with one level for all of them, depth makes a share of such cells
    expected (the smaller of Poisson's and the negative binomial's, since cells that differ hold
    more of them). A share of independent cells of unlike chances is at most as likely to be so
    small as a binomial one of their mean (Hoeffding 1956, 10.1214/aoms/1177728178).
    """
    from scipy.stats import binom

    inside = np.isin(name_of_cell, populations)
    for name in populations:
        own = name_of_cell == name
        others = inside & ~own
        if not name.startswith(f"{identity}: ") or not others.any():
            continue
        highest, level = int(counts[own].max()), counts[others].sum() / exposure[others].sum()
        means = np.maximum(level * exposure[others], 1e-12)
        if means.mean() <= highest:
            continue
        at = np.full(len(means), highest)
        share = np.minimum(
            negative_binomial_cdfs(at, means, 0.0),
            negative_binomial_cdfs(at, means, overdispersion),
        ).mean()
        found = int((counts[others] <= highest).sum())
        few = found < settings["circular_share"] * share * len(means)
        if few and binom.cdf(found, len(means), share) < settings["circular_p_value"]:
            return True
    return False
