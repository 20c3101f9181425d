"""What a specimen without any leukemic cell excludes, as a row of CELL_POPULATIONS."""

import numpy as np

from aftercar.contracts.singlecell import LINEAGE_SWITCH_HIDDEN
from aftercar.singlecell.specimen import Assessed
from aftercar.stats.intervals import wilson_interval

Row = dict[str, object]


def _unseen_b_cells(found: Assessed, b_markers: dict) -> str:
    """Return why a specimen may hold leukemic B cells though none was found, or nothing."""
    called = found.cells.identities
    if unresolved := int((called.identity == "b_unresolved").sum()):
        return f"{unresolved} B cells may be normal or leukemic: give labels"
    named = b_markers["markers"]
    held = len(found.cells.molecules.genes.markers(named))
    if held < b_markers["needed_to_exclude"]:
        return f"the file holds {held} of {len(named)} marker genes of B cells: none would be seen"
    unnamed = int(
        sum(
            evidence == "none" or ("other", evidence) in called.flags
            for evidence in called.evidence[called.identity == "other"]
        )
    )
    return f"{unnamed} cells of no or two lineages may be leukemic: give labels" if unnamed else ""


def detectable_share(cells_needed: int, total: int) -> float:
    """Return the share of which `cells_needed` are among `total` cells with 95 % probability.

    P(X >= k) of a binomial count is the incomplete beta function of its share.
    """
    from scipy.special import betaincinv

    if total < cells_needed:
        return 1.0
    return float(betaincinv(cells_needed, total - cells_needed + 1, 0.95))


def no_leukemic_row(
    found: Assessed,
    detectable: float,
    disease: str,
    labelled: bool,
    minimum_cells: int,
    b_markers: dict,
) -> Row:
    """Return the row of a specimen without a leukemic cell: NOT_DETECTED or INDETERMINATE.

    `detectable` is the share that would have shown (0 to 1), `b_markers` the entry of B cells of
    the panel of lineages. A flag says what NOT_DETECTED does not exclude.
    """
    total = len(found.cells.rows)
    identity = {"T-ALL": "leukemic_t", "AML": "leukemic_myeloid"}.get(disease, "leukemic_b")
    if labelled:
        unlabelled = int((found.cells.identities.evidence != "label").sum())
        sure = unlabelled == 0
        flag = "" if sure else f"{unlabelled} cells have no label"
    elif identity == "leukemic_b" and disease in ("B-ALL", "B-NHL"):
        flag = _unseen_b_cells(found, b_markers)
        sure = not flag
    else:
        sure, flag = False, "without labels leukemic cells of this lineage look like normal ones"
    row: Row = {
        "population": "leukemic cells",
        "identity": identity,
        "identity_evidence": "label" if labelled else "marker_score",
        "cells": 0,
        "total_cells": total,
    }
    if not sure:
        said = f"{flag}; none of {total} cells was shown to be leukemic, which excludes no share"
        return row | {"status": "INDETERMINATE", "flags": said}
    said = f"no leukemic cell among {total}: a share below {detectable:.2g} can be missed"
    if not labelled:
        said += (
            f" (a cluster of its own needs {minimum_cells} cells), and any share that forms no "
            "cluster of its own"
        )
        like_switched = np.isin(
            found.cells.identities.identity, ("normal_myeloid", "normal_progenitor")
        )
        if disease == "B-ALL" and like_switched.any():
            said = f"{LINEAGE_SWITCH_HIDDEN}; {said}"
    return row | {
        "fraction": 0.0,
        "fraction_low": 0.0,
        "fraction_high": max(wilson_interval(0, total)[1], detectable),
        "detectable_fraction": detectable,
        "status": "NOT_DETECTED",
        "flags": said,
    }
