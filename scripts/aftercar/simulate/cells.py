"""Single-cell expression with known identities: counts, ambient RNA, and the files that hold them.

Expression programmes are plausible mixtures of lineage markers, not measurements. Molecules of
CD19 are told apart into the cell's own and ambient ones, because a BAM made from the same cells
must carry the alleles of whoever the molecule came from.
"""

from dataclasses import dataclass

import numpy as np

DEPTH, DEPTH_SD = 4000.0, 0.35  # molecules per cell, ln scale
AMBIENT = 0.03  # share of a cell's depth that comes from the soup
DISPERSION = 5.0  # shape of the gamma that makes Poisson counts negative binomial
LOW_QUALITY = 0.03  # share of added cells with few molecules, mostly mitochondrial
ENSEMBL = {
    "CD19": "ENSG00000177455",
    "CD22": "ENSG00000012124",
    "CD33": "ENSG00000105383",
    "CD5": "ENSG00000110448",
    "CD7": "ENSG00000173762",
    "MS4A1": "ENSG00000156738",
    "TP53": "ENSG00000141510",
    "CD81": "ENSG00000110651",
}
FILLERS = 1450
MITOCHONDRIAL = tuple(
    f"MT-{name}"
    for name in (
        "ND1",
        "ND2",
        "CO1",
        "CO2",
        "ATP8",
        "ATP6",
        "CO3",
        "ND3",
        "ND4L",
        "ND4",
        "ND5",
        "ND6",
        "CYB",
    )
)
RIBOSOMAL = tuple(f"RPL{n}" for n in range(3, 38)) + tuple(f"RPS{n}" for n in range(2, 29))
HOUSEKEEPING: dict[str, float] = {
    "ACTB": 60,
    "ACTG1": 30,
    "GAPDH": 30,
    "B2M": 70,
    "MALAT1": 250,
    "EEF1A1": 90,
    "TMSB4X": 90,
    "TMSB10": 60,
    "FTL": 40,
    "FTH1": 40,
    "PTPRC": 6,
    "HLA-A": 20,
    "HLA-B": 25,
    "CD44": 4,
    "TP53": 0.5,
    "CD81": 3,
}
# molecules per 10,000
B_BLAST: dict[str, float] = {
    "CD19": 10,
    "CD79A": 12,
    "CD79B": 7,
    "CD22": 5,
    "CD24": 8,
    "PAX5": 3,
    "EBF1": 4,
    "VPREB1": 6,
    "IGLL1": 10,
    "DNTT": 7,
    "MME": 5,
    "CD9": 6,
    "TCL1A": 4,
    "CD38": 2,
    "CD34": 2,
    "SOX4": 12,
    "STMN1": 12,
    "HLA-DRA": 15,
    "CD74": 25,
    "RAG1": 1.5,
    "BLNK": 2,
    "CD72": 1.5,
    "ERG": 2,
    "IGHM": 3,
    "MS4A1": 0.6,
    "VPREB3": 4,
    "TCF4": 2,
    "BCL11A": 2,
}
PROGRAMMES: dict[str, dict[str, float]] = {
    "leukemic_b": B_BLAST,
    "leukemic_b_first_hit": B_BLAST | {"CD19": 7.15},
    "leukemic_b_lost": B_BLAST
    | {"CD19": 0.6, "MKI67": 3, "TOP2A": 3, "TYMS": 4, "HMGB2": 8, "LGALS1": 12, "CD34": 5},
    "leukemic_myeloid": {
        "CD33": 4,
        "CD34": 1.5,
        "KIT": 2,
        "MPO": 15,
        "ELANE": 3,
        "AZU1": 4,
        "LYZ": 15,
        "MEIS1": 4,
        "HOXA9": 5,
        "HOXA10": 3,
        "CD38": 2,
        "TYROBP": 10,
        "FCER1G": 6,
        "STMN1": 10,
        "SOX4": 5,
        "HLA-DRA": 10,
        "CD74": 12,
        "LGALS1": 20,
        "SPI1": 2,
        "CEBPA": 3,
        "CST3": 8,
    },
    "normal_b": {
        "CD19": 6,
        "MS4A1": 12,
        "CD79A": 14,
        "CD79B": 10,
        "CD22": 3,
        "IGHM": 12,
        "IGHD": 5,
        "IGKC": 18,
        "IGLC2": 7,
        "CD74": 40,
        "HLA-DRA": 25,
        "HLA-DRB1": 12,
        "BANK1": 4,
        "FCER2": 2,
        "CR2": 1,
        "CD24": 2,
        "PAX5": 1.5,
        "TCL1A": 5,
        "BLNK": 1.5,
        "SPIB": 1,
        "CD72": 1.5,
        "CD27": 1,
    },
    "normal_t": {
        "CD3D": 12,
        "CD3E": 9,
        "CD3G": 5,
        "TRAC": 12,
        "TRBC1": 5,
        "TRBC2": 8,
        "IL7R": 7,
        "CD2": 5,
        "CD5": 2,
        "CD7": 4,
        "LEF1": 2,
        "CCR7": 2,
        "CD8A": 2,
        "CD8B": 2,
        "CD4": 1,
        "CD27": 2,
        "GZMK": 2,
    },
    "normal_nk": {
        "NKG7": 28,
        "GNLY": 35,
        "KLRD1": 5,
        "KLRF1": 3,
        "PRF1": 6,
        "GZMB": 10,
        "GZMA": 8,
        "CD7": 7,
        "TYROBP": 14,
        "FCER1G": 9,
        "FCGR3A": 4,
        "NCAM1": 0.8,
        "KLRB1": 6,
    },
    "normal_myeloid": {
        "LYZ": 70,
        "S100A8": 70,
        "S100A9": 80,
        "CD14": 6,
        "FCN1": 9,
        "VCAN": 7,
        "CST3": 25,
        "TYROBP": 22,
        "FCER1G": 12,
        "CD33": 1.5,
        "AIF1": 9,
        "CTSS": 14,
        "S100A12": 10,
        "CSF1R": 2,
        "CD68": 3,
        "HLA-DRA": 12,
        "CD74": 18,
        "SPI1": 2,
        "CD4": 0.5,
    },
    "normal_progenitor": {
        "CD34": 7,
        "KIT": 3,
        "SPINK2": 7,
        "PROM1": 2,
        "SOX4": 9,
        "AVP": 4,
        "CRHBP": 2,
        "GATA2": 2.5,
        "MPO": 4,
        "CD38": 1.5,
        "HLA-DRA": 12,
        "CD74": 15,
        "CD33": 0.6,
        "HLF": 1,
        "STMN1": 8,
        "ERG": 1,
        "MEIS1": 1,
        "CD22": 0.15,
    },
}
IDENTITY = {"leukemic_b_first_hit": "leukemic_b", "leukemic_b_lost": "leukemic_b"}
# share of a cell's own CD19 molecules that carry the planted variant: one of two alleles, more than
# half of whose transcripts decay; then the only allele, which is also transcribed less
MUTANT_MOLECULES = {"leukemic_b_first_hit": 0.3, "leukemic_b_lost": 1.0}


@dataclass(frozen=True)
class CellCounts:
    """Counts (cells x genes) with the population of each cell, and CD19 by origin."""

    genes: tuple[str, ...]
    barcodes: np.ndarray
    populations: np.ndarray
    counts: np.ndarray
    own_cd19: np.ndarray
    ambient_cd19: np.ndarray

    def identities(self) -> list[str]:
        """Return the identity of each cell in the words of the labels table."""
        return [IDENTITY.get(name, name) for name in self.populations]

    def cd19_alleles(self, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Return the molecules of CD19 of each cell without and with the planted variant."""
        share = np.array([MUTANT_MOLECULES.get(name, 0.0) for name in self.populations])
        own = random.binomial(self.own_cd19, share)
        soup = own.sum() / max(self.own_cd19.sum(), 1)
        mutant = own + random.binomial(self.ambient_cd19, soup)
        return self.own_cd19 + self.ambient_cd19 - mutant, mutant


def gene_names() -> tuple[str, ...]:
    """Return all gene symbols in the order of the matrix."""
    markers = {name for programme in PROGRAMMES.values() for name in programme} | {
        "CD22",
        "CD5",
        "CD7",
    }
    fillers = [f"SYN{number:04d}" for number in range(1, FILLERS + 1)]
    return (*sorted(markers | set(HOUSEKEEPING)), *RIBOSOMAL, *MITOCHONDRIAL, *fillers)


def gene_ids(genes: tuple[str, ...]) -> list[str]:
    """Return Ensembl ids where they are known here, else ids that are clearly synthetic."""
    return [ENSEMBL.get(name, f"ENSG90000{number:06d}") for number, name in enumerate(genes, 1)]


def programme_matrix(populations: list[str], random: np.random.Generator) -> np.ndarray:
    """Return populations x genes: the share of each gene among a cell's molecules."""
    genes = gene_names()
    column = {name: index for index, name in enumerate(genes)}
    fillers = np.exp(random.normal(0.0, 1.3, FILLERS))
    families = {
        name: np.exp(random.normal(0, 0.5, FILLERS)) for name in ("b", "myeloid", "t", "progenitor")
    }
    clone = np.ones(FILLERS)
    clone[random.choice(FILLERS, 70, replace=False)] = 4.0
    family = {
        "leukemic_b": "b",
        "leukemic_b_first_hit": "b",
        "leukemic_b_lost": "b",
        "normal_b": "b",
        "leukemic_myeloid": "myeloid",
        "normal_myeloid": "myeloid",
        "normal_t": "t",
        "normal_nk": "t",
        "normal_progenitor": "progenitor",
    }
    leukemic = np.exp(random.normal(0, 0.4, FILLERS))
    matrix = np.zeros((len(populations), len(genes)))
    for row, name in enumerate(populations):
        weight = fillers * families[family[name]]
        weight = weight * leukemic if name.startswith("leukemic") else weight
        weight = weight * clone if name == "leukemic_b_lost" else weight
        matrix[row, -FILLERS:] = weight / weight.sum() * 6000
        for gene in RIBOSOMAL:
            matrix[row, column[gene]] = 30
        for gene in MITOCHONDRIAL:
            matrix[row, column[gene]] = 35
        for gene, value in (HOUSEKEEPING | PROGRAMMES[name]).items():
            matrix[row, column[gene]] = value
    # markers are molecules per 10,000 in all: what is left is shared by the fillers
    named = matrix[:, :-FILLERS].sum(axis=1, keepdims=True)
    matrix[:, -FILLERS:] *= (10_000 - named) / matrix[:, -FILLERS:].sum(axis=1, keepdims=True)
    return matrix / 10_000


def draw_cells(
    populations: dict[str, int], barcodes: np.ndarray, random: np.random.Generator
) -> CellCounts:
    """Return the counts of a library; `barcodes` has room for the low-quality cells as well."""
    genes = gene_names()
    names = list(populations)
    shares = programme_matrix(names, random)
    kinds = np.repeat(np.arange(len(names)), list(populations.values()))
    kinds = random.permutation(kinds)
    poor = round(len(kinds) * LOW_QUALITY)
    everyone = np.concatenate([kinds, random.choice(kinds, poor)])
    depth = DEPTH * np.exp(random.normal(0, DEPTH_SD, len(everyone)))
    depth[len(kinds) :] *= 0.08
    expected = shares[everyone].astype(np.float32)
    expected *= random.standard_gamma(DISPERSION, expected.shape, dtype=np.float32) / DISPERSION
    expected *= (depth * (1 - AMBIENT))[:, None]
    mitochondrial = [genes.index(name) for name in MITOCHONDRIAL]
    expected[len(kinds) :, mitochondrial] *= 10
    soup = shares[kinds].mean(axis=0)
    own = random.poisson(expected)
    ambient = random.poisson((depth * AMBIENT)[:, None] * soup[None, :])
    labels = np.array(names, dtype=object)[everyone]
    labels[len(kinds) :] = "low_quality"
    order = random.permutation(len(everyone))
    cd19 = genes.index("CD19")
    return CellCounts(
        genes,
        barcodes[: len(everyone)],
        labels[order].astype(str),
        (own + ambient)[order],
        own[order, cd19],
        ambient[order, cd19],
    )


def cells_needed(populations: dict[str, int]) -> int:
    """Return how many barcodes a library of these populations needs."""
    total = sum(populations.values())
    return total + round(total * LOW_QUALITY)


def write_10x(cells: CellCounts, path: str) -> None:
    """Write the counts as 10x HDF5 (v3 layout); no times are stored, so bytes repeat."""
    import h5py
    from scipy.sparse import csr_matrix

    sparse = csr_matrix(cells.counts)
    columns = {
        "barcodes": np.array(cells.barcodes, dtype="S18"),
        "data": sparse.data.astype(np.int32),
        "indices": sparse.indices.astype(np.int64),
        "indptr": sparse.indptr.astype(np.int64),
        "shape": np.array([len(cells.genes), len(cells.barcodes)], dtype=np.int32),
        "features/id": np.array(gene_ids(cells.genes), dtype="S"),
        "features/name": np.array(cells.genes, dtype="S"),
        "features/feature_type": np.full(len(cells.genes), b"Gene Expression"),
        "features/genome": np.full(len(cells.genes), b"synthetic"),
        "features/_all_tag_keys": np.array([b"genome"]),
    }
    with h5py.File(path, "w") as file:
        for name, values in columns.items():
            squeeze = {"compression": "gzip", "compression_opts": 1} if values.size > 1000 else {}
            file.create_dataset(f"matrix/{name}", data=values, track_times=False, **squeeze)


def write_h5ad(cells: CellCounts, path: str) -> None:
    """Write raw counts as h5ad: genes by symbol, ids in var/gene_ids."""
    import pandas as pd
    from anndata import AnnData
    from scipy.sparse import csr_matrix

    data = AnnData(
        X=csr_matrix(cells.counts.astype(np.float32)),
        obs=pd.DataFrame(index=pd.Index(cells.barcodes.astype(str))),
        var=pd.DataFrame({"gene_ids": gene_ids(cells.genes)}, index=pd.Index(cells.genes)),
    )
    data.write_h5ad(path, compression="gzip", compression_opts=1)
