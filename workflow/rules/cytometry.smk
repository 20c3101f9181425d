"""
Gate flow specimens: cuts from the controls of the batch, then all specimens of a patient.

REQUIRED INPUTS:  column `path` (FCS) of flow rows           samples.tsv
                  columns `workspace` (.wsp, GatingML) and `compensation` (table, .wsp, GatingML), if any
OUTPUTS:          <results>/cytometry/batches/{batch}.cuts.tsv          contract: BATCH_CUTS
                  <results>/cytometry/batches/{batch}.quality.tsv       contract: QUALITY
                  <results>/cytometry/batches/{batch}.inputs.tsv        contract: INPUT_FILES
                  <results>/cytometry/patients/{patient}.populations.tsv contract: POPULATIONS
                  <results>/cytometry/patients/{patient}.ratios.tsv      contract: RATIOS
                  <results>/cytometry/patients/{patient}.cuts.tsv        contract: CUTS
                  <results>/cytometry/patients/{patient}.densities.parquet contract: CUT_DENSITIES
                  <results>/cytometry/patients/{patient}.concordance.tsv contract: CONCORDANCE
                  <results>/cytometry/patients/{patient}.quality.tsv     contract: QUALITY
                  <results>/cytometry/patients/{patient}.inputs.tsv      contract: INPUT_FILES
                  <results>/cytometry/patients/{patient}.views.parquet   contract: GATE_VIEWS
                  <results>/cytometry/gates/{patient}/{sample_id}.xml    GatingML 2.0
CONFIG:           cytometry/*
"""


rule place_batch_cuts:
    input:
        controls=control_files,
    output:
        cuts="<results>/cytometry/batches/{batch}.cuts.tsv",
        quality="<results>/cytometry/batches/{batch}.quality.tsv",
        inputs="<results>/cytometry/batches/{batch}.inputs.tsv",
    log:
        "<logs>/place_batch_cuts/{batch}.log",
    conda:
        "../../envs/cytometry.yaml"
    threads: 1
    resources:
        mem_mb=memory(800, 6),
        runtime=minutes(20, 10),
    params:
        code=digest("place_batch_cuts", *GATING_RESOURCES),
        files=sizes_and_times(control_files),
        controls=lambda wildcards: control_rows(wildcards.batch),
        served=lambda wildcards: panels_of_batch(wildcards.batch),
        panels={
            name: resource(path)
            for name, path in config["cytometry"]["panels"].items()
        },
        settings=lookup("cytometry", within=config),
    script:
        "../../scripts/place_batch_cuts.py"


rule gate_patient:
    input:
        cuts=cuts_of_batches,
        files=flow_files,
    output:
        populations="<results>/cytometry/patients/{patient}.populations.tsv",
        ratios="<results>/cytometry/patients/{patient}.ratios.tsv",
        cuts="<results>/cytometry/patients/{patient}.cuts.tsv",
        densities="<results>/cytometry/patients/{patient}.densities.parquet",
        concordance="<results>/cytometry/patients/{patient}.concordance.tsv",
        quality="<results>/cytometry/patients/{patient}.quality.tsv",
        inputs="<results>/cytometry/patients/{patient}.inputs.tsv",
        views="<results>/cytometry/patients/{patient}.views.parquet",
        gates=directory("<results>/cytometry/gates/{patient}"),
    log:
        "<logs>/gate_patient/{patient}.log",
    conda:
        "../../envs/cytometry.yaml"
    threads: 1
    resources:
        mem_mb=memory(800, 8, together=False),  # one tube at a time
        runtime=minutes(20, 10),
    params:
        code=digest("gate_patient", *GATING_RESOURCES),
        files=sizes_and_times(flow_files),
        specimens=lambda wildcards: specimens(wildcards.patient, "flow"),
        sheets=lambda wildcards: sheet_rows(wildcards.patient, "infusions", "labs"),
        panels={
            name: resource(path)
            for name, path in config["cytometry"]["panels"].items()
        },
        settings=lookup("cytometry", within=config),
    script:
        "../../scripts/gate_patient.py"
