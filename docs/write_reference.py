"""Write config/README.md, docs/outputs.md and a table of docs/methods.md from what the code says.

PYTHONPATH=scripts python docs/write_reference.py
A test fails where the written files and the declarations differ.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import yaml

from aftercar.contracts import (
    clinical,
    cohort,
    cytometry,
    evidence,
    kinetic_model,
    sequencing,
    singlecell,
    specimen,
)
from aftercar.contracts.evidence_base import EVIDENCE_BASE
from aftercar.contracts.table import Table

ROOT = Path(__file__).resolve().parents[1]
SHEETS = ("patients", "infusions", "samples", "labs", "events")

CONFIG_INTRODUCTION = """\
# What to edit

Everything that you write lives in this folder: `config.yaml` and five tab-separated sheets. Only
`patients.tsv` and `samples.tsv` are mandatory; whatever is missing becomes NOT_ASSESSED, never an
error and never "negative". Lines that start with `#` are ignored. `snakemake check` checks sheets
and file headers within seconds.

- **Time** is whole days since the first CAR-T infusion, negative before it. Dates are refused.
- **Identifiers** are pseudonyms of letters, digits, `.`, `_` and `-`: they stand in file names and
  on pages. Never use names.
- **Units** are part of the data: a unit that a sheet does not know is refused; nothing is converted
  in silence.

This page is written by `docs/write_reference.py` from `workflow/schemas/`; do not edit it by hand.
"""

OUTPUTS_INTRODUCTION = """\
# What comes out

Every table is tab-separated text (or parquet, where the name says so), sorted by its key and
identical byte for byte for identical input. A cell that a spreadsheet would run as a formula starts
with an apostrophe. Beside each final table lies `<table>.provenance.json`: versions, settings, code
digest and the SHA-256 of every input.

This page is written by `docs/write_reference.py` from `scripts/aftercar/contracts/`; do not edit it
by hand.
"""

FILES = {
    "results/risk/relapse_risk.tsv": evidence.RISK,
    "results/risk/patients.tsv": evidence.PATIENTS,
    "results/evidence/evidence.tsv": evidence.EVIDENCE,
    "results/evidence/kinetics.tsv": evidence.KINETICS,
    "results/evidence/kinetic_model.tsv": kinetic_model.KINETIC_MODEL,
    "results/evidence/recovery.tsv": evidence.RECOVERY,
    "results/evidence/rules.tsv": evidence.RULE_RESULTS,
    "results/evidence/toxicity.tsv": clinical.TOXICITY,
    "results/evidence/options.tsv": clinical.OPTIONS,
    "results/cytometry/populations.tsv": cytometry.POPULATIONS,
    "results/cytometry/ratios.tsv": cytometry.RATIOS,
    "results/cytometry/cuts.tsv": cytometry.CUTS,
    "results/cytometry/densities.parquet": cytometry.CUT_DENSITIES,
    "results/cytometry/concordance.tsv": cytometry.CONCORDANCE,
    "results/sequencing/variants.tsv": sequencing.VARIANTS,
    "results/sequencing/callability.tsv": sequencing.CALLABILITY,
    "results/sequencing/variant_history.tsv": sequencing.VARIANT_HISTORY,
    "results/sequencing/patients/<patient>.callable_bases.parquet": sequencing.CALLABLE_BASES,
    "results/sequencing/backgrounds/<run>.background.tsv": sequencing.BACKGROUND,
    "results/sequencing/splicing.tsv": sequencing.SPLICING,
    "results/sequencing/loh.tsv": sequencing.LOH,
    "results/sequencing/biallelic.tsv": sequencing.BIALLELIC,
    "results/singlecell/genotypes.parquet": sequencing.GENOTYPES,
    "results/singlecell/clones.tsv": sequencing.CLONES,
    "results/singlecell/clone_history.tsv": singlecell.CLONE_HISTORY,
    "results/singlecell/antigen_loss.tsv": singlecell.ANTIGEN_LOSS,
    "results/singlecell/antigen_power.tsv": singlecell.ANTIGEN_POWER,
    "results/singlecell/cell_populations.tsv": singlecell.CELL_POPULATIONS,
    "results/quality/quality.tsv": specimen.QUALITY,
    "results/quality/inputs.tsv": specimen.INPUT_FILES,
    "results/quality/input_checks.tsv": specimen.INPUT_CHECKS,
    "results/cohort/survival.tsv": evidence.SURVIVAL,
    "results/cohort/incidence.tsv": cohort.INCIDENCE,
    "results/cohort/follow_up.tsv": cohort.FOLLOW_UP,
    "results/cohort/strata.tsv": cohort.STRATA,
    "results/cohort/recovery_curves.tsv": cohort.RECOVERY_CURVES,
    "results/cohort/visit_rates.tsv": cohort.VISIT_RATES,
    "results/cohort/outcome_model.tsv": cohort.OUTCOME_MODEL,
}

# Tables that only rules and pages read, and the evidence table, which is a resource.
INTERNAL = (
    cytometry.BATCH_CUTS,
    cytometry.GATE_VIEWS,
    singlecell.CELLS,
    singlecell.ANTIGEN_CELLS,
    EVIDENCE_BASE,
)

VCF = """\
## results/sequencing/patients/<patient>.vcf

The variants of results/sequencing/variants.tsv as VCF 4.2: one record per variant, one column per
specimen (sample_id), no value where a specimen was not looked at. INFO: `GENE`, `TRANSCRIPT`,
`HGVSC`, `HGVSP`, `EFFECT`, `TIER`, `ORIGIN`. FORMAT: `AD` (fragments with the reference and with
the alternative allele), `VAF`, `ST` (measurement status). A specimen without the variant is
NOT_DETECTED only where `ST` says so.
"""

ANNOTATED = """\
## results/singlecell/h5ad/<patient>/<sample_id>.h5ad

The usable cells of one specimen for scanpy. `X`: raw counts of the genes in use; `var`: symbol,
`gene_ids`. `obs`: `population`, `identity`, `identity_evidence`, `stage`, `clonotype`, `umis`,
`genes` and `mitochondrial_fraction` over all genes, `doublet_score` (empty: not looked for), and of
each antigen `<antigen>_status` (of the sub-population, never of the cell) and
`<antigen>_negative_probability` (for pictures, never a call; empty: not known). `obsm`: `X_pca`,
`X_map` (force-directed, no UMAP). `uns`: the tables `antigen_loss`, `antigen_power`,
`cell_populations`, `quality`; `thresholds`, `versions`, `how_to_read`.
"""


def table_rows(rows: list[tuple[object, ...]]) -> list[str]:
    """Return the lines of a markdown table."""
    return ["| " + " | ".join(str(cell).replace("|", "/") for cell in row) + " |" for row in rows]


def config_reference() -> str:
    """Return config/README.md."""
    lines = [CONFIG_INTRODUCTION]
    for name in SHEETS:
        schema = yaml.safe_load((ROOT / f"workflow/schemas/{name}.schema.yaml").read_text())
        lines += [f"## {name}.tsv", "", "| column | mandatory | expected |", "|---|---|---|"]
        lines += table_rows(
            [
                (f"`{column}`", "yes" if column in schema["required"] else "", rule["description"])
                for column, rule in schema["properties"].items()
            ]
        )
        for column in ("analyte", "event"):
            if column in schema["properties"]:
                words = ", ".join(f"`{word}`" for word in schema["properties"][column]["enum"])
                lines += ["", f"`{column}` is one of {words}."]
        lines.append("")
    schema = yaml.safe_load((ROOT / "workflow/schemas/config.schema.yaml").read_text())
    values = yaml.safe_load((ROOT / "config/config.yaml").read_text())
    lines += ["## config.yaml", "", "| key | as delivered | meaning |", "|---|---|---|"]
    return "\n".join([*lines, *table_rows(config_keys(schema, values, ""))]) + "\n"


def config_keys(schema: dict, values: dict, prefix: str) -> list[tuple[object, ...]]:
    """Return key, delivered value and meaning of every leaf of the configuration."""
    rows: list[tuple[object, ...]] = []
    for key, rule in schema["properties"].items():
        value = values.get(key, "")
        if "properties" in rule:
            rows += config_keys(rule, value or {}, f"{prefix}{key}/")
        else:
            shown = ", ".join(map(str, value)) if isinstance(value, list | dict) else value
            rows.append((f"`{prefix}{key}`", shown, rule["description"]))
    return rows


def allowed_values(table: Table, name: str) -> str:
    """Return what a column may hold, in words."""
    column = table.columns[name]
    if column.allowed:
        return ", ".join(word or "(empty)" for word in column.allowed)
    low, high = column.minimum, column.maximum
    bounds = "" if low is None else f">= {low:g}" if high is None else f"{low:g} to {high:g}"
    kind = {"string": "text", "int64": "whole number", "float64": "number"}[column.dtype]
    return " ".join(part for part in (kind, bounds, "or empty" if column.nullable else "") if part)


def outputs_reference() -> str:
    """Return docs/outputs.md."""
    lines = [OUTPUTS_INTRODUCTION]
    for path, table in FILES.items():
        lines += [f"## {path}", "", f"{table.name[0].upper()}{table.name[1:]}; one row per"]
        lines[-1] += f" {' x '.join(table.key)}." if table.key else " event."
        lines += ["", "| column | meaning | values |", "|---|---|---|"]
        lines += table_rows(
            [
                (f"`{name}`", column.description, allowed_values(table, name))
                for name, column in table.columns.items()
            ]
        )
        lines.append("")
    lines += [VCF, ANNOTATED, "## Measures of results/evidence/evidence.tsv", ""]
    lines += ["| measure | unit | meaning |", "|---|---|---|"]
    lines += table_rows(
        [(f"`{name}`", unit, meaning) for name, (unit, meaning) in evidence.MEASURES.items()]
    )
    return "\n".join(lines) + "\n"


# A digital object identifier; a closing bracket belongs to it only with its opening one.
DOI = re.compile(r"10\.\d{4,5}/[^\s,;()]+(?:\([^\s()]*\)[^\s,;()]*)*")
METHODS = ("<!-- methods by function, written by make docs -->", "<!-- end of the methods -->")


def published_methods() -> Iterator[tuple[str, str, str]]:
    """Yield module, what a function returns, and the identifiers of the works that it names."""
    library = ROOT / "scripts/aftercar"
    for path in sorted(library.rglob("*.py")):
        module = str(path.relative_to(library).with_suffix(""))
        for node in ast.walk(ast.parse(path.read_text())):
            if module.startswith("simulate") or not isinstance(node, ast.Module | ast.FunctionDef):
                continue
            text = " ".join((ast.get_docstring(node) or "").split())
            if works := [work.rstrip(".:") for work in DOI.findall(text)]:
                said = re.split(r"[.:;] | \((?=[A-Z])", text, maxsplit=1)[0]
                yield module, said, ", ".join(dict.fromkeys(works))


def methods_reference() -> str:
    """Return docs/methods.md with its table of published methods written anew."""
    before, _, rest = (ROOT / "docs/methods.md").read_text().partition(METHODS[0])
    rows = [(f"`{module}`", said, works) for module, said, works in published_methods()]
    table = ["| module | what | works |", "|---|---|---|", *table_rows(rows)]
    after = rest.partition(METHODS[1])[2]
    return "\n".join([before + METHODS[0], "", *table, "", METHODS[1] + after])


if __name__ == "__main__":
    (ROOT / "docs/methods.md").write_text(methods_reference())
    (ROOT / "config/README.md").write_text(config_reference())
    (ROOT / "docs/outputs.md").write_text(outputs_reference())
