"""Open every input's header; say what is wrong before the analysis starts, and go on."""

import sys
from typing import TYPE_CHECKING

from aftercar.contracts.specimen import INPUT_CHECKS
from aftercar.cytometry.panel import panel_problems
from aftercar.io.joblog import start_log
from aftercar.io.preflight import header_problems, problem_lines
from aftercar.io.tables import write_table

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

if __name__ == "__main__":
    terminal = sys.stderr
    start_log(snakemake.log[0])
    found = header_problems(**snakemake.params.settings, panel_problems=panel_problems)
    if found:
        told = problem_lines(found)
        print(f"{told}\nThese specimens become FAILED; all others are analysed.", file=terminal)
    write_table(INPUT_CHECKS, INPUT_CHECKS.frame(found), snakemake.output.checks)
