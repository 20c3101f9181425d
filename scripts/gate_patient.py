"""Gate all flow specimens of one patient (rule gate_patient)."""

from pathlib import Path
from typing import TYPE_CHECKING

from aftercar.contracts.cytometry import BATCH_CUTS
from aftercar.cytometry.course import Course
from aftercar.cytometry.specimen import describe
from aftercar.cytometry.template import parse_template
from aftercar.io.compensation_matrices import read_specimen
from aftercar.io.fcs import UnreadableFile
from aftercar.io.joblog import start_log
from aftercar.io.provenance import flow_files
from aftercar.io.tables import concatenate_tables, write_table
from aftercar.io.templates import read_template
from aftercar.io.unchanged_inputs import InputWatch
from aftercar.io.workspace import UnusableWorkspace, gate_with_workspace, write_gates

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

if __name__ == "__main__":
    log = start_log(snakemake.log[0])
    params, output, sheets = snakemake.params, snakemake.output, snakemake.params.sheets
    watch = InputWatch(params.specimens, flow_files)
    panels = {name: parse_template(read_template(path)) for name, path in params.panels.items()}
    batch_cuts = concatenate_tables(BATCH_CUTS, snakemake.input.get("cuts", []))
    course = Course(panels, batch_cuts.to_dict("records"), params.settings)
    Path(output.gates).mkdir(parents=True, exist_ok=True)
    for row in sorted(params.specimens, key=lambda row: (int(row["day"]), row["sample_id"])):
        specimen = describe(row, sheets["infusions"], sheets["labs"])
        if not row["path"]:
            course.not_measured(specimen)
            continue
        try:
            manual = []
            if row["workspace"]:
                manual = gate_with_workspace(row["path"], row["workspace"])
            export = course.add(specimen, read_specimen(row), manual)
        except (UnreadableFile, UnusableWorkspace) as error:
            log.warning("%s: FAILED: %s", row["sample_id"], error)
            course.fail(specimen, str(error))
            continue
        if export is not None:
            write_gates(f"{output.gates}/{row['sample_id']}.xml", *export)
        log.info("%s: day %s, panel %s", row["sample_id"], row["day"], row["panel"] or "workspace")
    course.inputs = watch.rows
    watch.refuse_changes()
    for name, (contract, rows) in course.tables().items():
        write_table(contract, contract.frame(rows), output[name])
