"""What `make bench` writes down: results.json, and the page made of it."""

import json
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks/results.json"
RUNS = r"\b(median of \d+|one run)\b"
KEYS = ("id", "what", "how", "unit", "ours", "peers", "floor", "target", "met", "measured")


def result(
    identifier: str, what: str, how: str, unit: str, ours: float, *,
    peers: dict[str, float] | None = None, floor: float | None = None, target: dict | None = None,
) -> dict:  # fmt: skip
    """Return one entry of results.json, without `measured`; less is better in every unit.

    `how` tells data, cores and, of seconds, the number of runs (see `runs`), else ValueError.
    `target` may have `at_most` (in the unit of the entry), `times_less_than` (peer -> factor) and
    `at_most_times` (peer or "floor" -> factor). Without a target nothing is met or missed.
    """
    if unit == "s" and not re.search(RUNS, how):
        raise ValueError(f"{identifier}: {how!r} does not say how many runs the seconds are of")
    entry = {
        "id": identifier,
        "what": what,
        "how": how,
        "unit": unit,
        "ours": _rounded(ours),
        "peers": {name: _rounded(value) for name, value in (peers or {}).items()},
        "floor": None if floor is None else _rounded(floor),
        "target": target,
    }
    return entry | {"met": None if target is None else all(met for _, _, met in clauses(entry))}


def runs(number: int) -> str:
    """Return the words for what the seconds of several runs are."""
    return f"median of {number}" if number > 1 else "one run"


def _rounded(value: float) -> float:
    return float(f"{value:.3g}")


def clauses(entry: dict) -> list[tuple[str, str, bool]]:
    """Return each part of a target: what is asked, what was found, whether that is enough."""
    target, ours = entry["target"] or {}, entry["ours"]
    told = []
    if "at_most" in target:
        unit = entry["unit"]
        asked = f"at most {target['at_most']:g} {unit}"
        told.append((asked, f"{ours:g} {unit}", ours <= target["at_most"]))
    for peer, factor in target.get("times_less_than", {}).items():
        found = _times(entry["peers"][peer], ours)
        told.append((f"{factor:g} times less than {peer}", f"{found:.1f} times", found >= factor))
    for other, factor in target.get("at_most_times", {}).items():
        found = _times(ours, entry["floor"] if other == "floor" else entry["peers"][other])
        name = "the floor" if other == "floor" else other
        told.append((f"at most {factor:g} times {name}", f"{found:.1f} times", found <= factor))
    return told


def limit(entry: dict) -> float | None:
    """Return the greatest figure of ours that meets the target; None without a target."""
    target, beside = entry["target"], entry["peers"] | {"floor": entry["floor"]}
    if target is None:
        return None
    limits = [target["at_most"]] if "at_most" in target else []
    limits += [beside[peer] / factor for peer, factor in target.get("times_less_than", {}).items()]
    limits += [beside[other] * factor for other, factor in target.get("at_most_times", {}).items()]
    return min(limits)


def _times(value: float, other: float) -> float:
    """Return how many times `other` a value is; no false call on either side is once."""
    if other == 0:
        return 1.0 if value == 0 else float("inf")
    return value / other


def read_results() -> list[dict]:
    """Return the entries of results.json, none if there is none yet."""
    return json.loads(RESULTS.read_text()) if RESULTS.exists() else []


def merge(old: list[dict], new: list[dict], order: list[str]) -> list[dict]:
    """Replace the entries of the measured parts; an identifier begins with its part."""
    measured = {entry["id"].split(".")[0] for entry in new}
    kept = [entry for entry in old if entry["id"].split(".")[0] not in measured]
    kept = [entry for entry in kept if entry["id"].split(".")[0] in order]
    return sorted([*kept, *new], key=lambda entry: order.index(entry["id"].split(".")[0]))


def write_results(entries: list[dict]) -> None:
    """Write results.json."""
    RESULTS.write_text(json.dumps(entries, indent=1, ensure_ascii=False) + "\n")
