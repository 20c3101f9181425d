"""Read BAM, FASTA and gene models; check their headers; hand reads over as plain arrays."""

import csv
import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import yaml

from aftercar.contracts.reads import AlignedReads

GENE_MODELS = Path(__file__).resolve().parents[3] / "resources" / "genes"
# Not aligned, secondary, failed by the vendor, supplementary; duplicate (SAM specification, 1.4).
_UNUSED = 0x4 | 0x100 | 0x200 | 0x800
_DUPLICATE = 0x400
_NOT_ALIGNED = 0x4
_NO_QUALITY = 255
_ASSUMED_QUALITY = 30  # for files without base qualities
# Reads looked at to tell which barcodes a file has at all; about half a minute.
MAX_READS_SEARCHED = 20_000_000
_READS_PER_PACK = 50_000


class AlignmentFileError(ValueError):
    """A BAM or FASTA file that cannot be used: what was found, what was expected, what to do."""

    def __init__(self, found: str, expected: str, remedy: str) -> None:
        """Keep the three parts; the text of the error joins them."""
        super().__init__(f"found {found}; expected {expected}; to mend it: {remedy}")
        self.found, self.expected, self.remedy = found, expected, remedy


_NO_REFERENCE = AlignmentFileError(
    "no reference", "a FASTA in sequencing/references of config.yaml", "add the reference"
)


def read_gene_models(folder: str | Path = GENE_MODELS) -> tuple[dict, list[dict[str, str]]]:
    """Return the content of genes.yaml and the rows of exons.tsv of a folder of gene models."""
    with open(Path(folder) / "exons.tsv", newline="") as file:
        exons = list(csv.DictReader(file, delimiter="\t"))
    return yaml.safe_load((Path(folder) / "genes.yaml").read_text()), exons


def contig_in(contig: str, names: Sequence[str]) -> str | None:
    """Return how `names` spell a contig (chr16 or 16), or None."""
    other = contig.removeprefix("chr") if contig.startswith("chr") else f"chr{contig}"
    return next((name for name in (contig, other) if name in names), None)


@contextmanager
def _opened_bam(path: str | Path) -> Iterator:
    """Open a BAM file without htslib's own messages, which name the file."""
    import pysam

    before = pysam.set_verbosity(0)
    try:
        try:
            bam = pysam.AlignmentFile(str(path), "rb")
        except (OSError, ValueError) as error:
            truncated = "truncated" in str(error).lower() or "eof" in str(error).lower()
            raise AlignmentFileError(
                "a truncated BAM file" if truncated else "a file that is not BAM",
                "a complete, coordinate-sorted BAM file",
                "copy the file again, or align again",
            ) from None
        with bam:
            yield bam
    finally:
        pysam.set_verbosity(before)


def _require_index(bam: object) -> None:
    if not bam.has_index():  # type: ignore[attr-defined]
        raise AlignmentFileError(
            "a BAM file without index",
            "a .bai file beside the BAM file",
            "run: samtools index FILE.bam (sort it first with samtools sort)",
        )


def alignment_problems(
    bam_path: str | Path, fasta_path: str | Path | None, genes: list[str]
) -> list[tuple[str, str, str]]:
    """Return (problem, expected, remedy) for all that the headers tell; opens no reads.

    `genes` are symbols of the gene models; with none, contigs and build are not looked at.
    """
    models, exons = read_gene_models()
    chroms = sorted({row["chrom"] for row in exons if row["gene"] in genes})
    found: list[tuple[str, str, str]] = []
    names: list[str] = []
    lengths: dict[str, int] = {}
    try:
        with _opened_bam(bam_path) as bam:
            names = list(bam.references)
            lengths = dict(zip(bam.references, bam.lengths, strict=True))
            _require_index(bam)
    except AlignmentFileError as error:
        found.append((error.found, error.expected, error.remedy))
    if names:
        found += contig_problems(lengths, chroms, models["contig_lengths"])
    if fasta_path:
        try:
            contigs = fasta_contigs(fasta_path)
        except AlignmentFileError as error:
            found.append((error.found, error.expected, error.remedy))
        else:
            if chroms and not any(contig_in(chrom, list(contigs)) for chrom in chroms):
                missing = _without_contigs(chroms)
                found.append((missing.found, missing.expected, missing.remedy))
    return found


def _without_contigs(chroms: Sequence[str]) -> AlignmentFileError:
    return AlignmentFileError(
        f"a reference without {' and '.join(chroms)}",
        "a GRCh38 FASTA with the contigs of the genes",
        "correct sequencing/references in config.yaml",
    )


def contig_problems(
    lengths: dict[str, int], chroms: Sequence[str], known: dict[str, dict[str, int]]
) -> list[tuple[str, str, str]]:
    """Say what is wrong with the contigs of a BAM header, given those that the genes lie on."""
    here = {chrom: contig_in(chrom, list(lengths)) for chrom in chroms}
    if chroms and not any(here.values()):
        return [
            (
                f"contigs {', '.join(list(lengths)[:3])} and none named like {chroms[0]}",
                f"one of the contigs {', '.join(chroms)}, with or without chr",
                "align to GRCh38 with these contig names, or rename them with samtools reheader",
            )
        ]
    for build, sizes in known.items():
        if build == "GRCh38":
            continue
        fits = [c for c, name in here.items() if name and lengths[name] == sizes.get(c)]
        if fits:
            return [
                (
                    f"the length of {fits[0]} in build {build}",
                    "reads aligned to GRCh38",
                    "align the reads again to GRCh38; coordinates cannot be converted afterwards",
                )
            ]
    return []


def fasta_contigs(path: str | Path) -> dict[str, int]:
    """Return the contigs of an indexed FASTA with their lengths, from its .fai alone."""
    index = Path(f"{path}.fai")
    if not Path(path).exists():
        raise AlignmentFileError(
            "no reference FASTA", "the file named in sequencing/references", "correct the path"
        )
    if not index.exists() or (str(path).endswith(".gz") and not Path(f"{path}.gzi").exists()):
        raise AlignmentFileError(
            "a reference FASTA without index",
            ".fai beside the FASTA (and .gzi beside a bgzip file)",
            "run: samtools faidx FILE.fa",
        )
    rows = [line.split("\t") for line in index.read_text().splitlines() if line]
    return {row[0]: int(row[1]) for row in rows}


def read_reference(
    path: str | Path | None, chrom: str, start: int, end: int
) -> tuple[str, int, str]:
    """Return contig, 1-based first position and upper-case bases of a stretch of a FASTA.

    The contig is looked for with and without chr; the stretch is cut where the contig ends.
    """
    import pysam

    if path is None:
        raise _NO_REFERENCE
    contigs = fasta_contigs(path)
    contig = contig_in(chrom, list(contigs))
    if contig is None:
        raise _without_contigs([chrom])
    start = max(start, 1)
    with pysam.FastaFile(str(path)) as fasta:
        return contig, start, fasta.fetch(contig, start - 1, min(end, contigs[contig])).upper()


def read_references(
    bam_path: str | Path,
    fasta_path: str | Path | None,
    stretches: dict[str, tuple[str, int, int]],
) -> dict[str, tuple[str, int, str]]:
    """Return what `read_reference` gives for each named stretch that BAM and FASTA both have.

    `stretches` are contig, first and last position by name. Raises AlignmentFileError where the
    headers rule out any analysis.
    """
    if fasta_path is None:
        raise _NO_REFERENCE
    problems = alignment_problems(bam_path, fasta_path, genes=[])
    chroms = sorted({chrom for chrom, _, _ in stretches.values()})
    with _opened_bam(bam_path) as bam:
        lengths = dict(zip(bam.references, bam.lengths, strict=True))
    problems += contig_problems(lengths, chroms, read_gene_models()[0]["contig_lengths"])
    for problem in problems:
        raise AlignmentFileError(*problem)
    contigs = list(fasta_contigs(fasta_path))
    if not any(contig_in(chrom, contigs) for chrom in chroms):
        raise _without_contigs(chroms)
    return {
        name: read_reference(fasta_path, *stretch)
        for name, stretch in stretches.items()
        if contig_in(stretch[0], contigs) and contig_in(stretch[0], list(lengths))
    }


def read_alignments(
    path: str | Path,
    chrom: str,
    intervals: list[tuple[int, int]],
    *,
    min_mapping_quality: int,
    barcodes: dict[str, int] | None = None,
    unfiltered: bool = False,
) -> AlignedReads:
    """Return the usable reads that overlap any of `intervals` (1-based inclusive, sorted).

    Usable: primary, not a duplicate, not failed, mapped with at least `min_mapping_quality`. With
    `barcodes` (cell barcode -> number) only reads of listed cells; reads marked as duplicates are
    then used, because molecules are told apart by their UMI. `unfiltered` takes every aligned read.
    Raises AlignmentFileError.
    """
    unused = _UNUSED | (0 if barcodes is not None else _DUPLICATE)
    unused = _NOT_ALIGNED if unfiltered else unused
    with _opened_bam(path) as bam:
        _require_index(bam)
        contig = contig_in(chrom, list(bam.references))
        if contig is None:
            raise AlignmentFileError(
                f"no contig {chrom}", f"a BAM file with contig {chrom}", "align to GRCh38"
            )
        limit = bam.get_reference_length(contig)
        collected = _Collector(barcodes)
        taken_up_to = -1
        try:
            for first, last in intervals:
                if first > limit:
                    continue
                for read in bam.fetch(contig, max(first - 1, 0), min(last, limit)):
                    if read.reference_start < taken_up_to:
                        continue  # an earlier interval brought it
                    flag = read.flag
                    if flag & unused:
                        reason = "duplicate" if not flag & _UNUSED else "not primary"
                    elif read.mapping_quality < min_mapping_quality:
                        reason = "low mapping quality"
                    else:
                        reason = collected.add(read)
                    if reason:
                        collected.dropped[reason] = collected.dropped.get(reason, 0) + 1
                taken_up_to = max(taken_up_to, min(last, limit))
        except (OSError, ValueError):
            raise AlignmentFileError(
                f"a BAM file that breaks off on {contig}",
                "a complete BAM file with its own index",
                "copy the file again and run samtools index",
            ) from None
    return collected.arrays()


class _Collector:
    """Gathers reads in lists, then joins them to arrays."""

    def __init__(self, barcodes: dict[str, int] | None) -> None:
        self.barcodes = barcodes
        self.fragments: dict[str, int] = {}
        self.molecules: dict[tuple[int, str], int] = {}
        self.rows: list[tuple[int, int, int, int, int]] = []
        self.sequences: list[str] = []
        self.qualities: list = []
        self.operations: list[list[tuple[int, int]]] = []
        self.packed: list[tuple[np.ndarray, ...]] = []
        self.dropped: dict[str, int] = {}

    def add(self, read) -> str:  # type: ignore[no-untyped-def]
        """Take a read; return why it was left out, or nothing."""
        sequence = read.query_sequence
        if sequence is None:
            return "without sequence"
        cell = molecule = -1
        name = read.query_name
        if self.barcodes is not None:
            if not read.has_tag("CB"):
                return "without cell barcode"
            found = self.barcodes.get(read.get_tag("CB"))
            if found is None:
                return "barcode not listed"
            cell = found
            tag = read.get_tag("UB") if read.has_tag("UB") else f"name:{name}"
            molecule = self.molecules.setdefault((cell, tag), len(self.molecules))
            if tag.startswith("name:"):
                self.dropped["without molecular barcode, kept"] = (
                    self.dropped.get("without molecular barcode, kept", 0) + 1
                )
        fragment = self.fragments.setdefault(name, len(self.fragments))
        self.rows.append((read.reference_start, read.flag, fragment, cell, molecule))
        self.sequences.append(sequence)
        qualities = read.query_qualities
        self.qualities.append(
            bytes([_NO_QUALITY]) * len(sequence) if qualities is None else qualities
        )
        self.operations.append(read.cigartuples)
        if len(self.rows) >= _READS_PER_PACK:
            self.pack()
        return ""

    def pack(self) -> None:
        """Turn the reads gathered so far into arrays, which need a third of the memory."""
        flat = np.array(
            list(itertools.chain.from_iterable(self.operations)), dtype=np.int64
        ).reshape(-1, 2)
        self.packed.append(
            (
                np.array(self.rows, dtype=np.int64).reshape(-1, 5),
                np.frombuffer("".join(self.sequences).upper().encode("ascii"), dtype=np.uint8),
                np.frombuffer(b"".join(self.qualities), dtype=np.uint8),
                np.array([len(sequence) for sequence in self.sequences], dtype=np.int64),
                flat[:, 0].astype(np.uint8),
                flat[:, 1],
                np.array([len(operations) for operations in self.operations], dtype=np.int64),
            )
        )
        self.rows, self.sequences, self.qualities, self.operations = [], [], [], []

    def arrays(self) -> AlignedReads:
        """Return what was gathered."""
        self.pack()
        rows, base, quality, lengths, op, op_length, op_count = (
            np.concatenate(part) for part in zip(*self.packed, strict=True)
        )
        self.packed = []
        if (quality == _NO_QUALITY).any():
            quality = np.where(quality == _NO_QUALITY, np.uint8(_ASSUMED_QUALITY), quality)
        return AlignedReads(
            start=rows[:, 0],
            flag=rows[:, 1],
            fragment=rows[:, 2],
            base=base,
            quality=quality,
            base_offset=_offsets(lengths),
            op=op,
            op_length=op_length,
            op_offset=_offsets(op_count),
            cell=rows[:, 3],
            molecule=rows[:, 4],
            dropped=dict(sorted(self.dropped.items())),
        )


def _offsets(lengths: np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


def read_barcodes(path: str | Path) -> list[str]:
    """Return the barcodes of a list, one a line, plain or gzip, in its order, with repeats."""
    import gzip

    opener = gzip.open if str(path).endswith(".gz") else open
    with opener(path, "rt") as file:
        return [line.split("\t")[0].strip() for line in file if line.strip()]


def read_cells(
    path: str | Path,
    chrom: str,
    intervals: list[tuple[int, int]],
    barcodes: dict[str, int],
    *,
    min_mapping_quality: int,
) -> AlignedReads:
    """Return the usable reads of listed cells over `intervals`; see `read_alignments`."""
    return read_alignments(
        path, chrom, intervals, min_mapping_quality=min_mapping_quality, barcodes=barcodes
    )


def barcodes_in(
    path: str | Path, barcodes: dict[str, int], limit: int = MAX_READS_SEARCHED
) -> tuple[set[int], bool]:
    """Return which of `barcodes` the first `limit` reads carry, and whether all reads were seen."""
    seen: set[int] = set()
    with _opened_bam(path) as bam:
        try:
            for number, read in enumerate(bam.fetch(until_eof=True)):
                if number >= limit:
                    return seen, False
                if read.has_tag("CB") and (cell := barcodes.get(read.get_tag("CB"))) is not None:
                    seen.add(cell)
        except (OSError, ValueError):
            raise AlignmentFileError(
                "a BAM file that breaks off", "a complete BAM file", "copy the file again"
            ) from None
    return seen, True
