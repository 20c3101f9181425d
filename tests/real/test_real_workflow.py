"""The whole workflow on files that nobody here made, with the figures that their makers state."""

import re

import pandas as pd
import pytest
import yaml
from tests.e2e.workflow_run import ROOT, snakemake

from aftercar.contracts.cytometry import CONCORDANCE, POPULATIONS
from aftercar.contracts.evidence import RISK
from aftercar.contracts.sequencing import GENOTYPES, VARIANTS
from aftercar.contracts.singlecell import ANTIGEN_LOSS
from aftercar.contracts.specimen import QUALITY
from aftercar.io.tables import read_table

pytestmark = [pytest.mark.real, pytest.mark.e2e]

# sample, patient, specimen, assay, path below ../shared/data, other columns
COUNTS = "cytometry/gated/luciernaga_counts"
SPECIMENS = [
    ("mouse-gated", "GATED", "tissue", "flow", "cytometry/gated/flowsom_68983/68983.fcs",
     {"workspace": "cytometry/gated/flowsom_68983/gating.wsp"}),
    ("count-71", "COUNTS", "PB", "flow", f"{COUNTS}/CellCounts4L-NY071-1.fcs",
     {"workspace": f"{COUNTS}/CellCounts.wsp"}),
    ("count-72", "COUNTS", "PB", "flow", f"{COUNTS}/CellCounts4L-NY072-1.fcs",
     {"workspace": f"{COUNTS}/CellCounts.wsp"}),
    ("mrd-tube", "MRD", "BM", "flow", "cytometry/clinical/facs_diva_test.fcs",
     {"panel": "b_all_mrd"}),
    ("truncated", "MRD", "BM", "flow", "cytometry/hostile/sample_header_truncated.fcs",
     {"panel": "b_all_mrd"}),
    ("tp53-rna", "TP53RNA", "BM", "rna", "sequencing/tp53_rna/recalibrated.bam",
     {"reference": "chr17"}),
    ("cells-10x", "VARTRIX", "BM", "scrna", "",
     {"bam": "sequencing/vartrix/test.bam", "barcodes": "sequencing/vartrix/barcodes.tsv",
      "variants": "sequencing/vartrix/test.vcf", "reference": "tenx"}),
    ("pbmc3k", "PBMC", "PB", "scrna", "sequencing/pbmc3k/pbmc3k_raw.h5ad", {}),
    ("cite", "CITE", "BM", "scrna", "sequencing/cite/AML_h5ad.h5ad", {}),
]  # fmt: skip
PATH_COLUMNS = ("workspace", "bam", "barcodes", "variants")


@pytest.fixture(scope="module")
def real_run(shared_data, tmp_path_factory):
    """A working directory whose sheets name the public files, after a complete run."""
    workdir = tmp_path_factory.mktemp("real")
    (workdir / "config").mkdir()
    config = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    config["sequencing"]["references"] = {
        "chr17": str(shared_data / "sequencing/reference/GRCh38_chr17_1-7843138.fa.gz"),
        "tenx": str(shared_data / "sequencing/vartrix/test.fa"),
    }
    config["sequencing"]["min_barcode_match"] = 0.05
    config["cytometry"]["workspace_roles"] = {"B cells": "b_cells", "T cells": "t_cells"}
    (workdir / "config/config.yaml").write_text(yaml.safe_dump(config))
    columns = (ROOT / "config/samples.tsv").read_text().split()
    rows = []
    for sample, patient, specimen, assay, path, more in SPECIMENS:
        absolute = {name: str(shared_data / more[name]) for name in PATH_COLUMNS if name in more}
        rows.append(
            dict.fromkeys(columns, "")
            | {"sample_id": sample, "patient_id": patient, "day": "28", "specimen": specimen}
            | {"assay": assay, "path": str(shared_data / path) if path else ""}
            | more
            | absolute
        )
    pd.DataFrame(rows).to_csv(workdir / "config/samples.tsv", sep="\t", index=False)
    patients = pd.DataFrame({"patient_id": sorted({row[1] for row in SPECIMENS})})
    patients.assign(disease="B-ALL").to_csv(workdir / "config/patients.tsv", sep="\t", index=False)
    status, said = snakemake(workdir)
    assert status == 0, said
    return workdir


def test_counts_agree_with_the_workspace(real_run):
    found = read_table(CONCORDANCE, real_run / "results/cytometry/concordance.tsv")
    mouse = found[found["sample_id"] == "mouse-gated"]
    assert len(mouse) == 15
    difference = (mouse["count_workspace_gates"] - mouse["count_workspace_stored"]).abs()
    assert (difference <= (0.005 * mouse["count_workspace_stored"]).clip(lower=3)).all()


@pytest.mark.parametrize(
    ("sample", "gate", "stored"),
    [
        ("count-71", "Margin", 5173),
        ("count-71", "CD45+", 2193),
        ("count-72", "Margin", 8023),
        ("count-72", "CD45+", 2983),
    ],
)
def test_cell_count_files_agree_with_their_workspace(real_run, sample, gate, stored):
    found = read_table(CONCORDANCE, real_run / "results/cytometry/concordance.tsv")
    row = found[(found["sample_id"] == sample) & (found["population"] == gate)].iloc[0]
    assert row["count_workspace_stored"] == stored
    assert abs(row["count_workspace_gates"] - stored) <= max(3, 0.005 * stored)


def test_the_workspace_fills_the_roles(real_run):
    found = read_table(POPULATIONS, real_run / "results/cytometry/populations.tsv")
    mouse = found[(found["sample_id"] == "mouse-gated") & (found["role"] == "b_cells")]
    assert set(mouse["count"]) == {2460}
    assert set(mouse["cut_source"]) == {"WORKSPACE"}


def test_the_residual_disease_tube_says_what_it_cannot_tell(real_run):
    quality = read_table(QUALITY, real_run / "results/quality/quality.tsv")
    tube = quality[quality["sample_id"] == "mrd-tube"]
    assert "FAIL" not in set(tube["verdict"])
    assert "FLAG" in set(tube["verdict"])
    margins = tube[tube["check"].str.contains("margin")]
    assert margins["value"].max() == pytest.approx(0.2227, abs=0.003)


def test_the_truncated_file_is_failed_with_both_sizes_and_its_patient_goes_on(real_run):
    quality = read_table(QUALITY, real_run / "results/quality/quality.tsv")
    message = " ".join(
        quality[(quality["sample_id"] == "truncated") & (quality["verdict"] == "FAIL")]["message"]
    )
    assert "3931" in message
    assert re.search(r"216591[12]", message)


def test_tp53_e285k_is_found_and_p72r_is_a_polymorphism(real_run):
    found = read_table(VARIANTS, real_run / "results/sequencing/variants.tsv")
    called = found[(found["filter"] == "PASS") & (found["gene"] == "TP53")]
    somatic = called[~called["tier"].isin(["POLYMORPHISM"])]
    assert list(somatic["hgvs_c"]) == ["c.853G>A"]
    # 64 fragments carry it; in 10 of them only the last 5 bases of a read do, which RNA leaves out
    assert list(somatic["alt_fragments"]) == [54]
    assert list(somatic["depth"]) == [54]
    assert somatic["hgvs_p"].iloc[0].strip("()") in ("p.(Glu285Lys", "p.Glu285Lys", "p.E285K")
    common = found[found["tier"] == "POLYMORPHISM"]
    assert 7676154 in set(common["pos"])
    # without a matched normal, all reads of one RNA specimen do not tell acquired from inherited
    assert list(somatic["origin"]) == ["POSSIBLY_GERMLINE"]
    assert "more often inherited than a clonal loss" in somatic["flags"].iloc[0]
    assert set(common["origin"]) == {"POLYMORPHISM"}


def test_the_cell_matrices_equal_the_expected_ones(real_run):
    cells = pd.read_parquet(real_run / "results/singlecell/genotypes.parquet")
    assert list(cells.columns) == list(GENOTYPES.columns)
    assert len(cells) == 4 * 20
    barcodes = pd.read_csv(
        ROOT.parent / "shared/data/sequencing/vartrix/barcodes.tsv", header=None
    )[0].tolist()
    counts = ["ref_umis", "alt_umis", "ref_reads", "alt_reads"]
    covered = cells[cells["ref_reads"] + cells["alt_reads"] > 0]
    counted = {
        (chrom, barcodes.index(barcode) + 1): tuple(numbers)
        for chrom, barcode, numbers in zip(
            covered["chrom"], covered["barcode"], covered[counts].to_numpy().tolist(), strict=True
        )
    }
    assert counted == {
        ("1", 20): (1, 0, 1, 0),
        ("17", 20): (1, 0, 6, 0),
        ("17", 15): (1, 0, 1, 0),
        ("2", 18): (0, 1, 0, 7),
    }


@pytest.mark.parametrize("sample", ["pbmc3k", "cite"])
def test_no_antigen_loss_is_called_in_healthy_cells(real_run, sample):
    found = read_table(ANTIGEN_LOSS, real_run / "results/singlecell/antigen_loss.tsv")
    mine = found[found["sample_id"] == sample]
    assert not mine.empty
    assert not set(mine[mine["antigen"] == "CD19"]["status"]) & {"LOST", "REDUCED"}


def test_t_cells_are_not_asked_for_cd19(real_run):
    found = read_table(ANTIGEN_LOSS, real_run / "results/singlecell/antigen_loss.tsv")
    t_cells = found[(found["identity"] == "normal_t") & (found["antigen"] == "CD19")]
    assert not t_cells.empty
    assert set(t_cells["status"]) == {"NOT_APPLICABLE"}


def test_no_risk_is_stated_without_infusion(real_run):
    risk = read_table(RISK, real_run / "results/risk/relapse_risk.tsv")
    assert not set(risk["category"]) & {"SIGNAL", "NO_SIGNAL"}


def test_every_patient_has_a_page(real_run):
    for patient in {row[1] for row in SPECIMENS}:
        page = (real_run / f"reports/patients/{patient}.html").read_text()
        assert len(page) < 1_000_000
        assert f"{ROOT.parent}/" not in page  # a folder of one short word is part of other words
