"""A flow cytometer: cells with known identity in, the bytes of an FCS 3.1 file out.

Each cell has scatter, autofluorescence and log-normal marker brightness; spillover mixes the true
signals before photon noise is added, so that compensation leaves the spread it leaves in reality.
Brightness and spillover are plausible, not measured on any instrument.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from aftercar.simulate.blood import MEMORY_T_CELLS, T_CELLS

CEILING = 262_143.0
SECONDS, TICK = 100.0, 0.01
PHOTONS_PER_UNIT, ELECTRONIC_SD = 0.15, 25.0
DEBRIS, DEAD, DOUBLETS = 0.07, 0.05, 0.03  # of the events
BEAD_FSC, BEAD_SSC, BEAD_SIGNAL = 30_000.0, 180_000.0, 45_000.0
BEAD_CV, BEAD_PAIRS = 0.06, 0.02
DETECTORS = (
    "BV421-A",
    "V500-A",
    "BV605-A",
    "BV786-A",
    "FITC-A",
    "PE-A",
    "PerCP-Cy5-5-A",
    "PE-Cy7-A",
    "APC-A",
    "AF700-A",
    "APC-Cy7-A",
)
AUTOFLUORESCENCE = np.array([90, 190, 110, 60, 140, 110, 70, 60, 45, 40, 45], dtype=float)
# row: dye, column: detector that also sees it; asymmetric as real matrices are
SPILL = np.array(
    [
        [1, 0.12, 0.02, 0.004, 0.001, 0.0005, 0.0003, 0.0002, 0.0001, 0.0001, 0.0001],
        [0.09, 1, 0.11, 0.012, 0.035, 0.008, 0.002, 0.0006, 0.0002, 0.0002, 0.0002],
        [0.012, 0.018, 1, 0.09, 0.001, 0.055, 0.035, 0.004, 0.006, 0.012, 0.004],
        [0.015, 0.004, 0.035, 1, 0.0002, 0.001, 0.006, 0.065, 0.004, 0.035, 0.085],
        [0.0006, 0.022, 0.004, 0.0008, 1, 0.14, 0.018, 0.0025, 0.0003, 0.0002, 0.0002],
        [0.0004, 0.0012, 0.16, 0.004, 0.011, 1, 0.19, 0.014, 0.0008, 0.0006, 0.0004],
        [0.0005, 0.0015, 0.012, 0.075, 0.0012, 0.003, 1, 0.16, 0.022, 0.11, 0.035],
        [0.0012, 0.0008, 0.006, 0.11, 0.0025, 0.018, 0.007, 1, 0.0007, 0.004, 0.085],
        [0.0003, 0.0003, 0.012, 0.012, 0.0002, 0.0006, 0.012, 0.0012, 1, 0.15, 0.075],
        [0.0003, 0.0003, 0.002, 0.055, 0.0002, 0.0003, 0.004, 0.012, 0.045, 1, 0.19],
        [0.0005, 0.0004, 0.001, 0.06, 0.0003, 0.0003, 0.001, 0.03, 0.055, 0.035, 1],
    ]
)
# panel -> detector -> ($PnS as typed at the instrument, marker)
PANELS = {
    "b_cell_recovery": {
        "BV421-A": ("CD38 BV421", "CD38"),
        "V500-A": ("CD45-V500", "CD45"),
        "FITC-A": ("CD3 FITC", "CD3"),
        "PE-A": ("CD10 PE", "CD10"),
        "PerCP-Cy5-5-A": ("CD34", "CD34"),
        "PE-Cy7-A": ("CD19", "CD19"),
        "APC-A": ("CD20", "CD20"),
        "APC-Cy7-A": ("L/D", "Viability"),
    },
    "car_t_persistence": {
        "BV421-A": ("CD3", "CD3"),
        "V500-A": ("CD45-V500", "CD45"),
        "FITC-A": ("CD4 FITC", "CD4"),
        "PE-A": ("CAR", "CAR"),
        "APC-A": ("CD8", "CD8"),
        "APC-Cy7-A": ("L/D", "Viability"),
    },
    "t_lineage": {
        "BV421-A": ("CD3", "CD3"),
        "V500-A": ("CD45-V500", "CD45"),
        "BV786-A": ("CAR5", "CAR5"),
        "FITC-A": ("CD4 FITC", "CD4"),
        "PE-A": ("CAR7", "CAR7"),
        "PerCP-Cy5-5-A": ("CD8", "CD8"),
        "PE-Cy7-A": ("CD7", "CD7"),
        "APC-A": ("CD5", "CD5"),
        "APC-Cy7-A": ("L/D", "Viability"),
    },
    "b_all_mrd": {
        "BV421-A": ("CD10", "CD10"),
        "V500-A": ("CD45-V500", "CD45"),
        "BV605-A": ("CD38", "CD38"),
        "BV786-A": ("CD33", "CD33"),
        "FITC-A": ("CD24 FITC", "CD24"),
        "PE-A": ("CD22", "CD22"),
        "PerCP-Cy5-5-A": ("CD34", "CD34"),
        "PE-Cy7-A": ("CD19", "CD19"),
        "APC-A": ("CD20", "CD20"),
        "AF700-A": ("CD3", "CD3"),
        "APC-Cy7-A": ("L/D", "Viability"),
    },
    "nk": {
        "BV421-A": ("CD3", "CD3"),
        "V500-A": ("CD45-V500", "CD45"),
        "FITC-A": ("CD16 FITC", "CD16"),
        "PE-A": ("CD56 PE", "CD56"),
        "PE-Cy7-A": ("CD19", "CD19"),
        "APC-Cy7-A": ("L/D", "Viability"),
    },
    "aml": {
        "BV421-A": ("CD7", "CD7"),
        "V500-A": ("CD45-V500", "CD45"),
        "BV605-A": ("HLA-DR", "HLA-DR"),
        "FITC-A": ("CD13 FITC", "CD13"),
        "PE-A": ("CD33 PE", "CD33"),
        "PerCP-Cy5-5-A": ("CD34", "CD34"),
        "PE-Cy7-A": ("CD117", "CD117"),
        "APC-A": ("CD19", "CD19"),
        "APC-Cy7-A": ("L/D", "Viability"),
    },
    "car_t_memory": {
        "BV421-A": ("CD3", "CD3"),
        "V500-A": ("CD45-V500", "CD45"),
        "BV605-A": ("CCR7 BV605", "CCR7"),
        "FITC-A": ("CD4 FITC", "CD4"),
        "PE-A": ("CAR", "CAR"),
        "PE-Cy7-A": ("CD45RA", "CD45RA"),
        "APC-A": ("CD8", "CD8"),
        "APC-Cy7-A": ("L/D", "Viability"),
    },
    "b_cells_without_cd19": {
        "V500-A": ("CD45-V500", "CD45"),
        "BV605-A": ("CD38", "CD38"),
        "FITC-A": ("CD24 FITC", "CD24"),
        "PE-A": ("CD22", "CD22"),
        "BV421-A": ("CD10", "CD10"),
        "PerCP-Cy5-5-A": ("CD34", "CD34"),
        "PE-Cy7-A": ("CD19", "CD19"),
        "APC-A": ("CD20", "CD20"),
        "AF700-A": ("CD3", "CD3"),
        "APC-Cy7-A": ("L/D", "Viability"),
    },
}


@dataclass(frozen=True)
class Looks:
    """Median scatter and brightness (linear units) of a population; unnamed markers: none."""

    fsc: float
    ssc: float
    markers: Mapping[str, float]
    autofluorescence: float = 1.0


LYMPH = {"fsc": 62_000.0, "ssc": 18_000.0}
MYELOID = {
    "CD45": 2600,
    "CD33": 15_000,
    "CD34": 5000,
    "CD38": 5000,
    "CD24": 300,
    "CD117": 6000,
    "CD13": 5000,
    "HLA-DR": 9000,
}
B_BLAST = {
    "CD45": 2000,
    "CD19": 9000,
    "CD22": 3500,
    "CD24": 9000,
    "CD10": 20_000,
    "CD34": 6000,
    "CD38": 2200,
}
B_CELL = {
    "CD45": 18_000,
    "CD19": 8000,
    "CD20": 15_000,
    "CD22": 4500,
    "CD24": 8000,
    "CD38": 500,
    "HLA-DR": 12_000,
}
NK = {"CD45": 20_000, "CD7": 9000, "CD38": 3000, "CD56": 3000, "CD16": 12_000}
LOOKS = {
    "b": Looks(**LYMPH, markers=B_CELL),
    "b_cd19neg": Looks(**LYMPH, markers={**B_CELL, "CD19": 0}),
    "b_cd19neg_cd20neg": Looks(**LYMPH, markers={**B_CELL, "CD19": 0, "CD20": 0}),
    "nk": Looks(**LYMPH, markers=NK),
    "nk_cd56bright": Looks(**LYMPH, markers={**NK, "CD56": 15_000, "CD16": 0}),
    "nk_cd56neg": Looks(**LYMPH, markers={**NK, "CD56": 0}),
    "basophil": Looks(60_000, 21_000, {"CD45": 7000, "CD22": 3500, "CD38": 3000, "CD13": 4000}),
    "t_all_blast": Looks(70_000, 20_000, {"CD45": 7000, "CD7": 12_000, "CD5": 1500, "CD38": 3000}),
    "hematogone": Looks(
        58_000,
        16_000,
        {
            "CD45": 5000,
            "CD19": 6000,
            "CD10": 7000,
            "CD20": 600,
            "CD22": 2500,
            "CD24": 12_000,
            "CD38": 18_000,
        },
    ),
    "monocyte": Looks(
        92_000,
        55_000,
        {
            "CD45": 14_000,
            "CD4": 1200,
            "CD33": 12_000,
            "CD38": 3000,
            "CD13": 6000,
            "HLA-DR": 9000,
        },
        3.0,
    ),
    "granulocyte": Looks(
        100_000,
        130_000,
        {
            "CD45": 7000,
            "CD10": 2500,
            "CD33": 3000,
            "CD24": 6000,
            "CD38": 400,
            "CD13": 6000,
            "CD16": 20_000,
        },
        3.5,
    ),
    "progenitor": Looks(
        70_000,
        24_000,
        {
            "CD45": 4000,
            "CD34": 8000,
            "CD38": 6000,
            "CD22": 900,
            "CD33": 600,
            "CD117": 4000,
            "CD13": 2000,
            "HLA-DR": 6000,
        },
        1.3,
    ),
    "blast": Looks(76_000, 22_000, B_BLAST, 1.2),
    "blast_cd19neg": Looks(76_000, 22_000, {**B_BLAST, "CD19": 0}, 1.2),
    "blast_cd19dim": Looks(76_000, 22_000, {**B_BLAST, "CD19": 1000}, 1.2),
    "myeloid_blast": Looks(90_000, 34_000, MYELOID, 2.0),
    "aml_blast_cd19pos": Looks(88_000, 32_000, {**MYELOID, "CD19": 3500}, 2.0),
    "aml_blast_cd19neg": Looks(88_000, 32_000, MYELOID, 2.0),
    "aml_blast_cd33neg": Looks(88_000, 32_000, {**MYELOID, "CD33": 0}, 2.0),
    "debris": Looks(9_000, 5_000, {}, 0.4),
}
for _name in T_CELLS:
    _kind, _lineage = _name.rsplit("_", 1)
    _markers = {"CD45": 20_000, "CD3": 9000, "CD7": 6500, "CD5": 12_000, "CD38": 500}
    _markers |= {"CD4": 9000} if _lineage == "cd4" else {"CD8": 16_000}
    if _kind in ("car7", "cd7neg_cd5pos", "cd7neg_cd5neg"):
        _markers["CD7"] = 0
    if _kind in ("car5", "cd7neg_cd5neg", "cd7pos_cd5neg"):
        _markers["CD5"] = 0
    if _kind.startswith("car"):
        _markers[_kind.upper()] = 4500
    LOOKS[_name] = Looks(**LYMPH, markers=_markers)
for _name in MEMORY_T_CELLS:
    _kind, _rest = _name.split("_", 1)
    _memory, _lineage = _rest.rsplit("_", 1)
    _more = {"CD45RA": 9000} if _memory in ("naive", "temra") else {}
    _more |= {"CCR7": 2500} if _memory in ("naive", "central_memory") else {}
    LOOKS[_name] = Looks(**LYMPH, markers={**LOOKS[f"{_kind}_{_lineage}"].markers, **_more})
# decades; markers that vary more between cells
SPREAD = {
    "CAR": 0.22,
    "CAR7": 0.22,
    "CAR5": 0.22,
    "CD34": 0.25,
    "CD10": 0.22,
    "CD38": 0.2,
    "CD20": 0.22,
}
DEFAULT_SPREAD = 0.15


@dataclass(frozen=True)
class Acquisition:
    """Events in order of time, channels in order of `names`, and the identity of each event.

    `identity` is the population of a viable single cell, or debris, dead, doublet.
    """

    names: tuple[str, ...]
    labels: tuple[str, ...]
    events: np.ndarray
    identity: np.ndarray
    spill: np.ndarray
    fluorescent: tuple[str, ...]

    def counts(self) -> dict[str, int]:
        """Return the viable single cells of each population."""
        names, numbers = np.unique(self.identity, return_counts=True)
        return dict(zip(names.tolist(), numbers.tolist(), strict=True))


def acquire(
    shares: dict[str, float],
    panel: str,
    events: int,
    random: np.random.Generator,
    *,
    donor_shift: dict[str, float],
    batch_shift: dict[str, float],
    without: frozenset[str] = frozenset(),
    clog: bool = False,
    beads: int = 0,
    looks: Mapping[str, Looks] = LOOKS,
    dead_share: float = DEAD,
) -> Acquisition:
    """Run a tube: `shares` of leukocytes, shifts in decades by marker and detector.

    `without` names markers left out (a fluorescence-minus-one tube, or all of them: unstained).
    A clog loses most events of some seconds and dims what still comes through. Counting beads are
    drawn after all else, so that the cells of a tube are the same with and without them; an event
    of two is a bead_pair. `dead_share` is of all events; debris and doublets keep their shares.
    """
    names = list(shares)
    number_debris, number_dead = round(events * DEBRIS), round(events * dead_share)
    number_doublets = round(events * DOUBLETS)
    living = events - number_debris - number_dead - number_doublets
    share = np.array([shares[name] for name in names])
    share = share / share.sum()
    kinds = np.repeat(np.arange(len(names)), random.multinomial(living, share))
    dead = random.choice(len(names), number_dead, p=share)
    pairs = random.choice(len(names), (2, number_doublets), p=share)
    drawn = np.concatenate([kinds, dead, pairs[0], pairs[1]])
    all_names = [*names, "debris"]
    drawn = np.concatenate([drawn, np.full(number_debris, len(names))])
    alive = np.ones(len(drawn), dtype=bool)
    alive[living : living + number_dead] = False
    alive[len(drawn) - number_debris :] = random.random(number_debris) < 0.5

    detectors = [d for d in DETECTORS if d in PANELS[panel]]
    known = [looks[name] for name in all_names]
    scatter = _scatter(drawn, alive, known, random)
    signal = _signal(
        drawn, alive, known, panel, detectors, random, donor_shift, batch_shift, without
    )
    first, second = living + number_dead, living + number_dead + number_doublets
    end = second + number_doublets
    area = scatter[:, 0]
    area[first:second] += scatter[second:end, 0]
    height = scatter[:, 1]
    height[first:second] = 1.08 * np.maximum(height[first:second], height[second:end])
    scatter[first:second, 2] += scatter[second:end, 2]
    signal[first:second] += signal[second:end]
    keep = np.r_[0:second, end : len(drawn)]
    identity = np.array(all_names, dtype=object)[drawn]
    identity[living:first] = "dead"
    identity[first:second] = "doublet"
    scatter, signal, identity = scatter[keep], signal[keep], identity[keep].astype(str)

    time = random.uniform(0, SECONDS, len(keep))
    order = np.argsort(time, kind="stable")
    time, scatter, signal, identity = time[order], scatter[order], signal[order], identity[order]
    if clog:
        blocked = (time > 42) & (time < 49)
        scatter[blocked] *= 0.65
        signal[blocked] *= 0.55
        kept = ~blocked | (random.random(len(time)) < 0.25)
        time, scatter, signal, identity = time[kept], scatter[kept], signal[kept], identity[kept]
    index = [DETECTORS.index(d) for d in detectors]
    spill = SPILL[np.ix_(index, index)]
    seen = signal @ spill
    seen += random.standard_normal(seen.shape) * np.sqrt(seen / PHOTONS_PER_UNIT + ELECTRONIC_SD**2)
    events_out = np.column_stack([np.floor(time / TICK), scatter, seen])
    if beads:
        events_out, identity = _with_beads(
            events_out, identity, beads, len(detectors), random, clog
        )
    events_out[:, 1:] = np.minimum(events_out[:, 1:], CEILING)
    labels = ("", "", "", "", *(PANELS[panel][d][0] for d in detectors))
    return Acquisition(
        ("Time", "FSC-A", "FSC-H", "SSC-A", *detectors),
        labels,
        events_out.astype("<f4"),
        identity,
        spill,
        tuple(detectors),
    )


def _with_beads(events, identity, number, detectors, random, clog):
    """Add bead events, alike in scatter and in every detector, in their place in time."""
    pair = random.random(number) < BEAD_PAIRS
    times = np.where(pair, 2.0, 1.0)
    own = np.exp(random.normal(0, BEAD_CV, (number, 3)))
    fsc, ssc, light = (own * times[:, None]).T
    # a dye of broad emission: the detectors differ, and so do beads in each of them
    seen = light[:, None] * BEAD_SIGNAL * np.linspace(0.6, 1.8, detectors)
    seen *= np.exp(random.normal(0, BEAD_CV / 2, seen.shape))
    fsc, ssc = fsc * BEAD_FSC, ssc * BEAD_SSC
    height = fsc / 1.18 / np.where(pair, 1.85, 1.0) * np.exp(random.normal(0, 0.025, number))
    time = random.uniform(0, SECONDS, number)
    kept = np.ones(number, dtype=bool)
    if clog:
        blocked = (time > 42) & (time < 49)
        seen[blocked] *= 0.55
        kept = ~blocked | (random.random(number) < 0.25)
    added = np.column_stack([np.floor(time / TICK), fsc, height, ssc, seen])[kept]
    events = np.concatenate([events, added])
    identity = np.concatenate([identity, np.where(pair, "bead_pair", "bead")[kept]])
    order = np.argsort(events[:, 0], kind="stable")
    return events[order], identity[order]


def _scatter(drawn, alive, looks, random):
    fsc = np.array([look.fsc for look in looks], dtype=float)[drawn]
    ssc = np.array([look.ssc for look in looks], dtype=float)[drawn]
    debris = drawn == len(looks) - 1
    fsc = fsc * np.exp(random.normal(0, np.where(debris, 0.35, 0.10))) * np.where(alive, 1.0, 0.72)
    ssc = ssc * np.exp(random.normal(0, np.where(debris, 0.5, 0.22))) * np.where(alive, 1.0, 1.25)
    height = fsc / 1.18 * np.exp(random.normal(0, 0.025, len(fsc)))
    return np.column_stack([fsc, height, ssc])


def _signal(drawn, alive, looks, panel, detectors, random, donor_shift, batch_shift, without):
    """Return the true signal of each cell in each detector, before spillover and noise."""
    own = np.array([look.autofluorescence for look in looks])[drawn]
    own = own * np.exp(random.normal(0, 0.3, len(drawn))) * np.where(alive, 1.0, 2.5)
    signal = np.empty((len(drawn), len(detectors)))
    for column, detector in enumerate(detectors):
        marker = PANELS[panel][detector][1]
        gain = 10.0 ** (batch_shift.get(detector, 0.0))
        glow = AUTOFLUORESCENCE[DETECTORS.index(detector)]
        signal[:, column] = own * glow * np.exp(random.normal(0, 0.25, len(drawn))) * gain
        if marker in without:
            continue
        if marker == "Viability":
            bright = np.where(alive, 120.0, 20_000.0)
        else:
            bright = np.array([look.markers.get(marker, 0.0) for look in looks])[drawn]
            bright = bright * np.where(alive, 1.0, 0.7)
        spread = SPREAD.get(marker, DEFAULT_SPREAD)
        shift = donor_shift.get(marker, 0.0)
        signal[:, column] += bright * gain * 10.0 ** random.normal(shift, spread, len(drawn))
    return signal


def shifts(
    random: np.random.Generator, names: tuple[str, ...], sd: float, limit: float = 0.2
) -> dict[str, float]:
    """Return a shift in decades for each name, at most `limit` either way."""
    return dict(zip(names, np.clip(random.normal(0, sd, len(names)), -limit, limit), strict=True))


def fcs_bytes(acquisition: Acquisition, keywords: dict[str, str]) -> bytes:
    """Return the file: FCS 3.1, list mode, 32-bit floats, little-endian, with $SPILLOVER."""
    parameters = len(acquisition.names)
    names = ",".join(acquisition.fluorescent)
    values = ",".join(f"{value:g}" for value in acquisition.spill.ravel())
    text = {
        "$BYTEORD": "1,2,3,4",
        "$DATATYPE": "F",
        "$MODE": "L",
        "$NEXTDATA": "0",
        "$PAR": str(parameters),
        "$TOT": str(len(acquisition.events)),
        "$TIMESTEP": f"{TICK:g}",
        "$CYT": "SYNTHETIC",
        "$BEGINANALYSIS": "0",
        "$ENDANALYSIS": "0",
        "$BEGINSTEXT": "0",
        "$ENDSTEXT": "0",
        "$SPILLOVER": f"{len(acquisition.fluorescent)},{names},{values}",
    }
    for number, (name, label) in enumerate(
        zip(acquisition.names, acquisition.labels, strict=True), 1
    ):
        text |= {
            f"$P{number}N": name,
            f"$P{number}B": "32",
            f"$P{number}E": "0,0",
            f"$P{number}R": "262144",
            f"$P{number}G": "1",
        }
        if label:
            text[f"$P{number}S"] = label
    text |= keywords
    data = acquisition.events.tobytes()
    # offsets are padded to a fixed width: the length of TEXT does not depend on them
    placed = text | {"$BEGINDATA": f"{0:>12}", "$ENDDATA": f"{0:>12}"}
    start = 58 + len(_segment(placed))
    placed |= {"$BEGINDATA": f"{start:>12}", "$ENDDATA": f"{start + len(data) - 1:>12}"}
    segment = _segment(placed)
    fits = start + len(data) - 1 <= 99_999_999
    offsets = (58, start - 1, start if fits else 0, start + len(data) - 1 if fits else 0, 0, 0)
    header = b"FCS3.1    " + b"".join(f"{offset:>8}".encode() for offset in offsets)
    return header + segment + data


def _segment(text: dict[str, str]) -> bytes:
    return b"\x0c" + b"".join(f"{key}\x0c{value}\x0c".encode() for key, value in text.items())
