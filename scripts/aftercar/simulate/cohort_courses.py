"""Courses of many patients with a known mechanism: what truly happens, before anybody measures.

CAR copies follow Stein 2019 (see `simulate.kinetics`). All else is a convention of the simulator,
chosen so that each mechanism acts by itself; none of its numbers describes real patients:

- an antigen-positive clone sleeps while the CAR kills, and grows from the day it no longer does;
- an antigen-negative clone grows from the first day, whatever the CAR does; it is more frequent
  after a high burden;
- a myeloid clone grows from the first day, in KMT2A-rearranged disease only;
- death without relapse is frequent while CD4+ T cells are few and a virus is in blood;
- transplants come at random. After one, an antigen-positive clone that still sleeps does not wake.

Nothing else is linked: the CAR knows nothing of antigen-negative clones, T cells or viruses.
"""

from dataclasses import dataclass

import numpy as np

from aftercar.simulate.kinetics import Course, b_cell_recovery_day, car_copies, draw_course

KILLING_LEVEL = 25.0  # copies/ug below which B cells and antigen-positive blasts survive
OVERT = 0.05  # share of marrow at which a clone is called a relapse
LAST_DAY = 730
EVENTS = ("antigen_positive", "antigen_negative", "lineage_switch", "non_relapse_death")
SHARES = {
    "t_lineage": 0.25,
    "kmt2a": 0.12,  # of B-lineage disease
    "kmt2a_not_known": 0.1,
    "high_burden": 0.45,
    "rejected": 0.15,
    "antigen_positive": 0.5,
    "antigen_negative_low_burden": 0.12,
    "antigen_negative_high_burden": 0.25,
    "antigen_negative_t_lineage": 0.25,
    "switch": 0.35,  # of KMT2A-rearranged
    "transplant": 0.15,
    "informative_clonotype": 0.6,
}
# first size as log10 of the share of marrow, from and to; days to double: median, SD of ln
CLONES = {
    "antigen_positive": ((-8.0, -6.0), 8.0, 0.35),
    "antigen_negative": ((-8.0, -5.0), 12.0, 0.4),
    "lineage_switch": ((-8.0, -5.0), 10.0, 0.4),
}
CD4_RECOVERY_DAYS = {"B": (45.0, 0.6), "T": (200.0, 0.6)}  # median, SD of ln
VIRUS_EPISODES_PER_YEAR, VIRUS_DAYS = 1.5, (30, 120)
DEATHS_PER_DAY = {"otherwise": 0.0001, "few CD4+ T cells and virus": 0.012}
RECOVERY_LAG_DAYS = (20, 50)  # from the loss of killing to the first B cells


@dataclass(frozen=True)
class Clone:
    """A clone that has `size` (share of marrow) until `start`, then doubles and doubles."""

    kind: str
    size: float
    start: float
    doubling_days: float

    def share(self, day: float) -> float:
        """Return its share of marrow on a day, at most 0.9."""
        return min(self.size * 2.0 ** (max(day - self.start, 0.0) / self.doubling_days), 0.9)

    @property
    def overt_day(self) -> int:
        """The day on which it is called a relapse."""
        return int(np.ceil(self.start + self.doubling_days * np.log2(OVERT / self.size)))


@dataclass(frozen=True)
class TrueCourse:
    """What happens to one patient; days since the infusion, None: never.

    `event` is the first of EVENTS on `event_day`, or empty at the end of the follow-up.
    """

    patient_id: str
    lineage: str  # B or T
    kmt2a: bool
    kmt2a_known: bool
    baseline_mrd: float
    clonotype: bool
    car: Course
    killing_lost_day: int | None
    b_recovery_day: int | None
    cd4_recovery_day: int
    viruses: tuple[tuple[int, int, float], ...]  # first day, last day, copies/mL
    clones: tuple[Clone, ...]
    hct_day: int | None
    event: str
    event_day: int


def draw_cohort(patients: int, seed: int) -> list[TrueCourse]:
    """Return `patients` courses; the same seed gives the same cohort."""
    return [
        draw_true_course(f"S{number:04d}", np.random.default_rng([seed, number]))
        for number in range(1, patients + 1)
    ]


def draw_true_course(patient_id: str, random: np.random.Generator) -> TrueCourse:
    """Return one patient."""
    happens = {name: bool(random.random() < share) for name, share in SHARES.items()}
    lineage = "T" if happens["t_lineage"] else "B"
    kmt2a = happens["kmt2a"] and lineage == "B"
    lost_from = float(random.uniform(20, 150)) if happens["rejected"] else None
    car = draw_course(random, {} if lost_from is None else {"lost_from": lost_from})
    hct = int(random.integers(60, 270)) if happens["transplant"] else None
    levels = car_copies(car, np.arange(LAST_DAY))
    lost = b_cell_recovery_day(levels, 0, killing_level=KILLING_LEVEL, lag=0)
    lag = int(random.integers(*RECOVERY_LAG_DAYS))
    b_recovery = lost + lag if lost is not None else None
    if hct is not None:  # donor B cells, whatever the CAR
        b_recovery = min(b_recovery or LAST_DAY, hct + 60)
    clones = _clones(random, happens, lineage, kmt2a, lost, hct)
    median, spread = CD4_RECOVERY_DAYS[lineage]
    cd4_recovery = int(median * np.exp(random.normal(0, spread)))
    viruses = _viruses(random)
    death = _death_day(random, cd4_recovery, viruses)
    first = min(clones, key=lambda clone: clone.overt_day, default=None)
    event, event_day = "", LAST_DAY
    if first is not None and first.overt_day < event_day:
        event, event_day = first.kind, first.overt_day
    if death is not None and death < event_day:
        event, event_day = "non_relapse_death", death
    low, high = (-2.0, -0.3) if happens["high_burden"] else (-4.0, -2.1)
    return TrueCourse(
        patient_id=patient_id,
        lineage=lineage,
        kmt2a=kmt2a,
        kmt2a_known=not happens["kmt2a_not_known"],
        baseline_mrd=float(10 ** random.uniform(low, high)),
        clonotype=happens["informative_clonotype"],
        car=car,
        killing_lost_day=lost,
        b_recovery_day=b_recovery,
        cd4_recovery_day=cd4_recovery,
        viruses=viruses,
        clones=clones,
        hct_day=hct if hct is not None and hct < event_day else None,
        event=event,
        event_day=event_day,
    )


def _clones(
    random: np.random.Generator,
    happens: dict[str, bool],
    lineage: str,
    kmt2a: bool,
    lost: int | None,
    hct: int | None,
) -> tuple[Clone, ...]:
    burden = "t_lineage" if lineage == "T" else "high_burden" if happens["high_burden"] else None
    negative = f"antigen_negative_{burden or 'low_burden'}"
    wakes = lost is not None and (hct is None or lost < hct)
    starts = {
        "antigen_positive": (happens["antigen_positive"], float(lost or 0) if wakes else 1e6),
        "antigen_negative": (happens[negative], 0.0),
        "lineage_switch": (kmt2a and happens["switch"], 0.0),
    }
    clones = []
    for kind, (there, start) in starts.items():
        (low, high), median, spread = CLONES[kind]
        size = float(10 ** random.uniform(low, high))
        doubling = float(median * np.exp(random.normal(0, spread)))
        if there:
            clones.append(Clone(kind, size, start, doubling))
    return tuple(clones)


def _viruses(random: np.random.Generator) -> tuple[tuple[int, int, float], ...]:
    number = int(random.poisson(VIRUS_EPISODES_PER_YEAR * LAST_DAY / 365))
    first = np.sort(random.integers(5, LAST_DAY, number))
    return tuple(
        (int(day), int(day + random.integers(*VIRUS_DAYS)), float(10 ** random.uniform(3.3, 5.5)))
        for day in first
    )


def _death_day(
    random: np.random.Generator, cd4_recovery: int, viruses: tuple[tuple[int, int, float], ...]
) -> int | None:
    """Return the day of death without relapse, drawn from a hazard that changes from day to day."""
    days = np.arange(LAST_DAY)
    virus = np.zeros(LAST_DAY, dtype=bool)
    for first, last, _ in viruses:
        virus[first : last + 1] = True
    ill = virus & (days < cd4_recovery)
    hazard = np.where(
        ill, DEATHS_PER_DAY["few CD4+ T cells and virus"], DEATHS_PER_DAY["otherwise"]
    )
    died = np.flatnonzero(np.cumsum(hazard) > random.exponential())
    return int(died[0]) if len(died) else None
