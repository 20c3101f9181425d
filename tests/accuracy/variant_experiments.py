"""Variants planted in simulated reads: are they found, named and sized, and is nothing else."""

from functools import cache

import numpy as np
import pandas as pd
from tests.accuracy.sequenced_reads import Variant
from tests.accuracy.variant_specimens import (
    EXONS_2_AND_3,
    Truth,
    findings_of,
    gene,
    published,
    segments_of,
    settings,
    specimen,
    window,
    written,
)

from aftercar.sequencing.alleles import Allele
from aftercar.sequencing.variants import count_known

FRACTIONS = (0.02, 0.01)
DEPTH = 2000


def judged(truth: Truth, rows: list[dict]) -> dict:
    """Return whether a variant is among the called rows, under its name, and what else is."""
    passed = [row for row in rows if row["filter"] == "PASS"]
    own = [r for r in passed if (r["pos"], r["ref"], r["alt"]) == truth.variant]
    found: dict = {
        "found": bool(own),
        "named": False,
        "alt_fragments": None,
        "depth": None,
        "vaf": None,
        "vaf_low": None,
        "vaf_high": None,
        "detectable_vaf": None,
        "inside": None,
        "further": "; ".join(written(row) for row in passed if row not in own),
        "doubted": "; ".join(
            f"{written(row)} {row['filter']}" for row in rows if row["filter"] != "PASS"
        ),
    }
    for row in own:
        stop = "" if row["stop_codon"] is None else str(row["stop_codon"])
        lost = truth.loses_transmembrane
        found |= {
            "named": row["hgvs_c"] == f"c.{truth.name}"
            and stop == truth.stop_codon
            and (not lost or (row["loses_transmembrane"] == "yes") == (lost == "yes")),
            **{
                n: row[n]
                for n in ("alt_fragments", "depth", "vaf", "vaf_low", "vaf_high", "detectable_vaf")
            },
        }
    return found


def truth_draw(truth: Truth, fraction: float, seed: int, exons: tuple[int, ...] = ()) -> dict:
    """Return how one published variant fares in one specimen of 2,000 fragments per base."""
    number = published().index(truth)
    reads = specimen(
        [(fraction, [truth.variant])], DEPTH, [1, number, round(fraction * 1e4), seed], exons
    )
    found = judged(truth, findings_of(reads).rows["variants"])
    if found["found"]:
        # the planted count is binomial about the fraction: four standard errors
        error = 4 * np.sqrt(fraction * (1 - fraction) / found["depth"])
        found["inside"] = abs(found["vaf"] - fraction) <= error
    return {"variant": truth.name, "fraction": fraction, "seed": seed} | found


def clean_draw(depth: float, seed: int, exons: tuple[int, ...] = ()) -> dict:
    """Return what is called in one specimen without variants, and the limits that it states."""
    rows = findings_of(specimen([], depth, [2, round(depth), seed], exons)).rows
    passed = [written(row) for row in rows["variants"] if row["filter"] == "PASS"]
    doubted = [written(row) for row in rows["variants"] if row["filter"] != "PASS"]
    limits = {row["exon"]: row["detectable_vaf"] for row in rows["callability"]}
    return {
        "depth": depth, "seed": seed, "false": len(passed), "calls": "; ".join(passed),
        "doubted": "; ".join(doubted), "limit": limits["all"],
        "limits": limits,
    }  # fmt: skip


# Variants of each class in exons 2 and 3, one a specimen, for the stated limits of detection.
CLASSES: dict[str, tuple[Variant, ...]] = {
    "substitution": ((28933043, "G", "T"), (28932525, "C", "T")),
    "1 nt off runs": ((28932975, "C", "CT"), (28932454, "TG", "T")),
    "1 nt in a run of six": ((28932529, "T", "TG"), (28932557, "GC", "G")),
    "insertion of 5 nt": ((28932516, "G", "GGGGGC"),),
    "deletion of 27 nt": ((28932521, "TCAACAGATGGGGGGCTTCTACCTGTGC", "T"),),
    "32 nt replaced by 6": ((28932529, "TGGGGGGCTTCTACCTGTGCCAGCCGGGGCCC", "AGACGT"),),
}
DEPTHS = (200, 500, 2000, 5000)
CLEAN_SPECIMENS = 3  # of which the stated limits are the mean


@cache
def stated_limits(variant: Variant, depth: float) -> dict[str, float | None]:
    """Return the limits that clean specimens state: for the exon, and for the variant itself.

    None where a specimen states that no fraction at all would be seen.
    """
    allele = Allele(*variant)
    exon = gene().exon_at(allele.pos)
    assert exon is not None
    exons, own = [], []
    for seed in range(CLEAN_SPECIMENS):
        reads = specimen([], depth, [3, round(depth), seed], EXONS_2_AND_3)
        findings = findings_of(reads)
        rows = {row["exon"]: row["detectable_vaf"] for row in findings.rows["callability"]}
        exons.append(rows[str(exon.number)])
        calls = findings.genes["CD19"].calls
        evidence = count_known(segments_of(reads), window(), calls, allele, settings())
        given = settings()
        own.append(evidence.detectable_vaf(given.false_calls_per_base, given.min_alt_fragments))
    return {"exon": _mean(exons), "variant": _mean(own)}


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if len(known) == len(values) else None


def found_at(variant: Variant, depth: float, fraction: float, seed: int) -> tuple[bool, str]:
    """Return whether a variant is called in one specimen, and what else is."""
    key = [4, variant[0], len(variant[1]), round(depth), round(fraction * 1e6), seed]
    rows = findings_of(specimen([(fraction, [variant])], depth, key, EXONS_2_AND_3)).rows
    called = [row for row in rows["variants"] if row["filter"] == "PASS"]
    own = [row for row in called if (row["pos"], row["ref"], row["alt"]) == variant]
    return bool(own), "; ".join(written(row) for row in called if row not in own)


def calibration(
    draws: int,
    depths: tuple[float, ...] = DEPTHS,
    classes: tuple[str, ...] = tuple(CLASSES),
    bases: tuple[str, ...] = ("exon", "variant"),
) -> pd.DataFrame:
    """Return how often variants at the stated limits are found, by class, depth and limit.

    `draws` specimens for each class, shared among its variants.
    """
    rows = []
    for name in classes:
        for depth in depths:
            for basis in bases:
                found, limits, further = [], [], []
                for seed in range(draws):
                    variant = CLASSES[name][seed % len(CLASSES[name])]
                    limit = stated_limits(variant, depth)[basis]
                    if limit is None or limit > 1:
                        continue
                    limits.append(limit)
                    one, more = found_at(variant, depth, limit, seed)
                    found.append(one)
                    further += [more] if more else []
                rows.append(
                    {
                        "class": name, "depth": depth, "basis": basis,
                        "limit": float(np.mean(limits)) if limits else None,
                        "draws": len(found), "found": sum(found),
                        "further": "; ".join(further),
                    }
                )  # fmt: skip
    return pd.DataFrame(rows)
