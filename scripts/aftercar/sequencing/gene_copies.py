"""Whether both copies of each gene are hit, once all specimens of a patient are called."""

from itertools import combinations

from aftercar.sequencing.alleles import Allele
from aftercar.sequencing.biallelic import Hit, Verdict, judge_bulk, phase_of_molecules
from aftercar.sequencing.callability_rows import is_loss_of_function
from aftercar.sequencing.fragments import split_segments
from aftercar.sequencing.phasing import alleles_of_fragments, count_together
from aftercar.sequencing.specimens import (
    Findings,
    GeneFindings,
    purity_of,
)
from aftercar.sequencing.variants import CallSettings

# Further apart no fragment covers both variants.
MAX_DISTANCE_NT = 1000
DECIDED = ("BIALLELIC", "MONOALLELIC", "NO_HIT")

Row = dict[str, object]


def add_gene_copies(found: list[Findings], settings: CallSettings) -> None:
    """Add the rows of BIALLELIC of each specimen of DNA, from its variants and its rows of LOH.

    RNA shows one copy more than the other also without a loss, so it has no rows. Call it after
    origin and loss have been told by matched normals.
    """
    for findings in found:
        if findings.sample["assay"] != "dna":
            continue
        for row in findings.rows["loh"]:
            part = findings.genes.get(str(row["gene"]))
            findings.rows["biallelic"] += _copies(findings, part, row, settings)


def _copies(
    findings: Findings, part: GeneFindings | None, loh: Row, settings: CallSettings
) -> list[Row]:
    gene = loh["gene"]
    base = findings.who | {"gene": gene, "known_from_day": findings.day}
    if part is None:
        return [
            base
            | {
                "basis": "dna",
                "state": "NOT_DETERMINED",
                "status": loh["status"],
                "flags": loh["flags"],
            }
        ]
    calls = [
        row for row in findings.rows["variants"] if row["gene"] == gene and is_loss_of_function(row)
    ]
    phases, rows = {}, []
    for a, b in combinations(calls, 2):
        counts = _molecules(findings, part, a, b, settings)
        state = phase_of_molecules(*counts)
        phases[frozenset((_name(a), _name(b)))] = state
        if sum(counts):
            rows.append(base | _pair_row(a, b, counts, state))
    verdict = judge_bulk(
        [_hit(row) for row in calls],
        phases,
        loh,
        purity=purity_of(findings.sample),
        detectable=_detectable(findings, str(gene)),
        target_vaf=settings.target_vaf,
    )
    return [base | _gene_row(calls, loh, verdict), *rows]


def _molecules(
    findings: Findings, part: GeneFindings, a: Row, b: Row, settings: CallSettings
) -> tuple[int, int, int]:
    first, second = _allele(a), _allele(b)
    if findings.fetch is None or abs(first.pos - second.pos) > MAX_DISTANCE_NT:
        return 0, 0, 0
    spans = sorted((allele.pos - 1, allele.end + 1) for allele in (first, second))
    segments = split_segments(findings.fetch(part.gene.chrom, spans))
    told = [
        alleles_of_fragments(
            segments,
            part.window,
            allele,
            min_base_quality=settings.min_base_quality,
            beside=other,
        )
        for allele, other in ((first, second), (second, first))
    ]
    return count_together(*told)


def _allele(row: Row) -> Allele:
    return Allele(int(str(row["pos"])), str(row["ref"]), str(row["alt"]))


def _name(row: Row) -> str:
    return str(row["hgvs_c"])


def _fraction(row: Row) -> tuple[float, float, float]:
    """Fraction and interval; one that is not known may be any."""
    if row["vaf"] is None:
        return 0.0, 0.0, 1.0
    vaf, low, high = (float(str(row[name])) for name in ("vaf", "vaf_low", "vaf_high"))
    return vaf, low, high


def _hit(row: Row) -> Hit:
    vaf, low, high = _fraction(row)
    return Hit(_name(row), vaf, low, high, somatic=row.get("origin") == "SOMATIC")


def _detectable(findings: Findings, gene: str) -> float | None:
    """Return the smallest fraction that would show in every exon; None: in some, none would."""
    limits = [
        row.get("detectable_vaf")
        for row in findings.rows["callability"]
        if row["gene"] == gene and row["exon"] != "all"
    ]
    known = [float(str(limit)) for limit in limits if limit is not None]
    return max(known) if known and len(known) == len(limits) else None


def _gene_row(calls: list[Row], loh: Row, verdict: Verdict) -> Row:
    hits = [f"{_name(row)} {_fraction_text(row)}" for row in calls]
    if loh["state"] == "LOH":
        hits.append("loss of heterozygosity")
    return {
        "basis": "dna",
        "hits": "; ".join(hits),
        "state": verdict.state,
        "cells_fraction_low": verdict.low,
        "cells_fraction_high": verdict.high,
        "status": "QUANTIFIED" if verdict.state in DECIDED else "INDETERMINATE",
        "flags": "; ".join(verdict.reasons),
    }


def _fraction_text(row: Row) -> str:
    if row["vaf"] is None:
        return "(fraction not known)"
    vaf, low, high = _fraction(row)
    return f"{100 * vaf:.3g} % ({100 * low:.3g} to {100 * high:.3g})"


def _pair_row(a: Row, b: Row, counts: tuple[int, int, int], state: str) -> Row:
    told = state != "NOT_DETERMINED"
    return {
        "basis": "molecules",
        "first": _name(a),
        "second": _name(b),
        "hits": f"{_name(a)}; {_name(b)}",
        **dict(zip(("both", "first_only", "second_only"), counts, strict=True)),
        "state": state,
        "status": "QUANTIFIED" if told else "INDETERMINATE",
        "flags": "" if told else "too few molecules cover both variants",
    }
