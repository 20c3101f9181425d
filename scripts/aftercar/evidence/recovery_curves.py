"""When lineages recover and CAR-T is lost in the cohort, from intervals between specimens."""

from collections.abc import Iterable
from typing import NamedTuple

from aftercar.evidence.verdicts import NOT_ATTRIBUTABLE
from aftercar.stats.interval_censored import turnbull

CAR_LOSS = "car_loss"


class _Group:
    """What is known of one outcome: intervals, patients not attributable, patients unknown."""

    def __init__(self) -> None:
        self.intervals: list[tuple[int, int | None]] = []
        self.not_attributable = 0
        self.unknown = 0


class _Known(NamedTuple):
    """One patient: (after, until] in days since the infusion, or None where it cannot be told."""

    interval: tuple[int, int | None] | None
    attributable: bool = True


def recovery_curve_rows(
    recovery: Iterable[dict], kinetics: Iterable[dict]
) -> list[dict[str, object]]:
    """Return rows of RECOVERY_CURVES from plain rows of RECOVERY and KINETICS (missing: None).

    Days count from the infusion that each row is about; loss of CAR-T from the first infusion
    only. Who did not get there is watched up to the last specimen that shows so. Recovery with a
    failed attribution gate is not recovery: watched as long as seen not recovered; likewise CAR-T
    that a transplant cleared is not lost: watched as long as found. Patients in
    whom it cannot be told are counted as unknown; those a rule does not apply to are left out.
    """
    groups: dict[tuple[str, str, str], _Group] = {}
    for row in recovery:
        if row["status"] != "NOT_APPLICABLE":
            _take(groups, (row["lineage"], row["rule_id"], ""), _recovered(row))
    for row in kinetics:
        if row["infusion_no"] == 1 and row["loss_status"] != "NOT_APPLICABLE":
            _take(groups, (CAR_LOSS, row["measure"], row["target"]), _lost(row))
    return [row for key in sorted(groups) for row in _rows(key, groups[key])]


def _take(
    groups: dict[tuple[str, str, str], _Group], key: tuple[str, str, str], known: _Known
) -> None:
    group = groups.setdefault(key, _Group())
    if known.interval is None:
        group.unknown += 1
        return
    group.intervals.append(known.interval)
    group.not_attributable += not known.attributable


def _recovered(row: dict) -> _Known:
    attributable = not row["attribution"].startswith(NOT_ATTRIBUTABLE)
    since, last = row["since_day"], row["not_recovered_day"]
    if row["recovered_until_day"] is not None and attributable:  # also where it was lost later
        after = 0 if last is None else last - since
        return _Known((after, row["recovered_until_day"] - since))
    if last is None or row["status"] not in ("PRESENT", "ABSENT", "INDETERMINATE"):
        return _Known(None)
    return _Known((last - since, None), attributable)


def _lost(row: dict) -> _Known:
    after, start = row["loss_after_day"], row["infusion_day"]
    if after is None or start is None:
        return _Known(None)
    until = row["loss_until_day"]
    # what a transplant cleared was watched to the last specimen with CAR-T
    attributable = NOT_ATTRIBUTABLE not in row["flags"]
    return _Known((after - start, None if until is None else until - start), attributable)


def _rows(key: tuple[str, str, str], group: _Group) -> list[dict[str, object]]:
    outcome, rule_id, target = key
    seen = sum(until is not None for _, until in group.intervals)
    row: dict[str, object] = {
        "outcome": outcome,
        "rule_id": rule_id,
        "target": target,
        "patients": len(group.intervals),
        "seen": seen,
        "not_attributable": group.not_attributable,
        "unknown": group.unknown,
    }
    if not group.intervals:  # nothing is known of anybody: the row says how many are unknown
        return [row | {"after_day": 0, "at_risk": 0}]
    rows, share = [], 0.0
    for after, until, probability in turnbull(group.intervals):
        share += probability
        at_risk = sum(
            end > after if end is not None else start > after for start, end in group.intervals
        )
        rows.append(
            row
            | {
                "after_day": after,
                "until_day": until,
                "probability": probability,
                "share": None if until is None else min(share, 1.0),
                "at_risk": at_risk,
            }
        )
    return rows
