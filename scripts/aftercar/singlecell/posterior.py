"""How likely single cells lack an antigen: for pictures, never a call on one cell."""

import numpy as np
import pandas as pd

from aftercar.contracts.singlecell import ANTIGEN_CELLS, LEUKEMIC
from aftercar.singlecell.limits import CloneSearch
from aftercar.singlecell.screen import grouped_cells, log_probability
from aftercar.singlecell.specimen import Assessed

_SHARES = np.linspace(0.0, 1.0, 101)
SHOWN = (*LEUKEMIC, "b_unresolved")


def negative_probabilities(sample_id: str, found: Assessed, antigens: dict) -> pd.DataFrame:
    """Return the rows of ANTIGEN_CELLS: leukemic and unresolved B cells that carry an antigen.

    Cells whose sub-population has no level to be compared with are left out: nothing is known of
    them. `antigens` is the content of resources/singlecell/antigens.yaml.
    """
    cells, parts = found.cells, []
    for antigen in found.screened:
        column, _ = cells.molecules.genes.antigen(antigen)
        shown = [name for name in antigens["antigens"][antigen]["carried_by"] if name in SHOWN]
        if column is None:
            continue
        counts = cells.molecules.of(antigen, column)
        about = cells.populations
        for population in about.loc[about["identity"].isin(shown), "population"]:
            search = found.searches.get((antigen, population, "rna"))
            if search is None:
                continue
            inside = cells.population == population
            probability = negative_probability(
                counts[inside], cells.molecules.exposure[inside], search
            )
            parts.append(
                pd.DataFrame(
                    {
                        "sample_id": sample_id,
                        "barcode": cells.molecules.matrix.barcode[inside].astype(str),
                        "antigen": antigen,
                        "molecules": counts[inside].astype(np.int64),
                        "negative_probability": np.round(probability, 4),
                    }
                )
            )
    if not parts:
        return ANTIGEN_CELLS.empty()
    return ANTIGEN_CELLS.check(pd.concat(parts, ignore_index=True))


def negative_probability(
    molecules: np.ndarray, exposure: np.ndarray, search: CloneSearch
) -> np.ndarray:
    """Return the probability of each cell of one sub-population to carry ambient molecules only.

    `molecules` and `exposure` (depth / 10,000) have one value per cell. The share of such cells in
    the sub-population is averaged over its likelihood (all shares equally likely beforehand), with
    level, background and overdispersion of `search`.
    """
    from scipy.special import expit, logsumexp

    level, alpha = search.level[0], search.overdispersion
    ambient = max(search.background[0], 1e-6 * level)

    def log_odds(count: np.ndarray, depth: np.ndarray) -> np.ndarray:
        return log_probability(count, depth * ambient, alpha) - log_probability(
            count, depth * (level + ambient), alpha
        )

    count, depth, weight = grouped_cells(molecules, exposure)
    with np.errstate(divide="ignore"):
        lacks, has = np.log(_SHARES), np.log1p(-_SHARES)
    odds = log_odds(count, depth)
    fit = np.logaddexp(has[:, None], lacks[:, None] + odds) @ weight
    chance = np.exp(fit - logsumexp(fit))
    own = log_odds(molecules.astype(np.float64), exposure)
    probability = np.zeros(len(molecules))
    for share, part in zip(_SHARES, chance, strict=True):
        if part < 1e-6 or share == 0:
            continue
        prior = np.inf if share == 1 else np.log(share / (1 - share))
        probability += part * expit(prior + own)
    return np.minimum(probability, 1.0)
