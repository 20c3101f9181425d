"""Which channel carries which marker: by name, never by position."""

import re
from dataclasses import dataclass

from aftercar.contracts.shown_names import shown_channel


@dataclass(frozen=True)
class PanelMap:
    """Channel index of each marker and scatter parameter of a template that the file has.

    `missing` are markers of the template without a channel; `ambiguous` maps a marker to the
    channels that all claim it; `changed` says where a name is not the usual one.
    """

    channel: dict[str, int]
    missing: tuple[str, ...]
    ambiguous: dict[str, list[str]]
    changed: tuple[str, ...]


def markers_of(template: dict, *tiers: str) -> list[str]:
    """Return the markers of the template in the given tiers (required, expected, optional)."""
    return [name for tier in tiers for name in template["markers"].get(tier, [])]


def map_panel(channels: list[tuple[str, str]], template: dict) -> PanelMap:
    """Return the channel of each marker of the template; `channels` are (name, label) pairs.

    A label ($PnS) speaks before a name ($PnN). Of several channels with one marker the area (-A)
    is taken; several areas are ambiguous. Matching ignores case.
    """
    synonyms = template["synonyms"]
    found: dict[str, list[int]] = {}
    changed = []
    for index, (name, label) in enumerate(channels):
        if marker := _marker_of(label, synonyms["markers"]) or _marker_of(
            re.sub(r"^(FJComp|Comp)-", "", name), synonyms["markers"]
        ):
            found.setdefault(marker, []).append(index)
    channel, ambiguous = {}, {}
    for wanted in markers_of(template, "required", "expected", "optional"):
        if wanted in synonyms["scatter"]:
            place = _scatter_of(wanted, channels, synonyms["scatter"])
            if place is not None:
                channel[wanted] = place
                if channels[place][0] != wanted:
                    changed.append(
                        f"{shown_channel(channels[place][0], place)} is taken for {wanted}"
                    )
            continue
        candidates = found.get(wanted, [])
        areas = [n for n in candidates if re.search(r"-A$", channels[n][0], re.IGNORECASE)]
        chosen = areas or candidates
        if len(chosen) == 1:
            channel[wanted] = chosen[0]
        elif chosen:
            ambiguous[wanted] = [shown_channel(channels[n][0], n) for n in chosen]
    missing = tuple(
        name
        for name in markers_of(template, "required", "expected", "optional")
        if name not in channel and name not in ambiguous
    )
    return PanelMap(channel, missing, ambiguous, tuple(changed))


def panel_problems(channels: list[tuple[str, str]], template: dict) -> list[str]:
    """Say in words which required markers of the template a file lacks or has twice.

    `template` is the parsed gating template with its synonyms (as `io.templates.read_template`
    returns it). Channels without a known marker are listed as candidates, by $PnN only: labels are
    free text and may hold more than a marker.
    """
    panel = map_panel(channels, template)
    required = markers_of(template, "required")
    used = set(panel.channel.values())
    known = template["synonyms"]["markers"]
    free = [
        shown_channel(name, index)
        + (f" ({marker})" if (marker := _marker_of(label, known)) else "")
        for index, (name, label) in enumerate(channels)
        if index not in used
    ]
    problems = [
        f"marker {marker} is in none of the {len(channels)} channels; channels without a marker of "
        f"this panel: {', '.join(free) or 'none'}"
        for marker in required
        if marker in panel.missing
    ]
    problems += [
        f"marker {marker} is on several channels: {', '.join(names)}"
        for marker, names in panel.ambiguous.items()
        if marker in required
    ]
    return problems


def _marker_of(text: str, synonyms: dict[str, list[str]]) -> str:
    """Return the marker whose longest name stands in `text` as a whole word, or empty."""
    best, length = "", 0
    for marker, names in synonyms.items():
        for name in names:
            if len(name) > length and re.search(
                rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])", text, re.IGNORECASE
            ):
                best, length = marker, len(name)
    return best


def _scatter_of(
    wanted: str, channels: list[tuple[str, str]], synonyms: dict[str, list[str]]
) -> int | None:
    for synonym in synonyms[wanted]:
        for index, (name, _) in enumerate(channels):
            if name.strip().casefold() == synonym.casefold():
                return index
    return None
