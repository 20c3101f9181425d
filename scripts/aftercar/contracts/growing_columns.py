"""Columns of numbers of which nobody knows the length before the last row."""

import numpy as np


class GrowingColumns:
    """Named columns that grow in place: joining parts at the end would take twice the memory."""

    def __init__(self, **types: np.dtype | type) -> None:
        """Begin with empty columns of these types."""
        self._types = {name: np.dtype(kind) for name, kind in types.items()}
        self._columns = {name: bytearray() for name in types}

    def add(self, **values: np.ndarray) -> None:
        """Append values to some columns."""
        for name, more in values.items():
            self._columns[name] += np.ascontiguousarray(more, dtype=self._types[name]).data

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the columns by name; nothing can be added after that."""
        return {
            name: np.frombuffer(column, dtype=self._types[name])
            for name, column in self._columns.items()
        }
