"""All tables of one specimen: variants, callability, splicing, loss of heterozygosity, quality."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import pandas as pd

from aftercar.contracts.isoforms import Isoform
from aftercar.contracts.reads import AlignedReads
from aftercar.contracts.sequencing import (
    BIALLELIC,
    CALLABILITY,
    CALLABLE_BASES,
    LOH,
    SPLICING,
    VARIANTS,
)
from aftercar.contracts.specimen import QUALITY, quality_row, who_when
from aftercar.sequencing.alleles import Allele
from aftercar.sequencing.background import Backgrounds, SiteBackground
from aftercar.sequencing.breakpoints import BESIDE_NT, is_long
from aftercar.sequencing.callability import callable_bases, limits_by_base
from aftercar.sequencing.callability_rows import RNA_LIMIT, callability_rows
from aftercar.sequencing.cdna import cdna_doubts
from aftercar.sequencing.consequence import Consequence, predict
from aftercar.sequencing.families import join_families
from aftercar.sequencing.fragments import CODE, Pileup, Segments, split_segments
from aftercar.sequencing.genes import Gene, ReferenceWindow, reference_faults, reference_known
from aftercar.sequencing.loh import measure_loh
from aftercar.sequencing.read_checks import left_out_reads, read_checks
from aftercar.sequencing.splicing import measure_splicing, unassessed_splicing
from aftercar.sequencing.variants import (
    Calls,
    CallSettings,
    Evidence,
    call_variants,
    strand_verdict,
)

# Bases beside the coding parts of exons that are called too: canonical splice sites and a margin.
PADDING_NT = 10
WINDOW_NT = 500  # reference around the gene
# More contradictions between reference and gene model than this mean another build.
MAX_REFERENCE_FAULTS = 2
MIN_REFERENCE_KNOWN = 0.5
# Reads that differ from the reference more often were aligned to something else.
MAX_MISMATCH_RATE = 0.05
MIN_BASES_FOR_MISMATCH_RATE = 1000

DOUBTS = {
    "run_slippage": "the run of equal bases shows other changes too: clones, or slips of it",
    "beside_frequent_change": "may be how reads of the frequent change beside it were aligned",
}

Fetch = Callable[[str, list[tuple[int, int]]], AlignedReads]
TABLES = {
    "variants": VARIANTS,
    "callability": CALLABILITY,
    "bases": CALLABLE_BASES,
    "splicing": SPLICING,
    "loh": LOH,
    "biallelic": BIALLELIC,
    "quality": QUALITY,
}


@dataclass(eq=False)
class GeneFindings:
    """What is needed to look for further variants of a gene in the same specimen."""

    gene: Gene
    window: ReferenceWindow
    calls: Calls


@dataclass(eq=False)
class Findings:
    """Rows of all tables of one specimen, by table, and its calls by gene."""

    sample: dict[str, str]
    fetch: Fetch | None
    genes: dict[str, GeneFindings] = field(default_factory=dict)
    rows: dict[str, list[dict[str, object]]] = field(
        default_factory=lambda: {name: [] for name in TABLES}
    )
    callable_bases: list[pd.DataFrame] = field(default_factory=list)

    @property
    def who(self) -> dict[str, object]:
        """Columns that name the specimen."""
        return who_when(self.sample)

    @property
    def day(self) -> int | None:
        """Day of collection."""
        return int(self.sample["day"]) if self.sample["day"] else None

    def not_after(self, day: object) -> bool:
        """Whether the specimen existed on a day; one without day (a constitutional normal) did."""
        return self.day is None or day is None or self.day <= int(str(day))

    def quality(
        self, check: str, value: float | None, unit: str, verdict: str, message: str = ""
    ) -> None:
        """Add a row of QUALITY."""
        row = quality_row(self.sample, check, value, unit, verdict, message)
        self.rows["quality"].append(row)


def purity_of(sample: dict[str, str]) -> float | None:
    """Return the share of leukemic cells that the sheet states; None: not known."""
    stated = sample.get("purity", "")
    return float(stated) if stated else None


def stretches(genes: dict[str, Gene]) -> dict[str, tuple[str, int, int]]:
    """Return contig, first and last position of the reference that each gene needs."""
    return {
        name: (gene.chrom, gene.start - WINDOW_NT, gene.end + WINDOW_NT)
        for name, gene in genes.items()
    }


def unassessed_specimen(
    sample: dict[str, str], genes: dict[str, Gene], status: str, reason: str, target_vaf: float
) -> Findings:
    """Return rows that say that nothing was measured, and why."""
    findings = Findings(sample, None)
    for gene in genes.values():
        _unassessed_gene(findings, gene, status, reason, target_vaf)
    if status == "FAILED":
        findings.quality("readable", None, "", "FAIL", reason)
    else:
        findings.quality("readable", None, "", "NOT_POSSIBLE", reason)
    return findings


def _unassessed_gene(
    findings: Findings, gene: Gene, status: str, reason: str, target_vaf: float
) -> None:
    sample, who = findings.sample, findings.who
    coding = [exon for exon in gene.exons if exon.cds_start is not None]
    parts = {str(e.number): (e.cds_end or 0) - (e.cds_start or 1) + 1 for e in coding}
    parts["all"] = sum(parts.values())
    findings.rows["callability"] += [
        who
        | {
            "assay": sample["assay"],
            "gene": gene.symbol,
            "exon": exon,
            "cds_bases": size,
            "target_vaf": target_vaf,
            "status": status,
            "flags": reason,
        }
        for exon, size in parts.items()
    ]
    if sample["assay"] == "rna":
        findings.rows["splicing"] += [
            who | row for row in unassessed_splicing(gene, status, reason)
        ]
    else:
        findings.rows["loh"].append(
            who
            | {
                "gene": gene.symbol,
                "state": "NOT_INFORMATIVE",
                "status": status,
                "flags": reason,
            }
        )


def call_specimen(
    sample: dict[str, str],
    genes: dict[str, Gene],
    windows: dict[str, ReferenceWindow],
    fetch: Fetch,
    settings: CallSettings,
    isoforms: list[Isoform] | None = None,
    backgrounds: Backgrounds | None = None,
) -> Findings:
    """Return the tables of one specimen; a gene without window is NOT_ASSESSED.

    `fetch` returns the usable reads of a contig over 1-based intervals; `isoforms` is a catalogue
    that names junctions, `backgrounds` what controls of DNA show by gene (RNA has other errors).
    """
    findings = Findings(sample, fetch)
    findings.quality("readable", None, "", "PASS")
    for symbol, gene in genes.items():
        window = windows.get(symbol)
        if window is None:
            reason = f"reads or reference have no contig {gene.chrom}"
            _unassessed_gene(findings, gene, "NOT_ASSESSED", reason, settings.target_vaf)
            continue
        faults = reference_faults(gene, window)
        if len(faults) > MAX_REFERENCE_FAULTS:
            reason = (
                f"the reference is not GRCh38 at {symbol}: {'; '.join(faults[:3])} and "
                f"{len(faults) - min(len(faults), 3)} more; give the FASTA of the alignment"
            )
            findings.quality(f"reference:{symbol}", len(faults), "faults", "FAIL", reason)
            _unassessed_gene(findings, gene, "FAILED", reason, settings.target_vaf)
            continue
        known = reference_known(gene, window)
        if known < MIN_REFERENCE_KNOWN:
            reason = f"the reference knows {known:.0%} of the coding bases of {symbol}"
            findings.quality(f"reference:{symbol}", known, "fraction", "FAIL", reason)
            _unassessed_gene(findings, gene, "NOT_ASSESSED", reason, settings.target_vaf)
            continue
        verdict = "FLAG" if faults or known < 1 else "PASS"
        findings.quality(f"reference:{symbol}", known, "fraction", verdict, "; ".join(faults))
        background = None if sample["assay"] == "rna" else (backgrounds or {}).get(symbol)
        _call_gene(findings, gene, window, fetch, settings, isoforms or [], background)
    return findings


def examine_specimen(
    sample: dict[str, str],
    genes: dict[str, Gene],
    read_bases: Callable[[dict[str, str]], dict[str, tuple[str, int, str]]],
    read_alignments: Callable[[str, str, list[tuple[int, int]]], AlignedReads],
    unreadable: type[Exception],
    settings: CallSettings,
    isoforms: list[Isoform] | None = None,
    backgrounds: Backgrounds | None = None,
) -> Findings:
    """Return `call_specimen` of a row of the sheet, or rows that say why there is nothing.

    `read_bases` returns contig, first position and bases of the reference by gene;
    `read_alignments` the usable reads of a path, contig and 1-based intervals. A specimen without
    file is NOT_ASSESSED; one whose files raise `unreadable` is FAILED.
    """
    if not sample["path"]:
        reason = "no file was given"
        return unassessed_specimen(sample, genes, "NOT_ASSESSED", reason, settings.target_vaf)
    try:
        windows = {name: ReferenceWindow(*part) for name, part in read_bases(sample).items()}
        fetch = partial(read_alignments, sample["path"])
        return call_specimen(sample, genes, windows, fetch, settings, isoforms, backgrounds)
    except unreadable as error:
        return unassessed_specimen(sample, genes, "FAILED", str(error), settings.target_vaf)


def wanted_positions(gene: Gene, window: ReferenceWindow) -> np.ndarray:
    """Return a mask over the window: coding bases with margins, and known polymorphisms."""
    wanted = np.zeros(len(window.sequence), dtype=bool)
    for first, last in _wanted_intervals(gene):
        low, high = max(first - window.start, 0), max(last - window.start + 1, 0)
        wanted[low:high] = True
    return wanted


def _wanted_intervals(gene: Gene) -> list[tuple[int, int]]:
    spans = gene.coding_intervals(PADDING_NT)
    spans += [(known.pos, known.pos) for known in gene.polymorphisms]
    return sorted(spans)


def _call_gene(
    findings: Findings,
    gene: Gene,
    window: ReferenceWindow,
    fetch: Fetch,
    settings: CallSettings,
    isoforms: list[Isoform],
    background: SiteBackground | None,
) -> None:
    rna = findings.sample["assay"] == "rna"
    # introns and surroundings too: clipped ends there tell the deletion of an exon
    around = 0 if rna else WINDOW_NT
    reads, families = join_families(fetch(gene.chrom, [(gene.start - around, gene.end + around)]))
    told = {row["check"] for row in findings.rows["quality"]}
    for check in read_checks(gene.symbol, reads, families):
        if check[0] not in told:  # what holds for the file is told once
            findings.quality(*check)
    segments = split_segments(reads, gene if rna else None)
    wanted = wanted_positions(gene, window)
    calls = call_variants(segments, window, wanted, settings, background, spliced=rna)
    rate = mismatch_rate(calls.pileup, window)
    if rate is not None and rate > MAX_MISMATCH_RATE:
        reason = (
            f"{rate:.1%} of the bases at {gene.symbol} differ from the reference, expected at most "
            f"{MAX_MISMATCH_RATE:.0%}; give the FASTA that the reads were aligned to"
        )
        findings.quality(f"mismatch_rate:{gene.symbol}", rate, "fraction", "FAIL", reason)
        _unassessed_gene(findings, gene, "FAILED", reason, settings.target_vaf)
        return
    if rate is not None:
        findings.quality(f"mismatch_rate:{gene.symbol}", rate, "fraction", "PASS")
    findings.genes[gene.symbol] = GeneFindings(gene, window, calls)
    rows = [
        called_row(findings, gene, window, evidence, settings)
        for evidence in (*calls.found, *calls.doubted)
        if _in_scope(evidence.allele, window)
    ]
    findings.rows["variants"] += rows
    limits = limits_by_base(gene, window, calls, settings)
    findings.callable_bases.append(callable_bases(gene, window, limits))
    who = findings.who | {"assay": findings.sample["assay"]}
    findings.rows["callability"] += callability_rows(
        who, gene, limits, rows, settings, "" if len(reads) else left_out_reads(reads)
    )
    if rna:
        findings.rows["splicing"] += _splicing(findings, gene, reads, window, isoforms)
    else:
        findings.rows["loh"].append(
            findings.who
            | measure_loh(gene, window, calls.pileup, purity=purity_of(findings.sample))
        )


def _in_scope(allele: Allele, window: ReferenceWindow) -> bool:
    return window.start < allele.pos and allele.end < window.end


def mismatch_rate(pileup: Pileup, window: ReferenceWindow) -> float | None:
    """Return the share of observations that differ from the reference; None with too few.

    Positions where most observations agree on another base are inherited, not mismatches.
    """
    reference = CODE[np.frombuffer(window.sequence.encode(), dtype=np.uint8)]
    by_base = pileup.counts.sum(axis=0)
    known = np.flatnonzero(reference < 4)
    total = int(by_base[:, known].sum())
    if total < MIN_BASES_FOR_MISMATCH_RATE:
        return None
    agree = int(by_base[reference[known], known].sum())
    return 1 - agree / total


def called_row(
    findings: Findings,
    gene: Gene,
    window: ReferenceWindow,
    evidence: Evidence,
    settings: CallSettings,
) -> dict[str, object]:
    """Return the row of VARIANTS of an allele that this specimen shows by itself."""
    found = predict(gene, evidence.allele, window)
    flags, reasons = list(found.flags), []
    strand = strand_verdict(evidence)
    if strand == "strand_bias":
        reasons.append(strand)
        flags.append("seen on one strand only or mainly: may be an artefact")
    elif strand:
        flags.append(strand)
    if evidence.doubt:
        reasons.append(evidence.doubt)
        flags.append(DOUBTS[evidence.doubt])
    rna = findings.sample["assay"] == "rna"
    for reason, flag in cdna_doubts(gene, evidence.allele, window, rna=rna):
        reasons.append(reason)
        flags.append(flag)
    if rna:
        flags.append(RNA_LIMIT)
    counted = "QUANTIFIED"
    if evidence.not_a_fraction:
        counted = "DETECTED_BELOW_LLOQ"
        flags.append(evidence.not_a_fraction)
    return variant_columns(findings, gene, window, evidence, found) | {
        "detectable_vaf": evidence.detectable_vaf(
            settings.false_calls_per_base, settings.min_alt_fragments
        ),
        "known_from_day": findings.day,
        "status": "INDETERMINATE" if reasons else counted,
        "filter": ";".join(reasons) or "PASS",
        "flags": "; ".join(flags),
    }


def variant_columns(
    findings: Findings,
    gene: Gene,
    window: ReferenceWindow,
    evidence: Evidence,
    found: Consequence,
) -> dict[str, object]:
    """Return the columns of VARIANTS that do not depend on how the allele came to be counted."""
    low, high = evidence.interval
    return findings.who | {
        "assay": findings.sample["assay"],
        "gene": gene.symbol,
        "transcript": gene.transcript,
        "chrom": window.contig,
        "pos": evidence.allele.pos,
        "ref": evidence.allele.ref,
        "alt": evidence.allele.alt,
        "exon": found.exon,
        "hgvs_c": found.hgvs_c,
        "hgvs_p": found.hgvs_p,
        "consequence": found.effect,
        "stop_codon": found.stop_codon,
        "nmd_candidate": found.nmd_candidate,
        "loses_transmembrane": found.loses_transmembrane,
        "tier": found.tier,
        "origin": "POLYMORPHISM" if found.tier == "POLYMORPHISM" else "NOT_DETERMINED",
        "alt_fragments": evidence.alt_fragments,
        "depth": evidence.depth,
        "vaf": evidence.vaf,
        "vaf_low": low,
        "vaf_high": high,
        "log10_bayes_factor": evidence.log10_bayes_factor if evidence.depth else None,
        "posterior": evidence.posterior if evidence.depth else None,
    }


def _splicing(
    findings: Findings,
    gene: Gene,
    reads: AlignedReads,
    window: ReferenceWindow,
    isoforms: list[Isoform],
) -> list[dict[str, object]]:
    rows, reach = measure_splicing(gene, reads, window, isoforms)
    if gene.splice_events:
        verdict = "NOT_POSSIBLE" if reach.ratio is None else "PASS"
        findings.quality(
            f"five_prime_coverage:{gene.symbol}",
            reach.ratio,
            "ratio",
            "FLAG" if reach.three_prime_only else verdict,
            reach.message,
        )
    if findings.sample["chemistry"] == "3prime":
        reason = f"not evaluable: 3' chemistry does not reach these exons; {reach.message}"
        rows = unassessed_splicing(gene, "NOT_ASSESSED", reason)
    return [findings.who | row for row in rows]


def window_segments(findings: Findings, gene: Gene, allele: Allele) -> Segments:
    """Fetch the reads around one allele again."""
    assert findings.fetch is not None
    # a long one is compared with what lies around it, and leaves the reference behind its copy
    around = BESIDE_NT + len(allele.alt) if is_long(allele) else 1
    reads, _ = join_families(
        findings.fetch(gene.chrom, [(allele.pos - around, allele.end + around)])
    )
    return split_segments(reads, gene if findings.sample["assay"] == "rna" else None)


def tables_of(all_findings: list[Findings], normals: list[Findings]) -> dict[str, pd.DataFrame]:
    """Return all tables of several specimens by name; of matched normals the quality alone.

    Of a gene that was not measured no base has a row.
    """
    found = {}
    for name, contract in TABLES.items():
        shown = all_findings + (normals if name == "quality" else [])
        found[name] = contract.frame([row for findings in shown for row in findings.rows[name]])
    bases = [
        frame.assign(
            sample_id=findings.sample["sample_id"], patient_id=findings.sample["patient_id"]
        )
        for findings in all_findings
        for frame in findings.callable_bases
    ]
    if bases:
        found["bases"] = pd.concat(bases, ignore_index=True)[list(CALLABLE_BASES.columns)]
    return found
