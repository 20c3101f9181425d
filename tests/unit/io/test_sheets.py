"""A mistake in a sheet is named with file, row, column, found, expected and the remedy."""

import pytest
import yaml

from aftercar.contracts.sheets import SHEETS
from aftercar.io.sheets import problem_text, read_sheets

GOOD = {
    "patients": "patient_id\tdisease\nA\tB-ALL\nB\tT-ALL\n",
    "samples": (
        "sample_id\tpatient_id\tday\tspecimen\tassay\tpath\tpanel\tinfusion_no\tcontrol_for\tbatch\n"
        "A-1\tA\t28\tPB\tflow\tdata/a.fcs\tb_cell_recovery\t1\t\tX\n"
        "C-1\t\t\tcontrol\tflow\tdata/a.fcs\tb_cell_recovery\t\tunstained\tX\n"
    ),
    "infusions": "patient_id\tinfusion_no\tday\ttargets\nA\t1\t0\tCD19\nA\t2\t60\tCD22\n",
    "labs": "patient_id\tday\tspecimen\tanalyte\tvalue\tunit\nA\t7\tPB\twbc\t1200\tcells/uL\n",
    "events": "patient_id\tday\tevent\nA\t90\trelapse\n",
}


@pytest.fixture
def problems(root, tmp_path, monkeypatch):
    """A function that writes the sheets, some of them changed, and returns the message."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data/a.fcs").touch()

    def run(**changed):
        paths = {name: f"{name}.tsv" for name in SHEETS}
        for name, text in (GOOD | changed).items():
            (tmp_path / paths[name]).write_text(text)
        schemas = {name: root / f"workflow/schemas/{name}.schema.yaml" for name in SHEETS}
        sheets, found = read_sheets(paths, schemas, {"b_cell_recovery": ["CD19", "CD3"]}, {"demo"})
        return problem_text(found, paths), sheets

    return run


def changed(sheet, old, new):
    assert old in GOOD[sheet]
    return {sheet: GOOD[sheet].replace(old, new, 1)}


def test_good_sheets_have_no_problem_and_all_columns(problems, root):
    text, sheets = problems()
    assert text == ""
    for name in SHEETS:
        schema = yaml.safe_load((root / f"workflow/schemas/{name}.schema.yaml").read_text())
        assert list(sheets[name].columns) == list(schema["properties"])


def test_an_optional_sheet_may_be_absent(root, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "patients.tsv").write_text(GOOD["patients"])
    (tmp_path / "samples.tsv").write_text(
        "sample_id\tpatient_id\tday\tspecimen\tassay\tpath\nA-1\tA\t28\tPB\tdna\t\n"
    )
    schemas = {name: root / f"workflow/schemas/{name}.schema.yaml" for name in SHEETS}
    paths = {"patients": "patients.tsv", "samples": "samples.tsv"}
    sheets, found = read_sheets(paths, schemas, {}, {"demo"})
    assert found == []
    assert sheets["labs"].empty


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (changed("patients", "disease", "diseas"), "column diseas: found an unknown column"),
        (changed("patients", "disease", "diseas"), "column disease: found no such column"),
        (
            changed("patients", "B\tT-ALL", "A\tT-ALL"),
            "row 2, column patient_id: found patient_id 'A' again, as in row 1",
        ),
        (
            changed("patients", "A\tB-ALL", "../A\tB-ALL"),
            "row 1, column patient_id: found '../A', expected a pseudonym",
        ),
        (
            changed("patients", "A\tB-ALL", "<script>\tB-ALL"),
            "found '<script>', expected a pseudonym",
        ),
        (changed("patients", "A\tB-ALL", "=1+1\tB-ALL"), "found '=1+1', expected a pseudonym"),
        (changed("patients", "A\tB-ALL", "a b\tB-ALL"), "found 'a b', expected a pseudonym"),
        (
            changed("samples", "\t28\t", "\t2024-03-01\t"),
            "row 1, column day: found '2024-03-01', expected whole days since the first",
        ),
        (changed("samples", "\t28\t", "\t2024-03-01\t"), "To mend it: write the number of days"),
        (changed("samples", "\t28\t", "\t28.5\t"), "column day: found '28.5'"),
        (changed("samples", "\t28\t", "\t\t"), "row 1, column day: found no value, expected a day"),
        (
            changed("samples", "A-1\tA", "A-1\tZ"),
            "row 1, column patient_id: found 'Z', expected a patient_id of patients.tsv",
        ),
        (
            {"events": "patient_id\tday\tevent\tcomponents\nA\t3\tcrs\tfever=39\n"},
            "row 1, column components: found 'fever=39', expected fever= with one of yes, no",
        ),
        (
            {"events": "patient_id\tday\tevent\tcomponents\nA\t3\trelapse\tfever=yes\n"},
            "column components: found components with event relapse, expected empty",
        ),
        (
            changed("samples", "b_cell_recovery", "b_cell_recovry"),
            "column panel: found 'b_cell_recovry', expected one of b_cell_recovery",
        ),
        (
            changed("samples", "data/a.fcs", "data/b.fcs"),
            "row 1, column path: found no file 'data/b.fcs'",
        ),
        (
            changed("samples", "\t1\t\tX", "\t2\t\tX"),
            "found infusion 2 on day 60, after the specimen of day 28",
        ),
        (
            changed("samples", "\t1\t\tX", "\t3\t\tX"),
            "column infusion_no: found '3', expected an infusion of A",
        ),
        (
            changed("samples", "flow\tdata", "facs\tdata"),
            "column assay: found 'facs', expected flow, dna",
        ),
        (
            changed("infusions", "A\t1\t0", "A\t1\t30"),
            "row 1, column day: found '30', expected 0 for infusion 1",
        ),
        (
            changed("infusions", "A\t2\t60", "A\t2\t0"),
            "row 2, column day: found '0', expected a day after 0",
        ),
        (
            changed("infusions", "A\t1\t0\tCD19\n", ""),
            "row 1, column infusion_no: found '2', expected infusion 1 of A",
        ),
        (changed("labs", "cells/uL", "G/L"), "row 1, column unit: found 'G/L'"),
        (changed("labs", "1200", "1,2"), "row 1, column value: found '1,2'"),
        (changed("labs", "1200", ""), "row 1, column value: found no value"),
        (changed("events", "90\trelapse", "90\trelaps"), "column event: found 'relaps'"),
        (
            {"events": "patient_id\tday\tend_day\tevent\nA\t9\t8\tsteroid\n"},
            "column end_day: found '8', expected a day not before 9",
        ),
        ({"samples": ""}, "found an empty file"),
        (
            {"samples": GOOD["samples"].splitlines()[0] + "\n"},
            "found no rows, expected one row per specimen",
        ),
        (
            {"patients": "patient_id\tdisease\nA\tB-ALL\tx\ty\n"},
            "row 1: found 4 cells, expected at most 2",
        ),
        ({"patients": "patient_id,disease\nA,B-ALL\n"}, "column patient_id: found no such column"),
    ],
    ids=lambda value: None if isinstance(value, dict) else value[:48],
)
def test_a_mistake_is_named_with_its_remedy(problems, change, message):
    text, _ = problems(**change)
    assert message in text
    assert f"Please correct {next(iter(change))}.tsv:" in text


LAB_HEADER = "patient_id\tday\tspecimen\tanalyte\tvalue\tunit\tlod\tstatus\n"


def laboratory(analyte, value, unit, lod, status):
    return {"labs": f"{LAB_HEADER}A\t80\tBM\t{analyte}\t{value}\t{unit}\t{lod}\t{status}\n"}


@pytest.mark.parametrize(
    ("row", "found", "expected"),
    [
        (("ngs_mrd", "0.05", "fraction", "1e-6", "NOT_DET"), "NOT_DET with value 0.05", "no value"),
        (("ngs_mrd", "1e-6", "fraction", "1e-6", "NOT_DET"), "at or above lod 1e-6", "no value"),
        (("alc", "5", "cells/uL", "10", "QUANT"), "5 below lod 10", "at or above the limit"),
        (("ngs_mrd", "1e-7", "fraction", "1e-6", ""), "with an empty status", "at or above"),
        (("ngs_mrd", "0", "fraction", "1e-6", "QUANT"), "0 below lod 1e-6 with QUANT", "at or"),
        *(
            ((analyte, "0.0", unit, "", status), "0.0 with ", "NOT_DET and a limit of detection")
            for status in ("QUANT", "")
            for analyte, unit in (
                ("flow_mrd", "fraction"),
                ("ngs_mrd", "fraction"),
                ("car_copies", "copies/ug"),
                ("car_copies_per_genome", "copies/genome"),
                ("ebv", "copies/mL"),
                ("cmv", "copies/mL"),
                ("hhv6", "copies/mL"),
                ("adenovirus", "copies/mL"),
                ("bk_virus", "copies/mL"),
                ("fusion_transcript", "ratio"),
                ("antigen_negative_blasts", "fraction"),
                ("myeloid_blasts", "fraction"),
            )
        ),
    ],
    ids=lambda part: "-".join(part) if isinstance(part, tuple) else None,
)
def test_a_laboratory_value_that_contradicts_its_status_is_refused(problems, row, found, expected):
    text, _ = problems(**laboratory(*row))
    assert text.count("labs.tsv:") == text.count("row 1, ") == 1
    assert found in text
    assert expected in text.split("expected ")[1]
    assert "To mend it: " in text


@pytest.mark.parametrize(
    "row",
    [
        ("ngs_mrd", "", "fraction", "1e-6", "NOT_DET"),
        ("ngs_mrd", "0", "fraction", "1e-6", "NOT_DET"),
        ("ngs_mrd", "1e-7", "fraction", "1e-6", "NOT_DET"),
        ("ngs_mrd", "1e-6", "fraction", "1e-6", "QUANT"),
        ("ngs_mrd", "0.05", "fraction", "", ""),
        ("anc", "0", "cells/uL", "", "QUANT"),
        ("clonotype_shared", "0", "yes=1", "", ""),
        ("flow_mrd", "0", "fraction", "", "FAILED"),
    ],
    ids="-".join,
)
def test_laboratory_values_that_agree_with_their_status_are_accepted(problems, row):
    text, _ = problems(**laboratory(*row))
    assert text == ""


def test_all_problems_of_all_sheets_come_in_one_message(problems):
    text, _ = problems(
        **changed("patients", "B-ALL", "leukemia"),
        **changed("labs", "cells/uL", "G/L"),
        **changed("events", "relapse", "relaps"),
        **changed("samples", "data/a.fcs", "missing.fcs"),
    )
    for part in ("patients.tsv", "labs.tsv", "events.tsv", "'leukemia'", "'G/L'", "missing.fcs"):
        assert part in text


TUBE = {
    "beads_per_tube": "", "bead_volume_ul": "", "beads_per_ul": "", "sample_volume_ul": "",
    "dilution": "", "compensation": "", "workspace": "", "purity": "",
}  # fmt: skip


def tube(specimen="PB", assay="flow", **cells):
    header = GOOD["samples"].splitlines()[0] + "\t" + "\t".join(TUBE)
    row = f"A-1\tA\t28\t{specimen}\t{assay}\tdata/a.fcs\tb_cell_recovery\t1\t\tX\t"
    return {"samples": f"{header}\n{row}" + "\t".join((TUBE | cells).values()) + "\n"}


LIQUID = {"bead_volume_ul": "50", "beads_per_ul": "1000", "sample_volume_ul": "100"}
PELLET = {"beads_per_tube": "50000", "sample_volume_ul": "50"}


@pytest.mark.parametrize(
    "cells",
    [{}, LIQUID, PELLET, PELLET | {"dilution": "2"}, PELLET | {"dilution": "1"}],
    ids=["no beads", "liquid beads", "beads in the tube", "diluted", "undiluted"],
)
@pytest.mark.parametrize("specimen", ["PB", "CSF", "BM", "product"])
def test_a_complete_bead_tube_has_no_problem(problems, cells, specimen):
    assert problems(**tube(specimen, **cells))[0] == ""


@pytest.mark.parametrize(
    ("cells", "column", "found"),
    [
        ({"beads_per_tube": "50000"}, "sample_volume_ul", "no value beside beads_per_tube"),
        ({"sample_volume_ul": "50"}, "bead_volume_ul", "no value beside sample_volume_ul"),
        ({"sample_volume_ul": "50"}, "beads_per_ul", "no value beside sample_volume_ul"),
        (LIQUID | {"beads_per_ul": ""}, "beads_per_ul", "no value beside bead_volume_ul"),
        (LIQUID | {"bead_volume_ul": ""}, "bead_volume_ul", "no value beside beads_per_ul"),
        (LIQUID | {"sample_volume_ul": ""}, "sample_volume_ul", "no value beside bead_volume_ul"),
        (LIQUID | PELLET, "beads_per_tube", "beads_per_tube and bead_volume_ul and beads_per_ul"),
        ({"dilution": "2"}, "sample_volume_ul", "no value beside dilution"),
        (PELLET | {"dilution": "0.5"}, "dilution", "'0.5'"),
        (PELLET | {"dilution": "0"}, "dilution", "'0'"),
        (PELLET | {"dilution": "1:2"}, "dilution", "'1:2'"),
        (PELLET | {"sample_volume_ul": "0"}, "sample_volume_ul", "'0'"),
        (PELLET | {"sample_volume_ul": "-50"}, "sample_volume_ul", "'-50'"),
        (PELLET | {"sample_volume_ul": "0.0"}, "sample_volume_ul", "'0.0'"),
        (PELLET | {"beads_per_tube": "50,000"}, "beads_per_tube", "'50,000'"),
        (
            PELLET | {"assay": "dna"},
            "beads_per_tube",
            "beads_per_tube and sample_volume_ul with assay dna",
        ),
        (
            PELLET | {"specimen": "tissue"},
            "beads_per_tube",
            "beads_per_tube and sample_volume_ul with specimen tissue",
        ),
    ],
    ids=lambda value: str(value) if isinstance(value, str) else None,
)
def test_beads_that_could_not_be_turned_into_a_count_are_refused(problems, cells, column, found):
    text, _ = problems(**tube(**cells))
    line = next(line for line in text.splitlines() if f"row 1, column {column}: " in line)
    assert f"found {found}" in line
    assert ", expected " in line
    assert "To mend it: " in line


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ({"compensation": "missing.csv"}, "column compensation: found no file 'missing.csv'"),
        ({"compensation": "data/a.fcs", "workspace": "data/a.fcs"}, ""),
        ({"compensation": "data/a.fcs"}, ""),
        ({"compensation": "none"}, ""),
        ({"compensation": "none", "workspace": "data/a.fcs"}, ""),
        ({"compensation": "none", "assay": "dna"}, "column compensation: found 'none', expected"),
        (
            {"compensation": "samples.tsv", "workspace": "data/a.fcs"},
            "column compensation: found 'samples.tsv' beside a workspace",
        ),
        (
            {"compensation": "data/a.fcs", "assay": "dna"},
            "column compensation: found 'data/a.fcs', expected empty",
        ),
    ],
    ids=[
        "no file",
        "with its workspace",
        "alone",
        "none",
        "none beside a workspace",
        "none, not flow",
        "another workspace",
        "not flow",
    ],
)
def test_a_stated_matrix_is_for_flow_and_agrees_with_the_workspace(problems, cells, message):
    text, _ = problems(**tube(**cells))
    assert message in text if message else text == ""


@pytest.mark.parametrize(
    ("assay", "refused"),
    [("flow", True), ("rna", True), ("scrna", True), ("scdna", True), ("dna", False)],
)
def test_a_share_of_leukemic_cells_that_no_number_would_use_is_refused(problems, assay, refused):
    text, _ = problems(**tube(purity="0.8", assay=assay))
    found = f"row 1, column purity: found 0.8 with assay {assay}, expected empty: "
    assert (found in text) == refused
    assert ("column purity" in text) == refused


def test_a_sheet_that_is_not_text_is_refused(problems, tmp_path, root):
    problems()
    (tmp_path / "patients.tsv").write_bytes(b"patient_id\tdisease\nA\xff\tB-ALL\n")
    schemas = {name: root / f"workflow/schemas/{name}.schema.yaml" for name in SHEETS}
    paths = {name: f"{name}.tsv" for name in SHEETS}
    _, found = read_sheets(paths, schemas, {}, set())
    assert "not UTF-8" in problem_text(found, paths)


def test_a_wrong_cell_does_not_hide_what_is_wrong_between_sheets(problems):
    text, _ = problems(
        **changed("labs", "cells/uL", "G/L"),
        **changed("samples", "\t1\t\tX", "\t2\t\tX"),
        **changed("events", "A\t90", "Z\t90"),
    )
    assert "found 'G/L'" in text
    assert "found infusion 2 on day 60, after the specimen of day 28" in text
    assert "row 1, column patient_id: found 'Z', expected a patient_id of patients.tsv" in text


def test_contigs_belong_to_a_matrix_of_single_cells(problems, tmp_path):
    (tmp_path / "c.csv").touch()
    header = ["sample_id", "patient_id", "day", "specimen", "assay", "path", "panel", "contigs"]
    row = ["A-1", "A", "28", "PB", "flow", "", "b_cell_recovery", str(tmp_path / "c.csv")]
    text, _ = problems(samples=f"{chr(9).join(header)}\n{chr(9).join(row)}\n")
    assert "row 1, column contigs" in text
    assert "receptor contigs belong to the matrix of a specimen scrna" in text


def test_a_negative_amount_is_refused(problems):
    text, _ = problems(**changed("labs", "1200", "-3"))
    assert "row 1, column value: found '-3', expected a number, not negative" in text


@pytest.mark.parametrize(
    ("column", "without"),
    [
        ("path", "the specimen is then shown as NOT_ASSESSED"),
        ("workspace", "the template of column panel then gates the specimen"),
        ("compensation", "the matrix of the FCS file is then used"),
        ("labels", "cells are then named by what they express"),
        ("contigs", "no clonotype is then known of the cells"),
    ],
)
def test_a_missing_file_is_told_with_what_an_empty_cell_means_in_its_column(
    problems, column, without
):
    header = ["sample_id", "patient_id", "day", "specimen", "assay", "panel"]
    cells = dict.fromkeys([*header, column], "absent")
    cells |= dict(zip(header, ["A-1", "A", "28", "PB", "flow", "b_cell_recovery"], strict=True))
    text, _ = problems(samples=f"{chr(9).join(cells)}\n{chr(9).join(cells.values())}\n")
    (line,) = [line for line in text.splitlines() if "no file 'absent'" in line]
    assert f"column {column}: " in line
    assert line.endswith(f"or empty the cell: {without}")


@pytest.mark.parametrize("marker", ["CD19", "cd19"])
def test_a_control_of_a_marker_with_a_cut_has_no_problem(problems, marker):
    assert problems(**changed("samples", "unstained", f"fmo:{marker}"))[0] == ""


def test_a_control_of_a_marker_without_a_cut_is_refused_with_those_that_have_one(problems):
    text, _ = problems(**changed("samples", "unstained", "fmo:CD45"))
    assert (
        "row 2, column control_for: found 'fmo:CD45', expected fmo: with a marker whose cut a "
        "control of panel b_cell_recovery may place: CD19, CD3. To mend it: "
    ) in text


def read_row(control_for, assay="dna", patient="A", batch="run1"):
    """Sheets with one further row of samples.tsv: a control of sequenced DNA."""
    row = f"N\t{patient}\t\tPB\t{assay}\t\t\t\t{control_for}\t{batch}\n"
    return {"samples": GOOD["samples"] + row}


@pytest.mark.parametrize(
    "row",
    [
        read_row("matched_normal"),
        read_row("matched_normal", batch=""),
        read_row("healthy"),
        read_row("healthy", patient=""),
        read_row("healthy", "rna", patient="", batch=""),
    ],
)
def test_a_matched_normal_and_a_healthy_control_of_the_run_are_controls_of_dna(problems, row):
    assert problems(**row)[0] == ""


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (
            read_row("matched_normal", patient=""),
            "column patient_id: found no value beside matched_normal, expected the patient whose",
        ),
        (
            read_row("healthy", batch=""),
            "column batch: found no value beside healthy, expected the sequencing run",
        ),
        (read_row("unstained"), "found 'unstained', expected healthy or matched_normal, or empty"),
        (read_row("matched_normal", "flow"), "found 'matched_normal', expected a control of flow"),
        (read_row("matched_normal", "rna"), "expected empty, because the assay is neither flow"),
        (read_row("healthy", "scdna"), "expected empty, because the assay is neither flow"),
        (
            read_row("germline"),
            "column control_for: found 'germline', expected for flow, unstained",
        ),
    ],
)
def test_a_control_that_controls_nothing_is_refused_with_what_would(problems, row, message):
    text, _ = problems(**row)
    assert message in text


@pytest.mark.parametrize(("control_for", "refused"), [("matched_normal", False), ("healthy", True)])
def test_only_a_matched_normal_may_be_stated_to_hold_no_leukemic_cell(
    problems, control_for, refused
):
    header, *rows = (GOOD["samples"] + f"N\tA\t\tPB\tdna\t\t\t\t{control_for}\trun1\n").splitlines()
    rows = [f"{row}\t" for row in rows[:-1]] + [f"{rows[-1]}\t0"]
    text, _ = problems(samples="\n".join([f"{header}\tpurity", *rows]) + "\n")
    said = "column purity: found '0', expected above 0, unless it is a matched_normal" in text
    assert said == refused
    assert refused or text == ""


@pytest.mark.parametrize("name", ["{patient}", "a{0}", "}"])
def test_a_file_whose_name_snakemake_would_take_for_a_wildcard_is_refused(problems, tmp_path, name):
    (tmp_path / f"data/{name}.fcs").touch()
    message, _ = problems(**changed("samples", "data/a.fcs", f"data/{name}.fcs"))
    assert f"row 1, column path: found braces in 'data/{name}.fcs'" in message
    assert "rename the file or folder" in message
