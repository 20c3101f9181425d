"""Our gates come back from GatingML with the same events; what fits nothing is refused."""

import numpy as np
import pytest
from tests.unit.io.test_damaged_workspaces import WORKSPACE
from tests.unit.io.test_fcs import fcs

from aftercar.cytometry.compensation import Spill
from aftercar.cytometry.prepare import Bound, PlacedGate
from aftercar.io.fcs import read_fcs
from aftercar.io.workspace import UnusableWorkspace, gate_with_workspace, write_gates

NAMES = ["Time", "FSC-A", "FSC-H", "A-A", "B-A"]
MATRIX = np.array([[1, 0.2], [0.05, 1]])


@pytest.fixture(scope="module")
def tube(tmp_path_factory):
    """A file with spillover and a time step, written by another library."""
    from flowio import create_fcs

    random = np.random.default_rng(0)
    signal = random.lognormal(6, 1.2, (4000, 2)) @ MATRIX
    area = random.normal(60_000, 9000, 4000)
    values = np.column_stack(
        [
            np.sort(random.integers(0, 9000, 4000)),
            area,
            area / random.normal(1.2, 0.1, 4000),
            signal,
        ]
    )
    path = tmp_path_factory.mktemp("tube") / "tube.fcs"
    keywords = {"$TIMESTEP": "0.01", "spill": "2,A-A,B-A,1,0.2,0.05,1"}
    with path.open("wb") as file:
        create_fcs(file, values.ravel().tolist(), NAMES, metadata_dict=keywords)
    return path


def test_written_gates_select_the_same_events_in_flowkit(tube, tmp_path):
    spill = Spill(("A-A", "B-A"), (3, 4), MATRIX)
    gates = [
        PlacedGate("time", "", ((Bound(0, high=3000.5),), (Bound(0, low=5000.5),))),
        PlacedGate("singlets", "time", ((Bound(1, low=0.0, high=1.3, over=2),),)),
        PlacedGate("bright", "singlets", ((Bound(3, low=500.0), Bound(4, high=900.0)),)),
        PlacedGate("either", "singlets", ((Bound(3, low=2000.0),), (Bound(4, low=2000.0),))),
        PlacedGate("twice", "singlets", ((Bound(3, low=200.0), Bound(3, high=900.0)),)),
    ]
    write_gates(tmp_path / "gates.xml", gates, NAMES, spill, 0.01)
    values = read_fcs(tube).values.astype(np.float64)
    values[:, 3:] = values[:, 3:] @ np.linalg.inv(MATRIX)
    found = {gate.path[-1]: gate for gate in gate_with_workspace(tube, tmp_path / "gates.xml")}
    inside = {"": np.ones(len(values), dtype=bool)}
    for gate in gates:
        mask = np.zeros(len(values), dtype=bool)
        for bounds in gate.alternatives:
            mask |= np.all([bound.inside(values) for bound in bounds], axis=0)
        inside[gate.name] = inside[gate.parent] & mask
        assert 0 < inside[gate.name].sum() < len(values)
        assert np.array_equal(found[gate.name].mask, inside[gate.name]), gate.name


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("gates.wsp", "<Workspace>", "cannot be read"),
        ("gates.xml", "no xml", "not valid GatingML"),
        ("gates.xml", "<a/>", "not valid GatingML|no gates"),
    ],
    ids=["cut workspace", "no xml", "other xml"],
)
def test_what_is_no_workspace_is_refused_by_name(tube, tmp_path, name, content, reason):
    (tmp_path / name).write_text(content)
    with pytest.raises(UnusableWorkspace, match=reason):
        gate_with_workspace(tube, tmp_path / name)


def test_a_gate_on_a_channel_that_the_file_lacks_selects_nothing_but_an_error(tube, tmp_path):
    gates = [PlacedGate("gone", "", ((Bound(0, low=1.0),),))]
    write_gates(tmp_path / "gates.xml", gates, ["X-A"], None, None)
    with pytest.raises(UnusableWorkspace, match="does not have"):
        gate_with_workspace(tube, tmp_path / "gates.xml")


def other_name(tmp_path, total=b"200", first=b"100"):
    """The tube under a new name, and its workspace with these stored counts."""
    text = WORKSPACE.replace(b'sampleID="1" count="200"', b'sampleID="1" count="%s"' % total)
    text = text.replace(b'owningGroup="" count="100"', b'owningGroup="" count="%s"' % first)
    values = np.column_stack([np.linspace(1, 999, 200), np.arange(200)])
    (tmp_path / "renamed.fcs").write_bytes(fcs(values, ["FSC-A", "A-A"]))
    (tmp_path / "lab.wsp").write_bytes(text)
    return tmp_path / "renamed.fcs", tmp_path / "lab.wsp"


@pytest.mark.parametrize(
    ("total", "first", "found"),
    [
        (b"201", b"100", "it stores 201 events, this file holds 200"),
        (b"200", b"104", "it stores 104 events in gate 1 of the first level, this file has 100"),
        (b"-1", b"96", "it stores 96 events in gate 1 of the first level, this file has 100"),
        (b"-1", b"-1", "it stores no count that could tell"),
    ],
)
def test_a_workspace_of_another_file_is_refused_with_what_was_looked_for_and_found(
    tmp_path, total, first, found
):
    with pytest.raises(UnusableWorkspace) as refusal:
        gate_with_workspace(*other_name(tmp_path, total, first))
    assert found in str(refusal.value)
    assert "looked for a sample with the name of the FCS file" in str(refusal.value)
    assert "tube" not in str(refusal.value)  # a name of the laboratory may be a person's


@pytest.mark.parametrize(("total", "first"), [(b"200", b"100"), (b"-1", b"103"), (b"200", b"-1")])
def test_a_workspace_of_another_name_whose_stored_counts_agree_is_used_and_says_so(
    tmp_path, total, first
):
    gates = gate_with_workspace(*other_name(tmp_path, total, first))
    assert {gate.path[-1]: int(gate.mask.sum()) for gate in gates}["cells"] == 100
    assert all(gate.other_file for gate in gates)


def test_a_workspace_that_names_the_file_is_used_whatever_it_stores(tmp_path):
    renamed, workspace = other_name(tmp_path, b"999", b"999")
    gates = gate_with_workspace(renamed.rename(tmp_path / "tube.fcs"), workspace)
    assert gates
    assert not any(gate.other_file for gate in gates)
