"""Print where the pages of the demo are and the first lines of its risk table."""

from pathlib import Path

import pandas as pd

HERE = Path(__file__).parent
COLUMNS = ["patient_id", "landmark", "mechanism", "target", "category"]


def excerpt(risk: pd.DataFrame, rows: int) -> str:
    """Return, as text of fixed width, where each mechanism of a patient first shows a signal."""
    signals = risk[risk["category"].str.startswith("SIGNAL")].sort_values(
        ["patient_id", "landmark_day"]
    )
    shown = signals.drop_duplicates(["patient_id", "mechanism", "target"]).head(rows)
    first = shown["drivers"].str.extract(r"^(\w+)", expand=False)
    table = shown[COLUMNS].assign(first_driver=first)
    lines = [table.columns.tolist(), *table.to_numpy().tolist()]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


if __name__ == "__main__":
    risk = pd.read_csv(HERE / "results/risk/relapse_risk.tsv", sep="\t", keep_default_na=False)
    print("\nSynthetic cohort of 12 patients; research use only.\n")
    print("cohort page:  tests/demo/reports/cohort.html")
    print("patient page: tests/demo/reports/patients/P03.html")
    print("risk table:   tests/demo/results/risk/relapse_risk.tsv")
    print("\nFirst landmark at which a mechanism shows a signal:\n")
    print(excerpt(risk, 12))
