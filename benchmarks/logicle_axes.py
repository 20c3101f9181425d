"""The same gates with borders on logicle axes, as programs for drawing gates store them."""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np

GATING = "{http://www.isac-net.org/std/Gating-ML/v2.0/gating}"
TRANSFORMS = "{http://www.isac-net.org/std/Gating-ML/v2.0/transformations}"
# display range and decades of an 18-bit instrument (Parks 2006, 10.1002/cyto.a.20258)
LOGICLE = {"T": 262_144.0, "W": 0.5, "M": 4.5, "A": 0.0}


def logicle(values) -> np.ndarray:
    """Return places on the axis, 0 to 1 over the display."""
    from flowutils.transforms import logicle as transform

    array = np.atleast_1d(np.asarray(values, dtype=float))
    t, w, m, a = LOGICLE["T"], LOGICLE["W"], LOGICLE["M"], LOGICLE["A"]
    return transform(array, None, t=t, m=m, w=w, a=a)


def on_logicle_axes(linear: Path, target: Path) -> None:
    """Copy a GatingML file with every compensated dimension on a logicle axis."""
    tree = ElementTree.parse(linear)
    root = tree.getroot()
    for dimension in root.iter(f"{GATING}dimension"):
        if dimension.get(f"{GATING}compensation-ref") != "Spill":
            continue
        dimension.set(f"{GATING}transformation-ref", "logicle")
        for side in ("min", "max"):
            border = dimension.get(f"{GATING}{side}")
            if border is not None:
                dimension.set(f"{GATING}{side}", repr(float(logicle(float(border))[0])))
    axis = ElementTree.Element(f"{TRANSFORMS}transformation", {f"{TRANSFORMS}id": "logicle"})
    parameters = {f"{TRANSFORMS}{name}": f"{value:g}" for name, value in LOGICLE.items()}
    ElementTree.SubElement(axis, f"{TRANSFORMS}logicle", parameters)
    root.insert(0, axis)
    tree.write(target, encoding="UTF-8", xml_declaration=True)
