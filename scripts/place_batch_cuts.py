"""Place the cuts that the controls of a batch give (rule place_batch_cuts)."""

from functools import partial
from typing import TYPE_CHECKING

from aftercar.contracts.cytometry import BATCH_CUTS
from aftercar.contracts.events import Check
from aftercar.contracts.specimen import INPUT_FILES, QUALITY
from aftercar.cytometry.specimen import control_specimen, place_batch, quality_row, thresholds
from aftercar.cytometry.template import parse_template
from aftercar.io.compensation_matrices import read_specimen
from aftercar.io.fcs import UnreadableFile
from aftercar.io.joblog import start_log
from aftercar.io.provenance import flow_files
from aftercar.io.tables import write_table
from aftercar.io.templates import read_template
from aftercar.io.unchanged_inputs import InputWatch

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

if __name__ == "__main__":
    log = start_log(snakemake.log[0])
    watch = InputWatch(snakemake.params.controls, partial(flow_files, workspace=False))
    batch, settings = snakemake.wildcards.batch, snakemake.params.settings
    panels = {name: parse_template(read_template(p)) for name, p in snakemake.params.panels.items()}
    readable, failed = [], []
    for row in snakemake.params.controls:
        if not row["path"]:
            continue
        try:
            readable.append((row, read_specimen(row)))
            log.info("%s: %d events", row["sample_id"], len(readable[-1][1]))
        except UnreadableFile as error:
            log.warning("%s: %s", row["sample_id"], error)
            check = Check("readable", None, "", "FAIL", str(error))
            failed.append(quality_row(control_specimen(row, batch), check))
    served = snakemake.params.served
    cuts, quality = place_batch(batch, readable, panels, thresholds(settings), served=served)
    log.info("%d cuts, %d by a control", len(cuts), sum(c["source"] == "CONTROL" for c in cuts))
    watch.refuse_changes()
    write_table(BATCH_CUTS, BATCH_CUTS.frame(cuts), snakemake.output.cuts)
    write_table(QUALITY, QUALITY.frame(quality + failed), snakemake.output.quality)
    write_table(INPUT_FILES, INPUT_FILES.frame(watch.rows), snakemake.output.inputs)
