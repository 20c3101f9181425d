"""FlowJo workspaces and GatingML files: a laboratory's gates in, our gates out."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from aftercar.contracts.cytometry import STORED_EVENTS, STORED_SHARE
from aftercar.io.whole_files import whole_file
from aftercar.io.xml_safety import UnsafeXml, check_xml

GATING = "http://www.isac-net.org/std/Gating-ML/v2.0/gating"
TRANSFORMS = "http://www.isac-net.org/std/Gating-ML/v2.0/transformations"
UNLIMITED = 1e30
DATATYPE = "http://www.isac-net.org/std/Gating-ML/v2.0/datatypes"


class UnusableWorkspace(ValueError):  # noqa: N818 - the name says what happened to the specimen
    """A workspace or gate file that cannot be applied to a specimen; the message says why."""


@dataclass(frozen=True, eq=False)
class WorkspaceGate:
    """A gate of the laboratory, the events inside it and the count that the workspace stores."""

    path: tuple[str, ...]  # from the root to the gate, without the root
    mask: np.ndarray
    stored_count: int | None
    other_file: bool = False  # the workspace names another file, whose stored counts agree


def gate_with_workspace(fcs_path: str | Path, workspace: str | Path) -> list[WorkspaceGate]:
    """Apply the gates of a FlowJo workspace (.wsp) or GatingML 2.0 file (.xml) to an FCS file.

    A workspace names its samples: the one with the name of the file is taken, else the only one if
    its stored counts agree with this file (a file may have been renamed; `other_file` says so).
    Raises UnusableWorkspace when none fits, when a gate cannot be resolved, or when the file is
    neither. Gates are tested on raw events; FlowJo bins polygons on a 256 x 256 grid, so counts
    can differ by some events.
    """
    with warnings.catch_warnings(), _named_reasons():
        warnings.simplefilter("ignore")  # FlowKit warns of every sample that was not loaded
        check_xml(workspace)
        if Path(workspace).suffix.lower() == ".wsp":
            return _flowjo(Path(fcs_path), Path(workspace))
        return _gatingml(Path(fcs_path), Path(workspace))


@contextmanager
def _named_reasons() -> Iterator[None]:
    """Turn whatever FlowKit stumbles over into UnusableWorkspace, without the text of the file."""
    try:
        yield
    except UnusableWorkspace:
        raise
    except UnsafeXml as error:
        raise UnusableWorkspace(
            f"it cannot be read as a FlowJo workspace and is not valid GatingML 2.0: {error}; "
            "export it again from the program that drew the gates"
        ) from None
    except (
        ArithmeticError, AssertionError, AttributeError, LookupError, MemoryError, OSError,
        RuntimeError, SyntaxError, TypeError, ValueError,
    ) as error:  # fmt: skip
        raise UnusableWorkspace(
            f"the gates cannot be applied ({type(error).__name__}); export them again from the "
            "program that drew them"
        ) from None


def workspace_problem(fcs_path: str | Path, workspace: str | Path) -> str:
    """Say why a workspace or gate file does not fit an FCS file; empty if its names fit.

    The XML is checked and the sample looked up; no gate is read or applied.
    """
    try:
        with _named_reasons():
            path = Path(workspace)
            kind, names = _kind_and_samples(str(path), path.stat().st_mtime_ns)
            if path.suffix.lower() == ".wsp":
                _sample_of(Path(fcs_path).name, list(names))
            elif not kind.endswith("Gating-ML"):
                raise UnusableWorkspace(
                    "the gate file is not valid GatingML 2.0 (it is another kind of XML); export "
                    "it again from the program that drew the gates"
                )
    except UnusableWorkspace as error:
        return str(error)
    return ""


@lru_cache(maxsize=8)
def _kind_and_samples(path: str, _changed: int) -> tuple[str, tuple[str, ...]]:
    """Return the tag of an XML file's root and the names of its samples: one file has many."""
    check_xml(path)
    root = ElementTree.parse(path).getroot()
    return root.tag, tuple(dict.fromkeys(n.get("name", "") for n in root.iter("SampleNode")))


def matrix_of_workspace(fcs_path: str | Path, workspace: str | Path) -> str:
    """Return the compensation matrix of a FlowJo workspace or GatingML file as a table.

    The header names the detectors; a row per dye follows. Of a workspace, that of the sample with
    the name of the FCS file, else of its only one. Raises UnusableWorkspace if there is none, or
    more than one, or one with other dyes than detectors.
    """
    with warnings.catch_warnings(), _named_reasons():
        warnings.simplefilter("ignore")
        check_xml(workspace)
        if Path(workspace).suffix.lower() == ".wsp":
            tool, _, name = _open_flowjo(Path(fcs_path), Path(workspace))
            found = tool.get_comp_matrix(name)
            matrices = [] if found is None else [found]
        else:
            matrices = list(_open_gatingml(Path(workspace)).comp_matrices.values())
    if len(matrices) != 1:
        raise UnusableWorkspace(
            f"it holds {len(matrices)} compensation matrices for this specimen, expected one"
        )
    names, values = list(matrices[0].detectors), np.asarray(matrices[0].matrix)
    if values.shape != (len(names), len(names)):
        raise UnusableWorkspace(
            f"its matrix has {len(values)} dyes and {len(names)} detectors; as many of both are "
            "needed"
        )
    rows = ["\t".join(repr(float(value)) for value in row) for row in values]
    return "\n".join(["\t".join(names), *rows])


def _open_flowjo(fcs_path: Path, path: Path):
    """Return the workspace, its XML and the name that the FCS file has in it."""
    from flowkit import Workspace

    try:
        tree = ElementTree.parse(path).getroot()
        workspace = Workspace(str(path), load_missing_file_data=True)
    except (ElementTree.ParseError, KeyError, ValueError, AttributeError, TypeError) as error:
        raise UnusableWorkspace(
            f"the workspace cannot be read ({type(error).__name__}); save it again with FlowJo 10"
        ) from None
    names = workspace.get_sample_ids(loaded_only=False)
    return workspace, tree, _sample_of(fcs_path.name, names)


def _flowjo(fcs_path: Path, path: Path) -> list[WorkspaceGate]:
    workspace, tree, name = _open_flowjo(fcs_path, path)
    sample, stored = _sample(fcs_path), _stored_counts(tree, name)
    renamed = name.casefold() != fcs_path.name.casefold()
    total = stored.pop((), None)
    if renamed and total not in (None, sample.event_count):
        raise _of_another_file(f"it stores {total} events, this file holds {sample.event_count}")
    gates = _apply(_strategy(workspace, name), sample, stored)
    return _renamed(gates, total) if renamed else gates


def _renamed(gates: list[WorkspaceGate], total: int | None) -> list[WorkspaceGate]:
    """Return gates of a workspace that names another file, if its stored counts fit this one."""
    first = [gate for gate in gates if len(gate.path) == 1 and gate.stored_count is not None]
    if total is None and not first:
        raise _of_another_file("it stores no count that could tell whether it is this one")
    for place, gate in enumerate(first, start=1):
        stored, found = gate.stored_count or 0, int(np.count_nonzero(gate.mask))
        if abs(found - stored) > max(STORED_EVENTS, STORED_SHARE * stored):
            gated = f"{stored} events in gate {place} of the first level"
            raise _of_another_file(f"it stores {gated}, this file has {found}")
    return [replace(gate, other_file=True) for gate in gates]


def _of_another_file(found: str) -> UnusableWorkspace:
    return UnusableWorkspace(
        "the workspace is of another file: looked for a sample with the name of the FCS file, then "
        f"for stored counts that agree with it; found one sample of another name, and {found}. "
        "Name the workspace of this specimen, or save it again with this file"
    )


def _strategy(workspace, name: str):
    try:
        return workspace._sample_data_lut[name]["gating_strategy"]
    except (KeyError, AttributeError):
        return workspace.get_gating_strategy(name)


def _sample_of(file_name: str, names: list[str]) -> str:
    if file_name in names:
        return file_name
    folded = [name for name in names if name.casefold() == file_name.casefold()]
    if len(folded) == 1:
        return folded[0]
    if len(names) == 1:
        return names[0]
    raise UnusableWorkspace(
        f"the workspace holds {len(names)} samples and none has the name of the FCS file: looked "
        "for the file name of column path, then for a workspace with one sample. Rename the file "
        "as in FlowJo, or save a workspace with this specimen alone"
    )


def _open_gatingml(path: Path):
    from flowkit import parse_gating_xml
    from flowkit.exceptions import FlowKitException

    try:
        return parse_gating_xml(str(path))
    except (
        FlowKitException, KeyError, ValueError, TypeError, AttributeError, NotImplementedError,
        ElementTree.ParseError, SyntaxError,
    ) as error:  # fmt: skip
        raise UnusableWorkspace(
            f"the gate file is not valid GatingML 2.0 ({type(error).__name__}); export it again "
            "from the program that drew the gates"
        ) from None


def _gatingml(fcs_path: Path, path: Path) -> list[WorkspaceGate]:
    return _apply(_open_gatingml(path), _sample(fcs_path), {})


def _sample(fcs_path: Path):
    from flowio.exceptions import FlowIOException
    from flowkit import Sample

    try:
        return Sample(str(fcs_path), sample_id="specimen", use_flowjo_labels=True)
    except (FlowIOException, ValueError, LookupError, TypeError, AttributeError, OSError) as error:
        raise UnusableWorkspace(
            f"the FCS file cannot be opened for the workspace ({type(error).__name__}); export it "
            "as FCS 3.1, or leave column workspace empty to use a template"
        ) from None


def _apply(strategy, sample, stored: dict[tuple[str, ...], int]) -> list[WorkspaceGate]:
    from flowkit.exceptions import FlowKitException

    gates = strategy.get_gate_ids()
    if not gates:
        raise UnusableWorkspace("the workspace holds no gates for this specimen")
    try:
        results = strategy.gate_sample(sample)
        found = []
        for name, path in gates:
            if _is_container(strategy, name, path):
                continue
            full = (*path[1:], name)
            mask = results.get_gate_membership(name, path)
            found.append(WorkspaceGate(full, np.asarray(mask), stored.get(full)))
    except (FlowKitException, LookupError, ValueError, TypeError, AttributeError) as error:
        raise UnusableWorkspace(
            f"a gate of the workspace needs a channel, compensation or axis that the FCS file does "
            f"not have ({type(error).__name__}); no event was counted"
        ) from None
    return sorted(found, key=lambda gate: (len(gate.path), gate.path))


def _is_container(strategy, name: str, path: tuple[str, ...]) -> bool:
    """Whether a gate only holds quadrants, which are gates of their own."""
    from flowkit.exceptions import QuadrantReferenceError

    try:
        return hasattr(strategy.get_gate(name, path), "quadrants")
    except QuadrantReferenceError:  # one of the quadrants
        return False


def _stored_counts(tree: ElementTree.Element, sample: str) -> dict[tuple[str, ...], int]:
    """Return the counts that FlowJo wrote beside a sample, path (), and its gates, by path."""
    counts: dict[tuple[str, ...], int] = {}

    def walk(node: ElementTree.Element, path: tuple[str, ...]) -> None:
        number = node.get("count", "")
        if number.isdecimal():  # -1: not computed
            counts[path] = int(number)
        for child in node.findall("Subpopulations/*"):
            name = child.get("name")
            if name is not None:
                walk(child, (*path, name))

    for node in tree.iter("SampleNode"):
        if node.get("name") == sample:
            walk(node, ())
    return counts


def write_gates(
    path: str | Path, gates: list, names: list[str], spill, time_step: float | None
) -> None:
    """Write placed gates as GatingML 2.0 that gives the same counts in FlowKit.

    `gates` have name, parent (empty: all events) and alternatives of bounds (channel, low, high,
    over, raw); `names` are the channels' $PnN; `spill` has names, index and matrix, or is None.
    FlowKit multiplies time by $TIMESTEP: borders of time are written in seconds.
    """
    ElementTree.register_namespace("gating", GATING)
    ElementTree.register_namespace("transforms", TRANSFORMS)
    ElementTree.register_namespace("data-type", DATATYPE)
    root = ElementTree.Element(f"{{{GATING}}}Gating-ML")
    if spill is not None:
        _write_matrix(root, spill)
    compensated = set() if spill is None else set(spill.index)
    ratios: dict[tuple[int, int], str] = {}
    for gate in gates:
        for bounds in gate.alternatives:
            for bound in bounds:
                if bound.over is not None and (bound.channel, bound.over) not in ratios:
                    ratios[bound.channel, bound.over] = f"ratio_{len(ratios) + 1}"
                    _write_ratio(root, ratios[bound.channel, bound.over], names, bound)
    for gate in gates:
        parts = [gate.name] if len(gate.alternatives) == 1 else [
            f"{gate.name}__{n}" for n in range(1, len(gate.alternatives) + 1)
        ]  # fmt: skip
        for part, bounds in zip(parts, gate.alternatives, strict=True):
            node = ElementTree.SubElement(root, f"{{{GATING}}}RectangleGate")
            _identify(node, part, gate.parent)
            for bound in _merged(bounds):
                scale = 1.0
                if names[bound.channel].strip().lower() == "time" and time_step:
                    scale = time_step
                _write_bound(node, bound, names, compensated, ratios, scale)
        if len(parts) > 1:
            node = ElementTree.SubElement(root, f"{{{GATING}}}BooleanGate")
            _identify(node, gate.name, gate.parent)
            either = ElementTree.SubElement(node, f"{{{GATING}}}or")
            for part in parts:
                reference = ElementTree.SubElement(either, f"{{{GATING}}}gateReference")
                reference.set(f"{{{GATING}}}ref", part)
    ElementTree.indent(root)
    with whole_file(path) as part:
        ElementTree.ElementTree(root).write(part, encoding="UTF-8", xml_declaration=True)


def _merged(bounds: tuple) -> list:
    """Return one dimension per channel, with the tighter limits where a gate asks twice."""
    merged: dict[tuple[int, int | None, bool], object] = {}
    for bound in bounds:
        key = (bound.channel, bound.over, bound.raw)
        if key in merged:
            first = merged[key]
            lows = [x for x in (first.low, bound.low) if x is not None]  # type: ignore[attr-defined]
            highs = [x for x in (first.high, bound.high) if x is not None]  # type: ignore[attr-defined]
            bound = replace(
                bound, low=max(lows) if lows else None, high=min(highs) if highs else None
            )
        merged[key] = bound
    return list(merged.values())


def _identify(node: ElementTree.Element, name: str, parent: str) -> None:
    node.set(f"{{{GATING}}}id", name)
    if parent:
        node.set(f"{{{GATING}}}parent_id", parent)


def _write_bound(node, bound, names, compensated, ratios, scale) -> None:
    dimension = ElementTree.SubElement(node, f"{{{GATING}}}dimension")
    plain = bound.over is not None or bound.raw or bound.channel not in compensated
    used = "uncompensated" if plain else "Spill"
    dimension.set(f"{{{GATING}}}compensation-ref", used)
    low, high = bound.low, bound.high
    if bound.over is not None:  # FlowKit needs both limits of a ratio
        low, high = (UNLIMITED * -1 if low is None else low), (UNLIMITED if high is None else high)
    if low is not None:
        dimension.set(f"{{{GATING}}}min", repr(float(low * scale)))
    if high is not None:
        dimension.set(f"{{{GATING}}}max", repr(float(high * scale)))
    if bound.over is None:
        name = ElementTree.SubElement(dimension, f"{{{DATATYPE}}}fcs-dimension")
        name.set(f"{{{DATATYPE}}}name", names[bound.channel])
    else:
        name = ElementTree.SubElement(dimension, f"{{{DATATYPE}}}new-dimension")
        name.set(f"{{{DATATYPE}}}transformation-ref", ratios[bound.channel, bound.over])


def _write_ratio(root, name: str, names: list[str], bound) -> None:
    node = ElementTree.SubElement(root, f"{{{TRANSFORMS}}}transformation")
    node.set(f"{{{TRANSFORMS}}}id", name)
    ratio = ElementTree.SubElement(node, f"{{{TRANSFORMS}}}fratio")
    for key, value in (("A", "1"), ("B", "0"), ("C", "0")):
        ratio.set(f"{{{TRANSFORMS}}}{key}", value)
    for channel in (bound.channel, bound.over):
        part = ElementTree.SubElement(ratio, f"{{{DATATYPE}}}fcs-dimension")
        part.set(f"{{{DATATYPE}}}name", names[channel])


def _write_matrix(root, spill) -> None:
    matrix = ElementTree.SubElement(root, f"{{{TRANSFORMS}}}spectrumMatrix")
    matrix.set(f"{{{TRANSFORMS}}}id", "Spill")
    for kind in ("fluorochromes", "detectors"):
        part = ElementTree.SubElement(matrix, f"{{{TRANSFORMS}}}{kind}")
        for name in spill.names:
            node = ElementTree.SubElement(part, f"{{{DATATYPE}}}fcs-dimension")
            node.set(f"{{{DATATYPE}}}name", name)
    for row in spill.matrix:
        spectrum = ElementTree.SubElement(matrix, f"{{{TRANSFORMS}}}spectrum")
        for value in row:
            node = ElementTree.SubElement(spectrum, f"{{{TRANSFORMS}}}coefficient")
            node.set(f"{{{TRANSFORMS}}}value", repr(float(value)))
