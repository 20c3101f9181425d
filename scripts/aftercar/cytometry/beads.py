"""Counting beads: a tight cluster that is bright in every detector and apart from cells.

The rule has three answers. FOUND, with the events of the beads; NONE, nothing is bright everywhere;
UNCLEAR, something is, but not as one tight cluster. Cells differ from each other by their size and
by what they carry, beads do not: neither a bright cell nor a cloud of them is taken for beads.
"""

from dataclasses import dataclass, replace

import numpy as np

from aftercar.contracts.events import Check
from aftercar.cytometry.panel import map_panel

FOUND, NONE, UNCLEAR = "FOUND", "NONE", "UNCLEAR"
MAD_TO_SD = 1.4826
# Single and double beads are told apart halfway, by their mean log brightness.
DOUBLE = np.log(2.0)


@dataclass(frozen=True, eq=False)
class Beads:
    """What a search for beads found, and in which words.

    `mask` are all events that hold a bead (None unless FOUND) and `doubles` those that hold two;
    an event with a bead and a cell counts as one bead and as no cell. `limits` maps channels to
    the raw value at or above which an event must lie in every one of them to be left out.
    """

    answer: str
    message: str
    mask: np.ndarray | None = None
    doubles: np.ndarray | None = None
    limits: tuple[tuple[int, float], ...] = ()

    @property
    def counted(self) -> int | None:
        """Return the number of beads, double ones counted twice; None unless FOUND."""
        if self.mask is None or self.doubles is None:
            return None
        return int(self.mask.sum()) + int(self.doubles.sum())

    def within(self, kept: np.ndarray) -> "Beads":
        """Return the beads among the `kept` events alone: those acquired while cells counted."""
        if self.mask is None or self.doubles is None:
            return self
        return replace(self, mask=self.mask & kept, doubles=self.doubles & kept)


@dataclass(frozen=True, eq=False)
class _Cluster:
    """Centre and robust spread (log units, per detector) and how many events are near."""

    centre: np.ndarray
    spread: np.ndarray
    events: int


def bead_rules(template: dict) -> dict | None:
    """Return the numbers of the search: those of placement.yaml, replaced by the template's own.

    None when the placement settings have none.
    """
    shared = template["placement"].get("beads")
    return None if shared is None else shared | template.get("beads", {})


def detector_problems(channels: list[tuple[str, str]], template: dict) -> list[str]:
    """Say which detectors that a template names for its beads a file lacks.

    `channels` are the (name, label) pairs of the file, `template` is as `map_panel` takes it.
    """
    known = {name for name, _ in channels} | set(map_panel(channels, template).channel)
    named = (bead_rules(template) or {}).get("detectors", ())
    return [f"{name}, a detector for beads, is in none of the channels" for name in named
            if name not in known]  # fmt: skip


def search_beads(
    raw: np.ndarray,
    names: list[str],
    markers: dict[str, int],
    stained: list[int],
    full_scale: list[float],
    template: dict,
    *,
    transformed: bool,
) -> Beads:
    """Search the events of a file for beads with the detectors and numbers of its template.

    `names` are the channels' $PnN, `markers` the channels by marker and scatter parameter;
    `stained` are those of the template's markers, all of which beads light up unless the template
    names others, by marker or by $PnN.
    """
    rules = bead_rules(template)
    if rules is None:
        return Beads(UNCLEAR, "placement.yaml beside the template has no section beads")
    if transformed:
        return Beads(UNCLEAR, "beads cannot be looked for in values on a display scale")
    named = rules.get("detectors")
    known = {name: n for n, name in enumerate(names)} | markers
    absent = [name for name in named or () if name not in known]
    if absent:
        return Beads(UNCLEAR, f"{', '.join(absent)}, a detector for beads, is not in the file")
    detectors = stained if named is None else [known[name] for name in named]
    scatter = [markers[name] for name in ("FSC-A", "SSC-A") if name in markers]
    return find_beads(raw, detectors, scatter, full_scale, rules)


def beads_nobody_named(found: Beads) -> Check:
    """Say that a file holds beads though samples.tsv names none."""
    message = (
        f"{found.counted} events look like counting beads, but samples.tsv names none: they may "
        "stand among the cells. Fill in the bead columns if beads were added"
    )
    return Check("beads", float(found.counted or 0), "beads", "FLAG", message)


def bead_check(beads: Beads, template: dict) -> Check:
    """Say how many beads were counted, or why there is no count."""
    rules = bead_rules(template) or {"advised_events": 0}
    if not beads.counted:
        message = f"beads were added but give no count: {beads.message}"
        return Check("beads", None, "beads", "FLAG", message)
    told = f"{beads.counted} beads counted: {beads.message}"
    if beads.counted >= rules["advised_events"]:
        return Check("beads", float(beads.counted), "beads", "PASS", told)
    told += f"; fewer than {rules['advised_events']}: acquire longer for a firm count"
    return Check("beads", float(beads.counted), "beads", "FLAG", told)


def find_beads(
    raw: np.ndarray, detectors: list[int], scatter: list[int], full_scale: list[float], rules: dict
) -> Beads:
    """Search uncompensated events (events x channels) for one cluster of counting beads.

    Raw values, since compensation is made for dyes and moves beads anywhere. `detectors` and
    `scatter` are channels, `full_scale` the range of each channel, `rules` those of `bead_rules`.
    """
    if len(detectors) < rules["least_detectors"]:
        return Beads(
            UNCLEAR, f"{len(detectors)} stained detectors are too few to tell beads from cells"
        )
    if not scatter:
        return Beads(UNCLEAR, "without scatter beads cannot be told from cells")
    ranges = np.array([max(full_scale[n], float(raw[:, n].max()), 1.0) for n in detectors])
    floors = rules["brightness_share"] * ranges
    bright = np.flatnonzero(_at_least(raw, detectors, floors))
    if len(bright) < rules["least_events"]:
        return Beads(
            NONE,
            f"no bead cluster: {len(bright)} events are bright in every detector, fewer than "
            f"{rules['least_events']}",
        )
    logs = np.log(raw[bright[:, None], detectors].astype(np.float64))
    cluster = _densest(logs, rules)
    if cluster is None:
        return Beads(
            UNCLEAR,
            f"{len(bright)} events are bright in every detector, but they are not a single tight "
            "cluster as beads are",
        )
    reach = _reach(cluster, rules)
    rest = logs[~(logs >= cluster.centre - 2 * reach).all(axis=1)]
    if len(rest) >= rules["least_events"] and _densest(rest, rules) is not None:
        return Beads(UNCLEAR, "two tight clusters are bright in every detector: which are beads?")
    # float32 as in the file: the gate file then selects the very same events
    limits = [float(np.float32(value)) for value in np.exp(cluster.centre - reach)]
    mask = _at_least(raw, detectors, np.array(limits))
    doubles, extra, told = _doubles(raw, mask, detectors, ranges, cluster, reach)
    if max(extra, int(doubles.sum())) > rules["brighter_share"] * cluster.events:
        return Beads(
            UNCLEAR,
            f"{extra + int(doubles.sum())} events outshine the cluster of {cluster.events} events "
            "in every detector",
        )
    apart = _apart(raw, mask, scatter, rules)
    if apart:
        return Beads(UNCLEAR, apart)
    singles = int(mask.sum()) - int(doubles.sum()) - extra
    message = f"{singles} single beads, {int(doubles.sum())} events of two beads (counted twice)"
    if extra:
        message += f", {extra} beads with something else (counted once, left out of the cells)"
    message += told
    return Beads(FOUND, message, mask, doubles, tuple(zip(detectors, limits, strict=True)))


def _at_least(raw: np.ndarray, channels: list[int], limits: np.ndarray) -> np.ndarray:
    """Return which events reach the limit in every channel."""
    inside = np.ones(len(raw), dtype=bool)
    for channel, limit in zip(channels, limits.tolist(), strict=True):
        inside &= raw[:, channel] >= limit
    return inside


def _reach(cluster: _Cluster, rules: dict) -> np.ndarray:
    return np.maximum(rules["least_reach"], rules["reach_spreads"] * cluster.spread)


def _densest(logs: np.ndarray, rules: dict) -> _Cluster | None:
    """Return the densest cluster of `logs` (events x detectors), None if it is not tight.

    Tight: at most `spread` wide in each detector, and few events around it.
    """
    brightness = np.sort(logs.mean(axis=1))
    window = rules["spread"]
    ends = np.searchsorted(brightness, brightness + window, side="right")
    start = int((ends - np.arange(len(brightness))).argmax())
    low, high = brightness[start], brightness[ends[start] - 1]
    mean = logs.mean(axis=1)
    near = (mean >= low) & (mean <= high)
    centre = np.median(logs[near], axis=0)
    for _ in range(3):  # the first window cuts across detectors; the box does not
        near = (np.abs(logs - centre) <= 2 * window).all(axis=1)
        if near.sum() < rules["least_events"]:
            return None
        centre = np.median(logs[near], axis=0)
    spread = MAD_TO_SD * np.median(np.abs(logs[near] - centre), axis=0)
    cluster = _Cluster(centre, spread, int(near.sum()))
    if (spread > rules["spread"]).any():
        return None
    away = logs - centre
    reach = _reach(cluster, rules)
    around = (away >= -2 * reach).all(axis=1) & (away < -reach).any(axis=1)
    around &= (away <= 2 * reach).all(axis=1)
    return None if around.sum() > rules["around_share"] * cluster.events else cluster


def _doubles(
    raw: np.ndarray, mask: np.ndarray, detectors: list[int], ranges: np.ndarray,
    cluster: _Cluster, reach: np.ndarray,
) -> tuple[np.ndarray, int, str]:  # fmt: skip
    """Return which bead events hold two, how many hold something else, and what to tell.

    Two beads are twice as bright in every detector that can show it (not at its ceiling).
    """
    doubles = np.zeros(len(raw), dtype=bool)
    index = np.flatnonzero(mask)
    away = np.log(raw[index[:, None], detectors].astype(np.float64)) - cluster.centre
    open_ended = cluster.centre + DOUBLE < np.log(ranges)
    told = ""
    if open_ended.any():
        up = away[:, open_ended]
        # near twice in each detector, nearer to two than to one on the whole
        two = (np.abs(up - DOUBLE) <= np.maximum(DOUBLE / 2, reach[open_ended])).all(axis=1)
        two &= up.mean(axis=1) > DOUBLE / 2
        doubles[index[two]] = True
    else:
        two = np.zeros(len(index), dtype=bool)
        told = "; every detector is at its ceiling: two beads in one event count once"
    extra = ~two & (away > np.maximum(reach, DOUBLE / 2)).any(axis=1)
    return doubles, int(extra.sum()), told


def _apart(raw: np.ndarray, mask: np.ndarray, scatter: list[int], rules: dict) -> str:
    """Return why the cluster is not apart in scatter, or an empty text."""
    inside = np.ones(len(raw), dtype=bool)
    for channel in scatter:
        size = np.log(np.maximum(raw[:, channel], 1.0))
        centre = float(np.median(size[mask]))
        spread = MAD_TO_SD * float(np.median(np.abs(size[mask] - centre)))
        if spread > rules["scatter_spread"]:
            return "the events that are bright in every detector differ in scatter as cells do"
        inside &= np.abs(size - centre) <= max(rules["least_reach"], 2 * spread)
    share = float((inside & mask).sum() / max(1, inside.sum()))
    if share < rules["scatter_share"]:
        return (
            f"the events that are bright in every detector lie among cells in scatter: they are "
            f"{share:.0%} of the events there"
        )
    return ""
