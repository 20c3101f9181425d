"""Where an aligner puts a read: affine gaps to the left, ends clipped; the scores are BWA-MEM's."""

import numpy as np

MATCH, MISMATCH, GAP_OPEN, GAP_EXTEND, CLIP = 1, -4, 6, 1, 5  # BWA-MEM's defaults
MARGIN_NT = 80  # reference looked at on both sides; a longer gap never beats a clipped end
_CHUNK = 300
_OPERATIONS = {"M": 0, "I": 1, "D": 2, "S": 4}  # codes of a BAM file


def align(reads: np.ndarray, windows: np.ndarray) -> list[tuple[int, list[tuple[int, int]]]]:
    """Return, for each read, its offset in its window and its CIGAR as (operation, length).

    `reads` (n, length) and `windows` (n, width) are letters. A gap costs 6 + its length, a clipped
    end 5, a mismatch 4. Of equal alignments the one with its gaps furthest to the left is taken.
    """
    placed: list[tuple[int, list[tuple[int, int]]]] = []
    for start in range(0, len(reads), _CHUNK):
        part = slice(start, start + _CHUNK)
        placed += _align(reads[part], windows[part])
    return placed


def _align(reads: np.ndarray, windows: np.ndarray) -> list[tuple[int, list[tuple[int, int]]]]:
    count, length = reads.shape
    width = windows.shape[1]
    lowest = np.int16(-10_000)
    column = np.arange(width, dtype=np.int16)
    whole = np.full((count, width), lowest)  # best alignment that ends here
    gap_in_window = np.full((count, width), lowest)  # ... with an inserted base
    from_start = np.zeros((length, count, width), dtype=bool)
    last = np.zeros((length, count, width), dtype=np.uint8)  # 0 aligned, 1 inserted, 2 deleted
    inserted_on = np.zeros((length, count, width), dtype=bool)
    deleted_on = np.zeros((length, count, width), dtype=bool)
    best = np.full(count, lowest)
    end_row, end_column = np.zeros(count, dtype=int), np.zeros(count, dtype=int)
    for row in range(length):
        score = np.where(windows == reads[:, row, None], np.int16(MATCH), np.int16(MISMATCH))
        before = np.full((count, width), lowest)
        before[:, 1:] = whole[:, :-1]
        begin = np.int16(0 if row == 0 else -CLIP)
        from_start[row] = before < begin
        aligned = np.maximum(before, begin) + score
        opened = whole - np.int16(GAP_OPEN + GAP_EXTEND)
        inserted_on[row] = gap_in_window - np.int16(GAP_EXTEND) > opened
        inserted = np.maximum(opened, gap_in_window - np.int16(GAP_EXTEND))
        no_deletion = np.maximum(aligned, inserted)
        shifted = np.full((count, width), lowest)
        running = np.maximum.accumulate(no_deletion + column, axis=1)
        shifted[:, 1:] = running[:, :-1] - column[1:] - np.int16(GAP_OPEN)
        deleted_on[row, :, 1:] = shifted[:, 1:] > no_deletion[:, :-1] - (GAP_OPEN + GAP_EXTEND)
        whole = np.maximum(no_deletion, shifted)
        last[row] = np.where(aligned == whole, 0, np.where(inserted == whole, 1, 2))
        gap_in_window = inserted
        ended = aligned - np.int16(0 if row == length - 1 else CLIP)
        where = ended.argmax(axis=1)
        value = ended[np.arange(count), where]
        better = value >= best if row == length - 1 else value > best
        best[better] = value[better]
        end_row[better], end_column[better] = row, where[better]
    return [
        _trace(from_start[:, n], last[:, n], inserted_on[:, n], deleted_on[:, n],
               int(end_row[n]), int(end_column[n]), length)
        for n in range(count)
    ]  # fmt: skip


def _trace(
    from_start: np.ndarray, last: np.ndarray, inserted_on: np.ndarray, deleted_on: np.ndarray,
    row: int, column: int, length: int,
) -> tuple[int, list[tuple[int, int]]]:  # fmt: skip
    steps = ["S"] * (length - 1 - row)
    state = 0
    while True:
        if state == 0:
            steps.append("M")
            stop = bool(from_start[row, column]) or row == 0 or column == 0
            if stop:
                break
            row, column = row - 1, column - 1
            state = int(last[row, column])
        elif state == 1:
            steps.append("I")
            goes_on = bool(inserted_on[row, column])
            row -= 1
            state = 1 if goes_on else int(last[row, column])
        else:
            steps.append("D")
            goes_on = bool(deleted_on[row, column])
            column -= 1
            if not goes_on:
                # the best without a deletion: aligned wins over inserted
                state = 0 if last[row, column] != 1 else 1
    steps += ["S"] * row
    cigar: list[tuple[int, int]] = []
    for step in reversed(steps):
        code = _OPERATIONS[step]
        if cigar and cigar[-1][0] == code:
            cigar[-1] = (code, cigar[-1][1] + 1)
        else:
            cigar.append((code, 1))
    return column, cigar
