"""No look-ahead: what happened after a landmark must not change its row."""

import shutil

import pytest
from tests.e2e.workflow_run import cut_at, final_tables, snakemake

from aftercar.contracts.evidence import RISK, RULE_RESULTS
from aftercar.io.tables import read_table

pytestmark = pytest.mark.e2e
TABLES = {"results/risk/relapse_risk.tsv": RISK, "results/evidence/rules.tsv": RULE_RESULTS}


@pytest.fixture(scope="module")
def shrinking(finished, tmp_path_factory):
    """The finished demo, which loses what was learnt after one landmark after the other."""
    return shutil.copytree(finished, tmp_path_factory.mktemp("cut") / "demo", symlinks=True)


@pytest.mark.parametrize("landmark_day", [365, 270, 180, 90, 63, 28])
def test_cutting_the_inputs_at_a_landmark_leaves_all_earlier_rows_identical(
    finished, shrinking, landmark_day
):
    # what a cut leaves as it was is not computed again: Snakemake knows the rows of each job
    workdir = shrinking
    before = (workdir / "config/samples.tsv").read_text()
    cut_at(workdir, landmark_day)
    if landmark_day < 365:
        assert (workdir / "config/samples.tsv").read_text() != before
    status, said = snakemake(workdir, *TABLES)
    assert status == 0, said
    for path, contract in TABLES.items():
        whole, cut = (read_table(contract, folder / path) for folder in (finished, workdir))
        whole, cut = (table[table["landmark_day"] <= landmark_day] for table in (whole, cut))
        assert whole.to_csv(index=False) == cut.to_csv(index=False), path


def test_the_final_tables_are_there(finished):
    assert {
        "risk/relapse_risk.tsv",
        "risk/patients.tsv",
        "evidence/evidence.tsv",
        "evidence/kinetics.tsv",
        "evidence/recovery.tsv",
        "cytometry/populations.tsv",
        "cytometry/ratios.tsv",
        "sequencing/variants.tsv",
        "sequencing/callability.tsv",
        "sequencing/splicing.tsv",
        "sequencing/loh.tsv",
        "sequencing/biallelic.tsv",
        "singlecell/genotypes.parquet",
        "singlecell/clones.tsv",
        "singlecell/antigen_loss.tsv",
        "cohort/survival.tsv",
        "cohort/incidence.tsv",
        "cohort/follow_up.tsv",
        "cohort/strata.tsv",
        "cohort/recovery_curves.tsv",
        "cohort/visit_rates.tsv",
        "cohort/outcome_model.tsv",
    } <= set(final_tables(finished))
