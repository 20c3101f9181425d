"""
Open the header of every input file, without analysing anything, and say what is wrong.

REQUIRED INPUTS:  the files named in samples.tsv
OUTPUTS:          <results>/quality/input_checks.tsv         contract: INPUT_CHECKS
CONFIG:           cytometry/panels, sequencing/references, sequencing/genes

A specimen with a problem becomes FAILED in its stream; the batch goes on. `snakemake check`
lists the same problems and stops with an error.
"""


localrules:
    check_inputs,
    check,


def check_params():
    """What both rules need to know."""
    return {
        "samples": SHEETS["samples"].to_dict("records"),
        "panels": {
            name: resource(path) for name, path in config["cytometry"]["panels"].items()
        },
        "references": config["sequencing"]["references"],
        "genes": config["sequencing"]["genes"],
    }


rule check_inputs:
    input:
        files=files_of(SHEETS["samples"].to_dict("records"), "path", "bam"),
    output:
        checks="<results>/quality/input_checks.tsv",
    log:
        "<logs>/check_inputs/all.log",
    conda:
        "../../envs/base.yaml"
    params:
        code=digest("check_inputs", *config["cytometry"]["panels"].values()),
        settings=check_params(),
    priority: 100
    script:
        "../../scripts/check_inputs.py"


rule check:
    log:
        "<logs>/check/all.log",
    conda:
        "../../envs/base.yaml"
    params:
        code=digest("check", *config["cytometry"]["panels"].values()),
        settings=check_params(),
    script:
        "../../scripts/check.py"
