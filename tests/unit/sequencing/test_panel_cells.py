"""Cells of a targeted DNA panel: missing is not reference, and another genome is not guessed."""

import h5py
import numpy as np
import pytest

from aftercar.contracts.sequencing import CLONES
from aftercar.contracts.specimen import QUALITY
from aftercar.io.alignments import AlignmentFileError
from aftercar.io.cell_reads import read_genotyping_priors
from aftercar.io.preflight import header_problems
from aftercar.io.tapestri import read_panel
from aftercar.sequencing.cell_rows import Candidate, CellSettings, no_candidates
from aftercar.sequencing.cell_specimens import genotype_row
from aftercar.sequencing.panel_cells import genotype_panel, panel_loci

CELLS = [f"{n:06d}" for n in range(300)]
VARIANTS = [
    ("16", 28932529, "T", "TG"), ("chr17", 7676154, "G", "C"), ("16", 28932600, "A", "C"),
    ("13", 28608223, ".", "TCATA"),
]  # fmt: skip
SETTINGS = CellSettings(20, 0.1, 0.02, 0.05, read_genotyping_priors())
OWN = Candidate("chr16", 28932529, "T", "TG", "CD19", "c.278dup", 200)


@pytest.fixture
def panel_file(tmp_path):
    """Write a Tapestri file; `change` may alter what stands in it."""

    def make(genome="hg38", change=None):
        rng = np.random.default_rng(1)
        genotype = np.zeros((300, 4), dtype=np.int64)
        genotype[:60, 0] = 1  # a clone of a fifth of the cells
        genotype[290:, 0] = 3
        genotype[:, 1] = rng.choice([0, 1, 2], 300, p=[0.05, 0.9, 0.05])  # inherited, with dropout
        genotype[:, 2] = 3
        depth = rng.poisson(40, (300, 4)) + 10
        share = np.select([genotype == 1, genotype == 2], [rng.beta(9, 9, (300, 4)), 0.99], 0.005)
        layers = {
            "NGT": genotype, "DP": depth, "GQ": rng.integers(30, 99, (300, 4)),
            "AF": 100 * share, "NGT_FILTERED": np.where(genotype == 3, 0, genotype),
        }  # fmt: skip
        columns = {
            "ca/CHROM": [v[0] for v in VARIANTS], "ca/POS": [v[1] for v in VARIANTS],
            "ca/REF": [v[2] for v in VARIANTS], "ca/ALT": [v[3] for v in VARIANTS],
            "ca/amplicon": ["A1", "A2", "A1", "A3"], "ra/barcode": CELLS,
            "ra/sample_name": ["s"] * 300,
        }  # fmt: skip
        content = {f"layers/{name}": values for name, values in layers.items()} | columns
        if change:
            change(content)
        with h5py.File(tmp_path / "cells.h5", "w") as file:
            for name, values in content.items():
                values = np.array(values)
                file[f"assays/dna_variants/{name}"] = (
                    values.astype("S") if values.dtype.kind == "U" else values
                )
            if genome:
                file["assays/dna_variants/metadata/genome_version"] = np.bytes_(genome)
            for name, values in (
                ("CHROM", ["16"]),
                ("start_pos", [28932500]),
                ("end_pos", [28932700]),
            ):
                values = np.array(values)
                file[f"assays/dna_read_counts/ca/{name}"] = (
                    values.astype("S") if values.dtype.kind == "U" else values
                )
        return tmp_path / "cells.h5"

    return make


def tables(path, sheet_row, own=(OWN,), listed=(), barcodes=()):
    panel = read_panel(path, panel_loci([*own, *listed]), 0.7)
    found = genotype_panel(
        sheet_row("s", 30, "scdna"), panel, list(barcodes), list(own), list(listed), {}, SETTINGS
    )
    QUALITY.frame(found.quality)  # each check once
    CLONES.frame(found.clones)
    return found


def test_a_clone_of_a_panel_is_sized_and_missing_genotypes_are_no_reference(panel_file, sheet_row):
    found = tables(panel_file(), sheet_row)
    (clone,) = found.clones
    assert (clone["status"], clone["cells_listed"], clone["cells_covered"]) == (
        "QUANTIFIED",
        300,
        290,
    )
    assert clone["fraction_low"] <= 60 / 290 <= clone["fraction_high"]
    states = found.genotypes["state"].to_numpy()
    assert set(states[290:]) == {"NO_COVERAGE"}
    assert (states[:60] == "MUTANT").mean() > 0.9
    assert set(found.genotypes["genotype"][60:290]) <= {"wild_type", ""}
    assert "measured at 1 heterozygous site" in clone["flags"]


def test_what_the_file_does_not_list_or_cover_is_not_assessed(panel_file, sheet_row):
    inside = Candidate("chr16", 28932610, "A", "C", "CD19", "c.x", 200)
    outside = Candidate("chr16", 28943000, "A", "C", "CD19", "c.y", 200)
    found = tables(panel_file(), sheet_row, own=[inside, outside])
    assert [row["status"] for row in found.clones] == ["NOT_ASSESSED"] * 2
    assert "called" in found.clones[0]["flags"]
    assert "no amplicon" in found.clones[1]["flags"]


def test_a_variant_that_every_cell_misses_says_nothing(panel_file, sheet_row):
    own = [Candidate("chr16", 28932600, "A", "C", "CD19", "c.z", 200)]
    (clone,) = tables(panel_file(), sheet_row, own=own).clones
    assert (clone["status"], clone["cells_covered"]) == ("NOT_ASSESSED", 0)


def test_coordinates_of_another_genome_are_never_taken_for_ours(panel_file, sheet_row):
    listed = [Candidate("17", 7676154, "G", "C")]
    found = tables(panel_file("hg19"), sheet_row, listed=listed)
    ours, theirs = found.clones
    assert (ours["clone"], ours["status"]) == ("CD19 c.278dup", "NOT_ASSESSED")
    assert "GRCh37" in ours["flags"]
    assert theirs["status"] == "QUANTIFIED"
    assert set(found.genotypes["chrom"]) == {"GRCh37_chr17"}
    assert "genome_build" in {row["check"] for row in found.quality}


def test_a_file_that_names_no_genome_is_not_taken_for_ours(panel_file, sheet_row):
    (clone,) = tables(panel_file(None), sheet_row).clones
    assert clone["status"] == "NOT_ASSESSED"


def test_each_listed_cell_is_accounted_for(panel_file, sheet_row):
    listed = [CELLS[70], "absent", CELLS[3], CELLS[3]]
    found = tables(panel_file(), sheet_row, barcodes=listed)
    states = found.genotypes.set_index("barcode")["state"].to_dict()
    assert set(states) == {CELLS[70], "absent", CELLS[3]}
    assert (states["absent"], states[CELLS[3]]) == ("ABSENT_FROM_FILE", "MUTANT")
    assert "repeated_barcodes" in {row["check"] for row in found.quality}


def test_constant_depth_is_flagged_as_a_placeholder(panel_file, sheet_row):
    def constant(content):
        content["layers/DP"] = np.full((300, 4), 30)

    quality = tables(panel_file(change=constant), sheet_row).quality
    assert any("layer DP is 30 in every cell" in str(row["message"]) for row in quality)
    assert any("1 variant(s) without REF" in str(row["message"]) for row in quality)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c.pop("layers/NGT"), "without assays/dna_variants/layers/NGT"),
        (lambda c: c.update({"ra/sample_name": ["s"] * 299 + ["t"]}), "2 samples"),
        (lambda c: c.update({"layers/AF": c["layers/AF"] / 100}), "AF with fractions"),
        (lambda c: c.update({"layers/DP": c["layers/DP"][:9]}), "layer DP not of 300 cells"),
        (lambda c: c["layers/NGT"].__setitem__((0, 0), 7), "genotypes 0 to 7"),
    ],
)
def test_a_file_that_is_not_as_documented_is_refused_with_what_was_found(panel_file, change, words):
    with pytest.raises(AlignmentFileError, match=words):
        read_panel(panel_file(change=change), panel_loci([OWN]), 0.7)


def test_a_damaged_file_fails_its_specimen_only(tmp_path, sheet_row):
    from aftercar.contracts.sequencing import VARIANTS as CALLS

    (tmp_path / "x.h5").write_bytes(b"not HDF5")
    row = sheet_row("s", 30, "scdna", path=tmp_path / "x.h5")
    found = genotype_row(
        row, CALLS.empty(), {}, SETTINGS, read_reference=None, read_list=lambda _: [],
        read_barcodes=None, read_panel=read_panel, open_cells=None, unreadable=AlignmentFileError,
    )  # fmt: skip
    (quality,) = found.quality
    assert (quality["verdict"], "none of HDF5" in quality["message"]) == ("FAIL", True)


def checked(**row):
    known = dict.fromkeys(("path", "bam", "barcodes", "variants", "reference", "workspace"), "")
    return header_problems(
        [known | {"sample_id": "s", "assay": "scdna"} | {k: str(v) for k, v in row.items()}],
        panels={}, references={}, genes=[], name_problems={}, panel_problems=None,
        matrix_problem=None, detector_problems=None,
    )  # fmt: skip


def test_headers_tell_the_genome_and_what_cells_lack_before_a_run(panel_file, tmp_path):
    assert checked(path=panel_file()) == []
    (problem,) = checked(path=panel_file("hg19"))
    assert "GRCh37" in problem["problem"]
    (tmp_path / "empty").mkdir()
    (problem,) = checked(path=tmp_path / "empty")
    assert "without BAM files" in problem["problem"]
    (tmp_path / "a.bam").write_bytes(b"")
    (tmp_path / "list.tsv").write_text("c1\ta.bam\nc2\n")
    (problem,) = checked(path=tmp_path / "list.tsv")
    assert "line 2" in problem["problem"]
    (tmp_path / "list.tsv").write_text("c1\ta.bam\n")
    (problem,) = checked(path=tmp_path / "list.tsv")
    assert "1 of 1 cells" in problem["problem"]
    problems = checked(bam=tmp_path / "a.bam")
    assert "no list of cell barcodes" in problems[0]["problem"]


def test_cells_without_a_variant_do_not_say_that_bulk_reads_were_negative(sheet_row):
    """The bulk specimens may be FAILED, or there may be none."""
    row = no_candidates(sheet_row("s", 1, assay="scdna", path="x.h5"))
    assert row["verdict"] == "NOT_POSSIBLE"
    assert "could not be used" in row["message"]
    assert "none was called" not in row["message"]
