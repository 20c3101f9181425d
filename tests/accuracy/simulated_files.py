"""Counts of many simulated files against their truth: by our cuts and by the usual methods."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from tests.accuracy.tubes import SETTINGS, Tube, events_of, template, tubes

from aftercar.cytometry.controls import control_cuts
from aftercar.cytometry.gates import Gating
from aftercar.cytometry.populations import Specimen, population_rows
from aftercar.cytometry.prepare import prepare
from aftercar.cytometry.specimen import place_batch
from aftercar.stats.intervals import poisson_interval

PANELS = ("b_cell_recovery", "car_t_persistence", "t_lineage", "b_all_mrd")
COMMON = 0.01  # of the parent: above it the relative error counts, below it the interval
EVENTS = 50_000
SEED = 5


def counted(tube: Tube, kind: type[Gating]) -> list[dict]:
    """Return the rows of POPULATIONS of a tube, with cuts placed by a kind of gating."""
    panel, shipped = tube.panel, template(tube.panel)
    cuts, _ = place_batch("B", tube.controls, {panel: shipped}, SETTINGS)
    ready = prepare(
        events_of(tube.acquired), shipped.source, max_margin=SETTINGS.max_margin_fraction,
        max_time_anomaly=SETTINGS.max_time_anomaly_fraction,
    )  # fmt: skip
    gating = kind(
        ready, shipped, control_cuts(cuts, "B", panel), control_quantile=SETTINGS.control_quantile
    )
    who = Specimen("S", "P", 28, tube.specimen, "B", panel)
    return population_rows(gating, who, SETTINGS.limits, SETTINGS.bead_lot_cv)


def compared(tube: Tube, kind: type[Gating]) -> Iterator[dict]:
    """Yield truth and count of each population of a tube, and whether its interval holds."""
    rows = {}
    for row in counted(tube, kind):
        rows[row["role"], row["target"], row["denominator"]] = row
        rows.setdefault((row["role"], "", row["denominator"]), row)
    for truth in tube.truth:
        role, denominator = truth["role"], truth["denominator"]
        row = rows.get((role, truth["target"], denominator)) or rows[role, "", denominator]
        count, lob = row.get("count"), row.get("lob_events") or 0
        true, parent = truth["true_count"], truth["true_denominator_count"]
        common = parent > 0 and true / parent > COMMON
        error = inside = None
        if count is not None:
            low, high = poisson_interval(count)
            inside = low - lob <= true <= high
            if common:
                error = abs(row["fraction"] / (true / parent) - 1) if row["fraction"] else 1.0
        elif common:
            error = 1.0
        yield {
            "panel": tube.panel, "population": f"{role} {truth['target']}".strip(),
            "parent": denominator, "parent_events": parent, "common": common, "true": true,
            "count": count, "error": error, "inside": bool(inside), "status": row["status"],
        }  # fmt: skip


def experiment(number: int, kind: type[Gating] = Gating) -> pd.DataFrame:
    """Return a row per file and population for `number` simulated files."""
    return pd.DataFrame(
        [
            row
            for tube in tubes(number, seed=SEED, panels=PANELS, events=EVENTS)
            for row in compared(tube, kind)
        ]
    )


def summary(rows: pd.DataFrame) -> dict[str, float]:
    """Return median and 95th percentile of the error, and the share of intervals that hold."""
    errors = rows.loc[rows["common"], "error"].to_numpy(dtype=float)
    rare = rows.loc[~rows["common"], "inside"]
    return {
        "common": len(errors),
        "median_error": float(np.median(errors)),
        "error_95": float(np.quantile(errors, 0.95)),
        "rare": len(rare),
        "rare_inside": float(rare.mean()),
    }
