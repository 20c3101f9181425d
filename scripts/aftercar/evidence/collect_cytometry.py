"""Rows of EVIDENCE from counted populations and ratios."""

import pandas as pd

from aftercar.evidence.evidence_rows import (
    evidence_row,
    number_or_none,
    told_apart,
    who_when,
)
from aftercar.evidence.timeline import Infusion

# (role, denominator) -> measure of the fraction
FRACTIONS = {
    ("car_t", "t_cells"): "car_t_fraction",
    ("b_cells", "lymphocytes"): "b_cells_fraction",
    ("b_cells", "leukocytes"): "b_cells_of_leukocytes_fraction",
    ("hematogones", "leukocytes"): "hematogones_fraction",
    ("cd7_positive_t", "t_cells"): "cd7_positive_t_fraction",
    ("cd5_positive_t", "t_cells"): "cd5_positive_t_fraction",
    ("blasts", "leukocytes"): "flow_mrd_fraction",
    ("antigen_negative_blasts", "blasts"): "antigen_negative_blast_fraction",
    ("antigen_negative_blasts", "myeloid_blasts"): "antigen_negative_blast_fraction",
    ("myeloid_blasts", "leukocytes"): "myeloid_blast_fraction",
}
# role -> measure of the absolute count of blood, the only one that rules know
COUNTS = {
    "car_t": "car_t_per_ul",
    "b_cells": "b_cells_per_ul",
    "t_cells": "t_cells_per_ul",
    "cd4_t": "cd4_t_per_ul",
    "cd8_t": "cd8_t_per_ul",
    "nk_cells": "nk_cells_per_ul",
    "cd7_negative_t": "cd7_negative_t_per_ul",
}
RATIO_MEASURES = {
    "all_t": "cd7_cd5_ratio_all_t",
    "car_negative_t": "cd7_cd5_ratio_car_negative_t",
}
BLOOD = ("PB",)
UNKNOWN = ("FAILED", "NOT_ASSESSED", "NOT_APPLICABLE")


def population_evidence(
    populations: pd.DataFrame, infusions: list[Infusion]
) -> list[dict[str, object]]:
    """Return the measures that the roles of POPULATIONS stand for, by role, target and denominator.

    A CAR without a target binds the antigens of the infusion that was in force on the day. Absolute
    counts are taken once per specimen and role, from the first denominator in order of name.
    """
    rows, names, counted = [], [], set()
    records = populations[populations["role"] != ""].to_dict("records")
    for record in sorted(records, key=lambda r: (r["sample_id"], r["role"], r["denominator"])):
        target = record["target"]
        if record["role"] == "car_t" and not target:
            target = target_in_force(infusions, number_or_none(record["day"]))
        measure = FRACTIONS.get((record["role"], record["denominator"]))
        if measure:
            rows.append(_fraction_row(record, measure, target))
            names.append(record["gate_path"])
        measure = COUNTS.get(record["role"])
        key = (record["sample_id"], record["role"], target, record["gate_path"])
        if measure and key not in counted:
            absolute = _absolute_row(record, measure, target)
            if absolute:
                counted.add(key)
                rows.append(absolute)
                names.append(record["gate_path"])
    return told_apart(rows, names)


def target_in_force(infusions: list[Infusion], day: object) -> str:
    """Return the antigens, joined by ;, of the latest infusion given until the day, or nothing."""
    given = [
        i for i in infusions if i.day is not None and day is not None and i.day <= int(str(day))
    ]
    return ";".join(given[-1].targets) if given else ""


def _fraction_row(record: dict, measure: str, target: str) -> dict[str, object]:
    return evidence_row(
        **who_when(record),
        stream="cytometry",
        measure=measure,
        target=target,
        value=record["fraction"],
        low=record["fraction_low"],
        high=record["fraction_high"],
        limit=record["lod_fraction"],
        lloq=record["lloq_fraction"],
        count=record["count"],
        total=record["denominator_count"],
        status=record["status"],
        source=f"populations: {record['gate_path']}",
        flags=record["flags"],
    )


def _absolute_row(record: dict, measure: str, target: str) -> dict[str, object] | None:
    """Return the count per uL of blood; its limits are those of the fraction on the same scale.

    Beads also count liquor, marrow and products: true per uL of those, but no count of blood.
    """
    per_ul = number_or_none(record["cells_per_ul"])
    if per_ul is None or record["specimen"] not in BLOOD:
        return None
    high, fraction_high = record["cells_per_ul_high"], record["fraction_high"]
    fraction = number_or_none(record["fraction"])
    scale = None
    if fraction:
        scale = float(str(per_ul)) / float(str(fraction))
    elif number_or_none(high) is not None and number_or_none(fraction_high):
        scale = float(high) / float(fraction_high)
    limits = {
        name: None
        if scale is None or number_or_none(record[column]) is None
        else scale * float(record[column])
        for name, column in (("limit", "lod_fraction"), ("lloq", "lloq_fraction"))
    }
    return evidence_row(
        **who_when(record),
        **limits,
        stream="cytometry",
        measure=measure,
        target=target,
        value=per_ul,
        low=record["cells_per_ul_low"],
        high=high,
        count=record["count"],
        total=record["denominator_count"],
        status=record["status"],
        source=f"populations: {record['gate_path']}, {record['count_basis']}",
        flags=record["flags"],
    )


def ratio_evidence(ratios: pd.DataFrame) -> list[dict[str, object]]:
    """Return the CD7+/CD5+ ratios of RATIOS, for all T cells and for CAR-negative T cells."""
    return [
        evidence_row(
            **who_when(record),
            stream="cytometry",
            measure=RATIO_MEASURES[record["scope"]],
            value=record["ratio"],
            low=record["ratio_low"],
            high=record["ratio_high"],
            count=record["numerator_count"],
            total=record["denominator_count"],
            status=record["status"],
            source=f"ratios: {record['ratio_name']} of {record['scope']}",
            flags=record["flags"],
        )
        for record in ratios.to_dict("records")
        if record["ratio_name"] == "CD7+/CD5+"
    ]
