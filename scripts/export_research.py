"""Write a copy of reports and tables in which keyed pseudonyms stand for patients and specimens."""

import argparse
import json
import sys

from aftercar.io.pages import write_page
from aftercar.io.research_export import ExportError, empty_folder, read_key, report_paths, tables
from aftercar.report.patient import content_json
from aftercar.report.pseudonyms import (
    PseudonymError,
    check_no_original,
    free_text,
    pseudonyms,
    renamed_content,
    replaced_table,
    report_identifiers,
    research_content,
    sorted_lines,
    strings,
    table_identifiers,
)


def export(reports: str, results: str, out: str, key_path: str) -> str:
    """Write the export and return what to tell; nothing is written where an original is left."""
    key = read_key(key_path, not_within=(".", out, reports, results))
    contents = [research_content(json.loads(p.read_text("utf-8"))) for p in report_paths(reports)]
    texts = dict(tables(results))
    found = {pair for content in contents for pair in report_identifiers(content)}
    for text in texts.values():
        found |= set(table_identifiers(text))
    wanted = ("patient_id", "sample_id", "batch", "cohort")
    patients, samples, batches, cohorts = ({n for k, n in found if k == one} for one in wanted)
    names = pseudonyms(patients, samples, key, batches, cohorts)
    written = {path: sorted_lines(replaced_table(text, names)) for path, text in texts.items()}
    open_text = [f"{path}\n{free_text(table)}" for path, table in written.items()]
    for content in contents:
        told = renamed_content(content, names)
        written[f"patients/{told['patient_id']}.json"] = content_json(told)
        open_text += strings(told)
    check_no_original("\n".join(open_text), patients, samples, batches)
    folder = empty_folder(out)
    for path, text in written.items():
        write_page(folder / path, text)
    return f"{len(contents)} reports and {len(texts)} tables, {len(samples)} specimens renamed"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", help="folder to write, absent or empty")
    parser.add_argument("--key", required=True, help="file with the key, mode 0600, kept elsewhere")
    parser.add_argument("--reports", default="reports", help="folder of the pages")
    parser.add_argument("--results", default="results", help="folder of the tables")
    given = parser.parse_args()
    try:
        print(export(given.reports, given.results, given.out, given.key))
    except (ExportError, PseudonymError) as error:
        sys.exit(f"Nothing was exported. {error}")
