"""Print where the pages of the demo are and the first lines of its risk table."""

from pathlib import Path

import pandas as pd

HERE = Path(__file__).parent
COLUMNS = ["patient_id", "landmark", "mechanism", "target", "category", "missing_tests"]


def excerpt(risk: pd.DataFrame, rows: int) -> str:
    """Return the rows with a signal that the README shows, as text of fixed width."""
    shown = risk[risk["category"].str.startswith("SIGNAL")].head(rows)
    drivers = shown["drivers"].str.split(" | ", regex=False).str[0].str.split(":").str[0]
    table = shown[COLUMNS[:-1]].assign(first_driver=drivers)
    return table.to_string(index=False, justify="left")


if __name__ == "__main__":
    risk = pd.read_csv(HERE / "results/risk/relapse_risk.tsv", sep="\t", keep_default_na=False)
    print("\nSynthetic cohort of 12 patients; research use only.\n")
    print("cohort page:  tests/demo/reports/cohort.html")
    print("patient page: tests/demo/reports/patients/P03.html")
    print("risk table:   tests/demo/results/risk/relapse_risk.tsv, for example\n")
    print(excerpt(risk, 8))
