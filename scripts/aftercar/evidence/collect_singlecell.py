"""Rows of EVIDENCE from the antigen-loss test and the populations of single cells."""

import math

import pandas as pd

from aftercar.contracts.singlecell import (
    HIDDEN_NEGATIVE,
    IDENTITY_EVIDENCE,
    LINEAGE_SWITCH_HIDDEN,
    SHARED_LOSS_HIDDEN,
)
from aftercar.evidence.evidence_rows import evidence_row, number_or_none, who_when
from aftercar.stats.intervals import wilson_interval

ANTIGEN_OF_GENE = {"MS4A1": "CD20"}
GONE = ("LOST", "REDUCED")
FIRM = ("label", "genotype", "clonotype")


def antigen_loss_evidence(losses: pd.DataFrame, failed: set[str]) -> list[dict[str, object]]:
    """Return, per specimen and antigen, the leukemic share of sub-populations that lost it.

    A specimen in `failed` could not be read: FAILED. Only leukemic sub-populations whose cells
    could be judged (LOST, REDUCED or RETAINED) are counted. The antigen is NOT_DETECTED as lost
    only if all leukemic cells should carry it and are RETAINED, against a reference other than each
    other, and the screen sees no mixture in them. The limit is the largest fraction that the
    comparison or the screen would have missed, for no one knows whether a clone without the antigen
    stands apart or lies scattered among the others. B cells that may be leukemic and are not
    RETAINED exclude NOT_DETECTED. Otherwise it is INDETERMINATE. The flags of a
    loss name the weakest evidence that the cells are leukemic.
    """
    rows = []
    records = losses.to_dict("records")
    keys = sorted({(r["sample_id"], r["antigen"]) for r in records})
    for sample_id, antigen in keys:
        mine = [r for r in records if r["sample_id"] == sample_id and r["antigen"] == antigen]
        leukemic = [r for r in mine if r["identity"].startswith("leukemic")]
        if sample_id in failed:
            columns: dict[str, object] = {"status": "FAILED", "flags": "; ".join(_flags(mine))}
        elif leukemic:
            columns = _share(leukemic, _open_b_cells(mine))
        else:
            seen = any(r["cells"] for r in mine)
            remarks = dict.fromkeys(["no leukemic cells were identified", *_flags(mine)])
            columns = {
                "status": "INDETERMINATE" if seen else "NOT_ASSESSED",
                "flags": "; ".join(remarks),
            }
        rows.append(
            evidence_row(
                **who_when(mine[0]),
                **columns,
                stream="singlecell",
                measure="antigen_lost_cell_fraction",
                target=ANTIGEN_OF_GENE.get(antigen, antigen),
                source=f"antigen_loss: {antigen}",
            )
        )
    return rows


def _flags(records: list[dict]) -> list[str]:
    said = [part for r in records for part in r["flags"].split("; ")]
    return [part for part in dict.fromkeys(said) if part]


def _open_b_cells(records: list[dict]) -> list[str]:
    """Return, as doubts, B cells that may be leukemic and are not known to carry the antigen."""
    return [
        f"{r['population']} {r['status']}: {r['cells']} B cells that may be leukemic"
        for r in records
        if r["identity"] == "b_unresolved" and r["status"] in (*GONE, "NOT_EVALUABLE")
    ]


def _share(leukemic: list[dict], beside: list[str]) -> dict[str, object]:
    carriers = [r for r in leukemic if r["status"] != "NOT_APPLICABLE"]
    if not carriers and not beside:
        return {"status": "NOT_APPLICABLE", "flags": "; ".join(_flags(leukemic))}
    gone = [r for r in carriers if r["status"] in GONE]
    judged = [r for r in carriers if r["status"] in (*GONE, "RETAINED")]
    cells = sum(r["cells"] for r in judged)
    apart = _limit(leukemic, cells, "detectable_reduced_fraction")
    hidden = _limit(leukemic, cells, "detectable_hidden_fraction")
    common: dict[str, object] = {"limit": None, "total": cells}
    if apart is not None and hidden is not None:
        common["limit"] = max(apart, hidden)
    doubts = [*_doubts(leukemic, carriers, judged), *beside]
    if gone:
        count = sum(r["cells"] for r in gone)
        low, high = _negative_share(gone, judged, count, cells)
        names = ", ".join(f"{r['population']} {r['status']}" for r in gone)
        weakest = max((r["identity_evidence"] for r in gone), key=IDENTITY_EVIDENCE.index)
        return common | {
            "value": count / cells,
            "low": low,
            "high": high,
            "count": count,
            "status": "QUANTIFIED",
            "flags": "; ".join(
                dict.fromkeys([names, f"identity by {weakest}", *doubts, *_flags(gone)])
            ),
        }
    if doubts or not judged or apart is None or hidden is None:
        if judged and apart is not None and hidden is None:
            doubts.append("cells without the antigen scattered among the others would not show")
        flags = list(dict.fromkeys([*doubts, *_flags(carriers)]))
        return common | {"status": "INDETERMINATE", "flags": "; ".join(flags)}
    return common | {
        "value": 0.0,
        "low": 0.0,
        # one reference for all: its error moves all sub-populations the same way
        "high": min(math.hypot(wilson_interval(0, cells)[1], sum(_without(judged, cells))), 1.0),
        "count": 0,
        "status": "NOT_DETECTED",
        "flags": "; ".join(
            [
                f"cells without the antigen show from {apart:.2g} of the leukemic cells on if they "
                f"stand apart, from {hidden:.2g} on if they lie scattered among the others",
                *_flags(judged),
            ]
        ),
    }


def _negative_share(
    gone: list[dict], judged: list[dict], count: int, cells: int
) -> tuple[float, float]:
    """Return the limits of the share of cells without the antigen.

    Sub-populations are not pure. At reference level, the cells that have the antigen make up no
    more of a lost one than the upper limit of its relative expression, and those without it no more
    of a retained one than its lower limit leaves. This is added to the sampling error (Wilson) as
    independent variances are (MOVER, Zou & Donner 2008, 10.1002/sim.3095).
    """
    low, high = wilson_interval(count, cells)
    share = count / cells
    positive = [
        r["cells"] / cells * min(float(str(ratio)), 1.0)
        for r in gone
        if (ratio := number_or_none(r["relative_expression_high"])) is not None
    ]
    return (
        max(share - math.hypot(share - low, *positive), 0.0),
        min(share + math.hypot(high - share, *_without(judged, cells)), 1.0),
    )


def _without(judged: list[dict], cells: int) -> list[float]:
    """Return the share of all cells that may lack the antigen in each retained sub-population."""
    return [
        r["cells"] / cells * max(1.0 - float(str(ratio)), 0.0)
        for r in judged
        if r["status"] == "RETAINED"
        and (ratio := number_or_none(r["relative_expression_low"])) is not None
    ]


def _limit(leukemic: list[dict], cells: int, column: str) -> float | None:
    """Return the largest detectable share of the `cells` that could be judged, of a column.

    REDUCED counts as gone, so the limit is that of REDUCED or LOST. The table states it as a share
    of all leukemic cells, also of those without the antigen.
    """
    stated = [number_or_none(r[column]) for r in leukemic]
    shares = [float(str(share)) for share in stated if share is not None]
    if not shares or not cells:
        return None
    return min(1.0, max(shares) * sum(r["cells"] for r in leukemic) / cells)


def _doubts(leukemic: list[dict], carriers: list[dict], judged: list[dict]) -> list[str]:
    """Return why leukemic cells could be without the antigen unseen."""
    found = []
    other = [r for r in leukemic if r["status"] == "NOT_APPLICABLE" and r["cells"]]
    if other:
        lineages = ", ".join(dict.fromkeys(r["identity"] for r in other))
        found.append(
            f"{sum(r['cells'] for r in other)} of {sum(r['cells'] for r in leukemic)} leukemic "
            f"cells ({lineages}) are of a lineage that need not carry it: not counted"
        )
    total, seen = (sum(r["cells"] for r in part) for part in (carriers, judged))
    if len(judged) < len(carriers):
        found.append(f"{total - seen} of {total} leukemic cells could not be judged")
    if any(r["status"] == "RETAINED" and SHARED_LOSS_HIDDEN in r["flags"] for r in judged):
        found.append(SHARED_LOSS_HIDDEN)
    found += [said for said in _flags(judged) if said.startswith(HIDDEN_NEGATIVE)]
    return found


def clone_history_evidence(history: pd.DataFrame, losses: pd.DataFrame) -> list[dict[str, object]]:
    """Return a row per clone and antigen whose antigen-negative cells were there before infusion.

    The clone is the item. The row is of the specimen that shows them, but known only from the day
    on which the clone was told by a variant or clonotype, so that no earlier landmark sees it.
    Where the specimen itself told these cells leukemic by more than markers, `losses` say it.
    """
    specimens = {r["sample_id"]: r for r in losses.to_dict("records")}
    told = {
        (r["sample_id"], r["antigen"])
        for r in losses.to_dict("records")
        if r["status"] in GONE and r["identity_evidence"] in FIRM
    }
    rows = []
    for record in history.to_dict("records"):
        shown = specimens.get(record["first_negative_sample"])
        if record["negative_before_infusion"] != "YES" or shown is None:
            continue
        if (record["first_negative_sample"], record["antigen"]) in told:
            continue
        count, share = int(record["first_negative_cells"]), float(record["first_negative_fraction"])
        total = round(count / share)
        low, high = wilson_interval(count, total)
        rows.append(
            evidence_row(
                **who_when(shown),
                value=share,
                low=low,
                high=high,
                count=count,
                total=total,
                status="QUANTIFIED",
                stream="singlecell",
                measure="antigen_lost_cell_fraction",
                target=ANTIGEN_OF_GENE.get(record["antigen"], record["antigen"]),
                item=record["clone"],
                known_from_day=record["first_negative_known_from_day"],
                source=f"clone_history: {record['clone']} {record['antigen']}",
                flags="; ".join(
                    [
                        f"identity by {record['basis']}",
                        "a clone without the antigen before the infusion",
                        record["flags"],
                    ]
                ),
            )
        )
    return rows


def cell_population_evidence(populations: pd.DataFrame) -> list[dict[str, object]]:
    """Return the leukemic share of the cells that passed quality, and its myeloid part.

    A specimen without any usable cell has both rows, FAILED or NOT_ASSESSED. No leukemic cell among
    all is INDETERMINATE where only those of the B lineage would have been told from normal ones.
    """
    rows = []
    records = populations.to_dict("records")
    for sample_id in sorted({r["sample_id"] for r in records}):
        mine = [r for r in records if r["sample_id"] == sample_id]
        for measure, prefix in (
            ("leukemic_cell_fraction", "leukemic"),
            ("myeloid_leukemic_cell_fraction", "leukemic_myeloid"),
        ):
            found = [r for r in mine if r["identity"].startswith(prefix)]
            if not found and all(r["status"] in ("FAILED", "NOT_ASSESSED") for r in mine):
                found = mine
            if found:
                rows.append(_cells_row(found, measure))
    return rows


def _cells_row(found: list[dict], measure: str) -> dict[str, object]:
    cells = [number_or_none(r["cells"]) for r in found]
    total = number_or_none(found[0]["total_cells"])
    status = found[0]["status"]
    # of cells of one lineage: it excludes no leukemic cell of another
    columns: dict[str, object] = {"status": "INDETERMINATE" if status == "NOT_DETECTED" else status}
    count = sum(int(str(c)) for c in cells if c is not None)
    if None not in cells and total and (count or _excluded(found[0])):
        low, high = wilson_interval(count, int(str(total)))
        limit = number_or_none(found[0]["detectable_fraction"])
        columns = {
            "value": count / int(str(total)),
            "low": low,
            # what could have been missed is no part of the sampling error
            "high": max(high, float(str(limit or 0))) if count == 0 else high,
            "limit": limit,
            "count": count,
            "total": total,
            "status": "NOT_DETECTED" if count == 0 else _common_status(found),
        }
    evidence = ", ".join(dict.fromkeys(r["identity_evidence"] for r in found))
    said = f"identity by {evidence}"
    return evidence_row(
        **who_when(found[0]),
        **columns,
        stream="singlecell",
        measure=measure,
        source="cell populations",
        flags="; ".join([*([] if evidence == "none" else [said]), *_flags(found)]),
    )


def _excluded(row: dict) -> bool:
    """Return whether a row says that there is no leukemic cell of any lineage."""
    return row["status"] == "NOT_DETECTED" and LINEAGE_SWITCH_HIDDEN not in row["flags"]


def _common_status(found: list[dict]) -> str:
    statuses = {r["status"] for r in found}
    return statuses.pop() if len(statuses) == 1 else "QUANTIFIED"
