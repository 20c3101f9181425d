"""Read FCS 2.0, 3.0, 3.1 and plain 3.2 files: right, or refused with a named reason."""

import mmap
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import numpy as np

from aftercar.contracts.events import Channel, Check, FlowEvents
from aftercar.io.fcs_data import (
    COUNTER,
    TAG_SHARE,
    TIME,
    Layout,
    all_finite,
    decode,
    layout_of,
    monotone_shares,
    other_byte_order_fits,
    plausibility,
    reader_checks,
    right_start,
    scaled,
)
from aftercar.io.fcs_text import Segments, UnreadableFile, read_segments

__all__ = ["FcsHeader", "UnreadableFile", "read_data_sets", "read_fcs", "read_fcs_header"]

SPILL_KEYS = ("$SPILLOVER", "SPILLOVER", "SPILL", "$COMP", "COMP")
MAX_DATA_SETS = 8
ANNOUNCED = (
    "announced_data_set",
    "$NEXTDATA announces another data set, but none is there; if the file was cut short, copy it "
    "again",
)
MAX_DETECTORS = 100  # of $DFCiTOj
LONGEST_TICK_SECONDS = 3600.0
SAME_EVENTS_CORRELATION = 0.99  # two resolutions of one tube: above 0.9999 (measured)


@dataclass(frozen=True)
class FcsHeader:
    """What a file declares: name and label of each channel, and the number of events."""

    channels: list[tuple[str, str]]
    events: int


def read_fcs_header(path: str | Path) -> FcsHeader:
    """Return what the file declares, after checking that it is long enough; reads no events.

    Raises UnreadableFile with the reason. Of several data sets (LMD) the one that is analysed
    is described.
    """
    with _mapped(path) as (content, size):
        sets = list(_data_sets(content, size))
        segments, layout = sets[_chosen([layout for _, layout in sets])]
        right_start(segments, layout, size)
        labels = _merged_labels([layout for _, layout in sets], layout)
    return FcsHeader(list(zip(layout.names, labels, strict=True)), layout.events)


def read_fcs(path: str | Path) -> FlowEvents:
    """Return the events of the file on linear scale, or raise UnreadableFile with the reason.

    A list-mode (LMD) file holds the same events twice: the set of higher resolution is taken,
    labels that it lacks come from the other by detector, and so does the compensation.
    """
    sets = read_data_sets(path)
    if len(sets) == 1:
        return sets[0]
    if len({len(one) for one in sets}) > 1:
        raise UnreadableFile(
            f"the file holds {len(sets)} data sets with different numbers of events "
            f"({', '.join(str(len(one)) for one in sets)}); export one file per specimen"
        )
    if not all(_same_events(sets[0], one) for one in sets[1:]):
        raise UnreadableFile(
            f"the file holds {len(sets)} data sets of {len(sets[0])} events that are not the same "
            "events; export one file per specimen"
        )
    return _merged(sets)


def read_data_sets(path: str | Path) -> list[FlowEvents]:
    """Return each data set of the file, in order and unmerged."""
    with _mapped(path) as (content, size), open(path, "rb", buffering=0) as file:
        return [
            _events(file, size, segments, layout) for segments, layout in _data_sets(content, size)
        ]


@contextmanager
def _mapped(path: str | Path) -> Iterator[tuple[mmap.mmap, int]]:
    try:
        file = open(path, "rb")
    except OSError as error:
        raise UnreadableFile(
            f"the file cannot be opened ({type(error).__name__}); check that it exists and "
            "that you may read it"
        ) from None
    with file:
        size = Path(path).stat().st_size
        if size == 0:
            raise UnreadableFile("the file is empty (0 bytes); copy it again from the instrument")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            yield content, size


def _data_sets(content: mmap.mmap, size: int) -> Iterator[tuple[Segments, Layout]]:
    base = 0
    for _ in range(MAX_DATA_SETS):
        segments = read_segments(content, base, size)
        last = not _another_set(content, size, segments.next_data)
        if last and segments.next_data:
            segments = replace(segments, remarks=(*segments.remarks, ANNOUNCED))
        yield segments, layout_of(segments)
        if last:
            return
        base = segments.next_data
    raise UnreadableFile(f"the file holds more than {MAX_DATA_SETS} data sets; export them singly")


def _another_set(content: mmap.mmap, size: int, place: int) -> bool:
    return place > 0 and place + 58 < size and content[place : place + 3] == b"FCS"


def _events(file: BinaryIO, size: int, segments: Segments, layout: Layout) -> FlowEvents:
    tried = []
    for start in right_start(segments, layout, size):
        values, share = decode(file, start, layout)
        tried.append((*plausibility(values, layout, share), values, share, start))
    right = [one for one in tried if one[0]]
    if not right:
        raise UnreadableFile(f"{max(tried, key=lambda one: one[1])[2]}; export the file again")
    best = max(right, key=lambda one: one[1])
    if sum(one[1] == best[1] for one in right) > 1:
        raise UnreadableFile(
            f"HEADER and TEXT disagree about where DATA starts (bytes {segments.starts[0]} and "
            f"{segments.starts[1]}) and nothing in the file tells which is right; export it again"
        )
    values, share = best[3], best[4]
    if share >= TAG_SHARE and other_byte_order_fits(file, best[5], layout):
        raise UnreadableFile(
            "integers lie in their range ($PnR) only in the byte order opposite to $BYTEORD; "
            "export the file again"
        )
    checks = reader_checks(values, layout, share)
    checks += [Check(name, None, "", "FLAG", said) for name, said in segments.remarks]
    if len(tried) > 1:
        checks.append(
            Check(
                "data_offset", None, "", "FLAG",
                "HEADER and TEXT disagree about where DATA starts; time, counters and ranges told "
                "which is right",
            )
        )  # fmt: skip
    checks.append(_time_check(values, layout))
    values = scaled(values, layout, segments.keywords)
    if not all_finite(values):
        raise UnreadableFile(
            "log amplification ($PnE) gives values that are not finite; export the file again"
        )
    return FlowEvents(
        tuple(
            Channel(
                name,
                label,
                layout.ranges[n],
                _setting(segments.keywords, f"$P{n + 1}V"),
                _setting(segments.keywords, f"$P{n + 1}G"),
            )
            for n, (name, label) in enumerate(zip(layout.names, layout.labels, strict=True))
        ),
        values,
        _spill(segments.keywords, layout),
        re.sub(r"[^A-Za-z0-9 ._/()-]", "", segments.keywords.get("$CYT", ""))[:40],
        _time_step(segments.keywords),
        tuple(checks),
    )


def _time_check(values: np.ndarray, layout: Layout) -> Check:
    """Say whether time could be checked: never 'passed' where it could not."""
    time = [n for n, name in enumerate(layout.names) if TIME.fullmatch(name.strip())]
    shares = monotone_shares(values, layout.names)
    if not time and shares:
        return Check(
            "event_order", min(shares.values()), "fraction", "PASS",
            "no time channel; the event counter does not fall",
        )  # fmt: skip
    if not time:
        return Check("event_order", None, "", "NOT_POSSIBLE", "the file has no time channel")
    channel = values[:, time[0]]
    if layout.names[time[0]] not in shares:
        return Check("event_order", None, "", "NOT_POSSIBLE", "the time channel is constant")
    stuck = float((channel == channel.max()).mean())
    if stuck > 0.05:
        return Check(
            "event_order", stuck, "fraction", "NOT_POSSIBLE",
            f"time stands at its ceiling in {stuck:.1%} of events: only the rest was checked",
        )  # fmt: skip
    share = shares[layout.names[time[0]]]
    if share < 1:
        falls = int((np.diff(channel) < 0).sum())
        return Check(
            "event_order", share, "fraction", "FLAG",
            f"time falls in {falls} steps: the clock restarted, or two acquisitions were joined; "
            "clogs and bursts cannot be looked for",
        )  # fmt: skip
    return Check("event_order", share, "fraction", "PASS", "time does not fall")


def _setting(keywords: dict[str, str], key: str) -> float | None:
    text = keywords.get(key, "")
    return float(text) if re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,9})?", text) else None


def _time_step(keywords: dict[str, str]) -> float | None:
    text = keywords.get("$TIMESTEP", "")
    step = float(text) if re.fullmatch(r"[0-9]*\.?[0-9]+([eE][-+]?[0-9]+)?", text) else 0.0
    return step if 0 < step <= LONGEST_TICK_SECONDS else None


def _spill(keywords: dict[str, str], layout: Layout) -> str:
    """Return the compensation as text `n,names...,values...`; percentages become fractions."""
    for key in SPILL_KEYS:
        if keywords.get(key):
            return keywords[key]
    percent = {
        (int(match[1]), int(match[2])): value
        for key, value in keywords.items()
        if (match := re.fullmatch(r"\$DFC([0-9]{1,9})TO([0-9]{1,9})", key))
    }
    if not percent:
        return ""
    if max(n for pair in percent for n in pair) > MAX_DETECTORS:
        return "unusable"
    # $DFCiTOj counts fluorescence detectors (FL1, FL2, ...), not channels
    used = sorted({n for pair in percent for n in pair})
    names = [next((d for d in layout.names if _detector(d) == f"FL{n}"), f"FL{n}") for n in used]
    rows = []
    for i in used:
        for j in used:
            text = percent.get((i, j), "0")
            number = float(text) if re.fullmatch(r"-?[0-9]*\.?[0-9]+", text) else float("nan")
            rows.append("1" if i == j else repr(number / 100))
    return ",".join([str(len(used)), *names, *rows])


def _detector(name: str) -> str:
    return re.sub(r"\s+(log|lin|peak|area)$", "", name.strip(), flags=re.IGNORECASE)


def _chosen(layouts: list[Layout]) -> int:
    """Return the data set with the largest range of values, the later one of equals."""
    return max(range(len(layouts)), key=lambda n: (max(layouts[n].ranges), n))


def _same_events(first: FlowEvents, second: FlowEvents) -> bool:
    """Whether two data sets hold one tube: a detector of both has the same signal in both."""
    places = {_detector(channel.name): n for n, channel in enumerate(second.channels)}
    for n, channel in enumerate(first.channels):
        if _detector(channel.name) not in places or is_time(channel.name):
            continue
        pair = first.values[:, n], second.values[:, places[_detector(channel.name)]]
        a, b = (column.astype(np.float64) - column.mean(dtype=np.float64) for column in pair)
        size = float(np.sqrt((a @ a) * (b @ b)))
        if size > 0 and float(a @ b) / size >= SAME_EVENTS_CORRELATION:
            return True
    return False


def _merged_labels(layouts: list[Layout], chosen: Layout) -> list[str]:
    known = {
        _detector(name): label
        for layout in layouts
        for name, label in zip(layout.names, layout.labels, strict=True)
        if label and label != name
    }
    return [
        label or known.get(_detector(name), "")
        for name, label in zip(chosen.names, chosen.labels, strict=True)
    ]


def _merged(sets: list[FlowEvents]) -> FlowEvents:
    # the later one of equal ranges, as for the header alone
    chosen = max(reversed(sets), key=lambda one: max(c.full_scale for c in one.channels))
    labels = {
        _detector(channel.name): channel.label
        for one in sets
        for channel in one.channels
        if channel.label and channel.label != channel.name
    }
    channels = tuple(
        replace(channel, label=channel.label or labels.get(_detector(channel.name), ""))
        for channel in chosen.channels
    )
    spill = chosen.spill or next((one.spill for one in sets if one.spill), "")
    names = {_detector(channel.name): channel.name for channel in channels}
    parts = spill.split(",")
    if spill and chosen.spill == "":
        size = int(parts[0])
        parts[1 : size + 1] = [names.get(_detector(name), name) for name in parts[1 : size + 1]]
    told = Check(
        "data_sets", float(len(sets)), "data sets", "FLAG",
        "the file holds the same events more than once; the set of highest resolution is used, "
        "labels and compensation come from the other",
    )  # fmt: skip
    return replace(chosen, channels=channels, spill=",".join(parts), checks=(*chosen.checks, told))


def is_time(name: str) -> bool:
    """Whether a channel's name says that it is time or an event counter."""
    return bool(TIME.fullmatch(name.strip()) or COUNTER.fullmatch(name.strip()))
