"""Render the page of one patient, and the JSON that says the same."""

from hashlib import sha256
from typing import TYPE_CHECKING

from aftercar.contracts.cytometry import GATE_VIEWS
from aftercar.contracts.evidence_base import EVIDENCE_BASE
from aftercar.contracts.singlecell import ANTIGEN_CELLS, CELLS
from aftercar.io.alignments import read_gene_models
from aftercar.io.documents import read_document
from aftercar.io.joblog import start_log
from aftercar.io.pages import write_page
from aftercar.io.provenance import versions
from aftercar.io.signatures import read_content
from aftercar.io.tables import concatenate_tables, read_table
from aftercar.report.due_tests import rule_titles
from aftercar.report.figures import patient_figures
from aftercar.report.genes import picture_models
from aftercar.report.numbers import plain_rows
from aftercar.report.pages import render_patient
from aftercar.report.patient import TABLES, content_json, joined, patient_content
from aftercar.report.sign_off import with_sign_off

if TYPE_CHECKING:
    from snakemake.iocontainers import snakemake

if __name__ == "__main__":
    log = start_log(snakemake.log[0])
    given, found = snakemake.params, snakemake.input
    content = patient_content(
        {
            name: joined(contract, [read_table(contract, path) for path in found[name]])
            for name, contract in TABLES.items()
            if found[name]
        },
        given.sheets,
        evidence_base=plain_rows(read_table(EVIDENCE_BASE, given.evidence_base)),
        versions=versions(),
        settings=given.settings,
        code=given.code,
        cohort=given.cohort,
        profile=given.profile,
        laboratory=given.laboratory,
        evidence_notes={name: read_document(*paths) for name, paths in given.notes.items()}
        | {"issued_on": given.issued_on},
        rule_titles=rule_titles(read_document(given.rules, given.rules_schema)),
    )
    content = with_sign_off(content, given.signatures, list(map(read_content, found.signed)))
    figures = patient_figures(
        content,
        concatenate_tables(GATE_VIEWS, found.views),
        concatenate_tables(CELLS, found.cells),
        picture_models(*read_gene_models(given.genes), given.symbols),
        concatenate_tables(ANTIGEN_CELLS, found.antigen_cells),
    )
    page = render_patient(content, figures)
    log.info("%d bytes, headline: %s", len(page.encode()), content["headline"])
    write_page(snakemake.output.page, page)
    with_page = content | {"page_sha256": sha256(page.encode()).hexdigest()}
    write_page(snakemake.output.content, content_json(with_page))
