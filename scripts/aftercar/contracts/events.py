"""Events of a flow cytometer as plain arrays: what the reader hands to the analysis."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np


class Check(NamedTuple):
    """One check of a specimen: a row of QUALITY without the columns that name the specimen."""

    check: str
    value: float | None
    unit: str
    verdict: str  # one of CHECK_VERDICT
    message: str


@dataclass(frozen=True)
class Channel:
    """A detector: its name ($PnN), label ($PnS), range ($PnR), voltage ($PnV) and gain ($PnG)."""

    name: str
    label: str = ""
    full_scale: float = 0.0  # 0: not stated
    voltage: float | None = None
    gain: float | None = None  # already divided out of the values


@dataclass(frozen=True)
class StatedMatrix:
    """A compensation matrix that the laboratory names in samples.tsv, still as text.

    `text` is a table with a header of detectors and a row per dye. `source` says in words what
    kind of file it came from; `problem` why there is no text. `compensated`: the laboratory states
    instead that the values were compensated before export, and there is no matrix.
    """

    source: str
    text: str = ""
    problem: str = ""
    compensated: bool = False


@dataclass(frozen=True, eq=False)
class FlowEvents:
    """The events of one specimen on linear scale, not compensated.

    `values` has shape (events, channels), column-major, so that a channel is contiguous. `spill`
    is the text of the compensation keyword as the file has it, or empty. `instrument` is the
    model. `checks` holds what the reader found. No other keyword leaves the reader. `stated` is
    the matrix that the laboratory names instead of the file's own, if any.
    """

    channels: tuple[Channel, ...]
    values: np.ndarray
    spill: str = ""
    instrument: str = ""
    time_step_seconds: float | None = None
    checks: tuple[Check, ...] = field(default=())
    stated: StatedMatrix | None = None

    def __len__(self) -> int:
        """Return the number of events."""
        return len(self.values)

    @property
    def names(self) -> list[tuple[str, str]]:
        """Return name and label of each channel."""
        return [(channel.name, channel.label) for channel in self.channels]
