"""Small files that promise or unpack to far more, or that point elsewhere, end in a refusal."""

import gzip
import resource
import struct
import time

import h5py
import numpy as np
import pytest
from tests.unit.io.test_matrices import write_10x, write_folder, write_h5ad

from aftercar.io.alignments import AlignmentFileError
from aftercar.io.bam_index import index_problem
from aftercar.io.cell_reads import read_barcodes
from aftercar.io.cell_tables import UnreadableLabels, read_labels
from aftercar.io.contigs import UnreadableContigs, read_contigs
from aftercar.io.matrices import UnreadableMatrix, read_matrix
from aftercar.io.tapestri import read_panel

MOST_MB, MOST_SECONDS = 400, 10


@pytest.fixture(autouse=True)
def _bounded():
    """No refusal may cost much memory or time."""
    begun, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    yield
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert grown < MOST_MB
    assert time.process_time() - begun < MOST_SECONDS


def bomb(path, line, head=b"", pieces=8):
    """A gzip file of `head` and of `line` repeated to 128 MB, in half a megabyte or less."""
    member = gzip.compress(line * ((16 << 20) // len(line)), compresslevel=9)
    with open(path, "wb") as file:
        file.write(gzip.compress(head))
        for _ in range(pieces):
            file.write(member)
    return path


NO_END = b" " * 1024


@pytest.mark.parametrize(
    "line", [b"3 3 1\n", NO_END, b"% a\n"], ids=["counts", "blanks", "remarks"]
)
def test_a_matrix_of_text_that_unpacks_to_far_more_is_refused(tmp_path, line):
    folder = write_folder(tmp_path / "x")
    head = b"%%MatrixMarket matrix coordinate integer general\n"
    bomb(folder / "matrix.mtx.gz", line, head if line[:1] == b"%" else head + b"3 3 9\n")
    with pytest.raises(UnreadableMatrix):
        read_matrix(folder)


def test_a_matrix_of_text_that_promises_more_than_it_holds_is_refused(tmp_path):
    folder = write_folder(tmp_path / "x", cells=[f"A{n}-1" for n in range(60_000)])
    features = "".join(f"ENSG{n:011}\tG{n}\tGene Expression\n" for n in range(60_000))
    (folder / "features.tsv.gz").write_bytes(gzip.compress(features.encode()))
    text = b"%%MatrixMarket matrix coordinate integer general\n60000 60000 2000000000\n1 1 1\n"
    (folder / "matrix.mtx.gz").write_bytes(gzip.compress(text))
    with pytest.raises(UnreadableMatrix, match="2000000000 counts in a matrix of 60000 x 60000"):
        read_matrix(folder)


@pytest.mark.parametrize("line", [b"AAAC-1\n", NO_END], ids=["lines", "no line"])
@pytest.mark.parametrize(
    ("read", "refusal", "head"),
    [
        (read_labels, UnreadableLabels, b"barcode\tlabel\n"),
        (read_barcodes, AlignmentFileError, b""),
        (read_contigs, UnreadableContigs, b"barcode,chain,v_gene,j_gene,productive,cdr3_nt,umis\n"),
    ],
    ids=["labels", "barcodes", "contigs"],
)
def test_a_table_that_unpacks_to_far_more_is_refused(tmp_path, read, refusal, head, line):
    with pytest.raises(refusal):
        read(bomb(tmp_path / "x.tsv.gz", line * 100, head))


def replaced(path, place, make):
    """The file with one array made anew."""
    with h5py.File(path, "a") as file:
        del file[place]
        make(file, place)
    return path


def promising(file, place):
    """Two thousand million values of which none is stored."""
    file.create_dataset(place, (2_000_000_000,), "int32", chunks=(1 << 20,), compression="gzip")


def one_huge_chunk(file, place):
    file.create_dataset(place, (500_000_000,), "int32", chunks=(500_000_000,), compression="gzip")


def elsewhere(file, place):
    """Values that are the bytes of any other file."""
    file.create_dataset(place, (6,), "int32", external=[("secret.bin", 0, 24)])


def virtual(file, place):
    layout = h5py.VirtualLayout((6,), "int32")
    layout[:] = h5py.VirtualSource("other.h5", "matrix/data", (6,))
    file.create_virtual_dataset(place, layout)


def linked(file, place):
    file[place] = h5py.ExternalLink("other.h5", place)


@pytest.mark.parametrize(
    ("make", "found"),
    [
        (promising, "2e\\+09 values that holds 0 bytes"),
        (one_huge_chunk, "5e\\+08 values that holds 0 bytes"),
        (elsewhere, "values lie in another file"),
        (virtual, "values lie in another file"),
        (linked, "a link into another file"),
    ],
)
@pytest.mark.parametrize("place", ["matrix/data", "matrix/barcodes", "matrix/indices"])
def test_an_hdf5_file_that_promises_or_points_elsewhere_is_refused(tmp_path, place, make, found):
    write_10x(tmp_path / "other.h5")
    (tmp_path / "secret.bin").write_bytes(np.arange(6, dtype=np.int32).tobytes())
    with pytest.raises(UnreadableMatrix, match=found):
        read_matrix(replaced(write_10x(tmp_path / "x.h5"), place, make))


def test_an_h5ad_whose_counts_are_those_of_another_file_is_refused(tmp_path):
    write_h5ad(tmp_path / "other.h5")
    with pytest.raises(UnreadableMatrix, match="a link into another file"):
        read_matrix(replaced(write_h5ad(tmp_path / "x.h5ad"), "X", linked))


def test_a_panel_of_cells_that_points_elsewhere_is_refused(tmp_path):
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        file["assays/dna_variants"] = h5py.ExternalLink("other.h5", "assays/dna_variants")
    with pytest.raises(AlignmentFileError, match="a link into another file"):
        read_panel(path, set(), 0.1)


@pytest.mark.parametrize(
    "numbers", [(14, 2**31 - 1, 0), (14, -2, 0), (14, 5, -8)], ids=["deep", "negative", "backwards"]
)
def test_an_index_of_reads_that_states_the_impossible_is_refused(tmp_path, numbers):
    (tmp_path / "x.bam").touch()
    text = b"CSI\x01" + struct.pack("<3i", *numbers) + b"\0" * 64
    (tmp_path / "x.bam.csi").write_bytes(gzip.compress(text))
    assert index_problem(tmp_path / "x.bam", 1, 0) == "the index cannot be read"


def test_an_index_of_reads_that_unpacks_to_far_more_is_refused(tmp_path):
    (tmp_path / "x.bam").touch()
    bomb(tmp_path / "x.bam.csi", b"\0" * 1024, b"CSI\x01" + struct.pack("<3i", 14, 5, 0))
    assert index_problem(tmp_path / "x.bam", 1, 0) == "the index cannot be read"


def test_a_damaged_index_of_reads_is_refused(tmp_path):
    (tmp_path / "x.bam").touch()
    packed = bytearray(gzip.compress(np.random.default_rng(1).bytes(5000)))
    packed[20:200] = b"\xff" * 180
    (tmp_path / "x.bam.csi").write_bytes(bytes(packed))
    assert index_problem(tmp_path / "x.bam", 1, 0) == "the index cannot be read"
