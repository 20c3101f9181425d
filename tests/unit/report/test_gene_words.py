"""What pages say of genes: losses with their limits, and never a negative that was not shown."""

import pytest

from aftercar.contracts.sequencing import LOH
from aftercar.report.domains import loh_table
from aftercar.report.numbers import plain_rows

WHO = {"sample_id": "S-dna", "patient_id": "S", "day": 30, "specimen": "BM", "gene": "CD19"}


def cells_of(table, row=0):
    labels = [column["label"] for column in table["columns"]]
    return dict(zip(labels, table["rows"][row], strict=True))


def loh(**values):
    told = {"state": "NO_LOH", "status": "QUANTIFIED", "affected_fraction_low": 0.0}
    return cells_of(loh_table(plain_rows(LOH.frame([WHO | told | values]))))


def test_no_loss_stands_with_the_share_of_cells_and_is_clear_only_with_purity():
    known = loh(affected_fraction_high=0.195, purity=0.8)
    assert known["Finding"]["text"] == "No loss in more than 19.5 % of all cells"
    assert known["Finding"]["kind"] == "clear"
    unknown = loh(affected_fraction_high=0.195, status="INDETERMINATE")
    assert "share of leukemic cells not known" in unknown["Finding"]["text"]
    assert unknown["Finding"]["kind"] != "clear"


@pytest.mark.parametrize(
    ("low", "mechanism", "text"),
    [
        (0.0, "", "at most 19.5 %"),
        (0.02, "", "2 % to 19.5 %"),
        (0.02, "deletion", "2 % to 19.5 % (deletion)"),
    ],
)
def test_the_lower_bound_of_cells_with_a_loss_is_never_dropped(low, mechanism, text):
    row = loh(affected_fraction_low=low, affected_fraction_high=0.195, mechanism=mechanism)
    assert row["Cells with the loss"] == text
