"""
What single cells are, and which antigens their sub-populations have lost.

REQUIRED INPUTS:  samples.tsv rows scrna (path; labels, contigs where given)
OUTPUTS:          <results>/singlecell/patients/{patient}.antigen_loss.tsv  contract: ANTIGEN_LOSS
                  <results>/singlecell/patients/{patient}.antigen_power.tsv contract: ANTIGEN_POWER
                  <results>/singlecell/patients/{patient}.antigen_cells.parquet      ANTIGEN_CELLS
                  <results>/singlecell/patients/{patient}.populations.tsv   contract: CELL_POPULATIONS
                  <results>/singlecell/patients/{patient}.cells.parquet     contract: CELLS
                  <results>/singlecell/patients/{patient}.clones.tsv        contract: CLONES
                  <results>/singlecell/patients/{patient}.clone_history.tsv contract: CLONE_HISTORY
                  .quality.tsv and .inputs.tsv beside them    contracts: QUALITY, INPUT_FILES
                  <results>/singlecell/h5ad/{patient}/{sample_id}.h5ad      opens in scanpy
CONFIG:           singlecell/*
"""


rule test_antigen_loss:
    input:
        matrices=matrix_files,
        genotypes=cell_genotypes("genotypes.parquet"),
        clones=cell_genotypes("clones.tsv"),
    output:
        antigen_loss="<results>/singlecell/patients/{patient}.antigen_loss.tsv",
        antigen_power="<results>/singlecell/patients/{patient}.antigen_power.tsv",
        antigen_cells="<results>/singlecell/patients/{patient}.antigen_cells.parquet",
        populations="<results>/singlecell/patients/{patient}.populations.tsv",
        cells="<results>/singlecell/patients/{patient}.cells.parquet",
        clones="<results>/singlecell/patients/{patient}.clones.tsv",
        clone_history="<results>/singlecell/patients/{patient}.clone_history.tsv",
        quality="<results>/singlecell/patients/{patient}.quality.tsv",
        inputs="<results>/singlecell/patients/{patient}.inputs.tsv",
        h5ad=directory("<results>/singlecell/h5ad/{patient}"),
    log:
        "<logs>/test_antigen_loss/{patient}.log",
    benchmark:
        "<benchmarks>/test_antigen_loss/{patient}.tsv"
    conda:
        "../../envs/singlecell.yaml"
    resources:
        mem_mb=memory(1800, 20),
        runtime=minutes(30, 60),
    params:
        code=digest("test_antigen_loss", "resources/singlecell"),
        files=sizes_and_times(matrix_files),
        samples=lambda wildcards: matrix_rows(wildcards.patient),
        disease=disease_of,
        panels=resource("resources/singlecell"),
        settings=lookup("singlecell", within=config),
    script:
        "../../scripts/test_antigen_loss.py"
