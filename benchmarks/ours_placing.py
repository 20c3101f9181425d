"""AfterCAR as it gates a specimen, every cut placed on the data: from the file to counts."""

from aftercar.cytometry.gates import Gating
from aftercar.cytometry.populations import population_rows
from aftercar.cytometry.prepare import prepare as made_ready
from aftercar.cytometry.specimen import Thresholds, thresholds
from aftercar.cytometry.template import Template, parse_template
from aftercar.io.fcs import read_fcs
from aftercar.io.templates import read_template
from benchmarks.samples import PANEL, ROOT, settings, specimen


def prepare() -> tuple[Template, Thresholds]:
    """Return the template and the settings, which a job reads once for all its files."""
    cytometry = settings()["cytometry"]
    return parse_template(read_template(ROOT / cytometry["panels"][PANEL])), thresholds(cytometry)


def run(prepared: tuple[Template, Thresholds], path: str) -> dict[str, int]:
    """Return counts by reported population."""
    template, limits = prepared
    ready = made_ready(
        read_fcs(path), template.source, max_margin=limits.max_margin_fraction,
        max_time_anomaly=limits.max_time_anomaly_fraction,
    )  # fmt: skip
    if ready.problems:
        raise SystemExit("the specimen FAILED")
    gating = Gating(ready, template, {}, control_quantile=limits.control_quantile)
    rows = population_rows(gating, specimen(), limits.limits, bead_lot_cv=limits.bead_lot_cv)
    return {row["population"]: row["count"] for row in rows if row["count"] is not None}
