"""Configuration, sheets and what rules share. No rules in this file."""

import functools
import hashlib
import os
import re
import sys
from pathlib import Path

import yaml
from snakemake.exceptions import WorkflowError
from snakemake.settings.types import ExecMode
from snakemake.utils import validate

# Jobs that several rules start at once must not fight over the cores.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

# The library and the resources lie beside this file: a checkout, never single remote files.
HERE = Path(workflow.current_basedir.get_path_or_uri(secret_free=True))
HOME = HERE.resolve().parents[1]
if not (HOME / "scripts/aftercar").is_dir():
    raise WorkflowError(
        f"The rules of AfterCAR were fetched as single files (found {HERE}, expected a folder with "
        "the whole of AfterCAR around it). To mend it: git clone the repository, and name the "
        "clone's workflow/Snakefile as snakefile of the module or on the command line"
    )
if str(HOME / "scripts") not in sys.path:
    sys.path.append(str(HOME / "scripts"))

from aftercar.contracts.cytometry import ROLES
from aftercar.contracts.settings import related_problems, settings_problems
from aftercar.contracts.sheets import NO_BATCH, named_file
from aftercar.cytometry.manual import role_problems
from aftercar.cytometry.template_check import controlled_markers, template_problems
from aftercar.io.cell_tables import read_panels
from aftercar.io.preflight import configured_antigen_problems, configured_table_problems
from aftercar.io.provenance import files_in
from aftercar.io.sheets import problem_text, read_sheets
from aftercar.io.templates import TemplateError, read_templates

config_schema = yaml.safe_load(
    (HOME / "workflow/schemas/config.schema.yaml").read_text()
)
if told := list(settings_problems(config, config_schema)):
    raise WorkflowError("\n  ".join(["Please correct config/config.yaml:", *told]))
validate(config, "../schemas/config.schema.yaml")  # fills in the defaults
# Working directories whose finished tables are joined; nothing is measured then, so that no raw
# file needs to be here.
SHARDS = config["shards"]


def resource(path):
    """Path of a file that is given relative to the working directory or to AfterCAR."""
    return path if Path(path).exists() else str(HOME / path)


def shard_problems():
    """One line for each shard of the configuration that has no tables, or is this run itself."""
    told = [
        f"key shards: found no file '{shard}/results/risk/patients.tsv', expected the working "
        "directory of a finished run. To mend it: finish it, correct the path, or link the folder"
        for shard in SHARDS
        if not Path(shard, "results/risk/patients.tsv").is_file()
    ]
    return told + [
        f"key shards: found {shard!r}, the working directory of this run, expected others. To mend "
        "it: join in a folder of its own, by --directory"
        for shard in SHARDS
        if Path(shard).resolve() == Path.cwd()
    ]


def absent_templates():
    """One line for each gating template of the configuration that does not exist."""
    return [
        f"key cytometry/panels/{name}: found no file {path!r}, expected a gating template "
        f"in the working directory or in AfterCAR ({HOME.name}/{path}). To mend it: correct the path"
        for name, path in config["cytometry"]["panels"].items()
        if not Path(resource(path)).exists()
    ]


def gating_templates():
    """The templates of all panels; problems of all files of the configuration in one message.

    Jobs on other machines parse this file again: they trust what the launcher has checked.
    """
    told = shard_problems() + absent_templates()
    told += role_problems(config["cytometry"]["workspace_roles"])
    templates, faults = {}, ""
    if workflow.exec_mode == ExecMode.DEFAULT:
        told += [] if SHARDS else configured_table_problems(config["sequencing"])
        told += configured_antigen_problems(
            config["singlecell"]["antigens"],
            read_panels(resource("resources/singlecell"))["antigens"]["antigens"],
        )
        paths = {
            name: resource(path)
            for name, path in config["cytometry"]["panels"].items()
            if Path(resource(path)).exists()
        }
        try:
            templates = read_templates(
                paths, lambda source, panel: template_problems(source, ROLES, panel)
            )
        except TemplateError as error:
            faults = str(error)
    if told:
        told = ["\n  ".join(["Please correct config/config.yaml:", *told])]
    if told or faults:
        raise WorkflowError("\n".join([*told, faults]).strip())
    return templates


def cohort_sheets():
    """The five sheets as text; all problems of all sheets in one message.

    Jobs on other machines parse this file again: they trust what the launcher has checked.
    """
    sheets, problems = read_sheets(
        config["sheets"],
        {
            name: HOME / f"workflow/schemas/{name}.schema.yaml"
            for name in ("patients", "infusions", "samples", "labs", "events")
        },
        panels={
            name: (
                controlled_markers(GATING_TEMPLATES[name])
                if name in GATING_TEMPLATES
                else ()
            )
            for name in config["cytometry"]["panels"]
        },
        references=set(config["sequencing"]["references"]),
        look_for_files=workflow.exec_mode == ExecMode.DEFAULT and not SHARDS,
    )
    if problems:
        raise WorkflowError(problem_text(problems, config["sheets"]))
    return sheets


def rows_by_patient(records):
    """The rows of a sheet by patient, in the order of the sheet."""
    found = {}
    for row in records:
        found.setdefault(row["patient_id"], []).append(row)
    return found


GATING_TEMPLATES = gating_templates()
SHEETS = cohort_sheets()
ANTIGENS = ";".join(SHEETS["infusions"]["targets"]).split(";")
if told := list(related_problems(config, filter(None, ANTIGENS))):
    raise WorkflowError("\n  ".join(["Please correct config/config.yaml:", *told]))
PATIENTS = sorted(SHEETS["patients"]["patient_id"])
RECORDS = {name: sheet.to_dict("records") for name, sheet in SHEETS.items()}
ROWS = {name: rows_by_patient(records) for name, records in RECORDS.items()}
CONTROLS = {
    assay: [
        row
        for row in RECORDS["samples"]
        if row["control_for"] and row["assay"] == assay
    ]
    for assay in ("flow", "dna", "rna")
}
BATCHES = sorted({row["batch"] or NO_BATCH for row in CONTROLS["flow"]})
RUNS = sorted({r["batch"] for r in CONTROLS["dna"] if r["control_for"] == "healthy"})


wildcard_constraints:
    patient="|".join(PATIENTS) or "-",
    batch="|".join(BATCHES) or "-",
    run="|".join(RUNS) or "-",


def specimens(patient, *assays):
    """Rows of samples.tsv of one patient, without controls; of the given assays, if any."""
    return [
        row
        for row in ROWS["samples"].get(patient, [])
        if not row["control_for"] and (not assays or row["assay"] in assays)
    ]


def sheet_rows(patient, *names):
    """Rows of the named sheets that belong to one patient, as plain lists for params."""
    return {name: ROWS[name].get(patient, []) for name in names}


def patients_with(*assays):
    """Patients that have at least one specimen of the given assays."""
    return [patient for patient in PATIENTS if specimens(patient, *assays)]


def files_of(rows, *columns):
    """Existing paths in the named columns of sheet rows, each once, in order."""
    named = [named_file(row, name) for row in rows for name in columns]
    return list(dict.fromkeys(path for path in named if path))


def sizes_and_times(files, shared=()):
    """Params function: size and time of change, in seconds, of each input file.

    `files` is the input function, `shared` are paths that all jobs of the rule read.

    Snakemake runs a job again if an input is newer than its results. A file that was moved to the
    place of another one, or copied with its time, can be older and still be another file.
    """

    def of_job(wildcards):
        paths = map(Path, [*files(wildcards), *shared])
        found = [
            file.stat() for path in paths for file in files_in(path) if file.is_file()
        ]
        return [f"{file.st_size} {int(file.st_mtime)}" for file in found]

    return of_job


OWN_IMPORT = re.compile(rb"^[ \t]*from (aftercar\.[\w.]+) import\b", re.MULTILINE)


@functools.cache
def code_file(name):
    """Content of a script or library module, and the library modules that it imports."""
    content = (HOME / f"scripts/{name}.py").read_bytes()
    return content, [
        name.decode().replace(".", "/") for name in OWN_IMPORT.findall(content)
    ]


def digest(script, *resources):
    """Content hash of a script, of every library module that it reaches and of resources.

    Snakemake watches the script of a rule, not what the script imports. As a parameter,
    this hash makes the rule run again if, and only if, code that it depends on changed.
    Every job on another machine computes it again: each file is read once, none is parsed.
    """
    sources, to_read = {}, [script]
    while to_read:
        name = to_read.pop()
        if name not in sources:
            sources[name], imported = code_file(name)
            to_read += imported
    content = [sources[name] for name in sorted(sources)]
    for path in sorted(map(resource, resources)):
        files = sorted(Path(path).rglob("*")) if Path(path).is_dir() else [Path(path)]
        content += [file.read_bytes() for file in files if file.is_file()]
    return hashlib.sha256(b"".join(content)).hexdigest()[:12]
