"""What a specimen tells of clones, as rows of CLONES and as memory for the patient's history."""

import numpy as np
import pandas as pd

from aftercar.contracts.specimen import quality_row, who_when
from aftercar.singlecell.cells import CellKnowledge
from aftercar.singlecell.clonal_cells import Clonal, clones_of_leukemia
from aftercar.singlecell.clone_history import Row, SpecimenCells, canonical_name, variant_cells
from aftercar.singlecell.leukemic import somatic_carriers
from aftercar.singlecell.rows import refused_text
from aftercar.singlecell.specimen import Assessed
from aftercar.stats.intervals import wilson_interval

Clones = dict[str, frozenset[str]]


def leukemic_clonotypes(found: Assessed, known: Clones) -> Clones:
    """Return the rearrangements of the leukemia's clones by name, as `known` earlier or new."""
    clonal = found.cells.clonal
    if clonal is None:
        return {}
    clones: dict[str, frozenset[str]] = {}
    for lineage, number in clones_of_leukemia(clonal, found.cells.identities.identity):
        of_lineage = clonal.b if lineage == "b" else clonal.t
        keys = of_lineage.rearrangements[number]
        name = canonical_name(keys, of_lineage.names[number], known)
        clones[name] = clones.get(name, frozenset()) | keys | known.get(name, frozenset())
    return clones


def clonotype_rows(
    sample: dict[str, str], found: Assessed, clones: Clones, known: Clones, rule: dict
) -> list[Row]:
    """Return the rows of CLONES of basis clonotype: the leukemia's, expanded and missing ones.

    `clones` are the leukemia's in this specimen, `known` those of earlier specimens; `rule` is the
    part history of resources/singlecell/clonotypes.yaml.
    """
    clonal = found.cells.clonal
    if clonal is None:
        return []
    total, rows, shown = len(found.cells.rows), [], set()
    for of_lineage in (clonal.b, clonal.t):
        covered = int(of_lineage.evaluable.sum())
        size = np.bincount(of_lineage.clone[of_lineage.evaluable], minlength=len(of_lineage.names))
        sizes: dict[str, int] = {}
        leukemic: set[str] = set()
        for number in np.flatnonzero(of_lineage.anchored & (size > 0)):
            keys = of_lineage.rearrangements[number]
            name = next((n for n, own in (clones | known).items() if own & keys), "")
            if not name and not of_lineage.expanded[number]:
                continue
            leukemic |= {name} & set(clones)
            name = name or of_lineage.names[number]
            sizes[name] = sizes.get(name, 0) + int(size[number])
        for name, cells in sorted(sizes.items()):
            low, high = wilson_interval(cells, covered)
            of_disease = name in leukemic
            rows.append(
                who_when(sample)
                | _named(sample, name, total, covered)
                | {
                    "cells_mutant": cells,
                    "fraction": cells / covered,
                    "fraction_low": low,
                    "fraction_high": high,
                    "status": "QUANTIFIED"
                    if cells >= rule["quantified_cells"]
                    else "DETECTED_BELOW_LLOQ",
                    "flags": "share of the cells with a heavy (beta, delta) chain; "
                    + ("clonotype of the leukemia" if of_disease else "not called leukemic"),
                }
            )
            shown.add(name)
    covered = int(clonal.b.evaluable.sum())
    for name in sorted(set(known) - shown):
        if not name.startswith("IGH"):
            continue
        limit = min(1.0, 3 / covered) if covered else None
        adequate = limit is not None and limit <= rule["adequate_limit"]
        rows.append(
            who_when(sample)
            | _named(sample, name, total, covered)
            | {
                "cells_mutant": 0,
                "fraction": 0.0 if covered else None,
                "fraction_low": 0.0 if covered else None,
                "fraction_high": wilson_interval(0, covered)[1] if covered else None,
                "detectable_fraction": limit,
                "status": "NOT_DETECTED" if adequate else "INDETERMINATE",
                "flags": "share of the cells with a heavy chain; clonotype of the leukemia in an "
                "earlier specimen",
            }
        )
    return rows


def _named(sample: dict[str, str], name: str, total: int, covered: int) -> Row:
    return {
        "clone": name,
        "basis": "clonotype",
        "cells_listed": total,
        "cells_covered": covered,
        "known_from_day": int(sample["day"]) if sample["day"] else None,
    }


def receptor_quality(sample: dict[str, str], found: Assessed, known: CellKnowledge) -> list[Row]:
    """Return the row of QUALITY about receptors; none where no contigs were given."""
    clonal = found.cells.clonal
    if clonal is None:
        return []
    inside, listed = known.contig_cells
    if not listed:
        text = "the file holds no contig: clonotypes are not evaluable, which is not polyclonal"
        return [quality_row(sample, "receptors_matched", None, "fraction", "NOT_POSSIBLE", text)]
    heavy, beta = (int(part.evaluable.sum()) for part in (clonal.b, clonal.t))
    double = int((clonal.b.doublet | clonal.t.doublet).sum())
    share = inside / listed
    return [
        quality_row(
            sample, "receptors_matched", share, "fraction",
            "PASS" if share >= 0.5 and not known.contigs_refused else "FLAG",
            f"{inside} of {listed} barcodes with contigs are in the matrix; {heavy} cells with a "
            f"heavy chain, {beta} with a beta or delta chain, {double} with those of two clones"
            + refused_text(known.contigs_refused),
        )
    ]  # fmt: skip


def specimen_cells(
    sample: dict[str, str],
    found: Assessed,
    known: CellKnowledge,
    clones: Clones,
    loss: list[Row],
    genotypes: pd.DataFrame,
    genotype_clones: pd.DataFrame,
) -> SpecimenCells | None:
    """Return what the history of the patient's clones needs; None for a specimen without a day."""
    if not sample["day"]:
        return None
    cells = found.cells
    named = None if known.subpopulation is None else known.subpopulation[cells.rows]
    mutant, covered, since = variant_cells(
        genotypes, genotype_clones, sample, cells.molecules.matrix.barcode
    )
    others = np.isin(cells.identities.identity, ("normal_t", "normal_nk"))
    somatic, _ = somatic_carriers(mutant, others)
    return SpecimenCells(
        sample_id=sample["sample_id"],
        patient_id=sample["patient_id"],
        day=int(sample["day"]),
        specimen=sample["specimen"],
        identity=cells.identities.identity,
        population=cells.population,
        named=named if named is not None and (named != "").any() else None,
        receptors=None if cells.clonal is None else _receptors(cells.clonal),
        clones=clones,
        mutant=somatic,
        covered=covered,
        variants_from=since,
        inherited=frozenset(mutant) - frozenset(somatic),
        loss=loss,
        mixed=_mixed(found),
        scattered_limit={
            antigen: screened.detectable
            for antigen, (screened, _) in found.screened.items()
            if screened is not None and screened.detectable is not None
        },
    )


def _mixed(found: Assessed) -> dict[str, str]:
    """Return by antigen what the screen says where it sees leukemic cells of unlike level."""
    return {
        antigen: f"leukemic cells of unlike level of {antigen}, may be hidden negative cells: "
        f"{screened.figures}"
        for antigen, (screened, _) in found.screened.items()
        if screened is not None and screened.shown
    }


def _receptors(clonal: Clonal) -> list[frozenset[str] | None]:
    """Return the rearrangements of each cell's clone, None without a heavy (beta, delta) chain."""
    found: list[frozenset[str] | None] = [None] * len(clonal.b.clone)
    for part in (clonal.b, clonal.t):
        for row in np.flatnonzero(part.evaluable):
            found[row] = (found[row] or frozenset()) | part.rearrangements[part.clone[row]]
    return found
