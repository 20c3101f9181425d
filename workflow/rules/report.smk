"""
Render the pages: one per patient, one of the cohort, one on quality; tables for MultiQC.

REQUIRED INPUTS:  the patient's tables of all streams and of evidence; the tables of the cohort
OUTPUTS:          <reports>/patients/{patient}.html    self-contained, no script
                  <reports>/patients/{patient}.json    the same content
                  <reports>/cohort.html                self-contained, own script only
                  <reports>/quality.html               self-contained, no script
                  <results>/multiqc/*_mqc.tsv          custom content of MultiQC
CONFIG:           report/*, cohort; settings of all streams are printed, without paths

A signature (scripts/sign_report.py) adds a snapshot and a line to <report/signed>: it renders the
page of its patient again, no other one.
"""


localrules:
    render_patient,
    render_cohort,
    render_quality,


rule render_patient:
    input:
        evidence=["<results>/evidence/patients/{patient}.evidence.tsv"],
        kinetics=["<results>/evidence/patients/{patient}.kinetics.tsv"],
        recovery=["<results>/evidence/patients/{patient}.recovery.tsv"],
        rules=["<results>/evidence/patients/{patient}.rules.tsv"],
        risk=["<results>/evidence/patients/{patient}.risk.tsv"],
        summary=["<results>/evidence/patients/{patient}.summary.tsv"],
        toxicity=["<results>/evidence/patients/{patient}.toxicity.tsv"],
        options=["<results>/evidence/patients/{patient}.options.tsv"],
        populations=stream_tables(".populations.tsv", CYTOMETRY),
        ratios=stream_tables(".ratios.tsv", CYTOMETRY),
        cuts=stream_tables(".cuts.tsv", CYTOMETRY),
        concordance=stream_tables(".concordance.tsv", CYTOMETRY),
        views=stream_tables(".views.parquet", CYTOMETRY),
        variants=stream_tables(".variants.tsv", SEQUENCING),
        callability=stream_tables(".callability.tsv", SEQUENCING),
        history=["<results>/evidence/patients/{patient}.history.tsv"],
        splicing=stream_tables(".splicing.tsv", SEQUENCING),
        loh=stream_tables(".loh.tsv", SEQUENCING),
        biallelic=stream_tables(".biallelic.tsv", SEQUENCING, GENOTYPES),
        clones=stream_tables(".clones.tsv", GENOTYPES, SINGLECELL),
        clone_history=stream_tables(".clone_history.tsv", SINGLECELL),
        antigen_loss=stream_tables(".antigen_loss.tsv", SINGLECELL),
        antigen_power=stream_tables(".antigen_power.tsv", SINGLECELL),
        antigen_cells=stream_tables(".antigen_cells.parquet", SINGLECELL),
        cell_populations=stream_tables(".populations.tsv", SINGLECELL),
        cells=stream_tables(".cells.parquet", SINGLECELL),
        quality=stream_tables(".quality.tsv", *EVERY_STREAM),
        inputs=stream_tables(".inputs.tsv", *EVERY_STREAM),
        signed=signed_snapshots,
    output:
        page=report(
            "<reports>/patients/{patient}.html",
            caption="../report/patient.rst",
            category="Patients",
            labels={"patient": "{patient}"},
        ),
        content="<reports>/patients/{patient}.json",
    log:
        "<logs>/render_patient/{patient}.log",
    conda:
        "../../envs/report.yaml"
    resources:
        mem_mb=memory(400, 60),
        runtime=minutes(10, 10),
    params:
        code=digest(
            "render_patient",
            TEMPLATES,
            "resources/genes",
            "resources/evidence/evidence.tsv",
            *(path for paths in EVIDENCE_NOTES.values() for path in paths),
            config["evidence"]["rules"],
        ),
        rules=resource(config["evidence"]["rules"]),
        rules_schema=resource("workflow/schemas/rules.schema.yaml"),
        sheets=page_rows,
        settings=printed_settings(),
        cohort=config["cohort"],
        profile=lookup("report/profile", within=config),
        notes=EVIDENCE_NOTES,
        issued_on=lookup("report/issued_on", within=config),
        laboratory=lookup("report/laboratory", within=config),
        signatures=lambda wildcards: SIGNATURES.get(wildcards.patient, []),
        genes=resource("resources/genes"),
        symbols=lookup("sequencing/genes", within=config),
        evidence_base=resource("resources/evidence/evidence.tsv"),
    script:
        "../../scripts/render_patient.py"


rule render_cohort:
    input:
        patients="<results>/risk/patients.tsv",
        risk="<results>/risk/relapse_risk.tsv",
        evidence="<results>/evidence/evidence.tsv",
        survival="<results>/cohort/survival.tsv",
        incidence="<results>/cohort/incidence.tsv",
        follow_up="<results>/cohort/follow_up.tsv",
        strata="<results>/cohort/strata.tsv",
        recovery_curves="<results>/cohort/recovery_curves.tsv",
        visit_rates="<results>/cohort/visit_rates.tsv",
        outcome_model="<results>/cohort/outcome_model.tsv",
        left_out="<results>/cohort/survival.tsv.provenance.json",
    output:
        page=report(
            "<reports>/cohort.html", caption="../report/cohort.rst", category="Cohort"
        ),
    log:
        "<logs>/render_cohort/all.log",
    conda:
        "../../envs/report.yaml"
    resources:
        mem_mb=memory(800, 10),
        runtime=minutes(10, 10),
    params:
        code=digest("render_cohort", TEMPLATES),
        cohort=config["cohort"],
        suppress_below=lookup("report/suppress_below", within=config),
        pages=lambda wildcards: pages_of_shards(),
    script:
        "../../scripts/render_cohort.py"


rule render_quality:
    input:
        quality="<results>/quality/quality.tsv",
        checks="<results>/quality/input_checks.tsv",
        cuts="<results>/cytometry/cuts.tsv",
        densities="<results>/cytometry/densities.parquet",
        concordance="<results>/cytometry/concordance.tsv",
        batch_cuts=batch_tables(".cuts.tsv"),
        populations="<results>/cytometry/populations.tsv",
    output:
        page=report(
            "<reports>/quality.html",
            caption="../report/quality.rst",
            category="Quality",
        ),
        populations="<results>/multiqc/aftercar_populations_mqc.tsv",
        specimens="<results>/multiqc/aftercar_specimens_mqc.tsv",
        checks="<results>/multiqc/aftercar_checks_mqc.tsv",
    log:
        "<logs>/render_quality/all.log",
    conda:
        "../../envs/report.yaml"
    resources:
        mem_mb=memory(800, 10),
        runtime=minutes(10, 10),
    params:
        code=digest("render_quality", TEMPLATES),
        cohort=config["cohort"],
        samples=without_paths(RECORDS["samples"]),
    script:
        "../../scripts/render_quality.py"
