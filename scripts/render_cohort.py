"""Render the page of the cohort: every patient by mechanism, completeness, outcomes."""

from typing import TYPE_CHECKING

from aftercar.contracts.cohort import (
    FOLLOW_UP,
    INCIDENCE,
    OUTCOME_MODEL,
    RECOVERY_CURVES,
    STRATA,
    VISIT_RATES,
)
from aftercar.contracts.evidence import EVIDENCE, PATIENTS, RISK, SURVIVAL
from aftercar.io.joblog import start_log
from aftercar.io.pages import addresses_from, write_page
from aftercar.io.provenance import read_provenance, versions
from aftercar.io.tables import read_table
from aftercar.report.cohort import cohort_content, cohort_figures
from aftercar.report.pages import render_cohort

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

if __name__ == "__main__":
    log = start_log(snakemake.log[0])
    given, found = snakemake.params, snakemake.input
    linked, page_path = given.pages, snakemake.output.page
    content = cohort_content(
        read_table(PATIENTS, found.patients),
        read_table(RISK, found.risk),
        read_table(EVIDENCE, found.evidence),
        read_table(SURVIVAL, found.survival),
        read_table(INCIDENCE, found.incidence),
        read_table(FOLLOW_UP, found.follow_up),
        read_table(STRATA, found.strata),
        read_table(RECOVERY_CURVES, found.recovery_curves),
        read_table(VISIT_RATES, found.visit_rates),
        read_table(OUTCOME_MODEL, found.outcome_model),
        versions=versions(),
        code=given.code,
        cohort=given.cohort,
        suppress_below=given.suppress_below,
        left_out=read_provenance(found.survival)["settings"]["left_out"],
        pages=linked and {kind: addresses_from(page_path, linked[kind]) for kind in linked},
    )
    page = render_cohort(content, cohort_figures(content))
    log.info("%d patients, %d bytes", len(content["patients"]), len(page.encode()))
    write_page(page_path, page)
