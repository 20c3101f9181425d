"""What a gained or lost base would need at each position: reads across the run, its error rate."""

import numpy as np

from aftercar.sequencing.alleles import Allele
from aftercar.sequencing.errors import ErrorModel
from aftercar.sequencing.fragments import CHUNK_READS, Segments
from aftercar.sequencing.genes import ReferenceWindow
from aftercar.sequencing.realign import DECISIVE_END_NT


def runs(window: ReferenceWindow) -> tuple[np.ndarray, np.ndarray]:
    """Return first window index and length of the run of equal bases that holds each position."""
    letters = np.frombuffer(window.sequence.encode(), dtype=np.uint8)
    first = np.flatnonzero(np.concatenate([[True], letters[1:] != letters[:-1]]))
    length = np.diff(np.concatenate([first, [len(letters)]]))
    return np.repeat(first, length), np.repeat(length, length)


def spanning_depth(segments: Segments, window: ReferenceWindow, depth: np.ndarray) -> np.ndarray:
    """Return by window position the fragments that read across its run from one side to the other.

    Only they show that the run is longer or shorter. `depth` is the number of fragments with a base
    at each position; the share of reads that span the run is taken for that of fragments.
    """
    size = len(window.sequence)
    run_start, run_length = runs(window)
    first, last = segments.ref_start - (window.start - 1), segments.ref_end - (window.start - 1)
    covering = _stretches(first, last, size)
    spanning = np.zeros(size)
    for length in np.unique(run_length):
        here = run_length == length
        # first indices of the runs of this length that a read spans
        reach = DECISIVE_END_NT
        across = _stretches(first + reach, last - int(length) - reach + 2, size)
        spanning[here] = across[run_start[here]]
    share = np.minimum(spanning / np.maximum(covering, 1), 1)
    return np.floor(depth * share).astype(np.int64)


def _stretches(first: np.ndarray, end: np.ndarray, size: int) -> np.ndarray:
    """Return how many half-open stretches hold each index."""
    change = np.zeros(size + 1, dtype=np.int64)
    for block in range(0, len(first), CHUNK_READS):
        begins, ends = (np.clip(at[block : block + CHUNK_READS], 0, size) for at in (first, end))
        real = ends > begins
        change += np.bincount(begins[real], minlength=size + 1)
        change -= np.bincount(ends[real], minlength=size + 1)
    return np.cumsum(change)[:size]


def length_change_errors(
    window: ReferenceWindow, errors: ErrorModel, depth: np.ndarray, index: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return error rate and correlation of one base less or more in the run of each window index.

    Of loss and gain that which errs more often.
    """
    run_start, _ = runs(window)
    known: dict[int, tuple[float, float]] = {}
    for start in np.unique(run_start[index]).tolist():
        before = window.start + start - 1
        anchor, base = window.bases(before, before), window.bases(before + 1, before + 1)
        worst = (0.0, 0.0)
        for allele in (
            Allele(before, anchor + base, anchor),
            Allele(before, anchor, anchor + base),
        ):
            rate, dispersion = errors.indel_rate(allele, window, 0, int(depth[start]))
            if errors.background:
                rates, dispersion = errors.at_site(allele, np.full(3, rate), dispersion)
                rate = float(rates.mean())
            worst = max(worst, (rate, dispersion))
        known[start] = worst
    found = np.array([known[start] for start in run_start[index].tolist()]).reshape(-1, 2)
    return found[:, 0], found[:, 1]
