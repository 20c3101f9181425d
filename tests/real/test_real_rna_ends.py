"""Ends of RNA reads on the real CD19 gene: overhangs are no variants, and what 3' reads miss."""

import csv

import numpy as np
import pytest

from aftercar.io.alignments import (
    read_alignments,
    read_gene_models,
    read_reference,
    read_references,
)
from aftercar.sequencing.genes import ReferenceWindow, build_genes
from aftercar.sequencing.specimens import call_specimen, stretches
from aftercar.sequencing.variants import CallSettings

pytestmark = pytest.mark.real
SETTINGS = CallSettings(20, 4, 1e-6, 0.02)
# What spliced reads show first that the aligner left in the intron: position, reference, shown.
PAST_DONOR = {
    1: (28932089, "G", "A"), 2: (28932614, "T", "G"), 3: (28933115, "G", "A"),
    4: (28933510, "G", "T"), 5: (28935555, "G", "C"), 6: (28936202, "G", "A"),
    7: (28936602, "T", "A"), 8: (28937138, "T", "C"), 9: (28937376, "G", "A"),
}  # fmt: skip
BEFORE_ACCEPTOR = {
    2: (28932343, "C", "A"), 3: (28932909, "A", "C"), 4: (28933232, "A", "G"),
    5: (28935441, "T", "C"), 6: (28936150, "C", "G"), 7: (28936509, "C", "G"),
    8: (28937021, "A", "C"), 9: (28937269, "A", "G"), 10: (28937453, "A", "G"),
}  # fmt: skip
ARTEFACTS = [("donor", *item) for item in PAST_DONOR.items()] + [
    ("acceptor", *item) for item in BEFORE_ACCEPTOR.items()
]


@pytest.fixture(scope="module")
def data(shared_data):
    return shared_data / "sequencing"


@pytest.fixture(scope="module")
def exons(data):
    """First and last position of the exons of CD19, from the table of the reference."""
    with open(data / "reference/target_gene_exons_MANE_GRCh38.tsv", newline="") as file:
        rows = [row for row in csv.DictReader(file, delimiter="\t") if row["gene"] == "CD19"]
    return {int(row["exon"]): (int(row["exon_start"]), int(row["exon_end"])) for row in rows}


@pytest.fixture(scope="module")
def letters(data):
    _, first, bases = read_reference(
        data / "reference/chr16_Npad_CD19.fa.gz", "chr16", 28_931_800, 28_938_000
    )
    return lambda a, b: bases[a - first : b - first + 1]


@pytest.fixture(scope="module")
def examine(data):
    gene = build_genes(*read_gene_models(), ["CD19"])
    fasta = data / "reference/chr16_Npad_CD19.fa.gz"

    def make(bam, assay, **sheet):
        columns = (
            "sample_id", "patient_id", "day", "specimen", "assay", "path", "panel", "batch",
            "control_for", "infusion_no", "workspace", "reference", "barcodes", "bam", "variants",
            "labels", "chemistry", "purity",
        )  # fmt: skip
        row = dict.fromkeys(columns, "") | {
            "sample_id": "s", "patient_id": "p", "day": "1", "specimen": "BM", "assay": assay,
        } | sheet  # fmt: skip
        windows = {
            name: ReferenceWindow(*part)
            for name, part in read_references(bam, fasta, stretches(gene)).items()
        }

        def fetch(chrom, intervals):
            return read_alignments(bam, chrom, intervals, min_mapping_quality=20)

        return call_specimen(row, gene, windows, fetch, SETTINGS)

    return make


@pytest.fixture(scope="module")
def simulated():
    import importlib.util
    from pathlib import Path

    path = Path(__file__).parents[1] / "unit/sequencing/conftest.py"
    spec = importlib.util.spec_from_file_location("simulated_reads", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def first_difference(kind, exon, exons, letters):
    """The first mismatch of an overhang: the other exon's bases written into the intron."""
    start, end = exons[exon]
    if kind == "donor":
        shown = letters(*exons[exon + 1])[:8]
        expected = letters(end + 1, end + 8)
        i = next(i for i in range(8) if shown[i] != expected[i])
        return end + 1 + i, expected[i], shown[i]
    shown = letters(*exons[exon - 1])[::-1][:8]
    expected = letters(start - 8, start - 1)[::-1]
    i = next(i for i in range(8) if shown[i] != expected[i])
    return start - 1 - i, expected[i], shown[i]


@pytest.mark.parametrize(("kind", "exon", "artefact"), ARTEFACTS)
def test_the_published_artefact_is_what_the_reference_gives(exons, letters, kind, exon, artefact):
    assert first_difference(kind, exon, exons, letters) == artefact


@pytest.fixture(scope="module")
def overhanging(exons, letters, simulated, tmp_path_factory):
    """Spliced reads of all exons whose last 1 to 8 bases the aligner left in the intron."""
    spliced = "".join(letters(*exons[number]) for number in range(1, 11))
    where = np.concatenate([np.arange(a, b + 1) for a, b in (exons[n] for n in range(1, 11))])
    bases = np.frombuffer(spliced.encode(), dtype=np.uint8)
    quality = np.full(60, 37, dtype=np.uint8)
    reads, edge = [], 0
    for exon in range(1, 10):
        edge += exons[exon][1] - exons[exon][0] + 1
        for number in range(240):
            past = number % 8 + 1
            forward = bool(number // 8 % 2)
            # ends behind the donor of this exon, begins before the acceptor of the next one
            for side, first in (("d", edge - 60 + past), ("a", edge - past)):
                places = where[first : first + 60].copy()
                if side == "d":
                    places[-past:] = places[-past - 1] + np.arange(1, past + 1)
                else:
                    places[:past] = places[past] - np.arange(past, 0, -1)
                start, cigar = simulated.cigar_of(places)
                cigar = [(3, size) if op == 2 else (op, size) for op, size in cigar]  # introns
                read = (start, cigar, bases[first : first + 60], quality, not forward, 0)
                reads.append((f"{side}{exon}.{number}", read))
    folder = tmp_path_factory.mktemp("overhangs")
    return simulated.write_bam(folder / "reads.bam", reads)


def test_no_overhang_of_any_exon_is_called_in_rna(examine, overhanging):
    found = examine(overhanging, "rna")
    assert found.rows["variants"] == []
    # the exons themselves were read: the silence is not that of an empty file
    depth = {row["exon"]: row["depth"] for row in found.rows["callability"]}
    assert all(depth[str(exon)] > 100 for exon in (5, 6, 7, 8, 9))


def test_the_same_reads_called_as_dna_show_the_artefacts(examine, overhanging):
    calls = {
        (row["pos"], row["ref"], row["alt"]) for row in examine(overhanging, "dna").rows["variants"]
    }
    shown = {pos for pos, _, _ in calls}
    assert len([a for _, _, a in ARTEFACTS if a[0] in shown]) >= len(ARTEFACTS) / 2


@pytest.mark.parametrize("half", [0, 1])
def test_the_same_bases_are_called_in_dna(examine, letters, simulated, tmp_path, half):
    # neighbouring artefacts would be one change, so every second one at a time
    variants = sorted(artefact for _, _, artefact in ARTEFACTS)[half::2]
    first = 28_931_800
    reference = letters(first, 28_938_000)
    reads, number = [], 0
    for label, planted, count in (("r", [], 2600), ("a", variants, 400)):
        rng = np.random.default_rng(number + half)
        haplotype, where = simulated.edited(reference, first, planted)
        drawn = simulated.draw_reads(
            rng, haplotype, where, count, span=(28_931_950, 28_937_500), error=1e-4
        )
        reads += [(f"{label}{n}", read) for n, read in drawn]
        number += count
    found = examine(simulated.write_bam(tmp_path / "reads.bam", reads), "dna")
    calls = {(r["pos"], r["ref"], r["alt"]): r["filter"] for r in found.rows["variants"]}
    assert calls == dict.fromkeys(variants, "PASS")


@pytest.mark.parametrize("strand_only", [False, True])
def test_coverage_of_one_strand_is_no_strand_failure(
    examine, letters, simulated, tmp_path, strand_only
):
    first, variant = 28_931_800, (28_933_043, "G", "T")
    reference = letters(first, 28_938_000)
    reads = []
    for label, planted, count in (("r", [], 1900), ("a", [variant], 100)):
        haplotype, where = simulated.edited(reference, first, planted)
        drawn = simulated.draw_reads(
            np.random.default_rng(count), haplotype, where, count,
            span=(28_932_900, 28_933_150), strand_only=strand_only,
        )  # fmt: skip
        reads += [(f"{label}{n}", read) for n, read in drawn]
    found = examine(simulated.write_bam(tmp_path / "reads.bam", reads), "dna")
    (row,) = found.rows["variants"]
    assert (row["pos"], row["ref"], row["alt"]) == variant
    assert (row["filter"], row["status"]) == ("PASS", "QUANTIFIED")
    assert "strand not assessed" in row["flags"]


@pytest.mark.parametrize("chemistry", ["", "3prime"])
def test_reads_of_the_3_prime_end_do_not_cover_exon_2(
    examine, exons, letters, simulated, tmp_path, chemistry
):
    # exons 8 to 10 only; the reference knows no introns behind
    rng = np.random.default_rng(2)
    reads = []
    for number in range(3000):
        start, end = exons[int(rng.integers(8, 11))]
        at = int(rng.integers(start, end - 59))
        bases = np.frombuffer(letters(at, at + 59).encode(), dtype=np.uint8)
        read = (at - 1, [(0, 60)], bases, np.full(60, 37, dtype=np.uint8), False, 0)
        reads.append((f"f{number}", read))
    bam = simulated.write_bam(tmp_path / "reads.bam", reads)
    found = examine(bam, "rna", chemistry=chemistry)
    status = {row["exon"]: row["status"] for row in found.rows["callability"]}
    assert [status[str(exon)] for exon in (1, 2, 3, 4, 5)] == ["NOT_ASSESSED"] * 5
    assert status["all"] == "INDETERMINATE"
    skipping = [row for row in found.rows["splicing"] if "exon2" in row["event"]]
    assert skipping
    assert {row["status"] for row in skipping} <= {"NOT_ASSESSED", "INDETERMINATE"}
