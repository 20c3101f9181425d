"""Which cell of a matrix a barcode of another file names."""

import re
from collections.abc import Iterable

import numpy as np

_SUFFIX = re.compile(r"-\d+$")  # of Cell Ranger: the number of the library


def rows_of_barcodes(listed: Iterable[str], barcodes: np.ndarray) -> tuple[dict[str, int], int]:
    """Return the row of each listed barcode that names a cell, and how many were refused.

    A barcode without a suffix such as -1 agrees with one that has a suffix, as long as that names
    one cell only; two different suffixes are two libraries. Of several listed barcodes for one cell
    the one that is written like the cell counts, else none: the others are refused.
    """
    exact = {str(barcode): row for row, barcode in enumerate(barcodes)}
    bare: dict[str, int] = {}
    for barcode, row in exact.items():
        stem = _SUFFIX.sub("", barcode)
        if stem != barcode:
            bare[stem] = -1 if stem in bare else row
    names = set(listed)
    found = {name: exact[name] for name in names if name in exact}
    taken = set(found.values())
    loose: dict[int, list[str]] = {}
    for name in names - set(found):
        stem = _SUFFIX.sub("", name)
        row = bare.get(name, -1) if stem == name else exact.get(stem, -1)
        if row >= 0:
            loose.setdefault(row, []).append(name)
    refused = 0
    for row, claims in loose.items():
        if row in taken or len(claims) > 1:
            refused += len(claims)
        else:
            found[claims[0]] = row
    return found, refused
