"""Which rules are scheduled for which input, by dry runs."""

import re

import pandas as pd
import pytest
from tests.e2e.workflow_run import edit_sheet, snakemake, working_copy

pytestmark = pytest.mark.dag
STREAM_RULES = {
    "place_batch_cuts",
    "gate_patient",
    "call_variants",
    "genotype_cells",
    "compare_hits_in_cells",
    "test_antigen_loss",
}
ALWAYS = {"check_inputs", "assess_patient", "merge_tables", "estimate_outcomes"}
PAGES = {"render_patient", "render_cohort", "render_quality"}


def scheduled(workdir, *arguments):
    """Names of the rules that a dry run would start."""
    status, said = snakemake(workdir, "--dry-run", *arguments)
    assert status == 0, said
    return set(re.findall(r"^(?:local)?rule (\w+):", said, re.MULTILINE)) - {"all"}


def only_assay(workdir, *assays):
    edit_sheet(workdir, "samples", lambda sheet: sheet[sheet["assay"].isin(assays)])


def test_the_demo_needs_every_rule(workdir):
    assert scheduled(workdir) == STREAM_RULES | ALWAYS | PAGES


@pytest.mark.parametrize(
    ("assays", "streams"),
    [
        (("flow",), {"place_batch_cuts", "gate_patient"}),
        (("dna", "rna"), {"call_variants"}),
        (("scrna",), {"genotype_cells", "compare_hits_in_cells", "test_antigen_loss"}),
    ],
    ids=["flow only", "bulk reads only", "single cells only"],
)
def test_a_stream_without_specimens_schedules_nothing_and_pages_are_still_made(
    workdir, assays, streams
):
    only_assay(workdir, *assays)
    assert scheduled(workdir) == streams | ALWAYS | PAGES


def test_a_patient_without_any_specimen_still_gets_a_page(tmp_path):
    workdir = working_copy(tmp_path / "demo", ["P10", "P11"])
    edit_sheet(workdir, "samples", lambda sheet: sheet[sheet["patient_id"] == "P10"])
    _, said = snakemake(workdir, "--dry-run")
    assert "reports/patients/P11.html" in said


def test_optional_sheets_may_be_absent(workdir):
    for name in ("infusions", "labs", "events"):
        (workdir / f"config/{name}.tsv").unlink()
    edit_sheet(workdir, "samples", lambda sheet: sheet.assign(infusion_no=""))
    assert scheduled(workdir) >= ALWAYS | PAGES


def test_the_word_none_in_column_compensation_is_no_file(workdir):
    only_assay(workdir, "flow")
    edit_sheet(workdir, "samples", lambda sheet: sheet.assign(compensation="none"))
    assert scheduled(workdir) >= {"place_batch_cuts", "gate_patient"}


def test_healthy_dna_of_the_same_run_is_measured_before_the_variants_of_that_run_only(workdir):
    """P04's DNA is of the run of the healthy control, P08's of none; P04 has a matched normal."""

    def declared(sheet):
        sheet.loc[sheet["sample_id"] == "P04-D165-BM-dna", "batch"] = "run1"
        one = sheet[sheet["sample_id"] == "P08-Dm010-BM-dna"]
        normal = one.assign(sample_id="P04-t", patient_id="P04", control_for="matched_normal")
        healthy = one.assign(
            sample_id="H1", patient_id="", day="", batch="run1", control_for="healthy"
        )
        return pd.concat([sheet, normal, healthy])

    edit_sheet(workdir, "samples", declared)
    tables = [f"results/sequencing/patients/{patient}.variants.tsv" for patient in ("P04", "P08")]
    assert scheduled(workdir, tables[0]) == {"measure_background", "call_variants"}
    assert scheduled(workdir, tables[1]) == {"call_variants"}
    _, said = snakemake(workdir, "--dry-run", tables[0])
    assert "data/reads/P08-Dm010-BM-dna.bam" in said  # read as the normal of P04


def test_no_name_of_a_run_is_the_table_of_another_one(workdir):
    runs = {"P04-D165-BM-dna": "R1", "P08-Dm010-BM-dna": "R1.quality"}

    def declared(sheet):
        reads = sheet[sheet["sample_id"].isin(runs)]
        reads = reads.assign(batch=reads["sample_id"].map(runs), infusion_no="")
        healthy = reads.assign(
            sample_id=reads["batch"] + "-healthy", patient_id="", day="", control_for="healthy"
        )
        return pd.concat([reads, healthy])

    edit_sheet(workdir, "samples", declared)
    assert scheduled(workdir) >= {"measure_background", "call_variants"}


def test_bad_tables_of_the_configuration_are_told_at_once_before_anything_starts(workdir):
    (workdir / "panel.tsv").write_text("gene\tpos\nCD19\t1\n")
    (workdir / "nk.yaml").write_text("gates: [")
    status, said = snakemake(
        workdir, "check", "--config",
        "sequencing={panel_of_normals: panel.tsv, isoform_catalogue: none.tsv}",
        "cytometry={panels: {nk: nk.yaml, aml: absent.yaml}}",
    )  # fmt: skip
    assert status != 0
    assert "key sequencing/panel_of_normals: found a table that cannot be used (panel.tsv" in said
    assert "key sequencing/isoform_catalogue: found no file 'none.tsv'" in said
    assert "key cytometry/panels/aml: found no file 'absent.yaml'" in said
    assert "nk.yaml" in said.split("absent.yaml")[-1]
    assert "Traceback" not in said


def test_check_starts_nothing_else(workdir):
    assert scheduled(workdir, "check") == {"check"}


def test_there_are_few_jobs_per_patient(workdir):
    _, said = snakemake(workdir, "--dry-run")
    jobs = int(re.search(r"^total\s+(\d+)", said, re.MULTILINE).group(1))
    assert jobs <= 6 * 12 + 15


def rule_edges(workdir):
    """Pairs (rule, rule that uses what it made) of the demo."""
    _, said = snakemake(workdir, "--rulegraph", "mermaid-js")
    names = dict(re.findall(r"(id\d+)\[(\w+)\]", said))
    pairs = re.findall(r"(id\d+) --> (id\d+)", said)
    return {(names[a], names[b]) for a, b in pairs if names[b] != "all"}


def test_the_readme_shows_the_rule_graph_as_it_is(root, workdir):
    shown = re.search(r"```mermaid\n(.*?)```", (root / "README.md").read_text(), re.DOTALL).group(1)
    assert set(re.findall(r"(\w+) --> (\w+)", shown)) == rule_edges(workdir)


def test_the_curves_are_fitted_where_the_configuration_asks_for_them(workdir):
    config = workdir / "config/config.yaml"
    config.write_text(
        config.read_text().replace("evidence:\n", "evidence:\n  kinetic_model: true\n")
    )
    assert "fit_kinetic_model" in scheduled(workdir)
