"""Receptors with a known truth: random CDR3 for polyclonal cells, one for a clone."""

import numpy as np
import pandas as pd


def junction(random, length=48):
    """A CDR3 from C to W; random, so that no two are alike."""
    return "TGT" + "".join(random.choice(list("ACGT"), length - 6)) + "TGG"


def contig(barcode, chain="IGH", cdr3="TGTGCGAGATGG", *, umis=8, productive=True):
    return {
        "barcode": barcode, "chain": chain, "v_gene": f"{chain}V1", "j_gene": f"{chain}J4",
        "productive": productive, "cdr3_nt": cdr3, "umis": umis,
    }  # fmt: skip


def table(rows):
    return pd.DataFrame(rows, columns=list(contig("")))


def drawn(barcodes, label, clonal, seed, *, polyclonal=None, seen=0.8):
    """Return contigs: cells of kinds in `clonal` carry that CDR3, of `polyclonal` one of their own.

    `clonal` maps a kind to a CDR3 of IGH (or chain:CDR3); `polyclonal` maps a kind to its chain.
    A share `seen` of the cells has a contig; half of these have a light or alpha chain as well.
    """
    random = np.random.default_rng(seed)
    rows = []
    for barcode, kind in zip(barcodes, label, strict=True):
        if random.random() > seen:
            continue
        if kind in clonal:
            chain, _, cdr3 = clonal[kind].rpartition(":")
            rows.append(contig(barcode, chain or "IGH", cdr3))
        elif kind in (polyclonal or {}):
            chain = polyclonal[kind]
            rows.append(contig(barcode, chain, junction(random)))
            partner = {"IGH": "IGK", "TRB": "TRA"}[chain]
            if random.random() < 0.5:
                rows.append(contig(barcode, partner, junction(random, 36)))
    return table(rows)
