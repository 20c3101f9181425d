"""Droplets that held two cells, told by their likeness to simulated pairs (Scrublet).

Wolock 2019, 10.1016/j.cels.2018.11.005: pairs of cells of one library are added up, and a cell's
score is the share of such pairs among its neighbours, as the probability of being one. Only pairs
of unlike cells can be told; the share of simulated pairs above the threshold says how many.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from aftercar.singlecell.embedding import Axes
from aftercar.singlecell.neighbours import in_threads, nearest_neighbours

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix


@dataclass(frozen=True)
class LibraryDoublets:
    """What was found in one library; `reason` is filled where nothing could be looked for.

    `name` is the number behind the barcodes, or empty. `detectable` is the share of simulated
    pairs above the threshold; `valley` tells whether the threshold lies between two modes of them.
    """

    name: str
    cells: int
    called: int = 0
    expected_fraction: float = float("nan")
    threshold: float = float("nan")
    detectable: float = float("nan")
    valley: bool = False
    reason: str = ""


@dataclass(frozen=True, eq=False)
class Doublets:
    """Which cells were called doublets, their scores (NaN: not looked at), and each library."""

    called: np.ndarray
    score: np.ndarray
    libraries: tuple[LibraryDoublets, ...]


def library_of(barcodes: np.ndarray) -> np.ndarray:
    """Return the number behind each barcode (-1, -2 ...), which stands for its library."""
    parts = [str(barcode).rpartition("-") for barcode in barcodes]
    return np.array([end if start and end.isdigit() else "" for start, _, end in parts], object)


def find_doublets(
    chosen: "csr_matrix",
    depth: np.ndarray,
    axes: Axes,
    library: np.ndarray,
    *,
    targeted: bool,
    settings: dict,
    seed: int,
) -> Doublets:
    """Return which cells are doublets, library by library.

    `chosen` holds the counts of the genes that made `axes`, `depth` the molecules by which cells
    are normalised. A targeted panel and a library with too few cells are not looked at.
    """
    called = np.zeros(len(depth), dtype=bool)
    score = np.full(len(depth), np.nan)
    points = axes.place(chosen, depth)

    def look(numbered: tuple[int, str]) -> LibraryDoublets:
        number, name = numbered
        rows = np.flatnonzero(library == name)
        if targeted or len(rows) < settings["minimum_cells"]:
            reason = (
                "a targeted panel has too few genes to tell pairs of cells"
                if targeted
                else f"{len(rows)} cells, too few to tell pairs (at least "
                f"{settings['minimum_cells']})"
            )
            return LibraryDoublets(name, len(rows), reason=reason)
        expected = min(settings["fraction_per_1000_cells"] * len(rows) / 1000, settings["maximum"])
        ratio = min(settings["simulated_per_cell"], settings["simulated_at_most"] / len(rows))
        own, simulated = pairs_nearby(
            chosen[rows], depth[rows], points[rows], axes, ratio=ratio,
            random=np.random.default_rng([seed, number]),
        )  # fmt: skip
        threshold, valley = doublet_threshold(own, simulated, expected, settings)
        called[rows] = own > threshold
        score[rows] = doublet_probability(own, expected, ratio)
        return LibraryDoublets(
            name, len(rows), int((own > threshold).sum()), expected,
            float(doublet_probability(np.array(threshold), expected, ratio)),
            float((simulated > threshold).mean()), valley,
        )  # fmt: skip

    found = in_threads(look, enumerate(sorted(set(library))))
    return Doublets(called, score, tuple(found))


def pairs_nearby(
    chosen: "csr_matrix",
    depth: np.ndarray,
    points: np.ndarray,
    axes: Axes,
    *,
    ratio: float,
    random: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the share of simulated pairs among the neighbours of each cell and of each pair.

    `ratio` pairs per cell are drawn; the number of neighbours is that of Scrublet.
    """
    cells = len(depth)
    pairs = random.integers(0, cells, (max(round(ratio * cells), 1), 2))
    both = chosen[pairs[:, 0]] + chosen[pairs[:, 1]]
    simulated = axes.place(both, depth[pairs[:, 0]] + depth[pairs[:, 1]])
    number = round(0.5 * np.sqrt(cells) * (1 + ratio))
    index = nearest_neighbours(np.vstack([points, simulated]), number)[1]
    share = ((index >= cells).sum(axis=1) + 1) / (index.shape[1] + 2)
    return share[:cells], share[cells:]


def doublet_probability(share: np.ndarray, expected: float, ratio: float) -> np.ndarray:
    """Return the probability of being a doublet from the share q of pairs among the neighbours.

    q e / r / (1 - e - q (1 - e - e / r)), with the expected share e and r pairs per cell.
    """
    return share * expected / ratio / (1 - expected - share * (1 - expected - expected / ratio))


def doublet_threshold(
    own: np.ndarray, simulated: np.ndarray, expected: float, settings: dict
) -> tuple[float, bool]:
    """Return the share of pairs nearby above which a cell is a doublet; whether it is a valley.

    Doublets in all are (called / cells) / (pairs above / pairs). They are plausible where they are
    no more than the expected ones, or than `plausible_excess` times the fewest that any threshold
    surely gives. Simulated pairs of unlike and of like cells make two modes, and the threshold is
    the valley between them if that is plausible, else the lowest plausible one. Nothing is called
    where cells look like their pairs, so that every threshold gives more than a library can have.
    """
    steps = np.unique(simulated)
    detectable = np.array([(simulated > step).mean() for step in steps])
    steps = steps[detectable >= settings["least_detectable"]]
    if len(steps) == 0:
        return 1.0, False
    in_all = np.array([_in_all(own, simulated, step) for step in steps])
    if in_all.min() > settings["maximum"]:
        return 1.0, False
    # few cells above a high threshold may be few by chance: two standard errors are added
    numbers = np.array([(own > step).sum() for step in steps])
    fewest = (in_all * (1 + 2 / np.sqrt(np.maximum(numbers, 1)))).min()
    plausible = max(expected, settings["plausible_excess"] * fewest)
    valley = valley_of(simulated)
    if (
        valley is not None
        and steps[0] <= valley <= steps[-1]
        and _in_all(own, simulated, valley) <= plausible
    ):
        return valley, True
    return float(steps[in_all <= plausible][0]), False


def _in_all(own: np.ndarray, simulated: np.ndarray, threshold: float) -> float:
    return float((own > threshold).mean() / (simulated > threshold).mean())


def valley_of(values: np.ndarray) -> float | None:
    """Return the minimum between the two modes of a histogram of 50 bins; None without two.

    The histogram is smoothed until it has two maxima (Prewitt & Mendelsohn 1966,
    10.1111/j.1749-6632.1965.tb11715.x). Of these the lower one must be twice as high as the
    valley, and one in twenty values must lie on each side.
    """
    counts, edges = np.histogram(values, 50, (0, 1))
    smooth = counts.astype(np.float64)
    for _ in range(1000):
        rising = np.sign(np.diff(smooth))
        moves = np.flatnonzero(rising)
        turns = np.flatnonzero((rising[moves][:-1] > 0) & (rising[moves][1:] < 0))
        peaks = list((moves[turns] + 1 + moves[turns + 1]) // 2)
        # a mode may stand at either end
        if len(moves) and rising[moves[0]] < 0:
            peaks.insert(0, 0)
        if len(moves) and rising[moves[-1]] > 0:
            peaks.append(len(smooth) - 1)
        if len(peaks) <= 2:
            break
        smooth = np.convolve(np.pad(smooth, 1, mode="edge"), np.ones(3) / 3, mode="valid")
    if len(peaks) != 2:
        return None
    lowest = peaks[0] + int(smooth[peaks[0] : peaks[1] + 1].argmin())
    valley = float((edges[lowest] + edges[lowest + 1]) / 2)
    shallow = smooth[lowest] > 0.5 * smooth[peaks].min()
    return None if shallow or not 0.05 < (values > valley).mean() < 0.95 else valley
