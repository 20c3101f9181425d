"""What is wrong with the sheets that users write, in words that tell how to mend it."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import pandas as pd

from aftercar.contracts.toxicity_components import faults

SHEETS = ("patients", "infusions", "samples", "labs", "events")
KEYS = {
    "patients": ("patient_id",),
    "infusions": ("patient_id", "infusion_no"),
    "samples": ("sample_id",),
    "labs": ("patient_id", "day", "specimen", "analyte", "transgene", "unit"),
    "events": (),
}
COMPENSATED = "none"  # in column compensation: values were compensated or unmixed before export
NO_BATCH = "unbatched"  # in names of files: flow specimens and controls whose batch is empty
# Zero of these is an answer only together with what the assay could have seen.
NEEDS_LIMIT = (
    "flow_mrd",
    "ngs_mrd",
    "car_copies",
    "car_copies_per_genome",
    "ebv",
    "cmv",
    "hhv6",
    "adenovirus",
    "bk_virus",
    "fusion_transcript",
    "antigen_negative_blasts",
    "myeloid_blasts",
)


DNA_CONTROLS = ("healthy", "matched_normal")
BEADS = ("beads_per_tube", "bead_volume_ul", "beads_per_ul")


@dataclass(frozen=True, order=True)
class Problem:
    """One thing to mend: where it is, what was found, what was expected and what to do.

    `row` counts the rows below the header from 1; 0 stands for the sheet as a whole.
    """

    sheet: str
    row: int
    column: str
    found: str
    expected: str
    remedy: str = ""

    def __str__(self) -> str:
        """Where it is, what was found, what was expected, what to do."""
        where = ", ".join(
            part
            for part in (
                f"row {self.row}" if self.row else "",
                f"column {self.column}" if self.column else "",
            )
            if part
        )
        text = f"{where + ': ' if where else ''}found {self.found}, expected {self.expected}"
        return f"{text}. To mend it: {self.remedy}" if self.remedy else text


# Columns that one assay reads, with what they belong to and where to write them else.
OF_ONE_ASSAY = (
    (
        "contigs", "scrna", "receptor contigs belong to the matrix of a specimen scrna",
        "write the path in the row of the matrix",
    ),
    (
        "purity", "dna", "the share of leukemic cells is used with assay dna only",
        "write it in the row of the specimen's DNA",
    ),
)  # fmt: skip


def column_problems(sheet: str, frame: pd.DataFrame, schema: dict) -> Iterator[Problem]:
    """Yield a problem for each column that the schema of the sheet does not allow or lacks."""
    known, found = list(schema["properties"]), list(frame.columns)
    for name in schema["required"]:
        if name not in found:
            yield Problem(
                sheet, 0, name, f"no such column among {', '.join(map(repr, found))}",
                "a column of this name", "add the column to the header line",
            )  # fmt: skip
    for name in found:
        if name not in known:
            yield Problem(
                sheet, 0, str(name), "an unknown column", f"one of {', '.join(known)}",
                "rename or delete the column; lines must be separated into cells by tabs",
            )  # fmt: skip
    for name in sorted({name for name in found if found.count(name) > 1}):
        yield Problem(sheet, 0, str(name), "the column twice", "each column once", "delete one")


def row_problems(sheet: str, frame: pd.DataFrame, schema: dict) -> Iterator[Problem]:
    """Yield a problem for each cell that breaks the schema and each key that is not unique."""
    from jsonschema import Draft202012Validator

    for column in (name for name in schema["properties"] if name in frame.columns):
        rule = schema["properties"][column]
        validator = Draft202012Validator(rule)
        # a sheet of thousands of rows has few different cells in most columns
        errors = {cell: list(validator.iter_errors(cell)) for cell in frame[column].unique()}
        if not any(errors.values()):
            continue
        for row, cell in enumerate(frame[column], start=1):
            for error in errors[cell]:
                yield Problem(
                    sheet, row, column, repr(cell), rule.get("description", error.message),
                    rule.get("x-remedy", ""),
                )  # fmt: skip
    key = [name for name in KEYS[sheet] if name in frame.columns]
    if key and (again := frame.duplicated(key)).any():
        for row in again[again].index:
            values = frame.loc[row, key]
            first = int((frame[key] == values).all(axis=1).to_numpy().argmax()) + 1
            shown = ", ".join(f"{name} {value!r}" for name, value in values.items())
            yield Problem(
                sheet, int(row) + 1, "+".join(key), f"{shown} again, as in row {first}",
                "each combination once", "delete the duplicate or correct the identifier",
            )  # fmt: skip


def _alike_names(sheet: str, names: pd.Series, files: pd.Series) -> Iterator[Problem]:
    """Yield names whose `files` differ by case alone: on some disks they are one and the same."""
    folded = files.str.casefold()
    alike = folded.duplicated() & ~names.duplicated()
    for index in names.index[alike]:
        first = names[folded == folded[index]].iloc[0]
        yield Problem(
            sheet, int(index) + 1, str(names.name), f"{names[index]!r} beside {first!r}",
            "names that differ by more than case", "rename one: both stand in names of files",
        )  # fmt: skip


def _alike_batches(samples: pd.DataFrame) -> Iterator[Problem]:
    """Yield batches of one assay whose controls would be measured into one file."""
    for assay, names in samples.groupby("assay")["batch"]:
        yield from _alike_names(
            "samples", names, names.replace("", NO_BATCH) if assay == "flow" else names
        )


def _numbered(frame: pd.DataFrame) -> Iterator[tuple[int, dict]]:
    """Yield the row number in the sheet, counted from 1, and the cells of each row of `frame`."""
    yield from zip((frame.index + 1).tolist(), frame.to_dict("records"), strict=True)


def cross_problems(
    sheets: dict[str, pd.DataFrame], panels: Mapping[str, Collection[str]], references: set[str]
) -> Iterator[Problem]:
    """Yield what is only wrong between sheets: unknown patients, infusions out of order, panels.

    `panels` holds the markers of each panel whose cuts a control may place; none where they are
    not known.
    """
    for name, key in (("patients", "patient_id"), ("samples", "sample_id")):
        if not sheets[name].empty:
            yield from _alike_names(name, sheets[name][key], sheets[name][key])
    if not sheets["samples"].empty:
        yield from _alike_batches(sheets["samples"])
    patients = set(sheets["patients"]["patient_id"])
    for name in ("infusions", "samples", "labs", "events"):
        for row, record in _numbered(sheets[name]):
            patient = record["patient_id"]
            if patient not in patients and not (name == "samples" and patient == ""):
                yield Problem(
                    name, row, "patient_id", repr(patient), "a patient_id of patients.tsv",
                    "add the patient to patients.tsv or correct the identifier",
                )  # fmt: skip
    yield from _infusion_problems(sheets)
    yield from _sample_problems(sheets, panels, references)
    for row, event in _numbered(sheets["events"]):
        if event["end_day"] and int(event["end_day"]) < int(event["day"]):
            yield Problem(
                "events", row, "end_day", repr(event["end_day"]),
                f"a day not before {event['day']}, the day of the event", "correct one of the days",
            )  # fmt: skip
        for found, expected, remedy in faults(event["event"], event["components"]):
            yield Problem("events", row, "components", found, expected, remedy)
    yield from _laboratory_problems(sheets["labs"])


def _laboratory_problems(labs: pd.DataFrame) -> Iterator[Problem]:
    for row, lab in _numbered(labs):
        if lab["value"] == "" and lab["status"] not in ("NOT_DET", "NOT_TESTED", "FAILED"):
            yield Problem(
                "labs", row, "value", "no value",
                "a number, or status NOT_DET, NOT_TESTED or FAILED",
                "write the value or say in column status why there is none",
            )  # fmt: skip
        if lab["status"] == "NOT_DET" and lab["lod"] == "":
            yield Problem(
                "labs", row, "lod", "no limit of detection for status NOT_DET",
                "the limit in the unit of the row",
                "write the limit; without it, not detected means nothing",
            )  # fmt: skip
        if lab["value"]:
            yield from _contradictions(row, lab)


def _contradictions(row: int, lab: dict) -> Iterator[Problem]:
    """Yield where value, limit of detection and status of a laboratory value exclude each other."""
    value, lod = float(lab["value"]), float(lab["lod"]) if lab["lod"] else None
    if lab["status"] == "NOT_DET" and value > 0 and (lod is None or value >= lod):
        limit = "without a limit of detection" if lod is None else f"at or above lod {lab['lod']}"
        yield Problem(
            "labs", row, "status", f"NOT_DET with value {lab['value']} {limit}",
            "no value, or a value below the limit of detection",
            "empty the value if nothing was detected; else write QUANT or DET_BLQ",
        )  # fmt: skip
    if lab["status"] not in ("", "QUANT"):
        return
    said = lab["status"] or "an empty status"
    if lod is not None and value < lod:
        yield Problem(
            "labs", row, "value", f"{lab['value']} below lod {lab['lod']} with {said}",
            "a value at or above the limit of detection",
            "write status NOT_DET if nothing was detected, DET_BLQ if traces were",
        )  # fmt: skip
    elif value == 0 and lab["analyte"] in NEEDS_LIMIT:
        yield Problem(
            "labs", row, "value", f"{lab['value']} with {said}",
            "status NOT_DET and a limit of detection",
            "write NOT_DET and in column lod the limit in the unit of the row; a zero without it "
            "means nothing",
        )  # fmt: skip


def named_file(sample: dict, column: str) -> str:
    """Return the file that a cell of samples.tsv names, empty where it names none."""
    cell = sample[column]
    return "" if column == "compensation" and cell.casefold() == COMPENSATED else cell


def _compensation_problems(row: int, sample: dict) -> Iterator[Problem]:
    if sample["compensation"] and sample["assay"] != "flow":
        yield Problem(
            "samples", row, "compensation", repr(sample["compensation"]),
            "empty, because the assay is not flow", "delete the cell",
        )  # fmt: skip
    elif (named := named_file(sample, "compensation")) and sample["workspace"] not in ("", named):
        yield Problem(
            "samples", row, "compensation", f"{sample['compensation']!r} beside a workspace",
            "the same file as in column workspace, or nothing: gates of a workspace were drawn on "
            "its own matrix",
            "empty the cell, or empty workspace to use a template",
        )  # fmt: skip


def _bead_problems(row: int, sample: dict) -> Iterator[Problem]:
    """Yield what keeps counting beads from giving a count per uL: all that it needs, or nothing."""
    given = [name for name in (*BEADS, "sample_volume_ul", "dilution") if sample[name]]
    if not given:
        return
    said = " and ".join(given)
    if sample["assay"] != "flow" or sample["specimen"] == "tissue":
        where = "assay" if sample["assay"] != "flow" else "specimen"
        yield Problem(
            "samples", row, given[0], f"{said} with {where} {sample[where]}",
            "empty: beads count cells per uL of a liquid specimen, by flow",
            "empty the bead columns",
        )  # fmt: skip
        return
    if sample["beads_per_tube"] and (sample["bead_volume_ul"] or sample["beads_per_ul"]):
        yield Problem(
            "samples", row, "beads_per_tube", said,
            "either the beads of the tube, or volume and concentration of liquid beads",
            "empty beads_per_tube, or empty bead_volume_ul and beads_per_ul",
        )  # fmt: skip
    elif not sample["beads_per_tube"]:
        for name in ("bead_volume_ul", "beads_per_ul"):
            if not sample[name]:
                yield Problem(
                    "samples", row, name, f"no value beside {said}",
                    "beads_per_tube, or bead_volume_ul with beads_per_ul",
                    "write what went into the tube, or empty all bead columns",
                )  # fmt: skip
    if not sample["sample_volume_ul"]:
        yield Problem(
            "samples", row, "sample_volume_ul", f"no value beside {said}",
            "the uL of specimen in the tube: without it beads give no count per uL",
            "write the volume, or empty all bead columns",
        )  # fmt: skip
    if sample["dilution"] and float(sample["dilution"]) < 1:
        yield Problem(
            "samples", row, "dilution", repr(sample["dilution"]), "a factor of at least 1",
            "write how many times the specimen was diluted: 2 for one part in two",
        )  # fmt: skip


def _infusion_problems(sheets: dict[str, pd.DataFrame]) -> Iterator[Problem]:
    first_row: dict[tuple[str, str], dict] = {}
    for row, infusion in _numbered(sheets["infusions"]):
        patient, number, day = infusion["patient_id"], infusion["infusion_no"], infusion["day"]
        if number == "1" and day not in ("", "0"):
            yield Problem(
                "infusions", row, "day", repr(day), "0 for infusion 1",
                "count the days of all sheets from the first infusion",
            )  # fmt: skip
        before = first_row.get((patient, str(int(number) - 1)))
        if number != "1" and before is None:
            yield Problem(
                "infusions", row, "infusion_no", repr(number),
                f"infusion {int(number) - 1} of {patient} in a row above",
                "list all infusions in order",
            )  # fmt: skip
        elif before and before["day"] and day and int(before["day"]) >= int(day):
            yield Problem(
                "infusions", row, "day", repr(day),
                f"a day after {before['day']}, the day of infusion {before['infusion_no']}",
                "correct the day or the number of the infusion",
            )  # fmt: skip
        first_row[patient, number] = infusion


def _control_problems(
    row: int, sample: dict, panels: Mapping[str, Collection[str]]
) -> Iterator[Problem]:
    """Yield controls that their assay has none of, or that nothing joins to what they control."""
    given, assay = sample["control_for"], sample["assay"]
    if not given:
        return
    flow, dna = given not in DNA_CONTROLS or given == "healthy", given in DNA_CONTROLS
    if (assay, True) not in (("flow", flow), ("dna", dna), ("rna", given == "healthy")):
        yield Problem(
            "samples", row, "control_for", repr(given),
            f"{' or '.join(DNA_CONTROLS)}, or empty: the assay is dna" if assay == "dna" else
            "a control of flow, or empty" if assay == "flow" else
            "empty, because the assay is neither flow nor dna",
            "correct the word or the assay, or empty the cell",
        )  # fmt: skip
    elif given == "matched_normal" and not sample["patient_id"]:
        yield Problem(
            "samples", row, "patient_id", "no value beside matched_normal",
            "the patient whose inherited variants it tells", "write the patient_id",
        )  # fmt: skip
    elif assay == "dna" and given == "healthy" and not sample["batch"]:
        yield Problem(
            "samples", row, "batch", "no value beside healthy",
            "the sequencing run: a healthy control tells the errors of its own run",
            "write the same batch for the control and the specimens of the run",
        )  # fmt: skip
    kind, _, marker = given.partition(":")
    markers = panels.get(sample["panel"], ())
    if kind == "fmo" and markers and marker.casefold() not in map(str.casefold, markers):
        yield Problem(
            "samples", row, "control_for", repr(sample["control_for"]),
            f"fmo: with a marker whose cut a control of panel {sample['panel']} may place: "
            f"{', '.join(sorted(markers))}",
            "write the marker as the template names it, or delete the row",
        )  # fmt: skip


def _sample_problems(
    sheets: dict[str, pd.DataFrame], panels: Mapping[str, Collection[str]], references: set[str]
) -> Iterator[Problem]:
    infusions = {
        (row["patient_id"], row["infusion_no"]): row["day"]
        for row in sheets["infusions"].to_dict("records")
    }
    for row, sample in _numbered(sheets["samples"]):
        control = sample["control_for"] != ""
        for name in ("patient_id", "day"):
            if sample[name] == "" and not control:
                yield Problem(
                    "samples", row, name, "no value", f"a {name}: the row is not a control",
                    "write it, or write in column control_for what the row is a control for",
                )  # fmt: skip
        if (
            sample["assay"] == "flow"
            and sample["workspace"] == ""
            and sample["panel"] not in panels
        ):
            yield Problem(
                "samples", row, "panel", repr(sample["panel"]),
                f"one of {', '.join(sorted(panels))}, or a workspace",
                "name a panel of cytometry/panels in config.yaml",
            )  # fmt: skip
        yield from _control_problems(row, sample, panels)
        if sample["purity"] == "0" and sample["control_for"] != "matched_normal":
            yield Problem(
                "samples", row, "purity", "'0'", "above 0, unless it is a matched_normal",
                "empty the cell if leukemic cells were not counted",
            )  # fmt: skip
        yield from _compensation_problems(row, sample)
        yield from _bead_problems(row, sample)
        for column, assay, belongs, remedy in OF_ONE_ASSAY:
            if sample[column] and sample["assay"] != assay:
                yield Problem(
                    "samples", row, column, f"{sample[column]} with assay {sample['assay']}",
                    f"empty: {belongs}", f"{remedy}, or empty the cell",
                )  # fmt: skip
        if sample["reference"] and sample["reference"] not in references:
            yield Problem(
                "samples", row, "reference", repr(sample["reference"]),
                f"one of {', '.join(sorted(references)) or 'sequencing/references (now empty)'}",
                "add the FASTA to sequencing/references in config.yaml",
            )  # fmt: skip
        reads = sample["assay"] in ("dna", "rna") or sample["bam"] != ""
        if reads and sample["path"] and not references:
            yield Problem(
                "samples", row, "assay", repr(sample["assay"]) + " without a reference",
                "a FASTA in sequencing/references of config.yaml", "add the reference",
            )  # fmt: skip
        if sample["infusion_no"]:
            given = infusions.get((sample["patient_id"], sample["infusion_no"]))
            if given is None:
                yield Problem(
                    "samples", row, "infusion_no", repr(sample["infusion_no"]),
                    f"an infusion of {sample['patient_id']} in infusions.tsv",
                    "add the infusion or empty the cell",
                )  # fmt: skip
            elif given and sample["day"] and int(sample["day"]) < int(given):
                yield Problem(
                    "samples", row, "infusion_no",
                    f"infusion {sample['infusion_no']} on day {given}, "
                    f"after the specimen of day {sample['day']}",
                    "an infusion that precedes the specimen",
                    "correct one of the days or the number",
                )  # fmt: skip
