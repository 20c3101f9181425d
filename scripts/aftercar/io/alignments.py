"""Read BAM, FASTA and gene models; check their headers; hand reads over as plain arrays."""

import csv
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import yaml

from aftercar.contracts.reads import AlignedReads, letters_and_qualities
from aftercar.io.bam_records import (
    BrokenRecordsError,
    Records,
    raw_record,
    record_batches,
    text_hashes,
)

GENE_MODELS = Path(__file__).resolve().parents[3] / "resources" / "genes"
# Not aligned, secondary, failed by the vendor, supplementary; duplicate (SAM specification, 1.4).
_UNUSED = 0x4 | 0x100 | 0x200 | 0x800
_DUPLICATE = 0x400
_NOT_ALIGNED = 0x4
# Reads looked at to tell which barcodes a file has at all; about half a minute.
MAX_READS_SEARCHED = 20_000_000
# Tags of molecular barcodes in bulk reads, the better one first (SAM optional fields); a file has
# them where this share of its first reads does.
_MOLECULE_TAGS = ("MI", "RX")
_TAGGED_SHARE = 0.5
_SWEEP_NT = 50_000  # reading on over a smaller gap is faster than looking the next place up


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
        try:
            yield bam
        finally:
            with suppress(OSError):  # htslib repeats an error of reading when it closes the file
                bam.close()
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
            found += _reference_problems(contigs, chroms, models["contig_lengths"])
    return found


def _reference_problems(
    contigs: dict[str, int], chroms: Sequence[str], known: dict[str, dict[str, int]]
) -> list[tuple[str, str, str]]:
    if chroms and not any(contig_in(chrom, list(contigs)) for chrom in chroms):
        missing = _without_contigs(chroms)
        return [(missing.found, missing.expected, missing.remedy)]
    told = _other_build(contigs, chroms, known)
    if not told:
        return []
    return [(f"a reference FASTA with {told}", "the FASTA of GRCh38", "correct the path of it")]


def _other_build(
    lengths: dict[str, int], chroms: Sequence[str], known: dict[str, dict[str, int]]
) -> str:
    """Say which contig has the length of another build than GRCh38; nothing if none has."""
    for build, sizes in known.items():
        for chrom in chroms if build != "GRCh38" else ():
            name = contig_in(chrom, list(lengths))
            if name and lengths[name] == sizes.get(chrom):
                return f"the length of {chrom} in build {build}"
    return ""


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
    if told := _other_build(lengths, chroms, known):
        return [
            (
                told,
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
    known = read_gene_models()[0]["contig_lengths"]
    problems += contig_problems(lengths, chroms, known)
    for problem in problems:
        raise AlignmentFileError(*problem)
    contigs = fasta_contigs(fasta_path)
    for problem in _reference_problems(contigs, chroms, known):
        raise AlignmentFileError(*problem)
    return {
        name: read_reference(fasta_path, *stretch)
        for name, stretch in stretches.items()
        if contig_in(stretch[0], list(contigs)) and contig_in(stretch[0], list(lengths))
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
    then used, because molecules are told apart by their UMI; so are those of a bulk file whose
    reads carry a molecular barcode (MI or RX). `unfiltered` takes every aligned read.
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
        collected = _Collector(bam.get_tid(contig), min_mapping_quality, unused, barcodes)
        try:
            for group in _neighbours([(a, min(b, limit)) for a, b in intervals if a <= limit]):
                collected.add_intervals(path, bam, group)
        except (OSError, ValueError):
            raise AlignmentFileError(
                f"a BAM file that breaks off or is not sorted on {contig}, or the index of another",
                "a complete BAM file, sorted by coordinate, with its own index",
                "copy the file again, run samtools sort if need be, then samtools index",
            ) from None
    return collected.arrays()


def _neighbours(intervals: list[tuple[int, int]]) -> list[np.ndarray]:
    """Return the intervals, 0-based half-open and merged, in groups that are read in one sweep."""
    merged: list[list[int]] = []
    for first, last in sorted(intervals):
        if merged and first - 1 <= merged[-1][1]:
            merged[-1][1] = max(merged[-1][1], last)
        else:
            merged.append([max(first - 1, 0), last])
    table = np.array(merged, dtype=np.int64).reshape(-1, 2)
    far = np.flatnonzero(table[1:, 0] - table[:-1, 1] > _SWEEP_NT) + 1
    return [part for part in np.split(table, far) if len(part)]


class _Collector:
    """Gathers the usable records of one contig in arrays."""

    def __init__(
        self, contig: int, min_mapping_quality: int, unused: int, barcodes: dict[str, int] | None
    ) -> None:
        self.contig, self.min_mapping_quality, self.unused = contig, min_mapping_quality, unused
        self.barcodes = barcodes
        self.tags = _MOLECULE_TAGS if barcodes is None else ("CB", "UB")
        self.barcode_tag: str | None = None  # of bulk reads; None: not yet looked for
        self.taken_up_to = -1
        self.parts: list[tuple[np.ndarray, ...]] = []
        self.letters: list[np.ndarray] = []
        self.dropped: dict[str, int] = {}

    def add_intervals(self, path: str | Path, bam, intervals: np.ndarray) -> None:  # type: ignore[no-untyped-def]
        """Take the usable reads that overlap any of the 0-based half-open intervals, sorted."""
        low, high = int(intervals[0, 0]), int(intervals[-1, 1])
        read = next(bam.fetch(bam.get_reference_name(self.contig), low, high), None)
        if read is None:
            return
        position = -1
        for records in record_batches(path, bam.tell(), raw_record(read, self.tags)):
            fixed = records.fixed
            inside = fixed["contig"] == self.contig
            here = fixed["start"][inside]
            if len(here) and (int(here[0]) < position or (np.diff(here) < 0).any()):
                raise BrokenRecordsError("reads that are not sorted")
            position = int(here[-1]) if len(here) else position
            # what begins before that was brought by earlier intervals
            inside &= (fixed["start"] >= self.taken_up_to) & (fixed["start"] < high)
            self._add(records.take(inside), intervals)
            if len(here) < len(fixed) or position >= high:
                break
        self.taken_up_to = high

    def _drop(self, reason: str, which: np.ndarray) -> None:
        if n := int(which.sum()):
            self.dropped[reason] = self.dropped.get(reason, 0) + n

    def _add(self, records: Records, intervals: np.ndarray) -> None:
        fixed = records.fixed
        flag = fixed["flag"].astype(np.int64)
        barcode = self._molecular_barcodes(records)
        unused = self.unused & ~np.where(barcode != b"", _DUPLICATE, 0)
        end = fixed["start"] + np.maximum(records.reference_length, 1)
        nearest = np.searchsorted(intervals[:, 1], fixed["start"], side="right")
        kept = end > intervals[np.minimum(nearest, len(intervals) - 1), 0]
        for reason, fault in (
            ("not primary", (flag & unused & _UNUSED) > 0),
            ("duplicate", (flag & unused) > 0),
            ("low mapping quality", fixed["mapping_quality"] < self.min_mapping_quality),
            ("without sequence", fixed["length"] == 0),
            ("without a whole alignment", records.query_length != fixed["length"]),
        ):
            self._drop(reason, kept & fault)
            kept &= ~fault
        records = records.take(kept)
        cell = molecule = np.full(len(records.at), -1, dtype=np.int64)
        if self.barcodes is not None:
            records, cell, molecule = self._cells(records)
        op, op_length, owner = records.operations
        self.letters.append(records.letters())
        self.parts.append(
            (
                records.fixed["start"].astype(np.int64),
                records.fixed["flag"].astype(np.int64),
                records.name_hashes(),
                records.fixed["length"].astype(np.int64),
                op,
                op_length,
                np.bincount(owner, minlength=len(records.at)),
                cell,
                molecule,
                barcode[kept] if self.barcodes is None else barcode[:0],
            )
        )

    def _molecular_barcodes(self, records: Records) -> np.ndarray:
        """Return the molecular barcode of each bulk read, empty without one."""
        none = np.zeros(len(records.at), dtype="S1")
        if self.barcodes is not None or self.barcode_tag == "" or not len(none):
            return none
        wanted = (self.barcode_tag,) if self.barcode_tag else _MOLECULE_TAGS
        found = records.text_tags(wanted)
        if self.barcode_tag is None:
            shares = {tag: float((found[tag][1] > 0).mean()) for tag in wanted}
            self.barcode_tag = next((t for t in wanted if shares[t] >= _TAGGED_SHARE), "")
            if not self.barcode_tag:
                return none
        return records.text_column(*found[self.barcode_tag])

    def _cells(self, records: Records) -> tuple[Records, np.ndarray, np.ndarray]:
        """Return the records of listed cells, their cells, and hashes of their molecules."""
        assert self.barcodes is not None
        at, length = records.text_tags(("CB",))["CB"]
        self._drop("without cell barcode", length < 0)
        number = [self.barcodes.get(text, -1) for text in records.texts(at, length)]
        cell = np.array(number, dtype=np.int64)
        self._drop("barcode not listed", (length >= 0) & (cell < 0))
        records, cell = records.take(cell >= 0), cell[cell >= 0]
        at, length = records.text_tags(("UB",))["UB"]
        self._drop("without molecular barcode, kept", length < 0)
        tag = text_hashes(records.buffer, at, np.maximum(length, 0))
        molecule = np.where(length < 0, ~records.name_hashes(), tag)
        return records, cell, molecule.view(np.int64)

    def arrays(self) -> AlignedReads:
        """Return what was gathered."""
        if not self.parts:
            self.parts = [(np.zeros(0, dtype=np.int64),) * 9 + (np.zeros(0, dtype="S1"),)]
        columns = [np.concatenate(part) for part in zip(*self.parts, strict=True)]
        self.parts = []
        start, flag, name, lengths, op, op_length, op_count, cell, molecule, barcode = columns
        if self.barcodes is not None:
            molecule = numbered(np.stack([cell, molecule], axis=1))
        packed = np.zeros(int(lengths.sum()), dtype=np.uint8)
        at = 0
        for number, letters in enumerate(self.letters):
            packed[at : at + len(letters)] = letters
            at += len(letters)
            self.letters[number] = letters[:0]  # frees it
        base, quality = letters_and_qualities(packed)
        return AlignedReads(
            start=start,
            flag=flag,
            fragment=numbered(name),
            base=base,
            quality=quality,
            base_offset=_offsets(lengths),
            op=op.astype(np.uint8),
            op_length=op_length,
            op_offset=_offsets(op_count),
            cell=cell,
            molecule=molecule,
            dropped=dict(sorted(self.dropped.items())),
            barcode=barcode if self.barcode_tag else None,
            barcode_tag=self.barcode_tag or "",
        )


def numbered(keys: np.ndarray) -> np.ndarray:
    """Return numbers from 0 in the order in which each key (or row of keys) is first seen."""
    _, first, number = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    order = np.empty(len(first), dtype=np.int64)
    order[np.argsort(first)] = np.arange(len(first))
    return order[number.reshape(-1)]


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
