"""Tables that MultiQC shows as its own (custom content): specimens, checks, populations."""

import json

import pandas as pd

from aftercar.report.numbers import number, plain_rows
from aftercar.report.specimens import check_title, specimen_rows
from aftercar.report.words import MEASUREMENT_WORDS, VERDICT_WORDS


def multiqc_tables(
    quality: pd.DataFrame, populations: pd.DataFrame, samples: list[dict[str, str]]
) -> dict[str, str]:
    """Return the text of each *_mqc.tsv file: `specimens`, `checks`, `populations`.

    A value that does not exist is written in words (not tested, FAILED, < limit), never left
    empty and never 0.
    """
    rows = plain_rows(quality)
    return {
        "specimens": _specimens(samples, rows),
        "checks": _checks(rows),
        "populations": _populations(plain_rows(populations)),
    }


def _specimens(samples: list[dict[str, str]], quality: list[dict]) -> str:
    lines = []
    for specimen in specimen_rows(samples, quality):
        mine = [r["verdict"] for r in quality if r["sample_id"] == specimen["sample_id"]]
        why = "; ".join([*specimen["failed"], *specimen["flagged"]]) or "-"
        counts = [str(mine.count(verdict)) for verdict in ("FAIL", "FLAG", "PASS")]
        lines.append(
            [specimen["sample_id"], specimen["fate"]["text"], specimen["assay"], *counts, why]
        )
    return _custom_content(
        "aftercar_specimens",
        "AfterCAR: specimens",
        "What became of each specimen; FAILED ones say why.",
        ["Status", "Assay", "Checks failed", "Checks flagged", "Checks passed", "Why"],
        lines,
    )


def _checks(quality: list[dict]) -> str:
    names = sorted({row["check"] for row in quality})
    verdicts = {(r["sample_id"], r["check"]): VERDICT_WORDS[r["verdict"]][0] for r in quality}
    lines = [
        [sample, *(verdicts.get((sample, name), "not made") for name in names)]
        for sample in sorted({row["sample_id"] for row in quality})
    ]
    return _custom_content(
        "aftercar_checks",
        "AfterCAR: quality checks",
        "Verdict of each check; 'not made': the check does not apply to the assay.",
        [check_title(name).capitalize() for name in names],
        lines,
    )


def _populations(populations: list[dict]) -> str:
    named = [row for row in populations if row["role"]]
    columns = sorted({_column(row) for row in named})
    values = {(row["sample_id"], _column(row)): _share(row) for row in named}
    lines = [
        [sample, *(values.get((sample, column), "not tested") for column in columns)]
        for sample in sorted({row["sample_id"] for row in named})
    ]
    return _custom_content(
        "aftercar_populations",
        "AfterCAR: populations",
        "Percent of the named cells; < limit: looked for and not found.",
        columns,
        lines,
    )


def _column(row: dict) -> str:
    target = f" ({row['target']})" if row["target"] else ""
    return f"{row['role'].replace('_', ' ')}{target}, % of {row['denominator'].replace('_', ' ')}"


def _share(row: dict) -> str:
    if row["status"] == "NOT_DETECTED" and row["lod_fraction"] is not None:
        return f"< {number(100 * row['lod_fraction'], 2)}"
    if row["status"] in ("QUANTIFIED", "DETECTED_BELOW_LLOQ") and row["fraction"] is not None:
        return number(100 * row["fraction"], 3).replace(",", "")
    return MEASUREMENT_WORDS[row["status"]][0]


def _custom_content(
    name: str, title: str, description: str, columns: list[str], lines: list[list[str]]
) -> str:
    """Return a table with the header that MultiQC reads (docs.seqera.io/multiqc/custom_content)."""
    header = [
        f'# id: "{name}"',
        f'# section_name: "{title}"',
        f"# description: {json.dumps(description)}",
        '# plot_type: "table"',
        "# pconfig:",
        f'#     id: "{name}_table"',
        f'#     title: "{title}"',
        '#     namespace: "AfterCAR"',
        "#     no_violin: true",
    ]
    cells = ["\t".join(_cell(text) for text in line) for line in [["Sample", *columns], *lines]]
    return "\n".join([*header, *cells]) + "\n"


def _cell(text: str) -> str:
    """Return text that fits a cell and that no spreadsheet runs."""
    flat = " ".join(text.split())
    return f"'{flat}" if flat.startswith(("=", "+", "-", "@")) and flat != "-" else flat
