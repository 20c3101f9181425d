"""Rows of EVIDENCE from variants, coverage, splicing, loss of heterozygosity and clones."""

import pandas as pd

from aftercar.evidence.evidence_rows import evidence_row, number_or_none, who_when

LOSS_TIERS = ("T1", "T2")
UNCERTAIN_TIERS = ("T3", "T4")
SPLICE_MEASURES = {
    "exon2_skipping": "exon2_skipping_fraction",
    "exon5_6_skipping": "exon5_6_skipping_fraction",
    "intron2_retention": "intron2_retention_fraction",
}


def _known(record: dict) -> dict[str, object]:
    day = number_or_none(record["known_from_day"])
    return who_when(record) | ({} if day is None else {"known_from_day": day})


def measure_of_variant(gene: str, tier: str, origin: str) -> str | None:
    """Return the measure that a variant counts for; None for polymorphisms and silent changes.

    Loss of function is claimed for tiers T1 and T2 only; in TP53, T3 (hotspots) is pathogenic too,
    inherited or not. What was inherited in any other gene is in all cells: no escape of leukemia.
    """
    if gene == "TP53" and tier in (*LOSS_TIERS, "T3"):
        return "tp53_pathogenic_vaf"
    if origin == "GERMLINE" and tier in (*LOSS_TIERS, *UNCERTAIN_TIERS):
        return "inherited_variant_vaf"
    if tier in LOSS_TIERS:
        return "lof_variant_vaf"
    return "uncertain_variant_vaf" if tier in UNCERTAIN_TIERS else None


def variant_evidence(variants: pd.DataFrame) -> list[dict[str, object]]:
    """Return a row per variant of VARIANTS with an effect; its name is the item."""
    rows = []
    for record in variants.to_dict("records"):
        measure = measure_of_variant(record["gene"], record["tier"], record["origin"])
        if measure is None:
            continue
        locus = f"{record['chrom']}:{record['pos']}{record['ref']}>{record['alt']}"
        rows.append(
            evidence_row(
                **_known(record),
                stream="sequencing",
                measure=measure,
                target=record["gene"],
                item=" ".join(part for part in (record["hgvs_p"], record["hgvs_c"], locus) if part),
                value=record["vaf"],
                low=record["vaf_low"],
                high=record["vaf_high"],
                limit=record["detectable_vaf"],
                count=record["alt_fragments"],
                total=record["depth"],
                status=record["status"],
                source=f"variants: {locus}",
                flags="; ".join(
                    part
                    for part in (
                        f"{record['tier']} {record['consequence']}",
                        "" if record["filter"] in ("", "PASS") else f"filter {record['filter']}",
                        record["flags"],
                    )
                    if part
                ),
            )
        )
    return rows


def callability_evidence(callability: pd.DataFrame) -> list[dict[str, object]]:
    """Return, per gene, the callable share of the coding bases and the detectable VAF as limit."""
    return [
        evidence_row(
            **who_when(record),
            stream="sequencing",
            measure="gene_callability",
            target=record["gene"],
            item=record["assay"],
            value=record["callable_fraction"],
            limit=record["detectable_vaf"],
            lloq=record["target_vaf"],
            status=record["status"],
            source=f"callability: {record['gene']}, all exons",
            flags=record["flags"],
        )
        for record in callability.to_dict("records")
        if record["exon"] == "all"
    ]


def splicing_evidence(splicing: pd.DataFrame) -> list[dict[str, object]]:
    """Return the fraction of transcripts with each named splice event, with the interval.

    Artefacts of reverse transcription and junctions without a name are no evidence.
    """
    rows = []
    for record in splicing.to_dict("records"):
        if record["event"] not in SPLICE_MEASURES:
            continue
        events, canonical = (
            number_or_none(record["event_fragments"]),
            number_or_none(record["canonical_fragments"]),
        )
        total = None
        if events is not None and canonical is not None:
            total = int(float(str(events)) + float(str(canonical)))
        status, high = record["status"], number_or_none(record["event_fraction_high"])
        rows.append(
            evidence_row(
                **who_when(record),
                stream="sequencing",
                measure=SPLICE_MEASURES[record["event"]],
                target=record["gene"],
                value=record["event_fraction"],
                low=record["event_fraction_low"],
                high=high,
                # without an event, the upper limit says what could have been missed
                limit=high if status == "NOT_DETECTED" else None,
                count=events,
                total=total,
                status=status,
                source=f"splicing: {record['gene']} {record['event']}",
                flags=record["flags"],
            )
        )
    return rows


def loh_evidence(loh: pd.DataFrame) -> list[dict[str, object]]:
    """Return 1 for loss of heterozygosity, 0 for its absence; not informative is INDETERMINATE.

    The limit of an absence is the share of all cells that may have lost a copy unseen.
    """
    rows = []
    for record in loh.to_dict("records"):
        told = {"LOH": 1.0, "NO_LOH": 0.0}.get(record["state"])
        status = record["status"]
        if told is None and status in ("QUANTIFIED", "NOT_DETECTED", "DETECTED_BELOW_LLOQ"):
            status = "INDETERMINATE"
        elif told is not None and status in ("NOT_DETECTED", "DETECTED_BELOW_LLOQ"):
            status = "QUANTIFIED"
        rows.append(
            evidence_row(
                **who_when(record),
                stream="sequencing",
                measure="loh",
                target=record["gene"],
                value=told if status == "QUANTIFIED" else None,
                limit=record["affected_fraction_high"] if told == 0.0 else None,
                count=record["informative_snps"],
                total=record["fragments"],
                status=status,
                source=f"loh: {record['gene']}",
                flags=record["flags"],
            )
        )
    return rows


def biallelic_evidence(biallelic: pd.DataFrame) -> list[dict[str, object]]:
    """Return 1 where both copies of a gene are hit in the same cells, 0 where one copy is there.

    Hits that may be in different cells, or on one copy, are INDETERMINATE: never added up. What
    molecules tell of a pair is in the row of the gene already.
    """
    rows = []
    for record in biallelic.to_dict("records"):
        if record["basis"] == "molecules":
            continue
        told = {"BIALLELIC": 1.0}.get(record["state"])
        if record["basis"] == "dna" and record["state"] in ("MONOALLELIC", "NO_HIT"):
            told = 0.0
        status = record["status"]
        if told is None and status == "QUANTIFIED":
            status = "INDETERMINATE"
        state = record["state"].replace("_", " ").lower()
        rows.append(
            evidence_row(
                **_known(record),
                stream="sequencing",
                measure="biallelic_loss",
                target=record["gene"],
                item=record["hits"] if record["basis"] == "cells" else "",
                value=told if status == "QUANTIFIED" else None,
                count=record["both"],
                status=status,
                source=f"copies hit ({record['basis']}): {record['gene']}",
                flags="; ".join(part for part in (state, record["flags"]) if part),
            )
        )
    return rows


def clone_evidence(clones: pd.DataFrame, variants: pd.DataFrame) -> list[dict[str, object]]:
    """Return the fraction of cells with a loss-of-function variant, one row per clone.

    A clone whose variant is known (VARIANTS) to be none is left out; one whose effect is not known
    is kept and INDETERMINATE, because its cells need not have lost the antigen.
    """
    tiers = _tiers_by_name(variants)
    rows = []
    for record in clones.to_dict("records"):
        tier = tiers.get((record["gene"], record["clone"])) or _tier_by_part(
            tiers, record["gene"], record["clone"]
        )
        if tier is not None and tier not in LOSS_TIERS:
            continue
        status, flags = record["status"], record["flags"]
        if tier is None and status in ("QUANTIFIED", "DETECTED_BELOW_LLOQ"):
            status = "INDETERMINATE"
            flags = "; ".join(p for p in (flags, "effect of the variant is not known") if p)
        rows.append(
            evidence_row(
                **_known(record),
                stream="sequencing",
                measure="mutant_cell_fraction",
                target=record["gene"],
                item=record["clone"],
                value=record["fraction"],
                low=record["fraction_low"],
                high=record["fraction_high"],
                limit=record["detectable_fraction"],
                count=record["cells_mutant"],
                total=record["cells_covered"],
                status=status,
                source=f"clones: {record['clone']}",
                flags=flags,
            )
        )
    return rows


def _tiers_by_name(variants: pd.DataFrame) -> dict[tuple[str, str], str]:
    tiers = {}
    for record in variants.to_dict("records"):
        gene = record["gene"]
        tier = "GERMLINE" if record["origin"] == "GERMLINE" else record["tier"]
        locus = f"{record['chrom']}:{record['pos']}"
        change = f"{record['ref']}>{record['alt']}"
        for name in (
            record["hgvs_p"],
            record["hgvs_c"],
            f"{locus}{change}",
            f"{locus}:{change}",
            f"{locus}:{record['ref']}:{record['alt']}",
        ):
            if name:
                tiers[gene, name] = tier
    return tiers


def _tier_by_part(tiers: dict[tuple[str, str], str], gene: str, clone: str) -> str | None:
    """Find the variant by any word of the clone's name (gene and changes separated by spaces)."""
    words = clone.replace("(", " ").replace(")", " ").split()
    words += [part for word in words for part in word.split(":", 1)[1:]]
    return next((tiers[gene, word] for word in words if (gene, word) in tiers), None)
