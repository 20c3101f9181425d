"""Cells with a known truth: negative-binomial counts, ambient RNA, free of the simulator."""

from pathlib import Path

import numpy as np
import yaml
from scipy.sparse import csr_matrix

from aftercar.contracts.expression import ExpressionMatrix
from aftercar.singlecell.cells import Panels
from aftercar.singlecell.patient import measure_specimen

ROOT = Path(__file__).parents[3]
RESOURCES = ROOT / "resources/singlecell"
PANELS = Panels(
    *(
        yaml.safe_load((RESOURCES / f"{name}.yaml").read_text())
        for name in ("genes", "lineages", "antigens", "methods", "clonotypes")
    )
)
SETTINGS = yaml.safe_load((ROOT / "config/config.yaml").read_text())["singlecell"]
ENSEMBL = PANELS.genes["genes"]
FILLERS = 420
# Molecules per 10,000 of the genes that make a kind of cell; fillers share the rest.
B_GENES = {"CD79A": 14, "CD79B": 9, "CD22": 6, "PAX5": 4, "EBF1": 4, "BLK": 3, "VPREB3": 4}
PROGRAMMES = {
    "blast": B_GENES | {"CD19": 8, "DNTT": 8, "MME": 6, "CD34": 4, "IGLL1": 8},
    "mature_b": B_GENES | {"CD19": 6, "MS4A1": 12, "BANK1": 5},
    "t": {
        "CD3D": 12,
        "CD3E": 9,
        "CD3G": 6,
        "CD6": 3,
        "BCL11B": 3,
        "CD7": 5,
        "CD5": 3,
        "CD2": 6,
        "LCK": 5,
    },
    "nk": {"GNLY": 30, "NKG7": 25, "KLRD1": 6, "KLRF1": 4},
    "monocyte": {
        "LYZ": 60,
        "S100A8": 50,
        "S100A9": 50,
        "CST3": 20,
        "FCN1": 8,
        "CD33": 3,
        "TYROBP": 15,
    },
    "plasma": {
        "MZB1": 20,
        "JCHAIN": 40,
        "DERL3": 8,
        "SDC1": 5,
        "TNFRSF17": 5,
        "XBP1": 15,
        "CD79A": 4,
    },
    "progenitor": {"CD34": 8, "SPINK2": 8, "PROM1": 3, "KIT": 4, "AVP": 4, "CD33": 1},
    "myeloid_blast": {
        "MPO": 15,
        "LYZ": 20,
        "AZU1": 6,
        "CST3": 8,
        "CD33": 5,
        "CD34": 2,
        "TYROBP": 8,
    },
}
MITOCHONDRIAL = {f"MT-{name}": 60 for name in ("ND1", "CO1", "CO2", "CYB")}
GENES = sorted({name for genes in PROGRAMMES.values() for name in genes} | {"MS4A1"})


def draw(
    kinds,
    seed,
    *,
    depth=3000,
    ambient=0.03,
    overdispersion=0.2,
    antigen=None,
    shifted=(),
    proteins=None,
    depths=None,
):
    """Return (matrix, kind of each cell).

    `kinds` maps a name to (programme, cells). `antigen` maps a name of a kind to the factors that
    multiply genes. Kinds in `shifted` get 40 filler genes of their own, so that clusters can tell
    them; "alike" gets those of "lost". `proteins` maps an antibody to the mean molecules by kind.
    """
    random = np.random.default_rng(seed)
    fillers = np.exp(random.normal(0, 1, FILLERS))
    of_family = {name: np.exp(random.normal(0, 0.5, FILLERS)) for name in PROGRAMMES}
    names = [*GENES, *MITOCHONDRIAL, *(f"FILL{number:04d}" for number in range(FILLERS))]
    column = {name: index for index, name in enumerate(names)}
    shares, kind_of_cell = [], []
    for number, (name, (programme, cells)) in enumerate(kinds.items()):
        level = np.zeros(len(names))
        own = fillers * of_family[programme]
        if name in shifted:
            place = list(kinds).index("lost") if name == "alike" else number
            own[place * 40 : place * 40 + 40] *= 6
        for gene, value in (PROGRAMMES[programme] | MITOCHONDRIAL).items():
            level[column[gene]] = value * (antigen or {}).get(name, {}).get(gene, 1)
        level[-FILLERS:] = own / own.sum() * (10_000 - level.sum())
        shares.append(level / 10_000)
        kind_of_cell += [number] * cells
    shares, kind_of_cell = np.array(shares), np.array(kind_of_cell)
    of_cell = np.array([(depths or {}).get(name, depth) for name in kinds])[kind_of_cell]
    size = of_cell * np.exp(random.normal(0, 0.3, len(kind_of_cell)))
    soup = shares[kind_of_cell].mean(axis=0)
    noise = random.gamma(1 / overdispersion, overdispersion, (len(kind_of_cell), len(names)))
    mean = size[:, None] * ((1 - ambient) * shares[kind_of_cell] * noise + ambient * soup)
    counts = csr_matrix(random.poisson(mean).astype(np.int32))
    label = np.array(list(kinds), dtype=object)[kind_of_cell]
    protein, protein_name = None, np.array([], dtype=object)
    if proteins:
        levels = np.array([[by[kind] for by in proteins.values()] for kind in label], dtype=float)
        spread = random.gamma(4, 0.25, levels.shape)
        protein = csr_matrix(random.poisson(levels * spread).astype(np.int32))
        protein_name = np.array(list(proteins), dtype=object)
    ids = np.array(
        [ENSEMBL.get(name, f"ENSG0099{index:07d}") for index, name in enumerate(names)],
        dtype=object,
    )
    matrix = ExpressionMatrix(
        counts, np.array([f"CELL{row:05d}-1" for row in range(len(label))], dtype=object), ids,
        np.array(names, dtype=object), True, protein, protein_name, (),
    )  # fmt: skip
    return matrix, label


def sample(sample_id="S", day="0", specimen="BM"):
    return {
        "sample_id": sample_id, "patient_id": "P", "day": day, "specimen": specimen,
        "assay": "scrna", "batch": "", "path": "x.h5", "labels": "", "bam": "",
    }  # fmt: skip


def measure(
    matrix, labels=None, *, row=None, mutants=None, earlier=(), disease="B-ALL", contigs=None,
    earlier_clones=None, **settings
):  # fmt: skip
    return measure_specimen(
        row or sample(), matrix, labels, mutants or {}, settings=SETTINGS | settings,
        panels=PANELS, earlier=list(earlier), disease=disease, contigs=contigs,
        earlier_clones=earlier_clones,
    )  # fmt: skip


def mixed(**more):
    """A marrow with blasts: kinds for `draw`."""
    return {
        "blast": ("blast", 350), "t": ("t", 120), "nk": ("nk", 50), "monocyte": ("monocyte", 60),
    } | more  # fmt: skip
