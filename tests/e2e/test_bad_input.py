"""Bad input gets a clear message and loses nothing."""

import gzip
import shutil

import pandas as pd
import pytest
from tests.e2e.workflow_run import DEMO, edit_sheet, snakemake, working_copy

from aftercar.contracts.evidence import EVIDENCE, RISK
from aftercar.contracts.specimen import INPUT_CHECKS, QUALITY
from aftercar.io.tables import read_table

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            "report={suppress_below: many, profile: clinical}",
            "key report/suppress_below: found 'many', expected counts of patients",
        ),
        (
            "report={suppres_below: 5, profile: clinical}",
            "key report/suppres_below: found an unknown key, expected one of suppress_below",
        ),
    ],
    ids=["wrong type", "misspelt key"],
)
def test_a_bad_config_is_refused_before_any_job(workdir, config, message):
    status, said = snakemake(workdir, "--config", config)
    assert status != 0
    assert message in said
    assert not (workdir / "results").exists()


def test_all_mistakes_in_all_sheets_are_told_at_once_before_any_job(workdir):
    def mistake(column, value):
        return lambda sheet: sheet.assign(**{column: [value, *sheet[column][1:]]})

    edit_sheet(workdir, "patients", mistake("patient_id", "../<b>"))
    edit_sheet(workdir, "labs", mistake("unit", "G/L"))
    edit_sheet(workdir, "events", mistake("day", "2024-01-31"))
    edit_sheet(workdir, "samples", mistake("path", "data/absent.fcs"))
    status, said = snakemake(workdir)
    assert status != 0
    for part in (
        "Please correct config/patients.tsv:\n  row 1, column patient_id: found '../<b>'",
        "Please correct config/labs.tsv:\n  row 1, column unit: found 'G/L'",
        "Please correct config/events.tsv:\n  row 1, column day: found '2024-01-31'",
        "row 1, column path: found no file 'data/absent.fcs'",
        "To mend it: write the number of days",
    ):
        assert part in said
    assert "Traceback" not in said
    assert not (workdir / "results").exists()


@pytest.fixture(scope="module")
def damaged(tmp_path_factory):
    """P03 and P10 with one broken file of each kind, and what the two commands say."""
    workdir = working_copy(tmp_path_factory.mktemp("damaged") / "demo", ["P03", "P04", "P10"])
    (workdir / "broken").mkdir()
    samples = pd.read_csv(
        workdir / "config/samples.tsv", sep="\t", dtype=str, keep_default_na=False
    )
    broken = {}

    def first(patient, assay, suffix):
        mine = samples[(samples["patient_id"] == patient) & (samples["assay"] == assay)]
        return mine[mine["path"].str.endswith(suffix)].iloc[0]

    def replace(row, path):
        broken[row["sample_id"]] = str(path)

    row = first("P10", "flow", ".fcs")
    whole = (DEMO / row["path"]).read_bytes()
    (workdir / "broken/short.fcs").write_bytes(whole[: len(whole) // 2])
    replace(row, "broken/short.fcs")

    row = first("P03", "flow", ".fcs")
    replace(row, DEMO / first("P03", "dna", ".bam")["path"])

    row = first("P03", "dna", ".bam")
    shutil.copy(DEMO / row["path"], workdir / "broken/no_index.bam")
    replace(row, "broken/no_index.bam")

    row = first("P03", "scrna", ".h5")
    with gzip.open(workdir / "broken/empty.h5", "wb") as file:
        file.write(b"not a matrix")
    replace(row, "broken/empty.h5")

    edit_sheet(
        workdir,
        "samples",
        lambda sheet: sheet.assign(
            path=[broken.get(s, p) for s, p in zip(sheet["sample_id"], sheet["path"], strict=True)]
        ),
    )
    return workdir, broken, snakemake(workdir, "check"), snakemake(workdir)


def test_check_lists_all_problems_of_file_headers_at_once(damaged):
    _, broken, (status, said), _ = damaged
    assert status != 0
    for sample in broken:
        assert f"sample {sample}: found" in said
    assert said.count("To mend it:") >= len(broken)


def test_a_bad_file_fails_its_specimen_and_everything_else_finishes(damaged):
    workdir, broken, _, (status, said) = damaged
    assert status == 0, said
    quality = read_table(QUALITY, workdir / "results/quality/quality.tsv")
    failed = quality[quality["verdict"] == "FAIL"]
    assert set(broken) == set(failed["sample_id"])
    assert failed["message"].str.len().min() > 20
    evidence = read_table(EVIDENCE, workdir / "results/evidence/evidence.tsv")
    assert set(broken) <= set(evidence[evidence["status"] == "FAILED"]["sample_id"])
    assert set(
        read_table(INPUT_CHECKS, workdir / "results/quality/input_checks.tsv")["sample_id"]
    ) == set(broken)


def test_a_failed_specimen_is_shown_with_its_reason_and_never_as_negative(damaged):
    workdir, broken, _, _ = damaged
    for patient in ("P03", "P10"):
        page = (workdir / f"reports/patients/{patient}.html").read_text()
        for sample in broken:
            if sample.startswith(patient):
                assert sample in page
        assert "FAILED" in page
    risk = read_table(RISK, workdir / "results/risk/relapse_risk.tsv")
    assert set(risk["patient_id"]) == {"P03", "P04", "P10"}


def test_check_is_content_with_the_demo_and_quick(workdir):
    status, said = snakemake(workdir, "check")
    assert status == 0, said
    assert "as expected" in said


@pytest.mark.parametrize("target", [(), ("check",)], ids=["run", "check"])
def test_mistakes_in_the_templates_of_all_panels_are_told_before_any_job(workdir, root, target):
    for panel, old, new in (
        ("nk", "within: leukocytes", "within: t_bright"),  # a circle
        ("aml", "name: leukocytes, parent: viable", "name: leukocytes, parent: nowhere"),
        ("t_lineage", "cuts:\n", "cuts: [\n"),
    ):
        text = (root / f"resources/gating/{panel}.yaml").read_text()
        assert old in text
        (workdir / f"config/{panel}.yaml").write_text(text.replace(old, new, 1))
    config = workdir / "config/config.yaml"
    text = config.read_text()
    for panel in ("nk", "aml", "t_lineage"):
        text = text.replace(f"{panel}: resources/gating/", f"{panel}: config/")
    config.write_text(text)
    status, said = snakemake(workdir, *target)
    assert status != 0
    assert "Please correct config/nk.yaml:\n  gate t_bright: found a circle: " in said
    assert (
        "Please correct config/aml.yaml:\n  gate leukocytes, parent: found gate nowhere, which"
        in said
    )
    assert "Please correct config/t_lineage.yaml:\n  line " in said
    assert "Traceback" not in said
    assert not (workdir / "results").exists()


def test_a_role_of_workspace_gates_that_does_not_exist_is_refused(workdir):
    config = workdir / "config/config.yaml"
    text = config.read_text()
    assert "workspace_roles: {}" in text
    config.write_text(text.replace("workspace_roles: {}", 'workspace_roles: {"B": b-cells}'))
    status, said = snakemake(workdir, "--dry-run")
    assert status != 0
    assert "key cytometry/workspace_roles/B: found 'b-cells', expected one of leukocytes" in said
