"""Molecules of single genes and antibodies per cell, and their rates in sub-populations."""

import re
from dataclasses import dataclass, field

import numpy as np

from aftercar.contracts.expression import ExpressionMatrix
from aftercar.singlecell.antigen_loss import (
    Interval,
    Rate,
    background_rate,
    rate_of,
)
from aftercar.singlecell.dispersion import (
    GeneVariation,
    gene_variation,
    overdispersion_of_similar_genes,
)
from aftercar.singlecell.embedding import row_sums
from aftercar.singlecell.genes import GeneIndex


@dataclass(eq=False)
class Molecules:
    """Molecules of single genes per cell, their exposure, and the overdispersion of each gene.

    `frequent` are columns that are asked for often: they are taken out of the matrix at once.
    """

    matrix: ExpressionMatrix
    genes: GeneIndex
    exposure: np.ndarray
    usable_genes: np.ndarray
    settings: dict
    frequent: np.ndarray
    _columns: dict[int, np.ndarray] = field(default_factory=dict)
    _variation: dict[bytes, GeneVariation] = field(default_factory=dict)
    _alpha: dict[tuple[str, str], float] = field(default_factory=dict)

    def of(self, symbol: str, column: int) -> np.ndarray:
        """Return the molecules of a gene in each cell."""
        if not self._columns:
            part = self.matrix.counts[:, self.frequent].tocsc()
            for place, known in enumerate(self.frequent):
                self._columns[int(known)] = row_sums(part[:, [place]])
        if column not in self._columns:
            self._columns[column] = row_sums(self.matrix.counts[:, [column]])
        return self._columns[column]

    def overdispersion(self, symbol: str, column: int, inside: np.ndarray, key: str) -> float:
        """Return the overdispersion for a gene's level within some cells (named by `key`)."""
        if (symbol, key) not in self._alpha:
            cells = np.packbits(inside).tobytes()
            if cells not in self._variation:
                self._variation[cells] = gene_variation(
                    self.matrix.counts, self.exposure, np.flatnonzero(inside)
                )
            exposure = float(self.exposure[inside].sum())
            level = float(self.of(symbol, column)[inside].sum()) / max(exposure, 1e-9)
            self._alpha[symbol, key] = overdispersion_of_similar_genes(
                self._variation[cells], level, self.usable_genes, self.settings
            )
        return self._alpha[symbol, key]

    def antibody(self, aliases: list[str]) -> int | None:
        """Return the column of the antibody against one of the names, if there is exactly one.

        CD19, CD19-1, CD19_TotalSeqB and ADT_CD19 are antibodies against CD19; CD199 is not.
        """
        names = "|".join(re.escape(alias) for alias in aliases)
        pattern = re.compile(rf"(adt[ _.-])?({names})([ _.-].*)?", re.IGNORECASE)
        found = [
            column
            for column, name in enumerate(self.matrix.protein_name)
            if pattern.fullmatch(name)
        ]
        return found[0] if len(found) == 1 and self.matrix.protein is not None else None

    def protein_of(self, column: int) -> np.ndarray:
        """Return the antibody molecules of each cell."""
        if self.matrix.protein is None:
            raise ValueError("the specimen has no antibody counts")
        return row_sums(self.matrix.protein[:, [column]])

    def protein_exposure(self, column: int) -> np.ndarray:
        """Return the antibody depth of each cell, 1 on average, from the other antibodies.

        The geometric mean of count + 1, as in the centred log-ratio of Stoeckius 2017
        (10.1038/nmeth.4380): a few abundant antibodies do not decide. With few antibodies, whose
        mean follows what a cell carries, every cell counts as equally deep.
        """
        number = 0 if self.matrix.protein is None else self.matrix.protein.shape[1]
        if self.matrix.protein is None or number - 1 < self.settings["depth_antibodies"]:
            return np.ones(len(self.matrix))
        logs = self.matrix.protein.astype(np.float64).log1p()
        depth = np.exp((row_sums(logs) - np.log1p(self.protein_of(column))) / (number - 1))
        return depth / depth.mean()


@dataclass(frozen=True, eq=False)
class Measured:
    """Rates of genes in sub-populations of one compartment, with background and overdispersion."""

    rates: dict[str, dict[str, Rate]]
    background: dict[str, Interval]
    overdispersion: dict[str, float]
    remark: str

    def with_controls(self, controls: "Measured") -> "Measured":
        """Return this and the control genes together; the remark stays that of this one."""
        return Measured(
            {name: controls.rates[name] | genes for name, genes in self.rates.items()},
            controls.background | self.background,
            controls.overdispersion | self.overdispersion,
            self.remark,
        )


def measure_rna(
    molecules: Molecules,
    columns: dict[str, int],
    populations: list[str],
    name_of_cell: np.ndarray,
    without: np.ndarray,
    compartment: str,
) -> Measured:
    """Return the rates of genes per 10,000 molecules in each sub-population of a compartment.

    `without` marks the cells whose lineage does not carry the genes.
    """
    inside = np.isin(name_of_cell, populations)
    alpha = {
        symbol: molecules.overdispersion(symbol, column, inside, compartment)
        for symbol, column in columns.items()
    }
    background, remark = {}, ""
    for symbol, column in columns.items():
        background[symbol], remark = background_rate(
            molecules.of(symbol, column), molecules.exposure, without, alpha[symbol],
            molecules.settings,
        )  # fmt: skip
    rates: dict[str, dict[str, Rate]] = {}
    for name in populations:
        members = name_of_cell == name
        rates[name] = {
            symbol: rate_of(
                molecules.of(symbol, column)[members], molecules.exposure[members], alpha[symbol]
            )
            for symbol, column in columns.items()
        }
    return Measured(rates, background, alpha, remark)


def measure_protein(
    molecules: Molecules,
    antigen: str,
    column: int,
    populations: list[str],
    name_of_cell: np.ndarray,
    without: np.ndarray,
) -> Measured:
    """Return the antibody molecules per cell of mean depth in each sub-population of a compartment.

    Unbound and unspecifically bound antibody is measured on the cells of `without`. The
    overdispersion is that of the antibody itself, by moments: what cells of one sub-population
    differ by, so that a lost and a kept one beside each other do not count as noise.
    """
    counts, exposure = molecules.protein_of(column), molecules.protein_exposure(column)
    members = {name: name_of_cell == name for name in populations}
    excess = squares = 0.0
    for inside in members.values():
        level = float(counts[inside].sum() / exposure[inside].sum()) if inside.any() else 0.0
        mean = level * exposure[inside]
        excess += float(((counts[inside] - mean) ** 2 - mean).sum())
        squares += float((mean**2).sum())
    alpha = max(excess / squares if squares else 0.0, molecules.settings["dispersion_floor"])
    background, remark = background_rate(counts, exposure, without, alpha, molecules.settings)
    rates = {
        name: {antigen: rate_of(counts[inside], exposure[inside], alpha)}
        for name, inside in members.items()
    }
    return Measured(rates, {antigen: background}, {antigen: alpha}, remark)
