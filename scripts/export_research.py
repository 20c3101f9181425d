"""Write a copy of reports and tables in which keyed pseudonyms stand for patients and specimens."""

import argparse
import json
import sys

from aftercar.io.pages import write_page
from aftercar.io.research_export import (
    ExportError,
    empty_folder,
    read_key,
    read_suppress_below,
    report_paths,
    tables,
)
from aftercar.report.pseudonyms import PseudonymError, exported


def export(reports: str, results: str, out: str, key_path: str, config: str) -> str:
    """Write the export and return what to tell; nothing is written where an original is left."""
    key = read_key(key_path, not_within=(".", out, reports, results))
    contents = [json.loads(path.read_text("utf-8")) for path in report_paths(reports)]
    texts = dict(tables(results))
    written, samples = exported(contents, texts, key, suppress_below=read_suppress_below(config))
    folder = empty_folder(out)
    for path, text in written.items():
        write_page(folder / path, text)
    return f"{len(contents)} reports and {len(texts)} tables, {samples} specimens renamed"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", help="folder to write, absent or empty")
    parser.add_argument("--key", required=True, help="file with the key, mode 0600, kept elsewhere")
    parser.add_argument("--reports", default="reports", help="folder of the pages")
    parser.add_argument("--results", default="results", help="folder of the tables")
    parser.add_argument("--config", default="config/config.yaml", help="settings of the run")
    given = parser.parse_args()
    try:
        print(export(given.reports, given.results, given.out, given.key, given.config))
    except (ExportError, PseudonymError) as error:
        sys.exit(f"Nothing was exported. {error}")
