"""Open the header of every input file and say what is wrong, without analysing anything."""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

from aftercar.contracts.events import StatedMatrix
from aftercar.contracts.sequencing import BACKGROUND
from aftercar.contracts.sheets import named_file
from aftercar.io.alignments import AlignmentFileError, alignment_problems
from aftercar.io.cell_reads import cell_file_problems
from aftercar.io.cell_tables import label_problems
from aftercar.io.compensation_matrices import WORKSPACES, read_matrix
from aftercar.io.contigs import contig_problems
from aftercar.io.fcs import UnreadableFile, read_fcs_header
from aftercar.io.isoforms import read_isoforms
from aftercar.io.matrices import matrix_problems
from aftercar.io.repeated_files import repeated_files
from aftercar.io.tables import read_table
from aftercar.io.tapestri import panel_problems as tapestri_problems
from aftercar.io.templates import read_template
from aftercar.io.variants import NAME_TABLES, Resolve, read_names, resolve_rows
from aftercar.io.workspace import workspace_problem

# Names and remedies of problems that several readers share.
Finding = tuple[str, str, str]
PanelProblems = Callable[[list[tuple[str, str]], dict], list[str]]
MatrixProblem = Callable[[StatedMatrix, list[str]], str]


def header_problems(
    samples: list[dict[str, str]],
    *,
    panels: dict[str, str],
    references: dict[str, str],
    genes: list[str],
    name_problems: dict[str, list[Finding]],
    panel_problems: PanelProblems,
    matrix_problem: MatrixProblem,
    detector_problems: PanelProblems,
) -> list[dict[str, object]]:
    """Return a row of INPUT_CHECKS for each problem in each file that samples.tsv names.

    `samples` are all rows in the order of the sheet; `panels` are the paths of the gating templates
    by name; `name_problems` is what `listed_name_problems` found; `panel_problems` tells for the
    channels of a file and a template which markers the file lacks, `matrix_problem` for a stated
    matrix and the names of a file's channels why the two do not fit, `detector_problems` which
    detectors for beads a file lacks. Of a workspace the XML and the name of the sample are checked,
    no gate.
    """
    templates = {name: read_template(path) for name, path in panels.items()}
    repeated = repeated_files(samples)
    rows: list[dict[str, object]] = []
    for number, sample in enumerate(samples, start=1):
        file = sample["path"] or (sample["bam"] if sample["assay"] == "scdna" else "")
        if not file or not Path(file).exists():
            continue
        if sample["assay"] == "flow":
            template = templates.get(sample["panel"])
            found = _flow_problems(
                sample, template, panel_problems, matrix_problem, detector_problems
            )
        elif sample["assay"] in ("dna", "rna"):
            found = _read_problems(sample["path"], sample, references, genes)
        elif sample["assay"] == "scrna":
            found = _matrix_or_read_problems(sample, references, genes)
        else:
            found = _cell_problems(sample, sample["bam"] or file, references, genes)
        found += name_problems.get(sample["sample_id"], [])
        found += repeated.get(sample["sample_id"], [])
        rows += [
            {
                "sample_id": sample["sample_id"],
                "row": number,
                "problem": problem,
                "expected": expected,
                "remedy": remedy,
            }
            for problem, expected, remedy in dict.fromkeys(found)
        ]
    return rows


def _flow_problems(
    sample: dict[str, str],
    template: dict | None,
    panel_problems: PanelProblems,
    matrix_problem: MatrixProblem,
    detector_problems: PanelProblems,
) -> list[Finding]:
    try:
        header = read_fcs_header(sample["path"])
    except UnreadableFile as error:
        return [(str(error), "a complete FCS file", "export the file again from the instrument")]
    names = [name for name, _ in header.channels]
    found = _matrix_problems(sample, names, matrix_problem)
    if sample["workspace"]:
        return found + _workspace_problems(sample)
    if template is None:
        return found
    if sample["sample_volume_ul"]:  # beads were added
        found += [
            (
                problem,
                f"the beads/detectors of panel {sample['panel']}",
                "correct detectors under beads in the template; else there is no count by beads",
            )
            for problem in detector_problems(header.channels, template)
        ]
    return found + [
        (
            problem,
            f"the markers of panel {sample['panel']}",
            "correct column panel, or add the marker's name to resources/gating/markers.yaml",
        )
        for problem in panel_problems(header.channels, template)
    ]


def _matrix_problems(
    sample: dict[str, str], names: list[str], matrix_problem: MatrixProblem
) -> list[Finding]:
    path = named_file(sample, "compensation")
    if not path or not Path(path).exists():
        return []
    if Path(path).suffix.lower() in WORKSPACES:
        told = workspace_problem(sample["path"], path)
    else:
        told = matrix_problem(read_matrix(path, sample["path"]), names)
    return [
        (
            f"in column compensation: {problem}",
            "a matrix of detectors that the FCS file has",
            "correct the file, or empty the cell to use the matrix of the FCS file; otherwise no "
            "count of this specimen is firm",
        )
        for problem in [told]
        if problem
    ]


def _workspace_problems(sample: dict[str, str]) -> list[Finding]:
    path = sample["workspace"]
    told = workspace_problem(sample["path"], path) if Path(path).exists() else ""
    return [
        (
            f"in column workspace: {problem}",
            "a FlowJo workspace or GatingML file for this specimen",
            "save it again, or empty the cell to use the template of column panel",
        )
        for problem in [told]
        if problem
    ]


def _read_problems(
    path: str, sample: dict[str, str], references: dict[str, str], genes: list[str]
) -> list[Finding]:
    reference = sample["reference"] or next(iter(references), "")
    return alignment_problems(path, references.get(reference), genes)


def _matrix_or_read_problems(
    sample: dict[str, str], references: dict[str, str], genes: list[str]
) -> list[Finding]:
    found = [] if sample["path"].endswith(".bam") else matrix_problems(sample["path"])
    if sample["bam"]:
        found += _cell_problems(sample, sample["bam"], references, genes)
    for column, problems in (("labels", label_problems), ("contigs", contig_problems)):
        if (named := sample.get(column, "")) and Path(named).exists():
            found += [
                (f"in column {column}: {told}", expected, f"{remedy}; or empty the cell")
                for told, expected, remedy in problems(named)
            ]
    return found


def _cell_problems(
    sample: dict[str, str], path: str, references: dict[str, str], genes: list[str]
) -> list[Finding]:
    """Return what is wrong with the file, folder or list that holds the reads of cells."""
    if path.endswith(".h5"):
        return tapestri_problems(path)
    # cells are genotyped at listed variants, which need not lie in our genes
    symbols = [] if sample["variants"] else genes
    if path.endswith(".bam"):
        missing = (
            "no list of cell barcodes",
            "one barcode a line in column barcodes",
            "name the list",
        )
        return ([] if sample["barcodes"] else [missing]) + _read_problems(
            path, sample, references, symbols
        )
    return cell_file_problems(path)


def configured_table_problems(sequencing: dict[str, object]) -> list[str]:
    """Return a line for each table of config.yaml that is not there or cannot be used.

    `sequencing` is that part of the configuration. Every patient needs these tables, so that one
    that is wrong must be told before anything starts.
    """
    readers: dict[str, tuple[Callable[[str], object], str]] = {
        "panel_of_normals": (
            partial(read_table, BACKGROUND),
            "a table of errors by site, as results/sequencing/backgrounds has them",
        ),
        "isoform_catalogue": (read_isoforms, "a table of isoforms and their introns"),
    }
    told = []
    for key, (read, meaning) in readers.items():
        path, found = str(sequencing.get(key) or ""), ""
        if path and not Path(path).exists():
            found = f"no file {path!r}"
        elif path:
            try:
                read(path)
            except (OSError, ValueError, KeyError) as error:
                found = f"a table that cannot be used ({error})"
        if found:
            told.append(
                f"key sequencing/{key}: found {found}, expected {meaning}, relative to the working "
                "directory. To mend it: correct the path or the table, or empty the key"
            )
    return told


def configured_antigen_problems(antigens: list[str], rules: dict[str, dict]) -> list[str]:
    """Return a line for each antigen of config.yaml that has no rule, by which it is tested.

    `rules` maps the gene of an antigen to its rule, of which `aliases` are names of the protein.
    """
    told = []
    for name in antigens:
        if name in rules:
            continue
        gene = next((gene for gene, rule in rules.items() if name in rule["aliases"]), "")
        told.append(
            f"key singlecell/antigens: found {name!r}, expected {', '.join(rules)}. To mend it: "
            + (f"write {gene}, the gene of {name}" if gene else "correct or remove the name")
        )
    return told


def listed_name_problems(
    samples: list[dict[str, str]], references: dict[str, str], resolve: Resolve
) -> dict[str, list[Finding]]:
    """Return what is wrong with the names in each sample's table of variants, by sample_id.

    `resolve` takes rows of names, the gene models and a function that returns bases.
    """
    found: dict[str, list[Finding]] = {}
    for sample in samples:
        path = sample["variants"]
        if Path(path).suffix.lower() not in NAME_TABLES or not Path(path).exists():
            continue
        fasta = references.get(sample["reference"] or next(iter(references), ""))
        try:
            _, told = resolve_rows(read_names(path), resolve, fasta)
        except AlignmentFileError as error:
            found[sample["sample_id"]] = [(error.found, error.expected, error.remedy)]
            continue
        found[sample["sample_id"]] = [
            (
                f"in the list of column variants, {problem}",
                expected or "an HGVS name on the transcript of resources/genes",
                "correct or remove the row of the list; otherwise this specimen becomes FAILED",
            )
            for problem, expected in map(_found_and_expected, told)
        ]
    return found


def _found_and_expected(problem: str) -> tuple[str, str]:
    """Split a problem that says itself what was expected."""
    found, *expected = re.split(r"[:;,] expected ", problem, maxsplit=1)
    return found, "".join(expected)


def announcement(rows: list[dict[str, object]]) -> str:
    """Return the problems, and what becomes of their specimens, for the start of a run."""
    if not rows:
        return ""
    return (
        f"{problem_lines(rows)}\nThe analysis goes on without what was found wrong: what is lost "
        "by it is said behind the remedy (else, otherwise); where nothing is said, the specimen "
        "becomes FAILED. All other specimens are analysed."
    )


def problem_lines(rows: list[dict[str, object]]) -> str:
    """Return the problems as lines for a terminal; an empty text if there are none."""
    if not rows:
        return ""
    lines = [f"{len(rows)} problem(s) in the headers of files that samples.tsv names:"]
    lines += [
        f"  row {row['row']}, sample {row['sample_id']}: found {row['problem']}, "
        f"expected {row['expected']}. To mend it: {row['remedy']}"
        for row in rows
    ]
    return "\n".join(lines)
