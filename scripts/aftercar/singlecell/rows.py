"""What was found in a specimen, as rows of the stream's tables."""

import math

import numpy as np
import pandas as pd

from aftercar.contracts.singlecell import CELLS, HIDDEN_NEGATIVE, LEUKEMIC
from aftercar.contracts.specimen import quality_row, who_when
from aftercar.singlecell.absence import detectable_share, no_leukemic_row
from aftercar.singlecell.cells import CellKnowledge
from aftercar.singlecell.comparison import Compared
from aftercar.singlecell.doublets import Doublets
from aftercar.singlecell.quality import CellQuality
from aftercar.singlecell.screen import Screened
from aftercar.singlecell.specimen import Assessed
from aftercar.stats.intervals import wilson_interval

Row = dict[str, object]


def unmeasured_rows(
    sample: dict[str, str], antigens: list[str], status: str, reason: str
) -> tuple[list[Row], list[Row]]:
    """Return rows of ANTIGEN_LOSS and CELL_POPULATIONS of a specimen without usable counts.

    `status` is FAILED or NOT_ASSESSED; an antigen of such a specimen is NOT_EVALUABLE.
    """
    who = who_when(sample)
    common = {"population": "all cells", "identity": "other", "identity_evidence": "none"}
    loss = [
        who
        | common
        | {
            "antigen": antigen,
            "basis": "none",
            "cells": 0,
            "status": "NOT_EVALUABLE",
            "flags": reason,
        }
        for antigen in antigens
    ]
    return loss, [who | common | {"status": status, "flags": reason}]


def antigen_rows(sample: dict[str, str], found: Assessed) -> list[Row]:
    """Return the rows of ANTIGEN_LOSS of a specimen."""
    table = found.cells.populations
    leukemic = int(table.loc[table["identity"].isin(LEUKEMIC), "cells"].sum())
    cells = {str(about["population"]): about for about in table.to_dict("records")}
    rows = []
    for one in found.compared:
        about = cells[one.population]
        number = int(about["cells"])
        share: Row = {}
        if about["identity"] in LEUKEMIC:
            low, high = wilson_interval(number, leukemic)
            share = {
                "fraction_of_leukemic": number / leukemic,
                "fraction_of_leukemic_low": low,
                "fraction_of_leukemic_high": high,
            }
            if one.detectable_cells is not None:
                share["detectable_fraction"] = one.detectable_cells / leukemic
            if one.detectable_reduced_cells is not None:
                share["detectable_reduced_fraction"] = one.detectable_reduced_cells / leukemic
            screened, _ = found.screened[one.antigen]
            if screened is not None and screened.detectable and one.status != "NOT_APPLICABLE":
                hidden = screened.detectable * screened.cells / leukemic
                share["detectable_hidden_fraction"] = hidden
        rows.append(
            who_when(sample)
            | {
                "population": one.population,
                "identity": about["identity"],
                "identity_evidence": about["evidence"],
                "antigen": one.antigen,
                "cells": number,
                "status": one.status,
            }
            | _figures(one)
            | share
            | {"flags": _remarks(one, found, str(about["identity"]), str(about["evidence"]))}
        )
    return rows


def _figures(one: Compared) -> Row:
    finding = one.finding
    if finding is None:
        return {"basis": "none"}
    ratio, low, high = finding.ratio
    return {
        "basis": one.basis,
        "reference": finding.reference,
        "umis": finding.umis,
        "expected_umis": _finite(finding.expected),
        "relative_expression": _finite(ratio),
        "relative_expression_low": _finite(low),
        "relative_expression_high": _finite(high),
        "control_expression": _finite(finding.control),
        "p_value": _finite(finding.p_value),
        "q_value": _finite(one.q_value),
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _remarks(one: Compared, found: Assessed, identity: str, evidence: str) -> str:
    if one.status == "NOT_APPLICABLE":
        return "; ".join(one.flags)
    remarks = [*one.flags, *_carriers(found, one.population)]
    screened, _ = found.screened[one.antigen]
    if identity in LEUKEMIC and one.status != "LOST" and screened is not None and screened.shown:
        remarks.append(f"{HIDDEN_NEGATIVE}: {screened.figures}")
    if said := found.cells.identities.flags.get((identity, evidence), ""):
        remarks.append(said)
    if not found.cells.molecules.matrix.has_ensembl:
        remarks.append("genes found by symbol alone")
    if (
        identity in LEUKEMIC
        and one.finding is not None
        and math.isfinite(one.finding.p_value)
        and one.detectable_cells is None
    ):
        remarks.append(
            "too few molecules: no share of the cells would have been called LOST"
            + ("" if one.detectable_reduced_cells is not None else " or REDUCED")
        )
    return "; ".join(remarks)


def _carriers(found: Assessed, population: str) -> list[str]:
    """Say how many cells of a sub-population show each variant."""
    inside = found.cells.population == population
    return [
        f"{name} seen in {int(mask[inside].sum())} of {int(inside.sum())} cells"
        for name, mask in found.cells.mutant.items()
        if mask[inside].any()
    ]


def population_rows(
    sample: dict[str, str],
    found: Assessed,
    *,
    disease: str,
    labelled: bool,
    minimum_cells: int,
    b_markers: dict,
) -> list[Row]:
    """Return the rows of CELL_POPULATIONS; sub-populations are disjoint, so shares may be added.

    Without any leukemic cell a row says so: NOT_DETECTED where labels cover the cells, or where a
    B-cell disease leaves no unresolved B cell, no cell of unknown lineage, and the file holds the
    genes of B cells (`b_markers`, of the panel of lineages); else INDETERMINATE, without a share.
    In B-ALL this is said of B-lineage cells alone, which a flag says where myeloid cells are.
    """
    who = who_when(sample)
    total = len(found.cells.rows)
    complete = bool((found.cells.identities.evidence == "label").all())
    detectable = detectable_share(1 if complete else minimum_cells, total)
    rows = []
    for about in found.cells.populations.to_dict("records"):
        low, high = wilson_interval(int(about["cells"]), total)
        enough = about["cells"] >= minimum_cells
        known = (about["identity"], about["evidence"])
        flags = [found.cells.identities.flags.get(known, "")]
        flags += _carriers(found, about["population"])
        if about["stage"] == "precursor" and about["identity"] == "b_unresolved":
            flags.append("precursor programme: normal precursors or leukemia")
        rows.append(
            who
            | {
                "population": about["population"],
                "identity": about["identity"],
                "identity_evidence": about["evidence"],
                "cells": int(about["cells"]),
                "total_cells": total,
                "fraction": about["cells"] / total,
                "fraction_low": low,
                "fraction_high": high,
                "detectable_fraction": detectable if about["identity"] in LEUKEMIC else None,
                "status": "QUANTIFIED" if enough else "DETECTED_BELOW_LLOQ",
                "flags": "; ".join(flag for flag in flags if flag),
            }
        )
    pairs = int(found.cells.doublets.called.sum())
    poor = len(found.cells.quality.usable) - total - pairs
    if pairs:
        rows.append(
            who
            | {
                "population": "doublets",
                "identity": "low_quality",
                "identity_evidence": "none",
                "cells": pairs,
                "total_cells": total,
                "status": "NOT_APPLICABLE",
                "flags": "left out: called doublets, droplets with two cells",
            }
        )
    if poor:
        rows.append(
            who
            | {
                "population": "low quality",
                "identity": "low_quality",
                "identity_evidence": "none",
                "cells": poor,
                "total_cells": total,
                "status": "NOT_APPLICABLE",
                "flags": "left out: too few genes or too many mitochondrial molecules",
            }
        )
    if not found.cells.populations["identity"].isin(LEUKEMIC).any():
        rows.append(
            who | no_leukemic_row(found, detectable, disease, labelled, minimum_cells, b_markers)
        )
    return rows


def cell_rows(sample: dict[str, str], found: Assessed) -> pd.DataFrame:
    """Return the table CELLS of a specimen: usable cells with their place on the map."""
    return CELLS.check(
        pd.DataFrame(
            {
                "sample_id": sample["sample_id"],
                "barcode": found.cells.molecules.matrix.barcode.astype(str),
                "x": np.round(found.cells.places[:, 0], 4),
                "y": np.round(found.cells.places[:, 1], 4),
                "population": found.cells.population.astype(str),
                "identity": found.cells.identities.identity.astype(str),
                "umis": found.cells.quality.depth[found.cells.rows].astype(np.int64),
            }
        )
    )


def quality_rows(
    sample: dict[str, str], found: Assessed, known: CellKnowledge, methods: dict
) -> list[Row]:
    """Return the rows of QUALITY of a specimen that could be analysed."""
    quality = found.cells.quality
    pairs = int(found.cells.doublets.called.sum())
    left_out = len(quality.usable) - len(found.cells.rows) - pairs
    share = left_out / len(quality.usable)
    limit = methods["quality"]["flag_low_quality_fraction"]
    rows = cell_quality_rows(sample, quality)
    rows.append(
        quality_row(
            sample,
            "low_quality_fraction",
            share,
            "fraction",
            "FLAG" if share > limit else "PASS",
            f"{left_out} of {len(quality.usable)} barcodes are left out (flagged above {limit:g})",
        )
    )
    rows += doublet_rows(sample, found.cells.doublets, found.cells.labelled_doublets)
    ambient, molecules = found.cells.ambient
    if math.isnan(ambient):
        rows.append(
            quality_row(
                sample,
                "ambient_share",
                None,
                "fraction",
                "NOT_POSSIBLE",
                "no lineage has enough marker molecules to estimate ambient RNA",
            )
        )
    else:
        bar = methods["quality"]["ambient_flag"]
        rows.append(
            quality_row(
                sample,
                "ambient_share",
                ambient,
                "fraction",
                "FLAG" if ambient > bar else "PASS",
                f"from {molecules} molecules of lineage markers in cells of other lineages "
                f"(flagged above {bar:g})",
            )
        )
    by_symbol = found.cells.markers_by_symbol
    if not found.cells.molecules.matrix.has_ensembl:
        verdict, text = "FLAG", "no Ensembl identifiers: genes were found by symbol alone"
    elif by_symbol:
        verdict = "FLAG"
        text = f"{len(by_symbol)} marker genes were found by symbol: their identifier differs"
    else:
        verdict, text = "PASS", "genes were found by Ensembl identifier"
    rows.append(quality_row(sample, "gene_identifiers", None, "", verdict, text))
    if found.cells.notes:
        rows.append(
            quality_row(
                sample,
                "file_content",
                None,
                "",
                "FLAG",
                "; ".join(found.cells.notes),
            )
        )
    rows += [
        screen_row(sample, antigen, screened, reason)
        for antigen, (screened, reason) in found.screened.items()
        if screened is not None or reason
    ]
    if known.labels_given:
        rows.append(label_row(sample, known))
    if known.mutant_cells[1]:
        rows.append(genotype_row(sample, known))
    return rows


def screen_row(sample: dict[str, str], antigen: str, screened: Screened | None, reason: str) -> Row:
    """Return the screen for hidden antigen-negative cells; it flags and never makes LOST."""
    check = f"hidden_negative_screen:{antigen}"
    if screened is None:
        said = f"hidden negative cells cannot be looked for: {reason}"
        return quality_row(sample, check, None, "fraction", "NOT_POSSIBLE", said)
    power = (
        "no hidden share would show with 95 % probability"
        if screened.detectable is None
        else f"power to see a hidden share: 95 % from {100 * screened.detectable:.2g} % of them on"
    )
    said = HIDDEN_NEGATIVE if screened.shown else "no sign of a mixture"
    return quality_row(
        sample, check, screened.share, "fraction", "FLAG" if screened.shown else "PASS",
        f"{said}: {screened.figures}; {power}. A screen: no basis for LOST",
    )  # fmt: skip


def cell_quality_rows(sample: dict[str, str], quality: CellQuality) -> list[Row]:
    """Return the rows about depth and mitochondrial share, also of a specimen that FAILED."""
    kept = quality.usable
    depth = float(np.median(quality.depth[kept])) if kept.any() else None
    rows = [
        quality_row(
            sample, "usable_cells", int(kept.sum()), "cells", "PASS",
            f"at least {quality.min_genes} genes each; {len(kept)} barcodes in the file",
        ),
        quality_row(
            sample, "median_molecules", depth, "molecules per cell", "PASS",
            "of usable cells" if depth is not None else "no usable cell",
        ),
    ]  # fmt: skip
    if quality.has_mitochondrial_genes:
        middle = float(np.median(quality.mitochondrial_fraction))
        rows.append(
            quality_row(
                sample,
                "mitochondrial_fraction",
                middle,
                "fraction",
                "PASS",
                "median of all barcodes",
            )
        )
    else:
        rows.append(
            quality_row(
                sample,
                "mitochondrial_fraction",
                None,
                "fraction",
                "NOT_POSSIBLE",
                "the file has no mitochondrial genes: damaged cells cannot be told by them",
            )
        )
    return rows


def doublet_rows(sample: dict[str, str], found: Doublets, labelled: int) -> list[Row]:
    """Return a row per library: doublets called, threshold, expected share; FLAG above twice that.

    `labelled` of the doublets carry a label of the user, which does not keep them.
    """
    rows = []
    for one in found.libraries:
        check = f"doublets:{one.name}" if len(found.libraries) > 1 else "doublets"
        if one.reason:
            rows.append(quality_row(sample, check, None, "fraction", "NOT_POSSIBLE", one.reason))
            continue
        share = one.called / one.cells
        in_all = share / one.detectable if one.called else 0.0
        rule = "the valley of" if one.valley else "no clear valley, the lowest plausible one of"
        told = (
            f"score above {one.threshold:.3g} ({rule} simulated pairs), which "
            f"{100 * one.detectable:.0f} % of these reach"
            if one.called
            else "no threshold tells simulated pairs from cells: doublets may be among the cells"
        )
        text = (
            f"{one.called} of {one.cells} cells are left out; {told}; expected are "
            f"{100 * one.expected_fraction:.1f} % doublets by the number of cells; doublets of "
            "like cells cannot be told"
        )
        if labelled:
            text += f"; {labelled} doublets of the specimen carry a label"
        plain = one.called and in_all <= 2 * one.expected_fraction
        rows.append(
            quality_row(sample, check, share, "fraction", "PASS" if plain else "FLAG", text)
        )
    return rows


def genotype_row(sample: dict[str, str], known: CellKnowledge) -> Row:
    """Return how many of the cells with a variant are cells of the matrix."""
    inside, listed = known.mutant_cells
    text = f"{inside} of {listed} barcodes with a variant are in the matrix"
    if not inside:
        text += ": the genotypes say nothing of these cells; give the reads of this very library"
    return quality_row(
        sample, "genotypes_matched", inside / listed, "fraction",
        "PASS" if 2 * inside >= listed else "FLAG", text,
    )  # fmt: skip


def refused_text(barcodes: int) -> str:
    """Return what a reader must know of barcodes that name a cell that another one names."""
    return f"; {barcodes} more were not used: another barcode names the same cell" * (barcodes > 0)


def label_row(sample: dict[str, str], known: CellKnowledge) -> Row:
    """Return how many of the labels belong to cells of the matrix."""
    share = known.labels_matched / max(known.labels_listed, 1)
    plain = share > 0.99 and not known.labels_refused and known.label is not None
    nothing = "; none of them has a label: the cells were taken for unlabelled ones"
    return quality_row(
        sample, "labels_matched", share, "fraction", "PASS" if plain else "FLAG",
        f"{known.labels_matched} of {known.labels_listed} labelled barcodes are in the matrix"
        + refused_text(known.labels_refused)
        + nothing * (known.label is None),
    )  # fmt: skip
