"""Find genes in a matrix by Ensembl identifier; by symbol only as a declared fallback."""

import numpy as np

from aftercar.contracts.expression import ExpressionMatrix


class GeneIndex:
    """Where genes stand in the columns of one matrix, and why a gene cannot be used."""

    def __init__(self, matrix: ExpressionMatrix, ensembl: dict[str, str]) -> None:
        """Index the features of `matrix`; `ensembl` gives the identifier of each known symbol."""
        self._ensembl = ensembl
        self._has_ensembl = matrix.has_ensembl
        self._by_id: dict[str, int] = {}
        self._by_symbol: dict[str, list[int]] = {}
        for column, (identifier, symbol) in enumerate(
            zip(matrix.gene_id, matrix.symbol, strict=True)
        ):
            if identifier:
                self._by_id.setdefault(identifier, column)
            self._by_symbol.setdefault(symbol, []).append(column)

    def antigen(self, symbol: str) -> tuple[int | None, str]:
        """Return the column of a tested gene, or None and the reason.

        Where the file has Ensembl identifiers, a symbol is never enough: another feature of the
        same name must not stand in for the gene.
        """
        if self._has_ensembl:
            column = self._by_id.get(self._ensembl[symbol])
            missing = f"{symbol} ({self._ensembl[symbol]}) is not among the genes of the file"
            return column, "" if column is not None else missing
        columns = self._by_symbol.get(symbol, [])
        if len(columns) == 1:
            return columns[0], ""
        times = f"{len(columns)} features are named" if columns else "no gene is named"
        return None, f"{times} {symbol}, and the file has no Ensembl identifiers"

    def marker(self, symbol: str) -> int | None:
        """Return the column of a lineage or control gene; a unique symbol is enough for these."""
        column = self._by_id.get(self._ensembl.get(symbol, ""))
        if column is None:
            columns = self._by_symbol.get(symbol, [])
            column = columns[0] if len(columns) == 1 else None
        return column

    def markers(self, symbols: list[str]) -> dict[str, int]:
        """Return the columns of those genes that the file has, in the order asked for."""
        found = {symbol: self.marker(symbol) for symbol in symbols}
        return {symbol: column for symbol, column in found.items() if column is not None}

    def found_by_symbol(self, symbols: list[str]) -> list[str]:
        """Return genes whose identifier differs from the stated one though the symbol agrees."""
        if not self._has_ensembl:
            return []
        return [
            symbol
            for symbol in symbols
            if self._ensembl.get(symbol, "") not in self._by_id and self.marker(symbol) is not None
        ]


def mitochondrial_columns(matrix: ExpressionMatrix, ensembl: list[str]) -> np.ndarray:
    """Return the columns of mitochondrial genes, told by identifier or by the prefix MT-."""
    wanted = set(ensembl)
    by_id = np.array([identifier in wanted for identifier in matrix.gene_id], dtype=bool)
    by_symbol = np.array([symbol.startswith("MT-") for symbol in matrix.symbol], dtype=bool)
    return np.flatnonzero(by_id | by_symbol)


def excluded_columns(
    matrix: ExpressionMatrix, genes: GeneIndex, symbols: list[str], prefixes: list[str]
) -> np.ndarray:
    """Return a mask of the genes that must not shape clusters: named ones and whole families."""
    starts = tuple(prefixes)
    excluded = np.array([symbol.startswith(starts) for symbol in matrix.symbol], dtype=bool)
    named = set(symbols)
    excluded |= np.array([symbol in named for symbol in matrix.symbol], dtype=bool)
    excluded[list(genes.markers(symbols).values())] = True
    return excluded
