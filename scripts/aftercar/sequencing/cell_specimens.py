"""Genotypes of the cells of one specimen, from whatever kind of file holds them."""

from collections.abc import Callable

import pandas as pd

from aftercar.contracts.reads import PanelReads
from aftercar.sequencing.cell_rows import Candidate, CellSettings, CellTables, unassessed_cells
from aftercar.sequencing.cell_tables import ReadReference, genotype_specimen
from aftercar.sequencing.genes import Gene
from aftercar.sequencing.panel_cells import genotype_panel, panel_loci

MARKING_TIERS = ("T1", "T2", "T3", "T4")
HETEROZYGOUS_VAF = (0.3, 0.7)  # in bulk DNA; cells decide (genotyping.yaml)

PANEL_FILE = ".h5"

Locus = tuple[str, int, str, str]


def genotype_row(
    sample: dict[str, str],
    called: pd.DataFrame,
    genes: dict[str, Gene],
    settings: CellSettings,
    *,
    read_reference: ReadReference,
    read_list: Callable[[str], list[Locus]],
    read_barcodes: Callable[[str], list[str]],
    read_panel: Callable[[str, set[Locus], float], PanelReads],
    open_cells: Callable,
    unreadable: type[Exception],
) -> CellTables:
    """Return the tables of one row of samples.tsv; what cannot be read makes it FAILED.

    `called` are the patient's rows of VARIANTS. The functions read a list of variants, a list of
    barcodes, a Tapestri file and reads of cells; they raise `unreadable` with what is wrong.
    """
    own = collect_candidates(called, [])
    try:
        listed = [Candidate(*locus) for locus in read_list(sample["variants"])]
        wanted = collect_candidates(called, read_list(sample["variants"]))
        if reason := missing_input(sample):
            return unassessed_cells(sample, wanted, "NOT_ASSESSED", reason)
        source = cell_source(sample)
        barcodes = read_barcodes(sample["barcodes"]) if sample["barcodes"] else []
        if source.endswith(PANEL_FILE):
            share = settings.priors["dna"]["heterozygous_site"]["min_heterozygous_cells"]
            panel = read_panel(source, panel_loci(own + listed), share)
            return genotype_panel(sample, panel, barcodes, own, listed, genes, settings)
        reader = open_cells(source)
        return genotype_specimen(
            sample, barcodes or reader.barcodes, reader.search, wanted, genes, reader.fetch,
            read_reference, settings, heterozygous_sites(called),
        )  # fmt: skip
    except unreadable as error:
        return unassessed_cells(sample, own, "FAILED", str(error))


def collect_candidates(
    variants: pd.DataFrame, listed: list[tuple[str, int, str, str]]
) -> list[Candidate]:
    """Return the patient's called variants that may mark a clone, then those that a list names.

    Each called variant counts from the first day on which a specimen showed it.
    """
    called = variants[
        (variants["filter"] == "PASS")
        & variants["tier"].isin(MARKING_TIERS)
        & (variants["origin"] != "GERMLINE")  # in all cells
        & (variants["status"] == "QUANTIFIED")
    ].sort_values(["chrom", "pos", "ref", "alt", "known_from_day"], kind="stable")
    own = [
        Candidate(
            **{name: row[name] for name in ("chrom", "ref", "alt", "gene", "hgvs_c")},
            pos=int(row["pos"]),
            known_from_day=None if pd.isna(row["known_from_day"]) else int(row["known_from_day"]),
        )
        for row in called.drop_duplicates(["chrom", "pos", "ref", "alt"]).to_dict("records")
    ]
    have = {(c.chrom.removeprefix("chr"), c.pos, c.ref, c.alt) for c in own}
    return own + [
        Candidate(chrom, pos, ref, alt)
        for chrom, pos, ref, alt in dict.fromkeys(listed)
        if (chrom.removeprefix("chr"), pos, ref, alt) not in have
    ]


def heterozygous_sites(variants: pd.DataFrame) -> list[Candidate]:
    """Return inherited variants that DNA of the patient shows as heterozygous."""
    low, high = HETEROZYGOUS_VAF
    here = variants[
        ((variants["tier"] == "POLYMORPHISM") | (variants["origin"] == "GERMLINE"))
        & (variants["filter"] == "PASS")
        & (variants["assay"] == "dna")
        & variants["vaf"].between(low, high)
    ]
    loci = here[["chrom", "pos", "ref", "alt"]].drop_duplicates().sort_values(["chrom", "pos"])
    return [Candidate(chrom, int(pos), ref, alt) for chrom, pos, ref, alt in loci.to_numpy()]


def missing_input(sample: dict[str, str]) -> str:
    """Say what a specimen lacks for genotypes of its cells; nothing if it lacks nothing."""
    source = cell_source(sample)
    if not source:
        return (
            "single-cell DNA is genotyped from a Tapestri .h5 file, a BAM file with CB tags or one "
            "BAM file per cell; none was given"
            if sample["assay"] == "scdna"
            else "genotypes need a BAM file with CB and UB tags; none was given"
        )
    if source.endswith(".bam") and not sample["barcodes"]:
        return "genotypes need the list of cell barcodes; none was given"
    return ""


def cell_source(sample: dict[str, str]) -> str:
    """Return the file or folder with the cells' reads: column bam, for scdna else column path."""
    return sample["bam"] or (sample["path"] if sample["assay"] == "scdna" else "")
