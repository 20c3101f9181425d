"""Reads with a known truth, written without any code of the caller."""

import csv
import shutil
from pathlib import Path

import numpy as np
import pysam
import pytest
import yaml

ROOT = Path(__file__).parents[3]
LETTERS = np.frombuffer(b"ACGT", dtype=np.uint8)
ERROR_OF_QUALITY = 10 ** (-np.arange(256) / 10)
PRINTED = bytes(min(quality + 33, 126) for quality in range(256))  # as SAM writes qualities
CONTIG = "chr16"
CONTIG_LENGTH = 40_000_000


def edited(reference, first, variants, spread=False):
    """Haplotype with all variants, and for each of its bases the reference position or -1.

    With `spread` the new bases are aligned to both ends of what they replace, as aligners do that
    prefer mismatches to a second gap.
    """
    pieces, where, at = [], [], first
    for pos, ref, alt in sorted(variants):
        assert reference[pos - first : pos - first + len(ref)] == ref
        pieces.append(reference[at - first : pos - first])
        where += range(at, pos)
        shared = 0  # bases in front that stay
        while shared < min(len(ref), len(alt)) and ref[shared] == alt[shared]:
            shared += 1
        pieces.append(alt)
        same = len(alt) if len(ref) == len(alt) else shared
        if spread:
            half = len(alt) // 2
            where += [*range(pos, pos + half)]
            where += [*range(pos + len(ref) - (len(alt) - half), pos + len(ref))]
        else:
            where += [pos + i if i < same else -1 for i in range(len(alt))]
        at = pos + len(ref)
    pieces.append(reference[at - first :])
    where += range(at, first + len(reference))
    return np.frombuffer("".join(pieces).encode(), dtype=np.uint8), np.array(where)


def cigar_of(where):
    """CIGAR and start of a read from the reference positions of its bases."""
    aligned = np.flatnonzero(where >= 0)
    operations = [(4, int(aligned[0]))] if aligned[0] else []
    previous = None
    for i in range(aligned[0], aligned[-1] + 1):
        if where[i] < 0:
            operations.append((1, 1))
            continue
        if previous is not None and where[i] > previous + 1:
            gap = int(where[i] - previous - 1)
            operations.append((3 if gap > 250 else 2, gap))
        operations.append((0, 1))
        previous = where[i]
    if aligned[-1] < len(where) - 1:
        operations.append((4, len(where) - 1 - int(aligned[-1])))
    joined = []
    for op, length in operations:
        if joined and joined[-1][0] == op:
            joined[-1] = (op, joined[-1][1] + length)
        else:
            joined.append((op, length))
    return int(where[aligned[0]]) - 1, joined


def blurred(where, edge):
    """What an aligner makes of a gap near the end of a read: the short side is clipped."""
    where = where.copy()
    aligned = np.flatnonzero(where >= 0)
    steps = np.diff(where[aligned])
    gaps = np.flatnonzero((steps != 1) | (np.diff(aligned) != 1))
    for gap in gaps:
        left, right = aligned[gap], aligned[gap + 1]
        if left + 1 < edge:
            where[: left + 1] = -1
        elif len(where) - right < edge:
            where[right:] = -1
    return where


def draw_reads(
    rng,
    haplotype,
    where,
    fragments,
    *,
    span,
    length=150,
    insert=(320, 40),
    error=None,
    strand_only=None,
    homopolymer_slip=0.0,
    edge=8,
):
    """Pairs of reads of one haplotype: for each fragment its (start, cigar, bases, ...)."""
    low, high = np.searchsorted(np.where(where < 0, np.maximum.accumulate(where), where), span)
    size = np.maximum(length, rng.normal(*insert, fragments).astype(int))
    start = rng.integers(low - size + 30, high - 30)
    start = np.clip(start, 0, len(haplotype) - size)
    breaks = np.concatenate([[0], np.cumsum(np.diff(where) != 1)])  # in front of each base
    for mate, offsets in ((0, start), (1, start + size - length)):
        if strand_only is not None and bool(mate) != strand_only:
            continue
        quality = rng.choice(
            np.array([37, 30, 25, 12], dtype=np.uint8),
            p=[0.85, 0.08, 0.04, 0.03],
            size=(fragments, length),
        )
        chance = ERROR_OF_QUALITY[quality] if error is None else error
        index = offsets[:, None] + np.arange(length)
        bases = haplotype[index]
        wrong = rng.random(bases.shape) < chance
        code = np.searchsorted(LETTERS, bases[wrong])
        bases[wrong] = LETTERS[(code + rng.integers(1, 4, len(code))) % 4]
        plain = (breaks[index[:, 0]] == breaks[index[:, -1]]) & (where[index[:, 0]] >= 0)
        slips = with_runs(bases) if homopolymer_slip else np.zeros(fragments, dtype=bool)
        for number in range(fragments):
            read, scores = bases[number], quality[number]
            if plain[number] and not slips[number]:
                place = (int(where[offsets[number]]) - 1, [(0, length)])
            else:
                positions = where[index[number]]
                if slips[number]:
                    read, positions, scores = slipped(
                        read, positions, scores, rng, homopolymer_slip
                    )
                positions = blurred(positions, edge)
                if (positions >= 0).sum() <= 30:
                    continue
                place = cigar_of(positions)
            yield number, (*place, read, scores, bool(mate), mate)


def with_runs(bases, run=5):
    """Mark the reads that hold a run of equal letters."""
    same = np.lib.stride_tricks.sliding_window_view(bases[:, 1:] == bases[:, :-1], run - 1, axis=1)
    return same.all(axis=2).any(axis=1)


def slipped(bases, positions, quality, rng, rate):
    """Lose or gain one base of runs of five or more, as polymerases do; gaps are left-aligned."""
    change = np.flatnonzero(np.diff(bases) != 0)
    starts = np.concatenate([[0], change + 1])
    ends = np.concatenate([change + 1, [len(bases)]])
    for start, end in list(zip(starts, ends, strict=True))[::-1]:
        if end - start < 5 or start < 10 or end > len(bases) - 10 or rng.random() > rate:
            continue
        if rng.random() < 0.6:
            keep = np.ones(len(bases), bool)
            keep[start] = False
            bases, positions, quality = bases[keep], positions[keep], quality[keep]
        else:
            bases = np.insert(bases, start, bases[start])
            positions = np.insert(positions, start, -1)
            quality = np.insert(quality, start, quality[start])
    return bases, positions, quality


def write_bam(path, reads, contig=CONTIG, contig_length=CONTIG_LENGTH, tags=None):
    """Sort, write and index reads; each item of `reads` is (name, read) or (name, read, tags)."""
    rows = sorted(enumerate(reads), key=lambda item: (item[1][1][0], item[0]))
    lines, cigars = [f"@SQ\tSN:{contig}\tLN:{contig_length}\n"], {}
    for _, (name, (start, cigar, bases, quality, reverse, mate), *more) in rows:
        tags = dict(more[0]) if more else {}
        flag = 1 | (0x10 if reverse else 0x20) | (0x80 if mate else 0x40) | tags.pop("flag", 0)
        steps = tuple(cigar)
        if steps not in cigars:
            cigars[steps] = "".join(f"{count}{'MIDNSHP=X'[code]}" for code, count in steps)
        letters = bases.tobytes().decode()
        scores = np.asarray(quality, dtype=np.uint8).tobytes().translate(PRINTED).decode()
        further = "".join(
            f"\t{key}:{'i' if isinstance(value, int) else 'Z'}:{value}"
            for key, value in tags.items()
        )
        lines.append(
            f"{name}\t{flag}\t{contig}\t{start + 1}\t60\t{cigars[steps]}\t*\t0\t0"
            f"\t{letters}\t{scores}{further}\n"
        )
    text = Path(f"{path}.sam")
    text.write_text("".join(lines))
    level = "--output-fmt-option=level=1"
    pysam.view("-b", "--no-PG", level, "-o", str(path), str(text), catch_stdout=False)
    text.unlink()
    pysam.index(str(path))
    return path


@pytest.fixture(scope="session")
def models():
    folder = ROOT / "resources/genes"
    with open(folder / "exons.tsv", newline="") as file:
        exons = list(csv.DictReader(file, delimiter="\t"))
    return yaml.safe_load((folder / "genes.yaml").read_text()), exons


@pytest.fixture(scope="session")
def written_specimens(tmp_path_factory):
    """Folder of the simulated specimens, and their files by what was asked for."""
    return tmp_path_factory.mktemp("specimens"), {}


@pytest.fixture
def specimen_bam(tmp_path, written_specimens):
    """Write a BAM of clones: {vaf: variants}; the rest is the reference."""
    folder, written = written_specimens

    def make(
        reference, first, clones, *, depth, span, seed=1, name="reads.bam", spread=False, **options
    ):
        asked = repr((reference, first, clones, depth, span, seed, spread, sorted(options.items())))
        if asked not in written:
            rng = np.random.default_rng(seed)
            fragments = round(depth * (span[1] - span[0] + 300) / 300)
            shares = {(): 1 - sum(vaf for _, vaf in clones)}
            shares |= {tuple(v): vaf for v, vaf in clones}
            reads, number = [], 0
            for variants, share in shares.items():
                haplotype, where = edited(reference, first, variants, spread)
                count = round(fragments * share)
                drawn = draw_reads(rng, haplotype, where, count, span=span, **options)
                reads += [(f"f{number + fragment}", read) for fragment, read in drawn]
                number += count
            written[asked] = write_bam(folder / f"{len(written)}.bam", reads)
        shutil.copy(written[asked], tmp_path / name)
        shutil.copy(f"{written[asked]}.bai", tmp_path / f"{name}.bai")
        return tmp_path / name

    return make


TOY_FIRST = 1_000_001
TOY_EXONS = ((401, 580), (681, 860))  # offsets from TOY_FIRST - 1, inclusive


@pytest.fixture(scope="session")
def toy():
    """A gene of two coding exons with a polymorphism, and its random reference."""
    from aftercar.sequencing.genes import ReferenceWindow, build_genes

    rng = np.random.default_rng(11)
    letters = list(rng.choice(list("ACGT"), 1300))
    codons = [a + b + c for a in "ACGT" for b in "ACGT" for c in "ACGT"]
    codons = [codon for codon in codons if codon not in ("TAA", "TAG", "TGA")]
    coding = "ATG" + "".join(rng.choice(codons, 118)) + "TAA"
    letters[400:580], letters[680:860] = coding[:180], coding[180:]
    letters[580:582], letters[678:680] = "GT", "AG"
    letters[629] = "C"
    exons = [
        {
            "gene": "CD19",
            "transcript": "NM_1.1",
            "ensembl_gene": "ENSG1",
            "chrom": "chr16",
            "strand": "+",
            "exon": str(number),
            "start": str(TOY_FIRST - 1 + a),
            "end": str(TOY_FIRST - 1 + b),
            "cds_start": str(TOY_FIRST - 1 + a),
            "cds_end": str(TOY_FIRST - 1 + b),
        }
        for number, (a, b) in enumerate(TOY_EXONS, start=1)
    ]
    model = {
        "role": "antigen",
        "polymorphisms": [{"rs": "rs1", "pos": TOY_FIRST + 629, "ref": "C", "alt": "G"}],
    }
    genes = build_genes({"genes": {"CD19": model}, "nmd_distance_nt": 50}, exons, ["CD19"])
    return genes["CD19"], ReferenceWindow("chr16", TOY_FIRST, "".join(letters))


@pytest.fixture(scope="session")
def sheet_row():
    columns = (
        "sample_id", "patient_id", "day", "specimen", "assay", "path", "panel", "batch",
        "control_for", "infusion_no", "workspace", "reference", "barcodes", "bam", "variants",
        "labels", "chemistry", "purity",
    )  # fmt: skip

    def make(sample_id, day, assay="dna", **more):
        known = {
            "sample_id": sample_id, "patient_id": "p1", "day": str(day), "specimen": "BM",
            "assay": assay,
        }  # fmt: skip
        return {name: str((known | more).get(name, "")) for name in columns}

    return make


@pytest.fixture
def examine(toy, sheet_row, specimen_bam):
    """Findings of a simulated specimen: clones are (variants, share)."""
    from aftercar.io.alignments import read_alignments
    from aftercar.sequencing.specimens import call_specimen
    from aftercar.sequencing.variants import CallSettings

    gene, window = toy
    settings = CallSettings(20, 4, 1e-6, 0.02)

    def make(
        name, day, clones, depth=700, assay="dna", reference=window, backgrounds=None, edge=8,
        **sheet,
    ):  # fmt: skip
        bam = specimen_bam(
            window.sequence, window.start, clones, depth=depth,
            span=(window.start + 300, window.start + 960), name=f"{name}.bam", seed=day + 50,
            edge=edge,
        )  # fmt: skip

        def fetch(chrom, intervals):
            return read_alignments(bam, chrom, intervals, min_mapping_quality=20)

        row = sheet_row(name, day, assay, path="x", **sheet)
        genes, windows = {"CD19": gene}, {"CD19": reference}
        return call_specimen(row, genes, windows, fetch, settings, None, backgrounds)

    return make


@pytest.fixture
def deletion(toy):
    """A frameshift in exon 1: four bases lost."""
    _, window = toy
    at = window.start + 449
    ref = window.bases(at, at + 4)
    return at, ref, ref[0]


@pytest.fixture(scope="session")
def conftest_reads():
    """The functions of this file."""
    import types

    return types.SimpleNamespace(edited=edited, draw_reads=draw_reads, write_bam=write_bam)
