"""Roles of the configuration that fill nothing are told, never passed over."""

import numpy as np
import pytest

from aftercar.cytometry.course import Course
from aftercar.cytometry.manual import ManualGate, role_problems, unmatched_roles
from aftercar.cytometry.specimen import describe
from aftercar.io.workspace import WorkspaceGate

GATES = [
    ManualGate(("Lymphocytes",), np.ones(4, dtype=bool), None),
    ManualGate(("Lymphocytes", "B cells"), np.ones(4, dtype=bool), None),
]


def test_a_role_that_does_not_exist_is_told_with_those_that_do():
    (line,) = role_problems({"B cells": "b-cells", "T": "t_cells"})
    assert line.startswith(
        "key cytometry/workspace_roles/B cells: found 'b-cells', expected one of leukocytes, "
    )


@pytest.mark.parametrize("name", ["B cells", "Lymphocytes/B cells"], ids=["name", "path"])
def test_a_gate_that_the_workspace_has_needs_no_word(name):
    assert unmatched_roles(GATES, {name: "b_cells"}) is None


def test_a_gate_that_the_workspace_does_not_have_is_a_flag_of_the_specimen(draw, settings):
    course = Course({}, [], settings | {"workspace_roles": {"B-cells": "b_cells"}})
    events, _ = draw({"t4": 50}, ("CD3",))
    row = {"sample_id": "A-1", "patient_id": "A", "day": "1", "specimen": "PB"}
    row |= {"batch": "", "panel": "", "infusion_no": ""}
    gates = [WorkspaceGate(gate.path, np.ones(len(events), dtype=bool), None) for gate in GATES]
    course.add(describe(row, [], []), events, gates)
    (row,) = [row for row in course.findings.quality if row["check"] == "gate_roles"]
    assert row["verdict"] == "FLAG"
    assert row["sample_id"] == "A-1"
    assert "no gate of the workspace is named B-cells (b_cells)" in row["message"]
