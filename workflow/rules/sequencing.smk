"""
Variants of antigen genes and TP53 in bulk reads, and the same variants in single cells.

REQUIRED INPUTS:  samples.tsv rows dna, rna (path), scrna with bam, scdna
OUTPUTS:          <results>/sequencing/patients/{patient}.variants.tsv        contract: VARIANTS
                  <results>/sequencing/patients/{patient}.callability.tsv     contract: CALLABILITY
                  <results>/sequencing/patients/{patient}.splicing.tsv        contract: SPLICING
                  <results>/sequencing/patients/{patient}.loh.tsv             contract: LOH
                  <results>/sequencing/patients/{patient}.vcf                 VCF 4.2
                  <results>/singlecell/genotypes/{patient}.genotypes.parquet  contract: GENOTYPES
                  <results>/singlecell/genotypes/{patient}.clones.tsv         contract: CLONES
                  .quality.tsv and .inputs.tsv beside both     contracts: QUALITY, INPUT_FILES
CONFIG:           sequencing/*
"""


def cell_rows(patient):
    """Rows of samples.tsv whose cells can be genotyped."""
    return [
        row
        for row in specimens(patient, "scrna", "scdna")
        if row["bam"] or row["assay"] == "scdna"
    ]


def own_variants(wildcards):
    """The patient's own calls, if there are bulk reads."""
    if not specimens(wildcards.patient, "dna", "rna"):
        return []
    return ["<results>/sequencing/patients/{patient}.variants.tsv"]


def reference_files():
    """FASTA files of the configuration that exist; a missing one makes its specimens FAILED."""
    references = config["sequencing"]["references"].values()
    return [path for path in references if Path(path).exists()]


rule call_variants:
    input:
        reads=lambda wildcards: files_of(
            specimens(wildcards.patient, "dna", "rna"), "path", "variants"
        ),
        references=reference_files(),
    output:
        variants="<results>/sequencing/patients/{patient}.variants.tsv",
        callability="<results>/sequencing/patients/{patient}.callability.tsv",
        splicing="<results>/sequencing/patients/{patient}.splicing.tsv",
        loh="<results>/sequencing/patients/{patient}.loh.tsv",
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
        mem_mb=lambda wildcards, input, attempt: max(1000, 2 * input.size_mb) * attempt,
        runtime="60m",
    params:
        code=digest("call_variants", "resources/genes"),
        samples=lambda wildcards: specimens(wildcards.patient, "dna", "rna"),
        references=lookup("sequencing/references", within=config),
        default=next(iter(config["sequencing"]["references"]), ""),
        models=resource("resources/genes"),
        settings=lookup("sequencing", within=config),
    script:
        "../../scripts/call_variants.py"


rule genotype_cells:
    input:
        cells=lambda wildcards: files_of(
            cell_rows(wildcards.patient), "bam", "barcodes", "variants"
        )
        + files_of(specimens(wildcards.patient, "scdna"), "path"),
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
        mem_mb=lambda wildcards, input, attempt: max(1000, input.size_mb) * attempt,
        runtime="60m",
    params:
        code=digest("genotype_cells", "resources/genes"),
        samples=lambda wildcards: cell_rows(wildcards.patient),
        references=lookup("sequencing/references", within=config),
        default=next(iter(config["sequencing"]["references"]), ""),
        models=resource("resources/genes"),
        settings=lookup("sequencing", within=config),
    script:
        "../../scripts/genotype_cells.py"
