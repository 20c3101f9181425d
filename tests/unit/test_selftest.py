"""The self-test of an installation fails where a stream does not follow its file."""

from pathlib import Path

import pandas as pd
import pytest
from tests.selftest.judge import (
    COLUMNS,
    STREAMS,
    figures,
    judge,
    judge_inputs,
    judge_reference,
    judge_risk,
)
from tests.selftest.planted import DOSES, SWAPPED, patient
from tests.selftest.run import REFERENCE, exchanged, read, report

OWNER = dict(zip(DOSES, DOSES, strict=True)) | dict(zip(SWAPPED, SWAPPED[::-1], strict=True))
TRUTH = {(s.name, name): 0.1 * dose for s in STREAMS for name, dose in DOSES.items()}


def evidence(change=lambda row, stream: row):
    """Rows of evidence that follow the files; `change` breaks some."""
    rows = []
    for stream in STREAMS:
        for name, owner in OWNER.items():
            value = TRUTH[stream.name, owner]
            row = {
                "patient_id": name, "stream": stream.measured_by, "measure": stream.measure,
                "target": stream.target, "sample_id": f"{name}-D027-{stream.specimen}",
                "value": f"{value:.6g}", "low": f"{value * 0.8:.6g}", "high": f"{value * 1.2:.6g}",
                "limit": "0.001", "status": "QUANTIFIED" if value else stream.negatives[0],
            }  # fmt: skip
            if row := change(row, stream):
                rows.append(row)
    return pd.DataFrame(rows, dtype=str)


def failed(change):
    """(stream, control) of each verdict that is no PASS."""
    found = judge(figures(evidence(change), STREAMS), TRUTH, STREAMS)
    return {(stream, control) for stream, control, _, _, passed in found if not passed}


def test_streams_that_follow_their_files_pass():
    found = list(judge(figures(evidence(), STREAMS), TRUTH, STREAMS))
    assert len(found) == 7 * len(STREAMS)
    assert all(row[4] for row in found)


def always(**cells):
    return lambda row, stream: row | cells


def by_the_sheet(row, stream):
    """Results that follow the name on the tube and not what is in it."""
    value = TRUTH[stream.name, row["patient_id"]]
    status = "QUANTIFIED" if value else stream.negatives[0]
    return row | {
        "value": f"{value}", "low": f"{value * 0.8}", "high": f"{value * 1.2}", "status": status
    }  # fmt: skip


def doubled(row, stream):
    return row | {name: str(2 * float(row[name])) for name in ("value", "low", "high")}


ALL = {"negative control", "titration", "swapped label"}


@pytest.mark.parametrize("stream", STREAMS, ids=[stream.name for stream in STREAMS])
@pytest.mark.parametrize(
    ("fault", "controls"),
    [
        (always(status="FAILED", value="", low="", high=""), ALL),
        (always(status="NOT_ASSESSED", value="", low="", high=""), ALL),
        (always(status="NOT_DETECTED", value="0", low="0"), {"titration 1x", "swapped label"}),
        (always(status="QUANTIFIED", value="0.1", low="0.08", high="0.12"), ALL),
        (doubled, {"titration 0.5x", "titration 1x", "titration 2x", "swapped label"}),
        (by_the_sheet, {"swapped label"}),
        (lambda row, stream: None, ALL),
    ],
    ids=["failed", "not done", "finds nothing", "constant", "doubled", "by the sheet", "no row"],
)
def test_a_broken_stream_fails_its_own_controls(stream, fault, controls):
    found = failed(lambda row, mine: fault(row, mine) if mine == stream else row)
    assert {name for name, _ in found} == {stream.name}
    assert controls <= {control for _, control in found}


def test_risk_that_does_not_follow_the_files_fails():
    def verdicts(category):
        rows = [
            {"patient_id": name, "mechanism": "M2", "landmark": "D28", "category": category(owner)}
            for name, owner in OWNER.items()
        ]
        return [row[4] for row in judge_risk(pd.DataFrame(rows))]

    assert all(verdicts(lambda owner: "SIGNAL" if DOSES[owner] else "NO_SIGNAL"))
    assert sum(verdicts(lambda owner: "NO_SIGNAL")) == 2
    for no_answer in ("SIGNAL_CONFLICTING", "NOT_ASSESSABLE"):
        assert not any(verdicts(lambda owner, word=no_answer: word))


def test_a_list_of_inputs_with_the_files_of_the_sheet_before_the_swap_fails():
    inputs = pd.DataFrame({"sample_id": ["A-1", "B-1"], "sha256": ["a", "b"]})
    assert next(judge_inputs(inputs, {("A-1", "a"), ("B-1", "b")}))[4]
    assert not next(judge_inputs(inputs, {("A-1", "b"), ("B-1", "a")}))[4]
    assert not next(judge_inputs(inputs, set()))[4]


@pytest.mark.parametrize(
    ("factor", "same_versions", "passed"),
    [(1, True, True), (1.01, False, True), (1.01, True, False), (1.03, False, False)],
)
def test_figures_are_those_of_the_reference_to_the_letter_or_within_two_percent(
    factor, same_versions, passed
):
    reference = read(REFERENCE, remarks=1)
    moved = reference.copy()
    number = moved.index[(moved["patient"] == "ONE") & (moved["value"] != "")][0]
    if factor != 1:
        moved.loc[number, "value"] = str(float(str(moved.loc[number, "value"])) * factor)
    assert next(judge_reference(moved, reference, same_versions=same_versions))[4] == passed


def test_a_reference_or_a_run_without_a_figure_of_the_other_fails():
    reference = read(REFERENCE, remarks=1)
    for measured, known in ((reference[1:], reference), (reference, reference[1:])):
        for same in (True, False):
            assert not next(judge_reference(measured, known, same_versions=same))[4]


def test_the_reference_itself_keeps_to_the_controls_of_every_stream():
    """What is shipped shows nothing in the negatives and rises with the dose."""
    reference = read(REFERENCE, remarks=1)
    assert list(reference.columns) == list(COLUMNS)
    assert len(reference) == len(STREAMS) * len(DOSES)
    for name, rows in reference.groupby("stream"):
        values = rows.set_index("patient")["value"]
        assert float(values["HALF"]) < float(values["ONE"]) < float(values["TWO"]), name


def test_every_file_of_the_swapped_patients_stands_in_the_row_of_the_other():
    rows = [
        {"sample_id": f"{who}-{n}", "patient_id": who, "path": f"data/{who}-{n}.fcs", "bam": ""}
        for who in ("ONE", *SWAPPED)
        for n in range(3)
    ]
    table = exchanged(pd.DataFrame(rows))
    for sample, path in zip(table["sample_id"], table["path"], strict=True):
        assert path == f"data/{OWNER[sample.rpartition('-')[0]]}-{sample[-1]}.fcs"


def test_the_sheet_of_a_swapped_patient_expects_the_opposite_of_its_file():
    assert {DOSES[name] for name in SWAPPED} == {0.0, 2.0}
    assert all(len(patient(name).specimens) == len(patient("ONE").specimens) for name in DOSES)


def test_one_failure_is_counted_and_shown():
    text = report([("a", "b", "c", "d", True), ("a", "b", "c", "d", False)])
    assert text.endswith("1 PASS, 1 FAIL")
    assert [line.split()[-1] for line in text.splitlines()[1:3]] == ["PASS", "FAIL"]
    assert Path(REFERENCE).exists()
