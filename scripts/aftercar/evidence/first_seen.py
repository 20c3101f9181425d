"""Since when a variant is there: the first specimen that shows it, the last one that could not."""

from typing import NamedTuple

import pandas as pd

from aftercar.evidence.evidence_rows import number_or_none

SHOWN = ("QUANTIFIED", "DETECTED_BELOW_LLOQ")
# Silence is negative in DNA only, with its limit: an allele need not be expressed.
CAN_BE_NEGATIVE = ("dna", "scdna")
INFUSION_DAY = 0  # what a specimen of that day or before shows was there before the infusion
LOCUS = ["gene", "chrom", "pos", "ref", "alt"]
INHERITED = ("GERMLINE", "POLYMORPHISM", "POSSIBLY_GERMLINE")  # by column origin, or may be


class Leukemia(NamedTuple):
    """Share of leukemic cells, or at least that; `source` is empty if the sheet states it."""

    share: float
    source: str


class Look(NamedTuple):
    """What one specimen says about a variant: seen, absent with a limit, or neither.

    A limit is a fraction of the leukemia: the fraction that the specimen would have shown, divided
    by its share of leukemic cells. `remark` says what the limit rests on, or why there is none.
    """

    day: int
    sample: str
    specimen: str
    assay: str
    seen: bool
    fraction: float | None
    limit: float | None  # of a specimen that says NOT_DETECTED; else None
    remark: str


def variant_history(
    variants: pd.DataFrame, clones: pd.DataFrame, samples: list[dict[str, str]]
) -> list[dict[str, object]]:
    """Return a row of VARIANT_HISTORY for each variant that a bulk specimen of the patient calls.

    `variants` and `clones` are the patient's rows of VARIANTS and CLONES, `samples` those of
    samples.tsv. Looked at are the earliest specimen that calls the variant by itself and all before
    it, so that later specimens change nothing.
    """
    if variants.empty:
        return []
    called = variants[
        (variants["filter"] == "PASS")
        & ~variants["tier"].isin(("POLYMORPHISM", "NONE"))
        & variants["day"].notna()
    ].sort_values([*LOCUS, "day", "sample_id"], kind="stable")
    assays = {sample["sample_id"]: sample["assay"] for sample in samples}
    leukemia = _leukemia(variants, clones, samples)
    rows = []
    for first in called.drop_duplicates(LOCUS).to_dict("records"):
        same = variants[(variants[LOCUS] == [first[name] for name in LOCUS]).all(axis=1)]
        found = [*same.to_dict("records"), *_cells_of(clones, first)]
        looks = [
            _look(record, assays, leukemia.get(record["sample_id"]))
            for record in found
            if number_or_none(record["day"]) is not None and record["day"] <= first["day"]
        ]
        rows.append(_row(first, sorted(looks, key=lambda look: (look.day, look.sample))))
    return rows


def _cells_of(clones: pd.DataFrame, first: dict) -> list[dict]:
    if clones.empty:
        return []
    marked = clones[clones["clone"] == f"{first['gene']} {first['hgvs_c']}"]
    renamed = marked.rename(columns={"fraction": "vaf", "detectable_fraction": "detectable_vaf"})
    return renamed.assign(filter="").to_dict("records")


def _leukemia(
    variants: pd.DataFrame, clones: pd.DataFrame, samples: list[dict[str, str]]
) -> dict[str, Leukemia]:
    """Return what is known of the leukemic cells of each specimen; absent: nothing speaks for any.

    Without a stated purity, a variant that was not inherited shows leukemic cells: its fraction is
    at most their share, unless copies were gained.
    """
    own = variants[
        (variants["filter"] == "PASS")
        & (variants["status"] == "QUANTIFIED")
        & ~variants["tier"].isin(("NONE", "POLYMORPHISM"))
        & ~variants["origin"].isin(INHERITED)
    ]
    found = [
        (float(row["vaf_low"]), row["sample_id"], f"{row['gene']} {row['hgvs_c'] or row['pos']}")
        for row in own[own["assay"] == "dna"].to_dict("records")
    ]
    for variant in own.drop_duplicates(LOCUS).to_dict("records"):
        for row in _cells_of(clones, variant):
            if row["status"] == "QUANTIFIED":
                found.append((float(row["fraction_low"]), row["sample_id"], row["clone"]))
    known = {sample: Leukemia(share, name) for share, sample, name in sorted(found)}  # the largest
    stated = {_tube(s): s["purity"] for s in samples if s.get("purity") and not s["control_for"]}
    return known | {
        sample["sample_id"]: Leukemia(float(stated[_tube(sample)]), "")
        for sample in samples
        if _tube(sample) in stated
    }


def _tube(sample: dict[str, str]) -> tuple[str, ...]:
    """Name what was collected: the purity of the row of its DNA holds for its cells, too."""
    return tuple(sample[name] for name in ("patient_id", "day", "specimen"))


def _look(record: dict, assays: dict[str, str], leukemia: Leukemia | None) -> Look:
    sample = record["sample_id"]
    assay = record.get("assay") or assays.get(sample, "")
    known = record["filter"] in ("", "PASS", "looked_for")  # not an artefact
    absent = record["status"] == "NOT_DETECTED" and assay in CAN_BE_NEGATIVE
    limit, fraction = number_or_none(record["detectable_vaf"]), number_or_none(record["vaf"])
    remark = ""
    if not absent or limit is None:
        limit = None
    elif leukemia is None:
        limit, remark = None, "nothing speaks for leukemic cells in {}: it excludes nothing"
    else:
        share = f"{leukemia.share:.2g}"
        limit = float(str(limit)) / leukemia.share if leukemia.share else 1.0
        if limit >= 1:
            limit, remark = None, f"only {share} of {{}} is leukemia: nothing excluded"
        elif leukemia.source:
            remark = (
                f"purity of {{}} is not stated: at least {leukemia.share:.2g} by {leukemia.source}"
            )
    return Look(
        day=int(record["day"]),
        sample=sample,
        specimen=record["specimen"],
        assay=assay,
        seen=known and record["status"] in SHOWN,
        fraction=None if fraction is None else float(str(fraction)),
        limit=limit,
        remark=remark.format(sample),
    )


def _row(first: dict, looks: list[Look]) -> dict[str, object]:
    seen = next(look for look in looks if look.seen)  # at the latest the one that calls it
    negative = [look for look in looks if look.limit is not None]
    last = next((look for look in reversed(negative) if look.day < seen.day), None)
    before = [look for look in looks if look.day <= INFUSION_DAY]
    limits = [look.limit for look in before if look.limit is not None]
    # in cells a clone has a limit of its own; in bulk reads each look is a test
    earlier = [k for k in looks if k.sample != first["sample_id"] and k.assay in ("dna", "rna")]
    flags = []
    if earlier:
        flags.append(
            f"looked for in {len(earlier)} bulk specimen(s) up to then, one test at 0.001 each"
        )
    if any(look.seen for look in before):
        verdict = "PRE_EXISTING"
        if limits:
            flags.append("other specimens before the infusion did not show it")
    elif limits:
        verdict = "NOT_DETECTED_BEFORE"
        flags.append(
            f"fractions of the leukemia below {min(limits):.2g} before the infusion are possible"
        )
    else:
        verdict = "NOT_ASSESSABLE"
        flags.append(
            "no specimen before the infusion could have shown it"
            if before
            else "no specimen before the infusion was examined"
        )
    if first["origin"] == "GERMLINE":
        verdict = "INHERITED"
        flags.append("inherited: in all cells, no clone of the leukemia")
    elif first["origin"] == "POSSIBLY_GERMLINE" and verdict == "PRE_EXISTING":
        verdict = "POSSIBLY_INHERITED"
        flags.append("inherited, or a clone that was there before the infusion")
    if verdict != "INHERITED":
        flags += dict.fromkeys(look.remark for look in before if look.remark)
    return {name: first[name] for name in (*LOCUS, "patient_id", "hgvs_c", "hgvs_p", "tier")} | {
        "origin": first["origin"],
        "called_day": first["day"],
        "called_sample": first["sample_id"],
        "first_seen_day": seen.day,
        "first_seen_sample": seen.sample,
        "first_seen_assay": seen.assay,
        "first_seen_fraction": seen.fraction,
        "last_negative_day": None if last is None else last.day,
        "last_negative_sample": "" if last is None else last.sample,
        "last_negative_specimen": "" if last is None else last.specimen,
        "last_negative_limit": None if last is None else last.limit,
        "limit_before_infusion": min(limits, default=None),
        "verdict": verdict,
        "known_from_day": first["day"],
        "flags": "; ".join(flags),
    }
