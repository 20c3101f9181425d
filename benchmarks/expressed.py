"""Single-cell counts that are measured: as large as a cohort's file, with clones and doublets."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from tests.unit.singlecell.drawn_cells import ENSEMBL, MITOCHONDRIAL, PANELS, PROGRAMMES

GENES, LIBRARY_CELLS = 30_000, 10_000
MOLECULES, STATES = 2500, 4
DOUBLETS, AMBIENT = 0.05, 0.03
ERYTHROID = {"HBB": 300, "HBA1": 150, "HBA2": 150, "ALAS2": 10, "GYPA": 6, "AHSP": 20}
# kind -> (programme, share of the cells); the clone has no CD19
KINDS = {
    "blast": ("blast", 0.52), "clone": ("blast", 0.08), "t": ("t", 0.16), "nk": ("nk", 0.06),
    "monocyte": ("monocyte", 0.08), "progenitor": ("progenitor", 0.04),
    "mature_b": ("mature_b", 0.03), "erythroid": ("erythroid", 0.03),
}  # fmt: skip
BLOCK_CELLS = 2000
SEED = 20240229


def draw_10x(path: Path, cells: int) -> Path:
    """Write a 10x .h5 (version 3) of several libraries of at most 10,000 cells.

    Cells of a kind lie in four states; one in twenty barcodes holds two cells. About 2,500
    molecules of 1,000 genes in a cell.
    """
    import h5py

    random = np.random.default_rng([SEED, cells])
    symbols, identifiers, cumulative = _programmes(random)
    letters = np.array(list("ACGT"))
    with h5py.File(path, "w") as file:
        group = file.create_group("matrix")
        stored = {
            name: group.create_dataset(
                name, (0,), kind, maxshape=(None,), chunks=(80_000,), compression="gzip",
                compression_opts=1,
            )
            for name, kind in (("data", "i4"), ("indices", "i8"))
        }  # fmt: skip
        ends = [np.zeros(1, dtype=np.int64)]
        for counts, genes, sizes in _blocks(cells, cumulative, random):
            for name, values in (("data", counts), ("indices", genes)):
                stored[name].resize((ends[-1][-1] + len(values),))
                stored[name][ends[-1][-1] :] = values
            ends.append(ends[-1][-1] + np.cumsum(sizes))
        group["indptr"] = np.concatenate(ends)
        group["shape"] = np.array([GENES, cells])
        words = ["".join(row) for row in letters[_distinct_words(cells, random)]]
        group["barcodes"] = np.array(
            [f"{word}-{1 + n // LIBRARY_CELLS}" for n, word in enumerate(words)], dtype="S"
        )
        features = group.create_group("features")
        features["id"], features["name"] = np.array(identifiers, "S"), np.array(symbols, "S")
        features["feature_type"] = np.array(["Gene Expression"] * GENES, dtype="S")
        features["genome"] = np.array(["GRCh38"] * GENES, dtype="S")
    return path


def _distinct_words(number: int, random: np.random.Generator) -> np.ndarray:
    codes = random.choice(4**12, number, replace=False)
    return codes[:, None] // 4 ** np.arange(12) % 4


def _programmes(random: np.random.Generator) -> tuple[list[str], list[str], np.ndarray]:
    """Return symbols, Ensembl identifiers, and cumulative shares of the genes by kind and state."""
    programmes = PROGRAMMES | {"erythroid": ERYTHROID}
    marked = sorted({gene for genes in programmes.values() for gene in genes})
    symbols = [*marked, *MITOCHONDRIAL]
    known = ENSEMBL | PANELS.genes["mitochondrial"]
    symbols += [f"FILL{number:05d}" for number in range(GENES - len(symbols))]
    identifiers = [known.get(name, f"ENSG0099{number:07d}") for number, name in enumerate(symbols)]
    place = {name: number for number, name in enumerate(symbols)}
    fillers = GENES - len(marked) - len(MITOCHONDRIAL)
    common = np.exp(random.normal(0, 2.5, fillers))
    family = {name: np.exp(random.normal(0, 0.5, fillers)) for name in programmes}
    shares = np.zeros((len(KINDS) * STATES, GENES))
    for number, (kind, (programme, _)) in enumerate(KINDS.items()):
        for state in range(STATES):
            row = shares[number * STATES + state]
            own = common * family[programme] * np.exp(random.normal(0, 0.25, fillers))
            if kind == "clone":
                own *= np.exp(random.normal(0, 0.25, fillers))
            for gene, level in (programmes[programme] | MITOCHONDRIAL).items():
                row[place[gene]] = 0 if kind == "clone" and gene == "CD19" else level
            row[-fillers:] = own / own.sum() * (10_000 - row.sum())
            row /= row.sum()
    weight = np.repeat([share / STATES for _, share in KINDS.values()], STATES)
    soup = weight @ shares
    return symbols, identifiers, np.cumsum((1 - AMBIENT) * shares + AMBIENT * soup, axis=1)


def _blocks(
    cells: int, cumulative: np.ndarray, random: np.random.Generator
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Yield counts, genes and numbers of genes per cell, block by block."""
    weight = np.repeat([share / STATES for _, share in KINDS.values()], STATES)
    for start in range(0, cells, BLOCK_CELLS):
        number = min(BLOCK_CELLS, cells - start)
        first = random.choice(len(weight), number, p=weight / weight.sum())
        second = random.choice(len(weight), number, p=weight / weight.sum())
        paired = np.flatnonzero(random.random(number) < DOUBLETS)
        kind = np.concatenate([first, second[paired]])
        cell = np.concatenate([np.arange(number), paired])
        size = random.poisson(MOLECULES * np.exp(random.normal(-0.06, 0.35, len(kind))))
        keys = []
        for one in np.unique(kind):
            inside = kind == one
            owner = np.repeat(cell[inside], size[inside])
            genes = np.searchsorted(cumulative[one], random.random(len(owner)))
            keys.append(owner * GENES + np.minimum(genes, GENES - 1))
        found, counts = np.unique(np.concatenate(keys), return_counts=True)
        yield (
            counts.astype(np.int32), found % GENES,
            np.bincount(found // GENES, minlength=number),
        )  # fmt: skip
