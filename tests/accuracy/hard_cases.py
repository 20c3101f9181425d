"""Cases in which a gate can be firmly wrong: what is said of each draw, against its truth.

A wide limit of blank excuses nothing here: cells enough to be quantified that are not detected are
BLIND even where the printed limit lies above them, and a count is right by its own interval alone.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd
from tests.accuracy.tubes import (
    BATCH_DECADES,
    CONTROL_EVENTS,
    DONOR_DECADES,
    SETTINGS,
    Tube,
    analysed,
    control,
    events_of,
    filled,
    markers_of_panels,
)

from aftercar.simulate.cytometer import DEAD, DETECTORS, LOOKS, Looks, acquire, shifts
from aftercar.stats.intervals import poisson_interval

EVENTS, DRAWS = 45_000, 8
EASY, ACTIVATED, FEW_DIM = "0 easy tubes", "10 activated CAR-T", "11 few dim CAR"
UNDECIDED = ("INDETERMINATE", "FAILED", "NOT_ASSESSED")
VERDICTS = ("RIGHT", "HONEST", "BLIND", "MISCOUNTED", "FALSE_NEGATIVE", "FALSE_POSITIVE")
LOST = 0.08  # of a population, at the gates before it: what the 200 simulated files allow
# flags of a row that name a doubt about its number; those of a control only where it is the fault
OF_THE_COUNT = ("may be background", "not told apart")
OF_THE_CONTROL = ("LARGE SHIFT", "control is off", "control stands", "a population beyond a valley")


def verdict(
    status: str, count: int | None, lob: float, lod: float, flags: str, true: int,
    doubts: tuple[str, ...] = (),
) -> str:  # fmt: skip
    """Return what a row is worth whose population has `true` cells; `lod` is in events.

    `doubts` are words of loud flags beside those about the count itself.

    RIGHT: the truth lies in the Poisson 95 % interval of the count, cells lost at earlier gates
    allowed, or nothing is detected where there are fewer cells than a clean tube quantifies.
    HONEST: no firm status, or a loud flag on a row that would else be BLIND or MISCOUNTED.
    FALSE_NEGATIVE: not detected, with as many cells as the printed limit or more. BLIND: the same
    with fewer than that limit, but enough to be quantified. FALSE_POSITIVE: detected, while the
    truth lies under the interval even when it is widened by LOB. MISCOUNTED: any other wrong count.
    """
    if status in UNDECIDED or count is None:
        return "HONEST"
    doubted = any(word in flags for word in (*OF_THE_COUNT, *doubts))
    if status == "NOT_DETECTED":
        if true >= lod:
            return "FALSE_NEGATIVE"
        if true < SETTINGS.limits.lloq_events:
            return "RIGHT"
        return "HONEST" if doubted else "BLIND"
    low, high = poisson_interval(count)
    low, high = low * (1 - LOST), high * (1 + LOST)
    if low <= true <= high:
        return "RIGHT"
    if true < low - lob:
        return "FALSE_POSITIVE"
    return "HONEST" if doubted else "MISCOUNTED"


@dataclass(frozen=True)
class Case:
    """A tube to draw: `counted` names populations of the template and the cells they should hold.

    `moved` are decades of the specimen's detectors against its control, `dimmed` decades of a
    marker on all cells of the specimen, `doubts` words of the flags that name what is wrong.
    """

    stratum: str
    name: str
    panel: str
    shares: Mapping[str, float]
    counted: Mapping[str, tuple[str, ...]]
    specimen: str = "PB"
    control_for: str = ""
    control_shares: Mapping[str, float] = field(default_factory=dict)
    moved: Mapping[str, float] = field(default_factory=dict)
    dimmed: Mapping[str, float] = field(default_factory=dict)
    looks: Mapping[str, Looks] = field(default_factory=lambda: LOOKS)
    dead_share: float = DEAD
    compensated: bool = True
    doubts: tuple[str, ...] = ()


T_RICH = {"t_cd4": 0.25, "t_cd8": 0.35, "b": 0.02, "nk": 0.08, "monocyte": 0.08}
T_ONLY = {"t_cd4": 0.25, "t_cd8": 0.35, "monocyte": 0.08}
T_AND_NK = {"t_cd4": 0.25, "t_cd8": 0.35, "nk": 0.10, "monocyte": 0.08}
MARROW = {"t_cd4": 0.08, "t_cd8": 0.08, "b": 0.02, "nk": 0.03, "monocyte": 0.08}
T_CELLS, CAR = ("t_cd4", "t_cd8"), ("car_cd8",)


def with_car(share: float, others: Mapping[str, float] = T_RICH) -> dict[str, float]:
    """Return shares of leukocytes in which `share` of the T cells are CAR+."""
    t_cells = sum(others[name] for name in T_CELLS)
    return {
        **others,
        **{name: others[name] * (1 - share) for name in T_CELLS},
        "car_cd8": share * t_cells,
    }


def looking(name: str, **changed: float) -> dict[str, Looks]:
    """Return the looks of all cells, of one population with other markers."""
    markers = {**LOOKS[name].markers, **changed}
    return {**LOOKS, name: replace(LOOKS[name], markers=markers)}


def activated(name: str, fsc: float, ssc: float) -> dict[str, Looks]:
    """Return the looks of all cells, one population with more scatter."""
    normal = LOOKS[name]
    return {**LOOKS, name: replace(normal, fsc=normal.fsc * fsc, ssc=normal.ssc * ssc)}


def cases() -> Iterator[Case]:
    """Yield all cases, those of a stratum together; the first are easy and show what is usual."""
    car, car_t = "car_t_persistence", {"car_t": CAR}
    clean = {"control_for": "fmo:CAR", "control_shares": T_RICH}
    for share in (0.0, 0.01):
        yield Case(EASY, f"{share:.0%} CAR+", car, with_car(share), car_t, **clean)
    yield Case(EASY, "2% B cells", "b_cell_recovery", T_RICH, {"b_cells": ("b",)})
    yield Case(
        EASY, "5% blasts, bright CD19, none negative", "b_all_mrd", MARROW | {"blast": 0.05},
        {"blasts": ("blast",), "cd19_negative_blasts": ()}, specimen="BM",
    )  # fmt: skip
    yield Case(EASY, "no hematogone, no blast", "b_all_mrd", MARROW, {"blasts": ()}, specimen="BM")
    yield Case(
        EASY, "1% blasts beside 5% hematogones", "b_all_mrd",
        MARROW | {"blast": 0.01, "hematogone": 0.05}, {"blasts": ("blast",)}, specimen="BM",
    )  # fmt: skip
    yield Case(
        EASY, "CD7 as usual", "t_lineage", T_RICH,
        {"cd7_positive_t": T_CELLS, "cd7_negative_t": ()},
    )  # fmt: skip
    dim = clean | {"looks": looking("car_cd8", CAR=900)}
    for share in (0.01, 0.05):
        yield Case(
            "1 dim CAR", f"brightness 900, {share:.0%} of T cells", car, with_car(share), car_t,
            **dim,
        )  # fmt: skip
    for other in (0.88, 0.30):
        yield Case(
            "2 mislabelled FMO", f"it is stained, {other:.0%} CAR+; 3% in the specimen", car,
            with_car(0.03), car_t, control_for="fmo:CAR", control_shares=with_car(other),
            doubts=OF_THE_CONTROL,
        )  # fmt: skip
    for kind in ("fmo:CAR", "pre_infusion"):
        for other in (0.005, 0.05):
            yield Case(
                "3 contaminated control", f"{kind} with {other:.1%} CAR+; 3% in the specimen", car,
                with_car(0.03), car_t, control_for=kind, control_shares=with_car(other),
                doubts=OF_THE_CONTROL,
            )  # fmt: skip
    for share in (0.0, 0.01, 0.02, 0.05):
        yield Case(
            "4 no CD3- lymphocytes", f"detector +0.3 decades, {share:.0%} CAR+", car,
            with_car(share, T_ONLY), car_t, moved={"PE-A": 0.3}, doubts=OF_THE_CONTROL, **clean,
        )  # fmt: skip
    for dead in (0.50, 0.80, 0.94):
        share = 0.9 * dead  # of all events; debris and doublets are the other tenth
        yield Case(
            "5 dead cells", f"{dead:.0%} dead, 5% CAR+", car, with_car(0.05),
            {"t_cells": (*T_CELLS, *CAR), **car_t}, dead_share=share,
        )  # fmt: skip
        yield Case(
            "5 dead cells", f"{dead:.0%} dead, 2% B cells", "b_cell_recovery", T_RICH,
            {"b_cells": ("b",)}, dead_share=share,
        )  # fmt: skip
        yield Case(
            "5 dead cells", f"{dead:.0%} dead, no B cells", "b_cell_recovery", T_AND_NK,
            {"b_cells": ()}, dead_share=share,
        )  # fmt: skip
    for extra in ({}, clean):
        told = "with FMO" if extra else "without control"
        yield Case(
            "6 no matrix in the file", f"no CAR+ cell, {told}", car, T_RICH, car_t,
            compensated=False, **extra,
        )  # fmt: skip
    for bright in (1000, 500, 300):
        yield Case(
            "7 blasts of one dim peak", f"CD19 of {bright}, none negative", "b_all_mrd",
            MARROW | {"blast": 0.05}, {"blasts": ("blast",), "cd19_negative_blasts": ()},
            specimen="BM", looks=looking("blast", CD19=bright),
        )  # fmt: skip
    for bright in (7000, 9000, 12_000, 18_000):  # the last is usual
        yield Case(
            "8 hematogones, no blast", f"5%, CD38 of {bright:,}", "b_all_mrd",
            MARROW | {"hematogone": 0.05}, {"blasts": ()}, specimen="BM",
            looks=looking("hematogone", CD38=bright),
        )  # fmt: skip
    for dimmer in (0.5, 0.7, 0.9):
        yield Case(
            "9 dim CD7, no B cells", f"{dimmer:g} decades dimmer", "t_lineage", T_AND_NK,
            {"cd7_positive_t": T_CELLS, "cd7_negative_t": ()}, dimmed={"CD7": -dimmer},
        )  # fmt: skip
    for fsc, ssc in ((1.3, 1.8), (1.4, 2.2)):
        yield Case(
            ACTIVATED, f"SSC x {ssc:g}, FSC x {fsc:g}, 25% CAR+", car, with_car(0.25), car_t,
            looks=activated("car_cd8", fsc, ssc), **clean,
        )  # fmt: skip
    for share in (0.001, 0.005):
        yield Case(
            FEW_DIM, f"brightness 900, {share:.1%} of T cells", car, with_car(share), car_t, **dim
        )


def drawn(case: Case, random: np.random.Generator) -> Tube:
    """Return one tube of a case and its control, of a donor and an instrument of their own."""
    donor = shifts(random, markers_of_panels(), DONOR_DECADES)
    batch = shifts(random, DETECTORS, BATCH_DECADES)
    controls = []
    if case.control_for:
        # a tube that was stained although its label says otherwise lacks nothing
        stained = any(name.startswith("car") for name in case.control_shares)
        left_out = () if stained else (case.control_for.removeprefix("fmo:"),)
        before = acquire(
            filled(dict(case.control_shares)), case.panel, CONTROL_EVENTS, random, donor_shift={},
            batch_shift=batch, without=frozenset(left_out), looks=case.looks,
        )  # fmt: skip
        controls = [control(case.panel, case.control_for, events_of(before))]
    acquired = acquire(
        filled(dict(case.shares)), case.panel, EVENTS, random,
        donor_shift={name: by + case.dimmed.get(name, 0.0) for name, by in donor.items()},
        batch_shift={name: by + case.moved.get(name, 0.0) for name, by in batch.items()},
        looks=case.looks, dead_share=case.dead_share,
    )  # fmt: skip
    return Tube(case.panel, case.specimen, acquired, controls, [])


def case_draws(case: Case, draws: int = DRAWS) -> pd.DataFrame:
    """Return a row per draw and reported row of the populations that a case counts."""
    found = []
    for draw in range(draws):
        # the same seeds whatever other cases are there
        seed = [draw, *f"{case.stratum} {case.name}".encode()]
        tube = drawn(case, np.random.default_rng(seed))
        held = tube.acquired.counts()
        for row in analysed(tube, with_matrix=case.compensated).populations:
            if row["population"] not in case.counted:
                continue
            true = sum(held.get(name, 0) for name in case.counted[row["population"]])
            lob = row.get("lob_events") or 0.0
            lod = (row.get("lod_fraction") or 0.0) * (row.get("denominator_count") or 0)
            count, status, flags = row.get("count"), row["status"], row["flags"]
            found.append(
                {
                    "stratum": case.stratum, "case": case.name, "population": row["population"],
                    "of": row["denominator"], "draw": draw, "true": true, "count": count,
                    "lob": lob, "lod": lod, "status": status, "flags": flags,
                    "verdict": verdict(status, count, lob, lod, flags, true, case.doubts),
                }
            )  # fmt: skip
    return pd.DataFrame(found)


def experiment(stratum: str = "", draws: int = DRAWS) -> pd.DataFrame:
    """Return the draws of all cases, or of those of one stratum."""
    chosen = [case for case in cases() if case.stratum == stratum or not stratum]
    return pd.concat([case_draws(case, draws) for case in chosen], ignore_index=True)
