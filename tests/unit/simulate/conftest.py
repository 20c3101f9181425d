"""The patients of the cohort by name, and the synthetic genes."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from aftercar.simulate.cohort import COHORT
from aftercar.simulate.genome import genes_from, synthesise

GENES = Path(__file__).parents[3] / "resources/genes"


@pytest.fixture(scope="session")
def patient():
    return {p.patient_id: p for p in COHORT}.__getitem__


@pytest.fixture(scope="session")
def proteins():
    records = (GENES / "proteins.fa").read_text().split(">")[1:]
    texts = {r.split()[0]: "".join(r.splitlines()[1:]) for r in records}
    return {name: texts[name] for name in ("CD19", "TP53")}


@pytest.fixture(scope="session")
def genes(proteins):
    exons = pd.read_csv(GENES / "exons.tsv", sep="\t", dtype=str, keep_default_na=False)
    return genes_from(exons, proteins)


@pytest.fixture(scope="session")
def loci(genes):
    return {name: synthesise(gene, np.random.default_rng(5)) for name, gene in genes.items()}
