"""Clones over time: since when a clone is there, since when without the antigen, how it grows."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from aftercar.contracts.singlecell import LEUKEMIC, SHARED_LOSS_HIDDEN
from aftercar.singlecell.barcodes import rows_of_barcodes
from aftercar.stats.intervals import wilson_interval

Row = dict[str, object]
INFUSION_DAY = 0  # what a specimen of that day or before shows was there before the infusion
# Elsewhere a receptor or a variant is ambient or a doublet's.
MAY_BELONG = (*LEUKEMIC, "normal_b", "b_unresolved", "normal_progenitor")
SHARE_OF = {
    "label": "share of the leukemic cells with a named sub-population",
    "genotype": "share of the leukemic cells whose molecules show the locus, at least: a cell need "
    "not show the allele that it carries",
    "clonotype": "share of the leukemic cells with a heavy (beta, delta) chain",
}


@dataclass(frozen=True, eq=False)
class SpecimenCells:
    """What is kept of a specimen with a day, for the history; arrays run over its usable cells.

    `named` holds the user's name of each cell's sub-population or nothing. `receptors` are the
    rearrangements of the cell's clone, None without a heavy (beta, delta) chain; `clones` those
    of the clones that are the leukemia's. `mutant` and `covered` map a variant to the cells that
    carry it and to those whose molecules show the locus, whenever it became known.
    `inherited` are variants that T or NK cells share: they mark no clone of the patient.
    `variants_from` is the day from which each variant was known in this specimen. `loss` are the
    specimen's rows of ANTIGEN_LOSS. `mixed` says of an antigen that the screen for hidden negative
    cells saw leukemic cells of unlike level, `scattered_limit` is the share that it would have
    seen.
    """

    sample_id: str
    patient_id: str
    day: int
    specimen: str
    identity: np.ndarray
    population: np.ndarray
    named: np.ndarray | None
    receptors: list[frozenset[str] | None] | None
    clones: dict[str, frozenset[str]]
    mutant: dict[str, np.ndarray]
    covered: dict[str, np.ndarray]
    variants_from: dict[str, int]
    loss: list[Row]
    inherited: frozenset[str] = frozenset()
    mixed: dict[str, str] = field(default_factory=dict)
    scattered_limit: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Clone:
    """A clone by what marks it; `known_from` is the day of the first specimen that tells it."""

    name: str
    basis: str
    rearrangements: frozenset[str]
    known_from: int


@dataclass(frozen=True)
class Look:
    """What one specimen says of a clone and an antigen.

    `limit` is the smallest share of leukemic cells at which the clone would have shown,
    `negative_limit` that at which cells without the antigen would have been called LOST; None
    where the specimen cannot say that there are none, for the `reason`.
    """

    day: int
    sample_id: str
    specimen: str
    known_from: int
    cells: int
    evaluable: int
    lost: int
    seen: bool
    negative: bool
    limit: float | None
    negative_limit: float | None
    stated_limit: float | None  # the same, even if too high to say anything
    reason: str


def clone_history(specimens: Iterable[SpecimenCells], rule: dict) -> list[Row]:
    """Return a row of CLONE_HISTORY for each clone and antigen of one patient.

    Clones are matched by genotype, clonotype or the user's name, never by number of a cluster.
    `rule` is the part history of resources/singlecell/clonotypes.yaml.
    """
    looked = sorted(specimens, key=lambda one: (one.day, one.sample_id))
    antigens = sorted(
        {
            str(row["antigen"])
            for one in looked
            for row in one.loss
            if row["identity"] in LEUKEMIC and row["status"] != "NOT_APPLICABLE"
        }
    )
    rows = []
    for clone in _clones(looked, rule):
        for antigen in antigens:
            looks = [_look(one, clone, antigen, rule) for one in looked]
            if any(look.seen for look in looks):
                rows.append(_row(looked[0].patient_id, antigen, clone, looks, rule))
    return rows


def canonical_name(
    rearrangements: frozenset[str], name: str, known: dict[str, frozenset[str]]
) -> str:
    """Return the name under which a clonotype is known already, or its own."""
    return next((old for old, keys in known.items() if keys & rearrangements), name)


def _clones(specimens: list[SpecimenCells], rule: dict) -> Iterator[Clone]:
    found: dict[tuple[str, str], Clone] = {}
    inherited = frozenset().union(*(one.inherited for one in specimens))
    clonotypes: dict[str, frozenset[str]] = {}
    for one in specimens:
        leukemic = np.isin(one.identity, LEUKEMIC)
        if one.named is not None:
            for name in sorted(set(one.named[leukemic]) - {""}):
                found.setdefault(("label", name), Clone(name, "label", frozenset(), one.day))
        for name, mask in sorted(one.mutant.items()):
            if name not in inherited and (mask & leukemic).sum() >= rule["negative_cells"]:
                since = one.variants_from.get(name, one.day)
                old = found.get(("genotype", name))
                if old is None or since < old.known_from:
                    found["genotype", name] = Clone(name, "genotype", frozenset(), since)
        for own, keys in one.clones.items():
            name = canonical_name(keys, own, clonotypes)
            old = found.get(("clonotype", name))
            clonotypes[name] = clonotypes.get(name, frozenset()) | keys
            since = old.known_from if old else one.day
            found["clonotype", name] = Clone(name, "clonotype", clonotypes[name], since)
    yield from (found[key] for key in sorted(found))


def _members(one: SpecimenCells, clone: Clone) -> tuple[np.ndarray, np.ndarray]:
    """Return the cells of a clone, and the leukemic cells that could have shown it."""
    leukemic = np.isin(one.identity, LEUKEMIC)
    nothing = np.zeros(len(leukemic), dtype=bool)
    if clone.basis == "label":
        if one.named is None:
            return nothing, nothing
        return leukemic & (one.named == clone.name), leukemic & (one.named != "")
    may = np.isin(one.identity, MAY_BELONG)
    if clone.basis == "genotype":
        own = one.mutant.get(clone.name, nothing) & may
        return own, (one.covered.get(clone.name, nothing) & leukemic) | own
    if one.receptors is None:
        return nothing, nothing
    has = np.array([keys is not None for keys in one.receptors], dtype=bool)
    own = may & np.array(
        [keys is not None and bool(keys & clone.rearrangements) for keys in one.receptors],
        dtype=bool,
    )
    return own, (has & leukemic) | own


def _look(one: SpecimenCells, clone: Clone, antigen: str, rule: dict) -> Look:
    own, could = _members(one, clone)
    rows = [r for r in one.loss if r["antigen"] == antigen and r["identity"] in LEUKEMIC]
    rows = [r for r in rows if r["status"] != "NOT_APPLICABLE"]
    gone = [str(r["population"]) for r in rows if r["status"] == "LOST"]
    lost = int((own & np.isin(one.population, gone)).sum())
    cells, evaluable = int(own.sum()), int(could.sum())
    least = 1 if clone.basis == "label" else rule["seen_cells"]
    # an allele need not be expressed: RNA never excludes a clone
    silent = clone.basis != "genotype" and evaluable > 0
    of_others = (could & ~own) if clone.basis != "genotype" else np.zeros_like(own)
    told = clone.basis != "genotype" or _beyond_other_lineages(one, clone.name, cells)
    could_miss, reason = _could_miss(
        one, of_others, antigen, rows, lost, apart=clone.basis == "label"
    )
    negative_limit = None if could_miss is None else _adequate(could_miss, rule)
    if could_miss is not None and negative_limit is None:
        reason = (
            f"only {could_miss:.2g} of the leukemic cells without {antigen} could have shown, "
            f"not {rule['adequate_limit']:g}"
        )
    return Look(
        day=one.day,
        sample_id=one.sample_id,
        specimen=one.specimen,
        known_from=max(one.day, clone.known_from, one.variants_from.get(clone.name, one.day)),
        cells=cells,
        evaluable=evaluable,
        lost=lost,
        seen=cells >= least and told,
        negative=lost >= rule["negative_cells"] and told,
        # three cells are found with 95 % probability when three are expected (Poisson); one
        # that must show twice needs 4.7
        limit=_adequate((3.0 if least == 1 else 4.75) / evaluable, rule)
        if silent and cells == 0
        else None,
        negative_limit=negative_limit,
        stated_limit=could_miss,
        reason=reason,
    )


def _beyond_other_lineages(one: SpecimenCells, variant: str, carriers: int) -> bool:
    """Return whether a variant is surely more frequent than in T and NK cells of the specimen.

    There it can only be ambient, an artefact or a doublet's. All cells count, not only those that
    show the locus: few T and NK cells express it, and what they show of it is ambient.
    """
    other = np.isin(one.identity, ("normal_t", "normal_nk"))
    cells = int(np.isin(one.identity, MAY_BELONG).sum())
    ambient = int((one.mutant.get(variant, np.zeros_like(other)) & other).sum())
    return wilson_interval(carriers, cells)[0] > ambient / max(int(other.sum()), 1)


def _could_miss(
    one: SpecimenCells,
    of_others: np.ndarray,
    antigen: str,
    rows: list[Row],
    lost: int,
    *,
    apart: bool,
) -> tuple[float | None, str]:
    """Return the share of a clone's cells without the antigen that could be missed, or why none.

    `of_others` are cells shown to belong to other clones, `rows` those of the antigen in leukemic
    cells, `lost` cells of the clone in sub-populations called LOST. Cells that no label sets
    `apart` may lie scattered among others, where only the screen for hidden negative cells would
    see them.
    """
    if not rows:
        return None, f"no leukemic cell that could have shown a loss of {antigen}"
    if lost:
        return None, f"{lost} cells of the clone lie in a sub-population called LOST for {antigen}"
    judged = [str(r["population"]) for r in rows]
    other = np.isin(one.identity, LEUKEMIC) & ~np.isin(one.population, judged) & ~of_others
    if other.any():
        return None, (
            f"{int(other.sum())} leukemic cells of another lineage "
            f"({', '.join(sorted(set(one.identity[other])))}) are not judged for {antigen}"
        )
    gone = [str(r["population"]) for r in rows if r["status"] == "LOST"]
    if cells := int((np.isin(one.population, gone) & ~of_others).sum()):
        return None, (
            f"{cells} cells in a sub-population called LOST for {antigen} are not shown to belong "
            "to another clone"
        )
    kept = [r for r in rows if r["status"] != "LOST"]
    if not kept:
        return None, f"all leukemic cells lie in sub-populations called LOST for {antigen}"
    if unlike := sorted({str(r["status"]) for r in kept} - {"RETAINED"}):
        return None, f"{antigen} is {' and '.join(unlike)} in leukemic cells"
    if any(SHARED_LOSS_HIDDEN in str(r["flags"]) for r in kept):
        return None, f"no loss of {antigen} that all leukemic cells share could have shown"
    stated = [float(str(r["detectable_fraction"])) for r in kept if r.get("detectable_fraction")]
    if antigen in one.mixed:
        return None, one.mixed[antigen]
    if len(stated) < len(kept):
        return None, f"no share of the leukemic cells without {antigen} could have shown"
    if apart:
        return max(stated), ""
    scattered = one.scattered_limit.get(antigen)
    if scattered is None:
        return None, f"no share of cells without {antigen} scattered among others could have shown"
    return max(*stated, scattered), ""


def _adequate(limit: float, rule: dict) -> float | None:
    return limit if limit <= rule["adequate_limit"] else None


def _row(patient_id: str, antigen: str, clone: Clone, looks: list[Look], rule: dict) -> Row:
    first = next(look for look in looks if look.seen)
    negative = next((look for look in looks if look.negative), None)
    measured = [look for look in looks if look.evaluable]
    latest = measured[-1]
    before = [look for look in looks if look.day <= INFUSION_DAY]
    flags = [SHARE_OF[clone.basis]]
    if first.day < clone.known_from:
        flags.append(f"looked for in {first.sample_id} since day {clone.known_from} told of it")
    here, here_from, _ = _before(before, "seen", "limit")
    without, without_from, limit = _before(before, "negative", "negative_limit")
    said = {
        "UNKNOWN": "unknown before the infusion: "
        + ", ".join(f"{look.sample_id}: {look.reason}" for look in before)
        if before
        else "no single cells were examined before the infusion",
        "NOT_SEEN": f"cells of this clone without {antigen} that are {limit or 0:.2g} of the "
        "leukemic cells would have shown before the infusion, "
        + (
            "if a label set them apart; fewer cells, or cells scattered among others, not"
            if clone.basis == "label"
            else "apart or scattered among others; fewer not"
        ),
    }
    if without in said:
        flags.append(said[without])
    status = _status(latest, rule)
    if status == "INDETERMINATE" and latest not in before:
        flags.append(f"unknown in {latest.sample_id}: {latest.reason}")
    growth, remark = _growth(first, latest, clone.basis)
    flags += [remark] if remark else []
    return {
        "patient_id": patient_id,
        "antigen": antigen,
        "clone": clone.name,
        "basis": clone.basis,
        **_share("first_seen", first, clone.basis),
        "first_seen_known_from_day": first.known_from,
        "first_negative_day": negative.day if negative else None,
        "first_negative_sample": negative.sample_id if negative else "",
        "first_negative_cells": negative.lost if negative else None,
        "first_negative_fraction": negative.lost / negative.evaluable if negative else None,
        "first_negative_known_from_day": negative.known_from if negative else None,
        "not_seen_before": _not_seen(looks, negative),
        "clone_before_infusion": here,
        "clone_before_known_from_day": here_from,
        "negative_before_infusion": without,
        "negative_before_known_from_day": without_from,
        "limit_before_infusion": limit,
        **_share("latest", latest, clone.basis),
        **_negative_share(latest),
        **growth,
        "status": status,
        "flags": "; ".join(flags),
    }


def _before(looks: list[Look], shown: str, limit: str) -> tuple[str, int | None, float | None]:
    """Return whether something was there before the infusion, since when known, and the limit."""
    having = [look for look in looks if getattr(look, shown)]
    if having:
        return "YES", min(look.known_from for look in having), None
    limits = [getattr(look, limit) for look in looks if getattr(look, limit) is not None]
    if limits:
        days = [look.known_from for look in looks if getattr(look, limit) is not None]
        return "NOT_SEEN", min(days), min(limits)
    return "UNKNOWN", None, None


def _share(name: str, look: Look, basis: str) -> Row:
    low, high = wilson_interval(look.cells, look.evaluable)
    return {
        f"{name}_day": look.day,
        f"{name}_sample": look.sample_id,
        f"{name}_cells": look.cells,
        f"{name}_fraction": look.cells / look.evaluable if look.evaluable else None,
        f"{name}_fraction_low": low if look.evaluable else None,
        f"{name}_fraction_high": high if look.evaluable and basis != "genotype" else None,
    }


def _negative_share(latest: Look) -> Row:
    low, high = wilson_interval(latest.lost, latest.evaluable)
    known = latest.evaluable and latest.lost
    return {
        "latest_negative_cells": latest.lost,
        "latest_negative_fraction": latest.lost / latest.evaluable if known else None,
        "latest_negative_fraction_low": low if known else None,
        "latest_negative_fraction_high": high if known else None,
    }


def _not_seen(looks: list[Look], negative: Look | None) -> str:
    """Say of each specimen before the first with antigen-negative cells what it could exclude."""
    told = []
    for look in looks:
        if negative is not None and look.day >= negative.day:
            break
        if look.negative:
            continue
        word = "cannot say"
        if look.negative_limit is not None:
            word = f"not seen, limit {look.negative_limit:.2g}"
        elif look.stated_limit is not None:
            word = f"cannot say below {look.stated_limit:.2g}"
        told.append(f"{look.sample_id} (day {look.day}): {word}")
    return "; ".join(told)


def _growth(first: Look, latest: Look, basis: str) -> tuple[Row, str]:
    """Return the fold of the clone's share per 30 days, with a 95 % interval.

    Ratio of two proportions from their Wilson limits on the log scale (Zou & Donner 2008,
    10.1002/sim.3095), to the power of 30 days over the days between.
    """
    days = latest.day - first.day
    if days <= 0 or not latest.cells:
        return {}, ""
    if basis == "genotype":
        return (
            {},
            "no growth by genotype: how many carriers show the allele differs",
        )
    if first.specimen != latest.specimen:
        return {}, f"no growth: {first.specimen} and {latest.specimen} hold different cells"
    (p1, low1, high1), (p2, low2, high2) = (
        [math.log(look.cells / look.evaluable)]
        + [math.log(limit) for limit in wilson_interval(look.cells, look.evaluable)]
        for look in (first, latest)
    )
    fold, power = p2 - p1, 30 / days
    return {
        "fold_per_30_days": math.exp(fold * power),
        "fold_per_30_days_low": math.exp((fold - math.hypot(p2 - low2, high1 - p1)) * power),
        "fold_per_30_days_high": math.exp((fold + math.hypot(high2 - p2, p1 - low1)) * power),
    }, ""


def _status(latest: Look, rule: dict) -> str:
    """Return the status of cells of the clone without the antigen in the latest specimen."""
    if latest.lost >= rule["quantified_cells"]:
        return "QUANTIFIED"
    if latest.lost >= rule["negative_cells"]:
        return "DETECTED_BELOW_LLOQ"
    return "NOT_DETECTED" if latest.negative_limit is not None else "INDETERMINATE"


def variant_cells(
    genotypes: pd.DataFrame, clones: pd.DataFrame, sample: dict[str, str], barcodes: np.ndarray
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray], dict[str, int]]:
    """Return mutant and covered cells by variant of CLONES, and the day each was known from.

    `barcodes` are those of the usable cells; they agree as `rows_of_barcodes` says.
    """
    mine = clones[(clones["sample_id"] == sample["sample_id"]) & (clones["basis"] == "genotype")]
    cells = genotypes[genotypes["sample_id"] == sample["sample_id"]]
    named = cells["gene"] + " " + cells["hgvs_c"]
    position, _ = rows_of_barcodes(cells["barcode"], barcodes)
    mutant, covered, since = {}, {}, {}
    for clone, known_from in zip(mine["clone"], mine["known_from_day"], strict=True):
        own = cells[(named == clone) | (cells["hgvs_c"] == clone)]
        masks = []
        for part in (own[own["state"] == "MUTANT"], own[own["ref_umis"] + own["alt_umis"] > 0]):
            mask = np.zeros(len(barcodes), dtype=bool)
            mask[[position[name] for name in part["barcode"] if name in position]] = True
            masks.append(mask)
        mutant[clone], covered[clone] = masks
        if not pd.isna(known_from):
            since[clone] = int(known_from)
    return mutant, covered, since
