"""An isoform of a laboratory's catalogue, which names junctions that no gene model has."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Isoform:
    """Name, kind of change (or ""), contig, and introns as first and last position (1-based)."""

    name: str
    kind: str
    chrom: str
    introns: frozenset[tuple[int, int]]
