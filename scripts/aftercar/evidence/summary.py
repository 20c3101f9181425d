"""One row per patient: the latest landmark with data, the last values, the outcome so far."""

from aftercar.contracts.vocabulary import MECHANISMS
from aftercar.evidence.timeline import Timeline, Value

# The category shown where a mechanism has several rows (target antigens): the first that occurs.
ORDER = ("SIGNAL", "SIGNAL_CONFLICTING", "NOT_ASSESSABLE", "NO_SIGNAL", "NOT_APPLICABLE")
OUTCOMES = ("relapse", "lineage_switch", "extramedullary_relapse", "hct", "death")
CAR_MEASURES = ("car_copies", "car_copies_per_genome", "car_t_per_ul", "car_t_fraction")
B_CELL_MEASURES = ("b_cells_per_ul", "b_cells_fraction")
UNUSABLE = ("FAILED", "NOT_ASSESSED", "NOT_APPLICABLE")


def summary_row(
    timeline: Timeline,
    landmarks: list[int],
    risk: list[dict[str, object]],
    samples: list[dict[str, str]],
    failed_samples: set[str],
) -> dict[str, object]:
    """Return the row of PATIENTS for one patient.

    The latest landmark with data is the last one for which a specimen collected after the infusion
    is young enough. Without one, every category is NOT_ASSESSABLE. `failed_samples`: specimens with
    a failed check or value.
    """
    landmark = _latest_open_with_data(timeline, landmarks, risk)
    here = [row for row in risk if row["landmark_day"] == landmark]
    days = [value.day for value in timeline.values]
    days += [event.day for event in timeline.events]
    days += [int(sample["day"]) for sample in samples if sample["day"]]
    targets = dict.fromkeys(t for infusion in timeline.infusions for t in infusion.targets)
    specimens = {sample["sample_id"] for sample in samples if not sample["control_for"]}
    return {
        "patient_id": timeline.patient_id,
        "disease": timeline.facts["disease"],
        "targets": ";".join(targets),
        "last_day": max(days, default=None),
        "landmark": "" if landmark is None else f"D{landmark}",
        **{name: _worst(here, name) for name in MECHANISMS},
        "car_t_last": _last_value(timeline, CAR_MEASURES),
        "b_cells_last": _last_value(timeline, B_CELL_MEASURES),
        "outcome": _outcome(timeline),
        "specimens": len(specimens),
        "specimens_failed": len(specimens & failed_samples),
    }  # fmt: skip


def _latest_open_with_data(
    timeline: Timeline, landmarks: list[int], risk: list[dict[str, object]]
) -> int | None:
    """Return the latest landmark with data at which a mechanism still applied.

    After a relapse every row is NOT_APPLICABLE: shown as the latest, it would sort a relapsed
    patient among the harmless ones.
    """
    applies = {row["landmark_day"] for row in risk if row["category"] != "NOT_APPLICABLE"}
    given = [infusion.day for infusion in timeline.infusions if infusion.day is not None]
    with_data = [
        landmark
        for landmark in landmarks
        if given
        and any(
            min(given) < value.day <= landmark
            and value.known_from_day <= landmark
            and landmark - value.day <= timeline.max_age_days[value.specimen]
            and value.status not in UNUSABLE
            for value in timeline.values
        )
    ]
    return max([day for day in with_data if day in applies] or with_data, default=None)


def _worst(rows: list[dict[str, object]], mechanism: str) -> str:
    found = {row["category"] for row in rows if row["mechanism"] == mechanism}
    return next((category for category in ORDER if category in found), "NOT_ASSESSABLE")


def _last_value(timeline: Timeline, measures: tuple[str, ...]) -> str:
    """Return the latest usable blood value of the first measure that has one on the latest day.

    A CAR-T value counts only for an antigen that an infusion of this patient targets.
    """
    targets = {target for infusion in timeline.infusions for target in infusion.targets}
    usable = [
        value
        for value in timeline.values
        if value.measure in measures
        and value.specimen == "PB"
        and value.status not in UNUSABLE
        and (not value.target or targets & set(value.target.split(";")))
    ]
    if not usable:
        return "not assessed"
    last_day = max(value.day for value in usable)
    latest: list[Value] = [value for value in usable if value.day == last_day]
    return min(latest, key=lambda value: (measures.index(value.measure), value.target)).text


def _outcome(timeline: Timeline) -> str:
    return "; ".join(event.text for event in timeline.events if event.event in OUTCOMES)
