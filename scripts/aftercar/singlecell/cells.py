"""From the counts of one specimen to its usable cells: what they are, in which sub-populations."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from aftercar.contracts.expression import ExpressionMatrix
from aftercar.singlecell.barcodes import rows_of_barcodes
from aftercar.singlecell.clonal_cells import Clonal, clonal_cells
from aftercar.singlecell.doublets import Doublets, find_doublets, library_of
from aftercar.singlecell.embedding import (
    cell_map,
    joined_small_clusters,
    leiden_clusters,
    principal_axes,
    row_sums,
    variable_genes,
)
from aftercar.singlecell.genes import GeneIndex, excluded_columns, mitochondrial_columns
from aftercar.singlecell.leukemic import (
    LINEAGE_OF_IDENTITY,
    Identities,
    identities_of_cells,
    somatic_carriers,
)
from aftercar.singlecell.lineages import cluster_lineages
from aftercar.singlecell.molecules import Molecules
from aftercar.singlecell.neighbours import nearest_neighbours, neighbour_graph
from aftercar.singlecell.populations import name_populations
from aftercar.singlecell.quality import CellQuality, ambient_share, judge_cells

_SOUP_MOLECULES = 10_000  # fewer in empty droplets: the specimen stands for ambient RNA


@dataclass(frozen=True)
class Panels:
    """The contents of resources/singlecell: genes, lineages, antigens, methods, clonotypes."""

    genes: dict
    lineages: dict
    antigens: dict
    methods: dict
    clonotypes: dict


@dataclass(frozen=True, eq=False)
class CellKnowledge:
    """What is known of cells beside their counts, in the order of the matrix's barcodes.

    `label` and `subpopulation` hold text or nothing; None without a labels file, `label` also for
    one that labels no cell. `mutant` maps the
    name of a loss-of-function variant to the cells that carry it. `copy_number` holds labels by
    copy-number calls, `label` all others. `contigs` has a column row, the cell of each receptor
    contig; None without a file. `earlier_clones` are rearrangements of the leukemia in earlier
    specimens of the patient.
    """

    label: np.ndarray | None
    subpopulation: np.ndarray | None
    mutant: dict[str, np.ndarray]
    labels_given: bool = False
    labels_matched: int = 0
    labels_listed: int = 0
    labels_refused: int = 0  # rows of the labels for a cell that another row names as well
    copy_number: np.ndarray | None = None
    contigs: pd.DataFrame | None = None
    contig_cells: tuple[int, int] = (0, 0)  # barcodes with contigs: in the matrix, in the file
    contigs_refused: int = 0
    mutant_cells: tuple[int, int] = (0, 0)  # barcodes with a variant: in the matrix, in the file
    disease: str = ""
    earlier_clones: frozenset[str] = frozenset()


@dataclass(frozen=True, eq=False)
class IdentifiedCells:
    """The usable cells of a specimen and what they are; arrays run over these cells.

    `rows` are their rows of the matrix. `populations` has one row per sub-population: population,
    identity, evidence, stage, cells, compartment.
    """

    rows: np.ndarray
    quality: CellQuality
    identities: Identities
    population: np.ndarray
    populations: pd.DataFrame
    components: np.ndarray
    places: np.ndarray
    ambient: tuple[float, int]
    kept_genes: np.ndarray
    markers_by_symbol: list[str]
    notes: tuple[str, ...]
    molecules: Molecules
    mutant: dict[str, np.ndarray]
    doublets: Doublets  # over the barcodes that passed quality before doublets were set apart
    labelled_doublets: int
    clonal: Clonal | None = None


class TooFewCells(ValueError):  # noqa: N818 - the name says what happened to the specimen
    """So few barcodes are usable that nothing can be said."""

    def __init__(self, quality: CellQuality, minimum: int) -> None:
        """Name both numbers."""
        self.quality = quality
        super().__init__(
            f"found {int(quality.usable.sum())} usable cells among {len(quality.usable)} barcodes, "
            f"expected at least {minimum}. To mend it: check the filtered matrix and the "
            "thresholds singlecell/min_genes and singlecell/max_mitochondrial_fraction"
        )


def known_cells(
    barcodes: np.ndarray,
    labels: pd.DataFrame | None,
    mutants: dict[str, set[str]],
    *,
    contigs: pd.DataFrame | None = None,
    disease: str = "",
    earlier_clones: frozenset[str] = frozenset(),
) -> CellKnowledge:
    """Return labels, genotypes and receptors in the order of the barcodes.

    Barcodes agree as `rows_of_barcodes` says.
    """
    mutant, listed = {}, set().union(*mutants.values())
    place, _ = rows_of_barcodes(listed, barcodes)
    mutant_cells = (len(place), len(listed))
    for name, carriers in sorted(mutants.items()):
        mask = np.zeros(len(barcodes), dtype=bool)
        mask[[place[barcode] for barcode in carriers if barcode in place]] = True
        mutant[name] = mask
    contig_cells, contigs_refused = (0, 0), 0
    if contigs is not None:
        listed = set(contigs["barcode"])
        place, contigs_refused = rows_of_barcodes(listed, barcodes)
        contig_cells = (len(place), len(listed))
        contigs = contigs[contigs["barcode"].isin(place)]
        contigs = contigs.assign(row=contigs["barcode"].map(place).astype("int64"))
    receptors = CellKnowledge(
        None, None, mutant, contigs=contigs, contig_cells=contig_cells, disease=disease,
        earlier_clones=earlier_clones, contigs_refused=contigs_refused,
        mutant_cells=mutant_cells,
    )  # fmt: skip
    if labels is None:
        return receptors
    label, subpopulation, copy_number = (np.full(len(barcodes), "", dtype=object) for _ in range(3))
    place, refused = rows_of_barcodes(labels["barcode"], barcodes)
    filled = 0
    labels = labels.reindex(
        columns=["barcode", "label", "subpopulation", "evidence"], fill_value=""
    )
    for barcode, word, part, evidence in labels.to_numpy():
        row = place.get(barcode, -1)
        if row >= 0:
            filled += word != ""
            (copy_number if evidence == "copy_number" else label)[row] = word
            subpopulation[row] = part
    return replace(
        receptors, label=label if filled else None, subpopulation=subpopulation,
        copy_number=copy_number if filled else None, labels_given=True, labels_matched=len(place),
        labels_listed=len(labels), labels_refused=refused,
    )  # fmt: skip


def identify_cells(
    matrix: ExpressionMatrix,
    known: CellKnowledge,
    *,
    specimen: str,
    settings: dict,
    panels: Panels,
) -> IdentifiedCells:
    """Return the usable cells with their identities and sub-populations.

    `specimen` is PB, BM, CSF, tissue, product or control; `settings` is the section singlecell of
    the configuration. Doublets are left out like cells of low quality, whatever their label. The
    same cells give the same bytes on any number of processors. Raises TooFewCells.
    """
    import scipy.linalg  # noqa: F401 - the limit holds for libraries that are loaded by then
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):  # sums of several threads differ in their last digits
        return _identified(matrix, known, specimen, settings, panels)


def _identified(
    matrix: ExpressionMatrix, known: CellKnowledge, specimen: str, settings: dict, panels: Panels
) -> IdentifiedCells:
    methods = panels.methods
    genes = GeneIndex(matrix, panels.genes["genes"])
    mitochondrial = mitochondrial_columns(matrix, list(panels.genes["mitochondrial"].values()))
    quality = judge_cells(
        matrix, mitochondrial, min_genes=settings["min_genes"],
        max_mitochondrial_fraction=settings["max_mitochondrial_fraction"],
        panel_share=methods["quality"]["panel_share"],
    )  # fmt: skip
    if known.label is not None:
        quality.usable[known.label == "low_quality"] = False
        quality.usable[known.copy_number == "low_quality"] = False
    rows = np.flatnonzero(quality.usable)
    if len(rows) < methods["quality"]["minimum_cells"]:
        raise TooFewCells(quality, methods["quality"]["minimum_cells"])
    tested = panels.antigens["antigens"]
    never = sorted({name for key, rule in tested.items() for name in (key, *rule["linked"])})
    excluded = excluded_columns(matrix, genes, never, methods["clustering"]["excluded_prefixes"])
    counts = matrix.counts if len(rows) == len(matrix) else matrix.counts[rows]
    depth = np.maximum(quality.depth[rows] - row_sums(counts[:, np.flatnonzero(excluded)]), 1.0)
    rule = methods["clustering"]
    columns = variable_genes(counts, depth, ~excluded, rule["variable_genes"])
    chosen = counts[:, columns]
    axes = principal_axes(chosen, depth, number=rule["components"])
    doublets = find_doublets(
        chosen, depth, axes, library_of(matrix.barcode[rows]),
        targeted=quality.min_genes < settings["min_genes"], settings=methods["doublets"],
        seed=settings["seed"],
    )  # fmt: skip
    components = axes.place(chosen, depth)
    labelled = 0
    if doublets.called.any():
        single = ~doublets.called
        if known.label is not None:
            labelled = int((known.label[rows[doublets.called]] != "").sum())
        counts, depth, components, rows = (
            counts[single],
            depth[single],
            components[single],
            rows[single],
        )
        if len(rows) < methods["quality"]["minimum_cells"]:
            raise TooFewCells(quality, methods["quality"]["minimum_cells"])
    graph = neighbour_graph(nearest_neighbours(components, rule["neighbours"])[1])
    clusters = joined_small_clusters(
        leiden_clusters(graph, resolution=rule["resolution"], seed=settings["seed"]),
        components,
        rule["minimum_cells"],
    )
    lineages = cluster_lineages(counts, clusters, genes, panels.lineages)
    mutant, ignored = somatic_carriers(
        {name: mask[rows] for name, mask in known.mutant.items() if mask[rows].any()},
        np.array([one.name in ("t", "nk") for one in lineages])[clusters],
    )
    clonal = None
    if known.contigs is not None:
        place = np.full(len(matrix), -1, dtype=np.int64)
        place[rows] = np.arange(len(rows))
        usable_contigs = known.contigs.assign(row=place[known.contigs["row"].to_numpy()])
        clonal = clonal_cells(
            usable_contigs[usable_contigs["row"] >= 0], lineages, clusters, disease=known.disease,
            earlier=known.earlier_clones, settings=panels.clonotypes,
        )  # fmt: skip
    found = identities_of_cells(
        lineages,
        clusters,
        specimen=specimen,
        panel=panels.lineages,
        labels=None if known.label is None else known.label[rows],
        mutant=np.logical_or.reduce(list(mutant.values())) if mutant else np.zeros(len(rows), bool),
        minimum_mutant_cells=rule["minimum_mutant_cells"],
        copy_number=None if known.copy_number is None else known.copy_number[rows],
        clonal=clonal,
    )
    population = name_populations(
        found, clusters, counts, depth, excluded,
        given=None if known.subpopulation is None else known.subpopulation[rows],
        settings=rule, seed=settings["seed"],
    )  # fmt: skip
    populations = _population_table(found, population)
    usable = ExpressionMatrix(
        counts, matrix.barcode[rows], matrix.gene_id, matrix.symbol, matrix.has_ensembl,
        None if matrix.protein is None else matrix.protein[rows], matrix.protein_name, matrix.notes,
        matrix.empty_droplets,
    )  # fmt: skip
    named = sorted(
        {name for key in tested for name in tested[key]["controls"]}
        | {name for lineage in panels.lineages["lineages"].values() for name in lineage["markers"]}
    )
    asked = sorted(set(genes.markers([*named, *never]).values()))
    molecules = Molecules(
        usable, genes, depth / 10_000, ~excluded, methods["test"], np.array(asked, dtype=np.int64)
    )
    return IdentifiedCells(
        rows=rows,
        quality=quality,
        identities=found,
        population=population,
        populations=populations,
        components=components,
        places=cell_map(graph, components, seed=settings["seed"]),
        ambient=_ambient(usable, quality.depth[rows], found.identity, genes, panels),
        kept_genes=np.array(sorted({*columns.tolist(), *asked}), dtype=np.int64),
        markers_by_symbol=genes.found_by_symbol(named),
        notes=(*matrix.notes, *ignored),
        molecules=molecules,
        mutant=mutant,
        clonal=clonal,
        doublets=doublets,
        labelled_doublets=labelled,
    )


def _population_table(found: Identities, population: np.ndarray) -> pd.DataFrame:
    """Return one row per sub-population: what it is, its stage, its cells, its compartment.

    Sub-populations of one compartment are compared with each other. Cells of different stage are
    kept apart, also leukemic ones: immature B cells carry clearly less CD19 than mature ones, and
    what is called leukemic may hold a benign mature clone.
    """
    cells = pd.DataFrame(
        {
            "population": population,
            "identity": found.identity,
            "evidence": found.evidence,
            "stage": found.stage,
        }
    )
    table = (
        cells.groupby("population", sort=True)
        .agg(
            identity=("identity", "first"),
            evidence=("evidence", lambda values: values.mode().iloc[0]),
            stage=("stage", lambda values: values.mode().iloc[0]),
            cells=("identity", "size"),
        )
        .reset_index()
    )
    table["compartment"] = table["identity"] + " " + table["stage"]
    return table


def _ambient(
    matrix: ExpressionMatrix,
    depth: np.ndarray,
    identity: np.ndarray,
    genes: GeneIndex,
    panels: Panels,
) -> tuple[float, int]:
    """Return the ambient share from B, T and myeloid markers in cells of other lineages."""
    lineage = np.array([LINEAGE_OF_IDENTITY.get(name, "") for name in identity], dtype=object)
    judged = lineage != ""
    columns = {
        name: list(genes.markers(panels.lineages["lineages"][name]["markers"]).values())
        for name in ("b", "t")
    }
    chosen = sorted({column for some in columns.values() for column in some})
    markers = {name: [chosen.index(column) for column in some] for name, some in columns.items()}
    carriers: dict[str, tuple[str, ...]] = {
        "b": ("b", "plasma", "progenitor"),
        "t": ("t", "nk", "progenitor"),
    }
    part = matrix.counts[:, chosen][judged]
    soup = None
    if matrix.empty_droplets is not None and matrix.empty_droplets.sum() >= _SOUP_MOLECULES:
        soup = matrix.empty_droplets[chosen] / matrix.empty_droplets.sum()
    return ambient_share(part, depth[judged], lineage[judged], markers, carriers, soup)
