"""A matrix comes out of a table, a workspace or a gate file as it went in, or with a reason."""

import numpy as np
import pytest

from aftercar.contracts.events import StatedMatrix
from aftercar.cytometry.compensation import Spill, compensate, parse_matrix
from aftercar.cytometry.prepare import Bound, PlacedGate
from aftercar.io.compensation_matrices import read_matrix, read_specimen
from aftercar.io.fcs import read_fcs
from aftercar.io.workspace import write_gates
from aftercar.simulate.cytometer import acquire, fcs_bytes

NAMES = ["Time", "FSC-A", "A-A", "B-A", "C-A"]
ASYMMETRIC = np.array([[1, 0.2, 0.05], [0.01, 1, 0.3], [0.0, 0.02, 1]])


@pytest.fixture(scope="module")
def gate_file(tmp_path_factory):
    """A GatingML file with a matrix."""
    path = tmp_path_factory.mktemp("gates") / "gates.xml"
    write_gates(path, [], NAMES, Spill(("A-A", "B-A", "C-A"), (2, 3, 4), ASYMMETRIC), None)
    return path


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    """A FlowJo workspace of two samples, each with a matrix of its own."""
    lines = []
    for name, matrix in (("one.fcs", ASYMMETRIC), ("two.fcs", np.eye(3))):
        rows = "".join(
            f'<transforms:spillover data-type:parameter="{NAMES[2 + i]}">'
            + "".join(
                f'<transforms:coefficient data-type:parameter="{NAMES[2 + j]}" '
                f'transforms:value="{float(matrix[i, j])!r}"/>'
                for j in range(3)
            )
            + "</transforms:spillover>"
            for i in range(3)
        )
        names = "".join(f'<data-type:parameter data-type:name="{n}"/>' for n in NAMES[2:])
        lines.append(
            f'<Sample><DataSet uri="file:{name}" sampleID="{len(lines) + 1}"/>'
            '<transforms:spilloverMatrix prefix="Comp-" suffix="" name="m" '
            f'transforms:id="{len(lines)}">'
            f"<data-type:parameters>{names}</data-type:parameters>{rows}"
            "</transforms:spilloverMatrix><Transformations/><Keywords/>"
            f'<SampleNode name="{name}" sampleID="{len(lines) + 1}"><Subpopulations/></SampleNode>'
            "</Sample>"
        )
    path = tmp_path_factory.mktemp("workspace") / "work.wsp"
    path.write_text(
        '<?xml version="1.0" encoding="UTF-8"?><Workspace version="20.0" flowJoVersion="10.8.1" '
        'xmlns:transforms="http://www.isac-net.org/std/Gating-ML/v2.0/transformations" '
        'xmlns:data-type="http://www.isac-net.org/std/Gating-ML/v2.0/datatypes" '
        'xmlns:gating="http://www.isac-net.org/std/Gating-ML/v2.0/gating">'
        '<Groups><GroupNode name="All Samples"><Group name="All Samples"><SampleRefs>'
        '<SampleRef sampleID="1"/><SampleRef sampleID="2"/></SampleRefs></Group></GroupNode>'
        f"</Groups><SampleList>{''.join(lines)}</SampleList></Workspace>"
    )
    return path


def test_the_matrix_of_a_gate_file_is_read_in_its_own_orientation(gate_file):
    stated = read_matrix(gate_file, "x.fcs")
    assert stated.source == "the GatingML file"
    assert np.array_equal(parse_matrix(stated.text, NAMES)[0].matrix, ASYMMETRIC)


def test_the_matrix_of_a_workspace_is_that_of_the_sample(workspace):
    one, two = (read_matrix(workspace, f"/somewhere/{name}.fcs") for name in ("one", "two"))
    assert one.source == "the FlowJo workspace"
    assert np.array_equal(parse_matrix(one.text, NAMES)[0].matrix, ASYMMETRIC)
    assert np.array_equal(parse_matrix(two.text, NAMES)[0].matrix, np.eye(3))
    other = read_matrix(workspace, "three.fcs")
    assert other.text == ""
    assert "2 samples and none has the name" in other.problem


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("m.csv", b"\xff\xfe", "not UTF-8"),
        ("m.csv", b"1" * 1_000_001, "larger than"),
        ("m.csv", None, "cannot be opened"),
        ("m.mtx", b"", "ends in none of .csv, .tsv, .txt, .wsp, .xml"),
        ("m.wsp", b"<Workspace>", "cannot be read"),
        ("m.xml", b"no xml", "not valid GatingML"),
    ],
)
def test_what_is_no_matrix_is_refused_by_name(tmp_path, name, content, reason):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    stated = read_matrix(tmp_path / name, "x.fcs")
    assert stated.text == ""
    assert reason in stated.problem


def test_a_gate_file_without_a_matrix_gives_none(tmp_path):
    gate = PlacedGate("bright", "", ((Bound(2, low=500.0),),))
    write_gates(tmp_path / "gates.xml", [gate], NAMES, None, None)
    assert "holds 0 compensation matrices" in read_matrix(tmp_path / "gates.xml", "x").problem


def test_a_row_names_the_matrix_of_its_events(tmp_path):
    shares = {"t_cd4": 0.5, "granulocyte": 0.5}
    drawn = acquire(
        shares, "car_t_persistence", 500, np.random.default_rng(0), donor_shift={}, batch_shift={}
    )
    path = tmp_path / "tube.fcs"
    path.write_bytes(fcs_bytes(drawn, {}))
    header = ",".join(["", *(f"Comp-{name} :: x" for name in drawn.fluorescent)])
    rows = [
        ",".join([f"Comp-{name} :: x", *map(repr, map(float, values))])
        for name, values in zip(drawn.fluorescent, drawn.spill, strict=True)
    ]
    (tmp_path / "matrix.csv").write_text("\n".join([header, *rows]))
    row = {"path": str(path), "compensation": str(tmp_path / "matrix.csv")}
    events = read_specimen(row)
    names = [channel.name for channel in events.channels]
    spill, _ = parse_matrix(events.stated.text, names)
    shown = compensate(events.values, spill)[:, 4:]
    expected = drawn.events[:, 4:].astype(float) @ np.linalg.inv(drawn.spill)
    assert np.allclose(shown, expected, atol=0.01)
    assert read_specimen(row | {"compensation": ""}).stated is None
    for word in ("none", "None"):
        assert read_specimen(row | {"compensation": word}).stated == StatedMatrix(
            "samples.tsv", compensated=True
        )
    assert np.array_equal(read_fcs(path).values, events.values)
