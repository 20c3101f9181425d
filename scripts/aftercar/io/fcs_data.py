"""DATA segment of an FCS file: layout of a record, bit masks, scaling, and whether it is right."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import BinaryIO

import numpy as np

from aftercar.contracts.events import Check
from aftercar.contracts.shown_names import shown_channel
from aftercar.io.fcs_text import Segments, UnreadableFile

TIME = re.compile(r"time|hdr-t", re.IGNORECASE)
COUNTER = re.compile(r"hdr-ce|hdr-se|hdr-v|event ?(count|number|#|no\.?)|event", re.IGNORECASE)
MONOTONE_SHARE = 0.99  # of steps; time or a counter that falls more often is not time
TAG_SHARE = 0.5  # of integers above $PnR: then the high bits are tags and not signal
BLOCK_BYTES = 1 << 18  # read at a time: small enough for the cache, large enough for the disk
OFF_SCALE_SHARE = 0.05  # above this and below TAG_SHARE nobody can tell what the values are
MAX_DECADES = 10  # amplifiers have 3 to 7
# Floats beyond this many times their range, or below this and not 0, are no signal: a wrong
# offset or byte order makes them. The widest real ones found: 24 times (flowAI's Bcells1).
FAR_BEYOND, LEAST_RANGE, TOO_SMALL = 100.0, 2.0**18, 1e-20
LARGEST_RANGE = 2.0**64
LARGEST_GAIN = 1e6
LARGEST_FLOAT = float(np.finfo(np.float32).max)  # what is beyond it is no measurement
SAMPLED_EVENTS = 5000


@dataclass(frozen=True)
class Layout:
    """How a record of one event is stored."""

    names: tuple[str, ...]
    labels: tuple[str, ...]
    events: int
    kind: str  # $DATATYPE: I, F or D
    order: str  # numpy's < or >
    widths: tuple[int, ...]  # bytes per value
    ranges: tuple[float, ...]  # $PnR, 0 if not stated

    @property
    def record_bytes(self) -> int:
        """Return the bytes of one event."""
        return sum(self.widths)


def layout_of(segments: Segments) -> Layout:
    """Return the layout that TEXT declares, or raise UnreadableFile with the reason."""
    text = segments.keywords
    if text.get("$MODE", "L").upper() != "L":
        raise UnreadableFile("$MODE is not L (list mode): the file holds histograms, not events")
    kind = text.get("$DATATYPE", "").upper()
    if kind not in ("I", "F", "D"):
        raise UnreadableFile("$DATATYPE is not I, F or D; export the file again as list mode data")
    channels = segments.number("$PAR")
    if not 1 <= channels <= 1000:
        raise UnreadableFile(f"$PAR is {channels}; expected 1 to 1000 channels")
    types = [text.get(f"$P{n}DATATYPE", kind).upper() for n in range(1, channels + 1)]
    if mixed := [n for n, other in enumerate(types, 1) if other != kind]:
        raise UnreadableFile(
            f"FCS 3.2 with mixed data types ($P{mixed[0]}DATATYPE) is not supported; "
            "export the file as FCS 3.1"
        )
    order = text.get("$BYTEORD", "").replace(" ", "")
    if order in ("1,2,3,4", "1,2", "1,2,3,4,5,6,7,8", "1"):
        sign = "<"
    elif order in ("4,3,2,1", "2,1", "8,7,6,5,4,3,2,1"):
        sign = ">"
    else:
        raise UnreadableFile("$BYTEORD is neither little nor big endian; export the file again")
    names = tuple(text.get(f"$P{n}N", "") for n in range(1, channels + 1))
    if "" in names:
        raise UnreadableFile(f"$P{names.index('') + 1}N is missing: a channel has no name")
    declared = max(
        end - start + 1 for start, end in zip(segments.starts, segments.ends, strict=True)
    )
    events = segments.number("$TOT", default=-1 if segments.version == "FCS2.0" else None)
    widths = _widths(segments, kind, channels, events, declared)
    if events < 0:  # FCS 2.0 may leave $TOT out
        events, rest = divmod(declared, sum(widths))
        if rest > 1:  # the end may be one byte off
            raise UnreadableFile(
                f"$TOT is missing, and the {declared} bytes of DATA are no whole number of events "
                f"of {sum(widths)} bytes; export the file again"
            )
    if events == 0:
        raise UnreadableFile("the file declares 0 events ($TOT); acquire or export it again")
    for n in range(1, channels + 1):
        gain = _number(text.get(f"$P{n}G", "")) or 1.0
        if not 1 / LARGEST_GAIN <= gain <= LARGEST_GAIN:
            raise UnreadableFile(
                f"$P{n}G is a gain beyond any amplifier (more than {LARGEST_GAIN:.0f} times up or "
                "down); export the file again"
            )
        if kind == "I":
            _check_amplification(n, text.get(f"$P{n}E", ""), text.get(f"$P{n}R", ""))
    return Layout(
        names,
        tuple(text.get(f"$P{n}S", "") for n in range(1, channels + 1)),
        events,
        kind,
        sign,
        widths,
        tuple(_number(text.get(f"$P{n}R", "")) for n in range(1, channels + 1)),
    )


def _widths(
    segments: Segments, kind: str, channels: int, events: int, declared: int
) -> tuple[int, ...]:
    if kind in ("F", "D"):
        return (4 if kind == "F" else 8,) * channels
    bits = [segments.number(f"$P{n}B") for n in range(1, channels + 1)]
    if wrong := [n for n, wide in enumerate(bits, 1) if not 1 <= wide <= 64]:
        raise UnreadableFile(f"$P{wrong[0]}B is {bits[wrong[0] - 1]}; expected 1 to 64 bits")
    # Values of 10 or 12 bits are stored in 2 bytes; packed bits are told by the length.
    widths = [next(width for width in (1, 2, 3, 4, 8) if 8 * width >= wide) for wide in bits]
    if not any(wide % 8 for wide in bits):
        return tuple(widths)
    if events < 0:
        raise UnreadableFile(
            "$TOT is missing and $PnB is no whole number of bytes: nobody can tell whether bits "
            "are packed; export as FCS 3.1"
        )
    if declared + 1 < events * sum(widths):
        raise UnreadableFile("integers are packed in bits, not bytes ($PnB); export as FCS 3.1")
    # 20 bits take 3 bytes, or the 4 of a machine's word: the length tells
    words = [
        4 if width == 3 and bit % 8 else width for width, bit in zip(widths, bits, strict=True)
    ]
    return tuple(words if abs(declared - events * sum(words)) <= 1 else widths)


def _check_amplification(n: int, text: str, limit: str) -> None:
    """Refuse integers of which nobody can tell whether they are logarithms."""
    if not text:
        return
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != 2 or not all(
        re.fullmatch(r"\+?[0-9]{1,4}(\.[0-9]*)?", part) for part in parts
    ):
        raise UnreadableFile(
            f"$P{n}E is not of the form decades,offset: linear and log-amplified integers cannot "
            "be told apart; export the file again"
        )
    if float(parts[0]) > MAX_DECADES:
        raise UnreadableFile(f"$P{n}E gives more than {MAX_DECADES} decades; export the file again")
    if float(parts[0]) > 0 and not _number(limit):
        raise UnreadableFile(
            f"$P{n}R is missing: without a range log-amplified integers ($P{n}E) have no scale; "
            "export the file again"
        )


def right_start(segments: Segments, layout: Layout, size: int) -> list[int]:
    """Return the candidates for the first byte of DATA that the file is long enough for.

    Raises UnreadableFile naming declared and found bytes when there is none, or when all of them
    hold more events than $TOT says.
    """
    need = layout.events * layout.record_bytes
    inside: list[int] = []
    surplus: list[int] = []
    short = ""
    for start, end in zip(segments.starts, segments.ends, strict=True):
        if end - start + 2 < need:  # the end may be one byte off
            short = (
                f"DATA is declared with {end - start + 1} bytes, but {layout.events} events of "
                f"{layout.record_bytes} bytes need {need}"
            )
        elif start + need > size or end > size:
            short = (
                f"the file is truncated: DATA is declared to end at byte {end}, "
                f"the file has {size} bytes; {layout.events} events were declared"
            )
        else:
            surplus.append(end - start + 1 - need)
            inside += [] if start in inside else [start]
    if surplus and min(surplus) >= max(2, layout.record_bytes):
        raise UnreadableFile(
            f"DATA is declared with {need + min(surplus)} bytes, but $TOT says {layout.events} "
            f"events of {layout.record_bytes} bytes, which are {need}: events would be lost. "
            "Export the file again"
        )
    if not inside:
        raise UnreadableFile(f"{short}; copy the file again from the instrument")
    return inside


def decode(file: BinaryIO, start: int, layout: Layout) -> tuple[np.ndarray, float]:
    """Return stored values (events x channels, column-major) and the share of events above $PnR.

    The file is read in blocks that fit the cache, so that nothing but the result takes memory.
    Values are 32-bit floats where those hold every bit, else 64-bit ones. Tag bits above $PnR are
    masked when most events have some; few values above $PnR are real signal off scale and stay.
    """
    if layout.kind == "I":
        return _integers(file, start, layout)
    stored = f"{layout.order}{'f4' if layout.kind == 'F' else 'f8'}"
    columns = np.empty((len(layout.names), layout.events), dtype=stored[1:])
    record = np.dtype((stored, len(layout.names)))
    for first, block in _blocks(file, start, layout.events, record):
        columns[:, first : first + len(block)] = block.T
    return columns.T, 0.0


def _blocks(
    file: BinaryIO, start: int, events: int, record: np.dtype
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the number of the first event and the records of each block of the DATA segment."""
    step = max(1, BLOCK_BYTES // record.itemsize)
    buffer = bytearray(min(step, events) * record.itemsize)
    file.seek(start)
    for first in range(0, events, step):
        wanted = min(step, events - first) * record.itemsize
        if file.readinto(memoryview(buffer)[:wanted]) != wanted:  # type: ignore[attr-defined]
            raise UnreadableFile("the file became shorter while it was read; copy it again")
        block = np.frombuffer(buffer, record.base, wanted // record.base.itemsize)
        yield first, block.reshape(-1, *record.shape)


def _integers(file: BinaryIO, start: int, layout: Layout) -> tuple[np.ndarray, float]:
    wide = np.uint32 if max(layout.widths) <= 4 else np.uint64
    columns = np.empty((len(layout.names), layout.events), dtype=wide)
    for first, block in _blocks(
        file, start, layout.events, np.dtype((np.uint8, layout.record_bytes))
    ):
        byte = 0
        for column, width in zip(columns, layout.widths, strict=True):
            part = block[:, byte : byte + width]
            if width == 3:
                filled = np.zeros((len(block), 4), dtype=np.uint8)
                filled[:, (slice(1, 4) if layout.order == ">" else slice(0, 3))] = part
                part = filled
            whole = np.ascontiguousarray(part).view(f"{layout.order}u{max(width, part.shape[1])}")
            column[first : first + len(block)] = whole[:, 0]
            byte += width
    covers = [_cover(limit, 8 * w) for limit, w in zip(layout.ranges, layout.widths, strict=True)]
    outside = np.zeros(layout.events, dtype=bool)
    for column, cover in zip(columns, covers, strict=True):
        if cover <= np.iinfo(wide).max:
            outside |= column >= wide(cover)
    share = float(outside.mean())
    if share >= TAG_SHARE:
        for column, cover in zip(columns, covers, strict=True):
            column &= wide(min(cover - 1, np.iinfo(wide).max))
    exact = columns.max() < 1 << 24  # a 32-bit float holds these whole
    return columns.astype(np.float32 if exact else np.float64).T, share


def _cover(limit: float, bits: int) -> int:
    """Return the power of two that covers a range; without a range, all bits of the value."""
    largest = 1 << min(bits, 63)
    if not 1 < limit < largest:
        return largest
    return 1 << int(np.ceil(np.log2(limit)))


def monotone_shares(values: np.ndarray, names: tuple[str, ...]) -> dict[str, float]:
    """Share of steps in which time and each event counter do not fall, by channel name.

    A channel that is constant or stuck at its ceiling cannot be checked and is left out.
    """
    shares = {}
    for n, name in enumerate(names):
        if TIME.fullmatch(name.strip()) or COUNTER.fullmatch(name.strip()):
            steps = np.diff(values[:, n].astype(np.float64))
            if (steps != 0).any():
                shares[name] = float((steps >= 0).mean())
    return shares


def all_finite(values: np.ndarray) -> bool:
    """Return whether every value is finite as a 32-bit float too, channel by channel."""
    if values.dtype == np.float64:
        return all(bool((np.abs(column) < LARGEST_FLOAT).all()) for column in values.T)
    return all(bool(np.isfinite(column).all()) for column in values.T)


def plausibility(
    values: np.ndarray, layout: Layout, share_above_range: float
) -> tuple[bool, float, str]:
    """Return whether decoded values can be right, a score to compare candidates, and why not."""
    if not all_finite(values):
        bad = int((~(np.abs(values) < LARGEST_FLOAT).all(axis=1)).sum())
        return False, -1.0, f"{bad} of {len(values)} events hold values that are not finite"
    shares = monotone_shares(values, layout.names)
    falling = {name: share for name, share in shares.items() if share < MONOTONE_SHARE}
    if falling and len(values) > 100:
        name, share = min(falling.items(), key=lambda item: item[1])
        return (
            False,
            share - 1,
            f"{_shown(layout, name)} rises in only {share:.0%} of steps: the events are out of "
            "order or the values are not where the file says",
        )
    if layout.kind == "I" and OFF_SCALE_SHARE < share_above_range < TAG_SHARE:
        return (
            False,
            -share_above_range,
            f"{share_above_range:.0%} of events exceed the declared range ($PnR): "
            "neither off-scale signal nor tag bits",
        )
    if layout.kind != "I" and (odd := _share_without_signal(values, layout)) > OFF_SCALE_SHARE:
        return (
            False,
            -odd,
            f"{odd:.0%} of events hold values more than {FAR_BEYOND:.0f} times beyond their range "
            "($PnR), or next to nothing: wrong byte order, or not where the file says",
        )
    tags = share_above_range if share_above_range < TAG_SHARE else 0.5
    return True, len(shares) - tags, ""


def _shown(layout: Layout, name: str) -> str:
    return shown_channel(name, layout.names.index(name))


def _far_beyond(values: np.ndarray, layout: Layout, n: int) -> np.ndarray:
    """Return which values of a float channel are too large for signal; time may be large."""
    name = layout.names[n].strip()
    if TIME.fullmatch(name) or COUNTER.fullmatch(name):
        return np.zeros(len(values), dtype=bool)
    return np.abs(values[:, n]) > FAR_BEYOND * max(layout.ranges[n], LEAST_RANGE)


def _share_without_signal(values: np.ndarray, layout: Layout) -> float:
    """Return the share of events, among some thousand, with a float that cannot be signal."""
    some = values[:: max(1, len(values) // SAMPLED_EVENTS)]
    odd = ((some != 0) & (np.abs(some) < TOO_SMALL)).any(axis=1)
    for n in range(len(layout.names)):
        odd |= _far_beyond(some, layout, n)
    return float(odd.mean())


def other_byte_order_fits(file: BinaryIO, start: int, layout: Layout) -> bool:
    """Whether integers that look tagged all lie in their range when read the other way round."""
    turned = replace(layout, order=">" if layout.order == "<" else "<")
    return decode(file, start, turned)[1] == 0


def scaled(values: np.ndarray, layout: Layout, keywords: dict[str, str]) -> np.ndarray:
    """Return linear values: log-amplified integers become linear, gains are divided out.

    $PnE applies to integers only (floats with $PnE 4,0 are linear already); 4,0 means 4,1
    (FCS 3.1, 10.1002/cyto.a.20825). Time keeps its stored unit.
    """
    for n, name in enumerate(layout.names):
        decades, offset = _amplification(keywords.get(f"$P{n + 1}E", ""))
        gain = _number(keywords.get(f"$P{n + 1}G", ""))
        if layout.kind == "I" and decades > 0:
            limit = layout.ranges[n] or 2.0 ** (8 * layout.widths[n])
            stored = values[:, n].astype(np.float64)
            with np.errstate(over="ignore"):  # the caller refuses what is not finite
                values[:, n] = 10.0 ** (decades * stored / limit) * (offset or 1.0)
        elif gain > 0 and gain != 1 and not TIME.fullmatch(name.strip()):
            values[:, n] /= gain
    return values


def _amplification(text: str) -> tuple[float, float]:
    parts = text.split(",")
    return (_number(parts[0]), _number(parts[1])) if len(parts) == 2 else (0.0, 0.0)


def _number(text: str) -> float:
    """Return a positive number that an instrument can mean, or 0 where the text is none."""
    match = re.fullmatch(r"\s*\+?([0-9]+\.?[0-9]*([eE][-+]?[0-9]+)?|\.[0-9]+)\s*", text)
    number = float(match.group(1)) if match else 0.0
    return number if number <= LARGEST_RANGE else 0.0


def reader_checks(values: np.ndarray, layout: Layout, share_above: float) -> list[Check]:
    """Return what a reader of results must know about the decoded values."""
    checks = []
    if layout.kind == "I" and 0 < share_above < TAG_SHARE:
        above = sum(
            int((values[:, n] >= _cover(layout.ranges[n], 8 * layout.widths[n])).sum())
            for n in range(len(layout.names))
        )
        checks.append(
            Check(
                "off_scale", float(above), "values", "FLAG",
                f"{above} values lie above the declared range of their channel; kept as they are",
            )
        )  # fmt: skip
    if layout.kind == "I" and share_above >= TAG_SHARE:
        checks.append(
            Check(
                "tag_bits", share_above, "fraction", "FLAG",
                "bits above the declared range were tags in most events and were masked",
            )
        )  # fmt: skip
    far = 0
    if layout.kind != "I":
        far = sum(int(_far_beyond(values, layout, n).sum()) for n in range(len(layout.names)))
    if far:
        checks.append(
            Check(
                "off_scale", float(far), "values", "FLAG",
                f"{far} values lie more than {FAR_BEYOND:.0f} times beyond the range of their "
                "channel; kept as they are",
            )
        )  # fmt: skip
    if unstated := [n for n, limit in enumerate(layout.ranges, 1) if not limit]:
        checks.append(
            Check(
                "ranges", float(len(unstated)), "channels", "FLAG",
                f"no usable range ($PnR) for {len(unstated)} of {len(layout.ranges)} channels: "
                "margins and off-scale values of these were not checked",
            )
        )  # fmt: skip
    constant = [
        shown_channel(name, n)
        for n, name in enumerate(layout.names)
        if len(values) > 1 and values[:, n].min() == values[:, n].max()
    ]
    if constant:
        checks.append(
            Check(
                "constant_channels", float(len(constant)), "channels", "FLAG",
                f"the same value in all events of {', '.join(constant)}: nothing was measured",
            )
        )  # fmt: skip
    again = sorted({name for name in layout.names if layout.names.count(name) > 1})
    if again:
        checks.append(
            Check(
                "duplicate_channels", float(len(again)), "names", "FLAG",
                f"several channels are named {', '.join(_shown(layout, name) for name in again)}: "
                "told apart by their labels",
            )
        )  # fmt: skip
    return checks
