"""
Variants of antigen genes and TP53 in bulk reads, and the same variants in single cells.

REQUIRED INPUTS:  samples.tsv rows dna, rna (path), scrna with bam, scdna (path or bam)
                  dna rows with control_for matched_normal or healthy, sequencing/panel_of_normals, if any
OUTPUTS:          <results>/sequencing/backgrounds/{run}.background.tsv       contract: BACKGROUND
                  <results>/sequencing/patients/{patient}.variants.tsv        contract: VARIANTS
                  <results>/sequencing/patients/{patient}.callability.tsv     contract: CALLABILITY
                  <results>/sequencing/patients/{patient}.callable_bases.parquet  contract: CALLABLE_BASES
                  <results>/sequencing/patients/{patient}.splicing.tsv        contract: SPLICING
                  <results>/sequencing/patients/{patient}.loh.tsv             contract: LOH
                  <results>/sequencing/patients/{patient}.biallelic.tsv       contract: BIALLELIC
                  <results>/sequencing/patients/{patient}.vcf                 VCF 4.2
                  <results>/singlecell/genotypes/{patient}.genotypes.parquet  contract: GENOTYPES
                  <results>/singlecell/genotypes/{patient}.clones.tsv         contract: CLONES
                  <results>/singlecell/genotypes/{patient}.biallelic.tsv      contract: BIALLELIC
                  .quality.tsv and .inputs.tsv beside both     contracts: QUALITY, INPUT_FILES
CONFIG:           sequencing/*
"""


rule measure_background:
    input:
        reads=healthy_reads,
        references=reference_files(),
    output:
        background="<results>/sequencing/backgrounds/{run}.background.tsv",
        quality="<results>/sequencing/backgrounds/{run}.quality.tsv",
        inputs="<results>/sequencing/backgrounds/{run}.inputs.tsv",
    log:
        "<logs>/measure_background/{run}.log",
    benchmark:
        "<benchmarks>/measure_background/{run}.tsv"
    conda:
        "../../envs/sequencing.yaml"
    resources:
        mem_mb=memory(800, 2),
        runtime=minutes(30, 10),
    params:
        code=digest("measure_background", "resources/genes"),
        files=sizes_and_times(healthy_reads, reference_files()),
        samples=lambda wildcards: healthy_rows(wildcards.run),
        references=lookup("sequencing/references", within=config),
        default=next(iter(config["sequencing"]["references"]), ""),
        models=resource("resources/genes"),
        settings=lookup("sequencing", within=config),
    script:
        "../../scripts/measure_background.py"


rule call_variants:
    input:
        reads=bulk_reads,
        backgrounds=backgrounds,
        panel=panel_of_normals(),
        references=reference_files(),
        isoforms=isoform_catalogue(),
    output:
        variants="<results>/sequencing/patients/{patient}.variants.tsv",
        callability="<results>/sequencing/patients/{patient}.callability.tsv",
        bases="<results>/sequencing/patients/{patient}.callable_bases.parquet",
        splicing="<results>/sequencing/patients/{patient}.splicing.tsv",
        loh="<results>/sequencing/patients/{patient}.loh.tsv",
        biallelic="<results>/sequencing/patients/{patient}.biallelic.tsv",
        quality="<results>/sequencing/patients/{patient}.quality.tsv",
        inputs="<results>/sequencing/patients/{patient}.inputs.tsv",
        vcf="<results>/sequencing/patients/{patient}.vcf",
    log:
        "<logs>/call_variants/{patient}.log",
    benchmark:
        "<benchmarks>/call_variants/{patient}.tsv"
    conda:
        "../../envs/sequencing.yaml"
    resources:
        mem_mb=memory(800, 2),
        runtime=minutes(30, 10),
    params:
        code=digest("call_variants", "resources/genes"),
        files=sizes_and_times(
            bulk_reads, reference_files() + panel_of_normals() + isoform_catalogue()
        ),
        controls=lambda wildcards: read_controls(wildcards.patient),
        samples=lambda wildcards: specimens(wildcards.patient, "dna", "rna"),
        references=lookup("sequencing/references", within=config),
        default=next(iter(config["sequencing"]["references"]), ""),
        models=resource("resources/genes"),
        isoforms=next(iter(isoform_catalogue()), ""),
        settings=lookup("sequencing", within=config),
    script:
        "../../scripts/call_variants.py"


rule genotype_cells:
    input:
        cells=cell_reads,
        variants=own_variants,
        references=reference_files(),
    output:
        genotypes="<results>/singlecell/genotypes/{patient}.genotypes.parquet",
        clones="<results>/singlecell/genotypes/{patient}.clones.tsv",
        quality="<results>/singlecell/genotypes/{patient}.quality.tsv",
        inputs="<results>/singlecell/genotypes/{patient}.inputs.tsv",
    log:
        "<logs>/genotype_cells/{patient}.log",
    benchmark:
        "<benchmarks>/genotype_cells/{patient}.tsv"
    conda:
        "../../envs/sequencing.yaml"
    resources:
        mem_mb=memory(800, 1),
        runtime=minutes(30, 10),
    params:
        code=digest(
            "genotype_cells", "resources/genes", "resources/singlecell/genotyping.yaml"
        ),
        files=sizes_and_times(cell_reads, reference_files()),
        samples=lambda wildcards: cell_rows(wildcards.patient),
        references=lookup("sequencing/references", within=config),
        default=next(iter(config["sequencing"]["references"]), ""),
        models=resource("resources/genes"),
        priors=resource("resources/singlecell/genotyping.yaml"),
        settings=lookup("sequencing", within=config),
    script:
        "../../scripts/genotype_cells.py"


rule compare_hits_in_cells:
    input:
        genotypes="<results>/singlecell/genotypes/{patient}.genotypes.parquet",
        variants=own_variants,
        molecules=stream_tables(".biallelic.tsv", SEQUENCING),
    output:
        "<results>/singlecell/genotypes/{patient}.biallelic.tsv",
    log:
        "<logs>/compare_hits_in_cells/{patient}.log",
    conda:
        "../../envs/sequencing.yaml"
    resources:
        mem_mb=memory(800, 4),
        runtime=minutes(20, 10),
    params:
        code=digest("compare_hits_in_cells"),
        samples=lambda wildcards: cell_rows(wildcards.patient),
    script:
        "../../scripts/compare_hits_in_cells.py"
