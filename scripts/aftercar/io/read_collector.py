"""Gather the usable reads of one contig of a BAM file as arrays, and what is odd about them."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from aftercar.contracts.growing_columns import GrowingColumns
from aftercar.contracts.reads import ASSUMED_QUALITY, AlignedReads, letters_and_qualities
from aftercar.io.bam_records import (
    BrokenRecordsError,
    Records,
    raw_record,
    record_batches,
    text_hashes,
)

# Not aligned, secondary, failed by the vendor, supplementary; duplicate (SAM specification, 1.4).
UNUSED = 0x4 | 0x100 | 0x200 | 0x800
DUPLICATE = 0x400
NOT_ALIGNED = 0x4
_PAIRED, _MATE_NOT_ALIGNED = 0x1, 0x8
# Tags of molecular barcodes in bulk reads, the better one first (SAM optional fields); a file has
# them where this share of its first reads does.
_MOLECULE_TAGS = ("MI", "RX")
_TAGGED_SHARE = 0.5
_SWEEP_NT = 50_000  # reading on over a smaller gap is faster than looking the next place up
_COLUMNS: dict[str, type] = {
    "letter": np.uint8, "start": np.int32, "flag": np.uint16, "name": np.uint64,
    "length": np.int32, "op": np.uint8,
    "op_length": np.int32, "op_count": np.int32, "overlapped": np.bool_, "cell": np.int64,
    "molecule": np.int64,
}  # fmt: skip
# Mates that overlap a read and should be there; where fewer are, names do not join the mates.
_MIN_MATES, _FOUND_SHARE = 100, 0.1


def neighbours(intervals: list[tuple[int, int]]) -> list[np.ndarray]:
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


class ReadCollector:
    """Gathers the usable records of one contig in arrays."""

    def __init__(
        self,
        contig: int,
        min_mapping_quality: int,
        unused: int,
        barcodes: dict[str, int] | None,
        cell: int | None = None,
    ) -> None:
        """Take reads of contig number `contig` without the flag bits `unused`.

        With `barcodes` only those of listed cells, with `cell` all as those of one cell.
        """
        self.contig, self.min_mapping_quality, self.unused = contig, min_mapping_quality, unused
        self.barcodes, self.cell = barcodes, cell
        self.of_cells = barcodes is not None or cell is not None
        self.tags = ("CB", "UB") if self.of_cells else _MOLECULE_TAGS
        self.barcode_tag: str | None = None  # of bulk reads; None: not yet looked for
        self.taken_up_to = -1
        self.reads_without_quality = self.nameless = 0
        self.columns = GrowingColumns(**_COLUMNS)
        self.molecular_barcodes: list[np.ndarray] = []
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
        unused = self.unused & ~np.where(barcode != b"", DUPLICATE, 0)
        end = fixed["start"] + np.maximum(records.reference_length, 1)
        nearest = np.searchsorted(intervals[:, 1], fixed["start"], side="right")
        kept = end > intervals[np.minimum(nearest, len(intervals) - 1), 0]
        for reason, fault in (
            ("not primary", (flag & unused & UNUSED) > 0),
            ("duplicate", (flag & unused) > 0),
            ("low mapping quality", fixed["mapping_quality"] < self.min_mapping_quality),
            ("without sequence", fixed["length"] == 0),
            ("without a whole alignment", records.query_length != fixed["length"]),
        ):
            self._drop(reason, kept & fault)
            kept &= ~fault
        records = records.take(kept)
        cell = molecule = np.full(len(records.at), -1, dtype=np.int64)
        if self.of_cells:
            records, cell, molecule = self._cells(records)
        fixed = records.fixed
        op, op_length, owner = records.operations
        missing = records.without_qualities()
        self.reads_without_quality += int(missing.sum())
        names, nameless = records.name_hashes()
        lone = np.arange(self.nameless, self.nameless + int(nameless.sum()), dtype=np.uint64)
        names[nameless] = ~lone  # each is a fragment of its own
        self.nameless += len(lone)
        end = fixed["start"] + records.reference_length
        overlapped = fixed["flag"] & (_PAIRED | _MATE_NOT_ALIGNED) == _PAIRED
        overlapped &= (fixed["mate_contig"] == self.contig) & (fixed["mate_start"] < end)
        overlapped &= fixed["mate_start"] >= fixed["start"]
        self.columns.add(
            letter=records.letters(), start=fixed["start"], flag=fixed["flag"], name=names,
            length=fixed["length"], op=op, op_length=op_length,
            op_count=np.bincount(owner, minlength=len(records.at)), overlapped=overlapped,
        )  # fmt: skip
        if self.of_cells:
            self.columns.add(cell=cell, molecule=molecule)
        else:
            self.molecular_barcodes.append(barcode[kept])

    def _molecular_barcodes(self, records: Records) -> np.ndarray:
        """Return the molecular barcode of each bulk read, empty without one."""
        none = np.zeros(len(records.at), dtype="S1")
        if self.of_cells or self.barcode_tag == "" or not len(none):
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
        if self.barcodes is not None:
            at, length = records.text_tags(("CB",))["CB"]
            self._drop("without cell barcode", length < 0)
            number = [self.barcodes.get(text, -1) for text in records.texts(at, length)]
            cell = np.array(number, dtype=np.int64)
            self._drop("barcode not listed", (length >= 0) & (cell < 0))
            records, cell = records.take(cell >= 0), cell[cell >= 0]
        else:
            cell = np.full(len(records.at), self.cell, dtype=np.int64)
        at, length = records.text_tags(("UB",))["UB"]
        # some aligners write "-" for a barcode that they could not correct
        without = (length < 0) | ((length == 1) & (records.buffer[np.maximum(at, 0)] == ord("-")))
        copied = without & ((records.fixed["flag"] & DUPLICATE) > 0)
        self._drop("duplicate", copied)
        self._drop("without molecular barcode, kept", without & ~copied)
        tag = text_hashes(records.buffer, at, np.maximum(length, 0))
        molecule = np.where(without, ~records.name_hashes()[0], tag).view(np.int64)
        return records.take(~copied), cell[~copied], molecule[~copied]

    def arrays(self, notes: tuple[tuple[str, str, str], ...] = ()) -> AlignedReads:
        """Return what was gathered, with `notes` and those on the reads themselves."""
        columns = self.columns.arrays()
        start, name, lengths = (columns[column] for column in ("start", "name", "length"))
        if self.of_cells:
            cell = columns["cell"]
            molecule = numbered(np.stack([cell, _with_mates(name, columns["molecule"])], axis=1))
        else:
            cell = molecule = np.broadcast_to(np.int64(-1), len(start))
        none = np.zeros(0, dtype="S1")
        barcode = np.concatenate([none, *self.molecular_barcodes])
        base, quality = letters_and_qualities(columns["letter"])
        fragment = numbered(name).astype(np.int32)
        return AlignedReads(
            start=start,
            flag=columns["flag"],
            fragment=fragment,
            base=base,
            quality=quality,
            base_offset=_offsets(lengths),
            op=columns["op"],
            op_length=columns["op_length"],
            op_offset=_offsets(columns["op_count"]),
            cell=cell,
            molecule=molecule,
            dropped=dict(sorted(self.dropped.items())),
            barcode=barcode if self.barcode_tag else None,
            barcode_tag=self.barcode_tag or "",
            notes=notes + tuple(self._notes(fragment, columns["overlapped"])),
        )

    def _notes(
        self, fragment: np.ndarray, overlapped: np.ndarray
    ) -> Iterator[tuple[str, str, str]]:
        """Yield check, verdict and message of what is odd about the reads."""
        if n := self.reads_without_quality:
            yield (
                "base_qualities", "FLAG",
                f"{n} of {len(fragment)} reads have no base qualities: their bases count as Phred "
                f"{ASSUMED_QUALITY}, which no cut-off leaves out; errors are not told apart",
            )  # fmt: skip
        if n := self.nameless:
            yield (
                "read_names", "FLAG",
                f"{n} reads without name: mates cannot be joined, their overlap counts twice; "
                "align again from files with read names",
            )  # fmt: skip
        expected = int(overlapped.sum())
        joined = int((np.bincount(fragment)[fragment[overlapped]] > 1).sum()) if expected else 0
        if expected >= _MIN_MATES and joined < _FOUND_SHARE * expected and not self.nameless:
            yield (
                "read_names", "FLAG",
                f"{joined} of {expected} overlapping mates have the name of their mate: the "
                "overlap of the others counts twice; align again with mates of the same name",
            )  # fmt: skip


def _with_mates(name: np.ndarray, molecule: np.ndarray) -> np.ndarray:
    """Give reads without UMI, which carry the complement of their name, the molecule of a mate."""
    bare = molecule == ~name.view(np.int64)
    names, first = np.unique(name[~bare], return_index=True)
    if not bare.any() or not len(names):
        return molecule
    at = np.minimum(np.searchsorted(names, name[bare]), len(names) - 1)
    known = names[at] == name[bare]
    molecule = molecule.copy()
    molecule[np.flatnonzero(bare)[known]] = molecule[~bare][first[at[known]]]
    return molecule


def numbered(keys: np.ndarray) -> np.ndarray:
    """Return numbers from 0 in the order in which each key (or row of keys) is first seen."""
    _, first, number = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    order = np.empty(len(first), dtype=np.int64)
    order[np.argsort(first)] = np.arange(len(first))
    return order[number.reshape(-1)]


def _offsets(lengths: np.ndarray) -> np.ndarray:
    offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets.astype(np.int32) if offsets[-1] < np.iinfo(np.int32).max else offsets
