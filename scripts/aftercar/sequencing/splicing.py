"""Splicing events of RNA: counts and fractions with intervals, never presence or absence."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from aftercar.contracts.isoforms import Isoform
from aftercar.contracts.reads import DELETION, EQUAL, MATCH, MISMATCH, SKIP, AlignedReads
from aftercar.contracts.sequencing import ARTEFACT_EVENT, OTHER_JUNCTION
from aftercar.sequencing.cdna import CDNA_ARTEFACT_NT
from aftercar.sequencing.genes import Gene, ReferenceWindow
from aftercar.sequencing.junctions import (
    MIN_ANCHOR_NT,
    Introns,
    annotated_introns,
    catalogue_names,
    count_junction,
    describe_junction,
    inside_exon,
    introns_of,
    joined,
    joins_exon_edges,
    long_deletions_of,
    seen_junctions,
    skipped_exons,
)
from aftercar.sequencing.rna_coverage import Reach, five_prime_reach
from aftercar.sequencing.transcript import Product, retain_intron, skip_exons
from aftercar.stats.negative_binomial import difference_interval

MIN_FRAGMENTS = 10  # fewer fragments over all junctions of an event: INDETERMINATE
MIN_STARTS = 3  # reads of an event must begin at this many different positions
MAX_INCLUSION_RATIO = 3  # more between the two junctions of one exon is flagged
# Fragments of one library are not independent. Intra-class correlation where the run itself does
# not tell more (a convention: at 200 fragments it doubles the variance).
OVERDISPERSION = 0.005
MIN_PAIRS = 4  # pairs of neighbouring junctions from which overdispersion is estimated
# Share of the body of a retained intron that must be covered.
MIN_BODY_COVERAGE = 0.8

NOT_A_TEST = "presence is no finding: it occurs in normal marrow too"
ARTEFACT = (
    "a gap within an exon of cDNA: reverse transcription artefact (Schulz 2021), not a finding"
)


@dataclass(frozen=True)
class Overdispersion:
    """Intra-class correlation of the counts of one library, and how it was got."""

    value: float
    source: str


def measure_splicing(
    gene: Gene,
    reads: AlignedReads,
    window: ReferenceWindow,
    isoforms: list[Isoform],
) -> tuple[list[dict[str, object]], Reach]:
    """Return the rows of SPLICING of one gene without naming columns, and how far reads reach.

    Rows: each named event of the gene model; each gap within an exon, as artefact; each junction
    that is neither annotated nor named, with at least MIN_FRAGMENTS fragments, with its name in the
    catalogue `isoforms` if it has one.
    """
    introns = introns_of(reads)
    reach = five_prime_reach(gene, reads)
    if len(reads) and not len(introns.first):
        reason = "no read is aligned across an intron: the file cannot show splicing"
        return unassessed_splicing(gene, "NOT_ASSESSED", reason), reach
    if reach.three_prime_only:
        reason = f"not evaluable: {reach.message}"
        return unassessed_splicing(gene, "NOT_ASSESSED", reason), reach
    spread = estimate_overdispersion(gene, introns)
    rows = []
    for event in gene.splice_events:
        if "intron" in event:
            row = _retention(gene, event, reads, introns, spread)
            product = retain_intron(gene, window, event["intron"])
        else:
            row = _skipping(gene, event, introns, spread)
            between = range(event["skipped"][0] + 1, event["skipped"][1])
            product = skip_exons(gene, window, between)
        rows.append(row | {"consequence": describe_product(product)})
    deletions = long_deletions_of(reads, CDNA_ARTEFACT_NT)
    rows += _gaps_within_exons(gene, joined(introns, deletions))
    rows += _other_junctions(gene, introns, window, spread, catalogue_names(gene, isoforms))
    return rows, reach


def unassessed_splicing(gene: Gene, status: str, reason: str) -> list[dict[str, object]]:
    """Return a row without numbers for each named event of the gene."""
    return [
        _naming(gene, event) | {"status": status, "flags": reason} for event in gene.splice_events
    ]


def describe_product(product: Product) -> str:
    """Say in words what a changed transcript codes for, as the gene model predicts it."""
    if product.start_lost:
        return "no start codon"
    if product.in_frame:
        parts = [f"in frame, {len(product.protein)} aa"]
    elif product.stop_codon is None:
        parts = ["stop not known: unknown bases in the reference"]
    else:
        parts = [f"stop at codon {product.stop_codon}"]
    if product.lost_codons and product.in_frame:
        first, last = product.lost_codons
        parts.append(f"without aa {first}-{last}")
    if product.loses_transmembrane in ("all", "part"):
        how = {"all": "without", "part": "with part of"}[product.loses_transmembrane]
        parts.append(f"{how} the transmembrane domain")
    if product.nmd_candidate == "yes":
        parts.append("may decay (NMD)")
    return ", ".join(parts)


def estimate_overdispersion(gene: Gene, introns: Introns) -> Overdispersion:
    """Return the spread of fragments between neighbouring junctions that every transcript has.

    Neighbouring constitutive junctions (in no named event) share their fragments evenly; what
    their counts a and b differ beyond binomial chance, (a - b)^2 / n = 1 + (n - 1) rho with
    n = a + b, is overdispersion (method of moments, summed over pairs). It is never taken smaller
    than the convention OVERDISPERSION.
    """
    named: set[int] = set()
    for event in gene.splice_events:
        if "intron" in event:
            named.add(event["intron"])
        else:
            named.update(range(event["skipped"][0], event["skipped"][1]))
    counts = {
        number: count_junction(introns, intron)[0]
        for number, intron in annotated_introns(gene).items()
        if number not in named
    }
    excess = freedom = 0.0
    pairs = 0
    for number, a in counts.items():
        b = counts.get(number + 1, 0)
        n = a + b
        if number + 1 in counts and n >= MIN_FRAGMENTS:
            excess += (a - b) ** 2 / n - 1
            freedom += n - 1
            pairs += 1
    if pairs < MIN_PAIRS:
        return Overdispersion(OVERDISPERSION, "a convention: too few constitutive junctions")
    found = min(max(excess / freedom, 0.0), 1.0)
    if found <= OVERDISPERSION:
        return Overdispersion(
            OVERDISPERSION, f"a convention: {pairs} pairs of constitutive junctions show less"
        )
    return Overdispersion(found, f"from {pairs} pairs of constitutive junctions of the library")


def effective_counts(event: float, other: float, overdispersion: float) -> tuple[float, float]:
    """Return both counts shrunk to the number of independent fragments that they are worth."""
    total = event + other
    shrink = 1 / (1 + (total - 1) * overdispersion) if total > 1 else 1.0
    return event * shrink, other * shrink


def fraction_interval(
    event: float, other: float, overdispersion: float = OVERDISPERSION
) -> tuple[float, float, float]:
    """Return event / (event + other) with a 95 % Jeffreys interval for overdispersed counts."""
    from scipy.special import betaincinv

    total = event + other
    if total <= 0:
        return float("nan"), 0.0, 1.0
    a, b = effective_counts(event, other, overdispersion)
    low = 0.0 if event == 0 else float(betaincinv(a + 0.5, b + 0.5, 0.025))
    high = 1.0 if other == 0 else float(betaincinv(a + 0.5, b + 0.5, 0.975))
    fraction = event / total
    return fraction, min(low, fraction), max(high, fraction)


def _naming(gene: Gene, event: dict) -> dict[str, object]:
    if "intron" in event:
        junction = gene.intron(event["intron"], event["intron"] + 1)
        structure = f"intron {event['intron']} retained"
    else:
        junction = gene.intron(*event["skipped"])
        structure = describe_junction(gene, junction)
    return {
        "gene": gene.symbol,
        "event": event["event"],
        "junction": _span(junction),
        "structure": structure,
    }


def _span(junction: tuple[int, int]) -> str:
    return f"{junction[0]}-{junction[1]}"


def _skipping(
    gene: Gene, event: dict, introns: Introns, spread: Overdispersion
) -> dict[str, object]:
    skipped, starts = count_junction(introns, gene.intron(*event["skipped"]))
    included = [count_junction(introns, gene.intron(*pair))[0] for pair in event["included"]]
    mean = sum(included) / len(included)
    flags = [NOT_A_TEST]
    if min(included) * MAX_INCLUSION_RATIO < max(included):
        flags.append(
            "uneven coverage: "
            + ", ".join(
                f"J{a}-{b} {n}" for (a, b), n in zip(event["included"], included, strict=True)
            )
        )
    if skipped and starts < MIN_STARTS:
        flags.append(f"the event's reads begin at {starts} position(s) only")
    enough = skipped + mean >= MIN_FRAGMENTS and not (skipped and starts < MIN_STARTS)
    return _naming(gene, event) | _counted(skipped, mean, spread, None, enough, flags)


def _retention(
    gene: Gene, event: dict, reads: AlignedReads, introns: Introns, spread: Overdispersion
) -> dict[str, object]:
    number = event["intron"]
    left, right, body = _unspliced(gene.intron(number, number + 1), reads)
    spliced, _ = count_junction(introns, gene.intron(number, number + 1))
    crossing = (left + right) / 2
    levels = []
    for other in event["background_introns"]:
        a, b, _ = _unspliced(gene.intron(other, other + 1), reads)
        removed, _ = count_junction(introns, gene.intron(other, other + 1))
        if (a + b) / 2 + removed >= MIN_FRAGMENTS:
            levels.append(((a + b) / 2, float(removed)))
    flags, background = [NOT_A_TEST], None
    complete = min(left, right) > 0 and body >= MIN_BODY_COVERAGE
    enough = crossing + spliced >= MIN_FRAGMENTS and (complete or crossing == 0)
    if crossing and not complete:
        flags.append("one border or part of the intron has no reads")
    if levels:
        background = _background(levels, spread)
        flags.append(
            f"unspliced RNA or DNA in other introns, subtracted: {background[0]:.3g} "
            f"({background[1]:.3g} to {background[2]:.3g})"
        )
    elif crossing:
        flags.append("no other intron is covered: unspliced RNA or DNA cannot be told apart")
        enough = False
    return _naming(gene, event) | _counted(crossing, spliced, spread, background, enough, flags)


def _background(
    levels: list[tuple[float, float]], spread: Overdispersion
) -> tuple[float, float, float]:
    """Pool unspliced and spliced fragments of the other introns; the limits hold each of them."""
    fraction, low, high = fraction_interval(
        sum(unspliced for unspliced, _ in levels),
        sum(spliced for _, spliced in levels),
        spread.value,
    )
    single = [unspliced / (unspliced + spliced) for unspliced, spliced in levels]
    return fraction, min(low, *single), max(high, *single)


def _unspliced(intron: tuple[int, int], reads: AlignedReads) -> tuple[int, int, float]:
    """Count fragments across the left and the right border; give the covered share of the body."""
    aligned = np.isin(reads.op, (MATCH, EQUAL, MISMATCH))
    on_reference = np.isin(reads.op, (MATCH, DELETION, SKIP, EQUAL, MISMATCH))
    owner = np.repeat(np.arange(len(reads)), np.diff(reads.op_offset))
    step = reads.op_length * on_reference
    before = np.cumsum(step) - step
    if not len(step):
        return 0, 0, 0.0
    position = before - (before[reads.op_offset[:-1]] - reads.start)[owner]
    start, end = position[aligned], (position + step)[aligned]  # 0-based, half-open
    fragment = reads.fragment[owner[aligned]]
    first, last = intron[0] - 1, intron[1]
    at_left = (start <= first - MIN_ANCHOR_NT) & (end >= first + MIN_ANCHOR_NT)
    at_right = (start <= last - MIN_ANCHOR_NT) & (end >= last + MIN_ANCHOR_NT)
    change = np.zeros(last - first + 1)
    inside = (end > first) & (start < last)
    np.add.at(change, np.maximum(start[inside], first) - first, 1)
    np.add.at(change, np.minimum(end[inside], last) - first, -1)
    body = float((np.cumsum(change)[:-1] > 0).mean())
    return len(np.unique(fragment[at_left])), len(np.unique(fragment[at_right])), body


def _gaps_within_exons(gene: Gene, gaps: Introns) -> list[dict[str, object]]:
    """Return a row for each long gap inside one exon: an artefact of cDNA, never a finding."""
    rows = []
    for junction in seen_junctions(gaps, gene):
        number = inside_exon(gene, junction)
        if number is None or junction[1] - junction[0] + 1 < CDNA_ARTEFACT_NT:
            continue
        count, starts = count_junction(gaps, junction)
        rows.append(
            {
                "gene": gene.symbol,
                "event": ARTEFACT_EVENT,
                "junction": _span(junction),
                "structure": describe_junction(gene, junction),
                "event_fragments": count,
                "status": "NOT_APPLICABLE",
                "flags": f"{ARTEFACT}; {starts} different start(s); only DNA can show a deletion",
            }
        )
    return rows


def _other_junctions(
    gene: Gene,
    introns: Introns,
    window: ReferenceWindow,
    spread: Overdispersion,
    isoforms: Mapping[tuple[int, int], str],
) -> list[dict[str, object]]:
    """Return a row for each junction that is neither annotated, nor named, nor an artefact."""
    annotated = annotated_introns(gene)
    named = {gene.intron(*e["skipped"]) for e in gene.splice_events if "skipped" in e}
    inner = {exon.number for exon in gene.exons[1:-1]}
    rows = []
    for junction in seen_junctions(introns, gene):
        if junction in named or junction in annotated.values():
            continue
        count, starts = count_junction(introns, junction)
        number = inside_exon(gene, junction)
        artefact = number is not None and junction[1] - junction[0] + 1 >= CDNA_ARTEFACT_NT
        if artefact or count < MIN_FRAGMENTS:
            continue
        # what the junction replaces: annotated introns that it overlaps
        replaced = [
            count_junction(introns, intron)[0]
            for intron in annotated.values()
            if intron[0] <= junction[1] and junction[0] <= intron[1]
        ]
        other = sum(replaced) / len(replaced) if replaced else 0.0
        flags = [NOT_A_TEST]
        if not replaced:
            flags.append("within an exon: an aligner may write a deletion so; look at DNA")
        if starts < MIN_STARTS:
            flags.append(f"the event's reads begin at {starts} position(s) only")
        if junction in isoforms:
            flags.append(f"in the catalogue of isoforms: {isoforms[junction]}")
        row = _counted(count, other, spread, None, bool(replaced) and starts >= MIN_STARTS, flags)
        skipped = skipped_exons(gene, junction)
        if skipped and joins_exon_edges(gene, junction) and set(skipped) <= inner:
            row["consequence"] = describe_product(skip_exons(gene, window, skipped))
        rows.append(
            {
                "gene": gene.symbol,
                "event": OTHER_JUNCTION,
                "junction": _span(junction),
                "structure": describe_junction(gene, junction),
            }
            | row
        )
    return rows


def _counted(
    count: float,
    canonical: float,
    spread: Overdispersion,
    background: tuple[float, float, float] | None,
    enough: bool,
    flags: list[str],
) -> dict[str, object]:
    row: dict[str, object] = {
        "event_fragments": round(count),
        "canonical_fragments": float(canonical),
        "status": "QUANTIFIED" if enough else "INDETERMINATE",
    }
    if count + canonical > 0:
        found = fraction_interval(count, canonical, spread.value)
        if background is not None:
            found = difference_interval(found, background)
            if count and found[1] <= 0:
                flags = [*flags, "not above the unspliced RNA or DNA of other introns"]
        names = ("event_fraction", "event_fraction_low", "event_fraction_high")
        row |= {name: min(max(part, 0.0), 1.0) for name, part in zip(names, found, strict=True)} | {
            "overdispersion": spread.value
        }
        flags = [*flags, f"overdispersion {spread.value:.3g}, {spread.source}"]
    else:
        row["status"] = "NOT_ASSESSED"
        flags = ["no fragment covers the junctions"]
    if row["status"] == "INDETERMINATE" and count + canonical < MIN_FRAGMENTS:
        flags = [f"fewer than {MIN_FRAGMENTS} fragments", *flags]
    row["flags"] = "; ".join(flags)
    return row
