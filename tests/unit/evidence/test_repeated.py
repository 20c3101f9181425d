"""One data file under several specimens of a patient cannot confirm itself."""

import pytest
from tests.unit.evidence.patients import (
    aplasia,
    car,
    judged,
    no_car,
    recovered,
    sheets,
    value,
)
from tests.unit.evidence.test_collect import population

from aftercar.contracts.cytometry import POPULATIONS
from aftercar.contracts.evidence import EVIDENCE
from aftercar.contracts.specimen import INPUT_FILES
from aftercar.evidence.collect import StreamTables, collect_evidence
from aftercar.evidence.repeated import same_files, without_repeats

ONE, TWO = "a" * 64, "b" * 64


def sample(name, day, specimen="PB", barcodes=""):
    return {
        "sample_id": name, "patient_id": "P1", "day": str(day), "specimen": specimen,
        "assay": "flow", "barcodes": barcodes,
    }  # fmt: skip


def files(**hashes):
    rows = [
        {"sample_id": name, "patient_id": "P1", "role": "data", "bytes": 9, "sha256": digest}
        for name, digest in hashes.items()
    ]
    return INPUT_FILES.frame(rows)


def after(rows, inputs, samples):
    found = without_repeats(rows, inputs, samples)
    EVIDENCE.frame(found)
    return found


def days(*wanted, specimen="PB"):
    return [sample(f"{specimen}{day}", day, specimen) for day in wanted]


def test_a_tube_under_two_days_does_not_confirm_a_recovery():
    evidence = [*aplasia(28), *recovered(63), *recovered(88)]
    samples = days(28, 63, 88)
    two = after(evidence, files(PB28=TWO, PB63=ONE, PB88="c" * 64), samples)
    one = after(evidence, files(PB28=TWO, PB63=ONE, PB88=ONE), samples)
    states = [
        {row["rule_id"]: row["status"] for row in judged(rows, landmarks=[90]).recovery}
        for rows in (two, one)
    ]
    assert states[0]["BCA-FELIX20"] == "PRESENT"
    assert states[1]["BCA-FELIX20"] != "PRESENT"
    assert {row["status"] for row in one if row["day"] > 28} == {"INDETERMINATE"}


def test_a_tube_under_two_days_does_not_confirm_that_the_car_is_lost():
    evidence = [car(14, 9000), no_car(63), no_car(88)]
    rows = [row | {"sample_id": f"PB{row['day']}"} for row in evidence]
    samples = days(14, 63, 88)

    def loss(inputs):
        found = judged(after(rows, inputs, samples), landmarks=[90]).kinetics
        return [row["loss_status"] for row in found if row["measure"] == "car_copies"]

    assert loss(files(PB14=TWO, PB63=ONE, PB88="c" * 64)) == ["PRESENT"]
    assert loss(files(PB14=TWO, PB63=ONE, PB88=ONE)) != ["PRESENT"]


def test_the_other_specimen_is_named_in_the_flags():
    rows = after([*recovered(63), *recovered(88)], files(PB63=ONE, PB88=ONE), days(63, 88))
    assert rows[0]["flags"].startswith("same file as PB88: ")
    assert rows[-1]["flags"].startswith("same file as PB63: ")


def test_within_one_day_and_specimen_each_measure_counts_once():
    rows = [
        value(63, "b_cells_per_ul", 180.0, sample_id="A"),
        value(63, "b_cells_per_ul", 180.0, sample_id="B"),
        value(63, "nk_cells_per_ul", 90.0, sample_id="B"),
    ]
    found = after(rows, files(A=ONE, B=ONE), [sample("A", 63), sample("B", 63)])
    assert [row["status"] for row in found] == ["QUANTIFIED", "NOT_ASSESSED", "QUANTIFIED"]
    assert found[1]["flags"] == "same file as A: counted once"
    assert found[1]["value"] is None


def test_one_file_as_blood_and_as_marrow_of_a_day_is_neither():
    rows = [value(63, "b_cells_per_ul", 180.0), value(63, "hematogones_fraction", 0.1, "BM")]
    samples = [*days(63), *days(63, specimen="BM")]
    found = after(rows, files(PB63=ONE, BM63=ONE), samples)
    assert [row["status"] for row in found] == ["INDETERMINATE"] * 2


@pytest.mark.parametrize("status", ["FAILED", "NOT_ASSESSED", "NOT_APPLICABLE"])
def test_what_was_not_measured_stays_as_it_was(status):
    rows = [value(day, "b_cells_per_ul", None, status=status) for day in (63, 88)]
    assert after(rows, files(PB63=ONE, PB88=ONE), days(63, 88)) == rows


def test_cells_told_apart_by_barcodes_and_shared_references_are_no_repeat():
    pool = [sample("A", 28, barcodes="one.txt"), sample("B", 63, barcodes="two.txt")]
    assert same_files(files(A=ONE, B=ONE), pool) == {}
    shared = files(PB28=ONE, PB63=ONE).assign(role="reference")
    assert same_files(shared, days(28, 63)) == {}
    unreadable = files(PB28="", PB63="")
    assert same_files(unreadable, days(28, 63)) == {}


def test_collected_evidence_of_a_repeated_file_is_indeterminate():
    samples = [sample("S1", 28), sample("S2", 63)]
    populations = POPULATIONS.frame(
        [population(sample_id="S1", day=28, specimen="PB"),
         population(sample_id="S2", day=63, specimen="PB")]
    )  # fmt: skip

    def statuses(inputs):
        tables = StreamTables(populations=populations, inputs=inputs)
        return [row["status"] for row in collect_evidence(sheets(samples=samples), tables)]

    assert statuses(files(S1=ONE, S2=TWO)) == ["QUANTIFIED"] * 2
    assert statuses(files(S1=ONE, S2=ONE)) == ["INDETERMINATE"] * 2
