"""Look for the variants of one specimen in all other specimens of the patient."""

from aftercar.contracts.sequencing import VARIANTS
from aftercar.sequencing.alleles import Allele, AlleleError, check_reference, left_align
from aftercar.sequencing.callability_rows import RNA_LIMIT
from aftercar.sequencing.consequence import predict
from aftercar.sequencing.specimens import (
    Findings,
    GeneFindings,
    variant_columns,
    window_segments,
)
from aftercar.sequencing.variants import (
    KNOWN_VARIANT_ALPHA,
    KNOWN_VARIANT_MIN_FRAGMENTS,
    CallSettings,
    Evidence,
    count_known,
)

UNSURE_ALPHA = 0.05  # fragments this rare as errors are no silence (a convention)

Key = tuple[str, str, int, str, str]


def add_known_variants(
    all_findings: list[Findings],
    listed: dict[str, list[tuple[str, int, str, str]]],
    settings: CallSettings,
) -> None:
    """Add to each specimen a row for every variant that another one, or a list, names.

    A row is known from the day on which both specimens exist: the later of its own day and the
    earliest day on which some specimen shows the variant by itself. Later specimens change nothing
    in it. `listed` holds variants to look for by sample_id (contig, position, ref, alt).
    """
    called = {_key(row): row for f in all_findings for row in f.rows["variants"]}
    sources: dict[Key, list[Findings]] = {}
    for findings in all_findings:
        for row in findings.rows["variants"]:
            if row["filter"] == "PASS" and row["tier"] not in ("POLYMORPHISM", "NONE"):
                sources.setdefault(_key(row), []).append(findings)
    for findings in all_findings:
        own = {_key(row) for row in findings.rows["variants"]}
        wanted = {key: _earliest(found) for key, found in sources.items() if key not in own}
        for key in _listed_keys(findings, listed.get(findings.sample["sample_id"], [])):
            if key not in own:
                wanted.setdefault(key, None)
        for key, day in sorted(wanted.items(), key=lambda item: item[0]):
            part = findings.genes.get(key[0])
            findings.rows["variants"].append(
                _unassessed(findings, called[key], day)
                if part is None
                else _known_row(findings, part, Allele(key[2], key[3], key[4]), day, settings)
            )


def _key(row: dict[str, object]) -> Key:
    return (
        str(row["gene"]),
        str(row["chrom"]),
        int(str(row["pos"])),
        str(row["ref"]),
        str(row["alt"]),
    )


def _earliest(sources: list[Findings]) -> int | None:
    days = [findings.day for findings in sources if findings.day is not None]
    return min(days) if days else None


def _listed_keys(findings: Findings, listed: list[tuple[str, int, str, str]]) -> list[Key]:
    """Return the listed variants that lie in an examined gene and fit the reference."""
    keys = []
    for contig, pos, ref, alt in listed:
        for symbol, part in findings.genes.items():
            window = part.window
            if contig.removeprefix("chr") != window.contig.removeprefix("chr"):
                continue
            if not window.start < pos < pos + len(ref) < window.end:
                continue
            try:
                check_reference(Allele(pos, ref, alt), window)
            except AlleleError as error:
                findings.quality(
                    f"listed_variant:{pos}.{ref[:10]}.{alt[:10]}", None, "", "FLAG", str(error)
                )
                continue
            allele = left_align(Allele(pos, ref, alt), window)
            keys.append((symbol, window.contig, allele.pos, allele.ref, allele.alt))
    return keys


def _later(a: int | None, b: int | None) -> int | None:
    return max((day for day in (a, b) if day is not None), default=None)


def _known_row(
    findings: Findings,
    part: GeneFindings,
    allele: Allele,
    day: int | None,
    settings: CallSettings,
) -> dict[str, object]:
    gene, window = part.gene, part.window
    segments = window_segments(findings, gene, allele)
    evidence = count_known(segments, window, part.calls, allele, settings)
    found = predict(gene, allele, window)
    limit = evidence.detectable_vaf(KNOWN_VARIANT_ALPHA, KNOWN_VARIANT_MIN_FRAGMENTS)
    status, flags = _status(evidence, limit, settings, rna=findings.sample["assay"] == "rna")
    return variant_columns(findings, gene, window, evidence, found) | {
        "detectable_vaf": limit,
        "known_from_day": _later(findings.day, day),
        "status": status,
        "filter": "looked_for",
        "flags": "; ".join(
            ["looked for because another specimen or a list names it", *found.flags, *flags]
        ),
    }


def _status(
    evidence: Evidence, limit: float | None, settings: CallSettings, *, rna: bool
) -> tuple[str, list[str]]:
    """Return the status of a variant that was looked for, and what to add to it."""
    flags = [RNA_LIMIT] if rna else []
    count = evidence.alt_fragments
    if not evidence.depth:
        return "NOT_ASSESSED", ["no fragment covers the position", *flags]
    if count >= KNOWN_VARIANT_MIN_FRAGMENTS and evidence.tail <= KNOWN_VARIANT_ALPHA:
        return "DETECTED_BELOW_LLOQ", [
            f"{count} fragments: too few for a call of its own, more than errors explain",
            *flags,
        ]
    if count and evidence.tail <= UNSURE_ALPHA:
        return "INDETERMINATE", [f"{count} fragment(s): not told from errors", *flags]
    if limit is None or limit > settings.target_vaf:
        shown = "none" if limit is None else f"{limit:.2g}"
        return "INDETERMINATE", [f"too shallow: smallest fraction shown {shown}", *flags]
    if rna:
        return "INDETERMINATE", ["not seen in RNA", *flags]
    return "NOT_DETECTED", [f"fractions of {limit:.2g} and more would show"]


def _unassessed(
    findings: Findings, called: dict[str, object], day: int | None
) -> dict[str, object]:
    """Return a row for a variant of another specimen that this one could not show."""
    naming_free = ("exon", "hgvs_c", "hgvs_p", "consequence", "stop_codon", "nmd_candidate",
                   "loses_transmembrane", "tier", "origin", "gene", "transcript", "chrom", "pos",
                   "ref", "alt")  # fmt: skip
    failed = any(row["status"] == "FAILED" for row in findings.rows["callability"])
    return (
        dict.fromkeys(VARIANTS.columns, "")
        | dict.fromkeys([n for n, c in VARIANTS.columns.items() if c.dtype != "string"], None)
        | {name: called[name] for name in naming_free}
        | findings.who
        | {
            "assay": findings.sample["assay"],
            "depth": 0,
            "known_from_day": _later(findings.day, day),
            "status": "FAILED" if failed else "NOT_ASSESSED",
            "filter": "looked_for",
            "flags": "the specimen was not measured at this gene",
        }
    )
