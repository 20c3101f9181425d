"""The tables of populations: no row of a specimen vanishes, nothing unmeasured looks absent."""

import pytest
from tests.unit.report.made_up import page_of, typical
from tests.unit.report.made_up_rows import population
from tests.unit.report.test_patient_page import text_of

from aftercar.contracts.cytometry import POPULATIONS, RATIOS
from aftercar.report.domains import ratio_table
from aftercar.report.numbers import plain_rows
from aftercar.report.populations import (
    FURTHER_ROWS,
    cut_table,
    further_table,
    moved_cut,
    population_table,
)

T_ALL = "CD3- CD7+ cells; NK cells look so, and so does T-ALL"


def rows(*made):
    return plain_rows(POPULATIONS.frame(list(made)))


def row(name, count=70, total=9000, *, role="", sample="S1", day=28, **more):
    more = {"population": name, "gate_path": f"root/leukocytes/{name}"} | more
    return population("P", day, "PB", sample, role, count, total, **more)


def cells(table):
    labels = [column["label"] for column in table["columns"]]
    return [dict(zip(labels, line, strict=True)) for line in table["rows"]]


def test_a_population_without_a_role_stands_on_the_page_with_count_share_limits_and_note():
    found = row("cd3_negative_cd7_cells", 70, 9000, flags=T_ALL, fraction=0.0078,
                fraction_low=0.0062, fraction_high=0.0098, lod_fraction=0.0022)  # fmt: skip
    tables, *rest = typical()
    made = POPULATIONS.frame([row("b_cells", role="b_cells"), found])
    said = text_of(page_of(lambda: (tables | {"populations": made}, *rest)))
    assert "Further populations, which no rule uses (1)" in said
    assert "CD3 negative CD7 cells 70 of 9,000 0.78 % (0.62 % to 0.98 %) of lymphocytes" in said
    assert "0.22 % / 0.56 %" in said
    assert T_ALL in said


def test_rows_with_a_role_are_not_said_twice():
    made = rows(row("b_cells", role="b_cells"), row("naive"))
    assert [r["Population"] for r in cells(population_table(made, []))] == ["B cells"]
    assert [r["Population"] for r in cells(further_table(made, []))] == ["naive"]


def test_a_specimen_whose_gates_have_no_role_is_told_and_shown():
    lab = {"panel": "workspace", "cut_source": "WORKSPACE"}
    made = rows(*(row(name, **lab) for name in ("Cells", "T", "B")))
    (line,) = cells(population_table(made, []))
    assert line["Population"] == "3 gates, none with a role"
    assert "further populations" in line["Remarks"]
    assert [r["Population"] for r in cells(further_table(made, []))] == ["B", "Cells", "T"]


@pytest.mark.parametrize(("status", "text"), [("FAILED", "FAILED"), ("NOT_ASSESSED", "Not tested")])
def test_a_specimen_without_counts_is_one_line_that_never_reads_as_none_found(status, text):
    why = "no file in samples.tsv: collected, not measured"
    blank = {"status": status, "cut_source": "NONE", "flags": why, "lod_fraction": None,
             "lloq_fraction": None}  # fmt: skip
    made = rows(
        row("b_cells", None, None, role="b_cells", **blank),
        row("cd19_negative_b_cells", None, None, **blank),
        row("b_cells", role="b_cells", sample="S2"),
    )
    first, second = cells(population_table(made, []))
    assert first["Population"] == "Not measured: B cells; CD19 negative B cells"
    assert (first["Events"], first["Fraction"]) == ("not counted", "not measured")
    assert (first["Status"]["status"], first["Remarks"]) == (status, why)
    assert text.lower() in first["Status"]["text"].lower()
    assert "0" not in f"{first['Events']}{first['Fraction']}{first['Absolute']}"
    assert second["Events"] == "70 of 9,000"
    assert further_table(made, [])["rows"] == []


def test_a_population_that_needs_a_missing_stain_keeps_its_own_line_beside_counted_ones():
    lacking = row("t_cells", None, None, role="t_cells", status="NOT_ASSESSED", cut_source="NONE",
                  flags="needs CD3: not in the file", lod_fraction=None,
                  lloq_fraction=None)  # fmt: skip
    first, second = cells(population_table(rows(row("b_cells", role="b_cells"), lacking), []))
    assert first["Population"] == "B cells"
    assert second["Events"] == "not counted"
    assert second["Fraction"] == "no value (of lymphocytes)"
    assert second["LOD / LLOQ"] == "not stated"
    assert second["Remarks"] == "needs CD3: not in the file"


def test_a_ratio_without_counts_says_so_once():
    counts = ("numerator_count", "denominator_count", "cd7pos_cd5pos", "cd7pos_cd5neg",
              "cd7neg_cd5pos", "cd7neg_cd5neg")  # fmt: skip
    blank = {
        "sample_id": "S1", "patient_id": "P", "day": 28, "specimen": "PB",
        "ratio_name": "CD7+/CD5+", "scope": "all_t", "status": "NOT_ASSESSED", "flags": "no file",
    }  # fmt: skip
    counted = blank | {"sample_id": "S2", "status": "QUANTIFIED"} | dict.fromkeys(counts, 60)
    first, second = cells(ratio_table(plain_rows(RATIOS.frame([blank, counted]))))
    assert list(first.values()).count("not counted") == 2
    assert "not counted /" not in str(first)
    assert second["Counts"] == "60 / 60"


def test_a_limit_is_never_torn_from_its_sign():
    (line,) = cells(population_table(rows(row("b_cells", role="b_cells")), []))
    assert line["LOD / LLOQ"] == "0.22\u00a0%\u00a0/ 0.56\u00a0%"


def test_remarks_name_populations_in_words_and_leave_settings_alone():
    flags = (
        "62 events of cd22_cells_without_cd19_cd20 beside the gate; b_lineage without CD20; see "
        "cytometry/b_lineage and sample_volume_ul"
    )
    made = rows(
        row("b_cells", role="b_cells", flags=flags, gate_path="root/b_lineage/b_cells"),
        row("cd22_cells_without_cd19_cd20"),
    )
    (line,) = cells(population_table(made, []))
    assert line["Remarks"] == (
        "62 events of CD22 cells without CD19 CD20 beside the gate; B lineage without CD20; see "
        "cytometry/b_lineage and sample_volume_ul"
    )


def test_what_finds_no_room_is_counted_and_named():
    many = [row(f"gate{n}", sample="old", day=1) for n in range(5)]
    many += [row(f"gate{n}", sample="new", day=9) for n in range(FURTHER_ROWS)]
    found = further_table(rows(*many), [])
    assert len(found["rows"]) == FURTHER_ROWS
    assert "5 rows of older specimens (old)" in found["note"]


CONTROL = "control moved by -0.11 decades with the specimen's own negatives"
VALLEY = "moved by +0.20 decades to the valley beside it"


@pytest.mark.parametrize(
    ("flags", "control", "words"),
    [
        (CONTROL, "c1", "control of the batch, moved with the negatives of this tube"),
        (VALLEY, "c1", "control of the batch, moved to the valley beside it"),
        (
            f"{CONTROL}; {VALLEY}",
            "c1",
            "control of the batch, moved with the negatives of this tube and to the valley "
            "beside it",
        ),
        (
            f"cut beside t_bright of the specimen itself (900); {VALLEY}",
            "",
            "negative cells of the same tube, moved to the valley beside it",
        ),
        (
            f"cut kept from the patient's specimen of day 28; {VALLEY}",
            "S0",
            "earlier specimen of the patient, moved to the valley beside it",
        ),
        ("", "", "control, negative cells or earlier specimen, moved on the data"),
    ],
)
def test_a_moved_cut_says_what_was_moved(flags, control, words):
    cut = {"sample_id": "S1", "panel": "b_cell_recovery", "gate": "leukocytes", "marker": "CD45",
           "cut": 5.0, "source": "REFINED", "control_sample_id": control,
           "flags": flags}  # fmt: skip
    assert moved_cut(cut) == words
    assert cells(cut_table([cut]))[0]["From"] == words
    made = rows(row("b_cells", role="b_cells", cut_source="REFINED"))
    found = cells(population_table(made, [cut, cut | {"marker": "CD3"}]))[0]["Cut from"]
    base = words.split(", moved")[0]
    assert found == ([f"{base}, moved: CD45, CD3"] if flags else words)


def test_a_cut_of_an_earlier_specimen_is_called_so():
    made = rows(row("b_cells", role="b_cells", cut_source="REFERENCE"))
    assert cells(population_table(made, []))[0]["Cut from"] == "earlier specimen of the patient"
