"""Which rows of the sheets and which files each rule takes. No rules in this file."""

from aftercar.contracts.sheets import NO_BATCH
from aftercar.io.sheets import FILE_COLUMNS
from aftercar.io.templates import template_files
from aftercar.io.whole_files import folders_of, unwritable_folders

# inputs.smk and cytometry.smk
GATING_RESOURCES = (
    "workflow/schemas/gating.schema.yaml",
    *dict.fromkeys(
        file
        for path in config["cytometry"]["panels"].values()
        for file in template_files(resource(path))
    ),
)
HEADER_RESOURCES = ("resources/genes", *GATING_RESOURCES)


def every_file(wildcards):
    """Every file of the specimens that is opened."""
    columns = (
        "path",
        "bam",
        "workspace",
        "compensation",
        "variants",
        "labels",
        "contigs",
    )
    return files_of(RECORDS["samples"], *columns)


def check_params():
    """What both rules need to know."""
    return {
        "samples": RECORDS["samples"],
        "panels": {
            name: resource(path) for name, path in config["cytometry"]["panels"].items()
        },
        "references": config["sequencing"]["references"],
        "genes": config["sequencing"]["genes"],
        "name_problems": listed_name_problems(
            RECORDS["samples"],
            config["sequencing"]["references"],
            resolve_names,
        ),
    }


# cytometry.smk
def batch_of(row):
    """The batch that a flow row was acquired in."""
    return row["batch"] or NO_BATCH


def control_rows(batch):
    """Readable controls of a batch whose panel has a template."""
    return [
        row
        for row in CONTROLS["flow"]
        if batch_of(row) == batch and row["panel"] in config["cytometry"]["panels"]
    ]


def control_files(wildcards):
    """What is read of the controls of a batch."""
    return files_of(control_rows(wildcards.batch), "path", "compensation")


def flow_files(wildcards):
    """What is read of the patient's flow specimens."""
    rows = specimens(wildcards.patient, "flow")
    return files_of(rows, "path", "workspace", "compensation")


def panels_of_batch(batch):
    """Panels of the batch's flow specimens, controls apart."""
    rows = [row for patient in PATIENTS for row in specimens(patient, "flow")]
    return sorted({row["panel"] for row in rows if batch_of(row) == batch})


def cuts_of_batches(wildcards):
    """Cuts of the batches that the patient's flow specimens were acquired in."""
    mine = {batch_of(row) for row in specimens(wildcards.patient, "flow")}
    return collect(
        "<results>/cytometry/batches/{batch}.cuts.tsv",
        batch=[batch for batch in BATCHES if batch in mine],
    )


# sequencing.smk
def healthy_rows(run):
    """Healthy controls of a sequencing run."""
    return [
        row
        for row in CONTROLS["dna"]
        if row["control_for"] == "healthy" and row["batch"] == run
    ]


def matched_normals(patient):
    """DNA of the patient's cells that are not leukemic."""
    return [
        row
        for row in CONTROLS["dna"]
        if row["control_for"] == "matched_normal" and row["patient_id"] == patient
    ]


def healthy_reads(wildcards):
    """Reads of the healthy controls of a sequencing run."""
    return files_of(healthy_rows(wildcards.run), "path")


def read_controls(patient):
    """Matched normals of the patient, and healthy RNA of the batches of the patient's RNA."""
    batches = {row["batch"] for row in specimens(patient, "rna")}
    return matched_normals(patient) + [
        row for row in CONTROLS["rna"] if row["batch"] in batches
    ]


def bulk_reads(wildcards):
    """What is read of the patient's bulk DNA and RNA and of its controls."""
    rows = specimens(wildcards.patient, "dna", "rna")
    return files_of(rows + read_controls(wildcards.patient), "path", "variants")


def backgrounds(wildcards):
    """What the healthy controls of the runs of the patient's DNA show."""
    mine = {row["batch"] for row in specimens(wildcards.patient, "dna")}
    return collect(
        "<results>/sequencing/backgrounds/{run}.background.tsv",
        run=[run for run in RUNS if run in mine],
    )


def panel_of_normals():
    """The table of a panel of normals, if the configuration names one."""
    path = config["sequencing"]["panel_of_normals"]
    return [path] if path else []


def cell_rows(patient):
    """Rows of samples.tsv whose cells can be genotyped."""
    return [
        row
        for row in specimens(patient, "scrna", "scdna")
        if row["bam"] or row["assay"] == "scdna"
    ]


def cell_reads(wildcards):
    """What is read to genotype the patient's cells."""
    rows = cell_rows(wildcards.patient)
    panels = files_of(specimens(wildcards.patient, "scdna"), "path")
    return files_of(rows, "bam", "barcodes", "variants") + panels


def own_variants(wildcards):
    """The patient's own calls, if there are bulk reads."""
    if not specimens(wildcards.patient, "dna", "rna"):
        return []
    return ["<results>/sequencing/patients/{patient}.variants.tsv"]


def reference_files():
    """FASTA files of the configuration that exist; a missing one makes its specimens FAILED."""
    references = config["sequencing"]["references"].values()
    return [path for path in references if Path(path).exists()]


def isoform_catalogue():
    """The catalogue of isoforms of the configuration, if one is named."""
    path = config["sequencing"]["isoform_catalogue"]
    return [path] if path else []


# singlecell.smk
def matrix_rows(patient):
    """Rows of samples.tsv that stand for a count matrix, also those not yet measured."""
    return [row for row in specimens(patient, "scrna") if row["path"] or not row["bam"]]


def matrix_files(wildcards):
    """Count matrices of the patient and what lies beside them."""
    return files_of(matrix_rows(wildcards.patient), "path", "labels", "contigs")


def cell_genotypes(ending):
    """Input function: the genotypes of the patient's cells, where a matrix has a BAM."""

    def tables(wildcards):
        if any(row["path"] and row["bam"] for row in matrix_rows(wildcards.patient)):
            return [f"<results>/singlecell/genotypes/{{patient}}.{ending}"]
        return []

    return tables


def disease_of(wildcards):
    """The patient's disease, as in patients.tsv."""
    return sheet_rows(wildcards.patient, "patients")["patients"][0]["disease"]


# evidence.smk
CYTOMETRY = "<results>/cytometry/patients/"
SEQUENCING = "<results>/sequencing/patients/"
GENOTYPES = "<results>/singlecell/genotypes/"
SINGLECELL = "<results>/singlecell/patients/"
ASSESSED = "<results>/evidence/patients/"


def has_stream(patient, stream):
    """Whether the rules of a stream run for a patient."""
    if stream == CYTOMETRY:
        return bool(specimens(patient, "flow"))
    if stream == SEQUENCING:
        return bool(specimens(patient, "dna", "rna"))
    if stream == GENOTYPES:
        return any(
            row["bam"] or row["assay"] == "scdna"
            for row in specimens(patient, "scrna", "scdna")
        )
    return any(row["path"] for row in specimens(patient, "scrna"))


def stream_tables(ending, *streams):
    """Input function: the patient's tables of the streams that his assays need."""

    def paths(wildcards):
        return [
            f"{stream}{wildcards.patient}{ending}"
            for stream in streams
            if has_stream(wildcards.patient, stream)
        ]

    return paths


def cohort_tables(ending, *streams):
    """The tables of all patients that have one; none for a stream that nobody needs."""
    return [
        f"{stream}{patient}{ending}"
        for stream in streams
        for patient in PATIENTS
        if stream == ASSESSED or has_stream(patient, stream)
    ]


def batch_tables(ending):
    """The tables of all batches with controls of flow."""
    return [f"<results>/cytometry/batches/{batch}{ending}" for batch in BATCHES]


def run_tables(ending):
    """The tables of all sequencing runs with healthy controls."""
    return [f"<results>/sequencing/backgrounds/{run}{ending}" for run in RUNS]


def course_rows(patient):
    """What the outcome of a patient rests on: infusions, events and days seen alive."""
    rows = sheet_rows(patient, "infusions", "events", "labs")
    days = [row["day"] for row in [*specimens(patient), *rows.pop("labs")]]
    return rows | {"days": sorted({int(day) for day in days if day})}


EVERY_STREAM = (CYTOMETRY, SEQUENCING, GENOTYPES, SINGLECELL)
RULE_DOCUMENTS = {
    name: [resource(path), resource(f"workflow/schemas/{schema}.schema.yaml")]
    for name, path, schema in (
        ("relapse", config["evidence"]["rules"], "rules"),
        ("recovery", config["evidence"]["recovery_rules"], "recovery_rules"),
        ("options", "resources/evidence/options.yaml", "options"),
        ("conflicts", "resources/evidence/conflicts.yaml", "conflicts"),
    )
}


def fitted_curves():
    """The curves fitted to CAR copies, if the configuration asks for them."""
    if config["evidence"].get("kinetic_model", False):
        return ["<results>/evidence/kinetic_model.tsv"]
    return []


RULE_RESOURCES = (
    *(path for paths in RULE_DOCUMENTS.values() for path in paths),
    "resources/evidence/evidence.tsv",
)


# report.smk
EVIDENCE_NOTES = {
    name: [
        resource(f"resources/evidence/{name}.yaml"),
        resource(f"workflow/schemas/{name}.schema.yaml"),
    ]
    for name in ("conflicts", "review")
}
TEMPLATES = "scripts/aftercar/report/templates"


def without_paths(rows):
    """Sheet rows for a page: a file column says only whether there is a file."""
    return [
        row | {name: "yes" for name in FILE_COLUMNS if named_file(row, name)}
        for row in rows
    ]


def page_rows(wildcards):
    """The patient's rows of the five sheets, without controls and without paths."""
    rows = sheet_rows(wildcards.patient, "patients", "infusions", "labs", "events")
    return rows | {"samples": without_paths(specimens(wildcards.patient))}


def printed_settings():
    """Settings that numbers rest on; paths and names of references are left out."""
    return {
        f"{part}/{name}": value
        for part in ("cytometry", "sequencing", "singlecell", "evidence", "report")
        for name, value in sorted(config[part].items())
        if isinstance(value, (int, float, list))
    }


def refuse_unwritable_folders():
    """Stop with all names before the first job, where results, pages or logs cannot be written.

    Only folders that rules write into count: an archive beside them may be read-only.
    """
    merged, page = rules.merge_tables, rules.render_cohort.output.page
    places = [
        Path(str(merged.output.risk)).parents[1],
        Path(str(page)).parent,
        Path(str(merged.log[0])).parents[1],
    ]
    written = folders_of(
        str(path) for rule in workflow.rules for path in [*rule.output, *rule.log]
    )
    ours = [
        folder
        for folder in written
        if any(folder.is_relative_to(place) for place in places)
    ]
    if refused := unwritable_folders(ours):
        raise WorkflowError(
            f"{', '.join(refused)}: found no right to write, expected folders that results, pages "
            "and logs can be written to. To mend it: give yourself that right (or mount them for "
            "writing), or choose another working directory by --directory"
        )
