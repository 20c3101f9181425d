"""Which channel carries which marker: by name, never by position."""

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations

from aftercar.contracts.shown_names import shown_channel

SEPARATOR = re.compile(r"[ _-]")
SHORT_PAIR = re.compile(r"(CD\d+[a-z]?) ?([/+]) ?(?=\d{2,}(?![A-Za-z0-9]))", re.IGNORECASE)
# a label that names one of these and an antigen is the reagent for the CAR
CAR_MARKERS = ("CAR", "CAR7", "CAR5")


@dataclass(frozen=True)
class PanelMap:
    """Channel index of each marker and scatter parameter of a template that the file has.

    `missing` are markers of the template without a channel; `ambiguous` maps a marker to the
    channels that all claim it; `changed` says where a name is not the usual one; `candidates` are
    the channels without a marker of the template, with the marker that their label names.
    """

    channel: dict[str, int]
    missing: tuple[str, ...]
    ambiguous: dict[str, list[str]]
    changed: tuple[str, ...]
    candidates: tuple[str, ...]

    @property
    def free(self) -> str:
        """Return the candidates for a missing marker as text."""
        return f"channels without a marker of this panel: {', '.join(self.candidates) or 'none'}"


def markers_of(template: dict, *tiers: str) -> list[str]:
    """Return the markers of the template in the given tiers (required, expected, optional)."""
    return [name for tier in tiers for name in template["markers"].get(tier, [])]


def map_panel(channels: list[tuple[str, str]], template: dict) -> PanelMap:
    """Return the channel of each marker of the template; `channels` are (name, label) pairs.

    A label ($PnS) speaks before a name ($PnN). Of several channels with one marker the area (-A)
    is taken; several areas are ambiguous. Two markers on one detector are read as either of them
    if the synonyms have them as pooled and neither has a detector of its own. Matching ignores
    case. Candidates go by $PnN and known markers only: labels are free text and may hold more
    than a marker.
    """
    synonyms = template["synonyms"]
    pooled = [frozenset(pair) for pair in synonyms.get("pooled", ())]
    named = [_named(channel, synonyms["markers"]) for channel in channels]
    found: dict[str, list[int]] = {}
    for index, markers in enumerate(named):
        if len(markers) == 1:
            found.setdefault(*markers, []).append(index)
    for index, markers in enumerate(named):
        if frozenset(markers) in pooled and not found.keys() & set(markers):
            found |= {marker: [index] for marker in markers}
    channel, ambiguous, changed = {}, {}, []
    wanted_markers = markers_of(template, "required", "expected", "optional")
    for wanted in wanted_markers:
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
        name for name in wanted_markers if name not in channel and name not in ambiguous
    )
    used = set(channel.values())
    free = tuple(
        shown_channel(name, index) + (f" ({' + '.join(markers)})" if markers else "")
        for index, ((name, _), markers) in enumerate(zip(channels, named, strict=True))
        if index not in used
    )
    return PanelMap(channel, missing, ambiguous, tuple(changed), free)


def panel_problems(channels: list[tuple[str, str]], template: dict) -> list[str]:
    """Say in words which required markers of the template a file lacks or has twice.

    `template` is the parsed gating template with its synonyms (as `io.templates.read_template`
    returns it). Channels without a marker of the template are listed as candidates.
    """
    panel = map_panel(channels, template)
    required = markers_of(template, "required")
    problems = [
        f"marker {marker} is in none of the {len(channels)} channels; {panel.free}"
        for marker in required
        if marker in panel.missing
    ]
    problems += [
        f"marker {marker} is on several channels: {', '.join(names)}"
        for marker, names in panel.ambiguous.items()
        if marker in required
    ]
    return problems


def _named(channel: tuple[str, str], synonyms: dict[str, list[str]]) -> tuple[str, ...]:
    name, label = channel
    return markers_in(label, synonyms) or markers_in(re.sub(r"^(FJComp|Comp)-", "", name), synonyms)


def markers_in(text: str, synonyms: dict[str, list[str]]) -> tuple[str, ...]:
    """Return the markers that `text` names as whole words, in order of `synonyms`.

    A name within a longer one does not count (CD19 in CD19-CAR); with a CAR, its antigen does not
    count either.
    """
    pattern, marker_of = _names(tuple((m, tuple(names)) for m, names in synonyms.items()))
    text = SHORT_PAIR.sub(r"\1\2CD", text)  # CD16/56 is CD16/CD56
    spans = [(hit.start(1), hit.end(1), hit[1]) for hit in pattern.finditer(text)]
    outer = [
        hit
        for hit in spans
        if not any(
            other[0] <= hit[0] and hit[1] <= other[1] and other[:2] != hit[:2] for other in spans
        )
    ]
    found = {marker_of[_plain(words)] for _, _, words in outer}
    cars = found & set(CAR_MARKERS)
    return tuple(marker for marker in synonyms if marker in (cars or found))


@lru_cache(maxsize=8)
def _names(
    synonyms: tuple[tuple[str, tuple[str, ...]], ...],
) -> tuple[re.Pattern[str], dict[str, str]]:
    """Return a pattern that finds the longest name at each place, and the marker of each name."""
    marker_of = {_plain(name): marker for marker, names in synonyms for name in names}
    names = sorted((name for _, names in synonyms for name in names), key=len, reverse=True)
    parts = "|".join(
        "[ _-]?".join(re.escape(part) for part in SEPARATOR.split(name)) for name in names
    )
    return (
        re.compile(rf"(?<![A-Za-z0-9])(?=({parts})(?![A-Za-z0-9]))", re.IGNORECASE),
        marker_of,
    )


def synonym_clashes(synonyms: dict[str, list[str]]) -> list[str]:
    """Return the names that two markers share, as text."""
    plain = {marker: {_plain(name) for name in names} for marker, names in synonyms.items()}
    return [
        f"{one} and {other} share {name}"
        for one, other in combinations(plain, 2)
        for name in sorted(plain[one] & plain[other])
    ]


def _plain(name: str) -> str:
    return SEPARATOR.sub("", name).casefold()


def _scatter_of(
    wanted: str, channels: list[tuple[str, str]], synonyms: dict[str, list[str]]
) -> int | None:
    for synonym in synonyms[wanted]:
        for index, (name, _) in enumerate(channels):
            if name.strip().casefold() == synonym.casefold():
                return index
    return None
