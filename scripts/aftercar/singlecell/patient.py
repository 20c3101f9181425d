"""All single-cell specimens of one patient, in order of time: earlier ones may be references."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from aftercar.contracts.expression import ExpressionMatrix
from aftercar.contracts.sequencing import CLONES, GENOTYPES
from aftercar.contracts.singlecell import (
    ANTIGEN_CELLS,
    ANTIGEN_LOSS,
    ANTIGEN_POWER,
    CELL_POPULATIONS,
    CELLS,
    CLONE_HISTORY,
)
from aftercar.contracts.specimen import QUALITY, quality_row
from aftercar.contracts.table import Table
from aftercar.singlecell.annotated import HOW_TO_READ, observations, with_antigens
from aftercar.singlecell.cells import (
    CellKnowledge,
    Panels,
    TooFewCells,
    identify_cells,
    known_cells,
)
from aftercar.singlecell.clone_history import SpecimenCells, clone_history
from aftercar.singlecell.clone_rows import (
    clonotype_rows,
    leukemic_clonotypes,
    receptor_quality,
    specimen_cells,
)
from aftercar.singlecell.comparison import EarlierLevel
from aftercar.singlecell.posterior import negative_probabilities
from aftercar.singlecell.power import power_rows, unknown_power_rows
from aftercar.singlecell.rows import (
    Row,
    antigen_rows,
    cell_quality_rows,
    cell_rows,
    population_rows,
    quality_rows,
    unmeasured_rows,
)
from aftercar.singlecell.specimen import Assessed, compare_antigens


@dataclass(frozen=True, eq=False)
class SpecimenTables:
    """Rows of one specimen for each table; `assessed` is None for one that could not be used."""

    loss: list[Row]
    populations: list[Row]
    cells: pd.DataFrame
    quality: list[Row]
    assessed: Assessed | None
    levels: list[EarlierLevel]
    power: list[Row] = field(default_factory=list)
    antigen_cells: pd.DataFrame = field(default_factory=ANTIGEN_CELLS.empty)
    thresholds: dict[str, object] = field(default_factory=dict)
    clones: list[Row] = field(default_factory=list)
    clonotypes: dict[str, frozenset[str]] = field(default_factory=dict)
    memory: SpecimenCells | None = None

    def summary(self) -> str:
        """Return one line for the log: pseudonym, cells, calls."""
        calls = Counter(row["status"] for row in self.loss)
        sample = (self.loss or self.populations)[0]["sample_id"]
        return f"{sample}: {len(self.cells)} cells; antigens " + ", ".join(
            f"{status} {number}" for status, number in sorted(calls.items(), key=str)
        )

    @property
    def kept_genes(self) -> np.ndarray:
        """Return the columns of the genes in use."""
        return self._found.cells.kept_genes

    def observations(self) -> pd.DataFrame:
        """Return what is known of each cell, indexed by barcode.

        The status of an antigen is that of the cell's sub-population.
        """
        return with_antigens(observations(self._found), self.loss, self.antigen_cells)

    def points(self) -> dict[str, np.ndarray]:
        """Return principal components and the map."""
        return {"X_pca": self._found.cells.components, "X_map": self._found.cells.places}

    def facts(self) -> dict[str, pd.DataFrame | dict]:
        """Return the calls of the specimen, what they rest on and how to read them, for uns."""
        return {
            "how_to_read": HOW_TO_READ,
            "thresholds": self.thresholds,
            "antigen_loss": ANTIGEN_LOSS.frame(self.loss),
            "antigen_power": ANTIGEN_POWER.frame(self.power),
            "cell_populations": CELL_POPULATIONS.frame(self.populations),
            "quality": QUALITY.frame(self.quality),
        }

    @property
    def _found(self) -> Assessed:
        if self.assessed is None:
            raise ValueError("a specimen that was not analysed has no annotated matrix")
        return self.assessed


def failed_specimen(
    sample: dict[str, str],
    antigens: list[str],
    message: str,
    methods: dict,
    *,
    quality: list[Row] | None = None,
) -> SpecimenTables:
    """Return the rows of a specimen that cannot be used, with the reason."""
    loss, populations = unmeasured_rows(sample, antigens, "FAILED", message)
    checks = [*(quality or []), quality_row(sample, "matrix", None, "", "FAIL", message)]
    power = unknown_power_rows(sample, antigens, message, methods)
    return SpecimenTables(loss, populations, CELLS.empty(), checks, None, [], power)


def unmeasured_specimen(
    sample: dict[str, str], antigens: list[str], methods: dict
) -> SpecimenTables:
    """Return the rows of a specimen without a matrix."""
    reason = "no count matrix was given"
    loss, populations = unmeasured_rows(sample, antigens, "NOT_ASSESSED", reason)
    power = unknown_power_rows(sample, antigens, reason, methods)
    return SpecimenTables(loss, populations, CELLS.empty(), [], None, [], power)


def in_order(samples: list[dict[str, str]]) -> list[dict[str, str]]:
    """Return specimens by day and name; those without a day last."""
    return sorted(
        samples,
        key=lambda row: (row["day"] == "", int(row["day"] or 0), row["sample_id"]),
    )


def carriers_of_losses(
    genotypes: pd.DataFrame, clones: pd.DataFrame, sample: dict[str, str]
) -> dict[str, set[str]]:
    """Return the cells that carry each variant, by name of the variant.

    Only variants that were known on the day of the specimen: one found at relapse must not change
    what an older specimen says.
    """
    if not sample["day"]:
        return {}
    mine = clones[
        (clones["sample_id"] == sample["sample_id"])
        & (clones["known_from_day"].fillna(10**6) <= int(sample["day"]))
    ]
    known = set(mine["clone"])
    cells = genotypes[
        (genotypes["sample_id"] == sample["sample_id"]) & (genotypes["state"] == "MUTANT")
    ]
    named = cells["gene"] + " " + cells["hgvs_c"]
    return {
        str(name): set(cells.loc[named == name, "barcode"])
        for name in sorted(set(named))
        if name in known or str(name).split(" ", 1)[-1] in known
    }


def labels_of_another_library(known: CellKnowledge, cells: int, rule: dict) -> str:
    """Return why labels cannot be those of these cells, or an empty text.

    Two libraries share barcodes by chance. Labels of several libraries in one file hold most of the
    cells, labels of few cells lie mostly in the matrix: one of the two shares has to be enough.
    """
    matched, listed = known.labels_matched, known.labels_listed
    if not listed or (matched and matched >= rule["labels_matched"] * min(listed, cells)):
        return ""
    number = "no labelled barcode" if not matched else f"{matched} of {listed} labelled barcodes"
    return (
        f"found {number} in the matrix, expected barcodes as in the matrix. "
        "To mend it: give the labels of this very library"
    )


def measure_specimen(
    sample: dict[str, str],
    matrix: ExpressionMatrix,
    labels: pd.DataFrame | None,
    mutants: dict[str, set[str]],
    *,
    settings: dict,
    panels: Panels,
    earlier: list[EarlierLevel],
    disease: str,
    contigs: pd.DataFrame | None = None,
    earlier_clones: dict[str, frozenset[str]] | None = None,
    genotypes: pd.DataFrame | None = None,
    genotype_clones: pd.DataFrame | None = None,
) -> SpecimenTables:
    """Return all rows of one specimen; one with too few usable cells is FAILED.

    `mutants` are cells by variants known on its day; `genotypes` and `genotype_clones` the
    patient's rows of GENOTYPES and CLONES, also those known later, for the history alone.
    `earlier_clones` are the leukemia's rearrangements in earlier specimens, by clone.
    """
    antigens = settings["antigens"]
    before = earlier_clones or {}
    known: CellKnowledge = known_cells(
        matrix.barcode, labels, mutants, contigs=contigs, disease=disease,
        earlier_clones=frozenset().union(*before.values()),
    )  # fmt: skip
    inside, listed = known.contig_cells
    if listed and not inside:
        return failed_specimen(
            sample, antigens,
            "found no barcode of the contigs in the matrix, expected barcodes as in the matrix. "
            "To mend it: give the contigs of this very library", panels.methods,
        )  # fmt: skip
    if problem := labels_of_another_library(known, len(matrix), panels.methods["quality"]):
        return failed_specimen(sample, antigens, problem, panels.methods)
    day = int(sample["day"]) if sample["day"] else 10**6
    try:
        cells = identify_cells(
            matrix, known, specimen=sample["specimen"], settings=settings, panels=panels
        )
    except TooFewCells as error:
        return failed_specimen(
            sample, antigens, str(error), panels.methods,
            quality=cell_quality_rows(sample, error.quality),
        )  # fmt: skip
    found = compare_antigens(
        cells, sample_id=sample["sample_id"], day=day, settings=settings, panels=panels,
        earlier=[level for level in earlier if level.day < day and sample["day"]],
    )  # fmt: skip
    minimum = panels.methods["clustering"]["minimum_cells"]
    rule = panels.clonotypes["history"]
    loss = antigen_rows(sample, found)
    clones = leukemic_clonotypes(found, before)
    return SpecimenTables(
        loss=loss,
        populations=population_rows(
            sample,
            found,
            disease=disease,
            labelled=known.label is not None,
            minimum_cells=minimum,
            b_markers=panels.lineages["lineages"]["b"],
        ),
        cells=cell_rows(sample, found),
        quality=[
            *quality_rows(sample, found, known, panels.methods),
            *receptor_quality(sample, found, known),
        ],
        assessed=found,
        levels=found.levels,
        power=power_rows(sample, found, settings=settings, panels=panels),
        antigen_cells=negative_probabilities(sample["sample_id"], found, panels.antigens),
        thresholds={
            name: value for name, value in settings.items() if isinstance(value, int | float | str)
        },
        clones=clonotype_rows(sample, found, clones, before, rule),
        clonotypes=clones,
        memory=specimen_cells(
            sample,
            found,
            known,
            clones,
            loss,
            GENOTYPES.empty() if genotypes is None else genotypes,
            CLONES.empty() if genotype_clones is None else genotype_clones,
        ),
    )


Reader = Callable[[dict[str, str]], tuple[ExpressionMatrix, pd.DataFrame | None]]


def measure_patient(
    samples: list[dict[str, str]],
    read: Reader,
    unreadable: tuple[type[ValueError], ...],
    genotypes: pd.DataFrame,
    clones: pd.DataFrame,
    *,
    settings: dict,
    panels: Panels,
    disease: str,
    keep: Callable[[dict[str, str], ExpressionMatrix, SpecimenTables], None],
    read_contigs: Callable[[str], pd.DataFrame] | None = None,
) -> list[SpecimenTables]:
    """Return the tables of every specimen, in order of time.

    `read` gives the counts and labels of a row of samples.tsv or raises one of `unreadable`, which
    makes the specimen FAILED, as does `read_contigs` for its receptors; `keep` is called with each
    result while its counts are still at hand.
    """
    earlier: list[EarlierLevel] = []
    antigens, methods = settings["antigens"], panels.methods
    clonotypes: list[tuple[int, dict[str, frozenset[str]]]] = []
    results = []
    for sample in in_order(samples):
        if not sample["path"] or sample["path"].endswith(".bam"):
            results.append(unmeasured_specimen(sample, antigens, methods))
            continue
        try:
            matrix, labels = read(sample)
            named = sample.get("contigs", "")
            contigs = read_contigs(named) if read_contigs is not None and named else None
        except unreadable as error:
            results.append(
                failed_specimen(sample, settings["antigens"], str(error), panels.methods)
            )
            continue
        mutants = carriers_of_losses(genotypes, clones, sample)
        result = measure_specimen(
            sample, matrix, labels, mutants, settings=settings, panels=panels, earlier=earlier,
            disease=disease, contigs=contigs, genotypes=genotypes, genotype_clones=clones,
            earlier_clones=_known_before(clonotypes, sample),
        )  # fmt: skip
        if sample["day"]:
            clonotypes.append((int(sample["day"]), result.clonotypes))
        if result.assessed is not None:
            keep(sample, matrix, result)
        earlier += result.levels
        # the counts need not stay in memory
        results.append(replace(result, assessed=None))
    return results


def _known_before(
    clonotypes: list[tuple[int, dict[str, frozenset[str]]]], sample: dict[str, str]
) -> dict[str, frozenset[str]]:
    """Return the leukemia's clones in specimens of days before this one's."""
    known: dict[str, frozenset[str]] = {}
    for day, clones in clonotypes:
        if sample["day"] and day < int(sample["day"]):
            known |= {name: keys | known.get(name, frozenset()) for name, keys in clones.items()}
    return known


def patient_tables(
    found: list[SpecimenTables], history_rule: dict
) -> dict[str, tuple[Table, pd.DataFrame]]:
    """Return contract and rows of every table of a patient, by the name of its file.

    `history_rule` is the part history of resources/singlecell/clonotypes.yaml.
    """
    history = clone_history([one.memory for one in found if one.memory], history_rule)
    return {
        "antigen_loss": (ANTIGEN_LOSS, ANTIGEN_LOSS.frame([row for s in found for row in s.loss])),
        "antigen_power": (
            ANTIGEN_POWER,
            ANTIGEN_POWER.frame([row for s in found for row in s.power]),
        ),
        "antigen_cells": (
            ANTIGEN_CELLS,
            _joined(ANTIGEN_CELLS, [one.antigen_cells for one in found]),
        ),
        "populations": (
            CELL_POPULATIONS,
            CELL_POPULATIONS.frame([row for s in found for row in s.populations]),
        ),
        "cells": (CELLS, _joined(CELLS, [one.cells for one in found])),
        "quality": (QUALITY, QUALITY.frame([row for s in found for row in s.quality])),
        "clones": (CLONES, CLONES.frame([row for s in found for row in s.clones])),
        "clone_history": (CLONE_HISTORY, CLONE_HISTORY.frame(history)),
    }


def _joined(contract: Table, frames: list[pd.DataFrame]) -> pd.DataFrame:
    filled = [frame for frame in frames if len(frame)]
    return pd.concat(filled, ignore_index=True) if filled else contract.empty()
