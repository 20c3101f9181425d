"""What was known of a patient on a given day: values, infusions and events, nothing later."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

RELAPSES = ("relapse", "lineage_switch", "extramedullary_relapse")
CLOCK_ENDS = (*RELAPSES, "death")


@dataclass(frozen=True)
class Value:
    """One row of EVIDENCE; missing numbers are None."""

    day: int
    specimen: str
    sample_id: str
    stream: str
    measure: str
    target: str
    item: str
    value: float | None
    low: float | None
    high: float | None
    unit: str
    limit: float | None
    lloq: float | None
    status: str
    known_from_day: int
    flags: str = ""

    @cached_property
    def text(self) -> str:
        """The value with limits, unit, specimen and day, as drivers print it."""
        of = f"{self.measure}{f' ({self.target})' if self.target else ''}"
        if self.status == "NOT_DETECTED" or (self.value is None and self.limit is not None):
            known = "limit unknown" if self.limit is None else f"limit {self.limit:.3g} {self.unit}"
            shown = f"{of} {self.status} ({known})"
        elif self.value is None:
            shown = f"{of} {self.status}"
        else:
            shown = f"{of}={self.value:.3g}"
            if self.low is not None and self.high is not None:
                shown += f" [{self.low:.3g}, {self.high:.3g}]"
            shown += f" {self.unit}"
            if self.status != "QUANTIFIED":
                shown += f" {self.status}"
        name = f" {self.item}" if self.item else ""
        return f"{shown}{name}, {self.specimen} {self.sample_id}, day {self.day}"


@dataclass(frozen=True)
class Infusion:
    """One CAR-T product; `day` is None where its date is unknown."""

    number: int
    day: int | None
    targets: tuple[str, ...]
    transgene: str = ""
    scfv_origin: str = ""


@dataclass(frozen=True)
class Event:
    """One row of events.tsv; `end_day` is None for one day, still going on, or not yet known."""

    day: int
    end_day: int | None
    event: str
    grade: str = ""
    grading_system: str = ""
    phenotype: str = ""
    antigen: str = ""
    site: str = ""
    components: str = ""

    @property
    def text(self) -> str:
        """The event with what is known of it, for reasons that name it."""
        known = ", ".join(part for part in (self.phenotype, self.antigen, self.site) if part)
        return f"{self.event}{f' ({known})' if known else ''} on day {self.day}"


@dataclass(frozen=True, eq=False)
class Timeline:
    """All of one patient, sorted by day. `facts` is the row of patients.tsv."""

    patient_id: str
    facts: dict[str, str]
    infusions: tuple[Infusion, ...]
    events: tuple[Event, ...]
    values: tuple[Value, ...]
    max_age_days: dict[str, int]

    def until(self, day: int) -> "View":
        """Return what was known on `day`."""
        by_measure: dict[str, list[Value]] = {}
        for value in self.values:
            if value.day <= day and value.known_from_day <= day:
                by_measure.setdefault(value.measure, []).append(value)
        return View(
            day=day,
            facts=self.facts,
            infusions=tuple(i for i in self.infusions if i.day is not None and i.day <= day),
            undated=tuple(i for i in self.infusions if i.day is None),
            events=tuple(
                event if event.end_day is None or event.end_day <= day else _without_end(event)
                for event in self.events
                if event.day <= day
            ),
            values=by_measure,
            max_age_days=self.max_age_days,
        )


def _without_end(event: Event) -> Event:
    """Return the event as it looked before its end was known."""
    return replace(event, end_day=None)


@dataclass(frozen=True, eq=False)
class View:
    """What was known of a patient on `day`; `memory` keeps what several rules ask for."""

    day: int
    facts: dict[str, str]
    infusions: tuple[Infusion, ...]
    undated: tuple[Infusion, ...]
    events: tuple[Event, ...]
    values: dict[str, list[Value]]
    max_age_days: dict[str, int]
    memory: dict[str, object] = field(default_factory=dict)

    @cached_property
    def segment_start(self) -> int | None:
        """Day of the latest infusion: a new CAR opens a segment."""
        return self.infusions[-1].day if self.infusions else None

    @cached_property
    def present_disease_start(self) -> int | None:
        """Day of the first relapse since the latest infusion, or of that infusion."""
        start = self.segment_start
        if start is None:
            return None
        return min(
            (e.day for e in self.events if e.event in RELAPSES and e.day > start), default=start
        )

    @cached_property
    def lymphodepletion_start(self) -> int | None:
        """First day of lymphodepletion before the first infusion; None if none is recorded."""
        if not self.infusions:
            return None
        until = self.infusions[0].day or 0
        days = [e.day for e in self.events if e.event == "lymphodepletion" and e.day <= until]
        return min(days, default=None)

    @cached_property
    def targets(self) -> tuple[str, ...]:
        """Antigens of all infusions so far, in order of infusion; undated ones last."""
        given = [*self.infusions, *self.undated]
        return tuple(dict.fromkeys(target for infusion in given for target in infusion.targets))

    @cached_property
    def clock_end(self) -> Event | None:
        """The relapse or death that ended the clock; a CAR after a relapse starts a new one."""
        for event in reversed(self.events):
            if event.event == "death":
                return event
        start = self.segment_start
        for event in self.events:
            if event.event in CLOCK_ENDS and start is not None and event.day > start:
                return event
        return None

    def is_fresh(self, value: Value) -> bool:
        """Say whether the specimen is young enough to speak for this day."""
        return self.day - value.day <= self.max_age_days[value.specimen]


def timeline_of(
    patient: dict[str, str],
    infusions: Sequence[dict[str, str]],
    events: Sequence[dict[str, str]],
    evidence: Sequence[dict],
    *,
    max_age_blood_days: int,
    max_age_marrow_days: int,
) -> Timeline:
    """Return the history of one patient from his sheet rows (text) and his rows of EVIDENCE."""
    values = [
        Value(
            day=int(row["day"]),
            specimen=row["specimen"],
            sample_id=row["sample_id"],
            stream=row["stream"],
            measure=row["measure"],
            target=row["target"],
            item=row["item"],
            value=row["value"],
            low=row["low"],
            high=row["high"],
            unit=row["unit"],
            limit=row["limit"],
            lloq=row["lloq"],
            status=row["status"],
            known_from_day=int(row["known_from_day"]),
            flags=row["flags"],
        )
        for row in evidence
        if row["day"] is not None and row["specimen"] not in ("product", "control")
    ]
    blood, marrow = max_age_blood_days, max_age_marrow_days
    return Timeline(
        patient_id=patient["patient_id"],
        facts=patient,
        infusions=tuple(sorted(map(infusion_of, infusions), key=lambda i: i.number)),
        events=tuple(sorted(map(event_of, events), key=lambda e: (e.day, e.event))),
        values=tuple(sorted(values, key=_value_order)),
        max_age_days={"PB": blood, "BM": marrow, "CSF": blood, "tissue": marrow, "": blood},
    )


def _value_order(value: Value) -> tuple:
    return value.day, value.measure, value.target, value.sample_id, value.item


def infusion_of(row: dict[str, str]) -> Infusion:
    """Return a row of infusions.tsv with its numbers read."""
    return Infusion(
        number=int(row["infusion_no"]),
        day=int(row["day"]) if row["day"] else None,
        targets=tuple(row["targets"].split(";")),
        transgene=row["transgene"],
        scfv_origin=row.get("scfv_origin", ""),
    )


def event_of(row: dict[str, str]) -> Event:
    """Return a row of events.tsv with its numbers read; free text stays behind."""
    return Event(
        day=int(row["day"]),
        end_day=int(row["end_day"]) if row["end_day"] else None,
        event=row["event"],
        grade=row["grade"],
        grading_system=row["grading_system"],
        phenotype=row["phenotype"],
        antigen=row["antigen"],
        site=row["site"],
        components=row.get("components", ""),
    )
