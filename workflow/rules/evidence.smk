"""
Judge the evidence of each patient at every landmark, join all tables, estimate outcomes.

REQUIRED INPUTS:  the tables of the streams that the patient's assays need, the five sheets
OUTPUTS:          <results>/evidence/patients/{patient}.evidence.tsv   contract: EVIDENCE
                  .kinetics.tsv KINETICS, .recovery.tsv RECOVERY, .rules.tsv RULE_RESULTS,
                  .risk.tsv RISK, .summary.tsv PATIENTS, .history.tsv VARIANT_HISTORY,
                  .toxicity.tsv TOXICITY, .options.tsv OPTIONS
                  final tables of the cohort with <table>.provenance.json
                  <results>/cohort/survival.tsv SURVIVAL, incidence.tsv INCIDENCE,
                  follow_up.tsv FOLLOW_UP, strata.tsv STRATA, visit_rates.tsv VISIT_RATES,
                  recovery_curves.tsv RECOVERY_CURVES, outcome_model.tsv OUTCOME_MODEL
                  where asked for: <results>/evidence/kinetic_model.tsv KINETIC_MODEL
CONFIG:           evidence/*
"""


localrules:
    merge_tables,
    estimate_outcomes,


rule assess_patient:
    input:
        populations=stream_tables(".populations.tsv", CYTOMETRY),
        ratios=stream_tables(".ratios.tsv", CYTOMETRY),
        variants=stream_tables(".variants.tsv", SEQUENCING),
        callability=stream_tables(".callability.tsv", SEQUENCING),
        splicing=stream_tables(".splicing.tsv", SEQUENCING),
        loh=stream_tables(".loh.tsv", SEQUENCING),
        biallelic=stream_tables(".biallelic.tsv", SEQUENCING, GENOTYPES),
        clones=stream_tables(".clones.tsv", GENOTYPES),
        antigen_loss=stream_tables(".antigen_loss.tsv", SINGLECELL),
        clone_history=stream_tables(".clone_history.tsv", SINGLECELL),
        cell_populations=stream_tables(".populations.tsv", SINGLECELL),
        quality=stream_tables(".quality.tsv", *EVERY_STREAM),
        inputs=stream_tables(".inputs.tsv", *EVERY_STREAM),
    output:
        evidence="<results>/evidence/patients/{patient}.evidence.tsv",
        kinetics="<results>/evidence/patients/{patient}.kinetics.tsv",
        recovery="<results>/evidence/patients/{patient}.recovery.tsv",
        rules=ensure("<results>/evidence/patients/{patient}.rules.tsv", non_empty=True),
        risk=ensure("<results>/evidence/patients/{patient}.risk.tsv", non_empty=True),
        summary="<results>/evidence/patients/{patient}.summary.tsv",
        toxicity="<results>/evidence/patients/{patient}.toxicity.tsv",
        options="<results>/evidence/patients/{patient}.options.tsv",
        history="<results>/evidence/patients/{patient}.history.tsv",
    log:
        "<logs>/assess_patient/{patient}.log",
    conda:
        "../../envs/base.yaml"
    resources:
        mem_mb=memory(600, 4),
        runtime=minutes(10, 10),
    params:
        code=digest("assess_patient", *RULE_RESOURCES),
        sheets=lambda wildcards: sheet_rows(
            wildcards.patient, "patients", "infusions", "samples", "labs", "events"
        ),
        settings={
            key: value
            for key, value in config["evidence"].items()
            if key != "outcome_model"
        },
        documents=RULE_DOCUMENTS,
        evidence_base=resource("resources/evidence/evidence.tsv"),
    script:
        "../../scripts/assess_patient.py"


FINAL_TABLES = {
    "populations": "<results>/cytometry/populations.tsv",
    "ratios": "<results>/cytometry/ratios.tsv",
    "cuts": "<results>/cytometry/cuts.tsv",
    "densities": "<results>/cytometry/densities.parquet",
    "concordance": "<results>/cytometry/concordance.tsv",
    "cytometry_quality": "<results>/cytometry/quality.tsv",
    "variants": "<results>/sequencing/variants.tsv",
    "callability": "<results>/sequencing/callability.tsv",
    "history": "<results>/sequencing/variant_history.tsv",
    "splicing": "<results>/sequencing/splicing.tsv",
    "loh": "<results>/sequencing/loh.tsv",
    "biallelic": "<results>/sequencing/biallelic.tsv",
    "genotypes": "<results>/singlecell/genotypes.parquet",
    "clones": "<results>/singlecell/clones.tsv",
    "clone_history": "<results>/singlecell/clone_history.tsv",
    "antigen_loss": "<results>/singlecell/antigen_loss.tsv",
    "antigen_power": "<results>/singlecell/antigen_power.tsv",
    "cell_populations": "<results>/singlecell/cell_populations.tsv",
    "evidence": "<results>/evidence/evidence.tsv",
    "kinetics": "<results>/evidence/kinetics.tsv",
    "recovery": "<results>/evidence/recovery.tsv",
    "rules": "<results>/evidence/rules.tsv",
    "risk": "<results>/risk/relapse_risk.tsv",
    "patients": "<results>/risk/patients.tsv",
    "toxicity": "<results>/evidence/toxicity.tsv",
    "options": "<results>/evidence/options.tsv",
    "quality": "<results>/quality/quality.tsv",
    "inputs": "<results>/quality/inputs.tsv",
}


rule merge_tables:
    input:
        **tables_to_join(
            FINAL_TABLES,
            populations=cohort_tables(".populations.tsv", CYTOMETRY),
            ratios=cohort_tables(".ratios.tsv", CYTOMETRY),
            cuts=cohort_tables(".cuts.tsv", CYTOMETRY),
            densities=cohort_tables(".densities.parquet", CYTOMETRY),
            concordance=cohort_tables(".concordance.tsv", CYTOMETRY),
            cytometry_quality=cohort_tables(".quality.tsv", CYTOMETRY)
            + batch_tables(".quality.tsv"),
            variants=cohort_tables(".variants.tsv", SEQUENCING),
            callability=cohort_tables(".callability.tsv", SEQUENCING),
            history=cohort_tables(".history.tsv", ASSESSED),
            splicing=cohort_tables(".splicing.tsv", SEQUENCING),
            loh=cohort_tables(".loh.tsv", SEQUENCING),
            biallelic=cohort_tables(".biallelic.tsv", SEQUENCING, GENOTYPES),
            genotypes=cohort_tables(".genotypes.parquet", GENOTYPES),
            clones=cohort_tables(".clones.tsv", GENOTYPES, SINGLECELL),
            clone_history=cohort_tables(".clone_history.tsv", SINGLECELL),
            antigen_loss=cohort_tables(".antigen_loss.tsv", SINGLECELL),
            antigen_power=cohort_tables(".antigen_power.tsv", SINGLECELL),
            cell_populations=cohort_tables(".populations.tsv", SINGLECELL),
            evidence=cohort_tables(".evidence.tsv", ASSESSED),
            kinetics=cohort_tables(".kinetics.tsv", ASSESSED),
            recovery=cohort_tables(".recovery.tsv", ASSESSED),
            rules=cohort_tables(".rules.tsv", ASSESSED),
            risk=cohort_tables(".risk.tsv", ASSESSED),
            patients=cohort_tables(".summary.tsv", ASSESSED),
            toxicity=cohort_tables(".toxicity.tsv", ASSESSED),
            options=cohort_tables(".options.tsv", ASSESSED),
            quality=cohort_tables(".quality.tsv", *EVERY_STREAM)
            + batch_tables(".quality.tsv")
            + run_tables(".quality.tsv"),
            inputs=cohort_tables(".inputs.tsv", *EVERY_STREAM)
            + batch_tables(".inputs.tsv")
            + run_tables(".inputs.tsv"),
        ),
    output:
        **{
            name: (
                ensure(path, non_empty=True) if name in ("risk", "patients") else path
            )
            for name, path in FINAL_TABLES.items()
        },
        provenance=[f"{path}.provenance.json" for path in FINAL_TABLES.values()],
    log:
        "<logs>/merge_tables/all.log",
    conda:
        "../../envs/base.yaml"
    params:
        code=digest("merge_tables"),
        rules=lambda wildcards: code_of_tables(),
        sheets=lambda wildcards: digests_of_rows(),
        shards=SHARDS,
        settings={
            name: config[name]
            for name in ("cytometry", "sequencing", "singlecell", "evidence")
        },
    script:
        "../../scripts/merge_tables.py"


rule estimate_outcomes:
    input:
        risk="<results>/risk/relapse_risk.tsv",
        recovery="<results>/evidence/recovery.tsv",
        kinetics="<results>/evidence/kinetics.tsv",
    output:
        survival="<results>/cohort/survival.tsv",
        incidence="<results>/cohort/incidence.tsv",
        follow_up="<results>/cohort/follow_up.tsv",
        strata="<results>/cohort/strata.tsv",
        recovery_curves="<results>/cohort/recovery_curves.tsv",
        visit_rates="<results>/cohort/visit_rates.tsv",
        outcome_model="<results>/cohort/outcome_model.tsv",
        provenance=[
            "<results>/cohort/survival.tsv.provenance.json",
            "<results>/cohort/incidence.tsv.provenance.json",
            "<results>/cohort/follow_up.tsv.provenance.json",
            "<results>/cohort/strata.tsv.provenance.json",
            "<results>/cohort/recovery_curves.tsv.provenance.json",
            "<results>/cohort/visit_rates.tsv.provenance.json",
            "<results>/cohort/outcome_model.tsv.provenance.json",
        ],
    log:
        "<logs>/estimate_outcomes/all.log",
    conda:
        "../../envs/base.yaml"
    params:
        code=digest("estimate_outcomes"),
        courses={patient: course_rows(patient) for patient in PATIENTS},
        model=config["evidence"].get("outcome_model", {}),
    script:
        "../../scripts/estimate_outcomes.py"


rule fit_kinetic_model:
    input:
        evidence="<results>/evidence/evidence.tsv",
    output:
        curves="<results>/evidence/kinetic_model.tsv",
        provenance="<results>/evidence/kinetic_model.tsv.provenance.json",
    log:
        "<logs>/fit_kinetic_model/all.log",
    conda:
        "../../envs/base.yaml"
    resources:
        mem_mb=memory(800, 4),
        runtime=minutes(60, 10),
    params:
        code=digest("fit_kinetic_model", *RULE_DOCUMENTS["recovery"]),
        sheets={
            patient: sheet_rows(patient, "patients", "infusions", "events")
            for patient in PATIENTS
        },
        settings=lookup("evidence", within=config),
        recovery_rules=RULE_DOCUMENTS["recovery"],
    script:
        "../../scripts/fit_kinetic_model.py"
