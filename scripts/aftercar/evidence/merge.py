"""Join the tables of all patients into the tables of the cohort."""

from collections.abc import Iterable

import pandas as pd

from aftercar.contracts.clinical import OPTIONS, TOXICITY
from aftercar.contracts.cytometry import (
    CONCORDANCE,
    CUT_DENSITIES,
    CUTS,
    POPULATIONS,
    RATIOS,
)
from aftercar.contracts.evidence import (
    EVIDENCE,
    KINETICS,
    PATIENTS,
    RECOVERY,
    RISK,
    RULE_RESULTS,
)
from aftercar.contracts.sequencing import (
    BIALLELIC,
    CALLABILITY,
    CLONES,
    GENOTYPES,
    LOH,
    SPLICING,
    VARIANT_HISTORY,
    VARIANTS,
)
from aftercar.contracts.singlecell import (
    ANTIGEN_LOSS,
    ANTIGEN_POWER,
    CELL_POPULATIONS,
    CLONE_HISTORY,
)
from aftercar.contracts.specimen import INPUT_FILES, QUALITY
from aftercar.contracts.table import Table

# Name of a final table, as in rule merge_tables -> its contract.
COHORT_TABLES = {
    "populations": POPULATIONS,
    "ratios": RATIOS,
    "cuts": CUTS,
    "densities": CUT_DENSITIES,
    "concordance": CONCORDANCE,
    "cytometry_quality": QUALITY,
    "variants": VARIANTS,
    "callability": CALLABILITY,
    "history": VARIANT_HISTORY,
    "splicing": SPLICING,
    "loh": LOH,
    "biallelic": BIALLELIC,
    "genotypes": GENOTYPES,
    "clones": CLONES,
    "clone_history": CLONE_HISTORY,
    "antigen_loss": ANTIGEN_LOSS,
    "antigen_power": ANTIGEN_POWER,
    "cell_populations": CELL_POPULATIONS,
    "evidence": EVIDENCE,
    "kinetics": KINETICS,
    "recovery": RECOVERY,
    "rules": RULE_RESULTS,
    "risk": RISK,
    "patients": PATIENTS,
    "toxicity": TOXICITY,
    "options": OPTIONS,
    "quality": QUALITY,
    "inputs": INPUT_FILES,
}


def joined_table(contract: Table, tables: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Return the rows of all tables of one contract, a row that two of them share once.

    Two streams that read the same file both report it. Rows that differ under one key raise
    ContractError.
    """
    filled = [table for table in tables if len(table)]
    if not filled:
        return contract.empty()
    rows = pd.concat(filled, ignore_index=True)
    return contract.check(rows.drop_duplicates(ignore_index=True))
