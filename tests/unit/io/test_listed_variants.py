"""Lists of known variants: tables of HGVS names, and references of another build."""

import pytest

from aftercar.io.alignments import AlignmentFileError, alignment_problems
from aftercar.io.preflight import (
    announcement,
    header_problems,
    listed_name_problems,
    problem_lines,
)
from aftercar.io.variants import read_names, read_variants
from aftercar.sequencing.listed_names import resolve_names

# CD7 lies on the minus strand of chr17; c.1 is the base at 82317495.
START = 82_317_495


@pytest.fixture(scope="module")
def fasta(tmp_path_factory):
    """A chr17 of one line, written around CD7 only, whose plus strand has CAT at its start."""
    path = tmp_path_factory.mktemp("reference") / "chr17.fa"
    with open(path, "wb") as file:
        file.write(b">chr17\n")
        file.seek(7 + START - 5_000)
        file.write(b"A" * 4_997 + b"CAT" + b"A" * 5_000)
    index_of(path, "chr17", 83_257_441)
    return path


def index_of(path, name, length):
    """An index as samtools faidx writes it."""
    index = f"{name}\t{length}\t{len(name) + 2}\t{length}\t{length + 1}\n"
    path.with_name(path.name + ".fai").write_text(index)


def table(tmp_path, *rows, header="gene\ttranscript\thgvs_c\tremark"):
    path = tmp_path / "known.tsv"
    path.write_text("\n".join((header, *rows)) + "\n")
    return path


def test_rows_are_counted_from_one_without_comments_and_empty_lines(tmp_path):
    path = table(tmp_path, "# from the report", "CD7\tNM_006137.7\tc.2T>G\tseen", "", "CD7\t\tx")
    assert [(row["row"], row["hgvs_c"]) for row in read_names(path)] == [
        ("1", "c.2T>G"),
        ("2", "x"),
    ]
    assert read_names(path)[1]["transcript"] == ""


@pytest.mark.parametrize("header", ["gene\tname", "hgvs_c\ttranscript", ""])
def test_a_table_without_its_columns_is_refused(tmp_path, header):
    with pytest.raises(AlignmentFileError, match="a list of variants without column"):
        read_names(table(tmp_path, header=header))


def test_names_become_records_of_the_reference(tmp_path, fasta):
    path = table(tmp_path, "CD7\tNM_006137.7\tc.2T>G\t", "CD7\t\tNM_006137.7:c.1A>T\t")
    # the plus strand reads CAT: c.1 is the T at 82317495
    assert read_variants(path, resolve_names, fasta) == [
        ("chr17", 82_317_494, "A", "C"), ("chr17", 82_317_495, "T", "A"),
    ]  # fmt: skip
    assert read_variants("", resolve_names, None) == []


def test_every_faulty_row_is_told_at_once_and_before_the_run(tmp_path, fasta):
    path = table(
        tmp_path, "CD7\tNM_006137.7\tc.2T>G\t", "CD7\tNM_006137.6\tc.2T>G\t",
        "CD7\tNM_006137.7\tc.1G>T\t",
    )  # fmt: skip
    with pytest.raises(AlignmentFileError) as refused:
        read_variants(path, resolve_names, fasta)
    for told in (
        "row 2, column transcript: NM_006137.6: expected version",
        "row 3, column hgvs_c: c.1G>T: the name has G",
    ):
        assert told in str(refused.value)
    assert "row 1" not in str(refused.value)
    row = dict.fromkeys(("reference", "panel", "workspace", "compensation", "bam", "path"), "")
    row |= {"sample_id": "A-1", "assay": "dna", "variants": str(path)}
    (tmp_path / "x.bam").write_text("")
    named = listed_name_problems([row], {"GRCh38": str(fasta)}, resolve_names)
    assert [problem.split(": ")[0] for problem, _, _ in named["A-1"]] == [
        "in the list of column variants, row 2, column transcript",
        "in the list of column variants, row 3, column hgvs_c",
    ]  # fmt: skip
    found = header_problems(
        [row | {"path": str(tmp_path / "x.bam")}], panels={}, references={}, genes=[],
        name_problems=named, panel_problems=None, matrix_problem=None, detector_problems=None,
    )  # fmt: skip
    lines = problem_lines(found).splitlines()
    (second,) = [line for line in lines if "NM_006137.6" in line]
    assert second.count("expected") == 1
    assert "expected version NM_006137.7 or" in second
    (third,) = [line for line in lines if "c.1G>T: the name has G" in line]
    assert "expected an HGVS name on the transcript of resources/genes" in third


def test_what_leaves_a_specimen_usable_is_not_announced_as_a_failure():
    row = {"row": 1, "sample_id": "A-1", "problem": "genome hg19", "expected": "GRCh38"}
    told = announcement([row | {"remedy": "use GRCh38; else only listed variants are genotyped"}])
    assert "These specimens become FAILED" not in told
    assert "where nothing is said, the specimen becomes FAILED" in told
    assert announcement([]) == ""


def test_names_without_a_reference_are_one_problem(tmp_path):
    row = {"sample_id": "A-1", "reference": "", "variants": str(table(tmp_path, "CD7\t\tx\t"))}
    told = listed_name_problems([row], {}, resolve_names)["A-1"]
    assert [problem for problem, _, _ in told] == ["no reference"]


@pytest.mark.parametrize("name", ["chr17", "17"])
def test_a_reference_of_another_build_is_told_by_its_length(tmp_path, name):
    path = tmp_path / "reference.fa"
    path.write_text(f">{name}\n")
    for length, other in ((81_195_210, True), (83_257_441, False)):
        index_of(path, name, length)
        told = [p for p, _, _ in alignment_problems(tmp_path / "no.bam", path, ["TP53"])]
        wrong = "a reference FASTA with the length of chr17 in build GRCh37"
        assert (wrong in told) == other
