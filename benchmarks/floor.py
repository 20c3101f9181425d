"""The floor: read, one matrix product, one comparison per border, in plain numpy.

It checks nothing and knows nothing; whatever a tool adds to it is the price of what it does.
"""

import json
from pathlib import Path

import numpy as np

BLOCK_EVENTS = 16_384  # a block stays in the processor's cache


def prepare(table: str) -> dict:
    """Return gates, detectors and the inverse matrix."""
    content = json.loads(Path(table).read_text())
    content["inverse"] = np.ascontiguousarray(np.linalg.inv(np.array(content["matrix"])).T)
    return content


def run(content: dict, path: str) -> dict[str, int]:
    """Return counts by gate."""
    with open(path, "rb") as file:
        header = file.read(58)
        text_start, text_end, data_start = (int(header[n : n + 8]) for n in (10, 18, 26))
        text = header[58:] + file.read(text_end + 1 - 58)
    words = text[text_start - 58 :].decode().split("\x0c")[1:]
    keywords = dict(zip(words[::2], words[1::2], strict=False))
    channels, events = int(keywords["$PAR"]), int(keywords["$TOT"])
    names = {keywords[f"$P{n + 1}N"]: n for n in range(channels)}
    stored = np.memmap(path, "<f4", "r", data_start, (events, channels))
    detectors = [names[name] for name in content["detectors"]]
    counts = {gate["name"]: 0 for gate in content["gates"]}
    for start in range(0, events, BLOCK_EVENTS):
        values = stored[start : start + BLOCK_EVENTS].T.astype(np.float64)
        values[detectors] = content["inverse"] @ values[detectors]
        met: dict[tuple, np.ndarray] = {}
        inside: dict[str, np.ndarray] = {}
        for gate in content["gates"]:
            either = None
            for bounds in gate["alternatives"]:
                mask = inside.get(gate["parent"], True)
                for bound in bounds:
                    key = tuple(bound.values())
                    if key not in met:
                        met[key] = _within(values, names, bound)
                    mask = mask & met[key]
                either = mask if either is None else either | mask
            inside[gate["name"]] = either
            counts[gate["name"]] += int(np.count_nonzero(either))
    return counts


def _within(values: np.ndarray, names: dict[str, int], bound: dict) -> np.ndarray:
    column = values[names[bound["channel"]]]
    if bound["over"] is not None:
        with np.errstate(divide="ignore", invalid="ignore"):
            column = column / values[names[bound["over"]]]
    if bound["low"] is None:
        return column < bound["high"]
    if bound["high"] is None:
        return column >= bound["low"]
    return (column >= bound["low"]) & (column < bound["high"])
