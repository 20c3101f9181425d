"""Receptor contigs of simulated cells: one CDR3 for a leukemia, one of its own for normal cells."""

import numpy as np
import pandas as pd

from aftercar.simulate.cells import CellCounts

SEEN = 0.7  # share of B and T cells with contigs
CHAINS = {"normal_b": ("IGH", "IGK"), "normal_t": ("TRB", "TRA")}
LENGTHS = {"IGH": 16, "IGK": 11, "TRB": 14, "TRA": 13}  # codons of the CDR3, C and W or F included
# The leukemia's heavy chain, out of frame, as often in precursors; drawn once, of no patient.
LEUKEMIC_CDR3 = "TGTGCGAGAGACCATTACGATCTTCGGTCAGCTACTTTGACTACTGG"


def contig_table(cells: CellCounts, random: np.random.Generator) -> pd.DataFrame:
    """Return contigs as Cell Ranger's filtered_contig_annotations.csv has them.

    Leukemic B cells share a heavy chain, normal B and T cells have two chains of their own.
    """
    rows: list[dict[str, object]] = []
    for barcode, population in zip(cells.barcodes, cells.populations, strict=True):
        if random.random() > SEEN:
            continue
        if population.startswith("leukemic_b"):
            rows.append(_contig(str(barcode), "IGH", LEUKEMIC_CDR3, False, random))
        for chain in CHAINS.get(str(population), ()):
            rows.append(_contig(str(barcode), chain, _cdr3(LENGTHS[chain], random), True, random))
    return pd.DataFrame(rows)


def _cdr3(codons: int, random: np.random.Generator) -> str:
    return "TGT" + "".join(random.choice(list("ACGT"), 3 * codons - 6)) + "TGG"


def _contig(
    barcode: str, chain: str, cdr3: str, productive: bool, random: np.random.Generator
) -> dict[str, object]:
    umis = 3 + int(random.poisson(5))
    return {
        "barcode": barcode, "is_cell": "true", "contig_id": f"{barcode}_contig_{chain}",
        "high_confidence": "true", "length": 600, "chain": chain, "v_gene": f"{chain}V3-1",
        "d_gene": "", "j_gene": f"{chain}J4", "c_gene": "", "full_length": "true",
        "productive": str(productive).lower(), "cdr3": "", "cdr3_nt": cdr3, "reads": 40 * umis,
        "umis": umis, "raw_clonotype_id": "", "raw_consensus_id": "",
    }  # fmt: skip
