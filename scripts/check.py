"""Open every input's header, list all problems at once, and fail if there is one."""

import sys
from typing import TYPE_CHECKING

from aftercar.cytometry.beads import detector_problems
from aftercar.cytometry.compensation import matrix_problem
from aftercar.cytometry.panel import panel_problems
from aftercar.io.joblog import start_log
from aftercar.io.preflight import header_problems, problem_lines

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

if __name__ == "__main__":
    terminal = sys.stderr
    start_log(snakemake.log[0])
    found = header_problems(
        **snakemake.params.settings,
        panel_problems=panel_problems,
        matrix_problem=matrix_problem,
        detector_problems=detector_problems,
    )
    if found:
        print(problem_lines(found), file=terminal)
        sys.exit(1)
    print("All sheets and the headers of all files are as expected.", file=terminal)
