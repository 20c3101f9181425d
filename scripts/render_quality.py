"""Render the page on quality by batch, and tables that MultiQC shows."""

from typing import TYPE_CHECKING

from aftercar.contracts.cytometry import BATCH_CUTS, CONCORDANCE, CUT_DENSITIES, CUTS, POPULATIONS
from aftercar.contracts.specimen import INPUT_CHECKS, QUALITY
from aftercar.io.joblog import start_log
from aftercar.io.pages import write_page
from aftercar.io.provenance import versions
from aftercar.io.tables import concatenate_tables, read_table
from aftercar.report.multiqc import multiqc_tables
from aftercar.report.pages import render_quality
from aftercar.report.quality import quality_content, quality_figures

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

if __name__ == "__main__":
    log = start_log(snakemake.log[0])
    given, found = snakemake.params, snakemake.input
    quality = read_table(QUALITY, found.quality)
    populations = read_table(POPULATIONS, found.populations)
    content = quality_content(
        quality,
        read_table(INPUT_CHECKS, found.checks),
        read_table(CUTS, found.cuts),
        concatenate_tables(BATCH_CUTS, found.batch_cuts),
        given.samples,
        densities=read_table(CUT_DENSITIES, found.densities),
        concordance=read_table(CONCORDANCE, found.concordance),
        versions=versions(),
        code=given.code,
        cohort=given.cohort,
    )
    write_page(snakemake.output.page, render_quality(content, quality_figures(content)))
    tables = multiqc_tables(quality, populations, given.samples)
    for name, text in tables.items():
        write_page(snakemake.output[name], text)
    log.info("%d checks, %d tables for MultiQC", len(quality), len(tables))
