"""What the rule test_antigen_loss does with one specimen: from its file to its tables."""

from dataclasses import replace

from tests.unit.singlecell.drawn_cells import PANELS, SETTINGS, sample

from aftercar.contracts.singlecell import ANTIGEN_LOSS, CELL_POPULATIONS
from aftercar.contracts.specimen import QUALITY
from aftercar.io.matrices import read_matrix
from aftercar.singlecell.molecules import Molecules
from aftercar.singlecell.patient import measure_specimen
from aftercar.singlecell.specimen import compare_antigens

AGAIN = "antigens again"  # instead of a path: the comparison alone, on the cells of the last run


def prepare() -> dict:
    """Return where the cells of the last run are kept."""
    return {}


def run(kept: dict, path: str) -> dict[str, int]:
    """Return the numbers of cells and of calls."""
    if path == AGAIN:
        cells = kept["cells"]
        old = cells.molecules
        fresh = Molecules(
            old.matrix, old.genes, old.exposure, old.usable_genes, old.settings, old.frequent
        )
        again = compare_antigens(
            replace(cells, molecules=fresh), sample_id="S", day=0, settings=SETTINGS,
            panels=PANELS, earlier=[],
        )  # fmt: skip
        return {"compared": len(again.compared)}
    kept.clear()
    found = measure_specimen(
        sample("S"), read_matrix(path), None, {}, settings=SETTINGS, panels=PANELS, earlier=[],
        disease="B-ALL",
    )  # fmt: skip
    kept["cells"] = found.assessed.cells
    loss = ANTIGEN_LOSS.frame(found.loss)
    tables = (CELL_POPULATIONS.frame(found.populations), QUALITY.frame(found.quality))
    lost = loss[(loss["status"] == "LOST") & (loss["antigen"] == "CD19")]
    return {"cells": len(found.cells), "lost_cells": int(lost["cells"].sum())} | {
        f"rows_{n}": len(table) for n, table in enumerate(tables)
    }
