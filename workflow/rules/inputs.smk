"""
Open the header of every input file, without analysing anything, and say what is wrong.

REQUIRED INPUTS:  columns `path`, `bam`, `workspace`, `compensation`, `variants`,
                  `labels`, `contigs`   samples.tsv
OUTPUTS:          <results>/quality/input_checks.tsv         contract: INPUT_CHECKS
CONFIG:           cytometry/panels, sequencing/references, sequencing/genes

The problems are told before the first job starts, with what is lost by each: mostly, the specimen
becomes FAILED in its stream. The batch goes on. `snakemake check`
lists the same problems and stops with an error. Templates are checked whenever this is parsed.

Stream rules do not take the table as input: Snakemake 9.27 skips the other reasons to run a job
again when a job behind an ancient() input is pending, so that edits would be missed in silence.
"""

from aftercar.cytometry.beads import detector_problems
from aftercar.cytometry.compensation import matrix_problem
from aftercar.cytometry.panel import panel_problems
from aftercar.io.preflight import announcement, header_problems, listed_name_problems
from aftercar.sequencing.listed_names import resolve_names


localrules:
    check_inputs,
    check,


onstart:
    if workflow.exec_mode == ExecMode.DEFAULT:
        refuse_unwritable_folders()
    checked = "check" in map(str, workflow.dag_settings.targets)
    if SHARDS and checked:
        raise WorkflowError(
            "key shards: found shards with target check, expected none: a run that joins shards "
            "opens no raw file. To mend it: check in each shard"
        )
    if workflow.exec_mode == ExecMode.DEFAULT and not SHARDS and not checked:
        told = announcement(
            header_problems(
                **check_params(),
                panel_problems=panel_problems,
                matrix_problem=matrix_problem,
                detector_problems=detector_problems,
            )
        )
        if told:
            print(told, file=sys.stderr)


rule check_inputs:
    input:
        files=every_file,
    output:
        checks="<results>/quality/input_checks.tsv",
    log:
        "<logs>/check_inputs/all.log",
    conda:
        "../../envs/inputs.yaml"
    params:
        code=digest("check_inputs", *HEADER_RESOURCES),
        files=sizes_and_times(every_file),
        settings=lambda wildcards: check_params(),
    script:
        "../../scripts/check_inputs.py"


rule check:
    log:
        "<logs>/check/all.log",
    conda:
        "../../envs/inputs.yaml"
    params:
        code=digest("check", *HEADER_RESOURCES),
        settings=lambda wildcards: check_params(),
    script:
        "../../scripts/check.py"
