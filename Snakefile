"""AfterCAR: from raw files to relapse-risk tables by mechanism and pages for each patient."""

from snakemake.utils import min_version

min_version("9.27")


configfile: "config/config.yaml"


report: "workflow/report/workflow.rst"


# Rules are included in the order in which data flow through the pipeline.
include: "workflow/rules/common.smk"
include: "workflow/rules/resources.smk"
include: "workflow/rules/selection.smk"
include: "workflow/rules/shards.smk"
include: "workflow/rules/inputs.smk"
include: "workflow/rules/cytometry.smk"
include: "workflow/rules/sequencing.smk"
include: "workflow/rules/singlecell.smk"
include: "workflow/rules/evidence.smk"
include: "workflow/rules/signatures.smk"
include: "workflow/rules/report.smk"


rule all:
    default_target: True
    input:
        "<reports>/cohort.html",
        own_pages(),
        fitted_curves(),
