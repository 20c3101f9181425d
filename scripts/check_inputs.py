"""Open every input's header and write down what is wrong, for the quality page."""

from typing import TYPE_CHECKING

from aftercar.contracts.specimen import INPUT_CHECKS
from aftercar.cytometry.beads import detector_problems
from aftercar.cytometry.compensation import matrix_problem
from aftercar.cytometry.panel import panel_problems
from aftercar.io.joblog import start_log
from aftercar.io.preflight import header_problems
from aftercar.io.tables import write_table

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

if __name__ == "__main__":
    start_log(snakemake.log[0])
    found = header_problems(
        **snakemake.params.settings,
        panel_problems=panel_problems,
        matrix_problem=matrix_problem,
        detector_problems=detector_problems,
    )
    write_table(INPUT_CHECKS, INPUT_CHECKS.frame(found), snakemake.output.checks)
