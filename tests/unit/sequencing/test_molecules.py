"""What a molecule shows: reference, variant, a third allele, or nothing; whatever gaps lie near."""

import numpy as np
import pytest

from aftercar.io.cell_reads import CellFiles, TaggedCells, open_cells
from aftercar.sequencing.alleles import Allele
from aftercar.sequencing.genes import ReferenceWindow
from aftercar.sequencing.molecules import count_molecules

FIRST = 1_000_001
SITE = FIRST + 200


@pytest.fixture(scope="module")
def window():
    letters = np.random.default_rng(4).choice(list("ACGT"), 400)
    letters[188:200] = list("TGACAAAAAAGC")  # six A end three bases before the site
    letters[200:203] = list("TCG")
    return ReferenceWindow("chr16", FIRST, "".join(letters))


def read_of(text, start, cigar, quality=37):
    """A read of `text` aligned at 1-based `start`."""
    bases = np.frombuffer(text.encode(), dtype=np.uint8)
    return (start - 1, cigar, bases, np.full(len(text), quality, np.uint8), False, 0)


def whole(window, changes=(), first=FIRST + 150, length=100, quality=37):
    """A read over the site without gaps, with bases changed at (position, letter)."""
    text = list(window.bases(first, first + length - 1))
    for position, letter in changes:
        text[position - first] = letter
    return read_of("".join(text), first, [(0, length)], quality)


@pytest.fixture
def count(conftest_reads, tmp_path, window):
    """Counts of one cell from (molecule, read) pairs."""

    def make(pairs, allele, tags=None, quality=20):
        reads = [
            (f"r{n}", read, {"CB": "AAAA-1"} | ({"UB": umi} if umi else {}))
            for n, (umi, read) in enumerate(pairs)
        ]
        bam = conftest_reads.write_bam(tmp_path / "cells.bam", reads)
        found = TaggedCells(bam, 20).fetch("chr16", [(SITE - 15, SITE + 15)], {"AAAA-1": 0})
        return count_molecules(found, window, allele, None, 1, min_base_quality=quality)

    return make


def told(counts):
    """Reference, variant, other and ambiguous molecules of the one cell."""
    parts = (counts.ref_umis, counts.alt_umis, counts.other_umis, counts.ambiguous_umis)
    return tuple(int(part[0]) for part in parts)


SNV = Allele(SITE, "T", "C")


def test_a_third_base_is_neither_reference_nor_variant(count, window):
    pairs = [("U1", whole(window)), ("U2", whole(window, [(SITE, "C")]))]
    pairs += [("U3", whole(window, [(SITE, "G")]))] * 2
    assert told(count(pairs, SNV)) == (1, 1, 1, 0)


def test_reads_of_a_molecule_vote_together_and_a_tie_is_shown(count, window):
    reference, variant = whole(window), whole(window, [(SITE, "C")])
    pairs = [("U1", variant), ("U1", variant), ("U1", reference)]
    pairs += [("U2", reference), ("U2", variant)]
    counts = count(pairs, SNV)
    assert told(counts) == (0, 1, 0, 1)
    assert (counts.ref_reads[0], counts.alt_reads[0]) == (2, 3)


def test_a_base_below_the_quality_asked_for_leaves_its_molecule_ambiguous(count, window):
    assert told(count([("U1", whole(window, [(SITE, "C")], quality=15))], SNV)) == (0, 0, 0, 1)


def slipped(window, end, gap):
    """A read of a molecule that lost one A of the run, aligned with or without the gap."""
    text = window.bases(FIRST + 150, FIRST + 191) + window.bases(FIRST + 193, end)
    if gap:
        return read_of(text, FIRST + 150, [(0, 42), (2, 1), (0, len(text) - 42)])
    return read_of(text, FIRST + 150, [(0, len(text))])


def test_a_slip_beside_the_site_is_no_variant_where_the_aligner_left_the_gap_out(count, window):
    # all behind the lost base stands one to the left: the place of the T shows the next base, C
    shifted = slipped(window, SITE + 1, gap=False)
    assert chr(shifted[2][SITE - (FIRST + 150)]) == "C"
    pairs = [(f"G{n}", slipped(window, SITE + 40, gap=True)) for n in range(6)]
    pairs += [(f"U{n}", slipped(window, SITE + 1, gap=False)) for n in range(3)]
    reference, variant, _, _ = told(count(pairs, SNV))
    assert variant == 0
    assert reference >= 6


def test_a_variant_beside_a_slip_is_still_found(count, window):
    text = window.bases(FIRST + 150, FIRST + 191) + window.bases(FIRST + 193, SITE + 40)
    at = SITE - (FIRST + 150) - 1
    text = text[:at] + "C" + text[at + 1 :]
    read = read_of(text, FIRST + 150, [(0, 42), (2, 1), (0, len(text) - 42)])
    assert told(count([("U1", read), ("U2", whole(window))], SNV)) == (1, 1, 0, 0)


def test_a_deletion_over_the_site_is_a_third_allele(count, window):
    text = window.bases(FIRST + 150, SITE - 1) + window.bases(SITE + 2, SITE + 50)
    read = read_of(text, FIRST + 150, [(0, 50), (2, 2), (0, 49)])
    assert told(count([("U1", read), ("U2", whole(window))], SNV)) == (1, 0, 1, 0)


def deleted(window, first, last):
    start = FIRST + 150
    text = window.bases(start, first - 1) + window.bases(last + 1, start + 110)
    left = first - start
    return read_of(text, start, [(0, left), (2, last - first + 1), (0, len(text) - left)])


def test_another_deletion_at_the_place_is_not_the_one_looked_for(count, window):
    allele = Allele(SITE - 1, window.bases(SITE - 1, SITE + 3), window.bases(SITE - 1, SITE - 1))
    pairs = [("U1", deleted(window, SITE, SITE + 3)), ("U2", deleted(window, SITE, SITE + 1))]
    pairs += [("U3", whole(window))]
    assert told(count(pairs, allele)) == (1, 1, 1, 0)


def test_a_replacement_of_several_bases_is_read_however_it_was_aligned(count, window):
    allele = Allele(SITE, window.bases(SITE, SITE + 5), "AG")
    start = FIRST + 150
    text = window.bases(start, SITE - 1) + "AG" + window.bases(SITE + 6, SITE + 60)
    front = read_of(text, start, [(0, 52), (2, 4), (0, len(text) - 52)])
    back = read_of(text, start, [(0, 50), (2, 4), (0, len(text) - 50)])
    assert told(count([("U1", front), ("U2", back), ("U3", whole(window))], allele)) == (1, 2, 0, 0)


def test_mates_are_one_molecule_also_where_one_lacks_the_tag(conftest_reads, tmp_path, window):
    read = whole(window)
    tagged, bare, dash = {"CB": "AAAA-1", "UB": "U1"}, {"CB": "AAAA-1"}, {"CB": "AAAA-1", "UB": "-"}
    rows = [("a", read, tagged), ("a", read, bare), ("b", read, dash), ("c", read, dash)]
    bam = conftest_reads.write_bam(tmp_path / "cells.bam", rows)
    found = TaggedCells(bam, 20).fetch("chr16", [(SITE, SITE)], {"AAAA-1": 0})
    assert told(count_molecules(found, window, SNV, None, 1, min_base_quality=20))[0] == 3
    assert found.dropped["without molecular barcode, kept"] == 3


# one BAM file per cell


@pytest.fixture
def plate(conftest_reads, tmp_path, window):
    folder = tmp_path / "plate"
    folder.mkdir()
    for cell, changes in (("A1", [(SITE, "C")]), ("A2", [])):
        reads = [(f"r{n}", whole(window, changes, FIRST + 150 + n)) for n in range(4)]
        conftest_reads.write_bam(folder / f"{cell}.bam", reads)
    (folder / "B1.bam").write_bytes((folder / "A1.bam").read_bytes()[:-40])
    return folder


def test_each_file_of_a_folder_is_a_cell_and_a_broken_one_is_named(plate, window):
    reader = open_cells(plate, 20)
    assert isinstance(reader, CellFiles)
    assert reader.barcodes == ["A1", "A2", "B1"]
    numbers = {cell: n for n, cell in enumerate(reader.barcodes)}
    search = reader.search(numbers)
    assert search.seen == {0, 1}
    assert search.complete
    assert [problem.split(":")[0] for problem in search.problems] == ["cell B1"]
    found = reader.fetch("chr16", [(SITE, SITE)], numbers)
    counts = count_molecules(found, window, SNV, None, 3, min_base_quality=20)
    assert counts.alt_umis.tolist() == [4, 0, 0]
    assert counts.ref_umis.tolist() == [0, 4, 0]


def test_a_list_of_files_names_the_cells_and_lies_beside_them(plate):
    table = plate / "cells.tsv"
    table.write_text("first\tA1.bam\nsecond\tA2.bam\n")
    reader = open_cells(table, 20)
    assert reader.barcodes == ["first", "second"]
    assert reader.search({"first": 0, "second": 1}).seen == {0, 1}
