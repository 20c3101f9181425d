"""Reads of single cells: one BAM file with cell barcodes, or one BAM file per cell."""

import csv
import io
import itertools
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import yaml

from aftercar.contracts.reads import AlignedReads, BarcodeSearch, barcode_kind, joined_reads
from aftercar.io.alignments import (
    AlignmentFileError,
    opened_bam,
    read_alignments,
    require_index,
)
from aftercar.io.safe_sizes import UnsafeSize, open_text_bytes

RESOURCES = Path(__file__).resolve().parents[3] / "resources"
GENOTYPING_PRIORS = RESOURCES / "singlecell" / "genotyping.yaml"
# Reads looked at to tell which barcodes a file has at all, from so many places of it: a few
# seconds. Files with fewer reads are searched whole.
MAX_READS_SEARCHED = 2_000_000
_PLACES = 400  # beside the starts of all contigs
_PLACE_NT = 1_000_000  # nearer places share a part of the index, which is read from its start
_READS_DESCRIBED = 2_000  # reads whose tags are described where barcodes do not match
_MISSING_TAG = "-"  # some aligners write this for a barcode that they could not correct
_LISTS = (".tsv", ".txt")


def read_barcodes(path: str | Path) -> list[str]:
    """Return the barcodes of a list, one a line, plain or gzip, in its order, with repeats.

    Raises AlignmentFileError for a file that is no such list.
    """
    try:
        with io.TextIOWrapper(open_text_bytes(path)) as file:
            return [line.split("\t")[0].strip() for line in file if line.strip()]
    except (OSError, EOFError, zlib.error, ValueError) as error:
        reason = str(error) if isinstance(error, UnsafeSize) else type(error).__name__
        raise AlignmentFileError(
            f"a list of barcodes that cannot be read ({reason})",
            "text with one barcode a line, plain or gzip",
            "copy the file again",
        ) from None


class TaggedCells:
    """One BAM file whose reads name their cell in tag CB and their molecule in tag UB."""

    def __init__(self, path: str | Path, min_mapping_quality: int) -> None:
        """Nothing is opened yet."""
        self.path, self.min_mapping_quality = path, min_mapping_quality

    def fetch(
        self, chrom: str, intervals: list[tuple[int, int]], barcodes: dict[str, int]
    ) -> AlignedReads:
        """Return the usable reads of listed cells over `intervals` (1-based inclusive, sorted).

        See `read_alignments` for what is usable. Raises AlignmentFileError.
        """
        return read_alignments(
            self.path,
            chrom,
            intervals,
            min_mapping_quality=self.min_mapping_quality,
            barcodes=barcodes,
        )

    def search(self, barcodes: dict[str, int], limit: int = MAX_READS_SEARCHED) -> BarcodeSearch:
        """Return which of the barcodes (spelling -> number) the file carries.

        Files with more than `limit` reads are sampled from places spread over all contigs; the
        search ends where all barcodes are found.
        """
        wanted, seen = len(set(barcodes.values())), set[int]()
        looked, described = 0, _TagKinds()
        with opened_bam(self.path) as bam:
            require_index(bam)
            total = bam.mapped + bam.unmapped
            whole = total <= limit
            try:
                places = [] if whole else _places(bam)
                for read in _whole(bam) if whole else _sampled(bam, places, limit):
                    looked += 1
                    if looked <= _READS_DESCRIBED:
                        described.look_at(read)
                    try:
                        number = barcodes.get(read.get_tag("CB"))
                    except KeyError:
                        continue
                    if number is not None and number not in seen:
                        seen.add(number)
                        if len(seen) == wanted:
                            break
            except (OSError, ValueError):
                raise _broken() from None
        found_all = len(seen) == wanted
        text = (
            "every read"
            if whole
            else f"{looked:,} of {total:,} reads, from {len(places)} place(s) over all contigs"
        )
        return BarcodeSearch(frozenset(seen), whole or found_all, text, described.text())


class CellFiles:
    """One BAM file per cell, in a folder (CELL.bam) or in a list (cell, tab, path)."""

    def __init__(self, path: str | Path, min_mapping_quality: int) -> None:
        """Read the list; no BAM file is opened yet."""
        self.files = list(_cell_files(Path(path)))
        self.min_mapping_quality = min_mapping_quality
        self._unusable: dict[str, AlignmentFileError] = {}

    @property
    def barcodes(self) -> list[str]:
        """Names of the cells, in the order of the list, with repeats."""
        return [cell for cell, _ in self.files]

    def fetch(
        self, chrom: str, intervals: list[tuple[int, int]], barcodes: dict[str, int]
    ) -> AlignedReads:
        """Return the usable reads of listed cells; see `TaggedCells.fetch`.

        A file that breaks off gives no reads of its cell; `search` names the cell.
        """
        parts = []
        for cell, path in self.files:
            number = barcodes.get(cell)
            if number is None or cell in self._unusable:
                continue
            try:
                parts.append(
                    read_alignments(
                        path,
                        chrom,
                        intervals,
                        min_mapping_quality=self.min_mapping_quality,
                        cell=number,
                    )
                )
            except AlignmentFileError as error:
                self._unusable[cell] = error
        return joined_reads(parts)

    def search(self, barcodes: dict[str, int]) -> BarcodeSearch:
        """Return which listed cells have a BAM file with reads, and what is wrong with others."""
        seen: set[int] = set()
        tags = _TagKinds()
        for cell, path in self.files:
            if cell not in barcodes:
                continue
            try:
                with opened_bam(path) as bam:
                    require_index(bam)
                    if bam.mapped:
                        seen.add(barcodes[cell])
                        if tags.reads < _READS_DESCRIBED:
                            for read in itertools.islice(bam.fetch(until_eof=True), 20):
                                tags.look_at(read)
            except (AlignmentFileError, OSError, ValueError) as error:
                told = error if isinstance(error, AlignmentFileError) else _broken()
                self._unusable[cell] = told
        problems = tuple(
            f"cell {cell}: found {error.found}, expected {error.expected}"
            for cell, error in sorted(self._unusable.items())
        )
        text = f"the BAM files of {len(self.files)} cells"
        return BarcodeSearch(frozenset(seen), True, text, tags.text(), problems)


CellReader = TaggedCells | CellFiles


def open_cells(path: str | Path, min_mapping_quality: int) -> CellReader:
    """Return the reader for a BAM file with barcodes, a folder of BAM files or a list of them."""
    if str(path).endswith(_LISTS) or Path(path).is_dir():
        return CellFiles(path, min_mapping_quality)
    return TaggedCells(path, min_mapping_quality)


def _cell_files(path: Path) -> Iterator[tuple[str, Path]]:
    if path.is_dir():
        found = sorted(path.glob("*.bam"))
        if not found:
            raise AlignmentFileError(
                "a folder without BAM files", "one file CELL.bam per cell", "correct the path"
            )
        yield from ((file.name.removesuffix(".bam"), file) for file in found)
        return
    with open(path, newline="") as file:
        rows = [row for row in csv.reader(file, delimiter="\t") if row]
    bad = [str(number) for number, row in enumerate(rows, start=1) if len(row) < 2 or not row[1]]
    if bad or not rows:
        raise AlignmentFileError(
            f"a list of BAM files without path in line {', '.join(bad[:5]) or '1'}",
            "two columns separated by a tab: cell and path of its BAM file",
            "complete the list",
        )
    # paths are relative to the list, so that a folder can be moved as a whole
    yield from ((row[0].strip(), path.parent / row[1].strip()) for row in rows)


def cell_file_problems(path: str | Path) -> list[tuple[str, str, str]]:
    """Return (problem, expected, remedy) for a folder or list of BAM files; opens headers only."""
    try:
        files = CellFiles(path, 0).files
    except AlignmentFileError as error:
        return [(error.found, error.expected, error.remedy)]
    found: dict[tuple[str, str, str], list[str]] = {}
    for cell, file in files:
        try:
            with opened_bam(file) as bam:
                require_index(bam)
        except AlignmentFileError as error:
            found.setdefault((error.found, error.expected, error.remedy), []).append(cell)
    return [
        (f"{problem} for {len(cells)} of {len(files)} cells, first {cells[0]}", expected, remedy)
        for (problem, expected, remedy), cells in found.items()
    ]


def _broken() -> AlignmentFileError:
    return AlignmentFileError(
        "a BAM file that breaks off", "a complete BAM file with its own index",
        "copy the file again and run samtools index",
    )  # fmt: skip


def _whole(bam) -> Iterator:  # type: ignore[no-untyped-def]
    return bam.fetch(until_eof=True)


def _places(bam) -> list[tuple[str, int]]:  # type: ignore[no-untyped-def]
    """Return where reads begin: contig starts, and the first reads after evenly spaced places."""
    used = [part.contig for part in bam.get_index_statistics() if part.mapped]
    lengths = np.array([bam.get_reference_length(contig) for contig in used], dtype=float)
    first = np.cumsum(lengths) - lengths
    places = dict.fromkeys((contig, 0) for contig in used)
    step = max(lengths.sum() / _PLACES, _PLACE_NT)
    for at in np.arange(step / 2, lengths.sum(), step):
        number = int(np.searchsorted(first, at, side="right")) - 1
        read = next(bam.fetch(used[number], int(at - first[number])), None)
        if read is not None:
            places[used[number], read.reference_start] = None
    return list(places)


def _sampled(bam, places: list[tuple[str, int]], limit: int) -> Iterator:  # type: ignore[no-untyped-def]
    for contig, start in places:
        yield from itertools.islice(bam.fetch(contig, start), max(limit // len(places), 1))


class _TagKinds:
    """What the tags of some reads look like, without any of them."""

    def __init__(self) -> None:
        self.reads = self.cells = self.raw_cells = self.molecules = 0
        self.kinds: Counter[str] = Counter()

    def look_at(self, read) -> None:  # type: ignore[no-untyped-def]
        self.reads += 1
        if read.has_tag("CB") and (tag := str(read.get_tag("CB"))) != _MISSING_TAG:
            self.cells += 1
            self.kinds[barcode_kind(tag)] += 1
        self.raw_cells += read.has_tag("CR")
        self.molecules += read.has_tag("UB") and read.get_tag("UB") != _MISSING_TAG

    def text(self) -> str:
        if not self.cells:
            raw = " (only CR, the uncorrected barcode)" if self.raw_cells else ""
            return f"no CB tag in {self.reads} reads{raw}"
        kind = ", ".join(kind for kind, _ in self.kinds.most_common(2))
        return f"CB tags of {kind}" + ("" if self.molecules else ", no UB tag")


def read_genotyping_priors(path: str | Path = GENOTYPING_PRIORS) -> dict:
    """Return the content of genotyping.yaml: what cells show of what they carry."""
    return yaml.safe_load(Path(path).read_text())
