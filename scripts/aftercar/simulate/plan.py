"""The words in which the story of a synthetic patient is told."""

from dataclasses import dataclass, field

from aftercar.simulate.kinetics import b_cell_recovery_day, draw_course, total_copies

# Conventions of the simulator, not of any laboratory.
CAR_LLOQ, CAR_LOD = 50.0, 10.0  # copies/ug
KILLING_LEVEL, RECOVERY_LAG = 25.0, 38  # copies/ug below which B cells survive; days until seen
FOLLOW_UP = 400  # days that a curve is computed for


@dataclass(frozen=True)
class Infusion:
    """A CAR-T product and what is fixed about its course; the rest is drawn."""

    day: int | None
    targets: str
    transgene: str
    course: dict[str, float] = field(default_factory=dict)
    scfv_origin: str = "murine"
    costimulation: str = "4-1BB"
    source: str = "autologous"
    antigen_blockade: str = "none"


@dataclass(frozen=True)
class Flow:
    """A tube. Shares of blasts and progenitors are of leukocytes; `t_mix` of T cells.

    `antigen_negative` and `antigen_dim` are shares of the blasts. B cells and CAR-T follow from
    the patient's curves.
    """

    day: int
    specimen: str
    panel: str
    events: int = 20_000
    blasts: float = 0.0
    antigen_negative: float = 0.0
    antigen_dim: float = 0.0
    myeloid_blasts: float = 0.0
    progenitors: float = 0.0
    t_mix: dict[str, float] = field(default_factory=dict)
    clog: bool = False
    path_empty: bool = False


@dataclass(frozen=True)
class Reads:
    """A bulk library; `depth` in fragments per base, `planted` and `snps` as allele fractions."""

    day: int
    specimen: str
    assay: str  # dna or rna
    depth: dict[str, int]
    planted: dict[str, float] = field(default_factory=dict)
    snps: dict[str, float] = field(default_factory=dict)
    exon2_skipping: float = 0.0


@dataclass(frozen=True)
class Cells:
    """A single-cell library; `populations` counts cells, `planted` names a variant of the BAM."""

    day: int
    specimen: str
    populations: dict[str, int]
    file_format: str  # h5 or h5ad
    planted: str = ""
    labels: bool = False
    contigs: bool = False


@dataclass(frozen=True)
class Lab:
    """A row of labs.tsv."""

    day: int
    specimen: str
    analyte: str
    value: float | None
    unit: str
    transgene: str = ""
    lloq: float | None = None
    lod: float | None = None
    status: str = ""


@dataclass(frozen=True)
class Event:
    """A row of events.tsv."""

    day: int
    event: str
    end_day: int | None = None
    grade: str = ""
    grading_system: str = ""
    phenotype: str = ""
    antigen: str = ""
    site: str = ""
    detail: str = ""
    components: str = ""


@dataclass(frozen=True)
class Patient:
    """One story: what happens, what is looked at, and which edge cases it stands for."""

    patient_id: str
    story: str
    edge_cases: tuple[int, ...]  # numbers of the list of edge patients in the specification
    disease: str
    batch: str
    follow_up: int
    infusions: tuple[Infusion, ...]
    specimens: tuple[Flow | Reads | Cells, ...]
    labs: tuple[Lab, ...] = ()
    events: tuple[Event, ...] = ()
    sheet: dict[str, str] = field(default_factory=dict)  # further columns of patients.tsv
    pcr_days: tuple[int, ...] = ()  # key days of CAR copies, never missing; () and no series: none
    pcr_series: bool = True
    wbc: float = 3500.0  # cells/uL; () of `labs_with_blood` False: no blood counts
    lymphocytes: float = 0.45  # of leukocytes in blood
    labs_with_blood: bool = True
    b_cells_before: float = 0.08
    b_cells_after: float = 0.08
    b_recovery_day: int | None = None  # told, not computed from the CAR (after a transplant)

    def courses(self, random) -> dict[str, list]:
        """Return transgene -> [(infusion day, course)], drawn once per patient."""
        drawn: dict[str, list] = {}
        for infusion in self.infusions:
            course = draw_course(random, infusion.course)
            if infusion.day is not None:
                drawn.setdefault(infusion.transgene, []).append((infusion.day, course))
        return drawn


def recovery_days(patient: Patient, courses: dict[str, list]) -> list[int]:
    """Return the days on which B cells start to return, one at most per CD19 infusion."""
    import numpy as np

    days = [patient.b_recovery_day] if patient.b_recovery_day is not None else []
    starts = sorted(start for given in courses.values() for start, _ in given)
    for start, end in zip(starts, [*starts[1:], FOLLOW_UP], strict=False):
        span = np.arange(start, end)
        level = np.sum([total_copies(given, span) for given in courses.values()], axis=0)
        day = b_cell_recovery_day(level, start, killing_level=KILLING_LEVEL, lag=RECOVERY_LAG)
        if day is not None and day < end and patient.b_recovery_day is None:
            days.append(day)
    return days
