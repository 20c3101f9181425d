"""How a tube was set up at the instrument, and what changed since the patient's earlier ones."""

from dataclasses import dataclass, field, replace

from aftercar.contracts.events import Channel, Check, FlowEvents
from aftercar.cytometry.panel import map_panel


@dataclass(frozen=True)
class Setup:
    """Detector of each marker of a panel, detectors of the matrix, and the instrument.

    `channels` holds the last known detector of markers that the latest specimen lacks too;
    `stained` names those that it has.
    """

    channels: dict[str, Channel]
    stained: frozenset[str]
    matrix: frozenset[str] = field(default=frozenset())
    instrument: str = ""


def setup_of(events: FlowEvents, template: dict) -> Setup:
    """Return the setup of a specimen for the markers of a template."""
    channel = map_panel(events.names, template).channel
    channels = {name: events.channels[n] for name, n in channel.items() if name != "Time"}
    size, _, rest = events.spill.partition(",")
    names = rest.split(",")[: int(size)] if size.strip().isdigit() else []
    matrix = frozenset(name.strip() for name in names)
    return Setup(channels, frozenset(channels), matrix, events.instrument)


def setup_after(earlier: Setup | None, now: Setup) -> Setup:
    """Return what the next specimen is compared with: the latest of everything known."""
    if earlier is None:
        return now
    return replace(
        now,
        channels=earlier.channels | now.channels,
        matrix=now.matrix or earlier.matrix,
        instrument=now.instrument or earlier.instrument,
    )


def setup_change(earlier: Setup | None, now: Setup) -> Check | None:
    """Compare detectors, voltages, gains, matrix and instrument with earlier tubes of this panel.

    None for the first specimen: there is nothing to compare it with. NOT_POSSIBLE if names agree
    and no detector has a voltage or gain in both: then a change would not be seen.
    """
    if earlier is None:
        return None
    told, compared = [], 0
    for marker in sorted(set(earlier.channels) & now.stained):
        old, new = earlier.channels[marker], now.channels[marker]
        if old.name.casefold() != new.name.casefold():
            told.append(f"{marker} moved to another detector")
            continue
        for what, before, after in (
            ("voltage", old.voltage, new.voltage), ("gain", old.gain, new.gain),
        ):  # fmt: skip
            if before is None or after is None:
                continue
            compared += 1
            if before != after:
                told.append(f"{what} of {marker} {before:g} -> {after:g}")
    if earlier.instrument and now.instrument and earlier.instrument != now.instrument:
        told.append("another instrument")
    told += [f"{name} no longer in the file" for name in sorted(earlier.stained - now.stained)]
    told += [f"{name} is new" for name in sorted(now.stained - set(earlier.channels))]
    if earlier.matrix and now.matrix and earlier.matrix != now.matrix:
        told.append(
            "the compensation matrix has other detectors "
            f"({len(now.matrix - earlier.matrix)} new, {len(earlier.matrix - now.matrix)} gone)"
        )
    if not told and not compared:
        message = "names agree, but the files hold no voltage or gain to compare"
        return Check("settings", None, "changes", "NOT_POSSIBLE", message)
    if not told:
        return Check("settings", 0.0, "changes", "PASS", "as in the patient's last specimen")
    message = f"changed since the patient's last specimen of this panel: {'; '.join(told)}"
    return Check("settings", float(len(told)), "changes", "FLAG", message)


def same_detector(earlier: Setup, now: Setup, marker: str) -> bool | None:
    """Whether a marker is read by the same detector, set as before; None: the files do not say."""
    old, new = earlier.channels.get(marker), now.channels.get(marker)
    if old is None or new is None or old.name.casefold() != new.name.casefold():
        return False
    if earlier.instrument and now.instrument and earlier.instrument != now.instrument:
        return False
    pairs = [(old.voltage, new.voltage), (old.gain, new.gain)]
    stated = [pair for pair in pairs if None not in pair]
    return None if not stated else all(before == after for before, after in stated)
