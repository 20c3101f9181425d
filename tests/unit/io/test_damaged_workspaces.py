"""Damaged workspaces and gate files are refused by name; XML that harms is never expanded."""

import time

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.io.test_fcs import fcs

from aftercar.cytometry.prepare import Bound, PlacedGate
from aftercar.io.workspace import UnusableWorkspace, gate_with_workspace, write_gates

NAMES = ["FSC-A", "A-A"]
WORKSPACE = b"""<?xml version="1.0" encoding="UTF-8"?>
<Workspace
 xmlns:gating="http://www.isac-net.org/std/Gating-ML/v2.0/gating"
 xmlns:data-type="http://www.isac-net.org/std/Gating-ML/v2.0/datatypes"
 xmlns:transforms="http://www.isac-net.org/std/Gating-ML/v2.0/transformations"
 version="20.0" flowJoVersion="10.6.2">
<Matrices/>
<Groups>
<GroupNode name="All Samples" annotation="" owningGroup="">
<Group name="All Samples">
<SampleRefs>
<SampleRef sampleID="1"/>
</SampleRefs>
</Group>
</GroupNode>
</Groups>
<SampleList>
<Sample>
<DataSet uri="tube.fcs" sampleID="1"/>
<Transformations>
<transforms:linear transforms:minRange="0" transforms:maxRange="262144">
<data-type:parameter data-type:name="A-A"/>
</transforms:linear>
<transforms:linear transforms:minRange="0" transforms:maxRange="262144">
<data-type:parameter data-type:name="FSC-A"/>
</transforms:linear>
</Transformations>
<Keywords>
<Keyword name="$PAR" value="2"/>
</Keywords>
<SampleNode name="tube.fcs"
 annotation="" owningGroup="" sampleID="1" count="200">
<Subpopulations>
<Population name="cells"
 annotation="" owningGroup="" count="100">
<Gate gating:id="ID1">
<gating:RectangleGate gating:id="ID1">
<gating:dimension gating:min="100">
<data-type:fcs-dimension data-type:name="A-A"/>
</gating:dimension>
</gating:RectangleGate>
</Gate>
<Subpopulations>
<Population name="bright"
 annotation="" owningGroup="" count="9">
<Gate gating:id="ID2" gating:parent_id="ID1">
<gating:PolygonGate gating:id="ID2">
<gating:dimension>
<data-type:fcs-dimension data-type:name="FSC-A"/>
</gating:dimension>
<gating:dimension>
<data-type:fcs-dimension data-type:name="A-A"/>
</gating:dimension>
<gating:vertex>
<gating:coordinate data-type:value="0"/>
<gating:coordinate data-type:value="150"/>
</gating:vertex>
<gating:vertex>
<gating:coordinate data-type:value="999"/>
<gating:coordinate data-type:value="150"/>
</gating:vertex>
<gating:vertex>
<gating:coordinate data-type:value="500"/>
<gating:coordinate data-type:value="900"/>
</gating:vertex>
</gating:PolygonGate>
</Gate>
</Population>
</Subpopulations>
</Population>
</Subpopulations>
</SampleNode>
</Sample>
</SampleList>
</Workspace>"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A tube of 200 events, 100 of them above 100 in A-A, with both kinds of gate file."""
    path = tmp_path_factory.mktemp("gates")
    values = np.column_stack([np.linspace(1, 999, 200), np.arange(200)])
    (path / "tube.fcs").write_bytes(fcs(values, NAMES))
    (path / "sound.wsp").write_bytes(WORKSPACE)
    gates = [PlacedGate("cells", "", ((Bound(1, low=100.0),), (Bound(1, low=180.0),))),
             PlacedGate("both", "cells", ((Bound(0, low=5.0, high=2.0, over=1),),))]  # fmt: skip
    write_gates(path / "sound.xml", gates, NAMES, None, None)
    return path


@pytest.mark.parametrize("kind", ["wsp", "xml"])
def test_each_gate_file_that_is_damaged_here_is_sound_before(folder, kind):
    gates = gate_with_workspace(folder / "tube.fcs", folder / f"sound.{kind}")
    assert {gate.path[-1]: int(gate.mask.sum()) for gate in gates}["cells"] == 100


PIECES = [
    b"", b"<", b">", b"/>", b'"', b"&", b"&#0;", b"-1", b"NaN", b"1e999", b"Sample", b"A-A",
    b"cells", b"gating:", b"Matrices", b"\xff\xfe", b"name=", b"<a>" * 50,
    b"0", b"ID1", b"root", b"../..",
]  # fmt: skip


@settings(max_examples=500, suppress_health_check=[HealthCheck.too_slow])
@given(
    kind=st.sampled_from(["wsp", "xml"]),
    cuts=st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 40), st.sampled_from(PIECES)),
        max_size=3,
    ),
    words=st.dictionaries(
        st.sampled_from([b"A-A", b"FSC-A", b"100", b"150", b"cells", b"ID1", b"Sample", b"count",
                         b"Polygon", b"Rectangle", b"linear", b"262144", b"tube.fcs", b"vertex",
                         b"gating:min", b"dimension", b"parent_id", b"fratio", b"reference"]),
        st.sampled_from(PIECES), max_size=2,
    ),
)  # fmt: skip
def test_a_damaged_gate_file_gives_masks_or_a_named_refusal(folder, kind, cuts, words):
    content = (folder / f"sound.{kind}").read_bytes()
    for old, new in words.items():
        content = content.replace(old, new)
    for where, length, piece in cuts:
        at = int(where * len(content))
        content = content[:at] + piece + content[at + length :]
    path = folder / f"damaged.{kind}"
    path.write_bytes(content)
    begun = time.monotonic()
    try:
        gates = gate_with_workspace(folder / "tube.fcs", path)
    except UnusableWorkspace:
        return
    assert time.monotonic() - begun < 10
    assert all(gate.mask.shape == (200,) and gate.mask.dtype == bool for gate in gates)


SECRET = b"a text of another file"
LAUGHS = b'<!DOCTYPE l [<!ENTITY a "ha">' + b"".join(
    f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">'.encode() for n in range(12)
) + b"]>"  # fmt: skip


@pytest.mark.parametrize("kind", ["wsp", "xml"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("attack", ["other file", "laughs", "parameter", "deep"])
def test_xml_that_harms_is_refused_unread(folder, kind, encoding, attack):
    (folder / "secret.txt").write_bytes(SECRET)
    body = (folder / f"sound.{kind}").read_bytes().split(b"?>", 1)[1]
    start = {
        "other file": f'<!DOCTYPE w [<!ENTITY s SYSTEM "{folder}/secret.txt">]>'.encode(),
        "laughs": LAUGHS,
        "parameter": f'<!DOCTYPE w [<!ENTITY % s SYSTEM "file://{folder}/secret.txt">%s;]>'.encode(),
        "deep": b"",
    }[attack]
    body = body.replace(b"cells", {"other file": b"&s;", "laughs": b"&m;"}.get(attack, b"cells"))
    if attack == "deep":
        body = b"<a>" * 100_000 + b"</a>" * 100_000
    text = (b'<?xml version="1.0" encoding="%s"?>' % encoding.encode() + start + body).decode()
    path = folder / f"harm.{kind}"
    path.write_bytes(text.encode(encoding))
    begun = time.monotonic()
    reason = "nested more than" if attack == "deep" else "document type definition"
    with pytest.raises(UnusableWorkspace, match=reason) as refusal:
        gate_with_workspace(folder / "tube.fcs", path)
    assert SECRET.decode() not in str(refusal.value)
    assert time.monotonic() - begun < 2


def test_a_gate_file_that_is_absent_is_refused_without_its_path(folder):
    with pytest.raises(UnusableWorkspace, match="cannot be opened") as refusal:
        gate_with_workspace(folder / "tube.fcs", folder / "Doe-Nobody.wsp")
    assert "Doe-Nobody" not in str(refusal.value)
