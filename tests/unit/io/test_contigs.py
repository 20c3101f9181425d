"""Receptor contigs: the columns are those of Cell Ranger 3 to 8 and of AIRR 1.4."""

import gzip

import pytest

from aftercar.io.cell_tables import UnreadableLabels, label_problems, read_labels
from aftercar.io.contigs import UnreadableContigs, contig_problems, read_contigs

HEADER = (
    "barcode,is_cell,contig_id,high_confidence,length,chain,v_gene,d_gene,j_gene,c_gene,"
    "full_length,productive,cdr3,cdr3_nt,reads,umis,raw_clonotype_id,raw_consensus_id"
)


def contig(
    barcode="A-1", chain="IGH", productive="true", cdr3="TGTGCGAGATGG", umis="8", *,
    is_cell="true", sure="true",
):  # fmt: skip
    return (
        f"{barcode},{is_cell},c,{sure},600,{chain},{chain}V1-2,,{chain}J4,{chain}M,true,"
        f"{productive},CARW,{cdr3},90,{umis},clonotype1,clonotype1_consensus_1"
    )


@pytest.fixture
def written(tmp_path):
    def write(*lines, name="filtered_contig_annotations.csv"):
        path = tmp_path / name
        path.write_text("\n".join(lines) + "\n")
        return path

    return write


def test_contigs_of_cells_are_read_also_unproductive_ones(written):
    table = read_contigs(written(HEADER, contig(), contig("B-1", "IGK", "false", "TGTCAGTTC", "3")))
    assert table.to_dict("records") == [
        {"barcode": "A-1", "chain": "IGH", "v_gene": "IGHV1-2", "j_gene": "IGHJ4",
         "productive": True, "cdr3_nt": "TGTGCGAGATGG", "umis": 8},
        {"barcode": "B-1", "chain": "IGK", "v_gene": "IGKV1-2", "j_gene": "IGKJ4",
         "productive": False, "cdr3_nt": "TGTCAGTTC", "umis": 3},
    ]  # fmt: skip


def test_contigs_that_belong_to_no_cell_or_have_no_cdr3_are_left_out(written):
    table = read_contigs(
        written(
            HEADER,
            contig(is_cell="false"),
            contig(sure="False"),
            contig(chain="Multi"),
            contig(productive="None", cdr3="None"),
            contig(productive="", cdr3=""),
        )
    )
    assert table.empty


def test_an_airr_table_tells_the_same(written, tmp_path):
    airr = written(
        "cell_id\tsequence_id\tproductive\tv_call\tj_call\tjunction\tconsensus_count\tduplicate_count\tis_cell",
        "A-1\tA-1_contig_1\tT\tIGHV1-2*04\tIGHJ4*02\tTGTGCGAGATGG\t90\t8\tT",
        "B-1\tB-1_contig_1\tF\tIGKV1-2*01\tIGKJ4*01\ttgtcagttc\t20\t3\tT",
        "C-1\tC-1_contig_1\tT\tIGKV1-2*01\tIGKJ4*01\tTGT\t20\t3\tF",
        name="airr_rearrangement.tsv",
    )
    same = written(HEADER, contig(), contig("B-1", "IGK", "false", "TGTCAGTTC", "3"))
    assert read_contigs(airr).equals(read_contigs(same))
    packed = tmp_path / "packed.tsv.gz"
    packed.write_bytes(gzip.compress(airr.read_bytes()))
    assert read_contigs(packed).equals(read_contigs(same))


def test_all_problems_of_a_file_are_told_at_once(written):
    path = written(HEADER, contig(), contig(productive="maybe", cdr3="CARW*", umis="1.5"))
    told = "; ".join(problem[0] for problem in contig_problems(path))
    assert "'maybe' in row 2, column productive" in told
    assert "'CARW*' in row 2, column cdr3_nt" in told
    assert "'1.5' in row 2, column umis" in told


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        (["clonotype_id,frequency,proportion", "clonotype1,5,0.5"], "no column barcode, chain"),
        ([], "no table in the contigs"),
    ],
    ids=["the table of clonotypes", "an empty file"],
)
def test_another_table_is_refused_by_name(written, lines, told):
    with pytest.raises(UnreadableContigs, match=told) as error:
        read_contigs(written(*lines, ""))
    assert "expected filtered_contig_annotations.csv" in str(error.value)


def test_bytes_that_are_no_text_are_refused(tmp_path):
    path = tmp_path / "contigs.csv"
    path.write_bytes(bytes(range(256)))
    assert contig_problems(path)[0][0] == "no table in the contigs"


def test_a_file_without_contigs_is_no_error(written):
    assert contig_problems(written(HEADER)) == []
    assert read_contigs(written(HEADER)).empty


def test_labels_say_what_they_rest_on(written):
    path = written(
        "barcode,label,evidence", "A-1,leukemic_b,copy_number", "B-1,normal_t,", name="l.csv"
    )
    assert list(read_labels(path)["evidence"]) == ["copy_number", ""]
    wrong = written("barcode,label,evidence", "A-1,leukemic_b,guess", name="w.csv")
    with pytest.raises(UnreadableLabels, match=r"'guess' in column evidence.*expected label, copy"):
        read_labels(wrong)


LABELS = ("barcode\tlabel", "A-1\tleukemic_b", "B-1\tnormal_t")


@pytest.mark.parametrize("name", ["contigs.csv.gz", "labels.tsv.gz"])
def test_a_damaged_packed_table_is_told_and_a_sound_one_is_read(tmp_path, name):
    lines = (HEADER, contig()) if name.startswith("contigs") else LABELS
    problems = contig_problems if name.startswith("contigs") else label_problems
    packed = gzip.compress("\n".join(lines).encode())
    (tmp_path / name).write_bytes(packed)
    assert problems(tmp_path / name) == []
    damaged = bytearray(packed)
    damaged[20:60] = b"\xff" * 40
    for wrong in (bytes(damaged), packed[: len(packed) // 2]):
        (tmp_path / name).write_bytes(wrong)
        assert problems(tmp_path / name)[0][0].startswith("no table in the ")


@pytest.mark.parametrize("problems", [contig_problems, label_problems])
def test_a_folder_in_place_of_a_table_is_told(tmp_path, problems):
    assert problems(tmp_path)[0][0].startswith("no table in the ")


def test_an_empty_field_behind_each_row_shifts_nothing(written):
    found = read_labels(written(LABELS[0], *(f"{row}\t" for row in LABELS[1:]), name="l.tsv"))
    assert found["barcode"].tolist() == ["A-1", "B-1"]
    assert found["label"].tolist() == ["leukemic_b", "normal_t"]
    assert read_contigs(written(HEADER, contig() + ",")).equals(
        read_contigs(written(HEADER, contig()))
    )
    longer = written(HEADER, contig() + ",more")
    assert contig_problems(longer)[0][0] == "no table in the contigs"
